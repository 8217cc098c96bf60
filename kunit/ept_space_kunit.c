// SPDX-License-Identifier: GPL-2.0
/* Spaces: regions, faults, access by the host, the log. */
#include <kunit/test.h>
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)

static const enum ept_region_kind mapped_kinds[] = {
	EPT_REGION_LINEAR, EPT_REGION_ANON, EPT_REGION_PAGES, EPT_REGION_CLIENT,
};

/*
 * Regions
 */

static void what_was_added_is_found_in_order(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region;

	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, 0, &region), -ENOENT);
	must_add(guest, EPT_REGION_ANON, GPA + SZ_2M, SZ_1M);
	must_add(guest, EPT_REGION_LINEAR, GPA, SZ_1M);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, 0, &region), 0);
	KUNIT_EXPECT_EQ(test, region.gpa, GPA);
	KUNIT_EXPECT_EQ(test, region.size, SZ_1M);
	KUNIT_EXPECT_EQ(test, region.kind, EPT_REGION_LINEAR);
	KUNIT_EXPECT_EQ(test, region.hpa, page_to_phys(guest->linear));
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + SZ_1M - 1, &region), 0);
	KUNIT_EXPECT_EQ(test, region.gpa, GPA);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + SZ_1M, &region), 0);
	KUNIT_EXPECT_EQ(test, region.gpa, GPA + SZ_2M);
	KUNIT_EXPECT_EQ(test, region.kind, EPT_REGION_ANON);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + SZ_2M + SZ_1M, &region), -ENOENT);
}

static void adding_where_a_region_is_changes_nothing(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 gpas[] = { GPA, GPA - SZ_4K, GPA + SZ_1M - SZ_4K, GPA - SZ_1M };
	struct ept_region region;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_1M);
	guest_store(guest, GPA, 7);
	for (unsigned int i = 0; i < ARRAY_SIZE(gpas); i++) {
		region = guest_region(guest, EPT_REGION_LINEAR, gpas[i], SZ_1M + SZ_4K, 0);
		KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EEXIST);
	}
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, 0, &region), 0);
	KUNIT_EXPECT_EQ(test, region.gpa, GPA);
	KUNIT_EXPECT_EQ(test, region.size, SZ_1M);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 7);
}

static void removing_a_part_leaves_the_rest_with_its_memory(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 hole = GPA + SZ_2M - SZ_64K;

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		must_add(guest, mapped_kinds[i], GPA, GUEST_SIZE);
		for (u64 at = 0; at < GUEST_SIZE; at += SZ_4K)
			guest_store(guest, GPA + at, at >> 12);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, hole, SZ_128K), 0);
		for (u64 at = 0; at < GUEST_SIZE; at += SZ_4K) {
			u8 byte;

			if (GPA + at >= hole && GPA + at < hole + SZ_128K)
				KUNIT_EXPECT_EQ(test, guest_access(guest, &guest->cpu, GPA + at,
								   &byte, 1, false),
						EPT_VERDICT_NONE);
			else
				KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + at), (u8)(at >> 12));
		}
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, SZ_1G), 0);
		KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
	}
	KUNIT_EXPECT_EQ(test, guest->released, 1);
	KUNIT_EXPECT_GE(test, guest->gone, GUEST_PAGES);
	KUNIT_EXPECT_EQ(test, guest->flushed, 2);
}

static void a_part_is_found_with_the_memory_that_is_behind_it(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region;

	must_add(guest, EPT_REGION_LINEAR, GPA, SZ_1M);
	must_add(guest, EPT_REGION_PAGES, GPA + SZ_1M, SZ_1M);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA + SZ_64K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA + SZ_1M, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + SZ_64K, &region), 0);
	KUNIT_EXPECT_EQ(test, region.gpa, GPA + SZ_64K + SZ_4K);
	KUNIT_EXPECT_EQ(test, region.size, SZ_1M - SZ_64K - SZ_4K);
	KUNIT_EXPECT_EQ(test, region.hpa, page_to_phys(guest->linear) + SZ_64K + SZ_4K);
	KUNIT_EXPECT_EQ(test, region.offset, SZ_64K + SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + SZ_1M, &region), 0);
	KUNIT_EXPECT_PTR_EQ(test, region.pages, guest->pages + 1);
}

