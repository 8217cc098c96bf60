// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: the steps. Each is what a VMM does with ept in one situation, and what the CPU makes
 * of it.
 *
 * A step starts a program in the guest (tinyvmm_call), looks why the guest came back, changes
 * the table, and lets the guest go on (tinyvmm_resume). It returns an error where its own calls
 * fail, and returns early where the guest did not do what was expected, which is then counted
 * already.
 */
#define pr_fmt(fmt) "tinyvmm: " fmt

#include <linux/err.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "tinyvmm.h"

/*
 * Takes rights. The guest has lost them when the flush is done, not before. A gather may
 * collect more changes before its one flush, and is flushed also after an error.
 */
static int take_rights(struct tinyvmm *vmm, u64 gpa, u64 size, u32 rights)
{
	struct ept_gather gather;
	int err;

	ept_gather_init(&gather, vmm->ept);
	err = ept_protect(vmm->ept, gpa, size, rights, 0, &gather);
	ept_gather_flush(&gather);
	return err;
}

/* Gives rights, which needs no flush: so there is nothing to gather. */
static int give_rights(struct tinyvmm *vmm, u64 gpa, u64 size, u32 rights)
{
	return ept_protect(vmm->ept, gpa, size, 0, rights, NULL);
}

/*
 * (a) What is mapped runs.
 */
static int step_run(struct tinyvmm *vmm)
{
	tinyvmm_call(vmm, GUEST_CODE, tinyvmm_program_sum, 100, 0);
	tinyvmm_expect_result(vmm, "the sum of 1 to 100, by the guest", 5050);
	return 0;
}

/*
 * (b) What isn't mapped faults. The VMM learns what the guest wanted, maps it, and the guest
 * goes on. Mapping what was a hole needs no flush.
 */
static struct page *map_on_demand(struct tinyvmm *vmm, u64 contents)
{
	struct page *page = tinyvmm_alloc(vmm, 0);
	int err;

	if (!page)
		return ERR_PTR(-ENOMEM);
	words(page)[WORD] = contents;
	err = ept_map(vmm->ept, vmm->vcpu.exit.gpa & PAGE_MASK, page_to_phys(page), PAGE_SIZE,
		      &EPT_ATTRS_RAM);
	return err ? ERR_PTR(err) : page;
}

static int step_demand(struct tinyvmm *vmm)
{
	const u64 first = GUEST_STEP_B + OFFSET, second = first + PAGE_SIZE;
	struct page *page;

	tinyvmm_read(vmm, first);
	if (!tinyvmm_expect_violation(vmm, "a read of a hole", EPT_PROT_READ, first,
				      EPT_PROT_NONE))
		return 0;
	page = map_on_demand(vmm, OLD_VALUE);
	if (IS_ERR(page))
		return PTR_ERR(page);
	tinyvmm_resume(vmm);
	tinyvmm_expect_result(vmm, "the read, resumed with the page mapped", OLD_VALUE);

	tinyvmm_write(vmm, second, NEW_VALUE);
	if (!tinyvmm_expect_violation(vmm, "a write to the next hole", EPT_PROT_WRITE, second,
				      EPT_PROT_NONE))
		return 0;
	page = map_on_demand(vmm, 0);
	if (IS_ERR(page))
		return PTR_ERR(page);
	tinyvmm_resume(vmm);
	tinyvmm_expect_result(vmm, "the write, resumed with the page mapped", NEW_VALUE);
	tinyvmm_expect_value(vmm, "what it left in memory", NEW_VALUE, words(page)[WORD]);
	return 0;
}

/*
 * (c) Write protection, and its end.
 */
