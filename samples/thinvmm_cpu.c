// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: a CPU's way into non-root mode and back. The guest's state is what the CPU has at that
 * moment, so that nothing changes for the system; VMX is turned on before and off after, as for
 * any guest (vmx.h).
 *
 * Intel's Software Developer's Manual, volume 3, chapters "Virtual Machine Control Structures",
 * "VM Entries" and "VM Exits".
 */
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#include "thinvmm.h"

#define STACK_SIZE	(4 * PAGE_SIZE)

DEFINE_PER_CPU(struct thinvmm_cpu, thinvmm_cpus);

/*
 * Controls
 */

/*
 * As few exits as there can be: no interrupt, no NMI, no port, no MSR, no control register. Without
 * VPIDs a VM entry and a VM exit drop what the CPU cached of linear addresses, so that root never
 * uses what the system has unmapped since the last exit. CR4.VMXE stays set for the system to see,
 * and as in any VMX operation it faults if it clears it.
 */
static int write_controls(struct thinvmm_cpu *cpu)
{
	int err;

	err = vmx_write_control(PIN_BASED_VM_EXEC_CONTROL, MSR_IA32_VMX_PINBASED_CTLS,
				THINVMM_STEP_PIN, 0);
	if (err)
		return err;
	vmcs_clear_bits(PIN_BASED_VM_EXEC_CONTROL, THINVMM_STEP_PIN);
	err = vmx_write_control(CPU_BASED_VM_EXEC_CONTROL, MSR_IA32_VMX_PROCBASED_CTLS,
				CPU_BASED_USE_MSR_BITMAPS | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS |
				THINVMM_STEP_CPU, THINVMM_STEP_TRAP);
	if (err)
		return err;
	cpu->traps = vmcs_read(CPU_BASED_VM_EXEC_CONTROL) & THINVMM_STEP_TRAP;
	vmcs_clear_bits(CPU_BASED_VM_EXEC_CONTROL, THINVMM_STEP_CPU | THINVMM_STEP_TRAP);
	/* Without its control each of these instructions would be undefined. */
	err = vmx_write_control(SECONDARY_VM_EXEC_CONTROL, MSR_IA32_VMX_PROCBASED_CTLS2,
				SECONDARY_EXEC_ENABLE_EPT,
				SECONDARY_EXEC_ENABLE_RDTSCP | SECONDARY_EXEC_ENABLE_INVPCID |
				SECONDARY_XSAVES | SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE);
	if (err)
		return err;
	err = vmx_write_control(VM_EXIT_CONTROLS, MSR_IA32_VMX_EXIT_CTLS,
				VM_EXIT_HOST_ADDR_SPACE_SIZE | VM_EXIT_SAVE_DEBUG_CONTROLS, 0);
	if (err)
		return err;
	return vmx_write_control(VM_ENTRY_CONTROLS, MSR_IA32_VMX_ENTRY_CTLS,
				 VM_ENTRY_IA32E_MODE | VM_ENTRY_LOAD_DEBUG_CONTROLS, 0);
}

static void write_control_fields(void)
{
	vmx_write_nothing_special();
	vmcs_write(EPT_POINTER, ept_pointer(thinvmm.ept));
	vmcs_write(MSR_BITMAP, __pa(thinvmm.msr_bitmap));
	if (vmcs_read(SECONDARY_VM_EXEC_CONTROL) & SECONDARY_XSAVES)
		vmcs_write(XSS_EXIT_BITMAP, 0);
}

/*
 * The system's state
 */

static u32 segment_rights(u16 selector)
{
	u32 rights;
	bool valid;

	asm("lar %[selector], %[rights]"
	    : "=@ccz" (valid), [rights] "=r" (rights) : [selector] "r" ((u32)selector));
	return valid ? rights >> 8 & 0xf0ff : SEGMENT_UNUSABLE;
}

static u32 segment_limit(u16 selector)
{
	u32 limit;
	bool valid;

	asm("lsl %[selector], %[limit]"
	    : "=@ccz" (valid), [limit] "=r" (limit) : [selector] "r" ((u32)selector));
	return valid ? limit : 0;
}

