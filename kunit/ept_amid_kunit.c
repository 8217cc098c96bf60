// SPDX-License-Identifier: GPL-2.0
/*
 * Readers amid operations and operations amid readers, at each single access to memory. So nothing
 * is left to chance: what shows between any two accesses is the old or the new state of each page,
 * and what a reader makes of two states that it met is one of them. And operations amid operations,
 * at each access for which no lock is held: what becomes of the two is what one after the other
 * makes of it.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "arena.h"
#include "ept_access.h"
#include "ept_priv.h"
#include "fixture.h"

#define BLOCK		(SZ_1G + SZ_4M)		/* a 2M leaf may be here */
#define PAGES		512U
#define BESIDE		(BLOCK + SZ_2M)		/* where a page is all that keeps tables there */
#define ELSEWHERE	SZ_2G

enum setup { EMPTY, LARGE, SMALL };

/* What a page is like to a guest, and to the client. */
struct view {
	bool		mapped;
	u64		delta;		/* hpa - gpa */
	unsigned int	prot;
	unsigned int	memtype;
	unsigned int	tag;
};

#define RWX	7
static const struct view ram = { true, 0, RWX, 6, 0 };
static const struct view hole;

struct amid_op {
	enum setup	setup;
	int		(*run)(struct ept *ept, u64 gpa, u64 size);
	struct view	new;
};

static int map(struct ept *ept, u64 gpa, u64 size)
{
	return ept_map(ept, gpa, gpa, size, &EPT_ATTRS_RAM);
}

static int remap(struct ept *ept, u64 gpa, u64 size)
{
	struct ept_attrs attrs = EPT_ATTRS_RAM;

	attrs.tag = 5;
	return ept_remap(ept, gpa, gpa + ELSEWHERE, size, &attrs, NULL);
}

static int unmap(struct ept *ept, u64 gpa, u64 size)
{
	return ept_unmap(ept, gpa, size, NULL);
}

static int install(struct ept *ept, u64 gpa, u64 size)
{
	struct ept_attrs attrs = EPT_ATTRS_RAM;

	attrs.tag = 5;
	return ept_install(ept, gpa, gpa + ELSEWHERE, size, &attrs, NULL, 0, NULL);
}

static int redirect(struct ept *ept, u64 gpa, u64 size)
{
	return ept_redirect(ept, gpa, gpa + ELSEWHERE, size, EPT_PROT_WRITE, 0, NULL);
}

static void forget(const struct ept_mapping *mapping, void *arg)
{
}

static int unmap_report(struct ept *ept, u64 gpa, u64 size)
{
	return ept_unmap_report(ept, gpa, size, forget, NULL, NULL);
}

static int zap(struct ept *ept, u64 gpa, u64 size)
{
	return ept_zap(ept, gpa, size, NULL, NULL, NULL, NULL);
}

static int unmap_beside(struct ept *ept, u64 gpa, u64 size)
{
	return ept_unmap(ept, BESIDE, SZ_4K, NULL);
}

static int protect(struct ept *ept, u64 gpa, u64 size)
{
	return ept_protect(ept, gpa, size, EPT_PROT_READ | EPT_PROT_WRITE, EPT_PROT_READ, NULL);
}

static int set_memtype(struct ept *ept, u64 gpa, u64 size)
{
	return ept_set_memtype(ept, gpa, size, EPT_MT_WT, NULL);
}

static int set_attrs(struct ept *ept, u64 gpa, u64 size)
{
	const struct ept_attrs attrs = {
		.prot = EPT_PROT_READ,
		.memtype = EPT_MT_UC,
		.tag = 9,
	};

	return ept_set_attrs(ept, gpa, size, &attrs, NULL);
}

static int split(struct ept *ept, u64 gpa, u64 size)
{
	return ept_split(ept, gpa, size, EPT_4K, NULL);
}

static int merge(struct ept *ept, u64 gpa, u64 size)
{
	return min(ept_merge(ept, gpa, size, EPT_2M), 0);
}

static int split_and_merge(struct ept *ept, u64 gpa, u64 size)
{
	return split(ept, gpa, size) ?: merge(ept, BLOCK, SZ_2M);
}

/* Without accessed and dirty: atomic instructions, which those need, announce nothing. */
#define OP(_setup, _run, ...) {				\
	.name = #_run " " #_setup,			\
	.config = TABLE_FOR(4, EPT_2M, 46, EPT_MT_WB, 0, EPT_CONFIG_ATOMIC),	\
	.arg = &(const struct amid_op){			\
		.setup = (_setup),			\
		.run = (_run),				\
		.new = __VA_ARGS__,			\
	},						\
}

