// SPDX-License-Identifier: GPL-2.0
/* Memory that is held as long as it is the guest's: a process', pinned, and a file's. */
#include <kunit/test.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/resource.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>

#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)

static int held_init(struct kunit *test)
{
	int err = guest_init(test);

	if (!err)
		guest_make_process(test->priv);
	return err;
}

/*
 * Pinned
 */

static void expect_locked(struct guest *guest, unsigned long pages)
{
	KUNIT_EXPECT_EQ(guest->test, READ_ONCE(guest->mm->locked_vm), pages);
}

static void pinned_pages_stay_the_guests(struct kunit *test)
{
	struct guest *guest = test->priv;
	const unsigned long at = guest->pinned + 8 * PAGE_SIZE;

	must_add(guest, EPT_REGION_PINNED, GPA, GUEST_SIZE);
	expect_locked(guest, GUEST_PAGES);
	for (unsigned int page = 0; page < 64; page++)
		guest_store(guest, GPA + page * SZ_4K, page + 1);
	process_store(guest, guest_pinned(guest, 1), 77);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 77);
	KUNIT_EXPECT_EQ(test, process_load(guest, guest_pinned(guest, 5)), 6);
	KUNIT_EXPECT_EQ(test, vm_mmap(NULL, at, SZ_64K, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0), at);
	KUNIT_EXPECT_EQ(test, process_load(guest, guest_pinned(guest, 8)), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + 8 * SZ_4K), 9);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, SZ_1G), 0);
	expect_locked(guest, 0);
	guest_end_process(guest);
}

static void a_part_that_goes_is_no_longer_pinned(struct kunit *test)
{
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_PINNED, GPA, GUEST_SIZE);
	for (unsigned int page = 0; page < 64; page++)
		guest_store(guest, GPA + page * SZ_4K, page + 1);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_64K), 0);
	expect_locked(guest, GUEST_PAGES - 16);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA + SZ_64K, SZ_64K, SZ_1G), 0);
	expect_locked(guest, GUEST_PAGES - 16);
	for (unsigned int page = 0; page < 16; page++)
		KUNIT_EXPECT_EQ(test, guest_load(guest, SZ_1G + page * SZ_4K), page + 17);
	/* What was moved has its pages of what is no longer there otherwise. */
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	expect_locked(guest, 16);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, SZ_1G + SZ_32K, SZ_32K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, SZ_1G, SZ_1G), 0);
	expect_locked(guest, 8);
	KUNIT_EXPECT_EQ(test, guest_load(guest, SZ_4K), 25);
	process_store(guest, guest_pinned(guest, 24), 3);
	KUNIT_EXPECT_EQ(test, guest_load(guest, SZ_4K), 3);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, SZ_1G), 0);
	expect_locked(guest, 0);
	guest_end_process(guest);
}

static void what_is_pinned_to_be_read_is_never_written(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_PINNED, GPA, SZ_64K, 0);
	u8 byte = 1;

	region.attrs.prot = EPT_PROT_READ;
	process_store(guest, guest_pinned(guest, 0), 9);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 9);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), EPT_VERDICT_READONLY);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_64K, RW), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 9);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), EPT_VERDICT_READONLY);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA, &byte, 1, 0), -EACCES);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 9);
	/* The process may not write there itself. */
	region = guest_region(guest, EPT_REGION_PINNED, SZ_1G, SZ_4K, 32);
	KUNIT_EXPECT_EQ(test, vm_mmap(NULL, region.user.address, SZ_4K, PROT_READ,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
			region.user.address);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EFAULT);
	region.attrs.prot = EPT_PROT_READ;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest_end_process(guest);
}

static struct page *page_at(struct guest *guest, u64 gpa)
{
	struct ept_mapping mapping = {};

	KUNIT_EXPECT_EQ(guest->test, ept_lookup(guest->ept, gpa, &mapping), 0);
	return pfn_to_page(PHYS_PFN(mapping.hpa));
}

