// SPDX-License-Identifier: GPL-2.0
/*
 * The flat model: the contracts of what changes that which is mapped already - its attributes, the
 * size of its leaves, accessed and dirty.
 */
#include <linux/bitops.h>
#include <linux/minmax.h>

#include "flat_space.h"

static bool first_in(struct flat *flat, u64 first, u64 last, struct flat_range *range)
{
	return first <= last && flat_next(flat, first, range) && range->first <= last;
}

static bool next_in(struct flat *flat, u64 last, struct flat_range *range)
{
	return first_in(flat, range->last + 1, last, range);
}

/* Clipped to [first, last]. */
static bool clipped_in(struct flat *flat, u64 first, u64 last, struct flat_range *range)
{
	if (!first_in(flat, first, last, range))
		return false;
	range->first = max(range->first, first);
	range->last = min(range->last, last);
	return true;
}

/*
 * Attributes
 */

/* What becomes of attributes: @attrs, if given, @memtype or @tag, if it is to change, or rights */
struct change {
	const struct ept_attrs		*attrs;
	const enum ept_memtype		*memtype;
	const u8			*tag;
	u32				clear;
	u32				set;
};

static struct ept_attrs changed(const struct flat *flat, const struct ept_attrs *old,
				const struct change *change)
{
	struct ept_attrs new = *old;

	if (change->attrs)
		new = *change->attrs;
	else if (change->memtype)
		new.memtype = *change->memtype;
	else if (change->tag)
		new.tag = *change->tag;
	else
		new.prot = (old->prot & ~change->clear) | change->set;
	new.prot = flat_meaningful_prot(flat, new.prot);
	return new;
}

static bool is_changed(const struct flat *flat, const struct ept_attrs *old,
		       const struct change *change)
{
	struct ept_attrs new = changed(flat, old, change);

	return new.prot != old->prot || new.memtype != old->memtype || new.flags != old->flags ||
	       new.tag != old->tag;
}

/* A leaf that keeps its attributes isn't split. */
static void split_if_changed(struct flat *flat, u64 page, const struct change *change)
{
	const struct flat_piece *piece = flat_at(flat, page << 12);

	if (piece && is_changed(flat, &piece->attrs, change))
		flat_split_at(flat, page);
}

/* How many splits it takes to make leaves of @to out of one of @from. */
static u64 splits_between(enum ept_level from, enum ept_level to)
{
	return from > to ? 1 + 512 * splits_between(from - 1, to) : 0;
}

/* Leaves of a range, none of which is cut by it, become others at the same place. */
static void put(struct flat *flat, const struct flat_range *range, const struct flat_piece *new)
{
	const struct flat_piece *old = range->piece;

	flat->splits += splits_between(old->level, new->level) *
			((range->last - range->first + 1) / flat_pages_of(old->level));
	if (flat_asks_for_flush(old, new))
		flat->flush_due = true;
	flat_store(flat, range->first, range->last, new);
}

static void change_pages(struct flat *flat, u64 first, u64 last, const struct change *change)
{
	struct flat_range range;
	struct flat_piece new;

	split_if_changed(flat, first, change);
	split_if_changed(flat, last + 1, change);
	for (; clipped_in(flat, first, last, &range); first = range.last + 1) {
		if (!is_changed(flat, &range.piece->attrs, change))
			continue;
		new = *range.piece;
		new.attrs = changed(flat, &new.attrs, change);
		new.level = min(new.level, flat_largest(&flat->config, &new.attrs));
		put(flat, &range, &new);
	}
}

static int judge_protect(struct flat *flat, u64 first, u64 last, u32 clear, u32 set)
{
	struct flat_range range;
	int ret = 0;
	bool more;

	for (more = first_in(flat, first, last, &range); more; more = next_in(flat, last, &range)) {
		u32 prot = (range.piece->attrs.prot & ~clear) | set;

		if (!flat_is_legal_prot(prot))
			return -EINVAL;
		if (!flat_supports_prot(&flat->config, prot))
			ret = -EOPNOTSUPP;
	}
	return ret;
}

