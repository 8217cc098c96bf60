// SPDX-License-Identifier: GPL-2.0
/*
 * The entry layer: legality against the model MMU and against the architecture's table, attributes
 * to bits and back, and which transitions ask for INVEPT.
 */
#include <kunit/test.h>

#include "ept_pte.h"
#include "fixture.h"
#include "verify.h"

struct pte_fixture {
	struct ept_format	fmt;
	struct mmu		mmu;
	struct ept_config	config;
	struct rnd_state	rnd;
};

CONFIG_PARAMS;

static void use_config(struct pte_fixture *fixture, const struct ept_config *config)
{
	fixture->config = *config;
	ept_format_init(&fixture->fmt, config);
	mmu_for_config(&fixture->mmu, config);
}

static int pte_init(struct kunit *test)
{
	const struct test_config *param = test->param_value;
	struct pte_fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	use_config(fixture, param ? &param->config : &test_configs[0].config);
	prandom_seed_state(&fixture->rnd, 1);
	test->priv = fixture;
	return 0;
}

static u64 random_u64(struct rnd_state *rnd)
{
	return (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);
}

/* An address of a page of the host's, aligned for a leaf of @level. */
static u64 random_hpa(struct pte_fixture *fixture, enum ept_level level)
{
	u64 hpa = random_u64(&fixture->rnd) & (BIT_ULL(fixture->config.maxphyaddr) - 1);

	return round_down(hpa, flat_span(level));
}

static u64 leaf_entry(const struct pte_fixture *fixture, u64 hpa, enum ept_level level,
		      const struct ept_attrs *attrs)
{
	return ept_pte_leaf(&fixture->fmt, hpa, level, ept_attrs_to_bits(&fixture->fmt, attrs));
}

static bool verdicts_agree(const struct pte_fixture *fixture, u64 entry, enum ept_level level)
{
	return !ept_pte_illegal(&fixture->fmt, entry, level) ==
	       (mmu_entry_fault(&fixture->mmu, entry, level) == MMU_FINE);
}

/* Ends the case at the first disagreement: there may be millions. */
static void assert_agreement(struct kunit *test, u64 entry, enum ept_level level)
{
	struct pte_fixture *fixture = test->priv;

	if (!verdicts_agree(fixture, entry, level))
		KUNIT_ASSERT_TRUE_MSG(test, verdicts_agree(fixture, entry, level),
				      "entry %#llx level %u: '%s', the model says %u", entry, level,
				      ept_pte_illegal(&fixture->fmt, entry, level) ?: "legal",
				      mmu_entry_fault(&fixture->mmu, entry, level));
}

/* With each address bit that is reserved somewhere, and each bit that is ignored everywhere. */
static void legality_is_the_cpus_for_all_low_bits(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	unsigned int m = fixture->config.maxphyaddr;
	u64 high[] = {
		0, BIT_ULL(12), BIT_ULL(20), BIT_ULL(21), BIT_ULL(29), BIT_ULL(30), BIT_ULL(m - 1),
		BIT_ULL(m), BIT_ULL(51), BIT_ULL(52), BIT_ULL(63), GENMASK_ULL(63, 52),
	};
	unsigned int i, level, low;

	for (i = 0; i < ARRAY_SIZE(high); i++)
		for (level = EPT_4K; level <= EPT_256T; level++)
			for (low = 0; low < 4096; low++)
				assert_agreement(test, high[i] | low, level);
}

static void legality_is_the_cpus_for_random_entries(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	unsigned int i, level;

	for (i = 0; i < 20000; i++) {
		u64 entry = random_u64(&fixture->rnd);

		/* Most random entries are illegal for their many bits: thin them out. */
		if (i & 1)
			entry &= random_u64(&fixture->rnd) & random_u64(&fixture->rnd);
		for (level = EPT_4K; level <= EPT_256T; level++)
			assert_agreement(test, entry, level);
	}
}

/*
 * The architecture's own table, as literal values, to which model and module are held alike. The
 * CPU: MAXPHYADDR 46, 1G leaves, no execute-only; where @with is 'x' with it, where it is 'm' with
 * mode-based execute, '2' without 1G leaves, '4' without 2M leaves either.
 */
