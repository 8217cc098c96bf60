/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A proof by running it: on each path that its choices can take, one after the other. The sources
 * run as they are, at the speed of this machine. PROOF_EXHAUST is the proof's name.
 */
#ifndef _PROOF_EXHAUST_H
#define _PROOF_EXHAUST_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#define EXHAUST_DEPTH	256

/* Is no part of the state that a path is in */
#define EXHAUST_ASIDE	__attribute__((section("exhaust_aside")))

static EXHAUST_ASIDE unsigned int exhaust_choice[EXHAUST_DEPTH], exhaust_of[EXHAUST_DEPTH],
				  exhaust_depth, exhaust_known;
static EXHAUST_ASIDE unsigned long exhaust_paths;
static EXHAUST_ASIDE jmp_buf exhaust_abandon;

/* Ends this path: what it assumed doesn't hold. */
#define exhaust_assume(condition)				\
do {								\
	if (!(condition))					\
		longjmp(exhaust_abandon, 1);			\
} while (0)

static inline void exhaust_prove(bool holds, const char *property, int line)
{
	if (holds)
		return;
	printf("[%s] line %d %s: FAILURE\nchoices:", "proof.assertion.1", line, property);
	for (unsigned int i = 0; i < exhaust_depth; i++)
		printf(" %u/%u", exhaust_choice[i], exhaust_of[i]);
	printf("\n");
	exit(10);
}

#define assume(condition)		exhaust_assume(condition)
#define prove(condition, property)	exhaust_prove(condition, property, __LINE__)

/* A number below @n: each of them, on some path */
static inline unsigned int exhaust_choose(unsigned int n)
{
	const unsigned int at = exhaust_depth++;

	if (at >= EXHAUST_DEPTH)
		abort();
	if (at == exhaust_known) {
		exhaust_known++;
		exhaust_choice[at] = 0;
		exhaust_of[at] = n;
	}
	return exhaust_choice[at];
}

static inline bool any_bool(void)
{
	return exhaust_choose(2);
}

static inline u32 any_up_to(u32 last)
{
	return exhaust_choose(last + 1);
}

/* Whether there is another path */
static inline bool exhaust_next(void)
{
	while (exhaust_known && exhaust_choice[exhaust_known - 1] + 1 ==
	       exhaust_of[exhaust_known - 1])
		exhaust_known--;
	if (!exhaust_known)
		return false;
	exhaust_choice[exhaust_known - 1]++;
	return true;
}

/* The main function of a proof: runs it on each path. */
int main(void)
{
	void PROOF_EXHAUST(void);

	do {
		exhaust_depth = 0;
		exhaust_paths++;
		if (!setjmp(exhaust_abandon))
			PROOF_EXHAUST();
	} while (exhaust_next());
	printf("%lu paths\n", exhaust_paths);
	return 0;
}

#endif /* _PROOF_EXHAUST_H */
