// SPDX-License-Identifier: GPL-2.0
/*
 * ept_check() and ept_explain() on entries that nobody should have written: each kind of damage is
 * found, where it is, and is gone with its cause.
 */
#include <kunit/test.h>
#include <linux/io.h>
#include <linux/slab.h>

#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

#define GPA	(SZ_1G + 5 * SZ_2M + 7 * SZ_4K)

static const struct ept_attrs read = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };
static const struct ept_attrs none = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };

/* A page, one out of reach beside it, a hole, and a page in the next table */
static void map_some(struct fixture *fixture)
{
	must_map(fixture, GPA, SZ_16K, SZ_4K, &read);
	must_map(fixture, GPA + SZ_4K, SZ_16K, SZ_4K, &none);
	must_map(fixture, GPA + SZ_2M, SZ_16K, SZ_4K, &read);
}

static u64 above_maxphyaddr(const struct fixture *fixture)
{
	return fixture->config.maxphyaddr < 52 ? BIT_ULL(51) : 0;
}

static u64 write_alone(const struct fixture *fixture, u64 entry)
{
	return (entry & ~7ULL) | 2;
}

static u64 execute_alone(const struct fixture *fixture, u64 entry)
{
	return fixture->config.features & EPT_FEATURE_EXEC_ONLY ? entry : (entry & ~7ULL) | 4;
}

static u64 type_3(const struct fixture *fixture, u64 entry)
{
	return (entry & ~0x38ULL) | 0x18;
}

static u64 beyond(const struct fixture *fixture, u64 entry)
{
	return entry | above_maxphyaddr(fixture);
}

/* Its address is the complement. */
static u64 hidden_beyond(const struct fixture *fixture, u64 entry)
{
	return entry ^ above_maxphyaddr(fixture);
}

/* Its address is below the upper half. */
static u64 not_hidden(const struct fixture *fixture, u64 entry)
{
	return entry & ~BIT_ULL(fixture->config.maxphyaddr - 1);
}

static u64 reserved_bit(const struct fixture *fixture, u64 entry)
{
	return entry | 0x10;
}

static u64 another_table(const struct fixture *fixture, u64 entry)
{
	return entry + SZ_4K;
}

static u64 large_leaf(const struct fixture *fixture, u64 entry)
{
	return fixture->config.max_leaf > EPT_4K ? entry : 0xb1;
}

static u64 larger_leaf(const struct fixture *fixture, u64 entry)
{
	return fixture->config.max_leaf > EPT_2M ? entry : 0xb1;
}

static u64 large_executable(const struct fixture *fixture, u64 entry)
{
	return fixture->config.flags & EPT_CONFIG_NO_EXEC_LARGE ? 0xb5 : entry;
}

static u64 large_subpage(const struct fixture *fixture, u64 entry)
{
	return fixture->config.features & EPT_FEATURE_SUBPAGE ? BIT_ULL(61) | 0xb1 : entry;
}

static u64 bits_in_a_hole(const struct fixture *fixture, u64 entry)
{
	return entry | BIT_ULL(13);
}

static u64 other_hole(const struct fixture *fixture, u64 entry)
{
	return entry ^ BIT_ULL(63);
}

/*
 * What a CPU makes nothing of
 */

static u64 no_write(const struct fixture *fixture, u64 entry)
{
	return entry & ~2ULL;
}

static u64 accessed(const struct fixture *fixture, u64 entry)
{
	return fixture->config.features & EPT_FEATURE_AD ? entry : entry | BIT_ULL(8);
}

static u64 dirty(const struct fixture *fixture, u64 entry)
{
	return entry | BIT_ULL(9);
}

static u64 user_execute(const struct fixture *fixture, u64 entry)
{
	return fixture->config.features & EPT_FEATURE_MODE_EXEC ? entry : entry | BIT_ULL(10);
}

static u64 size_of_a_page(const struct fixture *fixture, u64 entry)
{
	return entry | BIT_ULL(7);
}

static u64 marked_without_rights(const struct fixture *fixture, u64 entry)
{
	return entry | BIT_ULL(11);
}

static u64 tagged(const struct fixture *fixture, u64 entry)
{
	return entry | BIT_ULL(52);
}

static u64 bit_62(const struct fixture *fixture, u64 entry)
{
	return entry | BIT_ULL(62);
}

