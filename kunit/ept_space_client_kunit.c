// SPDX-License-Identifier: GPL-2.0
/*
 * A client's backing that copies what it shares, as a forked guest's: who reads gets a page that
 * others have, too, and who writes one of his own. It hears of each page that goes.
 */
#include <kunit/test.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define PAGES	8
#define SIZE	(PAGES * (u64)SZ_4K)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)

/* Pages of the guest's client: the first are shared, their copies come after them. */
#define SHARED	1
#define COPIED	2

/**
 * struct copies - the backing's cookie
 * @guest: whose pages it has
 * @copied: a bit for each page that has a copy
 * @never: nobody may write
 * @shared_gone: a bit for each shared page that went
 * @told: pages of which @gone was told
 * @flushed: how often that was
 * @flushed_late: @flushed came before a flush
 * @seen: invalidations when @gone came last
 */
struct copies {
	struct guest	*guest;
	unsigned long	copied;
	bool		never;
	unsigned long	shared_gone;
	unsigned int	told;
	unsigned int	flushed;
	bool		flushed_late;
	int		seen;
};

static struct page *page_of(const struct copies *copies, u64 offset, bool copy)
{
	return copies->guest->client[(offset >> PAGE_SHIFT) + (copy ? PAGES : 0)];
}

static int get(void *cookie, u64 offset, u32 access, struct ept_piece *piece)
{
	struct copies *copies = cookie;
	const unsigned int page = offset >> PAGE_SHIFT;

	if (access & EPT_PROT_WRITE && !copies->never)
		__set_bit(page, &copies->copied);
	piece->hpa = page_to_phys(page_of(copies, offset, test_bit(page, &copies->copied)));
	if (!test_bit(page, &copies->copied))
		piece->prot &= ~EPT_PROT_WRITE;
	return 0;
}

static void gone(void *cookie, u64 offset, phys_addr_t hpa, u64 size, bool dirty)
{
	struct copies *copies = cookie;

	copies->told++;
	copies->seen = atomic_read(&copies->guest->invalidations);
	if (hpa == page_to_phys(page_of(copies, offset, false)))
		__set_bit(offset >> PAGE_SHIFT, &copies->shared_gone);
}

static void flushed(void *cookie)
{
	struct copies *copies = cookie;

	copies->flushed++;
	if (atomic_read(&copies->guest->invalidations) == copies->seen)
		copies->flushed_late = true;
}

static const struct ept_backend backend = { .get = get, .gone = gone, .flushed = flushed };

static void fill(struct page *page, u8 value)
{
	u8 *memory = kmap_local_page(page);

	memset(memory, value, PAGE_SIZE);
	kunmap_local(memory);
}

static u8 first_byte(struct page *page)
{
	u8 *memory = kmap_local_page(page);
	const u8 value = *memory;

	kunmap_local(memory);
	return value;
}

static struct copies *make_copies(struct guest *guest)
{
	struct copies *copies = kunit_kzalloc(guest->test, sizeof(*copies), GFP_KERNEL);
	struct ept_region region = {
		.gpa = GPA, .size = SIZE, .kind = EPT_REGION_CLIENT, .attrs = EPT_ATTRS_RAM,
		.cookie = copies, .backend = &backend,
	};

	KUNIT_ASSERT_NOT_NULL(guest->test, copies);
	copies->guest = guest;
	for (unsigned int i = 0; i < PAGES; i++) {
		fill(page_of(copies, i * SZ_4K, false), SHARED);
		fill(page_of(copies, i * SZ_4K, true), COPIED);
	}
	KUNIT_ASSERT_EQ(guest->test, ept_space_add(guest->space, &region), 0);
	return copies;
}

