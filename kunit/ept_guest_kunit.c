// SPDX-License-Identifier: GPL-2.0
/* Reading, writing, zeroing and exchanging guest memory: byte for byte, and what is refused. */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "guest_tables.h"

CONFIG_PARAMS;

#define ROUNDS		300
#define WHOLE		GUEST_SIZE
#define HOST		EPT_GUEST_AS_HOST
#define WRONG_LENGTH	((size_t)SSIZE_MAX + 1)

struct piece {
	u64	gpa;
	size_t	length;
	u8	*saved;
};

static u8 *get_buffer(struct kunit *test)
{
	u8 *buffer = kunit_kzalloc(test, WHOLE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	return buffer;
}

/* Half of them inside a page or two */
static struct piece random_piece(const struct guest_memory *memory, struct rnd_state *rnd)
{
	const u32 from = prandom_u32_state(rnd) % WHOLE;
	const u32 most = prandom_u32_state(rnd) % 2 ? WHOLE : SZ_4K + 1;

	return (struct piece){
		.gpa = GUEST_BASE + from,
		.length = 1 + prandom_u32_state(rnd) % min_t(u32, most, WHOLE - from),
		.saved = memory->saved + from,
	};
}

static void a_read_is_what_the_guest_has(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	u8 *buffer = get_buffer(test);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 1);
	guest_memory_fill(memory, &rnd);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const struct piece piece = random_piece(memory, &rnd);

		memset(buffer, 0x5a, WHOLE);
		KUNIT_EXPECT_EQ(test, ept_guest_read(ept, piece.gpa, buffer, piece.length,
						     i % 2 ? READ_ : HOST), piece.length);
		KUNIT_EXPECT_MEMEQ(test, buffer, piece.saved, piece.length);
		KUNIT_EXPECT_NULL(test, memchr_inv(buffer + piece.length, 0x5a,
						   WHOLE - piece.length));
	}
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
}

static void a_write_changes_its_bytes_alone(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	u8 *buffer = get_buffer(test);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 2);
	guest_memory_fill(memory, &rnd);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const struct piece piece = random_piece(memory, &rnd);

		prandom_bytes_state(&rnd, buffer, piece.length);
		KUNIT_EXPECT_EQ(test, ept_guest_write(ept, piece.gpa, buffer, piece.length,
						      i % 2 ? WRITE_ : HOST), piece.length);
		memcpy(piece.saved, buffer, piece.length);
		KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
	}
}

static void zeroing_changes_its_bytes_alone(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 3);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct piece piece;

		if (i % 16 == 0)
			guest_memory_fill(memory, &rnd);
		piece = random_piece(memory, &rnd);
		KUNIT_EXPECT_EQ(test, ept_guest_zero(ept, piece.gpa, piece.length,
						     i % 2 ? WRITE_ : HOST), piece.length);
		memset(piece.saved, 0, piece.length);
		KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
	}
}

/* Pages of 4K in front of it and behind it */
static void a_copy_goes_across_leaves_of_any_size(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct fixture *fixture = memory->fixture;
	const u64 gpa = SZ_4M, size = 2 * SZ_4K + 100;
	u8 *buffer = get_buffer(test), *large;
	struct page *pages;

	pages = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_NOWARN, get_order(SZ_2M));
	if (!pages) {
		kunit_skip(test, "no 2M of contiguous memory");
		return;
	}
	large = page_address(pages);
	KUNIT_EXPECT_EQ(test, 0, ept_map(fixture->ept, gpa, page_to_phys(pages), SZ_2M,
					 &EPT_ATTRS_RAM));
	for (unsigned int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, 0, ept_map(fixture->ept, i ? gpa + SZ_2M : gpa - SZ_4K,
						 guest_page_hpa(memory, i), SZ_4K, &EPT_ATTRS_RAM));
	memset(buffer, 0xa5, size);
	KUNIT_EXPECT_EQ(test, ept_guest_zero(fixture->ept, gpa - SZ_4K, SZ_2M + SZ_8K, WRITE_),
			SZ_2M + SZ_8K);
	KUNIT_EXPECT_EQ(test, ept_guest_write(fixture->ept, gpa - 100, buffer, size, WRITE_), size);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory->at[0] + SZ_4K - 100, 0xa5, 100));
	KUNIT_EXPECT_NULL(test, memchr_inv(large, 0xa5, size - 100));
	KUNIT_EXPECT_NULL(test, memchr_inv(large + size - 100, 0, SZ_2M - size + 100));
	KUNIT_EXPECT_EQ(test, ept_guest_write(fixture->ept, gpa + SZ_2M - 1, buffer, 2, WRITE_), 2);
	KUNIT_EXPECT_EQ(test, large[SZ_2M - 1], 0xa5);
	KUNIT_EXPECT_EQ(test, memory->at[1][0], 0xa5);
	__free_pages(pages, get_order(SZ_2M));
}

