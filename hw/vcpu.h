/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One logical CPU in VMX operation, and its guest. Of ept it knows an EPTP and controls.
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
	bool		launched;
	struct hw_exit	exit;
	struct vmx_cpu	cpu;
};

/*
 * VMX on, with a VMCS for the guest of guest.h. Called on the CPU that the caller stays on until
 * hw_vcpu_off(). 0, -EBUSY if VMX is in use here, -ENODEV if this CPU cannot run the guest, -EIO,
 * -ENOMEM.
 */
int hw_vcpu_on(struct hw_vcpu *vcpu);
void hw_vcpu_off(struct hw_vcpu *vcpu);

/* On that CPU, between two runs. -ENODEV for controls that it lacks. */
int hw_vcpu_use(u64 eptp, u32 secondary);

/* Until the first exit that isn't the host's business. Preemption off. */
void hw_vcpu_run(struct hw_vcpu *vcpu);

#endif
