/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of this folder judge alike. */
#ifndef EPT_MEMTYPE_MEMTYPE_H
#define EPT_MEMTYPE_MEMTYPE_H

#include <linux/sizes.h>

#include "ept_memtype.h"

static inline bool ept_memtype_valid(u64 type)
{
	return type <= EPT_MT_WB && type != 2 && type != 3;
}

static inline bool ept_maxphyaddr_valid(unsigned int maxphyaddr)
{
	return maxphyaddr >= 32 && maxphyaddr <= 52;
}

static inline bool ept_mtrr_decoded(const struct ept_mtrr *mtrr)
{
	return mtrr && mtrr->nr;
}

#endif
