// SPDX-License-Identifier: GPL-2.0
/*
 * What is refused by functions that change what is mapped: each of them, with each argument wrong,
 * and with more than one, of which the first in the list of errors counts. Nothing changes.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/mm.h>

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

/* Of any table */
#define BEYOND	BIT_ULL(57)

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

static int merge_gather(const struct request *r)
{
	return ept_merge_gather(r->ept, r->gpa, r->size, EPT_4K, r->gather);
}

/* With a number that has changed, which is the last thing to be wrong */
static int map_if(const struct request *r)
{
	static const unsigned long seq = 1;

	return r->gather ? -EINVAL : ept_map_if(r->ept, r->gpa, SZ_1G, r->size, &EPT_ATTRS_DEVICE,
						&seq, 0);
}

/* Without memory that is mapped, or not */
static int map_check(const struct request *r)
{
	return r->gather ? -EINVAL : ept_map_check(r->ept, r->gpa, SZ_1G, r->size,
						   &EPT_ATTRS_DEVICE);
}

static int install(const struct request *r)
{
	static const unsigned long seq = 1;

	return ept_install(r->ept, r->gpa, SZ_1G, r->size, &EPT_ATTRS_DEVICE, &seq, 0, r->gather);
}

static void tell(const struct ept_mapping *mapping, void *arg)
{
	++*(unsigned int *)arg;
}

static unsigned int told;

static int unmap_report(const struct request *r)
{
	return ept_unmap_report(r->ept, r->gpa, r->size, tell, &told, r->gather);
}

static int zap(const struct request *r)
{
	return ept_zap(r->ept, r->gpa, r->size, NULL, tell, &told, r->gather);
}

static int set_tag(const struct request *r)
{
	return ept_set_tag(r->ept, r->gpa, r->size, 1, r->gather);
}

static int redirect(const struct request *r)
{
	return ept_redirect(r->ept, r->gpa, SZ_1G, r->size, 0, 0, r->gather);
}

static int harvest(const struct request *r)
{
	return ept_harvest(r->ept, r->gpa, r->size,
			   &(struct ept_harvest){ .bitmap = bitmap, .first = 3 }, r->gather);
}

static int age(const struct request *r)
{
	return r->gather ? -EINVAL : ept_age(r->ept, r->gpa, r->size, true);
}

static int begin_cursor(const struct request *r)
{
	struct ept_cursor cursor;

	return r->gather ? -EINVAL : ept_cursor_init(&cursor, r->ept, r->gpa, r->size);
}