static void set_replaces_what_it_overlaps(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_4M);
	guest_store(guest, GPA, 1);
	guest_store(guest, GPA + SZ_1M, 2);
	guest_store(guest, GPA + SZ_2M, 3);
	memset(page_address(guest->linear), 9, SZ_1M);
	region = guest_region(guest, EPT_REGION_LINEAR, GPA + SZ_1M, SZ_1M, 0);
	KUNIT_EXPECT_EQ(test, ept_space_set(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 1);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_1M), 9);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_2M), 3);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + SZ_2M, &region), 0);
	KUNIT_EXPECT_EQ(test, region.gpa, GPA + SZ_2M);
	KUNIT_EXPECT_EQ(test, region.kind, EPT_REGION_ANON);
}

static void many_changes_are_one_flush(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region;
	int before;

	for (unsigned int i = 0; i < 8; i++) {
		must_add(guest, EPT_REGION_ANON, GPA + i * SZ_2M, SZ_1M);
		guest_store(guest, GPA + i * SZ_2M, i);
	}
	before = atomic_read(&guest->invalidations);
	KUNIT_EXPECT_EQ(test, ept_space_begin(guest->space), 0);
	KUNIT_EXPECT_EQ(test, ept_space_begin(guest->space), -EDEADLK);
	for (unsigned int i = 0; i < 8; i++) {
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA + i * SZ_2M, SZ_1M), 0);
		region = guest_region(guest, EPT_REGION_LINEAR, GPA + i * SZ_2M, SZ_1M, i);
		KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	}
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), -EDEADLK);
	KUNIT_EXPECT_EQ(test, atomic_read(&guest->invalidations), before);
	KUNIT_EXPECT_EQ(test, ept_space_commit(guest->space), 0);
	KUNIT_EXPECT_EQ(test, ept_space_commit(guest->space), -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&guest->invalidations), before + 1);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 0);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
}

static void protection_holds_for_pages_that_come_later(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 later = GPA + SZ_1M;

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		must_add(guest, mapped_kinds[i], GPA, SZ_4M);
		guest_store(guest, GPA, 5);
		KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_2M, EPT_PROT_READ),
				0);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 5);
		KUNIT_EXPECT_EQ(test, guest_load(guest, later), 0);
		KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE),
				EPT_VERDICT_PROTECTED);
		KUNIT_EXPECT_EQ(test, guest_fault(guest, later, EPT_PROT_WRITE),
				EPT_VERDICT_PROTECTED);
		KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_EXEC),
				EPT_VERDICT_PROTECTED);
		guest_store(guest, GPA + SZ_2M, 6);
		KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_2M, 0), 0);
		KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ),
				EPT_VERDICT_PROTECTED);
		KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_4M, RW), 0);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 5);
		guest_store(guest, later, 7);
		KUNIT_EXPECT_EQ(test, guest_load(guest, later), 7);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_2M), 6);
		guest_store(guest, later, 0);
		guest_store(guest, GPA, 0);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_4M), 0);
	}
}

/*
 * Faults
 */

/* Once the kernel's memory was damaged so. */
static void thousands_of_ranges_are_replaced_as_one(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct rnd_state random;
	struct ept_region region;
	u32 nr, first;

	for (unsigned int i = 0; i < 3; i++)
		must_add(guest, mapped_kinds[i], GPA + i * GUEST_SIZE, GUEST_SIZE);
	prandom_seed_state(&random, 1);
	for (unsigned int i = 0; i < (is_brief() ? 300 : 1000); i++) {
		nr = 1 + prandom_u32_state(&random) % (i % 8 ? 3 : 1500);
		first = prandom_u32_state(&random) % (3 * GUEST_PAGES - nr);
		KUNIT_ASSERT_EQ(test, ept_space_protect(guest->space, GPA + first * (u64)SZ_4K,
							nr * (u64)SZ_4K,
							i & 1 ? RW : EPT_PROT_READ), 0);
	}
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA, &region), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, 3 * GUEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, 0, &region), -ENOENT);
}

