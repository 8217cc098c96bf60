// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: a thread that changes the table of all of the system's RAM, chunk by chunk, again and
 * again, while the system runs on it. A test of ept, and of no other use.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/kthread.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include "thinvmm.h"

#define CHUNK		SZ_2M
#define CHUNK_PAGES	(CHUNK / SZ_4K)
#define MAX_MAPPINGS	64	/* of one chunk; one that has more keeps those as they are */

static struct task_struct *thread;
static enum thinvmm_churn_mode mode;
static unsigned long rounds, calls, errors;
static int last_error;
static const char *last_call = "none";

static struct ept_mapping mappings[MAX_MAPPINGS];
static unsigned int nr_mappings;
static DECLARE_BITMAP(pages, CHUNK_PAGES);

static void note(const char *call, int err)
{
	calls++;
	if (err >= 0)
		return;
	errors++;
	last_error = err;
	last_call = call;
}

/*
 * Changes of the chunk at *@arg, in root
 */

static int split(void *arg, struct ept_gather *gather)
{
	return ept_split(thinvmm.ept, *(u64 *)arg, CHUNK, EPT_4K, gather);
}

static int harvest(void *arg, struct ept_gather *gather)
{
	const u64 gpa = *(u64 *)arg;

	return ept_harvest_dirty(thinvmm.ept, gpa, CHUNK, pages, false, gather) ?:
	       ept_harvest_accessed(thinvmm.ept, gpa, CHUNK, pages, false, gather);
}

/* Each mapping to where it is, and as it is */
static int remap(void *arg, struct ept_gather *gather)
{
	int err = 0;

	for (unsigned int i = 0; i < nr_mappings && !err; i++)
		err = ept_remap(thinvmm.ept, mappings[i].gpa, mappings[i].hpa, mappings[i].size,
				&mappings[i].attrs, gather);
	return err;
}

/* Root gives back what the system uses, */
static int protect(void *arg, struct ept_gather *gather)
{
	return ept_protect(thinvmm.ept, *(u64 *)arg, CHUNK, EPT_PROT_WRITE, 0, gather);
}

static int give_back(void *arg, struct ept_gather *gather)
{
	return ept_protect(thinvmm.ept, *(u64 *)arg, CHUNK, 0, EPT_PROT_WRITE, gather);
}

/* and maps again what it uses. */
static int unmap(void *arg, struct ept_gather *gather)
{
	return ept_unmap(thinvmm.ept, *(u64 *)arg, CHUNK, gather);
}

static void merge(u64 gpa, u64 size, enum ept_level level)
{
	thinvmm_lock_ept();
	note("merge", ept_merge(thinvmm.ept, gpa, size, level));
	thinvmm_unlock_ept();
}

/*
 * A round
 */

static int collect(const struct ept_mapping *mapping, void *arg)
{
	if (nr_mappings == MAX_MAPPINGS)
		return 1;
	mappings[nr_mappings++] = *mapping;
	return 0;
}

/* Rights are given back to all alike, so what is watched keeps those that it has. */
static bool is_watched(void)
{
	for (unsigned int i = 0; i < nr_mappings; i++)
		if (mappings[i].attrs.tag != THINVMM_NO_WATCH)
			return true;
	return nr_mappings == MAX_MAPPINGS;
}

/* Between two changes the system goes on. */
static void take_and_give(u64 gpa)
{
	note("protect", thinvmm_change(protect, &gpa, CHUNK));
	cond_resched();
	note("give back", thinvmm_change(give_back, &gpa, CHUNK));
	note("unmap", thinvmm_change(unmap, &gpa, CHUNK));
	cond_resched();
	note("show", thinvmm_show_all(gpa, CHUNK));
}

static void churn_chunk(u64 gpa)
{
	mutex_lock(&thinvmm.mutex);
	note("split", thinvmm_change(split, &gpa, CHUNK));
	if (thinvmm.caps.accessed_dirty)
		note("harvest", thinvmm_change(harvest, &gpa, CHUNK));
	nr_mappings = 0;
	note("for_each", ept_for_each_mapping(thinvmm.ept, gpa, CHUNK, collect, NULL));
	note("remap", thinvmm_change(remap, &gpa, CHUNK));
	if (mode == THINVMM_CHURN_ALL && !is_watched())
		take_and_give(gpa);
	if (thinvmm.caps.leaf_2m)
		merge(gpa, CHUNK, EPT_2M);
	mutex_unlock(&thinvmm.mutex);
	cond_resched();
}

/* The whole chunks of some RAM */
static int churn_ram(struct resource *ram, void *arg)
{
	u64 gpa;

	for (gpa = round_up(ram->start, CHUNK); gpa + CHUNK - 1 <= ram->end; gpa += CHUNK) {
		if (kthread_should_stop())
			return -EINTR;
		churn_chunk(gpa);
	}
	return 0;
}

static void end_round(void)
{
	mutex_lock(&thinvmm.mutex);
	if (thinvmm.caps.leaf_1g)
		merge(0, SZ_4G, EPT_1G);
	thinvmm_lock_ept();
	note("check", ept_check(thinvmm.ept, NULL));
	thinvmm_unlock_ept();
	rounds++;
	mutex_unlock(&thinvmm.mutex);
}

static int churn(void *unused)
{
	while (!kthread_should_stop()) {
		walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
				    NULL, churn_ram);
		end_round();
		msleep(20);
	}
	return 0;
}

/*
 * On and off
 */

/* Ends the thread that there is, and starts another in @new mode, if it is one. Not in parallel. */
int thinvmm_churn(enum thinvmm_churn_mode new)
{
	struct task_struct *task;

	if (thread)
		kthread_stop(thread);
	thread = NULL;
	mode = new;
	if (mode == THINVMM_CHURN_OFF)
		return 0;
	rounds = 0;
	calls = 0;
	errors = 0;
	task = kthread_run(churn, NULL, "thinvmm_churn");
	if (IS_ERR(task))
		return PTR_ERR(task);
	thread = task;
	return 0;
}

void thinvmm_churn_show(struct seq_file *m)
{
	seq_printf(m, "mode %u\nrounds %lu\ncalls %lu\nerrors %lu\n", mode, rounds, calls, errors);
	if (errors)
		seq_printf(m, "last %s %pe\n", last_call, ERR_PTR(last_error));
}
