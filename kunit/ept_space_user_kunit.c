// SPDX-License-Identifier: GPL-2.0
/* A process' memory as the guest's: whatever the process does, the guest sees its pages. */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "ept_compat.h"
#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)

static int user_init(struct kunit *test)
{
	int err = guest_init(test);

	if (!err)
		guest_need_process(test->priv);
	return err;
}

static void guest_and_process_share_their_pages(struct kunit *test)
{
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	process_store(guest, guest_user(guest, 0), 1);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 1);
	process_store(guest, guest_user(guest, 0), 2);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 2);
	guest_store(guest, GPA + SZ_4K, 3);
	KUNIT_EXPECT_EQ(test, process_load(guest, guest_user(guest, 1)), 3);
	/* The guest reads first: there is the zero page, and both get another one. */
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_8K), 0);
	guest_store(guest, GPA + SZ_8K, 4);
	KUNIT_EXPECT_EQ(test, process_load(guest, guest_user(guest, 2)), 4);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + 3 * SZ_4K), 0);
	process_store(guest, guest_user(guest, 3), 5);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + 3 * SZ_4K), 5);
	guest_store(guest, GPA + 3 * SZ_4K, 6);
	KUNIT_EXPECT_EQ(test, process_load(guest, guest_user(guest, 3)), 6);
	guest_end_process(guest);
}

static void what_the_process_unmaps_is_gone_at_once(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space_stats stats;
	u8 byte;

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, GUEST_SIZE, RW, NULL, NULL), 0);
	for (unsigned long page = 0; page < GUEST_PAGES; page++)
		guest_store(guest, GPA + page * SZ_4K, page);
	KUNIT_EXPECT_EQ(test, vm_munmap(guest->address + 2 * SZ_4K, SZ_64K), 0);
	for (unsigned long page = 0; page < GUEST_PAGES; page++) {
		const u64 gpa = GPA + page * SZ_4K;

		if (page < 2 || page >= 18) {
			KUNIT_EXPECT_EQ(test, guest_load(guest, gpa), (u8)page);
			continue;
		}
		KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, gpa, 0, NULL), -EFAULT);
		KUNIT_EXPECT_EQ(test, guest_access(guest, &guest->cpu, gpa, &byte, 1, false),
				-EFAULT);
		KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, gpa, &byte, 1, 0), -EFAULT);
	}
	/* And comes back with what is there then. */
	guest_discard(guest, 2, 16);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_8K), 0);
	guest_store(guest, GPA + SZ_8K, 8);
	KUNIT_EXPECT_EQ(test, process_load(guest, guest_user(guest, 2)), 8);
	ept_space_get_stats(guest->space, &stats);
	KUNIT_EXPECT_GE(test, stats.invalidations, 1);
	guest_end_process(guest);
}

static void a_discard_while_the_cpu_keeps_the_page_is_seen(struct kunit *test)
{
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	for (unsigned int i = 1; i < 20; i++) {
		guest_store(guest, GPA, i);
		KUNIT_EXPECT_EQ(test, process_load(guest, guest_user(guest, 0)), i);
		guest_discard(guest, 0, 1 + i * 30);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 0);
	}
	guest_end_process(guest);
}

static void memory_that_the_process_only_reads_is_not_written(struct kunit *test)
{
	struct guest *guest = test->priv;
	u8 byte = 1;

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	process_store(guest, guest_user(guest, 0), 9);
	KUNIT_EXPECT_EQ(test, vm_mmap(NULL, guest->address + SZ_4K, SZ_4K, PROT_READ,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
			guest->address + SZ_4K);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, guest_access(guest, &guest->cpu, GPA + SZ_4K, &byte, 1, true),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA + SZ_4K, &byte, 1, 0), -EFAULT);
	guest_store(guest, GPA, 10);
	guest_end_process(guest);
}

static void parts_of_a_region_follow_the_process(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region;

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, GUEST_SIZE, RW, NULL, NULL), 0);
	region = guest_region(guest, EPT_REGION_ANON, GPA + SZ_64K, SZ_64K, 0);
	KUNIT_EXPECT_EQ(test, ept_space_set(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_32K, EPT_PROT_READ), 0);
	for (unsigned int page = 0; page < 64; page++) {
		if (page >= 8)
			guest_store(guest, GPA + page * SZ_4K, page);
		else
			process_store(guest, guest_user(guest, page), page);
	}
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + 7 * SZ_4K), 7);
	guest_discard(guest, 0, 64);
	for (unsigned int page = 0; page < 64; page++)
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + page * SZ_4K),
				page >= 16 && page < 32 ? page : 0);
	/* In two places at once */
	region = guest_region(guest, EPT_REGION_USER, GPA + SZ_1G, SZ_64K, 0);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest_store(guest, GPA + SZ_1G, 77);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 77);
	guest_discard(guest, 0, 1);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_1G), 0);
	guest_end_process(guest);
}

