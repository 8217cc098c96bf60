// SPDX-License-Identifier: GPL-2.0
/* Changes: what adds, sets, removes and protects regions, several of them as one. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "ept_compat.h"
#include "space.h"
#include "space_trace.h"

/*
 * Begin and commit
 */

int space_lock(struct ept_space *space)
{
	if (READ_ONCE(space->owner) == current)
		return -EDEADLK;
	if (mutex_lock_killable(&space->lock))
		return -EINTR;
	WRITE_ONCE(space->owner, current);
	ept_gather_init(&space->gather, space->ept);
	return 0;
}

static void free_span(struct span *span)
{
	struct backing *backing = span->backing;

	if (!--backing->spans)
		backing->kind->destroy(backing);
	kfree(span);
}

static void free_change(struct change *change)
{
	struct part *part, *next;

	list_for_each_entry_safe(part, next, &change->parts, node)
		kfree(part);
	kfree(change);
}

/* The flush is done: what is pending may be used, and what is gone be freed. */
static void let_go(struct ept_space *space)
{
	struct backing *backing, *next_backing;
	struct change *change, *next_change;
	struct span *span, *next;

	list_for_each_entry_safe(span, next, &space->pending, node) {
		list_del_init(&span->node);
		WRITE_ONCE(span->pending, false);
	}
	if (list_empty(&space->changes) && list_empty(&space->dead))
		return;
	/* Whoever found something that is no longer in the tree is done with it. */
	synchronize_srcu_expedited(&space->srcu);
	list_for_each_entry_safe(backing, next_backing, &space->flushed, flushed) {
		list_del_init(&backing->flushed);
		backing->kind->flushed(backing);
	}
	anon_free_pages(&space->pages);
	list_for_each_entry_safe(change, next_change, &space->changes, node)
		free_change(change);
	INIT_LIST_HEAD(&space->changes);
	list_for_each_entry_safe(span, next, &space->dead, node)
		free_span(span);
	INIT_LIST_HEAD(&space->dead);
}

int space_unlock(struct ept_space *space)
{
	if (READ_ONCE(space->owner) != current)
		return -EINVAL;
	ept_gather_flush(&space->gather);
	let_go(space);
	WRITE_ONCE(space->owner, NULL);
	mutex_unlock(&space->lock);
	return 0;
}

int ept_space_begin(struct ept_space *space)
{
	return IS_ERR_OR_NULL(space) ? -EINVAL : space_lock(space);
}
EXPORT_SYMBOL_EPT(ept_space_begin);

int ept_space_commit(struct ept_space *space)
{
	return IS_ERR_OR_NULL(space) ? -EINVAL : space_unlock(space);
}
EXPORT_SYMBOL_EPT(ept_space_commit);

/* A change that the client has begun ends in its commit, another one in its own. */
static int enter(struct ept_space *space, bool *own)
{
	const int err = space_lock(space);

	*own = !err;
	return err == -EDEADLK ? 0 : err;
}

static void leave(struct ept_space *space, bool own)
{
	if (own)
		space_unlock(space);
}

/*
 * One change
 */

static int store(struct ept_space *space, u64 gpa, u64 size, void *entry, gfp_t gfp)
{
	MA_STATE(mas, &space->spans, gpa >> PAGE_SHIFT, (gpa + size - 1) >> PAGE_SHIFT);

	return mas_store_gfp(&mas, entry, gfp);
}

/* What cannot be undone, and takes a few hundred bytes at most */
static void store_surely(struct ept_space *space, u64 gpa, u64 size, void *entry)
{
	WARN_ON_ONCE(store(space, gpa, size, entry, GFP_KERNEL | __GFP_NOFAIL));
}

static struct span *make_span(struct ept_space *space, struct backing *backing,
			      const struct ept_attrs *attrs)
{
	struct span *span = kzalloc(sizeof(*span), GFP_KERNEL_ACCOUNT);

	if (!span)
		return NULL;
	span->backing = backing;
	span->attrs = *attrs;
	span->pending = true;
	backing->spans++;
	list_add_tail(&span->node, &space->pending);
	return span;
}