static void each_fault_has_its_verdict(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_LINEAR, GPA, SZ_1M, 0);
	struct ept_violation walk = { .read = true, .write = true, .page_walk = true };
	struct ept_fault fault;

	region.attrs.prot = EPT_PROT_READ;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	region = guest_region(guest, EPT_REGION_MMIO, GPA + SZ_1M, SZ_1M, 256);
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), EPT_VERDICT_RESUME);
	/* A CPU that missed what another one did */
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), EPT_VERDICT_READONLY);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_EXEC), EPT_VERDICT_PROTECTED);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA - 1, EPT_PROT_READ), EPT_VERDICT_NONE);
	KUNIT_EXPECT_EQ(test, ept_space_fault(guest->space, GPA + 9, &walk, &fault), 0);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_TABLE_READONLY);
	KUNIT_EXPECT_EQ(test, fault.offset, 9);
	KUNIT_EXPECT_EQ(test, ept_space_fault(guest->space, GPA + SZ_1M + SZ_4K + 5, &walk, &fault),
			0);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_MMIO);
	KUNIT_EXPECT_PTR_EQ(test, fault.cookie, (void *)guest);
	KUNIT_EXPECT_EQ(test, fault.offset, 257 * SZ_4K + 5);
}

static void faults_map_leaves_as_large_as_they_may_be(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = {
		.gpa = 0, .size = 4 * (u64)SZ_1G, .kind = EPT_REGION_LINEAR,
		.attrs = EPT_ATTRS_DEVICE, .hpa = 0,
	};
	struct ept_mapping mapping;

	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, SZ_1G, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, SZ_1G + SZ_4K, &mapping),
			guest->config.max_leaf > EPT_4K ? 0 : -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, SZ_1G, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, guest->config.max_leaf);
	/* A region's edge cuts it, and memory that is placed otherwise. */
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, SZ_1G + SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, SZ_1G, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, SZ_1G, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, EPT_4K);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, SZ_1G + SZ_4M, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, SZ_1G + SZ_4M, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, min(guest->config.max_leaf, EPT_2M));
}

static void anonymous_memory_is_zero_and_goes_when_its_region_does(struct kunit *test)
{
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_ANON, GPA + SZ_4K, SZ_8M);
	for (u64 at = SZ_4K; at < SZ_8M; at += SZ_64K)
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + at), 0);
	KUNIT_EXPECT_GE(test, guest_anon_pages(guest), SZ_8M / SZ_64K);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, SZ_8M + SZ_4K, RW, NULL, NULL),
			0);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), SZ_8M / SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA + SZ_4M, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), SZ_8M / SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_4M, 0), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
}

static int count_progress(u64 done, u64 size, void *arg)
{
	u64 *last = arg;

	if (done <= *last || done > size)
		return -EIO;
	*last = done;
	return done >= SZ_1M ? 7 : 0;
}

static void populating_says_how_far_it_is_and_ends_when_told(struct kunit *test)
{
	struct guest *guest = test->priv;
	u64 last = 0;

	must_add(guest, EPT_REGION_PAGES, GPA, SZ_4M);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, SZ_4M, RW, count_progress,
						 &last),
			7);
	KUNIT_EXPECT_GE(test, last, SZ_1M);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA + SZ_1M - 1, RW, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, SZ_4M, RW, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA + SZ_4M - 1, RW, NULL), 0);
}

/* Until it has been called more often than there are leaves, and holes around them */
static int count_steps(u64 done, u64 size, void *arg)
{
	return ++*(unsigned int *)arg > SZ_4M / SZ_4K + 2;
}

static void populating_skips_holes_whole(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);
	unsigned int steps = 0;

	must_add(guest, EPT_REGION_PAGES, GPA, SZ_4M);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, 0, limit, RW, count_steps, &steps),
			0);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA + SZ_4M - 1, RW, NULL), 0);
}

/*
 * The host
 */

