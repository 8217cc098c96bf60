// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a process. The kernel's own look-up finds a page, which is let go of once it is
 * mapped; what the process loses goes from the table before the notifier returns.
 *
 * The notifier moves on the backing's number after its own. Who reads the backing's number, then
 * waits in mmu_interval_read_begin(), and maps with the number that was read, has looked up with no
 * invalidation under way, and maps only if none has begun since.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "ept_compat.h"
#include "space.h"
#include "space_trace.h"

/**
 * struct process - a range of a process' memory
 * @backing: as every kind has one
 * @space: the space
 * @notifier: of the range
 */
struct process {
	struct backing			backing;
	struct ept_space		*space;
	struct mmu_interval_notifier	notifier;
};

static struct process *to_process(struct backing *backing)
{
	return container_of(backing, struct process, backing);
}

/*
 * The notifier
 */

/* Zaps what is at a part, if it is @process'. */
static void zap_part(struct process *process, const struct part *part, struct ept_gather *gather)
{
	if (part->old->backing == &process->backing)
		space_zap(process->space, part, gather);
}

/* What is being changed may be mapped still. */
static void zap_changing(struct process *process, const struct part *busy,
			 struct ept_gather *gather)
{
	struct change *change = container_of(busy->old, struct change, busy);
	struct part *part;

	list_for_each_entry(part, &change->parts, node) {
		const u64 gpa = max(part->gpa, busy->gpa);
		const u64 end = min(part->gpa + part->size, busy->gpa + busy->size);
		const struct part cut = { .gpa = gpa, .size = end - gpa, .old = part->old };

		if (gpa < end)
			zap_part(process, &cut, gather);
	}
}

static void zap_range(struct process *process, u64 gpa, u64 end)
{
	struct ept_space *space = process->space;
	struct ept_gather gather;
	struct part part;
	int idx = srcu_read_lock(&space->srcu);

	ept_gather_init(&gather, space->ept);
	while (space_next(space, &gpa, end, &part)) {
		if (part.old->backing)
			zap_part(process, &part, &gather);
		else
			zap_changing(process, &part, &gather);
	}
	srcu_read_unlock(&space->srcu, idx);
	atomic_long_inc(&space->stale);
	ept_gather_flush(&gather);
	/* Those who walk the guest's page tables are done with it, too. */
	write_lock(&space->walking);
	write_unlock(&space->walking);
}

static bool user_invalidate(struct mmu_interval_notifier *notifier,
			    const struct mmu_notifier_range *range, unsigned long seq)
{
	struct process *process = container_of(notifier, struct process, notifier);
	const struct ept_region *region = &process->backing.region;
	const unsigned long start = region->user.address;
	u64 first, end;

	/* The table's lock sleeps. */
	if (!mmu_notifier_range_blockable(range))
		return false;
	mmu_interval_set_seq(notifier, seq);
	backing_move_on(&process->backing);
	first = max(range->start, start) & PAGE_MASK;
	end = PAGE_ALIGN(min_t(u64, range->end, start + region->size));
	zap_range(process, region->gpa + (first - start), region->gpa + (end - start));
	this_cpu_inc(process->space->counts->invalidations);
	trace_ept_space_invalidate(ept_pointer(process->space->ept), region->gpa + (first - start),
				   end - first, 0);
	return true;
}

static const struct mmu_interval_notifier_ops user_ops = {
	.invalidate = user_invalidate,
};

static struct backing *user_create(struct ept_space *space, const struct ept_region *region,
				   const struct backing *from)
{
	struct process *process = kzalloc(sizeof(*process), GFP_KERNEL_ACCOUNT);
	int err = -EFAULT;

	if (!process)
		return ERR_PTR(-ENOMEM);
	process->space = space;
	process->backing.region = *region;
	if (mmget_not_zero(region->user.mm)) {
		err = mmu_interval_notifier_insert(&process->notifier, region->user.mm,
						   region->user.address, region->size, &user_ops);
		mmput(region->user.mm);
	}
	if (!err)
		return &process->backing;
	kfree(process);
	return ERR_PTR(err);
}

static void user_destroy(struct backing *backing)
{
	struct process *process = to_process(backing);

	mmu_interval_notifier_remove(&process->notifier);
	kfree(process);
}

/*
 * Looking up
 */

/* The page at @address, with a reference; @locked is cleared where the lock was let go of */
static int get_page_of(struct mm_struct *mm, unsigned long address, bool write, bool pin,
		       struct page **page, int *locked)
{
	const unsigned int flags = FOLL_HWPOISON | FOLL_INTERRUPTIBLE | (write ? FOLL_WRITE : 0);
	const long nr = pin ? ept_pin_user_pages(mm, address, 1, flags, page, locked) :
			      ept_get_user_pages(mm, address, 1, flags, page, locked);

	switch (nr) {
	case 1:
		return 0;
	case 0:
	case -EAGAIN:
		return -EAGAIN;
	default:
		return space_pages_error(nr);
	}
}

