// SPDX-License-Identifier: GPL-2.0
/* What typed maps and maps of the host are held to: the flat model, by the model of MTRRs. */
#include <linux/minmax.h>
#include <linux/pfn.h>

#include "typed.h"

void take_log(struct kunit *test, struct ept_mtrr *mtrr, const char *name)
{
	const struct recorded_mtrr *log = mtrr_log(name);

	KUNIT_ASSERT_NOT_NULL(test, log);
	mtrr_from_log(log, &mtrr->msrs);
	KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&mtrr->msrs, mtrr), 0);
}

u64 typed_span(struct kunit *test, const struct ept_mtrr *mtrr, u64 hpa, u64 end)
{
	u64 span;

	KUNIT_ASSERT_EQ(test, ept_mtrr_type(mtrr, hpa, &span), mtrr_model_type(&mtrr->msrs, hpa));
	return min(span, end - hpa);
}

void flat_fill(struct fixture *fixture, u64 start, u64 end, const struct ept_attrs *attrs,
	       const struct ept_mtrr *mtrr)
{
	struct ept_attrs typed = *attrs;
	struct flat_range range;
	u64 gpa, span;

	for (gpa = start; gpa < end; gpa += span) {
		const bool found = flat_next(fixture->flat, PHYS_PFN(gpa), &range);
		const u64 next = found ? PFN_PHYS(range.first) : end;

		if (next <= gpa) {
			span = PFN_PHYS(range.last + 1) - gpa;
			continue;
		}
		typed.memtype = mtrr_model_type(&mtrr->msrs, gpa);
		span = typed_span(fixture->test, mtrr, gpa, min(next, end));
		KUNIT_ASSERT_EQ(fixture->test, flat_map(fixture->flat, gpa, gpa, span, &typed), 0);
	}
}
