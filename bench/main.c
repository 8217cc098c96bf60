// SPDX-License-Identifier: GPL-2.0
/*
 * ept_bench.ko: on load, runs each workload with each contender, round by round in turn, and prints
 * a line for each pair of them:
 *
 *	bench: <workload>|<unit>|<units>|<contender>|<least>|<median>
 *
 * The last two are of the clock's ticks for all units together; a first line says how many of these
 * are in a millisecond.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "ept_core.h"
#include "bench.h"

#define MAX_ROUNDS	1000

static unsigned int rounds = 11;
module_param(rounds, uint, 0400);
MODULE_PARM_DESC(rounds, "how often each workload is timed, at least");

static unsigned int ms;
module_param(ms, uint, 0400);
MODULE_PARM_DESC(ms, "time each workload again and again for so long");

static char *only;
module_param(only, charp, 0400);
MODULE_PARM_DESC(only, "names of the workloads to run, with commas between them");

static bool alone;
module_param(alone, bool, 0400);
MODULE_PARM_DESC(alone, "run ept without its peers and limits");

static char *cpus;
module_param(cpus, charp, 0400);
MODULE_PARM_DESC(cpus, "what to run on several CPUs instead of the workloads: faults, spaces, waits, scale");

static const struct bench_contender *const contenders[] = {
	&bench_ours,
	&bench_unlocked,
	&bench_limit,
	&bench_nothing,
#ifdef BENCH_GENERIC_PT
	&bench_generic_pt,
#endif
#if IS_ENABLED(CONFIG_IOMMU_IO_PGTABLE_LPAE)
	&bench_lpae,
#endif
};

#define NR_CONTENDERS	ARRAY_SIZE(contenders)

/*
 * A round is timed in slices, so that one that something interrupted spoils no other: the least of
 * a workload is the sum of the least of each slice.
 */
#define MAX_SLICES	64
#define SLICE_CALLS	1024

#define WARM_PAGES	640

/**
 * struct result - what a contender took for a workload
 * @err: it cannot, or it failed
 * @least: of each slice, in all rounds
 * @rounds: each, all slices together
 * @nr: of rounds
 */
struct result {
	int	err;
	u64	least[MAX_SLICES];
	u64	rounds[MAX_ROUNDS];
	u32	nr;
};

static struct result results[NR_CONTENDERS];
static u64 slices[MAX_SLICES];
unsigned long *bench_bitmap;

static int prepare(const struct bench_contender *contender, void *table,
		   const struct bench_workload *workload)
{
	int err = 0;

	for (unsigned int i = 0; i < BENCH_PREPARE && workload->prepare[i].calls && !err; i++) {
		struct bench_step step = workload->prepare[i];

		err = contender->run(table, &step);
	}
	return err;
}

static unsigned int nr_slices(const struct bench_step *step)
{
	return clamp(step->calls / SLICE_CALLS, 1U, (unsigned int)MAX_SLICES);
}

/* Does the step that counts, and puts the ticks of each slice into @slices. */
static int run_timed(const struct bench_contender *contender, void *table, struct bench_step step)
{
	const unsigned int nr = nr_slices(&step), calls = step.calls;
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++) {
		u64 start;

		step.calls = calls * (i + 1) / nr - calls * i / nr;
		start = bench_clock();
		err = contender->run(table, &step);
		slices[i] = bench_clock() - start;
		/* Random ones go on by their seed. */
		if (!step.span)
			step.gpa += step.calls * step.stride;
	}
	return err;
}

/* The same where the creation of the table counts, too */
static int run_created(const struct bench_contender *contender, void **table,
		       const struct bench_workload *workload)
{
	struct bench_step step = workload->prepare[0];
	const u64 start = bench_clock();
	int err = -ENOMEM;

	*table = contender->engine->create(workload->live);
	if (*table)
		err = contender->run(*table, &step);
	slices[0] = bench_clock() - start;
	return err;
}

/*
 * Those pages that will be allocated next are in the caches. Otherwise the memory of tables costs
 * more than what is done with it, depending on where the last contender's pages went.
 */
static void warm_pages(void)
{
	static struct page *pages[WARM_PAGES];
	unsigned int nr = 0;

	while (nr < WARM_PAGES) {
		pages[nr] = alloc_page(GFP_KERNEL);
		if (!pages[nr])
			break;
		clear_page(page_address(pages[nr++]));
	}
	while (nr)
		__free_page(pages[--nr]);
}

