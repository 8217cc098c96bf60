// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of guest paging, rule by rule: each case takes a way that allows all, and changes a bit.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "guest_tables.h"

static void modes_gen_desc(const enum guest_mode *mode, char *desc)
{
	static const char *const names[] = { "none", "32-bit", "pae", "4-level", "5-level" };

	strscpy(desc, names[*mode], KUNIT_PARAM_DESC_SIZE);
}

static const enum guest_mode all_modes[] = { NO_PAGING, NARROW, PAE, LONG_4, LONG_5 };
static const enum guest_mode paged_modes[] = { NARROW, PAE, LONG_4, LONG_5 };
static const enum guest_mode wide_modes[] = { PAE, LONG_4, LONG_5 };
static const enum guest_mode long_modes[] = { LONG_4, LONG_5 };

KUNIT_ARRAY_PARAM(all, all_modes, modes_gen_desc);
KUNIT_ARRAY_PARAM(paged, paged_modes, modes_gen_desc);
KUNIT_ARRAY_PARAM(wide, wide_modes, modes_gen_desc);
KUNIT_ARRAY_PARAM(longs, long_modes, modes_gen_desc);

static int init(struct kunit *test)
{
	const void *param = test->param_value;
	int err;

	/* The fixture has parameters of its own. */
	test->param_value = NULL;
	err = guest_memory_init(test);
	test->param_value = param;
	if (!err)
		err = ept_map(guest_memory(test)->fixture->ept, LARGE_GPA, FAR_HPA, 2 * (u64)SZ_1G,
			      &EPT_ATTRS_RAM);
	return err;
}

static enum guest_mode mode_of(const struct kunit *test)
{
	return *(const enum guest_mode *)test->param_value;
}

static void lay(struct guest_tables *t, struct kunit *test)
{
	guest_tables_lay(t, test, mode_of(test));
}

static const u32 each_access[] = {
	READ_, WRITE_, READ_ | WRITE_, FETCH_, READ_ | USER_, WRITE_ | USER_, FETCH_ | USER_,
	READ_ | EPT_GUEST_IMPLICIT, EPT_GUEST_AS_HOST,
};

static void a_way_that_allows_all_translates(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (size_t i = 0; i < ARRAY_SIZE(each_access); i++) {
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, each_access[i]));
		KUNIT_EXPECT_EQ(test, t.walk.gva, t.gva);
		KUNIT_EXPECT_EQ(test, t.walk.gpa, guest_page_gpa(DATA_PAGE) + DATA_OFFSET);
		KUNIT_EXPECT_EQ(test, t.walk.hpa,
				guest_page_hpa(t.memory, DATA_PAGE) + DATA_OFFSET);
		KUNIT_EXPECT_EQ(test, t.walk.size, t.mode == NO_PAGING ? SZ_4G : SZ_4K);
		KUNIT_EXPECT_TRUE(test, t.walk.user && t.walk.writable && !t.walk.no_exec);
	}
}

/* The entries of the way, for who asks for flags, and nothing where there is nothing to tell */
static void a_walk_that_sets_flags_tells_the_entries(struct kunit *test)
{
	const struct ept_violation none = {};
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int once = 0; once <= EPT_GUEST_ONCE; once += EPT_GUEST_ONCE) {
		memset(&t.walk, 0xff, sizeof(t.walk));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | once));
		KUNIT_EXPECT_EQ(test, t.walk.hpa,
				guest_page_hpa(t.memory, DATA_PAGE) + DATA_OFFSET);
		KUNIT_EXPECT_EQ(test, t.walk.nr_entries, 0);
		KUNIT_EXPECT_EQ(test, t.walk.vector, 0);
		KUNIT_EXPECT_EQ(test, t.walk.error_code, 0);
		KUNIT_EXPECT_MEMEQ(test, &t.walk.violation, &none, sizeof(none));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | EPT_GUEST_SET_AD | once));
		KUNIT_EXPECT_EQ(test, t.walk.nr_entries, t.levels);
		for (unsigned int i = 0; i < t.levels; i++)
			KUNIT_EXPECT_EQ(test, t.walk.entries[i],
					guest_page_gpa(i) + offset_in_page(t.at[i]));
	}
}

/* A table that the guest never wrote to may be the host's page of zeroes. */
static void a_table_of_zeroes_is_read(struct kunit *test)
{
	struct ept *ept = guest_memory(test)->fixture->ept;
	const u64 gpa = 3ULL * LARGE_GPA;
	struct guest_tables t;

	lay(&t, test);
	KUNIT_ASSERT_EQ(test, ept_map(ept, gpa, page_to_phys(ZERO_PAGE(0)), SZ_4K,
				      &EPT_ATTRS_RAM), 0);
	guest_entry_set(&t, 0, gpa | P | W | U);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, 0));
}

