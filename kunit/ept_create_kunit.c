// SPDX-License-Identifier: GPL-2.0
/* The life of a table: names, the EPTP, tables set aside, and that nothing of it is left. */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "ept_priv.h"
#include "fixture.h"
#include "verify.h"

CONFIG_PARAMS;

static void a_new_table_is_one_page(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + 1);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Everything at once: many tables of every level, leaves of every size. */
static void destroying_frees_every_page(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 gpa;

	for (gpa = 0; gpa < SZ_4G; gpa += 37ULL * SZ_2M)
		must_map(fixture, gpa, SZ_1G, SZ_4K, &EPT_ATTRS_RAM);
	for (gpa = SZ_8G; gpa < SZ_512G * 4; gpa += 11ULL * SZ_8G)
		must_map(fixture, gpa, SZ_2G, SZ_2M, &EPT_ATTRS_DEVICE);
	must_map(fixture, SZ_4G, SZ_4G, fixture->unit, &EPT_ATTRS_RAM);
	must_protect(fixture, SZ_4G + SZ_64K, SZ_4K, EPT_PROT_WRITE, 0);
	KUNIT_EXPECT_GT(test, table_pages(), fixture->pages_before + 50);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	fixture_recreate(fixture, &fixture->config);
	KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + 1);
}

/* Also where this machine has memory above it, and prefers that */
static void tables_lie_below_maxphyaddr(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept_check_report report;
	u64 gpa;

	config.maxphyaddr = 32;
	fixture_recreate(fixture, &config);
	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, 100), 0);
	for (gpa = 0; gpa < SZ_1G; gpa += SZ_2M)
		must_map(fixture, gpa, 0, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_LT(test, fixture->eptp, SZ_4G);
	KUNIT_EXPECT_EQ_MSG(test, ept_check(fixture->ept, &report), 0, "%s", report.why);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void destroying_nothing_is_fine(struct kunit *test)
{
	ept_destroy(NULL);
	ept_destroy(ERR_PTR(-ENOMEM));
	KUNIT_EXPECT_EQ(test, ept_pointer(NULL), 0);
}

static void the_pointer_never_changes(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	must_map(fixture, 0, 0, SZ_1M, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_pointer(fixture->ept), fixture->eptp);
	must_unmap(fixture, 0, flat_width(fixture->flat));
	KUNIT_EXPECT_EQ(test, ept_pointer(fixture->ept), fixture->eptp);
	KUNIT_EXPECT_TRUE(test, mmu_pointer_valid(&fixture->mmu, fixture->eptp));
}

static void names_are_copied_and_unique(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	char name[] = "kunit-guest";
	struct ept *first, *second, *third;

	config.name = name;
	first = ept_create(&config);
	second = ept_create(&config);
	config.name = NULL;
	third = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, first);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, second);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, third);
	memset(name, 'x', sizeof(name) - 1);
	KUNIT_EXPECT_STREQ(test, ept_name(first), "kunit-guest");
	KUNIT_EXPECT_STRNEQ(test, ept_name(second), ept_name(first));
	KUNIT_EXPECT_EQ(test, strncmp(ept_name(second), "kunit-guest", 11), 0);
	KUNIT_EXPECT_STRNEQ(test, ept_name(third), ept_name(fixture->ept));
	KUNIT_ASSERT_NOT_NULL(test, ept_name(third));
	KUNIT_EXPECT_EQ(test, strncmp(ept_name(third), "ept", 3), 0);
	ept_destroy(first);
	ept_destroy(second);
	ept_destroy(third);
}

static void names_have_numbers_that_do_not_come_round(struct kunit *test)
{
	char digits[17];

	ept_name_put_number(digits, 0x1a);
	KUNIT_EXPECT_STREQ(test, digits, "0000001a");
	ept_name_put_number(digits, U32_MAX);
	KUNIT_EXPECT_STREQ(test, digits, "ffffffff");
	ept_name_put_number(digits, U32_MAX + 1ULL);
	KUNIT_EXPECT_STREQ(test, digits, "0000000100000000");
}

