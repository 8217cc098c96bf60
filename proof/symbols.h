/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A proof by CBMC: for all values at once.
 */
#ifndef _PROOF_SYMBOLS_H
#define _PROOF_SYMBOLS_H

#include "kernel.h"

#define assume(condition)		__CPROVER_assume(condition)
#ifdef PROOF_REACHED
/* Shows that each property is looked at: none holds, whatever is assumed. */
#define prove(condition, property)	__CPROVER_assert(((void)(condition), 0), property)
#else
#define prove(condition, property)	__CPROVER_assert(condition, property)
#endif

/* Any value: what isn't initialised may be anything, to CBMC. */
#define PROOF_ANY(type, name)			\
static inline type name(void)			\
{						\
	type any;				\
						\
	return any;				\
}

PROOF_ANY(bool, any_bool)
PROOF_ANY(u8, any_u8)
PROOF_ANY(u32, any_u32)
PROOF_ANY(u64, any_u64)

/* A number of 0 to @last */
static inline u32 any_up_to(u32 last)
{
	const u32 n = any_u32();

	assume(n <= last);
	return n;
}

#endif /* _PROOF_SYMBOLS_H */
