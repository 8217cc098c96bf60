// SPDX-License-Identifier: GPL-2.0
/*
 * What asks for a flush, row by row of the manual's "Guidelines for Use of the INVEPT Instruction";
 * and that each operation announces what it owes: nothing, or one.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "ept_pte.h"
#include "fixture.h"

CONFIG_PARAMS;

/*
 * The decision, on entries written down bit by bit
 */

#define E_READ			0x1ULL
#define E_WRITE			0x2ULL
#define E_EXECUTE		0x4ULL
#define E_USER_EXECUTE		0x400ULL
#define E_TYPE(type)		((u64)(type) << 3)
#define E_IGNORE_PAT		0x40ULL
#define E_LARGE			0x80ULL
#define E_ACCESSED		0x100ULL
#define E_DIRTY			0x200ULL
#define E_ADDRESS		0x123456000ULL
#define E_SOFTWARE		(0x1fULL << 52)
#define E_VERIFY_PAGING		BIT_ULL(57)
#define E_PAGING_WRITE		BIT_ULL(58)
#define E_SUPER_SHADOW		BIT_ULL(60)
#define E_SUBPAGE		BIT_ULL(61)
#define E_SUPPRESS_VE		BIT_ULL(63)

#define E_RWX			(E_READ | E_WRITE | E_EXECUTE | E_USER_EXECUTE)
#define LEAF			(E_ADDRESS | E_TYPE(6) | E_RWX)

/* All features: each bit means something. */
static void all_features(struct ept_format *fmt)
{
	ept_format_init(fmt, &test_configs[NR_TEST_CONFIGS - 1].config);
}

static void expect(struct kunit *test, u64 old, u64 new, bool due)
{
	struct ept_format fmt;

	all_features(&fmt);
	KUNIT_EXPECT_EQ_MSG(test, ept_pte_needs_invept(&fmt, old, new), due, "%#llx to %#llx", old,
			    new);
}

static u64 nth_rights(unsigned int n)
{
	return (n & 7) | (n & 8 ? E_USER_EXECUTE : 0);
}

/* "not-present to present": no; "permission added": no; "removed", and "present to not-present" */
static void rights_are_due_when_taken(struct kunit *test)
{
	unsigned int from, to;

	for (from = 0; from < 16; from++) {
		for (to = 0; to < 16; to++) {
			u64 old = (LEAF & ~E_RWX) | nth_rights(from);
			u64 new = (LEAF & ~E_RWX) | nth_rights(to);

			expect(test, old, new, from & ~to);
			expect(test, old | E_LARGE, new | E_LARGE, from & ~to);
			/* To nothing at all, and from there */
			expect(test, old, E_SUPPRESS_VE, from);
			expect(test, E_SUPPRESS_VE, new, false);
			expect(test, 0, new, false);
		}
	}
}

/* "address, memory type, IPAT changed" */
static void address_and_memory_type_are_due(struct kunit *test)
{
	static const unsigned int types[] = { 0, 1, 4, 5, 6 };
	unsigned int bit, i, j;

	for (bit = 12; bit < 52; bit++) {
		expect(test, LEAF, LEAF ^ BIT_ULL(bit), true);
		expect(test, E_RWX | E_ADDRESS, (E_RWX | E_ADDRESS) ^ BIT_ULL(bit), true);
		/* What isn't present isn't cached, whatever address it holds. */
		expect(test, LEAF & ~E_RWX, (LEAF & ~E_RWX) ^ BIT_ULL(bit), false);
	}
	for (i = 0; i < ARRAY_SIZE(types); i++)
		for (j = 0; j < ARRAY_SIZE(types); j++)
			expect(test, (LEAF & ~E_TYPE(7)) | E_TYPE(types[i]),
			       (LEAF & ~E_TYPE(7)) | E_TYPE(types[j]), i != j);
	expect(test, LEAF, LEAF | E_IGNORE_PAT, true);
	expect(test, LEAF | E_IGNORE_PAT, LEAF, true);
}

/* "bit 7 changed (split, merge)" */
static void the_size_is_due(struct kunit *test)
{
	const u64 leaf = 0x40000000ULL | E_TYPE(6) | E_RWX | E_LARGE, table = 0x5000ULL | E_RWX;

	expect(test, leaf, table, true);
	expect(test, table, leaf, true);
	/* Alone: the leaf is uncacheable, and the table is where it maps to. */
	expect(test, 0x40000000ULL | E_RWX | E_LARGE, 0x40000000ULL | E_RWX, true);
	expect(test, 0x40000000ULL | E_RWX, 0x40000000ULL | E_RWX | E_LARGE, true);
	expect(test, table, table, false);
	expect(test, 0, table, false);
	expect(test, E_SUPPRESS_VE, leaf, false);
}

