// SPDX-License-Identifier: GPL-2.0
/*
 * Out of memory, at every allocation that an operation makes: -ENOMEM, nothing changed, and no page
 * lost.
 *
 * Needs CONFIG_FAULT_INJECTION with CONFIG_FAIL_PAGE_ALLOC, and /sys/kernel/debug/fail_page_alloc
 * set up to fail GFP_KERNEL allocations of one page (ignore-gfp-wait N, min-order 0); skipped
 * elsewhere.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ept_priv.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

#ifdef CONFIG_FAULT_INJECTION

/* The @nth allocation from here on fails; 0: none does any more. */
static void fail_allocation(unsigned int nth)
{
	WRITE_ONCE(current->fail_nth, nth);
}

/* False: there were fewer allocations, and none failed. */
static bool an_allocation_failed(void)
{
	bool failed = !READ_ONCE(current->fail_nth);

	fail_allocation(0);
	return failed;
}

#else

static void fail_allocation(unsigned int nth)
{
}

static bool an_allocation_failed(void)
{
	return false;
}

#endif

static bool can_fail_allocations(void)
{
	struct page *page;

	fail_allocation(1);
	page = alloc_page(GFP_KERNEL);
	if (page)
		__free_page(page);
	return an_allocation_failed() && !page;
}

static int memory_init(struct kunit *test)
{
	int ret = fixture_init(test);

	if (!ret && !can_fail_allocations())
		kunit_skip(test, "this kernel doesn't let page allocations fail");
	/* One allocation fails at a time, and an operation would ask once more, and get it. */
	ept_hooks.nothing_at_once = true;
	return ret;
}

static void memory_exit(struct kunit *test)
{
	ept_hooks.nothing_at_once = false;
	fixture_exit(test);
}

/* Above what each try begins with. */
#define FREE	SZ_32G

static int map_page(struct fixture *fixture)
{
	return ept_map(fixture->ept, FREE + SZ_4K, 0, SZ_4K, &EPT_ATTRS_RAM);
}

/* More than are allocated at a time, so that the last of them may fail with others there. */
static int map_many_tables(struct fixture *fixture)
{
	return ept_map(fixture->ept, FREE + SZ_1G - SZ_8M, SZ_4K, SZ_128M, &EPT_ATTRS_RAM);
}

static int map_across_roots_entries(struct fixture *fixture)
{
	return ept_map(fixture->ept, SZ_512G - SZ_8K, SZ_4K, SZ_16K, &EPT_ATTRS_RAM);
}

static int map_pages(struct fixture *fixture)
{
	struct page *page = pfn_to_page(PHYS_PFN(SZ_16M));
	struct page *pages[] = { page, page, page, page };

	return ept_map_pages(fixture->ept, FREE + SZ_1G - SZ_8K, pages, ARRAY_SIZE(pages),
			     &EPT_ATTRS_RAM);
}

/* Both edges cut a leaf of the largest size. */
static int unmap_parts(struct fixture *fixture)
{
	return ept_unmap(fixture->ept, fixture_base(fixture) + SZ_64K, fixture->unit, NULL);
}

static int protect_parts(struct fixture *fixture)
{
	return ept_protect(fixture->ept, fixture_base(fixture) + SZ_64K, fixture->unit,
			   EPT_PROT_WRITE, 0, NULL);
}

static int remap_parts(struct fixture *fixture)
{
	return ept_remap(fixture->ept, fixture_base(fixture) + SZ_64K, SZ_64K, fixture->unit,
			 &EPT_ATTRS_DEVICE, NULL);
}

/* Small leaves in the place of large ones and of a hole */
static int remap_small(struct fixture *fixture)
{
	return ept_remap(fixture->ept, fixture_base(fixture) + 2 * fixture->unit - SZ_2M, SZ_4K,
			 SZ_4M, &EPT_ATTRS_DEVICE, NULL);
}

static int set_memtype_of_parts(struct fixture *fixture)
{
	return ept_set_memtype(fixture->ept, fixture_base(fixture) + SZ_64K, fixture->unit,
			       EPT_MT_WC, NULL);
}

