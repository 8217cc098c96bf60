// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: one instruction on the step table. All of this runs in root.
 *
 * The CPU is to come back after exactly one instruction, or after the delivery of one event,
 * whatever that does, with no interrupt in between, and without a trace in the system. An
 * instruction runs as behind a load of SS, which holds off interrupts and NMIs. The CPU comes back
 *
 * - where no NMI is blocked, by NMI-window exiting, before the next instruction. All CPUs have it,
 *   and Bochs, too, has it right there. An NMI exits meanwhile, and is delivered after the step;
 * - where NMIs are blocked, or the event is one, by the monitor trap flag. NMIs stay the CPU's to
 *   hold back, and to let in again where the instruction is the IRET that ends a handler. A CPU
 *   without that flag comes back behind this IRET, when the window opens: what is left of the
 *   handler runs on the step table, and is not noted.
 *
 * What the step table has nothing for, and no table to map it with, an instruction uses without
 * EPT: addresses are the host's then, and so are memory types. To that one, hidden pages show.
 *
 * Intel's Software Developer's Manual, volume 3, sections "Other Causes of VM Exits", "Monitor Trap
 * Flag" and "Guest Non-Register State".
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "thinvmm.h"

/* Or will be when the VM entry has delivered one */
static bool are_nmis_blocked(void)
{
	const u32 event = vmcs_read(VM_ENTRY_INTR_INFO_FIELD);

	return vmcs_read(GUEST_INTERRUPTIBILITY_INFO) & GUEST_INTR_STATE_NMI ||
	       (event & (INTR_INFO_VALID_MASK | INTR_INFO_INTR_TYPE_MASK)) ==
	       (INTR_INFO_VALID_MASK | INTR_TYPE_NMI_INTR);
}

static void come_back(struct thinvmm_cpu *cpu)
{
	const bool blocked = are_nmis_blocked();

	if (blocked && cpu->traps) {
		vmcs_set_bits(CPU_BASED_VM_EXEC_CONTROL, THINVMM_STEP_TRAP);
		return;
	}
	cpu->amid_nmi = blocked;
	vmcs_set_bits(PIN_BASED_VM_EXEC_CONTROL, THINVMM_STEP_PIN);
	vmcs_set_bits(CPU_BASED_VM_EXEC_CONTROL, THINVMM_STEP_CPU);
}

/* Who single-steps, and not from branch to branch, has a trap pending after an instruction. */
void thinvmm_pend_step(void)
{
	if (vmcs_read(GUEST_RFLAGS) & X86_EFLAGS_TF &&
	    !(vmcs_read(GUEST_IA32_DEBUGCTL) & DEBUGCTLMSR_BTF))
		vmcs_set_bits(GUEST_PENDING_DBG_EXCEPTIONS, THINVMM_PENDING_STEP);
}

/* A trap is pending, or not, as VM entry insists on whenever it is held off. */
static void hold_off_interrupts(void)
{
	vmcs_clear_bits(GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_STI);
	vmcs_set_bits(GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_MOV_SS);
	thinvmm_pend_step();
}

/* @delivering: the CPU is to deliver an event, and comes back before the handler's first one. */
void thinvmm_begin_step(struct thinvmm_cpu *cpu, bool delivering)
{
	thinvmm_count(cpu, THINVMM_STEPS);
	cpu->stepping = true;
	vmcs_write(EPT_POINTER, ept_pointer(thinvmm.step));
	come_back(cpu);
	if (!delivering)
		hold_off_interrupts();
}

/* The step under way goes on without a table. */
void thinvmm_step_bare(struct thinvmm_cpu *cpu)
{
	thinvmm_count(cpu, THINVMM_BARE);
	vmcs_clear_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_EPT);
}

/* The window may open behind an STI, which holds off interrupts alone: NMIs come nevertheless. */
static void deliver_nmi(void)
{
	vmcs_clear_bits(GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_STI);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD,
		   X86_TRAP_NMI | INTR_TYPE_NMI_INTR | INTR_INFO_VALID_MASK);
}

static void end_step(struct thinvmm_cpu *cpu)
{
	cpu->stepping = false;
	cpu->amid_nmi = false;
	vmcs_write(EPT_POINTER, ept_pointer(thinvmm.ept));
	vmcs_set_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_EPT);
	vmcs_clear_bits(PIN_BASED_VM_EXEC_CONTROL, THINVMM_STEP_PIN);
	vmcs_clear_bits(CPU_BASED_VM_EXEC_CONTROL, THINVMM_STEP_CPU | THINVMM_STEP_TRAP);
	if (cpu->nmi_pending)
		deliver_nmi();
	cpu->nmi_pending = false;
}

/*
 * An exit amid a step. False: it is for an instruction's own sake. With that the step is over, but
 * where the window has to be waited for: an NMI can't be delivered beside what the instruction
 * comes to, nor before the handler of another one has ended.
 */
bool thinvmm_back_in_step(struct thinvmm_cpu *cpu, u32 reason)
{
	switch (reason) {
	case EXIT_REASON_EXCEPTION_NMI:
		cpu->nmi_pending = true;
		return true;
	case EXIT_REASON_NMI_WINDOW:
	case EXIT_REASON_MONITOR_TRAP_FLAG:
		end_step(cpu);
		return true;
	default:
		if (!cpu->nmi_pending && !cpu->amid_nmi)
			end_step(cpu);
		return false;
	}
}
