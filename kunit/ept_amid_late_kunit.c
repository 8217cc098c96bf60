// SPDX-License-Identifier: GPL-2.0
/*
 * A change of a space that begins when a fault has seen that nothing changed, and has its leaf in
 * the table a little later: the leaf is found by the change, whichever way that looks.
 *
 * The short way of a map cannot be stopped on one CPU, so the fault is made to take the long one:
 * a thread holds the table's lock when it comes.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/rwsem.h>
#include <linux/sched.h>

#include "ept_access.h"
#include "ept_op.h"
#include "fixture.h"
#include "space_guest.h"

#define GPA	(16 * (u64)SZ_2M)
#define AT	(GPA + 100 * SZ_4K)	/* where the fault is */
#define LOGGED	(GPA + SZ_4K)
#define LOG	SZ_64K
#define NEW	0x22

struct late_change {
	const char	*name;
	int		(*make)(struct guest *guest);
	u64		moved;		/* what is at AT is so much farther afterwards */
};

/* What the fault does */
enum stage {
	ASKS,		/* for more rights of what may be there, by the short way */
	LEAVES,		/* it is done with that */
	WAITS,		/* for the table's lock */
	MAPS,		/* has seen that nothing changed */
};

static struct late {
	struct guest			*guest;
	const struct late_change	*change;
	struct task_struct		*faulter;
	enum stage			stage;
	struct completion		wanted;		/* the lock, */
	struct completion		held;		/* which is */
	struct completion		mapping;
	struct completion		over;
	int				err;
} late;

static bool is_short_way(const struct ept *ept)
{
	const struct ept_cpu *cpu;

	for (cpu = ept->first_cpu; cpu; cpu = cpu->next)
		if (cpu->mapping)
			return true;
	return false;
}

/* Until @is, or for long */
#define await(is) do {								\
	const unsigned long end = jiffies + 10 * HZ;				\
										\
	while (!(is) && time_before(jiffies, end))				\
		schedule_timeout_uninterruptible(1);				\
} while (0)

static void meet(void *where)
{
	struct ept *ept = late.guest->ept;
	const bool in_root = where >= (void *)ept->root &&
			     where < (void *)(ept->root + EPT_ENTRIES);

	if (current != late.faulter || irqs_disabled())
		return;
	if (late.stage == ASKS && in_root && is_short_way(ept))
		late.stage = LEAVES;
	/* The last of the short way may not wait. */
	if (preempt_count())
		return;
	if (late.stage == LEAVES && !is_short_way(ept)) {
		late.stage = WAITS;
		complete(&late.wanted);
		wait_for_completion(&late.held);
	} else if (late.stage == WAITS && in_root && rwsem_is_locked(&ept->lock) &&
		   !ept_rwsem_is_written(&ept->lock)) {
		late.stage = MAPS;
		complete(&late.mapping);
		await(rwsem_is_contended(&ept->lock));
	}
}

static int hold(void *unused)
{
	struct ept *ept = late.guest->ept;

	wait_for_completion(&late.wanted);
	down_write(&ept->lock);
	complete(&late.held);
	await(atomic_read(&ept->waiting) || late.stage == MAPS);
	/* It has asked for the lock soon after it was counted. */
	schedule_timeout_uninterruptible(2);
	up_write(&ept->lock);
	complete(&late.over);
	return 0;
}

static int change(void *unused)
{
	wait_for_completion(&late.mapping);
	late.err = late.change->make(late.guest);
	complete(&late.over);
	return 0;
}

/* A write at AT, or a read, which maps when the change has begun; @first: what it does first */
static void fault_late(struct guest *guest, const struct late_change *late_change,
		       enum stage first, bool write)
{
	struct kunit *test = guest->test;