/* Each of the four functions on a range of which byte @at is the first that is refused, by @err */
static void expect_refused_at(struct kunit *test, u64 gpa, size_t length, size_t at, int err,
			      u32 read, u32 write)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	const ssize_t done = at ?: err;
	u8 *buffer = kunit_kzalloc(test, length, GFP_KERNEL);
	u64 old = 0;

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	guest_memory_save(memory);
	memset(buffer, 0x5a, length);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, gpa, buffer, length, read), done);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer + at, 0x5a, length - at));
	if (at) {
		KUNIT_EXPECT_EQ(test, ept_guest_read(ept, gpa + at, buffer, length - at, read),
				err);
		/* What may be touched changes, so back again. */
		KUNIT_EXPECT_EQ(test, ept_guest_read(ept, gpa, buffer, at, HOST), at);
		KUNIT_EXPECT_EQ(test, ept_guest_write(ept, gpa, buffer, length, write), at);
	}
	KUNIT_EXPECT_EQ(test, ept_guest_write(ept, gpa + at, buffer, length - at, write), err);
	KUNIT_EXPECT_EQ(test, ept_guest_zero(ept, gpa + at, length - at, write), err);
	KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, gpa + at, 1, &old, 1, write), err);
	KUNIT_EXPECT_EQ(test, old, 0);
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
}

static void a_copy_stops_in_front_of_a_hole(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 4);
	guest_memory_fill(memory, &rnd);
	guest_page_unmap(memory, 3);
	expect_refused_at(test, guest_page_gpa(3), SZ_4K, 0, -ENOENT, READ_, WRITE_);
	expect_refused_at(test, guest_page_gpa(3), SZ_4K, 0, -ENOENT, HOST, HOST);
	expect_refused_at(test, guest_page_gpa(3) - 1, 2, 1, -ENOENT, READ_, WRITE_);
	expect_refused_at(test, guest_page_gpa(1) + 5, 4 * SZ_4K, SZ_8K - 5, -ENOENT, READ_,
			  WRITE_);
	expect_refused_at(test, guest_page_gpa(1) + 5, 4 * SZ_4K, SZ_8K - 5, -ENOENT, HOST, HOST);
}

static void a_right_that_lacks_is_told_from_a_hole(struct kunit *test)
{
	static const struct { u32 prot, access; } denied[] = {
		{ EPT_PROT_READ, EPT_PROT_WRITE }, { EPT_PROT_READ, EPT_PROT_EXEC },
		{ EPT_PROT_READ | EPT_PROT_EXEC, EPT_PROT_READ | EPT_PROT_WRITE },
		{ EPT_PROT_NONE, EPT_PROT_READ }, { EPT_PROT_NONE, EPT_PROT_EXEC },
	};
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	u8 buffer[8] = { };

	for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
		guest_page_set(memory, 3, denied[i].prot);
		expect_refused_at(test, guest_page_gpa(3), 8, 0, -EACCES, denied[i].access,
				  denied[i].access);
		expect_refused_at(test, guest_page_gpa(3) - 4, 8, 4, -EACCES, denied[i].access,
				  denied[i].access);
		/* The host is above that. */
		KUNIT_EXPECT_EQ(test, ept_guest_read(ept, guest_page_gpa(3) - 4, buffer, 8, HOST),
				8);
		KUNIT_EXPECT_EQ(test, ept_guest_write(ept, guest_page_gpa(3) - 4, buffer, 8, HOST),
				8);
	}
}

