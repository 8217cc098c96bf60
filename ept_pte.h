/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One entry: its bits, its legality, what it becomes. Pure functions of values: no memory, no
 * struct ept, no MSR.
 *
 * Encodes the manual's tables "Format of an EPT ... Entry" in the section "The Extended Page Table
 * Mechanism", and its sections "EPT Misconfigurations" and "EPT Violations".
 *
 * ========  =====  ===================  ======================
 * level     Intel  index in the table   leaf
 * ========  =====  ===================  ======================
 * EPT_4K    PTE    gpa[20:12]           always
 * EPT_2M    PDE    gpa[29:21]           if EPT_PTE_LARGE
 * EPT_1G    PDPTE  gpa[38:30]           if EPT_PTE_LARGE
 * EPT_512G  PML4E  gpa[47:39]           never
 * EPT_256T  PML5E  gpa[56:48]           never
 * ========  =====  ===================  ======================
 */
#ifndef _EPT_PTE_H
#define _EPT_PTE_H

#include <linux/align.h>
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/math.h>
#include <linux/types.h>

#include "ept_core.h"

#define EPT_PTE_READ		BIT_ULL(0)
#define EPT_PTE_WRITE		BIT_ULL(1)
#define EPT_PTE_EXEC		BIT_ULL(2)	/* supervisor-mode alone with mode-based execute */
#define EPT_PTE_MEMTYPE		GENMASK_ULL(5, 3)
#define EPT_PTE_IGNORE_PAT	BIT_ULL(6)
#define EPT_PTE_LARGE		BIT_ULL(7)
#define EPT_PTE_ACCESSED	BIT_ULL(8)
#define EPT_PTE_DIRTY		BIT_ULL(9)
#define EPT_PTE_UEXEC		BIT_ULL(10)	/* ignored without mode-based execute */
#define EPT_PTE_ADDRESS		GENMASK_ULL(51, 12)
#define EPT_PTE_TAG		GENMASK_ULL(56, 52)	/* software */
#define EPT_PTE_VERIFY_PAGING	BIT_ULL(57)
#define EPT_PTE_PAGING_WRITE	BIT_ULL(58)
#define EPT_PTE_SUPER_SHADOW	BIT_ULL(60)
#define EPT_PTE_SUBPAGE		BIT_ULL(61)
#define EPT_PTE_SUPPRESS_VE	BIT_ULL(63)

/*
 * Software bits of a leaf that allows no access (EPT_PROT_NONE), which is not present to the CPU.
 * Bit 11 is left alone in present entries, where a VT-d unit that shared the table would read it.
 */
#define EPT_PTE_NONE		BIT_ULL(11)	/* a leaf all the same */
#define EPT_PTE_NONE_TOP	BIT_ULL(59)	/* the top bit of its address */

#define EPT_PTE_RIGHTS		(EPT_PTE_READ | EPT_PTE_WRITE | EPT_PTE_EXEC | EPT_PTE_UEXEC)
#define EPT_PTE_AD		(EPT_PTE_ACCESSED | EPT_PTE_DIRTY)
/* A CPU may set dirty where one of these is */
#define EPT_PTE_MAY_DIRTY	(EPT_PTE_WRITE | EPT_PTE_PAGING_WRITE |			\
				 EPT_PTE_SUPER_SHADOW | EPT_PTE_SUBPAGE)
#define EPT_PTE_FLAGS		(EPT_PTE_IGNORE_PAT | EPT_PTE_VERIFY_PAGING |		\
				 EPT_PTE_PAGING_WRITE | EPT_PTE_SUPER_SHADOW |		\
				 EPT_PTE_SUBPAGE | EPT_PTE_SUPPRESS_VE)
/* All that struct ept_attrs says */
#define EPT_PTE_ATTRS		(EPT_PTE_RIGHTS | EPT_PTE_MEMTYPE | EPT_PTE_TAG | EPT_PTE_FLAGS)
/*
 * Any of these in an entry of ours: not a hole. Rights are only ever set where they mean something,
 * so that this holds with and without mode-based execute.
 */
