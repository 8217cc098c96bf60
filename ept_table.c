// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of tables. See ept_table.h.
 *
 * Lists of pages, spare, reserved or dead, are chained through folio->index: page->private still
 * says to a reader what a dead table was, and page->lru is for RCU and for the lists of lists. The
 * memory of a dead table isn't written, but that accessed and dirty are taken: a CPU or a reader
 * may still look at it.
 */
#include <linux/llist.h>
#include <linux/minmax.h>
#include <linux/mmzone.h>
#include <linux/oom.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "ept_compat.h"
#include "ept_table.h"

/* How many pages are asked for, freed, or moved with interrupts off, before others get a turn */
#define BATCH	64UL

/* A request for too much is the caller's to know of: neither the log's nor the OOM killer's. */
#define GFP_TABLE	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* Neither waits for reclaim nor takes what is kept for reclaim to make progress. */
#define GFP_TABLE_NOWAIT	(GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN | __GFP_NOMEMALLOC)

/* Table pages of all tables: linked, spare, reserved, and waiting to be freed */
static atomic_long_t table_pages = ATOMIC_LONG_INIT(0);

/* The page is no part of a larger folio, so it is the folio. */
static struct page *next_page(const struct page *page)
{
	return (struct page *)((const struct folio *)page)->index;
}

static void set_next_page(struct page *page, struct page *next)
{
	((struct folio *)page)->index = (pgoff_t)next;
}

static void push_page(struct page **list, struct page *page)
{
	set_next_page(page, *list);
	*list = page;
}

static struct page *pop_page(struct page **list)
{
	struct page *page = *list;

	*list = next_page(page);
	return page;
}

/*
 * The system's side
 */

static void account(struct page *page, int nr)
{
	mod_lruvec_page_state(page, NR_SECONDARY_PAGETABLE, nr);
	atomic_long_add(nr, &table_pages);
}

static void free_page_accounted(struct page *page)
{
	account(page, -1);
	set_page_private(page, 0);
	__free_page(page);
}

/* Frees the first @nr pages of a list. */
static void free_pages_of(struct page **list, unsigned long nr)
{
	for (unsigned long i = 1; i <= nr; i++) {
		free_page_accounted(pop_page(list));
		if (i % BATCH == 0)
			cond_resched();
	}
}

/*
 * How to ask for tables: who may not wait is what reclaim called, by a notifier or a shrinker, or
 * whom reclaim waits for. The latter says so by memalloc_noreclaim_save(); reclaim itself does.
 */
static gfp_t table_gfp(void)
{
	if (current->flags & PF_MEMALLOC ||
	    !gfpflags_allow_blocking(current_gfp_context(GFP_TABLE)))
		return GFP_TABLE_NOWAIT;
	return GFP_TABLE;
}

/*
 * A CPU of the table's MAXPHYADDR, which may be less than this machine's, doesn't reach all of
 * these pages. For those it gets others, from a zone that each CPU reaches, as no MAXPHYADDR is
 * less than 32 bits; there is little of it, so the next request tries its luck with all memory
 * again. Returns how many pages there are now.
 */
static noinline unsigned long replace_unreachable(const struct ept_store *store, gfp_t gfp,
						  struct page **pages, unsigned long nr)
{
	unsigned long good = 0;

	for (unsigned long i = 0; i < nr; i++) {
		struct page *page = pages[i];

		if (page_to_pfn(page) & store->unreachable) {
			__free_page(page);
			page = IS_ENABLED(CONFIG_ZONE_DMA32) ?
			       alloc_pages_node(store->nid, gfp | GFP_DMA32, 0) : NULL;
		}
		if (page)
			pages[good++] = page;
	}
	return good;
}

/* Adds some pages to the pool, @nr at most. Returns how many. */
static unsigned long alloc_some(struct ept_pool *pool, const struct ept_store *store,
				unsigned long nr, gfp_t gfp)
{
	struct page *pages[BATCH] __uninitialized;
	unsigned long got, pfns = 0;

	nr = min(nr, BATCH);
	/* It fills what is NULL, and may stop early, but not before the first. */
	memset(pages, 0, nr * sizeof(*pages));
	got = alloc_pages_bulk_node(gfp, store->nid, nr, pages);
	for (unsigned long i = 0; i < got; i++)
		pfns |= page_to_pfn(pages[i]);
	if (unlikely(pfns & store->unreachable))
		got = replace_unreachable(store, gfp, pages, got);
	for (unsigned long i = 0; i < got; i++) {
		account(pages[i], 1);
		push_page(&pool->first, pages[i]);
	}
	pool->nr += got;
	return got;
}

