// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU that sets accessed and dirty amid operations, at each single access to an entry: whatever
 * it set is in the table afterwards, or a harvest reported it. After a remap that cleared it, no
 * TLB has it.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "arena.h"
#include "ept_access.h"
#include "fixture.h"

#define BLOCK		(SZ_1G + SZ_4M)		/* a 2M leaf may be here */
#define PAGES		512U
#define SOME_PAGE	77U
#define HOLE		200U

enum { ACCESSED, DIRTY, NR_FLAGS };

static const u64 flag_bits[NR_FLAGS] = { [ACCESSED] = 1ULL << 8, [DIRTY] = 1ULL << 9 };

/* What pages have before the operation */
enum before { UNTOUCHED, WAS_READ, WRITTEN, WRITTEN_AND_AGED, NR_BEFORE };

struct flags_op {
	bool	large;			/* on a large leaf */
	bool	whole;			/* without a hole among the leaves */
	bool	renews;			/* leaves start clean, with a flush where they were not */
	bool	stale;			/* write was taken before, and no flush came since */
	int	(*run)(struct ept *ept, u64 gpa, u64 size);
};

struct amid_flags {
	struct kunit		*test;
	struct arena		*arena;
	const struct flags_op	*op;
	unsigned int		at;			/* the access to its entry that a write */
	unsigned int		accesses[PAGES];	/* to a page comes before, or, */
	unsigned int		behind;			/* so many pages behind */
	bool			met;			/* there was one */
	u64			flushes;		/* before it */
	struct ept_gather	gather;			/* owes the flush of what is stale */
	DECLARE_BITMAP(set[NR_FLAGS], PAGES);
	DECLARE_BITMAP(reported[NR_FLAGS], PAGES);
};

static struct amid_flags *amid;

static u64 page_gpa(unsigned int page)
{
	return BLOCK + page * SZ_4K;
}

/*
 * Operations
 */

static int harvest(struct ept *ept, u64 gpa, u64 size, unsigned int flag)
{
	DECLARE_BITMAP(bitmap, PAGES) = { };
	unsigned int bit;
	int ret;

	if (flag == DIRTY)
		ret = ept_harvest_dirty(ept, gpa, size, bitmap, false, NULL);
	else
		ret = ept_harvest_accessed(ept, gpa, size, bitmap, false, NULL);
	for_each_set_bit(bit, bitmap, PAGES)
		set_bit((gpa - BLOCK) / SZ_4K + bit, amid->reported[flag]);
	return ret;
}

static int harvest_dirty(struct ept *ept, u64 gpa, u64 size)
{
	return harvest(ept, gpa, size, DIRTY);
}

static int harvest_accessed(struct ept *ept, u64 gpa, u64 size)
{
	return harvest(ept, gpa, size, ACCESSED);
}

static int take_exec(struct ept *ept, u64 gpa, u64 size)
{
	return ept_protect(ept, gpa, size, EPT_PROT_EXEC, 0, NULL);
}

static int give_exec(struct ept *ept, u64 gpa, u64 size)
{
	return ept_protect(ept, gpa, size, 0, EPT_PROT_READ | EPT_PROT_EXEC, NULL);
}

static int take_write(struct ept *ept, u64 gpa, u64 size)
{
	return ept_protect(ept, gpa, size, EPT_PROT_WRITE, 0, NULL);
}

static int set_memtype(struct ept *ept, u64 gpa, u64 size)
{
	return ept_set_memtype(ept, gpa, size, EPT_MT_WT, NULL);
}

static int set_attrs(struct ept *ept, u64 gpa, u64 size)
{
	struct ept_attrs attrs = EPT_ATTRS_RAM;

	attrs.tag = 9;
	return ept_set_attrs(ept, gpa, size, &attrs, NULL);
}

static int remap_same(struct ept *ept, u64 gpa, u64 size)
{
	return ept_remap(ept, gpa, gpa, size, &EPT_ATTRS_RAM, NULL);
}

static int unmap(struct ept *ept, u64 gpa, u64 size)
{
	return ept_unmap(ept, gpa, size, NULL);
}

static int redirect_same(struct ept *ept, u64 gpa, u64 size)
{
	return ept_redirect(ept, gpa, gpa, size, 0, 0, NULL);
}

static int split(struct ept *ept, u64 gpa, u64 size)
{
	return ept_split(ept, gpa, size, EPT_4K, NULL);
}

static int merge(struct ept *ept, u64 gpa, u64 size)
{
	return min(ept_merge(ept, BLOCK, SZ_2M, EPT_2M), 0);
}

