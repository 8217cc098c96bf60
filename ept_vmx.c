// SPDX-License-Identifier: GPL-2.0
/*
 * The CPU's side: MSRs to capabilities to configuration, the EPTP, INVEPT, violations. Nothing else
 * reads an MSR or includes asm/vmx.h. Executes INVEPT and RDMSR, and nothing else that is
 * privileged.
 *
 * Encodes the manual's appendix "VMX Capability Reporting Facility", and its sections
 * "Extended-Page-Table Pointer (EPTP)", "INVEPT" and "Exit Qualification for EPT Violations".
 */
/* First: in a UML build, headers that come later clash with its HOST_*_BASE. */
#include <asm/vmx.h>

#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/string.h>

#ifndef CONFIG_UML
#include <asm/asm.h>
#include <asm/msr.h>
#endif

#include "ept_priv.h"

/* IA32_FEATURE_CONTROL */
#define FEATURE_CONTROL_LOCKED		BIT_ULL(0)
#define FEATURE_CONTROL_VMX		BIT_ULL(2)	/* outside SMX */

/* IA32_VMX_BASIC */
#define BASIC_MEMTYPE			GENMASK_ULL(53, 50)
#define BASIC_TRUE_CONTROLS		BIT_ULL(55)

/* Processor-based controls: allowed to be 1 in the MSRs' high halves, must be 1 in the low ones */
#define ALLOWED(control)		((control) << 32)
#define PRIMARY_INVLPG_EXIT		BIT_ULL(9)
#define PRIMARY_CR3_LOAD_EXIT		BIT_ULL(15)
#define PRIMARY_CR3_STORE_EXIT		BIT_ULL(16)
#define PRIMARY_TERTIARY		BIT_ULL(17)
#define PRIMARY_SECONDARY		BIT_ULL(31)

#define SECONDARY_EPT			BIT_ULL(1)
#define SECONDARY_VPID			BIT_ULL(5)
#define SECONDARY_UNRESTRICTED		BIT_ULL(7)
#define SECONDARY_VMFUNC		BIT_ULL(13)
#define SECONDARY_PML			BIT_ULL(17)
#define SECONDARY_VE			BIT_ULL(18)
#define SECONDARY_MODE_EXEC		BIT_ULL(22)
#define SECONDARY_SUBPAGE		BIT_ULL(23)

#define TERTIARY_HLAT			BIT_ULL(1)
#define TERTIARY_PAGING_WRITE		BIT_ULL(2)
#define TERTIARY_VERIFY_PAGING		BIT_ULL(3)
#define TERTIARY_IPI_VIRTUALIZATION	BIT_ULL(4)

#define VMFUNC_EPTP_SWITCHING		BIT_ULL(0)

/* IA32_VMX_EPT_VPID_CAP */
#define CAP_EXEC_ONLY			BIT_ULL(0)
#define CAP_LEVELS_4			BIT_ULL(6)
#define CAP_LEVELS_5			BIT_ULL(7)
#define CAP_TABLE_UC			BIT_ULL(8)
#define CAP_TABLE_WB			BIT_ULL(14)
#define CAP_LEAF_2M			BIT_ULL(16)
#define CAP_LEAF_1G			BIT_ULL(17)
#define CAP_INVEPT			BIT_ULL(20)
#define CAP_ACCESSED_DIRTY		BIT_ULL(21)
#define CAP_ADVANCED_INFO		BIT_ULL(22)
#define CAP_SUPER_SHADOW		BIT_ULL(23)
#define CAP_INVEPT_CONTEXT		BIT_ULL(25)
#define CAP_INVEPT_GLOBAL		BIT_ULL(26)
#define CAP_INVVPID			BIT_ULL(32)
#define CAP_INVVPID_ADDRESS		BIT_ULL(40)
#define CAP_INVVPID_CONTEXT		BIT_ULL(41)
#define CAP_INVVPID_ALL			BIT_ULL(42)
#define CAP_INVVPID_RETAIN_GLOBAL	BIT_ULL(43)
#define CAP_HLAT_PREFIX_MAX		GENMASK_ULL(53, 48)

