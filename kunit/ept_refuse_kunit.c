// SPDX-License-Identifier: GPL-2.0
/*
 * What is refused by functions that change what is mapped: each of them, with each argument wrong,
 * and with more than one, of which the first in the list of errors counts. Nothing changes.
 */
#include <kunit/test.h>
#include <linux/err.h>

#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

/* A call with all that can be wrong with it; the last argument of each function */
struct request {
	struct ept		*ept;
	u64			gpa;
	u64			size;
	struct ept_gather	*gather;
};

static unsigned long bitmap[2];

static int remap(const struct request *r)
{
	return ept_remap(r->ept, r->gpa, SZ_1G, r->size, &EPT_ATTRS_DEVICE, r->gather);
}

static int unmap(const struct request *r)
{
	return ept_unmap(r->ept, r->gpa, r->size, r->gather);
}

static int protect(const struct request *r)
{
	return ept_protect(r->ept, r->gpa, r->size, EPT_PROT_WRITE, 0, r->gather);
}

static int set_memtype(const struct request *r)
{
	return ept_set_memtype(r->ept, r->gpa, r->size, EPT_MT_WC, r->gather);
}

static int set_attrs(const struct request *r)
{
	return ept_set_attrs(r->ept, r->gpa, r->size, &EPT_ATTRS_DEVICE, r->gather);
}

static int split(const struct request *r)
{
	return ept_split(r->ept, r->gpa, r->size, EPT_4K, r->gather);
}

static int harvest_dirty(const struct request *r)
{
	return ept_harvest_dirty(r->ept, r->gpa, r->size, bitmap, false, r->gather);
}

static int harvest_accessed(const struct request *r)
{
	return ept_harvest_accessed(r->ept, r->gpa, r->size, bitmap, false, r->gather);
}

/* Takes no gather: what is wrong with one isn't its concern. */
static int merge(const struct request *r)
{
	return r->gather ? -EINVAL : ept_merge(r->ept, r->gpa, r->size, EPT_4K);
}

static const struct { const char *name; int (*call)(const struct request *r); } functions[] = {
	{ "remap", remap },
	{ "unmap", unmap },
	{ "protect", protect },
	{ "set_memtype", set_memtype },
	{ "set_attrs", set_attrs },
	{ "split", split },
	{ "merge", merge },
	{ "harvest_dirty", harvest_dirty },
	{ "harvest_accessed", harvest_accessed },
};

static const struct refusal { const char *what; u64 gpa, size; int error; } ranges[] = {
	{ "gpa misaligned", SZ_2M + 1, SZ_4K, -EINVAL },
	{ "gpa half a page", SZ_2M + SZ_2K, SZ_4K, -EINVAL },
	{ "size misaligned", SZ_2M, SZ_4K + 1, -EINVAL },
	{ "size below a page", SZ_2M, SZ_2K, -EINVAL },
	{ "size 0", SZ_2M, 0, -EINVAL },
	{ "size 0 and beyond", 1ULL << 57, 0, -EINVAL },
	{ "misaligned and beyond", ~0ULL, SZ_4K, -EINVAL },
	{ "gpa beyond", 1ULL << 57, SZ_4K, -ERANGE },
	{ "end beyond", (1ULL << 57) - SZ_4K, SZ_8K, -ERANGE },
	{ "all of it and a page", 0, (1ULL << 57) + SZ_4K, -ERANGE },
	{ "gpa overflows", -SZ_4K, SZ_4K, -ERANGE },
	{ "gpa overflows by a lot", SZ_2M, -SZ_4K, -ERANGE },
	{ "gpa wraps to itself", SZ_2M, -SZ_2M, -ERANGE },
};

static void map_something(struct fixture *fixture)
{
	must_map(fixture, SZ_2M, SZ_2M, SZ_2M, &EPT_ATTRS_RAM);
	do_access(fixture, SZ_2M, true);
}

static void bad_ranges_are_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i, j;

	map_something(fixture);
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		struct request r = { .gpa = SZ_2M, .size = SZ_4K };

		KUNIT_EXPECT_EQ_MSG(test, functions[i].call(&r), -EINVAL, "%s", functions[i].name);
		r.ept = ERR_PTR(-ENOMEM);
		KUNIT_EXPECT_EQ_MSG(test, functions[i].call(&r), -EINVAL, "%s", functions[i].name);
		for (j = 0; j < ARRAY_SIZE(ranges); j++) {
			r = (struct request){ fixture->ept, ranges[j].gpa, ranges[j].size, NULL };
			KUNIT_EXPECT_EQ_MSG(test, functions[i].call(&r), ranges[j].error,
					    "%s: %s", functions[i].name, ranges[j].what);
		}
		r = (struct request){ fixture->ept, flat_width(fixture->flat), SZ_4K, NULL };
		KUNIT_EXPECT_EQ_MSG(test, functions[i].call(&r), -ERANGE, "%s", functions[i].name);
	}
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Which is never legal, and so comes before what lies beyond */
static void a_wrong_gather_comes_first(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *other = ept_create(&fixture->config);
	struct ept_gather gather;
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	map_something(fixture);
	ept_gather_init(&gather, other);
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		struct request r = { fixture->ept, 1ULL << 57, SZ_4K, &gather };

		KUNIT_EXPECT_EQ_MSG(test, functions[i].call(&r), -EINVAL, "%s", functions[i].name);
		r.gpa = SZ_2M;
		KUNIT_EXPECT_EQ_MSG(test, functions[i].call(&r), -EINVAL, "%s", functions[i].name);
	}
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	ept_destroy(other);
}

