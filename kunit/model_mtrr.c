// SPDX-License-Identifier: GPL-2.0
/*
 * The model of MTRRs, and recorded ones. Shares no code with the module: no edges, no order, one
 * address at a time.
 */
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "model_mtrr.h"

#define UC	0
#define WC	1
#define WT	4
#define WP	5
#define WB	6

#define PAGE	0x1000ULL

/* Where each fixed-range MSR begins, and the size of each of its eight pieces */
static const struct { u32 first, size; } fixed_msrs[EPT_MTRR_FIXED] = {
	{ 0x00000, 0x10000 },
	{ 0x80000, 0x4000 },
	{ 0xa0000, 0x4000 },
	{ 0xc0000, 0x1000 },
	{ 0xc8000, 0x1000 },
	{ 0xd0000, 0x1000 },
	{ 0xd8000, 0x1000 },
	{ 0xe0000, 0x1000 },
	{ 0xe8000, 0x1000 },
	{ 0xf0000, 0x1000 },
	{ 0xf8000, 0x1000 },
};

static u8 fixed_model(const struct ept_mtrr_msrs *msrs, u64 address)
{
	unsigned int i, j;

	for (i = 0; i < EPT_MTRR_FIXED; i++) {
		for (j = 0; j < 8; j++) {
			u64 first = fixed_msrs[i].first + j * fixed_msrs[i].size;

			if (address >= first && address < first + fixed_msrs[i].size)
				return (msrs->fixed[i] >> (8 * j)) & 255;
		}
	}
	return UC;
}

u8 mtrr_model_type(const struct ept_mtrr_msrs *msrs, u64 address)
{
	const u64 pages = ((1ULL << msrs->maxphyaddr) - 1) & ~(PAGE - 1);
	bool any = false, uc = false, wc = false, wt = false, wp = false, wb = false;
	unsigned int i;

	if (address < 0x100000 && (msrs->def_type & 0x400))
		return fixed_model(msrs, address);

	for (i = 0; i < (msrs->cap & 255); i++) {
		u64 base = msrs->variable[i].base, mask = msrs->variable[i].mask;

		if (!(mask & 0x800) || (address & mask & pages) != (base & mask & pages))
			continue;
		any = true;
		uc |= (base & 255) == UC;
		wc |= (base & 255) == WC;
		wt |= (base & 255) == WT;
		wp |= (base & 255) == WP;
		wb |= (base & 255) == WB;
	}
	if (!any)
		return msrs->def_type & 255;
	if (uc)
		return UC;
	if (wt && !wc && !wp)
		return WT;	/* alone, or with WB */
	if (wc + wt + wp + wb > 1)
		return UC;	/* undefined */
	return wc ? WC : wp ? WP : WB;
}

u64 mtrr_model_span(const struct ept_mtrr_msrs *msrs, u64 address, u64 end)
{
	const u8 type = mtrr_model_type(msrs, address);
	u64 at = address;

	do
		at = (at / PAGE + 1) * PAGE;
	while (at < end && mtrr_model_type(msrs, at) == type);
	return at - address;
}

/*
 * From public boot logs, as arch/x86/kernel/cpu/mtrr prints them. The width is that of the masks
 * unless it says otherwise.
 */
