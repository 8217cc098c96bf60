// SPDX-License-Identifier: GPL-2.0
/* The guest of a space, and its memory. */
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "ept_compat.h"
#include "fixture.h"
#include "space_guest.h"

static void invalidate(struct ept *ept, void *cookie)
{
	struct guest *guest = cookie;

	down_write(&guest->running);
	guest->generation++;
	up_write(&guest->running);
	atomic_inc(&guest->invalidations);
}

/*
 * Memory
 */

static struct page **make_pages(void)
{
	struct page **pages = kvcalloc(GUEST_PAGES, sizeof(*pages), GFP_KERNEL);

	for (unsigned int i = 0; pages && i < GUEST_PAGES; i++)
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
	return pages;
}

static void free_pages_of(struct page **pages)
{
	for (unsigned int i = 0; pages && i < GUEST_PAGES; i++)
		__free_page(pages[i]);
	kvfree(pages);
}

static int client_get(void *cookie, u64 offset, u32 access, struct ept_piece *piece)
{
	struct guest *guest = cookie;

	piece->hpa = page_to_phys(guest->client[offset >> PAGE_SHIFT]);
	return 0;
}

static void client_gone(void *cookie, u64 offset, phys_addr_t hpa, u64 size, bool dirty)
{
	struct guest *guest = cookie;

	if (hpa == page_to_phys(guest->client[offset >> PAGE_SHIFT]))
		guest->gone += size >> PAGE_SHIFT;
}

static void client_flushed(void *cookie)
{
	struct guest *guest = cookie;

	guest->flushed++;
}

static void client_release(void *cookie)
{
	struct guest *guest = cookie;

	guest->released++;
}

const struct ept_backend guest_backend = {
	.get = client_get,
	.gone = client_gone,
	.flushed = client_flushed,
	.release = client_release,
};

struct ept_region guest_region(struct guest *guest, enum ept_region_kind kind, u64 gpa,
			       u64 size, unsigned int first)
{
	struct ept_region region = {
		.gpa = gpa,
		.size = size,
		.kind = kind,
		.attrs = EPT_ATTRS_RAM,
		.cookie = guest,
		.offset = first * (u64)SZ_4K,
	};

	if (kind == EPT_REGION_LINEAR)
		region.hpa = page_to_phys(guest->linear + first);
	else if (kind == EPT_REGION_PAGES)
		region.pages = guest->pages + first;
	else if (kind == EPT_REGION_CLIENT)
		region.backend = &guest_backend;
	if (kind == EPT_REGION_USER) {
		region.user.mm = guest->mm;
		region.user.address = guest->address + first * SZ_4K;
	} else if (kind == EPT_REGION_PINNED) {
		region.user.mm = guest->mm;
		region.user.address = guest->pinned + first * SZ_4K;
	} else if (kind == EPT_REGION_FILE) {
		region.file.file = guest->file;
		region.file.offset = first * (u64)SZ_4K;
	}
	return region;
}

void must_add(struct guest *guest, enum ept_region_kind kind, u64 gpa, u64 size)
{
	const struct ept_region region = guest_region(guest, kind, gpa, size, 0);

	KUNIT_ASSERT_EQ(guest->test, ept_space_add(guest->space, &region), 0);
}

/*
 * A process
 */

#define MAP_FLAGS	(MAP_PRIVATE | MAP_ANONYMOUS)

bool guest_has_process(void)
{
	return IS_ENABLED(CONFIG_MMU_NOTIFIER) && EPT_KUNIT_HAS_PROCESS;
}

static unsigned long map_memory(struct guest *guest)
{
	unsigned long address = kunit_vm_mmap(guest->test, NULL, 0, GUEST_SIZE,
					      PROT_READ | PROT_WRITE, MAP_FLAGS, 0);

	KUNIT_ASSERT_TRUE(guest->test, address && !IS_ERR_VALUE(address));
	return address;
}

void guest_make_process(struct guest *guest)
{
	if (!EPT_KUNIT_HAS_PROCESS)
		kunit_skip(guest->test, "KUnit has no memory of a process here");
	guest->address = map_memory(guest);
	guest->pinned = map_memory(guest);
	guest->mm = current->mm;
}

void guest_need_process(struct guest *guest)
{
	if (!guest_has_process())
		kunit_skip(guest->test, "this kernel has no notifiers");
	guest_make_process(guest);
}

void guest_end_process(struct guest *guest)
{
	if (!guest->mm)
		return;
	kthread_unuse_mm(guest->mm);
	mmput(guest->mm);
}

void guest_discard(struct guest *guest, unsigned long first, unsigned long nr)
{
	const unsigned long at = guest->address + first * PAGE_SIZE;

	KUNIT_EXPECT_EQ(guest->test, vm_mmap(NULL, at, nr * PAGE_SIZE, PROT_READ | PROT_WRITE,
					     MAP_FLAGS | MAP_FIXED, 0), at);
}

u8 process_load(struct guest *guest, const u8 __user *at)
{
	u8 value = 0xee;

	KUNIT_EXPECT_EQ(guest->test, copy_from_user(&value, at, 1), 0UL);
	return value;
}

void process_store(struct guest *guest, u8 __user *at, u8 value)
{
	KUNIT_EXPECT_EQ(guest->test, copy_to_user(at, &value, 1), 0UL);
}

/*
 * CPUs
 */

int guest_fault(struct guest *guest, u64 gpa, u32 access)
{
	const struct ept_violation violation = {
		.read = access & (EPT_PROT_READ | EPT_PROT_WRITE),
		.write = access & EPT_PROT_WRITE,
		.exec = access & EPT_PROT_EXEC,
	};
	struct ept_fault fault;
	int err = ept_space_fault(guest->space, gpa, &violation, &fault);

	return err ?: fault.verdict;
}