/* "A or D cleared"; what a CPU sets, it has */
static void accessed_and_dirty_are_due_when_cleared(struct kunit *test)
{
	static const u64 flags[] = { 0, E_ACCESSED, E_ACCESSED | E_DIRTY, E_DIRTY };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		for (j = 0; j < ARRAY_SIZE(flags); j++)
			expect(test, LEAF | flags[i], LEAF | flags[j], flags[i] & ~flags[j]);
}

/* "suppress-#VE, SPP, PW, SSS bit changed": both ways, where the manual leaves it open */
static void flags_are_due_both_ways(struct kunit *test)
{
	static const u64 flags[] = {
		E_VERIFY_PAGING, E_PAGING_WRITE, E_SUPER_SHADOW, E_SUBPAGE, E_SUPPRESS_VE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		expect(test, LEAF, LEAF | flags[i], true);
		expect(test, LEAF | flags[i], LEAF, true);
		expect(test, LEAF & ~E_RWX, (LEAF & ~E_RWX) | flags[i], false);
	}
}

/* The CPU ignores bits 56:52, so that it doesn't matter what it remembers of them. */
static void a_tag_is_not_due(struct kunit *test)
{
	unsigned int bit;

	for (bit = 52; bit < 57; bit++) {
		expect(test, LEAF, LEAF | BIT_ULL(bit), false);
		expect(test, LEAF | E_SOFTWARE, (LEAF | E_SOFTWARE) ^ BIT_ULL(bit), false);
		expect(test, LEAF, (LEAF & ~E_WRITE) | BIT_ULL(bit), true);
	}
}

/* One reason is enough, whatever is added beside it. */
static void what_is_added_hides_nothing(struct kunit *test)
{
	expect(test, LEAF & ~E_WRITE, (LEAF | E_ACCESSED) & ~E_EXECUTE, true);
	expect(test, LEAF & ~E_EXECUTE, LEAF | E_IGNORE_PAT, true);
	expect(test, LEAF & ~E_WRITE, LEAF ^ BIT_ULL(13), true);
	expect(test, (LEAF & ~E_WRITE) | E_ACCESSED, LEAF, true);
	expect(test, LEAF & ~E_WRITE, LEAF | E_ACCESSED | E_DIRTY | E_SOFTWARE, false);
}

/*
 * Operations
 */

struct mutator {
	const char	*name;
	int		(*change)(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather);
	bool		leaves_small;	/* has nothing to do where no leaf is large */
	bool		flags;		/* needs accessed and dirty */
};

static unsigned long *bitmap;

static int remap(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	return ept_remap(ept, gpa, SZ_1G + gpa % SZ_1G, size, &EPT_ATTRS_RAM, gather);
}

static int protect(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	return ept_protect(ept, gpa, size, EPT_PROT_WRITE, 0, gather);
}

static int hide(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	return ept_protect(ept, gpa, size, 15, EPT_PROT_NONE, gather);
}

static int set_memtype(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	return ept_set_memtype(ept, gpa, size, EPT_MT_WC, gather);
}

static int set_attrs(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	return ept_set_attrs(ept, gpa, size, &EPT_ATTRS_DEVICE, gather);
}

static int split(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	return ept_split(ept, gpa, size, EPT_4K, gather);
}

static int harvest_dirty(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	return ept_harvest_dirty(ept, gpa, size, bitmap, false, gather);
}

static int harvest_accessed(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather)
{
	return ept_harvest_accessed(ept, gpa, size, bitmap, false, gather);
}

static const struct mutator mutators[] = {
	{ "remap", remap },
	{ "unmap", ept_unmap },
	{ "protect", protect },
	{ "protect from all", hide },
	{ "set_memtype", set_memtype },
	{ "set_attrs", set_attrs },
	{ "split", split, .leaves_small = true },
	{ "harvest_dirty", harvest_dirty, .flags = true },
	{ "harvest_accessed", harvest_accessed, .flags = true },
};

#define SIZE	SZ_4M

