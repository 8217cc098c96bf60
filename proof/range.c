// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs about ranges of addresses: any 64 bits for an address and a size, tables of 512 entries.
 */
#include "config.h"
#include "../ept_op.h"
#include "../ept_walk.c"
#include "../ept_pte.c"

/* Whether [start, start + size) lies below 2^width, in numbers that don't overflow */
static bool fits(u64 start, u64 size, unsigned int width)
{
	const unsigned __int128 limit = 1ULL << width;

	return start < limit && (unsigned __int128)start + size <= limit;
}

static struct ept any_ept(void)
{
	const struct ept_config config = any_config();
	struct ept ept = {};

	ept_format_init(&ept.fmt, &config);
	return ept;
}

/* A range that a function that takes one accepts */
static void any_range(const struct ept *ept, u64 *gpa, u64 *size)
{
	*gpa = any_u64();
	*size = any_u64();
	assume(*gpa % 4096 == 0 && *size % 4096 == 0 && *size &&
	       fits(*gpa, *size, ept->fmt.levels == 4 ? 48 : 57));
}

/* What a range has to be told, in the order of ept_core.h: 0, -EINVAL or -ERANGE */
static int range_error(u64 start, u64 size, unsigned int width)
{
	if (start % 4096 || size % 4096 || !size)
		return -EINVAL;
	return fits(start, size, width) ? 0 : -ERANGE;
}

/*
 * PROOF range_judged
 * The judge of a guest's range refuses exactly what isn't one, with the right error: any address,
 * any size
 * FAULT ept_op.h s/if (likely(!((gpa | apart | (gpa + apart)) &/if (likely(!((gpa | (gpa + apart)) \&/
 * FAULT ept_op.h s/return address & (SZ_4K - 1) ? -EINVAL : -ERANGE;/return -ERANGE;/
 */
void range_judged(void)
{
	const struct ept ept = any_ept();
	const u64 gpa = any_u64(), size = any_u64();

	prove(ept_judge_range(&ept, gpa, size) ==
	      range_error(gpa, size, ept.fmt.levels == 4 ? 48 : 57), "as by numbers");
}

/*
 * PROOF range_host
 * The judge of a host's range, of which the size is judged, refuses exactly what isn't one
 * FAULT ept_pte.c s/fmt->maxphyaddr - 1, PAGE_SHIFT/fmt->maxphyaddr, PAGE_SHIFT/
 * FAULT ept_op.h s/((hpa | (hpa + size - SZ_4K)) &/((hpa + size - SZ_4K) \&/
 */
void range_host(void)
{
	const struct ept ept = any_ept();
	const u64 hpa = any_u64();
	u64 gpa, size;

	any_range(&ept, &gpa, &size);
	prove(ept_judge_hpa(&ept, hpa, size) == range_error(hpa, size, ept.fmt.maxphyaddr),
	      "as by numbers");
}

/*
 * PROOF error_first
 * Of two errors the first in the header's list is returned, of one that one, of none none
 * FAULT ept_op.h s/one && other ? max(one, other) :/one \&\& other ? min(one, other) :/
 */
void error_first(void)
{
	static const int errors[] = { 0, -EINVAL, -ERANGE, -EOPNOTSUPP };
	const unsigned int one = any_up_to(3), other = any_up_to(3);
	const unsigned int expected = !one ? other : !other ? one : one < other ? one : other;

	prove(ept_first_error(errors[one], errors[other]) == errors[expected], "the first");
}

/*
 * PROOF walk_begins
 * A walk begins at the lowest table with the whole range in it, in more than one of its entries or
 * in exactly one
 * FAULT ept_walk.c s/fls64(gpa ^ (end - 1)) - 13/fls64(gpa ^ end) - 13/
 */
void walk_begins(void)
{
	const struct ept ept = any_ept();
	unsigned int shift;
	enum ept_level level;
	u64 gpa, size, last;

	any_range(&ept, &gpa, &size);
	level = min(lowest_level(gpa, gpa + size), ept_root_level(&ept.fmt));
	last = gpa + size - 1;
	shift = 12 + 9 * level;
	prove(gpa >> (shift + 9) == last >> (shift + 9), "one table has the range");
	prove(level == EPT_4K || gpa >> shift != last >> shift ||
	      size == 1ULL << shift, "in more than one entry, or a whole one");
	prove(ept_root_level(&ept.fmt) == ept.fmt.levels - 1 &&
	      ept_gpa_width(&ept.fmt) == (ept.fmt.levels == 4 ? 48 : 57), "of a root that there is");
}

/*
 * PROOF walk_counts_no_overflow
 * The number of tables that a walk says it takes doesn't overflow, for each range and size of leaf
 * WITH --unsigned-overflow-check
 * FAULT ept_walk.c s/tables += last - first + 1;/tables += first - last + 1;/
 */
void walk_counts_no_overflow(void)
{
	const struct ept ept = any_ept();
	const enum ept_level leaf = any_up_to(EPT_1G);
	u64 gpa, size;

	any_range(&ept, &gpa, &size);
	prove(ept_walk_tables(gpa, gpa + size, EPT_256T, leaf) <= 1ULL << 37,
	      "no more than a guest has");
}

/*
 * PROOF index_in_table
 * An address selects an entry of its table, whatever the address
 * FAULT ept_pte.h s/(level)) % EPT_ENTRIES/(level)) \& EPT_ENTRIES/
 */
void index_in_table(void)
{
	const enum ept_level level = any_up_to(EPT_256T);
	const u64 gpa = any_u64();

	prove(ept_index(gpa, level) == bits(gpa, 12 + 9 * level + 8, 12 + 9 * level),
	      "by the bits of the manual");
	prove(ept_level_size(level) == 4096ULL << 9 * level, "which is what an entry spans");
}
