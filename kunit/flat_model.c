// SPDX-License-Identifier: GPL-2.0
/*
 * The flat model: the space itself, what attributes are worth, and the contracts of what maps and
 * unmaps, over a map of pages.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "flat_space.h"

#define ANY_EXEC	(EPT_PROT_EXEC | EPT_PROT_UEXEC)
#define ALL_FLAGS	(EPT_ATTR_IGNORE_PAT | EPT_ATTR_SUPPRESS_VE | EPT_ATTR_SUBPAGE |	\
			 EPT_ATTR_PAGING_WRITE | EPT_ATTR_VERIFY_PAGING | EPT_ATTR_SUPER_SHADOW)

/* The feature that each flag asks for. */
static const struct { u32 flag, feature; } flag_needs[] = {
	{ EPT_ATTR_SUPPRESS_VE,		EPT_FEATURE_VE },
	{ EPT_ATTR_SUBPAGE,		EPT_FEATURE_SUBPAGE },
	{ EPT_ATTR_PAGING_WRITE,	EPT_FEATURE_PAGING_WRITE },
	{ EPT_ATTR_VERIFY_PAGING,	EPT_FEATURE_VERIFY_PAGING },
	{ EPT_ATTR_SUPER_SHADOW,	EPT_FEATURE_SUPER_SHADOW },
};

u64 flat_span(enum ept_level level)
{
	static const u64 spans[] = {
		[EPT_4K] = 1ULL << 12, [EPT_2M] = 1ULL << 21, [EPT_1G] = 1ULL << 30,
		[EPT_512G] = 1ULL << 39, [EPT_256T] = 1ULL << 48,
	};

	return spans[level];
}

u64 flat_width(const struct flat *flat)
{
	return 1ULL << (flat->config.levels == 5 ? 57 : 48);
}

struct flat *flat_create(const struct ept_config *config)
{
	struct flat *flat = kzalloc(sizeof(*flat), GFP_KERNEL);

	if (!flat)
		return NULL;
	flat->config = *config;
	mt_init(&flat->pages);
	INIT_LIST_HEAD(&flat->pieces);
	return flat;
}

void flat_destroy(struct flat *flat)
{
	struct flat_piece *piece, *next;

	if (!flat)
		return;
	mtree_destroy(&flat->pages);
	list_for_each_entry_safe(piece, next, &flat->pieces, node)
		kfree(piece);
	kfree(flat);
}

bool flat_next(struct flat *flat, u64 from, struct flat_range *range)
{
	MA_STATE(mas, &flat->pages, from, from);

	mas_lock(&mas);
	range->piece = mas_find(&mas, ULONG_MAX);
	mas_unlock(&mas);
	range->first = mas.index;
	range->last = mas.last;
	return range->piece;
}

const struct flat_piece *flat_at(struct flat *flat, u64 gpa)
{
	return mtree_load(&flat->pages, PAGE(gpa));
}

/* A model that cannot get memory has nothing to say any more. */
void flat_store(struct flat *flat, u64 first, u64 last, const struct flat_piece *like)
{
	struct flat_piece *piece = NULL;

	if (like) {
		piece = kmemdup(like, sizeof(*like), GFP_KERNEL | __GFP_NOFAIL);
		list_add(&piece->node, &flat->pieces);
	}
	WARN_ON(mtree_store_range(&flat->pages, first, last, piece, GFP_KERNEL));
}

/*
 * The edge of a range cuts a leaf: every level above that of the edge's alignment gives way to 512
 * smaller leaves, of which at most one is cut in its turn.
 */
void flat_split_at(struct flat *flat, u64 page)
{
	const struct flat_piece *piece;

	while ((piece = mtree_load(&flat->pages, page)) && page % flat_pages_of(piece->level)) {
		u64 first = rounddown(page, flat_pages_of(piece->level));
		u64 last = first + flat_pages_of(piece->level) - 1;
		struct flat_piece smaller = *piece;

		if (piece->attrs.prot)
			flat->flush_due = true;
		smaller.level--;
		flat->splits++;
		flat_store(flat, first, last, &smaller);
	}
}

