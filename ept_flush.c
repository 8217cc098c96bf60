// SPDX-License-Identifier: GPL-2.0
/*
 * Who may hold stale translations, and when dead tables may go: changes and the invalidations that
 * cover them, the gather, interrupts to the CPUs that run a guest. Which change asks for a flush is
 * ept_pte_needs_invept()'s to say.
 */
#define pr_fmt(fmt) "ept: " fmt

#include <linux/printk.h>
#include <linux/smp.h>

#include "ept_op.h"
#include "ept_trace.h"

#ifdef EPT_KUNIT_HOOKS
struct ept_hooks ept_hooks;
EXPORT_SYMBOL_IF_KUNIT(ept_hooks);
#endif

/*
 * A CPU is behind while its generation isn't the table's. To run a guest it first says so, and then
 * looks at the generation; a flush first moves the generation, and then looks who runs. So one of
 * both sees the other.
 */

/* This CPU's first load or map: from now on it is looked at. */
void ept_cpu_appears(struct ept *ept, struct ept_cpu *cpu)
{
	unsigned long flags;

	/* An interrupt may load, too. */
	local_irq_save(flags);
	if (!cpu->listed) {
		cpu->next = READ_ONCE(ept->first_cpu);
		/* A full barrier: who looks before is done with what this CPU sees next. */
		while (!try_cmpxchg(&ept->first_cpu, &cpu->next, cpu))
			;
		cpu->listed = true;
	}
	local_irq_restore(flags);
}

static int invept(u64 pointer, bool global)
{
	if (ept_hooks.invept)
		return ept_hooks.invept(pointer, global);
	return global ? ept_invept_global() : ept_invept_context(pointer);
}

static int run_invept(const struct ept *ept)
{
	const int err = invept(ept->pointer, false);

	/* A CPU without single-context INVEPT refuses it. */
	return err == -EINVAL ? invept(0, true) : err;
}

/* On a CPU that counts as running */
static int catch_up(struct ept *ept, struct ept_cpu *cpu)
{
	const u64 generation = atomic64_read(&ept->generation);
	int err = 0;

	if (cpu->seen != generation)
		err = run_invept(ept);
	if (!err)
		cpu->seen = generation;
	return err;
}

/**
 * struct shootdown - CPUs that are to catch up
 * @gathers: with their tables
 * @nr: how many
 * @err: of a CPU that could not
 */
struct shootdown {
	struct ept_gather	**gathers;
	unsigned int		nr;
	int			err;
};

static bool runs(const struct ept_cpu *cpu)
{
	return READ_ONCE(cpu->running);
}

static bool anyone_runs(const struct ept *ept)
{
	for (const struct ept_cpu *cpu = READ_ONCE(ept->first_cpu); cpu; cpu = cpu->next)
		if (runs(cpu))
			return true;
	return false;
}

static bool is_to_catch_up(int cpu, void *arg)
{
	const struct shootdown *shootdown = arg;

	for (unsigned int i = 0; i < shootdown->nr; i++) {
		const struct ept_gather *gather = shootdown->gathers[i];

		if (gather->owes && runs(&gather->ept->cpus[cpu]))
			return true;
	}
	return false;
}

static void catch_up_all(void *arg)
{
	struct shootdown *shootdown = arg;

	for (unsigned int i = 0; i < shootdown->nr; i++) {
		struct ept *ept = shootdown->gathers[i]->ept;
		struct ept_cpu *cpu = shootdown->gathers[i]->owes ? ept_this_cpu(ept) : NULL;
		int err;

		if (!cpu || !cpu->running)
			continue;
		if (in_hardirq())
			atomic64_inc(&ept->interrupts);
		err = catch_up(ept, cpu);
		if (err)
			WRITE_ONCE(shootdown->err, err);
	}
}

/* Interrupts who runs, if anybody does: only that takes a context where one may wait for CPUs. */
static int shoot_down(struct ept_gather **gathers, unsigned int nr)
{
	struct shootdown shootdown = { .gathers = gathers, .nr = nr };
	bool any = false;

	for (unsigned int i = 0; i < nr; i++)
		any |= gathers[i]->owes && anyone_runs(gathers[i]->ept);
	if (any)
		on_each_cpu_cond(is_to_catch_up, catch_up_all, &shootdown, true);
	if (unlikely(shootdown.err))
		pr_warn_once("a CPU that runs a guest cannot run INVEPT: %d\n", shootdown.err);
	return shootdown.err;
}