/* @field: the segment's selector. The other fields of the segments lie in the same order. */
static void write_segment(unsigned long field, u16 selector, u64 base)
{
	unsigned long offset = field - GUEST_ES_SELECTOR;

	vmcs_write(field, selector);
	vmcs_write(GUEST_ES_BASE + offset, base);
	vmcs_write(GUEST_ES_LIMIT + offset, segment_limit(selector));
	vmcs_write(GUEST_ES_AR_BYTES + offset, segment_rights(selector));
}

#define read_selector(segment)						\
({									\
	u16 __selector;							\
									\
	asm("mov %%" #segment ", %0" : "=r" (__selector));		\
	__selector;							\
})

static void write_segments(const struct vmx_host_state *state)
{
	unsigned long tr;

	store_tr(tr);
	write_segment(GUEST_CS_SELECTOR, read_selector(cs), 0);
	write_segment(GUEST_SS_SELECTOR, read_selector(ss), 0);
	write_segment(GUEST_DS_SELECTOR, read_selector(ds), 0);
	write_segment(GUEST_ES_SELECTOR, read_selector(es), 0);
	write_segment(GUEST_FS_SELECTOR, read_selector(fs), vmx_read_msr(MSR_FS_BASE));
	write_segment(GUEST_GS_SELECTOR, read_selector(gs), vmx_read_msr(MSR_GS_BASE));
	write_segment(GUEST_LDTR_SELECTOR, state->ldt,
		      state->ldt ? vmx_system_segment_base(&state->gdt, state->ldt) : 0);
	write_segment(GUEST_TR_SELECTOR, tr, vmx_system_segment_base(&state->gdt, tr));
	vmcs_write(GUEST_GDTR_BASE, state->gdt.address);
	vmcs_write(GUEST_GDTR_LIMIT, state->gdt.size);
	vmcs_write(GUEST_IDTR_BASE, state->idt.address);
	vmcs_write(GUEST_IDTR_LIMIT, state->idt.size);
}

/* RSP and RIP are thinvmm_start()'s to say. All other state is not touched by VM entry and exit. */
static void write_system_state(const struct vmx_host_state *state)
{
	write_segments(state);
	vmcs_write(GUEST_CR0, read_cr0());
	vmcs_write(GUEST_CR3, __read_cr3());
	vmcs_write(GUEST_CR4, __read_cr4());
	vmcs_write(GUEST_DR7, state->dr7);
	vmcs_write(GUEST_IA32_DEBUGCTL, state->debugctl);
	vmcs_write(GUEST_RFLAGS, X86_EFLAGS_FIXED);
	vmcs_write(GUEST_SYSENTER_CS, vmx_read_msr(MSR_IA32_SYSENTER_CS));
	vmcs_write(GUEST_SYSENTER_ESP, vmx_read_msr(MSR_IA32_SYSENTER_ESP));
	vmcs_write(GUEST_SYSENTER_EIP, vmx_read_msr(MSR_IA32_SYSENTER_EIP));
}

/*
 * Root, from the first VM entry to the last VM exit
 */

/*
 * What VM exits have changed becomes the system's again: it goes on where it was, but in VMX root
 * operation, as any kernel with a VMM does. CR4 is turn_off()'s, from the kernel's copy. The data
 * segments of a kernel thread are null selectors, as a VM exit leaves them.
 */
static void __noreturn go_on_without(struct thinvmm_cpu *cpu)
{
	const struct vmx_host_state state = {
		.gdt.address = vmcs_read(GUEST_GDTR_BASE),
		.gdt.size = vmcs_read(GUEST_GDTR_LIMIT),
		.idt.address = vmcs_read(GUEST_IDTR_BASE),
		.idt.size = vmcs_read(GUEST_IDTR_LIMIT),
		.ldt = vmcs_read(GUEST_LDTR_SELECTOR),
		.dr7 = vmcs_read(GUEST_DR7),
		.debugctl = vmcs_read(GUEST_IA32_DEBUGCTL),
	};

	vmx_restore_host_state(&state);
	vmx_write_msr(MSR_FS_BASE, vmcs_read(GUEST_FS_BASE));
	native_write_cr3(vmcs_read(GUEST_CR3));
	thinvmm_go_on(cpu->regs, vmcs_read(GUEST_RSP), vmcs_read(GUEST_RIP));
}

/* Called once, by thinvmm_start(), on this CPU's own stack. Does not return to it. */
void thinvmm_root(struct thinvmm_cpu *cpu)
{
	do {
		if (vmx_enter(cpu->regs, cpu->launched))
			continue;
		if (cpu->launched)
			thinvmm_stop("VM entry refused");
		cpu->regs[VMX_RAX] = -EIO;
		break;
	} while (thinvmm_handle_exit(cpu));
	go_on_without(cpu);
}

/*
 * On and off
 */

static int start(struct thinvmm_cpu *cpu)
{
	struct vmx_host_state state;
	int err;

	vmx_save_host_state(&state);
	err = write_controls(cpu);
	if (err)
		return err;
	write_control_fields();
	write_system_state(&state);
	/* The address space of a process: with those of others, the kernel's half never goes. */
	vmx_write_host_state(&state, __pa(thinvmm.mm->pgd));
	/* What this CPU cached of earlier tables at the same addresses */
	ept_invept_global();
	memset(cpu->regs, 0, sizeof(cpu->regs));
	cpu->launched = false;
	cpu->leaving = false;
	cpu->stepping = false;
	cpu->nmi_pending = false;
	return thinvmm_start(cpu, cpu->stack + STACK_SIZE);
}

/* The kernel goes on in VMX operation: its copy of CR4 has to say so (vmx.c). */
static int turn_on(struct thinvmm_cpu *cpu)
{
	int err;

	if (cr4_read_shadow() & X86_CR4_VMXE)
		return -EBUSY;
	cr4_set_bits_irqsoff(X86_CR4_VMXE);
	err = vmx_on(&cpu->vmx);
	if (err)
		cr4_clear_bits_irqsoff(X86_CR4_VMXE);
	return err;
}

static void turn_off(struct thinvmm_cpu *cpu)
{
	vmx_off(&cpu->vmx);
	cr4_clear_bits_irqsoff(X86_CR4_VMXE);
}

static int turn_on_and_start(struct thinvmm_cpu *cpu)
{
	int err = turn_on(cpu);

	if (err)
		return err;
	err = start(cpu);
	if (err)
		turn_off(cpu);
	else
		WRITE_ONCE(cpu->running, true);
	return err;
}

static int enter(struct thinvmm_cpu *cpu)
{
	unsigned long flags;
	int err;

	cpu->stack = alloc_pages_exact(STACK_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!cpu->stack)
		return -ENOMEM;
	err = vmx_alloc(&cpu->vmx);
	if (err)
		goto out_free;
	local_irq_save(flags);
	err = turn_on_and_start(cpu);
	local_irq_restore(flags);
	if (!err)
		return 0;
	vmx_free(&cpu->vmx);
out_free:
	free_pages_exact(cpu->stack, STACK_SIZE);
	return err;
}

int thinvmm_cpu_enter(unsigned int cpu)
{
	return enter(this_cpu_ptr(&thinvmm_cpus));
}

static void leave_in_root(void *arg)
{
	struct thinvmm_cpu *cpu = arg;

	cpu->leaving = true;
}

int thinvmm_cpu_leave(unsigned int nr)
{
	struct thinvmm_cpu *cpu = this_cpu_ptr(&thinvmm_cpus);
	unsigned long flags;

	if (!cpu->running)
		return 0;
	local_irq_save(flags);
	thinvmm_call(leave_in_root, cpu);
	WRITE_ONCE(cpu->running, false);
	turn_off(cpu);
	local_irq_restore(flags);
	vmx_free(&cpu->vmx);
	free_pages_exact(cpu->stack, STACK_SIZE);
	return 0;
}
