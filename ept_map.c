// SPDX-License-Identifier: GPL-2.0
/*
 * ept_map(), ept_map_pages(), ept_remap(): what puts leaves in place.
 */
#include <linux/err.h>

#include "ept_op.h"
#include "ept_trace.h"

/**
 * struct map_op - ept_map(), ept_map_pages(), ept_remap()
 * @op: the operation
 * @bits: attribute bits of the leaves
 * @largest: no leaf is larger
 * @hpa: of the range's first page, unless
 * @pages: its pages are named one by one
 */
struct map_op {
	struct ept_op	op;
	u64		bits;
	enum ept_level	largest;
	phys_addr_t	hpa;
	struct page	**pages;
};

static struct map_op *to_map(struct ept_walk *walk)
{
	return container_of(walk, struct map_op, op.walk);
}

static phys_addr_t map_hpa(const struct map_op *map, u64 gpa)
{
	const u64 offset = gpa - map->op.walk.gpa;

	return map->pages ? page_to_phys(map->pages[offset >> PAGE_SHIFT]) : map->hpa + offset;
}

/* Whether the pages that a covered entry spans make a leaf. Their host addresses decide. */
static bool map_fits(const struct map_op *map, u64 gpa, enum ept_level level)
{
	const unsigned long nr = ept_level_size(level) >> PAGE_SHIFT;
	struct page **pages;
	phys_addr_t hpa;

	if (level > map->largest)
		return false;
	if (!map->pages)
		return true;
	pages = map->pages + ((gpa - map->op.walk.gpa) >> PAGE_SHIFT);
	hpa = page_to_phys(pages[0]);
	if (!IS_ALIGNED(hpa, ept_level_size(level)))
		return false;
	for (unsigned long i = 1; i < nr; i++)
		if (page_to_phys(pages[i]) != hpa + (i << PAGE_SHIFT))
			return false;
	return true;
}

/* How many tables it takes below entries of @level that are holes */
static u64 map_tables(const struct map_op *map, u64 gpa, u64 end, enum ept_level level)
{
	u64 tables = 0, next;

	if (!map->pages)
		return ept_walk_tables(gpa, end, level, map->largest);
	if (level == EPT_4K)
		return 0;
	for (; gpa < end; gpa = next) {
		const u64 size = ept_level_size(level);

		next = min(end, round_down(gpa, size) + size);
		if (next - gpa < size || !map_fits(map, gpa, level))
			tables += 1 + map_tables(map, gpa, next, level - 1);
	}
	return tables;
}

static int map_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);

	/* A table is never empty: it has something of this range. */
	if (!ept_pte_is_hole(ept_entries_any(run->entry, run->nr)))
		return -EEXIST;
	if (run->level > EPT_4K)
		map->op.need += map_tables(map, run->gpa,
				   run->gpa + run->nr * ept_level_size(run->level), run->level);
	return run->nr;
}

static int map_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);

	if (!ept_pte_is_hole(READ_ONCE(*run->entry)))
		return -EEXIST;
	map->op.need += map_tables(map, ept_run_start(walk, run), ept_run_end(walk, run),
				   run->level);
	return 0;
}

static const struct ept_visitor map_plan = {
	.run = map_plan_run,
	.edge = map_plan_edge,
};

/* Opens a fresh table for the hole at @run, with holes outside of the range. */
static void map_open(struct ept_op *op, const struct ept_run *run)
{
	const enum ept_level level = run->level - 1;
	const unsigned int first = ept_index(ept_run_start(&op->walk, run), level);
	const unsigned int last = ept_index(ept_run_end(&op->walk, run) - 1, level);
	const u64 hole = op->ept->fmt.hole;
	u64 *table = ept_pool_take(&op->pool, level, run->gpa);

	ept_entries_fill(table, first, hole, 0);
	ept_entries_fill(table + last + 1, EPT_ENTRIES - 1 - last, hole, 0);
	ept_walk_open_private(&op->walk, table, true);
}

/* Leaves from the front of the run, as far as they fit */
static unsigned int map_leaves(const struct map_op *map, const struct ept_run *run)
{
	const struct ept_format *fmt = map->op.walk.fmt;
	const u64 size = ept_level_size(run->level);
	u64 gpa = run->gpa;
	unsigned int i;

	/* The address of a leaf without rights is hidden, for each leaf by itself. */
	if (!map->pages && map->bits & EPT_PTE_RIGHTS) {
		const u64 leaf = ept_pte_leaf(fmt, map_hpa(map, gpa), run->level, map->bits);

		ept_entries_fill(run->entry, run->nr, leaf, size);
		return run->nr;
	}
	for (i = 0; i < run->nr && map_fits(map, gpa, run->level); i++, gpa += size)
		WRITE_ONCE(run->entry[i],
			   ept_pte_leaf(fmt, map_hpa(map, gpa), run->level, map->bits));
	return i;
}

