// SPDX-License-Identifier: GPL-2.0
/*
 * Long operations pause where somebody waits: what a pause leaves open, and how often one comes.
 * Who waits is this thread itself, from within the pause.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/sizes.h>

#include "ept_op.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

#define TABLES	96			/* of 4K entries, that an operation visits */
#define MERGED	(EPT_OP_RUNS / 2 + 8)	/* that are merged and not flushed */
#define FAR	(200ULL * SZ_1G)	/* where a page is mapped in a pause */

static struct {
	struct ept	*ept;		/* whose are counted */
	unsigned int	nr;
	bool		open;		/* in each of them */
	int		err;		/* of the map in the first */
} pauses;

/* A fault that waited gets in, and whoever else takes the lock is told to let it go. */
static void note_pause(struct ept *ept)
{
	if (ept != pauses.ept)
		return;
	pauses.open &= READ_ONCE(ept->paused) && !ept_rwsem_is_written(&ept->lock);
	if (!pauses.nr++)
		pauses.err = ept_map(ept, FAR, 0, SZ_4K, &EPT_ATTRS_RAM);
}

static void pause_exit(struct kunit *test)
{
	ept_hooks.pausing = NULL;
	fixture_exit(test);
}

static void skip_unless_locked(struct fixture *fixture)
{
	if (fixture->config.flags & EPT_CONFIG_EXTERNAL_LOCK)
		kunit_skip(fixture->test, "nobody waits for the client's lock");
}

static void note_pauses(struct fixture *fixture)
{
	pauses = (typeof(pauses)){ .ept = fixture->ept, .open = true };
	ept_hooks.pausing = note_pause;
}

static void begin_to_wait(struct fixture *fixture)
{
	note_pauses(fixture);
	atomic_inc(&fixture->ept->waiting);
}

