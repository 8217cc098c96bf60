// SPDX-License-Identifier: GPL-2.0
/* Lookup, translate, for_each, stats and dump; and translate on entries that nobody made. */
#include <kunit/test.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ept_priv.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static void lookup_takes_any_alignment(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;
	const u64 offsets[] = { 0, 1, SZ_4K - 1, SZ_4K, SZ_2M - 1, unit / 2 + 5, unit - 1 };
	struct ept_mapping mapping;
	unsigned int i;

	must_map(fixture, base, unit, unit, &EPT_ATTRS_RAM);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, base + offsets[i], &mapping), 0);
		KUNIT_EXPECT_TRUE(test, mapping.gpa <= base + offsets[i]);
		KUNIT_EXPECT_TRUE(test, mapping.gpa + mapping.size > base + offsets[i]);
		KUNIT_EXPECT_TRUE(test, verify_address(fixture, base + offsets[i]));
	}
	KUNIT_EXPECT_TRUE(test, verify_address(fixture, base - 1));
	KUNIT_EXPECT_TRUE(test, verify_address(fixture, base + unit));
}

static void bad_queries_are_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept *ept = fixture->ept;
	u64 end = flat_width(fixture->flat);
	struct ept_mapping mapping;
	phys_addr_t hpa;

	must_map(fixture, SZ_2M, 0, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_lookup(NULL, 0, &mapping), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, SZ_2M, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, end, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, end, &mapping), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, ~0ULL, &mapping), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, end - 1, &mapping), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, SZ_2M + SZ_4K, &mapping), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_translate(NULL, 0, EPT_PROT_READ, &hpa), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_translate(ept, SZ_2M, 16, &hpa), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_translate(ept, end, 16, &hpa), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_translate(ept, end, EPT_PROT_READ, &hpa), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_translate(ept, end - 1, EPT_PROT_READ, &hpa), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_translate(ept, SZ_2M, EPT_PROT_READ, NULL), 0);
}

static int expected_translation(struct fixture *fixture, u64 gpa, const struct mmu_access *access,
				u64 *hpa)
{
	struct mmu_result result;

	mmu_look(&fixture->mmu, fixture->eptp, gpa, access, &result);
	*hpa = result.hpa;
	switch (result.verdict) {
	case MMU_OK:
		return 0;
	case MMU_MISCONFIGURED:
		return -EIO;
	default:
		return -EFAULT;
	}
}

static bool translates_as_the_cpu(struct kunit *test, u64 gpa, u64 entry)
{
	static const struct { u32 prot; struct mmu_access access; } accesses[] = {
		{ EPT_PROT_READ, { .read = true } },
		{ EPT_PROT_WRITE, { .write = true } },
		{ EPT_PROT_EXEC, { .fetch = true } },
		{ EPT_PROT_UEXEC, { .fetch = true, .user = true } },
		{ EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC,
		  { .read = true, .write = true, .fetch = true } },
	};
	struct fixture *fixture = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		phys_addr_t hpa = 0;
		u64 expected_hpa;
		int expected = expected_translation(fixture, gpa, &accesses[i].access,
						    &expected_hpa);
		int ret = ept_translate(fixture->ept, gpa, accesses[i].prot, &hpa);

		KUNIT_EXPECT_EQ_MSG(test, ret, expected, "entry %#llx at %#llx for %x", entry, gpa,
				    accesses[i].prot);
		if (!ret && !expected)
			KUNIT_EXPECT_EQ(test, hpa, expected_hpa);
		if (ret != expected || (!ret && hpa != expected_hpa))
			return false;
	}
	return true;
}

/*
 * Whatever is in an entry, by a bug or by a stray write, translate says what a CPU would do.
 * Entries that point to tables somewhere in memory are left out: nobody can follow those.
 */
