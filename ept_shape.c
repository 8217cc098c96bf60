// SPDX-License-Identifier: GPL-2.0
/*
 * ept_split(), ept_merge(): what changes the size of leaves, and no translation.
 */
#include <linux/err.h>
#include <linux/list.h>
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

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_split(ept, gpa, size, level, &own));
	err = ept_first_error(ept_judge_range(ept, gpa, size), ept_judge_level(level));
	err = ept_first_error(err, ept_judge_gather(ept, gather));
	if (err)
		return err;

	ept_op_init(&split.op, gather, gpa, size);
	split.level = level;
	err = ept_op_run(&split.op, &split_plan, &split_commit);
	ept_trace(ept_split, ept, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_split);

/*
 * Merging, from the bottom up. An address translates alike through the leaf and through the table
 * that it replaces, which CPUs may use, and set accessed and dirty in, until the flush. So the old
 * tables are read once more after it, and what they have is folded into whatever maps their pages
 * by then. Who wants to know flags before that folds what there is.
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

	ept_op_let_in(&merge->op);
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
	if (walk->fmt->ad)
		ept_gather_retire_merged(merge->op.gather, table);
	else
		ept_gather_retire(merge->op.gather, table);
	merge->made = merge->made_before[run->level] + 1;
}

static const struct ept_visitor merge_visitor = {
	.run = merge_run,
	.close = merge_close,
};

/* Adds flags to the leaves of [gpa, end), as far as they are of the memory at @hpa. */
static void fold_into(struct ept *ept, u64 gpa, u64 end, phys_addr_t hpa, u64 ad)
{
	while (gpa < end) {
		enum ept_level level = EPT_4K;
		u64 value, *entry = ept_descend(&ept->fmt, ept->root, gpa, &level, &value);
		const u64 offset = gpa & (ept_level_size(level) - 1);
		const u64 rest = ept_level_size(level) - offset;

		if (ept_pte_is_leaf(value, level) &&
		    ept_pte_leaf_address(&ept->fmt, value) + offset == hpa)
			while (ad & ~value && !try_cmpxchg64(entry, &value, value | ad))
				;
		gpa += rest;
		hpa += rest;
	}
}

/* Flags go from an entry of a merged table, so that each is reported once. */
static u64 take_flags(const struct ept *ept, u64 *entry)
{
	const u64 ad = ept->fmt.ad;

	return READ_ONCE(*entry) & ad ? atomic64_fetch_and(~ad, (atomic64_t *)entry) & ad : 0;
}

static void fold_entry(struct ept *ept, u64 *entry, enum ept_level level, u64 gpa)
{
	const phys_addr_t hpa = ept_pte_leaf_address(&ept->fmt, READ_ONCE(*entry));
	const u64 ad = take_flags(ept, entry);

	if (ad)
		fold_into(ept, gpa, gpa + ept_level_size(level), hpa, ad);
}

/* Whether a leaf has taken the place of the whole table, and is there still */
static bool is_leaf_at(const struct ept *ept, const u64 *table, u64 gpa)
{
	enum ept_level level = EPT_4K;
	u64 value;

	ept_descend(&ept->fmt, ept->root, gpa, &level, &value);
	return level > ept_table_level(table) && ept_pte_is_leaf(value, level);
}

static void fold_table(struct ept *ept, u64 *table)
{
	const enum ept_level level = ept_table_level(table);
	const u64 size = ept_level_size(level), gpa = ept_table_gpa(table);
	/* Its first entry says which memory it was, unless that was retracted. */
	const bool one = !ept_pte_is_hole(READ_ONCE(*table)) && is_leaf_at(ept, table, gpa);
	u64 ad = 0;

	for (unsigned int i = 0; i < EPT_ENTRIES; i++) {
		if (one)
			ad |= take_flags(ept, &table[i]);
		else
			fold_entry(ept, &table[i], level, gpa + i * size);
	}
	if (ad)
		fold_into(ept, gpa, gpa + size * EPT_ENTRIES,
			  ept_pte_leaf_address(&ept->fmt, READ_ONCE(*table)), ad);
}

/* A table is opened and visited, which are two runs to other operations. */
#define RUNS_OF_A_FOLD	2

