// SPDX-License-Identifier: GPL-2.0
/* Set-up and end of each case, and operations done to table and model alike. */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ept_table.h"
#include "fixture.h"

#define ALL_FEATURES								\
	(EPT_FEATURE_AD | EPT_FEATURE_EXEC_ONLY | EPT_FEATURE_MODE_EXEC |	\
	 EPT_FEATURE_VE | EPT_FEATURE_PAGING_WRITE | EPT_FEATURE_VERIFY_PAGING |	\
	 EPT_FEATURE_SUPER_SHADOW | EPT_FEATURE_SUBPAGE)

#define TABLE_FOR(_levels, _leaf, _maxphyaddr, _memtype, _features, _flags) {	\
	.levels = (_levels),						\
	.max_leaf = (_leaf),						\
	.maxphyaddr = (_maxphyaddr),					\
	.table_memtype = (_memtype),					\
	.features = (_features),					\
	.flags = (_flags),						\
	.nid = NUMA_NO_NODE,						\
}

#define AD	EPT_FEATURE_AD
#define XO	EPT_FEATURE_EXEC_ONLY
#define MBEC	EPT_FEATURE_MODE_EXEC
#define VE	EPT_FEATURE_VE
#define WB	EPT_MT_WB
#define UC	EPT_MT_UC

const struct test_config test_configs[NR_TEST_CONFIGS] = {
	{ "4l_1g_ad_xo", TABLE_FOR(4, EPT_1G, 46, WB, AD | XO, 0) },
	{ "4l_2m_xo", TABLE_FOR(4, EPT_2M, 40, WB, XO, 0) },
	{ "4l_4k_uc", TABLE_FOR(4, EPT_4K, 36, UC, 0, 0) },
	{ "4l_1g_ve_ad", TABLE_FOR(4, EPT_1G, 39, WB, VE | AD, 0) },
	{ "4l_1g_mbec_ad", TABLE_FOR(4, EPT_1G, 46, WB, MBEC | AD, 0) },
	{ "4l_1g_small_exec", TABLE_FOR(4, EPT_1G, 46, WB, XO | AD, EPT_CONFIG_NO_EXEC_LARGE) },
	{ "5l_1g", TABLE_FOR(5, EPT_1G, 52, WB, 0, 0) },
	{ "5l_1g_mbec_xo_ad", TABLE_FOR(5, EPT_1G, 46, WB, MBEC | XO | AD, 0) },
	{ "5l_2m_ve", TABLE_FOR(5, EPT_2M, 46, WB, VE, 0) },
	{ "5l_4k_ad_extlock", TABLE_FOR(5, EPT_4K, 46, WB, AD, EPT_CONFIG_EXTERNAL_LOCK) },
	{ "5l_1g_all", TABLE_FOR(5, EPT_1G, 52, WB, ALL_FEATURES, 0) },
};

static void count_invalidation(struct ept *ept, void *cookie)
{
	struct fixture *fixture = cookie;

	might_sleep();
	fixture->invalidations++;
	if (fixture->on_invalidate)
		fixture->on_invalidate(fixture);
}

void mmu_for_config(struct mmu *mmu, const struct ept_config *config)
{
	*mmu = (struct mmu){
		.maxphyaddr = config->maxphyaddr,
		.exec_only = config->features & EPT_FEATURE_EXEC_ONLY,
		.walk_4 = config->levels == 4,
		.walk_5 = config->levels == 5,
		.tables_uc = config->table_memtype == EPT_MT_UC,
		.tables_wb = config->table_memtype == EPT_MT_WB,
		.leaf_2m = config->max_leaf >= EPT_2M,
		.leaf_1g = config->max_leaf >= EPT_1G,
		.accessed_dirty = config->features & EPT_FEATURE_AD,
		.shadow_stack = config->features & EPT_FEATURE_SUPER_SHADOW,
		.mode_exec = config->features & EPT_FEATURE_MODE_EXEC,
		.ve = config->features & EPT_FEATURE_VE,
	};
}

u64 table_pages(void)
{
	ept_table_drain();
	return ept_table_pages();
}

static void teardown(struct fixture *fixture)
{
	if (!IS_ERR_OR_NULL(fixture->ept))
		ept_destroy(fixture->ept);
	flat_destroy(fixture->flat);
	fixture->ept = NULL;
	fixture->flat = NULL;
}

static void setup(struct fixture *fixture, const struct ept_config *config)
{
	struct kunit *test = fixture->test;

	fixture->config = *config;
	fixture->config.ops = &fixture->ops;
	fixture->config.cookie = fixture;
	fixture->invalidations = 0;
	fixture->unit = flat_span(max(config->max_leaf, EPT_2M));
	mmu_for_config(&fixture->mmu, config);
	fixture->flat = flat_create(&fixture->config);
	KUNIT_ASSERT_NOT_NULL(test, fixture->flat);
	fixture->ept = ept_create(&fixture->config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fixture->ept);
	fixture->eptp = ept_pointer(fixture->ept);
}

