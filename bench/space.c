// SPDX-License-Identifier: GPL-2.0
/*
 * What the layers on top take: faults in a space, populating it, look-ups among many regions; the
 * guest's memory and its page tables through a table. Prints lines as the workloads do.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "ept_guest.h"
#include "ept_space.h"
#include "bench.h"

#define GPA		((u64)SZ_1G)
#define PAGES		500		/* of one 2M */
#define REGIONS		10000
#define POPULATE	((u64)SZ_1G)	/* where there is room for it */
#define RW		(EPT_PROT_READ | EPT_PROT_WRITE)

/* No CPU runs a guest on these tables. */
static void invalidate(struct ept *ept, void *cookie)
{
}

static const struct ept_ops ops = { .invalidate = invalidate };

static const struct ept_config config = {
	.levels = 4,
	.max_leaf = EPT_2M,
	.maxphyaddr = 46,
	.features = EPT_FEATURE_AD,
	.table_memtype = EPT_MT_WB,
	.nid = NUMA_NO_NODE,
	.ops = &ops,
};

/**
 * struct subject - what is measured
 * @name: in the report
 * @unit: of what it handles
 * @units: how many of them a round handles
 * @prepare: before each round, or NULL
 * @run: what is timed; 0 or an error
 * @limit: as @run, the least that any code could do; or NULL
 * @space: with which it is done
 * @ept: its table, or one without a space
 * @data: its own
 */
struct subject {
	const char		*name;
	const char		*unit;
	unsigned int		units;
	int			(*prepare)(struct subject *subject);
	int			(*run)(struct subject *subject);
	int			(*limit)(struct subject *subject);
	struct ept_space	*space;
	struct ept		*ept;
	void			*data;
};

static int time_one(struct subject *subject, int (*run)(struct subject *subject), u64 *least)
{
	int err = subject->prepare ? subject->prepare(subject) : 0;
	u64 start;

	if (err)
		return err;
	bench_clock_settle();
	start = bench_clock();
	err = run(subject);
	*least = min(*least, bench_clock() - start - bench_clock_cost());
	return err;
}

static void measure(struct subject *subject, unsigned int rounds)
{
	u64 least = U64_MAX, limit = U64_MAX;
	int err = 0;

	for (unsigned int i = 0; i <= rounds && !err; i++) {
		err = time_one(subject, subject->run, &least);
		if (!err && subject->limit)
			err = time_one(subject, subject->limit, &limit);
	}
	if (err) {
		pr_err("bench: FAIL %s: error %d\n", subject->name, err);
		return;
	}
	pr_info("bench: %s|%s|%u|ept|%llu|%llu\n", subject->name, subject->unit, subject->units,
		least, least);
	if (subject->limit)
		pr_info("bench: %s|%s|%u|limit|%llu|%llu\n", subject->name, subject->unit,
			subject->units, limit, limit);
}

/*
 * Spaces
 */

static int add(struct subject *subject, enum ept_region_kind kind, u64 gpa, u64 size)
{
	const struct ept_region region = {
		.gpa = gpa, .size = size, .kind = kind, .attrs = EPT_ATTRS_RAM,
		.hpa = kind == EPT_REGION_LINEAR ? BENCH_AT_4K : 0,
	};

	return ept_space_add(subject->space, &region);
}

/* Pages that are there, with lesser rights than the region gives */
static int prepare_lesser(struct subject *subject)
{
	return ept_space_protect(subject->space, GPA, SZ_2M, EPT_PROT_READ) ?:
	       ept_space_protect(subject->space, GPA, SZ_2M, RW);
}

/* Pages that nothing is mapped to yet, beside one whose table is */
static int prepare_holes(struct subject *subject)
{
	return ept_space_remove(subject->space, GPA, PAGES * SZ_4K) ?:
	       add(subject, EPT_REGION_LINEAR, GPA, PAGES * SZ_4K);
}

static int run_faults(struct subject *subject)
{
	static const struct ept_violation violation = { .read = true, .write = true };
	struct ept_fault fault;
	int err = 0;

	for (unsigned int i = 0; i < PAGES && !err; i++)
		err = ept_space_fault(subject->space, GPA + i * (u64)SZ_4K, &violation, &fault);
	return err ?: fault.verdict == EPT_VERDICT_RESUME ? 0 : -EIO;
}

/* Far from one to the next */
static int run_mmio(struct subject *subject)
{
	static const struct ept_violation violation = { .read = true, .write = true };
	struct ept_fault fault;
	u64 at = 0;
	int err = 0;

	for (unsigned int i = 0; i < PAGES && !err; i++) {
		at = (at + 7919) % REGIONS;
		err = ept_space_fault(subject->space, at * SZ_8K, &violation, &fault);
	}
	return err ?: fault.verdict == EPT_VERDICT_MMIO ? 0 : -EIO;
}

