// SPDX-License-Identifier: GPL-2.0
/*
 * ept_space_walk(): the guest's own page tables, which are brought as a CPU's faults would. And
 * copies of what is at linear addresses.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "ept_compat.h"
#include "ept_guest.h"
#include "space.h"

/* What the walk has set flags in */
static void note_entries(struct ept_space *space, const struct ept_guest_walk *walk)
{
	for (unsigned int i = 0; i < walk->nr_entries; i++)
		log_note_range(space, walk->entries[i] & PAGE_MASK, SZ_4K);
}

/*
 * Memory that a change takes is freed after the read side, and what a process loses after
 * space->walking was free. A guest that changes its entries all the time may not keep it: -EAGAIN.
 */
static int walk_once(struct ept_space *space, const struct ept_guest_paging *paging, u64 gva,
		     u32 access, struct ept_guest_walk *walk)
{
	const int idx = srcu_read_lock(&space->srcu);
	int err;

	read_lock(&space->walking);
	err = ept_guest_walk(space->ept, paging, gva, access | EPT_GUEST_ONCE, walk);
	read_unlock(&space->walking);
	if (!err || err == -EAGAIN)
		note_entries(space, walk);
	srcu_read_unlock(&space->srcu, idx);
	return err;
}

int ept_space_walk(struct ept_space *space, const struct ept_guest_paging *paging, u64 gva,
		   u32 access, struct ept_guest_walk *walk, struct ept_fault *fault)
{
	int err;

	if (IS_ERR_OR_NULL(space) || !fault || access & EPT_GUEST_ONCE)
		return -EINVAL;
	/* Without a right nothing is brought for writing, which setting flags is. */
	if (access & EPT_GUEST_SET_AD && !(access & PROT_ALL))
		return -EINVAL;
	do {
		*fault = (struct ept_fault){ .verdict = EPT_VERDICT_RESUME };
		do {
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			err = walk_once(space, paging, gva, access, walk);
		} while (err == -EAGAIN);
		if (err || walk->verdict != EPT_WALK_VIOLATION)
			return err;
		err = space_answer(space, walk->gpa, space_needed(space, &walk->violation),
				   walk->violation.page_walk, fault);
	} while (!err && fault->verdict == EPT_VERDICT_RESUME);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_walk);

/* A copy: what each of its walks gets */
struct copy {
	struct ept_space		*space;
	const struct ept_guest_paging	*paging;
	u32				access;
	struct ept_guest_walk		*walk;
	struct ept_fault		*fault;
};

/* Within a page. The walk has judged the access. 0: it said no. */
static ssize_t copy_part(const struct copy *copy, u64 gva, void *buffer, size_t size, bool write)
{
	int err = ept_space_walk(copy->space, copy->paging, gva, copy->access, copy->walk,
				 copy->fault);

	if (err || copy->walk->verdict != EPT_WALK_OK)
		return err;
	if (write)
		return ept_space_write(copy->space, copy->walk->gpa, buffer, size, 0);
	return ept_space_read(copy->space, copy->walk->gpa, buffer, size, 0);
}

static ssize_t copy_virt(const struct copy *copy, u64 gva, void *buffer, size_t size, bool write)
{
	size_t done = 0;
	ssize_t got = 1;

	if (!buffer || !size || (ssize_t)size < 0)
		return -EINVAL;
	while (done < size && got > 0) {
		const u64 at = gva + done;

		got = copy_part(copy, at, buffer + done,
				min(size - done, PAGE_SIZE - offset_in_page(at)), write);
		if (got > 0)
			done += got;
	}
	return done ?: got;
}

ssize_t ept_space_read_virt(struct ept_space *space, const struct ept_guest_paging *paging, u64 gva,
			    void *buffer, size_t size, u32 access, struct ept_guest_walk *walk,
			    struct ept_fault *fault)
{
	const struct copy copy = { space, paging, access, walk, fault };

	return copy_virt(&copy, gva, buffer, size, false);
}
EXPORT_SYMBOL_EPT(ept_space_read_virt);

ssize_t ept_space_write_virt(struct ept_space *space, const struct ept_guest_paging *paging,
			     u64 gva, const void *buffer, size_t size, u32 access,
			     struct ept_guest_walk *walk, struct ept_fault *fault)
{
	const struct copy copy = { space, paging, access, walk, fault };

	return copy_virt(&copy, gva, (void *)buffer, size, true);
}
EXPORT_SYMBOL_EPT(ept_space_write_virt);
