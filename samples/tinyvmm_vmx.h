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
	bool			launched;
	u32			slice;		/* VMX-preemption timer, 0 without one */
	struct vmx_cpu		cpu;
};

/*
 * VMX on, with a VMCS for a guest in 64-bit mode, in memory as tinyvmm_guest.h has it, and on the
 * EPT tables of @eptp. Called on the CPU that the caller stays on until tinyvmm_vmx_off().
 * 0, -EBUSY if VMX is in use here, -ENODEV if this CPU cannot run the guest, -EIO, -ENOMEM.
 */
int tinyvmm_vmx_on(struct tinyvmm_vcpu *vcpu, u64 eptp);
void tinyvmm_vmx_off(struct tinyvmm_vcpu *vcpu);

/* On that CPU, between two runs: other EPT tables; #VE; VM function 0. For CPUs that have them. */
void tinyvmm_vmx_set_eptp(u64 eptp);
void tinyvmm_vmx_enable_ve(phys_addr_t info);
void tinyvmm_vmx_disable_ve(void);
void tinyvmm_vmx_enable_vmfunc(phys_addr_t eptp_list);
void tinyvmm_vmx_disable_vmfunc(void);

/*
 * Enters the guest, once; vcpu->exit says why it came back. Preemption off. Interrupts are off
 * inside and on afterwards: one that made the guest exit has then been handled by this kernel.
 */
void tinyvmm_vmx_run(struct tinyvmm_vcpu *vcpu);

/* Did an NMI make the guest exit? It has been handled. */
bool tinyvmm_vmx_is_nmi(const struct tinyvmm_exit *exit);

#endif /* _TINYVMM_VMX_H */
