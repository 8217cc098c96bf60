// SPDX-License-Identifier: GPL-2.0
/*
 * Life cycle of a table, and every operation that changes one. No bit positions, no MSR.
 *
 * An operation has two passes over its range, with a visitor each. The plan looks for what forbids
 * the operation, and counts the tables that it takes. When these are there, the commit changes the
 * entries, and cannot fail.
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "ept_priv.h"

#define CREATE_TRACE_POINTS
#include "ept_trace.h"

#define EPT_VERSION "0.1.0"

/*
 * Locking
 */

void ept_lock(struct ept *ept)
{
	if (!ept->external)
		down_write(&ept->lock);
	else if (ept->external_lock)
		lockdep_assert(lock_is_held(ept->external_lock));
}

void ept_unlock(struct ept *ept)
{
	if (!ept->external)
		up_write(&ept->lock);
}

static void ept_lock_shared(struct ept *ept)
{
	if (!ept->external)
		down_read(&ept->lock);
	else if (ept->external_lock)
		lockdep_assert(lock_is_held(ept->external_lock));
}

static void ept_unlock_shared(struct ept *ept)
{
	if (!ept->external)
		up_read(&ept->lock);
}

void __ept_set_external_lock(struct ept *ept, struct lockdep_map *map)
{
	if (!IS_ERR_OR_NULL(ept) && ept->external)
		ept->external_lock = map;
}
EXPORT_SYMBOL_EPT(__ept_set_external_lock);

/*
 * Arguments
 */

static bool aligned(u64 value)
{
	return IS_ALIGNED(value, ept_level_size(EPT_4K));
}

static bool range_valid(const struct ept *ept, u64 gpa, u64 size)
{
	return !IS_ERR_OR_NULL(ept) && size && aligned(gpa | size);
}

static bool gather_valid(const struct ept *ept, const struct ept_gather *gather)
{
	return !gather || gather->ept == ept;
}

/* Whether [start, start + size) lies below 2^bits */
static bool fits(u64 start, u64 size, unsigned int bits)
{
	const u64 limit = 1ULL << bits;

	return start < limit && size <= limit - start;
}

/*
 * What all operations have in common
 */

/**
 * struct ept_op - an operation under way
 * @walk: over its range
 * @ept: the table
 * @pool: the tables that it takes
 * @need: how many the plan counted
 * @verdict: an error that the plan found, unless it ended in one that comes first
 * @gather: owed a flush
 * @split: the linked leaf that is being split, as it was copied into its parts
 * @fresh: what the operation leaves in the range is new: what happened to a leaf that was there
 *	before doesn't concern it
 */
struct ept_op {
	struct ept_walk		walk;
	struct ept		*ept;
	struct ept_pool		pool;
	u64			need;
	int			verdict;
	struct ept_gather	*gather;
	u64			split;
	bool			fresh;
};

static struct ept_op *to_op(struct ept_walk *walk)
{
	return container_of(walk, struct ept_op, walk);
}

/* Field by field: what a walk or a run of the operation sets first isn't zeroed before. */
static void op_init(struct ept_op *op, struct ept *ept, u64 gpa, u64 size,
		    struct ept_gather *gather)
{
	op->walk.fmt = &ept->fmt;
	op->walk.root = ept->root;
	op->walk.gpa = gpa;
	op->walk.end = gpa + size;
	op->walk.may_sleep = !ept->store.atomic;
	op->ept = ept;
	op->pool.first = NULL;
	op->pool.nr = 0;
	op->pool.reserved = 0;
	op->gather = gather;
	op->fresh = false;
}

/*
 * Plans until the tables that it takes are there, then commits. Without a plan it takes none, and
 * cannot fail. No memory is allocated under the lock: reclaim may call a client that changes the
 * table.
 */
static int op_run(struct ept_op *op, const struct ept_visitor *plan,
		  const struct ept_visitor *commit)
{
	struct ept *ept = op->ept;
	int err;

	for (;;) {
		ept_lock(ept);
		op->need = 0;
		op->verdict = 0;
		ept_walk_begin(&op->walk);
		err = plan ? ept_walk_pass(&op->walk, plan) : 0;
		if (!err)
			err = op->verdict;
		if (err || op->need <= op->pool.nr)
			break;
		ept_unlock(ept);
		err = ept_pool_fill(&op->pool, &ept->store, op->need);
		if (err)
			goto out;
	}
	if (!err)
		ept_walk_pass(&op->walk, commit);
	ept_unlock(ept);
out:
	ept_pool_drain(&op->pool, &ept->store);
	return err;
}

/* The same, with a flush where the client passed no gather */
static int op_run_flush(struct ept_op *op, const struct ept_visitor *plan,
			const struct ept_visitor *commit)
{
	struct ept_gather own = { .ept = op->ept };
	int err;

	if (op->gather)
		return op_run(op, plan, commit);
	op->gather = &own;
	err = op_run(op, plan, commit);
	ept_gather_flush(&own);
	return err;
}

static void link_table(const struct ept_op *op, const struct ept_run *run, const u64 *table)
{
	/* What was written to the table is seen by whoever sees the entry that links it. */
	smp_store_release(run->entry, ept_pte_table(&op->ept->fmt, ept_table_phys(table)));
}

/* A table that was unlinked, with all tables below it, is freed after the flush. */
static void retire(struct ept_gather *gather, u64 *table)
{
	ept_table_retire(&gather->dead, table);
	gather->flush = true;
}

/* The one place that says whether a change owes a flush */
static void note(struct ept_gather *gather, const struct ept_run *run, u64 old, u64 new)
{
	if (!run->private && !gather->flush)
		gather->flush = ept_pte_needs_invept(&gather->ept->fmt, old, new);
}

/*
 * Short requests: the range lies in one table of 4K entries, which is there. No leaf is split and no
 * table is made, so it takes no plan, and as it is one run, no walk.
 */
