// SPDX-License-Identifier: GPL-2.0
/*
 * What a CPU keeps of a table.
 *
 * Intel SDM volume 3, "Caching Translation Information", for EPT: what may be cached, what uses it,
 * what an EPT violation drops; and "Guidelines for Use of the INVEPT Instruction".
 */
#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "model_tlb.h"

#define READABLE	BIT_ULL(0)
#define WRITABLE	BIT_ULL(1)
#define EXECUTABLE	BIT_ULL(2)
#define MEMORY_TYPE	GENMASK_ULL(6, 3)	/* with ignore-PAT */
#define ACCESSED	BIT_ULL(8)
#define DIRTY		BIT_ULL(9)
#define USER_EXECUTABLE	BIT_ULL(10)
#define ADDRESS		GENMASK_ULL(51, 12)
/* Verification, paging-write, shadow stack, sub-page, suppress-#VE */
#define FLAGS		(GENMASK_ULL(58, 57) | BIT_ULL(60) | BIT_ULL(61) | BIT_ULL(63))

#define POINTER_AD	BIT_ULL(6)

static u64 span(unsigned int level)
{
	return 1ULL << mmu_level_shift(level);
}

static bool covers(u64 gpa, unsigned int level, u64 address)
{
	return (address & ~(span(level) - 1)) == gpa;
}

static u64 rights_of(const struct mmu *mmu, u64 entry)
{
	return entry & (READABLE | WRITABLE | EXECUTABLE | (mmu->mode_exec ? USER_EXECUTABLE : 0));
}

static u64 needed(const struct mmu *mmu, const struct mmu_access *access)
{
	u64 bits = 0;

	if (access->read)
		bits |= READABLE;
	if (access->write)
		bits |= WRITABLE;
	if (access->fetch)
		bits |= mmu->mode_exec && access->user ? USER_EXECUTABLE : EXECUTABLE;
	return bits;
}

void tlb_init(struct tlb *tlb, const struct mmu *mmu, u64 eptp)
{
	memset(tlb, 0, sizeof(*tlb));
	tlb->mmu = mmu;
	tlb->eptp = eptp;
}

void tlb_forget(struct tlb *tlb)
{
	unsigned int i;

	for (i = 0; i < TLB_LEAVES; i++)
		tlb->leaves[i].valid = false;
	for (i = 0; i < TLB_TABLES; i++)
		tlb->tables[i].valid = false;
}

/* An EPT violation drops what the access would have used. */
static bool forget_address(struct tlb *tlb, u64 gpa)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < TLB_LEAVES; i++) {
		struct tlb_leaf *leaf = &tlb->leaves[i];

		if (leaf->valid && covers(leaf->gpa, leaf->level, gpa)) {
			leaf->valid = false;
			any = true;
		}
	}
	for (i = 0; i < TLB_TABLES; i++) {
		struct tlb_table *table = &tlb->tables[i];

		if (table->valid && covers(table->gpa, table->level + 1, gpa)) {
			table->valid = false;
			any = true;
		}
	}
	return any;
}

static struct tlb_leaf *cached_leaf(struct tlb *tlb, u64 gpa)
{
	unsigned int i;

	for (i = 0; i < TLB_LEAVES; i++) {
		struct tlb_leaf *leaf = &tlb->leaves[i];

		if (leaf->valid && covers(leaf->gpa, leaf->level, gpa))
			return leaf;
	}
	return NULL;
}

static void cache_leaf(struct tlb *tlb, const struct tlb_leaf *new)
{
	unsigned int i;

	for (i = 0; i < TLB_LEAVES; i++)
		if (tlb->leaves[i].valid && tlb->leaves[i].gpa == new->gpa &&
		    tlb->leaves[i].level == new->level)
			break;
	if (i == TLB_LEAVES)
		i = tlb->next_leaf++ % TLB_LEAVES;
	tlb->leaves[i] = *new;
}

static void cache_table(struct tlb *tlb, u64 gpa, unsigned int level, u64 *entries, u64 rights)
{
	struct tlb_table *table;
	unsigned int i;

	for (i = 0; i < TLB_TABLES; i++)
		if (tlb->tables[i].valid && tlb->tables[i].gpa == gpa &&
		    tlb->tables[i].level == level)
			return;
	table = &tlb->tables[tlb->next_table++ % TLB_TABLES];
	table->valid = true;
	table->gpa = gpa;
	table->level = level;
	table->table = entries;
	table->rights = rights;
	table->dead = false;
	memcpy(table->copy, entries, sizeof(table->copy));
}

