// SPDX-License-Identifier: GPL-2.0
/*
 * Races with one right outcome: maps of one leaf against each other, CPUs that set accessed and
 * dirty against everything that changes an entry, and tables that come and go while they are read.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "crew.h"
#include "fixture.h"

static unsigned int race_ms = 150;
module_param(race_ms, uint, 0444);
MODULE_PARM_DESC(race_ms, "for how long each race is run");

#define CONFIG(_levels, _leaf, _features, _flags)	\
	TABLE_FOR(_levels, _leaf, 46, EPT_MT_WB, _features, _flags)

static const struct arena_config leaf_races[] = {
	{ "4l_1g_ad", CONFIG(4, EPT_1G, EPT_FEATURE_AD, 0) },
	{ "4l_2m_ve", CONFIG(4, EPT_2M, EPT_FEATURE_VE, 0), .own_flush = true },
	{ "5l_1g_mbec", CONFIG(5, EPT_1G, EPT_FEATURE_MODE_EXEC, 0) },
};

KUNIT_ARRAY_PARAM_DESC(leaf_race, leaf_races, name);

/*
 * Maps of one leaf
 */

enum leaf_race {
	SAME_4K,		/* all map the same pages */
	SAME_2M,
	NEIGHBOURS,		/* each pages of its own, in one table */
	NEW_NEIGHBOURS,		/* the same, in tables that none has made yet */
	FAR_NEIGHBOURS,		/* the same, with nothing but the topmost table in common */
	LARGE_AND_SMALL,	/* one a 2M leaf, the others pages of their own in it */
	NR_LEAF_RACES,
};

#define LOTS		64		/* what is raced for in a round */
#define LOT_SPAN	(16ULL * SZ_1G)
#define TRIES		16U

/* What a hand maps in a lot, and which of it was refused. */
struct bid {
	u64		gpa;
	u64		stride;
	u64		hpa;
	u64		size;
	unsigned int	nr;
	bool		refused[TRIES];
	int		error;
};

struct lot {
	enum leaf_race	race;
	atomic_t	here;
	struct bid	bids[CREW_MAX];
};

struct leaf_round {
	struct crew	crew;
	struct arena	*arena;
	unsigned long	judged[NR_LEAF_RACES];
	struct lot	lots[LOTS];
};

static void make_bid(const struct crew *crew, struct lot *lot, unsigned int id, u64 gpa)
{
	struct bid *bid = &lot->bids[id];

	*bid = (struct bid){ .gpa = gpa, .stride = SZ_4K, .size = SZ_4K, .nr = TRIES };
	if (lot->race == SAME_2M || (lot->race == LARGE_AND_SMALL && !id)) {
		bid->size = SZ_2M;
		bid->nr = 1;
	} else if (lot->race == FAR_NEIGHBOURS) {
		bid->gpa += id * (u64)SZ_1G;
	} else if (lot->race != SAME_4K) {
		bid->gpa += id * SZ_4K;
		bid->stride = lot->race == NEW_NEIGHBOURS ? SZ_2M : crew->nr * SZ_4K;
	}
	/* Addresses of its own tell who mapped it. */
	bid->hpa = (u64)(id + 1) << 40 | (bid->gpa & (SZ_1G - 1));
}

/* Lots are far apart, and begin without tables but the topmost. */
static void make_lots(struct hand *hand)
{
	struct leaf_round *round = hand->arg;
	unsigned int i, id;

	for (i = 0; i < LOTS; i++) {
		struct lot *lot = &round->lots[i];
		u64 gpa = i * LOT_SPAN + hand_below(hand, 512) * (u64)SZ_2M;

		lot->race = hand_below(hand, NR_LEAF_RACES);
		atomic_set(&lot->here, 0);
		for (id = 0; id < hand->crew->nr; id++)
			make_bid(hand->crew, lot, id, gpa);
	}
}

/* Waits for the others, but not for long: they may not have a CPU just now. */
static void race_for_lot(struct hand *hand, struct lot *lot)
{
	struct leaf_round *round = hand->arg;
	struct bid *bid = &lot->bids[hand->id];
	unsigned int i, patience = 200;

	atomic_inc(&lot->here);
	while (atomic_read(&lot->here) < hand->crew->nr && --patience)
		cpu_relax();
	for (i = 0; i < bid->nr; i++) {
		int ret = ept_map(round->arena->ept, bid->gpa + i * bid->stride,
				  bid->hpa + i * bid->stride, bid->size, &EPT_ATTRS_RAM);

		bid->refused[i] = ret;
		if (ret && ret != -EEXIST)
			bid->error = ret;
	}
}

static unsigned int nr_refused(const struct bid *bid)
{
	unsigned int i, nr = 0;

	for (i = 0; i < bid->nr; i++)
		nr += bid->refused[i];
	return nr;
}