int flat_protect(struct flat *flat, u64 gpa, u64 size, u32 clear, u32 set)
{
	const struct change change = { .clear = clear, .set = set };
	u64 first = PAGE(gpa), last = PAGE(gpa + size - 1);
	int ret;

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | size) || ((clear | set) & ~ALL_PROT))
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	ret = judge_protect(flat, first, last, clear, set);
	if (!ret)
		change_pages(flat, first, last, &change);
	return ret;
}

/* The leaf that holds @gpa, whole; -EOPNOTSUPP where it would have to become smaller */
int flat_grant(struct flat *flat, u64 gpa, u32 prot)
{
	const struct change change = { .set = prot };
	const struct flat_piece *piece;
	struct ept_attrs new;
	u64 pages, first;

	flat->flush_due = false;
	if (!flat_is_legal_prot(prot))
		return -EINVAL;
	if (gpa >= flat_width(flat))
		return -ERANGE;
	if (!flat_supports_prot(&flat->config, prot))
		return -EOPNOTSUPP;
	piece = flat_at(flat, gpa);
	if (!piece)
		return -ENOENT;
	if (!is_changed(flat, &piece->attrs, &change))
		return 1;
	new = changed(flat, &piece->attrs, &change);
	if (flat_largest(&flat->config, &new) < piece->level)
		return -EOPNOTSUPP;
	pages = flat_pages_of(piece->level);
	first = rounddown(PAGE(gpa), pages);
	change_pages(flat, first, first + pages - 1, &change);
	return 0;
}

int flat_set_memtype(struct flat *flat, u64 gpa, u64 size, enum ept_memtype memtype)
{
	const struct change change = { .memtype = &memtype };

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | size) || !flat_is_memtype(memtype))
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	change_pages(flat, PAGE(gpa), PAGE(gpa + size - 1), &change);
	return 0;
}

int flat_set_tag(struct flat *flat, u64 gpa, u64 size, u8 tag)
{
	const struct change change = { .tag = &tag };

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | size) || tag > 31)
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	change_pages(flat, PAGE(gpa), PAGE(gpa + size - 1), &change);
	return 0;
}

int flat_set_attrs(struct flat *flat, u64 gpa, u64 size, const struct ept_attrs *attrs)
{
	const struct change change = { .attrs = attrs };
	int ret = flat_judge(&flat->config, attrs);

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | size) || ret == -EINVAL)
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	if (!ret)
		change_pages(flat, PAGE(gpa), PAGE(gpa + size - 1), &change);
	return ret;
}

/*
 * Another page behind each leaf: the range has none that is a hole, and what is illegal comes first
 */

static bool is_mapped(struct flat *flat, u64 first, u64 last)
{
	struct flat_range range;

	for (; first_in(flat, first, first, &range); first = range.last + 1)
		if (range.last >= last)
			return true;
	return false;
}

static bool redirected(const struct flat *flat, const struct flat_piece *old, u64 delta,
		       const struct change *change, struct flat_piece *new)
{
	*new = *old;
	new->delta = delta;
	new->attrs = changed(flat, &old->attrs, change);
	new->accessed = false;
	new->dirty = false;
	return old->delta != delta || is_changed(flat, &old->attrs, change) || old->accessed ||
	       old->dirty;
}

/* A leaf that a CPU may mark at any time is split, whether it is marked yet or not. */
static void redirect_cut(struct flat *flat, u64 page, u64 delta, const struct change *change)
{
	const struct flat_piece *piece = flat_at(flat, page << 12);
	const bool flags = flat->config.features & EPT_FEATURE_AD;
	struct flat_piece new;

	if (piece && (redirected(flat, piece, delta, change, &new) || (flags && piece->attrs.prot)))
		flat_split_at(flat, page);
}

