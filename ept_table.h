/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages of tables: allocate, reserve, count their live entries, account for them, free them after
 * RCU. The only code that touches the struct page of a table. Knows entries, but no walks and no
 * operations.
 *
 * The live count of a table is the number of its entries that are not holes. A table's page keeps a
 * reference count of 1.
 */
#ifndef _EPT_TABLE_H
#define _EPT_TABLE_H

#include <linux/atomic.h>
#include <linux/io.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "ept_pte.h"

/**
 * struct ept_store - where the tables of one struct ept come from
 * @nid: their NUMA node
 * @unreachable: bits that no page frame number of theirs has, by MAXPHYADDR
 * @atomic: take from the reserve alone
 * @lock: excludes those who draw on the reserve from each other, a batch at a time; raw, as they
 *	may be in any context. Not taken for an atomic table, whose client excludes them: one may be
 *	an exit handler that came amid ept_reserve()
 * @reserve: tables set aside
 * @nr_reserve: their number
 */
struct ept_store {
	int			nid;
	unsigned long		unreachable;
	bool			atomic;
	raw_spinlock_t		lock;	/* excludes consumers of the reserve */
	struct llist_head	reserve;
	atomic_long_t		nr_reserve;
};

/**
 * struct ept_pool - tables for one operation: all are there before it changes anything
 * @first: the pages, their contents undefined
 * @nr: their number
 * @reserved: how many came from the reserve, to which spare ones return
 */
struct ept_pool {
	struct page	*first;
	unsigned long	nr;
	unsigned long	reserved;
};

void ept_store_init(struct ept_store *store, int nid, unsigned int maxphyaddr);
void ept_store_destroy(struct ept_store *store);
/* For the suites: NULL, or called amid the filling of a reserve, for each table */
typedef void (*ept_store_fn)(void);
#ifdef EPT_KUNIT_HOOKS
extern ept_store_fn ept_store_filling;
#endif

int ept_store_reserve(struct ept_store *store, unsigned long nr);

int ept_pool_fill(struct ept_pool *pool, struct ept_store *store, unsigned long nr);
bool ept_pool_fill_at_once(struct ept_pool *pool, struct ept_store *store, unsigned long nr);
u64 *ept_pool_take(struct ept_pool *pool, enum ept_level level, u64 gpa);
void ept_pool_put(struct ept_pool *pool, u64 *table);
void ept_pool_drain(struct ept_pool *pool, struct ept_store *store);

void ept_table_free_tree(u64 *table);
void ept_table_retire(struct page **dead, u64 *table);
void ept_table_join_retired(struct page **dead, struct page *more);
struct page *ept_table_next_retired(const struct page *dead);
void ept_table_defer_retired(struct llist_head *lists, struct page *dead);
struct page *ept_table_collect_retired(struct llist_head *lists);
void ept_table_free_retired(struct page *dead);
bool ept_table_is_valid(u64 entry, enum ept_level level, u64 gpa);
unsigned long ept_table_pages(void);
void ept_table_drain(void);

static inline u64 *ept_table_at(u64 entry)
{
	return phys_to_virt(ept_pte_table_address(entry));
}

/* Where the CPU finds an entry, or a table by its first entry */
static inline phys_addr_t ept_table_phys(const u64 *entry)
{
	return virt_to_phys((void *)entry);
}

/*
 * page->private of a table: the live count, the level of its entries, the gpa that its first entry
 * maps, and a mark that makes it like no pointer. All but the count is right until the page is
 * freed, also for a reader who is in a dead table: there, page->lru belongs to RCU.
 */
#define EPT_TABLE_LIVE		GENMASK(EPT_INDEX_BITS + 6, 0)
#define EPT_TABLE_LEVEL		GENMASK(EPT_INDEX_BITS + 9, EPT_INDEX_BITS + 7)
#define EPT_TABLE_GPA		GENMASK(56, EPT_INDEX_BITS + 12)
#define EPT_TABLE_MARK		(0x2aUL << 57)

/*
 * Tables are in the direct map. virt_to_page(), which asks where @entry is, takes three
 * instructions more, of the 180 of a map or an unmap of a page.
 */
static inline struct page *ept_table_page(const u64 *entry)
{
	return pfn_to_page(PHYS_PFN((unsigned long)entry - PAGE_OFFSET));
}

static inline atomic_long_t *ept_table_state(const u64 *entry)
{
	return (atomic_long_t *)&ept_table_page(entry)->private;
}

static inline enum ept_level ept_table_level(const u64 *entry)
{
	return FIELD_GET(EPT_TABLE_LEVEL, atomic_long_read(ept_table_state(entry)));
}

static inline u64 ept_table_gpa(const u64 *entry)
{
	return atomic_long_read(ept_table_state(entry)) & EPT_TABLE_GPA;
}

/* @entry is any of the table's, here and below. */
static inline unsigned int ept_table_live(const u64 *entry)
{
	return FIELD_GET(EPT_TABLE_LIVE, atomic_long_read(ept_table_state(entry)));
}

/* With all other changes of the table excluded. Returns the new count. */
static inline unsigned int ept_table_add_live(const u64 *entry, int nr)
{
	atomic_long_t *state = ept_table_state(entry);
	const unsigned long new = atomic_long_read(state) + nr;

	atomic_long_set(state, new);
	return FIELD_GET(EPT_TABLE_LIVE, new);
}

/* In parallel with itself */
static inline void ept_table_inc_live(const u64 *entry)
{
	atomic_long_inc(ept_table_state(entry));
}

