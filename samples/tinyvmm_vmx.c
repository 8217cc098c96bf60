// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: the VMCS of its guest, and a stay in it. Nothing here is about EPT; a reader who came
 * for that reads tinyvmm_steps.c and tinyvmm_machine.c.
 *
 * Intel's Software Developer's Manual, volume 3, chapters "Virtual Machine Control Structures",
 * "VM Entries" and "VM Exits".
 */
#include <linux/irqflags.h>
#include <linux/processor.h>

#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "tinyvmm_guest.h"
#include "tinyvmm_vmx.h"

/* Access rights of guest segments, as VMCS fields have them. */
#define SEGMENT_CODE64		0xa09b
#define SEGMENT_DATA		0xc093
#define SEGMENT_TSS64		0x008b

/* How long the guest may run before this kernel sees it again, in TSC ticks: some 10 ms. */
#define SLICE_TSC_TICKS		20000000

/*
 * The VMCS: controls
 */

/*
 * Interrupts and NMIs exit: they are this kernel's, among them the interrupt by which an ept
 * flush reaches a CPU in guest mode. I/O exits, as the ports are this machine's.
 */
static int write_controls(void)
{
	int err;

	err = vmx_write_control(PIN_BASED_VM_EXEC_CONTROL, MSR_IA32_VMX_PINBASED_CTLS,
				PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING,
				PIN_BASED_VMX_PREEMPTION_TIMER);
	if (err)
		return err;
	err = vmx_write_control(CPU_BASED_VM_EXEC_CONTROL, MSR_IA32_VMX_PROCBASED_CTLS,
				CPU_BASED_HLT_EXITING | CPU_BASED_UNCOND_IO_EXITING |
				CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, 0);
	if (err)
		return err;
	err = vmx_write_control(SECONDARY_VM_EXEC_CONTROL, MSR_IA32_VMX_PROCBASED_CTLS2,
				SECONDARY_EXEC_ENABLE_EPT, 0);
	if (err)
		return err;
	err = vmx_write_control(VM_EXIT_CONTROLS, MSR_IA32_VMX_EXIT_CTLS,
				VM_EXIT_HOST_ADDR_SPACE_SIZE, 0);
	if (err)
		return err;
	return vmx_write_control(VM_ENTRY_CONTROLS, MSR_IA32_VMX_ENTRY_CTLS,
				 VM_ENTRY_IA32E_MODE, 0);
}

/* What the controls point to: mostly nothing. Every exception exits, as the guest handles none. */
static void write_control_fields(struct tinyvmm_vcpu *vcpu)
{
	vmx_write_nothing_special();

	vcpu->slice = 0;
	if (vmcs_read(PIN_BASED_VM_EXEC_CONTROL) & PIN_BASED_VMX_PREEMPTION_TIMER)
		vcpu->slice = SLICE_TSC_TICKS >>
			      vmx_misc_preemption_timer_rate(vmx_read_msr(MSR_IA32_VMX_MISC));
}

/*
 * The VMCS: what differs from run to run
 */

static void write_ve(const struct tinyvmm_vcpu *vcpu)
{
	vmcs_write(EXCEPTION_BITMAP, vcpu->ve_info ? ~BIT(X86_TRAP_VE) : ~0u);
	if (!vcpu->ve_info) {
		vmcs_clear_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_VE);
		return;
	}
	vmcs_write(VE_INFO_ADDRESS, vcpu->ve_info);
	vmcs_set_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_VE);
}

static void write_vmfunc(const struct tinyvmm_vcpu *vcpu)
{
	if (!vcpu->eptp_list) {
		vmcs_clear_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VMFUNC);
		return;
	}
	vmcs_write(EPTP_LIST_ADDRESS, vcpu->eptp_list);
	vmcs_write(VM_FUNCTION_CONTROL, VMX_VMFUNC_EPTP_SWITCHING);
	vmcs_set_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VMFUNC);
}

static void write_run(const struct tinyvmm_vcpu *vcpu)
{
	vmcs_write(EPT_POINTER, vcpu->eptp);
	write_ve(vcpu);
	write_vmfunc(vcpu);
	vmcs_write(GUEST_RIP, vcpu->rip);
	if (vcpu->slice)
		vmcs_write(VMX_PREEMPTION_TIMER_VALUE, vcpu->slice);
}

/*
 * The VMCS: the guest's state
 *
 * 64-bit mode with paging on, as a CPU without unrestricted guest can run nothing less.
 */

/* @field: the segment's selector. The other fields of the segments lie in the same order. */
static void write_segment(unsigned long field, u16 selector, u32 limit, u32 rights)
{
	unsigned long offset = field - GUEST_ES_SELECTOR;

	vmcs_write(field, selector);
	vmcs_write(GUEST_ES_BASE + offset, 0);
	vmcs_write(GUEST_ES_LIMIT + offset, limit);
	vmcs_write(GUEST_ES_AR_BYTES + offset, rights);
}

