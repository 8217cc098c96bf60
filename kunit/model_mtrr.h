/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model of MTRRs: the type of one address, from the raw values and by the manual's rules, in
 * the plainest way that there is. And the raw values of machines, as their kernels logged them.
 *
 * Of ept_memtype.h it uses the raw values' type alone.
 */
#ifndef EPT_KUNIT_MODEL_MTRR_H
#define EPT_KUNIT_MODEL_MTRR_H

#include "ept_memtype.h"

/* The type, in Intel's encoding; what the CPU lacks or has turned off is for the caller to know. */
u8 mtrr_model_type(const struct ept_mtrr_msrs *msrs, u64 address);

/*
 * From @address on, how many bytes have its type: page by page, up to @end, a multiple of 4K above
 * it.
 */
u64 mtrr_model_span(const struct ept_mtrr_msrs *msrs, u64 address, u64 end);

/* A range of a boot log; fixed ranges have last addresses, variable ones masks. */
struct mtrr_range {
	u64	base;
	u64	end;
	u8	type;
};

#define RECORDED_FIXED		8
#define RECORDED_VARIABLE	10

struct recorded_mtrr {
	const char		*name;
	u8			maxphyaddr;
	u8			def_type;
	struct mtrr_range	fixed[RECORDED_FIXED];		/* a last address of 0: no more */
	struct mtrr_range	variable[RECORDED_VARIABLE];	/* a mask of 0: disabled */
};

#define NR_RECORDED	17
extern const struct recorded_mtrr recorded_mtrrs[NR_RECORDED];

/* By its name; NULL: none has it */
const struct recorded_mtrr *mtrr_log(const char *name);

/* The values of the MSRs of which a kernel logged this. */
void mtrr_from_log(const struct recorded_mtrr *log, struct ept_mtrr_msrs *msrs);

#endif
