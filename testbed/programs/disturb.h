/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process does to its memory that keeps what is in it, at random, while its guest uses it.
 * Included once, by a program that has _GNU_SOURCE.
 */
#ifndef DISTURB_H
#define DISTURB_H

#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define DISTURB_PAGE	4096UL
#define DISTURB_MOST	100	/* pages at a time */

/**
 * struct disturbed - the memory
 * @memory: where it is
 * @pages: its size; more than DISTURB_MOST
 * @away: where as much may be for a moment
 * @seed: of what is random
 */
struct disturbed {
	char		*memory;
	unsigned long	pages;
	char		*away;
	unsigned int	seed;
};

static inline unsigned int disturb_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

static inline void disturb_protect(char *at, size_t size, int prot)
{
	mprotect(at, size, prot);
	mprotect(at, size, PROT_READ | PROT_WRITE);
}

static inline void disturb_fork(void)
{
	const pid_t child = fork();

	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

static inline void disturb_move(char *at, size_t size, char *away)
{
	mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, away);
	mremap(away, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at);
}

/* One of these, or 0: it is the program's turn to do something of its own. */
static inline int disturb(struct disturbed *d)
{
	const unsigned long nr = 1 + disturb_random(&d->seed) % DISTURB_MOST;
	const size_t size = nr * DISTURB_PAGE;
	char *at = d->memory + disturb_random(&d->seed) % (d->pages - nr) * DISTURB_PAGE;

	switch (disturb_random(&d->seed) % 8) {
	case 0:
		madvise(at, size, MADV_PAGEOUT);
		break;
	case 1:
		disturb_protect(at, size, PROT_READ);
		break;
	case 2:
		disturb_protect(at, size, PROT_NONE);
		break;
	case 3:
		disturb_fork();
		break;
	case 4:
		madvise(d->memory, d->pages * DISTURB_PAGE, MADV_COLLAPSE);
		break;
	case 5:
		disturb_move(at, size, d->away);
		break;
	case 6:
		madvise(at, size, MADV_COLD);
		break;
	default:
		return 0;
	}
	return 1;
}

#endif
