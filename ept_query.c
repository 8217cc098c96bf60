// SPDX-License-Identifier: GPL-2.0
/*
 * Readers: each takes RCU, reads each entry once, and changes nothing. A table that is unlinked
 * meanwhile keeps its contents until they are done.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>

#include "ept_op.h"

static bool gpa_fits(const struct ept *ept, u64 gpa)
{
	return !(gpa & ept->fmt.gpa_illegal & PAGE_MASK);
}

/* Whether a leaf has nothing that only few have: a hidden address, a flag */
static bool is_plain(u64 leaf)
{
	return leaf & EPT_PTE_RIGHTS && !(leaf & EPT_PTE_FLAGS);
}

/* Apart, so that the common case calls nothing, and has no registers to save. */
static noinline int lookup_any(const struct ept *ept, u64 leaf, enum ept_level level, u64 gpa,
			       struct ept_mapping *mapping)
{
	if (!ept_pte_is_leaf(leaf, level)) {
		*mapping = (struct ept_mapping){
			.gpa = round_down(gpa, ept_level_size(level)),
			.size = ept_level_size(level),
			.level = level,
		};
		return -ENOENT;
	}
	*mapping = ept_pte_mapping(&ept->fmt, leaf, level, gpa);
	return 0;
}

int ept_lookup(struct ept *ept, u64 gpa, struct ept_mapping *mapping)
{
	enum ept_level level = EPT_4K;
	u64 leaf;

	if (IS_ERR_OR_NULL(ept) || !mapping)
		return -EINVAL;
	if (!gpa_fits(ept, gpa))
		return -ERANGE;

	/* A few instructions: what holds preemption off holds RCU off, too, and costs less. */
	rcu_read_lock_sched();
	ept_descend(&ept->fmt, ept->root, gpa, &level, &leaf);
	rcu_read_unlock_sched();
	if (unlikely(level != EPT_4K || !is_plain(leaf)))
		return lookup_any(ept, leaf, level, gpa, mapping);
	*mapping = ept_pte_mapping(&ept->fmt, leaf, EPT_4K, gpa);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_lookup);

/*
 * What a CPU makes of an address: it reads entries from the root down until one maps memory, isn't
 * present or is misconfigured, and compares rights at the end, with those that all entries allow.
 */
static void explain(struct ept *ept, u64 gpa, u64 wanted, struct ept_explanation *explanation)
{
	const struct ept_format *fmt = &ept->fmt;
	enum ept_level level = ept_root_level(fmt);
	const u64 *table = ept->root;
	u64 allowed = fmt->rights;

	*explanation = (struct ept_explanation){ .verdict = -EFAULT };
	for (;; level--) {
		const u64 *at = table + ept_index(gpa, level);
		const u64 entry = READ_ONCE(*at);
		typeof(*explanation->step) *step = &explanation->step[explanation->nr++];

		step->level = level;
		step->address = ept_table_phys(at);
		step->entry = entry;
		step->leaf = ept_pte_is_leaf(entry, level);
		if (!ept_pte_is_present(fmt, entry)) {
			step->why = step->leaf ? "no rights" : "not present";
			return;
		}
		step->why = ept_pte_illegal(fmt, entry, level);
		if (step->why) {
			explanation->verdict = -EIO;
			return;
		}
		allowed &= entry;
		if (!step->leaf && !pfn_valid(PHYS_PFN(ept_pte_table_address(entry)))) {
			step->why = "table outside of memory";
			explanation->verdict = -EIO;
			return;
		}
		if (step->leaf) {
			if (wanted & ~allowed)
				step->why = "right missing";
			else
				explanation->verdict = 0;
			return;
		}
		table = ept_table_at(entry);
	}
}

/* The rights that an access needs. Without mode-based execute there is one kind of fetch. */
static u64 wanted_rights(const struct ept_format *fmt, u32 access)
{
	if (access & EPT_PROT_UEXEC && !(fmt->features & EPT_FEATURE_MODE_EXEC))
		access |= EPT_PROT_EXEC;
	return ept_prot_to_bits(fmt, access);
}

