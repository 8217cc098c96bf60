// SPDX-License-Identifier: GPL-2.0
/*
 * The CPU's side: MSRs to capabilities to configuration, the EPTP, INVEPT, violations. Of the core
 * nothing else reads an MSR or includes asm/vmx.h. Executes INVEPT and RDMSR, and nothing else that
 * is privileged.
 *
 * Encodes the manual's appendix "VMX Capability Reporting Facility", and its sections
 * "Extended-Page-Table Pointer (EPTP)", "INVEPT" and "Exit Qualification for EPT Violations".
 */
/* First: in a UML build, headers that come later clash with its HOST_*_BASE. */
#include <asm/vmx.h>
#include <asm/msr-index.h>

#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/string.h>

#ifndef CONFIG_UML
#include <linux/cpu.h>
#include <linux/cpufeature.h>
#include <asm/asm.h>
#include <asm/msr.h>
#endif

#include "ept_priv.h"

/* Processor-based controls: allowed to be 1 in the MSRs' high halves, must be 1 in the low ones */
#define ALLOWED(control)		((u64)(control) << 32)

/* What the kernel has no names for */
#define SECONDARY_SUBPAGE		BIT(23)
#define TERTIARY_HLAT			BIT_ULL(1)
#define TERTIARY_PAGING_WRITE		BIT_ULL(2)
#define TERTIARY_VERIFY_PAGING		BIT_ULL(3)
#define CAP_SUPER_SHADOW		BIT_ULL(23)
#define CAP_HLAT_PREFIX_MAX		GENMASK_ULL(53, 48)
#define POINTER_SUPER_SHADOW		BIT_ULL(7)
#define QUAL_SHADOW_STACK		BIT_ULL(13)

/*
 * Capabilities
 */

/*
 * AVR41: on this CPU, family 6 and model 0x4d, accessed and dirty flags are not to be used. The
 * kernel's x86_model() isn't there in a UML build.
 */
static bool has_erratum_avr41(u32 signature)
{
	const u32 family_and_model = GENMASK(19, 16) | GENMASK(11, 4);

	return (signature & family_and_model) == 0x406d0;
}

