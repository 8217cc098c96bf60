// SPDX-License-Identifier: GPL-2.0
/*
 * MTRRs against the model that asks one page after the other: of recorded machines, and random ones
 * of a CPU that is narrow enough to ask for every page. And types that meet, against the manual's
 * tables.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "ept_memtype.h"
#include "kunit_compat.h"
#include "model_mtrr.h"

/* Too large for a stack */
struct state {
	struct ept_mtrr_msrs	msrs;
	struct ept_mtrr		mtrr;
	struct ept_mtrr		zeroes;
	u8			*types;		/* the model's, of each page of NARROW */
	struct rnd_state	random;
};

/* The least that a CPU has, so that all of its pages can be asked for. */
#define NARROW		32
#define NARROW_END	BIT_ULL(NARROW)
#define NARROW_PAGES	(NARROW_END / SZ_4K)

/* Random sets of MTRRs that a case takes */
#define NR_RANDOM	6

static int memtype_init(struct kunit *test)
{
	struct state *state = vzalloc(sizeof(*state));

	KUNIT_ASSERT_NOT_NULL(test, state);
	test->priv = state;
	state->types = vmalloc(NARROW_PAGES);
	KUNIT_ASSERT_NOT_NULL(test, state->types);
	prandom_seed_state(&state->random, 10);
	return 0;
}

static void memtype_exit(struct kunit *test)
{
	struct state *state = test->priv;

	if (state)
		vfree(state->types);
	vfree(state);
}

static const char *type_name(int type)
{
	static const char * const names[] = {
		[EPT_MT_UC] = "UC", [EPT_MT_WC] = "WC", [EPT_MT_WT] = "WT",
		[EPT_MT_WP] = "WP", [EPT_MT_WB] = "WB", [EPT_PAT_UC_MINUS] = "UC-",
	};

	return type >= 0 && type <= 7 && names[type] ? names[type] : "?";
}

/*
 * The module against the model
 */

static void model_all_pages(struct state *state)
{
	u64 page;

	for (page = 0; page < NARROW_PAGES; page++) {
		state->types[page] = mtrr_model_type(&state->msrs, page * SZ_4K);
		if (page % SZ_64K == 0)
			cond_resched();
	}
}

/* Whether pages from @first on have one type, up to @last. */
static bool pages_alike(const struct state *state, u64 first, u64 last)
{
	return !memchr_inv(state->types + first, state->types[first], last - first + 1);
}

/* @exact: a span also never is too short. */
static bool check_all_pages(struct kunit *test, bool exact)
{
	const struct state *state = test->priv;
	u64 hpa = 0, span, next;

	for (; hpa < NARROW_END; hpa = next) {
		const u8 expected = state->types[hpa / SZ_4K];
		const int type = ept_mtrr_type(&state->mtrr, hpa, &span);

		next = hpa + span;
		if (type == expected && span && next <= NARROW_END &&
		    pages_alike(state, hpa / SZ_4K, next / SZ_4K - 1) &&
		    (!exact || next == NARROW_END || state->types[next / SZ_4K] != expected))
			continue;
		KUNIT_FAIL(test, "%llx: %s for %llx bytes, the model says %s", hpa,
			   type_name(type), span, type_name(expected));
		return false;
	}
	return true;
}

/* Look-ups that don't begin where a type does */
static bool check_some_pages(struct kunit *test, bool exact)
{
	struct state *state = test->priv;
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		const u64 hpa = prandom_u32_state(&state->random);
		u64 span, last;
		const int type = ept_mtrr_type(&state->mtrr, hpa, &span);

		last = (hpa + span - 1) / SZ_4K;
		if (type == state->types[hpa / SZ_4K] && !((hpa + span) % SZ_4K) &&
		    pages_alike(state, hpa / SZ_4K, last) &&
		    (!exact || last == NARROW_PAGES - 1 || state->types[last + 1] != type))
			continue;
		KUNIT_FAIL(test, "%llx: %s for %llx bytes", hpa, type_name(type), span);
		return false;
	}
	return true;
}

