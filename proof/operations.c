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
 * FAULT ept_map.c s/ept_gather_retire(map->op.gather, ept_table_at(old));/{}/
 * FAULT ept_map.c s/ept_gather_note(map->op.ept, map->op.gather, run, old, new);/{}/
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
 * FAULT ept_unmap.c s/ept_gather_note(ept, gather, run, any, hole);//
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
 * FAULT ept_change.c s/ept_gather_note(gather->ept, gather, run, old, new);//
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
 * FAULT ept_change.c s/ept_gather_note(gather->ept, gather, run, old, new);/;/
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
 * FAULT ept_op.c s/ept_gather_note(op->ept, op->gather, run, leaf, entry);//
 * LONG
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
 * FAULT ept_shape.c s/if ((entry & ~fmt->ad) != first + i \* step)/if (0)/
 * FAULT ept_shape.c s/ad |= entry & fmt->ad;//;s/value | ad))/value))/
 * LONG
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

/* What ept_unmap_report() and ept_zap() said: flags and pages, each once, in order */
static struct found told[PAGES];
static unsigned int told_next;

static void tell(const struct ept_mapping *mapping, void *arg)
{
	const unsigned int start = mapping->gpa >> PAGE_SHIFT;
	const unsigned int nr = mapping->size >> PAGE_SHIFT;

	prove(start >= told_next && start + nr <= PAGES, "leaves are told in order");
	for (unsigned int i = 0; i < nr; i++)
		told[start + i] = (struct found){
			.entry = (mapping->accessed ? 1ULL << 8 : 0) |
				 (mapping->dirty ? 1ULL << 9 : 0),
			.level = mapping->level,
			.mapped = true,
			.hpa = mapping->hpa + ((u64)i << PAGE_SHIFT),
		};
	told_next = start + nr;
}

static void forget_told(void)
{
	memset(told, 0, sizeof(told));
	told_next = 0;
}

/* Of each page that was there and went */
static void expect_told(unsigned int page, bool went)
{
	const bool was = went && before[page].mapped;

	prove(told[page].mapped == was, "what goes is told, and nothing else");
	prove(!was || (told[page].hpa == before[page].hpa &&
		       told[page].entry == (before[page].entry & FLAGS)), "as it was");
}

static int call_unmap_report(void)
{
	forget_told();
	return ept_unmap_report(&ept, gpa, size, tell, NULL, &gather);
}

/*
 * PROOF op_unmap_report
 * ept_unmap_report() leaves holes, and tells of each page that was there, once, with its flags:
 * each range and tree of 3 levels with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0,1
 * FAULT ept_unmap.c s/ept_table_add_live(run->entry, -gone);//
 * FAULT ept_unmap.c s/ept_gather_note(ept, unmap->op.gather, run, leaf, hole);//
 * LONG
 */
void op_unmap_report(void)
{
	any_range();
	prove(!with_memory(call_unmap_report), "nothing is refused");
	for (unsigned int page = 0; page < PAGES; page++) {
		expect_told(page, inside(page));
		if (inside(page))
			prove(!find(page).mapped, "a page that should be gone is");
		else
			expect_same(page);
	}
	check_done();
}

static struct ept_range went;
static bool tells;

static int call_zap(void)
{
	forget_told();
	return ept_zap(&ept, gpa, size, &went, tells ? tell : NULL, NULL, &gather);
}

/*
 * PROOF op_zap
 * ept_zap() takes no table, leaves holes in the range and in place of the leaves that it cuts, and
 * says what it took: each range and tree of 3 levels with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0
 * FAULT ept_unmap.c s/unmap->went_gpa = min(unmap->went_gpa, run->gpa);//
 * FAULT ept_unmap.c s/unmap_and_report(unmap, run, 0);/{}/
 */
void op_zap(void)
{
	unsigned int from, to;

	tells = any_bool();
	any_range();
	memory_left = 0;
	prove(!call_zap(), "nothing is refused");
	from = went.gpa >> PAGE_SHIFT;
	to = from + (went.size >> PAGE_SHIFT) - 1;
	prove(from <= first && to >= last && to < PAGES, "what went has the range in it");
	for (unsigned int page = 0; page < PAGES; page++) {
		const struct found *was = &before[page];
		const unsigned int nr = 1 << EPT_INDEX_BITS * was->level;
		const unsigned int start = page & ~(nr - 1);
		const bool cut = was->mapped && start <= last && start + nr > first;

		if (tells)
			expect_told(page, inside(page) || cut);
		if (inside(page) || cut)
			prove(!find(page).mapped && page >= from && page <= to, "it is gone");
		else
			expect_same(page);
	}
	prove(from == first || before[from].mapped, "and no more than leaves that are cut");
	prove(to == last || before[to].mapped, "at either end");
	check_done();
}

