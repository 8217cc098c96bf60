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
 * - Reserves are filled by the system, and root takes from them without a lock.
 * - A CPU in root takes the interrupt of a flush when it has left, so that nothing that root looks
 *   at is freed under it.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/smp.h>

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
 * Changes
 */

/* Tables that are there for faults: a region takes one, or on a CPU without 1G leaves more. */
#define FAULT_TABLES	256

/* As many tables as a change of a range of @size can take */
static int reserve(struct ept *ept, u64 size)
{
	return ept_reserve(ept, size / SZ_2M + size / SZ_1G + 8);
}

static bool try_lock(unsigned long *lock)
{
	return !test_and_set_bit_lock(0, lock);
}

static void wait_lock(unsigned long *lock)
{
	while (!try_lock(lock))
		cpu_relax();
}

static void unlock(unsigned long *lock)
{
	clear_bit_unlock(0, lock);
}

/* With the mutex held: so one waits for root on another CPU, and not for long. */
void thinvmm_lock_ept(void)
{
	lockdep_assert_held(&thinvmm.mutex);
	wait_lock(&thinvmm.busy);
}

void thinvmm_unlock_ept(void)
{
	unlock(&thinvmm.busy);
}

struct change {
	thinvmm_change_fn	change;
	void			*arg;
	int			err;
};

static void change_in_root(void *arg)
{
	struct change *change = arg;
	struct ept_gather gather;

	ept_gather_init(&gather, thinvmm.ept);
	wait_lock(&thinvmm.busy);
	change->err = change->change(change->arg, &gather);
	unlock(&thinvmm.busy);
	ept_gather_defer(&gather);
}

/*
 * Changes the system's table in root, with tables set aside for a range of @size, and flushes. With
 * the mutex held, by a thread that doesn't hold busy: then root may wait for that.
 */
int thinvmm_change(thinvmm_change_fn fn, void *arg, u64 size)
{
	struct change change = { .change = fn, .arg = arg };
	int err;

	lockdep_assert_held(&thinvmm.mutex);
	err = reserve(thinvmm.ept, size);
	if (err)
		return err;
	thinvmm_call(change_in_root, &change);
	ept_reap(thinvmm.ept);
	return change.err;
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
	/* For what faults later, in regions of 512G that the resource tree knows nothing of */
	if (!err)
		err = ept_reserve(ept, FAULT_TABLES);
	mutex_unlock(&thinvmm.mutex);
	if (!err)
		return ept;
	ept_destroy(ept);
	return ERR_PTR(err);
}

/*
 * Memory that goes online or went offline. The step table needs none of that: what it has too much
 * nobody uses, and what it lacks is mapped when it is used.
 */
static int memory_event(struct notifier_block *block, unsigned long action, void *memory)
{
	const struct memory_notify *notify = memory;
	int err;

	if (action != MEM_GOING_ONLINE && action != MEM_OFFLINE)
		return NOTIFY_OK;
	mutex_lock(&thinvmm.mutex);
	err = reserve(thinvmm.ept, PFN_PHYS(notify->nr_pages));
	if (!err) {
		thinvmm_lock_ept();
		err = ept_host_memory_event(thinvmm.ept, &EPT_ATTRS_RAM, &thinvmm.mtrr, action,
					    memory);
		thinvmm_unlock_ept();
	}
	mutex_unlock(&thinvmm.mutex);
	/* What is over can't be refused, and who comes after has to hear of it. */
	if (action == MEM_GOING_ONLINE)
		return notifier_from_errno(err);
	if (err)
		pr_warn("thinvmm: memory that went offline is still mapped: %d\n", err);
	return NOTIFY_OK;
}

static struct notifier_block memory_block = { .notifier_call = memory_event };

static int read_mtrr(void)
{
	int err = ept_mtrr_read(&thinvmm.mtrr);

	if (err == -ENODEV)
		err = ept_mtrr_uniform(EPT_MT_WB, thinvmm.caps.maxphyaddr, &thinvmm.mtrr);
	return err;
}

void thinvmm_memory_destroy(void)
{
	unregister_memory_notifier(&memory_block);
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
	if (!err)
		err = register_memory_notifier(&memory_block);
	if (err)
		thinvmm_memory_destroy();
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
	int			err;
};