static int run_round(const struct bench_contender *contender,
		     const struct bench_workload *workload)
{
	const struct bench_engine *engine = contender->engine;
	void *table;
	int err;

	if (workload->timed.op == BENCH_CREATE) {
		bench_clock_settle();
		warm_pages();
		err = run_created(contender, &table, workload);
	} else {
		table = engine->create(workload->live);
		err = table ? prepare(contender, table, workload) : -ENOMEM;
		bench_clock_settle();
		if (workload->builds)
			warm_pages();
		if (!err)
			err = run_timed(contender, table, workload->timed);
	}
	if (table && workload->timed.op != BENCH_DESTROY) {
		if (engine->settle)
			engine->settle(table);
		engine->destroy(table);
	}
	return err;
}

static void note_round(struct result *result, unsigned int nr, u64 clock_cost)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < nr; i++) {
		const u64 ticks = slices[i] - clock_cost;

		sum += ticks;
		if (!result->nr || ticks < result->least[i])
			result->least[i] = ticks;
	}
	result->rounds[result->nr++] = sum;
}

static int by_value(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(const struct bench_workload *workload, const char *name, struct result *result)
{
	u64 least = 0;

	if (result->err == -EOPNOTSUPP)
		return;
	if (result->err) {
		pr_err("bench: FAIL %s, %s: error %d\n", workload->name, name, result->err);
		return;
	}
	for (unsigned int i = 0; i < nr_slices(&workload->timed); i++)
		least += result->least[i];
	sort(result->rounds, result->nr, sizeof(*result->rounds), by_value, NULL);
	pr_info("bench: %s|%s|%u|%s|%llu|%llu\n", workload->name, workload->unit, workload->units,
		name, least, result->rounds[result->nr / 2]);
}

static void run_in_turn(const struct bench_workload *workload, u64 clock_cost)
{
	for (unsigned int i = 0; i < NR_CONTENDERS; i++) {
		if (results[i].err)
			continue;
		results[i].err = run_round(contenders[i], workload);
		note_round(&results[i], nr_slices(&workload->timed), clock_cost);
	}
}

/* Round by round, so that what slows the machine down for a while slows down all. */
static void run(const struct bench_workload *workload)
{
	const u64 clock_cost = bench_clock_cost();
	const ktime_t until = ktime_add_ms(ktime_get(), ms);

	for (unsigned int i = 0; i < NR_CONTENDERS; i++) {
		results[i].nr = 0;
		/* Warms up. */
		results[i].err = alone && contenders[i] != &bench_ours ?
				 -EOPNOTSUPP : run_round(contenders[i], workload);
	}
	for (unsigned int round = 0; round < MAX_ROUNDS; round++) {
		if (round >= rounds && ktime_after(ktime_get(), until))
			break;
		run_in_turn(workload, clock_cost);
	}
	for (unsigned int i = 0; i < NR_CONTENDERS; i++)
		report(workload, contenders[i]->engine->name, &results[i]);
}

/* Whether the user asked for a workload */
static bool wanted(const char *name)
{
	const size_t length = strlen(name);

	for (const char *at = only; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, length) && (!at[length] || at[length] == ','))
			return true;
	}
	return !only;
}

static void run_on_cpus(const char *what)
{
	if (strstr(what, "faults"))
		bench_faults(rounds);
	if (strstr(what, "spaces"))
		bench_space_cpus(rounds);
	if (strstr(what, "waits"))
		bench_waits(rounds);
	if (strstr(what, "scale"))
		bench_scale(rounds);
}

static int __init bench_init(void)
{
	rounds = clamp(rounds, 1U, MAX_ROUNDS);
	pr_info("bench: khz|%llu\n", bench_clock_khz());
	if (cpus) {
		run_on_cpus(cpus);
		return 0;
	}
	if (wanted("tables"))
		bench_memory();
	if (wanted("host"))
		bench_host();
	if (only && wanted("layers"))
		bench_layers(rounds);
	bench_bitmap = vzalloc(BENCH_BITMAP_PAGES / 8);
	if (!bench_bitmap)
		return -ENOMEM;
	for (unsigned int i = 0; i < bench_nr_workloads; i++)
		if (wanted(bench_workloads[i].name))
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