/*
 * Tables that the last operation gave back. A CPU may know them even if all that they held was
 * EPT_PROT_NONE, and so they ask for a flush.
 */
static u64 total_tables(struct flat *flat)
{
	u64 leaves[FLAT_LEAF_LEVELS], tables[FLAT_TABLE_LEVELS], total = 0;
	unsigned int i;

	flat_count(flat, leaves, tables);
	for (i = 0; i < FLAT_TABLE_LEVELS; i++)
		total += tables[i];
	return total;
}

bool flat_is_memtype(enum ept_memtype memtype)
{
	return memtype == EPT_MT_UC || memtype == EPT_MT_WC || memtype == EPT_MT_WT ||
	       memtype == EPT_MT_WP || memtype == EPT_MT_WB;
}

bool flat_is_legal_prot(u32 prot)
{
	return !(prot & ~ALL_PROT) && (!(prot & EPT_PROT_WRITE) || (prot & EPT_PROT_READ));
}

static bool are_legal(const struct ept_attrs *attrs)
{
	return attrs && flat_is_legal_prot(attrs->prot) && flat_is_memtype(attrs->memtype) &&
	       !(attrs->flags & ~ALL_FLAGS) && attrs->tag <= 31;
}

bool flat_supports_prot(const struct ept_config *config, u32 prot)
{
	if (!flat_has(config, EPT_FEATURE_MODE_EXEC) && (prot & ANY_EXEC) == EPT_PROT_UEXEC)
		return false;
	if ((prot & ANY_EXEC) && !(prot & EPT_PROT_READ))
		return flat_has(config, EPT_FEATURE_EXEC_ONLY);
	return true;
}

static bool supports(const struct ept_config *config, const struct ept_attrs *attrs)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flag_needs); i++)
		if ((attrs->flags & flag_needs[i].flag) && !flat_has(config, flag_needs[i].feature))
			return false;
	return flat_supports_prot(config, attrs->prot);
}

int flat_judge(const struct ept_config *config, const struct ept_attrs *attrs)
{
	if (!are_legal(attrs))
		return -EINVAL;
	return supports(config, attrs) ? 0 : -EOPNOTSUPP;
}

u32 flat_meaningful_prot(const struct flat *flat, u32 prot)
{
	return flat_has(&flat->config, EPT_FEATURE_MODE_EXEC) ? prot : prot & ~EPT_PROT_UEXEC;
}

enum ept_level flat_largest(const struct ept_config *config, const struct ept_attrs *attrs)
{
	if (attrs->flags & EPT_ATTR_SUBPAGE)
		return EPT_4K;
	if ((config->flags & EPT_CONFIG_NO_EXEC_LARGE) && (attrs->prot & ANY_EXEC))
		return EPT_4K;
	return config->max_leaf;
}

/* The length of the run of leaves of one level, the largest possible, that begins the range. */
static u64 leaf_run(enum ept_level largest, u64 gpa, u64 hpa, u64 size, enum ept_level *level)
{
	enum ept_level l = largest;
	u64 run;

	while (!IS_ALIGNED(gpa | hpa, flat_span(l)) || size < flat_span(l))
		l--;
	*level = l;
	run = round_down(size, flat_span(l));
	/* Up to where larger leaves begin, if addresses ever allow them. */
	if (l < largest && IS_ALIGNED(gpa ^ hpa, flat_span(l + 1)) &&
	    !IS_ALIGNED(gpa, flat_span(l + 1)))
		run = min(run, round_up(gpa, flat_span(l + 1)) - gpa);
	return run;
}

/*
 * The table of INVEPT's guidelines: what is present may be cached, and anything that a guest could
 * notice has to be forgotten, but for rights that were added.
 */
bool flat_asks_for_flush(const struct flat_piece *old, const struct flat_piece *new)
{
	return old->attrs.prot &&
	       ((old->attrs.prot & ~new->attrs.prot) || old->delta != new->delta ||
		old->attrs.memtype != new->attrs.memtype || old->attrs.flags != new->attrs.flags ||
		old->level != new->level || (old->accessed && !new->accessed) ||
		(old->dirty && !new->dirty));
}

/*
 * Puts leaves where there may be others. Where those are smaller, a table gives way, which a CPU
 * may know whatever is in it.
 */
