/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's memory, by gpa and by linear address, for C and for the guest's own code.
 *
 * The base is what the guest needs to run at all: HW_BASE_PAGES pages from gpa HW_BASE on, at the
 * same linear addresses, with all accessed and dirty flags set. What is tried lies elsewhere: two
 * pages that follow each other, the targets, on both sides of a 1G boundary.
 */
#ifndef EPT_HW_GUEST_H
#define EPT_HW_GUEST_H

/* Pages of the base */
#define HW_BASE		0x10000
#define HW_PML4		(HW_BASE + 0x0000)
#define HW_PDPT		(HW_BASE + 0x1000)	/* of linear addresses that are the base's */
#define HW_PD		(HW_BASE + 0x2000)
#define HW_KERNEL	(HW_BASE + 0x3000)	/* PDPT, PD, PT of the targets, for supervisors */
#define HW_USER		(HW_BASE + 0x6000)	/* the same for users */
#define HW_CHAIN	(HW_BASE + 0x9000)	/* PDPT, PD, PT of one page of the base: */
#define HW_DATA		(HW_BASE + 0xc000)	/* this one */
#define HW_CODE		(HW_BASE + 0xd000)
#define HW_SYSTEM	(HW_BASE + 0xe000)	/* GDT, IDT, TSS, stack */
#define HW_VE_INFO	(HW_BASE + 0xf000)
#define HW_BASE_ORDER	4
#define HW_BASE_PAGES	16

#define HW_GDT		HW_SYSTEM
#define HW_IDT		(HW_SYSTEM + 0x200)
#define HW_TSS		(HW_SYSTEM + 0x400)
#define HW_STACK	(HW_SYSTEM + 0x1000)

/* Where linear addresses of the targets and of the chain begin: an entry of the PML4 each */
#define HW_KERNEL_SLOT	1
#define HW_USER_SLOT	2
#define HW_CHAIN_SLOT	3
#define HW_LINEAR(slot)	((u64)(slot) << 39)

/* Selectors, in the GDT */
#define HW_CS		0x08
#define HW_DS		0x10
#define HW_USER_CS	0x1b
#define HW_USER_DS	0x23

/* The targets: the last page below, and the first at this gpa, which no base table spans */
#define HW_BOUNDARY	((1ull << 39) + (4ull << 30))

/* Where in a target a guest reads and writes, and where an instruction of it is */
#define HW_WORD		0x18
#define HW_CALL		0x800

#endif
