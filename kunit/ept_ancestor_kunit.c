// SPDX-License-Identifier: GPL-2.0
/*
 * One case for each symptom that the builder which this module descends from is known for. Other
 * suites test the same properties thoroughly; here it is plain to see that none of them is back.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static enum mmu_verdict cpu_reads(struct fixture *fixture, u64 gpa, struct mmu_result *result)
{
	const struct mmu_access read = { .read = true };

	mmu_look(&fixture->mmu, fixture->eptp, gpa, &read, result);
	return result->verdict;
}

static enum mmu_verdict cpu_writes(struct fixture *fixture, u64 gpa, struct mmu_result *result)
{
	const struct mmu_access write = { .write = true };

	mmu_look(&fixture->mmu, fixture->eptp, gpa, &write, result);
	return result->verdict;
}

/* It flushed linear addresses, on one CPU: no CPU forgot the guest-physical ones. */
static void unmap_flushes_no_guest_physical_translation(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct mmu_result result;

	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_2M, SZ_4M, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, SZ_2M, SZ_2M, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, SZ_2M, &result), MMU_VIOLATION);
}

/* It dropped the whole leaf, and panicked; it couldn't split. */
static void partial_unmap_destroys_a_large_leaf(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;
	struct mmu_result result;

	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, base, 0, unit, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, base + SZ_4K, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, base, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, result.hpa, 0);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, base + SZ_4K, &result), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, cpu_writes(fixture, base + unit - 8, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, result.hpa, unit - 8);
}

static void partial_protect_destroys_a_large_leaf(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;
	struct mmu_result result;

	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, base, 0, unit, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_protect(fixture->ept, base + SZ_4K, SZ_4K, EPT_PROT_WRITE, 0,
					  NULL), 0);
	KUNIT_EXPECT_EQ(test, cpu_writes(fixture, base, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, cpu_writes(fixture, base + SZ_4K, &result), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, base + SZ_4K, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, result.hpa, SZ_4K);
	KUNIT_EXPECT_EQ(test, cpu_writes(fixture, base + unit - 8, &result), MMU_OK);
}

/* Its tables stayed, and a large leaf found their entry in its way. */
static void empty_tables_block_a_large_leaf(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit, at;
	struct ept_stats stats;

	for (at = 0; at < SZ_2M; at += SZ_64K)
		must_map(fixture, base + at, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	for (at = 0; at < SZ_2M; at += SZ_64K)
		must_unmap(fixture, base + at, SZ_4K);
	KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + 1);
	must_map(fixture, base, 0, unit, &EPT_ATTRS_DEVICE);
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.leaves[fixture->config.max_leaf],
			unit / flat_span(fixture->config.max_leaf));
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Half of a region stayed mapped when its end couldn't be. */
static void failed_map_leaves_half_a_region(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct mmu_result result;
	unsigned long pages;

	must_map(fixture, SZ_64M, 0, SZ_4K, &EPT_ATTRS_RAM);
	pages = table_pages();
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_1M, SZ_4K, SZ_64M, &EPT_ATTRS_RAM), -EEXIST);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, SZ_1M, &result), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, SZ_64M - SZ_4K, &result), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* It put host addresses that a large leaf can't hold into one: the CPU misconfigures. */
static void misaligned_host_address_misconfigures(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct mmu_result result;

	must_map(fixture, SZ_2M, SZ_4M + SZ_4K, SZ_2M, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, SZ_2M, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, result.hpa, SZ_4M + SZ_4K);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, SZ_4M - 1, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, result.hpa, SZ_4M + SZ_2M + SZ_4K - 1);
}

static void uncached_is_write_back(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct mmu_result result;

	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_2M, &EPT_ATTRS_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, 0, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, result.memtype, 0);
}

