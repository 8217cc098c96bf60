/* SPDX-License-Identifier: GPL-2.0 */
/*
 * thinvmm: where the system goes into non-root mode, comes to root by a call, and is as before.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>

#include "vmx_entry.h"

#define REG(name)	(VMX_##name * 8)(%rdi)
#define VMCS_GUEST_RSP	0x681c
#define VMCS_GUEST_RIP	0x681e

	.text

/*
 * int thinvmm_start(struct thinvmm_cpu *cpu, void *stack)
 *
 * Two ways lead to the label, with this stack: the first VM entry, with the registers that the
 * CPU's structure has, and thinvmm_go_on() where that failed.
 */
SYM_FUNC_START(thinvmm_start)
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	$VMCS_GUEST_RSP, %eax
	vmwrite	%rsp, %rax
	mov	$VMCS_GUEST_RIP, %eax
	lea	.Lstarted(%rip), %rdx
	vmwrite	%rdx, %rax
	mov	%rsi, %rsp
	xor	%ebp, %ebp
	call	thinvmm_root
	int3
.Lstarted:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET
SYM_FUNC_END(thinvmm_start)
STACK_FRAME_NON_STANDARD thinvmm_start

/*
 * void thinvmm_go_on(const u64 *regs, unsigned long rsp, unsigned long rip)
 *
 * Only a function of this file went to root, so only what a function preserves is restored.
 */
SYM_FUNC_START(thinvmm_go_on)
	mov	%rsi, %rsp
	mov	REG(RAX), %rax
	mov	REG(RBX), %rbx
	mov	REG(RBP), %rbp
	mov	REG(R12), %r12
	mov	REG(R13), %r13
	mov	REG(R14), %r14
	mov	REG(R15), %r15
	push	%rdx
	RET
SYM_FUNC_END(thinvmm_go_on)
STACK_FRAME_NON_STANDARD thinvmm_go_on

/*
 * void thinvmm_call(thinvmm_root_fn fn, void *arg)
 *
 * Root obeys the VMCALL at this address alone: what else executes one gets an exception.
 */
SYM_FUNC_START(thinvmm_call)
SYM_INNER_LABEL(thinvmm_call_insn, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR		/* its address is compared, never jumped to */
	vmcall
	RET
SYM_FUNC_END(thinvmm_call)

/* long thinvmm_add(long a, long b): alone in its page. THINVMM_ADD_INSNS counts instructions. */
	.balign	4096, 0xcc
SYM_FUNC_START(thinvmm_add)
	lea	(%rdi,%rsi), %rax
	RET
SYM_FUNC_END(thinvmm_add)
	.balign	4096, 0xcc
