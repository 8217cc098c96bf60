// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs about threads at once: the module's own functions, in each interleaving that x86's memory
 * order allows.
 */
#define EPT_INDEX_BITS	2
#define DEPTH		2
#define TABLES		4
#define KINDS		0
#ifndef ROUNDS
#define ROUNDS	1
#endif
#include "operations.h"
#include "../ept_map.c"
#include "../ept_unmap.c"
#include "../ept_shape.c"

static int result[THREADS];
static const size_t sizeof_cpus = THREADS * sizeof(struct ept_cpu);
static u64 page_of[THREADS];	/* the gpa that a thread is about */
static u64 shared;		/* what a lock is for */

/*
 * The tables of the two upper levels are there throughout, and nothing changes in them; private
 * tables come after those that are linked at first. Counters of statistics don't matter.
 */
static unsigned int nr_linked;

static enum { MAPS, LOCKS, FLUSHES } about;	/* what others may see of it */

static bool is_of_cpus(const void *address, size_t from, size_t to)
{
	const unsigned long at = (unsigned long)address - (unsigned long)ept.cpus;

	return at < sizeof_cpus && at % sizeof(*ept.cpus) >= from && at % sizeof(*ept.cpus) < to;
}

static bool is_of_tables(const void *address)
{
	const unsigned long at = (unsigned long)address;

	return at - (unsigned long)memory[2] < sizeof(memory) - 2 * sizeof(memory[0]) ||
	       at - (unsigned long)&memory_structs[2] < (nr_linked - 2) * sizeof(struct page);
}

static bool threads_watched(const void *address)
{
	switch (about) {
	case MAPS:
		return is_of_tables(address);
	case LOCKS:
		return is_of_cpus(address, offsetof(struct ept_cpu, mapping), sizeof(*ept.cpus)) ||
		       address == &ept.first_cpu || address == &shared;
	default:
		return is_of_cpus(address, offsetof(struct ept_cpu, seen),
				  offsetof(struct ept_cpu, mapping)) ||
		       address == &memory[3][1] || address == &memory[3][2] ||
		       address == &ept.generation || address == &ept.flushed ||
		       address == &ept.changes || address == &ept.first_cpu;
	}
}

/* An empty table, but for one whole 2M table where @there, in which the second page is mapped */
static void start(bool there)
{
	const struct ept_config config = {
		.levels = 4, .max_leaf = EPT_1G, .maxphyaddr = 40,
	};
	u64 *table;

	memset(memory, 0, sizeof(memory));
	memset(memory_structs, 0, sizeof(memory_structs));
	memory_reset(PROOF_PAGES);
	memset(ept.cpus, 0, sizeof_cpus);
	memset(result, 0, sizeof(result));
	shared = 0;
	about = MAPS;
	ept = (struct ept){};
	atomic64_set(&ept.generation, 1);
	INIT_LIST_HEAD(&ept.unfolded);
	ept_format_init(&ept.fmt, &config);
	ept_store_init(&ept.store, 0, config.maxphyaddr);
	/* The root is in page 0, the table below it in page 1, and so on. */
	ept.root = NULL;
	for (int level = EPT_512G; level >= (there ? EPT_4K : EPT_2M); level--) {
		const unsigned int page = EPT_512G - level;

		table = memory[page];
		memory_taken[page] = true;
		set_page_private(&memory_structs[page], table_state(level, 0));
		ept_table_clear(table, ept.fmt.hole);
		if (ept.root) {
			memory[page - 1][0] = ept_pte_table(&ept.fmt, virt_to_phys(table));
			ept_table_add_live(memory[page - 1], 1);
		} else {
			ept.root = table;
		}
	}
	if (there) {
		memory[3][1] = ept_pte_leaf(&ept.fmt, HOST + PAGE_SIZE, EPT_4K,
					    ept_attrs_to_bits(&ept.fmt, &kinds[0]));
		ept_table_add_live(memory[3], 1);
	}
	nr_linked = there ? 4 : 3;
	memory_left = PROOF_PAGES;
	ept_gather_init(&gather, &ept);
}

static void check_end(void)
{
	const unsigned int tables = check_tree(ept.root, EPT_512G, 0);

	memory_grace_period();
	prove(tables == memory_in_use(), "no table leaks");
}

