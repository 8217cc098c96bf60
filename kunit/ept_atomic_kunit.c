// SPDX-License-Identifier: GPL-2.0
/*
 * Clients for whom nothing may sleep: on an atomic table each function works with interrupts off,
 * and takes tables from the reserve alone. Where something would sleep, CONFIG_DEBUG_ATOMIC_SLEEP
 * says so.
 */
#include <kunit/test.h>
#include <linux/irqflags.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ept_table.h"
#include "ept_priv.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static int atomic_init(struct kunit *test)
{
	int ret = fixture_init(test);
	struct fixture *fixture = test->priv;
	struct ept_config config;

	if (ret)
		return ret;
	config = fixture->config;
	config.flags |= EPT_CONFIG_ATOMIC;
	fixture_recreate(fixture, &config);
	return 0;
}

/* What each operation begins with: two units mapped, of which parts will do. */
#define FREE	SZ_32G

static int map(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_map(fixture, FREE, SZ_4K, SZ_64K, &EPT_ATTRS_RAM);
}

static int map_one_leaf(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_map(fixture, FREE, 0, SZ_4K, &EPT_ATTRS_RAM);
}

static int map_in_a_table(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	do_unmap(fixture, base + SZ_64K, SZ_64K, gather);
	fixture->shortages = 0;
	return do_map(fixture, base + SZ_64K, SZ_4K, SZ_64K, &EPT_ATTRS_RAM);
}

static int map_pages(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	const u64 hpas[] = { SZ_16M, SZ_16M + SZ_4K, SZ_16M + SZ_16K };

	return do_map_pages(fixture, FREE + SZ_2M - SZ_4K, hpas, ARRAY_SIZE(hpas), &EPT_ATTRS_RAM);
}

static int remap(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_remap(fixture, base + SZ_64K, SZ_4K, SZ_64K, &EPT_ATTRS_RAM, gather);
}

static int unmap(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_unmap(fixture, base + SZ_64K, fixture->unit, gather);
}

static int unmap_all(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_unmap(fixture, 0, flat_width(fixture->flat), gather);
}

static int protect(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_protect(fixture, base + SZ_64K, SZ_64K, EPT_PROT_WRITE, 0, gather);
}

static int grant(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_protect(fixture, base, fixture->unit, EPT_PROT_WRITE, 0, gather) ?:
	       do_grant(fixture, base + 5, EPT_PROT_READ | EPT_PROT_WRITE);
}

static int hide(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_protect(fixture, base + SZ_64K, SZ_64K, 15, EPT_PROT_NONE, gather);
}

static int set_memtype(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_set_memtype(fixture, base + SZ_64K, SZ_64K, EPT_MT_WC, gather);
}

static int set_attrs(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	const struct ept_attrs attrs = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WP, .tag = 9 };

	return do_set_attrs(fixture, base + SZ_64K, SZ_64K, &attrs, gather);
}

static int split(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_split(fixture, base, SZ_4K, EPT_4K, gather);
}

static int merge(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	bool large = fixture->config.max_leaf > EPT_4K;

	do_split(fixture, base, SZ_4K, EPT_4K, gather);
	fixture->shortages = 0;
	/* One in the end, whatever it is made of. */
	return do_merge(fixture, base, fixture->unit, fixture->config.max_leaf) == large ? 0 : -EIO;
}

static int harvest(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	bool flags = fixture->config.features & EPT_FEATURE_AD;
	int error = flags ? 0 : -EOPNOTSUPP;

	do_access(fixture, base, true);
	do_access(fixture, base + fixture->unit, false);
	if (do_harvest(fixture, base, fixture->unit, true, false, gather) != error ||
	    do_harvest(fixture, base, 2 * fixture->unit, false, false, gather) != error)
		return -EIO;
	return 0;
}

static int install(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_install(fixture, FREE, 0, SZ_4K, &EPT_ATTRS_RAM, gather);
}

static int install_a_copy(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_install(fixture, base + SZ_64K, 0, SZ_4K, &EPT_ATTRS_RAM, gather);
}

static int fill_pages(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	const u64 hpas[] = { SZ_16M, SZ_16M + SZ_4K, SZ_16M + SZ_16K };

	return do_fill_pages(fixture, FREE + SZ_2M - SZ_4K, hpas, ARRAY_SIZE(hpas),
			     &EPT_ATTRS_RAM);
}

static int unmap_report(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_unmap_report(fixture, base + SZ_64K, fixture->unit, gather);
}

