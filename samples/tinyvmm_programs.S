/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tinyvmm: what the guest runs. Data for this kernel, 64-bit code for the guest.
 *
 * A program takes arguments in RDI and RSI, needs no stack, works at whatever address it was
 * copied to, and ends with VMCALL and its result in RAX.
 */
#include <linux/linkage.h>

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

SYM_DATA_END_LABEL(tinyvmm_programs, SYM_L_GLOBAL, tinyvmm_programs_end)
