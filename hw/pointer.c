// SPDX-License-Identifier: GPL-2.0
/*
 * EPTPs: which of them VM entry and INVEPT take, and that ept_config_check() lets only these be
 * made.
 */
#include <linux/err.h>
#include <linux/numa.h>

#include "hw.h"

#define ERROR_CONTROL_FIELD	7	/* VM entry with invalid control fields */

static bool entry_takes(struct hw *hw, u64 eptp)
{
	struct hw_vcpu *vcpu = &hw->vcpu;

	hw_vcpu_write(&hw->vcpu, EPT_POINTER, eptp);
	vcpu->rip = hw_code(hw_program_ve);	/* no more than a VMCALL */
	hw_enter(hw);
	hw_vcpu_write(&hw->vcpu, EPT_POINTER, hw->eptp);
	return vcpu->exit.reason == EXIT_REASON_VMCALL;
}

static bool was_refused(const struct hw *hw)
{
	return hw->vcpu.exit.reason == HW_EXIT_REFUSED &&
	       hw->vcpu.exit.error == ERROR_CONTROL_FIELD;
}

static void try_pointer(struct hw *hw, u64 eptp)
{
	const bool valid = mmu_pointer_valid(&hw->mmu, eptp);
	const bool taken = entry_takes(hw, eptp);

	hw_hold(hw, taken == valid && (taken || was_refused(hw)), "VM entry, of an EPTP that is",
		eptp, taken);
}

static void try_invept(struct hw *hw, u64 eptp)
{
	const int expected = mmu_pointer_valid(&hw->mmu, eptp) ? 0 : -EINVAL;
	int got = vmx_begin(&hw->vcpu.vmx);

	if (!got) {
		got = ept_invept_context(eptp);
		vmx_end(&hw->vcpu.vmx);
	}
	hw->cases++;
	hw_hold(hw, got == expected, "INVEPT, of an EPTP that is", eptp, -got);
}

/*
 * What ept makes
 */

static bool controls_are_there(struct hw *hw, const struct ept_config *config)
{
	const u32 secondary = ept_secondary_controls(config);
	const u32 may = upper_32_bits(vmx_read_msr(MSR_IA32_VMX_PROCBASED_CTLS2));

	return !(secondary & ~may) && !ept_tertiary_controls(config);
}

/* On a table of this configuration the guest runs, if the configuration is said to be right. */
static int try_config(struct hw *hw, const struct ept_config *config)
{
	const int said = ept_config_check(config, &hw->caps);
	struct ept *ept = ept_create(config);
	bool taken;
	int err;

	if (IS_ERR(ept))
		return PTR_ERR(ept);
	err = hw_guest_map(hw, ept);
	if (!err) {
		taken = controls_are_there(hw, config) &&
			!hw_vcpu_use(&hw->vcpu, ept_pointer(ept), ept_secondary_controls(config)) &&
			entry_takes(hw, ept_pointer(ept));
		hw_vcpu_use(&hw->vcpu, hw->eptp, hw->secondary);
		hw_hold(hw, !said == (taken && config->max_leaf <= hw->config.max_leaf),
			"ept_config_check(), of features", config->features, said);
		/* What it is used for has to be what it is checked for. */
		hw_hold(hw, mmu_pointer_valid(&hw->mmu, ept_pointer(ept)) || said,
			"ept_pointer(), of features", config->features, ept_pointer(ept));
	}
	ept_destroy(ept);
	return err;
}

/* Features that only entries show are always there: what a CPU may lack makes a difference. */
static int try_configs(struct hw *hw, unsigned int levels, enum ept_memtype memtype)
{
	struct ept_config config = hw->config;
	int err = 0;

	config.name = NULL;
	config.levels = levels;
	config.table_memtype = memtype;
	for (config.max_leaf = EPT_4K; config.max_leaf <= EPT_1G; config.max_leaf++)
		for (config.features = 0; config.features < BIT(8) && !err; config.features++)
			err = try_config(hw, &config);
	return err;
}

static int run(struct hw *hw)
{
	unsigned int low, bit;
	int err;

	for (low = 0; low < 0x1000; low++) {
		const u64 eptp = (hw->eptp & PAGE_MASK) | low;

		try_pointer(hw, eptp);
		try_invept(hw, eptp);
	}
	for (bit = 12; bit < 64; bit++) {
		const u64 eptp = hw->eptp ^ BIT_ULL(bit);

		/* Another root is no table of anybody's. */
		if (!mmu_pointer_valid(&hw->mmu, eptp))
			try_pointer(hw, eptp);
		try_invept(hw, eptp);
	}
	if (hw->brief)
		return 0;
	err = try_configs(hw, 4, EPT_MT_WB) ?: try_configs(hw, 4, EPT_MT_UC);
	return err ?: try_configs(hw, 5, EPT_MT_WB);
}

const struct hw_class hw_pointer = {
	.name = "EPTPs, and configurations that make them",
	.run = run,
};