/* Memory types, the PAT bit and the other flags had no names. */
static void attributes_cannot_be_said(struct kunit *test)
{
	static const enum ept_memtype types[] = { EPT_MT_WC, EPT_MT_WT, EPT_MT_WP };
	struct fixture *fixture = test->priv;
	const struct ept_attrs all = {
		.prot = EPT_PROT_READ | EPT_PROT_UEXEC,
		.memtype = EPT_MT_WB,
		.flags = 63,
		.tag = 31,
	};
	struct ept_mapping mapping;
	struct mmu_result result;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		const struct ept_attrs attrs = {
			.prot = EPT_PROT_READ, .memtype = types[i], .flags = EPT_ATTR_IGNORE_PAT,
		};

		KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, i * SZ_4M, 0, SZ_4K, &attrs), 0);
		KUNIT_EXPECT_EQ(test, cpu_reads(fixture, i * SZ_4M, &result), MMU_OK);
		KUNIT_EXPECT_EQ(test, result.memtype, types[i]);
		KUNIT_EXPECT_TRUE(test, result.ipat);
	}
	fixture_recreate(fixture, &test_configs[NR_TEST_CONFIGS - 1].config);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_2M, 0, SZ_2M, &all), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_2M, &mapping), 0);
	KUNIT_EXPECT_TRUE(test, same_attrs(&mapping.attrs, &all));
}

static void illegal_rights_misconfigure(struct kunit *test)
{
	static const u32 illegal[] = {
		EPT_PROT_WRITE, EPT_PROT_WRITE | EPT_PROT_EXEC, EPT_PROT_EXEC, EPT_PROT_UEXEC,
	};
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct mmu_result result;
	unsigned int i;

	config.features &= ~EPT_FEATURE_EXEC_ONLY;
	fixture_recreate(fixture, &config);
	for (i = 0; i < ARRAY_SIZE(illegal); i++) {
		const struct ept_attrs attrs = { .prot = illegal[i], .memtype = EPT_MT_WB };

		KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_4K, &attrs),
				illegal[i] & EPT_PROT_WRITE ? -EINVAL : -EOPNOTSUPP);
		KUNIT_EXPECT_EQ(test, cpu_reads(fixture, 0, &result), MMU_VIOLATION);
	}
}

/* It cut off what an index has no bits for, and mapped something else. */
static void addresses_beyond_the_width_alias(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 width = flat_width(fixture->flat), memory = 1ULL << fixture->config.maxphyaddr;
	struct ept *ept = fixture->ept;
	struct mmu_result result;

	KUNIT_EXPECT_EQ(test, ept_map(ept, width, 0, SZ_4K, &EPT_ATTRS_RAM), -ERANGE);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, 0, &result), MMU_VIOLATION);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, memory, SZ_4K, &EPT_ATTRS_RAM), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, SZ_4K + 8, SZ_4K, &EPT_ATTRS_RAM), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 8, SZ_4K, SZ_4K, &EPT_ATTRS_RAM), -EINVAL);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, 0, &result), MMU_VIOLATION);
}

/* A page without rights was neither mapped nor unused, and unmap stumbled over it. */
static void page_without_rights_cannot_be_unmapped(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_mapping mapping;

	must_map(fixture, SZ_2M, SZ_4M, SZ_8K, &EPT_ATTRS_RAM);
	must_protect(fixture, SZ_2M, SZ_4K, 15, 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_2M, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.hpa, SZ_4M);
	must_unmap(fixture, SZ_2M, SZ_8K);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_2M, &mapping), -ENOENT);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_map(fixture, SZ_2M, SZ_4M, SZ_4K, &EPT_ATTRS_RAM);
}

#define RACE_PAGES	64
#define RACE_ROUNDS	64

/* A CPU that writes to pages of the guest, while their rights change. */
struct race {
	struct fixture		*fixture;
	struct completion	start;
	struct completion	done;
	bool			stop;
	unsigned int		round;
	bool			awake;		/* with two CPUs, both begin at the same moment */
	bool			go;
};

static void meet(bool *mine, bool *other)
{
	WRITE_ONCE(*mine, true);
	while (num_online_cpus() > 1 && !READ_ONCE(*other)) {
		cpu_relax();
		cond_resched();
	}
}

