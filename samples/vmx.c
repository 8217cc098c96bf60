// SPDX-License-Identifier: GPL-2.0
/*
 * Samples: VMXON and VMXOFF, controls, and this kernel's own state around a stay in a guest. See
 * vmx.h.
 *
 * Intel's Software Developer's Manual, volume 3, chapters "Virtual Machine Control Structures",
 * "VM Entries" and "VM Exits".
 */
#define pr_fmt(fmt) "ept_samples: " fmt

#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/processor.h>
#include <linux/smp.h>

#include <asm/asm.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/special_insns.h>

#include "vmx.h"

#define BASIC_TRUE_CONTROLS	BIT_ULL(55)	/* IA32_VMX_BASIC */
#define CR4_FRED		BIT_ULL(32)
#define NO_VMCS			(~0ull)	/* as VMPTRST has it */

/*
 * The instructions
 *
 * Each reports failure in CF or ZF ("below or equal"). VMXON also faults where it is forbidden,
 * such as firmware that left VMX unlocked but disabled.
 */

static int execute_vmxon(phys_addr_t region)
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

static void execute_vmxoff(void)
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

/* The VMCS that is loaded. Faults outside VMX root operation, which VMXE alone doesn't promise. */
static int vmcs_store(phys_addr_t *vmcs)
{
	int err = -EBUSY;

	asm volatile("1: vmptrst %[vmcs]\n\t"
		     "xor %[err], %[err]\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [err] "+r" (err), [vmcs] "=m" (*vmcs) : : "cc", "memory");
	return err;
}

/* Past the kernel's copy, see below */
static void write_cr4(unsigned long value)
{
	asm volatile("mov %[value], %%cr4" : : [value] "r" (value) : "memory");
}

/*
 * Controls
 */

/* The TRUE MSRs leave more bits to choose, and lie in the same order. */
static u32 control_msr(u32 msr)
{
	if (msr > MSR_IA32_VMX_ENTRY_CTLS ||
	    !(vmx_read_msr(MSR_IA32_VMX_BASIC) & BASIC_TRUE_CONTROLS))
		return msr;
	return msr - MSR_IA32_VMX_PINBASED_CTLS + MSR_IA32_VMX_TRUE_PINBASED_CTLS;
}

/* An MSR says in its low half which bits must be set, in its high half which may be. */
int vmx_write_control(unsigned long field, u32 msr, u32 needed, u32 welcome)
{
	u64 allowed = vmx_read_msr(control_msr(msr));
	u32 must = lower_32_bits(allowed), may = upper_32_bits(allowed);

	if (needed & ~may) {
		pr_info("this CPU lacks bits %#x of VMCS field %#lx\n", needed & ~may, field);
		return -ENODEV;
	}
	vmcs_write(field, must | needed | (welcome & may));
	return 0;
}
EXPORT_SYMBOL_GPL(vmx_write_control);

void vmx_write_nothing_special(void)
{
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	vmcs_write(EXCEPTION_BITMAP, 0);
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
	vmcs_write(GUEST_ACTIVITY_STATE, 0);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
}
EXPORT_SYMBOL_GPL(vmx_write_nothing_special);

/* Set in FIXED0 must be 1, clear in FIXED1 must be 0. */
static u64 fixed(u64 value, u32 fixed0_msr, u32 fixed1_msr)
{
	return (value | vmx_read_msr(fixed0_msr)) & vmx_read_msr(fixed1_msr);
}

u64 vmx_fixed_cr0(u64 value)
{
	return fixed(value, MSR_IA32_VMX_CR0_FIXED0, MSR_IA32_VMX_CR0_FIXED1);
}
EXPORT_SYMBOL_GPL(vmx_fixed_cr0);

u64 vmx_fixed_cr4(u64 value)
{
	return fixed(value, MSR_IA32_VMX_CR4_FIXED0, MSR_IA32_VMX_CR4_FIXED1);
}
EXPORT_SYMBOL_GPL(vmx_fixed_cr4);

/*
 * This kernel's state
 */

unsigned long vmx_system_segment_base(const struct desc_ptr *gdt, u16 selector)
{
	const struct ldttss_desc *desc = (const void *)(gdt->address + selector);

	return desc->base0 | (u64)desc->base1 << 16 | (u64)desc->base2 << 24 |
	       (u64)desc->base3 << 32;
}
EXPORT_SYMBOL_GPL(vmx_system_segment_base);

void vmx_save_host_state(struct vmx_host_state *host)
{
	native_store_gdt(&host->gdt);
	store_idt(&host->idt);
	asm volatile("sldt %0" : "=m" (host->ldt));
	get_debugreg(host->dr7, 7);
	host->debugctl = get_debugctlmsr();
}
EXPORT_SYMBOL_GPL(vmx_save_host_state);

/*
 * A VM exit leaves GDT and IDT with the largest limit, no LDT, the TSS with the smallest limit,
 * and breakpoints and branch tracing off.
 */
void vmx_restore_host_state(const struct vmx_host_state *host)
{
	native_load_gdt(&host->gdt);
	native_load_idt(&host->idt);
	asm volatile("lldt %0" : : "m" (host->ldt));
	invalidate_tss_limit();
	set_debugreg(host->dr7, 7);
	if (host->debugctl)
		update_debugctlmsr(host->debugctl);
}
EXPORT_SYMBOL_GPL(vmx_restore_host_state);

/* The data segments of a kernel thread are null selectors. */
void vmx_write_host_state(const struct vmx_host_state *host, unsigned long cr3)
{
	unsigned long tr;

	store_tr(tr);
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CR3, cr3);
	vmcs_write(HOST_CR4, __read_cr4());
	vmcs_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write(HOST_DS_SELECTOR, 0);
	vmcs_write(HOST_ES_SELECTOR, 0);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, tr);
	vmcs_write(HOST_FS_BASE, vmx_read_msr(MSR_FS_BASE));
	vmcs_write(HOST_GS_BASE, vmx_read_msr(MSR_GS_BASE));
	vmcs_write(HOST_TR_BASE, vmx_system_segment_base(&host->gdt, tr));
	vmcs_write(HOST_GDTR_BASE, host->gdt.address);
	vmcs_write(HOST_IDTR_BASE, host->idt.address);
	vmcs_write(HOST_IA32_SYSENTER_CS, vmx_read_msr(MSR_IA32_SYSENTER_CS));
	vmcs_write(HOST_IA32_SYSENTER_ESP, vmx_read_msr(MSR_IA32_SYSENTER_ESP));
	vmcs_write(HOST_IA32_SYSENTER_EIP, vmx_read_msr(MSR_IA32_SYSENTER_EIP));
	vmcs_write(HOST_RIP, (unsigned long)vmx_vmexit);
}
EXPORT_SYMBOL_GPL(vmx_write_host_state);