/* 0 if VMX can be turned on */
static int check_vmx(const struct ept_msrs *msrs)
{
	if (!msrs->vmx || !(msrs->valid & EPT_MSR_BASIC) || !(msrs->valid & EPT_MSR_PROCBASED))
		return -ENODEV;
	if (msrs->valid & EPT_MSR_FEATURE_CONTROL &&
	    msrs->feature_control & FEAT_CTL_LOCKED &&
	    !(msrs->feature_control & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		return -EPERM;
	return 0;
}

static u64 primary_controls(const struct ept_msrs *msrs)
{
	if (msrs->basic & VMX_BASIC_TRUE_CTLS && msrs->valid & EPT_MSR_TRUE_PROCBASED)
		return msrs->true_procbased;
	return msrs->procbased;
}

static int check_ept(const struct ept_msrs *msrs)
{
	if (!(primary_controls(msrs) & ALLOWED(CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)) ||
	    !(msrs->valid & EPT_MSR_PROCBASED2) ||
	    !(msrs->procbased2 & ALLOWED(SECONDARY_EXEC_ENABLE_EPT)) ||
	    !(msrs->valid & EPT_MSR_EPT_VPID_CAP))
		return -EOPNOTSUPP;
	return 0;
}

static void decode_ept_vpid_cap(struct ept_caps *caps, u64 cap)
{
	const u32 vpid = cap >> 32;

	caps->exec_only = cap & VMX_EPT_EXECUTE_ONLY_BIT;
	caps->levels_4 = cap & VMX_EPT_PAGE_WALK_4_BIT;
	caps->levels_5 = cap & VMX_EPT_PAGE_WALK_5_BIT;
	caps->table_uc = cap & VMX_EPTP_UC_BIT;
	caps->table_wb = cap & VMX_EPTP_WB_BIT;
	caps->leaf_2m = cap & VMX_EPT_2MB_PAGE_BIT;
	caps->leaf_1g = cap & VMX_EPT_1GB_PAGE_BIT;
	caps->accessed_dirty = cap & VMX_EPT_AD_BIT &&
			       !has_erratum_avr41(caps->msrs.signature);
	caps->advanced_info = cap & VMX_EPT_ADVANCED_VMEXIT_INFO_BIT;
	caps->super_shadow = cap & CAP_SUPER_SHADOW;
	caps->invept = cap & VMX_EPT_INVEPT_BIT;
	caps->invept_context = caps->invept && cap & VMX_EPT_EXTENT_CONTEXT_BIT;
	caps->invept_global = caps->invept && cap & VMX_EPT_EXTENT_GLOBAL_BIT;
	caps->invvpid = vpid & VMX_VPID_INVVPID_BIT;
	caps->invvpid_address = caps->invvpid && vpid & VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT;
	caps->invvpid_context = caps->invvpid && vpid & VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT;
	caps->invvpid_all = caps->invvpid && vpid & VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT;
	caps->invvpid_retain_global = caps->invvpid &&
				      vpid & VMX_VPID_EXTENT_SINGLE_NON_GLOBAL_BIT;
	caps->hlat_prefix_max = FIELD_GET(CAP_HLAT_PREFIX_MAX, cap);
}

static void decode_controls(struct ept_caps *caps, const struct ept_msrs *msrs)
{
	const u64 primary = primary_controls(msrs);
	const u64 secondary = msrs->procbased2 >> 32;
	const u64 tertiary = primary & ALLOWED(CPU_BASED_ACTIVATE_TERTIARY_CONTROLS) &&
			     msrs->valid & EPT_MSR_PROCBASED3 ? msrs->procbased3 : 0;

	caps->true_controls = msrs->basic & VMX_BASIC_TRUE_CTLS;
	caps->vmcs_memtype = vmx_basic_vmcs_mem_type(msrs->basic);
	caps->cr3_exits_optional = !(primary & (CPU_BASED_INVLPG_EXITING |
						CPU_BASED_CR3_LOAD_EXITING |
						CPU_BASED_CR3_STORE_EXITING));
	caps->vpid = secondary & SECONDARY_EXEC_ENABLE_VPID;
	caps->unrestricted_guest = secondary & SECONDARY_EXEC_UNRESTRICTED_GUEST;
	caps->vmfunc = secondary & SECONDARY_EXEC_ENABLE_VMFUNC;
	caps->pml = secondary & SECONDARY_EXEC_ENABLE_PML;
	caps->ve = secondary & SECONDARY_EXEC_EPT_VIOLATION_VE;
	caps->mode_exec = secondary & SECONDARY_EXEC_MODE_BASED_EPT_EXEC;
	caps->subpage = secondary & SECONDARY_SUBPAGE;
	caps->hlat = tertiary & TERTIARY_HLAT;
	caps->paging_write = tertiary & TERTIARY_PAGING_WRITE;
	caps->verify_paging = tertiary & TERTIARY_VERIFY_PAGING;
	caps->ipi_virtualization = tertiary & TERTIARY_EXEC_IPI_VIRT;
	caps->eptp_switching = caps->vmfunc && msrs->valid & EPT_MSR_VMFUNC &&
			       msrs->vmfunc & VMX_VMFUNC_EPTP_SWITCHING;
}

static int decode(const struct ept_msrs *msrs, struct ept_caps *caps)
{
	int err = check_vmx(msrs);

	if (!err)
		err = check_ept(msrs);
	if (err)
		return err;

	caps->msrs = *msrs;
	/* The width of CPUs that don't report one */
	caps->maxphyaddr = msrs->valid & EPT_MSR_MAXPHYADDR ? msrs->maxphyaddr : 36;
	caps->itlb_multihit = msrs->itlb_multihit;
	decode_ept_vpid_cap(caps, msrs->ept_vpid_cap);
	decode_controls(caps, msrs);
	return 0;
}

int ept_caps_decode(const struct ept_msrs *msrs, struct ept_caps *caps)
{
	/* They may be those of @caps. */
	const struct ept_msrs copy = msrs ? *msrs : (struct ept_msrs){};

	if (!caps)
		return -EINVAL;
	memset(caps, 0, sizeof(*caps));
	return msrs ? decode(&copy, caps) : -EINVAL;
}
EXPORT_SYMBOL_EPT(ept_caps_decode);

#ifdef CONFIG_UML

static void read_cpu(struct ept_msrs *msrs)
{
	*msrs = (struct ept_msrs){};
}

#else

static void read_msr(struct ept_msrs *msrs, u32 msr, u32 bit, u64 *value)
{
	if (!rdmsrq_safe(msr, value))
		msrs->valid |= bit;
	else
		*value = 0;
}

static void read_cpu(struct ept_msrs *msrs)
{
	*msrs = (struct ept_msrs){
		.vmx = cpuid_ecx(1) & BIT(5),
		.signature = cpuid_eax(1),
		.itlb_multihit = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off(),
	};
	if (cpuid_eax(0x80000000) >= 0x80000008) {
		msrs->maxphyaddr = cpuid_eax(0x80000008);
		msrs->valid |= EPT_MSR_MAXPHYADDR;
	}
	if (!msrs->vmx)
		return;

	read_msr(msrs, MSR_IA32_FEAT_CTL, EPT_MSR_FEATURE_CONTROL, &msrs->feature_control);
	read_msr(msrs, MSR_IA32_VMX_BASIC, EPT_MSR_BASIC, &msrs->basic);
	read_msr(msrs, MSR_IA32_VMX_PROCBASED_CTLS, EPT_MSR_PROCBASED, &msrs->procbased);
	if (msrs->basic & VMX_BASIC_TRUE_CTLS)
		read_msr(msrs, MSR_IA32_VMX_TRUE_PROCBASED_CTLS, EPT_MSR_TRUE_PROCBASED,
			 &msrs->true_procbased);
	/* Each of the following exists only where one before allows it. */
	if (primary_controls(msrs) & ALLOWED(CPU_BASED_ACTIVATE_TERTIARY_CONTROLS))
		read_msr(msrs, MSR_IA32_VMX_PROCBASED_CTLS3, EPT_MSR_PROCBASED3, &msrs->procbased3);
	if (!(primary_controls(msrs) & ALLOWED(CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)))
		return;
	read_msr(msrs, MSR_IA32_VMX_PROCBASED_CTLS2, EPT_MSR_PROCBASED2, &msrs->procbased2);
	if (msrs->procbased2 & ALLOWED(SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_ENABLE_VPID))
		read_msr(msrs, MSR_IA32_VMX_EPT_VPID_CAP, EPT_MSR_EPT_VPID_CAP,
			 &msrs->ept_vpid_cap);
	if (msrs->procbased2 & ALLOWED(SECONDARY_EXEC_ENABLE_VMFUNC))
		read_msr(msrs, MSR_IA32_VMX_VMFUNC, EPT_MSR_VMFUNC, &msrs->vmfunc);
}

#endif

int ept_caps_read(struct ept_caps *caps)
{
	struct ept_msrs msrs;

	read_cpu(&msrs);
	return ept_caps_decode(&msrs, caps);
}
EXPORT_SYMBOL_EPT(ept_caps_read);

/*
 * Configuration
 */

static enum ept_level max_leaf(const struct ept_caps *caps)
{
	if (!caps->leaf_2m)
		return EPT_4K;
	return caps->leaf_1g ? EPT_1G : EPT_2M;
}

/* The features that a CPU can run */
static u32 features(const struct ept_caps *caps)
{
	return (caps->accessed_dirty ? EPT_FEATURE_AD : 0) |
	       (caps->exec_only ? EPT_FEATURE_EXEC_ONLY : 0) |
	       (caps->mode_exec ? EPT_FEATURE_MODE_EXEC : 0) |
	       (caps->ve ? EPT_FEATURE_VE : 0) |
	       (caps->paging_write ? EPT_FEATURE_PAGING_WRITE : 0) |
	       (caps->verify_paging ? EPT_FEATURE_VERIFY_PAGING : 0) |
	       (caps->super_shadow ? EPT_FEATURE_SUPER_SHADOW : 0) |
	       (caps->subpage ? EPT_FEATURE_SUBPAGE : 0);
}

void ept_config_from_caps(struct ept_config *config, const struct ept_caps *caps)
{
	if (!config || !caps)
		return;
	*config = (struct ept_config){
		.levels = 4,
		.max_leaf = max_leaf(caps),
		.maxphyaddr = caps->maxphyaddr,
		.features = features(caps) & (EPT_FEATURE_AD | EPT_FEATURE_EXEC_ONLY),
		.flags = caps->itlb_multihit ? EPT_CONFIG_NO_EXEC_LARGE : 0,
		.table_memtype = caps->table_wb ? EPT_MT_WB : EPT_MT_UC,
		.nid = NUMA_NO_NODE,
	};
}
EXPORT_SYMBOL_EPT(ept_config_from_caps);

static bool name_valid(const char *name)
{
	return !name || (strlen(name) <= 64 && !strchr(name, '/') &&
			 strcmp(name, ".") && strcmp(name, ".."));
}

static bool nid_valid(int nid)
{
	return nid == NUMA_NO_NODE || (nid >= 0 && nid < MAX_NUMNODES && node_online(nid));
}

static bool config_valid(const struct ept_config *config)
{
	const u32 all_features = EPT_FEATURE_AD | EPT_FEATURE_EXEC_ONLY | EPT_FEATURE_MODE_EXEC |
				 EPT_FEATURE_VE | EPT_FEATURE_PAGING_WRITE |
				 EPT_FEATURE_VERIFY_PAGING | EPT_FEATURE_SUPER_SHADOW |
				 EPT_FEATURE_SUBPAGE;
	const u32 all_flags = EPT_CONFIG_EXTERNAL_LOCK | EPT_CONFIG_ATOMIC |
			      EPT_CONFIG_NO_EXEC_LARGE;

	return (config->levels == 4 || config->levels == 5) &&
	       config->max_leaf <= EPT_1G &&
	       config->maxphyaddr >= 32 && config->maxphyaddr <= 52 &&
	       !(config->features & ~all_features) && !(config->flags & ~all_flags) &&
	       (config->table_memtype == EPT_MT_WB || config->table_memtype == EPT_MT_UC) &&
	       nid_valid(config->nid) && name_valid(config->name);
}

/* Without one, no change could ever be made known to the CPU. */
static bool can_flush(const struct ept_caps *caps)
{
	return caps->invept && (caps->invept_context || caps->invept_global);
}

int ept_config_check(const struct ept_config *config, const struct ept_caps *caps)
{
	if (!config || !config_valid(config))
		return -EINVAL;
	if (!caps)
		return 0;
	if (!can_flush(caps) ||
	    (config->levels == 4 ? !caps->levels_4 : !caps->levels_5) ||
	    config->max_leaf > max_leaf(caps) ||
	    config->maxphyaddr > caps->maxphyaddr ||
	    config->features & ~features(caps) ||
	    (config->table_memtype == EPT_MT_WB ? !caps->table_wb : !caps->table_uc))
		return -EOPNOTSUPP;
	return 0;
}
EXPORT_SYMBOL_EPT(ept_config_check);

u32 ept_secondary_controls(const struct ept_config *config)
{
	if (!config)
		return 0;
	return SECONDARY_EXEC_ENABLE_EPT |
	       (config->features & EPT_FEATURE_MODE_EXEC ? SECONDARY_EXEC_MODE_BASED_EPT_EXEC : 0) |
	       (config->features & EPT_FEATURE_VE ? SECONDARY_EXEC_EPT_VIOLATION_VE : 0) |
	       (config->features & EPT_FEATURE_SUBPAGE ? SECONDARY_SUBPAGE : 0);
}
EXPORT_SYMBOL_EPT(ept_secondary_controls);

u64 ept_tertiary_controls(const struct ept_config *config)
{
	if (!config)
		return 0;
	return (config->features & EPT_FEATURE_PAGING_WRITE ? TERTIARY_PAGING_WRITE : 0) |
	       (config->features & EPT_FEATURE_VERIFY_PAGING ? TERTIARY_VERIFY_PAGING : 0);
}
EXPORT_SYMBOL_EPT(ept_tertiary_controls);

u64 ept_vmx_pointer(const struct ept_config *config, phys_addr_t root)
{
	u64 pointer = root | FIELD_PREP(VMX_EPTP_MT_MASK, config->table_memtype) |
		      FIELD_PREP(VMX_EPTP_PWL_MASK, config->levels - 1);

	if (config->features & EPT_FEATURE_AD)
		pointer |= VMX_EPTP_AD_ENABLE_BIT;
	if (config->features & EPT_FEATURE_SUPER_SHADOW)
		pointer |= POINTER_SUPER_SHADOW;
	return pointer;
}

/*
 * INVEPT
 */

#ifdef CONFIG_UML

static int run_invept(u64 type, u64 eptp)
{
	return -ENODEV;
}

#else

/* Outside VMX operation INVEPT faults, and a VMfail sets CF or ZF. */
static int run_invept(u64 type, u64 eptp)
{
	const struct {
		u64 eptp;
		u64 reserved;
	} descriptor = { .eptp = eptp };
	bool faulted = true, refused;

	asm volatile("1: invept %[descriptor], %[type]\n\t"
		     "movb $0, %[faulted]\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : "=@ccbe" (refused), [faulted] "+qm" (faulted)
		     : [descriptor] "m" (descriptor), [type] "r" (type)
		     : "memory");
	if (faulted)
		return -ENODEV;
	return refused ? -EINVAL : 0;
}

#endif

int ept_invept_context(u64 eptp)
{
	return run_invept(VMX_EPT_EXTENT_CONTEXT, eptp);
}
EXPORT_SYMBOL_EPT(ept_invept_context);

int ept_invept_global(void)
{
	return run_invept(VMX_EPT_EXTENT_GLOBAL, 0);
}
EXPORT_SYMBOL_EPT(ept_invept_global);

/*
 * Violations
 */

/*
 * Without advanced information a CPU doesn't say whose fetch it was; one that a supervisor's right
 * would have allowed was a user's.
 */
static bool user_fetch(const struct ept_violation *violation)
{
	return violation->advanced ? violation->user :
	       (violation->prot & (EPT_PROT_EXEC | EPT_PROT_UEXEC)) == EPT_PROT_EXEC;
}

static u32 access_of(const struct ept_violation *violation)
{
	const u32 fetch = user_fetch(violation) ? EPT_PROT_UEXEC : EPT_PROT_EXEC;

	return (violation->read ? EPT_PROT_READ : 0) | (violation->write ? EPT_PROT_WRITE : 0) |
	       (violation->exec ? fetch : 0);
}

void ept_violation_decode(u64 qualification, const struct ept_caps *caps,
			  struct ept_violation *violation)
{
	const bool gla_valid = qualification & EPT_VIOLATION_GVA_IS_VALID;
	const bool final = gla_valid && qualification & EPT_VIOLATION_GVA_TRANSLATED;
	const bool advanced = final && caps && caps->advanced_info;

	if (!violation)
		return;
	*violation = (struct ept_violation){
		.read = qualification & (EPT_VIOLATION_ACC_READ | EPT_VIOLATION_ACC_WRITE),
		.write = qualification & EPT_VIOLATION_ACC_WRITE,
		.exec = qualification & EPT_VIOLATION_ACC_INSTR,
		.prot = (qualification & EPT_VIOLATION_PROT_READ ? EPT_PROT_READ : 0) |
			(qualification & EPT_VIOLATION_PROT_WRITE ? EPT_PROT_WRITE : 0) |
			(qualification & EPT_VIOLATION_PROT_EXEC ? EPT_PROT_EXEC : 0),
		.gla_valid = gla_valid,
		.page_walk = gla_valid && !final,
		.nmi_unblocking = qualification & INTR_INFO_UNBLOCK_NMI,
		.shadow_stack = qualification & QUAL_SHADOW_STACK,
		.advanced = advanced,
		.user = advanced && qualification & EPT_VIOLATION_GVA_USER,
		.writable = advanced && qualification & EPT_VIOLATION_GVA_WRITABLE,
		.no_exec = advanced && qualification & EPT_VIOLATION_GVA_NX,
	};
	if (caps && caps->mode_exec && qualification & EPT_VIOLATION_PROT_USER_EXEC)
		violation->prot |= EPT_PROT_UEXEC;
	violation->access = access_of(violation);
}
EXPORT_SYMBOL_EPT(ept_violation_decode);

int ept_ve_decode(const struct ept_ve_info *info, const struct ept_caps *caps,
		  struct ept_violation *violation)
{
	if (!info || !violation)
		return -EINVAL;
	/* The CPU fills in the rest before it marks the page as busy. */
	if (!smp_load_acquire(&info->busy) || READ_ONCE(info->reason) != EPT_VE_REASON)
		return -ENOENT;
	ept_violation_decode(READ_ONCE(info->qualification), caps, violation);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_ve_decode);