static const struct legality {
	u64		entry;
	u8		level;
	char		with;
	bool		legal;
} legality_table[] = {
	/* Rights */
	{ 0x0000000012345030, EPT_4K, 0, true },	/* not present, whatever else is set */
	{ 0x000ffffffffff038, EPT_4K, 0, true },
	{ 0x0000000012345031, EPT_4K, 0, true },	/* r */
	{ 0x0000000012345032, EPT_4K, 0, false },	/* w */
	{ 0x0000000012345033, EPT_4K, 0, true },	/* rw */
	{ 0x0000000012345034, EPT_4K, 0, false },	/* x */
	{ 0x0000000012345034, EPT_4K, 'x', true },
	{ 0x0000000012345035, EPT_4K, 0, true },	/* rx */
	{ 0x0000000012345036, EPT_4K, 0, false },	/* wx */
	{ 0x0000000012345036, EPT_4K, 'x', false },
	{ 0x0000000012345037, EPT_4K, 0, true },	/* rwx */
	{ 0x0000000012345430, EPT_4K, 0, true },	/* bit 10 alone: not present, */
	{ 0x0000000012345430, EPT_4K, 'm', false },	/* but present to mode-based execute */
	{ 0x0000000012345002, EPT_512G, 'x', false },	/* rights of tables, too */
	{ 0x0000000012345004, EPT_512G, 0, false },
	{ 0x0000000012345004, EPT_512G, 'x', true },
	/* Memory types */
	{ 0x0000000012345007, EPT_4K, 0, true },	/* UC */
	{ 0x000000001234500f, EPT_4K, 0, true },	/* WC */
	{ 0x0000000012345017, EPT_4K, 0, false },
	{ 0x000000001234501f, EPT_4K, 0, false },
	{ 0x0000000012345027, EPT_4K, 0, true },	/* WT */
	{ 0x000000001234502f, EPT_4K, 0, true },	/* WP */
	{ 0x0000000012345037, EPT_4K, 0, true },	/* WB */
	{ 0x000000001234503f, EPT_4K, 0, false },
	{ 0x0000000012345077, EPT_4K, 0, true },	/* WB, ignore PAT */
	{ 0x00000000123450b7, EPT_4K, 0, true },	/* bit 7 of a PTE is ignored */
	/* Reserved bits of tables */
	{ 0x0000000012345007, EPT_2M, 0, true },
	{ 0x000000001234500f, EPT_2M, 0, false },
	{ 0x0000000012345047, EPT_2M, 0, false },
	{ 0x0000000012345007, EPT_1G, 0, true },
	{ 0x0000000012345017, EPT_1G, 0, false },
	{ 0x0000000012345047, EPT_1G, 0, false },
	{ 0x0000000012345007, EPT_512G, 0, true },
	{ 0x0000000012345027, EPT_512G, 0, false },
	{ 0x0000000012345087, EPT_512G, 0, false },
	{ 0x0000000012345007, EPT_256T, 0, true },
	{ 0x000000001234500f, EPT_256T, 0, false },
	{ 0x0000000012345047, EPT_256T, 0, false },
	{ 0x0000000012345087, EPT_256T, 0, false },
	{ 0x0000000012345f07, EPT_256T, 0, true },	/* 11:8 are never reserved */
	/* Leaves */
	{ 0x00000000122000b7, EPT_2M, 0, true },
	{ 0x00000000122000b7, EPT_2M, '2', true },
	{ 0x00000000122000b7, EPT_2M, '4', false },
	{ 0x00000000122010b7, EPT_2M, 0, false },	/* bit 12 */
	{ 0x00000000123000b7, EPT_2M, 0, false },	/* bit 20 */
	{ 0x00000000400000b7, EPT_1G, 0, true },
	{ 0x00000000400000b7, EPT_1G, '2', false },
	{ 0x00000000400010b7, EPT_1G, 0, false },	/* bit 12 */
	{ 0x00000000402000b7, EPT_1G, 0, false },	/* bit 21 */
	{ 0x00000000600000b7, EPT_1G, 0, false },	/* bit 29 */
	{ 0x00000000400000bf, EPT_1G, 0, false },	/* type 7 */
	/* Addresses */
	{ 0x0000200000000037, EPT_4K, 0, true },	/* bit 45 */
	{ 0x0000400000000037, EPT_4K, 0, false },	/* bit 46 */
	{ 0x0008000000000037, EPT_4K, 0, false },	/* bit 51 */
	{ 0x0000400000000007, EPT_512G, 0, false },
	{ 0x0000400000000007, EPT_256T, 0, false },
	{ 0xfff0000000000f37, EPT_4K, 0, true },	/* above 51 */
	{ 0xfff0000000000f07, EPT_1G, 0, true },
};

