// SPDX-License-Identifier: GPL-2.0
/*
 * Samples: the VMCS of a guest, and a stay in it. See vcpu.h. Nothing here is about EPT; a reader
 * who came for that reads tinyvmm_steps.c and tinyvmm_machine.c.
 *
 * Intel's Software Developer's Manual, volume 3, chapters "Virtual Machine Control Structures",
 * "VM Entries" and "VM Exits".
 */
#include <linux/export.h>
#include <linux/processor.h>

#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "vcpu.h"

/* How long the guest may run before this kernel sees it again, in TSC ticks: some 10 ms. */
#define SLICE_TSC_TICKS		20000000

/* What reaches this machine or this kernel's state past memory: all of it exits. */
#define EXITING	(CPU_BASED_HLT_EXITING | CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING | \
		 CPU_BASED_RDPMC_EXITING | CPU_BASED_CR8_LOAD_EXITING |			\
		 CPU_BASED_CR8_STORE_EXITING | CPU_BASED_MOV_DR_EXITING |			\
		 CPU_BASED_UNCOND_IO_EXITING)

/*
 * The VMCS: controls
 */

/*
 * Interrupts and NMIs exit: they are this kernel's, among them the interrupt by which an ept
 * flush reaches a CPU in guest mode.
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
				EXITING | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, 0);
	if (err)
		return err;
	err = vmx_write_control(SECONDARY_VM_EXEC_CONTROL, MSR_IA32_VMX_PROCBASED_CTLS2,
				SECONDARY_EXEC_ENABLE_EPT, SECONDARY_EXEC_WBINVD_EXITING);
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
static void write_control_fields(struct vcpu *vcpu)
{
	vmx_write_nothing_special();
	vcpu->slice = 0;
	if (vmcs_read(PIN_BASED_VM_EXEC_CONTROL) & PIN_BASED_VMX_PREEMPTION_TIMER)
		vcpu->slice = SLICE_TSC_TICKS >>
			      vmx_misc_preemption_timer_rate(vmx_read_msr(MSR_IA32_VMX_MISC));
}

/*
 * The VMCS: the guest's state
 *
 * 64-bit mode with paging on, as a CPU without unrestricted guest can run nothing less. Control
 * registers are the VMM's: a change of one exits. With CR0.TS, so does the FPU's first use, whose
 * registers have somebody else's values.
 */

/* The other fields of the segments lie in the same order as their selectors. */
void vcpu_write_segment(unsigned long field, u16 selector, u32 limit, u32 rights)
{
	unsigned long offset = field - GUEST_ES_SELECTOR;

	vmcs_write(field, selector);
	vmcs_write(GUEST_ES_BASE + offset, 0);
	vmcs_write(GUEST_ES_LIMIT + offset, limit);
	vmcs_write(GUEST_ES_AR_BYTES + offset, rights);
}
EXPORT_SYMBOL_GPL(vcpu_write_segment);

static void write_segments(void)
{
	vcpu_write_segment(GUEST_CS_SELECTOR, VCPU_CS, ~0u, SEGMENT_CODE64);
	vcpu_write_segment(GUEST_SS_SELECTOR, VCPU_DS, ~0u, SEGMENT_DATA);
	vcpu_write_segment(GUEST_DS_SELECTOR, VCPU_DS, ~0u, SEGMENT_DATA);
	vcpu_write_segment(GUEST_ES_SELECTOR, VCPU_DS, ~0u, SEGMENT_DATA);
	vcpu_write_segment(GUEST_FS_SELECTOR, VCPU_DS, ~0u, SEGMENT_DATA);
	vcpu_write_segment(GUEST_GS_SELECTOR, VCPU_DS, ~0u, SEGMENT_DATA);
	vcpu_write_segment(GUEST_LDTR_SELECTOR, 0, 0, SEGMENT_UNUSABLE);
	vcpu_write_segment(GUEST_TR_SELECTOR, 0, 0x67, SEGMENT_TSS);
	vmcs_write(GUEST_GDTR_BASE, 0);
	vmcs_write(GUEST_GDTR_LIMIT, 0);
	vmcs_write(GUEST_IDTR_BASE, 0);
	vmcs_write(GUEST_IDTR_LIMIT, 0);
}

static void write_control_registers(void)
{
	const u64 cr0 = vmx_fixed_cr0(X86_CR0_PE | X86_CR0_PG | X86_CR0_WP | X86_CR0_TS);
	const u64 cr4 = vmx_fixed_cr4(X86_CR4_PAE);

	vmcs_write(GUEST_CR0, cr0);
	vmcs_write(CR0_READ_SHADOW, cr0);
	vmcs_write(CR0_GUEST_HOST_MASK, ~0ull);
	vmcs_write(GUEST_CR4, cr4);
	vmcs_write(CR4_READ_SHADOW, cr4);
	vmcs_write(CR4_GUEST_HOST_MASK, ~0ull);
}

static void write_guest_state(void)
{
	write_segments();
	write_control_registers();
	vmcs_write(GUEST_DR7, 0x400);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmcs_write(GUEST_SYSENTER_CS, 0);
	vmcs_write(GUEST_SYSENTER_ESP, 0);
	vmcs_write(GUEST_SYSENTER_EIP, 0);
}

