/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Any configuration of a table, the CPU that it is for, and what such a table may map.
 */
#ifndef _PROOF_CONFIG_H
#define _PROOF_CONFIG_H

#include "ept_pte.h"
#include "hardware.h"
#include "proof.h"

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

#endif /* _PROOF_CONFIG_H */
