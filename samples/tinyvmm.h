/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tinyvmm: what its parts share. The one thing of ept that is included is its public header.
 */
#ifndef _TINYVMM_H
#define _TINYVMM_H

#include <linux/mm_types.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "ept_core.h"
#include "tinyvmm_vmx.h"

#define TINYVMM_MAX_BLOCKS	32

/* Memory that the guest may use, 2^order pages. */
struct tinyvmm_block {
	struct page	*page;
	unsigned int	order;
};

struct tinyvmm {
	struct ept_caps		caps;
	struct ept_config	config;
	struct ept		*ept;

	struct tinyvmm_vcpu	vcpu;
	struct ept_violation	violation;	/* where the vcpu's latest exit is one */

	struct tinyvmm_block	block[TINYVMM_MAX_BLOCKS];
	unsigned int		nr_blocks;

	char			step;		/* the one that runs: 'a', 'b', ... */
	unsigned int		passed, failed, skipped;
};

/*
 * The guest's memory, by gpa. The guest's own page tables map the first GiB of linear addresses
 * to the same gpa, so that a pointer in the guest is a gpa.
 */
#define GUEST_TABLES	0x001000	/* its page tables: PML4, PDPT, PD */
#define GUEST_CODE	0x010000	/* its programs */
#define GUEST_STEP_B	0x100000	/* a page for each step to play with */
#define GUEST_STEP_C	0x200000
#define GUEST_STEP_D	0x300000
#define GUEST_STEP_F	0x500000	/* some pages */
#define GUEST_STEP_G	0x600000
#define GUEST_STEP_E	0x800000	/* two times 2M */
#define GUEST_LINEAR	SZ_1G

/* tinyvmm_programs.S: position-independent, so a copy anywhere in the guest's memory runs. */
extern const u8 tinyvmm_programs[], tinyvmm_programs_end[];
extern const u8 tinyvmm_program_sum[], tinyvmm_program_read[], tinyvmm_program_write[];

/* tinyvmm_steps.c */
void tinyvmm_run_steps(struct tinyvmm *vmm);

/* tinyvmm_machine.c: the guest's memory */
struct page *tinyvmm_alloc(struct tinyvmm *vmm, unsigned int order);
void tinyvmm_free(struct tinyvmm *vmm, struct page *page);
void tinyvmm_free_all(struct tinyvmm *vmm);
void tinyvmm_copy_programs(struct page *page);
int tinyvmm_build_guest(struct tinyvmm *vmm);

/* tinyvmm_machine.c: running it */
void tinyvmm_call(struct tinyvmm *vmm, u64 code, const u8 *program, u64 rdi, u64 rsi);
void tinyvmm_resume(struct tinyvmm *vmm);

/* tinyvmm_report.c */
bool tinyvmm_expect(struct tinyvmm *vmm, const char *what, u64 expected, u64 got);
bool tinyvmm_expect_result(struct tinyvmm *vmm, const char *what, u64 expected);
bool tinyvmm_expect_violation(struct tinyvmm *vmm, const char *what, u32 access, u64 gpa,
			      u32 prot);
void tinyvmm_error(struct tinyvmm *vmm, int err);
void tinyvmm_skip(struct tinyvmm *vmm, const char *reason);
void tinyvmm_show_map(struct tinyvmm *vmm, const char *when);

#endif /* _TINYVMM_H */
