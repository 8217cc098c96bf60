// SPDX-License-Identifier: GPL-2.0
/*
 * Several CPUs at once: a thread on each, which all begin when all are there; and the table that
 * they share.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/numa.h>

#include "ept_core.h"
#include "bench.h"

const struct ept_config bench_cpus_config = {
	.levels = 4,
	.max_leaf = EPT_1G,
	.maxphyaddr = 46,
	.features = EPT_FEATURE_AD,
	.table_memtype = EPT_MT_WB,
	.nid = NUMA_NO_NODE,
};

/**
 * struct crew - what the threads share
 * @fn: what each does
 * @arg: passed to @fn
 * @missing: CPUs that aren't there yet
 * @running: CPUs that aren't done yet
 * @done: none runs any more
 */
struct crew {
	bench_on_cpu		fn;
	void			*arg;
	atomic_t		missing;
	atomic_t		running;
	struct completion	done;
};

/**
 * struct hand - one of them
 * @crew: what they share
 * @cpu: where it is
 * @start: when all were there
 * @end: when it was done
 * @err: what @fn returned
 */
struct hand {
	struct crew	*crew;
	unsigned int	cpu;
	u64		start;
	u64		end;
	int		err;
};

static int work(void *data)
{
	struct hand *hand = data;
	struct crew *crew = hand->crew;

	atomic_dec(&crew->missing);
	while (atomic_read(&crew->missing))
		cpu_relax();
	hand->start = bench_clock();
	hand->err = crew->fn(crew->arg, hand->cpu);
	hand->end = bench_clock();
	if (atomic_dec_and_test(&crew->running))
		complete(&crew->done);
	return 0;
}

/* The ticks until @fn is over on CPUs 0 to @nr - 1, or an error */
s64 bench_on_cpus(unsigned int nr, bench_on_cpu fn, void *arg)
{
	static struct hand hands[BENCH_CPUS];
	static struct crew crew;
	u64 start = U64_MAX, end = 0;

	crew.fn = fn;
	crew.arg = arg;
	atomic_set(&crew.missing, nr);
	atomic_set(&crew.running, nr);
	init_completion(&crew.done);
	for (unsigned int i = 0; i < nr; i++) {
		struct task_struct *task;

		hands[i] = (struct hand){ .crew = &crew, .cpu = i };
		task = kthread_create(work, &hands[i], "bench/%u", i);
		/* Those that run wait for it; there is no way but on. */
		if (WARN_ON(IS_ERR(task)))
			return PTR_ERR(task);
		kthread_bind(task, i);
		wake_up_process(task);
	}
	wait_for_completion(&crew.done);
	for (unsigned int i = 0; i < nr; i++) {
		if (hands[i].err)
			return hands[i].err;
		start = min(start, hands[i].start);
		end = max(end, hands[i].end);
	}
	return end - start;
}
