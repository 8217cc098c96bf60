// SPDX-License-Identifier: GPL-2.0
/*
 * A client in small, whose guest's memory is a process': pages that are discarded, moved, collapsed
 * into a large one and shared after a fork, by two threads whose notifiers overlap; two CPUs that
 * use what they cached until they are told to forget it; aging, and a dirty log. It has no lock
 * around what it maps, but for the number that ept_map_if() and ept_install() look at.
 *
 * Once a notifier has returned, no CPU uses a page that went, nor writes to one that is shared; no
 * write is lost; and the log has each page that was written since it was last taken.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "crew.h"
#include "fixture.h"

/* Machines of several CPUs are emulated ones, on which turns take long. */
static unsigned int user_steps = IS_ENABLED(CONFIG_SMP) ? 100 : 1000;
module_param(user_steps, uint, 0444);
MODULE_PARM_DESC(user_steps, "how many steps each thread takes");

/* A number of steps bounds it; this, with the patience of a crew, is for a machine that hangs. */
#define HANGING_MS	1000

#define GUEST		((u64)SZ_1G)
#define HOST		(4ULL * SZ_1G)
#define BLOCK		512			/* pages that may be one leaf, */
#define PAGES		(BLOCK + 64)		/* and some that never are */
#define SMALL_FRAMES	2048
#define LARGE_FRAMES	4			/* of a block each */
#define FRAMES		(SMALL_FRAMES + LARGE_FRAMES * BLOCK)
#define NO_FRAME	U32_MAX
#define POISON		0x6b
#define CPUS		2
#define HANDS		(CPUS + 3)
#define LINES		16
#define AHEAD		3		/* so many steps a thread may be */
#define USES		16		/* of pages, in a step, */
#define TRIES		8		/* and how often each is tried at the most */

/* A page of the host's memory: a word for each CPU. */
struct frame {
	u64		word[CPUS];
	unsigned int	refs;
};

struct line {
	bool		valid;
	bool		write;
	unsigned int	page;
	u64		hpa;
};

struct cpu {
	spinlock_t	lock;		/* an access has it, or an interrupt that makes it forget */
	struct line	lines[LINES];
	u64		clock;
	unsigned long	uses;
};

struct process {
	struct crew	crew;
	struct arena	*arena;
	struct cpu	cpus[CPUS];
	u64		written[PAGES][CPUS];	/* what each CPU wrote last */

	spinlock_t	lock;			/* over the process' pages, */
	unsigned long	seq;			/* and the sequence of its notifiers */
	unsigned int	invalidating;
	unsigned int	frame_of[PAGES];
	bool		shared[PAGES];		/* to be copied before it is written */
	bool		large;			/* the block is one large page */
	bool		forked;
	unsigned int	child_frame[PAGES];
	u64		child_word[PAGES][CPUS];
	unsigned int	next_frame;
	unsigned int	busiest;		/* the page that the last notifier was about */
	struct frame	frames[FRAMES];

	DECLARE_BITMAP(log, PAGES);		/* dirty, and not in the table any more */
	DECLARE_BITMAP(dirtied, PAGES);		/* since the log was last taken */
	u64		copy[PAGES][CPUS];	/* as who reads the log has it */

	atomic_t	ticks;
	atomic_t	idle;
	atomic_t	done;
};

static u64 page_gpa(unsigned int page)
{
	return GUEST + (u64)page * SZ_4K;
}

static struct process *process_of(const struct hand *hand)
{
	return hand->crew->arg;
}

/*
 * Turns. Who pauses waits for another thread to come to a pause, so that they also take turns where
 * there is but one CPU, and one that is never preempted.
 */

static void idle_until(struct process *process, int tick)
{
	struct crew *crew = &process->crew;

	wait_event_timeout(crew->wait,
			   READ_ONCE(crew->over) || atomic_read(&process->ticks) != tick, 1);
}

static void pause_here(struct process *process)
{
	int tick = atomic_inc_return(&process->ticks);

	wake_up_all(&process->crew.wait);
	if (atomic_inc_return(&process->idle) < HANDS)
		idle_until(process, tick);
	else
		schedule();	/* Some of them have been woken, and are to run. */
	atomic_dec(&process->idle);
}

static void take_a_pause(struct hand *hand)
{
	if (hand_one_in(hand, 2))
		pause_here(process_of(hand));
}

static bool is_ahead(const struct hand *hand)
{
	const struct crew *crew = hand->crew;
	unsigned int i;

	for (i = 0; i < HANDS; i++)
		if (READ_ONCE(crew->hands[i].steps) + AHEAD < hand->steps)
			return true;
	return false;
}

