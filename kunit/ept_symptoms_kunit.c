// SPDX-License-Identifier: GPL-2.0
/* What was wrong once, each case named after its symptom: it states what the header promises. */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "ept_op.h"
#include "ept_priv.h"
#include "ept_table.h"
#include "fixture.h"

static unsigned long dirty_pages(struct kunit *test, struct ept *ept, u64 gpa, u64 size, bool peek)
{
	unsigned long *bitmap = kunit_kzalloc(test, 8 + (size >> 15), GFP_KERNEL);

	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, gpa, size, bitmap, peek, NULL), 0);
	return bitmap_weight(bitmap, size >> 12);
}

/* 2M leaves merged into a 1G leaf, which is split into 4K leaves before the flush */
static void late_dirty_of_a_2m_leaf_survives_a_split(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather merged, split;
	unsigned long bit = 0;
	u64 *old;

	KUNIT_ASSERT_EQ(test, ept_map(ept, 0, 0, SZ_1G, &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_split(ept, 0, SZ_1G, EPT_2M, NULL), 0);
	old = fixture_entry(fixture, 0, EPT_2M);
	ept_gather_init(&merged, ept);
	ept_gather_init(&split, ept);
	KUNIT_ASSERT_EQ(test, ept_merge_gather(ept, 0, SZ_1G, EPT_1G, &merged), 1);
	KUNIT_ASSERT_EQ(test, ept_split(ept, 0, SZ_2M, EPT_4K, &split), 0);
	/* A CPU that has the old 2M leaf writes to its page 5. */
	*old |= EPT_PTE_AD;
	ept_gather_flush(&merged);
	ept_gather_flush(&split);
	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, 5 * SZ_4K, SZ_4K, &bit, true, NULL), 0);
	KUNIT_EXPECT_EQ_MSG(test, bit, 1UL, "the write to page 5 is lost; dirty pages: %lu",
			    dirty_pages(test, ept, 0, SZ_2M, true));
}

static void note_dirty(const struct ept_mapping *mapping, void *arg)
{
	*(int *)arg += mapping->dirty;
}

/* A CPU that knows the table that was merged sets no flag there that nobody hears of. */
static void a_report_misses_no_flag_of_a_merged_table(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather merged, gone;
	int reported = 0, set = 0;
	u64 *old;

	KUNIT_ASSERT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_split(ept, 0, SZ_2M, EPT_4K, NULL), 0);
	old = fixture_entry(fixture, 5 * SZ_4K, EPT_4K);
	ept_gather_init(&merged, ept);
	ept_gather_init(&gone, ept);
	KUNIT_ASSERT_EQ(test, ept_merge_gather(ept, 0, SZ_2M, EPT_2M, &merged), 1);
	KUNIT_ASSERT_EQ(test, ept_unmap_report(ept, 5 * SZ_4K, SZ_4K, note_dirty, &reported, &gone),
			0);
	/* A CPU that has the old PDE cached walks the old table. */
	if (*old & EPT_PTE_WRITE) {
		*old |= EPT_PTE_AD;
		set = 1;
	}
	ept_gather_flush(&gone);
	ept_gather_flush(&merged);
	KUNIT_EXPECT_EQ_MSG(test, reported, set, "page 5 was written to, and nobody is told");
}

/*
 * To the page that is there, and of a part of a leaf: the plan found nothing to change, a CPU read
 * from it then, and the commit had no table for the parts of the leaf whose flag it was to take.
 */
static void a_redirect_has_tables_for_a_leaf_that_is_marked_meanwhile(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;
	struct ept_mapping leaf;
	struct ept *ept;

	fixture_make_atomic(fixture);
	ept = fixture->ept;
	KUNIT_ASSERT_EQ(test, ept_reserve(ept, fixture->config.levels - 2), 0);
	KUNIT_ASSERT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_reserved(ept), 0);
	ept_gather_init(&gather, ept);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_64K, SZ_64K, SZ_4K, 0, 0, &gather), -ENOMEM);
	KUNIT_ASSERT_EQ(test, ept_reserve(ept, 1), 0);
	KUNIT_EXPECT_EQ(test, ept_redirect(ept, SZ_64K, SZ_64K, SZ_4K, 0, 0, &gather), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, SZ_64K, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.size, SZ_4K);
	KUNIT_EXPECT_EQ(test, leaf.hpa, SZ_64K);
	ept_gather_flush(&gather);
}

static void note_range(const struct ept_mapping *mapping, void *arg)
{
	*(u64 *)arg += mapping->size;
}

