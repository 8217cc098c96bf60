// SPDX-License-Identifier: GPL-2.0
/* ept_space_fault(), ept_space_populate(): what is touched gets into the table. */
#include <linux/sched/signal.h>

#include "ept_compat.h"
#include "space.h"
#include "space_trace.h"

static enum ept_verdict denied(const struct span *span, u32 lacking, bool page_walk)
{
	if (!(lacking & EPT_PROT_WRITE))
		return EPT_VERDICT_PROTECTED;
	if (page_walk)
		return EPT_VERDICT_TABLE_READONLY;
	return span->backing->region.attrs.prot & EPT_PROT_WRITE ? EPT_VERDICT_PROTECTED :
								   EPT_VERDICT_READONLY;
}

/* Looks, and says whether there is nothing to do. */
static bool has_rights(struct place *place, u32 access)
{
	if (!place->space->mode_exec)
		access &= ~EPT_PROT_UEXEC;
	return place_look_up(place) && !(access & ~place->there.attrs.prot);
}

/* What the region gives */
static int make_possible(struct place *place, u32 access)
{
	const struct kind *kind = place->span->backing->kind;

	/* What the table alone knows is looked for, and given rights, in one step. */
	return !kind->owns && has_rights(place, access) ? 0 : kind->fault(place, access);
}

/* Once, within the read side */
static __always_inline int look(struct ept_space *space, u64 gpa, u32 access, bool page_walk,
				struct ept_fault *fault)
{
	const struct backing *backing;
	struct place place __uninitialized;
	int err = place_find(space, gpa, &place);

	*fault = (struct ept_fault){ .verdict = EPT_VERDICT_NONE };
	if (err)
		return err == -ENOENT ? 0 : err;
	backing = place.span->backing;
	fault->cookie = backing->region.cookie;
	fault->offset = backing->region.offset + backing_at(backing, gpa);
	fault->verdict = EPT_VERDICT_MMIO;
	if (!backing->kind->fault)
		return 0;
	if (access & ~place.span->attrs.prot) {
		fault->verdict = denied(place.span, access & ~place.span->attrs.prot, page_walk);
		return 0;
	}
	fault->verdict = EPT_VERDICT_RESUME;
	return make_possible(&place, access);
}

/* Of an access without any right, one of the host's: whatever the region gives */
int space_answer(struct ept_space *space, u64 gpa, u32 access, bool page_walk,
		 struct ept_fault *fault)
{
	int idx, ret, err;

	do {
		idx = srcu_read_lock(&space->srcu);
		ret = look(space, gpa, access, page_walk, fault);
		srcu_read_unlock(&space->srcu, idx);
		err = likely(!ret) ? 0 : space_again(space, gpa, ret);
	} while (ret && !err);
	if (unlikely(err))
		this_cpu_inc(space->counts->errors);
	else
		this_cpu_inc(space->counts->faults[fault->verdict]);
	if (trace_ept_space_fault_enabled())
		trace_ept_space_fault(ept_pointer(space->ept), gpa, access, fault->verdict, err);
	return err;
}

int ept_space_fault(struct ept_space *space, u64 gpa, const struct ept_violation *violation,
		    struct ept_fault *fault)
{
	u32 access;

	if (IS_ERR_OR_NULL(space) || !violation || !fault)
		return -EINVAL;
	access = space_needed(space, violation);
	if (!access)
		return -EINVAL;
	if (gpa >= space->limit)
		return -ERANGE;
	return space_answer(space, gpa, access, violation->page_walk, fault);
}
EXPORT_SYMBOL_EPT(ept_space_fault);

/* Maps what is at *@gpa, and moves it to where it ends */
static int populate_one(struct ept_space *space, u64 *gpa, u32 access)
{
	const u64 at = *gpa;
	struct ept_mapping mapping;
	struct place place __uninitialized;
	int err = place_find(space, at, &place);

	if (err && err != -ENOENT)
		return err;
	if (!err)
		access &= place.span->attrs.prot;
	if (err || !access || !place.span->backing->kind->fault) {
		*gpa = place.end;
		return 0;
	}
	err = make_possible(&place, access);
	if (err)
		return err;
	*gpa = at + SZ_4K;
	if (!ept_lookup(space->ept, at, &mapping))
		*gpa = max(*gpa, mapping.gpa + mapping.size);
	return 0;
}

int ept_space_populate(struct ept_space *space, u64 gpa, u64 size, u32 access,
		       ept_progress_fn progress, void *arg)
{
	u64 at = gpa;
	int idx, err;

	if (access & ~PROT_ALL)
		return -EINVAL;
	err = space_judge(space, gpa, size);
	while (!err && at < gpa + size) {
		if (fatal_signal_pending(current))
			return -EINTR;
		idx = srcu_read_lock(&space->srcu);
		err = populate_one(space, &at, access);
		srcu_read_unlock(&space->srcu, idx);
		err = space_again(space, at, err);
		if (!err && progress)
			err = progress(min(at - gpa, size), size, arg);
		cond_resched();
	}
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_populate);