static void translate_is_the_cpus_on_any_entry(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int level, i, levels = fixture->config.levels;
	u64 gpa = SZ_1G + 5 * SZ_2M + 7 * SZ_4K;
	struct rnd_state rnd;
	bool same = true;

	prandom_seed_state(&rnd, 3);
	must_map(fixture, gpa, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	for (level = 0; level < levels; level++) {
		u64 *where = fixture_entry(fixture, gpa, level), saved;

		KUNIT_ASSERT_NOT_NULL(test, where);
		saved = *where;
		for (i = 0; same && i < 3000; i++) {
			u64 entry = (u64)prandom_u32_state(&rnd) << 32 | prandom_u32_state(&rnd);

			if (i % 3)	/* near to what is legal */
				entry &= GENMASK_ULL(fixture->config.maxphyaddr - 1, 30) | 0x7c7;
			if (i % 3 == 1 && level && level < 3)
				entry |= BIT_ULL(7);
			if (mmu_kind(&fixture->mmu, entry, level) == MMU_TABLE &&
			    !mmu_entry_fault(&fixture->mmu, entry, level))
				continue;
			WRITE_ONCE(*where, entry);
			same = translates_as_the_cpu(test, gpa + 0x10, entry);
		}
		WRITE_ONCE(*where, saved);
	}
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Rights taken in a table's entry count, though the module never takes them there. */
static void translate_heeds_rights_of_tables(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int level, bits;

	must_map(fixture, SZ_2M, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	for (level = 1; level < fixture->config.levels; level++) {
		u64 *where = fixture_entry(fixture, SZ_2M, level), saved = *where;

		for (bits = 0; bits < 8; bits++) {
			WRITE_ONCE(*where, (saved & ~7ULL) | bits);
			translates_as_the_cpu(test, SZ_2M, *where);
		}
		WRITE_ONCE(*where, saved);
	}
}

struct visits {
	struct ept_mapping	mapping[8];
	unsigned int		nr;
	unsigned int		stop_at;
};

static int note_mapping(const struct ept_mapping *mapping, void *arg)
{
	struct visits *visits = arg;

	if (visits->nr < ARRAY_SIZE(visits->mapping))
		visits->mapping[visits->nr] = *mapping;
	return ++visits->nr == visits->stop_at ? 77 : 0;
}

static void visits_are_clipped_to_the_range(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 base = fixture_base(fixture), unit = fixture->unit;
	struct visits visits = { };
	struct ept_mapping *m = &visits.mapping[0];

	must_map(fixture, base, unit, unit, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(fixture->ept, base + SZ_64K, SZ_8K, note_mapping,
						   &visits), 0);
	KUNIT_EXPECT_EQ(test, visits.nr, 1);
	KUNIT_EXPECT_EQ(test, m->gpa, base + SZ_64K);
	KUNIT_EXPECT_EQ(test, m->hpa, unit + SZ_64K);
	KUNIT_EXPECT_EQ(test, m->size, SZ_8K);
	KUNIT_EXPECT_EQ(test, m->level, flat_at(fixture->flat, base)->level);

	visits.nr = 0;
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(fixture->ept, base + unit - SZ_4K, unit,
						   note_mapping, &visits), 0);
	KUNIT_EXPECT_EQ(test, visits.nr, 1);
	KUNIT_EXPECT_EQ(test, m->gpa, base + unit - SZ_4K);
	KUNIT_EXPECT_EQ(test, m->size, SZ_4K);

	visits.nr = 0;
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(fixture->ept, base + unit, unit, note_mapping,
						   &visits), 0);
	KUNIT_EXPECT_EQ(test, visits.nr, 0);
}

/* One run, where everything is alike; a new one where any of it changes. */
static void alike_neighbours_are_one_visit(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_attrs base = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };
	const struct ept_attrs differ[] = {
		{ .prot = EPT_PROT_READ | EPT_PROT_WRITE, .memtype = EPT_MT_WB },
		{ .prot = EPT_PROT_READ, .memtype = EPT_MT_UC },
		{ .prot = EPT_PROT_READ, .memtype = EPT_MT_WB, .flags = EPT_ATTR_IGNORE_PAT },
		{ .prot = EPT_PROT_READ, .memtype = EPT_MT_WB, .tag = 1 },
		{ .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB },
	};
	struct visits visits;
	unsigned int i;

	for (i = 0; i <= ARRAY_SIZE(differ); i++) {
		const struct ept_attrs *second = i ? &differ[i - 1] : &base;

		must_map(fixture, SZ_2M - SZ_8K, SZ_4K, SZ_8K, &base);
		must_map(fixture, SZ_2M, SZ_4K + SZ_8K, SZ_4K, second);
		must_map(fixture, SZ_2M + SZ_4K, SZ_16K, SZ_4K, &base);
		must_map(fixture, SZ_2M + SZ_8K, SZ_64K, SZ_4K, &base);	/* not contiguous */
		visits = (struct visits){ };
		KUNIT_EXPECT_EQ(test, ept_for_each_mapping(fixture->ept, 0, SZ_1G, note_mapping,
							   &visits), 0);
		KUNIT_EXPECT_EQ_MSG(test, visits.nr, i ? 4 : 2, "difference %u", i);
		must_unmap(fixture, 0, SZ_1G);
	}
}