static u32 below(struct state *state, u32 limit)
{
	return prandom_u32_state(&state->random) % limit;
}

static u8 random_type(struct state *state)
{
	static const u8 types[] = { EPT_MT_UC, EPT_MT_WC, EPT_MT_WT, EPT_MT_WP, EPT_MT_WB,
				    EPT_MT_WB, EPT_MT_WB, EPT_MT_UC };

	return types[below(state, ARRAY_SIZE(types))];
}

static u64 random_fixed(struct state *state)
{
	u64 value = 0;
	unsigned int i;

	for (i = 0; i < 8; i++)
		value = value << 8 | random_type(state);
	return value;
}

/* @holes: in some masks, a few bits that aren't looked at */
static void random_msrs(struct state *state, bool holes)
{
	struct ept_mtrr_msrs *msrs = &state->msrs;
	const unsigned int nr = below(state, 41);
	unsigned int i;

	*msrs = (struct ept_mtrr_msrs){ .mtrr = true, .maxphyaddr = NARROW, .cap = 0x500 | nr };
	msrs->def_type = 0x800 | (below(state, 4) ? 0x400 : 0) | random_type(state);
	for (i = 0; i < EPT_MTRR_FIXED; i++)
		msrs->fixed[i] = random_fixed(state);
	for (i = 0; i < nr; i++) {
		u64 mask = GENMASK_ULL(31, 12 + below(state, 20));

		if (holes && below(state, 2))
			mask &= ~(BIT_ULL(12 + below(state, 20)) | BIT_ULL(12 + below(state, 20)));
		/* Bits of the base that the mask leaves out don't count. */
		msrs->variable[i].base = (prandom_u32_state(&state->random) & ~0xfffULL) |
					 random_type(state);
		msrs->variable[i].mask = mask | (below(state, 5) ? 0x800 : 0);
	}
}

static void every_page_has_the_models_type_and_span(struct kunit *test)
{
	struct state *state = test->priv;
	unsigned int i;

	for (i = 0; i < NR_RANDOM; i++) {
		random_msrs(state, false);
		KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
		model_all_pages(state);
		if (!check_all_pages(test, true) || !check_some_pages(test, true))
			return;
	}
}

static void masks_with_holes_have_the_models_type_and_no_longer_span(struct kunit *test)
{
	struct state *state = test->priv;
	unsigned int i;

	for (i = 0; i < NR_RANDOM; i++) {
		random_msrs(state, true);
		KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
		model_all_pages(state);
		if (!check_all_pages(test, false) || !check_some_pages(test, false))
			return;
	}
}

/* As many ranges as there can be, none of which touches another: the most pieces. */
static void as_many_pieces_as_there_can_be_are_exact(struct kunit *test)
{
	struct state *state = test->priv;
	struct ept_mtrr_msrs *msrs = &state->msrs;
	unsigned int i;

	*msrs = (struct ept_mtrr_msrs){ .mtrr = true, .maxphyaddr = NARROW,
					.cap = 0x500 | EPT_MTRR_VARIABLE, .def_type = 0xc06 };
	for (i = 0; i < EPT_MTRR_FIXED; i++)
		msrs->fixed[i] = 0x0004000400040004;
	for (i = 0; i < EPT_MTRR_VARIABLE; i++) {
		msrs->variable[i].base = SZ_2M + i * SZ_8K;
		msrs->variable[i].mask = GENMASK_ULL(31, 12) | 0x800;
	}
	KUNIT_ASSERT_EQ(test, ept_mtrr_decode(msrs, &state->mtrr), 0);
	model_all_pages(state);
	check_all_pages(test, true);
	check_some_pages(test, true);
}

/*
 * Recorded machines
 */

