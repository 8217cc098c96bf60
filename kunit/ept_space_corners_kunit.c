// SPDX-License-Identifier: GPL-2.0
/* Spaces: what is rarely met, each by hand. */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/slab.h>

#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define OTHER	(GPA + SZ_1G)
#define PAGES	8
#define SIZE	(PAGES * (u64)SZ_4K)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)

/* The pages stay; rights come that a leaf so large may not have. */
static void a_fetch_makes_leaves_small_that_may_not_be_executed_whole(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_ANON, GPA, GUEST_SIZE, 0);

	if (!(guest->config.flags & EPT_CONFIG_NO_EXEC_LARGE))
		kunit_skip(test, "large leaves may be executed");
	region.attrs.prot = RW;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest_store(guest, GPA + SZ_4K, 1);
	guest_store(guest, GPA + SZ_64K, 2);
	if (guest_level(guest, GPA) != EPT_2M)
		kunit_skip(test, "memory is in small pieces");
	region.attrs.prot |= EPT_PROT_EXEC | (guest->mmu.mode_exec ? EPT_PROT_UEXEC : 0);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, GUEST_SIZE, region.attrs.prot),
			0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA + SZ_4K, EPT_PROT_EXEC), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_4K), EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA + SZ_4K, EPT_PROT_EXEC, NULL), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 1);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_64K), 2);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), SZ_2M / SZ_4K);
}

/* With advanced information a fetch says which of the two rights it lacked. */
static void a_fetch_asks_for_the_right_of_its_mode(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_ANON, GPA, GUEST_SIZE, 0);
	struct ept_violation fetch = { .exec = true, .advanced = true, .user = true };
	struct ept_fault fault;

	if (!guest->mmu.mode_exec)
		kunit_skip(test, "one right for both modes");
	region.attrs.prot = RW | EPT_PROT_UEXEC;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, ept_space_fault(guest->space, GPA, &fetch, &fault), 0);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_RESUME);
	fetch.user = false;
	KUNIT_EXPECT_EQ(test, ept_space_fault(guest->space, GPA, &fetch, &fault), 0);
	KUNIT_EXPECT_EQ(test, fault.verdict, EPT_VERDICT_PROTECTED);
}

/* Pages in one piece, as they lie in a large leaf */
static void contiguous_pages_have_a_large_leaf(struct kunit *test)
{
	struct guest *guest = test->priv;
	const enum ept_level large = guest_large(guest, EPT_ATTRS_RAM.prot);
	struct ept_region region = guest_region(guest, EPT_REGION_PAGES, GPA, GUEST_SIZE, 0);
	struct page **pages = kunit_kcalloc(test, GUEST_PAGES, sizeof(*pages), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		pages[i] = guest->linear + i;
	region.pages = pages;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest_store(guest, GPA + SZ_2M + SZ_4K, 7);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_2M + SZ_4K), large);
	KUNIT_EXPECT_EQ(test, *(u8 *)page_address(guest->linear + 513), 7);
	guest_store(guest, GPA + SZ_4K, 8);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_4K), large);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);

	/* One of them lies elsewhere. */
	pages[512 + 7] = guest->pages[0];
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest_store(guest, GPA + SZ_2M + SZ_4K, 9);
	guest_store(guest, GPA + SZ_2M + 7 * SZ_4K, 10);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_2M + SZ_4K), EPT_4K);
	KUNIT_EXPECT_EQ(test, *(u8 *)page_address(guest->linear + 513), 9);
	KUNIT_EXPECT_EQ(test, *(u8 *)page_address(guest->pages[0]), 10);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

/* The array ends amid what would be a large leaf. */
static void pages_that_end_amid_a_large_leaf_have_small_ones(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_PAGES, GPA, SZ_1M + SZ_2M, 0);
	const unsigned int nr = (SZ_1M + SZ_2M) / SZ_4K;
	struct page **pages = kunit_kcalloc(test, nr, sizeof(*pages), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (unsigned int i = 0; i < nr; i++)
		pages[i] = guest->linear + i;
	region.pages = pages;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest_store(guest, GPA + SZ_2M + SZ_4K, 7);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA + SZ_2M + SZ_4K), EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, region.size), 0);
}