/* The page that was mapped meanwhile is there, and nothing is locked any more. */
static void end_to_wait(struct fixture *fixture, unsigned int least, unsigned int most)
{
	struct kunit *test = fixture->test;

	atomic_dec(&fixture->ept->waiting);
	KUNIT_EXPECT_TRUE(test, pauses.open);
	KUNIT_EXPECT_EQ(test, pauses.err, 0);
	KUNIT_EXPECT_GE(test, pauses.nr, least);
	KUNIT_EXPECT_LE(test, pauses.nr, most);
	KUNIT_EXPECT_FALSE(test, fixture->ept->paused);
	KUNIT_EXPECT_FALSE(test, ept_rwsem_is_written(&fixture->ept->lock));
	KUNIT_EXPECT_EQ(test, flat_map(fixture->flat, FAR, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_unmap(fixture, FAR, SZ_4K);
}

/*
 * Each over [base, base + size)
 */

static void protect(struct fixture *fixture, u64 base, u64 size)
{
	do_protect(fixture, base, size, EPT_PROT_WRITE, 0, NULL);
}

static void set_memtype(struct fixture *fixture, u64 base, u64 size)
{
	do_set_memtype(fixture, base, size, EPT_MT_WC, NULL);
}

static void harvest(struct fixture *fixture, u64 base, u64 size)
{
	do_harvest(fixture, base, size, true, false, NULL);
}

static void peek(struct fixture *fixture, u64 base, u64 size)
{
	do_harvest(fixture, base, size, false, true, NULL);
}

static void merge(struct fixture *fixture, u64 base, u64 size)
{
	do_merge(fixture, base, size, fixture->config.max_leaf);
}

static const struct {
	void	(*run)(struct fixture *fixture, u64 base, u64 size);
	u32	features;	/* that it takes */
} operations[] = {
	{ protect }, { set_memtype }, { merge },
	{ harvest, EPT_FEATURE_AD }, { peek, EPT_FEATURE_AD },
};

static void map_many_tables(struct fixture *fixture, u64 base)
{
	for (unsigned int i = 0; i < TABLES; i++)
		must_map(fixture, base + i * SZ_2M, i * SZ_8K, SZ_8K, &EPT_ATTRS_RAM);
}

static void long_operations_let_faults_in(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u64 size = TABLES * SZ_2M;

	skip_unless_locked(fixture);
	for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
		if (operations[i].features & ~fixture->config.features)
			continue;
		map_many_tables(fixture, SZ_8G);
		begin_to_wait(fixture);
		operations[i].run(fixture, SZ_8G, size);
		/* A table may count twice: when it is opened, and when it is visited. */
		end_to_wait(fixture, TABLES / EPT_OP_RUNS - 1, 2 * TABLES / EPT_OP_RUNS + 1);
		must_unmap(fixture, SZ_8G, size);
	}
}

/* What depends on leaves that may come or change meanwhile */
static void protect_cutting(struct fixture *fixture, u64 base, u64 size)
{
	do_protect(fixture, base - SZ_4K, size, EPT_PROT_WRITE, 0, NULL);
}

static void give_write(struct fixture *fixture, u64 base, u64 size)
{
	do_protect(fixture, base, size, 0, EPT_PROT_WRITE, NULL);
}

static void redirect(struct fixture *fixture, u64 base, u64 size)
{
	/* Nothing may be a hole. */
	do_remap(fixture, base, SZ_4K, size, &EPT_ATTRS_RAM, NULL);
	KUNIT_EXPECT_EQ(fixture->test, do_redirect(fixture, base, SZ_8K, size, EPT_PROT_WRITE, 0,
						   NULL), 0);
}

static void guard_pages(struct fixture *fixture, u64 base, u64 size)
{
	const struct ept_attrs guarded = {
		.prot = EPT_PROT_READ, .memtype = EPT_MT_WB, .flags = EPT_ATTR_SUBPAGE,
	};

	do_set_attrs(fixture, base, size, &guarded, NULL);
}

static void execute(struct fixture *fixture, u64 base, u64 size)
{
	do_protect(fixture, base, size, 0, EPT_PROT_READ | EPT_PROT_EXEC, NULL);
}

static const struct {
	void	(*run)(struct fixture *fixture, u64 base, u64 size);
	u32	features;
	u32	flags;		/* of a table on which it may have to split leaves */
} whole[] = {
	{ protect_cutting }, { give_write }, { redirect },
	{ guard_pages, EPT_FEATURE_SUBPAGE }, { execute, 0, EPT_CONFIG_NO_EXEC_LARGE },
};

static void what_is_planned_leaf_by_leaf_lets_nobody_in(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u64 size = TABLES * SZ_2M;

	skip_unless_locked(fixture);
	for (unsigned int i = 0; i < ARRAY_SIZE(whole); i++) {
		if (whole[i].features & ~fixture->config.features ||
		    whole[i].flags & ~fixture->config.flags)
			continue;
		map_many_tables(fixture, SZ_8G);
		begin_to_wait(fixture);
		whole[i].run(fixture, SZ_8G, size);
		atomic_dec(&fixture->ept->waiting);
		KUNIT_EXPECT_EQ_MSG(test, pauses.nr, 0, "change %u", i);
		KUNIT_EXPECT_TRUE(test, verify(fixture));
		must_unmap(fixture, SZ_8G, size);
	}
}

/* Each reports as much as a table does. */
static void a_harvest_of_huge_leaves_lets_faults_in(struct kunit *test)
{
	unsigned long *bitmap = kunit_kzalloc(test, SZ_1G / SZ_4K / 8, GFP_KERNEL);
	const struct ept_harvest what = {};
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, bitmap);
	skip_unless_locked(fixture);
	if (!(fixture->config.features & EPT_FEATURE_AD) ||
	    flat_largest(&fixture->config, &EPT_ATTRS_DEVICE) < EPT_1G)
		kunit_skip(test, "no leaf is huge");
	must_map(fixture, SZ_64G, SZ_8G, 40ULL * SZ_1G, &EPT_ATTRS_DEVICE);
	for (u64 gpa = SZ_64G; gpa < SZ_64G + 40ULL * SZ_1G; gpa += SZ_1G) {
		do_access(fixture, gpa, true);
		KUNIT_EXPECT_EQ(test, flat_harvest_dirty(fixture->flat, gpa, SZ_1G, bitmap, false),
				0);
	}
	begin_to_wait(fixture);
	KUNIT_EXPECT_EQ(test, ept_harvest(fixture->ept, SZ_64G, 40ULL * SZ_1G, &what, NULL), 0);
	end_to_wait(fixture, 1, 2);
}