static void what_was_pinned_to_be_written_is_dirty(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_PINNED, GPA, SZ_64K, 0);
	struct page *page;

	process_store(guest, guest_pinned(guest, 0), 9);
	for (unsigned int writable = 0; writable < 2; writable++) {
		region.attrs.prot = writable ? RW : EPT_PROT_READ;
		KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
		KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 9);
		page = page_at(guest, GPA);
		ClearPageDirty(page);
		KUNIT_EXPECT_TRUE(test, folio_maybe_dma_pinned(page_folio(page)));
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_64K), 0);
		KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(page_folio(page)));
		KUNIT_EXPECT_EQ(test, !!PageDirty(page), writable);
	}
	guest_end_process(guest);
}

/* More than are pinned at a time, and not as many twice */
static void what_follows_a_region_in_its_process_is_not_pinned(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region behind = guest_region(guest, EPT_REGION_PINNED, SZ_1G, SZ_4K, 520);
	struct page *page;

	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &behind), 0);
	guest_load(guest, SZ_1G);
	page = page_at(guest, SZ_1G);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, SZ_1G, SZ_4K), 0);
	must_add(guest, EPT_REGION_PINNED, GPA, 520 * SZ_4K);
	/* Where it is one with others, that counts for all. */
	if (folio_nr_pages(page_folio(page)) == 1)
		KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(page_folio(page)));
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, 520 * SZ_4K), 0);
	guest_end_process(guest);
}

static void memory_that_cannot_be_pinned_is_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_PINNED, GPA, GUEST_SIZE, 0);

	region.user.address++;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EINVAL);
	region.user.address = -SZ_4K;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -ERANGE);
	region.user.mm = NULL;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EINVAL);
	/* The last page isn't there. */
	region = guest_region(guest, EPT_REGION_PINNED, GPA, GUEST_SIZE, 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(guest->pinned + GUEST_SIZE - SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EFAULT);
	expect_locked(guest, 0);
	/* Nor is the first. */
	KUNIT_EXPECT_EQ(test, vm_munmap(guest->pinned, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EFAULT);
	expect_locked(guest, 0);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, 0, &region), -ENOENT);
	guest_end_process(guest);
}

static void set_limit(unsigned long pages)
{
	current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur = pages * PAGE_SIZE;
}

/* From here on as one who has no right to exceed limits. Returns what was before. */
static const struct cred *become_mortal(void)
{
	struct cred *mortal = prepare_creds();
	const struct cred *before;

	if (!mortal)
		return NULL;
	cap_lower(mortal->cap_effective, CAP_IPC_LOCK);
	before = override_creds(mortal);
	return before;
}

static void become_immortal(const struct cred *before)
{
	const struct cred *mortal = current_cred();

	revert_creds(before);
	put_cred(mortal);
}

static void what_the_limit_forbids_is_not_pinned(struct kunit *test)
{
	struct guest *guest = test->priv;
	const struct ept_region region = guest_region(guest, EPT_REGION_PINNED, GPA, SZ_64K, 0);
	struct ept_region other = guest_region(guest, EPT_REGION_PINNED, SZ_1G, SZ_4K, 20);
	const unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	const struct cred *before = become_mortal();

	KUNIT_ASSERT_NOT_NULL(test, before);
	set_limit(15);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -ENOMEM);
	expect_locked(guest, 0);
	KUNIT_EXPECT_EQ(test, ept_space_find(guest->space, 0, &other), -ENOENT);
	set_limit(16);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	expect_locked(guest, 16);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &other), -ENOMEM);
	/* What it would replace stays. */
	other.gpa = GPA;
	KUNIT_EXPECT_EQ(test, ept_space_set(guest->space, &other), -ENOMEM);
	expect_locked(guest, 16);
	guest_store(guest, GPA, 4);
	KUNIT_EXPECT_EQ(test, process_load(guest, guest_pinned(guest, 0)), 4);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &other), 0);
	expect_locked(guest, 16);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_64K), 0);
	expect_locked(guest, 0);
	set_limit(limit);
	become_immortal(before);
	guest_end_process(guest);
}

