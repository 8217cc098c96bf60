// SPDX-License-Identifier: GPL-2.0
/*
 * Typed maps: the flat model, mapped run by run of what the model of MTRRs says page by page, has
 * the largest leaves of one type; tables have to be the same.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "ept_memtype.h"
#include "typed.h"
#include "verify.h"

CONFIG_PARAMS;

/* Too large for a stack */
struct maps {
	struct ept_mtrr	mtrr;
	struct ept_mtrr	other;
};

static int typed_init(struct kunit *test)
{
	int ret = fixture_init(test);
	struct fixture *fixture = test->priv;
	struct maps *maps;

	if (ret)
		return ret;
	maps = vzalloc(sizeof(*maps));
	fixture->arg = maps;
	return maps ? 0 : -ENOMEM;
}

static void typed_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct maps *maps = fixture ? fixture->arg : NULL;

	fixture_exit(test);
	vfree(maps);
}

/* As the model of MTRRs says it, page by page */
static int flat_map_typed(struct fixture *fixture, u64 gpa, u64 hpa, u64 size,
			  const struct ept_attrs *attrs, const struct ept_mtrr *mtrr)
{
	struct ept_attrs typed = *attrs;
	u64 done, span;
	int err;

	for (done = 0; done < size; done += span) {
		typed.memtype = mtrr_model_type(&mtrr->msrs, hpa + done);
		span = mtrr_model_span(&mtrr->msrs, hpa + done, hpa + size);
		err = flat_map(fixture->flat, gpa + done, hpa + done, span, &typed);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static void leaves_are_the_largest_of_one_type(struct kunit *test)
{
	static const struct { u64 gpa, hpa, size; } ranges[] = {
		{ 0, 0, SZ_4M },
		{ SZ_1G, 0, SZ_2M },
		{ SZ_1G + SZ_4K, SZ_4K, SZ_2M },		/* no large leaf */
		{ SZ_2G - SZ_8M, SZ_2G - SZ_8M, SZ_16M },
		{ SZ_8G, SZ_2G - SZ_16M, SZ_32M },
		{ SZ_4G - SZ_32M, SZ_4G - SZ_32M, SZ_64M + SZ_4K },
		{ 0x9f000, 0x9f000, SZ_4K },
		{ SZ_4G, SZ_1G - SZ_2M, SZ_4M },
	};
	struct fixture *fixture = test->priv;
	struct maps *maps = fixture->arg;
	unsigned int i, j;

	for (i = 0; i < NR_RECORDED; i++) {
		mtrr_from_log(&recorded_mtrrs[i], &maps->mtrr.msrs);
		KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&maps->mtrr.msrs, &maps->mtrr), 0);
		for (j = i % 2; j < ARRAY_SIZE(ranges); j += 2) {
			const u64 gpa = ranges[j].gpa, hpa = ranges[j].hpa, size = ranges[j].size;

			KUNIT_ASSERT_EQ(test, flat_map_typed(fixture, gpa, hpa, size,
							     &EPT_ATTRS_RAM, &maps->mtrr), 0);
			KUNIT_ASSERT_EQ(test, ept_map_typed(fixture->ept, gpa, hpa, size,
							    &EPT_ATTRS_RAM, &maps->mtrr), 0);
			KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "%s, range %u",
					      recorded_mtrrs[i].name, j);
			must_unmap(fixture, gpa, size);
		}
	}
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_512G, NULL), 0);
}

/* Everything below 5 GiB, where the table has leaves for that */
static void the_whole_low_memory_of_recorded_machines(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct maps *maps = fixture->arg;
	unsigned int i;

	if (fixture->config.max_leaf == EPT_4K)
		kunit_skip(test, "takes long with small leaves");
	for (i = 0; i < NR_RECORDED; i++) {
		mtrr_from_log(&recorded_mtrrs[i], &maps->mtrr.msrs);
		KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&maps->mtrr.msrs, &maps->mtrr), 0);
		flat_fill(fixture, 0, 5ULL * SZ_1G, &EPT_ATTRS_DEVICE, &maps->mtrr);
		KUNIT_ASSERT_EQ(test, ept_map_typed(fixture->ept, 0, 0, 5ULL * SZ_1G,
						    &EPT_ATTRS_DEVICE, &maps->mtrr), 0);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "%s", recorded_mtrrs[i].name);
		must_unmap(fixture, 0, 5ULL * SZ_1G);
	}
}

