/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest runs. Data for this kernel, 64-bit code for the guest. Each is an access to the 8
 * bytes at RDI, and ends with VMCALL.
 */
#include <linux/linkage.h>

#define PROGRAM(name)	SYM_INNER_LABEL(hw_program_##name, SYM_L_GLOBAL)

	.section .rodata, "a"
	.balign	16

SYM_DATA_START(hw_programs)

PROGRAM(read)
	mov	(%rdi), %rax
	vmcall

PROGRAM(write)
	mov	%rsi, (%rdi)
	vmcall

PROGRAM(modify)
	add	%rsi, (%rdi)
	vmcall

/* RDI is also the shadow-stack pointer. */
PROGRAM(shadow_read)
	mov	$1, %eax
	incsspq	%rax
	vmcall

PROGRAM(shadow_write)
	wrssq	%rsi, (%rdi)
	vmcall

/* By table RCX of the EPTP list */
PROGRAM(switch)
	vmfunc
	mov	(%rdi), %rax
	vmcall

/* The handler of #VE */
PROGRAM(ve)
	vmcall

SYM_DATA_END_LABEL(hw_programs, SYM_L_GLOBAL, hw_programs_end)
