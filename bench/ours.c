// SPDX-License-Identifier: GPL-2.0
/*
 * ept as a contender, through its public header: as it is by default, and without its locks, which
 * the peers leave to their callers, too. Flushes are gathered, as those of the peers are.
 */
#include <linux/err.h>
#include <linux/io.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "ept_core.h"
#include "loops.h"

struct ours {
	struct ept		*ept;
	struct ept_gather	gather;
};

/* No CPU runs a guest on these tables. */
static void invalidate(struct ept *ept, void *cookie)
{
}

static const struct ept_ops ops = { .invalidate = invalidate };

static __always_inline void *create(bool live, u32 flags)
{
	const struct ept_config config = {
		.levels = 4,
		.max_leaf = EPT_1G,
		.maxphyaddr = 46,
		.features = live ? EPT_FEATURE_AD : 0,
		.flags = flags,
		.table_memtype = EPT_MT_WB,
		.nid = NUMA_NO_NODE,
		.ops = &ops,
	};
	struct ours *ours = kmalloc(sizeof(*ours), GFP_KERNEL);

	if (!ours)
		return NULL;
	ours->ept = ept_create(&config);
	if (IS_ERR(ours->ept)) {
		kfree(ours);
		return NULL;
	}
	ept_gather_init(&ours->gather, ours->ept);
	return ours;
}

static void *ours_create(bool live)
{
	return create(live, 0);
}

static void *unlocked_create(bool live)
{
	return create(live, EPT_CONFIG_EXTERNAL_LOCK);
}

static void ours_destroy(void *table)
{
	struct ours *ours = table;

	ept_gather_flush(&ours->gather);
	ept_destroy(ours->ept);
	kfree(ours);
}

/* What was unlinked is freed after an RCU grace period, by a worker. */
static void ours_settle(void *table)
{
	struct ours *ours = table;

	ept_gather_flush(&ours->gather);
	rcu_barrier();
	schedule_timeout_uninterruptible(2);
}

static __always_inline void ours_flush(void *table)
{
	ept_gather_flush(&((struct ours *)table)->gather);
}

static __always_inline int ours_map(void *table, u64 gpa, u64 hpa, u64 size)
{
	static const struct ept_attrs attrs = {
		.prot = EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC,
		.memtype = EPT_MT_WB,
	};
	struct ours *ours = table;

	return ept_map(ours->ept, gpa, hpa, size, &attrs);
}

static __always_inline int ours_unmap(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct ours *ours = table;

	return ept_unmap(ours->ept, gpa, size, &ours->gather);
}

static __always_inline int ours_protect(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct ours *ours = table;

	return ept_protect(ours->ept, gpa, size, EPT_PROT_WRITE, 0, &ours->gather);
}

static __always_inline int ours_merge(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct ours *ours = table;
	int made = ept_merge(ours->ept, gpa, size, EPT_2M);

	return made < 0 ? made : 0;
}

static __always_inline int ours_harvest(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct ours *ours = table;

	return ept_harvest_dirty(ours->ept, gpa, size, bench_bitmap, false, &ours->gather);
}

static __always_inline int ours_pair(void *table, u64 gpa, u64 hpa, u64 size)
{
	return ours_unmap(table, gpa, hpa, size) ?: ours_map(table, gpa, hpa, size);
}

static __always_inline u64 ours_lookup(void *table, u64 gpa)
{
	/* Not zeroed for each call, which would be the caller's cost */
	struct ept_mapping mapping __uninitialized;
	struct ours *ours = table;

	if (ept_lookup(ours->ept, gpa, &mapping))
		return 0;
	return mapping.hpa + (gpa - mapping.gpa);
}

static u64 *ours_root(void *table)
{
	struct ours *ours = table;

	return phys_to_virt(ept_pointer(ours->ept) & PAGE_MASK);
}

#define OURS(_name, _create) {			\
	.name = (_name),			\
	.create = (_create),			\
	.destroy = ours_destroy,		\
	.lookup = ours_lookup,			\
	.root = ours_root,			\
	.settle = ours_settle,			\
	.flush = ours_flush,			\
	.call = {				\
		[BENCH_MAP] = ours_map,		\
		[BENCH_UNMAP] = ours_unmap,	\
		[BENCH_PROTECT] = ours_protect,	\
		[BENCH_MERGE] = ours_merge,	\
		[BENCH_HARVEST] = ours_harvest,	\
		[BENCH_PAIR] = ours_pair,	\
	},					\
}

static const struct bench_engine ours_engine = OURS("ept", ours_create);
static const struct bench_engine unlocked_engine = OURS("unlocked", unlocked_create);

static int ours_run(void *table, struct bench_step *step)
{
	return bench_run(&ours_engine, table, step);
}

static int unlocked_run(void *table, struct bench_step *step)
{
	return bench_run(&unlocked_engine, table, step);
}

const struct bench_contender bench_ours = { &ours_engine, ours_run };
const struct bench_contender bench_unlocked = { &unlocked_engine, unlocked_run };
