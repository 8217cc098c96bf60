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

/*
 * PROOF range_fits
 * Whether a range fits is told without an overflow
 * FAULT ept_op.h s/start < limit && size <= limit - start/start + size <= limit/
 */
void range_fits(void)
{
	const u64 start = any_u64(), size = any_u64();
	const unsigned int width = 12 + any_up_to(45);

	prove(ept_fits(start, size, width) == fits(start, size, width), "it fits if it does");
}

/*
 * PROOF range_plain
 * The short test of a range accepts exactly what the long one does
 * FAULT ept_op.h s/gpa_illegal) && gpa <= last/gpa_illegal)/
 */
void range_plain(void)
{
	const struct ept ept = any_ept();
	const u64 gpa = any_u64(), size = any_u64();
	const bool valid = gpa % 4096 == 0 && size % 4096 == 0 && size &&
			   fits(gpa, size, ept.fmt.levels == 4 ? 48 : 57);

	prove(ept_range_plain(&ept, gpa, size) == valid, "plain is what is valid");
	prove((ept_range_valid(&ept, gpa, size) &&
	       ept_fits(gpa, size, ept_gpa_width(&ept.fmt))) == valid, "by steps, too");
	prove(!ept_range_plain(NULL, gpa, size) && !ept_range_valid(NULL, gpa, size),
	      "no table, no range");
}

/*
 * PROOF range_host
 * What a map asks of its host range by bits is what it asks by numbers
 * FAULT ept_pte.c s/maxphyaddr - 1, PAGE_SHIFT/maxphyaddr, PAGE_SHIFT/
 */
void range_host(void)
{
	const struct ept ept = any_ept();
	const u64 hpa = any_u64();
	u64 gpa, size;

	any_range(&ept, &gpa, &size);
	prove(!((hpa | (hpa + size - PAGE_SIZE)) & ept.fmt.hpa_illegal) ==
	      (hpa % 4096 == 0 && ept_fits(hpa, size, ept.fmt.maxphyaddr)) ||
	      hpa + size < hpa, "the same, where it doesn't overflow");
	prove(implies(hpa + size < hpa, (hpa | (hpa + size - PAGE_SIZE)) & ept.fmt.hpa_illegal),
	      "refused where it does");
}

/*
 * PROOF range_short
 * A short range lies in one table of 4K entries, so that no entry above is covered or cut
 * FAULT ept_op.h s/((gpa ^ (gpa + size - 1)) < span/((gpa ^ (gpa + size)) < span/
 * FAULT ept_op.h s/span = ept_level_size(EPT_2M);/span = ept_level_size(EPT_1G);/
 */
void range_short(void)
{
	const struct ept ept = any_ept();
	const bool whole = any_bool();
	u64 gpa, size;

	any_range(&ept, &gpa, &size);
	prove(ept_range_short(gpa, size, whole) ==
	      (gpa >> 21 == (gpa + size - 1) >> 21 && (whole || size != 1 << 21)),
	      "short is what is in one table, and all of it only if that will do");
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
