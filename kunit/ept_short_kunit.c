// SPDX-License-Identifier: GPL-2.0
/*
 * The short way: a request that lies in one table of 4K leaves, which is there, is done without a
 * plan. What isn't that simple is planned, and ends alike.
 */
#include <kunit/test.h>
#include <linux/err.h>

#include "ept_priv.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static const struct ept *planner;	/* whose plans are counted */
static unsigned int plans;

static void note_plan(struct ept *ept)
{
	plans += ept == planner;
}

static int short_init(struct kunit *test)
{
	const int ret = fixture_init(test);

	ept_hooks.planning = note_plan;
	return ret;
}

static void short_exit(struct kunit *test)
{
	ept_hooks.planning = NULL;
	fixture_exit(test);
}

static int map(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_map(fixture, gpa, SZ_1G + gpa % SZ_2M, size, &EPT_ATTRS_RAM);
}

static int unmap(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_unmap(fixture, gpa, size, NULL);
}

static int take_write(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_protect(fixture, gpa, size, EPT_PROT_WRITE, 0, NULL);
}

/* With read, all rights that it gives are legal; without, as long as there is read. */
static int give_write(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_protect(fixture, gpa, size, 0, EPT_PROT_READ | EPT_PROT_WRITE, NULL);
}

static int give_write_alone(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_protect(fixture, gpa, size, 0, EPT_PROT_WRITE, NULL);
}

static int give_exec_alone(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_protect(fixture, gpa, size, 0, EPT_PROT_EXEC, NULL);
}

static int set_memtype(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_set_memtype(fixture, gpa, size, EPT_MT_WC, NULL);
}

static int set_tag(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_set_tag(fixture, gpa, size, 9, NULL);
}

static int set_attrs(struct fixture *fixture, u64 gpa, u64 size)
{
	return do_set_attrs(fixture, gpa, size, &EPT_ATTRS_DEVICE, NULL);
}

/* In an order in which each has something to do where the one before was */
static const struct {
	const char	*name;
	int		(*run)(struct fixture *fixture, u64 gpa, u64 size);
} requests[] = {
	{ "unmap", unmap }, { "map", map }, { "take write", take_write },
	{ "give write", give_write }, { "take write", take_write },
	{ "give write alone", give_write_alone }, { "set memtype", set_memtype },
	{ "set tag", set_tag }, { "set attrs", set_attrs },
	{ "give execute alone", give_exec_alone }, { "unmap again", unmap },
};

#define BASE	(SZ_1G + SZ_2M)

/* Pages of which some stay beside what is done: two tables of small leaves, all of them mapped */
static void map_small_leaves(struct fixture *fixture)
{
	must_map(fixture, BASE, SZ_1G + SZ_4K, 2 * SZ_2M, &EPT_ATTRS_RAM);
	KUNIT_ASSERT_EQ(fixture->test, do_split(fixture, BASE, 2 * SZ_2M, EPT_4K, NULL), 0);
}

static void expect_plans(struct fixture *fixture, u64 gpa, u64 size, bool planned)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		planner = fixture->ept;
		plans = 0;
		KUNIT_EXPECT_EQ_MSG(fixture->test, requests[i].run(fixture, gpa, size), 0, "%s",
				    requests[i].name);
		KUNIT_EXPECT_EQ_MSG(fixture->test, !!plans, planned, "%s of %#llx at %#llx",
				    requests[i].name, size, gpa);
		KUNIT_EXPECT_TRUE_MSG(fixture->test, verify(fixture), "%s of %#llx at %#llx",
				      requests[i].name, size, gpa);
	}
}

static void what_lies_in_a_table_is_not_planned(struct kunit *test)
{
	static const struct { u16 first, nr; } pages[] = {
		{ 5, 1 }, { 5, 3 }, { 8, 8 }, { 1, 511 }, { 0, 511 }, { 511, 1 },
	};
	struct fixture *fixture = test->priv;

	map_small_leaves(fixture);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		expect_plans(fixture, BASE + pages[i].first * SZ_4K, pages[i].nr * SZ_4K, false);
		must_map(fixture, BASE + pages[i].first * SZ_4K, SZ_1G + SZ_4K, pages[i].nr * SZ_4K,
			 &EPT_ATTRS_RAM);
	}
}