/* EPTP */
#define POINTER_MEMTYPE			GENMASK_ULL(2, 0)
#define POINTER_LEVELS			GENMASK_ULL(5, 3)	/* less 1 */
#define POINTER_ACCESSED_DIRTY		BIT_ULL(6)
#define POINTER_SUPER_SHADOW		BIT_ULL(7)

/* Exit qualification of an EPT violation */
#define QUAL_READ			BIT_ULL(0)
#define QUAL_WRITE			BIT_ULL(1)
#define QUAL_EXEC			BIT_ULL(2)
#define QUAL_READABLE			BIT_ULL(3)
#define QUAL_WRITABLE			BIT_ULL(4)
#define QUAL_EXECUTABLE			BIT_ULL(5)
#define QUAL_UEXECUTABLE		BIT_ULL(6)
#define QUAL_GLA_VALID			BIT_ULL(7)
#define QUAL_FINAL_ACCESS		BIT_ULL(8)
#define QUAL_GLA_USER			BIT_ULL(9)
#define QUAL_GLA_WRITABLE		BIT_ULL(10)
#define QUAL_GLA_NO_EXEC		BIT_ULL(11)
#define QUAL_NMI_UNBLOCKING		BIT_ULL(12)
#define QUAL_SHADOW_STACK		BIT_ULL(13)

/* The kernel's names for the same bits */
static_assert(EPT_PTE_READ == VMX_EPT_READABLE_MASK);
static_assert(EPT_PTE_WRITE == VMX_EPT_WRITABLE_MASK);
static_assert(EPT_PTE_EXEC == VMX_EPT_EXECUTABLE_MASK);
static_assert(EPT_PTE_IGNORE_PAT == VMX_EPT_IPAT_BIT);
static_assert(EPT_PTE_ACCESSED == VMX_EPT_ACCESS_BIT);
static_assert(EPT_PTE_DIRTY == VMX_EPT_DIRTY_BIT);
static_assert(CAP_EXEC_ONLY == VMX_EPT_EXECUTE_ONLY_BIT);
static_assert(CAP_LEVELS_4 == VMX_EPT_PAGE_WALK_4_BIT);
static_assert(CAP_LEVELS_5 == VMX_EPT_PAGE_WALK_5_BIT);
static_assert(CAP_TABLE_UC == VMX_EPTP_UC_BIT);
static_assert(CAP_TABLE_WB == VMX_EPTP_WB_BIT);
static_assert(CAP_LEAF_2M == VMX_EPT_2MB_PAGE_BIT);
static_assert(CAP_LEAF_1G == VMX_EPT_1GB_PAGE_BIT);
static_assert(CAP_INVEPT == VMX_EPT_INVEPT_BIT);
static_assert(CAP_ACCESSED_DIRTY == VMX_EPT_AD_BIT);
static_assert(CAP_INVEPT_CONTEXT == VMX_EPT_EXTENT_CONTEXT_BIT);
static_assert(CAP_INVEPT_GLOBAL == VMX_EPT_EXTENT_GLOBAL_BIT);
static_assert(POINTER_ACCESSED_DIRTY == VMX_EPTP_AD_ENABLE_BIT);
static_assert(QUAL_WRITE == EPT_VIOLATION_ACC_WRITE);
static_assert(QUAL_FINAL_ACCESS == EPT_VIOLATION_GVA_TRANSLATED);

/*
 * Capabilities
 */

/* AVR41: on this CPU, accessed and dirty flags are not to be used. */
static bool has_erratum_avr41(u32 signature)
{
	const u32 family = FIELD_GET(GENMASK(11, 8), signature);
	const u32 model = FIELD_GET(GENMASK(19, 16), signature) << 4 |
			  FIELD_GET(GENMASK(7, 4), signature);

	return family == 6 && model == 0x4d;
}

/* 0 if VMX can be turned on */
static int check_vmx(const struct ept_msrs *msrs)
{
	if (!msrs->vmx || !(msrs->valid & EPT_MSR_BASIC) || !(msrs->valid & EPT_MSR_PROCBASED))
		return -ENODEV;
	if (msrs->valid & EPT_MSR_FEATURE_CONTROL &&
	    msrs->feature_control & FEATURE_CONTROL_LOCKED &&
	    !(msrs->feature_control & FEATURE_CONTROL_VMX))
		return -EPERM;
	return 0;
}

