// SPDX-License-Identifier: GPL-2.0
/*
 * What people read: mappings, entries, explanations and capabilities as text, a line each.
 */
#include <linux/err.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

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

static void show_msrs(struct seq_file *m, const struct ept_msrs *msrs)
{
	const struct {
		const char	*name;
		u32		valid;
		u64		value;
	} values[] = {
		{ "feature_control", EPT_MSR_FEATURE_CONTROL, msrs->feature_control },
		{ "vmx_basic", EPT_MSR_BASIC, msrs->basic },
		{ "procbased", EPT_MSR_PROCBASED, msrs->procbased },
		{ "true_procbased", EPT_MSR_TRUE_PROCBASED, msrs->true_procbased },
		{ "procbased2", EPT_MSR_PROCBASED2, msrs->procbased2 },
		{ "procbased3", EPT_MSR_PROCBASED3, msrs->procbased3 },
		{ "ept_vpid_cap", EPT_MSR_EPT_VPID_CAP, msrs->ept_vpid_cap },
		{ "vmfunc", EPT_MSR_VMFUNC, msrs->vmfunc },
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (msrs->valid & values[i].valid)
			seq_printf(m, "%-20s %016llx\n", values[i].name, values[i].value);
		else
			seq_printf(m, "%-20s absent\n", values[i].name);
	}
}

static void show_caps(struct seq_file *m, const struct ept_caps *caps)
{
	const struct {
		const char	*name;
		bool		has;
	} flags[] = {
		{ "exec_only", caps->exec_only },
		{ "levels_4", caps->levels_4 },
		{ "levels_5", caps->levels_5 },
		{ "table_uc", caps->table_uc },
		{ "table_wb", caps->table_wb },
		{ "leaf_2m", caps->leaf_2m },
		{ "leaf_1g", caps->leaf_1g },
		{ "accessed_dirty", caps->accessed_dirty },
		{ "advanced_info", caps->advanced_info },
		{ "super_shadow", caps->super_shadow },
		{ "invept", caps->invept },
		{ "invept_context", caps->invept_context },
		{ "invept_global", caps->invept_global },
		{ "invvpid", caps->invvpid },
		{ "invvpid_address", caps->invvpid_address },
		{ "invvpid_context", caps->invvpid_context },
		{ "invvpid_all", caps->invvpid_all },
		{ "invvpid_retain_global", caps->invvpid_retain_global },
		{ "vpid", caps->vpid },
		{ "unrestricted_guest", caps->unrestricted_guest },
		{ "vmfunc", caps->vmfunc },
		{ "pml", caps->pml },
		{ "ve", caps->ve },
		{ "mode_exec", caps->mode_exec },
		{ "subpage", caps->subpage },
		{ "hlat", caps->hlat },
		{ "paging_write", caps->paging_write },
		{ "verify_paging", caps->verify_paging },
		{ "ipi_virtualization", caps->ipi_virtualization },
		{ "eptp_switching", caps->eptp_switching },
		{ "true_controls", caps->true_controls },
		{ "cr3_exits_optional", caps->cr3_exits_optional },
		{ "itlb_multihit", caps->itlb_multihit },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		seq_printf(m, "%-22s %s\n", flags[i].name, str_yes_no(flags[i].has));
	seq_printf(m, "%-22s %u\n%-22s %u\n%-22s %u\n", "maxphyaddr", caps->maxphyaddr,
		   "hlat_prefix_max", caps->hlat_prefix_max, "vmcs_memtype", caps->vmcs_memtype);
}

/* debugfs 'caps': what ept_caps_read() said and filled in */
void ept_dump_caps(struct seq_file *m, int err, const struct ept_caps *caps)
{
	switch (err) {
	case 0:
		show_msrs(m, &caps->msrs);
		show_caps(m, caps);
		break;
	case -ENODEV:
		seq_puts(m, "this CPU has no VMX\n");
		break;
	case -EPERM:
		seq_puts(m, "firmware locked VMX off\n");
		break;
	default:
		seq_puts(m, "VMX without EPT\n");
	}
}
EXPORT_SYMBOL_IF_KUNIT(ept_dump_caps);
