/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tinyvmm: one logical CPU in VMX operation, with one VMCS and its guest. Of ept it knows one
 * number: the EPTP.
 */
#ifndef _TINYVMM_VMX_H
#define _TINYVMM_VMX_H

#include <linux/types.h>

#include "vmx.h"

/* Beyond the CPU's exit reasons: the CPU refused the VM entry; the guest doesn't come to an end. */
#define TINYVMM_EXIT_REFUSED	0x10000
#define TINYVMM_EXIT_ENDLESS	0x10001

struct ept;

struct tinyvmm_exit {
	u32	reason;		/* EXIT_REASON_* or TINYVMM_EXIT_* */
	u64	qualification;
	u64	gpa;		/* of an EPT violation or misconfiguration */
	u64	rip;
	u32	length;		/* of the instruction, for those that exit by themselves */
	u32	event;		/* the exception; the error where the VM entry was refused */
};

struct tinyvmm_vcpu {
	struct ept		*ept;		/* the table that it runs on, for the callers */
	struct ept		*other_ept;	/* NULL, or one that the guest can switch to */
	u64			regs[VMX_NR_REGS];
	u64			rip;
	struct tinyvmm_exit	exit;		/* the latest */
	u32			slice;		/* VMX-preemption timer, 0 without one */
	u64			eptp;
	phys_addr_t		ve_info;	/* 0: no #VE */
	phys_addr_t		eptp_list;	/* 0: no VM function 0 */
	struct vmx_cpu		cpu;
};

/*
 * A VMCS for a guest in 64-bit mode, in memory as tinyvmm_guest.h has it. The EPT tables of
 * vcpu->eptp, #VE and VM function 0, for CPUs that have them, are the next run's. May sleep.
 * 0, -EBUSY if VMX is in use here, -ENODEV if this CPU cannot run the guest, -EIO, -ENOMEM.
 */
int tinyvmm_vmx_create(struct tinyvmm_vcpu *vcpu);
void tinyvmm_vmx_destroy(struct tinyvmm_vcpu *vcpu);

/*
 * Enters the guest, once; vcpu->exit says why it came back. In a stay of vcpu->cpu (vmx_begin()):
 * an interrupt that made the guest exit is handled by this kernel when that is over.
 */
void tinyvmm_vmx_run(struct tinyvmm_vcpu *vcpu);

/* Did an NMI make the guest exit? It has been handled. */
bool tinyvmm_vmx_is_nmi(const struct tinyvmm_exit *exit);

#endif /* _TINYVMM_VMX_H */
