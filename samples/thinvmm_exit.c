// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: what a VM exit wants done. All of this runs in root; EPT violations are
 * thinvmm_fault.c's.
 *
 * Intel's Software Developer's Manual, volume 3, chapters "VMX Non-Root Operation" (what exits) and
 * "VM Exits" (what is known then).
 */
#include <linux/panic.h>
#include <linux/printk.h>

#include <asm/asm.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "thinvmm.h"

#define PL_MASK			(3 << 5)	/* DPL in access rights */

/* Nothing can be done for the system any more, and it is this kernel. */
void thinvmm_stop(const char *why)
{
	panic("thinvmm: %s: exit reason %#llx, qualification %#llx, at %pS", why,
	      vmcs_read(VM_EXIT_REASON), vmcs_read(EXIT_QUALIFICATION),
	      (void *)vmcs_read(GUEST_RIP));
}

/*
 * The instruction was done in the system's stead. As when the CPU does one, that ends what an STI
 * or MOV SS before it blocked, and is a step for who single-steps.
 */
static void skip_instruction(void)
{
	vmcs_write(GUEST_RIP, vmcs_read(GUEST_RIP) + vmcs_read(VM_EXIT_INSTRUCTION_LEN));
	vmcs_clear_bits(GUEST_INTERRUPTIBILITY_INFO,
			GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS);
	thinvmm_pend_step();
}

static void inject_exception(unsigned int vector, bool has_code)
{
	u32 event = vector | INTR_TYPE_HARD_EXCEPTION | INTR_INFO_VALID_MASK;

	if (has_code) {
		vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
		event |= INTR_INFO_DELIVER_CODE_MASK;
	}
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, event);
}

/*
 * An event that was being delivered when the exit came, because of a stack or a table of
 * descriptors, is delivered once more.
 */
static bool deliver_again(void)
{
	const u32 event = vmcs_read(IDT_VECTORING_INFO_FIELD);
	const u32 type = event & INTR_INFO_INTR_TYPE_MASK;

	if (!(event & VECTORING_INFO_VALID_MASK))
		return false;
	if (type == INTR_TYPE_NMI_INTR)
		vmcs_clear_bits(GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI);
	if (event & VECTORING_INFO_DELIVER_CODE_MASK)
		vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, vmcs_read(IDT_VECTORING_ERROR_CODE));
	if (type == INTR_TYPE_SOFT_INTR || type == INTR_TYPE_SOFT_EXCEPTION ||
	    type == INTR_TYPE_PRIV_SW_EXCEPTION)
		vmcs_write(VM_ENTRY_INSTRUCTION_LEN, vmcs_read(VM_EXIT_INSTRUCTION_LEN));
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, event & ~INTR_INFO_RESVD_BITS_MASK);
	return true;
}

/*
 * Instructions that exit whatever the controls say
 */

static void do_cpuid(u64 *regs)
{
	u32 eax = regs[VMX_RAX], ebx, ecx = regs[VMX_RCX], edx;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	regs[VMX_RAX] = eax;
	regs[VMX_RBX] = ebx;
	regs[VMX_RCX] = ecx;
	regs[VMX_RDX] = edx;
	skip_instruction();
}

/* The extended states are switched by neither VM entry nor VM exit, so it is done here and now. */
static void do_xsetbv(const u64 *regs)
{
	bool faulted = true;

	asm volatile("1: xsetbv\n\t"
		     "movb $0, %[faulted]\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [faulted] "+q" (faulted)
		     : "a" ((u32)regs[VMX_RAX]), "d" ((u32)regs[VMX_RDX]), "c" ((u32)regs[VMX_RCX])
		     : "memory");
	if (faulted)
		inject_exception(X86_TRAP_GP, true);
	else
		skip_instruction();
}

static void do_invd(void)
{
	/* Without writing back, this kernel's memory would be lost. */
	wbinvd();
	skip_instruction();
}

/* Our own; to all others it is an instruction that isn't there. */
static void do_vmcall(struct thinvmm_cpu *cpu)
{
	thinvmm_root_fn fn = (void *)cpu->regs[VMX_RDI];

	if (vmcs_read(GUEST_RIP) != (unsigned long)thinvmm_call_insn ||
	    vmcs_read(GUEST_SS_AR_BYTES) & PL_MASK) {
		inject_exception(X86_TRAP_UD, false);
		return;
	}
	thinvmm_count(cpu, THINVMM_CALL);
	skip_instruction();
	fn((void *)cpu->regs[VMX_RSI]);
}

static void handle_instruction(struct thinvmm_cpu *cpu, u32 reason)
{
	switch (reason) {
	case EXIT_REASON_CPUID:
		thinvmm_count(cpu, THINVMM_CPUID);
		do_cpuid(cpu->regs);
		return;
	case EXIT_REASON_VMCALL:
		do_vmcall(cpu);
		return;
	case EXIT_REASON_XSETBV:
		do_xsetbv(cpu->regs);
		break;
	case EXIT_REASON_INVD:
		do_invd();
		break;
	case EXIT_REASON_MSR_READ:
	case EXIT_REASON_MSR_WRITE:
		/* One that the bitmap doesn't reach, and no CPU has */
		inject_exception(X86_TRAP_GP, true);
		break;
	case EXIT_REASON_VMCLEAR ... EXIT_REASON_VMON:
	case EXIT_REASON_INVEPT:
	case EXIT_REASON_INVVPID:
	case EXIT_REASON_VMFUNC:
		inject_exception(X86_TRAP_UD, false);
		break;
	case EXIT_REASON_TRIPLE_FAULT:
		thinvmm_stop("triple fault");
	case EXIT_REASON_EPT_MISCONFIG:
		thinvmm_stop("EPT misconfiguration");
	default:
		thinvmm_stop("unexpected");
	}
	thinvmm_count(cpu, THINVMM_OTHER);
}

/* False: this CPU leaves. */
bool thinvmm_handle_exit(struct thinvmm_cpu *cpu)
{
	const u32 reason = vmcs_read(VM_EXIT_REASON);
	bool delivering;

	if (reason & VMX_EXIT_REASONS_FAILED_VMENTRY) {
		if (cpu->launched)
			thinvmm_stop("VM entry failed");
		cpu->regs[VMX_RAX] = -EIO;
		return false;
	}
	cpu->launched = true;
	delivering = deliver_again();
	if (reason == EXIT_REASON_EPT_VIOLATION) {
		thinvmm_handle_violation(cpu, delivering);
		return true;
	}
	if (!cpu->stepping || !thinvmm_back_in_step(cpu, reason))
		handle_instruction(cpu, reason);
	return !cpu->leaving;
}
