// SPDX-License-Identifier: GPL-2.0
/*
 * The clock. On a machine that counts instructions, which is QEMU with -icount shift=0, a tick of
 * the time-stamp counter is one instruction.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#ifndef CONFIG_UML
#include <asm/tsc.h>
#endif

#include "bench.h"

u64 bench_clock(void)
{
#ifdef CONFIG_UML
	return ktime_get_ns();
#else
	return rdtsc_ordered();
#endif
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

/*
 * Where instructions are counted, so are those of the timer's interrupt: let it just have been.
 * Where time is measured, sleep would give the caches to others.
 */
void bench_clock_settle(void)
{
	if (!IS_ENABLED(CONFIG_UML))
		schedule_timeout_uninterruptible(1);
}