static void accessed_and_dirty_part_a_run(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	bool marks = fixture->config.features & EPT_FEATURE_AD;
	struct visits visits = { };

	must_map(fixture, SZ_2M, SZ_4K, 4 * SZ_4K, &EPT_ATTRS_RAM);
	do_access(fixture, SZ_2M + SZ_4K, false);
	do_access(fixture, SZ_2M + SZ_8K, true);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(fixture->ept, 0, SZ_1G, note_mapping, &visits),
			0);
	KUNIT_EXPECT_EQ(test, visits.nr, marks ? 4 : 1);
	KUNIT_EXPECT_EQ(test, visits.mapping[1].accessed, marks);
	KUNIT_EXPECT_FALSE(test, visits.mapping[1].dirty);
	KUNIT_EXPECT_EQ(test, visits.mapping[2].dirty, marks);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static unsigned int live_entries(const u64 *table)
{
	unsigned int live = 0;

	for (unsigned int i = 0; i < MMU_ENTRIES; i++)
		live += table[i] != 0 && table[i] != BIT_ULL(63);
	return live;
}

static void expect_entry(struct fixture *fixture, const struct ept_found *found)
{
	const u64 entry = *fixture_entry(fixture, found->gpa, found->level);
	struct kunit *test = fixture->test;

	KUNIT_EXPECT_EQ(test, found->gpa % flat_span(found->level), 0);
	KUNIT_EXPECT_EQ(test, found->entry, entry);
	if (mmu_kind(&fixture->mmu, entry, found->level) == MMU_TABLE)
		KUNIT_EXPECT_EQ(test, found->live, live_entries(mmu_table(entry)));
}

/* A table before its entries, and each from its own place on */
static void each_entry_is_found_in_its_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u64 base = fixture_base(fixture), unit = fixture->unit;
	struct ept_format fmt;
	struct ept_stats stats;
	struct ept_found found, again;
	u64 from = 0, nr = 1, expected = 0;

	ept_format_init(&fmt, &fixture->config);
	must_map(fixture, 0, 0, SZ_16K, &EPT_ATTRS_RAM);
	must_map(fixture, base, base, unit + SZ_8K, &EPT_ATTRS_RAM);
	must_map(fixture, flat_width(fixture->flat) - SZ_4K, 0, SZ_4K, &EPT_ATTRS_RAM);
	for (; ept_next_entry(fixture->ept, from, &found); from++, nr++) {
		const u64 order = ept_found_order(&fmt, &found);

		KUNIT_ASSERT_GE(test, order, from);
		expect_entry(fixture, &found);
		KUNIT_EXPECT_TRUE(test, ept_next_entry(fixture->ept, order, &again));
		KUNIT_EXPECT_EQ(test, again.entry, found.entry);
		KUNIT_EXPECT_EQ(test, again.gpa, found.gpa);
		KUNIT_EXPECT_EQ(test, again.level, found.level);
		from = order;
	}
	ept_get_stats(fixture->ept, &stats);
	for (unsigned int i = 0; i < ARRAY_SIZE(stats.tables); i++)
		expected += stats.tables[i];
	for (unsigned int i = 0; i < ARRAY_SIZE(stats.leaves); i++)
		expected += stats.leaves[i];
	KUNIT_EXPECT_EQ(test, nr, expected);
	KUNIT_EXPECT_FALSE(test, ept_next_entry(fixture->ept, flat_width(fixture->flat), &found));
}

