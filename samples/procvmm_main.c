// SPDX-License-Identifier: GPL-2.0
/*
 * procvmm: a small VMM for processes, as an example of how to use ept_space.ko and ept_guest.h.
 * Through /dev/procvmm a process runs code in guest mode on memory of its own, which stays a
 * process' memory in all else: it is swapped, forked, collapsed, unmapped.
 *
 * A client of ept_space.ko does, in this order:
 *
 *	ept_space_create(), ept_space_add()			procvmm_vm.c
 *	ept_pointer() of ept_space_table() into the VMCS	procvmm_run.c
 *	ept_vcpu_load(), VM entry, ept_vcpu_put()		procvmm_run.c
 *	ept_space_fault() after an EPT violation		procvmm_run.c
 *	ept_space_log_start() and its kin, at any time		procvmm_vm.c
 *	ept_space_destroy()					procvmm_vm.c
 *
 * Only root may open the device: what a guest could learn from the CPU's speculation is not
 * guarded against (vmx_entry.S).
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "procvmm.h"
#include "report.h"

struct ept_caps procvmm_caps;

static const struct sample_report report = { .name = "procvmm" };

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "procvmm",
	.mode = 0600,
	.fops = &procvmm_fops,
};

/* Whether one could be made and filled in, here and now */
static int try_vcpu(void)
{
	struct vcpu vcpu = {};
	int err = vcpu_create(&vcpu);

	if (!err)
		vcpu_destroy(&vcpu);
	return err;
}

static int __init procvmm_init(void)
{
	int err = ept_caps_read(&procvmm_caps);

	if (err)
		return report_refuse_cpu(&report, err);
	if (!IS_ENABLED(CONFIG_MMU_NOTIFIER))
		return report_refuse(&report, "this kernel can't say when it takes memory back",
				     -EOPNOTSUPP);
	err = try_vcpu();
	if (err)
		return report_refuse_vmx(&report, err);
	return misc_register(&device);
}

static void __exit procvmm_exit(void)
{
	misc_deregister(&device);
}

module_init(procvmm_init);
module_exit(procvmm_exit);

MODULE_DESCRIPTION("A small VMM for processes, on ept_space.ko");
MODULE_LICENSE("GPL");
EPT_IMPORT_NS;
