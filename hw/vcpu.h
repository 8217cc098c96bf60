/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's CPU: a VMCS and registers. Of ept it knows an EPTP and controls.
 */
#ifndef EPT_HW_VCPU_H
#define EPT_HW_VCPU_H

#include "vmx.h"

#define SECONDARY_SUBPAGE	BIT(23)
#define SUBPAGE_TABLE_POINTER	0x2030

#define EXIT_REASON_SUBPAGE	66

/* Beyond the CPU's exit reasons: it refused the VM entry. */
#define HW_EXIT_REFUSED		0x10000

struct hw_exit {
	u32	reason;
	u32	error;		/* of a VM entry that was refused */
	u32	event;		/* the exception */
	u64	qualification;
	u64	gpa;
	u64	gla;
	u64	rip;
};

struct hw_vcpu {
	u64		regs[VMX_NR_REGS];
	u64		rip;
	bool		user;		/* at CPL 3 */
	bool		mode_known;	/* the VMCS has @user */
	struct hw_exit	exit;
	struct vmx_cpu	vmx;
};

/*
 * A VMCS for the guest of guest.h. 0, -ENODEV if this CPU cannot run the guest, -ENOMEM, or as
 * vmx_begin().
 */
int hw_vcpu_create(struct hw_vcpu *vcpu);
void hw_vcpu_destroy(struct hw_vcpu *vcpu);

/* Each in a stay of its own, between two runs. -ENODEV for controls that the CPU lacks. */
int hw_vcpu_use(struct hw_vcpu *vcpu, u64 eptp, u32 secondary);
int hw_vcpu_use_at_entry(struct hw_vcpu *vcpu, u32 controls);
void hw_vcpu_write(struct hw_vcpu *vcpu, unsigned long field, u64 value);
u64 hw_vcpu_read(struct hw_vcpu *vcpu, unsigned long field);

/* Enters the guest, once, in a stay of @vcpu->vmx. */
void hw_vcpu_run(struct hw_vcpu *vcpu);

#endif
