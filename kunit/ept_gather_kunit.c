// SPDX-License-Identifier: GPL-2.0
/* Gathers: when an invalidation is announced, and what may happen only after it. */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "ept_priv.h"
#include "ept_table.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static void a_gather_defers_one_invalidation(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;

	must_map(fixture, 0, 0, SZ_4M, &EPT_ATTRS_RAM);
	ept_gather_init(&gather, fixture->ept);
	KUNIT_EXPECT_EQ(test, do_protect(fixture, 0, SZ_4K, EPT_PROT_WRITE, 0, &gather), 0);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, SZ_2M, SZ_2M, &gather), 0);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, 0, SZ_64K, &gather), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	do_flush(fixture, &gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	/* It is as good as new. */
	do_flush(fixture, &gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, 0, SZ_2M, &gather), 0);
	do_flush(fixture, &gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_flush_of_nothing_announces_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;

	ept_gather_init(&gather, fixture->ept);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, 0, SZ_1G, &gather), 0);
	KUNIT_EXPECT_EQ(test, do_protect(fixture, 0, SZ_1G, 0, EPT_PROT_READ, &gather), 0);
	must_map(fixture, 0, 0, SZ_2M, &EPT_ATTRS_DEVICE);
	KUNIT_EXPECT_EQ(test, do_protect(fixture, 0, SZ_2M, 0, EPT_PROT_READ, &gather), 0);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, 0, SZ_1K, &gather), -EINVAL);
	do_flush(fixture, &gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

/* Stands for another CPU's calls, with NULL and with a gather, before the invalidation is done. */
static void find_what_was_done(struct fixture *fixture)
{
	struct ept *ept = fixture->ept;
	struct ept_gather gather;

	fixture->on_invalidate = NULL;
	ept_gather_init(&gather, ept);
	KUNIT_EXPECT_EQ(fixture->test, ept_unmap(ept, 0, SZ_4K, &gather), 0);
	KUNIT_EXPECT_EQ(fixture->test, fixture->invalidations, 1);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(fixture->test, fixture->invalidations, 2);
	/* That one began later, and is over. */
	KUNIT_EXPECT_EQ(fixture->test, ept_unmap(ept, 0, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(fixture->test, fixture->invalidations, 2);
}

/* Who finds nothing to do, as another call just did it, is as safe when it returns. */
static void a_flush_that_is_under_way_is_not_trusted(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;

	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	fixture->on_invalidate = find_what_was_done;
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	/* It is over. */
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
}

/*
 * As two mmu notifiers do that overlap: one unmapped, and its gather isn't flushed yet; the other
 * finds a hole, flushes a gather that owes nothing, and lets the page go.
 */
static void a_flush_covers_what_another_gather_owes(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather first, second;

	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	ept_gather_init(&first, ept);
	ept_gather_init(&second, ept);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, SZ_4K, SZ_4K, &first), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, SZ_4K, SZ_4K, &second), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	ept_gather_flush(&second);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	/* Nothing is left for the first one to do, but to free its tables. */
	ept_gather_flush(&first);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, SZ_8K, SZ_4K, &first), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, SZ_8K, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	ept_gather_flush(&first);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
}

/* Of another CPU, while a call's own flush is under way */
static void merge_meanwhile(struct fixture *fixture)
{
	u64 before = fixture->invalidations;

	fixture->on_invalidate = NULL;
	KUNIT_EXPECT_EQ(fixture->test, ept_merge(fixture->ept, 0, SZ_2M, EPT_2M), 1);
	KUNIT_EXPECT_EQ(fixture->test, fixture->invalidations, before + 1);
}

static void a_merge_invalidates_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;

	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_split(ept, 0, SZ_2M, EPT_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, SZ_1G, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	fixture->on_invalidate = merge_meanwhile;
	KUNIT_EXPECT_EQ(test, ept_protect(ept, SZ_1G, SZ_4K, EPT_PROT_WRITE, 0, NULL), 0);
	KUNIT_EXPECT_NULL(test, fixture->on_invalidate);
}