static void replace(struct flat *flat, u64 first, u64 last, const struct flat_piece *new)
{
	struct flat_range range;
	u64 page;

	for (page = first; flat_next(flat, page, &range) && range.first <= last;
	     page = range.last + 1)
		if (flat_asks_for_flush(range.piece, new) || range.piece->level < new->level)
			flat->flush_due = true;
	flat_store(flat, first, last, new);
}

/* The same, but leaves of the same page and size keep accessed and dirty. */
static void replace_keeping(struct flat *flat, u64 first, u64 last, const struct flat_piece *new)
{
	struct flat_range range;
	u64 page, next;

	for (page = first; page <= last; page = next) {
		struct flat_piece kept = *new;

		if (!flat_next(flat, page, &range) || range.first > last)
			break;
		next = min(range.last, last) + 1;
		if (range.piece->level != new->level || range.piece->delta != new->delta)
			continue;
		kept.accessed = range.piece->accessed;
		kept.dirty = range.piece->dirty;
		if (range.first > first)
			replace(flat, first, range.first - 1, new);
		replace(flat, max(range.first, first), next - 1, &kept);
		first = next;
	}
	if (first <= last)
		replace(flat, first, last, new);
}

static void fill_by(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs,
		    void (*put)(struct flat *flat, u64 first, u64 last,
				const struct flat_piece *new))
{
	struct flat_piece piece = { .delta = hpa - gpa, .attrs = *attrs };
	enum ept_level largest = flat_largest(&flat->config, attrs);

	piece.attrs.prot = flat_meaningful_prot(flat, attrs->prot);
	while (size) {
		u64 run = leaf_run(largest, gpa, hpa, size, &piece.level);

		put(flat, PAGE(gpa), PAGE(gpa + run - 1), &piece);
		gpa += run;
		hpa += run;
		size -= run;
	}
}

static void fill(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	fill_by(flat, gpa, hpa, size, attrs, replace);
}

static bool is_hole(struct flat *flat, u64 gpa, u64 size)
{
	struct flat_range range;

	return !flat_next(flat, PAGE(gpa), &range) || range.first > PAGE(gpa + size - 1);
}

static u64 memory_end(const struct flat *flat)
{
	return 1ULL << flat->config.maxphyaddr;
}

static int judge_map(const struct flat *flat, u64 gpa, u64 hpa, u64 size,
		     const struct ept_attrs *attrs)
{
	if (!size || !flat_is_page_multiple(gpa | hpa | size) || !are_legal(attrs))
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	if (size > memory_end(flat) || hpa > memory_end(flat) - size)
		return -ERANGE;
	return supports(&flat->config, attrs) ? 0 : -EOPNOTSUPP;
}

int flat_map(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	int ret = judge_map(flat, gpa, hpa, size, attrs);

	flat->flush_due = false;
	if (!ret && !is_hole(flat, gpa, size))
		ret = -EEXIST;
	if (!ret)
		fill(flat, gpa, hpa, size, attrs);
	return ret;
}

int flat_remap(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	int ret = judge_map(flat, gpa, hpa, size, attrs);

	flat->flush_due = false;
	if (ret)
		return ret;
	flat_split_at(flat, PAGE(gpa));
	flat_split_at(flat, PAGE(gpa + size));
	fill(flat, gpa, hpa, size, attrs);
	return 0;
}

/* One leaf holds all of the range, leads where it is to lead, and has the rights. */
static bool suffices(struct flat *flat, u64 gpa, u64 hpa, u64 size, u32 prot)
{
	const struct flat_piece *piece = flat_at(flat, gpa);

	return piece && piece->delta == hpa - gpa &&
	       size <= flat_span(piece->level) - gpa % flat_span(piece->level) &&
	       !(flat_meaningful_prot(flat, prot) & ~piece->attrs.prot);
}

int flat_install(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	int ret = judge_map(flat, gpa, hpa, size, attrs);

	flat->flush_due = false;
	if (ret)
		return ret;
	if (suffices(flat, gpa, hpa, size, attrs->prot))
		return 1;
	flat_split_at(flat, PAGE(gpa));
	flat_split_at(flat, PAGE(gpa + size));
	fill_by(flat, gpa, hpa, size, attrs, replace_keeping);
	return 0;
}

