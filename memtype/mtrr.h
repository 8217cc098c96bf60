/* SPDX-License-Identifier: GPL-2.0 */
/* What reading and decoding MTRRs share: the bits of IA32_MTRRCAP. */
#ifndef EPT_MEMTYPE_MTRR_H
#define EPT_MEMTYPE_MTRR_H

#include <linux/bits.h>

#define EPT_MTRRCAP_VARIABLE	GENMASK_ULL(7, 0)
#define EPT_MTRRCAP_FIXED	BIT_ULL(8)
#define EPT_MTRRCAP_WC		BIT_ULL(10)

#endif