/* As one that is beaten to the flush of a merge's tables */
static void a_merge_of_nothing_flushes_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	must_map(fixture, 0, 0, SZ_2M, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_merge(fixture->ept, SZ_1G, SZ_4K, EPT_4K), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

/* A root that is used again has what CPUs cached of the last table that had it. */
static void a_table_that_goes_is_invalidated(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *other = ept_create(&fixture->config);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	ept_destroy(other);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
}

/* As where one table shadows another: lockdep is to say nothing. */
static void change_another_table(struct fixture *fixture)
{
	struct ept *other = fixture->arg;
	struct ept_gather gather;

	fixture->on_invalidate = NULL;
	ept_gather_init(&gather, other);
	KUNIT_EXPECT_EQ(fixture->test, ept_unmap(other, SZ_4K, SZ_4K, &gather), 0);
	KUNIT_EXPECT_EQ(fixture->test, ept_map(other, SZ_4K, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	ept_gather_flush(&gather);
}

static void an_invalidation_may_change_another_table(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept *ept = fixture->ept, *other;

	config.ops = NULL;
	other = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	KUNIT_EXPECT_EQ(test, ept_map(other, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	fixture->arg = other;
	fixture->on_invalidate = change_another_table;
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_4K, NULL), 0);
	KUNIT_EXPECT_NULL(test, fixture->on_invalidate);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	fixture->on_invalidate = change_another_table;
	KUNIT_EXPECT_EQ(test, ept_merge(ept, 0, SZ_2M, EPT_2M), 1);
	KUNIT_EXPECT_NULL(test, fixture->on_invalidate);
	ept_destroy(other);
}

/* Each of two merges has an invalidate that merges in the other table: lockdep says nothing. */
static void merge_another_table(struct fixture *fixture)
{
	struct ept *other = fixture->arg;

	if (other == fixture->ept)
		return;
	fixture->arg = fixture->ept;
	KUNIT_EXPECT_EQ(fixture->test, ept_merge(other, 0, SZ_2M, EPT_2M), 1);
	KUNIT_EXPECT_EQ(fixture->test, ept_map(fixture->ept, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
}

static void merges_that_change_each_others_tables_dont_hang(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *other = ept_create(&fixture->config);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	KUNIT_EXPECT_EQ(test, ept_map(other, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_split(other, 0, SZ_4K, EPT_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_split(fixture->ept, 0, SZ_4K, EPT_4K, NULL), 0);
	fixture->arg = other;
	fixture->on_invalidate = merge_another_table;
	KUNIT_EXPECT_EQ(test, ept_merge(fixture->ept, 0, SZ_2M, EPT_2M), 1);
	KUNIT_EXPECT_PTR_EQ(test, fixture->arg, (void *)fixture->ept);
	fixture->on_invalidate = NULL;
	ept_destroy(other);
}

static void an_unconditional_flush_announces_one(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	ept_flush(fixture->ept);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	ept_flush(fixture->ept);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* What was gathered before an error is still owed. */
static void an_error_leaves_the_gather_as_it_was(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;

	must_map(fixture, 0, 0, SZ_4M, &EPT_ATTRS_RAM);
	ept_gather_init(&gather, fixture->ept);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, 0, SZ_4K, &gather), 0);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, 0, 1, &gather), -EINVAL);
	KUNIT_EXPECT_EQ(test, do_protect(fixture, 0, SZ_4M, EPT_PROT_READ, 0, &gather), -EINVAL);
	do_flush(fixture, &gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_gather_of_another_table_is_refused(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *other = ept_create(&fixture->config);
	struct ept_gather gather;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	must_map(fixture, 0, 0, SZ_2M, &EPT_ATTRS_RAM);
	ept_gather_init(&gather, other);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_2M, &gather), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_protect(fixture->ept, 0, SZ_2M, EPT_PROT_WRITE, 0, &gather),
			-EINVAL);
	/* Before what else is wrong: the range is beyond. */
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 1ULL << 57, SZ_4K, &gather), -EINVAL);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	ept_destroy(other);
}

/* Tables that an operation unlinks, and what they held when it had. */
struct dead {
	unsigned int	nr;
	u64		*table[MMU_LEVELS];
	u64		*copy;
};

/* The tables below the root on the way to @gpa. */
static void find_tables(struct kunit *test, struct dead *dead, u64 gpa)
{
	struct fixture *fixture = test->priv;
	u64 entry = fixture->eptp;
	unsigned int level;

	dead->copy = kunit_kmalloc_array(test, MMU_LEVELS, SZ_4K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dead->copy);
	for (level = fixture->config.levels - 1; level; level--) {
		entry = mmu_table(entry)[(gpa >> mmu_level_shift(level)) & (MMU_ENTRIES - 1)];
		if (mmu_kind(&fixture->mmu, entry, level) != MMU_TABLE)
			break;
		dead->table[dead->nr++] = mmu_table(entry);
	}
}

static void remember_contents(const struct dead *dead)
{
	unsigned int i;

	for (i = 0; i < dead->nr; i++)
		memcpy(dead->copy + i * MMU_ENTRIES, dead->table[i], SZ_4K);
}

/* A CPU may walk them until the flush, and a reader until the end of its grace period. */
static bool was_written(const struct dead *dead)
{
	unsigned int i;

	for (i = 0; i < dead->nr; i++)
		if (memcmp(dead->table[i], dead->copy + i * MMU_ENTRIES, SZ_4K))
			return true;
	return false;
}

/* What the client saw when it was told to invalidate. */
struct moment {
	u64			gpa;
	enum mmu_verdict	verdict;
	unsigned long		pages;
	struct dead		dead;
	bool			written;
};

static void observe(struct fixture *fixture)
{
	const struct mmu_access read = { .read = true };
	struct moment *moment = fixture->arg;
	struct mmu_result result;

	mmu_look(&fixture->mmu, fixture->eptp, moment->gpa, &read, &result);
	moment->verdict = result.verdict;
	moment->pages = table_pages();
	moment->written = was_written(&moment->dead);
}

/* The law: unhook, invalidate, free. */
static void tables_are_unhooked_then_flushed_then_freed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct moment moment = { .gpa = SZ_1G + SZ_64K };
	unsigned long pages;

	must_map(fixture, SZ_1G, SZ_4K, SZ_2M, &EPT_ATTRS_RAM);
	pages = table_pages();
	fixture->arg = &moment;
	fixture->on_invalidate = observe;
	must_unmap(fixture, SZ_1G, SZ_2M);
	fixture->on_invalidate = NULL;
	KUNIT_EXPECT_EQ(test, moment.verdict, MMU_VIOLATION);
	KUNIT_EXPECT_EQ_MSG(test, moment.pages, pages, "freed before the flush");
	KUNIT_EXPECT_EQ(test, table_pages(), pages - (fixture->config.levels - 1));
}

static void a_gather_keeps_tables_until_its_flush(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct moment moment = { .gpa = SZ_1G };
	struct ept_gather gather;
	unsigned long pages;

	must_map(fixture, SZ_1G, SZ_4K, SZ_2M, &EPT_ATTRS_RAM);
	find_tables(test, &moment.dead, SZ_1G);
	KUNIT_EXPECT_EQ(test, moment.dead.nr, fixture->config.levels - 1);
	pages = table_pages();
	ept_gather_init(&gather, fixture->ept);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, SZ_1G, SZ_2M, &gather), 0);
	remember_contents(&moment.dead);
	KUNIT_EXPECT_EQ_MSG(test, table_pages(), pages, "freed without a flush");
	/* A range that lost its tables may be mapped anew while they wait. */
	must_map(fixture, SZ_1G, SZ_4K, SZ_2M, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, SZ_1G, SZ_1M, &gather), 0);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, SZ_1G, SZ_2M, &gather), 0);
	KUNIT_EXPECT_EQ(test, table_pages(), pages + moment.dead.nr);
	fixture->arg = &moment;
	fixture->on_invalidate = observe;
	do_flush(fixture, &gather);
	fixture->on_invalidate = NULL;
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, moment.pages, pages + moment.dead.nr);
	KUNIT_EXPECT_FALSE_MSG(test, moment.written, "a dead table was written to");
	KUNIT_EXPECT_EQ(test, table_pages(), pages - moment.dead.nr);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* The parts translate as the whole did, all the while: nothing is missing at any flush. */
