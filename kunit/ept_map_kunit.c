// SPDX-License-Identifier: GPL-2.0
/* ept_map() and ept_map_pages(): which leaves, which errors, and what is left after an error. */
#include <kunit/test.h>

#include "fixture.h"
#include "verify.h"

#define SZ_256T	(512ULL * SZ_512G)

CONFIG_PARAMS;

static const struct placement { u64 gpa, hpa, size; } placements[] = {
	{ 0, 0, SZ_4K },
	{ 0, 0, SZ_2M },
	{ 0, 0, SZ_1G },
	{ SZ_2M, SZ_4M, SZ_2M },
	{ SZ_2M, SZ_2M + SZ_4K, SZ_2M },			/* hpa allows 4K alone */
	{ SZ_2M + SZ_4K, SZ_2M, SZ_2M },			/* gpa allows 4K alone */
	{ SZ_4K, SZ_4K, SZ_2M - SZ_4K },
	{ SZ_2M - SZ_4K, SZ_1G - SZ_4K, SZ_2M + SZ_8K },	/* 4K, 2M, 4K */
	{ SZ_1G - SZ_4K, SZ_2G - SZ_4K, SZ_1G + SZ_8K },	/* 4K, 1G, 4K */
	{ SZ_1G - SZ_2M, SZ_2G - SZ_2M, SZ_1G + SZ_4M },	/* 2M, 1G, 2M */
	{ SZ_1G - SZ_2M - SZ_4K, SZ_1G - SZ_2M - SZ_4K, SZ_1G + SZ_4M + SZ_8K },
	{ SZ_1G, SZ_1G + SZ_2M, SZ_16M },			/* 2M leaves, never 1G */
	{ SZ_512G - SZ_4K, SZ_1G, SZ_8K },	/* two tables of 1G entries */
	{ SZ_512G - SZ_1G, SZ_1G, SZ_2G },
	{ SZ_256T - SZ_4K, SZ_4K, SZ_4K },			/* the last page of 4 levels */
	{ SZ_256T - SZ_2M, SZ_2M, SZ_2M },
	{ 0xffff800000000ULL, 0xff800000, SZ_2M },		/* beyond 4 levels */
	{ 512 * SZ_256T - SZ_2M, 0, SZ_2M },			/* the last page of 5 levels */
	{ SZ_256T - SZ_2M, SZ_4M, SZ_4M },			/* across two tables of 5 levels */
};

static void takes_the_largest_leaves(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs *attrs = &EPT_ATTRS_RAM;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(placements); i++) {
		const struct placement *p = &placements[i];

		if (do_map(fixture, p->gpa, p->hpa, p->size, attrs))
			continue;
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "placement %u", i);
		must_unmap(fixture, p->gpa, p->size);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "placement %u unmapped", i);
	}
}

/* What the case above leaves to the flat model, as literal numbers. */
static void leaves_are_as_many_as_counted_by_hand(struct kunit *test)
{
	static const struct { struct placement p; u64 leaves[3]; } counts[] = {
		{ { SZ_1G - SZ_2M - SZ_4K, SZ_1G - SZ_2M - SZ_4K, SZ_1G + SZ_4M + SZ_8K },
		  { 2, 2, 1 } },
		{ { SZ_2M - SZ_4K, SZ_1G - SZ_4K, SZ_2M + SZ_8K }, { 2, 1, 0 } },
		{ { SZ_2M, SZ_2M + SZ_4K, SZ_2M }, { 512, 0, 0 } },
		{ { 0, SZ_2M, SZ_1G }, { 0, 512, 0 } },
		{ { 0, 0, 4ULL * SZ_1G }, { 0, 0, 4 } },
	};
	struct fixture *fixture = test->priv;
	struct ept_stats stats;
	unsigned int i, level;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		const struct placement *p = &counts[i].p;

		must_map(fixture, p->gpa, p->hpa, p->size, &EPT_ATTRS_RAM);
		ept_get_stats(fixture->ept, &stats);
		for (level = EPT_4K; level <= EPT_1G; level++)
			KUNIT_EXPECT_EQ_MSG(test, stats.leaves[level], counts[i].leaves[level],
					    "count %u level %u", i, level);
		must_unmap(fixture, p->gpa, p->size);
	}
}