static void map_own(void)
{
	const int n = smp_processor_id();

	result[n] = ept_map(&ept, page_of[n], HOST + page_of[n] + (n << 20), PAGE_SIZE, &kinds[0]);
}

/* Who maps a page is one of those that try; pages are where the winner said. */
static void check_maps(void)
{
	for (unsigned int n = 0; n < THREADS; n++) {
		unsigned int winners = 0;

		for (unsigned int other = 0; other < THREADS; other++)
			if (page_of[other] == page_of[n] && !result[other]) {
				winners++;
				prove(find(page_of[n] >> PAGE_SHIFT).hpa ==
				      HOST + page_of[n] + (other << 20), "the winner's page");
			}
		prove(winners == 1, "one wins");
		prove(!result[n] || result[n] == -EEXIST, "the others are told so");
	}
	check_end();
}

/*
 * PROOF race_map
 * ept_map() of one leaf in parallel with itself, two threads, the same page or neighbours, whether
 * the table of 4K entries is there or both come to make it
 * EXHAUST -DPROOF_THREADS -DTHREADS=2 -DTHREADS_EXCLUDE=0 -DPROOF_PAGES=8
 * FAULT ept_map.c s/try_cmpxchg64(entry, &hole, new)/({ WRITE_ONCE(*entry, new); true; })/
 * FAULT ept_map.c s/ept_table_inc_live(entry);/ept_table_add_live(entry, 1);/
 */
void race_map(void)
{
	start(any_bool());
	page_of[0] = 2 * PAGE_SIZE;
	page_of[1] = any_bool() ? 2 * PAGE_SIZE : 3 * PAGE_SIZE;
	for (unsigned int n = 0; n < THREADS; n++)
		threads_begin(n, map_own);
	threads_run();
	check_maps();
}

/*
 * PROOF race_map_three
 * The same of three threads, where the table is there
 * EXHAUST -DPROOF_THREADS -DTHREADS=3 -DTHREADS_EXCLUDE=0 -DPROOF_PAGES=8
 * FAULT ept_map.c s/try_cmpxchg64(entry, &hole, new)/({ WRITE_ONCE(*entry, new); true; })/
 * LONG
 */
void race_map_three(void)
{
	start(true);
	page_of[0] = 2 * PAGE_SIZE;
	page_of[1] = 2 * PAGE_SIZE;
	page_of[THREADS - 1] = any_bool() ? 2 * PAGE_SIZE : 3 * PAGE_SIZE;
	for (unsigned int n = 0; n < THREADS; n++)
		threads_begin(n, map_own);
	threads_run();
	check_maps();
}

/* A reader's way to its page. @result: 0 for a hole, 1 for a leaf of some mapper's */
static void read_page(void)
{
	const int n = smp_processor_id();
	enum ept_level level = EPT_4K;
	u64 value;

	ept_descend(&ept.fmt, ept.root, page_of[n], &level, &value);
	result[n] = !ept_pte_is_hole(value);
	if (result[n])
		prove(level == EPT_4K && cpu_page(value) == HOST + page_of[n],
		      "a reader sees a page or a hole");
}

/*
 * PROOF race_map_read
 * A reader sees a page that is being mapped as a hole or as the page, never a table half made
 * EXHAUST -DPROOF_THREADS -DTHREADS=2 -DTHREADS_EXCLUDE=0 -DPROOF_PAGES=8
 * FAULT ept_map.c s/ept_table_clear(table, ept->fmt.hole);//
 */
void race_map_read(void)
{
	start(any_bool());
	page_of[0] = 2 * PAGE_SIZE;
	page_of[1] = any_bool() ? 2 * PAGE_SIZE : 3 * PAGE_SIZE;
	threads_begin(0, map_own);
	threads_begin(1, read_page);
	threads_run();
	prove(!result[0], "the page is mapped");
	check_end();
}

/*
 * One writes where changes are excluded by ept_enter_shared(), another looks where they are by
 * ept_lock(): nothing changes beneath it.
 */
static void enter_shared(void)
{
	const int n = smp_processor_id();

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct ept_cpu *cpu = ept_enter_shared(&ept);

		WRITE_ONCE(shared, shared + n + 1);
		threads_step();
		ept_leave_shared(&ept, cpu);
	}
}

