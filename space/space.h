/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of a space share: the space, what its tree holds, and what each kind of backing
 * has to do. Knows the table by ept_core.h alone.
 *
 * The tree says for each page of the guest which span it belongs to. A span doesn't change; a
 * change stores another one in its place. Where a span begins and ends is known to the tree alone,
 * so that cutting one takes no more than that store.
 *
 * How a fault and a change meet: the change stores a span that says "busy", moves on the tree's
 * version, then the numbers of the backings, then takes from the table. The fault finds its span,
 * reads the number, finds the version that it began with, and maps only if the number is the same
 * (ept_map_if()). So nothing of a backing is mapped after it was taken.
 *
 * What nobody may use any more goes after the flush, and after all that was under way in the space
 * (SRCU). So a page that was found in the table may be used within the same read side.
 */
#ifndef EPT_SPACE_PRIV_H
#define EPT_SPACE_PRIV_H

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>

#include "ept_space.h"

#define PROT_ALL	(EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC)

struct dentry;
struct kind;

/**
 * struct backing - what is behind spans
 * @kind: what it has to do
 * @region: as it was added; gpa, offset and the memory belong together for all of it
 * @source: what it was moved from, if that is still needed
 * @added: its region got into the space
 * @readonly: nobody writes to its memory, whatever the region gives
 * @seq: changes before anything of it is taken from the table
 * @spans: that have it, and backings whose source it is
 * @flushed: among those that wait to hear of the flush
 */
struct backing {
	const struct kind	*kind;
	struct ept_region	region;
	struct backing		*source;
	bool			added;
	bool			readonly;
	atomic_long_t		seq;
	unsigned int		spans;
	struct list_head	flushed;
};

/**
 * struct span - what the tree holds for a range, or for several
 * @backing: what is behind it; NULL: it is a change's
 * @attrs: what its mappings are like, with the rights that it gives now
 * @pending: added, and not yet committed
 * @size: bytes of the tree that it has; without any it goes
 * @node: among the pending, or among those that go
 */
struct span {
	struct backing		*backing;
	struct ept_attrs	attrs;
	bool			pending;
	u64			size;
	struct list_head	node;
};

/**
 * struct part - a part of a span that is being changed
 * @node: in its change
 * @gpa: where it begins
 * @size: bytes
 * @old: what was there
 * @new: what comes there; NULL: nothing; @old: nothing changes
 */
struct part {
	struct list_head	node;
	u64			gpa;
	u64			size;
	struct span		*old;
	struct span		*new;
};

/**
 * struct change - a change of a range
 * @busy: what the tree has there meanwhile
 * @node: among those of one commit
 * @parts: what was there, in order
 * @removes: they are nowhere now
 * @gpa: where it begins
 * @size: bytes
 * @low: where that which it cuts at its beginning begins
 * @high: where that which it cuts at its end ends
 */
struct change {
	struct span		busy;
	struct list_head	node;
	struct list_head	parts;
	bool			removes;
	u64			gpa;
	u64			size;
	u64			low;
	u64			high;
};

/**
 * struct log - writes to a range
 * @gpa: where it begins
 * @size: bytes
 * @flags: EPT_LOG_* bits
 * @by_fault: no mapping is writable before its page is in @bitmap
 * @bitmap: pages that were written, beside those whose dirty flag is set
 */
struct log {
	u64		gpa;
	u64		size;
	u32		flags;
	bool		by_fault;
	unsigned long	*bitmap;
};

/**
 * struct found - what a CPU found in the tree
 * @version: of the tree
 * @span: what it found
 * @start: where it begins
 * @size: bytes
 */
struct found {
	long		version;
	struct span	*span;
	u64		start;
	u64		size;
};

#define RECENT_PAGES	16

/**
 * struct recent - what a CPU found of late
 * @last: for the pages of a large region, one after the other
 * @page: for a few pages, each of another region: registers of devices
 */
struct recent {
	struct found	last;
	struct found	page[RECENT_PAGES];
};

/**
 * struct place - what is at an address, for the time that its number stays
 * @space: the space
 * @span: what is there
 * @log: what logs writes there, or NULL
 * @gpa: the page
 * @start: where the span begins, around it
 * @end: where it ends
 * @seen: the backing's number
 * @mapped: something was mapped there, when place_look_up() looked
 * @there: what, or else the hole
 */
struct place {
	struct ept_space	*space;
	struct span		*span;
	struct log		*log;
	u64			gpa;
	u64			start;
	u64			end;
	unsigned long		seen;
	bool			mapped;
	struct ept_mapping	there;
};