static void replace_in_root(void *arg)
{
	struct replacement *new = arg;
	struct ept_gather gather;

	ept_gather_init(&gather, thinvmm.step);
	wait_lock(&thinvmm.step_lock);
	new->err = ept_remap(thinvmm.step, new->gpa, new->hpa, PAGE_SIZE, &new->attrs, &gather);
	unlock(&thinvmm.step_lock);
	ept_gather_defer(&gather);
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
	err = reserve(thinvmm.step, PAGE_SIZE);
	if (err)
		return err;
	new.attrs = mapping.attrs;
	thinvmm_call(replace_in_root, &new);
	ept_reap(thinvmm.step);
	return new.err;
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

/*
 * EPT violations, in root
 */

/* What the resource tree doesn't know is mapped when it is used. Root may wait here. */
static void map_in_step(u64 gpa)
{
	int err;

	wait_lock(&thinvmm.step_lock);
	err = ept_map_host_leaf(thinvmm.step, gpa, EPT_1G, &EPT_ATTRS_RAM, &thinvmm.mtrr);
	unlock(&thinvmm.step_lock);
	if (err && err != -EEXIST)
		thinvmm_stop("no table for a page");
}

/* The largest leaf for the hole at @gpa that the step table has something for */
static int map_as_step(u64 gpa)
{
	struct ept_mapping mapping;
	enum ept_level level;
	int err;

	err = ept_lookup(thinvmm.step, gpa, &mapping);
	if (err)
		return err;
	level = mapping.level + 1;
	do {
		const u64 size = SZ_4K << 9 * --level;
		const u64 start = round_down(gpa, size);

		err = ept_map(thinvmm.ept, start, mapping.hpa + (start - mapping.gpa), size,
			      &mapping.attrs);
	} while (err == -EEXIST && level > EPT_4K);
	return err;
}

static bool map_missing(u64 gpa)
{
	int err;

	if (!try_lock(&thinvmm.busy))
		return false;
	err = map_as_step(gpa);
	unlock(&thinvmm.busy);
	return !err;
}

static u32 wanted(const struct ept_violation *violation)
{
	return (violation->read ? EPT_PROT_READ : 0) |
	       (violation->write ? EPT_PROT_WRITE : 0) |
	       (violation->exec ? EPT_PROT_EXEC : 0);
}

/*
 * A right that no watch took was taken for a while, and is given back where it is needed. All of
 * the leaf gets it, so that none is split: that needs no table, and no flush, which root could not
 * do. Whatever it owes goes with the next change.
 */
static bool grant(const struct ept_mapping *mapping)
{
	struct ept_gather gather;
	int err;

	if (!try_lock(&thinvmm.busy))
		return false;
	ept_gather_init(&gather, thinvmm.ept);
	err = ept_protect(thinvmm.ept, mapping->gpa, mapping->size, 0, EPT_ATTRS_RAM.prot, &gather);
	unlock(&thinvmm.busy);
	ept_gather_defer(&gather);
	return !err;
}

/* What the system's table has to do with an access that it stopped */
static enum thinvmm_counter judge(struct thinvmm_cpu *cpu, u64 gpa, u32 access, u64 gla)
{
	struct ept_mapping mapping;

	if (!ept_translate(thinvmm.ept, gpa, access, NULL))
		return THINVMM_SPURIOUS;
	if (ept_lookup(thinvmm.ept, gpa, &mapping))
		return map_missing(gpa) ? THINVMM_MAPPED : THINVMM_DENIED;
	if (mapping.attrs.tag == THINVMM_NO_WATCH)
		return grant(&mapping) ? THINVMM_GRANTED : THINVMM_DENIED;
	if (thinvmm_note(cpu, mapping.attrs.tag, access, gpa, gla))
		return THINVMM_WATCHED;
	return THINVMM_DENIED;
}

void thinvmm_handle_violation(struct thinvmm_cpu *cpu, bool delivering)
{
	const u64 gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	struct ept_violation violation;
	enum thinvmm_counter reason;

	ept_violation_decode(vmcs_read(EXIT_QUALIFICATION), &thinvmm.caps, &violation);
	/* An IRET that faulted has unblocked NMIs already, and will again. */
	if (violation.nmi_unblocking && !delivering)
		vmcs_set_bits(GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI);
	if (ept_translate(thinvmm.step, gpa, 0, NULL))
		map_in_step(gpa);
	/* Then the instruction is on that table already, and now goes on. */
	if (cpu->stepping)
		return;
	reason = judge(cpu, gpa, wanted(&violation),
		       violation.gla_valid ? vmcs_read(GUEST_LINEAR_ADDRESS) : 0);
	thinvmm_count(cpu, reason);
	if (reason == THINVMM_WATCHED || reason == THINVMM_DENIED)
		thinvmm_begin_step(cpu, delivering);
}
