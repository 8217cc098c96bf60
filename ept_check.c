// SPDX-License-Identifier: GPL-2.0
/*
 * Holds entries to the rules of the architecture and of this module, and tables to their sums. With
 * changes excluded, or, for entries alone, as a reader like those of ept_read.h.
 */
#include <linux/err.h>

#include "ept_op.h"
#include "ept_read.h"

/**
 * struct check - ept_check()
 * @tour: over all that a guest can address
 * @report: what was seen
 * @sums: nothing else changes the table, so that its sums have to be right, too
 * @live: entries that aren't holes, of the tables on the way down, by level
 */
struct check {
	struct ept_tour		tour;
	struct ept_check_report	*report;
	bool			sums;
	unsigned int		live[EPT_MAX_LEVELS];
};

static struct check *to_check(struct ept_walk *walk)
{
	return container_of(walk, struct check, tour.walk);
}

/* NULL, or what is wrong with a leaf that allows no access, or would be once it allows some */
static const char *none_fault(const struct ept_format *fmt, u64 leaf, enum ept_level level)
{
	const phys_addr_t hpa = ept_pte_leaf_address(fmt, leaf);

	if (level > fmt->max_leaf)
		return "leaf too large";
	if (hpa >> fmt->maxphyaddr)
		return "address beyond MAXPHYADDR";
	if (!IS_ALIGNED(hpa, ept_level_size(level)))
		return "address misaligned";
	if (!ept_memtype_valid(FIELD_GET(EPT_PTE_MEMTYPE, leaf)))
		return "memory type reserved";
	return ept_pte_hide(fmt, ept_pte_show(fmt, leaf)) == leaf ? NULL : "address not hidden";
}

static const char *entry_fault(const struct ept_format *fmt, u64 entry, enum ept_level level,
			       u64 gpa)
{
	const char *why;

	if (ept_pte_is_hole(entry))
		return entry == fmt->hole ? NULL : "hole with bits set";
	why = ept_pte_is_present(fmt, entry) ? ept_pte_illegal(fmt, entry, level) :
					       none_fault(fmt, entry, level);
	if (why)
		return why;
	if (ept_pte_is_foreign(fmt, entry, level))
		return "not as this module makes entries";
	if (ept_pte_is_table(entry, level))
		return ept_table_is_valid(entry, level, gpa) ? NULL : "another place's table";
	if (level > ept_pte_max_leaf(fmt, entry))
		return "leaf too large for its attributes";
	return NULL;
}

/* The first one counts: sums, which are known late, don't end the walk. */
static int check_fault(struct check *check, enum ept_level level, u64 gpa, u64 entry,
		       const char *why)
{
	if (check->report->error)
		return -EUCLEAN;
	check->report->error = -EUCLEAN;
	check->report->gpa = gpa;
	check->report->level = level;
	check->report->entry = entry;
	check->report->why = why;
	return -EUCLEAN;
}

static int check_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct check *check = to_check(walk);
	const u64 size = ept_level_size(run->level);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;
		const char *why = entry_fault(walk->fmt, entry, run->level, gpa);
		const bool table = ept_pte_is_table(entry, run->level);

		if (!why && table && !ept_tour_may_open(walk, run, i))
			return -EAGAIN;
		check->report->entries++;
		if (why)
			return check_fault(check, run->level, gpa, entry, why);
		if (ept_pte_is_hole(entry))
			continue;
		check->live[run->level]++;
		if (table) {
			check->report->tables++;
			check->live[run->level - 1] = 0;
			ept_walk_open(walk, run, entry);
			return i;
		}
	}
	return run->nr;
}

/* A table's own sums, when all of its entries were looked at */
static const char *table_fault(const struct check *check, const u64 *table, enum ept_level level)
{
	if (!check->sums)
		return NULL;
	if (ept_table_live(table) != check->live[level])
		return "live count wrong";
	return check->live[level] || table == check->tour.walk.root ? NULL : "empty table";
}

static void check_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	struct check *check = to_check(walk);
	const char *why = table_fault(check, table, run->level - 1);

	if (why)
		check_fault(check, run->level, run->gpa, READ_ONCE(*run->entry), why);
}

static const struct ept_visitor check_visitor = {
	.run = check_run,
	.close = check_close,
};

static void check_begin(struct check *check, struct ept *ept, bool may_sleep)
{
	*check->report = (struct ept_check_report){ .tables = 1 };
	ept_tour_init(&check->tour, ept, 0, ept_gpa_end(ept), may_sleep);
}

/* In one go, as sums have to fit what they are sums of: the caller excludes changes. */
static void check_all(struct check *check, struct ept *ept)
{
	const char *why;

	check_begin(check, ept, false);
	check->tour.left = ULONG_MAX;
	check->tour.walk.may_sleep = !ept->store.atomic;
	ept_walk_begin(&check->tour.walk);
	ept_walk_pass(&check->tour.walk, &check_visitor);
	why = table_fault(check, ept->root, ept_root_level(&ept->fmt));
	if (why)
		check_fault(check, ept_root_level(&ept->fmt), 0, 0, why);
}

int ept_check(struct ept *ept, struct ept_check_report *report)
{
	struct ept_check_report own;
	struct check check = { .report = report ?: &own, .sums = true };

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	ept_lock(ept);
	check_all(&check, ept);
	ept_unlock(ept);
	return check.report->error;
}
EXPORT_SYMBOL_EPT(ept_check);

/*
 * The same for who doesn't exclude changes: entries alone, each of which is right at any time. May
 * sleep.
 */
int ept_check_entries(struct ept *ept, struct ept_check_report *report)
{
	struct check check = { .report = report };

	check_begin(&check, ept, true);
	ept_tour(&check.tour, &check_visitor);
	return report->error;
}
EXPORT_SYMBOL_IF_KUNIT(ept_check_entries);
