// SPDX-License-Identifier: GPL-2.0
/*
 * A program from its beginning to its end: tables with their models, step by step, and after each
 * one the comparison of module, flat model, model MMU and model TLB.
 */
#include "ept_table.h"
#include "steps.h"
#include "verify.h"

#define FULL		8	/* steps from one comparison of everything to the next */

struct program_counts program_counts;

static void forget(struct fixture *fixture)
{
	tlb_forget(&container_of(fixture, struct machine, fixture)->tlb);
}

static void count_invalidation(struct ept *ept, void *cookie)
{
	struct fixture *fixture = cookie;

	fixture->invalidations++;
	forget(fixture);
}

static struct ept_config config_from(const u8 *bytes)
{
	struct ept_config config = {
		.levels = 4 + (bytes[0] & 1),
		.max_leaf = (bytes[0] >> 1 & 3) % 3,
		.maxphyaddr = 32 + (bytes[1] & 31) % 21,
		.features = bytes[2],
		.flags = bytes[3] & 0x18 ? 0 : bytes[3] & 7,
		.table_memtype = bytes[0] & 8 ? EPT_MT_UC : EPT_MT_WB,
		.nid = NUMA_NO_NODE,
	};

	/* Mostly large leaves, and flags */
	if (bytes[0] & 0x30)
		config.max_leaf = EPT_1G;
	if (bytes[0] & 0x40)
		config.features |= EPT_FEATURE_AD;
	return config;
}

static void start(struct run *run, struct machine *machine, const u8 *bytes)
{
	struct fixture *fixture = &machine->fixture;

	memset(machine, 0, sizeof(*machine));
	fixture->test = &run->test;
	fixture->config = config_from(bytes);
	fixture->ops.invalidate = count_invalidation;
	fixture->config.ops = &fixture->ops;
	fixture->config.cookie = fixture;
	mmu_for_config(&fixture->mmu, &fixture->config);
	fixture->flat = flat_create(&fixture->config);
	fixture->ept = ept_create(&fixture->config);
	PRINT(run, "/* t%u: levels %u, largest leaf %u, maxphyaddr %u, features %#x, flags %#x, "
	      "tables %u */\n", (unsigned int)(machine - run->machines), fixture->config.levels,
	      fixture->config.max_leaf, fixture->config.maxphyaddr, fixture->config.features,
	      fixture->config.flags, fixture->config.table_memtype);
	KUNIT_ASSERT_FALSE(&run->test, IS_ERR_OR_NULL(fixture->ept));
	fixture->eptp = ept_pointer(fixture->ept);
	tlb_init(&machine->tlb, &fixture->mmu, fixture->eptp);
}

static void finish(struct run *run, struct machine *machine)
{
	for (unsigned int i = 0; i < GATHERS; i++)
		if (machine->open[i])
			do_flush(&machine->fixture, &machine->gathers[i]);
	while (machine->loads) {
		preempt_disable();
		ept_vcpu_put(machine->fixture.ept);
		preempt_enable();
		machine->loads--;
	}
	if (!IS_ERR_OR_NULL(machine->fixture.ept))
		ept_destroy(machine->fixture.ept);
	flat_destroy(machine->fixture.flat);
	machine->fixture.ept = NULL;
	machine->fixture.flat = NULL;
}

/* A table goes, and another one comes. */
static int step_restart(struct run *run)
{
	if (run->step[13] & 7)
		return 0;
	PRINT(run, "/* another table in the place of t%u */\n", TABLE(run));
	finish(run, run->machine);
	start(run, run->machine, run->step + 2);
	return 0;
}

