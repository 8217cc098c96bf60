// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's memory: the base, and the 4M behind the targets, 2M on each side of a 1G boundary of
 * the host's addresses. So leaves of each size, on each side, lead to the same two pages.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/string.h>

#include <asm/pgtable_types.h>
#include <asm/trapnr.h>

#include "hw.h"

/* Nothing is to be set on the way through the base's own tables. */
#define TABLE	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED)
#define LEAF	(TABLE | _PAGE_DIRTY)

void *hw_base(struct hw *hw, u64 gpa)
{
	return page_address(hw->base) + (gpa - HW_BASE);
}

void *hw_memory(struct hw *hw, u64 hpa)
{
	return hpa >= hw->memory && hpa < hw->memory + SZ_4M ? hw->map + (hpa - hw->memory) : NULL;
}

/* The tables for two pages at the beginning of a slot of the PML4, and after them in the base */
static u64 *fill_slot(struct hw *hw, unsigned int slot, u64 tables, u64 page, u64 leaf)
{
	u64 *pml4 = hw_base(hw, HW_PML4);
	u64 *pdpt = hw_base(hw, tables);
	u64 *pd = hw_base(hw, tables + PAGE_SIZE);
	u64 *pt = hw_base(hw, tables + 2 * PAGE_SIZE);

	pml4[slot] = tables | TABLE;
	pdpt[0] = (tables + PAGE_SIZE) | TABLE;
	pd[0] = (tables + 2 * PAGE_SIZE) | TABLE;
	pt[0] = page | leaf;
	return pt;
}

static void fill_tables(struct hw *hw)
{
	u64 *pml4 = hw_base(hw, HW_PML4);
	u64 *pdpt = hw_base(hw, HW_PDPT);
	u64 *pd = hw_base(hw, HW_PD);
	u64 *pt;

	pml4[0] = HW_PDPT | TABLE;
	pdpt[0] = HW_PD | TABLE;
	pd[0] = 0 | LEAF | _PAGE_PSE;
	pt = fill_slot(hw, HW_KERNEL_SLOT, HW_KERNEL, HW_BOUNDARY - PAGE_SIZE, LEAF & ~_PAGE_USER);
	pt[1] = HW_BOUNDARY | (LEAF & ~_PAGE_USER);
	pt = fill_slot(hw, HW_USER_SLOT, HW_USER, HW_BOUNDARY - PAGE_SIZE, LEAF);
	pt[1] = HW_BOUNDARY | LEAF;
	fill_slot(hw, HW_CHAIN_SLOT, HW_CHAIN, HW_DATA, LEAF);
}

/* Flat segments, a TSS for the stack of a handler, and one handler */
static void fill_system(struct hw *hw)
{
	const u64 handler = hw_code(hw_program_ve);
	u64 *gdt = hw_base(hw, HW_GDT);
	u64 *gate = hw_base(hw, HW_IDT + X86_TRAP_VE * 16);
	u32 *tss = hw_base(hw, HW_TSS);

	gdt[HW_CS / 8] = 0x00af9b000000ffffull;
	gdt[HW_DS / 8] = 0x00cf93000000ffffull;
	/* A present 64-bit interrupt gate */
	gate[0] = (handler & 0xffff) | HW_CS << 16 | 0x8e00ull << 32 | (handler >> 16) << 48;
	gate[1] = handler >> 32;
	tss[1] = HW_STACK;	/* RSP0 */
}

int hw_guest_create(struct hw *hw)
{
	hw->base = alloc_pages(GFP_KERNEL | __GFP_ZERO, HW_BASE_ORDER);
	if (!hw->base)
		return -ENOMEM;
	hw->map = memremap(hw->memory, SZ_4M, MEMREMAP_WB);
	if (!hw->map) {
		hw_guest_destroy(hw);
		return -ENOMEM;
	}
	fill_tables(hw);
	fill_system(hw);
	memcpy(hw_base(hw, HW_CODE), hw_programs, hw_programs_end - hw_programs);
	memset(hw->map, 0, SZ_4M);
	return 0;
}

void hw_guest_destroy(struct hw *hw)
{
	if (hw->map)
		memunmap(hw->map);
	if (hw->base)
		__free_pages(hw->base, HW_BASE_ORDER);
	hw->map = NULL;
	hw->base = NULL;
}

int hw_guest_map(struct hw *hw, struct ept *ept)
{
	return ept_map(ept, HW_BASE, page_to_phys(hw->base), PAGE_SIZE << HW_BASE_ORDER,
		       &EPT_ATTRS_RAM);
}

/*
 * A guest's table in the first target
 */

/* The chain's tables, and where the pointer to each is, by level; CR3 for the PML4 */
static u64 table_of(enum hw_walk walk)
{
	return walk == HW_WALK_PML4 ? HW_PML4 : HW_CHAIN + (HW_WALK_PDPT - walk) * PAGE_SIZE;
}

static u64 *pointer_to(struct hw *hw, enum hw_walk walk)
{
	return (u64 *)hw_base(hw, table_of(walk + 1)) +
	       (walk == HW_WALK_PDPT ? HW_CHAIN_SLOT : 0);
}

static u64 flags_of(u64 entry, const struct hw_access *access)
{
	entry &= ~(u64)(_PAGE_ACCESSED | _PAGE_DIRTY);
	return entry | (access->accessed ? _PAGE_ACCESSED : 0) |
	       (access->dirty ? _PAGE_DIRTY : 0);
}

void hw_guest_set_walk(struct hw *hw, const struct hw_access *access)
{
	const u64 gpa = hw->target[0].gpa;
	u64 *table = hw_memory(hw, hw->memory + SZ_2M - PAGE_SIZE);

	memcpy(table, hw_base(hw, table_of(access->walk)), PAGE_SIZE);
	if (access->walk == HW_WALK_PML4) {
		table[0] = flags_of(table[0], access);
		table[HW_CHAIN_SLOT] = flags_of(table[HW_CHAIN_SLOT], access);
		hw_vcpu_write(&hw->vcpu, GUEST_CR3, gpa);
		return;
	}
	table[0] = flags_of(table[0], access);
	*pointer_to(hw, access->walk) = gpa | TABLE;
}

void hw_guest_end_walk(struct hw *hw, const struct hw_access *access)
{
	if (access->walk == HW_WALK_PML4)
		hw_vcpu_write(&hw->vcpu, GUEST_CR3, HW_PML4);
	else
		*pointer_to(hw, access->walk) = table_of(access->walk) | TABLE;
}
