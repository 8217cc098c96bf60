// SPDX-License-Identifier: GPL-2.0
/* Backings of the client's own, by its callbacks. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "space.h"

static struct backing *client_create(struct ept_space *space, const struct ept_region *region,
				     const struct backing *from)
{
	struct backing *backing = kzalloc(sizeof(*backing), GFP_KERNEL_ACCOUNT);

	if (!backing)
		return ERR_PTR(-ENOMEM);
	backing->region = *region;
	return backing;
}

/* Part of the region as it was added, and with the page that was asked for */
static bool fits(const struct ept_region *region, const struct ept_piece *piece, u64 offset)
{
	return !((piece->offset | piece->hpa | piece->size) & ~PAGE_MASK) &&
	       piece->offset >= region->offset && piece->offset <= offset &&
	       piece->size > offset - piece->offset &&
	       piece->size <= region->size - (piece->offset - region->offset);
}

static int client_fault(struct place *place, u32 access)
{
	struct backing *backing = place->span->backing;
	const struct ept_region *region = &backing->region;
	const struct ept_region *whole = &(backing->source ?: backing)->region;
	const u64 offset = region->offset + backing_at(backing, place->gpa);
	struct ept_piece piece = { .offset = offset, .size = SZ_4K, .prot = PROT_ALL };
	int err = region->backend->get(region->cookie, offset, access, &piece);
	u64 before = 0;

	if (err)
		return err < 0 ? err : -EINVAL;
	if (!fits(whole, &piece, offset))
		return -EINVAL;
	if (access & ~piece.prot)
		return -EACCES;
	/* What lies in front of a part that was moved isn't in front of it any more. */
	if (piece.offset < region->offset)
		before = region->offset - piece.offset;
	return place_install(place, region->gpa + (piece.offset + before - region->offset),
			     piece.hpa + before, piece.size - before, piece.prot, access);
}

static void client_gone(struct ept_space *space, struct backing *backing,
			const struct ept_mapping *mapping, bool written)
{
	const struct ept_region *region = &backing->region;
	struct backing *whole = backing->source ?: backing;

	if (region->backend->gone)
		region->backend->gone(region->cookie,
				      region->offset + backing_at(backing, mapping->gpa),
				      mapping->hpa, mapping->size, written);
	/* Parts that were moved are one with what is left: the client hears of the flush once. */
	if (region->backend->flushed && list_empty(&whole->flushed))
		list_add_tail(&whole->flushed, &space->flushed);
}

static void client_flushed(struct backing *backing)
{
	backing->region.backend->flushed(backing->region.cookie);
}

/* With a callback of its own; what has none is read and written where it is. */
static int client_touch(struct place *place, struct touch *touch)
{
	struct backing *backing = place->span->backing;
	const struct ept_region *region = &backing->region;
	int err = -EOPNOTSUPP;

	if (!region->backend->access)
		return space_touch_mapped(place, touch);
	if (touch->data)
		err = region->backend->access(region->cookie,
					      region->offset + backing_at(backing, touch->gpa),
					      touch->data, touch->size, touch->write);
	return err > 0 ? -EINVAL : err;
}

static void client_destroy(struct backing *backing)
{
	if (backing->added && !backing->source && backing->region.backend->release)
		backing->region.backend->release(backing->region.cookie);
	kfree(backing);
}

const struct kind space_client = {
	.name = "client",
	.shares = true,
	.asks = true,
	.create = client_create,
	.fault = client_fault,
	.gone = client_gone,
	.touch = client_touch,
	.flushed = client_flushed,
	.destroy = client_destroy,
};
