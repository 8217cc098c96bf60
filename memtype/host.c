// SPDX-License-Identifier: GPL-2.0
/*
 * Maps of the host: what its resource tree knows, and what its memory hotplug brings and takes.
 *
 * The tree is read by walk_iomem_res_desc(), which copies each resource with the tree's lock held
 * and calls back without it. No other way to read it is exported: iomem_resource is, but its lock
 * isn't.
 */
#include <linux/align.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/memory.h>
#include <linux/minmax.h>
#include <linux/pfn.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "ept_compat.h"
#include "memtype.h"

/* What a change replaced, where that isn't a memory type */
#define HOLE	(-1)

/* One that was made, with what undoes it */
struct change {
	struct list_head	list;
	u64			gpa;
	u64			size;
	int			before;
};

/* A call under way. All that it changes goes through make_change(), or is undone by it. */
struct update {
	struct ept		*ept;
	struct ept_attrs	attrs;
	const struct ept_mtrr	*mtrr;
	u64			limit;		/* addresses below it are the map's */
	u64			start, end;	/* what the tree knows, and wasn't looked at yet */
	struct list_head	changes;	/* the last one first */
	struct ept_gather	gather;
	int			error;
};

/*
 * Changes, done and undone
 */

static int apply(struct update *update, const struct change *change, enum ept_memtype memtype)
{
	if (change->before != HOLE)
		return ept_set_memtype(update->ept, change->gpa, change->size, memtype,
				       &update->gather);
	update->attrs.memtype = memtype;
	return ept_map(update->ept, change->gpa, change->gpa, change->size, &update->attrs);
}

static int make_change(struct update *update, u64 gpa, u64 size, int before,
		       enum ept_memtype memtype)
{
	struct change *change = kmalloc(sizeof(*change), GFP_KERNEL);
	int err;

	if (!change)
		return -ENOMEM;
	*change = (struct change){ .gpa = gpa, .size = size, .before = before };
	err = apply(update, change, memtype);
	if (err)
		kfree(change);
	else
		list_add(&change->list, &update->changes);
	return err;
}

/* Takes no tables: the edges of a change are edges of leaves since it was made. */
static void undo(struct update *update, const struct change *change)
{
	if (change->before == HOLE)
		ept_unmap(update->ept, change->gpa, change->size, &update->gather);
	else
		ept_set_memtype(update->ept, change->gpa, change->size, change->before,
				&update->gather);
}

static int finish(struct update *update, int err)
{
	struct change *change, *next;

	list_for_each_entry_safe(change, next, &update->changes, list) {
		if (err)
			undo(update, change);
		kfree(change);
	}
	ept_gather_flush(&update->gather);
	return err;
}

/*
 * What a range needs
 */

static int copy_first(const struct ept_mapping *mapping, void *arg)
{
	*(struct ept_mapping *)arg = *mapping;
	return 1;
}

/*
 * The first mapping in the range, or an empty one at its end. The visit ends there, so that tables
 * may be changed before the next.
 */
static struct ept_mapping first_mapping(struct ept *ept, u64 start, u64 end)
{
	struct ept_mapping mapping = { .gpa = end };

	ept_for_each_mapping(ept, start, end - start, copy_first, &mapping);
	return mapping;
}

/* Gives a range, a hole or what has the type @before, the types of its memory. */
static int set_types(struct update *update, u64 start, u64 end, int before)
{
	while (start < end) {
		u64 size;
		const int memtype = ept_mtrr_type(update->mtrr, start, &size);
		int err = 0;

		size = min(size, end - start);
		if (memtype != before)
			err = make_change(update, start, size, before, memtype);
		if (err)
			return err;
		start += size;
	}
	return 0;
}

static int fill_holes(struct update *update, u64 start, u64 end)
{
	while (start < end) {
		const struct ept_mapping mapping = first_mapping(update->ept, start, end);
		const int err = set_types(update, start, mapping.gpa, HOLE);

		if (err)
			return err;
		start = mapping.gpa + mapping.size;
	}
	return 0;
}

static int correct_types(struct update *update)
{
	u64 start = 0;

	while (start < update->limit) {
		const struct ept_mapping mapping = first_mapping(update->ept, start, update->limit);
		int err = 0;

		start = mapping.gpa + mapping.size;
		if (mapping.gpa == mapping.hpa)
			err = set_types(update, mapping.gpa, start, mapping.attrs.memtype);
		if (err)
			return err;
	}
	return 0;
}

/*
 * The resource tree
 */

