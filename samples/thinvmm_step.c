// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: one instruction on the step table. All of this runs in root.
 *
 * The CPU is to come back after exactly one instruction, whatever that does, with no interrupt in
 * between, and without a trace in the system. That is what NMI-window exiting does for a guest that
 * has just loaded SS: the first instruction runs with interrupts and NMIs held off, and before the
 * second one the CPU exits. The monitor trap flag alone would let an interrupt come first, and
 * Bochs 2.7 has it late.
 *
 * Intel's Software Developer's Manual, volume 3, sections "Other Causes of VM Exits" and "Guest
 * Non-Register State".
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "thinvmm.h"

/*
 * The window opens when no NMI is blocked, so for this instruction none is. An NMI that comes
 * meanwhile exits, and is the system's when the step is over.
 */
static void open_window(struct thinvmm_cpu *cpu)
{
	cpu->nmi_blocked = vmcs_read(GUEST_INTERRUPTIBILITY_INFO) & GUEST_INTR_STATE_NMI;
	vmcs_clear_bits(GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI);
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
	open_window(cpu);
	if (!delivering)
		hold_off_interrupts();
}

void thinvmm_end_step(struct thinvmm_cpu *cpu)
{
	cpu->stepping = false;
	vmcs_write(EPT_POINTER, ept_pointer(thinvmm.ept));
	vmcs_clear_bits(PIN_BASED_VM_EXEC_CONTROL, THINVMM_STEP_PIN);
	vmcs_clear_bits(CPU_BASED_VM_EXEC_CONTROL, THINVMM_STEP_CPU);
	if (cpu->nmi_blocked)
		vmcs_set_bits(GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI);
}