int flat_redirect(struct flat *flat, u64 gpa, u64 hpa, u64 size, u32 clear, u32 set)
{
	const struct change change = { .clear = clear, .set = set };
	u64 first = PAGE(gpa), last = PAGE(gpa + size - 1), end = 1ULL << flat->config.maxphyaddr;
	struct flat_range range;
	struct flat_piece new;
	int ret;

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | hpa | size) || ((clear | set) & ~ALL_PROT))
		return -EINVAL;
	if (flat_check_range(flat, gpa, size) || size > end || hpa > end - size)
		return -ERANGE;
	ret = judge_protect(flat, first, last, clear, set);
	if (!ret && !is_mapped(flat, first, last))
		ret = -ENOENT;
	if (ret)
		return ret;
	redirect_cut(flat, first, hpa - gpa, &change);
	redirect_cut(flat, last + 1, hpa - gpa, &change);
	for (; clipped_in(flat, first, last, &range); first = range.last + 1) {
		if (!redirected(flat, range.piece, hpa - gpa, &change, &new))
			continue;
		new.level = min(new.level, flat_largest(&flat->config, &new.attrs));
		while (!IS_ALIGNED(new.delta, flat_span(new.level)))
			new.level--;
		put(flat, &range, &new);
	}
	return 0;
}

/*
 * Sizes
 */

/* Leaves that are larger than @level begin and end where leaves of it do. */
int flat_split(struct flat *flat, u64 gpa, u64 size, enum ept_level level)
{
	u64 first, last, pages;
	struct flat_range range;
	struct flat_piece new;

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | size) || level > EPT_1G)
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	pages = flat_pages_of(level);
	first = rounddown(PAGE(gpa), pages);
	last = roundup(PAGE(gpa + size), pages) - 1;
	flat_split_at(flat, first);
	flat_split_at(flat, last + 1);
	for (; clipped_in(flat, first, last, &range); first = range.last + 1) {
		if (range.piece->level <= level)
			continue;
		new = *range.piece;
		new.level = level;
		put(flat, &range, &new);
	}
	return 0;
}

static bool are_alike(const struct flat_piece *a, const struct flat_piece *b)
{
	return a->delta == b->delta && a->attrs.prot == b->attrs.prot &&
	       a->attrs.memtype == b->attrs.memtype && a->attrs.flags == b->attrs.flags &&
	       a->attrs.tag == b->attrs.tag;
}

/* Whether a leaf of @level can take the place of all that is there from @first on. */
static bool makes_a_leaf(struct flat *flat, u64 first, enum ept_level level,
			 struct flat_piece *leaf)
{
	u64 last = first + flat_pages_of(level) - 1, page = first;
	const struct flat_piece *piece = flat_at(flat, first << 12);
	struct flat_range range;

	if (!piece || piece->level >= level || level > flat_largest(&flat->config, &piece->attrs) ||
	    !IS_ALIGNED(piece->delta, flat_span(level)))
		return false;
	*leaf = *piece;
	leaf->level = level;
	for (; page <= last; page = range.last + 1) {
		if (!first_in(flat, page, page, &range) || !are_alike(range.piece, leaf))
			return false;
		leaf->accessed |= range.piece->accessed;
		leaf->dirty |= range.piece->dirty;
	}
	return true;
}

/* Leaves of one level; what becomes a part of a larger leaf isn't looked at before. */
static int merge_level(struct flat *flat, u64 first, u64 last, enum ept_level level)
{
	u64 pages = flat_pages_of(level), page;
	struct flat_range range;
	struct flat_piece leaf;
	int made = 0;

	for (page = roundup(first, pages); first_in(flat, page, last, &range); page += pages) {
		page = max(page, rounddown(range.first, pages));
		if (page + pages - 1 > last)
			break;
		if (range.piece->level >= level) {
			page = range.last + 1 - pages;
		} else if (makes_a_leaf(flat, page, level, &leaf)) {
			flat_store(flat, page, page + pages - 1, &leaf);
			made++;
		}
	}
	return made;
}