/* Makes all entries of an unlinked table holes. */
static inline void ept_table_clear(u64 *table, u64 hole)
{
	if (hole)
		memset64(table, hole, EPT_ENTRIES);
	else
		clear_page(table);
}

/*
 * Runs of entries, at the speed of memory: a few instructions an entry, in registers.
 */

/*
 * Plain accesses, of which this is relied on. Loads: no other software writes these entries. A CPU
 * may set accessed or dirty in what is only read here, and then either value will do, of each bit
 * for itself; it sets nothing in what is changed. So a load may be torn or made twice. Stores:
 * CPUs and readers look on, so that each has to be of a whole entry. "&=" and "|=" of an aligned
 * u64 with a variable are one instruction on x86, or a load and one store: compilers split stores
 * of constants alone. READ_ONCE() and WRITE_ONCE() would make two instructions more of each. All
 * other stores are WRITE_ONCE().
 */
#define EPT_UNSHARED(access)	data_race(access)

/*
 * Eight entries at a time, a cache line of them, then the rest one by one: in a long run a test and
 * a jump for each entry would cost as much as the work, in a short one so would the way into an
 * unrolled loop. Runs end at an address where they are looked at or filled, and at a count where
 * they are changed: for short ones each takes less there.
 */
#define EPT_STRIDE	8

/* The bits that any entry of a run has */
static inline u64 ept_entries_any(const u64 *entry, unsigned int nr)
{
	const u64 *const strides = entry + round_down(nr, EPT_STRIDE), *const end = entry + nr;
	u64 any = 0;

	for (; entry != strides; entry += EPT_STRIDE) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < EPT_STRIDE; i++)
			any |= EPT_UNSHARED(entry[i]);
	}
	for (; entry != end; entry++)
		any |= EPT_UNSHARED(*entry);
	return any;
}

/* The same, and the bits that all entries have */
static inline u64 ept_entries_any_all(const u64 *entry, unsigned int nr, u64 *all)
{
	const u64 *const strides = entry + round_down(nr, EPT_STRIDE), *const end = entry + nr;
	u64 any = 0, every = ~0ULL;

	for (; entry != strides; entry += EPT_STRIDE) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < EPT_STRIDE; i++) {
			any |= EPT_UNSHARED(entry[i]);
			every &= EPT_UNSHARED(entry[i]);
		}
	}
	for (; entry != end; entry++) {
		any |= EPT_UNSHARED(*entry);
		every &= EPT_UNSHARED(*entry);
	}
	*all = every;
	return any;
}

/* Stores @nr entries, each @step more than the one before. */
static inline void ept_entries_fill(u64 *entry, unsigned int nr, u64 value, u64 step)
{
	const u64 *const strides = entry + round_down(nr, EPT_STRIDE), *const end = entry + nr;

	for (; entry != strides; entry += EPT_STRIDE) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < EPT_STRIDE; i++, value += step)
			WRITE_ONCE(entry[i], value);
	}
	for (; entry != end; entry++, value += step)
		WRITE_ONCE(*entry, value);
}

static inline void ept_entries_clear(u64 *entry, unsigned int nr, u64 clear)
{
	for (; nr >= EPT_STRIDE; nr -= EPT_STRIDE, entry += EPT_STRIDE) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < EPT_STRIDE; i++)
			EPT_UNSHARED(entry[i] &= ~clear);
	}
	for (; nr; nr--, entry++)
		EPT_UNSHARED(*entry &= ~clear);
}

static inline void ept_entries_set(u64 *entry, unsigned int nr, u64 set)
{
	for (; nr >= EPT_STRIDE; nr -= EPT_STRIDE, entry += EPT_STRIDE) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < EPT_STRIDE; i++)
			EPT_UNSHARED(entry[i] |= set);
	}
	for (; nr; nr--, entry++)
		EPT_UNSHARED(*entry |= set);
}

static inline void ept_entries_replace(u64 *entry, unsigned int nr, u64 clear, u64 set)
{
	for (; nr >= EPT_STRIDE; nr -= EPT_STRIDE, entry += EPT_STRIDE) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < EPT_STRIDE; i++)
			WRITE_ONCE(entry[i], (EPT_UNSHARED(entry[i]) & ~clear) | set);
	}
	for (; nr; nr--, entry++)
		WRITE_ONCE(*entry, (EPT_UNSHARED(*entry) & ~clear) | set);
}

/*
 * Takes and gives bits of @nr entries; set wins. Taking alone is one instruction an entry, which
 * reads and writes it whole, and so is giving alone; otherwise a store is, so that nothing in
 * between shows.
 */
static inline void ept_entries_change(u64 *entry, unsigned int nr, u64 clear, u64 set)
{
	if (!set)
		ept_entries_clear(entry, nr, clear);
	else if (!(clear & ~set))
		ept_entries_set(entry, nr, set);
	else
		ept_entries_replace(entry, nr, clear, set);
}

/* The same where a CPU may set accessed or dirty meanwhile, of which none is lost */
static inline void ept_entries_change_atomic(u64 *entry, unsigned int nr, u64 clear, u64 set)
{
	for (; !set && nr >= EPT_STRIDE; nr -= EPT_STRIDE, entry += EPT_STRIDE) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < EPT_STRIDE; i++)
			atomic64_and(~clear, (atomic64_t *)&entry[i]);
	}
	for (; nr; nr--, entry++) {
		u64 old = READ_ONCE(*entry);

		while (!try_cmpxchg64(entry, &old, (old & ~clear) | set))
			;
	}
}

#endif /* _EPT_TABLE_H */