static void memory_that_gives_way_to_other_is_told_of(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct copies *copies = make_copies(guest);

	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), SHARED);
	KUNIT_EXPECT_EQ(test, copies->told, 0);
	guest_store(guest, GPA + SZ_4K, 5);
	KUNIT_EXPECT_EQ(test, copies->shared_gone, BIT(1));
	KUNIT_EXPECT_EQ(test, copies->told, 1);
	KUNIT_EXPECT_EQ(test, copies->flushed, 1);
	KUNIT_EXPECT_FALSE(test, copies->flushed_late);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K + 1), COPIED);
	KUNIT_EXPECT_EQ(test, first_byte(page_of(copies, SZ_4K, true)), 5);
	KUNIT_EXPECT_EQ(test, first_byte(page_of(copies, SZ_4K, false)), SHARED);
	/* One that was never read has nothing to give way. */
	guest_store(guest, GPA, 6);
	KUNIT_EXPECT_EQ(test, copies->told, 1);
	KUNIT_EXPECT_EQ(test, copies->flushed, 1);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
	KUNIT_EXPECT_EQ(test, copies->told, 3);
	KUNIT_EXPECT_EQ(test, copies->flushed, 2);
}

static void between_begin_and_commit_nothing_gives_way(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct copies *copies = make_copies(guest);

	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), SHARED);
	KUNIT_EXPECT_EQ(test, ept_space_begin(guest->space), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), -EDEADLK);
	KUNIT_EXPECT_EQ(test, copies->told, 0);
	KUNIT_EXPECT_EQ(test, ept_space_commit(guest->space), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, copies->told, 1);
}

/* All of it is shared in one piece for reading; a write gets a page of its own. */
static int get_large_or_own(void *cookie, u64 offset, u32 access, struct ept_piece *piece)
{
	const struct guest *guest = cookie;

	if (access & EPT_PROT_WRITE) {
		piece->hpa = page_to_phys(guest->client[offset >> PAGE_SHIFT]);
		return 0;
	}
	piece->offset = 0;
	piece->size = SZ_2M;
	piece->hpa = page_to_phys(guest->linear);
	piece->prot = EPT_PROT_READ;
	return 0;
}

static const struct ept_backend large_or_own = { .get = get_large_or_own };

/* Of a large leaf a change takes a page: on the rest another CPU still works. */
static void what_is_beside_a_change_gives_way_after_a_flush(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = {
		.gpa = GPA, .size = SZ_2M, .kind = EPT_REGION_CLIENT, .attrs = EPT_ATTRS_RAM,
		.cookie = guest, .backend = &large_or_own,
	};
	struct guest_cpu *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	const u64 beside = GPA + 100 * SZ_4K;
	u8 seen;

	KUNIT_ASSERT_NOT_NULL(test, other);
	region.attrs.prot = RW;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_access(guest, other, beside, &seen, 1, false), 0);
	KUNIT_EXPECT_EQ(test, guest_level(guest, beside), EPT_2M);
	KUNIT_EXPECT_EQ(test, ept_space_begin(guest->space), 0);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_4K, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, beside, EPT_PROT_WRITE), -EDEADLK);
	KUNIT_EXPECT_EQ(test, ept_space_commit(guest->space), 0);
	guest_store(guest, beside, 5);
	KUNIT_EXPECT_EQ(test, guest_access(guest, other, beside, &seen, 1, false), 0);
	KUNIT_EXPECT_EQ(test, seen, 5);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_2M), 0);
}

static void the_host_writes_what_a_write_gets(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct copies *copies = make_copies(guest);
	u64 old = 0x0101010101010101;
	u8 byte = 7;

	/* Mapped by a read, and not mapped */
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), SHARED);
	for (u64 at = 0; at < 2 * SZ_4K; at += SZ_4K) {
		KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA + at, &byte, 1, 0), 1);
		KUNIT_EXPECT_EQ(test, first_byte(page_of(copies, at, false)), SHARED);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + at), 7);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + at + 1), COPIED);
	}
	KUNIT_EXPECT_EQ(test, copies->shared_gone, BIT(0));
	KUNIT_EXPECT_EQ(test, copies->flushed, 1);
	/* A region without write: the host writes all the same, and not what is shared. */
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SIZE, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA + 2 * SZ_4K, &byte, 1, 0), 1);
	KUNIT_EXPECT_EQ(test, first_byte(page_of(copies, 2 * SZ_4K, false)), SHARED);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + 2 * SZ_4K), 7);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SIZE, RW), 0);
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, GPA + 3 * SZ_4K, 8, &old, 1), 0);
	KUNIT_EXPECT_EQ(test, old, 0x0202020202020202);
}

