/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples: a guest's CPU, as a VMCS and as registers, and a stay in the guest. Of ept it knows one
 * number: the EPTP.
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
	u64	rip;
	u32	length;		/* of the instruction, for those that exit by themselves */
	u32	event;		/* the exception; the error where the VM entry was refused */
	u32	error_code;	/* the exception's, if it has one */
};

struct vcpu {
	struct ept		*ept;		/* the table that it runs on, for the callers */
	struct ept		*other_ept;	/* NULL, or one that the guest can switch to */
	u64			regs[VMX_NR_REGS];
	u64			rip;
	struct vcpu_exit	exit;		/* the latest */
	bool			launched;	/* since its VMCS was loaded */
	u32			slice;		/* VMX-preemption timer, 0 without one */
};

/*
 * Fills in the VMCS that is loaded: a guest in 64-bit mode, with flat segments, on the EPT tables
 * of @eptp. Its page tables, descriptor tables and stack are the caller's to write; what the guest
 * may do beside using memory and general registers exits. 0, or -ENODEV if this CPU cannot run it.
 */
int vcpu_init(struct vcpu *vcpu, u64 eptp);

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

/*
 * Enters the guest, once; vcpu->exit says why it came back. Preemption off. Interrupts are off
 * inside and on afterwards: one that made the guest exit has then been handled by this kernel.
 */
void vcpu_run(struct vcpu *vcpu);

/* An exit that is this kernel's business, which has done what there was to do; the guest goes on */
bool vcpu_is_host_exit(const struct vcpu_exit *exit);

#endif /* _SAMPLES_VCPU_H */
