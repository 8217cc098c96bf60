// SPDX-License-Identifier: GPL-2.0
/*
 * procvmm: a small VMM for processes, as an example of how to use ept_space.ko and ept_guest.h.
 * Through /dev/procvmm a process runs code in guest mode on memory of its own, which stays a
 * process' memory in all else: it is swapped, forked, collapsed, unmapped. Loading the module turns
 * VMX on, on all CPUs; unloading turns it off.
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
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "procvmm.h"
#include "report.h"

struct host_cpu {
	struct vmx_cpu	vmx;
	bool		on;
};

struct ept_caps procvmm_caps;

static DEFINE_PER_CPU(struct host_cpu, host_cpus);
static const struct sample_report report = { .name = "procvmm" };
static enum cpuhp_state hotplug_state;

bool procvmm_cpu_is_on(void)
{
	return this_cpu_ptr(&host_cpus)->on;
}

static int cpu_on(unsigned int nr)
{
	struct host_cpu *cpu = this_cpu_ptr(&host_cpus);
	int err = vmx_on(&cpu->vmx);

	cpu->on = !err;
	return err;
}

/* What runs here with preemption off has left its guest when this is called. */
static int cpu_off(unsigned int nr)
{
	struct host_cpu *cpu = this_cpu_ptr(&host_cpus);

	if (!cpu->on)
		return 0;
	preempt_disable();
	cpu->on = false;
	vmx_off(&cpu->vmx);
	preempt_enable();
	vmx_free(&cpu->vmx);
	return 0;
}

static int all_cpus_on(void)
{
	int state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "samples/procvmm:online", cpu_on,
				      cpu_off);

	if (state < 0)
		return state;
	hotplug_state = state;
	return 0;
}

static void all_cpus_off(void)
{
	if (!hotplug_state)
		return;
	cpuhp_remove_state(hotplug_state);
	hotplug_state = 0;
}

/* Firmware and the next kernel expect CPUs without VMX. Who is in a guest gets an error. */
static int before_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	all_cpus_off();
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = { .notifier_call = before_reboot };

/* A CPU that sleeps forgets that VMX was on. */
static int before_sleep(struct notifier_block *block, unsigned long action, void *data)
{
	switch (action) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		return NOTIFY_BAD;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block sleep_block = { .notifier_call = before_sleep };

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "procvmm",
	.mode = 0600,
	.fops = &procvmm_fops,
};

static int __init procvmm_init(void)
{
	int err = ept_caps_read(&procvmm_caps);

	if (err)
		return report_refuse_cpu(&report, err);
	if (!IS_ENABLED(CONFIG_MMU_NOTIFIER))
		return report_refuse(&report, "this kernel can't say when it takes memory back",
				     -EOPNOTSUPP);
	err = all_cpus_on();
	if (err)
		return report_refuse_vmx(&report, err);
	err = misc_register(&device);
	if (err) {
		all_cpus_off();
		return err;
	}
	register_reboot_notifier(&reboot_block);
	register_pm_notifier(&sleep_block);
	return 0;
}

static void __exit procvmm_exit(void)
{
	unregister_pm_notifier(&sleep_block);
	unregister_reboot_notifier(&reboot_block);
	misc_deregister(&device);
	all_cpus_off();
}

module_init(procvmm_init);
module_exit(procvmm_exit);

MODULE_DESCRIPTION("A small VMM for processes, on ept_space.ko");
MODULE_LICENSE("GPL");
EPT_IMPORT_NS;
