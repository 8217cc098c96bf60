// SPDX-License-Identifier: GPL-2.0
/*
 * The promise to who comes amid any code of this kernel, ept_core.h's "EPT in VMX root": one CPU
 * sends another one non-maskable interrupts, while that is in the allocator, in call_rcu(), in the
 * reserve of the table, in the idle loop, or in a trace event; and the handler does to an atomic
 * table all that it may. Where it came, its stack tells.
 *
 * What would go wrong is KASAN's, lockdep's and RCU's to say, and a lock that is taken twice ends
 * in a machine that stops.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/context_tracking.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/trace_events.h>

#include <asm/apic.h>
#include <asm/nmi.h>

#include "crew.h"
#include "ept_memtype.h"
#include "ept_table.h"
#include "fixture.h"

#define HITS		16	/* NMIs that have to come where they should */
#define BATCH		128	/* of what the interrupted CPU does in a row */
#define CALLBACKS	4096	/* the same of call_rcu(), as to wait for these takes long */
#define DEPTH		48	/* of a stack */
#define SENDINGS	5	/* of an NMI that doesn't come within PATIENCE */
#define PATIENCE	(2 * HZ)

/* Tables that a call of the handler may take */
#define TABLES		32
/* What the reserve is filled to where that is interrupted; before, it has 2 * TABLES at most */
#define FILLED		(8 * TABLES)

/* What the handler maps, and unmaps again */
#define BASE		((u64)SZ_1G)
#define SIZE		((u64)SZ_16M)
#define MEMORY		((u64)SZ_256M)

struct amid;

/**
 * struct place - where an NMI is to come
 * @name: of the case
 * @busy: what brings the CPU there; NULL: it idles
 * @within: names that a function on the stack begins with, one of them
 * @lockers: the same of one that took a lock which is held, as far as lockdep knows; none: any
 * @reserves: the interrupted CPU fills the reserve, and sends the NMI itself
 */
struct place {
	const char	*name;
	void		(*busy)(struct amid *amid);
	const char	*within[4];
	const char	*lockers[4];
	bool		reserves;
};

/* A case. The handler alone changes the table. */
struct amid {
	const struct place	*place;
	struct ept		*ept;
	struct ept		*other;		/* one that is traced */
	struct ept_mtrr		mtrr;
	struct page		*pages[3];
	int			cpu;		/* which is interrupted */
	bool			inside;		/* it says that it is busy */
	unsigned long		fills;		/* how many tables came to the reserve, */
	unsigned long		interrupt_at;	/* and amid which of them an NMI is sent */
	unsigned long		taken;
	unsigned long		hits;		/* where it should be, with all done */
	unsigned long		calls;
	const char		*wrong;		/* the first call that failed, */
	long			got;		/* and what it returned */
	unsigned long		stack[DEPTH];
	char			symbol[KSYM_SYMBOL_LEN];
};

/*
 * What the handler does
 */

static void must(struct amid *amid, const char *what, long got, long expected)
{
	amid->calls++;
	if (got == expected || amid->wrong)
		return;
	amid->wrong = what;
	amid->got = got;
}

#define MUST(expected, call)	must(amid, #call, call, expected)

static void map_things(struct amid *amid, struct ept *ept, struct ept_gather *gather)
{
	const unsigned long seq = 7;
	unsigned long filled = 0;
	u64 gpa = BASE;

	MUST(0, ept_map(ept, gpa, MEMORY, SZ_2M, &EPT_ATTRS_RAM));
	MUST(-EEXIST, ept_map(ept, gpa, MEMORY, SZ_4K, &EPT_ATTRS_RAM));
	gpa += SZ_2M;
	MUST(-EAGAIN, ept_map_if(ept, gpa, MEMORY, SZ_4K, &EPT_ATTRS_RAM, &seq, 6));
	MUST(0, ept_map_if(ept, gpa, MEMORY, SZ_4K, &EPT_ATTRS_RAM, &seq, 7));
	MUST(0, ept_map_pages(ept, gpa + SZ_4K, amid->pages, 3, &EPT_ATTRS_RAM));
	MUST(0, ept_fill_pages(ept, gpa, amid->pages, 3, &EPT_ATTRS_RAM, &filled, NULL, 0));
	gpa += SZ_2M;
	MUST(0, ept_install(ept, gpa, MEMORY, SZ_2M, &EPT_ATTRS_RAM, NULL, 0, gather));
	MUST(0, ept_install(ept, gpa, MEMORY, SZ_4K, &EPT_ATTRS_DEVICE, NULL, 0, gather) < 0);
	gpa += SZ_2M;
	MUST(0, ept_map_typed(ept, gpa, MEMORY, SZ_2M, &EPT_ATTRS_RAM, &amid->mtrr));
	gpa += SZ_2M;
	MUST(0, ept_map_host_leaf(ept, gpa + 5, EPT_2M, &EPT_ATTRS_RAM, &amid->mtrr));
	MUST(0, ept_remap(ept, gpa - SZ_64K, MEMORY, SZ_2M, &EPT_ATTRS_RAM, gather));
	MUST(-EOPNOTSUPP, ept_map(ept, 0, 0, SZ_4K, &(struct ept_attrs){
		.prot = EPT_PROT_READ, .flags = EPT_ATTR_SUBPAGE }));
}