static void the_host_reads_and_writes_across_kinds(struct kunit *test)
{
	struct guest *guest = test->priv;
	u8 *buffer = kunit_kzalloc(test, SZ_64K, GFP_KERNEL);
	u64 at = GPA;

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++)
		must_add(guest, mapped_kinds[i], GPA + i * SZ_8K, SZ_8K);
	must_add(guest, EPT_REGION_MMIO, GPA + SZ_32K, SZ_4K);
	for (unsigned int i = 0; i < SZ_64K; i++)
		buffer[i] = i * 7 >> 3;
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA + 3, buffer + 3, SZ_64K - 3, 0),
			SZ_32K - 3);
	for (; at < GPA + SZ_32K; at += 1021)
		KUNIT_EXPECT_EQ(test, guest_load(guest, at),
				at == GPA ? 0 : buffer[at - GPA]);
	guest_store(guest, GPA + SZ_8K, 0x5a);
	memset(buffer, 0, SZ_64K);
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA + SZ_8K, buffer, SZ_32K, RW),
			SZ_32K - SZ_8K);
	KUNIT_EXPECT_EQ(test, buffer[0], 0x5a);
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA + SZ_32K, buffer, 1, 0),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA + SZ_64K, buffer, 1, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_4K, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA, buffer, 1, EPT_PROT_WRITE),
			-EACCES);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA, buffer, 1, 0), 1);
}

static void the_host_exchanges_as_a_cpu_does(struct kunit *test)
{
	struct guest *guest = test->priv;
	u64 old;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	for (unsigned int size = 1; size <= 8; size *= 2) {
		const u64 mask = GENMASK_ULL(8 * size - 1, 0), gpa = GPA + size * 64;

		old = 0;
		KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, gpa, size, &old, ~0ULL), 1);
		old = 1;
		KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, gpa, size, &old, 2), 0);
		KUNIT_EXPECT_EQ(test, old, mask);
		KUNIT_EXPECT_EQ(test, guest_load(guest, gpa + size - 1), 0xff);
		KUNIT_EXPECT_EQ(test, guest_load(guest, gpa + size), 0);
		/* Of both, so many bytes count. */
		old = ~0ULL;
		KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, gpa, size, &old, 3), 1);
		old = size < 8 ? ~0ULL << (8 * size) | 3 : 3;
		KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, gpa, size, &old, 4), 1);
		KUNIT_EXPECT_EQ(test, old, 3);
	}
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, GPA, 3, &old, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, GPA + 4, 8, &old, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, GPA, 16, &old, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, 0, 8, &old, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, GPA, 8, NULL, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(NULL, GPA, 8, &old, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_64K, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, GPA, 8, &old, 0), -EACCES);
}

static void the_host_finds_its_page_in_a_large_leaf(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);
	u8 bytes[3] = { 1, 2, 3 };

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		must_add(guest, mapped_kinds[i], limit - GUEST_SIZE, GUEST_SIZE);
		guest_store(guest, limit - SZ_16K, i + 1);
		KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, limit - SZ_16K, bytes, 1, 0), 1);
		KUNIT_EXPECT_EQ(test, bytes[0], i + 1);
		/* To the last byte that there can be */
		KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, limit - 2, bytes, 2, 0), 2);
		KUNIT_EXPECT_EQ(test, guest_load(guest, limit - 1), 2);
		KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, limit - 2, bytes, 3, 0),
				-ERANGE);
		/* And what is populated ends there, or at a hole. */
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, limit - SZ_1M, SZ_1M), 0);
		KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, limit - SZ_2M, SZ_2M,
							 EPT_PROT_READ, NULL, NULL), 0);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, limit - GUEST_SIZE,
						       GUEST_SIZE), 0);
	}
}

/*
 * The log
 */

static unsigned long logged[BITS_TO_LONGS(GUEST_PAGES)];

static unsigned int get_log(struct guest *guest)
{
	bitmap_zero(logged, GUEST_PAGES);
	KUNIT_EXPECT_EQ(guest->test, ept_space_log_get(guest->space, GPA, GUEST_SIZE, logged), 0);
	return bitmap_weight(logged, GUEST_PAGES);
}