/* Without paging no rule of rights holds, whatever the registers say. */
static void without_paging_the_address_is_physical(struct kunit *test)
{
	struct guest_tables t;

	guest_tables_lay(&t, test, NO_PAGING);
	t.paging.cr0 = CR0_WP;
	t.paging.cr4 = CR4_PAE | CR4_SMEP | CR4_SMAP | CR4_PKE;
	t.gva |= 0xdeadbeef00000000ULL;
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
	KUNIT_EXPECT_EQ(test, t.walk.gpa, guest_page_gpa(DATA_PAGE) + DATA_OFFSET);
	KUNIT_EXPECT_EQ(test, t.walk.gva, t.walk.gpa);
}

static void linear_addresses_outside_of_long_mode_have_32_bits(struct kunit *test)
{
	static const enum guest_mode modes[] = { NO_PAGING, NARROW, PAE };
	struct guest_tables t;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		guest_tables_lay(&t, test, modes[i]);
		t.gva |= 0x8000000100000000ULL;
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
		KUNIT_EXPECT_EQ(test, t.walk.gva, (u32)t.gva);
	}
}

/* The CPU's own accesses to its tables have 64 bits there, too. */
static void compatibility_mode_has_32_bits_of_address(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	t.paging.cs_long = false;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, 0));
	KUNIT_EXPECT_EQ(test, t.walk.gva, (u32)t.gva);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | EPT_GUEST_IMPLICIT));
	KUNIT_EXPECT_EQ(test, t.walk.gva, t.gva);
	t.gva = 0x8000000000000000ULL;
	KUNIT_EXPECT_TRUE(test, walk_raises(&t, READ_ | EPT_GUEST_IMPLICIT, 13));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, 0));
}

static void non_canonical_addresses_are_no_page_faults(struct kunit *test)
{
	struct guest_tables t;
	unsigned int top;

	lay(&t, test);
	top = t.mode == LONG_5 ? 56 : 47;
	t.gva = BIT_ULL(top);
	KUNIT_EXPECT_TRUE(test, walk_raises(&t, READ_, 13));
	KUNIT_EXPECT_EQ(test, t.walk.error_code, 0);
	KUNIT_EXPECT_TRUE(test, walk_raises(&t, READ_ | USER_ | EPT_GUEST_STACK, 12));
	KUNIT_EXPECT_EQ(test, t.walk.error_code, 0);
	t.gva = ~BIT_ULL(top);
	KUNIT_EXPECT_TRUE(test, walk_raises(&t, FETCH_, 13));
	KUNIT_EXPECT_TRUE(test, walk_raises(&t, EPT_GUEST_AS_HOST, 13));
	t.gva = BIT_ULL(top) - 1;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | EPT_GUEST_STACK, 0));
	t.gva = GENMASK_ULL(63, top);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, 0));
}

/*
 * Large pages
 */

static void a_large_page_is_one_translation(struct kunit *test)
{
	static const struct {
		enum guest_mode	mode;
		unsigned int	up;
		u64		size;
	} pages[] = {
		{ NARROW, 1, SZ_4M }, { PAE, 1, SZ_2M }, { LONG_4, 1, SZ_2M }, { LONG_4, 2, SZ_1G },
		{ LONG_5, 1, SZ_2M }, { LONG_5, 2, SZ_1G },
	};
	struct guest_tables t;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		guest_tables_lay_large(&t, test, pages[i].mode, pages[i].up);
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
		KUNIT_EXPECT_EQ(test, t.walk.size, pages[i].size);
		KUNIT_EXPECT_EQ(test, t.walk.gpa, LARGE_GPA + (t.gva & (pages[i].size - 1)));
		KUNIT_EXPECT_EQ(test, t.walk.hpa, FAR_HPA + (t.gva & (pages[i].size - 1)));
		/* Bit 12 is the PAT's; what is above it and below the address is reserved. */
		guest_entry_change(&t, guest_leaf(&t), 0, BIT(12));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
		KUNIT_EXPECT_EQ(test, t.walk.pat, 4);
		if (pages[i].mode != NARROW) {
			guest_entry_change(&t, guest_leaf(&t), 0, BIT(13));
			KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_R));
			guest_entry_change(&t, guest_leaf(&t), BIT(13), 0);
		}
		guest_entry_change(&t, guest_leaf(&t), 0, pages[i].size / 2);
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_R));
	}
}

/* What EPT's tables can't hold has no rights, whatever the last entry had. */
static void a_table_beyond_the_guests_addresses_has_no_rights(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	t.paging.maxphyaddr = 52;
	for (unsigned int i = 0; i < t.levels; i++) {
		const u64 entry = guest_entry(&t, i);

		guest_entry_set(&t, i, BIT_ULL(51) | P | W | U);
		KUNIT_EXPECT_EQ(test, guest_walk(&t, READ_), EPT_WALK_VIOLATION);
		KUNIT_EXPECT_EQ(test, t.walk.violation.prot, 0);
		KUNIT_EXPECT_GE(test, t.walk.gpa, BIT_ULL(51));
		guest_entry_set(&t, i, entry);
	}
}

/* What a CPU had there in long mode doesn't count. */
static void cr3_has_32_bits_in_32_bit_paging(struct kunit *test)
{
	struct guest_tables t;

	guest_tables_lay(&t, test, NARROW);
	t.paging.cr3 |= GENMASK_ULL(63, 32);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
}

