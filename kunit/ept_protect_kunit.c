// SPDX-License-Identifier: GPL-2.0
/* ept_protect(): every change of rights, whole leaves and parts, and results that are illegal. */
#include <kunit/test.h>

#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

#define ALL_PROT	(EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC)

/* Two units from @base on, to host addresses of the same alignment. */
static void map_units(struct fixture *fixture, u64 base, const struct ept_attrs *attrs)
{
	must_map(fixture, base, 2 * fixture->unit, 2 * fixture->unit, attrs);
}

/* A 2M leaf and a page of its own become what the masks make of them. */
static bool masks_act(struct fixture *fixture, u32 prot, u32 clear, u32 set)
{
	struct ept_attrs attrs = { .prot = prot, .memtype = EPT_MT_WB, .tag = 7 };
	bool same;

	must_map(fixture, SZ_2M, SZ_2M, SZ_2M, &attrs);
	must_map(fixture, SZ_8M, SZ_8M, SZ_4K, &attrs);
	do_protect(fixture, 0, SZ_16M, clear, set, NULL);
	same = verify_mappings(fixture);
	must_unmap(fixture, 0, SZ_16M);
	return same;
}

/* From each set of rights, with each pair of masks; what is in both is as if in @set alone. */
static void masks_act_on_every_set_of_rights(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 prot, clear, set;

	for (prot = 0; prot < 16; prot++) {
		const struct ept_attrs attrs = { .prot = prot, .memtype = EPT_MT_WB };

		if (flat_judge(&fixture->config, &attrs))
			continue;
		for (clear = 0; clear < 16; clear++)
			for (set = 0; set < 16; set++)
				if (!(clear & set) || clear == ALL_PROT)
					KUNIT_ASSERT_TRUE_MSG(test,
							      masks_act(fixture, prot, clear, set),
							      "prot %x -%x +%x", prot, clear, set);
	}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static const struct cut parts[] = {
	{ 0, 0, 0, 1 },
	{ 8, -1, 0, 2 },
	{ 4, 0, 0, 512 },
	{ 4, -1, 0, 514 },
	{ 0, 1, 8, -2 },
	{ 0, 0, 8, 0 },
	{ 1, 0, 8, 0 },
	{ -8, 0, 32, 0 },
};

static void parts_change_and_the_rest_stays(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		u64 gpa = cut_gpa(fixture, &parts[i]), size = cut_size(fixture, &parts[i]);

		map_units(fixture, fixture_base(fixture), &EPT_ATTRS_RAM);
		must_protect(fixture, gpa, size, EPT_PROT_WRITE, 0);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "part %u", i);
		must_protect(fixture, gpa, size, 0, EPT_PROT_WRITE);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "part %u, back", i);
		must_unmap(fixture, 0, flat_width(fixture->flat));
	}
}

