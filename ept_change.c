// SPDX-License-Identifier: GPL-2.0
/*
 * ept_protect(), ept_grant(), ept_set_memtype(), ept_set_tag(), ept_set_attrs(), ept_redirect():
 * what changes leaves in place.
 */
#include <linux/err.h>

#include "ept_op.h"
#include "ept_trace.h"

/**
 * struct change - what becomes of each leaf
 * @clear: attribute bits to take
 * @set: attribute bits to give; wins
 * @move: the leaf gets another address,
 * @offset: which is that of the guest plus this
 */
struct change {
	u64	clear;
	u64	set;
	bool	move;
	u64	offset;
};

/**
 * struct prot_change - the rights among it
 * @clear: EPT_PROT_* bits to take
 * @set: EPT_PROT_* bits to give
 * @judge: what they become may be illegal, which depends on what they are
 */
struct prot_change {
	u32	clear;
	u32	set;
	bool	judge;
};

/**
 * struct change_op - ept_protect() and its kin
 * @op: the operation
 * @change: what becomes of each leaf
 * @prot: the rights among it
 * @shrink: large leaves may have to be split, as what they become has to be small
 * @pauses: a leaf that comes or changes amid it is changed without a look at what is around it: the
 *	change is right for any leaf, and none lies across an end of the range, nor will
 */
struct change_op {
	struct ept_op		op;
	struct change		change;
	struct prot_change	prot;
	bool			shrink;
	bool			pauses;
};

static struct change_op *to_change_op(struct ept_walk *walk)
{
	return container_of(walk, struct change_op, op.walk);
}

/* What becomes of the leaf at @gpa, which may begin before the range does */
static __always_inline u64 change_leaf(const struct ept_format *fmt, const struct change *change,
				       u64 leaf, u64 gpa)
{
	if (unlikely(change->move))
		leaf = ept_pte_set_address(fmt, leaf, gpa + change->offset);
	return ept_pte_change(fmt, leaf, change->clear, change->set);
}

/*
 * Whether the leaf at @gpa is to change, or is when a CPU has set flags in it that the change
 * takes: the commit has to have the tables then.
 */
static bool change_is_due(const struct ept_format *fmt, const struct change *change, u64 leaf,
			  u64 gpa)
{
	if (leaf & EPT_PTE_RIGHTS)
		leaf |= change->clear & fmt->ad;
	return change_leaf(fmt, change, leaf, gpa) != leaf;
}

/* The largest leaf that may have what becomes of one of @level */
static enum ept_level change_largest(const struct ept_format *fmt, const struct change *change,
				     u64 new, enum ept_level level)
{
	level = min(level, ept_pte_max_leaf(fmt, new));
	return change->move ? ept_largest_leaf(change->offset, level) : level;
}

static int change_judge(struct change_op *op, u64 leaf)
{
	u32 prot = ept_prot_from_bits(leaf);

	if (!op->prot.judge)
		return 0;
	prot = (prot & ~op->prot.clear) | op->prot.set;
	if (!ept_prot_valid(prot))
		return -EINVAL;
	/* What is never legal comes first, wherever in the range it is. */
	if (!ept_prot_supported(&op->op.ept->fmt, prot))
		op->op.verdict = -EOPNOTSUPP;
	return 0;
}

/* Judges a leaf, or what of it lies in [gpa, end), and counts the tables that its change takes. */
static int change_plan_leaf(struct change_op *op, const struct ept_run *run, u64 leaf, u64 gpa,
			    u64 end)
{
	const struct ept_format *fmt = op->op.walk.fmt;
	const u64 start = round_down(gpa, ept_level_size(run->level));
	const u64 new = change_leaf(fmt, &op->change, leaf, start);

	if (change_is_due(fmt, &op->change, leaf, start))
		op->op.need += ept_walk_tables(gpa, end, run->level,
					       change_largest(fmt, &op->change, new, run->level));
	return change_judge(op, leaf);
}

/* A hole keeps nothing from being changed, but is no page to be moved. Other errors come first. */
static int change_plan_hole(struct change_op *op)
{
	if (op->change.move && !op->op.verdict)
		op->op.verdict = -ENOENT;
	return 0;
}