static void observe_the_rest(struct fixture *fixture)
{
	const struct mmu_access write = { .write = true };
	unsigned int *missing = fixture->arg;
	struct mmu_result result;
	u64 base = fixture_base(fixture), offset;

	for (offset = 0; offset < SZ_2M; offset += SZ_4K) {
		mmu_look(&fixture->mmu, fixture->eptp, base + offset, &write, &result);
		if (result.verdict != (offset == SZ_64K ? MMU_VIOLATION : MMU_OK))
			++*missing;
	}
}

static void the_rest_of_a_split_leaf_is_never_missing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);
	unsigned int missing = 0;

	must_map(fixture, base, 0, fixture->unit, &EPT_ATTRS_RAM);
	fixture->arg = &missing;
	fixture->on_invalidate = observe_the_rest;
	must_protect(fixture, base + SZ_64K, SZ_4K, EPT_PROT_WRITE, 0);
	must_unmap(fixture, base + SZ_64K, SZ_4K);
	fixture->on_invalidate = NULL;
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_EQ(test, missing, 0);
}

/* A table without an invalidate of its own: no CPU runs it, so that nobody is to be interrupted. */
static void the_modules_own_flush_interrupts_nobody_idle(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept_stats stats;
	struct ept *ept;

	config.ops = NULL;
	ept = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_4K, NULL), 0);
	ept_flush(ept);
	ept_get_stats(ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.flushes, 2);
	KUNIT_EXPECT_EQ(test, stats.interrupts, 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	ept_destroy(ept);
}

static void load(void *ept)
{
	ept_vcpu_load(ept);
}

static void put(void *ept)
{
	ept_vcpu_put(ept);
}