/*
 * A client's backing that answers what it is told to
 */

/**
 * struct odd - its cookie
 * @guest: whose linear memory it gives, all of it for any offset
 * @piece: what it gives instead, if it has a size
 * @wished: rights that were asked for
 * @dirty: what @gone was told
 * @get: what @get returns
 * @access: what @access returns
 * @asked: how often that was
 * @found: what ept_space_find() said when memory went
 * @data: what the host reads and writes
 */
struct odd {
	struct guest	*guest;
	struct ept_piece piece;
	u32		wished;
	bool		dirty;
	int		get;
	int		access;
	unsigned int	asked;
	int		found;
	u8		data[PAGES];
};

static int odd_get(void *cookie, u64 offset, u32 access, struct ept_piece *piece)
{
	struct odd *odd = cookie;

	odd->wished |= access;
	piece->offset = 0;
	piece->hpa = page_to_phys(odd->guest->linear);
	piece->size = SIZE;
	if (odd->piece.size)
		*piece = odd->piece;
	return odd->get;
}

static int odd_access(void *cookie, u64 offset, void *data, size_t size, bool write)
{
	struct odd *odd = cookie;
	u8 *byte = &odd->data[offset >> PAGE_SHIFT];

	odd->asked++;
	if (write)
		*byte = *(u8 *)data;
	else
		*(u8 *)data = *byte;
	return odd->access;
}

static void odd_gone(void *cookie, u64 offset, phys_addr_t hpa, u64 size, bool dirty)
{
	struct odd *odd = cookie;
	struct ept_region region;

	odd->dirty = dirty;
	odd->found = ept_space_find(odd->guest->space, GPA, &region);
}

static const struct ept_backend odd_backend = { .get = odd_get };
static const struct ept_backend odd_backend_with_access = {
	.get = odd_get, .access = odd_access, .gone = odd_gone,
};

static struct odd *add_odd_with(struct guest *guest, const struct ept_backend *backend, u64 size,
				u32 prot)
{
	struct ept_region region = guest_region(guest, EPT_REGION_CLIENT, GPA, size, 0);
	struct odd *odd = kunit_kzalloc(guest->test, sizeof(*odd), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(guest->test, odd);
	odd->guest = guest;
	region.cookie = odd;
	region.backend = backend;
	region.attrs.prot = prot;
	KUNIT_ASSERT_EQ(guest->test, ept_space_add(guest->space, &region), 0);
	return odd;
}

/* From here on: the linear memory's first bytes */
static void give(struct odd *odd, u64 size, u32 prot)
{
	odd->piece = (struct ept_piece){
		.hpa = page_to_phys(odd->guest->linear), .size = size, .prot = prot,
	};
}

static struct odd *add_odd(struct guest *guest, const struct ept_backend *backend)
{
	return add_odd_with(guest, backend, SIZE, EPT_ATTRS_RAM.prot);
}

static void what_a_client_refuses_ends_the_fault(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd(guest, &odd_backend);

	odd->get = -EPERM;
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), -EPERM);
	/* No error, nor success */
	odd->get = 1;
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA, 0, NULL), -EFAULT);
	odd->get = 0;
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
}

static void the_host_reads_and_writes_what_a_client_has_for_it(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd(guest, &odd_backend_with_access);
	u8 byte = 9;
	u64 old = 0;

	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA + SZ_4K + 5, &byte, 1, 0), 1);
	KUNIT_EXPECT_EQ(test, odd->data[1], 9);
	odd->data[2] = 4;
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA + SZ_8K, &byte, 1, 0), 1);
	KUNIT_EXPECT_EQ(test, byte, 4);
	odd->access = -EIO;
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA, &byte, 1, 0), -EIO);
	odd->access = 1;
	KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, GPA, &byte, 1, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, odd->asked, 4);
	/* There is no page to be had. */
	KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, GPA, 1, &old, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, odd->asked, 4);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
}