static void the_log_has_each_page_that_was_written(struct kunit *test)
{
	struct guest *guest = test->priv;
	u64 byte = 1;

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		must_add(guest, mapped_kinds[i], GPA, GUEST_SIZE);
		guest_store(guest, GPA, 1);
		KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, GUEST_SIZE, 0), 0);
		KUNIT_EXPECT_EQ(test, get_log(guest), 0);
		guest_store(guest, GPA, 2);
		guest_store(guest, GPA + 5 * SZ_4K, 3);
		guest_load(guest, GPA + 6 * SZ_4K);
		KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA + 8 * SZ_4K - 1, &byte, 2,
						      0),
				2);
		KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, GPA + 10 * SZ_4K + 1, 1), 0);
		KUNIT_EXPECT_EQ(test, get_log(guest), 5);
		KUNIT_EXPECT_EQ(test, logged[0], BIT(0) | BIT(5) | BIT(7) | BIT(8) | BIT(10));
		KUNIT_EXPECT_EQ(test, get_log(guest), 0);
		/* The second write to a page is one, too. */
		guest_store(guest, GPA + 5 * SZ_4K, 4);
		/* What goes isn't forgotten. */
		guest_store(guest, GPA + 6 * SZ_4K, 4);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA + 6 * SZ_4K, SZ_4K), 0);
		KUNIT_EXPECT_EQ(test, get_log(guest), 2);
		KUNIT_EXPECT_EQ(test, logged[0], BIT(5) | BIT(6));
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, GUEST_SIZE), 0);
		KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, SZ_4K, logged), -ENOENT);
		guest_store(guest, GPA + 5 * SZ_4K, 0);
		guest_store(guest, GPA, 0);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	}
}

static void a_log_makes_leaves_small_and_its_end_makes_them_large(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_mapping mapping;

	if (guest->config.max_leaf == EPT_4K || guest->config.flags & EPT_CONFIG_NO_EXEC_LARGE)
		return;
	must_add(guest, EPT_REGION_ANON, GPA, GUEST_SIZE);
	guest_store(guest, GPA, 1);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, GPA, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, EPT_2M);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, GUEST_SIZE, 0), 0);
	guest_store(guest, GPA + SZ_4K, 1);
	guest_store(guest, GPA + SZ_2M, 1);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, GPA, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, GPA + SZ_2M, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, GUEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, GPA, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, EPT_2M);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 1);
}

/* Of which leaves are made large: anonymous memory, and some that isn't the space's */
static void a_lazy_log_splits_what_is_written(struct kunit *test)
{
	static const enum ept_region_kind some[] = { EPT_REGION_ANON, EPT_REGION_LINEAR };
	struct guest *guest = test->priv;

	if (guest->config.max_leaf == EPT_4K || guest->config.flags & EPT_CONFIG_NO_EXEC_LARGE)
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(some); i++) {
		must_add(guest, some[i], GPA, GUEST_SIZE);
		guest_store(guest, GPA, 1);
		guest_store(guest, GPA + SZ_2M, 1);
		KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, GUEST_SIZE,
							  EPT_LOG_LAZY), 0);
		KUNIT_EXPECT_EQ(test, get_log(guest), 0);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 1);
		KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), EPT_2M);
		for (unsigned int round = 0; round < 2; round++) {
			guest_store(guest, GPA + 5 * SZ_4K, 2);
			guest_store(guest, GPA + 7 * SZ_4K, 2);
			KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), EPT_4K);
			KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_2M), EPT_2M);
			KUNIT_EXPECT_EQ(test, get_log(guest), 2);
			KUNIT_EXPECT_EQ(test, get_log(guest), 0);
		}
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, GUEST_SIZE), 0);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + 5 * SZ_4K), 2);
		guest_store(guest, GPA, 0);
		guest_store(guest, GPA + 5 * SZ_4K, 0);
		guest_store(guest, GPA + 7 * SZ_4K, 0);
		KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), EPT_2M);
		guest_store(guest, GPA + SZ_2M, 0);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	}
}

