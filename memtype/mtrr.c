// SPDX-License-Identifier: GPL-2.0
/*
 * MTRRs: literal values to the type of an address and how far it holds. Pure: knows no table and
 * reads no MSR.
 *
 * Encodes the manual's sections "Memory Type Range Registers (MTRRs)" and "MTRR Precedences".
 */
#include <linux/bitfield.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "ept_compat.h"
#include "memtype.h"
#include "mtrr.h"

/* IA32_MTRR_DEF_TYPE */
#define DEF_TYPE_TYPE		GENMASK_ULL(7, 0)
#define DEF_TYPE_FIXED		BIT_ULL(10)
#define DEF_TYPE_ENABLED	BIT_ULL(11)

/* IA32_MTRR_PHYSBASEn, IA32_MTRR_PHYSMASKn */
#define BASE_TYPE		GENMASK_ULL(7, 0)
#define BASE_RESERVED		GENMASK_ULL(11, 8)
#define MASK_VALID		BIT_ULL(11)
#define MASK_RESERVED		GENMASK_ULL(10, 0)

/* Each fixed-range MSR has the types of eight pieces in a row. */
#define FIXED_END		SZ_1M
#define FIXED_16K		0x80000
#define FIXED_4K		0xc0000

/*
 * The edges that are looked at: from 0 on to make the list of pieces, and, beyond its end, to say
 * how far a type holds. Masks without holes have fewer than PIECE_EDGES.
 */
#define PIECE_EDGES		512
#define SEARCH_EDGES		64

/* A piece is where it begins, and its type in the bits of an offset into a page. */
#define PIECE_TYPE		GENMASK_ULL(11, 0)

static u64 address_mask(const struct ept_mtrr_msrs *msrs)
{
	return GENMASK_ULL(msrs->maxphyaddr - 1, 12);
}

static unsigned int nr_variable(const struct ept_mtrr_msrs *msrs)
{
	return FIELD_GET(EPT_MTRRCAP_VARIABLE, msrs->cap);
}

static bool fixed_enabled(const struct ept_mtrr_msrs *msrs)
{
	return msrs->def_type & DEF_TYPE_FIXED;
}

static bool variable_enabled(const struct ept_mtrr_msrs *msrs, unsigned int i)
{
	return msrs->variable[i].mask & MASK_VALID;
}

/*
 * What a CPU can hold
 */

static bool type_possible(const struct ept_mtrr_msrs *msrs, u64 type)
{
	return ept_memtype_valid(type) && (type != EPT_MT_WC || msrs->cap & EPT_MTRRCAP_WC);
}

static bool fixed_possible(const struct ept_mtrr_msrs *msrs)
{
	unsigned int i, shift;

	if (!(msrs->cap & EPT_MTRRCAP_FIXED))
		return false;
	for (i = 0; i < EPT_MTRR_FIXED; i++)
		for (shift = 0; shift < 64; shift += 8)
			if (!type_possible(msrs, msrs->fixed[i] >> shift & 0xff))
				return false;
	return true;
}

static bool variable_possible(const struct ept_mtrr_msrs *msrs)
{
	const u64 beyond = GENMASK_ULL(63, msrs->maxphyaddr);
	unsigned int i;

	if (nr_variable(msrs) > EPT_MTRR_VARIABLE)
		return false;
	for (i = 0; i < nr_variable(msrs); i++) {
		if (!variable_enabled(msrs, i))
			continue;
		if (msrs->variable[i].base & (BASE_RESERVED | beyond) ||
		    msrs->variable[i].mask & (MASK_RESERVED | beyond) ||
		    !type_possible(msrs, msrs->variable[i].base & BASE_TYPE))
			return false;
	}
	return true;
}

static bool def_type_possible(const struct ept_mtrr_msrs *msrs)
{
	return !(msrs->def_type & ~(DEF_TYPE_TYPE | DEF_TYPE_FIXED | DEF_TYPE_ENABLED)) &&
	       type_possible(msrs, msrs->def_type & DEF_TYPE_TYPE);
}