static void change_things(struct amid *amid, struct ept *ept, struct ept_gather *gather)
{
	MUST(0, ept_protect(ept, BASE + SZ_4K, SZ_8K, EPT_PROT_WRITE, 0, gather));
	MUST(0, ept_set_memtype(ept, BASE + SZ_64K, SZ_4K, EPT_MT_UC, gather));
	MUST(0, ept_set_tag(ept, BASE + SZ_128K, SZ_4K, 3, gather));
	MUST(0, ept_set_attrs(ept, BASE + SZ_256K, SZ_64K, &EPT_ATTRS_DEVICE, gather));
	MUST(0, ept_redirect(ept, BASE, MEMORY + SZ_64K, SZ_4K, 0, 0, gather));
	MUST(-ENOENT, ept_redirect(ept, 0, MEMORY, SZ_4K, 0, 0, gather));
	MUST(0, ept_split(ept, BASE + 2 * SZ_2M, SZ_2M, EPT_4K, gather));
	MUST(0, ept_protect(ept, BASE, SIZE, 0, EPT_PROT_WRITE, gather));
}

static void harvest_things(struct amid *amid, struct ept *ept, struct ept_gather *gather)
{
	DECLARE_BITMAP(bitmap, 16) = {};
	const struct ept_harvest what = { .bitmap = bitmap };

	MUST(0, ept_harvest_dirty(ept, BASE, SZ_64K, bitmap, false, gather));
	MUST(0, ept_harvest_accessed(ept, BASE, SZ_64K, bitmap, true, gather));
	MUST(0, ept_harvest(ept, BASE, SZ_64K, &what, gather));
	MUST(0, ept_clear_dirty(ept, BASE + 5, gather));
	MUST(0, ept_age(ept, BASE, SIZE, true));
}

static int count_mapping(const struct ept_mapping *mapping, void *arg)
{
	++*(unsigned long *)arg;
	return 0;
}

static void look_at_things(struct amid *amid, struct ept *ept)
{
	struct ept_explanation explanation;
	struct ept_violation violation;
	struct ept_mapping mapping;
	struct ept_cursor cursor;
	unsigned long nr = 0;
	phys_addr_t hpa = 0;

	MUST(0, ept_lookup(ept, BASE, &mapping));
	MUST(MEMORY + SZ_64K, mapping.hpa);
	MUST(-ENOENT, ept_lookup(ept, 0, &mapping));
	MUST(0, ept_translate(ept, BASE + SZ_4K + 8, EPT_PROT_WRITE, &hpa));
	MUST(MEMORY + SZ_4K + 8, hpa);
	MUST(-EFAULT, ept_translate(ept, 0, EPT_PROT_READ, NULL));
	MUST(0, ept_explain(ept, BASE, &explanation));
	MUST(0, explanation.verdict);
	MUST(0, ept_for_each_mapping(ept, 0, BASE + SIZE, count_mapping, &nr));
	MUST(true, nr > 3);
	MUST(0, ept_cursor_init(&cursor, ept, 0, BASE + SIZE));
	MUST(0, ept_cursor_next(&cursor, &mapping));
	MUST(0, ept_map_check(ept, 0, 0, SZ_4K, &EPT_ATTRS_RAM));
	MUST(EPT_MT_WB, ept_mtrr_type(&amid->mtrr, BASE, NULL));
	ept_violation_decode(1, NULL, &violation);
	MUST(EPT_PROT_READ, violation.access);
}

static void count_gone(const struct ept_mapping *mapping, void *arg)
{
	count_mapping(mapping, arg);
}

static void remove_things(struct amid *amid, struct ept *ept, struct ept_gather *gather)
{
	unsigned long nr = 0;

	MUST(0, ept_zap(ept, BASE + 3 * SZ_2M, SZ_4K, NULL, NULL, NULL, gather));
	MUST(0, ept_unmap_report(ept, BASE, SZ_8K, count_gone, &nr, gather));
	MUST(2, nr);
	MUST(0, ept_unmap(ept, BASE + SZ_2M + SZ_4K, SZ_4K, gather));
	MUST(0, ept_unmap(ept, 0, BASE + SIZE, gather));
	MUST(-ENOENT, ept_lookup(ept, BASE, &(struct ept_mapping){}));
}

