// SPDX-License-Identifier: GPL-2.0
/*
 * The model MMU itself, on tables made by hand: what the architecture says in words, as literal
 * entries and results. Whoever doubts a verdict of another suite begins here.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/io.h>

#include "model_mmu.h"

/* A path of five entries, one a level; the leaf is at the level where a case puts one. */
struct tables {
	struct mmu	mmu;
	u64		*table[MMU_LEVELS];	/* by level of the entries in it */
	u64		eptp;			/* 4 levels, write-back, no accessed and dirty */
};

#define GPA	0x0000123456789000ULL		/* no index is 0, none is that of another level */
#define RWX	7ULL
#define WB	0x30ULL

static u64 *slot(struct tables *t, unsigned int level)
{
	return &t->table[level][(GPA >> mmu_level_shift(level)) & (MMU_ENTRIES - 1)];
}

static int model_init(struct kunit *test)
{
	struct tables *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int level;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->mmu = (struct mmu){
		.maxphyaddr = 46, .walk_4 = true, .walk_5 = true, .tables_wb = true,
		.tables_uc = true, .leaf_2m = true, .leaf_1g = true, .accessed_dirty = true,
	};
	for (level = 0; level < MMU_LEVELS; level++) {
		t->table[level] = (u64 *)get_zeroed_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, t->table[level]);
		if (level)
			*slot(t, level) = virt_to_phys(t->table[level - 1]) | RWX;
	}
	*slot(t, 0) = 0xabcde000 | RWX | WB;
	t->eptp = virt_to_phys(t->table[3]) | 0x1e;
	return 0;
}

static void model_exit(struct kunit *test)
{
	struct tables *t = test->priv;
	unsigned int level;

	for (level = 0; t && level < MMU_LEVELS; level++)
		free_page((unsigned long)t->table[level]);
}

static const struct mmu_access reading = { .read = true };
static const struct mmu_access writing = { .write = true };
static const struct mmu_access fetching = { .fetch = true };
static const struct mmu_access user_fetching = { .fetch = true, .user = true };
static const struct mmu_access walking = { .read = true, .page_walk = true };

static enum mmu_verdict look(struct tables *t, const struct mmu_access *access,
			     struct mmu_result *result)
{
	mmu_look(&t->mmu, t->eptp, GPA + 0x123, access, result);
	return result->verdict;
}

static void leaves_of_each_level_translate(struct kunit *test)
{
	static const u64 leaves[] = { 0xabcde037, 0xabc000b7, 0x800000f7 };
	struct tables *t = test->priv;
	struct mmu_result r;
	unsigned int level;

	for (level = 0; level < ARRAY_SIZE(leaves); level++) {
		u64 offset = (GPA + 0x123) & (BIT_ULL(mmu_level_shift(level)) - 1);

		*slot(t, level) = leaves[level];
		KUNIT_EXPECT_EQ(test, look(t, &reading, &r), MMU_OK);
		KUNIT_EXPECT_EQ(test, r.hpa, (leaves[level] & ~0xfffULL) + offset);
		KUNIT_EXPECT_EQ(test, r.level, level);
		KUNIT_EXPECT_EQ(test, r.memtype, 6);
		KUNIT_EXPECT_EQ(test, r.ipat, level == 2);
	}
}

static void five_levels_walk_one_more(struct kunit *test)
{
	struct tables *t = test->priv;
	struct mmu_result r;

	t->eptp = virt_to_phys(t->table[4]) | 0x26;
	KUNIT_EXPECT_EQ(test, look(t, &reading, &r), MMU_OK);
	KUNIT_EXPECT_EQ(test, r.hpa, 0xabcde123);
	*slot(t, 4) = 0;
	KUNIT_EXPECT_EQ(test, look(t, &reading, &r), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, r.level, 4);
}

/* Rights are what all levels grant. */
static void rights_are_the_and_of_all_levels(struct kunit *test)
{
	struct tables *t = test->priv;
	struct mmu_result r;
	unsigned int level;

	for (level = 0; level < 4; level++) {
		u64 whole = *slot(t, level);

		*slot(t, level) = whole & ~2ULL;
		KUNIT_EXPECT_EQ(test, look(t, &reading, &r), MMU_OK);
		KUNIT_EXPECT_EQ(test, look(t, &fetching, &r), MMU_OK);
		KUNIT_EXPECT_EQ(test, look(t, &writing, &r), MMU_VIOLATION);
		KUNIT_EXPECT_EQ(test, r.level, 0);
		/* A write; the entries allow read and execute; a linear address, final. */
		KUNIT_EXPECT_EQ(test, r.qualification, 0x1aa);
		*slot(t, level) = whole;
	}
}

