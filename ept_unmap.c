// SPDX-License-Identifier: GPL-2.0
/*
 * ept_unmap().
 */
#include <linux/err.h>

#include "ept_op.h"
#include "ept_trace.h"

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

/* Unmaps what a run has, entry by entry. Returns how many had something. */
static noinline int unmap_each(struct ept_gather *gather, struct ept_run run)
{
	const u64 hole = gather->ept->fmt.hole;
	int gone = 0;

	for (unsigned int i = 0; i < run.nr; i++) {
		const u64 entry = READ_ONCE(run.entry[i]);

		if (ept_pte_is_hole(entry))
			continue;
		gone++;
		WRITE_ONCE(run.entry[i], hole);
		if (ept_pte_is_table(entry, run.level))
			ept_gather_retire(gather, ept_table_at(entry));
		else
			ept_gather_note(gather, &run, entry, hole);
	}
	return gone;
}

/* Unmaps a run. Returns how many of its entries had something. */
static __always_inline int unmap_run(struct ept_gather *gather, const struct ept_run *run)
{
	const u64 hole = gather->ept->fmt.hole;
	u64 any, all;

	if (ept_run_only_leaves(run, &any, &all)) {
		ept_entries_fill(run->entry, run->nr, hole, 0);
		ept_gather_note(gather, run, any, hole);
		return run->nr;
	}
	return ept_pte_is_hole(any) ? 0 : unmap_each(gather, *run);
}

static int unmap_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	ept_table_add_live(run->entry, -unmap_run(to_ept_op(walk)->gather, run));
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

	ept_op_init(&op, gather->ept, gpa, SZ_4K, gather);
	op.walk.visitor = &unmap_commit;
	ept_walk_close_empty(&op.walk, table, EPT_4K);
}

static __always_inline int unmap_page(struct ept_gather *gather, const struct ept_run *run,
				      u64 leaf)
{
	const u64 hole = gather->ept->fmt.hole;

	if (ept_pte_is_hole(leaf))
		return 0;
	WRITE_ONCE(*run->entry, hole);
	ept_gather_note(gather, run, leaf, hole);
	return 1;
}

/* Whether it was a short request, which is done */
static __always_inline bool unmap_short(struct ept_gather *gather, u64 gpa, u64 size)
{
	struct ept *ept = gather->ept;
	struct ept_run run __uninitialized;
	bool found = false;
	u64 first;
	int gone;

	ept_lock(ept);
	if (ept_find_short_run(ept, gpa, size, &run, &first)) {
		found = true;
		gone = size == PAGE_SIZE ? unmap_page(gather, &run, first) :
					   unmap_run(gather, &run);
		if (!ept_table_add_live(run.entry, -gone))
			unmap_close(gather, gpa, ept_table_of(run.entry));
	}
	ept_unlock(ept);
	return found;
}

/* Any request: looks at one argument after the other. */
static noinline int unmap_any(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	struct ept_op op __uninitialized;
	int err;

	if (!ept_range_valid(ept, gpa, size) || gather->ept != ept)
		return -EINVAL;
	if (!ept_fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;

	ept_op_init(&op, ept, gpa, size, gather);
	err = ept_op_run(&op, &unmap_plan, &unmap_commit);
	trace_ept_unmap(ept->pointer, gpa, size, err);
	return err;
}

static noinline int unmap_and_flush(struct ept *ept, u64 gpa, u64 size)
{
	struct ept_gather own = { .ept = ept, .own = true };
	int err = ept_unmap(ept, gpa, size, &own);

	ept_gather_flush(&own);
	return err;
}

int ept_unmap(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	if (!gather)
		return unmap_and_flush(ept, gpa, size);
	/* Of a whole table the entries aren't visited. */
	if (unlikely(!ept_range_plain(ept, gpa, size) || gather->ept != ept ||
		     !ept_range_short(gpa, size, false) || !unmap_short(gather, gpa, size)))
		return unmap_any(ept, gpa, size, gather);
	trace_ept_unmap(ept->pointer, gpa, size, 0);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_unmap);
