// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations under a guest that runs all the while on a CPU that keeps all it may: whenever
 * no flush is owed, nothing stale is left, and until the flush no table is lost that the CPU knows.
 * And the proof that this notices: with the flush decision blind to one thing at a time, it does.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "ept_priv.h"
#include "fixture.h"
#include "model_tlb.h"

CONFIG_PARAMS;

static unsigned int tlb_steps = 150;
module_param(tlb_steps, uint, 0444);
MODULE_PARM_DESC(tlb_steps, "how many operations each case of the model TLB does");

/* Until which step a missing flush has to be noticed */
#define BLIND_STEPS	5000

#define UNITS		4
#define USED		12
#define MAX_LEAVES	2048	/* that one operation makes */

struct machine {
	struct fixture		*fixture;
	struct tlb		tlb;
	struct rnd_state	random;
	u32			operations;	/* those to choose from */
	struct ept_gather	gather;
	bool			gathering;
	u64			used[USED];	/* addresses that the guest uses */
	unsigned int		next_used;
	unsigned long		*bitmap;
	bool			wrong;
	struct tlb_fault	fault;
};

static u32 below(struct machine *machine, u32 limit)
{
	return prandom_u32_state(&machine->random) % limit;
}

static bool one_in(struct machine *machine, u32 n)
{
	return !below(machine, n);
}

/*
 * The guest
 */

static void access(struct machine *machine, u64 gpa)
{
	struct mmu_access access = { .read = one_in(machine, 2) };

	if (one_in(machine, 4)) {
		access.fetch = true;
		access.user = one_in(machine, 2);
	} else {
		access.write = !access.read;
	}
	tlb_access(&machine->tlb, gpa, &access);
}

static void run_guest(struct machine *machine)
{
	unsigned int i;

	for (i = 0; i < USED; i++)
		access(machine, machine->used[i]);
}

/* The CPU is told to forget, does, and runs on: what is only unhooked after this, it keeps. */
static void forget(struct fixture *fixture)
{
	struct machine *machine = fixture->arg;

	/* So that what was freed too early is really gone */
	if (one_in(machine, 8))
		table_pages();
	if (!machine->wrong)
		machine->wrong = tlb_lost_table(&machine->tlb, &machine->fault);
	tlb_forget(&machine->tlb);
	run_guest(machine);
}

/*
 * Operations
 */

static u64 window(const struct machine *machine)
{
	return UNITS * machine->fixture->unit;
}

/* Few places, so that operations meet: pages, runs of 2M, units. */
static void random_range(struct machine *machine, u64 *gpa, u64 *size)
{
	u64 unit = machine->fixture->unit;

	*gpa = below(machine, UNITS) * unit;
	switch (below(machine, 4)) {
	case 0:
		*size = (1 + below(machine, 2)) * unit;
		break;
	case 1:
		*gpa += below(machine, 3) * SZ_2M % unit;
		*size = (1 + below(machine, 2)) * SZ_2M;
		break;
	default:
		*gpa += below(machine, 2) * SZ_2M % unit + below(machine, 24) * SZ_4K;
		*size = (1 + below(machine, 8)) * SZ_4K;
		break;
	}
	*size = min(*size, window(machine) - *gpa);
}

static void random_attrs(struct machine *machine, struct ept_attrs *attrs)
{
	static const enum ept_memtype memtypes[] = { EPT_MT_WB, EPT_MT_WB, EPT_MT_UC, EPT_MT_WC };

	do {
		*attrs = EPT_ATTRS_RAM;
		if (one_in(machine, 2))
			attrs->prot = below(machine, 16);
		attrs->memtype = memtypes[below(machine, ARRAY_SIZE(memtypes))];
		if (one_in(machine, 4))
			attrs->flags = 1U << below(machine, 6);
		attrs->tag = below(machine, 4);
	} while (flat_judge(&machine->fixture->config, attrs));
}

/* What becomes small leaves takes time and memory. */
static u64 limited(struct machine *machine, u64 size, const struct ept_attrs *attrs)
{
	enum ept_level level = flat_largest(&machine->fixture->config, attrs);

	return min(size, MAX_LEAVES * flat_span(level));
}

static u64 random_hpa(struct machine *machine, u64 gpa, u64 *size)
{
	u64 unit = machine->fixture->unit, hpa = (8 + below(machine, 3)) * unit + gpa % unit;

	if (!one_in(machine, 4))
		return hpa;
	*size = min_t(u64, *size, MAX_LEAVES * SZ_4K);
	return hpa + SZ_4K;
}

