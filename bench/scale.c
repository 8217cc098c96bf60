// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs that there are many CPUs, each of which has mapped into the table: by counting, on
 * a machine that has so many. Instructions are those of all CPUs.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/numa.h>

#include "ept_core.h"
#include "bench.h"

/* Each CPU has 2M of its own. */
#define OWN(cpu)	((cpu) * (u64)SZ_2M)
#define PAGES		256
/* What one CPU changes besides */
#define OTHER		(512ULL * SZ_1G)

static int map_own(void *arg, unsigned int cpu)
{
	return ept_map(arg, OWN(cpu), OWN(cpu), SZ_4K, &EPT_ATTRS_RAM);
}

/* The first CPU changes the table, all others look into it. */
static int read_beside(void *arg, unsigned int cpu)
{
	struct ept_mapping mapping;
	struct ept *ept = arg;
	int err = 0;

	for (unsigned int i = 0; i < PAGES && !err; i++) {
		if (!cpu)
			err = ept_unmap(ept, OTHER, SZ_2M, NULL) ?:
			      ept_map(ept, OTHER, SZ_4K, SZ_2M, &EPT_ATTRS_RAM);
		else
			err = ept_lookup(ept, OWN(cpu), &mapping);
	}
	return err;
}

static s64 readers(struct ept *ept)
{
	return bench_on_cpus(num_online_cpus(), read_beside, ept);
}

static s64 maps(struct ept *ept)
{
	const u64 start = bench_clock();
	int err = 0;

	for (unsigned int i = 1; i <= PAGES && !err; i++)
		err = ept_map(ept, OWN(0) + i * SZ_4K, 0, SZ_4K, &EPT_ATTRS_RAM);
	return err ?: bench_clock() - start;
}

static s64 unmaps(struct ept *ept)
{
	s64 ret = maps(ept);
	struct ept_gather gather;
	u64 start;

	ept_gather_init(&gather, ept);
	start = bench_clock();
	for (unsigned int i = 1; i <= PAGES && ret >= 0; i++)
		ret = ept_unmap(ept, OWN(0) + i * SZ_4K, SZ_4K, &gather);
	if (ret >= 0)
		ret = bench_clock() - start;
	ept_gather_flush(&gather);
	return ret;
}

/* Each has something to invalidate. */
static s64 flushes(struct ept *ept)
{
	s64 ret = maps(ept);
	struct ept_gather gather;
	u64 sum = 0;

	ept_gather_init(&gather, ept);
	for (unsigned int i = 1; i <= PAGES && ret >= 0; i++) {
		ret = ept_unmap(ept, OWN(0) + i * SZ_4K, SZ_4K, &gather);
		sum -= bench_clock();
		ept_gather_flush(&gather);
		sum += bench_clock();
	}
	return ret < 0 ? ret : sum;
}

/* Tables that no CPU has mapped into */
static s64 creates(struct ept *unused)
{
	const u64 start = bench_clock();

	for (unsigned int i = 0; i < PAGES; i++) {
		struct ept *ept = ept_create(&bench_cpus_config);

		if (IS_ERR(ept))
			return PTR_ERR(ept);
		ept_destroy(ept);
	}
	return bench_clock() - start;
}

/* A table of a GiB of 4K leaves that each CPU has mapped into */
static s64 destroys(struct ept *unused)
{
	struct ept *ept = ept_create(&bench_cpus_config);
	s64 ret;
	u64 start;

	if (IS_ERR(ept))
		return PTR_ERR(ept);
	ret = bench_on_cpus(num_online_cpus(), map_own, ept);
	if (ret >= 0)
		ret = ept_map(ept, OTHER, SZ_4K, SZ_1G, &EPT_ATTRS_RAM);
	bench_clock_settle();
	start = bench_clock();
	ept_destroy(ept);
	return ret < 0 ? ret : bench_clock() - start;
}

static const struct scaled {
	const char	*name;
	const char	*unit;
	unsigned int	units;
	s64		(*run)(struct ept *ept);
} scaled[] = {
	{ "map", "call", PAGES, maps },
	{ "unmap", "call", PAGES, unmaps },
	{ "flush", "call", PAGES, flushes },
	/* One CPU's calls beside all others' */
	{ "readers", "round", PAGES, readers },
	{ "create", "table", PAGES, creates },
	{ "destroy", "page", SZ_1G / SZ_2M, destroys },
};

static s64 run_scaled(const struct scaled *what)
{
	struct ept *ept = ept_create(&bench_cpus_config);
	s64 ret;

	if (IS_ERR(ept))
		return PTR_ERR(ept);
	ret = ept_map(ept, OTHER, SZ_4K, SZ_2M, &EPT_ATTRS_RAM);
	if (!ret)
		ret = bench_on_cpus(num_online_cpus(), map_own, ept);
	bench_clock_settle();
	if (ret >= 0)
		ret = what->run(ept);
	ept_destroy(ept);
	return ret;
}

void bench_scale(unsigned int rounds)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(scaled); i++) {
		s64 least = S64_MAX;

		for (unsigned int round = 0; round < rounds && least >= 0; round++)
			least = min(least, run_scaled(&scaled[i]));
		if (least < 0)
			pr_err("bench: FAIL scale, %s: error %lld\n", scaled[i].name, least);
		else
			pr_info("bench: scale-%s-%u|%s|%u|ept|%lld|%lld\n", scaled[i].name,
				num_online_cpus(), scaled[i].unit, scaled[i].units, least, least);
	}
}