static void without_pse_bit_7_is_ignored_in_32_bit_paging(struct kunit *test)
{
	struct guest_tables t;

	guest_tables_lay(&t, test, NARROW);
	guest_entry_change(&t, 0, 0, PS);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
	KUNIT_EXPECT_EQ(test, t.walk.size, SZ_4K);
	t.paging.cr4 |= CR4_PSE;
	/* Now it is a 4M page, and the table's address has reserved bits or leads elsewhere. */
	KUNIT_EXPECT_FALSE(test, walk_succeeds(&t, READ_) && t.walk.size == SZ_4K);
}

static void pse_36_adds_address_bits_up_to_the_width(struct kunit *test)
{
	static const struct { u8 maxphyaddr, width; } widths[] = {
		{ 52, 40 }, { 46, 40 }, { 40, 40 }, { 39, 39 }, { 36, 36 }, { 32, 32 },
	};
	struct guest_tables t;

	guest_tables_lay_large(&t, test, NARROW, 1);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		t.paging.maxphyaddr = widths[i].maxphyaddr;
		for (unsigned int bit = 13; bit < 22; bit++) {
			const bool reserved = bit + 19 >= widths[i].width;

			guest_entry_set(&t, 0, LARGE_GPA | P | W | U | PS | BIT(bit));
			if (reserved) {
				KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_R));
				continue;
			}
			KUNIT_EXPECT_EQ(test, guest_walk(&t, READ_), EPT_WALK_VIOLATION);
			KUNIT_EXPECT_EQ(test, t.walk.gpa, BIT_ULL(bit + 19) + LARGE_GPA +
							  (t.gva & (SZ_4M - 1)));
		}
	}
}

static void pae_paging_needs_no_pse(struct kunit *test)
{
	struct guest_tables t;

	guest_tables_lay_large(&t, test, PAE, 1);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
	KUNIT_EXPECT_EQ(test, t.walk.size, SZ_2M);
}

static void a_1g_page_takes_the_capability(struct kunit *test)
{
	struct guest_tables t;

	guest_tables_lay_large(&t, test, mode_of(test), 2);
	t.paging.leaf_1g = false;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_R));
}

static void bit_7_is_reserved_above_1g(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int i = 0; i < t.levels - 3; i++) {
		guest_entry_change(&t, i, 0, PS);
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | USER_, F_P | F_R | F_U));
		guest_entry_change(&t, i, PS, 0);
	}
}

/*
 * PDPTEs
 */

static void pdptes_are_registers(struct kunit *test)
{
	struct guest_tables t;

	guest_tables_lay(&t, test, PAE);
	t.paging.cr3 = ~0ULL;
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | USER_));
	for (unsigned int i = 0; i < 4; i++)
		t.paging.pdpte[i] = i == t.gva >> 30 ? t.paging.pdpte[i] : 0;
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | USER_));
	t.paging.pdpte[t.gva >> 30] &= ~P;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_W | F_U));
}

/* They were judged when they were loaded. */
static void pdptes_have_neither_rights_nor_reserved_bits(struct kunit *test)
{
	struct guest_tables t;

	guest_tables_lay(&t, test, PAE);
	t.paging.pdpte[t.gva >> 30] |= GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1) | GENMASK_ULL(63, 52);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_ | USER_));
	t.paging.pdpte[t.gva >> 30] = guest_page_gpa(0) | P;
	t.paging.cr0 |= CR0_WP;
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | USER_));
}

/*
 * Present and reserved
 */

static void each_entry_has_to_be_present(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int i = 0; i < t.levels; i++) {
		/* All else is ignored then. */
		const u64 entry = guest_entry(&t, i);

		guest_entry_set(&t, i, ~P);
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, 0));
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_W | F_U));
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, EPT_GUEST_AS_HOST, 0));
		guest_entry_set(&t, i, entry);
	}
}

static void address_bits_beyond_the_width_are_reserved(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	t.paging.efer |= EFER_NXE;
	for (unsigned int i = 0; i < t.levels; i++) {
		for (unsigned int bit = t.paging.maxphyaddr; bit < 63; bit++) {
			const bool reserved = bit < 52 || t.mode == PAE;

			guest_entry_change(&t, i, 0, BIT_ULL(bit));
			if (reserved)
				KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_R));
			else
				KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
			guest_entry_change(&t, i, BIT_ULL(bit), 0);
		}
	}
}

static void bit_63_is_reserved_without_nxe(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int i = 0; i < t.levels; i++) {
		guest_entry_change(&t, i, 0, XD);
		t.paging.efer &= ~EFER_NXE;
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_R));
		t.paging.efer |= EFER_NXE;
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
		guest_entry_change(&t, i, XD, 0);
	}
}