static __always_inline bool find_short_run(const struct ept *ept, u64 gpa, u64 size,
					   struct ept_run *run)
{
	enum ept_level level = EPT_4K;
	u64 first;

	run->entry = ept_descend(&ept->fmt, ept->root, gpa, &level, &first);
	run->gpa = gpa;
	run->nr = size >> ept_level_shift(EPT_4K);
	run->level = EPT_4K;
	run->private = false;
	run->blank = false;
	return level == EPT_4K;
}

static __always_inline bool is_short(u64 gpa, u64 size)
{
	const u64 span = ept_level_size(EPT_2M);

	return size < span && (gpa & (span - 1)) + size <= span;
}

/*
 * Splitting a leaf
 */

/*
 * Opens a table that has what the leaf at index @i of @run has, and which is linked when it is
 * closed.
 */
static void open_split(struct ept_op *op, const struct ept_run *run, unsigned int i)
{
	const u64 leaf = READ_ONCE(run->entry[i]);
	const enum ept_level level = run->level - 1;
	u64 *table = ept_pool_take(&op->pool, level, run->gpa + i * ept_level_size(run->level));

	ept_entries_fill(table, EPT_ENTRIES, ept_pte_split(leaf, run->level), ept_pte_step(leaf, level));
	ept_table_add_live(table, EPT_ENTRIES);
	if (!run->private)
		op->split = leaf;
	atomic64_inc(&op->ept->splits);
	ept_walk_open_private(&op->walk, table, false);
}

static bool op_covers(const struct ept_op *op, u64 gpa, enum ept_level level)
{
	return gpa >= op->walk.gpa && gpa + ept_level_size(level) <= op->walk.end;
}

/* Adds accessed and dirty to the leaves of an unlinked tree. */
static void add_ad(const struct ept_op *op, u64 *table, enum ept_level level, u64 ad)
{
	u64 gpa = ept_table_gpa(table);

	for (unsigned int i = 0; i < EPT_ENTRIES; i++, gpa += ept_level_size(level)) {
		if (ept_pte_is_table(table[i], level))
			add_ad(op, ept_table_at(table[i]), level - 1, ad);
		else if (!ept_pte_is_hole(table[i]) && !(op->fresh && op_covers(op, gpa, level)))
			table[i] |= ad;
	}
}

/* Links the parts in the leaf's place. A CPU may have used the leaf since it was copied. */
static void close_split(struct ept_op *op, const struct ept_run *run, u64 *table)
{
	const u64 entry = ept_pte_table(&op->ept->fmt, ept_table_phys(table));
	u64 leaf = op->split;

	if (run->private) {
		link_table(op, run, table);
		return;
	}
	while (!try_cmpxchg64(run->entry, &op->split, entry)) {
		add_ad(op, table, run->level - 1, op->split & ~leaf);
		leaf = op->split;
	}
	note(op->gather, run, leaf, entry);
}

/*
 * Mapping
 */

/**
 * struct map_op - ept_map(), ept_map_pages()
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

	if (!map->pages) {
		const u64 leaf = ept_pte_leaf(fmt, map_hpa(map, gpa), run->level, map->bits);

		ept_entries_fill(run->entry, run->nr, leaf, ept_pte_step(leaf, run->level));
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
	map_open(to_op(walk), run);
	return 0;
}

static void map_commit_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	if (!run->blank && !ept_pte_is_hole(READ_ONCE(*run->entry)))
		return;
	link_table(to_op(walk), run, table);
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
		const unsigned int index = ept_index(gpa, leaf_level);

		ept_entries_fill(table, index, ept->fmt.hole, 0);
		table[index] = leaf;
		ept_entries_fill(table + index + 1, EPT_ENTRIES - 1 - index, ept->fmt.hole, 0);
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

/* 0, -EEXIST, or 1: this isn't short */
static int map_short(struct ept *ept, u64 gpa, u64 leaf, u64 size)
{
	struct ept_run run __uninitialized;
	int ret = 1;

	ept_lock(ept);
	if (find_short_run(ept, gpa, size, &run)) {
		ret = -EEXIST;
		if (ept_pte_is_hole(ept_entries_any(run.entry, run.nr))) {
			ept_entries_fill(run.entry, run.nr, leaf, ept_pte_step(leaf, EPT_4K));
			ept_table_add_live(run.entry, run.nr);
			ret = 0;
		}
	}
	ept_unlock(ept);
	return ret;
}

static noinline int map_long(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, u64 bits,
			     enum ept_level largest)
{
	struct map_op map __uninitialized;

	op_init(&map.op, ept, gpa, size, NULL);
	map.bits = bits;
	map.largest = largest;
	map.hpa = hpa;
	map.pages = NULL;
	return op_run(&map.op, &map_plan, &map_commit);
}

/* What ept_map() and ept_remap() ask of their arguments */
static int map_check(const struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
		     const struct ept_attrs *attrs)
{
	if (!range_valid(ept, gpa, size) || !aligned(hpa) || !attrs || !ept_attrs_valid(attrs))
		return -EINVAL;
	if (!fits(gpa, size, ept_gpa_width(&ept->fmt)) || !fits(hpa, size, ept->fmt.maxphyaddr))
		return -ERANGE;
	if (!ept_attrs_supported(&ept->fmt, attrs))
		return -EOPNOTSUPP;
	return 0;
}

/* The level of the leaf that the whole range is, or of none: EPT_512G */
static enum ept_level one_leaf_level(u64 gpa, u64 size, enum ept_level largest)
{
	for (enum ept_level level = EPT_4K; level <= largest; level++)
		if (size == ept_level_size(level) && IS_ALIGNED(gpa, size))
			return level;
	return EPT_512G;
}

