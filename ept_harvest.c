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

	/* It knows no bit above 2^32, which is 16 TiB. */
	bitmap_set(harvest->bitmap + BIT_WORD(first), first % BITS_PER_LONG,
		   (end - gpa) >> PAGE_SHIFT);
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

/* Whether all leaves of a stride have the flag, and may lose it alike */
static bool harvest_stride(struct harvest_op *harvest, const struct ept_run *run, u64 *entry)
{
	const u64 flag = harvest->flag;
	u64 all, any = ept_entries_any_all(entry, EPT_STRIDE, &all);

	if (!(all & flag))
		return false;
	if (harvest->peek)
		return true;
	if (ept_pte_is_volatile(harvest->op.walk.fmt, (any & ~EPT_PTE_AD) | (all & EPT_PTE_AD)))
		return false;
	ept_entries_clear(entry, EPT_STRIDE, flag);
	ept_gather_note(harvest->op.gather, run, any, any & ~flag);
	return true;
}

/* Some of these leaves have the flag. */
static void harvest_each(struct harvest_op *harvest, const struct ept_run *run, unsigned int i,
			 unsigned int end)
{
	const unsigned long page = (run->gpa - harvest->op.walk.gpa) >> PAGE_SHIFT;

	for (; i < end; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (!(entry & harvest->flag))
			continue;
		__set_bit(page + i, harvest->bitmap);
		if (!harvest->peek)
			harvest_clear(harvest, run, &run->entry[i], entry);
	}
}

/* Deals with leaves from the first stride on, in which some have the flag. Returns how many. */
static noinline unsigned int harvest_found(struct harvest_op *harvest, const struct ept_run *run,
					   unsigned int first)
{
	unsigned int i = first;

	while (i + EPT_STRIDE <= run->nr && harvest_stride(harvest, run, run->entry + i))
		i += EPT_STRIDE;
	if (i != first) {
		harvest_report(harvest, run->gpa + first * SZ_4K, run->gpa + i * SZ_4K);
	} else {
		i = min(first + EPT_STRIDE, run->nr);
		harvest_each(harvest, run, first, i);
	}
	return i - first;
}

/* Most have nothing to report. */
static void harvest_pages(struct harvest_op *harvest, const struct ept_run *run)
{
	const u64 flag = harvest->flag;
	unsigned int i = 0;

	while (i + EPT_STRIDE <= run->nr) {
		if (ept_entries_any(run->entry + i, EPT_STRIDE) & flag)
			i += harvest_found(harvest, run, i);
		else
			i += EPT_STRIDE;
	}
	if (ept_entries_any(run->entry + i, run->nr - i) & flag)
		harvest_each(harvest, run, i, run->nr);
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
