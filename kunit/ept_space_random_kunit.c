// SPDX-License-Identifier: GPL-2.0
/* Random changes and accesses, to a space and to the model of one: every byte is the same. */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fixture.h"
#include "space_guest.h"
#include "space_model.h"

CONFIG_PARAMS;

#define WINDOW_PAGES	2048UL
#define WINDOW		(16 * (u64)SZ_2M)
#define STEPS		1500

struct run {
	struct guest		*guest;
	struct model		*model;
	struct rnd_state	random;
	unsigned long		*logged;
	u8			*buffer;
	bool			logging;
	bool			wrong;
};

static const enum ept_region_kind kinds[MODEL_KINDS + 1] = {
	EPT_REGION_LINEAR, EPT_REGION_ANON, EPT_REGION_PAGES, EPT_REGION_CLIENT, EPT_REGION_USER,
	EPT_REGION_PINNED, EPT_REGION_FILE, EPT_REGION_MMIO,
};

#define FRESH	1
#define PROCESS	4

static const enum ept_verdict verdicts[] = {
	[MODEL_OK] = EPT_VERDICT_RESUME,
	[MODEL_MMIO] = EPT_VERDICT_MMIO,
	[MODEL_READONLY] = EPT_VERDICT_READONLY,
	[MODEL_PROTECTED] = EPT_VERDICT_PROTECTED,
	[MODEL_NONE] = EPT_VERDICT_NONE,
};

static u32 below(struct run *run, u32 limit)
{
	return prandom_u32_state(&run->random) % limit;
}

/* The first thing that differs ends the run. */
static void same(struct run *run, s64 left, s64 right)
{
	KUNIT_EXPECT_EQ(run->guest->test, left, right);
	run->wrong |= left != right;
}

static u64 gpa_of(unsigned long page)
{
	return WINDOW + page * SZ_4K;
}

/* Mostly short, at times large, often where large leaves begin */
static void range(struct run *run, unsigned long *first, unsigned long *nr)
{
	*nr = 1 + below(run, below(run, 3) ? 40 : 1024);
	*first = below(run, WINDOW_PAGES - *nr);
	if (!below(run, 3))
		*first &= ~511UL;
}

static u8 rights_of(struct run *run)
{
	static const u8 some[] = { 7, 7, 7, 3, 1, 5, 0 };

	return some[below(run, ARRAY_SIZE(some))];
}

static u32 prot_of(u8 rights)
{
	return (rights & 1 ? EPT_PROT_READ : 0) | (rights & 2 ? EPT_PROT_WRITE : 0) |
	       (rights & 4 ? EXEC_ALL : 0);
}

static void add(struct run *run, bool set)
{
	const u32 any = below(run, ARRAY_SIZE(kinds));
	const u32 kind = any == PROCESS && !guest_has_process() ? FRESH : any;
	const u8 rights = kind == MODEL_KINDS ? 7 : rights_of(run);
	struct ept_region region;
	unsigned long first, nr;
	u32 source;
	int expect;

	range(run, &first, &nr);
	nr = min_t(unsigned long, nr, GUEST_PAGES);
	source = below(run, GUEST_PAGES - nr + 1);
	if (!below(run, 2) && nr + 512 <= GUEST_PAGES)
		source &= ~511U;
	region = guest_region(run->guest, kinds[kind], gpa_of(first), nr * SZ_4K, source);
	region.attrs.prot = prot_of(rights);
	expect = set || model_is_free(run->model, first, nr) ? 0 : -EEXIST;
	same(run, set ? ept_space_set(run->guest->space, &region) :
			ept_space_add(run->guest->space, &region), expect);
	if (!expect)
		model_set(run->model, first, nr, kind, source, rights, EPT_MT_WB,
			  kind > PROCESS && !(rights & 2));
}

static void remove(struct run *run)
{
	unsigned long first, nr;

	range(run, &first, &nr);
	same(run, ept_space_remove(run->guest->space, gpa_of(first), nr * SZ_4K), 0);
	model_remove(run->model, first, nr);
}

static void protect(struct run *run)
{
	const u8 rights = rights_of(run);
	unsigned long first, nr;

	range(run, &first, &nr);
	same(run, ept_space_protect(run->guest->space, gpa_of(first), nr * SZ_4K, prot_of(rights)),
	     0);
	model_protect(run->model, first, nr, rights);
}

/* The model has nothing that changes. */
static void zap(struct run *run)
{
	unsigned long first, nr;

	range(run, &first, &nr);
	same(run, ept_space_zap(run->guest->space, gpa_of(first), nr * SZ_4K), 0);
}