#define EPT_PTE_MAPPED		(EPT_PTE_RIGHTS | EPT_PTE_NONE)

static_assert(!(EPT_PTE_ATTRS & (EPT_PTE_ADDRESS | EPT_PTE_AD | EPT_PTE_LARGE)));
static_assert(!((EPT_PTE_NONE | EPT_PTE_NONE_TOP) &
		(EPT_PTE_ATTRS | EPT_PTE_ADDRESS | EPT_PTE_AD | EPT_PTE_LARGE)));

/* How many bits of a gpa select an entry of a table. Proofs take fewer than the architecture. */
#ifndef EPT_INDEX_BITS
#define EPT_INDEX_BITS		9
#endif
#define EPT_ENTRIES		(1 << (EPT_INDEX_BITS))

static inline unsigned int ept_level_shift(enum ept_level level)
{
	return 12 + EPT_INDEX_BITS * level;
}

/* How many bytes an entry spans */
static inline u64 ept_level_size(enum ept_level level)
{
	return 1ULL << ept_level_shift(level);
}

static inline unsigned int ept_index(u64 gpa, enum ept_level level)
{
	return (gpa >> ept_level_shift(level)) % EPT_ENTRIES;
}

/**
 * struct ept_format - what a table's configuration means for its entries
 * @levels: 4 or 5
 * @max_leaf: the largest leaf
 * @maxphyaddr: width of host-physical addresses
 * @features: EPT_FEATURE_* bits
 * @no_exec_large: executable leaves are 4K leaves
 * @rights: the rights that mean something
 * @hole: what a hole holds
 * @ad: EPT_PTE_AD where a CPU sets these, otherwise 0
 * @gpa_illegal: bits that no address of a guest's page has
 * @hpa_illegal: bits that no address of a host's page has
 * @plain_rights: for each EPT_PROT_* mask, its rights; 0 where there is more to say: it allows
 *	nothing, or this table can't have it
 */
struct ept_format {
	unsigned int	levels;
	enum ept_level	max_leaf;
	unsigned int	maxphyaddr;
	u32		features;
	bool		no_exec_large;
	u64		rights;
	u64		hole;
	u64		ad;
	u64		gpa_illegal;
	u64		hpa_illegal;
	u16		plain_rights[16];
};

void ept_format_init(struct ept_format *fmt, const struct ept_config *config);

static inline enum ept_level ept_root_level(const struct ept_format *fmt)
{
	return fmt->levels - 1;
}

/* Width of guest-physical addresses */
static inline unsigned int ept_gpa_width(const struct ept_format *fmt)
{
	return ept_level_shift(fmt->levels);
}

/*
 * Attributes
 */
bool ept_flags_supported(const struct ept_format *fmt, u32 flags);
u64 ept_flags_to_bits(u32 flags);
u32 ept_flags_from_bits(u64 bits);

#define EPT_PROT_ALL	(EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC)
#define EPT_ATTR_ALL	(EPT_ATTR_IGNORE_PAT | EPT_ATTR_SUPPRESS_VE | EPT_ATTR_SUBPAGE |	\
			 EPT_ATTR_PAGING_WRITE | EPT_ATTR_VERIFY_PAGING | EPT_ATTR_SUPER_SHADOW)

/* Three rights are the same bits on both sides, which makes the conversions cheap. */
static_assert(EPT_PROT_READ == EPT_PTE_READ);
static_assert(EPT_PROT_WRITE == EPT_PTE_WRITE);
static_assert(EPT_PROT_EXEC == EPT_PTE_EXEC);

static inline bool ept_memtype_valid(u64 memtype)
{
	const u32 valid = BIT(EPT_MT_UC) | BIT(EPT_MT_WC) | BIT(EPT_MT_WT) | BIT(EPT_MT_WP) |
			  BIT(EPT_MT_WB);

	return memtype < 32 && valid & BIT(memtype);
}

