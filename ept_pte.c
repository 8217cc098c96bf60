// SPDX-License-Identifier: GPL-2.0
/*
 * One entry: attributes to bits and back, legality, and which transitions need INVEPT. See
 * ept_pte.h for the layer and the sections of the manual.
 */
#include <linux/errno.h>

#include "ept_compat.h"
#include "ept_pte.h"

/* Each EPT_ATTR_* bit: its bit in an entry, and the feature that gives it a meaning */
static const struct {
	u32 attr;
	u32 feature;
	u64 bit;
} attr_bits[] = {
	{ EPT_ATTR_IGNORE_PAT,    0,                          EPT_PTE_IGNORE_PAT },
	{ EPT_ATTR_SUPPRESS_VE,   EPT_FEATURE_VE,             EPT_PTE_SUPPRESS_VE },
	{ EPT_ATTR_SUBPAGE,       EPT_FEATURE_SUBPAGE,        EPT_PTE_SUBPAGE },
	{ EPT_ATTR_PAGING_WRITE,  EPT_FEATURE_PAGING_WRITE,   EPT_PTE_PAGING_WRITE },
	{ EPT_ATTR_VERIFY_PAGING, EPT_FEATURE_VERIFY_PAGING,  EPT_PTE_VERIFY_PAGING },
	{ EPT_ATTR_SUPER_SHADOW,  EPT_FEATURE_SUPER_SHADOW,   EPT_PTE_SUPER_SHADOW },
};

void ept_format_init(struct ept_format *fmt, const struct ept_config *config)
{
	*fmt = (struct ept_format){
		.levels = config->levels,
		.max_leaf = config->max_leaf,
		.maxphyaddr = config->maxphyaddr,
		.features = config->features,
		.no_exec_large = config->flags & EPT_CONFIG_NO_EXEC_LARGE,
		.rights = EPT_PTE_READ | EPT_PTE_WRITE | EPT_PTE_EXEC,
	};
	if (config->features & EPT_FEATURE_MODE_EXEC)
		fmt->rights |= EPT_PTE_UEXEC;
	if (config->features & EPT_FEATURE_VE)
		fmt->hole = EPT_PTE_SUPPRESS_VE;
	if (config->features & EPT_FEATURE_AD)
		fmt->ad = EPT_PTE_AD;
	fmt->gpa_illegal = ~GENMASK_ULL(ept_gpa_width(fmt) - 1, PAGE_SHIFT);
	fmt->hpa_illegal = ~GENMASK_ULL(fmt->maxphyaddr - 1, PAGE_SHIFT);
	/* With constants, most of it is decided now. */
#pragma GCC unroll 16
	for (u32 prot = 0; prot <= EPT_PROT_ALL; prot++)
		if (ept_prot_valid(prot) && ept_prot_supported(fmt, prot))
			fmt->plain_rights[prot] = ept_prot_to_bits(fmt, prot);
}
EXPORT_SYMBOL_IF_KUNIT(ept_format_init);

bool ept_flags_supported(const struct ept_format *fmt, u32 flags)
{
	for (size_t i = 0; i < ARRAY_SIZE(attr_bits); i++)
		if (flags & attr_bits[i].attr && attr_bits[i].feature & ~fmt->features)
			return false;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(ept_flags_supported);

u64 ept_flags_to_bits(u32 flags)
{
	u64 bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attr_bits); i++)
		if (flags & attr_bits[i].attr)
			bits |= attr_bits[i].bit;
	return bits;
}
EXPORT_SYMBOL_IF_KUNIT(ept_flags_to_bits);

/* The inverse of ept_flags_to_bits() */
u32 ept_flags_from_bits(u64 bits)
{
	u32 flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attr_bits); i++)
		if (bits & attr_bits[i].bit)
			flags |= attr_bits[i].attr;
	return flags;
}
EXPORT_SYMBOL_IF_KUNIT(ept_flags_from_bits);

/* ept_judge_attrs() for any attributes, one field after the other */
int ept_attrs_error(const struct ept_format *fmt, const struct ept_attrs *attrs, u64 *bits)
{
	if (!ept_attrs_valid(attrs))
		return -EINVAL;
	if (!ept_attrs_supported(fmt, attrs))
		return -EOPNOTSUPP;
	*bits = ept_attrs_to_bits(fmt, attrs);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ept_attrs_error);

/*
 * L1TF: a CPU may speculatively read the cache at the address that a not-present entry holds. So a
 * leaf without rights holds the complement of its address, with the top bit of the physical address
 * space set: an address in the upper half, where the kernel's own mitigation keeps memory away
 * from. The address's own top bit goes to EPT_PTE_NONE_TOP.
 */
u64 ept_pte_hide(const struct ept_format *fmt, u64 entry)
{
	const u64 top = BIT_ULL(fmt->maxphyaddr - 1);
	const u64 was_top = entry & top;

	entry = (entry ^ EPT_PTE_ADDRESS) | top | EPT_PTE_NONE;
	return was_top ? entry | EPT_PTE_NONE_TOP : entry;
}
EXPORT_SYMBOL_IF_KUNIT(ept_pte_hide);

