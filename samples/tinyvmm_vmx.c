// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: VMXON, the VMCS, VM entry and what a VM exit leaves to repair. Nothing here is about
 * EPT; a reader who came for that reads tinyvmm_steps.c and tinyvmm_machine.c.
 *
 * Intel's Software Developer's Manual, volume 3, chapters "Virtual Machine Control Structures",
 * "VM Entries" and "VM Exits".
 */
#define pr_fmt(fmt) "tinyvmm: " fmt

#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/processor.h>
#include <linux/smp.h>

#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#include "tinyvmm_guest.h"
#include "tinyvmm_vmx.h"

#define BASIC_TRUE_CONTROLS	BIT_ULL(55)	/* IA32_VMX_BASIC */
/* Older kernels don't name these. */
#define SECONDARY_VE		BIT(18)
#define VE_INFO_ADDRESS		0x202a
#define CR4_FRED		BIT_ULL(32)

/* Access rights of guest segments, as VMCS fields have them. */
#define SEGMENT_CODE64		0xa09b
#define SEGMENT_DATA		0xc093
#define SEGMENT_TSS64		0x008b
#define SEGMENT_UNUSABLE	0x10000

/* How long the guest may run before this kernel sees it again, in TSC ticks: some 10 ms. */
#define SLICE_TSC_TICKS		20000000

/*
 * The instructions
 *
 * Each reports failure in CF or ZF ("below or equal"). VMXON also faults where it is forbidden,
 * such as firmware that left VMX unlocked but disabled.
 */

