/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What both halves of the layer stand on: one look-up through the table, and the memory behind it.
 * Knows nothing of the guest's paging.
 */
#ifndef _EPT_GUEST_GUEST_H
#define _EPT_GUEST_GUEST_H

#include <linux/io.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "ept_compat.h"
#include "ept_guest.h"

/* What is done with a piece of memory */
enum ept_guest_op {
	GUEST_READ,
	GUEST_WRITE,
	GUEST_ZERO,
};

int ept_guest_refused(struct ept *ept, u64 gpa, u32 access, struct ept_mapping *leaf, int why);
size_t ept_guest_piece(enum ept_guest_op op, phys_addr_t hpa, void *buffer, size_t length);

/*
 * One access to a guest-physical address, judged as a CPU does: 0, or an errno of the layer. The
 * library's tables leave all rights to their leaves, and so what ept_lookup() finds mostly settles
 * it. Where it doesn't, ept_translate() has the word.
 *
 * @leaf is then the address's. What it was before may answer, as in a CPU's TLB: its @size is 0 at
 * first, and it is good for one RCU section.
 */
static __always_inline int ept_guest_reach(struct ept *ept, u64 gpa, u32 access,
					   struct ept_mapping *leaf)
{
	if (gpa - leaf->gpa >= leaf->size && unlikely(ept_lookup(ept, gpa, leaf))) {
		*leaf = (struct ept_mapping){};
		return ept_guest_refused(ept, gpa, access, leaf, -ENOENT);
	}
	if (likely(!((access | EPT_PROT_READ) & ~leaf->attrs.prot)) || access == EPT_GUEST_AS_HOST)
		return 0;
	return ept_guest_refused(ept, gpa, access, leaf, -EACCES);
}

static inline phys_addr_t ept_guest_hpa(const struct ept_mapping *leaf, u64 gpa)
{
	return leaf->hpa + (gpa - leaf->gpa);
}

/*
 * Memory that the kernel has online, as an address of the direct map; NULL: hands off. Devices have
 * no struct page, or one that is reserved, offline or of ZONE_DEVICE.
 */
static __always_inline void *ept_guest_memory(phys_addr_t hpa, bool write)
{
	const unsigned long pfn = PHYS_PFN(hpa);
	struct page *page = pfn_to_online_page(pfn);

	if (unlikely(!page))
		return NULL;
	/* The zero page is mapped wherever nobody wrote yet. */
	if (unlikely(PageReserved(page)) && (write || !is_zero_pfn(pfn)))
		return NULL;
	if (unlikely(is_page_hwpoison(page)))
		return NULL;
	return phys_to_virt(hpa);
}

/* How much of a request lies in the page that an address is in */
static inline size_t ept_guest_piece_size(u64 address, size_t length)
{
	return min_t(size_t, length, PAGE_SIZE - offset_in_page(address));
}

#endif /* _EPT_GUEST_GUEST_H */
