/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic walker: takes a range apart into runs of covered entries and straddling entries,
 * table by table, and hands these to a visitor. Knows no operation, no flush and no capability.
 *
 *         gpa                                              end
 *   EPT_2M |--straddling--|--covered--|--covered--|--straddling--|
 *                  |       \_____ one run ______/        |
 *   EPT_4K     ...|run of covered|             |run of covered|...
 *
 * An entry straddles at most at the two edges of the range, and at EPT_4K none does. So a walk
 * calls its visitor once a run, and at most twice a level beyond that.
 */
#ifndef _EPT_WALK_H
#define _EPT_WALK_H

#include "ept_table.h"

/**
 * struct ept_run - neighbouring entries of one table
 * @entry: the first
 * @gpa: where the first begins
 * @nr: how many; 1 where the entry straddles
 * @level: of the entries
 * @private: the table isn't linked: neither a CPU nor a reader sees it
 * @blank: the table is private, and its contents are undefined: write each entry, read none
 */
struct ept_run {
	u64		*entry;
	u64		gpa;
	unsigned int	nr;
	enum ept_level	level;
	bool		private;
	bool		blank;
};

struct ept_walk;

/**
 * struct ept_visitor - what an operation does on a walk
 * @run: Deals with a run of covered entries. Returns how many of them it dealt with, from the
 *	front, or an error, which ends the walk. To have the walker open the next one, it names the
 *	table (ept_walk_open(), ept_walk_open_private()) and stops short of it; the walker calls
 *	again for the rest. NULL: covered entries don't matter.
 * @edge: Deals with a leaf or hole that straddles. Returns 0, or an error; may name a table to
 *	open. The walker opens straddling tables by itself. NULL: nothing to do.
 * @close: The walker is back from @table, to which the one entry of @run led or will lead. NULL:
 *	nothing to do.
 */
struct ept_visitor {
	int (*run)(struct ept_walk *walk, const struct ept_run *run);
	int (*edge)(struct ept_walk *walk, const struct ept_run *run);
	void (*close)(struct ept_walk *walk, const struct ept_run *run, u64 *table);
};

/**
 * struct ept_walk - a walk over a range; operations embed it
 * @fmt: the table's format
 * @root: its root
 * @gpa: where the range begins
 * @end: where it ends
 * @may_sleep: reschedule between tables
 * @top: the lowest table that holds the whole range, where passes begin
 * @top_level: of its entries
 * @edges: an entry of @top straddles
 * @visitor: of this pass
 * @next: the table that the visitor wants opened, or NULL
 * @next_private: ept_run.private of that table
 * @next_blank: ept_run.blank of that table
 */
struct ept_walk {
	const struct ept_format		*fmt;
	u64				*root;
	u64				gpa;
	u64				end;
	bool				may_sleep;

	u64				*top;
	enum ept_level			top_level;
	bool				edges;
	const struct ept_visitor	*visitor;
	u64				*next;
	bool				next_private;
	bool				next_blank;
};

void ept_walk_begin(struct ept_walk *walk);
int ept_walk_pass(struct ept_walk *walk, const struct ept_visitor *visitor);
void ept_walk_close_empty(struct ept_walk *walk, u64 *table, enum ept_level level);
u64 ept_walk_tables(u64 gpa, u64 end, enum ept_level level, enum ept_level leaf);

/*
 * Goes down from the root, as far as there are tables, to the entry of *@level that @gpa selects.
 * Returns the entry where it ended, its level, and its value: the one that it was found to be no
 * table by, as another may link one there meanwhile. Unrolled, so that shifts are constants: all
 * work on a single entry begins here, and each pass.
 */
static __always_inline u64 *ept_descend(const struct ept_format *fmt, u64 *table, u64 gpa,
					enum ept_level *level, u64 *value)
{
	const enum ept_level lowest = *level;
	u64 *entry;

	if (unlikely(fmt->levels == EPT_MAX_LEVELS)) {
		entry = table + ept_index(gpa, EPT_256T);
		*value = READ_ONCE(*entry);
		*level = EPT_256T;
		if (lowest == EPT_256T || !ept_pte_is_table(*value, EPT_256T))
			return entry;
		table = ept_table_at(*value);
	}
#pragma GCC unroll 3
	for (enum ept_level at = EPT_512G; at > EPT_4K; at--) {
		entry = table + ept_index(gpa, at);
		*value = READ_ONCE(*entry);
		*level = at;
		if (lowest == at || !ept_pte_is_table(*value, at))
			return entry;
		table = ept_table_at(*value);
	}
	entry = table + ept_index(gpa, EPT_4K);
	*value = READ_ONCE(*entry);
	*level = EPT_4K;
	return entry;
}

/* The table that an entry is in */
static inline u64 *ept_table_of(u64 *entry)
{
	return PTR_ALIGN_DOWN(entry, PAGE_SIZE);
}

/* For a visitor: open the linked table that @entry, as the visitor read it, points to. */
static inline void ept_walk_open(struct ept_walk *walk, const struct ept_run *run, u64 entry)
{
	walk->next = ept_table_at(entry);
	walk->next_private = run->private;
	walk->next_blank = false;
}

/* For a visitor: open a table that it will link when the walker closes it. */
static inline void ept_walk_open_private(struct ept_walk *walk, u64 *table, bool blank)
{
	walk->next = table;
	walk->next_private = true;
	walk->next_blank = blank;
}

/* The part of the range that lies in the first entry of a run */
static inline u64 ept_run_start(const struct ept_walk *walk, const struct ept_run *run)
{
	return max(walk->gpa, run->gpa);
}

static inline u64 ept_run_end(const struct ept_walk *walk, const struct ept_run *run)
{
	return min(walk->end, run->gpa + ept_level_size(run->level));
}

#endif /* _EPT_WALK_H */