/*
 * Changes are numbered. An invalidation covers those that were there when it began, whoever made
 * them. So a flush asks whether one that is over covers all, and invalidates if none does: when it
 * returns, no CPU can use what any call before it was asked to take away.
 */

static void begin_invalidation(struct ept_gather *gather)
{
	struct ept *ept = gather->ept;
	u64 generation;

	/* With the number come the entries. */
	gather->change = smp_load_acquire(&ept->changes);
	/* A full barrier: entries were written before, who is running is read after. */
	generation = atomic64_inc_return(&ept->generation);
	ept_trace(ept_flush, ept, generation);
	atomic64_inc(&ept->flushes);
}

/* What was changed up to the gather's number is covered now. */
static void end_invalidation(const struct ept_gather *gather)
{
	atomic64_t *flushed = &gather->ept->flushed;
	s64 before = atomic64_read(flushed);

	while (before < (s64)gather->change &&
	       !atomic64_try_cmpxchg_release(flushed, &before, gather->change))
		;
}

/* Of its table: the others are covered by what this one causes. */
static bool is_first(struct ept_gather **gathers, unsigned int i)
{
	for (unsigned int j = 0; j < i; j++)
		if (gathers[j]->ept == gathers[i]->ept)
			return false;
	return true;
}

static bool has_own_way(const struct ept *ept)
{
	return ept->config.ops && ept->config.ops->invalidate;
}

/* For the gathers that owe. One round of interrupts serves all that take the module's way. */
static void invalidate(struct ept_gather **gathers, unsigned int nr)
{
	int err;

	for (unsigned int i = 0; i < nr; i++) {
		struct ept_gather *gather = gathers[i];
		const struct ept_config *config;

		if (!gather->owes || !is_first(gathers, i))
			continue;
		begin_invalidation(gather);
		if (!has_own_way(gather->ept))
			continue;
		config = &gather->ept->config;
		config->ops->invalidate(gather->ept, config->cookie);
		end_invalidation(gather);
		gather->owes = false;
	}
	err = shoot_down(gathers, nr);
	for (unsigned int i = 0; i < nr; i++)
		if (gathers[i]->owes && !err)
			end_invalidation(gathers[i]);
}

/*
 * The gather
 */

void ept_gather_init(struct ept_gather *gather, struct ept *ept)
{
	if (gather)
		*gather = (struct ept_gather){ .ept = ept };
}
EXPORT_SYMBOL_EPT(ept_gather_init);

/* CPUs set accessed and dirty in what was merged until the flush, and no more. */
static void fold_merged(struct ept_gather *gather)
{
	struct ept *ept = gather->ept;

	ept_lock(ept);
	ept_fold_merged(ept, gather->merged);
	list_del(&gather->node);
	ept_unlock(ept);
	ept_table_join_retired(&gather->dead, gather->merged);
	gather->merged = NULL;
}

/* A CPU that refused to invalidate may walk these until the table is destroyed. */
static void keep_stuck(struct ept *ept, struct page *dead)
{
	struct page *stuck = NULL;

	do
		ept_table_join_retired(&dead, xchg(&ept->stuck, NULL));
	while (cmpxchg(&ept->stuck, stuck, dead) != stuck);
}

/*
 * The only place that frees what was linked: the operation unhooked it, whoever calls here
 * invalidated, free.
 */
static void release(struct ept_gather *gather)
{
	struct page *dead;

	if (gather->merged)
		fold_merged(gather);
	dead = gather->dead;
	gather->dead = NULL;
	if (!dead)
		return;
	if (likely(atomic64_read(&gather->ept->flushed) >= (s64)gather->change))
		ept_table_free_retired(dead);
	else
		keep_stuck(gather->ept, dead);
}

static void flush_all(struct ept_gather **gathers, unsigned int nr)
{
	bool due = false;

	/* Backwards: of one that is named twice the first place decides. */
	for (unsigned int i = nr; i--;) {
		const struct ept *ept = gathers[i]->ept;

		gathers[i]->owes = !IS_ERR_OR_NULL(ept) && ept_is_due(ept) && is_first(gathers, i);
		due |= gathers[i]->owes;
	}
	if (due)
		invalidate(gathers, nr);
	for (unsigned int i = 0; i < nr; i++)
		release(gathers[i]);
}

