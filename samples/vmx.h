/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples: a logical CPU in VMX operation, with a VMCS. What every VMM has to bring along, as
 * ept.ko never turns VMX on or off. Nothing here knows of EPT, nor what the guest is.
 *
 * What changes or reads a VMCS is for the CPU that has it loaded, in a stay (vmx_begin()).
 */
#ifndef _SAMPLES_VMX_H
#define _SAMPLES_VMX_H

#include <linux/bug.h>
#include <linux/types.h>
#include <asm/desc_defs.h>
#include <asm/msr.h>
#include <asm/vmx.h>

#include "vmx_entry.h"

/* Older kernels don't name these, or otherwise. */
#define SECONDARY_VE		BIT(18)
#define SECONDARY_XSAVES	BIT(20)
#define VE_INFO_ADDRESS		0x202a

/* A segment without a descriptor, in its access rights as VMCS fields have them */
#define SEGMENT_UNUSABLE	0x10000

/* VMXON region and VMCS: a page each; in a stay, whether it is beside another's, and whose VMCS */
struct vmx_cpu {
	u32		*vmxon_region;
	u32		*vmcs;
	bool		beside;
	phys_addr_t	others;
};

/* What a VM exit overwrites and the VMCS has no host field for */
struct vmx_host_state {
	struct desc_ptr	gdt, idt;
	u16		ldt;
	unsigned long	dr7, debugctl;
};

static inline void vmcs_write(unsigned long field, u64 value)
{
	bool failed;

	asm volatile("vmwrite %[value], %[field]"
		     : "=@ccbe" (failed) : [field] "r" (field), [value] "rm" (value));
	WARN_ONCE(failed, "VMWRITE of field %#lx failed\n", field);
}

static inline u64 vmcs_read(unsigned long field)
{
	bool failed;
	u64 value;

	asm volatile("vmread %[field], %[value]"
		     : "=@ccbe" (failed), [value] "=r" (value) : [field] "r" (field));
	WARN_ONCE(failed, "VMREAD of field %#lx failed\n", field);
	return value;
}

static inline void vmcs_set_bits(unsigned long field, u32 bits)
{
	vmcs_write(field, vmcs_read(field) | bits);
}

static inline void vmcs_clear_bits(unsigned long field, u32 bits)
{
	vmcs_write(field, vmcs_read(field) & ~bits);
}

static inline u64 vmx_read_msr(u32 msr)
{
	return native_read_msr(msr);
}

/* The kernel's own takes other arguments in other versions. */
static inline void vmx_write_msr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((u32)value), "d" ((u32)(value >> 32)) : "memory");
}

/*
 * What a CPU needs for VMX, and a VMCS that has nothing in it yet: 0, -ENODEV for a CPU of which a
 * VMCS would not hold all, -ENOMEM. May sleep.
 */
int vmx_alloc(struct vmx_cpu *cpu);
void vmx_free(struct vmx_cpu *cpu);

/*
 * A stay in VMX operation, this CPU's, with the VMCS loaded and its launch state clear. Called with
 * interrupts on, which are off inside: one that made a guest exit is handled by this kernel when
 * the stay is over. The next stay may be another CPU's. On its own, or beside whoever has VMX on.
 * 0, or, with interrupts on, -EBUSY where that one doesn't let it, -EIO.
 */
int vmx_begin(struct vmx_cpu *cpu);
void vmx_end(struct vmx_cpu *cpu);

/*
 * The same for who has the kernel's copy of CR4 say VMXE before and after, and so may have
 * interrupts on: VMX was off. 0, -EIO. Interrupts off inside.
 */
int vmx_on(struct vmx_cpu *cpu);
void vmx_off(struct vmx_cpu *cpu);

/*
 * Writes a field of controls: @needed bits must be possible, -ENODEV if not, @welcome ones are set
 * where they are. @msr: the capability MSR, of the older ones where there are two.
 */
int vmx_write_control(unsigned long field, u32 msr, u32 needed, u32 welcome);

/* Writes what is 0 in most guests: counts, masks, shadows, events, the link to another VMCS. */
void vmx_write_nothing_special(void);

/* VMX fixes bits in control registers: a value with these as they must be. */
u64 vmx_fixed_cr0(u64 value);
u64 vmx_fixed_cr4(u64 value);

/* The linear address in a descriptor of the GDT for a TSS or LDT */
unsigned long vmx_system_segment_base(const struct desc_ptr *gdt, u16 selector);

/* This kernel's state around VM entry and exit: interrupts off from saving to restoring. */
void vmx_save_host_state(struct vmx_host_state *host);
void vmx_restore_host_state(const struct vmx_host_state *host);
/* Where a VM exit continues: behind vmx_enter(), with @cr3. */
void vmx_write_host_state(const struct vmx_host_state *host, unsigned long cr3);

#endif /* _SAMPLES_VMX_H */