static void what_a_backing_never_lets_write_the_host_does_not(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct copies *copies = make_copies(guest);
	struct ept_window window;
	u64 old = 0;
	u8 byte = 7;

	copies->never = true;
	for (unsigned int mapped = 0; mapped < 2; mapped++) {
		KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA, &byte, 1, 0), -EACCES);
		KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA, &byte, 1, RW), -EACCES);
		KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, GPA, 8, &old, 1), -EACCES);
		KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, GPA, 0, true, &window),
				-EACCES);
		KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), -EACCES);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), SHARED);
	}
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA, &byte, 1, 0), 1);
	KUNIT_EXPECT_EQ(test, byte, SHARED);
	KUNIT_EXPECT_EQ(test, copies->told, 0);
}

static void parts_that_moved_hear_of_a_flush_once(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct copies *copies = make_copies(guest);

	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA + SZ_4K, SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA + 4 * SZ_4K, SZ_4K, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, SZ_64K, SZ_4K, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, copies->flushed, 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), SHARED);
	KUNIT_EXPECT_EQ(test, guest_load(guest, SZ_4K), SHARED);
	KUNIT_EXPECT_EQ(test, guest_load(guest, SZ_1M), SHARED);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, 0, SZ_1G, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, copies->told, 3);
	KUNIT_EXPECT_EQ(test, copies->flushed, 1);
	KUNIT_EXPECT_EQ(test, guest_load(guest, SZ_1M), SHARED);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, copies->told, 4);
	KUNIT_EXPECT_EQ(test, copies->flushed, 2);
	KUNIT_EXPECT_EQ(test, copies->shared_gone, BIT(0) | BIT(1) | BIT(4));
}

static void memory_is_taken_back_and_asked_for_again(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct copies *copies = make_copies(guest);
	struct ept_region region;

	for (u64 at = 0; at < SIZE; at += SZ_4K)
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + at), SHARED);
	/* Its memory becomes another: what is to be mapped from now on */
	copies->copied = BIT(1) | BIT(2);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), SHARED);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA + SZ_4K, SZ_8K), 0);
	KUNIT_EXPECT_EQ(test, copies->shared_gone, BIT(1) | BIT(2));
	KUNIT_EXPECT_EQ(test, copies->flushed, 1);
	KUNIT_EXPECT_FALSE(test, copies->flushed_late);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), SHARED);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), COPIED);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_8K), COPIED);
	KUNIT_EXPECT_EQ(test, copies->told, 2);
	/* The region is in one piece. */
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA + SZ_4K, &region), 0);
	KUNIT_EXPECT_EQ(test, region.gpa, GPA);
	KUNIT_EXPECT_EQ(test, region.size, SIZE);
}

static void what_is_taken_back_amid_changes_is_gone_at_once(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct copies *copies = make_copies(guest);
	struct ept_window window;
	u8 byte = 0;

	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), SHARED);
	KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, GPA, 0, false, &window), 0);
	KUNIT_EXPECT_EQ(test, ept_space_begin(guest->space), 0);
	copies->copied = BIT(0);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, copies->told, 1);
	KUNIT_EXPECT_EQ(test, copies->flushed, 1);
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA, &byte, 1, 0), 1);
	KUNIT_EXPECT_EQ(test, byte, COPIED);
	KUNIT_EXPECT_FALSE(test, ept_space_window_valid(&window));
	KUNIT_EXPECT_EQ(test, ept_space_commit(guest->space), 0);
	KUNIT_EXPECT_EQ(test, copies->flushed, 1);
	KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, false), -EAGAIN);
}

