// SPDX-License-Identifier: GPL-2.0
/*
 * Maps of the host: the flat model, mapped run by run of what the model of MTRRs says, has the
 * largest leaves of one type; tables have to be the same. The host's resource tree is the machine's
 * own, with resources of these tests beside them.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/memory.h>
#include <linux/pfn.h>
#include <linux/vmalloc.h>

#include "ept_memtype.h"
#include "fixture.h"
#include "typed.h"
#include "verify.h"

CONFIG_PARAMS;

#define TIB		BIT_ULL(40)
#define NR_RESOURCES	8

struct host {
	struct ept_mtrr		mtrr;
	struct ept_mtrr		other;
	struct resource		resources[NR_RESOURCES];
	unsigned int		nr_resources;
};

static struct host *host_of(const struct fixture *fixture)
{
	return fixture->arg;
}

static int host_init(struct kunit *test)
{
	int ret = fixture_init(test);
	struct fixture *fixture = test->priv;
	struct host *host;

	if (ret)
		return ret;
	host = vzalloc(sizeof(*host));
	fixture->arg = host;
	return host ? 0 : -ENOMEM;
}

static void host_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = fixture ? fixture->arg : NULL;

	while (host && host->nr_resources)
		release_resource(&host->resources[--host->nr_resources]);
	fixture_exit(test);
	vfree(host);
}

/* The end of what is an address for the table, for its guest, and for this machine */
static u64 host_end(const struct fixture *fixture)
{
	const unsigned int guest = fixture->config.levels == 4 ? 48 : 57;

	return 1ULL << min3(fixture->config.maxphyaddr, guest,
			    (unsigned int)fls64(iomem_resource.end));
}

/* Whether resources can be added up to there */
static bool host_reaches(u64 end)
{
	return iomem_resource.end >= end - 1;
}

static void add_resource(struct fixture *fixture, u64 start, u64 size)
{
	struct host *host = host_of(fixture);
	struct resource *resource = &host->resources[host->nr_resources];

	KUNIT_ASSERT_LT(fixture->test, host->nr_resources, NR_RESOURCES);
	*resource = (struct resource){
		.name = "ept_host",
		.start = start,
		.end = start + size - 1,
		.flags = IORESOURCE_MEM,
	};
	KUNIT_ASSERT_EQ(fixture->test, request_resource(&iomem_resource, resource), 0);
	host->nr_resources++;
}

/*
 * What is expected, in the flat model
 */

/* All of the resource tree, read here as a list; nobody else changes it meanwhile. */
static void flat_map_host(struct fixture *fixture, u64 limit, const struct ept_attrs *attrs,
			  const struct ept_mtrr *mtrr)
{
	const struct resource *resource = iomem_resource.child;
	u64 start = 0, end = 0;

	for (; resource && resource->start < limit; resource = resource->sibling) {
		if (round_down(resource->start, SZ_4K) > end) {
			flat_fill(fixture, start, min(end, limit), attrs, mtrr);
			start = round_down(resource->start, SZ_4K);
		}
		end = max(end, round_up(resource->end + 1, SZ_4K));
	}
	flat_fill(fixture, start, min(end, limit), attrs, mtrr);
}

/* What maps to itself below @limit gets its type. */
static void flat_correct(struct fixture *fixture, u64 limit, const struct ept_mtrr *mtrr)
{
	struct flat_range range;
	u64 page = 0;

	while (flat_next(fixture->flat, page, &range) && PFN_PHYS(range.first) < limit) {
		u64 gpa = PFN_PHYS(range.first), end = PFN_PHYS(range.last + 1), span;

		page = range.last + 1;
		if (range.piece->delta)
			continue;
		for (; gpa < end; gpa += span) {
			span = typed_span(fixture->test, mtrr, gpa, end);
			flat_set_memtype(fixture->flat, gpa, span,
					 mtrr_model_type(&mtrr->msrs, gpa));
		}
	}
}

/*
 * ept_map_host()
 */

/* Machines with memory, in 4K leaves and the model of them */
static bool takes_long(const struct fixture *fixture)
{
	return fixture->config.max_leaf == EPT_4K && PFN_PHYS(totalram_pages()) > SZ_1G;
}