/* Present, then reserved, entry by entry; rights only when the leaf was reached */
static void what_is_higher_or_looked_at_first_wins(struct kunit *test)
{
	const u64 reserved = BIT_ULL(51);
	struct guest_tables t;

	lay(&t, test);
	t.paging.cr0 |= CR0_WP;
	guest_entry_change(&t, 0, W | U, 0);
	guest_entry_change(&t, 1, P, reserved);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_W | F_U));
	guest_entry_change(&t, 1, 0, P);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_P | F_R | F_W | F_U));
	guest_entry_change(&t, 0, P, 0);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_W | F_U));
	guest_entry_change(&t, 0, 0, P);
	guest_entry_change(&t, 1, reserved, 0);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_P | F_W | F_U));
}

/*
 * Rights
 */

static void writes_take_bit_1_of_each_entry(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int i = 0; i < t.levels; i++) {
		guest_entry_change(&t, i, W, 0);
		t.paging.cr0 &= ~CR0_WP;
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | USER_));
		KUNIT_EXPECT_FALSE(test, t.walk.writable);
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_P | F_W | F_U));
		/* By the CPU itself, it is a supervisor's also at CPL 3. */
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | USER_ | EPT_GUEST_IMPLICIT));
		t.paging.cr0 |= CR0_WP;
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_, F_P | F_W));
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | WRITE_, F_P | F_W));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, EPT_GUEST_AS_HOST));
		guest_entry_change(&t, i, 0, W);
	}
}

static void user_accesses_take_bit_2_of_each_entry(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int i = 0; i < t.levels; i++) {
		guest_entry_change(&t, i, U, 0);
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | USER_, F_P | F_U));
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, FETCH_ | USER_, F_P | F_U));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
		KUNIT_EXPECT_FALSE(test, t.walk.user);
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | USER_ | EPT_GUEST_IMPLICIT));
		guest_entry_change(&t, i, 0, U);
	}
}

static void an_entry_with_bit_63_forbids_fetches(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	t.paging.efer |= EFER_NXE;
	for (unsigned int i = 0; i < t.levels; i++) {
		guest_entry_change(&t, i, 0, XD);
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, FETCH_, F_P | F_I));
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, FETCH_ | USER_, F_P | F_U | F_I));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | USER_));
		KUNIT_EXPECT_TRUE(test, t.walk.no_exec);
		guest_entry_change(&t, i, XD, 0);
	}
}

static void smep_keeps_supervisors_from_fetching_user_pages(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
	t.paging.cr4 |= CR4_SMEP;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, FETCH_, F_P | F_I));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_ | USER_));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
	guest_entry_change(&t, 0, U, 0);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
}

static void smap_keeps_supervisors_from_user_data(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	t.paging.cr4 |= CR4_SMAP;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_, F_P | F_W));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | USER_));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
	t.paging.rflags = RFLAGS_AC;
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
	/* AC is no help to the CPU itself. */
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | EPT_GUEST_IMPLICIT, F_P));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | EPT_GUEST_IMPLICIT | USER_, F_P));
	t.paging.rflags = 0;
	guest_entry_change(&t, guest_leaf(&t), U, 0);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | EPT_GUEST_IMPLICIT));
}

/* The code tells fetches with SMEP, or with NXE where entries have a bit 63. */
static void the_code_tells_fetches_only_with_smep_or_nxe(struct kunit *test)
{
	const u32 nx_tells = mode_of(test) == NARROW ? 0 : F_I;
	struct guest_tables t;

	lay(&t, test);
	guest_entry_change(&t, guest_leaf(&t), P, 0);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, FETCH_, 0));
	t.paging.efer |= EFER_NXE;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, FETCH_, nx_tells));
	t.paging.efer &= ~EFER_NXE;
	t.paging.cr4 |= CR4_SMEP;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, FETCH_, F_I));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, 0));
}

/*
 * Protection keys
 */

#define TEST_KEY	11
#define AD_OF(key)	BIT(2 * (key))
#define WD_OF(key)	BIT(2 * (key) + 1)

static void lay_keyed(struct guest_tables *t, struct kunit *test, u32 pkru, u32 pkrs)
{
	lay(t, test);
	guest_entry_change(t, guest_leaf(t), 0, KEY(TEST_KEY));
	t->paging.cr4 |= CR4_PKE | CR4_PKS;
	t->paging.pkru = pkru;
	t->paging.pkrs = pkrs;
}

static void pkru_is_for_user_pages_whoever_accesses_them(struct kunit *test)
{
	struct guest_tables t;

	lay_keyed(&t, test, AD_OF(TEST_KEY), 0);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | USER_, F_P | F_U | F_K));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_K));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_, F_P | F_W | F_K));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | EPT_GUEST_IMPLICIT, F_P | F_K));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_ | USER_));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, EPT_GUEST_AS_HOST));
	KUNIT_EXPECT_EQ(test, t.walk.pkey, TEST_KEY);
	t.paging.cr4 &= ~CR4_PKE;
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | USER_));
	t.paging.cr4 |= CR4_PKE;
	t.paging.pkru = ~(u32)(AD_OF(TEST_KEY) | WD_OF(TEST_KEY));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | USER_));
	/* A supervisor page's key is none of its business. */
	t.paging.pkru = ~0;
	guest_entry_change(&t, 0, U, 0);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | USER_, F_P | F_U));
}