static int flush_init(struct kunit *test)
{
	bitmap = kunit_kzalloc(test, SIZE / SZ_4K / 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bitmap);
	return fixture_init(test);
}

/* As much as all mutators together need to find something to change */
static void map_and_use(struct fixture *fixture)
{
	u64 gpa;

	fixture_recreate(fixture, &fixture->config);
	KUNIT_ASSERT_EQ(fixture->test, ept_map(fixture->ept, 0, 0, SIZE, &EPT_ATTRS_RAM), 0);
	for (gpa = 0; gpa < SIZE; gpa += SZ_4K) {
		const struct mmu_access write = { .write = true };
		struct mmu_result result;

		mmu_access(&fixture->mmu, fixture->eptp, gpa, &write, &result);
		KUNIT_ASSERT_EQ(fixture->test, result.verdict, MMU_OK);
	}
}

static bool has_something_to_do(const struct fixture *fixture, const struct mutator *mutator)
{
	return !mutator->leaves_small || flat_largest(&fixture->config, &EPT_ATTRS_RAM) > EPT_4K;
}

static bool is_supported(const struct fixture *fixture, const struct mutator *mutator)
{
	return !mutator->flags || fixture->config.features & EPT_FEATURE_AD;
}

static void each_change_announces_one(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mutators); i++) {
		const struct mutator *mutator = &mutators[i];
		u64 due = has_something_to_do(fixture, mutator);

		if (!is_supported(fixture, mutator))
			continue;
		map_and_use(fixture);
		KUNIT_EXPECT_EQ(test, mutator->change(fixture->ept, 0, SIZE, NULL), 0);
		KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, due, "%s", mutator->name);

		map_and_use(fixture);
		ept_gather_init(&gather, fixture->ept);
		KUNIT_EXPECT_EQ(test, mutator->change(fixture->ept, 0, SZ_2M, &gather), 0);
		KUNIT_EXPECT_EQ(test, mutator->change(fixture->ept, SZ_2M, SZ_2M, &gather), 0);
		KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, 0, "%s", mutator->name);
		ept_gather_flush(&gather);
		ept_gather_flush(&gather);
		KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, due, "%s", mutator->name);
	}
}

/* One gather for all of them, one after the other, and one announcement. */
static void all_changes_share_an_announcement(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;
	unsigned int i;

	map_and_use(fixture);
	ept_gather_init(&gather, fixture->ept);
	for (i = 0; i < ARRAY_SIZE(mutators); i++)
		if (is_supported(fixture, &mutators[i]))
			KUNIT_EXPECT_EQ(test, mutators[i].change(fixture->ept, i * SZ_16K, SZ_8K,
								 &gather), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	/* What merges flushes by itself. */
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, 0, SIZE, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SIZE, &EPT_ATTRS_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, ept_split(fixture->ept, 0, SIZE, EPT_4K, NULL), 0);
	fixture->invalidations = 0;
	i = fixture->config.max_leaf == EPT_4K ? 0 : 2;
	KUNIT_EXPECT_EQ(test, ept_merge(fixture->ept, 0, SIZE, fixture->config.max_leaf), i);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, !!i);
	KUNIT_EXPECT_EQ(test, ept_merge(fixture->ept, 0, SIZE, fixture->config.max_leaf), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, !!i);
}

