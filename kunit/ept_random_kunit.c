// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations, with arguments that are legal and that aren't, against the flat model: after
 * each step table and model are the same, whatever the step returned.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "where the random suites begin");

static unsigned int steps = 350;
module_param(steps, uint, 0444);
MODULE_PARM_DESC(steps, "how many steps a random case takes");

static unsigned int atomic_steps = 120;
module_param(atomic_steps, uint, 0444);
MODULE_PARM_DESC(atomic_steps, "how many steps a random case on an atomic table takes");

#define WINDOW		SZ_8G
#define MAX_LEAVES	1024	/* that one operation makes, so that a step stays short */
#define ACCESSES	8	/* that CPUs do in a step */

struct random {
	struct fixture		*fixture;
	struct rnd_state	state;
	struct ept_gather	gather;
	bool			gathering;
	u64			split;		/* where the last split was */
};

static u32 below(struct random *random, u32 limit)
{
	return prandom_u32_state(&random->state) % limit;
}

static bool one_in(struct random *random, u32 n)
{
	return !below(random, n);
}

static u64 random_u64(struct random *random)
{
	return (u64)prandom_u32_state(&random->state) << 32 | prandom_u32_state(&random->state);
}

static u64 random_alignment(struct random *random)
{
	static const u64 alignments[] = { SZ_4K, SZ_2M, SZ_1G };

	return alignments[below(random, ARRAY_SIZE(alignments))];
}

/* Windows at the bottom, across the edge of a table of 1G entries, and at the very top. */
static u64 anywhere(struct random *random)
{
	u64 width = flat_width(random->fixture->flat);
	const u64 windows[] = { 0, SZ_512G - WINDOW / 2, width - WINDOW, width / 2 - WINDOW / 2 };

	return windows[below(random, ARRAY_SIZE(windows))] + random_u64(random) % WINDOW;
}

/* Mostly where something is mapped, or at its end. */
static u64 random_gpa(struct random *random)
{
	u64 gpa = anywhere(random);
	struct flat_range range;

	if (!one_in(random, 3) && flat_next(random->fixture->flat, gpa >> 12, &range))
		gpa = (range.first + random_u64(random) % (range.last - range.first + 2)) << 12;
	return round_down(gpa, random_alignment(random));
}

/* Few or many of @unit. */
static u64 random_size(struct random *random, u64 unit)
{
	return min(unit * (1 + below(random, 1U << below(random, 9))), WINDOW);
}

/* As aligned as @gpa for leaves of a random level, or what it maps to already. */
static u64 random_hpa(struct random *random, u64 gpa)
{
	static const u64 units[] = { SZ_4K, SZ_2M, SZ_1G, SZ_1G, SZ_1G, SZ_1G };
	const struct flat_piece *piece = flat_at(random->fixture->flat, gpa);
	u64 unit = units[below(random, ARRAY_SIZE(units))];
	u64 memory = 1ULL << random->fixture->config.maxphyaddr;

	if (piece && one_in(random, 2))
		return gpa + piece->delta;
	return (round_down(random_u64(random), unit) | (gpa & (unit - 1))) % memory;
}

static void random_attrs(struct random *random, struct ept_attrs *attrs)
{
	static const enum ept_memtype types[] = {
		EPT_MT_WB, EPT_MT_WB, EPT_MT_UC, EPT_MT_WC, EPT_MT_WT, EPT_MT_WP,
	};

	do {
		*attrs = (struct ept_attrs){
			.prot = below(random, 16),
			.memtype = types[below(random, ARRAY_SIZE(types))],
			.flags = one_in(random, 4) ? below(random, 64) : 0,
			.tag = one_in(random, 4) ? below(random, 32) : 0,
		};
	} while (flat_judge(&random->fixture->config, attrs) && !one_in(random, 20));
}

/* Now and then, an argument that is wrong; never one that is right and makes a step long. */
static void spoil(struct random *random, u64 *address, u64 *size)
{
	u64 limit = *size;

	if (!one_in(random, 12))
		return;
	switch (below(random, 6)) {
	case 0:
		*address += below(random, SZ_4K);
		break;
	case 1:
		*size += below(random, SZ_4K);
		break;
	case 2:
		*size = 0;
		break;
	case 3:
		*address = random_u64(random);
		break;
	case 4:
		*size = random_u64(random) & ~0xfffULL;
		break;
	case 5:
		*address |= 1ULL << (below(random, 12) + 46);
		break;
	}
	if (*size > limit && *size <= 1ULL << 57)
		*size = 0;
}

