// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits for whom: while one operation holds the table's lock, each other one that changes the
 * table waits, and each reader doesn't. ept_unmap_report() reports under the lock, so that this is
 * where another thread's call can be watched. Clients may not sleep there; this one does.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "crew.h"
#include "ept_op.h"
#include "fixture.h"

#define REPORTED	0ULL		/* a leaf that goes */
#define SMALL		((u64)SZ_1G)	/* 4K leaves, */
#define GAP		(SMALL + 100 * SZ_4K)	/* and holes among them */
#define GAP_SIZE	(16 * SZ_4K)
#define LARGE		((u64)SZ_2G)	/* a 2M leaf */
#define EMPTY		((u64)SZ_4G)

struct call {
	int	(*run)(struct ept *ept);
	bool	reads;			/* so it doesn't wait */
};

struct exclude {
	struct arena		*arena;
	const struct call	*call;
	struct task_struct	*task;
	struct completion	begun;
	struct completion	ended;
	int			ret;
	bool			watched;
	bool			ended_under_lock;
};

static int map_one(struct ept *ept)
{
	return ept_map(ept, GAP, GAP, SZ_4K, &EPT_ATTRS_RAM);
}

static int map_one_and_tables(struct ept *ept)
{
	return ept_map(ept, EMPTY, EMPTY, SZ_4K, &EPT_ATTRS_RAM);
}

static int map_short(struct ept *ept)
{
	return ept_map(ept, GAP, GAP, GAP_SIZE, &EPT_ATTRS_RAM);
}

static int map_long(struct ept *ept)
{
	return ept_map(ept, EMPTY, EMPTY, SZ_4M + SZ_4K, &EPT_ATTRS_RAM);
}

static int map_pages(struct ept *ept)
{
	struct page *pages[] = { ZERO_PAGE(0), ZERO_PAGE(0) };

	return ept_map_pages(ept, GAP, pages, ARRAY_SIZE(pages), &EPT_ATTRS_RAM);
}

static int remap(struct ept *ept)
{
	return ept_remap(ept, SMALL, EMPTY, SZ_4K, &EPT_ATTRS_RAM, NULL);
}

static int unmap_short(struct ept *ept)
{
	return ept_unmap(ept, SMALL, SZ_4K, NULL);
}

static int unmap_long(struct ept *ept)
{
	return ept_unmap(ept, SMALL, SZ_2M, NULL);
}

static int protect_short(struct ept *ept)
{
	return ept_protect(ept, SMALL, SZ_4K, EPT_PROT_WRITE, 0, NULL);
}

static int protect_long(struct ept *ept)
{
	return ept_protect(ept, SMALL, LARGE, EPT_PROT_WRITE, 0, NULL);
}

static int set_memtype(struct ept *ept)
{
	return ept_set_memtype(ept, SMALL, SZ_4K, EPT_MT_UC, NULL);
}

static int set_attrs(struct ept *ept)
{
	return ept_set_attrs(ept, SMALL, SZ_4K, &EPT_ATTRS_DEVICE, NULL);
}

static int split(struct ept *ept)
{
	return ept_split(ept, LARGE, SZ_2M, EPT_4K, NULL);
}

static int merge(struct ept *ept)
{
	return min(ept_merge(ept, LARGE, SZ_2M, EPT_2M), 0);
}

static int map_if(struct ept *ept)
{
	static const unsigned long seq;

	return ept_map_if(ept, GAP, GAP, SZ_4K, &EPT_ATTRS_RAM, &seq, 0);
}

static int sync_maps(struct ept *ept)
{
	ept_sync_maps(ept);
	return 0;
}

static int fill_pages(struct ept *ept)
{
	struct page *pages[] = { ZERO_PAGE(0), ZERO_PAGE(0) };
	unsigned long filled = 0;

	return ept_fill_pages(ept, GAP, pages, ARRAY_SIZE(pages), &EPT_ATTRS_RAM, &filled, NULL,
			      0);
}

static int install(struct ept *ept)
{
	return ept_install(ept, GAP, GAP, SZ_4K, &EPT_ATTRS_RAM, NULL, 0, NULL);
}

