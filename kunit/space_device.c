// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ept_space: lets a process be a VMM, whose guest's CPUs are the model MMU. They keep
 * translations until they are invalidated, so that what they read and write shows whether the
 * process' pages are where the guest thinks they are.
 */
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ept_space.h"
#include "model_mmu.h"
#include "space_device.h"

/* Not the object that the suites have: this module is loaded where KUnit is not. */
#include "model_mmu.c"

static bool flags = true;
module_param(flags, bool, 0644);
MODULE_PARM_DESC(flags, "tables have accessed and dirty flags");

#define TLB	16

struct translation {
	u64	gpa;
	u64	hpa;
	u64	generation;
	bool	write;
};

struct vm {
	struct ept_config	config;
	struct ept_ops		ops;
	struct mmu		mmu;
	struct ept_space	*space;
	struct ept		*ept;
	struct ept_window	window;
	struct rw_semaphore	running;
	u64			generation;
	struct translation	tlb[EPT_SPACE_CPUS][TLB];
};

static void invalidate(struct ept *ept, void *cookie)
{
	struct vm *vm = cookie;

	down_write(&vm->running);
	vm->generation++;
	up_write(&vm->running);
}

static bool cpu_translate(struct vm *vm, struct translation *kept, u64 gpa, bool write)
{
	const struct mmu_access access = { .read = true, .write = write };
	struct mmu_result result;

	if (kept->gpa == gpa && kept->generation == vm->generation && (kept->write || !write))
		return true;
	mmu_access(&vm->mmu, ept_pointer(vm->ept), gpa, &access, &result);
	*kept = (struct translation){
		.gpa = gpa,
		.hpa = result.hpa,
		.generation = result.verdict == MMU_OK ? vm->generation : 0,
		.write = write,
	};
	return result.verdict == MMU_OK;
}

/* Whether it could, with what the table has */
static bool try_access(struct vm *vm, struct ept_space_access_arg *arg)
{
	struct translation *kept = &vm->tlb[arg->cpu][(arg->gpa >> PAGE_SHIFT) % TLB];
	u64 *host;
	bool can;

	down_read(&vm->running);
	can = cpu_translate(vm, kept, arg->gpa & PAGE_MASK, arg->write);
	if (can) {
		host = phys_to_virt(kept->hpa) + offset_in_page(arg->gpa);
		if (arg->write)
			WRITE_ONCE(*host, arg->value);
		else
			arg->value = READ_ONCE(*host);
	}
	up_read(&vm->running);
	return can;
}

/* The host's, of the guest's memory */
static void host_access(struct vm *vm, struct ept_space_access_arg *arg)
{
	ssize_t done;

	if (arg->write)
		done = ept_space_write(vm->space, arg->gpa, &arg->value, 8, 0);
	else
		done = ept_space_read(vm->space, arg->gpa, &arg->value, 8, 0);
	arg->result = done == 8 ? EPT_VERDICT_RESUME : done;
}

static long do_access(struct vm *vm, struct ept_space_access_arg *arg)
{
	const struct ept_violation violation = { .read = true, .write = arg->write };
	struct ept_fault fault = { .verdict = EPT_VERDICT_RESUME };
	int err = 0;

	if (arg->cpu > EPT_SPACE_CPUS || arg->gpa % 8)
		return -EINVAL;
	if (arg->cpu == EPT_SPACE_CPUS) {
		host_access(vm, arg);
		return 0;
	}
	while (!err && fault.verdict == EPT_VERDICT_RESUME && !try_access(vm, arg))
		err = ept_space_fault(vm->space, arg->gpa, &violation, &fault);
	arg->result = err ? err : (s64)fault.verdict;
	return 0;
}

static long add(struct vm *vm, const struct ept_space_region_arg *arg)
{
	struct ept_region region = {
		.gpa = arg->gpa,
		.size = arg->size,
		.kind = EPT_REGION_USER,
		.attrs = EPT_ATTRS_RAM,
	};

	region.user.mm = current->mm;
	region.user.address = arg->address;
	return ept_space_add(vm->space, &region);
}