static u64 suppress_ve(const struct fixture *fixture, u64 entry)
{
	return fixture->config.features & EPT_FEATURE_VE ? entry : entry | BIT_ULL(63);
}

/* Neither a leaf nor, as it has no rights, a table: the way to nowhere */
static u64 mark_alone(const struct fixture *fixture, u64 entry)
{
	return BIT_ULL(11) | BIT_ULL(40);
}

/* Unchanged: this configuration knows no such damage. */
static const struct damage {
	const char	*what;
	u64		gpa;
	unsigned int	level;
	u64		(*damage)(const struct fixture *fixture, u64 entry);
} damages[] = {
	{ "write alone", GPA, 0, write_alone },
	{ "execute alone", GPA, 0, execute_alone },
	{ "memory type 3", GPA, 0, type_3 },
	{ "beyond MAXPHYADDR", GPA, 0, beyond },
	{ "hidden, and beyond MAXPHYADDR", GPA + SZ_4K, 0, hidden_beyond },
	{ "memory type 3, without rights", GPA + SZ_4K, 0, type_3 },
	{ "without rights, and not hidden", GPA + SZ_4K, 0, not_hidden },
	{ "bits in a hole", GPA + SZ_8K, 0, bits_in_a_hole },
	{ "a hole with the other suppress-#VE", GPA + SZ_8K, 0, other_hole },
	{ "write alone, table", GPA, 1, write_alone },
	{ "reserved bit, table", GPA, 1, reserved_bit },
	{ "reserved bit, table", GPA, 2, reserved_bit },
	{ "reserved bit, table", GPA, 3, reserved_bit },
	{ "beyond MAXPHYADDR, table", GPA, 1, beyond },
	{ "beyond MAXPHYADDR, table", GPA, 3, beyond },
	{ "another table", GPA, 1, another_table },
	{ "another table", GPA, 2, another_table },
	{ "2M leaf", GPA, 1, large_leaf },
	{ "1G leaf", GPA, 2, larger_leaf },
	{ "large leaf, executable", GPA, 1, large_executable },
	{ "large leaf, sub-page", GPA, 1, large_subpage },
	{ "write missing, table", GPA, 1, no_write },
	{ "write missing, table", GPA, 3, no_write },
	{ "accessed, where no CPU sets it", GPA, 0, accessed },
	{ "accessed, where no CPU sets it, table", GPA, 2, accessed },
	{ "dirty, table", GPA, 1, dirty },
	{ "user-execute, which means nothing", GPA, 0, user_execute },
	{ "the size of a page", GPA, 0, size_of_a_page },
	{ "marked as without rights", GPA, 0, marked_without_rights },
	{ "marked as without rights, table", GPA, 1, marked_without_rights },
	{ "marked as without rights, neither leaf nor table", GPA, 1, mark_alone },
	{ "marked as without rights, neither leaf nor table", GPA, 3, mark_alone },
	{ "tagged, table", GPA, 2, tagged },
	{ "bit 62", GPA, 0, bit_62 },
	{ "bit 62, without rights", GPA + SZ_4K, 0, bit_62 },
	{ "bit 62, table", GPA, 3, bit_62 },
	{ "suppress-#VE, which means nothing", GPA, 0, suppress_ve },
	{ "suppress-#VE, which means nothing, table", GPA, 1, suppress_ve },
	{ "bits in a hole", GPA - SZ_2M, 1, bits_in_a_hole },
	{ "bits in a hole", GPA + 400ULL * SZ_512G, 3, bits_in_a_hole },
};

static void expect_found(struct fixture *fixture, const struct damage *damage, u64 bad)
{
	u64 at = round_down(damage->gpa, flat_span(damage->level));
	struct ept_check_report report;
	struct kunit *test = fixture->test;

	KUNIT_EXPECT_EQ_MSG(test, ept_check(fixture->ept, &report), -EUCLEAN, "%s", damage->what);
	KUNIT_EXPECT_EQ_MSG(test, report.error, -EUCLEAN, "%s", damage->what);
	KUNIT_EXPECT_EQ_MSG(test, report.gpa, at, "%s", damage->what);
	KUNIT_EXPECT_EQ_MSG(test, report.level, damage->level, "%s", damage->what);
	KUNIT_EXPECT_EQ_MSG(test, report.entry, bad, "%s", damage->what);
	KUNIT_EXPECT_NOT_NULL_MSG(test, report.why, "%s", damage->what);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), -EUCLEAN);
}