int ept_explain(struct ept *ept, u64 gpa, struct ept_explanation *explanation)
{
	if (IS_ERR_OR_NULL(ept) || !explanation)
		return -EINVAL;
	if (!gpa_fits(ept, gpa))
		return -ERANGE;
	rcu_read_lock();
	explain(ept, gpa, wanted_rights(&ept->fmt, EPT_PROT_READ), explanation);
	rcu_read_unlock();
	return 0;
}
EXPORT_SYMBOL_EPT(ept_explain);

int ept_translate(struct ept *ept, u64 gpa, u32 access, phys_addr_t *hpa)
{
	struct ept_explanation explanation;

	if (IS_ERR_OR_NULL(ept) || access & ~EPT_PROT_ALL)
		return -EINVAL;
	if (!gpa_fits(ept, gpa))
		return -ERANGE;
	rcu_read_lock();
	explain(ept, gpa, wanted_rights(&ept->fmt, access), &explanation);
	rcu_read_unlock();
	if (!explanation.verdict && hpa) {
		typeof(*explanation.step) *leaf = &explanation.step[explanation.nr - 1];

		*hpa = ept_pte_leaf_address(&ept->fmt, leaf->entry) +
		       (gpa & (ept_level_size(leaf->level) - 1));
	}
	return explanation.verdict;
}
EXPORT_SYMBOL_EPT(ept_translate);

/*
 * Visiting mappings
 */

/**
 * struct each - ept_for_each_mapping()
 * @walk: over the range
 * @fn: the caller's
 * @arg: the caller's
 * @ret: non-zero: what @fn returned, and the walk ends
 * @pending: alike leaves so far; its size is 0 where there are none
 * @bits: attributes, accessed and dirty of @pending
 */
struct each {
	struct ept_walk		walk;
	ept_mapping_fn		fn;
	void			*arg;
	int			ret;
	struct ept_mapping	pending;
	u64			bits;
};

static struct each *to_each(struct ept_walk *walk)
{
	return container_of(walk, struct each, walk);
}

static void each_flush(struct each *each)
{
	if (each->pending.size && !each->ret)
		each->ret = each->fn(&each->pending, each->arg);
	each->pending.size = 0;
}

/* Adds a leaf, clipped to the range, to its like, or begins anew. */
static void each_leaf(struct each *each, enum ept_level level, u64 gpa, u64 leaf)
{
	const struct ept_format *fmt = each->walk.fmt;
	const u64 bits = leaf & (EPT_PTE_ATTRS | fmt->ad);
	struct ept_mapping *pending = &each->pending;
	const u64 start = max(gpa, each->walk.gpa);
	const u64 end = min(gpa + ept_level_size(level), each->walk.end);
	const phys_addr_t hpa = ept_pte_leaf_address(fmt, leaf) + (start - gpa);

	if (pending->size && pending->gpa + pending->size == start &&
	    pending->hpa + pending->size == hpa && pending->level == level &&
	    each->bits == bits) {
		pending->size += end - start;
		return;
	}
	each_flush(each);
	*pending = ept_pte_mapping(fmt, leaf, level, gpa);
	pending->gpa = start;
	pending->hpa = hpa;
	pending->size = end - start;
	each->bits = bits;
}

static int each_run(struct ept_walk *walk, const struct ept_run *run)
{
	const u64 size = ept_level_size(run->level);
	struct each *each = to_each(walk);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_hole(entry))
			continue;
		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		each_leaf(each, run->level, run->gpa + i * size, entry);
		if (each->ret)
			return -ECANCELED;
	}
	return run->nr;
}

/* The entry may have become a table since the walker looked. */
static int each_edge(struct ept_walk *walk, const struct ept_run *run)
{
	const u64 entry = READ_ONCE(*run->entry);
	struct each *each = to_each(walk);

	if (ept_pte_is_table(entry, run->level))
		ept_walk_open(walk, run, entry);
	else if (!ept_pte_is_hole(entry))
		each_leaf(each, run->level, run->gpa, entry);
	return each->ret ? -ECANCELED : 0;
}

static const struct ept_visitor each_visitor = {
	.run = each_run,
	.edge = each_edge,
};