static int zap(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_zap(fixture, base + SZ_64K, fixture->unit, true, gather);
}

static int set_tag(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_set_tag(fixture, base + SZ_64K, SZ_64K, 3, gather);
}

static int redirect(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	return do_redirect(fixture, base + SZ_64K, SZ_64K, SZ_64K, EPT_PROT_WRITE, 0, gather);
}

static int clear_dirty(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	bool flags = fixture->config.features & EPT_FEATURE_AD;

	do_access(fixture, base, true);
	if (do_clear_dirty(fixture, base + 5, gather) != (flags ? 1 : -EOPNOTSUPP))
		return -EIO;
	return 0;
}

static int age(struct fixture *fixture, u64 base, struct ept_gather *gather)
{
	bool flags = fixture->config.features & EPT_FEATURE_AD;

	do_access(fixture, base, false);
	if (do_age(fixture, base, SZ_4K, true) != (flags ? 1 : -EOPNOTSUPP) ||
	    do_age(fixture, base, SZ_4K, false) != (flags ? 0 : -EOPNOTSUPP))
		return -EIO;
	return 0;
}

static const struct operation {
	const char	*name;
	int		(*operate)(struct fixture *fixture, u64 base, struct ept_gather *gather);
	enum { NEVER, TO_SPLIT, ALWAYS } takes;
} operations[] = {
	{ "map", map, ALWAYS },
	{ "map one leaf", map_one_leaf, ALWAYS },
	{ "map in a table", map_in_a_table, NEVER },
	{ "map_pages", map_pages, ALWAYS },
	{ "remap", remap, TO_SPLIT },
	{ "unmap", unmap, TO_SPLIT },
	{ "unmap all", unmap_all, NEVER },
	{ "protect", protect, TO_SPLIT },
	{ "grant", grant, NEVER },
	{ "protect from all", hide, TO_SPLIT },
	{ "set_memtype", set_memtype, TO_SPLIT },
	{ "set_attrs", set_attrs, TO_SPLIT },
	{ "split", split, TO_SPLIT },
	{ "merge", merge, NEVER },
	{ "harvest", harvest, NEVER },
	{ "install", install, ALWAYS },
	{ "install a copy", install_a_copy, TO_SPLIT },
	{ "fill_pages", fill_pages, ALWAYS },
	{ "unmap_report", unmap_report, TO_SPLIT },
	{ "zap", zap, NEVER },
	{ "set_tag", set_tag, TO_SPLIT },
	{ "redirect", redirect, TO_SPLIT },
	{ "clear_dirty", clear_dirty, NEVER },
	{ "age", age, NEVER },
};

static void try_operation(struct fixture *fixture, const struct operation *op,
			  struct ept_gather *gather)
{
	u64 base = fixture_base(fixture);
	struct kunit *test = fixture->test;
	bool takes = op->takes == ALWAYS ||
		     (op->takes == TO_SPLIT && fixture->config.max_leaf > EPT_4K);

	fixture_recreate(fixture, &fixture->config);
	must_map(fixture, base, 0, 2 * fixture->unit, &EPT_ATTRS_DEVICE);
	fixture->shortages = 0;
	if (gather)
		ept_gather_init(gather, fixture->ept);
	KUNIT_EXPECT_EQ_MSG(test, op->operate(fixture, base, gather), 0, "%s", op->name);
	KUNIT_EXPECT_EQ_MSG(test, fixture->shortages, takes, "%s", op->name);
	if (gather)
		do_flush(fixture, gather);
	KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "%s", op->name);
}

/* What each returns on a short reserve, and what it leaves then, the fixture looks at. */
static void each_change_works_with_interrupts_off(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		try_operation(fixture, &operations[i], NULL);
		try_operation(fixture, &operations[i], &gather);
	}
}

/* Freed tables go back to the system, and don't fill the reserve. */
static void the_reserve_gets_nothing_back(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_stats stats;

	must_map(fixture, SZ_2M, 0, SZ_8K, &EPT_ATTRS_RAM);
	must_unmap(fixture, SZ_2M, SZ_8K);
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.reserved, 0);
	KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + 1);
	KUNIT_EXPECT_EQ(test, ept_reserve(fixture->ept, 20), 0);
	must_map(fixture, SZ_2M, 0, SZ_8K, &EPT_ATTRS_RAM);
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.reserved, 20 - (fixture->config.levels - 1));
}