/* The registers of a few devices, again and again */
static int run_devices(struct subject *subject)
{
	static const struct ept_violation violation = { .read = true, .write = true };
	struct ept_fault fault;
	int err = 0;

	for (unsigned int i = 0; i < PAGES && !err; i++)
		err = ept_space_fault(subject->space, i % 8 * 1250 * SZ_8K + i % 8 * SZ_8K,
				      &violation, &fault);
	return err ?: fault.verdict == EPT_VERDICT_MMIO ? 0 : -EIO;
}

/* A machine that has little memory populates less. */
static u64 populate_size(void)
{
	return PFN_PHYS(totalram_pages()) > 2 * POPULATE ? POPULATE : POPULATE / 8;
}

static int prepare_none(struct subject *subject)
{
	return ept_space_remove(subject->space, GPA, POPULATE) ?:
	       add(subject, EPT_REGION_ANON, GPA, populate_size());
}

/*
 * A process' memory that goes: what it takes with a region over it, and without one
 */

static unsigned long process_memory;

static int prepare_process(struct subject *subject, bool region_too)
{
	struct ept_region region = {
		.gpa = GPA, .size = SZ_2M, .kind = EPT_REGION_USER, .attrs = EPT_ATTRS_RAM,
	};
	int err = ept_space_remove(subject->space, GPA, SZ_4M);

	process_memory = vm_mmap(NULL, 0, SZ_2M, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, 0);
	if (err || IS_ERR_VALUE(process_memory))
		return err ?: (int)process_memory;
	region.user.mm = current->mm;
	region.user.address = process_memory;
	if (!region_too)
		return 0;
	return ept_space_add(subject->space, &region) ?:
	       ept_space_populate(subject->space, GPA, SZ_2M, RW, NULL, NULL);
}

static int prepare_watched(struct subject *subject)
{
	return prepare_process(subject, true);
}

static int prepare_unwatched(struct subject *subject)
{
	return prepare_process(subject, false);
}

static int run_munmap(struct subject *subject)
{
	return vm_munmap(process_memory, SZ_2M);
}

/* The same leaves, 4K each, and their one table */
static int prepare_unmap(struct subject *subject)
{
	return ept_space_remove(subject->space, GPA, SZ_4M) ?:
	       ept_map(ept_space_table(subject->space), GPA, BENCH_AT_4K, SZ_2M, &EPT_ATTRS_RAM);
}

static int run_unmap(struct subject *subject)
{
	return ept_unmap(ept_space_table(subject->space), GPA, SZ_2M, NULL);
}

static void forget(const struct ept_mapping *mapping, void *arg)
{
}

static int run_unmap_report(struct subject *subject)
{
	return ept_unmap_report(ept_space_table(subject->space), GPA, SZ_2M, forget, NULL, NULL);
}

static void bench_notifiers(struct subject *subject, unsigned int rounds)
{
	if (!IS_ENABLED(CONFIG_MMU_NOTIFIER) || !current->mm)
		return;
	subject->unit = "call";
	subject->units = 1;
	subject->limit = NULL;
	subject->name = "space-munmap";
	subject->prepare = prepare_watched;
	subject->run = run_munmap;
	measure(subject, rounds);
	subject->name = "munmap-alone";
	subject->prepare = prepare_unwatched;
	measure(subject, rounds);
	subject->name = "unmap-2M";
	subject->prepare = prepare_unmap;
	subject->run = run_unmap;
	measure(subject, rounds);
	subject->name = "report-2M";
	subject->run = run_unmap_report;
	measure(subject, rounds);
	subject->prepare = NULL;
}

static int run_populate(struct subject *subject)
{
	return ept_space_populate(subject->space, GPA, populate_size(), RW, NULL, NULL);
}

/* The pages alone */
static int populate_limit(struct subject *subject)
{
	static struct page *pages[POPULATE / SZ_2M];
	unsigned int i;

	for (i = 0; i < populate_size() / SZ_2M; i++) {
		pages[i] = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NORETRY, 9);
		if (!pages[i])
			break;
	}
	while (i)
		__free_pages(pages[--i], 9);
	return 0;
}

static void bench_faults_of(struct subject *subject, unsigned int rounds)
{
	if (add(subject, EPT_REGION_ANON, GPA, SZ_2M) ||
	    ept_space_protect(subject->space, GPA + SZ_2M - SZ_4K, SZ_4K, EPT_PROT_READ) ||
	    ept_space_populate(subject->space, GPA, SZ_2M, RW, NULL, NULL)) {
		pr_err("bench: FAIL faults in a space: no memory\n");
		return;
	}
	subject->unit = "fault";
	subject->units = PAGES;
	subject->run = run_faults;
	subject->name = "space-again";
	measure(subject, rounds);
	subject->name = "space-lesser";
	subject->prepare = prepare_lesser;
	measure(subject, rounds);
	subject->name = "space-fault";
	subject->prepare = prepare_holes;
	measure(subject, rounds);
	subject->prepare = NULL;
}

