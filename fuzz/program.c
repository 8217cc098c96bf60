// SPDX-License-Identifier: GPL-2.0
/*
 * What a program's bytes mean, and each step: the call to the module and to the flat model, a
 * CPU's accesses by model MMU and model TLB, and the comparison of them all.
 */
#include "ept_table.h"
#include "fixture.h"
#include "model_tlb.h"
#include "program.h"
#include "verify.h"

#define MAX_LEAVES	520	/* that one step makes */
#define FULL		8	/* steps from one comparison of everything to the next */

struct program_counts program_counts;

/* A table, its models, a CPU that runs a guest on it, and gathers that may be open */
struct machine {
	struct fixture		fixture;
	struct tlb		tlb;
	struct ept_gather	gathers[GATHERS];
	bool			open[GATHERS];
	u64			last[GATHERS];	/* the number of the last change that it has */
	u64			changes;
	unsigned int		loads;
};

struct run {
	struct kunit	test;
	struct machine	machines[TABLES];
	struct machine	*machine;	/* this step's */
	const u8	*step;
	bool		print;
	unsigned long	seq;		/* for ept_map_if() and its kin */
};

#define PRINT(run, ...)				\
do {						\
	if ((run)->print)			\
		printf(__VA_ARGS__);		\
} while (0)

/* This step's table, in what is printed */
#define TABLE(run)	((unsigned int)((run)->machine - (run)->machines))

/*
 * Arguments
 */

static struct flat *flat_of(const struct run *run)
{
	return run->machine->fixture.flat;
}

static const struct ept_config *config_of(const struct run *run)
{
	return &run->machine->fixture.config;
}

/* Few places, so that steps meet: the bottom, edges of large spans, the top */
static u64 place(const struct run *run)
{
	static const u16 near[] = { 0, 1, 2, 3, 255, 256, 510, 511 };
	const u64 width = flat_width(flat_of(run));
	const u64 bases[] = { 0, SZ_512G - SZ_2G, width - SZ_4G, width / 2 - SZ_2G };
	const u8 *step = run->step;

	return bases[step[2] & 3] + (u64)(step[2] >> 6) * SZ_1G +
	       (u64)near[step[3] & 7] * SZ_2M + (u64)near[step[3] >> 3 & 7] * SZ_4K;
}

/* That place, or what is mapped next, cut to 4K, 2M or 1G */
static u64 gpa_of(const struct run *run)
{
	static const u64 units[] = { SZ_4K, SZ_4K, SZ_2M, SZ_1G };
	struct flat_range range;
	u64 gpa = place(run);

	if (run->step[2] & 4 && flat_next(flat_of(run), gpa >> 12, &range)) {
		const u64 nr = range.last - range.first + 2;
		const u64 pick[] = { 0, 1, nr / 2, nr - 1 };

		gpa = (range.first + pick[run->step[3] >> 6] % nr) << 12;
	}
	return round_down(gpa, units[run->step[2] >> 3 & 3]);
}

static u64 size_of(const struct run *run)
{
	static const u64 units[] = { SZ_4K, SZ_2M, SZ_1G, SZ_4K };
	static const u16 counts[] = { 1, 1, 2, 3, 7, 8, 64, 511, 512, 513, 1, 1, 4, 5, 16, 17 };

	return units[run->step[4] & 3] * counts[run->step[4] >> 2 & 15];
}

static struct ept_attrs attrs_of(const struct run *run)
{
	static const enum ept_memtype types[] = {
		EPT_MT_WB, EPT_MT_WB, EPT_MT_UC, EPT_MT_WC, EPT_MT_WT, EPT_MT_WP, EPT_MT_WB,
		2 /* illegal */,
	};
	const struct ept_config *config = config_of(run);
	struct ept_attrs attrs = {
		.prot = run->step[5] & 15,
		.memtype = types[run->step[5] >> 4 & 7],
		.flags = run->step[6] & 3 ? 0 : run->step[6] >> 2,
		.tag = run->step[7] & 1 ? run->step[7] >> 3 : 0,
	};

	/* Mostly what the table can have */
	if (flat_judge(config, &attrs) && run->step[7] & 6)
		attrs = EPT_ATTRS_RAM;
	return attrs;
}

