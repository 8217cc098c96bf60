// SPDX-License-Identifier: GPL-2.0
/* Maps of which each leaf has its memory's type. Knows nothing of what the host has. */
#include <linux/align.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sizes.h>

#include "ept_compat.h"
#include "memtype.h"

struct typed_map {
	struct ept		*ept;
	u64			gpa;
	phys_addr_t		hpa;
	u64			size;
	struct ept_attrs	attrs;
	const struct ept_mtrr	*mtrr;
};

/* From @offset on: how much has one type. */
static u64 uniform_size(const struct typed_map *map, u64 offset)
{
	u64 span;

	ept_mtrr_type(map->mtrr, map->hpa + offset, &span);
	return min(span, map->size - offset);
}

static int map_uniform(struct typed_map *map, u64 offset, u64 size)
{
	map->attrs.memtype = ept_mtrr_type(map->mtrr, map->hpa + offset, NULL);
	return ept_map(map->ept, map->gpa + offset, map->hpa + offset, size, &map->attrs);
}

static u64 last_offset(const struct typed_map *map)
{
	u64 offset = 0, size;

	while ((size = uniform_size(map, offset)) < map->size - offset)
		offset += size;
	return offset;
}

/* All from @last on is mapped, and the first @done bytes. */
static void unmap_parts(const struct typed_map *map, u64 done, u64 last)
{
	struct ept_gather gather;

	ept_gather_init(&gather, map->ept);
	if (done)
		ept_unmap(map->ept, map->gpa, done, &gather);
	ept_unmap(map->ept, map->gpa + last, map->size - last, &gather);
	ept_gather_flush(&gather);
}

/*
 * The last part first: its end is the range's, so that whatever is wrong with the addresses or the
 * attributes is found before anything was mapped. After it only -EEXIST and -ENOMEM are left.
 */
static int map_parts(struct typed_map *map)
{
	const u64 last = last_offset(map);
	int err = map_uniform(map, last, map->size - last);
	u64 done, size;

	if (err)
		return err;
	for (done = 0; done < last; done += size) {
		size = uniform_size(map, done);
		err = map_uniform(map, done, size);
		if (err) {
			unmap_parts(map, done, last);
			return err;
		}
	}
	return 0;
}

int ept_map_typed(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
		  const struct ept_attrs *attrs, const struct ept_mtrr *mtrr)
{
	struct typed_map map = { ept, gpa, hpa, size, .mtrr = mtrr };
	u64 end, gpa_end;

	if (!attrs || !ept_mtrr_decoded(mtrr) || !IS_ALIGNED(gpa | hpa | size, SZ_4K) || !size)
		return -EINVAL;
	map.attrs = *attrs;
	map.attrs.memtype = EPT_MT_UC;
	/* What wraps would be refused part by part, and not each part is out of range. */
	if (check_add_overflow(hpa, size, &end) || end > BIT_ULL(mtrr->msrs.maxphyaddr) ||
	    check_add_overflow(gpa, size, &gpa_end))
		return ept_map_check(ept, gpa, hpa, size, &map.attrs) == -EINVAL ? -EINVAL :
										   -ERANGE;
	return map_parts(&map);
}
EXPORT_SYMBOL_EPT(ept_map_typed);
