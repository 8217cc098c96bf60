/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the proofs share: values that may be anything, and configurations that may be any.
 */
#ifndef _PROOF_H
#define _PROOF_H

#include "kernel.h"
#include "hardware.h"
#include "ept_pte.h"

#define assume(condition)		__CPROVER_assume(condition)
#ifdef PROOF_REACHED
/* Shows that each property is looked at: none holds, whatever is assumed. */
#define prove(condition, property)	__CPROVER_assert(((void)(condition), 0), property)
#else
#define prove(condition, property)	__CPROVER_assert(condition, property)
#endif
#define implies(a, b)			(!(a) || (b))

/* Any value: what isn't initialised may be anything, to CBMC. */
#define PROOF_ANY(type, name)			\
static inline type name(void)			\
{						\
	type any;				\
						\
	return any;				\
}

PROOF_ANY(bool, any_bool)
PROOF_ANY(u8, any_u8)
PROOF_ANY(u32, any_u32)
PROOF_ANY(u64, any_u64)

/* A number of 0 to @last */
static inline u32 any_up_to(u32 last)
{
	const u32 n = any_u32();

	assume(n <= last);
	return n;
}

/* Each configuration that ept_config_check() accepts */
static inline struct ept_config any_config(void)
{
	const struct ept_config config = {
		.levels = any_bool() ? 4 : 5,
		.max_leaf = any_up_to(EPT_1G),
		.maxphyaddr = 32 + any_up_to(20),
		.features = any_up_to(0xff),
		.flags = any_up_to(7),
		.table_memtype = any_bool() ? EPT_MT_WB : EPT_MT_UC,
	};

	return config;
}

/* The CPU that a configuration is for */
static inline struct cpu cpu_of(const struct ept_config *config)
{
	return (struct cpu){
		.width = config->maxphyaddr,
		.exec_only = config->features & EPT_FEATURE_EXEC_ONLY,
		.leaf_2m = config->max_leaf >= EPT_2M,
		.leaf_1g = config->max_leaf >= EPT_1G,
		.mode_exec = config->features & EPT_FEATURE_MODE_EXEC,
		.ad = config->features & EPT_FEATURE_AD,
	};
}

/* Attributes that the table can have */
static inline struct ept_attrs any_attrs(const struct ept_format *fmt)
{
	const struct ept_attrs attrs = {
		.prot = any_u32(),
		.memtype = any_u32(),
		.flags = any_u32(),
		.tag = any_u8(),
	};

	assume(ept_attrs_valid(&attrs) && ept_attrs_supported(fmt, &attrs));
	return attrs;
}

static inline bool attrs_equal(struct ept_attrs a, struct ept_attrs b)
{
	return a.prot == b.prot && a.memtype == b.memtype && a.flags == b.flags && a.tag == b.tag;
}

/* A host-physical address of a leaf of @level */
static inline u64 any_hpa(const struct ept_config *config, enum ept_level level)
{
	const u64 hpa = any_u64();

	assume(hpa < 1ULL << config->maxphyaddr && !(hpa & (ept_level_size(level) - 1)));
	return hpa;
}

#endif /* _PROOF_H */