static void the_type_in_the_attributes_does_not_count(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct maps *maps = fixture->arg;
	struct ept_attrs attrs = { .prot = EPT_PROT_READ, .memtype = 7, .tag = 9 };
	struct ept_mapping mapping;

	take_log(test, &maps->mtrr, "coreboot_10g");
	KUNIT_ASSERT_EQ(test, ept_map_typed(fixture->ept, 0, 0xd0000000, SZ_2M, &attrs,
					    &maps->mtrr), 0);
	KUNIT_ASSERT_EQ(test, ept_lookup(fixture->ept, SZ_4K, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.attrs.memtype, EPT_MT_WC);
	KUNIT_EXPECT_EQ(test, mapping.attrs.tag, 9);
	KUNIT_EXPECT_EQ(test, mapping.attrs.prot, EPT_PROT_READ);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

/* Around 0x7d800000, where WB ends, and the page at 0 is mapped. */
static const struct refusal {
	const char		*what;
	u64			gpa;
	u64			hpa;
	u64			size;
	struct ept_attrs	attrs;
	int			error;
} refusals[] = {
	{ "gpa misaligned", SZ_2M + 1, 0x7d7ff000, SZ_8K, EPT_ATTRS_RAM, -EINVAL },
	{ "hpa misaligned", SZ_2M, 0x7d7ff800, SZ_8K, EPT_ATTRS_RAM, -EINVAL },
	{ "all misaligned", 0x7d7ff800, 0x7d7ff800, SZ_4K + SZ_2K, EPT_ATTRS_RAM, -EINVAL },
	{ "all misaligned, and mapped", SZ_64K - SZ_2K, 0x7d7ff800, SZ_4K + SZ_2K, EPT_ATTRS_RAM,
	  -EINVAL },
	{ "size misaligned", SZ_2M, 0x7d7ff000, SZ_8K + 1, EPT_ATTRS_RAM, -EINVAL },
	{ "size 0", SZ_2M, 0x7d7ff000, 0, EPT_ATTRS_RAM, -EINVAL },
	{ "size 0 and beyond", SZ_2M, ~0ULL << 12, 0, EPT_ATTRS_RAM, -EINVAL },
	{ "misaligned and beyond", SZ_2M + 1, 1ULL << 52, SZ_4K, EPT_ATTRS_RAM, -EINVAL },
	{ "write alone", SZ_2M, 0x7d7ff000, SZ_8K, { .prot = EPT_PROT_WRITE }, -EINVAL },
	{ "unknown flag", SZ_2M, 0x7d7ff000, SZ_8K, { .prot = 1, .flags = 64 }, -EINVAL },
	{ "tag 32", SZ_2M, 0x7d7ff000, SZ_8K, { .prot = 1, .tag = 32 }, -EINVAL },
	{ "write alone and beyond", SZ_2M, 1ULL << 52, SZ_8K, { .prot = 2 }, -EINVAL },
	{ "write alone and mapped", 0, 0x7d7ff000, SZ_8K, { .prot = 2 }, -EINVAL },
	{ "gpa beyond", 1ULL << 57, 0x7d7ff000, SZ_8K, EPT_ATTRS_RAM, -ERANGE },
	{ "gpa end beyond", (1ULL << 57) - SZ_4K, 0x7d7ff000, SZ_8K, EPT_ATTRS_RAM, -ERANGE },
	{ "gpa overflows", -SZ_4K, 0x7d7ff000, SZ_8K, EPT_ATTRS_RAM, -ERANGE },
	{ "hpa beyond", SZ_2M, 1ULL << 52, SZ_4K, EPT_ATTRS_RAM, -ERANGE },
	{ "hpa beyond, and no type", SZ_2M, 1ULL << 52, SZ_4K, { .prot = 1, .memtype = 7 },
	  -ERANGE },
	{ "hpa end beyond the machine", SZ_2M, (1ULL << 39) - SZ_4K, SZ_8K, EPT_ATTRS_RAM,
	  -ERANGE },
	{ "hpa overflows", SZ_2M, -SZ_4K, SZ_8K, EPT_ATTRS_RAM, -ERANGE },
	{ "all there is and more", 0, 0, -SZ_4K, EPT_ATTRS_RAM, -ERANGE },
	{ "beyond and mapped", 0, (1ULL << 39) - SZ_4K, SZ_8K, EPT_ATTRS_RAM, -ERANGE },
	{ "the first part mapped", 0, 0x7d7ff000, SZ_8K, EPT_ATTRS_RAM, -EEXIST },
	{ "the last part mapped", SZ_64K - SZ_4K, 0x7d7ff000, SZ_8K, EPT_ATTRS_RAM, -EEXIST },
	{ "one part, mapped", 0, SZ_16M, SZ_8K, EPT_ATTRS_RAM, -EEXIST },
	{ "the second part mapped", SZ_1M, 0x7d7ff000, 0x2802000, EPT_ATTRS_RAM, -EEXIST },
	{ "the second of three mapped", SZ_1M, 0x9f000, 0x22000, EPT_ATTRS_RAM, -EEXIST },
};

static void bad_arguments_are_refused_and_change_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct maps *maps = fixture->arg;
	struct ept *ept = fixture->ept;
	unsigned int i;

	take_log(test, &maps->mtrr, "coreboot_10g");
	must_map(fixture, 0, SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_8K, SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_64K, SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_1M + SZ_4K, SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *r = &refusals[i];
		const u64 invalidations = fixture->invalidations;

		KUNIT_EXPECT_EQ_MSG(test, ept_map_typed(ept, r->gpa, r->hpa, r->size, &r->attrs,
							&maps->mtrr), r->error, "%s", r->what);
		/* What is never right has not even been there for a while. */
		if (r->error != -EEXIST)
			KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, invalidations, "%s",
					    r->what);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "%s", r->what);
	}
	KUNIT_EXPECT_EQ(test, ept_map_typed(NULL, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM, &maps->mtrr),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_typed(ept, SZ_2M, 0, SZ_4K, NULL, &maps->mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_typed(ept, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_typed(ept, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM, &maps->other),
			-EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void what_the_table_lacks_is_refused(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct maps *maps = fixture->arg;
	const struct ept_attrs attrs = { .prot = 1, .flags = EPT_ATTR_SUBPAGE };
	const u64 end = 1ULL << fixture->config.maxphyaddr;
	const bool subpage = fixture->config.features & EPT_FEATURE_SUBPAGE;

	take_log(test, &maps->mtrr, "coreboot_10g");
	KUNIT_EXPECT_EQ(test, ept_map_typed(fixture->ept, 0, 0x7d7ff000, SZ_8K, &attrs,
					    &maps->mtrr), subpage ? 0 : -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_8K, NULL), 0);
	/* MTRRs of a machine that is wider than the table */
	KUNIT_ASSERT_EQ(test, ept_mtrr_uniform(EPT_MT_WB, 52, &maps->mtrr), 0);
	KUNIT_EXPECT_EQ(test, ept_map_typed(fixture->ept, 0, end - SZ_4K, SZ_8K, &EPT_ATTRS_RAM,
					    &maps->mtrr), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_mtrr_uniform(EPT_MT_WB, fixture->config.maxphyaddr, &maps->mtrr),
			0);
	KUNIT_EXPECT_EQ(test, ept_map_typed(fixture->ept, 0, end - SZ_4K, SZ_4K, &EPT_ATTRS_RAM,
					    &maps->mtrr), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_map_typed(fixture->ept, 0, end, SZ_4K, &EPT_ATTRS_RAM,
					    &maps->mtrr), -ERANGE);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* With one table more each time, until there are enough: UC, WP and UC, of which each fails. */
static void a_short_reserve_changes_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct maps *maps = fixture->arg;
	const u64 gpa = SZ_1G - SZ_16M - SZ_4K;
	unsigned int nr;
	int ret = -ENOMEM;

	fixture_make_atomic(fixture);
	take_log(test, &maps->mtrr, "hpe_dl325");
	for (nr = 0; ret == -ENOMEM; nr++) {
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "reserve of %u", nr);
		KUNIT_ASSERT_LT(test, nr, 100);
		KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, nr), 0);
		ret = ept_map_typed(fixture->ept, gpa, 0xe3fff000, SZ_64M + SZ_8K, &EPT_ATTRS_RAM,
				    &maps->mtrr);
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GT(test, nr, 4);
	KUNIT_EXPECT_EQ(test, flat_map_typed(fixture, gpa, 0xe3fff000, SZ_64M + SZ_8K,
					     &EPT_ATTRS_RAM, &maps->mtrr), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static struct kunit_case typed_cases[] = {
	KUNIT_CASE_PARAM(leaves_are_the_largest_of_one_type, configs_gen_params),
	KUNIT_CASE_PARAM(the_whole_low_memory_of_recorded_machines, configs_gen_params),
	KUNIT_CASE(the_type_in_the_attributes_does_not_count),
	KUNIT_CASE_PARAM(bad_arguments_are_refused_and_change_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(what_the_table_lacks_is_refused, configs_gen_params),
	KUNIT_CASE_PARAM(a_short_reserve_changes_nothing, configs_gen_params),
	{}
};

static struct kunit_suite typed_suite = {
	.name = "ept_typed",
	.init = typed_init,
	.exit = typed_exit,
	.test_cases = typed_cases,
};

kunit_test_suite(typed_suite);
