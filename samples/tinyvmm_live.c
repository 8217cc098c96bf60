// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: the steps with tables that change while a guest works: populated, harvested, merged,
 * remapped. As in tinyvmm_steps.c, each is what a VMM does with ept in one situation.
 */
#define pr_fmt(fmt) "tinyvmm: " fmt

#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "tinyvmm.h"

/*
 * (h) A fault path: memory gets its mappings when the guest first uses it.
 */

/* The page is there already where another CPU of the guest faulted on it, too, and was faster. */
static int populate(struct tinyvmm *vmm, u64 gpa)
{
	const phys_addr_t hpa = page_to_phys(vmm->lazy) + (gpa - GUEST_STEP_H);
	int err;

	err = ept_map(vmm->ept, gpa & PAGE_MASK, hpa & PAGE_MASK, PAGE_SIZE, &EPT_ATTRS_RAM);
	return err == -EEXIST ? 0 : err;
}

static bool wants_population(struct tinyvmm *vmm)
{
	return vmm->vcpu.exit.reason == EXIT_REASON_EPT_VIOLATION &&
	       vmm->vcpu.exit.gpa - GUEST_STEP_H < SZ_2M;
}

/* Each page holds its own address then. */
static unsigned int count_filled(struct page *page)
{
	unsigned int i, filled = 0;

	for (i = 0; i < LARGE_PAGES; i++)
		filled += words(page + i)[0] == GUEST_STEP_H + i * PAGE_SIZE;
	return filled;
}

int tinyvmm_step_lazy(struct tinyvmm *vmm)
{
	struct ept_stats before, after;
	unsigned int populated = 0;
	int err;

	vmm->lazy = tinyvmm_alloc(vmm, LARGE_ORDER);
	if (!vmm->lazy) {
		tinyvmm_skip(vmm, "there aren't 2M of contiguous memory to be had");
		return 0;
	}
	ept_get_stats(vmm->ept, &before);
	tinyvmm_call(vmm, GUEST_CODE, tinyvmm_program_fill, GUEST_STEP_H, LARGE_PAGES);
	while (wants_population(vmm)) {
		err = populate(vmm, vmm->vcpu.exit.gpa);
		if (err)
			return err;
		populated++;
		tinyvmm_resume(vmm);
	}
	ept_get_stats(vmm->ept, &after);
	tinyvmm_expect_result(vmm, "where the guest's writes ended", GUEST_STEP_H + SZ_2M);
	tinyvmm_expect_count(vmm, "pages populated by faults", LARGE_PAGES, populated);
	tinyvmm_expect_count(vmm, "4K leaves", before.leaves[EPT_4K] + LARGE_PAGES,
			     after.leaves[EPT_4K]);
	tinyvmm_expect_count(vmm, "flushes for it", 0, after.flushes - before.flushes);
	tinyvmm_expect_count(vmm, "pages with what the guest wrote", LARGE_PAGES,
			     count_filled(vmm->lazy));
	return 0;
}

/*
 * (i) Dirty pages, as a live migration or a snapshot collects them: what was written since the
 * last round. The flush comes before the pages are read: until then a CPU may write without
 * telling.
 */
#define ROUND_ORDER	4
#define ROUND_PAGES	BIT(ROUND_ORDER)

static int dirty_round(struct tinyvmm *vmm, const char *what, unsigned long written)
{
	DECLARE_BITMAP(dirty, ROUND_PAGES) = {};
	struct ept_gather gather;
	unsigned int page;
	int err;

	for_each_set_bit(page, &written, ROUND_PAGES)
		tinyvmm_write(vmm, GUEST_STEP_I + page * PAGE_SIZE + OFFSET, NEW_VALUE);

	ept_gather_init(&gather, vmm->ept);
	err = ept_harvest_dirty(vmm->ept, GUEST_STEP_I, ROUND_PAGES * PAGE_SIZE, dirty, false,
				&gather);
	ept_gather_flush(&gather);
	if (err)
		return err;
	tinyvmm_expect_value(vmm, what, written, dirty[0]);
	return 0;
}

int tinyvmm_step_dirty_rounds(struct tinyvmm *vmm)
{
	struct page *page;
	int err;

	if (!(vmm->config.features & EPT_FEATURE_AD)) {
		tinyvmm_skip(vmm, "this CPU has no accessed and dirty flags");
		return 0;
	}
	page = tinyvmm_map_fresh(vmm, GUEST_STEP_I, ROUND_ORDER, &EPT_ATTRS_RAM);
	if (IS_ERR(page))
		return PTR_ERR(page);
	err = dirty_round(vmm, "pages dirty in the first round, as a bitmap", 0x800f);
	if (!err)
		err = dirty_round(vmm, "in the second", 0x0ff0);
	if (!err)
		err = dirty_round(vmm, "in the third, without writes", 0);
	if (!err)
		err = dirty_round(vmm, "in the fourth, some of the same", 0x0011);
	return err;
}

/*
 * (j) Merging: once pages need no longer be told apart, one large leaf does for 512 small ones.
 * The merge flushes by itself.
 */
