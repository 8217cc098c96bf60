// SPDX-License-Identifier: GPL-2.0
/*
 * Entries of any bits, written behind the back of the module: what is misconfigured, what is
 * ignored, and which of two wrong entries counts. The function that judges entries shows in
 * ept_explain() and ept_translate().
 */
#include "hw.h"

#define ADDRESS		GENMASK_ULL(51, 12)
#define LARGE		BIT_ULL(7)

/* The same at each boot */
static u64 random_bits(u64 *state)
{
	u64 x;

	*state += 0x9e3779b97f4a7c15ull;
	x = *state;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* An address that leads to the target, for a leaf where @entry is one, else to the next table */
static u64 with_address(struct hw *hw, unsigned int level, u64 entry)
{
	const u64 boundary = hw->memory + SZ_2M;

	entry &= ~ADDRESS;
	if (!level || (level < 3 && entry & LARGE))
		return entry | (boundary - BIT_ULL(mmu_level_shift(level)));
	return entry | (*hw->target[0].where[level] & ADDRESS);
}

static void try_reading(struct hw *hw, unsigned int level, u64 entry)
{
	u64 *where = hw->target[0].where[level];
	const u64 before = *where;

	hw_poke(hw, where, entry);
	hw_try(hw, &HW_ACCESS(HW_READ, HW_SUPERVISOR));
	hw_poke(hw, where, before);
}

/* All values of the bits below the address, and of those above it one at a time */
static void try_low_bits(struct hw *hw, unsigned int level)
{
	unsigned int low, step = hw->brief ? 8 : 1;

	for (low = 0; low < 0x1000; low += step)
		try_reading(hw, level, with_address(hw, level, low));
}

static void try_each_access(struct hw *hw, unsigned int level, u64 entry)
{
	u64 *where = hw->target[0].where[level];
	const u64 before = *where;
	enum hw_op op;

	hw_poke(hw, where, entry);
	for (op = 0; op < HW_NR_OPS; op++)
		hw_try(hw, &HW_ACCESS(op, HW_SUPERVISOR));
	hw_poke(hw, where, before);
}

/*
 * Bits of the address. One that is no reserved bit leads elsewhere: a leaf may then be read, and
 * nothing else; a table not even that.
 */
static void try_address_bits(struct hw *hw, unsigned int level, u64 entry, bool leaf)
{
	unsigned int bit;

	for (bit = 12; bit < 52; bit++) {
		const u64 changed = entry ^ BIT_ULL(bit);

		if (mmu_entry_fault(&hw->mmu, changed, level)) {
			try_each_access(hw, level, changed);
		} else if (leaf) {
			hw->raw = true;
			try_reading(hw, level, changed);
			hw->raw = false;
		}
	}
}

static void try_high_bits(struct hw *hw, unsigned int level, u64 entry)
{
	unsigned int bit;

	for (bit = 52; bit < 64; bit++)
		try_each_access(hw, level, entry ^ BIT_ULL(bit));
}

static void try_entry(struct hw *hw, unsigned int level, u64 bits, bool leaf)
{
	const u64 entry = with_address(hw, level, bits);

	try_address_bits(hw, level, entry, leaf);
	try_high_bits(hw, level, entry);
	/* Not present: all of them are ignored. */
	try_address_bits(hw, level, entry & ~HW_RIGHTS, false);
	try_high_bits(hw, level, entry & ~HW_RIGHTS);
}

/* Two entries at random; with most of their bits clear, as else nearly all are misconfigured. */
static void try_random(struct hw *hw, u64 *state)
{
	const unsigned int a = random_bits(state) % HW_LEVELS;
	const unsigned int b = (a + 1 + random_bits(state) % (HW_LEVELS - 1)) % HW_LEVELS;
	u64 *where_a = hw->target[0].where[a], *where_b = hw->target[0].where[b];
	const u64 before_a = *where_a, before_b = *where_b;
	const u64 bits_a = random_bits(state) & random_bits(state) & random_bits(state);
	const u64 bits_b = random_bits(state) & random_bits(state) & random_bits(state);

	hw_poke(hw, where_a, with_address(hw, a, before_a ^ bits_a));
	hw_poke(hw, where_b, with_address(hw, b, before_b ^ bits_b));
	hw_try(hw, &HW_ACCESS(random_bits(state) % HW_NR_OPS, HW_SUPERVISOR));
	hw_poke(hw, where_a, before_a);
	hw_poke(hw, where_b, before_b);
}

static int run(struct hw *hw)
{
	unsigned int i, level, nr = hw->brief ? 500 : 4000;
	u64 state = 1;
	int err;

	err = hw_map_targets(hw, EPT_4K, EPT_4K, &EPT_ATTRS_RAM);
	if (err)
		return err;
	for (level = 0; level < HW_LEVELS; level++) {
		try_low_bits(hw, level);
		if (level)
			try_entry(hw, level, 7, false);
		if (level < 3)
			try_entry(hw, level, 0x37 | (level ? LARGE : 0), true);
	}
	for (i = 0; i < nr; i++)
		try_random(hw, &state);
	return hw_unmap_targets(hw);
}

const struct hw_class hw_raw = {
	.name = "entries of any bits",
	.run = run,
};