static void write_guest_segments(void)
{
	write_segment(GUEST_CS_SELECTOR, GUEST_CS, ~0u, SEGMENT_CODE64);
	write_segment(GUEST_SS_SELECTOR, GUEST_DS, ~0u, SEGMENT_DATA);
	write_segment(GUEST_DS_SELECTOR, GUEST_DS, ~0u, SEGMENT_DATA);
	write_segment(GUEST_ES_SELECTOR, GUEST_DS, ~0u, SEGMENT_DATA);
	write_segment(GUEST_FS_SELECTOR, GUEST_DS, ~0u, SEGMENT_DATA);
	write_segment(GUEST_GS_SELECTOR, GUEST_DS, ~0u, SEGMENT_DATA);
	write_segment(GUEST_LDTR_SELECTOR, 0, 0, SEGMENT_UNUSABLE);
	write_segment(GUEST_TR_SELECTOR, 0, 0x67, SEGMENT_TSS64);
	vmcs_write(GUEST_GDTR_BASE, GUEST_GDT);
	vmcs_write(GUEST_GDTR_LIMIT, GUEST_IDT - GUEST_GDT - 1);
	vmcs_write(GUEST_IDTR_BASE, GUEST_IDT);
	vmcs_write(GUEST_IDTR_LIMIT, (X86_TRAP_VE + 1) * 16 - 1);
}

static void write_guest_state(void)
{
	write_guest_segments();
	vmcs_write(GUEST_CR0, vmx_fixed_cr0(X86_CR0_PE | X86_CR0_PG | X86_CR0_WP));
	vmcs_write(GUEST_CR3, GUEST_TABLES);
	vmcs_write(GUEST_CR4, vmx_fixed_cr4(X86_CR4_PAE));
	vmcs_write(GUEST_DR7, 0x400);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmcs_write(GUEST_RSP, GUEST_STACK);
	/* Interrupts exit whatever IF says. Not so in Bochs 2.7, where IF off delays them. */
	vmcs_write(GUEST_RFLAGS, X86_EFLAGS_FIXED | X86_EFLAGS_IF);
	vmcs_write(GUEST_SYSENTER_CS, 0);
	vmcs_write(GUEST_SYSENTER_ESP, 0);
	vmcs_write(GUEST_SYSENTER_EIP, 0);
}

/*
 * Running
 */

bool tinyvmm_vmx_is_nmi(const struct tinyvmm_exit *exit)
{
	return exit->reason == EXIT_REASON_EXCEPTION_NMI &&
	       (exit->event & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR;
}

/*
 * An NMI that made the guest exit is lost, and more are blocked, unless it is handled now. It
 * is not the guest's, in which none is blocked, even if the VMCS has it so.
 */
static void handle_nmi(void)
{
	asm volatile("int %0" : : "i" (X86_TRAP_NMI));
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
}

static void read_exit(struct tinyvmm_vcpu *vcpu, bool entered)
{
	struct tinyvmm_exit *exit = &vcpu->exit;

	if (!entered) {
		exit->reason = TINYVMM_EXIT_REFUSED;
		exit->event = vmcs_read(VM_INSTRUCTION_ERROR);
		return;
	}
	exit->reason = vmcs_read(VM_EXIT_REASON);
	exit->qualification = vmcs_read(EXIT_QUALIFICATION);
	exit->gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	exit->event = vmcs_read(VM_EXIT_INTR_INFO);
	exit->length = vmcs_read(VM_EXIT_INSTRUCTION_LEN);
	exit->rip = vmcs_read(GUEST_RIP);
	vcpu->rip = exit->rip;
}

void tinyvmm_vmx_run(struct tinyvmm_vcpu *vcpu)
{
	struct vmx_host_state host;
	bool entered;

	vmx_save_host_state(&host);
	/* The scheduler may have changed CR3 and FS since the last entry. */
	vmx_write_host_state(&host, __read_cr3());
	write_run(vcpu);
	entered = vmx_enter(vcpu->regs, false);
	vmx_restore_host_state(&host);
	read_exit(vcpu, entered);
	if (tinyvmm_vmx_is_nmi(&vcpu->exit))
		handle_nmi();
}

/*
 * On and off
 */

static int make_guest(struct tinyvmm_vcpu *vcpu)
{
	int err = write_controls();

	if (err)
		return err;
	write_control_fields(vcpu);
	write_guest_state();
	return 0;
}

int tinyvmm_vmx_create(struct tinyvmm_vcpu *vcpu)
{
	unsigned long flags;
	int err = vmx_alloc(&vcpu->cpu);

	if (err)
		return err;
	local_irq_save(flags);
	err = vmx_begin(&vcpu->cpu);
	if (!err) {
		err = make_guest(vcpu);
		vmx_end(&vcpu->cpu);
	}
	local_irq_restore(flags);
	if (err)
		vmx_free(&vcpu->cpu);
	return err;
}

void tinyvmm_vmx_destroy(struct tinyvmm_vcpu *vcpu)
{
	vmx_free(&vcpu->cpu);
}