static struct ept_gather *gather(struct machine *machine)
{
	return machine->gathering ? &machine->gather : NULL;
}

static int map(struct machine *machine)
{
	struct ept_attrs attrs;
	u64 gpa, size, hpa;

	random_range(machine, &gpa, &size);
	random_attrs(machine, &attrs);
	hpa = random_hpa(machine, gpa, &size);
	return ept_map(machine->fixture->ept, gpa, hpa, limited(machine, size, &attrs), &attrs);
}

static int remap(struct machine *machine)
{
	struct ept_attrs attrs;
	u64 gpa, size, hpa;

	random_range(machine, &gpa, &size);
	random_attrs(machine, &attrs);
	hpa = random_hpa(machine, gpa, &size);
	return ept_remap(machine->fixture->ept, gpa, hpa, limited(machine, size, &attrs), &attrs,
			 gather(machine));
}

/* A leaf that the guest uses goes elsewhere, and keeps all else. */
static int move(struct machine *machine)
{
	u64 gpa = machine->used[below(machine, USED)];
	struct ept_mapping leaf;

	if (ept_lookup(machine->fixture->ept, gpa, &leaf))
		return 0;
	return ept_remap(machine->fixture->ept, leaf.gpa, leaf.hpa ^ machine->fixture->unit,
			 leaf.size, &leaf.attrs, gather(machine));
}

static int unmap(struct machine *machine)
{
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	return ept_unmap(machine->fixture->ept, gpa, size, gather(machine));
}

static int protect(struct machine *machine)
{
	u32 clear = below(machine, 16), set = one_in(machine, 2) ? below(machine, 16) : 0;
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	if (machine->fixture->config.flags & EPT_CONFIG_NO_EXEC_LARGE)
		size = min_t(u64, size, MAX_LEAVES * SZ_4K);
	if (one_in(machine, 2))
		clear = 1U << below(machine, 4);
	return ept_protect(machine->fixture->ept, gpa, size, clear, set, gather(machine));
}

/* Mapped, but out of the guest's reach */
static int hide(struct machine *machine)
{
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	return ept_protect(machine->fixture->ept, gpa, size, 15, EPT_PROT_NONE, gather(machine));
}

static int set_memtype(struct machine *machine)
{
	static const enum ept_memtype memtypes[] = { EPT_MT_WB, EPT_MT_WT, EPT_MT_WP };
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	return ept_set_memtype(machine->fixture->ept, gpa, size,
			       memtypes[below(machine, ARRAY_SIZE(memtypes))], gather(machine));
}

static int set_attrs(struct machine *machine)
{
	struct ept_attrs attrs;
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	random_attrs(machine, &attrs);
	return ept_set_attrs(machine->fixture->ept, gpa, limited(machine, size, &attrs), &attrs,
			     gather(machine));
}

/* One flag of a leaf that the guest uses, and nothing else */
static int flip(struct machine *machine)
{
	u64 gpa = machine->used[below(machine, USED)];
	struct ept_mapping leaf;

	if (ept_lookup(machine->fixture->ept, gpa, &leaf))
		return 0;
	leaf.attrs.flags ^= 1U << below(machine, 6);
	return ept_set_attrs(machine->fixture->ept, leaf.gpa,
			     limited(machine, leaf.size, &leaf.attrs), &leaf.attrs,
			     gather(machine));
}

static int split(struct machine *machine)
{
	enum ept_level level = below(machine, 2);
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	size = min(size, MAX_LEAVES * flat_span(level));
	return ept_split(machine->fixture->ept, gpa, size, level, gather(machine));
}

static int merge(struct machine *machine)
{
	u64 gpa, size;
	int ret;

	random_range(machine, &gpa, &size);
	/* It knows of no gather: what one owes is no less due after it. */
	ret = ept_merge(machine->fixture->ept, gpa, size, below(machine, 3));
	return min(ret, 0);
}

static int harvest_dirty(struct machine *machine)
{
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	return ept_harvest_dirty(machine->fixture->ept, gpa, size, machine->bitmap, false,
				 gather(machine));
}

static int harvest_accessed(struct machine *machine)
{
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	return ept_harvest_accessed(machine->fixture->ept, gpa, size, machine->bitmap, false,
				    gather(machine));
}

