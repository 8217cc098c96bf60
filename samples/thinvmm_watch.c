// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: watches of ranges of memory, and the accesses that they note. What a watch is to the
 * tables is thinvmm_memory.c's to do; a leaf's tag is the number of its watch.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "thinvmm.h"

/* What the system is left with, and which accesses are noted of those that it cannot do */
static const struct {
	u32 prot, noted;
} kinds[THINVMM_NR_KINDS] = {
	[THINVMM_HIDE] = {
		.prot = EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC,
	},
	[THINVMM_PROTECT] = {
		.prot = EPT_PROT_READ | EPT_PROT_EXEC | EPT_PROT_UEXEC,
		.noted = EPT_PROT_WRITE,
	},
	[THINVMM_COUNT] = {
		.prot = EPT_PROT_NONE,
		.noted = EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC,
	},
	[THINVMM_TRAP] = {
		.prot = EPT_PROT_READ | EPT_PROT_WRITE,
		.noted = EPT_PROT_EXEC,
	},
};

const char * const thinvmm_kind_name[THINVMM_NR_KINDS] = {
	[THINVMM_HIDE] = "hide",
	[THINVMM_PROTECT] = "protect",
	[THINVMM_COUNT] = "count",
	[THINVMM_TRAP] = "trap",
};

/* The watch that has something of a range, 0 for none */
static unsigned int find(u64 gpa, u64 size)
{
	for (unsigned int nr = 1; nr <= THINVMM_MAX_WATCHES; nr++) {
		const struct thinvmm_watch *watch = &thinvmm.watch[nr];

		if (watch->size && gpa < watch->gpa + watch->size && watch->gpa < gpa + size)
			return nr;
	}
	return THINVMM_NO_WATCH;
}

bool thinvmm_is_watched(u64 gpa, u64 size)
{
	lockdep_assert_held(&thinvmm.mutex);
	return find(gpa, size);
}

static unsigned int find_free(void)
{
	unsigned int nr = THINVMM_MAX_WATCHES;

	while (nr && thinvmm.watch[nr].size)
		nr--;
	return nr;
}

static int put_decoy(struct thinvmm_watch *watch)
{
	int err;

	watch->decoy = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!watch->decoy)
		return -ENOMEM;
	err = thinvmm_replace(watch->gpa, page_to_phys(watch->decoy));
	if (!err)
		return 0;
	__free_page(watch->decoy);
	watch->decoy = NULL;
	return err;
}

/* The page behind a decoy is the system's again, and only then the decoy isn't. */
static int stop(struct thinvmm_watch *watch)
{
	int err = 0;

	if (watch->decoy)
		err = thinvmm_replace(watch->gpa, watch->gpa);
	if (!err)
		err = thinvmm_show_all(watch->gpa, watch->size);
	if (err)
		return err;
	if (watch->decoy)
		__free_page(watch->decoy);
	watch->decoy = NULL;
	watch->size = 0;
	return 0;
}

static int start(unsigned int nr, enum thinvmm_kind kind, u64 gpa, u64 size)
{
	struct thinvmm_watch *watch = &thinvmm.watch[nr];
	int err = 0;

	watch->kind = kind;
	watch->gpa = gpa;
	atomic64_set(&watch->hits, 0);
	if (kind == THINVMM_HIDE)
		err = put_decoy(watch);
	if (err)
		return err;
	watch->size = size;
	err = thinvmm_show(gpa, size, kinds[kind].prot, nr);
	if (!err)
		return nr;
	stop(watch);
	return err;
}

/*
 * Watches are for a whole number of pages, one for a hidden one, and don't overlap. Their number,
 * or -EINVAL, -EEXIST, -ENOSPC, -ENOENT and -ERANGE where the host has nothing, -EBUSY for memory
 * that is about to go offline, -ENOMEM.
 */
