// SPDX-License-Identifier: GPL-2.0
/*
 * What the operations that change a table share. See ept_op.h.
 */
#include <linux/delay.h>
#include <linux/wait_bit.h>

#include "ept_op.h"

/*
 * A long operation pauses: it lets its lock go, and whoever gets it but to map a leaf lets it go,
 * too, until the operation has it back.
 */

/* With the lock held, by who doesn't map a leaf */
void ept_await_turn(struct ept *ept)
{
	do {
		up_write(&ept->lock);
		wait_var_event(&ept->paused, !READ_ONCE(ept->paused));
		down_write(&ept->lock);
	} while (ept->paused);
}
EXPORT_SYMBOL_IF_KUNIT(ept_await_turn);

/* Who isn't run so long, and hasn't got the lock, comes in at the next pause. */
#define MAX_SLEEPS	16

void ept_op_pause(struct ept *ept)
{
	/* Nobody comes in yet, and those that come from now on needn't be waited for. */
	const int last = atomic_read(&ept->came_in) + atomic_read(&ept->waiting);

	WRITE_ONCE(ept->paused, true);
	up_write(&ept->lock);
	if (ept_hooks.pausing)
		ept_hooks.pausing(ept);
	/*
	 * Whoever is first in the queue has to wake up, to let the next one in, and this one, which
	 * is awake, would have the lock before them.
	 */
	for (unsigned int i = 0; last - atomic_read(&ept->came_in) > 0 && i < MAX_SLEEPS; i++)
		usleep_range(10, 20);
	down_write(&ept->lock);
	/* A full barrier. Pairs with that between who waits in ept_await_turn() and its look. */
	smp_store_mb(ept->paused, false);
	wake_up_var(&ept->paused);
	ept_await_maps(ept);
}

/* Flags that merges have yet to collect are those of the leaves from now on. */
static void ept_op_fold(struct ept_op *op)
{
	enum ept_level first = EPT_4K, last = EPT_4K;
	const struct ept_walk *walk = &op->walk;
	u64 value;

	if (likely(list_empty(&op->ept->unfolded)))
		return;
	if (op->reports) {
		/* Leaves that the range cuts may go whole. */
		ept_descend(walk->fmt, walk->root, walk->gpa, &first, &value);
		ept_descend(walk->fmt, walk->root, walk->end - SZ_4K, &last, &value);
		ept_retract_merged(op->ept, round_down(walk->gpa, ept_level_size(first)),
				   round_up(walk->end, ept_level_size(last)));
	}
	ept_fold_all(op->ept, walk->gpa, walk->end);
}

/* With changes excluded: the plan's verdict, and in op->need the tables that the commit takes */
static int ept_op_plan(struct ept_op *op, const struct ept_visitor *plan)
{
	int err = op->permit ? op->permit(op) : 0;

	if (err)
		return err;
	if (op->folds)
		ept_op_fold(op);
	op->need = 0;
	op->verdict = 0;
	ept_walk_begin(&op->walk);
	err = plan ? ept_walk_pass(&op->walk, plan) : 0;
	return err ?: op->verdict;
}

static void ept_op_commit(struct ept_op *op, const struct ept_visitor *commit)
{
	ept_walk_pass(&op->walk, commit);
	if (!op->then)
		return;
	/* There may be tables now where there were none. */
	ept_walk_begin(&op->walk);
	ept_walk_pass(&op->walk, op->then);
}

/* Under the lock. Returns whether the pool has what the plan needs. */
static bool fill_at_once(struct ept_op *op)
{
	if (ept_hooks.nothing_at_once && op->pool.nr < op->need)
		return false;
	return ept_pool_fill_at_once(&op->pool, &op->ept->store, op->need);
}

/*
 * Plans until the tables that it takes are there, then commits. Without a plan it takes none, and
 * cannot fail. Under the lock nothing waits for memory: reclaim may call a client that changes the
 * table. So what isn't to be had at once is waited for without it, and the plan is made again.
 */
int ept_op_run(struct ept_op *op, const struct ept_visitor *plan,
	       const struct ept_visitor *commit)
{
	struct ept_store *store = &op->ept->store;
	int err;

	if (ept_hooks.planning)
		ept_hooks.planning(op->ept);
	for (;;) {
		ept_begin(op->ept, op->gather);
		err = ept_op_plan(op, plan);
		if (err || fill_at_once(op))
			break;
		ept_end(op->ept, op->gather);
		err = ept_pool_fill(&op->pool, store, op->need);
		if (err)
			goto out;
	}
	if (!err)
		ept_op_commit(op, commit);
	ept_end(op->ept, op->gather);
out:
	ept_pool_drain(&op->pool, store);
	return err;
}

/*
 * Splitting a leaf
 */

/*
 * Opens a table that has what the leaf at index @i of @run has, and which is linked when it is
 * closed.
 */
void ept_op_open_split(struct ept_op *op, const struct ept_run *run, unsigned int i)
{
	const u64 leaf = READ_ONCE(run->entry[i]);
	const u64 first = ept_pte_split(leaf, run->level);
	const enum ept_level level = run->level - 1;
	u64 *table = ept_pool_take(&op->pool, level, run->gpa + i * ept_level_size(run->level));

	ept_entries_fill(table, EPT_ENTRIES, first, ept_pte_step(leaf, level));
	ept_table_add_live(table, EPT_ENTRIES);
	if (!run->private)
		op->split = leaf;
	atomic64_inc(&op->ept->splits);
	ept_walk_open_private(&op->walk, table, false);
}

/* Whether a leaf among another one's parts is of what that was: the same memory, not made anew */
static bool is_part(const struct ept_op *op, u64 part, enum ept_level level, u64 gpa, u64 offset)
{
	return !ept_pte_is_hole(part) && !(op->fresh && ept_op_covers(op, gpa, level)) &&
	       ept_pte_leaf_address(&op->ept->fmt, part) - gpa == offset;
}

/* Adds accessed and dirty to the parts of a leaf in an unlinked tree. Its hpa is gpa + @offset. */
static void add_ad(const struct ept_op *op, u64 *table, enum ept_level level, u64 offset, u64 ad)
{
	u64 gpa = ept_table_gpa(table);

	for (unsigned int i = 0; i < EPT_ENTRIES; i++, gpa += ept_level_size(level)) {
		if (ept_pte_is_table(table[i], level))
			add_ad(op, ept_table_at(table[i]), level - 1, offset, ad);
		else if (is_part(op, table[i], level, gpa, offset))
			table[i] |= ad;
	}
}

/* Links the parts in the leaf's place. A CPU may have used the leaf since it was copied. */
void ept_op_close_split(struct ept_op *op, const struct ept_run *run, u64 *table)
{
	const u64 entry = ept_pte_table(&op->ept->fmt, ept_table_phys(table));
	u64 leaf = op->split;

	if (run->private) {
		ept_op_link(op, run, table);
		return;
	}
	while (!try_cmpxchg64(run->entry, &op->split, entry)) {
		add_ad(op, table, run->level - 1,
		       ept_pte_leaf_address(&op->ept->fmt, leaf) - run->gpa, op->split & ~leaf);
		leaf = op->split;
	}
	ept_gather_note(op->ept, op->gather, run, leaf, entry);
}

/* For a visitor's close: the walker is back from a leaf's parts, or from a table that was there. */
void ept_op_close_leaf(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	if (ept_pte_is_leaf(READ_ONCE(*run->entry), run->level))
		ept_op_close_split(to_ept_op(walk), run, table);
}
