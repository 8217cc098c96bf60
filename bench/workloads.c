// SPDX-License-Identifier: GPL-2.0
/*
 * The workloads, as data. Documentation/performance.rst says what each is about.
 */
#include <linux/kernel.h>

#include "bench.h"

#define GIB(n)		((n) * (u64)SZ_1G)
#define PAGES(bytes)	((bytes) / SZ_4K)

#define MAP(bytes, at)		{ .op = BENCH_MAP, .calls = 1, .size = (bytes), .offset = (at) }
#define ALL(what, bytes)	{ .op = (what), .calls = 1, .size = (bytes) }
/* A page of 4K in each 2M, the last one, so that the tables of the others are there */
#define TABLES(bytes)									\
	{ .op = BENCH_MAP, .calls = (bytes) / SZ_2M, .gpa = SZ_2M - SZ_4K, .size = SZ_4K,	\
	  .stride = SZ_2M, .offset = BENCH_AT_4K }
/* n pages of each 2M of a GiB */
#define EACH_2M(what, n)								\
	{ .op = (what), .calls = SZ_1G / SZ_2M, .size = (n) * SZ_4K, .stride = SZ_2M,	\
	  .scatter = true, .offset = BENCH_AT_4K }
#define RANDOM(what, n, bytes)								\
	{ .op = (what), .calls = (n), .size = SZ_4K, .span = (bytes), .offset = BENCH_AT_4K }
/* Random ones of those pages that are @apart from each other, the first at @first */
#define RANDOM_OF(what, n, bytes, first, apart)						\
	{ .op = (what), .calls = (n), .gpa = (first), .size = SZ_4K, .stride = (apart),	\
	  .span = (bytes), .offset = BENCH_AT_4K }
/* @n pages, each so far from the one before */
#define EACH(n, apart)									\
	{ .op = BENCH_MAP, .calls = (n), .size = SZ_4K, .stride = (apart), .offset = BENCH_AT_4K }
#define LISTS(what)	{ .op = (what), .calls = 256, .stride = 8 * SZ_1M }
#define DIRTY_ALL	{ .op = BENCH_DIRTY, .calls = PAGES(SZ_1G), .stride = SZ_4K }
#define DIRTY_64TH	{ .op = BENCH_DIRTY, .calls = PAGES(SZ_1G) / 64, .stride = 64 * SZ_4K }
/* A page at the end of each GiB, so that tables above those of 4K entries stay */
#define LAST_PAGES(bytes)								\
	{ .op = BENCH_MAP, .calls = (bytes) / SZ_1G, .gpa = SZ_1G - SZ_4K, .size = SZ_4K,	\
	  .stride = SZ_1G, .offset = BENCH_AT_4K }
#define CREATE			{ .op = BENCH_CREATE, .calls = 1 }
#define DESTROY			{ .op = BENCH_DESTROY, .calls = 1 }

/* Calls of n pages: in tables that are there, and stay there but for the last row */
#define MAP_PAGES(n)									\
	{ .name = "map-" #n, .unit = "call", .units = SZ_1G / SZ_2M,			\
	  .prepare = { TABLES(SZ_1G) }, .timed = EACH_2M(BENCH_MAP, n) }
#define PROTECT_PAGES(n)								\
	{ .name = "protect-" #n, .unit = "call", .units = SZ_1G / SZ_2M,		\
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = EACH_2M(BENCH_PROTECT, n) }
#define UNMAP_PAGES(n)									\
	{ .name = "unmap-" #n, .unit = "call", .units = SZ_1G / SZ_2M,			\
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = EACH_2M(BENCH_UNMAP, n) }

/* Pages are unmapped and mapped again, beside so much that is mapped */
#define BESIDE(what, prepared, random_pairs)						\
	{ .name = "beside-" what, .unit = "pair", .units = PAIRS,			\
	  .prepare = { prepared }, .timed = random_pairs }
#define PAIRS			100000
/* Fewer than there are 4M in 64 GiB */
#define CHURN			16000