int ept_map(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs)
{
	enum ept_level largest, level;
	u64 bits;
	int err = map_check(ept, gpa, hpa, size, attrs);

	if (err)
		return err;
	bits = ept_attrs_to_bits(&ept->fmt, attrs);
	largest = largest_leaf(gpa ^ hpa, ept_pte_max_leaf(&ept->fmt, bits));
	level = one_leaf_level(gpa, size, largest);
	if (level <= EPT_1G) {
		err = map_one(ept, gpa, ept_pte_leaf(&ept->fmt, hpa, level, bits), level);
	} else {
		err = is_short(gpa, size) ?
		      map_short(ept, gpa, ept_pte_leaf(&ept->fmt, hpa, EPT_4K, bits), size) : 1;
		if (err > 0)
			err = map_long(ept, gpa, hpa, size, bits, largest);
	}
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
		if (!fits(page_to_phys(pages[i]), PAGE_SIZE, ept->fmt.maxphyaddr))
			err = -ERANGE;
	}
	return err;
}

int ept_map_pages(struct ept *ept, u64 gpa, struct page **pages, unsigned long nr,
		  const struct ept_attrs *attrs)
{
	struct map_op map;
	int err;

	if (IS_ERR_OR_NULL(ept) || !aligned(gpa) || !pages || !nr || !attrs ||
	    !ept_attrs_valid(attrs))
		return -EINVAL;
	/* More than a guest can address: not the length of an array to look into */
	if (nr > 1ULL << (ept_gpa_width(&ept->fmt) - PAGE_SHIFT))
		return -ERANGE;
	err = check_pages(ept, pages, nr);
	if (err)
		return err;
	if (!fits(gpa, (u64)nr << PAGE_SHIFT, ept_gpa_width(&ept->fmt)))
		return -ERANGE;
	if (!ept_attrs_supported(&ept->fmt, attrs))
		return -EOPNOTSUPP;

	op_init(&map.op, ept, gpa, (u64)nr << PAGE_SHIFT, NULL);
	map.bits = ept_attrs_to_bits(&ept->fmt, attrs);
	map.largest = ept_pte_max_leaf(&ept->fmt, map.bits);
	map.pages = pages;
	err = op_run(&map.op, &map_plan, &map_commit);
	trace_ept_map_pages(ept->pointer, gpa, (u64)nr << PAGE_SHIFT, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_map_pages);

/*
 * Unmapping
 */

static int unmap_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	if (!ept_pte_is_hole(READ_ONCE(*run->entry)))
		to_op(walk)->need += ept_walk_tables(ept_run_start(walk, run),
						     ept_run_end(walk, run), run->level,
						     run->level - 1);
	return 0;
}

static const struct ept_visitor unmap_plan = {
	.edge = unmap_plan_edge,
};

/* Whether all entries of a run are leaves, and what bits any and all of them have */
static bool only_leaves(const struct ept_run *run, u64 *any, u64 *all)
{
	*any = ept_entries_any_all(run->entry, run->nr, all);
	return ept_pte_is_leaf(*all, run->level);
}

/* Unmaps what a run has, entry by entry. Returns how many had something. */
static unsigned int unmap_each(struct ept_gather *gather, const struct ept_run *run)
{
	const u64 hole = gather->ept->fmt.hole;
	unsigned int gone = 0;

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_hole(entry))
			continue;
		gone++;
		WRITE_ONCE(run->entry[i], hole);
		if (ept_pte_is_table(entry, run->level))
			retire(gather, ept_table_at(entry));
		else
			note(gather, run, entry, hole);
	}
	return gone;
}

static void unmap_run(struct ept_gather *gather, const struct ept_run *run)
{
	const u64 hole = gather->ept->fmt.hole;
	unsigned int gone = run->nr;
	u64 any, all;

	if (only_leaves(run, &any, &all)) {
		ept_entries_fill(run->entry, run->nr, hole, 0);
		note(gather, run, any, hole);
	} else if (!ept_pte_is_hole(any)) {
		gone = unmap_each(gather, run);
	} else {
		return;
	}
	ept_table_add_live(run->entry, -(int)gone);
}

static int unmap_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	unmap_run(to_op(walk)->gather, run);
	return run->nr;
}

static int unmap_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	if (!ept_pte_is_hole(READ_ONCE(*run->entry)))
		open_split(to_op(walk), run, 0);
	return 0;
}

static void unmap_commit_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	struct ept_op *op = to_op(walk);

	if (ept_pte_is_leaf(READ_ONCE(*run->entry), run->level)) {
		close_split(op, run, table);
	} else if (!ept_table_live(table)) {
		WRITE_ONCE(*run->entry, walk->fmt->hole);
		ept_table_add_live(run->entry, -1);
		retire(op->gather, table);
	}
}

static const struct ept_visitor unmap_commit = {
	.run = unmap_commit_run,
	.edge = unmap_commit_edge,
	.close = unmap_commit_close,
};

/* Unlinks the tables that a short unmap left empty: a walk finds nothing else to do. */
static noinline void unmap_close(struct ept_gather *gather, u64 gpa, u64 size)
{
	struct ept_op op;

	op_init(&op, gather->ept, gpa, size, gather);
	ept_walk_begin(&op.walk);
	ept_walk_pass(&op.walk, &unmap_commit);
}

static bool unmap_short(struct ept_gather *gather, u64 gpa, u64 size)
{
	struct ept *ept = gather->ept;
	struct ept_run run __uninitialized;
	bool found;

	ept_lock(ept);
	found = find_short_run(ept, gpa, size, &run);
	if (found) {
		unmap_run(gather, &run);
		if (!ept_table_live(run.entry))
			unmap_close(gather, gpa, size);
	}
	ept_unlock(ept);
	return found;
}

static noinline int unmap_long(struct ept_gather *gather, u64 gpa, u64 size)
{
	struct ept_op op __uninitialized;

	op_init(&op, gather->ept, gpa, size, gather);
	return op_run(&op, &unmap_plan, &unmap_commit);
}

