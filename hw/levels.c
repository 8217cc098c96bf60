// SPDX-License-Identifier: GPL-2.0
/*
 * Rights of each level, in each combination: what all entries grant is what counts. ept leaves
 * rights to its leaves, so these are poked into its tables.
 */
#include "hw.h"

static void try_accesses(struct hw *hw)
{
	enum hw_op op;

	for (op = 0; op < HW_NR_OPS; op++) {
		hw_try(hw, &HW_ACCESS(op, HW_SUPERVISOR));
		hw_try(hw, &HW_ACCESS(op, HW_USER_MODE));
	}
}

/* In the entries from @level down to the leaf, of which @lesser may have less than all rights. */
static void try_rights(struct hw *hw, unsigned int level, unsigned int lesser)
{
	struct hw_target *target = &hw->target[0];
	u64 *where = target->where[level];
	const u64 entry = *where;
	u64 rights[HW_MAX_RIGHTS];
	unsigned int i, nr = hw_legal_rights(hw, rights);

	for (i = 0; i < nr; i++) {
		const bool all = i == nr - 1;

		if (!all && !lesser)
			continue;
		hw_poke(hw, where, (entry & ~HW_RIGHTS) | rights[i]);
		if (level == target->level)
			try_accesses(hw);
		else
			try_rights(hw, level - 1, all ? lesser : lesser - 1);
	}
	hw_poke(hw, where, entry);
}

/* With mode-based execute there are twice as many rights: not all combinations then. */
static int run(struct hw *hw)
{
	const unsigned int lesser = hw->brief || hw_has(hw, EPT_FEATURE_MODE_EXEC) ? 2 : HW_LEVELS;
	enum ept_level level;
	int err = 0;

	for (level = EPT_4K; level <= hw->config.max_leaf && !err; level++) {
		err = hw_map_targets(hw, level, EPT_4K, &EPT_ATTRS_RAM);
		if (err)
			break;
		try_rights(hw, HW_LEVELS - 1, lesser);
		err = hw_unmap_targets(hw);
	}
	return err;
}

const struct hw_class hw_levels = {
	.name = "rights of each level",
	.run = run,
};