/* From a callback, amid the change that removes it */
static void a_region_that_goes_is_not_found(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd(guest, &odd_backend_with_access);

	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
	KUNIT_EXPECT_EQ(test, odd->found, -ENOENT);
}

/* The client's memory is in one piece; in front of what was moved lies something else. */
static void a_part_that_was_moved_has_its_part_of_a_clients_memory(struct kunit *test)
{
	struct guest *guest = test->priv;

	add_odd(guest, &odd_backend);
	for (unsigned int i = 0; i < PAGES; i++)
		memset(page_address(guest->linear + i), i + 1, 1);
	KUNIT_ASSERT_EQ(test, ept_space_move(guest->space, GPA + SZ_8K, SZ_16K, OTHER), 0);
	for (unsigned int i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, guest_load(guest, OTHER + i * SZ_4K), i + 3);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, OTHER - SZ_4K, 0, NULL), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, OTHER + SZ_16K, 0, NULL), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, OTHER + SIZE), 0);
}

static void what_was_moved_to_the_beginning_has_nothing_in_front(struct kunit *test)
{
	struct guest *guest = test->priv;

	add_odd(guest, &odd_backend);
	for (unsigned int i = 0; i < PAGES; i++)
		memset(page_address(guest->linear + i), i + 1, 1);
	KUNIT_ASSERT_EQ(test, ept_space_move(guest->space, GPA + SZ_8K, SZ_16K, 0), 0);
	for (unsigned int i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, guest_load(guest, i * SZ_4K), i + 3);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, OTHER), 0);
}

/* In front of it the piece has more, which counts for nothing. */
static void a_piece_ends_where_it_says_after_a_move(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd_with(guest, &odd_backend, GUEST_SIZE, RW);

	give(odd, GUEST_SIZE, RW);
	guest_store(guest, GPA, 1);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), guest_large(guest, RW));
	odd->piece.offset = SZ_1M;
	odd->piece.hpa += SZ_1M;
	odd->piece.size = SZ_2M;
	KUNIT_ASSERT_EQ(test, ept_space_move(guest->space, GPA + SZ_2M, SZ_2M, OTHER), 0);
	guest_store(guest, OTHER, 2);
	KUNIT_EXPECT_EQ(test, guest_level(guest, OTHER), EPT_4K);
	KUNIT_EXPECT_EQ(test, *(u8 *)page_address(guest->linear + 512), 2);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, OTHER + SZ_2M), 0);
}

static void a_client_gives_a_right_later(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd(guest, &odd_backend);

	give(odd, SZ_4K, EPT_PROT_READ);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), -EACCES);
	odd->piece.prot = RW;
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA, EPT_PROT_WRITE, NULL), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_EXEC), -EACCES);
	odd->piece.prot |= EPT_PROT_EXEC | EPT_PROT_UEXEC;
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_EXEC), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA, EPT_PROT_EXEC, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
}

/* A smaller piece than before, with more rights */
static void a_right_counts_for_the_piece_alone(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd_with(guest, &odd_backend, GUEST_SIZE, RW);

	give(odd, GUEST_SIZE, EPT_PROT_READ);
	guest_load(guest, GPA);
	guest_load(guest, GPA + SZ_1M);
	odd->piece.size = SZ_1M;
	odd->piece.prot = RW;
	guest_store(guest, GPA + SZ_4K, 1);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA + SZ_1M, EPT_PROT_WRITE, NULL),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA + SZ_1M, EPT_PROT_READ, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

static void a_large_leaf_gets_a_right_whole(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd_with(guest, &odd_backend, GUEST_SIZE, RW);

	give(odd, GUEST_SIZE, EPT_PROT_READ);
	/* The first and the last of what is there */
	for (unsigned int i = 0; i < 2; i++) {
		const u64 at = GPA + i * SZ_2M + SZ_8K;

		odd->piece.prot = EPT_PROT_READ;
		guest_load(guest, at);
		odd->piece.prot = RW;
		guest_store(guest, at, i + 1);
		KUNIT_EXPECT_EQ(test, guest_level(guest, at), guest_large(guest, RW));
		KUNIT_EXPECT_EQ(test, *(u8 *)page_address(guest->linear + i * 512 + 2), i + 1);
	}
	/* Another page behind one of it */
	odd->piece.offset = SZ_2M + SZ_4K;
	odd->piece.hpa = page_to_phys(guest->pages[0]);
	odd->piece.size = SZ_4K;
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, GUEST_SIZE, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, GUEST_SIZE, RW), 0);
	guest_store(guest, GPA + SZ_2M + SZ_4K, 9);
	KUNIT_EXPECT_EQ(test, *(u8 *)page_address(guest->pages[0]), 9);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

