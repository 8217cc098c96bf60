// SPDX-License-Identifier: GPL-2.0
/*
 * A client in small that shows its guest three views of one memory, as a thin hypervisor does that
 * hides its hooks: a hooked page is executed in one view and read in another. Tables are atomic, a
 * hook changes all of them or none, and one invalidation serves the three.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/smp.h>

#include "ept_priv.h"
#include "fixture.h"

#define HOST		(4ULL * SZ_1G)
#define SHADOW		(8ULL * SZ_1G)
#define MEMORY		((u64)SZ_8M)
#define RWX		(EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC)
#define HOOK		7		/* the tag of what is hooked */

enum view {
	PLAIN,				/* no fetch from a hooked page */
	EXECUTES,			/* the shadow of the page, for nothing but fetches */
	READS,				/* as PLAIN, for a guest that only looks */
	VIEWS,
};

struct views {
	struct kunit		*test;
	struct ept_ops		ops;
	struct ept_config	config;
	struct mmu		mmu;
	struct ept		*ept[VIEWS];
	struct ept_gather	gathers[VIEWS];
	struct ept_gather	*all[VIEWS];
	unsigned int		told;		/* by the library, to invalidate */
	unsigned long		pages_before;
};

static void count_told(struct ept *ept, void *cookie)
{
	struct views *views = cookie;

	views->told++;
}

static struct ept *new_view(struct views *views)
{
	struct ept *ept = ept_create(&views->config);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(views->test, ept);
	return ept;
}

/* Filled at leisure, and atomic from then on. */
static void make_views(struct views *views)
{
	struct kunit *test = views->test;
	unsigned int i;

	for (i = 0; i < VIEWS; i++) {
		views->ept[i] = new_view(views);
		if (i == PLAIN)
			KUNIT_ASSERT_EQ(test, ept_map(views->ept[i], 0, HOST, MEMORY,
						      &EPT_ATTRS_RAM), 0);
		else
			KUNIT_ASSERT_EQ(test, ept_clone(views->ept[i], views->ept[PLAIN], 0,
							2 * MEMORY), 0);
	}
	for (i = 0; i < VIEWS; i++) {
		KUNIT_ASSERT_EQ(test, ept_make_atomic(views->ept[i]), 0);
		ept_gather_init(&views->gathers[i], views->ept[i]);
		views->all[i] = &views->gathers[i];
	}
}

static void use_flush(struct views *views, bool own)
{
	views->config.ops = own ? NULL : &views->ops;
	make_views(views);
}

static int init_views(struct kunit *test)
{
	struct views *views = kunit_kzalloc(test, sizeof(*views), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, views);
	test->priv = views;
	views->test = test;
	views->ops.invalidate = count_told;
	views->pages_before = table_pages();
	views->config = (struct ept_config)
		TABLE_FOR(4, EPT_2M, 46, EPT_MT_WB, EPT_FEATURE_EXEC_ONLY | EPT_FEATURE_VE,
			  EPT_CONFIG_EXTERNAL_LOCK);
	views->config.cookie = views;
	mmu_for_config(&views->mmu, &views->config);
	return 0;
}

static void exit_views(struct kunit *test)
{
	struct views *views = test->priv;
	unsigned int i;

	ept_hooks.invept = NULL;
	if (!views)
		return;
	for (i = 0; i < VIEWS; i++) {
		KUNIT_EXPECT_EQ(test, ept_check(views->ept[i], NULL), 0);
		ept_destroy(views->ept[i]);
	}
	KUNIT_EXPECT_EQ_MSG(test, table_pages(), views->pages_before, "pages of tables leaked");
}

/*
 * Hooks. Where nothing may sleep the changes are made, and nothing is flushed.
 */

static int hook_view(struct views *views, enum view i, u64 gpa)
{
	struct ept_gather *gather = views->all[i];
	struct ept *ept = views->ept[i];
	int err = i == EXECUTES ?
		  ept_redirect(ept, gpa, SHADOW + gpa, SZ_4K, EPT_PROT_READ | EPT_PROT_WRITE,
			       EPT_PROT_EXEC, gather) :
		  ept_protect(ept, gpa, SZ_4K, EPT_PROT_EXEC | EPT_PROT_UEXEC, 0, gather);

	return err ?: ept_set_tag(ept, gpa, SZ_4K, HOOK, gather);
}

/* Takes no tables: the leaf is as small as that already. */
static void unhook_view(struct views *views, enum view i, u64 gpa)
{
	struct ept_gather *gather = views->all[i];
	struct ept *ept = views->ept[i];

	KUNIT_EXPECT_EQ(views->test,
			ept_redirect(ept, gpa, HOST + gpa, SZ_4K, 0, RWX, gather), 0);
	KUNIT_EXPECT_EQ(views->test, ept_set_tag(ept, gpa, SZ_4K, 0, gather), 0);
}

static int hook(struct views *views, u64 gpa)
{
	unsigned long irqs;
	unsigned int i;
	int err = 0;

	local_irq_save(irqs);
	for (i = 0; !err && i < VIEWS; i++)
		err = hook_view(views, i, gpa);
	for (i = err ? i - 1 : 0; i; i--)
		unhook_view(views, i - 1, gpa);
	local_irq_restore(irqs);
	return err;
}