static u64 hpa_of(const struct run *run, u64 gpa)
{
	static const u64 units[] = { SZ_1G, SZ_1G, SZ_2M, SZ_4K };
	const struct flat_piece *piece = flat_at(flat_of(run), gpa);
	const u64 unit = units[run->step[8] & 3], memory = 1ULL << config_of(run)->maxphyaddr;
	u64 hpa;

	if (piece && run->step[8] & 4)
		return gpa + piece->delta;
	hpa = (u64)(run->step[8] >> 3) * unit + (gpa & (unit - 1));
	return run->step[9] & 1 ? hpa % memory : (memory - SZ_4G + hpa % SZ_4G) % memory;
}

static enum ept_level level_of(const struct run *run)
{
	return run->step[10] & 0x1c ? (run->step[10] & 3) % 3 : run->step[10] & 7;
}

static struct ept_gather *gather_of(const struct run *run)
{
	const unsigned int i = run->step[1] >> 1 & 3;

	return i < GATHERS && run->machine->open[i] ? &run->machine->gathers[i] : NULL;
}

/* Now and then an argument that is wrong */
static void spoil(const struct run *run, u64 *address, u64 *size)
{
	const u64 any = (u64)run->step[13] << 40 | run->step[14] << 12 | run->step[15];
	const u64 limit = *size;

	switch (run->step[12]) {
	case 1:
		*address += run->step[13];
		break;
	case 2:
		*size += run->step[13];
		break;
	case 3:
		*size = 0;
		break;
	case 4:
		*address = any << 8;
		break;
	case 5:
		*size = any << 24 & ~0xfffULL;
		break;
	case 6:
		*address |= 1ULL << (46 + run->step[13] % 12);
		break;
	case 7:
		*address = -(u64)run->step[13] << 12;
		break;
	}
	/* But not one that makes a step long */
	if (*size > limit && *size <= 1ULL << 57)
		*size = 0;
}

/* A step makes no more small leaves than that. */
static u64 limited(u64 gpa, u64 hpa, u64 size, enum ept_level level)
{
	while (level && !IS_ALIGNED(gpa ^ hpa, flat_span(level)))
		level--;
	return min(size, MAX_LEAVES * flat_span(level));
}

struct args {
	u64			gpa;
	u64			hpa;
	u64			size;
	struct ept_attrs	attrs;
};

static struct args map_args(const struct run *run)
{
	struct args args = { .gpa = gpa_of(run), .attrs = attrs_of(run) };

	args.hpa = hpa_of(run, args.gpa);
	args.size = size_of(run);
	/* Where one level is asked for, one leaf of what is there */
	if (run->step[11] & 1) {
		const struct flat_piece *piece = flat_at(flat_of(run), args.gpa);

		if (piece) {
			args.size = flat_span(piece->level);
			args.gpa = round_down(args.gpa, args.size);
		}
	}
	args.size = limited(args.gpa, args.hpa, args.size,
			    flat_largest(config_of(run), &args.attrs));
	spoil(run, run->step[11] & 2 ? &args.gpa : &args.hpa, &args.size);
	return args;
}

static struct args range_args(const struct run *run, enum ept_level smallest)
{
	struct args args = { .gpa = gpa_of(run), .size = size_of(run) };

	args.size = min(args.size, MAX_LEAVES * flat_span(smallest));
	spoil(run, &args.gpa, &args.size);
	return args;
}

/*
 * Steps
 */

static const char *gather_name(const struct run *run)
{
	static const char *const names[] = { "&a", "&b" };
	const struct ept_gather *gather = gather_of(run);

	return gather ? names[gather - run->machine->gathers] : "NULL";
}

static void print_attrs(const struct run *run, const struct ept_attrs *attrs)
{
	PRINT(run, "&(struct ept_attrs){ .prot = %u, .memtype = %u, .flags = %#x, .tag = %u }",
	      attrs->prot, attrs->memtype, attrs->flags, attrs->tag);
}

/* What all functions that map take first */
static void print_map(const struct run *run, const char *name, const struct args *args)
{
	PRINT(run, "%s(t%u, %#llx, %#llx, %#llx, ", name, TABLE(run), args->gpa, args->hpa,
	      args->size);
	print_attrs(run, &args->attrs);
}

static void print_range(const struct run *run, const char *name, const struct args *args)
{
	PRINT(run, "%s(t%u, %#llx, %#llx, ", name, TABLE(run), args->gpa, args->size);
}