static void recorded_name(const struct recorded_mtrr *log, char *name)
{
	strscpy(name, log->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(recorded, recorded_mtrrs, recorded_name);

/* Up to 5 GiB each page; above, pages at both ends of each span and some inside. */
#define NEAR	(5ULL * SZ_1G)

static void expect_model_type(struct kunit *test, u64 hpa, int type)
{
	const struct state *state = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, type, mtrr_model_type(&state->msrs, hpa), "%llx", hpa);
}

static void check_far_span(struct kunit *test, u64 hpa, u64 span, int type, u64 end)
{
	struct state *state = test->priv;
	unsigned int i;

	expect_model_type(test, hpa, type);
	expect_model_type(test, hpa + span - SZ_4K, type);
	for (i = 0; i < 200; i++) {
		u64 page = (u64)prandom_u32_state(&state->random) << 20 |
			   prandom_u32_state(&state->random) >> 12;

		expect_model_type(test, hpa + page % (span / SZ_4K) * SZ_4K, type);
	}
	if (hpa + span < end)
		KUNIT_EXPECT_NE_MSG(test, type, mtrr_model_type(&state->msrs, hpa + span),
				    "%llx holds on", hpa);
}

static void recorded_machines_have_the_models_types_and_spans(struct kunit *test)
{
	struct state *state = test->priv;
	const struct recorded_mtrr *log = test->param_value;
	const u64 end = 1ULL << log->maxphyaddr;
	u64 hpa, span;

	mtrr_from_log(log, &state->msrs);
	KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
	for (hpa = 0; hpa < NEAR; hpa += span) {
		const int type = ept_mtrr_type(&state->mtrr, hpa, &span);

		expect_model_type(test, hpa, type);
		KUNIT_ASSERT_EQ(test, min(span, NEAR - hpa),
				mtrr_model_span(&state->msrs, hpa, NEAR));
		cond_resched();
	}
	for (; hpa < end; hpa += span) {
		const int type = ept_mtrr_type(&state->mtrr, hpa, &span);

		KUNIT_ASSERT_GT(test, span, 0);
		check_far_span(test, hpa, span, type, end);
	}
	KUNIT_EXPECT_EQ(test, hpa, end);
}

/* So that model and logs are held to something, too: what each machine's owner would say. */
static void recorded_machines_are_what_their_logs_mean(struct kunit *test)
{
	static const struct { const char *name; u64 hpa; u8 type; u64 span; } known[] = {
		{ "hp_superdome2_12t", 0, EPT_MT_WB, 0xa0000 },
		{ "hp_superdome2_12t", SZ_1M, EPT_MT_WB, SZ_2G - SZ_1M },
		{ "hp_superdome2_12t", SZ_2G, EPT_MT_UC, SZ_2G },
		{ "hp_superdome2_12t", SZ_4G, EPT_MT_WB, 0xf0000000000ULL - SZ_4G },
		{ "server_320g", 0x5070000000ULL, EPT_MT_UC, (1ULL << 46) - 0x5070000000ULL },
		{ "server_320g", SZ_4G, EPT_MT_WB, 0x5070000000ULL - SZ_4G },
		{ "ibm_8737", 0xff800000, EPT_MT_UC, SZ_8M },
		{ "msi_x99a", 0xe0000000, EPT_MT_UC, SZ_512M },
		{ "dell_r750xs_as_if_keyed", 1ULL << 46, EPT_MT_WB, 0x7f000000 },
		{ "hpe_dl325", 0xe4000000, EPT_MT_WP, SZ_64M },
		{ "surface", 0x91000000, EPT_MT_UC, 0x6f000000 },
		{ "surface", 1ULL << 38, EPT_MT_UC, 1ULL << 38 },
		{ "coreboot_10g", 0xd0000000, EPT_MT_WC, SZ_256M },
		{ "coreboot_10g", 0x27f000000ULL, EPT_MT_UC, (1ULL << 39) - 0x27f000000ULL },
		{ "desktop_12g", SZ_4G, EPT_MT_WB, 0x31f000000ULL - SZ_4G },
		{ "laptop_496m", 0xf0000000, EPT_MT_WC, SZ_32M },
		{ "laptop_2g_wt", 0xfeda0000, EPT_MT_WT, SZ_128K },
		{ "ami_512m_narrow", 0xe0000, EPT_MT_WT, SZ_64K },
		{ "ami_512m_narrow", SZ_4G + 4, EPT_MT_WB, SZ_1G - 4 },
		{ "qemu", 0xa0000, EPT_MT_UC, SZ_128K },
		{ "qemu", SZ_4G, EPT_MT_WB, (1ULL << 40) - SZ_4G },
	};
	struct state *state = test->priv;
	unsigned int i;
	u64 span;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		const struct recorded_mtrr *log = mtrr_log(known[i].name);

		KUNIT_ASSERT_NOT_NULL(test, log);
		mtrr_from_log(log, &state->msrs);
		KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
		KUNIT_EXPECT_EQ_MSG(test, ept_mtrr_type(&state->mtrr, known[i].hpa, &span),
				    known[i].type, "%s %llx", known[i].name, known[i].hpa);
		KUNIT_EXPECT_EQ_MSG(test, span, known[i].span, "%s %llx", known[i].name,
				    known[i].hpa);
		KUNIT_EXPECT_EQ(test, mtrr_model_type(&state->msrs, known[i].hpa), known[i].type);
	}
}