static int install(struct machine *machine)
{
	struct ept_attrs attrs;
	u64 gpa, size, hpa;
	int ret;

	random_range(machine, &gpa, &size);
	random_attrs(machine, &attrs);
	hpa = random_hpa(machine, gpa, &size);
	ret = ept_install(machine->fixture->ept, gpa, hpa, limited(machine, size, &attrs), &attrs,
			  NULL, 0, gather(machine));
	return min(ret, 0);
}

static void ignore(const struct ept_mapping *mapping, void *arg)
{
}

static int zap(struct machine *machine)
{
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	return ept_zap(machine->fixture->ept, gpa, size, NULL, one_in(machine, 2) ? ignore : NULL,
		       NULL, gather(machine));
}

static int unmap_report(struct machine *machine)
{
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	return ept_unmap_report(machine->fixture->ept, gpa, size, ignore, NULL, gather(machine));
}

static int set_tag(struct machine *machine)
{
	u64 gpa, size;

	random_range(machine, &gpa, &size);
	return ept_set_tag(machine->fixture->ept, gpa, size, below(machine, 4), gather(machine));
}

/* What the guest uses, or a range that mostly has a hole */
static int redirect(struct machine *machine)
{
	u32 clear = one_in(machine, 2) ? 1U << below(machine, 4) : 0;
	struct ept_mapping leaf;
	u64 gpa, size, hpa;
	int ret;

	random_range(machine, &gpa, &size);
	if (one_in(machine, 2) && !ept_lookup(machine->fixture->ept, gpa, &leaf)) {
		gpa = leaf.gpa;
		size = leaf.size;
	}
	hpa = random_hpa(machine, gpa, &size);
	ret = ept_redirect(machine->fixture->ept, gpa, hpa, size, clear,
			   one_in(machine, 2) ? EPT_PROT_READ : 0, gather(machine));
	return ret == -ENOENT ? 0 : ret;
}

static int merge_gather(struct machine *machine)
{
	u64 gpa, size;
	int ret;

	random_range(machine, &gpa, &size);
	ret = ept_merge_gather(machine->fixture->ept, gpa, size, below(machine, 3),
			       gather(machine));
	return min(ret, 0);
}

static int clear_dirty(struct machine *machine)
{
	u64 gpa = machine->used[below(machine, USED)];
	int ret = ept_clear_dirty(machine->fixture->ept, gpa + 5, gather(machine));

	return ret == -ENOENT ? 0 : min(ret, 0);
}

static int grant(struct machine *machine)
{
	u64 gpa = machine->used[below(machine, USED)];
	int ret = ept_grant(machine->fixture->ept, gpa, below(machine, 16), NULL, 0, NULL);

	return ret == -ENOENT ? 0 : min(ret, 0);
}

/* Large leaves again, whatever was there; the flush is not left to anybody's decision. */
static int restart(struct machine *machine)
{
	struct ept *ept = machine->fixture->ept;
	int ret = ept_unmap(ept, 0, window(machine), NULL);

	ept_flush(ept);
	return ret ?: ept_map(ept, 0, 0, window(machine), &EPT_ATTRS_DEVICE);
}

enum {
	MAP, REMAP, MOVE, UNMAP, PROTECT, HIDE, MEMTYPE, ATTRS, FLIP, SPLIT, MERGE, DIRTY,
	ACCESSED, RESTART, INSTALL, ZAP, REPORT, TAG, REDIRECT, MERGE_GATHER, CLEAR_DIRTY,
	GRANT,
};

static int (*const operations[])(struct machine *machine) = {
	[MAP] = map, [REMAP] = remap, [MOVE] = move, [UNMAP] = unmap, [PROTECT] = protect,
	[HIDE] = hide, [MEMTYPE] = set_memtype, [ATTRS] = set_attrs, [FLIP] = flip,
	[SPLIT] = split, [MERGE] = merge, [DIRTY] = harvest_dirty, [ACCESSED] = harvest_accessed,
	[RESTART] = restart, [INSTALL] = install, [ZAP] = zap, [REPORT] = unmap_report,
	[TAG] = set_tag, [REDIRECT] = redirect, [MERGE_GATHER] = merge_gather,
	[CLEAR_DIRTY] = clear_dirty, [GRANT] = grant,
};

/* What random arguments may lead to */
static bool is_expected(int ret)
{
	return !ret || ret == -EEXIST || ret == -EINVAL || ret == -EOPNOTSUPP;
}

