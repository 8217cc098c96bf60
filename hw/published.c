// SPDX-License-Identifier: GPL-2.0
/*
 * The verdicts that kvm-unit-tests publishes for EPT (x86/vmx_tests.c), by the names of its cases:
 * what they change, and what it has to come to. The model is held to each, and the CPU to the
 * model.
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
#define ALL_KINDS	(TABLE_OR_4K | LARGE)
#define TABLE_OR_4K	BIT(0)
#define LARGE		BIT(1)

static const struct {
	const char	*name;
	unsigned int	first_level, last_level;
	unsigned int	kinds;
	unsigned int	first_bit, last_bit;
	enum verdict	verdict;
} bit_rows[] = {
	{ "ept_access_test_reserved_bits", 1, 4, ALL_KINDS, MAXPHYADDR, 51, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 2, 2, TABLE_OR_4K, 3, 6, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 2, 2, LARGE, 12, 19, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 3, 3, TABLE_OR_4K, 3, 6, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 3, 3, LARGE, 12, 28, MISCONFIGURED },
	{ "ept_access_test_reserved_bits", 4, 4, TABLE_OR_4K, 3, 7, MISCONFIGURED },
	{ "ept_access_test_ignored_bits", 1, 4, ALL_KINDS, 8, 11, ALLOWED },
	{ "ept_access_test_ignored_bits", 1, 4, ALL_KINDS, 52, 63, ALLOWED },
};

/*
 * A guest's page table in a page of these rights. Of each access, for which flags of the guest's
 * entry it is a violation.
 */
enum { AD_OFF, AD_ON };

#define CLEAR		BIT(0)	/* neither accessed nor dirty */
#define USED		BIT(1)	/* accessed */
#define WRITTEN		BIT(2)	/* both */
#define NONE		0
#define ANY		(CLEAR | USED | WRITTEN)

static const struct {
	const char	*name;
	unsigned int	ad;		/* EPT's own flags */
	u64		rights;
	unsigned int	tried;		/* guest's flags */
	unsigned int	read, write, fetch;	/* those of them that make a violation of it */
	u64		qualification;	/* beside LINEAR */
} walk_rows[] = {
	{ "ept_access_test_paddr_not_present_ad_disabled", AD_OFF, 0,
	  WRITTEN, WRITTEN, WRITTEN, WRITTEN, RD },
	{ "ept_access_test_paddr_not_present_ad_enabled", AD_ON, 0,
	  WRITTEN, WRITTEN, WRITTEN, WRITTEN, RD | WR },
	{ "ept_access_test_paddr_read_only_ad_disabled", AD_OFF, R,
	  ANY, CLEAR, CLEAR | USED, CLEAR, RD | WR | RD_OK },
	{ "ept_access_test_paddr_read_only_ad_enabled", AD_ON, R,
	  ANY, ANY, ANY, ANY, RD | WR | RD_OK },
	{ "ept_access_test_paddr_read_write", AD_OFF, R | W, CLEAR, NONE, NONE, NONE },
	{ "ept_access_test_paddr_read_write", AD_ON, R | W, CLEAR, NONE, NONE, NONE },
	{ "ept_access_test_paddr_read_write_execute", AD_OFF, R | W | X, CLEAR, NONE, NONE, NONE },
	{ "ept_access_test_paddr_read_write_execute", AD_ON, R | W | X, CLEAR, NONE, NONE, NONE },
	{ "ept_access_test_paddr_read_execute_ad_disabled", AD_OFF, R | X,
	  ANY, CLEAR, CLEAR | USED, CLEAR, RD | WR | RD_OK | X_OK },
	{ "ept_access_test_paddr_read_execute_ad_enabled", AD_ON, R | X,
	  ANY, ANY, ANY, ANY, RD | WR | RD_OK | X_OK },
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

static unsigned int violations(unsigned int row, enum hw_op op)
{
	return op == HW_READ ? walk_rows[row].read :
	       op == HW_WRITE ? walk_rows[row].write : walk_rows[row].fetch;
}

static void try_walk(struct hw *hw, unsigned int row, unsigned int flags)
{
	static const enum hw_op ops[] = { HW_READ, HW_WRITE, HW_FETCH };
	struct hw_access access = {
		.mode = HW_SUPERVISOR_AT_USER, .walk = HW_WALK_PT,
		.accessed = flags != CLEAR, .dirty = flags == WRITTEN,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		const bool violates = violations(row, ops[i]) & flags;

		access.op = ops[i];
		hold(hw, walk_rows[row].name, &access, violates ? VIOLATION : ALLOWED,
		     walk_rows[row].qualification | LINEAR);
	}
}

static void try_walks(struct hw *hw)
{
	u64 *where = hw->target[0].where[0];
	const u64 before = *where;
	unsigned int row, flags;

	for (row = 0; row < ARRAY_SIZE(walk_rows); row++) {
		if (walk_rows[row].ad != (hw_has(hw, EPT_FEATURE_AD) ? AD_ON : AD_OFF))
			continue;
		hw_poke(hw, where, (before & ~7ull) | walk_rows[row].rights);
		for (flags = CLEAR; flags <= WRITTEN; flags <<= 1)
			if (walk_rows[row].tried & flags)
				try_walk(hw, row, flags);
	}
	hw_poke(hw, where, before);
}

/*
 * test_ept_eptp: bits of an EPTP, by the value of the field, and whether it is valid then. 'has' is
 * the bit of IA32_VMX_EPT_VPID_CAP that says so, if that depends on the CPU.
 */
enum { NEVER = 64, ALWAYS };

static unsigned int eptp_memtype(unsigned int value)
{
	return value == 0 ? 8 : value == 6 ? 14 : NEVER;
}

static unsigned int eptp_walk_length(unsigned int value)
{
	return value == 3 ? ALWAYS : value == 4 ? 7 : NEVER;
}

static void hold_eptp(struct hw *hw, u64 eptp, unsigned int has)
{
	const u64 cap = hw->caps.msrs.ept_vpid_cap;
	const bool valid = has == ALWAYS || (has < NEVER && cap & BIT_ULL(has));

	hw_hold(hw, mmu_pointer_valid(&hw->mmu, eptp) == valid, "test_ept_eptp, of", eptp, valid);
}

static void try_eptps(struct hw *hw)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		hold_eptp(hw, (hw->eptp & ~7ull) | i, eptp_memtype(i));
		hold_eptp(hw, (hw->eptp & ~0x38ull) | i << 3, eptp_walk_length(i));
	}
	hold_eptp(hw, hw->eptp | BIT_ULL(6), 21);
	/* Bit 7 has got a meaning since. */
	for (i = 8; i < 12; i++)
		hold_eptp(hw, hw->eptp | BIT_ULL(i), NEVER);
	for (i = hw->mmu.maxphyaddr; i < 64; i++)
		hold_eptp(hw, hw->eptp | BIT_ULL(i), NEVER);
}

/* Their tables have neither mode-based execute nor #VE. */
static int run(struct hw *hw)
{
	enum ept_level leaf;
	unsigned int level;
	int err = 0;

	if (hw_has(hw, EPT_FEATURE_MODE_EXEC))
		return 0;
	try_eptps(hw);
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