static int vmx_on(phys_addr_t region)
{
	int err = -EIO;

	asm volatile("1: vmxon %[region]\n\t"
		     "jbe 2f\n\t"
		     "xor %[err], %[err]\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [err] "+r" (err) : [region] "m" (region) : "cc", "memory");
	return err;
}

static void vmx_off(void)
{
	asm volatile("vmxoff" : : : "cc", "memory");
}

static int vmcs_clear(phys_addr_t vmcs)
{
	bool failed;

	asm volatile("vmclear %[vmcs]" : "=@ccbe" (failed) : [vmcs] "m" (vmcs) : "memory");
	return failed ? -EIO : 0;
}

static int vmcs_load(phys_addr_t vmcs)
{
	bool failed;

	asm volatile("vmptrld %[vmcs]" : "=@ccbe" (failed) : [vmcs] "m" (vmcs) : "memory");
	return failed ? -EIO : 0;
}

static void vmcs_write(unsigned long field, u64 value)
{
	bool failed;

	asm volatile("vmwrite %[value], %[field]"
		     : "=@ccbe" (failed) : [field] "r" (field), [value] "rm" (value));
	WARN_ONCE(failed, "VMWRITE of field %#lx failed\n", field);
}

static u64 vmcs_read(unsigned long field)
{
	bool failed;
	u64 value;

	asm volatile("vmread %[field], %[value]"
		     : "=@ccbe" (failed), [value] "=r" (value) : [field] "r" (field));
	WARN_ONCE(failed, "VMREAD of field %#lx failed\n", field);
	return value;
}

static u64 read_msr(u32 msr)
{
	return native_read_msr(msr);
}

/*
 * The VMCS: controls
 */

/* An MSR says in its low half which bits must be set, in its high half which may be. */
static int write_control(unsigned long field, u32 msr, u32 needed, u32 welcome)
{
	u64 allowed = read_msr(msr);
	u32 must = lower_32_bits(allowed), may = upper_32_bits(allowed);

	if (needed & ~may) {
		pr_info("this CPU lacks bits %#x of VMCS field %#lx\n", needed & ~may, field);
		return -ENODEV;
	}
	vmcs_write(field, must | needed | (welcome & may));
	return 0;
}

/* The TRUE MSRs leave more bits to choose, and lie in the same order. */
static u32 control_msr(u32 msr)
{
	if (read_msr(MSR_IA32_VMX_BASIC) & BASIC_TRUE_CONTROLS)
		return msr - MSR_IA32_VMX_PINBASED_CTLS + MSR_IA32_VMX_TRUE_PINBASED_CTLS;
	return msr;
}

/*
 * Interrupts and NMIs exit: they are this kernel's, among them the interrupt by which an ept
 * flush reaches a CPU in guest mode. I/O exits, as the ports are this machine's.
 */
static int write_controls(void)
{
	int err;

	err = write_control(PIN_BASED_VM_EXEC_CONTROL, control_msr(MSR_IA32_VMX_PINBASED_CTLS),
			    PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING,
			    PIN_BASED_VMX_PREEMPTION_TIMER);
	if (err)
		return err;
	err = write_control(CPU_BASED_VM_EXEC_CONTROL, control_msr(MSR_IA32_VMX_PROCBASED_CTLS),
			    CPU_BASED_HLT_EXITING | CPU_BASED_UNCOND_IO_EXITING |
			    CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, 0);
	if (err)
		return err;
	err = write_control(SECONDARY_VM_EXEC_CONTROL, MSR_IA32_VMX_PROCBASED_CTLS2,
			    SECONDARY_EXEC_ENABLE_EPT, 0);
	if (err)
		return err;
	err = write_control(VM_EXIT_CONTROLS, control_msr(MSR_IA32_VMX_EXIT_CTLS),
			    VM_EXIT_HOST_ADDR_SPACE_SIZE, 0);
	if (err)
		return err;
	return write_control(VM_ENTRY_CONTROLS, control_msr(MSR_IA32_VMX_ENTRY_CTLS),
			     VM_ENTRY_IA32E_MODE, 0);
}

/* What the controls point to: mostly nothing. Every exception exits, as the guest handles none. */
static void write_control_fields(struct tinyvmm_vcpu *vcpu, u64 eptp)
{
	vmcs_write(EPT_POINTER, eptp);
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	vmcs_write(EXCEPTION_BITMAP, ~0u);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmcs_write(CR0_GUEST_HOST_MASK, 0);
	vmcs_write(CR4_GUEST_HOST_MASK, 0);
	vmcs_write(CR0_READ_SHADOW, 0);
	vmcs_write(CR4_READ_SHADOW, 0);

	vcpu->slice = 0;
	if (vmcs_read(PIN_BASED_VM_EXEC_CONTROL) & PIN_BASED_VMX_PREEMPTION_TIMER)
		vcpu->slice = SLICE_TSC_TICKS >>
			      vmx_misc_preemption_timer_rate(read_msr(MSR_IA32_VMX_MISC));
}

/*
 * The VMCS: what a step turns on for a while
 */

static void set_secondary(u32 control)
{
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, vmcs_read(SECONDARY_VM_EXEC_CONTROL) | control);
}

static void clear_secondary(u32 control)
{
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, vmcs_read(SECONDARY_VM_EXEC_CONTROL) & ~control);
}

void tinyvmm_vmx_set_eptp(u64 eptp)
{
	vmcs_write(EPT_POINTER, eptp);
}

void tinyvmm_vmx_enable_ve(phys_addr_t info)
{
	vmcs_write(VE_INFO_ADDRESS, info);
	vmcs_write(EXCEPTION_BITMAP, ~BIT(X86_TRAP_VE));
	set_secondary(SECONDARY_VE);
}

void tinyvmm_vmx_disable_ve(void)
{
	clear_secondary(SECONDARY_VE);
	vmcs_write(EXCEPTION_BITMAP, ~0u);
}

void tinyvmm_vmx_enable_vmfunc(phys_addr_t eptp_list)
{
	vmcs_write(EPTP_LIST_ADDRESS, eptp_list);
	vmcs_write(VM_FUNCTION_CONTROL, VMX_VMFUNC_EPTP_SWITCHING);
	set_secondary(SECONDARY_EXEC_ENABLE_VMFUNC);
}