static void legality_follows_the_architectures_table(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	struct ept_config config = test_configs[0].config;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(legality_table); i++) {
		const struct legality *l = &legality_table[i];

		config.features = l->with == 'x' ? EPT_FEATURE_EXEC_ONLY :
				  l->with == 'm' ? EPT_FEATURE_MODE_EXEC : 0;
		config.max_leaf = l->with == '2' ? EPT_2M : l->with == '4' ? EPT_4K : EPT_1G;
		use_config(fixture, &config);
		KUNIT_EXPECT_EQ_MSG(test, !ept_pte_illegal(&fixture->fmt, l->entry, l->level),
				    l->legal, "entry %#llx level %u", l->entry, l->level);
		KUNIT_EXPECT_EQ_MSG(test,
				    mmu_entry_fault(&fixture->mmu, l->entry, l->level) == MMU_FINE,
				    l->legal, "the model on entry %#llx level %u", l->entry,
				    l->level);
	}
}

/* What debugfs and ept_check() say of it */
static void a_leaf_that_the_cpu_has_not_is_called_too_large(struct kunit *test)
{
	static const char * const why[] = {
		[EPT_2M] = "leaf too large", [EPT_1G] = "leaf too large",
		[EPT_512G] = "reserved bits set",
	};
	struct pte_fixture *fixture = test->priv;
	struct ept_config config = test_configs[0].config;

	config.max_leaf = EPT_4K;
	use_config(fixture, &config);
	for (enum ept_level level = EPT_2M; level <= EPT_512G; level++)
		KUNIT_EXPECT_STREQ(test, why[level],
				   ept_pte_illegal(&fixture->fmt, EPT_PTE_READ | EPT_PTE_LARGE,
						   level));
}

typedef void (*attrs_check_t)(struct kunit *test, const struct ept_attrs *attrs);

/* All values of each field, illegal ones among them. */
static void for_all_attrs(struct kunit *test, attrs_check_t check)
{
	static const u8 tags[] = { 0, 1, 21, 31, 32, 255 };
	unsigned int prot, memtype, flags, i;

	for (prot = 0; prot < 32; prot++)
		for (memtype = 0; memtype < 9; memtype++)
			for (flags = 0; flags < 128; flags++)
				for (i = 0; i < ARRAY_SIZE(tags); i++) {
					struct ept_attrs attrs = {
						.prot = prot,
						.memtype = memtype,
						.flags = flags,
						.tag = tags[i],
					};

					check(test, &attrs);
				}
}

static void check_judgement(struct kunit *test, const struct ept_attrs *attrs)
{
	struct pte_fixture *fixture = test->priv;
	int expected = flat_judge(&fixture->config, attrs), ret = 0;

	if (!ept_attrs_valid(attrs))
		ret = -EINVAL;
	else if (!ept_attrs_supported(&fixture->fmt, attrs))
		ret = -EOPNOTSUPP;
	if (ret != expected)
		KUNIT_FAIL_AND_ABORT(test, "prot %x memtype %u flags %x tag %u: %d, not %d",
				     attrs->prot, attrs->memtype, attrs->flags, attrs->tag, ret,
				     expected);
}

static void illegal_attributes_have_their_error(struct kunit *test)
{
	for_all_attrs(test, check_judgement);
}