static int map_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);
	struct ept_run rest = *run;
	unsigned int leaves = 0;

	if (run->level <= map->largest)
		leaves = map_leaves(map, run);
	ept_table_add_live(run->entry, leaves);
	if (leaves < run->nr) {
		rest.gpa += leaves * ept_level_size(run->level);
		map_open(&map->op, &rest);
	}
	return leaves;
}

static int map_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	map_open(to_ept_op(walk), run);
	return 0;
}

static void map_commit_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	if (!run->blank && !ept_pte_is_hole(READ_ONCE(*run->entry)))
		return;
	ept_op_link(to_ept_op(walk), run, table);
	ept_table_add_live(run->entry, 1);
}

static const struct ept_visitor map_commit = {
	.run = map_commit_run,
	.edge = map_commit_edge,
	.close = map_commit_close,
};

/* The largest leaf that two addresses with this difference allow */
static enum ept_level largest_leaf(u64 differ, enum ept_level level)
{
	while (!IS_ALIGNED(differ, ept_level_size(level)))
		level--;
	return level;
}

/*
 * Maps one leaf, in parallel with itself. Who turns the hole at the end of the way into an entry is
 * the one that mapped it; tables below the hole are complete before.
 */

/* What goes into an entry of @level so that @leaf is found in @gpa's entry of @leaf_level */
static u64 chain_to_leaf(struct ept *ept, struct ept_pool *pool, u64 gpa, enum ept_level level,
			 u64 leaf, enum ept_level leaf_level)
{
	for (; leaf_level < level; leaf_level++) {
		u64 *table = ept_pool_take(pool, leaf_level, gpa);

		ept_table_clear(table, ept->fmt.hole);
		table[ept_index(gpa, leaf_level)] = leaf;
		ept_table_add_live(table, 1);
		leaf = ept_pte_table(&ept->fmt, ept_table_phys(table));
	}
	return leaf;
}

/* Takes apart what chain_to_leaf() made. */
static void unchain(struct ept_pool *pool, u64 gpa, enum ept_level level, u64 entry,
		    enum ept_level leaf_level)
{
	for (; leaf_level < level; level--) {
		u64 *table = ept_table_at(entry);

		entry = table[ept_index(gpa, level - 1)];
		ept_pool_put(pool, table);
	}
}

/* 0, an error, or the number of tables that it takes */
static __always_inline int try_map_one(struct ept *ept, struct ept_pool *pool, u64 gpa, u64 leaf,
				       enum ept_level leaf_level)
{
	for (;;) {
		enum ept_level level = leaf_level;
		u64 hole, new = leaf;
		u64 *entry = ept_descend(&ept->fmt, ept->root, gpa, &level, &hole);

		if (!ept_pte_is_hole(hole))
			return -EEXIST;
		if (level != leaf_level) {
			if (!pool || level - leaf_level > pool->nr)
				return level - leaf_level;
			new = chain_to_leaf(ept, pool, gpa, level, leaf, leaf_level);
		}
		/* A release: whoever sees the entry sees the tables below. */
		if (likely(try_cmpxchg64(entry, &hole, new))) {
			ept_table_inc_live(entry);
			return 0;
		}
		unchain(pool, gpa, level, new, leaf_level);
	}
}

static noinline int map_one_with_tables(struct ept *ept, u64 gpa, u64 leaf, enum ept_level level,
					int missing)
{
	struct ept_pool pool = {};

	do {
		int err = ept_pool_fill(&pool, &ept->store, missing);

		if (err) {
			missing = err;
			break;
		}
		ept_lock_shared(ept);
		missing = try_map_one(ept, &pool, gpa, leaf, level);
		ept_unlock_shared(ept);
	} while (missing > 0);
	ept_pool_drain(&pool, &ept->store);
	return missing;
}

static __always_inline int map_one(struct ept *ept, u64 gpa, u64 leaf, enum ept_level level)
{
	int ret;

	ept_lock_shared(ept);
	ret = try_map_one(ept, NULL, gpa, leaf, level);
	ept_unlock_shared(ept);
	return ret <= 0 ? ret : map_one_with_tables(ept, gpa, leaf, level, ret);
}

/* Maps leaves that have rights. 0, -EEXIST, or 1: there is no table of 4K entries */
static __always_inline int map_short(struct ept *ept, u64 gpa, u64 leaf, u64 size)
{
	struct ept_run run __uninitialized;
	int ret = 1;
	u64 first;

	ept_lock(ept);
	if (ept_find_short_run(ept, gpa, size, &run, &first)) {
		ret = -EEXIST;
		if (ept_pte_is_hole(ept_entries_any(run.entry, run.nr))) {
			ept_entries_fill(run.entry, run.nr, leaf, PAGE_SIZE);
			ept_table_add_live(run.entry, run.nr);
			ret = 0;
		}
	}
	ept_unlock(ept);
	return ret;
}

