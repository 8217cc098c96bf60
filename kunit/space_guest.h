/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A space, memory of each kind for it, and a guest: CPUs of the model MMU that keep translations
 * until they are invalidated, take their faults to the space, and read and write through what they
 * have.
 */
#ifndef EPT_KUNIT_SPACE_GUEST_H
#define EPT_KUNIT_SPACE_GUEST_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/rwsem.h>
#include <linux/uaccess.h>

#include "ept_space.h"
#include "model_mmu.h"

/* What a CPU keeps of a page */
struct guest_translation {
	u64	gpa;
	u64	hpa;
	u64	generation;
	bool	write;
};

#define GUEST_TLB	64

struct guest_cpu {
	struct guest_translation	tlb[GUEST_TLB];
};

#define GUEST_PAGES	1024		/* of each kind of memory */
#define GUEST_SIZE	(GUEST_PAGES * (u64)SZ_4K)

struct guest {
	struct kunit		*test;
	struct ept_config	config;
	struct ept_ops		ops;
	struct mmu		mmu;
	struct ept_space	*space;
	struct ept		*ept;
	u64			eptp;
	struct rw_semaphore	running;	/* shared: a CPU uses a translation */
	u64			generation;	/* of translations */
	atomic_t		invalidations;
	struct guest_cpu	cpu;		/* of the case's own thread */
	unsigned long		tables_before;

	struct page		*linear;	/* GUEST_PAGES in one piece */
	struct page		**pages;	/* as many, in pieces of one */
	unsigned int		gone;		/* pages that the client's backing lost */
	unsigned int		flushed;
	unsigned int		released;
	struct page		**client;
	struct mm_struct	*mm;		/* of the case's thread; NULL: there is none */
	unsigned long		address;	/* of GUEST_PAGES */
	unsigned long		pinned;		/* of as many others */
	struct file		*file;		/* in memory alone, as large */
};

/* For a suite; the parameter is a struct test_config, or the first one is taken. */
int guest_suite_init(struct kunit_suite *suite);
int guest_init(struct kunit *test);
int guest_init_own_params(struct kunit *test);
void guest_exit(struct kunit *test);

extern const struct ept_backend guest_backend;

/*
 * A process' memory, all of it writable, for the thread of the case, which ends it, too: KUnit
 * forgets to. The second skips the case where such memory cannot be a region's, but for pinned.
 */
void guest_make_process(struct guest *guest);
void guest_need_process(struct guest *guest);
void guest_end_process(struct guest *guest);
bool guest_has_process(void);
/* New memory in the place of a part of it, in pages */
void guest_discard(struct guest *guest, unsigned long first, unsigned long nr);
/* What the process itself does to a byte */
u8 process_load(struct guest *guest, const u8 __user *at);
void process_store(struct guest *guest, u8 __user *at, u8 value);

static inline void __user *guest_user(const struct guest *guest, unsigned long page)
{
	return (void __user *)(guest->address + page * PAGE_SIZE);
}

static inline void __user *guest_pinned(const struct guest *guest, unsigned long page)
{
	return (void __user *)(guest->pinned + page * PAGE_SIZE);
}

/* A region over the guest's own memory of a kind, from its page @first on */
struct ept_region guest_region(struct guest *guest, enum ept_region_kind kind, u64 gpa,
			       u64 size, unsigned int first);

#define EXEC_ALL	(EPT_PROT_EXEC | EPT_PROT_UEXEC)

/* A CPU's access within a page, with the faults that it takes. Their last verdict, or an error. */
int guest_access(struct guest *guest, struct guest_cpu *cpu, u64 gpa, void *data, size_t size,
		 bool write);

/* A fault, as the CPU takes it whatever the table says. The verdict, or an error. */
int guest_fault(struct guest *guest, u64 gpa, u32 access);

/* Shorthands of the case's own CPU, which have to succeed */
u8 guest_load(struct guest *guest, u64 gpa);
void guest_store(struct guest *guest, u64 gpa, u8 value);

/* Of the leaf that is there */
enum ept_level guest_level(struct guest *guest, u64 gpa);
/* What a leaf of 2M that may be used so has for a level here: 4K, where it can't be */
enum ept_level guest_large(const struct guest *guest, u32 prot);

void must_add(struct guest *guest, enum ept_region_kind kind, u64 gpa, u64 size);
u64 guest_anon_pages(struct guest *guest);

#endif
