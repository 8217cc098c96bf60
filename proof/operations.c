// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs about operations: each request to each tree of a small table does to it what it would do
 * to an array of pages, or nothing at all.
 */
#include "operations.h"
#include "../ept_map.c"
#include "../ept_unmap.c"
#include "../ept_change.c"
#include "../ept_shape.c"

/* Any range of the guest's pages, and what else a request says */
static unsigned int first, last;
static u64 gpa, size, host;
static const struct ept_attrs *attrs;
static u32 take, give;
static enum ept_level size_limit;

static void any_range(void)
{
	first = any_up_to(PAGES - 1);
	last = first + any_up_to(PAGES - 1 - first);
	gpa = (u64)first << PAGE_SHIFT;
	size = (u64)(last - first + 1) << PAGE_SHIFT;
	any_start();
}

static bool inside(unsigned int page)
{
	return page >= first && page <= last;
}

/* A choice that is left out where there are many trees */
static bool any_variant(void)
{
	return EPT_INDEX_BITS == 1 && any_bool();
}

/* Where the first kind is, or a page further, where no large leaf fits */
static u64 any_host(void)
{
	return HOST + gpa + (any_variant() ? PAGE_SIZE : 0);
}

static void expect_page(unsigned int page, const struct ept_attrs *expected, u64 hpa)
{
	const struct found now = find(page);
	const struct ept_attrs has = attrs_of(&now);

	prove(now.mapped && now.hpa == hpa, "a page is where it should be");
	prove(has.prot == expected->prot && has.memtype == expected->memtype &&
	      has.tag == expected->tag && !has.flags, "with the attributes that it should have");
}

static void expect_flags(unsigned int page)
{
	prove(((find(page).entry ^ before[page].entry) & FLAGS) == 0, "flags stay");
}

/* Translation, attributes and flags as they were; the leaf may be smaller. */
static void expect_same(unsigned int page)
{
	const struct found now = find(page);

	prove(now.mapped == before[page].mapped && now.hpa == before[page].hpa &&
	      ((now.entry ^ before[page].entry) & (7 | FLAGS | 0x78 | EPT_PTE_TAG)) == 0,
	      "what the request doesn't concern stays");
	prove(!now.mapped || now.level <= before[page].level, "no leaf grows");
}

static int call_map(void)
{
	return ept_map(&ept, gpa, host, size, attrs);
}

/*
 * PROOF op_map
 * ept_map() maps what is a hole, or refuses all of it: each range and tree of 3 levels with 2
 * entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0
 * FAULT ept_map.c s/ept_entries_fill(table + last + 1,.*;//
 * FAULT ept_map.c s/_live(run->entry, leaves);/_live(run->entry, !!leaves);/
 */
void op_map(void)
{
	bool occupied = false;
	int err;

	attrs = &kinds[any_variant() ? 2 : 0];
	any_range();
	host = any_host();
	err = with_memory(call_map);
	for (unsigned int page = first; page <= last; page++)
		occupied |= before[page].mapped;
	prove(err == (occupied ? -EEXIST : 0), "what is mapped is refused, and nothing else");
	prove(!ept.changes && !gather.dead && !invalidations, "a map owes no flush");
	if (err)
		return;
	for (unsigned int page = 0; page < PAGES; page++)
		if (inside(page))
			expect_page(page, attrs, host + ((page - first) << PAGE_SHIFT));
		else
			expect_same(page);
	check_done();
}

/*
 * PROOF op_map_wide
 * The same, of 2 levels with 4 entries a table
 * EXHAUST -DEPT_INDEX_BITS=2 -DDEPTH=2 -DTABLES=8 -DPROOF_PAGES=16 -DKINDS=0
 * FAULT ept_map.c s/ept_entries_fill(table, first, hole, 0);//
 * LONG
 */
void op_map_wide(void)
{
	op_map();
}

static int call_remap(void)
{
	return ept_remap(&ept, gpa, host, size, attrs, &gather);
}

/*
 * PROOF op_remap
 * ept_remap() maps, whatever is there: each range and tree of 3 levels with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0,1
 * FAULT ept_map.c s/ept_gather_retire(map->op.gather, ept_table_at(old));/;/
 * FAULT ept_map.c s/ept_gather_note(map->op.gather, run, old, leaf);/;/
 * LONG
 */
void op_remap(void)
{
	any_range();
	attrs = &kinds[0];
	host = any_host();
	prove(!with_memory(call_remap), "nothing is refused");
	for (unsigned int page = 0; page < PAGES; page++)
		if (inside(page))
			expect_page(page, attrs, host + ((page - first) << PAGE_SHIFT));
		else
			expect_same(page);
	check_done();
}

static int call_unmap(void)
{
	return ept_unmap(&ept, gpa, size, &gather);
}

/*
 * PROOF op_unmap
 * ept_unmap() leaves holes, and changes nothing else: each range and tree of 3 levels with 2
 * entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0,1
 * FAULT ept_unmap.c s/ept_table_add_live(run->entry, -1);//
 * FAULT ept_unmap.c s/ept_gather_note(gather, run, any, hole);//
 */
void op_unmap(void)
{
	any_range();
	prove(!with_memory(call_unmap), "nothing is refused");
	for (unsigned int page = 0; page < PAGES; page++)
		if (inside(page))
			prove(!find(page).mapped, "a page that should be gone is");
		else
			expect_same(page);
	check_done();
}

