// SPDX-License-Identifier: GPL-2.0
/*
 * Walks of the guest's page tables, of which one is a page with these rights: each of its levels,
 * with the flags of its entry set or to be set by the walk.
 */
#include <linux/kernel.h>

#include "hw.h"

static void try_accesses(struct hw *hw)
{
	static const struct { bool accessed, dirty; } flags[] = {
		{ false, false }, { true, false }, { true, true },
	};
	struct hw_access access;
	unsigned int i;

	for (access = (struct hw_access){}; access.walk < HW_NR_WALKS; access.walk++)
		for (access.op = 0; access.op < HW_NR_OPS; access.op++)
			for (i = 0; i < ARRAY_SIZE(flags); i++) {
				access.accessed = flags[i].accessed;
				access.dirty = flags[i].dirty;
				access.mode = HW_SUPERVISOR_AT_USER;
				hw_try(hw, &access);
				access.mode = HW_USER_MODE;
				hw_try(hw, &access);
			}
}

static int try_level(struct hw *hw, enum ept_level level)
{
	const u64 size = BIT_ULL(mmu_level_shift(level));
	u64 rights[HW_MAX_RIGHTS];
	unsigned int i, nr = hw_legal_rights(hw, rights);
	int err;

	err = hw_map_targets(hw, level, EPT_4K, &EPT_ATTRS_RAM);
	for (i = 0; i < nr && !err; i++) {
		const struct ept_attrs attrs = {
			.prot = (rights[i] & 7) | (rights[i] & HW_UEXEC ? EPT_PROT_UEXEC : 0),
			.memtype = EPT_MT_WB,
		};

		err = ept_set_attrs(hw->ept, HW_BOUNDARY - size, size, &attrs, NULL);
		if (!err)
			try_accesses(hw);
	}
	return err ?: hw_unmap_targets(hw);
}

static int run(struct hw *hw)
{
	enum ept_level level;
	int err = 0;

	for (level = EPT_4K; level <= (hw->brief ? EPT_4K : hw->config.max_leaf) && !err; level++)
		err = try_level(hw, level);
	return err;
}

const struct hw_class hw_walks = {
	.name = "walks of the guest's page tables",
	.run = run,
};
