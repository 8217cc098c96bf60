/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What both halves of the layer stand on: one look-up through the table, and the memory behind it.
 * Knows nothing of the guest's paging.
 */
#ifndef _EPT_GUEST_GUEST_H
#define _EPT_GUEST_GUEST_H

#include <linux/mm.h>

#include "ept_compat.h"
#include "ept_guest.h"

/**
 * struct ept_guest_leaf - what EPT has for an address
 * @hpa: where the address leads to
 * @prot: what the entries grant
 */
struct ept_guest_leaf {
	phys_addr_t	hpa;
	u32		prot;
};

/* What is done with a piece of memory */
enum ept_guest_op {
	GUEST_READ,
	GUEST_WRITE,
	GUEST_ZERO,
};

int ept_guest_refused(struct ept *ept, u64 gpa, u32 access, struct ept_guest_leaf *leaf, int why);
void *ept_guest_memory(phys_addr_t hpa, bool write);
size_t ept_guest_piece(enum ept_guest_op op, phys_addr_t hpa, void *buffer, size_t length);

/*
 * One access to a guest-physical address, judged as a CPU does: 0, or an errno of the layer. The
 * library's tables leave all rights to their leaves, and so what ept_lookup() finds mostly settles
 * it. Where it doesn't, ept_translate() has the word.
 *
 * In the RCU section in which the memory is used.
 */
static __always_inline int ept_guest_reach(struct ept *ept, u64 gpa, u32 access,
					   struct ept_guest_leaf *leaf)
{
	struct ept_mapping mapping;

	if (unlikely(ept_lookup(ept, gpa, &mapping))) {
		*leaf = (struct ept_guest_leaf){};
		return ept_guest_refused(ept, gpa, access, leaf, -ENOENT);
	}
	leaf->hpa = mapping.hpa + (gpa - mapping.gpa);
	leaf->prot = mapping.attrs.prot;
	if (likely(!((access | EPT_PROT_READ) & ~leaf->prot)) || access == EPT_GUEST_AS_HOST)
		return 0;
	return ept_guest_refused(ept, gpa, access, leaf, -EACCES);
}

/* How much of a request lies in the page that an address is in */
static inline size_t ept_guest_piece_size(u64 address, size_t length)
{
	return min_t(size_t, length, PAGE_SIZE - offset_in_page(address));
}

#endif /* _EPT_GUEST_GUEST_H */
