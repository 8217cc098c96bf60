// SPDX-License-Identifier: GPL-2.0
/*
 * #VE: which violations the guest is told of in the place of an exit, and what it is told.
 */
#include <linux/io.h>
#include <linux/string.h>

#include <asm/trapnr.h>

#include "hw.h"

/* Whatever the step of the access is that fails */
static bool is_convertible(struct hw *hw, const struct hw_access *access)
{
	struct hw_step steps[HW_MAX_STEPS];
	struct mmu_result result;
	unsigned int i, nr = hw_steps(hw, access, steps);

	for (i = 0; i < nr; i++) {
		mmu_look(&hw->mmu, hw->eptp, steps[i].gpa, &steps[i].access, &result);
		if (result.verdict != MMU_OK)
			return result.verdict == MMU_VIOLATION && result.convertible;
	}
	return false;
}

/* What the guest is told is what the exit would have said. Its EPTP index says nothing here. */
static bool info_is_right(struct hw *hw, const struct hw_access *access,
			  const struct hw_outcome *expected)
{
	const struct ept_ve_info *info = hw_base(hw, HW_VE_INFO);
	struct hw_outcome told = *expected;
	struct ept_violation violation, decoded;

	told.qualification = info->qualification;
	told.gpa = info->gpa;
	told.gla = info->gla;
	ept_violation_decode(info->qualification, &hw->caps, &violation);
	return info->reason == EPT_VE_REASON && info->busy == EPT_VE_BUSY &&
	       (hw_same(access, expected, &told) ||
		hw_deviates(hw, access, expected, &told) != HW_NO_DEVIATION) &&
	       !ept_ve_decode(info, &hw->caps, &decoded) &&
	       !memcmp(&decoded, &violation, sizeof(decoded));
}

static bool was_told(const struct hw *hw)
{
	return hw->vcpu.exit.reason == EXIT_REASON_VMCALL &&
	       hw->vcpu.exit.rip == hw_code(hw_program_ve);
}

static void try_access(struct hw *hw, const struct hw_access *access, u32 busy)
{
	struct ept_ve_info *info = hw_base(hw, HW_VE_INFO);
	const bool told = is_convertible(hw, access) && !busy;
	struct hw_outcome expected;

	*info = (struct ept_ve_info){ .busy = busy };
	if (!told) {
		hw_try(hw, access);
		hw_hold(hw, info->busy == busy && !info->reason, "#VE information, reason",
			0, info->reason);
		return;
	}
	hw_expect(hw, access, &expected);
	hw_run(hw, access);
	hw_hold(hw, was_told(hw), "#VE, not told of a violation at", expected.gpa,
		hw->vcpu.exit.reason);
	hw_hold(hw, info_is_right(hw, access, &expected), "#VE, qualification",
		expected.qualification, info->qualification);
}

static void try_accesses(struct hw *hw)
{
	static const u32 busy[] = { 0, 1, EPT_VE_BUSY };
	enum hw_op op;
	unsigned int i;

	for (op = 0; op < HW_NR_OPS; op++)
		for (i = 0; i < ARRAY_SIZE(busy); i++) {
			try_access(hw, &HW_ACCESS(op, HW_SUPERVISOR), busy[i]);
			try_access(hw, &HW_ACCESS(op, HW_USER_MODE), busy[i]);
		}
}

/* An entry with any rights, or misconfigured, and bit 63 or not, wherever the walk may stop */
static void try_entry(struct hw *hw, unsigned int level)
{
	u64 *where = hw->target[0].where[level];
	const u64 before = *where;
	unsigned int rights;

	for (rights = 0; rights < 8; rights++) {
		const u64 entry = (before & ~(7 | BIT_ULL(63))) | rights;

		hw_poke(hw, where, entry);
		try_accesses(hw);
		hw_poke(hw, where, entry | BIT_ULL(63));
		try_accesses(hw);
	}
	hw_poke(hw, where, before);
}

/* As ept makes them: holes and leaves that suppress #VE, and leaves that don't */
static int try_made(struct hw *hw)
{
	struct ept_attrs attrs = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };
	int err;

	err = ept_set_attrs(hw->ept, HW_BOUNDARY - SZ_4K, SZ_4K, &attrs, NULL);
	if (err)
		return err;
	try_accesses(hw);
	attrs.flags = EPT_ATTR_SUPPRESS_VE;
	err = ept_set_attrs(hw->ept, HW_BOUNDARY - SZ_4K, SZ_4K, &attrs, NULL);
	if (err)
		return err;
	try_accesses(hw);
	err = ept_unmap(hw->ept, HW_BOUNDARY - SZ_4K, SZ_4K, NULL);
	hw_find_target(hw, 0);
	if (!err)
		try_accesses(hw);
	return err;
}

static int run(struct hw *hw)
{
	unsigned int level;
	int err;

	err = hw_map_targets(hw, EPT_4K, EPT_4K, &EPT_ATTRS_RAM);
	if (err)
		return err;
	hw_vcpu_write(&hw->vcpu, VE_INFO_ADDRESS, page_to_phys(hw->base) + HW_VE_INFO - HW_BASE);
	hw_vcpu_write(&hw->vcpu, EXCEPTION_BITMAP, ~BIT(X86_TRAP_VE));
	for (level = 0; level < HW_LEVELS; level++)
		try_entry(hw, level);
	err = try_made(hw);
	hw_vcpu_write(&hw->vcpu, EXCEPTION_BITMAP, ~0u);
	return err;
}

const struct hw_class hw_ve = {
	.name = "#VE",
	.needs = EPT_FEATURE_VE,
	.run = run,
};
