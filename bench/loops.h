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
	const u64 offset = step->offset, apart = step->stride ?: SZ_4K, first = step->gpa;
	const u64 mask = step->span - apart;
	unsigned int i = step->calls;
	u64 page = step->seed;
	int err = 0;

	while (i && !err) {
		const u64 gpa = ((page * apart) & mask) + first;

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

/* A scatter list has 16 to 127 segments of 4K to 64K, which are one range to a guest. */
static __always_inline unsigned int bench_list(u64 random)
{
	return 16 + (random >> 40) % 112;
}

static __always_inline u64 bench_segment(u64 random, u64 *hpa)
{
	*hpa = (random >> 20) % SZ_256M * SZ_4K;
	return (1 + (random >> 56) % 16) * SZ_4K;
}

static __always_inline int bench_map_list(const struct bench_engine *engine, void *table, u64 gpa,
					  u64 random)
{
	int err = 0;

	for (unsigned int nr = bench_list(random); nr && !err; nr--) {
		u64 hpa, size;

		random = bench_random(random);
		size = bench_segment(random, &hpa);
		err = engine->call[BENCH_MAP](table, gpa, hpa, size);
		gpa += size;
	}
	return err;
}

static __always_inline int bench_unmap_list(const struct bench_engine *engine, void *table, u64 gpa,
					    u64 random)
{
	u64 hpa, size = 0;

	for (unsigned int nr = bench_list(random); nr; nr--) {
		random = bench_random(random);
		size += bench_segment(random, &hpa);
	}
	return engine->call[BENCH_UNMAP](table, gpa, 0, size);
}

/* Lists are @stride apart, each by a number of its own. */
static __always_inline int bench_lists(const struct bench_engine *engine, void *table,
				       struct bench_step *step)
{
	u64 gpa = step->gpa;
	int err = 0;

	for (unsigned int i = step->calls; i && !err; i--, gpa += step->stride)
		err = step->op == BENCH_MAP_LIST ?
		      bench_map_list(engine, table, gpa, bench_random(gpa)) :
		      bench_unmap_list(engine, table, gpa, bench_random(gpa));
	return err;
}

/* Tables that are there at a time */
#define BENCH_TABLES_MAX	100

static __always_inline int bench_tables(const struct bench_engine *engine,
					const struct bench_step *step)
{
	static void *tables[BENCH_TABLES_MAX];
	int err = 0;

	for (unsigned int i = 0; i < step->calls; i++) {
		tables[i] = engine->create(false);
		if (!tables[i] || err)
			err = err ?: -ENOMEM;
		else
			err = engine->call[BENCH_MAP](tables[i], step->gpa,
						      step->gpa + step->offset, step->size);
	}
	for (unsigned int i = 0; i < step->calls; i++)
		if (tables[i])
			engine->destroy(tables[i]);
	return err;
}

/* Out of line, as it is no part of the loops whose instructions are counted to the last one */
static noinline int bench_come_and_go(const struct bench_engine *engine, void *table,
				      struct bench_step *step)
{
	switch (step->op) {
	case BENCH_FILL:
		return bench_fill(engine, table, step);
	case BENCH_CHURN:
		return bench_churn(engine, table, step);
	case BENCH_MAP_LIST:
	case BENCH_UNMAP_LIST:
		return bench_lists(engine, table, step);
	case BENCH_TABLES:
		return bench_tables(engine, step);
	default:
		return -EINVAL;
	}
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
	const u64 mask = step->stride ? -step->stride : ~0ULL;
	u64 random = step->seed, gpa, hpa, wrong = 0;

	for (unsigned int i = step->calls; i; i--) {
		gpa = (random >> shift) & mask;
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