static void a_log_by_pml_has_what_was_handed_in(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 entries[] = { GPA + 3 * SZ_4K, GPA + 900 * SZ_4K, 0, ~0ULL };
	struct ept_mapping mapping;

	if (!(guest->config.features & EPT_FEATURE_AD)) {
		KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, GUEST_SIZE,
							  EPT_LOG_PML),
				-EOPNOTSUPP);
		return;
	}
	must_add(guest, EPT_REGION_ANON, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, GUEST_SIZE, EPT_LOG_PML), 0);
	guest_store(guest, GPA + 3 * SZ_4K, 1);
	KUNIT_EXPECT_EQ(test, ept_space_log_pml(guest->space, entries, ARRAY_SIZE(entries)), 0);
	KUNIT_EXPECT_EQ(test, get_log(guest), 2);
	KUNIT_EXPECT_TRUE(test, test_bit(3, logged) && test_bit(900, logged));
	/* So that the CPU logs the next write */
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, GPA + 3 * SZ_4K, &mapping), 0);
	KUNIT_EXPECT_FALSE(test, mapping.dirty);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, GUEST_SIZE), 0);
}

/*
 * What is refused
 */

static void expect_refused(struct guest *guest, const struct ept_region *region, int error)
{
	KUNIT_EXPECT_EQ(guest->test, ept_space_add(guest->space, region), error);
	KUNIT_EXPECT_EQ(guest->test, ept_space_set(guest->space, region), error);
}

static void bad_regions_are_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);
	const struct ept_region good = guest_region(guest, EPT_REGION_LINEAR, GPA, SZ_64K, 0);
	struct ept_region bad;

#define REFUSED(error, field, value) do {					\
	bad = good;								\
	bad.field = value;							\
	expect_refused(guest, &bad, error);					\
} while (0)
	REFUSED(-EINVAL, gpa, GPA + 1);
	REFUSED(-EINVAL, size, 0);
	REFUSED(-EINVAL, size, SZ_4K + 1);
	REFUSED(-EINVAL, kind, 77);
	REFUSED(-EINVAL, kind, EPT_REGION_FILE + 1);
	REFUSED(-EINVAL, attrs.prot, EPT_PROT_WRITE);
	REFUSED(-EINVAL, attrs.memtype, 2);
	REFUSED(-EINVAL, attrs.tag, 32);
	REFUSED(-EINVAL, hpa, 1);
	REFUSED(-ERANGE, gpa, limit);
	REFUSED(-ERANGE, gpa, limit - SZ_4K);
	REFUSED(-ERANGE, size, limit);
	REFUSED(-ERANGE, hpa, BIT_ULL(guest->config.maxphyaddr) - SZ_4K);
	REFUSED(-ERANGE, hpa, -SZ_4K);
	if (!(guest->config.features & EPT_FEATURE_EXEC_ONLY))
		REFUSED(-EOPNOTSUPP, attrs.prot, EPT_PROT_EXEC);
#undef REFUSED
	bad = good;
	bad.kind = EPT_REGION_ANON;
	bad.gpa = limit - SZ_4K;
	expect_refused(guest, &bad, -ERANGE);
	bad.kind = EPT_REGION_MMIO;
	expect_refused(guest, &bad, -ERANGE);
	bad = good;
	bad.kind = EPT_REGION_USER;
	bad.user.mm = NULL;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &bad), -EINVAL);
	bad.kind = EPT_REGION_PAGES;
	bad.pages = NULL;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &bad), -EINVAL);
	bad.kind = EPT_REGION_CLIENT;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &bad), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_add(NULL, &good), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, 0, &bad), -ENOENT);
	bad = good;
	bad.gpa = limit - SZ_64K;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &bad), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, limit - 1, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, limit - SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, limit - 1, EPT_PROT_READ), EPT_VERDICT_NONE);
}

