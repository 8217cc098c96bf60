// SPDX-License-Identifier: GPL-2.0
/*
 * VMFUNC: which entries of an EPTP list a guest may switch to, and that it then uses that table.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/io.h>

#include "hw.h"

#define FIRST_VALUE	0x1111111111111111ull
#define OTHER_VALUE	0x2222222222222222ull

/* The same gpa as the first target's, with the second one's page */
static struct ept *create_other(struct hw *hw)
{
	struct ept_config config = hw->config;
	struct ept *ept;
	int err;

	config.name = NULL;
	ept = ept_create(&config);
	if (IS_ERR(ept))
		return ept;
	err = hw_guest_map(hw, ept) ?:
	      ept_map(ept, HW_BOUNDARY - SZ_4K, hw->memory + SZ_2M, SZ_4K, &EPT_ATTRS_RAM);
	if (!err)
		return ept;
	ept_destroy(ept);
	return ERR_PTR(err);
}

static void run_switch(struct hw *hw, struct ept *other, u32 function, u32 index)
{
	struct hw_vcpu *vcpu = &hw->vcpu;

	vcpu->rip = hw_code(hw_program_switch);
	vcpu->regs[VMX_RAX] = function;
	vcpu->regs[VMX_RCX] = index;
	vcpu->regs[VMX_RDI] = HW_LINEAR(HW_KERNEL_SLOT) + HW_WORD;
	vcpu->mode_known &= !vcpu->user;
	vcpu->user = false;
	hw->other = other;
	hw_enter(hw);
	hw->other = NULL;
	/* A switch stays. */
	hw_vcpu_write(vcpu, EPT_POINTER, hw->eptp);
}

static void try_switch(struct hw *hw, struct ept *other, u32 function, u32 index, bool valid)
{
	const u32 expected = valid ? EXIT_REASON_VMCALL : EXIT_REASON_VMFUNC;

	run_switch(hw, other, function, index);
	hw_hold(hw, hw->vcpu.exit.reason == expected &&
		(!valid || hw->vcpu.regs[VMX_RAX] == OTHER_VALUE),
		"VMFUNC, exit", expected, hw->vcpu.exit.reason);
}

static void try_list(struct hw *hw, struct ept *other, u64 *list)
{
	const u64 eptp = ept_pointer(other);
	unsigned int low, i;

	for (low = 0; low < 0x1000; low++) {
		list[1] = (eptp & PAGE_MASK) | low;
		try_switch(hw, other, 0, 1, mmu_pointer_valid(&hw->mmu, list[1]));
	}
	for (i = hw->mmu.maxphyaddr; i < 64; i++) {
		list[1] = eptp | BIT_ULL(i);
		try_switch(hw, other, 0, 1, false);
	}
	for (i = 0; i < EPT_POINTER_LIST_NR; i++)
		list[i] = eptp;
	for (i = 0; i < 2 * EPT_POINTER_LIST_NR; i++)
		try_switch(hw, other, 0, i, i < EPT_POINTER_LIST_NR);
	for (i = 0; i < 64; i++)
		try_switch(hw, other, i, 1, !i);
}

static int try_other(struct hw *hw, struct ept *other)
{
	u64 *list = (u64 *)get_zeroed_page(GFP_KERNEL);
	int err;

	if (!list)
		return -ENOMEM;
	err = hw_map_targets(hw, EPT_4K, EPT_4K, &EPT_ATTRS_RAM);
	if (!err) {
		*(u64 *)(hw->map + SZ_2M - SZ_4K + HW_WORD) = FIRST_VALUE;
		*(u64 *)(hw->map + SZ_2M + HW_WORD) = OTHER_VALUE;
		hw_vcpu_write(&hw->vcpu, EPTP_LIST_ADDRESS, virt_to_phys(list));
		hw_vcpu_write(&hw->vcpu, VM_FUNCTION_CONTROL, VMX_VMFUNC_EPTP_SWITCHING);
		err = hw_vcpu_use(&hw->vcpu, hw->eptp,
				  hw->secondary | SECONDARY_EXEC_ENABLE_VMFUNC);
		if (!err)
			try_list(hw, other, list);
		hw_vcpu_use(&hw->vcpu, hw->eptp, hw->secondary);
	}
	free_page((unsigned long)list);
	return err;
}

static int run(struct hw *hw)
{
	struct ept *other = create_other(hw);
	int err;

	if (IS_ERR(other))
		return PTR_ERR(other);
	err = try_other(hw, other);
	ept_destroy(other);
	return err;
}

const struct hw_class hw_vmfunc = {
	.name = "VMFUNC",
	.run = run,
};
