// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of tables. See ept_table.h.
 *
 * Pages are chained through page->lru.next while they are spare, reserved or dead. The memory of a
 * dead table isn't written: a CPU or a reader may still look at it.
 */
#include <linux/llist.h>
#include <linux/mmzone.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "ept_compat.h"
#include "ept_table.h"

/* How many pages to ask the system for at once */
#define BULK	64

/* A request for too much is the caller's to know of: neither the log's nor the OOM killer's. */
#define GFP_TABLE	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* Waits for nothing. */
#define GFP_AT_ONCE	(GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN | __GFP_NOMEMALLOC)

/* How many tables are asked for while a table's lock is held */
#define AT_ONCE	BULK

/* Table pages of all tables: linked, spare, reserved, and waiting to be freed */
static atomic_long_t table_pages = ATOMIC_LONG_INIT(0);

static struct page *next_page(const struct page *page)
{
	return (struct page *)page->lru.next;
}

static void push_page(struct page **list, struct page *page)
{
	page->lru.next = (struct list_head *)*list;
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
}

static void free_page_accounted(struct page *page)
{
	account(page, -1);
	set_page_private(page, 0);
	__free_page(page);
	atomic_long_dec(&table_pages);
}

static void free_list(struct page *list)
{
	while (list)
		free_page_accounted(pop_page(&list));
}

/*
 * Takes back the @nr last pages of @list: a CPU of the table's MAXPHYADDR, which may be less than
 * this machine's, doesn't reach all of them. From now on pages come from a zone that each CPU
 * reaches, as no MAXPHYADDR is less than 32 bits.
 */
static noinline int drop_unreachable(struct ept_store *store, struct page **list, unsigned long nr)
{
	while (nr--)
		free_page_accounted(pop_page(list));
	if (!IS_ENABLED(CONFIG_ZONE_DMA32))
		return -ENOMEM;
	WRITE_ONCE(store->gfp, GFP_TABLE | GFP_DMA32);
	return 0;
}

/* Pushes @nr pages onto @list; -ENOMEM: some of them. */
static int alloc_list(struct ept_store *store, gfp_t gfp, struct page **list, unsigned long nr)
{
	struct page *pages[BULK] __uninitialized;

	if (nr > totalram_pages())
		return -ENOMEM;
	while (nr) {
		const unsigned long want = min_t(unsigned long, nr, BULK);
		unsigned long got, pfns = 0;

		/* It fills what is NULL, and may stop early, but not before the first. */
		memset(pages, 0, want * sizeof(*pages));
		got = alloc_pages_bulk_node(gfp, store->nid, want, pages);
		if (!got)
			return -ENOMEM;
		atomic_long_add(got, &table_pages);
		for (unsigned long i = 0; i < got; i++) {
			account(pages[i], 1);
			push_page(list, pages[i]);
			pfns |= page_to_pfn(pages[i]);
		}
		if (likely(!(pfns & store->unreachable)))
			nr -= got;
		else if (drop_unreachable(store, list, got))
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

/*
 * The reserve
 */

void ept_store_init(struct ept_store *store, int nid, unsigned int maxphyaddr)
{
	*store = (struct ept_store){
		.nid = nid,
		.gfp = GFP_TABLE,
		.unreachable = ~0UL << (maxphyaddr - PAGE_SHIFT),
	};
	raw_spin_lock_init(&store->lock);
}

void ept_store_destroy(struct ept_store *store)
{
	free_list(store->reserve);
}

/* Tops the reserve up to @nr tables, or leaves it as it is. */
int ept_store_reserve(struct ept_store *store, unsigned long nr)
{
	unsigned long have = READ_ONCE(store->nr_reserve);
	struct page *more = NULL;
	unsigned long flags;
	int err = 0;

	if (nr > have)
		err = alloc_list(store, READ_ONCE(store->gfp), &more, nr - have);
	if (!err) {
		raw_spin_lock_irqsave(&store->lock, flags);
		while (more && store->nr_reserve < nr) {
			push_page(&store->reserve, pop_page(&more));
			WRITE_ONCE(store->nr_reserve, store->nr_reserve + 1);
		}
		raw_spin_unlock_irqrestore(&store->lock, flags);
	}
	free_list(more);
	return err;
}

/* Moves pages from the reserve to the pool until this has @nr, as far as they go. */
static void draw_from_reserve(struct ept_pool *pool, struct ept_store *store, unsigned long nr)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&store->lock, flags);
	while (pool->nr < nr && store->nr_reserve) {
		push_page(&pool->first, pop_page(&store->reserve));
		WRITE_ONCE(store->nr_reserve, store->nr_reserve - 1);
		pool->reserved++;
		pool->nr++;
	}
	raw_spin_unlock_irqrestore(&store->lock, flags);
}

