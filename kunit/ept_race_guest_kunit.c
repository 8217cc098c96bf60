// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory that goes while it is read and written: who unmaps a page, flushes and waits for a
 * grace period has it for itself, and what was read until then is the guest's.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "crew.h"
#include "ept_guest.h"
#include "kunit_compat.h"

#define SLOTS		4U
#define SLOT_GPA(i)	((u64)SZ_1G + (i) * SZ_4K)
#define OF_THE_GUEST	0x40		/* each byte, beside a number below it */
#define OF_THE_HOST	0xdd

#define RACE_MS		700

static const struct arena_config guest_races[] = {
	{ "host_gives_and_takes", { .levels = 4, .max_leaf = EPT_1G, .maxphyaddr = 46,
				    .features = EPT_FEATURE_AD, .table_memtype = EPT_MT_WB,
				    .nid = NUMA_NO_NODE } },
};

KUNIT_ARRAY_PARAM_DESC(guest_race, guest_races, name);

struct guest_race {
	struct page	*page[SLOTS];
};

static bool is_the_guests(const u8 *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((bytes[i] & ~0x3f) != OF_THE_GUEST)
			return false;
	return true;
}

static void give(struct hand *hand, struct ept *ept, unsigned int slot)
{
	struct guest_race *race = hand->crew->arg;
	struct page *page = alloc_page(GFP_KERNEL);
	int err;

	if (!page)
		return;
	memset(page_address(page), OF_THE_GUEST | hand_below(hand, 0x40), SZ_4K);
	err = ept_map(ept, SLOT_GPA(slot), page_to_phys(page), SZ_4K, &EPT_ATTRS_RAM);
	if (err)
		crew_wrong(hand, "a page wasn't mapped", -err, slot);
	race->page[slot] = page;
}

/* Nobody writes to it once it is the host's. */
static void take(struct hand *hand, struct ept *ept, unsigned int slot)
{
	struct guest_race *race = hand->crew->arg;
	struct page *page = race->page[slot];
	int err;

	err = ept_unmap(ept, SLOT_GPA(slot), SZ_4K, NULL);
	if (err)
		crew_wrong(hand, "a page wasn't unmapped", -err, slot);
	synchronize_rcu();
	if (!is_the_guests(page_address(page), SZ_4K))
		crew_wrong(hand, "the guest's page held something else", slot, 0);
	memset(page_address(page), OF_THE_HOST, SZ_4K);
	cond_resched();
	if (memchr_inv(page_address(page), OF_THE_HOST, SZ_4K))
		crew_wrong(hand, "a page was written after it went", slot, 0);
	race->page[slot] = NULL;
	__free_page(page);
}

static void give_and_take(struct hand *hand)
{
	struct guest_race *race = hand->crew->arg;
	struct arena *arena = hand->arg;
	const unsigned int slot = hand_below(hand, SLOTS);

	if (race->page[slot])
		take(hand, arena->ept, slot);
	else
		give(hand, arena->ept, slot);
}

static void check_count(struct hand *hand, ssize_t done, size_t length)
{
	if (done != -ENOENT && (done <= 0 || done > length))
		crew_wrong(hand, "an access returned", done, length);
}

static void read_slots(struct hand *hand)
{
	const u32 from = hand_below(hand, SLOTS * SZ_4K - 64);
	const size_t length = 1 + hand_below(hand, min(SLOTS * SZ_4K - from, 600U));
	struct arena *arena = hand->arg;
	u8 bytes[600];
	ssize_t done;

	memset(bytes, OF_THE_HOST, sizeof(bytes));
	done = ept_guest_read(arena->ept, SLOT_GPA(0) + from, bytes, length, EPT_PROT_READ);
	check_count(hand, done, length);
	if (done > 0 && !is_the_guests(bytes, done))
		crew_wrong(hand, "a read saw what isn't the guest's", from, done);
}

static void write_slots(struct hand *hand)
{
	const u32 from = hand_below(hand, SLOTS * SZ_4K - 64);
	const size_t length = 1 + hand_below(hand, min(SLOTS * SZ_4K - from, 600U));
	struct arena *arena = hand->arg;
	u8 bytes[600];

	memset(bytes, OF_THE_GUEST | hand_below(hand, 0x40), sizeof(bytes));
	check_count(hand, ept_guest_write(arena->ept, SLOT_GPA(0) + from, bytes, length,
					  EPT_PROT_WRITE), length);
}

static void exchange_in_slots(struct hand *hand)
{
	struct arena *arena = hand->arg;
	u64 old = 0;
	int err;

	err = ept_guest_cmpxchg(arena->ept, SLOT_GPA(0) + hand_below(hand, SLOTS * SZ_4K), 1, &old,
				OF_THE_GUEST, EPT_PROT_WRITE);
	if (err != -EAGAIN && err != -ENOENT)
		crew_wrong(hand, "an exchange of what isn't there returned", -err, old);
	if (err == -EAGAIN && (old & ~0x3fULL) != OF_THE_GUEST)
		crew_wrong(hand, "an exchange saw what isn't the guest's", old, 0);
}

/* Without paging, through the walk */
static void read_by_linear_address(struct hand *hand)
{
	const struct ept_guest_paging paging = { .maxphyaddr = 46 };
	const u32 from = hand_below(hand, SLOTS * SZ_4K - 64);
	struct arena *arena = hand->arg;
	struct ept_guest_walk walk;
	u8 bytes[64];
	bool stopped, cut;
	ssize_t done;

	done = ept_guest_read_virt(arena->ept, &paging, SLOT_GPA(0) + from, bytes, sizeof(bytes),
				   EPT_PROT_READ, &walk);
	stopped = walk.verdict == EPT_WALK_VIOLATION;
	cut = done < (ssize_t)sizeof(bytes);
	if (done < 0 || stopped != cut)
		crew_wrong(hand, "a copy by linear address returned", done, walk.verdict);
	if (done > 0 && !is_the_guests(bytes, done))
		crew_wrong(hand, "a copy saw what isn't the guest's", from, done);
}

static void use(struct hand *hand)
{
	static void (*const uses[])(struct hand *hand) = {
		read_slots, write_slots, exchange_in_slots, read_by_linear_address,
	};

	for (unsigned int i = 0; i < 20; i++)
		uses[hand_below(hand, ARRAY_SIZE(uses))](hand);
}

static void what_was_unmapped_is_the_hosts_after_a_grace_period(struct kunit *test)
{
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);
	struct guest_race race = { };
	struct arena *arena = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, crew);
	crew_init(crew, test, &race);
	crew->least = 50;
	crew_hire(crew, "host", give_and_take)->arg = arena;
	for (unsigned int i = 0; i < 3; i++)
		crew_hire(crew, "user", use)->arg = arena;
	crew_hire_interrupt(crew, use)->arg = arena;
	crew_work(crew, RACE_MS);
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (!race.page[i])
			continue;
		ept_unmap(arena->ept, SLOT_GPA(i), SZ_4K, NULL);
		__free_page(race.page[i]);
	}
}

static struct kunit_case race_guest_cases[] = {
	KUNIT_CASE_PARAM(what_was_unmapped_is_the_hosts_after_a_grace_period,
			 guest_race_gen_params),
	{}
};

static struct kunit_suite race_guest_suite = {
	.name = "ept_race_guest",
	.init = arena_init,
	.exit = arena_exit,
	.test_cases = race_guest_cases,
};

kunit_test_suite(race_guest_suite);