/* The leaf goes whole, and so do all the flags that were yet to be set in what it was made of. */
static void a_zap_leaves_no_flag_to_be_set_in_a_merged_table(struct kunit *test)
{
	static const unsigned int pages[] = { 0, 5, EPT_ENTRIES - 2, EPT_ENTRIES - 1 };
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;

	/* Leaves behind it are small. */
	KUNIT_ASSERT_EQ(test, ept_map(ept, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		struct ept_gather merged;
		u64 told = 0, *old;

		KUNIT_ASSERT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
		KUNIT_ASSERT_EQ(test, ept_split(ept, 0, SZ_2M, EPT_4K, NULL), 0);
		old = fixture_entry(fixture, 0, EPT_4K);
		ept_gather_init(&merged, ept);
		KUNIT_ASSERT_EQ(test, ept_merge_gather(ept, 0, SZ_2M, EPT_2M, &merged), 1);
		KUNIT_EXPECT_EQ(test, ept_zap(ept, pages[i] * SZ_4K, SZ_4K, NULL, note_range, &told,
					      &merged), 0);
		KUNIT_EXPECT_EQ(test, told, SZ_2M);
		for (unsigned int page = 0; page < EPT_ENTRIES; page++)
			KUNIT_EXPECT_FALSE_MSG(test, old[page] & EPT_PTE_RIGHTS,
					       "page %u, of the leaf around %u", page, pages[i]);
		ept_gather_flush(&merged);
	}
}

/* An exit handler may come where the reserve has a table that isn't counted, or the reverse. */
static void an_exit_amid_a_reserve_leaks_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept *ept;

	config.flags |= EPT_CONFIG_ATOMIC;
	fixture_recreate(fixture, &config);
	ept = fixture->ept;
	KUNIT_ASSERT_EQ(test, ept_reserve(ept, 1), 0);
	atomic_long_dec(&ept->store.nr_reserve);
	/* Here the exit comes. */
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM), -ENOMEM);
	KUNIT_EXPECT_LE(test, ept_reserved(ept), 1UL);
	atomic_long_inc(&ept->store.nr_reserve);
	/* fixture_exit() counts. */
}

/* A dirty flag that was there before the merge */
static void a_flag_is_reported_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather merged;

	KUNIT_ASSERT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_split(ept, 0, SZ_2M, EPT_4K, NULL), 0);
	*fixture_entry(fixture, 0, EPT_4K) |= EPT_PTE_AD;
	ept_gather_init(&merged, ept);
	KUNIT_ASSERT_EQ(test, ept_merge_gather(ept, 0, SZ_2M, EPT_2M, &merged), 1);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, 0, NULL), 1);
	/* All is flushed: no CPU wrote since. */
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, 0, NULL), 0);
	ept_gather_flush(&merged);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, 0, NULL), 0);
}

static struct ept *another(struct kunit *test, u32 features)
{
	struct ept_config config = test_configs[0].config;
	struct ept *ept;

	config.features = features;
	ept = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	return ept;
}

/* -EOPNOTSUPP comes before -EEXIST. */
static void a_clone_returns_the_first_error(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs exec = { .prot = EPT_PROT_EXEC, .memtype = EPT_MT_WB };
	struct ept *to = another(test, EPT_FEATURE_AD);

	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_4K, &exec), 0);
	KUNIT_EXPECT_EQ(test, ept_map(to, SZ_4K, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_clone(to, fixture->ept, 0, SZ_8K), -EOPNOTSUPP);
	/* Whichever mapping it is of */
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_8K, 0, SZ_4K, &exec), 0);
	KUNIT_EXPECT_EQ(test, ept_clone(to, fixture->ept, 0, SZ_16K), -EOPNOTSUPP);
	ept_destroy(to);
}

/* What CPUs did keeps no leaf small. */
static void a_clone_is_as_large_as_can_be(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *to = another(test, EPT_FEATURE_AD), *ept = fixture->ept;
	struct ept_mapping mapping;

	KUNIT_ASSERT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_split(ept, 0, SZ_2M, EPT_4K, NULL), 0);
	*fixture_entry(fixture, 5 * SZ_4K, EPT_4K) |= EPT_PTE_AD;
	KUNIT_EXPECT_EQ(test, ept_clone(to, ept, 0, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(to, 0, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, EPT_2M);
	ept_destroy(to);
}

/* The first of the header's list, which has -EAGAIN before -EEXIST */
static void a_map_if_returns_the_first_error(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned long seq = 1;

	KUNIT_ASSERT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_map_if(fixture->ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM, &seq, 0),
			-EAGAIN);
}

static struct kunit_case symptoms_cases[] = {
	KUNIT_CASE(late_dirty_of_a_2m_leaf_survives_a_split),
	KUNIT_CASE(a_report_misses_no_flag_of_a_merged_table),
	KUNIT_CASE(a_zap_leaves_no_flag_to_be_set_in_a_merged_table),
	KUNIT_CASE(a_redirect_has_tables_for_a_leaf_that_is_marked_meanwhile),
	KUNIT_CASE(an_exit_amid_a_reserve_leaks_nothing),
	KUNIT_CASE(a_flag_is_reported_once),
	KUNIT_CASE(a_clone_returns_the_first_error),
	KUNIT_CASE(a_clone_is_as_large_as_can_be),
	KUNIT_CASE(a_map_if_returns_the_first_error),
	{}
};

static struct kunit_suite symptoms_suite = {
	.name = "ept_symptoms",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = symptoms_cases,
};

kunit_test_suite(symptoms_suite);
