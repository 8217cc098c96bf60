// SPDX-License-Identifier: GPL-2.0
/*
 * ept_harvest() and its two short forms, ept_clear_dirty(), ept_age(): what CPUs set.
 */
#include <linux/err.h>

#include "ept_op.h"
#include "ept_read.h"
#include "ept_trace.h"

/**
 * struct harvest_op - ept_harvest()
 * @op: the operation
 * @flag: EPT_PTE_ACCESSED or EPT_PTE_DIRTY
 * @bitmap: where to report, or NULL
 * @first: the bit of the range's first page
 * @peek: don't clear
 */
struct harvest_op {
	struct ept_op	op;
	u64		flag;
	unsigned long	*bitmap;
	u64		first;
	bool		peek;
};

static struct harvest_op *to_harvest(struct ept_walk *walk)
{
	return container_of(walk, struct harvest_op, op.walk);
}

static u64 harvest_bit(const struct harvest_op *harvest, u64 gpa)
{
	return harvest->first + ((gpa - harvest->op.walk.gpa) >> PAGE_SHIFT);
}

static void harvest_report(const struct harvest_op *harvest, u64 gpa, u64 end)
{
	if (harvest->bitmap)
		ept_set_bits(harvest->bitmap, harvest_bit(harvest, gpa), (end - gpa) >> PAGE_SHIFT);
}

/* A flag that a leaf has is taken from it. */
static __always_inline void clear_flag(struct ept_gather *gather, const struct ept_run *run,
				       u64 *entry, u64 old, u64 flag)
{
	if (!ept_is_volatile(gather->ept, old))
		WRITE_ONCE(*entry, old & ~flag);
	else
		while (!try_cmpxchg64(entry, &old, old & ~flag))
			;
	ept_gather_note(gather->ept, gather, run, old, old & ~flag);
}

/* Leaves of more than a page, and tables */
static int harvest_large(struct harvest_op *harvest, const struct ept_run *run)
{
	const u64 size = ept_level_size(run->level);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(&harvest->op.walk, run, entry);
			return i;
		}
		if (!(entry & harvest->flag))
			continue;
		harvest_report(harvest, gpa, gpa + size);
		if (!harvest->peek)
			clear_flag(harvest->op.gather, run, &run->entry[i], entry,
				   harvest->flag);
		/* 32K of a bitmap are as much as a run. */
		if (run->level > EPT_2M)
			ept_op_let_in(&harvest->op);
	}
	return run->nr;
}

/* Whether all leaves of a stride have the flag, and may lose it alike */
static bool harvest_stride(struct harvest_op *harvest, const struct ept_run *run, u64 *entry)
{
	const u64 flag = harvest->flag;
	u64 all, any = ept_entries_any_all(entry, EPT_STRIDE, &all);

	if (!(all & flag))
		return false;
	if (harvest->peek)
		return true;
	if (ept_is_volatile(harvest->op.ept, (any & ~EPT_PTE_AD) | (all & EPT_PTE_AD)))
		return false;
	ept_entries_clear(entry, EPT_STRIDE, flag);
	ept_gather_note(harvest->op.ept, harvest->op.gather, run, any, any & ~flag);
	return true;
}

/* Some of these leaves have the flag. */
static void harvest_each(struct harvest_op *harvest, const struct ept_run *run, unsigned int i,
			 unsigned int end)
{
	const u64 first = harvest_bit(harvest, run->gpa);

	for (; i < end; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (!(entry & harvest->flag))
			continue;
		if (harvest->bitmap)
			__set_bit(first + i, harvest->bitmap);
		if (!harvest->peek)
			clear_flag(harvest->op.gather, run, &run->entry[i], entry,
				   harvest->flag);
	}
}

/* Deals with leaves from the first stride on, in which some have the flag. Returns how many. */
static noinline unsigned int harvest_found(struct harvest_op *harvest, const struct ept_run *run,
					   unsigned int first)
{
	unsigned int i = first;

	while (i + EPT_STRIDE <= run->nr && harvest_stride(harvest, run, run->entry + i))
		i += EPT_STRIDE;
	if (i != first) {
		harvest_report(harvest, run->gpa + first * SZ_4K, run->gpa + i * SZ_4K);
	} else {
		i = min(first + EPT_STRIDE, run->nr);
		harvest_each(harvest, run, first, i);
	}
	return i - first;
}

/* Most have nothing to report. */
static void harvest_pages(struct harvest_op *harvest, const struct ept_run *run)
{
	const u64 flag = harvest->flag;
	unsigned int i = 0;

	while (i + EPT_STRIDE <= run->nr) {
		if (ept_entries_any(run->entry + i, EPT_STRIDE) & flag)
			i += harvest_found(harvest, run, i);
		else
			i += EPT_STRIDE;
	}
	if (ept_entries_any(run->entry + i, run->nr - i) & flag)
		harvest_each(harvest, run, i, run->nr);
}

static int harvest_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct harvest_op *harvest = to_harvest(walk);

	ept_op_let_in(&harvest->op);
	if (run->level > EPT_4K)
		return harvest_large(harvest, run);
	harvest_pages(harvest, run);
	return run->nr;
}

/* Pages of the leaf outside of the range would lose their flag. */
static int harvest_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct harvest_op *harvest = to_harvest(walk);

	if (READ_ONCE(*run->entry) & harvest->flag)
		harvest_report(harvest, ept_run_start(walk, run), ept_run_end(walk, run));
	return 0;
}