#define MANY	1100	/* tables of 4K entries: more than a reader visits in a section of RCU's, */
#define APART	(3ULL * SZ_2M)		/* with holes between them */

static int count_mapping(const struct ept_mapping *mapping, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

static void expect_all_steps(struct fixture *fixture)
{
	struct kunit *test = fixture->test;
	struct ept_mapping mapping;
	unsigned int nr = 0;
	u64 gpa = 0;

	for (; ept_next_mapping(fixture->ept, gpa, &mapping); nr++) {
		KUNIT_ASSERT_EQ(test, mapping.gpa, SZ_8G + nr * APART);
		gpa = mapping.gpa + mapping.size;
	}
	KUNIT_EXPECT_EQ(test, nr, MANY);
	KUNIT_EXPECT_FALSE(test, ept_next_mapping(fixture->ept, flat_width(fixture->flat),
						  &mapping));
}

/* In sections of RCU's, between which who may sleep does, and others don't. */
static void long_tours_meet_each_entry_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_check_report whole, entries;
	struct ept *ept = fixture->ept;
	unsigned int nr = 0;
	struct ept_stats stats;
	u64 *where, good;
	int young;

	for (unsigned int i = 0; i < MANY; i++)
		must_map(fixture, SZ_8G + i * APART, 0, SZ_4K, &EPT_ATTRS_RAM);
	preempt_disable();
	ept_get_stats(ept, &stats);
	ept_for_each_mapping(ept, 0, flat_width(fixture->flat), count_mapping, &nr);
	young = ept_age(ept, 0, flat_width(fixture->flat), true);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, young, fixture->config.features & EPT_FEATURE_AD ? 0 : -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, stats.tables[EPT_4K], MANY);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_4K], MANY);
	KUNIT_EXPECT_EQ(test, nr, MANY);
	expect_all_steps(fixture);
	KUNIT_EXPECT_EQ(test, ept_check(ept, &whole), 0);
	KUNIT_EXPECT_EQ(test, ept_check_entries(ept, &entries), 0);
	KUNIT_EXPECT_EQ(test, entries.tables, whole.tables);
	KUNIT_EXPECT_EQ(test, entries.entries, whole.entries);

	where = fixture_entry(fixture, SZ_8G + (MANY - 1) * APART, EPT_4K);
	good = *where;
	WRITE_ONCE(*where, good | BIT_ULL(62));
	KUNIT_EXPECT_EQ(test, ept_check_entries(ept, &entries), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, entries.gpa, SZ_8G + (MANY - 1) * APART);
	/* Sums aren't held to what is looked at entry by entry. */
	WRITE_ONCE(*where, where[1]);
	KUNIT_EXPECT_EQ(test, ept_check_entries(ept, &entries), 0);
	WRITE_ONCE(*where, good);
}

static void a_visit_may_stop(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct visits visits = { .stop_at = 2 };
	unsigned int i;

	for (i = 0; i < 5; i++)
		must_map(fixture, i * SZ_4M, 0, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(fixture->ept, 0, SZ_1G, note_mapping, &visits),
			77);
	KUNIT_EXPECT_EQ(test, visits.nr, 2);
	/* The last one, too: it is told when the walk is over. */
	visits = (struct visits){ .stop_at = 5 };
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(fixture->ept, 0, SZ_1G, note_mapping, &visits),
			77);
}

