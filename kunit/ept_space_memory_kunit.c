// SPDX-License-Identifier: GPL-2.0
/*
 * Out of memory, at every allocation that a space makes: -ENOMEM, nothing changed, no page lost.
 * What ept_memory_kunit.c says of the kernel holds here, too.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "ept_guest.h"
#include "ept_priv.h"
#include "fixture.h"
#include "space_guest.h"

#define GPA	(16 * (u64)SZ_2M)
#define OTHER	(GPA + SZ_1G)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)
#define TRIES	60

#ifdef CONFIG_FAULT_INJECTION

static void fail_allocation(unsigned int nth)
{
	WRITE_ONCE(current->fail_nth, nth);
}

static bool an_allocation_failed(void)
{
	const bool failed = !READ_ONCE(current->fail_nth);

	fail_allocation(0);
	return failed;
}

#else

static void fail_allocation(unsigned int nth)
{
}

static bool an_allocation_failed(void)
{
	return false;
}

#endif

static int memory_init(struct kunit *test)
{
	const int err = guest_init_own_params(test);
	struct page *page;

	if (err)
		return err;
	fail_allocation(1);
	page = alloc_page(GFP_KERNEL);
	if (page)
		__free_page(page);
	if (!an_allocation_failed() || page)
		kunit_skip(test, "this kernel doesn't let page allocations fail");
	/* One allocation fails at a time, and an operation would ask once more, and get it. */
	ept_hooks.nothing_at_once = true;
	return 0;
}

static void memory_exit(struct kunit *test)
{
	ept_hooks.nothing_at_once = false;
	guest_exit(test);
}

/*
 * What each try begins with: a large leaf, memory of the host beside it, and a page that cannot be
 * had as part of a large one.
 */
static void prepare(struct guest *guest)
{
	must_add(guest, EPT_REGION_ANON, GPA, SZ_4M);
	must_add(guest, EPT_REGION_LINEAR, GPA + SZ_4M, SZ_4M);
	must_add(guest, EPT_REGION_ANON, SZ_4K, SZ_4K);
	guest_store(guest, GPA + SZ_1M, 1);
	guest_store(guest, GPA + SZ_4M + SZ_1M, 2);
}

static bool is_as_before(struct guest *guest)
{
	static const enum ept_region_kind kinds[] = { EPT_REGION_ANON, EPT_REGION_LINEAR };
	struct ept_region region;
	u64 at = GPA;
	bool same = guest_load(guest, GPA + SZ_1M) == 1 &&
		    guest_load(guest, GPA + SZ_4M + SZ_1M) == 2;

	/* In one piece each */
	for (unsigned int i = 0; same && i < ARRAY_SIZE(kinds); i++, at += SZ_4M)
		same = !ept_space_find(guest->space, at + SZ_1M, &region) && region.gpa == at &&
		       region.size == SZ_4M && region.kind == kinds[i];
	return same && ept_space_find(guest->space, at, &region) == -ENOENT &&
	       ept_translate(guest->ept, OTHER + SZ_1M, 0, NULL) == -EFAULT;
}

static int add(struct guest *guest)
{
	const struct ept_region region = guest_region(guest, EPT_REGION_PAGES, OTHER, SZ_4M, 0);

	return ept_space_add(guest->space, &region);
}

static int add_pinned(struct guest *guest)
{
	const struct ept_region region = guest_region(guest, EPT_REGION_PINNED, OTHER, SZ_64K, 0);

	return ept_space_add(guest->space, &region);
}

static int use_file(struct guest *guest)
{
	const struct ept_region region = guest_region(guest, EPT_REGION_FILE, OTHER, SZ_64K, 0);
	int err = ept_space_add(guest->space, &region);

	if (err)
		return err;
	err = ept_space_populate(guest->space, OTHER, SZ_64K, RW, NULL, NULL);
	if (err)
		ept_space_remove(guest->space, OTHER, SZ_64K);
	return err;
}

/* A part of what is held, and what of it stays where it is */
static int move_held(struct guest *guest, enum ept_region_kind kind)
{
	const struct ept_region region = guest_region(guest, kind, OTHER, SZ_64K, 0);
	int err = ept_space_add(guest->space, &region);
	struct ept_region found;

	if (err)
		return err;
	err = ept_space_move(guest->space, OTHER + SZ_4K, SZ_32K, OTHER + SZ_1G);
	if (!err)
		return 0;
	KUNIT_EXPECT_EQ(guest->test, ept_space_find(guest->space, OTHER + SZ_4K, &found), 0);
	KUNIT_EXPECT_EQ(guest->test, found.gpa, OTHER);
	KUNIT_EXPECT_EQ(guest->test, ept_space_remove(guest->space, OTHER, SZ_64K), 0);
	return err;
}

static int move_pinned(struct guest *guest)
{
	return move_held(guest, EPT_REGION_PINNED);
}

static int move_file(struct guest *guest)
{
	return move_held(guest, EPT_REGION_FILE);
}

static int move_client(struct guest *guest)
{
	return move_held(guest, EPT_REGION_CLIENT);
}

static int walk(struct guest *guest)
{
	static const struct ept_guest_paging unpaged = { .maxphyaddr = 46 };
	struct ept_guest_walk walk;
	struct ept_fault fault;

	return ept_space_walk(guest->space, &unpaged, SZ_4K, EPT_PROT_WRITE, &walk, &fault);
}

static int open_window(struct guest *guest)
{
	struct ept_window window;
	int err = ept_space_window_open(guest->space, SZ_4K, 0, true, &window);

	return err ?: ept_space_window_close(&window, true);
}

