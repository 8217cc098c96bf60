/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A CPU's paging in software, for a guest behind EPT: the oracle for the walk of guest paging. It
 * shares no code with the module, and reads the architecture as the manual prints it: figures of
 * entries as rows of bits, access rights as sentences. Behind it stands the model of EPT.
 */
#ifndef EPT_KUNIT_MODEL_PAGING_H
#define EPT_KUNIT_MODEL_PAGING_H

#include <linux/types.h>

#include "model_mmu.h"

enum paging_mode { PAGING_OFF, PAGING_32, PAGING_PAE, PAGING_4_LEVEL, PAGING_5_LEVEL };

/* The guest's CPU: what matters of its registers, one name each. */
struct paging_cpu {
	enum paging_mode	mode;
	u64			table;		/* CR3, or the PDPTE registers */
	u64			pdpte[4];
	bool			wp, pse, smep, smap, pke, pks, nxe, ac;
	u32			pkru, pkrs;
	unsigned int		width;		/* MAXPHYADDR */
	bool			pages_1g;
};

struct paging_access {
	bool	read, write, fetch;	/* none: as the host, past all rights */
	bool	cpl3, implicit, stack;
	bool	mark;			/* set accessed and dirty */
};

enum paging_verdict { PAGING_TRANSLATES, PAGING_EXCEPTION, PAGING_EPT, PAGING_NO_MEMORY };

struct paging_result {
	enum paging_verdict	verdict;
	unsigned int		vector;		/* PAGING_EXCEPTION: this and the next one */
	unsigned int		code;
	u64			gpa;		/* all but PAGING_EXCEPTION */
	u64			hpa;		/* PAGING_TRANSLATES: this to pat */
	u64			size;
	bool			writable, user, no_exec, global;
	unsigned int		key, pat;
	bool			beyond;		/* PAGING_EPT: the gpa is wider than EPT */
	struct mmu_result	ept;		/* of the access that EPT refused */
	unsigned int		nr_marks;	/* bits that the CPU sets in the guest's entries */
	struct {
		u64		hpa;
		u64		bits;
	} mark[5];
};

/* Where the guest's tables may be: returns an address of the kernel, or NULL */
typedef void *(*paging_memory_t)(u64 hpa, void *arg);

void paging_access(const struct paging_cpu *cpu, const struct mmu *mmu, u64 eptp, u64 linear,
		   const struct paging_access *access, paging_memory_t memory, void *arg,
		   struct paging_result *result);

#endif