int flat_merge(struct flat *flat, u64 gpa, u64 size, enum ept_level level)
{
	enum ept_level l;
	int made = 0;

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | size) || level > EPT_1G)
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	if (level > flat->config.max_leaf)
		return -EOPNOTSUPP;
	for (l = level; l > EPT_4K; l--)
		made += merge_level(flat, PAGE(gpa), PAGE(gpa + size - 1), l);
	flat->merges += made;
	/* A table goes with each. */
	flat->flush_due = made;
	return made;
}

/*
 * Accessed and dirty
 */

static bool *flag_of(struct flat_piece *piece, bool dirty)
{
	return dirty ? &piece->dirty : &piece->accessed;
}

/* Of a leaf that the range cuts the pages in it are told, and the flag stays. */
static void harvest_piece(struct flat *flat, struct flat_range *range, u64 first, u64 last,
			  bool dirty)
{
	struct flat_piece cleared = *range->piece;
	u64 pages = flat_pages_of(cleared.level);
	u64 end = min(range->last + 1, rounddown(last + 1, pages));

	range->first = max(range->first, roundup(first, pages));
	range->last = end - 1;
	if (range->first >= end)
		return;
	*flag_of(&cleared, dirty) = false;
	put(flat, range, &cleared);
}

static int harvest(struct flat *flat, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
		   bool dirty)
{
	u64 first = PAGE(gpa), last = PAGE(gpa + size - 1), page;
	struct flat_range range;

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | size) || !bitmap)
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	if (!flat_has(&flat->config, EPT_FEATURE_AD))
		return -EOPNOTSUPP;
	for (page = first; first_in(flat, page, last, &range); page = range.last + 1) {
		struct flat_piece piece = *range.piece;
		struct flat_range whole = range;

		if (!*flag_of(&piece, dirty))
			continue;
		for (page = max(range.first, first); page <= min(range.last, last); page++)
			__set_bit(page - first, bitmap);
		if (!peek)
			harvest_piece(flat, &whole, first, last, dirty);
	}
	return 0;
}

int flat_harvest_dirty(struct flat *flat, u64 gpa, u64 size, unsigned long *bitmap, bool peek)
{
	return harvest(flat, gpa, size, bitmap, peek, true);
}

int flat_harvest_accessed(struct flat *flat, u64 gpa, u64 size, unsigned long *bitmap, bool peek)
{
	return harvest(flat, gpa, size, bitmap, peek, false);
}

int flat_clear_dirty(struct flat *flat, u64 gpa)
{
	const struct flat_piece *piece;
	struct flat_range whole;
	u64 pages, first;

	flat->flush_due = false;
	if (gpa >= flat_width(flat))
		return -ERANGE;
	if (!flat_has(&flat->config, EPT_FEATURE_AD))
		return -EOPNOTSUPP;
	piece = flat_at(flat, gpa);
	if (!piece)
		return -ENOENT;
	if (!piece->dirty)
		return 0;
	pages = flat_pages_of(piece->level);
	first = rounddown(PAGE(gpa), pages);
	flat_next(flat, first, &whole);
	harvest_piece(flat, &whole, first, first + pages - 1, true);
	return 1;
}

/* Leaves that the range cuts count, and are cleared, whole. Nothing is owed for it. */
int flat_age(struct flat *flat, u64 gpa, u64 size, bool clear)
{
	u64 first = PAGE(gpa), last = PAGE(gpa + size - 1), page;
	struct flat_range range;
	bool young = false;

	if (!size || !flat_is_page_multiple(gpa | size))
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	if (!flat_has(&flat->config, EPT_FEATURE_AD))
		return -EOPNOTSUPP;
	for (page = first; first_in(flat, page, last, &range); page = range.last + 1) {
		struct flat_piece old = *range.piece;
		u64 pages = flat_pages_of(old.level);

		if (!old.accessed)
			continue;
		young = true;
		if (!clear)
			break;
		old.accessed = false;
		page = max(range.first, rounddown(first, pages));
		range.last = min(range.last, roundup(last + 1, pages) - 1);
		flat_store(flat, page, range.last, &old);
	}
	flat->flush_due = false;
	return young;
}
