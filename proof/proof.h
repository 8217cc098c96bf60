/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all proofs share: a property is proved for whatever any_*() may return, of what is assumed.
 * CBMC takes all of it at once, as symbols; exhaust.h takes it one by one.
 */
#ifndef _PROOF_H
#define _PROOF_H

#include "kernel.h"

#ifdef PROOF_EXHAUST
#include "exhaust.h"
#else
#include "symbols.h"
#endif

#define implies(a, b)	(!(a) || (b))

#endif /* _PROOF_H */