static int map_long(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, u64 bits)
{
	struct map_op map __uninitialized;

	ept_op_init(&map.op, ept, gpa, size, NULL);
	map.bits = bits;
	map.largest = largest_leaf(gpa ^ hpa, ept_pte_max_leaf(&ept->fmt, bits));
	map.hpa = hpa;
	map.pages = NULL;
	return ept_op_run(&map.op, &map_plan, &map_commit);
}

/* What ept_map() and ept_remap() ask of their arguments */
static int map_check(const struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
		     const struct ept_attrs *attrs)
{
	if (!ept_range_valid(ept, gpa, size) || !ept_aligned(hpa) || !attrs ||
	    !ept_attrs_valid(attrs))
		return -EINVAL;
	if (!ept_fits(gpa, size, ept_gpa_width(&ept->fmt)) ||
	    !ept_fits(hpa, size, ept->fmt.maxphyaddr))
		return -ERANGE;
	if (!ept_attrs_supported(&ept->fmt, attrs))
		return -EOPNOTSUPP;
	return 0;
}

/* Whether the whole range is one leaf of up to *@level, which is then set to its level */
static bool is_one_leaf(u64 gpa, phys_addr_t hpa, u64 size, enum ept_level *level)
{
	const enum ept_level largest = *level;

	for (*level = EPT_4K; *level <= largest; ++*level)
		if (size == ept_level_size(*level))
			return IS_ALIGNED(gpa | hpa, size);
	return false;
}

/* A valid request for leaves of any size. 0 or an error */
static noinline int map_bits(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, u64 bits)
{
	enum ept_level level = ept_pte_max_leaf(&ept->fmt, bits);

	if (!is_one_leaf(gpa, hpa, size, &level))
		return map_long(ept, gpa, hpa, size, bits);
	return map_one(ept, gpa, ept_pte_leaf(&ept->fmt, hpa, level, bits), level);
}

/* A valid request whose attributes are plain */
static __always_inline int map_plain(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, u64 bits)
{
	int err = 1;

	if (likely(size == PAGE_SIZE))
		return map_one(ept, gpa, hpa | bits, EPT_4K);
	if (ept_range_short(gpa, size, false))
		err = map_short(ept, gpa, hpa | bits, size);
	return err > 0 ? map_bits(ept, gpa, hpa, size, bits) : err;
}

/* Any request: looks at one argument after the other. */
static noinline int map_any(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
			    const struct ept_attrs *attrs)
{
	int err = map_check(ept, gpa, hpa, size, attrs);

	if (err)
		return err;
	err = map_bits(ept, gpa, hpa, size, ept_attrs_to_bits(&ept->fmt, attrs));
	trace_ept_map(ept->pointer, gpa, hpa, size, err);
	return err;
}

int ept_map(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs)
{
	u64 bits = 0;
	int err;

	if (likely(ept_range_plain(ept, gpa, size) && attrs) &&
	    !((hpa | (hpa + size - PAGE_SIZE)) & ept->fmt.hpa_illegal))
		bits = ept_attrs_plain(&ept->fmt, attrs);
	if (unlikely(!bits))
		return map_any(ept, gpa, hpa, size, attrs);
	err = map_plain(ept, gpa, hpa, size, bits);
	trace_ept_map(ept->pointer, gpa, hpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_map);

static int check_pages(const struct ept *ept, struct page **pages, unsigned long nr)
{
	int err = 0;

	for (unsigned long i = 0; i < nr; i++) {
		if (!pages[i])
			return -EINVAL;
		if (!ept_fits(page_to_phys(pages[i]), PAGE_SIZE, ept->fmt.maxphyaddr))
			err = -ERANGE;
	}
	return err;
}

int ept_map_pages(struct ept *ept, u64 gpa, struct page **pages, unsigned long nr,
		  const struct ept_attrs *attrs)
{
	struct map_op map;
	int err;

	if (IS_ERR_OR_NULL(ept) || !ept_aligned(gpa) || !pages || !nr || !attrs ||
	    !ept_attrs_valid(attrs))
		return -EINVAL;
	/* More than a guest can address: not the length of an array to look into */
	if (nr > 1ULL << (ept_gpa_width(&ept->fmt) - PAGE_SHIFT))
		return -ERANGE;
	err = check_pages(ept, pages, nr);
	if (err)
		return err;
	if (!ept_fits(gpa, (u64)nr << PAGE_SHIFT, ept_gpa_width(&ept->fmt)))
		return -ERANGE;
	if (!ept_attrs_supported(&ept->fmt, attrs))
		return -EOPNOTSUPP;

	ept_op_init(&map.op, ept, gpa, (u64)nr << PAGE_SHIFT, NULL);
	map.bits = ept_attrs_to_bits(&ept->fmt, attrs);
	map.largest = ept_pte_max_leaf(&ept->fmt, map.bits);
	map.pages = pages;
	err = ept_op_run(&map.op, &map_plan, &map_commit);
	trace_ept_map_pages(ept->pointer, gpa, (u64)nr << PAGE_SHIFT, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_map_pages);

/*
 * Remapping: the plan and the commit of a map, where nothing that is there forbids it. An entry
 * goes from the old to the new translation with one store.
 */

static int remap_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);
	const u64 size = ept_level_size(run->level);

	if (run->level <= map->largest)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		map->op.need += map_tables(map, gpa, gpa + size, run->level);
	}
	return run->nr;
}

