// SPDX-License-Identifier: GPL-2.0
/* The life of a space, and the module's own. */
#include <linux/module.h>
#include <linux/slab.h>

#include "ept_compat.h"
#include "space.h"

#define CREATE_TRACE_POINTS
#include "space_trace.h"

/*
 * Without room for gaps, a maple tree that readers walk damages memory: when it drops a full inner
 * node with all that is below it, it clears two bytes of the last child's address, where it takes a
 * number of entries to be, and frees what is there (mt_clear_meta(), Linux 6.1 to 7.3 at least). A
 * node with room for gaps has that number elsewhere.
 */
static void init_tree(struct ept_space *space, struct maple_tree *tree)
{
	mt_init_flags(tree, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU | MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(tree, &space->lock);
}

static void init(struct ept_space *space, const struct ept_config *config)
{
	space->max_leaf = config->max_leaf;
	space->exec_small = config->flags & EPT_CONFIG_NO_EXEC_LARGE;
	space->accessed_dirty = config->features & EPT_FEATURE_AD;
	space->mode_exec = config->features & EPT_FEATURE_MODE_EXEC;
	space->nid = config->nid;
	space->limit = BIT_ULL(config->levels == 5 ? 57 : 48);
	mutex_init(&space->lock);
	rwlock_init(&space->walking);
	init_tree(space, &space->spans);
	init_tree(space, &space->logs);
	INIT_LIST_HEAD(&space->pending);
	INIT_LIST_HEAD(&space->dead);
	INIT_LIST_HEAD(&space->changes);
	INIT_LIST_HEAD(&space->flushed);
	INIT_LIST_HEAD(&space->pages);
}

struct ept_space *ept_space_create(const struct ept_config *config)
{
	struct ept *ept = ept_create(config);
	struct ept_config actual;
	struct ept_space *space;
	int err = -EOPNOTSUPP;

	if (IS_ERR(ept))
		return ERR_CAST(ept);
	ept_get_config(ept, &actual);
	if (actual.flags & (EPT_CONFIG_EXTERNAL_LOCK | EPT_CONFIG_ATOMIC))
		goto destroy_ept;
	err = -ENOMEM;
	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	if (!space)
		goto destroy_ept;
	init(space, &actual);
	space->ept = ept;
	ept_gather_init(&space->gather, ept);
	space->counts = alloc_percpu_gfp(struct ept_space_stats, GFP_KERNEL_ACCOUNT);
	if (!space->counts)
		goto free_space;
	space->recent = alloc_percpu_gfp(struct recent, GFP_KERNEL_ACCOUNT);
	if (!space->recent)
		goto free_counts;
	err = init_srcu_struct(&space->srcu);
	if (err)
		goto free_recent;
	space_debugfs_add(space);
	return space;

free_recent:
	free_percpu(space->recent);
free_counts:
	free_percpu(space->counts);
free_space:
	kfree(space);
destroy_ept:
	ept_destroy(ept);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_EPT(ept_space_create);

void ept_space_destroy(struct ept_space *space)
{
	if (IS_ERR_OR_NULL(space))
		return;
	space_debugfs_remove(space);
	/* What this thread has begun would keep it waiting for itself. */
	space_unlock(space);
	space_remove_all(space);
	ept_destroy(space->ept);
	cleanup_srcu_struct(&space->srcu);
	free_percpu(space->recent);
	free_percpu(space->counts);
	kfree(space);
}
EXPORT_SYMBOL_EPT(ept_space_destroy);

struct ept *ept_space_table(const struct ept_space *space)
{
	return IS_ERR_OR_NULL(space) ? NULL : space->ept;
}
EXPORT_SYMBOL_EPT(ept_space_table);

void ept_space_get_stats(struct ept_space *space, struct ept_space_stats *stats)
{
	int cpu;

	if (!stats)
		return;
	memset(stats, 0, sizeof(*stats));
	if (IS_ERR_OR_NULL(space))
		return;
	for_each_possible_cpu(cpu) {
		const struct ept_space_stats *counts = per_cpu_ptr(space->counts, cpu);

		for (unsigned int i = 0; i < EPT_NR_VERDICTS; i++)
			stats->faults[i] += READ_ONCE(counts->faults[i]);
		stats->errors += READ_ONCE(counts->errors);
		stats->retries += READ_ONCE(counts->retries);
		stats->invalidations += READ_ONCE(counts->invalidations);
		stats->anon_pages += READ_ONCE(counts->anon_pages);
	}
}
EXPORT_SYMBOL_EPT(ept_space_get_stats);

EPT_IMPORT_NS;
MODULE_DESCRIPTION("What the memory of a guest is, on top of ept.ko");
MODULE_AUTHOR("The ept authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
