// SPDX-License-Identifier: GPL-2.0
/* The host in the guest's memory: walks of the guest's page tables, and windows. */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "ept_guest.h"
#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)

/*
 * Walks: 4-level tables in the four pages from GPA on, which lead each of the lower 2M to DATA.
 */

#define DATA		(GPA + SZ_1G)
#define ENTRY_PRESENT	0x7	/* writable, and user's */
#define ENTRY_ACCESSED	0x20
#define ENTRY_DIRTY	0x40

static const struct ept_guest_paging paging = {
	.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP,
	.cr3 = GPA,
	.cr4 = X86_CR4_PAE,
	.efer = EFER_LME | EFER_LMA | EFER_NX,
	.cs_long = true,
	.maxphyaddr = 46,
};

static void write_entry(struct guest *guest, u64 gpa, u64 entry)
{
	KUNIT_EXPECT_EQ(guest->test, ept_space_write(guest->space, gpa, &entry, 8, 0), 8);
}

static u64 read_entry(struct guest *guest, u64 gpa)
{
	u64 entry = 0;

	KUNIT_EXPECT_EQ(guest->test, ept_space_read(guest->space, gpa, &entry, 8, 0), 8);
	return entry;
}

static void make_tables(struct guest *guest)
{
	for (u64 i = 0; i < 3; i++)
		write_entry(guest, GPA + i * SZ_4K, (GPA + (i + 1) * SZ_4K) | ENTRY_PRESENT);
	for (u64 i = 0; i < 512; i++)
		write_entry(guest, GPA + 3 * SZ_4K + i * 8, (DATA + i * SZ_4K) | ENTRY_PRESENT);
}

/* So that nothing is mapped */
static void forget(struct guest *guest)
{
	KUNIT_EXPECT_EQ(guest->test, ept_space_move(guest->space, 0, 4 * (u64)SZ_1G,
						    8 * (u64)SZ_1G), 0);
	KUNIT_EXPECT_EQ(guest->test, ept_space_move(guest->space, 8 * (u64)SZ_1G,
						    4 * (u64)SZ_1G, 0), 0);
}

static void a_walk_brings_what_it_needs(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_guest_walk walk;
	struct ept_mapping mapping;
	struct ept_fault fault;

	must_add(guest, EPT_REGION_PAGES, GPA, SZ_64K);
	must_add(guest, EPT_REGION_ANON, DATA, SZ_2M);
	make_tables(guest);
	for (u64 gva = 0x123; gva < SZ_2M; gva += SZ_64K) {
		forget(guest);
		fault.verdict = EPT_VERDICT_MMIO;
		KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, gva, EPT_PROT_WRITE,
						     &walk, &fault), 0);
		KUNIT_EXPECT_EQ(test, walk.verdict, EPT_WALK_OK);
		KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_RESUME);
		KUNIT_EXPECT_EQ(test, walk.gpa, DATA + gva);
		KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, walk.gpa, &mapping), 0);
		KUNIT_EXPECT_EQ(test, walk.hpa, mapping.hpa + (walk.gpa - mapping.gpa));
	}
	/* As the host, past all rights */
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_64K, 0), 0);
	forget(guest);
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, 0, EPT_GUEST_AS_HOST, &walk,
					     &fault), 0);
	KUNIT_EXPECT_EQ(test, walk.verdict, EPT_WALK_OK);
	KUNIT_EXPECT_EQ(test, walk.gpa, DATA);
	/* A fault of the guest's is the guest's, and nothing to bring. */
	fault.verdict = EPT_VERDICT_MMIO;
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, SZ_2M, EPT_GUEST_AS_HOST,
					     &walk, &fault), 0);
	KUNIT_EXPECT_EQ(test, walk.verdict, EPT_WALK_FAULT);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_RESUME);
}

