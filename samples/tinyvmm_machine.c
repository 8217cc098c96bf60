// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: the guest's memory, and running the guest on an ept table. Here are the two places
 * where ept and VMX meet: the CPU is announced to ept around a VM entry, and the EPTP goes into
 * the VMCS.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <asm/pgtable_types.h>
#include <asm/trapnr.h>

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

/* Maps fresh memory, zeroed, and returns its first page, or an ERR_PTR(). */
struct page *tinyvmm_map_fresh(struct tinyvmm *vmm, u64 gpa, unsigned int order,
			       const struct ept_attrs *attrs)
{
	struct page *page = tinyvmm_alloc(vmm, order);
	int err;

	if (!page)
		return ERR_PTR(-ENOMEM);
	err = ept_map(vmm->ept, gpa, page_to_phys(page), PAGE_SIZE << order, attrs);
	return err ? ERR_PTR(err) : page;
}

/* Three pages: PML4, PDPT, and a PD of 2M pages that maps linear addresses to the same gpa. */
static void fill_guest_tables(u64 *pml4)
{
	u64 *pdpt = pml4 + PTRS_PER_PGD;
	u64 *pd = pdpt + PTRS_PER_PUD;
	u64 gpa;

	pml4[0] = (GUEST_TABLES + PAGE_SIZE) | _PAGE_PRESENT | _PAGE_RW;
	pdpt[0] = (GUEST_TABLES + 2 * PAGE_SIZE) | _PAGE_PRESENT | _PAGE_RW;
	for (gpa = 0; gpa < GUEST_LINEAR; gpa += SZ_2M)
		pd[gpa / SZ_2M] = gpa | _PAGE_PRESENT | _PAGE_RW | _PAGE_PSE;
}

/* Flat segments, and a handler for one exception. The others make the guest exit. */
static void fill_guest_descriptors(void *system)
{
	const u64 handler = GUEST_CODE + (tinyvmm_program_ve - tinyvmm_programs);
	u64 *gdt = system + GUEST_GDT - GUEST_SYSTEM;
	u64 *gate = system + GUEST_IDT - GUEST_SYSTEM + X86_TRAP_VE * 16;

	gdt[VCPU_CS / 8] = 0x00af9b000000ffffull;
	gdt[VCPU_DS / 8] = 0x00cf93000000ffffull;
	/* A present 64-bit trap gate. */
	gate[0] = (handler & 0xffff) | VCPU_CS << 16 | 0x8f00ull << 32 | (handler >> 16) << 48;
	gate[1] = handler >> 32;
}

/* What the guest has from the beginning, in a table that it is to run on. */
int tinyvmm_map_guest(struct tinyvmm *vmm, struct ept *ept)
{
	int err;

	err = ept_map(ept, GUEST_TABLES, page_to_phys(vmm->base), PAGE_SIZE << GUEST_BASE_ORDER,
		      &EPT_ATTRS_RAM);
	if (err)
		return err;
	return ept_map(ept, GUEST_CODE, page_to_phys(vmm->code), PAGE_SIZE, &EPT_ATTRS_RAM);
}

int tinyvmm_build_guest(struct tinyvmm *vmm)
{
	vmm->base = tinyvmm_alloc(vmm, GUEST_BASE_ORDER);
	vmm->code = tinyvmm_alloc(vmm, 0);
	if (!vmm->base || !vmm->code)
		return -ENOMEM;
	fill_guest_tables(page_address(vmm->base));
	fill_guest_descriptors(page_address(vmm->base) + GUEST_SYSTEM - GUEST_TABLES);
	tinyvmm_copy_programs(vmm->code);
	return tinyvmm_map_guest(vmm, vmm->ept);
}

/*
 * Running
 */

static void write_descriptor_tables(void)
{
	vmcs_write(GUEST_GDTR_BASE, GUEST_GDT);
	vmcs_write(GUEST_GDTR_LIMIT, GUEST_IDT - GUEST_GDT - 1);
	vmcs_write(GUEST_IDTR_BASE, GUEST_IDT);
	vmcs_write(GUEST_IDTR_LIMIT, (X86_TRAP_VE + 1) * 16 - 1);
}

