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
 *	ept_pointer() into the VMCS				here
 *	ept_vcpu_load(), VM entry, ept_vcpu_put()		tinyvmm_machine.c
 *	ept_violation_decode() after an exit for one		tinyvmm_machine.c
 *	ept_destroy(), then free the guest's memory		here
 */
#define pr_fmt(fmt) "tinyvmm: " fmt

#include <linux/module.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "tinyvmm.h"

static struct tinyvmm tinyvmm;

/*
 * Called on one CPU and kept there, since VMX operation is a CPU's own; may sleep, as changing
 * a table may.
 */
static int run_guest(void *arg)
{
	struct tinyvmm *vmm = arg;
	int err;

	vmm->vcpu.ept = vmm->ept;
	err = tinyvmm_vmx_on(&vmm->vcpu, ept_pointer(vmm->ept));
	if (err)
		return err;
	tinyvmm_show_map(vmm, "before the guest runs");
	tinyvmm_run_steps(vmm);
	tinyvmm_vmx_off(&vmm->vcpu);
	return 0;
}

static int refuse(const char *reason, int err)
{
	pr_info("refused: %s\n", reason);
	return err;
}

static int refuse_cpu(int err)
{
	switch (err) {
	case -ENODEV:
		return refuse("this CPU has no VMX", -ENODEV);
	case -EPERM:
		return refuse("the firmware has locked VMX off", -EPERM);
	case -EOPNOTSUPP:
		return refuse("this CPU has VMX, but no EPT", -ENODEV);
	default:
		return refuse("the CPU's capabilities could not be read", err);
	}
}

static int refuse_vmx(int err)
{
	switch (err) {
	case -EBUSY:
		return refuse("VMX is in use; if it is KVM, try: rmmod kvm_intel", -EBUSY);
	case -ENODEV:
		return refuse("this CPU cannot run the guest", -ENODEV);
	default:
		return refuse("VMX could not be turned on", err);
	}
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
		return refuse_cpu(err);
	err = create_table(vmm);
	if (err)
		return refuse("there is no memory for a table", err);
	err = tinyvmm_build_guest(vmm);
	if (err) {
		refuse("there is no memory for a guest", err);
		goto out_destroy;
	}
	err = smp_call_on_cpu(raw_smp_processor_id(), run_guest, vmm, false);
	if (err) {
		err = refuse_vmx(err);
		goto out_destroy;
	}
	tinyvmm_show_map(vmm, "at the end");
	pr_info("done: %u passed, %u failed, %u skipped\n", vmm->passed, vmm->failed,
		vmm->skipped);
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