/*
 * A step
 */

static void look(struct machine *machine)
{
	if (machine->wrong)
		return;
	/* What is stale may point anywhere: it isn't followed. */
	if (!machine->gathering)
		machine->wrong = tlb_is_stale(&machine->tlb, &machine->fault);
	if (!machine->wrong)
		machine->wrong = tlb_lost_table(&machine->tlb, &machine->fault);
}

static void begin_or_end_gather(struct machine *machine)
{
	struct fixture *fixture = machine->fixture;
	u64 before = fixture->invalidations;

	if (machine->gathering) {
		ept_gather_flush(&machine->gather);
		KUNIT_EXPECT_LE(fixture->test, fixture->invalidations, before + 1);
	} else {
		ept_gather_init(&machine->gather, fixture->ept);
	}
	machine->gathering = !machine->gathering;
}

static void step(struct machine *machine)
{
	struct fixture *fixture = machine->fixture;
	unsigned int i = below(machine, ARRAY_SIZE(operations));
	u64 gpa, size, before;
	int ret;

	random_range(machine, &gpa, &size);
	machine->used[machine->next_used++ % USED] = gpa + below(machine, size >> 12) * (u64)SZ_4K;
	run_guest(machine);
	if (one_in(machine, 5))
		begin_or_end_gather(machine);
	look(machine);
	while (!(machine->operations & BIT(i)))
		i = below(machine, ARRAY_SIZE(operations));
	before = fixture->invalidations;
	ret = operations[i](machine);
	KUNIT_EXPECT_TRUE_MSG(fixture->test, is_expected(ret), "operation %u: %d", i, ret);
	if (i == MAP || (machine->gathering && i != MERGE && i != RESTART))
		KUNIT_EXPECT_EQ(fixture->test, fixture->invalidations, before);
	else if (i != RESTART)
		KUNIT_EXPECT_LE(fixture->test, fixture->invalidations, before + 1);
	look(machine);
}

static struct machine *new_machine(struct kunit *test, u32 operations)
{
	struct fixture *fixture = test->priv;
	struct machine *machine = kunit_kzalloc(test, sizeof(*machine), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, machine);
	machine->fixture = fixture;
	machine->operations = operations;
	machine->bitmap = kunit_kzalloc(test, window(machine) / SZ_4K / 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, machine->bitmap);
	prandom_seed_state(&machine->random, 1);
	tlb_init(&machine->tlb, &fixture->mmu, fixture->eptp);
	fixture->arg = machine;
	fixture->on_invalidate = forget;
	return machine;
}

static void nothing_stale_is_left_and_no_table_lost(struct kunit *test)
{
	struct machine *machine = new_machine(test, ~0U);
	unsigned int i;

	for (i = 0; i < tlb_steps && !machine->wrong; i++)
		step(machine);
	if (machine->gathering)
		begin_or_end_gather(machine);
	look(machine);
	KUNIT_EXPECT_FALSE_MSG(test, machine->wrong, "step %u: %s, at %#llx: %#llx, now %#llx", i,
			       machine->fault.what, machine->fault.gpa, machine->fault.cached,
			       machine->fault.now);
	KUNIT_EXPECT_EQ(test, ept_check(machine->fixture->ept, NULL), 0);
	KUNIT_EXPECT_GT(test, machine->fixture->invalidations, tlb_steps / 10);
}

/*
 * Blindness
 */

/* What the flush decision overlooks, and the operations that change it. */
struct blindness {
	struct test_config	config;
	u64			overlook;
	u32			operations;
};

#define LEAF_BITS	(~EPT_OVERLOOK_TABLES)
#define ADDRESS_BITS	GENMASK_ULL(51, 12)

#define BLIND(_to, _features, _overlook, _operations) {			\
	.config = { (_to), TABLE_FOR(4, EPT_2M, 46, EPT_MT_WB, _features, 0) },	\
	.overlook = (_overlook),					\
	.operations = BIT(MAP) | (_operations),				\
}