/* What is said of a place beside errors: wait until it is committed. */
#define PLACE_BUSY	1
/* Other memory is mapped there, whose owner has to hear that it goes. */
#define PLACE_TAKEN	2

/**
 * struct touch - what the host does within a page
 * @fn: gets the page, for the time of the call; what it returns is passed on
 * @gpa: where
 * @data: from where, or to where; NULL: where it is
 * @size: bytes
 * @write: it may write
 * @rights: what the region has to give
 * @pinned: the page is a process', pinned for the time of the call; false after it: for longer
 * @old: what a compare and exchange expects
 * @new: what it puts there; set to what was there
 */
struct touch {
	int		(*fn)(struct touch *touch, struct page *page);
	u64		gpa;
	void		*data;
	size_t		size;
	bool		write;
	u32		rights;
	bool		pinned;
	const u64	*old;
	u64		new;
};

/**
 * struct kind - what a kind of backing has to do
 * @name: for people
 * @owns: its pages are known to the table alone: a leaf that is cut has to be split
 * @asks: gives memory for an access, and may give other memory than before, of which it hears
 * @shares: what is moved needs the backing that it was moved from
 * @create: a backing for a region that was checked; @from: NULL, or the backing of which it was a
 *	part before it moved
 * @fault: makes an access possible, after place_look_up() unless it @owns; -EAGAIN: look again.
 *	NULL: nothing is ever mapped
 * @gone: NULL, or hears of a leaf that went, and whether it was written; under the table's lock
 * @touch: NULL, or reads and writes for the host, where the table isn't all that it takes; -EAGAIN:
 *	look again
 * @flushed: NULL, or hears that nobody uses what went
 * @removed: NULL, or hears that nobody uses a part any more, which was removed
 * @destroy: frees a backing that nobody uses
 */
struct kind {
	const char	*name;
	bool		owns;
	bool		asks;
	bool		shares;
	struct backing	*(*create)(struct ept_space *space, const struct ept_region *region,
				   const struct backing *from);
	int		(*fault)(struct place *place, u32 access);
	void		(*gone)(struct ept_space *space, struct backing *backing,
				const struct ept_mapping *mapping, bool written);
	int		(*touch)(struct place *place, struct touch *touch);
	void		(*flushed)(struct backing *backing);
	void		(*removed)(struct backing *backing, u64 offset, u64 size);
	void		(*destroy)(struct backing *backing);
};

extern const struct kind space_linear;
extern const struct kind space_anon;
extern const struct kind space_user;
extern const struct kind space_pages;
extern const struct kind space_mmio;
extern const struct kind space_client;
extern const struct kind space_pinned;
extern const struct kind space_file;

/**
 * struct ept_space - a space
 * @ept: its table
 * @max_leaf: the largest leaf
 * @exec_small: leaves that may be executed are of 4K
 * @accessed_dirty: the table has these flags
 * @mode_exec: the table has mode-based execute
 * @nid: NUMA node of anonymous memory
 * @limit: where the guest's addresses end
 * @spans: the tree
 * @version: of the tree: changes after what faults may have found was replaced
 * @recent: what each CPU found in it of late
 * @stale: changes when memory has gone from the table, before anyone else may use it
 * @walking: held by who reads memory through the table without a reference to it
 * @logs: of logs
 * @srcu: faults, accesses and notifiers are its readers
 * @counts: for ept_space_get_stats()
 * @appear: makes the files
 * @tries: how often it tried
 * @regions: of debugfs
 * @faults: of debugfs
 * @lock: excludes changes, and all below
 * @owner: who has it
 * @gather: what the changes owe; flushed whenever nobody has the lock
 * @replaced: something in the tree was replaced
 * @pending: spans that wait for the commit
 * @dead: spans that wait for it to go
 * @changes: changes that wait for it to go
 * @flushed: backings that wait for the flush
 * @pages: anonymous pages that wait for it; each is the first of so many as it has in private
 */
struct ept_space {
	struct ept			*ept;
	enum ept_level			max_leaf;
	bool				exec_small;
	bool				accessed_dirty;
	bool				mode_exec;
	int				nid;
	u64				limit;
	struct maple_tree		spans;
	atomic_long_t			version;
	struct recent __percpu		*recent;
	atomic_long_t			stale;
	rwlock_t			walking;
	struct maple_tree		logs;
	struct srcu_struct		srcu;
	struct ept_space_stats __percpu	*counts;
	struct delayed_work		appear;
	unsigned int			tries;
	struct dentry			*regions;
	struct dentry			*faults;