static void reserve(struct views *views, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < VIEWS; i++)
		KUNIT_ASSERT_EQ(views->test, ept_reserve(views->ept[i], nr), 0);
}

static struct mmu_result look(struct views *views, enum view i, u64 gpa,
			      const struct mmu_access *access)
{
	struct mmu_result result;

	mmu_look(&views->mmu, ept_pointer(views->ept[i]), gpa, access, &result);
	return result;
}

static const struct mmu_access any_use = { .read = true, .write = true, .fetch = true };
static const struct mmu_access only_read = { .read = true };
static const struct mmu_access only_fetch = { .fetch = true };

static void expect_unhooked(struct views *views, u64 gpa, u64 size)
{
	unsigned int i;
	u64 end = gpa + size;

	for (; gpa < end; gpa += SZ_4K) {
		for (i = 0; i < VIEWS; i++) {
			struct mmu_result result = look(views, i, gpa, &any_use);

			if (result.verdict != MMU_OK || result.hpa != HOST + gpa)
				KUNIT_FAIL(views->test, "view %u, page %#llx: verdict %d, %#llx",
					   i, gpa, result.verdict, result.hpa);
		}
	}
}

static void expect_hooked(struct views *views, u64 gpa)
{
	struct kunit *test = views->test;
	unsigned int i;

	for (i = 0; i < VIEWS; i++) {
		struct mmu_result read = look(views, i, gpa, &only_read);
		struct mmu_result fetch = look(views, i, gpa, &only_fetch);

		if (i == EXECUTES) {
			KUNIT_EXPECT_EQ(test, read.verdict, MMU_VIOLATION);
			KUNIT_EXPECT_EQ(test, fetch.verdict, MMU_OK);
			KUNIT_EXPECT_EQ(test, fetch.hpa, SHADOW + gpa);
		} else {
			KUNIT_EXPECT_EQ(test, read.verdict, MMU_OK);
			KUNIT_EXPECT_EQ(test, read.hpa, HOST + gpa);
			KUNIT_EXPECT_EQ(test, fetch.verdict, MMU_VIOLATION);
		}
	}
}

/*
 * One invalidation
 */

static void load_all(void *arg)
{
	struct views *views = arg;
	unsigned int i;

	for (i = 0; i < VIEWS; i++)
		ept_vcpu_load(views->ept[i]);
}

static void put_all(void *arg)
{
	struct views *views = arg;
	unsigned int i;

	for (i = 0; i < VIEWS; i++)
		ept_vcpu_put(views->ept[i]);
}

static void expect_flushes(struct views *views, u64 flushes, u64 interrupts)
{
	struct ept_stats stats;
	unsigned int i;

	for (i = 0; i < VIEWS; i++) {
		ept_get_stats(views->ept[i], &stats);
		KUNIT_EXPECT_EQ_MSG(views->test, stats.flushes, flushes, "view %u", i);
		KUNIT_EXPECT_EQ_MSG(views->test, stats.interrupts, interrupts, "view %u", i);
	}
}

/* As VMX root does it: the client invalidates all contexts, and then frees. */
static void a_clients_own_invalidation_serves_all_views(struct kunit *test)
{
	struct views *views = test->priv;
	unsigned int i;

	use_flush(views, false);
	reserve(views, 1);
	KUNIT_EXPECT_EQ(test, hook(views, SZ_64K), 0);
	expect_hooked(views, SZ_64K);
	/* Here the client runs INVEPT of all contexts on each CPU. */
	for (i = 0; i < VIEWS; i++)
		ept_gather_free(views->all[i]);
	ept_gather_flush_all(views->all, VIEWS);
	KUNIT_EXPECT_EQ(test, views->told, 0);
	expect_flushes(views, 0, 0);
	/* What comes after it is owed, but not where rights are given back. */
	unhook_view(views, PLAIN, SZ_64K);
	ept_gather_flush_all(views->all, VIEWS);
	KUNIT_EXPECT_EQ(test, views->told, 0);
	unhook_view(views, EXECUTES, SZ_64K);
	ept_gather_flush_all(views->all, VIEWS);
	KUNIT_EXPECT_EQ(test, views->told, 1);
}

/* The CPU that runs all three is interrupted once for them, and not where none has changed. */
static void one_flush_serves_all_views(struct kunit *test)
{
	bool several = num_online_cpus() > 1;
	struct views *views = test->priv;
	unsigned int here, there;

	use_flush(views, true);
	reserve(views, 1);
	ept_hooks.invept = invept_works;
	here = get_cpu();
	there = several ? cpumask_any_but(cpu_online_mask, here) : here;
	smp_call_function_single(there, load_all, views, true);
	KUNIT_EXPECT_EQ(test, hook(views, SZ_64K), 0);
	expect_flushes(views, 0, 0);
	ept_gather_flush_all(views->all, VIEWS);
	expect_flushes(views, 1, several);
	ept_gather_flush_all(views->all, VIEWS);
	expect_flushes(views, 1, several);
	smp_call_function_single(there, put_all, views, true);
	put_cpu();
	expect_hooked(views, SZ_64K);
	expect_unhooked(views, 0, SZ_64K);
	expect_unhooked(views, SZ_64K + SZ_4K, MEMORY - SZ_64K - SZ_4K);
}