static void what_lies_in_two_tables_is_planned(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	map_small_leaves(fixture);
	expect_plans(fixture, BASE + SZ_2M - SZ_4K, SZ_8K, true);
}

/* Of a whole table, a hole among the leaves, a leaf that can't be read, no more than the end */
static void what_is_not_simple_ends_alike(struct kunit *test)
{
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	struct fixture *fixture = test->priv;

	map_small_leaves(fixture);
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		requests[i].run(fixture, BASE, SZ_2M);
		KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "%s", requests[i].name);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		do_map(fixture, BASE, SZ_1G, SZ_4K, &EPT_ATTRS_RAM);
		do_map(fixture, BASE + SZ_8K, SZ_1G, SZ_4K, &none);
		requests[i].run(fixture, BASE, SZ_16K);
		KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "%s among holes", requests[i].name);
		requests[i].run(fixture, BASE + SZ_8K, SZ_4K);
		KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "%s of none", requests[i].name);
	}
}

/* All that can be taken and given, and a right that there is not, on each that can be there */
static void rights_are_judged_by_what_is_there(struct kunit *test)
{
	const u64 gpa = BASE + SZ_64K;
	struct fixture *fixture = test->priv;

	map_small_leaves(fixture);
	for (unsigned int i = 0; i < 16 * 17 * 17; i++) {
		const struct ept_attrs attrs = { .prot = i % 16, .memtype = EPT_MT_WB };
		const u32 clear = i / 16 % 17, set = i / 16 / 17;

		if (do_set_attrs(fixture, gpa, SZ_8K, &attrs, NULL))
			continue;
		do_protect(fixture, gpa, SZ_8K, clear, set, NULL);
		KUNIT_ASSERT_TRUE_MSG(test, verify_address(fixture, gpa), "%x, -%x, +%x", i % 16,
				      clear, set);
	}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Leaves are changed by the stride, and beyond it none is, whatever it lacks. */
static void a_run_ends_where_it_ends(struct kunit *test)
{
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	struct fixture *fixture = test->priv;

	map_small_leaves(fixture);
	must_protect(fixture, BASE, SZ_2M, EPT_PROT_WRITE, 0);
	for (unsigned int nr = 1; nr <= 24; nr++) {
		KUNIT_EXPECT_EQ(test, give_write(fixture, BASE + SZ_64K, nr * SZ_4K), 0);
		KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "%u pages", nr);
		KUNIT_EXPECT_EQ(test, take_write(fixture, BASE + SZ_64K, nr * SZ_4K), 0);
		KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "%u pages", nr);
	}
	/* Nothing is owed for what no CPU could use. */
	must_unmap(fixture, BASE, SZ_64K);
	must_map(fixture, BASE, SZ_64K, SZ_16K, &none);
	must_unmap(fixture, BASE, SZ_16K);
}

static struct kunit_case short_cases[] = {
	KUNIT_CASE_PARAM(a_run_ends_where_it_ends, configs_gen_params),
	KUNIT_CASE_PARAM(rights_are_judged_by_what_is_there, configs_gen_params),
	KUNIT_CASE_PARAM(what_lies_in_a_table_is_not_planned, configs_gen_params),
	KUNIT_CASE_PARAM(what_lies_in_two_tables_is_planned, configs_gen_params),
	KUNIT_CASE_PARAM(what_is_not_simple_ends_alike, configs_gen_params),
	{}
};

static struct kunit_suite short_suite = {
	.name = "ept_short",
	.init = short_init,
	.exit = short_exit,
	.test_cases = short_cases,
};

kunit_test_suite(short_suite);
