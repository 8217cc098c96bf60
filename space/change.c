// SPDX-License-Identifier: GPL-2.0
/* The steps that every change of regions is made of, and several changes as one. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "ept_compat.h"
#include "change.h"

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
	return 0;
}

void change_put_backing(struct backing *backing)
{
	while (backing && !--backing->spans) {
		struct backing *source = backing->source;

		backing->kind->destroy(backing);
		backing = source;
	}
}

static void free_span(struct span *span)
{
	change_put_backing(span->backing);
	kfree(span);
}

static void free_change(struct change *change)
{
	struct part *part, *next;

	list_for_each_entry_safe(part, next, &change->parts, node)
		kfree(part);
	kfree(change);
}

/* What is behind the parts that nobody uses any more, where others of the backing stay */
static void release_parts(const struct change *change)
{
	struct part *part;

	list_for_each_entry(part, &change->parts, node) {
		struct backing *backing = part->old->backing;

		if (backing->kind->removed)
			backing->kind->removed(backing, backing_at(backing, part->gpa), part->size);
	}
}

/* The flush is done: waits until nobody uses what is gone, and says so. */
void change_settle(struct ept_space *space)
{
	struct backing *backing, *next;

	if (space->replaced) {
		/* Whoever found something that is no longer in the tree is done with it. */
		synchronize_srcu_expedited(&space->srcu);
		space->replaced = false;
	}
	list_for_each_entry_safe(backing, next, &space->flushed, flushed) {
		list_del_init(&backing->flushed);
		backing->kind->flushed(backing);
	}
}

