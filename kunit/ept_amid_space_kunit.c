// SPDX-License-Identifier: GPL-2.0
/*
 * A change of a space amid a fault, at each single access to memory that the fault makes: what the
 * change takes is not mapped, and what it forbids not possible, when it is committed.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/string.h>

#include "ept_access.h"
#include "ept_op.h"
#include "fixture.h"
#include "space_guest.h"

#define GPA	(16 * (u64)SZ_2M)
#define AT	(GPA + SZ_4K)
#define OLD	0x11
#define NEW	0x22

static const enum ept_region_kind kinds[] = { EPT_REGION_ANON, EPT_REGION_LINEAR };

static int remove(struct guest *guest)
{
	return ept_space_remove(guest->space, GPA, GUEST_SIZE);
}

static void expect_removed(struct guest *guest)
{
	struct ept_mapping mapping;

	KUNIT_EXPECT_EQ(guest->test, ept_lookup(guest->ept, AT, &mapping), -ENOENT);
	KUNIT_EXPECT_EQ(guest->test, guest_fault(guest, AT, EPT_PROT_READ), EPT_VERDICT_NONE);
}

static int set(struct guest *guest)
{
	const struct ept_region region = guest_region(guest, EPT_REGION_PAGES, GPA, SZ_64K, 0);

	return ept_space_set(guest->space, &region);
}

static void expect_set(struct guest *guest)
{
	KUNIT_EXPECT_EQ(guest->test, guest_load(guest, AT), NEW);
}

static int protect(struct guest *guest)
{
	return ept_space_protect(guest->space, GPA, SZ_64K, EPT_PROT_READ);
}

static void expect_protected(struct guest *guest)
{
	KUNIT_EXPECT_EQ(guest->test, ept_translate(guest->ept, AT, EPT_PROT_WRITE, NULL), -EFAULT);
	KUNIT_EXPECT_EQ(guest->test, guest_fault(guest, AT, EPT_PROT_WRITE),
			EPT_VERDICT_PROTECTED);
}

static int move(struct guest *guest)
{
	return ept_space_move(guest->space, GPA, SZ_64K, GPA + SZ_1G);
}

static void expect_moved(struct guest *guest)
{
	struct ept_mapping mapping;

	KUNIT_EXPECT_EQ(guest->test, ept_lookup(guest->ept, AT, &mapping), -ENOENT);
	guest_store(guest, AT + SZ_1G, NEW);
	KUNIT_EXPECT_EQ(guest->test, guest_load(guest, AT + SZ_1G), NEW);
}

static const struct amid_change {
	const char	*name;
	int		(*make)(struct guest *guest);
	void		(*expect)(struct guest *guest);
} changes[] = {
	{ "remove", remove, expect_removed },
	{ "set", set, expect_set },
	{ "protect", protect, expect_protected },
	{ "move", move, expect_moved },
};

KUNIT_ARRAY_PARAM_DESC(changes, changes, name);

static struct amid_space {
	struct guest			*guest;
	const struct amid_change	*change;
	unsigned int			at;	/* the access that the change comes before */
	unsigned int			seen;
	int				err;
} amid;

/* A change waits for who maps a leaf, for the table's lock, and for who has interrupts off. */
static bool excludes_changes(void)
{
	const struct ept *ept = amid.guest->ept;
	struct mm_struct *mm = amid.guest->mm;
	const struct ept_cpu *cpu;

	if (irqs_disabled() || (mm && rwsem_is_locked(&mm->mmap_lock)))
		return true;
	for (cpu = ept->first_cpu; cpu; cpu = cpu->next)
		if (cpu->mapping)
			return true;
	return rwsem_is_locked((struct rw_semaphore *)&ept->lock);
}

static void change(void *where)
{
	if (excludes_changes() || amid.seen++ != amid.at)
		return;
	ept_access_hook = NULL;
	amid.err = amid.change->make(amid.guest);
	ept_access_hook = change;
}

/*
 * The thread that faults has begun the change, so that this doesn't wait for it; where it would
 * have to wait, the fault says so.
 */
static void fault_amid(struct guest *guest)
{
	int ret;

	amid.seen = 0;
	KUNIT_EXPECT_EQ(guest->test, ept_space_begin(guest->space), 0);
	ept_access_hook = change;
	ret = guest_fault(guest, AT, EPT_PROT_WRITE);
	ept_access_hook = NULL;
	KUNIT_EXPECT_TRUE_MSG(guest->test, ret == EPT_VERDICT_RESUME || ret == EPT_VERDICT_NONE ||
			      ret == -EDEADLK, "%d, access %u", ret, amid.at);
	KUNIT_EXPECT_EQ(guest->test, ept_space_commit(guest->space), 0);
}

