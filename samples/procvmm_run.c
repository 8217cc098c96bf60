// SPDX-License-Identifier: GPL-2.0
/*
 * procvmm: a vCPU, which is the thread that asks for it to run. Here ept and VMX meet: the EPTP
 * goes into the VMCS, the CPU is announced to ept around a VM entry, and what the guest's memory
 * lacks is asked of the space.
 */
#include <linux/bitfield.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/processor.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include <asm/trapnr.h>

#include "procvmm.h"

/* Exit qualification of an I/O instruction */
#define PORT_SIZE	GENMASK(2, 0)	/* less 1 */
#define PORT_IN		BIT(3)
#define PORT_STRING	BIT(4)
#define PORT_NUMBER	GENMASK(31, 16)

/*
 * One stay in the guest
 */

static void write_pml(const struct procvmm_vcpu *vcpu)
{
	vmcs_write(PML_ADDRESS, virt_to_phys(vcpu->pml));
	vmcs_write(GUEST_PML_INDEX, EPT_PML_START);
	vmcs_set_bits(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_PML);
}

/* From the end of the page down to behind the index; when the page is full, that wraps around. */
static void hand_in_pml(struct procvmm *vm, struct procvmm_vcpu *vcpu)
{
	const u16 first = vmcs_read(GUEST_PML_INDEX) + 1;
	const unsigned int nr = EPT_PML_NR - first;

	if (!nr)
		return;
	ept_space_log_pml(vm->space, vcpu->pml + first, nr);
	atomic64_add(nr, &vm->logged);
	vmcs_write(GUEST_PML_INDEX, EPT_PML_START);
}

static int enter_guest(struct procvmm *vm, struct procvmm_vcpu *vcpu)
{
	int err = ept_vcpu_load(vm->ept);

	if (err)
		return err;
	vcpu_run(&vcpu->cpu);
	if (vm->flags & PROCVMM_PML)
		hand_in_pml(vm, vcpu);
	ept_vcpu_put(vm->ept);
	return 0;
}

/*
 * The thread may be on another CPU for the next stay. Between load and put a flush interrupts this
 * CPU, which makes the guest exit; one that comes at any other time is caught up with by the next
 * load.
 */
static int run_slice(struct procvmm *vm, struct procvmm_vcpu *vcpu)
{
	int err = vmx_begin(&vcpu->cpu.vmx);

	if (err)
		return err;
	err = enter_guest(vm, vcpu);
	vmx_end(&vcpu->cpu.vmx);
	return err;
}

/*
 * Exits: each returns whether the guest goes on, or an error. Where it doesn't, @run says why.
 */

static int leave(struct procvmm_run *run, u32 exit)
{
	run->exit = exit;
	return false;
}

static void skip_instruction(struct procvmm_vcpu *vcpu)
{
	vcpu->cpu.rip += vcpu->cpu.exit.length;
}

static void get_paging(const struct procvmm_vcpu *vcpu, struct ept_guest_paging *paging)
{
	*paging = (struct ept_guest_paging){
		.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP,
		.cr3 = vcpu->cpu.cr3,
		.cr4 = X86_CR4_PAE,
		.efer = vmx_read_msr(MSR_EFER),
		.rflags = vcpu->cpu.rflags,
		.cs_long = true,
		.maxphyaddr = procvmm_caps.maxphyaddr,
		.leaf_1g = boot_cpu_has(X86_FEATURE_GBPAGES),
	};
}

/*
 * The instruction, for the process to emulate: up to the end of the page, and on in the next one if
 * it lies in two. Whatever of it was just taken away is brought again.
 */
static int fetch(struct procvmm *vm, struct procvmm_vcpu *vcpu, struct procvmm_run *run)
{
	struct ept_guest_paging paging;
	struct ept_guest_walk walk;
	struct ept_fault fault;
	int err;

	get_paging(vcpu, &paging);
	for (run->code_size = 0; run->code_size < PROCVMM_CODE_SIZE;) {
		const u64 rip = vcpu->cpu.rip + run->code_size;
		const size_t size = min_t(size_t, PROCVMM_CODE_SIZE - run->code_size,
					  PAGE_SIZE - offset_in_page(rip));
		ssize_t got;

		err = ept_space_walk(vm->space, &paging, rip, EPT_PROT_EXEC, &walk, &fault);
		if (err || walk.verdict != EPT_WALK_OK)
			return err;
		got = ept_space_read(vm->space, walk.gpa, run->code + run->code_size, size,
				     EPT_PROT_EXEC);
		if (got < 0)
			return got;
		run->code_size += got;
		if (got < size)
			return 0;
	}
	return 0;
}

static int handle_violation(struct procvmm *vm, struct procvmm_vcpu *vcpu, struct procvmm_run *run)
{
	const u64 gpa = vcpu->cpu.exit.gpa;
	struct ept_violation violation;
	struct ept_fault fault;

	ept_violation_decode(vcpu->cpu.exit.qualification, &procvmm_caps, &violation);
	run->gpa = gpa;
	run->write = violation.write;
	run->error = ept_space_fault(vm->space, gpa, &violation, &fault);
	/* The process is told, and may give it memory there. */
	if (run->error)
		return leave(run, PROCVMM_MEMORY);
	switch (fault.verdict) {
	case EPT_VERDICT_RESUME:
		return true;
	case EPT_VERDICT_MMIO:
		run->cookie = (uintptr_t)fault.cookie;
		run->offset = fault.offset;
		return fetch(vm, vcpu, run) ?: leave(run, PROCVMM_MMIO);
	default:
		return leave(run, PROCVMM_MEMORY);
	}
}

