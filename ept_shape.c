// SPDX-License-Identifier: GPL-2.0
/*
 * ept_split(), ept_merge(): what changes the size of leaves, and no translation.
 */
#include <linux/err.h>
#include <linux/sched.h>

#include "ept_op.h"
#include "ept_trace.h"

/*
 * Splitting
 */

/**
 * struct split_op - ept_split()
 * @op: the operation
 * @level: no leaf in the range is to be larger
 */
struct split_op {
	struct ept_op	op;
	enum ept_level	level;
};

static struct split_op *to_split(struct ept_walk *walk)
{
	return container_of(walk, struct split_op, op.walk);
}

/* What of [gpa, end) lies in a leaf of @level: edges below the leaves to be made split nothing. */
static void split_plan_leaf(struct split_op *split, u64 gpa, u64 end, enum ept_level level)
{
	const u64 size = ept_level_size(split->level);

	split->op.need += ept_walk_tables(round_down(gpa, size), round_up(end, size), level,
					  split->level);
}

static int split_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct split_op *split = to_split(walk);
	const u64 size = ept_level_size(run->level);

	if (run->level <= split->level)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		if (!ept_pte_is_hole(entry))
			split_plan_leaf(split, gpa, gpa + size, run->level);
	}
	return run->nr;
}

static int split_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct split_op *split = to_split(walk);

	if (run->level > split->level && !ept_pte_is_hole(READ_ONCE(*run->entry)))
		split_plan_leaf(split, ept_run_start(walk, run), ept_run_end(walk, run),
				run->level);
	return 0;
}

static const struct ept_visitor split_plan = {
	.run = split_plan_run,
	.edge = split_plan_edge,
};

static int split_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct split_op *split = to_split(walk);

	if (run->level <= split->level)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_hole(entry))
			continue;
		if (ept_pte_is_table(entry, run->level))
			ept_walk_open(walk, run, entry);
		else
			ept_op_open_split(&split->op, run, i);
		return i;
	}
	return run->nr;
}

static int split_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct split_op *split = to_split(walk);

	if (run->level > split->level && !ept_pte_is_hole(READ_ONCE(*run->entry)))
		ept_op_open_split(&split->op, run, 0);
	return 0;
}

static const struct ept_visitor split_commit = {
	.run = split_commit_run,
	.edge = split_commit_edge,
	.close = ept_op_close_leaf,
};

int ept_split(struct ept *ept, u64 gpa, u64 size, enum ept_level level, struct ept_gather *gather)
{
	struct split_op split;
	int err;

	if (!ept_range_valid(ept, gpa, size) || level > EPT_1G || !ept_gather_valid(ept, gather))
		return -EINVAL;
	if (!ept_fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;

	ept_op_init(&split.op, ept, gpa, size, gather);
	split.level = level;
	err = ept_op_run_flush(&split.op, &split_plan, &split_commit);
	trace_ept_split(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_split);

/*
 * Merging, from the bottom up. An address translates alike through the leaf and through the table
 * that it replaces, which CPUs may use, and set accessed and dirty in, until the flush. So the old
 * tables are read once more after it.
 */

/**
 * struct merge_op - ept_merge()
 * @op: the operation
 * @level: the largest leaf to make
 * @made: leaves made so far
 * @made_before: @made when the walker opened the entry, by its level: leaves that are merged again
 *	don't count
 */
struct merge_op {
	struct ept_op	op;
	enum ept_level	level;
	int		made;
	int		made_before[EPT_MAX_LEVELS];
};

static struct merge_op *to_merge(struct ept_walk *walk)
{
	return container_of(walk, struct merge_op, op.walk);
}

/* The leaf that @table's leaves of @level make together, or a hole */
static u64 merged_leaf(const struct ept_format *fmt, const u64 *table, enum ept_level level)
{
	const u64 first = READ_ONCE(*table) & ~fmt->ad;
	const u64 step = ept_pte_step(first, level);
	u64 ad = 0;

	if (ept_table_live(table) != EPT_ENTRIES || !ept_pte_is_leaf(first, level) ||
	    ept_pte_max_leaf(fmt, first) <= level ||
	    !IS_ALIGNED(ept_pte_leaf_address(fmt, first), ept_level_size(level + 1)))
		return fmt->hole;
	for (unsigned int i = 0; i < EPT_ENTRIES; i++) {
		const u64 entry = READ_ONCE(table[i]);

		if ((entry & ~fmt->ad) != first + i * step)
			return fmt->hole;
		ad |= entry & fmt->ad;
	}
	return first | ad | EPT_PTE_LARGE;
}

static int merge_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct merge_op *merge = to_merge(walk);

	if (run->level == EPT_4K)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (!ept_pte_is_table(entry, run->level))
			continue;
		merge->made_before[run->level] = merge->made;
		ept_walk_open(walk, run, entry);
		return i;
	}
	return run->nr;
}

static void merge_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	struct merge_op *merge = to_merge(walk);
	u64 leaf;

	if (run->level > merge->level || !ept_op_covers(&merge->op, run->gpa, run->level))
		return;
	leaf = merged_leaf(walk->fmt, table, run->level - 1);
	if (ept_pte_is_hole(leaf))
		return;
	WRITE_ONCE(*run->entry, leaf);
	ept_gather_retire(merge->op.gather, table);
	merge->made = merge->made_before[run->level] + 1;
}

static const struct ept_visitor merge_visitor = {
	.run = merge_run,
	.close = merge_close,
};

/* Folds what CPUs set late in the tables that were replaced into the leaves that replaced them. */
static void merge_fold_ad(const struct ept *ept, struct page *dead)
{
	for (; dead; dead = ept_table_next_retired(dead)) {
		const u64 *table = page_address(dead);
		enum ept_level level = ept_table_level(table) + 1;
		u64 old, ad = 0;
		u64 *leaf = ept_descend(&ept->fmt, ept->root, ept_table_gpa(table), &level, &old);

		for (unsigned int i = 0; i < EPT_ENTRIES; i++)
			ad |= READ_ONCE(table[i]) & ept->fmt.ad;
		while (ad & ~old && !try_cmpxchg64(leaf, &old, old | ad))
			;
		if (!ept->store.atomic)
			cond_resched();
	}
}

int ept_merge(struct ept *ept, u64 gpa, u64 size, enum ept_level level)
{
	struct ept_gather gather;
	struct merge_op merge;

	if (!ept_range_valid(ept, gpa, size) || level > EPT_1G)
		return -EINVAL;
	if (!ept_fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;
	if (level > ept->fmt.max_leaf)
		return -EOPNOTSUPP;

	ept_gather_init(&gather, ept);
	ept_op_init(&merge.op, ept, gpa, size, &gather);
	merge.level = level;
	merge.made = 0;
	/*
	 * Until accessed and dirty are folded in, nothing else may change the new leaves. The
	 * client's invalidate may change other tables meanwhile.
	 */
	ept_lock_nested(ept, SINGLE_DEPTH_NESTING);
	ept_walk_begin(&merge.op.walk);
	ept_walk_pass(&merge.op.walk, &merge_visitor);
	ept_gather_invalidate(&gather);
	if (ept->fmt.ad)
		merge_fold_ad(ept, gather.dead);
	ept_unlock(ept);
	ept_gather_flush(&gather);
	atomic64_add(merge.made, &ept->merges);
	trace_ept_merge(ept->pointer, gpa, size, merge.made);
	return merge.made;
}
EXPORT_SYMBOL_EPT(ept_merge);
