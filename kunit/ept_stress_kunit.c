// SPDX-License-Identifier: GPL-2.0
/*
 * All operations against each other and against all readers, for a bounded time: what a reader
 * sees is explained by what was done.
 *
 * Each operation has a number, from one counter. What it may bring about in a page, it claims under
 * that number before it begins: a translation, a hole, the right to write, or its absence. What
 * cannot be there any more when it has succeeded, it disclaims: everything of that kind by
 * operations that had returned before it began. A reader looks at what is disclaimed, then at the
 * table, then at what is claimed. What it saw must be claimed, and must not have been disclaimed.
 *
 * A page's host address tells which operation mapped it, and for which page.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "crew.h"
#include "fixture.h"

static unsigned int stress_ms = 400;
module_param(stress_ms, uint, 0444);
MODULE_PARM_DESC(stress_ms, "for how long each stress case works");

/* A part of the guest's memory, in units that operations don't cut. */
struct part {
	u64		gpa;
	unsigned int	shift;		/* of a unit's size */
	unsigned int	units;
	bool		kept;		/* always mapped */
};

static const struct part parts[] = {
	{ SZ_1G - SZ_4M, PAGE_SHIFT, 1024, true },
	{ SZ_1G, PAGE_SHIFT, 1024, false },
	{ 2UL * SZ_1G, 21, 512, true },
};

#define NR_PARTS	ARRAY_SIZE(parts)
#define MAX_UNITS	1024

/* The lower half of a host address is that of the guest's, the upper half says who mapped it. */
#define NUMBER_SHIFT	32
#define LAST_NUMBER	((1U << 20) - 1000)

enum kind {
	TRANSLATION,
	HOLE,
	WRITABLE,
	READONLY,
	COMBINING,		/* the memory type that ept_set_memtype() gives, */
	PLAIN,			/* or another */
	REPLACED,		/* the tag that ept_set_attrs() gives, */
	GIVEN,			/* or the one of the number that mapped it */
	NR_KINDS,
};

#define EVERYTHING	(BIT(NR_KINDS) - 1)
#define NEW_LEAF	(BIT(TRANSLATION) | BIT(PLAIN) | BIT(GIVEN))
#define RIGHTS		(BIT(WRITABLE) | BIT(READONLY))
#define MEMTYPES	(BIT(COMBINING) | BIT(PLAIN))

struct unit {
	atomic64_t	claimed[NR_KINDS];	/* by operations up to this number */
	atomic64_t	disclaimed[NR_KINDS];
};

struct stress {
	struct crew	crew;
	struct arena	*arena;
	unsigned int	nr_parts;
	struct mutex	mutex;		/* the client's, where the table has no lock of its own, */
	spinlock_t	spinlock;	/* or this one, where nothing may sleep */
	unsigned long	irqs;		/* whoever holds the spinlock */
	atomic64_t	numbers;
	atomic64_t	under_way[CREW_MAX + 1]; /* no operation of the hand has a lower number */
	unsigned long	done[CREW_MAX + 1];
	struct unit	units[NR_PARTS][MAX_UNITS];
};

/*
 * The client's lock. Sparse, which knows no lock that is taken only at times, is told of none.
 */

static void lock_table(struct stress *stress)
{
	unsigned long irqs;

	if (stress->arena->config.flags & EPT_CONFIG_ATOMIC) {
		spin_lock_irqsave(&stress->spinlock, irqs);
		__release(&stress->spinlock);
		stress->irqs = irqs;
	} else if (stress->arena->config.flags & EPT_CONFIG_EXTERNAL_LOCK) {
		mutex_lock(&stress->mutex);
	}
}

static void unlock_table(struct stress *stress)
{
	if (stress->arena->config.flags & EPT_CONFIG_ATOMIC) {
		__acquire(&stress->spinlock);
		spin_unlock_irqrestore(&stress->spinlock, stress->irqs);
	} else if (stress->arena->config.flags & EPT_CONFIG_EXTERNAL_LOCK) {
		mutex_unlock(&stress->mutex);
	}
}

static void register_lock(struct stress *stress)
{
	mutex_init(&stress->mutex);
	spin_lock_init(&stress->spinlock);
	if (stress->arena->config.flags & EPT_CONFIG_ATOMIC)
		ept_set_external_lock(stress->arena->ept, &stress->spinlock);
	else if (stress->arena->config.flags & EPT_CONFIG_EXTERNAL_LOCK)
		ept_set_external_lock(stress->arena->ept, &stress->mutex);
}

