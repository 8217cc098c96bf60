// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: the system's memory. Two tables map what the host has, gpa = hpa, with the types of its
 * MTRRs: the system runs on one of them, in which watches take rights away, and which may be
 * changed at any time. The other has all rights: an instruction that the first one stopped runs on
 * it, alone, and what this CPU does then no other CPU sees. Hidden pages are hidden in both.
 *
 * Who changes what, and where:
 *
 * - Changes of one call are made in root, which no table stops and nothing interrupts: faults there
 *   and then, all others by a call to root (thinvmm_change()). Both tables are atomic ones.
 * - What flushes by itself, merging and mapping the host, is the system's, as flushes are: each CPU
 *   has to run INVEPT, in a call to root, and a CPU in root waits for nobody. For that time the
 *   system holds the bit 'busy', and so a fault only tries for it: if it doesn't get it, the
 *   instruction runs on the other table, which is always possible. That one's bit only root holds.
 * - Reserves are filled by the system, and root takes from them without a lock. Root wakes nobody,
 *   so the system looks from time to time what faults have left. They can do without.
 * - A CPU in root takes the interrupt of a flush when it has left, so that nothing that root looks
 *   at is freed under it.
 */
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "thinvmm.h"

#define RESERVE_MAX	SZ_1M	/* tables: beyond this, -ENOMEM is final */

/*
 * Flushing
 */

static void invept_in_root(void *arg)
{
	const u64 eptp = (u64)arg;

	/* A CPU without single-context INVEPT refuses it. */
	if (ept_invept_context(eptp))
		ept_invept_global();
}

/* A CPU that doesn't run the system catches up when it enters. */
static void invalidate_this_cpu(void *arg)
{
	if (this_cpu_read(thinvmm_cpus.running))
		thinvmm_call(invept_in_root, arg);
}

static void invalidate(struct ept *ept, void *cookie)
{
	on_each_cpu(invalidate_this_cpu, (void *)ept_pointer(ept), 1);
}

static const struct ept_ops ops = {
	.invalidate = invalidate,
};

/*
 * Reserves
 */

/* As many tables as a change of a range of @size can take, whatever faults take meanwhile */
static int reserve(struct ept *ept, u64 size)
{
	return ept_reserve(ept, THINVMM_FAULT_TABLES + size / SZ_2M + size / SZ_1G + 8);
}

/* The same for the system's table, where what changes it isn't thinvmm_change() */
int thinvmm_reserve(u64 size)
{
	return reserve(thinvmm.ept, size);
}

static void refill(struct work_struct *unused);
/* Deferrable: an idle system takes no faults. */
static DECLARE_DEFERRABLE_WORK(refill_work, refill);

/* What can't be had now may be had the next time. */
static void refill(struct work_struct *unused)
{
	ept_reserve(thinvmm.ept, THINVMM_FAULT_TABLES);
	ept_reserve(thinvmm.step, THINVMM_FAULT_TABLES);
	schedule_delayed_work(&refill_work, HZ / 10);
}

/*
 * Changes
 */

/* With the mutex held: so one waits for root on another CPU, and not for long. */
void thinvmm_lock_ept(void)
{
	lockdep_assert_held(&thinvmm.mutex);
	thinvmm_wait_lock(&thinvmm.busy);
}

void thinvmm_unlock_ept(void)
{
	thinvmm_unlock(&thinvmm.busy);
}

struct change {
	struct ept		*ept;
	unsigned long		*lock;
	thinvmm_change_fn	change;
	void			*arg;
	int			err;
};

static void change_in_root(void *arg)
{
	struct change *change = arg;
	struct ept_gather gather;

	ept_gather_init(&gather, change->ept);
	thinvmm_wait_lock(change->lock);
	change->err = change->change(change->arg, &gather);
	thinvmm_unlock(change->lock);
	ept_gather_defer(&gather);
}

/* On a CPU that doesn't run the system there is no root, and nothing that a table stops. */
static void call_root(thinvmm_root_fn fn, void *arg)
{
	unsigned long flags;

	local_irq_save(flags);
	if (this_cpu_read(thinvmm_cpus.running))
		thinvmm_call(fn, arg);
	else
		fn(arg);
	local_irq_restore(flags);
}

static int make_change(struct change *change, u64 size)
{
	int err;

	lockdep_assert_held(&thinvmm.mutex);
	err = reserve(change->ept, size);
	if (err)
		return err;
	call_root(change_in_root, change);
	ept_reap(change->ept);
	return change->err;
}

/*
 * Changes the system's table in root, with tables set aside for a range of @size, and flushes. With
 * the mutex held, by a thread that doesn't hold busy: then root may wait for that.
 */
int thinvmm_change(thinvmm_change_fn fn, void *arg, u64 size)
{
	struct change change = {
		.ept = thinvmm.ept, .lock = &thinvmm.busy, .change = fn, .arg = arg,
	};

	return make_change(&change, size);
}

/* The same with the step table */
int thinvmm_change_step(thinvmm_change_fn fn, void *arg, u64 size)
{
	struct change change = {
		.ept = thinvmm.step, .lock = &thinvmm.step_lock, .change = fn, .arg = arg,
	};

	return make_change(&change, size);
}

/*
 * Tables
 */