/* Without mode-based execute there is one right to fetch, and with it there are two. */
static void fetches_have_the_rights_that_the_table_has(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	const bool two = memory->fixture->config.features & EPT_FEATURE_MODE_EXEC;
	const bool exec_only = memory->fixture->config.features & EPT_FEATURE_EXEC_ONLY;
	const u32 read = exec_only ? 0 : EPT_PROT_READ;
	const u64 gpa = guest_page_gpa(2);
	u8 byte;

	guest_page_set(memory, 2, read | EPT_PROT_EXEC);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, gpa, &byte, 1, EPT_PROT_EXEC), 1);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, gpa, &byte, 1, EPT_PROT_UEXEC),
			two ? -EACCES : 1);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, gpa, &byte, 1, READ_), exec_only ? -EACCES : 1);
	if (!two)
		return;
	guest_page_set(memory, 2, read | EPT_PROT_UEXEC);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, gpa, &byte, 1, EPT_PROT_EXEC), -EACCES);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, gpa, &byte, 1, EPT_PROT_UEXEC), 1);
}

static void map_instead(struct guest_memory *memory, unsigned int i, u64 hpa)
{
	KUNIT_ASSERT_EQ(memory->fixture->test, 0,
			ept_remap(memory->fixture->ept, guest_page_gpa(i), hpa, SZ_4K,
				  &EPT_ATTRS_RAM, NULL));
}

static void what_is_not_memory_is_not_touched(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	const u64 last = BIT_ULL(memory->fixture->config.maxphyaddr) - SZ_4K;

	map_instead(memory, 3, FAR_HPA);
	expect_refused_at(test, guest_page_gpa(3), SZ_4K, 0, -EFAULT, READ_, WRITE_);
	expect_refused_at(test, guest_page_gpa(2) + 1, SZ_8K, SZ_4K - 1, -EFAULT, HOST, HOST);
	map_instead(memory, 3, last);
	expect_refused_at(test, guest_page_gpa(3), SZ_4K, 0, -EFAULT, READ_, WRITE_);
}

static void reserved_pages_are_not_touched(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);

	SetPageReserved(memory->page[3]);
	expect_refused_at(test, guest_page_gpa(3), SZ_4K, 0, -EFAULT, READ_, WRITE_);
	expect_refused_at(test, guest_page_gpa(2), SZ_8K, SZ_4K, -EFAULT, HOST, HOST);
	ClearPageReserved(memory->page[3]);
}

static void the_zero_page_is_read_and_never_written(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	u8 *buffer = get_buffer(test);
	u64 old = 0;

	map_instead(memory, 3, page_to_phys(ZERO_PAGE(0)));
	memset(buffer, 0x5a, SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, guest_page_gpa(3), buffer, SZ_4K, READ_), SZ_4K);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer, 0, SZ_4K));
	KUNIT_EXPECT_EQ(test, ept_guest_write(ept, guest_page_gpa(3), buffer, 1, HOST), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_guest_zero(ept, guest_page_gpa(3), 1, HOST), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, guest_page_gpa(3), 8, &old, 1, HOST), -EFAULT);
}

static void poisoned_pages_are_not_touched(struct kunit *test)
{
#ifdef CONFIG_MEMORY_FAILURE
	struct guest_memory *memory = guest_memory(test);

	SetPageHWPoison(memory->page[3]);
	expect_refused_at(test, guest_page_gpa(3), SZ_4K, 0, -EFAULT, READ_, WRITE_);
	expect_refused_at(test, guest_page_gpa(2), SZ_8K, SZ_4K, -EFAULT, HOST, HOST);
	ClearPageHWPoison(memory->page[3]);
#else
	kunit_skip(test, "the kernel knows no poisoned pages");
#endif
}

