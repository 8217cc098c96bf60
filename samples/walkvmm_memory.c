// SPDX-License-Identifier: GPL-2.0
/* walkvmm: the guest's memory, and which rights EPT gives to it. */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/string.h>

#include "walkvmm.h"

/*
 * Every 8 bytes of data say where they are, to who reads them and to who runs them:
 * "mov $WHERE, %eax; vmcall".
 */
static void fill_data(struct walkvmm *vmm)
{
	for (unsigned int page = 0; page < WALK_DATA; page++) {
		u64 *word = walk_page(vmm, WALK_FIRST_DATA + page);

		for (u64 i = 0; i < PAGE_SIZE / 8; i++)
			word[i] = 0xb8 | (page << 9 | i) << 8 | 0xc1010full << 40;
	}
}

/* Through RDI, then through RBP, whose segment is SS. Each ends with VMCALL. */
static void fill_code(struct walkvmm *vmm)
{
	static const u8 by_rdi[][5] = {
		{ 0x8b, 0x07, 0x0f, 0x01, 0xc1 },	/* mov (%rdi), %eax */
		{ 0x89, 0x37, 0x0f, 0x01, 0xc1 },	/* mov %esi, (%rdi) */
	};
	static const u8 by_rbp[][6] = {
		{ 0x8b, 0x45, 0x00, 0x0f, 0x01, 0xc1 },	/* mov 0(%rbp), %eax */
		{ 0x89, 0x75, 0x00, 0x0f, 0x01, 0xc1 },	/* mov %esi, 0(%rbp) */
	};
	static const u8 wrpkru[] = { 0x0f, 0x01, 0xef };
	u8 *code = walk_page(vmm, WALK_CODE);

	for (unsigned int i = 0; i < 2; i++) {
		u8 *at = code + i * WALK_CODE_WRITE;

		memcpy(at, by_rdi[i], sizeof(by_rdi[i]));
		memcpy(at + WALK_CODE_STACK, by_rbp[i], sizeof(by_rbp[i]));
		at += WALK_CODE_KEYS;
		memcpy(at, wrpkru, sizeof(wrpkru));
		memcpy(at + sizeof(wrpkru), by_rdi[i], sizeof(by_rdi[i]));
		at += WALK_CODE_STACK;
		memcpy(at, wrpkru, sizeof(wrpkru));
		memcpy(at + sizeof(wrpkru), by_rbp[i], sizeof(by_rbp[i]));
	}
}

/* What the guest wrote goes. */
void walk_restore_data(struct walkvmm *vmm)
{
	fill_data(vmm);
}

bool walk_is_data(struct walkvmm *vmm, phys_addr_t hpa)
{
	for (unsigned int i = 0; i < WALK_DATA; i++)
		if (page_to_phys(vmm->page[WALK_FIRST_DATA + i]) == (hpa & PAGE_MASK))
			return true;
	return false;
}

/* In each window, the data over and over, with holes and less rights here and there */
static int map_far(struct walkvmm *vmm, u64 gpa)
{
	static const u32 prots[] = {
		EPT_PROT_READ, EPT_PROT_READ | EPT_PROT_EXEC, EPT_PROT_READ | EPT_PROT_WRITE,
	};

	for (u64 at = 0; at < WALK_FAR_SIZE; at += PAGE_SIZE) {
		const unsigned int nr = walk_below(vmm, WALK_DATA);
		struct ept_attrs attrs = EPT_ATTRS_RAM;
		int err;

		if (walk_chance(vmm, 5))
			continue;
		if (walk_chance(vmm, 20))
			attrs.prot = prots[walk_below(vmm, ARRAY_SIZE(prots))];
		err = ept_map(vmm->ept, gpa + at, page_to_phys(vmm->page[WALK_FIRST_DATA + nr]),
			      PAGE_SIZE, &attrs);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Rights of the pages that a walk may end in or lead through. Bochs 2.7 sets flags in the guest's
 * entries whether EPT lets it write there or not, unless EPT has flags of its own: without them,
 * tables are writable if they are there at all.
 */
int walk_random_rights(struct walkvmm *vmm)
{
	static const u32 prots[] = {
		EPT_PROT_READ | EPT_PROT_WRITE, EPT_PROT_READ, EPT_PROT_READ | EPT_PROT_EXEC,
		EPT_PROT_EXEC,
	};
	const bool flags = vmm->config.features & EPT_FEATURE_AD;
	const bool exec_only = vmm->config.features & EPT_FEATURE_EXEC_ONLY;
	struct ept_gather gather;
	int err = 0;

	ept_gather_init(&gather, vmm->ept);
	for (unsigned int i = 0; i < WALK_FIRST_PATH && !err; i++) {
		const phys_addr_t hpa = page_to_phys(vmm->page[i]);
		struct ept_attrs attrs = EPT_ATTRS_RAM;

		if (walk_chance(vmm, 3)) {
			err = ept_unmap(vmm->ept, walk_gpa(i), PAGE_SIZE, &gather);
			continue;
		}
		if (walk_chance(vmm, i < WALK_TABLES ? 8 : 20))
			attrs.prot = prots[walk_below(vmm, exec_only ? 4 : 3)];
		if (i < WALK_TABLES && !flags && attrs.prot & EPT_PROT_READ)
			attrs.prot |= EPT_PROT_WRITE;
		err = ept_remap(vmm->ept, walk_gpa(i), hpa, PAGE_SIZE, &attrs, &gather);
	}
	ept_gather_flush(&gather);
	return err;
}

static int alloc_pages_of(struct walkvmm *vmm)
{
	for (unsigned int i = 0; i < WALK_PAGES; i++) {
		vmm->page[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!vmm->page[i])
			return -ENOMEM;
	}
	fill_data(vmm);
	fill_code(vmm);
	return 0;
}

static int map_all(struct walkvmm *vmm)
{
	int err = 0;

	for (unsigned int i = 0; i < WALK_PAGES && !err; i++)
		err = ept_map(vmm->ept, walk_gpa(i), page_to_phys(vmm->page[i]), PAGE_SIZE,
			      &EPT_ATTRS_RAM);
	for (unsigned int i = 0; i < WALK_NR_FAR && !err; i++)
		err = map_far(vmm, walk_far_gpa(i));
	return err;
}

int walk_build(struct walkvmm *vmm, bool flags)
{
	int err;

	ept_config_from_caps(&vmm->config, &vmm->caps);
	vmm->config.name = "walkvmm";
	if (!flags)
		vmm->config.features &= ~EPT_FEATURE_AD;
	vmm->ept = ept_create(&vmm->config);
	if (IS_ERR(vmm->ept))
		return PTR_ERR(vmm->ept);
	err = alloc_pages_of(vmm);
	if (!err)
		err = map_all(vmm);
	if (err)
		walk_destroy(vmm);
	return err;
}

void walk_destroy(struct walkvmm *vmm)
{
	ept_destroy(vmm->ept);
	for (unsigned int i = 0; i < WALK_PAGES; i++) {
		if (vmm->page[i])
			__free_page(vmm->page[i]);
		vmm->page[i] = NULL;
	}
}