/* An expectation that fails may sleep, so not within. */
static int load_here(struct ept *ept)
{
	int err;

	preempt_disable();
	err = ept_vcpu_load(ept);
	preempt_enable();
	return err;
}

static void put_here(struct ept *ept)
{
	preempt_disable();
	put(ept);
	preempt_enable();
}

static u64 interrupts_of_a_flush(struct ept *ept)
{
	struct ept_stats before, after;

	ept_get_stats(ept, &before);
	ept_flush(ept);
	ept_get_stats(ept, &after);
	return after.interrupts - before.interrupts;
}

/* No guest runs in it, so that it may go on with other work between load and put. */
static void flushes_interrupt_the_cpus_that_run(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept_stats before, after;
	unsigned int here, there;
	struct ept *ept;

	if (num_online_cpus() < 2)
		kunit_skip(test, "there is nobody to be interrupted");
	ept_hooks.invept = invept_works;
	config.ops = NULL;
	ept = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	migrate_disable();
	here = smp_processor_id();
	there = cpumask_any_but(cpu_online_mask, here);
	KUNIT_EXPECT_EQ(test, interrupts_of_a_flush(ept), 0);
	smp_call_function_single(there, load, ept, 1);
	KUNIT_EXPECT_EQ(test, interrupts_of_a_flush(ept), 1);
	smp_call_function_single(there, load, ept, 1);
	smp_call_function_single(there, put, ept, 1);
	KUNIT_EXPECT_EQ_MSG(test, interrupts_of_a_flush(ept), 1, "loads nest");
	/* This CPU sees to itself. */
	smp_call_function_single(here, load, ept, 1);
	KUNIT_EXPECT_EQ(test, interrupts_of_a_flush(ept), 1);
	smp_call_function_single(there, put, ept, 1);
	KUNIT_EXPECT_EQ(test, interrupts_of_a_flush(ept), 0);
	smp_call_function_single(here, put, ept, 1);
	KUNIT_EXPECT_EQ(test, interrupts_of_a_flush(ept), 0);
	/* Fresh maps and holes owe nothing to anybody. */
	smp_call_function_single(there, load, ept, 1);
	ept_get_stats(ept, &before);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_8K, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, SZ_2M, SZ_2M, NULL), 0);
	ept_get_stats(ept, &after);
	KUNIT_EXPECT_EQ(test, after.interrupts, before.interrupts);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_4K, NULL), 0);
	ept_get_stats(ept, &after);
	KUNIT_EXPECT_EQ(test, after.interrupts, before.interrupts + 1);
	smp_call_function_single(there, put, ept, 1);
	migrate_enable();
	ept_destroy(ept);
}

static struct ept *create_with_own_flush(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept *ept;

	config.ops = NULL;
	ept = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	return ept;
}

/* As outside of VMX operation, in which this CPU is where the system's own hypervisor is loaded */
static int refuse_invept(u64 pointer, bool global)
{
	return -ENODEV;
}

static void a_cpu_that_cannot_invalidate_does_not_load(struct kunit *test)
{
	struct ept *ept = create_with_own_flush(test);

	ept_hooks.invept = refuse_invept;
	KUNIT_EXPECT_EQ(test, load_here(ept), -ENODEV);
	/* It doesn't count as running, so that a flush is no business of its. */
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_4K, NULL), 0);
	ept_destroy(ept);
}

/* What a CPU was asked for, and what it says */
static struct {
	u64		pointer;
	unsigned int	context;
	unsigned int	global;
	int		context_err;
	int		global_err;
} asked;

static int note_invept(u64 pointer, bool global)
{
	if (global) {
		asked.global++;
		return asked.global_err;
	}
	asked.pointer = pointer;
	asked.context++;
	return asked.context_err;
}

static void expect_asked(struct kunit *test, struct ept *ept, unsigned int context,
			 unsigned int global)
{
	KUNIT_EXPECT_EQ(test, asked.context, context);
	KUNIT_EXPECT_EQ(test, asked.global, global);
	if (context)
		KUNIT_EXPECT_EQ(test, asked.pointer, ept_pointer(ept));
}

/* A new table, and each flush, are news to a CPU that runs it; all else it has. */
static void a_cpu_invalidates_what_it_is_behind_with(struct kunit *test)
{
	struct ept *ept = create_with_own_flush(test);

	memset(&asked, 0, sizeof(asked));
	ept_hooks.invept = note_invept;
	migrate_disable();
	load_here(ept);
	expect_asked(test, ept, 1, 0);
	load_here(ept);
	put_here(ept);
	expect_asked(test, ept, 1, 0);
	ept_flush(ept);
	expect_asked(test, ept, 2, 0);
	put_here(ept);
	/* Once for two of them, and not before it runs again */
	ept_flush(ept);
	ept_flush(ept);
	expect_asked(test, ept, 2, 0);
	load_here(ept);
	expect_asked(test, ept, 3, 0);
	put_here(ept);
	migrate_enable();
	ept_destroy(ept);
}

