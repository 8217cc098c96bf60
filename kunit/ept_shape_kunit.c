// SPDX-License-Identifier: GPL-2.0
/*
 * Remaps, splits, merges and harvests by hand: the shapes that matter, each with numbers that were
 * counted by hand; and that all attributes outlast a change of shape.
 */
#include <kunit/test.h>

#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static const struct ept_attrs rw = {
	.prot = EPT_PROT_READ | EPT_PROT_WRITE, .memtype = EPT_MT_WT, .tag = 13,
};

static void expect_leaves(struct fixture *fixture, u64 pages, u64 megabytes, u64 gigabytes)
{
	struct ept_stats stats;

	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(fixture->test, stats.leaves[EPT_4K], pages);
	KUNIT_EXPECT_EQ(fixture->test, stats.leaves[EPT_2M], megabytes);
	KUNIT_EXPECT_EQ(fixture->test, stats.leaves[EPT_1G], gigabytes);
	KUNIT_EXPECT_TRUE(fixture->test, verify(fixture));
}

static void use_1g_leaves(struct fixture *fixture)
{
	struct ept_config config = fixture->config;

	config.max_leaf = EPT_1G;
	fixture_recreate(fixture, &config);
}

/* Inside the range no leaf is larger; outside they are as large as they can be. */
static void a_split_is_as_small_as_asked_for(struct kunit *test)
{
	static const struct {
		u64 gpa, size;
		enum ept_level level;
		u64 leaves[3];
	} splits[] = {
		{ SZ_1G, SZ_4K, EPT_4K, { 512, 511, 1 } },
		{ SZ_1G, SZ_4K, EPT_2M, { 0, 512, 1 } },
		{ SZ_1G, SZ_4K, EPT_1G, { 0, 0, 2 } },
		{ SZ_1G + SZ_2M - SZ_4K, SZ_8K, EPT_4K, { 1024, 510, 1 } },
		{ SZ_1G + SZ_2M - SZ_4K, SZ_8K, EPT_2M, { 0, 512, 1 } },
		{ SZ_2G - SZ_4K, SZ_8K, EPT_4K, { 1024, 1022, 0 } },
		{ SZ_2G - SZ_4K, SZ_8K, EPT_2M, { 0, 1024, 0 } },
		{ SZ_1G + SZ_2M, SZ_2M, EPT_4K, { 512, 511, 1 } },
		{ SZ_1G, SZ_1G, EPT_2M, { 0, 512, 1 } },
		{ 0, SZ_8G, EPT_2M, { 0, 1024, 0 } },
		{ 0, SZ_8G, EPT_1G, { 0, 0, 2 } },
	};
	struct fixture *fixture = test->priv;
	unsigned int i;

	use_1g_leaves(fixture);
	for (i = 0; i < ARRAY_SIZE(splits); i++) {
		must_map(fixture, SZ_1G, SZ_2G, SZ_2G, &rw);
		KUNIT_EXPECT_EQ(test, do_split(fixture, splits[i].gpa, splits[i].size,
					       splits[i].level, NULL), 0);
		expect_leaves(fixture, splits[i].leaves[0], splits[i].leaves[1],
			      splits[i].leaves[2]);
		/* A second time there is nothing to do. */
		KUNIT_EXPECT_EQ(test, do_split(fixture, splits[i].gpa, splits[i].size,
					       splits[i].level, NULL), 0);
		must_unmap(fixture, 0, SZ_8G);
	}
}

/* Of one piece more or less, and of pieces that differ */
static void a_merge_makes_the_largest_leaf(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	use_1g_leaves(fixture);
	must_map(fixture, SZ_1G, SZ_2G, SZ_2G, &rw);
	KUNIT_EXPECT_EQ(test, do_split(fixture, SZ_1G + SZ_64K, SZ_4M, EPT_4K, NULL), 0);
	expect_leaves(fixture, 3 * 512, 509, 1);
	/* Only what lies wholly in the range. */
	KUNIT_EXPECT_EQ(test, do_merge(fixture, SZ_1G + SZ_4K, SZ_4M, EPT_1G), 1);
	expect_leaves(fixture, 2 * 512, 510, 1);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, SZ_1G, SZ_1G - SZ_4K, EPT_1G), 2);
	expect_leaves(fixture, 0, 512, 1);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, SZ_1G, SZ_1G, EPT_2M), 0);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, SZ_1G, SZ_1G, EPT_1G), 1);
	expect_leaves(fixture, 0, 0, 2);
	/* From pages to a leaf of 1G in one go: one was made. */
	KUNIT_EXPECT_EQ(test, do_split(fixture, SZ_2G - SZ_4K, SZ_4K, EPT_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, 0, SZ_8G, EPT_1G), 1);
	expect_leaves(fixture, 0, 0, 2);
}