/**
 * struct meddler - who faults while the CPUs are being told of what went
 * @guest: whose CPU faults
 * @invalidate: the guest's own
 * @verdicts: what the faults ended in
 * @nr: how many
 */
static struct meddler {
	struct guest	*guest;
	void		(*invalidate)(struct ept *ept, void *cookie);
	int		verdicts[2];
	unsigned int	nr;
} meddler;

static void meddle(struct ept *ept, void *cookie)
{
	const unsigned int nr = meddler.nr;

	if (nr < ARRAY_SIZE(meddler.verdicts)) {
		meddler.nr = ARRAY_SIZE(meddler.verdicts);
		meddler.verdicts[nr] = guest_fault(meddler.guest, GPA, EPT_PROT_WRITE);
		meddler.nr = nr + 1;
	}
	meddler.invalidate(ept, cookie);
}

/*
 * A CPU that keeps a translation of the old memory until it is invalidated, and another one that is
 * given the new before, are not one machine. Who faults here is the one that is waited for.
 */
static void nothing_new_is_mapped_before_the_old_is_flushed(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct copies *copies = make_copies(guest);

	KUNIT_EXPECT_EQ(test, ept_space_log_start(guest->space, GPA, SIZE, EPT_LOG_LAZY), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), SHARED);
	guest_store(guest, GPA + SZ_4K, 5);
	meddler = (struct meddler){ .guest = guest, .invalidate = guest->ops.invalidate };
	guest->ops.invalidate = meddle;
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, SIZE), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), SHARED);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA, SIZE), 0);
	guest->ops.invalidate = meddler.invalidate;
	KUNIT_EXPECT_EQ(test, meddler.nr, 2);
	KUNIT_EXPECT_EQ(test, meddler.verdicts[0], -EDEADLK);
	KUNIT_EXPECT_EQ(test, meddler.verdicts[1], -EDEADLK);
	KUNIT_EXPECT_EQ(test, copies->flushed, 1);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 5);
}

static int get_zeroes(void *cookie, u64 offset, u32 access, struct ept_piece *piece)
{
	piece->hpa = page_to_phys(ZERO_PAGE(0));
	piece->prot &= ~EPT_PROT_WRITE;
	return 0;
}

static void the_kernels_zero_page_can_be_read_and_not_written(struct kunit *test)
{
	static const struct ept_backend zeroes = { .get = get_zeroes };
	const struct ept_region region = {
		.gpa = GPA, .size = SIZE, .kind = EPT_REGION_CLIENT, .attrs = EPT_ATTRS_RAM,
		.backend = &zeroes,
	};
	const struct ept_region pages = {
		.gpa = GPA + SIZE, .size = SZ_4K, .kind = EPT_REGION_LINEAR,
		.attrs = EPT_ATTRS_RAM, .hpa = page_to_phys(ZERO_PAGE(0)),
	};
	struct guest *guest = test->priv;
	u64 value = 7;

	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &pages), 0);
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA, &value, 8, EPT_PROT_READ), 8);
	KUNIT_EXPECT_EQ(test, value, 0);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA, &value, 8, 0), -EACCES);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA + SIZE, &value, 8, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE + SZ_4K), 0);
}

/* Gives what the case wants, whatever is asked for. */
static int get_given(void *cookie, u64 offset, u32 access, struct ept_piece *piece)
{
	*piece = *(const struct ept_piece *)cookie;
	return 0;
}

#define FIRST	SZ_1M		/* offset of the region */
#define ASKED	(FIRST + SZ_8K)