/* The inverse of ept_pte_hide() */
u64 ept_pte_show(const struct ept_format *fmt, u64 entry)
{
	const u64 top = BIT_ULL(fmt->maxphyaddr - 1);
	const u64 was_top = entry & EPT_PTE_NONE_TOP ? top : 0;

	entry = (entry ^ EPT_PTE_ADDRESS) & ~(top | EPT_PTE_NONE | EPT_PTE_NONE_TOP);
	return entry | was_top;
}
EXPORT_SYMBOL_IF_KUNIT(ept_pte_show);

static u64 hide_if_none(const struct ept_format *fmt, u64 entry)
{
	return entry & EPT_PTE_RIGHTS ? entry : ept_pte_hide(fmt, entry);
}

static u64 show_if_none(const struct ept_format *fmt, u64 entry)
{
	return entry & EPT_PTE_RIGHTS ? entry : ept_pte_show(fmt, entry);
}

/* The leaf with another address, of which bits beyond an entry's are dropped; all else stays. */
u64 ept_pte_set_address(const struct ept_format *fmt, u64 entry, phys_addr_t hpa)
{
	entry = show_if_none(fmt, entry) & ~EPT_PTE_ADDRESS;
	return hide_if_none(fmt, entry | (hpa & EPT_PTE_ADDRESS));
}
EXPORT_SYMBOL_IF_KUNIT(ept_pte_set_address);

/* ept_pte_change() where the leaf has or gets no rights */
u64 ept_pte_change_slow(const struct ept_format *fmt, u64 entry, u64 clear, u64 set)
{
	return hide_if_none(fmt, (show_if_none(fmt, entry) & ~clear) | set);
}
EXPORT_SYMBOL_IF_KUNIT(ept_pte_change_slow);

/*
 * Whether an entry that is no hole has a bit that this module gives to none like it, and no CPU
 * sets, whatever a CPU makes of it.
 */
bool ept_pte_is_foreign(const struct ept_format *fmt, u64 entry, enum ept_level level)
{
	u64 own = EPT_PTE_ADDRESS | EPT_PTE_MEMTYPE | EPT_PTE_TAG | fmt->rights | fmt->ad;

	if (ept_pte_is_table(entry, level))
		return (entry ^ fmt->rights) & ~(EPT_PTE_ADDRESS | (fmt->ad & EPT_PTE_ACCESSED));
	if (level != EPT_4K)
		own |= EPT_PTE_LARGE;
	if (!(entry & EPT_PTE_RIGHTS))
		own |= EPT_PTE_NONE | EPT_PTE_NONE_TOP;
	for (size_t i = 0; i < ARRAY_SIZE(attr_bits); i++)
		if (!(attr_bits[i].feature & ~fmt->features))
			own |= attr_bits[i].bit;
	return entry & ~own;
}
EXPORT_SYMBOL_IF_KUNIT(ept_pte_is_foreign);

/* Bits that are reserved in a present entry, beside those beyond MAXPHYADDR */
static u64 reserved_bits(const struct ept_format *fmt, u64 entry, enum ept_level level)
{
	const bool large = entry & EPT_PTE_LARGE;

	if (level > EPT_1G)
		return GENMASK_ULL(7, 3);
	if (level == EPT_4K)
		return 0;
	if (!large)
		return GENMASK_ULL(6, 3);
	if (level > fmt->max_leaf)
		return EPT_PTE_LARGE;
	return GENMASK_ULL(ept_level_shift(level) - 1, 12);
}

/*
 * NULL, or why a CPU finds an EPT misconfiguration in this entry: true of any 64 bits, whoever
 * wrote them. Rules for the bits of guest-paging verification and paging-write are not among them;
 * no second source confirms any.
 */
const char *ept_pte_illegal(const struct ept_format *fmt, u64 entry, enum ept_level level)
{
	const u64 reserved = reserved_bits(fmt, entry, level);
	const bool leaf = level == EPT_4K || (level <= EPT_1G && entry & EPT_PTE_LARGE);

	if (!ept_pte_is_present(fmt, entry))
		return NULL;
	if (!(entry & EPT_PTE_READ)) {
		if (entry & EPT_PTE_WRITE)
			return "write without read";
		if (!(fmt->features & EPT_FEATURE_EXEC_ONLY))
			return "execute-only, which is not enabled";
	}
	if (entry & reserved & EPT_PTE_LARGE)
		return level > EPT_1G ? "reserved bits set" : "leaf too large";
	if (entry & reserved)
		return "reserved bits set";
	if (entry & EPT_PTE_ADDRESS & ~GENMASK_ULL(fmt->maxphyaddr - 1, 0))
		return "address beyond MAXPHYADDR";
	if (leaf && !ept_memtype_valid(FIELD_GET(EPT_PTE_MEMTYPE, entry)))
		return "memory type reserved";
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(ept_pte_illegal);
