// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: EPT violations. All of this runs in root, and nothing of it fails: what can't be mended
 * at this moment runs on the step table, and what that table has no room for runs on none.
 */
#include <linux/sizes.h>

#include "thinvmm.h"

/* What the resource tree doesn't know is mapped when it is used, if there is a table for it. */
static bool has_in_step(u64 gpa)
{
	int err;

	if (!ept_translate(thinvmm.step, gpa, 0, NULL))
		return true;
	thinvmm_wait_lock(&thinvmm.step_lock);
	err = ept_map_host_leaf(thinvmm.step, gpa, EPT_1G, &EPT_ATTRS_RAM, &thinvmm.mtrr);
	thinvmm_unlock(&thinvmm.step_lock);
	return !err || err == -EEXIST;
}

/* The largest leaf for the hole at @gpa that the step table has something for */
static int map_as_step(u64 gpa)
{
	struct ept_mapping mapping;
	enum ept_level level;
	int err;

	err = ept_lookup(thinvmm.step, gpa, &mapping);
	if (err)
		return err;
	level = mapping.level + 1;
	do {
		const u64 size = SZ_4K << 9 * --level;
		const u64 start = round_down(gpa, size);

		err = ept_map(thinvmm.ept, start, mapping.hpa + (start - mapping.gpa), size,
			      &mapping.attrs);
	} while (err == -EEXIST && level > EPT_4K);
	return err;
}

static bool map_missing(u64 gpa)
{
	int err;

	if (!thinvmm_try_lock(&thinvmm.busy))
		return false;
	err = map_as_step(gpa);
	thinvmm_unlock(&thinvmm.busy);
	return !err;
}

static u32 wanted(const struct ept_violation *violation)
{
	return (violation->read ? EPT_PROT_READ : 0) |
	       (violation->write ? EPT_PROT_WRITE : 0) |
	       (violation->exec ? EPT_PROT_EXEC : 0);
}

/* All of the leaf gets it, so that none is split: that needs no table, and no flush. */
static bool give_back(u64 gpa)
{
	struct ept_mapping mapping;
	struct ept_gather gather;
	int err;

	/* Without the lock it may have become a watch's since. */
	err = ept_lookup(thinvmm.ept, gpa, &mapping);
	if (err || mapping.attrs.tag != THINVMM_NO_WATCH)
		return false;
	ept_gather_init(&gather, thinvmm.ept);
	err = ept_protect(thinvmm.ept, mapping.gpa, mapping.size, 0, EPT_ATTRS_RAM.prot, &gather);
	ept_gather_defer(&gather);
	return !err;
}

/*
 * A right that no watch took was taken for a while, and is given back where it is needed. Root
 * could not flush: whatever this owes goes with the next change.
 */
static bool grant(u64 gpa)
{
	bool granted;

	if (!thinvmm_try_lock(&thinvmm.busy))
		return false;
	granted = give_back(gpa);
	thinvmm_unlock(&thinvmm.busy);
	return granted;
}

/* What the system's table has to do with an access that it stopped */
static enum thinvmm_counter judge(struct thinvmm_cpu *cpu, u64 gpa, u32 access, u64 gla)
{
	struct ept_mapping mapping;

	if (!ept_translate(thinvmm.ept, gpa, access, NULL))
		return THINVMM_SPURIOUS;
	if (ept_lookup(thinvmm.ept, gpa, &mapping))
		return map_missing(gpa) ? THINVMM_MAPPED : THINVMM_DENIED;
	if (mapping.attrs.tag == THINVMM_NO_WATCH)
		return grant(gpa) ? THINVMM_GRANTED : THINVMM_DENIED;
	if (thinvmm_note(cpu, mapping.attrs.tag, access, gpa, gla))
		return THINVMM_WATCHED;
	return THINVMM_DENIED;
}

/* Whether the instruction has to run on another table */
static bool is_to_step(struct thinvmm_cpu *cpu, u64 gpa, const struct ept_violation *violation)
{
	const u64 gla = violation->gla_valid ? vmcs_read(GUEST_LINEAR_ADDRESS) : 0;
	const enum thinvmm_counter reason = judge(cpu, gpa, wanted(violation), gla);

	thinvmm_count(cpu, reason);
	return reason == THINVMM_WATCHED || reason == THINVMM_DENIED;
}

void thinvmm_handle_violation(struct thinvmm_cpu *cpu, bool delivering)
{
	const u64 gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	struct ept_violation violation;
	bool bare;

	ept_violation_decode(vmcs_read(EXIT_QUALIFICATION), &thinvmm.caps, &violation);
	/* An IRET that faulted has unblocked NMIs already, and will again. */
	if (violation.nmi_unblocking && !delivering)
		vmcs_set_bits(GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI);
	bare = !has_in_step(gpa);
	/* Otherwise the instruction is on that table already, and now goes on. */
	if (!cpu->stepping && is_to_step(cpu, gpa, &violation))
		thinvmm_begin_step(cpu, delivering);
	if (cpu->stepping && bare)
		thinvmm_step_bare(cpu);
}