static void bad_ranges_are_refused_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 end = flat_width(fixture->flat);
	struct ept *ept = fixture->ept;
	struct visits visits = { };

	must_map(fixture, 0, 0, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(NULL, 0, SZ_4K, note_mapping, &visits), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(ept, 0, SZ_4K, NULL, &visits), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(ept, 1, SZ_4K, note_mapping, &visits), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(ept, 0, 1, note_mapping, &visits), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(ept, 0, 0, note_mapping, &visits), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(ept, end, 0, note_mapping, &visits), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(ept, end, SZ_4K, note_mapping, &visits),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(ept, 0, end + SZ_4K, note_mapping, &visits),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(ept, SZ_4K, -SZ_4K, note_mapping, &visits),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, visits.nr, 0);
}

static void stats_of_nothing_are_zero(struct kunit *test)
{
	struct ept_stats stats, zero = { };

	memset(&stats, 0xff, sizeof(stats));
	ept_get_stats(NULL, &stats);
	KUNIT_EXPECT_MEMEQ(test, &stats, &zero, sizeof(stats));
}

static void splits_are_counted(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_stats stats;

	must_map(fixture, SZ_1G, SZ_1G, SZ_1G, &EPT_ATTRS_RAM);
	must_unmap(fixture, SZ_1G + SZ_64K, SZ_4K);	/* the 1G leaf, and one of 2M */
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.splits, 2);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_2M], 511);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_4K], 511);
	KUNIT_EXPECT_EQ(test, stats.merges, 0);
	KUNIT_EXPECT_EQ(test, stats.reserved, 0);
}

#define DUMP_SIZE	SZ_4K

static unsigned int count_lines(const struct seq_file *m, const char *containing)
{
	const char *line = m->buf, *end = m->buf + m->count, *next;
	unsigned int nr = 0;

	for (; line < end; line = next) {
		next = memchr(line, '\n', end - line) ?: end - 1;
		next++;
		if (strnstr(line, containing, next - line))
			nr++;
	}
	return nr;
}