static u64 primary_controls(const struct ept_msrs *msrs)
{
	if (msrs->basic & BASIC_TRUE_CONTROLS && msrs->valid & EPT_MSR_TRUE_PROCBASED)
		return msrs->true_procbased;
	return msrs->procbased;
}

static int check_ept(const struct ept_msrs *msrs)
{
	if (!(primary_controls(msrs) & ALLOWED(PRIMARY_SECONDARY)) ||
	    !(msrs->valid & EPT_MSR_PROCBASED2) ||
	    !(msrs->procbased2 & ALLOWED(SECONDARY_EPT)) ||
	    !(msrs->valid & EPT_MSR_EPT_VPID_CAP))
		return -EOPNOTSUPP;
	return 0;
}

static void decode_ept_vpid_cap(struct ept_caps *caps, u64 cap)
{
	caps->exec_only = cap & CAP_EXEC_ONLY;
	caps->levels_4 = cap & CAP_LEVELS_4;
	caps->levels_5 = cap & CAP_LEVELS_5;
	caps->table_uc = cap & CAP_TABLE_UC;
	caps->table_wb = cap & CAP_TABLE_WB;
	caps->leaf_2m = cap & CAP_LEAF_2M;
	caps->leaf_1g = cap & CAP_LEAF_1G;
	caps->accessed_dirty = cap & CAP_ACCESSED_DIRTY &&
			       !has_erratum_avr41(caps->msrs.signature);
	caps->advanced_info = cap & CAP_ADVANCED_INFO;
	caps->super_shadow = cap & CAP_SUPER_SHADOW;
	caps->invept = cap & CAP_INVEPT;
	caps->invept_context = caps->invept && cap & CAP_INVEPT_CONTEXT;
	caps->invept_global = caps->invept && cap & CAP_INVEPT_GLOBAL;
	caps->invvpid = cap & CAP_INVVPID;
	caps->invvpid_address = caps->invvpid && cap & CAP_INVVPID_ADDRESS;
	caps->invvpid_context = caps->invvpid && cap & CAP_INVVPID_CONTEXT;
	caps->invvpid_all = caps->invvpid && cap & CAP_INVVPID_ALL;
	caps->invvpid_retain_global = caps->invvpid && cap & CAP_INVVPID_RETAIN_GLOBAL;
	caps->hlat_prefix_max = FIELD_GET(CAP_HLAT_PREFIX_MAX, cap);
}

static void decode_controls(struct ept_caps *caps, const struct ept_msrs *msrs)
{
	const u64 primary = primary_controls(msrs);
	const u64 secondary = msrs->procbased2 >> 32;
	const u64 tertiary = primary & ALLOWED(PRIMARY_TERTIARY) &&
			     msrs->valid & EPT_MSR_PROCBASED3 ? msrs->procbased3 : 0;

	caps->true_controls = msrs->basic & BASIC_TRUE_CONTROLS;
	caps->vmcs_memtype = FIELD_GET(BASIC_MEMTYPE, msrs->basic);
	caps->cr3_exits_optional = !(primary & (PRIMARY_INVLPG_EXIT | PRIMARY_CR3_LOAD_EXIT |
						PRIMARY_CR3_STORE_EXIT));
	caps->vpid = secondary & SECONDARY_VPID;
	caps->unrestricted_guest = secondary & SECONDARY_UNRESTRICTED;
	caps->vmfunc = secondary & SECONDARY_VMFUNC;
	caps->pml = secondary & SECONDARY_PML;
	caps->ve = secondary & SECONDARY_VE;
	caps->mode_exec = secondary & SECONDARY_MODE_EXEC;
	caps->subpage = secondary & SECONDARY_SUBPAGE;
	caps->hlat = tertiary & TERTIARY_HLAT;
	caps->paging_write = tertiary & TERTIARY_PAGING_WRITE;
	caps->verify_paging = tertiary & TERTIARY_VERIFY_PAGING;
	caps->ipi_virtualization = tertiary & TERTIARY_IPI_VIRTUALIZATION;
	caps->eptp_switching = caps->vmfunc && msrs->valid & EPT_MSR_VMFUNC &&
			       msrs->vmfunc & VMFUNC_EPTP_SWITCHING;
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
	};
	if (cpuid_eax(0x80000000) >= 0x80000008) {
		msrs->maxphyaddr = cpuid_eax(0x80000008);
		msrs->valid |= EPT_MSR_MAXPHYADDR;
	}
	if (!msrs->vmx)
		return;

	read_msr(msrs, 0x3a, EPT_MSR_FEATURE_CONTROL, &msrs->feature_control);
	read_msr(msrs, 0x480, EPT_MSR_BASIC, &msrs->basic);
	read_msr(msrs, 0x482, EPT_MSR_PROCBASED, &msrs->procbased);
	if (msrs->basic & BASIC_TRUE_CONTROLS)
		read_msr(msrs, 0x48e, EPT_MSR_TRUE_PROCBASED, &msrs->true_procbased);
	/* Each of the following exists only where one before allows it. */
	if (primary_controls(msrs) & ALLOWED(PRIMARY_TERTIARY))
		read_msr(msrs, 0x492, EPT_MSR_PROCBASED3, &msrs->procbased3);
	if (!(primary_controls(msrs) & ALLOWED(PRIMARY_SECONDARY)))
		return;
	read_msr(msrs, 0x48b, EPT_MSR_PROCBASED2, &msrs->procbased2);
	if (msrs->procbased2 & ALLOWED(SECONDARY_EPT | SECONDARY_VPID))
		read_msr(msrs, 0x48c, EPT_MSR_EPT_VPID_CAP, &msrs->ept_vpid_cap);
	if (msrs->procbased2 & ALLOWED(SECONDARY_VMFUNC))
		read_msr(msrs, 0x491, EPT_MSR_VMFUNC, &msrs->vmfunc);
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