static void pinned_memory_may_outlive_its_process(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct mm_struct *mm = guest->mm;
	struct ept_region region;

	must_add(guest, EPT_REGION_PINNED, GPA, SZ_64K);
	guest_store(guest, GPA, 5);
	region = guest_region(guest, EPT_REGION_PINNED, SZ_1G, SZ_4K, 0);
	mmgrab(mm);
	guest_end_process(guest);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), 5);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EFAULT);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA, SZ_64K, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, SZ_1G), 5);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, SZ_1G, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(mm->locked_vm), 0UL);
	mmdrop(mm);
}

/*
 * Files
 */

static u8 file_load(struct guest *guest, loff_t at)
{
	u8 value = 0xee;

	KUNIT_EXPECT_EQ(guest->test, kernel_read(guest->file, &value, 1, &at), 1);
	return value;
}

static void file_store(struct guest *guest, loff_t at, u8 value)
{
	KUNIT_EXPECT_EQ(guest->test, kernel_write(guest->file, &value, 1, &at), 1);
}

static void guest_and_file_share_their_pages(struct kunit *test)
{
	struct guest *guest = test->priv;

	file_store(guest, SZ_4K, 3);
	must_add(guest, EPT_REGION_FILE, GPA, GUEST_SIZE);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_4K), 3);
	guest_store(guest, GPA + SZ_4K, 4);
	guest_store(guest, GPA + SZ_2M, 5);
	KUNIT_EXPECT_EQ(test, file_load(guest, SZ_4K), 4);
	KUNIT_EXPECT_EQ(test, file_load(guest, SZ_2M), 5);
	KUNIT_EXPECT_EQ(test, ept_space_move(guest->space, GPA + SZ_2M, SZ_64K, SZ_1G), 0);
	file_store(guest, SZ_2M, 6);
	KUNIT_EXPECT_EQ(test, guest_load(guest, SZ_1G), 6);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, GUEST_SIZE), 0);
	guest_store(guest, SZ_1G + SZ_4K, 7);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, SZ_1G, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, file_load(guest, SZ_2M + SZ_4K), 7);
	KUNIT_EXPECT_EQ(test, file_load(guest, SZ_4K), 4);
	guest_end_process(guest);
}

#define FILE_PAGES	16

/* Without that which a CPU has of each page until it has a batch of them for the kernel's list */
static long references(struct guest *guest)
{
	long sum = 0;

	for (unsigned int i = 0; i < FILE_PAGES; i++) {
		struct page *page = find_get_page(guest->file->f_mapping, i);

		KUNIT_ASSERT_NOT_NULL(guest->test, page);
		sum += page_count(page) - !folio_test_lru(page_folio(page));
		put_page(page);
	}
	return sum;
}

/* Of so many pages, as others may hold one for a moment */
static void expect_references(struct guest *guest, long before, long more)
{
	KUNIT_EXPECT_LT(guest->test, abs(references(guest) - before - more), FILE_PAGES / 2);
}

static void load_file(struct guest *guest)
{
	for (unsigned int i = 0; i < FILE_PAGES; i++)
		KUNIT_EXPECT_EQ(guest->test, guest_load(guest, GPA + i * SZ_4K), i);
}

