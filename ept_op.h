/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the operations that change a table share: locks, checks of arguments, the passes, what is
 * owed to a flush, the splitting of a leaf.
 *
 * An operation has two passes over its range, with a visitor each. The plan looks for what forbids
 * the operation, and counts the tables that it takes. When these are there, the commit changes the
 * entries, and cannot fail.
 */
#ifndef _EPT_OP_H
#define _EPT_OP_H

#include "ept_priv.h"

/*
 * Locking
 */

/* @subclass: for lockdep, 0 where no other table's lock is taken meanwhile */
static inline void ept_lock_nested(struct ept *ept, int subclass)
{
	if (likely(!ept->external))
		down_write_nested(&ept->lock, subclass);
	else if (ept->external_lock)
		lockdep_assert(lock_is_held(ept->external_lock));
}

static inline void ept_lock(struct ept *ept)
{
	ept_lock_nested(ept, 0);
}

static inline void ept_unlock(struct ept *ept)
{
	if (likely(!ept->external))
		up_write(&ept->lock);
}

static inline void ept_lock_shared(struct ept *ept)
{
	if (likely(!ept->external))
		down_read(&ept->lock);
	else if (ept->external_lock)
		lockdep_assert(lock_is_held(ept->external_lock));
}

static inline void ept_unlock_shared(struct ept *ept)
{
	if (likely(!ept->external))
		up_read(&ept->lock);
}

/*
 * Arguments
 */

static inline bool ept_aligned(u64 value)
{
	return IS_ALIGNED(value, ept_level_size(EPT_4K));
}

static inline bool ept_range_valid(const struct ept *ept, u64 gpa, u64 size)
{
	return !IS_ERR_OR_NULL(ept) && size && ept_aligned(gpa | size);
}

static inline bool ept_gather_valid(const struct ept *ept, const struct ept_gather *gather)
{
	return !gather || gather->ept == ept;
}

/* Whether [start, start + size) lies below 2^bits */
static inline bool ept_fits(u64 start, u64 size, unsigned int bits)
{
	const u64 limit = 1ULL << bits;

	return start < limit && size <= limit - start;
}

/**
 * struct ept_op - an operation under way
 * @walk: over its range
 * @ept: the table
 * @pool: the tables that it takes
 * @need: how many the plan counted
 * @verdict: an error that the plan found, unless it ended in one that comes first
 * @gather: owed a flush
 * @split: the linked leaf that is being split, as it was copied into its parts
 * @fresh: what the operation leaves in the range is new: what happened to a leaf that was there
 *	before doesn't concern it
 */
struct ept_op {
	struct ept_walk		walk;
	struct ept		*ept;
	struct ept_pool		pool;
	u64			need;
	int			verdict;
	struct ept_gather	*gather;
	u64			split;
	bool			fresh;
};

static inline struct ept_op *to_ept_op(struct ept_walk *walk)
{
	return container_of(walk, struct ept_op, walk);
}

/* Field by field: what a walk or a run of the operation sets first isn't zeroed before. */
static inline void ept_op_init(struct ept_op *op, struct ept *ept, u64 gpa, u64 size,
			       struct ept_gather *gather)
{
	op->walk.fmt = &ept->fmt;
	op->walk.root = ept->root;
	op->walk.gpa = gpa;
	op->walk.end = gpa + size;
	op->walk.may_sleep = !ept->store.atomic;
	op->ept = ept;
	op->pool.first = NULL;
	op->pool.nr = 0;
	op->pool.reserved = 0;
	op->gather = gather;
	op->fresh = false;
}

int ept_op_run(struct ept_op *op, const struct ept_visitor *plan,
	       const struct ept_visitor *commit);
int ept_op_run_flush(struct ept_op *op, const struct ept_visitor *plan,
		     const struct ept_visitor *commit);
bool ept_op_commit_part(struct ept_op *op, const struct ept_visitor *commit);
void ept_op_open_split(struct ept_op *op, const struct ept_run *run, unsigned int i);
void ept_op_close_split(struct ept_op *op, const struct ept_run *run, u64 *table);
void ept_op_close_leaf(struct ept_walk *walk, const struct ept_run *run, u64 *table);

static inline bool ept_op_covers(const struct ept_op *op, u64 gpa, enum ept_level level)
{
	return gpa >= op->walk.gpa && gpa + ept_level_size(level) <= op->walk.end;
}

static inline void ept_op_link(const struct ept_op *op, const struct ept_run *run, const u64 *table)
{
	/* What was written to the table is seen by whoever sees the entry that links it. */
	smp_store_release(run->entry, ept_pte_table(&op->ept->fmt, ept_table_phys(table)));
}

/* Whether all entries of a run are leaves, and what bits any and all of them have */
static inline bool ept_run_only_leaves(const struct ept_run *run, u64 *any, u64 *all)
{
	*any = ept_entries_any_all(run->entry, run->nr, all);
	return ept_pte_is_leaf(*all, run->level);
}

/*
 * What is owed to a flush
 */

/* With changes excluded: whoever sees what was changed sees that a flush is under way, too. */
static inline void ept_gather_owe(struct ept_gather *gather)
{
	if (gather->flush)
		return;
	gather->flush = true;
	if (gather->own)
		atomic_inc(&gather->ept->flushing);
}

/* A table that was unlinked, with all tables below it, is freed after the flush. */
static inline void ept_gather_retire(struct ept_gather *gather, u64 *table)
{
	ept_table_retire(&gather->dead, table);
	if (!(ept_overlooked() & EPT_OVERLOOK_TABLES))
		ept_gather_owe(gather);
}

/* The one place that says whether a change owes a flush */
static inline void ept_gather_note(struct ept_gather *gather, const struct ept_run *run, u64 old,
				   u64 new)
{
	if (!run->private && !gather->flush &&
	    ept_pte_needs_invept(&gather->ept->fmt, old, new ^ ((old ^ new) & ept_overlooked())))
		ept_gather_owe(gather);
}

/*
 * Requests with nothing special about them are told apart by a few instructions. All others are
 * looked at one argument after the other, so that each gets the error that it should.
 */

/* Whether a table and a range of it are valid */
static __always_inline bool ept_range_plain(const struct ept *ept, u64 gpa, u64 size)
{
	/* Without a size, it lies before gpa. */
	const u64 last = gpa + size - ept_level_size(EPT_4K);

	return !IS_ERR_OR_NULL(ept) && !((gpa | last) & ept->fmt.gpa_illegal) && gpa <= last;
}

/*
 * Short requests: a valid range lies in one table of 4K entries, and that is there. No leaf is
 * split and no table is made, so it takes no plan, and as it is one run, no walk. @whole: also
 * where it is all that the table maps.
 */
static __always_inline bool ept_range_short(u64 gpa, u64 size, bool whole)
{
	const u64 span = ept_level_size(EPT_2M);

	return size == ept_level_size(EPT_4K) ||
	       ((gpa ^ (gpa + size - 1)) < span && (whole || size != span));
}

/* Finds it, and its first entry's value, if there is such a table; otherwise the entry above it. */
static __always_inline bool ept_find_short_run(const struct ept *ept, u64 gpa, u64 size,
					       struct ept_run *run, u64 *first)
{
	enum ept_level level = EPT_4K;

	run->entry = ept_descend(&ept->fmt, ept->root, gpa, &level, first);
	run->gpa = gpa;
	run->nr = size >> ept_level_shift(EPT_4K);
	run->level = level;
	run->private = false;
	run->blank = false;
	return level == EPT_4K;
}

#endif /* _EPT_OP_H */
