// SPDX-License-Identifier: GPL-2.0
/*
 * walkvmm: random cases: registers that VM entry takes, tables with a way down for the address, an
 * access. Most lead somewhere, so that each rule is met often, and beside others.
 *
 * What Bochs 2.7 is known to do otherwise than the manual says isn't tried: it holds supervisor
 * accesses to no protection keys.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "walkvmm.h"

#define ENTRY_P		BIT_ULL(0)
#define ENTRY_W		BIT_ULL(1)
#define ENTRY_U		BIT_ULL(2)
#define ENTRY_PS	BIT_ULL(7)
#define ENTRY_NX	BIT_ULL(63)

static u64 random64(struct walkvmm *vmm)
{
	return (u64)prandom_u32_state(&vmm->random) << 32 | prandom_u32_state(&vmm->random);
}

u32 walk_below(struct walkvmm *vmm, u32 n)
{
	return prandom_u32_state(&vmm->random) % n;
}

bool walk_chance(struct walkvmm *vmm, u32 percent)
{
	return walk_below(vmm, 100) < percent;
}

/* Where large pages may lead: below 4M pages' first reach, at a 1G page's start, above 32 bits */
u64 walk_far_gpa(unsigned int nr)
{
	static const u64 far[WALK_NR_FAR] = { SZ_4M, SZ_1G, 5 * (u64)SZ_1G };

	return far[nr];
}

/*
 * Registers
 */

static unsigned int index_bits(enum walk_mode mode)
{
	return mode == WALK_32 ? 10 : 9;
}

/* The bit above those that choose an entry of the first table */
static unsigned int top_shift(enum walk_mode mode)
{
	switch (mode) {
	case WALK_PAE:
		return 30;
	case WALK_4_LEVEL:
		return 48;
	case WALK_5_LEVEL:
		return 57;
	default:
		return 32;
	}
}

static bool is_long(enum walk_mode mode)
{
	return mode == WALK_4_LEVEL || mode == WALK_5_LEVEL;
}

static u64 random_cr4(struct walkvmm *vmm, enum walk_mode mode)
{
	u64 cr4 = 0;

	if (walk_chance(vmm, 70))
		cr4 |= X86_CR4_PSE;
	if (walk_chance(vmm, 50))
		cr4 |= X86_CR4_SMEP;
	if (walk_chance(vmm, 40))
		cr4 |= X86_CR4_SMAP;
	if (walk_chance(vmm, 50))
		cr4 |= WALK_CR4_PKE;
	if (walk_chance(vmm, 50))
		cr4 |= X86_CR4_PGE;
	cr4 &= vmm->cr4;
	if (mode != WALK_32 && (mode != WALK_NONE || walk_chance(vmm, 50)))
		cr4 |= X86_CR4_PAE;
	if (mode == WALK_5_LEVEL)
		cr4 |= X86_CR4_LA57;
	return vmx_fixed_cr4(cr4);
}

static void random_registers(struct walkvmm *vmm, struct walk_case *c)
{
	struct ept_guest_paging *paging = &c->paging;
	const bool no_exec = !vmm->loads_efer || walk_chance(vmm, 85);

	*paging = (struct ept_guest_paging){
		.cr0 = vmx_fixed_cr0(X86_CR0_PE | X86_CR0_ET |
				     (walk_chance(vmm, 60) ? X86_CR0_WP : 0)),
		.cr4 = random_cr4(vmm, c->mode),
		.efer = (no_exec ? EFER_NX : 0) | (is_long(c->mode) ? EFER_LME | EFER_LMA : 0),
		.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF |
			  (walk_chance(vmm, 40) ? X86_EFLAGS_AC : 0),
		.cs_long = is_long(c->mode) && walk_chance(vmm, 80),
		.maxphyaddr = vmm->caps.maxphyaddr,
		.leaf_1g = boot_cpu_has(X86_FEATURE_GBPAGES),
	};
	if (c->mode == WALK_NONE)
		paging->cr0 &= ~X86_CR0_PG;
	/* Few keys forbid something. */
	if (c->access & EPT_GUEST_USER && paging->cr4 & WALK_CR4_PKE)
		paging->pkru = random64(vmm) & random64(vmm) & random64(vmm);
}

static void random_access(struct walkvmm *vmm, struct walk_case *c)
{
	const unsigned int kind = walk_below(vmm, 10);

	c->access = kind < 4 ? EPT_PROT_READ : kind < 8 ? EPT_PROT_WRITE : EPT_PROT_EXEC;
	if (walk_chance(vmm, 50))
		c->access |= EPT_GUEST_USER;
	if (kind < 8 && walk_chance(vmm, 20))
		c->access |= EPT_GUEST_STACK;
	c->value = random64(vmm);
}