/* Where in its memory the guest has what a CPU looks for */
int tinyvmm_create_vcpu(struct vcpu *vcpu)
{
	int err = vcpu_create(vcpu);

	if (err)
		return err;
	vcpu->eptp = ept_pointer(vcpu->ept);
	vcpu->cr3 = GUEST_TABLES;
	vcpu->rsp = GUEST_STACK;
	err = vmx_begin(&vcpu->vmx);
	if (err) {
		vcpu_destroy(vcpu);
		return err;
	}
	write_descriptor_tables();
	vmx_end(&vcpu->vmx);
	return 0;
}

static int enter_guest(struct vcpu *vcpu)
{
	int err = ept_vcpu_load(vcpu->ept);

	if (err)
		return err;
	err = ept_vcpu_load(vcpu->other_ept);
	if (!err) {
		vcpu_run(vcpu);
		ept_vcpu_put(vcpu->other_ept);
	}
	ept_vcpu_put(vcpu->ept);
	return err;
}

/*
 * One stay in the guest. Between load and put an ept flush interrupts this CPU, which makes the
 * guest exit, and waits until that interrupt was taken, which is after put; a flush that comes at
 * any other time is caught up with by the next load, and so is this one. So the guest never runs
 * on what a finished flush took away.
 */
static void run_slice(struct vcpu *vcpu)
{
	int err = vmx_begin(&vcpu->vmx);

	if (!err) {
		err = enter_guest(vcpu);
		vmx_end(&vcpu->vmx);
	}
	if (err)
		vcpu->exit = (struct vcpu_exit){ .reason = VCPU_EXIT_REFUSED };
}

/*
 * Until the first exit that is the VMM's business. Interrupts are on between two stays, so whoever
 * changes the table and may sleep does so there, as the steps do.
 */
void tinyvmm_run(struct vcpu *vcpu)
{
	unsigned long end = jiffies + GUEST_PATIENCE;

	run_slice(vcpu);
	while (vcpu_is_host_exit(&vcpu->exit)) {
		if (time_after(jiffies, end)) {
			vcpu->exit.reason = VCPU_EXIT_ENDLESS;
			return;
		}
		cond_resched();
		run_slice(vcpu);
	}
}

/* Lets @program begin with the next run, in the copy of the programs at gpa @code. */
void tinyvmm_start(struct vcpu *vcpu, u64 code, const u8 *program, u64 rdi, u64 rsi)
{
	vcpu->rip = code + (program - tinyvmm_programs);
	vcpu->regs[VMX_RDI] = rdi;
	vcpu->regs[VMX_RSI] = rsi;
}

static void run_and_decode(struct tinyvmm *vmm)
{
	const struct vcpu_exit *exit = &vmm->vcpu.exit;

	tinyvmm_run(&vmm->vcpu);
	if (exit->reason == EXIT_REASON_EPT_VIOLATION)
		ept_violation_decode(exit->qualification, &vmm->caps, &vmm->violation);
}

void tinyvmm_call(struct tinyvmm *vmm, u64 code, const u8 *program, u64 rdi, u64 rsi)
{
	tinyvmm_start(&vmm->vcpu, code, program, rdi, rsi);
	run_and_decode(vmm);
}

void tinyvmm_read(struct tinyvmm *vmm, u64 gpa)
{
	tinyvmm_call(vmm, GUEST_CODE, tinyvmm_program_read, gpa, 0);
}

void tinyvmm_write(struct tinyvmm *vmm, u64 gpa, u64 value)
{
	tinyvmm_call(vmm, GUEST_CODE, tinyvmm_program_write, gpa, value);
}

/* Goes on where the guest is: behind a VMCALL, otherwise at the instruction that made it exit. */
void tinyvmm_resume(struct tinyvmm *vmm)
{
	if (vmm->vcpu.exit.reason == EXIT_REASON_VMCALL)
		vmm->vcpu.rip += vmm->vcpu.exit.length;
	run_and_decode(vmm);
}
