/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the benchmark share: engines, which are the contenders; steps, which are what
 * they are asked to do; workloads, which are the rows of the table that comes out.
 */
#ifndef _EPT_BENCH_H
#define _EPT_BENCH_H

#include <linux/sizes.h>
#include <linux/types.h>

struct ept;
struct ept_config;

enum bench_op {
	BENCH_MAP,
	BENCH_UNMAP,
	BENCH_PROTECT,		/* take write */
	BENCH_MERGE,		/* up to 2M leaves */
	BENCH_HARVEST,		/* dirty flags to bench_bitmap */
	BENCH_PAIR,		/* unmap and map again */
	BENCH_CALLS,		/* those before are functions of struct bench_engine.call */
	BENCH_LOOKUP = BENCH_CALLS,
	BENCH_LOOKUP_CHAIN,	/* each address depends on what the last lookup found */
	BENCH_DIRTY,		/* what a CPU does that writes to a page */
	BENCH_CREATE,
	BENCH_DESTROY,
	BENCH_FILL,		/* map what BENCH_CHURN unmaps first */
	BENCH_CHURN,		/* map a range, unmap the one of BENCH_LAG calls before, flush */
	BENCH_MAP_LIST,		/* map what a scatter list names, a call for each segment */
	BENCH_UNMAP_LIST,	/* unmap it, in one call */
	BENCH_TABLES,		/* create @calls tables, map @size in each, destroy them */
};

/* @hpa is for those that map; all return 0 or an error. */
typedef int (*bench_call)(void *table, u64 gpa, u64 hpa, u64 size);

/**
 * struct bench_engine - something that builds tables
 * @name: in the report
 * @create: an empty table, where CPUs set accessed and dirty if @live; NULL: no memory
 * @destroy: free it
 * @lookup: where gpa is mapped to
 * @root: the root's entries, for those in which a CPU's flags are where EPT has them, or NULL
 * @settle: wait for what goes on behind the caller's back, or NULL
 * @flush: what ends an unmap that somebody waits for; NULL: it cannot churn
 * @call: by operation; NULL where it cannot
 */
struct bench_engine {
	const char	*name;
	void		*(*create)(bool live);
	void		(*destroy)(void *table);
	u64		(*lookup)(void *table, u64 gpa);
	u64		*(*root)(void *table);
	void		(*settle)(void *table);
	void		(*flush)(void *table);
	bench_call	call[BENCH_CALLS];
};

/**
 * struct bench_step - a number of like calls
 * @op: what to call
 * @calls: how often; 0 ends a list of steps
 * @gpa: of the first call
 * @size: of each call
 * @stride: from a call's gpa to the next one's; of random pages, a power of two: they are so far
 *	apart, from @gpa on; 0: SZ_4K
 * @scatter: each call is further inside its 2M: otherwise their entries would share a set of the
 *	CPU's caches, which tables are in by the page. Or:
 * @span: they are random pages below this power of two, none of them twice, and none the last in
 *	its 2M
 * @offset: hpa - gpa
 * @seed: of random pages; where the next step of the same loop goes on
 */
struct bench_step {
	enum bench_op	op;
	unsigned int	calls;
	u64		gpa;
	u64		size;
	u64		stride;
	bool		scatter;
	u64		span;
	u64		offset;
	u64		seed;
};

/**
 * struct bench_contender - an engine, and the loops that drive it
 * @engine: the engine
 * @run: does a step; 0, an error, or -EOPNOTSUPP
 */
struct bench_contender {
	const struct bench_engine	*engine;
	int				(*run)(void *table, struct bench_step *step);
};

#define BENCH_PREPARE	3

/* How many ranges are mapped at a time while they come and go */
#define BENCH_LAG	256

/**
 * struct bench_workload - a row
 * @name: in the report
 * @unit: of what it handles
 * @units: how many of them a round handles
 * @live: CPUs set accessed and dirty in the table
 * @builds: it takes new tables
 * @prepare: steps before the clock starts
 * @timed: the step that is timed; BENCH_CREATE: creation and the first step of @prepare
 */
struct bench_workload {
	const char		*name;
	const char		*unit;
	unsigned int		units;
	bool			live;
	bool			builds;
	struct bench_step	prepare[BENCH_PREPARE];
	struct bench_step	timed;
};

extern const struct bench_workload bench_workloads[];
extern const unsigned int bench_nr_workloads;

extern const struct bench_contender bench_ours;
extern const struct bench_contender bench_unlocked;
extern const struct bench_contender bench_limit;
extern const struct bench_contender bench_nothing;
extern const struct bench_contender bench_generic_pt;
extern const struct bench_contender bench_lpae;

/*
 * What gpa 0 is mapped to: the alignment that the two addresses have in common decides about large
 * leaves.
 */
#define BENCH_AT_4K	(SZ_1G * 4ULL + SZ_4K)
#define BENCH_AT_2M	(SZ_1G * 4ULL + SZ_2M)
#define BENCH_AT_1G	(SZ_1G * 4ULL)

/* One bit a page of the first GiB */
#define BENCH_BITMAP_PAGES	(SZ_1G / SZ_4K)
extern unsigned long *bench_bitmap;

/* clock.c */
u64 bench_clock(void);
u64 bench_clock_khz(void);
u64 bench_clock_cost(void);
void bench_clock_settle(void);

/* memory.c */
u64 bench_count_tables(struct ept *ept);
void bench_memory(void);

/* cpus.c: what is done on CPU @cpu; 0 or an error */
#define BENCH_CPUS	64
typedef int (*bench_on_cpu)(void *arg, unsigned int cpu);
extern const struct ept_config bench_cpus_config;
s64 bench_on_cpus(unsigned int nr, bench_on_cpu fn, void *arg);

/* host.c */
void bench_host(void);

/* space.c */
void bench_layers(unsigned int rounds);

/* space_cpus.c */
void bench_space_cpus(unsigned int rounds);

/* faults.c */
void bench_faults(unsigned int rounds);

/* waits.c */
void bench_waits(unsigned int rounds);

/* scale.c */
void bench_scale(unsigned int rounds);

/* hardware.c */
int bench_dirty(u64 *root, const struct bench_step *step);

#endif /* _EPT_BENCH_H */