static int judge_pages(struct flat *flat, u64 gpa, const u64 *hpas, unsigned long nr,
		       const struct ept_attrs *attrs)
{
	unsigned long i;

	flat->flush_due = false;
	if (!hpas || !nr || !flat_is_page_multiple(gpa) || !are_legal(attrs))
		return -EINVAL;
	if (nr > PAGE(flat_width(flat)) || flat_check_range(flat, gpa, (u64)nr << 12))
		return -ERANGE;
	for (i = 0; i < nr; i++)
		if (hpas[i] >= memory_end(flat))
			return -ERANGE;
	return supports(&flat->config, attrs) ? 0 : -EOPNOTSUPP;
}

int flat_map_pages(struct flat *flat, u64 gpa, const u64 *hpas, unsigned long nr,
		   const struct ept_attrs *attrs)
{
	int ret = judge_pages(flat, gpa, hpas, nr, attrs);
	unsigned long i, run;

	if (ret)
		return ret;
	if (!is_hole(flat, gpa, (u64)nr << 12))
		return -EEXIST;
	for (i = 0; i < nr; i += run) {
		for (run = 1; i + run < nr && hpas[i + run] == hpas[i] + (run << 12); run++)
			;
		fill(flat, gpa + ((u64)i << 12), hpas[i], (u64)run << 12, attrs);
	}
	return 0;
}

/* The largest leaf that goes into the hole at a page */
static enum ept_level fitting(struct flat *flat, u64 gpa, const u64 *hpas, unsigned long nr,
			      const struct ept_attrs *attrs)
{
	enum ept_level level = flat_largest(&flat->config, attrs);
	unsigned long i;

	for (; level > EPT_4K; level--) {
		if (!IS_ALIGNED(gpa | hpas[0], flat_span(level)) || nr < flat_pages_of(level) ||
		    !is_hole(flat, gpa, flat_span(level)))
			continue;
		for (i = 1; i < flat_pages_of(level); i++)
			if (hpas[i] != hpas[0] + (i << 12))
				break;
		if (i == flat_pages_of(level))
			break;
	}
	return level;
}

int flat_fill_pages(struct flat *flat, u64 gpa, const u64 *hpas, unsigned long nr,
		    const struct ept_attrs *attrs, unsigned long *filled)
{
	int ret = judge_pages(flat, gpa, hpas, nr, attrs);
	unsigned long i, run;

	for (i = 0; !ret && i < nr; i += run) {
		u64 at = gpa + ((u64)i << 12);

		run = 1;
		if (flat_at(flat, at))
			continue;
		run = flat_pages_of(fitting(flat, at, hpas + i, nr - i, attrs));
		fill(flat, at, hpas[i], (u64)run << 12, attrs);
		bitmap_set(filled, i, run);
	}
	return ret;
}

/* Whether a CPU may have cached what a range of pages maps to. */
static bool any_present(struct flat *flat, u64 first, u64 last)
{
	struct flat_range range;
	u64 page;

	for (page = first; flat_next(flat, page, &range) && range.first <= last;
	     page = range.last + 1)
		if (range.piece->attrs.prot)
			return true;
	return false;
}

int flat_unmap(struct flat *flat, u64 gpa, u64 size)
{
	u64 first = PAGE(gpa), last = PAGE(gpa + size - 1);
	u64 tables = 0, splits = flat->splits;

	flat->flush_due = false;
	if (!size || !flat_is_page_multiple(gpa | size))
		return -EINVAL;
	if (flat_check_range(flat, gpa, size))
		return -ERANGE;
	if (is_hole(flat, gpa, size))
		return 0;
	if (any_present(flat, first, last))
		flat->flush_due = true;
	else
		tables = total_tables(flat);
	flat_split_at(flat, first);
	flat_split_at(flat, last + 1);
	flat_store(flat, first, last, NULL);
	if (!flat->flush_due && total_tables(flat) < tables + flat->splits - splits)
		flat->flush_due = true;
	return 0;
}

