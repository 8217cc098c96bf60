// SPDX-License-Identifier: GPL-2.0
/*
 * Faults on several CPUs at once: each maps pages one by one, in 2M after 2M of its own or all of
 * them in the same ones, whose tables are there. Where instructions are counted, those of all CPUs
 * are.
 */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/minmax.h>

#include "bench.h"

#define MAX_CPUS	4
static_assert(MAX_CPUS <= BENCH_CPUS);

/* In each 2M, for each CPU; all of them together have room there. */
#define PAGES		(512 / MAX_CPUS - 1)
/* For each CPU: they take longer than CPUs are apart when they begin. */
#define TABLES		64
#define FAULTS		(TABLES * PAGES)

/**
 * struct faults - what the CPUs share
 * @contender: who maps
 * @table: that they map into
 * @nr: of CPUs
 * @same: all map in the same 2M
 */
struct faults {
	const struct bench_contender	*contender;
	void				*table;
	unsigned int			nr;
	bool				same;
};

/* The pages of CPU @i in 2M of its own, or each of the same 2M that is its turn */
static struct bench_step fault_step(const struct faults *faults, unsigned int i, unsigned int table)
{
	const unsigned int nr = faults->nr;
	const u64 gpa = faults->same ? table * (u64)SZ_2M + i * SZ_4K :
				       (table * nr + i) * (u64)SZ_2M;

	return (struct bench_step){
		.op = BENCH_MAP,
		.calls = PAGES,
		.gpa = gpa,
		.size = SZ_4K,
		.stride = faults->same ? nr * SZ_4K : SZ_4K,
		.offset = BENCH_AT_4K,
	};
}

static int fault(void *arg, unsigned int cpu)
{
	const struct faults *faults = arg;
	int err = 0;

	for (unsigned int table = 0; table < TABLES && !err; table++) {
		struct bench_step step = fault_step(faults, cpu, table);

		err = faults->contender->run(faults->table, &step);
	}
	return err;
}

static s64 run_faults(const struct bench_contender *contender, unsigned int nr, bool same)
{
	struct faults faults = { .contender = contender, .nr = nr, .same = same };
	/* The tables are there. */
	struct bench_step tables = {
		.op = BENCH_MAP, .calls = TABLES * MAX_CPUS, .gpa = SZ_2M - SZ_4K,
		.size = SZ_4K, .stride = SZ_2M, .offset = BENCH_AT_4K,
	};
	s64 ticks;

	faults.table = contender->engine->create(true);
	if (!faults.table)
		return -ENOMEM;
	ticks = contender->run(faults.table, &tables);
	bench_clock_settle();
	if (!ticks)
		ticks = bench_on_cpus(nr, fault, &faults);
	contender->engine->destroy(faults.table);
	return ticks;
}

/* 1, 2 and 4 CPUs, each in 2M of their own and in the same */
#define NR_CASES	6

/* What threads cost that begin and end meanwhile is nothing's. */
static const struct bench_contender *const contenders[] = {
	&bench_ours,
	&bench_unlocked,
	&bench_nothing,
#ifdef BENCH_GENERIC_PT
	&bench_generic_pt,
#endif
#if IS_ENABLED(CONFIG_IOMMU_IO_PGTABLE_LPAE)
	&bench_lpae,
#endif
};

/* The least ticks of each case, or the error of one */
static s64 least[NR_CASES][ARRAY_SIZE(contenders)];

static unsigned int cpus_of(unsigned int i)
{
	return 1 << i / 2;
}

static void run_case(unsigned int i)
{
	for (unsigned int who = 0; who < ARRAY_SIZE(contenders); who++) {
		const s64 ticks = least[i][who] < 0 ? least[i][who] :
				  run_faults(contenders[who], cpus_of(i), i % 2);

		least[i][who] = min(least[i][who], ticks);
	}
}

static void report_case(unsigned int i)
{
	for (unsigned int who = 0; who < ARRAY_SIZE(contenders); who++) {
		const char *name = contenders[who]->engine->name;
		const s64 ticks = least[i][who];

		if (ticks < 0)
			pr_err("bench: FAIL faults on %u CPUs, %s: error %lld\n", cpus_of(i), name,
			       ticks);
		else
			pr_info("bench: fault-%s-%u|fault|%u|%s|%lld|%lld\n",
				i % 2 ? "same" : "own", cpus_of(i), cpus_of(i) * FAULTS, name,
				ticks, ticks);
	}
}

/* Case by case in turn, as rates of one CPU and of several are compared. */
void bench_faults(unsigned int rounds)
{
	unsigned int nr = 0;

	while (nr < NR_CASES && cpus_of(nr) <= num_online_cpus())
		nr++;
	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int who = 0; who < ARRAY_SIZE(contenders); who++)
			least[i][who] = S64_MAX;
	for (unsigned int round = 0; round < rounds; round++)
		for (unsigned int i = 0; i < nr; i++)
			run_case(i);
	for (unsigned int i = 0; i < nr; i++)
		report_case(i);
}
