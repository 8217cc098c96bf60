/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the operations that change a table share: judging arguments, locks, the passes, what is owed
 * to a flush, the splitting of a leaf.
 *
 * An operation is described once, by two visitors. The plan looks for what forbids the operation,
 * and counts the tables that it takes. When these are there, the commit changes the entries, and
 * cannot fail. ept_op_run() does that for any range. Most requests, though, lie in one table of 4K
 * entries that is there: no leaf is split, no table is made, and all is one run. ept_op_short()
 * hands that run to what the visitors are made of, inlined.
 */
#ifndef _EPT_OP_H
#define _EPT_OP_H

#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/sizes.h>

#include "ept_priv.h"

/*
 * Arguments: each has one judge, which returns 0 or the error. Those of addresses and attributes
 * see in a few instructions that nothing is wrong, and only then ask what is.
 */

/* Which of two arguments' errors a call returns: the first in the header's list */
static inline int ept_first_error(int one, int other)
{
	/* It begins with these, in the order of their numbers. */
	static_assert(EINVAL < ERANGE && ERANGE < EOPNOTSUPP);
	return one && other ? max(one, other) : one + other;
}

/* Bits of addresses that no page below 2^width has; the error, if one of these was found */
static inline int ept_address_error(u64 address)
{
	return address & (SZ_4K - 1) ? -EINVAL : -ERANGE;
}

static __always_inline int ept_judge_range(const struct ept *ept, u64 gpa, u64 size)
{
	/* The first and the last page, and how far they are apart: very far without a size. */
	const u64 apart = size - SZ_4K;

	if (likely(!((gpa | apart | (gpa + apart)) & ept->fmt.gpa_illegal)))
		return 0;
	return size ? ept_address_error(gpa | size) : -EINVAL;
}

/* Of a range that is judged, too */
static __always_inline int ept_judge_hpa(const struct ept *ept, phys_addr_t hpa, u64 size)
{
	if (likely(!((hpa | (hpa + size - SZ_4K)) & ept->fmt.hpa_illegal)))
		return 0;
	return ept_address_error(hpa);
}

static inline int ept_judge_gather(const struct ept *ept, const struct ept_gather *gather)
{
	return gather->ept == ept ? 0 : -EINVAL;
}

static inline int ept_judge_level(enum ept_level level)
{
	return level <= EPT_1G ? 0 : -EINVAL;
}

/*
 * Calls a function that was passed no gather once more, with one of its own, which is flushed
 * before it returns. On an error nothing has changed, and nothing is in it.
 */
#define ept_flushed(table, own, call)			\
({							\
	struct ept_gather own;				\
	int _ret;					\
							\
	ept_gather_init(&(own), table);			\
	_ret = call;					\
	if (likely(_ret >= 0))				\
		ept_gather_flush(&(own));		\
	_ret;						\
})

