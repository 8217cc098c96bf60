// SPDX-License-Identifier: GPL-2.0
/*
 * The verdicts that kvm-unit-tests publishes for EPT (x86/vmx_tests.c, group "ept"), by the names of
 * its cases: what they change, and what it has to come to. The model is held to each, and the CPU
 * to the model.
 */
#include <linux/kernel.h>

#include "hw.h"

#define R		1
#define W		2
#define X		4

#define RD		BIT_ULL(0)	/* bits of a qualification: the access, */
#define WR		BIT_ULL(1)
#define FETCH		BIT_ULL(2)
#define RD_OK		BIT_ULL(3)	/* and what the entries allow */
#define WR_OK		BIT_ULL(4)
#define X_OK		BIT_ULL(5)
#define LINEAR		BIT_ULL(7)
#define FINAL		BIT_ULL(8)
#define PUBLISHED	GENMASK_ULL(8, 0)	/* what they look at, but for bit 6 */

enum verdict { ALLOWED, VIOLATION, MISCONFIGURED };

/*
 * Rights of an entry: of each level that points to a table or is a 4K leaf, and of 2M and 1G leaves
 */
static const struct {
	const char	*name;
	u64		rights;
	enum hw_op	op;
	enum verdict	verdict;
	u64		qualification;	/* beside LINEAR and FINAL */
} rights_rows[] = {
	{ "ept_access_test_not_present", 0, HW_READ, VIOLATION, RD },
	{ "ept_access_test_not_present", 0, HW_WRITE, VIOLATION, WR },
	{ "ept_access_test_not_present", 0, HW_FETCH, VIOLATION, FETCH },
	{ "ept_access_test_read_only", R, HW_READ, ALLOWED },
	{ "ept_access_test_read_only", R, HW_WRITE, VIOLATION, WR | RD_OK },
	{ "ept_access_test_read_only", R, HW_FETCH, VIOLATION, FETCH | RD_OK },
	{ "ept_access_test_write_only", W, HW_READ, MISCONFIGURED },
	{ "ept_access_test_write_only", W, HW_WRITE, MISCONFIGURED },
	{ "ept_access_test_write_only", W, HW_FETCH, MISCONFIGURED },
	{ "ept_access_test_read_write", R | W, HW_READ, ALLOWED },
	{ "ept_access_test_read_write", R | W, HW_WRITE, ALLOWED },
	{ "ept_access_test_read_write", R | W, HW_FETCH, VIOLATION, FETCH | RD_OK | WR_OK },
	{ "ept_access_test_execute_only", X, HW_READ, VIOLATION, RD | X_OK },
	{ "ept_access_test_execute_only", X, HW_WRITE, VIOLATION, WR | X_OK },
	{ "ept_access_test_execute_only", X, HW_FETCH, ALLOWED },
	{ "ept_access_test_read_execute", R | X, HW_READ, ALLOWED },
	{ "ept_access_test_read_execute", R | X, HW_WRITE, VIOLATION,
	  WR | RD_OK | X_OK },
	{ "ept_access_test_read_execute", R | X, HW_FETCH, ALLOWED },
	{ "ept_access_test_write_execute", W | X, HW_READ, MISCONFIGURED },
	{ "ept_access_test_write_execute", W | X, HW_WRITE, MISCONFIGURED },
	{ "ept_access_test_write_execute", W | X, HW_FETCH, MISCONFIGURED },
	{ "ept_access_test_read_write_execute", R | W | X, HW_READ, ALLOWED },
	{ "ept_access_test_read_write_execute", R | W | X, HW_WRITE, ALLOWED },
	{ "ept_access_test_read_write_execute", R | W | X, HW_FETCH, ALLOWED },
};

/*
 * Bits: set in an entry with all rights they come to this for each access, and in one without to a
 * violation. Levels as there, from 1, as the architecture's names have them.
 */
#define MAXPHYADDR	64	/* stands for the CPU's */
#define TABLE_OR_4K	BIT(0)
#define LARGE		BIT(1)

static const struct {
	const char	*name;
	unsigned int	first_level, last_level;
	unsigned int	kinds;
	unsigned int	first_bit, last_bit;
	enum verdict	verdict;
} bit_rows[] = {
	{ "ept_access_test_reserved_bits", 1, 4, TABLE_OR_4K | LARGE, MAXPHYADDR, 51, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 2, 2, TABLE_OR_4K, 3, 6, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 2, 2, LARGE, 12, 19, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 3, 3, TABLE_OR_4K, 3, 6, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 3, 3, LARGE, 12, 28, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 4, 4, TABLE_OR_4K, 3, 7, MISCONFIGURED },
	{ "ept_access_test_ignored_bits", 1, 4, TABLE_OR_4K | LARGE, 8, 11, ALLOWED },
	{ "ept_access_test_ignored_bits", 1, 4, TABLE_OR_4K | LARGE, 52, 63, ALLOWED },
};