static void lock_and_look(void)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		u64 seen;

		ept_lock(&ept);
		seen = READ_ONCE(shared);
		threads_step();
		prove(READ_ONCE(shared) == seen, "nothing changes beneath who holds the lock");
		prove(!ept.lock.readers && ept.lock.writers == 1, "who holds it does so alone");
		ept_unlock(&ept);
	}
}

/* Whether CPUs mapped or ran before, or do so for the first time */
static void start_locks(void)
{
	start(false);
	about = LOCKS;
	for (unsigned int n = 0; n < THREADS; n++)
		if (any_bool())
			ept_cpu_appears(&ept, &ept.cpus[n]);
}

/*
 * PROOF race_lock
 * Who maps one leaf and who holds the lock exclude each other, twice in a row, and on a CPU that
 * never mapped before, too
 * EXHAUST -DPROOF_THREADS -DTHREADS=2 -DROUNDS=2 -DPROOF_PAGES=8
 * FAULT ept_op.h s/xchg(&cpu->mapping, true)/WRITE_ONCE(cpu->mapping, true)/
 * FAULT ept_op.h s/while (smp_load_acquire(&cpu->mapping))/while (false)/
 * FAULT ept_op.h s/ept_cpu_appears(ept, cpu);/;/
 * FAULT ept_op.h s/smp_store_release(&cpu->mapping, false);//
 * FAULT ept_op.h s/if (likely(!ept_rwsem_is_written(&ept->lock)))/if (true)/
 */
void race_lock(void)
{
	start_locks();
	threads_begin(0, enter_shared);
	threads_begin(1, lock_and_look);
	threads_run();
}

/*
 * PROOF race_lock_three
 * The same of two that map and one that holds the lock
 * EXHAUST -DPROOF_THREADS -DTHREADS=3 -DPROOF_PAGES=8
 * FAULT ept_op.h s/xchg(&cpu->mapping, true)/WRITE_ONCE(cpu->mapping, true)/
 * FAULT ept_flush.c s/while (!try_cmpxchg(&ept->first_cpu, &cpu->next, cpu))/WRITE_ONCE(ept->first_cpu, cpu); while (false)/
 */
void race_lock_three(void)
{
	start_locks();
	threads_begin(0, enter_shared);
	threads_begin(1, enter_shared);
	threads_begin(THREADS - 1, lock_and_look);
	threads_run();
}

/*
 * A CPU that runs a guest: what it read of the page's entry, it may use until it is told to drop it
 */
static u64 cached[THREADS];
static bool in_guest[THREADS];

static bool invept_caches;	/* again, all at once, what is there then */

static void cache_again(void);

int ept_invept_context(u64 eptp)
{
	if (invept_caches)
		cache_again();
	else
		cached[smp_processor_id()] = 0;
	return 0;
}

int ept_invept_global(void)
{
	return 0;
}

static void run_guest(void)
{
	const int n = smp_processor_id();

	for (unsigned int i = 0; i < ROUNDS; i++) {
		ept_vcpu_load(&ept);
		in_guest[n] = true;
		/* The guest touches the page, if its CPU doesn't know where it is. */
		if (!cached[n])
			cached[n] = READ_ONCE(memory[3][1]);
		threads_step();
		in_guest[n] = false;
		ept_vcpu_put(&ept);
	}
}

static void unmap_and_use(void)
{
	const int n = smp_processor_id();

	result[n] = ept_unmap(&ept, PAGE_SIZE, PAGE_SIZE, NULL);
	for (unsigned int cpu = 0; cpu < THREADS; cpu++)
		prove(!in_guest[cpu] || !cached[cpu],
		      "no guest uses a page when the call that unmapped it returned");
}

static void no_thread(void)
{
}

static void run_against(void (*other)(void))
{
	start(true);
	about = FLUSHES;
	/* A second page, so that the table stays. */
	memory[3][2] = memory[3][1] + PAGE_SIZE;
	ept_table_add_live(memory[3], 1);
	memset(cached, 0, sizeof(cached));
	memset(in_guest, 0, sizeof(in_guest));
	threads_begin(0, run_guest);
	for (unsigned int n = 1; n < THREADS; n++)
		threads_begin(n, other);
	threads_run();
	for (unsigned int n = 1; n < THREADS; n++)
		prove(!result[n], "it is unmapped");
}