static void a_misconfigured_entry_is_told(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	u64 *entry = fixture_entry(memory->fixture, guest_page_gpa(3), EPT_4K);
	const u64 saved = *entry;

	*entry = (saved & ~7ULL) | 2;
	expect_refused_at(test, guest_page_gpa(3), 8, 0, -EIO, READ_, WRITE_);
	expect_refused_at(test, guest_page_gpa(3) - 4, 8, 4, -EIO, READ_, WRITE_);
	*entry = saved;
}

/* A range is judged whole, before its first byte. */
static void ranges_end_where_the_guest_does(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	const u64 end = BIT_ULL(12 + 9 * memory->fixture->config.levels);
	u64 old = 0;
	u8 buffer[16];

	KUNIT_ASSERT_EQ(test, 0, ept_map(ept, end - SZ_4K, guest_page_hpa(memory, 0), SZ_4K,
					 &EPT_ATTRS_RAM));
	memset(memory->at[0], 0xa5, SZ_4K);
	guest_memory_save(memory);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, end - 16, buffer, 16, READ_), 16);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, end - 15, buffer, 16, READ_), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_guest_write(ept, end - 15, buffer, 16, WRITE_), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_guest_zero(ept, end - 15, 16, WRITE_), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_guest_zero(ept, end - 15, ~(size_t)0, WRITE_), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_guest_zero(ept, 0, end + 1, WRITE_), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, end, buffer, 1, READ_), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, ~0ULL, buffer, 16, READ_), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, end, 8, &old, 1, WRITE_), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, end - 8, 8, &old, 1, WRITE_), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
}

static void arguments_that_are_never_legal_are_refused_first(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept, *none[] = { NULL, ERR_PTR(-ENOMEM) };
	const u64 beyond = ~0ULL - 7;
	u8 buffer[8] = { };
	u64 old = 0;

	guest_memory_save(memory);
	for (unsigned int i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, ept_guest_read(none[i], beyond, buffer, 8, READ_), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_guest_write(none[i], beyond, buffer, 8, READ_), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_guest_zero(none[i], beyond, 8, READ_), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(none[i], beyond, 8, &old, 1, READ_),
				-EINVAL);
	}
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, beyond, NULL, 8, READ_), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_write(ept, beyond, NULL, 8, WRITE_), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, beyond, buffer, 0, READ_), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_write(ept, beyond, buffer, 0, WRITE_), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_zero(ept, beyond, 0, WRITE_), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_read(ept, beyond, buffer, 8, BIT(4)), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_write(ept, beyond, buffer, 8, EPT_GUEST_USER), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_zero(ept, beyond, 8, BIT(31)), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, beyond, 8, NULL, 1, WRITE_), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, beyond, 8, &old, 1, BIT(4)), -EINVAL);
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
}

/*
 * Compare and exchange
 */

static void an_exchange_of_any_size_changes_its_bytes_alone(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 5);
	guest_memory_fill(memory, &rnd);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const unsigned int size = 1 << prandom_u32_state(&rnd) % 4;
		const u32 from = round_down(prandom_u32_state(&rnd) % WHOLE, size);
		const u64 junk = size == 8 ? 0 : ~0ULL << (8 * size);
		u64 new, old = 0, there = 0;

		prandom_bytes_state(&rnd, &new, sizeof(new));
		memcpy(&there, memory->saved + from, size);
		old = (there ^ 1) | junk;
		KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, GUEST_BASE + from, size, &old, new,
							WRITE_), -EAGAIN);
		KUNIT_EXPECT_EQ(test, old, there);
		KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
		old = there | junk;
		KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, GUEST_BASE + from, size, &old, new,
							i % 2 ? WRITE_ : HOST), 0);
		KUNIT_EXPECT_EQ(test, old, there);
		memcpy(memory->saved + from, &new, size);
		KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
	}
}

static void an_exchange_takes_a_size_and_its_alignment(struct kunit *test)
{
	struct guest_memory *memory = guest_memory(test);
	struct ept *ept = memory->fixture->ept;
	u64 old = 0;

	guest_memory_save(memory);
	for (unsigned int size = 0; size < 20; size++) {
		const bool legal = size == 1 || size == 2 || size == 4 || size == 8;

		for (unsigned int offset = 0; offset < 16; offset++)
			if (!legal || offset % size)
				KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, GUEST_BASE + offset,
									size, &old, 1, WRITE_),
						-EINVAL);
	}
	KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, GUEST_BASE, 1U << 31, &old, 1, WRITE_),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_cmpxchg(ept, ~0ULL, 8, &old, 1, WRITE_), -EINVAL);
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(memory));
}

