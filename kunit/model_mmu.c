// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of a CPU: entries, misconfigurations, permissions, accessed and dirty.
 *
 * Intel SDM volume 3, chapter "VMX Support for Address Translation": "EPT Translation Mechanism",
 * "EPT-Induced VM Exits", "Accessed and Dirty Flags for EPT"; and chapter "VM Exits", table "Exit
 * Qualification for EPT Violations".
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pfn.h>

#include "model_mmu.h"

#define READABLE	BIT_ULL(0)
#define WRITABLE	BIT_ULL(1)
#define EXECUTABLE	BIT_ULL(2)	/* by supervisor-mode fetches, under mode-based execute */
#define USER_EXECUTABLE	BIT_ULL(10)	/* under mode-based execute only */
#define LEAF		BIT_ULL(7)	/* in an entry that spans 2M or 1G */
#define ACCESSED	BIT_ULL(8)
#define DIRTY		BIT_ULL(9)
#define SHADOW_STACK	BIT_ULL(60)	/* where EPTP bit 7 is set */
#define NO_VE		BIT_ULL(63)
#define IGNORE_PAT	BIT_ULL(6)
#define MEMORY_TYPE(entry)	(((entry) >> 3) & 7)
#define ADDRESS		GENMASK_ULL(51, 12)

#define POINTER_MEMORY_TYPE(eptp)	((eptp) & 7)
#define POINTER_LEVELS(eptp)		((((eptp) >> 3) & 7) + 1)
#define POINTER_AD			BIT_ULL(6)
#define POINTER_SHADOW_STACK		BIT_ULL(7)
#define POINTER_RESERVED		GENMASK_ULL(11, 8)

#define TYPE_UNCACHED	0
#define TYPE_WRITE_BACK	6

#define QUALIFY_READ		BIT_ULL(0)
#define QUALIFY_WRITE		BIT_ULL(1)
#define QUALIFY_FETCH		BIT_ULL(2)
#define QUALIFY_RIGHTS_SHIFT	3	/* the entries' bits 2:0 move here */
#define QUALIFY_USER_EXEC	BIT_ULL(6)
#define QUALIFY_LINEAR		BIT_ULL(7)
#define QUALIFY_FINAL		BIT_ULL(8)
#define QUALIFY_SHADOW		BIT_ULL(13)	/* the access, */
#define QUALIFY_SHADOW_PAGE	BIT_ULL(14)	/* and the page */

/* Reserved below MAXPHYADDR, by level, in an entry that points to a table and in a leaf. */
static const u64 reserved_in_table[MMU_LEVELS] = { 0, 0x78, 0x78, 0xf8, 0xf8 };
static const u64 reserved_in_leaf[MMU_LEVELS] = { 0, 0x1ff000, 0x3ffff000, 0, 0 };

unsigned int mmu_level_shift(unsigned int level)
{
	return 12 + 9 * level;
}

u64 *mmu_table(u64 entry)
{
	u64 address = entry & ADDRESS;

	return pfn_valid(PHYS_PFN(address)) ? phys_to_virt(address) : NULL;
}

static u64 rights_of(const struct mmu *mmu, u64 entry)
{
	return entry & (READABLE | WRITABLE | EXECUTABLE | (mmu->mode_exec ? USER_EXECUTABLE : 0));
}

static bool is_present(const struct mmu *mmu, u64 entry)
{
	return rights_of(mmu, entry);
}

bool mmu_taken(const struct mmu *mmu, u64 old, u64 new)
{
	return rights_of(mmu, old) & ~rights_of(mmu, new);
}

enum mmu_kind mmu_kind(const struct mmu *mmu, u64 entry, unsigned int level)
{
	if (!is_present(mmu, entry))
		return MMU_ABSENT;
	if (!level || ((level == 1 || level == 2) && (entry & LEAF)))
		return MMU_LEAF;
	return MMU_TABLE;
}

static u64 reserved_bits(const struct mmu *mmu, unsigned int level, bool leaf)
{
	u64 mask = leaf ? reserved_in_leaf[level] : reserved_in_table[level];

	if ((level == 1 && !mmu->leaf_2m) || (level == 2 && !mmu->leaf_1g))
		mask |= LEAF;
	return mask;
}

static u64 beyond_maxphyaddr(const struct mmu *mmu)
{
	return ADDRESS & ~(BIT_ULL(mmu->maxphyaddr) - 1);
}

enum mmu_reason mmu_entry_fault(const struct mmu *mmu, u64 entry, unsigned int level)
{
	enum mmu_kind kind = mmu_kind(mmu, entry, level);
	unsigned int type = MEMORY_TYPE(entry);