static void bad_ranges_are_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space *space = guest->space;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);
	static const struct { u64 gpa, size; int err; } bad[] = {
		{ 1, SZ_4K, -EINVAL }, { 0, 0, -EINVAL }, { 0, 1, -EINVAL },
		{ BIT_ULL(57), SZ_4K, -ERANGE }, { SZ_4K, -SZ_4K, -ERANGE },
	};
	u64 value = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		const u64 gpa = bad[i].gpa, size = bad[i].size;

		KUNIT_EXPECT_EQ(test, ept_space_remove(space, gpa, size), bad[i].err);
		KUNIT_EXPECT_EQ(test, ept_space_protect(space, gpa, size, RW), bad[i].err);
		KUNIT_EXPECT_EQ(test, ept_space_populate(space, gpa, size, RW, NULL, NULL),
				bad[i].err);
		KUNIT_EXPECT_EQ(test, ept_space_log_start(space, gpa, size, 0), bad[i].err);
		KUNIT_EXPECT_EQ(test, ept_space_log_get(space, gpa, size, logged), bad[i].err);
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(space, gpa, size), bad[i].err);
	}
	KUNIT_EXPECT_EQ(test, ept_space_protect(space, 0, SZ_4K, EPT_PROT_WRITE), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_protect(space, 0, SZ_4K, BIT(9)), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_populate(space, 0, SZ_4K, BIT(9), NULL, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_read(space, limit, &value, 1, 0), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_read(space, limit - 1, &value, 2, 0), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_read(space, 0, &value, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_read(space, 0, NULL, 1, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_write(space, 0, &value, 1, BIT(7)), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(space, 0, SZ_4K, BIT(4)), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(space, 0, SZ_64K, 0), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(space, SZ_4K, SZ_4K, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, ept_space_log_get(space, SZ_32K, SZ_64K, logged), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(space, 0, SZ_4K), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(space, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(space, limit, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_log_pml(space, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_pml(space, NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, limit, EPT_PROT_READ), -ERANGE);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, 0, 0), -EINVAL);
}

static void a_log_that_no_memory_can_hold_is_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);

	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, 0, limit, 0), -ENOMEM);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, 0, limit, EPT_LOG_LAZY), -ENOMEM);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, 0, limit), -ENOENT);
	guest_store(guest, GPA, 3);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, SZ_64K, 0), 0);
}

static void a_page_that_the_clients_array_lacks_is_not_there(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_PAGES, GPA, 3 * SZ_4K, 0);
	struct page *pages[] = { region.pages[0], NULL, region.pages[2] };
	u8 byte = 1;

	region.pages = pages;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA + SZ_4K, EPT_PROT_READ), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA + SZ_4K, &byte, 1, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, 3 * SZ_4K, EPT_PROT_READ, NULL,
						 NULL), -EFAULT);
	guest_store(guest, GPA, 4);
	guest_store(guest, GPA + SZ_8K, 5);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, 3 * SZ_4K), 0);
}

static void a_space_goes_with_what_its_thread_had_begun(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space *space = ept_space_create(&guest->config);
	struct ept_region region = guest_region(guest, EPT_REGION_ANON, GPA, SZ_1M, 0);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, space);
	KUNIT_EXPECT_EQ(test, ept_space_add(space, &region), 0);
	KUNIT_EXPECT_EQ(test, ept_space_begin(space), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(space, GPA, SZ_64K), 0);
	region.gpa = SZ_1G;
	KUNIT_EXPECT_EQ(test, ept_space_add(space, &region), 0);
	ept_space_destroy(space);
}