int ept_unmap(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	struct ept_gather own = { .ept = ept };
	struct ept_gather *owed = gather ?: &own;
	int err = 0;

	if (!range_valid(ept, gpa, size) || !gather_valid(ept, gather))
		return -EINVAL;
	if (!fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;

	if (!is_short(gpa, size) || !unmap_short(owed, gpa, size))
		err = unmap_long(owed, gpa, size);
	if (!gather)
		ept_gather_flush(&own);
	trace_ept_unmap(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_unmap);

/*
 * Changing attributes
 */

/**
 * struct change - what ept_protect(), ept_set_memtype() and ept_set_attrs() do to a leaf
 * @clear: attribute bits to take
 * @set: attribute bits to give; wins
 * @prot_clear: EPT_PROT_* bits to take
 * @prot_set: EPT_PROT_* bits to give
 * @judge: the new rights may be illegal, which depends on the old ones
 * @shrink: large leaves may have to be split, as the new attributes need small ones
 */
struct change {
	u64	clear;
	u64	set;
	u32	prot_clear;
	u32	prot_set;
	bool	judge;
	bool	shrink;
};

struct change_op {
	struct ept_op		op;
	const struct change	*change;
};

static struct change_op *to_change_op(struct ept_walk *walk)
{
	return container_of(walk, struct change_op, op.walk);
}

static u64 change_leaf(const struct ept_format *fmt, const struct change *change, u64 leaf)
{
	return ept_pte_change(fmt, leaf, change->clear, change->set);
}

static int change_judge(struct change_op *op, u64 leaf)
{
	const struct change *change = op->change;
	u32 prot = ept_prot_from_bits(leaf);

	if (!change->judge)
		return 0;
	prot = (prot & ~change->prot_clear) | change->prot_set;
	if (!ept_prot_valid(prot))
		return -EINVAL;
	/* What is never legal comes first, wherever in the range it is. */
	if (!ept_prot_supported(&op->op.ept->fmt, prot))
		op->op.verdict = -EOPNOTSUPP;
	return 0;
}

/* Judges a leaf, and counts the tables that its change takes. */
static int change_plan_leaf(struct change_op *op, const struct ept_run *run, u64 leaf, u64 gpa,
			    u64 end)
{
	const struct ept_format *fmt = op->op.walk.fmt;
	const u64 new = change_leaf(fmt, op->change, leaf);
	const enum ept_level largest = min(ept_pte_max_leaf(fmt, new), run->level);

	if (new != leaf)
		op->op.need += ept_walk_tables(gpa, end, run->level, largest);
	return change_judge(op, leaf);
}

static int change_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);
	const u64 size = ept_level_size(run->level);

	if (!op->change->judge && !op->change->shrink)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;
		int err;

		if (ept_pte_is_hole(entry))
			continue;
		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		err = change_plan_leaf(op, run, entry, gpa, gpa + size);
		if (err)
			return err;
	}
	return run->nr;
}

static int change_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	const u64 entry = READ_ONCE(*run->entry);

	if (ept_pte_is_hole(entry))
		return 0;
	return change_plan_leaf(to_change_op(walk), run, entry, ept_run_start(walk, run),
				ept_run_end(walk, run));
}

static const struct ept_visitor change_plan = {
	.run = change_plan_run,
	.edge = change_plan_edge,
};

/*
 * Changes all leaves of a run alike, if that is right for each: they have rights before and after,
 * and may be as large as they are.
 */
static bool change_all(struct ept_gather *gather, const struct ept_run *run,
		       const struct change *change)
{
	const struct ept_format *fmt = &gather->ept->fmt;
	u64 any, all;

	if (!only_leaves(run, &any, &all) || !(all & fmt->rights) ||
	    !(((all & ~change->clear) | change->set) & fmt->rights) ||
	    run->level > ept_pte_max_leaf(fmt, any | change->set))
		return false;
	/* Whether some leaf is volatile: the most rights of any, the least of accessed and dirty */
	if (!run->private &&
	    ept_pte_is_volatile(fmt, (any & ~EPT_PTE_AD) | (all & EPT_PTE_AD)))
		ept_entries_change_atomic(run->entry, run->nr, change->clear, change->set);
	else
		ept_entries_change(run->entry, run->nr, change->clear, change->set);
	/* Each bit that some leaf had, and each that some leaf lacked, stands for that leaf. */
	note(gather, run, any, change_leaf(fmt, change, any));
	note(gather, run, all, change_leaf(fmt, change, all));
	return true;
}

static void change_one(struct ept_gather *gather, const struct ept_run *run, u64 *entry,
		       const struct change *change)
{
	const struct ept_format *fmt = &gather->ept->fmt;
	u64 old = READ_ONCE(*entry);
	u64 new = change_leaf(fmt, change, old);

	if (run->private || !ept_pte_is_volatile(fmt, old))
		WRITE_ONCE(*entry, new);
	else
		while (!try_cmpxchg64(entry, &old, new))
			new = change_leaf(fmt, change, old);
	note(gather, run, old, new);
}

/* Changes the leaves of a run, one by one, up to what is to be opened. */
static int change_each(struct change_op *op, const struct ept_run *run)
{
	struct ept_walk *walk = &op->op.walk;

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 old = READ_ONCE(run->entry[i]);
		const u64 new = change_leaf(walk->fmt, op->change, old);

		if (ept_pte_is_hole(old))
			continue;
		if (ept_pte_is_table(old, run->level)) {
			ept_walk_open(walk, run, old);
			return i;
		}
		if (new == old)
			continue;
		if (run->level > ept_pte_max_leaf(walk->fmt, new)) {
			open_split(&op->op, run, i);
			return i;
		}
		change_one(op->op.gather, run, &run->entry[i], op->change);
	}
	return run->nr;
}