static const struct arena_config amid_ops[] = {
	OP(EMPTY, map, { true, 0, RWX, 6, 0 }),
	OP(EMPTY, remap, { true, ELSEWHERE, RWX, 6, 5 }),
	OP(LARGE, remap, { true, ELSEWHERE, RWX, 6, 5 }),
	OP(SMALL, remap, { true, ELSEWHERE, RWX, 6, 5 }),
	OP(EMPTY, install, { true, ELSEWHERE, RWX, 6, 5 }),
	OP(SMALL, install, { true, ELSEWHERE, RWX, 6, 5 }),
	OP(LARGE, redirect, { true, ELSEWHERE, 5, 6, 0 }),
	OP(SMALL, redirect, { true, ELSEWHERE, 5, 6, 0 }),
	OP(LARGE, unmap, { false }),
	OP(SMALL, unmap, { false }),
	OP(LARGE, unmap_report, { false }),
	OP(SMALL, zap, { false }),
	OP(LARGE, protect, { true, 0, 5, 6, 0 }),
	OP(SMALL, protect, { true, 0, 5, 6, 0 }),
	OP(LARGE, set_memtype, { true, 0, RWX, 4, 0 }),
	OP(SMALL, set_memtype, { true, 0, RWX, 4, 0 }),
	OP(LARGE, set_attrs, { true, 0, 1, 0, 9 }),
	OP(SMALL, set_attrs, { true, 0, 1, 0, 9 }),
	OP(LARGE, split, { true, 0, RWX, 6, 0 }),
	OP(SMALL, merge, { true, 0, RWX, 6, 0 }),
	OP(LARGE, split_and_merge, { true, 0, RWX, 6, 0 }),
	OP(SMALL, split_and_merge, { true, 0, RWX, 6, 0 }),
};

/* Pages of the block that it is done to */
static const struct {
	unsigned int	first;
	unsigned int	nr;
} ranges[] = { { 100, 300 }, { 77, 1 }, { 0, PAGES } };

KUNIT_ARRAY_PARAM_DESC(amid, amid_ops, name);

struct amid {
	struct arena		*arena;
	const struct amid_op	*op;
	unsigned int		first;		/* page that it changes, */
	unsigned int		nr;		/* and how many */
	unsigned long		accesses;
	unsigned long		at;		/* the access that the operation comes before */
	DECLARE_BITMAP(done, PAGES);		/* pages whose new state was seen */
	const char		*wrong;		/* the first thing that was, */
	unsigned int		page;		/* for which page, */
	unsigned long		access;		/* before which access */
};

static struct amid *amid;

static void wrong(const char *what, unsigned int page)
{
	if (!amid->wrong) {
		amid->wrong = what;
		amid->page = page;
		amid->access = amid->accesses;
	}
}

/*
 * Views
 */

static u64 page_gpa(unsigned int page)
{
	return BLOCK + page * SZ_4K;
}

static bool same_view(const struct view *a, const struct view *b)
{
	return a->mapped == b->mapped && a->delta == b->delta && a->prot == b->prot &&
	       a->memtype == b->memtype && a->tag == b->tag;
}

static bool is_changed(unsigned int page)
{
	return page - amid->first < amid->nr;
}

/* What is seen is old or new, and what was new once isn't old any more. */
static void expect_view(const char *who, unsigned int page, const struct view *seen)
{
	const struct view *old = amid->op->setup == EMPTY ? &hole : &ram;

	if (is_changed(page) && same_view(seen, &amid->op->new))
		set_bit(page, amid->done);
	else if (!same_view(seen, old) || test_bit(page, amid->done))
		wrong(who, page);
}

/* Rights are the lowest three bits of an entry, the tag is bits 52 to 56. */
static struct view cpu_view(unsigned int page)
{
	const struct mmu_access read = { .read = true };
	struct mmu_result result;

	mmu_look(&amid->arena->mmu, amid->arena->eptp, page_gpa(page), &read, &result);
	if (result.verdict != MMU_OK && result.verdict != MMU_VIOLATION)
		wrong("a CPU's verdict", page);
	if (result.verdict != MMU_OK)
		return hole;
	return (struct view){
		true, result.hpa - page_gpa(page), result.entry & 7, result.memtype,
		result.entry >> 52 & 31,
	};
}