static void no_space_is_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_config config = guest->config;
	struct ept_space_stats stats;
	struct ept_region region;
	struct ept_fault fault;
	struct ept_violation violation = { .read = true };

	KUNIT_EXPECT_EQ(test, ept_space_begin(NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_commit(NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_remove(NULL, 0, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_protect(NULL, 0, SZ_4K, RW), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_find(NULL, 0, &region), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, 0, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_fault(NULL, 0, &violation, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_fault(guest->space, 0, NULL, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_fault(guest->space, 0, &violation, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_populate(NULL, 0, SZ_4K, RW, NULL, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(NULL, 0, 1), -EINVAL);
	KUNIT_EXPECT_NULL(test, ept_space_table(NULL));
	ept_space_get_stats(NULL, &stats);
	KUNIT_EXPECT_EQ(test, stats.errors, 0);
	ept_space_destroy(NULL);
	ept_space_destroy(ERR_PTR(-ENOMEM));
	config.flags = EPT_CONFIG_EXTERNAL_LOCK;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(ept_space_create(&config)), -EOPNOTSUPP);
	config.levels = 3;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(ept_space_create(&config)), -EINVAL);
}

/*
 * To look at
 */

/* Longer than it takes; who waits for so long waits for something else. */
#define FOR_EVER	(60 * HZ)

static bool has_file(const struct ept *ept, const char *name)
{
	struct dentry *parent = debugfs_lookup("ept", NULL);
	struct dentry *dir = parent ? debugfs_lookup(ept_name(ept), parent) : NULL;
	struct dentry *file = dir ? debugfs_lookup(name, dir) : NULL;

	dput(parent);
	dput(dir);
	dput(file);
	return file;
}

static void files_appear_a_moment_later(struct kunit *test)
{
	const unsigned long end = jiffies + FOR_EVER;
	struct guest *guest = test->priv;

	if (!IS_ENABLED(CONFIG_DEBUG_FS))
		kunit_skip(test, "the kernel has no debugfs");
	while (!has_file(guest->ept, "faults") && time_before(jiffies, end))
		msleep(20);
	KUNIT_EXPECT_TRUE(test, has_file(guest->ept, "regions"));
	KUNIT_EXPECT_TRUE(test, has_file(guest->ept, "faults"));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_was_added_is_found_in_order),
	KUNIT_CASE(adding_where_a_region_is_changes_nothing),
	KUNIT_CASE_PARAM(removing_a_part_leaves_the_rest_with_its_memory, configs_gen_params),
	KUNIT_CASE(a_part_is_found_with_the_memory_that_is_behind_it),
	KUNIT_CASE(set_replaces_what_it_overlaps),
	KUNIT_CASE(many_changes_are_one_flush),
	KUNIT_CASE_PARAM(protection_holds_for_pages_that_come_later, configs_gen_params),
	KUNIT_CASE(thousands_of_ranges_are_replaced_as_one),
	KUNIT_CASE_PARAM(each_fault_has_its_verdict, configs_gen_params),
	KUNIT_CASE_PARAM(faults_map_leaves_as_large_as_they_may_be, configs_gen_params),
	KUNIT_CASE_PARAM(anonymous_memory_is_zero_and_goes_when_its_region_does,
			 configs_gen_params),
	KUNIT_CASE(populating_says_how_far_it_is_and_ends_when_told),
	KUNIT_CASE_PARAM(populating_skips_holes_whole, configs_gen_params),
	KUNIT_CASE(the_host_reads_and_writes_across_kinds),
	KUNIT_CASE(the_host_exchanges_as_a_cpu_does),
	KUNIT_CASE_PARAM(the_host_finds_its_page_in_a_large_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(the_log_has_each_page_that_was_written, configs_gen_params),
	KUNIT_CASE_PARAM(a_log_makes_leaves_small_and_its_end_makes_them_large, configs_gen_params),
	KUNIT_CASE_PARAM(a_lazy_log_splits_what_is_written, configs_gen_params),
	KUNIT_CASE_PARAM(a_log_by_pml_has_what_was_handed_in, configs_gen_params),
	KUNIT_CASE_PARAM(bad_regions_are_refused, configs_gen_params),
	KUNIT_CASE_PARAM(bad_ranges_are_refused, configs_gen_params),
	KUNIT_CASE_PARAM(a_log_that_no_memory_can_hold_is_refused, configs_gen_params),
	KUNIT_CASE(a_page_that_the_clients_array_lacks_is_not_there),
	KUNIT_CASE(a_space_goes_with_what_its_thread_had_begun),
	KUNIT_CASE(no_space_is_refused),
	KUNIT_CASE(files_appear_a_moment_later),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space",
	.suite_init = guest_suite_init,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
