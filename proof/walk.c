// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs about the walker, in small tables: DEPTH levels of them, of 2^EPT_INDEX_BITS entries each,
 * below the root's first entry.
 */
#include "proof.h"
#include "memory.h"
#include "../ept_walk.c"
#include "../ept_pte.c"

#define ENTRIES		EPT_ENTRIES
#define PAGES		(1 << (EPT_INDEX_BITS * DEPTH))
#define STOP		(-ENOMEM)

static u64 spare[EPT_MAX_LEVELS][ENTRIES];	/* private tables, by level */
static unsigned int first_table[EPT_MAX_LEVELS];

/* Tables have a page each, whether they are linked or not: the root, the one below it, ... */
static u64 *table_of(enum ept_level level, u64 gpa)
{
	return memory[first_table[level] + (gpa >> ept_level_shift(level + 1))];
}

static void place_tables(void)
{
	unsigned int nr = 1;

	first_table[EPT_512G] = 0;
	for (int level = EPT_1G; level >= EPT_4K; level--) {
		first_table[level] = nr;
		nr += max(PAGES >> EPT_INDEX_BITS * (level + 1), 1);
	}
	assume(nr <= PROOF_PAGES);
}

/* Any tree, of which [gpa, end) may be looked at; of entries without a table, any is a hole. */
static void any_tree(const struct ept_format *fmt, enum ept_level level, u64 gpa, u64 start,
		     u64 end)
{
	const u64 size = ept_level_size(level);
	u64 *entry = table_of(level, gpa);

	for (unsigned int i = 0; i < ENTRIES; i++, entry++, gpa += size) {
		*entry = fmt->hole;
		if (level == EPT_4K || gpa + size <= start || gpa >= end)
			continue;
		/* Above what the proof is about, all is there. */
		if (level >= DEPTH || any_bool()) {
			*entry = ept_pte_table(fmt, virt_to_phys(table_of(level - 1, gpa)));
			any_tree(fmt, level - 1, gpa, start, end);
		}
	}
}

/* What is known of a walk, from outside */
static struct ept_walk walk;
static u64 cursor;			/* what lies before was visited */
static bool privately[EPT_MAX_LEVELS], blankly[EPT_MAX_LEVELS];	/* by the level of the entries */
static bool stopped;

/* The table that an address's entry of @level is looked for in */
static u64 *expected_table(enum ept_level level, u64 gpa)
{
	return privately[level] ? spare[level] : table_of(level, gpa);
}

static void expect_entry(const struct ept_run *run, u64 gpa)
{
	prove(!stopped, "nothing is visited after an error");
	prove(gpa == cursor, "the range is visited in order, without a gap");
	prove(run->gpa == round_down(gpa, ept_level_size(run->level)), "it begins where it does");
	prove(run->entry == expected_table(run->level, gpa) + ept_index(gpa, run->level),
	      "the entry is the address's");
	prove(run->private == privately[run->level] && run->blank == blankly[run->level],
	      "the table is what it was opened as");
}

/* What a visitor may do with an entry: leave it, open what it links, or open another table */
static bool any_opening(const struct ept_run *run, const u64 *entry)
{
	const enum ept_level below = run->level - 1;

	if (run->level == EPT_4K || any_bool())
		return false;
	if (!run->blank && ept_pte_is_table(*entry, run->level)) {
		ept_walk_open(&walk, run, *entry);
	} else {
		privately[below] = true;
		blankly[below] = any_bool();
		ept_walk_open_private(&walk, spare[below], blankly[below]);
	}
	return true;
}

static int visit_covered(struct ept_walk *at, const struct ept_run *run)
{
	const u64 size = ept_level_size(run->level), end = run->gpa + run->nr * size;

	expect_entry(run, run->gpa);
	prove(run->nr >= 1 && end <= walk.end, "a run is covered");
	prove(ept_index(run->gpa, run->level) + run->nr <= ENTRIES, "and in one table");
	prove(end == round_up(end, ept_level_size(run->level + 1)) || walk.end - end < size ||
	      run->nr == 1, "a run is as long as it can be");
	if (any_bool()) {
		stopped = true;
		return STOP;
	}
	for (unsigned int i = 0; i < run->nr; i++) {
		if (any_opening(run, run->entry + i))
			return i;
		cursor += size;
	}
	return run->nr;
}