static int set_attrs_of_parts(struct fixture *fixture)
{
	const struct ept_attrs attrs = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };

	return ept_set_attrs(fixture->ept, fixture_base(fixture) + SZ_64K, fixture->unit, &attrs,
			     NULL);
}

static int split_parts(struct fixture *fixture)
{
	return ept_split(fixture->ept, fixture_base(fixture) + SZ_64K, SZ_4M, EPT_4K, NULL);
}

static int map_page_if(struct fixture *fixture)
{
	static const unsigned long seq = 7;

	return ept_map_if(fixture->ept, FREE + SZ_4K, 0, SZ_4K, &EPT_ATTRS_RAM, &seq, 7);
}

static int install_page(struct fixture *fixture)
{
	return ept_install(fixture->ept, FREE + SZ_4K, 0, SZ_4K, &EPT_ATTRS_RAM, NULL, 0, NULL);
}

/* A copy of a page, in the place of a part of a leaf */
static int install_a_copy(struct fixture *fixture)
{
	return ept_install(fixture->ept, fixture_base(fixture) + SZ_64K, 0, SZ_4K, &EPT_ATTRS_RAM,
			   NULL, 0, NULL);
}

/* What is filled before memory runs out is empty again. */
static int fill_pages(struct fixture *fixture)
{
	struct page *page = pfn_to_page(PHYS_PFN(SZ_16M));
	struct page *pages[] = { page, page, page, page };
	unsigned long filled = 0;
	int ret;

	ret = ept_fill_pages(fixture->ept, FREE + SZ_1G - SZ_8K, pages, ARRAY_SIZE(pages),
			     &EPT_ATTRS_RAM, &filled, NULL, 0);
	return ret && filled ? -EIO : ret;
}

static void count_gone(const struct ept_mapping *mapping, void *arg)
{
	++*(unsigned int *)arg;
}

static int unmap_and_report_parts(struct fixture *fixture)
{
	unsigned int told = 0;
	int ret;

	ret = ept_unmap_report(fixture->ept, fixture_base(fixture) + SZ_64K, fixture->unit,
			       count_gone, &told, NULL);
	return ret && told ? -EIO : ret;
}

static int set_tag_of_parts(struct fixture *fixture)
{
	return ept_set_tag(fixture->ept, fixture_base(fixture) + SZ_64K, fixture->unit, 5, NULL);
}

static int redirect_parts(struct fixture *fixture)
{
	return ept_redirect(fixture->ept, fixture_base(fixture) + SZ_64K, SZ_64K, fixture->unit,
			    EPT_PROT_WRITE, 0, NULL);
}

static int reserve(struct fixture *fixture)
{
	return ept_reserve(fixture->ept, 6);
}

static const struct operation {
	const char	*name;
	int		(*operate)(struct fixture *fixture);
	bool		large;		/* allocates only where there are large leaves to split */
} operations[] = {
	{ "map one page", map_page },
	{ "map many tables", map_many_tables },
	{ "map across the root's entries", map_across_roots_entries },
	{ "map pages", map_pages },
	{ "unmap parts of leaves", unmap_parts, .large = true },
	{ "protect parts of leaves", protect_parts, .large = true },
	{ "remap parts of leaves", remap_parts, .large = true },
	{ "remap to small leaves", remap_small },
	{ "set_memtype of parts of leaves", set_memtype_of_parts, .large = true },
	{ "set_attrs of parts of leaves", set_attrs_of_parts, .large = true },
	{ "split parts of leaves", split_parts, .large = true },
	{ "map one page if nothing changed", map_page_if },
	{ "install one page", install_page },
	{ "install a copy of a page", install_a_copy, .large = true },
	{ "fill with pages", fill_pages },
	{ "unmap and report parts of leaves", unmap_and_report_parts, .large = true },
	{ "set_tag of parts of leaves", set_tag_of_parts, .large = true },
	{ "redirect parts of leaves", redirect_parts, .large = true },
	{ "reserve", reserve },
};

/* A table with something in it, as it is before each try. */
static void fill_table(struct fixture *fixture)
{
	fixture_recreate(fixture, &fixture->config);
	must_map(fixture, fixture_base(fixture), 2 * fixture->unit, 2 * fixture->unit,
		 &EPT_ATTRS_DEVICE);
}

