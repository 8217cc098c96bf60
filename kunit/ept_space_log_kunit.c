// SPDX-License-Identifier: GPL-2.0
/* The log of dirty pages at its edges: of ranges, of time, of what memory becomes. */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)

static const enum ept_region_kind kinds[] = {
	EPT_REGION_LINEAR, EPT_REGION_ANON, EPT_REGION_PAGES, EPT_REGION_CLIENT,
};

static const u32 ways[] = { 0, EPT_LOG_LAZY, EPT_LOG_PML };

/* A log that begins and ends inside of large leaves */
#define LOG	(GPA + SZ_1M)
#define SIZE	((u64)SZ_2M)
#define IN_LOG	(LOG + 5 * SZ_4K)

static DECLARE_BITMAP(logged, SZ_2M / SZ_4K);

static unsigned int get_log(struct guest *guest)
{
	bitmap_zero(logged, SIZE / SZ_4K);
	KUNIT_EXPECT_EQ(guest->test, ept_space_log_get(guest->space, LOG, SIZE, logged), 0);
	return bitmap_weight(logged, SIZE / SZ_4K);
}

static int start(struct guest *guest, u32 flags)
{
	return ept_space_log_start(guest->space, LOG, SIZE, flags);
}

/* What a CPU with page-modification logging writes down: a page whose dirty flag it sets */
static void store(struct guest *guest, u64 gpa, u32 flags)
{
	struct ept_mapping before = {};

	ept_lookup(guest->ept, gpa, &before);
	guest_store(guest, gpa, 1);
	if (flags & EPT_LOG_PML && !before.dirty)
		KUNIT_EXPECT_EQ(guest->test, ept_space_log_pml(guest->space, &gpa, 1), 0);
}

/* Both neighbours of the log are written before anything of it is. */
static void try_neighbours(struct guest *guest, u32 flags)
{
	struct kunit *test = guest->test;

	if (start(guest, flags) == -EOPNOTSUPP)
		return;
	for (unsigned int round = 0; round < 2; round++) {
		store(guest, GPA, flags);
		store(guest, LOG + SIZE, flags);
		store(guest, IN_LOG, flags);
		store(guest, LOG + SIZE - SZ_4K, flags);
		KUNIT_EXPECT_EQ(test, get_log(guest), 2);
		KUNIT_EXPECT_TRUE(test, test_bit(5, logged));
		KUNIT_EXPECT_EQ(test, get_log(guest), 0);
	}
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, LOG, SIZE), 0);
}

static void writes_beside_a_log_hide_none_in_it(struct kunit *test)
{
	struct guest *guest = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (unsigned int way = 0; way < ARRAY_SIZE(ways); way++) {
			must_add(guest, kinds[i], GPA, GUEST_SIZE);
			try_neighbours(guest, ways[way]);
			KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
		}
	}
}

/* A leaf across the edge that nobody could write to when the log began */
static void a_leaf_that_an_edge_cuts_is_not_writable_in_the_log(struct kunit *test)
{
	struct guest *guest = test->priv;

	for (unsigned int way = 0; way < ARRAY_SIZE(ways); way++) {
		must_add(guest, EPT_REGION_ANON, GPA, GUEST_SIZE);
		KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, GUEST_SIZE,
							EPT_PROT_READ), 0);
		guest_load(guest, GPA);
		guest_load(guest, GPA + SZ_2M);
		KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, GUEST_SIZE, RW), 0);
		try_neighbours(guest, ways[way]);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	}
}

/* Dirty flags of large leaves may be older than the log. */
static void try_older(struct guest *guest, u32 flags)
{
	struct ept_space *space = guest->space;
	struct kunit *test = guest->test;

	guest_store(guest, IN_LOG, 1);
	guest_store(guest, LOG + SZ_1M, 1);
	if (start(guest, flags) == -EOPNOTSUPP)
		return;
	KUNIT_EXPECT_EQ(test, ept_space_remove(space, LOG, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_set_memtype(space, GPA, GUEST_SIZE, EPT_MT_UC), 0);
	KUNIT_EXPECT_EQ(test, get_log(guest), 0);
	store(guest, LOG + SZ_1M, flags);
	KUNIT_EXPECT_EQ(test, ept_space_remove(space, LOG, SIZE), 0);
	KUNIT_EXPECT_EQ(test, get_log(guest), 1);
	KUNIT_EXPECT_TRUE(test, test_bit(SZ_1M / SZ_4K, logged));
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(space, LOG, SIZE), 0);
}

static void what_was_written_before_a_log_and_goes_is_not_in_it(struct kunit *test)
{
	struct guest *guest = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (unsigned int way = 0; way < ARRAY_SIZE(ways); way++) {
			must_add(guest, kinds[i], GPA, GUEST_SIZE);
			try_older(guest, ways[way]);
			KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
		}
	}
}

