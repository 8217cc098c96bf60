// SPDX-License-Identifier: GPL-2.0
/*
 * Changes that leave what is behind a region: another address, another memory type. And that which
 * leaves the region alone.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)
/* Not as large leaves would have it */
#define AWAY	(GPA + SZ_1G + 5 * SZ_4K)

static const enum ept_region_kind mapped_kinds[] = {
	EPT_REGION_LINEAR, EPT_REGION_ANON, EPT_REGION_PAGES, EPT_REGION_CLIENT,
};

static int load_verdict(struct guest *guest, u64 gpa)
{
	u8 byte;

	return guest_access(guest, &guest->cpu, gpa, &byte, 1, false);
}

/*
 * Moving
 */

static void fill(struct guest *guest, u64 gpa, u64 size)
{
	for (u64 at = 0; at < size; at += SZ_4K)
		guest_store(guest, gpa + at, (at >> 12) * 7 + 1);
}

static void expect_filled(struct guest *guest, u64 gpa, u64 first, u64 size)
{
	for (u64 at = 0; at < size; at += SZ_4K)
		KUNIT_EXPECT_EQ(guest->test, guest_load(guest, gpa + at),
				(u8)(((first + at) >> 12) * 7 + 1));
}

static void what_moves_keeps_what_is_in_it(struct kunit *test)
{
	const u64 cut = 3 * SZ_64K, size = SZ_2M + SZ_64K;
	struct guest *guest = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		must_add(guest, mapped_kinds[i], GPA, GUEST_SIZE);
		fill(guest, GPA, GUEST_SIZE);
		KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA + cut, size, AWAY), 0);
		expect_filled(guest, AWAY, cut, size);
		expect_filled(guest, GPA, 0, cut);
		expect_filled(guest, GPA + cut + size, cut + size, GUEST_SIZE - cut - size);
		for (u64 at = 0; at < size; at += SZ_4K)
			KUNIT_EXPECT_EQ(test, load_verdict(guest, GPA + cut + at),
					EPT_VERDICT_NONE);
		KUNIT_EXPECT_EQ(test, load_verdict(guest, AWAY + size), EPT_VERDICT_NONE);
		KUNIT_EXPECT_EQ(test, ept_check(guest->ept, NULL), 0);
		/* And back, in two parts, the second one to a place of its own */
		KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, AWAY, SZ_64K, GPA + cut), 0);
		KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, AWAY + SZ_64K, SZ_2M, 0), 0);
		expect_filled(guest, GPA + cut, cut, SZ_64K);
		expect_filled(guest, 0, cut + SZ_64K, SZ_2M);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, 2 * (u64)SZ_1G), 0);
		KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
	}
	KUNIT_EXPECT_EQ(test, guest->released, 1);
}

static void a_moved_region_is_found_as_it_was_added(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region;
	struct ept_fault fault;
	const struct ept_violation write = { .read = true, .write = true };

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++)
		must_add(guest, mapped_kinds[i], GPA + i * SZ_64K, SZ_64K);
	must_add(guest, EPT_REGION_MMIO, GPA + 5 * SZ_64K, SZ_64K);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_64K, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA + SZ_4K, SZ_1M, AWAY), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		const u64 offset = i ? 0 : SZ_4K;
		const u64 at = AWAY + i * SZ_64K - (i ? SZ_4K : 0);

		KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, at, &region), 0);
		KUNIT_EXPECT_EQ(test, region.gpa, at);
		KUNIT_EXPECT_EQ(test, region.size, SZ_64K - offset);
		KUNIT_EXPECT_EQ(test, region.kind, mapped_kinds[i]);
		KUNIT_EXPECT_EQ(test, region.offset, offset);
		KUNIT_EXPECT_PTR_EQ(test, region.cookie, (void *)guest);
	}
	/* The hole moved, too. */
	KUNIT_EXPECT_EQ(test, load_verdict(guest, AWAY + 4 * SZ_64K), EPT_VERDICT_NONE);
	KUNIT_EXPECT_EQ(test, ept_space_fault(guest->space, AWAY + 5 * SZ_64K, &write, &fault), 0);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_MMIO);
	KUNIT_EXPECT_EQ(test, fault.offset, SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_space_fault(guest->space, AWAY, &write, &fault), 0);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_PROTECTED);
	KUNIT_EXPECT_EQ(test, fault.offset, SZ_4K);
}

