/* SPDX-License-Identifier: GPL-2.0 */
/*
 * thinvmm: what its parts share. The parts of ept that are included are its public headers.
 *
 * "The system" is this kernel and all that it runs, in VMX non-root mode; "root" is what runs
 * between a VM exit and the next VM entry. To the system root is what a non-maskable interrupt is,
 * and more so: it may come anywhere, in every lock, in the allocator, in the idle loop. So root
 * takes no lock that the system may hold, waits for no CPU that is not in root itself, allocates
 * and frees nothing, wakes nobody and prints nothing, but for its last words.
 */
#ifndef _THINVMM_H
#define _THINVMM_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/processor.h>
#include <linux/types.h>

#include "ept_core.h"
#include "ept_memtype.h"
#include "report.h"
#include "vmx.h"

/* What happened in root, for each CPU */
enum thinvmm_counter {
	THINVMM_CPUID,		/* exits that the CPU forces on us */
	THINVMM_OTHER,
	THINVMM_CALL,		/* our own VMCALL */
	THINVMM_MAPPED,		/* EPT violations: nothing was mapped, */
	THINVMM_GRANTED,	/* a right had been taken for a while, */
	THINVMM_WATCHED,	/* a watch wanted to know, */
	THINVMM_DENIED,		/* root could do nothing about it at that moment, */
	THINVMM_SPURIOUS,	/* or nothing was wrong any more */
	THINVMM_STEPS,		/* instructions that ran on the step table, */
	THINVMM_BARE,		/* of these, on none */
	THINVMM_NR_COUNTERS,
};

struct thinvmm_cpu {
	u64		regs[VMX_NR_REGS];	/* the system's, while this CPU is in root */
	struct vmx_cpu	vmx;
	void		*stack;			/* root's */
	bool		running;		/* the system, in non-root mode */
	bool		launched;
	bool		leaving;
	bool		stepping;
	bool		traps;			/* it has the monitor trap flag */
	bool		amid_nmi;		/* the step ends where an NMI's handler does */
	bool		nmi_pending;		/* one came amid the step */
	u64		counter[THINVMM_NR_COUNTERS];
};

DECLARE_PER_CPU(struct thinvmm_cpu, thinvmm_cpus);

/* The kinds of watches: what the system gets of a range, and which accesses are noted */
enum thinvmm_kind {
	THINVMM_HIDE,		/* it gets another page, which starts zeroed */
	THINVMM_PROTECT,	/* its writes are noted */
	THINVMM_COUNT,		/* all of its accesses are noted */
	THINVMM_TRAP,		/* its fetches are noted */
	THINVMM_NR_KINDS,
};

/* A watch's number is the tag of its leaves: a leaf leads to its watch without a search. */
#define THINVMM_NO_WATCH	0
#define THINVMM_MAX_WATCHES	EPT_TAG_MAX

struct thinvmm_watch {
	enum thinvmm_kind	kind;
	u64			gpa;
	u64			size;		/* 0: not in use */
	struct page		*decoy;		/* what a hidden page shows */
	atomic64_t		hits;
};

/* An access that a watch noted */
struct thinvmm_event {
	u64			nr;		/* 1: the first; 0: none yet */
	enum thinvmm_kind	kind;
	unsigned int		cpu;
	u32			access;		/* EPT_PROT_* */
	u64			gpa, gla, rip;
};

#define THINVMM_EVENTS		64

struct thinvmm {
	struct ept_caps		caps;
	struct ept_mtrr		mtrr;
	struct ept		*ept;		/* what the system runs on */
	struct ept		*step;		/* what a stopped instruction runs on */
	struct mutex		mutex;		/* the system's, for tables and watches */
	unsigned long		busy;		/* bit 0: ept is being changed */
	unsigned long		step_lock;	/* bit 0: step is being changed, in root */
	u64			going, going_size;	/* memory that is about to go offline */
	struct mm_struct	*mm;		/* whose page tables root uses */
	unsigned long		msr_bitmap;
	struct thinvmm_watch	watch[THINVMM_MAX_WATCHES + 1];
	struct thinvmm_event	event[THINVMM_EVENTS];
	atomic64_t		events;
};

extern struct thinvmm thinvmm;

/* thinvmm_cpu.c: hotplug callbacks, on the CPU that they are about */
int thinvmm_cpu_enter(unsigned int cpu);
int thinvmm_cpu_leave(unsigned int cpu);

/* thinvmm_entry.S */
typedef void (*thinvmm_root_fn)(void *arg);
/* Goes on as the system of this CPU, 0, or as before, -EIO. Interrupts off. */
int thinvmm_start(struct thinvmm_cpu *cpu, void *stack);
/* Root ends here. */
void __noreturn thinvmm_go_on(const u64 *regs, unsigned long rsp, unsigned long rip);
/* Runs @fn in root, on a CPU that runs the system. */
void thinvmm_call(thinvmm_root_fn fn, void *arg);
extern const u8 thinvmm_call_insn[];
/* The sum, by code in a page of its own. Where indirect branches are tracked, it has a mark. */
long thinvmm_add(long a, long b);
#define THINVMM_ADD_INSNS	(2 + IS_ENABLED(CONFIG_X86_KERNEL_IBT))
void thinvmm_root(struct thinvmm_cpu *cpu);

