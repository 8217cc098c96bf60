// SPDX-License-Identifier: GPL-2.0
/* What is at an address, and how it gets into the table. */
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "ept_compat.h"
#include "space.h"

int space_judge(const struct ept_space *space, u64 gpa, u64 size)
{
	if (IS_ERR_OR_NULL(space) || !size || (gpa | size) & ~PAGE_MASK)
		return -EINVAL;
	return gpa >= space->limit || size > space->limit - gpa ? -ERANGE : 0;
}

/*
 * The first span at @gpa or after it, before @end: as @part, clipped to these. @gpa is moved to
 * where it ends. False: there is none.
 */
bool space_next(struct ept_space *space, u64 *gpa, u64 end, struct part *part)
{
	MA_STATE(mas, &space->spans, *gpa >> PAGE_SHIFT, *gpa >> PAGE_SHIFT);

	if (*gpa >= end)
		return false;
	rcu_read_lock();
	part->old = mas_find(&mas, (end - 1) >> PAGE_SHIFT);
	rcu_read_unlock();
	if (!part->old)
		return false;
	part->gpa = max_t(u64, *gpa, (u64)mas.index << PAGE_SHIFT);
	part->size = min_t(u64, end, ((u64)mas.last + 1) << PAGE_SHIFT) - part->gpa;
	*gpa = part->gpa + part->size;
	return true;
}

/* @start and @end of a place, which may be a hole */
struct span *place_extent(struct place *place)
{
	MA_STATE(mas, &place->space->spans, place->gpa >> PAGE_SHIFT, place->gpa >> PAGE_SHIFT);
	struct span *span;

	rcu_read_lock();
	span = mas_walk(&mas);
	rcu_read_unlock();
	place->start = (u64)mas.index << PAGE_SHIFT;
	place->end = min_t(u64, mas.last, (place->space->limit - 1) >> PAGE_SHIFT) + 1;
	place->end <<= PAGE_SHIFT;
	return span;
}

static struct found *found_of_page(struct recent *recent, u64 gpa)
{
	return &recent->page[(gpa >> PAGE_SHIFT) % RECENT_PAGES];
}

static __always_inline bool is_of(const struct found *found, u64 gpa, long version)
{
	return found->version == version && gpa - found->start < found->size;
}

/*
 * What this CPU found of late, if the tree's version is still the same: then the span is still
 * there, and stays for the read side that the version was read in.
 */
static __always_inline bool recall(struct place *place, long version)
{
	struct recent *recent = get_cpu_ptr(place->space->recent);
	const struct found *found = &recent->last;
	bool hit = is_of(found, place->gpa, version);

	if (unlikely(!hit)) {
		found = found_of_page(recent, place->gpa);
		hit = is_of(found, place->gpa, version);
	}
	if (likely(hit)) {
		place->span = found->span;
		place->start = found->start;
		place->end = found->start + found->size;
	}
	put_cpu_ptr(place->space->recent);
	return hit;
}

static void remember(const struct place *place, long version)
{
	struct recent *recent = get_cpu_ptr(place->space->recent);

	recent->last = (struct found){
		.version = version,
		.span = place->span,
		.start = place->start,
		.size = place->end - place->start,
	};
	*found_of_page(recent, place->gpa) = recent->last;
	put_cpu_ptr(place->space->recent);
}

/* The span in the tree, as place_find() has it */
static int find_span(struct place *place, long version)
{
	place->span = place_extent(place);
	if (!place->span)
		return -ENOENT;
	if (!place->span->backing || READ_ONCE(place->span->pending))
		return PLACE_BUSY;
	remember(place, version);
	return 0;
}

/*
 * Within the read side of the space's SRCU. Returns 0, -ENOENT with the extent of the hole,
 * -EAGAIN, or PLACE_BUSY.
 */
int place_find(struct ept_space *space, u64 gpa, struct place *place)
{
	const long version = atomic_long_read_acquire(&space->version);

	place->space = space;
	place->gpa = gpa & PAGE_MASK;
	if (!recall(place, version)) {
		const int err = find_span(place, version);

		if (err)
			return err;
	}
	/* What moved the number on has changed the tree's version, and the logs, before. */
	place->seen = atomic_long_read_acquire(&place->span->backing->seq);
	place->log = log_at(space, gpa);
	smp_rmb();	/* what was found, before the version */
	return atomic_long_read(&space->version) == version ? 0 : -EAGAIN;
}

/*
 * Outside of the read side, after what a place said beside 0: 0 if one is to look again, when there
 * is something to see.
 */
int space_again(struct ept_space *space, u64 gpa, int err)
{
	if (err <= 0 && err != -EAGAIN)
		return err;
	this_cpu_inc(space->counts->retries);
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	if (err == PLACE_TAKEN)
		return space_clear_place(space, gpa & PAGE_MASK);
	if (err == -EAGAIN)
		return 0;
	if (READ_ONCE(space->owner) == current)
		return -EDEADLK;
	if (mutex_lock_killable(&space->lock))
		return -EINTR;
	mutex_unlock(&space->lock);
	return 0;
}