/* With changes excluded. CPUs may still use the tables. */
void ept_fold_merged(struct ept *ept, const struct page *merged)
{
	unsigned int folded = 0;

	for (; merged; merged = ept_table_next_retired(merged)) {
		ept_let_in(ept, &folded, RUNS_OF_A_FOLD);
		fold_table(ept, page_address(merged));
		if (!ept->store.atomic)
			cond_resched();
	}
}

static bool overlaps(const u64 *table, u64 gpa, u64 end)
{
	const u64 start = ept_table_gpa(table);

	return start < end && start + ept_level_size(ept_table_level(table) + 1) > gpa;
}

/* The same for all that was merged and isn't flushed, where it has something of a range */
void ept_fold_all(struct ept *ept, u64 gpa, u64 end)
{
	const struct ept_gather *gather;
	unsigned int folded = 0;
	const struct page *page;

	list_for_each_entry(gather, &ept->unfolded, node)
		for (page = gather->merged; page; page = ept_table_next_retired(page)) {
			if (overlaps(page_address(page), gpa, end)) {
				ept_let_in(ept, &folded, RUNS_OF_A_FOLD);
				fold_table(ept, page_address(page));
			}
			if (!ept->store.atomic)
				cond_resched();
		}
}

/* As fold_entry(), and no CPU sets dirty there any more. What lies in the range is a hole then. */
static void retract_entry(struct ept *ept, u64 *entry, enum ept_level level, u64 gpa, bool whole)
{
	const u64 old = READ_ONCE(*entry);
	u64 ad;

	if (ept_pte_is_hole(old))
		return;
	if (!whole) {
		atomic64_and(~EPT_PTE_MAY_DIRTY, (atomic64_t *)entry);
		return;
	}
	ad = xchg(entry, ept->fmt.hole) & ept->fmt.ad;
	fold_into(ept, gpa, gpa + ept_level_size(level), ept_pte_leaf_address(&ept->fmt, old), ad);
}

static void retract_table(struct ept *ept, u64 *table, u64 gpa, u64 end)
{
	const enum ept_level level = ept_table_level(table);
	const u64 size = ept_level_size(level);
	u64 at = ept_table_gpa(table);

	for (unsigned int i = 0; i < EPT_ENTRIES; i++, at += size)
		if (at < end && at + size > gpa)
			retract_entry(ept, &table[i], level, at, at >= gpa && at + size <= end);
}

/*
 * Of a range that is about to go, merged tables tell nothing new from now on: a CPU that knows one
 * faults there, as it does in the table that is linked.
 */
void ept_retract_merged(struct ept *ept, u64 gpa, u64 end)
{
	const struct ept_gather *gather;
	const struct page *page;

	list_for_each_entry(gather, &ept->unfolded, node)
		for (page = gather->merged; page; page = ept_table_next_retired(page)) {
			if (overlaps(page_address(page), gpa, end))
				retract_table(ept, page_address(page), gpa, end);
			if (!ept->store.atomic)
				cond_resched();
		}
}

int ept_merge_gather(struct ept *ept, u64 gpa, u64 size, enum ept_level level,
		     struct ept_gather *gather)
{
	struct merge_op merge;
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_merge_gather(ept, gpa, size, level, &own));
	err = ept_first_error(ept_judge_range(ept, gpa, size), ept_judge_level(level));
	err = ept_first_error(err, level > ept->fmt.max_leaf ? -EOPNOTSUPP : 0);
	err = ept_first_error(err, ept_judge_gather(ept, gather));
	if (err)
		return err;

	ept_op_init(&merge.op, gather, gpa, size);
	merge.level = level;
	merge.made = 0;
	ept_op_run(&merge.op, NULL, &merge_visitor);
	atomic64_add(merge.made, &ept->merges);
	ept_trace(ept_merge, ept, gpa, size, merge.made);
	return merge.made;
}
EXPORT_SYMBOL_EPT(ept_merge_gather);

int ept_merge(struct ept *ept, u64 gpa, u64 size, enum ept_level level)
{
	return ept_merge_gather(ept, gpa, size, level, NULL);
}
EXPORT_SYMBOL_EPT(ept_merge);
