// SPDX-License-Identifier: GPL-2.0
/*
 * ept_protect(), ept_set_memtype(), ept_set_attrs(): what changes leaves in place, but for their
 * addresses.
 */
#include <linux/err.h>

#include "ept_op.h"
#include "ept_trace.h"

/**
 * struct change - what ept_protect(), ept_set_memtype() and ept_set_attrs() do to a leaf
 * @clear: attribute bits to take
 * @set: attribute bits to give; wins
 * @prot_clear: EPT_PROT_* bits to take
 * @prot_set: EPT_PROT_* bits to give
 * @judge: the new rights may be illegal, which depends on the old ones
 * @shrink: large leaves may have to be split, as the new attributes need small ones
 */
struct change {
	u64	clear;
	u64	set;
	u32	prot_clear;
	u32	prot_set;
	bool	judge;
	bool	shrink;
};

struct change_op {
	struct ept_op		op;
	const struct change	*change;
};

static struct change_op *to_change_op(struct ept_walk *walk)
{
	return container_of(walk, struct change_op, op.walk);
}

static u64 change_leaf(const struct ept_format *fmt, const struct change *change, u64 leaf)
{
	return ept_pte_change(fmt, leaf, change->clear, change->set);
}

static int change_judge(struct change_op *op, u64 leaf)
{
	const struct change *change = op->change;
	u32 prot = ept_prot_from_bits(leaf);

	if (!change->judge)
		return 0;
	prot = (prot & ~change->prot_clear) | change->prot_set;
	if (!ept_prot_valid(prot))
		return -EINVAL;
	/* What is never legal comes first, wherever in the range it is. */
	if (!ept_prot_supported(&op->op.ept->fmt, prot))
		op->op.verdict = -EOPNOTSUPP;
	return 0;
}

/* Judges a leaf, and counts the tables that its change takes. */
static int change_plan_leaf(struct change_op *op, const struct ept_run *run, u64 leaf, u64 gpa,
			    u64 end)
{
	const struct ept_format *fmt = op->op.walk.fmt;
	const u64 new = change_leaf(fmt, op->change, leaf);
	const enum ept_level largest = min(ept_pte_max_leaf(fmt, new), run->level);

	if (new != leaf)
		op->op.need += ept_walk_tables(gpa, end, run->level, largest);
	return change_judge(op, leaf);
}

static int change_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);
	const u64 size = ept_level_size(run->level);

	if (!op->change->judge && !op->change->shrink)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;
		int err;

		if (ept_pte_is_hole(entry))
			continue;
		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		err = change_plan_leaf(op, run, entry, gpa, gpa + size);
		if (err)
			return err;
	}
	return run->nr;
}

static int change_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	const u64 entry = READ_ONCE(*run->entry);

	if (ept_pte_is_hole(entry))
		return 0;
	return change_plan_leaf(to_change_op(walk), run, entry, ept_run_start(walk, run),
				ept_run_end(walk, run));
}

static const struct ept_visitor change_plan = {
	.run = change_plan_run,
	.edge = change_plan_edge,
};

/*
 * Changes all leaves of a run alike, if that is right for each: they have rights before and after,
 * and may be as large as they are.
 */
static __always_inline bool change_all(struct ept_gather *gather, const struct ept_run *run,
				       const struct change *change)
{
	const struct ept_format *fmt = &gather->ept->fmt;
	u64 any, all;

	if (!ept_run_only_leaves(run, &any, &all) || !(all & fmt->rights) ||
	    !(((all & ~change->clear) | change->set) & fmt->rights) ||
	    run->level > ept_pte_max_leaf(fmt, any | change->set))
		return false;
	/* Whether some leaf is volatile: the most rights of any, the least of accessed and dirty */
	if (!run->private &&
	    ept_pte_is_volatile(fmt, (any & ~EPT_PTE_AD) | (all & EPT_PTE_AD)))
		ept_entries_change_atomic(run->entry, run->nr, change->clear, change->set);
	else
		ept_entries_change(run->entry, run->nr, change->clear, change->set);
	/* Each bit that some leaf had, and each that some leaf lacked, stands for that leaf. */
	ept_gather_note(gather, run, any, change_leaf(fmt, change, any));
	ept_gather_note(gather, run, all, change_leaf(fmt, change, all));
	return true;
}

