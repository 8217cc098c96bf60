// SPDX-License-Identifier: GPL-2.0
/* Backings that say where their memory is without asking anyone: linear, mmio. */
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

static int linear_fault(struct place *place, u32 access)
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

const struct kind space_mmio = {
	.name = "mmio",
	.create = fixed_create,
	.destroy = fixed_destroy,
};
