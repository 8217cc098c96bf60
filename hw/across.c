// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses across two pages of different rights, in leaves of any two sizes.
 */
#include "hw.h"

static void try_accesses(struct hw *hw)
{
	struct hw_access access = { .across = true, .walk = HW_NO_WALK };

	for (access.op = 0; access.op < HW_NR_OPS; access.op++) {
		access.mode = HW_SUPERVISOR;
		hw_try(hw, &access);
		access.mode = HW_USER_MODE;
		hw_try(hw, &access);
	}
}

static int set_rights(struct hw *hw, unsigned int i, u64 rights)
{
	const u64 size = BIT_ULL(mmu_level_shift(hw->target[i].level));
	const struct ept_attrs attrs = {
		.prot = (rights & 7) | (rights & HW_UEXEC ? EPT_PROT_UEXEC : 0),
		.memtype = EPT_MT_WB,
	};

	return ept_set_attrs(hw->ept, i ? HW_BOUNDARY : HW_BOUNDARY - size, size, &attrs, NULL);
}

static int try_rights(struct hw *hw)
{
	u64 rights[HW_MAX_RIGHTS];
	unsigned int i, j, nr = hw_legal_rights(hw, rights);
	int err;

	for (i = 0; i < nr; i++) {
		err = set_rights(hw, 0, rights[i]);
		for (j = 0; j < nr && !err; j++) {
			err = set_rights(hw, 1, rights[j]);
			if (!err)
				try_accesses(hw);
		}
		if (err)
			return err;
	}
	return 0;
}

static int run(struct hw *hw)
{
	const unsigned int levels = hw->config.max_leaf + 1;
	unsigned int i, nr = hw->brief ? 1 : levels * levels;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		err = hw_map_targets(hw, i / levels, i % levels, &EPT_ATTRS_RAM) ?:
		      try_rights(hw) ?: hw_unmap_targets(hw);
	}
	return err;
}

const struct hw_class hw_across = {
	.name = "accesses across two pages",
	.run = run,
};
