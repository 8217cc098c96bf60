/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tinyvmm: the guest's memory, by gpa, for C and for the guest's own code.
 *
 * The guest's page tables map the first GiB of linear addresses to the same gpa, so that a
 * pointer in the guest is a gpa.
 */
#ifndef _TINYVMM_GUEST_H
#define _TINYVMM_GUEST_H

/* What the guest has from the beginning: its page tables (PML4, PDPT, PD), ... */
#define GUEST_TABLES		0x1000
#define GUEST_LINEAR		0x40000000
/* ... a page with its GDT, its IDT, and a stack, ... */
#define GUEST_SYSTEM		0x4000
#define GUEST_GDT		GUEST_SYSTEM
#define GUEST_IDT		(GUEST_SYSTEM + 0x200)
#define GUEST_STACK		(GUEST_SYSTEM + 0x1000)
#define GUEST_BASE_ORDER	2
/* ... and its programs. */
#define GUEST_CODE		0x10000

/* What the steps play with. */
#define GUEST_STEP_B		0x100000
#define GUEST_STEP_C		0x200000
#define GUEST_STEP_D		0x300000
#define GUEST_STEP_F		0x400000
#define GUEST_STEP_G		0x500000
#define GUEST_STEP_I		0x600000
#define GUEST_STEP_K		0x700000
#define GUEST_STEP_L		0x710000
#define GUEST_STEP_M		0x720000
#define GUEST_STEP_E		0x800000	/* two times 2M */
#define GUEST_STEP_H		0xc00000	/* 2M */

/* Where the CPU tells the guest about a #VE. */
#define GUEST_VE_INFO		0x20000
#define VE_INFO_BUSY		4
#define VE_INFO_QUALIFICATION	8
#define VE_INFO_GPA		24

#endif /* _TINYVMM_GUEST_H */