static void each_damage_is_found_where_it_is(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	map_some(fixture);
	for (i = 0; i < ARRAY_SIZE(damages); i++) {
		u64 *where = fixture_entry(fixture, damages[i].gpa, damages[i].level), good, bad;

		KUNIT_ASSERT_NOT_NULL(test, where);
		good = *where;
		bad = damages[i].damage(fixture, good);
		if (bad == good)
			continue;
		WRITE_ONCE(*where, bad);
		expect_found(fixture, &damages[i], bad);
		WRITE_ONCE(*where, good);
		KUNIT_ASSERT_TRUE_MSG(test, verify_check(fixture), "%s", damages[i].what);
	}
	KUNIT_EXPECT_EQ(test, ept_check(NULL, NULL), -EINVAL);
}

/* A leaf that goes without its table's knowledge, and one that comes */
static void live_entries_are_counted(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_check_report report;
	u64 *where, good;

	map_some(fixture);
	where = fixture_entry(fixture, GPA, 0);
	good = *where;
	WRITE_ONCE(*where, where[2]);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, &report), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, report.level, EPT_2M);
	KUNIT_EXPECT_EQ(test, report.gpa, round_down(GPA, SZ_2M));
	WRITE_ONCE(*where, good);
	good = where[2];
	WRITE_ONCE(where[2], where[0]);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, &report), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, report.level, EPT_2M);
	WRITE_ONCE(where[2], good);
	KUNIT_EXPECT_TRUE(test, verify_check(fixture));
}

/* No entry leads to the root. */
static void the_roots_entries_are_counted(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const unsigned int level = fixture->config.levels - 1;
	struct ept_check_report report;
	u64 *where, good;

	map_some(fixture);
	where = fixture_entry(fixture, GPA, level);
	good = *where;
	WRITE_ONCE(*where, where[1]);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, &report), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, report.level, level);
	KUNIT_EXPECT_EQ(test, report.gpa, 0);
	KUNIT_EXPECT_EQ(test, report.entry, 0);
	WRITE_ONCE(*where, good);
	KUNIT_EXPECT_TRUE(test, verify_check(fixture));
}

/* Where a table's twin is linked, both names are right but one, and the second is the wrong one. */
static void a_table_that_is_linked_twice_is_found(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_check_report report;
	u64 *where, hole;

	map_some(fixture);
	where = fixture_entry(fixture, GPA, 1);
	hole = where[7];
	WRITE_ONCE(where[7], where[0]);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, &report), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, report.gpa, round_down(GPA, SZ_2M) + 7 * SZ_2M);
	KUNIT_EXPECT_EQ(test, report.level, EPT_2M);
	WRITE_ONCE(where[7], hole);
	KUNIT_EXPECT_TRUE(test, verify_check(fixture));
}

static void the_first_damage_is_reported(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_check_report report;
	u64 *first, *second, good[2];

	map_some(fixture);
	first = fixture_entry(fixture, GPA, 0);
	second = fixture_entry(fixture, GPA + SZ_2M, 0);
	good[0] = *first;
	good[1] = *second;
	WRITE_ONCE(*second, write_alone(fixture, *second));
	WRITE_ONCE(*first, type_3(fixture, *first));
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, &report), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, report.gpa, GPA);
	KUNIT_EXPECT_EQ(test, report.entry, *first);
	/* A sum, of a table that is done with before the other entry is met */
	WRITE_ONCE(*first, first[2]);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, &report), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, report.gpa, round_down(GPA, SZ_2M));
	KUNIT_EXPECT_EQ(test, report.level, EPT_2M);
	WRITE_ONCE(*first, good[0]);
	WRITE_ONCE(*second, good[1]);
}

/*
 * Explanations
 */

static int expected_verdict(struct fixture *fixture, u64 gpa)
{
	const struct mmu_access access = { .read = true };
	struct mmu_result result;

	mmu_look(&fixture->mmu, fixture->eptp, gpa, &access, &result);
	if (result.verdict == MMU_OK)
		return 0;
	return result.verdict == MMU_MISCONFIGURED ? -EIO : -EFAULT;
}