/*
 * A write of the host that is under way when the log begins, or its region goes
 */

/**
 * struct slow - memory that takes its time
 * @space: a space
 * @guest: its guest
 * @asked: the write has come to the memory
 * @go_on: now it may be done
 * @runs: the other thread does
 * @change: what it does to the space
 * @changed: it has
 * @memory: of one page
 * @seen: what of it was there then
 * @released: how often the memory was
 */
struct slow {
	struct ept_space	*space;
	struct guest		*guest;
	struct completion	asked;
	struct completion	go_on;
	struct completion	runs;
	int			(*change)(struct ept_space *space);
	struct completion	changed;
	u8			memory[SZ_4K];
	u8			seen;
	unsigned int		released;
};

static int slow_get(void *cookie, u64 offset, u32 access, struct ept_piece *piece)
{
	struct slow *slow = cookie;

	complete(&slow->asked);
	wait_for_completion(&slow->go_on);
	piece->hpa = page_to_phys(slow->guest->client[offset >> PAGE_SHIFT]);
	return 0;
}

static int slow_access(void *cookie, u64 offset, void *data, size_t size, bool write)
{
	struct slow *slow = cookie;

	complete(&slow->asked);
	wait_for_completion(&slow->go_on);
	memcpy(slow->memory + offset_in_page(offset), data, size);
	return 0;
}

static void slow_release(void *cookie)
{
	struct slow *slow = cookie;

	slow->released++;
}

static const struct ept_backend slow_memory = { .get = slow_get };

static const struct ept_backend slow_backend = {
	.get = slow_get, .access = slow_access, .release = slow_release,
};

static int write_slowly(void *arg)
{
	struct slow *slow = arg;
	u8 byte = 9;

	return ept_space_write(slow->space, LOG, &byte, 1, 0);
}

/* As write_slowly(): 1 if it could */
static int fault_slowly(void *arg)
{
	struct slow *slow = arg;

	return guest_fault(slow->guest, LOG, EPT_PROT_WRITE) == EPT_VERDICT_RESUME;
}

static int start_log(struct ept_space *space)
{
	return ept_space_log_start(space, LOG, SIZE, EPT_LOG_LAZY);
}

static int stop_log(struct ept_space *space)
{
	return ept_space_log_stop(space, LOG, SIZE);
}

static int remove_region(struct ept_space *space)
{
	return ept_space_remove(space, LOG, SIZE);
}

static int change_beside(void *arg)
{
	struct slow *slow = arg;
	int err;

	complete(&slow->runs);
	err = slow->change(slow->space);
	slow->seen = READ_ONCE(slow->memory[0]);
	complete(&slow->changed);
	return err;
}

/* Does @change beside @write, which goes on when that is done, or seems to wait */
static struct slow *do_amid(struct guest *guest, const struct ept_backend *backend,
			    int (*write)(void *slow), int (*change)(struct ept_space *space))
{
	struct kunit *test = guest->test;
	struct slow *slow = kunit_kzalloc(test, sizeof(*slow), GFP_KERNEL);
	struct ept_region region = {
		.gpa = LOG, .size = SIZE, .kind = EPT_REGION_CLIENT, .attrs = EPT_ATTRS_RAM,
		.cookie = slow, .backend = backend,
	};
	struct task_struct *writer, *starter;

	KUNIT_ASSERT_NOT_NULL(test, slow);
	slow->space = guest->space;
	slow->guest = guest;
	slow->change = change;
	init_completion(&slow->asked);
	init_completion(&slow->go_on);
	init_completion(&slow->runs);
	init_completion(&slow->changed);
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	writer = kthread_run(write, slow, "writes");
	KUNIT_ASSERT_FALSE(test, IS_ERR(writer));
	get_task_struct(writer);
	wait_for_completion(&slow->asked);
	starter = kthread_run(change_beside, slow, "changes");
	KUNIT_ASSERT_FALSE(test, IS_ERR(starter));
	get_task_struct(starter);
	wait_for_completion(&slow->runs);
	/* It may wait for the write. */
	wait_for_completion_timeout(&slow->changed, msecs_to_jiffies(50));
	KUNIT_EXPECT_EQ(test, slow->released, 0);
	complete_all(&slow->go_on);
	KUNIT_EXPECT_EQ(test, kthread_stop(writer), 1);
	KUNIT_EXPECT_EQ(test, kthread_stop(starter), 0);
	put_task_struct(writer);
	put_task_struct(starter);
	return slow;
}

