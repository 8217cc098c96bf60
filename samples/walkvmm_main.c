// SPDX-License-Identifier: GPL-2.0
/*
 * walkvmm: the walk of guest paging in ept_guest.h, beside the CPU's own. Loading it makes random
 * accesses in guest mode, in each mode of paging that the CPU has, on tables with and without
 * accessed and dirty flags, and compares: where the access went, or the exception with its error
 * code and address, or the violation with all that the CPU says of it; and the flags that were set
 * in the guest's entries.
 */
#include <linux/err.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/string.h>

#include <asm/processor-flags.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "walkvmm.h"

static unsigned int cases = 1000;
module_param(cases, uint, 0444);
MODULE_PARM_DESC(cases, "how many for each mode of paging, and each kind of table");

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "of what is random");

#define NEW_RIGHTS	20	/* cases with the same rights in EPT */
#define MAX_SHOWN	5	/* differences in full */

static struct walkvmm walkvmm = { .report.name = "walkvmm" };

/*
 * What ept says
 */

/*
 * The instruction is fetched first. Random tables may have another one there, of which nothing is
 * known: false.
 */
static bool walk_both(struct walkvmm *vmm, const struct walk_case *c, struct ept_guest_walk *walk)
{
	const u32 fetch = EPT_PROT_EXEC | (c->access & EPT_GUEST_USER) | EPT_GUEST_SET_AD;

	ept_guest_walk(vmm->ept, &c->paging, c->code, fetch, walk);
	if (walk->verdict != EPT_WALK_OK)
		return walk->verdict != EPT_WALK_NO_MEMORY;
	if (c->access & EPT_PROT_EXEC)
		return walk_is_data(vmm, walk->hpa);
	if ((walk->hpa & PAGE_MASK) != page_to_phys(vmm->page[WALK_CODE]))
		return false;
	ept_guest_walk(vmm->ept, &c->paging, c->gva, c->access | EPT_GUEST_SET_AD, walk);
	return walk->verdict != EPT_WALK_NO_MEMORY;
}

/* With what the access itself leaves in memory, which may be an entry. False: not to be tried */
static bool walk_by_ept(struct walkvmm *vmm, const struct walk_case *c,
			struct walk_outcome *outcome, struct ept_guest_walk *walk)
{
	u64 saved[WALK_MAX_ENTRIES];
	u32 *target = NULL, old = 0;
	bool known;

	for (unsigned int i = 0; i < c->nr_entries; i++)
		saved[i] = walk_read_entry(c, i);
	known = walk_both(vmm, c, walk);
	*outcome = (struct walk_outcome){
		.verdict = walk->verdict,
		.address = walk->gva,
		.gpa = walk->gpa,
		.vector = walk->vector,
		.error_code = walk->error_code,
		.violation = walk->violation,
	};
	if (walk->verdict == EPT_WALK_OK) {
		target = phys_to_virt(walk->hpa);
		old = *target;
		if (c->access & EPT_PROT_WRITE)
			*target = c->value;
	}
	for (unsigned int i = 0; i < c->nr_entries; i++)
		outcome->entries[i] = walk_read_entry(c, i);
	if (target)
		*target = old;
	for (unsigned int i = 0; i < c->nr_entries; i++)
		walk_write_entry(c, i, saved[i]);
	return known;
}

/*
 * Comparing
 */

/* What all CPUs say of a violation */
static bool same_violation(const struct walk_outcome *ours, const struct walk_outcome *cpus)
{
	const struct ept_violation *a = &ours->violation, *b = &cpus->violation;

	return ours->gpa == cpus->gpa && ours->address == cpus->address && a->read == b->read &&
	       a->write == b->write && a->exec == b->exec && a->gla_valid == b->gla_valid &&
	       a->page_walk == b->page_walk && !((a->prot ^ b->prot) & ~EPT_PROT_UEXEC);
}

/* Bochs 2.7 holds user accesses to supervisor pages to PKRU, too, and says so. */
static bool is_bochs_key(struct walkvmm *vmm, const struct walk_case *c,
			 const struct walk_outcome *ours, const struct walk_outcome *cpus)
{
	struct ept_guest_walk walk;

	if (cpus->error_code != (ours->error_code | X86_PF_PK) || !(c->access & EPT_GUEST_USER))
		return false;
	ept_guest_walk(vmm->ept, &c->paging, c->gva, EPT_GUEST_AS_HOST, &walk);
	if (walk.verdict == EPT_WALK_OK)
		return !walk.user;
	/* EPT has nothing there, which no longer mattered */
	return walk.verdict == EPT_WALK_VIOLATION && !walk.violation.page_walk &&
	       !walk.violation.user;
}