/*
 * Addresses
 */

static u64 canonical(enum walk_mode mode, u64 address)
{
	const unsigned int unused = 64 - top_shift(mode);

	return (u64)((s64)(address << unused) >> unused);
}

/* What 64-bit mode adds: addresses of more bits, that needn't be canonical if it isn't a fetch's */
static u64 random_wide(struct walkvmm *vmm, const struct walk_case *c)
{
	const u64 address = random64(vmm) & ~7ull;

	if (c->access & EPT_PROT_EXEC || walk_chance(vmm, 93))
		return canonical(c->mode, address);
	return address;
}

/*
 * The code is where the highest addresses of 32 bits are, or in the upper half of what long mode
 * adds; the data elsewhere, in all that the first table chooses from.
 */
static u64 code_address(const struct walk_case *c)
{
	if (c->mode == WALK_NONE)
		return walk_gpa(WALK_CODE);
	return c->paging.cs_long ? canonical(c->mode, 1ull << (top_shift(c->mode) - 1)) :
				   GENMASK_ULL(31, 12);
}

static unsigned int top_index(const struct walk_case *c, u64 address)
{
	const unsigned int shift = c->mode == WALK_PAE ? 30 :
				   top_shift(c->mode) - index_bits(c->mode);

	return c->mode == WALK_PAE ? address >> 30 & 3 :
				     address >> shift & (BIT(index_bits(c->mode)) - 1);
}

static void random_addresses(struct walkvmm *vmm, struct walk_case *c)
{
	c->code = code_address(c);
	if (c->mode == WALK_NONE) {
		c->gva = walk_gpa(walk_below(vmm, WALK_FIRST_PATH)) + (random64(vmm) & 0xff8);
		if (walk_chance(vmm, 30))
			c->gva = walk_far_gpa(walk_below(vmm, 2)) +
				 (random64(vmm) & (WALK_FAR_SIZE - 8));
		if (walk_chance(vmm, 3))
			c->gva = random64(vmm) & 0xfffffff8;
		return;
	}
	do {
		c->gva = c->paging.cs_long ? random_wide(vmm, c) : random64(vmm) & 0xfffffff8;
		/* With large pages, within what is mapped behind them */
		if (walk_chance(vmm, 60))
			c->gva &= ~GENMASK_ULL(29, 22);
	} while (is_long(c->mode) && !c->paging.cs_long ? c->gva >> 30 == c->code >> 30 :
		 top_index(c, c->gva) == top_index(c, c->code));
}

/*
 * Tables
 */

static void set_entry(struct walkvmm *vmm, struct walk_case *c, unsigned int table,
		      unsigned int index, u64 value)
{
	c->entry[c->nr_entries] = walk_page(vmm, table) + index * walk_entry_size(c->mode);
	walk_write_entry(c, c->nr_entries++, value);
}

/* Bits of an entry but its address, @shift: of the offset in what it covers */
static u64 random_bits(struct walkvmm *vmm, const struct walk_case *c, unsigned int shift)
{
	u64 entry = 0;

	if (walk_chance(vmm, 97))
		entry |= ENTRY_P;
	if (walk_chance(vmm, 85))
		entry |= ENTRY_W;
	if (walk_chance(vmm, 80))
		entry |= ENTRY_U;
	if (walk_chance(vmm, shift == 12 ? 50 : 15))
		entry |= ENTRY_PS;
	entry |= (random64(vmm) & 0xf78) & ~ENTRY_PS;	/* PWT, PCD, A, D, G, ignored ones */
	if (c->mode == WALK_32)
		return entry;
	if (walk_chance(vmm, 8))
		entry |= ENTRY_NX;
	if (is_long(c->mode))
		entry |= random64(vmm) & GENMASK_ULL(62, 52);
	else if (walk_chance(vmm, 2))
		entry |= BIT_ULL(52 + walk_below(vmm, 11));
	return entry;
}

static u64 random_page(struct walkvmm *vmm)
{
	if (walk_chance(vmm, 92))
		return walk_gpa(walk_chance(vmm, 75) ?
				WALK_FIRST_DATA + walk_below(vmm, WALK_DATA) :
				walk_below(vmm, WALK_TABLES));
	return walk_far_gpa(walk_below(vmm, WALK_NR_FAR)) +
	       walk_below(vmm, WALK_FAR_SIZE / PAGE_SIZE) * PAGE_SIZE;
}

