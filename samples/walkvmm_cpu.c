// SPDX-License-Identifier: GPL-2.0
/*
 * walkvmm: a case as the CPU has it: registers into the VMCS, the access in guest mode, and what
 * the exit says of it.
 *
 * Intel's Software Developer's Manual, volume 3, section "Checks on the Guest State Area".
 */
#include <linux/sched.h>

#include <asm/msr-index.h>
#include <asm/pkru.h>
#include <asm/trapnr.h>

#include "walkvmm.h"

#define SELECTOR_USER	3

static void write_segments(const struct walk_case *c)
{
	const bool user = c->access & EPT_GUEST_USER;
	const u32 code = (c->paging.cs_long ? SEGMENT_CODE64 : SEGMENT_CODE32) |
			 (user ? SEGMENT_USER : 0);
	const u32 data = SEGMENT_DATA | (user ? SEGMENT_USER : 0);
	const u16 rpl = user ? SELECTOR_USER : 0;

	vcpu_write_segment(GUEST_CS_SELECTOR, VCPU_CS | rpl, ~0u, code);
	vcpu_write_segment(GUEST_SS_SELECTOR, VCPU_DS | rpl, ~0u, data);
	vcpu_write_segment(GUEST_DS_SELECTOR, VCPU_DS | rpl, ~0u, data);
	vcpu_write_segment(GUEST_ES_SELECTOR, VCPU_DS | rpl, ~0u, data);
}

static void write_controls(struct walkvmm *vmm, const struct walk_case *c)
{
	if (c->paging.efer & EFER_LMA)
		vmcs_set_bits(VM_ENTRY_CONTROLS, VM_ENTRY_IA32E_MODE);
	else
		vmcs_clear_bits(VM_ENTRY_CONTROLS, VM_ENTRY_IA32E_MODE);
	if (!vmm->unrestricted)
		return;
	if (c->mode == WALK_NONE)
		vmcs_set_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_UNRESTRICTED_GUEST);
	else
		vmcs_clear_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_UNRESTRICTED_GUEST);
}

static void write_registers(struct walkvmm *vmm, const struct walk_case *c)
{
	const struct ept_guest_paging *paging = &c->paging;

	vmcs_write(GUEST_CR0, paging->cr0);
	vmcs_write(GUEST_CR4, paging->cr4);
	if (vmm->loads_efer)
		vmcs_write(GUEST_IA32_EFER, paging->efer);
	for (unsigned int i = 0; i < 4; i++)
		vmcs_write(GUEST_PDPTR0 + 2 * i, paging->pdpte[i]);
}

static void set_registers(struct vcpu *vcpu, const struct walk_case *c)
{
	vcpu->rip = c->code;
	vcpu->rflags = c->paging.rflags;
	vcpu->cr3 = c->paging.cr3;
	vcpu->regs[VMX_RAX] = c->paging.pkru;
	vcpu->regs[VMX_RCX] = 0;
	vcpu->regs[VMX_RDX] = 0;
	vcpu->regs[VMX_RDI] = c->gva;
	vcpu->regs[VMX_RBP] = c->gva;
	vcpu->regs[VMX_RSI] = c->value;
}

/* What is written is what the guest doesn't change: an exit of this kernel's is no other case. */
static int enter_guest(struct walkvmm *vmm, const struct walk_case *c)
{
	int err = ept_vcpu_load(vmm->ept);

	if (err)
		return err;
	write_controls(vmm, c);
	write_segments(c);
	write_registers(vmm, c);
	vcpu_run(&vmm->vcpu);
	ept_vcpu_put(vmm->ept);
	return 0;
}

/* The guest writes PKRU itself, which no VM exit restores. */
static void run_slice(struct walkvmm *vmm, const struct walk_case *c)
{
	const u32 pkru = read_pkru();
	int err = vmx_begin(&vmm->vcpu.vmx);

	if (!err) {
		err = enter_guest(vmm, c);
		if (cpu_feature_enabled(X86_FEATURE_OSPKE))
			wrpkru(pkru);
		vmx_end(&vmm->vcpu.vmx);
	}
	if (err)
		vmm->vcpu.exit = (struct vcpu_exit){ .reason = VCPU_EXIT_REFUSED };
}

static void read_outcome(struct walkvmm *vmm, const struct walk_case *c,
			 struct walk_outcome *outcome)
{
	const struct vcpu_exit *exit = &vmm->vcpu.exit;

	*outcome = (struct walk_outcome){};
	switch (exit->reason) {
	case EXIT_REASON_VMCALL:
		outcome->verdict = EPT_WALK_OK;
		outcome->value = vmm->vcpu.regs[VMX_RAX];
		break;
	case EXIT_REASON_EXCEPTION_NMI:
		outcome->verdict = EPT_WALK_FAULT;
		outcome->vector = exit->event & INTR_INFO_VECTOR_MASK;
		outcome->error_code = exit->error_code;
		if (outcome->vector == X86_TRAP_PF)
			outcome->address = exit->qualification;
		break;
	case EXIT_REASON_EPT_VIOLATION:
		outcome->verdict = EPT_WALK_VIOLATION;
		outcome->gpa = exit->gpa;
		outcome->address = exit->gla;
		ept_violation_decode(exit->qualification, &vmm->caps, &outcome->violation);
		break;
	case EXIT_REASON_EPT_MISCONFIG:
		outcome->verdict = EPT_WALK_MISCONFIGURED;
		outcome->gpa = exit->gpa;
		break;
	default:
		outcome->other = true;
		break;
	}
	for (unsigned int i = 0; i < c->nr_entries; i++)
		outcome->entries[i] = walk_read_entry(c, i);
}

void walk_by_cpu(struct walkvmm *vmm, const struct walk_case *c, struct walk_outcome *outcome)
{
	set_registers(&vmm->vcpu, c);
	do {
		cond_resched();
		run_slice(vmm, c);
	} while (vcpu_is_host_exit(&vmm->vcpu.exit));
	read_outcome(vmm, c, outcome);
}

/* EFER beyond what VM entry makes of it, if the CPU can load it both ways */
static void load_efer(struct walkvmm *vmm)
{
	const u64 entry = vmx_read_msr(MSR_IA32_VMX_ENTRY_CTLS) >> 32;
	const u64 exit = vmx_read_msr(MSR_IA32_VMX_EXIT_CTLS) >> 32;

	vmm->loads_efer = entry & VM_ENTRY_LOAD_IA32_EFER && exit & VM_EXIT_LOAD_IA32_EFER;
	if (!vmm->loads_efer)
		return;
	vmcs_set_bits(VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_EFER);
	vmcs_set_bits(VM_EXIT_CONTROLS, VM_EXIT_LOAD_IA32_EFER);
	vmcs_write(HOST_IA32_EFER, vmx_read_msr(MSR_EFER));
}

int walk_create_vcpu(struct walkvmm *vmm)
{
	int err;

	vmm->vcpu = (struct vcpu){ .eptp = ept_pointer(vmm->ept) };
	err = vcpu_create(&vmm->vcpu);
	if (err)
		return err;
	err = vmx_begin(&vmm->vcpu.vmx);
	if (err) {
		vcpu_destroy(&vmm->vcpu);
		return err;
	}
	load_efer(vmm);
	vmx_end(&vmm->vcpu.vmx);
	vmm->unrestricted = vmm->caps.unrestricted_guest;
	vmm->cr4 = vmx_read_msr(MSR_IA32_VMX_CR4_FIXED1);
	return 0;
}