/* False: the reserve has too little, and nothing was done. */
static bool do_all(struct amid *amid)
{
	struct ept_gather gather, more;
	struct ept *ept = amid->ept;

	if (ept_reserved(ept) < TABLES)
		return false;
	ept_gather_init(&gather, ept);
	ept_gather_init(&more, ept);
	map_things(amid, ept, &gather);
	change_things(amid, ept, &more);
	harvest_things(amid, ept, &gather);
	look_at_things(amid, ept);
	remove_things(amid, ept, &gather);
	MUST(0, ept_gather_splice(&gather, &more));
	MUST(0, ept_gather_defer(&gather));
	return true;
}

/*
 * Where it came
 */

static bool begins_with_any(const char *name, const char * const names[4])
{
	for (unsigned int i = 0; i < 4 && names[i]; i++)
		if (strstarts(name, names[i]))
			return true;
	return false;
}

static bool is_named(struct amid *amid, unsigned long address, const char * const names[4])
{
	sprint_symbol_no_offset(amid->symbol, address);
	return begins_with_any(amid->symbol, names);
}

static bool holds_lock_of(struct amid *amid, const char * const names[4])
{
#ifdef CONFIG_LOCKDEP
	for (int i = 0; i < current->lockdep_depth; i++)
		if (is_named(amid, current->held_locks[i].acquire_ip, names))
			return true;
	return false;
#else
	return true;
#endif
}

static bool is_in_place(struct amid *amid)
{
	const struct place *place = amid->place;
	unsigned int nr;

	if (!place->busy && !is_idle_task(current))
		return false;
	if (place->lockers[0] && !holds_lock_of(amid, place->lockers))
		return false;
	nr = stack_trace_save(amid->stack, DEPTH, 0);
	for (unsigned int i = 0; i < nr; i++)
		if (is_named(amid, amid->stack[i], place->within))
			return true;
	return false;
}

static struct amid *under_way;

/* Whose next NMI is the case's: what another source sends to another CPU is not. */
#define NOBODY		(-1)
static atomic_t armed = ATOMIC_INIT(NOBODY);

static void meet_nmi(struct amid *amid)
{
	const bool there = is_in_place(amid);

	if (do_all(amid) && there)
		WRITE_ONCE(amid->hits, amid->hits + 1);
	/* With it, all that was done. */
	smp_store_release(&amid->taken, amid->taken + 1);
}

static int handle_nmi(unsigned int type, struct pt_regs *regs)
{
	struct amid *amid = READ_ONCE(under_way);
	const int cpu = raw_smp_processor_id();

	if (atomic_cmpxchg(&armed, cpu, NOBODY) != cpu)
		/* One that was sent again may come twice. */
		return amid && amid->cpu == cpu ? NMI_HANDLED : NMI_DONE;
	if (amid)
		meet_nmi(amid);
	return NMI_HANDLED;
}

static void send_nmi(struct amid *amid)
{
	apic->send_IPI(amid->cpu, NMI_VECTOR);
}

/* Whether the NMI that the case has armed comes in time */
static bool await_nmi(void)
{
	const unsigned long end = jiffies + PATIENCE;

	while (atomic_read(&armed) != NOBODY) {
		if (time_after(jiffies, end))
			return false;
		cpu_relax();
	}
	return true;
}

/*
 * What is interrupted
 */

static void allocate(struct amid *amid)
{
	static struct page *pages[BATCH];
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	for (i = 0; i < BATCH; i++)
		if (pages[i])
			__free_page(pages[i]);
}

static void forget(struct rcu_head *head)
{
}

static void queue_callbacks(struct amid *amid)
{
	static struct rcu_head heads[CALLBACKS];

	for (unsigned int i = 0; i < CALLBACKS; i++)
		call_rcu(&heads[i], forget);
	WRITE_ONCE(amid->inside, false);
	rcu_barrier();
}

/* Of the many tables of a filling, one; the CPU is a moment in there, so it interrupts itself. */
static void filling(void)
{
	struct amid *amid = READ_ONCE(under_way);

	if (!amid || raw_smp_processor_id() != amid->cpu || amid->fills++ != amid->interrupt_at)
		return;
	atomic_set(&armed, amid->cpu);
	send_nmi(amid);
}