/* A little later each round, so that some first write meets the midst of an operation. */
static void delay(unsigned int round)
{
	unsigned int i;

	for (i = 0; i < round * 192; i++)
		barrier();
}

static int write_to_pages(void *arg)
{
	const struct mmu_access write = { .write = true };
	struct race *race = arg;
	struct mmu_result result;
	unsigned int i;

	for (;;) {
		wait_for_completion(&race->start);
		if (READ_ONCE(race->stop))
			break;
		meet(&race->awake, &race->go);
		delay(race->round);
		for (i = 0; i < RACE_PAGES; i++)
			mmu_access(&race->fixture->mmu, race->fixture->eptp, i * SZ_4K, &write,
				   &result);
		complete(&race->done);
	}
	return 0;
}

/* What a harvest will do: no CPU runs. */
static void clear_flags(struct fixture *fixture)
{
	struct mmu_result result;
	unsigned int i;

	for (i = 0; i < RACE_PAGES; i++) {
		cpu_reads(fixture, i * SZ_4K, &result);
		WRITE_ONCE(*result.where, result.entry & ~0x300ULL);
	}
}

static unsigned int count_dirty(struct fixture *fixture)
{
	struct ept_mapping mapping;
	unsigned int i, nr = 0;

	for (i = 0; i < RACE_PAGES; i++)
		nr += !ept_lookup(fixture->ept, i * SZ_4K, &mapping) && mapping.dirty;
	return nr;
}

static void start(struct race *race)
{
	WRITE_ONCE(race->awake, false);
	WRITE_ONCE(race->go, false);
	complete(&race->start);
	meet(&race->go, &race->awake);
}

/* Small leaves change while the CPU writes through them. */
static void change_rights(struct race *race)
{
	struct ept *ept = race->fixture->ept;
	unsigned int i;

	if (!race->round)
		must_map(race->fixture, 0, SZ_4K, RACE_PAGES * SZ_4K, &EPT_ATTRS_RAM);
	clear_flags(race->fixture);
	start(race);
	for (i = 0; i < 4; i++) {
		ept_protect(ept, 0, RACE_PAGES * SZ_4K, EPT_PROT_EXEC, 0, NULL);
		ept_protect(ept, 0, RACE_PAGES * SZ_4K, 0, EPT_PROT_EXEC, NULL);
	}
}

/* A large leaf is split under the CPU's first write. */
static void split_a_leaf(struct race *race)
{
	struct ept *ept = race->fixture->ept;

	ept_unmap(ept, 0, SZ_2M, NULL);
	ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_DEVICE);
	start(race);
	ept_protect(ept, SZ_1M, SZ_4K, 0, EPT_PROT_EXEC, NULL);
}

static void run_race(struct kunit *test, void (*change)(struct race *race))
{
	struct race race = { .fixture = test->priv };
	struct task_struct *cpu;

	if (!(race.fixture->config.features & EPT_FEATURE_AD))
		kunit_skip(test, "no accessed and dirty flags");
	init_completion(&race.start);
	init_completion(&race.done);
	cpu = kthread_run(write_to_pages, &race, "ept_kunit_cpu");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cpu);
	get_task_struct(cpu);
	for (race.round = 0; race.round < RACE_ROUNDS; race.round++) {
		change(&race);
		wait_for_completion(&race.done);
		KUNIT_EXPECT_EQ_MSG(test, count_dirty(race.fixture), RACE_PAGES, "round %u",
				    race.round);
	}
	WRITE_ONCE(race.stop, true);
	complete(&race.start);
	kthread_stop(cpu);
	put_task_struct(cpu);
}

/* It stored what it had read before, less what the CPU had set meanwhile. */
static void dirty_set_meanwhile_is_lost(struct kunit *test)
{
	run_race(test, change_rights);
}

static void dirty_set_during_a_split_is_lost(struct kunit *test)
{
	run_race(test, split_a_leaf);
}

