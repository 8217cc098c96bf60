// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: checks that the system can run on itself: what it does to memory that is watched, and
 * what becomes of it. Each is an example of what a thin hypervisor is for.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "thinvmm.h"

#define SECRET		0x1122334455667788ull
#define OTHER		0x99aabbccddeeff00ull

static struct sample_report report = { .name = "thinvmm" };

/* Functions, so that the log can tell who it was. */
static noinline u64 read_word(const u64 *word)
{
	return READ_ONCE(*word);
}

static noinline void write_word(u64 *word, u64 value)
{
	WRITE_ONCE(*word, value);
}

static bool is_in(u64 rip, const void *function)
{
	return rip - (u64)function < 64;
}

/* thinvmm_watch() and thinvmm_unwatch(), with the lock for the one call */
int thinvmm_check_watch(enum thinvmm_kind kind, u64 gpa, u64 size)
{
	int nr;

	mutex_lock(&thinvmm.mutex);
	nr = thinvmm_watch(kind, gpa, size);
	mutex_unlock(&thinvmm.mutex);
	return nr;
}

int thinvmm_check_unwatch(int nr)
{
	int err;

	mutex_lock(&thinvmm.mutex);
	err = thinvmm_unwatch(nr);
	mutex_unlock(&thinvmm.mutex);
	return err;
}

static u64 hits(int nr)
{
	return atomic64_read(&thinvmm.watch[nr].hits);
}

/* (a) A page is hidden from everyone but root. */

struct peek {
	const u64	*word;
	u64		value;
};

/* Root is in no table. */
static void peek_in_root(void *arg)
{
	struct peek *peek = arg;

	peek->value = *peek->word;
}

static int check_hide(u64 *words)
{
	struct peek peek = { .word = words };
	int nr, err;

	write_word(words, SECRET);
	nr = thinvmm_check_watch(THINVMM_HIDE, virt_to_phys(words), PAGE_SIZE);
	if (nr < 0)
		return nr;
	report_value(&report, "a read of a hidden page", 0, read_word(words));
	thinvmm_call(peek_in_root, &peek);
	report_value(&report, "the same in root", SECRET, peek.value);
	write_word(words, OTHER);
	report_value(&report, "a read after a write", OTHER, read_word(words));
	thinvmm_call(peek_in_root, &peek);
	report_value(&report, "the same in root", SECRET, peek.value);
	err = thinvmm_check_unwatch(nr);
	report_value(&report, "a read when it is no longer hidden", SECRET, read_word(words));
	return err;
}

/*
 * (b) The kernel's text is write-protected: who writes is named. The kernel's own page tables
 * forbid it, too, which doesn't help against another mapping of the page.
 */

static void expect_write(int nr, u64 gpa)
{
	struct thinvmm_event event;

	report_count(&report, "writes noted", 1, hits(nr));
	if (!report_yes(&report, "whether it is in the log",
			thinvmm_read_event(atomic64_read(&thinvmm.events), &event)))
		return;
	report_value(&report, "where it was", gpa, event.gpa);
	report_yes(&report, "whether the log knows who wrote", is_in(event.rip, write_word));
}

static int check_protect(u64 *unused)
{
	const u64 gpa = __pa((unsigned long)&_printk);
	struct page *page = pfn_to_page(PHYS_PFN(gpa));
	void *alias = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	u64 *words;
	int nr;

	if (!alias)
		return -ENOMEM;
	words = alias + round_down(offset_in_page(gpa), sizeof(u64));
	nr = thinvmm_check_watch(THINVMM_PROTECT, page_to_phys(page), PAGE_SIZE);
	if (nr > 0) {
		write_word(words, read_word(words));
		expect_write(nr, round_down(gpa, sizeof(u64)));
	}
	vunmap(alias);
	return nr < 0 ? nr : thinvmm_check_unwatch(nr);
}

/* (c) The accesses to a page are counted. */

static int check_count(u64 *words)
{
	int nr = thinvmm_check_watch(THINVMM_COUNT, virt_to_phys(words), PAGE_SIZE);
	u64 sum = 0;

	if (nr < 0)
		return nr;
	for (unsigned int i = 0; i < 5; i++)
		write_word(words + i, i);
	for (unsigned int i = 0; i < 5; i++)
		sum += read_word(words + i);
	report_count(&report, "accesses to a page", 10, hits(nr));
	report_count(&report, "the sum of what was read", 10, sum);
	return thinvmm_check_unwatch(nr);
}

/* (d) Fetches from a page are trapped. */

