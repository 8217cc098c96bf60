// SPDX-License-Identifier: GPL-2.0
/*
 * Types that meet: a guest's with the host's, a leaf's with a PAT entry. Pure.
 *
 * Encodes the manual's sections "Page Attribute Table (PAT)" and "EPT and Memory Typing".
 */
#include "ept_compat.h"
#include "memtype.h"

int ept_memtype_combine(enum ept_memtype guest, enum ept_memtype host)
{
	if (!ept_memtype_valid(guest) || !ept_memtype_valid(host))
		return -EINVAL;
	if (guest == host || host == EPT_MT_WB)
		return guest;
	if (guest == EPT_MT_WB)
		return host;
	/* WT with WP is all that is left of two that are neither UC nor WC. */
	if (guest >= EPT_MT_WT && host >= EPT_MT_WT)
		return EPT_MT_WP;
	return EPT_MT_UC;
}
EXPORT_SYMBOL_EPT(ept_memtype_combine);

static bool pat_valid(unsigned int pat)
{
	return ept_memtype_valid(pat) || pat == EPT_PAT_UC_MINUS;
}

#define PAT_ROW(uc, uc_minus, wc, wt, wp, wb) {			\
	[EPT_MT_UC] = EPT_MT_##uc,				\
	[EPT_PAT_UC_MINUS] = EPT_MT_##uc_minus,			\
	[EPT_MT_WC] = EPT_MT_##wc,				\
	[EPT_MT_WT] = EPT_MT_##wt,				\
	[EPT_MT_WP] = EPT_MT_##wp,				\
	[EPT_MT_WB] = EPT_MT_##wb,				\
}

int ept_memtype_effective(enum ept_memtype memtype, unsigned int pat)
{
	static const u8 effective[EPT_MT_WB + 1][EPT_PAT_UC_MINUS + 1] = {
		/*                      UC UC- WC  WT  WP  WB */
		[EPT_MT_UC] = PAT_ROW(UC, UC, WC, UC, UC, UC),
		[EPT_MT_WC] = PAT_ROW(UC, WC, WC, UC, UC, WC),
		[EPT_MT_WT] = PAT_ROW(UC, UC, WC, WT, WP, WT),
		[EPT_MT_WP] = PAT_ROW(UC, WC, WC, WT, WP, WP),
		[EPT_MT_WB] = PAT_ROW(UC, UC, WC, WT, WP, WB),
	};

	return ept_memtype_valid(memtype) && pat_valid(pat) ? effective[memtype][pat] : -EINVAL;
}
EXPORT_SYMBOL_EPT(ept_memtype_effective);

int ept_pat_type(u64 pat, unsigned int index)
{
	unsigned int type;

	if (index > 7)
		return -EINVAL;
	type = pat >> (8 * index) & 0xff;
	return pat_valid(type) ? type : -EINVAL;
}
EXPORT_SYMBOL_EPT(ept_pat_type);
