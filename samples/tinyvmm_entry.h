/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tinyvmm: where the general registers of a guest lie in tinyvmm_vcpu.regs, for C and assembly.
 * RSP is not among them: the VMCS holds it.
 */
#ifndef _TINYVMM_ENTRY_H
#define _TINYVMM_ENTRY_H

#define TINYVMM_RAX	0
#define TINYVMM_RBX	1
#define TINYVMM_RCX	2
#define TINYVMM_RDX	3
#define TINYVMM_RSI	4
#define TINYVMM_RDI	5
#define TINYVMM_RBP	6
#define TINYVMM_R8	7
#define TINYVMM_R9	8
#define TINYVMM_R10	9
#define TINYVMM_R11	10
#define TINYVMM_R12	11
#define TINYVMM_R13	12
#define TINYVMM_R14	13
#define TINYVMM_R15	14
#define TINYVMM_NR_REGS	15

#ifndef __ASSEMBLER__
#include <linux/types.h>

/*
 * Runs the guest of the current VMCS until its next VM exit, with its registers from and to
 * @regs. Interrupts off. False if the CPU refused the VM entry.
 */
bool tinyvmm_enter(u64 *regs, bool launched);

/* Where a VM exit continues: HOST_RIP. Not to be called. */
void tinyvmm_vmexit(void);
#endif

#endif /* _TINYVMM_ENTRY_H */
