// SPDX-License-Identifier: GPL-2.0
/*
 * Anonymous memory: pages of the kernel. The table alone knows which page is where, also where
 * rights are taken (EPT_PROT_NONE keeps the address), and says when one goes.
 *
 * What a 2M leaf maps are 512 pages that go one by one, so that any part of it may be removed.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "space.h"

#define LARGE_ORDER	9

static struct backing *anon_create(struct ept_space *space, const struct ept_region *region,
				   const struct backing *from)
{
	struct backing *backing = kzalloc(sizeof(*backing), GFP_KERNEL_ACCOUNT);

	if (!backing)
		return ERR_PTR(-ENOMEM);
	backing->region = *region;
	return backing;
}

static void anon_destroy(struct backing *backing)
{
	kfree(backing);
}

static void free_run(struct page *page, unsigned long nr)
{
	while (nr--)
		__free_page(page++);
}

/* Zeroed; NULL: there are none */
static struct page *alloc_run(struct ept_space *space, enum ept_level level)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO;
	struct page *page;

	if (level == EPT_4K)
		return alloc_pages_node(space->nid, gfp, 0);
	page = alloc_pages_node(space->nid, gfp | __GFP_NORETRY | __GFP_NOWARN, LARGE_ORDER);
	if (page)
		split_page(page, LARGE_ORDER);
	return page;
}

static enum ept_level anon_level(const struct place *place, enum ept_level hole)
{
	const u64 leaf = place->gpa & ~(u64)(SZ_2M - 1);

	if (place->log || hole < EPT_2M || place->space->max_leaf < EPT_2M ||
	    leaf < place->start || leaf + SZ_2M > place->end ||
	    log_is_in(place->space, leaf, SZ_2M))
		return EPT_4K;
	return EPT_2M;
}

/* New pages for the hole; -EEXIST: somebody was faster */
static int anon_fill(struct place *place, enum ept_level level, u32 access)
{
	const struct ept_attrs attrs = place_attrs(place, PROT_ALL, access);
	struct ept_space *space = place->space;
	struct page *page = alloc_run(space, level);
	u64 size = level_size(level);
	int err;

	if (!page && level > EPT_4K) {
		size = SZ_4K;
		page = alloc_run(space, EPT_4K);
	}
	if (!page)
		return -ENOMEM;
	/* Before they may go */
	this_cpu_add(space->counts->anon_pages, size >> PAGE_SHIFT);
	err = ept_map_if(space->ept, place->gpa & ~(size - 1), page_to_phys(page), size, &attrs,
			 backing_seq(place->span->backing), place->seen);
	if (err) {
		this_cpu_sub(space->counts->anon_pages, size >> PAGE_SHIFT);
		free_run(page, size >> PAGE_SHIFT);
	}
	return err;
}

/* In parts, as the rights make a leaf too large */
static int anon_fault_again(struct place *place, u32 access)
{
	if (!place_look_up(place))
		return -EAGAIN;
	return place_install(place, place->there.gpa, place->there.hpa, place->there.size, PROT_ALL,
			     access);
}

static int anon_fault(struct place *place, u32 access)
{
	const u32 prot = place_prot(place, PROT_ALL, access);
	struct ept *ept = place->space->ept;
	int err = 0;

	if (unlikely(place_needs_small(place, access)) && place_look_up(place) &&
	    place->there.level > EPT_4K)
		err = ept_split(ept, place->gpa, SZ_4K, EPT_4K, NULL);
	if (err)
		return err;
	do {
		err = ept_grant(ept, place->gpa, prot, backing_seq(place->span->backing),
				place->seen, &place->there);
		if (likely(err >= 0))
			return 0;
		if (err == -EOPNOTSUPP)
			return anon_fault_again(place, access);
		if (err == -ENOENT)
			err = anon_fill(place, anon_level(place, place->there.level), access);
	} while (err == -EEXIST);
	return err;
}

static void anon_gone(struct ept_space *space, struct backing *backing,
		      const struct ept_mapping *mapping, bool written)
{
	struct page *page = pfn_to_page(PHYS_PFN(mapping->hpa));

	set_page_private(page, mapping->size >> PAGE_SHIFT);
	list_add_tail(&page->lru, &space->pages);
	this_cpu_sub(space->counts->anon_pages, mapping->size >> PAGE_SHIFT);
}

void anon_free_pages(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru) {
		const unsigned long nr = page_private(page);

		list_del(&page->lru);
		/* Not every kernel resets it, and who gets the page next may look. */
		set_page_private(page, 0);
		free_run(page, nr);
		cond_resched();
	}
}

const struct kind space_anon = {
	.name = "anon",
	.owns = true,
	.create = anon_create,
	.fault = anon_fault,
	.gone = anon_gone,
	.destroy = anon_destroy,
};