int ept_for_each_mapping(struct ept *ept, u64 gpa, u64 size, ept_mapping_fn fn, void *arg)
{
	struct each each = { .fn = fn, .arg = arg };

	if (IS_ERR_OR_NULL(ept) || !fn || !size || !IS_ALIGNED(gpa | size, PAGE_SIZE))
		return -EINVAL;
	if (!gpa_fits(ept, gpa) || size > (1ULL << ept_gpa_width(&ept->fmt)) - gpa)
		return -ERANGE;

	each.walk.fmt = &ept->fmt;
	each.walk.root = ept->root;
	each.walk.gpa = gpa;
	each.walk.end = gpa + size;
	rcu_read_lock();
	ept_walk_begin(&each.walk);
	ept_walk_pass(&each.walk, &each_visitor);
	each_flush(&each);
	rcu_read_unlock();
	return each.ret;
}
EXPORT_SYMBOL_EPT(ept_for_each_mapping);

/*
 * Counting
 */

struct count {
	struct ept_walk		walk;
	struct ept_stats	*stats;
};

static int count_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct ept_stats *stats = container_of(walk, struct count, walk)->stats;

	/* All that a table of 4K entries holds is leaves. */
	if (run->level == EPT_4K) {
		stats->leaves[EPT_4K] += ept_table_live(run->entry);
		return run->nr;
	}
	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);

		if (ept_pte_is_table(entry, run->level)) {
			ept_walk_open(walk, run, entry);
			return i;
		}
		if (!ept_pte_is_hole(entry))
			stats->leaves[run->level]++;
	}
	return run->nr;
}

static void count_close(struct ept_walk *walk, const struct ept_run *run, u64 *table)
{
	container_of(walk, struct count, walk)->stats->tables[run->level - 1]++;
}

static const struct ept_visitor count_visitor = {
	.run = count_run,
	.close = count_close,
};

void ept_get_stats(struct ept *ept, struct ept_stats *stats)
{
	struct count count = { .stats = stats };

	if (!stats)
		return;
	*stats = (struct ept_stats){};
	if (IS_ERR_OR_NULL(ept))
		return;
	stats->reserved = READ_ONCE(ept->store.nr_reserve);
	stats->splits = atomic64_read(&ept->splits);
	stats->merges = atomic64_read(&ept->merges);
	stats->flushes = atomic64_read(&ept->flushes);
	stats->interrupts = atomic64_read(&ept->interrupts);
	stats->tables[ept_root_level(&ept->fmt)] = 1;

	count.walk.fmt = &ept->fmt;
	count.walk.root = ept->root;
	count.walk.end = 1ULL << ept_gpa_width(&ept->fmt);
	rcu_read_lock();
	ept_walk_begin(&count.walk);
	ept_walk_pass(&count.walk, &count_visitor);
	rcu_read_unlock();
}
EXPORT_SYMBOL_EPT(ept_get_stats);

/*
 * Checking
 */

/**
 * struct check - ept_check()
 * @walk: over all that a guest can address
 * @report: what was seen
 * @sums: nothing else changes the table, so that its sums have to be right, too
 * @live: entries that aren't holes, of the tables on the way down, by level
 */
struct check {
	struct ept_walk		walk;
	struct ept_check_report	*report;
	bool			sums;
	unsigned int		live[EPT_MAX_LEVELS];
};

static struct check *to_check(struct ept_walk *walk)
{
	return container_of(walk, struct check, walk);
}