/*
 * Claims
 */

static void raise(atomic64_t *to, s64 number)
{
	s64 old = atomic64_read(to);

	while (old < number && !atomic64_try_cmpxchg(to, &old, number))
		;
}

/* Numbers up to this one belong to operations that have returned. */
static s64 all_done(struct stress *stress)
{
	s64 done = atomic64_read(&stress->numbers);
	unsigned int i;

	/* Who begins after this gets a higher number: pairs with begin(). */
	smp_mb();
	for (i = 0; i < ARRAY_SIZE(stress->under_way); i++) {
		s64 number = atomic64_read(&stress->under_way[i]);

		if (number)
			done = min(done, number - 1);
	}
	return done;
}

/* An operation on some units of a part. */
struct action {
	struct hand		*hand;
	const struct part	*part;
	unsigned int		first;
	unsigned int		nr;
	s64			number;
	s64			done_before;
	u32			claims;		/* kinds */
	u32			disclaims;
};

static struct unit *unit_of(struct stress *stress, const struct part *part, unsigned int i)
{
	return &stress->units[part - parts][i];
}

static void begin(struct action *action)
{
	struct stress *stress = action->hand->arg;
	atomic64_t *under_way = &stress->under_way[action->hand->id];
	unsigned int i, kind;

	atomic64_set(under_way, atomic64_read(&stress->numbers) + 1);
	/* Who sees the number sees the hand under way: pairs with all_done(). */
	smp_mb();
	action->number = atomic64_inc_return(&stress->numbers);
	action->done_before = all_done(stress);
	for (i = action->first; i < action->first + action->nr; i++)
		for (kind = 0; kind < NR_KINDS; kind++)
			if (action->claims & BIT(kind))
				raise(&unit_of(stress, action->part, i)->claimed[kind],
				      action->number);
	/* Who sees what is done sees the claim: pairs with expect_kind(), expect_translation(). */
	smp_mb();
	lock_table(stress);
}

static void end(struct action *action, int ret)
{
	struct stress *stress = action->hand->arg;
	unsigned int i, kind;

	unlock_table(stress);
	/* Who sees the disclaimer sees what was done: pairs with new_sight(). */
	smp_mb();
	for (i = action->first; !ret && i < action->first + action->nr; i++)
		for (kind = 0; kind < NR_KINDS; kind++)
			if (action->disclaims & BIT(kind))
				raise(&unit_of(stress, action->part, i)->disclaimed[kind],
				      action->done_before);
	atomic64_set(&stress->under_way[action->hand->id], 0);
	if (!ret)
		stress->done[action->hand->id]++;
	if (action->number > LAST_NUMBER)
		WRITE_ONCE(stress->crew.over, true);
}

static u64 action_gpa(const struct action *action)
{
	return action->part->gpa + ((u64)action->first << action->part->shift);
}

static u64 action_size(const struct action *action)
{
	return (u64)action->nr << action->part->shift;
}

static u64 action_hpa(const struct action *action)
{
	return (u64)action->number << NUMBER_SHIFT | action_gpa(action);
}

/*
 * Operations
 */

/* A unit, a few, a run that makes a large leaf, or all; what is smaller is likelier. */
static void choose_range(struct hand *hand, const struct part *part, unsigned int *first,
			 unsigned int *nr)
{
	*first = hand_below(hand, part->units);
	switch (hand_below(hand, 8)) {
	case 0:
		*first = 0;
		*nr = part->units;
		break;
	case 1:
		*first = rounddown(*first, 512);
		*nr = 512;
		break;
	case 2:
	case 3:
		*nr = 1;
		break;
	default:
		*first = hand_below(hand, 32) + (*first & 512);
		*nr = 1 + hand_below(hand, 24);
		break;
	}
	*nr = min(*nr, part->units - *first);
}

static struct action new_action(struct hand *hand, bool may_unmap, u32 claims, u32 disclaims)
{
	struct stress *stress = hand->arg;
	struct action action = { .hand = hand, .claims = claims, .disclaims = disclaims };

	do
		action.part = &parts[hand_below(hand, stress->nr_parts)];
	while (may_unmap && action.part->kept);
	choose_range(hand, action.part, &action.first, &action.nr);
	return action;
}

static struct ept_attrs numbered_attrs(const struct action *action)
{
	struct ept_attrs attrs = EPT_ATTRS_RAM;