/* Whether some table can have these rights */
static inline bool ept_prot_valid(u32 prot)
{
	return !(prot & ~EPT_PROT_ALL) &&
	       (prot & (EPT_PROT_READ | EPT_PROT_WRITE)) != EPT_PROT_WRITE;
}

/* Whether this table can have rights that are valid */
static inline bool ept_prot_supported(const struct ept_format *fmt, u32 prot)
{
	if (!(fmt->rights & EPT_PTE_UEXEC)) {
		if ((prot & (EPT_PROT_EXEC | EPT_PROT_UEXEC)) == EPT_PROT_UEXEC)
			return false;
		prot &= ~EPT_PROT_UEXEC;
	}
	return !prot || prot & EPT_PROT_READ || fmt->features & EPT_FEATURE_EXEC_ONLY;
}

/* Whether the attributes make sense on some table */
static inline bool ept_attrs_valid(const struct ept_attrs *attrs)
{
	return ept_prot_valid(attrs->prot) && ept_memtype_valid(attrs->memtype) &&
	       !(attrs->flags & ~EPT_ATTR_ALL) && attrs->tag <= EPT_TAG_MAX;
}

/* Whether attributes that are valid mean something on this table */
static inline bool ept_attrs_supported(const struct ept_format *fmt,
				       const struct ept_attrs *attrs)
{
	return ept_prot_supported(fmt, attrs->prot) &&
	       (!attrs->flags || ept_flags_supported(fmt, attrs->flags));
}

static inline u64 ept_prot_to_bits(const struct ept_format *fmt, u32 prot)
{
	u64 bits = prot & (EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC);

	if (prot & EPT_PROT_UEXEC)
		bits |= EPT_PTE_UEXEC;
	return bits & fmt->rights;
}

static inline u32 ept_prot_from_bits(u64 bits)
{
	u32 prot = bits & (EPT_PTE_READ | EPT_PTE_WRITE | EPT_PTE_EXEC);

	if (bits & EPT_PTE_UEXEC)
		prot |= EPT_PROT_UEXEC;
	return prot;
}

/* The attribute bits of a leaf, EPT_PTE_NONE not among them */
static inline u64 ept_attrs_to_bits(const struct ept_format *fmt, const struct ept_attrs *attrs)
{
	u64 bits = ept_prot_to_bits(fmt, attrs->prot) |
		   FIELD_PREP(EPT_PTE_MEMTYPE, attrs->memtype) |
		   FIELD_PREP(EPT_PTE_TAG, attrs->tag);

	return likely(!attrs->flags) ? bits : bits | ept_flags_to_bits(attrs->flags);
}

int ept_attrs_error(const struct ept_format *fmt, const struct ept_attrs *attrs, u64 *bits);

/* 0 and the attribute bits of a leaf, or the error. Most need no second look: rights and a type. */
static __always_inline int ept_judge_attrs(const struct ept_format *fmt,
					   const struct ept_attrs *attrs, u64 *bits)
{
	static_assert(ARRAY_SIZE(fmt->plain_rights) == EPT_PROT_ALL + 1);

	if (unlikely(attrs->prot > EPT_PROT_ALL || !ept_memtype_valid(attrs->memtype) ||
		     attrs->flags || attrs->tag > EPT_TAG_MAX || !fmt->plain_rights[attrs->prot]))
		return ept_attrs_error(fmt, attrs, bits);
	*bits = fmt->plain_rights[attrs->prot] | FIELD_PREP(EPT_PTE_MEMTYPE, attrs->memtype) |
		FIELD_PREP(EPT_PTE_TAG, attrs->tag);
	return 0;
}