static const struct ept_attrs others[] = {
	{ .prot = EPT_PROT_READ, .memtype = EPT_MT_WT, .tag = 13 },
	{ .prot = EPT_PROT_READ | EPT_PROT_WRITE, .memtype = EPT_MT_WB, .tag = 13 },
	{ .prot = EPT_PROT_READ | EPT_PROT_WRITE, .memtype = EPT_MT_WT, .tag = 12 },
	{ .prot = EPT_PROT_READ | EPT_PROT_WRITE, .memtype = EPT_MT_WT, .tag = 13,
	  .flags = EPT_ATTR_IGNORE_PAT },
	{ .prot = EPT_PROT_NONE, .memtype = EPT_MT_WT, .tag = 13 },
};

/* One page in the way: of other attributes, elsewhere, or missing */
static void what_differs_is_not_merged(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 odd = SZ_1G + SZ_64K;
	unsigned int i;

	use_1g_leaves(fixture);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		must_map(fixture, SZ_1G, SZ_2G, SZ_1G, &rw);
		KUNIT_EXPECT_EQ(test, do_set_attrs(fixture, odd, SZ_4K, &others[i], NULL), 0);
		KUNIT_EXPECT_EQ(test, do_merge(fixture, 0, SZ_8G, EPT_1G), 0);
		expect_leaves(fixture, 512, 511, 0);
		KUNIT_EXPECT_EQ(test, do_set_attrs(fixture, odd, SZ_4K, &rw, NULL), 0);
		KUNIT_EXPECT_EQ(test, do_merge(fixture, 0, SZ_8G, EPT_1G), 1);
		must_unmap(fixture, 0, SZ_8G);
	}
	must_map(fixture, SZ_1G, SZ_2G, SZ_1G, &rw);
	KUNIT_EXPECT_EQ(test, do_remap(fixture, odd, SZ_4G, SZ_4K, &rw, NULL), 0);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, 0, SZ_8G, EPT_1G), 0);
	must_unmap(fixture, odd, SZ_4K);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, 0, SZ_8G, EPT_1G), 0);
	must_map(fixture, odd, SZ_2G + SZ_64K, SZ_4K, &rw);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, 0, SZ_8G, EPT_1G), 1);
	/* Contiguous, but to an address that a large leaf cannot have */
	must_map(fixture, SZ_4G, SZ_4G + SZ_4K, SZ_2M, &rw);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, 0, SZ_8G, EPT_1G), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Bit by bit, all of them, and all that doesn't ask for small leaves */
static bool are_of_interest(u32 flags)
{
	return !(flags & (flags - 1)) || flags == 63 || flags == (63 & ~EPT_ATTR_SUBPAGE);
}

/*
 * There and back: the first page goes its own way, and while it is out of reach it cannot be
 * merged, unless all are.
 */
static void split_hide_and_merge(struct fixture *fixture, const struct ept_attrs *attrs)
{
	u64 base = fixture_base(fixture), unit = fixture->unit;
	enum ept_level largest = fixture->config.max_leaf;
	int large = flat_largest(&fixture->config, attrs) > EPT_4K;
	struct kunit *test = fixture->test;
	struct ept_mapping mapping;

	must_map(fixture, base, 2 * unit, unit, attrs);
	KUNIT_EXPECT_EQ(test, do_split(fixture, base, SZ_4K, EPT_4K, NULL), 0);
	must_protect(fixture, base, SZ_4K, 15, EPT_PROT_NONE);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, base, unit, largest), attrs->prot ? 0 : large);
	do_protect(fixture, base, SZ_4K, 15, attrs->prot, NULL);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, base, unit, largest), attrs->prot ? large : 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, base, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.attrs.flags, attrs->flags);
	KUNIT_EXPECT_EQ(test, mapping.attrs.tag, attrs->tag);
	KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "prot %x flags %x", attrs->prot, attrs->flags);
	must_unmap(fixture, base, unit);
}

