// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs that fault, read and write in a space, while it is protected, moved, logged, populated and
 * changed around them: no write is lost.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/slab.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "crew.h"
#include "ept_guest.h"
#include "fixture.h"
#include "space_guest.h"

CONFIG_PARAMS;

#define GPA	(16 * (u64)SZ_2M)
#define RW	(EPT_PROT_READ | EPT_PROT_WRITE)
#define NR	4

static const enum ept_region_kind race_kinds[NR] = {
	EPT_REGION_ANON, EPT_REGION_LINEAR, EPT_REGION_PAGES, EPT_REGION_CLIENT,
};

#define PAGES	(NR * GUEST_PAGES)
#define SPARE	(SZ_2M / SZ_4K)		/* of as many pages nobody uses the first */

/* A CPU, and what it wrote: a byte of its own in each page */
struct racer {
	struct guest_cpu	cpu;
	u8			wrote[PAGES];
};

struct race {
	struct guest	*guest;
	struct racer	*racers;
	unsigned long	*logged;
};

static void use(struct hand *hand)
{
	struct race *race = hand->arg;
	struct racer *racer = &race->racers[hand->id];
	const u32 any = hand_below(hand, PAGES), page = any % SPARE ? any : any + 1;
	const bool write = hand_one_in(hand, 2);
	u8 byte = hand_below(hand, 256);
	int ret = guest_access(race->guest, &racer->cpu, GPA + page * (u64)SZ_4K + hand->id,
			       &byte, 1, write);

	if (ret == EPT_VERDICT_PROTECTED || ret == EPT_VERDICT_NONE)
		return;
	if (ret != EPT_VERDICT_RESUME)
		return crew_wrong(hand, "verdict", ret, page);
	if (write)
		racer->wrote[page] = byte;
	else if (byte != racer->wrote[page])
		crew_wrong(hand, "a write was lost", byte, racer->wrote[page]);
}

static void expect(struct hand *hand, int err)
{
	if (err)
		crew_wrong(hand, "an error", err, 0);
}

/* A region beside those that are used comes, and goes, as part of a change. */
static void change_beside(struct hand *hand, struct guest *guest)
{
	const struct ept_region region =
		guest_region(guest, EPT_REGION_ANON, GPA - SZ_4M, SZ_4M, 0);

	expect(hand, ept_space_begin(guest->space));
	expect(hand, ept_space_set(guest->space, &region));
	expect(hand, ept_space_commit(guest->space));
	expect(hand, ept_space_populate(guest->space, GPA - SZ_4M, SZ_64K, RW, NULL, NULL));
	expect(hand, ept_space_remove(guest->space, GPA - SZ_4M + SZ_4K, SZ_2M));
}

static void log_all(struct hand *hand, struct race *race)
{
	struct ept_space *space = race->guest->space;
	const u64 size = PAGES * (u64)SZ_4K;

	expect(hand, ept_space_log_start(space, GPA, size, hand_below(hand, 2) ? EPT_LOG_LAZY : 0));
	for (unsigned int i = hand_below(hand, 4); i; i--)
		expect(hand, ept_space_log_get(space, GPA, size, race->logged));
	expect(hand, ept_space_log_stop(space, GPA, size));
}

/* A CPU that finds nothing there meanwhile goes on to another page. */
static void move_and_back(struct hand *hand, struct race *race, u64 gpa, u64 size)
{
	const u64 away = GPA + SZ_1G + hand_below(hand, 2) * SZ_4K;

	expect(hand, ept_space_move(race->guest->space, gpa, size, away));
	expect(hand, ept_space_move(race->guest->space, away, size, gpa));
}

static void disturb(struct hand *hand)
{
	struct race *race = hand->arg;
	struct ept_space *space = race->guest->space;
	const u32 nr = 1 + hand_below(hand, 700), first = hand_below(hand, PAGES - nr);
	const u64 gpa = GPA + first * (u64)SZ_4K, size = nr * (u64)SZ_4K;

	switch (hand_below(hand, 8)) {
	case 0:
		expect(hand, ept_space_protect(space, gpa, size, EPT_PROT_READ));
		expect(hand, ept_space_protect(space, gpa, size, RW | EXEC_ALL));
		break;
	case 1:
		expect(hand, ept_space_populate(space, gpa, size, RW, NULL, NULL));
		break;
	case 2:
		change_beside(hand, race->guest);
		break;
	case 3:
		expect(hand, ept_space_set_memtype(space, gpa, size, EPT_MT_UC));
		expect(hand, ept_space_set_memtype(space, gpa, size, EPT_MT_WB));
		break;
	case 4:
		move_and_back(hand, race, gpa, size);
		break;
	case 5:
		expect(hand, ept_space_zap(space, gpa, size));
		break;
	case 6:
		expect(hand, ept_space_discard(space, GPA + first / SPARE * SZ_2M, SZ_4K));
		break;
	default:
		log_all(hand, race);
		break;
	}
}

