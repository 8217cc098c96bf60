// SPDX-License-Identifier: GPL-2.0
/*
 * Conformance of ept's tables with a CPU, for developers. Loading it runs a guest of a few
 * instructions on tables of all sorts, thousands of times, and says for each class of cases how
 * many there were and how many came to anything else than the model MMU of kunit/ and ept itself
 * say. The guest uses memory that the kernel was told to leave alone: mem= on its command line, and
 * the parameter 'memory'. Documentation/hardware.rst.
 */
#define pr_fmt(fmt) "ept_hw: " fmt

#include <linux/cpufeature.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "ept_compat.h"
#include "hw.h"

static ulong memory;
module_param(memory, ulong, 0444);
MODULE_PARM_DESC(memory, "4M around a 1G boundary that this kernel does not use");

static bool brief;
module_param(brief, bool, 0444);
MODULE_PARM_DESC(brief, "fewer cases");

static struct hw conformance = { .report.name = "ept_hw" };

/* The CPU as the model sees it, from the MSR itself and not by way of ept's capabilities */
static void describe_cpu(struct mmu *mmu, const struct ept_config *config)
{
	const u64 cap = vmx_read_msr(MSR_IA32_VMX_EPT_VPID_CAP);

	*mmu = (struct mmu){
		.maxphyaddr = cpuid_eax(0x80000008) & 0xff,
		.exec_only = cap & BIT_ULL(0),
		.walk_4 = cap & BIT_ULL(6),
		.walk_5 = cap & BIT_ULL(7),
		.tables_uc = cap & BIT_ULL(8),
		.tables_wb = cap & BIT_ULL(14),
		.leaf_2m = cap & BIT_ULL(16),
		.leaf_1g = cap & BIT_ULL(17),
		.accessed_dirty = cap & BIT_ULL(21),
		.shadow_stack = cap & BIT_ULL(23),
		.mode_exec = config->features & EPT_FEATURE_MODE_EXEC,
		.ve = config->features & EPT_FEATURE_VE,
	};
}

/*
 * A table for a class
 */

static int open_table(struct hw *hw, u32 features)
{
	int err;

	ept_config_from_caps(&hw->config, &hw->caps);
	hw->config.name = "ept_hw";
	hw->config.flags = 0;
	hw->config.features = features;
	hw->ept = ept_create(&hw->config);
	if (IS_ERR(hw->ept))
		return PTR_ERR(hw->ept);
	hw->eptp = ept_pointer(hw->ept);
	hw->secondary = ept_secondary_controls(&hw->config);
	describe_cpu(&hw->mmu, &hw->config);
	err = hw_guest_map(hw, hw->ept) ?: hw_vcpu_use(&hw->vcpu, hw->eptp, hw->secondary);
	if (err)
		ept_destroy(hw->ept);
	return err;
}

static void run_class(struct hw *hw, const struct hw_class *class, u32 features)
{
	char what[2 * REPORT_TEXT_SIZE];
	int err;

	hw->cases = 0;
	hw->differ = 0;
	err = open_table(hw, features | class->needs);
	if (!err) {
		err = class->run(hw);
		ept_destroy(hw->ept);
	}
	if (err)
		report_error(&hw->report, class->name, err);
	/* Some make no difference to one of the ways. */
	if (!hw->cases)
		return;
	scnprintf(what, sizeof(what), "%s%s%s, %lu cases: how many differ", class->name,
		  features & EPT_FEATURE_AD ? ", accessed and dirty" : "",
		  features & EPT_FEATURE_MODE_EXEC ? ", mode-based execute" : "", hw->cases);
	report_count(&hw->report, what, 0, hw->differ);
	hw->all += hw->cases;
	cond_resched();
}

/* With and without accessed and dirty flags, and mode-based execute */
static void run_each_way(struct hw *hw, const struct hw_class *class)
{
	const u32 ad = hw->caps.accessed_dirty ? EPT_FEATURE_AD : 0;
	const u32 mode = hw->caps.mode_exec ? EPT_FEATURE_MODE_EXEC : 0;
	const u32 only = hw->caps.exec_only ? EPT_FEATURE_EXEC_ONLY : 0;

	run_class(hw, class, only);
	if (ad)
		run_class(hw, class, only | ad);
	if (mode)
		run_class(hw, class, only | ad | mode);
}

static void run_classes(struct hw *hw)
{
	const struct { const struct hw_class *class; bool there; } classes[] = {
		{ &hw_leaves, true }, { &hw_levels, true }, { &hw_across, true },
		{ &hw_walks, true }, { &hw_raw, true }, { &hw_published, true },
		{ &hw_pointer, true }, { &hw_ve, hw->caps.ve },
		{ &hw_vmfunc, hw->caps.eptp_switching },
		{ &hw_pml, hw->caps.pml && hw->caps.accessed_dirty },
		{ &hw_subpage, hw->caps.subpage }, { &hw_shadow, hw->caps.super_shadow },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(classes); i++) {
		hw->report.step = 'a' + i;
		if (classes[i].there)
			run_each_way(hw, classes[i].class);
		else
			report_skip(&hw->report, classes[i].class->name);
	}
}

/* Kept on one CPU, so that cases differ by nothing else; may sleep. */
static int run_all(void *arg)
{
	struct hw *hw = arg;
	unsigned int i;
	int err;

	err = hw_vcpu_create(&hw->vcpu);
	if (err)
		return err;
	run_classes(hw);
	hw_vcpu_destroy(&hw->vcpu);
	for (i = 0; i < HW_NR_DEVIATIONS; i++)
		pr_info("excluded, as %s: %lu cases\n", hw_deviation_names[i], hw->excluded[i]);
	pr_info("%lu cases in all\n", hw->all);
	return 0;
}

/* Nobody but the guest may lose what is there. */
static bool memory_is_usable(void)
{
	return memory && IS_ALIGNED(memory + SZ_2M, SZ_1G) &&
	       region_intersects(memory, SZ_4M, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) ==
		       REGION_DISJOINT;
}

static int __init hw_init(void)
{
	struct hw *hw = &conformance;
	int err;

	err = ept_caps_read(&hw->caps);
	if (err)
		return report_refuse_cpu(&hw->report, err);
	if (!memory_is_usable())
		return report_refuse(&hw->report, "no 4M around a 1G boundary, see mem=", -EINVAL);
	hw->memory = memory;
	hw->brief = brief;
	err = hw_guest_create(hw);
	if (err)
		return report_refuse(&hw->report, "there is no memory for a guest", err);
	err = smp_call_on_cpu(raw_smp_processor_id(), run_all, hw, false);
	hw_guest_destroy(hw);
	if (err)
		return report_refuse_vmx(&hw->report, err);
	report_end(&hw->report);
	return 0;
}

static void __exit hw_exit(void)
{
}

module_init(hw_init);
module_exit(hw_exit);

MODULE_DESCRIPTION("Holds ept.ko's tables to the CPU, case by case");
MODULE_LICENSE("GPL");
EPT_IMPORT_NS;
