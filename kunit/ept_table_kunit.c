// SPDX-License-Identifier: GPL-2.0
/*
 * Where the pages of tables come from: whom the reserve is for, which memory it is, what ends a
 * large request. And how dead tables are kept together.
 */
#include <kunit/test.h>
#include <linux/debug_locks.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "ept_priv.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static u64 reserved(struct fixture *fixture)
{
	struct ept_stats stats;

	ept_get_stats(fixture->ept, &stats);
	return stats.reserved;
}

/*
 * The reserve
 */

#define RESERVE	16

/* Each kind that takes tables, in a process that may wait for reclaim. */
static void the_reserve_is_left_to_who_may_not_wait(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);

	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, RESERVE), 0);
	must_map(fixture, base, base, 2 * fixture->unit, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_512G, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	must_protect(fixture, base + SZ_64K, SZ_4K, EPT_PROT_WRITE, 0);
	must_unmap(fixture, base + fixture->unit + SZ_64K, SZ_8K);
	KUNIT_EXPECT_EQ(test, reserved(fixture), RESERVE);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void who_may_not_wait_draws_on_the_reserve(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int scope;
	u64 pages;

	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, RESERVE), 0);
	pages = table_pages();
	scope = memalloc_noreclaim_save();
	must_map(fixture, SZ_512G, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, reserved(fixture), RESERVE - (fixture->config.levels - 1));
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	/* Two tables, by a plan */
	must_map(fixture, SZ_512G + SZ_1G - SZ_4K, SZ_4K, SZ_8K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, reserved(fixture), RESERVE - (fixture->config.levels + 2));
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	memalloc_noreclaim_restore(scope);
}

/* Far more than moves at a time */
static void a_large_reserve_is_drawn_on_at_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u64 size = 200ULL * SZ_2M;
	u64 tables, pages;

	fixture_make_atomic(fixture);
	tables = ept_tables_for(fixture->ept, SZ_512G, size, EPT_4K);
	KUNIT_EXPECT_GT(test, tables, 200);
	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, tables - 1), 0);
	pages = table_pages();
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_512G, SZ_4K, size, &EPT_ATTRS_RAM), -ENOMEM);
	KUNIT_EXPECT_EQ(test, reserved(fixture), tables - 1);
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, tables + 5), 0);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_512G, SZ_4K, size, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 5);
	KUNIT_EXPECT_EQ(test, table_pages(), pages + 6);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
}

/* The system may have some at once, and what is there of the reserve isn't lost for it. */
static void a_short_reserve_is_made_up_for_without_reclaim(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int scope;
	u64 pages;

	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, 2), 0);
	pages = table_pages();
	scope = memalloc_noreclaim_save();
	must_map(fixture, SZ_512G, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	memalloc_noreclaim_restore(scope);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 0);
	KUNIT_EXPECT_EQ(test, table_pages(), pages + fixture->config.levels - 1 - 2);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* What a notifier is to lockdep: inside of reclaim, which takes no lock that is held around it. */
static void a_notifier_may_change_the_table(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);
	unsigned int scope;

	must_map(fixture, base, base, 2 * fixture->unit, &EPT_ATTRS_RAM);
	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, RESERVE), 0);
	fs_reclaim_acquire(GFP_KERNEL);
	scope = memalloc_noreclaim_save();
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, base + SZ_64K, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, base + fixture->unit, SZ_4K, NULL), 0);
	memalloc_noreclaim_restore(scope);
	fs_reclaim_release(GFP_KERNEL);
	if (IS_ENABLED(CONFIG_PROVE_LOCKING))
		KUNIT_EXPECT_TRUE(test, debug_locks);
}

static void count_gone(const struct ept_mapping *mapping, void *arg)
{
	++*(unsigned int *)arg;
}

/* Nor does it need a table: nothing of the reserve is taken, and there may be none. */
static void a_notifier_may_zap_without_a_reserve(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), before;
	struct ept_range went = {};
	unsigned int scope, told = 0;
	struct ept_gather gather;

	must_map(fixture, base, base, 2 * fixture->unit, &EPT_ATTRS_RAM);
	before = table_pages();
	ept_gather_init(&gather, fixture->ept);
	fs_reclaim_acquire(GFP_KERNEL);
	scope = memalloc_noreclaim_save();
	KUNIT_EXPECT_EQ(test, ept_zap(fixture->ept, base + SZ_64K, SZ_4K, &went, count_gone, &told,
				      NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_zap(fixture->ept, base + fixture->unit + SZ_64K, SZ_4K, NULL,
				      NULL, NULL, &gather), 0);
	ept_gather_flush(&gather);
	memalloc_noreclaim_restore(scope);
	fs_reclaim_release(GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, told, 1);
	KUNIT_EXPECT_LE(test, went.gpa, base + SZ_64K);
	KUNIT_EXPECT_GE(test, went.gpa + went.size, base + SZ_64K + SZ_4K);
	KUNIT_EXPECT_LE(test, table_pages(), before);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	if (IS_ENABLED(CONFIG_PROVE_LOCKING))
		KUNIT_EXPECT_TRUE(test, debug_locks);
}

/*
 * Requests
 */

/* What takes a few tables may be the end of the process, and of its guest. */
static void a_fatal_signal_ends_large_requests_alone(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int large, small;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	large = ept_reserve(fixture->ept, 1000);
	small = ept_map(fixture->ept, SZ_512G, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	flush_signals(current);
	disallow_signal(SIGKILL);
	KUNIT_EXPECT_EQ(test, large, -ENOMEM);
	KUNIT_EXPECT_EQ(test, small, 0);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 0);
	KUNIT_EXPECT_EQ(test, ept_reserve(fixture->ept, 1000), 0);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 1000);
}