static int step_map(struct run *run)
{
	const struct args args = map_args(run);

	print_map(run, "do_map", &args);
	PRINT(run, ");\n");
	return do_map(&run->machine->fixture, args.gpa, args.hpa, args.size, &args.attrs);
}

/* What ept_map_check() says is what ept_map() says of a hole. */
static int step_map_check(struct run *run)
{
	const struct args args = map_args(run);
	struct fixture *fixture = &run->machine->fixture;
	const int ret = ept_map_check(fixture->ept, args.gpa, args.hpa, args.size, &args.attrs);
	struct flat *empty = flat_create(&fixture->config);

	print_map(run, "ept_map_check", &args);
	PRINT(run, ");\n");
	KUNIT_EXPECT_EQ(&run->test, ret,
			flat_map(empty, args.gpa, args.hpa, args.size, &args.attrs));
	flat_destroy(empty);
	return ret;
}

/* The client's number has changed: -EAGAIN, after what is never right, and nothing is changed. */
static int step_too_late(struct run *run)
{
	const struct args args = map_args(run);
	struct fixture *fixture = &run->machine->fixture;
	const int wrong = ept_map_check(fixture->ept, args.gpa, args.hpa, args.size, &args.attrs);
	const unsigned long seen = run->seq++;
	int ret;

	print_map(run, "ept_map_if", &args);
	PRINT(run, ", &seq, seq - 1);\n");
	if (is_atomic(fixture))
		ept_reserve(fixture->ept, 64);
	ret = ept_map_if(fixture->ept, args.gpa, args.hpa, args.size, &args.attrs, &run->seq, seen);
	KUNIT_EXPECT_EQ(&run->test, ret, wrong ?: -EAGAIN);
	ret = ept_install(fixture->ept, args.gpa, args.hpa, args.size, &args.attrs, &run->seq, seen,
			  gather_of(run));
	KUNIT_EXPECT_EQ(&run->test, ret, wrong ?: -EAGAIN);
	return ret;
}

static int step_remap(struct run *run)
{
	const struct args args = map_args(run);

	print_map(run, "do_remap", &args);
	PRINT(run, ", %s);\n", gather_name(run));
	return do_remap(&run->machine->fixture, args.gpa, args.hpa, args.size, &args.attrs,
			gather_of(run));
}

static int step_install(struct run *run)
{
	const struct args args = map_args(run);

	print_map(run, "do_install", &args);
	PRINT(run, ", %s);\n", gather_name(run));
	return do_install(&run->machine->fixture, args.gpa, args.hpa, args.size, &args.attrs,
			  gather_of(run));
}

#define NR_PAGES	600

static unsigned long make_pages(struct run *run, u64 *gpa, u64 *hpas)
{
	static const u16 counts[] = { 1, 2, 3, 17, 511, 512, 513, 600 };
	unsigned long nr = counts[run->step[4] & 7];
	u64 hpa = SZ_16M, ignored = 1;

	*gpa = gpa_of(run);
	hpa += *gpa & (SZ_2M - 1);
	for (unsigned long i = 0; i < nr; i++, hpa += SZ_4K) {
		if (i && run->step[9] & 2 && !(i % (run->step[13] + 1)))
			hpa += SZ_8K;
		hpas[i] = hpa;
	}
	spoil(run, gpa, &ignored);
	return nr;
}

static int step_pages(struct run *run)
{
	const struct ept_attrs attrs = attrs_of(run);
	const bool fill = run->step[9] & 4;
	unsigned long nr;
	u64 hpas[NR_PAGES], gpa;

	nr = make_pages(run, &gpa, hpas);
	PRINT(run, "%s(t%u, %#llx, hpas /* from %#llx, a gap each %u */, %lu, ",
	      fill ? "do_fill_pages" : "do_map_pages", TABLE(run), gpa, hpas[0],
	      run->step[9] & 2 ? run->step[13] + 1 : 0, nr);
	print_attrs(run, &attrs);
	PRINT(run, ");\n");
	return (fill ? do_fill_pages : do_map_pages)(&run->machine->fixture, gpa, hpas, nr, &attrs);
}

static int step_unmap(struct run *run)
{
	struct args args = range_args(run, EPT_1G);

	if (run->step[11] == 1) {
		args.gpa = 0;
		args.size = flat_width(flat_of(run));
	}
	print_range(run, run->step[11] & 2 ? "do_unmap_report" : "do_unmap", &args);
	PRINT(run, "%s);\n", gather_name(run));
	return (run->step[11] & 2 ? do_unmap_report : do_unmap)
		(&run->machine->fixture, args.gpa, args.size, gather_of(run));
}