static void attributes_outlast_split_merge_and_protect(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_attrs attrs = { .memtype = EPT_MT_WP };

	for (attrs.prot = 0; attrs.prot < 16; attrs.prot++)
		for (attrs.flags = 0; attrs.flags < 64; attrs.flags++) {
			attrs.tag = 31 - attrs.flags % 32;
			if (!are_of_interest(attrs.flags) || flat_judge(&fixture->config, &attrs))
				continue;
			/* As many pages as 1G has would take long; those of 2M are enough. */
			if (fixture->unit == SZ_1G &&
			    flat_largest(&fixture->config, &attrs) == EPT_4K)
				continue;
			split_hide_and_merge(fixture, &attrs);
		}
}

/* Leaves without rights are leaves: they split, merge, and get their rights back. */
static void inaccessible_leaves_change_shape_like_others(struct kunit *test)
{
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WC, .tag = 5 };
	struct fixture *fixture = test->priv;
	u64 top = 1ULL << (fixture->config.maxphyaddr - 1);
	int large = fixture->config.max_leaf > EPT_4K;
	u64 base = fixture_base(fixture), unit = fixture->unit;

	/* Of an address whose top bit, which is what hiding turns on, is set */
	must_map(fixture, base, top + unit, unit, &none);
	KUNIT_EXPECT_EQ(test, do_split(fixture, base + unit - SZ_4K, SZ_4K, EPT_4K, NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	KUNIT_EXPECT_EQ(test, do_merge(fixture, base, unit, fixture->config.max_leaf), large);
	KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, large, "the tables that went");
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_protect(fixture, base, unit, 0, EPT_PROT_READ);
	KUNIT_EXPECT_EQ(test, ept_translate(fixture->ept, base, EPT_PROT_READ, NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static const struct { struct cut cut; u64 differ; } remaps[] = {
	{ { 0, 0, 0, 1 }, 0 },			/* the first page of a leaf */
	{ { 8, -1, 0, 2 }, 0 },			/* two leaves, each cut */
	{ { 4, 0, 0, 512 }, 0 },
	{ { 4, -1, 0, 514 }, 0 },
	{ { 0, 0, 8, 0 }, 0 },			/* a whole leaf */
	{ { 0, 1, 0, 511 }, SZ_4K },		/* small leaves in a large one's place */
	{ { 0, 0, 0, 512 }, SZ_4K },
	{ { 0, 0, 0, 512 }, SZ_2M },
	{ { -1, 0, 2, 0 }, 0 },			/* a hole, and a part */
};

/* Over leaves, and then over the tables that these have become */
static void a_remap_replaces_leaves_and_tables(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(remaps); i++) {
		u64 gpa = cut_gpa(fixture, &remaps[i].cut);
		u64 hpa = 8 * unit + gpa + remaps[i].differ;

		must_map(fixture, base, 4 * unit, 2 * unit, &rw);
		do_access(fixture, base, true);
		KUNIT_EXPECT_EQ(test, do_remap(fixture, gpa, hpa, cut_size(fixture, &remaps[i].cut),
					       &EPT_ATTRS_DEVICE, NULL), 0);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "remap %u", i);
		KUNIT_EXPECT_EQ(test, do_remap(fixture, base, 6 * unit, unit, &rw, NULL), 0);
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "remap %u, back", i);
		must_unmap(fixture, 0, flat_width(fixture->flat));
	}
}

/*
 * Neighbours that are changed at once: what one of them has to be told of counts, though another
 * has it already.
 */