/*
 * By linear address
 */

#define LAST_TABLE	3
#define FIRST_INDEX	0x78	/* of the way's page */

/* Pages 8 to 15 of the guest, in the reverse order */
static void lay_reversed(struct guest_tables *t, struct kunit *test)
{
	struct rnd_state rnd;
	u64 *entries;

	prandom_seed_state(&rnd, 6);
	guest_memory_fill(guest_memory(test), &rnd);
	guest_tables_lay(t, test, LONG_4);
	entries = (u64 *)t->memory->at[LAST_TABLE] + FIRST_INDEX;
	for (unsigned int i = 0; i < 8; i++)
		entries[i] = guest_page_gpa(15 - i) | P | W | U;
	t->gva -= DATA_OFFSET;
	guest_memory_save(t->memory);
}

static u8 *reversed_at(const struct guest_tables *t, size_t offset)
{
	return t->memory->saved + (15 - offset / SZ_4K) * SZ_4K + offset % SZ_4K;
}

static void linear_copies_go_across_pages(struct kunit *test)
{
	const size_t from = 100, length = 6 * SZ_4K + 77;
	u8 *buffer = get_buffer(test);
	struct guest_tables t;
	struct ept *ept;

	lay_reversed(&t, test);
	ept = t.memory->fixture->ept;
	KUNIT_EXPECT_EQ(test, ept_guest_read_virt(ept, &t.paging, t.gva + from, buffer, length,
						  READ_ | USER_, &t.walk), length);
	KUNIT_EXPECT_EQ(test, t.walk.verdict, EPT_WALK_OK);
	for (size_t i = 0; i < length; i++)
		if (buffer[i] != *reversed_at(&t, from + i))
			KUNIT_FAIL_AND_ABORT(test, "byte %zu", i);
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(t.memory));

	memset(buffer, 0xa5, length);
	KUNIT_EXPECT_EQ(test, ept_guest_write_virt(ept, &t.paging, t.gva + from, buffer, length,
						   WRITE_, &t.walk), length);
	for (size_t i = 0; i < length; i++)
		*reversed_at(&t, from + i) = 0xa5;
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(t.memory));
}

/* Whatever refuses page 3: the guest's paging, EPT, or that it is no memory */
static void linear_copies_stop_and_say_why(struct kunit *test)
{
	static const enum ept_walk_verdict verdicts[] = {
		EPT_WALK_FAULT, EPT_WALK_VIOLATION, EPT_WALK_NO_MEMORY,
	};
	const size_t from = 10, length = 5 * SZ_4K, done = 3 * SZ_4K - from;
	u8 *buffer = get_buffer(test);
	struct guest_tables t;

	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct ept *ept;

		lay_reversed(&t, test);
		ept = t.memory->fixture->ept;
		if (verdicts[i] == EPT_WALK_FAULT)
			((u64 *)t.memory->at[LAST_TABLE])[FIRST_INDEX + 3] &= ~P;
		else if (verdicts[i] == EPT_WALK_VIOLATION)
			guest_page_unmap(t.memory, 12);
		else
			map_instead(t.memory, 12, FAR_HPA);
		guest_memory_save(t.memory);
		memset(buffer, 0x5a, length);
		KUNIT_EXPECT_EQ(test, ept_guest_read_virt(ept, &t.paging, t.gva + from, buffer,
							  length, READ_, &t.walk), done);
		KUNIT_EXPECT_EQ(test, t.walk.verdict, verdicts[i]);
		KUNIT_EXPECT_EQ(test, t.walk.gva, t.gva + from + done);
		KUNIT_EXPECT_EQ(test, t.walk.gpa, i ? guest_page_gpa(12) : 0);
		KUNIT_EXPECT_EQ(test, t.walk.hpa, 0);
		KUNIT_EXPECT_NULL(test, memchr_inv(buffer + done, 0x5a, length - done));
		KUNIT_EXPECT_EQ(test, ept_guest_write_virt(ept, &t.paging, t.gva + from, buffer,
							   length, WRITE_, &t.walk), done);
		KUNIT_EXPECT_EQ(test, t.walk.verdict, verdicts[i]);
		KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(t.memory));
		KUNIT_EXPECT_EQ(test, ept_guest_read_virt(ept, &t.paging, t.gva + 3 * SZ_4K, buffer,
							  1, READ_, &t.walk), 0);
		guest_page_set(t.memory, 12, EPT_ATTRS_RAM.prot);
	}
}