/* Whether all that was bid for has one winner, and who bid alone wasn't refused. */
static bool right_winners(const struct lot *lot, unsigned int crew)
{
	unsigned int id, i, refused, all = 0;

	for (id = 0; id < crew; id++) {
		refused = nr_refused(&lot->bids[id]);
		all += refused;
		if (lot->race == LARGE_AND_SMALL && id &&
		    refused != (nr_refused(&lot->bids[0]) ? 0 : TRIES))
			return false;
	}
	if (lot->race == NEIGHBOURS || lot->race == NEW_NEIGHBOURS || lot->race == FAR_NEIGHBOURS)
		return !all;
	if (lot->race == SAME_2M)
		return all == crew - 1;
	for (i = 0; lot->race == SAME_4K && i < TRIES; i++) {
		for (id = 0, refused = 0; id < crew; id++)
			refused += lot->bids[id].refused[i];
		if (refused != crew - 1)
			return false;
	}
	return true;
}

static void judge_bid(struct hand *hand, const struct lot *lot, const struct bid *bid)
{
	struct leaf_round *round = hand->arg;
	struct ept_mapping mapping;
	unsigned int i;

	if (bid->error)
		crew_wrong(hand, "a map failed", bid->error, lot->race);
	for (i = 0; i < bid->nr; i++) {
		if (bid->refused[i])
			continue;
		if (ept_lookup(round->arena->ept, bid->gpa + i * bid->stride, &mapping) ||
		    mapping.hpa != bid->hpa + i * bid->stride || mapping.size != bid->size)
			crew_wrong(hand, "not what the winner mapped", bid->gpa, lot->race);
	}
}

/* The sums are right at once, not only when the table is next changed. */
static void judge_round(struct hand *hand)
{
	struct leaf_round *round = hand->arg;
	struct ept_check_report report;
	u64 small = 0, large = 0;
	struct ept_stats stats;
	unsigned int i, id;

	for (i = 0; i < LOTS; i++) {
		const struct lot *lot = &round->lots[i];

		if (!right_winners(lot, hand->crew->nr))
			crew_wrong(hand, "not one winner, in race", lot->race, 0);
		round->judged[lot->race]++;
		for (id = 0; id < hand->crew->nr; id++) {
			const struct bid *bid = &lot->bids[id];

			judge_bid(hand, lot, bid);
			*(bid->size == SZ_2M ? &large : &small) += bid->nr - nr_refused(bid);
		}
	}
	ept_get_stats(round->arena->ept, &stats);
	if (stats.leaves[EPT_4K] != small || stats.leaves[EPT_2M] != large)
		crew_wrong(hand, "leaves counted", stats.leaves[EPT_4K], stats.leaves[EPT_2M]);
	/* It looks at each entry, which takes longer than the races. */
	if (hand->steps % 8 == 0 && ept_check(round->arena->ept, &report))
		crew_wrong(hand, report.why, report.gpa, report.entry);
}

static void race_for_leaves(struct hand *hand)
{
	struct leaf_round *round = hand->arg;
	unsigned int i;

	if (!hand->id)
		make_lots(hand);
	if (!crew_meet(hand))
		return;
	for (i = 0; i < LOTS; i++)
		race_for_lot(hand, &round->lots[i]);
	if (!crew_meet(hand) || hand->id)
		return;
	judge_round(hand);
	if (ept_unmap(round->arena->ept, 0, LOTS * LOT_SPAN, NULL))
		crew_wrong(hand, "unmap failed", 0, 0);
}

static void maps_of_one_leaf_have_one_winner(struct kunit *test)
{
	struct arena *arena = test->priv;
	struct leaf_round *round = kunit_kzalloc(test, sizeof(*round), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, round);
	round->arena = arena;
	crew_init(&round->crew, test, round);
	round->crew.least = 10;
	for (i = 0; i < crew_size(); i++)
		crew_hire(&round->crew, "mapper", race_for_leaves)->arg = round;
	crew_work(&round->crew, race_ms);
	for (i = 0; i < NR_LEAF_RACES; i++)
		KUNIT_EXPECT_GT_MSG(test, round->judged[i], 0, "race %u was never run", i);
	KUNIT_EXPECT_EQ(test, ept_unmap(arena->ept, 0, LOTS * LOT_SPAN, NULL), 0);
	KUNIT_EXPECT_EQ(test, table_pages(), arena->pages_before + 1);
}

/*
 * Accessed and dirty
 */

#define BLOCK		512U		/* pages of a 2M leaf, which all of it may be */
#define HOT		32U		/* the first of */
#define NR_HOT		8U		/* the pages that CPUs use where leaves stay small, */
#define COLD		36U		/* but for this one, a hole */
#define VICTIMS		16U		/* at the front: nobody's, and unmapped at times */

enum { ACCESSED, DIRTY, NR_FLAGS };

static const u64 flag_bits[NR_FLAGS] = { [ACCESSED] = 1ULL << 8, [DIRTY] = 1ULL << 9 };

/*
 * What CPUs set and what a harvest reported, in stamps of one clock: a flag that was set after a
 * stamp is in the table, or was reported after it.
 */
