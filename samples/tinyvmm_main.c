// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: a small VMM, as an example of how to use ept.ko, and a proof on a real CPU that its
 * tables do what they should. Loading it runs a guest of a few instructions, step by step, and
 * prints what was expected and what the CPU did. Unloading it frees the table, which stays
 * until then so that /sys/kernel/debug/ept/tinyvmm/map can be read.
 *
 * A client of ept does, in this order:
 *
 *	ept_caps_read(), ept_config_from_caps(), ept_create()	here
 *	ept_map() and its kin, at any time			tinyvmm_steps.c
 *	ept_pointer() into the VMCS				tinyvmm_machine.c
 *	ept_vcpu_load(), VM entry, ept_vcpu_put()		tinyvmm_machine.c
 *	ept_violation_decode() after an exit for one		tinyvmm_machine.c
 *	ept_destroy(), then free the guest's memory		here
 */
#define pr_fmt(fmt) "tinyvmm: " fmt

#include <linux/module.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "tinyvmm.h"

static struct tinyvmm tinyvmm = { .report.name = "tinyvmm" };

/* Called on one CPU and kept there, so that a step knows another; may sleep, as changes may. */
static int run_guest(void *arg)
{
	struct tinyvmm *vmm = arg;
	int err;

	vmm->vcpu.ept = vmm->ept;
	err = tinyvmm_create_vcpu(&vmm->vcpu);
	if (err)
		return err;
	if (vmm->vcpu.vmx.beside)
		pr_info("VMX is on already: this guest runs beside others\n");
	tinyvmm_show_map(vmm, "before the guest runs");
	tinyvmm_run_steps(vmm);
	vcpu_destroy(&vmm->vcpu);
	return 0;
}

/* The table may say what this CPU can do, no more; what it needn't do may be turned off here. */
static int create_table(struct tinyvmm *vmm)
{
	ept_config_from_caps(&vmm->config, &vmm->caps);
	vmm->config.name = "tinyvmm";
	/* The guest is this module's own code, and shows large leaves. */
	vmm->config.flags &= ~EPT_CONFIG_NO_EXEC_LARGE;
	vmm->ept = ept_create(&vmm->config);
	return PTR_ERR_OR_ZERO(vmm->ept);
}

/* The table goes first: as long as there is one, the memory that it maps may not be given away. */
static void destroy(struct tinyvmm *vmm)
{
	ept_destroy(vmm->ept);
	tinyvmm_free_all(vmm);
}

static int __init tinyvmm_init(void)
{
	struct tinyvmm *vmm = &tinyvmm;
	int err;

	err = ept_caps_read(&vmm->caps);
	if (err)
		return report_refuse_cpu(&vmm->report, err);
	err = create_table(vmm);
	if (err)
		return report_refuse(&vmm->report, "there is no memory for a table", err);
	err = tinyvmm_build_guest(vmm);
	if (err) {
		report_refuse(&vmm->report, "there is no memory for a guest", err);
		goto out_destroy;
	}
	err = smp_call_on_cpu(raw_smp_processor_id(), run_guest, vmm, false);
	if (err) {
		err = report_refuse_vmx(&vmm->report, err);
		goto out_destroy;
	}
	tinyvmm_show_map(vmm, "at the end");
	report_end(&vmm->report);
	return 0;

out_destroy:
	destroy(vmm);
	return err;
}

static void __exit tinyvmm_exit(void)
{
	destroy(&tinyvmm);
}

module_init(tinyvmm_init);
module_exit(tinyvmm_exit);

MODULE_DESCRIPTION("A small VMM that runs a guest on ept.ko's tables");
MODULE_LICENSE("GPL");
EPT_IMPORT_NS;