static void absent_entry_ends_the_walk(struct kunit *test)
{
	struct tables *t = test->priv;
	struct mmu_result r;
	unsigned int level;

	for (level = 0; level < 4; level++) {
		u64 whole = *slot(t, level);

		/* Below, all is misconfigured; nobody gets there. */
		if (level)
			*slot(t, 0) = 2;
		*slot(t, level) = whole & ~RWX;
		KUNIT_EXPECT_EQ(test, look(t, &reading, &r), MMU_VIOLATION);
		KUNIT_EXPECT_EQ(test, r.level, level);
		KUNIT_EXPECT_EQ(test, r.qualification, 0x181);
		*slot(t, level) = whole;
	}
}

/* Permissions count at the end only: what is misconfigured below a read-only table is found. */
static void misconfiguration_wins_over_missing_rights(struct kunit *test)
{
	struct tables *t = test->priv;
	struct mmu_result r;

	*slot(t, 3) &= ~2ULL;
	*slot(t, 0) = 0xabcde000 | RWX | 0x10;
	KUNIT_EXPECT_EQ(test, look(t, &writing, &r), MMU_MISCONFIGURED);
	KUNIT_EXPECT_EQ(test, r.level, 0);
	KUNIT_EXPECT_EQ(test, r.reason, MMU_MEMORY_TYPE);
	*slot(t, 2) |= 8;
	KUNIT_EXPECT_EQ(test, look(t, &writing, &r), MMU_MISCONFIGURED);
	KUNIT_EXPECT_EQ(test, r.level, 2);
	KUNIT_EXPECT_EQ(test, r.reason, MMU_RESERVED);
}

static void fetches_ask_for_the_bit_of_their_mode(struct kunit *test)
{
	struct tables *t = test->priv;
	struct mmu_result r;
	unsigned int level;

	*slot(t, 0) = 0xabcde000 | 5 | WB;
	KUNIT_EXPECT_EQ(test, look(t, &user_fetching, &r), MMU_OK);
	t->mmu.mode_exec = true;
	for (level = 1; level < 4; level++)
		*slot(t, level) |= 0x400;
	KUNIT_EXPECT_EQ(test, look(t, &fetching, &r), MMU_OK);
	KUNIT_EXPECT_EQ(test, look(t, &user_fetching, &r), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, r.qualification, 0x1ac);
	*slot(t, 0) = 0xabcde000 | 0x401 | WB;
	KUNIT_EXPECT_EQ(test, look(t, &user_fetching, &r), MMU_OK);
	KUNIT_EXPECT_EQ(test, look(t, &fetching, &r), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, r.qualification, 0x1cc);
	/* Bit 10 of every level counts. */
	*slot(t, 3) &= ~0x400ULL;
	KUNIT_EXPECT_EQ(test, look(t, &user_fetching, &r), MMU_VIOLATION);
}

static void guest_page_walks_are_writes_with_dirty_flags(struct kunit *test)
{
	struct tables *t = test->priv;
	struct mmu_result r;

	*slot(t, 0) = 0xabcde000 | 1 | WB;
	KUNIT_EXPECT_EQ(test, look(t, &walking, &r), MMU_OK);
	t->eptp |= 0x40;
	KUNIT_EXPECT_EQ(test, look(t, &walking, &r), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, r.qualification, 0x8b);
}

static void accessed_and_dirty_are_set_on_the_way(struct kunit *test)
{
	struct tables *t = test->priv;
	struct mmu_result r;
	unsigned int level;

	mmu_access(&t->mmu, t->eptp, GPA, &writing, &r);
	for (level = 0; level < 4; level++)
		KUNIT_EXPECT_EQ(test, *slot(t, level) & 0x300, 0);
	t->eptp |= 0x40;
	mmu_look(&t->mmu, t->eptp, GPA, &writing, &r);
	KUNIT_EXPECT_EQ(test, *slot(t, 0) & 0x300, 0);
	mmu_access(&t->mmu, t->eptp, GPA, &reading, &r);
	for (level = 0; level < 4; level++)
		KUNIT_EXPECT_EQ(test, *slot(t, level) & 0x300, 0x100);
	mmu_access(&t->mmu, t->eptp, GPA, &writing, &r);
	KUNIT_EXPECT_EQ(test, *slot(t, 0) & 0x300, 0x300);
	KUNIT_EXPECT_EQ(test, *slot(t, 1) & 0x300, 0x100);
}

/* Bit 60 of the leaf, and writable down to it: the leaf itself need not be. */
static void supervisor_shadow_stacks_are_marked_pages(struct kunit *test)
{
	static const struct mmu_access pushing = { .write = true, .shadow = true };
	struct tables *t = test->priv;
	struct mmu_result r;

	*slot(t, 0) = 0xabcde000 | 1 | WB | BIT_ULL(60);
	KUNIT_EXPECT_EQ(test, look(t, &pushing, &r), MMU_VIOLATION);
	t->mmu.shadow_stack = true;
	t->eptp |= 0x80;
	KUNIT_EXPECT_EQ(test, look(t, &pushing, &r), MMU_OK);
	KUNIT_EXPECT_EQ(test, look(t, &writing, &r), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, r.qualification, 0x418a);
	*slot(t, 2) &= ~2ULL;
	KUNIT_EXPECT_EQ(test, look(t, &pushing, &r), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, r.qualification, 0x618a);
	*slot(t, 2) |= 2;
	*slot(t, 0) = 0xabcde000 | 7 | WB;
	KUNIT_EXPECT_EQ(test, look(t, &pushing, &r), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, r.qualification, 0x21ba);
}

