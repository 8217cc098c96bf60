// SPDX-License-Identifier: GPL-2.0
/*
 * What CPUs set, in each pattern that a table of 4K leaves is read by, on large leaves that the
 * range cuts, and in tables that were merged: reported, taken, aged, all of it and once.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/sizes.h>

#include "ept_pte.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

#define PAGES	512U
#define BASE	SZ_8G

static bool is_all(unsigned int page)
{
	return true;
}

static bool is_even(unsigned int page)
{
	return !(page % 2);
}

static bool is_one_in_eight(unsigned int page)
{
	return page % 8 == 3;
}

static bool is_front(unsigned int page)
{
	return page < 100;
}

static bool is_last(unsigned int page)
{
	return page == PAGES - 1;
}

static bool is_all_but_one(unsigned int page)
{
	return page != 77;
}

static bool is_every_other_stride(unsigned int page)
{
	return page / 8 % 2;
}

static bool (*const patterns[])(unsigned int page) = {
	is_all, is_even, is_one_in_eight, is_front, is_last, is_all_but_one, is_every_other_stride,
};

/* Pages, one range after the other: what one has taken the next doesn't report. */
static const struct {
	unsigned int	first;
	unsigned int	nr;
} ranges[] = {
	{ 5, 1 }, { 8, 16 }, { 33, 7 }, { 75, 301 }, { 500, 12 }, { 0, PAGES },
};

static void skip_unless_flagged(struct fixture *fixture)
{
	if (!(fixture->config.features & EPT_FEATURE_AD))
		kunit_skip(fixture->test, "no CPU sets flags");
}

/* @written: by the pattern; the others were read, all of them or none. */
static void set_flags(struct fixture *fixture, bool (*written)(unsigned int page), bool read)
{
	for (unsigned int page = 0; page < PAGES; page++)
		if (written(page) || read)
			do_access(fixture, BASE + page * SZ_4K, written(page));
}

static void harvest_ranges(struct fixture *fixture, bool dirty)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++) {
		const u64 gpa = BASE + ranges[i].first * SZ_4K, size = ranges[i].nr * SZ_4K;

		do_harvest(fixture, gpa, size, dirty, true, NULL);
		do_harvest(fixture, gpa, size, dirty, false, NULL);
	}
}

static void each_pattern_is_reported_and_taken(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	skip_unless_flagged(fixture);
	must_map(fixture, BASE, 0, SZ_2M, &EPT_ATTRS_RAM);
	do_split(fixture, BASE, SZ_2M, EPT_4K, NULL);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(patterns); i++) {
		set_flags(fixture, patterns[i / 2], i % 2);
		harvest_ranges(fixture, true);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "dirty, pattern %u", i);
		set_flags(fixture, patterns[i / 2], i % 2);
		harvest_ranges(fixture, false);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "accessed, pattern %u", i);
		/* In the end also what can't be dirtied again, but for one leaf */
		must_protect(fixture, BASE, SZ_2M, EPT_PROT_WRITE, 0);
		harvest_ranges(fixture, true);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "read-only, pattern %u", i);
		must_protect(fixture, BASE, SZ_2M, 0, EPT_PROT_READ | EPT_PROT_WRITE);
	}
}

/* Leaves that the range cuts keep their flags, and what lies behind them is harvested as well. */
static void cut_leaves_keep_what_they_report(struct kunit *test)
{
	static const struct cut cuts[] = {
		{ -4, 0, 32, 0 }, { 1, 0, 22, 0 }, { -4, 3, 30, 5 }, { 8, 0, 8, 1 },
	};
	struct fixture *fixture = test->priv;
	const u64 base = fixture_base(fixture), unit = fixture->unit;

	skip_unless_flagged(fixture);
	must_map(fixture, base, base, 3 * unit, &EPT_ATTRS_RAM);
	must_map(fixture, base - SZ_4K, base - SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(cuts); i++) {
		const struct cut *cut = &cuts[i / 2];
		const u64 gpa = cut_gpa(fixture, cut), size = cut_size(fixture, cut);

		for (unsigned int j = 0; j < 3; j++)
			do_access(fixture, base + j * unit + unit / 8 * 3, true);
		do_access(fixture, base - SZ_4K, true);
		do_harvest(fixture, gpa, size, i % 2, true, NULL);
		do_harvest(fixture, gpa, size, i % 2, false, NULL);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "cut %u", i);
	}
}

