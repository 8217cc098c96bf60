// SPDX-License-Identifier: GPL-2.0
/*
 * ept_map(), ept_map_if(), ept_map_check(), ept_sync_maps(), ept_map_pages(), ept_fill_pages(),
 * ept_remap(), ept_install(): what puts leaves in place.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>

#include "ept_op.h"
#include "ept_trace.h"

/**
 * struct source - what a guest gets where
 * @gpa: where the range begins
 * @hpa: of its first page, unless
 * @pages: its pages are named one by one
 * @bits: attribute bits of the leaves
 * @largest: no leaf is larger
 */
struct source {
	u64		gpa;
	phys_addr_t	hpa;
	struct page	**pages;
	u64		bits;
	enum ept_level	largest;
};

/**
 * struct map_op - ept_map(), ept_map_pages(), ept_remap() and their kin
 * @op: the operation
 * @source: what is mapped
 * @guard: when it may be
 * @filled: ept_fill_pages(): a bit for each page that was mapped
 * @keeps_flags: a leaf of the same page keeps accessed and dirty
 */
struct map_op {
	struct ept_op	op;
	struct source	source;
	struct ept_guard	guard;
	unsigned long	*filled;
	bool		keeps_flags;
};

static struct map_op *to_map(struct ept_walk *walk)
{
	return container_of(walk, struct map_op, op.walk);
}

static __always_inline phys_addr_t source_hpa(const struct source *source, u64 gpa)
{
	const u64 offset = gpa - source->gpa;

	return source->pages ? page_to_phys(source->pages[offset >> PAGE_SHIFT]) :
			       source->hpa + offset;
}

/* Whether the pages that a covered entry spans make a leaf. Their host addresses decide. */
static bool source_fits(const struct source *source, u64 gpa, enum ept_level level)
{
	const unsigned long nr = ept_level_size(level) >> PAGE_SHIFT;
	struct page **pages;
	phys_addr_t hpa;

	if (level > source->largest)
		return false;
	if (!source->pages)
		return true;
	pages = source->pages + ((gpa - source->gpa) >> PAGE_SHIFT);
	hpa = page_to_phys(pages[0]);
	if (!IS_ALIGNED(hpa, ept_level_size(level)))
		return false;
	for (unsigned long i = 1; i < nr; i++)
		if (page_to_phys(pages[i]) != hpa + (i << PAGE_SHIFT))
			return false;
	return true;
}

/* How many tables it takes below entries of @level that are holes */
static u64 source_tables(const struct source *source, u64 gpa, u64 end, enum ept_level level)
{
	u64 tables = 0, next;

	if (!source->pages)
		return ept_walk_tables(gpa, end, level, source->largest);
	if (level == EPT_4K)
		return 0;
	for (; gpa < end; gpa = next) {
		const u64 size = ept_level_size(level);

		next = min(end, round_down(gpa, size) + size);
		if (next - gpa < size || !source_fits(source, gpa, level))
			tables += 1 + source_tables(source, gpa, next, level - 1);
	}
	return tables;
}

/* Leaves all alike, each of the page after that of the one before */
static __always_inline void fill_all(const struct source *source, const struct ept_format *fmt,
				     const struct ept_run *run)
{
	ept_entries_fill(run->entry, run->nr,
			 ept_pte_leaf(fmt, source_hpa(source, run->gpa), run->level, source->bits),
			 ept_level_size(run->level));
}

/* The address of a leaf without rights is hidden, for each leaf by itself. */
static __always_inline bool source_is_simple(const struct source *source)
{
	return !source->pages && source->bits & EPT_PTE_RIGHTS;
}

/* Leaves from the front of the run, as far as they fit. Returns how many. */
static unsigned int fill_leaves(const struct source *source, const struct ept_format *fmt,
				const struct ept_run *run)
{
	const u64 size = ept_level_size(run->level);
	u64 gpa = run->gpa;
	unsigned int i;

	if (source_is_simple(source)) {
		fill_all(source, fmt, run);
		return run->nr;
	}
	for (i = 0; i < run->nr && source_fits(source, gpa, run->level); i++, gpa += size)
		WRITE_ONCE(run->entry[i], ept_pte_leaf(fmt, source_hpa(source, gpa), run->level,
						       source->bits));
	return i;
}

/*
 * Mapping what is a hole
 */