	if (!(action->claims & BIT(WRITABLE)))
		attrs.prot &= ~EPT_PROT_WRITE;
	attrs.tag = action->number % EPT_TAG_MAX;
	return attrs;
}

static u32 writable_or_not(struct hand *hand)
{
	return hand_one_in(hand, 2) ? BIT(WRITABLE) : BIT(READONLY);
}

static void expect_ret(struct action *action, const char *what, int ret, int also)
{
	struct stress *stress = action->hand->arg;

	if (ret == -ENOMEM && stress->arena->config.flags & EPT_CONFIG_ATOMIC)
		return;
	if (ret && ret != also)
		crew_wrong(action->hand, what, ret, action_gpa(action));
}

static void map(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, true, NEW_LEAF | writable_or_not(hand),
					  EVERYTHING);
	struct ept_attrs attrs;
	int ret;

	/* Faults are of one page. */
	if (hand_below(hand, 4))
		action.nr = 1;
	begin(&action);
	attrs = numbered_attrs(&action);
	ret = ept_map(stress->arena->ept, action_gpa(&action), action_hpa(&action),
		      action_size(&action), &attrs);
	end(&action, ret);
	expect_ret(&action, "map", ret, -EEXIST);
}

static void remap(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, false, NEW_LEAF | writable_or_not(hand),
					  EVERYTHING);
	struct ept_attrs attrs;
	int ret;

	begin(&action);
	attrs = numbered_attrs(&action);
	ret = ept_remap(stress->arena->ept, action_gpa(&action), action_hpa(&action),
			action_size(&action), &attrs, gather);
	end(&action, ret);
	expect_ret(&action, "remap", ret, 0);
}

static void install(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, false, NEW_LEAF | writable_or_not(hand),
					  EVERYTHING);
	struct ept_attrs attrs;
	int ret;

	if (hand_below(hand, 4))
		action.nr = 1;
	begin(&action);
	attrs = numbered_attrs(&action);
	ret = ept_install(stress->arena->ept, action_gpa(&action), action_hpa(&action),
			  action_size(&action), &attrs, NULL, 0, gather);
	end(&action, ret);
	expect_ret(&action, "install", ret, 0);
}

/* Who is told what goes, in order, and with the page's own translation */
struct goodbye {
	struct hand	*hand;
	u64		next;
	u64		end;
};

static void expect_goodbye(const struct ept_mapping *mapping, void *arg)
{
	struct goodbye *goodbye = arg;

	if ((u32)mapping->hpa != (u32)mapping->gpa || mapping->gpa < goodbye->next ||
	    mapping->gpa + mapping->size > goodbye->end)
		crew_wrong(goodbye->hand, "told of what was not there", mapping->gpa,
			   mapping->hpa);
	goodbye->next = mapping->gpa + mapping->size;
}

static void unmap_report(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, true, BIT(HOLE), EVERYTHING);
	u64 gpa = action_gpa(&action), size = action_size(&action);
	struct goodbye goodbye = { hand, gpa, gpa + size };
	int ret;

	begin(&action);
	ret = ept_unmap_report(stress->arena->ept, gpa, size, expect_goodbye, &goodbye, gather);
	end(&action, ret);
	expect_ret(&action, "unmap_report", ret, 0);
}

/* What goes with the range reaches to the next 2M: a hole may be there, but need not. */
static void zap(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, true, BIT(HOLE), 0);
	u64 gpa = action_gpa(&action), size = action_size(&action);
	unsigned int end_unit = roundup(action.first + action.nr, 512);
	struct ept_range went;
	int ret;

	action.first = rounddown(action.first, 512);
	action.nr = end_unit - action.first;
	if (size == action_size(&action))
		action.disclaims = EVERYTHING;
	begin(&action);
	ret = ept_zap(stress->arena->ept, gpa, size, &went, NULL, NULL, gather);
	end(&action, ret);
	expect_ret(&action, "zap", ret, 0);
	if (went.gpa > gpa || went.gpa + went.size < gpa + size ||
	    went.gpa < action_gpa(&action) || went.size > action_size(&action))
		crew_wrong(hand, "went", went.gpa, went.size);
}

static void unmap(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, true, BIT(HOLE), EVERYTHING);
	int ret;

	begin(&action);
	ret = ept_unmap(stress->arena->ept, action_gpa(&action), action_size(&action), gather);
	end(&action, ret);
	expect_ret(&action, "unmap", ret, 0);
}