static int check_trap(u64 *unused)
{
	const u64 gpa = page_to_phys(vmalloc_to_page(thinvmm_add));
	int nr = thinvmm_check_watch(THINVMM_TRAP, gpa, PAGE_SIZE);
	struct thinvmm_event event;

	if (nr < 0)
		return nr;
	report_count(&report, "1 + 2", 3, thinvmm_add(1, 2));
	report_count(&report, "3 + 4", 7, thinvmm_add(3, 4));
	report_count(&report, "fetches", 2 * THINVMM_ADD_INSNS, hits(nr));
	if (report_yes(&report, "whether the latest is in the log",
		       thinvmm_read_event(atomic64_read(&thinvmm.events), &event)))
		report_yes(&report, "whether it was there", is_in(event.rip, thinvmm_add));
	return thinvmm_check_unwatch(nr);
}

/* (e) What the system's table hasn't is mapped when it is used, in root, and no flush is needed. */

static int unmap(void *gpa, struct ept_gather *gather)
{
	return ept_unmap(thinvmm.ept, *(u64 *)gpa, PAGE_SIZE, gather);
}

static int check_demand(u64 *words)
{
	u64 gpa = virt_to_phys(words);
	struct ept_mapping mapping;
	int err;

	write_word(words, SECRET);
	mutex_lock(&thinvmm.mutex);
	err = thinvmm_change(unmap, &gpa, PAGE_SIZE);
	if (err)
		goto out;
	report_yes(&report, "whether a page is unmapped",
		   ept_lookup(thinvmm.ept, gpa, &mapping) == -ENOENT);
	report_value(&report, "a read of it", SECRET, read_word(words));
	err = ept_lookup(thinvmm.ept, gpa, &mapping);
	if (!err)
		report_value(&report, "what it maps to then", gpa, mapping.hpa);
out:
	mutex_unlock(&thinvmm.mutex);
	return err;
}

/* (f) What the system has written to is known. */

struct harvest {
	u64 gpa;
	DECLARE_BITMAP(dirty, 1);
};

static int harvest(void *arg, struct ept_gather *gather)
{
	struct harvest *harvest = arg;

	return ept_harvest_dirty(thinvmm.ept, harvest->gpa, PAGE_SIZE, harvest->dirty, false,
				 gather);
}

static int expect_dirty(u64 gpa, const char *what, bool expected)
{
	struct harvest arg = { .gpa = gpa };
	int err = thinvmm_change(harvest, &arg, PAGE_SIZE);

	if (!err)
		report_count(&report, what, expected, test_bit(0, arg.dirty));
	return err;
}

/* A large leaf that is harvested in part stays dirty. */
static int make_small(void *gpa, struct ept_gather *gather)
{
	return ept_split(thinvmm.ept, *(u64 *)gpa, PAGE_SIZE, EPT_4K, gather);
}

static int check_dirty(u64 *words)
{
	u64 gpa = virt_to_phys(words);
	int err;

	if (!thinvmm.caps.accessed_dirty) {
		report_skip(&report, "this CPU has no accessed and dirty flags");
		return 0;
	}
	mutex_lock(&thinvmm.mutex);
	err = thinvmm_change(make_small, &gpa, PAGE_SIZE);
	if (!err) {
		write_word(words, OTHER);
		err = expect_dirty(gpa, "dirty pages after a write", true);
	}
	if (!err)
		err = expect_dirty(gpa, "dirty pages after none", false);
	mutex_unlock(&thinvmm.mutex);
	return err;
}

/* Those of thinvmm_rare.c */

static int check_nmi(u64 *unused)
{
	return thinvmm_check_nmi(&report);
}

static int check_no_tables(u64 *unused)
{
	return thinvmm_check_no_tables(&report);
}

static int check_hotplug(u64 *unused)
{
	return thinvmm_check_hotplug(&report);
}

static const struct {
	const char *title;
	int (*run)(u64 *words);
} checks[] = {
	{ "a hidden page",			check_hide },
	{ "write protection of the kernel's text", check_protect },
	{ "counting accesses to a page",	check_count },
	{ "trapping fetches",			check_trap },
	{ "mapping on demand",			check_demand },
	{ "dirty pages of the running system",	check_dirty },
	{ "a non-maskable interrupt, watched",	check_nmi },
	{ "faults when there are no tables",	check_no_tables },
	{ "memory that comes and goes",		check_hotplug },
};

/* All of them, on a page of their own. -EUCLEAN if something wasn't as expected. */
int thinvmm_check(void)
{
	u64 *words = (u64 *)get_zeroed_page(GFP_KERNEL);
	int err;

	if (!words)
		return -ENOMEM;
	report.passed = 0;
	report.failed = 0;
	report.skipped = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(checks); i++) {
		report.step = 'a' + i;
		pr_info("thinvmm: (%c) %s\n", report.step, checks[i].title);
		err = checks[i].run(words);
		if (err)
			report_error(&report, "thinvmm's own calls", err);
	}
	free_page((unsigned long)words);
	report_end(&report);
	return report.failed ? -EUCLEAN : 0;
}
