// SPDX-License-Identifier: GPL-2.0
/*
 * What the pages of tables cost others, counted by accesses to memory: how many are made with
 * interrupts off, how many before somebody else may run. And whom the OOM killer would take
 * meanwhile.
 */
#include <kunit/test.h>
#include <linux/irqflags.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "ept_access.h"
#include "fixture.h"

/* Far more tables than are handled at a time, and what handling these takes at most */
#define MANY		4000
#define BOUND		2000UL

static struct {
	struct task_struct	*who;
	unsigned long		off, off_most;		/* accesses with interrupts off */
	unsigned long		turn, turn_most;	/* accesses of a turn */
	unsigned long		all, origin;
} seen;

/* This thread always has to make way for another one, and wherever it does, a turn begins. */
static void look(void *where)
{
	if (current != seen.who)
		return;
	seen.all++;
	seen.off = irqs_disabled() ? seen.off + 1 : 0;
	seen.off_most = max(seen.off_most, seen.off);
	if (!test_tsk_need_resched(current)) {
		set_tsk_need_resched(current);
		seen.turn = 0;
	}
	seen.turn_most = max(seen.turn_most, ++seen.turn);
	seen.origin += oom_task_origin(current);
}

static void begin(void)
{
	memset(&seen, 0, sizeof(seen));
	seen.who = current;
	ept_access_hook = look;
}

static void end(void)
{
	ept_access_hook = NULL;
}

static void interrupts_are_off_for_a_bounded_time(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int ret;

	fixture_make_atomic(fixture);
	begin();
	ret = ept_reserve(fixture->ept, MANY);
	/* The reserve falls short, and each table goes back to it. */
	ret = ret ?: ept_map(fixture->ept, SZ_4K, 0, MANY * (u64)SZ_2M, &EPT_ATTRS_RAM);
	end();
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_GT(test, seen.all, (unsigned long)MANY);
	KUNIT_EXPECT_LT(test, seen.off_most, BOUND);
}

static void others_get_a_turn_while_tables_are_allocated(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int ret;

	if (!IS_ENABLED(CONFIG_PREEMPT_NONE))
		kunit_skip(test, "others get a turn anywhere");
	begin();
	ret = ept_reserve(fixture->ept, MANY);
	end();
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GT(test, seen.all, (unsigned long)MANY);
	KUNIT_EXPECT_LT(test, seen.turn_most, BOUND);
}

static void others_get_a_turn_while_tables_are_freed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;

	if (!IS_ENABLED(CONFIG_PREEMPT_NONE))
		kunit_skip(test, "others get a turn anywhere");
	KUNIT_ASSERT_EQ(test, ept_reserve(ept, MANY), 0);
	fixture->ept = NULL;
	begin();
	ept_destroy(ept);
	end();
	KUNIT_EXPECT_GT(test, seen.all, (unsigned long)MANY);
	KUNIT_EXPECT_LT(test, seen.turn_most, BOUND);
}

static void a_large_request_is_the_origin_of_what_it_brings_about(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int ret;

	begin();
	ret = ept_reserve(fixture->ept, MANY);
	end();
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GT(test, seen.origin, (unsigned long)MANY);
	KUNIT_EXPECT_FALSE(test, oom_task_origin(current));
	/* Who is marked already stays so. */
	set_current_oom_origin();
	ret = ept_reserve(fixture->ept, MANY + MANY);
	KUNIT_EXPECT_TRUE(test, oom_task_origin(current));
	clear_current_oom_origin();
	KUNIT_EXPECT_EQ(test, ret, 0);
}

static struct kunit_case amid_table_cases[] = {
	KUNIT_CASE(interrupts_are_off_for_a_bounded_time),
	KUNIT_CASE(others_get_a_turn_while_tables_are_allocated),
	KUNIT_CASE(others_get_a_turn_while_tables_are_freed),
	KUNIT_CASE(a_large_request_is_the_origin_of_what_it_brings_about),
	{}
};

static struct kunit_suite amid_table_suite = {
	.name = "ept_amid_table",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = amid_table_cases,
};

kunit_test_suite(amid_table_suite);
