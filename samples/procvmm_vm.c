// SPDX-License-Identifier: GPL-2.0
/*
 * procvmm: a VM, as an open file: its memory, and the log of what is written there. How a client
 * uses ept_space.h; none of this knows of VMX.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "procvmm.h"

/*
 * Memory
 */

/* The table may say what this CPU can do, and here is told to do without some of it. */
static int make_space(struct procvmm *vm, u32 flags)
{
	char name[24];
	struct ept_space *space;

	ept_config_from_caps(&vm->config, &procvmm_caps);
	scnprintf(name, sizeof(name), "procvmm-%d", task_tgid_nr(current));
	vm->config.name = name;
	if (flags & PROCVMM_NO_FLAGS)
		vm->config.features &= ~EPT_FEATURE_AD;
	space = ept_space_create(&vm->config);
	vm->config.name = NULL;
	if (IS_ERR(space))
		return PTR_ERR(space);
	vm->flags = flags;
	vm->ept = ept_space_table(space);
	/* Others look at it without the lock, and then at the rest. */
	smp_store_release(&vm->space, space);
	return 0;
}

static int create(struct procvmm *vm, unsigned long flags)
{
	int err = -EEXIST;

	if (flags & ~(PROCVMM_NO_FLAGS | PROCVMM_PML))
		return -EINVAL;
	if (flags & PROCVMM_PML && (flags & PROCVMM_NO_FLAGS || !procvmm_caps.pml))
		return -EOPNOTSUPP;
	mutex_lock(&vm->lock);
	if (!vm->space)
		err = make_space(vm, flags);
	mutex_unlock(&vm->lock);
	return err;
}

static int get_rights(const struct procvmm_region *arg, u32 *prot)
{
	if (arg->rights & ~(u64)(PROCVMM_WRITE | PROCVMM_EXECUTE))
		return -EINVAL;
	*prot = EPT_PROT_READ;
	if (arg->rights & PROCVMM_WRITE)
		*prot |= EPT_PROT_WRITE;
	if (arg->rights & PROCVMM_EXECUTE)
		*prot |= EPT_PROT_EXEC;
	return 0;
}

static int add(struct procvmm *vm, const struct procvmm_region *arg)
{
	struct ept_region region = {
		.gpa = arg->gpa,
		.size = arg->size,
		.attrs.memtype = EPT_MT_WB,
	};
	int err = get_rights(arg, &region.attrs.prot);

	if (err)
		return err;

	if (arg->cookie) {
		region.kind = EPT_REGION_MMIO;
		region.cookie = (void *)(uintptr_t)arg->cookie;
	} else {
		region.kind = EPT_REGION_USER;
		region.user.mm = vm->mm;
		region.user.address = arg->address;
	}
	return ept_space_add(vm->space, &region);
}

static int protect(struct procvmm *vm, const struct procvmm_region *arg)
{
	u32 prot;
	int err = get_rights(arg, &prot);

	return err ? err : ept_space_protect(vm->space, arg->gpa, arg->size, prot);
}

/*
 * The log
 */

/*
 * What CPUs logged is handed in by the thread that ran the guest, before it turns interrupts on
 * again. So a grace period later all has been that was written before. Until then a guest is
 * interrupted at least by the tick.
 */
static void hand_in(struct procvmm *vm)
{
	if (vm->flags & PROCVMM_PML)
		synchronize_rcu_expedited();
}

static int log_get(struct procvmm *vm, const struct procvmm_log *arg)
{
	const size_t bytes = BITS_TO_LONGS(arg->size >> PAGE_SHIFT) * sizeof(long);
	unsigned long *bitmap = kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
	int err;

	if (!bitmap)
		return -ENOMEM;
	hand_in(vm);
	err = ept_space_log_get(vm->space, arg->gpa, arg->size, bitmap);
	if (!err && copy_to_user(u64_to_user_ptr(arg->bitmap), bitmap, bytes))
		err = -EFAULT;
	kvfree(bitmap);
	return err;
}

/*
 * To look at
 */
static void get_stats(struct procvmm *vm, struct procvmm_stats *stats)
{
	struct ept_space_stats space;
	struct ept_stats table;

	ept_space_get_stats(vm->space, &space);
	ept_get_stats(vm->ept, &table);
	*stats = (struct procvmm_stats){
		.resumed = space.faults[EPT_VERDICT_RESUME],
		.invalidations = space.invalidations,
		.leaves = {
			table.leaves[EPT_4K], table.leaves[EPT_2M], table.leaves[EPT_1G],
		},
		.logged = atomic64_read(&vm->logged),
	};
}

/*
 * The file
 */

union argument {
	struct procvmm_region	region;
	struct procvmm_run	run;
	struct procvmm_log	log;
	struct procvmm_stats	stats;
};

static int command(struct procvmm *vm, unsigned int cmd, union argument *arg)
{
	switch (cmd) {
	case PROCVMM_ADD:
		return add(vm, &arg->region);
	case PROCVMM_REMOVE:
		return ept_space_remove(vm->space, arg->region.gpa, arg->region.size);
	case PROCVMM_PROTECT:
		return protect(vm, &arg->region);
	case PROCVMM_RUN:
		return procvmm_run(vm, &arg->run);
	case PROCVMM_LOG_START:
		return ept_space_log_start(vm->space, arg->log.gpa, arg->log.size,
					   vm->flags & PROCVMM_PML ? EPT_LOG_PML : 0);
	case PROCVMM_LOG_GET:
		return log_get(vm, &arg->log);
	case PROCVMM_LOG_STOP:
		return ept_space_log_stop(vm->space, arg->log.gpa, arg->log.size);
	case PROCVMM_STATS:
		get_stats(vm, &arg->stats);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* A child of the process has the file too, but other memory. */
static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long address)
{
	void __user *user = (void __user *)address;
	struct procvmm *vm = file->private_data;
	union argument arg;
	int err;

	if (current->mm != vm->mm)
		return -EPERM;
	if (cmd == PROCVMM_CREATE)
		return create(vm, address);
	/* Pairs with the release in create(). */
	if (!smp_load_acquire(&vm->space))
		return -ENXIO;
	if (_IOC_SIZE(cmd) > sizeof(arg))
		return -ENOTTY;
	if (_IOC_DIR(cmd) & _IOC_WRITE && copy_from_user(&arg, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	err = command(vm, cmd, &arg);
	if (!err && _IOC_DIR(cmd) & _IOC_READ && copy_to_user(user, &arg, _IOC_SIZE(cmd)))
		err = -EFAULT;
	return err;
}

static int vm_open(struct inode *inode, struct file *file)
{
	struct procvmm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);

	if (!vm)
		return -ENOMEM;
	mutex_init(&vm->lock);
	for (unsigned int i = 0; i < PROCVMM_VCPUS; i++)
		mutex_init(&vm->vcpu[i].running);
	/* The structure, not the memory: that goes with the process. */
	vm->mm = current->mm;
	mmgrab(vm->mm);
	file->private_data = vm;
	return 0;
}

static int vm_release(struct inode *inode, struct file *file)
{
	struct procvmm *vm = file->private_data;

	ept_space_destroy(vm->space);
	for (unsigned int i = 0; i < PROCVMM_VCPUS; i++)
		procvmm_free_vcpu(&vm->vcpu[i]);
	mmdrop(vm->mm);
	kfree(vm);
	return 0;
}

const struct file_operations procvmm_fops = {
	.owner = THIS_MODULE,
	.open = vm_open,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
};