static void each_of_many_neighbours_counts(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_attrs pat = rw;

	must_map(fixture, SZ_2M, SZ_4M, SZ_16K, &EPT_ATTRS_DEVICE);
	KUNIT_EXPECT_EQ(test, do_set_memtype(fixture, SZ_2M, SZ_4K, EPT_MT_WC, NULL), 0);
	KUNIT_EXPECT_EQ(test, do_set_memtype(fixture, SZ_2M, SZ_16K, EPT_MT_WC, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_EQ(test, do_set_memtype(fixture, SZ_2M, SZ_16K, EPT_MT_WC, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_EQ(test, do_set_attrs(fixture, SZ_2M, SZ_16K, &rw, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 3);
	pat.flags = EPT_ATTR_IGNORE_PAT;
	KUNIT_EXPECT_EQ(test, do_set_attrs(fixture, SZ_2M + SZ_8K, SZ_4K, &pat, NULL), 0);
	KUNIT_EXPECT_EQ(test, do_set_attrs(fixture, SZ_2M, SZ_16K, &pat, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 5);
	/* A tag is nobody's business but the client's. */
	pat.tag = 1;
	KUNIT_EXPECT_EQ(test, do_set_attrs(fixture, SZ_2M, SZ_8K, &pat, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 5);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* No hole at any moment that a CPU could see: at the flush all is there, and new. */
static void observe_new_pages(struct fixture *fixture)
{
	const struct mmu_access read = { .read = true };
	unsigned int *wrong = fixture->arg;
	struct mmu_result result;
	u64 base = fixture_base(fixture), at;

	for (at = 0; at < SZ_4M; at += SZ_4K) {
		bool new = at >= SZ_64K && at < SZ_64K + SZ_2M;

		mmu_look(&fixture->mmu, fixture->eptp, base + at, &read, &result);
		if (result.verdict != MMU_OK ||
		    result.hpa != (new ? 8 : 4) * fixture->unit + at + (new ? SZ_4K : 0))
			++*wrong;
	}
}

static void a_remap_leaves_no_hole(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;
	unsigned int wrong = 0;

	must_map(fixture, base, 4 * unit, 2 * unit, &rw);
	fixture->arg = &wrong;
	fixture->on_invalidate = observe_new_pages;
	KUNIT_EXPECT_EQ(test, do_remap(fixture, base + SZ_64K, 8 * unit + SZ_64K + SZ_4K, SZ_2M,
				       &rw, NULL), 0);
	fixture->on_invalidate = NULL;
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* A part of a leaf is told, and its flag stays; a whole leaf is told and cleared. */
static void a_harvest_clears_whole_leaves(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;
	bool large = fixture->config.max_leaf > EPT_4K;
	struct ept_mapping mapping;

	if (!(fixture->config.features & EPT_FEATURE_AD))
		kunit_skip(test, "no accessed and dirty flags");
	must_map(fixture, base, 4 * unit, 2 * unit, &rw);
	do_access(fixture, base, true);
	do_access(fixture, base + unit, true);
	/* Looked at, and nothing is cleared */
	KUNIT_EXPECT_EQ(test, do_harvest(fixture, base, 2 * unit, true, true, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_EQ(test, do_harvest(fixture, base, unit - SZ_4K, true, false, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, base, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.dirty, large);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, !large);
	KUNIT_EXPECT_EQ(test, do_harvest(fixture, base, unit, true, false, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, base, &mapping), 0);
	KUNIT_EXPECT_FALSE(test, mapping.dirty);
	KUNIT_EXPECT_TRUE(test, mapping.accessed);
	KUNIT_EXPECT_EQ(test, do_harvest(fixture, base, 2 * unit, false, false, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, base + unit, &mapping), 0);
	KUNIT_EXPECT_TRUE(test, mapping.dirty);
	KUNIT_EXPECT_FALSE(test, mapping.accessed);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Pages from 2^32 on. The bitmap begins 512 MiB before the part of it that there is. */
static void a_harvest_may_span_more_than_16_tib(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u64 far = SZ_4K * (1ULL << 32);
	unsigned long bitmap[BITS_TO_LONGS(2048)] = { };
	unsigned long *origin = (void *)((unsigned long)bitmap - (1UL << 32) / BITS_PER_BYTE);

	if (!(fixture->config.features & EPT_FEATURE_AD))
		kunit_skip(test, "no accessed and dirty flags");
	must_map(fixture, far, 0, SZ_4M, &rw);
	do_access(fixture, far + SZ_2M, true);
	do_access(fixture, far + SZ_2M - SZ_4K, true);
	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(fixture->ept, 0, far + SZ_4M, origin, true, NULL),
			0);
	if (fixture->config.max_leaf == EPT_4K) {
		KUNIT_EXPECT_EQ(test, bitmap_weight(bitmap, 2048), 2);
		KUNIT_EXPECT_EQ(test, find_first_bit(bitmap, 2048), 511);
	} else {
		KUNIT_EXPECT_EQ(test, bitmap_weight(bitmap, 2048), 1024);
		KUNIT_EXPECT_EQ(test, find_first_bit(bitmap, 2048), 0);
	}
}

/* Where the range covers a table, and not only the leaves in it */
static void leaves_in_a_table_that_the_range_covers_are_split(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u64 gpa = SZ_4G;

	must_map(fixture, gpa + SZ_2M, SZ_2M, SZ_2M, &EPT_ATTRS_DEVICE);
	must_map(fixture, gpa + SZ_16M, SZ_16M, SZ_4M, &EPT_ATTRS_DEVICE);
	KUNIT_EXPECT_EQ(test, do_split(fixture, gpa, SZ_1G, EPT_4K, NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Also before the flush, with which those come that CPUs set in the parts meanwhile */
static void a_merged_leaf_has_the_flags_of_each_part(struct kunit *test)
{
	static const u64 written[] = { 0, 5 * SZ_4K, SZ_2M - SZ_4K };
	struct fixture *fixture = test->priv;
	struct ept_mapping mapping;
	struct ept_gather merged;

	if (!(fixture->config.features & EPT_FEATURE_AD) || fixture->config.max_leaf < EPT_2M)
		kunit_skip(test, "no accessed and dirty flags, or no large leaves");
	for (unsigned int i = 0; i < ARRAY_SIZE(written); i++) {
		must_map(fixture, 0, SZ_2M, SZ_2M, &rw);
		KUNIT_ASSERT_EQ(test, ept_split(fixture->ept, 0, SZ_2M, EPT_4K, NULL), 0);
		do_access(fixture, written[i], true);
		ept_gather_init(&merged, fixture->ept);
		KUNIT_EXPECT_EQ(test, ept_merge_gather(fixture->ept, 0, SZ_2M, EPT_2M, &merged), 1);
		KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, 0, &mapping), 0);
		KUNIT_EXPECT_EQ(test, mapping.level, EPT_2M);
		KUNIT_EXPECT_TRUE(test, mapping.accessed && mapping.dirty);
		ept_gather_flush(&merged);
		must_unmap(fixture, 0, SZ_2M);
	}
}

/* Accessed and dirty, as a CPU sets them that knows the table */
#define FLAGS	(BIT_ULL(8) | BIT_ULL(9))

/**
 * struct meanwhile - what becomes of a merged leaf before the flush
 * @what: its name
 * @change: of [gpa, gpa + size), which maps hpa
 * @whole: it is one leaf still
 * @first: the first of its parts that maps its memory still
 */
struct meanwhile {
	const char	*what;
	int		(*change)(struct ept *ept, u64 gpa, u64 size, u64 hpa,
				  struct ept_gather *gather);
	bool		whole;
	unsigned int	first;
};

static int nothing(struct ept *ept, u64 gpa, u64 size, u64 hpa, struct ept_gather *gather)
{
	return 0;
}

static int split_again(struct ept *ept, u64 gpa, u64 size, u64 hpa, struct ept_gather *gather)
{
	return ept_split(ept, gpa, size, size == SZ_2M ? EPT_4K : EPT_2M, gather);
}

static int unmap_half(struct ept *ept, u64 gpa, u64 size, u64 hpa, struct ept_gather *gather)
{
	return ept_unmap(ept, gpa, size / 2, gather);
}

static int unmap_all(struct ept *ept, u64 gpa, u64 size, u64 hpa, struct ept_gather *gather)
{
	return ept_unmap(ept, gpa, size, gather);
}

static int other_memory(struct ept *ept, u64 gpa, u64 size, u64 hpa, struct ept_gather *gather)
{
	return ept_remap(ept, gpa, hpa + size, size, &rw, gather);
}

/* So each part maps the memory of the next one. */
static int next_part(struct ept *ept, u64 gpa, u64 size, u64 hpa, struct ept_gather *gather)
{
	return ept_remap(ept, gpa, hpa + size / MMU_ENTRIES, size, &rw, gather);
}

static const struct meanwhile meanwhiles[] = {
	{ "nothing", nothing, .whole = true },
	{ "split", split_again },
	{ "half of it unmapped", unmap_half, .first = MMU_ENTRIES / 2 },
	{ "unmapped", unmap_all, .first = MMU_ENTRIES },
	{ "other memory", other_memory, .first = MMU_ENTRIES },
	{ "the next part's memory", next_part, .first = MMU_ENTRIES },
};

/* A merged leaf of @level and the table that it replaced, which CPUs may know until the flush */
static u64 *merge_at(struct fixture *fixture, u64 gpa, u64 hpa, enum ept_level level,
		     struct ept_gather *gather)
{
	const u64 size = flat_span(level);
	u64 *table;

	KUNIT_ASSERT_EQ(fixture->test, ept_map(fixture->ept, gpa, hpa, size, &rw), 0);
	KUNIT_ASSERT_EQ(fixture->test, ept_split(fixture->ept, gpa, size, level - 1, NULL), 0);
	table = fixture_entry(fixture, gpa, level - 1);
	KUNIT_ASSERT_NOT_NULL(fixture->test, table);
	ept_gather_init(gather, fixture->ept);
	KUNIT_ASSERT_EQ(fixture->test,
			ept_merge_gather(fixture->ept, gpa, size, level, gather), 1);
	return table;
}

static void expect_late_flags(struct fixture *fixture, u64 gpa, u64 hpa, enum ept_level level,
			      const struct meanwhile *meanwhile, unsigned int set)
{
	const u64 size = flat_span(level);
	struct ept *ept = fixture->ept;
	struct ept_mapping mapping;
	struct ept_gather gather;
	u64 *table = merge_at(fixture, gpa, hpa, level, &gather);

	KUNIT_EXPECT_EQ(fixture->test, meanwhile->change(ept, gpa, size, hpa, &gather), 0);
	table[set] |= FLAGS;
	ept_gather_flush(&gather);
	for (unsigned int i = 0; i < MMU_ENTRIES; i++) {
		const bool there = meanwhile->whole || (i == set && i >= meanwhile->first);
		const int err = ept_lookup(ept, gpa + i * (size / MMU_ENTRIES), &mapping);

		KUNIT_EXPECT_EQ_MSG(fixture->test, !err && mapping.dirty, there, "%s: %u, set %u",
				    meanwhile->what, i, set);
	}
	KUNIT_EXPECT_EQ(fixture->test, ept_check(ept, NULL), 0);
	KUNIT_EXPECT_EQ(fixture->test, ept_unmap(ept, gpa, size, NULL), 0);
}

static void what_a_cpu_sets_late_in_a_merged_table_goes_to_the_same_memory(struct kunit *test)
{
	static const unsigned int set[] = { 0, 3, MMU_ENTRIES / 2, MMU_ENTRIES - 1 };
	struct fixture *fixture = test->priv;

	if (!(fixture->config.features & EPT_FEATURE_AD) || fixture->config.max_leaf < EPT_2M)
		kunit_skip(test, "no accessed and dirty flags, or no large leaves");
	for (enum ept_level level = EPT_2M; level <= fixture->config.max_leaf; level++)
		for (unsigned int i = 0; i < ARRAY_SIZE(meanwhiles) * ARRAY_SIZE(set); i++) {
			const struct meanwhile *meanwhile = &meanwhiles[i / ARRAY_SIZE(set)];

			/* Memory at 0 as well: a hole's address is 0, too. */
			expect_late_flags(fixture, SZ_4G, 0, level, meanwhile,
					  set[i % ARRAY_SIZE(set)]);
			expect_late_flags(fixture, SZ_4G, SZ_4G, level, meanwhile,
					  set[i % ARRAY_SIZE(set)]);
		}
}

static void what_a_cpu_sets_late_in_a_merged_table_is_told_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	DECLARE_BITMAP(part, MMU_ENTRIES) = { };
	struct ept_mapping mapping;
	struct ept_gather gather;
	u64 *table;

	if (!(fixture->config.features & EPT_FEATURE_AD) || fixture->config.max_leaf < EPT_2M)
		kunit_skip(test, "no accessed and dirty flags, or no large leaves");
	table = merge_at(fixture, SZ_4G, SZ_2M, EPT_2M, &gather);
	/* Of a part, whose leaf keeps its flag */
	table[400] |= FLAGS;
	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, SZ_4G + SZ_1M, SZ_1M, part, false, NULL), 0);
	KUNIT_EXPECT_EQ(test, bitmap_weight(part, MMU_ENTRIES), MMU_ENTRIES / 2);
	for (unsigned int i = 0; i < 3; i++) {
		DECLARE_BITMAP(dirty, MMU_ENTRIES) = { };

		table[7 * i] |= FLAGS;
		KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, SZ_4G, SZ_2M, dirty, false, NULL), 0);
		KUNIT_EXPECT_TRUE(test, bitmap_full(dirty, MMU_ENTRIES));
		bitmap_zero(dirty, MMU_ENTRIES);
		KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, SZ_4G, SZ_2M, dirty, false, NULL), 0);
		KUNIT_EXPECT_TRUE(test, bitmap_empty(dirty, MMU_ENTRIES));
	}
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, SZ_4G, &mapping), 0);
	KUNIT_EXPECT_TRUE(test, mapping.accessed && !mapping.dirty);
}

static void count_written(const struct ept_mapping *mapping, void *arg)
{
	*(unsigned int *)arg += mapping->dirty;
}

/*
 * Who unmaps and is told of what went is told of flags that a CPU set late, and not again when the
 * range is mapped and unmapped once more: the CPU cannot use that table there any longer.
 */
static void a_merged_table_tells_nothing_of_what_was_unmapped(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather gather;
	unsigned int written = 0;
	u64 *table;

	if (!(fixture->config.features & EPT_FEATURE_AD) || fixture->config.max_leaf < EPT_2M)
		kunit_skip(test, "no accessed and dirty flags, or no large leaves");
	table = merge_at(fixture, 0, SZ_2M, EPT_2M, &gather);
	table[5] |= FLAGS;
	table[300] |= FLAGS;
	KUNIT_EXPECT_EQ(test, ept_unmap_report(ept, 0, SZ_1M, count_written, &written, &gather), 0);
	KUNIT_EXPECT_EQ(test, written, SZ_1M / SZ_4K);
	KUNIT_EXPECT_EQ(test, table[5] & 7, 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, SZ_2M, SZ_1M, &rw), 0);
	written = 0;
	KUNIT_EXPECT_EQ(test, ept_unmap_report(ept, 0, SZ_1M, count_written, &written, &gather), 0);
	KUNIT_EXPECT_EQ(test, written, 0);
	KUNIT_EXPECT_EQ(test, ept_unmap_report(ept, SZ_1M, SZ_1M, count_written, &written, &gather),
			0);
	KUNIT_EXPECT_EQ(test, written, SZ_1M / SZ_4K);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, ept_check(ept, NULL), 0);
}

/* Of an entry of 2M a page goes: a CPU that knows it may read there until the flush, not write. */
static void a_merged_entry_that_loses_a_part_is_not_written_through(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather gather;
	unsigned int written = 0;
	u64 *table, entries[3];

	if (!(fixture->config.features & EPT_FEATURE_AD) || fixture->config.max_leaf < EPT_1G)
		kunit_skip(test, "no accessed and dirty flags, or no leaves of 1G");
	table = merge_at(fixture, SZ_4G, SZ_8G, EPT_1G, &gather);
	memcpy(entries, table, sizeof(entries));
	KUNIT_EXPECT_EQ(test, ept_split(ept, SZ_4G + SZ_2M, SZ_2M, EPT_4K, &gather), 0);
	KUNIT_EXPECT_EQ(test, ept_unmap_report(ept, SZ_4G + SZ_2M, SZ_4K, count_written, &written,
					       &gather), 0);
	KUNIT_EXPECT_EQ(test, table[0], entries[0]);
	KUNIT_EXPECT_EQ(test, table[1], entries[1] & ~BIT_ULL(1));
	KUNIT_EXPECT_EQ(test, table[2], entries[2]);
	ept_gather_flush(&gather);
}

/*
 * Merged, split, a page unmapped and reported, and mapped again, merged once more, and all of it
 * not yet flushed: a CPU may know the first table still, and sets flags there of the leaf that is
 * there now, and of the same memory.
 */
static void flags_of_a_table_that_lost_its_first_entry_are_the_leafs(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	static unsigned long bitmap[512 / BITS_PER_LONG];
	struct ept_gather gather;
	unsigned int written = 0;
	u64 *table;

	bitmap_zero(bitmap, 512);
	KUNIT_ASSERT_EQ(test, ept_map(ept, SZ_4G, 0, SZ_2M, &rw), 0);
	KUNIT_ASSERT_EQ(test, ept_split(ept, SZ_4G, SZ_2M, EPT_4K, NULL), 0);
	table = fixture_entry(fixture, SZ_4G, EPT_4K);
	ept_gather_init(&gather, ept);
	KUNIT_ASSERT_EQ(test, ept_merge_gather(ept, SZ_4G, SZ_2M, EPT_2M, &gather), 1);
	KUNIT_ASSERT_EQ(test, ept_split(ept, SZ_4G, SZ_2M, EPT_4K, &gather), 0);
	KUNIT_ASSERT_EQ(test, ept_unmap_report(ept, SZ_4G, SZ_4K, count_written, &written,
					       &gather), 0);
	KUNIT_ASSERT_EQ(test, ept_map(ept, SZ_4G, 0, SZ_4K, &rw), 0);
	KUNIT_ASSERT_EQ(test, ept_merge_gather(ept, SZ_4G, SZ_2M, EPT_2M, &gather), 1);
	/* Bit 1: the CPU may write there. It does: bits 8 and 9. */
	KUNIT_ASSERT_TRUE(test, table[5] & BIT_ULL(1));
	table[5] |= BIT_ULL(8) | BIT_ULL(9);
	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, SZ_4G, SZ_2M, bitmap, false, &gather), 0);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, SZ_4G, SZ_2M, bitmap, false, NULL), 0);
	KUNIT_EXPECT_TRUE(test, test_bit(5, bitmap));
}

