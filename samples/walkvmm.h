/* SPDX-License-Identifier: GPL-2.0 */
/*
 * walkvmm: what its parts share: a guest's memory, a case, and what became of it.
 *
 * A case is registers, tables of the guest's and one access. The CPU makes the access in guest
 * mode, ept_guest_walk() says what comes of it, and both must have the same to say.
 */
#ifndef _WALKVMM_H
#define _WALKVMM_H

#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "ept_core.h"
#include "ept_guest.h"
#include "report.h"
#include "vcpu.h"

/*
 * The guest's memory: pages that tables may be in, pages of data, and what its code lies in and is
 * found by. The data appears again where large pages of the guest's lead to.
 */
#define WALK_TABLES	6
#define WALK_DATA	4
#define WALK_CODE_PATH	4		/* tables on the way to the code, less the first */
#define WALK_PAGES	(WALK_TABLES + WALK_DATA + WALK_CODE_PATH + 1)
#define WALK_FIRST_DATA	WALK_TABLES
#define WALK_FIRST_PATH	(WALK_TABLES + WALK_DATA)
#define WALK_CODE	(WALK_PAGES - 1)

#define WALK_GPA	0x10000ull	/* of the first page */
#define WALK_FAR_SIZE	SZ_4M
#define WALK_NR_FAR	3

enum walk_mode { WALK_NONE, WALK_32, WALK_PAE, WALK_4_LEVEL, WALK_5_LEVEL, WALK_NR_MODES };

/* Entries that a case has written: those whose flags can tell what the CPU used */
#define WALK_MAX_ENTRIES	10

struct walk_case {
	enum walk_mode		mode;
	struct ept_guest_paging	paging;
	u64			gva;
	u32			access;		/* of ept_guest_walk() */
	u64			code;		/* linear address of the instruction */
	u32			value;		/* that it writes */
	unsigned int		nr_entries;
	void			*entry[WALK_MAX_ENTRIES];
};

struct walk_outcome {
	enum ept_walk_verdict	verdict;
	u64			address;	/* of a fault CR2, of a violation the linear one */
	u64			gpa;
	u8			vector;
	u32			error_code;
	struct ept_violation	violation;
	u32			value;		/* what was read, or ran */
	u64			entries[WALK_MAX_ENTRIES];
	bool			other;		/* the CPU did something else altogether */
};

/* Of Linux' older headers */
#define WALK_CR4_PKE	BIT_ULL(22)

struct walkvmm {
	struct ept_caps		caps;
	struct ept_config	config;
	struct ept		*ept;
	struct vcpu		vcpu;
	struct page		*page[WALK_PAGES];
	struct rnd_state	random;
	bool			unrestricted;	/* the CPU runs guests without paging */
	bool			loads_efer;	/* at VM entry and exit */
	u64			cr4;		/* bits that the guest may have */
	struct sample_report	report;
	unsigned int		shown;		/* differences */
};

static inline void *walk_page(struct walkvmm *vmm, unsigned int nr)
{
	return page_address(vmm->page[nr]);
}

static inline u64 walk_gpa(unsigned int nr)
{
	return WALK_GPA + nr * PAGE_SIZE;
}

static inline unsigned int walk_entry_size(enum walk_mode mode)
{
	return mode == WALK_32 ? 4 : 8;
}

static inline u64 walk_read_entry(const struct walk_case *c, unsigned int nr)
{
	return c->mode == WALK_32 ? READ_ONCE(*(u32 *)c->entry[nr]) :
				    READ_ONCE(*(u64 *)c->entry[nr]);
}

static inline void walk_write_entry(const struct walk_case *c, unsigned int nr, u64 value)
{
	if (c->mode == WALK_32)
		WRITE_ONCE(*(u32 *)c->entry[nr], value);
	else
		WRITE_ONCE(*(u64 *)c->entry[nr], value);
}

/* Where the guest's code begins, by access */
#define WALK_CODE_READ		0x00
#define WALK_CODE_WRITE		0x10
#define WALK_CODE_STACK		0x20	/* the same through SS */
#define WALK_CODE_KEYS		0x40	/* the same with PKRU written before */

/* walkvmm_memory.c */
int walk_build(struct walkvmm *vmm, bool flags);
void walk_destroy(struct walkvmm *vmm);
int walk_random_rights(struct walkvmm *vmm);
void walk_restore_data(struct walkvmm *vmm);
bool walk_is_data(struct walkvmm *vmm, phys_addr_t hpa);

/* walkvmm_random.c */
u32 walk_below(struct walkvmm *vmm, u32 n);
bool walk_chance(struct walkvmm *vmm, u32 percent);
u64 walk_far_gpa(unsigned int nr);
void walk_random_case(struct walkvmm *vmm, enum walk_mode mode, struct walk_case *c);

/* walkvmm_cpu.c: as vcpu_create(), for vmm->vcpu; then what the CPU makes of a case */
int walk_create_vcpu(struct walkvmm *vmm);
void walk_by_cpu(struct walkvmm *vmm, const struct walk_case *c, struct walk_outcome *outcome);

#endif /* _WALKVMM_H */
