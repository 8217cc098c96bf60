/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts share: a case, and what became of it.
 *
 * A case is two targets (guest.h), whose entries a class of cases has made or broken, and one
 * access of the guest. Three have a say in what it comes to: the CPU, which runs the guest; the
 * model MMU, which walks the same entries; ept, which is asked.
 */
#ifndef EPT_HW_H
#define EPT_HW_H

#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "ept_core.h"
#include "guest.h"
#include "model_mmu.h"
#include "report.h"
#include "vcpu.h"

#define HW_LEVELS	4	/* of each walk: no CPU here has five */
#define HW_TARGETS	2

/*
 * Accesses
 */

enum hw_op {
	HW_READ, HW_WRITE, HW_MODIFY, HW_FETCH, HW_NR_OPS,
	HW_SHADOW_READ = HW_NR_OPS, HW_SHADOW_WRITE,	/* where the guest has shadow stacks */
};

/* At which privilege, and to what the guest's own paging calls a user page */
enum hw_mode { HW_SUPERVISOR, HW_SUPERVISOR_AT_USER, HW_USER_MODE, HW_NR_MODES };

/* The guest's table that is the first target, by the level of its entries */
enum hw_walk { HW_WALK_PT, HW_WALK_PD, HW_WALK_PDPT, HW_WALK_PML4, HW_NR_WALKS, HW_NO_WALK };

struct hw_access {
	enum hw_op	op;
	enum hw_mode	mode;
	bool		across;		/* from the first target into the second */
	enum hw_walk	walk;		/* the access itself is then to a page of the base */
	bool		accessed;	/* what the guest's entry in that table has */
	bool		dirty;
};

/* An access that is to the first target alone */
#define HW_ACCESS(_op, _mode)	\
	((struct hw_access){ .op = (_op), .mode = (_mode), .walk = HW_NO_WALK })

/*
 * Outcomes
 */

struct hw_outcome {
	u32	reason;		/* of the exit: EXIT_REASON_VMCALL where the access was done */
	u64	qualification;	/* of a violation */
	u64	gpa;		/* of a violation or misconfiguration */
	u64	gla;		/* of a violation */
	u64	entry[HW_TARGETS][HW_LEVELS];	/* afterwards */
};

/* What to make of a difference between model and CPU */
enum hw_deviation {
	HW_LARGE_BIT_12,
	HW_WALK_IS_WRITE_ALONE,
	HW_USER_EXEC_IN_BIT_13,
	HW_FLAGS_PAST_EPT,
	HW_LOG_HAS_OFFSET,
	HW_VECTOR_RESERVED,
	HW_NR_DEVIATIONS,
	HW_NO_DEVIATION,
};

/* A target: its entries from the root down to the leaf, by level */
struct hw_target {
	u64		gpa;
	u64		*where[HW_LEVELS];	/* NULL below the leaf */
	unsigned int	level;			/* of the leaf */
};

struct hw {
	struct sample_report	report;
	struct ept_caps		caps;
	bool			brief;		/* fewer cases */
	u64			memory;		/* where the 4M are that only the guest uses */
	void			*map;

	/* The table, while there is one */
	struct ept_config	config;
	struct ept		*ept;
	struct ept		*other;		/* NULL, or one that the guest can switch to */
	u64			eptp;
	u32			secondary;	/* controls */
	struct mmu		mmu;

	struct hw_vcpu		vcpu;
	struct page		*base;
	struct hw_target	target[HW_TARGETS];
	bool			read_only;	/* the guest's paging has them so for supervisors */
	bool			raw;		/* entries may lead anywhere: mind no data */

	/* Counted */
	unsigned long		cases;		/* of a class: VM entries, but for excluded ones */
	unsigned long		differ;
	unsigned long		all;		/* cases of all classes */
	unsigned long		excluded[HW_NR_DEVIATIONS];
};

/* A class of cases, on a table of its own */
struct hw_class {
	const char	*name;
	u32		needs;			/* EPT_FEATURE_* bits that its table has besides */
	int		(*run)(struct hw *hw);
};