/* One flag, one feature: with any others, and without. */
static void each_flag_asks_for_its_feature(struct kunit *test)
{
	struct ept_config config = test_configs[0].config;
	struct pte_fixture *fixture = test->priv;

	for (config.features = 0; config.features < 256; config.features++) {
		struct ept_attrs attrs = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };

		use_config(fixture, &config);
		for (attrs.flags = 0; attrs.flags < 64; attrs.flags++)
			check_judgement(test, &attrs);
	}
}

static const char *wrong_leaf(struct pte_fixture *fixture, u64 hpa, enum ept_level level,
			      const struct ept_attrs *attrs)
{
	u64 entry = leaf_entry(fixture, hpa, level, attrs);
	enum mmu_kind kind = mmu_kind(&fixture->mmu, entry, level);
	struct ept_attrs back = ept_attrs_from_bits(entry), expected = *attrs;

	if (!(fixture->config.features & EPT_FEATURE_MODE_EXEC))
		expected.prot &= ~EPT_PROT_UEXEC;
	if (mmu_entry_fault(&fixture->mmu, entry, level))
		return "misconfigured";
	if (kind != (expected.prot ? MMU_LEAF : MMU_ABSENT))
		return "not what the CPU takes it for";
	if (ept_pte_is_present(&fixture->fmt, entry) != !!expected.prot)
		return "not what the module takes for present";
	if (ept_pte_is_hole(entry) || ept_pte_is_table(entry, level) ||
	    !ept_pte_is_leaf(entry, level))
		return "not what the module takes for a leaf";
	if (ept_pte_is_large(entry, level) == !level)
		return "not the size that the module takes it for";
	if (ept_pte_is_foreign(&fixture->fmt, entry, level))
		return "not what the module takes for its own";
	if (!same_attrs(&back, &expected))
		return "other attributes when read back";
	if (ept_pte_leaf_address(&fixture->fmt, entry) != hpa)
		return "another address when read back";
	return NULL;
}

static void check_leaf(struct kunit *test, const struct ept_attrs *attrs)
{
	struct pte_fixture *fixture = test->priv;
	enum ept_level level, largest;

	if (flat_judge(&fixture->config, attrs))
		return;
	largest = ept_pte_max_leaf(&fixture->fmt, leaf_entry(fixture, 0, EPT_4K, attrs));
	for (level = EPT_4K; level <= largest; level++) {
		u64 hpa = random_hpa(fixture, level);
		const char *wrong = wrong_leaf(fixture, hpa, level, attrs);

		if (wrong)
			KUNIT_FAIL_AND_ABORT(test, "%s: level %u prot %x memtype %u flags %x",
					     wrong, level, attrs->prot, attrs->memtype,
					     attrs->flags);
	}
}

static void every_leaf_is_legal_and_reads_back(struct kunit *test)
{
	for_all_attrs(test, check_leaf);
}

