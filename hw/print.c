// SPDX-License-Identifier: GPL-2.0
/*
 * A case that differs, with all its parameters.
 */
#define pr_fmt(fmt) "ept_hw: " fmt

#include <linux/printk.h>

#include "hw.h"

static void print_outcome(const char *whose, const struct hw_outcome *outcome, unsigned int i)
{
	const u64 *entry = outcome->entry[i];

	if (!i)
		pr_info("  %s: exit %u, qualification %#llx, gpa %#llx, gla %#llx\n", whose,
			outcome->reason, outcome->qualification, outcome->gpa, outcome->gla);
	pr_info("  %s: entries of target %u afterwards: %#llx %#llx %#llx %#llx\n", whose, i,
		entry[3], entry[2], entry[1], entry[0]);
}

static void print_target(const struct hw_target *target, unsigned int i)
{
	u64 entry[HW_LEVELS] = {};
	unsigned int level;

	for (level = 0; level < HW_LEVELS; level++)
		if (target->where[level])
			entry[level] = *target->where[level];
	pr_info("  target %u at gpa %#llx: entries %#llx %#llx %#llx %#llx\n", i, target->gpa,
		entry[3], entry[2], entry[1], entry[0]);
}

void hw_print_case(struct hw *hw, const struct hw_access *access, const char *what,
		   const struct hw_outcome *expected, const struct hw_outcome *got)
{
	static const char * const ops[] = {
		"read", "write", "read-modify-write", "fetch", "shadow-stack read",
		"shadow-stack write",
	};
	static const char * const modes[] = {
		"supervisor", "supervisor, user page", "user",
	};
	static const char * const walks[] = {
		", PT in the target", ", PD in the target", ", PDPT in the target",
		", PML4 in the target", "", "",
	};
	unsigned int i, nr = access->across ? HW_TARGETS : 1;

	pr_info("DIFFERS: %s. %s, %s%s%s%s%s\n", what, ops[access->op], modes[access->mode],
		access->across ? ", across both targets" : "", walks[access->walk],
		access->walk != HW_NO_WALK && access->accessed ? ", accessed" : "",
		access->walk != HW_NO_WALK && access->dirty ? ", dirty" : "");
	pr_info("  EPTP %#llx, controls %#x\n", hw->eptp, hw->secondary);
	for (i = 0; i < nr; i++) {
		print_target(&hw->target[i], i);
		print_outcome("model", expected, i);
		print_outcome("CPU", got, i);
	}
}