/* A walk under way: the table that the next entry is read from, and what the way to it granted. */
struct step {
	u64		*table;
	unsigned int	level;		/* of the entries in it */
	u64		rights;
	u64		*where;		/* the last entry read, */
	u64		entry;		/* its value */
};

static struct step from_root(const struct tlb *tlb)
{
	return (struct step){
		.table = mmu_table(tlb->eptp),
		.level = mmu_pointer_levels(tlb->eptp) - 1,
		.rights = rights_of(tlb->mmu, ~0ULL),
	};
}

static struct step from_lowest(const struct tlb *tlb, u64 gpa)
{
	struct step step = from_root(tlb);
	unsigned int i;

	for (i = 0; i < TLB_TABLES; i++) {
		const struct tlb_table *table = &tlb->tables[i];

		if (table->valid && covers(table->gpa, table->level + 1, gpa) &&
		    table->level < step.level)
			step = (struct step){ table->table, table->level, table->rights };
	}
	return step;
}

/* Reads an entry; MMU_TABLE: it has gone down to the next table. */
static enum mmu_kind take(const struct tlb *tlb, struct step *step, u64 gpa)
{
	enum mmu_kind kind;

	step->where = &step->table[(gpa >> mmu_level_shift(step->level)) % MMU_ENTRIES];
	step->entry = READ_ONCE(*step->where);
	kind = mmu_kind(tlb->mmu, step->entry, step->level);
	if (kind == MMU_ABSENT || mmu_entry_fault(tlb->mmu, step->entry, step->level))
		return MMU_ABSENT;
	step->rights &= step->entry;
	if (kind == MMU_TABLE) {
		step->table = mmu_table(step->entry);
		step->level--;
	}
	return kind;
}

/* Nobody else writes: a CPU among others would have to look again. */
static void mark(const struct tlb *tlb, struct step *step, u64 bits)
{
	if (!(tlb->eptp & POINTER_AD))
		return;
	step->entry |= bits;
	WRITE_ONCE(*step->where, step->entry);
}

static bool walk(struct tlb *tlb, u64 gpa, const struct mmu_access *access)
{
	u64 wanted = needed(tlb->mmu, access);
	struct step step = from_lowest(tlb, gpa);
	enum mmu_kind kind;

	while ((kind = take(tlb, &step, gpa)) == MMU_TABLE) {
		mark(tlb, &step, ACCESSED);
		cache_table(tlb, gpa & ~(span(step.level + 1) - 1), step.level, step.table,
			    step.rights);
	}
	if (kind == MMU_ABSENT || wanted & ~step.rights)
		return false;
	mark(tlb, &step, ACCESSED | (access->write ? DIRTY : 0));
	cache_leaf(tlb, &(struct tlb_leaf){
		.valid = true,
		.gpa = gpa & ~(span(step.level) - 1),
		.level = step.level,
		.entry = step.entry,
		.rights = step.rights,
	});
	return true;
}

/*
 * A CPU may take the right to write from what it cached, and look at the entry again only to set
 * dirty there: late, where the entry has lost the right meanwhile.
 */
static bool mark_late(struct tlb *tlb, struct tlb_leaf *leaf, u64 gpa)
{
	struct step step = from_lowest(tlb, gpa);
	enum mmu_kind kind;

	do
		kind = take(tlb, &step, gpa);
	while (kind == MMU_TABLE);
	if (kind == MMU_ABSENT || step.level != leaf->level ||
	    (step.entry ^ leaf->entry) & ADDRESS)
		return false;
	mark(tlb, &step, ACCESSED | DIRTY);
	leaf->entry |= ACCESSED | DIRTY;
	return true;
}

enum mmu_verdict tlb_access(struct tlb *tlb, u64 gpa, const struct mmu_access *access)
{
	struct tlb_leaf *leaf = cached_leaf(tlb, gpa);

	if (leaf && !(needed(tlb->mmu, access) & ~leaf->rights) &&
	    (!access->write || leaf->entry & DIRTY || !(tlb->eptp & POINTER_AD)))
		return MMU_OK;
	if (leaf && !(needed(tlb->mmu, access) & ~leaf->rights) && mark_late(tlb, leaf, gpa))
		return MMU_OK;
	if (walk(tlb, gpa, access))
		return MMU_OK;
	/* What was cached may have caused the violation. It is gone, and the guest tries again. */
	if (forget_address(tlb, gpa) && walk(tlb, gpa, access))
		return MMU_OK;
	return MMU_VIOLATION;
}

