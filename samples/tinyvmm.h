/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tinyvmm: what its parts share. The one thing of ept that is included is its public header.
 */
#ifndef _TINYVMM_H
#define _TINYVMM_H

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "ept_core.h"
#include "report.h"
#include "tinyvmm_guest.h"
#include "vcpu.h"

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

	struct vcpu		vcpu;
	struct ept_violation	violation;	/* where the vcpu's latest exit is one */

	struct tinyvmm_block	block[TINYVMM_MAX_BLOCKS];
	unsigned int		nr_blocks;
	struct page		*base;		/* what the guest has from the beginning */
	struct page		*code;
	struct page		*lazy;		/* what step h populates and step j merges */

	struct sample_report	report;
};

/* Values that nothing else leaves in memory. */
#define OLD_VALUE	0x1122334455667788ull
#define NEW_VALUE	0x99aabbccddeeff00ull

/* Where in a page a step lets the guest read and write: not its start, so that a gpa says more. */
#define OFFSET		0x18
#define WORD		(OFFSET / sizeof(u64))

#define LARGE_ORDER	(ilog2(SZ_2M) - PAGE_SHIFT)
#define LARGE_PAGES	(SZ_2M / PAGE_SIZE)

#define PROT_RX		(EPT_PROT_READ | EPT_PROT_EXEC)

static inline u64 *words(struct page *page)
{
	return page_address(page);
}

/* tinyvmm_programs.S: position-independent, so a copy anywhere in the guest's memory runs. */
extern const u8 tinyvmm_programs[], tinyvmm_programs_end[];
extern const u8 tinyvmm_program_sum[], tinyvmm_program_read[], tinyvmm_program_write[];
extern const u8 tinyvmm_program_fill[], tinyvmm_program_watch[], tinyvmm_program_switch[];
extern const u8 tinyvmm_program_ve[];

/* tinyvmm_machine.c: the guest's memory */
struct page *tinyvmm_alloc(struct tinyvmm *vmm, unsigned int order);
void tinyvmm_free(struct tinyvmm *vmm, struct page *page);
void tinyvmm_free_all(struct tinyvmm *vmm);
void tinyvmm_copy_programs(struct page *page);
int tinyvmm_build_guest(struct tinyvmm *vmm);
int tinyvmm_map_guest(struct tinyvmm *vmm, struct ept *ept);
struct page *tinyvmm_map_fresh(struct tinyvmm *vmm, u64 gpa, unsigned int order,
			       const struct ept_attrs *attrs);

/* tinyvmm_machine.c: running it, by a CPU that starts on the table vcpu->ept. As vcpu_create(). */
int tinyvmm_create_vcpu(struct vcpu *vcpu);
void tinyvmm_start(struct vcpu *vcpu, u64 code, const u8 *program, u64 rdi, u64 rsi);
void tinyvmm_run(struct vcpu *vcpu);
void tinyvmm_call(struct tinyvmm *vmm, u64 code, const u8 *program, u64 rdi, u64 rsi);
void tinyvmm_read(struct tinyvmm *vmm, u64 gpa);
void tinyvmm_write(struct tinyvmm *vmm, u64 gpa, u64 value);
void tinyvmm_resume(struct tinyvmm *vmm);

/* tinyvmm_steps.c, and the later steps */
void tinyvmm_run_steps(struct tinyvmm *vmm);
int tinyvmm_step_lazy(struct tinyvmm *vmm);
int tinyvmm_step_dirty_rounds(struct tinyvmm *vmm);
int tinyvmm_step_merge(struct tinyvmm *vmm);
int tinyvmm_step_remap(struct tinyvmm *vmm);
int tinyvmm_step_ve(struct tinyvmm *vmm);
int tinyvmm_step_vmfunc(struct tinyvmm *vmm);

/* tinyvmm_report.c */
bool tinyvmm_expect_result(struct tinyvmm *vmm, const char *what, u64 expected);
bool tinyvmm_expect_violation(struct tinyvmm *vmm, const char *what, u32 access, u64 gpa,
			      u32 prot);
void tinyvmm_show_map(struct tinyvmm *vmm, const char *when);

static inline bool tinyvmm_expect_count(struct tinyvmm *vmm, const char *what, u64 expected,
					u64 got)
{
	return report_count(&vmm->report, what, expected, got);
}

static inline bool tinyvmm_expect_value(struct tinyvmm *vmm, const char *what, u64 expected,
					u64 got)
{
	return report_value(&vmm->report, what, expected, got);
}

static inline bool tinyvmm_expect_yes(struct tinyvmm *vmm, const char *what, bool got)
{
	return report_yes(&vmm->report, what, got);
}

static inline void tinyvmm_skip(struct tinyvmm *vmm, const char *reason)
{
	report_skip(&vmm->report, reason);
}

#endif /* _TINYVMM_H */