/* Leaves as literal values; the configuration has everything, 5 levels and MAXPHYADDR 52. */
static const struct leaf_bits {
	u64			entry;
	u64			hpa;
	enum ept_level		level;
	struct ept_attrs	attrs;
} leaf_table[] = {
	{ 0x12345437, 0x12345000, EPT_4K, { .prot = 0xf, .memtype = EPT_MT_WB } },
	{ 0x12345033, 0x12345000, EPT_4K, { .prot = 0x3, .memtype = EPT_MT_WB } },
	{ 0x12345031, 0x12345000, EPT_4K, { .prot = 0x1, .memtype = EPT_MT_WB } },
	{ 0x12345034, 0x12345000, EPT_4K, { .prot = 0x4, .memtype = EPT_MT_WB } },
	{ 0x12345430, 0x12345000, EPT_4K, { .prot = 0x8, .memtype = EPT_MT_WB } },
	{ 0x12345003, 0x12345000, EPT_4K, { .prot = 0x3, .memtype = EPT_MT_UC } },
	{ 0x1234500b, 0x12345000, EPT_4K, { .prot = 0x3, .memtype = EPT_MT_WC } },
	{ 0x12345023, 0x12345000, EPT_4K, { .prot = 0x3, .memtype = EPT_MT_WT } },
	{ 0x1234502b, 0x12345000, EPT_4K, { .prot = 0x3, .memtype = EPT_MT_WP } },
	{ 0x12345073, 0x12345000, EPT_4K,
	  { .prot = 0x3, .memtype = EPT_MT_WB, .flags = EPT_ATTR_IGNORE_PAT } },
	{ 0x122004b7, 0x12200000, EPT_2M, { .prot = 0xf, .memtype = EPT_MT_WB } },
	{ 0xfffffc00004b7, 0xfffffc0000000, EPT_1G, { .prot = 0xf, .memtype = EPT_MT_WB } },
	{ 0x8000000012345033, 0x12345000, EPT_4K,
	  { .prot = 0x3, .memtype = EPT_MT_WB, .flags = EPT_ATTR_SUPPRESS_VE } },
	{ 0x2000000012345033, 0x12345000, EPT_4K,
	  { .prot = 0x3, .memtype = EPT_MT_WB, .flags = EPT_ATTR_SUBPAGE } },
	{ 0x1000000012345033, 0x12345000, EPT_4K,
	  { .prot = 0x3, .memtype = EPT_MT_WB, .flags = EPT_ATTR_SUPER_SHADOW } },
	{ 0x0400000012345033, 0x12345000, EPT_4K,
	  { .prot = 0x3, .memtype = EPT_MT_WB, .flags = EPT_ATTR_PAGING_WRITE } },
	{ 0x0200000012345033, 0x12345000, EPT_4K,
	  { .prot = 0x3, .memtype = EPT_MT_WB, .flags = EPT_ATTR_VERIFY_PAGING } },
};

static void leaves_have_the_architectures_bits(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	unsigned int i;

	use_config(fixture, &test_configs[NR_TEST_CONFIGS - 1].config);
	for (i = 0; i < ARRAY_SIZE(leaf_table); i++) {
		const struct leaf_bits *l = &leaf_table[i];

		KUNIT_EXPECT_EQ(test, leaf_entry(fixture, l->hpa, l->level, &l->attrs),
				l->entry);
	}
}

/* A client's tag must not touch a bit that a control of the CPU may give a meaning to. */
static void tags_use_software_bits_alone(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	const u64 software = GENMASK_ULL(56, 52) | BIT_ULL(59) | BIT_ULL(62);
	struct ept_attrs plain = EPT_ATTRS_RAM, tagged = EPT_ATTRS_RAM;

	for (tagged.tag = 0; tagged.tag <= EPT_TAG_MAX; tagged.tag++) {
		u64 difference = leaf_entry(fixture, 0, EPT_4K, &plain) ^
				 leaf_entry(fixture, 0, EPT_4K, &tagged);

		KUNIT_EXPECT_EQ(test, difference & ~software, 0);
		KUNIT_EXPECT_EQ(test, !difference, !tagged.tag);
	}
}

static void tables_grant_every_right(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	u64 rights = fixture->config.features & EPT_FEATURE_MODE_EXEC ? 0x407 : 7;
	unsigned int level, i;

	for (i = 0; i < 100; i++) {
		u64 address = random_hpa(fixture, EPT_4K);
		u64 entry = ept_pte_table(&fixture->fmt, address);

		KUNIT_EXPECT_EQ(test, entry & rights, rights);
		KUNIT_EXPECT_EQ(test, ept_pte_table_address(entry), address);
		for (level = EPT_2M; level < fixture->config.levels; level++) {
			KUNIT_EXPECT_EQ(test, mmu_kind(&fixture->mmu, entry, level), MMU_TABLE);
			KUNIT_EXPECT_EQ(test, mmu_entry_fault(&fixture->mmu, entry, level),
					MMU_FINE);
			KUNIT_EXPECT_TRUE(test, ept_pte_is_table(entry, level));
			KUNIT_EXPECT_FALSE(test, ept_pte_is_leaf(entry, level));
		}
	}
}

