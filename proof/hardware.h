/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a CPU makes of an entry: the other side of the proofs. Written from the manual's tables
 * "Format of an EPT ... Entry" and its sections "EPT Misconfigurations", "Accessed and Dirty Flags
 * for EPT" and "Guidelines for Use of the INVEPT Instruction"; shares no constant and no function
 * with the module, and speaks of bits by their numbers.
 */
#ifndef _PROOF_HARDWARE_H
#define _PROOF_HARDWARE_H

#include "kernel.h"

/* A CPU, as far as its controls and capabilities say what an entry means */
struct cpu {
	unsigned int	width;		/* of physical addresses */
	bool		exec_only;	/* IA32_VMX_EPT_VPID_CAP[0] */
	bool		leaf_2m;	/* [16] */
	bool		leaf_1g;	/* [17] */
	bool		mode_exec;	/* mode-based execute control */
	bool		ad;		/* EPTP[6] */
};

/* Which entry, from the PTE up */
enum { PTE, PDE, PDPTE, PML4E, PML5E };

static inline bool bit(u64 entry, unsigned int n)
{
	return entry >> n & 1;
}

/* Bits @high to @low of @entry, as a number */
static inline u64 bits(u64 entry, unsigned int high, unsigned int low)
{
	u64 value = 0;

	for (unsigned int n = low; n <= high; n++)
		if (bit(entry, n))
			value += 1ULL << (n - low);
	return value;
}

static inline bool cpu_present(const struct cpu *cpu, u64 entry)
{
	return bit(entry, 0) || bit(entry, 1) || bit(entry, 2) ||
	       (cpu->mode_exec && bit(entry, 10));
}

/* Whether a present entry maps a page */
static inline bool cpu_leaf(u64 entry, int level)
{
	return level == PTE || ((level == PDE || level == PDPTE) && bit(entry, 7));
}

static inline bool cpu_reserved_set(const struct cpu *cpu, u64 entry, int level)
{
	for (unsigned int n = 3; n < 52; n++) {
		bool reserved = n >= cpu->width;

		switch (level) {
		case PML5E:
		case PML4E:
			reserved |= n >= 3 && n <= 7;
			break;
		case PDPTE:
			if (bit(entry, 7))
				reserved |= (n >= 12 && n <= 29) || (n == 7 && !cpu->leaf_1g);
			else
				reserved |= n >= 3 && n <= 6;
			break;
		case PDE:
			if (bit(entry, 7))
				reserved |= (n >= 12 && n <= 20) || (n == 7 && !cpu->leaf_2m);
			else
				reserved |= n >= 3 && n <= 6;
			break;
		}
		if (reserved && bit(entry, n))
			return true;
	}
	return false;
}

static inline bool cpu_memtype_defined(u64 memtype)
{
	return memtype == 0 || memtype == 1 || memtype == 4 || memtype == 5 || memtype == 6;
}

static inline bool cpu_misconfigured(const struct cpu *cpu, u64 entry, int level)
{
	if (!cpu_present(cpu, entry))
		return false;
	if (!bit(entry, 0) && bit(entry, 1))
		return true;
	if (!bit(entry, 0) && !cpu->exec_only &&
	    (bit(entry, 2) || (cpu->mode_exec && bit(entry, 10))))
		return true;
	if (cpu_leaf(entry, level) && !cpu_memtype_defined(bits(entry, 5, 3)))
		return true;
	return cpu_reserved_set(cpu, entry, level);
}

/* Whether a CPU may set accessed or dirty in the entry, now or before the next INVEPT */
static inline bool cpu_may_set_flags(const struct cpu *cpu, u64 leaf)
{
	/* Late, too: the access may have begun when the entry still allowed to write. */
	return cpu->ad && cpu_present(cpu, leaf) && (!bit(leaf, 8) || !bit(leaf, 9));
}

/* Whether a CPU whose rights are those of the entry may */
static inline bool cpu_may_set_flags_now(const struct cpu *cpu, u64 leaf)
{
	/* Paging-write, supervisor shadow stacks and sub-pages let some write without bit 1. */
	const bool writable = bit(leaf, 1) || bit(leaf, 58) || bit(leaf, 60) || bit(leaf, 61);

	return cpu->ad && cpu_present(cpu, leaf) && (!bit(leaf, 8) || (!bit(leaf, 9) && writable));
}

/* The guidelines for INVEPT: whether CPUs may go on to use what @old said where @new doesn't */
static inline bool cpu_needs_invept(const struct cpu *cpu, u64 old, u64 new)
{
	if (!cpu_present(cpu, old))
		return false;
	/* A right was taken */
	for (unsigned int n = 0; n < 3; n++)
		if (bit(old, n) && !bit(new, n))
			return true;
	if (cpu->mode_exec && bit(old, 10) && !bit(new, 10))
		return true;
	/* Accessed or dirty cleared: the next to be set must be seen. */
	if (cpu->ad && ((bit(old, 8) && !bit(new, 8)) || (bit(old, 9) && !bit(new, 9))))
		return true;
	/* Memory type, ignore-PAT, size, address */
	for (unsigned int n = 3; n < 52; n++)
		if ((n <= 7 || n >= 12) && bit(old, n) != bit(new, n))
			return true;
	/* Verification, paging-write, shadow stack, sub-page, suppress-#VE */
	return bit(old, 57) != bit(new, 57) || bit(old, 58) != bit(new, 58) ||
	       bit(old, 60) != bit(new, 60) || bit(old, 61) != bit(new, 61) ||
	       bit(old, 63) != bit(new, 63);
}

/* The page that a leaf maps */
static inline u64 cpu_page(u64 leaf)
{
	return bits(leaf, 51, 12) << 12;
}

#endif /* _PROOF_HARDWARE_H */
