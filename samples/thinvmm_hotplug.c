// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: memory that comes and goes. What is about to come online is mapped in both tables, so
 * that it can be watched. What is watched doesn't go: the system would forget it, and have it again
 * unwatched. The step table keeps what went: nobody uses it.
 */
#include <linux/memory.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <linux/printk.h>

#include "thinvmm.h"

struct memory_range {
	u64 gpa, end;
};

static int map_in_step(void *arg, struct ept_gather *gather)
{
	const struct memory_range *range = arg;
	struct ept_mapping mapping;
	u64 gpa = range->gpa;
	int err;

	while (gpa < range->end) {
		err = ept_map_host_leaf(thinvmm.step, gpa, EPT_1G, &EPT_ATTRS_RAM, &thinvmm.mtrr);
		if (err && err != -EEXIST)
			return err;
		err = ept_lookup(thinvmm.step, gpa, &mapping);
		if (err)
			return err;
		gpa = mapping.gpa + mapping.size;
	}
	return 0;
}

static int tell_ept(unsigned long action, const struct memory_notify *memory)
{
	int err;

	thinvmm_lock_ept();
	err = ept_host_memory_event(thinvmm.ept, &EPT_ATTRS_RAM, &thinvmm.mtrr, action, memory);
	thinvmm_unlock_ept();
	return err;
}

static int comes(const struct memory_notify *memory)
{
	struct memory_range range = {
		.gpa = PFN_PHYS(memory->start_pfn),
		.end = PFN_PHYS(memory->start_pfn + memory->nr_pages),
	};
	int err;

	err = thinvmm_change_step(map_in_step, &range, range.end - range.gpa);
	if (!err)
		err = thinvmm_reserve(range.end - range.gpa);
	return err ?: tell_ept(MEM_GOING_ONLINE, memory);
}

/* Until it is decided, nobody begins to watch it. */
static int may_go(const struct memory_notify *memory)
{
	const u64 gpa = PFN_PHYS(memory->start_pfn), size = PFN_PHYS(memory->nr_pages);

	if (thinvmm_is_watched(gpa, size))
		return -EBUSY;
	thinvmm.going = gpa;
	thinvmm.going_size = size;
	return 0;
}

/* What is over can't be refused, and who comes after has to hear of it. */
static int went(const struct memory_notify *memory)
{
	int err = thinvmm_reserve(PFN_PHYS(memory->nr_pages)) ?: tell_ept(MEM_OFFLINE, memory);

	if (err)
		pr_warn("thinvmm: offline memory is still mapped: %d\n", err);
	return 0;
}

static int handle(unsigned long action, const struct memory_notify *memory)
{
	if (action == MEM_OFFLINE || action == MEM_CANCEL_OFFLINE)
		thinvmm.going_size = 0;
	switch (action) {
	case MEM_GOING_ONLINE:
		return comes(memory);
	case MEM_GOING_OFFLINE:
		return may_go(memory);
	case MEM_OFFLINE:
		return went(memory);
	default:
		return 0;
	}
}

int thinvmm_memory_event(unsigned long action, void *memory)
{
	int err;

	mutex_lock(&thinvmm.mutex);
	err = handle(action, memory);
	mutex_unlock(&thinvmm.mutex);
	return notifier_from_errno(err);
}

static int memory_event(struct notifier_block *block, unsigned long action, void *memory)
{
	return thinvmm_memory_event(action, memory);
}

static struct notifier_block memory_block = { .notifier_call = memory_event };

int thinvmm_hotplug_begin(void)
{
	return register_memory_notifier(&memory_block);
}

void thinvmm_hotplug_end(void)
{
	unregister_memory_notifier(&memory_block);
}