#define OP(_run, ...) {								\
	.name = #_run " " #__VA_ARGS__,						\
	.config = TABLE_FOR(4, EPT_2M, 46, EPT_MT_WB, EPT_FEATURE_AD,		\
			    EPT_CONFIG_ATOMIC),					\
	.arg = &(const struct flags_op){ .run = (_run), __VA_ARGS__ },		\
}

static const struct arena_config flags_ops[] = {
	OP(harvest_dirty), OP(harvest_dirty, .large = true),
	OP(harvest_accessed), OP(harvest_accessed, .large = true),
	OP(take_exec), OP(take_exec, .large = true),
	OP(give_exec),
	OP(take_write), OP(take_write, .large = true),
	OP(set_memtype), OP(set_memtype, .large = true),
	OP(set_attrs), OP(set_attrs, .large = true),
	OP(remap_same, .renews = true), OP(remap_same, .large = true, .renews = true),
	OP(unmap, .large = true, .renews = true),
	OP(redirect_same, .whole = true, .renews = true),
	OP(redirect_same, .large = true, .renews = true),
	OP(split, .large = true),
	OP(merge, .whole = true),
	OP(harvest_accessed, .stale = true), OP(harvest_accessed, .stale = true, .large = true),
	OP(take_exec, .stale = true), OP(take_exec, .stale = true, .large = true),
	OP(set_memtype, .stale = true), OP(set_memtype, .stale = true, .large = true),
	OP(set_attrs, .stale = true), OP(set_attrs, .stale = true, .large = true),
	OP(split, .stale = true, .large = true),
};

KUNIT_ARRAY_PARAM_DESC(flags_op, flags_ops, name);

/*
 * The CPU
 */

/*
 * A write that began with a cached translation sets dirty in an entry that allows none any more,
 * as some CPUs are known to do.
 */
static void write_late(unsigned int page)
{
	const struct mmu_access read = { .read = true };
	struct mmu_result result;

	mmu_look(&amid->arena->mmu, amid->arena->eptp, page_gpa(page), &read, &result);
	if (result.verdict != MMU_OK)
		return;
	atomic64_or(flag_bits[DIRTY], (atomic64_t *)result.where);
	set_bit(page, amid->set[DIRTY]);
}

static void access_page(unsigned int page, bool write)
{
	const struct mmu_access access = { .read = true, .write = write };
	struct mmu_result result;

	if (write && amid->op->stale) {
		write_late(page);
		return;
	}
	mmu_access(&amid->arena->mmu, amid->arena->eptp, page_gpa(page), &access, &result);
	if (result.verdict != MMU_OK)
		return;
	set_bit(page, amid->set[ACCESSED]);
	if (write)
		set_bit(page, amid->set[DIRTY]);
}

static u64 *entry_of(unsigned int page, u64 *entry)
{
	const struct mmu_access read = { .read = true };
	struct mmu_result result;

	mmu_look(&amid->arena->mmu, amid->arena->eptp, page_gpa(page), &read, &result);
	*entry = result.verdict == MMU_OK ? result.entry : 0;
	return result.where;
}

/* Writes to a page whose entry is about to be accessed, its own or a large leaf's. Or behind it. */
static void write_amid(void *where)
{
	const unsigned int pages[] = { offset_in_page(where) / sizeof(u64), SOME_PAGE };
	unsigned int i;
	u64 entry;

	ept_access_hook = NULL;
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		if (entry_of(pages[i], &entry) != where || !entry)
			continue;
		if (amid->accesses[pages[i]]++ == amid->at) {
			amid->met = true;
			amid->flushes = atomic64_read(&amid->arena->invalidations);
			if (pages[i] >= amid->behind)
				access_page(pages[i] - amid->behind, true);
		}
		break;
	}
	ept_access_hook = write_amid;
}

/*
 * Cases
 */

