// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a backing has as an array of pages: the client's own (pages), a process', pinned for
 * as long as they are the guest's (pinned), and the page cache's (file). What is moved uses the
 * array of what it was moved from.
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "ept_compat.h"
#include "space.h"

/* Pinned at a time, with the process' mmap_lock */
#define PIN_BATCH	512UL

/**
 * struct held - such a backing
 * @backing: as every kind has one
 * @pages: one for each 4K; NULL: not yet, or no longer
 */
struct held {
	struct backing	backing;
	struct page	**pages;
};

static struct held *to_held(struct backing *backing)
{
	return container_of(backing, struct held, backing);
}

static unsigned long nr_pages(const struct held *held)
{
	return held->backing.region.size >> PAGE_SHIFT;
}

static struct held *make_held(const struct ept_region *region)
{
	struct held *held = kzalloc(sizeof(*held), GFP_KERNEL_ACCOUNT);

	if (held)
		held->backing.region = *region;
	return held;
}

/* With an array of its own, or a part of another one's */
static struct held *make_owner(const struct ept_region *region, const struct backing *from)
{
	struct held *held = make_held(region);

	if (!held)
		return NULL;
	if (from) {
		const struct held *other = container_of(from, struct held, backing);

		held->backing.readonly = from->readonly;
		held->pages = other->pages +
			      ((region->offset - from->region.offset) >> PAGE_SHIFT);
		return held;
	}
	held->backing.readonly = !(region->attrs.prot & EPT_PROT_WRITE);
	held->pages = kvcalloc(nr_pages(held), sizeof(*held->pages),
			       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (held->pages)
		return held;
	kfree(held);
	return NULL;
}

/* From @page on, do so many lie one after the other? */
static bool is_contiguous(struct page **page, unsigned long nr)
{
	const struct page *first = READ_ONCE(page[0]);

	/* Those around the place may come and go meanwhile. */
	for (unsigned long i = 0; i < nr; i++) {
		const struct page *other = READ_ONCE(page[i]);

		if (!other || page_to_pfn(other) != page_to_pfn(first) + i)
			return false;
	}
	return true;
}

/* @page is at the place. The large leaf around it, if the pages are right for one */
static int install(struct place *place, struct page *page, u32 access)
{
	const struct held *held = to_held(place->span->backing);
	const struct ept_region *region = &held->backing.region;
	const u64 leaf = place->gpa & ~(u64)(SZ_2M - 1);
	const u64 hpa = page_to_phys(page) - (place->gpa - leaf);

	if (is_page_hwpoison(page))
		return -EHWPOISON;
	if (!place->log && leaf >= region->gpa && leaf + SZ_2M <= region->gpa + region->size &&
	    IS_ALIGNED(hpa, SZ_2M) &&
	    is_contiguous(held->pages + ((leaf - region->gpa) >> PAGE_SHIFT), SZ_2M / SZ_4K))
		return place_install(place, leaf, hpa, SZ_2M, PROT_ALL, access);
	return place_install(place, place->gpa, page_to_phys(page), SZ_4K, PROT_ALL, access);
}

static int held_fault(struct place *place, u32 access)
{
	const struct held *held = to_held(place->span->backing);
	struct page *page = held->pages[backing_at(&held->backing, place->gpa) >> PAGE_SHIFT];

	/* The client's array may have a hole; by its address it would be memory somewhere. */
	return page ? install(place, page, access) : -EFAULT;
}

/*
 * The client's
 */

static struct backing *pages_create(struct ept_space *space, const struct ept_region *region,
				    const struct backing *from)
{
	struct held *held = make_held(region);

	if (!held)
		return ERR_PTR(-ENOMEM);
	held->pages = region->pages;
	return &held->backing;
}

static void pages_destroy(struct backing *backing)
{
	kfree(to_held(backing));
}

const struct kind space_pages = {
	.name = "pages",
	.create = pages_create,
	.fault = held_fault,
	.destroy = pages_destroy,
};

/*
 * A process', pinned
 */

int space_pages_error(long err)
{
	switch (err) {
	case -ENOMEM:
	case -EHWPOISON:
	case -EINTR:
		return err;
	case -ERESTARTSYS:
		return -EINTR;
	default:
		return -EFAULT;
	}
}

static void unpin(struct backing *backing, u64 offset, u64 size)
{
	struct held *held = to_held(backing);
	struct page **page = held->pages + (offset >> PAGE_SHIFT);
	unsigned long nr = 0;

	for (u64 at = 0; at < size; at += SZ_4K, page++) {
		if (!*page)
			continue;
		unpin_user_pages_dirty_lock(page, 1, !backing->readonly);
		WRITE_ONCE(*page, NULL);
		nr++;
		cond_resched();
	}
	account_locked_vm(backing->region.user.mm, nr, false);
}

static void pinned_destroy(struct backing *backing)
{
	struct held *held = to_held(backing);

	if (!backing->source) {
		unpin(backing, 0, backing->region.size);
		mmdrop(backing->region.user.mm);
		kvfree(held->pages);
	}
	kfree(held);
}

/* Returns how many were pinned, at least one, or an error. */
static long pin_some(struct held *held, unsigned long first)
{
	const struct ept_region *region = &held->backing.region;
	const unsigned int flags = FOLL_LONGTERM | FOLL_HWPOISON |
				   (held->backing.readonly ? 0 : FOLL_WRITE);
	const unsigned long nr = min(nr_pages(held) - first, PIN_BATCH);
	long done;

	if (mmap_read_lock_killable(region->user.mm))
		return -EINTR;
	done = ept_pin_user_pages(region->user.mm, region->user.address + first * PAGE_SIZE, nr,
				  flags, held->pages + first, NULL);
	mmap_read_unlock(region->user.mm);
	/* Some kernels leave pages there that they let go of again. */
	memset(held->pages + first + max(done, 0L), 0,
	       (nr - max(done, 0L)) * sizeof(*held->pages));
	return done > 0 ? done : space_pages_error(done);
}

static int pin_all(struct held *held)
{
	unsigned long done = 0;

	while (done < nr_pages(held)) {
		const long nr = pin_some(held, done);

		if (nr < 0)
			return nr;
		done += nr;
		cond_resched();
	}
	return 0;
}

/* Accounts for all before any is pinned. Those that are not go from the account again. */
static int pin(struct held *held)
{
	const struct ept_region *region = &held->backing.region;
	const unsigned long nr = nr_pages(held);
	unsigned long pinned = 0;
	int err;

	if (account_locked_vm(region->user.mm, nr, true))
		return -ENOMEM;
	err = pin_all(held);
	if (!err)
		return 0;
	while (pinned < nr && held->pages[pinned])
		pinned++;
	account_locked_vm(region->user.mm, nr - pinned, false);
	return err;
}

static struct backing *pinned_create(struct ept_space *space, const struct ept_region *region,
				     const struct backing *from)
{
	struct held *held = make_owner(region, from);
	int err = -EFAULT;

	if (!held)
		return ERR_PTR(-ENOMEM);
	if (from)
		return &held->backing;
	mmgrab(region->user.mm);
	if (mmget_not_zero(region->user.mm)) {
		err = pin(held);
		mmput(region->user.mm);
	}
	if (!err)
		return &held->backing;
	pinned_destroy(&held->backing);
	return ERR_PTR(err);
}

const struct kind space_pinned = {
	.name = "pinned",
	.shares = true,
	.create = pinned_create,
	.fault = held_fault,
	.removed = unpin,
	.destroy = pinned_destroy,
};

/*
 * A file's, from the page cache, where a reference keeps them. What is written gets into the file
 * because it has no other place: of files with writeback, which would have to know, nothing is
 * writable.
 */

static void put_pages(struct backing *backing, u64 offset, u64 size)
{
	struct page **page = to_held(backing)->pages + (offset >> PAGE_SHIFT);

	for (u64 at = 0; at < size; at += SZ_4K, page++) {
		if (!*page)
			continue;
		if (!backing->readonly)
			set_page_dirty_lock(*page);
		put_page(*page);
		WRITE_ONCE(*page, NULL);
		cond_resched();
	}
}

static void file_destroy(struct backing *backing)
{
	struct held *held = to_held(backing);
	struct file *file = backing->region.file.file;

	if (!backing->source) {
		put_pages(backing, 0, backing->region.size);
		if (!backing->readonly)
			mapping_unmap_writable(file->f_mapping);
		fput(file);
		kvfree(held->pages);
	}
	kfree(held);
}

/* Whether the file may be written so, and will be as long as it isn't told otherwise */
static int claim_write(struct file *file)
{
	if (!(file->f_mode & FMODE_WRITE))
		return -EACCES;
	if (!shmem_mapping(file->f_mapping))
		return -EOPNOTSUPP;
	if (READ_ONCE(SHMEM_I(file_inode(file))->seals) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ||
	    mapping_map_writable(file->f_mapping))
		return -EACCES;
	return 0;
}

static int claim(struct file *file, bool readonly)
{
	const struct address_space *mapping = file->f_mapping;

	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if (!S_ISREG(file_inode(file)->i_mode) || IS_DAX(file_inode(file)) ||
	    !(shmem_mapping(file->f_mapping) || mapping->a_ops->read_folio))
		return -EOPNOTSUPP;
	return readonly ? 0 : claim_write(file);
}

static struct backing *file_create(struct ept_space *space, const struct ept_region *region,
				   const struct backing *from)
{
	struct held *held = make_owner(region, from);
	int err;

	if (!held)
		return ERR_PTR(-ENOMEM);
	if (from)
		return &held->backing;
	err = claim(region->file.file, held->backing.readonly);
	if (err) {
		kvfree(held->pages);
		kfree(held);
		return ERR_PTR(err);
	}
	get_file(region->file.file);
	return &held->backing;
}

static struct page *read_page(struct file *file, unsigned long index)
{
	struct address_space *mapping = file->f_mapping;

	if (index >= DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE))
		return ERR_PTR(-EFAULT);
	if (shmem_mapping(mapping))
		return shmem_read_mapping_page(mapping, index);
	return read_mapping_page(mapping, index, file);
}

static int file_fault(struct place *place, u32 access)
{
	const struct held *held = to_held(place->span->backing);
	const struct ept_region *region = &held->backing.region;
	const u64 offset = backing_at(&held->backing, place->gpa);
	struct page **slot = &held->pages[offset >> PAGE_SHIFT];
	struct page *page = READ_ONCE(*slot), *other;

	if (!page) {
		page = read_page(region->file.file, (region->file.offset + offset) >> PAGE_SHIFT);
		if (IS_ERR(page))
			return space_pages_error(PTR_ERR(page));
		other = cmpxchg(slot, NULL, page);
		if (other) {
			put_page(page);
			page = other;
		}
	}
	return install(place, page, access);
}

const struct kind space_file = {
	.name = "file",
	.shares = true,
	.create = file_create,
	.fault = file_fault,
	.removed = put_pages,
	.destroy = file_destroy,
};