static void flags_that_a_walk_sets_are_in_the_log(struct kunit *test)
{
	struct guest *guest = test->priv;
	unsigned long logged[1] = {};
	struct ept_guest_walk walk;
	struct ept_fault fault;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	must_add(guest, EPT_REGION_ANON, DATA, SZ_2M);
	make_tables(guest);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, SZ_64K, 0), 0);
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, 0, SZ_4K, 0), 0);
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, SZ_4K, EPT_PROT_WRITE, &walk,
					     &fault), 0);
	KUNIT_EXPECT_EQ(test, walk.verdict, EPT_WALK_OK);
	KUNIT_EXPECT_FALSE(test, read_entry(guest, GPA) & ENTRY_ACCESSED);
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, SZ_64K, logged), 0);
	logged[0] = 0;
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, SZ_4K,
					     EPT_PROT_WRITE | EPT_GUEST_SET_AD, &walk, &fault), 0);
	KUNIT_EXPECT_EQ(test, walk.verdict, EPT_WALK_OK);
	KUNIT_EXPECT_EQ(test, walk.nr_entries, 4);
	KUNIT_EXPECT_EQ(test, walk.entries[3], GPA + 3 * SZ_4K + 8);
	KUNIT_EXPECT_TRUE(test, read_entry(guest, GPA) & ENTRY_ACCESSED);
	KUNIT_EXPECT_TRUE(test, read_entry(guest, GPA + 3 * SZ_4K + 8) & ENTRY_DIRTY);
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, SZ_64K, logged), 0);
	KUNIT_EXPECT_EQ(test, logged[0], GENMASK(3, 0));
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, SZ_64K), 0);
	/* Where no entry is */
	logged[0] = 0;
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, 0, SZ_4K, logged), 0);
	KUNIT_EXPECT_EQ(test, logged[0], 0);
}

static void expect_walk(struct guest *guest, u32 access, enum ept_verdict verdict, u64 gpa)
{
	struct ept_guest_walk walk;
	struct ept_fault fault;

	KUNIT_EXPECT_EQ(guest->test, ept_space_walk(guest->space, &paging, 0, access, &walk,
						    &fault), 0);
	KUNIT_EXPECT_EQ(guest->test, walk.verdict, EPT_WALK_VIOLATION);
	KUNIT_EXPECT_EQ(guest->test, walk.gpa, gpa);
	KUNIT_EXPECT_EQ(guest->test, fault.verdict, verdict);
}

static void a_walk_says_why_it_ends(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_guest_paging wrong = paging;
	struct ept_guest_walk walk;
	struct ept_fault fault;

	expect_walk(guest, EPT_PROT_READ, EPT_VERDICT_NONE, GPA);
	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	make_tables(guest);
	expect_walk(guest, EPT_PROT_READ, EPT_VERDICT_NONE, DATA);
	must_add(guest, EPT_REGION_MMIO, DATA, SZ_64K);
	expect_walk(guest, EPT_PROT_READ, EPT_VERDICT_MMIO, DATA);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA + SZ_4K, SZ_4K, EPT_PROT_READ),
			0);
	if (guest->config.features & EPT_FEATURE_AD)
		expect_walk(guest, EPT_PROT_READ, EPT_VERDICT_TABLE_READONLY, GPA + SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA + SZ_4K, SZ_4K, 0), 0);
	expect_walk(guest, EPT_PROT_READ, guest->config.features & EPT_FEATURE_AD ?
		    EPT_VERDICT_TABLE_READONLY : EPT_VERDICT_PROTECTED, GPA + SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_space_walk(NULL, &paging, 0, RW, &walk, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, NULL, 0, RW, &walk, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, 0, RW, NULL, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, 0, RW, &walk, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, 0, RW | EPT_GUEST_ONCE, &walk,
					     &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &paging, 0, EPT_GUEST_SET_AD, &walk,
					     &fault), -EINVAL);
	wrong.maxphyaddr = 60;
	KUNIT_EXPECT_EQ(test, ept_space_walk(guest->space, &wrong, 0, RW, &walk, &fault), -EINVAL);
}

/*
 * Copies by linear address, of two pages and what lies around them
 */

#define NR	(2 * SZ_4K + 300)

static ssize_t read_virt(struct guest *guest, u64 gva, void *buffer, size_t size, u32 access,
			 struct ept_guest_walk *walk, struct ept_fault *fault)
{
	return ept_space_read_virt(guest->space, &paging, gva, buffer, size, access, walk, fault);
}

