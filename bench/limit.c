// SPDX-License-Identifier: GPL-2.0
/*
 * The limit: the least that any code could do for a workload, as the best scalar loops that do it.
 * Allocates, fills, clears and frees the same memory as ept, and nothing else: no locks, no RCU, no
 * accounting, no counts, no flush, no check of an argument or of what was there before.
 */
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "ept_compat.h"
#include "loops.h"

#define RIGHT_READ		BIT_ULL(0)
#define RIGHT_WRITE		BIT_ULL(1)
#define LARGE		BIT_ULL(7)
#define ACCESSED	BIT_ULL(8)
#define DIRTY		BIT_ULL(9)
#define ADDRESS		GENMASK_ULL(51, 12)
#define TABLE		GENMASK_ULL(2, 0)
#define LEAF		(GENMASK_ULL(2, 0) | 6 << 3)

#define ENTRIES		512
#define ROOT_SHIFT	39
#define STASH		64

/**
 * struct limit - a table
 * @root: its root
 * @live: CPUs set accessed and dirty
 * @want: how many pages to allocate at once
 * @nr: of pages in
 * @stash: pages to build with
 */
struct limit {
	u64		*root;
	bool		live;
	unsigned int	want;
	unsigned int	nr;
	struct page	*stash[STASH];
};

/*
 * Pages
 */

static bool fill_stash(struct limit *limit)
{
	unsigned int got;

	while (limit->nr < limit->want) {
		got = alloc_pages_bulk_node(GFP_KERNEL, NUMA_NO_NODE, limit->want - limit->nr,
					    limit->stash + limit->nr);
		if (!got)
			break;
		limit->nr += got;
	}
	return limit->nr;
}

static u64 *take_page(struct limit *limit)
{
	struct page *page;

	if (unlikely(!limit->nr) && !fill_stash(limit))
		return NULL;
	page = limit->stash[--limit->nr];
	limit->stash[limit->nr] = NULL;
	return page_address(page);
}

static u64 *take_zeroed(struct limit *limit)
{
	u64 *table = take_page(limit);

	if (table)
		clear_page(table);
	return table;
}

static u64 *at(u64 entry)
{
	return phys_to_virt(entry & ADDRESS);
}

static u64 link(u64 *table)
{
	return virt_to_phys(table) | TABLE;
}

static u64 *entry_of(u64 *table, u64 gpa, unsigned int shift)
{
	return table + (gpa >> shift) % ENTRIES;
}

static void free_tree(u64 *table, unsigned int shift)
{
	if (shift > PAGE_SHIFT)
		for (unsigned int i = 0; i < ENTRIES; i++)
			if (table[i] && !(table[i] & LARGE))
				free_tree(at(table[i]), shift - 9);
	free_page((unsigned long)table);
}

static void *limit_create(bool live)
{
	struct limit *limit = kzalloc(sizeof(*limit), GFP_KERNEL);

	if (limit) {
		limit->live = live;
		limit->want = 1;
		limit->root = take_zeroed(limit);
		limit->want = STASH;
	}
	return limit;
}

static void limit_destroy(void *table)
{
	struct limit *limit = table;

	free_tree(limit->root, ROOT_SHIFT);
	while (limit->nr)
		__free_page(limit->stash[--limit->nr]);
	kfree(limit);
}

static u64 *limit_root(void *table)
{
	struct limit *limit = table;

	return limit->root;
}

/*
 * Runs of entries
 */

static __always_inline void fill(u64 *entry, unsigned int nr, u64 value, u64 step)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < nr; i++, value += step)
		WRITE_ONCE(entry[i], value);
}

/* Writable entries whose flags a CPU may set need a locked operation. */
static __always_inline void take_write_live(u64 *entry, unsigned int nr)
{
	for (; nr; nr--, entry++) {
		if ((*entry & (RIGHT_WRITE | DIRTY)) == RIGHT_WRITE)
			asm volatile("lock; andq %1, %0" : "+m" (*entry) : "er" (~RIGHT_WRITE));
		else
			WRITE_ONCE(*entry, *entry & ~RIGHT_WRITE);
	}
}