/*
 * A guest's page table in a page of these rights, for which its entry has these flags
 */
enum { AD_OFF, AD_ON, AD_ANY };

#define NOT_PRESENT(name, ad, q)						\
	{ name, ad, 0, true, true, HW_READ, VIOLATION, q },			\
	{ name, ad, 0, true, true, HW_WRITE, VIOLATION, q },			\
	{ name, ad, 0, true, true, HW_FETCH, VIOLATION, q }
#define NOT_WRITABLE_AD_OFF(name, rights, q)					\
	{ name, AD_OFF, rights, false, false, HW_READ, VIOLATION, q },		\
	{ name, AD_OFF, rights, false, false, HW_WRITE, VIOLATION, q },		\
	{ name, AD_OFF, rights, false, false, HW_FETCH, VIOLATION, q },		\
	{ name, AD_OFF, rights, true, false, HW_READ, ALLOWED },		\
	{ name, AD_OFF, rights, true, false, HW_WRITE, VIOLATION, q },		\
	{ name, AD_OFF, rights, true, false, HW_FETCH, ALLOWED },		\
	{ name, AD_OFF, rights, true, true, HW_READ, ALLOWED },			\
	{ name, AD_OFF, rights, true, true, HW_WRITE, ALLOWED },		\
	{ name, AD_OFF, rights, true, true, HW_FETCH, ALLOWED }
#define NOT_WRITABLE_AD_ON(name, rights, q)					\
	{ name, AD_ON, rights, false, false, HW_READ, VIOLATION, q },		\
	{ name, AD_ON, rights, false, false, HW_WRITE, VIOLATION, q },		\
	{ name, AD_ON, rights, false, false, HW_FETCH, VIOLATION, q },		\
	{ name, AD_ON, rights, true, false, HW_READ, VIOLATION, q },		\
	{ name, AD_ON, rights, true, false, HW_WRITE, VIOLATION, q },		\
	{ name, AD_ON, rights, true, false, HW_FETCH, VIOLATION, q },		\
	{ name, AD_ON, rights, true, true, HW_READ, VIOLATION, q },		\
	{ name, AD_ON, rights, true, true, HW_WRITE, VIOLATION, q },		\
	{ name, AD_ON, rights, true, true, HW_FETCH, VIOLATION, q }
#define WRITABLE(name, rights)							\
	{ name, AD_ANY, rights, false, false, HW_READ, ALLOWED },		\
	{ name, AD_ANY, rights, false, false, HW_WRITE, ALLOWED },		\
	{ name, AD_ANY, rights, false, false, HW_FETCH, ALLOWED }

static const struct {
	const char	*name;
	unsigned int	ad;		/* EPT's own flags */
	u64		rights;
	bool		accessed, dirty;	/* the guest's */
	enum hw_op	op;
	enum verdict	verdict;
	u64		qualification;	/* beside LINEAR */
} walk_rows[] = {
	NOT_PRESENT("ept_access_test_paddr_not_present_ad_disabled", AD_OFF, RD),
	NOT_PRESENT("ept_access_test_paddr_not_present_ad_enabled", AD_ON, RD | WR),
	NOT_WRITABLE_AD_OFF("ept_access_test_paddr_read_only_ad_disabled", R,
			    RD | WR | RD_OK),
	NOT_WRITABLE_AD_ON("ept_access_test_paddr_read_only_ad_enabled", R,
			   RD | WR | RD_OK),
	WRITABLE("ept_access_test_paddr_read_write", R | W),
	WRITABLE("ept_access_test_paddr_read_write_execute", R | W | X),
	NOT_WRITABLE_AD_OFF("ept_access_test_paddr_read_execute_ad_disabled", R | X,
			    RD | WR | RD_OK | X_OK),
	NOT_WRITABLE_AD_ON("ept_access_test_paddr_read_execute_ad_enabled", R | X,
			   RD | WR | RD_OK | X_OK),
};

/*
 * Held to them
 */

static u32 reason_of(enum verdict verdict)
{
	return verdict == ALLOWED ? EXIT_REASON_VMCALL :
	       verdict == VIOLATION ? EXIT_REASON_EPT_VIOLATION : EXIT_REASON_EPT_MISCONFIG;
}