static bool same_fault(struct walkvmm *vmm, const struct walk_case *c,
		       const struct walk_outcome *ours, const struct walk_outcome *cpus)
{
	if (ours->vector != cpus->vector ||
	    (ours->vector == X86_TRAP_PF && ours->address != cpus->address))
		return false;
	return ours->error_code == cpus->error_code || is_bochs_key(vmm, c, ours, cpus);
}

/* After an exception or exit it is the CPU's choice which flags are set. */
static bool same_memory(const struct walk_case *c, const struct walk_outcome *ours,
			const struct walk_outcome *cpus)
{
	return !memcmp(ours->entries, cpus->entries, c->nr_entries * sizeof(u64));
}

static bool same_result(const struct walk_case *c, const struct ept_guest_walk *walk,
			const struct walk_outcome *cpus)
{
	const u32 *target = phys_to_virt(walk->hpa);

	if (c->access & EPT_PROT_WRITE)
		return *target == c->value;
	if (c->access & EPT_PROT_READ)
		return *target == cpus->value;
	return (u32)(*(u64 *)target >> 8) == cpus->value;
}

static bool same(struct walkvmm *vmm, const struct walk_case *c, const struct walk_outcome *ours,
		 const struct ept_guest_walk *walk, const struct walk_outcome *cpus)
{
	if (cpus->other || ours->verdict != cpus->verdict)
		return false;
	switch (ours->verdict) {
	case EPT_WALK_OK:
		return same_result(c, walk, cpus) && same_memory(c, ours, cpus);
	case EPT_WALK_FAULT:
		return same_fault(vmm, c, ours, cpus);
	case EPT_WALK_VIOLATION:
		return same_violation(ours, cpus);
	default:
		return ours->gpa == cpus->gpa;
	}
}

static void show(const struct walk_outcome *outcome, const char *whose)
{
	const struct ept_violation *violation = &outcome->violation;

	pr_info("walkvmm:   %s: verdict %d, address %#llx, gpa %#llx, vector %u code %#x, violation %d%d%d prot %#x walk %d gla %d, value %#x, other %d\n",
		whose, outcome->verdict, outcome->address, outcome->gpa, outcome->vector,
		outcome->error_code, violation->read, violation->write, violation->exec,
		violation->prot, violation->page_walk, violation->gla_valid, outcome->value,
		outcome->other);
}

static void show_difference(struct walkvmm *vmm, unsigned int nr, const struct walk_case *c,
			    const struct walk_outcome *ours, const struct ept_guest_walk *walk,
			    const struct walk_outcome *cpus)
{
	const struct ept_guest_paging *paging = &c->paging;

	if (vmm->shown++ >= MAX_SHOWN)
		return;
	pr_info("walkvmm: case %u: access %#x, gva %#llx, code %#llx, cr0 %#llx cr3 %#llx cr4 %#llx efer %#llx rflags %#llx pkru %#x, 64-bit %d\n",
		nr, c->access, c->gva, c->code, paging->cr0, paging->cr3, paging->cr4, paging->efer,
		paging->rflags, paging->pkru, paging->cs_long);
	show(ours, "ept");
	show(cpus, "CPU");
	pr_info("walkvmm:   page of %#llx bytes, user %d, writable %d; exit %#x %#llx, at %#llx\n",
		walk->size, walk->user, walk->writable, vmm->vcpu.exit.reason,
		vmm->vcpu.exit.qualification, vmm->vcpu.exit.rip);
	for (unsigned int i = 0; i < c->nr_entries; i++)
		pr_info("walkvmm:   entry %u: ept %#llx, CPU %#llx\n", i, ours->entries[i],
			cpus->entries[i]);
}

/*
 * Cases
 */

struct tally {
	unsigned int	tried, same;
	unsigned int	verdicts[EPT_WALK_NO_MEMORY + 1];
	unsigned int	in_tables;	/* violations on the way down */
};

static void try_case(struct walkvmm *vmm, enum walk_mode mode, struct tally *tally)
{
	struct walk_outcome ours, cpus;
	struct ept_guest_walk walk;
	struct walk_case c;

	walk_random_case(vmm, mode, &c);
	if (!walk_by_ept(vmm, &c, &ours, &walk))
		return;
	walk_by_cpu(vmm, &c, &cpus);
	tally->tried++;
	tally->verdicts[ours.verdict]++;
	tally->in_tables += ours.verdict == EPT_WALK_VIOLATION && ours.violation.page_walk;
	if (same(vmm, &c, &ours, &walk, &cpus))
		tally->same++;
	else
		show_difference(vmm, tally->tried, &c, &ours, &walk, &cpus);
	if (c.access & EPT_PROT_WRITE)
		walk_restore_data(vmm);
}