struct flags {
	struct crew	crew;
	struct arena	*arena;
	bool		large;			/* leaves become large at times */
	atomic64_t	clock;
	atomic64_t	reported[NR_FLAGS][BLOCK];
	u64		set[NR_FLAGS][BLOCK];	/* by the one CPU that uses the page */

	/* CPUs that are threads */
	struct rw_semaphore operations;		/* shared by those that are under way */

	/* A CPU that interrupts */
	DECLARE_BITMAP(used, BLOCK);		/* pages, since the last look */

	/* A CPU that knows where these pages' entries are, until it is told to forget */
	struct {
		unsigned int	page;
		u64		*where;
		unsigned int	level;
	} known[4];
	unsigned int	nr_known;
};

static unsigned int random_page(const struct flags *flags, struct rnd_state *random)
{
	u32 value = prandom_u32_state(random);

	return flags->large ? VICTIMS + value % (BLOCK - VICTIMS) : HOT + value % NR_HOT;
}

/*
 * A CPU reads an entry, and sets flags in it if it is still what it was, wherever that is by then:
 * the longer it takes, the likelier in a table that was replaced.
 */
static bool set_flags(struct flags *flags, unsigned int page, bool write, unsigned int delay)
{
	const struct mmu_access access = { .read = true, .write = write };
	const u64 bits = flag_bits[ACCESSED] | (write ? flag_bits[DIRTY] : 0);
	struct arena *arena = flags->arena;
	struct mmu_result result;
	u64 old;

	do {
		mmu_look(&arena->mmu, arena->eptp, page * (u64)SZ_4K, &access, &result);
		if (result.verdict != MMU_OK)
			return false;
		if (delay)
			schedule_timeout_uninterruptible(delay);
		old = result.entry;
	} while (!try_cmpxchg64(result.where, &old, old | bits));
	return true;
}

static bool flag_is_set(struct flags *flags, unsigned int page, unsigned int flag)
{
	const struct mmu_access read = { .read = true };
	struct mmu_result result;

	rcu_read_lock();
	mmu_look(&flags->arena->mmu, flags->arena->eptp, page * (u64)SZ_4K, &read, &result);
	rcu_read_unlock();
	return result.verdict == MMU_OK && result.entry & flag_bits[flag];
}

static bool flag_is_known(struct flags *flags, unsigned int page, unsigned int flag)
{
	u64 stamp = READ_ONCE(flags->set[flag][page]);

	return !stamp || flag_is_set(flags, page, flag) ||
	       atomic64_read(&flags->reported[flag][page]) > stamp;
}

static void expect_done(struct hand *hand, const char *what, int ret)
{
	if (ret < 0)
		crew_wrong(hand, what, ret, 0);
}

/* Pages that the CPUs use, or all. */
static void flag_range(struct hand *hand, u64 *gpa, u64 *size)
{
	struct flags *flags = hand->arg;
	bool all = hand_below(hand, 4);

	*gpa = (HOT + hand_below(hand, NR_HOT)) * SZ_4K;
	*size = (1 + hand_below(hand, NR_HOT)) * SZ_4K;
	if (all) {
		*gpa = flags->large ? 0 : HOT * SZ_4K;
		*size = (flags->large ? BLOCK : NR_HOT) * SZ_4K;
	}
}

static void harvest_flag(struct hand *hand, unsigned int flag, bool peek)
{
	struct flags *flags = hand->arg;
	DECLARE_BITMAP(bitmap, BLOCK) = { };
	unsigned long bit;
	u64 gpa, size, stamp;
	int ret;

	flag_range(hand, &gpa, &size);
	if (flag == DIRTY)
		ret = ept_harvest_dirty(flags->arena->ept, gpa, size, bitmap, peek, NULL);
	else
		ret = ept_harvest_accessed(flags->arena->ept, gpa, size, bitmap, peek, NULL);
	expect_done(hand, "harvest", ret);
	stamp = atomic64_inc_return(&flags->clock);
	for_each_set_bit(bit, bitmap, BLOCK)
		atomic64_set(&flags->reported[flag][gpa / SZ_4K + bit], stamp);
}

static void harvest(struct hand *hand)
{
	harvest_flag(hand, hand_below(hand, NR_FLAGS), hand_one_in(hand, 16));
}

/* Takes and gives what a read and a write don't need. */
static void change(struct hand *hand)
{
	struct flags *flags = hand->arg;
	struct ept *ept = flags->arena->ept;
	struct ept_attrs attrs = EPT_ATTRS_RAM;
	u64 gpa, size;

	flag_range(hand, &gpa, &size);
	attrs.tag = hand_below(hand, EPT_TAG_MAX + 1);
	switch (hand_below(hand, 4)) {
	case 0:
		expect_done(hand, "protect", ept_protect(ept, gpa, size, EPT_PROT_EXEC, 0, NULL));
		break;
	case 1:
		expect_done(hand, "protect", ept_protect(ept, gpa, size, 0, EPT_PROT_EXEC, NULL));
		break;
	case 2:
		expect_done(hand, "set_memtype",
			    ept_set_memtype(ept, gpa, size, attrs.tag % 2 ? EPT_MT_WB : EPT_MT_WC,
					    NULL));
		break;
	default:
		expect_done(hand, "set_attrs", ept_set_attrs(ept, gpa, size, &attrs, NULL));
		break;
	}
}

