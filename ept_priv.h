/* SPDX-License-Identifier: GPL-2.0 */
/*
 * struct ept, and what the files on top of the walker share. Includes all layers below.
 */
#ifndef _EPT_PRIV_H
#define _EPT_PRIV_H

#include <linux/cache.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rhashtable-types.h>
#include <linux/rwsem.h>
#include <linux/smp.h>

#include "ept_compat.h"
#include "ept_walk.h"

/**
 * struct ept_cpu - what a CPU has to do with a table; it alone writes here, and to that cache line
 * @next: in the list of CPUs that ever mapped or ran; set once
 * @seen: the generation at this CPU's last INVEPT; 0: none
 * @running: loads without their put
 * @mapping: it is mapping one leaf, and holds no lock (ept_enter_shared())
 * @listed: it is in that list
 */
struct ept_cpu {
	struct ept_cpu	*next;
	u64		seen;
	unsigned int	running;
	bool		mapping;
	bool		listed;
} ____cacheline_aligned_in_smp;

/* 64 characters of the client's, a '-', a number of 16 digits, the end */
#define EPT_NAME_SIZE	(64 + 1 + 16 + 1)

/**
 * struct ept - a table
 * @fmt: what its entries are like
 * @root: the root's entries
 * @pointer: the EPTP
 * @store: where its tables come from
 * @external: EPT_CONFIG_EXTERNAL_LOCK
 * @lock: excludes functions that change the table, but one-leaf maps only from the others
 * @waiting: one-leaf maps that wait for the lock
 * @came_in: how many that waited have had it
 * @paused: who has the lock let it go for one-leaf maps alone; written under it
 * @external_lock: what the client registered instead
 * @config: what it was made for; its name is that of the table
 * @first_cpu: the list of those that ever did, which only grows
 * @changes: how many changes asked for a flush; written where changes are excluded, each time after
 *	the entries that it stands for
 * @flushed: how many of them an invalidation covers that is over
 * @generation: number of invalidations, plus 1: a new table is behind everywhere
 * @unfolded: gathers with tables of which a merge has not yet collected accessed and dirty; changed
 *	where changes are excluded
 * @deferred: unlinked tables that ept_reap() frees, a list of lists
 * @stuck: unlinked tables that a CPU may still use, as it refused to run INVEPT
 * @splits: ept_stats.splits
 * @merges: ept_stats.merges
 * @flushes: ept_stats.flushes
 * @interrupts: ept_stats.interrupts
 * @name: of the debugfs directory
 * @named: its name is one that was given
 * @name_node: among those, if so
 * @awaited: in the list of tables whose files are yet to be made
 * @dir: the debugfs directory
 * @lookup_gpa: what was last written to its 'lookup'
 * @cpus: who maps, who runs a guest on it, and who is behind. A part of the struct: memory of the
 *	kernel's for each CPU takes longer to allocate than all else but the pages of a small table
 */
struct ept {
	struct ept_format	fmt;
	u64			*root;
	u64			pointer;
	struct ept_store	store;
	bool			external;
	struct rw_semaphore	lock;
	atomic_t		waiting;
	atomic_t		came_in;
	bool			paused;
	struct lockdep_map	*external_lock;
	struct ept_config	config;
	struct ept_cpu		*first_cpu;
	u64			changes;
	atomic64_t		flushed;
	atomic64_t		generation;
	struct list_head	unfolded;
	struct llist_head	deferred;
	struct page		*stuck;
	atomic64_t		splits;
	atomic64_t		merges;
	atomic64_t		flushes;
	atomic64_t		interrupts;
	char			name[EPT_NAME_SIZE];
	bool			named;
	struct rhash_head	name_node;
	struct list_head	awaited;
	struct dentry		*dir;
	u64			lookup_gpa;
	struct ept_cpu		cpus[];
};

/* Preemption is disabled. By the byte: by the index takes an instruction more in each map. */
static inline struct ept_cpu *ept_this_cpu(struct ept *ept)
{
	return (void *)ept->cpus + smp_processor_id() * sizeof(*ept->cpus);
}

/* ept_vmx.c */
u64 ept_vmx_pointer(const struct ept_config *config, phys_addr_t root);