static int change_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);

	if (change_all(op->op.gather, run, op->change))
		return run->nr;
	return change_each(op, run);
}

static int change_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct change_op *op = to_change_op(walk);
	const u64 entry = READ_ONCE(*run->entry);

	if (!ept_pte_is_hole(entry) && change_leaf(walk->fmt, op->change, entry) != entry)
		open_split(&op->op, run, 0);
	return 0;
}

static void change_commit_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	if (ept_pte_is_leaf(READ_ONCE(*run->entry), run->level))
		close_split(to_op(walk), run, table);
}

static const struct ept_visitor change_commit = {
	.run = change_commit_run,
	.edge = change_commit_edge,
	.close = change_commit_close,
};

static bool change_short(struct ept_gather *gather, u64 gpa, u64 size, const struct change *change)
{
	struct ept *ept = gather->ept;
	struct ept_run run __uninitialized;
	bool done;

	if (change->judge)
		return false;
	ept_lock(ept);
	done = find_short_run(ept, gpa, size, &run) && change_all(gather, &run, change);
	ept_unlock(ept);
	return done;
}

static noinline int change_long(struct ept_gather *gather, u64 gpa, u64 size,
				const struct change *change)
{
	struct change_op op __uninitialized;

	op_init(&op.op, gather->ept, gpa, size, gather);
	op.change = change;
	return op_run(&op.op, &change_plan, &change_commit);
}

static __always_inline int change_range(struct ept *ept, u64 gpa, u64 size,
					const struct change *change, struct ept_gather *gather)
{
	struct ept_gather own = { .ept = ept };
	struct ept_gather *owed = gather ?: &own;
	int err = 0;

	if (!is_short(gpa, size) || !change_short(owed, gpa, size, change))
		err = change_long(owed, gpa, size, change);
	if (!gather)
		ept_gather_flush(&own);
	return err;
}

/*
 * Whether rights that are legal may become ones that aren't. Write, execute and user-execute may
 * always be taken; with read, all others may be given, but for user-execute alone.
 */
static bool protect_may_be_illegal(const struct ept_format *fmt, u32 clear, u32 set)
{
	if (!set)
		return clear & EPT_PROT_READ;
	if (!(set & EPT_PROT_READ))
		return true;
	return !(fmt->features & EPT_FEATURE_MODE_EXEC) && set & EPT_PROT_UEXEC &&
	       !(set & EPT_PROT_EXEC);
}

int ept_protect(struct ept *ept, u64 gpa, u64 size, u32 clear, u32 set, struct ept_gather *gather)
{
	struct change change __uninitialized;
	int err;

	if (!range_valid(ept, gpa, size) || (clear | set) & ~EPT_PROT_ALL ||
	    !gather_valid(ept, gather))
		return -EINVAL;
	if (!fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;

	change.clear = ept_prot_to_bits(&ept->fmt, clear);
	change.set = ept_prot_to_bits(&ept->fmt, set);
	change.prot_clear = clear;
	change.prot_set = set;
	change.judge = protect_may_be_illegal(&ept->fmt, clear, set);
	change.shrink = ept_pte_max_leaf(&ept->fmt, change.set) < ept->fmt.max_leaf;
	err = change_range(ept, gpa, size, &change, gather);
	trace_ept_protect(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_protect);

int ept_set_memtype(struct ept *ept, u64 gpa, u64 size, enum ept_memtype memtype,
		    struct ept_gather *gather)
{
	const struct ept_attrs attrs = { .memtype = memtype };
	struct change change = { .clear = EPT_PTE_MEMTYPE };
	int err;

	if (!range_valid(ept, gpa, size) || !ept_memtype_valid(memtype) ||
	    !gather_valid(ept, gather))
		return -EINVAL;
	if (!fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;

	change.set = ept_attrs_to_bits(&ept->fmt, &attrs);
	err = change_range(ept, gpa, size, &change, gather);
	trace_ept_set_memtype(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_set_memtype);

int ept_set_attrs(struct ept *ept, u64 gpa, u64 size, const struct ept_attrs *attrs,
		  struct ept_gather *gather)
{
	struct change change = { .clear = EPT_PTE_ATTRS };
	int err;

	if (!range_valid(ept, gpa, size) || !attrs || !ept_attrs_valid(attrs) ||
	    !gather_valid(ept, gather))
		return -EINVAL;
	if (!fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;
	if (!ept_attrs_supported(&ept->fmt, attrs))
		return -EOPNOTSUPP;

	change.set = ept_attrs_to_bits(&ept->fmt, attrs);
	change.shrink = ept_pte_max_leaf(&ept->fmt, change.set) < ept->fmt.max_leaf;
	err = change_range(ept, gpa, size, &change, gather);
	trace_ept_set_attrs(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_set_attrs);

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
	u64 leaf = ept_pte_leaf(map->op.walk.fmt, map_hpa(map, run->gpa), run->level, map->bits);
	const u64 step = ept_pte_step(leaf, run->level);
	int holes = 0;

	for (unsigned int i = 0; i < run->nr; i++, leaf += step) {
		const u64 old = READ_ONCE(run->entry[i]);

		WRITE_ONCE(run->entry[i], leaf);
		if (ept_pte_is_hole(old))
			holes++;
		else if (ept_pte_is_table(old, run->level))
			retire(map->op.gather, ept_table_at(old));
		else
			note(map->op.gather, run, old, leaf);
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
	struct ept_op *op = to_op(walk);

	if (!run->blank && ept_pte_is_leaf(READ_ONCE(*run->entry), run->level))
		open_split(op, run, 0);
	else
		map_open(op, run);
	return 0;
}

static void remap_commit_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	struct ept_op *op = to_op(walk);
	const u64 old = run->blank ? op->ept->fmt.hole : READ_ONCE(*run->entry);

	if (ept_pte_is_table(old, run->level))
		return;
	if (ept_pte_is_leaf(old, run->level) && !op_covers(op, run->gpa, run->level)) {
		close_split(op, run, table);
		return;
	}
	link_table(op, run, table);
	if (ept_pte_is_hole(old))
		ept_table_add_live(run->entry, 1);
	else
		note(op->gather, run, old, READ_ONCE(*run->entry));
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

	if (!gather_valid(ept, gather))
		return -EINVAL;
	if (err)
		return err;

	op_init(&map.op, ept, gpa, size, gather);
	map.op.fresh = true;
	map.bits = ept_attrs_to_bits(&ept->fmt, attrs);
	map.largest = largest_leaf(gpa ^ hpa, ept_pte_max_leaf(&ept->fmt, map.bits));
	map.hpa = hpa;
	map.pages = NULL;
	err = op_run_flush(&map.op, &remap_plan, &remap_commit);
	trace_ept_remap(ept->pointer, gpa, hpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_remap);

/*
 * Splitting
 */

/**
 * struct split_op - ept_split()
 * @op: the operation
 * @level: no leaf in the range is to be larger
 */
struct split_op {
	struct ept_op	op;
	enum ept_level	level;
};

static struct split_op *to_split(struct ept_walk *walk)
{
	return container_of(walk, struct split_op, op.walk);
}

/* What of [gpa, end) lies in a leaf of @level: edges below the leaves to be made split nothing. */
static void split_plan_leaf(struct split_op *split, u64 gpa, u64 end, enum ept_level level)
{
	const u64 size = ept_level_size(split->level);

	split->op.need += ept_walk_tables(round_down(gpa, size), round_up(end, size), level,
					  split->level);
}

static int split_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct split_op *split = to_split(walk);
	const u64 size = ept_level_size(run->level);

	if (run->level <= split->level)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		if (!ept_pte_is_hole(entry))
			split_plan_leaf(split, gpa, gpa + size, run->level);
	}
	return run->nr;
}

static int split_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct split_op *split = to_split(walk);

	if (run->level > split->level && !ept_pte_is_hole(READ_ONCE(*run->entry)))
		split_plan_leaf(split, ept_run_start(walk, run), ept_run_end(walk, run),
				run->level);
	return 0;
}

static const struct ept_visitor split_plan = {
	.run = split_plan_run,
	.edge = split_plan_edge,
};

static int split_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct split_op *split = to_split(walk);

	if (run->level <= split->level)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_hole(entry))
			continue;
		if (ept_pte_is_table(entry, run->level))
			ept_walk_open(walk, run, entry);
		else
			open_split(&split->op, run, i);
		return i;
	}
	return run->nr;
}

