// SPDX-License-Identifier: GPL-2.0
/* Pages for a guest: made, mapped, compared and freed. */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "guest_memory.h"

u64 guest_page_hpa(const struct guest_memory *memory, unsigned int i)
{
	return page_to_phys(memory->page[i]);
}

void *guest_memory_at(u64 hpa, void *arg)
{
	const struct guest_memory *memory = arg;

	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		if (hpa >> PAGE_SHIFT == guest_page_hpa(memory, i) >> PAGE_SHIFT)
			return memory->at[i] + offset_in_page(hpa);
	return NULL;
}

void guest_page_set(struct guest_memory *memory, unsigned int i, u32 prot)
{
	const struct ept_attrs attrs = { .prot = prot, .memtype = EPT_MT_WB };
	struct fixture *fixture = memory->fixture;

	KUNIT_ASSERT_EQ(fixture->test, 0,
			ept_remap(fixture->ept, guest_page_gpa(i), guest_page_hpa(memory, i), SZ_4K,
				  &attrs, NULL));
}

void guest_page_unmap(struct guest_memory *memory, unsigned int i)
{
	struct fixture *fixture = memory->fixture;

	KUNIT_ASSERT_EQ(fixture->test, 0,
			ept_unmap(fixture->ept, guest_page_gpa(i), SZ_4K, NULL));
}

void guest_memory_fill(struct guest_memory *memory, struct rnd_state *rnd)
{
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		prandom_bytes_state(rnd, memory->at[i], SZ_4K);
	guest_memory_save(memory);
}

void guest_memory_save(struct guest_memory *memory)
{
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		memcpy(memory->saved + i * SZ_4K, memory->at[i], SZ_4K);
}

bool guest_memory_is_saved(const struct guest_memory *memory)
{
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		if (memcmp(memory->saved + i * SZ_4K, memory->at[i], SZ_4K))
			return false;
	return true;
}

/* The last page first, so that neighbours for the guest are none for the host */
static void get_pages(struct kunit *test, struct guest_memory *memory)
{
	for (unsigned int i = GUEST_PAGES; i--;) {
		memory->page[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, memory->page[i]);
		memory->at[i] = page_address(memory->page[i]);
	}
}

int guest_memory_init(struct kunit *test)
{
	struct guest_memory *memory = kunit_kzalloc(test, sizeof(*memory), GFP_KERNEL);
	int err = fixture_init(test);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	if (err)
		return err;
	memory->fixture = test->priv;
	memory->fixture->arg = memory;
	memory->saved = kunit_kzalloc(test, GUEST_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory->saved);
	get_pages(test, memory);
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		guest_page_set(memory, i, EPT_ATTRS_RAM.prot);
	return 0;
}

void guest_memory_exit(struct kunit *test)
{
	struct guest_memory *memory = test->priv ? guest_memory(test) : NULL;

	for (unsigned int i = 0; memory && i < GUEST_PAGES; i++)
		if (memory->page[i])
			__free_page(memory->page[i]);
	fixture_exit(test);
}
