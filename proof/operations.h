/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What proofs of operations share: a small table in any state, what a CPU finds in it, and what has
 * to hold after an operation.
 */
#ifndef _PROOF_OPERATIONS_H
#define _PROOF_OPERATIONS_H

#include "hardware.h"
#include "proof.h"
#include "memory.h"

#include "../ept_pte.c"
#include "../ept_table.c"
#include "../ept_walk.c"
#include "../ept_flush.c"
#include "../ept_op.c"

#define ENTRIES		EPT_ENTRIES
/* The guest's pages, all below one entry of level DEPTH */
#define PAGES		(1 << (EPT_INDEX_BITS * DEPTH))
#define HOST		0x4000000000ULL			/* where in the host the guest's begin */
#define FLAGS		(3ULL << 8)

/* What a page is like; at first, one of KINDS, of which the second is elsewhere in the host. */
static const struct ept_attrs kinds[] = {
	{ .prot = 7, .memtype = EPT_MT_WB, .tag = 3 },
	{ .prot = 1, .memtype = EPT_MT_WB, .tag = 3 },
	{ .prot = 0, .memtype = EPT_MT_UC },
};

static const unsigned char start_kinds[] = { KINDS };

/* What there is at an address */
struct found {
	u64		entry;	/* a leaf, or what isn't one */
	enum ept_level	level;
	bool		mapped;
	u64		hpa;	/* of the address's page */
};

static struct ept ept = { .cpus = { [PROOF_CPUS - 1] = {} } };
static struct ept_gather gather;
static struct found before[PAGES];
static unsigned int invalidations;

static void invalidate_all(struct ept *table, void *cookie)
{
	invalidations++;
}

#ifndef PROOF_THREADS
int ept_invept_context(u64 eptp)
{
	return 0;
}

int ept_invept_global(void)
{
	return 0;
}
#endif

static struct cpu cpu_of_ept(void)
{
	return (struct cpu){
		.width = 40, .leaf_2m = true, .leaf_1g = true, .ad = true,
	};
}

/* A CPU's way to an address, in tables as small as these. A leaf without rights counts, too. */
static struct found find(unsigned int page)
{
	struct found found = { .level = PML4E };
	u64 *table = ept.root, offset;

	for (;;) {
		found.entry = table[page >> EPT_INDEX_BITS * found.level & (ENTRIES - 1)];
		if (!(found.entry & 7) || cpu_leaf(found.entry, found.level))
			break;
		table = phys_to_virt(cpu_page(found.entry));
		found.level--;
	}
	offset = (u64)(page & ((1 << EPT_INDEX_BITS * found.level) - 1)) << 12;
	if (found.entry & 7)
		found.hpa = cpu_page(found.entry) + offset;
	else if (bit(found.entry, 11))
		found.hpa = ept_pte_leaf_address(&ept.fmt, found.entry) + offset;
	found.mapped = found.hpa;
	return found;
}

static struct ept_attrs attrs_of(const struct found *found)
{
	return ept_attrs_from_bits(found->entry);
}

static u64 *new_table(struct ept_pool *pool, enum ept_level level, u64 gpa)
{
	u64 *table = ept_pool_take(pool, level, gpa);

	ept_table_clear(table, ept.fmt.hole);
	return table;
}

/* Any tree: of each entry, one of the kinds, a table that isn't empty, or a hole. */
static void any_entries(struct ept_pool *pool, u64 *table, enum ept_level level, u64 gpa)
{
	const u64 size = ept_level_size(level);

	for (unsigned int i = 0; i < ENTRIES && gpa < PAGES << PAGE_SHIFT; i++, gpa += size) {
		const unsigned int nr_leaves = level <= EPT_1G ? ARRAY_SIZE(start_kinds) : 0;
		const unsigned int what = any_up_to(nr_leaves + (level > EPT_4K));

		if (what < nr_leaves) {
			const struct ept_attrs *attrs = &kinds[start_kinds[what]];
			const u64 attr_bits = ept_attrs_to_bits(&ept.fmt, attrs);
			const u64 hpa = HOST + gpa + (what ? 0x100000000ULL : 0);

			table[i] = ept_pte_leaf(&ept.fmt, hpa, level, attr_bits);
			if (!what)
				table[i] |= FLAGS;
		} else if (what > nr_leaves) {
			u64 *below = new_table(pool, level - 1, gpa);

			any_entries(pool, below, level - 1, gpa);
			assume(ept_table_live(below));
			table[i] = ept_pte_table(&ept.fmt, virt_to_phys(below));
		} else {
			continue;
		}
		ept_table_add_live(table, 1);
	}
}

