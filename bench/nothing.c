// SPDX-License-Identifier: GPL-2.0
/*
 * A contender that does nothing: what is left is the loop's own cost.
 */
#include "loops.h"

static void *nothing_create(bool live)
{
	static int nothing;

	return &nothing;
}

static void nothing_destroy(void *table)
{
}

static __always_inline int nothing_call(void *table, u64 gpa, u64 hpa, u64 size)
{
	/* The arguments are there, as for any other. */
	asm volatile("" : : "r" (table), "r" (gpa), "r" (hpa), "r" (size));
	return 0;
}

static __always_inline u64 nothing_lookup(void *table, u64 gpa)
{
	asm volatile("" : "+r" (gpa) : "r" (table));
	return gpa + BENCH_AT_4K;
}

static const struct bench_engine nothing_engine = {
	.name = "nothing",
	.create = nothing_create,
	.destroy = nothing_destroy,
	.lookup = nothing_lookup,
	.call = {
		[BENCH_MAP] = nothing_call,
		[BENCH_UNMAP] = nothing_call,
		[BENCH_PROTECT] = nothing_call,
		[BENCH_MERGE] = nothing_call,
		[BENCH_HARVEST] = nothing_call,
		[BENCH_PAIR] = nothing_call,
	},
};

static int nothing_run(void *table, struct bench_step *step)
{
	return step->op == BENCH_DIRTY ? 0 : bench_run(&nothing_engine, table, step);
}

const struct bench_contender bench_nothing = { &nothing_engine, nothing_run };
