// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCS of the guest, a stay in it, and what is written between two.
 *
 * Intel's Software Developer's Manual, volume 3, chapters "Virtual Machine Control Structures",
 * "VM Entries" and "VM Exits".
 */
#include <linux/processor.h>

#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "guest.h"
#include "vcpu.h"

/* Access rights of guest segments, as VMCS fields have them */
#define SEGMENT_CODE64		0xa09b
#define SEGMENT_DATA		0xc093
#define SEGMENT_TSS64		0x008b
#define SEGMENT_DPL3		0x0060

static int write_entry_controls(u32 controls)
{
	return vmx_write_control(VM_ENTRY_CONTROLS, MSR_IA32_VMX_ENTRY_CTLS,
				 VM_ENTRY_IA32E_MODE | controls, 0);
}

static int write_controls(void)
{
	int err;

	err = vmx_write_control(PIN_BASED_VM_EXEC_CONTROL, MSR_IA32_VMX_PINBASED_CTLS,
				PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING, 0);
	if (err)
		return err;
	err = vmx_write_control(CPU_BASED_VM_EXEC_CONTROL, MSR_IA32_VMX_PROCBASED_CTLS,
				CPU_BASED_HLT_EXITING | CPU_BASED_UNCOND_IO_EXITING |
				CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, 0);
	if (err)
		return err;
	err = vmx_write_control(VM_EXIT_CONTROLS, MSR_IA32_VMX_EXIT_CTLS,
				VM_EXIT_HOST_ADDR_SPACE_SIZE, 0);
	if (err)
		return err;
	return write_entry_controls(0);
}

/* @field: the segment's selector. The other fields of the segments lie in the same order. */
static void write_segment(unsigned long field, u16 selector, u64 base, u32 limit, u32 rights)
{
	unsigned long offset = field - GUEST_ES_SELECTOR;

	vmcs_write(field, selector);
	vmcs_write(GUEST_ES_BASE + offset, base);
	vmcs_write(GUEST_ES_LIMIT + offset, limit);
	vmcs_write(GUEST_ES_AR_BYTES + offset, rights);
}

static void write_mode(struct hw_vcpu *vcpu)
{
	u32 dpl = vcpu->user ? SEGMENT_DPL3 : 0;

	write_segment(GUEST_CS_SELECTOR, vcpu->user ? HW_USER_CS : HW_CS, 0, ~0u,
		      SEGMENT_CODE64 | dpl);
	write_segment(GUEST_SS_SELECTOR, vcpu->user ? HW_USER_DS : HW_DS, 0, ~0u,
		      SEGMENT_DATA | dpl);
	vcpu->mode_known = true;
}

static void write_guest_segments(void)
{
	write_segment(GUEST_DS_SELECTOR, HW_DS, 0, ~0u, SEGMENT_DATA);
	write_segment(GUEST_ES_SELECTOR, HW_DS, 0, ~0u, SEGMENT_DATA);
	write_segment(GUEST_FS_SELECTOR, HW_DS, 0, ~0u, SEGMENT_DATA);
	write_segment(GUEST_GS_SELECTOR, HW_DS, 0, ~0u, SEGMENT_DATA);
	write_segment(GUEST_LDTR_SELECTOR, 0, 0, 0, SEGMENT_UNUSABLE);
	write_segment(GUEST_TR_SELECTOR, 0, HW_TSS, 0x67, SEGMENT_TSS64);
	vmcs_write(GUEST_GDTR_BASE, HW_GDT);
	vmcs_write(GUEST_GDTR_LIMIT, HW_IDT - HW_GDT - 1);
	vmcs_write(GUEST_IDTR_BASE, HW_IDT);
	vmcs_write(GUEST_IDTR_LIMIT, (X86_TRAP_VE + 1) * 16 - 1);
}

