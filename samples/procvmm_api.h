/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * procvmm: what a process says to /dev/procvmm, of which each open is a VM. Its memory is the
 * process', where the process likes; its CPUs are threads of the process, each in PROCVMM_RUN.
 */
#ifndef _PROCVMM_API_H
#define _PROCVMM_API_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PROCVMM_VCPUS		4

/* First of all. Without accessed and dirty flags, as on an older CPU; with a log by the CPU */
#define PROCVMM_NO_FLAGS	1
#define PROCVMM_PML		2
#define PROCVMM_CREATE		_IO('p', 0)	/* of these flags */

/* What a guest may do in a region beside reading */
#define PROCVMM_WRITE		1
#define PROCVMM_EXECUTE		2

/* Memory of the process at @address, or, where @cookie isn't 0, nothing: accesses exit. */
struct procvmm_region {
	__u64	gpa;
	__u64	size;
	__u64	address;
	__u64	cookie;
	__u64	rights;
};

#define PROCVMM_ADD		_IOW('p', 1, struct procvmm_region)
#define PROCVMM_REMOVE		_IOW('p', 2, struct procvmm_region)
#define PROCVMM_PROTECT		_IOW('p', 3, struct procvmm_region)

/* A vCPU begins in 64-bit mode, with flat segments and no descriptor tables. */
struct procvmm_regs {
	__u64	rax, rbx, rcx, rdx, rsi, rdi, rbp;
	__u64	r8, r9, r10, r11, r12, r13, r14, r15;
	__u64	rsp, rip, rflags, cr3;
};

#define PROCVMM_CODE_SIZE	15

/*
 * Runs @vcpu with @regs until something is the process' to do: @exit, and what else is said to be
 * of it. RIP is behind the instruction, but with PROCVMM_MMIO, where it is for the process to move.
 */
struct procvmm_run {
	struct procvmm_regs	regs;
	__u32	vcpu;
	__u32	exit;
	__u64	gpa;		/* PROCVMM_MMIO, PROCVMM_MEMORY */
	__u64	cookie;		/* PROCVMM_MMIO: the region's */
	__u64	offset;		/* PROCVMM_MMIO: in the region */
	__u64	address;	/* PROCVMM_EXCEPTION: of a page fault */
	__s32	error;		/* PROCVMM_MEMORY: a negative errno; 0: no access there */
	__u32	write;		/* PROCVMM_PORT, PROCVMM_MMIO, PROCVMM_MEMORY */
	__u32	port;		/* PROCVMM_PORT: it; of RAX so many bytes */
	__u32	size;
	__u32	vector;		/* PROCVMM_EXCEPTION */
	__u32	error_code;
	__u32	reason;		/* PROCVMM_OTHER: the CPU's */
	__u32	code_size;	/* PROCVMM_MMIO: bytes at RIP, the instruction's and more */
	__u8	code[PROCVMM_CODE_SIZE];
};

#define PROCVMM_RUN		_IOWR('p', 4, struct procvmm_run)

#define PROCVMM_SIGNAL		0		/* a signal waits for the thread */
#define PROCVMM_CALL		1		/* VMCALL */
#define PROCVMM_HALT		2		/* HLT */
#define PROCVMM_PORT		3		/* IN, OUT */
#define PROCVMM_MMIO		4		/* memory that isn't there */
#define PROCVMM_MEMORY		5		/* an access that cannot be */
#define PROCVMM_EXCEPTION	6
#define PROCVMM_OTHER		7

/* The log of written pages. @bitmap: a bit for each page, PROCVMM_LOG_GET alone */
struct procvmm_log {
	__u64	gpa;
	__u64	size;
	__u64	bitmap;
};

#define PROCVMM_LOG_START	_IOW('p', 5, struct procvmm_log)
#define PROCVMM_LOG_GET		_IOW('p', 6, struct procvmm_log)
#define PROCVMM_LOG_STOP	_IOW('p', 7, struct procvmm_log)

struct procvmm_stats {
	__u64	resumed;	/* faults after which the guest went on */
	__u64	invalidations;	/* times that the kernel took memory back */
	__u64	leaves[3];	/* of the table, now: 4K, 2M, 1G */
	__u64	logged;		/* pages that CPUs logged */
};

#define PROCVMM_STATS		_IOR('p', 8, struct procvmm_stats)

#endif