/* Or one that need not pause would be done before another begins. */
static void wait_for_the_slowest(struct hand *hand)
{
	struct process *process = process_of(hand);

	atomic_inc(&process->idle);
	atomic_inc(&process->ticks);
	wake_up_all(&process->crew.wait);
	wait_event(process->crew.wait, READ_ONCE(process->crew.over) || !is_ahead(hand));
	atomic_dec(&process->idle);
}

/* The last step of a hand: waits for the others, who end it all. */
static void count_step(struct hand *hand)
{
	struct process *process = process_of(hand);

	if (hand->steps + 1 < hand->crew->least)
		return;
	atomic_inc(&process->idle);
	if (atomic_inc_return(&process->done) == HANDS)
		WRITE_ONCE(process->crew.over, true);
	wake_up_all(&process->crew.wait);
	wait_event(process->crew.wait, READ_ONCE(process->crew.over));
}

/*
 * The host's memory, under the process' lock
 */

static bool block_is_free(const struct process *process, unsigned int first)
{
	unsigned int i;

	for (i = first; i < first + BLOCK; i++)
		if (process->frames[i].refs)
			return false;
	return true;
}

static unsigned int new_block(struct process *process)
{
	unsigned int first;

	for (first = SMALL_FRAMES; first < FRAMES; first += BLOCK)
		if (block_is_free(process, first))
			return first;
	return NO_FRAME;
}

/* There are more than two processes can have. */
static unsigned int new_frame(struct process *process)
{
	do
		process->next_frame = (process->next_frame + 1) % SMALL_FRAMES;
	while (process->frames[process->next_frame].refs);
	process->frames[process->next_frame] = (struct frame){ .refs = 1 };
	return process->next_frame;
}

static void drop_frame(struct process *process, unsigned int frame)
{
	if (frame == NO_FRAME || --process->frames[frame].refs)
		return;
	memset(process->frames[frame].word, POISON, sizeof(process->frames[frame].word));
}

static void copy_words(u64 *to, const u64 *from)
{
	unsigned int i;

	for (i = 0; i < CPUS; i++)
		to[i] = READ_ONCE(from[i]);
}

/* A page's content; what has no memory reads as zeros. */
static void read_page(const struct process *process, unsigned int page, u64 *words)
{
	static const u64 zeros[CPUS];
	unsigned int frame = process->frame_of[page];

	copy_words(words, frame == NO_FRAME ? zeros : process->frames[frame].word);
}

/* To another frame, with what is in it. */
static void change_frame(struct process *process, unsigned int page, unsigned int frame)
{
	process->frames[frame].refs = 1;
	read_page(process, page, process->frames[frame].word);
	drop_frame(process, process->frame_of[page]);
	process->frame_of[page] = frame;
	process->shared[page] = false;
}

/*
 * CPUs
 */

static void forget(struct arena *arena)
{
	struct process *process = arena->arg;
	unsigned int i;

	for (i = 0; i < CPUS; i++) {
		struct cpu *cpu = &process->cpus[i];

		/* The one has heard, the other not yet. */
		pause_here(process);
		spin_lock(&cpu->lock);
		memset(cpu->lines, 0, sizeof(cpu->lines));
		spin_unlock(&cpu->lock);
	}
}

static void use_frame(struct hand *hand, unsigned int page, u64 hpa, bool write)
{
	struct process *process = process_of(hand);
	unsigned int nr = (hpa - HOST) / SZ_4K;
	struct frame *frame = &process->frames[nr];
	u64 *word = &frame->word[hand->id], *written = &process->written[page][hand->id];

	process->cpus[hand->id].uses++;
	if (process->frame_of[page] != nr)
		crew_wrong(hand, "a page that went is used", page, nr);
	else if (*word != *written)
		crew_wrong(hand, "a write is lost", *word, *written);
	else if (write && frame->refs != 1)
		crew_wrong(hand, "a shared page is written", page, frame->refs);
	if (!write)
		return;
	*written = ++process->cpus[hand->id].clock;
	WRITE_ONCE(*word, *written);
	set_bit(page, process->dirtied);
}