static void discard(struct run *run)
{
	unsigned long first, nr;

	range(run, &first, &nr);
	same(run, ept_space_discard(run->guest->space, gpa_of(first), nr * SZ_4K), 0);
	model_discard(run->model, first, nr);
}

static void set_memtype(struct run *run)
{
	static const enum ept_memtype some[] = { EPT_MT_WB, EPT_MT_WB, EPT_MT_UC, EPT_MT_WC };
	const enum ept_memtype memtype = some[below(run, ARRAY_SIZE(some))];
	unsigned long first, nr;

	range(run, &first, &nr);
	same(run, ept_space_set_memtype(run->guest->space, gpa_of(first), nr * SZ_4K, memtype), 0);
	model_set_memtype(run->model, first, nr, memtype);
}

static void move(struct run *run)
{
	unsigned long first, nr, to, other;
	int expect = 0;

	range(run, &first, &nr);
	range(run, &to, &other);
	nr = min(nr, other);
	if (!model_is_free(run->model, to, nr))
		expect = -EEXIST;
	else if (model_is_free(run->model, first, nr))
		expect = -ENOENT;
	same(run, ept_space_move(run->guest->space, gpa_of(first), nr * SZ_4K, gpa_of(to)), expect);
	if (!expect)
		model_move(run->model, first, nr, to);
}

/* By the guest, up to the page's end */
static void access(struct run *run)
{
	const unsigned long page = below(run, WINDOW_PAGES);
	const u32 offset = below(run, SZ_4K), size = min(1 + below(run, 64), SZ_4K - offset);
	const bool write = below(run, 2);
	const enum model_verdict expect = model_verdict(run->model, page, write ? 3 : 1);
	u8 *bytes = model_bytes(run->model, page);

	prandom_bytes_state(&run->random, run->buffer, size);
	same(run, guest_access(run->guest, &run->guest->cpu, gpa_of(page) + offset, run->buffer,
			       size,
			       write), (int)verdicts[expect]);
	if (expect != MODEL_OK)
		return;
	if (write) {
		memcpy(bytes + offset, run->buffer, size);
		run->model->pages[page].written = true;
	} else {
		same(run, memcmp(bytes + offset, run->buffer, size), 0);
	}
}

/* How far the host comes */
static size_t reach(struct run *run, u64 gpa, size_t size, bool write)
{
	const u64 from = gpa - WINDOW;
	u64 at = from;

	while (at < from + size && at >> 12 < WINDOW_PAGES && model_bytes(run->model, at >> 12) &&
	       !(write && run->model->pages[at >> 12].sealed))
		at = (at | 4095) + 1;
	return min(at, from + size) - from;
}

static void host_access(struct run *run)
{
	const u64 gpa = gpa_of(below(run, WINDOW_PAGES - 16)) + below(run, SZ_4K);
	const u32 size = 1 + below(run, SZ_64K - SZ_4K);
	const bool write = below(run, 2);
	const size_t far = reach(run, gpa, size, write);
	ssize_t done;

	prandom_bytes_state(&run->random, run->buffer, size);
	done = write ? ept_space_write(run->guest->space, gpa, run->buffer, size, 0) :
		       ept_space_read(run->guest->space, gpa, run->buffer, size, 0);
	if (far)
		same(run, done, (ssize_t)far);
	else
		same(run, done == -ENOENT || done == -EOPNOTSUPP || (write && done == -EACCES),
		     true);
	for (size_t i = 0; i < far; i++) {
		const unsigned long page = (gpa + i - WINDOW) >> 12;
		u8 *byte = model_bytes(run->model, page) + (gpa + i) % SZ_4K;

		if (write) {
			*byte = run->buffer[i];
			run->model->pages[page].written = true;
		} else if (*byte != run->buffer[i]) {
			same(run, *byte, run->buffer[i]);
			return;
		}
	}
}

static void populate(struct run *run)
{
	unsigned long first, nr;

	range(run, &first, &nr);
	same(run, ept_space_populate(run->guest->space, gpa_of(first), nr * SZ_4K,
				     below(run, 2) ? EPT_PROT_READ : EPT_PROT_READ | EPT_PROT_WRITE,
				     NULL, NULL), 0);
}