static int change_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);
	const u64 size = ept_level_size(run->level);

	if (!op->prot.judge && !op->shrink && !op->change.move)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;
		int err;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		err = ept_pte_is_hole(entry) ? change_plan_hole(op) :
					       change_plan_leaf(op, run, entry, gpa, gpa + size);
		if (err)
			return err;
	}
	return run->nr;
}

static int change_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	const u64 entry = READ_ONCE(*run->entry);
	struct change_op *op = to_change_op(walk);

	op->pauses = false;
	if (ept_pte_is_hole(entry))
		return change_plan_hole(op);
	return change_plan_leaf(op, run, entry, ept_run_start(walk, run), ept_run_end(walk, run));
}

static const struct ept_visitor change_plan = {
	.run = change_plan_run,
	.edge = change_plan_edge,
};

/*
 * Changes all leaves of a run alike, if that is right for each: they have rights before and after,
 * and may be as large as they are.
 */
static __always_inline bool change_all(const struct ept *ept, struct ept_gather *gather,
				       const struct ept_run *run, const struct change *change)
{
	const struct ept_format *fmt = &ept->fmt;
	u64 any, all;

	if (!ept_run_only_leaves(run, &any, &all) || change->move || !(all & fmt->rights) ||
	    !(((all & ~change->clear) | change->set) & fmt->rights) ||
	    run->level > ept_pte_max_leaf(fmt, any | change->set))
		return false;
	/* Whether some leaf is volatile: the most rights of any, the least of accessed and dirty */
	if (!run->private && ept_is_volatile(ept, (any & ~EPT_PTE_AD) | (all & EPT_PTE_AD)))
		ept_entries_change_atomic(run->entry, run->nr, change->clear, change->set);
	else
		ept_entries_change(run->entry, run->nr, change->clear, change->set);
	/* Each bit that some leaf had, and each that some leaf lacked, stands for that leaf. */
	ept_gather_note(ept, gather, run, any,
			ept_pte_change(fmt, any, change->clear, change->set));
	if (all != any)
		ept_gather_note(ept, gather, run, all,
				ept_pte_change(fmt, all, change->clear, change->set));
	return true;
}

static void change_one(struct ept_gather *gather, const struct ept_run *run, unsigned int i,
		       u64 old, const struct change *change)
{
	const struct ept_format *fmt = &gather->ept->fmt;
	const u64 gpa = run->gpa + i * ept_level_size(run->level);
	u64 new = change_leaf(fmt, change, old, gpa);

	if (run->private || !ept_is_volatile(gather->ept, old))
		WRITE_ONCE(run->entry[i], new);
	else
		while (!try_cmpxchg64(&run->entry[i], &old, new))
			new = change_leaf(fmt, change, old, gpa);
	ept_gather_note(gather->ept, gather, run, old, new);
}

/*
 * Changes the leaves of a run one by one, up to the first that has to become small ones, or a
 * table. Returns how many entries it is done with.
 */
static unsigned int change_each(struct change_op *op, const struct ept_run *run)
{
	const struct ept_format *fmt = op->op.walk.fmt;
	const u64 size = ept_level_size(run->level);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 old = READ_ONCE(run->entry[i]);
		const u64 new = change_leaf(fmt, &op->change, old, run->gpa + i * size);

		if (ept_pte_is_hole(old))
			continue;
		if (ept_pte_is_table(old, run->level))
			return i;
		if (new == old)
			continue;
		if (run->level > change_largest(fmt, &op->change, new, run->level))
			return i;
		change_one(op->op.gather, run, i, old, &op->change);
	}
	return run->nr;
}

static int change_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);
	unsigned int done;
	u64 entry;

	if (op->pauses)
		ept_op_let_in(&op->op);
	if (change_all(op->op.ept, op->op.gather, run, &op->change))
		return run->nr;
	done = change_each(op, run);
	if (done == run->nr)
		return done;
	entry = READ_ONCE(run->entry[done]);
	if (ept_pte_is_table(entry, run->level))
		ept_walk_open(walk, run, entry);
	else
		ept_op_open_split(&op->op, run, done);
	return done;
}

static int change_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);
	const u64 entry = READ_ONCE(*run->entry);

	if (!ept_pte_is_hole(entry) && change_is_due(walk->fmt, &op->change, entry, run->gpa))
		ept_op_open_split(&op->op, run, 0);
	return 0;
}