void ept_gather_flush_all(struct ept_gather **gathers, unsigned int nr)
{
	for (unsigned int first = 0, end = 0; gathers && end < nr; first = ++end) {
		while (end < nr && gathers[end])
			end++;
		flush_all(gathers + first, end - first);
	}
}
EXPORT_SYMBOL_EPT(ept_gather_flush_all);

void ept_gather_flush(struct ept_gather *gather)
{
	if (gather)
		flush_all(&gather, 1);
}
EXPORT_SYMBOL_EPT(ept_gather_flush);

void ept_gather_free(struct ept_gather *gather)
{
	if (!gather || IS_ERR_OR_NULL(gather->ept))
		return;
	end_invalidation(gather);
	release(gather);
}
EXPORT_SYMBOL_EPT(ept_gather_free);

int ept_gather_splice(struct ept_gather *to, struct ept_gather *from)
{
	if (!to || !from || to == from || IS_ERR_OR_NULL(to->ept) || to->ept != from->ept)
		return -EINVAL;
	to->change = max(to->change, from->change);
	ept_table_join_retired(&to->dead, from->dead);
	if (from->merged) {
		ept_lock(to->ept);
		if (!to->merged)
			list_add(&to->node, &to->ept->unfolded);
		list_del(&from->node);
		ept_table_join_retired(&to->merged, from->merged);
		ept_unlock(to->ept);
	}
	ept_gather_init(from, to->ept);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_gather_splice);

int ept_gather_defer(struct ept_gather *gather)
{
	if (!gather || IS_ERR_OR_NULL(gather->ept) || gather->merged)
		return -EINVAL;
	ept_table_defer_retired(&gather->ept->deferred, gather->dead);
	ept_gather_init(gather, gather->ept);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_gather_defer);

void ept_reap(struct ept *ept)
{
	struct ept_gather gather;

	if (IS_ERR_OR_NULL(ept))
		return;
	ept_gather_init(&gather, ept);
	/* First: a change that unlinked one of these was numbered before it was deferred. */
	gather.dead = ept_table_collect_retired(&ept->deferred);
	ept_gather_flush(&gather);
}
EXPORT_SYMBOL_EPT(ept_reap);

void ept_flush(struct ept *ept)
{
	struct ept_gather all = { .ept = ept, .owes = true }, *gather = &all;

	if (!IS_ERR_OR_NULL(ept))
		invalidate(&gather, 1);
}
EXPORT_SYMBOL_EPT(ept_flush);

/*
 * A table is about to be destroyed. Another one may get its root, and with it what CPUs cached: for
 * the module's own way that one is behind on every CPU, other ways have to be told now.
 */
void ept_flush_release(struct ept *ept)
{
	WARN_ON_ONCE(anyone_runs(ept));
	if (has_own_way(ept))
		ept_flush(ept);
	ept_table_free_retired(ept->stuck);
	ept_table_free_retired(ept_table_collect_retired(&ept->deferred));
}

/*
 * Running a guest
 */

int ept_vcpu_load(struct ept *ept)
{
	struct ept_cpu *cpu;
	int err;

	if (IS_ERR_OR_NULL(ept))
		return 0;
	lockdep_assert_preemption_disabled();
	cpu = ept_this_cpu(ept);
	if (unlikely(!cpu->listed))
		ept_cpu_appears(ept, cpu);
	WRITE_ONCE(cpu->running, cpu->running + 1);
	/* Pairs with the barrier in begin_invalidation(). */
	smp_mb();
	err = catch_up(ept, cpu);
	if (err)
		WRITE_ONCE(cpu->running, cpu->running - 1);
	return err;
}
EXPORT_SYMBOL_EPT(ept_vcpu_load);

void ept_vcpu_put(struct ept *ept)
{
	struct ept_cpu *cpu;

	if (IS_ERR_OR_NULL(ept))
		return;
	lockdep_assert_preemption_disabled();
	cpu = ept_this_cpu(ept);
	/* Without a load there is nothing to put. */
	if (cpu->running)
		WRITE_ONCE(cpu->running, cpu->running - 1);
}
EXPORT_SYMBOL_EPT(ept_vcpu_put);
