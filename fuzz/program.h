/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program of the fuzzer: bytes, each sixteen of which are one call of the interface, the first
 * sixteen the configurations of the tables. Any bytes are a program.
 */
#ifndef _FUZZ_PROGRAM_H
#define _FUZZ_PROGRAM_H

#include "native.h"

#define STEP		16
#define TABLES		2
#define GATHERS		2	/* of a table */

/* What was run, of all programs so far */
struct program_counts {
	u64	steps;
	u64	errors;		/* steps that were refused */
};

extern struct program_counts program_counts;

/*
 * Runs a program; a difference between module and models is printed. Returns the number of the step
 * that shows it, from 1 on, 0 if none does. With @print, each step as a line of C.
 */
size_t program_run(const u8 *bytes, size_t size, bool print);

#endif /* _FUZZ_PROGRAM_H */