static void what_the_host_writes_as_a_log_begins_is_copied_or_logged(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct slow *slow = do_amid(guest, &slow_backend, write_slowly, start_log);

	get_log(guest);
	KUNIT_EXPECT_TRUE(test, slow->seen == 9 || test_bit(0, logged));
}

static void a_log_that_the_host_writes_in_ends_when_it_is_done(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct slow *slow;

	KUNIT_ASSERT_EQ(test, start(guest, 0), 0);
	slow = do_amid(guest, &slow_backend, write_slowly, stop_log);
	KUNIT_EXPECT_EQ(test, slow->seen, 9);
}

static void what_a_fault_under_way_lets_write_is_logged(struct kunit *test)
{
	struct guest *guest = test->priv;

	do_amid(guest, &slow_memory, fault_slowly, start_log);
	guest_store(guest, LOG, 1);
	KUNIT_EXPECT_EQ(test, get_log(guest), 1);
	KUNIT_EXPECT_TRUE(test, test_bit(0, logged));
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, LOG, SIZE), 0);
}

static void a_region_that_the_host_uses_goes_when_it_is_done(struct kunit *test)
{
	struct slow *slow = do_amid(test->priv, &slow_backend, write_slowly, remove_region);

	KUNIT_EXPECT_EQ(test, slow->seen, 9);
	KUNIT_EXPECT_EQ(test, slow->released, 1);
}

/* With dirty flags a write costs none, and by PML nothing is looked for in the table. */
static void logs_learn_of_writes_as_they_say(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space_stats before, after;

	if (!guest->mmu.accessed_dirty)
		kunit_skip(test, "logs live on faults");
	must_add(guest, EPT_REGION_LINEAR, GPA, GUEST_SIZE);
	guest_store(guest, IN_LOG, 1);
	KUNIT_ASSERT_EQ(test, start(guest, 0), 0);
	ept_space_get_stats(guest->space, &before);
	guest_store(guest, IN_LOG, 2);
	ept_space_get_stats(guest->space, &after);
	KUNIT_EXPECT_EQ(test, after.faults[EPT_VERDICT_RESUME], before.faults[EPT_VERDICT_RESUME]);
	KUNIT_EXPECT_EQ(test, get_log(guest), 1);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, LOG, SIZE), 0);
	KUNIT_ASSERT_EQ(test, start(guest, EPT_LOG_PML), 0);
	guest_store(guest, IN_LOG, 3);
	KUNIT_EXPECT_EQ(test, get_log(guest), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, LOG, SIZE), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

static void logs_lie_side_by_side(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space *space = guest->space;

	must_add(guest, EPT_REGION_LINEAR, GPA, GUEST_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		if (ept_space_log_start(space, GPA + SZ_128K, SZ_64K, ways[i]) == -EOPNOTSUPP)
			continue;
		KUNIT_EXPECT_EQ(test, ept_space_log_start(space, GPA + SZ_64K, SZ_64K, ways[i]), 0);
		KUNIT_EXPECT_EQ(test, ept_space_log_start(space, GPA + SZ_64K + SZ_128K, SZ_4K,
							  ways[i]), 0);
		KUNIT_EXPECT_EQ(test, ept_space_log_start(space, GPA, SZ_64K + SZ_4K, ways[i]),
				-EEXIST);
		KUNIT_EXPECT_EQ(test, ept_space_log_start(space, GPA + SZ_128K + SZ_32K, SZ_4K,
							  ways[i]), -EEXIST);
		/* No log has all of it. */
		KUNIT_EXPECT_EQ(test, ept_space_log_get(space, GPA + SZ_64K, SZ_128K, logged),
				-ENOENT);
		KUNIT_EXPECT_EQ(test, ept_space_log_get(space, GPA + SZ_32K, SZ_64K, logged),
				-ENOENT);
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(space, GPA + SZ_128K, SZ_64K), 0);
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(space, GPA + SZ_64K, SZ_64K), 0);
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(space, GPA + SZ_64K + SZ_128K, SZ_4K), 0);
	}
	KUNIT_EXPECT_EQ(test, ept_space_remove(space, GPA, GUEST_SIZE), 0);
}

static void a_part_of_a_log_has_its_part_of_what_was_written(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 part = LOG + 64 * SZ_4K;

	must_add(guest, EPT_REGION_LINEAR, GPA, GUEST_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		if (start(guest, ways[i]) == -EOPNOTSUPP)
			continue;
		KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, IN_LOG, 1), 0);
		KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, part + SZ_8K, 1), 0);
		store(guest, part + 7 * SZ_4K, ways[i]);
		bitmap_zero(logged, SIZE / SZ_4K);
		KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, part, SZ_64K, logged), 0);
		KUNIT_EXPECT_EQ(test, bitmap_weight(logged, SIZE / SZ_4K), 2);
		KUNIT_EXPECT_TRUE(test, test_bit(2, logged) && test_bit(7, logged));
		KUNIT_EXPECT_EQ(test, get_log(guest), 1);
		KUNIT_EXPECT_TRUE(test, test_bit(5, logged));
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, LOG, SIZE), 0);
	}
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