static void over_a_mapping_changes_nothing(struct kunit *test)
{
	static const struct { u64 gpa, size; } tries[] = {
		{ SZ_2M, SZ_4K },			/* the first page */
		{ SZ_4M - SZ_4K, SZ_4K },		/* the last one */
		{ SZ_2M + SZ_64K, SZ_4K },
		{ 0, SZ_2M + SZ_4K },			/* a hole and the first page */
		{ SZ_4M - SZ_4K, SZ_2M },		/* the last page and a hole */
		{ SZ_2M, SZ_2M },
		{ 0, SZ_1G },				/* where one large leaf would fit */
		{ 0, 32ULL * SZ_1G },
		{ SZ_64M, SZ_16K },			/* pages of one table */
		{ SZ_64M + SZ_8K, SZ_8K },
		{ SZ_64M - SZ_1M, SZ_2M },		/* mostly where no tables are */
	};
	struct fixture *fixture = test->priv;
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	unsigned int i;

	must_map(fixture, SZ_2M, SZ_1G, SZ_2M, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_64M + SZ_8K, SZ_2G, SZ_4K, &none);
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		int ret = do_map(fixture, tries[i].gpa, SZ_2G, tries[i].size, &EPT_ATTRS_RAM);

		KUNIT_EXPECT_EQ_MSG(test, ret, -EEXIST, "try %u", i);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "try %u", i);
	}
}

/* Each beside the arguments of a map that would succeed. Later errors never hide earlier ones. */
static const struct refusal {
	const char		*what;
	u64			gpa;
	u64			hpa;
	u64			size;
	struct ept_attrs	attrs;
	int			error;
} refusals[] = {
	{ "gpa misaligned", SZ_2M + 1, 0, SZ_4K, EPT_ATTRS_RAM, -EINVAL },
	{ "gpa half a page", SZ_2M + SZ_2K, 0, SZ_4K, EPT_ATTRS_RAM, -EINVAL },
	{ "hpa misaligned", SZ_2M, SZ_2K, SZ_4K, EPT_ATTRS_RAM, -EINVAL },
	{ "size misaligned", SZ_2M, 0, SZ_4K + 8, EPT_ATTRS_RAM, -EINVAL },
	{ "size 0", SZ_2M, 0, 0, EPT_ATTRS_RAM, -EINVAL },
	{ "misaligned and beyond", ~0ULL, 0, SZ_4K, EPT_ATTRS_RAM, -EINVAL },
	{ "size 0 and mapped", 0, 0, 0, EPT_ATTRS_RAM, -EINVAL },
	{ "write alone", SZ_2M, 0, SZ_4K, { .prot = EPT_PROT_WRITE }, -EINVAL },
	{ "write and execute", SZ_2M, 0, SZ_4K, { .prot = 6 }, -EINVAL },
	{ "unknown right", SZ_2M, 0, SZ_4K, { .prot = 0x11 }, -EINVAL },
	{ "memory type 2", SZ_2M, 0, SZ_4K, { .prot = 1, .memtype = 2 }, -EINVAL },
	{ "memory type 3", SZ_2M, 0, SZ_4K, { .prot = 1, .memtype = 3 }, -EINVAL },
	{ "memory type 7", SZ_2M, 0, SZ_4K, { .prot = 1, .memtype = 7 }, -EINVAL },
	{ "memory type 8", SZ_2M, 0, SZ_4K, { .prot = 1, .memtype = 8 }, -EINVAL },
	{ "unknown flag", SZ_2M, 0, SZ_4K, { .prot = 1, .flags = 64 }, -EINVAL },
	{ "tag 32", SZ_2M, 0, SZ_4K, { .prot = 1, .tag = 32 }, -EINVAL },
	{ "bad right and mapped", 0, 0, SZ_4K, { .prot = EPT_PROT_WRITE }, -EINVAL },
	{ "bad right and beyond", 1ULL << 57, 0, SZ_4K, { .prot = EPT_PROT_WRITE }, -EINVAL },
	{ "gpa beyond", 1ULL << 57, 0, SZ_4K, EPT_ATTRS_RAM, -ERANGE },
	{ "end beyond", (1ULL << 57) - SZ_4K, 0, SZ_8K, EPT_ATTRS_RAM, -ERANGE },
	{ "gpa overflows", -SZ_4K, 0, SZ_4K, EPT_ATTRS_RAM, -ERANGE },
	{ "gpa overflows by a lot", SZ_2M, 0, -SZ_4K, EPT_ATTRS_RAM, -ERANGE },
	{ "gpa wraps to itself", SZ_2M, 0, -SZ_2M, EPT_ATTRS_RAM, -ERANGE },
	{ "hpa beyond", SZ_2M, 1ULL << 52, SZ_4K, EPT_ATTRS_RAM, -ERANGE },
	{ "hpa end beyond", SZ_2M, (1ULL << 52) - SZ_4K, SZ_8K, EPT_ATTRS_RAM, -ERANGE },
	{ "hpa overflows", SZ_2M, -SZ_4K, SZ_8K, EPT_ATTRS_RAM, -ERANGE },
	{ "hpa beyond and mapped", 0, 1ULL << 52, SZ_4K, EPT_ATTRS_RAM, -ERANGE },
	{ "hpa beyond, exotic flag", 0, 1ULL << 52, SZ_4K,
	  { .prot = 1, .flags = EPT_ATTR_SUBPAGE }, -ERANGE },
	{ "mapped", 0, 0, SZ_4K, EPT_ATTRS_RAM, -EEXIST },
};