static int fill_known(struct update *update)
{
	const u64 start = update->start, end = update->end;

	update->start = 0;
	update->end = 0;
	return fill_holes(update, start, end);
}

/* Neighbours are joined first: a large leaf may hold RAM and what firmware took from it. */
static int see_resource(struct resource *resource, void *arg)
{
	struct update *update = arg;
	const u64 start = ALIGN_DOWN(resource->start, SZ_4K);
	const u64 end = ALIGN(resource->end + 1, SZ_4K);

	if (start > update->end) {
		update->error = fill_known(update);
		update->start = start;
	}
	update->end = max(update->end, end);
	return update->error;
}

static int fill_tree(struct update *update)
{
	/* It returns -EINVAL where there are no resources, too: errors of ours are in @update. */
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_MEM, 0, update->limit - 1, update,
			    see_resource);
	return update->error ?: fill_known(update);
}

/*
 * Entry points
 */

/* Guests have 48 bits of address, or 57. */
static u64 find_limit(struct ept *ept, const struct ept_mtrr *mtrr)
{
	struct ept_mapping mapping;
	const bool narrow = ept_lookup(ept, BIT_ULL(48), &mapping) == -ERANGE;

	return BIT_ULL(narrow ? min(mtrr->width, 48U) : mtrr->width);
}

static int begin(struct update *update, struct ept *ept, const struct ept_attrs *attrs,
		 const struct ept_mtrr *mtrr)
{
	if (!attrs || !ept_mtrr_decoded(mtrr))
		return -EINVAL;
	*update = (struct update){ .ept = ept, .attrs = *attrs, .mtrr = mtrr };
	update->attrs.memtype = EPT_MT_UC;
	/* Also where no hole is left to map with these attributes */
	if (ept_map_check(ept, 0, 0, SZ_4K, &update->attrs) == -EINVAL)
		return -EINVAL;
	update->limit = find_limit(ept, mtrr);
	INIT_LIST_HEAD(&update->changes);
	ept_gather_init(&update->gather, ept);
	return 0;
}

int ept_map_host(struct ept *ept, const struct ept_attrs *attrs, const struct ept_mtrr *mtrr)
{
	struct update update;
	int err = begin(&update, ept, attrs, mtrr);

	if (err)
		return err;
	err = fill_tree(&update);
	if (!err)
		err = correct_types(&update);
	return finish(&update, err);
}
EXPORT_SYMBOL_EPT(ept_map_host);

static int map_memory(struct ept *ept, u64 start, u64 end, const struct ept_attrs *attrs,
		      const struct ept_mtrr *mtrr)
{
	struct update update;
	int err = begin(&update, ept, attrs, mtrr);

	if (err)
		return err;
	return finish(&update, fill_holes(&update, start, min(end, update.limit)));
}

int ept_host_memory_event(struct ept *ept, const struct ept_attrs *attrs,
			  const struct ept_mtrr *mtrr, unsigned long action,
			  const struct memory_notify *memory)
{
	u64 start, size;

	if (!memory)
		return -EINVAL;
	start = PFN_PHYS(memory->start_pfn);
	size = PFN_PHYS(memory->nr_pages);
	switch (action) {
	case MEM_GOING_ONLINE:
		return map_memory(ept, start, start + size, attrs, mtrr);
	case MEM_OFFLINE:
		return ept_unmap(ept, start, size, NULL);
	default:
		return 0;
	}
}
EXPORT_SYMBOL_EPT(ept_host_memory_event);

/* -EEXIST: another size may do. */
static int map_leaf(struct ept *ept, u64 gpa, u64 size, const struct ept_attrs *attrs,
		    const struct ept_mtrr *mtrr)
{
	const u64 start = ALIGN_DOWN(gpa, size);
	u64 span;

	if (size > SZ_4K && ept_mtrr_type(mtrr, start, &span) >= 0 && span < size)
		return -EEXIST;
	return ept_map_typed(ept, start, start, size, attrs, mtrr);
}

int ept_map_host_leaf(struct ept *ept, u64 gpa, enum ept_level max, const struct ept_attrs *attrs,
		      const struct ept_mtrr *mtrr)
{
	static const u64 sizes[] = { [EPT_4K] = SZ_4K, [EPT_2M] = SZ_2M, [EPT_1G] = SZ_1G };
	int level = max, err;

	if (max > EPT_1G)
		return -EINVAL;
	do
		err = map_leaf(ept, gpa, sizes[level], attrs, mtrr);
	while (err == -EEXIST && level-- > EPT_4K);
	return err;
}
EXPORT_SYMBOL_EPT(ept_map_host_leaf);
