// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs about one entry: every configuration, every attribute set, every address, every 64 bits.
 */
#include "config.h"
#include "../ept_pte.c"

/* A leaf of a table, as the module makes it, after CPUs may have set flags in it */
struct made {
	struct ept_config	config;
	struct ept_format	fmt;
	struct cpu		cpu;
	enum ept_level		level;
	struct ept_attrs	attrs;
	u64			hpa;
	u64			leaf;
};

static struct made any_table(void)
{
	struct made made = { .config = any_config() };

	made.cpu = cpu_of(&made.config);
	ept_format_init(&made.fmt, &made.config);
	return made;
}

static struct made any_made(void)
{
	struct made made = any_table();
	u64 bits;

	made.attrs = any_attrs(&made.fmt);
	bits = ept_attrs_to_bits(&made.fmt, &made.attrs);
	made.level = any_up_to(ept_pte_max_leaf(&made.fmt, bits));
	made.hpa = any_hpa(&made.config, made.level);
	made.leaf = ept_pte_leaf(&made.fmt, made.hpa, made.level, bits);
	if (cpu_may_set_flags(&made.cpu, made.leaf))
		made.leaf |= (u64)any_up_to(3) << 8;
	return made;
}

/* What the table keeps of attributes: user execute means nothing without mode-based execute. */
static struct ept_attrs kept(const struct made *made, struct ept_attrs attrs)
{
	if (!made->cpu.mode_exec)
		attrs.prot &= ~EPT_PROT_UEXEC;
	return attrs;
}

/*
 * PROOF attrs_accepted
 * Attributes are accepted by exactly the rules that ept_core.h states
 * FAULT ept_pte.h s/prot & EPT_PROT_READ || fmt->features/prot || fmt->features/
 */
void attrs_accepted(void)
{
	static const u32 needs[] = { 0, EPT_FEATURE_VE, EPT_FEATURE_SUBPAGE,
		EPT_FEATURE_PAGING_WRITE, EPT_FEATURE_VERIFY_PAGING, EPT_FEATURE_SUPER_SHADOW };
	const struct ept_attrs a = {
		.prot = any_u32(), .memtype = any_u32(), .flags = any_u32(), .tag = any_u8(),
	};
	const struct made made = any_table();
	const bool r = a.prot & 1, w = a.prot & 2, x = a.prot & 4, ux = a.prot & 8;
	const bool legal = a.prot < 16 && implies(w, r) && cpu_memtype_defined(a.memtype) &&
			   a.flags < 64 && a.tag < 32;
	bool possible = implies(x || ux, r || made.cpu.exec_only) &&
			implies(ux && !x, made.cpu.mode_exec);

	for (unsigned int i = 0; i < ARRAY_SIZE(needs); i++)
		if (bit(a.flags, i) && needs[i] && !(made.config.features & needs[i]))
			possible = false;
	prove(ept_attrs_valid(&a) == legal, "valid is what some table can have");
	prove(implies(legal, ept_attrs_supported(&made.fmt, &a) == possible),
	      "supported is what this table can have");
}

/*
 * PROOF attrs_identity
 * Attributes become an entry and, read back, the same attributes again
 * FAULT ept_pte.c s/   EPT_PTE_PAGING_WRITE }/ EPT_PTE_VERIFY_PAGING }/
 */
void attrs_identity(void)
{
	const struct made made = any_made();
	const u64 bits = ept_attrs_to_bits(&made.fmt, &made.attrs);

	prove(attrs_equal(ept_attrs_from_bits(bits), kept(&made, made.attrs)),
	      "attributes survive their bits");
	prove(attrs_equal(ept_attrs_from_bits(made.leaf), kept(&made, made.attrs)),
	      "attributes survive the leaf");
	prove(!(bits & ~EPT_PTE_ATTRS), "attribute bits are EPT_PTE_ATTRS");
}

/*
 * PROOF attrs_judged
 * The judge of attributes refuses exactly what it should, with the right error, and else gives the
 * bits of the long way
 * FAULT ept_pte.h s/attrs->flags || attrs->tag > EPT_TAG_MAX || /attrs->tag > EPT_TAG_MAX || /
 * FAULT ept_pte.c s/if (ept_prot_valid(prot) && ept_prot_supported(fmt, prot))/if (ept_prot_valid(prot))/
 */
void attrs_judged(void)
{
	const struct made made = any_table();
	const struct ept_attrs attrs = {
		.prot = any_u32(), .memtype = any_u32(), .flags = any_u32(), .tag = any_u8(),
	};
	u64 judged = any_u64();
	const int err = ept_judge_attrs(&made.fmt, &attrs, &judged);

	prove(err == (!ept_attrs_valid(&attrs) ? -EINVAL :
		      !ept_attrs_supported(&made.fmt, &attrs) ? -EOPNOTSUPP : 0),
	      "refused is what some table, or this one, can't have");
	if (!err)
		prove(judged == ept_attrs_to_bits(&made.fmt, &attrs), "the bits are the bits");
}