/* What the functions that look see, in the order of their calls */
struct sight {
	int			lookup;
	struct ept_mapping	mapping;
	int			read;
	phys_addr_t		hpa;
	int			write;
	int			explain;
	struct ept_explanation	explanation;
	int			each;
	unsigned int		nr;
	int			dump;
	int			check;
	struct ept_check_report	report;
	struct ept_stats	stats;
	int			first, second;	/* of a cursor */
	struct ept_mapping	behind;
	u64			tables;
};

static int count_mapping(const struct ept_mapping *mapping, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

static void look(struct fixture *fixture, u64 gpa, struct seq_file *m, struct sight *sight)
{
	struct ept *ept = fixture->ept;
	struct ept_cursor cursor;

	sight->lookup = ept_lookup(ept, gpa, &sight->mapping);
	sight->read = ept_translate(ept, gpa, EPT_PROT_READ, &sight->hpa);
	sight->write = ept_translate(ept, gpa, EPT_PROT_WRITE, NULL);
	sight->explain = ept_explain(ept, gpa, &sight->explanation);
	sight->each = ept_for_each_mapping(ept, 0, flat_width(fixture->flat), count_mapping,
					   &sight->nr);
	sight->dump = ept_dump(m, ept);
	sight->check = ept_check(ept, &sight->report);
	ept_get_stats(ept, &sight->stats);
	sight->first = ept_cursor_init(&cursor, ept, 0, SZ_2G);
	sight->first = sight->first ?: ept_cursor_next(&cursor, &sight->behind);
	sight->second = ept_cursor_next(&cursor, &sight->behind);
	sight->tables = ept_tables_for(ept, 0, SZ_4K, EPT_4K);
}

static void expect_sight(struct kunit *test, const struct sight *sight)
{
	KUNIT_EXPECT_EQ(test, sight->lookup, 0);
	KUNIT_EXPECT_EQ(test, sight->mapping.hpa, SZ_4K);
	KUNIT_EXPECT_EQ(test, sight->read, 0);
	KUNIT_EXPECT_EQ(test, sight->hpa, SZ_4K + 5);
	KUNIT_EXPECT_EQ(test, sight->write, -EFAULT);
	KUNIT_EXPECT_EQ(test, sight->explain, 0);
	KUNIT_EXPECT_EQ(test, sight->explanation.verdict, 0);
	KUNIT_EXPECT_EQ(test, sight->each, 0);
	KUNIT_EXPECT_EQ(test, sight->nr, 2);
	KUNIT_EXPECT_EQ(test, sight->dump, 0);
	KUNIT_EXPECT_EQ(test, sight->check, 0);
	KUNIT_EXPECT_NULL(test, sight->report.why);
	KUNIT_EXPECT_EQ(test, sight->stats.leaves[EPT_4K], 3);
	KUNIT_EXPECT_EQ(test, sight->first, 0);
	KUNIT_EXPECT_EQ(test, sight->second, 0);
	KUNIT_EXPECT_EQ(test, sight->behind.gpa, SZ_1G);
	KUNIT_EXPECT_GE(test, sight->tables, 3);
}

static void each_look_works_with_interrupts_off(struct kunit *test)
{
	const struct ept_attrs read = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };
	struct sight *sight = kunit_kzalloc(test, sizeof(*sight), GFP_KERNEL);
	struct fixture *fixture = test->priv;
	struct seq_file m = { .size = SZ_4K };
	unsigned long flags, before, after;

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sight);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	must_map(fixture, SZ_2M, SZ_4K, SZ_8K, &read);
	must_map(fixture, SZ_1G, SZ_4K, SZ_4K, &read);
	local_irq_save(flags);
	before = ept_table_pages();
	look(fixture, SZ_2M + 5, &m, sight);
	after = ept_table_pages();
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, after, before);
	expect_sight(test, sight);
}

static void a_number_that_changed_needs_no_table(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const unsigned long seq = 7;
	unsigned long flags;
	int stale, mapped, again;

	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, 10), 0);
	local_irq_save(flags);
	stale = ept_map_if(fixture->ept, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM, &seq, 6);
	mapped = ept_map_if(fixture->ept, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM, &seq, 7);
	again = ept_map_if(fixture->ept, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM, &seq, 7);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, stale, -EAGAIN);
	KUNIT_EXPECT_EQ(test, mapped, 0);
	KUNIT_EXPECT_EQ(test, again, -EEXIST);
	KUNIT_EXPECT_EQ(test, ept_reserved(fixture->ept), 10 - (fixture->config.levels - 1));
}

static void ignore(const struct ept_mapping *mapping, void *arg)
{
}