static __always_inline void take_write(u64 *entry, unsigned int nr)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < nr; i++) {
		u64 old = READ_ONCE(entry[i]);

		if (old & RIGHT_WRITE)
			WRITE_ONCE(entry[i], old & ~RIGHT_WRITE);
	}
}

/* Eight entries at a time, which are a cache line and a byte of the bitmap. */
static __always_inline void harvest(u64 *entry, u8 *bits)
{
	for (unsigned int i = 0; i < ENTRIES; i += 8, entry += 8, bits++) {
		u64 any = entry[0] | entry[1] | entry[2] | entry[3] |
			  entry[4] | entry[5] | entry[6] | entry[7];

		if (!(any & DIRTY))
			continue;
#pragma GCC unroll 8
		for (unsigned int bit = 0; bit < 8; bit++) {
			*bits |= (entry[bit] & DIRTY ? 1 : 0) << bit;
			entry[bit] &= ~DIRTY;
		}
	}
}

/*
 * Ways
 */

/* The table that holds the entries of @shift for @gpa; made where it isn't there */
static __always_inline u64 *way(struct limit *limit, u64 gpa, unsigned int shift)
{
	u64 *table = limit->root;

#pragma GCC unroll 3
	for (unsigned int above = ROOT_SHIFT; above > shift; above -= 9) {
		u64 *entry = entry_of(table, gpa, above);

		if (unlikely(!*entry))
			*entry = link(take_zeroed(limit));
		table = at(*entry);
	}
	return table;
}

/* Fills [gpa, gpa + size), which lies in one table of leaves. */
static void map_table(struct limit *limit, u64 gpa, u64 leaf, u64 size, unsigned int shift)
{
	const unsigned int nr = size >> shift;
	u64 *parent = entry_of(way(limit, gpa, shift + 9), gpa, shift + 9);
	u64 *table;

	if (*parent) {
		fill(entry_of(at(*parent), gpa, shift), nr, leaf, 1ULL << shift);
		return;
	}
	table = nr == ENTRIES ? take_page(limit) : take_zeroed(limit);
	fill(entry_of(table, gpa, shift), nr, leaf, 1ULL << shift);
	*parent = link(table);
}

static __always_inline int limit_map(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct limit *limit = table;
	const u64 end = gpa + size, offset = hpa - gpa;
	unsigned int shift = 30;
	u64 next;

	if (size == PAGE_SIZE) {
		*entry_of(way(limit, gpa, PAGE_SHIFT), gpa, PAGE_SHIFT) = hpa | LEAF;
		return 0;
	}
	while (!IS_ALIGNED(gpa | hpa | size, 1ULL << shift))
		shift -= 9;
	limit->want = min(STASH, size >> (shift + 9) | 2);
	for (; gpa < end; gpa = next) {
		next = min(end, ALIGN(gpa + 1, 1ULL << (shift + 9)));
		map_table(limit, gpa, (gpa + offset) | LEAF | (shift > PAGE_SHIFT ? LARGE : 0),
			  next - gpa, shift);
	}
	return 0;
}

/* Covered tables are detached and freed; their entries aren't looked at. */
static __always_inline int limit_unmap(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct limit *limit = table;
	const u64 end = gpa + size;
	u64 next;

	for (; gpa < end; gpa = next) {
		unsigned int shift = ROOT_SHIFT;
		u64 *entry;

		while (!IS_ALIGNED(gpa, 1ULL << shift) || end - gpa < 1ULL << shift)
			shift -= 9;
		entry = entry_of(way(limit, gpa, shift), gpa, shift);
		if (shift > PAGE_SHIFT) {
			next = gpa + (1ULL << shift);
			if (*entry)
				free_tree(at(*entry), shift - 9);
			*entry = 0;
			continue;
		}
		next = min(end, ALIGN(gpa + 1, SZ_2M));
		memset(entry, 0, (next - gpa) / PAGE_SIZE * sizeof(*entry));
	}
	return 0;
}

