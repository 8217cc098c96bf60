// SPDX-License-Identifier: GPL-2.0
/*
 * Where Bochs isn't the CPU of Intel's manual. Cases of which one of these says all that differs
 * are counted by its name, and no others are excluded.
 */
#include <linux/string.h>

#include "hw.h"

const char * const hw_deviation_names[HW_NR_DEVIATIONS] = {
	[HW_LARGE_BIT_12] = "bit 12 of a large leaf is not looked at",
	[HW_WALK_IS_WRITE_ALONE] = "a walk that counts as a write is not reported as a read, too",
	[HW_USER_EXEC_IN_BIT_13] = "bit 6 of a qualification is reported as bit 13, but of a fetch",
	[HW_FLAGS_PAST_EPT] = "flags of a guest's entry are set without asking EPT",
	[HW_LOG_HAS_OFFSET] = "a page-modification log has more of an address than its page",
	[HW_VECTOR_RESERVED] = "odd bits of a sub-page vector are not looked at",
};

/* The only reserved bit of a large leaf on the way is bit 12. */
static bool large_bit_12(struct hw *hw, const struct hw_outcome *expected,
			 const struct hw_outcome *got)
{
	const struct hw_target *target = &hw->target[0];
	unsigned int level;

	if (expected->reason != EXIT_REASON_EPT_MISCONFIG || got->reason == expected->reason)
		return false;
	for (level = 1; level <= 2; level++) {
		const u64 entry = target->where[level] ? *target->where[level] : 0;

		if (entry & BIT_ULL(7) && entry & BIT_ULL(12) &&
		    mmu_entry_fault(&hw->mmu, entry, level) == MMU_RESERVED &&
		    !mmu_entry_fault(&hw->mmu, entry & ~BIT_ULL(12), level))
			return true;
	}
	return false;
}

/* What a qualification would be without these; which of them it was is the return value. */
static enum hw_deviation mend(struct hw *hw, const struct hw_access *access, u64 *qualification)
{
	const u64 was = *qualification;
	enum hw_deviation deviation = HW_NO_DEVIATION;

	if (hw_has(hw, EPT_FEATURE_MODE_EXEC) && was & BIT_ULL(13) && !(was & 4)) {
		*qualification ^= BIT_ULL(13) | BIT_ULL(6);
		deviation = HW_USER_EXEC_IN_BIT_13;
	}
	if (access->walk != HW_NO_WALK && (was & 3) == 2) {
		*qualification |= 1;
		deviation = HW_WALK_IS_WRITE_ALONE;
	}
	return deviation;
}

/* Without accessed and dirty flags of EPT's own: with them each walk is a write from the start. */
static bool flags_past_ept(struct hw *hw, const struct hw_access *access,
			   const struct hw_outcome *expected, const struct hw_outcome *got)
{
	return access->walk != HW_NO_WALK && !hw_has(hw, EPT_FEATURE_AD) &&
	       expected->reason == EXIT_REASON_EPT_VIOLATION && expected->qualification & 2 &&
	       expected->qualification & BIT_ULL(3) && got->reason == EXIT_REASON_VMCALL &&
	       !memcmp(expected->entry, got->entry, sizeof(got->entry));
}

enum hw_deviation hw_deviates(struct hw *hw, const struct hw_access *access,
			      const struct hw_outcome *expected, const struct hw_outcome *got)
{
	struct hw_outcome mended = *got;
	enum hw_deviation deviation;

	if (large_bit_12(hw, expected, got))
		return HW_LARGE_BIT_12;
	if (flags_past_ept(hw, access, expected, got))
		return HW_FLAGS_PAST_EPT;
	deviation = mend(hw, access, &mended.qualification);
	return hw_same(access, expected, &mended) ? deviation : HW_NO_DEVIATION;
}

void hw_exclude(struct hw *hw, enum hw_deviation deviation)
{
	hw->excluded[deviation]++;
	hw->cases--;
}
