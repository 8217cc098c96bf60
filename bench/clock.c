// SPDX-License-Identifier: GPL-2.0
/*
 * The clock: the time-stamp counter. On a machine that counts instructions, which is QEMU with
 * -icount shift=0, a tick is one of them.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "bench.h"

/* Nothing of what is timed begins before, or ends after. User Mode Linux has no other way. */
u64 bench_clock(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a" (low), "=d" (high) : : "memory");
	return (u64)high << 32 | low;
}

/* What it takes to ask */
u64 bench_clock_cost(void)
{
	u64 least = U64_MAX;

	for (unsigned int i = 0; i < 64; i++) {
		const u64 start = bench_clock();

		least = min(least, bench_clock() - start);
	}
	return least;
}

/* Ticks in a millisecond */
u64 bench_clock_khz(void)
{
	const u64 time = ktime_get_ns(), start = bench_clock();

	mdelay(5);
	return div64_u64((bench_clock() - start) * NSEC_PER_MSEC, ktime_get_ns() - time);
}

/*
 * Where instructions are counted, so are those of the timer's interrupt: let it just have been.
 * Where time is measured, sleep would give the caches to others.
 */
void bench_clock_settle(void)
{
	if (!IS_ENABLED(CONFIG_UML))
		schedule_timeout_uninterruptible(1);
}