static void nothing_pauses_for_nobody(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	note_pauses(fixture);
	map_many_tables(fixture, SZ_8G);
	for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++)
		if (!(operations[i].features & ~fixture->config.features))
			operations[i].run(fixture, SZ_8G, TABLES * SZ_2M);
	KUNIT_EXPECT_EQ(test, pauses.nr, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/*
 * What was merged
 */

static void merge_many_tables(struct fixture *fixture, struct ept_gather *gather)
{
	const u64 size = MERGED * SZ_2M;

	must_map(fixture, SZ_8G, SZ_2M, size, &EPT_ATTRS_RAM);
	KUNIT_ASSERT_EQ(fixture->test, do_split(fixture, SZ_8G, size, EPT_4K, NULL), 0);
	ept_gather_init(gather, fixture->ept);
	KUNIT_ASSERT_EQ(fixture->test, flat_merge(fixture->flat, SZ_8G, size, EPT_2M), MERGED);
	KUNIT_ASSERT_EQ(fixture->test, ept_merge_gather(fixture->ept, SZ_8G, size, EPT_2M, gather),
			MERGED);
}

static bool folds(const struct fixture *fixture)
{
	return fixture->config.features & EPT_FEATURE_AD &&
	       flat_largest(&fixture->config, &EPT_ATTRS_RAM) >= EPT_2M;
}

static void a_flush_of_many_merges_lets_faults_in(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;

	skip_unless_locked(fixture);
	if (!folds(fixture))
		kunit_skip(test, "nothing is folded");
	merge_many_tables(fixture, &gather);
	begin_to_wait(fixture);
	ept_gather_flush(&gather);
	end_to_wait(fixture, 1, 1);
}

static void a_report_of_many_merges_lets_faults_in(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;

	skip_unless_locked(fixture);
	if (!folds(fixture))
		kunit_skip(test, "nothing is folded");
	merge_many_tables(fixture, &gather);
	begin_to_wait(fixture);
	KUNIT_EXPECT_EQ(test, ept_clear_dirty(fixture->ept, SZ_8G, NULL), 0);
	KUNIT_EXPECT_EQ_MSG(test, pauses.nr, 0, "of a page's table alone");
	do_harvest(fixture, SZ_8G, MERGED * SZ_2M, true, true, NULL);
	end_to_wait(fixture, 1, 1);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static struct kunit_case pause_cases[] = {
	KUNIT_CASE_PARAM(long_operations_let_faults_in, configs_gen_params),
	KUNIT_CASE_PARAM(what_is_planned_leaf_by_leaf_lets_nobody_in, configs_gen_params),
	KUNIT_CASE_PARAM(a_harvest_of_huge_leaves_lets_faults_in, configs_gen_params),
	KUNIT_CASE_PARAM(nothing_pauses_for_nobody, configs_gen_params),
	KUNIT_CASE_PARAM(a_flush_of_many_merges_lets_faults_in, configs_gen_params),
	KUNIT_CASE_PARAM(a_report_of_many_merges_lets_faults_in, configs_gen_params),
	{}
};

static struct kunit_suite pause_suite = {
	.name = "ept_pause",
	.init = fixture_init,
	.exit = pause_exit,
	.test_cases = pause_cases,
};

kunit_test_suite(pause_suite);