static int map_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);

	/* A table is never empty: it has something of this range. */
	if (!ept_pte_is_hole(ept_entries_any(run->entry, run->nr)))
		return -EEXIST;
	if (run->level > EPT_4K)
		map->op.need += source_tables(&map->source, run->gpa,
					      run->gpa + run->nr * ept_level_size(run->level),
					      run->level);
	return run->nr;
}

static int map_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);

	if (!ept_pte_is_hole(READ_ONCE(*run->entry)))
		return -EEXIST;
	map->op.need += source_tables(&map->source, ept_run_start(walk, run),
				      ept_run_end(walk, run), run->level);
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

static int map_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);
	struct ept_run rest = *run;
	unsigned int leaves = 0;

	if (run->level <= map->source.largest)
		leaves = fill_leaves(&map->source, walk->fmt, run);
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

static int map_permit(struct ept_op *op)
{
	return ept_guard_check(&container_of(op, struct map_op, op)->guard);
}

static void map_op_init(struct map_op *map, struct ept_gather *gather, u64 size,
			const struct source *source, const struct ept_guard *guard)
{
	ept_op_init(&map->op, gather, source->gpa, size);
	map->source = *source;
	map->filled = NULL;
	map->keeps_flags = false;
	map->guard = *guard;
	map->op.permit = map_permit;
}

/* Leaves of any size */
static noinline int map_long(struct ept_gather *gather, u64 size, const struct source *source,
			     const struct ept_guard *guard)
{
	struct map_op map;

	map_op_init(&map, gather, size, source, guard);
	return ept_op_run(&map.op, &map_plan, &map_commit);
}

struct short_map {
	const struct source	*source;
	const struct ept_guard	*guard;
};

static __always_inline int map_short(struct ept *ept, struct ept_gather *gather,
				     const struct ept_run *run, void *arg)
{
	const struct short_map *map = arg;
	const int err = ept_guard_check(map->guard);

	if (err)
		return err;
	if (!ept_pte_is_hole(ept_entries_any(run->entry, run->nr)))
		return -EEXIST;
	fill_all(map->source, &ept->fmt, run);
	ept_table_add_live(run->entry, run->nr);
	return 0;
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
				       enum ept_level leaf_level, const struct ept_guard *guard)
{
	const int err = ept_guard_check(guard);

	if (err)
		return err;
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
					const struct ept_guard guard, int missing)
{
	struct ept_pool pool = {};

	do {
		int err = ept_pool_fill(&pool, &ept->store, missing);
		struct ept_cpu *cpu;

		if (err) {
			missing = err;
			break;
		}
		cpu = ept_enter_shared(ept);
		missing = try_map_one(ept, &pool, gpa, leaf, level, &guard);
		ept_leave_shared(ept, cpu);
	} while (missing > 0);
	ept_pool_drain(&pool, &ept->store);
	return missing;
}