/*
 * PROOF leaf_means_attrs
 * What is made means what was asked for: to a CPU, and to the module
 * FAULT ept_pte.h s/(level == EPT_4K ? 0 : EPT_PTE_LARGE)/(level == EPT_1G ? EPT_PTE_LARGE : 0)/
 */
void leaf_means_attrs(void)
{
	const struct made made = any_made();
	const struct ept_attrs a = kept(&made, made.attrs);
	const u64 leaf = made.leaf;

	prove(cpu_present(&made.cpu, leaf) == (a.prot != 0), "present if it allows something");
	prove(ept_pte_is_present(&made.fmt, leaf) == (a.prot != 0), "so for the module");
	prove(bit(leaf, 0) == !!(a.prot & EPT_PROT_READ), "read");
	prove(bit(leaf, 1) == !!(a.prot & EPT_PROT_WRITE), "write");
	prove(bit(leaf, 2) == !!(a.prot & EPT_PROT_EXEC), "execute");
	prove(bit(leaf, 10) == !!(a.prot & EPT_PROT_UEXEC), "user execute");
	if (a.prot) {
		prove(cpu_leaf(leaf, made.level), "a CPU takes it for a leaf");
		prove(cpu_page(leaf) == made.hpa, "of this page");
		prove(bits(leaf, 5, 3) == a.memtype, "of this memory type");
		prove(bit(leaf, 6) == !!(a.flags & EPT_ATTR_IGNORE_PAT), "with this PAT");
		prove(bit(leaf, 63) == !!(a.flags & EPT_ATTR_SUPPRESS_VE), "suppress #VE");
		prove(bit(leaf, 61) == !!(a.flags & EPT_ATTR_SUBPAGE), "sub-page");
		prove(bit(leaf, 60) == !!(a.flags & EPT_ATTR_SUPER_SHADOW), "shadow stack");
		prove(bit(leaf, 58) == !!(a.flags & EPT_ATTR_PAGING_WRITE), "paging-write");
		prove(bit(leaf, 57) == !!(a.flags & EPT_ATTR_VERIFY_PAGING), "verification");
		prove(!bit(leaf, 11), "what a VT-d unit would read is left alone");
	}
	prove(ept_pte_is_leaf(leaf, made.level), "the module takes it for a leaf");
	prove(!ept_pte_is_hole(leaf) && !ept_pte_is_table(leaf, made.level), "and nothing else");
	prove(ept_pte_is_large(leaf, made.level) == (made.level > EPT_4K), "of its size");
	prove(ept_pte_leaf_address(&made.fmt, leaf) == made.hpa, "and of its page");
}

/*
 * PROOF made_is_legal
 * No entry that was made is illegal or foreign, be it leaf, table or hole
 * FAULT ept_pte.c s/own |= EPT_PTE_NONE | EPT_PTE_NONE_TOP/own |= EPT_PTE_NONE/
 * FAULT ept_pte.h s/return table | fmt->rights/return table | fmt->rights | EPT_PTE_MEMTYPE/
 */
void made_is_legal(void)
{
	const struct made made = any_made();
	const enum ept_level above = 1 + any_up_to(made.config.levels - 2);
	const u64 table = ept_pte_table(&made.fmt, any_hpa(&made.config, EPT_4K));
	/* A CPU may set accessed in it. */
	const u64 used = table | (made.cpu.ad && any_bool() ? 1ULL << 8 : 0);

	prove(!ept_pte_illegal(&made.fmt, made.leaf, made.level), "a leaf is legal");
	prove(!cpu_misconfigured(&made.cpu, made.leaf, made.level), "to a CPU, too");
	prove(!ept_pte_is_foreign(&made.fmt, made.leaf, made.level), "a leaf isn't foreign");
	prove(!ept_pte_illegal(&made.fmt, used, above), "a table is legal");
	prove(!cpu_misconfigured(&made.cpu, used, above), "to a CPU, too");
	prove(!ept_pte_is_foreign(&made.fmt, used, above), "a table isn't foreign");
	prove(ept_pte_is_table(used, above) && !ept_pte_is_leaf(used, above), "a table is one");
	prove(cpu_present(&made.cpu, used) && !cpu_leaf(used, above), "to a CPU, too");
	prove(ept_pte_table_address(used) == cpu_page(used) && cpu_page(used) == cpu_page(table),
	      "a table is where it is");
	prove(ept_pte_is_hole(made.fmt.hole) && !cpu_present(&made.cpu, made.fmt.hole),
	      "a hole is one");
	prove(bit(made.fmt.hole, 63) == !!(made.config.features & EPT_FEATURE_VE),
	      "a hole raises no #VE");
}

