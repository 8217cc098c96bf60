/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tinyvmm: what the guest runs. Data for this kernel, 64-bit code for the guest.
 *
 * A program takes arguments in RDI and RSI, works at whatever address it was copied to, and
 * ends with VMCALL and its result in RAX.
 */
#include <linux/linkage.h>

#include "tinyvmm_guest.h"

#define PROGRAM(name)	SYM_INNER_LABEL(tinyvmm_program_##name, SYM_L_GLOBAL)

	.section .rodata, "a"
	.balign	16

SYM_DATA_START(tinyvmm_programs)

/* Adds up 1 to RDI. */
PROGRAM(sum)
	xor	%eax, %eax
1:	add	%rdi, %rax
	dec	%rdi
	jnz	1b
	vmcall

/* Reads the 8 bytes at RDI. */
PROGRAM(read)
	mov	(%rdi), %rax
	vmcall

/* Writes RSI to the 8 bytes at RDI, and returns it. */
PROGRAM(write)
	mov	%rsi, (%rdi)
	mov	%rsi, %rax
	vmcall

/* Writes to RSI pages, from RDI on, their own address, and returns the address after the last. */
PROGRAM(fill)
1:	mov	%rdi, (%rdi)
	add	$0x1000, %rdi
	dec	%rsi
	jnz	1b
	mov	%rdi, %rax
	vmcall

/* Counts in the 8 bytes at RDI + 8 for as long as those at RDI are RSI; then returns them. */
PROGRAM(watch)
1:	incq	8(%rdi)
	mov	(%rdi), %rax
	cmp	%rsi, %rax
	je	1b
	vmcall

/* Reads the 8 bytes at RDI by table RSI of the EPTP list, back on table 0 returns them. */
PROGRAM(switch)
	xor	%eax, %eax		/* VM function 0: EPTP switching */
	mov	%esi, %ecx
	vmfunc
	mov	(%rdi), %rdx
	xor	%ecx, %ecx
	vmfunc
	mov	%rdx, %rax
	vmcall

/*
 * Not a program, but the #VE handler: asks the VMM to do something about the gpa in RAX, and
 * goes on. Until it says that it isn't busy, there is no further #VE.
 */
PROGRAM(ve)
	push	%rax
	mov	GUEST_VE_INFO + VE_INFO_GPA, %rax
	vmcall
	movl	$0, GUEST_VE_INFO + VE_INFO_BUSY
	pop	%rax
	iretq

SYM_DATA_END_LABEL(tinyvmm_programs, SYM_L_GLOBAL, tinyvmm_programs_end)
