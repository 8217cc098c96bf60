/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a CPU keeps of a table until it is told to forget it: translations, and the tables that it
 * came through (Intel SDM volume 3, "Information That May Be Cached"). Knows the architecture and
 * memory, like the model MMU that it uses, and nothing of struct ept or of operations.
 *
 * It is the CPU that a missing flush hurts most: it forgets by itself only what a violation makes
 * it forget, and begins each walk at the lowest table that it knows.
 */
#ifndef EPT_KUNIT_MODEL_TLB_H
#define EPT_KUNIT_MODEL_TLB_H

#include "model_mmu.h"

#define TLB_LEAVES	64
#define TLB_TABLES	16

struct tlb_leaf {
	bool		valid;
	u64		gpa;
	unsigned int	level;
	u64		entry;		/* as the CPU read it, and marked it */
	u64		rights;		/* what all entries on the way granted */
};

struct tlb_table {
	bool		valid;
	u64		gpa;		/* where its first entry's span begins */
	unsigned int	level;		/* of the entries in it */
	u64		*table;
	u64		rights;
	bool		dead;		/* no longer linked, when last looked at */
	u64		copy[MMU_ENTRIES];	/* what it held then */
};

struct tlb {
	const struct mmu	*mmu;
	u64			eptp;
	unsigned int		next_leaf;
	unsigned int		next_table;
	struct tlb_leaf		leaves[TLB_LEAVES];
	struct tlb_table	tables[TLB_TABLES];
};

/* What is wrong, if anything, and for which gpa. */
struct tlb_fault {
	const char	*what;
	u64		gpa;
	u64		cached;
	u64		now;
};

void tlb_init(struct tlb *tlb, const struct mmu *mmu, u64 eptp);
/* INVEPT. */
void tlb_forget(struct tlb *tlb);
/* As mmu_access(), by way of what is cached; caches what it reads. */
enum mmu_verdict tlb_access(struct tlb *tlb, u64 gpa, const struct mmu_access *access);

/* Where no flush is owed: all that is cached is as the table has it now. */
bool tlb_is_stale(const struct tlb *tlb, struct tlb_fault *fault);
/*
 * Where one is: tables that are cached have not been freed, and those that are linked no more hold
 * what a CPU may find there. To be asked after each operation, as it compares with the last time.
 */
bool tlb_lost_table(struct tlb *tlb, struct tlb_fault *fault);

#endif