/* What all of these can map: below the width of each configuration, and in small leaves. */
static void add_resources(struct fixture *fixture)
{
	const u64 top = host_end(fixture);
	const bool small = fixture->config.max_leaf == EPT_4K;

	if (takes_long(fixture))
		kunit_skip(fixture->test, "takes long with small leaves");
	/* RAM, and what firmware took of it; both less than pages at their edges */
	add_resource(fixture, top - SZ_16G + SZ_64K, SZ_2M + SZ_1K);
	add_resource(fixture, top - SZ_16G + SZ_64K + SZ_2M + SZ_1K, small ? SZ_8M : SZ_4G);
	/* Two that touch, where one large leaf fits */
	add_resource(fixture, top - SZ_8G - SZ_2M, SZ_64K);
	add_resource(fixture, top - SZ_8G - SZ_2M + SZ_64K, SZ_2M - SZ_64K);
	/* A device of less than a page, and one behind it on the same page */
	add_resource(fixture, top - SZ_8G + SZ_4K + 16, 16);
	add_resource(fixture, top - SZ_8G + SZ_4K + 64, SZ_8K);
	/* The last of all addresses */
	add_resource(fixture, top - SZ_64K, SZ_64K);
}

static void expect_map_host(struct fixture *fixture, const struct ept_attrs *attrs,
			    const struct ept_mtrr *mtrr, u64 invalidations)
{
	struct kunit *test = fixture->test;
	const u64 before = fixture->invalidations;

	KUNIT_ASSERT_EQ(test, ept_map_host(fixture->ept, attrs, mtrr), 0);
	KUNIT_EXPECT_EQ(test, fixture->invalidations - before, invalidations);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* MTRRs as wide as the table, with types that differ inside of resources */
static void take_wide(struct fixture *fixture, struct ept_mtrr *mtrr, enum ept_memtype type)
{
	const u64 top = host_end(fixture);
	struct ept_mtrr_msrs *msrs = &mtrr->msrs;

	mtrr_from_log(&recorded_mtrrs[0], msrs);
	msrs->maxphyaddr = ilog2(top);
	memset(msrs->variable, 0, sizeof(msrs->variable));
	msrs->variable[0].base = (top - SZ_16G + SZ_64K + SZ_4M) | type;
	msrs->variable[0].mask = (top - SZ_64K) | 0x800;
	msrs->variable[1].base = (top - SZ_8G) | EPT_MT_UC;
	msrs->variable[1].mask = (top - SZ_8G) | 0x800;
	KUNIT_ASSERT_EQ(fixture->test, ept_mtrr_decode(msrs, mtrr), 0);
}

static void all_that_the_host_has_is_mapped_to_itself(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);

	add_resources(fixture);
	take_wide(fixture, &host->mtrr, EPT_MT_WT);
	flat_map_host(fixture, host_end(fixture), &EPT_ATTRS_DEVICE, &host->mtrr);
	expect_map_host(fixture, &EPT_ATTRS_DEVICE, &host->mtrr, 0);
	/* Nothing is left to do. */
	expect_map_host(fixture, &EPT_ATTRS_DEVICE, &host->mtrr, 0);
}

static void types_are_brought_up_to_date_with_one_flush(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	const u64 top = host_end(fixture), ram = top - SZ_16G + SZ_64K;

	add_resources(fixture);
	take_wide(fixture, &host->mtrr, EPT_MT_WT);
	flat_map_host(fixture, top, &EPT_ATTRS_DEVICE, &host->mtrr);
	expect_map_host(fixture, &EPT_ATTRS_DEVICE, &host->mtrr, 0);

	/* What a client made of it since, and what CPUs did */
	must_protect(fixture, ram + SZ_8K, SZ_8K, EPT_PROT_WRITE, 0);
	KUNIT_EXPECT_EQ(test, do_remap(fixture, ram + SZ_64K, SZ_1G, SZ_8K, &EPT_ATTRS_DEVICE,
				       NULL), 0);
	must_map(fixture, top - SZ_4G, top - SZ_4G, SZ_2M, &EPT_ATTRS_RAM);
	must_unmap(fixture, ram + SZ_128K, SZ_4K);
	do_access(fixture, ram + SZ_4M, true);

	take_wide(fixture, &host->mtrr, EPT_MT_WP);
	flat_map_host(fixture, top, &EPT_ATTRS_DEVICE, &host->mtrr);
	flat_correct(fixture, top, &host->mtrr);
	expect_map_host(fixture, &EPT_ATTRS_DEVICE, &host->mtrr, 1);
	expect_map_host(fixture, &EPT_ATTRS_DEVICE, &host->mtrr, 0);

	/* New borders, through large leaves */
	host->mtrr.msrs.variable[0].base += SZ_64K;
	host->mtrr.msrs.def_type = 0xc00 | EPT_MT_WC;
	KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&host->mtrr.msrs, &host->mtrr), 0);
	flat_correct(fixture, top, &host->mtrr);
	expect_map_host(fixture, &EPT_ATTRS_DEVICE, &host->mtrr, 1);
}