static const struct blindness blindnesses[] = {
	BLIND("read_taken", EPT_FEATURE_EXEC_ONLY, BIT_ULL(0), BIT(PROTECT)),
	BLIND("write_taken", 0, BIT_ULL(1), BIT(PROTECT)),
	BLIND("execute_taken", 0, BIT_ULL(2), BIT(PROTECT)),
	BLIND("user_execute_taken", EPT_FEATURE_MODE_EXEC, BIT_ULL(10), BIT(PROTECT)),
	BLIND("all_access_taken", EPT_FEATURE_AD, LEAF_BITS, BIT(HIDE)),
	BLIND("unmapped", EPT_FEATURE_AD, LEAF_BITS, BIT(UNMAP)),
	BLIND("address", 0, ADDRESS_BITS, BIT(MOVE)),
	BLIND("memory_type", 0, GENMASK_ULL(5, 3), BIT(MEMTYPE)),
	BLIND("ignore_pat", 0, BIT_ULL(6), BIT(FLIP)),
	BLIND("split", EPT_FEATURE_AD, LEAF_BITS, BIT(SPLIT) | BIT(RESTART)),
	BLIND("accessed_cleared", EPT_FEATURE_AD, BIT_ULL(8), BIT(ACCESSED)),
	BLIND("dirty_cleared", EPT_FEATURE_AD, BIT_ULL(9), BIT(DIRTY)),
	BLIND("verify_paging", EPT_FEATURE_VERIFY_PAGING, BIT_ULL(57), BIT(FLIP)),
	BLIND("paging_write", EPT_FEATURE_PAGING_WRITE, BIT_ULL(58), BIT(FLIP)),
	BLIND("super_shadow", EPT_FEATURE_SUPER_SHADOW, BIT_ULL(60), BIT(FLIP)),
	BLIND("subpage", EPT_FEATURE_SUBPAGE, BIT_ULL(61), BIT(FLIP)),
	BLIND("suppress_ve", EPT_FEATURE_VE, BIT_ULL(63), BIT(FLIP)),
	BLIND("replaced_leaf", EPT_FEATURE_AD, LEAF_BITS, BIT(REMAP)),
	BLIND("unmapped_table", EPT_FEATURE_AD, EPT_OVERLOOK_TABLES, BIT(UNMAP)),
	BLIND("replaced_table", EPT_FEATURE_AD, EPT_OVERLOOK_TABLES, BIT(SPLIT) | BIT(REMAP)),
	BLIND("merged_table", EPT_FEATURE_AD, EPT_OVERLOOK_TABLES,
	      BIT(SPLIT) | BIT(MERGE) | BIT(RESTART)),
	BLIND("installed", EPT_FEATURE_AD, LEAF_BITS, BIT(INSTALL)),
	BLIND("zapped", EPT_FEATURE_AD, LEAF_BITS, BIT(ZAP)),
	BLIND("reported", EPT_FEATURE_AD, LEAF_BITS, BIT(REPORT)),
	BLIND("redirected", 0, ADDRESS_BITS, BIT(REDIRECT)),
	BLIND("zapped_table", EPT_FEATURE_AD, EPT_OVERLOOK_TABLES, BIT(ZAP)),
	BLIND("dirty_cleared_of_one", EPT_FEATURE_AD, BIT_ULL(9), BIT(CLEAR_DIRTY)),
	BLIND("gathered_merge", EPT_FEATURE_AD, EPT_OVERLOOK_TABLES,
	      BIT(SPLIT) | BIT(MERGE_GATHER) | BIT(RESTART)),
};

KUNIT_ARRAY_PARAM_DESC(blindness, blindnesses, config.name);

static void a_missing_flush_is_noticed(struct kunit *test)
{
	const struct blindness *blindness = test->param_value;
	struct machine *machine = new_machine(test, blindness->operations);
	unsigned int i;

	ept_hooks.overlook = blindness->overlook;
	for (i = 0; i < BLIND_STEPS && !machine->wrong; i++)
		step(machine);
	ept_hooks.overlook = 0;
	if (machine->gathering)
		begin_or_end_gather(machine);
	KUNIT_EXPECT_TRUE(test, machine->wrong);
}

static void blindness_ends(struct kunit *test)
{
	ept_hooks.overlook = 0;
	fixture_exit(test);
}

static struct kunit_case tlb_cases[] = {
	KUNIT_CASE_PARAM(nothing_stale_is_left_and_no_table_lost, configs_gen_params),
	KUNIT_CASE_PARAM(a_missing_flush_is_noticed, blindness_gen_params),
	{}
};

static struct kunit_suite tlb_suite = {
	.name = "ept_tlb",
	.init = fixture_init,
	.exit = blindness_ends,
	.test_cases = tlb_cases,
};

kunit_test_suite(tlb_suite);