/* Returns whether the try came to the @nth allocation. */
static bool try_operation(struct kunit *test, const struct operation *op, unsigned int nth,
			  unsigned int *refusals)
{
	struct fixture *fixture = test->priv;
	unsigned long pages;
	bool failed;
	int ret;

	fill_table(fixture);
	pages = table_pages();
	fail_allocation(nth);
	ret = op->operate(fixture);
	failed = an_allocation_failed();
	if (!ret)	/* also where a debugging allocation failed, which nobody misses */
		return failed;
	++*refusals;
	KUNIT_EXPECT_TRUE_MSG(test, failed, "%s", op->name);
	KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM, "%s, allocation %u", op->name, nth);
	KUNIT_EXPECT_EQ_MSG(test, table_pages(), pages, "%s, allocation %u", op->name, nth);
	KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, 0, "%s, allocation %u", op->name, nth);
	KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "%s, allocation %u", op->name, nth);
	return failed;
}

static void an_operation_that_fails_changes_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i, nth;

	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		unsigned int refusals = 0;

		/* Each of the first ones, and then some: they are all alike. */
		for (nth = 1; try_operation(test, &operations[i], nth, &refusals);
		     nth += nth < 16 ? 1 : 7)
			KUNIT_ASSERT_LT(test, nth, 1000);
		if (operations[i].large && fixture->config.max_leaf == EPT_4K)
			continue;
		KUNIT_EXPECT_GT_MSG(test, refusals, 0, "%s", operations[i].name);
	}
}

/* From the reserve come some tables, and from the system more than are allocated at a time. */
static void the_reserve_gets_back_what_it_gave(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int nth, refusals = 0;
	bool failed = true;

	for (nth = 1; failed && nth < 1000; nth++) {
		unsigned int scope;
		unsigned long pages;
		int ret;

		fill_table(fixture);
		KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, 2), 0);
		pages = table_pages();
		scope = memalloc_noreclaim_save();
		fail_allocation(nth);
		ret = ept_map(fixture->ept, FREE, SZ_4K, SZ_256M, &EPT_ATTRS_RAM);
		failed = an_allocation_failed();
		memalloc_noreclaim_restore(scope);
		if (!ret)
			continue;
		refusals++;
		KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		KUNIT_EXPECT_EQ(test, ept_reserved(fixture->ept), 2);
		KUNIT_EXPECT_EQ(test, table_pages(), pages);
	}
	/* The first allocation, with the reserve's tables alone, and one with others there */
	KUNIT_EXPECT_GE(test, refusals, 2);
}

static void a_creation_that_fails_leaves_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned long pages = table_pages();
	unsigned int nth, refusals = 0;
	struct ept *ept;
	bool failed;

	for (nth = 1; nth < 1000; nth++) {
		fail_allocation(nth);
		ept = ept_create(&fixture->config);
		failed = an_allocation_failed();
		if (IS_ERR(ept)) {
			refusals++;
			KUNIT_EXPECT_EQ(test, PTR_ERR(ept), -ENOMEM);
			KUNIT_EXPECT_TRUE(test, failed);
		} else {
			ept_destroy(ept);
		}
		KUNIT_EXPECT_EQ(test, table_pages(), pages);
		if (!failed)
			break;
	}
	KUNIT_EXPECT_GT(test, refusals, 0);
}

static struct ept *a_clone_target(struct fixture *fixture)
{
	struct ept_config config = fixture->config;
	struct ept *to;

	config.ops = NULL;
	to = ept_create(&config);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(fixture->test, to);
	return to;
}