static void a_map_ends_where_the_masks_do(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	struct ept_mapping mapping;

	if (fixture->config.maxphyaddr < 52 || !host_reaches(1ULL << 52))
		kunit_skip(test, "no bits for keys");
	take_log(test, &host->mtrr, "dell_r750xs_as_if_keyed");
	add_resource(fixture, (1ULL << 46) - SZ_64K, SZ_128K);
	add_resource(fixture, 1ULL << 51, SZ_4K);
	flat_map_host(fixture, 1ULL << 46, &EPT_ATTRS_RAM, &host->mtrr);
	expect_map_host(fixture, &EPT_ATTRS_RAM, &host->mtrr, 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, (1ULL << 46) - SZ_4K, &mapping), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(fixture->ept, 1ULL << 46, &mapping), -ENOENT);
}

static void a_map_ends_where_the_guests_addresses_do(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);

	if (fixture->config.maxphyaddr < 52 || !host_reaches(1ULL << 52))
		kunit_skip(test, "guests are wider than the host");
	KUNIT_ASSERT_EQ(test, ept_mtrr_uniform(EPT_MT_WB, 52, &host->mtrr), 0);
	add_resource(fixture, (1ULL << 48) - SZ_64K, SZ_128K);
	flat_map_host(fixture, host_end(fixture), &EPT_ATTRS_RAM, &host->mtrr);
	expect_map_host(fixture, &EPT_ATTRS_RAM, &host->mtrr, 0);
}

