// SPDX-License-Identifier: GPL-2.0
/* Backings that say where their memory is without asking anyone: linear, pages, mmio. */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "space.h"

static struct backing *fixed_create(struct ept_space *space, const struct ept_region *region,
				     const struct backing *from)
{
	struct backing *backing = kzalloc(sizeof(*backing), GFP_KERNEL_ACCOUNT);

	if (!backing)
		return ERR_PTR(-ENOMEM);
	backing->region = *region;
	return backing;
}

static void fixed_destroy(struct backing *backing)
{
	kfree(backing);
}

static int linear_fault(const struct place *place, u32 access)
{
	const struct ept_region *region = &place->span->backing->region;

	return place_install(place, region->gpa, region->hpa, region->size, PROT_ALL, access);
}

const struct kind space_linear = {
	.name = "linear",
	.create = fixed_create,
	.fault = linear_fault,
	.destroy = fixed_destroy,
};

/* How many pages from @page on lie one after the other, up to a 2M leaf's worth */
static unsigned long contiguous(struct page **page, unsigned long nr)
{
	unsigned long i = 1;

	nr = min_t(unsigned long, nr, SZ_2M / SZ_4K);
	while (i < nr && page_to_pfn(page[i]) == page_to_pfn(page[0]) + i)
		i++;
	return i;
}

static int pages_fault(const struct place *place, u32 access)
{
	const struct ept_region *region = &place->span->backing->region;
	const unsigned long nr = region->size >> PAGE_SHIFT;
	const u64 leaf = place->gpa & ~(u64)(SZ_2M - 1);
	unsigned long first = backing_at(place->span->backing, place->gpa) >> PAGE_SHIFT;

	/* The large leaf around the page, if the pages are right for one */
	if (leaf >= region->gpa) {
		const unsigned long large = (leaf - region->gpa) >> PAGE_SHIFT;

		if (IS_ALIGNED(page_to_phys(region->pages[large]), SZ_2M) &&
		    contiguous(&region->pages[large], nr - large) == SZ_2M / SZ_4K)
			return place_install(place, leaf, page_to_phys(region->pages[large]), SZ_2M,
					     PROT_ALL, access);
	}
	return place_install(place, place->gpa, page_to_phys(region->pages[first]), SZ_4K, PROT_ALL,
			     access);
}

const struct kind space_pages = {
	.name = "pages",
	.create = fixed_create,
	.fault = pages_fault,
	.destroy = fixed_destroy,
};

const struct kind space_mmio = {
	.name = "mmio",
	.create = fixed_create,
	.destroy = fixed_destroy,
};