void fixture_recreate(struct fixture *fixture, const struct ept_config *config)
{
	teardown(fixture);
	setup(fixture, config);
}

int fixture_init(struct kunit *test)
{
	const struct test_config *config = test->param_value;
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	test->priv = fixture;
	fixture->test = test;
	fixture->ops.invalidate = count_invalidation;
	fixture->pages_before = table_pages();
	setup(fixture, config ? &config->config : &test_configs[0].config);
	return 0;
}

void fixture_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	if (!fixture)
		return;
	teardown(fixture);
	KUNIT_EXPECT_EQ_MSG(test, table_pages(), fixture->pages_before, "pages of tables leaked");
}

/* What an operation returned; an error, too, where it succeeded but had to fail. */
static int answer(int ret, int expected)
{
	return ret || !expected ? ret : -EUCLEAN;
}

/* What the operation owes in invalidations, beside what it did. */
static void expect_invalidations(struct fixture *fixture, u64 before, struct ept_gather *gather)
{
	bool due = fixture->flat->flush_due;

	if (gather) {
		fixture->owed |= due;
		due = false;
	}
	KUNIT_EXPECT_EQ_MSG(fixture->test, fixture->invalidations - before, due,
			    "invalidations of one operation");
}

int do_map(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	u64 before = fixture->invalidations;
	int expected = flat_map(fixture->flat, gpa, hpa, size, attrs);
	int ret = ept_map(fixture->ept, gpa, hpa, size, attrs);

	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "map %#llx to %#llx size %#llx",
			    gpa, hpa, size);
	expect_invalidations(fixture, before, NULL);
	return answer(ret, expected);
}

int do_map_pages(struct fixture *fixture, u64 gpa, const u64 *hpas, unsigned long nr,
		 const struct ept_attrs *attrs)
{
	struct page **pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	u64 before = fixture->invalidations;
	unsigned long i;
	int expected, ret;

	KUNIT_ASSERT_NOT_NULL(fixture->test, pages);
	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(PHYS_PFN(hpas[i]));
	expected = flat_map_pages(fixture->flat, gpa, hpas, nr, attrs);
	ret = ept_map_pages(fixture->ept, gpa, pages, nr, attrs);
	kvfree(pages);
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "map %lu pages to %#llx", nr, gpa);
	expect_invalidations(fixture, before, NULL);
	return answer(ret, expected);
}

int do_unmap(struct fixture *fixture, u64 gpa, u64 size, struct ept_gather *gather)
{
	u64 before = fixture->invalidations;
	int expected = flat_unmap(fixture->flat, gpa, size);
	int ret = ept_unmap(fixture->ept, gpa, size, gather);

	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "unmap %#llx size %#llx", gpa, size);
	expect_invalidations(fixture, before, gather);
	return answer(ret, expected);
}

int do_protect(struct fixture *fixture, u64 gpa, u64 size, u32 clear, u32 set,
	       struct ept_gather *gather)
{
	u64 before = fixture->invalidations;
	int expected = flat_protect(fixture->flat, gpa, size, clear, set);
	int ret = ept_protect(fixture->ept, gpa, size, clear, set, gather);

	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "protect %#llx size %#llx -%x +%x",
			    gpa, size, clear, set);
	expect_invalidations(fixture, before, gather);
	return answer(ret, expected);
}

void do_flush(struct fixture *fixture, struct ept_gather *gather)
{
	u64 before = fixture->invalidations;

	ept_gather_flush(gather);
	KUNIT_EXPECT_EQ_MSG(fixture->test, fixture->invalidations - before, fixture->owed,
			    "invalidations of one gather");
	fixture->owed = false;
}

void do_access(struct fixture *fixture, u64 gpa, bool write)
{
	const struct mmu_access access = { .read = true, .write = write };
	struct mmu_result result;

	mmu_access(&fixture->mmu, fixture->eptp, gpa, &access, &result);
	KUNIT_ASSERT_EQ(fixture->test, result.verdict, MMU_OK);
	if (fixture->config.features & EPT_FEATURE_AD)
		flat_mark(fixture->flat, gpa, write);
}

void must_map(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	KUNIT_ASSERT_EQ(fixture->test, do_map(fixture, gpa, hpa, size, attrs), 0);
}

void must_unmap(struct fixture *fixture, u64 gpa, u64 size)
{
	KUNIT_ASSERT_EQ(fixture->test, do_unmap(fixture, gpa, size, NULL), 0);
}

void must_protect(struct fixture *fixture, u64 gpa, u64 size, u32 clear, u32 set)
{
	KUNIT_ASSERT_EQ(fixture->test, do_protect(fixture, gpa, size, clear, set, NULL), 0);
}

EPT_IMPORT_NS;
MODULE_INFO(import_ns, "EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit suites of ept.ko");
MODULE_LICENSE("GPL");