static int split_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct split_op *split = to_split(walk);

	if (run->level > split->level && !ept_pte_is_hole(READ_ONCE(*run->entry)))
		open_split(&split->op, run, 0);
	return 0;
}

static const struct ept_visitor split_commit = {
	.run = split_commit_run,
	.edge = split_commit_edge,
	.close = change_commit_close,
};

int ept_split(struct ept *ept, u64 gpa, u64 size, enum ept_level level, struct ept_gather *gather)
{
	struct split_op split;
	int err;

	if (!range_valid(ept, gpa, size) || level > EPT_1G || !gather_valid(ept, gather))
		return -EINVAL;
	if (!fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;

	op_init(&split.op, ept, gpa, size, gather);
	split.level = level;
	err = op_run_flush(&split.op, &split_plan, &split_commit);
	trace_ept_split(ept->pointer, gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_split);

/*
 * Merging, from the bottom up. An address translates alike through the leaf and through the table
 * that it replaces, which CPUs may use, and set accessed and dirty in, until the flush. So the old
 * tables are read once more after it.
 */

/**
 * struct merge_op - ept_merge()
 * @op: the operation
 * @level: the largest leaf to make
 * @made: leaves made so far
 * @made_before: @made when the walker opened the entry, by its level: leaves that are merged again
 *	don't count
 */
struct merge_op {
	struct ept_op	op;
	enum ept_level	level;
	int		made;
	int		made_before[EPT_MAX_LEVELS];
};

static struct merge_op *to_merge(struct ept_walk *walk)
{
	return container_of(walk, struct merge_op, op.walk);
}

/* The leaf that @table's leaves of @level make together, or a hole */
static u64 merged_leaf(const struct ept_format *fmt, const u64 *table, enum ept_level level)
{
	const u64 first = READ_ONCE(*table) & ~fmt->ad;
	const u64 step = ept_pte_step(first, level);
	u64 ad = 0;

	if (ept_table_live(table) != EPT_ENTRIES || !ept_pte_is_leaf(first, level) ||
	    ept_pte_max_leaf(fmt, first) <= level ||
	    !IS_ALIGNED(ept_pte_leaf_address(fmt, first), ept_level_size(level + 1)))
		return fmt->hole;
	for (unsigned int i = 0; i < EPT_ENTRIES; i++) {
		const u64 entry = READ_ONCE(table[i]);

		if ((entry & ~fmt->ad) != first + i * step)
			return fmt->hole;
		ad |= entry & fmt->ad;
	}
	return first | ad | EPT_PTE_LARGE;
}

static int merge_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct merge_op *merge = to_merge(walk);

	if (run->level == EPT_4K)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (!ept_pte_is_table(entry, run->level))
			continue;
		merge->made_before[run->level] = merge->made;
		ept_walk_open(walk, run, entry);
		return i;
	}
	return run->nr;
}

static void merge_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	struct merge_op *merge = to_merge(walk);
	u64 leaf;

	if (run->level > merge->level || !op_covers(&merge->op, run->gpa, run->level))
		return;
	leaf = merged_leaf(walk->fmt, table, run->level - 1);
	if (ept_pte_is_hole(leaf))
		return;
	WRITE_ONCE(*run->entry, leaf);
	retire(merge->op.gather, table);
	merge->made = merge->made_before[run->level] + 1;
}

