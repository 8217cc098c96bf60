// SPDX-License-Identifier: GPL-2.0
/*
 * What is mapped, in order: tours, and visits of mappings and of entries, all at once or step by
 * step. Readers, as in ept_read.h.
 */
#include <linux/err.h>
#include <linux/sched.h>

#include "ept_read.h"

/*
 * Tables to be opened in one RCU section: about a millisecond, where each is full. Straddling ones
 * don't count, so that each section gets on.
 */
#define SECTION_TABLES	512

void ept_tour_init(struct ept_tour *tour, struct ept *ept, u64 gpa, u64 end, bool may_sleep)
{
	tour->ept = ept;
	tour->walk.fmt = &ept->fmt;
	tour->walk.root = ept->root;
	tour->walk.gpa = gpa;
	tour->walk.end = end;
	/* Not within a section. */
	tour->walk.may_sleep = false;
	tour->may_sleep = may_sleep;
}

/*
 * Visits the range. A table is met among covered entries once, in the first section that comes to
 * it; the later ones get into it as it straddles.
 */
int ept_tour(struct ept_tour *tour, const struct ept_visitor *visitor)
{
	for (;;) {
		bool brief;
		int err;

		tour->left = SECTION_TABLES;
		brief = ept_read_lock(tour->ept);
		ept_walk_begin(&tour->walk);
		err = ept_walk_pass(&tour->walk, visitor);
		ept_read_unlock(brief);
		if (err != -EAGAIN)
			return err;
		tour->walk.gpa = tour->resume;
		if (tour->may_sleep)
			cond_resched();
	}
}

/*
 * All at once
 */

/**
 * struct each - ept_for_each_mapping()
 * @tour: over the range
 * @fn: the caller's
 * @arg: the caller's
 * @ret: non-zero: what @fn returned, and the walk ends
 * @pending: alike leaves so far; its size is 0 where there are none
 * @bits: attributes, accessed and dirty of @pending
 */
struct each {
	struct ept_tour		tour;
	ept_mapping_fn		fn;
	void			*arg;
	int			ret;
	struct ept_mapping	pending;
	u64			bits;
};

static struct each *to_each(struct ept_walk *walk)
{
	return container_of(walk, struct each, tour.walk);
}

static void each_flush(struct each *each)
{
	if (each->pending.size && !each->ret)
		each->ret = each->fn(&each->pending, each->arg);
}

/* Adds a leaf, clipped to the range, to its like, or begins anew. */
static void each_leaf(struct each *each, enum ept_level level, u64 gpa, u64 leaf)
{
	const struct ept_format *fmt = each->tour.walk.fmt;
	const u64 bits = leaf & (EPT_PTE_ATTRS | fmt->ad);
	struct ept_mapping *pending = &each->pending;
	const u64 start = max(gpa, each->tour.walk.gpa);
	const u64 end = min(gpa + ept_level_size(level), each->tour.walk.end);
	const phys_addr_t hpa = ept_pte_leaf_address(fmt, leaf) + (start - gpa);

	if (pending->size && pending->gpa + pending->size == start &&
	    pending->hpa + pending->size == hpa && pending->level == level &&
	    each->bits == bits) {
		pending->size += end - start;
		return;
	}
	each_flush(each);
	*pending = ept_pte_mapping(fmt, leaf, level, gpa);
	pending->gpa = start;
	pending->hpa = hpa;
	pending->size = end - start;
	each->bits = bits;
}

static int each_run(struct ept_walk *walk, const struct ept_run *run)
{
	const u64 size = ept_level_size(run->level);
	struct each *each = to_each(walk);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_hole(entry))
			continue;
		if (ept_pte_is_table(entry, run->level)) {
			if (!ept_tour_may_open(walk, run, i))
				return -EAGAIN;
			ept_walk_open(walk, run, entry);
			return i;
		}
		each_leaf(each, run->level, run->gpa + i * size, entry);
		if (each->ret)
			return -ECANCELED;
	}
	return run->nr;
}