/* Not of an atomic table: in an exit handler no event may be recorded. */
#define ept_trace(event, table, ...)						\
do {										\
	if (trace_##event##_enabled() && !(table)->store.atomic)		\
		trace_##event((table)->pointer, __VA_ARGS__);			\
} while (0)

/*
 * Locking. A table has one lock, that of the client where it is external. Who holds it changes the
 * table alone, but for CPUs.
 *
 * Who maps one leaf excludes those only. It takes no lock, but says on its own CPU that it maps,
 * and then looks for who holds the lock; who took the lock then looks who maps. So one of both sees
 * the other, and no word is written by all CPUs that map.
 */

/* @type: for lockdep: 0, the client's lock is held for itself alone; -1, or shared */
static inline void ept_assert_external(const struct ept *ept, int type)
{
	if (ept->external_lock)
		lockdep_assert(lock_is_held_type(ept->external_lock, type));
}

void ept_await_turn(struct ept *ept);

/* With the lock held, which keeps others from beginning: waits for those that map a leaf. */
static inline void ept_await_maps(const struct ept *ept)
{
	/* On x86 whatever takes a lock is a full barrier. Pairs with that in ept_enter_shared(). */
	const struct ept_cpu *cpu = READ_ONCE(ept->first_cpu);

	for (; cpu; cpu = cpu->next)
		/* Pairs with the releases: what was mapped is seen. */
		while (smp_load_acquire(&cpu->mapping))
			cpu_relax();
}

static inline void ept_lock(struct ept *ept)
{
	if (unlikely(ept->external)) {
		ept_assert_external(ept, 0);
		return;
	}
	down_write(&ept->lock);
	if (unlikely(ept->paused))
		ept_await_turn(ept);
	ept_await_maps(ept);
}

static inline void ept_unlock(struct ept *ept)
{
	if (likely(!ept->external))
		up_write(&ept->lock);
}

/*
 * The short way, of a table with a lock of its own: nothing may sleep until ept_leave_shared() of
 * @entered. Only the long one sleeps; a call of the scheduler in each would cost a tenth of a map.
 * False: the lock is held for a change. Who shares it keeps nobody from the short way: it may be
 * preempted, and where many map at once there would always be one.
 */
static __always_inline bool ept_try_enter_shared(struct ept *ept, struct ept_cpu **entered)
{
	struct ept_cpu *cpu;

	__might_sleep(__FILE__, __LINE__);
	might_lock_read(&ept->lock);
	preempt_disable();
	cpu = ept_this_cpu(ept);
	if (unlikely(!cpu->listed))
		ept_cpu_appears(ept, cpu);
	*entered = cpu;
	/* A full barrier. Pairs with what takes the lock in ept_lock(). */
	xchg(&cpu->mapping, true);
	if (likely(!ept_rwsem_is_written(&ept->lock)))
		return true;
	/* Pairs with the acquire in ept_lock(). */
	smp_store_release(&cpu->mapping, false);
	preempt_enable();
	return false;
}

/* The long way, for NULL in the place of a CPU */
static inline struct ept_cpu *ept_wait_shared(struct ept *ept)
{
	atomic_inc(&ept->waiting);
	down_read(&ept->lock);
	atomic_inc(&ept->came_in);
	atomic_dec(&ept->waiting);
	return NULL;
}

static __always_inline struct ept_cpu *ept_enter_shared(struct ept *ept)
{
	struct ept_cpu *cpu;

	if (unlikely(ept->external)) {
		ept_assert_external(ept, -1);
		return NULL;
	}
	return likely(ept_try_enter_shared(ept, &cpu)) ? cpu : ept_wait_shared(ept);
}

static __always_inline void ept_leave_shared(struct ept *ept, struct ept_cpu *cpu)
{
	if (likely(cpu)) {
		/* Pairs with the acquire in ept_lock(). */
		smp_store_release(&cpu->mapping, false);
		preempt_enable();
	} else if (!ept->external) {
		up_read(&ept->lock);
	}
}

/**
 * struct ept_guard - as of ept_map_if()
 * @seq: a number of the client's that must not change; NULL: none
 * @seen: what it was
 */
struct ept_guard {
	const unsigned long	*seq;
	unsigned long		seen;
};

/* With changes excluded, or shared with one-leaf maps */
static __always_inline int ept_guard_check(const struct ept_guard *guard)
{
	return guard->seq && READ_ONCE(*guard->seq) != guard->seen ? -EAGAIN : 0;
}

/*
 * What is owed to a flush
 */

/* Changes between these two are one to a flush, if any of them asks for one. */
static inline void ept_begin(struct ept *ept, struct ept_gather *gather)
{
	ept_lock(ept);
	gather->owes = false;
}

static inline void ept_end(struct ept *ept, struct ept_gather *gather)
{
	if (gather->owes) {
		gather->change = ept->changes + 1;
		/* Whoever sees the number sees the entries, too. */
		smp_store_release(&ept->changes, gather->change);
	}
	ept_unlock(ept);
}

/* Whether changes are there that no invalidation covers */
static inline bool ept_is_due(const struct ept *ept)
{
	/* With a change's number come its entries, with an invalidation's what CPUs set before. */
	const u64 changes = smp_load_acquire(&ept->changes);

	return atomic64_read_acquire(&ept->flushed) < (s64)changes;
}

/* With changes excluded: whether a CPU may hold rights that an entry of the table lacks */
static inline bool ept_is_stale(const struct ept *ept)
{
	return ept->changes != atomic64_read(&ept->flushed) || !list_empty(&ept->unfolded);
}

/* Whether a CPU may set accessed or dirty in a linked entry. Mostly the entry alone decides. */
static __always_inline bool ept_is_volatile(const struct ept *ept, u64 entry)
{
	return ept_pte_is_volatile(&ept->fmt, entry) ||
	       (ept_pte_is_volatile_when_stale(&ept->fmt, entry) && ept_is_stale(ept));
}

/* A table that was unlinked, with all tables below it, is freed after the flush. */
static inline void ept_gather_retire(struct ept_gather *gather, u64 *table)
{
	ept_table_retire(&gather->dead, table);
	if (!(ept_hooks.overlook & EPT_OVERLOOK_TABLES))
		gather->owes = true;
}

/* The same for one that a leaf replaces, and in which CPUs may set flags of that leaf until then */
static inline void ept_gather_retire_merged(struct ept_gather *gather, u64 *table)
{
	if (!gather->merged)
		list_add(&gather->node, &gather->ept->unfolded);
	ept_table_retire(&gather->merged, table);
	if (!(ept_hooks.overlook & EPT_OVERLOOK_TABLES))
		gather->owes = true;
}

/* The one place that says whether a change owes a flush */
static inline void ept_gather_note(const struct ept *ept, struct ept_gather *gather,
				   const struct ept_run *run, u64 old, u64 new)
{
	if (!run->private &&
	    ept_pte_needs_invept(&ept->fmt, old, new ^ ((old ^ new) & ept_hooks.overlook)))
		gather->owes = true;
}

/*
 * An operation
 */

/**
 * struct ept_op - an operation under way
 * @walk: over its range
 * @runs: visited while a one-leaf map waited, since the last pause
 * @ept: the table
 * @pool: the tables that it takes
 * @need: how many the plan counted
 * @verdict: an error that the plan found, unless it ended in one that comes first
 * @gather: owed a flush
 * @permit: asked before the plan, with changes excluded; what it returns but 0 ends the operation
 * @folds: accessed and dirty that a merge has yet to collect matter,
 * @reports: and are final
 * @then: a second pass of the commit, or NULL
 * @split: the linked leaf that is being split, as it was copied into its parts
 * @fresh: what the operation leaves in the range is new: what happened to a leaf that was there
 *	before doesn't concern it
 */
struct ept_op {
	struct ept_walk		walk;
	unsigned int		runs;
	struct ept		*ept;
	struct ept_pool		pool;
	u64			need;
	int			verdict;
	struct ept_gather	*gather;
	int			(*permit)(struct ept_op *op);
	bool			folds;
	bool			reports;
	const struct ept_visitor *then;
	u64			split;
	bool			fresh;
};

static inline struct ept_op *to_ept_op(struct ept_walk *walk)
{
	return container_of(walk, struct ept_op, walk);
}

/* Field by field: what a walk or a run of the operation sets first isn't zeroed before. */
static inline void ept_op_init(struct ept_op *op, struct ept_gather *gather, u64 gpa, u64 size)
{
	struct ept *ept = gather->ept;

	op->walk.fmt = &ept->fmt;
	op->walk.root = ept->root;
	op->walk.gpa = gpa;
	op->walk.end = gpa + size;
	op->walk.may_sleep = !ept->store.atomic;
	op->runs = 0;
	op->ept = ept;
	op->pool = (struct ept_pool){};
	op->gather = gather;
	op->permit = NULL;
	op->folds = false;
	op->reports = false;
	op->then = NULL;
	op->fresh = false;
}

int ept_op_run(struct ept_op *op, const struct ept_visitor *plan,
	       const struct ept_visitor *commit);
void ept_op_pause(struct ept *ept);
void ept_op_open_split(struct ept_op *op, const struct ept_run *run, unsigned int i);
void ept_op_close_split(struct ept_op *op, const struct ept_run *run, u64 *table);
void ept_op_close_leaf(struct ept_walk *walk, const struct ept_run *run, u64 *table);

/* A pause takes at least as long as so many runs, which are visited between two of them. */
#define EPT_OP_RUNS	32

/*
 * For who has read nothing yet of what it visits, and for whom it makes no difference whether a
 * hole became a leaf before or after: lets faults in. @runs: as of struct ept_op; @more: what comes
 * next counts as so many
 */
static __always_inline void ept_let_in(struct ept *ept, unsigned int *runs, unsigned int more)
{
	/* Nobody waits for the lock of a table that is locked by its client. */
	if (likely(!atomic_read(&ept->waiting)))
		return;
	*runs += more;
	if (*runs < EPT_OP_RUNS)
		return;
	*runs = 0;
	ept_op_pause(ept);
}

static __always_inline void ept_op_let_in(struct ept_op *op)
{
	ept_let_in(op->ept, &op->runs, 1);
}

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

/* Bits of a bitmap of any length, which bitmap_set() alone doesn't know above 2^32 */
static inline void ept_set_bits(unsigned long *bitmap, unsigned long first, unsigned long nr)
{
	bitmap_set(bitmap + BIT_WORD(first), first % BITS_PER_LONG, nr);
}

/* What an operation does to a run of 4K entries: 0, an error, or 1: it is no simple one */
typedef int (*ept_short_fn)(struct ept *ept, struct ept_gather *gather, const struct ept_run *run,
			    void *arg);

/*
 * Does a request that lies in one table of 4K entries, which is there, if the run is a simple one.
 * Returns what @visit returns, or 1: it is for ept_op_run(). For one entry, the compiler unrolls
 * all loops over the run.
 */
static __always_inline int ept_op_short(struct ept *ept, struct ept_gather *gather, u64 gpa,
					u64 size, ept_short_fn visit, void *arg)
{
	enum ept_level level = EPT_4K;
	struct ept_run run = { .gpa = gpa, .nr = 1, .level = EPT_4K };
	u64 value;
	int ret = 1;

	if (size > SZ_2M || (gpa ^ (gpa + size - SZ_4K)) >= SZ_2M)
		return 1;
	ept_begin(ept, gather);
	run.entry = ept_descend(&ept->fmt, ept->root, gpa, &level, &value);
	if (likely(level == EPT_4K)) {
		if (size == SZ_4K) {
			ret = visit(ept, gather, &run, arg);
		} else {
			run.nr = size >> ept_level_shift(EPT_4K);
			ret = visit(ept, gather, &run, arg);
		}
	}
	ept_end(ept, gather);
	return ret;
}

#endif /* _EPT_OP_H */