/* Beside a range that is right, and beside one that is beyond */
#define BEYOND	BIT_ULL(57)

static const struct ept_attrs write_alone = { .prot = EPT_PROT_WRITE, .memtype = EPT_MT_WB };
static const struct ept_attrs type_2 = { .prot = EPT_PROT_READ, .memtype = 2 };
static const struct ept_attrs unknown_flag = { .prot = EPT_PROT_READ, .flags = 64 };
static const struct ept_attrs tag_32 = { .prot = EPT_PROT_READ, .tag = 32 };
static const struct ept_attrs user_alone = { .prot = EPT_PROT_UEXEC, .memtype = EPT_MT_WB };
static const struct ept_attrs subpage = { .prot = EPT_PROT_READ, .flags = EPT_ATTR_SUBPAGE };

static void bad_attributes_are_refused_in_order(struct kunit *test)
{
	static const struct ept_attrs *const bad[] = {
		NULL, &write_alone, &type_2, &unknown_flag, &tag_32,
	};
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	unsigned int i;

	map_something(fixture);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ(test, ept_set_attrs(ept, SZ_2M, SZ_4K, bad[i], NULL), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_set_attrs(ept, BEYOND, SZ_4K, bad[i], NULL), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_remap(ept, SZ_2M, 0, SZ_4K, bad[i], NULL), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_remap(ept, BEYOND, 0, SZ_4K, bad[i], NULL), -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, ept_remap(ept, SZ_2M, SZ_2K, SZ_4K, &subpage, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_remap(ept, SZ_2M, 1ULL << 52, SZ_4K, &subpage, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_set_memtype(ept, SZ_2M, SZ_4K, 2, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_set_memtype(ept, BEYOND, SZ_4K, 7, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_set_memtype(ept, SZ_2M, SZ_4K, 70, NULL), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* What this table lacks: after what lies beyond, and also where nothing is mapped */
static void what_a_table_lacks_is_refused_last(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept *ept;

	config.features &= ~(EPT_FEATURE_SUBPAGE | EPT_FEATURE_EXEC_ONLY | EPT_FEATURE_AD);
	fixture_recreate(fixture, &config);
	ept = fixture->ept;
	must_map(fixture, SZ_2M, SZ_2M, SZ_2M, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_set_attrs(ept, BEYOND, SZ_4K, &subpage, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_set_attrs(ept, SZ_2M, SZ_4K, &subpage, NULL), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_set_attrs(ept, SZ_1G, SZ_4K, &subpage, NULL), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_set_attrs(ept, SZ_2M, SZ_4K, &user_alone, NULL), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_remap(ept, BEYOND, 0, SZ_4K, &subpage, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_remap(ept, SZ_2M, 0, SZ_4K, &subpage, NULL), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, SZ_2M, SZ_4K, NULL, false, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, BEYOND, SZ_4K, bitmap, false, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, SZ_2M, SZ_4K, bitmap, false, NULL),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_harvest_accessed(ept, SZ_2M, SZ_4K, bitmap, true, NULL),
			-EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void levels_are_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	int largest = fixture->config.max_leaf, level;

	must_map(fixture, SZ_2M, SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	for (level = EPT_512G; level <= EPT_256T + 1; level++) {
		KUNIT_EXPECT_EQ(test, ept_split(ept, SZ_2M, SZ_4K, level, NULL), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_split(ept, BEYOND, SZ_4K, level, NULL), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_merge(ept, SZ_2M, SZ_4K, level), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_merge(ept, BEYOND, SZ_4K, level), -EINVAL);
	}
	for (level = EPT_4K; level <= EPT_1G; level++) {
		KUNIT_EXPECT_EQ(test, ept_merge(ept, BEYOND, SZ_4K, level), -ERANGE);
		KUNIT_EXPECT_EQ(test, ept_merge(ept, SZ_2M, SZ_4K, level),
				level > largest ? -EOPNOTSUPP : 0);
		/* A level that no leaf here can have is above all leaves. */
		KUNIT_EXPECT_EQ(test, ept_split(ept, SZ_2M, SZ_4K, level, NULL), 0);
	}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static struct kunit_case refuse_cases[] = {
	KUNIT_CASE_PARAM(bad_ranges_are_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(a_wrong_gather_comes_first, configs_gen_params),
	KUNIT_CASE_PARAM(bad_attributes_are_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(what_a_table_lacks_is_refused_last, configs_gen_params),
	KUNIT_CASE_PARAM(levels_are_refused_in_order, configs_gen_params),
	{}
};

static struct kunit_suite refuse_suite = {
	.name = "ept_refuse",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = refuse_cases,
};

kunit_test_suite(refuse_suite);