const struct bench_workload bench_workloads[] = {
	{ .name = "W1", .unit = "page", .units = PAGES(SZ_1G),
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = CREATE },
	{ .name = "W1w", .unit = "page", .units = 512 * 511,
	  .prepare = { TABLES(SZ_1G) }, .timed = EACH_2M(BENCH_MAP, 511) },
	{ .name = "W2", .unit = "leaf", .units = 512,
	  .prepare = { MAP(GIB(512), BENCH_AT_1G) }, .timed = CREATE },
	/* Several times, as one alone takes no longer than to bring its instructions to the CPU */
	{ .name = "W2m", .unit = "leaf", .units = 16 * 512, .builds = true,
	  .timed = { .op = BENCH_MAP, .calls = 16, .size = GIB(512), .stride = GIB(512),
		     .offset = BENCH_AT_1G } },
	{ .name = "W3", .unit = "leaf", .units = GIB(64) / SZ_2M,
	  .prepare = { MAP(GIB(64), BENCH_AT_2M) }, .timed = CREATE },
	{ .name = "W4", .unit = "page", .units = PAGES(SZ_1G),
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = ALL(BENCH_UNMAP, SZ_1G) },
	{ .name = "W4p", .unit = "page", .units = PAGES(SZ_1G),
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) },
	  .timed = { .op = BENCH_UNMAP, .calls = PAGES(SZ_1G) / 64, .size = 64 * SZ_4K,
		     .stride = 64 * SZ_4K } },
	{ .name = "W5", .unit = "page", .units = PAGES(SZ_1G),
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = ALL(BENCH_PROTECT, SZ_1G) },
	{ .name = "W5-dirty", .unit = "page", .units = PAGES(SZ_1G), .live = true,
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K), DIRTY_ALL }, .timed = ALL(BENCH_PROTECT, SZ_1G) },
	{ .name = "W5-live", .unit = "page", .units = PAGES(SZ_1G), .live = true,
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = ALL(BENCH_PROTECT, SZ_1G) },
	{ .name = "W6", .unit = "map", .units = 100000, .builds = true,
	  .timed = RANDOM(BENCH_MAP, 100000, GIB(64)) },
	{ .name = "W6w", .unit = "map", .units = 100000,
	  .prepare = { TABLES(GIB(64)) }, .timed = RANDOM(BENCH_MAP, 100000, GIB(64)) },
	{ .name = "W7", .unit = "lookup", .units = 1000000,
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = RANDOM(BENCH_LOOKUP, 1000000, SZ_1G) },
	{ .name = "W7d", .unit = "lookup", .units = 1000000,
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) },
	  .timed = RANDOM(BENCH_LOOKUP_CHAIN, 1000000, SZ_1G) },
	{ .name = "lookup", .unit = "lookup", .units = 1000,
	  .prepare = { MAP(SZ_2M, BENCH_AT_4K) }, .timed = RANDOM(BENCH_LOOKUP, 1000, SZ_2M) },
	{ .name = "W8", .unit = "split", .units = SZ_1G / SZ_2M, .builds = true,
	  .prepare = { MAP(SZ_1G, BENCH_AT_2M) }, .timed = EACH_2M(BENCH_PROTECT, 1) },
	{ .name = "merge", .unit = "leaf", .units = SZ_1G / SZ_2M,
	  .prepare = { { .op = BENCH_MAP, .calls = 512, .size = SZ_2M - SZ_4K, .stride = SZ_2M,
			 .offset = BENCH_AT_2M },
		       { .op = BENCH_MAP, .calls = 512, .gpa = SZ_2M - SZ_4K, .size = SZ_4K,
			 .stride = SZ_2M, .offset = BENCH_AT_2M } },
	  .timed = ALL(BENCH_MERGE, SZ_1G) },
	{ .name = "W9", .unit = "page", .units = PAGES(SZ_1G),
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = DESTROY },
	{ .name = "W10a", .unit = "page", .units = PAGES(SZ_1G), .live = true,
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K) }, .timed = ALL(BENCH_HARVEST, SZ_1G) },
	{ .name = "W10b", .unit = "page", .units = PAGES(SZ_1G), .live = true,
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K), DIRTY_64TH }, .timed = ALL(BENCH_HARVEST, SZ_1G) },
	{ .name = "W10c", .unit = "page", .units = PAGES(SZ_1G), .live = true,
	  .prepare = { MAP(SZ_1G, BENCH_AT_4K), DIRTY_ALL }, .timed = ALL(BENCH_HARVEST, SZ_1G) },

	MAP_PAGES(1), MAP_PAGES(2), MAP_PAGES(8), MAP_PAGES(64), MAP_PAGES(511),
	PROTECT_PAGES(1), PROTECT_PAGES(2), PROTECT_PAGES(8), PROTECT_PAGES(64),
	PROTECT_PAGES(512),
	UNMAP_PAGES(1), UNMAP_PAGES(2), UNMAP_PAGES(8), UNMAP_PAGES(64), UNMAP_PAGES(511),
	/* Whole tables: made, and taken away without a look at their entries */
	{ .name = "map-512", .unit = "call", .units = 511, .builds = true,
	  .prepare = { { .op = BENCH_MAP, .calls = 1, .gpa = SZ_1G - SZ_4K, .size = SZ_4K,
			 .offset = BENCH_AT_4K } },
	  .timed = { .op = BENCH_MAP, .calls = 511, .size = SZ_2M, .stride = SZ_2M,
		     .offset = BENCH_AT_4K } },
	UNMAP_PAGES(512),

	BESIDE("2M", MAP(SZ_2M, BENCH_AT_4K), RANDOM(BENCH_PAIR, PAIRS, SZ_2M)),
	BESIDE("64M", MAP(SZ_64M, BENCH_AT_4K), RANDOM(BENCH_PAIR, PAIRS, SZ_64M)),
	BESIDE("1G", MAP(SZ_1G, BENCH_AT_4K), RANDOM(BENCH_PAIR, PAIRS, SZ_1G)),
	BESIDE("8G", MAP(GIB(8), BENCH_AT_4K), RANDOM(BENCH_PAIR, PAIRS, GIB(8))),
	BESIDE("64G", MAP(GIB(64), BENCH_AT_4K), RANDOM(BENCH_PAIR, PAIRS, GIB(64))),
	/* Tables of 4K entries come and go. */
	{ .name = "churn", .unit = "pair", .units = CHURN, .builds = true,
	  .prepare = { LAST_PAGES(GIB(64)), { .op = BENCH_FILL, .calls = 1, .span = GIB(64),
					      .offset = BENCH_AT_4K } },
	  .timed = { .op = BENCH_CHURN, .calls = CHURN, .span = GIB(64), .offset = BENCH_AT_4K } },
	/* A call for each segment, one for all of a list; tables stay. */
	{ .name = "list-map", .unit = "list", .units = 256, .builds = true,
	  .timed = LISTS(BENCH_MAP_LIST) },
	{ .name = "list-unmap", .unit = "list", .units = 256,
	  .prepare = { LISTS(BENCH_MAP_LIST) }, .timed = LISTS(BENCH_UNMAP_LIST) },
	/* Random pages where each table has 4 of 512, or each other one */
	{ .name = "sparse-map", .unit = "map", .units = 100000,
	  .prepare = { EACH(GIB(64) / SZ_512K, SZ_512K) },
	  .timed = RANDOM_OF(BENCH_MAP, 100000, GIB(64), SZ_4K, SZ_512K) },
	{ .name = "sparse-lookup", .unit = "lookup", .units = 100000,
	  .prepare = { EACH(GIB(64) / SZ_512K, SZ_512K) },
	  .timed = RANDOM_OF(BENCH_LOOKUP, 100000, GIB(64), 0, SZ_512K) },
	{ .name = "half-map", .unit = "map", .units = 100000,
	  .prepare = { EACH(SZ_1G / SZ_8K, SZ_8K) },
	  .timed = RANDOM_OF(BENCH_MAP, 100000, SZ_1G, SZ_4K, SZ_8K) },
	{ .name = "half-lookup", .unit = "lookup", .units = 1000000,
	  .prepare = { EACH(SZ_1G / SZ_8K, SZ_8K) },
	  .timed = RANDOM_OF(BENCH_LOOKUP, 1000000, SZ_1G, 0, SZ_8K) },
	/* Many small tables: created, mapped into, destroyed */
	{ .name = "small", .unit = "table", .units = 100,
	  .timed = { .op = BENCH_TABLES, .calls = 100, .size = 8 * SZ_4K,
		     .offset = BENCH_AT_4K } },
	{ .name = "create", .unit = "table", .units = 1,
	  .prepare = { MAP(SZ_4K, BENCH_AT_4K) }, .timed = CREATE },
	{ .name = "unmap-hole", .unit = "call", .units = 1,
	  .timed = ALL(BENCH_UNMAP, GIB(131072)) },
};

const unsigned int bench_nr_workloads = ARRAY_SIZE(bench_workloads);