/* What is mapped there */
static u64 place_hpa(const struct place *place)
{
	return place->there.hpa + (place->gpa - place->there.gpa);
}

/* Looks up what the table has there, and says whether it has something. */
bool place_look_up(struct place *place)
{
	place->mapped = !ept_lookup(place->space->ept, place->gpa, &place->there);
	return place->mapped;
}

/*
 * What fits into a hole of @level, [@low, @high), and where @hpa is what is behind @low. A leaf of
 * which a log has but one page isn't large.
 */
static enum ept_level largest(const struct place *place, u64 low, u64 high, u64 hpa,
			      enum ept_level level)
{
	level = place->log ? EPT_4K : min(level, place->space->max_leaf);
	for (; level > EPT_4K; level--) {
		const u64 mask = level_size(level) - 1;
		const u64 leaf = place->gpa & ~mask;

		if (leaf >= low && leaf + mask < high && !((hpa - low + leaf) & mask) &&
		    !log_is_in(place->space, leaf, mask + 1))
			break;
	}
	return level;
}

/* Leaves are of 4K for what they are like: a fault makes those of one table, not of a GiB. */
static bool are_small(const struct place *place, const struct ept_attrs *attrs)
{
	return (place->space->exec_small && attrs->prot & (EPT_PROT_EXEC | EPT_PROT_UEXEC)) ||
	       attrs->flags & EPT_ATTR_SUBPAGE;
}

/*
 * Makes @access possible to memory that is behind [@gpa, @gpa + @size) and may be used with @prot:
 * by the leaf at the place, as large as that, the span and the log allow. Returns 0, PLACE_TAKEN or
 * an error, -EAGAIN if the backing's number has moved on.
 */
int place_install(struct place *place, u64 gpa, u64 hpa, u64 size, u32 prot, u32 access)
{
	const struct ept_attrs attrs = place_attrs(place, prot, access);
	const unsigned long *seq = backing_seq(place->span->backing);
	const u64 low = max(gpa, place->start), high = min(gpa + size, place->end);
	struct ept *ept = place->space->ept;
	u64 leaf, bytes = SZ_4K;
	int err;

	hpa += low - gpa;
	for (; !place->mapped; place_look_up(place)) {
		enum ept_level level = place->there.level;

		if (level > EPT_2M && are_small(place, &attrs))
			level = EPT_2M;
		bytes = level_size(largest(place, low, high, hpa, level));
		leaf = place->gpa & ~(bytes - 1);
		err = ept_map_if(ept, leaf, hpa + (leaf - low), bytes, &attrs, seq, place->seen);
		if (err != -EEXIST)
			return err;
	}
	/* The leaf that is there, if it is of this memory, or else the page alone */
	leaf = place->gpa;
	bytes = SZ_4K;
	if (place->there.gpa >= low && place->there.gpa + place->there.size <= high &&
	    place->there.hpa == hpa + (place->there.gpa - low)) {
		if (!place_needs_small(place, access)) {
			leaf = place->there.gpa;
			bytes = place->there.size;
		}
	} else if (place->span->backing->kind->asks && place_hpa(place) != hpa + (leaf - low)) {
		return PLACE_TAKEN;
	}
	err = ept_install(ept, leaf, hpa + (leaf - low), bytes, &attrs, seq, place->seen, NULL);
	return min(err, 0);
}

/* Of a region as it was added, makes the part at an address. */
void place_region(struct ept_region *region, u64 gpa, u64 size)
{
	const u64 offset = gpa - region->gpa;

	region->gpa = gpa;
	region->size = size;
	region->offset += offset;
	if (region->kind == EPT_REGION_LINEAR)
		region->hpa += offset;
	else if (region->kind == EPT_REGION_FILE)
		region->file.offset += offset;
	else if (region->kind == EPT_REGION_USER || region->kind == EPT_REGION_PINNED)
		region->user.address += offset;
	else if (region->kind == EPT_REGION_PAGES)
		region->pages += offset >> PAGE_SHIFT;
}

int ept_space_find(struct ept_space *space, u64 gpa, struct ept_region *region)
{
	struct part part;
	int idx, err = -ENOENT;
	u64 at = gpa & PAGE_MASK;

	if (IS_ERR_OR_NULL(space) || !region)
		return -EINVAL;
	idx = srcu_read_lock(&space->srcu);
	while (err && space_next(space, &at, space->limit, &part)) {
		struct backing *backing = part.old->backing;
		struct place place = { .space = space, .gpa = part.gpa };

		if (!backing || place_extent(&place) != part.old)
			continue;
		*region = backing->region;
		place_region(region, place.start, place.end - place.start);
		region->attrs = part.old->attrs;
		err = 0;
	}
	srcu_read_unlock(&space->srcu, idx);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_find);