static void a_cpu_that_refuses_one_table_invalidates_all(struct kunit *test)
{
	struct ept *ept = create_with_own_flush(test);

	memset(&asked, 0, sizeof(asked));
	asked.context_err = -EINVAL;
	ept_hooks.invept = note_invept;
	migrate_disable();
	KUNIT_EXPECT_EQ(test, load_here(ept), 0);
	expect_asked(test, ept, 1, 1);
	ept_flush(ept);
	expect_asked(test, ept, 2, 2);
	put_here(ept);
	/* What it refuses for another reason it wasn't asked in vain. */
	asked.context_err = -ENODEV;
	ept_flush(ept);
	KUNIT_EXPECT_EQ(test, load_here(ept), -ENODEV);
	expect_asked(test, ept, 3, 2);
	asked.context_err = -EINVAL;
	asked.global_err = -EINVAL;
	KUNIT_EXPECT_EQ(test, load_here(ept), -EINVAL);
	/* It is as far behind as it was. */
	asked.global_err = 0;
	KUNIT_EXPECT_EQ(test, load_here(ept), 0);
	put_here(ept);
	expect_asked(test, ept, 5, 4);
	migrate_enable();
	ept_destroy(ept);
}

static u64 flushes(struct ept *ept)
{
	struct ept_stats stats;

	ept_get_stats(ept, &stats);
	return stats.flushes;
}

/* As of a VMM that turned VMX off with the table loaded: what was owed is, and tables stay. */
static void a_flush_that_a_cpu_could_not_run_is_not_done(struct kunit *test)
{
	struct ept *ept = create_with_own_flush(test);
	unsigned long pages;
	unsigned long before;

	ept_hooks.invept = invept_works;
	migrate_disable();
	load_here(ept);
	before = table_pages();
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, SZ_4K, SZ_2M, &EPT_ATTRS_RAM), 0);
	pages = table_pages();
	ept_hooks.invept = refuse_invept;
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_2M, NULL), 0);
	KUNIT_EXPECT_EQ(test, flushes(ept), 1);
	KUNIT_EXPECT_EQ_MSG(test, table_pages(), pages, "freed though a CPU may walk them");
	/* And more of them */
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, SZ_4K, SZ_2M, &EPT_ATTRS_RAM), 0);
	pages = table_pages();
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_2M, NULL), 0);
	KUNIT_EXPECT_EQ(test, flushes(ept), 2);
	KUNIT_EXPECT_EQ_MSG(test, table_pages(), pages, "freed though a CPU may walk them");
	ept_hooks.invept = invept_works;
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_2M, NULL), 0);
	KUNIT_EXPECT_EQ_MSG(test, flushes(ept), 3, "what was owed is forgotten");
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_2M, NULL), 0);
	KUNIT_EXPECT_EQ(test, flushes(ept), 3);
	put_here(ept);
	migrate_enable();
	ept_destroy(ept);
	KUNIT_EXPECT_LT(test, table_pages(), before);
}

/* Also where the client says which CPUs run: those are its own way's to find, too. */
static void a_clients_own_way_is_the_only_one(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;

	memset(&asked, 0, sizeof(asked));
	ept_hooks.invept = note_invept;
	migrate_disable();
	load_here(ept);
	expect_asked(test, ept, 1, 0);
	must_map(fixture, 0, 0, SZ_4K, &EPT_ATTRS_RAM);
	must_unmap(fixture, 0, SZ_4K);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	expect_asked(test, ept, 1, 0);
	put_here(ept);
	migrate_enable();
}

/* One invalidation of the client's own serves two tables. */
static void what_the_client_flushed_is_only_freed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;
	unsigned long pages = table_pages();

	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, SZ_4K, SZ_2M, &EPT_ATTRS_RAM), 0);
	ept_gather_init(&gather, fixture->ept);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_2M, &gather), 0);
	ept_gather_free(&gather);
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	/* Nothing is owed any more. */
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_2M, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

static void a_change_after_the_clients_flush_is_owed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather first, second;

	must_map(fixture, 0, 0, SZ_2M, &EPT_ATTRS_RAM);
	ept_gather_init(&first, fixture->ept);
	ept_gather_init(&second, fixture->ept);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_4K, &first), 0);
	/* Here the client invalidates. */
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, SZ_4K, SZ_4K, &second), 0);
	ept_gather_free(&first);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	ept_gather_flush(&second);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
}

