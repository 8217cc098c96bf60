// SPDX-License-Identifier: GPL-2.0
/*
 * One case: what the model expects, what the CPU does, what ept says.
 */
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "hw.h"

/* What is in memory before an access, and what a guest writes or adds */
#define OLD_VALUE	0x1122334455667788ull
#define NEW_VALUE	0x99aabbccddeeff00ull

/* As many exits for the host in a row are no accident. */
#define MAX_HOST_EXITS	100000

static const u8 vmcall[] = { 0x0f, 0x01, 0xc1 };

/*
 * Entries
 */

void hw_find_target(struct hw *hw, unsigned int i)
{
	struct hw_target *target = &hw->target[i];
	unsigned int level = HW_LEVELS;
	u64 entry = hw->eptp;

	*target = (struct hw_target){ .gpa = HW_BOUNDARY - PAGE_SIZE + i * PAGE_SIZE };
	do {
		u64 *table = mmu_table(entry);

		level--;
		target->where[level] = &table[(target->gpa >> mmu_level_shift(level)) %
					      MMU_ENTRIES];
		entry = *target->where[level];
	} while (mmu_kind(&hw->mmu, entry, level) == MMU_TABLE);
	target->level = level;
}

/* The leaves of both sides lead to the memory on both sides of the same boundary. */
int hw_map_targets(struct hw *hw, enum ept_level first, enum ept_level second,
		   const struct ept_attrs *attrs)
{
	const u64 boundary = hw->memory + SZ_2M;
	const u64 below = BIT_ULL(mmu_level_shift(first));
	int err;

	err = ept_map(hw->ept, HW_BOUNDARY - below, boundary - below, below, attrs);
	if (err)
		return err;
	err = ept_map(hw->ept, HW_BOUNDARY, boundary, BIT_ULL(mmu_level_shift(second)), attrs);
	if (err)
		return err;
	hw_find_target(hw, 0);
	hw_find_target(hw, 1);
	return 0;
}

int hw_unmap_targets(struct hw *hw)
{
	return ept_unmap(hw->ept, HW_BOUNDARY - SZ_1G, 2ull * SZ_1G, NULL);
}

void hw_poke(struct hw *hw, u64 *where, u64 entry)
{
	WRITE_ONCE(*where, entry);
}

static void read_entries(struct hw *hw, u64 entry[HW_TARGETS][HW_LEVELS])
{
	unsigned int i, level;

	for (i = 0; i < HW_TARGETS; i++)
		for (level = 0; level < HW_LEVELS; level++)
			entry[i][level] = hw->target[i].where[level] ?
					  READ_ONCE(*hw->target[i].where[level]) : 0;
}

static void write_entries(struct hw *hw, u64 entry[HW_TARGETS][HW_LEVELS])
{
	unsigned int i, level;

	for (i = 0; i < HW_TARGETS; i++)
		for (level = 0; level < HW_LEVELS; level++)
			if (hw->target[i].where[level])
				WRITE_ONCE(*hw->target[i].where[level], entry[i][level]);
}

unsigned int hw_legal_rights(const struct hw *hw, u64 *rights)
{
	static const u64 plain[] = { 0, 1, 3, 4, 5, 7 };
	unsigned int i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(plain); i++) {
		rights[nr++] = plain[i];
		if (hw_has(hw, EPT_FEATURE_MODE_EXEC))
			rights[nr++] = plain[i] | HW_UEXEC;
	}
	return nr;
}

/*
 * What an access is made of
 */

static bool is_user_page(const struct hw_access *access)
{
	return access->mode != HW_SUPERVISOR || access->walk != HW_NO_WALK;
}

static unsigned int offset_of(const struct hw_access *access)
{
	if (access->across)
		return PAGE_SIZE - (access->op == HW_FETCH ? 1 : 4);
	return access->op == HW_FETCH ? HW_CALL : HW_WORD;
}

static u64 linear_of(const struct hw_access *access)
{
	if (access->walk != HW_NO_WALK)
		return HW_LINEAR(HW_CHAIN_SLOT) + offset_of(access);
	return HW_LINEAR(is_user_page(access) ? HW_USER_SLOT : HW_KERNEL_SLOT) +
	       offset_of(access);
}

static const u8 *program_of(const struct hw_access *access)
{
	static const u8 * const programs[] = {
		[HW_READ] = hw_program_read,
		[HW_WRITE] = hw_program_write,
		[HW_MODIFY] = hw_program_modify,
		[HW_SHADOW_READ] = hw_program_shadow_read,
		[HW_SHADOW_WRITE] = hw_program_shadow_write,
	};

	return programs[access->op];
}