static void protect(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	u32 claims = writable_or_not(hand);
	struct action action = new_action(hand, false, claims, RIGHTS);
	u32 set = claims & BIT(WRITABLE) ? EPT_PROT_WRITE : 0;
	int ret;

	begin(&action);
	ret = ept_protect(stress->arena->ept, action_gpa(&action), action_size(&action),
			  EPT_PROT_WRITE, set, gather);
	end(&action, ret);
	expect_ret(&action, "protect", ret, 0);
}

static void set_memtype(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, false, BIT(COMBINING), MEMTYPES);
	int ret;

	begin(&action);
	ret = ept_set_memtype(stress->arena->ept, action_gpa(&action), action_size(&action),
			      EPT_MT_WC, gather);
	end(&action, ret);
	expect_ret(&action, "set_memtype", ret, 0);
}

/* All at once: whoever sees this tag sees the rest, too. */
static void set_attrs(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, false,
					  BIT(PLAIN) | BIT(REPLACED) | writable_or_not(hand),
					  EVERYTHING & ~(BIT(TRANSLATION) | BIT(HOLE)));
	struct ept_attrs attrs;
	int ret;

	begin(&action);
	attrs = numbered_attrs(&action);
	attrs.memtype = EPT_MT_UC;
	attrs.tag = EPT_TAG_MAX;
	ret = ept_set_attrs(stress->arena->ept, action_gpa(&action), action_size(&action), &attrs,
			    gather);
	end(&action, ret);
	expect_ret(&action, "set_attrs", ret, 0);
}

static void split(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, false, 0, 0);
	int ret;

	begin(&action);
	ret = ept_split(stress->arena->ept, action_gpa(&action), action_size(&action),
			action.part->shift == PAGE_SHIFT ? EPT_4K : EPT_2M, gather);
	end(&action, ret);
	expect_ret(&action, "split", ret, 0);
}

static void merge(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, false, 0, 0);
	int ret;

	begin(&action);
	ret = ept_merge(stress->arena->ept, action.part->gpa,
			(u64)action.part->units << action.part->shift,
			stress->arena->config.max_leaf);
	end(&action, 0);
	expect_ret(&action, "merge", min(ret, 0), 0);
}

static void harvest(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct action action = new_action(hand, false, 0, 0);
	unsigned long *bitmap;
	int ret;

	if (!(stress->arena->config.features & EPT_FEATURE_AD))
		return;
	bitmap = kvzalloc(action_size(&action) / SZ_4K / 8 + sizeof(*bitmap), GFP_KERNEL);
	if (!bitmap)
		return;
	begin(&action);
	if (hand_one_in(hand, 2))
		ret = ept_harvest_dirty(stress->arena->ept, action_gpa(&action),
					action_size(&action), bitmap, hand_one_in(hand, 4), gather);
	else
		ret = ept_harvest_accessed(stress->arena->ept, action_gpa(&action),
					   action_size(&action), bitmap, false, gather);
	end(&action, ret);
	kvfree(bitmap);
	expect_ret(&action, "harvest", ret, 0);
}

static void check(struct hand *hand, struct ept_gather *gather)
{
	struct stress *stress = hand->arg;
	struct ept_check_report report;
	int ret;

	if (!hand_one_in(hand, 8))
		return;
	lock_table(stress);
	ret = ept_check(stress->arena->ept, &report);
	unlock_table(stress);
	if (ret)
		crew_wrong(hand, report.why, report.gpa, report.entry);
}

static void change(struct hand *hand)
{
	static void (*const operations[])(struct hand *hand, struct ept_gather *gather) = {
		map, map, map, unmap, unmap, remap, remap, protect, protect, set_memtype,
		set_attrs, split, split, merge, harvest, check, install, install, unmap_report,
		zap,
	};
	struct stress *stress = hand->arg;
	unsigned int i, nr = 1 + hand_below(hand, 4);
	struct ept_gather gather;

	if (hand_one_in(hand, 2)) {
		operations[hand_below(hand, ARRAY_SIZE(operations))](hand, NULL);
		return;
	}
	ept_gather_init(&gather, stress->arena->ept);
	for (i = 0; i < nr; i++)
		operations[hand_below(hand, ARRAY_SIZE(operations))](hand, &gather);
	ept_gather_flush(&gather);
}

/*
 * Readers
 */