static void a_spliced_gather_has_what_both_had(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *other = create_with_own_flush(test), *ept = fixture->ept;
	struct ept_gather to, from, elsewhere;
	unsigned long pages = table_pages();

	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, SZ_4K, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, SZ_1G, SZ_4K, SZ_2M, &EPT_ATTRS_RAM), 0);
	ept_gather_init(&to, ept);
	ept_gather_init(&from, ept);
	ept_gather_init(&elsewhere, other);
	KUNIT_EXPECT_EQ(test, ept_gather_splice(&to, &to), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_gather_splice(&to, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_gather_splice(NULL, &from), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_gather_splice(&to, &elsewhere), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, 0, SZ_2M, &to), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(ept, SZ_1G, SZ_2M, &from), 0);
	KUNIT_EXPECT_EQ(test, ept_gather_splice(&to, &from), 0);
	ept_gather_free(&from);
	KUNIT_EXPECT_GT(test, table_pages(), pages);
	ept_gather_flush(&to);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	ept_gather_flush(&from);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	ept_destroy(other);
}

static void what_the_client_flushed_covers_what_was_spliced(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather to, from;

	must_map(fixture, 0, 0, SZ_16K, &EPT_ATTRS_RAM);
	ept_gather_init(&to, fixture->ept);
	ept_gather_init(&from, fixture->ept);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_4K, &to), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, SZ_4K, SZ_4K, &from), 0);
	KUNIT_EXPECT_EQ(test, ept_gather_splice(&to, &from), 0);
	ept_gather_free(&to);
	ept_gather_flush(&from);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

/* Three changes that unlink tables, each deferred; the first one has several. */
static void defer_some(struct kunit *test, struct ept *ept)
{
	static const u64 sizes[] = { 4ULL * SZ_2M, SZ_2M, SZ_4K };
	struct ept_gather gather;
	unsigned int i;

	ept_gather_init(&gather, ept);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_EQ(test, ept_map(ept, SZ_1G, SZ_4K, sizes[i], &EPT_ATTRS_RAM), 0);
		KUNIT_EXPECT_EQ(test, ept_unmap(ept, SZ_1G, sizes[i], &gather), 0);
		KUNIT_EXPECT_EQ(test, ept_gather_defer(&gather), 0);
	}
	/* It has nothing any more. */
	ept_gather_free(&gather);
}

static void what_was_deferred_is_reaped_by_one_flush(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	unsigned long pages = table_pages();

	KUNIT_EXPECT_EQ(test, ept_gather_defer(NULL), -EINVAL);
	ept_reap(NULL);
	ept_reap(ept);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	defer_some(test, ept);
	KUNIT_EXPECT_GT(test, table_pages(), pages);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	ept_reap(ept);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	/* A flush that came after is good for it, too. */
	defer_some(test, ept);
	ept_flush(ept);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	ept_reap(ept);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	/* What is left goes with the table. */
	defer_some(test, ept);
}

static void count_tables_at_flush(struct fixture *fixture)
{
	*(unsigned long *)fixture->arg = table_pages();
}

static void what_was_deferred_outlives_the_flush(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned long before, meanwhile = 0;

	defer_some(test, fixture->ept);
	before = table_pages();
	fixture->arg = &meanwhile;
	fixture->on_invalidate = count_tables_at_flush;
	ept_reap(fixture->ept);
	fixture->on_invalidate = NULL;
	KUNIT_EXPECT_EQ(test, meanwhile, before);
	KUNIT_EXPECT_LT(test, table_pages(), before);
}

/* Its flags have to be collected, where changes are excluded. */
static void a_merge_is_not_deferred(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather gather;

	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_split(ept, 0, SZ_2M, EPT_4K, NULL), 0);
	ept_gather_init(&gather, ept);
	KUNIT_EXPECT_EQ(test, ept_merge_gather(ept, 0, SZ_2M, EPT_2M, &gather), 1);
	KUNIT_EXPECT_EQ(test, ept_gather_defer(&gather), -EINVAL);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_EQ(test, ept_gather_defer(&gather), 0);
}

/* As where a view is merged in root, and flushed elsewhere */
static void a_merges_flags_go_with_its_gather(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather to, from;
	struct ept_mapping leaf;
	u64 *small;

	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_split(ept, 0, SZ_2M, EPT_4K, NULL), 0);
	small = fixture_entry(fixture, SZ_16K, 0);
	ept_gather_init(&to, ept);
	ept_gather_init(&from, ept);
	KUNIT_EXPECT_EQ(test, ept_merge_gather(ept, 0, SZ_2M, EPT_2M, &from), 1);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	/* A CPU that knows the old table still */
	*small |= EPT_PTE_AD;
	KUNIT_EXPECT_EQ(test, ept_gather_splice(&to, &from), 0);
	ept_gather_flush(&from);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	ept_gather_flush(&to);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, 0, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.level, EPT_2M);
	KUNIT_EXPECT_TRUE(test, leaf.accessed && leaf.dirty);
	/* What is looked at now has neither of them. */
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, 0, NULL), 1);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(ept, 0, NULL), 0);
}

