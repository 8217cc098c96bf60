// SPDX-License-Identifier: GPL-2.0
/*
 * Page-modification logging: what sets a dirty flag is logged, at each index, and what is logged is
 * what ept_clear_dirty() clears.
 */
#include <linux/gfp.h>
#include <linux/io.h>

#include "hw.h"

struct log {
	u64	*page;
	u16	index;		/* before the access */
	u64	gpa[2];		/* what the model sets dirty, in its order */
	unsigned int nr;
};

/* Steps of the access that set a flag of an entry: with a full log none is done. */
static void foresee(struct hw *hw, const struct hw_access *access, struct log *log, bool *marks)
{
	struct hw_outcome outcome;
	unsigned int i, level;

	hw_expect(hw, access, &outcome);
	log->nr = 0;
	*marks = false;
	for (i = 0; i < (access->across ? HW_TARGETS : 1); i++) {
		const struct hw_target *target = &hw->target[i];
		const u64 before = *target->where[target->level];

		for (level = 0; level < HW_LEVELS; level++)
			*marks |= target->where[level] &&
				  *target->where[level] != outcome.entry[i][level];
		if (!(before & BIT_ULL(9)) && outcome.entry[i][target->level] & BIT_ULL(9))
			log->gpa[log->nr++] = target->gpa;
	}
}

static void clear(struct hw *hw)
{
	unsigned int i;

	for (i = 0; i < HW_TARGETS; i++) {
		ept_clear_dirty(hw->ept, hw->target[i].gpa, NULL);
		*hw->target[i].where[hw->target[i].level] &= ~BIT_ULL(8);
	}
}

static void start(struct hw *hw, struct log *log, u16 index)
{
	log->index = index;
	memset(log->page, 0xff, PAGE_SIZE);
	hw_vcpu_write(&hw->vcpu, GUEST_PML_INDEX, index);
}

/* Nothing else of the page was written to. @mask: the bits of an address that count */
static bool log_is_right(const struct log *log, u64 mask)
{
	unsigned int i, written = 0;

	for (i = 0; i < EPT_PML_NR; i++)
		written += log->page[i] != ~0ull;
	for (i = 0; i < log->nr; i++)
		if ((log->page[log->index - i] ^ log->gpa[i]) & mask)
			return false;
	return written == log->nr;
}

static bool dirty_is_told(struct hw *hw, const struct log *log)
{
	unsigned int i;

	for (i = 0; i < log->nr; i++)
		if (ept_clear_dirty(hw->ept, log->gpa[i], NULL) != 1)
			return false;
	return true;
}

static void try_room(struct hw *hw, const struct hw_access *access, struct log *log)
{
	const u16 index = log->index - log->nr;
	u16 got;

	hw_run(hw, access);
	if (!log_is_right(log, ~0ull) && log_is_right(log, PAGE_MASK))
		hw_exclude(hw, HW_LOG_HAS_OFFSET);
	else
		hw_hold(hw, log_is_right(log, ~0ull), "log, entries", log->nr,
			log->page[log->index]);
	got = hw_vcpu_read(&hw->vcpu, GUEST_PML_INDEX);
	hw_hold(hw, got == index, "log, index", index, got);
	hw_hold(hw, dirty_is_told(hw, log), "ept_clear_dirty(), pages", log->nr, 0);
}

static void try_full(struct hw *hw, const struct hw_access *access, struct log *log)
{
	const u64 before = *hw->target[0].where[hw->target[0].level];

	hw_run(hw, access);
	hw_hold(hw, hw->vcpu.exit.reason == EXIT_REASON_PML_FULL, "log that is full, exit",
		EXIT_REASON_PML_FULL, hw->vcpu.exit.reason);
	hw_hold(hw, *hw->target[0].where[hw->target[0].level] == before,
		"log that is full, entry", before, *hw->target[0].where[hw->target[0].level]);
}

static void try_access(struct hw *hw, const struct hw_access *access, struct log *log, u16 index)
{
	bool marks;

	clear(hw);
	foresee(hw, access, log, &marks);
	start(hw, log, index);
	/* Of an access across two pages the first may be done, so that leaves no room for more. */
	if (index < EPT_PML_NR && index + 1 >= log->nr)
		try_room(hw, access, log);
	else if (marks && !access->across)
		try_full(hw, access, log);
}

static void try_accesses(struct hw *hw, struct log *log, u16 index)
{
	struct hw_access access = { .walk = HW_NO_WALK };
	unsigned int i;

	for (access.op = 0; access.op < HW_NR_OPS; access.op++)
		for (i = 0; i < 4; i++) {
			access.across = i & 1;
			access.mode = i & 2 ? HW_USER_MODE : HW_SUPERVISOR;
			try_access(hw, &access, log, index);
		}
}

static int try_rights(struct hw *hw, struct log *log, u16 index)
{
	static const u32 prots[] = {
		EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC,
		EPT_PROT_READ | EPT_PROT_EXEC | EPT_PROT_UEXEC,
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(prots) && !err; i++) {
		const struct ept_attrs attrs = { .prot = prots[i], .memtype = EPT_MT_WB };

		err = ept_set_attrs(hw->ept, hw->target[0].gpa, HW_TARGETS * SZ_4K, &attrs, NULL);
		if (!err)
			try_accesses(hw, log, index);
	}
	return err;
}

/* Of the base nothing is left to be set dirty, nor in the tables above the leaves. */
static void use_all_once(struct hw *hw)
{
	enum hw_op op;

	for (op = 0; op < HW_NR_OPS; op++) {
		hw_run(hw, &HW_ACCESS(op, HW_SUPERVISOR));
		hw_run(hw, &HW_ACCESS(op, HW_USER_MODE));
	}
}

static int try_log(struct hw *hw, struct log *log)
{
	int err;
	u32 i;

	use_all_once(hw);
	hw_vcpu_write(&hw->vcpu, PML_ADDRESS, virt_to_phys(log->page));
	hw_vcpu_write(&hw->vcpu, GUEST_PML_INDEX, EPT_PML_START);
	err = hw_vcpu_use(&hw->vcpu, hw->eptp, hw->secondary | SECONDARY_EXEC_ENABLE_PML);
	for (i = 0; i < EPT_PML_NR && !err; i += hw->brief ? 37 : 1)
		err = try_rights(hw, log, i);
	for (i = EPT_PML_NR; i < 0x10000 && !err; i = 2 * i + 1)
		err = try_rights(hw, log, i);
	hw_vcpu_use(&hw->vcpu, hw->eptp, hw->secondary);
	return err;
}

static int run(struct hw *hw)
{
	struct log log = {};
	int err;

	if (!hw_has(hw, EPT_FEATURE_AD))
		return 0;
	err = hw_map_targets(hw, EPT_4K, EPT_4K, &EPT_ATTRS_RAM);
	if (err)
		return err;
	log.page = (u64 *)get_zeroed_page(GFP_KERNEL);
	if (!log.page)
		return -ENOMEM;
	err = try_log(hw, &log);
	free_page((unsigned long)log.page);
	return err;
}

const struct hw_class hw_pml = {
	.name = "page-modification logging",
	.run = run,
};