/*
 * A request that other processes may notice: it isn't begun where it cannot end well, and if the
 * system runs out of memory meanwhile, it is this process that the OOM killer takes, and not a
 * bystander. What needs a few tables goes on in a process that is being killed, as it may be part
 * of its end.
 */
static int alloc_many(struct ept_pool *pool, const struct ept_store *store, unsigned long nr,
		      gfp_t gfp)
{
	const bool mark = !oom_task_origin(current);
	unsigned long got;

	if (nr > si_mem_available())
		return -ENOMEM;
	if (mark)
		set_current_oom_origin();
	do {
		got = fatal_signal_pending(current) ? 0 : alloc_some(pool, store, nr, gfp);
		nr -= got;
		cond_resched();
	} while (got && nr);
	if (mark)
		clear_current_oom_origin();
	return nr ? -ENOMEM : 0;
}

/* Adds @nr pages to the pool; -ENOMEM: some of them. */
static int alloc_tables(struct ept_pool *pool, const struct ept_store *store, unsigned long nr,
			gfp_t gfp)
{
	if (nr > BATCH)
		return alloc_many(pool, store, nr, gfp);
	while (nr) {
		const unsigned long got = alloc_some(pool, store, nr, gfp);

		if (!got)
			return -ENOMEM;
		nr -= got;
		cond_resched();
	}
	return 0;
}

/*
 * The reserve
 *
 * Pages move between it and a pool by the batch, and in between interrupts are on.
 */

void ept_store_init(struct ept_store *store, int nid, unsigned int maxphyaddr)
{
	*store = (struct ept_store){
		.nid = nid,
		.unreachable = ~0UL << (maxphyaddr - PAGE_SHIFT),
	};
	raw_spin_lock_init(&store->lock);
}

static struct page *take_reserved(struct ept_store *store)
{
	struct llist_node *node = llist_del_first(&store->reserve);

	if (!node)
		return NULL;
	atomic_long_dec(&store->nr_reserve);
	return container_of((struct list_head *)node, struct page, lru);
}

void ept_store_destroy(struct ept_store *store)
{
	struct page *page;

	while ((page = take_reserved(store))) {
		free_page_accounted(page);
		cond_resched();
	}
}

/* Moves some pages from the reserve to the pool, which is to have @nr. False: that is all. */
static bool draw_some(struct ept_pool *pool, struct ept_store *store, unsigned long nr)
{
	for (unsigned long i = 0; i < BATCH; i++) {
		struct page *page = pool->nr < nr ? take_reserved(store) : NULL;

		if (!page)
			return false;
		push_page(&pool->first, page);
		pool->reserved++;
		pool->nr++;
	}
	return true;
}

/* The same as far as there are any */
static void draw_from_reserve(struct ept_pool *pool, struct ept_store *store, unsigned long nr)
{
	unsigned long flags;
	bool more;

	/* Its client lets one at a time in here. */
	if (store->atomic) {
		while (draw_some(pool, store, nr))
			;
		return;
	}
	do {
		raw_spin_lock_irqsave(&store->lock, flags);
		more = draw_some(pool, store, nr);
		raw_spin_unlock_irqrestore(&store->lock, flags);
		cond_resched();
	} while (more);
}

#ifdef EPT_KUNIT_HOOKS
ept_store_fn ept_store_filling;
EXPORT_SYMBOL_IF_KUNIT(ept_store_filling);
#else
static const ept_store_fn ept_store_filling;
#endif

/* Moves pages from the pool to the reserve until that has @nr, as far as they go. */
static void give_to_reserve(struct ept_pool *pool, struct ept_store *store, unsigned long nr)
{
	for (; pool->nr && atomic_long_read(&store->nr_reserve) < (long)nr; pool->nr--) {
		/* Counted first: who takes it at once finds no less than there is. */
		atomic_long_inc(&store->nr_reserve);
		if (ept_store_filling)
			ept_store_filling();
		llist_add((struct llist_node *)&pop_page(&pool->first)->lru, &store->reserve);
	}
}