static const struct {
	int	(*act)(struct run *run);
	u8	weight;
	bool	gathers;	/* it may owe */
} steps[] = {
	{ step_map, 26 }, { step_map_check, 3 }, { step_too_late, 3 },
	{ step_pages, 14 }, { step_remap, 16, true }, { step_install, 16, true },
	{ step_unmap, 16, true }, { step_zap, 8, true }, { step_protect, 16, true },
	{ step_redirect, 14, true }, { step_memtype, 8, true }, { step_tag, 6, true },
	{ step_attrs, 10, true }, { step_split, 12, true }, { step_merge, 6 },
	{ step_merge_gather, 10, true }, { step_harvest, 10, true },
	{ step_clear_dirty, 6, true }, { step_grant, 10 }, { step_age, 4 }, { step_access, 18 },
	{ step_gather, 12 }, { step_gather_free, 2 }, { step_splice, 2 }, { step_flush_all, 2 },
	{ step_flush, 1 }, { step_reserve, 1 }, { step_make_atomic, 1 }, { step_load, 2 },
	{ step_clone, 4 }, { step_ask, 4 }, { step_tables_for, 2 }, { step_restart, 1 },
};

static void look_at_cpu(struct run *run, struct machine *machine)
{
	struct tlb_fault fault;

	if (!machine->fixture.owed && tlb_is_stale(&machine->tlb, &fault))
		KUNIT_FAIL(&run->test, "a CPU holds %s, gpa %#llx: %#llx, now %#llx", fault.what,
			   fault.gpa, fault.cached, fault.now);
	if (tlb_lost_table(&machine->tlb, &fault))
		KUNIT_FAIL(&run->test, "a CPU meets %s, gpa %#llx: %#llx, now %#llx", fault.what,
			   fault.gpa, fault.cached, fault.now);
}

static void look(struct run *run, size_t nr)
{
	struct machine *machine = run->machine;
	const u64 gpa = gpa_of(run);

	look_at_cpu(run, machine);
	if (!(nr % FULL)) {
		verify(&machine->fixture);
		return;
	}
	verify_check(&machine->fixture);
	if (gpa < flat_width(machine->fixture.flat))
		verify_address(&machine->fixture, gpa);
}

static void note_change(struct run *run, const struct ept_gather *gather)
{
	struct machine *machine = run->machine;

	if (!machine->fixture.flat->flush_due)
		return;
	machine->changes++;
	if (gather)
		machine->last[gather - machine->gathers] = machine->changes;
}

static void take(struct run *run, size_t nr)
{
	unsigned int sum = 0, pick, i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		sum += steps[i].weight;
	pick = run->step[0] * sum / 256;
	for (i = 0; pick >= steps[i].weight; i++)
		pick -= steps[i].weight;
	run->machine = &run->machines[run->step[1] & 1];
	run->machine->fixture.flat->flush_due = false;
	if (steps[i].act(run) < 0)
		program_counts.errors++;
	if (steps[i].gathers)
		note_change(run, gather_of(run));
	program_counts.steps++;
	native_expect_idle();
	look(run, nr);
	native_grace_period();
}

size_t program_run(const u8 *bytes, size_t size, bool print)
{
	static struct run run;	/* too large for the stack */
	const unsigned long pages = ept_table_pages();
	const long in_use = native_in_use();
	volatile size_t nr = 0;

	memset(&run, 0, sizeof(run));
	run.print = print;
	run.test.name = "program";
	if (size < STEP)
		return 0;
	if (setjmp(run.test.out))
		return nr + 1;
	for (unsigned int i = 0; i < TABLES; i++)
		start(&run, &run.machines[i], bytes + 8 * i);
	for (nr = 1; (nr + 1) * STEP <= size && !run.test.failed; nr++) {
		run.step = bytes + nr * STEP;
		take(&run, nr);
	}
	for (unsigned int i = 0; i < TABLES && !run.test.failed; i++) {
		verify(&run.machines[i].fixture);
		finish(&run, &run.machines[i]);
	}
	native_grace_period();
	if (!run.test.failed) {
		KUNIT_EXPECT_EQ(&run.test, ept_table_pages(), pages);
		KUNIT_EXPECT_EQ(&run.test, native_in_use(), in_use);
	}
	return run.test.failed ? nr : 0;
}
