// SPDX-License-Identifier: GPL-2.0
/*
 * The generic walker. See ept_walk.h.
 */
#include <linux/sched.h>

#include "ept_compat.h"
#include "ept_walk.h"

static int walk_table(struct ept_walk *walk, u64 *table, struct ept_run *run, u64 gpa, u64 end);

/* Walks the table that the visitor named for the first entry of @at. */
static int walk_next(struct ept_walk *walk, const struct ept_run *at, u64 gpa, u64 end)
{
	u64 *table = walk->next;
	struct ept_run run = {
		.level = at->level - 1,
		.private = walk->next_private,
		.blank = walk->next_blank,
	};
	int err;

	walk->next = NULL;
	err = walk_table(walk, table, &run, gpa, end);
	if (!err && walk->visitor->close)
		walk->visitor->close(walk, at, table);
	if (walk->may_sleep)
		cond_resched();
	return err;
}

static int visit_run(struct ept_walk *walk, struct ept_run *run, u64 *gpa)
{
	const unsigned int shift = ept_level_shift(run->level);
	int done = walk->visitor->run ? walk->visitor->run(walk, run) : run->nr;
	u64 start;

	if (done < 0)
		return done;
	*gpa += (u64)done << shift;
	if (done == run->nr)
		return 0;
	run->entry += done;
	run->gpa = *gpa;
	run->nr = 1;
	start = *gpa;
	*gpa += 1ULL << shift;
	return walk_next(walk, run, start, *gpa);
}

static int visit_edge(struct ept_walk *walk, struct ept_run *run, u64 *gpa, u64 end)
{
	const u64 start = *gpa;
	const u64 entry = run->blank ? 0 : READ_ONCE(*run->entry);
	int err = 0;

	*gpa = min(end, run->gpa + ept_level_size(run->level));
	if (ept_pte_is_table(entry, run->level))
		ept_walk_open(walk, run, entry);
	else if (walk->visitor->edge)
		err = walk->visitor->edge(walk, run);
	if (err || !walk->next)
		return err;
	return walk_next(walk, run, start, *gpa);
}

/* Visits [gpa, end), which lies in @table. @run says what the table is like. */
static int walk_table(struct ept_walk *walk, u64 *table, struct ept_run *run, u64 gpa, u64 end)
{
	const u64 size = ept_level_size(run->level);
	int err;

	do {
		run->gpa = round_down(gpa, size);
		run->entry = table + ept_index(gpa, run->level);
		if (gpa == run->gpa && end - gpa >= size) {
			run->nr = (end - gpa) >> ept_level_shift(run->level);
			err = visit_run(walk, run, &gpa);
		} else {
			run->nr = 1;
			err = visit_edge(walk, run, &gpa, end);
		}
	} while (!err && gpa < end);
	return err;
}

/* The level of the lowest table that can hold all of [gpa, end), and more than one entry of it */
static enum ept_level lowest_level(u64 gpa, u64 end)
{
	const enum ept_level level = (fls64(gpa ^ (end - 1)) - 13) / EPT_INDEX_BITS;

	/* Exactly one entry of the level above is a covered one. */
	return end - gpa == ept_level_size(level + 1) ? level + 1 : level;
}

/*
 * Finds the lowest table that holds the whole range, which is where a pass begins: what is above
 * straddles, and has nothing else of the range in it. Passes after this call see the same tables as
 * long as nothing else changes them.
 */
void ept_walk_begin(struct ept_walk *walk)
{
	enum ept_level level = min(lowest_level(walk->gpa, walk->end), ept_root_level(walk->fmt));
	u64 value;

	walk->top = ept_table_of(ept_descend(walk->fmt, walk->root, walk->gpa, &level, &value));
	walk->top_level = level;
	walk->edges = !IS_ALIGNED(walk->gpa | walk->end, ept_level_size(walk->top_level));
	walk->next = NULL;
}

/*
 * Closes what became empty of the tables on the way to the walk's first address: @table, which has
 * entries of @level, and those above it.
 */
void ept_walk_close_empty(struct ept_walk *walk, u64 *table, enum ept_level level)
{
	u64 value;

	while (++level < walk->fmt->levels && !ept_table_live(table)) {
		enum ept_level at = level;
		const struct ept_run run = {
			.entry = ept_descend(walk->fmt, walk->root, walk->gpa, &at, &value),
			.gpa = round_down(walk->gpa, ept_level_size(level)),
			.nr = 1,
			.level = level,
		};

		walk->visitor->close(walk, &run, table);
		table = ept_table_of(run.entry);
	}
}

/* Visits the range. */
int ept_walk_pass(struct ept_walk *walk, const struct ept_visitor *visitor)
{
	struct ept_run run;
	int err;

	if (!walk->edges && !visitor->run)
		return 0;
	walk->visitor = visitor;
	run.level = walk->top_level;
	run.private = false;
	run.blank = false;
	err = walk_table(walk, walk->top, &run, walk->gpa, walk->end);
	if (!err && visitor->close)
		ept_walk_close_empty(walk, walk->top, walk->top_level);
	return err;
}

/*
 * How many tables it takes to map [gpa, end) below entries of @level that have none, where covered
 * entries of up to @leaf become leaves.
 */
u64 ept_walk_tables(u64 gpa, u64 end, enum ept_level level, enum ept_level leaf)
{
	u64 tables = 0;

	/* What gets a table is what isn't a leaf: covered above @leaf, or straddling. */
	for (; level > EPT_4K; level--) {
		const unsigned int shift = ept_level_shift(level);
		const u64 first = gpa >> shift, last = (end - 1) >> shift;

		if (level > leaf) {
			tables += last - first + 1;
			continue;
		}
		if (!IS_ALIGNED(gpa, ept_level_size(level)))
			tables++;
		if (!IS_ALIGNED(end, ept_level_size(level)) &&
		    (last != first || IS_ALIGNED(gpa, ept_level_size(level))))
			tables++;
	}
	return tables;
}
EXPORT_SYMBOL_IF_KUNIT(ept_walk_tables);