static struct view mapping_view(const struct ept_mapping *mapping)
{
	return (struct view){
		true, mapping->hpa - mapping->gpa,
		mapping->attrs.prot & (EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC),
		mapping->attrs.memtype, mapping->attrs.tag,
	};
}

static void expect_lookup(unsigned int page)
{
	struct ept_mapping mapping;
	struct view view = hole;

	if (!ept_lookup(amid->arena->ept, page_gpa(page), &mapping)) {
		view = mapping_view(&mapping);
		if (page_gpa(page) - mapping.gpa >= mapping.size)
			wrong("lookup's range", page);
	}
	expect_view("lookup", page, &view);
}

/* It says no more than the address: the rest is as whichever state has that. */
static void expect_address(const char *who, unsigned int page, bool mapped, u64 hpa)
{
	const struct view *old = amid->op->setup == EMPTY ? &hole : &ram;
	const struct view *new = is_changed(page) ? &amid->op->new : old;
	const u64 delta = hpa - page_gpa(page);

	if (!(mapped == old->mapped && (!mapped || delta == old->delta)) &&
	    !(mapped == new->mapped && (!mapped || delta == new->delta)))
		wrong(who, page);
}

static void expect_translate(unsigned int page)
{
	phys_addr_t hpa = 0;
	int ret = ept_translate(amid->arena->ept, page_gpa(page), EPT_PROT_READ, &hpa);

	if (ret && ret != -EFAULT)
		wrong("translate's verdict", page);
	expect_address("translate", page, !ret, hpa);
}

static int expect_mapping(const struct ept_mapping *mapping, void *arg)
{
	const struct view view = mapping_view(mapping);
	u64 gpa, *next = arg;

	if (mapping->gpa < *next)
		wrong("mappings that overlap", (mapping->gpa - BLOCK) / SZ_4K);
	for (gpa = *next; gpa < mapping->gpa; gpa += SZ_4K)
		expect_view("for_each's hole", (gpa - BLOCK) / SZ_4K, &hole);
	for (gpa = mapping->gpa; gpa < mapping->gpa + mapping->size; gpa += SZ_4K)
		expect_view("for_each", (gpa - BLOCK) / SZ_4K, &view);
	*next = mapping->gpa + mapping->size;
	return 0;
}

static void expect_mappings(unsigned int first, unsigned int last)
{
	const u64 end = page_gpa(last + 1);
	u64 gpa, next = page_gpa(first);

	ept_for_each_mapping(amid->arena->ept, next, end - next, expect_mapping, &next);
	for (gpa = next; gpa < end; gpa += SZ_4K)
		expect_view("for_each's end", (gpa - BLOCK) / SZ_4K, &hole);
}

static void expect_all_mappings(unsigned int unused)
{
	expect_mappings(0, PAGES - 1);
}

/* A large leaf straddles the edges. */
static void expect_some_mappings(unsigned int unused)
{
	expect_mappings(60, 200);
}

/* Each entry that it comes by is right. */
static void expect_entries(unsigned int page)
{
	struct ept_check_report report;

	if (ept_check_entries(amid->arena->ept, &report))
		wrong(report.why, page);
}

/*
 * Readers amid an operation
 */

/* The page whose entry is accessed, if it is a 4K leaf's; where it is a larger one, any page. */
static void look(void *where)
{
	const unsigned int pages[] = {
		offset_in_page(where) / sizeof(u64), amid->first, 78, PAGES - 1,
	};
	struct view view;
	unsigned int i;

	ept_access_hook = NULL;
	for (i = 0; i < ARRAY_SIZE(pages) && !amid->wrong; i++) {
		view = cpu_view(pages[i]);
		expect_view("a CPU", pages[i], &view);
		expect_lookup(pages[i]);
		expect_translate(pages[i]);
	}
	if (amid->accesses++ % 16 == 0) {
		expect_all_mappings(0);
		expect_entries(0);
	}
	ept_access_hook = look;
}

static void set_up(struct kunit *test)
{
	struct ept *ept = amid->arena->ept;

	KUNIT_ASSERT_EQ(test, ept_reserve(ept, 50), 0);
	KUNIT_ASSERT_EQ(test, ept_unmap(ept, BLOCK, 2 * SZ_2M, NULL), 0);
	KUNIT_ASSERT_EQ(test, map(ept, BESIDE, SZ_4K), 0);
	bitmap_zero(amid->done, PAGES);
	amid->accesses = 0;
	if (amid->op->setup == EMPTY)
		return;
	KUNIT_ASSERT_EQ(test, map(ept, BLOCK, SZ_2M), 0);
	if (amid->op->setup == SMALL)
		KUNIT_ASSERT_EQ(test, split(ept, BLOCK, SZ_2M), 0);
}