static void the_width_is_what_masks_look_at(struct kunit *test)
{
	struct state *state = test->priv;
	unsigned int i;

	for (i = 0; i < NR_RECORDED; i++) {
		const struct recorded_mtrr *log = &recorded_mtrrs[i];
		const bool narrow = strstr(log->name, "narrow"), keyed = strstr(log->name, "keyed");

		mtrr_from_log(log, &state->msrs);
		KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
		KUNIT_EXPECT_EQ_MSG(test, state->mtrr.width,
				    narrow ? 32 : keyed ? 46 : log->maxphyaddr, "%s", log->name);
	}
	state->msrs.cap &= ~255ULL;
	KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
	KUNIT_EXPECT_EQ(test, state->mtrr.width, state->msrs.maxphyaddr);
}

/*
 * Masks with so many edges that no list holds them
 */

static void a_mask_with_a_hole_at_each_page_ends_a_search(struct kunit *test)
{
	struct state *state = test->priv;
	struct ept_mtrr_msrs *msrs = &state->msrs;
	u64 hpa = 0, span;
	unsigned int i;

	/* WB at each second page of all of 52 bits; what lies between is UC by default. */
	*msrs = (struct ept_mtrr_msrs){ .mtrr = true, .maxphyaddr = 52, .cap = 1,
					.def_type = 0x800 };
	msrs->variable[0].base = EPT_MT_WB;
	msrs->variable[0].mask = SZ_4K | 0x800;
	KUNIT_ASSERT_EQ(test, ept_mtrr_decode(msrs, &state->mtrr), 0);
	for (i = 0; i < 1000; i++, hpa += span)
		KUNIT_ASSERT_EQ(test, ept_mtrr_type(&state->mtrr, hpa, &span),
				i % 2 ? EPT_MT_UC : EPT_MT_WB);
	KUNIT_EXPECT_EQ(test, hpa, 1000 * SZ_4K);
	hpa = (1ULL << 52) - SZ_4K;
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, hpa, &span), EPT_MT_UC);
	KUNIT_EXPECT_EQ(test, span, SZ_4K);

	/* The same type everywhere, and nearly endless edges: the span is short, but not a page. */
	msrs->def_type |= EPT_MT_WB;
	KUNIT_ASSERT_EQ(test, ept_mtrr_decode(msrs, &state->mtrr), 0);
	for (hpa = 0; hpa < SZ_1G; hpa += span) {
		KUNIT_ASSERT_EQ(test, ept_mtrr_type(&state->mtrr, hpa, &span), EPT_MT_WB);
		KUNIT_ASSERT_GT(test, span, SZ_4K);
	}
}

/*
 * What no CPU can hold
 */

