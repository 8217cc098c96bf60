// SPDX-License-Identifier: GPL-2.0
/*
 * Regions get another address. What is behind them stays: memory that only the table knows is
 * mapped at the new address before it goes from the old one, all other comes by faults.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "ept_compat.h"
#include "change.h"
#include "space_trace.h"

/* Backings and spans for the new address */
static int make_new(struct ept_space *space, struct change *change, u64 distance)
{
	struct part *part;

	list_for_each_entry(part, &change->parts, node) {
		struct ept_region region = part->old->backing->region;
		struct backing *backing;

		place_region(&region, part->gpa, part->size);
		region.gpa += distance;
		backing = change_make_backing(space, &region, part->old->backing);
		if (IS_ERR(backing))
			return PTR_ERR(backing);
		part->new = change_make_span(space, backing, &part->old->attrs, part->size);
		if (!part->new)
			return -ENOMEM;
	}
	return 0;
}

static int carry_part(struct ept_space *space, const struct part *part, u64 distance)
{
	struct ept_mapping mapping;
	struct ept_cursor cursor;
	int err = ept_cursor_init(&cursor, space->ept, part->gpa, part->size);

	while (!err && !ept_cursor_next(&cursor, &mapping)) {
		err = ept_map(space->ept, mapping.gpa + distance, mapping.hpa, mapping.size,
			      &mapping.attrs);
		cond_resched();
	}
	return err;
}

/* What the table alone knows is at both addresses from here on. */
static int carry(struct ept_space *space, const struct change *change, u64 distance)
{
	const u64 to = change->gpa + distance;
	struct part *part;
	int err = 0;

	list_for_each_entry(part, &change->parts, node) {
		if (!err && part->old->backing->kind->owns)
			err = carry_part(space, part, distance);
	}
	if (!err && log_is_in(space, to, change->size))
		err = ept_split(space->ept, to, change->size, EPT_4K, &space->gather);
	if (err)
		ept_zap(space->ept, to, change->size, NULL, NULL, NULL, &space->gather);
	return err;
}

static void take(struct ept_space *space, const struct part *part)
{
	const struct kind *kind = part->old->backing->kind;

	if (kind->owns)
		WARN_ON_ONCE(change_zap_moved(space, part));
	else if (kind->fault)
		WARN_ON_ONCE(space_zap(space, part, &space->gather));
}

static void finish(struct ept_space *space, const struct change *change, u64 distance)
{
	struct part *part;

	list_for_each_entry(part, &change->parts, node)
		take(space, part);
	change_store_surely(space, change->gpa, change->size, NULL);
	list_for_each_entry(part, &change->parts, node) {
		change_store_surely(space, part->gpa + distance, part->size, part->new);
		log_note_range(space, part->gpa + distance, part->size);
		change_retire(space, part);
	}
}

static int move(struct ept_space *space, u64 gpa, u64 size, u64 to)
{
	struct change *change;
	struct part found;
	u64 at = to;
	int err;

	if (space_next(space, &at, to + size, &found))
		return -EEXIST;
	change = change_make(space, gpa, size);
	if (!change)
		return -ENOMEM;
	if (list_empty(&change->parts))
		return -ENOENT;
	err = make_new(space, change, to - gpa);
	if (!err)
		err = change_stop_faults(space, change);
	if (!err) {
		err = carry(space, change, to - gpa);
		if (err)
			change_store_parts(space, change, false);
	}
	if (err)
		change_drop_new(change);
	else
		finish(space, change, to - gpa);
	return err;
}

static int judge(const struct ept_space *space, u64 gpa, u64 size, u64 to)
{
	const int here = space_judge(space, gpa, size);
	const int there = space_judge(space, to, size);

	return there == -EINVAL || !here ? there : here;
}

int ept_space_move(struct ept_space *space, u64 gpa, u64 size, u64 to)
{
	bool own;
	int err = change_enter(space, judge(space, gpa, size, to), &own);

	if (err)
		return err;
	err = move(space, gpa, size, to);
	change_leave(space, own);
	trace_ept_space_move(ept_pointer(space->ept), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_move);