static const struct ept_visitor change_commit = {
	.run = change_commit_run,
	.edge = change_commit_edge,
	.close = ept_op_close_leaf,
};

static noinline int change_long(struct ept_gather *gather, u64 gpa, u64 size,
				const struct change change, const struct prot_change prot)
{
	struct change_op op __uninitialized;

	ept_op_init(&op.op, gather, gpa, size);
	op.op.fresh = change.move;
	op.change = change;
	op.prot = prot;
	op.shrink = ept_pte_max_leaf(op.op.walk.fmt, change.set) < op.op.walk.fmt->max_leaf;
	op.pauses = !prot.judge && !op.shrink && !change.move;
	return ept_op_run(&op.op, &change_plan, &change_commit);
}

static __always_inline int change_short(struct ept *ept, struct ept_gather *gather,
					const struct ept_run *run, void *change)
{
	return !change_all(ept, gather, run, change);
}

/* The same where each leaf can be read: then all rights that are given are legal. */
static __always_inline int change_short_readable(struct ept *ept, struct ept_gather *gather,
						 const struct ept_run *run, void *change)
{
	u64 any, all;

	if (!ept_run_only_leaves(run, &any, &all) || !(all & EPT_PTE_READ))
		return 1;
	return change_short(ept, gather, run, change);
}

/* Most changes that have to be judged give a right to leaves that can be read, and stay so. */
static noinline int change_judged(struct ept_gather *gather, u64 gpa, u64 size,
				  struct change change, const struct prot_change prot)
{
	struct ept *ept = gather->ept;
	const u32 exec = prot.set & (EPT_PROT_EXEC | EPT_PROT_UEXEC);
	int ret = 1;

	if (!(prot.clear & EPT_PROT_READ) &&
	    (exec != EPT_PROT_UEXEC || ept->fmt.features & EPT_FEATURE_MODE_EXEC))
		ret = ept_op_short(ept, gather, gpa, size, change_short_readable, &change);
	return ret ? change_long(gather, gpa, size, change, prot) : 0;
}