/* ept_flush.c */
void ept_cpu_appears(struct ept *ept, struct ept_cpu *cpu);
void ept_flush_release(struct ept *ept);

/* ept_shape.c */
void ept_fold_merged(struct ept *ept, const struct page *merged);
void ept_fold_all(struct ept *ept, u64 gpa, u64 end);
void ept_retract_merged(struct ept *ept, u64 gpa, u64 end);

/**
 * struct ept_hooks - for the KUnit suites, which show that they notice what is missing
 * @overlook: bits of entries whose change asks for no flush, and EPT_OVERLOOK_TABLES
 * @invept: is called in the place of INVEPT, for one table's EPTP or for all
 * @planning: is called before the plan of an operation that isn't done the short way
 * @pausing: is called in each pause of an operation
 * @nothing_at_once: the system has no table for who doesn't wait for it, unless he may not
 */
struct ept_hooks {
	u64	overlook;
	int	(*invept)(u64 pointer, bool global);
	void	(*planning)(struct ept *ept);
	void	(*pausing)(struct ept *ept);
	bool	nothing_at_once;
};

/* A bit that no entry has, for tables that are unlinked */
#define EPT_OVERLOOK_TABLES	BIT_ULL(62)

/* Only a build that has the suites has it. */
#ifdef EPT_KUNIT_HOOKS
extern struct ept_hooks ept_hooks;
#else
static const struct ept_hooks ept_hooks __maybe_unused;
#endif

/* ept_name.c */
int ept_name_init(void);
void ept_name_exit(void);
int ept_name_take(struct ept *ept, const char *name);
void ept_name_drop(struct ept *ept);
void ept_name_put_number(char *end, u64 number);

/**
 * struct ept_found - an entry that isn't a hole, as a reader found it
 * @gpa: where it begins
 * @level: what it spans
 * @entry: its raw value
 * @live: the live count of the table that it points to
 */
struct ept_found {
	u64		gpa;
	enum ept_level	level;
	u64		entry;
	unsigned int	live;
};

/* Each entry's place in a row, not 0, where a table comes before its entries: by gpa, then level */
static inline u64 ept_found_order(const struct ept_format *fmt, const struct ept_found *found)
{
	return found->gpa + fmt->levels - found->level;
}

/* Where the addresses of a guest end */
static inline u64 ept_gpa_end(const struct ept *ept)
{
	return 1ULL << ept_gpa_width(&ept->fmt);
}

static inline bool ept_gpa_fits(const struct ept *ept, u64 gpa)
{
	return !(gpa & ept->fmt.gpa_illegal & PAGE_MASK);
}

/* ept_visit.c, ept_stats.c, ept_check.c */
bool ept_next_mapping(struct ept *ept, u64 gpa, struct ept_mapping *mapping);
bool ept_next_entry(struct ept *ept, u64 from, struct ept_found *found);
void ept_count(struct ept *ept, struct ept_stats *stats, bool may_sleep);
int ept_check_entries(struct ept *ept, struct ept_check_report *report);

/* ept_dump.c */
void ept_dump_heading(struct seq_file *m);
void ept_dump_mapping(struct seq_file *m, struct ept *ept, const struct ept_mapping *mapping);
void ept_dump_root(struct seq_file *m, struct ept *ept);
void ept_dump_entry(struct seq_file *m, struct ept *ept, const struct ept_found *found);
void ept_dump_explanation(struct seq_file *m, struct ept *ept, u64 gpa);
void ept_dump_caps(struct seq_file *m, int err, const struct ept_caps *caps);

/* ept_debugfs.c */
#ifdef CONFIG_DEBUG_FS
void ept_debugfs_init(void);
void ept_debugfs_exit(void);
void ept_debugfs_add(struct ept *ept);
void ept_debugfs_remove(struct ept *ept);
void ept_debugfs_settle(void);
#else
static inline void ept_debugfs_init(void) {}
static inline void ept_debugfs_exit(void) {}
static inline void ept_debugfs_add(struct ept *ept) {}
static inline void ept_debugfs_remove(struct ept *ept) {}
static inline void ept_debugfs_settle(void) {}
#endif

#endif /* _EPT_PRIV_H */
