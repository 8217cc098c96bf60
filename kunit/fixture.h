/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each case starts from: a table, the flat model of what it should hold, the model of the CPU
 * that it is made for, and a client that counts invalidations. And what each case ends in: no page
 * of a table is left.
 */
#ifndef EPT_KUNIT_FIXTURE_H
#define EPT_KUNIT_FIXTURE_H

#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#include "ept_core.h"
#include "flat_model.h"
#include "kunit_compat.h"
#include "model_mmu.h"

#define TABLE_FOR(_levels, _leaf, _maxphyaddr, _memtype, _features, _flags) {	\
	.levels = (_levels),						\
	.max_leaf = (_leaf),						\
	.maxphyaddr = (_maxphyaddr),					\
	.table_memtype = (_memtype),					\
	.features = (_features),					\
	.flags = (_flags),						\
	.nid = NUMA_NO_NODE,						\
}

/*
 * Each two of these meet in one of them: 4 and 5 levels, each largest leaf, accessed and dirty,
 * execute-only, mode-based execute, on and off. The last one has everything.
 */
struct test_config {
	const char		*name;
	struct ept_config	config;
};

#define NR_TEST_CONFIGS	15
extern const struct test_config test_configs[NR_TEST_CONFIGS];

/* The one after @last, NULL for the first; in the short form there are fewer. */
const void *next_config(const struct test_config *last, char *description);

/* In each file with KUNIT_CASE_PARAM(case, configs_gen_params) */
#define CONFIG_PARAMS					\
	KUNIT_GENERATOR(configs, last, description)	\
	{						\
		return next_config(last, description);	\
	}

struct fixture {
	struct kunit		*test;
	struct ept_config	config;
	struct ept_ops		ops;
	struct mmu		mmu;
	struct flat		*flat;
	struct ept		*ept;
	u64			eptp;
	u64			unit;		/* what the largest leaf spans, but 2M at least */
	unsigned long		pages_before;
	u64			invalidations;
	bool			owed;		/* an open gather owes an invalidation */
	unsigned int		shortages;	/* operations that found the reserve short */
	void			(*on_invalidate)(struct fixture *fixture);
	void			*arg;		/* the case's own */
};

static inline bool is_atomic(const struct fixture *fixture)
{
	return fixture->config.flags & EPT_CONFIG_ATOMIC;
}

/* Whether the suites run in their short form: for other beds than the one that has them whole. */
bool is_brief(void);

/* For .init and .exit of a suite; the table is made for the case's parameter, or the first one. */
int fixture_init(struct kunit *test);
void fixture_exit(struct kunit *test);

/* A table of another configuration in the place of the one that is there. */
void fixture_recreate(struct fixture *fixture, const struct ept_config *config);
/* The same, with EPT_CONFIG_ATOMIC */
void fixture_make_atomic(struct fixture *fixture);

/* For ept_hooks.invept: INVEPT succeeds, also where there is none. */
int invept_works(u64 pointer, bool global);

/* Where the entry of @level is that @gpa leads to; NULL: there is no table for it. */
u64 *fixture_entry(struct fixture *fixture, u64 gpa, unsigned int level);

void mmu_for_config(struct mmu *mmu, const struct ept_config *config);

/*
 * A range that is placed by the edges of the largest leaves: it begins @from eighths of a unit and
 * @from_pages after fixture_base(), and has @size eighths and @size_pages. So it cuts leaves of
 * each configuration alike, and tables of small leaves stay small.
 */
struct cut {
	s8	from;
	s16	from_pages;
	s8	size;
	s16	size_pages;
};

#define BASE_UNITS	3

static inline u64 fixture_base(const struct fixture *fixture)
{
	return BASE_UNITS * fixture->unit;
}

static inline u64 cut_gpa(const struct fixture *fixture, const struct cut *cut)
{
	return fixture_base(fixture) + cut->from * (s64)(fixture->unit / 8) +
	       cut->from_pages * SZ_4K;
}

static inline u64 cut_size(const struct fixture *fixture, const struct cut *cut)
{
	return cut->size * (s64)(fixture->unit / 8) + cut->size_pages * SZ_4K;
}

/*
 * Each does an operation to the table and to the flat model, expects the same result, and expects
 * an invalidation exactly if the model asks for one.
 *
 * Where the table is an atomic one, the operation runs with interrupts off, and on a reserve that
 * is filled up only as it turns out to be short: -ENOMEM, and nothing has changed; when it succeeds
 * nothing of the reserve is left.
 */
int do_map(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs);
int do_map_pages(struct fixture *fixture, u64 gpa, const u64 *hpas, unsigned long nr,
		 const struct ept_attrs *attrs);
int do_remap(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs,
	     struct ept_gather *gather);
int do_unmap(struct fixture *fixture, u64 gpa, u64 size, struct ept_gather *gather);
/* Also compares what is told of the leaves that go, and of the range. */
int do_unmap_report(struct fixture *fixture, u64 gpa, u64 size, struct ept_gather *gather);
int do_zap(struct fixture *fixture, u64 gpa, u64 size, bool report, struct ept_gather *gather);
int do_set_tag(struct fixture *fixture, u64 gpa, u64 size, u8 tag, struct ept_gather *gather);
int do_redirect(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, u32 clear, u32 set,
		struct ept_gather *gather);
int do_install(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs,
	       struct ept_gather *gather);
/* Also compares which pages were mapped. */
int do_fill_pages(struct fixture *fixture, u64 gpa, const u64 *hpas, unsigned long nr,
		  const struct ept_attrs *attrs);
int do_clear_dirty(struct fixture *fixture, u64 gpa, struct ept_gather *gather);
int do_grant(struct fixture *fixture, u64 gpa, u32 prot);
int do_age(struct fixture *fixture, u64 gpa, u64 size, bool clear);
int do_protect(struct fixture *fixture, u64 gpa, u64 size, u32 clear, u32 set,
	       struct ept_gather *gather);
int do_set_memtype(struct fixture *fixture, u64 gpa, u64 size, enum ept_memtype memtype,
		   struct ept_gather *gather);
int do_set_attrs(struct fixture *fixture, u64 gpa, u64 size, const struct ept_attrs *attrs,
		 struct ept_gather *gather);
int do_split(struct fixture *fixture, u64 gpa, u64 size, enum ept_level level,
	     struct ept_gather *gather);
int do_merge(struct fixture *fixture, u64 gpa, u64 size, enum ept_level level);
/* Also compares what was reported, and that nothing beside it was written. */
int do_harvest(struct fixture *fixture, u64 gpa, u64 size, bool dirty, bool peek,
	       struct ept_gather *gather);
void do_flush(struct fixture *fixture, struct ept_gather *gather);
/* A CPU's access, which has to succeed; marks the model as the CPU marks the table. */
void do_access(struct fixture *fixture, u64 gpa, bool write);
void do_fetch(struct fixture *fixture, u64 gpa, bool user);

/* Shorthands for ranges that have to succeed. */
void must_map(struct fixture *fixture, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs);
void must_unmap(struct fixture *fixture, u64 gpa, u64 size);
void must_protect(struct fixture *fixture, u64 gpa, u64 size, u32 clear, u32 set);

u64 table_pages(void);

#endif
