// SPDX-License-Identifier: GPL-2.0
/*
 * What a table consists of, counted by a tour of it. A reader, as in ept_read.h.
 */
#include <linux/err.h>

#include "ept_read.h"

struct count {
	struct ept_tour		tour;
	struct ept_stats	*stats;
};

static int count_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct ept_stats *stats = container_of(walk, struct count, tour.walk)->stats;

	/* All that a table of 4K entries holds is leaves. */
	if (run->level == EPT_4K) {
		stats->leaves[EPT_4K] += ept_table_live(run->entry);
		return run->nr;
	}
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_table(entry, run->level)) {
			if (!ept_tour_may_open(walk, run, i))
				return -EAGAIN;
			stats->tables[run->level - 1]++;
			ept_walk_open(walk, run, entry);
			return i;
		}
		if (!ept_pte_is_hole(entry))
			stats->leaves[run->level]++;
	}
	return run->nr;
}

static const struct ept_visitor count_visitor = {
	.run = count_run,
};

/* @may_sleep: reschedule on the way */
void ept_count(struct ept *ept, struct ept_stats *stats, bool may_sleep)
{
	struct count count = { .stats = stats };

	*stats = (struct ept_stats){
		.reserved = atomic_long_read(&ept->store.nr_reserve),
		.splits = atomic64_read(&ept->splits),
		.merges = atomic64_read(&ept->merges),
		.flushes = atomic64_read(&ept->flushes),
		.interrupts = atomic64_read(&ept->interrupts),
	};
	stats->tables[ept_root_level(&ept->fmt)] = 1;
	ept_tour_init(&count.tour, ept, 0, ept_gpa_end(ept), may_sleep);
	ept_tour(&count.tour, &count_visitor);
}
EXPORT_SYMBOL_IF_KUNIT(ept_count);

void ept_get_stats(struct ept *ept, struct ept_stats *stats)
{
	if (!stats)
		return;
	if (IS_ERR_OR_NULL(ept))
		*stats = (struct ept_stats){};
	else
		ept_count(ept, stats, false);
}
EXPORT_SYMBOL_EPT(ept_get_stats);