static void fill_line(struct hand *hand, struct line *line, unsigned int page, bool write)
{
	const struct mmu_access access = { .read = true, .write = write };
	struct process *process = process_of(hand);
	struct mmu_result result;

	mmu_access(&process->arena->mmu, process->arena->eptp, page_gpa(page), &access, &result);
	*line = (struct line){
		.valid = result.verdict == MMU_OK,
		.page = page,
		.hpa = result.hpa,
		.write = write,
	};
	if (!line->valid && result.verdict != MMU_VIOLATION)
		crew_wrong(hand, "neither a translation nor a violation", result.verdict, page);
}

static bool use_page(struct hand *hand, unsigned int page, bool write)
{
	struct cpu *cpu = &process_of(hand)->cpus[hand->id];
	struct line *line = &cpu->lines[page % LINES];
	bool valid;

	spin_lock(&cpu->lock);
	if (!line->valid || line->page != page || (write && !line->write))
		fill_line(hand, line, page, write);
	valid = line->valid;
	if (valid)
		use_frame(hand, page, line->hpa, write);
	spin_unlock(&cpu->lock);
	return valid;
}

/*
 * Notifiers
 */

/* A dirty page isn't one for ever: whoever takes it from the table has to say so. */
static void log_gone(const struct ept_mapping *mapping, void *arg)
{
	struct process *process = arg;
	u64 offset;

	for (offset = 0; mapping->dirty && offset < mapping->size; offset += SZ_4K)
		set_bit((mapping->gpa + offset - GUEST) / SZ_4K, process->log);
}

static int take_rights(struct hand *hand, unsigned int first, unsigned int nr, u32 rights,
		       struct ept_gather *gather)
{
	struct process *process = process_of(hand);
	struct ept *ept = process->arena->ept;
	u64 gpa = page_gpa(first), size = (u64)nr * SZ_4K;
	struct ept_range went;
	int ret;

	if (rights)
		return ept_protect(ept, gpa, size, rights, 0, gather);
	if (hand_one_in(hand, 3))
		return ept_unmap_report(ept, gpa, size, log_gone, process, gather);
	ret = ept_zap(ept, gpa, size, &went, log_gone, process, gather);
	if (went.gpa > gpa || went.gpa + went.size < gpa + size)
		crew_wrong(hand, "less went than was asked for", went.gpa, went.size);
	return ret;
}

/*
 * When it returns, CPUs cannot use the pages, or not with these rights, nor can they until
 * end_notifier(); the process is locked. Another thread's may come in each pause.
 */
static void begin_notifier(struct hand *hand, unsigned int first, unsigned int nr, u32 rights)
	__acquires(process_lock)
{
	struct process *process = process_of(hand);
	bool late = !hand_one_in(hand, 4);
	struct ept_gather gather;
	int ret;

	spin_lock(&process->lock);
	WRITE_ONCE(process->seq, process->seq + 1);
	WRITE_ONCE(process->invalidating, process->invalidating + 1);
	spin_unlock(&process->lock);
	WRITE_ONCE(process->busiest, first);
	take_a_pause(hand);
	ept_gather_init(&gather, process->arena->ept);
	ret = take_rights(hand, first, nr, rights, late ? &gather : NULL);
	if (ret)
		crew_wrong(hand, "a notifier failed", ret, first);
	while (hand_below(hand, 8))
		pause_here(process);
	ept_gather_flush(&gather);
	spin_lock(&process->lock);
}

static void end_notifier(struct hand *hand)
	__releases(process_lock)
{
	struct process *process = process_of(hand);

	WRITE_ONCE(process->invalidating, process->invalidating - 1);
	spin_unlock(&process->lock);
	wake_up_all(&process->crew.wait);
}

static void discard(struct hand *hand, unsigned int first, unsigned int nr)
{
	struct process *process = process_of(hand);
	unsigned int page;

	begin_notifier(hand, first, nr, 0);
	for (page = first; page < first + nr; page++) {
		drop_frame(process, process->frame_of[page]);
		process->frame_of[page] = NO_FRAME;
		process->shared[page] = false;
		memset(process->written[page], 0, sizeof(process->written[page]));
		set_bit(page, process->log);
	}
	process->large &= first >= BLOCK;
	end_notifier(hand);
}

/* As compaction does, and a write to what is shared. */
static void move(struct hand *hand, unsigned int page)
{
	struct process *process = process_of(hand);

	begin_notifier(hand, page, 1, 0);
	if (process->frame_of[page] != NO_FRAME) {
		change_frame(process, page, new_frame(process));
		process->large &= page >= BLOCK;
	}
	end_notifier(hand);
}

