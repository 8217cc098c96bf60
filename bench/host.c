// SPDX-License-Identifier: GPL-2.0
/*
 * What a thin hypervisor does that other VMMs don't: ask for the type of an address, map a large
 * host, switch the rights of a page in VMX root. Prints a line for each, in ticks of the clock:
 *
 *	bench: host|<what>|<units>|<least>
 *
 * where host-tables is a number of tables and no time.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "ept_core.h"
#include "ept_memtype.h"
#include "bench.h"

#define GIB(n)		((n) * (u64)SZ_1G)
#define TIB(n)		GIB(1024ULL * (n))

#define WIDTH		46
#define VALID		BIT_ULL(11)
#define MASK(size)	((BIT_ULL(WIDTH) - 1) & ~((size) - 1))

#define UC(at, size)	{ (at) | EPT_MT_UC, MASK(size) | VALID }
#define WC(at, size)	{ (at) | EPT_MT_WC, MASK(size) | VALID }

/* A server: all is WB but the 2 GiB below 4 GiB, a framebuffer, and windows far above. 10 ranges */
static const struct ept_mtrr_msrs server = {
	.mtrr = true,
	.maxphyaddr = WIDTH,
	.cap = 0x50a,
	.def_type = 0xc00 | EPT_MT_WB,
	.fixed = {
		0x0606060606060606, 0x0606060606060606, 0, 0x0505050505050505, 0x0505050505050505,
		0x0505050505050505, 0x0505050505050505,
	},
	.variable = {
		UC(GIB(2), GIB(2)), UC(TIB(32), TIB(16)), UC(TIB(48), TIB(8)), UC(TIB(56), TIB(4)),
		UC(TIB(60), TIB(2)), UC(TIB(62), TIB(1)), UC(TIB(63), GIB(512)),
		WC(TIB(16), SZ_256M), UC(TIB(17), SZ_1G), UC(TIB(18), SZ_16M),
	},
};

static const u64 addresses[] = {
	0, 0xa0000, 0xfffff, SZ_1M, SZ_2G - 1, SZ_2G, 0xfee00000, GIB(4), GIB(5), TIB(4), TIB(16),
	TIB(16) + SZ_256M, TIB(17), TIB(18) + SZ_16M, TIB(40), BIT_ULL(WIDTH) - 1,
};

#define ROUNDS		8

/* No CPU runs a guest on these tables. */
static void invalidate(struct ept *ept, void *cookie)
{
}

static const struct ept_ops ops = { .invalidate = invalidate };

static struct ept *create(u32 flags)
{
	const struct ept_config config = {
		.levels = 4, .max_leaf = EPT_1G, .maxphyaddr = WIDTH,
		.features = EPT_FEATURE_AD, .flags = flags, .table_memtype = EPT_MT_WB,
		.nid = NUMA_NO_NODE, .ops = &ops,
	};

	return ept_create(&config);
}

static void report(const char *what, unsigned int units, u64 least)
{
	pr_info("bench: host|%s|%u|%llu\n", what, units, least);
}

typedef int (*call_fn)(void *arg);

/* The least of what @call takes in a few rounds, each of which begins with @before */
static int measure(call_fn before, call_fn call, void *arg, u64 *least)
{
	const u64 cost = bench_clock_cost();

	*least = U64_MAX;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned long flags;
		u64 start;
		int err;

		local_irq_save(flags);
		err = before ? before(arg) : 0;
		start = bench_clock();
		err = err ?: call(arg);
		*least = min(*least, bench_clock() - start - cost);
		local_irq_restore(flags);
		if (err)
			return err;
	}
	return 0;
}

/*
 * The type of an address, and how far it holds
 */

static int ask_types(void *arg)
{
	u64 span, spans = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
		if (ept_mtrr_type(arg, addresses[i], &span) < 0)
			return -EIO;
		spans |= span;
	}
	return spans ? 0 : -EIO;
}

static int measure_types(struct ept_mtrr *mtrr)
{
	u64 least;
	int err = measure(NULL, ask_types, mtrr, &least);

	if (!err)
		report("host-type", ARRAY_SIZE(addresses), least);
	return err;
}

/*
 * A page's rights, taken and given back, as an exit handler does. No table goes, so that a gather
 * serves for long.
 */