static void a_files_pages_are_let_go_of_and_dirty_if_they_were_writable(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_FILE, GPA, SZ_64K, 0);
	struct ept_window window;
	struct page *page;
	long before;

	for (unsigned int i = 0; i < FILE_PAGES; i++)
		file_store(guest, i * SZ_4K, i);
	before = references(guest);
	for (unsigned int writable = 0; writable < 2; writable++) {
		region.attrs.prot = writable ? RW : EPT_PROT_READ;
		KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
		load_file(guest);
		expect_references(guest, before, FILE_PAGES);
		/* They are still the same when they are mapped anew. */
		KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_64K, 0), 0);
		KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_64K,
							region.attrs.prot), 0);
		load_file(guest);
		expect_references(guest, before, FILE_PAGES);
		page = page_at(guest, GPA);
		KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, GPA, 0, writable,
							    &window), 0);
		ClearPageDirty(page);
		KUNIT_EXPECT_EQ(test, ept_space_window_close(&window, writable), 0);
		KUNIT_EXPECT_EQ(test, !!PageDirty(page), writable);
		ClearPageDirty(page);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_64K), 0);
		expect_references(guest, before, 0);
		KUNIT_EXPECT_EQ(test, !!PageDirty(page), writable);
		/* It is the only place that has what was written. */
		SetPageDirty(page);
	}
	/* Also with the whole space */
	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	load_file(guest);
	ept_space_destroy(guest->space);
	guest->space = NULL;
	expect_references(guest, before, 0);
	guest_end_process(guest);
}

static void what_a_file_loses_stays_with_the_guest(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_FILE, GPA, SZ_64K, 0);

	must_add(guest, EPT_REGION_FILE, GPA + SZ_1G, GUEST_SIZE);
	guest_store(guest, GPA + SZ_1G, 8);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(guest->file, FALLOC_FL_PUNCH_HOLE |
					    FALLOC_FL_KEEP_SIZE, 0, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_1G), 8);
	KUNIT_EXPECT_EQ(test, file_load(guest, 0), 0);
	/* Half of it is beyond the file's end. */
	region.file.offset = GUEST_SIZE - SZ_32K;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA + SZ_32K - 1), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA + SZ_32K, EPT_PROT_READ), -EFAULT);
	guest_end_process(guest);
}

static void files_that_cannot_be_are_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_FILE, GPA, SZ_64K, 0);
	u8 byte = 1;

	region.file.offset = 1;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EINVAL);
	region.file.offset = -SZ_4K;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -ERANGE);
	region.file.offset = MAX_LFS_FILESIZE & PAGE_MASK;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -ERANGE);
	region.file.offset = 0;
	/* More pages than an array can name: refused, and the kernel doesn't complain. */
	region.size = BIT_ULL(46);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -ENOMEM);
	region.size = SZ_64K;
	guest->file->f_mode &= ~FMODE_READ;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EACCES);
	guest->file->f_mode |= FMODE_READ;
	guest->file->f_mode &= ~FMODE_WRITE;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EACCES);
	region.attrs.prot = EPT_PROT_READ;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	guest->file->f_mode |= FMODE_WRITE;
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, GPA, SZ_64K, RW), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA, EPT_PROT_WRITE), EPT_VERDICT_READONLY);
	KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, GPA, &byte, 1, 0), -EACCES);
	region.gpa = SZ_1G;
	region.attrs.prot = RW;
	KUNIT_ASSERT_EQ(test, mapping_deny_writable(guest->file->f_mapping), 0);
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EACCES);
	mapping_allow_writable(guest->file->f_mapping);
	SHMEM_I(file_inode(guest->file))->seals |= F_SEAL_FUTURE_WRITE;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EACCES);
	SHMEM_I(file_inode(guest->file))->seals &= ~F_SEAL_FUTURE_WRITE;
	/* While it is writable, nobody can have it sealed. */
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, mapping_deny_writable(guest->file->f_mapping), -EBUSY);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, SZ_1G, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, mapping_deny_writable(guest->file->f_mapping), 0);
	mapping_allow_writable(guest->file->f_mapping);
	region.file.file = NULL;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EINVAL);
	guest_end_process(guest);
}

static void a_file_without_a_page_cache_is_refused(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_FILE, GPA, SZ_4K, 0);
	struct file *file = filp_open("/proc/version", O_RDONLY, 0);

	guest_end_process(guest);
	if (IS_ERR(file))
		kunit_skip(test, "there is no such file");
	region.file.file = file;
	region.attrs.prot = EPT_PROT_READ;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EOPNOTSUPP);
	fput(file);
}