int ept_config_check(const struct ept_config *config, const struct ept_caps *caps)
{
	if (!config || !config_valid(config))
		return -EINVAL;
	if (!caps)
		return 0;
	if ((config->levels == 4 ? !caps->levels_4 : !caps->levels_5) ||
	    config->max_leaf > max_leaf(caps) ||
	    config->maxphyaddr > caps->maxphyaddr ||
	    config->features & ~features(caps) ||
	    (config->table_memtype == EPT_MT_WB ? !caps->table_wb : !caps->table_uc))
		return -EOPNOTSUPP;
	return 0;
}
EXPORT_SYMBOL_EPT(ept_config_check);

u64 ept_vmx_pointer(const struct ept_config *config, phys_addr_t root)
{
	u64 pointer = root | FIELD_PREP(POINTER_MEMTYPE, config->table_memtype) |
		      FIELD_PREP(POINTER_LEVELS, config->levels - 1);

	if (config->features & EPT_FEATURE_AD)
		pointer |= POINTER_ACCESSED_DIRTY;
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

void ept_violation_decode(u64 qualification, const struct ept_caps *caps,
			  struct ept_violation *violation)
{
	const bool gla_valid = qualification & QUAL_GLA_VALID;
	const bool final = gla_valid && qualification & QUAL_FINAL_ACCESS;
	const bool advanced = final && caps && caps->advanced_info;

	if (!violation)
		return;
	*violation = (struct ept_violation){
		.read = qualification & (QUAL_READ | QUAL_WRITE),
		.write = qualification & QUAL_WRITE,
		.exec = qualification & QUAL_EXEC,
		.prot = (qualification & QUAL_READABLE ? EPT_PROT_READ : 0) |
			(qualification & QUAL_WRITABLE ? EPT_PROT_WRITE : 0) |
			(qualification & QUAL_EXECUTABLE ? EPT_PROT_EXEC : 0),
		.gla_valid = gla_valid,
		.page_walk = gla_valid && !final,
		.nmi_unblocking = qualification & QUAL_NMI_UNBLOCKING,
		.shadow_stack = qualification & QUAL_SHADOW_STACK,
		.advanced = advanced,
		.user = advanced && qualification & QUAL_GLA_USER,
		.writable = advanced && qualification & QUAL_GLA_WRITABLE,
		.no_exec = advanced && qualification & QUAL_GLA_NO_EXEC,
	};
	if (caps && caps->mode_exec && qualification & QUAL_UEXECUTABLE)
		violation->prot |= EPT_PROT_UEXEC;
}
EXPORT_SYMBOL_EPT(ept_violation_decode);
