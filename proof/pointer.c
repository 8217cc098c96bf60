// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs about the EPTP and the configuration that it is made from.
 */
#include "config.h"
#include "../ept_pte.c"
#include "../ept_vmx.c"

/* The manual's "Extended-Page-Table Pointer (EPTP)": whether a VM entry accepts it on this CPU */
static bool cpu_accepts(const struct ept_caps *caps, u64 eptp)
{
	const u64 memtype = bits(eptp, 2, 0), levels = bits(eptp, 5, 3) + 1;

	return (memtype == 0 ? caps->table_uc : memtype == 6 && caps->table_wb) &&
	       (levels == 4 ? caps->levels_4 : levels == 5 && caps->levels_5) &&
	       (!bit(eptp, 6) || caps->accessed_dirty) &&
	       (!bit(eptp, 7) || caps->super_shadow) &&
	       !bits(eptp, 11, 8) && !(eptp >> caps->maxphyaddr);
}

/* Any values of the MSRs, decoded, on a CPU that has EPT */
static struct ept_caps any_caps(void)
{
	struct ept_msrs msrs = {
		.valid = any_u32(), .vmx = any_bool(), .signature = any_u32(),
		.maxphyaddr = 32 + any_up_to(20), .feature_control = any_u64(),
		.basic = any_u64(), .procbased = any_u64(), .true_procbased = any_u64(),
		.procbased2 = any_u64(), .procbased3 = any_u64(), .ept_vpid_cap = any_u64(),
		.vmfunc = any_u64(),
	};
	struct ept_caps caps;

	assume(!ept_caps_decode(&msrs, &caps));
	return caps;
}

static struct ept_config any_values(void)
{
	return (struct ept_config){
		.levels = any_u32(), .max_leaf = any_u32(), .maxphyaddr = any_u32(),
		.features = any_u32(), .flags = any_u32(), .table_memtype = any_u32(),
		.nid = NUMA_NO_NODE,
	};
}

/*
 * PROOF pointer_accepted
 * The EPTP of a configuration that was checked against a CPU is one that this CPU accepts, for any
 * values of its MSRs
 * FAULT ept_vmx.c s/config->levels - 1);/config->levels);/
 * FAULT ept_vmx.c s/config->features & ~features(caps) ||//
 */
void pointer_accepted(void)
{
	const struct ept_caps caps = any_caps();
	const struct ept_config config = any_values();
	const u64 root = any_u64();
	u64 eptp;

	assume(!ept_config_check(&config, &caps));
	assume(root % 4096 == 0 && root < 1ULL << config.maxphyaddr);
	eptp = ept_vmx_pointer(&config, root);
	prove(cpu_accepts(&caps, eptp), "a VM entry accepts it");
	prove((bits(eptp, 51, 12) << 12) == root, "its root is the table");
	prove(bits(eptp, 5, 3) == config.levels - 1 && bits(eptp, 2, 0) == config.table_memtype,
	      "it is what was asked for");
	prove(bit(eptp, 6) == !!(config.features & EPT_FEATURE_AD) &&
	      bit(eptp, 7) == !!(config.features & EPT_FEATURE_SUPER_SHADOW), "in its features, too");
}

/*
 * PROOF config_checked
 * A configuration is accepted exactly if each of its values is one that ept_core.h allows
 * FAULT ept_vmx.c s/config->max_leaf <= EPT_1G/config->max_leaf <= EPT_512G/
 */
void config_checked(void)
{
	const struct ept_config config = any_values();
	const bool legal = (config.levels == 4 || config.levels == 5) && config.max_leaf < 3 &&
			   config.maxphyaddr >= 32 && config.maxphyaddr <= 52 &&
			   config.features < 256 && config.flags < 8 &&
			   (config.table_memtype == 0 || config.table_memtype == 6);

	prove(ept_config_check(&config, NULL) == (legal ? 0 : -EINVAL), "legal is what is accepted");
	prove(ept_config_check(NULL, NULL) == -EINVAL, "NULL isn't");
}