void tinyvmm_vmx_disable_vmfunc(void)
{
	clear_secondary(SECONDARY_EXEC_ENABLE_VMFUNC);
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

/* VMX fixes bits in control registers: set in FIXED0 must be 1, clear in FIXED1 must be 0. */
static u64 fixed(u64 value, u32 fixed0_msr, u32 fixed1_msr)
{
	return (value | read_msr(fixed0_msr)) & read_msr(fixed1_msr);
}

static void write_guest_state(void)
{
	write_guest_segments();
	vmcs_write(GUEST_CR0, fixed(X86_CR0_PE | X86_CR0_PG | X86_CR0_WP,
				    MSR_IA32_VMX_CR0_FIXED0, MSR_IA32_VMX_CR0_FIXED1));
	vmcs_write(GUEST_CR3, GUEST_TABLES);
	vmcs_write(GUEST_CR4, fixed(X86_CR4_PAE,
				    MSR_IA32_VMX_CR4_FIXED0, MSR_IA32_VMX_CR4_FIXED1));
	vmcs_write(GUEST_DR7, 0x400);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmcs_write(GUEST_RSP, GUEST_STACK);
	/* Interrupts exit whatever IF says. Not so in Bochs 2.7, where IF off delays them. */
	vmcs_write(GUEST_RFLAGS, X86_EFLAGS_FIXED | X86_EFLAGS_IF);
	vmcs_write(GUEST_ACTIVITY_STATE, 0);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write(GUEST_SYSENTER_CS, 0);
	vmcs_write(GUEST_SYSENTER_ESP, 0);
	vmcs_write(GUEST_SYSENTER_EIP, 0);
}

/*
 * This kernel's state around a VM entry
 */

/* What a VM exit overwrites and the VMCS has no field for. */
struct host_state {
	struct desc_ptr	gdt, idt;
	u16		ldt;
	unsigned long	dr7, debugctl;
};

static void save_host_state(struct host_state *host)
{
	native_store_gdt(&host->gdt);
	store_idt(&host->idt);
	asm volatile("sldt %0" : "=m" (host->ldt));
	get_debugreg(host->dr7, 7);
	host->debugctl = get_debugctlmsr();
}

/*
 * A VM exit leaves GDT and IDT with the largest limit, no LDT, the TSS with the smallest limit,
 * and breakpoints and branch tracing off.
 */
static void restore_host_state(const struct host_state *host)
{
	native_load_gdt(&host->gdt);
	native_load_idt(&host->idt);
	asm volatile("lldt %0" : : "m" (host->ldt));
	invalidate_tss_limit();
	set_debugreg(host->dr7, 7);
	if (host->debugctl)
		update_debugctlmsr(host->debugctl);
}

static unsigned long tss_base(const struct desc_ptr *gdt, unsigned long selector)
{
	const struct ldttss_desc *tss = (const void *)(gdt->address + selector);

	return tss->base0 | (u64)tss->base1 << 16 | (u64)tss->base2 << 24 | (u64)tss->base3 << 32;
}

/*
 * Where a VM exit returns to. Written before each entry, as the scheduler may have changed CR3
 * and FS since the last one. The data segments of a kernel thread are null selectors.
 */
static void write_host_state(const struct host_state *host)
{
	unsigned long tr;

	store_tr(tr);
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CR3, __read_cr3());
	vmcs_write(HOST_CR4, __read_cr4());
	vmcs_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write(HOST_DS_SELECTOR, 0);
	vmcs_write(HOST_ES_SELECTOR, 0);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, tr);
	vmcs_write(HOST_FS_BASE, read_msr(MSR_FS_BASE));
	vmcs_write(HOST_GS_BASE, read_msr(MSR_GS_BASE));
	vmcs_write(HOST_TR_BASE, tss_base(&host->gdt, tr));
	vmcs_write(HOST_GDTR_BASE, host->gdt.address);
	vmcs_write(HOST_IDTR_BASE, host->idt.address);
	vmcs_write(HOST_IA32_SYSENTER_CS, read_msr(MSR_IA32_SYSENTER_CS));
	vmcs_write(HOST_IA32_SYSENTER_ESP, read_msr(MSR_IA32_SYSENTER_ESP));
	vmcs_write(HOST_IA32_SYSENTER_EIP, read_msr(MSR_IA32_SYSENTER_EIP));
	vmcs_write(HOST_RIP, (unsigned long)tinyvmm_vmexit);
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
	if (!(exit->reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
		vcpu->launched = true;
}

void tinyvmm_vmx_run(struct tinyvmm_vcpu *vcpu)
{
	struct host_state host;
	bool entered;

	local_irq_disable();
	save_host_state(&host);
	write_host_state(&host);
	vmcs_write(GUEST_RIP, vcpu->rip);
	if (vcpu->slice)
		vmcs_write(VMX_PREEMPTION_TIMER_VALUE, vcpu->slice);
	entered = tinyvmm_enter(vcpu->regs, vcpu->launched);
	restore_host_state(&host);
	read_exit(vcpu, entered);

	if (tinyvmm_vmx_is_nmi(&vcpu->exit))
		handle_nmi();
	/* An external interrupt is still pending, and is taken here. */
	local_irq_enable();
}

/*
 * On and off
 */

/*
 * CR4.VMXE set means that someone has VMX on here: CR4 is how hypervisors in one kernel tell each
 * other. The kernel's own functions change CR4, since it keeps a copy of it, from which a context
 * switch would otherwise clear VMXE again.
 */
static int enter_vmx_operation(struct tinyvmm_vcpu *vcpu)
{
	unsigned long flags;
	int err = -EBUSY;

	local_irq_save(flags);
	if (!(cr4_read_shadow() & X86_CR4_VMXE)) {
		cr4_set_bits_irqsoff(X86_CR4_VMXE);
		err = vmx_on(__pa(vcpu->vmxon_region));
		if (err)
			cr4_clear_bits_irqsoff(X86_CR4_VMXE);
	}
	local_irq_restore(flags);
	return err;
}

static void leave_vmx_operation(void)
{
	unsigned long flags;

	local_irq_save(flags);
	vmx_off();
	cr4_clear_bits_irqsoff(X86_CR4_VMXE);
	local_irq_restore(flags);
}

static int make_vmcs(struct tinyvmm_vcpu *vcpu, u64 eptp)
{
	int err;

	err = vmcs_clear(__pa(vcpu->vmcs));
	if (!err)
		err = vmcs_load(__pa(vcpu->vmcs));
	if (!err)
		err = write_controls();
	if (err)
		return err;
	vcpu->launched = false;
	write_control_fields(vcpu, eptp);
	write_guest_state();
	return 0;
}

/* VMXON region and VMCS: a page each, that begins with the revision that the CPU wants to see. */
static int allocate_regions(struct tinyvmm_vcpu *vcpu)
{
	u32 revision = read_msr(MSR_IA32_VMX_BASIC) & GENMASK(30, 0);

	vcpu->vmxon_region = (u32 *)get_zeroed_page(GFP_KERNEL);
	vcpu->vmcs = (u32 *)get_zeroed_page(GFP_KERNEL);
	if (!vcpu->vmxon_region || !vcpu->vmcs)
		return -ENOMEM;
	*vcpu->vmxon_region = revision;
	*vcpu->vmcs = revision;
	return 0;
}

static void free_regions(struct tinyvmm_vcpu *vcpu)
{
	free_page((unsigned long)vcpu->vmxon_region);
	free_page((unsigned long)vcpu->vmcs);
}

int tinyvmm_vmx_on(struct tinyvmm_vcpu *vcpu, u64 eptp)
{
	int err;

	/* FRED delivers events by MSRs that this VMCS doesn't know. */
	if (__read_cr4() & CR4_FRED)
		return -ENODEV;
	err = allocate_regions(vcpu);
	if (err)
		goto out_free;
	err = enter_vmx_operation(vcpu);
	if (err)
		goto out_free;
	err = make_vmcs(vcpu, eptp);
	if (err)
		goto out_leave;
	return 0;

out_leave:
	leave_vmx_operation();
out_free:
	free_regions(vcpu);
	return err;
}

void tinyvmm_vmx_off(struct tinyvmm_vcpu *vcpu)
{
	/* The CPU may keep parts of a VMCS until VMCLEAR, and write them back later. */
	vmcs_clear(__pa(vcpu->vmcs));
	leave_vmx_operation();
	free_regions(vcpu);
}