static void holes_suppress_ve_where_it_is_on(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	u64 hole = fixture->config.features & EPT_FEATURE_VE ? BIT_ULL(63) : 0;
	unsigned int level;

	KUNIT_EXPECT_EQ(test, fixture->fmt.hole, hole);
	KUNIT_EXPECT_TRUE(test, ept_pte_is_hole(fixture->fmt.hole));
	KUNIT_EXPECT_FALSE(test, ept_pte_is_present(&fixture->fmt, fixture->fmt.hole));
	for (level = EPT_4K; level <= EPT_256T; level++) {
		KUNIT_EXPECT_EQ(test, mmu_kind(&fixture->mmu, hole, level), MMU_ABSENT);
		KUNIT_EXPECT_FALSE(test, ept_pte_is_leaf(hole, level));
		KUNIT_EXPECT_FALSE(test, ept_pte_is_table(hole, level));
	}
}

/*
 * The entry is not present, but a CPU with L1TF reads the cache at its address all the same. An
 * address in the upper half of what MAXPHYADDR allows names no memory of the host.
 */
static void inaccessible_leaf_names_no_memory(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	u64 reach = BIT_ULL(fixture->config.maxphyaddr) - 1;
	struct ept_attrs attrs = { .prot = EPT_PROT_NONE, .memtype = EPT_MT_WB };
	unsigned int level, i;

	for (level = EPT_4K; level <= fixture->config.max_leaf; level++)
		for (i = 0; i < 100; i++) {
			u64 hpa = random_hpa(fixture, level);
			u64 entry = leaf_entry(fixture, hpa, level, &attrs);

			KUNIT_EXPECT_GT(test, entry & reach & GENMASK_ULL(51, 12), reach >> 1);
			KUNIT_EXPECT_EQ(test, ept_pte_leaf_address(&fixture->fmt, entry), hpa);
		}
}

static void random_attrs(struct pte_fixture *fixture, struct ept_attrs *attrs)
{
	static const enum ept_memtype types[] = {
		EPT_MT_UC, EPT_MT_WC, EPT_MT_WT, EPT_MT_WP, EPT_MT_WB,
	};

	do {
		*attrs = (struct ept_attrs){
			.prot = prandom_u32_state(&fixture->rnd) % 16,
			.memtype = types[prandom_u32_state(&fixture->rnd) % ARRAY_SIZE(types)],
			.flags = prandom_u32_state(&fixture->rnd) % 64,
			.tag = prandom_u32_state(&fixture->rnd) % 32,
		};
	} while (flat_judge(&fixture->config, attrs));
}

static u64 random_leaf(struct pte_fixture *fixture, enum ept_level level, u64 *hpa,
		       struct ept_attrs *attrs)
{
	u64 flags = prandom_u32_state(&fixture->rnd) & (BIT_ULL(8) | BIT_ULL(9));

	random_attrs(fixture, attrs);
	*hpa = random_hpa(fixture, level);
	return leaf_entry(fixture, *hpa, level, attrs) | flags;
}

/* The leaf with other attributes; address, accessed and dirty stay. */
static u64 changed_attrs(const struct ept_format *fmt, u64 entry, const struct ept_attrs *attrs)
{
	return ept_pte_change(fmt, entry, EPT_PTE_ATTRS, ept_attrs_to_bits(fmt, attrs));
}

/* From and to any rights, so that addresses are hidden and shown on the way. */
static void new_attributes_keep_address_accessed_and_dirty(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	const u64 flags = BIT_ULL(8) | BIT_ULL(9);
	unsigned int level, i;

	for (level = EPT_4K; level <= fixture->config.max_leaf; level++)
		for (i = 0; i < 500; i++) {
			struct ept_attrs old, new;
			u64 hpa, entry = random_leaf(fixture, level, &hpa, &old);
			u64 changed;

			random_attrs(fixture, &new);
			changed = changed_attrs(&fixture->fmt, entry, &new);
			KUNIT_EXPECT_EQ(test, changed & ~flags,
					leaf_entry(fixture, hpa, level, &new));
			KUNIT_EXPECT_EQ(test, changed & flags, entry & flags);
		}
}