/* So that there is something to be filled. Where this is called, no NMI is on its way. */
static void empty_reserve(struct amid *amid)
{
	struct ept_gather gather;

	ept_gather_init(&gather, amid->ept);
	for (u64 gpa = 0; ept_reserved(amid->ept) > 2 * TABLES; gpa += SZ_2M)
		MUST(0, ept_map(amid->ept, gpa, gpa, SZ_4K, &EPT_ATTRS_RAM));
	MUST(0, ept_unmap(amid->ept, 0, (u64)SZ_1G * 256, &gather));
	MUST(0, ept_gather_defer(&gather));
}

static void fill_reserve(struct amid *amid)
{
	ept_reserve(amid->ept, 2 * TABLES);
	empty_reserve(amid);
	amid->fills = 0;
	amid->interrupt_at = amid->taken * 31 % (FILLED - 2 * TABLES);
	ept_store_filling = filling;
	ept_reserve(amid->ept, FILLED);
	ept_store_filling = NULL;
	/* On this CPU: so it is over, too, or won't come. */
	if (!await_nmi())
		atomic_set(&armed, NOBODY);
}

static void trace(struct amid *amid)
{
	for (unsigned int i = 0; i < BATCH; i++)
		ept_flush(amid->other);
}

static const struct place places[] = {
	{ "allocator", allocate, { "__alloc_pages", "get_page_from_freelist", "__free_pages" },
	  .lockers = { "get_page_from_freelist", "rmqueue", "free_unref", "free_pcppages" } },
	{ "call_rcu", queue_callbacks, { "call_rcu", "__call_rcu" } },
	{ "reserve", fill_reserve, { "ept_store_reserve", "give_to_reserve" }, .reserves = true },
	{ "idle", NULL, { "default_idle", "cpuidle_enter", "acpi_idle", "acpi_safe_halt" } },
	{ "trace_event", trace, { "trace_event_raw_event_ept" } },
};

KUNIT_ARRAY_PARAM_DESC(place, places, name);

static void be_busy(struct hand *hand)
{
	struct amid *amid = hand->crew->arg;

	if (!amid->place->busy) {
		schedule_timeout_interruptible(1);
		return;
	}
	WRITE_ONCE(amid->inside, true);
	amid->place->busy(amid);
	WRITE_ONCE(amid->inside, false);
}

/*
 * Who sends
 */

static void await_inside(struct hand *hand, struct amid *amid)
{
	while (amid->place->busy && !READ_ONCE(amid->inside) && !READ_ONCE(hand->crew->over))
		usleep_range(20, 50);
	udelay(hand_below(hand, 60));
}

/* Armed once, however often it has to be sent: then it is met once, too. */
static void interrupt(struct hand *hand, struct amid *amid)
{
	const unsigned long taken = READ_ONCE(amid->taken);

	atomic_set(&armed, amid->cpu);
	for (unsigned int i = 0; i < SENDINGS; i++) {
		send_nmi(amid);
		if (!await_nmi())
			continue;
		/* It came, and ends. Pairs with meet_nmi(). */
		while (smp_load_acquire(&amid->taken) == taken)
			cpu_relax();
		return;
	}
	atomic_set(&armed, NOBODY);
	crew_wrong(hand, "an NMI doesn't come, however often it is sent", SENDINGS, 0);
}

static void send_one(struct hand *hand, struct amid *amid)
{
	ept_reap(amid->ept);
	if (amid->place->reserves) {
		usleep_range(20, 50);
		return;
	}
	if (ept_reserve(amid->ept, 4 * TABLES))
		crew_wrong(hand, "no memory", 0, 0);
	await_inside(hand, amid);
	interrupt(hand, amid);
}

static void send(struct hand *hand)
{
	struct amid *amid = hand->crew->arg;

	amid->cpu = cpumask_local_spread(1, NUMA_NO_NODE);
	while (READ_ONCE(amid->hits) < HITS && !READ_ONCE(hand->crew->over)) {
		send_one(hand, amid);
		cond_resched();
	}
	/* Nobody waits for another one. */
	WRITE_ONCE(under_way, NULL);
	schedule_timeout_interruptible(1);
}

/*
 * Cases
 */

static atomic_t invalidations;

/* No CPU runs on these tables. */
static void invalidate(struct ept *ept, void *cookie)
{
	atomic_inc(&invalidations);
}

static const struct ept_ops ops = { .invalidate = invalidate };

static struct ept *create(struct kunit *test, u32 flags)
{
	const struct ept_config config = {
		.name = "amid", .levels = 4, .max_leaf = EPT_1G, .maxphyaddr = 46,
		.features = EPT_FEATURE_AD, .flags = flags, .table_memtype = EPT_MT_WB,
		.nid = NUMA_NO_NODE, .ops = &ops,
	};
	struct ept *ept = ept_create(&config);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	return ept;
}