/* @remembers: the CPU has found the region before, by a page beside. False: it is over. */
static bool try_at(struct guest *guest, enum ept_region_kind kind, bool remembers)
{
	bool met;

	must_add(guest, kind, GPA, GUEST_SIZE);
	if (remembers)
		guest_load(guest, GPA + SZ_2M);
	fault_amid(guest);
	met = amid.seen > amid.at;
	if (met) {
		KUNIT_EXPECT_EQ(guest->test, amid.err, 0);
		amid.change->expect(guest);
	}
	KUNIT_EXPECT_EQ(guest->test, ept_space_remove(guest->space, 0, BIT_ULL(40)), 0);
	KUNIT_EXPECT_EQ_MSG(guest->test, guest_anon_pages(guest), 0, "access %u", amid.at);
	return met;
}

static void nothing_is_mapped_after_it_went(struct kunit *test)
{
	struct guest *guest = test->priv;

	amid = (struct amid_space){ .guest = guest, .change = test->param_value };
	memset(page_address(guest->linear), OLD, SZ_64K);
	memset(page_address(guest->pages[1]), NEW, SZ_4K);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		for (amid.at = 0; try_at(guest, kinds[i / 2], i % 2); amid.at++)
			;
		/* There is a good number of them. */
		KUNIT_EXPECT_GT(test, amid.at, 20);
	}
}

/*
 * The process gets another page there amid a fault that may have found the one before.
 */

static int lose(struct guest *guest)
{
	guest_discard(guest, 1, 1);
	return 0;
}

static const struct amid_change losing = { "lose", lose };

static bool try_losing_at(struct guest *guest)
{
	struct page *page;

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	process_store(guest, guest_user(guest, 1), OLD);
	/* Kept, so that the next isn't the same one */
	KUNIT_ASSERT_EQ(guest->test, get_user_pages_fast(guest->address + SZ_4K, 1, 0, &page), 1);
	amid.seen = 0;
	ept_access_hook = change;
	KUNIT_EXPECT_EQ(guest->test, guest_fault(guest, AT, EPT_PROT_WRITE), EPT_VERDICT_RESUME);
	ept_access_hook = NULL;
	process_store(guest, guest_user(guest, 1), NEW);
	KUNIT_EXPECT_EQ_MSG(guest->test, guest_load(guest, AT), NEW, "access %u", amid.at);
	put_page(page);
	KUNIT_EXPECT_EQ(guest->test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	return amid.seen > amid.at;
}

static void a_page_that_a_process_lost_is_not_mapped(struct kunit *test)
{
	struct guest *guest = test->priv;

	guest_need_process(guest);
	amid = (struct amid_space){ .guest = guest, .change = &losing };
	for (amid.at = 0; try_losing_at(guest); amid.at++)
		;
	KUNIT_EXPECT_GT(test, amid.at, 20);
	guest_end_process(guest);
}

/*
 * The log is read amid a fault of a write, which has noted its page by then or not: what is written
 * afterwards is in it the next time.
 */

static DECLARE_BITMAP(logged, SZ_64K / SZ_4K);

static int read_log(struct guest *guest)
{
	return ept_space_log_get(guest->space, GPA, SZ_64K, logged);
}

static const struct amid_change reading = { "read the log", read_log };

static bool try_reading_at(struct guest *guest, enum ept_region_kind kind)
{
	struct kunit *test = guest->test;

	must_add(guest, kind, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, SZ_64K, EPT_LOG_LAZY), 0);
	amid.seen = 0;
	ept_access_hook = change;
	KUNIT_EXPECT_EQ(test, guest_fault(guest, AT, EPT_PROT_WRITE), EPT_VERDICT_RESUME);
	ept_access_hook = NULL;
	KUNIT_EXPECT_EQ(test, amid.err, 0);
	guest_store(guest, AT, NEW);
	bitmap_zero(logged, SZ_64K / SZ_4K);
	KUNIT_EXPECT_EQ(test, read_log(guest), 0);
	KUNIT_EXPECT_TRUE_MSG(test, test_bit(1, logged), "access %u", amid.at);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	return amid.seen > amid.at;
}