static const struct ept_visitor harvest_visitor = {
	.run = harvest_run,
	.edge = harvest_edge,
};

int ept_harvest(struct ept *ept, u64 gpa, u64 size, const struct ept_harvest *what,
		struct ept_gather *gather)
{
	struct harvest_op harvest;
	int err;

	if (IS_ERR_OR_NULL(ept) || !what || (what->peek && !what->bitmap))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_harvest(ept, gpa, size, what, &own));
	err = ept_first_error(ept_judge_range(ept, gpa, size), ept->fmt.ad ? 0 : -EOPNOTSUPP);
	err = ept_first_error(err, ept_judge_gather(ept, gather));
	if (err)
		return err;

	ept_op_init(&harvest.op, gather, gpa, size);
	harvest.op.folds = true;
	harvest.flag = what->accessed ? EPT_PTE_ACCESSED : EPT_PTE_DIRTY;
	harvest.bitmap = what->bitmap;
	harvest.first = what->first;
	harvest.peek = what->peek;
	err = ept_op_run(&harvest.op, NULL, &harvest_visitor);
	ept_trace(ept_harvest, ept, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_harvest);

int ept_harvest_dirty(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
		      struct ept_gather *gather)
{
	const struct ept_harvest what = { .bitmap = bitmap, .peek = peek };

	return bitmap ? ept_harvest(ept, gpa, size, &what, gather) : -EINVAL;
}
EXPORT_SYMBOL_EPT(ept_harvest_dirty);

int ept_harvest_accessed(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
			 struct ept_gather *gather)
{
	const struct ept_harvest what = { .accessed = true, .bitmap = bitmap, .peek = peek };

	return bitmap ? ept_harvest(ept, gpa, size, &what, gather) : -EINVAL;
}
EXPORT_SYMBOL_EPT(ept_harvest_accessed);

int ept_clear_dirty(struct ept *ept, u64 gpa, struct ept_gather *gather)
{
	struct ept_run run = { .level = EPT_4K, .nr = 1 };
	int ret;
	u64 leaf;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_clear_dirty(ept, gpa, &own));
	gpa &= ~(SZ_4K - 1ULL);
	ret = ept_first_error(ept_judge_range(ept, gpa, SZ_4K), ept->fmt.ad ? 0 : -EOPNOTSUPP);
	ret = ept_first_error(ret, ept_judge_gather(ept, gather));
	if (ret)
		return ret;

	ept_begin(ept, gather);
	ept_fold_all(ept, gpa, gpa + SZ_4K);
	run.entry = ept_descend(&ept->fmt, ept->root, gpa, &run.level, &leaf);
	if (ept_pte_is_hole(leaf)) {
		ret = -ENOENT;
	} else if (leaf & EPT_PTE_DIRTY) {
		clear_flag(gather, &run, run.entry, leaf, EPT_PTE_DIRTY);
		ret = 1;
	}
	ept_end(ept, gather);
	return ret;
}
EXPORT_SYMBOL_EPT(ept_clear_dirty);

/*
 * Aging holds no lock: whoever changes the entry with a plain store meanwhile may set the flag
 * again, and the page looks used for one more round.
 */

/**
 * struct age - ept_age()
 * @tour: over the range
 * @clear: take the flag
 * @young: some leaf had it
 */
struct age {
	struct ept_tour	tour;
	bool		clear;
	bool		young;
};

static struct age *to_age(struct ept_walk *walk)
{
	return container_of(walk, struct age, tour.walk);
}

/* True: no other leaf matters any more. */
static bool age_leaf(struct age *age, u64 *entry, u64 leaf)
{
	if (ept_pte_is_hole(leaf) || !(leaf & EPT_PTE_ACCESSED))
		return false;
	age->young = true;
	/* Who beat this one to it has changed the leaf: it is somebody else's to age. */
	if (age->clear)
		try_cmpxchg64(entry, &leaf, leaf & ~EPT_PTE_ACCESSED);
	return !age->clear;
}

static int age_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct age *age = to_age(walk);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_table(entry, run->level)) {
			if (!ept_tour_may_open(walk, run, i))
				return -EAGAIN;
			ept_walk_open(walk, run, entry);
			return i;
		}
		if (age_leaf(age, &run->entry[i], entry))
			return -ECANCELED;
	}
	return run->nr;
}

/* The entry may have become a table since the walker looked. */
static int age_edge(struct ept_walk *walk, const struct ept_run *run)
{
	const u64 entry = READ_ONCE(*run->entry);

	if (ept_pte_is_table(entry, run->level))
		ept_walk_open(walk, run, entry);
	else if (age_leaf(to_age(walk), run->entry, entry))
		return -ECANCELED;
	return 0;
}

static const struct ept_visitor age_visitor = {
	.run = age_run,
	.edge = age_edge,
};

int ept_age(struct ept *ept, u64 gpa, u64 size, bool clear)
{
	struct age age = { .clear = clear };
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	err = ept_first_error(ept_judge_range(ept, gpa, size), ept->fmt.ad ? 0 : -EOPNOTSUPP);
	if (err)
		return err;

	ept_tour_init(&age.tour, ept, gpa, gpa + size, false);
	ept_tour(&age.tour, &age_visitor);
	return age.young;
}
EXPORT_SYMBOL_EPT(ept_age);