static int handle_port(struct procvmm_vcpu *vcpu, struct procvmm_run *run)
{
	const u64 qualification = vcpu->cpu.exit.qualification;

	if (qualification & PORT_STRING)
		return leave(run, PROCVMM_OTHER);
	run->port = FIELD_GET(PORT_NUMBER, qualification);
	run->size = FIELD_GET(PORT_SIZE, qualification) + 1;
	run->write = !(qualification & PORT_IN);
	skip_instruction(vcpu);
	return leave(run, PROCVMM_PORT);
}

static int handle_exception(const struct procvmm_vcpu *vcpu, struct procvmm_run *run)
{
	const struct vcpu_exit *exit = &vcpu->cpu.exit;

	run->vector = exit->event & INTR_INFO_VECTOR_MASK;
	run->error_code = exit->error_code;
	run->address = exit->qualification;
	return leave(run, PROCVMM_EXCEPTION);
}

static int handle_exit(struct procvmm *vm, struct procvmm_vcpu *vcpu, struct procvmm_run *run)
{
	run->reason = vcpu->cpu.exit.reason;
	if (vcpu_is_host_exit(&vcpu->cpu.exit))
		return true;
	switch (run->reason) {
	case EXIT_REASON_EPT_VIOLATION:
		return handle_violation(vm, vcpu, run);
	case EXIT_REASON_IO_INSTRUCTION:
		return handle_port(vcpu, run);
	case EXIT_REASON_VMCALL:
		skip_instruction(vcpu);
		return leave(run, PROCVMM_CALL);
	case EXIT_REASON_HLT:
		skip_instruction(vcpu);
		return leave(run, PROCVMM_HALT);
	case EXIT_REASON_EXCEPTION_NMI:
		return handle_exception(vcpu, run);
	case EXIT_REASON_PML_FULL:
		/* Handed in already */
		return true;
	default:
		return leave(run, PROCVMM_OTHER);
	}
}

/*
 * Running
 */

static void to_guest(struct procvmm_vcpu *vcpu, const struct procvmm_regs *regs)
{
	static_assert(offsetof(struct procvmm_regs, rsp) == VMX_NR_REGS * sizeof(u64));
	static_assert(offsetof(struct procvmm_regs, rdi) == VMX_RDI * sizeof(u64));
	memcpy(vcpu->cpu.regs, regs, sizeof(vcpu->cpu.regs));
	vcpu->cpu.rip = regs->rip;
	vcpu->cpu.rsp = regs->rsp;
	vcpu->cpu.cr3 = regs->cr3;
	/* What VM entry wants of RFLAGS, or would take for an interrupt's */
	vcpu->cpu.rflags = (regs->rflags & (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF |
					    X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_DF |
					    X86_EFLAGS_OF)) | X86_EFLAGS_IF | X86_EFLAGS_FIXED;
}

static void from_guest(const struct procvmm_vcpu *vcpu, struct procvmm_regs *regs)
{
	memcpy(regs, vcpu->cpu.regs, sizeof(vcpu->cpu.regs));
	regs->rip = vcpu->cpu.rip;
	regs->rsp = vcpu->cpu.rsp;
	regs->cr3 = vcpu->cpu.cr3;
	regs->rflags = vcpu->cpu.rflags;
}

/* Until there is something for the process to do. Between two stays it may sleep. */
static int run_guest(struct procvmm *vm, struct procvmm_vcpu *vcpu, struct procvmm_run *run)
{
	int ret;

	do {
		if (signal_pending(current))
			return leave(run, PROCVMM_SIGNAL);
		cond_resched();
		ret = run_slice(vm, vcpu);
		if (ret)
			return ret;
		ret = handle_exit(vm, vcpu, run);
	} while (ret > 0);
	return ret;
}

static int start_pml(struct procvmm_vcpu *vcpu)
{
	int err = vmx_begin(&vcpu->cpu.vmx);

	if (err)
		return err;
	write_pml(vcpu);
	vmx_end(&vcpu->cpu.vmx);
	return 0;
}

static int make_vcpu(struct procvmm *vm, struct procvmm_vcpu *vcpu)
{
	int err;

	if (vcpu->ready)
		return 0;
	if (!vcpu->pml)
		vcpu->pml = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->pml)
		return -ENOMEM;
	err = vcpu_create(&vcpu->cpu);
	if (err)
		return err;
	vcpu->cpu.eptp = ept_pointer(vm->ept);
	if (vm->flags & PROCVMM_PML)
		err = start_pml(vcpu);
	if (err)
		vcpu_destroy(&vcpu->cpu);
	else
		vcpu->ready = true;
	return err;
}

int procvmm_run(struct procvmm *vm, struct procvmm_run *run)
{
	struct procvmm_vcpu *vcpu;
	int err;

	if (run->vcpu >= PROCVMM_VCPUS)
		return -EINVAL;
	vcpu = &vm->vcpu[run->vcpu];
	if (!mutex_trylock(&vcpu->running))
		return -EBUSY;
	err = make_vcpu(vm, vcpu);
	if (!err) {
		to_guest(vcpu, &run->regs);
		err = run_guest(vm, vcpu, run);
		from_guest(vcpu, &run->regs);
	}
	mutex_unlock(&vcpu->running);
	return err;
}

void procvmm_free_vcpu(struct procvmm_vcpu *vcpu)
{
	free_page((unsigned long)vcpu->pml);
	vcpu_destroy(&vcpu->cpu);
}
