// SPDX-License-Identifier: GPL-2.0
/*
 * ept_unmap(), ept_unmap_report(), ept_zap(): what makes holes.
 */
#include <linux/err.h>

#include "ept_op.h"
#include "ept_trace.h"

/**
 * struct unmap_op - an unmapping
 * @op: the operation
 * @fn: told of each leaf that goes, or NULL
 * @arg: passed to @fn
 * @went_gpa: where what went begins, if a leaf went that the range cuts
 * @went_end: where that ends
 */
struct unmap_op {
	struct ept_op	op;
	ept_gone_fn	fn;
	void		*arg;
	u64		went_gpa;
	u64		went_end;
};

static struct unmap_op *to_unmap(struct ept_walk *walk)
{
	return container_of(walk, struct unmap_op, op.walk);
}

static int unmap_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	if (!ept_pte_is_hole(READ_ONCE(*run->entry)))
		to_ept_op(walk)->need += ept_walk_tables(ept_run_start(walk, run),
							 ept_run_end(walk, run), run->level,
							 run->level - 1);
	return 0;
}

static const struct ept_visitor unmap_plan = {
	.edge = unmap_plan_edge,
};

/* Unmaps a run of leaves alone, or holes alone. Returns how many went, or -1: it is neither. */
static __always_inline int unmap_all(const struct ept *ept, struct ept_gather *gather,
				     const struct ept_run *run)
{
	const u64 hole = ept->fmt.hole;
	u64 any, all;

	/* Of many holes there is less to know. */
	if (run->nr > 1 && ept_pte_is_hole(READ_ONCE(*run->entry)))
		return ept_pte_is_hole(ept_entries_any(run->entry, run->nr)) ? 0 : -1;
	if (likely(ept_run_only_leaves(run, &any, &all))) {
		ept_entries_fill(run->entry, run->nr, hole, 0);
		ept_gather_note(ept, gather, run, any, hole);
		return run->nr;
	}
	return ept_pte_is_hole(any) ? 0 : -1;
}

/* Unmaps what a run has, entry by entry. Returns how many went. */
static int unmap_each(struct ept_gather *gather, const struct ept_run *run)
{
	const u64 hole = gather->ept->fmt.hole;
	int gone = 0;

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_hole(entry))
			continue;
		gone++;
		WRITE_ONCE(run->entry[i], hole);
		if (ept_pte_is_table(entry, run->level))
			ept_gather_retire(gather, ept_table_at(entry));
		else
			ept_gather_note(gather->ept, gather, run, entry, hole);
	}
	return gone;
}

static int unmap_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct ept_op *op = to_ept_op(walk);
	int gone = unmap_all(op->ept, op->gather, run);

	if (gone < 0)
		gone = unmap_each(op->gather, run);
	ept_table_add_live(run->entry, -gone);
	return run->nr;
}

static int unmap_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	if (!ept_pte_is_hole(READ_ONCE(*run->entry)))
		ept_op_open_split(to_ept_op(walk), run, 0);
	return 0;
}

static void unmap_commit_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	struct ept_op *op = to_ept_op(walk);

	if (ept_pte_is_leaf(READ_ONCE(*run->entry), run->level)) {
		ept_op_close_split(op, run, table);
	} else if (!ept_table_live(table)) {
		WRITE_ONCE(*run->entry, walk->fmt->hole);
		ept_table_add_live(run->entry, -1);
		ept_gather_retire(op->gather, table);
	}
}

static const struct ept_visitor unmap_commit = {
	.run = unmap_commit_run,
	.edge = unmap_commit_edge,
	.close = unmap_commit_close,
};

/* Unlinks the tables that a short unmap left empty, from @table up. */
static noinline void unmap_close(struct ept_gather *gather, u64 gpa, u64 *table)
{
	struct ept_op op;

	ept_op_init(&op, gather, gpa, SZ_4K);
	op.walk.visitor = &unmap_commit;
	ept_walk_close_empty(&op.walk, table, EPT_4K);
}

static __always_inline int unmap_short(struct ept *ept, struct ept_gather *gather,
				       const struct ept_run *run, void *unused)
{
	const int gone = unmap_all(ept, gather, run);

	if (gone < 0)
		return 1;
	if (!ept_table_add_live(run->entry, -gone))
		unmap_close(gather, run->gpa, ept_table_of(run->entry));
	return 0;
}

static noinline int unmap_long(struct ept_gather *gather, u64 gpa, u64 size)
{
	struct ept_op op __uninitialized;

	ept_op_init(&op, gather, gpa, size);
	return ept_op_run(&op, &unmap_plan, &unmap_commit);
}

static __always_inline int judge_unmap(const struct ept *ept, u64 gpa, u64 size,
				       const struct ept_gather *gather)
{
	return ept_first_error(ept_judge_range(ept, gpa, size), ept_judge_gather(ept, gather));
}