static void change_and_harvest(struct hand *hand)
{
	change(hand);
	harvest_flag(hand, DIRTY, false);
}

/* Writes are refused at times, too. */
static void protect_and_harvest(struct hand *hand)
{
	struct flags *flags = hand->arg;
	u64 gpa, size;

	flag_range(hand, &gpa, &size);
	expect_done(hand, "protect",
		    ept_protect(flags->arena->ept, gpa, size, EPT_PROT_WRITE, 0, NULL));
	expect_done(hand, "protect",
		    ept_protect(flags->arena->ept, gpa, size, 0, EPT_PROT_WRITE, NULL));
	harvest_flag(hand, hand_below(hand, NR_FLAGS), false);
}

static void split(struct hand *hand)
{
	struct flags *flags = hand->arg;
	u64 gpa, size;

	flag_range(hand, &gpa, &size);
	expect_done(hand, "split", ept_split(flags->arena->ept, gpa, size, EPT_4K, NULL));
}

static void merge(struct hand *hand)
{
	struct flags *flags = hand->arg;
	struct ept *ept = flags->arena->ept;

	expect_done(hand, "set_attrs", ept_set_attrs(ept, 0, SZ_2M, &EPT_ATTRS_RAM, NULL));
	expect_done(hand, "merge", ept_merge(ept, 0, SZ_2M, EPT_2M));
}

/* Unmaps a few pages, which splits what is large, and maps them as they were. */
static void replace_victims(struct hand *hand)
{
	struct flags *flags = hand->arg;
	struct ept *ept = flags->arena->ept;
	int ret;

	expect_done(hand, "unmap", ept_unmap(ept, 0, VICTIMS * SZ_4K, NULL));
	ret = ept_map(ept, 0, 0, VICTIMS * SZ_4K, &EPT_ATTRS_RAM);
	/* Another hand may have been at the same. */
	if (ret != -EEXIST)
		expect_done(hand, "map", ret);
}

static void split_and_merge(struct hand *hand)
{
	merge(hand);
	harvest_flag(hand, DIRTY, false);
	split(hand);
}

static void unmap_and_merge(struct hand *hand)
{
	merge(hand);
	harvest_flag(hand, hand_below(hand, NR_FLAGS), false);
	replace_victims(hand);
}

/* What is large is dirty in all of its pages, and cleaned only as a whole. */
static void split_merge_harvest(struct hand *hand)
{
	merge(hand);
	harvest(hand);
	harvest(hand);
	change(hand);
}

/*
 * A CPU that is an interrupt, amid an operation: wherever an entry isn't changed in one piece, it
 * will come between. After the operation nothing is under way, and each flag is known.
 */

/* What CPUs set flags against. */
struct flag_race {
	void	(*work)(struct hand *hand);
	bool	large;
};

static void set_flags_amid(struct hand *hand)
{
	struct flags *flags = hand->arg;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		unsigned int page = random_page(flags, &hand->random);
		u64 stamp = atomic64_inc_return(&flags->clock);
		bool write = i;

		if (!set_flags(flags, page, write, 0))
			continue;
		WRITE_ONCE(flags->set[ACCESSED][page], stamp);
		if (write)
			WRITE_ONCE(flags->set[DIRTY][page], stamp);
		set_bit(page, flags->used);
	}
}

static void find_entries(struct flags *flags)
{
	const struct mmu_access write = { .write = true };
	struct arena *arena = flags->arena;
	struct mmu_result result;

	for (flags->nr_known = 0; flags->nr_known < ARRAY_SIZE(flags->known); flags->nr_known++) {
		unsigned int page = random_page(flags, &flags->crew.hands[0].random);

		mmu_look(&arena->mmu, arena->eptp, page * (u64)SZ_4K, &write, &result);
		if (result.verdict != MMU_OK)
			break;
		flags->known[flags->nr_known].page = page;
		flags->known[flags->nr_known].where = result.where;
		flags->known[flags->nr_known].level = result.level;
	}
}

/*
 * Until it is told, a CPU writes through what it knows, and sets flags there: last of all when it
 * is just being told.
 */
static void set_last_flags(struct arena *arena)
{
	struct flags *flags = arena->arg;
	unsigned int i;

	for (i = 0; i < flags->nr_known; i++) {
		u64 *where = flags->known[i].where, old = READ_ONCE(*where);
		unsigned int page = flags->known[i].page;
		u64 stamp = atomic64_inc_return(&flags->clock);

		if (mmu_kind(&arena->mmu, old, flags->known[i].level) != MMU_LEAF || !(old & 2) ||
		    !try_cmpxchg64(where, &old, old | flag_bits[ACCESSED] | flag_bits[DIRTY]))
			continue;
		WRITE_ONCE(flags->set[ACCESSED][page], stamp);
		WRITE_ONCE(flags->set[DIRTY][page], stamp);
		set_bit(page, flags->used);
	}
	flags->nr_known = 0;
}