static void take_a_log(struct state *state)
{
	mtrr_from_log(&recorded_mtrrs[0], &state->msrs);
}

static void expect_refused(struct kunit *test, int error, const char *what)
{
	struct state *state = test->priv;

	memset(&state->mtrr, 0x55, sizeof(state->mtrr));
	KUNIT_EXPECT_EQ_MSG(test, ept_mtrr_decode(&state->msrs, &state->mtrr), error, "%s", what);
	KUNIT_EXPECT_MEMEQ_MSG(test, &state->mtrr, &state->zeroes, sizeof(state->mtrr), "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, ept_mtrr_type(&state->mtrr, 0, NULL), -EINVAL, "%s", what);
}

static void illegal_types_are_refused(struct kunit *test)
{
	struct state *state = test->priv;
	unsigned int type, i;

	for (type = 0; type < 256; type++) {
		const bool legal = type == 0 || type == 1 || (type >= 4 && type <= 6);

		for (i = 0; i < 8 * EPT_MTRR_FIXED + 2; i++) {
			u64 *msr = i == 0 ? &state->msrs.def_type :
				   i == 1 ? &state->msrs.variable[7].base :
				   &state->msrs.fixed[(i - 2) / 8];
			const unsigned int shift = i < 2 ? 0 : (i - 2) % 8 * 8;

			take_a_log(state);
			*msr = (*msr & ~(0xffULL << shift)) | (u64)type << shift;
			if (!legal)
				expect_refused(test, -EINVAL, "illegal type");
			else
				KUNIT_EXPECT_EQ(test,
						ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
		}
	}
}

static void write_combining_takes_the_capability(struct kunit *test)
{
	struct state *state = test->priv;
	struct ept_mtrr_msrs *msrs = &state->msrs;

	take_a_log(state);
	msrs->cap &= ~0x400ULL;
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(msrs, &state->mtrr), 0);
	msrs->def_type = 0xc01;
	expect_refused(test, -EINVAL, "default type");
	take_a_log(state);
	msrs->cap &= ~0x400ULL;
	msrs->fixed[10] |= 1;
	expect_refused(test, -EINVAL, "fixed range");
	take_a_log(state);
	msrs->cap &= ~0x400ULL;
	msrs->variable[0].base |= 1;
	expect_refused(test, -EINVAL, "variable range");
}

static void reserved_bits_are_refused(struct kunit *test)
{
	struct state *state = test->priv;
	struct ept_mtrr_msrs *msrs = &state->msrs;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		take_a_log(state);
		msrs->variable[0].base |= BIT_ULL(bit);
		if ((bit >= 8 && bit < 12) || bit >= 46)
			expect_refused(test, -EINVAL, "base");
		take_a_log(state);
		msrs->variable[0].mask |= BIT_ULL(bit);
		if (bit < 11 || bit >= 46)
			expect_refused(test, -EINVAL, "mask");
		take_a_log(state);
		msrs->def_type |= BIT_ULL(bit);
		if (bit == 8 || bit == 9 || bit >= 12)
			expect_refused(test, -EINVAL, "default type");
	}
}

static void counts_and_widths_are_judged(struct kunit *test)
{
	struct state *state = test->priv;
	unsigned int i;

	for (i = 0; i < 256; i++) {
		state->msrs = (struct ept_mtrr_msrs){ .mtrr = true, .maxphyaddr = 40, .cap = i,
						      .def_type = 0x806 };
		if (i > 40)
			expect_refused(test, -EINVAL, "count");
		else
			KUNIT_EXPECT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
		state->msrs.cap = 8;
		state->msrs.maxphyaddr = i;
		if (i < 32 || i > 52)
			expect_refused(test, -EINVAL, "width");
		else
			KUNIT_EXPECT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
	}
}

static void fixed_ranges_take_the_capability(struct kunit *test)
{
	struct state *state = test->priv;

	take_a_log(state);
	state->msrs.cap &= ~0x100ULL;
	expect_refused(test, -EINVAL, "enabled");
	state->msrs.def_type &= ~0x400ULL;
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, 0xa0000, NULL), EPT_MT_WB);
}