/* The entry may have become a table since the walker looked. */
static int each_edge(struct ept_walk *walk, const struct ept_run *run)
{
	const u64 entry = READ_ONCE(*run->entry);
	struct each *each = to_each(walk);

	if (ept_pte_is_table(entry, run->level))
		ept_walk_open(walk, run, entry);
	else if (!ept_pte_is_hole(entry))
		each_leaf(each, run->level, run->gpa, entry);
	return each->ret ? -ECANCELED : 0;
}

static const struct ept_visitor each_visitor = {
	.run = each_run,
	.edge = each_edge,
};

static int visit_each(struct each *each)
{
	bool brief;

	ept_tour(&each->tour, &each_visitor);
	brief = ept_read_lock(each->tour.ept);
	each_flush(each);
	ept_read_unlock(brief);
	return each->ret;
}

int ept_for_each_mapping(struct ept *ept, u64 gpa, u64 size, ept_mapping_fn fn, void *arg)
{
	struct each each = { .fn = fn, .arg = arg };

	if (IS_ERR_OR_NULL(ept) || !fn || !size || !IS_ALIGNED(gpa | size, PAGE_SIZE))
		return -EINVAL;
	if (!ept_gpa_fits(ept, gpa) || size > ept_gpa_end(ept) - gpa)
		return -ERANGE;
	ept_tour_init(&each.tour, ept, gpa, gpa + size, false);
	return visit_each(&each);
}
EXPORT_SYMBOL_EPT(ept_for_each_mapping);

/*
 * Step by step
 */

static int take_first(const struct ept_mapping *mapping, void *arg)
{
	*(struct ept_mapping *)arg = *mapping;
	return 1;
}

/* The first mapping from @gpa on, clipped to what begins there. May sleep. False: there is none. */
bool ept_next_mapping(struct ept *ept, u64 gpa, struct ept_mapping *mapping)
{
	struct each each = { .fn = take_first, .arg = mapping };

	if (gpa >= ept_gpa_end(ept))
		return false;
	ept_tour_init(&each.tour, ept, gpa, ept_gpa_end(ept), true);
	return visit_each(&each);
}
EXPORT_SYMBOL_IF_KUNIT(ept_next_mapping);

/**
 * struct seek - ept_next_entry()
 * @tour: from there on
 * @from: the least order that will do
 * @found: filled in
 */
struct seek {
	struct ept_tour		tour;
	u64			from;
	struct ept_found	*found;
};

static int seek_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct seek *seek = container_of(walk, struct seek, tour.walk);
	const u64 size = ept_level_size(run->level);

	for (unsigned int i = 0; i < run->nr; i++) {
		const struct ept_found found = {
			.gpa = run->gpa + i * size,
			.level = run->level,
			.entry = READ_ONCE(run->entry[i]),
		};
		const bool table = ept_pte_is_table(found.entry, run->level);

		if (ept_pte_is_hole(found.entry))
			continue;
		if (ept_found_order(walk->fmt, &found) >= seek->from) {
			*seek->found = found;
			if (table)
				seek->found->live = ept_table_live(ept_table_at(found.entry));
			return -ECANCELED;
		}
		if (!table)
			continue;
		/* In one section: only tables that begin where the search does are opened. */
		ept_walk_open(walk, run, found.entry);
		return i;
	}
	return run->nr;
}

static const struct ept_visitor seek_visitor = {
	.run = seek_run,
};

/*
 * The first entry that isn't a hole, of those whose ept_found_order() is @from or more. May sleep.
 * False: there is none.
 */
bool ept_next_entry(struct ept *ept, u64 from, struct ept_found *found)
{
	struct seek seek = { .from = from, .found = found };
	const u64 gpa = round_down(from, ept_level_size(EPT_4K));

	if (gpa >= ept_gpa_end(ept))
		return false;
	ept_tour_init(&seek.tour, ept, gpa, ept_gpa_end(ept), true);
	return ept_tour(&seek.tour, &seek_visitor) == -ECANCELED;
}
EXPORT_SYMBOL_IF_KUNIT(ept_next_entry);
