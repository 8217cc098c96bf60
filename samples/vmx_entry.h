/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples: VM entry, and where the general registers of a guest lie meanwhile, for C and assembly.
 * RSP is not among them: the VMCS holds it.
 */
#ifndef _VMX_ENTRY_H
#define _VMX_ENTRY_H

#define VMX_RAX		0
#define VMX_RBX		1
#define VMX_RCX		2
#define VMX_RDX		3
#define VMX_RSI		4
#define VMX_RDI		5
#define VMX_RBP		6
#define VMX_R8		7
#define VMX_R9		8
#define VMX_R10		9
#define VMX_R11		10
#define VMX_R12		11
#define VMX_R13		12
#define VMX_R14		13
#define VMX_R15		14
#define VMX_NR_REGS	15

#ifndef __ASSEMBLER__
#include <linux/types.h>

/*
 * Runs the guest of the current VMCS until its next VM exit, with its registers from and to
 * @regs. Interrupts off. False if the CPU refused the VM entry.
 */
bool vmx_enter(u64 *regs, bool launched);

/* Where a VM exit continues: HOST_RIP. Not to be called. */
void vmx_vmexit(void);
#endif

#endif /* _VMX_ENTRY_H */
