// SPDX-License-Identifier: GPL-2.0
/*
 * tinyvmm: the steps with a second table for the same guest: one whose violations the guest
 * handles itself (#VE), and one that the guest switches to by itself (VMFUNC).
 */
#define pr_fmt(fmt) "tinyvmm: " fmt

#include <linux/err.h>
#include <linux/io.h>

#include "tinyvmm.h"

/* A table like the first one, with @features, and with what the guest needs to run at all. */
static struct ept *create_view(struct tinyvmm *vmm, const char *name, u32 features)
{
	struct ept_config config = vmm->config;
	struct ept *ept;
	int err;

	config.name = name;
	config.features |= features;
	ept = ept_create(&config);
	if (IS_ERR(ept))
		return ept;
	err = tinyvmm_map_guest(vmm, ept);
	if (!err)
		return ept;
	ept_destroy(ept);
	return ERR_PTR(err);
}

/*
 * (l) #VE: the CPU turns a violation into an exception of the guest. Only a mapping may ask for
 * that: a hole makes the guest exit, and so does a mapping with EPT_ATTR_SUPPRESS_VE.
 */
#define VE_DELIVERED	GUEST_STEP_L
#define VE_SUPPRESSED	(GUEST_STEP_L + PAGE_SIZE)
#define VE_HOLE		(GUEST_STEP_L + 2 * PAGE_SIZE)

static int map_ve_pages(struct ept *ept, struct page *info, struct page *data)
{
	struct ept_attrs read_only = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };
	int err;

	err = ept_map(ept, GUEST_VE_INFO, page_to_phys(info), PAGE_SIZE, &EPT_ATTRS_RAM);
	if (err)
		return err;
	err = ept_map(ept, VE_DELIVERED, page_to_phys(data), PAGE_SIZE, &read_only);
	if (err)
		return err;
	read_only.flags = EPT_ATTR_SUPPRESS_VE;
	return ept_map(ept, VE_SUPPRESSED, page_to_phys(data), PAGE_SIZE, &read_only);
}

static int try_ve(struct tinyvmm *vmm, struct ept *ept, struct page *info)
{
	struct ept_violation violation;
	int err;

	tinyvmm_write(vmm, VE_SUPPRESSED, NEW_VALUE);
	tinyvmm_expect_violation(vmm, "a write to a page that suppresses #VE", EPT_PROT_WRITE,
				 VE_SUPPRESSED, EPT_PROT_READ);
	tinyvmm_read(vmm, VE_HOLE);
	tinyvmm_expect_violation(vmm, "a read of a hole", EPT_PROT_READ, VE_HOLE, EPT_PROT_NONE);

	tinyvmm_write(vmm, VE_DELIVERED + OFFSET, NEW_VALUE);
	if (!tinyvmm_expect_result(vmm, "a write to one that doesn't: the guest's handler names it",
				   VE_DELIVERED + OFFSET))
		return 0;
	/* The CPU tells the guest what it otherwise tells the VMM, in the same format. */
	ept_violation_decode(words(info)[VE_INFO_QUALIFICATION / 8], &vmm->caps, &violation);
	tinyvmm_expect_yes(vmm, "whether the guest was told of a write", violation.write);
	tinyvmm_expect_value(vmm, "and what is allowed (EPT_PROT_READ)", EPT_PROT_READ,
			     violation.prot & ~EPT_PROT_UEXEC);

	err = ept_protect(ept, VE_DELIVERED, PAGE_SIZE, 0, EPT_PROT_WRITE, NULL);
	if (err)
		return err;
	tinyvmm_resume(vmm);
	tinyvmm_expect_result(vmm, "the write, after the handler has returned", NEW_VALUE);
	return 0;
}

static int run_with_ve(struct tinyvmm *vmm, struct ept *ept)
{
	struct page *info = tinyvmm_alloc(vmm, 0), *data = tinyvmm_alloc(vmm, 0);
	int err;

	if (!info || !data)
		return -ENOMEM;
	err = map_ve_pages(ept, info, data);
	if (err)
		return err;
	vmm->vcpu.ept = ept;
	vmm->vcpu.eptp = ept_pointer(ept);
	vmm->vcpu.ve_info = page_to_phys(info);
	err = try_ve(vmm, ept, info);
	vmm->vcpu.ve_info = 0;
	vmm->vcpu.eptp = ept_pointer(vmm->ept);
	vmm->vcpu.ept = vmm->ept;
	return err;
}

int tinyvmm_step_ve(struct tinyvmm *vmm)
{
	struct ept *ept;
	int err;

	if (!vmm->caps.ve) {
		tinyvmm_skip(vmm, "this CPU has no #VE");
		return 0;
	}
	ept = create_view(vmm, "tinyvmm-ve", EPT_FEATURE_VE);
	if (IS_ERR(ept))
		return PTR_ERR(ept);
	err = run_with_ve(vmm, ept);
	ept_destroy(ept);
	return err;
}

/*
 * (m) VMFUNC: the guest switches between tables of a list without an exit. Nothing is flushed
 * for it, as what a CPU caches is told apart by table. A CPU that may switch counts as running
 * on each of them.
 */
static int map_views(struct tinyvmm *vmm, struct ept *other)
{
	struct page *one = tinyvmm_alloc(vmm, 0), *two = tinyvmm_alloc(vmm, 0);
	int err;

	if (!one || !two)
		return -ENOMEM;
	words(one)[WORD] = OLD_VALUE;
	words(two)[WORD] = NEW_VALUE;
	err = ept_map(vmm->ept, GUEST_STEP_M, page_to_phys(one), PAGE_SIZE, &EPT_ATTRS_RAM);
	if (err)
		return err;
	return ept_map(other, GUEST_STEP_M, page_to_phys(two), PAGE_SIZE, &EPT_ATTRS_RAM);
}

static int run_with_views(struct tinyvmm *vmm, struct ept *other)
{
	struct page *list = tinyvmm_alloc(vmm, 0);
	int err;

	if (!list)
		return -ENOMEM;
	err = map_views(vmm, other);
	if (err)
		return err;
	words(list)[0] = ept_pointer(vmm->ept);
	words(list)[1] = ept_pointer(other);
	vmm->vcpu.other_ept = other;
	vmm->vcpu.eptp_list = page_to_phys(list);

	tinyvmm_call(vmm, GUEST_CODE, tinyvmm_program_switch, GUEST_STEP_M + OFFSET, 1);
	tinyvmm_expect_result(vmm, "a read by the second table", NEW_VALUE);
	tinyvmm_read(vmm, GUEST_STEP_M + OFFSET);
	tinyvmm_expect_result(vmm, "the same by the first", OLD_VALUE);

	vmm->vcpu.eptp_list = 0;
	vmm->vcpu.other_ept = NULL;
	return 0;
}

int tinyvmm_step_vmfunc(struct tinyvmm *vmm)
{
	struct ept *other;
	int err;

	if (!vmm->caps.vmfunc || !vmm->caps.eptp_switching) {
		tinyvmm_skip(vmm, "this CPU has no VMFUNC that switches tables");
		return 0;
	}
	other = create_view(vmm, "tinyvmm-other", 0);
	if (IS_ERR(other))
		return PTR_ERR(other);
	err = run_with_views(vmm, other);
	ept_destroy(other);
	return err;
}