static __always_inline int map_one(struct ept *ept, u64 gpa, u64 leaf, enum ept_level level,
				   const struct ept_guard *guard)
{
	struct ept_cpu *cpu = ept_enter_shared(ept);
	const int ret = try_map_one(ept, NULL, gpa, leaf, level, guard);

	ept_leave_shared(ept, cpu);
	return ret <= 0 ? ret : map_one_with_tables(ept, gpa, leaf, level, *guard, ret);
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

/* A range that isn't known to be made of 4K leaves in one table that is there */
static noinline int map_range(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, u64 bits,
			      const struct ept_guard guard)
{
	enum ept_level level = ept_pte_max_leaf(&ept->fmt, bits);
	const struct source source = {
		.gpa = gpa, .hpa = hpa, .bits = bits,
		.largest = ept_largest_leaf(gpa ^ hpa, level),
	};
	struct ept_gather nothing;

	if (is_one_leaf(gpa, hpa, size, &level))
		return map_one(ept, gpa, ept_pte_leaf(&ept->fmt, hpa, level, bits), level, &guard);
	ept_gather_init(&nothing, ept);
	return map_long(&nothing, size, &source, &guard);
}

/* What ept_map() and ept_remap() ask of their arguments, beside the table and that it isn't NULL */
static __always_inline int judge_map(const struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
				     const struct ept_attrs *attrs, u64 *bits)
{
	const int err = ept_first_error(ept_judge_range(ept, gpa, size),
					ept_judge_hpa(ept, hpa, size));

	return ept_first_error(err, ept_judge_attrs(&ept->fmt, attrs, bits));
}

int ept_map_check(const struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
		  const struct ept_attrs *attrs)
{
	u64 bits;

	if (IS_ERR_OR_NULL(ept) || !attrs)
		return -EINVAL;
	return judge_map(ept, gpa, hpa, size, attrs, &bits);
}
EXPORT_SYMBOL_EPT(ept_map_check);

/* Who has the lock has waited for those that share it. */
void ept_sync_maps(struct ept *ept)
{
	if (IS_ERR_OR_NULL(ept))
		return;
	ept_lock(ept);
	ept_unlock(ept);
}
EXPORT_SYMBOL_EPT(ept_sync_maps);

/* A valid request */
static __always_inline int map_bits(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, u64 bits,
				    const struct ept_guard *guard)
{
	const struct source source = { .gpa = gpa, .hpa = hpa, .bits = bits };
	struct short_map short_map = { .source = &source, .guard = guard };
	struct ept_gather nothing = { .ept = ept };
	int ret = 1;

	if (likely(size == SZ_4K))
		return map_one(ept, gpa, ept_pte_leaf(&ept->fmt, hpa, EPT_4K, bits), EPT_4K, guard);
	/* What is shorter than a table is made of 4K leaves. */
	if (size != SZ_2M && source_is_simple(&source))
		ret = ept_op_short(ept, &nothing, gpa, size, map_short, &short_map);
	return ret <= 0 ? ret : map_range(ept, gpa, hpa, size, bits, *guard);
}

static __always_inline int map_if(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
				  const struct ept_attrs *attrs, const struct ept_guard *guard)
{
	u64 bits;
	int err;

	if (IS_ERR_OR_NULL(ept) || !attrs)
		return -EINVAL;
	err = judge_map(ept, gpa, hpa, size, attrs, &bits);
	if (unlikely(err))
		return err;

	err = map_bits(ept, gpa, hpa, size, bits, guard);
	ept_trace(ept_map, ept, gpa, hpa, size, err);
	return err;
}

int ept_map(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs)
{
	return map_if(ept, gpa, hpa, size, attrs, &(const struct ept_guard){});
}
EXPORT_SYMBOL_EPT(ept_map);

int ept_map_if(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs,
	       const unsigned long *seq, unsigned long seen)
{
	if (!seq)
		return -EINVAL;
	return map_if(ept, gpa, hpa, size, attrs, &(const struct ept_guard){ seq, seen });
}
EXPORT_SYMBOL_EPT(ept_map_if);

static int judge_pages(const struct ept *ept, struct page **pages, unsigned long nr)
{
	int err = 0;

	for (unsigned long i = 0; i < nr; i++) {
		if (!pages[i])
			return -EINVAL;
		if (page_to_phys(pages[i]) & ept->fmt.hpa_illegal)
			err = -ERANGE;
	}
	return err;
}

static int map_pages(struct ept *ept, u64 gpa, struct page **pages, unsigned long nr,
		     const struct ept_attrs *attrs, unsigned long *filled,
		     const struct ept_guard *guard, const struct ept_visitor *plan,
		     const struct ept_visitor *commit)
{
	struct source source = { .gpa = gpa, .pages = pages };
	const u64 size = (u64)nr << PAGE_SHIFT;
	struct ept_gather nothing;
	struct map_op map;
	int err, attrs_err;

	if (IS_ERR_OR_NULL(ept) || !pages || !attrs || !nr || gpa & ~PAGE_MASK)
		return -EINVAL;
	attrs_err = ept_judge_attrs(&ept->fmt, attrs, &source.bits);
	/* More than a guest can address: not the length of an array to look into */
	if (nr > 1ULL << (ept_gpa_width(&ept->fmt) - PAGE_SHIFT))
		err = -ERANGE;
	else
		err = ept_first_error(ept_judge_range(ept, gpa, size),
				      judge_pages(ept, pages, nr));
	err = ept_first_error(err, attrs_err);
	if (err)
		return err;

	ept_gather_init(&nothing, ept);
	source.largest = ept_pte_max_leaf(&ept->fmt, source.bits);
	map_op_init(&map, &nothing, size, &source, guard);
	map.filled = filled;
	err = ept_op_run(&map.op, plan, commit);
	ept_trace(ept_map_pages, ept, gpa, size, err);
	return err;
}

int ept_map_pages(struct ept *ept, u64 gpa, struct page **pages, unsigned long nr,
		  const struct ept_attrs *attrs)
{
	return map_pages(ept, gpa, pages, nr, attrs, NULL, &(const struct ept_guard){}, &map_plan,
			 &map_commit);
}
EXPORT_SYMBOL_EPT(ept_map_pages);

/*
 * Filling: the plan and the commit of a map that leave alone what is there. A hole that gets a
 * table gets all of its part of the range; other holes become leaves one by one.
 */

static int fill_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);
	const u64 size = ept_level_size(run->level);

	if (run->level == EPT_4K)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		if (ept_pte_is_hole(entry))
			map->op.need += source_tables(&map->source, gpa, gpa + size, run->level);
	}
	return run->nr;
}