static void pkrs_is_for_supervisor_pages(struct kunit *test)
{
	struct guest_tables t;

	lay_keyed(&t, test, 0, AD_OF(TEST_KEY));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
	guest_entry_change(&t, 0, U, 0);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_K));
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | USER_ | EPT_GUEST_IMPLICIT,
						 F_P | F_K));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
	/* A user access fails for another reason, and the code says that one alone. */
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_ | USER_, F_P | F_U));
	t.paging.cr4 &= ~CR4_PKS;
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
}

static void write_disable_holds_supervisors_only_with_wp(struct kunit *test)
{
	struct guest_tables t;

	lay_keyed(&t, test, WD_OF(TEST_KEY), WD_OF(TEST_KEY));
	for (unsigned int i = 0; i < 2; i++) {
		t.paging.cr0 &= ~CR0_WP;
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
		t.paging.cr0 |= CR0_WP;
		KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_, F_P | F_W | F_K));
		guest_entry_change(&t, 0, U, 0);
	}
	guest_entry_change(&t, 0, 0, U);
	t.paging.cr0 &= ~CR0_WP;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_P | F_W | F_U | F_K));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | USER_));
}

static void the_code_tells_keys_beside_other_reasons(struct kunit *test)
{
	struct guest_tables t;

	lay_keyed(&t, test, AD_OF(TEST_KEY), 0);
	t.paging.cr4 |= CR4_SMAP;
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, READ_, F_P | F_K));
	guest_entry_change(&t, 1, W, 0);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_, F_P | F_W | F_U | F_K));
}

static void pae_and_32_bit_paging_have_no_keys(struct kunit *test)
{
	static const enum guest_mode modes[] = { NARROW, PAE };
	struct guest_tables t;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		guest_tables_lay(&t, test, modes[i]);
		t.paging.cr4 |= CR4_PKE | CR4_PKS;
		t.paging.pkru = ~0;
		t.paging.pkrs = ~0;
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | USER_));
	}
}

/*
 * Accessed and dirty
 */

static void flags_are_set_on_request_alone(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
	for (unsigned int i = 0; i < t.levels; i++)
		KUNIT_EXPECT_EQ(test, guest_entry(&t, i) & (A | D), 0);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | EPT_GUEST_SET_AD));
	for (unsigned int i = 0; i < t.levels; i++)
		KUNIT_EXPECT_EQ(test, guest_entry(&t, i) & (A | D), A);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | WRITE_ | EPT_GUEST_SET_AD));
	for (unsigned int i = 0; i < t.levels; i++)
		KUNIT_EXPECT_EQ(test, guest_entry(&t, i) & (A | D),
				i == guest_leaf(&t) ? A | D : A);
}

static void a_refused_access_sets_no_flag(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	guest_entry_change(&t, guest_leaf(&t), W, 0);
	KUNIT_EXPECT_TRUE(test, walk_page_faults(&t, WRITE_ | USER_ | EPT_GUEST_SET_AD,
						 F_P | F_W | F_U));
	guest_entry_change(&t, guest_leaf(&t), 0, W);
	guest_page_set(t.memory, DATA_PAGE, EPT_PROT_READ);
	KUNIT_EXPECT_EQ(test, guest_walk(&t, WRITE_ | EPT_GUEST_SET_AD), EPT_WALK_VIOLATION);
	KUNIT_EXPECT_FALSE(test, t.walk.violation.page_walk);
}

/* An entry that leads to itself is used at several levels, and has its flags set once. */
static void an_entry_may_be_used_at_several_levels(struct kunit *test)
{
	struct guest_tables t;

	guest_tables_lay(&t, test, LONG_4);
	t.gva = 0;
	for (unsigned int shift = 12; shift < 48; shift += 9)
		t.gva |= 5ULL << shift;
	memset(t.memory->at[0], 0, SZ_4K);
	*(u64 *)(t.memory->at[0] + 5 * 8) = guest_page_gpa(0) | P | W | U;
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_ | EPT_GUEST_SET_AD));
	KUNIT_EXPECT_EQ(test, t.walk.gpa, guest_page_gpa(0));
	KUNIT_EXPECT_EQ(test, *(u64 *)(t.memory->at[0] + 5 * 8),
			guest_page_gpa(0) | P | W | U | A | D);
}

/*
 * Behind EPT
 */

static void use_config(struct guest_tables *t, const struct ept_config *config)
{
	fixture_recreate(t->memory->fixture, config);
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		guest_page_set(t->memory, i, EPT_ATTRS_RAM.prot);
}

static void tables_may_be_holes_of_ept(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int i = 0; i < t.levels; i++) {
		guest_page_unmap(t.memory, i);
		KUNIT_EXPECT_TRUE(test, walk_violates_at(&t, FETCH_, i, true));
		KUNIT_EXPECT_EQ(test, t.walk.violation.prot, 0);
		KUNIT_EXPECT_EQ(test, guest_walk(&t, EPT_GUEST_AS_HOST), EPT_WALK_VIOLATION);
		guest_page_set(t.memory, i, EPT_ATTRS_RAM.prot);
	}
}