/* One round of interrupts for the module's own way; a client with another way is asked. */
static void gathers_of_several_tables_are_flushed_at_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *one = create_with_own_flush(test), *two = create_with_own_flush(test);
	struct ept_gather gathers[3], *all[] = { &gathers[0], &gathers[1], &gathers[2] };
	struct ept *tables[] = { one, fixture->ept, two };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ept_gather_init(all[i], tables[i]);
		KUNIT_EXPECT_EQ(test, ept_map(tables[i], 0, 0, SZ_8K, &EPT_ATTRS_RAM), 0);
		if (tables[i] != two)
			KUNIT_EXPECT_EQ(test, ept_unmap(tables[i], 0, SZ_4K, all[i]), 0);
	}
	ept_gather_flush_all(all, 3);
	KUNIT_EXPECT_EQ(test, flushes(one), 1);
	KUNIT_EXPECT_EQ(test, flushes(two), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	ept_gather_flush_all(all, 3);
	ept_gather_flush_all(NULL, 3);
	KUNIT_EXPECT_EQ(test, flushes(one), 1);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	ept_destroy(one);
	ept_destroy(two);
}

/* Of two tables that are flushed together a CPU runs one. */
static void a_cpu_catches_up_with_the_tables_that_it_runs(struct kunit *test)
{
	struct ept *tables[] = { create_with_own_flush(test), create_with_own_flush(test) };
	struct ept *unchanged = create_with_own_flush(test);
	struct ept_gather gathers[2], nothing;
	struct ept_gather *all[] = { &gathers[0], &gathers[1], &nothing };

	ept_hooks.invept = invept_works;
	ept_gather_init(&nothing, unchanged);
	for (unsigned int runs = 0; runs < 2; runs++) {
		for (unsigned int i = 0; i < 2; i++) {
			ept_gather_init(all[i], tables[i]);
			KUNIT_EXPECT_EQ(test, ept_map(tables[i], 0, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
			KUNIT_EXPECT_EQ(test, ept_unmap(tables[i], 0, SZ_4K, all[i]), 0);
		}
		migrate_disable();
		KUNIT_EXPECT_EQ(test, load_here(tables[runs]), 0);
		ept_gather_flush_all(all, 3);
		KUNIT_EXPECT_EQ(test, flushes(tables[0]), runs + 1);
		KUNIT_EXPECT_EQ(test, flushes(tables[1]), runs + 1);
		KUNIT_EXPECT_EQ(test, flushes(unchanged), 0);
		put_here(tables[runs]);
		migrate_enable();
	}
	ept_destroy(tables[0]);
	ept_destroy(tables[1]);
	ept_destroy(unchanged);
}

static void freed_tables_are_back_after_a_barrier(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const unsigned long before = table_pages();

	must_map(fixture, 0, 0, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_table_pages(), before + fixture->config.levels - 1);
	must_unmap(fixture, 0, SZ_4K);
	ept_barrier();
	KUNIT_EXPECT_EQ(test, ept_table_pages(), before);
}

/* As where a client collects the gathers of what it changed, and changed a table twice */
static void a_gather_that_is_named_twice_is_flushed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather, *all[] = { &gather, &gather };
	u64 before;

	ept_gather_init(&gather, fixture->ept);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_8K, &EPT_ATTRS_RAM), 0);
	before = table_pages();
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_8K, &gather), 0);
	ept_gather_flush_all(all, ARRAY_SIZE(all));
	KUNIT_EXPECT_GE(test, fixture->invalidations, 1);
	KUNIT_EXPECT_LT(test, table_pages(), before);
	fixture->invalidations = 0;
	ept_gather_flush_all(all, ARRAY_SIZE(all));
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

static void gathers_beside_none_are_flushed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather first, last, *all[] = { NULL, &first, NULL, NULL, &last };
	u64 before;

	ept_gather_init(&first, fixture->ept);
	ept_gather_init(&last, fixture->ept);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_8K, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_1G, 0, SZ_8K, &EPT_ATTRS_RAM), 0);
	before = table_pages();
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SZ_8K, &first), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, SZ_1G, SZ_8K, &last), 0);
	ept_gather_flush_all(all, ARRAY_SIZE(all));
	KUNIT_EXPECT_GE(test, fixture->invalidations, 1);
	KUNIT_EXPECT_LE(test, table_pages() + 4, before);
	ept_gather_flush_all(all, 1);
	ept_gather_flush_all(all, 0);
}