static int fill_vmcs(struct vcpu *vcpu)
{
	int err = vmx_begin(&vcpu->vmx);

	if (err)
		return err;
	err = write_controls();
	if (!err) {
		write_control_fields(vcpu);
		write_guest_state();
	}
	vmx_end(&vcpu->vmx);
	return err;
}

int vcpu_create(struct vcpu *vcpu)
{
	int err = vmx_alloc(&vcpu->vmx);

	if (err)
		return err;
	/* Interrupts exit whatever IF says. Not so in Bochs 2.7, where IF off delays them. */
	vcpu->rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF;
	err = fill_vmcs(vcpu);
	if (err)
		vcpu_destroy(vcpu);
	return err;
}
EXPORT_SYMBOL_GPL(vcpu_create);

void vcpu_destroy(struct vcpu *vcpu)
{
	vmx_free(&vcpu->vmx);
}
EXPORT_SYMBOL_GPL(vcpu_destroy);

/*
 * The VMCS: what differs from run to run
 */

static void write_ve(const struct vcpu *vcpu)
{
	vmcs_write(EXCEPTION_BITMAP, vcpu->ve_info ? ~BIT(X86_TRAP_VE) : ~0u);
	if (!vcpu->ve_info) {
		vmcs_clear_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_VE);
		return;
	}
	vmcs_write(VE_INFO_ADDRESS, vcpu->ve_info);
	vmcs_set_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_VE);
}

static void write_vmfunc(const struct vcpu *vcpu)
{
	if (!vcpu->eptp_list) {
		vmcs_clear_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VMFUNC);
		return;
	}
	vmcs_write(EPTP_LIST_ADDRESS, vcpu->eptp_list);
	vmcs_write(VM_FUNCTION_CONTROL, VMX_VMFUNC_EPTP_SWITCHING);
	vmcs_set_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VMFUNC);
}

static void write_run(const struct vcpu *vcpu)
{
	vmcs_write(EPT_POINTER, vcpu->eptp);
	write_ve(vcpu);
	write_vmfunc(vcpu);
	vmcs_write(GUEST_RIP, vcpu->rip);
	vmcs_write(GUEST_RSP, vcpu->rsp);
	vmcs_write(GUEST_RFLAGS, vcpu->rflags);
	vmcs_write(GUEST_CR3, vcpu->cr3);
	if (vcpu->slice)
		vmcs_write(VMX_PREEMPTION_TIMER_VALUE, vcpu->slice);
}

/*
 * Running
 */

/* One that made the guest exit has been handled. */
static bool is_nmi(const struct vcpu_exit *exit)
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

static void read_exit(struct vcpu *vcpu, bool entered)
{
	struct vcpu_exit *exit = &vcpu->exit;

	if (!entered) {
		exit->reason = VCPU_EXIT_REFUSED;
		exit->event = vmcs_read(VM_INSTRUCTION_ERROR);
		return;
	}
	exit->reason = vmcs_read(VM_EXIT_REASON);
	exit->qualification = vmcs_read(EXIT_QUALIFICATION);
	exit->gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	exit->gla = vmcs_read(GUEST_LINEAR_ADDRESS);
	exit->event = vmcs_read(VM_EXIT_INTR_INFO);
	exit->error_code = vmcs_read(VM_EXIT_INTR_ERROR_CODE);
	exit->length = vmcs_read(VM_EXIT_INSTRUCTION_LEN);
	exit->rip = vmcs_read(GUEST_RIP);
	vcpu->rip = exit->rip;
	vcpu->rsp = vmcs_read(GUEST_RSP);
	vcpu->rflags = vmcs_read(GUEST_RFLAGS);
	vcpu->cr3 = vmcs_read(GUEST_CR3);
}

/* SWAPGS changes what no field of a VMCS restores. */
void vcpu_run(struct vcpu *vcpu)
{
	struct vmx_host_state host;
	u64 kernel_gs_base;
	bool entered;

	vmx_save_host_state(&host);
	kernel_gs_base = vmx_read_msr(MSR_KERNEL_GS_BASE);
	/* The scheduler may have changed CR3 and FS since the last entry. */
	vmx_write_host_state(&host, __read_cr3());
	write_run(vcpu);
	entered = vmx_enter(vcpu->regs, false);
	vmx_write_msr(MSR_KERNEL_GS_BASE, kernel_gs_base);
	vmx_restore_host_state(&host);
	read_exit(vcpu, entered);
	if (is_nmi(&vcpu->exit))
		handle_nmi();
}
EXPORT_SYMBOL_GPL(vcpu_run);

bool vcpu_is_host_exit(const struct vcpu_exit *exit)
{
	switch (exit->reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
	case EXIT_REASON_PREEMPTION_TIMER:
		return true;
	case EXIT_REASON_EXCEPTION_NMI:
		return is_nmi(exit);
	default:
		return false;
	}
}
EXPORT_SYMBOL_GPL(vcpu_is_host_exit);