static __always_inline void change_one(struct ept_gather *gather, const struct ept_run *run,
				       u64 *entry, u64 old, const struct change *change)
{
	const struct ept_format *fmt = &gather->ept->fmt;
	u64 new = change_leaf(fmt, change, old);

	if (run->private || !ept_pte_is_volatile(fmt, old))
		WRITE_ONCE(*entry, new);
	else
		while (!try_cmpxchg64(entry, &old, new))
			new = change_leaf(fmt, change, old);
	ept_gather_note(gather, run, old, new);
}

/* Changes the leaves of a run, one by one, up to what is to be opened. */
static int change_each(struct change_op *op, const struct ept_run *run)
{
	struct ept_walk *walk = &op->op.walk;

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 old = READ_ONCE(run->entry[i]);
		const u64 new = change_leaf(walk->fmt, op->change, old);

		if (ept_pte_is_hole(old))
			continue;
		if (ept_pte_is_table(old, run->level)) {
			ept_walk_open(walk, run, old);
			return i;
		}
		if (new == old)
			continue;
		if (run->level > ept_pte_max_leaf(walk->fmt, new)) {
			ept_op_open_split(&op->op, run, i);
			return i;
		}
		change_one(op->op.gather, run, &run->entry[i], old, op->change);
	}
	return run->nr;
}

static int change_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);

	if (change_all(op->op.gather, run, op->change))
		return run->nr;
	return change_each(op, run);
}

static int change_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);
	const u64 entry = READ_ONCE(*run->entry);

	if (!ept_pte_is_hole(entry) && change_leaf(walk->fmt, op->change, entry) != entry)
		ept_op_open_split(&op->op, run, 0);
	return 0;
}

static const struct ept_visitor change_commit = {
	.run = change_commit_run,
	.edge = change_commit_edge,
	.close = ept_op_close_leaf,
};

/* What a short request met: the table that it hoped for, or a 2M leaf of which it changes a part */
enum short_way { SHORT_DONE, SHORT_PART, SHORT_OTHER };

static enum short_way short_without_table(const struct ept_format *fmt, enum ept_level level,
					  u64 entry, u64 size, const struct change *change)
{
	if (level == EPT_2M && size < ept_level_size(EPT_2M) && !ept_pte_is_hole(entry) &&
	    change_leaf(fmt, change, entry) != entry)
		return SHORT_PART;
	return SHORT_OTHER;
}

static __always_inline enum short_way change_short(struct ept_gather *gather, u64 gpa, u64 size,
						   const struct change *change)
{
	enum short_way way = SHORT_DONE;
	struct ept *ept = gather->ept;
	struct ept_run run __uninitialized;
	u64 first;

	ept_lock(ept);
	if (unlikely(!ept_find_short_run(ept, gpa, size, &run, &first)))
		way = short_without_table(&ept->fmt, run.level, first, size, change);
	else if (size != PAGE_SIZE)
		way = change_all(gather, &run, change) ? SHORT_DONE : SHORT_OTHER;
	else if (!ept_pte_is_hole(first))
		change_one(gather, &run, run.entry, first, change);
	ept_unlock(ept);
	return way;
}

/* Any request, or what is left of a short one */
static noinline int change_long(struct ept_gather *gather, u64 gpa, u64 size,
				const struct change *change, enum short_way way)
{
	struct change_op op __uninitialized;

	ept_op_init(&op.op, gather->ept, gpa, size, gather);
	op.change = change;
	if (way == SHORT_PART) {
		/* One table or an error, with which there is nothing to drain */
		const int err = ept_pool_fill(&op.op.pool, &gather->ept->store, 1);

		if (err || ept_op_commit_part(&op.op, &change_commit))
			return err;
	}
	return ept_op_run(&op.op, &change_plan, &change_commit);
}

/*
 * Whether rights that are legal may become ones that aren't. Write, execute and user-execute may
 * always be taken; with read, all others may be given, but for user-execute alone.
 */
static bool protect_may_be_illegal(const struct ept_format *fmt, u32 clear, u32 set)
{
	if (!set)
		return clear & EPT_PROT_READ;
	if (!(set & EPT_PROT_READ))
		return true;
	return !(fmt->features & EPT_FEATURE_MODE_EXEC) && set & EPT_PROT_UEXEC &&
	       !(set & EPT_PROT_EXEC);
}

/* Any request: looks at one argument after the other. */
static noinline int protect_any(struct ept *ept, u64 gpa, u64 size, u32 clear, u32 set,
				struct ept_gather *gather)
{
	struct change change = { .prot_clear = clear, .prot_set = set };
	int err;

