// SPDX-License-Identifier: GPL-2.0
/* Set-up and end of each case. */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/module.h>

#include "ept_table.h"
#include "fixture.h"

#define ALL_FEATURES								\
	(EPT_FEATURE_AD | EPT_FEATURE_EXEC_ONLY | EPT_FEATURE_MODE_EXEC |	\
	 EPT_FEATURE_VE | EPT_FEATURE_PAGING_WRITE | EPT_FEATURE_VERIFY_PAGING |	\
	 EPT_FEATURE_SUPER_SHADOW | EPT_FEATURE_SUBPAGE)

#define AD	EPT_FEATURE_AD
#define XO	EPT_FEATURE_EXEC_ONLY
#define MBEC	EPT_FEATURE_MODE_EXEC
#define VE	EPT_FEATURE_VE
#define WB	EPT_MT_WB
#define UC	EPT_MT_UC

static bool brief;
module_param(brief, bool, 0444);
MODULE_PARM_DESC(brief, "three configurations of fifteen, and a fraction of the steps of slow races");

/* Those that differ most */
static const unsigned long brief_configs = BIT(0) | BIT(9) | BIT(14);

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
	{ "4l_2m_mbec_ad", TABLE_FOR(4, EPT_2M, 39, WB, MBEC | AD, 0) },
	{ "4l_4k_mbec_xo_ad", TABLE_FOR(4, EPT_4K, 52, WB, MBEC | XO | AD, 0) },
	{ "5l_2m_mbec_xo_extlock",
	  TABLE_FOR(5, EPT_2M, 46, UC, MBEC | XO, EPT_CONFIG_EXTERNAL_LOCK) },
	{ "5l_1g_mbec_small_exec",
	  TABLE_FOR(5, EPT_1G, 46, WB, MBEC | AD, EPT_CONFIG_NO_EXEC_LARGE) },
	{ "5l_1g_all", TABLE_FOR(5, EPT_1G, 52, WB, ALL_FEATURES, 0) },
};

bool is_brief(void)
{
	return brief;
}

const void *next_config(const struct test_config *last, char *description)
{
	unsigned int i = last ? last - test_configs + 1 : 0;

	if (brief)
		i = find_next_bit(&brief_configs, NR_TEST_CONFIGS, i);
	if (i == NR_TEST_CONFIGS)
		return NULL;
	strscpy(description, test_configs[i].name, KUNIT_PARAM_DESC_SIZE);
	return &test_configs[i];
}

static void count_invalidation(struct ept *ept, void *cookie)
{
	struct fixture *fixture = cookie;

	if (!is_atomic(fixture))
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

int invept_works(u64 pointer, bool global)
{
	return 0;
}

u64 *fixture_entry(struct fixture *fixture, u64 gpa, unsigned int level)
{
	unsigned int l = fixture->config.levels - 1;
	u64 entry = fixture->eptp;

	for (;; l--) {
		u64 *where = &mmu_table(entry)[(gpa >> mmu_level_shift(l)) & (MMU_ENTRIES - 1)];

		if (l == level)
			return where;
		entry = READ_ONCE(*where);
		if (mmu_kind(&fixture->mmu, entry, l) != MMU_TABLE)
			return NULL;
	}
}

/* Where there is none, none is on its way back, which takes some ticks to wait for. */
u64 table_pages(void)
{
	if (ept_table_pages())
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
	fixture->shortages = 0;
	fixture->owed = false;
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

void fixture_make_atomic(struct fixture *fixture)
{
	struct ept_config config = fixture->config;

	config.flags |= EPT_CONFIG_ATOMIC;
	fixture_recreate(fixture, &config);
}

int fixture_init(struct kunit *test)
{
	const struct test_config *config = test->param_value;
	struct fixture *fixture;

	fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
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

EPT_IMPORT_NS;
MODULE_INFO(import_ns, "EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit suites of ept.ko");
MODULE_LICENSE("GPL");