static void drop_span(struct span *span)
{
	if (!span)
		return;
	list_del(&span->node);
	span->backing->spans--;
	kfree(span);
}

static int add_part(struct change *change, const struct part *found)
{
	struct part *part = kmemdup(found, sizeof(*found), GFP_KERNEL_ACCOUNT);

	if (!part)
		return -ENOMEM;
	part->new = NULL;
	list_add_tail(&part->node, &change->parts);
	return 0;
}

/* With what is in the range now */
static struct change *make_change(struct ept_space *space, u64 gpa, u64 size)
{
	struct change *change = kzalloc(sizeof(*change), GFP_KERNEL_ACCOUNT);
	struct part found;
	u64 at = gpa;

	if (!change)
		return NULL;
	INIT_LIST_HEAD(&change->parts);
	change->gpa = gpa;
	change->size = size;
	while (space_next(space, &at, gpa + size, &found)) {
		if (add_part(change, &found)) {
			free_change(change);
			return NULL;
		}
	}
	return change;
}

/* What is between the parts stays, or becomes, a hole. */
static void store_parts(struct ept_space *space, struct change *change, bool new)
{
	u64 at = change->gpa;
	struct part *part;

	list_for_each_entry(part, &change->parts, node) {
		if (part->gpa > at)
			store_surely(space, at, part->gpa - at, NULL);
		at = part->gpa + part->size;
		store_surely(space, part->gpa, part->size, new ? part->new : part->old);
	}
	if (change->gpa + change->size > at)
		store_surely(space, at, change->gpa + change->size - at, NULL);
}

/* The leaf that begins before @gpa and ends after it becomes small. */
static int split_at(struct ept_space *space, u64 gpa)
{
	struct ept_mapping mapping;

	if (ept_lookup(space->ept, gpa, &mapping) || mapping.gpa == gpa)
		return 0;
	return ept_split(space->ept, gpa, SZ_4K, EPT_4K, &space->gather);
}

static int split_edges(struct ept_space *space, const struct part *part)
{
	int err = split_at(space, part->gpa);

	return err || part->gpa + part->size == space->limit ? err :
		split_at(space, part->gpa + part->size);
}

/*
 * From here on nothing of the parts is mapped any more, and what is cut that cannot go whole is in
 * small leaves. On an error all is as it was.
 */
static int stop_faults(struct ept_space *space, struct change *change)
{
	struct part *part;
	int err;

	if (store(space, change->gpa, change->size, &change->busy, GFP_KERNEL)) {
		free_change(change);
		return -ENOMEM;
	}
	list_add_tail(&change->node, &space->changes);
	list_for_each_entry(part, &change->parts, node)
		backing_move_on(part->old->backing);
	list_for_each_entry(part, &change->parts, node) {
		err = part->old->backing->kind->owns ? split_edges(space, part) : 0;
		if (err) {
			store_parts(space, change, false);
			return err;
		}
	}
	return 0;
}

/*
 * Taking from the table
 */

/* Under the table's lock */
void space_gone(struct ept_space *space, struct backing *backing,
		const struct ept_mapping *mapping)
{
	if (mapping->dirty ||
	    (!space->accessed_dirty && mapping->attrs.prot & EPT_PROT_WRITE))
		log_note_range(space, mapping->gpa, mapping->size);
	if (backing->kind->gone)
		backing->kind->gone(space, backing, mapping);
}

struct zap {
	struct ept_space	*space;
	struct backing		*backing;
};

static void zap_gone(const struct ept_mapping *mapping, void *arg)
{
	const struct zap *zap = arg;

	space_gone(zap->space, zap->backing, mapping);
}

/* A leaf that an edge cuts goes whole; stop_faults() has split those that may not. */
int space_zap(struct ept_space *space, const struct part *part, struct ept_gather *gather)
{
	struct zap zap = { .space = space, .backing = part->old->backing };

	return ept_zap(space->ept, part->gpa, part->size, NULL, zap_gone, &zap, gather);
}