/* Each leaf of a range that cuts none, by itself */
static void tell(struct flat *flat, u64 first, u64 last, ept_gone_fn fn, void *arg)
{
	struct flat_range range;
	u64 page, end;

	for (; first <= last && flat_next(flat, first, &range) && range.first <= last;
	     first = end + 1) {
		u64 pages = flat_pages_of(range.piece->level);

		end = min(range.last, last);
		for (page = max(first, range.first); page <= end; page += pages) {
			struct flat_range leaf = { page, page + pages - 1, range.piece };
			struct ept_mapping mapping;

			flat_mapping(&leaf, &mapping);
			fn(&mapping, arg);
		}
	}
}

int flat_unmap_report(struct flat *flat, u64 gpa, u64 size, ept_gone_fn fn, void *arg)
{
	u64 first = PAGE(gpa), last = PAGE(gpa + size - 1);

	if (size && flat_is_page_multiple(gpa | size) && !flat_check_range(flat, gpa, size)) {
		flat_split_at(flat, first);
		flat_split_at(flat, last + 1);
		tell(flat, first, last, fn, arg);
	}
	return flat_unmap(flat, gpa, size);
}

int flat_zap(struct flat *flat, u64 *gpa, u64 *size, ept_gone_fn fn, void *arg)
{
	const struct flat_piece *first = flat_at(flat, *gpa);
	const struct flat_piece *last = flat_at(flat, *gpa + *size - 1);
	u64 end = *gpa + *size;

	flat->flush_due = false;
	if (!*size || !flat_is_page_multiple(*gpa | *size))
		return -EINVAL;
	if (flat_check_range(flat, *gpa, *size))
		return -ERANGE;
	if (first)
		*gpa = round_down(*gpa, flat_span(first->level));
	if (last)
		end = round_up(end, flat_span(last->level));
	*size = end - *gpa;
	tell(flat, PAGE(*gpa), PAGE(end - 1), fn, arg);
	return flat_unmap(flat, *gpa, *size);
}

void flat_mark(struct flat *flat, u64 gpa, bool dirty)
{
	struct flat_piece piece = *flat_at(flat, gpa);
	u64 first = rounddown(PAGE(gpa), flat_pages_of(piece.level));

	if (piece.accessed && (piece.dirty || !dirty))
		return;
	piece.accessed = true;
	piece.dirty |= dirty;
	flat_store(flat, first, first + flat_pages_of(piece.level) - 1, &piece);
}

void flat_mapping(const struct flat_range *range, struct ept_mapping *mapping)
{
	const struct flat_piece *piece = range->piece;
	u64 gpa = range->first << 12;

	*mapping = (struct ept_mapping){
		.gpa = gpa,
		.hpa = gpa + piece->delta,
		.size = (range->last - range->first + 1) << 12,
		.level = piece->level,
		.attrs = piece->attrs,
		.accessed = piece->accessed,
		.dirty = piece->dirty,
	};
}

/*
 * A table of level l exists where something inside the span of an entry of level l + 1 is mapped by
 * leaves of level l or below. Ranges come in order, so that counting needs the last span alone.
 */
void flat_count(struct flat *flat, u64 leaves[FLAT_LEAF_LEVELS], u64 tables[FLAT_TABLE_LEVELS])
{
	unsigned int l, root = flat->config.levels - 1;
	u64 next[FLAT_TABLE_LEVELS] = { };
	struct flat_range range;
	u64 page = 0;

	memset(leaves, 0, FLAT_LEAF_LEVELS * sizeof(*leaves));
	memset(tables, 0, FLAT_TABLE_LEVELS * sizeof(*tables));
	tables[root] = 1;
	for (; flat_next(flat, page, &range); page = range.last + 1) {
		leaves[range.piece->level] += (range.last - range.first + 1) /
					      flat_pages_of(range.piece->level);
		for (l = range.piece->level; l < root; l++) {
			u64 from = range.first / flat_pages_of(l + 1);
			u64 to = range.last / flat_pages_of(l + 1);

			from = max(from, next[l]);
			if (from > to)
				continue;
			tables[l] += to - from + 1;
			next[l] = to + 1;
		}
	}
}