/* No EPTP, no capability was looked at, five levels were out of reach. */
static void no_pointer_and_no_capabilities(struct kunit *test)
{
	struct ept_msrs locked = {
		.valid = EPT_MSR_FEATURE_CONTROL | EPT_MSR_BASIC | EPT_MSR_PROCBASED,
		.vmx = true, .feature_control = 1,
	};
	struct ept_config config = test_configs[0].config;
	struct ept_caps caps;
	struct ept *ept;

	KUNIT_EXPECT_EQ(test, ept_caps_decode(&locked, &caps), -EPERM);
	config.levels = 5;
	ept = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	KUNIT_EXPECT_EQ(test, ept_pointer(ept) & 0xfff, 0x66);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 1ULL << 56, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	ept_destroy(ept);
}

/* gpa - hpa, unsigned. */
static void host_address_above_guest_address_underflows(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct mmu_result result;

	must_map(fixture, 0, SZ_1G, SZ_2M, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_1G, 0, SZ_2M, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, 5, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, result.hpa, SZ_1G + 5);
	KUNIT_EXPECT_EQ(test, cpu_reads(fixture, SZ_1G + 5, &result), MMU_OK);
	KUNIT_EXPECT_EQ(test, result.hpa, 5);
}

static void all_errors_are_one(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs subpage = {
		.prot = EPT_PROT_READ, .memtype = EPT_MT_WB, .flags = EPT_ATTR_SUBPAGE,
	};
	struct ept *ept = fixture->ept;
	struct ept_mapping mapping;

	must_map(fixture, 0, 0, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 1, 0, SZ_4K, &EPT_ATTRS_RAM), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 1ULL << 57, 0, SZ_4K, &EPT_ATTRS_RAM), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_4K, &subpage), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM), -EEXIST);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, SZ_4K, &mapping), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_translate(ept, SZ_4K, EPT_PROT_READ, NULL), -EFAULT);
}

/* It gave memory back before the flush, and flushed for what was only mapped. */
static void memory_at_the_flush(struct fixture *fixture)
{
	*(unsigned long *)fixture->arg = table_pages();
}

static void tables_are_freed_before_the_flush(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned long at_flush = 0, pages;

	must_map(fixture, SZ_2M, 0, SZ_8K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	pages = table_pages();
	fixture->arg = &at_flush;
	fixture->on_invalidate = memory_at_the_flush;
	must_unmap(fixture, SZ_2M, SZ_8K);
	fixture->on_invalidate = NULL;
	KUNIT_EXPECT_EQ(test, at_flush, pages);
	KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + 1);
}

static struct kunit_case ancestor_cases[] = {
	KUNIT_CASE_PARAM(unmap_flushes_no_guest_physical_translation, configs_gen_params),
	KUNIT_CASE_PARAM(partial_unmap_destroys_a_large_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(partial_protect_destroys_a_large_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(empty_tables_block_a_large_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(failed_map_leaves_half_a_region, configs_gen_params),
	KUNIT_CASE_PARAM(misaligned_host_address_misconfigures, configs_gen_params),
	KUNIT_CASE_PARAM(uncached_is_write_back, configs_gen_params),
	KUNIT_CASE(attributes_cannot_be_said),
	KUNIT_CASE(illegal_rights_misconfigure),
	KUNIT_CASE_PARAM(addresses_beyond_the_width_alias, configs_gen_params),
	KUNIT_CASE_PARAM(page_without_rights_cannot_be_unmapped, configs_gen_params),
	KUNIT_CASE_PARAM(dirty_set_meanwhile_is_lost, configs_gen_params),
	KUNIT_CASE_PARAM(dirty_set_during_a_split_is_lost, configs_gen_params),
	KUNIT_CASE(no_pointer_and_no_capabilities),
	KUNIT_CASE_PARAM(host_address_above_guest_address_underflows, configs_gen_params),
	KUNIT_CASE(all_errors_are_one),
	KUNIT_CASE_PARAM(tables_are_freed_before_the_flush, configs_gen_params),
	{}
};

static struct kunit_suite ancestor_suite = {
	.name = "ept_ancestor",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = ancestor_cases,
};

kunit_test_suite(ancestor_suite);