static int step_zap(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	const bool report = run->step[11] & 1;

	print_range(run, "do_zap", &args);
	PRINT(run, "%d, %s);\n", report, gather_name(run));
	return do_zap(&run->machine->fixture, args.gpa, args.size, report, gather_of(run));
}

static int step_protect(struct run *run)
{
	const bool shrinks = config_of(run)->flags & EPT_CONFIG_NO_EXEC_LARGE;
	const struct args args = range_args(run, shrinks ? EPT_4K : EPT_1G);
	const u32 clear = run->step[5] & 15, set = run->step[6] & 1 ? run->step[5] >> 4 | 1 : 0;
	const u32 unknown = run->step[7] == 1 ? 16 : 0;

	print_range(run, "do_protect", &args);
	PRINT(run, "%u, %u, %s);\n", clear, set | unknown, gather_name(run));
	return do_protect(&run->machine->fixture, args.gpa, args.size, clear, set | unknown,
			  gather_of(run));
}

static int step_redirect(struct run *run)
{
	struct args args = range_args(run, EPT_4K);
	const struct flat_piece *piece = flat_at(flat_of(run), args.gpa);
	const u32 clear = run->step[5] & 15, set = run->step[6] & 1 ? run->step[5] >> 4 | 1 : 0;

	if (piece && run->step[11] & 1)
		args.size = min(args.size,
				flat_span(piece->level) - args.gpa % flat_span(piece->level));
	args.hpa = hpa_of(run, args.gpa);
	PRINT(run, "do_redirect(t%u, %#llx, %#llx, %#llx, %u, %u, %s);\n", TABLE(run), args.gpa,
	      args.hpa, args.size, clear, set, gather_name(run));
	return do_redirect(&run->machine->fixture, args.gpa, args.hpa, args.size, clear, set,
			   gather_of(run));
}

static int step_memtype(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	const enum ept_memtype type = run->step[5] & 8 ? run->step[5] >> 4 : run->step[5] & 1;

	print_range(run, "do_set_memtype", &args);
	PRINT(run, "%u, %s);\n", type, gather_name(run));
	return do_set_memtype(&run->machine->fixture, args.gpa, args.size, type, gather_of(run));
}

static int step_tag(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	const u8 tag = run->step[7] % 33;

	print_range(run, "do_set_tag", &args);
	PRINT(run, "%u, %s);\n", tag, gather_name(run));
	return do_set_tag(&run->machine->fixture, args.gpa, args.size, tag, gather_of(run));
}

static int step_attrs(struct run *run)
{
	struct ept_attrs attrs = attrs_of(run);
	const struct args args = range_args(run, flat_largest(config_of(run), &attrs));
	const struct flat_piece *piece = flat_at(flat_of(run), args.gpa);

	/* What is there, but for one thing */
	if (piece && run->step[11] & 1) {
		const u32 flags = attrs.flags & ~EPT_ATTR_SUBPAGE;

		attrs = piece->attrs;
		if (run->step[11] & 2)
			attrs.tag ^= 1;
		else
			attrs.flags |= flags;
	}
	print_range(run, "do_set_attrs", &args);
	print_attrs(run, &attrs);
	PRINT(run, ", %s);\n", gather_name(run));
	return do_set_attrs(&run->machine->fixture, args.gpa, args.size, &attrs, gather_of(run));
}

static int step_split(struct run *run)
{
	const enum ept_level level = level_of(run);
	const struct args args = range_args(run, min(level, EPT_1G));

	print_range(run, "do_split", &args);
	PRINT(run, "%u, %s);\n", level, gather_name(run));
	return do_split(&run->machine->fixture, args.gpa, args.size, level, gather_of(run));
}

static struct args merge_args(const struct run *run)
{
	struct args args = range_args(run, EPT_1G);

	if (!run->step[12] && run->step[11] & 3) {
		args.gpa = 0;
		args.size = flat_width(flat_of(run));
	}
	return args;
}

static int step_merge(struct run *run)
{
	const struct args args = merge_args(run);
	const enum ept_level level = level_of(run);

	print_range(run, "do_merge", &args);
	PRINT(run, "%u);\n", level);
	return do_merge(&run->machine->fixture, args.gpa, args.size, level);
}