/* A look at a unit. */
struct sight {
	struct hand		*hand;
	const struct part	*part;
	u64			gpa;		/* somewhere in it */
	struct unit		*unit;
	s64			disclaimed[NR_KINDS];
};

static struct sight new_sight(struct hand *hand)
{
	struct stress *stress = hand->arg;
	struct sight sight = {
		.hand = hand,
		.part = &parts[hand_below(hand, stress->nr_parts)],
	};
	unsigned int i, nr, kind;

	choose_range(hand, sight.part, &i, &nr);
	sight.unit = unit_of(stress, sight.part, i);
	sight.gpa = sight.part->gpa + ((u64)i << sight.part->shift) + hand_below(hand, SZ_4K);
	for (kind = 0; kind < NR_KINDS; kind++)
		sight.disclaimed[kind] = atomic64_read(&sight.unit->disclaimed[kind]);
	/* The disclaimers come before the look: pairs with end(). */
	smp_mb();
	return sight;
}

/* Something of this kind, by an operation that had not been undone when the reader began */
static void expect_kind(const struct sight *sight, enum kind kind)
{
	static const char *const what[] = {
		"a translation", "a hole", "a right to write", "no right to write",
		"write-combining", "not write-combining", "attributes replaced",
		"attributes as mapped",
	};

	/* The claims come after the look: pairs with begin(). */
	smp_mb();
	if (atomic64_read(&sight->unit->claimed[kind]) <= sight->disclaimed[kind])
		crew_wrong(sight->hand, what[kind], sight->gpa, sight->disclaimed[kind]);
}

static void expect_hole(const struct sight *sight)
{
	expect_kind(sight, HOLE);
}

/* @hpa was seen for @gpa, which lies in the unit. */
static void expect_translation(const struct sight *sight, u64 gpa, u64 hpa)
{
	s64 number = hpa >> NUMBER_SHIFT;

	/* The claims come after the look: pairs with begin(). */
	smp_mb();
	if ((u32)hpa != (u32)gpa)
		crew_wrong(sight->hand, "another page's translation", gpa, hpa);
	else if (number <= sight->disclaimed[TRANSLATION])
		crew_wrong(sight->hand, "a translation of the past", gpa, hpa);
	else if (number > atomic64_read(&sight->unit->claimed[TRANSLATION]))
		crew_wrong(sight->hand, "a translation from nowhere", gpa, hpa);
}

static void expect_attrs(const struct sight *sight, u64 number, const struct ept_attrs *attrs)
{
	const bool replaced = attrs->tag == EPT_TAG_MAX;
	const bool combining = attrs->memtype == EPT_MT_WC;

	if (!(attrs->prot & EPT_PROT_READ) || attrs->flags ||
	    (!combining && attrs->memtype != (replaced ? EPT_MT_UC : EPT_MT_WB)) ||
	    (!replaced && attrs->tag != number % EPT_TAG_MAX))
		crew_wrong(sight->hand, "attributes that nobody gave", attrs->tag, attrs->memtype);
	expect_kind(sight, attrs->prot & EPT_PROT_WRITE ? WRITABLE : READONLY);
	expect_kind(sight, combining ? COMBINING : PLAIN);
	expect_kind(sight, replaced ? REPLACED : GIVEN);
}

static void lookup(struct hand *hand)
{
	struct stress *stress = hand->arg;
	struct sight sight = new_sight(hand);
	struct ept_mapping mapping;

	if (ept_lookup(stress->arena->ept, sight.gpa, &mapping)) {
		expect_hole(&sight);
		return;
	}
	if (sight.gpa - mapping.gpa >= mapping.size)
		crew_wrong(hand, "a leaf of elsewhere", sight.gpa, mapping.gpa);
	expect_translation(&sight, mapping.gpa, mapping.hpa);
	expect_attrs(&sight, mapping.hpa >> NUMBER_SHIFT, &mapping.attrs);
}

static void translate(struct hand *hand)
{
	struct stress *stress = hand->arg;
	struct sight sight = new_sight(hand);
	u32 access = hand_one_in(hand, 2) ? EPT_PROT_READ : EPT_PROT_READ | EPT_PROT_WRITE;
	phys_addr_t hpa;
	int ret = ept_translate(stress->arena->ept, sight.gpa, access, &hpa);

	if (!ret) {
		expect_translation(&sight, sight.gpa, hpa);
		if (access & EPT_PROT_WRITE)
			expect_kind(&sight, WRITABLE);
	} else if (ret != -EFAULT) {
		crew_wrong(hand, "translate", ret, sight.gpa);
	} else if (access == EPT_PROT_READ) {
		expect_hole(&sight);
	}
}

