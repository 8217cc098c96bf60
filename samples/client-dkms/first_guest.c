// SPDX-License-Identifier: GPL-2.0
/*
 * A client of ept.ko to begin with: a guest's memory, its faults, its end. It grows step by step in
 * Documentation/first-guest.rst. What VMLAUNCH would do is played by guest_writes(), so that it
 * runs on any machine.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/preempt.h>
#include <linux/sizes.h>

#include "ept_core.h"

EPT_IMPORT_NS;

#define GUEST_RAM	SZ_1M
#define GUEST_PAGES	(GUEST_RAM / SZ_4K)

struct guest {
	struct ept_caps	caps;
	struct ept	*ept;
	struct page	*page[GUEST_PAGES];
};

/* What of an exit has to do with memory; the VMCS has it. */
struct guest_exit {
	u64	gpa;		/* field 0x2400 */
	u64	qualification;	/* field 0x6400 */
};

static struct guest guest;

/* --- The table */

static int create_table(struct guest *guest)
{
	struct ept_config config = {
		.levels = 4,
		.max_leaf = EPT_2M,
		.maxphyaddr = 46,
		.table_memtype = EPT_MT_WB,
		.nid = NUMA_NO_NODE,
	};
	int err = ept_caps_read(&guest->caps);

	if (!err)
		ept_config_from_caps(&config, &guest->caps);
	else
		pr_info("this CPU runs no guest (%d), but it can build a table\n", err);
	config.name = "first";
	guest->ept = ept_create(&config);
	return PTR_ERR_OR_ZERO(guest->ept);
}

/* --- The guest's memory: a page comes when the guest asks for it. */

static int give_page(struct guest *guest, u64 gpa)
{
	struct page **slot = &guest->page[gpa / SZ_4K], *page = READ_ONCE(*slot), *other;

	if (!page) {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!page)
			return -ENOMEM;
		/* Another CPU may be about the same page: the first one's is the guest's. */
		other = cmpxchg(slot, NULL, page);
		if (other) {
			__free_page(page);
			page = other;
		}
	}
	return ept_map(guest->ept, ALIGN_DOWN(gpa, SZ_4K), page_to_phys(page), SZ_4K,
		       &EPT_ATTRS_RAM);
}

/* 0: the guest may try again. */
static int handle_violation(struct guest *guest, const struct guest_exit *exit)
{
	struct ept_violation violation;
	int err;

	if (exit->gpa >= GUEST_RAM)
		return -EFAULT;		/* nothing there, or a device of yours */
	err = give_page(guest, exit->gpa);
	if (err != -EEXIST)
		return err;
	/* Another CPU was faster, or the page is there and lacks a right. */
	ept_violation_decode(exit->qualification, &guest->caps, &violation);
	return ept_translate(guest->ept, exit->gpa, violation.access, NULL);
}

/* --- The run */

/* In the place of VMLAUNCH: the guest writes to @gpa. False: an EPT violation, with its exit. */
static bool guest_writes(struct guest *guest, u64 gpa, struct guest_exit *exit)
{
	phys_addr_t hpa;

	if (!ept_translate(guest->ept, gpa, EPT_PROT_READ | EPT_PROT_WRITE, &hpa)) {
		*(u64 *)phys_to_virt(hpa) = gpa;
		return true;
	}
	*exit = (struct guest_exit){ .gpa = gpa, .qualification = BIT(1) };
	return false;
}

static int run(struct guest *guest, u64 gpa)
{
	struct guest_exit exit;
	bool loaded, done;
	int err;

	do {
		preempt_disable();
		loaded = !ept_vcpu_load(guest->ept);
		/* A CPU that isn't loaded runs no guest. This one is played, and caches nothing. */
		done = guest_writes(guest, gpa, &exit);
		if (loaded)
			ept_vcpu_put(guest->ept);
		preempt_enable();
		err = done ? 0 : handle_violation(guest, &exit);
	} while (!done && !err);
	return err;
}

/* The guest writes, then may not, then may again. */
static int watch(struct guest *guest)
{
	int err = run(guest, SZ_64K);

	if (!err)
		err = ept_protect(guest->ept, 0, GUEST_RAM, EPT_PROT_WRITE, 0, NULL);
	if (!err && run(guest, SZ_64K) != -EFAULT)
		err = -EINVAL;
	if (!err)
		err = ept_protect(guest->ept, 0, GUEST_RAM, 0, EPT_PROT_WRITE, NULL);
	return err ?: run(guest, SZ_64K);
}

/* --- The end: the table first, then the memory that it maps. */

static void destroy(struct guest *guest)
{
	ept_destroy(guest->ept);
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		if (guest->page[i])
			__free_page(guest->page[i]);
}

static int __init first_guest_init(void)
{
	int err = create_table(&guest);

	if (err)
		return err;
	err = watch(&guest);
	if (err)
		destroy(&guest);
	else
		pr_info("EPTP %#llx, look into /sys/kernel/debug/ept/%s\n",
			ept_pointer(guest.ept), ept_name(guest.ept));
	return err;
}
module_init(first_guest_init);

static void __exit first_guest_exit(void)
{
	destroy(&guest);
}
module_exit(first_guest_exit);

MODULE_DESCRIPTION("A first client of ept.ko");
MODULE_LICENSE("GPL");
