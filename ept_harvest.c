// SPDX-License-Identifier: GPL-2.0
/*
 * ept_harvest_dirty(), ept_harvest_accessed().
 */
#include <linux/err.h>

#include "ept_op.h"
#include "ept_trace.h"

/**
 * struct harvest_op - ept_harvest_dirty(), ept_harvest_accessed()
 * @op: the operation
 * @flag: which of both
 * @bitmap: where to report
 * @peek: don't clear
 */
struct harvest_op {
	struct ept_op	op;
	u64		flag;
	unsigned long	*bitmap;
	bool		peek;
};

static struct harvest_op *to_harvest(struct ept_walk *walk)
{
	return container_of(walk, struct harvest_op, op.walk);
}

static void harvest_report(const struct harvest_op *harvest, u64 gpa, u64 end)
{
	const unsigned long first = (gpa - harvest->op.walk.gpa) >> PAGE_SHIFT;

	bitmap_set(harvest->bitmap, first, (end - gpa) >> PAGE_SHIFT);
}

static __always_inline void harvest_clear(struct harvest_op *harvest, const struct ept_run *run,
					  u64 *entry, u64 old)
{
	u64 new = old & ~harvest->flag;

	if (!ept_pte_is_volatile(harvest->op.walk.fmt, old))
		WRITE_ONCE(*entry, new);
	else
		while (!try_cmpxchg64(entry, &old, new))
			new = old & ~harvest->flag;
	ept_gather_note(harvest->op.gather, run, old, new);
}

/* Leaves of more than a page, and tables */
static int harvest_large(struct harvest_op *harvest, const struct ept_run *run)
{
	const u64 size = ept_level_size(run->level);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(&harvest->op.walk, run, entry);
			return i;
		}
		if (!(entry & harvest->flag))
			continue;
		harvest_report(harvest, gpa, gpa + size);
		if (!harvest->peek)
			harvest_clear(harvest, run, &run->entry[i], entry);
	}
	return run->nr;
}

/* A cache line's worth of leaves at a time: most have nothing to report. */
static void harvest_pages(struct harvest_op *harvest, const struct ept_run *run)
{
	const unsigned long page = (run->gpa - harvest->op.walk.gpa) >> PAGE_SHIFT;
	const u64 flag = harvest->flag;
	unsigned int n;

	for (unsigned int i = 0; i < run->nr; i += n) {
		n = min(run->nr - i, SMP_CACHE_BYTES / (unsigned int)sizeof(u64));
		if (!(ept_entries_any(run->entry + i, n) & flag))
			continue;
		for (unsigned int j = i; j < i + n; j++) {
			const u64 entry = READ_ONCE(run->entry[j]);

			if (!(entry & flag))
				continue;
			__set_bit(page + j, harvest->bitmap);
			if (!harvest->peek)
				harvest_clear(harvest, run, &run->entry[j], entry);
		}
	}
}

static int harvest_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct harvest_op *harvest = to_harvest(walk);

	if (run->level > EPT_4K)
		return harvest_large(harvest, run);
	harvest_pages(harvest, run);
	return run->nr;
}

/* Pages of the leaf outside of the range would lose their flag. */
static int harvest_edge(struct ept_walk *walk, const struct ept_run *run)
{
	struct harvest_op *harvest = to_harvest(walk);

	if (READ_ONCE(*run->entry) & harvest->flag)
		harvest_report(harvest, ept_run_start(walk, run), ept_run_end(walk, run));
	return 0;
}

static const struct ept_visitor harvest_visitor = {
	.run = harvest_run,
	.edge = harvest_edge,
};

static int harvest(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek, u64 flag,
		   struct ept_gather *gather)
{
	struct harvest_op harvest;
	int err;

	if (!ept_range_valid(ept, gpa, size) || !bitmap || !ept_gather_valid(ept, gather))
		return -EINVAL;
	if (!ept_fits(gpa, size, ept_gpa_width(&ept->fmt)))
		return -ERANGE;
	if (!ept->fmt.ad)
		return -EOPNOTSUPP;

	ept_op_init(&harvest.op, ept, gpa, size, gather);
	harvest.flag = flag;
	harvest.bitmap = bitmap;
	harvest.peek = peek;
	err = ept_op_run_flush(&harvest.op, NULL, &harvest_visitor);
	trace_ept_harvest(ept->pointer, gpa, size, err);
	return err;
}

int ept_harvest_dirty(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
		      struct ept_gather *gather)
{
	return harvest(ept, gpa, size, bitmap, peek, EPT_PTE_DIRTY, gather);
}
EXPORT_SYMBOL_EPT(ept_harvest_dirty);

int ept_harvest_accessed(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
			 struct ept_gather *gather)
{
	return harvest(ept, gpa, size, bitmap, peek, EPT_PTE_ACCESSED, gather);
}
EXPORT_SYMBOL_EPT(ept_harvest_accessed);