/* For valid arguments */
static __always_inline int change_range(struct ept *ept, struct ept_gather *gather, u64 gpa,
					u64 size, struct change change,
					const struct prot_change prot)
{
	int ret;

	if (unlikely(prot.judge))
		return change_judged(gather, gpa, size, change, prot);
	ret = ept_op_short(ept, gather, gpa, size, change_short, &change);
	return likely(!ret) ? 0 : change_long(gather, gpa, size, change, prot);
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

static int judge_prot(u32 prot)
{
	return prot & ~EPT_PROT_ALL ? -EINVAL : 0;
}

static __always_inline int judge_change(const struct ept *ept, u64 gpa, u64 size,
					const struct ept_gather *gather, int others)
{
	return ept_first_error(ept_first_error(ept_judge_range(ept, gpa, size),
					       ept_judge_gather(ept, gather)), others);
}

static struct prot_change to_prot_change(const struct ept *ept, u32 clear, u32 set)
{
	return (struct prot_change){
		.clear = clear,
		.set = set,
		.judge = protect_may_be_illegal(&ept->fmt, clear, set),
	};
}

int ept_protect(struct ept *ept, u64 gpa, u64 size, u32 clear, u32 set, struct ept_gather *gather)
{
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_protect(ept, gpa, size, clear, set, &own));
	err = judge_change(ept, gpa, size, gather, judge_prot(clear | set));
	if (unlikely(err))
		return err;

	err = change_range(ept, gather, gpa, size, (struct change){
		.clear = ept_prot_to_bits(&ept->fmt, clear),
		.set = ept_prot_to_bits(&ept->fmt, set),
	}, to_prot_change(ept, clear, set));
	ept_trace(ept_protect, ept, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_protect);

/* What changes no right into an illegal one */
static int change_any(struct ept *ept, struct ept_gather *gather, u64 gpa, u64 size, u64 clear,
		      u64 set)
{
	return change_range(ept, gather, gpa, size, (struct change){ .clear = clear, .set = set },
			    (struct prot_change){});
}

/*
 * Rights are added to one leaf, in parallel with one-leaf maps, which leave alone what is no hole,
 * and with itself.
 */
static __always_inline int grant(struct ept *ept, u64 gpa, u64 rights,
				 const struct ept_guard *guard, struct ept_mapping *hole)
{
	const struct ept_format *fmt = &ept->fmt;
	int err = ept_guard_check(guard);

	while (!err) {
		enum ept_level level = EPT_4K;
		u64 old, new, *entry = ept_descend(fmt, ept->root, gpa, &level, &old);

		if (unlikely(ept_pte_is_hole(old))) {
			*hole = ept_pte_hole(level, gpa);
			return -ENOENT;
		}
		if (!(rights & ~old))
			return 1;
		new = ept_pte_change(fmt, old, 0, rights);
		if (unlikely(level > ept_pte_max_leaf(fmt, new)))
			return -EOPNOTSUPP;
		if (likely(try_cmpxchg64(entry, &old, new)))
			return 0;
	}
	return err;
}

int ept_grant(struct ept *ept, u64 gpa, u32 prot, const unsigned long *seq, unsigned long seen,
	      struct ept_mapping *hole)
{
	const struct ept_attrs attrs = { .prot = prot, .memtype = EPT_MT_WB };
	struct ept_mapping unused __uninitialized;
	struct ept_cpu *cpu;
	u64 bits;
	int ret;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	ret = ept_first_error(ept_gpa_fits(ept, gpa) ? 0 : -ERANGE,
			      ept_judge_attrs(&ept->fmt, &attrs, &bits));
	if (unlikely(ret))
		return ret;

	cpu = ept_enter_shared(ept);
	ret = grant(ept, gpa, bits & EPT_PTE_RIGHTS, &(const struct ept_guard){ seq, seen },
		    hole ?: &unused);
	ept_leave_shared(ept, cpu);
	ept_trace(ept_grant, ept, gpa & PAGE_MASK, SZ_4K, ret);
	return ret;
}
EXPORT_SYMBOL_EPT(ept_grant);

int ept_set_memtype(struct ept *ept, u64 gpa, u64 size, enum ept_memtype memtype,
		    struct ept_gather *gather)
{
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_set_memtype(ept, gpa, size, memtype, &own));
	err = judge_change(ept, gpa, size, gather, ept_memtype_valid(memtype) ? 0 : -EINVAL);
	if (err)
		return err;

	err = change_any(ept, gather, gpa, size, EPT_PTE_MEMTYPE,
			 FIELD_PREP(EPT_PTE_MEMTYPE, memtype));
	ept_trace(ept_set_memtype, ept, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_set_memtype);

int ept_set_tag(struct ept *ept, u64 gpa, u64 size, u8 tag, struct ept_gather *gather)
{
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_set_tag(ept, gpa, size, tag, &own));
	err = judge_change(ept, gpa, size, gather, tag <= EPT_TAG_MAX ? 0 : -EINVAL);
	if (err)
		return err;

	err = change_any(ept, gather, gpa, size, EPT_PTE_TAG, FIELD_PREP(EPT_PTE_TAG, tag));
	ept_trace(ept_set_tag, ept, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_set_tag);

int ept_set_attrs(struct ept *ept, u64 gpa, u64 size, const struct ept_attrs *attrs,
		  struct ept_gather *gather)
{
	u64 bits;
	int err;

	if (IS_ERR_OR_NULL(ept) || !attrs)
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_set_attrs(ept, gpa, size, attrs, &own));
	err = judge_change(ept, gpa, size, gather, ept_judge_attrs(&ept->fmt, attrs, &bits));
	if (err)
		return err;

	err = change_any(ept, gather, gpa, size, EPT_PTE_ATTRS, bits);
	ept_trace(ept_set_attrs, ept, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_set_attrs);

int ept_redirect(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, u32 clear, u32 set,
		 struct ept_gather *gather)
{
	struct change change;
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_redirect(ept, gpa, hpa, size, clear, set, &own));
	err = judge_change(ept, gpa, size, gather,
			   ept_first_error(judge_prot(clear | set),
					   ept_judge_hpa(ept, hpa, size)));
	if (err)
		return err;

	change = (struct change){
		.clear = ept_prot_to_bits(&ept->fmt, clear) | ept->fmt.ad,
		.set = ept_prot_to_bits(&ept->fmt, set),
		.move = true,
		.offset = hpa - gpa,
	};
	err = change_long(gather, gpa, size, change, to_prot_change(ept, clear, set));
	ept_trace(ept_redirect, ept, gpa, hpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_redirect);
