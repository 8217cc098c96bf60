// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a table and its lock, and the module's own. No bit positions, no MSR.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ept_op.h"

#define CREATE_TRACE_POINTS
#include "ept_trace.h"

#define EPT_VERSION "0.1.0"

/*
 * Life cycle
 */

static int make_root(struct ept *ept)
{
	struct ept_pool pool = {};
	int err = ept_pool_fill(&pool, &ept->store, 1);

	if (!err) {
		ept->root = ept_pool_take(&pool, ept_root_level(&ept->fmt), 0);
		ept_table_clear(ept->root, ept->fmt.hole);
	}
	return err;
}

static void init(struct ept *ept, const struct ept_config *config)
{
	ept_format_init(&ept->fmt, config);
	ept_store_init(&ept->store, config->nid, config->maxphyaddr);
	ept->external = config->flags & (EPT_CONFIG_EXTERNAL_LOCK | EPT_CONFIG_ATOMIC);
	init_rwsem(&ept->lock);
	ept->config = *config;
	ept->config.name = ept->name;
	if (ept->external)
		ept->config.flags |= EPT_CONFIG_EXTERNAL_LOCK;
	atomic64_set(&ept->generation, 1);
	INIT_LIST_HEAD(&ept->unfolded);
}

/* What this CPU offers */
static int get_default(struct ept_config *config)
{
	struct ept_caps caps;
	const int err = ept_caps_read(&caps);

	if (err)
		return err;
	ept_config_from_caps(config, &caps);
	return ept_config_check(config, &caps);
}

struct ept *ept_create(const struct ept_config *config)
{
	struct ept_config default_config;
	struct ept *ept;
	int err = 0;

	if (!config) {
		err = get_default(&default_config);
		config = &default_config;
	}
	err = err ?: ept_config_check(config, NULL);
	if (err)
		return ERR_PTR(err);

	ept = kvzalloc(struct_size(ept, cpus, nr_cpu_ids), GFP_KERNEL_ACCOUNT);
	if (!ept)
		return ERR_PTR(-ENOMEM);
	init(ept, config);
	err = make_root(ept);
	if (err)
		goto free_ept;
	ept->pointer = ept_vmx_pointer(config, ept_table_phys(ept->root));
	/* From here on nothing but the reserve. */
	ept->store.atomic = config->flags & EPT_CONFIG_ATOMIC;
	err = ept_name_take(ept, config->name);
	if (err)
		goto free_root;
	ept_debugfs_add(ept);
	return ept;

free_root:
	ept_table_free_tree(ept->root);
free_ept:
	kvfree(ept);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_EPT(ept_create);

void ept_destroy(struct ept *ept)
{
	if (IS_ERR_OR_NULL(ept))
		return;
	/* Waits for those who read its files. */
	ept_debugfs_remove(ept);
	ept_name_drop(ept);
	ept_flush_release(ept);
	ept_table_free_tree(ept->root);
	ept_store_destroy(&ept->store);
	kvfree(ept);
}
EXPORT_SYMBOL_EPT(ept_destroy);

u64 ept_pointer(const struct ept *ept)
{
	return IS_ERR_OR_NULL(ept) ? 0 : ept->pointer;
}
EXPORT_SYMBOL_EPT(ept_pointer);

const char *ept_name(const struct ept *ept)
{
	return IS_ERR_OR_NULL(ept) ? NULL : ept->name;
}
EXPORT_SYMBOL_EPT(ept_name);

void __ept_set_external_lock(struct ept *ept, struct lockdep_map *map)
{
	if (!IS_ERR_OR_NULL(ept) && ept->external)
		ept->external_lock = map;
}
EXPORT_SYMBOL_EPT(__ept_set_external_lock);

int ept_get_config(const struct ept *ept, struct ept_config *config)
{
	if (IS_ERR_OR_NULL(ept) || !config)
		return -EINVAL;
	*config = ept->config;
	return 0;
}
EXPORT_SYMBOL_EPT(ept_get_config);

int ept_reserve(struct ept *ept, unsigned int nr)
{
	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	return ept_store_reserve(&ept->store, nr);
}
EXPORT_SYMBOL_EPT(ept_reserve);

unsigned long ept_reserved(const struct ept *ept)
{
	return IS_ERR_OR_NULL(ept) ? 0 : atomic_long_read(&ept->store.nr_reserve);
}
EXPORT_SYMBOL_EPT(ept_reserved);

u64 ept_tables_for(const struct ept *ept, u64 gpa, u64 size, enum ept_level largest)
{
	if (IS_ERR_OR_NULL(ept) || ept_judge_range(ept, gpa, size) || ept_judge_level(largest))
		return 0;
	return ept_walk_tables(gpa, gpa + size, ept_root_level(&ept->fmt), largest);
}
EXPORT_SYMBOL_EPT(ept_tables_for);

int ept_make_atomic(struct ept *ept)
{
	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	if (!ept->external)
		return -EOPNOTSUPP;
	ept->config.flags |= EPT_CONFIG_ATOMIC;
	ept->store.atomic = true;
	return 0;
}
EXPORT_SYMBOL_EPT(ept_make_atomic);

void ept_barrier(void)
{
	ept_table_drain();
}
EXPORT_SYMBOL_EPT(ept_barrier);

static int __init ept_init(void)
{
	const int err = ept_name_init();

	if (!err)
		ept_debugfs_init();
	return err;
}
module_init(ept_init);

static void __exit ept_exit(void)
{
	ept_debugfs_exit();
	ept_name_exit();
	ept_table_drain();
}
module_exit(ept_exit);

MODULE_DESCRIPTION("Intel Extended Page Tables for other modules");
MODULE_AUTHOR("The ept authors");
MODULE_VERSION(EPT_VERSION);
MODULE_LICENSE("GPL");