static void bad_arguments_map_no_host(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	const struct ept_attrs bad = { .prot = EPT_PROT_WRITE };
	const struct ept_attrs exotic = { .prot = 1, .flags = EPT_ATTR_SUBPAGE };
	const bool subpage = fixture->config.features & EPT_FEATURE_SUBPAGE;
	struct ept *ept = fixture->ept;

	add_resource(fixture, SZ_32G, SZ_2M);
	take_log(test, &host->mtrr, "hp_superdome2_12t");
	KUNIT_EXPECT_EQ(test, ept_map_host(NULL, &EPT_ATTRS_RAM, &host->mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host(ept, NULL, &host->mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host(ept, &EPT_ATTRS_RAM, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host(ept, &EPT_ATTRS_RAM, &host->other), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host(ept, &bad, &host->mtrr), -EINVAL);
	if (!subpage)
		KUNIT_EXPECT_EQ(test, ept_map_host(ept, &exotic, &host->mtrr), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, verify(fixture));

	if (takes_long(fixture))
		return;
	/* Also where nothing is left to map with them */
	flat_map_host(fixture, host_end(fixture), &EPT_ATTRS_DEVICE, &host->mtrr);
	expect_map_host(fixture, &EPT_ATTRS_DEVICE, &host->mtrr, 0);
	KUNIT_EXPECT_EQ(test, ept_map_host(ept, &bad, &host->mtrr), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));

	/* The machine is wider than the table, and has something there. */
	must_unmap(fixture, 0, host_end(fixture));
	if (fixture->config.maxphyaddr >= 46 || !host_reaches(1ULL << 46))
		return;
	add_resource(fixture, (1ULL << fixture->config.maxphyaddr) - SZ_4K, SZ_8K);
	KUNIT_EXPECT_EQ(test, ept_map_host(ept, &EPT_ATTRS_RAM, &host->mtrr), -ERANGE);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/* Where types change and tables are short for it: types are as before, if not the leaves. */
static void expect_old_types(struct fixture *fixture, const struct ept_mtrr *mtrr)
{
	struct flat_range range;
	struct ept_mapping mapping;
	u64 page = 0;

	while (flat_next(fixture->flat, page, &range)) {
		u64 gpa = PFN_PHYS(range.first);

		for (; gpa <= PFN_PHYS(range.last); gpa = mapping.gpa + mapping.size) {
			KUNIT_ASSERT_EQ(fixture->test, ept_lookup(fixture->ept, gpa, &mapping), 0);
			KUNIT_ASSERT_EQ_MSG(fixture->test, mapping.attrs.memtype,
					    range.piece->attrs.memtype, "%llx", gpa);
			KUNIT_ASSERT_EQ(fixture->test, mapping.hpa, gpa + range.piece->delta);
		}
		page = range.last + 1;
	}
}

static void a_short_reserve_leaves_the_host_as_it_was(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	const u64 top = host_end(fixture);
	unsigned int nr, failures = 0;
	struct ept_stats stats;
	int ret = -ENOMEM;

	fixture_make_atomic(fixture);
	add_resources(fixture);
	take_wide(fixture, &host->mtrr, EPT_MT_WT);
	for (nr = 0; ret == -ENOMEM; nr += 1 + nr / 8) {
		KUNIT_ASSERT_TRUE_MSG(test, verify(fixture), "reserve of %u", nr);
		KUNIT_ASSERT_LT(test, nr, 5000);
		KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, nr), 0);
		ret = ept_map_host(fixture->ept, &EPT_ATTRS_DEVICE, &host->mtrr);
	}
	KUNIT_ASSERT_EQ(test, ret, 0);
	flat_map_host(fixture, top, &EPT_ATTRS_DEVICE, &host->mtrr);
	KUNIT_EXPECT_TRUE(test, verify(fixture));

	/* A hole to fill, and new borders */
	must_unmap(fixture, top - SZ_64K, SZ_64K);
	ept_get_stats(fixture->ept, &stats);
	host->mtrr.msrs.variable[0].base += SZ_1G + SZ_64K;
	host->mtrr.msrs.def_type = 0xc00 | EPT_MT_WC;
	KUNIT_ASSERT_EQ(test, ept_mtrr_decode(&host->mtrr.msrs, &host->mtrr), 0);
	for (nr = 0, ret = -ENOMEM; ret == -ENOMEM; nr++) {
		ret = ept_map_host(fixture->ept, &EPT_ATTRS_DEVICE, &host->mtrr);
		if (ret != -ENOMEM)
			break;
		failures++;
		expect_old_types(fixture, &host->mtrr);
		KUNIT_ASSERT_EQ(test, ept_check(fixture->ept, NULL), 0);
		KUNIT_ASSERT_LT(test, nr, 100);
		KUNIT_ASSERT_EQ(test, ept_reserve(fixture->ept, nr), 0);
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_TRUE(test, failures || stats.reserved);
	flat_map_host(fixture, top, &EPT_ATTRS_DEVICE, &host->mtrr);
	flat_correct(fixture, top, &host->mtrr);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
	expect_old_types(fixture, &host->mtrr);
}

#ifdef CONFIG_FAULT_INJECTION

/* True: the call came to the @nth allocation, which failed. */
static bool try_short_of_memory(struct kunit *test, unsigned int nth, unsigned int *refusals)
{
	struct fixture *fixture = test->priv;
	const struct ept_mtrr *mtrr = &host_of(fixture)->mtrr;
	bool failed;
	int ret;

	WRITE_ONCE(current->fail_nth, nth);
	ret = ept_map_host(fixture->ept, &EPT_ATTRS_DEVICE, mtrr);
	failed = !READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
	if (ret) {
		++*refusals;
		KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM, "allocation %u", nth);
		KUNIT_EXPECT_TRUE_MSG(test, failed, "allocation %u", nth);
		KUNIT_EXPECT_TRUE_MSG(test, verify(fixture), "allocation %u", nth);
	}
	fixture_recreate(fixture, &fixture->config);
	return failed;
}

static void an_allocation_that_fails_leaves_the_host_as_it_was(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int nth, refusals = 0;

	add_resources(fixture);
	take_wide(fixture, &host_of(fixture)->mtrr, EPT_MT_WT);
	for (nth = 1; try_short_of_memory(test, nth, &refusals); nth += nth < 40 ? 1 : 100)
		KUNIT_ASSERT_LT(test, nth, 10000);
	kunit_info(test, "%u of %u tries were refused", refusals, nth);
}

#else

static void an_allocation_that_fails_leaves_the_host_as_it_was(struct kunit *test)
{
	kunit_skip(test, "this kernel doesn't let allocations fail");
}

#endif

/* At the size that the machine of the log has: 12 TiB with a hole of 2 GiB */
static void four_terabytes_take_few_tables(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	struct ept_stats stats, before;
	u64 start, first, again;

	if (!host_reaches(6 * TIB))
		kunit_skip(test, "this machine's addresses end below");
	take_log(test, &host->mtrr, "hp_superdome2_12t");
	KUNIT_ASSERT_EQ(test, ept_map_host(fixture->ept, &EPT_ATTRS_RAM, &host->mtrr), 0);
	ept_get_stats(fixture->ept, &before);
	fixture_recreate(fixture, &fixture->config);

	add_resource(fixture, 2 * TIB, 4 * TIB - SZ_1M);
	start = ktime_get_ns();
	KUNIT_ASSERT_EQ(test, ept_map_host(fixture->ept, &EPT_ATTRS_RAM, &host->mtrr), 0);
	first = ktime_get_ns() - start;
	start = ktime_get_ns();
	KUNIT_ASSERT_EQ(test, ept_map_host(fixture->ept, &EPT_ATTRS_RAM, &host->mtrr), 0);
	again = ktime_get_ns() - start;

	ept_get_stats(fixture->ept, &stats);
	kunit_info(test, "4 TiB: %llu us, again %llu us, tables %llu %llu %llu %llu", first / 1000,
		   again / 1000, stats.tables[0], stats.tables[1], stats.tables[2],
		   stats.tables[3]);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_1G] - before.leaves[EPT_1G], 4095);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_2M] - before.leaves[EPT_2M], 511);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_4K] - before.leaves[EPT_4K], 256);
	KUNIT_EXPECT_LE(test, stats.tables[EPT_4K] + stats.tables[EPT_2M] + stats.tables[EPT_1G] +
			stats.tables[EPT_512G], 40);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, NULL), 0);
}

