// SPDX-License-Identifier: GPL-2.0
/*
 * ept_bench.ko: on load, runs each workload with each contender, round by round in turn, and prints
 * a line for each pair of them:
 *
 *	bench: <workload>|<unit>|<units>|<contender>|<least>|<median>
 *
 * The last two are of the clock's ticks for all units together.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "ept_core.h"
#include "bench.h"

#define MAX_ROUNDS	101

static unsigned int rounds = 11;
module_param(rounds, uint, 0400);
MODULE_PARM_DESC(rounds, "how often each workload is timed, beside the first time, which is discarded");

static char *only;
module_param(only, charp, 0400);
MODULE_PARM_DESC(only, "name of the one workload to run");

static const struct bench_contender *const contenders[] = {
	&bench_ours,
	&bench_limit,
	&bench_nothing,
#if IS_ENABLED(CONFIG_IOMMU_PT_VTDSS)
	&bench_generic_pt,
#endif
#if IS_ENABLED(CONFIG_IOMMU_IO_PGTABLE_LPAE)
	&bench_lpae,
#endif
};

#define NR_CONTENDERS	ARRAY_SIZE(contenders)

static u64 times[NR_CONTENDERS][MAX_ROUNDS];
unsigned long *bench_bitmap;

static int prepare(const struct bench_contender *contender, void *table,
		   const struct bench_workload *workload)
{
	int err = 0;

	if (workload->timed.op == BENCH_CREATE)
		return 0;
	for (const struct bench_step *step = workload->prepare; step->calls && !err; step++) {
		if (step == workload->prepare + ARRAY_SIZE(workload->prepare))
			break;
		err = contender->run(table, step);
	}
	return err;
}

/* The ticks that one round takes, or an error */
static s64 round_ticks(const struct bench_contender *contender,
		       const struct bench_workload *workload)
{
	const struct bench_engine *engine = contender->engine;
	const bool create = workload->timed.op == BENCH_CREATE;
	void *table = create ? NULL : engine->create(workload->live);
	u64 start, ticks;
	int err = 0;

	if (!create) {
		if (!table)
			return -ENOMEM;
		err = prepare(contender, table, workload);
	}
	bench_clock_settle();
	start = bench_clock();
	if (create)
		table = engine->create(workload->live);
	if (!err)
		err = table ? contender->run(table, create ? workload->prepare : &workload->timed) :
			      -ENOMEM;
	ticks = bench_clock() - start;
	if (table && workload->timed.op != BENCH_DESTROY) {
		if (engine->settle)
			engine->settle(table);
		engine->destroy(table);
	}
	return err ?: ticks;
}

static int by_value(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(const struct bench_workload *workload, unsigned int i, u64 clock_cost)
{
	const char *name = contenders[i]->engine->name;
	s64 first = times[i][0];

	if (first == -EOPNOTSUPP)
		return;
	if (first < 0) {
		pr_err("bench: FAIL %s, %s: error %lld\n", workload->name, name, first);
		return;
	}
	sort(times[i], rounds, sizeof(u64), by_value, NULL);
	pr_info("bench: %s|%s|%u|%s|%llu|%llu\n", workload->name, workload->unit, workload->units,
		name, times[i][0] - clock_cost, times[i][rounds / 2] - clock_cost);
}

/* In turn, so that what slows the machine down for a while slows down all. */
static void run(const struct bench_workload *workload)
{
	const u64 clock_cost = bench_clock_cost();

	for (unsigned int round = 0; round <= rounds; round++) {
		for (unsigned int i = 0; i < NR_CONTENDERS; i++) {
			s64 ticks;

			if (round > 1 && (s64)times[i][0] < 0)
				continue;
			ticks = round_ticks(contenders[i], workload);
			/* The first round warms up. */
			if (round || ticks < 0)
				times[i][max(round, 1U) - 1] = ticks;
		}
	}
	for (unsigned int i = 0; i < NR_CONTENDERS; i++)
		report(workload, i, clock_cost);
}

static int __init bench_init(void)
{
	rounds = clamp(rounds, 1U, MAX_ROUNDS);
	bench_bitmap = vzalloc(BENCH_BITMAP_PAGES / 8);
	if (!bench_bitmap)
		return -ENOMEM;
	for (unsigned int i = 0; i < bench_nr_workloads; i++)
		if (!only || !strcmp(only, bench_workloads[i].name))
			run(&bench_workloads[i]);
	vfree(bench_bitmap);
	return 0;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
}
module_exit(bench_exit);

EPT_IMPORT_NS;
MODULE_DESCRIPTION("Benchmark of EPT");
MODULE_AUTHOR("The ept authors");
MODULE_LICENSE("GPL");
