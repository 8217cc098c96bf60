// SPDX-License-Identifier: GPL-2.0
/* Reads this CPU's MTRRs. Executes CPUID and RDMSR, and nothing else that is privileged. */
#include <linux/bitfield.h>
#include <linux/minmax.h>
#include <linux/processor.h>

#ifndef CONFIG_UML
#include <asm/msr.h>
#endif

#include "ept_compat.h"
#include "memtype.h"
#include "mtrr.h"

#ifdef CONFIG_UML

static void read_cpu(struct ept_mtrr_msrs *msrs)
{
	msrs->maxphyaddr = 36;
}

#else

/* An MSR that the CPU refuses reads as 0: a count of none, or a range that isn't valid. */
static u64 read_msr(u32 msr)
{
	u64 value;

	return rdmsrq_safe(msr, &value) ? 0 : value;
}

static void read_fixed(struct ept_mtrr_msrs *msrs)
{
	static const u32 number[EPT_MTRR_FIXED] = {
		0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
	};
	unsigned int i;

	for (i = 0; i < EPT_MTRR_FIXED; i++)
		msrs->fixed[i] = read_msr(number[i]);
}

static void read_variable(struct ept_mtrr_msrs *msrs)
{
	const unsigned int nr = FIELD_GET(EPT_MTRRCAP_VARIABLE, msrs->cap);
	unsigned int i;

	for (i = 0; i < min_t(unsigned int, nr, EPT_MTRR_VARIABLE); i++) {
		msrs->variable[i].base = read_msr(0x200 + 2 * i);
		msrs->variable[i].mask = read_msr(0x201 + 2 * i);
	}
}

static void read_cpu(struct ept_mtrr_msrs *msrs)
{
	msrs->maxphyaddr = cpuid_eax(0x80000000) >= 0x80000008 ? cpuid_eax(0x80000008) : 36;
	msrs->mtrr = cpuid_edx(1) & BIT(12);
	if (!msrs->mtrr)
		return;
	msrs->cap = read_msr(0xfe);
	msrs->def_type = read_msr(0x2ff);
	if (msrs->cap & EPT_MTRRCAP_FIXED)
		read_fixed(msrs);
	read_variable(msrs);
}

#endif

int ept_mtrr_read(struct ept_mtrr *mtrr)
{
	if (!mtrr)
		return -EINVAL;
	mtrr->msrs = (struct ept_mtrr_msrs){};
	read_cpu(&mtrr->msrs);
	return ept_mtrr_decode(&mtrr->msrs, mtrr);
}
EXPORT_SYMBOL_EPT(ept_mtrr_read);