/*
 * PROOF op_unmap_wide
 * The same, of 2 levels with 4 entries a table
 * EXHAUST -DEPT_INDEX_BITS=2 -DDEPTH=2 -DTABLES=8 -DPROOF_PAGES=16 -DKINDS=0
 * FAULT ept_unmap.c s/ept_table_add_live(run->entry, -1);//
 * LONG
 */
void op_unmap_wide(void)
{
	op_unmap();
}

static int call_protect(void)
{
	return ept_protect(&ept, gpa, size, take, give, &gather);
}

/*
 * PROOF op_protect
 * ept_protect() takes and gives rights, or refuses where some page would have rights that it can't:
 * each range and tree of 3 levels with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0,1
 * FAULT ept_change.c s/ept_gather_note(gather, run, any, change.*;//
 * FAULT ept_change.c s/ept_gather_note(gather, run, old, new);//
 * LONG
 */
void op_protect(void)
{
	static const struct { u32 take, give; } changes[] = {
		{ EPT_PROT_WRITE, 0 }, { 0, EPT_PROT_WRITE }, { EPT_PROT_READ, 0 },
		{ EPT_PROT_ALL, 0 }, { EPT_PROT_ALL, EPT_PROT_READ | EPT_PROT_EXEC },
	};
	const unsigned int change = any_up_to(ARRAY_SIZE(changes) - 1);
	bool never = false, not_here = false;
	struct ept_attrs expected;
	int err;

	take = changes[change].take;
	give = changes[change].give;
	any_range();
	err = with_memory(call_protect);
	for (unsigned int page = first; page <= last; page++) {
		const u32 prot = (attrs_of(&before[page]).prot & ~take) | give;

		never |= before[page].mapped && (prot & 3) == 2;
		not_here |= before[page].mapped && prot && !(prot & 1);
	}
	prove(err == (never ? -EINVAL : not_here ? -EOPNOTSUPP : 0), "what can't be is refused");
	if (err)
		return;
	for (unsigned int page = 0; page < PAGES; page++) {
		if (!inside(page) || !before[page].mapped) {
			expect_same(page);
			continue;
		}
		expected = attrs_of(&before[page]);
		expected.prot = (expected.prot & ~take) | give;
		expect_page(page, &expected, before[page].hpa);
		expect_flags(page);
	}
	check_done();
}

static int call_set_attrs(void)
{
	return ept_set_attrs(&ept, gpa, size, attrs, &gather);
}

/*
 * PROOF op_set_attrs
 * ept_set_attrs() gives the pages of a range the same attributes, from and to none, too: each
 * range and tree of 3 levels with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0,2
 * FAULT ept_change.c s/ept_gather_note(gather, run, old, new);/;/
 * LONG
 */
void op_set_attrs(void)
{
	attrs = &kinds[any_up_to(2)];
	any_range();
	prove(!with_memory(call_set_attrs), "nothing is refused");
	for (unsigned int page = 0; page < PAGES; page++) {
		if (inside(page) && before[page].mapped) {
			expect_page(page, attrs, before[page].hpa);
			expect_flags(page);
		} else {
			expect_same(page);
		}
	}
	check_done();
}

static int call_split(void)
{
	return ept_split(&ept, gpa, size, size_limit, &gather);
}

/*
 * PROOF op_split
 * ept_split() makes leaves small, and changes no translation: each range and tree of 3 levels with
 * 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0,2
 * FAULT ept_op.c s/ept_table_add_live(table, EPT_ENTRIES);//
 * FAULT ept_op.c s/ept_gather_note(op->gather, run, leaf, entry);//
 */
void op_split(void)
{
	size_limit = any_up_to(EPT_1G);
	any_range();
	prove(!with_memory(call_split), "nothing is refused");
	for (unsigned int page = 0; page < PAGES; page++) {
		expect_same(page);
		if (inside(page) && before[page].mapped)
			prove(find(page).level <= size_limit, "no leaf is larger");
	}
	check_done();
}

static int call_merge(void)
{
	return ept_merge(&ept, gpa, size, size_limit);
}

/*
 * PROOF op_merge
 * ept_merge() makes leaves large, and changes no translation: each range and tree of 3 levels with
 * 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0,2
 * FAULT ept_shape.c s/ad |= entry & fmt->ad;//
 */
void op_merge(void)
{
	int made;

	size_limit = any_up_to(EPT_1G);
	any_range();
	made = with_memory(call_merge);
	prove(made >= 0 && made <= PAGES / 2, "nothing is refused");
	prove(!!invalidations == !!made, "it flushes where it did something");
	for (unsigned int page = 0; page < PAGES; page++) {
		const struct found now = find(page), was = before[page];

		prove(now.mapped == was.mapped && now.hpa == was.hpa &&
		      ((now.entry ^ was.entry) & (7 | 0x78 | EPT_PTE_TAG)) == 0,
		      "translations and attributes stay");
		prove((was.entry & ~now.entry & FLAGS) == 0, "no flag is lost");
		prove(!now.mapped || now.level == was.level ||
		      (inside(page) && now.level > was.level && now.level <= size_limit),
		      "leaves grow in the range, up to the level");
	}
	check_done();
}
