// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow stacks of a guest's supervisor: with EPTP bit 7 they are on pages with
 * EPT_ATTR_SUPER_SHADOW, which may be read-only to all other accesses.
 *
 * Not tried: shadow-stack accesses to such a page that is writable, of which there is more than one
 * reading.
 */
#include <linux/io.h>
#include <linux/kernel.h>

#include <asm/pgtable_types.h>

#include "hw.h"

#define GUEST_SHADOW_CONTROL	0x6828
#define GUEST_SHADOW_POINTER	0x682a
#define GUEST_SHADOW_TABLE	0x682c
#define ENTRY_LOADS_SHADOW	BIT(20)
#define SHADOW_ENABLE		BIT(0)
#define SHADOW_WRITES		BIT(1)	/* WRSS */
#define CR4_SHADOW		BIT(23)
#define MARK			BIT_ULL(60)

static void try_op(struct hw *hw, enum hw_op op)
{
	hw_vcpu_write(&hw->vcpu, GUEST_SHADOW_POINTER, HW_LINEAR(HW_KERNEL_SLOT) + HW_WORD);
	hw_try(hw, &HW_ACCESS(op, HW_SUPERVISOR));
}

static void try_ops(struct hw *hw)
{
	const u64 leaf = *hw->target[0].where[hw->target[0].level];

	try_op(hw, HW_READ);
	if (hw_has(hw, EPT_FEATURE_SUPER_SHADOW) && leaf & 2 && leaf & MARK)
		return;
	try_op(hw, HW_SHADOW_READ);
	try_op(hw, HW_SHADOW_WRITE);
}

/* Any legal rights of the leaf, marked and not, below any of one level above it */
static void try_rights(struct hw *hw, unsigned int above)
{
	u64 *where = hw->target[0].where[above];
	u64 *leaf = hw->target[0].where[hw->target[0].level];
	const u64 before = *where, before_leaf = *leaf;
	u64 rights[HW_MAX_RIGHTS];
	unsigned int i, j, nr = hw_legal_rights(hw, rights);

	for (i = 0; i < nr; i++)
		for (j = 0; j < nr; j++) {
			hw_poke(hw, where, (before & ~7ull) | rights[i]);
			hw_poke(hw, leaf, (before_leaf & ~7ull) | rights[j]);
			try_ops(hw);
			hw_poke(hw, leaf, (before_leaf & ~7ull) | rights[j] | MARK);
			try_ops(hw);
		}
	hw_poke(hw, where, before);
	hw_poke(hw, leaf, before_leaf);
}

/* As ept makes it */
static int try_made(struct hw *hw, enum ept_level level)
{
	const u64 size = BIT_ULL(mmu_level_shift(level));
	struct ept_attrs attrs = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };
	int err;

	err = ept_set_attrs(hw->ept, HW_BOUNDARY - size, size, &attrs, NULL);
	if (err)
		return err;
	try_ops(hw);
	if (!hw_has(hw, EPT_FEATURE_SUPER_SHADOW))
		return 0;
	attrs.flags = EPT_ATTR_SUPER_SHADOW;
	err = ept_set_attrs(hw->ept, HW_BOUNDARY - size, size, &attrs, NULL);
	if (!err)
		try_ops(hw);
	return err;
}

static int try_levels(struct hw *hw)
{
	enum ept_level level;
	unsigned int above;
	int err = 0;

	for (level = EPT_4K; level <= hw->config.max_leaf && !err; level++) {
		err = hw_map_targets(hw, level, EPT_4K, &EPT_ATTRS_RAM);
		for (above = level + 1; above < HW_LEVELS && !err; above++)
			try_rights(hw, above);
		err = err ?: try_made(hw, level) ?: hw_unmap_targets(hw);
	}
	return err;
}

/* What the guest's own paging calls a shadow stack: dirty, and not writable */
static int run(struct hw *hw)
{
	u64 *page = hw_base(hw, HW_KERNEL + 2 * PAGE_SIZE);
	const u64 before = *page, cr4 = hw_vcpu_read(&hw->vcpu, GUEST_CR4);
	int err;

	/* Bits 6 and 13 of a qualification are told apart without mode-based execute. */
	if (hw_has(hw, EPT_FEATURE_MODE_EXEC))
		return 0;
	err = hw_vcpu_use_at_entry(&hw->vcpu, ENTRY_LOADS_SHADOW);
	if (err)
		return err;
	*page = before & ~(u64)_PAGE_RW;
	hw->read_only = true;
	hw_vcpu_write(&hw->vcpu, GUEST_CR4, cr4 | CR4_SHADOW);
	hw_vcpu_write(&hw->vcpu, GUEST_SHADOW_CONTROL, SHADOW_ENABLE | SHADOW_WRITES);
	hw_vcpu_write(&hw->vcpu, GUEST_SHADOW_TABLE, 0);
	err = try_levels(hw);
	hw_vcpu_write(&hw->vcpu, GUEST_SHADOW_CONTROL, 0);
	hw_vcpu_write(&hw->vcpu, GUEST_CR4, cr4);
	*page = before;
	hw->read_only = false;
	hw_vcpu_use_at_entry(&hw->vcpu, 0);
	return err;
}

const struct hw_class hw_shadow = {
	.name = "shadow stacks",
	.needs = EPT_FEATURE_SUPER_SHADOW,
	.run = run,
};