static int install_another(struct ept *ept)
{
	return ept_install(ept, SMALL, EMPTY, SZ_4K, &EPT_ATTRS_RAM, NULL, 0, NULL);
}

static int grant(struct ept *ept)
{
	return min(ept_grant(ept, SMALL, EPT_PROT_READ | EPT_PROT_WRITE, NULL, 0, NULL), 0);
}

static int zap(struct ept *ept)
{
	return ept_zap(ept, LARGE, SZ_4K, NULL, NULL, NULL, NULL);
}

static int redirect(struct ept *ept)
{
	return ept_redirect(ept, SMALL, EMPTY, SZ_4K, 0, 0, NULL);
}

static int set_tag(struct ept *ept)
{
	return ept_set_tag(ept, SMALL, SZ_4K, 1, NULL);
}

static int clear_dirty(struct ept *ept)
{
	return ept_clear_dirty(ept, SMALL, NULL);
}

static int age(struct ept *ept)
{
	return ept_age(ept, SMALL, SZ_2M, true);
}

static int cursor_next(struct ept *ept)
{
	struct ept_mapping mapping;
	struct ept_cursor cursor;

	return ept_cursor_init(&cursor, ept, SMALL, SZ_2M) ?: ept_cursor_next(&cursor, &mapping);
}

static int harvest(struct ept *ept)
{
	DECLARE_BITMAP(bitmap, SZ_2M / SZ_4K) = { };

	return ept_harvest_dirty(ept, SMALL, SZ_2M, bitmap, false, NULL);
}

static int check(struct ept *ept)
{
	return ept_check(ept, NULL);
}

static int lookup(struct ept *ept)
{
	struct ept_mapping mapping;

	return ept_lookup(ept, SMALL, &mapping);
}

static int translate(struct ept *ept)
{
	return ept_translate(ept, SMALL, EPT_PROT_READ, NULL);
}

static int explain(struct ept *ept)
{
	struct ept_explanation explanation;

	return ept_explain(ept, SMALL, &explanation);
}

static int stats(struct ept *ept)
{
	struct ept_stats stats;

	ept_get_stats(ept, &stats);
	return 0;
}

static int dump(struct ept *ept)
{
	struct seq_file m = { .size = SZ_4K };
	int ret = -ENOMEM;

	m.buf = kmalloc(m.size, GFP_KERNEL);
	if (m.buf)
		ret = ept_dump(&m, ept);
	kfree(m.buf);
	return ret;
}

static int reserve(struct ept *ept)
{
	return ept_reserve(ept, 2);
}

static int call(void *data)
{
	struct exclude *exclude = data;

	complete(&exclude->begun);
	exclude->ret = exclude->call->run(exclude->arena->ept);
	complete_all(&exclude->ended);
	return 0;
}

/* Under the lock */
static void watch(const struct ept_mapping *mapping, void *arg)
{
	struct exclude *exclude = arg;
	const unsigned long patience = msecs_to_jiffies(exclude->call->reads ? 5000 : 40);

	exclude->watched = true;
	wake_up_process(exclude->task);
	wait_for_completion(&exclude->begun);
	exclude->ended_under_lock = wait_for_completion_timeout(&exclude->ended, patience);
}

static void set_up(struct kunit *test, struct ept *ept)
{
	KUNIT_ASSERT_EQ(test, ept_map(ept, REPORTED, REPORTED, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_map(ept, SMALL, SMALL, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_split(ept, SMALL, SZ_2M, EPT_4K, NULL), 0);
	KUNIT_ASSERT_EQ(test, ept_unmap(ept, GAP, GAP_SIZE, NULL), 0);
	KUNIT_ASSERT_EQ(test, ept_map(ept, LARGE, LARGE, SZ_2M, &EPT_ATTRS_RAM), 0);
}

static void who_changes_the_table_waits(struct kunit *test)
{
	struct exclude *exclude = kunit_kzalloc(test, sizeof(*exclude), GFP_KERNEL);
	const struct arena_config *config = test->param_value;
	struct arena *arena = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, exclude);
	set_up(test, arena->ept);
	exclude->arena = arena;
	exclude->call = config->arg;
	init_completion(&exclude->begun);
	init_completion(&exclude->ended);
	exclude->task = kthread_create(call, exclude, "ept_exclude");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, exclude->task);
	get_task_struct(exclude->task);
	KUNIT_EXPECT_EQ(test, ept_unmap_report(arena->ept, REPORTED, SZ_2M, watch, exclude, NULL),
			0);
	KUNIT_EXPECT_TRUE(test, exclude->watched);
	if (exclude->watched)
		wait_for_completion(&exclude->ended);
	kthread_stop(exclude->task);
	put_task_struct(exclude->task);
	KUNIT_EXPECT_EQ(test, exclude->ended_under_lock, exclude->call->reads);
	KUNIT_EXPECT_EQ(test, exclude->ret, 0);
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&arena->ept->lock));
}