/* Also of what lies behind a leaf that is cut, and is old */
static void age_asks_and_clears_all_of_a_range(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u64 base = fixture_base(fixture), unit = fixture->unit;

	skip_unless_flagged(fixture);
	must_map(fixture, base, base, unit, &EPT_ATTRS_RAM);
	must_map(fixture, base + unit, base + SZ_4K, SZ_16K, &EPT_ATTRS_RAM);
	for (unsigned int page = 0; page < 4; page += 2)
		do_access(fixture, base + unit + page * SZ_4K, false);
	KUNIT_EXPECT_EQ(test, do_age(fixture, base + unit / 2, unit, false), 1);
	KUNIT_EXPECT_EQ(test, do_age(fixture, base + unit / 2, unit / 2, false), 0);
	KUNIT_EXPECT_EQ(test, do_age(fixture, base + unit / 2, unit, true), 1);
	KUNIT_EXPECT_EQ(test, do_age(fixture, base + unit / 2, unit, false), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	do_access(fixture, base, false);
	KUNIT_EXPECT_EQ(test, do_age(fixture, base, unit, true), 1);
	KUNIT_EXPECT_EQ(test, do_age(fixture, base, unit, true), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Who has the old PDE cached sets flags in the table that the leaf replaced. */
static void flags_of_a_merged_table_are_cleared_page_by_page(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather merged;
	u64 *old;

	skip_unless_flagged(fixture);
	if (flat_largest(&fixture->config, &EPT_ATTRS_RAM) < EPT_2M)
		kunit_skip(test, "nothing is merged");
	KUNIT_ASSERT_EQ(test, ept_map(ept, BASE, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_split(ept, BASE, SZ_2M, EPT_4K, NULL), 0);
	old = fixture_entry(fixture, BASE, EPT_4K);
	ept_gather_init(&merged, ept);
	KUNIT_ASSERT_EQ(test, ept_merge_gather(ept, BASE, SZ_2M, EPT_2M, &merged), 1);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, BASE + SZ_4K, NULL), 0);
	KUNIT_ASSERT_EQ(test, ept_split(ept, BASE, SZ_2M, EPT_4K, NULL), 0);
	for (unsigned int page = 0; page < PAGES; page += 73)
		old[page] |= EPT_PTE_AD;
	for (unsigned int page = 0; page < PAGES; page++)
		KUNIT_EXPECT_EQ_MSG(test, ept_clear_dirty(ept, BASE + page * SZ_4K, NULL),
				    page % 73 == 0 && old[page] & EPT_PTE_WRITE, "page %u", page);
	ept_gather_flush(&merged);
	for (unsigned int page = 0; page < PAGES; page++)
		KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, BASE + page * SZ_4K, NULL), 0);
}

static struct kunit_case harvest_cases[] = {
	KUNIT_CASE_PARAM(each_pattern_is_reported_and_taken, configs_gen_params),
	KUNIT_CASE_PARAM(cut_leaves_keep_what_they_report, configs_gen_params),
	KUNIT_CASE_PARAM(age_asks_and_clears_all_of_a_range, configs_gen_params),
	KUNIT_CASE_PARAM(flags_of_a_merged_table_are_cleared_page_by_page, configs_gen_params),
	{}
};

static struct kunit_suite harvest_suite = {
	.name = "ept_harvest",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = harvest_cases,
};

kunit_test_suite(harvest_suite);