static void return_to_reserve(struct ept_pool *pool, struct ept_store *store)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&store->lock, flags);
	while (pool->first && pool->reserved) {
		push_page(&store->reserve, pop_page(&pool->first));
		WRITE_ONCE(store->nr_reserve, store->nr_reserve + 1);
		pool->reserved--;
	}
	raw_spin_unlock_irqrestore(&store->lock, flags);
}

/*
 * An operation's tables
 */

/* Tops the pool up to @nr tables. On an error, too, ept_pool_drain() gives back what is there. */
int ept_pool_fill(struct ept_pool *pool, struct ept_store *store, unsigned long nr)
{
	int err;

	if (READ_ONCE(store->nr_reserve))
		draw_from_reserve(pool, store, nr);
	if (pool->nr >= nr)
		return 0;
	if (store->atomic)
		return -ENOMEM;
	err = alloc_list(store, READ_ONCE(store->gfp), &pool->first, nr - pool->nr);
	if (!err)
		pool->nr = nr;
	return err;
}

/* The same as far as nothing has to be waited for. Returns whether they are all there. */
bool ept_pool_fill_at_once(struct ept_pool *pool, struct ept_store *store, unsigned long nr)
{
	unsigned long missing;
	int err;

	if (pool->nr >= nr)
		return true;
	if (store->atomic) {
		draw_from_reserve(pool, store, nr);
		return pool->nr >= nr;
	}
	missing = nr - pool->nr;
	if (missing > AT_ONCE)
		return false;
	err = alloc_list(store, GFP_AT_ONCE, &pool->first, missing);
	if (!err)
		pool->nr = nr;
	return !err;
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
	if (pool->reserved)
		return_to_reserve(pool, store);
	free_list(pool->first);
	*pool = (struct ept_pool){};
}

/*
 * The end of a table
 */

static void free_tree(u64 *table, enum ept_level level)
{
	if (level > EPT_4K) {
		for (unsigned int i = 0; i < EPT_ENTRIES; i++)
			if (ept_pte_is_table(table[i], level))
				free_tree(ept_table_at(table[i]), level - 1);
		cond_resched();
	}
	free_page_accounted(virt_to_page(table));
}

/* Frees a table, and all tables below it, which nobody can reach. */
void ept_table_free_tree(u64 *table)
{
	free_tree(table, ept_table_level(table));
}

/* Trees whose grace period is over, and that are too large to free in a softirq */
static LLIST_HEAD(dead_trees);

static void free_dead_trees(struct work_struct *work)
{
	struct llist_node *node = llist_del_all(&dead_trees);

	while (node) {
		struct page *page = container_of((struct list_head *)node, struct page, lru);

		node = node->next;
		ept_table_free_tree(page_address(page));
	}
}

static DECLARE_WORK(free_work, free_dead_trees);

static void grace_period_over(struct rcu_head *head)
{
	struct page *page = container_of(head, struct page, rcu_head);

	if (ept_table_level(page_address(page)) == EPT_4K) {
		free_page_accounted(page);
		return;
	}
	llist_add((struct llist_node *)&page->lru, &dead_trees);
	queue_work(system_dfl_wq, &free_work);
}

/* Puts an unlinked table, with all tables below it, on a list of dead ones. */
void ept_table_retire(struct page **dead, u64 *table)
{
	push_page(dead, virt_to_page(table));
}

/* Adds the tables of one list to another. */
void ept_table_splice_retired(struct page **dead, struct page *more)
{
	while (more)
		push_page(dead, pop_page(&more));
}

struct page *ept_table_next_retired(const struct page *dead)
{
	return next_page(dead);
}

/* Frees dead tables when no reader can be in them any more. No CPU is: the caller invalidated. */
void ept_table_free_retired(struct page *dead)
{
	while (dead) {
		struct page *page = pop_page(&dead);

		call_rcu(&page->rcu_head, grace_period_over);
	}
}

/* Whether a table entry of @level at @gpa, whoever wrote it, points to the table made for it. */
bool ept_table_is_valid(u64 entry, enum ept_level level, u64 gpa)
{
	const phys_addr_t address = ept_pte_table_address(entry);

	return pfn_valid(PHYS_PFN(address)) &&
	       (page_private(pfn_to_page(PHYS_PFN(address))) & ~EPT_TABLE_LIVE) ==
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