/* Controls that are on for one instruction: see thinvmm_step.c. */
#define THINVMM_STEP_PIN	(PIN_BASED_NMI_EXITING | PIN_BASED_VIRTUAL_NMIS)
#define THINVMM_STEP_CPU	CPU_BASED_NMI_WINDOW_EXITING
#define THINVMM_STEP_TRAP	CPU_BASED_MONITOR_TRAP_FLAG	/* where there is one */

/* Of the pending debug exceptions field: a trap, after an instruction, for who single-steps */
#define THINVMM_PENDING_STEP	BIT(14)

/* thinvmm_step.c, in root */
void thinvmm_pend_step(void);
void thinvmm_begin_step(struct thinvmm_cpu *cpu, bool delivering);
void thinvmm_step_bare(struct thinvmm_cpu *cpu);
bool thinvmm_back_in_step(struct thinvmm_cpu *cpu, u32 reason);

/* thinvmm_exit.c, in root */
bool thinvmm_handle_exit(struct thinvmm_cpu *cpu);
void __noreturn thinvmm_stop(const char *why);

static inline void thinvmm_count(struct thinvmm_cpu *cpu, enum thinvmm_counter counter)
{
	WRITE_ONCE(cpu->counter[counter], cpu->counter[counter] + 1);
}

/* Tables that are there for faults: a region takes one, or on a CPU without 1G leaves more. */
#define THINVMM_FAULT_TABLES	256

/* thinvmm_memory.c: the tables */
int thinvmm_memory_create(void);
void thinvmm_memory_destroy(void);
typedef int (*thinvmm_change_fn)(void *arg, struct ept_gather *gather);
int thinvmm_change(thinvmm_change_fn fn, void *arg, u64 size);
int thinvmm_change_step(thinvmm_change_fn fn, void *arg, u64 size);
int thinvmm_reserve(u64 size);
void thinvmm_lock_ept(void);
void thinvmm_unlock_ept(void);
int thinvmm_has(u64 gpa, u64 size);
int thinvmm_show(u64 gpa, u64 size, u32 prot, u8 tag);
int thinvmm_show_all(u64 gpa, u64 size);
int thinvmm_replace(u64 gpa, phys_addr_t hpa);
u64 thinvmm_counted(enum thinvmm_counter counter);

/* Their locks. Root waits for those that only root holds. */
static inline bool thinvmm_try_lock(unsigned long *lock)
{
	return !test_and_set_bit_lock(0, lock);
}

static inline void thinvmm_wait_lock(unsigned long *lock)
{
	while (!thinvmm_try_lock(lock))
		cpu_relax();
}

static inline void thinvmm_unlock(unsigned long *lock)
{
	clear_bit_unlock(0, lock);
}

/* thinvmm_fault.c, in root */
void thinvmm_handle_violation(struct thinvmm_cpu *cpu, bool delivering);

/* thinvmm_hotplug.c. An event: what a notifier returns */
int thinvmm_hotplug_begin(void);
void thinvmm_hotplug_end(void);
int thinvmm_memory_event(unsigned long action, void *memory);

/* thinvmm_watch.c. A watch's number, or an error. In root: note */
int thinvmm_watch(enum thinvmm_kind kind, u64 gpa, u64 size);
int thinvmm_unwatch(unsigned int nr);
int thinvmm_find_watch(u64 gpa);
bool thinvmm_is_watched(u64 gpa, u64 size);
void thinvmm_unwatch_all(void);
void thinvmm_free_decoys(void);
bool thinvmm_note(struct thinvmm_cpu *cpu, u8 tag, u32 access, u64 gpa, u64 gla);
bool thinvmm_read_event(u64 nr, struct thinvmm_event *event);
extern const char * const thinvmm_kind_name[THINVMM_NR_KINDS];

/* thinvmm_churn.c */
enum thinvmm_churn_mode {
	THINVMM_CHURN_OFF,
	THINVMM_CHURN_QUIET,	/* only what no CPU may notice */
	THINVMM_CHURN_ALL,	/* also take rights and pages for a while */
};

int thinvmm_churn(enum thinvmm_churn_mode mode);
void thinvmm_churn_show(struct seq_file *m);

/* thinvmm_check.c */
int thinvmm_check(void);
int thinvmm_check_watch(enum thinvmm_kind kind, u64 gpa, u64 size);
int thinvmm_check_unwatch(int nr);

/* thinvmm_rare.c: checks, as thinvmm_check.c's */
int thinvmm_check_nmi(struct sample_report *report);
int thinvmm_check_no_tables(struct sample_report *report);
int thinvmm_check_hotplug(struct sample_report *report);

/* thinvmm_debugfs.c */
void thinvmm_debugfs_add(void);
void thinvmm_debugfs_remove(void);

#endif /* _THINVMM_H */