static void explain(struct hand *hand)
{
	struct stress *stress = hand->arg;
	struct sight sight = new_sight(hand);
	struct ept_explanation explanation;
	typeof(*explanation.step) *last;
	u64 offset;

	if (ept_explain(stress->arena->ept, sight.gpa, &explanation)) {
		crew_wrong(hand, "explain", sight.gpa, 0);
		return;
	}
	last = &explanation.step[explanation.nr - 1];
	offset = sight.gpa & (BIT_ULL(mmu_level_shift(last->level)) - 1);
	if (last->leaf && !explanation.verdict)
		expect_translation(&sight, sight.gpa, (last->entry & GENMASK_ULL(51, 12)) + offset);
	else if (explanation.verdict == -EFAULT && !last->leaf)
		expect_hole(&sight);
	else
		crew_wrong(hand, "neither a leaf nor a hole", sight.gpa, last->entry);
}

static void age(struct hand *hand)
{
	struct stress *stress = hand->arg;
	struct sight sight = new_sight(hand);
	bool flags = stress->arena->config.features & EPT_FEATURE_AD;
	u64 gpa = round_down(sight.gpa, SZ_4K);
	int ret = ept_age(stress->arena->ept, gpa, SZ_64K, hand_one_in(hand, 2));

	if (flags ? ret != !!ret : ret != -EOPNOTSUPP)
		crew_wrong(hand, "age", ret, sight.gpa);
}

struct visit {
	const struct sight	*sight;
	u64			next;		/* where the last mapping ended */
	u64			gaps;
	bool			seen;
};

static int visit_mapping(const struct ept_mapping *mapping, void *arg)
{
	struct visit *visit = arg;
	const struct sight *sight = visit->sight;
	u64 offset = sight->gpa - mapping->gpa;

	if (mapping->gpa < visit->next)
		crew_wrong(sight->hand, "mappings that overlap", mapping->gpa, visit->next);
	visit->gaps += mapping->gpa - visit->next;
	visit->next = mapping->gpa + mapping->size;
	if (offset < mapping->size) {
		visit->seen = true;
		expect_translation(sight, sight->gpa, mapping->hpa + offset);
		expect_attrs(sight, mapping->hpa >> NUMBER_SHIFT, &mapping->attrs);
	}
	return READ_ONCE(sight->hand->crew->over);
}

static void for_each(struct hand *hand)
{
	struct stress *stress = hand->arg;
	struct sight sight = new_sight(hand);
	struct visit visit = { .sight = &sight, .next = sight.part->gpa };
	u64 size = (u64)sight.part->units << sight.part->shift;

	if (ept_for_each_mapping(stress->arena->ept, sight.part->gpa, size, visit_mapping, &visit))
		return;
	visit.gaps += sight.part->gpa + size - visit.next;
	if (sight.part->kept && visit.gaps)
		crew_wrong(hand, "a gap in what is always mapped", sight.part->gpa, visit.gaps);
	if (!visit.seen)
		expect_hole(&sight);
}

static void count(struct hand *hand)
{
	struct stress *stress = hand->arg;
	struct ept_stats stats;

	ept_get_stats(stress->arena->ept, &stats);
	/* What is always mapped, and all that may be */
	if (!stats.tables[stress->arena->config.levels - 1] || stats.leaves[EPT_1G] > 1 ||
	    stats.leaves[EPT_2M] > 512 + 4 || stats.leaves[EPT_4K] > 2048)
		crew_wrong(hand, "counts", stats.leaves[EPT_2M], stats.leaves[EPT_4K]);
}

static void dump(struct hand *hand)
{
	struct seq_file m = { .size = SZ_16K };
	struct stress *stress = hand->arg;

	m.buf = kvmalloc(m.size, GFP_KERNEL);
	if (!m.buf)
		return;
	if (ept_dump(&m, stress->arena->ept) || !m.count)
		crew_wrong(hand, "dump", m.count, 0);
	kvfree(m.buf);
}

/* Many of the quick ones: amid those an operation is to come. */
static void look(struct hand *hand)
{
	static void (*const quick[])(struct hand *hand) = { lookup, translate, explain, age };
	static void (*const slow[])(struct hand *hand) = { for_each, count, dump };
	unsigned int i;

	for (i = 0; i < 60 && !READ_ONCE(hand->crew->over); i++)
		quick[hand_below(hand, ARRAY_SIZE(quick))](hand);
	if (hand_one_in(hand, 4))
		slow[hand_below(hand, ARRAY_SIZE(slow))](hand);
}