static ssize_t write_virt(struct guest *guest, u64 gva, const void *buffer, size_t size,
			  u32 access, struct ept_guest_walk *walk, struct ept_fault *fault)
{
	return ept_space_write_virt(guest->space, &paging, gva, buffer, size, access, walk, fault);
}

/* Each page is another one's neighbour for the guest alone. */
static void scatter(struct guest *guest)
{
	for (u64 i = 0; i < 64; i++)
		write_entry(guest, GPA + 3 * SZ_4K + i * 8,
			    (DATA + (i ^ 5) * SZ_4K) | ENTRY_PRESENT);
}

static void copies_follow_the_guests_tables(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 gva = 6 * SZ_4K - 150;
	u8 *bytes = kunit_kzalloc(test, NR, GFP_KERNEL);
	u8 *back = kunit_kzalloc(test, NR, GFP_KERNEL);
	unsigned long logged[1] = {};
	struct ept_guest_walk walk;
	struct ept_fault fault;
	u8 byte;

	KUNIT_ASSERT_TRUE(test, bytes && back);
	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	must_add(guest, EPT_REGION_PAGES, DATA, 3 * SZ_4K);
	must_add(guest, EPT_REGION_ANON, DATA + 3 * SZ_4K, SZ_2M - 3 * SZ_4K);
	make_tables(guest);
	scatter(guest);
	for (unsigned int i = 0; i < NR; i++)
		bytes[i] = i * 31 + 7;
	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, DATA, SZ_64K, 0), 0);
	KUNIT_EXPECT_EQ(test, write_virt(guest, gva, bytes, NR, EPT_PROT_WRITE, &walk, &fault), NR);
	KUNIT_EXPECT_EQ(test, walk.verdict, EPT_WALK_OK);
	KUNIT_EXPECT_EQ(test, read_virt(guest, gva, back, NR, EPT_PROT_READ, &walk, &fault), NR);
	KUNIT_EXPECT_EQ(test, memcmp(bytes, back, NR), 0);
	for (unsigned int i = 0; i < NR; i += 50) {
		const u64 at = gva + i;

		KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, DATA + (at ^ (5 * SZ_4K)), &byte,
						     1, 0), 1);
		KUNIT_EXPECT_EQ(test, byte, bytes[i]);
	}
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, DATA, SZ_64K, logged), 0);
	KUNIT_EXPECT_EQ(test, logged[0], BIT(5 ^ 5) | BIT(6 ^ 5) | BIT(7 ^ 5) | BIT(8 ^ 5));
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, DATA, SZ_64K), 0);
}

static void what_may_only_be_fetched_is_copied_as_a_fetch(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_guest_walk walk;
	struct ept_fault fault;
	u8 byte = 0;

	if (!(guest->config.features & EPT_FEATURE_EXEC_ONLY))
		kunit_skip(test, "what may be executed may be read");
	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	must_add(guest, EPT_REGION_ANON, DATA, SZ_2M);
	make_tables(guest);
	guest_store(guest, DATA, 7);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, DATA, SZ_2M, guest->mmu.mode_exec ?
						EXEC_ALL : EPT_PROT_EXEC), 0);
	KUNIT_EXPECT_EQ(test, read_virt(guest, 0, &byte, 1, EPT_PROT_READ, &walk, &fault), 0);
	KUNIT_EXPECT_EQ(test, read_virt(guest, 0, &byte, 1, EPT_PROT_EXEC, &walk, &fault), 1);
	KUNIT_EXPECT_EQ(test, byte, 7);
}

