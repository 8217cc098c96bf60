// SPDX-License-Identifier: GPL-2.0
/*
 * Sub-page write permissions: EPT_ATTR_SUBPAGE gives a page that isn't writable 32 parts that may
 * be. Their table is the client's to make; here it is a page for each level.
 */
#include <linux/gfp.h>
#include <linux/io.h>

#include "hw.h"

#define PART		128
#define PARTS		32
#define MISS		BIT_ULL(11)	/* in the qualification of exit 66 */

static u64 *table_entry(u64 *tables, unsigned int level)
{
	return tables + level * MMU_ENTRIES +
	       ((HW_BOUNDARY - SZ_4K) >> mmu_level_shift(level)) % MMU_ENTRIES;
}

static void link_tables(u64 *tables)
{
	unsigned int level;

	for (level = 1; level < HW_LEVELS; level++)
		*table_entry(tables, level) = (virt_to_phys(tables) + (level - 1) * PAGE_SIZE) | 1;
}

/* The access of a part, for which the targets' word is moved there */
static void run_at(struct hw *hw, enum hw_op op, unsigned int offset)
{
	struct hw_vcpu *vcpu = &hw->vcpu;

	vcpu->rip = hw_code(op == HW_READ ? hw_program_read :
			    op == HW_WRITE ? hw_program_write : hw_program_modify);
	vcpu->regs[VMX_RDI] = HW_LINEAR(HW_KERNEL_SLOT) + offset;
	vcpu->mode_known &= !vcpu->user;
	vcpu->user = false;
	hw_enter(hw);
}

static void try_part(struct hw *hw, u64 *vector, unsigned int part, enum hw_op op)
{
	u64 *leaf = hw->target[0].where[0];
	const bool written = op != HW_READ;
	const bool allowed = !written || *vector & BIT_ULL(2 * part);
	const u32 reason = allowed ? EXIT_REASON_VMCALL : EXIT_REASON_EPT_VIOLATION;
	const struct hw_exit *exit = &hw->vcpu.exit;

	ept_clear_dirty(hw->ept, hw->target[0].gpa, NULL);
	run_at(hw, op, part * PART + 8);
	hw_hold(hw, exit->reason == reason, "sub-page, exit", reason, exit->reason);
	hw_hold(hw, allowed || (exit->gpa == hw->target[0].gpa + part * PART + 8 &&
				(exit->qualification & 0x3a) == 0xa), "sub-page, qualification",
		0xa, exit->qualification);
	if (hw_has(hw, EPT_FEATURE_AD))
		hw_hold(hw, !(*leaf & BIT_ULL(9)) == !(allowed && written), "sub-page, dirty",
			allowed && written, *leaf);
}

static void try_parts(struct hw *hw, u64 *vector)
{
	unsigned int part, bit;
	enum hw_op op;

	for (part = 0; part < PARTS; part++)
		for (bit = 0; bit < PARTS; bit++)
			for (op = HW_READ; op <= HW_MODIFY; op++) {
				*vector = BIT_ULL(2 * bit);
				try_part(hw, vector, part, op);
				*vector = ~*vector & 0x5555555555555555ull;
				try_part(hw, vector, part, op);
			}
}

static bool is_fault(const struct hw *hw, u64 qualification)
{
	return hw->vcpu.exit.reason == EXIT_REASON_SUBPAGE &&
	       hw->vcpu.exit.qualification == qualification;
}

static void write_with(struct hw *hw, u64 *where, u64 entry)
{
	const u64 before = *where;

	*where = entry;
	run_at(hw, HW_WRITE, HW_WORD);
	*where = before;
}

static void try_fault(struct hw *hw, u64 *where, u64 entry, u64 expected)
{
	write_with(hw, where, entry);
	hw_hold(hw, is_fault(hw, expected), "sub-page table, exit", EXIT_REASON_SUBPAGE,
		hw->vcpu.exit.reason);
}

/* Part 0, which is written to, is writable. */
static void try_vector(struct hw *hw, u64 *where, u64 reserved)
{
	write_with(hw, where, 1 | reserved);
	if (hw->vcpu.exit.reason == EXIT_REASON_VMCALL)
		hw_exclude(hw, HW_VECTOR_RESERVED);
	else
		hw_hold(hw, is_fault(hw, 0), "sub-page vector, exit", EXIT_REASON_SUBPAGE,
			hw->vcpu.exit.reason);
}

/* Misses and reserved bits of the table itself */
static void try_faults(struct hw *hw, u64 *tables)
{
	unsigned int level, bit;

	for (level = 1; level < HW_LEVELS; level++) {
		u64 *where = table_entry(tables, level);

		try_fault(hw, where, *where & ~1ull, MISS);
		for (bit = 1; bit < 64; bit++)
			if (bit < 12 || bit >= hw->mmu.maxphyaddr)
				try_fault(hw, where, *where | BIT_ULL(bit), 0);
	}
	for (bit = 1; bit < 64; bit += 2)
		try_vector(hw, table_entry(tables, 0), BIT_ULL(bit));
}

static int run(struct hw *hw)
{
	const struct ept_attrs attrs = {
		.prot = EPT_PROT_READ, .memtype = EPT_MT_WB, .flags = EPT_ATTR_SUBPAGE,
	};
	u64 *tables;
	int err;

	err = hw_map_targets(hw, EPT_4K, EPT_4K, &attrs);
	if (err)
		return err;
	tables = (u64 *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, 2);
	if (!tables)
		return -ENOMEM;
	link_tables(tables);
	hw_vcpu_write(&hw->vcpu, SUBPAGE_TABLE_POINTER, virt_to_phys(tables) + 3 * PAGE_SIZE);
	try_parts(hw, table_entry(tables, 0));
	try_faults(hw, tables);
	free_pages((unsigned long)tables, 2);
	return 0;
}

const struct hw_class hw_subpage = {
	.name = "sub-page write permissions",
	.needs = EPT_FEATURE_SUBPAGE,
	.run = run,
};
