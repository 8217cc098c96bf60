// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's generic_pt as a contender: VT-d's second stage, whose entries are nearly those of
 * EPT. Tables that it unlinks wait in the gather until after the clock has stopped, as ours do.
 * Harvested flags are cleared but not recorded, since its bitmap is one of user memory.
 */
#include <linux/generic_pt/iommu.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "iommu-pages.h"
#include "loops.h"

struct generic_pt {
	struct pt_iommu_vtdss		vtdss;
	struct iommu_iotlb_gather	gather;
};

static void *generic_pt_create(bool live)
{
	const struct pt_iommu_vtdss_cfg cfg = {
		.common = {
			.features = BIT(PT_FEAT_FLUSH_RANGE),
			.hw_max_vasz_lg2 = 48,
			.hw_max_oasz_lg2 = 52,
		},
		.top_level = 3,
	};
	struct generic_pt *pt = kzalloc(sizeof(*pt), GFP_KERNEL);

	if (!pt)
		return NULL;
	pt->vtdss.iommu.nid = NUMA_NO_NODE;
	if (pt_iommu_vtdss_init(&pt->vtdss, &cfg, GFP_KERNEL)) {
		kfree(pt);
		return NULL;
	}
	iommu_iotlb_gather_init(&pt->gather);
	return pt;
}

static void generic_pt_settle(void *table)
{
	struct generic_pt *pt = table;

	iommu_put_pages_list(&pt->gather.freelist);
	iommu_iotlb_gather_init(&pt->gather);
}

static void generic_pt_destroy(void *table)
{
	struct generic_pt *pt = table;

	pt_iommu_deinit(&pt->vtdss.iommu);
	kfree(pt);
}

static u64 *generic_pt_root(void *table)
{
	struct generic_pt *pt = table;
	struct pt_iommu_vtdss_hw_info info;

	pt_iommu_vtdss_hw_info(&pt->vtdss, &info);
	return phys_to_virt(info.ssptptr);
}

static __always_inline int generic_pt_map(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct pt_iommu *iommu = &((struct generic_pt *)table)->vtdss.iommu;
	size_t mapped = 0;

	return iommu->ops->map_range(iommu, gpa, hpa, size, IOMMU_READ | IOMMU_WRITE, GFP_KERNEL,
				     &mapped);
}

static __always_inline int generic_pt_unmap(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct generic_pt *pt = table;
	struct pt_iommu *iommu = &pt->vtdss.iommu;

	iommu->ops->unmap_range(iommu, gpa, size, &pt->gather);
	return 0;
}

static __always_inline int generic_pt_pair(void *table, u64 gpa, u64 hpa, u64 size)
{
	return generic_pt_unmap(table, gpa, hpa, size) ?: generic_pt_map(table, gpa, hpa, size);
}

static __always_inline int generic_pt_harvest(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct generic_pt *pt = table;
	struct iommu_dirty_bitmap dirty = { .gather = &pt->gather };

	return pt_iommu_vtdss_read_and_clear_dirty(&pt->vtdss.iommu.domain, gpa, size, 0, &dirty);
}

static __always_inline u64 generic_pt_lookup(void *table, u64 gpa)
{
	struct generic_pt *pt = table;

	return pt_iommu_vtdss_iova_to_phys(&pt->vtdss.iommu.domain, gpa);
}

static const struct bench_engine generic_pt_engine = {
	.name = "generic_pt",
	.create = generic_pt_create,
	.destroy = generic_pt_destroy,
	.lookup = generic_pt_lookup,
	.root = generic_pt_root,
	.settle = generic_pt_settle,
	.flush = generic_pt_settle,
	.call = {
		[BENCH_MAP] = generic_pt_map,
		[BENCH_UNMAP] = generic_pt_unmap,
		[BENCH_HARVEST] = generic_pt_harvest,
		[BENCH_PAIR] = generic_pt_pair,
	},
};

static int generic_pt_run(void *table, struct bench_step *step)
{
	return bench_run(&generic_pt_engine, table, step);
}

const struct bench_contender bench_generic_pt = { &generic_pt_engine, generic_pt_run };

MODULE_IMPORT_NS("GENERIC_PT_IOMMU");
