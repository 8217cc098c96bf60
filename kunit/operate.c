// SPDX-License-Identifier: GPL-2.0
/* Operations done to table and model alike; declared in fixture.h. */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "ept_table.h"
#include "fixture.h"

/* One operation under way */
struct call {
	struct fixture	*fixture;
	u64		invalidations;	/* before it */
	u64		digest;		/* of an atomic table, before it */
	unsigned long	pages;
	unsigned long	flags;
	bool		short_of;	/* it has found the reserve short */
};

static void mix(u64 *digest, u64 value)
{
	*digest = (*digest ^ value) * 0x9e3779b97f4a7c15ULL;
	*digest ^= *digest >> 29;
}

static int mix_entry(const struct mmu_entry *entry, void *arg)
{
	mix(arg, entry->entry);
	return 0;
}

/* Of every entry, where it is and what it holds */
static u64 digest(struct fixture *fixture)
{
	u64 sum = 0;

	mmu_scan(&fixture->mmu, fixture->eptp, mix_entry, &sum);
	return sum;
}

static void begin(struct fixture *fixture, struct call *call)
{
	call->fixture = fixture;
	call->invalidations = fixture->invalidations;
	call->short_of = false;
	if (is_atomic(fixture))
		call->digest = digest(fixture);
}

static void enter(struct call *call)
{
	if (!is_atomic(call->fixture))
		return;
	local_irq_save(call->flags);
	call->pages = ept_table_pages();
}

static u64 reserved(struct fixture *fixture)
{
	struct ept_stats stats;

	ept_get_stats(fixture->ept, &stats);
	return stats.reserved;
}

/* Nothing has come from the system, and nothing has gone back in this context. */
static void expect_no_allocation(const struct call *call, unsigned long pages)
{
	struct kunit *test = call->fixture->test;

	if (num_online_cpus() == 1)
		KUNIT_EXPECT_EQ_MSG(test, pages, call->pages, "pages of tables");
	else
		KUNIT_EXPECT_LE_MSG(test, pages, call->pages, "pages of tables");
}

/* True: it has to be tried again, with one more table in the reserve. */
static bool leave(struct call *call, int ret, int expected)
{
	struct fixture *fixture = call->fixture;
	struct kunit *test = fixture->test;
	unsigned long pages;

	if (!is_atomic(fixture))
		return false;
	pages = ept_table_pages();
	local_irq_restore(call->flags);
	expect_no_allocation(call, pages);
	if (ret != -ENOMEM || expected < 0) {
		if (call->short_of)
			KUNIT_EXPECT_EQ_MSG(test, reserved(fixture), 0, "more than it took");
		return false;
	}
	if (!call->short_of) {
		KUNIT_EXPECT_EQ_MSG(test, digest(fixture), call->digest, "changed on an error");
		KUNIT_EXPECT_EQ(test, fixture->invalidations, call->invalidations);
		fixture->shortages++;
	}
	call->short_of = true;
	KUNIT_ASSERT_LT_MSG(test, reserved(fixture), 5000, "a reserve that is never enough");
	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, reserved(fixture) + 1), 0);
	return true;
}

/* The result of @operation, in the context that the table asks for */
#define CALL(under_way, expected, operation)						\
({										\
	struct call *_call = (under_way);						\
	int _ret;								\
										\
	do {									\
		enter(_call);							\
		_ret = (operation);						\
	} while (leave(_call, _ret, expected));					\
	_ret;									\
})

/* What an operation returned; an error, too, where it succeeded but had to fail. */
static int answer(int ret, int expected)
{
	return ret < 0 || expected >= 0 ? ret : -EUCLEAN;
}

/*
 * How many invalidations an operation has. What any operation owes stays owed until the next flush,
 * which covers all of it: of a gather, or of an operation that was passed none and succeeds.
 */
static void expect_invalidations(struct fixture *fixture, const struct call *call,
				 struct ept_gather *gather, int ret)
{
	bool due;

	fixture->owed |= fixture->flat->flush_due;
	due = fixture->owed && !gather && ret >= 0;
	if (due)
		fixture->owed = false;
	KUNIT_EXPECT_EQ_MSG(fixture->test, fixture->invalidations - call->invalidations, due,
			    "invalidations of one operation");
}

/* For those that never flush */
static void expect_no_invalidation(struct fixture *fixture, const struct call *call)
{
	KUNIT_EXPECT_EQ_MSG(fixture->test, fixture->invalidations, call->invalidations,
			    "invalidations of a map");
}