static void look_for_lost_flags(struct hand *hand)
{
	struct flags *flags = hand->arg;
	unsigned int page, flag;

	/* Not for_each_set_bit(), which would read plainly what interrupts set. */
	for (page = 0; page < BLOCK; page++) {
		if (!test_bit(page, flags->used))
			continue;
		clear_bit(page, flags->used);
		for (flag = 0; flag < NR_FLAGS; flag++)
			if (!flag_is_known(flags, page, flag))
				crew_wrong(hand, "flag lost, of page", flag, page);
	}
}

static void operate_and_look(struct hand *hand)
{
	const struct arena_config *param = hand->crew->test->param_value;
	const struct flag_race *race = param->arg;
	struct flags *flags = hand->arg;

	find_entries(flags);
	race->work(hand);
	flags->nr_known = 0;
	look_for_lost_flags(hand);
}

static struct flags *new_flags(struct kunit *test, bool large)
{
	struct flags *flags = kunit_kzalloc(test, sizeof(*flags), GFP_KERNEL);
	struct arena *arena = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, flags);
	flags->arena = arena;
	flags->large = large;
	init_rwsem(&flags->operations);
	crew_init(&flags->crew, test, flags);
	KUNIT_ASSERT_EQ(test, ept_map(arena->ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	/* A hole among small leaves, so that not all leaves of a run are alike */
	if (!large)
		KUNIT_ASSERT_EQ(test, ept_unmap(arena->ept, COLD * SZ_4K, SZ_4K, NULL), 0);
	return flags;
}

static void no_flag_set_amid_an_operation_is_lost(struct kunit *test)
{
	const struct arena_config *param = test->param_value;
	const struct flag_race *race = param->arg;
	struct flags *flags = new_flags(test, race->large);

	flags->arena->arg = flags;
	flags->arena->on_invalidate = set_last_flags;
	flags->crew.least = 200;
	crew_hire(&flags->crew, "operator", operate_and_look)->arg = flags;
	crew_hire_interrupt(&flags->crew, set_flags_amid)->arg = flags;
	crew_work(&flags->crew, race_ms);
	look_for_lost_flags(&flags->crew.hands[0]);
	KUNIT_EXPECT_NULL(test, flags->crew.hands[0].wrong);
	KUNIT_EXPECT_EQ(test, ept_check(flags->arena->ept, NULL), 0);
}

#define FLAG_RACE(_name, _work, _large) {			\
	.name = (_name),					\
	.config = CONFIG(4, EPT_1G, EPT_FEATURE_AD, 0),		\
	.arg = &(const struct flag_race){ (_work), (_large) },	\
}

static const struct arena_config flag_races[] = {
	FLAG_RACE("harvest", harvest, false),
	FLAG_RACE("change", change_and_harvest, false),
	FLAG_RACE("protect", protect_and_harvest, false),
	FLAG_RACE("split_and_merge", split_and_merge, true),
	FLAG_RACE("unmap_and_merge", unmap_and_merge, true),
	FLAG_RACE("harvest_large", split_merge_harvest, true),
};

KUNIT_ARRAY_PARAM_DESC(flag_race, flag_races, name);

/*
 * CPUs that are threads, beside many operations. Each uses pages of its own, so that it knows what
 * it did.
 */

/*
 * A merge knows late flags before it returns, and a harvest reports when it does: a flag may be
 * neither here nor there while one of them is under way, but not when none is.
 */
static void expect_flag(struct hand *hand, unsigned int page, unsigned int flag, u64 stamp)
{
	struct flags *flags = hand->arg;

	WRITE_ONCE(flags->set[flag][page], stamp);
	if (flag_is_known(flags, page, flag))
		return;
	down_write(&flags->operations);
	if (!flag_is_known(flags, page, flag))
		crew_wrong(hand, "flag lost, of page", flag, page);
	up_write(&flags->operations);
}

static void run_cpu(struct hand *hand)
{
	struct flags *flags = hand->arg;
	unsigned int page = (random_page(flags, &hand->random) & ~1) | (hand->id & 1);
	u64 stamp = atomic64_inc_return(&flags->clock);
	bool set, write = hand_below(hand, 3);

	down_read(&flags->arena->cpus);
	set = set_flags(flags, page, write, hand_one_in(hand, 16));
	up_read(&flags->arena->cpus);
	if (set)
		expect_flag(hand, page, ACCESSED, stamp);
	if (set && write)
		expect_flag(hand, page, DIRTY, stamp);
}

static void run_operator(struct hand *hand)
{
	static void (*const operations[])(struct hand *hand) = {
		harvest, change, protect_and_harvest, split, merge, replace_victims,
	};
	struct flags *flags = hand->arg;

	down_read(&flags->operations);
	operations[hand_below(hand, ARRAY_SIZE(operations))](hand);
	up_read(&flags->operations);
}