static void copies_end_before_what_is_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_guest_walk walk;
	struct ept_fault fault;
	u8 bytes[256] = {};

	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	must_add(guest, EPT_REGION_ANON, DATA, SZ_2M);
	make_tables(guest);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, DATA + SZ_4K, SZ_4K), 0);
	must_add(guest, EPT_REGION_MMIO, DATA + SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, read_virt(guest, SZ_4K - 100, bytes, 256, EPT_PROT_READ, &walk,
					&fault), 100);
	KUNIT_EXPECT_EQ(test, walk.verdict, EPT_WALK_VIOLATION);
	KUNIT_EXPECT_EQ(test, walk.gpa, DATA + SZ_4K);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_MMIO);
	KUNIT_EXPECT_EQ(test, write_virt(guest, SZ_4K, bytes, 1, EPT_PROT_WRITE, &walk, &fault), 0);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_MMIO);
	/* A fault of the guest's */
	KUNIT_EXPECT_EQ(test, read_virt(guest, SZ_2M - 1, bytes, 2, EPT_PROT_READ, &walk, &fault),
			1);
	KUNIT_EXPECT_EQ(test, walk.verdict, EPT_WALK_FAULT);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, DATA, SZ_4K, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, write_virt(guest, 0, bytes, 1, EPT_PROT_WRITE, &walk, &fault), 0);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_PROTECTED);
	KUNIT_EXPECT_EQ(test, write_virt(guest, 0, bytes, 1, EPT_GUEST_AS_HOST, &walk, &fault), 1);

	KUNIT_EXPECT_EQ(test, read_virt(guest, 0, NULL, 1, 0, &walk, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, read_virt(guest, 0, bytes, 0, 0, &walk, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, read_virt(guest, 0, bytes, 1UL << 63, 0, &walk, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, read_virt(guest, 0, bytes, 1, EPT_GUEST_ONCE, &walk, &fault),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, write_virt(guest, 0, bytes, 1, 0, NULL, &fault), -EINVAL);
	KUNIT_EXPECT_EQ(test, write_virt(guest, 0, bytes, 1, 0, &walk, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_write_virt(NULL, &paging, 0, bytes, 1, 0, &walk, &fault),
			-EINVAL);
}

/*
 * Windows
 */

static const enum ept_region_kind mapped_kinds[] = {
	EPT_REGION_LINEAR, EPT_REGION_ANON, EPT_REGION_PAGES, EPT_REGION_CLIENT, EPT_REGION_FILE,
};

static void guest_and_window_show_the_same(struct kunit *test)
{
	struct guest *guest = test->priv;
	unsigned long logged[1] = {};
	struct ept_window window;

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		must_add(guest, mapped_kinds[i], GPA, SZ_64K);
		guest_store(guest, GPA + 5, 7);
		KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, GPA + 5, RW, true,
							    &window), 0);
		KUNIT_EXPECT_EQ(test, window.size, SZ_4K - 5);
		KUNIT_EXPECT_EQ(test, *(u8 *)window.memory, 7);
		KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, SZ_64K, 0), 0);
		guest_store(guest, GPA + 5, 8);
		KUNIT_EXPECT_EQ(test, *(u8 *)window.memory, 8);
		KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, SZ_64K, logged), 0);
		logged[0] = 0;
		*(u8 *)window.memory = 9;
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + 5), 9);
		KUNIT_EXPECT_TRUE(test, ept_space_window_valid(&window));
		KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, true), 0);
		KUNIT_EXPECT_FALSE(test, ept_space_window_valid(&window));
		KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, SZ_64K, logged), 0);
		KUNIT_EXPECT_EQ(test, logged[0], 1);
		KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, SZ_64K), 0);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_64K), 0);
	}
}

static void a_window_is_stale_when_its_page_is_not_the_guests(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_window window;

	for (unsigned int i = 0; i < ARRAY_SIZE(mapped_kinds); i++) {
		must_add(guest, mapped_kinds[i], GPA, SZ_64K);
		KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, GPA, 0, true, &window),
				0);
		must_add(guest, EPT_REGION_ANON, 0, SZ_64K);
		KUNIT_EXPECT_TRUE(test, ept_space_window_valid(&window));
		KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA, SZ_64K, SZ_1G), 0);
		KUNIT_EXPECT_FALSE(test, ept_space_window_valid(&window));
		/* Nobody else has it. */
		*(u8 *)window.memory = 1;
		KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, true), -EAGAIN);
		KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, SZ_1G, 0, false,
							    &window), 0);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, 2 * (u64)SZ_1G), 0);
		KUNIT_EXPECT_FALSE(test, ept_space_window_valid(&window));
		KUNIT_EXPECT_EQ(test, *(u8 *)window.memory, 1);
		KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, false), -EAGAIN);
	}
}