int ept_unmap(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_unmap(ept, gpa, size, &own));
	err = judge_unmap(ept, gpa, size, gather);
	if (unlikely(err))
		return err;

	/* Of a whole table the entries aren't visited. */
	if (size == SZ_2M || ept_op_short(ept, gather, gpa, size, unmap_short, NULL))
		err = unmap_long(gather, gpa, size);
	ept_trace(ept_unmap, ept, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_unmap);

/*
 * Unmapping leaf by leaf, so that each is seen as CPUs left it: once it is a hole, none sets
 * accessed or dirty there any more, not even one that knows the table.
 */

/* One entry, which its table has to count as gone */
static void unmap_and_report(struct unmap_op *unmap, const struct ept_run *run, unsigned int i)
{
	const struct ept *ept = unmap->op.ept;
	const u64 hole = ept->fmt.hole;
	const u64 leaf = xchg(&run->entry[i], hole);
	struct ept_mapping mapping __uninitialized;

	ept_gather_note(ept, unmap->op.gather, run, leaf, hole);
	if (!unmap->fn)
		return;
	mapping = ept_pte_mapping(&ept->fmt, leaf, run->level,
				  run->gpa + i * ept_level_size(run->level));
	unmap->fn(&mapping, unmap->arg);
}

static int report_run(struct ept_walk *walk, const struct ept_run *run)
{
	unsigned int i;
	int gone = 0;

	for (i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			break;
		}
		if (ept_pte_is_hole(entry))
			continue;
		unmap_and_report(to_unmap(walk), run, i);
		gone++;
	}
	ept_table_add_live(run->entry, -gone);
	return i;
}

/* Parts of leaves are linked before they go: until then a CPU may set flags of the whole. */
static const struct ept_visitor report_cut = {
	.edge = unmap_commit_edge,
	.close = ept_op_close_leaf,
};

static const struct ept_visitor report_commit = {
	.run = report_run,
	.close = unmap_commit_close,
};

/* A leaf that the range cuts goes whole. */
static int zap_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct unmap_op *unmap = to_unmap(walk);

	if (ept_pte_is_hole(READ_ONCE(*run->entry)))
		return 0;
	unmap->went_gpa = min(unmap->went_gpa, run->gpa);
	unmap->went_end = max(unmap->went_end, run->gpa + ept_level_size(run->level));
	unmap_and_report(unmap, run, 0);
	ept_table_add_live(run->entry, -1);
	return 0;
}

static const struct ept_visitor zap_report_commit = {
	.run = report_run,
	.edge = zap_edge,
	.close = unmap_commit_close,
};

static const struct ept_visitor zap_commit = {
	.run = unmap_commit_run,
	.edge = zap_edge,
	.close = unmap_commit_close,
};

static void unmap_init(struct unmap_op *unmap, struct ept_gather *gather, u64 gpa, u64 size,
		       ept_gone_fn fn, void *arg)
{
	ept_op_init(&unmap->op, gather, gpa, size);
	/* What a merge has yet to collect is the leaf's, and would be reported too late. */
	unmap->op.folds = fn;
	unmap->op.reports = fn;
	unmap->fn = fn;
	unmap->arg = arg;
	unmap->went_gpa = gpa;
	unmap->went_end = gpa + size;
}

int ept_unmap_report(struct ept *ept, u64 gpa, u64 size, ept_gone_fn fn, void *arg,
		     struct ept_gather *gather)
{
	struct unmap_op unmap;
	int err;

	if (IS_ERR_OR_NULL(ept) || !fn)
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_unmap_report(ept, gpa, size, fn, arg, &own));
	err = judge_unmap(ept, gpa, size, gather);
	if (err)
		return err;

	unmap_init(&unmap, gather, gpa, size, fn, arg);
	unmap.op.then = &report_commit;
	err = ept_op_run(&unmap.op, &unmap_plan, &report_cut);
	ept_trace(ept_unmap, ept, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_unmap_report);

int ept_zap(struct ept *ept, u64 gpa, u64 size, struct ept_range *went, ept_gone_fn fn, void *arg,
	    struct ept_gather *gather)
{
	struct unmap_op unmap;
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_zap(ept, gpa, size, went, fn, arg, &own));
	err = judge_unmap(ept, gpa, size, gather);
	if (err)
		return err;

	unmap_init(&unmap, gather, gpa, size, fn, arg);
	ept_op_run(&unmap.op, NULL, fn ? &zap_report_commit : &zap_commit);
	if (went)
		*went = (struct ept_range){ unmap.went_gpa, unmap.went_end - unmap.went_gpa };
	ept_trace(ept_zap, ept, gpa, size, 0);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_zap);