/* Clients get a suffix to what the module might pick, now or later, and keep the rest. */
static void names_that_the_module_picks_are_no_clients(struct kunit *test)
{
	static const struct {
		const char	*name;
		bool		kept;
	} wishes[] = {
		{ "ept00000001", false },
		{ "eptffffffff", false },
		{ "ept0000000100000000", false },
		{ "ept", true },
		{ "ept00000001x", true },
		{ "ept-0000001", true },
		{ "ept1234567", true },
		{ "ep00000001", true },
		{ "guest-00000001", true },
	};
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;

	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		struct ept *ept;

		config.name = wishes[i].name;
		ept = ept_create(&config);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
		KUNIT_EXPECT_EQ(test, !strcmp(ept_name(ept), wishes[i].name), wishes[i].kept);
		KUNIT_EXPECT_EQ(test, strncmp(ept_name(ept), wishes[i].name,
					      strlen(wishes[i].name)), 0);
		ept_destroy(ept);
	}
}

/* Also where clients take what the module would pick next */
static void names_stay_unique_among_many(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	const unsigned int nr = 96;
	struct ept **tables = kunit_kcalloc(test, nr, sizeof(*tables), GFP_KERNEL);
	char name[80];
	const char *const wishes[] = { NULL, "guest", name };

	KUNIT_ASSERT_NOT_NULL(test, tables);
	for (unsigned int i = 0; i < nr; i++) {
		/* One in three as the last one is called, or as the next one might be. */
		config.name = wishes[i % ARRAY_SIZE(wishes)];
		tables[i] = ept_create(&config);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tables[i]);
		strscpy(name, ept_name(tables[i]), sizeof(name));
		name[strlen(name) - 1] ^= i & 1;
	}
	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int j = 0; j < i; j++)
			KUNIT_EXPECT_STRNEQ(test, ept_name(tables[i]), ept_name(tables[j]));
	/* A name is free when its table is gone. */
	config.name = "guest";
	ept_destroy(tables[1]);
	tables[1] = ept_create(&config);
	KUNIT_EXPECT_STREQ(test, ept_name(tables[1]), "guest");
	config.name = "caps";
	ept_destroy(tables[0]);
	tables[0] = ept_create(&config);
	KUNIT_EXPECT_STRNEQ(test, ept_name(tables[0]), "caps");
	for (unsigned int i = 0; i < nr; i++)
		ept_destroy(tables[i]);
}

/* Tables have nothing in common: a mapping in one is a hole in another. */
static void tables_are_apart(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct ept_mapping mapping;
	struct ept *other;

	config.ops = NULL;
	other = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	KUNIT_EXPECT_NE(test, ept_pointer(other), fixture->eptp);
	KUNIT_EXPECT_EQ(test, ept_map(other, SZ_1M, 0, SZ_4M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, SZ_1M, &mapping), -ENOENT);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	ept_destroy(other);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static u64 reserved(struct fixture *fixture)
{
	struct ept_stats stats;

	ept_get_stats(fixture->ept, &stats);
	return stats.reserved;
}

static void a_reserve_is_topped_up(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, ept_reserve(NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_reserve(fixture->ept, 7), 0);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 7);
	KUNIT_EXPECT_EQ(test, ept_reserve(fixture->ept, 3), 0);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 7);
	KUNIT_EXPECT_EQ(test, ept_reserve(fixture->ept, 8), 0);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 8);
	KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + 9);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	/* Maps that may ask the system do; unmaps don't give back to the reserve. */
	must_map(fixture, SZ_2M, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 8);
	must_unmap(fixture, SZ_2M, SZ_4K);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 8);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* An atomic table has nothing else to draw on. */