	late = (struct late){
		.guest = guest, .change = late_change, .faulter = current, .stage = first,
	};
	init_completion(&late.wanted);
	init_completion(&late.held);
	init_completion(&late.mapping);
	init_completion(&late.over);
	/* The tables are there, so that the fault takes a leaf alone. */
	guest_load(guest, GPA + SZ_2M);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(hold, NULL, "late_hold"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(change, NULL, "late_change"));
	/* What waits for the lock gets it when the guest has gone on. */
	sched_set_fifo_low(current);
	ept_access_hook = meet;
	if (write)
		guest_store(guest, AT, NEW);
	else
		guest_load(guest, AT);
	ept_access_hook = NULL;
	/* Also where they didn't meet */
	complete(&late.wanted);
	complete(&late.mapping);
	wait_for_completion(&late.over);
	wait_for_completion(&late.over);
	sched_set_normal(current, 0);
	KUNIT_EXPECT_EQ(test, late.stage, MAPS);
	KUNIT_EXPECT_EQ(test, late.err, 0);
}

/*
 * Anonymous memory: what the guest wrote beside what went is still there, and no page is lost.
 */

static int discard(struct guest *guest)
{
	return ept_space_discard(guest->space, GPA, SZ_4K);
}

static int remove(struct guest *guest)
{
	return ept_space_remove(guest->space, GPA, SZ_4K);
}

static int move_page(struct guest *guest)
{
	return ept_space_move(guest->space, GPA, SZ_4K, GPA + SZ_1G);
}

static int move(struct guest *guest)
{
	return ept_space_move(guest->space, GPA, GUEST_SIZE, GPA + SZ_1G);
}

static const struct late_change changes[] = {
	{ "discard", discard },
	{ "remove", remove },
	{ "move a page", move_page },
	{ "move", move, SZ_1G },
};

KUNIT_ARRAY_PARAM_DESC(changes, changes, name);

static void a_change_finds_what_a_late_fault_mapped(struct kunit *test)
{
	const struct late_change *late_change = test->param_value;
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_ANON, GPA, GUEST_SIZE);
	fault_late(guest, late_change, ASKS, true);
	KUNIT_EXPECT_EQ(test, guest_load(guest, AT + late_change->moved), NEW);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, BIT_ULL(40)), 0);
	KUNIT_EXPECT_EQ(test, guest_anon_pages(guest), 0);
}

/*
 * A log that splits only what lies across its edges, and a client that gives large memory for
 * reading: a leaf that came late isn't made writable whole by a write beside the log.
 */

static int get_large(void *cookie, u64 offset, u32 access, struct ept_piece *piece)
{
	const struct guest *guest = cookie;

	piece->offset = ALIGN_DOWN(offset, SZ_2M);
	piece->hpa = page_to_phys(guest->linear) + piece->offset;
	piece->size = SZ_2M;
	if (!(access & EPT_PROT_WRITE))
		piece->prot &= ~EPT_PROT_WRITE;
	return 0;
}

static const struct ept_backend large = { .get = get_large };

static int start_log(struct guest *guest)
{
	return ept_space_log_start(guest->space, GPA, LOG, EPT_LOG_LAZY);
}

static const struct late_change starting = { "start a log", start_log };

static void a_log_has_what_is_written_to_what_a_late_fault_mapped(struct kunit *test)
{
	struct guest *guest = test->priv;
	const struct ept_region region = {
		.gpa = GPA, .size = GUEST_SIZE, .kind = EPT_REGION_CLIENT, .attrs = EPT_ATTRS_RAM,
		.cookie = guest, .backend = &large,
	};
	DECLARE_BITMAP(logged, LOG / SZ_4K) = { };

	KUNIT_ASSERT_EQ(test, ept_space_add(guest->space, &region), 0);
	fault_late(guest, &starting, LEAVES, false);
	guest_store(guest, AT, NEW);
	guest_store(guest, LOGGED, NEW);
	KUNIT_EXPECT_EQ(test, ept_space_log_get(guest->space, GPA, LOG, logged), 0);
	KUNIT_EXPECT_TRUE(test, test_bit((LOGGED - GPA) / SZ_4K, logged));
	KUNIT_EXPECT_EQ(test, ept_space_log_stop(guest->space, GPA, LOG), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, BIT_ULL(40)), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(a_change_finds_what_a_late_fault_mapped, changes_gen_params),
	KUNIT_CASE(a_log_has_what_is_written_to_what_a_late_fault_mapped),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_amid_late",
	.suite_init = guest_suite_init,
	.init = guest_init_own_params,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