static int step_protect(struct tinyvmm *vmm)
{
	const u64 gpa = GUEST_STEP_C + OFFSET;
	struct page *page;
	int err;

	page = tinyvmm_map_fresh(vmm, GUEST_STEP_C, 0, &EPT_ATTRS_RAM);
	if (IS_ERR(page))
		return PTR_ERR(page);
	tinyvmm_write(vmm, gpa, OLD_VALUE);
	tinyvmm_expect_result(vmm, "a write to a writable page", OLD_VALUE);

	err = take_rights(vmm, GUEST_STEP_C, PAGE_SIZE, EPT_PROT_WRITE);
	if (err)
		return err;
	tinyvmm_write(vmm, gpa, NEW_VALUE);
	if (!tinyvmm_expect_violation(vmm, "a write once it is protected", EPT_PROT_WRITE, gpa,
				      PROT_RX))
		return 0;
	tinyvmm_expect_value(vmm, "what memory holds meanwhile", OLD_VALUE, words(page)[WORD]);

	err = give_rights(vmm, GUEST_STEP_C, PAGE_SIZE, EPT_PROT_WRITE);
	if (err)
		return err;
	tinyvmm_resume(vmm);
	tinyvmm_expect_result(vmm, "the write, resumed with the right granted", NEW_VALUE);
	tinyvmm_expect_value(vmm, "what it left in memory", NEW_VALUE, words(page)[WORD]);
	return 0;
}

/*
 * (d) Execute-only memory: the guest runs what it cannot read.
 */
static int step_exec_only(struct tinyvmm *vmm)
{
	static const struct ept_attrs exec_only = { .prot = EPT_PROT_EXEC, .memtype = EPT_MT_WB };
	struct page *page;

	if (!(vmm->config.features & EPT_FEATURE_EXEC_ONLY)) {
		tinyvmm_skip(vmm, "this CPU has no execute-only pages");
		return 0;
	}
	page = tinyvmm_map_fresh(vmm, GUEST_STEP_D, 0, &exec_only);
	if (IS_ERR(page))
		return PTR_ERR(page);
	tinyvmm_copy_programs(page);

	tinyvmm_call(vmm, GUEST_STEP_D, tinyvmm_program_sum, 10, 0);
	tinyvmm_expect_result(vmm, "the sum of 1 to 10, by execute-only code", 55);
	tinyvmm_read(vmm, GUEST_STEP_D + OFFSET);
	tinyvmm_expect_violation(vmm, "a read of that code", EPT_PROT_READ, GUEST_STEP_D + OFFSET,
				 EPT_PROT_EXEC);
	return 0;
}

/*
 * (e) Large leaves. ept takes the largest that alignment, size and CPU allow, and splits one
 * where a part of it is to differ; the client asks for neither.
 */
#define LARGE_NEXT	(GUEST_STEP_E + SZ_2M)
#define LARGE_PAGE	5	/* of the second one, to be protected */

/* Two leaves. Returns the second one's memory. */
static struct page *map_large(struct tinyvmm *vmm)
{
	struct page *code;

	code = tinyvmm_map_fresh(vmm, GUEST_STEP_E, LARGE_ORDER, &EPT_ATTRS_RAM);
	if (IS_ERR(code))
		return code;
	tinyvmm_copy_programs(code);
	return tinyvmm_map_fresh(vmm, LARGE_NEXT, LARGE_ORDER, &EPT_ATTRS_RAM);
}

static int split_large(struct tinyvmm *vmm)
{
	struct ept_stats before, after;
	int err;

	ept_get_stats(vmm->ept, &before);
	err = take_rights(vmm, LARGE_NEXT + LARGE_PAGE * PAGE_SIZE, PAGE_SIZE, EPT_PROT_WRITE);
	if (err)
		return err;
	ept_get_stats(vmm->ept, &after);
	tinyvmm_expect_count(vmm, "2M leaves before a page is protected", 2,
			     before.leaves[EPT_2M]);
	tinyvmm_expect_count(vmm, "2M leaves after it", 1, after.leaves[EPT_2M]);
	tinyvmm_expect_count(vmm, "4K leaves after it", before.leaves[EPT_4K] + LARGE_PAGES,
			     after.leaves[EPT_4K]);
	tinyvmm_expect_count(vmm, "splits", before.splits + 1, after.splits);
	return 0;
}

