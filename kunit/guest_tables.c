// SPDX-License-Identifier: GPL-2.0
/* A guest's page tables, laid into its pages by hand. */
#include <linux/mm.h>
#include <linux/string.h>

#include "guest_tables.h"

static unsigned int index_bits(const struct guest_tables *t)
{
	return t->mode == NARROW ? 10 : 9;
}

static void registers(struct guest_tables *t)
{
	const bool long_mode = t->mode >= LONG_4;

	t->paging = (struct ept_guest_paging){
		.cr0 = t->mode == NO_PAGING ? 0 : CR0_PG,
		.cr3 = guest_page_gpa(0),
		.cr4 = (t->mode >= PAE) * CR4_PAE | (t->mode == LONG_5) * CR4_LA57,
		.efer = long_mode * EFER_LMA_ON,
		.cs_long = long_mode,
		.maxphyaddr = t->memory->fixture->config.maxphyaddr,
		.leaf_1g = true,
	};
	for (unsigned int i = 0; i < 4; i++)
		t->paging.pdpte[i] = t->mode == PAE ? guest_page_gpa(0) | P : 0;
}

static u64 address_in(const struct guest_tables *t)
{
	switch (t->mode) {
	case LONG_4:
		return 0xffff812345678000ULL | DATA_OFFSET;
	case LONG_5:
		return 0x00fedcba98765000ULL | DATA_OFFSET;
	case NO_PAGING:
		return guest_page_gpa(DATA_PAGE) | DATA_OFFSET;
	default:
		return 0x87654000ULL | DATA_OFFSET;
	}
}

void guest_tables_lay(struct guest_tables *t, struct kunit *test, enum guest_mode mode)
{
	static const unsigned int levels[] = { 0, 2, 2, 4, 5 };
	unsigned int shift;

	*t = (struct guest_tables){
		.test = test,
		.memory = guest_memory(test),
		.mode = mode,
		.levels = levels[mode],
	};
	registers(t);
	t->gva = address_in(t);
	shift = 12 + index_bits(t) * t->levels;
	for (unsigned int i = 0; i < t->levels; i++) {
		const unsigned int next = i == guest_leaf(t) ? DATA_PAGE : i + 1;
		u64 index;

		shift -= index_bits(t);
		index = t->gva >> shift & (BIT(index_bits(t)) - 1);
		memset(t->memory->at[i], 0, SZ_4K);
		t->at[i] = t->memory->at[i] + index * (mode == NARROW ? 4 : 8);
		guest_entry_set(t, i, guest_page_gpa(next) | P | W | U);
	}
}

void guest_tables_lay_large(struct guest_tables *t, struct kunit *test, enum guest_mode mode,
			    unsigned int up)
{
	guest_tables_lay(t, test, mode);
	t->levels -= up;
	if (mode == NARROW)
		t->paging.cr4 |= CR4_PSE;
	guest_entry_set(t, guest_leaf(t), LARGE_GPA | P | W | U | PS);
}

u64 guest_entry(const struct guest_tables *t, unsigned int i)
{
	return t->mode == NARROW ? *(u32 *)t->at[i] : *(u64 *)t->at[i];
}

void guest_entry_set(const struct guest_tables *t, unsigned int i, u64 entry)
{
	if (t->mode == NARROW)
		*(u32 *)t->at[i] = entry;
	else
		*(u64 *)t->at[i] = entry;
}

void guest_entry_change(const struct guest_tables *t, unsigned int i, u64 clear, u64 set)
{
	guest_entry_set(t, i, (guest_entry(t, i) & ~clear) | set);
}

/* Unless the walk was asked to set flags, and did, it leaves all memory as it was. */
enum ept_walk_verdict guest_walk(struct guest_tables *t, u32 access)
{
	guest_memory_save(t->memory);
	KUNIT_EXPECT_EQ(t->test, 0, ept_guest_walk(t->memory->fixture->ept, &t->paging, t->gva,
						   access, &t->walk));
	if (!(access & EPT_GUEST_SET_AD) || t->walk.verdict != EPT_WALK_OK)
		KUNIT_EXPECT_TRUE(t->test, guest_memory_is_saved(t->memory));
	return t->walk.verdict;
}

bool walk_succeeds(struct guest_tables *t, u32 access)
{
	return guest_walk(t, access) == EPT_WALK_OK;
}

bool walk_raises(struct guest_tables *t, u32 access, u8 vector)
{
	return guest_walk(t, access) == EPT_WALK_FAULT && t->walk.vector == vector &&
	       !t->walk.gpa && !t->walk.size;
}

bool walk_page_faults(struct guest_tables *t, u32 access, u32 code)
{
	if (walk_raises(t, access, 14) && t->walk.error_code == code)
		return true;
	kunit_err(t->test, "verdict %d, vector %u, code %#x for %#x", t->walk.verdict,
		  t->walk.vector, t->walk.error_code, code);
	return false;
}

bool walk_violates_at(struct guest_tables *t, u32 access, unsigned int i, bool write)
{
	const struct ept_violation *violation = &t->walk.violation;

	return guest_walk(t, access) == EPT_WALK_VIOLATION &&
	       t->walk.gpa == guest_page_gpa(i) + offset_in_page(t->at[i]) &&
	       violation->page_walk && violation->gla_valid && !violation->advanced &&
	       violation->read && violation->write == write && !violation->exec;
}