/* With guest->running. False: a fault */
static bool translate(struct guest *guest, struct guest_translation *kept, u64 gpa, bool write)
{
	const struct mmu_access access = { .read = true, .write = write };
	struct mmu_result result;

	if (kept->gpa == (gpa & PAGE_MASK) && kept->generation == guest->generation &&
	    (kept->write || !write))
		return true;
	mmu_access(&guest->mmu, guest->eptp, gpa & PAGE_MASK, &access, &result);
	if (result.verdict != MMU_OK)
		return false;
	*kept = (struct guest_translation){
		.gpa = gpa & PAGE_MASK,
		.hpa = result.hpa,
		.generation = guest->generation,
		.write = write,
	};
	return true;
}

static void move(void *host, void *data, size_t size, bool write)
{
	if (write)
		memcpy(host, data, size);
	else
		memcpy(data, host, size);
}

int guest_access(struct guest *guest, struct guest_cpu *cpu, u64 gpa, void *data, size_t size,
		 bool write)
{
	struct guest_translation *kept = &cpu->tlb[(gpa >> PAGE_SHIFT) % GUEST_TLB];

	for (;;) {
		bool done;
		int ret;

		down_read(&guest->running);
		done = translate(guest, kept, gpa, write);
		if (done)
			move(phys_to_virt(kept->hpa) + offset_in_page(gpa), data, size, write);
		up_read(&guest->running);
		if (done)
			return EPT_VERDICT_RESUME;
		ret = guest_fault(guest, gpa, write ? EPT_PROT_WRITE : EPT_PROT_READ);
		if (ret != EPT_VERDICT_RESUME)
			return ret;
		cond_resched();
	}
}

u8 guest_load(struct guest *guest, u64 gpa)
{
	u8 value = 0xee;

	KUNIT_EXPECT_EQ(guest->test, guest_access(guest, &guest->cpu, gpa, &value, 1, false), 0);
	return value;
}

void guest_store(struct guest *guest, u64 gpa, u8 value)
{
	KUNIT_EXPECT_EQ(guest->test, guest_access(guest, &guest->cpu, gpa, &value, 1, true), 0);
}

enum ept_level guest_level(struct guest *guest, u64 gpa)
{
	struct ept_mapping mapping = {};

	KUNIT_EXPECT_EQ(guest->test, ept_lookup(guest->ept, gpa, &mapping), 0);
	return mapping.level;
}

enum ept_level guest_large(const struct guest *guest, u32 prot)
{
	if (prot & EXEC_ALL && guest->config.flags & EPT_CONFIG_NO_EXEC_LARGE)
		return EPT_4K;
	return min(guest->config.max_leaf, EPT_2M);
}

u64 guest_anon_pages(struct guest *guest)
{
	struct ept_space_stats stats;

	ept_space_get_stats(guest->space, &stats);
	return stats.anon_pages;
}

/*
 * Set-up and end
 */

static void *linear;

/* Kept: after thousands of cases memory has few pieces as large as that. */
int guest_suite_init(struct kunit_suite *suite)
{
	if (!linear)
		linear = alloc_pages_exact(GUEST_SIZE, GFP_KERNEL);
	return linear ? 0 : -ENOMEM;
}

static void __exit free_linear(void)
{
	if (linear)
		free_pages_exact(linear, GUEST_SIZE);
}
module_exit(free_linear);

int guest_init(struct kunit *test)
{
	const struct test_config *param = test->param_value;
	struct guest *guest;

	guest = kunit_kzalloc(test, sizeof(*guest), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, guest);
	test->priv = guest;
	guest->test = test;
	guest->tables_before = table_pages();
	guest->config = param ? param->config : test_configs[0].config;
	guest->config.flags &= ~EPT_CONFIG_EXTERNAL_LOCK;
	guest->ops.invalidate = invalidate;
	guest->config.ops = &guest->ops;
	guest->config.cookie = guest;
	guest->config.name = "space";
	guest->generation = 1;
	init_rwsem(&guest->running);
	mmu_for_config(&guest->mmu, &guest->config);
	KUNIT_ASSERT_NOT_NULL(test, linear);
	memset(linear, 0, GUEST_SIZE);
	guest->linear = virt_to_page(linear);
	guest->pages = make_pages();
	guest->client = make_pages();
	KUNIT_ASSERT_TRUE(test, guest->pages && guest->client);
	guest->file = shmem_file_setup("guest", GUEST_SIZE, EMPTY_VMA_FLAGS);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, guest->file);
	guest->space = ept_space_create(&guest->config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, guest->space);
	guest->ept = ept_space_table(guest->space);
	guest->eptp = ept_pointer(guest->ept);
	return 0;
}

/* For cases whose parameters aren't configurations */
int guest_init_own_params(struct kunit *test)
{
	const void *param = test->param_value;
	int err;

	test->param_value = NULL;
	err = guest_init(test);
	test->param_value = param;
	return err;
}

void guest_exit(struct kunit *test)
{
	struct guest *guest = test->priv;

	if (!guest)
		return;
	ept_space_destroy(guest->space);
	if (!IS_ERR_OR_NULL(guest->file))
		fput(guest->file);
	free_pages_of(guest->pages);
	free_pages_of(guest->client);
	KUNIT_EXPECT_EQ_MSG(test, table_pages(), guest->tables_before, "pages of tables leaked");
}