static void set_up(enum before before, bool holed)
{
	struct ept *ept = amid->arena->ept;
	struct kunit *test = amid->test;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, ept_reserve(ept, 50), 0);
	ept_gather_init(&amid->gather, ept);
	KUNIT_ASSERT_EQ(test, ept_unmap(ept, BLOCK, SZ_2M, NULL), 0);
	KUNIT_ASSERT_EQ(test, ept_map(ept, BLOCK, BLOCK, SZ_2M, &EPT_ATTRS_RAM), 0);
	if (!amid->op->large)
		KUNIT_ASSERT_EQ(test, split(ept, BLOCK, SZ_2M), 0);
	if (holed)
		KUNIT_ASSERT_EQ(test, ept_unmap(ept, page_gpa(HOLE), SZ_4K, NULL), 0);
	memset(amid->accesses, 0, sizeof(amid->accesses));
	memset(amid->set, 0, sizeof(amid->set));
	amid->met = false;
	for (i = 0; before != UNTOUCHED && i < PAGES; i++)
		access_page(i, before != WAS_READ);
	if (amid->op->stale)
		KUNIT_ASSERT_EQ(test, ept_protect(ept, BLOCK, SZ_2M, EPT_PROT_WRITE, 0,
						  &amid->gather), 0);
	if (before == WRITTEN_AND_AGED) {
		KUNIT_ASSERT_EQ(test, harvest_accessed(ept, BLOCK, SZ_2M), 0);
		bitmap_zero(amid->set[ACCESSED], PAGES);
	}
	memset(amid->reported, 0, sizeof(amid->reported));
}

static void expect_flags(enum before before, unsigned int first, unsigned int nr)
{
	const bool renewed = amid->op->renews &&
			     atomic64_read(&amid->arena->invalidations) != amid->flushes;
	unsigned int page, flag;
	u64 entry;

	for (page = 0; page < PAGES; page++) {
		entry_of(page, &entry);
		for (flag = 0; flag < NR_FLAGS; flag++)
			if (test_bit(page, amid->set[flag]) && !(entry & flag_bits[flag]) &&
			    !test_bit(page, amid->reported[flag]) && !renewed)
				KUNIT_FAIL(amid->test,
					   "flag %u of page %u: before %u, at %u-%u, pages %u+%u",
					   flag, page, before, amid->at, amid->behind, first, nr);
	}
	KUNIT_EXPECT_EQ(amid->test, ept_check(amid->arena->ept, NULL), 0);
}

/*
 * With writes before the first access to each entry, before the second, and so on. An operation may
 * be done with the entry of the page behind, before it is done with all.
 */
static void write_amid_operation(enum before before, bool holed, unsigned int first,
				 unsigned int nr)
{
	amid->at = 0;
	do {
		set_up(before, holed);
		ept_access_hook = write_amid;
		KUNIT_EXPECT_EQ(amid->test, amid->op->run(amid->arena->ept, page_gpa(first),
							  nr * SZ_4K), 0);
		ept_access_hook = NULL;
		expect_flags(before, first, nr);
		ept_gather_flush(&amid->gather);
		/* Dead tables go when we wait for them. */
		if (amid->at % 16 == 0)
			table_pages();
	} while (amid->met && amid->at++ < 100);
	/* Entries of a table that a leaf replaces aren't looked at. */
	if (!amid->op->renews || nr != PAGES)
		KUNIT_EXPECT_GT(amid->test, amid->at, 0);
}

static void no_flag_that_a_cpu_sets_is_lost(struct kunit *test)
{
	static const struct {
		unsigned int first, nr;
	} ranges[] = { { 75, 301 }, { SOME_PAGE, 1 }, { 0, PAGES } };
	enum before before;
	unsigned int i;

	for (i = 0; i < NR_BEFORE * ARRAY_SIZE(ranges) * 2; i++) {
		const unsigned int range = i / 2 % ARRAY_SIZE(ranges);

		before = i / 2 / ARRAY_SIZE(ranges);
		amid->behind = i % 2;
		write_amid_operation(before, false, ranges[range].first, ranges[range].nr);
		if (!amid->op->large && !amid->op->whole)
			write_amid_operation(before, true, ranges[range].first, ranges[range].nr);
	}
}

static int amid_flags_init(struct kunit *test)
{
	const struct arena_config *config = test->param_value;
	int ret = config ? arena_init(test) : 0;

	if (ret || !config)
		return ret;
	amid = kunit_kzalloc(test, sizeof(*amid), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, amid);
	amid->test = test;
	amid->arena = test->priv;
	amid->op = config->arg;
	return 0;
}

/*
 * A leaf of 1G, split down to 4K
 */

static u64 *huge;
static unsigned int until;

static void set_flags_amid(void *where)
{
	if (until--)
		return;
	ept_access_hook = NULL;
	atomic64_or(flag_bits[ACCESSED] | flag_bits[DIRTY], (atomic64_t *)huge);
}