int do_map(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_map(fixture->flat, gpa, hpa, size, attrs);
	ret = CALL(&call, expected, ept_map(fixture->ept, gpa, hpa, size, attrs));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "map %#llx to %#llx size %#llx",
			    gpa, hpa, size);
	expect_no_invalidation(fixture, &call);
	return answer(ret, expected);
}

int do_map_pages(struct fixture *fixture, u64 gpa, const u64 *hpas, unsigned long nr,
		 const struct ept_attrs *attrs)
{
	struct page **pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	struct call call;
	unsigned long i;
	int expected, ret;

	KUNIT_ASSERT_NOT_NULL(fixture->test, pages);
	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(PHYS_PFN(hpas[i]));
	begin(fixture, &call);
	expected = flat_map_pages(fixture->flat, gpa, hpas, nr, attrs);
	ret = CALL(&call, expected, ept_map_pages(fixture->ept, gpa, pages, nr, attrs));
	kvfree(pages);
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "map %lu pages to %#llx", nr, gpa);
	expect_no_invalidation(fixture, &call);
	return answer(ret, expected);
}

int do_remap(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs,
	     struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_remap(fixture->flat, gpa, hpa, size, attrs);
	ret = CALL(&call, expected,
		   ept_remap(fixture->ept, gpa, hpa, size, attrs, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "remap %#llx to %#llx size %#llx",
			    gpa, hpa, size);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_unmap(struct fixture *fixture, u64 gpa, u64 size, struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_unmap(fixture->flat, gpa, size);
	ret = CALL(&call, expected, ept_unmap(fixture->ept, gpa, size, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "unmap %#llx size %#llx", gpa, size);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

/* What a table tells of the leaves that go */
struct gone {
	u64	digest;
	u64	leaves;
};

static void take_down(const struct ept_mapping *mapping, void *arg)
{
	struct gone *gone = arg;

	mix(&gone->digest, mapping->gpa);
	mix(&gone->digest, mapping->hpa);
	mix(&gone->digest, mapping->size);
	mix(&gone->digest, mapping->level);
	mix(&gone->digest, mapping->attrs.prot << 16 | mapping->attrs.memtype);
	mix(&gone->digest, mapping->attrs.flags << 16 | mapping->attrs.tag);
	mix(&gone->digest, mapping->accessed << 1 | mapping->dirty);
	gone->leaves++;
}

static void expect_told(struct kunit *test, const struct gone *told, const struct gone *expected)
{
	KUNIT_EXPECT_EQ(test, told->leaves, expected->leaves);
	KUNIT_EXPECT_EQ_MSG(test, told->digest, expected->digest, "what was told of leaves");
}

int do_unmap_report(struct fixture *fixture, u64 gpa, u64 size, struct ept_gather *gather)
{
	struct gone told = {}, foretold = {};
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_unmap_report(fixture->flat, gpa, size, take_down, &foretold);
	ret = CALL(&call, expected, ept_unmap_report(fixture->ept, gpa, size, take_down, &told,
						     gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "unmap_report %#llx size %#llx", gpa,
			    size);
	expect_told(fixture->test, &told, &foretold);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_zap(struct fixture *fixture, u64 gpa, u64 size, bool report, struct ept_gather *gather)
{
	struct gone told = {}, foretold = {};
	struct ept_range went = {};
	u64 whole = gpa, whole_size = size;
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_zap(fixture->flat, &whole, &whole_size, take_down, &foretold);
	ret = CALL(&call, expected, ept_zap(fixture->ept, gpa, size, &went,
					    report ? take_down : NULL, &told, gather));
	KUNIT_EXPECT_FALSE_MSG(fixture->test, call.short_of, "a zap takes no table");
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "zap %#llx size %#llx", gpa, size);
	if (!ret) {
		KUNIT_EXPECT_EQ(fixture->test, went.gpa, whole);
		KUNIT_EXPECT_EQ(fixture->test, went.size, whole_size);
		if (report)
			expect_told(fixture->test, &told, &foretold);
	}
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_set_tag(struct fixture *fixture, u64 gpa, u64 size, u8 tag, struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_set_tag(fixture->flat, gpa, size, tag);
	ret = CALL(&call, expected, ept_set_tag(fixture->ept, gpa, size, tag, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "set_tag %#llx size %#llx", gpa, size);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_redirect(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, u32 clear, u32 set,
		struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_redirect(fixture->flat, gpa, hpa, size, clear, set);
	ret = CALL(&call, expected, ept_redirect(fixture->ept, gpa, hpa, size, clear, set,
						 gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected,
			    "redirect %#llx to %#llx size %#llx clear %x set %x", gpa, hpa, size,
			    clear, set);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_install(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs,
	       struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_install(fixture->flat, gpa, hpa, size, attrs);
	ret = CALL(&call, expected, ept_install(fixture->ept, gpa, hpa, size, attrs, NULL, 0,
						gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "install %#llx to %#llx size %#llx", gpa,
			    hpa, size);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_fill_pages(struct fixture *fixture, u64 gpa, const u64 *hpas, unsigned long nr,
		  const struct ept_attrs *attrs)
{
	struct page **pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	unsigned long *filled[2], i;
	struct call call;
	int expected, ret;

	KUNIT_ASSERT_NOT_NULL(fixture->test, pages);
	for (i = 0; i < 2; i++) {
		filled[i] = bitmap_zalloc(nr, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(fixture->test, filled[i]);
	}
	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(PHYS_PFN(hpas[i]));
	begin(fixture, &call);
	expected = flat_fill_pages(fixture->flat, gpa, hpas, nr, attrs, filled[0]);
	ret = CALL(&call, expected, ept_fill_pages(fixture->ept, gpa, pages, nr, attrs,
						   filled[1], NULL, 0));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "fill %lu pages at %#llx", nr, gpa);
	KUNIT_EXPECT_TRUE_MSG(fixture->test, bitmap_equal(filled[0], filled[1], nr),
			      "which of %lu pages at %#llx were mapped", nr, gpa);
	bitmap_free(filled[0]);
	bitmap_free(filled[1]);
	kvfree(pages);
	expect_no_invalidation(fixture, &call);
	return answer(ret, expected);
}

int do_clear_dirty(struct fixture *fixture, u64 gpa, struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_clear_dirty(fixture->flat, gpa);
	ret = CALL(&call, expected, ept_clear_dirty(fixture->ept, gpa, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "clear_dirty %#llx", gpa);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

/* What is no leaf is the hole that ept_lookup() finds. */
static void expect_hole(struct fixture *fixture, u64 gpa, const struct ept_mapping *hole)
{
	struct ept_mapping mapping;

	KUNIT_EXPECT_EQ(fixture->test, ept_lookup(fixture->ept, gpa, &mapping), -ENOENT);
	KUNIT_EXPECT_EQ(fixture->test, hole->gpa, mapping.gpa);
	KUNIT_EXPECT_EQ(fixture->test, hole->size, mapping.size);
	KUNIT_EXPECT_EQ(fixture->test, hole->level, mapping.level);
	KUNIT_EXPECT_EQ(fixture->test, hole->hpa, 0);
}

int do_grant(struct fixture *fixture, u64 gpa, u32 prot)
{
	struct ept_mapping hole;
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_grant(fixture->flat, gpa, prot);
	ret = CALL(&call, expected, ept_grant(fixture->ept, gpa, prot, NULL, 0, &hole));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "grant %#llx +%x", gpa, prot);
	if (ret == -ENOENT)
		expect_hole(fixture, gpa, &hole);
	expect_no_invalidation(fixture, &call);
	return answer(ret, expected);
}

int do_age(struct fixture *fixture, u64 gpa, u64 size, bool clear)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_age(fixture->flat, gpa, size, clear);
	ret = CALL(&call, expected, ept_age(fixture->ept, gpa, size, clear));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "age %#llx size %#llx", gpa, size);
	expect_no_invalidation(fixture, &call);
	return answer(ret, expected);
}

int do_protect(struct fixture *fixture, u64 gpa, u64 size, u32 clear, u32 set,
	       struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_protect(fixture->flat, gpa, size, clear, set);
	ret = CALL(&call, expected,
		   ept_protect(fixture->ept, gpa, size, clear, set, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "protect %#llx size %#llx -%x +%x",
			    gpa, size, clear, set);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_set_memtype(struct fixture *fixture, u64 gpa, u64 size, enum ept_memtype memtype,
		   struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_set_memtype(fixture->flat, gpa, size, memtype);
	ret = CALL(&call, expected,
		   ept_set_memtype(fixture->ept, gpa, size, memtype, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "set_memtype %#llx size %#llx: %u",
			    gpa, size, memtype);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_set_attrs(struct fixture *fixture, u64 gpa, u64 size, const struct ept_attrs *attrs,
		 struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_set_attrs(fixture->flat, gpa, size, attrs);
	ret = CALL(&call, expected,
		   ept_set_attrs(fixture->ept, gpa, size, attrs, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "set_attrs %#llx size %#llx", gpa, size);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_split(struct fixture *fixture, u64 gpa, u64 size, enum ept_level level,
	     struct ept_gather *gather)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_split(fixture->flat, gpa, size, level);
	ret = CALL(&call, expected, ept_split(fixture->ept, gpa, size, level, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "split %#llx size %#llx level %u", gpa,
			    size, level);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

int do_merge(struct fixture *fixture, u64 gpa, u64 size, enum ept_level level)
{
	struct call call;
	int expected, ret;

	begin(fixture, &call);
	expected = flat_merge(fixture->flat, gpa, size, level);
	ret = CALL(&call, expected, ept_merge(fixture->ept, gpa, size, level));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "merge %#llx size %#llx level %u", gpa,
			    size, level);
	expect_invalidations(fixture, &call, NULL, ret);
	return answer(ret, expected);
}

/* A range that is longer is one that has to be refused. */
#define MAX_HARVEST	SZ_16G

/* Two bitmaps alike, for as many pages as the range has and some, with bits set in them */
static size_t make_bitmaps(struct fixture *fixture, u64 size, unsigned long *bitmaps[2])
{
	size_t bytes = ALIGN((size > MAX_HARVEST ? 0 : size) / SZ_4K / 8 + 16, 8);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		bitmaps[i] = kvmalloc(bytes, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(fixture->test, bitmaps[i]);
		memset(bitmaps[i], 0x21, bytes);
	}
	return bytes;
}

int do_harvest(struct fixture *fixture, u64 gpa, u64 size, bool dirty, bool peek,
	       struct ept_gather *gather)
{
	int (*harvest)(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
		       struct ept_gather *gather);
	unsigned long *bitmaps[2];
	size_t bytes = make_bitmaps(fixture, size, bitmaps);
	struct call call;
	int expected, ret;

	harvest = dirty ? ept_harvest_dirty : ept_harvest_accessed;
	begin(fixture, &call);
	expected = (dirty ? flat_harvest_dirty : flat_harvest_accessed)(fixture->flat, gpa, size,
									bitmaps[0], peek);
	ret = CALL(&call, expected,
		   harvest(fixture->ept, gpa, size, bitmaps[1], peek, gather));
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, expected, "harvest %#llx size %#llx", gpa, size);
	KUNIT_EXPECT_EQ_MSG(fixture->test, memcmp(bitmaps[0], bitmaps[1], bytes), 0,
			    "what a harvest of %#llx size %#llx reports", gpa, size);
	kvfree(bitmaps[0]);
	kvfree(bitmaps[1]);
	expect_invalidations(fixture, &call, gather, ret);
	return answer(ret, expected);
}

void do_flush(struct fixture *fixture, struct ept_gather *gather)
{
	u64 before = fixture->invalidations;
	struct call call = { .fixture = fixture };

	enter(&call);
	ept_gather_flush(gather);
	leave(&call, 0, 0);
	KUNIT_EXPECT_EQ_MSG(fixture->test, fixture->invalidations - before, fixture->owed,
			    "invalidations of one gather");
	fixture->owed = false;
}

static void access(struct fixture *fixture, u64 gpa, const struct mmu_access *access)
{
	struct mmu_result result;

	mmu_access(&fixture->mmu, fixture->eptp, gpa, access, &result);
	KUNIT_ASSERT_EQ(fixture->test, result.verdict, MMU_OK);
	if (fixture->config.features & EPT_FEATURE_AD)
		flat_mark(fixture->flat, gpa, access->write);
}

void do_access(struct fixture *fixture, u64 gpa, bool write)
{
	access(fixture, gpa, &(struct mmu_access){ .read = true, .write = write });
}

void do_fetch(struct fixture *fixture, u64 gpa, bool user)
{
	access(fixture, gpa, &(struct mmu_access){ .fetch = true, .user = user });
}

void must_map(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs)
{
	KUNIT_ASSERT_EQ(fixture->test, do_map(fixture, gpa, hpa, size, attrs), 0);
}

void must_unmap(struct fixture *fixture, u64 gpa, u64 size)
{
	KUNIT_ASSERT_EQ(fixture->test, do_unmap(fixture, gpa, size, NULL), 0);
}

void must_protect(struct fixture *fixture, u64 gpa, u64 size, u32 clear, u32 set)
{
	KUNIT_ASSERT_EQ(fixture->test, do_protect(fixture, gpa, size, clear, set, NULL), 0);
}
