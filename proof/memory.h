/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages for tables, PROOF_PAGES of them, and who has them. Of a page, a table has the first
 * entries; the one behind them is watched.
 */
#ifndef _PROOF_MEMORY_H
#define _PROOF_MEMORY_H

#include "ept_pte.h"

#define MEMORY_GUARD	0xdeaddeaddeaddeadULL

static u64 memory[PROOF_PAGES][512] __aligned(PAGE_SIZE);
static struct page memory_structs[PROOF_PAGES];
static bool memory_taken[PROOF_PAGES];
static bool memory_linked[PROOF_PAGES];	/* not to be freed but by a grace period */
static struct rcu_head *memory_waiting[PROOF_PAGES];
static void (*memory_function)(struct rcu_head *head);
static unsigned int memory_nr_waiting;
static unsigned int memory_freed;	/* how often */
static unsigned int memory_left;	/* how many allocations succeed from now on */
static bool memory_scarce;		/* of those that may wait alone */

struct page *pfn_to_page(unsigned long pfn)
{
	prove(pfn - PROOF_PFN < PROOF_PAGES, "a page is one that there is");
	return &memory_structs[pfn - PROOF_PFN];
}

unsigned long page_to_pfn(const struct page *page)
{
	return PROOF_PFN + (page - memory_structs);
}

bool pfn_valid(unsigned long pfn)
{
	return pfn - PROOF_PFN < PROOF_PAGES;
}

static unsigned int memory_in_use(void)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < PROOF_PAGES; i++)
		nr += memory_taken[i];
	return nr;
}

/* As at the start of a path: nothing is allocated, and @left pages may be. */
static void memory_reset(unsigned int left)
{
	for (unsigned int i = 0; i < PROOF_PAGES; i++) {
		memory_taken[i] = false;
		memory_linked[i] = false;
		memory[i][EPT_ENTRIES] = MEMORY_GUARD;
	}
	memory_left = left;
	memory_scarce = false;
	memory_freed = 0;
	memory_nr_waiting = 0;
}

static struct page *memory_take(void)
{
	for (unsigned int i = 0; i < PROOF_PAGES && memory_left; i++) {
		if (memory_taken[i])
			continue;
		memory_taken[i] = true;
		memory_left--;
		/* Whatever was in it before */
		for (unsigned int j = 0; j < EPT_ENTRIES; j++)
			memory[i][j] = ~0ULL;
		return &memory_structs[i];
	}
	return NULL;
}

void __free_page(struct page *page)
{
	const unsigned int i = page - memory_structs;

	prove(memory_taken[i], "no page is freed twice");
	prove(memory[i][EPT_ENTRIES] == MEMORY_GUARD, "nothing is written behind a table");
	prove(!memory_linked[i], "what was linked is freed by a grace period alone");
	memory_taken[i] = false;
	memory_freed++;
}

void call_rcu(struct rcu_head *head, void (*function)(struct rcu_head *head))
{
	prove(memory_nr_waiting < PROOF_PAGES, "no page is freed twice");
	memory_waiting[memory_nr_waiting++] = head;
	memory_function = function;
	/* It is call_rcu()'s until then. */
	head->next = NULL;
	head->func = NULL;
}

static void memory_grace_period(void)
{
	memset(memory_linked, 0, sizeof(memory_linked));
	for (unsigned int i = 0; i < memory_nr_waiting; i++)
		memory_function(memory_waiting[i]);
	memory_nr_waiting = 0;
}

unsigned long alloc_pages_bulk_node(gfp_t gfp, int nid, unsigned long nr, struct page **pages)
{
	unsigned long got = 0;

	if (memory_scarce && !gfpflags_allow_blocking(gfp))
		return 0;
	while (got < nr && (pages[got] = memory_take()))
		got++;
	return got;
}

#endif /* _PROOF_MEMORY_H */