static int run_op(void)
{
	return amid->op->run(amid->arena->ept, page_gpa(amid->first),
			     amid->nr * SZ_4K);
}

/* The new state is there, and nothing but it. */
static void expect_done(struct kunit *test)
{
	unsigned int page;
	struct view view;

	for (page = 0; page < PAGES; page++) {
		view = cpu_view(page);
		expect_view("a CPU, at last", page, &view);
		if (is_changed(page) && !test_bit(page, amid->done))
			wrong("no change", page);
	}
	KUNIT_EXPECT_NULL_MSG(test, amid->wrong, "%s, page %u, before access %lu of pages %u+%u",
			      amid->wrong, amid->page, amid->access, amid->first, amid->nr);
	KUNIT_EXPECT_EQ(test, ept_check(amid->arena->ept, NULL), 0);
}

static void look_amid_operation(struct kunit *test)
{
	int ret;

	set_up(test);
	ept_access_hook = look;
	ret = run_op();
	ept_access_hook = NULL;
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GE(test, amid->accesses, 20);
	expect_done(test);
}

static void on_each_range(struct kunit *test, void (*run)(struct kunit *test))
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		amid->first = ranges[i].first;
		amid->nr = ranges[i].nr;
		run(test);
	}
}

static void each_state_amid_an_operation_is_old_or_new(struct kunit *test)
{
	on_each_range(test, look_amid_operation);
}

/*
 * An operation amid a reader
 */

static void operate(void *where)
{
	if (amid->accesses++ != amid->at)
		return;
	ept_access_hook = NULL;
	if (run_op())
		wrong("the operation", amid->first);
	/* Counts the rest. */
	ept_access_hook = operate;
}

/* Readers do the same for each of many pages: the short form has a fifth of that. */
static unsigned long after_access(unsigned long at)
{
	return at + (is_brief() && at >= 64 ? 5 : 1);
}

static void operate_amid_readers(struct kunit *test)
{
	static void (*const readers[])(unsigned int page) = {
		expect_lookup, expect_translate, expect_all_mappings, expect_some_mappings,
		expect_entries,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		for (amid->at = 0; !amid->wrong; amid->at = after_access(amid->at)) {
			set_up(test);
			ept_access_hook = operate;
			readers[i](amid->first);
			ept_access_hook = NULL;
			/* Dead tables go when we wait for them. */
			if (amid->at % 128 == 0)
				table_pages();
			/* The operation would come after the reader. */
			if (amid->accesses <= amid->at)
				break;
		}
		KUNIT_EXPECT_GE_MSG(test, amid->at, 3, "reader %u", i);
		run_op();
	}
	expect_done(test);
}

static void each_reader_amid_which_an_operation_comes_sees_old_or_new(struct kunit *test)
{
	on_each_range(test, operate_amid_readers);
}

/*
 * An operation amid an operation
 */

/* What two operations left behind */
struct outcome {
	int		first;		/* what the outer one returned, */
	int		second;		/* and the inner one */
	struct view	views[PAGES];
};

static const struct {
	int		(*run)(struct ept *ept, u64 gpa, u64 size);
	unsigned int	first;
	unsigned int	nr;
} others[] = {
	{ map, 0, PAGES }, { map, 90, 20 }, { map, 77, 1 }, { map, 78, 1 },
	{ remap, 0, PAGES }, { remap, 90, 20 }, { unmap, 0, PAGES }, { unmap, 90, 20 },
	{ protect, 0, PAGES }, { protect, 90, 20 }, { set_attrs, 0, PAGES },
	{ split, 0, PAGES }, { merge, 0, PAGES }, { unmap_beside, 0, PAGES },
};

static struct outcome *outcome;
static unsigned int other;

static int run_other(void)
{
	return others[other].run(amid->arena->ept, page_gpa(others[other].first),
				 others[other].nr * SZ_4K);
}

static void see_outcome(struct outcome *seen)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++)
		seen->views[page] = cpu_view(page);
}

static bool same_outcome(const struct outcome *a, const struct outcome *b)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++)
		if (!same_view(&a->views[page], &b->views[page]))
			return false;
	return a->first == b->first && a->second == b->second;
}