static void what_could_not_be_written_goes_clean(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd_with(guest, &odd_backend_with_access, SIZE, EPT_PROT_READ);

	give(odd, SZ_4K, RW);
	guest_load(guest, GPA);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
	KUNIT_EXPECT_FALSE(test, odd->dirty);
	odd = add_odd_with(guest, &odd_backend_with_access, SIZE, RW);
	guest_store(guest, GPA, 1);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
	KUNIT_EXPECT_TRUE(test, odd->dirty);
}

static void populating_asks_for_no_right_that_a_region_lacks(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd_with(guest, &odd_backend, SIZE, EPT_PROT_READ);

	KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, SIZE, RW, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, odd->wished, EPT_PROT_READ);
	KUNIT_EXPECT_EQ(test, ept_translate(guest->ept, GPA + SIZE - SZ_4K, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
}

static void faults_are_counted_by_verdict(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct odd *odd = add_odd_with(guest, &odd_backend, SIZE, EPT_PROT_READ);
	struct ept_space_stats stats;

	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), EPT_VERDICT_READONLY);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), EPT_VERDICT_READONLY);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, 0, EPT_PROT_READ), EPT_VERDICT_NONE);
	odd->get = -EPERM;
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA + SZ_4K, EPT_PROT_READ), -EPERM);
	ept_space_get_stats(guest->space, &stats);
	KUNIT_EXPECT_EQ(test, stats.faults[EPT_VERDICT_RESUME], 1);
	KUNIT_EXPECT_EQ(test, stats.faults[EPT_VERDICT_READONLY], 2);
	KUNIT_EXPECT_EQ(test, stats.faults[EPT_VERDICT_NONE], 1);
	KUNIT_EXPECT_EQ(test, stats.faults[EPT_VERDICT_MMIO], 0);
	KUNIT_EXPECT_EQ(test, stats.errors, 1);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SIZE), 0);
}

/* What isn't given back each time would be hundreds of MiB. */
static void memory_comes_back_to_the_kernel(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct sysinfo before, after;

	si_meminfo(&before);
	for (unsigned int i = 0; i < 128; i++) {
		/* Small leaves, and where there may be, large ones */
		must_add(guest, EPT_REGION_ANON, GPA + SZ_4K, SZ_2M);
		must_add(guest, EPT_REGION_ANON, OTHER, SZ_2M);
		KUNIT_EXPECT_EQ(test, ept_space_populate(guest->space, GPA, SZ_1G + SZ_2M, RW, NULL,
							 NULL), 0);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_1G + SZ_2M), 0);
	}
	si_meminfo(&after);
	KUNIT_EXPECT_LT(test, before.freeram,
			after.freeram + 32 * (SZ_2M / SZ_4K));
}

/* A file that is kept in its page cache, and elsewhere; and a directory, which has none */
static void a_files_memory_is_written_where_it_is_in_memory_alone(struct kunit *test)
{
	struct file_system_type *ramfs = get_fs_type("ramfs");
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_FILE, GPA, SZ_4K, 0);
	struct file *file, *folder;
	struct vfsmount *mount;

	KUNIT_ASSERT_NOT_NULL(test, ramfs);
	mount = kern_mount(ramfs);
	KUNIT_ASSERT_FALSE(test, IS_ERR(mount));
	file = file_open_root_mnt(mount, "file", O_RDWR | O_CREAT | O_LARGEFILE, 0600);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	region.file.file = file;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EOPNOTSUPP);
	region.attrs.prot = EPT_PROT_READ;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_4K), 0);
	folder = file_open_root_mnt(mount, "/", O_RDONLY | O_DIRECTORY, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folder));
	region.file.file = folder;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EOPNOTSUPP);
	__fput_sync(folder);
	__fput_sync(file);
	kern_unmount(mount);
}