/* Each entry that the model's CPU reads, from the root to the one where it stops at @lowest */
static void explains(struct fixture *fixture, u64 gpa, unsigned int lowest)
{
	unsigned int i, levels = fixture->config.levels;
	int verdict = expected_verdict(fixture, gpa);
	struct kunit *test = fixture->test;
	struct ept_explanation e;

	KUNIT_EXPECT_EQ(test, ept_explain(fixture->ept, gpa, &e), 0);
	KUNIT_EXPECT_EQ(test, e.verdict, verdict);
	KUNIT_ASSERT_EQ(test, e.nr, levels - lowest);
	for (i = 0; i < e.nr; i++) {
		unsigned int level = levels - 1 - i;
		u64 *where = fixture_entry(fixture, gpa, level);
		bool last = i == e.nr - 1;

		KUNIT_EXPECT_EQ(test, e.step[i].level, level);
		KUNIT_EXPECT_EQ(test, e.step[i].address, virt_to_phys(where));
		KUNIT_EXPECT_EQ(test, e.step[i].entry, *where);
		KUNIT_EXPECT_EQ(test, !!e.step[i].why, last && verdict);
		if (!verdict || !last)
			KUNIT_EXPECT_EQ(test, e.step[i].leaf, last);
	}
}

static void each_entry_on_the_way_is_explained(struct kunit *test)
{
	const struct ept_attrs execute = { .prot = EPT_PROT_EXEC, .memtype = EPT_MT_WB };
	struct fixture *fixture = test->priv;
	u64 *where, good;

	map_some(fixture);
	explains(fixture, GPA + 5, 0);
	explains(fixture, GPA + SZ_4K, 0);
	explains(fixture, GPA + SZ_8K, 0);
	explains(fixture, GPA - SZ_2M, 1);
	explains(fixture, GPA + SZ_512G, 3);
	must_map(fixture, SZ_8G, SZ_8G, fixture->unit, &EPT_ATTRS_DEVICE);
	explains(fixture, SZ_8G + SZ_1M + 1, fixture->config.max_leaf);
	if (!do_map(fixture, 3ULL * SZ_1G, 0, SZ_4K, &execute))
		explains(fixture, 3ULL * SZ_1G, 0);	/* a read isn't allowed */
	where = fixture_entry(fixture, GPA, 1);
	good = *where;
	WRITE_ONCE(*where, reserved_bit(fixture, good));
	explains(fixture, GPA, 1);
	WRITE_ONCE(*where, good);
}

/* What an entry leads to isn't read where there is nothing to be read. */
static void a_table_that_lies_in_no_memory_is_explained(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_explanation e;
	u64 *where, good;

	map_some(fixture);
	where = fixture_entry(fixture, GPA, 1);
	good = *where;
	WRITE_ONCE(*where, (good & (SZ_4K - 1)) | BIT_ULL(fixture->config.maxphyaddr - 1));
	KUNIT_EXPECT_EQ(test, ept_explain(fixture->ept, GPA, &e), 0);
	WRITE_ONCE(*where, good);
	KUNIT_EXPECT_EQ(test, e.verdict, -EIO);
	KUNIT_ASSERT_EQ(test, e.nr, fixture->config.levels - 1);
	KUNIT_EXPECT_STREQ(test, e.step[e.nr - 1].why, "table outside of memory");
}

static void explanations_refuse_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 end = flat_width(fixture->flat);
	struct ept_explanation e;

	KUNIT_EXPECT_EQ(test, ept_explain(NULL, 0, &e), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_explain(fixture->ept, end, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_explain(fixture->ept, end, &e), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_explain(fixture->ept, end - 1, &e), 0);
}

static struct kunit_case check_cases[] = {
	KUNIT_CASE_PARAM(each_damage_is_found_where_it_is, configs_gen_params),
	KUNIT_CASE_PARAM(live_entries_are_counted, configs_gen_params),
	KUNIT_CASE_PARAM(the_roots_entries_are_counted, configs_gen_params),
	KUNIT_CASE_PARAM(a_table_that_is_linked_twice_is_found, configs_gen_params),
	KUNIT_CASE_PARAM(the_first_damage_is_reported, configs_gen_params),
	KUNIT_CASE_PARAM(each_entry_on_the_way_is_explained, configs_gen_params),
	KUNIT_CASE_PARAM(a_table_that_lies_in_no_memory_is_explained, configs_gen_params),
	KUNIT_CASE_PARAM(explanations_refuse_in_order, configs_gen_params),
	{}
};

static struct kunit_suite check_suite = {
	.name = "ept_check",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = check_cases,
};

kunit_test_suite(check_suite);