/* With accessed and dirty flags for EPT, each access to a guest's table is a write. */
static void tables_in_read_only_memory_violate_with_ept_flags(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int i = 0; i < t.levels; i++) {
		guest_page_set(t.memory, i, EPT_PROT_READ | EPT_PROT_EXEC);
		KUNIT_EXPECT_TRUE(test, walk_violates_at(&t, READ_, i, true));
		KUNIT_EXPECT_EQ(test, t.walk.violation.prot, EPT_PROT_READ | EPT_PROT_EXEC);
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, EPT_GUEST_AS_HOST));
		guest_page_set(t.memory, i, EPT_ATTRS_RAM.prot);
	}
}

/* Without them, only where a flag has to be set */
static void tables_in_read_only_memory_serve_while_flags_are_set(struct kunit *test)
{
	struct ept_config config = test_configs[0].config;
	struct guest_tables t;

	lay(&t, test);
	config.features &= ~EPT_FEATURE_AD;
	use_config(&t, &config);
	for (unsigned int i = 0; i < t.levels; i++) {
		for (unsigned int j = 0; j < t.levels; j++)
			guest_entry_change(&t, j, A | D, 0);
		guest_page_set(t.memory, i, EPT_PROT_READ);
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
		KUNIT_EXPECT_TRUE(test, walk_violates_at(&t, READ_ | EPT_GUEST_SET_AD, i, true));
		guest_entry_change(&t, i, 0, A);
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_ | EPT_GUEST_SET_AD));
		if (i == guest_leaf(&t))
			KUNIT_EXPECT_TRUE(test, walk_violates_at(&t, WRITE_ | EPT_GUEST_SET_AD, i,
								 true));
		guest_page_unmap(t.memory, i);
		KUNIT_EXPECT_TRUE(test, walk_violates_at(&t, READ_, i, false));
		guest_page_set(t.memory, i, EPT_ATTRS_RAM.prot);
	}
}

static void misconfigured_entries_of_ept_are_told(struct kunit *test)
{
	struct guest_tables t;
	u64 *entry;

	lay(&t, test);
	for (unsigned int i = 0; i <= t.levels; i++) {
		const unsigned int page = i == t.levels ? DATA_PAGE : i;
		u64 saved;

		entry = fixture_entry(t.memory->fixture, guest_page_gpa(page), EPT_4K);
		saved = *entry;
		/* Writes without reads */
		*entry = (saved & ~7ULL) | 2;
		KUNIT_EXPECT_EQ(test, guest_walk(&t, WRITE_), EPT_WALK_MISCONFIGURED);
		KUNIT_EXPECT_EQ(test, t.walk.gpa >> 12, guest_page_gpa(page) >> 12);
		KUNIT_EXPECT_FALSE(test, t.walk.violation.gla_valid);
		*entry = saved;
	}
}

static void the_page_itself_comes_last(struct kunit *test)
{
	static const struct { u32 prot, access; } denied[] = {
		{ EPT_PROT_READ, WRITE_ }, { EPT_PROT_READ, READ_ | WRITE_ },
		{ EPT_PROT_READ | EPT_PROT_WRITE, FETCH_ }, { EPT_PROT_EXEC, READ_ },
		{ EPT_PROT_EXEC, WRITE_ }, { EPT_PROT_NONE, READ_ },
	};
	struct guest_tables t;

	lay(&t, test);
	for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
		const struct ept_violation *violation = &t.walk.violation;

		guest_page_set(t.memory, DATA_PAGE, denied[i].prot);
		KUNIT_EXPECT_EQ(test, guest_walk(&t, denied[i].access), EPT_WALK_VIOLATION);
		KUNIT_EXPECT_EQ(test, t.walk.gpa, guest_page_gpa(DATA_PAGE) + DATA_OFFSET);
		KUNIT_EXPECT_FALSE(test, violation->page_walk);
		KUNIT_EXPECT_TRUE(test, violation->advanced && violation->user &&
				  violation->writable && !violation->no_exec);
		KUNIT_EXPECT_EQ(test, violation->prot, denied[i].prot);
		KUNIT_EXPECT_EQ(test, violation->write, !!(denied[i].access & WRITE_));
		KUNIT_EXPECT_EQ(test, violation->exec, !!(denied[i].access & FETCH_));
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, EPT_GUEST_AS_HOST));
		if (t.mode == NO_PAGING)
			continue;
		guest_entry_change(&t, guest_leaf(&t), P, 0);
		KUNIT_EXPECT_EQ(test, guest_walk(&t, denied[i].access), EPT_WALK_FAULT);
		guest_entry_change(&t, guest_leaf(&t), 0, P);
	}
	guest_page_set(t.memory, DATA_PAGE, EPT_PROT_EXEC);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
}