	if (kind == MMU_ABSENT)
		return MMU_FINE;
	if ((entry & WRITABLE) && !(entry & READABLE))
		return MMU_WRITE_ONLY;
	if (!(entry & READABLE) && !mmu->exec_only)
		return MMU_EXECUTE_ONLY;
	if (entry & reserved_bits(mmu, level, kind == MMU_LEAF))
		return MMU_RESERVED;
	if (entry & beyond_maxphyaddr(mmu))
		return MMU_PHYSICAL;
	if (kind == MMU_LEAF && (type == 2 || type == 3 || type == 7))
		return MMU_MEMORY_TYPE;
	return MMU_FINE;
}

unsigned int mmu_pointer_levels(u64 eptp)
{
	return POINTER_LEVELS(eptp);
}

bool mmu_pointer_valid(const struct mmu *mmu, u64 eptp)
{
	unsigned int type = POINTER_MEMORY_TYPE(eptp);
	unsigned int levels = POINTER_LEVELS(eptp);

	if (!(type == TYPE_UNCACHED && mmu->tables_uc) &&
	    !(type == TYPE_WRITE_BACK && mmu->tables_wb))
		return false;
	if (!(levels == 4 && mmu->walk_4) && !(levels == 5 && mmu->walk_5))
		return false;
	if ((eptp & POINTER_AD) && !mmu->accessed_dirty)
		return false;
	if ((eptp & POINTER_SHADOW_STACK) && !mmu->shadow_stack)
		return false;
	return !(eptp & POINTER_RESERVED) && !(eptp >> mmu->maxphyaddr);
}

/* The entries from the root down to the one that ended the walk. */
struct mmu_path {
	unsigned int	nr;
	u64		*where[MMU_LEVELS];
	u64		entry[MMU_LEVELS];
	u64		rights;			/* what all of them grant */
};

static unsigned int index_at(u64 gpa, unsigned int level)
{
	return (gpa >> mmu_level_shift(level)) & (MMU_ENTRIES - 1);
}

/* Leaves @result without a verdict at a leaf: only there do permissions count. */
static void descend(const struct mmu *mmu, u64 eptp, u64 gpa, struct mmu_path *path,
		    struct mmu_result *result)
{
	unsigned int level = POINTER_LEVELS(eptp);
	u64 entry = eptp;

	path->rights = ~0ULL;
	for (;;) {
		u64 *table = mmu_table(entry);
		enum mmu_kind kind;

		result->level = --level;
		if (!table) {
			result->verdict = MMU_NO_MEMORY;
			return;
		}
		result->where = &table[index_at(gpa, level)];
		entry = READ_ONCE(*result->where);
		result->entry = entry;
		path->where[path->nr] = result->where;
		path->entry[path->nr++] = entry;

		kind = mmu_kind(mmu, entry, level);
		result->reason = mmu_entry_fault(mmu, entry, level);
		path->rights &= kind == MMU_ABSENT ? 0 : entry;
		if (kind == MMU_ABSENT)
			result->verdict = MMU_VIOLATION;
		else if (result->reason)
			result->verdict = MMU_MISCONFIGURED;
		if (kind != MMU_TABLE || result->reason)
			return;
	}
}

/* With accessed and dirty flags on, walks of the guest's page tables are writes. */
static bool is_read(u64 eptp, const struct mmu_access *access)
{
	return access->read || (access->page_walk && (eptp & POINTER_AD));
}

static bool is_write(u64 eptp, const struct mmu_access *access)
{
	return access->write || (access->page_walk && (eptp & POINTER_AD));
}

static u64 needed_rights(const struct mmu *mmu, u64 eptp, const struct mmu_access *access)
{
	u64 needed = 0;

	if (is_read(eptp, access))
		needed |= READABLE;
	if (is_write(eptp, access))
		needed |= WRITABLE;
	if (access->fetch)
		needed |= mmu->mode_exec && access->user ? USER_EXECUTABLE : EXECUTABLE;
	return needed;
}

static u64 qualification(const struct mmu *mmu, u64 eptp, const struct mmu_access *access,
			 u64 rights)
{
	u64 bits = (rights & (READABLE | WRITABLE | EXECUTABLE)) << QUALIFY_RIGHTS_SHIFT;

	if (is_read(eptp, access))
		bits |= QUALIFY_READ;
	if (is_write(eptp, access))
		bits |= QUALIFY_WRITE;
	if (access->fetch)
		bits |= QUALIFY_FETCH;
	if (mmu->mode_exec && (rights & USER_EXECUTABLE))
		bits |= QUALIFY_USER_EXEC;
	if (!access->no_linear)
		bits |= QUALIFY_LINEAR | (access->page_walk ? 0 : QUALIFY_FINAL);
	return bits;
}

static bool guards_shadow_stacks(u64 eptp, const struct mmu_access *access)
{
	return access->shadow && eptp & POINTER_SHADOW_STACK;
}

