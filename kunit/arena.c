// SPDX-License-Identifier: GPL-2.0
/* Set-up and end of a table that several work on. */
#include <linux/err.h>

#include "arena.h"
#include "fixture.h"

/* Waits for the CPUs that are in the table; those of an atomic table hold no lock. */
static void invalidate(struct ept *ept, void *cookie)
{
	struct arena *arena = cookie;

	if (arena->on_invalidate)
		arena->on_invalidate(arena);
	if (!(arena->config.flags & EPT_CONFIG_ATOMIC)) {
		down_write(&arena->cpus);
		up_write(&arena->cpus);
	}
	atomic64_inc(&arena->invalidations);
}

int arena_init(struct kunit *test)
{
	const struct arena_config *config = test->param_value;
	struct arena *arena = kunit_kzalloc(test, sizeof(*arena), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, arena);
	test->priv = arena;
	arena->test = test;
	init_rwsem(&arena->cpus);
	arena->ops.invalidate = invalidate;
	arena->pages_before = table_pages();
	arena->config = config->config;
	arena->config.cookie = arena;
	if (!config->own_flush)
		arena->config.ops = &arena->ops;
	mmu_for_config(&arena->mmu, &arena->config);
	arena->ept = ept_create(&arena->config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena->ept);
	arena->eptp = ept_pointer(arena->ept);
	return 0;
}

void arena_exit(struct kunit *test)
{
	struct arena *arena = test->priv;

	if (!arena)
		return;
	ept_destroy(arena->ept);
	KUNIT_EXPECT_EQ_MSG(test, table_pages(), arena->pages_before, "pages of tables leaked");
}