/* Which right a fetch takes goes by the page's address, not by who fetches. */
static void mode_based_execute_goes_by_the_guests_page(struct kunit *test)
{
	struct ept_config config = test_configs[0].config;
	struct guest_tables t;

	lay(&t, test);
	config.features |= EPT_FEATURE_MODE_EXEC;
	use_config(&t, &config);
	guest_page_set(t.memory, DATA_PAGE, EPT_PROT_READ | EPT_PROT_EXEC);
	KUNIT_EXPECT_EQ(test, guest_walk(&t, FETCH_), EPT_WALK_VIOLATION);
	guest_page_set(t.memory, DATA_PAGE, EPT_PROT_READ | EPT_PROT_UEXEC);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_ | USER_));
	if (t.mode == NO_PAGING)
		return;
	guest_entry_change(&t, 0, U, 0);
	KUNIT_EXPECT_EQ(test, guest_walk(&t, FETCH_), EPT_WALK_VIOLATION);
	guest_page_set(t.memory, DATA_PAGE, EPT_PROT_READ | EPT_PROT_EXEC);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, FETCH_));
}

static void map_device(struct guest_tables *t, unsigned int i)
{
	KUNIT_ASSERT_EQ(t->test, 0, ept_remap(t->memory->fixture->ept, guest_page_gpa(i), FAR_HPA,
					      SZ_4K, &EPT_ATTRS_DEVICE, NULL));
}

static void tables_outside_of_memory_are_not_read(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	for (unsigned int i = 0; i < t.levels; i++) {
		map_device(&t, i);
		KUNIT_EXPECT_EQ(test, guest_walk(&t, READ_), EPT_WALK_NO_MEMORY);
		KUNIT_EXPECT_EQ(test, t.walk.gpa, guest_page_gpa(i) + offset_in_page(t.at[i]));
		guest_page_set(t.memory, i, EPT_ATTRS_RAM.prot);
	}
	/* The page may be a device: the walk doesn't touch it. */
	map_device(&t, DATA_PAGE);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, WRITE_));
	KUNIT_EXPECT_EQ(test, t.walk.hpa, FAR_HPA + DATA_OFFSET);
}

static void addresses_wider_than_ept_violate(struct kunit *test)
{
	struct ept_config config = test_configs[0].config;
	struct guest_tables t;

	lay(&t, test);
	config.maxphyaddr = 52;
	use_config(&t, &config);
	t.paging.maxphyaddr = 52;
	guest_entry_change(&t, guest_leaf(&t), 0, BIT_ULL(48));
	KUNIT_EXPECT_EQ(test, guest_walk(&t, READ_), EPT_WALK_VIOLATION);
	KUNIT_EXPECT_EQ(test, t.walk.gpa,
			BIT_ULL(48) + guest_page_gpa(DATA_PAGE) + DATA_OFFSET);
}

/*
 * What is told of the page, and arguments
 */

static void the_leaf_tells_global_key_and_pat(struct kunit *test)
{
	struct guest_tables t;

	lay(&t, test);
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
	KUNIT_EXPECT_FALSE(test, t.walk.global);
	KUNIT_EXPECT_EQ(test, t.walk.pat, 0);
	guest_entry_change(&t, 0, 0, BIT(3) | BIT(4));
	KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
	KUNIT_EXPECT_EQ(test, t.walk.pat, 0);
	for (unsigned int pat = 0; pat < 8; pat++) {
		guest_entry_change(&t, guest_leaf(&t), BIT(3) | BIT(4) | BIT(7),
				   (pat & 3) << 3 | (pat & 4) << 5 | G);
		KUNIT_EXPECT_TRUE(test, walk_succeeds(&t, READ_));
		KUNIT_EXPECT_EQ(test, t.walk.pat, pat);
		KUNIT_EXPECT_TRUE(test, t.walk.global);
	}
}

static void arguments_that_no_cpu_makes_are_refused(struct kunit *test)
{
	static const u32 bad[] = {
		FETCH_ | READ_, FETCH_ | WRITE_, FETCH_ | EPT_GUEST_IMPLICIT, EPT_PROT_UEXEC,
		READ_ | BIT(7), READ_ | BIT(13), BIT(31),
	};
	struct ept_guest_walk walk, untouched;
	struct guest_tables t;
	struct ept *ept;

	guest_tables_lay(&t, test, LONG_4);
	ept = t.memory->fixture->ept;
	memset(&walk, 0x5a, sizeof(walk));
	untouched = walk;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, ept_guest_walk(ept, &t.paging, t.gva, bad[i], &walk),
				-EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_walk(NULL, &t.paging, t.gva, READ_, &walk), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_walk(ERR_PTR(-ENOMEM), &t.paging, t.gva, READ_, &walk),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_walk(ept, NULL, t.gva, READ_, &walk), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_guest_walk(ept, &t.paging, t.gva, READ_, NULL), -EINVAL);
	t.paging.maxphyaddr = 31;
	KUNIT_EXPECT_EQ(test, ept_guest_walk(ept, &t.paging, t.gva, READ_, &walk), -EINVAL);
	t.paging.maxphyaddr = 53;
	KUNIT_EXPECT_EQ(test, ept_guest_walk(ept, &t.paging, t.gva, READ_, &walk), -EINVAL);
	KUNIT_EXPECT_MEMEQ(test, &walk, &untouched, sizeof(walk));
}