static const struct ept_visitor merge_visitor = {
	.run = merge_run,
	.close = merge_close,
};

/* Folds what CPUs set late in the tables that were replaced into the leaves that replaced them. */
static void merge_fold_ad(const struct ept *ept, struct page *dead)
{
	for (; dead; dead = ept_table_next_retired(dead)) {
		const u64 *table = page_address(dead);
		enum ept_level level = ept_table_level(table) + 1;
		u64 old, ad = 0;
		u64 *leaf = ept_descend(&ept->fmt, ept->root, ept_table_gpa(table), &level, &old);

		for (unsigned int i = 0; i < EPT_ENTRIES; i++)
			ad |= READ_ONCE(table[i]) & ept->fmt.ad;
		while (ad & ~old && !try_cmpxchg64(leaf, &old, old | ad))
			;
	}
}

int ept_merge(struct ept *ept, u64 gpa, u64 size, enum ept_level level)
{
	struct ept_gather gather;
	struct merge_op merge;

	if (!range_valid(ept, gpa, size) || level > EPT_1G)
		return -EINVAL;
	if (!fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;
	if (level > ept->fmt.max_leaf)
		return -EOPNOTSUPP;

	ept_gather_init(&gather, ept);
	op_init(&merge.op, ept, gpa, size, &gather);
	merge.level = level;
	merge.made = 0;
	/* Until accessed and dirty are folded in, nothing else may change the new leaves. */
	ept_lock(ept);
	ept_walk_begin(&merge.op.walk);
	ept_walk_pass(&merge.op.walk, &merge_visitor);
	ept_gather_invalidate(&gather);
	if (ept->fmt.ad)
		merge_fold_ad(ept, gather.dead);
	ept_unlock(ept);
	ept_gather_flush(&gather);
	atomic64_add(merge.made, &ept->merges);
	trace_ept_merge(ept->pointer, gpa, size, merge.made);
	return merge.made;
}
EXPORT_SYMBOL_EPT(ept_merge);

/*
 * Harvesting accessed and dirty
 */

/**
 * struct harvest_op - ept_harvest_dirty(), ept_harvest_accessed()
 * @op: the operation
 * @flag: which of both
 * @bitmap: where to report
 * @peek: don't clear
 */
struct harvest_op {
	struct ept_op	op;
	u64		flag;
	unsigned long	*bitmap;
	bool		peek;
};

static struct harvest_op *to_harvest(struct ept_walk *walk)
{
	return container_of(walk, struct harvest_op, op.walk);
}

static void harvest_report(const struct harvest_op *harvest, u64 gpa, u64 end)
{
	const unsigned long first = (gpa - harvest->op.walk.gpa) >> PAGE_SHIFT;

	bitmap_set(harvest->bitmap, first, (end - gpa) >> PAGE_SHIFT);
}

static __always_inline void harvest_clear(struct harvest_op *harvest, const struct ept_run *run,
					  u64 *entry, u64 old)
{
	u64 new = old & ~harvest->flag;

	if (!ept_pte_is_volatile(harvest->op.walk.fmt, old))
		WRITE_ONCE(*entry, new);
	else
		while (!try_cmpxchg64(entry, &old, new))
			new = old & ~harvest->flag;
	note(harvest->op.gather, run, old, new);
}

/* Leaves of more than a page, and tables */
static int harvest_large(struct harvest_op *harvest, const struct ept_run *run)
{
	const u64 size = ept_level_size(run->level);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(&harvest->op.walk, run, entry);
			return i;
		}
		if (!(entry & harvest->flag))
			continue;
		harvest_report(harvest, gpa, gpa + size);
		if (!harvest->peek)
			harvest_clear(harvest, run, &run->entry[i], entry);
	}
	return run->nr;
}

/* A cache line's worth of leaves at a time: most have nothing to report. */
static void harvest_pages(struct harvest_op *harvest, const struct ept_run *run)
{
	const unsigned long page = (run->gpa - harvest->op.walk.gpa) >> PAGE_SHIFT;
	const u64 flag = harvest->flag;
	unsigned int n;

	for (unsigned int i = 0; i < run->nr; i += n) {
		n = min(run->nr - i, SMP_CACHE_BYTES / (unsigned int)sizeof(u64));
		if (!(ept_entries_any(run->entry + i, n) & flag))
			continue;
		for (unsigned int j = i; j < i + n; j++) {
			const u64 entry = READ_ONCE(run->entry[j]);

			if (!(entry & flag))
				continue;
			__set_bit(page + j, harvest->bitmap);
			if (!harvest->peek)
				harvest_clear(harvest, run, &run->entry[j], entry);
		}
	}
}

static int harvest_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct harvest_op *harvest = to_harvest(walk);

	if (run->level > EPT_4K)
		return harvest_large(harvest, run);
	harvest_pages(harvest, run);
	return run->nr;
}

/* Pages of the leaf outside of the range would lose their flag. */
static int harvest_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct harvest_op *harvest = to_harvest(walk);

	if (READ_ONCE(*run->entry) & harvest->flag)
		harvest_report(harvest, ept_run_start(walk, run), ept_run_end(walk, run));
	return 0;
}

static const struct ept_visitor harvest_visitor = {
	.run = harvest_run,
	.edge = harvest_edge,
};

static int harvest(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek, u64 flag,
		   struct ept_gather *gather)
{
	struct harvest_op harvest;
	int err;