/* Tops the reserve up to @nr tables, or leaves it as it is. */
int ept_store_reserve(struct ept_store *store, unsigned long nr)
{
	const unsigned long have = atomic_long_read(&store->nr_reserve);
	struct ept_pool more = {};
	int err = 0;

	if (nr > have)
		err = alloc_tables(&more, store, nr - have, table_gfp());
	if (!err)
		for (unsigned long some = have; some < nr; cond_resched()) {
			some = min(some + BATCH, nr);
			give_to_reserve(&more, store, some);
		}
	free_pages_of(&more.first, more.nr);
	return err;
}

/*
 * An operation's tables
 */

/*
 * For a pool that is short: who may not wait for reclaim, as @gfp says, has the reserve first.
 * Returns whether the pool has @nr now.
 */
static bool fill_from_reserve(struct ept_pool *pool, struct ept_store *store, unsigned long nr,
			      gfp_t gfp)
{
	if (store->atomic || gfp == GFP_TABLE_NOWAIT)
		draw_from_reserve(pool, store, nr);
	return pool->nr >= nr;
}

/*
 * Tops the pool up to @nr tables: from the reserve where the system would have the caller wait,
 * which it may not. On an error, too, ept_pool_drain() gives back what is there.
 */
int ept_pool_fill(struct ept_pool *pool, struct ept_store *store, unsigned long nr)
{
	gfp_t gfp;

	if (pool->nr >= nr)
		return 0;
	gfp = table_gfp();
	if (fill_from_reserve(pool, store, nr, gfp))
		return 0;
	if (store->atomic)
		return -ENOMEM;
	return alloc_tables(pool, store, nr - pool->nr, gfp);
}

/* The same as far as nothing has to be waited for. Returns whether they are all there. */
bool ept_pool_fill_at_once(struct ept_pool *pool, struct ept_store *store, unsigned long nr)
{
	if (pool->nr >= nr || fill_from_reserve(pool, store, nr, table_gfp()))
		return true;
	if (store->atomic || nr - pool->nr > BATCH)
		return false;
	/* What is accounted to a memory cgroup comes page by page. */
	while (pool->nr < nr && alloc_some(pool, store, nr - pool->nr, GFP_TABLE_NOWAIT))
		;
	return pool->nr >= nr;
}

/* What is in page->private of a table of entries of @level that @gpa is in, but for live entries */
static unsigned long table_state(enum ept_level level, u64 gpa)
{
	return EPT_TABLE_MARK | round_down(gpa, ept_level_size(level + 1)) |
	       FIELD_PREP(EPT_TABLE_LEVEL, level);
}

/*
 * A table with undefined contents and no live entries, for what begins at @gpa rounded down to what
 * it spans. The pool has one.
 */
u64 *ept_pool_take(struct ept_pool *pool, enum ept_level level, u64 gpa)
{
	struct page *page = pop_page(&pool->first);

	pool->nr--;
	set_page_private(page, table_state(level, gpa));
	return page_address(page);
}

/* Takes back a table that was never linked. */
void ept_pool_put(struct ept_pool *pool, u64 *table)
{
	push_page(&pool->first, virt_to_page(table));
	pool->nr++;
}

/* Gives back what the operation didn't need. */
void ept_pool_drain(struct ept_pool *pool, struct ept_store *store)
{
	if (!pool->first)
		return;
	if (pool->nr > pool->reserved) {
		free_pages_of(&pool->first, pool->nr - pool->reserved);
		pool->nr = pool->reserved;
	}
	if (pool->nr)
		give_to_reserve(pool, store, LONG_MAX);
	*pool = (struct ept_pool){};
}

/*
 * The end of a table
 */

/*
 * Looks no further than the last entry that isn't a hole: of a small table one of 512 may be. Nor,
 * where somebody else wrote to the table, beyond its end.
 */
static void free_tree(u64 *table, enum ept_level level)
{
	if (level > EPT_4K) {
		unsigned int left = ept_table_live(table);

		for (u64 *entry = table; left && entry < table + EPT_ENTRIES; entry++) {
			if (ept_pte_is_hole(*entry))
				continue;
			left--;
			if (ept_pte_is_table(*entry, level))
				free_tree(ept_table_at(*entry), level - 1);
		}
		cond_resched();
	}
	free_page_accounted(virt_to_page(table));
}

/* Frees a table, and all tables below it, which nobody can reach. */
void ept_table_free_tree(u64 *table)
{
	free_tree(table, ept_table_level(table));
}

/*
 * Dead tables are chained in the order of their retirement, newest first. The first one's
 * page->lru.prev is the last one, so that two lists become one without a walk.
 */