int thinvmm_watch(enum thinvmm_kind kind, u64 gpa, u64 size)
{
	unsigned int nr;
	int err;

	lockdep_assert_held(&thinvmm.mutex);
	if (!size || !PAGE_ALIGNED(gpa | size) || gpa + size < gpa ||
	    (kind == THINVMM_HIDE && size != PAGE_SIZE))
		return -EINVAL;
	if (find(gpa, size))
		return -EEXIST;
	if (gpa < thinvmm.going + thinvmm.going_size && thinvmm.going < gpa + size)
		return -EBUSY;
	err = thinvmm_has(gpa, size);
	if (err)
		return err;
	nr = find_free();
	return nr ? start(nr, kind, gpa, size) : -ENOSPC;
}

/* 0, or -ENOMEM: then it goes on. */
int thinvmm_unwatch(unsigned int nr)
{
	lockdep_assert_held(&thinvmm.mutex);
	return stop(&thinvmm.watch[nr]);
}

/* The watch that begins at @gpa, or 0 */
int thinvmm_find_watch(u64 gpa)
{
	const unsigned int nr = find(gpa, 1);

	return nr && thinvmm.watch[nr].gpa == gpa ? nr : THINVMM_NO_WATCH;
}

void thinvmm_unwatch_all(void)
{
	mutex_lock(&thinvmm.mutex);
	for (unsigned int nr = 1; nr <= THINVMM_MAX_WATCHES; nr++)
		if (thinvmm.watch[nr].size)
			thinvmm_unwatch(nr);
	mutex_unlock(&thinvmm.mutex);
}

/* What no watch could be ended for: when no CPU runs on the tables any more */
void thinvmm_free_decoys(void)
{
	for (unsigned int nr = 1; nr <= THINVMM_MAX_WATCHES; nr++)
		if (thinvmm.watch[nr].decoy)
			__free_page(thinvmm.watch[nr].decoy);
}

/*
 * What is noted. Root writes, on any CPU; a reader sees from the number whether it has seen a whole
 * event.
 */

#define BEING_WRITTEN	U64_MAX

/*
 * Numbers are given in turn, but a CPU may be late with its event. A place has one writer at a
 * time, and takes no event older than the one it has; what finds it so is lost.
 */
static bool take_place(struct thinvmm_event *place, u64 nr)
{
	u64 before = READ_ONCE(place->nr);

	/* A full barrier: who sees something of the new event no longer sees the number before. */
	return before < nr && try_cmpxchg(&place->nr, &before, BEING_WRITTEN);
}

static void write_event(const struct thinvmm_event *from)
{
	const u64 nr = atomic64_inc_return(&thinvmm.events);
	struct thinvmm_event *to = &thinvmm.event[nr % THINVMM_EVENTS];

	if (!take_place(to, nr))
		return;
	to->kind = from->kind;
	to->cpu = from->cpu;
	to->access = from->access;
	to->gpa = from->gpa;
	to->gla = from->gla;
	to->rip = from->rip;
	/* With the number comes all of the event. */
	smp_store_release(&to->nr, nr);
}

/* False if it is no longer there. */
bool thinvmm_read_event(u64 nr, struct thinvmm_event *event)
{
	const struct thinvmm_event *from = &thinvmm.event[nr % THINVMM_EVENTS];

	/* Pairs with write_event(): with the number comes all of the event. */
	if (smp_load_acquire(&from->nr) != nr)
		return false;
	*event = *from;
	event->nr = nr;
	/* Pairs with the barrier of take_place(): it is all of this event if the number stays. */
	smp_rmb();
	return READ_ONCE(from->nr) == nr;
}

/* Whether the watch @tag wants to know of an access. In root. */
bool thinvmm_note(struct thinvmm_cpu *cpu, u8 tag, u32 access, u64 gpa, u64 gla)
{
	struct thinvmm_watch *watch = &thinvmm.watch[tag];
	const struct thinvmm_event event = {
		.kind = watch->kind,
		.cpu = smp_processor_id(),
		.access = access,
		.gpa = gpa,
		.gla = gla,
		.rip = vmcs_read(GUEST_RIP),
	};

	if (!(kinds[watch->kind].noted & access))
		return false;
	atomic64_inc(&watch->hits);
	write_event(&event);
	return true;
}
