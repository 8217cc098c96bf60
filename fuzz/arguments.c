// SPDX-License-Identifier: GPL-2.0
/*
 * What the bytes of a step mean: places, sizes, attributes, gathers, and how they are printed. Few
 * values are likely, so that steps meet, and now and then one is wrong.
 */
#include "steps.h"

#define MAX_LEAVES	520	/* that one step makes */

struct flat *flat_of(const struct run *run)
{
	return run->machine->fixture.flat;
}

const struct ept_config *config_of(const struct run *run)
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
u64 gpa_of(const struct run *run)
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

struct ept_attrs attrs_of(const struct run *run)
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

u64 hpa_of(const struct run *run, u64 gpa)
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

enum ept_level level_of(const struct run *run)
{
	return run->step[10] & 0x1c ? (run->step[10] & 3) % 3 : run->step[10] & 7;
}

struct ept_gather *gather_of(const struct run *run)
{
	const unsigned int i = run->step[1] >> 1 & 3;

	return i < GATHERS && run->machine->open[i] ? &run->machine->gathers[i] : NULL;
}

/* Now and then an argument that is wrong */
void spoil(const struct run *run, u64 *address, u64 *size)
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

struct args map_args(const struct run *run)
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

struct args range_args(const struct run *run, enum ept_level smallest)
{
	struct args args = { .gpa = gpa_of(run), .size = size_of(run) };

	args.size = min(args.size, MAX_LEAVES * flat_span(smallest));
	spoil(run, &args.gpa, &args.size);
	return args;
}

struct args merge_args(const struct run *run)
{
	struct args args = range_args(run, EPT_1G);

	if (!run->step[12] && run->step[11] & 3) {
		args.gpa = 0;
		args.size = flat_width(flat_of(run));
	}
	return args;
}

const char *gather_name(const struct run *run)
{
	static const char *const names[] = { "&a", "&b" };
	const struct ept_gather *gather = gather_of(run);

	return gather ? names[gather - run->machine->gathers] : "NULL";
}

void print_attrs(const struct run *run, const struct ept_attrs *attrs)
{
	PRINT(run, "&(struct ept_attrs){ .prot = %u, .memtype = %u, .flags = %#x, .tag = %u }",
	      attrs->prot, attrs->memtype, attrs->flags, attrs->tag);
}

/* What all functions that map take first */
void print_map(const struct run *run, const char *name, const struct args *args)
{
	PRINT(run, "%s(t%u, %#llx, %#llx, %#llx, ", name, TABLE(run), args->gpa, args->hpa,
	      args->size);
	print_attrs(run, &args->attrs);
}

void print_range(const struct run *run, const char *name, const struct args *args)
{
	PRINT(run, "%s(t%u, %#llx, %#llx, ", name, TABLE(run), args->gpa, args->size);
}