/* As its owner would map it: with the types that its CPU says, where it does */
static void this_machine_is_mapped_with_its_types(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	const int err = ept_mtrr_read(&host->mtrr);

	if (err) {
		KUNIT_EXPECT_EQ(test, err, -ENODEV);
		KUNIT_ASSERT_EQ(test, ept_mtrr_uniform(EPT_MT_WB, 46, &host->mtrr), 0);
	}
	KUNIT_ASSERT_LE(test, host->mtrr.msrs.maxphyaddr, fixture->config.maxphyaddr);
	flat_map_host(fixture, 1ULL << min(host->mtrr.width, 48U), &EPT_ATTRS_RAM, &host->mtrr);
	expect_map_host(fixture, &EPT_ATTRS_RAM, &host->mtrr, 0);
}

/*
 * The fault path
 */

static void a_fault_maps_the_largest_leaf_around_it(struct kunit *test)
{
	static const struct { u64 gpa; enum ept_level max, level; } faults[] = {
		{ SZ_4G + 123, EPT_1G, EPT_1G },
		{ SZ_8G + SZ_1M + 8, EPT_2M, EPT_2M },
		{ SZ_16G + SZ_1M, EPT_4K, EPT_4K },
		{ 0x40000000, EPT_1G, EPT_2M },		/* WB ends inside of its GiB */
		{ 0x7d7fffff, EPT_1G, EPT_2M },
		{ 0x7d800000, EPT_1G, EPT_2M },
		{ 0xa1234, EPT_1G, EPT_4K },
		{ 0xd0000000, EPT_1G, EPT_2M },
		{ SZ_4G + SZ_1G, EPT_1G, EPT_1G },
	};
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	struct ept_mapping mapping;
	unsigned int i;

	take_log(test, &host->mtrr, "coreboot_10g");
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		const u64 gpa = faults[i].gpa;
		const enum ept_level max = min(faults[i].max, fixture->config.max_leaf);
		const enum ept_level level = min(faults[i].level, max);

		KUNIT_ASSERT_EQ(test, ept_map_host_leaf(fixture->ept, gpa, max, &EPT_ATTRS_DEVICE,
							&host->mtrr), 0);
		KUNIT_ASSERT_EQ(test, ept_lookup(fixture->ept, gpa, &mapping), 0);
		KUNIT_EXPECT_EQ_MSG(test, mapping.level, level, "%llx", gpa);
		KUNIT_EXPECT_EQ_MSG(test, mapping.attrs.memtype,
				    mtrr_model_type(&host->mtrr.msrs, gpa), "%llx", gpa);
		KUNIT_EXPECT_EQ(test, mapping.gpa, mapping.hpa);
		KUNIT_EXPECT_EQ(test, flat_map(fixture->flat, mapping.gpa, mapping.gpa,
					       mapping.size, &mapping.attrs), 0);
		KUNIT_EXPECT_TRUE(test, verify(fixture));
	}
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
}