static u64 rip_of(const struct hw_access *access)
{
	return access->op == HW_FETCH ? linear_of(access) : hw_code(program_of(access));
}

static struct mmu_access access_of(const struct hw_access *access)
{
	return (struct mmu_access){
		.read = access->op == HW_READ || access->op == HW_MODIFY ||
			access->op == HW_SHADOW_READ,
		.write = access->op == HW_WRITE || access->op == HW_MODIFY ||
			 access->op == HW_SHADOW_WRITE,
		.shadow = hw_is_shadow(access),
		.fetch = access->op == HW_FETCH,
		.user = is_user_page(access),
	};
}

/* Setting a flag in a guest's entry is a read and a write of it, after the walk. */
static unsigned int walk_steps(struct hw *hw, const struct hw_access *access,
			       struct hw_step *step, u64 gla, bool write)
{
	const unsigned int index = access->walk == HW_WALK_PML4 ? gla >> 39 : 0;
	const bool leaf = access->walk == HW_WALK_PT;

	step[0] = (struct hw_step){
		.gpa = hw->target[0].gpa + index * sizeof(u64),
		.gla = gla,
		.access = { .read = true, .page_walk = true },
	};
	if (access->accessed && (access->dirty || !leaf || !write))
		return 1;
	step[1] = step[0];
	step[1].access.write = true;
	return 2;
}

unsigned int hw_steps(struct hw *hw, const struct hw_access *access, struct hw_step *steps)
{
	const u64 gla = linear_of(access);
	unsigned int nr = 0;

	if (access->walk == HW_NO_WALK) {
		steps[nr++] = (struct hw_step){
			hw->target[0].gpa + offset_of(access), gla, access_of(access)
		};
		if (access->across)
			steps[nr++] = (struct hw_step){
				hw->target[1].gpa, HW_LINEAR(gla >> 39) + PAGE_SIZE,
				access_of(access)
			};
		return nr;
	}
	/* All walks begin at the PML4, that for the instruction before the others. */
	if (access->walk == HW_WALK_PML4 && access->op != HW_FETCH)
		nr = walk_steps(hw, access, steps, rip_of(access), false);
	return nr + walk_steps(hw, access, steps + nr, gla,
			       access->op == HW_WRITE || access->op == HW_MODIFY);
}

/*
 * The model's outcome
 */

/* Qualification bits 11:9, of which the model knows nothing */
static u64 advanced(struct hw *hw, const struct hw_access *access, const struct hw_step *step)
{
	if (!hw->caps.advanced_info || step->access.page_walk)
		return 0;
	return (hw->read_only ? 0 : BIT_ULL(10)) | (is_user_page(access) ? BIT_ULL(9) : 0);
}

static void end_at(struct hw *hw, const struct hw_access *access, const struct hw_step *step,
		   const struct mmu_result *result, struct hw_outcome *outcome)
{
	outcome->gpa = step->gpa;
	if (result->verdict == MMU_MISCONFIGURED) {
		outcome->reason = EXIT_REASON_EPT_MISCONFIG;
		return;
	}
	outcome->reason = EXIT_REASON_EPT_VIOLATION;
	outcome->gla = step->gla;
	outcome->qualification = result->qualification | advanced(hw, access, step);
}

void hw_expect(struct hw *hw, const struct hw_access *access, struct hw_outcome *outcome)
{
	struct hw_step steps[HW_MAX_STEPS];
	unsigned int i, nr = hw_steps(hw, access, steps);
	u64 before[HW_TARGETS][HW_LEVELS];
	struct mmu_result result;

	read_entries(hw, before);
	*outcome = (struct hw_outcome){ .reason = EXIT_REASON_VMCALL };
	for (i = 0; i < nr; i++) {
		mmu_access(&hw->mmu, hw->eptp, steps[i].gpa, &steps[i].access, &result);
		if (result.verdict == MMU_OK)
			continue;
		end_at(hw, access, &steps[i], &result, outcome);
		break;
	}
	read_entries(hw, outcome->entry);
	write_entries(hw, before);
}

/*
 * The CPU's outcome
 */

static void *data_of(struct hw *hw, const struct hw_access *access)
{
	if (access->walk != HW_NO_WALK)
		return hw_base(hw, HW_DATA) + offset_of(access);
	return hw->map + SZ_2M - PAGE_SIZE + offset_of(access);
}

static void prepare_memory(struct hw *hw, const struct hw_access *access)
{
	void *data = data_of(hw, access);

	if (access->op == HW_FETCH)
		memcpy(data, vmcall, sizeof(vmcall));
	else
		*(u64 *)data = OLD_VALUE;
	if (access->walk != HW_NO_WALK)
		hw_guest_set_walk(hw, access);
}