static void moves_are_one_flush_with_other_changes(struct kunit *test)
{
	struct guest *guest = test->priv;
	int before;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_1M);
	must_add(guest, EPT_REGION_ANON, GPA + SZ_2M, SZ_1M);
	guest_store(guest, GPA, 1);
	guest_store(guest, GPA + SZ_2M, 2);
	before = atomic_read(&guest->invalidations);
	/* Two regions change places. */
	KUNIT_EXPECT_EQ(test, ept_space_begin(guest->space), 0);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA, SZ_1M, AWAY), 0);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA + SZ_2M, SZ_1M, GPA), 0);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, AWAY, SZ_1M, GPA + SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), -EDEADLK);
	KUNIT_EXPECT_EQ(test, ept_space_commit(guest->space), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&guest->invalidations), before + 1);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 2);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_2M), 1);
	/* Moved and removed as one */
	KUNIT_EXPECT_EQ(test, ept_space_begin(guest->space), 0);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA, SZ_1M, AWAY), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, AWAY, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, ept_space_commit(guest->space), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA + SZ_2M, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
}

static void a_log_has_what_was_written_before_a_move_and_all_that_came(struct kunit *test)
{
	unsigned long logged[BITS_TO_LONGS(32)] = {};
	struct guest *guest = test->priv;
	struct ept_mapping mapping;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	must_add(guest, EPT_REGION_ANON, 0, SZ_4M);
	guest_store(guest, 0, 1);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, SZ_128K, 0), 0);
	guest_store(guest, GPA + SZ_4K, 1);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA, SZ_32K, GPA + SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, SZ_128K, logged), 0);
	KUNIT_EXPECT_EQ(test, logged[0], BIT(1) | GENMASK(23, 16));
	logged[0] = 0;
	guest_store(guest, GPA + SZ_64K + SZ_4K, 1);
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, SZ_128K, logged), 0);
	KUNIT_EXPECT_EQ(test, logged[0], BIT(17));
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, SZ_128K), 0);
	/* A large leaf that gets into a log is small there. */
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, SZ_1G, SZ_4M, 0), 0);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, 0, SZ_4M, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, SZ_1G, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, SZ_1G, SZ_4M), 0);
}

static void moves_that_cannot_be_change_nothing(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space *space = guest->space;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);

	must_add(guest, EPT_REGION_ANON, GPA, SZ_1M);
	must_add(guest, EPT_REGION_MMIO, GPA + SZ_2M, SZ_4K);
	fill(guest, GPA, SZ_1M);
	KUNIT_EXPECT_EQ(test, ept_space_move(NULL, GPA, SZ_1M, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA + 1, SZ_1M, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA, SZ_1M + 1, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, limit, SZ_4K, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, limit, SZ_1M, 0), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA, SZ_1M, limit - SZ_4K), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA, SZ_1M, GPA), -EEXIST);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA, SZ_1M, GPA + SZ_4K), -EEXIST);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA, SZ_1M, GPA + SZ_1M + SZ_4K), -EEXIST);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA + SZ_1M, SZ_4K, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_space_move(space, GPA, SZ_1M, limit - SZ_1M), 0);
	expect_filled(guest, limit - SZ_1M, 0, SZ_1M);
}

/*
 * Memory types
 */

static void expect_type(struct guest *guest, u64 gpa, enum ept_memtype memtype)
{
	struct ept_mapping mapping;

	KUNIT_EXPECT_EQ(guest->test, ept_lookup(guest->ept, gpa, &mapping), 0);
	KUNIT_EXPECT_EQ(guest->test, mapping.attrs.memtype, memtype);
}

static void a_memory_type_holds_for_pages_that_come_later(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region;

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		must_add(guest, mapped_kinds[i], GPA, SZ_4M);
		guest_store(guest, GPA + SZ_4K, 5);
		KUNIT_EXPECT_EQ(test, ept_space_set_memtype(guest->space, GPA + SZ_4K, SZ_2M,
							    EPT_MT_UC), 0);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 0);
		expect_type(guest, GPA, EPT_MT_WB);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 5);
		expect_type(guest, GPA + SZ_4K, EPT_MT_UC);
		guest_store(guest, GPA + SZ_2M, 6);
		expect_type(guest, GPA + SZ_2M, EPT_MT_UC);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_2M + SZ_4K), 0);
		expect_type(guest, GPA + SZ_2M + SZ_4K, EPT_MT_WB);
		KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + SZ_4K, &region), 0);
		KUNIT_EXPECT_EQ(test, region.attrs.memtype, EPT_MT_UC);
		KUNIT_EXPECT_EQ(test, region.attrs.prot, RW | EXEC_ALL);
		guest_store(guest, GPA + SZ_4K, 0);
		guest_store(guest, GPA + SZ_2M, 0);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_4M), 0);
	}
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
}

