// SPDX-License-Identifier: GPL-2.0
/*
 * Leaves as ept makes them: rights, memory type, whether the guest's PAT counts, size, and the
 * flags that are set already, under each access.
 */
#include <linux/kernel.h>

#include "hw.h"

static void try_accesses(struct hw *hw)
{
	enum hw_mode mode;
	enum hw_op op;

	for (op = 0; op < HW_NR_OPS; op++)
		for (mode = 0; mode < HW_NR_MODES; mode++)
			hw_try(hw, &HW_ACCESS(op, mode));
}

/* Accessed and dirty as a CPU may have left them */
static void try_flags(struct hw *hw)
{
	static const u64 flags[] = { 0, BIT_ULL(8), BIT_ULL(8) | BIT_ULL(9) };
	u64 *where = hw->target[0].where[hw->target[0].level];
	const u64 entry = *where;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		hw_poke(hw, where, entry | flags[i]);
		try_accesses(hw);
		if (!hw_has(hw, EPT_FEATURE_AD))
			break;
	}
	hw_poke(hw, where, entry);
}

static u32 prot_of(u64 rights)
{
	return (rights & 7) | (rights & HW_UEXEC ? EPT_PROT_UEXEC : 0);
}

static int try_attrs(struct hw *hw, enum ept_level level, enum ept_memtype memtype, u32 flags)
{
	const u64 size = BIT_ULL(mmu_level_shift(level));
	u64 rights[HW_MAX_RIGHTS];
	unsigned int i, nr = hw_legal_rights(hw, rights);
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		const struct ept_attrs attrs = {
			.prot = prot_of(rights[i]), .memtype = memtype, .flags = flags,
		};

		err = ept_set_attrs(hw->ept, HW_BOUNDARY - size, size, &attrs, NULL);
		if (!err)
			try_flags(hw);
	}
	return err;
}

static int try_level(struct hw *hw, enum ept_level level)
{
	static const enum ept_memtype memtypes[] = {
		EPT_MT_WB, EPT_MT_UC, EPT_MT_WC, EPT_MT_WT, EPT_MT_WP
	};
	unsigned int i, nr = hw->brief ? 2 : ARRAY_SIZE(memtypes);
	int err;

	err = hw_map_targets(hw, level, EPT_4K, &EPT_ATTRS_RAM);
	for (i = 0; i < nr && !err; i++) {
		err = try_attrs(hw, level, memtypes[i], 0);
		if (!err)
			err = try_attrs(hw, level, memtypes[i], EPT_ATTR_IGNORE_PAT);
	}
	return err ?: hw_unmap_targets(hw);
}

static int run(struct hw *hw)
{
	enum ept_level level;
	int err = 0;

	for (level = EPT_4K; level <= hw->config.max_leaf && !err; level++)
		err = try_level(hw, level);
	return err;
}

const struct hw_class hw_leaves = {
	.name = "rights, memory types and sizes of leaves, as ept makes them",
	.run = run,
};