#define SWITCHES	64

struct switches {
	struct ept		*ept;
	struct ept_gather	gather;
	int			(*protect)(struct ept *ept, u64 gpa, u64 size, u32 clear, u32 set,
					   struct ept_gather *gather);
};

/* What the loop takes by itself */
static int protect_nothing(struct ept *ept, u64 gpa, u64 size, u32 clear, u32 set,
			   struct ept_gather *gather)
{
	return 0;
}

static int take_rights(void *arg)
{
	struct switches *switches = arg;
	int err = 0;

	for (unsigned int i = 0; i < SWITCHES && !err; i++)
		err = switches->protect(switches->ept, i * SZ_4K, SZ_4K, EPT_PROT_WRITE, 0,
					&switches->gather);
	return err;
}

static int give_rights(void *arg)
{
	const u32 all = EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC;
	struct switches *switches = arg;
	int err = 0;

	for (unsigned int i = 0; i < SWITCHES && !err; i++)
		err = switches->protect(switches->ept, i * SZ_4K, SZ_4K, 0, all, &switches->gather);
	return err;
}

static int measure_switch(const char *what, call_fn before, call_fn call,
			  struct switches *switches)
{
	u64 least, loop;
	int err;

	switches->protect = ept_protect;
	err = measure(before, call, switches, &least);
	switches->protect = protect_nothing;
	err = err ?: measure(NULL, call, switches, &loop);
	if (!err)
		report(what, SWITCHES, least - loop);
	return err;
}

static int measure_switches(void)
{
	struct switches switches = { .ept = create(EPT_CONFIG_ATOMIC) };
	struct ept *ept = switches.ept;
	int err;

	if (IS_ERR(ept))
		return PTR_ERR(ept);
	ept_gather_init(&switches.gather, ept);
	err = ept_reserve(ept, 8) ?: ept_map(ept, 0, 0, SZ_2M - SZ_4K, &EPT_ATTRS_RAM) ?:
	      measure_switch("host-take", give_rights, take_rights, &switches) ?:
	      measure_switch("host-give", take_rights, give_rights, &switches);
	ept_gather_flush(&switches.gather);
	ept_destroy(ept);
	return err;
}

/*
 * The map of a host of 4 TiB
 */

static int map_host(const struct ept_mtrr *mtrr, u64 *least, u64 *tables)
{
	struct ept *ept = create(0);
	u64 start;
	int err;

	if (IS_ERR(ept))
		return PTR_ERR(ept);
	bench_clock_settle();
	start = bench_clock();
	err = ept_map_host(ept, &EPT_ATTRS_RAM, mtrr);
	*least = min(*least, bench_clock() - start);
	*tables = bench_count_tables(ept);
	ept_destroy(ept);
	return err;
}

/* What this machine lacks of 4 TiB. Its CPU may have fewer bits: then the tree is made to reach. */
static int measure_host(const struct ept_mtrr *mtrr)
{
	const resource_size_t end = iomem_resource.end;
	struct resource memory = {
		.name = "ept_bench", .flags = IORESOURCE_MEM,
		.start = GIB(4), .end = TIB(4) + GIB(2) - 1,
	};
	u64 least = U64_MAX, tables;
	int err;

	iomem_resource.end = max_t(u64, end, memory.end);
	err = request_resource(&iomem_resource, &memory);
	for (unsigned int round = 0; round < ROUNDS && !err; round++)
		err = map_host(mtrr, &least, &tables);
	if (memory.parent)
		release_resource(&memory);
	iomem_resource.end = end;
	if (err)
		return err;
	report("host-map", 1, least);
	report("host-tables", 1, tables);
	return 0;
}

static int measure_all(struct ept_mtrr *mtrr)
{
	return ept_mtrr_decode(&server, mtrr) ?: measure_types(mtrr) ?: measure_switches() ?:
	       measure_host(mtrr);
}

void bench_host(void)
{
	struct ept_mtrr *mtrr = kmalloc(sizeof(*mtrr), GFP_KERNEL);
	int err = mtrr ? measure_all(mtrr) : -ENOMEM;

	kfree(mtrr);
	if (err)
		pr_err("bench: FAIL host: error %d\n", err);
}
