// SPDX-License-Identifier: GPL-2.0
/*
 * Steps that map, change, unmap and look at flags, and accesses by a CPU: the call to the module
 * and to the flat model, and the comparison of what both say.
 */
#include "steps.h"

int step_map(struct run *run)
{
	const struct args args = map_args(run);

	print_map(run, "do_map", &args);
	PRINT(run, ");\n");
	return do_map(&run->machine->fixture, args.gpa, args.hpa, args.size, &args.attrs);
}

/* What ept_map_check() says is what ept_map() says of a hole. */
int step_map_check(struct run *run)
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
int step_too_late(struct run *run)
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

int step_remap(struct run *run)
{
	const struct args args = map_args(run);

	print_map(run, "do_remap", &args);
	PRINT(run, ", %s);\n", gather_name(run));
	return do_remap(&run->machine->fixture, args.gpa, args.hpa, args.size, &args.attrs,
			gather_of(run));
}

int step_install(struct run *run)
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

int step_pages(struct run *run)
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

int step_unmap(struct run *run)
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

int step_zap(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	const bool report = run->step[11] & 1;

	print_range(run, "do_zap", &args);
	PRINT(run, "%d, %s);\n", report, gather_name(run));
	return do_zap(&run->machine->fixture, args.gpa, args.size, report, gather_of(run));
}

int step_protect(struct run *run)
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

int step_redirect(struct run *run)
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

int step_memtype(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	const enum ept_memtype type = run->step[5] & 8 ? run->step[5] >> 4 : run->step[5] & 1;

	print_range(run, "do_set_memtype", &args);
	PRINT(run, "%u, %s);\n", type, gather_name(run));
	return do_set_memtype(&run->machine->fixture, args.gpa, args.size, type, gather_of(run));
}

int step_tag(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	const u8 tag = run->step[7] % 33;

	print_range(run, "do_set_tag", &args);
	PRINT(run, "%u, %s);\n", tag, gather_name(run));
	return do_set_tag(&run->machine->fixture, args.gpa, args.size, tag, gather_of(run));
}

int step_attrs(struct run *run)
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

int step_split(struct run *run)
{
	const enum ept_level level = level_of(run);
	const struct args args = range_args(run, min(level, EPT_1G));

	print_range(run, "do_split", &args);
	PRINT(run, "%u, %s);\n", level, gather_name(run));
	return do_split(&run->machine->fixture, args.gpa, args.size, level, gather_of(run));
}

int step_merge(struct run *run)
{
	const struct args args = merge_args(run);
	const enum ept_level level = level_of(run);

	print_range(run, "do_merge", &args);
	PRINT(run, "%u);\n", level);
	return do_merge(&run->machine->fixture, args.gpa, args.size, level);
}

int step_harvest(struct run *run)
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

int step_clear_dirty(struct run *run)
{
	struct args args = { .gpa = gpa_of(run) + run->step[15], .size = 1 };

	spoil(run, &args.gpa, &args.size);
	PRINT(run, "do_clear_dirty(t%u, %#llx, %s);\n", TABLE(run), args.gpa, gather_name(run));
	return do_clear_dirty(&run->machine->fixture, args.gpa, gather_of(run));
}

int step_grant(struct run *run)
{
	struct args args = { .gpa = gpa_of(run) + run->step[15], .size = 1 };
	const u32 prot = run->step[5] & (run->step[6] & 7 ? 3 : 31);

	spoil(run, &args.gpa, &args.size);
	PRINT(run, "do_grant(t%u, %#llx, %u);\n", TABLE(run), args.gpa, prot);
	return do_grant(&run->machine->fixture, args.gpa, prot);
}

int step_age(struct run *run)
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

int step_access(struct run *run)
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