#define CALL(_run, _reads) {					\
	.name = #_run,						\
	.config = TABLE_FOR(4, EPT_2M, 46, EPT_MT_WB, EPT_FEATURE_AD, 0),	\
	.arg = &(const struct call){ (_run), (_reads) },	\
}

static const struct arena_config calls[] = {
	CALL(map_one, false),
	CALL(map_one_and_tables, false),
	CALL(map_short, false),
	CALL(map_long, false),
	CALL(map_pages, false),
	CALL(remap, false),
	CALL(unmap_short, false),
	CALL(unmap_long, false),
	CALL(protect_short, false),
	CALL(protect_long, false),
	CALL(set_memtype, false),
	CALL(set_attrs, false),
	CALL(split, false),
	CALL(merge, false),
	CALL(map_if, false),
	CALL(sync_maps, false),
	CALL(fill_pages, false),
	CALL(install, false),
	CALL(install_another, false),
	CALL(grant, false),
	CALL(zap, false),
	CALL(redirect, false),
	CALL(set_tag, false),
	CALL(clear_dirty, false),
	CALL(harvest, false),
	CALL(age, true),
	CALL(cursor_next, true),
	CALL(check, false),
	CALL(lookup, true),
	CALL(translate, true),
	CALL(explain, true),
	CALL(stats, true),
	CALL(dump, true),
	CALL(reserve, true),
};

KUNIT_ARRAY_PARAM_DESC(call, calls, name);

/*
 * Long operations pause for those who map a leaf. Three wait for the lock, one after the other: the
 * long operation, another that changes the table, and a map. The map comes in amid the first, the
 * other does after it.
 */

#define LONG_SIZE	((u64)SZ_256M)	/* of 4K leaves, but for the last page */
#define LAST		(SMALL + LONG_SIZE - SZ_4K)

struct queued {
	int			(*run)(struct ept *ept);
	struct ept		*ept;
	struct task_struct	*task;
	int			ret;
};

struct queue {
	struct queued	queued[3];
	bool		formed;
};

static int take_write(struct ept *ept)
{
	return ept_protect(ept, SMALL, LONG_SIZE, EPT_PROT_WRITE, 0, NULL);
}

static int merge_all(struct ept *ept)
{
	return ept_merge(ept, SMALL, LONG_SIZE, EPT_2M);
}

static int harvest_all(struct ept *ept)
{
	const struct ept_harvest what = { .accessed = true };

	return ept_harvest(ept, SMALL, LONG_SIZE, &what, NULL);
}

static int give_write(struct ept *ept)
{
	return ept_protect(ept, LAST - SZ_4K, SZ_4K, 0, EPT_PROT_WRITE, NULL);
}

static int map_last(struct ept *ept)
{
	return ept_map(ept, LAST, LAST, SZ_4K, &EPT_ATTRS_RAM);
}

static int run_queued(void *data)
{
	struct queued *queued = data;

	queued->ret = queued->run(queued->ept);
	/* It sleeps whenever it is looked at. */
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* Sets it to work, of all of which only the lock has it wait, or the end. */
static void wait_until_it_sleeps(struct queued *queued)
{
	wake_up_process(queued->task);
	do
		schedule_timeout_uninterruptible(1);
	while (!(READ_ONCE(queued->task->__state) & TASK_UNINTERRUPTIBLE));
}

/* Under the lock: returns when all wait for it, in this order. */
static void form_queue(const struct ept_mapping *mapping, void *arg)
{
	struct queue *queue = arg;

	if (queue->formed)
		return;
	queue->formed = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(queue->queued); i++)
		wait_until_it_sleeps(&queue->queued[i]);
}