static long do_log(struct vm *vm, const struct ept_space_log_arg *arg)
{
	const size_t bytes = BITS_TO_LONGS(arg->size >> PAGE_SHIFT) * sizeof(long);
	unsigned long *bitmap;
	long ret;

	if (!arg->op || arg->op == 3)
		return ept_space_log_start(vm->space, arg->gpa, arg->size,
					   arg->op ? EPT_LOG_LAZY : 0);
	if (arg->op == 2)
		return ept_space_log_stop(vm->space, arg->gpa, arg->size);
	bitmap = kvzalloc(bytes, GFP_KERNEL);
	if (!bitmap)
		return -ENOMEM;
	ret = ept_space_log_get(vm->space, arg->gpa, arg->size, bitmap);
	if (!ret && copy_to_user(u64_to_user_ptr(arg->bitmap), bitmap, bytes))
		ret = -EFAULT;
	kvfree(bitmap);
	return ret;
}

static void lookup(struct vm *vm, struct ept_space_lookup_arg *arg)
{
	struct ept_mapping mapping;

	arg->level = ept_lookup(vm->ept, arg->gpa, &mapping) ? -1 : (s64)mapping.level;
}

static void do_window(struct vm *vm, struct ept_space_window_arg *arg)
{
	arg->result = 0;
	if (!arg->op)
		arg->result = ept_space_window_open(vm->space, arg->gpa, 0, true, &vm->window);
	else if (!vm->window.memory || vm->window.size < 8)
		arg->result = -EINVAL;
	else if (arg->op == 1)
		WRITE_ONCE(*(u64 *)vm->window.memory, arg->value);
	else
		arg->result = ept_space_window_close(&vm->window, true);
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long address)
{
	void __user *user = (void __user *)address;
	struct vm *vm = file->private_data;
	union {
		struct ept_space_region_arg	region;
		struct ept_space_access_arg	access;
		struct ept_space_lookup_arg	lookup;
		struct ept_space_log_arg	log;
		struct ept_space_window_arg	window;
	} arg;
	long ret = 0;

	if (_IOC_SIZE(cmd) > sizeof(arg))
		return -ENOTTY;
	if (copy_from_user(&arg, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	switch (cmd) {
	case EPT_SPACE_ADD:
		return add(vm, &arg.region);
	case EPT_SPACE_REMOVE:
		return ept_space_remove(vm->space, arg.region.gpa, arg.region.size);
	case EPT_SPACE_ACCESS:
		ret = do_access(vm, &arg.access);
		break;
	case EPT_SPACE_LOOKUP:
		lookup(vm, &arg.lookup);
		break;
	case EPT_SPACE_WINDOW:
		do_window(vm, &arg.window);
		break;
	case EPT_SPACE_LOG:
		return do_log(vm, &arg.log);
	default:
		return -ENOTTY;
	}
	return ret ?: copy_to_user(user, &arg, _IOC_SIZE(cmd)) ? -EFAULT : 0;
}

static int vm_open(struct inode *inode, struct file *file)
{
	struct vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL);

	if (!vm)
		return -ENOMEM;
	vm->ops.invalidate = invalidate;
	vm->config = (struct ept_config){
		.levels = 4,
		.max_leaf = EPT_2M,
		.maxphyaddr = 46,
		.features = flags ? EPT_FEATURE_AD : 0,
		.table_memtype = EPT_MT_WB,
		.nid = NUMA_NO_NODE,
		.ops = &vm->ops,
		.cookie = vm,
	};
	vm->mmu = (struct mmu){
		.maxphyaddr = 46, .walk_4 = true, .tables_wb = true, .leaf_2m = true,
		.accessed_dirty = flags,
	};
	init_rwsem(&vm->running);
	vm->generation = 1;
	vm->space = ept_space_create(&vm->config);
	if (IS_ERR(vm->space)) {
		const int err = PTR_ERR(vm->space);

		kfree(vm);
		return err;
	}
	vm->ept = ept_space_table(vm->space);
	file->private_data = vm;
	return 0;
}

static int vm_release(struct inode *inode, struct file *file)
{
	struct vm *vm = file->private_data;

	if (ept_check(vm->ept, NULL))
		pr_err("a table is broken\n");
	ept_space_window_close(&vm->window, false);
	ept_space_destroy(vm->space);
	kfree(vm);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.open = vm_open,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ept_space",
	.fops = &vm_fops,
};
module_misc_device(device);

EPT_IMPORT_NS;
MODULE_DESCRIPTION("A guest for a process, to test ept_space.ko");
MODULE_LICENSE("GPL");