/* One-leaf maps don't exclude each other. */
static bool both_map_a_page(void)
{
	return amid->op->run == map && amid->nr == 1 &&
	       others[other].run == map && others[other].nr == 1;
}

/* Who maps one leaf says so instead of taking the lock, and isn't preempted meanwhile. */
static bool is_excluded(struct ept *ept)
{
	return rwsem_is_locked(&ept->lock) || ept_this_cpu(ept)->mapping;
}

/* Interrupts are off under the lock of the reserve. */
static bool is_locked(void)
{
	return irqs_disabled() || (is_excluded(amid->arena->ept) && !both_map_a_page());
}

static void operate_otherwise(void *where)
{
	if (is_locked())
		return;
	if (amid->accesses++ != amid->at)
		return;
	ept_access_hook = NULL;
	outcome->second = run_other();
	ept_access_hook = operate_otherwise;
}

/* How it ends when one comes after the other */
static void run_in_turn(struct kunit *test, struct outcome *ends)
{
	set_up(test);
	ends[0].first = run_op();
	ends[0].second = run_other();
	see_outcome(&ends[0]);
	set_up(test);
	ends[1].second = run_other();
	ends[1].first = run_op();
	see_outcome(&ends[1]);
}

static void operate_amid_operation(struct kunit *test)
{
	struct outcome *ends = outcome + 1;

	run_in_turn(test, ends);
	amid->at = 0;
	do {
		set_up(test);
		ept_access_hook = operate_otherwise;
		outcome->first = run_op();
		ept_access_hook = NULL;
		if (amid->accesses <= amid->at)
			break;
		see_outcome(outcome);
		if (!same_outcome(outcome, &ends[0]) && !same_outcome(outcome, &ends[1]))
			wrong("as neither before nor after", other);
		if (ept_check(amid->arena->ept, NULL))
			wrong("a table at fault", other);
		/* Dead tables go when we wait for them. */
		if (amid->at++ % 128 == 0)
			table_pages();
	} while (!amid->wrong);
	KUNIT_EXPECT_GT(test, amid->at, 3);
	KUNIT_EXPECT_NULL_MSG(test, amid->wrong, "%s, other %u, before access %lu of pages %u+%u",
			      amid->wrong, amid->page, amid->at - 1, amid->first, amid->nr);
	amid->wrong = NULL;
}

/* The short form has a third of the others, each operation its own. */
static void operate_amid_operations(struct kunit *test)
{
	const struct arena_config *config = test->param_value;
	const unsigned int step = is_brief() ? 3 : 1;

	for (other = (config - amid_ops) % step; other < ARRAY_SIZE(others); other += step)
		operate_amid_operation(test);
}

/* On a table with a lock of its own: this is about what happens where that isn't held. */
static void each_operation_amid_which_another_comes_is_before_or_after(struct kunit *test)
{
	struct arena *arena = amid->arena;
	struct ept_config config = arena->config;
	struct ept *atomic = arena->ept;

	if (amid->op->run == split_and_merge)
		kunit_skip(test, "two operations");
	outcome = kunit_kcalloc(test, 3, sizeof(*outcome), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, outcome);
	config.flags = 0;
	arena->ept = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena->ept);
	arena->eptp = ept_pointer(arena->ept);
	on_each_range(test, operate_amid_operations);
	ept_destroy(arena->ept);
	arena->ept = atomic;
}

static int amid_init(struct kunit *test)
{
	const struct arena_config *config = test->param_value;
	int ret = arena_init(test);

	if (ret)
		return ret;
	amid = kunit_kzalloc(test, sizeof(*amid), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, amid);
	amid->arena = test->priv;
	amid->op = config->arg;
	return 0;
}

static struct kunit_case amid_cases[] = {
	KUNIT_CASE_PARAM(each_state_amid_an_operation_is_old_or_new, amid_gen_params),
	KUNIT_CASE_PARAM(each_reader_amid_which_an_operation_comes_sees_old_or_new,
			 amid_gen_params),
	KUNIT_CASE_PARAM(each_operation_amid_which_another_comes_is_before_or_after,
			 amid_gen_params),
	{}
};

static struct kunit_suite amid_suite = {
	.name = "ept_amid",
	.init = amid_init,
	.exit = arena_exit,
	.test_cases = amid_cases,
};

kunit_test_suite(amid_suite);