	if (!range_valid(ept, gpa, size) || !bitmap || !gather_valid(ept, gather))
		return -EINVAL;
	if (!fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;
	if (!ept->fmt.ad)
		return -EOPNOTSUPP;

	op_init(&harvest.op, ept, gpa, size, gather);
	harvest.flag = flag;
	harvest.bitmap = bitmap;
	harvest.peek = peek;
	err = op_run_flush(&harvest.op, NULL, &harvest_visitor);
	trace_ept_harvest(ept->pointer, gpa, size, err);
	return err;
}

int ept_harvest_dirty(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
		      struct ept_gather *gather)
{
	return harvest(ept, gpa, size, bitmap, peek, EPT_PTE_DIRTY, gather);
}
EXPORT_SYMBOL_EPT(ept_harvest_dirty);

int ept_harvest_accessed(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
			 struct ept_gather *gather)
{
	return harvest(ept, gpa, size, bitmap, peek, EPT_PTE_ACCESSED, gather);
}
EXPORT_SYMBOL_EPT(ept_harvest_accessed);

/*
 * Life cycle
 */

/* All tables, so that each has a name of its own */
static LIST_HEAD(tables);
static DEFINE_MUTEX(tables_lock);

static bool name_taken(const char *name)
{
	struct ept *ept;

	list_for_each_entry(ept, &tables, node)
		if (!strcmp(ept->name, name))
			return true;
	/* A file beside the directories */
	return !strcmp(name, "caps");
}

/* The name, with a suffix where it is taken; NULL where there is no memory */
static char *unique_name(const char *name)
{
	const bool given = name && *name;
	char *unique = kstrdup(given ? name : "ept0", GFP_KERNEL);

	for (unsigned int i = 1; unique && name_taken(unique); i++) {
		kfree(unique);
		unique = given ? kasprintf(GFP_KERNEL, "%s-%u", name, i + 1) :
				 kasprintf(GFP_KERNEL, "ept%u", i);
	}
	return unique;
}

static int publish(struct ept *ept, const char *name)
{
	mutex_lock(&tables_lock);
	ept->name = unique_name(name);
	if (ept->name) {
		list_add_tail(&ept->node, &tables);
		ept_debugfs_add(ept);
	}
	mutex_unlock(&tables_lock);
	return ept->name ? 0 : -ENOMEM;
}

static void unpublish(struct ept *ept)
{
	mutex_lock(&tables_lock);
	list_del(&ept->node);
	ept_debugfs_remove(ept);
	mutex_unlock(&tables_lock);
	kfree(ept->name);
}

static int make_root(struct ept *ept)
{
	struct ept_pool pool = {};
	int err = ept_pool_fill(&pool, &ept->store, 1);

	if (!err) {
		ept->root = ept_pool_take(&pool, ept_root_level(&ept->fmt), 0);
		ept_entries_fill(ept->root, EPT_ENTRIES, ept->fmt.hole, 0);
	}
	return err;
}

static void init(struct ept *ept, const struct ept_config *config)
{
	ept_format_init(&ept->fmt, config);
	ept_store_init(&ept->store, config->nid);
	ept->external = config->flags & (EPT_CONFIG_EXTERNAL_LOCK | EPT_CONFIG_ATOMIC);
	init_rwsem(&ept->lock);
	ept->ops = config->ops;
	ept->cookie = config->cookie;
	atomic64_set(&ept->generation, 1);
}

struct ept *ept_create(const struct ept_config *config)
{
	struct ept_config default_config;
	struct ept *ept;
	int err;

	if (!config) {
		struct ept_caps caps;

		err = ept_caps_read(&caps);
		if (err)
			return ERR_PTR(err);
		ept_config_from_caps(&default_config, &caps);
		config = &default_config;
	}
	err = ept_config_check(config, NULL);
	if (err)
		return ERR_PTR(err);

	ept = kzalloc(sizeof(*ept), GFP_KERNEL_ACCOUNT);
	if (!ept)
		return ERR_PTR(-ENOMEM);
	init(ept, config);
	err = -ENOMEM;
	ept->cpus = alloc_percpu(struct ept_cpu);
	if (!ept->cpus)
		goto free_ept;
	err = make_root(ept);
	if (err)
		goto free_cpus;
	ept->pointer = ept_vmx_pointer(config, ept_table_phys(ept->root));
	/* From here on nothing but the reserve. */
	ept->store.atomic = config->flags & EPT_CONFIG_ATOMIC;
	err = publish(ept, config->name);
	if (err)
		goto free_root;
	return ept;

free_root:
	ept_table_free_tree(ept->root);
free_cpus:
	free_percpu(ept->cpus);
free_ept:
	kfree(ept);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_EPT(ept_create);

void ept_destroy(struct ept *ept)
{
	if (IS_ERR_OR_NULL(ept))
		return;
	/* Waits for observers. */
	unpublish(ept);
	ept_table_free_tree(ept->root);
	ept_store_destroy(&ept->store);
	free_percpu(ept->cpus);
	kfree(ept);
}
EXPORT_SYMBOL_EPT(ept_destroy);

u64 ept_pointer(const struct ept *ept)
{
	return IS_ERR_OR_NULL(ept) ? 0 : ept->pointer;
}
EXPORT_SYMBOL_EPT(ept_pointer);

const char *ept_name(const struct ept *ept)
{
	return IS_ERR_OR_NULL(ept) ? NULL : ept->name;
}
EXPORT_SYMBOL_EPT(ept_name);

int ept_reserve(struct ept *ept, unsigned int nr)
{
	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	return ept_store_reserve(&ept->store, nr);
}
EXPORT_SYMBOL_EPT(ept_reserve);

static int __init ept_init(void)
{
	ept_debugfs_init();
	return 0;
}
module_init(ept_init);

static void __exit ept_exit(void)
{
	ept_debugfs_exit();
	ept_table_drain();
}
module_exit(ept_exit);

MODULE_DESCRIPTION("Intel Extended Page Tables for other modules");
MODULE_AUTHOR("The ept authors");
MODULE_VERSION(EPT_VERSION);
MODULE_LICENSE("GPL");