/* Runs three calls, which come to the lock in this order while it is held. */
static struct queue *run_in_a_queue(struct kunit *test, int (*first)(struct ept *ept),
				    int (*second)(struct ept *ept), int (*third)(struct ept *ept))
{
	struct queue *queue = kunit_kzalloc(test, sizeof(*queue), GFP_KERNEL);
	struct arena *arena = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, queue);
	KUNIT_ASSERT_EQ(test, ept_map(arena->ept, REPORTED, REPORTED, SZ_4K, &EPT_ATTRS_RAM), 0);
	queue->queued[0].run = first;
	queue->queued[1].run = second;
	queue->queued[2].run = third;
	for (unsigned int i = 0; i < ARRAY_SIZE(queue->queued); i++) {
		queue->queued[i].ept = arena->ept;
		queue->queued[i].task = kthread_create(run_queued, &queue->queued[i], "queued");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, queue->queued[i].task);
	}
	KUNIT_EXPECT_EQ(test, ept_unmap_report(arena->ept, REPORTED, SZ_4K, form_queue, queue,
					       NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(queue->queued); i++)
		kthread_stop(queue->queued[i].task);
	return queue;
}

static void map_small_leaves(struct kunit *test)
{
	struct arena *arena = test->priv;

	KUNIT_ASSERT_EQ(test, ept_map(arena->ept, SMALL, SMALL, LONG_SIZE - SZ_4K,
				      &EPT_ATTRS_RAM), 0);
	KUNIT_ASSERT_EQ(test, ept_split(arena->ept, SMALL, LONG_SIZE, EPT_4K, NULL), 0);
}

static void a_map_of_a_leaf_comes_in_amid_a_long_operation(struct kunit *test)
{
	const struct arena_config *config = test->param_value;
	const struct call *call = config->arg;
	struct arena *arena = test->priv;
	struct ept_mapping last, before;
	struct queue *queue;

	map_small_leaves(test);
	queue = run_in_a_queue(test, call->run, give_write, map_last);
	KUNIT_EXPECT_EQ(test, queue->queued[1].ret, 0);
	KUNIT_EXPECT_EQ(test, queue->queued[2].ret, 0);
	KUNIT_ASSERT_EQ(test, ept_lookup(arena->ept, LAST, &last), 0);
	KUNIT_ASSERT_EQ(test, ept_lookup(arena->ept, LAST - SZ_4K, &before), 0);
	if (call->run == take_write) {
		KUNIT_EXPECT_FALSE(test, last.attrs.prot & EPT_PROT_WRITE);
		KUNIT_EXPECT_TRUE(test, before.attrs.prot & EPT_PROT_WRITE);
	}
	/* The last page makes its 2M whole. */
	KUNIT_EXPECT_EQ(test, queue->queued[0].ret,
			call->run == merge_all ? LONG_SIZE / SZ_2M : 0);
}

static const struct arena_config long_calls[] = {
	CALL(take_write, false),
	CALL(merge_all, false),
	CALL(harvest_all, false),
};

KUNIT_ARRAY_PARAM_DESC(long_call, long_calls, name);

/*
 * What comes in may change the leaf in which the range ends. The pause is after EPT_OP_RUNS, which
 * are two for each table; so many lie before that leaf, and where the range begins amid a table,
 * its own run is the one that would pause.
 */

#define CUT		(SMALL + LONG_SIZE)	/* a 2M leaf in which the range ends, */
#define CUT_HPA		((u64)SZ_1G * 8)	/* and where it leads */
#define AMID		(CUT - EPT_OP_RUNS / 2 * SZ_2M + SZ_4K)

static int take_write_cut(struct ept *ept)
{
	return ept_protect(ept, SMALL, LONG_SIZE + SZ_1M, EPT_PROT_WRITE, 0, NULL);
}

static int set_tag_cut(struct ept *ept)
{
	return ept_set_tag(ept, AMID, CUT + SZ_1M - AMID, 1, NULL);
}

static int grant_cut(struct ept *ept)
{
	return ept_grant(ept, CUT, EPT_PROT_READ | EPT_PROT_WRITE, NULL, 0, NULL);
}