/* A merge in root, what looks into it before it is flushed, and its tables given away there */
static void a_merge_is_gathered_with_interrupts_off(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);
	struct ept_gather from, to;
	unsigned long flags;
	int merged, cleared, zapped, spliced;

	if (fixture->config.max_leaf == EPT_4K)
		kunit_skip(test, "nothing to merge");
	must_map(fixture, base, 0, fixture->unit, &EPT_ATTRS_DEVICE);
	KUNIT_EXPECT_EQ(test, do_split(fixture, base, SZ_4K, EPT_4K, NULL), 0);
	ept_gather_init(&from, fixture->ept);
	ept_gather_init(&to, fixture->ept);
	local_irq_save(flags);
	merged = ept_merge_gather(fixture->ept, base, fixture->unit, EPT_1G, &from);
	if (merged == -EOPNOTSUPP)
		merged = ept_merge_gather(fixture->ept, base, fixture->unit, EPT_2M, &from);
	cleared = ept_clear_dirty(fixture->ept, base, &from);
	zapped = ept_zap(fixture->ept, base, SZ_4K, NULL, ignore, NULL, &from);
	spliced = ept_gather_splice(&to, &from);
	ept_gather_free(&to);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, merged, 1);
	KUNIT_EXPECT_EQ(test, cleared,
			fixture->config.features & EPT_FEATURE_AD ? 0 : -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, zapped, 0);
	KUNIT_EXPECT_EQ(test, spliced, 0);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
}

static void note_context(struct fixture *fixture)
{
	*(bool *)fixture->arg = irqs_disabled();
}

/* The client's invalidation runs where the function was called, and nowhere else. */
static void invalidations_run_in_the_callers_context(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;
	bool off = false;

	must_map(fixture, SZ_2M, 0, SZ_8K, &EPT_ATTRS_RAM);
	fixture->arg = &off;
	fixture->on_invalidate = note_context;
	must_unmap(fixture, SZ_2M, SZ_4K);
	KUNIT_EXPECT_TRUE(test, off);
	ept_gather_init(&gather, fixture->ept);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, SZ_2M, SZ_8K, &gather), 0);
	off = false;
	do_flush(fixture, &gather);
	KUNIT_EXPECT_TRUE(test, off);
	ept_flush(fixture->ept);
	KUNIT_EXPECT_FALSE(test, off);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 3);
	/* The table outlives this frame. */
	fixture->on_invalidate = NULL;
}

/* Without one, and with no CPU that runs a guest, nobody has to be waited for. */
static void the_modules_own_flush_needs_no_interrupts_when_idle(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept_stats stats;
	unsigned long flags;
	struct ept *ept;
	int ret;

	config.ops = NULL;
	ept = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	KUNIT_EXPECT_EQ(test, ept_reserve(ept, 10), 0);
	ept_hooks.invept = invept_works;
	local_irq_save(flags);
	ret = ept_map(ept, 0, 0, SZ_8K, &EPT_ATTRS_RAM) ?: ept_vcpu_load(ept);
	ept_vcpu_put(ept);
	ret = ret ?: ept_unmap(ept, 0, SZ_4K, NULL);
	ept_flush(ept);
	local_irq_restore(flags);
	ept_hooks.invept = NULL;
	KUNIT_EXPECT_EQ(test, ret, 0);
	ept_get_stats(ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.flushes, 2);
	KUNIT_EXPECT_EQ(test, stats.interrupts, 0);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_4K], 1);
	ept_destroy(ept);
}

static struct kunit_case atomic_cases[] = {
	KUNIT_CASE_PARAM(each_change_works_with_interrupts_off, configs_gen_params),
	KUNIT_CASE_PARAM(the_reserve_gets_nothing_back, configs_gen_params),
	KUNIT_CASE_PARAM(each_look_works_with_interrupts_off, configs_gen_params),
	KUNIT_CASE_PARAM(a_number_that_changed_needs_no_table, configs_gen_params),
	KUNIT_CASE_PARAM(a_merge_is_gathered_with_interrupts_off, configs_gen_params),
	KUNIT_CASE_PARAM(invalidations_run_in_the_callers_context, configs_gen_params),
	KUNIT_CASE_PARAM(the_modules_own_flush_needs_no_interrupts_when_idle, configs_gen_params),
	{}
};

static struct kunit_suite atomic_suite = {
	.name = "ept_atomic",
	.init = atomic_init,
	.exit = fixture_exit,
	.test_cases = atomic_cases,
};

kunit_test_suite(atomic_suite);