static int use_merged(struct tinyvmm *vmm)
{
	const u64 first = GUEST_STEP_H + 77 * PAGE_SIZE, second = first + PAGE_SIZE;
	struct ept_mapping mapping;
	int err;

	err = ept_lookup(vmm->ept, GUEST_STEP_H + PAGE_SIZE, &mapping);
	if (err)
		return err;
	tinyvmm_expect_value(vmm, "size of the leaf", SZ_2M, mapping.size);
	tinyvmm_expect_value(vmm, "its memory", page_to_phys(vmm->lazy), mapping.hpa);
	if (vmm->config.features & EPT_FEATURE_AD)
		tinyvmm_expect_yes(vmm, "whether it is dirty, as its pages were", mapping.dirty);

	tinyvmm_read(vmm, first);
	tinyvmm_expect_result(vmm, "a read through it", first);
	tinyvmm_write(vmm, second, NEW_VALUE);
	tinyvmm_expect_result(vmm, "a write through it", NEW_VALUE);
	tinyvmm_expect_value(vmm, "what it left in memory", NEW_VALUE, words(vmm->lazy + 78)[0]);
	return 0;
}

int tinyvmm_step_merge(struct tinyvmm *vmm)
{
	int made;

	if (!vmm->lazy || vmm->config.max_leaf < EPT_2M) {
		tinyvmm_skip(vmm, "no 2M leaves here");
		return 0;
	}
	made = ept_merge(vmm->ept, GUEST_STEP_H, SZ_2M, EPT_2M);
	if (made < 0)
		return made;
	tinyvmm_expect_count(vmm, "leaves made by the merge", 1, made);
	return use_merged(vmm);
}

/*
 * (k) Remapping a page that another CPU of the guest is using. That CPU counts in the page,
 * without pause. When the flush is done, its counting has moved to the new page, and the old
 * one is the VMM's.
 */
#define REMAP_ROUNDS	8
#define GO_ON		OLD_VALUE
#define STOP		NEW_VALUE

struct other_cpu {
	struct work_struct	work;
	struct vcpu		vcpu;
	int			err;
};

/* In a page that the program 'watch' runs on. */
static u64 count_in(struct page *page)
{
	return READ_ONCE(words(page)[1]);
}

static void run_other_cpu(struct work_struct *work)
{
	struct other_cpu *other = container_of(work, struct other_cpu, work);

	other->err = tinyvmm_create_vcpu(&other->vcpu);
	if (other->err)
		return;
	tinyvmm_start(&other->vcpu, GUEST_CODE, tinyvmm_program_watch, GUEST_STEP_K, GO_ON);
	tinyvmm_run(&other->vcpu);
	vcpu_destroy(&other->vcpu);
}

static bool wait_for_counting(struct page *page)
{
	const unsigned long end = jiffies + 5 * HZ;
	const u64 start = count_in(page);

	while (count_in(page) < start + 100) {
		if (time_after(jiffies, end))
			return false;
		cond_resched();
	}
	return true;
}

/* @stale: how often the old page was counted in after the flush, added up. */
static int remap_to(struct tinyvmm *vmm, struct page *old, struct page *new, u64 *stale)
{
	struct ept_gather gather;
	u64 count;
	int err;

	ept_gather_init(&gather, vmm->ept);
	err = ept_remap(vmm->ept, GUEST_STEP_K, page_to_phys(new), PAGE_SIZE, &EPT_ATTRS_RAM,
			&gather);
	ept_gather_flush(&gather);
	if (err)
		return err;

	count = count_in(old);
	if (!wait_for_counting(new))
		return -ETIMEDOUT;
	*stale += count_in(old) - count;
	return 0;
}

static int remap_rounds(struct tinyvmm *vmm, struct page *page[2])
{
	struct ept_stats before, after;
	u64 stale = 0;
	int err = 0, i;

	if (!wait_for_counting(page[0]))
		return -ETIMEDOUT;
	ept_get_stats(vmm->ept, &before);
	for (i = 0; i < REMAP_ROUNDS && !err; i++)
		err = remap_to(vmm, page[i % 2], page[(i + 1) % 2], &stale);
	if (err)
		return err;
	ept_get_stats(vmm->ept, &after);
	tinyvmm_expect_count(vmm, "flushes", REMAP_ROUNDS, after.flushes - before.flushes);
	tinyvmm_expect_count(vmm, "writes to an old page after its flush", 0, stale);
	return 0;
}

static int remap_beside(struct tinyvmm *vmm, struct other_cpu *other, struct page *page[2])
{
	const unsigned int cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	int err;

	INIT_WORK_ONSTACK(&other->work, run_other_cpu);
	queue_work_on(cpu, system_long_wq, &other->work);
	err = remap_rounds(vmm, page);

	/* The guest looks into the one that is mapped, and ends. */
	WRITE_ONCE(words(page[0])[0], STOP);
	WRITE_ONCE(words(page[1])[0], STOP);
	flush_work(&other->work);
	destroy_work_on_stack(&other->work);
	return other->err ? other->err : err;
}

int tinyvmm_step_remap(struct tinyvmm *vmm)
{
	struct other_cpu other = { .vcpu.ept = vmm->ept };
	struct page *page[2];
	int err, i;

	if (num_online_cpus() < 2) {
		tinyvmm_skip(vmm, "there is one CPU only");
		return 0;
	}
	page[0] = tinyvmm_map_fresh(vmm, GUEST_STEP_K, 0, &EPT_ATTRS_RAM);
	if (IS_ERR(page[0]))
		return PTR_ERR(page[0]);
	page[1] = tinyvmm_alloc(vmm, 0);
	if (!page[1])
		return -ENOMEM;
	for (i = 0; i < 2; i++)
		words(page[i])[0] = GO_ON;

	err = remap_beside(vmm, &other, page);
	if (err)
		return err;
	tinyvmm_expect_value(vmm, "why the other CPU left its guest (VMCALL)", EXIT_REASON_VMCALL,
			     other.vcpu.exit.reason);
	tinyvmm_expect_value(vmm, "what it brought along", STOP, other.vcpu.regs[VMX_RAX]);
	return 0;
}