static void collapse(struct hand *hand)
{
	struct process *process = process_of(hand);
	unsigned int page, frame;

	begin_notifier(hand, 0, BLOCK, 0);
	frame = new_block(process);
	for (page = 0; frame != NO_FRAME && page < BLOCK; page++)
		change_frame(process, page, frame + page);
	process->large |= frame != NO_FRAME;
	end_notifier(hand);
}

static void fork_child(struct hand *hand)
{
	struct process *process = process_of(hand);
	unsigned int page;

	begin_notifier(hand, 0, PAGES, EPT_PROT_WRITE);
	for (page = 0; !process->forked && page < PAGES; page++) {
		unsigned int frame = process->frame_of[page];

		process->child_frame[page] = frame;
		read_page(process, page, process->child_word[page]);
		if (frame == NO_FRAME)
			continue;
		process->frames[frame].refs++;
		process->shared[page] = true;
	}
	process->forked = true;
	end_notifier(hand);
}

/* It still has what was there when it was forked. */
static void end_child(struct hand *hand)
{
	struct process *process = process_of(hand);
	unsigned int page;

	spin_lock(&process->lock);
	for (page = 0; process->forked && page < PAGES; page++) {
		unsigned int frame = process->child_frame[page];

		if (frame != NO_FRAME && memcmp(process->frames[frame].word,
						process->child_word[page],
						sizeof(process->child_word[page])))
			crew_wrong(hand, "the child's page was written", page, frame);
		drop_frame(process, frame);
	}
	process->forked = false;
	spin_unlock(&process->lock);
}

/* Few enough that threads meet at them, in the block and behind it; best where a notifier is. */
static unsigned int busy_page(struct hand *hand)
{
	if (hand_one_in(hand, 2))
		return READ_ONCE(process_of(hand)->busiest);
	return hand_one_in(hand, 2) ? hand_below(hand, 16) * (BLOCK / 16) :
				      BLOCK + hand_below(hand, 16);
}

static void run_host(struct hand *hand)
{
	unsigned int page = busy_page(hand);

	wait_for_the_slowest(hand);
	while (hand_below(hand, 32))
		pause_here(process_of(hand));
	switch (hand_below(hand, 16)) {
	case 0:
	case 1:
		collapse(hand);
		break;
	case 2:
	case 3:
		fork_child(hand);
		break;
	case 4:
	case 5:
		end_child(hand);
		break;
	case 6:
	case 7:
	case 8:
		move(hand, page);
		break;
	case 9:
		discard(hand, page, min(1 + hand_below(hand, 64), PAGES - page));
		break;
	case 10:
	case 11:
		discard(hand, page, 1);
		break;
	default:
		take_a_pause(hand);
		break;
	}
	count_step(hand);
}

/*
 * Faults
 */

struct backing {
	unsigned long		seen;
	u64			gpa;
	u64			hpa;
	u64			size;
	struct ept_attrs	attrs;
};

/* As pinning a user's page for a moment: false where it has to be copied first. */
static bool get_page_of(struct process *process, unsigned int page, bool write,
			struct backing *backing)
{
	bool large = process->large && page < BLOCK;
	unsigned int *frame = &process->frame_of[page];

	if (*frame == NO_FRAME)
		*frame = new_frame(process);
	/* The only owner left needs no copy, and its page no notifier. */
	if (write && !large && process->frames[*frame].refs == 1)
		process->shared[page] = false;
	if (write && process->shared[page])
		return false;
	backing->seen = process->seq;
	backing->size = large ? SZ_2M : SZ_4K;
	backing->gpa = round_down(page_gpa(page), backing->size);
	backing->hpa = round_down(HOST + (u64)*frame * SZ_4K, backing->size);
	backing->attrs = EPT_ATTRS_RAM;
	if (process->shared[page])
		backing->attrs.prot &= ~EPT_PROT_WRITE;
	return true;
}

static void install(struct hand *hand, const struct backing *backing)
{
	struct process *process = process_of(hand);
	struct ept *ept = process->arena->ept;
	int ret = -EEXIST;

	if (hand_one_in(hand, 2))
		ret = ept_map_if(ept, backing->gpa, backing->hpa, backing->size, &backing->attrs,
				 &process->seq, backing->seen);
	if (ret == -EEXIST)
		ret = ept_install(ept, backing->gpa, backing->hpa, backing->size, &backing->attrs,
				  &process->seq, backing->seen, NULL);
	if (ret < 0 && ret != -EAGAIN)
		crew_wrong(hand, "a fault failed", ret, backing->gpa);
}

