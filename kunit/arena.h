/* SPDX-License-Identifier: GPL-2.0 */
/* A table that several work on, threads or who acts amid an operation. */
#ifndef EPT_KUNIT_ARENA_H
#define EPT_KUNIT_ARENA_H

#include <kunit/test.h>
#include <linux/rwsem.h>

#include "ept_core.h"
#include "model_mmu.h"

/*
 * A table and the model of the CPUs that run on it. A CPU's access is under the lock, shared, so
 * that the client's invalidate, which takes it alone, returns when no CPU is in the table any more.
 */
struct arena {
	struct kunit		*test;
	struct ept_config	config;
	struct ept_ops		ops;
	struct mmu		mmu;
	struct ept		*ept;
	u64			eptp;
	struct rw_semaphore	cpus;
	atomic64_t		invalidations;
	void			(*on_invalidate)(struct arena *arena);
	unsigned long		pages_before;
	void			*arg;		/* the case's own */
};

struct arena_config {
	const char		*name;
	struct ept_config	config;
	bool			own_flush;	/* the module's invalidation, not the client's */
	const void		*arg;		/* the case's own */
};

/* For .init and .exit of a suite; the parameter of each case is a struct arena_config. */
int arena_init(struct kunit *test);
void arena_exit(struct kunit *test);

#endif