static void a_leaf_that_an_edge_cuts_changes_before_or_after(struct kunit *test)
{
	const struct arena_config *config = test->param_value;
	const struct call *call = config->arg;
	struct ept_attrs attrs = EPT_ATTRS_RAM;
	struct arena *arena = test->priv;
	struct ept_mapping mapping;
	struct queue *queue;

	map_small_leaves(test);
	attrs.prot = call->run == take_write_cut ? EPT_PROT_READ : EPT_PROT_NONE;
	KUNIT_ASSERT_EQ(test, ept_map(arena->ept, CUT, CUT_HPA, SZ_2M, &attrs), 0);
	queue = run_in_a_queue(test, call->run, give_write, grant_cut);
	for (unsigned int i = 0; i < ARRAY_SIZE(queue->queued); i++)
		KUNIT_EXPECT_EQ(test, queue->queued[i].ret, 0);
	KUNIT_EXPECT_EQ(test, ept_check(arena->ept, NULL), 0);
	for (u64 offset = 0; offset < SZ_2M; offset += SZ_4K) {
		KUNIT_ASSERT_EQ(test, ept_lookup(arena->ept, CUT + offset, &mapping), 0);
		KUNIT_ASSERT_EQ(test, mapping.hpa - mapping.gpa, CUT_HPA - CUT);
	}
}

static const struct arena_config cut_calls[] = {
	CALL(set_tag_cut, false),
	CALL(take_write_cut, false),
};

KUNIT_ARRAY_PARAM_DESC(cut_call, cut_calls, name);

/* What CPUs set in tables that were merged is collected under the lock, after the flush. */

static struct ept_gather merged;

static int flush_merged(struct ept *ept)
{
	ept_gather_flush(&merged);
	return 0;
}

static int unmap_empty(struct ept *ept)
{
	return ept_unmap(ept, EMPTY, SZ_4K, NULL);
}

static int map_empty(struct ept *ept)
{
	return ept_map(ept, EMPTY, EMPTY, SZ_4K, &EPT_ATTRS_RAM);
}

static void a_map_of_a_leaf_comes_in_amid_the_flush_of_a_merge(struct kunit *test)
{
	struct arena *arena = test->priv;
	struct ept_mapping hole;
	struct queue *queue;

	KUNIT_ASSERT_EQ(test, ept_map(arena->ept, EMPTY + SZ_4K, EMPTY, SZ_4K, &EPT_ATTRS_RAM),
			0);
	map_small_leaves(test);
	ept_gather_init(&merged, arena->ept);
	KUNIT_EXPECT_GT(test, ept_merge_gather(arena->ept, SMALL, LONG_SIZE, EPT_2M, &merged), 64);
	queue = run_in_a_queue(test, flush_merged, unmap_empty, map_empty);
	for (unsigned int i = 0; i < ARRAY_SIZE(queue->queued); i++)
		KUNIT_EXPECT_EQ(test, queue->queued[i].ret, 0);
	/* So the second call found what the third had mapped. */
	KUNIT_EXPECT_EQ(test, ept_lookup(arena->ept, EMPTY, &hole), -ENOENT);
}

static const struct arena_config flush_calls[] = {
	CALL(flush_merged, false),
};

KUNIT_ARRAY_PARAM_DESC(flush_call, flush_calls, name);

/*
 * Leaves that report 32K of a bitmap each are no short run, however few they are. Where it is the
 * long operation that runs again first after a pause, the next one will do.
 */

#define NR_HUGE		512
#define HUGE		(64ULL * SZ_1G)

static unsigned long *bitmap_of_huge;

static int harvest_huge(struct ept *ept)
{
	return ept_harvest_dirty(ept, HUGE, NR_HUGE * (u64)SZ_1G, bitmap_of_huge, false, NULL);
}