static int check(const struct ept_mtrr_msrs *msrs)
{
	if (!ept_maxphyaddr_valid(msrs->maxphyaddr))
		return -EINVAL;
	if (!msrs->mtrr)
		return -ENODEV;
	if (!def_type_possible(msrs))
		return -EINVAL;
	if (!(msrs->def_type & DEF_TYPE_ENABLED))
		return -ENODEV;
	if ((fixed_enabled(msrs) && !fixed_possible(msrs)) || !variable_possible(msrs))
		return -EINVAL;
	return 0;
}

/*
 * From the raw values, one address at a time
 */

static enum ept_memtype fixed_type(const struct ept_mtrr_msrs *msrs, u64 hpa, u64 *edge)
{
	unsigned int piece;
	u64 size;

	if (hpa < FIXED_16K) {
		size = SZ_64K;
		piece = hpa / SZ_64K;
	} else if (hpa < FIXED_4K) {
		size = SZ_16K;
		piece = 8 + (hpa - FIXED_16K) / SZ_16K;
	} else {
		size = SZ_4K;
		piece = 24 + (hpa - FIXED_4K) / SZ_4K;
	}
	*edge = ALIGN_DOWN(hpa, size) + size;
	return msrs->fixed[piece / 8] >> (piece % 8 * 8) & 0xff;
}

/* The lowest address above @hpa that matches, where @hpa doesn't; may be beyond all addresses. */
static u64 next_match(u64 hpa, u64 base, u64 mask)
{
	const u64 differ = (hpa ^ base) & mask;
	const u64 top = BIT_ULL(fls64(differ) - 1);
	const u64 below = top | (top - 1);

	/* All above the highest bit that differs can stay if that bit has to be set. */
	if (base & top)
		return (hpa & ~below) | (base & below);
	/* Otherwise count on in the bits that the mask leaves free; the others carry. */
	return (((hpa | mask | below) + 1) & ~mask) | base;
}

/* A match ends where the lowest bit of the mask changes. */
static u64 match_end(u64 hpa, u64 mask)
{
	return mask ? (hpa | ((mask & -mask) - 1)) + 1 : U64_MAX;
}

static enum ept_memtype overlap(const struct ept_mtrr_msrs *msrs, u64 types)
{
	if (!types)
		return msrs->def_type & DEF_TYPE_TYPE;
	if (is_power_of_2(types))
		return __ffs(types);
	return types == (BIT(EPT_MT_WT) | BIT(EPT_MT_WB)) ? EPT_MT_WT : EPT_MT_UC;
}

/* @edge: the next address at which any range begins or ends; the type may be the same there. */
static enum ept_memtype type_at(const struct ept_mtrr_msrs *msrs, u64 hpa, u64 *edge)
{
	u64 types = 0;
	unsigned int i;

	if (fixed_enabled(msrs) && hpa < FIXED_END)
		return fixed_type(msrs, hpa, edge);

	*edge = BIT_ULL(msrs->maxphyaddr);
	for (i = 0; i < nr_variable(msrs); i++) {
		const u64 mask = msrs->variable[i].mask & address_mask(msrs);
		const u64 base = msrs->variable[i].base & mask;

		if (!variable_enabled(msrs, i))
			continue;
		if ((hpa & mask) == base) {
			types |= BIT(msrs->variable[i].base & BASE_TYPE);
			*edge = min(*edge, match_end(hpa, mask));
		} else {
			*edge = min(*edge, next_match(hpa, base, mask));
		}
	}
	return overlap(msrs, types);
}

/*
 * Pieces of one type, from 0 on
 */

static void find_pieces(struct ept_mtrr *mtrr)
{
	unsigned int edges;
	u64 hpa = 0;

	for (edges = 0; edges < PIECE_EDGES && hpa < BIT_ULL(mtrr->msrs.maxphyaddr); edges++) {
		u64 next;
		const enum ept_memtype type = type_at(&mtrr->msrs, hpa, &next);

		if (!mtrr->nr || type != (mtrr->piece[mtrr->nr - 1] & PIECE_TYPE)) {
			if (mtrr->nr == EPT_MTRR_PIECES)
				break;
			mtrr->piece[mtrr->nr++] = hpa | type;
		}
		hpa = next;
	}
	mtrr->covered = hpa;
}