static void no_flag_set_beside_operations_is_lost(struct kunit *test)
{
	struct flags *flags = new_flags(test, true);
	unsigned int i, flag;

	flags->crew.least = 50;
	for (i = 0; i < 2; i++)
		crew_hire(&flags->crew, "cpu", run_cpu)->arg = flags;
	for (i = 0; i < 3; i++)
		crew_hire(&flags->crew, "operator", run_operator)->arg = flags;
	crew_work(&flags->crew, 2 * race_ms);
	for (i = 0; i < BLOCK; i++)
		for (flag = 0; flag < NR_FLAGS; flag++)
			KUNIT_EXPECT_TRUE_MSG(test, flag_is_known(flags, i, flag),
					      "flag %u of page %u", flag, i);
	KUNIT_EXPECT_EQ(test, ept_check(flags->arena->ept, NULL), 0);
}

static const struct arena_config cpu_configs[] = {
	{ "4l_1g_ad", CONFIG(4, EPT_1G, EPT_FEATURE_AD, 0) },
};

KUNIT_ARRAY_PARAM_DESC(cpu, cpu_configs, name);

/*
 * Neighbours: pages of one table, of which each is mapped and unmapped by a hand of its own. The
 * table comes and goes with the first and the last of them.
 */

static void come_and_go(struct hand *hand)
{
	struct arena *arena = hand->arg;
	u64 gpa = SZ_1G + hand->id * SZ_4K, hpa = SZ_4G + hand->steps % 1024 * SZ_2M + gpa;
	struct ept_mapping mapping;
	int ret = ept_map(arena->ept, gpa, hpa, SZ_4K, &EPT_ATTRS_RAM);

	if (ret)
		crew_wrong(hand, "map", ret, gpa);
	if (ept_lookup(arena->ept, gpa, &mapping) || mapping.hpa != hpa)
		crew_wrong(hand, "not mapped", gpa, hpa);
	ret = ept_unmap(arena->ept, gpa, SZ_4K, NULL);
	if (ret)
		crew_wrong(hand, "unmap", ret, gpa);
	if (!ept_lookup(arena->ept, gpa, &mapping))
		crew_wrong(hand, "still mapped", gpa, mapping.hpa);
}

static void neighbours_come_and_go(struct kunit *test)
{
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);
	struct arena *arena = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crew);
	crew_init(crew, test, NULL);
	crew->least = 100;
	for (i = 0; i < crew_size(); i++)
		crew_hire(crew, "neighbour", come_and_go)->arg = arena;
	crew_work(crew, race_ms);
	KUNIT_EXPECT_EQ(test, ept_check(arena->ept, NULL), 0);
	KUNIT_EXPECT_EQ(test, table_pages(), arena->pages_before + 1);
}

/*
 * Presence: what is split, merged, remapped and changed, but never unmapped, is never missing.
 */

static void expect_present(struct hand *hand)
{
	u64 gpa = hand_below(hand, SZ_2M), elsewhere = SZ_1G - 1;
	struct arena *arena = hand->arg;
	struct ept_mapping mapping = { };
	phys_addr_t hpa = 0;
	int ret;

	ret = ept_lookup(arena->ept, gpa, &mapping);
	if (ret || ((mapping.hpa - mapping.gpa) & elsewhere))
		crew_wrong(hand, "lookup", ret, mapping.hpa);
	ret = ept_translate(arena->ept, gpa, EPT_PROT_READ, &hpa);
	if (ret || ((hpa - gpa) & elsewhere))
		crew_wrong(hand, "translate", ret, hpa);
}

static void look_and_look(struct hand *hand)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		expect_present(hand);
}

/* Elsewhere, and back: what is contiguous can be merged. */
static int remap_twice(struct ept *ept, u64 gpa, u64 hpa, u64 size)
{
	return ept_remap(ept, gpa, hpa + gpa, size, &EPT_ATTRS_RAM, NULL) ?:
	       ept_remap(ept, gpa, gpa, size, &EPT_ATTRS_RAM, NULL);
}

static void replace(struct hand *hand)
{
	u64 gpa = hand_below(hand, BLOCK) * SZ_4K, hpa = hand_below(hand, 4) * (u64)SZ_1G;
	struct arena *arena = hand->arg;
	int ret;

	switch (hand_below(hand, 16)) {
	case 0:
		ret = remap_twice(arena->ept, gpa, hpa, SZ_4K);
		break;
	case 1:
		ret = remap_twice(arena->ept, 0, hpa, SZ_2M);
		break;
	case 2:
		ret = ept_protect(arena->ept, gpa, SZ_4K, EPT_PROT_WRITE, 0, NULL) ?:
		      ept_set_attrs(arena->ept, 0, SZ_2M, &EPT_ATTRS_RAM, NULL);
		break;
	default:
		ret = ept_split(arena->ept, gpa, SZ_4K, EPT_4K, NULL) ?:
		      min(ept_merge(arena->ept, 0, SZ_2M, EPT_2M), 0);
		break;
	}
	/* The reserve may be short just now. */
	if (ret && (ret != -ENOMEM || !(arena->config.flags & EPT_CONFIG_ATOMIC)))
		crew_wrong(hand, "an operation", ret, gpa);
}