/* The inverse of ept_attrs_to_bits() */
static inline struct ept_attrs ept_attrs_from_bits(u64 bits)
{
	return (struct ept_attrs){
		.prot = ept_prot_from_bits(bits),
		.memtype = FIELD_GET(EPT_PTE_MEMTYPE, bits),
		.flags = likely(!(bits & EPT_PTE_FLAGS)) ? 0 : ept_flags_from_bits(bits),
		.tag = FIELD_GET(EPT_PTE_TAG, bits),
	};
}

/*
 * What an entry is. These hold for entries that this module wrote; ept_pte_illegal() judges any.
 */
static inline bool ept_pte_is_hole(u64 entry)
{
	return !(entry & EPT_PTE_MAPPED);
}

static inline bool ept_pte_is_leaf(u64 entry, enum ept_level level)
{
	return !ept_pte_is_hole(entry) && (level == EPT_4K || entry & EPT_PTE_LARGE);
}

/* A CPU knows no leaves above 1G, and neither does this module. */
static inline bool ept_pte_is_table(u64 entry, enum ept_level level)
{
	return !ept_pte_is_hole(entry) && level != EPT_4K &&
	       (level > EPT_1G || !(entry & EPT_PTE_LARGE));
}

/* Whether the CPU uses the entry: neither a hole nor a leaf without rights */
static inline bool ept_pte_is_present(const struct ept_format *fmt, u64 entry)
{
	return entry & fmt->rights;
}

/* Whether a leaf maps more than 4K; an entry that isn't a leaf never does */
static inline bool ept_pte_is_large(u64 entry, enum ept_level level)
{
	return level != EPT_4K && ept_pte_is_leaf(entry, level) && entry & EPT_PTE_LARGE;
}

/*
 * Making and reading entries
 */
u64 ept_pte_hide(const struct ept_format *fmt, u64 entry);
u64 ept_pte_show(const struct ept_format *fmt, u64 entry);
u64 ept_pte_set_address(const struct ept_format *fmt, u64 entry, phys_addr_t hpa);
bool ept_pte_is_foreign(const struct ept_format *fmt, u64 entry, enum ept_level level);
u64 ept_pte_change_slow(const struct ept_format *fmt, u64 entry, u64 clear, u64 set);
const char *ept_pte_illegal(const struct ept_format *fmt, u64 entry, enum ept_level level);

static inline phys_addr_t ept_pte_leaf_address(const struct ept_format *fmt, u64 entry)
{
	if (unlikely(!(entry & EPT_PTE_RIGHTS)))
		entry = ept_pte_show(fmt, entry);
	return entry & EPT_PTE_ADDRESS;
}

/* What a client is told of a leaf that an address is in */
static __always_inline struct ept_mapping ept_pte_mapping(const struct ept_format *fmt, u64 leaf,
							  enum ept_level level, u64 gpa)
{
	return (struct ept_mapping){
		.gpa = round_down(gpa, ept_level_size(level)),
		.hpa = ept_pte_leaf_address(fmt, leaf),
		.size = ept_level_size(level),
		.level = level,
		.attrs = ept_attrs_from_bits(leaf),
		/* Nobody sets these where the table is configured without. */
		.accessed = leaf & EPT_PTE_ACCESSED,
		.dirty = leaf & EPT_PTE_DIRTY,
	};
}

/* The same of a hole */
static inline struct ept_mapping ept_pte_hole(enum ept_level level, u64 gpa)
{
	return (struct ept_mapping){
		.gpa = round_down(gpa, ept_level_size(level)),
		.size = ept_level_size(level),
		.level = level,
	};
}

/* A leaf with these attribute bits */
static inline u64 ept_pte_leaf(const struct ept_format *fmt, phys_addr_t hpa, enum ept_level level,
			       u64 bits)
{
	const u64 entry = hpa | bits | (level == EPT_4K ? 0 : EPT_PTE_LARGE);

	return likely(bits & EPT_PTE_RIGHTS) ? entry : ept_pte_hide(fmt, entry);
}