/* What ept_install() finds there already */
static bool is_there(void)
{
	for (unsigned int page = first; page <= last; page++) {
		const struct found *was = &before[page];

		if (!was->mapped || was->hpa != host + ((u64)(page - first) << PAGE_SHIFT) ||
		    attrs->prot & ~attrs_of(was).prot || was->level != before[first].level)
			return false;
	}
	/* One leaf has them all. */
	return first >> EPT_INDEX_BITS * before[first].level ==
	       last >> EPT_INDEX_BITS * before[first].level;
}

static int call_install(void)
{
	return ept_install(&ept, gpa, host, size, attrs, NULL, 0, &gather);
}

/*
 * PROOF op_install
 * ept_install() makes an access possible, or finds that it is: each range and tree of 3 levels
 * with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0,1
 * FAULT ept_map.c s/return leaf | (old & fmt->ad);/return leaf;/
 * FAULT ept_map.c s/ && size <= ept_level_size(level) - offset &&/ \&\&/
 * LONG
 */
void op_install(void)
{
	bool there;
	int ret;

	any_range();
	attrs = &kinds[0];
	host = any_host();
	there = is_there();
	ret = with_memory(call_install);
	prove(ret == there, "it says whether there was anything to do");
	for (unsigned int page = 0; page < PAGES; page++) {
		const struct found now = find(page), *was = &before[page];

		if (!inside(page) || there) {
			expect_same(page);
			continue;
		}
		expect_page(page, attrs, host + ((u64)(page - first) << PAGE_SHIFT));
		if (was->mapped && was->hpa == now.hpa && was->level == now.level)
			prove(!(was->entry & ~now.entry & FLAGS), "the same leaf keeps flags");
	}
	if (!there)
		check_done();
}

static int call_redirect(void)
{
	return ept_redirect(&ept, gpa, host, size, take, give, &gather);
}

/*
 * PROOF op_redirect
 * ept_redirect() moves what is mapped to other memory, with attributes as they were but for rights,
 * or refuses where there is a hole: each range and tree of 3 levels with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0
 * FAULT ept_change.c s/op->op.verdict = -ENOENT;/;/
 * FAULT ept_change.c s/return change->move ? ept_largest_leaf(change->offset, level) : level;/return level;/
 * FAULT ept_change.c s/fmt, clear) | ept->fmt.ad,/fmt, clear),/
 * LONG
 */
void op_redirect(void)
{
	bool hole = false;
	int err;

	take = any_bool() ? EPT_PROT_WRITE : 0;
	any_range();
	host = any_host() + 0x200000000ULL;
	err = with_memory(call_redirect);
	for (unsigned int page = first; page <= last; page++)
		hole |= !before[page].mapped;
	prove(err == (hole ? -ENOENT : 0), "a hole is refused, and nothing else");
	if (err)
		return;
	for (unsigned int page = 0; page < PAGES; page++) {
		struct ept_attrs expected = attrs_of(&before[page]);

		if (!inside(page)) {
			expect_same(page);
			continue;
		}
		expected.prot &= ~take;
		expect_page(page, &expected, host + ((u64)(page - first) << PAGE_SHIFT));
		prove(!(find(page).entry & FLAGS), "flags start clear");
	}
	check_done();
}

static int call_set_tag(void)
{
	return ept_set_tag(&ept, gpa, size, 5, &gather);
}

/*
 * PROOF op_set_tag
 * ept_set_tag() changes tags alone, and owes no flush but for a split: each range and tree of 3
 * levels with 2 entries a table
 * EXHAUST -DEPT_INDEX_BITS=1 -DDEPTH=3 -DTABLES=9 -DPROOF_PAGES=18 -DKINDS=0
 * FAULT ept_pte.h s/software = EPT_PTE_TAG |/software =/
 * FAULT ept_op.c s/ept_gather_note(op->ept, op->gather, run, leaf, entry);//
 */
void op_set_tag(void)
{
	bool splits = false;

	any_range();
	prove(!with_memory(call_set_tag), "nothing is refused");
	for (unsigned int page = 0; page < PAGES; page++) {
		struct ept_attrs expected = attrs_of(&before[page]);

		splits |= before[page].mapped && find(page).level != before[page].level;
		if (!inside(page) || !before[page].mapped) {
			expect_same(page);
			continue;
		}
		expected.tag = 5;
		expect_page(page, &expected, before[page].hpa);
		expect_flags(page);
	}
	prove(flush_is_owed() == splits, "a split owes a flush, a tag none");
	check_done();
}