static struct kunit_case shape_cases[] = {
	KUNIT_CASE(flags_of_a_table_that_lost_its_first_entry_are_the_leafs),
	KUNIT_CASE_PARAM(a_merged_entry_that_loses_a_part_is_not_written_through,
			 configs_gen_params),
	KUNIT_CASE_PARAM(a_merged_table_tells_nothing_of_what_was_unmapped, configs_gen_params),
	KUNIT_CASE_PARAM(what_a_cpu_sets_late_in_a_merged_table_goes_to_the_same_memory,
			 configs_gen_params),
	KUNIT_CASE_PARAM(what_a_cpu_sets_late_in_a_merged_table_is_told_once, configs_gen_params),
	KUNIT_CASE_PARAM(a_merged_leaf_has_the_flags_of_each_part, configs_gen_params),
	KUNIT_CASE_PARAM(leaves_in_a_table_that_the_range_covers_are_split, configs_gen_params),
	KUNIT_CASE_PARAM(a_split_is_as_small_as_asked_for, configs_gen_params),
	KUNIT_CASE_PARAM(a_merge_makes_the_largest_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(what_differs_is_not_merged, configs_gen_params),
	KUNIT_CASE_PARAM(attributes_outlast_split_merge_and_protect, configs_gen_params),
	KUNIT_CASE_PARAM(inaccessible_leaves_change_shape_like_others, configs_gen_params),
	KUNIT_CASE_PARAM(a_remap_replaces_leaves_and_tables, configs_gen_params),
	KUNIT_CASE_PARAM(each_of_many_neighbours_counts, configs_gen_params),
	KUNIT_CASE_PARAM(a_remap_leaves_no_hole, configs_gen_params),
	KUNIT_CASE_PARAM(a_harvest_clears_whole_leaves, configs_gen_params),
	KUNIT_CASE_PARAM(a_harvest_may_span_more_than_16_tib, configs_gen_params),
	{}
};

static struct kunit_suite shape_suite = {
	.name = "ept_shape",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = shape_cases,
};

kunit_test_suite(shape_suite);