static void what_has_no_effect_is_not_judged(struct kunit *test)
{
	struct state *state = test->priv;
	struct ept_mtrr_msrs *msrs = &state->msrs;

	take_a_log(state);
	msrs->variable[9].base = ~0ULL;
	msrs->variable[9].mask = ~0x800ULL;	/* not valid */
	msrs->variable[10].base = 2;		/* there are 10 */
	msrs->variable[10].mask = 0xfff;
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(msrs, &state->mtrr), 0);
	msrs->variable[10].base = EPT_MT_WP;	/* of all memory */
	msrs->variable[10].mask = 0x800;
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(msrs, &state->mtrr), 0);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, SZ_1G, NULL), EPT_MT_WB);
	msrs->variable[10].mask = BIT_ULL(46) | 0x800;
	msrs->maxphyaddr = 47;
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(msrs, &state->mtrr), 0);
	KUNIT_EXPECT_EQ(test, state->mtrr.width, 46);
	msrs->maxphyaddr = 46;
	msrs->fixed[3] = ~0ULL;
	msrs->def_type &= ~0x400ULL;
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(msrs, &state->mtrr), 0);
}

static void without_mtrrs_the_client_chooses(struct kunit *test)
{
	struct state *state = test->priv;
	u64 span;

	state->msrs.maxphyaddr = 39;
	expect_refused(test, -ENODEV, "none");
	take_a_log(state);
	state->msrs.def_type &= ~0x800ULL;
	expect_refused(test, -ENODEV, "off");

	KUNIT_EXPECT_EQ(test, ept_mtrr_uniform(EPT_MT_WB, 39, &state->mtrr), 0);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, 0xa0000, &span), EPT_MT_WB);
	KUNIT_EXPECT_EQ(test, span, (1ULL << 39) - 0xa0000);
	KUNIT_EXPECT_EQ(test, state->mtrr.width, 39);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, 1ULL << 39, &span), -ERANGE);

	KUNIT_EXPECT_EQ(test, ept_mtrr_uniform(EPT_MT_WB, 39, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_mtrr_uniform(2, 39, &state->mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_mtrr_uniform(7, 39, &state->mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_mtrr_uniform(EPT_MT_UC, 31, &state->mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_mtrr_uniform(EPT_MT_UC, 53, &state->mtrr), -EINVAL);
	KUNIT_EXPECT_MEMEQ(test, &state->mtrr, &state->zeroes, sizeof(state->mtrr));
}

static void nothing_is_taken_for_something(struct kunit *test)
{
	struct state *state = test->priv;
	u64 span = 5;

	take_a_log(state);
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(&state->msrs, NULL), -EINVAL);
	memset(&state->mtrr, 0x55, sizeof(state->mtrr));
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(NULL, &state->mtrr), -EINVAL);
	KUNIT_EXPECT_MEMEQ(test, &state->mtrr, &state->zeroes, sizeof(state->mtrr));
	KUNIT_EXPECT_EQ(test, ept_mtrr_read(NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(NULL, 0, &span), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, 0, &span), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(&state->msrs, &state->mtrr), 0);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, 1ULL << 46, &span), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, ~0ULL, &span), -ERANGE);
	KUNIT_EXPECT_EQ(test, span, 5);
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, SZ_2G, NULL), EPT_MT_UC);
}

static void values_decode_in_place(struct kunit *test)
{
	struct state *state = test->priv;
	struct ept_mtrr *twin = &state->zeroes;

	take_a_log(state);
	memset(&state->mtrr, 0x55, sizeof(state->mtrr));
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(&state->msrs, twin), 0);
	state->mtrr.msrs = state->msrs;
	KUNIT_EXPECT_EQ(test, ept_mtrr_decode(&state->mtrr.msrs, &state->mtrr), 0);
	KUNIT_EXPECT_MEMEQ(test, &state->mtrr.msrs, &twin->msrs, sizeof(twin->msrs));
	KUNIT_EXPECT_EQ(test, state->mtrr.nr, twin->nr);
	KUNIT_EXPECT_MEMEQ(test, state->mtrr.piece, twin->piece, twin->nr * sizeof(u64));
}