/* A large leaf becomes a table. */
static void split(struct limit *limit, u64 *entry)
{
	u64 *table = take_page(limit);

	fill(table, ENTRIES, *entry & ~LARGE, PAGE_SIZE);
	*entry = link(table);
}

static __always_inline int limit_protect(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct limit *limit = table;
	const u64 end = gpa + size;
	u64 next;

	for (; gpa < end; gpa = next) {
		u64 *parent = entry_of(way(limit, gpa, PAGE_SHIFT + 9), gpa, PAGE_SHIFT + 9);
		u64 *entry;

		if (*parent & LARGE)
			split(limit, parent);
		entry = entry_of(at(*parent), gpa, PAGE_SHIFT);
		next = min(end, ALIGN(gpa + 1, SZ_2M));
		if (limit->live)
			take_write_live(entry, (next - gpa) / PAGE_SIZE);
		else
			take_write(entry, (next - gpa) / PAGE_SIZE);
	}
	return 0;
}

static bool contiguous(const u64 *table)
{
	u64 differ = 0;

#pragma GCC unroll 8
	for (unsigned int i = 1; i < ENTRIES; i++)
		differ |= (table[i] ^ (table[0] + i * PAGE_SIZE)) & ~(ACCESSED | DIRTY);
	return !differ;
}

static __always_inline int limit_merge(void *table, u64 gpa, u64 hpa, u64 size)
{
	for (const u64 end = gpa + size; gpa < end; gpa += SZ_2M) {
		u64 *entry = entry_of(way(table, gpa, PAGE_SHIFT + 9), gpa, PAGE_SHIFT + 9);
		u64 *small = at(*entry);

		if (!contiguous(small))
			continue;
		*entry = small[0] | LARGE;
		free_page((unsigned long)small);
	}
	return 0;
}

static __always_inline int limit_harvest(void *table, u64 gpa, u64 hpa, u64 size)
{
	u8 *bits = (u8 *)bench_bitmap;

	for (const u64 end = gpa + size; gpa < end; gpa += SZ_2M, bits += ENTRIES / 8)
		harvest(way(table, gpa, PAGE_SHIFT), bits);
	return 0;
}

static __always_inline int limit_pair(void *table, u64 gpa, u64 hpa, u64 size)
{
	u64 *entry = entry_of(way(table, gpa, PAGE_SHIFT), gpa, PAGE_SHIFT);

	WRITE_ONCE(*entry, 0);
	entry = entry_of(way(table, gpa, PAGE_SHIFT), gpa, PAGE_SHIFT);
	WRITE_ONCE(*entry, hpa | LEAF);
	return 0;
}

static __always_inline u64 limit_lookup(void *table, u64 gpa)
{
	struct limit *limit = table;
	u64 *entries = limit->root;

#pragma GCC unroll 4
	for (unsigned int shift = ROOT_SHIFT; shift >= PAGE_SHIFT; shift -= 9) {
		const u64 entry = *entry_of(entries, gpa, shift);

		if (!(entry & RIGHT_READ))
			break;
		if (shift == PAGE_SHIFT || entry & LARGE)
			return (entry & ADDRESS) + (gpa & (BIT_ULL(shift) - 1));
		entries = at(entry);
	}
	return 0;
}

static const struct bench_engine limit_engine = {
	.name = "limit",
	.create = limit_create,
	.destroy = limit_destroy,
	.lookup = limit_lookup,
	.root = limit_root,
	.call = {
		[BENCH_MAP] = limit_map,
		[BENCH_UNMAP] = limit_unmap,
		[BENCH_PROTECT] = limit_protect,
		[BENCH_MERGE] = limit_merge,
		[BENCH_HARVEST] = limit_harvest,
		[BENCH_PAIR] = limit_pair,
	},
};

static int limit_run(void *table, struct bench_step *step)
{
	return bench_run(&limit_engine, table, step);
}

const struct bench_contender bench_limit = { &limit_engine, limit_run };