static void memory_that_moved_follows_the_process(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 away = GPA + SZ_1G;

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	for (unsigned int page = 0; page < 64; page++)
		guest_store(guest, GPA + page * SZ_4K, page + 1);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA + SZ_64K, SZ_64K, away), 0);
	/* By faults, as the process may lose it meanwhile */
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, away, 0, NULL), -EFAULT);
	for (unsigned int page = 0; page < 16; page++) {
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + page * SZ_4K), page + 1);
		KUNIT_EXPECT_EQ(test, guest_load(guest, away + page * SZ_4K), page + 17);
	}
	guest_discard(guest, 8, 16);
	for (unsigned int page = 0; page < 16; page++) {
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + page * SZ_4K),
				page < 8 ? page + 1 : 0);
		KUNIT_EXPECT_EQ(test, guest_load(guest, away + page * SZ_4K),
				page < 8 ? 0 : page + 17);
	}
	guest_store(guest, away, 99);
	KUNIT_EXPECT_EQ(test, process_load(guest, guest_user(guest, 16)), 99);
	/* What was behind the first address isn't notified any more. */
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	guest_discard(guest, 0, 64);
	KUNIT_EXPECT_EQ(test, guest_load(guest, away), 0);
	guest_end_process(guest);
}

static void the_log_has_what_went_with_the_process_memory(struct kunit *test)
{
	struct guest *guest = test->priv;
	unsigned long logged[1] = {};

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, SZ_128K, 0), 0);
	guest_store(guest, GPA, 1);
	guest_load(guest, GPA + SZ_4K);
	guest_store(guest, GPA + SZ_8K, 1);
	guest_discard(guest, 0, 2);
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, SZ_128K, logged), 0);
	KUNIT_EXPECT_EQ(test, logged[0], BIT(0) | BIT(2));
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, SZ_128K), 0);
	guest_end_process(guest);
}

/*
 * What becomes of the process' pages
 */

/* The page that the process has there, which stays while it has it */
static struct page *page_of(struct guest *guest, unsigned long address)
{
	struct page *page = NULL;

	KUNIT_ASSERT_EQ(guest->test, get_user_pages_fast(address, 1, 0, &page), 1);
	put_page(page);
	return page;
}

static void forget_use(struct page *page)
{
	folio_clear_dirty(page_folio(page));
	folio_clear_referenced(page_folio(page));
}

static bool is_dirty(struct page *page)
{
	return folio_test_dirty(page_folio(page));
}

/*
 * Linux's list of pages to activate, of 31 on each CPU, takes a page once more whenever that is
 * touched twice, and holds it as often until the list is full.
 */
#define LISTED	(2 * 31)
#define ROUNDS	(4 * LISTED)	/* so often that lists don't count */

/* Others may hold @others more, for a moment. */
static void expect_references(struct guest *guest, struct page *page, int references, int others)
{
	KUNIT_EXPECT_LE(guest->test, abs(page_count(page) - references), others);
}

static void pages_are_let_go_of_and_say_what_the_guest_did(struct kunit *test)
{
	struct guest *guest = test->priv;
	const bool flags = guest->mmu.accessed_dirty;
	struct page *page;
	int references;

	process_store(guest, guest_user(guest, 0), 1);
	page = page_of(guest, guest->address);
	references = page_count(page);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const bool write = i & 1;

		must_add(guest, EPT_REGION_USER, GPA, SZ_64K);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 1);
		if (write)
			guest_store(guest, GPA, 1);
		forget_use(page);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_64K), 0);
		expect_references(guest, page, references, LISTED);
		KUNIT_EXPECT_EQ(test, is_dirty(page), write);
		KUNIT_EXPECT_EQ(test, folio_test_referenced(page_folio(page)), flags);
	}
	guest_end_process(guest);
}