static void hooks_are_off(struct kunit *test)
{
	ept_hooks.invept = NULL;
	fixture_exit(test);
}

static void a_gather_named_twice_is_one_invalidation_by_the_modules_way(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather, *gathers[] = { &gather, &gather };
	struct ept_stats before, after;
	struct ept *ept = fixture->ept;

	fixture->ops.invalidate = NULL;
	KUNIT_ASSERT_EQ(test, ept_map(ept, SZ_4G, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	ept_gather_init(&gather, ept);
	KUNIT_ASSERT_EQ(test, ept_unmap(ept, SZ_4G, SZ_4K, &gather), 0);
	ept_get_stats(ept, &before);
	ept_gather_flush_all(gathers, 2);
	ept_get_stats(ept, &after);
	KUNIT_EXPECT_EQ(test, after.flushes, before.flushes + 1);
}

static struct kunit_case gather_cases[] = {
	KUNIT_CASE(a_gather_named_twice_is_one_invalidation_by_the_modules_way),
	KUNIT_CASE(a_cpu_catches_up_with_the_tables_that_it_runs),
	KUNIT_CASE_PARAM(freed_tables_are_back_after_a_barrier, configs_gen_params),
	KUNIT_CASE_PARAM(a_gather_defers_one_invalidation, configs_gen_params),
	KUNIT_CASE_PARAM(a_flush_of_nothing_announces_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(a_flush_that_is_under_way_is_not_trusted, configs_gen_params),
	KUNIT_CASE_PARAM(a_flush_covers_what_another_gather_owes, configs_gen_params),
	KUNIT_CASE_PARAM(a_merge_of_nothing_flushes_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(a_table_that_goes_is_invalidated, configs_gen_params),
	KUNIT_CASE(a_merge_invalidates_once),
	KUNIT_CASE(an_invalidation_may_change_another_table),
	KUNIT_CASE(merges_that_change_each_others_tables_dont_hang),
	KUNIT_CASE_PARAM(an_unconditional_flush_announces_one, configs_gen_params),
	KUNIT_CASE_PARAM(an_error_leaves_the_gather_as_it_was, configs_gen_params),
	KUNIT_CASE_PARAM(a_gather_of_another_table_is_refused, configs_gen_params),
	KUNIT_CASE_PARAM(tables_are_unhooked_then_flushed_then_freed, configs_gen_params),
	KUNIT_CASE_PARAM(a_gather_keeps_tables_until_its_flush, configs_gen_params),
	KUNIT_CASE_PARAM(the_rest_of_a_split_leaf_is_never_missing, configs_gen_params),
	KUNIT_CASE_PARAM(the_modules_own_flush_interrupts_nobody_idle, configs_gen_params),
	KUNIT_CASE(flushes_interrupt_the_cpus_that_run),
	KUNIT_CASE(a_cpu_invalidates_what_it_is_behind_with),
	KUNIT_CASE(a_cpu_that_refuses_one_table_invalidates_all),
	KUNIT_CASE_PARAM(a_cpu_that_cannot_invalidate_does_not_load, configs_gen_params),
	KUNIT_CASE_PARAM(a_flush_that_a_cpu_could_not_run_is_not_done, configs_gen_params),
	KUNIT_CASE(a_clients_own_way_is_the_only_one),
	KUNIT_CASE_PARAM(what_the_client_flushed_is_only_freed, configs_gen_params),
	KUNIT_CASE_PARAM(a_change_after_the_clients_flush_is_owed, configs_gen_params),
	KUNIT_CASE_PARAM(a_spliced_gather_has_what_both_had, configs_gen_params),
	KUNIT_CASE(what_the_client_flushed_covers_what_was_spliced),
	KUNIT_CASE(a_merges_flags_go_with_its_gather),
	KUNIT_CASE(what_was_deferred_is_reaped_by_one_flush),
	KUNIT_CASE(what_was_deferred_outlives_the_flush),
	KUNIT_CASE(a_merge_is_not_deferred),
	KUNIT_CASE_PARAM(gathers_of_several_tables_are_flushed_at_once, configs_gen_params),
	KUNIT_CASE_PARAM(a_gather_that_is_named_twice_is_flushed, configs_gen_params),
	KUNIT_CASE_PARAM(gathers_beside_none_are_flushed, configs_gen_params),
	{}
};

static struct kunit_suite gather_suite = {
	.name = "ept_gather",
	.init = fixture_init,
	.exit = hooks_are_off,
	.test_cases = gather_cases,
};

kunit_test_suite(gather_suite);