/* Bits 12 and up of a large page: PAT, and in 32-bit paging address bits above 31 */
static u64 random_large(struct walkvmm *vmm, const struct walk_case *c, unsigned int shift)
{
	const u64 gpa = walk_far_gpa(walk_below(vmm, WALK_NR_FAR)) >> shift << shift;
	u64 entry = gpa | (u64)walk_chance(vmm, 50) << 12;

	if (c->mode == WALK_32)
		entry = (entry & U32_MAX) | (gpa >> 32) << 13;
	return entry;
}

/* A bit of the address that shouldn't be there, now and then */
static u64 random_damage(struct walkvmm *vmm, const struct walk_case *c)
{
	const unsigned int bits = c->mode == WALK_32 ? 20 : 40;

	return walk_chance(vmm, 4) ? BIT_ULL(12 + walk_below(vmm, bits)) : 0;
}

/* From the table @page down; its entries choose by bits below @shift. */
static void random_way_down(struct walkvmm *vmm, struct walk_case *c, unsigned int page,
			    unsigned int shift)
{
	const unsigned int bits = index_bits(c->mode);

	while (shift > 12) {
		const unsigned int index = c->gva >> (shift - bits) & (BIT(bits) - 1);
		const unsigned int next = walk_below(vmm, WALK_TABLES);
		u64 entry;

		shift -= bits;
		entry = random_bits(vmm, c, shift) | random_damage(vmm, c);
		if (shift == 12)
			entry |= random_page(vmm);
		else if (entry & ENTRY_PS)
			entry |= random_large(vmm, c, shift);
		else
			entry |= walk_gpa(next);
		set_entry(vmm, c, page, index, entry);
		page = next;
	}
}

/* Rights that the code needs, whatever the others have */
static u64 code_rights(const struct walk_case *c)
{
	return ENTRY_P | ENTRY_W | (c->access & EPT_GUEST_USER ? ENTRY_U : 0);
}

/* @next: the page that the next table is in */
static void code_way_down(struct walkvmm *vmm, struct walk_case *c, unsigned int page,
			  unsigned int shift, unsigned int next)
{
	const unsigned int bits = index_bits(c->mode);

	while (shift > 12) {
		const unsigned int index = c->code >> (shift - bits) & (BIT(bits) - 1);

		shift -= bits;
		if (shift == 12)
			next = WALK_CODE;
		set_entry(vmm, c, page, index, walk_gpa(next) | code_rights(c));
		page = next++;
	}
}

/* Compatibility mode has code and data below the same table for 512G. */
static void shared_way_down(struct walkvmm *vmm, struct walk_case *c, unsigned int root)
{
	const u64 rights = ENTRY_P | ENTRY_W | ENTRY_U;
	unsigned int shift = top_shift(c->mode), page = root, next = WALK_FIRST_PATH;

	while (shift > 39) {
		shift -= 9;
		set_entry(vmm, c, page, 0, walk_gpa(next) | rights);
		page = next++;
	}
	random_way_down(vmm, c, page, 39);
	code_way_down(vmm, c, page, 39, next);
}

static void random_tables(struct walkvmm *vmm, struct walk_case *c)
{
	const unsigned int root = walk_below(vmm, WALK_TABLES);

	c->paging.cr3 = walk_gpa(root) | (random64(vmm) & (c->mode == WALK_PAE ? 0xfe0 : 0x18));
	if (c->mode == WALK_NONE)
		return;
	if (is_long(c->mode) && !c->paging.cs_long) {
		shared_way_down(vmm, c, root);
		return;
	}
	if (c->mode == WALK_PAE) {
		for (unsigned int i = 0; i < 4; i++)
			c->paging.pdpte[i] = walk_gpa(root) | walk_chance(vmm, 95) |
					     (random64(vmm) & 0xe18);
		c->paging.pdpte[top_index(c, c->code)] = walk_gpa(WALK_FIRST_PATH) | ENTRY_P;
		code_way_down(vmm, c, WALK_FIRST_PATH, 30, WALK_FIRST_PATH + 1);
	} else {
		code_way_down(vmm, c, root, top_shift(c->mode), WALK_FIRST_PATH);
	}
	random_way_down(vmm, c, root, top_shift(c->mode));
}

void walk_random_case(struct walkvmm *vmm, enum walk_mode mode, struct walk_case *c)
{
	c->mode = mode;
	c->nr_entries = 0;
	random_access(vmm, c);
	random_registers(vmm, c);
	random_addresses(vmm, c);
	random_tables(vmm, c);
	if (c->access & EPT_PROT_EXEC) {
		c->code = c->gva;
		return;
	}
	c->code += c->access & EPT_PROT_WRITE ? WALK_CODE_WRITE : WALK_CODE_READ;
	if (c->access & EPT_GUEST_STACK)
		c->code += WALK_CODE_STACK;
	if (c->paging.cr4 & WALK_CR4_PKE)
		c->code += WALK_CODE_KEYS;
}
