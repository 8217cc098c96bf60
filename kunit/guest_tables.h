/* SPDX-License-Identifier: GPL-2.0 */
/* A guest's page tables, one way down that allows everything: what cases change a bit of. */
#ifndef EPT_KUNIT_GUEST_TABLES_H
#define EPT_KUNIT_GUEST_TABLES_H

#include "ept_guest.h"
#include "guest_memory.h"

/* Registers, by the manual's numbers */
#define CR0_WP		BIT_ULL(16)
#define CR0_PG		BIT_ULL(31)
#define CR4_PSE		BIT_ULL(4)
#define CR4_PAE		BIT_ULL(5)
#define CR4_LA57	BIT_ULL(12)
#define CR4_SMEP	BIT_ULL(20)
#define CR4_SMAP	BIT_ULL(21)
#define CR4_PKE		BIT_ULL(22)
#define CR4_PKS		BIT_ULL(24)
#define EFER_LMA_ON	BIT_ULL(10)
#define EFER_NXE	BIT_ULL(11)
#define RFLAGS_AC	BIT_ULL(18)

/* Bits of entries, and of page-fault codes */
#define P		BIT_ULL(0)
#define W		BIT_ULL(1)
#define U		BIT_ULL(2)
#define A		BIT_ULL(5)
#define D		BIT_ULL(6)
#define PS		BIT_ULL(7)
#define G		BIT_ULL(8)
#define XD		BIT_ULL(63)
#define KEY(k)		((u64)(k) << 59)

#define F_P		BIT(0)
#define F_W		BIT(1)
#define F_U		BIT(2)
#define F_R		BIT(3)
#define F_I		BIT(4)
#define F_K		BIT(5)

#define READ_		EPT_PROT_READ
#define WRITE_		EPT_PROT_WRITE
#define FETCH_		EPT_PROT_EXEC
#define USER_		EPT_GUEST_USER

enum guest_mode { NO_PAGING, NARROW, PAE, LONG_4, LONG_5, NR_GUEST_MODES };

/* Which of the guest's pages is what: tables from the top down, and the data */
#define DATA_PAGE	8
#define OTHER_DATA_PAGE	9
#define DATA_OFFSET	0x123

/* Where large pages lead to: no host has memory there */
#define LARGE_GPA	SZ_1G

/**
 * struct guest_tables - the way
 * @test: the case
 * @memory: the guest's
 * @mode: of paging
 * @paging: registers; rights are checked as little as can be
 * @gva: what the way is for
 * @levels: tables on it
 * @at: the entry of each, from the top down
 * @walk: the last walk
 */
struct guest_tables {
	struct kunit		*test;
	struct guest_memory	*memory;
	enum guest_mode		mode;
	struct ept_guest_paging	paging;
	u64			gva;
	unsigned int		levels;
	void			*at[5];
	struct ept_guest_walk	walk;
};

void guest_tables_lay(struct guest_tables *t, struct kunit *test, enum guest_mode mode);
/* The same with a large leaf, @up levels above the one of 4K */
void guest_tables_lay_large(struct guest_tables *t, struct kunit *test, enum guest_mode mode,
			    unsigned int up);

u64 guest_entry(const struct guest_tables *t, unsigned int i);
void guest_entry_set(const struct guest_tables *t, unsigned int i, u64 entry);
/* Sets and clears bits. */
void guest_entry_change(const struct guest_tables *t, unsigned int i, u64 clear, u64 set);

static inline unsigned int guest_leaf(const struct guest_tables *t)
{
	return t->levels - 1;
}

enum ept_walk_verdict guest_walk(struct guest_tables *t, u32 access);

/* Each walks, and says whether it went as expected; for KUNIT_EXPECT_TRUE() */
bool walk_succeeds(struct guest_tables *t, u32 access);
bool walk_page_faults(struct guest_tables *t, u32 access, u32 code);
bool walk_raises(struct guest_tables *t, u32 access, u8 vector);
/* The access to entry @i is refused; @write as a write */
bool walk_violates_at(struct guest_tables *t, u32 access, unsigned int i, bool write);

#endif