static void linear_copies_set_flags_on_request(struct kunit *test)
{
	struct guest_tables t;
	u64 *entries;
	u8 buffer[2] = { };

	lay_reversed(&t, test);
	entries = (u64 *)t.memory->at[LAST_TABLE] + FIRST_INDEX;
	KUNIT_EXPECT_EQ(test, ept_guest_write_virt(t.memory->fixture->ept, &t.paging,
						   t.gva + SZ_4K - 1, buffer, 2,
						   WRITE_ | EPT_GUEST_SET_AD, &t.walk), 2);
	for (unsigned int i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, entries[i] & (A | D), i < 2 ? A | D : 0);
}

/* The last page of 32-bit addresses, and the first */
static void linear_addresses_of_32_bits_wrap(struct kunit *test)
{
	u8 *buffer = get_buffer(test);
	struct guest_tables t;
	u32 *directory;

	guest_tables_lay(&t, test, NARROW);
	directory = (u32 *)t.memory->at[0];
	directory[1023] = guest_page_gpa(1) | P | W | U;
	directory[0] = guest_page_gpa(2) | P | W | U;
	((u32 *)t.memory->at[1])[1023] = guest_page_gpa(14) | P | W | U;
	((u32 *)t.memory->at[2])[0] = guest_page_gpa(15) | P | W | U;
	memset(buffer, 0xa5, 10);
	guest_memory_save(t.memory);
	KUNIT_EXPECT_EQ(test, ept_guest_write_virt(t.memory->fixture->ept, &t.paging, 0xfffffffc,
						   buffer, 10, WRITE_, &t.walk), 10);
	KUNIT_EXPECT_EQ(test, t.walk.gva, 0);
	memset(t.memory->saved + 15 * SZ_4K - 4, 0xa5, 10);
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(t.memory));
}

static void linear_copies_refuse_what_walks_do(struct kunit *test)
{
	struct guest_tables t;
	struct ept *ept;
	u8 byte = 0;

	lay_reversed(&t, test);
	ept = t.memory->fixture->ept;
#define READ_VIRT(ept, paging, buffer, length, access, walk)	\
	ept_guest_read_virt(ept, paging, t.gva, buffer, length, access, walk)
	KUNIT_EXPECT_EQ(test, READ_VIRT(NULL, &t.paging, &byte, 1, READ_, &t.walk), -EINVAL);
	KUNIT_EXPECT_EQ(test, READ_VIRT(ept, NULL, &byte, 1, READ_, &t.walk), -EINVAL);
	KUNIT_EXPECT_EQ(test, READ_VIRT(ept, &t.paging, NULL, 1, READ_, &t.walk), -EINVAL);
	KUNIT_EXPECT_EQ(test, READ_VIRT(ept, &t.paging, &byte, 0, READ_, &t.walk), -EINVAL);
	KUNIT_EXPECT_EQ(test, READ_VIRT(ept, &t.paging, &byte, WRONG_LENGTH, READ_, &t.walk),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, READ_VIRT(ept, &t.paging, &byte, 1, BIT(12), &t.walk), -EINVAL);
	KUNIT_EXPECT_EQ(test, READ_VIRT(ept, &t.paging, &byte, 1, READ_, NULL), -EINVAL);
#undef READ_VIRT
	KUNIT_EXPECT_EQ(test, ept_guest_write_virt(ept, &t.paging, t.gva, NULL, 1, WRITE_, &t.walk),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_write_virt(ept, &t.paging, t.gva, &byte, 1, FETCH_ | READ_,
						   &t.walk), -EINVAL);
	KUNIT_EXPECT_TRUE(test, guest_memory_is_saved(t.memory));
}

