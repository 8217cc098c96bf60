// SPDX-License-Identifier: GPL-2.0
/* Changes of what mappings are like: rights, memory type. */
#include <linux/err.h>

#include "ept_compat.h"
#include "change.h"
#include "space_trace.h"

/**
 * struct wish - what is asked for
 * @attrs: has what is to be
 * @memtype: it is the memory type; else the rights
 */
struct wish {
	struct ept_attrs	attrs;
	bool			memtype;
};

static void grant(const struct wish *wish, const struct backing *backing, struct ept_attrs *attrs)
{
	if (wish->memtype)
		attrs->memtype = wish->attrs.memtype;
	else
		attrs->prot = wish->attrs.prot;
	if (backing->readonly)
		attrs->prot &= ~EPT_PROT_WRITE;
}

/* Spans with the new attributes, for all that is ever mapped */
static int make_new(struct ept_space *space, struct change *change, const struct wish *wish)
{
	struct part *part;

	list_for_each_entry(part, &change->parts, node) {
		struct backing *backing = part->old->backing;
		struct ept_attrs attrs = part->old->attrs;

		grant(wish, backing, &attrs);
		part->new = part->old;
		if (!backing->kind->fault || (attrs.prot == part->old->attrs.prot &&
					      attrs.memtype == part->old->attrs.memtype))
			continue;
		backing->spans++;
		part->new = change_make_span(space, backing, &attrs, part->size);
		if (!part->new)
			return -ENOMEM;
	}
	return 0;
}

/* Rights that are given come by faults, which know whether the memory may be used so. */
static int apply(struct ept_space *space, const struct part *part, const struct wish *wish)
{
	if (!part->old->backing->kind->owns)
		return space_zap(space, part, &space->gather);
	if (wish->memtype)
		return ept_set_memtype(space->ept, part->gpa, part->size, wish->attrs.memtype,
				       &space->gather);
	return ept_protect(space->ept, part->gpa, part->size, PROT_ALL & ~wish->attrs.prot, 0,
			   &space->gather);
}

static int change_attrs(struct ept_space *space, u64 gpa, u64 size, const struct wish *wish)
{
	struct change *change = change_make(space, gpa, size);
	struct part *part;
	int err;

	if (!change)
		return -ENOMEM;
	err = make_new(space, change, wish);
	if (!err)
		err = change_stop_faults(space, change);
	if (err) {
		change_drop_new(change);
		return err;
	}
	list_for_each_entry(part, &change->parts, node) {
		if (part->new == part->old)
			continue;
		WARN_ON_ONCE(apply(space, part, wish));
		change_retire(space, part);
	}
	change_store_parts(space, change, true);
	return 0;
}

/* The first of the list of errors counts. */
static int judge(struct ept_space *space, u64 gpa, u64 size, const struct wish *wish)
{
	int attrs, range;

	if (IS_ERR_OR_NULL(space))
		return -EINVAL;
	attrs = ept_map_check(space->ept, 0, 0, SZ_4K, &wish->attrs);
	range = space_judge(space, gpa, size);
	return attrs == -EINVAL || !range ? attrs : range;
}

static int enter_and_change(struct ept_space *space, u64 gpa, u64 size, const struct wish *wish)
{
	bool own;
	int err = change_enter(space, judge(space, gpa, size, wish), &own);

	if (err)
		return err;
	err = change_attrs(space, gpa, size, wish);
	change_leave(space, own);
	return err;
}

int ept_space_protect(struct ept_space *space, u64 gpa, u64 size, u32 prot)
{
	const struct wish wish = { .attrs = { .prot = prot, .memtype = EPT_MT_WB } };
	int err = enter_and_change(space, gpa, size, &wish);

	trace_ept_space_protect(ept_pointer(ept_space_table(space)), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_protect);

int ept_space_set_memtype(struct ept_space *space, u64 gpa, u64 size, enum ept_memtype memtype)
{
	const struct wish wish = {
		.attrs = { .prot = EPT_PROT_READ, .memtype = memtype },
		.memtype = true,
	};
	int err = enter_and_change(space, gpa, size, &wish);

	trace_ept_space_set_memtype(ept_pointer(ept_space_table(space)), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_set_memtype);