static void what_is_asked_of_a_part_leaves_the_rest_to_the_next(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space *space = guest->space;
	const u64 behind = GPA + SZ_64K;

	must_add(guest, EPT_REGION_LINEAR, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(space, GPA, SZ_64K, 0), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(space, behind, SZ_64K, 0), 0);
	for (unsigned int mark = 0; mark < 2; mark++) {
		guest_store(guest, behind - 5 * SZ_4K, 1);
		guest_store(guest, behind, 1);
		guest_store(guest, behind + SZ_32K, 1);
		if (mark)
			KUNIT_EXPECT_EQ(test, ept_space_log_mark(space, behind + 5 * SZ_4K, 1), 0);
		logged[0] = 0;
		KUNIT_EXPECT_EQ(test, ept_space_log_get(space, behind + SZ_4K, 7 * SZ_4K, logged),
				0);
		KUNIT_EXPECT_EQ(test, logged[0], mark ? BIT(4) : 0);
		logged[0] = 0;
		KUNIT_EXPECT_EQ(test, ept_space_log_get(space, behind, SZ_64K, logged), 0);
		KUNIT_EXPECT_EQ(test, logged[0], BIT(0) | BIT(8));
		logged[0] = 0;
		KUNIT_EXPECT_EQ(test, ept_space_log_get(space, GPA, SZ_64K, logged), 0);
		KUNIT_EXPECT_EQ(test, logged[0], BIT(11));
	}
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(space, GPA, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(space, behind, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(space, GPA, GUEST_SIZE), 0);
}

static void a_leaf_that_ends_where_a_log_begins_is_large(struct kunit *test)
{
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_LINEAR, GPA, GUEST_SIZE);
	KUNIT_ASSERT_EQ(test, ept_space_log_start(guest->space, GPA + SZ_2M, SZ_2M, 0), 0);
	guest_store(guest, GPA, 1);
	guest_store(guest, GPA + SZ_2M, 1);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), guest_large(guest, EPT_ATTRS_RAM.prot));
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_2M), EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA + SZ_2M, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

static void what_a_lazy_log_made_small_is_large_when_it_ends(struct kunit *test)
{
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_LINEAR, GPA, GUEST_SIZE);
	KUNIT_ASSERT_EQ(test, ept_space_log_start(guest->space, GPA, GUEST_SIZE, EPT_LOG_LAZY), 0);
	guest_store(guest, GPA + SZ_4K, 1);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_4K), EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, GUEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 1);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_4K),
			guest_large(guest, EPT_ATTRS_RAM.prot));
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

static void marks_that_leave_the_space_are_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);
	u64 entry = limit;

	KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, limit - SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, 0, limit), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, limit - SZ_4K, SZ_4K + 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, SZ_4K, limit), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, limit, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, -1, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_log_mark(guest->space, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_log_pml(guest->space, &entry, 1), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(what_a_lazy_log_made_small_is_large_when_it_ends, configs_gen_params),
	KUNIT_CASE_PARAM(marks_that_leave_the_space_are_refused, configs_gen_params),
	KUNIT_CASE_PARAM(logs_learn_of_writes_as_they_say, configs_gen_params),
	KUNIT_CASE_PARAM(logs_lie_side_by_side, configs_gen_params),
	KUNIT_CASE_PARAM(a_part_of_a_log_has_its_part_of_what_was_written, configs_gen_params),
	KUNIT_CASE_PARAM(what_is_asked_of_a_part_leaves_the_rest_to_the_next, configs_gen_params),
	KUNIT_CASE_PARAM(a_leaf_that_ends_where_a_log_begins_is_large, configs_gen_params),
	KUNIT_CASE_PARAM(writes_beside_a_log_hide_none_in_it, configs_gen_params),
	KUNIT_CASE_PARAM(a_leaf_that_an_edge_cuts_is_not_writable_in_the_log, configs_gen_params),
	KUNIT_CASE_PARAM(what_was_written_before_a_log_and_goes_is_not_in_it, configs_gen_params),
	KUNIT_CASE(what_the_host_writes_as_a_log_begins_is_copied_or_logged),
	KUNIT_CASE(a_log_that_the_host_writes_in_ends_when_it_is_done),
	KUNIT_CASE(what_a_fault_under_way_lets_write_is_logged),
	KUNIT_CASE(a_region_that_the_host_uses_goes_when_it_is_done),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_log",
	.suite_init = guest_suite_init,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