/* A table in any state */
static void any_start(void)
{
	static const struct ept_ops ops = { .invalidate = invalidate_all };
	const struct ept_config config = {
		.levels = 4, .max_leaf = EPT_1G, .maxphyaddr = 40, .features = EPT_FEATURE_AD,
	};
	struct ept_pool pool = {};

	memory_reset(PROOF_PAGES);
	ept.cpus[0] = (struct ept_cpu){};
	ept = (struct ept){ .config.ops = &ops };
	atomic64_set(&ept.generation, 1);
	INIT_LIST_HEAD(&ept.unfolded);
	ept_format_init(&ept.fmt, &config);
	ept_store_init(&ept.store, 0, config.maxphyaddr);
	prove(!ept_pool_fill(&pool, &ept.store, TABLES), "there is memory at first");
	ept.root = new_table(&pool, EPT_512G, 0);
	any_entries(&pool, ept.root, EPT_512G, 0);
	ept_pool_drain(&pool, &ept.store);
	memcpy(memory_linked, memory_taken, sizeof(memory_linked));
	invalidations = 0;
	ept_gather_init(&gather, &ept);
	for (unsigned int page = 0; page < PAGES; page++)
		before[page] = find(page);
}

/* Address bits that a large leaf has only where tables are as small as these */
static u64 small_bits(u64 entry, enum ept_level level)
{
	if (level == EPT_4K || !cpu_leaf(entry, level))
		return 0;
	return ((1ULL << (12 + 9 * level)) - 1) & ~(ept_level_size(level) - 1);
}

/* What holds of each tree. Returns how many tables it has. */
static unsigned int check_tree(u64 *table, enum ept_level level, u64 gpa)
{
	const struct cpu cpu = cpu_of_ept();
	unsigned int live = 0, tables = 1;

	prove(memory_taken[page_to_pfn(virt_to_page(table)) - PROOF_PFN], "no table is free");
	for (unsigned int i = 0; i < ENTRIES; i++, gpa += ept_level_size(level)) {
		prove(!cpu_misconfigured(&cpu, table[i] & ~small_bits(table[i], level), level),
		      "no entry is misconfigured");
		prove(gpa < PAGES << PAGE_SHIFT || table[i] == ept.fmt.hole, "nothing beyond");
		live += table[i] != ept.fmt.hole;
		if (table[i] & 7 && !cpu_leaf(table[i], level))
			tables += check_tree(phys_to_virt(cpu_page(table[i])), level - 1, gpa);
	}
	prove(live == ept_table_live(table), "live entries are counted");
	prove(live || level == EPT_512G, "no table is empty");
	return tables;
}

/* Whether a CPU may go on to use what was there, at the cost of a difference */
static bool stale(const struct found *was, const struct found *is)
{
	const struct cpu cpu = cpu_of_ept();

	if (!cpu_present(&cpu, was->entry))
		return false;
	return !is->mapped || was->hpa != is->hpa || was->level != is->level ||
	       cpu_needs_invept(&cpu, was->entry & ~(0xfffffffffULL << 12),
				is->entry & ~(0xfffffffffULL << 12));
}

/* Whether no invalidation covers all changes */
static bool flush_is_owed(void)
{
	return (u64)ept.flushed.counter < ept.changes;
}

static void check_unchanged(void)
{
	for (unsigned int page = 0; page < PAGES; page++) {
		const struct found now = find(page);

		prove(now.entry == before[page].entry && now.level == before[page].level,
		      "an error changes nothing");
	}
	prove(check_tree(ept.root, EPT_512G, 0) == memory_in_use(), "no table leaks in an error");
	prove(!ept.changes && !gather.dead && !gather.merged && !invalidations, "no flush is owed");
}

/*
 * Calls @operation with no memory, then with more and more, until it has what it takes. Returns 0
 * or another error.
 */
static int with_memory(int (*operation)(void))
{
	int err = -ENOMEM;
	u32 give;

	for (give = 0; err == -ENOMEM; give++) {
		prove(give <= TABLES, "there is an end to what it takes");
		memory_freed = 0;
		memory_left = give;
		/* Some of what it takes is waited for, and planned again. */
		memory_scarce = give & 1;
		err = operation();
		prove(!ept.lock.readers && !ept.lock.writers && !ept.cpus[0].mapping,
		      "the lock is free again");
		if (err < 0)
			check_unchanged();
	}
	/* As it failed with less, this is exactly what it takes. */
	prove(err < 0 || (!memory_left && !memory_freed), "as many tables as planned are taken");
	return err;
}

/* What holds after each operation that succeeded: before its gather is flushed, and after */
static void check_done(void)
{
	const unsigned int tables = check_tree(ept.root, EPT_512G, 0);

	for (unsigned int page = 0; page < PAGES; page++) {
		const struct found now = find(page);

		prove(implies(stale(&before[page], &now), flush_is_owed() || invalidations),
		      "a flush is owed where a CPU may use what was");
	}
	prove(!memory_nr_waiting || invalidations, "nothing is freed before the flush");
	prove(implies(gather.dead || gather.merged, flush_is_owed()), "unlinked tables owe a flush");
	ept_gather_flush(&gather);
	prove(!flush_is_owed() && list_empty(&ept.unfolded), "nothing is owed after it");
	memory_grace_period();
	prove(tables == memory_in_use(), "no table leaks");
}

#endif /* _PROOF_OPERATIONS_H */
