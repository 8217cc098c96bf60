// SPDX-License-Identifier: GPL-2.0
/* ept_violation_decode() against the table of the exit qualification, and against the model MMU. */
#include <kunit/test.h>
#include <linux/string.h>

#include "fixture.h"

static const struct ept_caps plain_caps;
static const struct ept_caps advanced_caps = { .advanced_info = true };
static const struct ept_caps mode_caps = { .mode_exec = true };

static const struct decoded {
	u64			qualification;
	const struct ept_caps	*caps;
	struct ept_violation	violation;
} table[] = {
	/* The access */
	{ 0x001, &plain_caps, { .read = true, .access = 1 } },
	/* a write implies a read */
	{ 0x002, &plain_caps, { .read = true, .write = true, .access = 3 } },
	{ 0x003, &plain_caps, { .read = true, .write = true, .access = 3 } },
	{ 0x004, &plain_caps, { .exec = true, .access = 4 } },
	/* The rights */
	{ 0x008, &plain_caps, { .prot = EPT_PROT_READ } },
	{ 0x010, &plain_caps, { .prot = EPT_PROT_WRITE } },
	{ 0x020, &plain_caps, { .prot = EPT_PROT_EXEC } },
	{ 0x040, &plain_caps, { .prot = 0 } },		/* undefined without mode-based execute */
	{ 0x040, &mode_caps, { .prot = EPT_PROT_UEXEC } },
	{ 0x078, &mode_caps, { .prot = 15 } },
	/* The linear address */
	{ 0x080, &plain_caps, { .gla_valid = true, .page_walk = true } },
	{ 0x180, &plain_caps, { .gla_valid = true } },
	{ 0x100, &plain_caps, { .gla_valid = false } },	/* undefined without an address */
	/* Advanced information, of final accesses alone */
	{ 0xf80, &plain_caps, { .gla_valid = true } },
	{ 0x180, &advanced_caps, { .gla_valid = true, .advanced = true } },
	{ 0x380, &advanced_caps, { .gla_valid = true, .advanced = true, .user = true } },
	{ 0x580, &advanced_caps, { .gla_valid = true, .advanced = true, .writable = true } },
	{ 0x980, &advanced_caps, { .gla_valid = true, .advanced = true, .no_exec = true } },
	{ 0xe80, &advanced_caps, { .gla_valid = true, .page_walk = true } },
	{ 0xe00, &advanced_caps, { .gla_valid = false } },
	{ 0xf00, &advanced_caps, { .gla_valid = false } },
	/* The rest */
	{ 0x1000, &plain_caps, { .nmi_unblocking = true } },
	{ 0x2000, &plain_caps, { .shadow_stack = true } },
	{ 0xfffffffffffe0000, &plain_caps, { .read = false } },
	/* Whole ones: a write to a read-only page, and to a hole */
	{ 0x1aa, &plain_caps, { .read = true, .write = true, .access = 3, .gla_valid = true,
				.prot = EPT_PROT_READ | EPT_PROT_EXEC } },
	{ 0x182, &plain_caps, { .read = true, .write = true, .access = 3, .gla_valid = true } },
	{ 0x184, NULL, { .exec = true, .access = 4, .gla_valid = true } },
	{ 0xfc4, NULL, { .exec = true, .access = 4, .gla_valid = true } },
	/* Whose fetch it was: the CPU says, or the right says that was there and didn't do */
	{ 0x184, &advanced_caps, { .exec = true, .access = 4, .gla_valid = true,
				   .advanced = true } },
	{ 0x384, &advanced_caps, { .exec = true, .access = 8, .gla_valid = true,
				   .advanced = true, .user = true } },
	{ 0x1a4, &mode_caps, { .exec = true, .access = 8, .gla_valid = true,
			       .prot = EPT_PROT_EXEC } },
	{ 0x1c4, &mode_caps, { .exec = true, .access = 4, .gla_valid = true,
			       .prot = EPT_PROT_UEXEC } },
};

static bool same_violation(const struct ept_violation *a, const struct ept_violation *b)
{
	return a->read == b->read && a->write == b->write && a->exec == b->exec &&
	       a->prot == b->prot && a->gla_valid == b->gla_valid &&
	       a->page_walk == b->page_walk && a->nmi_unblocking == b->nmi_unblocking &&
	       a->shadow_stack == b->shadow_stack && a->advanced == b->advanced &&
	       a->user == b->user && a->writable == b->writable && a->no_exec == b->no_exec &&
	       a->access == b->access;
}

static void each_bit_means_what_the_table_says(struct kunit *test)
{
	struct ept_violation violation;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		memset(&violation, 0xff, sizeof(violation));
		ept_violation_decode(table[i].qualification, table[i].caps, &violation);
		KUNIT_EXPECT_TRUE_MSG(test, same_violation(&violation, &table[i].violation),
				      "entry %u: %#llx", i, table[i].qualification);
	}
}

/* @advanced: bit 9 says whose fetch it was; else bits 5 and 6 may. */
static u32 access_of(u64 q, bool advanced)
{
	const bool user = advanced ? q & 0x200 : (q & 0x60) == 0x20;

	return (q & 3 ? 1 : 0) | (q & 2) | (q & 4 ? (user ? 8 : 4) : 0);
}