static unsigned int find_width(const struct ept_mtrr_msrs *msrs)
{
	u64 masks = 0;
	unsigned int i;

	for (i = 0; i < nr_variable(msrs); i++)
		if (variable_enabled(msrs, i))
			masks |= msrs->variable[i].mask & address_mask(msrs);
	return masks ? fls64(masks) : msrs->maxphyaddr;
}

int ept_mtrr_decode(const struct ept_mtrr_msrs *msrs, struct ept_mtrr *mtrr)
{
	const int err = msrs && mtrr ? check(msrs) : -EINVAL;

	if (!mtrr)
		return err;
	if (err) {
		memset(mtrr, 0, sizeof(*mtrr));
		return err;
	}
	memmove(&mtrr->msrs, msrs, sizeof(mtrr->msrs));
	mtrr->width = find_width(&mtrr->msrs);
	mtrr->nr = 0;
	find_pieces(mtrr);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_mtrr_decode);

int ept_mtrr_uniform(enum ept_memtype memtype, unsigned int maxphyaddr, struct ept_mtrr *mtrr)
{
	const bool valid = ept_memtype_valid(memtype) && ept_maxphyaddr_valid(maxphyaddr);

	if (!mtrr)
		return -EINVAL;
	mtrr->msrs = (struct ept_mtrr_msrs){
		.mtrr = true,
		.maxphyaddr = valid ? maxphyaddr : 0,
		.cap = EPT_MTRRCAP_WC,
		.def_type = DEF_TYPE_ENABLED | memtype,
	};
	return ept_mtrr_decode(&mtrr->msrs, mtrr);
}
EXPORT_SYMBOL_EPT(ept_mtrr_uniform);

/*
 * Look-ups
 */

/* The last piece that begins at or below @hpa, which is covered. */
static unsigned int find_piece(const struct ept_mtrr *mtrr, u64 hpa)
{
	const u64 key = hpa | PIECE_TYPE;
	unsigned int first = 0, nr = mtrr->nr;

	while (nr > 1) {
		const unsigned int half = nr / 2;

		if (mtrr->piece[first + half] <= key)
			first += half;
		nr -= half;
	}
	return first;
}

static u64 piece_end(const struct ept_mtrr *mtrr, unsigned int i)
{
	return i + 1 < mtrr->nr ? mtrr->piece[i + 1] & ~PIECE_TYPE : mtrr->covered;
}

/* Where @type, which an address that isn't covered has, can be said to hold to at least. */
static u64 search_end(const struct ept_mtrr *mtrr, enum ept_memtype type, u64 edge)
{
	unsigned int edges;
	u64 next;

	for (edges = 0; edges < SEARCH_EDGES && edge < BIT_ULL(mtrr->msrs.maxphyaddr); edges++) {
		if (type_at(&mtrr->msrs, edge, &next) != type)
			break;
		edge = next;
	}
	return edge;
}

int ept_mtrr_type(const struct ept_mtrr *mtrr, phys_addr_t hpa, u64 *span)
{
	enum ept_memtype type;
	u64 end;

	if (!ept_mtrr_decoded(mtrr))
		return -EINVAL;
	if (hpa >> mtrr->msrs.maxphyaddr)
		return -ERANGE;

	if (hpa < mtrr->covered) {
		const unsigned int i = find_piece(mtrr, hpa);

		type = mtrr->piece[i] & PIECE_TYPE;
		end = piece_end(mtrr, i);
	} else {
		type = type_at(&mtrr->msrs, hpa, &end);
		if (span)
			end = search_end(mtrr, type, end);
	}
	if (span)
		*span = end - hpa;
	return type;
}
EXPORT_SYMBOL_EPT(ept_mtrr_type);