static bool fault_at(struct tlb_fault *fault, const char *what, u64 gpa, u64 cached, u64 now)
{
	*fault = (struct tlb_fault){ what, gpa, cached, now };
	return true;
}

static bool leaf_is_stale(const struct tlb *tlb, const struct tlb_leaf *leaf,
			  struct tlb_fault *fault)
{
	struct step now = from_root(tlb);
	const char *what = NULL;
	enum mmu_kind kind;
	u64 changed;

	do
		kind = take(tlb, &now, leaf->gpa);
	while (kind == MMU_TABLE);
	changed = leaf->entry ^ now.entry;
	if (kind == MMU_ABSENT)
		what = "a translation of what isn't present";
	else if (now.level != leaf->level)
		what = "a translation of another size";
	else if (changed & ADDRESS)
		what = "a translation to elsewhere";
	else if (changed & MEMORY_TYPE)
		what = "a translation of another memory type";
	else if (leaf->rights & ~now.rights)
		what = "rights that were taken";
	else if (changed & FLAGS)
		what = "flags that were changed";
	else if (leaf->entry & ~now.entry & (ACCESSED | DIRTY))
		what = "accessed or dirty that was cleared";
	return what && fault_at(fault, what, leaf->gpa, leaf->entry, now.entry);
}

/* The table that is linked now where @table was when it was cached, or NULL. */
static u64 *linked_now(const struct tlb *tlb, const struct tlb_table *table, u64 *rights)
{
	struct step now = from_root(tlb);

	while (now.level > table->level)
		if (take(tlb, &now, table->gpa) != MMU_TABLE)
			return NULL;
	*rights = now.rights;
	return now.table;
}

static bool table_is_stale(const struct tlb *tlb, const struct tlb_table *table,
			   struct tlb_fault *fault)
{
	u64 rights = 0, *now = linked_now(tlb, table, &rights);

	if (now != table->table)
		return fault_at(fault, "a table that isn't linked", table->gpa,
				(unsigned long)table->table, (unsigned long)now);
	if (table->rights & ~rights)
		return fault_at(fault, "rights of a table that were taken", table->gpa,
				table->rights, rights);
	return false;
}

bool tlb_is_stale(const struct tlb *tlb, struct tlb_fault *fault)
{
	unsigned int i;

	for (i = 0; i < TLB_TABLES; i++)
		if (tlb->tables[i].valid && table_is_stale(tlb, &tlb->tables[i], fault))
			return true;
	for (i = 0; i < TLB_LEAVES; i++)
		if (tlb->leaves[i].valid && leaf_is_stale(tlb, &tlb->leaves[i], fault))
			return true;
	return false;
}

/*
 * A table may be emptied on its way out. From then on nobody writes to it but CPUs, which set
 * accessed and dirty.
 */
static bool table_was_written(const struct tlb *tlb, const struct tlb_table *table,
			      struct tlb_fault *fault)
{
	unsigned int i;

	for (i = 0; i < MMU_ENTRIES; i++) {
		u64 now = READ_ONCE(table->table[i]);

		if (!((now ^ table->copy[i]) & ~(ACCESSED | DIRTY)))
			continue;
		if (!table->dead && mmu_kind(tlb->mmu, now, table->level) == MMU_ABSENT)
			continue;
		return fault_at(fault, "a dead table that was written to",
				table->gpa + i * span(table->level), table->copy[i], now);
	}
	return false;
}

bool tlb_lost_table(struct tlb *tlb, struct tlb_fault *fault)
{
	unsigned int i;
	u64 rights;

	for (i = 0; i < TLB_TABLES; i++) {
		struct tlb_table *table = &tlb->tables[i];

		if (!table->valid)
			continue;
		if (!page_ref_count(virt_to_page(table->table)))
			return fault_at(fault, "a table that was freed", table->gpa,
					(unsigned long)table->table, 0);
		if (linked_now(tlb, table, &rights) != table->table) {
			if (table_was_written(tlb, table, fault))
				return true;
			table->dead = true;
		}
		memcpy(table->copy, table->table, sizeof(table->copy));
	}
	return false;
}