static int fill_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);

	if (ept_pte_is_hole(READ_ONCE(*run->entry)))
		map->op.need += source_tables(&map->source, ept_run_start(walk, run),
					      ept_run_end(walk, run), run->level);
	return 0;
}

static const struct ept_visitor fill_plan = {
	.run = fill_plan_run,
	.edge = fill_plan_edge,
};

static void fill_report(const struct map_op *map, u64 gpa, u64 end)
{
	ept_set_bits(map->filled, (gpa - map->source.gpa) >> PAGE_SHIFT, (end - gpa) >> PAGE_SHIFT);
}

static int fill_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);
	const u64 size = ept_level_size(run->level);
	struct ept_run one = *run;

	if (run->blank)
		return map_commit_run(walk, run);
	one.nr = 1;
	for (unsigned int i = 0; i < run->nr; i++, one.entry++, one.gpa += size) {
		const u64 entry = READ_ONCE(*one.entry);

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		if (!ept_pte_is_hole(entry))
			continue;
		fill_report(map, one.gpa, one.gpa + size);
		if (!map_commit_run(walk, &one))
			return i;
	}
	return run->nr;
}

static int fill_commit_edge(struct ept_walk *walk, const struct ept_run *run)
{
	if (!run->blank) {
		if (!ept_pte_is_hole(READ_ONCE(*run->entry)))
			return 0;
		fill_report(to_map(walk), ept_run_start(walk, run), ept_run_end(walk, run));
	}
	map_open(to_ept_op(walk), run);
	return 0;
}

static const struct ept_visitor fill_commit = {
	.run = fill_commit_run,
	.edge = fill_commit_edge,
	.close = map_commit_close,
};

int ept_fill_pages(struct ept *ept, u64 gpa, struct page **pages, unsigned long nr,
		   const struct ept_attrs *attrs, unsigned long *filled,
		   const unsigned long *seq, unsigned long seen)
{
	const struct ept_guard guard = { seq, seen };

	if (!filled)
		return -EINVAL;
	return map_pages(ept, gpa, pages, nr, attrs, filled, &guard, &fill_plan, &fill_commit);
}
EXPORT_SYMBOL_EPT(ept_fill_pages);

/*
 * Remapping: the plan and the commit of a map, where nothing that is there forbids it. An entry
 * goes from the old to the new translation with one store.
 */

static int remap_plan_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);
	const u64 size = ept_level_size(run->level);

	if (run->level <= map->source.largest)
		return run->nr;
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		map->op.need += source_tables(&map->source, gpa, gpa + size, run->level);
	}
	return run->nr;
}

static int remap_plan_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);

	map->op.need += source_tables(&map->source, ept_run_start(walk, run),
				      ept_run_end(walk, run), run->level);
	return 0;
}

static const struct ept_visitor remap_plan = {
	.run = remap_plan_run,
	.edge = remap_plan_edge,
};

/* What goes into an entry in @old's place: the leaf, with the flags of one of the same page */
static __always_inline u64 replacing_leaf(const struct ept_format *fmt, u64 old, u64 leaf,
					  enum ept_level level)
{
	if (ept_pte_is_leaf(old, level) &&
	    ept_pte_leaf_address(fmt, old) == ept_pte_leaf_address(fmt, leaf))
		return leaf | (old & fmt->ad);
	return leaf;
}

/* What replaces an entry, where flags are kept and where they aren't */
static u64 remap_leaf(const struct map_op *map, u64 old, u64 leaf, enum ept_level level)
{
	return map->keeps_flags ? replacing_leaf(map->op.walk.fmt, old, leaf, level) : leaf;
}