/* Where the walk stops decides, be the entry present or not. */
static void suppress_ve_counts_where_the_walk_stops(struct kunit *test)
{
	struct tables *t = test->priv;
	struct mmu_result r;

	*slot(t, 0) = BIT_ULL(63);
	look(t, &reading, &r);
	KUNIT_EXPECT_FALSE(test, r.convertible);	/* the control is off */
	t->mmu.ve = true;
	look(t, &reading, &r);
	KUNIT_EXPECT_FALSE(test, r.convertible);
	*slot(t, 0) = 0;
	look(t, &reading, &r);
	KUNIT_EXPECT_TRUE(test, r.convertible);
	*slot(t, 1) |= BIT_ULL(63);			/* not where it stops */
	look(t, &reading, &r);
	KUNIT_EXPECT_TRUE(test, r.convertible);
	*slot(t, 2) = BIT_ULL(63);
	look(t, &reading, &r);
	KUNIT_EXPECT_FALSE(test, r.convertible);
}

/* Of a root at 0x12345000, beside the bits below it. */
static void pointers_are_judged_as_vm_entry_does(struct kunit *test)
{
	static const struct { u64 eptp; bool valid; } pointers[] = {
		{ 0x1234501e, true },		/* 4 levels, write-back */
		{ 0x1234505e, true },		/* accessed and dirty */
		{ 0x12345026, true },		/* 5 levels */
		{ 0x12345066, true },
		{ 0x12345018, true },		/* uncached */
		{ 0x1234501d, false },		/* write-protected */
		{ 0x12345019, false },
		{ 0x12345016, false },		/* 3 levels */
		{ 0x1234502e, false },		/* 6 levels */
		{ 0x1234509e, false },		/* shadow stacks, which the CPU lacks */
		{ 0x1234511e, false },		/* bits 11:8 */
		{ 0x1234581e, false },
		{ 0x20001234501e, true },	/* bit 45 */
		{ 0x40001234501e, false },	/* bit 46 */
		{ 0x800000001234501e, false },
	};
	struct tables *t = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pointers); i++)
		KUNIT_EXPECT_EQ_MSG(test, mmu_pointer_valid(&t->mmu, pointers[i].eptp),
				    pointers[i].valid, "%#llx", pointers[i].eptp);
	t->mmu.accessed_dirty = false;
	KUNIT_EXPECT_FALSE(test, mmu_pointer_valid(&t->mmu, 0x1234505e));
	t->mmu.walk_5 = false;
	KUNIT_EXPECT_FALSE(test, mmu_pointer_valid(&t->mmu, 0x12345026));
	t->mmu.shadow_stack = true;
	KUNIT_EXPECT_TRUE(test, mmu_pointer_valid(&t->mmu, 0x1234509e));
}

struct seen { unsigned int nr, leaves, tables; u64 last; };

static int count_entries(const struct mmu_entry *entry, void *arg)
{
	struct seen *seen = arg;

	seen->nr++;
	seen->leaves += entry->kind == MMU_LEAF;
	seen->tables += entry->kind == MMU_TABLE;
	if (entry->kind == MMU_LEAF)
		seen->last = entry->gpa;
	return 0;
}

static void scans_visit_every_entry_once(struct kunit *test)
{
	struct tables *t = test->priv;
	struct seen seen = { };

	KUNIT_EXPECT_EQ(test, mmu_scan(&t->mmu, t->eptp, count_entries, &seen), 0);
	KUNIT_EXPECT_EQ(test, seen.nr, 4 * 512);
	KUNIT_EXPECT_EQ(test, seen.leaves, 1);
	KUNIT_EXPECT_EQ(test, seen.tables, 3);
	KUNIT_EXPECT_EQ(test, seen.last, GPA & (BIT_ULL(48) - 1));
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(leaves_of_each_level_translate),
	KUNIT_CASE(five_levels_walk_one_more),
	KUNIT_CASE(rights_are_the_and_of_all_levels),
	KUNIT_CASE(absent_entry_ends_the_walk),
	KUNIT_CASE(misconfiguration_wins_over_missing_rights),
	KUNIT_CASE(fetches_ask_for_the_bit_of_their_mode),
	KUNIT_CASE(guest_page_walks_are_writes_with_dirty_flags),
	KUNIT_CASE(accessed_and_dirty_are_set_on_the_way),
	KUNIT_CASE(supervisor_shadow_stacks_are_marked_pages),
	KUNIT_CASE(suppress_ve_counts_where_the_walk_stops),
	KUNIT_CASE(pointers_are_judged_as_vm_entry_does),
	KUNIT_CASE(scans_visit_every_entry_once),
	{}
};

static struct kunit_suite model_suite = {
	.name = "ept_model",
	.init = model_init,
	.exit = model_exit,
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);