/* A machine with MTRRs has what its kernel believes of them; others say so. */
static void this_cpu_has_the_models_types(struct kunit *test)
{
	struct state *state = test->priv;
	const int err = ept_mtrr_read(&state->mtrr);
	void *memory = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	u64 hpa, span;

	KUNIT_ASSERT_NOT_NULL(test, memory);

	if (IS_ENABLED(CONFIG_UML))
		KUNIT_EXPECT_EQ(test, err, -ENODEV);
	if (err) {
		KUNIT_EXPECT_EQ(test, err, -ENODEV);
		return;
	}
	state->msrs = state->mtrr.msrs;
	kunit_info(test, "%u bits, %llu ranges, %u pieces", state->mtrr.width,
		   state->msrs.cap & 255, state->mtrr.nr);
	for (hpa = 0; hpa < SZ_4G; hpa += span) {
		expect_model_type(test, hpa, ept_mtrr_type(&state->mtrr, hpa, &span));
		KUNIT_ASSERT_EQ(test, min(span, SZ_4G - hpa),
				mtrr_model_span(&state->msrs, hpa, SZ_4G));
	}
	KUNIT_EXPECT_EQ(test, ept_mtrr_type(&state->mtrr, virt_to_phys(memory), NULL), EPT_MT_WB);
}

/*
 * Types that meet
 */

static const u8 all_types[] = { EPT_MT_UC, EPT_PAT_UC_MINUS, EPT_MT_WC, EPT_MT_WT, EPT_MT_WP,
				EPT_MT_WB };