static int visit_straddling(struct ept_walk *at, const struct ept_run *run)
{
	const u64 size = ept_level_size(run->level);

	expect_entry(run, max(walk.gpa, run->gpa));
	prove(run->nr == 1 && (walk.gpa > run->gpa || walk.end - run->gpa < size),
	      "an edge is cut by the range's end");
	prove(run->blank || !ept_pte_is_table(*run->entry, run->level),
	      "what an edge links is opened, not visited");
	if (any_bool()) {
		stopped = true;
		return STOP;
	}
	if (!any_opening(run, run->entry))
		cursor = min(run->gpa + size, walk.end);
	return 0;
}

static void visit_back(struct ept_walk *at, const struct ept_run *run, u64 *table)
{
	prove(!stopped, "nothing is closed after an error");
	if (cursor == walk.end && run->level > walk.top_level)
		return;
	prove(table == expected_table(run->level - 1, run->gpa), "what was opened is closed");
	prove(cursor == min(run->gpa + ept_level_size(run->level), walk.end),
	      "a table is closed when it was visited");
	prove(run->nr == 1 && run->entry == expected_table(run->level, run->gpa) +
	      ept_index(run->gpa, run->level), "and its entry is named");
	privately[run->level - 1] = false;
	blankly[run->level - 1] = false;
}

static const struct ept_visitor visitor = {
	.run = visit_covered,
	.edge = visit_straddling,
	.close = visit_back,
};

static struct ept_format small_format(void)
{
	const struct ept_config config = {
		.levels = 4, .max_leaf = EPT_1G, .maxphyaddr = 40, .features = EPT_FEATURE_AD,
	};
	struct ept_format fmt;

	ept_format_init(&fmt, &config);
	return fmt;
}

static void walk_any(void)
{
	const struct ept_format fmt = small_format();
	const u64 first = any_up_to(PAGES - 1), last = first + any_up_to(PAGES - 1 - first);
	int err;

	place_tables();
	memset(privately, 0, sizeof(privately));
	memset(blankly, 0, sizeof(blankly));
	stopped = false;
	walk = (struct ept_walk){
		.fmt = &fmt,
		.root = memory[0],
		.gpa = first << PAGE_SHIFT,
		.end = (last + 1) << PAGE_SHIFT,
	};
	any_tree(&fmt, EPT_512G, 0, walk.gpa, walk.end);
	cursor = walk.gpa;
	ept_walk_begin(&walk);
	err = ept_walk_pass(&walk, &visitor);
	prove(err == (stopped ? STOP : 0), "an error is the visitor's");
	prove(stopped || cursor == walk.end, "all of the range is visited");
}

/*
 * PROOF walk_tiles_wide
 * Runs and straddlers tile each range exactly and in order, whatever is linked and opened: of each
 * tree of 2 levels with 4 entries a table
 * EXHAUST -DEPT_INDEX_BITS=2 -DDEPTH=2 -DPROOF_PAGES=7
 * FAULT ept_walk.c s/ && end - gpa >= size) {/) {/
 */
void walk_tiles_wide(void)
{
	walk_any();
}

/*
 * PROOF walk_tiles_deep
 * The same, of each tree of 3 levels with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DPROOF_PAGES=8
 * FAULT ept_walk.c s/run->gpa = [*]gpa;/run->gpa += ept_level_size(run->level);/
 * LONG
 */
void walk_tiles_deep(void)
{
	walk_any();
}

/*
 * PROOF walk_counts
 * The number of tables that a walk says it takes is the number that there is to make: for each
 * range in the 64 pages of 3 levels with 4 entries a table, and each size of leaf
 * EXHAUST -DEPT_INDEX_BITS=2 -DDEPTH=3
 * FAULT ept_walk.c s/ || IS_ALIGNED(gpa, ept_level_size(level)))/)/
 * FAULT ept_walk.c s/tables += last - first + 1;/tables += last - first;/
 */
void walk_counts(void)
{
	const u64 first = any_up_to(PAGES - 1), last = first + any_up_to(PAGES - 1 - first);
	const u64 gpa = first << PAGE_SHIFT, end = (last + 1) << PAGE_SHIFT;
	const enum ept_level level = any_up_to(DEPTH), leaf = any_up_to(EPT_1G);
	unsigned int tables = 0;

	for (enum ept_level at = EPT_2M; at <= level; at++) {
		const u64 size = ept_level_size(at);

		for (u64 entry = 0; entry < PAGES << PAGE_SHIFT; entry += size) {
			const bool touched = entry < end && entry + size > gpa;
			const bool covered = entry >= gpa && entry + size <= end;

			tables += touched && !(covered && at <= leaf);
		}
	}
	prove(ept_walk_tables(gpa, end, level, leaf) == tables, "as many as there are");
}