static void the_host_lets_go_of_pages_and_says_what_it_wrote(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_window window;
	struct page *page;
	int references;
	u8 byte = 0;

	process_store(guest, guest_user(guest, 0), 1);
	page = page_of(guest, guest->address);
	references = page_count(page);
	must_add(guest, EPT_REGION_USER, GPA, SZ_64K);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const bool wrote = i & 1;

		forget_use(page);
		KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA, &byte, 1, 0), 1);
		KUNIT_EXPECT_EQ(test, byte, 1);
		KUNIT_EXPECT_FALSE(test, is_dirty(page));
		KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA, &byte, 1, 0), 1);
		KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(page_folio(page)));
		KUNIT_EXPECT_TRUE(test, is_dirty(page));
		KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, GPA, 0, wrote, &window),
				0);
		KUNIT_EXPECT_EQ(test, folio_maybe_dma_pinned(page_folio(page)), wrote);
		folio_clear_dirty(page_folio(page));
		KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, wrote), 0);
		KUNIT_EXPECT_EQ(test, is_dirty(page), wrote);
		expect_references(guest, page, references, LISTED);
	}
	guest_end_process(guest);
}

/*
 * Huge pages
 */

/* As madvise() does, of all that is mapped at once */
static void want_huge_pages(struct guest *guest, unsigned long at)
{
#if EPT_KUNIT_HAS_PROCESS
	struct vm_area_struct *vma;

	mmap_write_lock(guest->mm);
	vma = find_vma(guest->mm, at);
	if (vma)
		vm_flags_set(vma, VM_HUGEPAGE);
	mmap_write_unlock(guest->mm);
#endif
}

/* The address of two of them, the first of whose pages have their numbers written to them */
static unsigned long make_huge_pages(struct guest *guest)
{
	struct kunit *test = guest->test;
	unsigned long at;
	u8 byte;

	at = vm_mmap(NULL, 0, 3 * SZ_2M, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(at));
	want_huge_pages(guest, at);
	at = ALIGN(at, SZ_2M);
	for (byte = 0; byte < 16; byte++) {
		KUNIT_EXPECT_EQ(test, copy_to_user((void __user *)(at + byte * SZ_4K), &byte, 1),
				0UL);
		KUNIT_EXPECT_EQ(test, copy_to_user((void __user *)(at + SZ_2M + byte * SZ_4K),
						   &byte, 1), 0UL);
	}
	if (folio_nr_pages(page_folio(page_of(guest, at))) == 1 ||
	    folio_nr_pages(page_folio(page_of(guest, at + SZ_2M))) == 1) {
		guest_end_process(guest);
		kunit_skip(test, "there are no huge pages");
	}
	return at;
}

static void a_huge_page_of_the_process_has_a_large_leaf(struct kunit *test)
{
	struct guest *guest = test->priv;
	const unsigned long at = make_huge_pages(guest);
	const enum ept_level large = guest_large(guest, RW);
	struct ept_region region = guest_region(guest, EPT_REGION_USER, GPA, 2 * SZ_2M, 0);
	struct page *page = page_of(guest, at), *last = page_of(guest, at + SZ_2M - SZ_4K);
	const int references = page_count(page);
	const u8 other = 77;

	region.user.address = at;
	region.attrs.prot = RW;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	for (unsigned int i = 0; i < 2; i++) {
		const u64 gpa = GPA + i * SZ_2M;

		/* Also what was only read before */
		if (i == 1)
			KUNIT_EXPECT_EQ(test, guest_load(guest, gpa + 6 * SZ_4K), 6);
		guest_store(guest, gpa + 5 * SZ_4K, 50);
		KUNIT_EXPECT_EQ(test, guest_level(guest, gpa + 5 * SZ_4K), large);
		for (u8 byte = 0; byte < 16; byte++)
			KUNIT_EXPECT_EQ(test, guest_load(guest, gpa + byte * SZ_4K),
					byte == 5 ? 50 : byte);
	}
	expect_references(guest, page, references, 15);
	forget_use(page);
	/* And not, where the log has a page of it alone. */
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA, SZ_2M), 0);
	KUNIT_EXPECT_TRUE(test, is_dirty(last));
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA + SZ_64K, SZ_4K, 0), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 1);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_4K), EPT_4K);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_2M), large);
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA + SZ_64K, SZ_4K), 0);
	/* Nor where a page of the huge one is another. */
	KUNIT_EXPECT_EQ(test, vm_mmap(NULL, at + SZ_32K, SZ_4K, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0), at + SZ_32K);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 0);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), EPT_4K);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_32K), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_32K + SZ_4K), 9);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, copy_to_user((void __user *)(at + SZ_32K), &other, 1), 0UL);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 0);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), EPT_4K);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_32K), other);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_2M + SZ_4K), 1);
	guest_end_process(guest);
}