/* What was mapped before memory ran out is unmapped again. */
static void a_clone_that_fails_leaves_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), end = flat_width(fixture->flat), pages;
	unsigned int nth, refusals = 0;
	struct ept_mapping none;
	bool failed = true;
	struct ept *to;
	int ret;

	fill_table(fixture);
	must_map(fixture, FREE, SZ_4K, SZ_16K, &EPT_ATTRS_RAM);
	for (nth = 1; failed && nth < 1000; nth++) {
		to = a_clone_target(fixture);
		pages = table_pages();
		fail_allocation(nth);
		ret = ept_clone(to, fixture->ept, 0, end);
		failed = an_allocation_failed();
		if (ret) {
			refusals++;
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			KUNIT_EXPECT_EQ(test, table_pages(), pages);
			KUNIT_EXPECT_EQ(test, ept_lookup(to, FREE, &none), -ENOENT);
			KUNIT_EXPECT_EQ(test, ept_lookup(to, base, &none), -ENOENT);
		}
		ept_destroy(to);
	}
	KUNIT_EXPECT_GE(test, refusals, 2);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Of any range, and with leaves at both edges: for who may not fail */
static void a_zap_allocates_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_range went;
	int ret;

	fill_table(fixture);
	fail_allocation(1);
	ret = ept_zap(fixture->ept, fixture_base(fixture) + SZ_64K, fixture->unit, &went, NULL,
		      NULL, NULL);
	KUNIT_EXPECT_FALSE(test, an_allocation_failed());
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
}

/* A gather that was open when memory ran out still owes what it owed, and no more. */
static void a_gather_survives_a_failure(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture);
	struct ept_gather gather;
	int ret;

	if (fixture->config.max_leaf == EPT_4K)
		kunit_skip(test, "nothing to split");
	fill_table(fixture);
	ept_gather_init(&gather, fixture->ept);
	KUNIT_EXPECT_EQ(test, do_unmap(fixture, base, fixture->unit, &gather), 0);
	fail_allocation(1);
	ret = ept_unmap(fixture->ept, base + fixture->unit + SZ_64K, SZ_4K, &gather);
	KUNIT_EXPECT_TRUE(test, an_allocation_failed());
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	do_flush(fixture, &gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
}

/*
 * With enough set aside, who may not wait for reclaim allocates nothing, and so nothing can fail;
 * also where others took tables meanwhile, who had the system to ask.
 */
static void a_reserve_outlasts_the_system(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int scope;
	int ret;

	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, 100), 0);
	KUNIT_EXPECT_EQ(test, map_across_roots_entries(fixture), 0);
	fail_allocation(1);
	scope = memalloc_noreclaim_save();
	ret = map_many_tables(fixture);
	memalloc_noreclaim_restore(scope);
	KUNIT_EXPECT_FALSE(test, an_allocation_failed());
	KUNIT_EXPECT_EQ(test, ret, 0);
}

static void a_short_reserve_survives_a_failure(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_stats stats;
	unsigned long pages;
	unsigned int scope;
	int ret;

	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, 2), 0);
	pages = table_pages();
	fail_allocation(1);
	scope = memalloc_noreclaim_save();
	ret = map_many_tables(fixture);
	memalloc_noreclaim_restore(scope);
	KUNIT_EXPECT_TRUE(test, an_allocation_failed());
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.reserved, 2);
	KUNIT_EXPECT_EQ(test, table_pages(), pages);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* What cannot end well isn't begun, so that nobody else runs out of memory meanwhile. */
static void a_request_for_more_than_there_is_allocates_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int ret;

	KUNIT_ASSERT_LT(test, si_mem_available(), totalram_pages());
	fail_allocation(1);
	ret = ept_reserve(fixture->ept, totalram_pages());
	KUNIT_EXPECT_FALSE(test, an_allocation_failed());
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE_PARAM(an_operation_that_fails_changes_nothing, configs_gen_params),
	KUNIT_CASE(the_reserve_gets_back_what_it_gave),
	KUNIT_CASE_PARAM(a_creation_that_fails_leaves_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(a_clone_that_fails_leaves_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(a_zap_allocates_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(a_gather_survives_a_failure, configs_gen_params),
	KUNIT_CASE_PARAM(a_reserve_outlasts_the_system, configs_gen_params),
	KUNIT_CASE_PARAM(a_short_reserve_survives_a_failure, configs_gen_params),
	KUNIT_CASE(a_request_for_more_than_there_is_allocates_nothing),
	{}
};

static struct kunit_suite memory_suite = {
	.name = "ept_memory",
	.init = memory_init,
	.exit = memory_exit,
	.test_cases = memory_cases,
};

kunit_test_suite(memory_suite);