const struct recorded_mtrr recorded_mtrrs[NR_RECORDED] = {
	{ "hp_superdome2_12t", 46, WB,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xdffff, WP },
	    { 0xe0000, 0xfffff, UC } },
	  { { 0x000080000000, 0x3fff80000000, UC }, { 0x0f0000000000, 0x3f8000000000, UC },
	    { 0x0f8000000000, 0x3fc000000000, UC }, { 0x0fc000000000, 0x3fe000000000, UC },
	    { 0x0fe000000000, 0x3ff000000000, UC }, { 0x0000ff000000, 0x3fffffe00000, UC },
	    { 0x0fdf80000000, 0x3fff80000000, UC }, { 0x0fe000000000, 0x3ff800000000, UC } } },
	{ "server_630g", 46, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xfffff, UC } },
	  { { 0x000000000000, 0x3f8000000000, WB }, { 0x008000000000, 0x3fe000000000, WB },
	    { 0x009e80000000, 0x3fff80000000, UC }, { 0x009f00000000, 0x3fff00000000, UC },
	    { 0x000080000000, 0x3fff80000000, UC }, { 0x00007f000000, 0x3fffff000000, UC } } },
	/* A hole in the middle of memory, cut by a range that one of WB covers */
	{ "server_320g", 46, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xfffff, UC } },
	  { { 0x000000000000, 0x3fc000000000, WB }, { 0x004000000000, 0x3ff000000000, WB },
	    { 0x005000000000, 0x3fff80000000, WB }, { 0x005070000000, 0x3ffff0000000, UC },
	    { 0x000080000000, 0x3fff80000000, UC }, { 0x00007f000000, 0x3fffff000000, UC } } },
	/* UC over WT: firmware's flash */
	{ "ibm_8737", 46, WB,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xfffff, UC } },
	  { { 0x0000ff800000, 0x3fffff800000, WT }, { 0x000080000000, 0x3fff80000000, UC },
	    { 0x3c0000000000, 0x3ff800000000, UC } } },
	{ "it91smub_1600g", 46, WB,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xfffff, WP } },
	  { { 0x000080000000, 0x3fff80000000, UC }, { 0x200100000000, 0x3fffc0000000, UC },
	    { 0x210000000000, 0x3f8000000000, UC }, { 0x218000000000, 0x3fe000000000, UC },
	    { 0x21a000000000, 0x3ff800000000, UC } } },
	{ "msi_x99a", 46, WB,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xfffff, WP } },
	  { { 0x000080000000, 0x3fff80000000, UC }, { 0x000040000000, 0x3fffc0000000, UC },
	    { 0x380000000000, 0x3fc000000000, UC }, { 0x00003f000000, 0x3fffff000000, UC },
	    { 0x0000e0000000, 0x3ffff0000000, WT }, { 0x0000f0000000, 0x3ffffe000000, WT } } },
	/* The masks are the machine's; a CPU of 52 bits that leaves the upper six to keys isn't. */
	{ "dell_r750xs_as_if_keyed", 52, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xfffff, WP } },
	  { { 0x000000000000, 0x3fc000000000, WB }, { 0x000080000000, 0x3fff80000000, UC },
	    { 0x00007f000000, 0x3fffff000000, UC } } },
	/* WP for flash; memory above 4 GiB is WB by another register of that maker. */
	{ "hpe_dl325", 48, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xfffff, UC } },
	  { { 0x000000000000, 0xffff80000000, WB }, { 0x0000e4000000, 0xfffffc000000, WP },
	    { 0x000078000000, 0xfffff8000000, UC }, {}, {}, {}, {},
	    { 0x0000ff000000, 0xffffff000000, WP } } },
	{ "surface", 39, WB,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xfffff, WP } },
	  { { 0x00c0000000, 0x7fc0000000, UC }, { 0x00a0000000, 0x7fe0000000, UC },
	    { 0x0098000000, 0x7ff8000000, UC }, { 0x0094000000, 0x7ffc000000, UC },
	    { 0x0092000000, 0x7ffe000000, UC }, { 0x0091000000, 0x7fff000000, UC },
	    { 0x4000000000, 0x4000000000, UC } } },
	/* A framebuffer, and holes in memory on both sides of 4 GiB */
	{ "coreboot_10g", 39, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xfffff, WB } },
	  { { 0x0000000000, 0x7f80000000, WB }, { 0x007d800000, 0x7fff800000, UC },
	    { 0x007e000000, 0x7ffe000000, UC }, { 0x00d0000000, 0x7ff0000000, WC },
	    { 0x00ff800000, 0x7fff800000, UC }, { 0x0100000000, 0x7f00000000, WB },
	    { 0x0200000000, 0x7f80000000, WB }, { 0x027f000000, 0x7fff000000, UC } } },
	/* 12 GiB, of which the last 18 MiB aren't */
	{ "desktop_12g", 36, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xcffff, WP },
	    { 0xd0000, 0xdffff, UC }, { 0xe0000, 0xfffff, WP } },
	  { { 0x000000000, 0xe00000000, WB }, { 0x200000000, 0xf00000000, WB },
	    { 0x300000000, 0xff0000000, WB }, { 0x310000000, 0xff8000000, WB },
	    { 0x318000000, 0xffc000000, WB }, { 0x31c000000, 0xffe000000, WB },
	    { 0x31e000000, 0xfff000000, WB }, { 0x0e0000000, 0xfe0000000, UC } } },
	{ "desktop_16g", 36, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xd3fff, WP },
	    { 0xd4000, 0xe7fff, UC }, { 0xe8000, 0xfffff, WP } },
	  { { 0x000000000, 0xc00000000, WB }, { 0x400000000, 0xff0000000, WB },
	    { 0x410000000, 0xff8000000, WB }, { 0x418000000, 0xffc000000, WB },
	    { 0x41c000000, 0xffe000000, WB }, { 0x41e000000, 0xfff000000, WB },
	    { 0x0e0000000, 0xfe0000000, UC } } },
	{ "ami_4g", 36, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xcffff, WP },
	    { 0xd0000, 0xdffff, UC }, { 0xe0000, 0xeffff, WT }, { 0xf0000, 0xfffff, WP } },
	  { { 0x000000000, 0xf00000000, WB }, { 0x100000000, 0xfc0000000, WB },
	    { 0x0c0000000, 0xfc0000000, UC }, { 0x0b7e00000, 0xfffe00000, UC },
	    { 0x0b8000000, 0xff8000000, UC } } },
	{ "laptop_496m", 36, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xcffff, WP },
	    { 0xd0000, 0xe3fff, UC }, { 0xe4000, 0xe7fff, WP }, { 0xe8000, 0xebfff, UC },
	    { 0xec000, 0xfffff, WP } },
	  { { 0x000000000, 0xff0000000, WB }, { 0x010000000, 0xff8000000, WB },
	    { 0x018000000, 0xffc000000, WB }, { 0x01c000000, 0xffe000000, WB },
	    { 0x0f0000000, 0xffe000000, WC } } },
	{ "laptop_2g_wt", 36, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xcffff, WP },
	    { 0xd0000, 0xeffff, UC }, { 0xf0000, 0xfffff, WP } },
	  { { 0x000000000, 0xf80000000, WB }, { 0x0feda0000, 0xffffe0000, WT } } },
	/* A mask that leaves out bits 35:32 of a CPU of 36 bits: memory shows 16 times. */
	{ "ami_512m_narrow", 36, UC,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xcffff, WP },
	    { 0xd0000, 0xdffff, UC }, { 0xe0000, 0xeffff, WT }, { 0xf0000, 0xfffff, WP } },
	  { { 0x000000000, 0x0c0000000, WB } } },
	{ "qemu", 40, WB,
	  { { 0, 0x9ffff, WB }, { 0xa0000, 0xbffff, UC }, { 0xc0000, 0xfffff, WP } },
	  { { 0x0080000000, 0xff80000000, UC } } },
};