static void supply_and_look(struct hand *hand)
{
	struct arena *arena = hand->arg;
	struct ept_stats stats;

	ept_get_stats(arena->ept, &stats);
	/* The interrupts draw on it meanwhile. */
	if (stats.reserved < 100 && ept_reserve(arena->ept, 400))
		crew_wrong(hand, "reserve", stats.reserved, 0);
	look_and_look(hand);
}

static void what_is_replaced_is_never_missing(struct kunit *test)
{
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);
	struct arena *arena = test->priv;
	bool atomic = arena->config.flags & EPT_CONFIG_ATOMIC;

	KUNIT_ASSERT_NOT_NULL(test, crew);
	KUNIT_ASSERT_EQ(test, ept_reserve(arena->ept, 200), 0);
	KUNIT_ASSERT_EQ(test, ept_map(arena->ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	crew_init(crew, test, NULL);
	crew->least = 50;
	/* An operation that interrupts a look, or a look that interrupts an operation */
	crew_hire_interrupt(crew, atomic ? replace : expect_present)->arg = arena;
	crew_hire(crew, "first", atomic ? supply_and_look : replace)->arg = arena;
	crew_hire(crew, "reader", look_and_look)->arg = arena;
	crew_work(crew, 2 * race_ms);
	KUNIT_EXPECT_EQ(test, ept_check(arena->ept, NULL), 0);
}

static const struct arena_config presence_configs[] = {
	{ "look_amid_operations", CONFIG(4, EPT_1G, EPT_FEATURE_AD, 0) },
	{ "operations_amid_look", CONFIG(5, EPT_2M, EPT_FEATURE_VE, EPT_CONFIG_ATOMIC) },
};

KUNIT_ARRAY_PARAM_DESC(presence, presence_configs, name);

/*
 * Pages that are looked up without a lock: while its number is odd the owner takes a page away, as
 * a mmu_interval_notifier does, and afterwards nobody finds it mapped.
 */

#define NR_OWNED	8U

struct owner {
	struct crew	crew;
	struct arena	*arena;
	unsigned long	number;
	u64		hpas[NR_OWNED];		/* of the pages that live */
	unsigned long	mapped;
};

/* Of one page, of a large leaf, or of more than a leaf */
static u64 owned_size(unsigned int i)
{
	static const u64 sizes[] = { SZ_4K, SZ_2M, SZ_16K, SZ_4K };

	return sizes[i % ARRAY_SIZE(sizes)];
}

static u64 owned_gpa(unsigned int i)
{
	return SZ_1G + i * (u64)SZ_2M;
}

static void expect_living(struct hand *hand, unsigned int i)
{
	struct owner *owner = hand->arg;
	struct ept_mapping mapping;

	if (!ept_lookup(owner->arena->ept, owned_gpa(i), &mapping) &&
	    mapping.hpa != owner->hpas[i])
		crew_wrong(hand, "a dead page that is mapped", mapping.hpa, owner->hpas[i]);
}

static void take_away(struct hand *hand)
{
	struct owner *owner = hand->arg;
	struct ept *ept = owner->arena->ept;
	unsigned int i = hand_below(hand, NR_OWNED);
	struct ept_mapping mapping;
	int ret;

	expect_living(hand, i);
	WRITE_ONCE(owner->number, owner->number + 1);
	ret = ept_zap(ept, owned_gpa(i), owned_size(i), NULL, NULL, NULL, NULL);
	if (ret || ept_lookup(ept, owned_gpa(i), &mapping) != -ENOENT)
		crew_wrong(hand, "mapped though the number had changed", ret, owned_gpa(i));
	WRITE_ONCE(owner->hpas[i], owner->hpas[i] + NR_OWNED * SZ_2M);
	/* Who sees the new number sees the new page: pairs with map_unlocked(). */
	smp_store_release(&owner->number, owner->number + 1);
	if (hand_one_in(hand, 2))
		schedule_timeout_uninterruptible(1);
	else
		cond_resched();
}

static void map_unlocked(struct hand *hand)
{
	unsigned int i = hand_below(hand, NR_OWNED);
	struct owner *owner = hand->arg;
	/* The number comes before the page: pairs with take_away(). */
	unsigned long seen = smp_load_acquire(&owner->number);
	u64 hpa = READ_ONCE(owner->hpas[i]);
	int ret;

	if (seen & 1)
		return;
	/* The longer it takes, the likelier the page is dead. */
	if (hand_one_in(hand, 16))
		schedule_timeout_uninterruptible(1);
	ret = ept_map_if(owner->arena->ept, owned_gpa(i), hpa, owned_size(i), &EPT_ATTRS_DEVICE,
			 &owner->number, seen);
	if (!ret)
		owner->mapped++;
	else if (ret != -EEXIST && ret != -EAGAIN)
		crew_wrong(hand, "map_if", ret, owned_gpa(i));
}

static void no_dead_page_is_mapped(struct kunit *test)
{
	struct owner *owner = kunit_kzalloc(test, sizeof(*owner), GFP_KERNEL);
	struct arena *arena = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, owner);
	owner->arena = arena;
	for (i = 0; i < NR_OWNED; i++)
		owner->hpas[i] = (i + 1) * SZ_2M;
	crew_init(&owner->crew, test, owner);
	owner->crew.least = 50;
	crew_hire(&owner->crew, "owner", take_away)->arg = owner;
	for (i = 0; i < crew_size(); i++)
		crew_hire(&owner->crew, "mapper", map_unlocked)->arg = owner;
	crew_work(&owner->crew, 2 * race_ms);
	for (i = 0; i < NR_OWNED; i++)
		expect_living(&owner->crew.hands[0], i);
	KUNIT_EXPECT_NULL(test, owner->crew.hands[0].wrong);
	KUNIT_EXPECT_GT(test, owner->mapped, 0);
	KUNIT_EXPECT_EQ(test, ept_check(arena->ept, NULL), 0);
}

