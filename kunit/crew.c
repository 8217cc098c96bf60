// SPDX-License-Identifier: GPL-2.0
/* Threads, and the table they work on. */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "crew.h"
#include "ept_compat.h"
#include "fixture.h"

#define PATIENCE	200

unsigned int crew_size(void)
{
	return clamp(num_online_cpus(), 2U, 4U);
}

void crew_init(struct crew *crew, struct kunit *test, void *arg)
{
	memset(crew, 0, sizeof(*crew));
	crew->test = test;
	crew->arg = arg;
	crew->least = 1;
	init_waitqueue_head(&crew->wait);
}

struct hand *crew_hire(struct crew *crew, const char *name, void (*work)(struct hand *hand))
{
	struct hand *hand = &crew->hands[crew->nr];

	KUNIT_ASSERT_LT(crew->test, crew->nr, CREW_MAX);
	hand->crew = crew;
	hand->id = crew->nr++;
	hand->name = name;
	hand->work = work;
	prandom_seed_state(&hand->random, hand->id + 1);
	return hand;
}

/*
 * The pace of interrupts: as many amid a step of the first hand as may be, and no more, or it would
 * never be done. No clock tells what an interrupt costs on a machine that is emulated.
 */
static unsigned int slowness(struct crew *crew)
{
	const unsigned long steps = READ_ONCE(crew->hands[0].steps);

	if (steps == crew->interrupted) {
		if (++crew->interrupts % 200 == 0 && crew->slowness < 8)
			crew->slowness++;
		return crew->slowness;
	}
	if (crew->interrupts < 10 && crew->slowness)
		crew->slowness--;
	crew->interrupted = steps;
	crew->interrupts = 0;
	return crew->slowness;
}

static enum hrtimer_restart interrupt(struct hrtimer *timer)
{
	struct crew *crew = container_of(timer, struct crew, timer);
	struct hand *hand = &crew->interrupt;
	const u64 start = ktime_get_ns();
	u64 pause;

	if (!READ_ONCE(crew->over))
		hand->work(hand);
	WRITE_ONCE(hand->steps, hand->steps + 1);
	/* Not in step with what is interrupted */
	pause = 6 * (ktime_get_ns() - start) + 4000 + hand_below(hand, 8000);
	hrtimer_forward_now(timer, ns_to_ktime(pause << slowness(crew)));
	return HRTIMER_RESTART;
}

struct hand *crew_hire_interrupt(struct crew *crew, void (*work)(struct hand *hand))
{
	struct hand *hand = &crew->interrupt;

	hand->crew = crew;
	hand->id = CREW_MAX;
	hand->name = "interrupt";
	hand->work = work;
	prandom_seed_state(&hand->random, CREW_MAX + 1);
	hrtimer_setup(&crew->timer, interrupt, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	return hand;
}

static void end_of_work(struct crew *crew)
{
	WRITE_ONCE(crew->over, true);
	wake_up_all(&crew->wait);
}

void crew_wrong(struct hand *hand, const char *wrong, u64 found, u64 also)
{
	if (!hand->wrong) {
		hand->wrong = wrong;
		hand->found[0] = found;
		hand->found[1] = also;
	}
	end_of_work(hand->crew);
}

/*
 * Whoever waits sleeps: on a machine that has less than a CPU for each of ours, spinning would keep
 * the others from arriving.
 */
bool crew_meet(struct hand *hand)
{
	struct crew *crew = hand->crew;
	int meeting = atomic_read(&crew->meetings);

	if (atomic_inc_return(&crew->arrived) == crew->nr) {
		atomic_set(&crew->arrived, 0);
		atomic_inc_return(&crew->meetings);
		wake_up_all(&crew->wait);
	}
	wait_event(crew->wait,
		   READ_ONCE(crew->over) || atomic_read_acquire(&crew->meetings) != meeting);
	return !READ_ONCE(crew->over);
}

static int work(void *data)
{
	struct hand *hand = data;

	/* Here, as the interrupts are to come where the first hand is. */
	if (!hand->id && hand->crew->interrupt.work)
		hrtimer_start(&hand->crew->timer, ns_to_ktime(NSEC_PER_USEC),
			      HRTIMER_MODE_REL_PINNED);
	while (!READ_ONCE(hand->crew->over)) {
		hand->work(hand);
		WRITE_ONCE(hand->steps, hand->steps + 1);
		cond_resched();
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static bool report_wrong(struct crew *crew, const struct hand *hand)
{
	if (hand->wrong)
		KUNIT_FAIL(crew->test, "%s, step %lu: %s: %#llx, %#llx", hand->name, hand->steps,
			   hand->wrong, hand->found[0], hand->found[1]);
	return hand->wrong;
}

static void report(struct crew *crew)
{
	bool wrong = report_wrong(crew, &crew->interrupt);
	unsigned int i;

	for (i = 0; i < crew->nr; i++)
		wrong |= report_wrong(crew, &crew->hands[i]);
	if (wrong)
		return;
	for (i = 0; i < crew->nr; i++)
		KUNIT_EXPECT_GE_MSG(crew->test, crew->hands[i].steps, crew->least, "steps of %s",
				    crew->hands[i].name);
	if (crew->interrupt.work)
		KUNIT_EXPECT_GE(crew->test, crew->interrupt.steps, crew->least);
}

/* The least is for machines that are slow, or that others use too; nothing lasts for ever. */
static bool is_enough(const struct crew *crew, unsigned long start, unsigned int ms)
{
	unsigned int i;

	if (READ_ONCE(crew->over) ||
	    time_after(jiffies, start + PATIENCE * msecs_to_jiffies(ms)))
		return true;
	for (i = 0; i < crew->nr; i++)
		if (READ_ONCE(crew->hands[i].steps) < crew->least)
			return false;
	if (crew->interrupt.work && READ_ONCE(crew->interrupt.steps) < crew->least)
		return false;
	return time_after(jiffies, start + msecs_to_jiffies(ms));
}

void crew_work(struct crew *crew, unsigned int ms)
{
	const unsigned long start = jiffies;
	unsigned int i, started;

	for (started = 0; started < crew->nr; started++) {
		struct hand *hand = &crew->hands[started];

		hand->task = kthread_create(work, hand, "%s", hand->name);
		if (IS_ERR(hand->task))
			break;
		kthread_bind(hand->task, cpumask_local_spread(started, NUMA_NO_NODE));
	}
	KUNIT_EXPECT_EQ(crew->test, started, crew->nr);
	if (started < crew->nr)
		end_of_work(crew);
	for (i = 0; i < started; i++)
		wake_up_process(crew->hands[i].task);
	while (!is_enough(crew, start, ms))
		schedule_timeout_uninterruptible(1);
	end_of_work(crew);
	for (i = 0; i < started; i++)
		kthread_stop(crew->hands[i].task);
	if (crew->interrupt.work)
		hrtimer_cancel(&crew->timer);
	report(crew);
}