static void a_file_on_a_disk_is_read(struct kunit *test)
{
	struct guest *guest = test->priv;
	struct ept_region region = guest_region(guest, EPT_REGION_FILE, GPA, SZ_4K, 0);
	struct file *file = filp_open("/init", O_RDWR, 0);
	u8 byte = 0;
	loff_t at = 0;
	u64 end;

	if (IS_ERR(file)) {
		guest_end_process(guest);
		kunit_skip(test, "there is no such file");
	}
	region.file.file = file;
	if (!shmem_mapping(file->f_mapping))
		KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), -EOPNOTSUPP);
	region.attrs.prot = EPT_PROT_READ;
	end = PAGE_ALIGN(i_size_read(file_inode(file)));
	region.size = end + SZ_4K;
	KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
	KUNIT_EXPECT_EQ(test, kernel_read(file, &byte, 1, &at), 1);
	fput(file);
	KUNIT_EXPECT_EQ(test, guest_load(guest, GPA), byte);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, GPA + end, EPT_PROT_READ), -EFAULT);
	guest_end_process(guest);
}

/*
 * Poison
 */

static void what_is_poisoned_is_neither_mapped_nor_touched(struct kunit *test)
{
	struct guest *guest = test->priv;
#ifdef CONFIG_MEMORY_FAILURE
	const enum ept_region_kind kinds[] = { EPT_REGION_PAGES, EPT_REGION_CLIENT };
	struct page *pages[] = { guest->pages[3], guest->client[3] };
	struct ept_window window;
	u64 value = 7;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		const u64 gpa = GPA + 3 * SZ_4K;

		must_add(guest, kinds[i], GPA, SZ_64K);
		SetPageHWPoison(pages[i]);
		if (kinds[i] == EPT_REGION_PAGES)
			KUNIT_EXPECT_EQ(test, guest_fault(guest, gpa, EPT_PROT_READ), -EHWPOISON);
		KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, gpa, &value, 8, 0), -EHWPOISON);
		KUNIT_EXPECT_EQ(test, ept_space_write(guest->space, gpa, &value, 8, 0),
				-EHWPOISON);
		KUNIT_EXPECT_EQ(test, ept_space_cmpxchg(guest->space, gpa, 8, &value, 8),
				-EHWPOISON);
		KUNIT_EXPECT_EQ(test, ept_space_window_open(guest->space, gpa, 0, false, &window),
				-EHWPOISON);
		KUNIT_EXPECT_EQ(test, ept_space_read(guest->space, gpa - 8, &value, 8, 0), 8);
		ClearPageHWPoison(pages[i]);
		KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, GPA, SZ_64K), 0);
	}
	guest_end_process(guest);
#else
	guest_end_process(guest);
	kunit_skip(test, "the kernel knows no poisoned pages");
#endif
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(pinned_pages_stay_the_guests, configs_gen_params),
	KUNIT_CASE(a_part_that_goes_is_no_longer_pinned),
	KUNIT_CASE(what_is_pinned_to_be_read_is_never_written),
	KUNIT_CASE(what_was_pinned_to_be_written_is_dirty),
	KUNIT_CASE(what_follows_a_region_in_its_process_is_not_pinned),
	KUNIT_CASE(memory_that_cannot_be_pinned_is_refused),
	KUNIT_CASE(what_the_limit_forbids_is_not_pinned),
	KUNIT_CASE(pinned_memory_may_outlive_its_process),
	KUNIT_CASE_PARAM(guest_and_file_share_their_pages, configs_gen_params),
	KUNIT_CASE(a_files_pages_are_let_go_of_and_dirty_if_they_were_writable),
	KUNIT_CASE(what_a_file_loses_stays_with_the_guest),
	KUNIT_CASE(files_that_cannot_be_are_refused),
	KUNIT_CASE(a_file_without_a_page_cache_is_refused),
	KUNIT_CASE(a_file_on_a_disk_is_read),
	KUNIT_CASE(what_is_poisoned_is_neither_mapped_nor_touched),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_held",
	.suite_init = guest_suite_init,
	.init = held_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
