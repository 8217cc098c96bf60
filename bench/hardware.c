// SPDX-License-Identifier: GPL-2.0
/*
 * The CPU's part: sets accessed and dirty in the leaf of a page that it wrote to. Knows nothing but
 * the format, which is EPT's, and that of others that have their bits in the same places.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/io.h>

#include "bench.h"

#define PRESENT		GENMASK_ULL(2, 0)
#define LARGE		BIT_ULL(7)
#define ACCESSED_DIRTY	GENMASK_ULL(9, 8)
#define ADDRESS		GENMASK_ULL(51, 12)

static int dirty_page(u64 *table, u64 gpa)
{
	for (unsigned int shift = 39; ; shift -= 9) {
		u64 *entry = table + (gpa >> shift) % 512;

		if (!(*entry & PRESENT))
			return -ENOENT;
		if (shift == 12 || *entry & LARGE) {
			*entry |= ACCESSED_DIRTY;
			return 0;
		}
		table = phys_to_virt(*entry & ADDRESS);
	}
}

int bench_dirty(u64 *root, const struct bench_step *step)
{
	u64 gpa = step->gpa;
	int err = 0;

	for (unsigned int i = 0; i < step->calls && !err; i++, gpa += step->stride)
		err = dirty_page(root, gpa);
	return err;
}
