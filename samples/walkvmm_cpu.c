// SPDX-License-Identifier: GPL-2.0
/*
 * walkvmm: a case as the CPU has it: registers into the VMCS, the access in guest mode, and what the
 * exit says of it.
 *
 * Intel's Software Developer's Manual, volume 3, section "Checks on the Guest State Area".
 */
#include <linux/preempt.h>
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
	vmcs_write(GUEST_CR3, paging->cr3);
	vmcs_write(GUEST_CR4, paging->cr4);
	vmcs_write(GUEST_RFLAGS, paging->rflags);
	if (vmm->loads_efer)
		vmcs_write(GUEST_IA32_EFER, paging->efer);
	for (unsigned int i = 0; i < 4; i++)
		vmcs_write(GUEST_PDPTR0 + 2 * i, paging->pdpte[i]);
	vmm->vcpu.rip = c->code;
	vmm->vcpu.regs[VMX_RAX] = paging->pkru;
	vmm->vcpu.regs[VMX_RCX] = 0;
	vmm->vcpu.regs[VMX_RDX] = 0;
	vmm->vcpu.regs[VMX_RDI] = c->gva;
	vmm->vcpu.regs[VMX_RBP] = c->gva;
	vmm->vcpu.regs[VMX_RSI] = c->value;
}

/* The guest writes PKRU itself, which no VM exit restores. */
static void enter(struct walkvmm *vmm)
{
	const u32 pkru = read_pkru();

	preempt_disable();
	if (!ept_vcpu_load(vmm->ept)) {
		vcpu_run(&vmm->vcpu);
		ept_vcpu_put(vmm->ept);
	}
	if (cpu_feature_enabled(X86_FEATURE_OSPKE))
		wrpkru(pkru);
	preempt_enable();
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
		outcome->address = vmcs_read(GUEST_LINEAR_ADDRESS);
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
	write_controls(vmm, c);
	write_segments(c);
	write_registers(vmm, c);
	do {
		cond_resched();
		enter(vmm);
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

int walk_cpu_on(struct walkvmm *vmm)
{
	int err = vmx_on(&vmm->cpu);

	if (err)
		return err;
	err = vcpu_init(&vmm->vcpu, ept_pointer(vmm->ept));
	if (err) {
		walk_cpu_off(vmm);
		return err;
	}
	vmm->unrestricted = vmm->caps.unrestricted_guest;
	vmm->cr4 = vmx_read_msr(MSR_IA32_VMX_CR4_FIXED1);
	load_efer(vmm);
	return 0;
}

void walk_cpu_off(struct walkvmm *vmm)
{
	vmx_off(&vmm->cpu);
	vmx_free(&vmm->cpu);
}