/* A CPU, which sets accessed and dirty */
static void run_cpu(struct hand *hand)
{
	const struct mmu_access access = { .read = true, .write = hand_one_in(hand, 2) };
	struct stress *stress = hand->arg;
	struct sight sight = new_sight(hand);
	struct mmu_result result;

	rcu_read_lock();
	mmu_access(&stress->arena->mmu, stress->arena->eptp, sight.gpa, &access, &result);
	rcu_read_unlock();
	if (result.verdict == MMU_OK)
		expect_translation(&sight, sight.gpa, result.hpa);
	else if (result.verdict != MMU_VIOLATION)
		crew_wrong(hand, "an access", result.verdict, result.entry);
}

/*
 * Interrupts: readers amid operations, or operations amid readers
 */

static void look_from_interrupt(struct hand *hand)
{
	static void (*const looks[])(struct hand *hand) = {
		lookup, translate, explain, for_each, for_each, for_each, count, age,
	};

	looks[hand_below(hand, ARRAY_SIZE(looks))](hand);
}

static void change_from_interrupt(struct hand *hand)
{
	static void (*const operations[])(struct hand *hand, struct ept_gather *gather) = {
		map, map, unmap, remap, protect, set_memtype, set_attrs, split, split, merge,
		merge, install, unmap_report, zap,
	};

	operations[hand_below(hand, ARRAY_SIZE(operations))](hand, NULL);
}

static void supply_and_look(struct hand *hand)
{
	struct stress *stress = hand->arg;
	struct ept_stats stats;

	/* What walks the whole table isn't for each step. */
	if (hand->steps % 8 == 0) {
		ept_get_stats(stress->arena->ept, &stats);
		if (stats.reserved < 200 && ept_reserve(stress->arena->ept, 500))
			crew_wrong(hand, "reserve", stats.reserved, 0);
	}
	look(hand);
}

/* A few tables at a time, which mutators draw meanwhile: no page of them is lost. */
static void supply(struct hand *hand)
{
	struct stress *stress = hand->arg;
	int ret = ept_reserve(stress->arena->ept, 1 + hand_below(hand, 8));

	if (ret)
		crew_wrong(hand, "reserve", ret, 0);
}

/*
 * The cases
 */

static void map_part(struct stress *stress, const struct part *part)
{
	u64 number = atomic64_inc_return(&stress->numbers);
	struct ept_attrs attrs = EPT_ATTRS_RAM;
	unsigned int i;
	int ret;

	attrs.tag = number % EPT_TAG_MAX;
	for (i = 0; i < part->units; i++) {
		struct unit *unit = unit_of(stress, part, i);

		raise(&unit->claimed[part->kept ? TRANSLATION : HOLE], number);
		raise(&unit->claimed[WRITABLE], number);
		raise(&unit->claimed[PLAIN], number);
		raise(&unit->claimed[GIVEN], number);
	}
	if (!part->kept)
		return;
	lock_table(stress);
	ret = ept_map(stress->arena->ept, part->gpa, number << NUMBER_SHIFT | part->gpa,
		      (u64)part->units << part->shift, &attrs);
	unlock_table(stress);
	KUNIT_ASSERT_EQ(stress->crew.test, ret, 0);
}

static struct stress *new_stress(struct kunit *test, void (*interrupt)(struct hand *hand))
{
	struct stress *stress = kvzalloc(sizeof(*stress), GFP_KERNEL);
	struct arena *arena = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, stress);
	arena->arg = stress;
	stress->arena = arena;
	register_lock(stress);
	/* Where no leaf is as large as the last one's units, it would take too many. */
	stress->nr_parts = arena->config.max_leaf >= EPT_2M ? NR_PARTS : NR_PARTS - 1;
	crew_init(&stress->crew, test, stress);
	stress->crew.least = 40;
	crew_hire_interrupt(&stress->crew, interrupt)->arg = stress;
	return stress;
}

static void map_parts(struct stress *stress)
{
	unsigned int i;

	for (i = 0; i < stress->nr_parts; i++)
		map_part(stress, &parts[i]);
}