/* Whether an ordinary page of this machine is where only some CPUs reach it */
static bool has_high_pages(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	bool high = page && page_to_phys(page) >= SZ_4G;

	if (page)
		__free_page(page);
	return high && IS_ENABLED(CONFIG_ZONE_DMA32);
}

/* Maps a page in each 2M of a GiB, by as many calls. Returns how many of their tables are high. */
static unsigned int map_tables(struct fixture *fixture, u64 gpa)
{
	const u64 end = gpa + SZ_1G;
	unsigned int high = 0;

	for (; gpa < end; gpa += SZ_2M) {
		must_map(fixture, gpa, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
		high += virt_to_phys(fixture_entry(fixture, gpa, 0)) >= SZ_4G;
	}
	return high;
}

/* As if a CPU reached 4G at first, and all memory later */
static void a_page_out_of_reach_is_a_matter_of_one_request(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	if (!has_high_pages())
		kunit_skip(test, "all memory is alike");
	fixture->ept->store.unreachable = PHYS_PFN(SZ_4G);
	KUNIT_EXPECT_EQ(test, map_tables(fixture, 0), 0);
	fixture->ept->store.unreachable = 0;
	KUNIT_EXPECT_GT(test, map_tables(fixture, SZ_1G), 0);
}

/* As if it reached each second page: those are taken, and without a zone for the rest no others. */
static void pages_within_reach_are_kept(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int ret;

	fixture->ept->store.unreachable = 1;
	ret = ept_reserve(fixture->ept, 100);
	fixture->ept->store.unreachable = 0;
	if (ret)
		KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_EQ(test, reserved(fixture), ret ? 0 : 100);
	map_tables(fixture, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/*
 * Dead tables
 */

#define DEAD	7

static void expect_dead(struct kunit *test, struct page *dead, u64 *const tables[],
			const char *order)
{
	for (; *order; order++, dead = ept_table_next_retired(dead)) {
		KUNIT_ASSERT_NOT_NULL(test, dead);
		KUNIT_EXPECT_PTR_EQ(test, page_address(dead), (void *)tables[*order - 'a']);
	}
	KUNIT_EXPECT_NULL(test, dead);
}

static void lists_of_dead_tables_become_one(struct kunit *test)
{
	struct page *one = NULL, *two = NULL, *three = NULL, *none = NULL;
	u64 *tables[DEAD];

	for (unsigned int i = 0; i < DEAD; i++) {
		tables[i] = (u64 *)get_zeroed_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, tables[i]);
	}
	ept_table_retire(&one, tables[0]);
	ept_table_retire(&one, tables[1]);
	ept_table_join_retired(&one, NULL);
	expect_dead(test, one, tables, "ba");
	ept_table_join_retired(&none, one);
	expect_dead(test, none, tables, "ba");
	ept_table_retire(&two, tables[2]);
	ept_table_retire(&two, tables[3]);
	ept_table_retire(&two, tables[4]);
	ept_table_join_retired(&none, two);
	expect_dead(test, none, tables, "edcba");
	ept_table_retire(&none, tables[5]);
	expect_dead(test, none, tables, "fedcba");
	ept_table_retire(&three, tables[6]);
	ept_table_join_retired(&three, none);
	expect_dead(test, three, tables, "fedcbag");
	for (unsigned int i = 0; i < DEAD; i++)
		free_page((unsigned long)tables[i]);
}

/* More than are freed in a softirq, some with tables below them: all of them, by one flush. */
static void all_tables_of_a_gather_are_freed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;
	u64 pages = table_pages();

	for (unsigned int i = 1; i <= 40; i++) {
		must_map(fixture, i * SZ_2M, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
		must_map(fixture, SZ_32G + i * (u64)SZ_1G, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	}
	KUNIT_EXPECT_GT(test, table_pages(), pages + 120);
	ept_gather_init(&gather, fixture->ept);
	for (unsigned int i = 1; i <= 40; i++) {
		const u64 far = SZ_32G + i * (u64)SZ_1G;

		KUNIT_EXPECT_EQ(test, do_unmap(fixture, i * SZ_2M, SZ_4K, &gather), 0);
		KUNIT_EXPECT_EQ(test, do_unmap(fixture, far, SZ_1G, &gather), 0);
	}
	do_flush(fixture, &gather);
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE_PARAM(the_reserve_is_left_to_who_may_not_wait, configs_gen_params),
	KUNIT_CASE_PARAM(who_may_not_wait_draws_on_the_reserve, configs_gen_params),
	KUNIT_CASE_PARAM(a_large_reserve_is_drawn_on_at_once, configs_gen_params),
	KUNIT_CASE_PARAM(a_short_reserve_is_made_up_for_without_reclaim, configs_gen_params),
	KUNIT_CASE_PARAM(a_notifier_may_change_the_table, configs_gen_params),
	KUNIT_CASE_PARAM(a_notifier_may_zap_without_a_reserve, configs_gen_params),
	KUNIT_CASE(a_fatal_signal_ends_large_requests_alone),
	KUNIT_CASE(a_page_out_of_reach_is_a_matter_of_one_request),
	KUNIT_CASE(pages_within_reach_are_kept),
	KUNIT_CASE(lists_of_dead_tables_become_one),
	KUNIT_CASE_PARAM(all_tables_of_a_gather_are_freed, configs_gen_params),
	{}
};

static struct kunit_suite table_suite = {
	.name = "ept_table",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = table_cases,
};

kunit_test_suite(table_suite);
