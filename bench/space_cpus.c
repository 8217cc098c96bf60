// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in a space on several CPUs at once, in 2M of their own and all in the same. Where
 * instructions are counted, those of all CPUs are.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/minmax.h>

#include "ept_space.h"
#include "bench.h"

#define MAX_CPUS	4
static_assert(MAX_CPUS <= BENCH_CPUS);

/* In each 2M, for each CPU; all of them together have room there. */
#define PAGES		(512 / MAX_CPUS - 1)
#define TABLES		64
#define FAULTS		(TABLES * PAGES)
#define SIZE		(TABLES * MAX_CPUS * (u64)SZ_2M)

/**
 * struct faults - what the CPUs share
 * @space: in which they fault
 * @nr: of CPUs
 * @same: all in the same 2M
 */
struct faults {
	struct ept_space	*space;
	unsigned int		nr;
	bool			same;
};

static u64 fault_gpa(const struct faults *faults, unsigned int cpu, unsigned int table,
		     unsigned int page)
{
	if (faults->same)
		return table * (u64)SZ_2M + (page * faults->nr + cpu) * SZ_4K;
	return (table * faults->nr + cpu) * (u64)SZ_2M + page * SZ_4K;
}

static int fault(void *arg, unsigned int cpu)
{
	static const struct ept_violation violation = { .read = true, .write = true };
	const struct faults *faults = arg;
	struct ept_fault found;
	int err = 0;

	for (unsigned int table = 0; table < TABLES; table++)
		for (unsigned int page = 0; page < PAGES && !err; page++)
			err = ept_space_fault(faults->space, fault_gpa(faults, cpu, table, page),
					      &violation, &found);
	return err ?: found.verdict == EPT_VERDICT_RESUME ? 0 : -EIO;
}

/* One page of each 2M is mapped, and so the tables are there. */
static int make_tables(struct ept_space *space)
{
	static const struct ept_violation violation = { .read = true };
	const struct ept_region region = {
		.size = SIZE, .kind = EPT_REGION_LINEAR, .attrs = EPT_ATTRS_RAM,
		.hpa = BENCH_AT_4K,
	};
	struct ept_fault found;
	int err = ept_space_add(space, &region);

	for (u64 gpa = SZ_2M - SZ_4K; gpa < SIZE && !err; gpa += SZ_2M)
		err = ept_space_fault(space, gpa, &violation, &found);
	return err;
}

static s64 run_faults(unsigned int nr, bool same)
{
	struct faults faults = { .nr = nr, .same = same };
	s64 ticks;

	faults.space = ept_space_create(&bench_cpus_config);
	if (IS_ERR(faults.space))
		return PTR_ERR(faults.space);
	ticks = make_tables(faults.space);
	bench_clock_settle();
	if (!ticks)
		ticks = bench_on_cpus(nr, fault, &faults);
	ept_space_destroy(faults.space);
	return ticks;
}

/* 1, 2 and 4 CPUs, each in 2M of their own and in the same */
#define NR_CASES	6

static unsigned int cpus_of(unsigned int i)
{
	return 1 << i / 2;
}

static void report_case(unsigned int i, s64 ticks)
{
	if (ticks < 0)
		pr_err("bench: FAIL faults in a space on %u CPUs: error %lld\n", cpus_of(i), ticks);
	else
		pr_info("bench: space-%s-%u|fault|%u|ept|%lld|%lld\n", i % 2 ? "same" : "own",
			cpus_of(i), cpus_of(i) * FAULTS, ticks, ticks);
}

/* Case by case in turn, as rates of one CPU and of several are compared. */
void bench_space_cpus(unsigned int rounds)
{
	s64 least[NR_CASES];
	unsigned int nr = 0;

	for (; nr < NR_CASES && cpus_of(nr) <= num_online_cpus(); nr++)
		least[nr] = S64_MAX;
	for (unsigned int round = 0; round < rounds; round++)
		for (unsigned int i = 0; i < nr; i++)
			least[i] = least[i] < 0 ? least[i] :
				   min(least[i], run_faults(cpus_of(i), i % 2));
	for (unsigned int i = 0; i < nr; i++)
		report_case(i, least[i]);
}