EXPORT_SYMBOL_GPL(vmx_enter);

/*
 * On and off
 *
 * CR4.VMXE set says that VMX is on here: it is how hypervisors in one kernel tell each other. The
 * kernel has a copy of CR4, by which a context switch or a flush of its TLB writes CR4 as soon as
 * interrupts are on; and to clear VMXE in VMX operation faults. So who stays there has the kernel
 * change its copy, by functions that are there for modules in 6.1 and 6.12, and in 7.2 for those of
 * KVM alone. Who leaves before interrupts are on again needs nothing of Linux, nor cares for CPUs
 * that go and systems that sleep or start another kernel: this is vmx_begin(), on all of them.
 *
 * Where VMX is on already, as it is with KVM, vmx_begin() only loads its own VMCS, and vmx_end()
 * the other's again, which must not notice.
 */

/* A page each, that begins with the revision that the CPU wants to see */
static int allocate_regions(struct vmx_cpu *cpu)
{
	u32 revision = vmx_read_msr(MSR_IA32_VMX_BASIC) & GENMASK(30, 0);

	cpu->vmxon_region = (u32 *)get_zeroed_page(GFP_KERNEL);
	cpu->vmcs = (u32 *)get_zeroed_page(GFP_KERNEL);
	if (!cpu->vmxon_region || !cpu->vmcs)
		return -ENOMEM;
	*cpu->vmxon_region = revision;
	*cpu->vmcs = revision;
	return 0;
}

int vmx_alloc(struct vmx_cpu *cpu)
{
	int err;

	/* FRED delivers events by MSRs that a VMCS of ours doesn't know. */
	if (__read_cr4() & CR4_FRED)
		return -ENODEV;
	err = allocate_regions(cpu);
	if (err)
		vmx_free(cpu);
	return err;
}
EXPORT_SYMBOL_GPL(vmx_alloc);

void vmx_free(struct vmx_cpu *cpu)
{
	free_page((unsigned long)cpu->vmxon_region);
	free_page((unsigned long)cpu->vmcs);
	*cpu = (struct vmx_cpu){};
}
EXPORT_SYMBOL_GPL(vmx_free);

static int load_ours(const struct vmx_cpu *cpu)
{
	int err = vmcs_clear(__pa(cpu->vmcs));

	return err ?: vmcs_load(__pa(cpu->vmcs));
}

int vmx_on(struct vmx_cpu *cpu)
{
	int err = execute_vmxon(__pa(cpu->vmxon_region));

	if (err)
		return err;
	err = load_ours(cpu);
	if (err)
		execute_vmxoff();
	return err;
}
EXPORT_SYMBOL_GPL(vmx_on);

void vmx_off(struct vmx_cpu *cpu)
{
	/* The CPU may keep parts of a VMCS until VMCLEAR, and write them back later. */
	vmcs_clear(__pa(cpu->vmcs));
	execute_vmxoff();
}
EXPORT_SYMBOL_GPL(vmx_off);

static int begin_alone(struct vmx_cpu *cpu, unsigned long cr4)
{
	int err;

	write_cr4(cr4 | X86_CR4_VMXE);
	err = vmx_on(cpu);
	if (err)
		write_cr4(cr4);
	return err;
}

static void give_back(const struct vmx_cpu *cpu)
{
	vmcs_clear(__pa(cpu->vmcs));
	if (cpu->others != NO_VMCS)
		vmcs_load(cpu->others);
}

static int begin_beside(struct vmx_cpu *cpu)
{
	int err = vmcs_store(&cpu->others);

	if (err)
		return err;
	err = load_ours(cpu);
	if (err)
		give_back(cpu);
	return err;
}

int vmx_begin(struct vmx_cpu *cpu)
{
	unsigned long cr4;
	int err;

	local_irq_disable();
	cr4 = __read_cr4();
	cpu->beside = cr4 & X86_CR4_VMXE;
	err = cpu->beside ? begin_beside(cpu) : begin_alone(cpu, cr4);
	if (err)
		local_irq_enable();
	return err;
}
EXPORT_SYMBOL_GPL(vmx_begin);

void vmx_end(struct vmx_cpu *cpu)
{
	if (cpu->beside) {
		give_back(cpu);
	} else {
		vmx_off(cpu);
		write_cr4(__read_cr4() & ~X86_CR4_VMXE);
	}
	local_irq_enable();
}
EXPORT_SYMBOL_GPL(vmx_end);
