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
static inline u64 any_u64(void)
{
	u64 any;

	return any;
}

static inline u32 any_u32(void)
{
	return any_u64();
}

static inline u8 any_u8(void)
{
	return any_u64();
}

static inline bool any_bool(void)
{
	return any_u64() & 1;
}

/* A number of 0 to @last */
static inline u32 any_up_to(u32 last)
{
	const u32 n = any_u32();

	assume(n <= last);
	return n;
}

#endif /* _PROOF_SYMBOLS_H */
