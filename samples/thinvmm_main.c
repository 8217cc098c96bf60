// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: a thin hypervisor, as an example of how to use ept.ko under the system that one runs in.
 * Loading it puts this kernel, on all CPUs, into VMX non-root mode, on tables that map all of the
 * host's memory where it is; the system goes on as if nothing had happened. While it does, memory
 * can be hidden from it and watched: /sys/kernel/debug/thinvmm/. Unloading it takes all back.
 *
 * It is no protection against who may load modules. Other VMMs find VMX in use. A system that is to
 * sleep must unload it first; one that reboots does so by itself.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "thinvmm.h"

struct thinvmm thinvmm = {
	.mutex = __MUTEX_INITIALIZER(thinvmm.mutex),
};

static const struct sample_report report = { .name = "thinvmm" };
static enum cpuhp_state hotplug_state;

/* A CPU that goes offline leaves, one that comes online enters, and all do when this is set up. */
static int enter_on_all_cpus(void)
{
	int state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "samples/thinvmm:online",
				      thinvmm_cpu_enter, thinvmm_cpu_leave);

	if (state < 0)
		return state;
	hotplug_state = state;
	return 0;
}

static void leave_on_all_cpus(void)
{
	if (!hotplug_state)
		return;
	thinvmm_churn(THINVMM_CHURN_OFF);
	thinvmm_unwatch_all();
	cpuhp_remove_state(hotplug_state);
	hotplug_state = 0;
}

/* Firmware and the next kernel expect CPUs without VMX, in states that a guest cannot be in. */
static int before_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	thinvmm_debugfs_remove();
	leave_on_all_cpus();
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = { .notifier_call = before_reboot };

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

static int check_cpu(void)
{
	int err = ept_caps_read(&thinvmm.caps);

	if (err)
		return report_refuse_cpu(&report, err);
	/* Each switch of address spaces would exit. */
	if (!thinvmm.caps.cr3_exits_optional)
		return report_refuse(&report, "on this CPU, CR3 accesses always exit", -ENODEV);
	return 0;
}

static int __init thinvmm_init(void)
{
	int err = check_cpu();

	if (err)
		return err;
	err = thinvmm_memory_create();
	if (err)
		return report_refuse(&report, "this machine's memory could not be mapped", err);
	err = thinvmm_hotplug_begin();
	if (err) {
		thinvmm_memory_destroy();
		return report_refuse(&report, "memory that comes and goes can't be heard of", err);
	}
	err = enter_on_all_cpus();
	if (err) {
		thinvmm_hotplug_end();
		thinvmm_memory_destroy();
		return report_refuse_vmx(&report, err);
	}
	register_reboot_notifier(&reboot_block);
	register_pm_notifier(&sleep_block);
	thinvmm_debugfs_add();
	pr_info("thinvmm: this system runs in VMX non-root mode, on %u CPUs\n", num_online_cpus());
	return 0;
}

static void __exit thinvmm_exit(void)
{
	unregister_pm_notifier(&sleep_block);
	unregister_reboot_notifier(&reboot_block);
	thinvmm_debugfs_remove();
	leave_on_all_cpus();
	thinvmm_hotplug_end();
	thinvmm_free_decoys();
	thinvmm_memory_destroy();
	pr_info("thinvmm: this system runs on the CPUs themselves again\n");
}

module_init(thinvmm_init);
module_exit(thinvmm_exit);

MODULE_DESCRIPTION("A thin hypervisor that runs this system on ept.ko's tables");
MODULE_LICENSE("GPL");
EPT_IMPORT_NS;
