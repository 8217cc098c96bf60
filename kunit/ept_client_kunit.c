// SPDX-License-Identifier: GPL-2.0
/* What clients rest on: faults, views, logs and notifiers, each as a case made by hand. */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "ept_priv.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

#define READ_ONLY	((struct ept_attrs){ .prot = EPT_PROT_READ, .memtype = EPT_MT_WB })
#define READ_WRITE	((struct ept_attrs){ .prot = EPT_PROT_READ | EPT_PROT_WRITE,	\
					     .memtype = EPT_MT_WB })

static bool has_flags(const struct fixture *fixture)
{
	return fixture->config.features & EPT_FEATURE_AD;
}

static struct ept *another_table(struct fixture *fixture, const struct ept_config *config)
{
	struct ept *ept = ept_create(config);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(fixture->test, ept);
	return ept;
}

/*
 * Faults
 */

static void a_map_is_refused_when_the_number_changed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	unsigned long seq = 6, seen = seq;

	KUNIT_EXPECT_EQ(test, ept_map_if(ept, 0, 0, SZ_4K, &READ_ONLY, &seq, seen), 0);
	seq++;
	/* One leaf in a table that is there, one that wants tables, and more than a leaf */
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_4K, 0, SZ_4K, &READ_ONLY, &seq, seen), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_1G, 0, SZ_4K, &READ_ONLY, &seq, seen), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_1G, 0, SZ_2M, &READ_ONLY, &seq, seen), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_8K, 0, SZ_8K, &READ_ONLY, &seq, seen), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ept_map_if(ept, SZ_4K, 0, SZ_4K, &READ_ONLY, &seq, seq), 0);
	KUNIT_EXPECT_EQ(test, flat_map(fixture->flat, 0, 0, SZ_4K, &READ_ONLY), 0);
	KUNIT_EXPECT_EQ(test, flat_map(fixture->flat, SZ_4K, 0, SZ_4K, &READ_ONLY), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static int install(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, u32 prot)
{
	struct ept_attrs attrs = { .prot = prot, .memtype = EPT_MT_WB };

	return do_install(fixture, gpa, hpa, size, &attrs, NULL);
}

static void an_install_tells_what_was_possible_already(struct kunit *test)
{
	const u32 rw = EPT_PROT_READ | EPT_PROT_WRITE;
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, install(fixture, 0, SZ_2M, SZ_2M, rw), 0);
	KUNIT_EXPECT_EQ(test, install(fixture, 0, SZ_2M, SZ_4K, rw), 1);
	KUNIT_EXPECT_EQ(test, install(fixture, SZ_64K, SZ_2M + SZ_64K, SZ_4K, EPT_PROT_READ), 1);
	KUNIT_EXPECT_EQ(test, install(fixture, 0, SZ_2M, SZ_2M, rw),
			fixture->config.max_leaf > EPT_4K);
	KUNIT_EXPECT_EQ(test, install(fixture, SZ_1G, SZ_2M, SZ_4K, rw), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Of leaves that are one large one, whichever part of it is asked for */
static void a_part_of_a_leaf_is_installed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned long seq = 1;

	must_map(fixture, 0, SZ_2M, SZ_2M, &READ_WRITE);
	KUNIT_EXPECT_EQ(test, install(fixture, SZ_64K, SZ_2M + SZ_64K, SZ_16K, EPT_PROT_READ), 1);
	KUNIT_EXPECT_EQ(test, install(fixture, SZ_2M - SZ_16K, 2 * SZ_2M - SZ_16K, SZ_16K,
				      EPT_PROT_READ), 1);
	KUNIT_EXPECT_EQ(test, ept_install(fixture->ept, SZ_64K, SZ_2M + SZ_64K, SZ_16K, &READ_ONLY,
					  &seq, 0, NULL), -EAGAIN);
	/* More than the leaf, another page, a right that is missing */
	KUNIT_EXPECT_EQ(test, install(fixture, SZ_2M - SZ_16K, 2 * SZ_2M - SZ_16K, SZ_32K,
				      EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, install(fixture, SZ_64K, SZ_2M, SZ_16K, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, install(fixture, SZ_128K, SZ_2M + SZ_128K, SZ_16K,
				      EPT_PROT_READ | EPT_PROT_EXEC), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Without a gather a call leaves nothing owed, also where it has changed nothing itself. */
static void an_install_flushes_what_others_owe(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_gather gather;

	must_map(fixture, 0, 0, SZ_16K, &READ_WRITE);
	ept_gather_init(&gather, fixture->ept);
	for (u64 gpa = 0; gpa < SZ_8K; gpa += SZ_4K) {
		const u64 before = fixture->invalidations;

		KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, gpa, SZ_4K, &gather), 0);
		KUNIT_EXPECT_EQ(test, fixture->invalidations, before);
		/* What is there already, and what fills the hole */
		KUNIT_EXPECT_EQ(test, ept_install(fixture->ept, gpa ? 0 : SZ_8K, gpa ? 0 : SZ_8K,
						  SZ_4K, &READ_WRITE, NULL, 0, NULL), !gpa);
		KUNIT_EXPECT_EQ(test, fixture->invalidations, before + 1);
	}
	ept_gather_flush(&gather);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
}

/* Nor is the table's lock, which somebody holds for a change, for who finds the page there. */
static void who_finds_the_page_waits_for_nobody(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	unsigned long seq = 1;
	int there, late;

	if (fixture->config.flags & EPT_CONFIG_EXTERNAL_LOCK)
		kunit_skip(test, "the lock is the client's");
	must_map(fixture, 0, 0, SZ_4K, &READ_WRITE);
	down_write(&ept->lock);
	lockdep_off();
	there = ept_install(ept, 0, 0, SZ_4K, &READ_ONLY, NULL, 0, NULL);
	late = ept_install(ept, 0, 0, SZ_4K, &READ_ONLY, &seq, 0, NULL);
	lockdep_on();
	up_write(&ept->lock);
	KUNIT_EXPECT_EQ(test, there, 1);
	KUNIT_EXPECT_EQ(test, late, -EAGAIN);
	/* Who changes the table now doesn't take them for maps under way. */
	must_unmap(fixture, 0, SZ_4K);
}

/* Also to where the page behind it was */
static void a_redirect_moves_each_page(struct kunit *test)
{
	const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	struct fixture *fixture = test->priv;

	for (unsigned int i = 0; i < 16; i++)
		must_map(fixture, i * SZ_4K, SZ_1M + (16 - i) * SZ_4K, SZ_4K, &READ_WRITE);
	for (unsigned int i = 0; i < 16; i++) {
		KUNIT_EXPECT_EQ(test, 0, do_redirect(fixture, 0, SZ_1M + i * SZ_4K, SZ_64K, 0, 0,
						     NULL));
		KUNIT_EXPECT_TRUE(test, verify(fixture));
		KUNIT_EXPECT_EQ(test, 0, do_redirect(fixture, 0, SZ_1M + i * SZ_4K, SZ_64K, 0, 0,
						     NULL));
	}
	/* A leaf that nobody can use is as it is to be. */
	must_map(fixture, SZ_4M, SZ_4M, SZ_2M, &none);
	KUNIT_EXPECT_EQ(test, do_redirect(fixture, SZ_4M + SZ_64K, SZ_4M + SZ_64K, SZ_4K, 0, 0,
					  NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	/* Each page to where it would be if the run were the other way round */
	must_unmap(fixture, 0, SZ_64K);
	for (unsigned int i = 0; i < 16; i++)
		must_map(fixture, i * SZ_4K, SZ_1M - i * SZ_4K, SZ_4K, &READ_WRITE);
	KUNIT_EXPECT_EQ(test, do_redirect(fixture, 0, SZ_1M, SZ_64K, 0, 0, NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void an_install_replaces_a_copy(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_mapping leaf;

	must_map(fixture, 0, SZ_2M, SZ_2M, &READ_ONLY);
	do_access(fixture, SZ_64K, false);
	KUNIT_EXPECT_EQ(test, do_install(fixture, SZ_64K, SZ_1G, SZ_4K, &READ_WRITE, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_64K, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.hpa, SZ_1G);
	KUNIT_EXPECT_EQ(test, leaf.size, SZ_4K);
	KUNIT_EXPECT_FALSE_MSG(test, leaf.accessed, "of another page");
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void an_installed_page_keeps_its_flags(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_mapping leaf;

	must_map(fixture, SZ_64K, SZ_2M, SZ_4K, &READ_WRITE);
	do_access(fixture, SZ_64K, true);
	must_protect(fixture, SZ_64K, SZ_4K, EPT_PROT_WRITE, 0);
	KUNIT_EXPECT_EQ(test, do_install(fixture, SZ_64K, SZ_2M, SZ_4K, &READ_WRITE, NULL), 0);
	KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, 1, "rights that were added");
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_64K, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.dirty, has_flags(fixture));
	KUNIT_EXPECT_EQ(test, leaf.accessed, has_flags(fixture));
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void expect_hole(struct kunit *test, struct ept *ept, u64 gpa, enum ept_level level)
{
	const struct ept_mapping nothing = {};
	struct ept_mapping hole;

	memset(&hole, 0xff, sizeof(hole));
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, gpa, &hole), -ENOENT);
	KUNIT_EXPECT_EQ(test, hole.level, level);
	KUNIT_EXPECT_EQ(test, hole.size, flat_span(level));
	KUNIT_EXPECT_EQ(test, hole.gpa, gpa & ~(flat_span(level) - 1));
	hole.gpa = 0;
	hole.size = 0;
	hole.level = 0;
	KUNIT_EXPECT_TRUE_MSG(test, same_mapping(&hole, &nothing), "all else is zero");
}

/* Beside a page: the entries next to those on the way to it. The largest leaf fits in each. */
static void a_hole_says_how_far_it_reaches(struct kunit *test)
{
	const u64 page = SZ_512G + SZ_1G + SZ_2M + SZ_4K;
	struct fixture *fixture = test->priv;
	int top = fixture->config.levels - 1, level;
	struct ept_mapping leaf;

	expect_hole(test, fixture->ept, page + 5, top);
	must_map(fixture, page, SZ_4K, SZ_4K, &READ_WRITE);
	for (level = EPT_4K; level <= top; level++)
		expect_hole(test, fixture->ept, page + flat_span(level) + 5, level);
	for (level = EPT_4K; level <= (int)fixture->config.max_leaf; level++) {
		u64 gpa = (page + flat_span(level)) & ~(flat_span(level) - 1);

		must_map(fixture, gpa, 0, flat_span(level), &READ_WRITE);
		KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, gpa, &leaf), 0);
		KUNIT_EXPECT_EQ(test, leaf.level, level);
	}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void expect_next(struct kunit *test, struct ept_cursor *cursor, u64 gpa, u64 hpa, u64 size)
{
	struct ept_mapping mapping = {};

	KUNIT_EXPECT_EQ(test, ept_cursor_next(cursor, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.gpa, gpa);
	KUNIT_EXPECT_EQ(test, mapping.hpa, hpa);
	KUNIT_EXPECT_EQ(test, mapping.size, size);
}

static void a_cursor_sees_what_comes_and_not_what_is_behind_it(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_mapping mapping;
	struct ept_cursor cursor;

	must_map(fixture, 0, SZ_4K, SZ_16K, &READ_ONLY);
	must_map(fixture, SZ_1M, SZ_4K, SZ_4K, &READ_ONLY);
	must_map(fixture, SZ_1G, SZ_4K, SZ_16K, &READ_ONLY);
	KUNIT_EXPECT_EQ(test, ept_cursor_init(&cursor, fixture->ept, SZ_4K, SZ_1G), 0);
	expect_next(test, &cursor, SZ_4K, SZ_8K, SZ_16K - SZ_4K);
	must_unmap(fixture, 0, SZ_4M);
	must_map(fixture, 0, 0, SZ_16K, &READ_ONLY);
	must_map(fixture, SZ_2M, SZ_64K, SZ_8K, &READ_ONLY);
	expect_next(test, &cursor, SZ_2M, SZ_64K, SZ_8K);
	expect_next(test, &cursor, SZ_1G, SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_cursor_next(&cursor, &mapping), -ENOENT);
	must_map(fixture, SZ_512M, SZ_64K, SZ_8K, &READ_ONLY);
	KUNIT_EXPECT_EQ(test, ept_cursor_next(&cursor, &mapping), -ENOENT);
}

/*
 * Views
 */

/* Page by page, so that the sizes of leaves don't count, nor flags */
static int mix_pages(const struct ept_mapping *mapping, void *arg)
{
	u64 *digest = arg, offset;

	for (offset = 0; offset < mapping->size; offset += SZ_4K) {
		const u64 parts[] = {
			mapping->gpa + offset, mapping->hpa + offset, mapping->attrs.prot,
			mapping->attrs.memtype, mapping->attrs.flags, mapping->attrs.tag,
		};

		for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
			*digest = (*digest ^ parts[i]) * 0x9e3779b97f4a7c15ULL + 1;
	}
	return 0;
}

static u64 digest(struct ept *ept, u64 gpa, u64 size)
{
	u64 sum = 0;

	ept_for_each_mapping(ept, gpa, size, mix_pages, &sum);
	return sum;
}

static void map_a_space(struct fixture *fixture)
{
	struct ept_attrs tagged = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WP, .tag = 9 };
	struct ept_attrs nothing = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };

	must_map(fixture, SZ_2M, SZ_4M, SZ_4M, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_16M, SZ_4K, SZ_64K, &EPT_ATTRS_DEVICE);
	must_map(fixture, SZ_1G - SZ_4K, SZ_64K, SZ_8K, &tagged);
	must_map(fixture, SZ_512G - SZ_4K, SZ_64K, SZ_4K, &nothing);
	do_access(fixture, SZ_2M, true);
}

static void a_clone_is_the_same_space(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	u64 all = flat_width(fixture->flat), part = SZ_2M + SZ_64K;
	struct ept_mapping leaf;
	enum ept_level level;
	struct ept *to;

	config.ops = NULL;
	map_a_space(fixture);
	for (level = EPT_4K; level <= EPT_1G; level++) {
		config.max_leaf = level;
		to = another_table(fixture, &config);
		KUNIT_EXPECT_EQ(test, ept_clone(to, fixture->ept, 0, all), 0);
		KUNIT_EXPECT_EQ(test, digest(to, 0, all), digest(fixture->ept, 0, all));
		KUNIT_EXPECT_EQ(test, ept_lookup(to, SZ_2M, &leaf), 0);
		KUNIT_EXPECT_FALSE(test, leaf.accessed || leaf.dirty);
		KUNIT_EXPECT_EQ(test, ept_check(to, NULL), 0);
		KUNIT_EXPECT_EQ(test, ept_unmap(to, 0, all, NULL), 0);
		KUNIT_EXPECT_EQ(test, ept_clone(to, fixture->ept, part, SZ_16M), 0);
		KUNIT_EXPECT_EQ(test, digest(to, 0, all), digest(fixture->ept, part, SZ_16M));
		ept_destroy(to);
	}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_clone_maps_all_or_nothing(struct kunit *test)
{
	const struct ept_attrs subpage = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB,
					   .flags = EPT_ATTR_SUBPAGE };
	struct fixture *fixture = test->priv;
	struct ept_config config = test_configs[NR_TEST_CONFIGS - 1].config;
	u64 before, all;
	struct ept *to;

	fixture_recreate(fixture, &config);
	all = flat_width(fixture->flat);
	map_a_space(fixture);
	config.features &= ~EPT_FEATURE_SUBPAGE;
	to = another_table(fixture, &config);
	KUNIT_ASSERT_EQ(test, ept_map(to, SZ_1G, 0, SZ_4K, &READ_ONLY), 0);
	before = digest(to, 0, all);
	KUNIT_EXPECT_EQ(test, ept_clone(to, fixture->ept, 0, all), -EEXIST);
	KUNIT_EXPECT_EQ(test, digest(to, 0, all), before);
	KUNIT_EXPECT_EQ(test, ept_unmap(to, 0, all, NULL), 0);
	must_map(fixture, SZ_2G, 0, SZ_4K, &subpage);
	KUNIT_EXPECT_EQ(test, ept_clone(to, fixture->ept, 0, all), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, digest(to, 0, all), 0);
	/* What is beside the range isn't judged. */
	KUNIT_EXPECT_EQ(test, ept_clone(to, fixture->ept, 0, SZ_2G), 0);
	KUNIT_EXPECT_EQ(test, digest(to, 0, all), digest(fixture->ept, 0, SZ_2G));
	ept_destroy(to);
}

/* Neighbours that aren't alike, each in one more thing, stay what they are. */
static void a_clone_has_each_page_of_its_original(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_config config = test_configs[NR_TEST_CONFIGS - 1].config;
	const struct ept_attrs attrs[] = {
		EPT_ATTRS_RAM, EPT_ATTRS_RAM, READ_ONLY, READ_WRITE, EPT_ATTRS_DEVICE,
		{ .prot = EPT_PROT_READ, .memtype = EPT_MT_UC },
		{ .prot = EPT_PROT_READ, .memtype = EPT_MT_UC, .flags = EPT_ATTR_IGNORE_PAT },
		{ .prot = EPT_PROT_READ, .memtype = EPT_MT_UC, .flags = EPT_ATTR_IGNORE_PAT,
		  .tag = 5 },
	};
	struct ept *to;

	fixture_recreate(fixture, &config);
	to = another_table(fixture, &config);
	/* A hole in front, and where memory goes on; then memory that doesn't */
	for (unsigned int i = 0; i < ARRAY_SIZE(attrs); i++)
		must_map(fixture, i * SZ_4K + (i ? SZ_4K : 0), i * SZ_4K, SZ_4K, &attrs[i]);
	must_map(fixture, SZ_64K, SZ_1M, SZ_4K, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_64K + SZ_4K, SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_64K + SZ_8K, SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_clone(to, fixture->ept, 0, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, digest(to, 0, SZ_1M), digest(fixture->ept, 0, SZ_1M));
	ept_destroy(to);
}

/* Whatever the reserve has, until it has enough */
static void a_clone_that_falls_short_leaves_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	unsigned int nr = 0;
	struct ept *to;
	u64 beyond;
	int ret;

	config.flags |= EPT_CONFIG_ATOMIC;
	to = another_table(fixture, &config);
	for (u64 gpa = SZ_1G; gpa <= SZ_4G; gpa += SZ_1G)
		must_map(fixture, gpa, gpa, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_ASSERT_EQ(test, ept_reserve(to, config.levels), 0);
	KUNIT_ASSERT_EQ(test, ept_map(to, 5ULL * SZ_1G, 0, SZ_4K, &EPT_ATTRS_RAM), 0);
	beyond = digest(to, 5ULL * SZ_1G, SZ_1G);
	do {
		KUNIT_ASSERT_EQ(test, ept_reserve(to, nr), 0);
		ret = ept_clone(to, fixture->ept, SZ_1G, SZ_4G);
		if (!ret)
			break;
		KUNIT_ASSERT_EQ(test, ret, -ENOMEM);
		KUNIT_EXPECT_EQ(test, digest(to, 0, 5ULL * SZ_1G), 0);
		KUNIT_EXPECT_EQ(test, digest(to, 5ULL * SZ_1G, SZ_1G), beyond);
	} while (++nr < 100);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GT(test, nr, 6);
	KUNIT_EXPECT_EQ(test, digest(to, 0, 5ULL * SZ_1G), digest(fixture->ept, 0, 5ULL * SZ_1G));
	ept_destroy(to);
}

/*
 * Logs
 */

#define BITS	640
#define PAGES	300

/* Pages of which some are dirty, and what a harvest of them has to leave in a bitmap */
static void dirty_some(struct fixture *fixture, unsigned long *expected, u64 first, bool beside)
{
	static const unsigned int dirty[] = { 0, 1, 26, 27, 63, 64, 130, 200, 299 };
	unsigned int i;

	for (i = 0; i < BITS; i++)
		__assign_bit(i, expected, beside && (i < first || i >= first + PAGES));
	for (i = 0; i < ARRAY_SIZE(dirty); i++) {
		do_access(fixture, SZ_1G + dirty[i] * SZ_4K, true);
		__set_bit(first + dirty[i], expected);
	}
}

static void harvests_go_to_the_middle_of_a_bitmap(struct kunit *test)
{
	static const u64 firsts[] = { 0, 1, 37, 63, 64, 65, 127, 200, BITS - PAGES };
	DECLARE_BITMAP(expected, BITS);
	struct fixture *fixture = test->priv;
	DECLARE_BITMAP(bitmap, BITS);
	struct ept_harvest what = { .bitmap = bitmap };
	unsigned int i;

	if (!has_flags(fixture))
		kunit_skip(test, "no flags");
	must_map(fixture, SZ_1G, SZ_4K, PAGES * SZ_4K, &READ_WRITE);
	for (i = 0; i < 2 * ARRAY_SIZE(firsts); i++) {
		what.first = firsts[i / 2];
		dirty_some(fixture, expected, what.first, i % 2);
		bitmap_fill(bitmap, BITS);
		if (i % 2)
			bitmap_clear(bitmap, what.first, PAGES);
		else
			bitmap_zero(bitmap, BITS);
		KUNIT_EXPECT_EQ(test, ept_harvest(fixture->ept, SZ_1G, PAGES * SZ_4K, &what,
						  NULL), 0);
		KUNIT_EXPECT_TRUE_MSG(test, bitmap_equal(bitmap, expected, BITS), "first %llu",
				      what.first);
	}
	KUNIT_EXPECT_EQ(test, fixture->invalidations, i);
}

static void a_harvest_without_a_bitmap_only_clears(struct kunit *test)
{
	const struct ept_harvest dirty = {}, accessed = { .accessed = true };
	struct fixture *fixture = test->priv;
	struct ept_mapping leaf;

	if (!has_flags(fixture))
		kunit_skip(test, "no flags");
	must_map(fixture, SZ_1G, SZ_4K, SZ_8K, &READ_WRITE);
	do_access(fixture, SZ_1G, true);
	KUNIT_EXPECT_EQ(test, ept_harvest(fixture->ept, SZ_1G, SZ_8K, &dirty, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_1G, &leaf), 0);
	KUNIT_EXPECT_TRUE(test, leaf.accessed && !leaf.dirty);
	KUNIT_EXPECT_EQ(test, ept_harvest(fixture->ept, SZ_1G, SZ_8K, &accessed, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_1G, &leaf), 0);
	KUNIT_EXPECT_FALSE(test, leaf.accessed);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
	KUNIT_EXPECT_EQ(test, ept_harvest(fixture->ept, SZ_1G, SZ_8K, &dirty, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 2);
}

static void a_logged_address_clears_its_leaf(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_mapping leaf;

	if (!has_flags(fixture))
		kunit_skip(test, "no flags");
	must_map(fixture, 0, 0, SZ_2M, &READ_WRITE);
	do_access(fixture, SZ_64K, true);
	KUNIT_EXPECT_EQ(test, do_clear_dirty(fixture, SZ_64K + 7, NULL), 1);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, do_clear_dirty(fixture, SZ_64K + 8, NULL), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_64K, &leaf), 0);
	KUNIT_EXPECT_TRUE(test, leaf.accessed && !leaf.dirty);
}

/*
 * Memory
 */

#define FILL	1024

static void what_is_filled_is_told(struct kunit *test)
{
	struct page **pages = kunit_kmalloc_array(test, FILL, sizeof(*pages), GFP_KERNEL);
	bool large = ((struct fixture *)test->priv)->config.max_leaf > EPT_4K;
	struct fixture *fixture = test->priv;
	DECLARE_BITMAP(filled, FILL + 64);
	struct ept_mapping leaf;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < FILL; i++)
		pages[i] = pfn_to_page(PHYS_PFN(SZ_16M) + i);
	bitmap_zero(filled, FILL + 64);
	__set_bit(5, filled);
	__set_bit(FILL + 3, filled);
	KUNIT_ASSERT_EQ(test, ept_map(fixture->ept, SZ_1G + 5 * SZ_4K, 0, SZ_8K, &READ_ONLY), 0);
	KUNIT_EXPECT_EQ(test, ept_fill_pages(fixture->ept, SZ_1G, pages, FILL, &READ_WRITE,
					     filled, NULL, 0), 0);
	/* All but page 6: the bit of page 5 was set before. */
	KUNIT_EXPECT_EQ(test, bitmap_weight(filled, FILL), FILL - 1);
	KUNIT_EXPECT_FALSE(test, test_bit(6, filled));
	KUNIT_EXPECT_TRUE(test, test_bit(FILL + 3, filled));
	KUNIT_EXPECT_EQ(test, bitmap_weight(filled, FILL + 64), FILL);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_1G + 5 * SZ_4K, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.hpa, 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_1G + 7 * SZ_4K, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.hpa, SZ_16M + 7 * SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_1G + SZ_2M, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.size, large ? SZ_2M : SZ_4K);
	bitmap_zero(filled, FILL + 64);
	KUNIT_EXPECT_EQ(test, ept_fill_pages(fixture->ept, SZ_1G, pages, FILL, &READ_WRITE,
					     filled, NULL, 0), 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(filled, FILL + 64));
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
}

/*
 * Pages that are named one by one
 */

#define BLOCK	512U	/* pages that may be a 2M leaf */

/* Three blocks: memory in a row, aligned or not, or each page for itself */
static void name_block(u64 *hpas, unsigned int block, u64 hpa, bool row)
{
	for (unsigned int i = 0; i < BLOCK; i++)
		hpas[block * BLOCK + i] = hpa + (row ? i : BLOCK - 1 - i) * SZ_4K;
}

static u64 *name_pages(struct kunit *test)
{
	u64 *hpas = kunit_kmalloc_array(test, 3 * BLOCK, sizeof(*hpas), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hpas);
	name_block(hpas, 0, SZ_16M, true);
	name_block(hpas, 1, SZ_32M, false);
	name_block(hpas, 2, SZ_64M, true);
	return hpas;
}

/* Also where leaves that fit are followed by pages that make none, and the other way round */
static void pages_in_a_row_make_a_leaf(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 *hpas = name_pages(test);

	KUNIT_EXPECT_EQ(test, do_map_pages(fixture, SZ_1G, hpas, 3 * BLOCK, &READ_WRITE), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	KUNIT_EXPECT_EQ(test, do_map_pages(fixture, SZ_2G, hpas + BLOCK, 2 * BLOCK, &READ_WRITE),
			0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	name_block(hpas, 0, SZ_16M + SZ_4K, true);
	KUNIT_EXPECT_EQ(test, do_map_pages(fixture, SZ_4G, hpas, BLOCK, &READ_WRITE), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_page_that_lies_elsewhere_makes_no_leaf(struct kunit *test)
{
	static const unsigned int odd[] = { 0, 1, 2, 300, BLOCK - 1 };
	struct fixture *fixture = test->priv;
	u64 *hpas = name_pages(test);

	for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
		const u64 hpa = hpas[odd[i]];

		hpas[odd[i]] = SZ_128M;
		KUNIT_EXPECT_EQ(test, do_map_pages(fixture, SZ_1G, hpas, BLOCK, &READ_WRITE), 0);
		KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "page %u", odd[i]);
		must_unmap(fixture, SZ_1G, SZ_2M);
		hpas[odd[i]] = hpa;
	}
}

/* Pages behind those that were named may go on. */
static void no_page_counts_that_was_not_named(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct page **pages = kunit_kmalloc_array(test, BLOCK, sizeof(*pages), GFP_KERNEL);
	struct ept_mapping mapping;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (unsigned int i = 0; i < BLOCK; i++)
		pages[i] = pfn_to_page(PHYS_PFN(SZ_16M) + i);
	KUNIT_EXPECT_EQ(test, ept_map_pages(fixture->ept, SZ_1G, pages, 300, &READ_WRITE), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_1G, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.size, SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_1G + 300 * SZ_4K, &mapping), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_unmap(fixture->ept, SZ_1G, SZ_2M, NULL), 0);
	pages[0] = NULL;
	KUNIT_EXPECT_EQ(test, ept_map_pages(fixture->ept, SZ_1G, pages, 300, &READ_WRITE),
			-EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Around a table with a page, and leaves that are there */
static void holes_are_filled_around_what_is_there(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 *hpas = name_pages(test);

	must_map(fixture, SZ_1G + SZ_2M + SZ_64K, 0, SZ_4K, &READ_ONLY);
	KUNIT_EXPECT_EQ(test, do_fill_pages(fixture, SZ_1G, hpas, 3 * BLOCK, &READ_WRITE), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_map(fixture, SZ_2G + SZ_2M, SZ_2M, SZ_2M, &READ_ONLY);
	KUNIT_EXPECT_EQ(test, do_fill_pages(fixture, SZ_2G, hpas, 3 * BLOCK, &READ_WRITE), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	must_map(fixture, SZ_4G + SZ_64K, SZ_2M, SZ_4K, &READ_ONLY);
	KUNIT_EXPECT_EQ(test, do_fill_pages(fixture, SZ_4G - SZ_1M, hpas, 2 * BLOCK, &READ_WRITE),
			0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Of all that an entry of the root's table spans, a page and its two tables are there. */
static void a_gib_is_filled_where_tables_lack(struct kunit *test)
{
	const unsigned long nr = SZ_1G / SZ_4K;
	struct page **pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	unsigned long *filled = kvcalloc(BITS_TO_LONGS(nr), sizeof(*filled), GFP_KERNEL);
	struct fixture *fixture = test->priv;
	struct ept_mapping mapping;
	unsigned int holes = 0;

	KUNIT_ASSERT_TRUE(test, pages && filled);
	for (unsigned long i = 0; i < nr; i++)
		pages[i] = pfn_to_page(PHYS_PFN(SZ_16M));
	must_map(fixture, SZ_1G + SZ_2M, SZ_4K, SZ_4K, &READ_WRITE);
	KUNIT_EXPECT_EQ(test, ept_fill_pages(fixture->ept, SZ_1G, pages, nr, &READ_WRITE, filled,
					     NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, bitmap_weight(filled, nr), nr - 1);
	KUNIT_EXPECT_FALSE(test, test_bit(SZ_2M / SZ_4K, filled));
	for (u64 gpa = SZ_1G; gpa < SZ_2G; gpa += SZ_1M - SZ_4K)
		holes += ept_lookup(fixture->ept, gpa, &mapping) != 0;
	KUNIT_EXPECT_EQ(test, holes, 0);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
	kvfree(filled);
	kvfree(pages);
}

/* What replaces a table, a leaf and a hole at once, in small leaves */
static void what_is_remapped_small_replaces_all(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	must_map(fixture, SZ_1G, SZ_2M, SZ_2M, &READ_ONLY);
	must_map(fixture, SZ_1G + SZ_2M + SZ_64K, 0, SZ_4K, &READ_ONLY);
	KUNIT_EXPECT_EQ(test, do_remap(fixture, SZ_1G, SZ_4K, 3 * SZ_2M, &READ_WRITE, NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	KUNIT_EXPECT_EQ(test, do_remap(fixture, SZ_1G - SZ_64K, SZ_2M - SZ_64K, 2 * SZ_2M,
				       &READ_WRITE, NULL), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_table_may_be_filled_before_it_is_atomic(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	int ret, above, below_it;
	unsigned long flags;

	config.flags |= EPT_CONFIG_EXTERNAL_LOCK;
	fixture_recreate(fixture, &config);
	must_map(fixture, 0, SZ_4K, SZ_4M, &READ_WRITE);
	KUNIT_EXPECT_EQ(test, ept_make_atomic(fixture->ept), 0);
	KUNIT_EXPECT_EQ(test, ept_make_atomic(fixture->ept), 0);
	/* Its invalidations may not sleep any more. */
	fixture->config.flags |= EPT_CONFIG_ATOMIC;
	local_irq_save(flags);
	ret = ept_unmap(fixture->ept, 0, SZ_4K, NULL);
	above = ept_map(fixture->ept, SZ_1G, 0, SZ_4K, &READ_WRITE);
	below_it = ept_map(fixture->ept, 0, 0, SZ_4K, &READ_WRITE);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ_MSG(test, above, -ENOMEM, "what isn't reserved");
	KUNIT_EXPECT_EQ(test, below_it, 0);
	KUNIT_EXPECT_EQ(test, ept_reserve(fixture->ept, 8), 0);
	KUNIT_EXPECT_EQ(test, ept_reserved(fixture->ept), 8);
	local_irq_save(flags);
	above = ept_map(fixture->ept, SZ_1G, 0, SZ_4K, &READ_WRITE);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, above, 0);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
}

static u64 tables_of(struct ept *ept)
{
	struct ept_stats stats;
	u64 sum = 0;

	ept_get_stats(ept, &stats);
	for (unsigned int i = 0; i < EPT_MAX_LEVELS; i++)
		sum += stats.tables[i];
	return sum;
}

/* Where each leaf may be as large as was asked for: as many as are taken; else no fewer */
static void tables_for_is_never_too_few(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 width = flat_width(fixture->flat), before = tables_of(fixture->ept);
	enum ept_level largest = fixture->config.max_leaf;
	struct rnd_state random;
	unsigned int i;

	prandom_seed_state(&random, 5);
	for (i = 0; i < 200; i++) {
		u64 size = (1 + prandom_u32_state(&random) % 2048) * (u64)SZ_4K;
		u64 at = (u64)prandom_u32_state(&random) % 512 * (width / 512), gpa;
		bool aligned = i & 1;
		u64 told, taken;

		if (largest == EPT_1G && i % 4 == 3)
			size += SZ_1G * (u64)(1 + prandom_u32_state(&random) % 3);
		gpa = at + (prandom_u32_state(&random) % 1024) * (u64)SZ_4K;
		gpa = i % 3 ? gpa : at - min(at, size / 2 & ~(u64)(SZ_4K - 1));
		size = min(size, width - gpa);
		if (!aligned)
			size = min_t(u64, size, SZ_8M);
		told = ept_tables_for(fixture->ept, gpa, size, aligned ? largest : EPT_4K);
		KUNIT_ASSERT_EQ(test, ept_map(fixture->ept, gpa, aligned ? gpa % SZ_1G : SZ_4K,
					      size, &READ_WRITE), 0);
		taken = tables_of(fixture->ept) - before;
		if (aligned)
			KUNIT_EXPECT_EQ_MSG(test, told, taken, "%#llx size %#llx", gpa, size);
		else
			KUNIT_EXPECT_GE_MSG(test, told, taken, "%#llx size %#llx", gpa, size);
		KUNIT_ASSERT_EQ(test, ept_unmap(fixture->ept, gpa, size, NULL), 0);
	}
	KUNIT_EXPECT_EQ(test, tables_of(fixture->ept), before);
}

/*
 * Notifiers
 */

/* A small leaf's old entry, in a table that a merge unlinked; @gather owes the flush. */
static u64 *merge_and_keep(struct fixture *fixture, u64 gpa, struct ept_gather *gather)
{
	struct kunit *test = fixture->test;
	u64 *small;

	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, gpa, 0, SZ_2M, &READ_WRITE), 0);
	KUNIT_EXPECT_EQ(test, ept_split(fixture->ept, gpa, SZ_2M, EPT_4K, NULL), 0);
	small = fixture_entry(fixture, gpa + SZ_16K, 0);
	KUNIT_ASSERT_NOT_NULL(test, small);
	ept_gather_init(gather, fixture->ept);
	KUNIT_EXPECT_EQ(test, ept_merge_gather(fixture->ept, gpa, SZ_2M, EPT_2M, gather), 1);
	return small;
}

static void take_last(const struct ept_mapping *mapping, void *arg)
{
	*(struct ept_mapping *)arg = *mapping;
}

/* A CPU that knows the old table still sets flags there until the flush. */
static void a_report_has_what_a_merge_has_not_collected(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	struct ept_gather merge;
	struct ept_mapping gone;
	int way;

	for (way = 0; way < 3; way++) {
		u64 *small = merge_and_keep(fixture, way * SZ_2M, &merge);
		int ret;

		WRITE_ONCE(*small, *small | EPT_PTE_AD);
		memset(&gone, 0, sizeof(gone));
		if (way == 0)
			ret = ept_unmap_report(ept, 0, SZ_2M, take_last, &gone, NULL);
		else if (way == 1)
			ret = ept_zap(ept, SZ_2M, SZ_4K, NULL, take_last, &gone, NULL);
		else
			ret = ept_unmap_report(ept, SZ_4M, SZ_2M, take_last, &gone, &merge);
		KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, gone.size, SZ_2M);
		KUNIT_EXPECT_TRUE_MSG(test, gone.dirty && gone.accessed, "way %d", way);
		ept_gather_flush(&merge);
	}
	KUNIT_EXPECT_EQ(test, ept_check(ept, NULL), 0);
}

static void a_harvest_has_what_a_merge_has_not_collected(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	DECLARE_BITMAP(bitmap, 512);
	struct ept_harvest what = { .bitmap = bitmap };
	struct ept_gather merge;
	u64 *small = merge_and_keep(fixture, 0, &merge);

	bitmap_zero(bitmap, 512);
	WRITE_ONCE(*small, *small | EPT_PTE_AD);
	KUNIT_EXPECT_EQ(test, ept_harvest(fixture->ept, 0, SZ_2M, &what, NULL), 0);
	KUNIT_EXPECT_TRUE_MSG(test, bitmap_full(bitmap, 512), "dirty is of the whole leaf");
	ept_gather_flush(&merge);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
}

struct aging {
	struct irq_work	work;
	struct ept	*ept;
	int		first;
	int		second;
	bool		in_interrupt;
};

static void age(struct aging *aging)
{
	aging->first = ept_age(aging->ept, 0, SZ_4M, true);
	aging->second = ept_age(aging->ept, 0, SZ_4M, false);
}

static void age_in_interrupt(struct irq_work *work)
{
	struct aging *aging = container_of(work, struct aging, work);

	aging->in_interrupt = in_hardirq();
	age(aging);
}

static void aging_works_anywhere(struct kunit *test)
{
	static DEFINE_SPINLOCK(lock);
	struct fixture *fixture = test->priv;
	struct aging aging = { .ept = fixture->ept };

	if (!has_flags(fixture))
		kunit_skip(test, "no flags");
	must_map(fixture, 0, 0, SZ_4M, &READ_WRITE);
	do_access(fixture, SZ_2M, false);
	spin_lock(&lock);
	age(&aging);
	spin_unlock(&lock);
	KUNIT_EXPECT_EQ(test, aging.first, 1);
	KUNIT_EXPECT_EQ(test, aging.second, 0);
	do_access(fixture, SZ_2M, false);
	init_irq_work(&aging.work, age_in_interrupt);
	irq_work_queue(&aging.work);
	irq_work_sync(&aging.work);
	KUNIT_EXPECT_TRUE(test, aging.in_interrupt);
	KUNIT_EXPECT_EQ(test, aging.first, 1);
	KUNIT_EXPECT_EQ(test, aging.second, 0);
	KUNIT_EXPECT_EQ_MSG(test, fixture->invalidations, 0, "aging asks for no flush");
}

static struct kunit_case client_cases[] = {
	KUNIT_CASE_PARAM(pages_in_a_row_make_a_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(a_page_that_lies_elsewhere_makes_no_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(no_page_counts_that_was_not_named, configs_gen_params),
	KUNIT_CASE_PARAM(holes_are_filled_around_what_is_there, configs_gen_params),
	KUNIT_CASE(a_gib_is_filled_where_tables_lack),
	KUNIT_CASE_PARAM(what_is_remapped_small_replaces_all, configs_gen_params),
	KUNIT_CASE_PARAM(a_map_is_refused_when_the_number_changed, configs_gen_params),
	KUNIT_CASE_PARAM(an_install_tells_what_was_possible_already, configs_gen_params),
	KUNIT_CASE(a_part_of_a_leaf_is_installed),
	KUNIT_CASE_PARAM(an_install_flushes_what_others_owe, configs_gen_params),
	KUNIT_CASE_PARAM(who_finds_the_page_waits_for_nobody, configs_gen_params),
	KUNIT_CASE_PARAM(a_redirect_moves_each_page, configs_gen_params),
	KUNIT_CASE_PARAM(an_install_replaces_a_copy, configs_gen_params),
	KUNIT_CASE_PARAM(an_installed_page_keeps_its_flags, configs_gen_params),
	KUNIT_CASE_PARAM(a_hole_says_how_far_it_reaches, configs_gen_params),
	KUNIT_CASE_PARAM(a_cursor_sees_what_comes_and_not_what_is_behind_it, configs_gen_params),
	KUNIT_CASE_PARAM(a_clone_is_the_same_space, configs_gen_params),
	KUNIT_CASE(a_clone_has_each_page_of_its_original),
	KUNIT_CASE_PARAM(a_clone_that_falls_short_leaves_nothing, configs_gen_params),
	KUNIT_CASE(a_clone_maps_all_or_nothing),
	KUNIT_CASE_PARAM(harvests_go_to_the_middle_of_a_bitmap, configs_gen_params),
	KUNIT_CASE_PARAM(a_harvest_without_a_bitmap_only_clears, configs_gen_params),
	KUNIT_CASE_PARAM(a_logged_address_clears_its_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(what_is_filled_is_told, configs_gen_params),
	KUNIT_CASE_PARAM(a_table_may_be_filled_before_it_is_atomic, configs_gen_params),
	KUNIT_CASE_PARAM(tables_for_is_never_too_few, configs_gen_params),
	KUNIT_CASE(a_report_has_what_a_merge_has_not_collected),
	KUNIT_CASE(a_harvest_has_what_a_merge_has_not_collected),
	KUNIT_CASE_PARAM(aging_works_anywhere, configs_gen_params),
	{}
};

static struct kunit_suite client_suite = {
	.name = "ept_client",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = client_cases,
};

kunit_test_suite(client_suite);
