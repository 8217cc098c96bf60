// SPDX-License-Identifier: GPL-2.0
/*
 * Faults on several CPUs at once: each maps pages one by one, in 2M of its own or all of them in
 * the same 2M, whose tables are there. Where instructions are counted, those of all CPUs are.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/minmax.h>

#include "bench.h"

#define MAX_CPUS	4
/* For each CPU; all of them together have room in 2M. */
#define FAULTS		(512 / MAX_CPUS - 1)

/**
 * struct faults - what the CPUs share
 * @contender: who maps
 * @table: that they map into
 * @nr: of CPUs
 * @missing: CPUs that aren't there yet
 * @running: CPUs that aren't done yet
 * @done: none runs any more
 */
struct faults {
	const struct bench_contender	*contender;
	void				*table;
	unsigned int			nr;
	atomic_t			missing;
	atomic_t			running;
	struct completion		done;
};

/**
 * struct faulting_cpu - one of them
 * @faults: what they share
 * @step: what it does
 * @start: when all were there
 * @end: when it was done
 * @err: of a map
 */
struct faulting_cpu {
	struct faults		*faults;
	struct bench_step	step;
	u64			start;
	u64			end;
	int			err;
};

static int fault(void *data)
{
	struct faulting_cpu *cpu = data;
	struct faults *faults = cpu->faults;

	atomic_dec(&faults->missing);
	while (atomic_read(&faults->missing))
		cpu_relax();
	cpu->start = bench_clock();
	cpu->err = faults->contender->run(faults->table, &cpu->step);
	cpu->end = bench_clock();
	if (atomic_dec_and_test(&faults->running))
		complete(&faults->done);
	return 0;
}

/* The pages of CPU @i: those of its own 2M, or each of the same 2M that is its turn */
static struct bench_step fault_step(unsigned int i, unsigned int nr, bool same)
{
	return (struct bench_step){
		.op = BENCH_MAP,
		.calls = FAULTS,
		.gpa = same ? i * SZ_4K : i * SZ_2M,
		.size = SZ_4K,
		.stride = same ? nr * SZ_4K : SZ_4K,
		.offset = BENCH_AT_4K,
	};
}

/* The ticks until all are done, or an error */
static s64 run_cpus(struct faults *faults, struct faulting_cpu *cpus)
{
	u64 start = U64_MAX, end = 0;
	unsigned int i;

	for (i = 0; i < faults->nr; i++) {
		struct task_struct *task = kthread_create(fault, &cpus[i], "fault/%u", i);

		/* Those that run wait for it; there is no way but on. */
		if (WARN_ON(IS_ERR(task)))
			return PTR_ERR(task);
		kthread_bind(task, i);
		wake_up_process(task);
	}
	wait_for_completion(&faults->done);
	for (i = 0; i < faults->nr; i++) {
		if (cpus[i].err)
			return cpus[i].err;
		start = min(start, cpus[i].start);
		end = max(end, cpus[i].end);
	}
	return end - start;
}

static s64 run_faults(const struct bench_contender *contender, unsigned int nr, bool same)
{
	static struct faulting_cpu cpus[MAX_CPUS];
	static struct faults faults;
	/* The tables are there. */
	struct bench_step tables = {
		.op = BENCH_MAP, .calls = MAX_CPUS, .gpa = SZ_2M - SZ_4K, .size = SZ_4K,
		.stride = SZ_2M, .offset = BENCH_AT_4K,
	};
	s64 ticks;

	faults.contender = contender;
	faults.table = contender->engine->create(true);
	if (!faults.table)
		return -ENOMEM;
	ticks = contender->run(faults.table, &tables);
	faults.nr = nr;
	atomic_set(&faults.missing, nr);
	atomic_set(&faults.running, nr);
	init_completion(&faults.done);
	for (unsigned int i = 0; i < nr; i++)
		cpus[i] = (struct faulting_cpu){
			.faults = &faults,
			.step = fault_step(i, nr, same),
		};
	bench_clock_settle();
	if (!ticks)
		ticks = run_cpus(&faults, cpus);
	contender->engine->destroy(faults.table);
	return ticks;
}

static void report_faults(const struct bench_contender *contender, unsigned int nr, bool same,
			  unsigned int rounds)
{
	s64 least = S64_MAX;

	for (unsigned int i = 0; i < rounds; i++) {
		s64 ticks = run_faults(contender, nr, same);

		if (ticks < 0) {
			pr_err("bench: FAIL faults on %u CPUs: error %lld\n", nr, ticks);
			return;
		}
		least = min(least, ticks);
	}
	pr_info("bench: fault-%s-%u|fault|%u|%s|%lld|%lld\n", same ? "same" : "own", nr,
		nr * FAULTS, contender->engine->name, least, least);
}

void bench_faults(unsigned int rounds)
{
	for (unsigned int nr = 1; nr <= MAX_CPUS && nr <= num_online_cpus(); nr *= 2) {
		for (int same = 0; same <= 1; same++) {
			report_faults(&bench_ours, nr, same, rounds);
			/* What threads cost that begin and end meanwhile */
			report_faults(&bench_nothing, nr, same, rounds);
		}
	}
}