/* The flush is done: what is pending may be used, and what is gone be freed. */
static void let_go(struct ept_space *space)
{
	struct change *change, *next_change;
	struct span *span, *next;

	/* Before anyone may use what came in its place */
	if (space->replaced)
		atomic_long_inc_return(&space->stale);
	list_for_each_entry_safe(span, next, &space->pending, node) {
		list_del_init(&span->node);
		WRITE_ONCE(span->pending, false);
	}
	change_settle(space);
	anon_free_pages(&space->pages);
	list_for_each_entry_safe(change, next_change, &space->changes, node) {
		if (change->removes)
			release_parts(change);
		free_change(change);
	}
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

/*
 * A change that the client has begun ends in its commit, another one in its own. @judged: what the
 * judging of its arguments came to
 */
int change_enter(struct ept_space *space, int judged, bool *own)
{
	const int err = judged ?: space_lock(space);

	*own = !err;
	return err == -EDEADLK ? 0 : err;
}

void change_leave(struct ept_space *space, bool own)
{
	if (own)
		space_unlock(space);
}

/*
 * One change
 */

int change_store(struct ept_space *space, u64 gpa, u64 size, void *entry, gfp_t gfp)
{
	MA_STATE(mas, &space->spans, gpa >> PAGE_SHIFT, (gpa + size - 1) >> PAGE_SHIFT);

	return mas_store_gfp(&mas, entry, gfp);
}

/* What cannot be undone, and takes a few hundred bytes at most */
void change_store_surely(struct ept_space *space, u64 gpa, u64 size, void *entry)
{
	WARN_ON_ONCE(change_store(space, gpa, size, entry, GFP_KERNEL | __GFP_NOFAIL));
}

/* Takes over the reference to @backing that the caller has, also when there is no memory. */
struct span *change_make_span(struct ept_space *space, struct backing *backing,
			      const struct ept_attrs *attrs, u64 size)
{
	struct span *span = kzalloc(sizeof(*span), GFP_KERNEL_ACCOUNT);

	if (!span) {
		change_put_backing(backing);
		return NULL;
	}
	span->backing = backing;
	span->attrs = *attrs;
	span->size = size;
	span->pending = true;
	list_add_tail(&span->node, &space->pending);
	return span;
}

/* One that never got into the tree */
void change_drop_span(struct span *span)
{
	list_del(&span->node);
	free_span(span);
}

/* Of a change that failed: what its parts were to become, which nobody looks at any more */
void change_drop_new(struct change *change)
{
	struct part *part;

	list_for_each_entry(part, &change->parts, node)
		if (part->new && part->new != part->old)
			change_drop_span(part->new);
}

static int add_part(struct change *change, const struct part *found)
{
	struct part *part = kmemdup(found, sizeof(*found), GFP_KERNEL_ACCOUNT);

	if (!part)
		return -ENOMEM;
	list_add_tail(&part->node, &change->parts);
	return 0;
}

/* With what is in the range now. It goes with the commit, whatever becomes of it. */
struct change *change_make(struct ept_space *space, u64 gpa, u64 size)
{
	struct change *change = kzalloc(sizeof(*change), GFP_KERNEL_ACCOUNT);
	struct place first = { .space = space, .gpa = gpa };
	struct place last = { .space = space, .gpa = gpa + size - SZ_4K };
	struct part found = {};
	u64 at = gpa;

	if (!change)
		return NULL;
	INIT_LIST_HEAD(&change->parts);
	place_extent(&first);
	place_extent(&last);
	change->gpa = gpa;
	change->size = size;
	change->low = first.start;
	change->high = last.end;
	while (space_next(space, &at, gpa + size, &found)) {
		if (add_part(change, &found)) {
			free_change(change);
			return NULL;
		}
	}
	list_add_tail(&change->node, &space->changes);
	return change;
}

/* What was there, in one piece again where the change cut it */
static void store_old(struct ept_space *space, const struct change *change,
		      const struct part *part)
{
	const u64 end = part->gpa + part->size;
	const u64 low = part->gpa == change->gpa ? change->low : part->gpa;
	const u64 high = end == change->gpa + change->size ? change->high : end;

	change_store_surely(space, low, high - low, part->old);
}

/* What is between the parts stays, or becomes, a hole. */
void change_store_parts(struct ept_space *space, struct change *change, bool new)
{
	u64 at = change->gpa;
	struct part *part;

	list_for_each_entry(part, &change->parts, node) {
		if (part->gpa > at)
			change_store_surely(space, at, part->gpa - at, NULL);
		at = part->gpa + part->size;
		if (new && part->new != part->old)
			change_store_surely(space, part->gpa, part->size, part->new);
		else
			store_old(space, change, part);
	}
	if (change->gpa + change->size > at)
		change_store_surely(space, at, change->gpa + change->size - at, NULL);
}

/* The leaf that begins before @gpa and ends after it becomes small; there is none at the limit. */
static int split_at(struct ept_space *space, u64 gpa)
{
	struct ept_mapping mapping;

	if (ept_lookup(space->ept, gpa, &mapping) || mapping.gpa == gpa)
		return 0;
	return ept_split(space->ept, gpa, SZ_4K, EPT_4K, &space->gather);
}

/*
 * After the numbers of what is behind the range moved on: a fault that saw the one before may be
 * about to map.
 */
int space_split_edges(struct ept_space *space, u64 gpa, u64 size)
{
	ept_sync_maps(space->ept);
	return split_at(space, gpa) ?: split_at(space, gpa + size);
}

/*
 * Whether of a leaf that an edge of the part cuts the rest has to stay: where it is lost otherwise,
 * or where a fault, which nothing keeps from what is outside of the part, may be given other memory
 * before what goes is flushed.
 */
static bool keeps_rest(const struct part *part)
{
	const struct kind *kind = part->old->backing->kind;

	return part->new != part->old && (kind->owns || kind->asks);
}

/*
 * From here on nothing of the parts is mapped any more, and what is cut that cannot go whole is in
 * small leaves. On an error all is as it was.
 */
int change_stop_faults(struct ept_space *space, struct change *change)
{
	struct part *part;
	int err;

	if (change_store(space, change->gpa, change->size, &change->busy, GFP_KERNEL))
		return -ENOMEM;
	space->replaced = true;
	atomic_long_inc(&space->version);
	list_for_each_entry(part, &change->parts, node)
		backing_move_on(part->old->backing);
	list_for_each_entry(part, &change->parts, node) {
		err = keeps_rest(part) ? space_split_edges(space, part->gpa, part->size) : 0;
		if (err) {
			change_store_parts(space, change, false);
			return err;
		}
	}
	return 0;
}

/*
 * Taking from the table
 */

struct zap {
	struct ept_space	*space;
	struct backing		*backing;
};

/* Under the table's lock */
static void zap_gone(const struct ept_mapping *mapping, void *arg)
{
	const struct zap *zap = arg;
	struct ept_space *space = zap->space;
	/* It may have been, since its dirty flag was last clear. */
	const bool written = space->accessed_dirty ? mapping->dirty :
						     mapping->attrs.prot & EPT_PROT_WRITE;

	if (written)
		log_note_gone(space, mapping->gpa, mapping->size);
	if (zap->backing && zap->backing->kind->gone)
		zap->backing->kind->gone(space, zap->backing, mapping, written);
}

/* A leaf that an edge cuts goes whole; change_stop_faults() has split those that may not. */
int space_zap(struct ept_space *space, const struct part *part, struct ept_gather *gather)
{
	struct zap zap = { .space = space, .backing = part->old->backing };

	return ept_zap(space->ept, part->gpa, part->size, NULL, zap_gone, &zap, gather);
}

/* As space_zap(), of memory that stays: it is somewhere else in the table. */
int change_zap_moved(struct ept_space *space, const struct part *part)
{
	struct zap zap = { .space = space };

	return ept_zap(space->ept, part->gpa, part->size, NULL, zap_gone, &zap, &space->gather);
}

void change_retire(struct ept_space *space, struct part *part)
{
	part->old->size -= part->size;
	if (!part->old->size)
		list_move_tail(&part->old->node, &space->dead);
}

void space_remove_all(struct ept_space *space)
{
	struct part part;
	u64 at = 0;

	mutex_lock(&space->lock);
	WRITE_ONCE(space->owner, current);
	while (space_next(space, &at, space->limit, &part)) {
		if (part.old->backing->kind->fault)
			space_zap(space, &part, &space->gather);
		change_retire(space, &part);
	}
	space->replaced = true;
	__mt_destroy(&space->spans);
	log_free_all(space);
	ept_gather_flush(&space->gather);
	let_go(space);
	WRITE_ONCE(space->owner, NULL);
	mutex_unlock(&space->lock);
}