static int step_harvest(struct run *run)
{
	struct args args = range_args(run, EPT_1G);
	const bool dirty = run->step[11] & 1, peek = run->step[11] & 2;

	/* Bitmaps have to be that large. */
	if (args.size <= 1ULL << 57)
		args.size = min(args.size, SZ_4G);
	print_range(run, "do_harvest", &args);
	PRINT(run, "%d, %d, %s);\n", dirty, peek, gather_name(run));
	return do_harvest(&run->machine->fixture, args.gpa, args.size, dirty, peek, gather_of(run));
}

static int step_clear_dirty(struct run *run)
{
	struct args args = { .gpa = gpa_of(run) + run->step[15], .size = 1 };

	spoil(run, &args.gpa, &args.size);
	PRINT(run, "do_clear_dirty(t%u, %#llx, %s);\n", TABLE(run), args.gpa, gather_name(run));
	return do_clear_dirty(&run->machine->fixture, args.gpa, gather_of(run));
}

static int step_grant(struct run *run)
{
	struct args args = { .gpa = gpa_of(run) + run->step[15], .size = 1 };
	const u32 prot = run->step[5] & (run->step[6] & 7 ? 3 : 31);

	spoil(run, &args.gpa, &args.size);
	PRINT(run, "do_grant(t%u, %#llx, %u);\n", TABLE(run), args.gpa, prot);
	return do_grant(&run->machine->fixture, args.gpa, prot);
}

static int step_age(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	const bool clear = run->step[11] & 1;
	int ret;

	print_range(run, "do_age", &args);
	PRINT(run, "%d);\n", clear);
	ret = do_age(&run->machine->fixture, args.gpa, args.size, clear);
	/* It says that a CPU may go on with what it cached. */
	if (clear)
		tlb_forget(&run->machine->tlb);
	return ret;
}

/* A CPU's accesses: first by the tables, which marks them, then by what it caches */
static void access(struct run *run, u64 gpa, struct mmu_access how, u32 prot)
{
	struct machine *machine = run->machine;

	if (how.fetch) {
		PRINT(run, "do_fetch(t%u, %#llx, %d);\n", TABLE(run), gpa, how.user);
		do_fetch(&machine->fixture, gpa, how.user);
	} else {
		PRINT(run, "do_access(t%u, %#llx, %d);\n", TABLE(run), gpa, how.write);
		do_access(&machine->fixture, gpa, how.write);
	}
	if (!machine->fixture.owed)
		KUNIT_EXPECT_EQ(&run->test, tlb_access(&machine->tlb, gpa, &how), MMU_OK);
}

static int step_access(struct run *run)
{
	const u64 gpa = gpa_of(run) + run->step[15];
	const struct flat_piece *piece = flat_at(flat_of(run), gpa);
	const u32 prot = piece ? piece->attrs.prot : 0;
	const unsigned int pick = run->step[11];

	if (gpa >= flat_width(flat_of(run)))
		return 0;
	if (prot & EPT_PROT_UEXEC && pick & 1)
		access(run, gpa, (struct mmu_access){ .fetch = true, .user = true }, prot);
	else if (prot & EPT_PROT_EXEC && (!(prot & EPT_PROT_READ) || pick & 2))
		access(run, gpa, (struct mmu_access){ .fetch = true }, prot);
	else if (prot & EPT_PROT_READ)
		access(run, gpa, (struct mmu_access){
			.read = true, .write = prot & EPT_PROT_WRITE && pick & 4,
		}, prot);
	return 0;
}

/*
 * Gathers
 */