static int amid_init(struct kunit *test)
{
	struct amid *amid = kunit_kzalloc(test, sizeof(*amid), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, amid);
	test->priv = amid;
	KUNIT_ASSERT_EQ(test, ept_mtrr_uniform(EPT_MT_WB, 46, &amid->mtrr), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(amid->pages); i++)
		amid->pages[i] = ZERO_PAGE(0);
	amid->ept = create(test, EPT_CONFIG_ATOMIC);
	amid->other = create(test, 0);
	atomic_set(&invalidations, 0);
	return 0;
}

static void amid_exit(struct kunit *test)
{
	struct amid *amid = test->priv;

	if (!amid)
		return;
	ept_destroy(amid->ept);
	ept_destroy(amid->other);
}

static void expect_well(struct kunit *test, struct amid *amid)
{
	struct ept_stats stats;

	KUNIT_EXPECT_NULL_MSG(test, amid->wrong, "%s: %ld", amid->wrong, amid->got);
	KUNIT_EXPECT_GT(test, amid->calls, 0);
	KUNIT_EXPECT_EQ(test, ept_check(amid->ept, NULL), 0);
	ept_get_stats(amid->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_4K] + stats.leaves[EPT_2M] + stats.leaves[EPT_1G],
			0);
}

/* All tables but the root and the reserve are back when they were reaped. */
static void expect_reaped(struct kunit *test, struct amid *amid, unsigned long other)
{
	const int before = atomic_read(&invalidations);

	ept_reap(amid->ept);
	KUNIT_EXPECT_LE(test, atomic_read(&invalidations), before + 1);
	ept_reap(amid->ept);
	KUNIT_EXPECT_LE(test, atomic_read(&invalidations), before + 1);
	KUNIT_EXPECT_EQ(test, table_pages(), other + ept_reserved(amid->ept));
}

static void an_nmi_may_do_all_that_it_is_promised(struct kunit *test)
{
	const struct place *place = test->param_value;
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);
	unsigned long pages = table_pages();
	struct amid *amid = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, crew);
	if (num_online_cpus() < 2)
		kunit_skip(test, "nobody to send NMIs");
	amid->place = place;
	trace_set_clr_event("ept", NULL, 1);
	crew_init(crew, test, amid);
	crew_hire(crew, "send", send);
	crew_hire(crew, "busy", be_busy);
	WRITE_ONCE(under_way, amid);
	KUNIT_ASSERT_EQ(test, register_nmi_handler(NMI_LOCAL, handle_nmi, 0, "ept_kunit"), 0);
	crew_work(crew, 500);
	unregister_nmi_handler(NMI_LOCAL, "ept_kunit");
	trace_set_clr_event("ept", NULL, 0);
	kunit_info(test, "%s: %lu NMIs, %lu there, %lu calls, eptp %llx", place->name, amid->taken,
		   amid->hits, amid->calls, ept_pointer(amid->ept));
	KUNIT_EXPECT_GE(test, amid->hits, HITS);
	expect_well(test, amid);
	expect_reaped(test, amid, pages);
}

/* As where an exit comes from the idle loop: there is no ct_nmi_enter() in VMX root. */
static void no_call_needs_rcu_to_watch(struct kunit *test)
{
	unsigned long pages = table_pages(), flags;
	struct amid *amid = test->priv;
	bool watching, done;

	KUNIT_ASSERT_EQ(test, ept_reserve(amid->ept, 4 * TABLES), 0);
	trace_set_clr_event("ept", NULL, 1);
	local_irq_save(flags);
	ct_idle_enter();
	watching = rcu_is_watching();
	done = do_all(amid);
	ct_idle_exit();
	local_irq_restore(flags);
	trace_set_clr_event("ept", NULL, 0);
	KUNIT_EXPECT_FALSE(test, watching);
	KUNIT_EXPECT_TRUE(test, done);
	expect_well(test, amid);
	expect_reaped(test, amid, pages);
}

static struct kunit_case nmi_cases[] = {
	KUNIT_CASE_PARAM(an_nmi_may_do_all_that_it_is_promised, place_gen_params),
	KUNIT_CASE(no_call_needs_rcu_to_watch),
	{}
};

static struct kunit_suite nmi_suite = {
	.name = "ept_nmi",
	.init = amid_init,
	.exit = amid_exit,
	.test_cases = nmi_cases,
};

kunit_test_suite(nmi_suite);