/* The smallest leaves that a map makes are what limits its size. */
static u64 limited(u64 gpa, u64 hpa, u64 size, enum ept_level largest)
{
	enum ept_level level = largest;

	while (!IS_ALIGNED(gpa ^ hpa, flat_span(level)))
		level--;
	return min(size, MAX_LEAVES * flat_span(level));
}

struct random_map {
	u64			gpa;
	u64			hpa;
	u64			size;
	struct ept_attrs	attrs;
};

static void random_placement(struct random *random, struct random_map *map)
{
	u64 unit = random_alignment(random);

	map->gpa = round_down(one_in(random, 3) ? random_gpa(random) : anywhere(random), unit);
	map->hpa = random_hpa(random, map->gpa);
	random_attrs(random, &map->attrs);
	map->size = limited(map->gpa, map->hpa, random_size(random, unit),
			    flat_largest(&random->fixture->config, &map->attrs));
	spoil(random, one_in(random, 2) ? &map->gpa : &map->hpa, &map->size);
}

static void random_map(struct random *random)
{
	struct random_map map;

	random_placement(random, &map);
	do_map(random->fixture, map.gpa, map.hpa, map.size, &map.attrs);
}

#define NR_PAGES	300

static void random_pages(struct random *random,
			 int (*map)(struct fixture *fixture, u64 gpa, const u64 *hpas,
				    unsigned long nr, const struct ept_attrs *attrs))
{
	u64 gpa = random_gpa(random), hpa = SZ_16M + (gpa & (SZ_2M - 1)), size = 1;
	unsigned long i, nr = 1 + below(random, NR_PAGES);
	struct ept_attrs attrs;
	u64 *hpas;

	hpas = kunit_kmalloc_array(random->fixture->test, NR_PAGES, sizeof(*hpas), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(random->fixture->test, hpas);
	for (i = 0; i < nr; i++, hpa += SZ_4K) {
		if (one_in(random, 300))
			hpa = SZ_16M + below(random, SZ_64M / SZ_4K) * SZ_4K;
		hpas[i] = hpa;
	}
	random_attrs(random, &attrs);
	spoil(random, &gpa, &size);
	map(random->fixture, gpa, hpas, nr, &attrs);
	kunit_kfree(random->fixture->test, hpas);
}

static void random_map_pages(struct random *random)
{
	random_pages(random, do_map_pages);
}

static void random_fill_pages(struct random *random)
{
	random_pages(random, do_fill_pages);
}

static struct ept_gather *random_gather(struct random *random)
{
	return random->gathering && !one_in(random, 4) ? &random->gather : NULL;
}

/* One leaf as it is, to an address that may ask for small ones */
static void place_on_a_leaf(struct random *random, struct random_map *map)
{
	u64 gpa = random_gpa(random);
	const struct flat_piece *piece = flat_at(random->fixture->flat, gpa);

	if (!piece || piece->level == EPT_1G)
		return;
	map->size = flat_span(piece->level);
	map->gpa = round_down(gpa, map->size);
	map->hpa = SZ_1G + map->gpa % SZ_1G + below(random, 2) * SZ_4K;
}

static void random_remap(struct random *random)
{
	struct random_map map;

	random_placement(random, &map);
	if (one_in(random, 3))
		place_on_a_leaf(random, &map);
	do_remap(random->fixture, map.gpa, map.hpa, map.size, &map.attrs, random_gather(random));
}

/* As often as not of what is there, with more or less rights */
static void random_install(struct random *random)
{
	const struct flat_piece *piece;
	struct random_map map;

	random_placement(random, &map);
	if (one_in(random, 2))
		place_on_a_leaf(random, &map);
	piece = flat_at(random->fixture->flat, map.gpa);
	if (piece && IS_ALIGNED(map.gpa, SZ_4K) && one_in(random, 2)) {
		map.hpa = map.gpa + piece->delta;
		map.attrs = piece->attrs;
		if (one_in(random, 2))
			map.attrs.prot |= EPT_PROT_READ | EPT_PROT_WRITE;
		map.size = limited(map.gpa, map.hpa, map.size,
				   flat_largest(&random->fixture->config, &map.attrs));
	}
	do_install(random->fixture, map.gpa, map.hpa, map.size, &map.attrs, random_gather(random));
}

/* Neighbours that differ, and nothing beside them */
static bool random_neighbours(struct random *random, u64 *gpa, u64 *size)
{
	struct flat *flat = random->fixture->flat;
	struct flat_range first, last;

	if (!flat_next(flat, *gpa >> 12, &first) || !flat_next(flat, first.last + 1, &last))
		return false;
	*gpa = first.first << 12;
	*size = (last.last + 1 - first.first) << 12;
	return *size <= WINDOW;
}

/* A range of what is mapped, mostly; none of its leaves is to become smaller than @smallest. */
static void random_range(struct random *random, enum ept_level smallest, u64 *gpa, u64 *size)
{
	*gpa = random_gpa(random);
	if (!one_in(random, 4) || !random_neighbours(random, gpa, size))
		*size = random_size(random, random_alignment(random));
	*size = min(*size, MAX_LEAVES * flat_span(smallest));
	spoil(random, gpa, size);
}

static void random_unmap(struct random *random)
{
	u64 gpa = random_gpa(random), size = random_size(random, random_alignment(random));

	if (one_in(random, 25)) {
		gpa = 0;
		size = flat_width(random->fixture->flat);
	}
	spoil(random, &gpa, &size);
	do_unmap(random->fixture, gpa, size, random_gather(random));
}

static void random_unmap_report(struct random *random)
{
	u64 gpa, size;

	random_range(random, EPT_2M, &gpa, &size);
	do_unmap_report(random->fixture, gpa, size, random_gather(random));
}

static void random_zap(struct random *random)
{
	u64 gpa = random_gpa(random), size = random_size(random, random_alignment(random));

	spoil(random, &gpa, &size);
	do_zap(random->fixture, gpa, size, one_in(random, 2), random_gather(random));
}

static void random_set_tag(struct random *random)
{
	u64 gpa, size;

	random_range(random, EPT_1G, &gpa, &size);
	do_set_tag(random->fixture, gpa, size, below(random, 33), random_gather(random));
}

/* One leaf or a part of it, or what may have holes */
static void random_redirect(struct random *random)
{
	u32 clear = one_in(random, 2) ? below(random, 16) : 0;
	u32 set = one_in(random, 2) ? below(random, 16) | EPT_PROT_READ : 0;
	const struct flat_piece *piece;
	u64 gpa, size, hpa;

	random_range(random, EPT_4K, &gpa, &size);
	piece = flat_at(random->fixture->flat, gpa);
	if (piece && !one_in(random, 4))
		size = min(size, flat_span(piece->level) - gpa % flat_span(piece->level));
	hpa = random_hpa(random, gpa);
	do_redirect(random->fixture, gpa, hpa, size, clear, set, random_gather(random));
}

static void random_clear_dirty(struct random *random)
{
	do_clear_dirty(random->fixture, random_gpa(random) + below(random, SZ_4K),
		       random_gather(random));
}

static void random_age(struct random *random)
{
	u64 gpa, size;

	random_range(random, EPT_1G, &gpa, &size);
	do_age(random->fixture, gpa, size, one_in(random, 2));
}

static void random_protect(struct random *random)
{
	static const struct { u32 clear, set; } masks[] = {
		{ EPT_PROT_WRITE, 0 },
		{ 0, EPT_PROT_READ | EPT_PROT_WRITE },
		{ EPT_PROT_EXEC | EPT_PROT_UEXEC, EPT_PROT_READ },
		{ 0, EPT_PROT_READ | EPT_PROT_EXEC },
		{ 15, 0 },
		{ 15, EPT_PROT_READ },
		{ 0, EPT_PROT_READ },
	};
	bool shrinks = random->fixture->config.flags & EPT_CONFIG_NO_EXEC_LARGE;
	unsigned int i = below(random, ARRAY_SIZE(masks) + 3);
	u32 clear = below(random, 16), set = below(random, 16);
	u64 gpa, size;

	if (i < ARRAY_SIZE(masks)) {
		clear = masks[i].clear;
		set = masks[i].set;
	} else if (one_in(random, 10)) {
		set |= 16;
	}
	random_range(random, shrinks ? EPT_4K : EPT_1G, &gpa, &size);
	do_protect(random->fixture, gpa, size, clear, set, random_gather(random));
}

/* Mostly without execute, as with it leaves may have to be small for good. */
static void random_grant(struct random *random)
{
	u32 prot = one_in(random, 2) ? EPT_PROT_READ : EPT_PROT_READ | EPT_PROT_WRITE;

	if (one_in(random, 4))
		prot = below(random, one_in(random, 10) ? 32 : 16);
	do_grant(random->fixture, random_gpa(random) + below(random, SZ_4K), prot);
}

static void random_set_memtype(struct random *random)
{
	enum ept_memtype memtype = below(random, one_in(random, 10) ? 9 : 2);
	u64 gpa, size;

	random_range(random, EPT_1G, &gpa, &size);
	do_set_memtype(random->fixture, gpa, size, memtype, random_gather(random));
}

/* New ones all in all, or what a leaf has but for one thing. */
static void random_set_attrs(struct random *random)
{
	struct fixture *fixture = random->fixture;
	const struct flat_piece *piece;
	struct ept_attrs attrs;
	u64 gpa, size;

	random_attrs(random, &attrs);
	random_range(random, flat_largest(&fixture->config, &attrs), &gpa, &size);
	piece = flat_at(fixture->flat, gpa);
	if (piece && one_in(random, 2)) {
		u32 flags = attrs.flags & ~EPT_ATTR_SUBPAGE;

		attrs = piece->attrs;
		if (one_in(random, 2))
			attrs.tag ^= 1;
		else
			attrs.flags |= flags;
	}
	do_set_attrs(fixture, gpa, size, &attrs, random_gather(random));
}

static enum ept_level random_level(struct random *random)
{
	return one_in(random, 12) ? below(random, 7) : below(random, 3);
}

static void random_split(struct random *random)
{
	enum ept_level level = random_level(random);
	u64 gpa, size;

	random_range(random, min(level, EPT_1G), &gpa, &size);
	random->split = gpa;
	do_split(random->fixture, gpa, size, level, random_gather(random));
}

/* One that the rights allow */
static void random_access(struct random *random)
{
	struct fixture *fixture = random->fixture;
	u64 gpa = random_gpa(random) + below(random, SZ_4K);
	const struct flat_piece *piece = flat_at(fixture->flat, gpa);
	u32 prot = piece ? piece->attrs.prot : 0;

	if ((prot & EPT_PROT_UEXEC) && one_in(random, 4))
		do_fetch(fixture, gpa, true);
	else if ((prot & EPT_PROT_EXEC) && (!(prot & EPT_PROT_READ) || one_in(random, 4)))
		do_fetch(fixture, gpa, false);
	else if (prot & EPT_PROT_READ)
		do_access(fixture, gpa, (prot & EPT_PROT_WRITE) && one_in(random, 2));
}

static void random_accesses(struct random *random)
{
	unsigned int i;

	for (i = 0; i < ACCESSES; i++)
		random_access(random);
}

/* All that there is, what was split last or not quite all of that, or any range */
static void random_merge_range(struct random *random, u64 *gpa, u64 *size)
{
	u64 unit = random->fixture->unit;

	switch (below(random, 4)) {
	case 0:
		random_range(random, EPT_1G, gpa, size);
		break;
	case 1:
		*gpa = round_down(random->split, unit) + below(random, 2) * SZ_4K;
		*size = unit - below(random, 2) * SZ_4K;
		break;
	default:
		*gpa = 0;
		*size = flat_width(random->fixture->flat);
		break;
	}
}

/* Into parts that a merge makes one again, if such a leaf is found soon */
static void split_large_leaf(struct random *random)
{
	for (unsigned int i = 0; i < 8; i++) {
		const u64 gpa = random_gpa(random);
		const struct flat_piece *piece = flat_at(random->fixture->flat, gpa);

		if (!piece || piece->level == EPT_4K)
			continue;
		random->split = gpa;
		do_split(random->fixture, gpa, SZ_4K, piece->level - 1, random_gather(random));
		return;
	}
}

/* Seldom does anything by itself, but parts of a leaf that CPUs used since it was split can. */
static void random_merge(struct random *random)
{
	enum ept_level level = random->fixture->config.max_leaf;
	u64 gpa, size;

	if (one_in(random, 2)) {
		split_large_leaf(random);
		random_accesses(random);
	}
	random_merge_range(random, &gpa, &size);
	do_merge(random->fixture, gpa, size, one_in(random, 3) ? random_level(random) : level);
}

static void random_harvest(struct random *random)
{
	u64 gpa, size;

	random_range(random, EPT_1G, &gpa, &size);
	do_harvest(random->fixture, gpa, size, one_in(random, 2), one_in(random, 4),
		   random_gather(random));
}

static void random_gathering(struct random *random)
{
	if (random->gathering)
		do_flush(random->fixture, &random->gather);
	else
		ept_gather_init(&random->gather, random->fixture->ept);
	random->gathering = !random->gathering;
}

static const struct {
	const char	*name;
	void		(*act)(struct random *random);
	unsigned int	weight;
} actions[] = {
	{ "map", random_map, 8 },
	{ "map_pages", random_map_pages, 2 },
	{ "fill_pages", random_fill_pages, 3 },
	{ "remap", random_remap, 4 },
	{ "install", random_install, 5 },
	{ "unmap", random_unmap, 3 },
	{ "unmap_report", random_unmap_report, 2 },
	{ "zap", random_zap, 2 },
	{ "protect", random_protect, 5 },
	{ "grant", random_grant, 3 },
	{ "set_memtype", random_set_memtype, 3 },
	{ "set_attrs", random_set_attrs, 3 },
	{ "set_tag", random_set_tag, 2 },
	{ "redirect", random_redirect, 5 },
	{ "clear_dirty", random_clear_dirty, 2 },
	{ "age", random_age, 2 },
	{ "split", random_split, 4 },
	{ "merge", random_merge, 4 },
	{ "harvest", random_harvest, 4 },
	{ "accesses", random_accesses, 4 },
	{ "gather", random_gathering, 3 },
};

static const char *act(struct random *random)
{
	unsigned int i, sum = 0, pick;

	for (i = 0; i < ARRAY_SIZE(actions); i++)
		sum += actions[i].weight;
	pick = below(random, sum);
	for (i = 0; pick >= actions[i].weight; i++)
		pick -= actions[i].weight;
	actions[i].act(random);
	return actions[i].name;
}

static void stay_the_same(struct kunit *test, unsigned int nr_steps)
{
	struct fixture *fixture = test->priv;
	struct random *random = kunit_kzalloc(test, sizeof(*random), GFP_KERNEL);
	struct ept_stats stats;
	unsigned int step;

	KUNIT_ASSERT_NOT_NULL(test, random);
	random->fixture = fixture;
	prandom_seed_state(&random->state, seed);
	for (step = 0; step < nr_steps; step++) {
		const char *name = act(random);

		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "seed %u step %u: %s", seed, step,
				      name);
	}
	if (random->gathering)
		do_flush(fixture, &random->gather);
	must_unmap(fixture, 0, flat_width(fixture->flat));
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + 1 + stats.reserved);
}

static void table_and_model_stay_the_same(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	stay_the_same(test, steps);
	KUNIT_EXPECT_EQ(test, !fixture->flat->merges, fixture->config.max_leaf == EPT_4K);
}

/* Interrupts off, and with no more tables in the reserve than the operation takes. */
static void atomic_table_and_model_stay_the_same(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;

	config.flags |= EPT_CONFIG_ATOMIC;
	fixture_recreate(fixture, &config);
	stay_the_same(test, atomic_steps);
	KUNIT_EXPECT_GT(test, fixture->shortages, atomic_steps / 20);
}

static struct kunit_case random_cases[] = {
	KUNIT_CASE_PARAM(table_and_model_stay_the_same, configs_gen_params),
	KUNIT_CASE_PARAM(atomic_table_and_model_stay_the_same, configs_gen_params),
	{}
};

static struct kunit_suite random_suite = {
	.name = "ept_random",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = random_cases,
};

kunit_test_suite(random_suite);