static int use_large(struct tinyvmm *vmm, struct page *page)
{
	const u64 gpa = LARGE_NEXT + LARGE_PAGE * PAGE_SIZE + OFFSET, neighbour = gpa + PAGE_SIZE;
	int err;

	tinyvmm_call(vmm, GUEST_STEP_E, tinyvmm_program_sum, 1000, 0);
	tinyvmm_expect_result(vmm, "the sum of 1 to 1000, by code in a 2M leaf", 500500);
	tinyvmm_write(vmm, gpa, OLD_VALUE);
	tinyvmm_expect_result(vmm, "a write to the other 2M leaf", OLD_VALUE);

	err = split_large(vmm);
	if (err)
		return err;
	tinyvmm_write(vmm, gpa, NEW_VALUE);
	tinyvmm_expect_violation(vmm, "a write to the protected page", EPT_PROT_WRITE, gpa,
				 PROT_RX);
	tinyvmm_write(vmm, neighbour, NEW_VALUE);
	tinyvmm_expect_result(vmm, "a write to its neighbour", NEW_VALUE);
	tinyvmm_expect_value(vmm, "the protected page", OLD_VALUE, words(page + LARGE_PAGE)[WORD]);
	tinyvmm_expect_value(vmm, "its neighbour", NEW_VALUE, words(page + LARGE_PAGE + 1)[WORD]);
	return 0;
}

static int step_large(struct tinyvmm *vmm)
{
	struct page *page;

	if (vmm->config.max_leaf < EPT_2M) {
		tinyvmm_skip(vmm, "this CPU has no 2M leaves");
		return 0;
	}
	page = map_large(vmm);
	if (page == ERR_PTR(-ENOMEM)) {
		tinyvmm_skip(vmm, "there aren't 2M of contiguous memory to be had");
		return 0;
	}
	if (IS_ERR(page))
		return PTR_ERR(page);
	return use_large(vmm, page);
}

/*
 * (f) Accessed and dirty: the CPU notes in the entries what the guest used and what it wrote to.
 */
#define FLAGS_ORDER	4
#define FLAGS_PAGES	BIT(FLAGS_ORDER)

struct flags_seen {
	u64 accessed, dirty;	/* a bit for each page */
};

/* Pages that follow each other and are alike come as one mapping. */
static int note_flags(const struct ept_mapping *mapping, void *arg)
{
	const u64 page = (mapping->gpa - GUEST_STEP_F) >> PAGE_SHIFT;
	const u64 pages = GENMASK_ULL(page + (mapping->size >> PAGE_SHIFT) - 1, page);
	struct flags_seen *seen = arg;

	if (mapping->accessed)
		seen->accessed |= pages;
	if (mapping->dirty)
		seen->dirty |= pages;
	return 0;
}

static int expect_flags(struct tinyvmm *vmm, u64 accessed, u64 dirty)
{
	struct flags_seen all = {}, each = {};
	struct ept_mapping mapping;
	u64 gpa;
	int err;

	err = ept_for_each_mapping(vmm->ept, GUEST_STEP_F, FLAGS_PAGES * PAGE_SIZE, note_flags,
				   &all);
	if (err)
		return err;
	tinyvmm_expect_value(vmm, "pages accessed, as a bitmap", accessed, all.accessed);
	tinyvmm_expect_value(vmm, "pages dirty, as a bitmap", dirty, all.dirty);

	for (gpa = GUEST_STEP_F; gpa < GUEST_STEP_F + FLAGS_PAGES * PAGE_SIZE; gpa += PAGE_SIZE) {
		err = ept_lookup(vmm->ept, gpa, &mapping);
		if (err)
			return err;
		note_flags(&mapping, &each);
	}
	tinyvmm_expect_value(vmm, "accessed, looked up page by page", accessed, each.accessed);
	tinyvmm_expect_value(vmm, "dirty, looked up page by page", dirty, each.dirty);
	return 0;
}