static void what_is_written_after_a_log_was_read_is_in_the_next(struct kunit *test)
{
	struct guest *guest = test->priv;

	amid = (struct amid_space){ .guest = guest, .change = &reading };
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (amid.at = 0; try_reading_at(guest, kinds[i]); amid.at++)
			;
		KUNIT_EXPECT_GT(test, amid.at, 20);
	}
}

/*
 * Two threads that meet amid each other. The log is read, of a table with dirty flags. When that
 * has harvested, and found none, a CPU writes, and a notifier takes the page. It has noted that in
 * the log, and holds the table's lock still, when the other thread goes on: collects, and returns.
 * The CPU, which nobody has told of anything, writes once more.
 */
static struct torn {
	struct guest		*guest;
	struct task_struct	*reader;
	struct completion	harvested;
	struct completion	noted;
	struct completion	read;
	struct completion	over;
	unsigned int		stage;
	u64			generation;	/* of the CPU's translation */
	bool			told;		/* to drop it, when the log was read */
} torn;

static void meet(void *where)
{
	struct ept *ept = torn.guest->ept;
	const bool locked = rwsem_is_locked(&ept->lock);
	struct ept_mapping mapping;

	if (irqs_disabled())
		return;
	if (current == torn.reader) {
		if (torn.stage == 0 && locked) {
			torn.stage = 1;
		} else if (torn.stage == 1 && !locked) {
			torn.stage = 2;
			complete(&torn.harvested);
			wait_for_completion(&torn.noted);
		}
	} else if (torn.stage == 2 && locked && where == &ept->changes) {
		torn.stage = 3;
		if (!ept_lookup(ept, AT, &mapping)) {
			torn.stage = 2;
			return;
		}
		complete(&torn.noted);
		/* Whoever reads the log may as well wait for the table's lock. */
		wait_for_completion_timeout(&torn.read, HZ / 5);
	}
}

static int read_amid(void *unused)
{
	struct guest *guest = torn.guest;
	u8 value = NEW;

	current->kunit_test = guest->test;
	torn.reader = current;
	ept_space_log_get(guest->space, GPA, SZ_64K, logged);
	torn.told = torn.generation != guest->generation;
	if (!torn.told)
		guest_access(guest, &guest->cpu, AT, &value, 1, true);
	complete(&torn.read);
	current->kunit_test = NULL;
	/* Also where they didn't meet */
	complete(&torn.harvested);
	complete(&torn.over);
	return 0;
}

static void a_log_that_has_a_page_has_its_later_writes_another_time(struct kunit *test)
{
	struct guest *guest = test->priv;

	guest_need_process(guest);
	torn = (struct torn){ .guest = guest };
	init_completion(&torn.harvested);
	init_completion(&torn.noted);
	init_completion(&torn.read);
	init_completion(&torn.over);
	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	guest_store(guest, AT, OLD);
	KUNIT_ASSERT_EQ(test, ept_space_log_start(guest->space, GPA, SZ_64K, 0), 0);
	bitmap_zero(logged, SZ_64K / SZ_4K);

	ept_access_hook = meet;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(read_amid, NULL, "read_amid"));
	wait_for_completion(&torn.harvested);
	guest_store(guest, AT, OLD);
	torn.generation = guest->generation;
	guest_discard(guest, 1, 1);
	complete(&torn.noted);
	wait_for_completion(&torn.over);
	ept_access_hook = NULL;

	KUNIT_EXPECT_EQ(test, torn.stage, 3);
	KUNIT_EXPECT_TRUE(test, test_bit(1, logged));
	bitmap_zero(logged, SZ_64K / SZ_4K);
	KUNIT_EXPECT_EQ(test, read_log(guest), 0);
	/* Either the CPU was stopped before the log was read, or its write is in the next. */
	KUNIT_EXPECT_TRUE(test, torn.told || test_bit(1, logged));
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	guest_end_process(guest);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(nothing_is_mapped_after_it_went, changes_gen_params),
	KUNIT_CASE(a_page_that_a_process_lost_is_not_mapped),
	KUNIT_CASE(what_is_written_after_a_log_was_read_is_in_the_next),
	KUNIT_CASE(a_log_that_has_a_page_has_its_later_writes_another_time),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_amid_space",
	.suite_init = guest_suite_init,
	.init = guest_init_own_params,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