/* Beside what is mapped: in tables that are there, and where there are none. */
static void holes_alone_announce_nothing(struct kunit *test)
{
	static const u64 holes[] = { SIZE, SZ_1G, SZ_64G };
	struct fixture *fixture = test->priv;
	struct ept_gather gather;
	unsigned int i, j;

	map_and_use(fixture);
	for (i = 0; i < ARRAY_SIZE(mutators); i++) {
		if (!is_supported(fixture, &mutators[i]))
			continue;
		for (j = 0; j < ARRAY_SIZE(holes); j++) {
			u64 gpa = holes[j] + (i ? 0 : SIZE);

			KUNIT_EXPECT_EQ(test, mutators[i].change(fixture->ept, gpa, SIZE, NULL), 0);
			ept_gather_init(&gather, fixture->ept);
			KUNIT_EXPECT_EQ(test, mutators[i].change(fixture->ept, gpa + 2 * SIZE, SIZE,
								 &gather), 0);
			ept_gather_flush(&gather);
			KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, 0, "%s at %#llx",
					    mutators[i].name, gpa);
		}
	}
	KUNIT_EXPECT_EQ(test, ept_merge(fixture->ept, SIZE, SIZE, EPT_4K), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

static void maps_and_added_rights_announce_nothing(struct kunit *test)
{
	const struct ept_attrs read = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };
	struct fixture *fixture = test->priv;
	struct page *page = pfn_to_page(16);
	struct ept *ept = fixture->ept;

	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_4K, &read), 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, SZ_4K, 0, SZ_2M, &read), 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, SZ_4M, 0, SZ_2M, &read), 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, SZ_1G, SZ_4K, 3 * SZ_2M, &read), 0);
	KUNIT_EXPECT_EQ(test, ept_map_pages(ept, SZ_8M, &page, 1, &read), 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_4K, &read), -EEXIST);
	KUNIT_EXPECT_EQ(test, ept_protect(ept, 0, SZ_4K, 0, EPT_PROT_WRITE, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_protect(ept, 0, SZ_2M, 0, EPT_PROT_WRITE, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_protect(ept, SZ_1G, SZ_4M, 0, EPT_PROT_WRITE, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

/* To what it was before, nothing changes. */
static void no_change_announces_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	bool flags = fixture->config.features & EPT_FEATURE_AD;

	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SIZE, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_protect(ept, SZ_4K, SZ_2M, 0, EPT_PROT_READ, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_set_memtype(ept, SZ_4K, SZ_2M, EPT_MT_WB, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_set_attrs(ept, SZ_4K, SZ_2M, &EPT_ATTRS_RAM, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_split(ept, 0, SIZE, EPT_1G, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_remap(ept, 0, 0, SIZE, &EPT_ATTRS_RAM, NULL), 0);
	if (flags) {
		KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, 0, SIZE, bitmap, false, NULL), 0);
		KUNIT_EXPECT_EQ(test, ept_harvest_accessed(ept, 0, SIZE, bitmap, false, NULL), 0);
		map_and_use(fixture);
		ept = fixture->ept;
		KUNIT_EXPECT_EQ(test, ept_harvest_dirty(ept, 0, SIZE, bitmap, true, NULL), 0);
		KUNIT_EXPECT_EQ(test, ept_harvest_accessed(ept, 0, SIZE, bitmap, true, NULL), 0);
	}
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

static void none_takes_a_gather_of_another_table(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_stats before, after;
	struct ept_gather gather;
	struct ept *other;
	unsigned int i;

	map_and_use(fixture);
	other = ept_create(&fixture->config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	KUNIT_EXPECT_EQ(test, ept_map(other, 0, 0, SIZE, &EPT_ATTRS_RAM), 0);
	ept_gather_init(&gather, other);
	KUNIT_EXPECT_EQ(test, ept_unmap(other, 0, SZ_4K, &gather), 0);
	ept_get_stats(fixture->ept, &before);
	for (i = 0; i < ARRAY_SIZE(mutators); i++)
		KUNIT_EXPECT_EQ_MSG(test, mutators[i].change(fixture->ept, 0, SIZE, &gather),
				    -EINVAL, "%s", mutators[i].name);
	ept_get_stats(fixture->ept, &after);
	KUNIT_EXPECT_MEMEQ(test, &before, &after, sizeof(before));
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	/* What it holds is still owed. */
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	ept_destroy(other);
}

static struct kunit_case flush_cases[] = {
	KUNIT_CASE(rights_are_due_when_taken),
	KUNIT_CASE(address_and_memory_type_are_due),
	KUNIT_CASE(the_size_is_due),
	KUNIT_CASE(accessed_and_dirty_are_due_when_cleared),
	KUNIT_CASE(flags_are_due_both_ways),
	KUNIT_CASE(a_tag_is_not_due),
	KUNIT_CASE(what_is_added_hides_nothing),
	KUNIT_CASE_PARAM(each_change_announces_one, configs_gen_params),
	KUNIT_CASE_PARAM(all_changes_share_an_announcement, configs_gen_params),
	KUNIT_CASE_PARAM(holes_alone_announce_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(maps_and_added_rights_announce_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(no_change_announces_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(none_takes_a_gather_of_another_table, configs_gen_params),
	{}
};

static struct kunit_suite flush_suite = {
	.name = "ept_flush",
	.init = flush_init,
	.exit = fixture_exit,
	.test_cases = flush_cases,
};

kunit_test_suite(flush_suite);