/* The manual's table, its columns as above */
static void pat_and_leaf_combine_as_the_manual_says(struct kunit *test)
{
	static const struct { u8 leaf; const char *types[6]; } rows[] = {
		{ EPT_MT_UC, { "UC", "UC", "WC", "UC", "UC", "UC" } },
		{ EPT_MT_WC, { "UC", "WC", "WC", "UC", "UC", "WC" } },
		{ EPT_MT_WT, { "UC", "UC", "WC", "WT", "WP", "WT" } },
		{ EPT_MT_WP, { "UC", "WC", "WC", "WT", "WP", "WP" } },
		{ EPT_MT_WB, { "UC", "UC", "WC", "WT", "WP", "WB" } },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		for (j = 0; j < ARRAY_SIZE(all_types); j++)
			KUNIT_EXPECT_STREQ_MSG(test,
					       type_name(ept_memtype_effective(rows[i].leaf,
									       all_types[j])),
					       rows[i].types[j], "%s with %s",
					       type_name(rows[i].leaf), type_name(all_types[j]));
}

static void guest_and_host_combine_to_the_weaker(struct kunit *test)
{
	static const struct { u8 a, b, result; } pairs[] = {
		{ EPT_MT_UC, EPT_MT_UC, EPT_MT_UC }, { EPT_MT_UC, EPT_MT_WC, EPT_MT_UC },
		{ EPT_MT_UC, EPT_MT_WT, EPT_MT_UC }, { EPT_MT_UC, EPT_MT_WP, EPT_MT_UC },
		{ EPT_MT_UC, EPT_MT_WB, EPT_MT_UC }, { EPT_MT_WC, EPT_MT_WC, EPT_MT_WC },
		{ EPT_MT_WC, EPT_MT_WT, EPT_MT_UC }, { EPT_MT_WC, EPT_MT_WP, EPT_MT_UC },
		{ EPT_MT_WC, EPT_MT_WB, EPT_MT_WC }, { EPT_MT_WT, EPT_MT_WT, EPT_MT_WT },
		{ EPT_MT_WT, EPT_MT_WP, EPT_MT_WP }, { EPT_MT_WT, EPT_MT_WB, EPT_MT_WT },
		{ EPT_MT_WP, EPT_MT_WP, EPT_MT_WP }, { EPT_MT_WP, EPT_MT_WB, EPT_MT_WP },
		{ EPT_MT_WB, EPT_MT_WB, EPT_MT_WB },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		KUNIT_EXPECT_EQ(test, ept_memtype_combine(pairs[i].a, pairs[i].b), pairs[i].result);
		KUNIT_EXPECT_EQ(test, ept_memtype_combine(pairs[i].b, pairs[i].a), pairs[i].result);
	}
}

static void what_is_no_type_does_not_combine(struct kunit *test)
{
	static const int bad[] = { 2, 3, 8, 0x0e, -1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ(test, ept_memtype_combine(bad[i], EPT_MT_WB), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_memtype_combine(EPT_MT_UC, bad[i]), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_memtype_effective(bad[i], EPT_MT_WB), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_memtype_effective(EPT_MT_WB, bad[i]), -EINVAL);
	}
	/* UC- is a guest's alone. */
	KUNIT_EXPECT_EQ(test, ept_memtype_combine(EPT_PAT_UC_MINUS, EPT_MT_WB), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_memtype_effective(EPT_PAT_UC_MINUS, EPT_MT_WB), -EINVAL);
}

static void pat_entries_are_picked_and_judged(struct kunit *test)
{
	const u64 reset = 0x0007040600070406, linux_pat = 0x0407050600070106;
	static const u8 at_reset[] = { 6, 4, 7, 0, 6, 4, 7, 0 };
	static const u8 of_linux[] = { 6, 1, 7, 0, 6, 5, 7, 4 };
	unsigned int i;

	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_EQ(test, ept_pat_type(reset, i), at_reset[i]);
		KUNIT_EXPECT_EQ(test, ept_pat_type(linux_pat, i), of_linux[i]);
		KUNIT_EXPECT_EQ(test, ept_pat_type(0x0303030303030303, i), -EINVAL);
		KUNIT_EXPECT_EQ(test, ept_pat_type(0x0e020e020e020e02, i), -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, ept_pat_type(reset, 8), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_pat_type(reset, -1), -EINVAL);
}

static struct kunit_case memtype_cases[] = {
	KUNIT_CASE(every_page_has_the_models_type_and_span),
	KUNIT_CASE(masks_with_holes_have_the_models_type_and_no_longer_span),
	KUNIT_CASE(as_many_pieces_as_there_can_be_are_exact),
	KUNIT_CASE_PARAM(recorded_machines_have_the_models_types_and_spans, recorded_gen_params),
	KUNIT_CASE(recorded_machines_are_what_their_logs_mean),
	KUNIT_CASE(the_width_is_what_masks_look_at),
	KUNIT_CASE(a_mask_with_a_hole_at_each_page_ends_a_search),
	KUNIT_CASE(illegal_types_are_refused),
	KUNIT_CASE(write_combining_takes_the_capability),
	KUNIT_CASE(reserved_bits_are_refused),
	KUNIT_CASE(counts_and_widths_are_judged),
	KUNIT_CASE(fixed_ranges_take_the_capability),
	KUNIT_CASE(what_has_no_effect_is_not_judged),
	KUNIT_CASE(without_mtrrs_the_client_chooses),
	KUNIT_CASE(nothing_is_taken_for_something),
	KUNIT_CASE(values_decode_in_place),
	KUNIT_CASE(this_cpu_has_the_models_types),
	KUNIT_CASE(pat_and_leaf_combine_as_the_manual_says),
	KUNIT_CASE(guest_and_host_combine_to_the_weaker),
	KUNIT_CASE(what_is_no_type_does_not_combine),
	KUNIT_CASE(pat_entries_are_picked_and_judged),
	{}
};

static struct kunit_suite memtype_suite = {
	.name = "ept_memtype",
	.init = memtype_init,
	.exit = memtype_exit,
	.test_cases = memtype_cases,
};

kunit_test_suite(memtype_suite);