static int enter_guest(struct hw *hw)
{
	int err = ept_vcpu_load(hw->ept);

	if (err)
		return err;
	err = ept_vcpu_load(hw->other);
	if (!err) {
		/* Entries may have changed behind the back of the module. */
		ept_invept_context(hw->eptp);
		hw_vcpu_run(&hw->vcpu);
		ept_vcpu_put(hw->other);
	}
	ept_vcpu_put(hw->ept);
	return err;
}

static void run_slice(struct hw *hw)
{
	int err = vmx_begin(&hw->vcpu.vmx);

	if (!err) {
		err = enter_guest(hw);
		vmx_end(&hw->vcpu.vmx);
	}
	if (err)
		hw->vcpu.exit = (struct hw_exit){ .reason = HW_EXIT_REFUSED };
}

void hw_enter(struct hw *hw)
{
	unsigned int i = 0;

	do {
		run_slice(hw);
		cond_resched();
	} while (hw->vcpu.exit.reason == EXIT_REASON_EXTERNAL_INTERRUPT && ++i < MAX_HOST_EXITS);
	hw->cases++;
}

void hw_run(struct hw *hw, const struct hw_access *access)
{
	struct hw_vcpu *vcpu = &hw->vcpu;
	const bool user = access->mode == HW_USER_MODE;

	prepare_memory(hw, access);
	vcpu->mode_known &= vcpu->user == user;
	vcpu->user = user;
	vcpu->rip = rip_of(access);
	vcpu->regs[VMX_RDI] = linear_of(access);
	vcpu->regs[VMX_RSI] = NEW_VALUE;
	vcpu->regs[VMX_RAX] = 0;
	hw_enter(hw);
	if (access->walk != HW_NO_WALK)
		hw_guest_end_walk(hw, access);
}

static void read_outcome(struct hw *hw, struct hw_outcome *outcome)
{
	const struct hw_exit *exit = &hw->vcpu.exit;

	*outcome = (struct hw_outcome){ .reason = exit->reason };
	if (exit->reason == EXIT_REASON_EPT_VIOLATION) {
		outcome->qualification = exit->qualification;
		outcome->gla = exit->gla;
	}
	if (exit->reason == EXIT_REASON_EPT_VIOLATION || exit->reason == EXIT_REASON_EPT_MISCONFIG)
		outcome->gpa = exit->gpa;
	read_entries(hw, outcome->entry);
}

/* An access that was done has met the page that the entries lead to, one that wasn't none. */
static bool data_is_right(struct hw *hw, const struct hw_access *access, bool done)
{
	const u64 data = *(u64 *)data_of(hw, access);

	switch (access->op) {
	case HW_READ:
		return data == OLD_VALUE && (!done || hw->vcpu.regs[VMX_RAX] == OLD_VALUE);
	case HW_WRITE:
	case HW_SHADOW_WRITE:
		return data == (done ? NEW_VALUE : OLD_VALUE);
	case HW_MODIFY:
		return data == (done ? OLD_VALUE + NEW_VALUE : OLD_VALUE);
	case HW_SHADOW_READ:
		return data == OLD_VALUE;
	default:
		return !done || hw->vcpu.exit.rip == linear_of(access);
	}
}

/* A read-modify-write may be reported as a write alone. */
bool hw_same(const struct hw_access *access, const struct hw_outcome *expected,
	     const struct hw_outcome *got)
{
	const u64 may = access->op == HW_MODIFY && access->walk == HW_NO_WALK ? 1 : 0;

	return expected->reason == got->reason &&
	       (expected->qualification & ~may) == (got->qualification & ~may) &&
	       expected->gpa == got->gpa && expected->gla == got->gla &&
	       !memcmp(expected->entry, got->entry, sizeof(got->entry));
}

/*
 * What ept says
 */

/* The rights that a step needs, in the words of ept_translate() */
static u32 needs(struct hw *hw, const struct mmu_access *access)
{
	if (access->page_walk && hw_has(hw, EPT_FEATURE_AD))
		return EPT_PROT_READ | EPT_PROT_WRITE;
	return (access->read ? EPT_PROT_READ : 0) | (access->write ? EPT_PROT_WRITE : 0) |
	       (!access->fetch ? 0 : access->user ? EPT_PROT_UEXEC : EPT_PROT_EXEC);
}

static int verdict_of(const struct mmu_result *result)
{
	switch (result->verdict) {
	case MMU_OK:
		return 0;
	case MMU_VIOLATION:
		return -EFAULT;
	default:
		return -EIO;
	}
}