static void a_fault_beside_what_is_mapped_takes_a_smaller_leaf(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	const enum ept_level max = fixture->config.max_leaf;
	struct ept_mapping mapping;

	take_log(test, &host->mtrr, "coreboot_10g");
	must_map(fixture, SZ_4G, 0, SZ_4K, &EPT_ATTRS_DEVICE);
	KUNIT_ASSERT_EQ(test, ept_map_host_leaf(fixture->ept, SZ_4G + SZ_8K, max,
						&EPT_ATTRS_DEVICE, &host->mtrr), 0);
	KUNIT_ASSERT_EQ(test, ept_lookup(fixture->ept, SZ_4G + SZ_8K, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, EPT_4K);
	KUNIT_ASSERT_EQ(test, ept_map_host_leaf(fixture->ept, SZ_4G + SZ_4M, max,
						&EPT_ATTRS_DEVICE, &host->mtrr), 0);
	KUNIT_ASSERT_EQ(test, ept_lookup(fixture->ept, SZ_4G + SZ_4M, &mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping.level, min(max, EPT_2M));
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(fixture->ept, SZ_4G + 1, max, &EPT_ATTRS_DEVICE,
						&host->mtrr), -EEXIST);
}

static void bad_faults_are_refused(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	const struct ept_attrs bad = { .prot = EPT_PROT_WRITE }, *ram = &EPT_ATTRS_RAM;
	const struct ept_attrs exotic = { .prot = 1, .flags = EPT_ATTR_SUBPAGE };
	const struct ept_mtrr *mtrr = &host->mtrr;
	struct ept *ept = fixture->ept;

	take_log(test, &host->mtrr, "coreboot_10g");
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(NULL, 0, EPT_4K, ram, mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 0, EPT_512G, ram, mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 0, -1, ram, mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 0, EPT_1G, NULL, mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 0, EPT_1G, ram, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 0, EPT_1G, ram, &host->other), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 0, EPT_1G, &bad, mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 1ULL << 39, EPT_1G, &bad, mtrr), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 1ULL << 39, EPT_1G, ram, mtrr), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, ~0ULL, EPT_1G, ram, mtrr), -ERANGE);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(ept, 0, EPT_1G, &exotic, mtrr), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, verify(fixture));

	fixture_make_atomic(fixture);
	KUNIT_EXPECT_EQ(test, ept_map_host_leaf(fixture->ept, 0, EPT_1G, ram, mtrr), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

/*
 * Hotplug
 */

static void memory_comes_and_goes_with_hotplug(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	const struct memory_notify memory = { .start_pfn = PHYS_PFN(SZ_16G - SZ_128M),
					      .nr_pages = PHYS_PFN(SZ_256M) };
	const u64 start = PFN_PHYS(memory.start_pfn), size = PFN_PHYS(memory.nr_pages);
	static const unsigned long others[] = { MEM_ONLINE, MEM_GOING_OFFLINE, MEM_CANCEL_ONLINE,
						MEM_CANCEL_OFFLINE };
	unsigned int i;

	take_log(test, &host->mtrr, "desktop_16g");
	must_map(fixture, start + SZ_4M, SZ_1G, SZ_4K, &EPT_ATTRS_RAM);
	flat_fill(fixture, start, start + size, &EPT_ATTRS_DEVICE, &host->mtrr);
	KUNIT_EXPECT_EQ(test, ept_host_memory_event(fixture->ept, &EPT_ATTRS_DEVICE, &host->mtrr,
						    MEM_GOING_ONLINE, &memory), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 0);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		KUNIT_EXPECT_EQ(test, ept_host_memory_event(fixture->ept, &EPT_ATTRS_DEVICE,
							    &host->mtrr, others[i], &memory), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));

	KUNIT_EXPECT_EQ(test, ept_host_memory_event(fixture->ept, &EPT_ATTRS_DEVICE, &host->mtrr,
						    MEM_OFFLINE, &memory), 0);
	KUNIT_EXPECT_EQ(test, flat_unmap(fixture->flat, start, size), 0);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
	KUNIT_EXPECT_EQ(test, fixture->invalidations, 1);
}