/* All that bits 0 to 13 can say, bit by bit, on a CPU that reports everything. */
static void all_qualifications_decode_bit_by_bit(struct kunit *test)
{
	const struct ept_caps caps = { .advanced_info = true, .mode_exec = true };
	struct ept_violation v;
	u64 q;

	for (q = 0; q < 0x4000; q++) {
		bool gla = q & 0x80, final = gla && (q & 0x100);
		const struct ept_violation expected = {
			.read = q & 3,
			.write = q & 2,
			.exec = q & 4,
			.prot = (q >> 3) & 15,
			.gla_valid = gla,
			.page_walk = gla && !final,
			.nmi_unblocking = q & 0x1000,
			.shadow_stack = q & 0x2000,
			.advanced = final,
			.user = final && (q & 0x200),
			.writable = final && (q & 0x400),
			.no_exec = final && (q & 0x800),
			.access = access_of(q, final),
		};

		ept_violation_decode(q, &caps, &v);
		if (!same_violation(&v, &expected))
			KUNIT_FAIL(test, "%#llx", q);
	}
}

/* What a CPU reports of an access is what the access was, and what the page allows. */
static void a_cpus_report_reads_back(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ept_caps caps = {
		.mode_exec = fixture->config.features & EPT_FEATURE_MODE_EXEC,
	};
	unsigned int prot, bits;

	for (prot = 0; prot < 16; prot++) {
		struct ept_attrs attrs = { .prot = prot, .memtype = EPT_MT_WB };

		if (do_map(fixture, SZ_2M, SZ_4M, SZ_4K, &attrs))
			continue;
		for (bits = 1; bits < 32; bits++) {
			struct mmu_access access = {
				.read = bits & 1, .write = bits & 2, .fetch = bits & 4,
				.user = bits & 8, .page_walk = bits & 16,
			};
			struct ept_violation v;
			struct mmu_result r;

			mmu_look(&fixture->mmu, fixture->eptp, SZ_2M, &access, &r);
			if (r.verdict == MMU_OK)
				continue;
			KUNIT_ASSERT_EQ(test, r.verdict, MMU_VIOLATION);
			ept_violation_decode(r.qualification, &caps, &v);
			KUNIT_EXPECT_EQ(test, v.prot, flat_at(fixture->flat, SZ_2M)->attrs.prot);
			KUNIT_EXPECT_EQ(test, v.exec, access.fetch);
			KUNIT_EXPECT_TRUE(test, v.write || !access.write);
			KUNIT_EXPECT_TRUE(test, v.read || !(access.read || access.write));
			KUNIT_EXPECT_EQ(test, v.page_walk, access.page_walk);
			KUNIT_EXPECT_TRUE(test, v.gla_valid);
			/* What faulted for the CPU is what ept_translate() refuses. */
			KUNIT_EXPECT_EQ(test, ept_translate(fixture->ept, SZ_2M, v.access, NULL),
					-EFAULT);
		}
		must_unmap(fixture, SZ_2M, SZ_4K);
	}
}

/* As the CPU lays it out, byte by byte. */
static void a_ve_page_reads_back(struct kunit *test)
{
	static const struct ept_caps caps = { .mode_exec = true };
	struct ept_violation v, expected;
	union {
		struct ept_ve_info info;
		u32 word[10];
		u64 quad[5];
		u16 half[20];
	} page = { .word = { 48, 0xffffffff } };

	page.quad[1] = 0x1aa;
	page.quad[2] = 0xffff800012345678;
	page.quad[3] = 0x3456789000;
	page.half[16] = 511;
	ept_violation_decode(0x1aa, &caps, &expected);
	KUNIT_EXPECT_EQ(test, ept_ve_decode(&page.info, &caps, &v), 0);
	KUNIT_EXPECT_TRUE(test, same_violation(&v, &expected));
	KUNIT_EXPECT_EQ(test, page.info.gla, 0xffff800012345678);
	KUNIT_EXPECT_EQ(test, page.info.gpa, 0x3456789000);
	KUNIT_EXPECT_EQ(test, page.info.eptp_index, EPT_POINTER_LIST_NR - 1);
	KUNIT_EXPECT_EQ(test, page.info.busy, EPT_VE_BUSY);

	/* Re-armed, or something else: nothing is filled in */
	memset(&v, 0xff, sizeof(v));
	expected = v;
	page.info.busy = 0;
	KUNIT_EXPECT_EQ(test, ept_ve_decode(&page.info, &caps, &v), -ENOENT);
	page.word[0] = 49;
	page.word[1] = EPT_VE_BUSY;
	KUNIT_EXPECT_EQ(test, ept_ve_decode(&page.info, &caps, &v), -ENOENT);
	KUNIT_EXPECT_EQ(test, ept_ve_decode(NULL, &caps, &v), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_ve_decode(&page.info, &caps, NULL), -EINVAL);
	KUNIT_EXPECT_MEMEQ(test, &v, &expected, sizeof(v));
}

CONFIG_PARAMS;

static struct kunit_case violation_cases[] = {
	KUNIT_CASE(each_bit_means_what_the_table_says),
	KUNIT_CASE(all_qualifications_decode_bit_by_bit),
	KUNIT_CASE(a_ve_page_reads_back),
	KUNIT_CASE_PARAM(a_cpus_report_reads_back, configs_gen_params),
	{}
};

static struct kunit_suite violation_suite = {
	.name = "ept_violation",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = violation_cases,
};

kunit_test_suite(violation_suite);
