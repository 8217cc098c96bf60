// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's io-pgtable-arm as a contender: stage 2 of the 64-bit long-descriptor format, which
 * has an entry for the same sizes. Driven as the IOMMU core drives it, a call for each table.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/io-pgtable.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "loops.h"

struct lpae {
	struct io_pgtable_ops		*ops;
	struct iommu_iotlb_gather	gather;
};

static void flush_all(void *cookie)
{
}

static void flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
}

static void add_page(struct iommu_iotlb_gather *gather, unsigned long iova, size_t granule,
		     void *cookie)
{
}

static const struct iommu_flush_ops flush_ops = {
	.tlb_flush_all = flush_all,
	.tlb_flush_walk = flush_walk,
	.tlb_add_page = add_page,
};

static void *lpae_create(bool live)
{
	/* One device for all tables, which ask it for nothing but its node */
	static struct device dev;
	struct io_pgtable_cfg cfg = {
#ifdef IO_PGTABLE_QUIRK_NO_WARN
		/* To unmap a hole is an error here, which need not be a warning. */
		.quirks = IO_PGTABLE_QUIRK_NO_WARN,
#endif
		.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G,
		.ias = 48,
		.oas = 48,
		.coherent_walk = true,
		.tlb = &flush_ops,
		.iommu_dev = &dev,
	};
	struct lpae *lpae = kzalloc(sizeof(*lpae), GFP_KERNEL);

	if (!lpae)
		return NULL;
	set_dev_node(&dev, NUMA_NO_NODE);
	lpae->ops = alloc_io_pgtable_ops(ARM_64_LPAE_S2, &cfg, NULL);
	if (!lpae->ops) {
		kfree(lpae);
		return NULL;
	}
	iommu_iotlb_gather_init(&lpae->gather);
	return lpae;
}

static void lpae_destroy(void *table)
{
	struct lpae *lpae = table;

	free_io_pgtable_ops(lpae->ops);
	kfree(lpae);
}

static __always_inline size_t lpae_pgsize(u64 alignment, u64 size)
{
	if (IS_ALIGNED(alignment, SZ_1G) && size >= SZ_1G)
		return SZ_1G;
	if (IS_ALIGNED(alignment, SZ_2M) && size >= SZ_2M)
		return SZ_2M;
	return SZ_4K;
}

static __always_inline int lpae_map(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct lpae *lpae = table;
	int err = 0;

	while (size && !err) {
		const size_t pgsize = lpae_pgsize(gpa | hpa, size);
		size_t mapped = 0;

		err = lpae->ops->map_pages(lpae->ops, gpa, hpa, pgsize, size / pgsize,
					   IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE, GFP_KERNEL,
					   &mapped);
		gpa += mapped;
		hpa += mapped;
		size -= mapped;
	}
	return err;
}

static __always_inline int lpae_unmap(void *table, u64 gpa, u64 hpa, u64 size)
{
	struct lpae *lpae = table;

	while (size) {
		const size_t pgsize = lpae_pgsize(gpa, size);
		const size_t done = lpae->ops->unmap_pages(lpae->ops, gpa, pgsize, size / pgsize,
							   &lpae->gather);

		if (!done)
			return -EOPNOTSUPP;
		gpa += done;
		size -= done;
	}
	return 0;
}

static __always_inline int lpae_pair(void *table, u64 gpa, u64 hpa, u64 size)
{
	return lpae_unmap(table, gpa, hpa, size) ?: lpae_map(table, gpa, hpa, size);
}

static __always_inline u64 lpae_lookup(void *table, u64 gpa)
{
	struct lpae *lpae = table;

	return lpae->ops->iova_to_phys(lpae->ops, gpa);
}

static const struct bench_engine lpae_engine = {
	.name = "lpae",
	.create = lpae_create,
	.destroy = lpae_destroy,
	.lookup = lpae_lookup,
	.call = {
		[BENCH_MAP] = lpae_map,
		[BENCH_UNMAP] = lpae_unmap,
		[BENCH_PAIR] = lpae_pair,
	},
};

static int lpae_run(void *table, struct bench_step *step)
{
	return bench_run(&lpae_engine, table, step);
}

const struct bench_contender bench_lpae = { &lpae_engine, lpae_run };
