// SPDX-License-Identifier: GPL-2.0
/* A space's files, beside its table's. */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "debugfs_file.h"
#include "ept_compat.h"
#include "fixture.h"
#include "space_guest.h"

/* Longer than it takes; who waits for so long waits for something else. */
#define FOR_EVER	(60 * HZ)

#define TEXT_SIZE	SZ_4K
#define FIRST		3	/* page of what is behind each region */

static const char *const kinds[] = {
	[EPT_REGION_LINEAR] = "linear", [EPT_REGION_ANON] = "anon", [EPT_REGION_USER] = "user",
	[EPT_REGION_PAGES] = "pages", [EPT_REGION_MMIO] = "mmio", [EPT_REGION_CLIENT] = "client",
	[EPT_REGION_PINNED] = "pinned", [EPT_REGION_FILE] = "file",
};

static u64 where(const struct ept_region *region)
{
	switch (region->kind) {
	case EPT_REGION_LINEAR:
		return region->hpa;
	case EPT_REGION_USER:
	case EPT_REGION_PINNED:
		return region->user.address;
	default:
		return FIRST * (u64)SZ_4K;
	}
}

static char *read_file(struct guest *guest, const char *name)
{
	char *text = kunit_kzalloc(guest->test, TEXT_SIZE, GFP_KERNEL);
	const unsigned long end = jiffies + FOR_EVER;
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(guest->test, text);
	/* They come a moment after the space. */
	while (!debugfs_has("ept", ept_name(guest->ept), name) && time_before(jiffies, end))
		msleep(20);
	file = debugfs_open(guest->test, O_RDONLY, "ept", ept_name(guest->ept), name);
	debugfs_read(guest->test, file, text, TEXT_SIZE);
	__fput_sync(file);
	return text;
}

/* Each kind that this kernel has; from the second on with less rights */
static void regions_are_shown_in_order(struct kunit *test)
{
	char *expected = kunit_kzalloc(test, TEXT_SIZE, GFP_KERNEL), *end = expected;
	struct guest *guest = test->priv;
	u64 gpa = SZ_4G;

	KUNIT_ASSERT_NOT_NULL(test, expected);
	if (EPT_KUNIT_HAS_PROCESS)
		guest_make_process(guest);
	for (enum ept_region_kind kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		struct ept_region region = guest_region(guest, kind, gpa, SZ_64K, FIRST);

		if ((kind == EPT_REGION_USER && !guest_has_process()) ||
		    (kind == EPT_REGION_PINNED && !EPT_KUNIT_HAS_PROCESS))
			continue;
		if (kind != EPT_REGION_LINEAR)
			region.attrs.prot = EPT_PROT_READ;
		KUNIT_EXPECT_EQ(test, ept_space_add(guest->space, &region), 0);
		end += sprintf(end, "%013llx-%013llx %-6s %s type 6 at %llx\n", gpa, gpa + SZ_64K,
			       kinds[kind], kind == EPT_REGION_LINEAR ? "rwxu" : "r---",
			       where(&region));
		gpa += SZ_1G;
	}
	KUNIT_EXPECT_STREQ(test, read_file(guest, "regions"), expected);
	KUNIT_EXPECT_EQ(test, ept_space_remove(guest->space, 0, gpa), 0);
	KUNIT_EXPECT_STREQ(test, read_file(guest, "regions"), "");
	guest_end_process(guest);
}

static void faults_are_counted_by_verdict(struct kunit *test)
{
	struct guest *guest = test->priv;

	must_add(guest, EPT_REGION_ANON, 0, SZ_64K);
	must_add(guest, EPT_REGION_MMIO, SZ_1G, SZ_64K);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, 0, EPT_PROT_READ), EPT_VERDICT_RESUME);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, SZ_1G, EPT_PROT_READ), EPT_VERDICT_MMIO);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, SZ_1G, EPT_PROT_WRITE), EPT_VERDICT_MMIO);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, SZ_2G, EPT_PROT_READ), EPT_VERDICT_NONE);
	KUNIT_EXPECT_EQ(test, ept_space_protect(guest->space, 0, SZ_4K, EPT_PROT_READ), 0);
	KUNIT_EXPECT_EQ(test, guest_fault(guest, 0, EPT_PROT_WRITE), EPT_VERDICT_PROTECTED);
	KUNIT_EXPECT_STREQ(test, read_file(guest, "faults"),
			   "resume 1\nmmio 2\nreadonly 0\nprotected 1\n"
			   "table_readonly 0\nnone 1\nerrors 0\nretries 0\n"
			   "invalidations 0\nanon_pages 1\n");
}

static int suite_init(struct kunit_suite *suite)
{
	return debugfs_suite_init(suite) ?: guest_suite_init(suite);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(regions_are_shown_in_order),
	KUNIT_CASE(faults_are_counted_by_verdict),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_observe_space",
	.suite_init = suite_init,
	.suite_exit = debugfs_suite_exit,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
