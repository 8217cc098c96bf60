// SPDX-License-Identifier: GPL-2.0
/* Changes that add, set and remove regions, and those that take nothing but what is mapped. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include "ept_compat.h"
#include "change.h"
#include "space_trace.h"

static void take(struct ept_space *space, struct change *change)
{
	struct part *part;

	list_for_each_entry(part, &change->parts, node)
		if (part->old->backing->kind->fault)
			WARN_ON_ONCE(space_zap(space, part, &space->gather));
}

/* In the place of the range comes @span, or nothing. */
static int replace(struct ept_space *space, u64 gpa, u64 size, struct span *span)
{
	struct change *change = change_make(space, gpa, size);
	struct part *part;
	int err;

	if (!change)
		return -ENOMEM;
	if (list_empty(&change->parts))
		return change_store(space, gpa, size, span, GFP_KERNEL);
	err = change_stop_faults(space, change);
	if (err)
		return err;
	take(space, change);
	change_store_surely(space, gpa, size, span);
	list_for_each_entry(part, &change->parts, node)
		change_retire(space, part);
	change->removes = true;
	return 0;
}

/*
 * Add, set, remove
 */

static const struct kind *const kinds[] = {
	[EPT_REGION_LINEAR] = &space_linear,
	[EPT_REGION_ANON] = &space_anon,
#ifdef CONFIG_MMU_NOTIFIER
	[EPT_REGION_USER] = &space_user,
#else
	[EPT_REGION_USER] = NULL,
#endif
	[EPT_REGION_PAGES] = &space_pages,
	[EPT_REGION_MMIO] = &space_mmio,
	[EPT_REGION_CLIENT] = &space_client,
	[EPT_REGION_PINNED] = &space_pinned,
	[EPT_REGION_FILE] = &space_file,
};

static int judge_memory(const struct ept_region *region)
{
	switch (region->kind) {
	case EPT_REGION_LINEAR:
		return region->hpa & ~PAGE_MASK ? -EINVAL : 0;
	case EPT_REGION_USER:
	case EPT_REGION_PINNED:
		if (!region->user.mm || region->user.address & ~PAGE_MASK)
			return -EINVAL;
		return 0;
	case EPT_REGION_PAGES:
		return region->pages ? 0 : -EINVAL;
	case EPT_REGION_CLIENT:
		return region->backend && region->backend->get ? 0 : -EINVAL;
	case EPT_REGION_FILE:
		return region->file.file && !(region->file.offset & ~PAGE_MASK) ? 0 : -EINVAL;
	default:
		return 0;
	}
}

/* Within what the memory's own addresses allow */
static bool ends_well(struct ept_space *space, const struct ept_region *region)
{
	unsigned long end;

	switch (region->kind) {
	case EPT_REGION_LINEAR:
		return ept_map_check(space->ept, region->gpa, region->hpa, region->size,
				     &region->attrs) != -ERANGE;
	case EPT_REGION_FILE:
		return region->file.offset <= MAX_LFS_FILESIZE - region->size;
	case EPT_REGION_USER:
	case EPT_REGION_PINNED:
		end = READ_ONCE(region->user.mm->task_size);
		return region->user.address < end && region->size <= end - region->user.address;
	default:
		return true;
	}
}

/* The first of the list of errors counts. */
static int judge_region(struct ept_space *space, const struct ept_region *region)
{
	int attrs = 0, range;

	if (IS_ERR_OR_NULL(space) || !region || region->kind >= ARRAY_SIZE(kinds))
		return -EINVAL;
	range = space_judge(space, region->gpa, region->size);
	if (range == -EINVAL || judge_memory(region))
		return -EINVAL;
	if (region->kind != EPT_REGION_MMIO)
		attrs = ept_map_check(space->ept, 0, 0, SZ_4K, &region->attrs);
	if (attrs == -EINVAL || range)
		return attrs == -EINVAL ? attrs : range;
	if (!ends_well(space, region))
		return -ERANGE;
	return kinds[region->kind] ? attrs : -EOPNOTSUPP;
}

/* For a region that was judged; @from: what it is a part of, elsewhere, or NULL */
struct backing *change_make_backing(struct ept_space *space, const struct ept_region *region,
				    struct backing *from)
{
	const struct kind *kind = kinds[region->kind];
	struct backing *backing = kind->create(space, region, from);