/*
 * All or none
 */

static void a_hook_that_fails_leaves_all_views_as_they_were(struct kunit *test)
{
	struct views *views = test->priv;
	unsigned int supplied, i;

	use_flush(views, false);
	for (supplied = 0; supplied < VIEWS; supplied++) {
		for (i = 0; i < supplied; i++)
			KUNIT_ASSERT_EQ(test, ept_reserve(views->ept[i], 1), 0);
		KUNIT_EXPECT_EQ(test, hook(views, supplied * (u64)SZ_2M), -ENOMEM);
		ept_gather_flush_all(views->all, VIEWS);
		KUNIT_EXPECT_EQ(test, views->told, supplied * (supplied + 1) / 2);
		expect_unhooked(views, 0, MEMORY);
	}
	reserve(views, 1);
	KUNIT_EXPECT_EQ(test, hook(views, VIEWS * (u64)SZ_2M), 0);
	ept_gather_flush_all(views->all, VIEWS);
	expect_hooked(views, VIEWS * (u64)SZ_2M);
	for (i = 0; i < VIEWS; i++)
		KUNIT_EXPECT_EQ(test, ept_reserved(views->ept[i]), 0);
}

/*
 * What the guest is told
 */

/* What isn't there is the hypervisor's business, and what is hooked the guest's own agent's. */
static void holes_exit_and_hooks_are_exceptions(struct kunit *test)
{
	struct views *views = test->priv;
	unsigned int i;

	use_flush(views, false);
	reserve(views, 1);
	KUNIT_EXPECT_EQ(test, hook(views, 0), 0);
	ept_gather_flush_all(views->all, VIEWS);
	for (i = 0; i < VIEWS; i++) {
		struct mmu_result hole = look(views, i, MEMORY, &only_read);
		struct mmu_result hooked = look(views, i, 0, &any_use);

		KUNIT_EXPECT_EQ(test, hole.verdict, MMU_VIOLATION);
		KUNIT_EXPECT_FALSE(test, hole.convertible);
		KUNIT_EXPECT_EQ(test, hooked.verdict, MMU_VIOLATION);
		KUNIT_EXPECT_TRUE(test, hooked.convertible);
	}
}

/*
 * Tags
 */

static const u64 hooked_pages[] = { 0, SZ_4K, SZ_2M - SZ_4K, SZ_2M, SZ_4M + SZ_64K };

/* Finds them by their tags alone, and changes the table on its way. */
static u64 unhook_all(struct views *views, enum view i)
{
	struct ept_mapping mapping;
	struct ept_cursor cursor;
	u64 found = 0, offset;

	KUNIT_ASSERT_EQ(views->test, ept_cursor_init(&cursor, views->ept[i], 0, MEMORY), 0);
	while (!ept_cursor_next(&cursor, &mapping)) {
		if (mapping.attrs.tag != HOOK)
			continue;
		for (offset = 0; offset < mapping.size; offset += SZ_4K)
			unhook_view(views, i, mapping.gpa + offset);
		found += mapping.size / SZ_4K;
	}
	return found;
}

static void tags_are_the_list_of_hooks(struct kunit *test)
{
	struct views *views = test->priv;
	unsigned int i;

	use_flush(views, false);
	reserve(views, 3);
	for (i = 0; i < ARRAY_SIZE(hooked_pages); i++)
		KUNIT_EXPECT_EQ(test, hook(views, hooked_pages[i]), 0);
	ept_gather_flush_all(views->all, VIEWS);
	KUNIT_EXPECT_EQ(test, views->told, VIEWS);
	for (i = 0; i < ARRAY_SIZE(hooked_pages); i++)
		expect_hooked(views, hooked_pages[i]);
	for (i = 0; i < VIEWS; i++) {
		KUNIT_EXPECT_EQ(test, unhook_all(views, i), ARRAY_SIZE(hooked_pages));
		KUNIT_EXPECT_EQ(test, unhook_all(views, i), 0);
	}
	ept_gather_flush_all(views->all, VIEWS);
	expect_unhooked(views, 0, MEMORY);
}

static struct kunit_case views_cases[] = {
	KUNIT_CASE(a_clients_own_invalidation_serves_all_views),
	KUNIT_CASE(one_flush_serves_all_views),
	KUNIT_CASE(a_hook_that_fails_leaves_all_views_as_they_were),
	KUNIT_CASE(holes_exit_and_hooks_are_exceptions),
	KUNIT_CASE(tags_are_the_list_of_hooks),
	{}
};

static struct kunit_suite views_suite = {
	.name = "ept_mini_views",
	.init = init_views,
	.exit = exit_views,
	.test_cases = views_cases,
};

kunit_test_suite(views_suite);