/* A line a mapping, that names its addresses. What else it says is for people. */
static void a_dump_is_a_line_a_mapping(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct seq_file m = { .size = DUMP_SIZE };

	m.buf = kunit_kzalloc(test, DUMP_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	KUNIT_EXPECT_EQ(test, ept_dump(NULL, fixture->ept), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_dump(&m, NULL), -EINVAL);
	must_map(fixture, 0x12345000, 0x6789a000, SZ_8K, &EPT_ATTRS_RAM);
	must_map(fixture, 0x23456000, 0x789ab000, SZ_4K, &EPT_ATTRS_DEVICE);
	KUNIT_EXPECT_EQ(test, ept_dump(&m, fixture->ept), 0);
	KUNIT_EXPECT_EQ(test, count_lines(&m, "12345000"), 1);
	KUNIT_EXPECT_EQ(test, count_lines(&m, "6789a000"), 1);
	KUNIT_EXPECT_EQ(test, count_lines(&m, "23456000"), 1);
	KUNIT_EXPECT_EQ(test, count_lines(&m, "789ab000"), 1);
}

static void a_dump_names_attributes(struct kunit *test)
{
	static const struct {
		u32		flag;
		const char	*name;
	} named[] = {
		{ EPT_ATTR_IGNORE_PAT, "ignore-pat" }, { EPT_ATTR_SUPPRESS_VE, "suppress-ve" },
		{ EPT_ATTR_SUBPAGE, "subpage" }, { EPT_ATTR_PAGING_WRITE, "paging-write" },
		{ EPT_ATTR_VERIFY_PAGING, "verify-paging" },
		{ EPT_ATTR_SUPER_SHADOW, "super-shadow" },
	};
	struct fixture *fixture = test->priv;
	struct seq_file m = { .size = DUMP_SIZE };

	m.buf = kunit_kzalloc(test, DUMP_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	for (unsigned int i = 0; i < ARRAY_SIZE(named); i++) {
		const struct ept_attrs attrs = {
			.prot = EPT_PROT_READ, .memtype = EPT_MT_WB, .flags = named[i].flag,
			.tag = 21 + i,
		};
		char tag[20];
		const bool has = !do_map(fixture, i * SZ_2M, 0, SZ_4K, &attrs);

		m.count = 0;
		memset(m.buf, 0, DUMP_SIZE);
		KUNIT_EXPECT_EQ(test, ept_dump(&m, fixture->ept), 0);
		KUNIT_EXPECT_EQ_MSG(test, count_lines(&m, named[i].name), has, "%s",
				    named[i].name);
		snprintf(tag, sizeof(tag), " tag=%u", 21 + i);
		KUNIT_EXPECT_EQ(test, count_lines(&m, tag), has);
	}
}

#define FLAG(field) { #field, offsetof(struct ept_caps, field) }

/* Capabilities that a CPU has or hasn't */
static const struct {
	const char	*name;
	size_t		offset;
} flags[] = {
	FLAG(exec_only), FLAG(levels_4), FLAG(levels_5), FLAG(table_uc), FLAG(table_wb),
	FLAG(leaf_2m), FLAG(leaf_1g), FLAG(accessed_dirty), FLAG(advanced_info),
	FLAG(super_shadow), FLAG(invept), FLAG(invept_context), FLAG(invept_global),
	FLAG(invvpid), FLAG(invvpid_address), FLAG(invvpid_context), FLAG(invvpid_all),
	FLAG(invvpid_retain_global), FLAG(vpid), FLAG(unrestricted_guest), FLAG(vmfunc),
	FLAG(pml), FLAG(ve), FLAG(mode_exec), FLAG(subpage), FLAG(hlat), FLAG(paging_write),
	FLAG(verify_paging), FLAG(ipi_virtualization), FLAG(eptp_switching),
	FLAG(true_controls), FLAG(cr3_exits_optional), FLAG(itlb_multihit),
};

/* Each by its name, and no other */
static void capabilities_are_shown_by_name(struct kunit *test)
{
	struct ept_caps caps = { .maxphyaddr = 46, .hlat_prefix_max = 3, .vmcs_memtype = 6 };
	struct seq_file m = { .size = DUMP_SIZE };
	char line[40];

	m.buf = kunit_kzalloc(test, DUMP_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		bool *flag = (void *)&caps + flags[i].offset;

		*flag = true;
		m.count = 0;
		memset(m.buf, 0, DUMP_SIZE);
		ept_dump_caps(&m, 0, &caps);
		*flag = false;
		snprintf(line, sizeof(line), "\n%-22s yes\n", flags[i].name);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(m.buf, line), "%s", flags[i].name);
		KUNIT_EXPECT_EQ(test, count_lines(&m, " yes"), 1);
		KUNIT_EXPECT_EQ(test, count_lines(&m, " no"), ARRAY_SIZE(flags) - 1);
		KUNIT_EXPECT_EQ(test, count_lines(&m, " absent"), 8);
	}
	KUNIT_EXPECT_NOT_NULL(test, strstr(m.buf, "\nmaxphyaddr             46\n"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(m.buf, "\nhlat_prefix_max        3\n"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(m.buf, "\nvmcs_memtype           6\n"));
}

/* Those of which the value is known */
static void msrs_are_shown_raw(struct kunit *test)
{
	const struct ept_caps caps = {
		.msrs = {
			.valid = EPT_MSR_BASIC | EPT_MSR_EPT_VPID_CAP,
			.basic = 0x123456789abcdef0, .ept_vpid_cap = 0xf0106334141,
			.procbased2 = 5,
		},
	};
	struct seq_file m = { .size = DUMP_SIZE };

	m.buf = kunit_kzalloc(test, DUMP_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	ept_dump_caps(&m, 0, &caps);
	KUNIT_EXPECT_NOT_NULL(test, strstr(m.buf, "\nvmx_basic            123456789abcdef0\n"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(m.buf, "\nept_vpid_cap         00000f0106334141\n"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(m.buf, "\nprocbased2           absent\n"));
	KUNIT_EXPECT_EQ(test, count_lines(&m, " absent"), 6);
}

static void a_cpu_without_ept_is_named(struct kunit *test)
{
	static const int errors[] = { -ENODEV, -EPERM, -EOPNOTSUPP };
	struct seq_file m = { .size = DUMP_SIZE };
	const struct ept_caps caps = {};

	m.buf = kunit_kzalloc(test, DUMP_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++)
		ept_dump_caps(&m, errors[i], &caps);
	KUNIT_EXPECT_STREQ(test, m.buf,
			   "this CPU has no VMX\nfirmware locked VMX off\nVMX without EPT\n");
}

/*
 * A tour's section ends in front of the table that it may no more open. Where that is the first in
 * another one, which was opened and counted, the next section begins where that one does.
 */
static void tables_are_counted_once_wherever_a_section_ends(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const unsigned int nr = 300;
	struct ept_check_report report;
	struct ept_stats stats;

	for (unsigned int i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(test, ept_map(fixture->ept, i * (u64)SZ_1G, i * (u64)SZ_4K, SZ_4K,
					      &EPT_ATTRS_RAM), 0);
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_4K], nr);
	KUNIT_EXPECT_EQ(test, stats.tables[EPT_4K], nr);
	KUNIT_EXPECT_EQ(test, stats.tables[EPT_2M], nr);
	KUNIT_EXPECT_EQ(test, stats.tables[EPT_1G], 1);
	KUNIT_EXPECT_EQ(test, ept_check_entries(fixture->ept, &report), 0);
	/* With the root */
	KUNIT_EXPECT_EQ(test, report.tables, 2 * nr + 2);
}

static struct kunit_case query_cases[] = {
	KUNIT_CASE(tables_are_counted_once_wherever_a_section_ends),
	KUNIT_CASE(capabilities_are_shown_by_name),
	KUNIT_CASE(msrs_are_shown_raw),
	KUNIT_CASE(a_cpu_without_ept_is_named),
	KUNIT_CASE_PARAM(a_dump_names_attributes, configs_gen_params),
	KUNIT_CASE_PARAM(lookup_takes_any_alignment, configs_gen_params),
	KUNIT_CASE_PARAM(bad_queries_are_refused_in_order, configs_gen_params),
	KUNIT_CASE_PARAM(translate_is_the_cpus_on_any_entry, configs_gen_params),
	KUNIT_CASE_PARAM(translate_heeds_rights_of_tables, configs_gen_params),
	KUNIT_CASE_PARAM(visits_are_clipped_to_the_range, configs_gen_params),
	KUNIT_CASE_PARAM(alike_neighbours_are_one_visit, configs_gen_params),
	KUNIT_CASE_PARAM(accessed_and_dirty_part_a_run, configs_gen_params),
	KUNIT_CASE_PARAM(each_entry_is_found_in_its_order, configs_gen_params),
	KUNIT_CASE_PARAM(long_tours_meet_each_entry_once, configs_gen_params),
	KUNIT_CASE_PARAM(a_visit_may_stop, configs_gen_params),
	KUNIT_CASE_PARAM(bad_ranges_are_refused_in_order, configs_gen_params),
	KUNIT_CASE(stats_of_nothing_are_zero),
	KUNIT_CASE(splits_are_counted),
	KUNIT_CASE_PARAM(a_dump_is_a_line_a_mapping, configs_gen_params),
	{}
};

static struct kunit_suite query_suite = {
	.name = "ept_query",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = query_cases,
};

kunit_test_suite(query_suite);