	if (IS_ERR(backing))
		return backing;
	backing->kind = kind;
	backing->spans = 1;
	INIT_LIST_HEAD(&backing->flushed);
	if (from && kind->shares) {
		backing->source = from->source ?: from;
		backing->source->spans++;
	}
	return backing;
}

static int add(struct ept_space *space, const struct ept_region *region)
{
	struct backing *backing = change_make_backing(space, region, NULL);
	struct span *span;
	int err;

	if (IS_ERR(backing))
		return PTR_ERR(backing);
	span = change_make_span(space, backing, &region->attrs, region->size);
	if (!span)
		return -ENOMEM;
	err = replace(space, region->gpa, region->size, span);
	if (err)
		change_drop_span(span);
	else
		backing->added = true;
	return err;
}

int ept_space_add(struct ept_space *space, const struct ept_region *region)
{
	struct part found;
	bool own;
	int err = change_enter(space, judge_region(space, region), &own);
	u64 at;

	if (err)
		return err;
	at = region->gpa;
	if (space_next(space, &at, at + region->size, &found))
		err = -EEXIST;
	else
		err = add(space, region);
	change_leave(space, own);
	trace_ept_space_add(ept_pointer(space->ept), region->gpa, region->size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_add);

int ept_space_set(struct ept_space *space, const struct ept_region *region)
{
	bool own;
	int err = change_enter(space, judge_region(space, region), &own);

	if (err)
		return err;
	err = add(space, region);
	change_leave(space, own);
	trace_ept_space_set(ept_pointer(space->ept), region->gpa, region->size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_set);

int ept_space_remove(struct ept_space *space, u64 gpa, u64 size)
{
	struct part found;
	u64 at = gpa;
	bool own;
	int err = change_enter(space, space_judge(space, gpa, size), &own);

	if (err)
		return err;
	if (space_next(space, &at, gpa + size, &found))
		err = replace(space, gpa, size, NULL);
	change_leave(space, own);
	trace_ept_space_remove(ept_pointer(space->ept), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_remove);

/*
 * Mappings alone
 */

/*
 * What is mapped goes, and comes back by faults: after the flush, so that no CPU uses the old
 * memory any more when another one has the new. Nothing of the regions changes, and so none of it
 * waits for the commit of other changes. @owned: that of which the table alone knows, which is no
 * more then, or all other
 */
static int take_back(struct ept_space *space, u64 gpa, u64 size, bool owned)
{
	struct change *change = change_make(space, gpa, size);
	struct part *part;
	int err;

	if (!change)
		return -ENOMEM;
	if (list_empty(&change->parts))
		return 0;
	list_for_each_entry(part, &change->parts, node)
		if (!part->old->backing->kind->fault || part->old->backing->kind->owns != owned)
			part->new = part->old;
	err = change_stop_faults(space, change);
	if (err)
		return err;
	list_for_each_entry(part, &change->parts, node) {
		if (part->new == part->old)
			continue;
		space_zap(space, part, &space->gather);
		/* What is read there afterwards is something else. */
		if (owned)
			log_note_range(space, part->gpa, part->size);
	}
	ept_gather_flush(&space->gather);
	/* Before anyone may use what comes in its place */
	atomic_long_inc_return(&space->stale);
	change_store_parts(space, change, false);
	change_settle(space);
	return 0;
}

/* Of the place's leaf, which its span has all of */
int space_clear_place(struct ept_space *space, u64 gpa)
{
	struct ept_mapping mapping;
	int err = space_lock(space);

	if (err)
		return err;
	if (!ept_lookup(space->ept, gpa, &mapping))
		err = take_back(space, mapping.gpa, mapping.size, false);
	space_unlock(space);
	return err;
}

static int enter_and_take_back(struct ept_space *space, u64 gpa, u64 size, bool owned)
{
	bool own;
	int err = change_enter(space, space_judge(space, gpa, size), &own);

	if (err)
		return err;
	err = take_back(space, gpa, size, owned);
	change_leave(space, own);
	return err;
}

int ept_space_zap(struct ept_space *space, u64 gpa, u64 size)
{
	const int err = enter_and_take_back(space, gpa, size, false);

	trace_ept_space_zap(ept_pointer(ept_space_table(space)), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_zap);

int ept_space_discard(struct ept_space *space, u64 gpa, u64 size)
{
	const int err = enter_and_take_back(space, gpa, size, true);

	trace_ept_space_discard(ept_pointer(ept_space_table(space)), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_discard);