static void new_address_keeps_all_else(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	unsigned int level, i;

	for (level = EPT_4K; level <= fixture->config.max_leaf; level++)
		for (i = 0; i < 500; i++) {
			u64 old, new = random_hpa(fixture, level), entry, moved, flags;
			struct ept_attrs attrs;

			entry = random_leaf(fixture, level, &old, &attrs);
			flags = entry & (BIT_ULL(8) | BIT_ULL(9));
			moved = ept_pte_set_address(&fixture->fmt, entry, new);
			KUNIT_EXPECT_EQ(test, moved, flags |
					leaf_entry(fixture, new, level, &attrs));
		}
}

static void parts_of_a_split_leaf_map_what_it_mapped(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	unsigned int level, i, part;

	for (level = EPT_2M; level <= fixture->config.max_leaf; level++)
		for (i = 0; i < 50; i++) {
			struct ept_attrs attrs;
			u64 hpa, leaf = random_leaf(fixture, level, &hpa, &attrs);
			u64 flags = leaf & (BIT_ULL(8) | BIT_ULL(9));
			u64 entry = ept_pte_split(leaf, level);
			u64 step = ept_pte_step(entry, level - 1);

			for (part = 0; part < 512; part++, entry += step) {
				u64 at = hpa + part * flat_span(level - 1);

				KUNIT_ASSERT_EQ(test, entry, flags |
						leaf_entry(fixture, at, level - 1, &attrs));
			}
		}
}

/* What a CPU sets in an entry is lost by a plain store. */
static void entry_that_a_cpu_may_mark_is_volatile(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	bool marks = fixture->config.features & EPT_FEATURE_AD;
	unsigned int i;

	for (i = 0; i < 4000; i++) {
		struct ept_attrs attrs;
		u64 hpa, entry = random_leaf(fixture, EPT_4K, &hpa, &attrs);
		bool may_access = attrs.prot && !(entry & BIT_ULL(8));
		/* Shadow stacks and sub-pages are written to without write: bits 60 and 61. */
		bool may_write = attrs.prot & EPT_PROT_WRITE ||
				 (attrs.prot && entry & (BIT_ULL(60) | BIT_ULL(61)));
		bool may_dirty = may_write && !(entry & BIT_ULL(9));

		if (marks && (may_access || may_dirty))
			KUNIT_EXPECT_TRUE(test, ept_pte_is_volatile(&fixture->fmt, entry));
		if (!marks || !mmu_kind(&fixture->mmu, entry, 0))
			KUNIT_EXPECT_FALSE(test, ept_pte_is_volatile(&fixture->fmt, entry));
	}
}

/*
 * When a change of a linked entry asks for INVEPT. The configuration has everything. @old and @new
 * are a leaf's or a table's bits, at a level where bit 7 makes a leaf.
 */
static const struct transition {
	const char	*what;
	u64		old;
	u64		new;
	bool		due;
} transitions[] = {
	{ "hole to leaf",		0x8000000000000000, 0x200000b7, false },
	{ "hole to table",		0x8000000000000000, 0x20000407, false },
	{ "leaf to hole",		0x200000b7, 0x8000000000000000, true },
	{ "table to hole",		0x20000407, 0x8000000000000000, true },
	{ "read given",			0x200000b4, 0x200000b5, false },
	{ "write given",		0x200000b1, 0x200000b3, false },
	{ "execute given",		0x200000b1, 0x200000b5, false },
	{ "user execute given",		0x200000b1, 0x200004b1, false },
	{ "read taken",			0x200000b5, 0x200000b4, true },
	{ "write taken",		0x200000b3, 0x200000b1, true },
	{ "execute taken",		0x200000b5, 0x200000b1, true },
	{ "user execute taken",		0x200004b1, 0x200000b1, true },
	{ "one given, one taken",	0x200000b3, 0x200000b5, true },
	{ "address",			0x200000b7, 0x400000b7, true },
	{ "table's address",		0x20000407, 0x40000407, true },
	{ "memory type",		0x200000b7, 0x20000087, true },
	{ "ignore PAT given",		0x200000b7, 0x200000f7, true },
	{ "ignore PAT taken",		0x200000f7, 0x200000b7, true },
	{ "leaf to table",		0x200000b7, 0x20000407, true },
	{ "table to leaf",		0x20000407, 0x200000b7, true },
	{ "accessed set",		0x200000b7, 0x200001b7, false },
	{ "dirty set",			0x200001b7, 0x200003b7, false },
	{ "accessed cleared",		0x200001b7, 0x200000b7, true },
	{ "dirty cleared",		0x200003b7, 0x200001b7, true },
	{ "suppress #VE given",		0x200000b7, 0x80000000200000b7, true },
	{ "suppress #VE taken",		0x80000000200000b7, 0x200000b7, true },
	{ "sub-page given",		0x20000033, 0x2000000020000033, true },
	{ "paging-write taken",		0x04000000200000b7, 0x200000b7, true },
	{ "shadow stack taken",		0x10000000200000b7, 0x200000b7, true },
	{ "nothing",			0x200000b7, 0x200000b7, false },
	{ "hole to inaccessible leaf",	0x8000000000000000, 0x00080000000008b0, false },
};