/* guest.c */
int hw_guest_create(struct hw *hw);
void hw_guest_destroy(struct hw *hw);
int hw_guest_map(struct hw *hw, struct ept *ept);
void *hw_base(struct hw *hw, u64 gpa);
/* Where the guest's memory at @hpa is; NULL: not in the 4M */
void *hw_memory(struct hw *hw, u64 hpa);
/* Has the first target be the guest's table that @access says */
void hw_guest_set_walk(struct hw *hw, const struct hw_access *access);
void hw_guest_end_walk(struct hw *hw, const struct hw_access *access);

/* programs.S: position-independent */
extern const u8 hw_programs[], hw_programs_end[];
extern const u8 hw_program_read[], hw_program_write[], hw_program_modify[];
extern const u8 hw_program_shadow_read[], hw_program_shadow_write[];
extern const u8 hw_program_switch[], hw_program_ve[];

static inline u64 hw_code(const u8 *program)
{
	return HW_CODE + (program - hw_programs);
}

/* judge.c */
/* Maps both targets with leaves of these levels; 0 or an error of ept_map() */
int hw_map_targets(struct hw *hw, enum ept_level first, enum ept_level second,
		   const struct ept_attrs *attrs);
int hw_unmap_targets(struct hw *hw);
/* Finds the entries of a target again, after a change of its levels */
void hw_find_target(struct hw *hw, unsigned int i);
/* A raw change of an entry, behind the back of the module */
void hw_poke(struct hw *hw, u64 *where, u64 entry);
/* Enters the guest as the vcpu has it, which is a case */
void hw_enter(struct hw *hw);
/* Has it make an access, on the targets */
void hw_run(struct hw *hw, const struct hw_access *access);
/* What the model makes of it; entries stay as they are */
void hw_expect(struct hw *hw, const struct hw_access *access, struct hw_outcome *outcome);
bool hw_same(const struct hw_access *access, const struct hw_outcome *expected,
	     const struct hw_outcome *got);
/* The whole case. False if anything differs, which is counted and printed. */
bool hw_try(struct hw *hw, const struct hw_access *access);
/* The same of what a class knows more of than the model */
void hw_hold(struct hw *hw, bool same, const char *what, u64 expected, u64 got);

/* One of the steps that an access is made of, for the model and for ept */
struct hw_step {
	u64			gpa;
	u64			gla;
	struct mmu_access	access;
};

#define HW_MAX_STEPS	4
unsigned int hw_steps(struct hw *hw, const struct hw_access *access, struct hw_step *steps);

/* deviations.c */
enum hw_deviation hw_deviates(struct hw *hw, const struct hw_access *access,
			      const struct hw_outcome *expected, const struct hw_outcome *got);
/* Counts a case of which a class knows that one of them is all that differs */
void hw_exclude(struct hw *hw, enum hw_deviation deviation);
extern const char * const hw_deviation_names[HW_NR_DEVIATIONS];

/* print.c */
#define HW_MAX_PRINTED	10
void hw_print_case(struct hw *hw, const struct hw_access *access, const char *what,
		   const struct hw_outcome *expected, const struct hw_outcome *got);

/* The classes */
extern const struct hw_class hw_leaves, hw_levels, hw_across, hw_walks, hw_raw, hw_pointer;
extern const struct hw_class hw_ve, hw_vmfunc, hw_pml, hw_subpage, hw_shadow, hw_published;

/* Rights that are legal in an entry, in the bits of one: 0 to 7, and 10 with mode-based execute */
#define HW_UEXEC	BIT_ULL(10)
#define HW_RIGHTS	(7 | HW_UEXEC)
#define HW_MAX_RIGHTS	12
unsigned int hw_legal_rights(const struct hw *hw, u64 *rights);

static inline bool hw_is_shadow(const struct hw_access *access)
{
	return access->op >= HW_NR_OPS;
}

static inline bool hw_has(const struct hw *hw, u32 feature)
{
	return hw->config.features & feature;
}

#endif