static void a_window_keeps_a_page_of_the_clients(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_window window;
	int references = page_count(guest->pages[0]);

	must_add(guest, EPT_REGION_PAGES, DATA, SZ_64K);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, DATA, 0, true, &window), 0);
	KUNIT_EXPECT_EQ(test, page_count(guest->pages[0]), references + 1);
	KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, true), 0);
	KUNIT_EXPECT_EQ(test, page_count(guest->pages[0]), references);
	/* It is in no file, and nobody's to be written back. */
	KUNIT_EXPECT_FALSE(test, PageDirty(guest->pages[0]));
}

static void windows_that_cannot_be_are_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_space *space = guest->space;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);
	struct ept_window window;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_64K);
	must_add(guest, EPT_REGION_MMIO, 0, SZ_64K);
	KUNIT_EXPECT_EQ(test, ept_space_protect(space, GPA, SZ_4K, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(NULL, GPA, 0, false, &window), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(space, GPA, 0, false, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(space, GPA, BIT(9), false, &window), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(space, limit, 0, false, &window), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(space, SZ_1M, 0, false, &window), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(space, 0, 0, false, &window), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(space, GPA, RW, true, &window), -EACCES);
	KUNIT_EXPECT_FALSE(test, ept_space_window_valid(&window));
	KUNIT_EXPECT_FALSE(test, ept_space_window_valid(NULL));
	KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, false), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_window_close(NULL, false), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(space, GPA, EPT_PROT_READ, false, &window), 0);
	KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, true), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, false), 0);
}

static void a_window_into_a_process_is_stale_when_it_has_another_page(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_window window;
	u8 byte = 0;

	guest_need_process(guest);
	must_add(guest, EPT_REGION_USER, GPA, GUEST_SIZE);
	guest_store(guest, GPA, 3);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, GPA, 0, true, &window), 0);
	KUNIT_EXPECT_EQ(test, *(u8 *)window.memory, 3);
	*(u8 *)window.memory = 4;
	KUNIT_EXPECT_EQ(test, copy_from_user(&byte, guest_user(guest, 0), 1), 0UL);
	KUNIT_EXPECT_EQ(test, byte, 4);
	KUNIT_EXPECT_TRUE(test, ept_space_window_valid(&window));
	guest_discard(guest, 0, 1);
	KUNIT_EXPECT_FALSE(test, ept_space_window_valid(&window));
	KUNIT_EXPECT_EQ(test, *(u8 *)window.memory, 4);
	KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, true), -EAGAIN);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 0);
	/* What the process cannot write, no window can. */
	KUNIT_EXPECT_EQ(test, vm_munmap(guest->address, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, GPA, 0, false, &window),
			-EFAULT);
	guest_end_process(guest);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(a_walk_brings_what_it_needs, configs_gen_params),
	KUNIT_CASE_PARAM(flags_that_a_walk_sets_are_in_the_log, configs_gen_params),
	KUNIT_CASE_PARAM(a_walk_says_why_it_ends, configs_gen_params),
	KUNIT_CASE_PARAM(copies_follow_the_guests_tables, configs_gen_params),
	KUNIT_CASE_PARAM(what_may_only_be_fetched_is_copied_as_a_fetch, configs_gen_params),
	KUNIT_CASE_PARAM(copies_end_before_what_is_refused, configs_gen_params),
	KUNIT_CASE_PARAM(guest_and_window_show_the_same, configs_gen_params),
	KUNIT_CASE(a_window_is_stale_when_its_page_is_not_the_guests),
	KUNIT_CASE(a_window_keeps_a_page_of_the_clients),
	KUNIT_CASE_PARAM(windows_that_cannot_be_are_refused, configs_gen_params),
	KUNIT_CASE(a_window_into_a_process_is_stale_when_it_has_another_page),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_access",
	.suite_init = guest_suite_init,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
