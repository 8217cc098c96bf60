// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: the guest's memory, and running the guest on an ept table. Here are the two places
 * where ept and VMX meet: the CPU is announced to ept around a VM entry, and the EPTP goes into
 * the VMCS (tinyvmm_main.c).
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <asm/pgtable_types.h>

#include "tinyvmm.h"

/* A guest that needs longer than this for a program is broken. */
#define GUEST_PATIENCE	(10 * HZ)

/*
 * Memory
 *
 * ept neither allocates nor pins nor frees what a table maps: that is the client's. A page goes
 * back to the system only after the guest has lost it: unmapped and flushed, or the table
 * destroyed.
 */

/* Zeroed, contiguous, and aligned to its size; freed with everything else at the latest. */
struct page *tinyvmm_alloc(struct tinyvmm *vmm, unsigned int order)
{
	struct page *page;

	if (vmm->nr_blocks == TINYVMM_MAX_BLOCKS)
		return NULL;
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, order);
	if (!page)
		return NULL;
	vmm->block[vmm->nr_blocks++] = (struct tinyvmm_block){ .page = page, .order = order };
	return page;
}

void tinyvmm_free(struct tinyvmm *vmm, struct page *page)
{
	unsigned int i;

	for (i = 0; i < vmm->nr_blocks; i++) {
		if (vmm->block[i].page != page)
			continue;
		__free_pages(page, vmm->block[i].order);
		vmm->block[i] = vmm->block[--vmm->nr_blocks];
		return;
	}
}

void tinyvmm_free_all(struct tinyvmm *vmm)
{
	while (vmm->nr_blocks)
		tinyvmm_free(vmm, vmm->block[0].page);
}

void tinyvmm_copy_programs(struct page *page)
{
	memcpy(page_address(page), tinyvmm_programs, tinyvmm_programs_end - tinyvmm_programs);
}

/* Three pages: PML4, PDPT, and a PD of 2M pages that maps linear addresses to the same gpa. */
static void fill_guest_tables(struct page *page)
{
	u64 *pml4 = page_address(page);
	u64 *pdpt = pml4 + PTRS_PER_PGD;
	u64 *pd = pdpt + PTRS_PER_PUD;
	u64 gpa;

	pml4[0] = (GUEST_TABLES + PAGE_SIZE) | _PAGE_PRESENT | _PAGE_RW;
	pdpt[0] = (GUEST_TABLES + 2 * PAGE_SIZE) | _PAGE_PRESENT | _PAGE_RW;
	for (gpa = 0; gpa < GUEST_LINEAR; gpa += SZ_2M)
		pd[gpa / SZ_2M] = gpa | _PAGE_PRESENT | _PAGE_RW | _PAGE_PSE;
}

/* What the guest has before the first step. Fresh mappings need no flush. */
int tinyvmm_build_guest(struct tinyvmm *vmm)
{
	struct page *tables = tinyvmm_alloc(vmm, 2);
	struct page *code = tinyvmm_alloc(vmm, 0);
	int err;

	if (!tables || !code)
		return -ENOMEM;
	fill_guest_tables(tables);
	tinyvmm_copy_programs(code);

	err = ept_map(vmm->ept, GUEST_TABLES, page_to_phys(tables), 3 * PAGE_SIZE,
		      &EPT_ATTRS_RAM);
	if (err)
		return err;
	return ept_map(vmm->ept, GUEST_CODE, page_to_phys(code), PAGE_SIZE, &EPT_ATTRS_RAM);
}

/*
 * Running
 */

/*
 * One stay in the guest. Between load and put an ept flush interrupts this CPU, which makes the
 * guest exit; a flush that comes at any other time is caught up with by the next load. So the
 * guest never runs on what a finished flush took away.
 */
static void run_slice(struct ept *ept, struct tinyvmm_vcpu *vcpu)
{
	preempt_disable();
	ept_vcpu_load(ept);
	tinyvmm_vmx_run(vcpu);
	ept_vcpu_put(ept);
	preempt_enable();
}

/* Exits that are this kernel's business: it has done what there was to do; the guest goes on. */
static bool is_host_exit(const struct tinyvmm_exit *exit)
{
	switch (exit->reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
	case EXIT_REASON_PREEMPTION_TIMER:
		return true;
	case EXIT_REASON_EXCEPTION_NMI:
		return tinyvmm_vmx_is_nmi(exit);
	default:
		return false;
	}
}

/*
 * Goes on where the guest is. Returns with the first exit that is the VMM's business.
 * Preemption is on between two stays, so whoever changes the table and may sleep does so there,
 * as the steps do.
 */
void tinyvmm_resume(struct tinyvmm *vmm)
{
	struct tinyvmm_vcpu *vcpu = &vmm->vcpu;
	unsigned long end = jiffies + GUEST_PATIENCE;

	run_slice(vmm->ept, vcpu);
	while (is_host_exit(&vcpu->exit)) {
		if (time_after(jiffies, end)) {
			vcpu->exit.reason = TINYVMM_EXIT_ENDLESS;
			return;
		}
		cond_resched();
		run_slice(vmm->ept, vcpu);
	}
	if (vcpu->exit.reason == EXIT_REASON_EPT_VIOLATION)
		ept_violation_decode(vcpu->exit.qualification, &vmm->caps, &vmm->violation);
}

/* Starts @program in the copy of the programs at gpa @code. */
void tinyvmm_call(struct tinyvmm *vmm, u64 code, const u8 *program, u64 rdi, u64 rsi)
{
	struct tinyvmm_vcpu *vcpu = &vmm->vcpu;

	vcpu->rip = code + (program - tinyvmm_programs);
	vcpu->regs[TINYVMM_RDI] = rdi;
	vcpu->regs[TINYVMM_RSI] = rsi;
	tinyvmm_resume(vmm);
}
