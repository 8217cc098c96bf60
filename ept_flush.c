// SPDX-License-Identifier: GPL-2.0
/*
 * Who may hold stale translations, and when dead tables may go: the gather, generations, interrupts
 * to the CPUs that run a guest. Which change asks for a flush is ept_pte_needs_invept()'s to say.
 */
#include <linux/smp.h>

#include "ept_priv.h"
#include "ept_trace.h"

#if IS_ENABLED(CONFIG_KUNIT)
u64 ept_overlook;
EXPORT_SYMBOL_IF_KUNIT(ept_overlook);
#endif

/*
 * A CPU is behind while its generation isn't the table's. To run a guest it first says so, and then
 * looks at the generation; a flush first moves the generation, and then looks who runs. So one of
 * both sees the other.
 */

/* On a CPU that counts as running */
static void catch_up(struct ept *ept, struct ept_cpu *cpu)
{
	const u64 generation = atomic64_read(&ept->generation);

	if (cpu->seen == generation)
		return;
	/* A CPU without single-context INVEPT refuses it. */
	if (ept_invept_context(ept->pointer) && ept_invept_global())
		return;
	cpu->seen = generation;
}

static bool cpu_runs(int cpu, void *arg)
{
	struct ept *ept = arg;

	if (!READ_ONCE(per_cpu_ptr(ept->cpus, cpu)->running))
		return false;
	if (cpu != smp_processor_id())
		atomic64_inc(&ept->interrupts);
	return true;
}

static void interrupt_cpu(void *arg)
{
	struct ept *ept = arg;
	struct ept_cpu *cpu = this_cpu_ptr(ept->cpus);

	if (cpu->running)
		catch_up(ept, cpu);
}

static bool any_cpu_runs(struct ept *ept)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (READ_ONCE(per_cpu_ptr(ept->cpus, cpu)->running))
			return true;
	return false;
}

static void invalidate(struct ept *ept)
{
	/* A full barrier: entries were written before, who is running is read after. */
	const u64 generation = atomic64_inc_return(&ept->generation);

	atomic64_inc(&ept->flushes);
	trace_ept_flush(ept->pointer, generation);
	if (ept->ops && ept->ops->invalidate)
		ept->ops->invalidate(ept, ept->cookie);
	else if (any_cpu_runs(ept))
		on_each_cpu_cond(cpu_runs, interrupt_cpu, ept, true);
}

void ept_gather_init(struct ept_gather *gather, struct ept *ept)
{
	if (gather)
		*gather = (struct ept_gather){ .ept = ept };
}
EXPORT_SYMBOL_EPT(ept_gather_init);

/* Announces what is due, and leaves the unlinked tables in the gather. */
void ept_gather_invalidate(struct ept_gather *gather)
{
	if (!gather->flush)
		return;
	invalidate(gather->ept);
	gather->flush = false;
	if (gather->own)
		atomic_dec_return_release(&gather->ept->flushing);
}

/*
 * What a call found may be what another one did, whose flush is yet to be done. Who sees it done
 * sees all of it done: pairs with the release above. Tables without a flush that is due are those
 * of a merge, which has just invalidated.
 */
static bool beaten(const struct ept_gather *gather)
{
	return !IS_ERR_OR_NULL(gather->ept) && !gather->flush &&
	       atomic_read_acquire(&gather->ept->flushing) && !gather->dead;
}

/* The only place that frees what was linked: the operation unhooked it, invalidate, free. */
void ept_gather_flush(struct ept_gather *gather)
{
	struct page *dead;

	if (!gather)
		return;
	if (unlikely(beaten(gather)))
		invalidate(gather->ept);
	ept_gather_invalidate(gather);
	dead = gather->dead;
	gather->dead = NULL;
	ept_table_free_retired(dead);
}
EXPORT_SYMBOL_EPT(ept_gather_flush);

void ept_flush(struct ept *ept)
{
	if (!IS_ERR_OR_NULL(ept))
		invalidate(ept);
}
EXPORT_SYMBOL_EPT(ept_flush);

void ept_vcpu_load(struct ept *ept)
{
	struct ept_cpu *cpu;

	if (IS_ERR_OR_NULL(ept))
		return;
	lockdep_assert_preemption_disabled();
	cpu = this_cpu_ptr(ept->cpus);
	WRITE_ONCE(cpu->running, cpu->running + 1);
	/* Pairs with the barrier in invalidate(). */
	smp_mb();
	catch_up(ept, cpu);
}
EXPORT_SYMBOL_EPT(ept_vcpu_load);

void ept_vcpu_put(struct ept *ept)
{
	struct ept_cpu *cpu;

	if (IS_ERR_OR_NULL(ept))
		return;
	lockdep_assert_preemption_disabled();
	cpu = this_cpu_ptr(ept->cpus);
	if (!WARN_ON_ONCE(!cpu->running))
		WRITE_ONCE(cpu->running, cpu->running - 1);
}
EXPORT_SYMBOL_EPT(ept_vcpu_put);