static void invept_is_due_as_the_guidelines_say(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	unsigned int i;

	use_config(fixture, &test_configs[NR_TEST_CONFIGS - 1].config);
	for (i = 0; i < ARRAY_SIZE(transitions); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    ept_pte_needs_invept(&fixture->fmt, transitions[i].old,
							 transitions[i].new),
				    transitions[i].due, "%s", transitions[i].what);
}

/* Leaves as the module makes them, with and without access, and the client's tag. */
static void invept_follows_what_a_cpu_may_have_cached(struct kunit *test)
{
	struct pte_fixture *fixture = test->priv;
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		struct ept_attrs old, new;
		u64 hpa, entry = random_leaf(fixture, EPT_4K, &hpa, &old), changed;
		bool cached = mmu_kind(&fixture->mmu, entry, 0) == MMU_LEAF;
		bool taken;

		random_attrs(fixture, &new);
		changed = changed_attrs(&fixture->fmt, entry, &new);
		taken = mmu_taken(&fixture->mmu, entry, changed);
		KUNIT_EXPECT_EQ_MSG(test, ept_pte_needs_invept(&fixture->fmt, entry, changed),
				    cached && (taken || old.memtype != new.memtype ||
					       old.flags != new.flags),
				    "%#llx to %#llx", entry, changed);
	}
}

static struct kunit_case pte_cases[] = {
	KUNIT_CASE_PARAM(legality_is_the_cpus_for_all_low_bits, configs_gen_params),
	KUNIT_CASE_PARAM(legality_is_the_cpus_for_random_entries, configs_gen_params),
	KUNIT_CASE(legality_follows_the_architectures_table),
	KUNIT_CASE(a_leaf_that_the_cpu_has_not_is_called_too_large),
	KUNIT_CASE_PARAM(illegal_attributes_have_their_error, configs_gen_params),
	KUNIT_CASE(each_flag_asks_for_its_feature),
	KUNIT_CASE_PARAM(every_leaf_is_legal_and_reads_back, configs_gen_params),
	KUNIT_CASE(leaves_have_the_architectures_bits),
	KUNIT_CASE_PARAM(tags_use_software_bits_alone, configs_gen_params),
	KUNIT_CASE_PARAM(tables_grant_every_right, configs_gen_params),
	KUNIT_CASE_PARAM(holes_suppress_ve_where_it_is_on, configs_gen_params),
	KUNIT_CASE_PARAM(inaccessible_leaf_names_no_memory, configs_gen_params),
	KUNIT_CASE_PARAM(new_attributes_keep_address_accessed_and_dirty, configs_gen_params),
	KUNIT_CASE_PARAM(new_address_keeps_all_else, configs_gen_params),
	KUNIT_CASE_PARAM(parts_of_a_split_leaf_map_what_it_mapped, configs_gen_params),
	KUNIT_CASE_PARAM(entry_that_a_cpu_may_mark_is_volatile, configs_gen_params),
	KUNIT_CASE(invept_is_due_as_the_guidelines_say),
	KUNIT_CASE_PARAM(invept_follows_what_a_cpu_may_have_cached, configs_gen_params),
	{}
};

static struct kunit_suite pte_suite = {
	.name = "ept_pte",
	.init = pte_init,
	.test_cases = pte_cases,
};

kunit_test_suite(pte_suite);
