// SPDX-License-Identifier: GPL-2.0
/* The flat model: the contract of each operation, over a map of pages. */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "flat_model.h"

#define PAGE(address)	((address) >> 12)

#define ALL_PROT	(EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC)
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

static bool has(const struct ept_config *config, u32 feature)
{
	return config->features & feature;
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
static void store(struct flat *flat, u64 first, u64 last, const struct flat_piece *like)
{
	struct flat_piece *piece = NULL;

	if (like) {
		piece = kmemdup(like, sizeof(*like), GFP_KERNEL | __GFP_NOFAIL);
		list_add(&piece->node, &flat->pieces);
	}
	WARN_ON(mtree_store_range(&flat->pages, first, last, piece, GFP_KERNEL));
}

static u64 pages_of(enum ept_level level)
{
	return PAGE(flat_span(level));
}

/*
 * The edge of a range cuts a leaf: every level above that of the edge's alignment gives way to 512
 * smaller leaves, of which at most one is cut in its turn.
 */
static void split_at(struct flat *flat, u64 page)
{
	const struct flat_piece *piece;

	while ((piece = mtree_load(&flat->pages, page)) && page % pages_of(piece->level)) {
		u64 first = rounddown(page, pages_of(piece->level));
		u64 last = first + pages_of(piece->level) - 1;
		struct flat_piece smaller = *piece;

		if (piece->attrs.prot)
			flat->flush_due = true;
		smaller.level--;
		flat->splits++;
		store(flat, first, last, &smaller);
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

static int check_range(const struct flat *flat, u64 gpa, u64 size)
{
	if (size > flat_width(flat) || gpa > flat_width(flat) - size)
		return -ERANGE;
	return 0;
}

static bool is_page_multiple(u64 value)
{
	return IS_ALIGNED(value, 4096);
}

static bool is_memtype(enum ept_memtype memtype)
{
	return memtype == EPT_MT_UC || memtype == EPT_MT_WC || memtype == EPT_MT_WT ||
	       memtype == EPT_MT_WP || memtype == EPT_MT_WB;
}

static bool is_legal_prot(u32 prot)
{
	return !(prot & ~ALL_PROT) && (!(prot & EPT_PROT_WRITE) || (prot & EPT_PROT_READ));
}

static bool are_legal(const struct ept_attrs *attrs)
{
	return attrs && is_legal_prot(attrs->prot) && is_memtype(attrs->memtype) &&
	       !(attrs->flags & ~ALL_FLAGS) && attrs->tag <= 31;
}

static bool supports_prot(const struct ept_config *config, u32 prot)
{
	if (!has(config, EPT_FEATURE_MODE_EXEC) && (prot & ANY_EXEC) == EPT_PROT_UEXEC)
		return false;
	if ((prot & ANY_EXEC) && !(prot & EPT_PROT_READ))
		return has(config, EPT_FEATURE_EXEC_ONLY);
	return true;
}

static bool supports(const struct ept_config *config, const struct ept_attrs *attrs)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flag_needs); i++)
		if ((attrs->flags & flag_needs[i].flag) && !has(config, flag_needs[i].feature))
			return false;
	return supports_prot(config, attrs->prot);
}

int flat_judge(const struct ept_config *config, const struct ept_attrs *attrs)
{
	if (!are_legal(attrs))
		return -EINVAL;
	return supports(config, attrs) ? 0 : -EOPNOTSUPP;
}