static void a_piece_lies_in_the_region_and_has_the_page(struct kunit *test)
{
	static const struct ept_backend backend = { .get = get_given };
	const struct {
		u64	offset, hpa, size;
		int	ret;
	} pieces[] = {
		{ FIRST, 0, SIZE, EPT_VERDICT_RESUME },
		{ ASKED, 0, SIZE - SZ_8K, EPT_VERDICT_RESUME },
		{ ASKED, 0, SZ_4K, EPT_VERDICT_RESUME },
		{ FIRST, 0, SZ_8K + SZ_4K, EPT_VERDICT_RESUME },
		{ FIRST, 0, SZ_8K, -EINVAL },
		{ ASKED + SZ_4K, 0, SZ_4K, -EINVAL },
		{ FIRST - SZ_4K, 0, SIZE, -EINVAL },
		{ FIRST, 0, SIZE + SZ_4K, -EINVAL },
		{ ASKED, 0, SIZE - SZ_4K, -EINVAL },
		{ ASKED, 0, 0, -EINVAL },
		{ ASKED, 0, -(u64)SZ_4K, -EINVAL },
		{ ASKED, 8, SZ_4K, -EINVAL },
		{ ASKED - 8, 0, SZ_8K, -EINVAL },
		{ ASKED, 0, SZ_4K + 8, -EINVAL },
	};
	struct guest *guest = test->priv;
	struct ept_piece piece;
	const struct ept_region region = {
		.gpa = GPA, .size = SIZE, .kind = EPT_REGION_CLIENT, .attrs = EPT_ATTRS_RAM,
		.cookie = &piece, .offset = FIRST, .backend = &backend,
	};

	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(pieces); i++) {
		piece = (struct ept_piece){
			.offset = pieces[i].offset, .size = pieces[i].size, .prot = RW,
			.hpa = page_to_phys(guest->linear) + pieces[i].hpa,
		};
		KUNIT_EXPECT_EQ_MSG(test, guest_fault(guest, GPA + SZ_8K, EPT_PROT_READ),
				    pieces[i].ret, "piece %u", i);
		KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA, SIZE), 0);
	}
	/* The cookie is this frame's. */
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
}

static void what_may_be_taken_back_and_what_not(struct kunit *test)
{
	struct guest *guest = test->priv;
	const u64 limit = BIT_ULL(guest->config.levels == 5 ? 57 : 48);
	struct ept_mapping before, after;

	must_add(guest, EPT_REGION_ANON, GPA, SZ_4M);
	must_add(guest, EPT_REGION_LINEAR, GPA + SZ_1G, SZ_4M);
	guest_store(guest, GPA, 3);
	guest_store(guest, GPA + SZ_1G, 4);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, GPA, &before), 0);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA + SZ_4K, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(guest->ept, GPA, &after), 0);
	KUNIT_EXPECT_EQ(test, after.level, before.level);
	KUNIT_EXPECT_EQ(test, ept_space_begin(guest->space), 0);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, 0, limit), 0);
	KUNIT_EXPECT_EQ(test, ept_space_commit(guest->space), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 3);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_1G), 4);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, 0, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_zap(NULL, GPA, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, GPA + 8, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, limit, SZ_4K), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_space_zap(guest->space, SZ_4K, limit), -ERANGE);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(memory_that_gives_way_to_other_is_told_of, configs_gen_params),
	KUNIT_CASE(between_begin_and_commit_nothing_gives_way),
	KUNIT_CASE(what_is_beside_a_change_gives_way_after_a_flush),
	KUNIT_CASE_PARAM(the_host_writes_what_a_write_gets, configs_gen_params),
	KUNIT_CASE(what_a_backing_never_lets_write_the_host_does_not),
	KUNIT_CASE(parts_that_moved_hear_of_a_flush_once),
	KUNIT_CASE(memory_is_taken_back_and_asked_for_again),
	KUNIT_CASE(what_is_taken_back_amid_changes_is_gone_at_once),
	KUNIT_CASE(nothing_new_is_mapped_before_the_old_is_flushed),
	KUNIT_CASE(the_kernels_zero_page_can_be_read_and_not_written),
	KUNIT_CASE(a_piece_lies_in_the_region_and_has_the_page),
	KUNIT_CASE_PARAM(what_may_be_taken_back_and_what_not, configs_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_client",
	.suite_init = guest_suite_init,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
