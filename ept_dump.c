// SPDX-License-Identifier: GPL-2.0
/*
 * What people read: mappings, entries and explanations as text, a line each.
 */
#include <linux/err.h>
#include <linux/seq_file.h>

#include "ept_read.h"

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

/* A line of debugfs 'map' */
void ept_dump_mapping(struct seq_file *m, struct ept *ept, const struct ept_mapping *mapping)
{
	seq_printf(m, "%013llx-%013llx -> %013llx %6llu x %s ", mapping->gpa,
		   mapping->gpa + mapping->size, (u64)mapping->hpa,
		   DIV_ROUND_UP(mapping->size, ept_level_size(mapping->level)),
		   level_names[mapping->level]);
	print_attrs(m, &ept->fmt, mapping);
	seq_putc(m, '\n');
}

/* The line above them */
void ept_dump_heading(struct seq_file *m)
{
	seq_puts(m, "# guest-physical            -> host-physical  leaves     rights, type, A/D\n");
}

struct dump {
	struct seq_file	*m;
	struct ept	*ept;
};

static int dump_line(const struct ept_mapping *mapping, void *arg)
{
	const struct dump *dump = arg;

	ept_dump_mapping(dump->m, dump->ept, mapping);
	return seq_has_overflowed(dump->m);
}

int ept_dump(struct seq_file *m, struct ept *ept)
{
	struct dump dump = { .m = m, .ept = ept };

	if (!m || IS_ERR_OR_NULL(ept))
		return -EINVAL;
	ept_dump_heading(m);
	ept_for_each_mapping(ept, 0, ept_gpa_end(ept), dump_line, &dump);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_dump);

static void print_table(struct seq_file *m, phys_addr_t table, enum ept_level level,
			unsigned int live)
{
	seq_printf(m, "table of %s entries at %llx, %u live\n", level_names[level], (u64)table,
		   live);
}

/* The first line of debugfs 'tables' */
void ept_dump_root(struct seq_file *m, struct ept *ept)
{
	seq_printf(m, "EPTP %016llx, ", ept->pointer);
	print_table(m, ept_table_phys(ept->root), ept_root_level(&ept->fmt),
		    ept_table_live(ept->root));
}

/* One of the others: an entry, raw and decoded */
void ept_dump_entry(struct seq_file *m, struct ept *ept, const struct ept_found *found)
{
	const struct ept_format *fmt = &ept->fmt;
	struct ept_mapping mapping;

	seq_printf(m, "%*s%4s[%3u] %013llx %016llx ", 2 * (fmt->levels - found->level), "",
		   level_names[found->level], ept_index(found->gpa, found->level), found->gpa,
		   found->entry);
	if (ept_pte_is_table(found->entry, found->level)) {
		print_table(m, ept_pte_table_address(found->entry), found->level - 1, found->live);
		return;
	}
	mapping = ept_pte_mapping(fmt, found->entry, found->level, found->gpa);
	seq_printf(m, "%013llx ", (u64)mapping.hpa);
	print_attrs(m, fmt, &mapping);
	seq_putc(m, '\n');
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
	if (!ept_lookup(ept, gpa, &mapping))
		ept_dump_mapping(m, ept, &mapping);
}