/* Returns what was there. */
static u64 remap_entry(struct map_op *map, const struct ept_run *run, u64 *entry, u64 leaf)
{
	u64 old = READ_ONCE(*entry);
	u64 new = remap_leaf(map, old, leaf, run->level);

	/* A flag that a CPU set is cleared, which may be all that asks for a flush. */
	if (run->private || !ept_is_volatile(map->op.ept, old))
		WRITE_ONCE(*entry, new);
	else
		while (!try_cmpxchg64(entry, &old, new))
			new = remap_leaf(map, old, leaf, run->level);
	if (ept_pte_is_leaf(old, run->level))
		ept_gather_note(map->op.ept, map->op.gather, run, old, new);
	return old;
}

/* Puts leaves where holes, other leaves and whole tables are. */
static void remap_leaves(struct map_op *map, const struct ept_run *run)
{
	const struct ept_format *fmt = map->op.walk.fmt;
	u64 gpa = run->gpa;
	int holes = 0;

	for (unsigned int i = 0; i < run->nr; i++, gpa += ept_level_size(run->level)) {
		const u64 leaf = ept_pte_leaf(fmt, source_hpa(&map->source, gpa), run->level,
					      map->source.bits);
		const u64 old = remap_entry(map, run, &run->entry[i], leaf);

		if (ept_pte_is_hole(old))
			holes++;
		else if (ept_pte_is_table(old, run->level))
			ept_gather_retire(map->op.gather, ept_table_at(old));
	}
	ept_table_add_live(run->entry, holes);
}

static int remap_commit_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct map_op *map = to_map(walk);
	const u64 entry = run->blank ? 0 : READ_ONCE(*run->entry);

	if (run->blank)
		return map_commit_run(walk, run);
	if (run->level <= map->source.largest) {
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
		ept_gather_note(op->ept, op->gather, run, old, READ_ONCE(*run->entry));
}

static const struct ept_visitor remap_commit = {
	.run = remap_commit_run,
	.edge = remap_commit_edge,
	.close = remap_commit_close,
};

static struct source contiguous(const struct ept *ept, u64 gpa, phys_addr_t hpa, u64 bits)
{
	return (struct source){
		.gpa = gpa,
		.hpa = hpa,
		.bits = bits,
		.largest = ept_largest_leaf(gpa ^ hpa, ept_pte_max_leaf(&ept->fmt, bits)),
	};
}

int ept_remap(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs,
	      struct ept_gather *gather)
{
	struct source source;
	struct map_op map;
	u64 bits;
	int err;

	if (IS_ERR_OR_NULL(ept) || !attrs)
		return -EINVAL;
	if (!gather)
		return ept_flushed(ept, own, ept_remap(ept, gpa, hpa, size, attrs, &own));
	err = ept_first_error(judge_map(ept, gpa, hpa, size, attrs, &bits),
			      ept_judge_gather(ept, gather));
	if (err)
		return err;

	source = contiguous(ept, gpa, hpa, bits);
	map_op_init(&map, gather, size, &source, &(const struct ept_guard){});
	map.op.fresh = true;
	err = ept_op_run(&map.op, &remap_plan, &remap_commit);
	ept_trace(ept_remap, ept, gpa, hpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_remap);

/*
 * Installing: mapping if there is a hole, and remapping else, unless what is there does already.
 */

/* Whether a leaf translates the whole range as it is to be, and has all of these rights */
static __always_inline bool suffices(const struct ept *ept, const struct source *source, u64 size,
				     u64 leaf, enum ept_level level)
{
	const u64 offset = source->gpa & (ept_level_size(level) - 1);

	return ept_pte_is_leaf(leaf, level) && size <= ept_level_size(level) - offset &&
	       ept_pte_leaf_address(&ept->fmt, leaf) + offset == source->hpa &&
	       !(source->bits & EPT_PTE_RIGHTS & ~leaf);
}

static bool is_installed(const struct ept *ept, const struct source *source, u64 size)
{
	enum ept_level level = EPT_4K;
	u64 leaf;

	ept_descend(&ept->fmt, ept->root, source->gpa, &level, &leaf);
	return suffices(ept, source, size, leaf, level);
}

/* 1: nothing is to be done */
static int install_permit(struct ept_op *op)
{
	const struct map_op *map = container_of(op, struct map_op, op);

	return ept_guard_check(&map->guard) ?:
	       is_installed(op->ept, &map->source, op->walk.end - op->walk.gpa);
}

/*
 * One leaf, in the place of a hole, or of a leaf of its size that no CPU has to forget: in parallel
 * with one-leaf maps, which leave what is no hole alone, and with itself. -EEXIST: by the long way.
 */
static __always_inline int try_install_one(struct ept *ept, u64 size, const struct source *source,
					   u64 leaf, enum ept_level leaf_level,
					   const struct ept_guard *guard)
{
	const int err = ept_guard_check(guard);

	if (err)
		return err;
	for (;;) {
		enum ept_level level = leaf_level;
		u64 old, new;
		u64 *entry = ept_descend(&ept->fmt, ept->root, source->gpa, &level, &old);

		if (suffices(ept, source, size, old, level))
			return 1;
		if (level != leaf_level || ept_pte_is_table(old, level))
			return -EEXIST;
		new = replacing_leaf(&ept->fmt, old, leaf, level);
		if (ept_pte_needs_invept(&ept->fmt, old, new))
			return -EEXIST;
		if (likely(try_cmpxchg64(entry, &old, new))) {
			if (ept_pte_is_hole(old))
				ept_table_inc_live(entry);
			return 0;
		}
	}
}

/* Without a lock: 1, an error, or -EEXIST where there is something to do */
static noinline int look_installed(const struct ept *ept, u64 size, const struct source *source,
				   const struct ept_guard *guard)
{
	bool installed;

	rcu_read_lock();
	installed = is_installed(ept, source, size);
	rcu_read_unlock();
	return ept_guard_check(guard) ?: installed ? 1 : -EEXIST;
}

static __always_inline int install_one(struct ept *ept, u64 size, const struct source *source,
				       enum ept_level level, const struct ept_guard *guard)
{
	const u64 leaf = ept_pte_leaf(&ept->fmt, source->hpa, level, source->bits);
	struct ept_cpu *cpu = NULL;
	int ret;