static void set_fixed(const struct mtrr_range *range, struct ept_mtrr_msrs *msrs)
{
	unsigned int i, j;

	for (i = 0; i < EPT_MTRR_FIXED; i++) {
		for (j = 0; j < 8; j++) {
			u64 first = fixed_msrs[i].first + j * fixed_msrs[i].size;

			if (first < range->base || first > range->end)
				continue;
			msrs->fixed[i] |= (u64)range->type << (8 * j);
		}
	}
}

const struct recorded_mtrr *mtrr_log(const char *name)
{
	for (unsigned int i = 0; i < NR_RECORDED; i++)
		if (!strcmp(recorded_mtrrs[i].name, name))
			return &recorded_mtrrs[i];
	return NULL;
}

void mtrr_from_log(const struct recorded_mtrr *log, struct ept_mtrr_msrs *msrs)
{
	unsigned int i;

	memset(msrs, 0, sizeof(*msrs));
	msrs->mtrr = true;
	msrs->maxphyaddr = log->maxphyaddr;
	msrs->cap = 0xd00 | RECORDED_VARIABLE;	/* with WC, fixed ranges and SMRR */
	msrs->def_type = 0xc00 | log->def_type;
	for (i = 0; i < RECORDED_FIXED && log->fixed[i].end; i++)
		set_fixed(&log->fixed[i], msrs);
	for (i = 0; i < RECORDED_VARIABLE && i < ARRAY_SIZE(log->variable); i++) {
		if (!log->variable[i].end)
			continue;
		msrs->variable[i].base = log->variable[i].base | log->variable[i].type;
		msrs->variable[i].mask = log->variable[i].end | 0x800;
	}
}