static void bench_lookups_of(struct subject *subject, unsigned int rounds)
{
	for (u64 i = 0; i < REGIONS; i++)
		if (add(subject, EPT_REGION_MMIO, i * SZ_8K, SZ_4K))
			return;
	subject->name = "space-mmio";
	subject->unit = "fault";
	subject->units = PAGES;
	subject->run = run_mmio;
	measure(subject, rounds);
	subject->name = "space-devices";
	subject->run = run_devices;
	measure(subject, rounds);
}

static void bench_populate(struct subject *subject, unsigned int rounds)
{
	subject->name = "space-populate";
	subject->unit = "page";
	subject->units = populate_size() / SZ_4K;
	subject->prepare = prepare_none;
	subject->run = run_populate;
	subject->limit = populate_limit;
	measure(subject, rounds);
}

static void bench_spaces(unsigned int rounds)
{
	struct subject subject = { .space = ept_space_create(&config) };

	if (IS_ERR(subject.space)) {
		pr_err("bench: FAIL a space: error %ld\n", PTR_ERR(subject.space));
		return;
	}
	bench_faults_of(&subject, rounds);
	bench_notifiers(&subject, rounds);
	bench_populate(&subject, rounds);
	subject.limit = NULL;
	subject.prepare = NULL;
	ept_space_remove(subject.space, 0, 4ULL * SZ_1G);
	bench_lookups_of(&subject, rounds);
	ept_space_destroy(subject.space);
}

/*
 * The guest's memory
 */

#define WALKS		500

static const struct ept_guest_paging paging = {
	.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP,
	.cr3 = 0,
	.cr4 = X86_CR4_PAE,
	.efer = EFER_LME | EFER_LMA | EFER_NX,
	.cs_long = true,
	.maxphyaddr = 46,
};

/* Four tables in the first pages; what is mapped by the last is the 2M itself. */
static void make_guest_tables(u64 *memory)
{
	const u64 flags = 0x67;		/* present, writable, user, accessed, dirty */

	for (u64 i = 0; i < 3; i++)
		memory[i * 512] = (i + 1) * SZ_4K | flags;
	for (u64 i = 0; i < 512; i++)
		memory[3 * 512 + i] = i * SZ_4K | flags;
}

static int run_walks(struct subject *subject)
{
	struct ept_guest_walk walk;

	for (unsigned int i = 0; i < WALKS; i++) {
		ept_guest_walk(subject->ept, &paging, i * SZ_4K, EPT_PROT_READ, &walk);
		if (walk.verdict != EPT_WALK_OK)
			return -EIO;
	}
	return 0;
}

static int run_copy(struct subject *subject)
{
	u8 *buffer = page_address((struct page *)subject->data);

	return ept_guest_read(subject->ept, 8 * SZ_4K, buffer, SZ_4K, EPT_PROT_READ) == SZ_4K ?
	       0 : -EIO;
}

/* The copy alone, of a size that the compiler doesn't know */
static int copy_limit(struct subject *subject)
{
	static size_t size = SZ_4K;
	u8 *buffer = page_address((struct page *)subject->data);

	memcpy(buffer, buffer + SZ_4K, READ_ONCE(size));
	return 0;
}

static void bench_walks(struct subject *subject, const char *name, unsigned int rounds)
{
	subject->name = name;
	subject->unit = "walk";
	subject->units = WALKS;
	subject->run = run_walks;
	subject->limit = NULL;
	measure(subject, rounds);
}

static void bench_guest(unsigned int rounds)
{
	struct subject subject = { .ept = ept_create(&config) };
	struct page *memory = alloc_pages(GFP_KERNEL | __GFP_ZERO, 9);

	subject.data = alloc_pages(GFP_KERNEL | __GFP_ZERO, 1);
	if (IS_ERR(subject.ept) || !memory || !subject.data)
		return;
	make_guest_tables(page_address(memory));
	if (!ept_map(subject.ept, 0, page_to_phys(memory), SZ_2M, &EPT_ATTRS_RAM)) {
		bench_walks(&subject, "guest-walk-2M", rounds);
		ept_split(subject.ept, 0, SZ_2M, EPT_4K, NULL);
		bench_walks(&subject, "guest-walk-4K", rounds);
		subject.name = "guest-copy";
		subject.unit = "page";
		subject.units = 1;
		subject.run = run_copy;
		subject.limit = copy_limit;
		measure(&subject, rounds);
	}
	ept_destroy(subject.ept);
	__free_pages(subject.data, 1);
	__free_pages(memory, 9);
}

void bench_layers(unsigned int rounds)
{
	bench_spaces(rounds);
	bench_guest(rounds);
}
