/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that work on one table at the same time, for a bounded time. What one of them finds wrong
 * ends the work of all, and is reported when they are done: expectations belong to the case's own
 * thread.
 */
#ifndef EPT_KUNIT_CREW_H
#define EPT_KUNIT_CREW_H

#include <kunit/test.h>
#include <linux/hrtimer.h>
#include <linux/prandom.h>
#include <linux/wait.h>

#include "arena.h"

#define CREW_MAX	8

struct crew;

/* A thread. It calls work(), a step, until the time is over. */
struct hand {
	struct crew		*crew;
	unsigned int		id;
	void			(*work)(struct hand *hand);
	const char		*name;
	struct rnd_state	random;
	unsigned long		steps;
	struct task_struct	*task;
	const char		*wrong;		/* the first thing that was, */
	u64			found[2];	/* and what was there */
	void			*arg;		/* the case's own */
};

struct crew {
	struct kunit		*test;
	unsigned int		nr;
	struct hand		hands[CREW_MAX];
	struct hand		interrupt;	/* a timer's, where it has work */
	struct hrtimer		timer;
	unsigned long		interrupted;	/* the step that is, of the first hand, */
	unsigned int		interrupts;	/* and how often so far */
	unsigned int		slowness;	/* of the timer: pauses are as many times doubled */
	unsigned long		least;		/* steps of each hand, if need be in more time */
	bool			over;
	atomic_t		arrived;
	atomic_t		meetings;
	wait_queue_head_t	wait;
	void			*arg;		/* the case's own */
};

void crew_init(struct crew *crew, struct kunit *test, void *arg);
struct hand *crew_hire(struct crew *crew, const char *name, void (*work)(struct hand *hand));
/*
 * A hand that is interrupts on the CPU of the first one: they come between any two instructions,
 * also where there is but one CPU. Its id is CREW_MAX.
 */
struct hand *crew_hire_interrupt(struct crew *crew, void (*work)(struct hand *hand));
/*
 * Sets all hands to work for so long, and until each has taken the least number of steps. A failed
 * expectation for what was wrong, and for who didn't come to that number.
 */
void crew_work(struct crew *crew, unsigned int ms);
/* Returns when all hands are here; false: the time is over. */
bool crew_meet(struct hand *hand);
void crew_wrong(struct hand *hand, const char *wrong, u64 found, u64 also);
/* How many threads it takes to keep each CPU busy; two where there is but one. */
unsigned int crew_size(void);

static inline u32 hand_below(struct hand *hand, u32 limit)
{
	return prandom_u32_state(&hand->random) % limit;
}

static inline bool hand_one_in(struct hand *hand, u32 n)
{
	return !hand_below(hand, n);
}

#endif