static struct page *last_page(const struct page *dead)
{
	return (struct page *)dead->lru.prev;
}

static void set_last_page(struct page *dead, struct page *last)
{
	dead->lru.prev = (struct list_head *)last;
}

/* Puts an unlinked table, with all tables below it, on a list of dead ones. */
void ept_table_retire(struct page **dead, u64 *table)
{
	struct page *page = virt_to_page(table);

	set_last_page(page, *dead ? last_page(*dead) : page);
	push_page(dead, page);
}
EXPORT_SYMBOL_IF_KUNIT(ept_table_retire);

/* Adds a list of dead tables to another one: a few instructions, however long they are. */
void ept_table_join_retired(struct page **dead, struct page *more)
{
	if (!more)
		return;
	set_next_page(last_page(more), *dead);
	if (*dead)
		set_last_page(more, last_page(*dead));
	*dead = more;
}
EXPORT_SYMBOL_IF_KUNIT(ept_table_join_retired);

struct page *ept_table_next_retired(const struct page *dead)
{
	return next_page(dead);
}
EXPORT_SYMBOL_IF_KUNIT(ept_table_next_retired);

/* A list in a list of lists is its first page, whose page->lru.next is the link. */

static struct llist_node *page_to_llist(struct page *page)
{
	return (struct llist_node *)&page->lru;
}

static struct page *llist_to_page(struct llist_node *node)
{
	return container_of((struct list_head *)node, struct page, lru);
}

/* Leaves a list of dead tables to whoever collects them. Both in any context, without a lock. */
void ept_table_defer_retired(struct llist_head *lists, struct page *dead)
{
	if (dead)
		llist_add(page_to_llist(dead), lists);
}

struct page *ept_table_collect_retired(struct llist_head *lists)
{
	struct llist_node *node = llist_del_all(lists);
	struct page *dead = NULL;

	while (node) {
		struct page *page = llist_to_page(node);

		node = node->next;
		ept_table_join_retired(&dead, page);
	}
	return dead;
}

/* Lists of tables whose grace period is over, and that are too many to free in a softirq */
static LLIST_HEAD(late_lists);

static void free_late_lists(struct work_struct *work)
{
	struct llist_node *node = llist_del_all(&late_lists);

	while (node) {
		struct page *page = llist_to_page(node);

		node = node->next;
		while (page) {
			ept_table_free_tree(page_address(pop_page(&page)));
			cond_resched();
		}
	}
}

static DECLARE_WORK(free_work, free_late_lists);

/* Whether freeing a dead table is one page's work: it has no tables below. */
static bool is_alone(const struct page *page)
{
	const u64 *table = page_address(page);

	return ept_table_level(table) == EPT_4K || !ept_table_live(table);
}

/* How many are freed in a softirq */
#define SOON	16

static void grace_period_over(struct rcu_head *head)
{
	struct page *page = container_of(head, struct page, rcu_head);

	for (unsigned int i = 0; page && i < SOON && is_alone(page); i++)
		free_page_accounted(pop_page(&page));
	if (!page)
		return;
	llist_add(page_to_llist(page), &late_lists);
	queue_work(system_dfl_wq, &free_work);
}

/*
 * Frees dead tables when no reader can be in them any more. No CPU is: the caller invalidated. One
 * callback, whatever their number.
 */
void ept_table_free_retired(struct page *dead)
{
	if (dead)
		call_rcu(&dead->rcu_head, grace_period_over);
}

/* Whether a table entry of @level at @gpa, whoever wrote it, points to the table made for it. */
bool ept_table_is_valid(u64 entry, enum ept_level level, u64 gpa)
{
	const phys_addr_t address = ept_pte_table_address(entry);

	return pfn_valid(PHYS_PFN(address)) &&
	       (READ_ONCE(pfn_to_page(PHYS_PFN(address))->private) & ~EPT_TABLE_LIVE) ==
	       table_state(level - 1, gpa);
}

unsigned long ept_table_pages(void)
{
	return atomic_long_read(&table_pages);
}
EXPORT_SYMBOL_IF_KUNIT(ept_table_pages);

/* Returns when all tables that were retired and freed before the call are back at the system. */
void ept_table_drain(void)
{
	rcu_barrier();
	flush_work(&free_work);
}
EXPORT_SYMBOL_IF_KUNIT(ept_table_drain);