/*
 * PROOF legality
 * An entry is illegal exactly where a CPU finds an EPT misconfiguration, for any 64 bits
 * FAULT ept_pte.c s/return GENMASK_ULL(6, 3);/return GENMASK_ULL(5, 3);/
 * FAULT ept_pte.c s/if (level > fmt->max_leaf)/if (level > EPT_1G)/
 */
void legality(void)
{
	const struct made made = any_table();
	const enum ept_level level = any_up_to(made.config.levels - 1);
	const u64 entry = any_u64();

	prove(!!ept_pte_illegal(&made.fmt, entry, level) ==
	      cpu_misconfigured(&made.cpu, entry, level), "the module and a CPU agree");
	prove(ept_pte_is_present(&made.fmt, entry) == cpu_present(&made.cpu, entry),
	      "on what is present, too");
}

/*
 * PROOF hidden_address
 * The address of a leaf without rights is hidden, and found again, for each address
 * FAULT ept_pte.c s/EPT_PTE_ADDRESS) | top | EPT_PTE_NONE;/EPT_PTE_ADDRESS) | EPT_PTE_NONE;/
 */
void hidden_address(void)
{
	const struct made made = any_made();
	const u64 shown = any_hpa(&made.config, made.level) |
			  (ept_attrs_to_bits(&made.fmt, &made.attrs) & ~EPT_PTE_RIGHTS);
	const u64 hidden = ept_pte_hide(&made.fmt, shown);

	prove(ept_pte_show(&made.fmt, hidden) == shown, "show is the inverse of hide");
	prove(ept_pte_hide(&made.fmt, ept_pte_show(&made.fmt, hidden)) == hidden,
	      "and hide of show");
	prove(!cpu_present(&made.cpu, hidden) && !ept_pte_is_hole(hidden), "hidden, not a hole");
	prove(bit(hidden, made.config.maxphyaddr - 1), "in the upper half, where no memory is");
	prove(((hidden ^ shown) & ~(EPT_PTE_ADDRESS | EPT_PTE_NONE | EPT_PTE_NONE_TOP)) == 0,
	      "all else stays");
}

/*
 * PROOF change_is_remake
 * A leaf that is changed is the leaf that would have been made so, with its flags
 * FAULT ept_pte.h s/ || !(changed & EPT_PTE_RIGHTS)//
 */
void change_is_remake(void)
{
	const struct made made = any_made();
	const struct ept_attrs attrs = any_attrs(&made.fmt);
	const u64 bits = ept_attrs_to_bits(&made.fmt, &attrs);
	const u64 hpa = any_hpa(&made.config, made.level);
	const u64 flags = made.leaf & (3ULL << 8);

	prove(ept_pte_change(&made.fmt, made.leaf, EPT_PTE_ATTRS, bits) ==
	      (ept_pte_leaf(&made.fmt, made.hpa, made.level, bits) | flags), "other attributes");
	prove(ept_pte_set_address(&made.fmt, made.leaf, hpa) ==
	      (ept_pte_leaf(&made.fmt, hpa, made.level,
			    ept_attrs_to_bits(&made.fmt, &made.attrs)) | flags), "other address");
}

/*
 * PROOF rights_change
 * Rights that are taken and given are those that are taken and given, and nothing else changes
 * FAULT ept_pte.h s/changed = (entry & ~clear) | set;/changed = (entry | set) \& ~clear;/
 */
void rights_change(void)
{
	const struct made made = any_made();
	const u32 clear = any_up_to(15), set = any_up_to(15);
	struct ept_attrs after = made.attrs;
	u64 changed;

	after.prot = (after.prot & ~clear) | set;
	assume(ept_attrs_valid(&after) && ept_attrs_supported(&made.fmt, &after));
	changed = ept_pte_change(&made.fmt, made.leaf, ept_prot_to_bits(&made.fmt, clear),
				 ept_prot_to_bits(&made.fmt, set));
	prove(attrs_equal(ept_attrs_from_bits(changed), kept(&made, after)), "the rights");
	prove(ept_pte_leaf_address(&made.fmt, changed) == made.hpa, "the address stays");
	prove(((changed ^ made.leaf) & (3ULL << 8)) == 0, "flags stay");
}

/*
 * PROOF split
 * Each part of a leaf that is split has its parent's translation, rights and flags
 * FAULT ept_pte.h s/ept_level_size(level) : -ept_level_size(level)/ept_level_size(level) : 0/
 * FAULT ept_pte.h s/return level == EPT_2M ? leaf & ~EPT_PTE_LARGE : leaf;/return leaf;/
 */