/* Readable at each level, writable at each but the last, and marked there */
static bool is_shadow_stack(const struct mmu_path *path)
{
	const unsigned int last = path->nr - 1;
	unsigned int i;

	for (i = 0; i < last; i++)
		if ((path->entry[i] & (READABLE | WRITABLE)) != (READABLE | WRITABLE))
			return false;
	return path->entry[last] & READABLE && path->entry[last] & SHADOW_STACK;
}

static bool allows(const struct mmu *mmu, u64 eptp, const struct mmu_path *path,
		   const struct mmu_access *access)
{
	const u64 needed = needed_rights(mmu, eptp, access);

	if (guards_shadow_stacks(eptp, access))
		return is_shadow_stack(path);
	return (path->rights & needed) == needed;
}

static u64 shadow_qualification(u64 eptp, u64 entry, const struct mmu_access *access)
{
	return (access->shadow ? QUALIFY_SHADOW : 0) |
	       (eptp & POINTER_SHADOW_STACK && entry & SHADOW_STACK ? QUALIFY_SHADOW_PAGE : 0);
}

static void translate(u64 gpa, struct mmu_result *result)
{
	u64 offset = gpa & (BIT_ULL(mmu_level_shift(result->level)) - 1);

	result->verdict = MMU_OK;
	result->hpa = (result->entry & ADDRESS) | offset;
	result->memtype = MEMORY_TYPE(result->entry);
	result->ipat = result->entry & IGNORE_PAT;
}

static void walk(const struct mmu *mmu, u64 eptp, u64 gpa, const struct mmu_access *access,
		 struct mmu_path *path, struct mmu_result *result)
{
	*result = (struct mmu_result){ .verdict = MMU_OK };
	path->nr = 0;
	if (!mmu_pointer_valid(mmu, eptp)) {
		result->verdict = MMU_BAD_POINTER;
		return;
	}
	if (gpa >> mmu_level_shift(POINTER_LEVELS(eptp))) {
		result->verdict = MMU_BEYOND;
		return;
	}
	descend(mmu, eptp, gpa, path, result);
	if (result->verdict == MMU_OK && allows(mmu, eptp, path, access))
		translate(gpa, result);
	else if (result->verdict == MMU_OK)
		result->verdict = MMU_VIOLATION;
	if (result->verdict != MMU_VIOLATION)
		return;
	result->qualification = qualification(mmu, eptp, access, path->rights) |
				shadow_qualification(eptp, result->entry, access);
	result->convertible = mmu->ve && !(result->entry & NO_VE);
}

void mmu_look(const struct mmu *mmu, u64 eptp, u64 gpa, const struct mmu_access *access,
	      struct mmu_result *result)
{
	struct mmu_path path;

	walk(mmu, eptp, gpa, access, &path, result);
}

/* False: an entry is no longer what the walk saw, so that the access has to walk again. */
static bool mark(u64 *where, u64 old, u64 bits)
{
	u64 expected = old;

	if ((old & bits) == bits)
		return true;
	return atomic64_try_cmpxchg((atomic64_t *)where, (s64 *)&expected, old | bits);
}

static bool mark_path(const struct mmu_path *path, bool write)
{
	unsigned int i;

	for (i = 0; i < path->nr; i++) {
		bool leaf = i == path->nr - 1;

		if (!mark(path->where[i], path->entry[i], ACCESSED | (leaf && write ? DIRTY : 0)))
			return false;
	}
	return true;
}

void mmu_access(const struct mmu *mmu, u64 eptp, u64 gpa, const struct mmu_access *access,
		struct mmu_result *result)
{
	struct mmu_path path;

	do {
		walk(mmu, eptp, gpa, access, &path, result);
		if (result->verdict != MMU_OK || !(eptp & POINTER_AD))
			return;
	} while (!mark_path(&path, is_write(eptp, access)));
}

static int scan_table(const struct mmu *mmu, u64 *table, u64 gpa, unsigned int level,
		      mmu_visit_t visit, void *arg)
{
	unsigned int i;
	int ret;

	if (!table)
		return -EFAULT;
	for (i = 0; i < MMU_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);
		struct mmu_entry seen = {
			.gpa = gpa + ((u64)i << mmu_level_shift(level)),
			.entry = entry,
			.where = &table[i],
			.level = level,
			.kind = mmu_kind(mmu, entry, level),
			.reason = mmu_entry_fault(mmu, entry, level),
		};

		ret = visit(&seen, arg);
		if (!ret && seen.kind == MMU_TABLE && !seen.reason)
			ret = scan_table(mmu, mmu_table(entry), seen.gpa, level - 1, visit, arg);
		if (ret)
			return ret;
	}
	return 0;
}

int mmu_scan(const struct mmu *mmu, u64 eptp, mmu_visit_t visit, void *arg)
{
	return scan_table(mmu, mmu_table(eptp), 0, POINTER_LEVELS(eptp) - 1, visit, arg);
}