/* Each part has the flags that a CPU set in the leaf when its parts, and theirs, were there. */
static void flags_of_a_leaf_go_to_the_parts_of_its_parts(struct kunit *test)
{
	static const unsigned int at[] = { 1, 100, 600, 1000, 1200 };
	const struct ept_config config = TABLE_FOR(4, EPT_1G, 46, EPT_MT_WB, EPT_FEATURE_AD, 0);
	struct mmu mmu;

	mmu_for_config(&mmu, &config);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		const struct mmu_access read = { .read = true };
		struct ept *ept = ept_create(&config);
		struct ept_mapping mapping;
		struct mmu_result result;

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
		KUNIT_ASSERT_EQ(test, ept_map(ept, SZ_1G, SZ_2G, SZ_1G, &EPT_ATTRS_RAM), 0);
		mmu_look(&mmu, ept_pointer(ept), SZ_1G, &read, &result);
		huge = result.where;
		until = at[i];
		ept_access_hook = set_flags_amid;
		KUNIT_EXPECT_EQ(test, ept_split(ept, SZ_1G, SZ_2M, EPT_4K, NULL), 0);
		KUNIT_EXPECT_NULL(test, ept_access_hook);
		ept_access_hook = NULL;
		for (u64 gpa = SZ_1G; gpa < SZ_2G; gpa += gpa < SZ_1G + SZ_2M ? SZ_4K : SZ_2M) {
			KUNIT_EXPECT_EQ(test, ept_lookup(ept, gpa, &mapping), 0);
			KUNIT_EXPECT_TRUE_MSG(test, mapping.dirty, "%llx, %u", gpa, at[i]);
		}
		ept_destroy(ept);
	}
}

static int remap_elsewhere(struct ept *ept, u64 gpa, u64 size)
{
	return ept_remap(ept, gpa, SZ_1G + SZ_4K, size, &EPT_ATTRS_RAM, NULL);
}

static int redirect_elsewhere(struct ept *ept, u64 gpa, u64 size)
{
	return ept_redirect(ept, gpa, SZ_1G + SZ_4K, size, 0, 0, NULL);
}

/* What comes in the place of parts of a leaf, also the same page anew, starts clean. */
static void flags_of_a_leaf_are_not_those_of_what_replaces_it(struct kunit *test)
{
	static int (*const replace[])(struct ept *ept, u64 gpa, u64 size) = {
		remap_same, remap_elsewhere, redirect_same, redirect_elsewhere,
	};
	static const unsigned int at[] = { 100, 300, 500 };
	const struct ept_config config = TABLE_FOR(4, EPT_2M, 46, EPT_MT_WB, EPT_FEATURE_AD, 0);
	struct mmu mmu;

	mmu_for_config(&mmu, &config);
	for (unsigned int i = 0; i < ARRAY_SIZE(replace) * ARRAY_SIZE(at); i++) {
		const struct mmu_access read = { .read = true };
		struct ept *ept = ept_create(&config);
		struct ept_mapping mapping;
		struct mmu_result result;

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
		KUNIT_ASSERT_EQ(test, ept_map(ept, BLOCK, BLOCK, SZ_2M, &EPT_ATTRS_RAM), 0);
		mmu_look(&mmu, ept_pointer(ept), BLOCK, &read, &result);
		huge = result.where;
		until = at[i % ARRAY_SIZE(at)];
		ept_access_hook = set_flags_amid;
		KUNIT_EXPECT_EQ(test, replace[i / ARRAY_SIZE(at)](ept, page_gpa(100), SZ_64K), 0);
		KUNIT_EXPECT_NULL(test, ept_access_hook);
		ept_access_hook = NULL;
		for (unsigned int page = 0; page < PAGES; page++) {
			const bool kept = page < 100 || page >= 116;

			KUNIT_EXPECT_EQ(test, ept_lookup(ept, page_gpa(page), &mapping), 0);
			KUNIT_EXPECT_EQ_MSG(test, mapping.dirty, kept, "page %u, %u", page, i);
		}
		ept_destroy(ept);
	}
}

static struct kunit_case amid_flags_cases[] = {
	KUNIT_CASE(flags_of_a_leaf_are_not_those_of_what_replaces_it),
	KUNIT_CASE(flags_of_a_leaf_go_to_the_parts_of_its_parts),
	KUNIT_CASE_PARAM(no_flag_that_a_cpu_sets_is_lost, flags_op_gen_params),
	{}
};

static struct kunit_suite amid_flags_suite = {
	.name = "ept_amid_flags",
	.init = amid_flags_init,
	.exit = arena_exit,
	.test_cases = amid_flags_cases,
};

kunit_test_suite(amid_flags_suite);