/* False while a notifier is at work: the CPU goes on with what it has. */
static bool fault(struct hand *hand, unsigned int page, bool write)
{
	struct process *process = process_of(hand);
	struct backing backing;
	bool busy, got = false;

	spin_lock(&process->lock);
	busy = process->invalidating;
	if (!busy)
		got = get_page_of(process, page, write, &backing);
	spin_unlock(&process->lock);
	if (busy)
		return false;
	/* Long enough at times for what was found to be gone */
	while (hand_below(hand, 4))
		pause_here(process);
	if (got)
		install(hand, &backing);
	else
		move(hand, page);
	return true;
}

static void run_cpu(struct hand *hand)
{
	unsigned int uses, tries;

	wait_for_the_slowest(hand);
	for (uses = 0; uses < USES; uses++) {
		unsigned int page = busy_page(hand);
		bool write = hand_one_in(hand, 2);

		for (tries = 0; tries < TRIES; tries++)
			if (use_page(hand, page, write) || !fault(hand, page, write))
				break;
		take_a_pause(hand);
	}
	count_step(hand);
}

/*
 * Aging, and the dirty log
 */

static void age(struct hand *hand)
{
	struct process *process = process_of(hand);
	unsigned int first = busy_page(hand);
	int ret;

	spin_lock_irq(&process->lock);
	ret = ept_age(process->arena->ept, page_gpa(first),
		      (u64)(1 + hand_below(hand, PAGES - first)) * SZ_4K, hand_one_in(hand, 2));
	spin_unlock_irq(&process->lock);
	if (ret < 0)
		crew_wrong(hand, "aging failed", ret, first);
}

static void harvest(struct hand *hand, unsigned long *bitmap, bool peek,
		    struct ept_gather *gather)
{
	const struct ept_harvest tail = { .peek = peek, .bitmap = bitmap, .first = BLOCK };
	struct ept *ept = process_of(hand)->arena->ept;
	int ret = ept_harvest_dirty(ept, page_gpa(0), SZ_2M, bitmap, peek, gather) ?:
		  ept_harvest(ept, page_gpa(BLOCK), (PAGES - BLOCK) * SZ_4K, &tail, gather);

	if (ret)
		crew_wrong(hand, "no flags were collected", ret, peek);
}

/* Bit by bit and atomically: others set bits meanwhile. */
static void copy_bits(unsigned long *to, unsigned long *from, bool clear)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++)
		if (clear ? test_and_clear_bit(page, from) : test_bit(page, from))
			__set_bit(page, to);
}

static void expect_logged(struct hand *hand, const unsigned long *which,
			  const unsigned long *found, const char *wrong)
{
	unsigned int page;

	for_each_set_bit(page, which, PAGES)
		if (!test_bit(page, found) && !test_bit(page, process_of(hand)->log))
			crew_wrong(hand, wrong, page, 0);
}

static void copy_pages(struct process *process, const unsigned long *which)
{
	unsigned int page;

	spin_lock(&process->lock);
	for_each_set_bit(page, which, PAGES)
		read_page(process, page, process->copy[page]);
	spin_unlock(&process->lock);
}

/* What is in no table any more comes first, so that the flush below covers its last writes too. */
static void take_log(struct hand *hand)
{
	DECLARE_BITMAP(written, PAGES) = { };
	DECLARE_BITMAP(peeked, PAGES) = { };
	DECLARE_BITMAP(later, PAGES) = { };
	DECLARE_BITMAP(found, PAGES) = { };
	struct process *process = process_of(hand);
	struct ept_gather gather;

	copy_bits(written, process->dirtied, false);
	copy_bits(found, process->log, true);
	ept_gather_init(&gather, process->arena->ept);
	if (hand_one_in(hand, 2))
		harvest(hand, peeked, true, &gather);
	take_a_pause(hand);
	harvest(hand, found, false, &gather);
	take_a_pause(hand);
	ept_gather_flush(&gather);
	/* Of what is written from here on, the next round knows. */
	copy_bits(later, process->dirtied, true);
	expect_logged(hand, written, found, "not in the log, though written, is page");
	expect_logged(hand, peeked, found, "not in the log, though seen in it, is page");
	copy_pages(process, found);
}

static void run_log(struct hand *hand)
{
	wait_for_the_slowest(hand);
	if (hand_one_in(hand, 4))
		take_log(hand);
	else
		age(hand);
	count_step(hand);
}

/*
 * All of it
 */