void split(void)
{
	const struct made made = any_made();
	const u64 i = any_up_to(511);
	enum ept_level below;
	u64 part;

	assume(made.level > EPT_4K);
	below = made.level - 1;
	part = ept_pte_split(made.leaf, made.level) + i * ept_pte_step(made.leaf, below);
	prove(ept_pte_is_leaf(part, below), "a part is a leaf");
	prove(ept_pte_leaf_address(&made.fmt, part) == made.hpa + i * ept_level_size(below),
	      "it maps its part of the page");
	prove(attrs_equal(ept_attrs_from_bits(part), kept(&made, made.attrs)),
	      "it has the attributes");
	prove(((part ^ made.leaf) & (3ULL << 8)) == 0, "it has the flags");
	prove(!cpu_misconfigured(&made.cpu, part, below) &&
	      !ept_pte_is_foreign(&made.fmt, part, below), "it is legal, and the module's own");
	if (cpu_present(&made.cpu, made.leaf)) {
		prove(cpu_present(&made.cpu, part) && cpu_leaf(part, below), "a leaf to a CPU");
		prove(cpu_page(part) == cpu_page(made.leaf) + i * ept_level_size(below),
		      "that translates alike");
		/* All but address, size, and bit 7 of a PTE, which is ignored */
		prove(((part ^ made.leaf) & ~(EPT_PTE_ADDRESS | 1ULL << 7)) == 0,
		      "with the same rights and memory type");
	}
}

/*
 * PROOF invept
 * A change is never said to need no INVEPT where the manual asks for one, for any two entries
 * FAULT ept_pte.h s/software = EPT_PTE_TAG |/software = EPT_PTE_TAG | EPT_PTE_IGNORE_PAT |/
 * FAULT ept_pte.h s/added = new & ~old &/added = (new ^ old) \&/
 */
void invept(void)
{
	const struct made made = any_table();
	const u64 old = any_u64(), new = any_u64();

	prove(implies(cpu_needs_invept(&made.cpu, old, new),
		      ept_pte_needs_invept(&made.fmt, old, new)), "asked for where it is due");
}

/*
 * PROOF invept_spared
 * What needs no INVEPT asks for none: filling a hole, giving rights, setting flags, a tag
 * FAULT ept_pte.h s/const u64 software = EPT_PTE_TAG |/const u64 software =/
 */
void invept_spared(void)
{
	const struct made made = any_made();
	const u64 rights = made.fmt.rights & any_u64();
	const u64 flags = made.cpu.ad ? (u64)any_up_to(3) << 8 : 0;
	const u64 tag = (u64)any_up_to(31) << 52;

	prove(!ept_pte_needs_invept(&made.fmt, made.fmt.hole, any_u64()), "a hole is filled");
	if (!cpu_present(&made.cpu, made.leaf))
		prove(!ept_pte_needs_invept(&made.fmt, made.leaf, any_u64()),
		      "what allowed nothing is changed");
	prove(!ept_pte_needs_invept(&made.fmt, made.leaf, made.leaf | rights | flags),
	      "more is allowed");
	prove(!ept_pte_needs_invept(&made.fmt, made.leaf,
				    (made.leaf & ~(31ULL << 52)) | tag), "another tag");
}

/*
 * PROOF volatile_flags
 * A leaf is said to be volatile exactly where a CPU whose rights are the entry's may set a flag in
 * it; and, when a flush is due, wherever a CPU may that had more of them
 * FAULT ept_pte.h s/(!fmt->ad || !(entry & EPT_PTE_RIGHTS))/(!fmt->ad || !(entry \& 1))/
 * FAULT ept_pte.h s/MAY_DIRTY\t(EPT_PTE_WRITE | EPT_PTE_PAGING_WRITE |/MAY_DIRTY\t(EPT_PTE_WRITE |/
 * FAULT ept_pte.h s/return fmt->ad && entry & EPT_PTE_RIGHTS && (/return fmt->ad \&\& entry \& EPT_PTE_WRITE \&\& (/
 */
void volatile_flags(void)
{
	const struct made made = any_made();
	/* As it is, or as it was left by a change of rights whose flush is due */
	const u64 leaf = made.leaf;

	prove(ept_pte_is_volatile(&made.fmt, leaf) == cpu_may_set_flags_now(&made.cpu, leaf),
	      "volatile where a CPU may set a flag");
	prove(ept_pte_is_volatile_when_stale(&made.fmt, leaf) ==
	      cpu_may_set_flags(&made.cpu, leaf), "or may late");
}
