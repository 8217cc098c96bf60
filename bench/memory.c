// SPDX-License-Identifier: GPL-2.0
/*
 * How many tables a GiB of 4K leaves takes, and how many of them are left when it has been
 * unmapped, by patterns of calls. Prints a line for each:
 *
 *	bench: tables|<pattern>|<mapped>|<left>
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/numa.h>

#include "ept_core.h"
#include "bench.h"

/* What is unmapped, in the order of the calls; a second step for what the first left out */
static const struct pattern {
	const char		*name;
	struct bench_step	unmap[2];
} patterns[] = {
	{ "at-once", { { .calls = 1, .size = SZ_1G } } },
	{ "64-pages", { { .calls = 4096, .size = SZ_256K, .stride = SZ_256K } } },
	{ "backwards", { { .calls = 1024, .size = SZ_1M, .gpa = SZ_1G - SZ_1M,
			   .stride = -SZ_1M } } },
	{ "straddling", { { .calls = 1, .size = SZ_4K },
			  { .calls = 512, .size = SZ_2M, .gpa = SZ_4K, .stride = SZ_2M } } },
	{ "every-other", { { .calls = 131072, .size = SZ_4K, .stride = SZ_8K },
			   { .calls = 131072, .size = SZ_4K, .gpa = SZ_4K, .stride = SZ_8K } } },
};

u64 bench_count_tables(struct ept *ept)
{
	struct ept_stats stats;
	u64 sum = 0;

	ept_get_stats(ept, &stats);
	for (unsigned int i = 0; i < ARRAY_SIZE(stats.tables); i++)
		sum += stats.tables[i];
	return sum;
}

static int unmap(struct ept *ept, const struct bench_step *step)
{
	u64 gpa = step->gpa;
	int err = 0;

	for (unsigned int i = 0; i < step->calls && !err; i++, gpa += step->stride)
		err = ept_unmap(ept, gpa, step->size, NULL);
	return err;
}

static int run_pattern(const struct pattern *pattern)
{
	const struct ept_config config = {
		.levels = 4,
		.max_leaf = EPT_1G,
		.maxphyaddr = 46,
		.table_memtype = EPT_MT_WB,
		.nid = NUMA_NO_NODE,
	};
	struct ept *ept = ept_create(&config);
	u64 mapped;
	int err;

	if (IS_ERR(ept))
		return PTR_ERR(ept);
	err = ept_map(ept, 0, BENCH_AT_4K, SZ_1G, &EPT_ATTRS_RAM);
	mapped = bench_count_tables(ept);
	for (unsigned int i = 0; i < ARRAY_SIZE(pattern->unmap) && !err; i++)
		err = unmap(ept, &pattern->unmap[i]);
	if (!err)
		pr_info("bench: tables|%s|%llu|%llu\n", pattern->name, mapped,
			bench_count_tables(ept));
	ept_destroy(ept);
	return err;
}

void bench_memory(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(patterns); i++) {
		int err = run_pattern(&patterns[i]);

		if (err)
			pr_err("bench: FAIL tables, %s: error %d\n", patterns[i].name, err);
	}
}