/* Whether what a 2M leaf at @address maps is there, in one piece, without a fault */
static bool is_large(struct mm_struct *mm, unsigned long address, bool write, u64 hpa)
{
	const unsigned int flags = FOLL_NOFAULT | (write ? FOLL_WRITE : 0);
	const long want = SZ_2M / SZ_4K;
	struct page **pages = kmalloc_array(want, sizeof(*pages), GFP_KERNEL | __GFP_NORETRY);
	bool large;
	long nr;

	if (!pages)
		return false;
	nr = ept_get_user_pages(mm, address, want, flags, pages, NULL);
	large = nr == want;
	for (long i = 0; i < nr; i++) {
		large = large && page_to_phys(pages[i]) == hpa + i * SZ_4K;
		put_page(pages[i]);
	}
	kfree(pages);
	return large;
}

/* How much of what is behind the place one leaf may map, and where that begins; @page is there */
static u64 leaf_size(const struct place *place, unsigned long address, bool write,
		     struct page *page)
{
	const u64 leaf = place->gpa & ~(u64)(SZ_2M - 1), offset = place->gpa - leaf;
	struct mm_struct *mm = place->span->backing->region.user.mm;
	const u64 hpa = page_to_phys(page) - offset;

	if (place->log || place->space->max_leaf < EPT_2M || !IS_ALIGNED(hpa, SZ_2M) ||
	    leaf < place->start || leaf + SZ_2M > place->end ||
	    log_is_in(place->space, leaf, SZ_2M) ||
	    place->there.level < EPT_2M ||
	    folio_nr_pages(page_folio(page)) < SZ_2M / SZ_4K)
		return SZ_4K;
	return is_large(mm, address - offset, write, hpa) ? SZ_2M : SZ_4K;
}

/*
 * The page of the place, with a reference, or pinned; and how large a leaf may be, if @size isn't
 * NULL
 */
static int find_page(const struct place *place, bool write, bool pin, struct page **page, u64 *size)
{
	struct backing *backing = place->span->backing;
	struct mm_struct *mm = backing->region.user.mm;
	const unsigned long address = backing->region.user.address +
				      backing_at(backing, place->gpa);
	int err = -EINTR, locked = 1;

	/* The last user may be gone, and with it what was mapped. */
	if (!mmget_not_zero(mm))
		return -EFAULT;
	if (!mmap_read_lock_killable(mm)) {
		err = get_page_of(mm, address, write, pin, page, &locked);
		if (size)
			*size = err || !locked ? SZ_4K : leaf_size(place, address, write, *page);
		if (locked)
			mmap_read_unlock(mm);
	}
	mmput(mm);
	return err;
}

static int user_fault(struct place *place, u32 access)
{
	struct process *process = to_process(place->span->backing);
	const bool write = access & EPT_PROT_WRITE;
	struct page *page;
	u64 size, offset;
	int err;

	mmu_interval_read_begin(&process->notifier);
	err = find_page(place, write, false, &page, &size);
	if (err)
		return err;
	offset = place->gpa & (size - 1);
	/* What was not got for writing may be the zero page, or another's copy. */
	err = place_install(place, place->gpa - offset, page_to_phys(page) - offset, size,
			    write ? PROT_ALL : PROT_ALL & ~EPT_PROT_WRITE, access);
	put_page(page);
	return err;
}

/* What the guest's CPUs did to the pages of a leaf */
static noinline void hand_over(const struct ept_mapping *mapping, bool written)
{
	unsigned long pfn = PHYS_PFN(mapping->hpa);
	const unsigned long end = pfn + (mapping->size >> PAGE_SHIFT);

	while (pfn < end) {
		struct folio *folio = page_folio(pfn_to_page(pfn));

		if (written && !folio_test_dirty(folio))
			folio_mark_dirty(folio);
		if (mapping->accessed)
			folio_mark_accessed(folio);
		pfn = page_to_pfn(folio_page(folio, 0)) + folio_nr_pages(folio);
	}
}

/*
 * Under the table's lock. The process has these pages until its notifier returns, which waits for
 * that lock.
 */
static void user_gone(struct ept_space *space, struct backing *backing,
		      const struct ept_mapping *mapping, bool written)
{
	if (written || mapping->accessed)
		hand_over(mapping, written);
}

/*
 * A page that is to be written is pinned: a fork then gives the child a copy at once. With a mere
 * reference both would share it, and what is written afterwards would be the child's, and lost to a
 * process that has a copy of its own by then.
 */
static int user_touch(struct place *place, struct touch *touch)
{
	struct page *page;
	int ret;

	/* With none under way, what begins later makes a window stale. */
	mmu_interval_read_begin(&to_process(place->span->backing)->notifier);
	ret = find_page(place, touch->write, touch->write, &page, NULL);
	if (ret)
		return ret;
	touch->pinned = touch->write;
	ret = touch->fn(touch, page);
	if (!touch->write)
		put_page(page);
	else if (touch->pinned)
		unpin_user_pages_dirty_lock(&page, 1, true);
	return ret;
}

const struct kind space_user = {
	.name = "user",
	.create = user_create,
	.fault = user_fault,
	.gone = user_gone,
	.touch = user_touch,
	.destroy = user_destroy,
};