static const struct arena_config user_configs[] = {
	{ "4l_2m", TABLE_FOR(4, EPT_2M, 46, EPT_MT_WB, EPT_FEATURE_AD, 0) },
	{ "5l_1g_mbec", TABLE_FOR(5, EPT_1G, 46, EPT_MT_WB,
				  EPT_FEATURE_AD | EPT_FEATURE_MODE_EXEC, 0) },
	{ "4l_4k", TABLE_FOR(4, EPT_4K, 46, EPT_MT_WB, EPT_FEATURE_AD, 0) },
};

KUNIT_ARRAY_PARAM_DESC(user, user_configs, name);

static struct process *new_process(struct kunit *test)
{
	struct process *process = kunit_kzalloc(test, sizeof(*process), GFP_KERNEL);
	struct arena *arena = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, process);
	process->arena = arena;
	spin_lock_init(&process->lock);
	for (i = 0; i < CPUS; i++)
		spin_lock_init(&process->cpus[i].lock);
	for (i = 0; i < PAGES; i++)
		process->frame_of[i] = NO_FRAME;
	arena->arg = process;
	arena->on_invalidate = forget;
	crew_init(&process->crew, test, process);
	process->crew.least = is_brief() ? user_steps / 6 : user_steps;
	return process;
}

/* Each page has what the CPUs wrote, and so has the copy of who read the log. */
static void expect_contents(struct kunit *test, struct process *process)
{
	unsigned int page, cpu;
	u64 words[CPUS];

	for (page = 0; page < PAGES; page++) {
		read_page(process, page, words);
		for (cpu = 0; cpu < CPUS; cpu++) {
			KUNIT_EXPECT_EQ_MSG(test, words[cpu], process->written[page][cpu],
					    "a write is lost, page %u, CPU %u", page, cpu);
			KUNIT_EXPECT_EQ_MSG(test, process->copy[page][cpu], words[cpu],
					    "the log lacks page %u, CPU %u", page, cpu);
		}
	}
}

static void memory_is_the_process_throughout(struct kunit *test)
{
	struct process *process = new_process(test);
	struct crew *crew = &process->crew;
	unsigned int i;

	for (i = 0; i < CPUS; i++)
		crew_hire(crew, "cpu", run_cpu);
	crew_hire(crew, "host", run_host);
	crew_hire(crew, "other host", run_host);
	crew_hire(crew, "log", run_log);
	crew_work(crew, HANGING_MS);
	end_child(&crew->hands[CPUS]);
	take_log(&crew->hands[CPUS + 2]);
	for (i = 0; i < crew->nr; i++)
		KUNIT_EXPECT_NULL_MSG(test, crew->hands[i].wrong, "%s", crew->hands[i].wrong);
	for (i = 0; i < CPUS; i++)
		KUNIT_EXPECT_GT(test, process->cpus[i].uses, process->crew.least);
	expect_contents(test, process);
	KUNIT_EXPECT_EQ(test, ept_check(process->arena->ept, NULL), 0);
}

/* The same in one order: the first has taken the page, and the second may let it go before it. */
static void a_notifier_that_finds_a_hole_has_it_flushed(struct kunit *test)
{
	struct process *process = new_process(test);
	struct hand *cpu = crew_hire(&process->crew, "cpu", run_cpu);
	struct ept *ept = process->arena->ept;
	const unsigned int page = BLOCK;
	struct ept_gather first, second;

	while (!use_page(cpu, page, true))
		fault(cpu, page, true);
	ept_gather_init(&first, ept);
	ept_gather_init(&second, ept);
	KUNIT_EXPECT_EQ(test, ept_zap(ept, page_gpa(page), SZ_4K, NULL, NULL, NULL, &first), 0);
	KUNIT_EXPECT_TRUE(test, use_page(cpu, page, true));
	KUNIT_EXPECT_EQ(test, ept_zap(ept, page_gpa(page), SZ_4K, NULL, NULL, NULL, &second), 0);
	ept_gather_flush(&second);
	KUNIT_EXPECT_FALSE(test, use_page(cpu, page, true));
	ept_gather_flush(&first);
	KUNIT_EXPECT_EQ(test, atomic64_read(&process->arena->invalidations), 1);
}

static struct kunit_case user_cases[] = {
	KUNIT_CASE_PARAM(a_notifier_that_finds_a_hole_has_it_flushed, user_gen_params),
	KUNIT_CASE_PARAM(memory_is_the_process_throughout, user_gen_params),
	{}
};

static struct kunit_suite user_suite = {
	.name = "ept_race_user",
	.init = arena_init,
	.exit = arena_exit,
	.test_cases = user_cases,
};

kunit_test_suite(user_suite);
