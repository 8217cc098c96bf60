// SPDX-License-Identifier: GPL-2.0
/*
 * How long a fault waits behind a long operation: one CPU changes or harvests 64 GiB of 4K leaves,
 * another maps pages one by one meanwhile. Most come in within the time printed, but for one of a
 * hundred of those that waited: machines have pauses of their own. Beside it the same of a thread
 * that another CPU wakes up, which is what no lock that sleeps can do without.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/numa.h>
#include <linux/sort.h>

#include "ept_core.h"
#include "bench.h"

#define MAPPED		(64ULL * SZ_1G)
#define FAULTS		(512ULL * SZ_1G)
#define MAX_WAITS	65536
#define WAKE_UPS	2000

/* What the maps took that waited, as far as there is room */
static u64 took[MAX_WAITS];

/**
 * struct waits - what both CPUs share
 * @ept: the table
 * @operate: the long operation
 * @waited: in ticks, what counts as a wait
 * @over: the operation is
 * @nr: of waits
 * @wake_up: what the second CPU does to the first,
 * @woken: when, or 0: it may
 */
struct waits {
	struct ept		*ept;
	int			(*operate)(struct ept *ept);
	u64			waited;
	bool			over;
	unsigned int		nr;
	struct completion	wake_up;
	u64			woken;
};

static void note_wait(struct waits *waits, u64 ticks)
{
	if (waits->nr < MAX_WAITS && ticks > waits->waited)
		took[waits->nr++] = ticks;
}

static int take_write(struct ept *ept)
{
	struct ept_gather gather;
	int err;

	ept_gather_init(&gather, ept);
	err = ept_protect(ept, 0, MAPPED, EPT_PROT_WRITE, 0, &gather);
	ept_gather_flush(&gather);
	return err;
}

static int harvest(struct ept *ept)
{
	static const struct ept_harvest what;
	struct ept_gather gather;
	int err;

	ept_gather_init(&gather, ept);
	err = ept_harvest(ept, 0, MAPPED, &what, &gather);
	ept_gather_flush(&gather);
	return err;
}

static int map_until_over(struct waits *waits)
{
	for (u64 gpa = FAULTS; !READ_ONCE(waits->over); gpa += SZ_4K) {
		const u64 start = bench_clock();
		const int err = ept_map(waits->ept, gpa, gpa, SZ_4K, &EPT_ATTRS_RAM);

		if (err)
			return err;
		note_wait(waits, bench_clock() - start);
	}
	return 0;
}

static int map_or_operate(void *arg, unsigned int cpu)
{
	struct waits *waits = arg;
	int err;

	if (!cpu)
		return map_until_over(waits);
	err = waits->operate(waits->ept);
	WRITE_ONCE(waits->over, true);
	return err;
}

static int sleep_or_wake(void *arg, unsigned int cpu)
{
	struct waits *waits = arg;

	for (unsigned int i = 0; i < WAKE_UPS; i++) {
		if (cpu) {
			while (READ_ONCE(waits->woken))
				cpu_relax();
			udelay(2);
			WRITE_ONCE(waits->woken, bench_clock());
			complete(&waits->wake_up);
		} else {
			wait_for_completion(&waits->wake_up);
			note_wait(waits, bench_clock() - waits->woken);
			WRITE_ONCE(waits->woken, 0);
		}
	}
	return 0;
}

static s64 run_operation(struct waits *waits)
{
	s64 ret;

	waits->ept = ept_create(&bench_cpus_config);
	if (IS_ERR(waits->ept))
		return PTR_ERR(waits->ept);
	ret = ept_map(waits->ept, 0, BENCH_AT_4K, MAPPED, &EPT_ATTRS_RAM);
	if (!ret)
		ret = bench_on_cpus(2, map_or_operate, waits);
	ept_destroy(waits->ept);
	return ret;
}

static int by_value(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What 99 of 100 waits took at most, or an error */
static s64 run_waits(int (*operate)(struct ept *ept))
{
	/* A microsecond: no map takes so long by itself. */
	struct waits waits = { .operate = operate, .waited = bench_clock_khz() / 1000 };
	s64 ret;

	init_completion(&waits.wake_up);
	ret = operate ? run_operation(&waits) : bench_on_cpus(2, sleep_or_wake, &waits);
	if (ret < 0 || !waits.nr)
		return min(ret, 0LL);
	sort(took, waits.nr, sizeof(*took), by_value, NULL);
	return took[waits.nr * 99 / 100];
}

void bench_waits(unsigned int rounds)
{
	static const struct {
		const char	*name;
		int		(*operate)(struct ept *ept);
	} cases[] = {
		{ "wake-up", NULL },
		{ "protect", take_write },
		{ "harvest", harvest },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases) && num_online_cpus() > 1; i++) {
		s64 least = S64_MAX;

		for (unsigned int round = 0; round < rounds && least >= 0; round++)
			least = min(least, run_waits(cases[i].operate));
		if (least < 0)
			pr_err("bench: FAIL waits: error %lld\n", least);
		else
			pr_info("bench: wait-%s|wait|1|ept|%lld|%lld\n", cases[i].name, least,
				least);
	}
}