static void a_map_of_a_leaf_comes_in_amid_a_harvest_of_huge_leaves(struct kunit *test)
{
	const size_t bits = NR_HUGE * (SZ_1G / SZ_4K);
	struct arena *arena = test->priv;
	struct ept_mapping hole;
	struct queue *queue;
	u64 value;

	bitmap_of_huge = kvzalloc(bits / BITS_PER_BYTE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bitmap_of_huge);
	KUNIT_ASSERT_EQ(test, ept_map(arena->ept, EMPTY + SZ_4K, EMPTY, SZ_4K, &EPT_ATTRS_RAM),
			0);
	KUNIT_ASSERT_EQ(test, ept_map(arena->ept, HUGE, HUGE, NR_HUGE * (u64)SZ_1G,
				      &EPT_ATTRS_RAM), 0);
	for (u64 i = 0; i < NR_HUGE; i++) {
		enum ept_level level = EPT_1G;

		*ept_descend(&arena->ept->fmt, arena->ept->root, HUGE + i * SZ_1G, &level,
			     &value) |= EPT_PTE_AD;
	}
	queue = run_in_a_queue(test, harvest_huge, unmap_empty, map_empty);
	for (unsigned int i = 0; i < ARRAY_SIZE(queue->queued); i++)
		KUNIT_EXPECT_EQ(test, queue->queued[i].ret, 0);
	/* So the second call found what the third had mapped. */
	KUNIT_EXPECT_EQ(test, ept_lookup(arena->ept, EMPTY, &hole), -ENOENT);
	KUNIT_EXPECT_TRUE(test, bitmap_full(bitmap_of_huge, bits));
	kvfree(bitmap_of_huge);
}

static const struct arena_config huge_calls[] = {
	{
		.name = "harvest_huge",
		.config = TABLE_FOR(4, EPT_1G, 46, EPT_MT_WB, EPT_FEATURE_AD, 0),
	},
};

KUNIT_ARRAY_PARAM_DESC(huge_call, huge_calls, name);

/*
 * Who maps by the long way shares the lock, and may be preempted there. A change then waits for it,
 * and others that map for neither.
 */

static void a_map_waits_for_no_change_that_waits_itself(struct kunit *test)
{
	struct queue *queue = kunit_kzalloc(test, sizeof(*queue), GFP_KERNEL);
	struct queued *change, *map;
	struct arena *arena = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, queue);
	map_small_leaves(test);
	change = &queue->queued[0];
	map = &queue->queued[1];
	change->run = give_write;
	map->run = map_last;
	for (unsigned int i = 0; i < 2; i++) {
		queue->queued[i].ret = 1;
		queue->queued[i].ept = arena->ept;
		queue->queued[i].task = kthread_create(run_queued, &queue->queued[i], "queued");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, queue->queued[i].task);
	}
	down_read(&arena->ept->lock);
	for (unsigned int i = 0; i < 2; i++)
		wait_until_it_sleeps(&queue->queued[i]);
	KUNIT_EXPECT_EQ(test, READ_ONCE(change->ret), 1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(map->ret), 0);
	up_read(&arena->ept->lock);
	for (unsigned int i = 0; i < 2; i++)
		kthread_stop(queue->queued[i].task);
	KUNIT_EXPECT_EQ(test, change->ret, 0);
}

static const struct arena_config shared_calls[] = {
	CALL(map_last, false),
};

KUNIT_ARRAY_PARAM_DESC(shared_call, shared_calls, name);

static struct kunit_case exclude_cases[] = {
	KUNIT_CASE_PARAM(who_changes_the_table_waits, call_gen_params),
	KUNIT_CASE_PARAM(a_map_of_a_leaf_comes_in_amid_a_long_operation, long_call_gen_params),
	KUNIT_CASE_PARAM(a_map_of_a_leaf_comes_in_amid_the_flush_of_a_merge, flush_call_gen_params),
	KUNIT_CASE_PARAM(a_map_of_a_leaf_comes_in_amid_a_harvest_of_huge_leaves,
			 huge_call_gen_params),
	KUNIT_CASE_PARAM(a_leaf_that_an_edge_cuts_changes_before_or_after, cut_call_gen_params),
	KUNIT_CASE_PARAM(a_map_waits_for_no_change_that_waits_itself, shared_call_gen_params),
	{}
};

static struct kunit_suite exclude_suite = {
	.name = "ept_race_exclude",
	.init = arena_init,
	.exit = arena_exit,
	.test_cases = exclude_cases,
};

kunit_test_suite(exclude_suite);