	if (unlikely(ept->external)) {
		ept_assert_external(ept, 0);
	} else if (unlikely(!ept_try_enter_shared(ept, &cpu))) {
		/* What another CPU has done by now needs no wait. */
		ret = look_installed(ept, size, source, guard);
		if (ret != -EEXIST)
			return ret;
		cpu = ept_wait_shared(ept);
	}
	ret = try_install_one(ept, size, source, leaf, level, guard);
	ept_leave_shared(ept, cpu);
	return ret;
}

/* -EEXIST: by the long way */
static __always_inline int install_short(struct ept *ept, u64 size, const struct source *source,
					 const struct ept_guard *guard)
{
	enum ept_level level = EPT_4K;

	if (likely(size == SZ_4K))
		return install_one(ept, size, source, level, guard);
	level = ept_pte_max_leaf(&ept->fmt, source->bits);
	if (is_one_leaf(source->gpa, source->hpa, size, &level))
		return install_one(ept, size, source, level, guard);
	return ept->external ? -EEXIST : look_installed(ept, size, source, guard);
}

static noinline int install_long(struct ept_gather *gather, u64 size, const struct source *what,
				 const struct ept_guard *guard)
{
	struct ept *ept = gather->ept;
	const struct source source = contiguous(ept, what->gpa, what->hpa, what->bits);
	struct map_op map;
	const int err = map_range(ept, source.gpa, source.hpa, size, source.bits, *guard);

	if (err != -EEXIST)
		return err;
	map_op_init(&map, gather, size, &source, guard);
	map.op.permit = install_permit;
	map.keeps_flags = true;
	return ept_op_run(&map.op, &remap_plan, &remap_commit);
}

int ept_install(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs,
		const unsigned long *seq, unsigned long seen, struct ept_gather *gather)
{
	const struct ept_guard guard = { seq, seen };
	struct source source = { .gpa = gpa, .hpa = hpa };
	int ret;

	if (IS_ERR_OR_NULL(ept) || !attrs)
		return -EINVAL;
	ret = ept_first_error(judge_map(ept, gpa, hpa, size, attrs, &source.bits),
			      gather ? ept_judge_gather(ept, gather) : 0);
	if (unlikely(ret))
		return ret;

	ret = install_short(ept, size, &source, &guard);
	if (ret == -EEXIST && gather)
		ret = install_long(gather, size, &source, &guard);
	else if (ret == -EEXIST)
		ret = ept_flushed(ept, own, install_long(&own, size, &source, &guard));
	/* By the short way nothing is owed, but what others owe is flushed, too. */
	else if (ret >= 0 && !gather && unlikely(ept_is_due(ept)))
		ret = ept_flushed(ept, own, ret);
	ept_trace(ept_install, ept, gpa, hpa, size, ret);
	return ret;
}
EXPORT_SYMBOL_EPT(ept_install);