static bool translate_agrees(struct hw *hw, const struct hw_step *step)
{
	struct mmu_result result;
	phys_addr_t hpa = 0;
	int ret;

	mmu_look(&hw->mmu, hw->eptp, step->gpa, &step->access, &result);
	ret = ept_translate(hw->ept, step->gpa, needs(hw, &step->access), &hpa);
	return ret == verdict_of(&result) && (ret || hpa == result.hpa);
}

/* The steps that it tells are the entries that a CPU reads, and its verdict that of a read. */
static bool explain_agrees(struct hw *hw, unsigned int i)
{
	static const struct mmu_access reading = { .read = true };
	const struct hw_target *target = &hw->target[i];
	struct ept_explanation said;
	struct mmu_result result;
	unsigned int n;

	mmu_look(&hw->mmu, hw->eptp, target->gpa, &reading, &result);
	if (ept_explain(hw->ept, target->gpa, &said) ||
	    said.verdict != verdict_of(&result) || said.nr != HW_LEVELS - result.level)
		return false;
	for (n = 0; n < said.nr; n++) {
		const unsigned int level = HW_LEVELS - 1 - n;
		const bool last = n == said.nr - 1;

		if (said.step[n].level != level || said.step[n].entry != *target->where[level] ||
		    said.step[n].address != virt_to_phys(target->where[level]) ||
		    (!last && said.step[n].why))
			return false;
	}
	return !said.step[said.nr - 1].why == !said.verdict;
}

/* Bits that a CPU left 0 although it may are not asked for: a write that may have read, too. */
static bool decode_agrees(struct hw *hw, const struct hw_outcome *got)
{
	const u64 q = got->qualification;
	struct ept_violation v;

	ept_violation_decode(q, &hw->caps, &v);
	return v.read == !!(q & 3) && v.write == !!(q & 2) && v.exec == !!(q & 4) &&
	       (v.prot & 7) == ((q >> 3) & 7) &&
	       (!hw->caps.mode_exec || !(v.prot & EPT_PROT_UEXEC) == !(q & BIT_ULL(6))) &&
	       v.gla_valid == !!(q & BIT_ULL(7)) &&
	       v.page_walk == ((q & BIT_ULL(7)) && !(q & BIT_ULL(8))) &&
	       v.shadow_stack == !!(q & BIT_ULL(13)) &&
	       (v.shadow_stack ||
		ept_translate(hw->ept, got->gpa, v.access, NULL) == -EFAULT);
}

/* NULL, or what of ept's disagrees */
static const char *ept_disagrees(struct hw *hw, const struct hw_access *access,
				 const struct hw_outcome *got)
{
	struct hw_step steps[HW_MAX_STEPS];
	unsigned int i, nr = hw_steps(hw, access, steps);

	/* Shadow stacks are beyond ept_translate(). */
	for (i = 0; i < nr && !hw_is_shadow(access); i++)
		if (!translate_agrees(hw, &steps[i]))
			return "ept_translate()";
	if (!explain_agrees(hw, 0) || (access->across && !explain_agrees(hw, 1)))
		return "ept_explain()";
	if (got->reason == EXIT_REASON_EPT_VIOLATION && !decode_agrees(hw, got))
		return "ept_violation_decode()";
	return NULL;
}

/*
 * The case
 */

void hw_hold(struct hw *hw, bool same, const char *what, u64 expected, u64 got)
{
	if (!same && hw->differ++ < HW_MAX_PRINTED)
		pr_info("ept_hw: DIFFERS: %s: expected %#llx, got %#llx\n", what, expected, got);
}

bool hw_try(struct hw *hw, const struct hw_access *access)
{
	u64 before[HW_TARGETS][HW_LEVELS];
	struct hw_outcome expected, got;
	enum hw_deviation deviation;
	const char *what = NULL;

	hw_expect(hw, access, &expected);
	read_entries(hw, before);
	hw_run(hw, access);
	read_outcome(hw, &got);
	write_entries(hw, before);

	deviation = hw_deviates(hw, access, &expected, &got);
	if (deviation != HW_NO_DEVIATION)
		hw_exclude(hw, deviation);
	else if (!hw_same(access, &expected, &got))
		what = "the CPU";
	else if (!hw->raw && !data_is_right(hw, access, got.reason == EXIT_REASON_VMCALL))
		what = "memory";
	if (!what && deviation != HW_LARGE_BIT_12)
		what = ept_disagrees(hw, access, &got);
	if (what && hw->differ++ < HW_MAX_PRINTED)
		hw_print_case(hw, access, what, &expected, &got);
	return !what;
}
