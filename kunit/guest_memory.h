/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of a guest for the suites of the layer: pages of the kernel that lie side by side for the
 * guest, and nowhere near each other for the host.
 */
#ifndef EPT_KUNIT_GUEST_MEMORY_H
#define EPT_KUNIT_GUEST_MEMORY_H

#include "fixture.h"

#define GUEST_PAGES	16
#define GUEST_BASE	SZ_1M
#define GUEST_SIZE	(GUEST_PAGES * SZ_4K)

/* Where no host has memory, below each configuration's MAXPHYADDR */
#define FAR_HPA		(SZ_1G * 16ULL)

struct guest_memory {
	struct fixture	*fixture;
	struct page	*page[GUEST_PAGES];
	u8		*at[GUEST_PAGES];	/* for the kernel */
	u8		*saved;			/* GUEST_SIZE bytes */
};

/* For .init and .exit of a suite; the case's fixture gets it as its @arg, its pages mapped. */
int guest_memory_init(struct kunit *test);
void guest_memory_exit(struct kunit *test);

static inline struct guest_memory *guest_memory(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	return fixture->arg;
}

static inline u64 guest_page_gpa(unsigned int i)
{
	return GUEST_BASE + i * SZ_4K;
}

u64 guest_page_hpa(const struct guest_memory *memory, unsigned int i);
/* The byte of the guest at a host-physical address; NULL: not the guest's */
void *guest_memory_at(u64 hpa, void *memory);
/* Maps page @i anew. */
void guest_page_set(struct guest_memory *memory, unsigned int i, u32 prot);
void guest_page_unmap(struct guest_memory *memory, unsigned int i);

void guest_memory_fill(struct guest_memory *memory, struct rnd_state *rnd);
void guest_memory_save(struct guest_memory *memory);
/* Whether the pages hold what @saved does */
bool guest_memory_is_saved(const struct guest_memory *memory);

#endif
