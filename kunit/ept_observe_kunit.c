// SPDX-License-Identifier: GPL-2.0
/*
 * Tables that come, change in every way, and go, for whoever looks at their files and at the trace
 * meanwhile. To look is the work of a script in the guest; what is done here has to succeed.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sizes.h>

#include "ept_priv.h"
#include "fixture.h"

static unsigned int observe_ms = 120;
module_param(observe_ms, uint, 0444);
MODULE_PARM_DESC(observe_ms, "for how long tables come and go");

static bool observe_over;
module_param(observe_over, bool, 0600);
MODULE_PARM_DESC(observe_over, "the observers have seen enough");

static bool observe_leave;
module_param(observe_leave, bool, 0444);
MODULE_PARM_DESC(observe_leave, "leave a table behind, for whoever looks whether ept.ko says so");

/* Long enough for a reader to find it */
#define LIFE_MS		50

#define BASE		(SZ_1G - SZ_1M)
#define SIZE		SZ_4M

/* The script searches the trace for this map. */
#define TRACED_GPA	0x7ff000ULL
#define TRACED_HPA	0x123000ULL

#define CONFIG(_levels, _leaf, _flags) {	\
	.name = "observed",			\
	.levels = (_levels),			\
	.max_leaf = (_leaf),			\
	.maxphyaddr = 46,			\
	.features = EPT_FEATURE_AD,		\
	.flags = (_flags),			\
	.table_memtype = EPT_MT_WB,		\
	.nid = NUMA_NO_NODE,			\
}

static const struct ept_config observed_configs[] = {
	CONFIG(4, EPT_1G, 0),
	CONFIG(5, EPT_2M, 0),
	CONFIG(4, EPT_1G, EPT_CONFIG_EXTERNAL_LOCK),
};

/* Whoever reads files doesn't have it. */
static DEFINE_MUTEX(clients_lock);

static int change_in_every_way(struct ept *ept)
{
	DECLARE_BITMAP(bitmap, SZ_2M / SZ_4K) = { };
	struct page *pages[] = { ZERO_PAGE(0), ZERO_PAGE(0) };
	const struct ept_attrs ram = EPT_ATTRS_RAM;

	return ept_map(ept, TRACED_GPA, TRACED_HPA, SZ_4K, &ram) ?:
	       ept_map(ept, BASE, BASE, SIZE, &ram) ?:
	       ept_map_pages(ept, SZ_4G, pages, ARRAY_SIZE(pages), &ram) ?:
	       ept_split(ept, BASE, SIZE, EPT_4K, NULL) ?:
	       ept_protect(ept, BASE + SZ_4K, SZ_64K, EPT_PROT_WRITE, 0, NULL) ?:
	       ept_set_memtype(ept, BASE, SZ_64K, EPT_MT_UC, NULL) ?:
	       ept_harvest_dirty(ept, BASE, SZ_2M, bitmap, false, NULL) ?:
	       ept_set_attrs(ept, BASE, SIZE, &ram, NULL) ?:
	       min(ept_merge(ept, BASE, SIZE, EPT_2M), 0) ?:
	       ept_remap(ept, BASE, BASE + SZ_1G, SIZE - SZ_4K, &ram, NULL) ?:
	       ept_unmap(ept, 0, SZ_1G, NULL) ?:
	       ept_unmap(ept, SZ_1G, SZ_4G, NULL);
}

static void live_and_go(struct kunit *test, const struct ept_config *config)
{
	const unsigned long death = jiffies + msecs_to_jiffies(LIFE_MS);
	struct ept *ept = ept_create(config);
	int err;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	ept_debugfs_settle();
	if (config->flags & EPT_CONFIG_EXTERNAL_LOCK)
		ept_set_external_lock(ept, &clients_lock);
	do {
		mutex_lock(&clients_lock);
		err = change_in_every_way(ept);
		mutex_unlock(&clients_lock);
		cond_resched();
	} while (!err && time_before(jiffies, death));
	KUNIT_EXPECT_EQ(test, err, 0);
	ept_destroy(ept);
}

/* Under another name, as nobody should find that it stays */
static void leave_one(struct kunit *test)
{
	struct ept_config config = observed_configs[0];

	config.name = "left";
	KUNIT_EXPECT_FALSE(test, IS_ERR(ept_create(&config)));
}

static void tables_change_and_go(struct kunit *test)
{
	const unsigned long end = jiffies + msecs_to_jiffies(observe_ms);
	const u64 before = table_pages();
	unsigned int i = 0;

	do
		live_and_go(test, &observed_configs[i++ % ARRAY_SIZE(observed_configs)]);
	while (READ_ONCE(test->status) == KUNIT_SUCCESS && !READ_ONCE(observe_over) &&
	       time_before(jiffies, end));
	KUNIT_EXPECT_EQ(test, table_pages(), before);
	if (observe_leave)
		leave_one(test);
}

static struct kunit_case observe_cases[] = {
	KUNIT_CASE(tables_change_and_go),
	{}
};

static struct kunit_suite observe_suite = {
	.name = "ept_observe",
	.test_cases = observe_cases,
};

kunit_test_suite(observe_suite);
