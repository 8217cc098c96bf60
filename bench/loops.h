/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The loops that are timed. Each engine compiles them for itself, so that what it calls is known to
 * the compiler, and nothing stands between the clock and the call.
 */
#ifndef _EPT_BENCH_LOOPS_H
#define _EPT_BENCH_LOOPS_H

#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/minmax.h>

#include "bench.h"

/* Of full period in each power of two */
static __always_inline u64 bench_random(u64 last)
{
	return last * 6364136223846793005ULL + 1442695040888963407ULL;
}

static __always_inline int bench_loop(bench_call call, void *table, const struct bench_step *step)
{
	const u64 offset = step->offset, size = step->size, stride = step->stride;
	/* Another cache line each time, and never the last one */
	const u64 shift = max_t(u64, size, SZ_32K);
	const u64 wrap = step->scatter ? (SZ_2M / shift - 1) * shift : 0;
	u64 gpa = step->gpa, inside = 0;
	int err = 0;

	for (unsigned int i = step->calls; i && !err; i--, gpa += stride) {
		err = call(table, gpa + inside, gpa + inside + offset, size);
		inside = inside + shift < wrap ? inside + shift : 0;
	}
	return err;
}

static __always_inline int bench_loop_random(bench_call call, void *table,
					     struct bench_step *step)
{
	const u64 offset = step->offset, mask = step->span - SZ_4K;
	unsigned int i = step->calls;
	u64 page = step->seed;
	int err = 0;

	while (i && !err) {
		const u64 gpa = (page * SZ_4K) & mask;

		page = bench_random(page);
		if (unlikely(!(~gpa & (SZ_2M - SZ_4K))))
			continue;
		err = call(table, gpa, gpa + offset, SZ_4K);
		i--;
	}
	step->seed = page;
	return err;
}

/*
 * Ranges of 4K to 2M, anywhere in 4M of their own, but for the last page. Of full period, so that
 * none meets another that is still there.
 */
static __always_inline u64 bench_range(const struct bench_step *step, u64 random, u64 *size)
{
	const u64 slot = (random * SZ_4M) & (step->span - 1);

	*size = SZ_4K << (random >> 40) % 10;
	return slot + (random >> 48) % (SZ_2M / SZ_4K) * SZ_4K;
}

static __always_inline int bench_fill(const struct bench_engine *engine, void *table,
				      struct bench_step *step)
{
	int err = engine->flush ? 0 : -EOPNOTSUPP;

	for (unsigned int i = BENCH_LAG; i && !err; i--) {
		u64 size, gpa = bench_range(step, step->seed, &size);

		err = engine->call[BENCH_MAP](table, gpa, gpa + step->offset, size);
		step->seed = bench_random(step->seed);
	}
	return err;
}

static __always_inline int bench_churn(const struct bench_engine *engine, void *table,
				       struct bench_step *step)
{
	u64 old = step->seed, new = old;
	int err = 0;

	for (unsigned int i = BENCH_LAG; i; i--)
		new = bench_random(new);
	for (unsigned int i = step->calls; i && !err; i--) {
		u64 size, gpa = bench_range(step, new, &size);

		err = engine->call[BENCH_MAP](table, gpa, gpa + step->offset, size);
		new = bench_random(new);
		if (err)
			break;
		gpa = bench_range(step, old, &size);
		err = engine->call[BENCH_UNMAP](table, gpa, gpa + step->offset, size);
		old = bench_random(old);
		engine->flush(table);
	}
	step->seed = old;
	return err;
}

/* Out of line, as it is no part of the loops whose instructions are counted to the last one */
static noinline int bench_come_and_go(const struct bench_engine *engine, void *table,
				      struct bench_step *step)
{
	if (step->op == BENCH_FILL)
		return bench_fill(engine, table, step);
	return step->op == BENCH_CHURN ? bench_churn(engine, table, step) : -EINVAL;
}

static __always_inline int bench_calls(bench_call call, void *table, struct bench_step *step)
{
	if (!call)
		return -EOPNOTSUPP;
	return step->span ? bench_loop_random(call, table, step) : bench_loop(call, table, step);
}

static __always_inline int bench_lookups(const struct bench_engine *engine, void *table,
					 struct bench_step *step, bool chain)
{
	const unsigned int shift = 64 - ilog2(step->span);
	u64 random = step->seed, gpa, hpa, wrong = 0;

	for (unsigned int i = step->calls; i; i--) {
		gpa = random >> shift;
		hpa = engine->lookup(table, gpa);
		wrong |= hpa - gpa - step->offset;
		random = bench_random(chain ? random + hpa : random);
	}
	step->seed = random;
	return wrong ? -EIO : 0;
}

static __always_inline int bench_run(const struct bench_engine *engine, void *table,
				     struct bench_step *step)
{
	switch (step->op) {
	case BENCH_MAP:
		return bench_calls(engine->call[BENCH_MAP], table, step);
	case BENCH_UNMAP:
		return bench_calls(engine->call[BENCH_UNMAP], table, step);
	case BENCH_PROTECT:
		return bench_calls(engine->call[BENCH_PROTECT], table, step);
	case BENCH_MERGE:
		return bench_calls(engine->call[BENCH_MERGE], table, step);
	case BENCH_HARVEST:
		return bench_calls(engine->call[BENCH_HARVEST], table, step);
	case BENCH_PAIR:
		return bench_calls(engine->call[BENCH_PAIR], table, step);
	case BENCH_LOOKUP:
		return bench_lookups(engine, table, step, false);
	case BENCH_LOOKUP_CHAIN:
		return bench_lookups(engine, table, step, true);
	case BENCH_DIRTY:
		return engine->root ? bench_dirty(engine->root(table), step) : -EOPNOTSUPP;
	case BENCH_CREATE:
		return 0;
	case BENCH_DESTROY:
		engine->destroy(table);
		return 0;
	default:
		return bench_come_and_go(engine, table, step);
	}
}

#endif /* _EPT_BENCH_LOOPS_H */