	if (!ept_range_valid(ept, gpa, size) || (clear | set) & ~EPT_PROT_ALL ||
	    gather->ept != ept)
		return -EINVAL;
	if (!ept_fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;

	change.clear = ept_prot_to_bits(&ept->fmt, clear);
	change.set = ept_prot_to_bits(&ept->fmt, set);
	change.judge = protect_may_be_illegal(&ept->fmt, clear, set);
	change.shrink = ept_pte_max_leaf(&ept->fmt, change.set) < ept->fmt.max_leaf;
	err = change_long(gather, gpa, size, &change, SHORT_OTHER);
	trace_ept_protect(ept->pointer, gpa, size, err);
	return err;
}

static noinline int protect_and_flush(struct ept *ept, u64 gpa, u64 size, u32 clear, u32 set)
{
	struct ept_gather own = { .ept = ept, .own = true };
	int err = ept_protect(ept, gpa, size, clear, set, &own);

	ept_gather_flush(&own);
	return err;
}

int ept_protect(struct ept *ept, u64 gpa, u64 size, u32 clear, u32 set, struct ept_gather *gather)
{
	struct change change __uninitialized;
	enum short_way way;
	int err = 0;

	if (!gather)
		return protect_and_flush(ept, gpa, size, clear, set);
	if (unlikely(!ept_range_plain(ept, gpa, size) || (clear | set) & ~EPT_PROT_ALL ||
		     gather->ept != ept || !ept_range_short(gpa, size, true) ||
		     protect_may_be_illegal(&ept->fmt, clear, set)))
		return protect_any(ept, gpa, size, clear, set, gather);
	change.clear = ept_prot_to_bits(&ept->fmt, clear);
	change.set = ept_prot_to_bits(&ept->fmt, set);
	way = change_short(gather, gpa, size, &change);
	if (unlikely(way != SHORT_DONE)) {
		change.judge = false;
		change.shrink = ept_pte_max_leaf(&ept->fmt, change.set) < ept->fmt.max_leaf;
		err = change_long(gather, gpa, size, &change, way);
	}
	trace_ept_protect(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_protect);

/* What needs no judging, with a flush where the client passed no gather */
static int change_range(struct ept *ept, u64 gpa, u64 size, const struct change *change,
			struct ept_gather *gather)
{
	struct ept_gather own = { .ept = ept, .own = true };
	enum short_way way = SHORT_OTHER;
	int err;

	if (!gather) {
		err = change_range(ept, gpa, size, change, &own);
		ept_gather_flush(&own);
		return err;
	}
	if (ept_range_short(gpa, size, true))
		way = change_short(gather, gpa, size, change);
	return way == SHORT_DONE ? 0 : change_long(gather, gpa, size, change, way);
}

int ept_set_memtype(struct ept *ept, u64 gpa, u64 size, enum ept_memtype memtype,
		    struct ept_gather *gather)
{
	const struct ept_attrs attrs = { .memtype = memtype };
	struct change change = { .clear = EPT_PTE_MEMTYPE };
	int err;

	if (!ept_range_valid(ept, gpa, size) || !ept_memtype_valid(memtype) ||
	    !ept_gather_valid(ept, gather))
		return -EINVAL;
	if (!ept_fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;

	change.set = ept_attrs_to_bits(&ept->fmt, &attrs);
	err = change_range(ept, gpa, size, &change, gather);
	trace_ept_set_memtype(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_set_memtype);

int ept_set_attrs(struct ept *ept, u64 gpa, u64 size, const struct ept_attrs *attrs,
		  struct ept_gather *gather)
{
	struct change change = { .clear = EPT_PTE_ATTRS };
	int err;

	if (!ept_range_valid(ept, gpa, size) || !attrs || !ept_attrs_valid(attrs) ||
	    !ept_gather_valid(ept, gather))
		return -EINVAL;
	if (!ept_fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;
	if (!ept_attrs_supported(&ept->fmt, attrs))
		return -EOPNOTSUPP;

	change.set = ept_attrs_to_bits(&ept->fmt, attrs);
	change.shrink = ept_pte_max_leaf(&ept->fmt, change.set) < ept->fmt.max_leaf;
	err = change_range(ept, gpa, size, &change, gather);
	trace_ept_set_attrs(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_set_attrs);
