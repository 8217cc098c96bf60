/* SPDX-License-Identifier: GPL-2.0 */
/* A run of a program, what its steps are made of, and these. */
#ifndef _FUZZ_STEPS_H
#define _FUZZ_STEPS_H

#include "fixture.h"
#include "model_tlb.h"
#include "program.h"

/* A table, its models, a CPU that runs a guest on it, and gathers that may be open */
struct machine {
	struct fixture		fixture;
	struct tlb		tlb;
	struct ept_gather	gathers[GATHERS];
	bool			open[GATHERS];
	u64			last[GATHERS];	/* the number of the last change that it has */
	u64			changes;
	unsigned int		loads;
};

struct run {
	struct kunit	test;
	struct machine	machines[TABLES];
	struct machine	*machine;	/* this step's */
	const u8	*step;
	bool		print;
	unsigned long	seq;		/* for ept_map_if() and its kin */
};

#define PRINT(run, ...)				\
do {						\
	if ((run)->print)			\
		printf(__VA_ARGS__);		\
} while (0)

/* This step's table, in what is printed */
#define TABLE(run)	((unsigned int)((run)->machine - (run)->machines))

/* Of arguments.c: what this step's bytes ask for */

struct args {
	u64			gpa;
	u64			hpa;
	u64			size;
	struct ept_attrs	attrs;
};

const struct ept_config *config_of(const struct run *run);
struct flat *flat_of(const struct run *run);
u64 gpa_of(const struct run *run);
struct ept_attrs attrs_of(const struct run *run);
u64 hpa_of(const struct run *run, u64 gpa);
enum ept_level level_of(const struct run *run);
struct ept_gather *gather_of(const struct run *run);
void spoil(const struct run *run, u64 *address, u64 *size);
struct args map_args(const struct run *run);
struct args range_args(const struct run *run, enum ept_level smallest);
struct args merge_args(const struct run *run);
const char *gather_name(const struct run *run);
void print_attrs(const struct run *run, const struct ept_attrs *attrs);
void print_map(const struct run *run, const char *name, const struct args *args);
void print_range(const struct run *run, const char *name, const struct args *args);

/* Of changes.c and tables.c: 0, or the errno that the step ended in */

int step_map(struct run *run);
int step_map_check(struct run *run);
int step_too_late(struct run *run);
int step_remap(struct run *run);
int step_install(struct run *run);
int step_pages(struct run *run);
int step_unmap(struct run *run);
int step_zap(struct run *run);
int step_protect(struct run *run);
int step_redirect(struct run *run);
int step_memtype(struct run *run);
int step_tag(struct run *run);
int step_attrs(struct run *run);
int step_split(struct run *run);
int step_merge(struct run *run);
int step_harvest(struct run *run);
int step_clear_dirty(struct run *run);
int step_grant(struct run *run);
int step_age(struct run *run);
int step_access(struct run *run);
int step_gather(struct run *run);
int step_gather_free(struct run *run);
int step_splice(struct run *run);
int step_flush_all(struct run *run);
int step_merge_gather(struct run *run);
int step_flush(struct run *run);
int step_reserve(struct run *run);
int step_make_atomic(struct run *run);
int step_load(struct run *run);
int step_clone(struct run *run);
int step_ask(struct run *run);
int step_tables_for(struct run *run);

#endif /* _FUZZ_STEPS_H */