/* The edges cut both regions, and the large leaf. */
static int set(struct guest *guest)
{
	const struct ept_region region = guest_region(guest, EPT_REGION_PAGES, GPA + SZ_1M + SZ_4K,
						      GUEST_SIZE, 0);

	return ept_space_set(guest->space, &region);
}

static int remove(struct guest *guest)
{
	return ept_space_remove(guest->space, GPA + SZ_1M + SZ_4K, SZ_4M);
}

static int protect(struct guest *guest)
{
	return ept_space_protect(guest->space, GPA + SZ_1M + SZ_4K, SZ_4M, EPT_PROT_READ);
}

static int set_memtype(struct guest *guest)
{
	return ept_space_set_memtype(guest->space, GPA + SZ_1M + SZ_4K, SZ_4M, EPT_MT_UC);
}

/* The edge cuts the large leaf, and the new place takes tables. */
static int move(struct guest *guest)
{
	return ept_space_move(guest->space, GPA + SZ_1M - SZ_4K, SZ_4M, OTHER);
}

static int zap(struct guest *guest)
{
	return ept_space_zap(guest->space, GPA + SZ_1M + SZ_4K, SZ_4M);
}

static int discard(struct guest *guest)
{
	return ept_space_discard(guest->space, GPA + SZ_1M + SZ_4K, SZ_4M);
}

static int get_lazy_log(struct guest *guest)
{
	return ept_space_log_start(guest->space, GPA + SZ_1M + SZ_4K, SZ_4M, EPT_LOG_LAZY);
}

static int get_log(struct guest *guest)
{
	return ept_space_log_start(guest->space, GPA + SZ_1M + SZ_4K, SZ_4M, 0);
}

static int move_into_log(struct guest *guest)
{
	int err = ept_space_log_start(guest->space, OTHER, SZ_4M, 0);

	if (err)
		return err;
	err = ept_space_move(guest->space, GPA, SZ_4M, OTHER);
	ept_space_log_stop(guest->space, OTHER, SZ_4M);
	return err;
}

static int fault(struct guest *guest)
{
	int ret = guest_fault(guest, SZ_4K, EPT_PROT_WRITE);

	return ret < 0 ? ret : 0;
}

static int populate(struct guest *guest)
{
	return ept_space_populate(guest->space, 0, GPA + SZ_8M, RW, NULL, NULL);
}

static const struct {
	const char	*name;
	int		(*run)(struct guest *guest);
} operations[] = {
	{ "add", add }, { "set", set }, { "remove", remove }, { "protect", protect },
	{ "memtype", set_memtype },
	{ "move", move }, { "log", get_log }, { "lazy log", get_lazy_log }, { "zap", zap },
	{ "discard", discard },
	{ "fault", fault }, { "populate", populate },
	{ "pinned", add_pinned }, { "file", use_file }, { "walk", walk }, { "window", open_window },
	{ "move pinned", move_pinned }, { "move file", move_file }, { "move client", move_client },
	{ "move into a log", move_into_log },
};

KUNIT_ARRAY_PARAM_DESC(operations, operations, name);

static void an_allocation_that_fails_changes_nothing(struct kunit *test)
{
	typeof(operations[0]) *operation = test->param_value;
	struct guest *guest = test->priv;
	unsigned int failures = 0;
	bool failed = true;

	guest_make_process(guest);
	for (unsigned int nth = 1; failed && nth < TRIES; nth++) {
		int err;

		prepare(guest);
		fail_allocation(nth);
		err = operation->run(guest);
		failed = an_allocation_failed();
		KUNIT_EXPECT_TRUE_MSG(test, !err || (failed && err == -ENOMEM), "%d, %u", err, nth);
		failures += !!err;
		if (err)
			KUNIT_EXPECT_TRUE_MSG(test, is_as_before(guest), "allocation %u", nth);
		ept_space_log_stop(guest->space, GPA + SZ_1M + SZ_4K, SZ_4M);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, SZ_4M * 1024ULL), 0);
		KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
	}
	KUNIT_EXPECT_GE(test, failures, 1);
	KUNIT_EXPECT_FALSE(test, failed);
	KUNIT_EXPECT_EQ(test, READ_ONCE(guest->mm->locked_vm), 0UL);
	guest_end_process(guest);
}

/* How many creations fail, as one allocation after the other does */
static unsigned int fail_creations(struct guest *guest)
{
	struct kunit *test = guest->test;
	const unsigned long before = table_pages();
	unsigned int failures = 0;
	bool failed = true;

	for (unsigned int nth = 1; failed && nth < TRIES; nth++) {
		struct ept_space *space;

		fail_allocation(nth);
		space = ept_space_create(&guest->config);
		failed = an_allocation_failed();
		failures += IS_ERR(space);
		KUNIT_EXPECT_TRUE(test, !IS_ERR(space) || PTR_ERR(space) == -ENOMEM);
		ept_space_destroy(space);
		KUNIT_EXPECT_EQ(test, table_pages(), before);
	}
	KUNIT_EXPECT_FALSE(test, failed);
	return failures;
}

/*
 * The table's, the space's and that of its SRCU, at least. Debugging allocates too, and not each
 * time: then one of these is skipped, and another round has it.
 */
static void a_creation_that_fails_leaves_nothing(struct kunit *test)
{
	unsigned int failures = 0;

	for (unsigned int round = 0; failures < 3 && round < 8; round++)
		failures = fail_creations(test->priv);
	KUNIT_EXPECT_GE(test, failures, 3);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_creation_that_fails_leaves_nothing),
	KUNIT_CASE_PARAM(an_allocation_that_fails_changes_nothing, operations_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_memory",
	.suite_init = guest_suite_init,
	.init = memory_init,
	.exit = memory_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