static bool all_is_last(const struct machine *machine, unsigned int i)
{
	return machine->last[i] == machine->changes;
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

static int step_gather(struct run *run)
{
	const unsigned int i = run->step[11] & 1;
	struct machine *machine = run->machine;

	if (!machine->open[i]) {
		PRINT(run, "ept_gather_init(&%c, t%u->ept);\n", 'a' + i, TABLE(run));
		ept_gather_init(&machine->gathers[i], machine->fixture.ept);
		machine->last[i] = 0;
	} else {
		PRINT(run, "do_flush(t%u, &%c);\n", TABLE(run), 'a' + i);
		do_flush(&machine->fixture, &machine->gathers[i]);
	}
	machine->open[i] = !machine->open[i];
	return 0;
}

/* The client invalidates, and frees. */
static int step_gather_free(struct run *run)
{
	const unsigned int i = run->step[11] & 1;
	struct machine *machine = run->machine;

	if (!machine->open[i])
		return 0;
	PRINT(run, "ept_gather_free(&%c);\n", 'a' + i);
	if (all_is_last(machine, i)) {
		tlb_forget(&machine->tlb);
		machine->fixture.owed = false;
	} else if (machine->last[i]) {
		tlb_forget(&machine->tlb);
	}
	ept_gather_free(&machine->gathers[i]);
	return 0;
}

static int step_splice(struct run *run)
{
	const unsigned int to = run->step[11] & 1;
	struct machine *machine = run->machine;
	int ret;

	if (!machine->open[0] || !machine->open[1])
		return 0;
	PRINT(run, "ept_gather_splice(&%c, &%c);\n", 'a' + to, 'a' + !to);
	ret = ept_gather_splice(&machine->gathers[to], &machine->gathers[!to]);
	KUNIT_EXPECT_EQ(&run->test, ret, 0);
	machine->last[to] = max(machine->last[to], machine->last[!to]);
	machine->last[!to] = 0;
	return ret;
}

/* All that are open, of all tables */
static int step_flush_all(struct run *run)
{
	struct ept_gather *all[TABLES * GATHERS];
	u64 before[TABLES];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < TABLES * GATHERS; i++) {
		struct machine *machine = &run->machines[i / GATHERS];

		before[i / GATHERS] = machine->fixture.invalidations;
		if (machine->open[i % GATHERS])
			all[nr++] = &machine->gathers[i % GATHERS];
	}
	PRINT(run, "ept_gather_flush_all(all, %u);\n", nr);
	ept_gather_flush_all(all, nr);
	for (unsigned int i = 0; i < TABLES; i++) {
		struct machine *machine = &run->machines[i];
		const bool any = machine->open[0] || machine->open[1];

		KUNIT_EXPECT_EQ(&run->test, machine->fixture.invalidations - before[i],
				any && machine->fixture.owed);
		if (any)
			machine->fixture.owed = false;
	}
	return 0;
}

static int step_merge_gather(struct run *run)
{
	const struct args args = merge_args(run);
	const enum ept_level level = level_of(run);
	struct fixture *fixture = &run->machine->fixture;
	struct ept_gather *gather = gather_of(run);
	const u64 before = fixture->invalidations;
	int ret, expected;

	if (!gather)
		return step_merge(run);
	print_range(run, "ept_merge_gather", &args);
	PRINT(run, "%u, %s);\n", level, gather_name(run));
	expected = flat_merge(fixture->flat, args.gpa, args.size, level);
	ret = ept_merge_gather(fixture->ept, args.gpa, args.size, level, gather);
	KUNIT_EXPECT_EQ(&run->test, ret, expected);
	KUNIT_EXPECT_EQ(&run->test, fixture->invalidations, before);
	fixture->owed |= fixture->flat->flush_due;
	return ret;
}

static int step_flush(struct run *run)
{
	struct fixture *fixture = &run->machine->fixture;
	const u64 before = fixture->invalidations;

	PRINT(run, "ept_flush(t%u->ept);\n", TABLE(run));
	ept_flush(fixture->ept);
	KUNIT_EXPECT_EQ(&run->test, fixture->invalidations, before + 1);
	fixture->owed = false;
	return 0;
}

/*
 * Tables
 */

static int step_reserve(struct run *run)
{
	struct ept *ept = run->machine->fixture.ept;
	const unsigned long before = ept_reserved(ept), nr = run->step[13] % 80;

	PRINT(run, "ept_reserve(t%u->ept, %lu);\n", TABLE(run), nr);
	/* An atomic table's reserve is the models' to watch. */
	if (is_atomic(&run->machine->fixture))
		return 0;
	KUNIT_EXPECT_EQ(&run->test, ept_reserve(ept, nr), 0);
	KUNIT_EXPECT_EQ(&run->test, ept_reserved(ept), max(before, nr));
	return 0;
}

static int step_make_atomic(struct run *run)
{
	const u32 external = EPT_CONFIG_EXTERNAL_LOCK | EPT_CONFIG_ATOMIC;
	struct fixture *fixture = &run->machine->fixture;
	const int expected = fixture->config.flags & external ? 0 : -EOPNOTSUPP;

	if (run->step[13] & 15 || ept_reserved(fixture->ept))
		return 0;
	PRINT(run, "ept_make_atomic(t%u->ept);\n", TABLE(run));
	KUNIT_EXPECT_EQ(&run->test, ept_make_atomic(fixture->ept), expected);
	if (!expected)
		fixture->config.flags |= EPT_CONFIG_ATOMIC;
	return expected;
}