static void bad_memory_types_are_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space *space = guest->space;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);

	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(NULL, GPA, SZ_4K, EPT_MT_UC), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(space, GPA, SZ_4K, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(space, GPA, SZ_4K, 7), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(space, GPA + 1, SZ_4K, EPT_MT_UC), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(space, GPA, 0, EPT_MT_UC), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(space, limit, SZ_4K, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(space, limit, SZ_4K, EPT_MT_UC), -ERANGE);
	/* Holes are fine. */
	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(space, GPA, SZ_1G, EPT_MT_UC), 0);
}

/*
 * Discarding
 */

static void what_is_discarded_is_zero_again(struct kunit *test)
{
	const u64 cut = SZ_2M - SZ_64K, size = SZ_64K + SZ_4K;
	struct guest *guest = test->priv;
	struct ept_region region;

	must_add(guest, EPT_REGION_ANON, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, GUEST_SIZE, RW, NULL, NULL), 0);
	fill(guest, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_discard(guest->space, GPA + cut, size), 0);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), GUEST_PAGES - (size >> PAGE_SHIFT));
	for (u64 at = 0; at < size; at += SZ_4K)
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + cut + at), 0);
	expect_filled(guest, GPA, 0, cut);
	expect_filled(guest, GPA + cut + size, cut + size, GUEST_SIZE - cut - size);
	/* One region, as it was added */
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + cut, &region), 0);
	KUNIT_EXPECT_EQ(test, region.gpa, GPA);
	KUNIT_EXPECT_EQ(test, region.size, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_check(guest->ept, NULL), 0);
	/* Holes are fine. */
	KUNIT_EXPECT_EQ(test, ept_space_discard(guest->space, 0, 2 * (u64)SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 0);
}

static void what_is_not_anonymous_is_not_discarded(struct kunit *test)
{
	struct guest *guest = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		if (mapped_kinds[i] == EPT_REGION_ANON)
			continue;
		must_add(guest, mapped_kinds[i], GPA, SZ_64K);
		fill(guest, GPA, SZ_64K);
		KUNIT_EXPECT_EQ(test, ept_space_discard(guest->space, GPA, SZ_64K), 0);
		KUNIT_EXPECT_EQ(test, guest->gone, 0);
		expect_filled(guest, GPA, 0, SZ_64K);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_64K), 0);
	}
}

/* Its memory was not dirty, and reads otherwise now. */
static void what_is_discarded_is_in_the_log(struct kunit *test)
{
	struct guest *guest = test->priv;
	unsigned long logged[1] = {};

	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	must_add(guest, EPT_REGION_PAGES, GPA + SZ_64K, SZ_64K);
	fill(guest, GPA, 2 * SZ_64K);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, 2 * SZ_64K, 0), 0);
	KUNIT_EXPECT_EQ(test, ept_space_discard(guest->space, GPA + SZ_64K - SZ_8K, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, 2 * SZ_64K, logged), 0);
	KUNIT_EXPECT_EQ(test, logged[0], BIT(14) | BIT(15));
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, 2 * SZ_64K), 0);
}

static void bad_ranges_are_not_discarded(struct kunit *test)
{
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	fill(guest, GPA, SZ_64K);
	KUNIT_EXPECT_EQ(test, ept_space_discard(NULL, GPA, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_discard(guest->space, GPA, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_discard(guest->space, GPA + 8, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_discard(guest->space, GPA, SZ_4K + 8), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_discard(guest->space, GPA, 1ULL << 60), -ERANGE);
	expect_filled(guest, GPA, 0, SZ_64K);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(what_moves_keeps_what_is_in_it, configs_gen_params),
	KUNIT_CASE(a_moved_region_is_found_as_it_was_added),
	KUNIT_CASE(moves_are_one_flush_with_other_changes),
	KUNIT_CASE_PARAM(a_log_has_what_was_written_before_a_move_and_all_that_came,
			 configs_gen_params),
	KUNIT_CASE_PARAM(moves_that_cannot_be_change_nothing, configs_gen_params),
	KUNIT_CASE_PARAM(a_memory_type_holds_for_pages_that_come_later, configs_gen_params),
	KUNIT_CASE_PARAM(bad_memory_types_are_refused, configs_gen_params),
	KUNIT_CASE_PARAM(what_is_discarded_is_zero_again, configs_gen_params),
	KUNIT_CASE(what_is_not_anonymous_is_not_discarded),
	KUNIT_CASE_PARAM(what_is_discarded_is_in_the_log, configs_gen_params),
	KUNIT_CASE(bad_ranges_are_not_discarded),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_change",
	.suite_init = guest_suite_init,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