static void memory_that_cannot_be_mapped_stays_offline(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct host *host = host_of(fixture);
	const struct memory_notify memory = { .start_pfn = PHYS_PFN(SZ_8G),
					      .nr_pages = PHYS_PFN(SZ_128M) };
	const struct ept_attrs bad = { .prot = EPT_PROT_WRITE }, *ram = &EPT_ATTRS_RAM;

	take_log(test, &host->mtrr, "desktop_16g");
	fixture_make_atomic(fixture);
	KUNIT_EXPECT_EQ(test, ept_host_memory_event(fixture->ept, ram, &host->mtrr,
						    MEM_GOING_ONLINE, &memory), -ENOMEM);
	KUNIT_EXPECT_EQ(test, ept_host_memory_event(fixture->ept, &bad, &host->mtrr,
						    MEM_GOING_ONLINE, &memory), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_host_memory_event(fixture->ept, ram, NULL, MEM_GOING_ONLINE,
						    &memory), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_host_memory_event(fixture->ept, ram, &host->mtrr,
						    MEM_GOING_ONLINE, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_host_memory_event(NULL, ram, &host->mtrr, MEM_OFFLINE,
						    &memory), -EINVAL);
	KUNIT_EXPECT_TRUE(test, verify(fixture));
}

static struct kunit_case host_cases[] = {
	KUNIT_CASE_PARAM(all_that_the_host_has_is_mapped_to_itself, configs_gen_params),
	KUNIT_CASE_PARAM(types_are_brought_up_to_date_with_one_flush, configs_gen_params),
	KUNIT_CASE_PARAM(a_map_ends_where_the_masks_do, configs_gen_params),
	KUNIT_CASE_PARAM(a_map_ends_where_the_guests_addresses_do, configs_gen_params),
	KUNIT_CASE_PARAM(bad_arguments_map_no_host, configs_gen_params),
	KUNIT_CASE_PARAM(a_short_reserve_leaves_the_host_as_it_was, configs_gen_params),
	KUNIT_CASE_PARAM(an_allocation_that_fails_leaves_the_host_as_it_was, configs_gen_params),
	KUNIT_CASE(four_terabytes_take_few_tables),
	KUNIT_CASE(this_machine_is_mapped_with_its_types),
	KUNIT_CASE_PARAM(a_fault_maps_the_largest_leaf_around_it, configs_gen_params),
	KUNIT_CASE_PARAM(a_fault_beside_what_is_mapped_takes_a_smaller_leaf, configs_gen_params),
	KUNIT_CASE(bad_faults_are_refused),
	KUNIT_CASE_PARAM(memory_comes_and_goes_with_hotplug, configs_gen_params),
	KUNIT_CASE(memory_that_cannot_be_mapped_stays_offline),
	{}
};

static struct kunit_suite host_suite = {
	.name = "ept_host",
	.init = host_init,
	.exit = host_exit,
	.test_cases = host_cases,
};

kunit_test_suite(host_suite);