static int step_load(struct run *run)
{
	struct machine *machine = run->machine;

	if (run->step[11] & 1 || machine->loads > 3) {
		PRINT(run, "ept_vcpu_put(t%u->ept);\n", TABLE(run));
		ept_vcpu_put(machine->fixture.ept);
		machine->loads -= !!machine->loads;
		return 0;
	}
	PRINT(run, "ept_vcpu_load(t%u->ept);\n", TABLE(run));
	KUNIT_EXPECT_EQ(&run->test, ept_vcpu_load(machine->fixture.ept), 0);
	machine->loads++;
	return 0;
}

struct cloning {
	struct fixture		*to;
	int			err;
	struct ept_mapping	piece;	/* not yet in the model */
};

static int worse(int a, int b)
{
	static const int order[] = { -EINVAL, -ERANGE, -EOPNOTSUPP, -EEXIST };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return 0;
}

static int judge_clone(const struct ept_mapping *mapping, void *arg)
{
	struct cloning *cloning = arg;
	struct flat *empty = flat_create(&cloning->to->config);
	const int err = flat_map(empty, mapping->gpa, mapping->hpa, mapping->size, &mapping->attrs);

	cloning->err = worse(cloning->err, err);
	flat_destroy(empty);
	return 0;
}

static void clone_piece(struct cloning *cloning)
{
	const struct ept_mapping *piece = &cloning->piece;

	if (piece->size)
		flat_map(cloning->to->flat, piece->gpa, piece->hpa, piece->size, &piece->attrs);
}

/* Neighbours that differ in flags and sizes alone become one. */
static int clone_one(const struct ept_mapping *mapping, void *arg)
{
	struct cloning *cloning = arg;
	struct ept_mapping *piece = &cloning->piece;

	if (piece->size && mapping->gpa == piece->gpa + piece->size &&
	    mapping->hpa == piece->hpa + piece->size &&
	    same_attrs(&mapping->attrs, &piece->attrs)) {
		piece->size += mapping->size;
		return 0;
	}
	clone_piece(cloning);
	*piece = *mapping;
	return 0;
}

static bool maps_any(struct flat *flat, u64 gpa, u64 size)
{
	struct flat_range range;

	return flat_next(flat, gpa >> 12, &range) && range.first <= (gpa + size - 1) >> 12;
}

/* What a table has against a range, whatever is in it */
static int judge_range(const struct ept_config *config, u64 gpa, u64 size)
{
	struct flat *empty = flat_create(config);
	const int err = flat_unmap(empty, gpa, size);

	flat_destroy(empty);
	return err;
}

static int step_clone(struct run *run)
{
	struct machine *from = &run->machines[run->machine == run->machines];
	const struct args args = range_args(run, EPT_1G);
	struct fixture *to = &run->machine->fixture;
	struct cloning cloning = { .to = to };
	int ret;

	if (is_atomic(to))
		return 0;
	PRINT(run, "ept_clone(t%u->ept, t%u->ept, %#llx, %#llx);\n", TABLE(run),
	      (unsigned int)(from - run->machines), args.gpa, args.size);
	cloning.err = worse(judge_range(&to->config, args.gpa, args.size),
			    judge_range(&from->fixture.config, args.gpa, args.size));
	if (!cloning.err) {
		ept_for_each_mapping(from->fixture.ept, args.gpa, args.size, judge_clone, &cloning);
		if (!cloning.err && maps_any(to->flat, args.gpa, args.size))
			cloning.err = -EEXIST;
	}
	if (!cloning.err) {
		ept_for_each_mapping(from->fixture.ept, args.gpa, args.size, clone_one, &cloning);
		clone_piece(&cloning);
	}
	to->flat->flush_due = false;
	ret = ept_clone(to->ept, from->fixture.ept, args.gpa, args.size);
	KUNIT_EXPECT_EQ(&run->test, ret, cloning.err);
	return ret;
}

/*
 * Questions that a step has with it
 */

static int read_on(const struct ept_mapping *mapping, void *arg)
{
	u64 *sum = arg;

	*sum += mapping->size;
	return 0;
}