/* NULL, or what is wrong with a leaf that allows no access, or would be once it allows some */
static const char *none_fault(const struct ept_format *fmt, u64 leaf, enum ept_level level)
{
	const phys_addr_t hpa = ept_pte_leaf_address(fmt, leaf);

	if (level != EPT_4K && level > fmt->max_leaf)
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

		check->report->entries++;
		if (why)
			return check_fault(check, run->level, gpa, entry, why);
		if (ept_pte_is_hole(entry))
			continue;
		check->live[run->level]++;
		if (ept_pte_is_table(entry, run->level)) {
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
	return check->live[level] || table == check->walk.root ? NULL : "empty table";
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

static int check_table(struct ept *ept, struct check *check)
{
	const char *why;

	*check->report = (struct ept_check_report){ .tables = 1 };
	check->walk.fmt = &ept->fmt;
	check->walk.root = ept->root;
	check->walk.end = 1ULL << ept_gpa_width(&ept->fmt);
	ept_walk_begin(&check->walk);
	ept_walk_pass(&check->walk, &check_visitor);
	why = table_fault(check, ept->root, ept_root_level(&ept->fmt));
	if (why)
		check_fault(check, ept_root_level(&ept->fmt), 0, 0, why);
	return check->report->error;
}

int ept_check(struct ept *ept, struct ept_check_report *report)
{
	struct ept_check_report own;
	struct check check = { .report = report ?: &own, .sums = true };
	int err;

	if (IS_ERR_OR_NULL(ept))
		return -EINVAL;
	check.walk.may_sleep = !ept->store.atomic;
	ept_lock(ept);
	err = check_table(ept, &check);
	ept_unlock(ept);
	return err;
}
EXPORT_SYMBOL_EPT(ept_check);

/* The same for who cannot exclude changes: entries alone, each of which is right at any time. */
int ept_check_entries(struct ept *ept, struct ept_check_report *report)
{
	struct check check = { .report = report };
	int err;

	rcu_read_lock();
	err = check_table(ept, &check);
	rcu_read_unlock();
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ept_check_entries);

/*
 * Printing
 */

static const char *const level_names[] = { "4K", "2M", "1G", "512G", "256T" };

static const char *memtype_name(enum ept_memtype memtype)
{
	static const char *const names[] = { "UC", "WC", "?2", "?3", "WT", "WP", "WB", "?7" };

	return names[memtype % ARRAY_SIZE(names)];
}

static const struct {
	u32		attr;
	const char	*name;
} attr_names[] = {
	{ EPT_ATTR_IGNORE_PAT, "ignore-pat" },
	{ EPT_ATTR_SUPPRESS_VE, "suppress-ve" },
	{ EPT_ATTR_SUBPAGE, "subpage" },
	{ EPT_ATTR_PAGING_WRITE, "paging-write" },
	{ EPT_ATTR_VERIFY_PAGING, "verify-paging" },
	{ EPT_ATTR_SUPER_SHADOW, "super-shadow" },
};

/* Rights, memory type, accessed and dirty, tag where there is one, flags by name */
static void print_attrs(struct seq_file *m, const struct ept_format *fmt,
			const struct ept_mapping *mapping)
{
	const struct ept_attrs *attrs = &mapping->attrs;

	seq_printf(m, "%c%c%c", attrs->prot & EPT_PROT_READ ? 'r' : '-',
		   attrs->prot & EPT_PROT_WRITE ? 'w' : '-',
		   attrs->prot & EPT_PROT_EXEC ? 'x' : '-');
	if (fmt->features & EPT_FEATURE_MODE_EXEC)
		seq_putc(m, attrs->prot & EPT_PROT_UEXEC ? 'u' : '-');
	seq_printf(m, " %s", memtype_name(attrs->memtype));
	if (fmt->ad)
		seq_printf(m, " %c%c", mapping->accessed ? 'A' : '-', mapping->dirty ? 'D' : '-');
	if (attrs->tag)
		seq_printf(m, " tag=%u", attrs->tag);
	for (size_t i = 0; i < ARRAY_SIZE(attr_names); i++)
		if (attrs->flags & attr_names[i].attr)
			seq_printf(m, " %s", attr_names[i].name);
}

struct dump {
	struct seq_file	*m;
	struct ept	*ept;
};

static int dump_line(const struct ept_mapping *mapping, void *arg)
{
	const struct dump *dump = arg;

	seq_printf(dump->m, "%013llx-%013llx -> %013llx %6llu x %s ", mapping->gpa,
		   mapping->gpa + mapping->size, (u64)mapping->hpa,
		   DIV_ROUND_UP(mapping->size, ept_level_size(mapping->level)),
		   level_names[mapping->level]);
	print_attrs(dump->m, &dump->ept->fmt, mapping);
	seq_putc(dump->m, '\n');
	return seq_has_overflowed(dump->m);
}

int ept_dump(struct seq_file *m, struct ept *ept)
{
	struct dump dump = { .m = m, .ept = ept };

	if (!m || IS_ERR_OR_NULL(ept))
		return -EINVAL;
	seq_puts(m, "# guest-physical            -> host-physical  leaves     rights, type, A/D\n");
	ept_for_each_mapping(ept, 0, 1ULL << ept_gpa_width(&ept->fmt), dump_line, &dump);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_dump);

struct tables_dump {
	struct ept_walk	walk;
	struct seq_file	*m;
};

static void print_table(struct seq_file *m, const u64 *table, enum ept_level level)
{
	seq_printf(m, "table of %s entries at %llx, %u live\n", level_names[level],
		   (u64)ept_table_phys(table), ept_table_live(table));
}

static int tables_run(struct ept_walk *walk, const struct ept_run *run)
{
	struct tables_dump *dump = container_of(walk, struct tables_dump, walk);
	const u64 size = ept_level_size(run->level);

	for (unsigned int i = 0; i < run->nr; i++) {
		const u64 entry = READ_ONCE(run->entry[i]);
		const u64 gpa = run->gpa + i * size;
		struct ept_mapping mapping;

		if (ept_pte_is_hole(entry))
			continue;
		seq_printf(dump->m, "%*s%4s[%3u] %013llx %016llx ",
			   2 * (walk->fmt->levels - run->level), "", level_names[run->level],
			   ept_index(gpa, run->level), gpa, entry);
		if (ept_pte_is_table(entry, run->level)) {
			print_table(dump->m, ept_table_at(entry), run->level - 1);
			ept_walk_open(walk, run, entry);
			return seq_has_overflowed(dump->m) ? -ECANCELED : i;
		}
		mapping = ept_pte_mapping(walk->fmt, entry, run->level, gpa);
		seq_printf(dump->m, "%013llx ", (u64)mapping.hpa);
		print_attrs(dump->m, walk->fmt, &mapping);
		seq_putc(dump->m, '\n');
	}
	return run->nr;
}

static const struct ept_visitor tables_visitor = {
	.run = tables_run,
};

/* What debugfs 'tables' shows: each table, and each entry that isn't a hole, raw and decoded */
void ept_dump_tables(struct seq_file *m, struct ept *ept)
{
	struct tables_dump dump = {
		.walk = {
			.fmt = &ept->fmt,
			.root = ept->root,
			.end = 1ULL << ept_gpa_width(&ept->fmt),
		},
		.m = m,
	};

	seq_printf(m, "EPTP %016llx, ", ept->pointer);
	rcu_read_lock();
	print_table(m, ept->root, ept_root_level(&ept->fmt));
	ept_walk_begin(&dump.walk);
	ept_walk_pass(&dump.walk, &tables_visitor);
	rcu_read_unlock();
}

/* What debugfs 'lookup' shows: the way of a CPU to @gpa */
void ept_dump_explanation(struct seq_file *m, struct ept *ept, u64 gpa)
{
	struct ept_explanation explanation;
	struct ept_mapping mapping;
	int err = ept_explain(ept, gpa, &explanation);

	seq_printf(m, "gpa %013llx\n", gpa);
	if (err) {
		seq_puts(m, "beyond what a guest can address\n");
		return;
	}
	for (unsigned int i = 0; i < explanation.nr; i++)
		seq_printf(m, "%4s at %013llx %016llx %s%s%s\n",
			   level_names[explanation.step[i].level],
			   (u64)explanation.step[i].address, explanation.step[i].entry,
			   explanation.step[i].leaf ? "leaf" : "",
			   explanation.step[i].leaf && explanation.step[i].why ? ", " : "",
			   explanation.step[i].why ?: explanation.step[i].leaf ? "" : "table");
	seq_printf(m, "a read %s\n", !explanation.verdict ? "succeeds" :
		   explanation.verdict == -EIO ? "causes an EPT misconfiguration" :
						 "causes an EPT violation");
	if (!ept_lookup(ept, gpa, &mapping)) {
		struct dump dump = { .m = m, .ept = ept };

		dump_line(&mapping, &dump);
	}
}
