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

static int result[THREADS];
static struct ept_cpu cpus[THREADS];
static u64 page_of[THREADS];	/* the gpa that a thread is about */

/*
 * The tables of the two upper levels are there throughout, and nothing changes in them; private
 * tables come after those that are linked at first. Counters of statistics don't matter.
 */
static unsigned int nr_linked;

static bool threads_watched(const void *address)
{
	const unsigned long at = (unsigned long)address;
	const unsigned long entry = at - (unsigned long)memory[2];
	const unsigned long page = at - (unsigned long)&memory_structs[2];

	if (entry < sizeof(memory) - 2 * sizeof(memory[0]))
		return true;
	if (page < (nr_linked - 2) * sizeof(struct page))
		return true;
	return at - (unsigned long)cpus < sizeof(cpus) || address == &ept.generation ||
	       address == &ept.flushing;
}

/* An empty table, but for one whole 2M table where @there, in which the second page is mapped */
static void start(bool there)
{
	static const struct ept_ops no_ops;
	const struct ept_config config = {
		.levels = 4, .max_leaf = EPT_1G, .maxphyaddr = 40,
	};
	u64 *table;

	memory_reset(PROOF_PAGES);
	memset(cpus, 0, sizeof(cpus));
	ept = (struct ept){ .ops = &no_ops, .cpus = cpus };
	atomic64_set(&ept.generation, 1);
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
 * A CPU that runs a guest: what it read of the page's entry, it may use until it is told to drop it
 */
static u64 cached[THREADS];
static bool in_guest[THREADS];

int ept_invept_context(u64 eptp)
{
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

static void run_against(void (*other)(void))
{
	start(true);
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
