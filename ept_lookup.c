// SPDX-License-Identifier: GPL-2.0
/*
 * One address: the leaf that holds it, what a CPU makes of an access to it, and each entry on the
 * way. Readers, as in ept_read.h.
 */
#include <linux/err.h>

#include "ept_read.h"

/* Whether a leaf has nothing that only few have: a hidden address, a flag */
static bool is_plain(u64 leaf)
{
	return leaf & EPT_PTE_RIGHTS && !(leaf & EPT_PTE_FLAGS);
}

/* Apart, so that the common case calls nothing, and has no registers to save. */
static noinline int lookup_any(const struct ept *ept, u64 leaf, enum ept_level level, u64 gpa,
			       struct ept_mapping *mapping)
{
	if (!ept_pte_is_leaf(leaf, level)) {
		*mapping = ept_pte_hole(level, gpa);
		return -ENOENT;
	}
	*mapping = ept_pte_mapping(&ept->fmt, leaf, level, gpa);
	return 0;
}

int ept_lookup(struct ept *ept, u64 gpa, struct ept_mapping *mapping)
{
	enum ept_level level = EPT_4K;
	u64 leaf;

	if (IS_ERR_OR_NULL(ept) || !mapping)
		return -EINVAL;
	if (!ept_gpa_fits(ept, gpa))
		return -ERANGE;

	ept_read_lock_brief();
	ept_descend(&ept->fmt, ept->root, gpa, &level, &leaf);
	ept_read_unlock_brief();
	if (unlikely(level != EPT_4K || !is_plain(leaf)))
		return lookup_any(ept, leaf, level, gpa, mapping);
	*mapping = ept_pte_mapping(&ept->fmt, leaf, EPT_4K, gpa);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_lookup);

/* pfn_valid() may say more, but takes RCU, which not every reader may. */
static bool is_in_memory(phys_addr_t address)
{
	return pfn_in_present_section(PHYS_PFN(address));
}

/*
 * What a CPU makes of an address: it reads entries from the root down until one maps memory, isn't
 * present or is misconfigured, and compares rights at the end, with those that all entries allow.
 */
static void explain(struct ept *ept, u64 gpa, u64 wanted, struct ept_explanation *explanation)
{
	const struct ept_format *fmt = &ept->fmt;
	enum ept_level level = ept_root_level(fmt);
	const u64 *table = ept->root;
	u64 allowed = fmt->rights;

	*explanation = (struct ept_explanation){ .verdict = -EFAULT };
	for (;; level--) {
		const u64 *at = table + ept_index(gpa, level);
		const u64 entry = READ_ONCE(*at);
		typeof(*explanation->step) *step = &explanation->step[explanation->nr++];

		step->level = level;
		step->address = ept_table_phys(at);
		step->entry = entry;
		step->leaf = ept_pte_is_leaf(entry, level);
		if (!ept_pte_is_present(fmt, entry)) {
			step->why = step->leaf ? "no rights" : "not present";
			return;
		}
		step->why = ept_pte_illegal(fmt, entry, level);
		if (step->why) {
			explanation->verdict = -EIO;
			return;
		}
		allowed &= entry;
		if (!step->leaf && !is_in_memory(ept_pte_table_address(entry))) {
			step->why = "table outside of memory";
			explanation->verdict = -EIO;
			return;
		}
		if (step->leaf) {
			if (wanted & ~allowed)
				step->why = "right missing";
			else
				explanation->verdict = 0;
			return;
		}
		table = ept_table_at(entry);
	}
}

/* The rights that an access needs. Without mode-based execute there is one kind of fetch. */
static u64 wanted_rights(const struct ept_format *fmt, u32 access)
{
	if (access & EPT_PROT_UEXEC && !(fmt->features & EPT_FEATURE_MODE_EXEC))
		access |= EPT_PROT_EXEC;
	return ept_prot_to_bits(fmt, access);
}

int ept_explain(struct ept *ept, u64 gpa, struct ept_explanation *explanation)
{
	if (IS_ERR_OR_NULL(ept) || !explanation)
		return -EINVAL;
	if (!ept_gpa_fits(ept, gpa))
		return -ERANGE;
	ept_read_lock_brief();
	explain(ept, gpa, wanted_rights(&ept->fmt, EPT_PROT_READ), explanation);
	ept_read_unlock_brief();
	return 0;
}
EXPORT_SYMBOL_EPT(ept_explain);

int ept_translate(struct ept *ept, u64 gpa, u32 access, phys_addr_t *hpa)
{
	struct ept_explanation explanation;

	if (IS_ERR_OR_NULL(ept) || access & ~EPT_PROT_ALL)
		return -EINVAL;
	if (!ept_gpa_fits(ept, gpa))
		return -ERANGE;
	ept_read_lock_brief();
	explain(ept, gpa, wanted_rights(&ept->fmt, access), &explanation);
	ept_read_unlock_brief();
	if (!explanation.verdict && hpa) {
		typeof(*explanation.step) *leaf = &explanation.step[explanation.nr - 1];

		*hpa = ept_pte_leaf_address(&ept->fmt, leaf->entry) +
		       (gpa & (ept_level_size(leaf->level) - 1));
	}
	return explanation.verdict;
}
EXPORT_SYMBOL_EPT(ept_translate);