	struct mutex			lock;	/* excludes changes */
	struct task_struct		*owner;
	struct ept_gather		gather;
	bool				replaced;
	struct list_head		pending;
	struct list_head		dead;
	struct list_head		changes;
	struct list_head		flushed;
	struct list_head		pages;
};

static inline u64 level_size(enum ept_level level)
{
	return (u64)SZ_4K << 9 * level;
}

static inline const unsigned long *backing_seq(const struct backing *backing)
{
	return (const unsigned long *)&backing->seq.counter;
}

/* What was looked up before isn't mapped any more. */
static inline void backing_move_on(struct backing *backing)
{
	atomic_long_inc_return(&backing->seq);
}

/* The part of what is behind @backing that is at @gpa, in bytes */
static inline u64 backing_at(const struct backing *backing, u64 gpa)
{
	return gpa - backing->region.gpa;
}

/* The rights that an access lacked or had, which of them nobody knows */
static inline u32 space_needed(const struct ept_space *space,
			       const struct ept_violation *violation)
{
	const u32 access = (violation->read ? EPT_PROT_READ : 0) |
			   (violation->write ? EPT_PROT_WRITE : 0);

	if (likely(!violation->exec))
		return access;
	if (!space->mode_exec)
		return access | EPT_PROT_EXEC;
	if (!violation->advanced)
		return access | EPT_PROT_EXEC | EPT_PROT_UEXEC;
	return access | (violation->user ? EPT_PROT_UEXEC : EPT_PROT_EXEC);
}

/* place.c */
int space_judge(const struct ept_space *space, u64 gpa, u64 size);
bool space_next(struct ept_space *space, u64 *gpa, u64 end, struct part *part);
struct span *place_extent(struct place *place);
int place_find(struct ept_space *space, u64 gpa, struct place *place);
int space_again(struct ept_space *space, u64 gpa, int err);
void place_region(struct ept_region *region, u64 gpa, u64 size);
bool place_look_up(struct place *place);
int place_install(struct place *place, u64 gpa, u64 hpa, u64 size, u32 prot, u32 access);

/* fault.c */
int space_answer(struct ept_space *space, u64 gpa, u32 access, bool page_walk,
		 struct ept_fault *fault);

/* touch.c */
int space_touch(struct ept_space *space, struct touch *touch);
int space_touch_mapped(struct place *place, struct touch *touch);

/* change.c */
int space_lock(struct ept_space *space);
int space_unlock(struct ept_space *space);
int space_split_edges(struct ept_space *space, u64 gpa, u64 size);
int space_zap(struct ept_space *space, const struct part *part, struct ept_gather *gather);
void space_remove_all(struct ept_space *space);

/* regions.c */
int space_clear_place(struct ept_space *space, u64 gpa);

/* log.c */
void log_free_all(struct ept_space *space);
struct log *log_at(struct ept_space *space, u64 gpa);
bool log_is_in(struct ept_space *space, u64 gpa, u64 size);
void log_note(struct log *log, u64 gpa);
void log_note_range(struct ept_space *space, u64 gpa, u64 size);
void log_note_gone(struct ept_space *space, u64 gpa, u64 size);

/* held.c */
int space_pages_error(long err);

/* anon.c */
void anon_free_pages(struct list_head *pages);

/*
 * The rights of a mapping for @access, of memory that may be used with @prot. With a log that lives
 * on faults the write is in it before it is possible.
 */
static inline u32 place_prot(const struct place *place, u32 prot, u32 access)
{
	prot &= place->span->attrs.prot;
	if (likely(!place->log || !place->log->by_fault))
		return prot;
	if (!(access & EPT_PROT_WRITE))
		return prot & ~EPT_PROT_WRITE;
	log_note(place->log, place->gpa);
	return prot;
}

/* Of a large leaf a write makes only its page writable, which has to be small for that. */
static inline bool place_needs_small(const struct place *place, u32 access)
{
	return place->log && place->log->by_fault && access & EPT_PROT_WRITE;
}

static inline struct ept_attrs place_attrs(const struct place *place, u32 prot, u32 access)
{
	struct ept_attrs attrs = place->span->attrs;

	attrs.prot = place_prot(place, prot, access);
	return attrs;
}

/* debugfs.c */
#ifdef CONFIG_DEBUG_FS
void space_debugfs_add(struct ept_space *space);
void space_debugfs_remove(struct ept_space *space);
#else
static inline void space_debugfs_add(struct ept_space *space) { }
static inline void space_debugfs_remove(struct ept_space *space) { }
#endif

#endif