/* Lockdep, and the checks of sleeping in atomic context, look on in the debug kernels. */
static void all_of_it_works_with_interrupts_off(struct kunit *test)
{
	ssize_t read, written, zeroed, read_virt;
	struct guest_tables t;
	unsigned long flags;
	int walked, changed;
	struct ept *ept;
	u64 value = 0, old = 0;

	lay_reversed(&t, test);
	ept = t.memory->fixture->ept;
	local_irq_save(flags);
	zeroed = ept_guest_zero(ept, GUEST_BASE + WHOLE - 8, 8, WRITE_);
	changed = ept_guest_cmpxchg(ept, GUEST_BASE + WHOLE - 8, 8, &old, 5, WRITE_);
	read = ept_guest_read(ept, GUEST_BASE + WHOLE - 8, &value, 8, READ_);
	written = ept_guest_write(ept, GUEST_BASE + WHOLE - 8, &value, 8, WRITE_);
	walked = ept_guest_walk(ept, &t.paging, t.gva, WRITE_ | EPT_GUEST_SET_AD, &t.walk);
	read_virt = ept_guest_read_virt(ept, &t.paging, t.gva, &old, 8, READ_, &t.walk);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, zeroed, 8);
	KUNIT_EXPECT_EQ(test, changed, 0);
	KUNIT_EXPECT_EQ(test, read, 8);
	KUNIT_EXPECT_EQ(test, value, 5);
	KUNIT_EXPECT_EQ(test, written, 8);
	KUNIT_EXPECT_EQ(test, walked, 0);
	KUNIT_EXPECT_EQ(test, read_virt, 8);
}

static struct kunit_case guest_cases[] = {
	KUNIT_CASE_PARAM(a_read_is_what_the_guest_has, configs_gen_params),
	KUNIT_CASE_PARAM(a_write_changes_its_bytes_alone, configs_gen_params),
	KUNIT_CASE_PARAM(zeroing_changes_its_bytes_alone, configs_gen_params),
	KUNIT_CASE_PARAM(a_copy_goes_across_leaves_of_any_size, configs_gen_params),
	KUNIT_CASE_PARAM(a_copy_stops_in_front_of_a_hole, configs_gen_params),
	KUNIT_CASE_PARAM(a_right_that_lacks_is_told_from_a_hole, configs_gen_params),
	KUNIT_CASE_PARAM(fetches_have_the_rights_that_the_table_has, configs_gen_params),
	KUNIT_CASE_PARAM(what_is_not_memory_is_not_touched, configs_gen_params),
	KUNIT_CASE(reserved_pages_are_not_touched),
	KUNIT_CASE(the_zero_page_is_read_and_never_written),
	KUNIT_CASE(poisoned_pages_are_not_touched),
	KUNIT_CASE(a_misconfigured_entry_is_told),
	KUNIT_CASE_PARAM(ranges_end_where_the_guest_does, configs_gen_params),
	KUNIT_CASE(arguments_that_are_never_legal_are_refused_first),
	KUNIT_CASE_PARAM(an_exchange_of_any_size_changes_its_bytes_alone, configs_gen_params),
	KUNIT_CASE(an_exchange_takes_a_size_and_its_alignment),
	KUNIT_CASE(linear_copies_go_across_pages),
	KUNIT_CASE(linear_copies_stop_and_say_why),
	KUNIT_CASE(linear_copies_set_flags_on_request),
	KUNIT_CASE(linear_addresses_of_32_bits_wrap),
	KUNIT_CASE(linear_copies_refuse_what_walks_do),
	KUNIT_CASE(all_of_it_works_with_interrupts_off),
	{}
};

static struct kunit_suite guest_suite = {
	.name = "ept_guest",
	.init = guest_memory_init,
	.exit = guest_memory_exit,
	.test_cases = guest_cases,
};

kunit_test_suite(guest_suite);
