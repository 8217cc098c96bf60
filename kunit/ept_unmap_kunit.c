// SPDX-License-Identifier: GPL-2.0
/* ept_unmap(): what goes, what stays, and that tables go with the last thing they hold. */
#include <kunit/test.h>

#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

/* Two units are mapped; largest leaves of either address would fit. */
#define MAPPED_UNITS	2

static const struct cut cuts[] = {
	{ 0, 0, 0, 1 },			/* the first page */
	{ 8, -1, 0, 1 },		/* the last page of a leaf */
	{ 8, -1, 0, 2 },		/* two leaves, each cut */
	{ 4, 0, 0, 1 },			/* in the midst */
	{ 4, 0, 0, 512 },		/* what a table of 4K leaves holds, */
	{ 4, -1, 0, 514 },		/* and pages beside it */
	{ 4, 0, 2, 0 },
	{ 0, 1, 8, -2 },		/* all of a leaf but its edges */
	{ 0, 0, 8, 0 },			/* a whole leaf */
	{ 0, -1, 0, 2 },		/* a hole and a page */
	{ 16, -1, 0, 512 },		/* a page and a hole */
	{ -8, 0, 32, 0 },		/* all, and holes on both sides */
};

static void map_units(struct fixture *fixture, const struct ept_attrs *attrs)
{
	u64 size = MAPPED_UNITS * fixture->unit;

	must_map(fixture, fixture_base(fixture), size, size, attrs);
}

static void unmap_cut(struct fixture *fixture, const struct cut *cut)
{
	must_unmap(fixture, cut_gpa(fixture, cut), cut_size(fixture, cut));
}

static void cuts_leave_the_rest_mapped(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		map_units(fixture, &EPT_ATTRS_RAM);
		unmap_cut(fixture, &cuts[i]);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "cut %u", i);
		must_unmap(fixture, 0, flat_width(fixture->flat));
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "after cut %u", i);
	}
}

/* Cut after cut, so that straddling leaves are of all levels. */
static void cuts_add_up(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	map_units(fixture, &EPT_ATTRS_RAM);
	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		unmap_cut(fixture, &cuts[i]);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "cut %u", i);
	}
}

static void parts_of_a_cut_leaf_inherit_everything(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);
	const struct ept_attrs attrs = {
		.prot = EPT_PROT_READ | EPT_PROT_WRITE,
		.memtype = EPT_MT_WT,
		.flags = EPT_ATTR_IGNORE_PAT,
		.tag = 21,
	};

	map_units(fixture, &attrs);
	do_access(fixture, base + SZ_1M, false);
	do_access(fixture, base + fixture->unit, true);
	must_unmap(fixture, base + SZ_64K, SZ_4K);
	must_unmap(fixture, base + fixture->unit * 3 / 2, SZ_4K);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void holes_ask_for_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	must_unmap(fixture, 0, SZ_4K);
	must_unmap(fixture, 0, flat_width(fixture->flat));
	must_map(fixture, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM);
	must_unmap(fixture, SZ_2M + SZ_4K, SZ_4K);
	must_unmap(fixture, SZ_1G, SZ_1G);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static u64 page_in_order(unsigned int order, unsigned int i, unsigned int nr)
{
	switch (order) {
	case 0:
		return i;
	case 1:
		return nr - 1 - i;
	case 2:
		return i < nr / 2 ? 2 * i : 2 * (i - nr / 2) + 1;
	default:
		return i * 389 % nr;	/* a prime: each one once */
	}
}

/* Whatever the order in which pages go, the tables go with the last of theirs. */
static void tables_go_with_their_last_page(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const unsigned int nr = 1024;
	struct ept_stats stats;
	unsigned int order, i;

	for (order = 0; order < 4; order++) {
		must_map(fixture, SZ_1G - SZ_2M, SZ_4K, nr * SZ_4K, &EPT_ATTRS_RAM);
		for (i = 0; i < nr; i++) {
			must_unmap(fixture,
				   SZ_1G - SZ_2M + page_in_order(order, i, nr) * SZ_4K, SZ_4K);
			if (i % 256 == 255)
				KUNIT_ASSERT_TRUE(test, verify(fixture));
		}
		ept_get_stats(fixture->ept, &stats);
		KUNIT_EXPECT_EQ(test, stats.tables[EPT_4K], 0);
		KUNIT_EXPECT_EQ(test, stats.tables[EPT_2M], 0);
		KUNIT_EXPECT_EQ(test, stats.tables[EPT_1G], 0);
		KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + 1);
	}
}

/* Tables of inaccessible leaves are tables: a CPU may have cached the way to them. */
static void inaccessible_pages_go_like_others(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	u64 i, middle = fixture_base(fixture) + fixture->unit / 2;

	map_units(fixture, &none);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_unmap(fixture, middle, SZ_4K);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	for (i = 0; i < SZ_2M; i += SZ_4K)
		must_unmap(fixture, middle + i, SZ_4K);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_unmap(fixture, 0, flat_width(fixture->flat));
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static struct kunit_case unmap_cases[] = {
	KUNIT_CASE_PARAM(cuts_leave_the_rest_mapped, configs_gen_params),
	KUNIT_CASE_PARAM(cuts_add_up, configs_gen_params),
	KUNIT_CASE_PARAM(parts_of_a_cut_leaf_inherit_everything, configs_gen_params),
	KUNIT_CASE_PARAM(holes_ask_for_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(tables_go_with_their_last_page, configs_gen_params),
	KUNIT_CASE_PARAM(inaccessible_pages_go_like_others, configs_gen_params),
	{}
};

static struct kunit_suite unmap_suite = {
	.name = "ept_unmap",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = unmap_cases,
};

kunit_test_suite(unmap_suite);