/* 64-bit mode, as a CPU without unrestricted guest can run nothing less. Interrupts stay off. */
static void write_guest_state(void)
{
	write_guest_segments();
	vmcs_write(GUEST_CR0, vmx_fixed_cr0(X86_CR0_PE | X86_CR0_PG | X86_CR0_WP));
	vmcs_write(GUEST_CR3, HW_PML4);
	vmcs_write(GUEST_CR4, vmx_fixed_cr4(X86_CR4_PAE));
	vmcs_write(GUEST_DR7, 0x400);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmcs_write(GUEST_RSP, HW_STACK);
	vmcs_write(GUEST_RFLAGS, X86_EFLAGS_FIXED);
	vmcs_write(GUEST_SYSENTER_CS, 0);
	vmcs_write(GUEST_SYSENTER_ESP, 0);
	vmcs_write(GUEST_SYSENTER_EIP, 0);
}

static void read_exit(struct hw_vcpu *vcpu, bool entered)
{
	struct hw_exit *exit = &vcpu->exit;

	if (!entered) {
		*exit = (struct hw_exit){
			.reason = HW_EXIT_REFUSED,
			.error = vmcs_read(VM_INSTRUCTION_ERROR),
		};
		return;
	}
	*exit = (struct hw_exit){
		.reason = vmcs_read(VM_EXIT_REASON),
		.event = vmcs_read(VM_EXIT_INTR_INFO),
		.qualification = vmcs_read(EXIT_QUALIFICATION),
		.gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS),
		.gla = vmcs_read(GUEST_LINEAR_ADDRESS),
		.rip = vmcs_read(GUEST_RIP),
	};
	vcpu->rip = exit->rip;
}

void hw_vcpu_run(struct hw_vcpu *vcpu)
{
	struct vmx_host_state host;
	bool entered;

	if (!vcpu->mode_known)
		write_mode(vcpu);
	vmx_save_host_state(&host);
	vmx_write_host_state(&host, __read_cr3());
	vmcs_write(GUEST_RIP, vcpu->rip);
	entered = vmx_enter(vcpu->regs, false);
	vmx_restore_host_state(&host);
	read_exit(vcpu, entered);
}

/*
 * The VMCS between runs
 */

int hw_vcpu_use(struct hw_vcpu *vcpu, u64 eptp, u32 secondary)
{
	int err = vmx_begin(&vcpu->vmx);

	if (err)
		return err;
	vmcs_write(EPT_POINTER, eptp);
	err = vmx_write_control(SECONDARY_VM_EXEC_CONTROL, MSR_IA32_VMX_PROCBASED_CTLS2,
				secondary, 0);
	vmx_end(&vcpu->vmx);
	return err;
}

int hw_vcpu_use_at_entry(struct hw_vcpu *vcpu, u32 controls)
{
	int err = vmx_begin(&vcpu->vmx);

	if (err)
		return err;
	err = write_entry_controls(controls);
	vmx_end(&vcpu->vmx);
	return err;
}

/* Who had a stay to make the VMCS in gets others. */
void hw_vcpu_write(struct hw_vcpu *vcpu, unsigned long field, u64 value)
{
	if (WARN_ON_ONCE(vmx_begin(&vcpu->vmx)))
		return;
	vmcs_write(field, value);
	vmx_end(&vcpu->vmx);
}

u64 hw_vcpu_read(struct hw_vcpu *vcpu, unsigned long field)
{
	u64 value;

	if (WARN_ON_ONCE(vmx_begin(&vcpu->vmx)))
		return 0;
	value = vmcs_read(field);
	vmx_end(&vcpu->vmx);
	return value;
}

static int fill_vmcs(struct hw_vcpu *vcpu)
{
	int err = vmx_begin(&vcpu->vmx);

	if (err)
		return err;
	err = write_controls();
	if (!err) {
		vmx_write_nothing_special();
		vmcs_write(EXCEPTION_BITMAP, ~0u);
		write_guest_state();
	}
	vmx_end(&vcpu->vmx);
	return err;
}

int hw_vcpu_create(struct hw_vcpu *vcpu)
{
	int err = vmx_alloc(&vcpu->vmx);

	if (err)
		return err;
	vcpu->mode_known = false;
	err = fill_vmcs(vcpu);
	if (err)
		hw_vcpu_destroy(vcpu);
	return err;
}

void hw_vcpu_destroy(struct hw_vcpu *vcpu)
{
	vmx_free(&vcpu->vmx);
}