static void no_write_is_lost(struct kunit *test)
{
	struct race race = { .guest = test->priv };
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);

	race.racers = kvcalloc(crew_size(), sizeof(*race.racers), GFP_KERNEL);
	race.logged = bitmap_zalloc(PAGES, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, crew && race.racers && race.logged);
	for (unsigned int i = 0; i < NR; i++)
		must_add(race.guest, race_kinds[i], GPA + i * GUEST_SIZE, GUEST_SIZE);
	crew_init(crew, test, NULL);
	crew->least = 20;
	for (unsigned int i = 0; i < crew_size(); i++)
		crew_hire(crew, "a CPU", use)->arg = &race;
	crew_hire(crew, "changes", disturb)->arg = &race;
	crew_work(crew, 300);
	KUNIT_EXPECT_EQ(test, ept_check(race.guest->ept, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(race.guest->space, 0, 2 * (u64)SZ_1G), 0);
	KUNIT_EXPECT_EQ_MSG(test, guest_anon_pages(race.guest), 0, "pages leaked");
	kvfree(race.racers);
	bitmap_free(race.logged);
}

/*
 * Walks: 4-level tables in the four pages from GPA on, which lead the first pages to those behind.
 */

#define WALKED		64	/* pages */

static void write_tables(struct race *race)
{
	const u64 flags = 7;

	for (u64 i = 0; i < 3 + WALKED; i++) {
		const u64 at = i < 3 ? GPA + i * SZ_4K : GPA + 3 * SZ_4K + (i - 3) * 8;
		const u64 entry = (GPA + (i + 1) * SZ_4K) | flags;

		KUNIT_ASSERT_EQ(race->guest->test,
				ept_space_write(race->guest->space, at, &entry, 8, 0), 8);
	}
}

static void walk(struct hand *hand)
{
	static const struct ept_guest_paging paging = {
		.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP, .cr3 = GPA, .cr4 = X86_CR4_PAE,
		.efer = EFER_LME | EFER_LMA | EFER_NX, .cs_long = true, .maxphyaddr = 46,
	};
	struct race *race = hand->arg;
	const u32 page = hand_below(hand, WALKED);
	struct ept_guest_walk walk;
	struct ept_fault fault;
	int err = ept_space_walk(race->guest->space, &paging, page * (u64)SZ_4K,
				 RW | EPT_GUEST_SET_AD, &walk, &fault);

	if (err)
		crew_wrong(hand, "an error", err, page);
	else if (walk.verdict == EPT_WALK_OK && walk.gpa != GPA + (page + 4) * (u64)SZ_4K)
		crew_wrong(hand, "went astray", walk.gpa, page);
	else if (walk.verdict != EPT_WALK_OK && walk.verdict != EPT_WALK_VIOLATION)
		crew_wrong(hand, "verdict", walk.verdict, page);
}

static void change_tables(struct hand *hand)
{
	struct race *race = hand->arg;
	struct ept_space *space = race->guest->space;
	const u64 gpa = GPA + hand_below(hand, 4) * SZ_4K;

	switch (hand_below(hand, 3)) {
	case 0:
		expect(hand, ept_space_protect(space, gpa, SZ_8K, EPT_PROT_READ));
		expect(hand, ept_space_protect(space, gpa, SZ_8K, RW | EXEC_ALL));
		break;
	case 1:
		move_and_back(hand, race, gpa, SZ_8K);
		break;
	default:
		expect(hand, ept_space_log_start(space, GPA, SZ_64K, 0));
		expect(hand, ept_space_log_get(space, GPA, SZ_64K, race->logged));
		expect(hand, ept_space_log_stop(space, GPA, SZ_64K));
		break;
	}
}

static void walks_find_their_way(struct kunit *test)
{
	struct race race = { .guest = test->priv };
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);

	race.logged = bitmap_zalloc(PAGES, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, crew && race.logged);
	must_add(race.guest, EPT_REGION_ANON, GPA, SZ_2M);
	write_tables(&race);
	crew_init(crew, test, NULL);
	crew->least = 20;
	for (unsigned int i = 0; i < crew_size(); i++)
		crew_hire(crew, "an emulator", walk)->arg = &race;
	crew_hire(crew, "changes", change_tables)->arg = &race;
	crew_work(crew, 100);
	KUNIT_EXPECT_EQ(test, ept_check(race.guest->ept, NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_space_remove(race.guest->space, 0, 2 * (u64)SZ_1G), 0);
	KUNIT_EXPECT_EQ_MSG(test, guest_anon_pages(race.guest), 0, "pages leaked");
	bitmap_free(race.logged);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(walks_find_their_way, configs_gen_params),
	KUNIT_CASE_PARAM(no_write_is_lost, configs_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_race_space",
	.suite_init = guest_suite_init,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