static void retire(struct ept_space *space, struct part *part)
{
	part->old->size -= part->size;
	if (!part->old->size)
		list_move_tail(&part->old->node, &space->dead);
}

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
	struct change *change = make_change(space, gpa, size);
	struct part *part;
	int err;

	if (!change)
		return -ENOMEM;
	if (span)
		span->size = size;
	if (list_empty(&change->parts)) {
		free_change(change);
		return store(space, gpa, size, span, GFP_KERNEL);
	}
	err = stop_faults(space, change);
	if (err)
		return err;
	take(space, change);
	store_surely(space, gpa, size, span);
	list_for_each_entry(part, &change->parts, node)
		retire(space, part);
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
};

static int judge_memory(const struct ept_region *region)
{
	switch (region->kind) {
	case EPT_REGION_LINEAR:
		return region->hpa & ~PAGE_MASK ? -EINVAL : 0;
	case EPT_REGION_USER:
		if (!region->user.mm || region->user.address & ~PAGE_MASK)
			return -EINVAL;
		return 0;
	case EPT_REGION_PAGES:
		return region->pages ? 0 : -EINVAL;
	case EPT_REGION_CLIENT:
		return region->backend && region->backend->get ? 0 : -EINVAL;
	default:
		return 0;
	}
}

/* Beyond what the memory's own addresses allow? */
static int judge_end(struct ept_space *space, const struct ept_region *region)
{
	if (region->kind == EPT_REGION_LINEAR)
		return ept_map_check(space->ept, region->gpa, region->hpa, region->size,
				     &region->attrs);
	if (region->kind == EPT_REGION_USER) {
		const unsigned long end = READ_ONCE(region->user.mm->task_size);

		if (region->user.address >= end || region->size > end - region->user.address)
			return -ERANGE;
	}
	return 0;
}

/* The first of the list of errors counts. */
static int judge_region(struct ept_space *space, const struct ept_region *region)
{
	int err, attrs = 0, range;

	if (IS_ERR_OR_NULL(space) || !region || region->kind >= ARRAY_SIZE(kinds))
		return -EINVAL;
	range = space_judge(space, region->gpa, region->size);
	if (range == -EINVAL || judge_memory(region))
		return -EINVAL;
	if (region->kind != EPT_REGION_MMIO)
		attrs = ept_map_check(space->ept, 0, 0, SZ_4K, &region->attrs);
	if (attrs == -EINVAL || range)
		return attrs == -EINVAL ? attrs : range;
	err = judge_end(space, region);
	if (err == -ERANGE)
		return err;
	return kinds[region->kind] ? attrs : -EOPNOTSUPP;
}

static struct backing *make_backing(struct ept_space *space, const struct ept_region *region)
{
	const struct kind *kind = kinds[region->kind];
	struct backing *backing = kind->create(space, region);

	if (IS_ERR(backing))
		return backing;
	backing->kind = kind;
	INIT_LIST_HEAD(&backing->flushed);
	return backing;
}

static int add(struct ept_space *space, const struct ept_region *region)
{
	struct backing *backing = make_backing(space, region);
	struct span *span;
	int err = -ENOMEM;

	if (IS_ERR(backing))
		return PTR_ERR(backing);
	span = make_span(space, backing, &region->attrs);
	if (span)
		err = replace(space, region->gpa, region->size, span);
	if (err) {
		drop_span(span);
		backing->kind->destroy(backing);
	}
	return err;
}