static int remap_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);

	map->op.need += map_tables(map, ept_run_start(walk, run), ept_run_end(walk, run),
				   run->level);
	return 0;
}

static const struct ept_visitor remap_plan = {
	.run = remap_plan_run,
	.edge = remap_plan_edge,
};

/* Puts leaves where holes, other leaves and whole tables are. */
static void remap_leaves(struct map_op *map, const struct ept_run *run)
{
	const struct ept_format *fmt = map->op.walk.fmt;
	u64 gpa = run->gpa;
	int holes = 0;

	for (unsigned int i = 0; i < run->nr; i++, gpa += ept_level_size(run->level)) {
		const u64 leaf = ept_pte_leaf(fmt, map_hpa(map, gpa), run->level, map->bits);
		u64 old = READ_ONCE(run->entry[i]);

		/* A flag that a CPU set is cleared, which may be all that asks for a flush. */
		if (run->private || !ept_pte_is_volatile(fmt, old))
			WRITE_ONCE(run->entry[i], leaf);
		else
			old = xchg(&run->entry[i], leaf);
		if (ept_pte_is_hole(old))
			holes++;
		else if (ept_pte_is_table(old, run->level))
			ept_gather_retire(map->op.gather, ept_table_at(old));
		else
			ept_gather_note(map->op.gather, run, old, leaf);
	}
	ept_table_add_live(run->entry, holes);
}

static int remap_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);
	const u64 entry = run->blank ? 0 : READ_ONCE(*run->entry);

	if (run->blank)
		return map_commit_run(walk, run);
	if (run->level <= map->largest) {
		remap_leaves(map, run);
		return run->nr;
	}
	if (ept_pte_is_table(entry, run->level))
		ept_walk_open(walk, run, entry);
	else
		map_open(&map->op, run);
	return 0;
}

static int remap_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct ept_op *op = to_ept_op(walk);

	if (!run->blank && ept_pte_is_leaf(READ_ONCE(*run->entry), run->level))
		ept_op_open_split(op, run, 0);
	else
		map_open(op, run);
	return 0;
}

static void remap_commit_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	struct ept_op *op = to_ept_op(walk);
	const u64 old = run->blank ? op->ept->fmt.hole : READ_ONCE(*run->entry);

	if (ept_pte_is_table(old, run->level))
		return;
	if (ept_pte_is_leaf(old, run->level) && !ept_op_covers(op, run->gpa, run->level)) {
		ept_op_close_split(op, run, table);
		return;
	}
	ept_op_link(op, run, table);
	if (ept_pte_is_hole(old))
		ept_table_add_live(run->entry, 1);
	else
		ept_gather_note(op->gather, run, old, READ_ONCE(*run->entry));
}

static const struct ept_visitor remap_commit = {
	.run = remap_commit_run,
	.edge = remap_commit_edge,
	.close = remap_commit_close,
};

int ept_remap(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs,
	      struct ept_gather *gather)
{
	struct map_op map;
	int err = map_check(ept, gpa, hpa, size, attrs);

	if (!ept_gather_valid(ept, gather))
		return -EINVAL;
	if (err)
		return err;

	ept_op_init(&map.op, ept, gpa, size, gather);
	map.op.fresh = true;
	map.bits = ept_attrs_to_bits(&ept->fmt, attrs);
	map.largest = largest_leaf(gpa ^ hpa, ept_pte_max_leaf(&ept->fmt, map.bits));
	map.hpa = hpa;
	map.pages = NULL;
	err = ept_op_run_flush(&map.op, &remap_plan, &remap_commit);
	trace_ept_remap(ept->pointer, gpa, hpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_remap);