static const struct { const char *name; int (*call)(const struct request *r); } functions[] = {
	{ "map_if", map_if },
	{ "map_check", map_check },
	{ "install", install },
	{ "unmap_report", unmap_report },
	{ "zap", zap },
	{ "set_tag", set_tag },
	{ "redirect", redirect },
	{ "merge_gather", merge_gather },
	{ "harvest", harvest },
	{ "age", age },
	{ "cursor_init", begin_cursor },
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
	KUNIT_EXPECT_EQ(test, told, 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_grant_has_its_own_errors(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const unsigned long seq = 7;
	struct ept *ept = fixture->ept;
	struct ept_mapping hole = {};

	map_something(fixture);
	KUNIT_EXPECT_EQ(test, ept_grant(NULL, SZ_2M, EPT_PROT_READ, NULL, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_grant(ERR_PTR(-ENOMEM), SZ_2M, 1, NULL, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_grant(ept, BEYOND, EPT_PROT_WRITE, NULL, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_grant(ept, SZ_2M, 16, &seq, 6, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_grant(ept, BEYOND, EPT_PROT_READ, &seq, 6, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_grant(ept, ~0ULL, EPT_PROT_READ, NULL, 0, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_grant(ept, SZ_1G + 5, EPT_PROT_READ, &seq, 6, &hole), -EAGAIN);
	KUNIT_EXPECT_EQ(test, hole.size, 0);
	KUNIT_EXPECT_EQ(test, ept_grant(ept, SZ_1G + 5, EPT_PROT_READ, &seq, 7, &hole), -ENOENT);
	KUNIT_EXPECT_EQ(test, hole.gpa, SZ_1G);
	KUNIT_EXPECT_EQ(test, ept_grant(ept, SZ_2M, EPT_PROT_READ, &seq, 6, NULL), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ept_grant(ept, SZ_2M + 5, EPT_PROT_READ, &seq, 7, NULL), 1);
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
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(fixture->ept, BEYOND, &gather), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(fixture->ept, SZ_2M, &gather), -EINVAL);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	ept_destroy(other);
}

/* Beside a range that is right, and beside one that is beyond */
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

/* Before there is anything to map, and where something is mapped */
static void what_a_map_would_be_refused_for_is_known(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs *ram = &EPT_ATTRS_RAM;
	const struct ept_attrs write_only = { .prot = EPT_PROT_WRITE, .memtype = EPT_MT_WB };
	struct ept_attrs exec_only = { .prot = EPT_PROT_EXEC, .memtype = EPT_MT_WB };
	struct ept *ept = fixture->ept;
	const bool can = fixture->config.features & EPT_FEATURE_EXEC_ONLY;

	map_something(fixture);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, SZ_2M, 0, SZ_4M, ram), 0);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, SZ_1G, SZ_4K, SZ_4K, ram), 0);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, SZ_1G, 0, SZ_4K, &exec_only),
			can ? 0 : -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, BEYOND, 0, SZ_4K, &exec_only), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, SZ_1G, 1ULL << 52, SZ_4K, ram), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, SZ_1G, -SZ_4K, SZ_8K, ram), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, BEYOND, 0, SZ_4K, &write_only), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, BEYOND, SZ_2K, SZ_4K, ram), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, SZ_1G, 0, 0, ram), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_check(ept, SZ_1G, 0, SZ_4K, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_check(NULL, SZ_1G, 0, SZ_4K, ram), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/*
 * Each of the newer arguments, beside what is right, and beside what is beyond
 */

static void what_else_a_map_takes_is_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs *ram = &EPT_ATTRS_RAM;
	struct ept *ept = fixture->ept;
	const unsigned long seq = 7;

	map_something(fixture);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, BEYOND, 0, SZ_4K, ram, NULL, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_1G, 0, SZ_4K, ram, NULL, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, BEYOND, 0, SZ_4K, NULL, &seq, 7), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_1G, SZ_2K, SZ_4K, ram, &seq, 7), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_1G, 1ULL << 52, SZ_4K, ram, &seq, 6), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_2M, 0, SZ_4K, ram, &seq, 7), -EEXIST);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_1G, 0, SZ_4K, ram, &seq, 6), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_1G, 0, SZ_4M, ram, &seq, 6), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ept_install(ept, BEYOND, 0, SZ_4K, NULL, &seq, 7, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_install(ept, SZ_2M, 0, SZ_4K, &tag_32, NULL, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_install(ept, SZ_2M, SZ_2K, SZ_4K, ram, NULL, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_install(ept, SZ_2M, 1ULL << 52, SZ_4K, ram, NULL, 0, NULL),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, ept_install(ept, SZ_1G, 0, SZ_4K, ram, &seq, 6, NULL), -EAGAIN);
	/* Of another page, and in a part of a leaf */
	KUNIT_EXPECT_EQ(test, ept_install(ept, SZ_2M, 0, SZ_4K, ram, &seq, 6, NULL), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void what_else_a_change_takes_is_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;

	map_something(fixture);
	KUNIT_EXPECT_EQ(test, ept_set_tag(ept, BEYOND, SZ_4K, EPT_TAG_MAX + 1, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_set_tag(ept, SZ_2M, SZ_4K, 255, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_unmap_report(ept, BEYOND, SZ_4K, NULL, NULL, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_unmap_report(ept, SZ_2M, SZ_4K, NULL, NULL, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, BEYOND, SZ_2K, SZ_4K, 0, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, BEYOND, 0, SZ_4K, 16, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, BEYOND, 0, SZ_4K, 0, 16, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_2M, SZ_2K, SZ_4K, 0, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_2M, 1ULL << 52, SZ_4K, 0, 0, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_2M, -SZ_4K, SZ_8K, 0, 0, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_1G, 0, SZ_4K, 0, 0, NULL), -ENOENT);
	/* A hole at either end, and the result for what is mapped before the hole */
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_4M - SZ_4K, 0, SZ_8K, 0, 0, NULL), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_2M - SZ_4K, 0, SZ_8K, 0, 0, NULL), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_2M, 0, SZ_4K, EPT_PROT_READ, EPT_PROT_WRITE,
					   NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_4M - SZ_4K, 0, SZ_8K, EPT_PROT_READ,
					   EPT_PROT_WRITE, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_harvests_arguments_are_refused_in_order(struct kunit *test)
{
	const struct ept_harvest dirty = { .bitmap = bitmap }, no_bitmap = { .peek = true };
	struct fixture *fixture = test->priv;
	bool flags = fixture->config.features & EPT_FEATURE_AD;
	struct ept *ept = fixture->ept;

	map_something(fixture);
	KUNIT_EXPECT_EQ(test, ept_harvest(ept, BEYOND, SZ_4K, NULL, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_harvest(ept, BEYOND, SZ_4K, &no_bitmap, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_harvest(ept, SZ_2M, SZ_4K, &no_bitmap, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_harvest(ept, BEYOND, SZ_4K, &dirty, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(NULL, BEYOND, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, BEYOND + 5, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, ~0ULL, NULL), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, SZ_1G + 5, NULL), flags ? -ENOENT : -EOPNOTSUPP);
	if (!flags) {
		KUNIT_EXPECT_EQ(test, ept_harvest(ept, SZ_2M, SZ_4K, &dirty, NULL), -EOPNOTSUPP);
		KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, SZ_2M, NULL), -EOPNOTSUPP);
		KUNIT_EXPECT_EQ(test, ept_age(ept, SZ_2M, SZ_4K, true), -EOPNOTSUPP);
		KUNIT_EXPECT_EQ(test, ept_age(ept, BEYOND, SZ_4K, true), -ERANGE);
	}
	KUNIT_EXPECT_EQ(test, bitmap[0] | bitmap[1], 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static int fill(struct ept *ept, u64 gpa, struct page **pages, unsigned long nr,
		const struct ept_attrs *attrs, unsigned long *filled)
{
	return ept_fill_pages(ept, gpa, pages, nr, attrs, filled, NULL, 0);
}

static void pages_to_fill_with_are_refused_in_order(struct kunit *test)
{
	struct page *page = pfn_to_page(PHYS_PFN(SZ_16M)), *pages[] = { page, NULL };
	const struct ept_attrs *ram = &EPT_ATTRS_RAM;
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	unsigned long filled = 0;

	map_something(fixture);
	KUNIT_EXPECT_EQ(test, fill(NULL, 0, pages, 1, ram, &filled), -EINVAL);
	KUNIT_EXPECT_EQ(test, fill(ept, 0, NULL, 1, ram, &filled), -EINVAL);
	KUNIT_EXPECT_EQ(test, fill(ept, BEYOND, pages, 0, ram, &filled), -EINVAL);
	KUNIT_EXPECT_EQ(test, fill(ept, 0, pages, 2, ram, &filled), -EINVAL);
	KUNIT_EXPECT_EQ(test, fill(ept, BEYOND, pages, 1, ram, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, fill(ept, 0, pages, 1, NULL, &filled), -EINVAL);
	KUNIT_EXPECT_EQ(test, fill(ept, SZ_2K, pages, 1, ram, &filled), -EINVAL);
	KUNIT_EXPECT_EQ(test, fill(ept, BEYOND, pages, 1, &tag_32, &filled), -EINVAL);
	KUNIT_EXPECT_EQ(test, fill(ept, BEYOND, pages, 1, ram, &filled), -ERANGE);
	KUNIT_EXPECT_EQ(test, fill(ept, 0, pages, BIT_ULL(46), ram, &filled), -ERANGE);
	KUNIT_EXPECT_EQ(test, fill(ept, 0, pages, ~0UL, ram, &filled), -ERANGE);
	KUNIT_EXPECT_EQ(test, filled, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_clones_arguments_are_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept, *to = ept_create(&fixture->config);
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, to);
	map_something(fixture);
	KUNIT_EXPECT_EQ(test, ept_clone(NULL, ept, BEYOND, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_clone(to, NULL, BEYOND, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_clone(ept, ept, BEYOND, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_clone(ept, ept, SZ_1G, SZ_4K), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		KUNIT_EXPECT_EQ_MSG(test, ept_clone(to, ept, ranges[i].gpa, ranges[i].size),
				    ranges[i].error, "%s", ranges[i].what);
	KUNIT_EXPECT_EQ(test, ept_lookup(to, SZ_2M, &(struct ept_mapping){}), -ENOENT);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	ept_destroy(to);
}

static void the_rest_takes_null(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_mapping mapping;
	struct ept_cursor cursor;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, ept_cursor_init(NULL, ept, BEYOND, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_cursor_init(&cursor, ept, 0, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_cursor_next(NULL, &mapping), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_cursor_next(&cursor, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_make_atomic(NULL), -EINVAL);
	if (!(fixture->config.flags & EPT_CONFIG_EXTERNAL_LOCK))
		KUNIT_EXPECT_EQ(test, ept_make_atomic(ept), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_reserved(NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_tables_for(NULL, 0, SZ_4K, EPT_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_tables_for(ept, 0, SZ_4K, EPT_512G), 0);
	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		KUNIT_EXPECT_EQ_MSG(test, ept_tables_for(ept, ranges[i].gpa, ranges[i].size,
							 EPT_4K), 0, "%s", ranges[i].what);
	ept_gather_init(NULL, ept);
	ept_gather_flush(NULL);
	ept_gather_free(NULL);
	ept_flush(NULL);
	ept_sync_maps(NULL);
	KUNIT_EXPECT_EQ(test, ept_vcpu_load(NULL), 0);
	ept_vcpu_put(NULL);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

static struct kunit_case refuse_cases[] = {
	KUNIT_CASE_PARAM(what_a_map_would_be_refused_for_is_known, configs_gen_params),
	KUNIT_CASE_PARAM(what_else_a_map_takes_is_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(a_grant_has_its_own_errors, configs_gen_params),
	KUNIT_CASE_PARAM(what_else_a_change_takes_is_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(a_harvests_arguments_are_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(pages_to_fill_with_are_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(a_clones_arguments_are_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(the_rest_takes_null, configs_gen_params),
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