/* Maps whatever of the host isn't mapped. */
static int map_host(struct ept *ept)
{
	unsigned int tables = 64;
	int err;

	do {
		err = ept_reserve(ept, tables);
		if (err)
			return err;
		thinvmm_lock_ept();
		err = ept_map_host(ept, &EPT_ATTRS_RAM, &thinvmm.mtrr);
		thinvmm_unlock_ept();
		tables *= 2;
	} while ((err == -ENOMEM && tables <= RESERVE_MAX) || err == -EEXIST);
	return err;
}

static struct ept *create_table(const char *name)
{
	struct ept_config config;
	struct ept *ept;
	int err;

	ept_config_from_caps(&config, &thinvmm.caps);
	config.name = name;
	config.flags = EPT_CONFIG_ATOMIC;
	config.ops = &ops;
	ept = ept_create(&config);
	if (IS_ERR(ept))
		return ept;
	mutex_lock(&thinvmm.mutex);
	err = map_host(ept);
	if (!err)
		err = reserve(ept, 0);
	mutex_unlock(&thinvmm.mutex);
	if (!err)
		return ept;
	ept_destroy(ept);
	return ERR_PTR(err);
}

static int read_mtrr(void)
{
	int err = ept_mtrr_read(&thinvmm.mtrr);

	if (err == -ENODEV)
		err = ept_mtrr_uniform(EPT_MT_WB, thinvmm.caps.maxphyaddr, &thinvmm.mtrr);
	return err;
}

void thinvmm_memory_destroy(void)
{
	cancel_delayed_work_sync(&refill_work);
	ept_destroy(thinvmm.ept);
	ept_destroy(thinvmm.step);
	thinvmm.ept = NULL;
	thinvmm.step = NULL;
	free_page(thinvmm.msr_bitmap);
	mmdrop(thinvmm.mm);
}

int thinvmm_memory_create(void)
{
	int err = read_mtrr();

	if (err)
		return err;
	thinvmm.msr_bitmap = get_zeroed_page(GFP_KERNEL);
	if (!thinvmm.msr_bitmap)
		return -ENOMEM;
	thinvmm.mm = current->mm;
	mmgrab(thinvmm.mm);
	thinvmm.step = create_table("thinvmm-step");
	thinvmm.ept = create_table("thinvmm");
	err = PTR_ERR_OR_ZERO(thinvmm.step) ?: PTR_ERR_OR_ZERO(thinvmm.ept);
	if (err)
		thinvmm_memory_destroy();
	else
		refill(NULL);
	return err;
}

/*
 * What watches do
 */

struct shown {
	u64	gpa, end;
	u32	prot;
	u8	tag;
};

static int show(void *arg, struct ept_gather *gather)
{
	const struct shown *shown = arg;
	struct ept_mapping mapping;
	u64 gpa;
	int err;

	for (gpa = shown->gpa; gpa < shown->end; gpa = mapping.gpa + mapping.size) {
		err = ept_lookup(thinvmm.step, gpa, &mapping);
		if (err)
			return err;
		mapping.attrs.prot = shown->prot;
		mapping.attrs.tag = shown->tag;
		err = ept_remap(thinvmm.ept, gpa, mapping.hpa + (gpa - mapping.gpa),
				min(shown->end, mapping.gpa + mapping.size) - gpa, &mapping.attrs,
				gather);
		if (err)
			return err;
	}
	return 0;
}

/* Whether the step table has all of a range: 0, -ENOENT, -ERANGE */
int thinvmm_has(u64 gpa, u64 size)
{
	const u64 end = gpa + size;
	struct ept_mapping mapping;
	int err = 0;

	for (; gpa < end && !err; gpa = mapping.gpa + mapping.size)
		err = ept_lookup(thinvmm.step, gpa, &mapping);
	return err;
}

/*
 * The system gets [gpa, gpa + size) as the step table has it, but with @prot and @tag. -ENOMEM;
 * -ENOENT if that has not all of it, when some of it may have changed.
 */
int thinvmm_show(u64 gpa, u64 size, u32 prot, u8 tag)
{
	struct shown shown = { .gpa = gpa, .end = gpa + size, .prot = prot, .tag = tag };

	return thinvmm_change(show, &shown, size);
}

/* All of it again, with all rights */
int thinvmm_show_all(u64 gpa, u64 size)
{
	return thinvmm_show(gpa, size, EPT_ATTRS_RAM.prot, THINVMM_NO_WATCH);
}

struct replacement {
	u64			gpa;
	phys_addr_t		hpa;
	struct ept_attrs	attrs;
};

static int replace(void *arg, struct ept_gather *gather)
{
	const struct replacement *new = arg;

	return ept_remap(thinvmm.step, new->gpa, new->hpa, PAGE_SIZE, &new->attrs, gather);
}

/* The step table has another page at @gpa, or with @hpa == @gpa its own one again. */
int thinvmm_replace(u64 gpa, phys_addr_t hpa)
{
	struct replacement new = { .gpa = gpa, .hpa = hpa };
	struct ept_mapping mapping;
	int err;

	err = ept_lookup(thinvmm.step, gpa, &mapping);
	if (err)
		return err;
	new.attrs = mapping.attrs;
	return thinvmm_change_step(replace, &new, PAGE_SIZE);
}

/* Added up over all CPUs */
u64 thinvmm_counted(enum thinvmm_counter counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(thinvmm_cpus, cpu).counter[counter]);
	return sum;
}
