/* SPDX-License-Identifier: GPL-2.0 */
/* What typed maps and maps of the host are held to: the flat model, by the model of MTRRs. */
#ifndef EPT_KUNIT_TYPED_H
#define EPT_KUNIT_TYPED_H

#include <kunit/test.h>

#include "ept_memtype.h"
#include "fixture.h"
#include "model_mtrr.h"

/* The MTRRs of a recorded machine, by its name */
void take_log(struct kunit *test, struct ept_mtrr *mtrr, const char *name);

/*
 * From @hpa on, how many bytes below @end have its type, which is the model's. Spans are those of
 * the module, which another suite holds.
 */
u64 typed_span(struct kunit *test, const struct ept_mtrr *mtrr, u64 hpa, u64 end);

/* What of [start, end) isn't mapped is mapped to itself. */
void flat_fill(struct fixture *fixture, u64 start, u64 end, const struct ept_attrs *attrs,
	       const struct ept_mtrr *mtrr);

#endif
