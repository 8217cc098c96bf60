/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples: VM entry and VM exit. Swaps the general registers, which VMX leaves to software.
 *
 * The guest is a sample's own code or this kernel, and trusted. A VMM for guests that it doesn't
 * trust has more to do here: clear the guest's values from the registers, refill the return stack
 * buffer, flush L1D and CPU buffers, switch SPEC_CTRL.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>

#include "vmx_entry.h"

#define REG(name)	(VMX_##name * 8)(%rdi)
#define VMCS_HOST_RSP	0x6c14

	.text

/* bool vmx_enter(u64 *regs, bool launched) */
SYM_FUNC_START(vmx_enter)
	ENDBR				/* it is exported: newer kernels don't add one */
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi			/* the VM exit finds regs on top of the stack */
	mov	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax

	testb	%sil, %sil		/* no instruction up to the VM entry changes flags */
	mov	REG(RAX), %rax
	mov	REG(RBX), %rbx
	mov	REG(RCX), %rcx
	mov	REG(RDX), %rdx
	mov	REG(RSI), %rsi
	mov	REG(RBP), %rbp
	mov	REG(R8), %r8
	mov	REG(R9), %r9
	mov	REG(R10), %r10
	mov	REG(R11), %r11
	mov	REG(R12), %r12
	mov	REG(R13), %r13
	mov	REG(R14), %r14
	mov	REG(R15), %r15
	mov	REG(RDI), %rdi
	jnz	.Lresume
	vmlaunch
	jmp	.Lrefused
.Lresume:
	vmresume
.Lrefused:

	/*
	 * Two ways lead here, with the same stack: a VM exit, which clears all flags, and a
	 * refused VM entry, which sets CF or ZF and falls through. Neither has changed a
	 * register beyond what the guest did. No instruction up to seta changes flags.
	 */
SYM_INNER_LABEL(vmx_vmexit, SYM_L_GLOBAL)
	ENDBR
	xchg	%rdi, (%rsp)
	mov	%rax, REG(RAX)
	mov	%rbx, REG(RBX)
	mov	%rcx, REG(RCX)
	mov	%rdx, REG(RDX)
	mov	%rsi, REG(RSI)
	mov	%rbp, REG(RBP)
	mov	%r8, REG(R8)
	mov	%r9, REG(R9)
	mov	%r10, REG(R10)
	mov	%r11, REG(R11)
	mov	%r12, REG(R12)
	mov	%r13, REG(R13)
	mov	%r14, REG(R14)
	mov	%r15, REG(R15)
	pop	%rax
	mov	%rax, REG(RDI)
	seta	%al

	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET
SYM_FUNC_END(vmx_enter)