/* The cursor tells what the visit tells. */
static void ask_cursor(struct run *run, u64 gpa, u64 size)
{
	struct ept *ept = run->machine->fixture.ept;
	struct ept_mapping mapping;
	struct ept_cursor cursor;
	u64 sums[2] = {};
	int ret = ept_for_each_mapping(ept, gpa, size, read_on, &sums[0]);

	KUNIT_EXPECT_EQ(&run->test, ept_cursor_init(&cursor, ept, gpa, size), ret);
	if (ret)
		return;
	while (!ept_cursor_next(&cursor, &mapping))
		sums[1] += mapping.size;
	KUNIT_EXPECT_EQ(&run->test, sums[0], sums[1]);
}

static int step_ask(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	struct fixture *fixture = &run->machine->fixture;
	struct ept_explanation explanation;
	struct ept_config config;
	char text[512];
	struct seq_file m = { .buf = text, .size = sizeof(text) };
	int ret;

	PRINT(run, "/* questions about %#llx, %#llx */\n", args.gpa, args.size);
	ask_cursor(run, args.gpa, args.size);
	ret = ept_explain(fixture->ept, args.gpa, &explanation);
	KUNIT_EXPECT_EQ(&run->test, ret, args.gpa < flat_width(fixture->flat) ? 0 : -ERANGE);
	if (!ret)
		KUNIT_EXPECT_EQ(&run->test, explanation.verdict,
				ept_translate(fixture->ept, args.gpa, EPT_PROT_READ, NULL));
	KUNIT_EXPECT_EQ(&run->test, ept_get_config(fixture->ept, &config), 0);
	KUNIT_EXPECT_EQ(&run->test, config.features, fixture->config.features);
	KUNIT_EXPECT_EQ(&run->test, ept_dump(&m, fixture->ept), 0);
	if (args.gpa < flat_width(fixture->flat))
		verify_address(fixture, args.gpa);
	return ret;
}

/* Tables that a map of a hole takes at the most */
static int step_tables_for(struct run *run)
{
	const struct args args = range_args(run, EPT_4K);
	const enum ept_level level = level_of(run);
	struct fixture *fixture = &run->machine->fixture;
	const u64 nr = ept_tables_for(fixture->ept, args.gpa, args.size, level);
	struct flat *empty = flat_create(&fixture->config);
	u64 leaves[FLAT_LEAF_LEVELS], tables[FLAT_TABLE_LEVELS], expected = 0;
	int err = flat_unmap(empty, args.gpa, args.size);

	PRINT(run, "ept_tables_for(t%u->ept, %#llx, %#llx, %u);\n", TABLE(run), args.gpa, args.size,
	      level);
	if (!err && level <= EPT_1G) {
		empty->config.max_leaf = level;
		empty->config.maxphyaddr = 52;
		if (!flat_map(empty, args.gpa, args.gpa % SZ_512G, args.size,
			      &(struct ept_attrs){ .prot = EPT_PROT_READ })) {
			flat_count(empty, leaves, tables);
			for (unsigned int i = 0; i < FLAT_TABLE_LEVELS - 1; i++)
				expected += tables[i];
			/* But for the root */
			if (fixture->config.levels == 5)
				expected += tables[4];
			expected--;
			KUNIT_EXPECT_EQ(&run->test, nr, expected);
		}
	} else {
		KUNIT_EXPECT_EQ(&run->test, nr, 0);
	}
	flat_destroy(empty);
	return 0;
}

/* A table goes, and another one comes. */
static void start(struct run *run, struct machine *machine, const u8 *bytes);
static void finish(struct run *run, struct machine *machine);

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

/*
 * Programs
 */

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
		ept_vcpu_put(machine->fixture.ept);
		machine->loads--;
	}
	if (!IS_ERR_OR_NULL(machine->fixture.ept))
		ept_destroy(machine->fixture.ept);
	flat_destroy(machine->fixture.flat);
	machine->fixture.ept = NULL;
	machine->fixture.flat = NULL;
}

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
	look(run, nr);
	native_grace_period();
}

size_t program_run(const u8 *bytes, size_t size, bool print)
{
	static struct run run;	/* too large for the stack */
	const unsigned long pages = ept_table_pages();
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
	if (!run.test.failed)
		KUNIT_EXPECT_EQ(&run.test, ept_table_pages(), pages);
	return run.test.failed ? nr : 0;
}