/* One leaf, as it says, or at most what a table of them holds */
static void a_fault_maps_no_more_than_a_leaf_where_leaves_are_small(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_LINEAR, GPA, GUEST_SIZE, 0);
	struct ept_stats stats;

	if (!(guest->config.flags & EPT_CONFIG_NO_EXEC_LARGE))
		kunit_skip(test, "large leaves may be executed");
	region.gpa = SZ_1G;
	region.hpa = SZ_1G;
	region.size = SZ_1G;
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, SZ_1G, EPT_PROT_READ), EPT_VERDICT_RESUME);
	ept_get_stats(guest->ept, &stats);
	KUNIT_EXPECT_LE(test, stats.leaves[EPT_4K], 512);
	KUNIT_EXPECT_LE(test, stats.tables[EPT_4K], 1);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, SZ_1G, SZ_1G), 0);
}

/* A CPU that missed that another one has mapped it */
static void a_fault_on_a_large_leaf_leaves_it_large(struct kunit *test)
{
	struct guest *guest = test->priv;
	enum ept_level level;

	must_add(guest, EPT_REGION_ANON, GPA, GUEST_SIZE);
	guest_store(guest, GPA, 1);
	level = guest_level(guest, GPA);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA + SZ_4K, EPT_PROT_WRITE), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), level);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

/* Neither in the tree nor in the table */
static void rights_that_a_region_has_already_cut_nothing(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_ANON, GPA, GUEST_SIZE, 0);
	struct ept_region found = {};
	enum ept_level level;

	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest_store(guest, GPA, 1);
	level = guest_level(guest, GPA);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA + SZ_4K, SZ_4K,
						region.attrs.prot), 0);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, GPA, &found), 0);
	KUNIT_EXPECT_EQ(test, found.size, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, guest_level(guest, GPA), level);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_fault_on_a_large_leaf_leaves_it_large),
	KUNIT_CASE(rights_that_a_region_has_already_cut_nothing),
	KUNIT_CASE_PARAM(a_fault_maps_no_more_than_a_leaf_where_leaves_are_small,
			 configs_gen_params),
	KUNIT_CASE_PARAM(a_fetch_makes_leaves_small_that_may_not_be_executed_whole,
			 configs_gen_params),
	KUNIT_CASE_PARAM(a_fetch_asks_for_the_right_of_its_mode, configs_gen_params),
	KUNIT_CASE_PARAM(contiguous_pages_have_a_large_leaf, configs_gen_params),
	KUNIT_CASE(what_a_client_refuses_ends_the_fault),
	KUNIT_CASE(the_host_reads_and_writes_what_a_client_has_for_it),
	KUNIT_CASE(a_region_that_goes_is_not_found),
	KUNIT_CASE(a_part_that_was_moved_has_its_part_of_a_clients_memory),
	KUNIT_CASE_PARAM(pages_that_end_amid_a_large_leaf_have_small_ones, configs_gen_params),
	KUNIT_CASE(what_was_moved_to_the_beginning_has_nothing_in_front),
	KUNIT_CASE_PARAM(a_piece_ends_where_it_says_after_a_move, configs_gen_params),
	KUNIT_CASE_PARAM(a_client_gives_a_right_later, configs_gen_params),
	KUNIT_CASE_PARAM(a_right_counts_for_the_piece_alone, configs_gen_params),
	KUNIT_CASE_PARAM(a_large_leaf_gets_a_right_whole, configs_gen_params),
	KUNIT_CASE_PARAM(what_could_not_be_written_goes_clean, configs_gen_params),
	KUNIT_CASE(populating_asks_for_no_right_that_a_region_lacks),
	KUNIT_CASE(faults_are_counted_by_verdict),
	KUNIT_CASE(memory_comes_back_to_the_kernel),
	KUNIT_CASE(a_files_memory_is_written_where_it_is_in_memory_alone),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_corners",
	.suite_init = guest_suite_init,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