static int step_accessed_dirty(struct tinyvmm *vmm)
{
	static const unsigned int read[] = { 1, 4, 5 }, written[] = { 4, 9, 15 };
	struct page *page;
	u64 accessed = 0, dirty = 0;
	unsigned int i;
	int err;

	if (!(vmm->config.features & EPT_FEATURE_AD)) {
		tinyvmm_skip(vmm, "this CPU has no accessed and dirty flags");
		return 0;
	}
	page = tinyvmm_map_fresh(vmm, GUEST_STEP_F, FLAGS_ORDER, &EPT_ATTRS_RAM);
	if (IS_ERR(page))
		return PTR_ERR(page);
	err = expect_flags(vmm, 0, 0);
	if (err)
		return err;

	for (i = 0; i < ARRAY_SIZE(read); i++) {
		tinyvmm_read(vmm, GUEST_STEP_F + read[i] * PAGE_SIZE);
		accessed |= BIT_ULL(read[i]);
	}
	for (i = 0; i < ARRAY_SIZE(written); i++) {
		tinyvmm_write(vmm, GUEST_STEP_F + written[i] * PAGE_SIZE, NEW_VALUE);
		accessed |= BIT_ULL(written[i]);
		dirty |= BIT_ULL(written[i]);
	}
	return expect_flags(vmm, accessed, dirty);
}

/*
 * (g) Unmapping: unmap, flush, and only then the memory may go to someone else.
 */
static int step_unmap(struct tinyvmm *vmm)
{
	const u64 gpa = GUEST_STEP_G + OFFSET;
	struct ept_gather gather;
	struct page *page;
	int err;

	page = tinyvmm_map_fresh(vmm, GUEST_STEP_G, 0, &EPT_ATTRS_RAM);
	if (IS_ERR(page))
		return PTR_ERR(page);
	words(page)[WORD] = OLD_VALUE;
	tinyvmm_read(vmm, gpa);
	tinyvmm_expect_result(vmm, "a read of a mapped page", OLD_VALUE);

	ept_gather_init(&gather, vmm->ept);
	err = ept_unmap(vmm->ept, GUEST_STEP_G, PAGE_SIZE, &gather);
	ept_gather_flush(&gather);
	if (err)
		return err;
	tinyvmm_free(vmm, page);

	tinyvmm_read(vmm, gpa);
	tinyvmm_expect_violation(vmm, "the same once it is unmapped", EPT_PROT_READ, gpa,
				 EPT_PROT_NONE);
	return 0;
}

/*
 * All of them
 */
static const struct {
	const char *title;
	int (*run)(struct tinyvmm *vmm);
} steps[] = {
	{ "running code from a mapped page",	step_run },
	{ "mapping on demand",			step_demand },
	{ "write protection",			step_protect },
	{ "execute-only memory",		step_exec_only },
	{ "2M leaves, and splitting one",	step_large },
	{ "accessed and dirty flags",		step_accessed_dirty },
	{ "unmapping",				step_unmap },
	{ "memory that is populated when used",	tinyvmm_step_lazy },
	{ "dirty pages, round by round",	tinyvmm_step_dirty_rounds },
	{ "merging into a 2M leaf",		tinyvmm_step_merge },
	{ "remapping beside a running CPU",	tinyvmm_step_remap },
	{ "#VE, delivered and suppressed",	tinyvmm_step_ve },
	{ "switching tables with VMFUNC",	tinyvmm_step_vmfunc },
};

void tinyvmm_run_steps(struct tinyvmm *vmm)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		vmm->report.step = 'a' + i;
		pr_info("(%c) %s\n", vmm->report.step, steps[i].title);
		err = steps[i].run(vmm);
		if (err)
			report_error(&vmm->report, "the VMM's own calls", err);
	}
}