/* From a leaf to the next, contiguous one of a run: hidden addresses grow downwards. */
static inline u64 ept_pte_step(u64 leaf, enum ept_level level)
{
	return leaf & EPT_PTE_RIGHTS ? ept_level_size(level) : -ept_level_size(level);
}

/* The first of the 512 leaves that a large leaf of @level splits into */
static inline u64 ept_pte_split(u64 leaf, enum ept_level level)
{
	return level == EPT_2M ? leaf & ~EPT_PTE_LARGE : leaf;
}

/* The largest leaf that may have the attributes of @entry */
static inline enum ept_level ept_pte_max_leaf(const struct ept_format *fmt, u64 entry)
{
	if (entry & EPT_PTE_SUBPAGE)
		return EPT_4K;
	if (fmt->no_exec_large && entry & (EPT_PTE_EXEC | EPT_PTE_UEXEC))
		return EPT_4K;
	return fmt->max_leaf;
}

/* The largest leaf of up to @level that two addresses with these bits allow */
static inline enum ept_level ept_largest_leaf(u64 addresses, enum ept_level level)
{
	while (!IS_ALIGNED(addresses, ept_level_size(level)))
		level--;
	return level;
}

/* A table entry allows everything: rights are the leaves' to take. */
static inline u64 ept_pte_table(const struct ept_format *fmt, phys_addr_t table)
{
	return table | fmt->rights;
}

static inline phys_addr_t ept_pte_table_address(u64 entry)
{
	return entry & EPT_PTE_ADDRESS;
}

/*
 * A leaf with attribute bits taken and given; set wins. Address, accessed and dirty stay. Where
 * rights come from or go to nothing at all, the address changes between plain and hidden.
 */
static inline u64 ept_pte_change(const struct ept_format *fmt, u64 entry, u64 clear, u64 set)
{
	const u64 changed = (entry & ~clear) | set;

	if (unlikely(!(entry & EPT_PTE_RIGHTS) || !(changed & EPT_PTE_RIGHTS)))
		return ept_pte_change_slow(fmt, entry, clear, set);
	return changed;
}

/*
 * Transitions
 */

/*
 * Whether a CPU may set accessed or dirty in this entry while it is linked, so that only an atomic
 * read-modify-write changes it without losing one. What is set already cannot be set again, and
 * what the guest may not write to isn't dirtied, but for paging-writes, shadow stacks and
 * sub-pages.
 */
static inline bool ept_pte_is_volatile(const struct ept_format *fmt, u64 entry)
{
	if (!fmt->ad || !(entry & EPT_PTE_RIGHTS))
		return false;
	if (!(entry & EPT_PTE_ACCESSED))
		return true;
	return !(entry & EPT_PTE_DIRTY) && entry & EPT_PTE_MAY_DIRTY;
}

/*
 * The same where a CPU may hold rights that the entry has no more, as no flush came since: a write
 * that began with them sets dirty although the entry doesn't allow it.
 */
static inline bool ept_pte_is_volatile_when_stale(const struct ept_format *fmt, u64 entry)
{
	return fmt->ad && entry & EPT_PTE_RIGHTS && (entry & EPT_PTE_AD) != EPT_PTE_AD;
}

/*
 * Whether a linked entry's change from @old to @new asks for INVEPT: the manual's "Guidelines for
 * Use of the INVEPT Instruction". What is not present is never cached, rights may be added without.
 * For all other changes it is asked for, also of the bits for which the manual leaves it open:
 * suppress-#VE, verification, paging-write, shadow stack and sub-page. A client's tag is no change,
 * nor are accessed and dirty that were set.
 */
static inline bool ept_pte_needs_invept(const struct ept_format *fmt, u64 old, u64 new)
{
	const u64 software = EPT_PTE_TAG | EPT_PTE_NONE | EPT_PTE_NONE_TOP;
	const u64 added = new & ~old & (fmt->rights | EPT_PTE_AD);

	return ept_pte_is_present(fmt, old) && ((old ^ new) & ~(software | added));
}

#endif /* _EPT_PTE_H */
