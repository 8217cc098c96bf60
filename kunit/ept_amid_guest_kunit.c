// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that changes its page tables amid a walk, at each single access to memory: the walk is as
 * it would have been before the change or after it, and flags are set in entries that were used.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ept_access.h"
#include "guest_tables.h"

/* What the guest makes of an entry of the way */
struct guest_change {
	const char	*name;
	unsigned int	up;		/* entries above the last */
	u64		clear, set;
	bool		faults;		/* the access is refused then */
};

#define DATA_GPA	(GUEST_BASE + DATA_PAGE * SZ_4K)
#define OTHER_GPA	(GUEST_BASE + OTHER_DATA_PAGE * SZ_4K)

static const struct guest_change changes[] = {
	{ "leaf not present", 0, P, 0, true },
	{ "leaf read-only", 0, W, 0, true },
	{ "leaf elsewhere", 0, DATA_GPA, OTHER_GPA, false },
	{ "leaf accessed", 0, 0, A, false },
	{ "leaf global", 0, 0, G, false },
	{ "table not present", 1, P, 0, true },
	{ "table read-only", 1, W, 0, true },
	{ "table accessed", 1, 0, A, false },
};

static void describe_change(const struct guest_change *change, char *desc)
{
	strscpy(desc, change->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(changes, changes, describe_change);

struct amid_guest {
	struct guest_tables		t;
	const struct guest_change	*change;
	u64				new;	/* the entry after the change */
	unsigned int			at;	/* the access that the change comes before */
	unsigned int			seen;
};

static struct amid_guest *amid;

static unsigned int changed_entry(void)
{
	return guest_leaf(&amid->t) - amid->change->up;
}

/* With one store that heeds no flags, so that flags tell what came after it. */
static void change_entry(void *where)
{
	if (amid->seen++ == amid->at)
		guest_entry_set(&amid->t, changed_entry(), amid->new);
}

/* Whether the walk's result is what only the entry before the change gives */
static bool walked_before(void)
{
	const struct ept_guest_walk *walk = &amid->t.walk;

	if (walk->verdict != EPT_WALK_OK)
		return false;
	return amid->change->faults ||
	       (amid->change->set == OTHER_GPA && walk->gpa - DATA_GPA < SZ_4K);
}

/* Who got a translation set flags in all entries but the one that was overwritten. */
static void expect_flags_of_others(struct kunit *test)
{
	const struct guest_tables *t = &amid->t;

	for (unsigned int i = 0; i < t->levels; i++) {
		const u64 flags = i == guest_leaf(t) ? A | D : A;

		if (i != changed_entry())
			KUNIT_EXPECT_EQ_MSG(test, guest_entry(t, i) & (A | D), flags, "access %u",
					    amid->at);
	}
}

static void expect_before_or_after(struct kunit *test)
{
	const struct guest_tables *t = &amid->t;
	const u64 flags = amid->change->up ? A : A | D;
	const u64 entry = guest_entry(t, changed_entry());

	if (t->walk.verdict == EPT_WALK_OK)
		expect_flags_of_others(test);
	else
		KUNIT_EXPECT_TRUE(test, amid->change->faults);
	if (t->walk.verdict != EPT_WALK_OK || walked_before())
		KUNIT_EXPECT_EQ_MSG(test, entry, amid->new, "access %u", amid->at);
	else if (amid->change->set == OTHER_GPA)
		KUNIT_EXPECT_EQ_MSG(test, entry, amid->new | flags, "access %u", amid->at);
	else
		KUNIT_EXPECT_EQ_MSG(test, entry & ~flags, amid->new & ~flags, "access %u",
				    amid->at);
}

static void begin_amid(struct kunit *test)
{
	amid = kunit_kzalloc(test, sizeof(*amid), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, amid);
	amid->change = test->param_value;
}

/* A walk, amid which the entry changes unless that is over before. Returns what it does. */
static int walk_amid(struct kunit *test, u32 access)
{
	struct guest_tables *t = &amid->t;
	int ret;

	guest_tables_lay(t, test, LONG_4);
	t->paging.cr0 |= CR0_WP;
	amid->new = (guest_entry(t, changed_entry()) & ~amid->change->clear) | amid->change->set;
	amid->seen = 0;
	ept_access_hook = change_entry;
	ret = ept_guest_walk(t->memory->fixture->ept, &t->paging, t->gva, access, &t->walk);
	ept_access_hook = NULL;
	return ret;
}

static void a_walk_is_before_a_change_or_after_it(struct kunit *test)
{
	struct amid_guest *state;
	bool met = true;

	begin_amid(test);
	state = amid;
	for (; met; state->at++) {
		KUNIT_EXPECT_EQ(test, walk_amid(test, WRITE_ | EPT_GUEST_SET_AD), 0);
		met = state->seen > state->at;
		if (met)
			expect_before_or_after(test);
	}
	/* There is a good number of them. */
	KUNIT_EXPECT_GT(test, state->at, 40);
}

static void a_walk_that_is_made_once_ends_at_a_change(struct kunit *test)
{
	unsigned int again = 0;
	bool met = true;

	begin_amid(test);
	for (; met; amid->at++) {
		const int ret = walk_amid(test, WRITE_ | EPT_GUEST_SET_AD | EPT_GUEST_ONCE);

		met = amid->seen > amid->at;
		if (!met || ret != -EAGAIN) {
			KUNIT_EXPECT_EQ(test, ret, 0);
			continue;
		}
		again++;
		KUNIT_EXPECT_EQ(test, guest_entry(&amid->t, changed_entry()), amid->new);
		for (unsigned int i = 0; i < amid->t.levels; i++)
			if (i != changed_entry() && guest_entry(&amid->t, i) & (A | D))
				KUNIT_EXPECT_LT(test, i, amid->t.walk.nr_entries);
	}
	KUNIT_EXPECT_GT(test, again, 0);
}

static int init(struct kunit *test)
{
	const void *param = test->param_value;
	int err;

	/* The fixture has parameters of its own. */
	test->param_value = NULL;
	err = guest_memory_init(test);
	test->param_value = param;
	return err;
}

static struct kunit_case amid_guest_cases[] = {
	KUNIT_CASE_PARAM(a_walk_is_before_a_change_or_after_it, changes_gen_params),
	KUNIT_CASE_PARAM(a_walk_that_is_made_once_ends_at_a_change, changes_gen_params),
	{}
};

static struct kunit_suite amid_guest_suite = {
	.name = "ept_amid_guest",
	.init = init,
	.exit = guest_memory_exit,
	.test_cases = amid_guest_cases,
};

kunit_test_suite(amid_guest_suite);