int ept_space_add(struct ept_space *space, const struct ept_region *region)
{
	int err = judge_region(space, region);
	struct part found;
	bool own;
	u64 at;

	if (!err)
		err = enter(space, &own);
	if (err)
		return err;
	at = region->gpa;
	if (space_next(space, &at, at + region->size, &found))
		err = -EEXIST;
	else
		err = add(space, region);
	leave(space, own);
	trace_ept_space_add(ept_pointer(space->ept), region->gpa, region->size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_add);

int ept_space_set(struct ept_space *space, const struct ept_region *region)
{
	int err = judge_region(space, region);
	bool own;

	if (!err)
		err = enter(space, &own);
	if (err)
		return err;
	err = add(space, region);
	leave(space, own);
	trace_ept_space_set(ept_pointer(space->ept), region->gpa, region->size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_set);

int ept_space_remove(struct ept_space *space, u64 gpa, u64 size)
{
	struct part found;
	u64 at = gpa;
	bool own;
	int err;

	if (IS_ERR_OR_NULL(space))
		return -EINVAL;
	err = space_judge(space, gpa, size);
	if (!err)
		err = enter(space, &own);
	if (err)
		return err;
	if (space_next(space, &at, gpa + size, &found))
		err = replace(space, gpa, size, NULL);
	leave(space, own);
	trace_ept_space_remove(ept_pointer(space->ept), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_remove);

void space_remove_all(struct ept_space *space)
{
	struct part part;
	u64 at = 0;

	mutex_lock(&space->lock);
	WRITE_ONCE(space->owner, current);
	ept_gather_init(&space->gather, space->ept);
	while (space_next(space, &at, space->limit, &part)) {
		if (part.old->backing->kind->fault)
			space_zap(space, &part, &space->gather);
		retire(space, &part);
	}
	__mt_destroy(&space->spans);
	log_free_all(space);
	ept_gather_flush(&space->gather);
	let_go(space);
	WRITE_ONCE(space->owner, NULL);
	mutex_unlock(&space->lock);
}

/*
 * Protect
 */

/* Spans with the new rights, for all that has rights */
static int make_protected(struct ept_space *space, struct change *change, u32 prot)
{
	struct part *part;

	list_for_each_entry(part, &change->parts, node) {
		struct ept_attrs attrs = part->old->attrs;

		part->new = part->old;
		if (!part->old->backing->kind->fault || attrs.prot == prot)
			continue;
		attrs.prot = prot;
		part->new = make_span(space, part->old->backing, &attrs);
		if (!part->new)
			return -ENOMEM;
		part->new->size = part->size;
	}
	return 0;
}

static void undo_protected(struct change *change)
{
	struct part *part;

	list_for_each_entry(part, &change->parts, node) {
		if (part->new != part->old)
			drop_span(part->new);
		part->new = NULL;
	}
}

/* Rights that are given come by faults, which know whether the memory may be used so. */
static void protect_parts(struct ept_space *space, struct change *change, u32 prot)
{
	struct part *part;
	int err;

	list_for_each_entry(part, &change->parts, node) {
		if (part->new == part->old)
			continue;
		if (part->old->backing->kind->owns)
			err = ept_protect(space->ept, part->gpa, part->size, PROT_ALL & ~prot, 0,
					  &space->gather);
		else
			err = space_zap(space, part, &space->gather);
		WARN_ON_ONCE(err);
		retire(space, part);
	}
}

static int protect(struct ept_space *space, u64 gpa, u64 size, u32 prot)
{
	struct change *change = make_change(space, gpa, size);
	int err;

	if (!change)
		return -ENOMEM;
	err = make_protected(space, change, prot);
	if (err) {
		undo_protected(change);
		free_change(change);
		return err;
	}
	err = stop_faults(space, change);
	if (err) {
		undo_protected(change);
		return err;
	}
	protect_parts(space, change, prot);
	store_parts(space, change, true);
	return 0;
}

int ept_space_protect(struct ept_space *space, u64 gpa, u64 size, u32 prot)
{
	const struct ept_attrs attrs = { .prot = prot, .memtype = EPT_MT_WB };
	int err, judged;
	bool own;

	if (IS_ERR_OR_NULL(space))
		return -EINVAL;
	judged = ept_map_check(space->ept, 0, 0, SZ_4K, &attrs);
	err = space_judge(space, gpa, size);
	if (judged && err != -EINVAL && (judged == -EINVAL || !err))
		err = judged;
	if (!err)
		err = enter(space, &own);
	if (err)
		return err;
	err = protect(space, gpa, size, prot);
	leave(space, own);
	trace_ept_space_protect(ept_pointer(space->ept), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_protect);