static u32 meaningful_prot(const struct flat *flat, u32 prot)
{
	return has(&flat->config, EPT_FEATURE_MODE_EXEC) ? prot : prot & ~EPT_PROT_UEXEC;
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

static void fill(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	struct flat_piece piece = { .delta = hpa - gpa, .attrs = *attrs };
	enum ept_level largest = flat_largest(&flat->config, attrs);

	piece.attrs.prot = meaningful_prot(flat, attrs->prot);
	while (size) {
		u64 run = leaf_run(largest, gpa, hpa, size, &piece.level);

		store(flat, PAGE(gpa), PAGE(gpa + run - 1), &piece);
		gpa += run;
		hpa += run;
		size -= run;
	}
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

int flat_map(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	flat->flush_due = false;
	if (!size || !is_page_multiple(gpa | hpa | size) || !are_legal(attrs))
		return -EINVAL;
	if (check_range(flat, gpa, size))
		return -ERANGE;
	if (size > memory_end(flat) || hpa > memory_end(flat) - size)
		return -ERANGE;
	if (!supports(&flat->config, attrs))
		return -EOPNOTSUPP;
	if (!is_hole(flat, gpa, size))
		return -EEXIST;
	fill(flat, gpa, hpa, size, attrs);
	return 0;
}

int flat_map_pages(struct flat *flat, u64 gpa, const u64 *hpas, unsigned long nr,
		   const struct ept_attrs *attrs)
{
	unsigned long i, run;

	flat->flush_due = false;
	if (!hpas || !nr || !is_page_multiple(gpa) || !are_legal(attrs))
		return -EINVAL;
	if (nr > PAGE(flat_width(flat)) || check_range(flat, gpa, (u64)nr << 12))
		return -ERANGE;
	for (i = 0; i < nr; i++)
		if (hpas[i] >= memory_end(flat))
			return -ERANGE;
	if (!supports(&flat->config, attrs))
		return -EOPNOTSUPP;
	if (!is_hole(flat, gpa, (u64)nr << 12))
		return -EEXIST;
	for (i = 0; i < nr; i += run) {
		for (run = 1; i + run < nr && hpas[i + run] == hpas[i] + (run << 12); run++)
			;
		fill(flat, gpa + ((u64)i << 12), hpas[i], (u64)run << 12, attrs);
	}
	return 0;
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
	if (!size || !is_page_multiple(gpa | size))
		return -EINVAL;
	if (check_range(flat, gpa, size))
		return -ERANGE;
	if (is_hole(flat, gpa, size))
		return 0;
	if (any_present(flat, first, last))
		flat->flush_due = true;
	else
		tables = total_tables(flat);
	split_at(flat, first);
	split_at(flat, last + 1);
	store(flat, first, last, NULL);
	if (!flat->flush_due && total_tables(flat) < tables + flat->splits - splits)
		flat->flush_due = true;
	return 0;
}

static u32 protected_prot(const struct flat_piece *piece, u32 clear, u32 set)
{
	return (piece->attrs.prot & ~clear) | set;
}

static int judge_protect(struct flat *flat, u64 first, u64 last, u32 clear, u32 set)
{
	struct flat_range range;
	int ret = 0;
	u64 page;

	for (page = first; flat_next(flat, page, &range) && range.first <= last;
	     page = range.last + 1) {
		u32 prot = protected_prot(range.piece, clear, set);

		if (!is_legal_prot(prot))
			return -EINVAL;
		if (!supports_prot(&flat->config, prot))
			ret = -EOPNOTSUPP;
	}
	return ret;
}

/* A leaf that keeps its rights isn't split. */
static void split_if_protected(struct flat *flat, u64 page, u32 clear, u32 set)
{
	const struct flat_piece *piece = mtree_load(&flat->pages, page);
	u32 prot;

	if (!piece)
		return;
	prot = meaningful_prot(flat, protected_prot(piece, clear, set));
	if (prot != piece->attrs.prot)
		split_at(flat, page);
}

/* How many splits it takes to make leaves of @to out of one of @from. */
static u64 splits_between(enum ept_level from, enum ept_level to)
{
	return from > to ? 1 + 512 * splits_between(from - 1, to) : 0;
}

static void protect_range(struct flat *flat, u64 first, u64 last,
			  const struct flat_piece *piece, u32 clear, u32 set)
{
	struct flat_piece new = *piece;

	new.attrs.prot = meaningful_prot(flat, protected_prot(piece, clear, set));
	if (new.attrs.prot == piece->attrs.prot)
		return;
	new.level = min(piece->level, flat_largest(&flat->config, &new.attrs));
	flat->splits += splits_between(piece->level, new.level) *
			((last - first + 1) / pages_of(piece->level));
	if (piece->attrs.prot & ~new.attrs.prot ||
	    (piece->attrs.prot && new.level != piece->level))
		flat->flush_due = true;
	store(flat, first, last, &new);
}

int flat_protect(struct flat *flat, u64 gpa, u64 size, u32 clear, u32 set)
{
	u64 page, first = PAGE(gpa), last = PAGE(gpa + size - 1);
	struct flat_range range;
	int ret;

	flat->flush_due = false;
	if (!size || !is_page_multiple(gpa | size) || ((clear | set) & ~ALL_PROT))
		return -EINVAL;
	if (check_range(flat, gpa, size))
		return -ERANGE;
	ret = judge_protect(flat, first, last, clear, set);
	if (ret)
		return ret;
	split_if_protected(flat, first, clear, set);
	split_if_protected(flat, last + 1, clear, set);
	for (page = first; flat_next(flat, page, &range) && range.first <= last;
	     page = range.last + 1)
		protect_range(flat, max(range.first, first), min(range.last, last), range.piece,
			      clear, set);
	return 0;
}

void flat_mark(struct flat *flat, u64 gpa, bool dirty)
{
	struct flat_piece piece = *flat_at(flat, gpa);
	u64 first = rounddown(PAGE(gpa), pages_of(piece.level));

	if (piece.accessed && (piece.dirty || !dirty))
		return;
	piece.accessed = true;
	piece.dirty |= dirty;
	store(flat, first, first + pages_of(piece.level) - 1, &piece);
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
					      pages_of(range.piece->level);
		for (l = range.piece->level; l < root; l++) {
			u64 from = range.first / pages_of(l + 1);
			u64 to = range.last / pages_of(l + 1);

			from = max(from, next[l]);
			if (from > to)
				continue;
			tables[l] += to - from + 1;
			next[l] = to + 1;
		}
	}
}
