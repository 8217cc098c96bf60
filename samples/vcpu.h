/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples: a guest's CPU, as a VMCS and as registers, and a stay in the guest. Of ept it knows
 * numbers: EPTPs, and where the CPU finds a list of them.
 */
#ifndef _SAMPLES_VCPU_H
#define _SAMPLES_VCPU_H

#include <linux/types.h>

#include "vmx.h"

/* Beyond the CPU's exit reasons: the CPU refused the VM entry; the guest doesn't come to an end. */
#define VCPU_EXIT_REFUSED	0x10000
#define VCPU_EXIT_ENDLESS	0x10001

struct ept;

struct vcpu_exit {
	u32	reason;		/* EXIT_REASON_* or VCPU_EXIT_* */
	u64	qualification;
	u64	gpa;		/* of an EPT violation or misconfiguration */
	u64	gla;		/* the linear address of an EPT violation */
	u64	rip;
	u32	length;		/* of the instruction, for those that exit by themselves */
	u32	event;		/* the exception; the error where the VM entry was refused */
	u32	error_code;	/* the exception's, if it has one */
};

struct vcpu {
	struct ept		*ept;		/* the table that it runs on, for the callers */
	struct ept		*other_ept;	/* NULL, or one that the guest can switch to */
	u64			regs[VMX_NR_REGS];
	u64			rip, rsp, rflags, cr3;
	u64			eptp;		/* of the next run, as are these: */
	phys_addr_t		ve_info;	/* 0: no #VE */
	phys_addr_t		eptp_list;	/* 0: no VM function 0 */
	struct vcpu_exit	exit;		/* the latest */
	u32			slice;		/* VMX-preemption timer, 0 without one */
	struct vmx_cpu		vmx;
};

/*
 * A VMCS: a guest in 64-bit mode, with flat segments. Its descriptor tables are the caller's to
 * write, in a stay of @vcpu->vmx (vmx_begin()); what the guest may do beside using memory and
 * general registers exits. Registers and what else changes from run to run are in @vcpu, which was
 * zero; #VE and VM function 0 for CPUs that have them. 0, -ENODEV if this CPU cannot run the guest,
 * -ENOMEM, or as vmx_begin(). May sleep.
 */
int vcpu_create(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

/* Selectors of its segments */
#define VCPU_CS		0x08
#define VCPU_DS		0x10

/* @field: a segment's selector */
void vcpu_write_segment(unsigned long field, u16 selector, u32 limit, u32 rights);

/* Access rights of segments, as VMCS fields have them */
#define SEGMENT_CODE64		0xa09b
#define SEGMENT_CODE32		0xc09b
#define SEGMENT_DATA		0xc093
#define SEGMENT_TSS		0x008b
#define SEGMENT_USER		0x0060	/* beside one of these */

/* Enters the guest, once, in a stay of @vcpu->vmx; @vcpu->exit says why it came back. */
void vcpu_run(struct vcpu *vcpu);

/* An exit that is this kernel's business, which does when the stay is over; the guest goes on */
bool vcpu_is_host_exit(const struct vcpu_exit *exit);

#endif /* _SAMPLES_VCPU_H */