/*
 * Several that write and several that map one leaf, all in the same few tables, whose live counts
 * tell when they go
 */

#define CROWD_SPAN	SZ_4M

static void write_in_a_crowd(struct hand *hand)
{
	u64 gpa = SZ_1G + hand_below(hand, 64) * (u64)SZ_64K;
	u64 size = hand_one_in(hand, 4) ? SZ_2M : SZ_64K;
	struct arena *arena = hand->arg;
	struct ept_check_report report;
	int ret = 0;

	size = min(size, SZ_1G + CROWD_SPAN - gpa);
	switch (hand_below(hand, 5)) {
	case 0:
		ret = ept_unmap(arena->ept, gpa, size, NULL);
		break;
	case 1:
		ret = ept_zap(arena->ept, gpa, size, NULL, NULL, NULL, NULL);
		break;
	case 2:
		ret = ept_remap(arena->ept, gpa, hand_below(hand, 2) * SZ_4K, size,
				&EPT_ATTRS_DEVICE, NULL);
		break;
	case 3:
		ret = ept_unmap(arena->ept, SZ_1G, CROWD_SPAN, NULL);
		break;
	default:
		if (ept_check(arena->ept, &report))
			crew_wrong(hand, report.why, report.gpa, report.entry);
	}
	if (ret)
		crew_wrong(hand, "a change", ret, gpa);
}

static void map_in_a_crowd(struct hand *hand)
{
	struct arena *arena = hand->arg;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		u64 gpa = SZ_1G + hand_below(hand, CROWD_SPAN / SZ_4K) * (u64)SZ_4K;
		int ret = hand_one_in(hand, 2) ?
			  ept_map(arena->ept, gpa, gpa, SZ_4K, &EPT_ATTRS_DEVICE) :
			  ept_install(arena->ept, gpa, gpa, SZ_4K, &EPT_ATTRS_DEVICE, NULL, 0,
				      NULL);

		if (ret < 0 && ret != -EEXIST)
			crew_wrong(hand, "a map", ret, gpa);
	}
}

static void live_counts_stay_right_in_a_crowd(struct kunit *test)
{
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);
	struct arena *arena = test->priv;
	struct ept_check_report report;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crew);
	crew_init(crew, test, NULL);
	crew->least = 50;
	for (i = 0; i < 2; i++) {
		crew_hire(crew, "writer", write_in_a_crowd)->arg = arena;
		crew_hire(crew, "mapper", map_in_a_crowd)->arg = arena;
	}
	crew_work(crew, 2 * race_ms);
	KUNIT_EXPECT_EQ_MSG(test, ept_check(arena->ept, &report), 0, "%s", report.why);
	KUNIT_EXPECT_EQ(test, ept_unmap(arena->ept, SZ_1G, CROWD_SPAN, NULL), 0);
	KUNIT_EXPECT_EQ(test, table_pages(), arena->pages_before + 1);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE_PARAM(maps_of_one_leaf_have_one_winner, leaf_race_gen_params),
	KUNIT_CASE_PARAM(neighbours_come_and_go, leaf_race_gen_params),
	KUNIT_CASE_PARAM(no_dead_page_is_mapped, leaf_race_gen_params),
	KUNIT_CASE_PARAM(live_counts_stay_right_in_a_crowd, leaf_race_gen_params),
	KUNIT_CASE_PARAM(what_is_replaced_is_never_missing, presence_gen_params),
	KUNIT_CASE_PARAM(no_flag_set_amid_an_operation_is_lost, flag_race_gen_params),
	KUNIT_CASE_PARAM(no_flag_set_beside_operations_is_lost, cpu_gen_params),
	{}
};

static struct kunit_suite race_suite = {
	.name = "ept_race",
	.init = arena_init,
	.exit = arena_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