/* Leaves of all levels under one call, with holes between them. */
static void mixed_ranges_change_as_a_whole(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs rx = { .prot = EPT_PROT_READ | EPT_PROT_EXEC, .memtype = EPT_MT_WB };
	u64 base = fixture_base(fixture), unit = fixture->unit;

	map_units(fixture, base, &EPT_ATTRS_RAM);
	must_map(fixture, base + 2 * unit + SZ_1M, SZ_4K, SZ_2M, &rx);
	must_map(fixture, base - unit, SZ_64M, SZ_1M + SZ_4K, &rx);
	must_unmap(fixture, base + unit / 4, SZ_64K);
	must_protect(fixture, base - unit + SZ_8K, 3 * unit + SZ_2M,
		     EPT_PROT_EXEC | EPT_PROT_UEXEC, EPT_PROT_WRITE);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void accessed_and_dirty_stay(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;

	map_units(fixture, base, &EPT_ATTRS_RAM);
	do_access(fixture, base, true);
	do_access(fixture, base + unit, false);
	must_protect(fixture, base, 2 * unit, EPT_PROT_WRITE, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_protect(fixture, base + SZ_1M, SZ_4K, ALL_PROT, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_protect(fixture, base, 2 * unit, 0, EPT_PROT_READ | EPT_PROT_WRITE);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* A page that nothing may access is mapped all the same. */
static void inaccessible_is_still_mapped(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;
	struct ept_mapping mapping;

	map_units(fixture, base, &EPT_ATTRS_RAM);
	must_protect(fixture, base + SZ_64K, SZ_4K, ALL_PROT, 0);
	must_protect(fixture, base + unit, unit, ALL_PROT, 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, base + SZ_64K, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.hpa, 2 * unit + SZ_64K);
	KUNIT_EXPECT_EQ(test, mapping.attrs.prot, 0);
	KUNIT_EXPECT_EQ(test, ept_translate(fixture->ept, base + SZ_64K, EPT_PROT_READ, NULL),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, do_map(fixture, base + SZ_64K, 0, SZ_4K, &EPT_ATTRS_RAM), -EEXIST);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_protect(fixture, base + unit + SZ_64K, SZ_4K, 0, EPT_PROT_READ);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_protect(fixture, base, 2 * unit, 0, EPT_PROT_READ | EPT_PROT_WRITE);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* What it asks the CPUs to forget is decided by what they may know. */
static void only_rights_that_go_ask_for_a_flush(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);

	must_map(fixture, base, base, SZ_4K, &EPT_ATTRS_DEVICE);
	must_protect(fixture, base, SZ_4K, 0, EPT_PROT_EXEC);
	must_protect(fixture, base, SZ_4K, 0, EPT_PROT_EXEC);
	must_protect(fixture, base - SZ_2M, SZ_2M, EPT_PROT_WRITE, 0);
	must_protect(fixture, base, SZ_4K, 0, 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	must_protect(fixture, base, SZ_4K, EPT_PROT_WRITE, 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	must_protect(fixture, base, SZ_4K, EPT_PROT_READ | EPT_PROT_EXEC, 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	must_protect(fixture, base, SZ_4K, 0, EPT_PROT_READ);	/* was not present */
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	/* Of neighbours, one loses a right that the other never had. */
	must_map(fixture, base + SZ_4K, base, SZ_4K, &EPT_ATTRS_DEVICE);
	must_protect(fixture, base, SZ_8K, EPT_PROT_WRITE, 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 3);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void leaves_that_keep_their_rights_are_not_split(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);
	struct ept_stats stats;

	map_units(fixture, base, &EPT_ATTRS_DEVICE);
	must_protect(fixture, base + SZ_64K, SZ_4K, EPT_PROT_EXEC, EPT_PROT_READ);
	must_protect(fixture, base + SZ_64K, fixture->unit, 0, 0);
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.splits, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Whole tables full of large leaves, where executable memory may have none. */
static void executable_leaves_are_as_small_as_configured(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);

	must_map(fixture, base, SZ_2M, SZ_16M, &EPT_ATTRS_DEVICE);
	must_protect(fixture, base, SZ_16M, 0, EPT_PROT_EXEC);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_unmap(fixture, base, SZ_16M);
	must_map(fixture, base, SZ_2M, SZ_16M, &EPT_ATTRS_DEVICE);
	must_protect(fixture, base + SZ_1M, SZ_8M, 0, EPT_PROT_EXEC);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	/* One leaf, which needs no judging */
	must_protect(fixture, base + SZ_16M - SZ_2M, SZ_2M, 0, EPT_PROT_READ | EPT_PROT_EXEC);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* The one page whose result is illegal comes last; leaves before it would have been split. */
static void one_illegal_result_changes_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs r = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	u64 base = fixture_base(fixture), last = base + 4 * fixture->unit + SZ_1M;
	u64 from = base + SZ_64K, size = last - base;

	map_units(fixture, base, &EPT_ATTRS_RAM);
	must_map(fixture, last, SZ_4K, SZ_4K, &none);
	KUNIT_EXPECT_EQ(test, do_protect(fixture, from, size, 0, EPT_PROT_WRITE, NULL), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_unmap(fixture, last, SZ_4K);
	must_map(fixture, last, SZ_4K, SZ_4K, &r);
	/* Taking read leaves write behind. */
	KUNIT_EXPECT_EQ(test, do_protect(fixture, from, size, EPT_PROT_READ, 0, NULL), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	/* On a table without execute-only, execute alone is what it lacks. */
	do_protect(fixture, from, size, EPT_PROT_READ | EPT_PROT_WRITE, 0, NULL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void never_legal_wins_over_not_here(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	const struct ept_attrs rw = EPT_ATTRS_DEVICE;

	/* The first becomes user-execute alone, the second write without read. */
	must_map(fixture, SZ_2M, SZ_2M, SZ_4K, &none);
	must_map(fixture, SZ_2M + SZ_8K, SZ_2M, SZ_4K, &rw);
	KUNIT_EXPECT_EQ(test, do_protect(fixture, 0, SZ_1G, EPT_PROT_READ, EPT_PROT_UEXEC, NULL),
			-EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static const struct refusal {
	const char	*what;
	u64		gpa;
	u64		size;
	u32		clear;
	u32		set;
	int		error;
} refusals[] = {
	{ "gpa misaligned", SZ_2M + 1, SZ_4K, 0, 1, -EINVAL },
	{ "size misaligned", SZ_2M, SZ_4K + 1, 0, 1, -EINVAL },
	{ "size 0", SZ_2M, 0, 0, 1, -EINVAL },
	{ "unknown bit cleared", SZ_2M, SZ_4K, 16, 0, -EINVAL },
	{ "unknown bit set", SZ_2M, SZ_4K, 0, 1U << 31, -EINVAL },
	{ "unknown bit, in a hole", SZ_1G, SZ_4K, 16, 0, -EINVAL },
	{ "unknown bit, beyond", 1ULL << 57, SZ_4K, 16, 0, -EINVAL },
	{ "gpa beyond", 1ULL << 57, SZ_4K, 0, 1, -ERANGE },
	{ "end beyond", (1ULL << 57) - SZ_4K, SZ_8K, 0, 1, -ERANGE },
	{ "gpa overflows", -SZ_4K, SZ_4K, 0, 1, -ERANGE },
	{ "gpa wraps to itself", SZ_2M, -SZ_2M, 0, 1, -ERANGE },
	{ "read taken from under write", SZ_2M, SZ_4K, 1, 0, -EINVAL },
};

static void bad_arguments_are_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	must_map(fixture, SZ_2M, SZ_2M, SZ_2M, &EPT_ATTRS_RAM);
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *r = &refusals[i];
		int ret = do_protect(fixture, r->gpa, r->size, r->clear, r->set, NULL);

		KUNIT_EXPECT_EQ_MSG(test, ret, r->error, "%s", r->what);
	}
	KUNIT_EXPECT_EQ(test, ept_protect(NULL, 0, SZ_4K, 0, 1, NULL), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Nothing is judged, or changed, where nothing is mapped. */
static void holes_are_not_judged(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	must_protect(fixture, 0, flat_width(fixture->flat), 0, EPT_PROT_WRITE);
	must_protect(fixture, SZ_1G, SZ_1G, EPT_PROT_READ, EPT_PROT_EXEC);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static struct kunit_case protect_cases[] = {
	KUNIT_CASE_PARAM(masks_act_on_every_set_of_rights, configs_gen_params),
	KUNIT_CASE_PARAM(parts_change_and_the_rest_stays, configs_gen_params),
	KUNIT_CASE_PARAM(mixed_ranges_change_as_a_whole, configs_gen_params),
	KUNIT_CASE_PARAM(accessed_and_dirty_stay, configs_gen_params),
	KUNIT_CASE_PARAM(inaccessible_is_still_mapped, configs_gen_params),
	KUNIT_CASE_PARAM(only_rights_that_go_ask_for_a_flush, configs_gen_params),
	KUNIT_CASE_PARAM(leaves_that_keep_their_rights_are_not_split, configs_gen_params),
	KUNIT_CASE_PARAM(executable_leaves_are_as_small_as_configured, configs_gen_params),
	KUNIT_CASE_PARAM(one_illegal_result_changes_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(never_legal_wins_over_not_here, configs_gen_params),
	KUNIT_CASE_PARAM(bad_arguments_are_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(holes_are_not_judged, configs_gen_params),
	{}
};

static struct kunit_suite protect_suite = {
	.name = "ept_protect",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = protect_cases,
};

kunit_test_suite(protect_suite);