static void a_short_reserve_is_left_as_it_is(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;

	config.flags |= EPT_CONFIG_ATOMIC;
	fixture_recreate(fixture, &config);
	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, config.levels - 2), 0);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM), -ENOMEM);
	KUNIT_EXPECT_EQ(test, ept_map(fixture->ept, SZ_1G - SZ_4K, 0, SZ_8K, &EPT_ATTRS_RAM),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, reserved(fixture), config.levels - 2);
	KUNIT_EXPECT_EQ(test, table_pages(), fixture->pages_before + config.levels - 1);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, config.levels - 1), 0);
	must_map(fixture, 0, 0, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, reserved(fixture), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static void a_table_tells_its_configuration(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config, told;
	const u32 external = EPT_CONFIG_EXTERNAL_LOCK;

	KUNIT_EXPECT_EQ(test, ept_get_config(fixture->ept, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_get_config(NULL, &told), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_get_config(fixture->ept, &told), 0);
	KUNIT_EXPECT_PTR_EQ(test, told.name, ept_name(fixture->ept));
	KUNIT_EXPECT_PTR_EQ(test, told.ops, config.ops);
	KUNIT_EXPECT_PTR_EQ(test, told.cookie, config.cookie);
	KUNIT_EXPECT_EQ(test, told.flags, config.flags);
	/* Who may be called in VMX root has a lock of his own, and a table may become his. */
	config.flags |= EPT_CONFIG_ATOMIC;
	fixture_recreate(fixture, &config);
	KUNIT_EXPECT_EQ(test, ept_get_config(fixture->ept, &told), 0);
	KUNIT_EXPECT_EQ(test, told.flags, config.flags | external);
	config.flags = external;
	fixture_recreate(fixture, &config);
	KUNIT_EXPECT_EQ(test, ept_make_atomic(fixture->ept), 0);
	KUNIT_EXPECT_EQ(test, ept_get_config(fixture->ept, &told), 0);
	KUNIT_EXPECT_EQ(test, told.flags, EPT_CONFIG_ATOMIC | external);
}

/*
 * Held in the way that lockdep wants to see; that it complains of one that isn't held would be a
 * complaint in the log.
 */
static void a_registered_lock_is_the_clients_to_hold(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	struct mutex lock;	/* the client's */

	config.flags |= EPT_CONFIG_EXTERNAL_LOCK;
	fixture_recreate(fixture, &config);
	mutex_init(&lock);
	ept_set_external_lock(fixture->ept, &lock);
	mutex_lock(&lock);
	must_map(fixture, SZ_2M, SZ_4M, SZ_2M, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_8M, SZ_4M, SZ_4K, &EPT_ATTRS_RAM);
	must_protect(fixture, SZ_2M + SZ_64K, SZ_4K, EPT_PROT_WRITE, 0);
	KUNIT_EXPECT_EQ(test, do_split(fixture, SZ_2M, SZ_2M, EPT_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, do_merge(fixture, SZ_2M, SZ_2M, EPT_4K), 0);
	must_unmap(fixture, SZ_8M, SZ_4K);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	mutex_unlock(&lock);
	/* Readers ask for no lock. */
	KUNIT_EXPECT_TRUE(test, verify_mappings(fixture) && verify_edges(fixture));
}

static struct kunit_case create_cases[] = {
	KUNIT_CASE_PARAM(a_new_table_is_one_page, configs_gen_params),
	KUNIT_CASE_PARAM(destroying_frees_every_page, configs_gen_params),
	KUNIT_CASE_PARAM(tables_lie_below_maxphyaddr, configs_gen_params),
	KUNIT_CASE(destroying_nothing_is_fine),
	KUNIT_CASE_PARAM(the_pointer_never_changes, configs_gen_params),
	KUNIT_CASE_PARAM(names_are_copied_and_unique, configs_gen_params),
	KUNIT_CASE(names_have_numbers_that_do_not_come_round),
	KUNIT_CASE(names_that_the_module_picks_are_no_clients),
	KUNIT_CASE(names_stay_unique_among_many),
	KUNIT_CASE_PARAM(tables_are_apart, configs_gen_params),
	KUNIT_CASE_PARAM(a_table_tells_its_configuration, configs_gen_params),
	KUNIT_CASE_PARAM(a_registered_lock_is_the_clients_to_hold, configs_gen_params),
	KUNIT_CASE_PARAM(a_reserve_is_topped_up, configs_gen_params),
	KUNIT_CASE_PARAM(a_short_reserve_is_left_as_it_is, configs_gen_params),
	{}
};

static struct kunit_suite create_suite = {
	.name = "ept_create",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = create_cases,
};

kunit_test_suite(create_suite);