static const char * const mode_names[WALK_NR_MODES] = {
	[WALK_NONE] = "no paging",
	[WALK_32] = "32-bit paging",
	[WALK_PAE] = "PAE paging",
	[WALK_4_LEVEL] = "4-level paging",
	[WALK_5_LEVEL] = "5-level paging",
};

static bool has_mode(const struct walkvmm *vmm, enum walk_mode mode)
{
	switch (mode) {
	case WALK_NONE:
		return vmm->unrestricted;
	case WALK_5_LEVEL:
		return vmm->cr4 & X86_CR4_LA57;
	default:
		return true;
	}
}

static void report_tally(struct walkvmm *vmm, enum walk_mode mode, const struct tally *tally)
{
	char what[REPORT_TEXT_SIZE];

	pr_info("walkvmm: %u translations, %u exceptions, %u violations, %u of them in tables\n",
		tally->verdicts[EPT_WALK_OK], tally->verdicts[EPT_WALK_FAULT],
		tally->verdicts[EPT_WALK_VIOLATION], tally->in_tables);
	scnprintf(what, sizeof(what), "%s: accesses that end as the CPU's", mode_names[mode]);
	report_count(&vmm->report, what, tally->tried, tally->same);
	scnprintf(what, sizeof(what), "%s: whether there are many of each kind", mode_names[mode]);
	report_yes(&vmm->report, what,
		   tally->tried > cases * 3 / 4 && tally->verdicts[EPT_WALK_OK] > cases / 10 &&
		   tally->verdicts[EPT_WALK_VIOLATION] > cases / 50 &&
		   (mode == WALK_NONE || tally->in_tables > cases / 100) &&
		   (mode == WALK_NONE || tally->verdicts[EPT_WALK_FAULT] > cases / 10));
}

static void try_mode(struct walkvmm *vmm, enum walk_mode mode)
{
	struct tally tally = {};

	if (!has_mode(vmm, mode)) {
		report_skip(&vmm->report, mode == WALK_NONE ?
			    "this CPU runs no guest without paging" :
			    "this CPU has no 5-level paging");
		return;
	}
	for (unsigned int i = 0; i < cases; i++) {
		int err = i % NEW_RIGHTS ? 0 : walk_random_rights(vmm);

		if (err) {
			report_error(&vmm->report, "changing rights", err);
			return;
		}
		try_case(vmm, mode, &tally);
	}
	report_tally(vmm, mode, &tally);
}

/*
 * All of them
 */

static int run_all(struct walkvmm *vmm)
{
	int err = walk_create_vcpu(vmm);

	if (err)
		return err;
	for (unsigned int mode = 0; mode < WALK_NR_MODES; mode++)
		try_mode(vmm, mode);
	vcpu_destroy(&vmm->vcpu);
	return 0;
}

static int run_on(struct walkvmm *vmm, char step, const char *title, bool flags)
{
	int err;

	vmm->report.step = step;
	pr_info("walkvmm: (%c) %s\n", step, title);
	err = walk_build(vmm, flags);
	if (err)
		return report_refuse(&vmm->report, "there is no memory for a guest", err);
	err = run_all(vmm);
	walk_destroy(vmm);
	return err ? report_refuse_vmx(&vmm->report, err) : 0;
}

static int __init walkvmm_init(void)
{
	struct walkvmm *vmm = &walkvmm;
	int err = ept_caps_read(&vmm->caps);

	if (err)
		return report_refuse_cpu(&vmm->report, err);
	prandom_seed_state(&vmm->random, seed);
	err = run_on(vmm, 'a', "tables without accessed and dirty flags", false);
	if (err)
		return err;
	if (vmm->caps.accessed_dirty)
		err = run_on(vmm, 'b', "tables with them", true);
	else
		report_skip(&vmm->report, "this CPU has no accessed and dirty flags");
	if (!err)
		report_end(&vmm->report);
	return err;
}

static void __exit walkvmm_exit(void)
{
}

module_init(walkvmm_init);
module_exit(walkvmm_exit);

MODULE_DESCRIPTION("Compares ept.ko's walk of guest paging with the CPU's");
MODULE_LICENSE("GPL");
EPT_IMPORT_NS;
