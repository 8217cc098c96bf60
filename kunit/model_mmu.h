/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A CPU's EPT hardware in software: the oracle that the tests hold tables to.
 *
 * It is written from the architecture alone and shares neither code nor headers with the module,
 * so that a wrong idea about a bit cannot hide in both. It knows nothing of struct ept, of
 * operations or of attributes: its input is an EPTP and memory.
 *
 * Levels are numbers here: 0 is the entry that spans 4K, 4 the one that spans 256T.
 */
#ifndef EPT_KUNIT_MODEL_MMU_H
#define EPT_KUNIT_MODEL_MMU_H

#include <linux/types.h>

#define MMU_LEVELS	5
#define MMU_ENTRIES	512

/* The CPU (bits of IA32_VMX_EPT_VPID_CAP) and the VM-execution controls of a VM entry. */
struct mmu {
	unsigned int	maxphyaddr;
	bool		exec_only;	/* capability bit 0 */
	bool		walk_4;		/* 6 */
	bool		walk_5;		/* 7 */
	bool		tables_uc;	/* 8 */
	bool		tables_wb;	/* 14 */
	bool		leaf_2m;	/* 16 */
	bool		leaf_1g;	/* 17 */
	bool		accessed_dirty;	/* 21 */
	bool		shadow_stack;	/* 23 */
	bool		mode_exec;	/* secondary control 22 */
	bool		ve;		/* secondary control 18 */
};

/* One guest-physical access. A read-modify-write is a read and a write. */
struct mmu_access {
	bool	read;
	bool	write;
	bool	fetch;
	bool	user;		/* the linear address is a user-mode one: decides fetches only */
	bool	page_walk;	/* made by the walk of the guest's own page tables */
	bool	no_linear;	/* no guest linear address belongs to the access */
	bool	shadow;		/* of a supervisor's shadow stack */
};

enum mmu_verdict {
	MMU_OK,
	MMU_VIOLATION,		/* exit 48, or #VE where convertible */
	MMU_MISCONFIGURED,	/* exit 49 */
	MMU_BAD_POINTER,	/* VM entry would refuse this EPTP */
	MMU_BEYOND,		/* the gpa is wider than the walk: says nothing of the tables */
	MMU_NO_MEMORY,		/* an entry names a table where the host has no memory */
};

/* What makes an entry misconfigured, in the order in which it is looked for. */
enum mmu_reason {
	MMU_FINE,
	MMU_WRITE_ONLY,		/* W without R */
	MMU_EXECUTE_ONLY,	/* X or XU without R, on a CPU that lacks it */
	MMU_RESERVED,		/* a reserved bit below MAXPHYADDR */
	MMU_PHYSICAL,		/* an address bit at MAXPHYADDR or above */
	MMU_MEMORY_TYPE,	/* a leaf of memory type 2, 3 or 7 */
};

struct mmu_result {
	enum mmu_verdict	verdict;
	unsigned int		level;		/* of the entry that ended the walk, */
	u64			entry;		/* that entry */
	u64			*where;		/* and where it is */
	u64			hpa;		/* MMU_OK: this and the next two */
	unsigned int		memtype;
	bool			ipat;
	u64			qualification;	/* MMU_VIOLATION: this and the next one */
	bool			convertible;
	enum mmu_reason		reason;		/* MMU_MISCONFIGURED */
};

enum mmu_kind { MMU_ABSENT, MMU_TABLE, MMU_LEAF };

/* One entry, met by a scan of a whole tree. */
struct mmu_entry {
	u64			gpa;
	u64			entry;
	u64			*where;
	unsigned int		level;
	enum mmu_kind		kind;
	enum mmu_reason		reason;
};

typedef int (*mmu_visit_t)(const struct mmu_entry *entry, void *arg);

enum mmu_kind mmu_kind(const struct mmu *mmu, u64 entry, unsigned int level);
enum mmu_reason mmu_entry_fault(const struct mmu *mmu, u64 entry, unsigned int level);
/* A present @new grants less than a present @old. */
bool mmu_taken(const struct mmu *mmu, u64 old, u64 new);
bool mmu_pointer_valid(const struct mmu *mmu, u64 eptp);
unsigned int mmu_pointer_levels(u64 eptp);

/* As a CPU: sets accessed and dirty where the EPTP asks for it. */
void mmu_access(const struct mmu *mmu, u64 eptp, u64 gpa, const struct mmu_access *access,
		struct mmu_result *result);
/* The same, changing nothing. */
void mmu_look(const struct mmu *mmu, u64 eptp, u64 gpa, const struct mmu_access *access,
	      struct mmu_result *result);

/*
 * Visits every entry of a tree, absent and misconfigured ones too (those aren't entered), in the
 * order of their addresses, a table's own entry before the entries in it. A visit that returns
 * non-zero ends the scan, and is its result; -EFAULT: a table where the host has no memory.
 */
int mmu_scan(const struct mmu *mmu, u64 eptp, mmu_visit_t visit, void *arg);

/* The 512 entries that an EPTP or a table entry names; NULL: the host has no memory there. */
u64 *mmu_table(u64 entry);
unsigned int mmu_level_shift(unsigned int level);

#endif