static void a_part_of_a_huge_page_has_small_leaves(struct kunit *test)
{
	struct guest *guest = test->priv;
	const unsigned long at = make_huge_pages(guest);
	struct ept_region region = guest_region(guest, EPT_REGION_USER, GPA, SZ_2M + SZ_4K, 0);

	/* Aligned otherwise in the guest */
	region.user.address = at + SZ_4K;
	region.attrs.prot = RW;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 2);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_4K), EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, region.size), 0);
	/* It begins, and ends, amid one. */
	region.gpa = GPA + SZ_4K;
	region.size = SZ_2M + SZ_64K;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	for (unsigned int i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + i * SZ_2M + SZ_8K), 2);
		KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + i * SZ_2M + SZ_8K), EPT_4K);
	}
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA, 0, NULL), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, region.gpa, region.size), 0);
	guest_end_process(guest);
}

static void a_huge_page_is_in_one_leaf_again_once_its_log_ends(struct kunit *test)
{
	struct guest *guest = test->priv;
	const unsigned long at = make_huge_pages(guest);
	const enum ept_level large = guest_large(guest, RW);
	struct ept_region region = guest_region(guest, EPT_REGION_USER, GPA, 2 * SZ_2M, 0);

	region.user.address = at;
	region.attrs.prot = RW;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	for (u32 flags = 0; flags <= EPT_LOG_LAZY; flags += EPT_LOG_LAZY) {
		guest_store(guest, GPA, 0);
		KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), large);
		KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, SZ_2M, flags), 0);
		guest_store(guest, GPA + 3 * SZ_4K, 3);
		KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + 3 * SZ_4K), EPT_4K);
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, SZ_2M), 0);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + 4 * SZ_4K), 4);
		KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + 4 * SZ_4K), large);
	}
	guest_end_process(guest);
}

static void bad_memory_is_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_USER, GPA, GUEST_SIZE, 0);

	region.user.address++;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EINVAL);
	region.user.address = PAGE_ALIGN_DOWN(guest->mm->task_size) - SZ_4K;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -ERANGE);
	region.user.address = -SZ_4K;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -ERANGE);
	/* To the end of what a process may have */
	region.user.address = PAGE_ALIGN_DOWN(guest->mm->task_size) - SZ_4K;
	region.size = SZ_4K;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest_end_process(guest);
}

static void the_process_may_end_before_its_guest(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct mm_struct *mm = guest->mm;
	struct ept_region region;
	struct ept_stats stats;

	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, GUEST_SIZE, RW, NULL, NULL), 0);
	mmgrab(mm);
	guest_end_process(guest);
	ept_get_stats(guest->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_4K] + stats.leaves[EPT_2M], 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), -EFAULT);
	region = guest_region(guest, EPT_REGION_USER, GPA + SZ_1G, SZ_4K, 0);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA, GUEST_SIZE, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), -EFAULT);
	mmdrop(mm);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(guest_and_process_share_their_pages, configs_gen_params),
	KUNIT_CASE_PARAM(what_the_process_unmaps_is_gone_at_once, configs_gen_params),
	KUNIT_CASE(a_discard_while_the_cpu_keeps_the_page_is_seen),
	KUNIT_CASE(memory_that_the_process_only_reads_is_not_written),
	KUNIT_CASE(parts_of_a_region_follow_the_process),
	KUNIT_CASE_PARAM(memory_that_moved_follows_the_process, configs_gen_params),
	KUNIT_CASE_PARAM(the_log_has_what_went_with_the_process_memory, configs_gen_params),
	KUNIT_CASE_PARAM(pages_are_let_go_of_and_say_what_the_guest_did, configs_gen_params),
	KUNIT_CASE(the_host_lets_go_of_pages_and_says_what_it_wrote),
	KUNIT_CASE_PARAM(a_huge_page_of_the_process_has_a_large_leaf, configs_gen_params),
	KUNIT_CASE_PARAM(a_part_of_a_huge_page_has_small_leaves, configs_gen_params),
	KUNIT_CASE_PARAM(a_huge_page_is_in_one_leaf_again_once_its_log_ends, configs_gen_params),
	KUNIT_CASE(bad_memory_is_refused),
	KUNIT_CASE(the_process_may_end_before_its_guest),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_user",
	.suite_init = guest_suite_init,
	.init = user_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