static void work_and_judge(struct stress *stress)
{
	struct kunit *test = stress->crew.test;
	struct arena *arena = stress->arena;
	struct ept_check_report report;

	crew_work(&stress->crew, stress_ms);
	lock_table(stress);
	KUNIT_EXPECT_EQ_MSG(test, ept_check(arena->ept, &report), 0, "%s", report.why);
	KUNIT_EXPECT_EQ(test, ept_unmap(arena->ept, 0, SZ_4G, NULL), 0);
	unlock_table(stress);
}

static void what_is_seen_is_explained(struct kunit *test)
{
	struct stress *stress = new_stress(test, look_from_interrupt);
	struct arena *arena = test->priv;
	struct ept_stats stats;
	unsigned int i;

	map_parts(stress);
	for (i = 0; i < 3; i++)
		crew_hire(&stress->crew, "mutator", change)->arg = stress;
	crew_hire(&stress->crew, "supplier", supply)->arg = stress;
	for (i = 0; i < 2; i++)
		crew_hire(&stress->crew, "reader", look)->arg = stress;
	crew_hire(&stress->crew, "cpu", run_cpu)->arg = stress;
	work_and_judge(stress);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_GT(test, stress->done[i], 0);
	ept_get_stats(arena->ept, &stats);
	KUNIT_EXPECT_EQ(test, table_pages(), arena->pages_before + 1 + stats.reserved);
}

static void what_interrupted_readers_see_is_explained(struct kunit *test)
{
	struct stress *stress = new_stress(test, change_from_interrupt);
	struct arena *arena = test->priv;
	struct ept_stats stats;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, ept_reserve(arena->ept, 500), 0);
	map_parts(stress);
	crew_hire(&stress->crew, "interrupted", supply_and_look)->arg = stress;
	crew_hire(&stress->crew, "mutator", change)->arg = stress;
	for (i = 0; i < 2; i++)
		crew_hire(&stress->crew, "reader", look)->arg = stress;
	crew_hire(&stress->crew, "cpu", run_cpu)->arg = stress;
	work_and_judge(stress);
	KUNIT_EXPECT_GT(test, stress->done[1], 0);
	KUNIT_EXPECT_GT(test, stress->done[CREW_MAX], 20);
	ept_get_stats(arena->ept, &stats);
	KUNIT_EXPECT_EQ(test, table_pages(), arena->pages_before + 1 + stats.reserved);
}

static void stress_exit(struct kunit *test)
{
	struct arena *arena = test->priv;
	void *stress = arena ? arena->arg : NULL;

	arena_exit(test);
	kvfree(stress);
}

#define CONFIG(_levels, _leaf, _features, _flags)	\
	TABLE_FOR(_levels, _leaf, 52, EPT_MT_WB, _features, _flags)

static const struct arena_config stress_configs[] = {
	{ "4l_1g_ad", CONFIG(4, EPT_1G, EPT_FEATURE_AD, 0) },
	{ "4l_2m_ve", CONFIG(4, EPT_2M, EPT_FEATURE_VE, 0), .own_flush = true },
	{ "4l_4k_ad", CONFIG(4, EPT_4K, EPT_FEATURE_AD, 0), .own_flush = true },
	{ "5l_1g_mbec_ad", CONFIG(5, EPT_1G, EPT_FEATURE_MODE_EXEC | EPT_FEATURE_AD, 0) },
	{ "4l_1g_ad_extlock", CONFIG(4, EPT_1G, EPT_FEATURE_AD, EPT_CONFIG_EXTERNAL_LOCK) },
};

KUNIT_ARRAY_PARAM_DESC(stress, stress_configs, name);

static const struct arena_config atomic_configs[] = {
	{ "4l_1g_ad", CONFIG(4, EPT_1G, EPT_FEATURE_AD, EPT_CONFIG_ATOMIC) },
	{ "5l_2m_ve", CONFIG(5, EPT_2M, EPT_FEATURE_VE, EPT_CONFIG_ATOMIC) },
};

KUNIT_ARRAY_PARAM_DESC(atomic, atomic_configs, name);

static struct kunit_case stress_cases[] = {
	KUNIT_CASE_PARAM(what_is_seen_is_explained, stress_gen_params),
	KUNIT_CASE_PARAM(what_interrupted_readers_see_is_explained, atomic_gen_params),
	{}
};

static struct kunit_suite stress_suite = {
	.name = "ept_race_stress",
	.init = arena_init,
	.exit = stress_exit,
	.test_cases = stress_cases,
};

kunit_test_suite(stress_suite);