/*
 * PROOF race_load_flush
 * A CPU that begins to run a guest while another unmaps a page uses the page no more when the unmap
 * has returned
 * EXHAUST -DPROOF_THREADS -DTHREADS=2 -DPROOF_PAGES=8
 * FAULT ept_flush.c s/^	smp_mb();//
 */
void race_load_flush(void)
{
	run_against(unmap_and_use);
}

/*
 * Two unmap and flush, each its own gather. Of two pages, the first is mapped; the second may be.
 * A CPU runs the guest, and right after each INVEPT it caches again what it finds.
 */
static bool taken[2];	/* pages that a call that returned took */

static void cache_again(void)
{
	for (unsigned int i = 0; i < 2; i++)
		cached[i] = memory[3][1 + i];
}

static void expect_gone(const bool *gone)
{
	for (unsigned int i = 0; i < 2; i++)
		prove(!gone[i] || !cached[i], "nobody uses what went before a flush that returned");
}

static void unmap_and_flush(unsigned int page)
{
	struct ept_gather own;
	bool before_flush[2];

	ept_gather_init(&own, &ept);
	prove(!ept_unmap(&ept, (1 + page) * PAGE_SIZE, PAGE_SIZE, &own), "it is unmapped");
	taken[page] = true;
	threads_step();
	before_flush[0] = taken[0];
	before_flush[1] = taken[1];
	ept_gather_flush(&own);
	expect_gone(before_flush);
}

static void unmap_both(void)
{
	unmap_and_flush(0);
	if (ROUNDS == 2)
		unmap_and_flush(1);
}

static void unmap_first(void)
{
	unmap_and_flush(0);
}

static void unmap_second(void)
{
	unmap_and_flush(1);
}

static void load_guest(void)
{
	ept_vcpu_load(&ept);
	cache_again();
}

static void start_flush(void)
{
	start(true);
	about = FLUSHES;
	/* Enough that the table stays */
	for (unsigned int i = 2; i < ENTRIES; i++) {
		memory[3][i] = memory[3][1] + (i - 1) * PAGE_SIZE;
		ept_table_add_live(memory[3], 1);
	}
	memset(taken, 0, sizeof(taken));
	memset(in_guest, 0, sizeof(in_guest));
	memset(cached, 0, sizeof(cached));
	invept_caches = true;
}

/* The guest runs on CPU 0, which did so before, or begins to. */
static void flush_both(void (*one)(void), void (*other)(void), bool loads)
{
	start_flush();
	if (!loads) {
		ept_cpu_appears(&ept, &ept.cpus[0]);
		ept.cpus[0].running = 1;
		ept.cpus[0].seen = 1;
		cache_again();
	}
	threads_begin(1, one);
	threads_begin(THREADS - 1, other);
	threads_begin(0, loads ? load_guest : no_thread);
	threads_run();
}

/*
 * PROOF race_flush
 * Two unmap the same page, or one of them another, and each flushes its gather: when a flush
 * returns, no CPU can use what any call took that returned before the flush began
 * EXHAUST -DPROOF_THREADS -DTHREADS=3 -DPROOF_PAGES=4
 * FAULT ept_op.h s/^	if (gather->owes) {/	if (false) {/;s/^	gather->owes = false;/&	smp_store_release(\&ept->changes, ept->changes + 1);/
 * FAULT ept_op.h s/return atomic64_read_acquire(&ept->flushed) < (s64)changes;/return changes \&\& false;/
 * FAULT ept_flush.c s/^	return READ_ONCE(cpu->running);/	return false;/
 */
void race_flush(void)
{
	flush_both(unmap_first, any_bool() ? unmap_first : unmap_second, any_bool());
}

/*
 * PROOF race_flush_twice
 * The same where one of them goes on to unmap and flush the other page
 * EXHAUST -DPROOF_THREADS -DTHREADS=3 -DROUNDS=2 -DPROOF_PAGES=4
 * LONG
 * FAULT ept_flush.c s/^	gather->change = smp_load_acquire.*$//;s/^	generation = .*;$/& gather->change = READ_ONCE(ept->changes);/
 */
void race_flush_twice(void)
{
	flush_both(unmap_both, any_bool() ? unmap_first : unmap_second, any_bool());
}