/* What the process does to its memory */
static void process(struct run *run)
{
	const unsigned long page = below(run, GUEST_PAGES), nr = 1 + below(run, GUEST_PAGES - page);
	u8 *bytes = run->model->memory[PROCESS] + page * SZ_4K;

	if (below(run, 3)) {
		prandom_bytes_state(&run->random, run->buffer, 64);
		same(run, copy_to_user(guest_user(run->guest, page), run->buffer, 64), 0);
		memcpy(bytes, run->buffer, 64);
	} else {
		guest_discard(run->guest, page, nr);
		memset(bytes, 0, nr * SZ_4K);
	}
}

/* Nothing is missing in it; what is large, or went, may be more than was written. */
static void take_log(struct run *run)
{
	struct ept_space *space = run->guest->space;
	const u64 size = WINDOW_PAGES * SZ_4K;

	if (!run->logging) {
		same(run, ept_space_log_start(space, WINDOW, size,
					      below(run, 2) ? EPT_LOG_LAZY : 0), 0);
		run->logging = true;
	} else if (!below(run, 4)) {
		same(run, ept_space_log_stop(space, WINDOW, size), 0);
		run->logging = false;
	} else {
		bitmap_zero(run->logged, WINDOW_PAGES);
		same(run, ept_space_log_get(space, WINDOW, size, run->logged), 0);
		for (unsigned long page = 0; page < WINDOW_PAGES; page++)
			if (run->model->pages[page].written)
				same(run, test_bit(page, run->logged), true);
	}
	for (unsigned long page = 0; page < WINDOW_PAGES; page++)
		run->model->pages[page].written = false;
}

static void change(struct run *run)
{
	switch (below(run, 8)) {
	case 0: case 1:
		return remove(run);
	case 2: case 3:
		return move(run);
	case 4:
		return protect(run);
	case 5:
		return zap(run);
	case 6:
		return discard(run);
	default:
		return set_memtype(run);
	}
}

/* Several changes as one */
static void changes(struct run *run)
{
	same(run, ept_space_begin(run->guest->space), 0);
	for (u32 i = 1 + below(run, 4); i; i--) {
		if (below(run, 3))
			add(run, below(run, 2));
		else
			change(run);
	}
	same(run, ept_space_commit(run->guest->space), 0);
}

static void compare(struct run *run)
{
	for (unsigned long page = 0; page < WINDOW_PAGES && !run->wrong; page++) {
		const enum model_verdict expect = model_verdict(run->model, page, 1);
		struct ept_mapping mapping;

		same(run, guest_access(run->guest, &run->guest->cpu, gpa_of(page), run->buffer,
				       SZ_4K,
				       false), (int)verdicts[expect]);
		if (expect == MODEL_OK && !ept_lookup(run->guest->ept, gpa_of(page), &mapping))
			same(run, mapping.attrs.memtype, run->model->pages[page].memtype);
		if (expect == MODEL_OK)
			same(run, memcmp(run->buffer, model_bytes(run->model, page), SZ_4K), 0);
	}
	same(run, ept_check(run->guest->ept, NULL), 0);
}

static void step(struct run *run)
{
	switch (below(run, 24)) {
	case 0:
		return add(run, true);
	case 1: case 2:
		return add(run, false);
	case 3: case 4:
		return change(run);
	case 5:
		return populate(run);
	case 6:
		return changes(run);
	case 7:
		return take_log(run);
	case 8: case 9:
		return process(run);
	case 10: case 11:
		return host_access(run);
	default:
		return access(run);
	}
}

static void every_byte_is_as_the_model_says(struct kunit *test)
{
	struct run run = { .guest = test->priv };

	guest_make_process(run.guest);
	prandom_seed_state(&run.random, 20 + run.guest->config.levels * 8 +
					run.guest->config.max_leaf * 64 +
					run.guest->config.features * 1024);
	run.model = model_create(WINDOW_PAGES, GUEST_PAGES, FRESH);
	run.logged = bitmap_zalloc(WINDOW_PAGES, GFP_KERNEL);
	run.buffer = kzalloc(SZ_64K, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, run.model && run.logged && run.buffer);
	for (unsigned int i = 1; run.model && i <= STEPS && !run.wrong; i++) {
		step(&run);
		if (i % 250 == 0)
			compare(&run);
		if (run.wrong)
			kunit_err(test, "in step %u", i);
		cond_resched();
	}
	guest_end_process(run.guest);
	model_destroy(run.model);
	bitmap_free(run.logged);
	kfree(run.buffer);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(every_byte_is_as_the_model_says, configs_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_space_random",
	.suite_init = guest_suite_init,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