/* The CPU to the model, and the model to what is published */
static void hold(struct hw *hw, const char *name, const struct hw_access *access,
		 enum verdict verdict, u64 qualification)
{
	const u32 reason = reason_of(verdict);
	struct hw_outcome outcome;

	hw_try(hw, access);
	hw_expect(hw, access, &outcome);
	hw_hold(hw, outcome.reason == reason, name, reason, outcome.reason);
	if (verdict == VIOLATION)
		hw_hold(hw, (outcome.qualification & PUBLISHED) == qualification, name,
			 qualification, outcome.qualification);
}

static void try_rights(struct hw *hw, unsigned int level)
{
	u64 *where = hw->target[0].where[level];
	const u64 before = *where;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rights_rows); i++) {
		hw_poke(hw, where, (before & ~7ull) | rights_rows[i].rights);
		hold(hw, rights_rows[i].name, &HW_ACCESS(rights_rows[i].op, HW_SUPERVISOR),
		     rights_rows[i].verdict,
		     rights_rows[i].qualification | LINEAR | FINAL);
	}
	hw_poke(hw, where, before);
}

static void try_bit(struct hw *hw, unsigned int row, unsigned int level, unsigned int bit)
{
	static const enum hw_op ops[] = { HW_READ, HW_WRITE, HW_FETCH };
	u64 *where = hw->target[0].where[level];
	const u64 before = *where;
	unsigned int i;

	hw_poke(hw, where, before | BIT_ULL(bit));
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		hold(hw, bit_rows[row].name, &HW_ACCESS(ops[i], HW_SUPERVISOR),
		     bit_rows[row].verdict, 0);
	if (bit_rows[row].verdict == MISCONFIGURED) {
		hw_poke(hw, where, (before & ~7ull) | BIT_ULL(bit));
		hold(hw, bit_rows[row].name, &HW_ACCESS(HW_READ, HW_SUPERVISOR), VIOLATION,
		     RD | LINEAR | FINAL);
	}
	hw_poke(hw, where, before);
}

static void try_bits(struct hw *hw, unsigned int level, unsigned int kind)
{
	unsigned int row, bit;

	for (row = 0; row < ARRAY_SIZE(bit_rows); row++) {
		bit = bit_rows[row].first_bit == MAXPHYADDR ? hw->mmu.maxphyaddr :
		      bit_rows[row].first_bit;
		if (!(bit_rows[row].kinds & kind) || level + 1 < bit_rows[row].first_level ||
		    level + 1 > bit_rows[row].last_level)
			continue;
		for (; bit <= bit_rows[row].last_bit; bit++)
			try_bit(hw, row, level, bit);
	}
}

static void try_walks(struct hw *hw)
{
	u64 *where = hw->target[0].where[0];
	const u64 before = *where;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(walk_rows); i++) {
		const struct hw_access access = {
			.op = walk_rows[i].op, .mode = HW_SUPERVISOR_AT_USER, .walk = HW_WALK_PT,
			.accessed = walk_rows[i].accessed, .dirty = walk_rows[i].dirty,
		};

		if (walk_rows[i].ad != AD_ANY &&
		    (walk_rows[i].ad == AD_ON) != hw_has(hw, EPT_FEATURE_AD))
			continue;
		hw_poke(hw, where, (before & ~7ull) | walk_rows[i].rights);
		hold(hw, walk_rows[i].name, &access, walk_rows[i].verdict,
		     walk_rows[i].qualification | LINEAR);
	}
	hw_poke(hw, where, before);
}

/* Their tables have neither mode-based execute nor #VE. */
static int run(struct hw *hw)
{
	enum ept_level leaf;
	unsigned int level;
	int err = 0;

	if (hw_has(hw, EPT_FEATURE_MODE_EXEC))
		return 0;
	for (leaf = EPT_4K; leaf <= hw->config.max_leaf && !err; leaf++) {
		err = hw_map_targets(hw, leaf, EPT_4K, &EPT_ATTRS_RAM);
		if (err)
			break;
		for (level = leaf; level < (leaf ? leaf + 1 : HW_LEVELS); level++) {
			try_rights(hw, level);
			try_bits(hw, level, leaf ? LARGE : TABLE_OR_4K);
		}
		if (!leaf)
			try_walks(hw);
		err = hw_unmap_targets(hw);
	}
	return err;
}

const struct hw_class hw_published = {
	.name = "verdicts of kvm-unit-tests",
	.run = run,
};