static struct kunit_case guest_walk_cases[] = {
	KUNIT_CASE_PARAM(a_way_that_allows_all_translates, all_gen_params),
	KUNIT_CASE_PARAM(a_walk_that_sets_flags_tells_the_entries, paged_gen_params),
	KUNIT_CASE_PARAM(a_table_of_zeroes_is_read, paged_gen_params),
	KUNIT_CASE(without_paging_the_address_is_physical),
	KUNIT_CASE(linear_addresses_outside_of_long_mode_have_32_bits),
	KUNIT_CASE_PARAM(compatibility_mode_has_32_bits_of_address, longs_gen_params),
	KUNIT_CASE_PARAM(non_canonical_addresses_are_no_page_faults, longs_gen_params),
	KUNIT_CASE(a_large_page_is_one_translation),
	KUNIT_CASE(cr3_has_32_bits_in_32_bit_paging),
	KUNIT_CASE_PARAM(a_table_beyond_the_guests_addresses_has_no_rights, longs_gen_params),
	KUNIT_CASE(without_pse_bit_7_is_ignored_in_32_bit_paging),
	KUNIT_CASE(pse_36_adds_address_bits_up_to_the_width),
	KUNIT_CASE(pae_paging_needs_no_pse),
	KUNIT_CASE_PARAM(a_1g_page_takes_the_capability, longs_gen_params),
	KUNIT_CASE_PARAM(bit_7_is_reserved_above_1g, longs_gen_params),
	KUNIT_CASE(pdptes_are_registers),
	KUNIT_CASE(pdptes_have_neither_rights_nor_reserved_bits),
	KUNIT_CASE_PARAM(each_entry_has_to_be_present, paged_gen_params),
	KUNIT_CASE_PARAM(address_bits_beyond_the_width_are_reserved, wide_gen_params),
	KUNIT_CASE_PARAM(bit_63_is_reserved_without_nxe, wide_gen_params),
	KUNIT_CASE_PARAM(what_is_higher_or_looked_at_first_wins, wide_gen_params),
	KUNIT_CASE_PARAM(writes_take_bit_1_of_each_entry, paged_gen_params),
	KUNIT_CASE_PARAM(user_accesses_take_bit_2_of_each_entry, paged_gen_params),
	KUNIT_CASE_PARAM(an_entry_with_bit_63_forbids_fetches, wide_gen_params),
	KUNIT_CASE_PARAM(smep_keeps_supervisors_from_fetching_user_pages, paged_gen_params),
	KUNIT_CASE_PARAM(smap_keeps_supervisors_from_user_data, paged_gen_params),
	KUNIT_CASE_PARAM(the_code_tells_fetches_only_with_smep_or_nxe, paged_gen_params),
	KUNIT_CASE_PARAM(pkru_is_for_user_pages_whoever_accesses_them, longs_gen_params),
	KUNIT_CASE_PARAM(pkrs_is_for_supervisor_pages, longs_gen_params),
	KUNIT_CASE_PARAM(write_disable_holds_supervisors_only_with_wp, longs_gen_params),
	KUNIT_CASE_PARAM(the_code_tells_keys_beside_other_reasons, longs_gen_params),
	KUNIT_CASE(pae_and_32_bit_paging_have_no_keys),
	KUNIT_CASE_PARAM(flags_are_set_on_request_alone, paged_gen_params),
	KUNIT_CASE_PARAM(a_refused_access_sets_no_flag, paged_gen_params),
	KUNIT_CASE(an_entry_may_be_used_at_several_levels),
	KUNIT_CASE_PARAM(tables_may_be_holes_of_ept, paged_gen_params),
	KUNIT_CASE_PARAM(tables_in_read_only_memory_violate_with_ept_flags, paged_gen_params),
	KUNIT_CASE_PARAM(tables_in_read_only_memory_serve_while_flags_are_set, paged_gen_params),
	KUNIT_CASE_PARAM(misconfigured_entries_of_ept_are_told, all_gen_params),
	KUNIT_CASE_PARAM(the_page_itself_comes_last, all_gen_params),
	KUNIT_CASE_PARAM(mode_based_execute_goes_by_the_guests_page, all_gen_params),
	KUNIT_CASE_PARAM(tables_outside_of_memory_are_not_read, all_gen_params),
	KUNIT_CASE_PARAM(addresses_wider_than_ept_violate, longs_gen_params),
	KUNIT_CASE_PARAM(the_leaf_tells_global_key_and_pat, paged_gen_params),
	KUNIT_CASE(arguments_that_no_cpu_makes_are_refused),
	{}
};

static struct kunit_suite guest_walk_suite = {
	.name = "ept_guest_walk",
	.init = init,
	.exit = guest_memory_exit,
	.test_cases = guest_walk_cases,
};

kunit_test_suite(guest_walk_suite);