static void bad_arguments_are_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	must_map(fixture, 0, SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *r = &refusals[i];
		int ret = do_map(fixture, r->gpa, r->hpa, r->size, &r->attrs);

		KUNIT_EXPECT_EQ_MSG(test, ret, r->error, "%s", r->what);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "%s", r->what);
	}
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_2M, 0, SZ_4K, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map(NULL, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void host_addresses_end_at_maxphyaddr(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 end = 1ULL << fixture->config.maxphyaddr;

	must_map(fixture, 0, end - SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_1G, end - SZ_1G, SZ_1G, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, do_map(fixture, SZ_2M, end, SZ_4K, &EPT_ATTRS_RAM), -ERANGE);
	KUNIT_EXPECT_EQ(test, do_map(fixture, SZ_2M, end - SZ_4K, SZ_8K, &EPT_ATTRS_RAM), -ERANGE);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* What hides an address also says what its top bit was. A run may have leaves of either kind. */
static void inaccessible_leaves_may_be_on_both_sides_of_the_top_bit(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	const u64 top = 1ULL << (fixture->config.maxphyaddr - 1);

	must_map(fixture, SZ_4K, top - SZ_16K, SZ_64K, &none);
	must_map(fixture, SZ_64M, top - SZ_4M, SZ_8M, &none);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	KUNIT_EXPECT_EQ(test, do_remap(fixture, SZ_64K, top - SZ_8K, SZ_64K, &none, NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	KUNIT_EXPECT_EQ(test, do_protect(fixture, 0, SZ_1G, 0, EPT_PROT_READ, NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void guest_addresses_end_at_the_width(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 end = flat_width(fixture->flat);

	must_map(fixture, end - SZ_4K, 0, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, do_map(fixture, end, 0, SZ_4K, &EPT_ATTRS_RAM), -ERANGE);
	KUNIT_EXPECT_EQ(test, do_map(fixture, end - SZ_2M, 0, SZ_4M, &EPT_ATTRS_RAM), -ERANGE);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* What a configuration lacks is refused, what it has is taken: every right and every flag. */
static void attributes_are_taken_as_configured(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int prot, flags;

	for (prot = 0; prot < 16; prot++)
		for (flags = 0; flags < 64; flags++) {
			struct ept_attrs attrs = {
				.prot = prot,
				.flags = flags,
				.memtype = EPT_MT_WB,
				.tag = flags & 31,
			};

			if (do_map(fixture, SZ_2M, SZ_4M, SZ_2M, &attrs))
				continue;
			KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "prot %x flags %x", prot,
					      flags);
			must_unmap(fixture, SZ_2M, SZ_2M);
		}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void memory_types_reach_the_cpu(struct kunit *test)
{
	static const enum ept_memtype types[] = {
		EPT_MT_UC, EPT_MT_WC, EPT_MT_WT, EPT_MT_WP, EPT_MT_WB,
	};
	const struct mmu_access read = { .read = true };
	struct fixture *fixture = test->priv;
	struct mmu_result result;
	unsigned int i, ipat;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		for (ipat = 0; ipat < 2; ipat++) {
			struct ept_attrs attrs = {
				.prot = EPT_PROT_READ,
				.memtype = types[i],
				.flags = ipat ? EPT_ATTR_IGNORE_PAT : 0,
			};
			u64 gpa = (i * 2 + ipat) * SZ_4M;

			must_map(fixture, gpa, 0, SZ_2M, &attrs);
			must_map(fixture, gpa + SZ_2M, 0, SZ_4K, &attrs);
			mmu_look(&fixture->mmu, fixture->eptp, gpa, &read, &result);
			KUNIT_EXPECT_EQ(test, result.memtype, types[i]);
			KUNIT_EXPECT_EQ(test, result.ipat, ipat);
			mmu_look(&fixture->mmu, fixture->eptp, gpa + SZ_2M, &read, &result);
			KUNIT_EXPECT_EQ(test, result.memtype, types[i]);
			KUNIT_EXPECT_EQ(test, result.ipat, ipat);
		}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Neighbours fill a table, one page at a time; no table appears that isn't needed. */
static void single_pages_fill_a_table(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	for (i = 0; i < 1024; i++) {
		u64 offset = (i * 5 % 1024) * SZ_4K;	/* in no order */

		must_map(fixture, SZ_1G - SZ_2M + offset, offset, SZ_4K, &EPT_ATTRS_RAM);
	}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	for (i = 0; i < 1024; i += 7)
		KUNIT_EXPECT_EQ(test, do_map(fixture, SZ_1G - SZ_2M + i * SZ_4K, 0, SZ_4K,
					     &EPT_ATTRS_RAM), -EEXIST);
}

#define NR_PAGES	1536

/* Host pages in runs; the addresses are never looked at, but struct pages must be real ones. */
static void fill_pages(u64 *hpas, u64 first, unsigned int run, u64 gap)
{
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		hpas[i] = first + i * SZ_4K + i / run * gap;
}

static void contiguous_pages_take_large_leaves(struct kunit *test)
{
	static const struct { u64 gpa, hpa, gap; unsigned int run; } layouts[] = {
		{ SZ_2M, SZ_16M, 0, NR_PAGES },			/* all in a row */
		{ SZ_2M, SZ_16M, SZ_2M, 512 },			/* 2M pieces, apart */
		{ SZ_2M, SZ_16M, SZ_4K, 511 },			/* all but the last page */
		{ SZ_2M, SZ_16M, SZ_4K, 512 },	/* pieces that drift out of alignment */
		{ SZ_2M - SZ_4K, SZ_16M - SZ_4K, 0, NR_PAGES },	/* a head and a tail */
		{ SZ_2M, SZ_16M, SZ_4K, 1 },			/* every second page */
		{ SZ_2M, SZ_16M + SZ_4K, 0, NR_PAGES },		/* aligned on one side alone */
	};
	struct fixture *fixture = test->priv;
	u64 *hpas = kunit_kmalloc_array(test, NR_PAGES, sizeof(*hpas), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, hpas);
	for (i = 0; i < ARRAY_SIZE(layouts); i++) {
		u64 gpa = layouts[i].gpa;

		fill_pages(hpas, layouts[i].hpa, layouts[i].run, layouts[i].gap);
		KUNIT_EXPECT_EQ(test, do_map_pages(fixture, gpa, hpas, NR_PAGES, &EPT_ATTRS_RAM),
				0);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "layout %u", i);
		must_unmap(fixture, gpa, NR_PAGES * SZ_4K);
	}
}

static void pages_over_a_mapping_change_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 *hpas = kunit_kmalloc_array(test, NR_PAGES, sizeof(*hpas), GFP_KERNEL);
	unsigned int at[] = { 0, 1, 511, 512, NR_PAGES - 1 }, i;

	KUNIT_ASSERT_NOT_NULL(test, hpas);
	fill_pages(hpas, SZ_16M, 100, SZ_4K);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		must_map(fixture, SZ_2M + at[i] * SZ_4K, SZ_1G, SZ_4K, &EPT_ATTRS_RAM);
		KUNIT_EXPECT_EQ(test, do_map_pages(fixture, SZ_2M, hpas, NR_PAGES, &EPT_ATTRS_RAM),
				-EEXIST);
		KUNIT_ASSERT_TRUE(test, verify(fixture));
		must_unmap(fixture, SZ_2M + at[i] * SZ_4K, SZ_4K);
	}
}

static void bad_pages_are_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct page *page = pfn_to_page(PHYS_PFN(SZ_16M)), *pages[3] = { page, page, page };
	const struct ept_attrs bad = { .prot = EPT_PROT_WRITE };
	const struct ept_attrs *ram = &EPT_ATTRS_RAM;
	u64 end = flat_width(fixture->flat);
	struct ept *ept = fixture->ept;

	must_map(fixture, SZ_8K, 0, SZ_4K, ram);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 1, pages, 1, ram), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 0, pages, 0, ram), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 0, NULL, 1, ram), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 0, pages, 1, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 0, pages, 1, &bad), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_pages(NULL, 0, pages, 1, ram), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, end, pages, 1, ram), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, end - SZ_4K, pages, 2, ram), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 0, pages, ULONG_MAX, ram), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 0, pages, 1UL << 52, ram), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 0, pages, 3, ram), -EEXIST);
	pages[2] = NULL;
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, 0, pages, 3, ram), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, end - SZ_8K, pages, 3, ram), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static struct kunit_case map_cases[] = {
	KUNIT_CASE_PARAM(takes_the_largest_leaves, configs_gen_params),
	KUNIT_CASE(leaves_are_as_many_as_counted_by_hand),
	KUNIT_CASE_PARAM(over_a_mapping_changes_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(bad_arguments_are_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(host_addresses_end_at_maxphyaddr, configs_gen_params),
	KUNIT_CASE_PARAM(inaccessible_leaves_may_be_on_both_sides_of_the_top_bit,
			 configs_gen_params),
	KUNIT_CASE_PARAM(guest_addresses_end_at_the_width, configs_gen_params),
	KUNIT_CASE_PARAM(attributes_are_taken_as_configured, configs_gen_params),
	KUNIT_CASE_PARAM(memory_types_reach_the_cpu, configs_gen_params),
	KUNIT_CASE_PARAM(single_pages_fill_a_table, configs_gen_params),
	KUNIT_CASE_PARAM(contiguous_pages_take_large_leaves, configs_gen_params),
	KUNIT_CASE_PARAM(pages_over_a_mapping_change_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(bad_pages_are_refused_in_order, configs_gen_params),
	{}
};

static struct kunit_suite map_suite = {
	.name = "ept_map",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = map_cases,
};

kunit_test_suite(map_suite);
