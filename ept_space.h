/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ept_space: what a guest's memory is. The header that a client of ept_space.ko includes, and the
 * manual.
 *
 * A table (ept_core.h) shows what of a guest's memory was touched. A space says what there is to be
 * touched: regions, and what is behind each of them. Faults, populating, access by the host and the
 * log of dirty pages come from that.
 */
#ifndef _EPT_SPACE_H
#define _EPT_SPACE_H

#include "ept_core.h"

struct ept_guest_paging;
struct ept_guest_walk;
struct ept_space;
struct file;
struct mm_struct;
struct page;

/**
 * DOC: Space language
 *
 * ===========  ================================================================================
 * region       a range of guest-physical addresses, and what is behind it
 * backing      what is behind a region; parts of a region that was cut share it
 * kind         of a backing: &enum ept_region_kind
 * change       what adds, sets, removes or moves regions, or changes what their mappings are like
 * populate     map before the guest touches it
 * window       a page that the host reads and writes where it is
 * log          which pages were written since one last asked
 * ===========  ================================================================================
 *
 * Addresses, sizes and errors are as in ept_core.h: ranges are half-open, and multiples of 4K
 * unless a function says otherwise; misaligned or empty is -EINVAL, beyond the guest's address
 * width -ERANGE, to every function that takes one. On any error nothing has changed. Beside its
 * errors there are:
 *
 * ============  ===============================================================================
 * -EACCES       the region, or what a client's backing gives for it, lacks the right that was
 *               asked for
 * -EFAULT       nothing is behind the address: the process has no memory there, or none for such an
 *               access (the kernel doesn't say which), or is gone; or memory that isn't the
 *               kernel's RAM, where the host was to read or write it
 * -EHWPOISON    the page is poisoned
 * -EINTR        a fatal signal waits; or any, where a process' page has to be waited for
 * -EAGAIN       a window is stale
 * -EDEADLK      the caller would wait for its own ept_space_commit()
 * ============  ===============================================================================
 */

/**
 * DOC: Space locking
 *
 * - Faults, populating, and reading and writing run in parallel with each other and with changes,
 *   and take no lock of the space; of the table they take what ept_map() takes.
 * - Changes, and starting and stopping a log, exclude each other by a lock that sleeps, from
 *   ept_space_begin() to ept_space_commit(), or each for itself. A fault in a region that is being
 *   changed waits until the change is committed; all others go on.
 * - A change waits, before its end, for faults and accesses that are under way anywhere in the
 *   space. So it may not come from a callback of the space, nor from a thread that holds what a
 *   fault waits for: an mmap_lock, a page that userfaultfd is to bring. A fault, or an access, that
 *   a client's backing gives other memory than is mapped ends as a change does, and waits likewise.
 *   Nor may a callback fault, read or write in the same space: that may wait for a change, which
 *   waits for the callback.
 * - The notifiers of a process' memory allocate nothing, and wait for no lock but the table's.
 * - Whoever has the table (ept_space_table()) may call its readers, ept_reserve(), ept_flush(), the
 *   functions for vCPUs, and harvest accessed flags. Mapping, unmapping and dirty flags are the
 *   space's. ept_guest.h is for it only where no region's memory is a process' or goes meanwhile:
 *   what is unmapped here is given back after the flush, and waits for no grace period of RCU's.
 */

/**
 * enum ept_region_kind - what is behind a region
 * @EPT_REGION_LINEAR: host-physical memory at one address: devices, memory set aside
 * @EPT_REGION_ANON: pages of the kernel, zero when they are first touched, accounted to the memory
 *	cgroup of who touches them first; a page goes when its part of the region does
 * @EPT_REGION_USER: a range of a process' memory. Pages follow the process: what it unmaps, what is
 *	swapped out, moved or copied goes from the table before the kernel takes it, and comes back
 *	by a fault. No page is pinned, but while the host writes to it. Needs a kernel with
 *	CONFIG_MMU_NOTIFIER, -EOPNOTSUPP elsewhere
 * @EPT_REGION_PAGES: pages of the client's, one for each 4K, that need not be contiguous
 * @EPT_REGION_MMIO: nothing; faults are reported with offset and cookie, whatever the access and
 *	&ept_region.attrs, which aren't looked at
 * @EPT_REGION_CLIENT: what &struct ept_backend says
 * @EPT_REGION_PINNED: as %EPT_REGION_USER, but the pages that the process has when the region is
 *	added are pinned until their part of it is removed, for devices that reach them, and charged
 *	to the process, within the caller's RLIMIT_MEMLOCK. Where the process maps others
 *	afterwards, or ends, the guest keeps these. Pinned for reading only if the region is added
 *	without write, and then never written. 8 bytes a page
 * @EPT_REGION_FILE: the pages of a file's page cache, which is shared: who reads the file reads
 *	what the guest writes. Each is read when it is first touched, and kept until its part of the
 *	region is removed; so what is cut off the file meanwhile stays with the guest, and what was
 *	beyond its end is -EFAULT. Writable are files in memory alone (memfd, tmpfs); added without
 *	write, the region is never written. Others' writes belong to a process that maps the file.
 *	What is kept cannot be moved, wherever it lies: memory that is to go offline, or to become
 *	one large page, waits for it. Where that matters, a process maps the file, and the region
 *	is %EPT_REGION_USER. 8 bytes a page
 */
enum ept_region_kind {
	EPT_REGION_LINEAR,
	EPT_REGION_ANON,
	EPT_REGION_USER,
	EPT_REGION_PAGES,
	EPT_REGION_MMIO,
	EPT_REGION_CLIENT,
	EPT_REGION_PINNED,
	EPT_REGION_FILE,
};

/**
 * struct ept_piece - memory that a client's backing gives for an access
 * @offset: where it begins in the backing, multiple of 4K, at or below what was asked for
 * @hpa: where it begins for the host, multiple of 4K
 * @size: bytes, multiple of 4K; more than a page where more is contiguous
 * @prot: EPT_PROT_* bits that it may be used with; the region's rights limit it, too. Without write
 *	neither guest nor host writes to it: who does gets what @get gives for a write
 */
struct ept_piece {
	u64		offset;
	phys_addr_t	hpa;
	u64		size;
	u32		prot;
};

/**
 * struct ept_backend - a backing of the client's own
 * @get: The memory at @offset for @access (EPT_PROT_* bits, 0: any). @piece comes filled in with
 *	the page at @offset and all rights, without hpa. May sleep, runs in parallel, and may be
 *	called for memory that is mapped already. Returns 0, or an error, which ends the fault (what
 *	is positive as -EINVAL), but for -EAGAIN: look again.
 *	Memory that was given and couldn't be mapped isn't reported to @gone. Where it gives other
 *	memory than is mapped, as for a write to what is shared, that is taken back first, as by
 *	ept_space_zap(), and @get is asked once more: it has to give the same again. So it may be
 *	asked again beside ept_space_zap(): what it gives then isn't taken back by that call.
 * @gone: NULL, or called for memory that is no longer mapped, before the flush: it may not be put
 *	to other use yet. Under the table's lock: may not sleep.
 * @flushed: NULL, or called after the flush that follows a @gone, when nobody uses that memory any
 *	more, and once for all of a commit, also where parts of the region were moved. One thread at
 *	a time calls @gone and @flushed of a space: all that @gone told of is flushed then.
 * @access: NULL: the host reads and writes what @get gives. Else called for ept_space_read() and
 *	ept_space_write(), never across a page. May sleep. Returns 0 or an error.
 * @release: NULL, or called once, when no part of the region is left, and nothing is under way
 *	in it, before the change, or the commit that it is part of, returns. May sleep. Not called
 *	for a region that was refused.
 *
 * @cookie is &ept_region.cookie. Offsets count from &ept_region.offset of the region as it was
 * added, wherever it was moved.
 */
struct ept_backend {
	int (*get)(void *cookie, u64 offset, u32 access, struct ept_piece *piece);
	void (*gone)(void *cookie, u64 offset, phys_addr_t hpa, u64 size, bool dirty);
	void (*flushed)(void *cookie);
	int (*access)(void *cookie, u64 offset, void *data, size_t size, bool write);
	void (*release)(void *cookie);
};

/**
 * struct ept_region - a region, as it is added and as it is found
 * @gpa: where it begins, multiple of 4K
 * @size: bytes, multiple of 4K
 * @kind: what is behind it
 * @attrs: what its mappings are like; rights are the most that the guest gets
 * @cookie: the client's own
 * @offset: the client's own, for @gpa; what is left of a region that was cut has it advanced, and
 *	the address or the pages below, too
 * @hpa: of %EPT_REGION_LINEAR: multiple of 4K
 * @user: of %EPT_REGION_USER and %EPT_REGION_PINNED
 * @user.mm: the process' memory. The space keeps the structure, not the memory
 * @user.address: multiple of 4K
 * @file: of %EPT_REGION_FILE
 * @file.file: opened for reading, and for writing if rights have that. The space keeps a reference
 * @file.offset: in the file, for @gpa; multiple of 4K
 * @pages: of %EPT_REGION_PAGES: one for each 4K; where one is NULL, nothing is there, -EFAULT.
 *	Array and pages stay until the region is removed; the space takes no reference
 * @backend: of %EPT_REGION_CLIENT: must outlive the region
 */
struct ept_region {
	u64			gpa;
	u64			size;
	enum ept_region_kind	kind;
	struct ept_attrs	attrs;
	void			*cookie;
	u64			offset;
	union {
		phys_addr_t			hpa;
		struct {
			struct mm_struct	*mm;
			unsigned long		address;
		} user;
		struct {
			struct file		*file;
			u64			offset;
		} file;
		struct page			**pages;
		const struct ept_backend	*backend;
	};
};

/**
 * enum ept_verdict - what became of a fault
 * @EPT_VERDICT_RESUME: the access is possible now; run the guest again
 * @EPT_VERDICT_MMIO: emulate it
 * @EPT_VERDICT_READONLY: a write to a region that was added without that right: ROM, whatever
 *	ept_space_protect() took or gave and took since
 * @EPT_VERDICT_PROTECTED: a right that the region doesn't give
 * @EPT_VERDICT_TABLE_READONLY: the CPU walks guest page tables in a region that isn't writable.
 *	With accessed and dirty flags each such walk counts as a write, so the guest can't go on:
 *	emulate the instruction, or let it write there
 * @EPT_VERDICT_NONE: no region
 */
enum ept_verdict {
	EPT_VERDICT_RESUME,
	EPT_VERDICT_MMIO,
	EPT_VERDICT_READONLY,
	EPT_VERDICT_PROTECTED,
	EPT_VERDICT_TABLE_READONLY,
	EPT_VERDICT_NONE,
};

#define EPT_NR_VERDICTS	6

/**
 * struct ept_fault - what ept_space_fault() found
 * @verdict: what became of it
 * @cookie: of the region; NULL without one
 * @offset: &ept_region.offset of the very byte; 0 without a region
 */
struct ept_fault {
	enum ept_verdict	verdict;
	void			*cookie;
	u64			offset;
};

/**
 * struct ept_space_stats - counts
 * @faults: faults by verdict since creation
 * @errors: faults that ended in an error since creation, but for -EINVAL and -ERANGE
 * @retries: look-ups that were made again since creation, as what they found had changed
 * @invalidations: notifiers for the memory of a process since creation
 * @anon_pages: pages of 4K that anonymous regions have now
 */
struct ept_space_stats {
	u64	faults[EPT_NR_VERDICTS];
	u64	errors;
	u64	retries;
	u64	invalidations;
	u64	anon_pages;
};

/* How a log learns of writes */
/*
 * The client hands in what CPUs logged, ept_space_log_pml(); EPT_FEATURE_AD. Each VMCS has PML on
 * from before the start until after the stop: a page whose dirty flag is set and that isn't handed
 * in isn't logged by the CPU again.
 */
#define EPT_LOG_PML	BIT(0)
/* By faults whatever the table has, and large leaves stay large until a part of them is written */
#define EPT_LOG_LAZY	BIT(1)

/* Called between leaves; non-zero stops. */
typedef int (*ept_progress_fn)(u64 done, u64 size, void *arg);

/*
 * Life cycle
 */

/**
 * ept_space_create() - an empty space, with a table of its own
 * @config: as for ept_create(), NULL included
 *
 * An &ept_ops.invalidate of the client's may be called from a notifier of a process' memory: it
 * waits for nobody who waits for reclaim, an mmap_lock or a fault of the space.
 *
 * Context: Process; may sleep.
 * Return: the space, or an ERR_PTR(): as ept_create(); -EOPNOTSUPP for
 *	%EPT_CONFIG_EXTERNAL_LOCK and %EPT_CONFIG_ATOMIC.
 */
struct ept_space *ept_space_create(const struct ept_config *config);

/**
 * ept_space_destroy() - remove all regions, and free the space with its table
 * @space: NULL and an ERR_PTR() are fine
 *
 * As ept_destroy(): no CPU uses the table, no other call is under way, no window is open, and no
 * other thread has begun something, which would be waited for. What this thread has begun ends.
 *
 * Context: Process; may sleep; as changes.
 */
void ept_space_destroy(struct ept_space *space);

/**
 * ept_space_table() - the table that shows the space
 * @space: a space
 *
 * Context: Any.
 * Return: the table, for the space's life; NULL for NULL.
 */
struct ept *ept_space_table(const struct ept_space *space);

/*
 * Regions
 */

/**
 * ept_space_begin() - begin several changes that are flushed as one
 * @space: a space
 *
 * Until ept_space_commit() by the same thread, before it returns to user space: a mutex is held
 * meanwhile. Each change may fail on its own, and the others stand. What was added isn't there for
 * faults before the commit: they wait, as do those in what was changed. Other threads' changes
 * wait, too.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL for NULL, -EINTR, -EDEADLK if this thread has begun already.
 */
int ept_space_begin(struct ept_space *space);

/**
 * ept_space_commit() - flush, give back what was removed, and let faults go on
 * @space: a space
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL for NULL, and if this thread has not begun.
 */
int ept_space_commit(struct ept_space *space);

/**
 * ept_space_add() - add a region
 * @space: a space
 * @region: copied
 *
 * Maps nothing.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL for NULL, a misaligned or empty range, a misaligned hpa or address, an unknown
 *	kind, what its kind needs and isn't there, or attributes that no table can have, -ERANGE
 *	beyond an address width or the end of an address space, -EOPNOTSUPP for attributes that this
 *	table cannot have, for a process' memory where the kernel has no notifiers and for a file
 *	without a page cache, or to be written and not in memory alone, -EACCES for a file that
 *	wasn't opened for this or is sealed, -EEXIST if a region is there, -ENOMEM, also beyond
 *	RLIMIT_MEMLOCK, -EFAULT if the process is gone, -EINTR; of %EPT_REGION_PINNED also -EFAULT
 *	for what it doesn't have, and -EHWPOISON.
 */
int ept_space_add(struct ept_space *space, const struct ept_region *region);

/**
 * ept_space_set() - add a region in the place of what is there
 * @space: a space
 * @region: copied
 *
 * As ept_space_remove() of its range and ept_space_add(), as one.
 *
 * Context: Process; may sleep; as changes.
 * Return: as ept_space_add(), and never -EEXIST.
 */
int ept_space_set(struct ept_space *space, const struct ept_region *region);

/**
 * ept_space_remove() - remove what is in a range
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 *
 * Regions that the edges cut stay outside of the range. Where there is none, nothing happens. When
 * it returns, or the commit that it is part of, no CPU and no call uses the memory any more.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL, -ERANGE, -ENOMEM, -EINTR.
 */
int ept_space_remove(struct ept_space *space, u64 gpa, u64 size);

/**
 * ept_space_protect() - change the rights that regions give
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @prot: EPT_PROT_* bits that the guest gets from now on
 *
 * Also for pages that aren't mapped yet, and also more than the region was added with, but for
 * write where &enum ept_region_kind says never: that is left out without an error, as
 * ept_space_find() shows. Nothing becomes of holes and of mmio.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL for a misaligned or empty range, NULL, write without read or an unknown bit,
 *	-ERANGE, -EOPNOTSUPP for rights that this table cannot give, -ENOMEM, -EINTR.
 */
int ept_space_protect(struct ept_space *space, u64 gpa, u64 size, u32 prot);

/**
 * ept_space_set_memtype() - change the memory type of regions
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @memtype: the new one
 *
 * As ept_space_protect().
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL for a misaligned or empty range, NULL or a value that is no memory type,
 *	-ERANGE, -ENOMEM, -EINTR.
 */
int ept_space_set_memtype(struct ept_space *space, u64 gpa, u64 size, enum ept_memtype memtype);

/**
 * ept_space_zap() - take back what is mapped
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 *
 * Regions stay as they are, and the memory behind them is asked for again when it is touched: for a
 * backing of the client's own whose memory is to become another. When it returns no CPU and no call
 * uses what was mapped, and &ept_backend.gone and &ept_backend.flushed were called for it; it
 * flushes by itself, also between ept_space_begin() and ept_space_commit(), where it flushes what
 * was changed before, too. Leaves that the edges cut are split where they are a client's backing's,
 * and go whole elsewhere. Anonymous memory, which nothing but its mapping knows, stays. Holes are
 * fine.
 *
 * Pages that are pinned or a file's are the same as before. Who takes memory from the guest, as a
 * balloon does, lets go of them by ept_space_set() of the same region, and of anonymous ones by
 * ept_space_discard().
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL, -ERANGE, -ENOMEM, -EINTR.
 */
int ept_space_zap(struct ept_space *space, u64 gpa, u64 size);

/**
 * ept_space_discard() - give anonymous memory back, and keep its regions
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 *
 * For a balloon, and for pages that a guest reports as free: what of the range is in anonymous
 * regions (%EPT_REGION_ANON) reads as zero when it is touched again, by memory that comes as it
 * first did. All other memory stays as it is; of a process it is the process that discards. Large
 * leaves that the edges cut are split. All of it counts as written where it is logged. When it
 * returns no CPU and no call uses the old memory, which goes to the system then, or with the commit
 * that it is part of. It flushes by itself, as ept_space_zap() does.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL, -ERANGE, -ENOMEM, -EINTR.
 */
int ept_space_discard(struct ept_space *space, u64 gpa, u64 size);

/**
 * ept_space_move() - give regions another address
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @to: where they begin afterwards, multiple of 4K
 *
 * All that is in the range, holes included. Regions that the edges cut stay outside of it. What is
 * behind them is the same as before, cookie, offsets and anonymous pages with what is in them too,
 * and so are the rights that they give now. Moves that overlap themselves (-EEXIST) take two steps.
 * A log has of the old range what was written there, and all of what is moved into its own. A
 * process has to be there still, for its memory to be moved.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL for misaligned addresses, an empty range or NULL, -ERANGE for either range,
 *	-ENOENT if no region is in the range, -EEXIST if one is where it is to go, -ENOMEM, -EFAULT
 *	if the process is gone, -EINTR.
 */
int ept_space_move(struct ept_space *space, u64 gpa, u64 size, u64 to);

/**
 * ept_space_find() - the region at an address, or the next one
 * @space: a space
 * @gpa: of any alignment
 * @region: filled in with the region, or the part of one that was cut, that has @gpa or is the
 *	first one after it; its rights are those that it gives now
 *
 * To visit all regions, go on at the end of what was found. What is changed and not yet committed
 * may be seen or not, or its parts one by one.
 *
 * Context: Any but handlers of interrupts; these may be off.
 * Return: 0, -EINVAL for NULL, -ENOENT if there is none.
 */
int ept_space_find(struct ept_space *space, u64 gpa, struct ept_region *region);

/*
 * Faults
 */

/**
 * ept_space_fault() - answer an EPT violation
 * @space: a space
 * @gpa: of any alignment, VMCS field 0x2400
 * @violation: from ept_violation_decode(). Of one that is made otherwise @read, @write and @exec
 *	count, @page_walk, and, of a fetch, @advanced and @user
 * @fault: filled in where 0 is returned
 *
 * Maps what the access needs, in a leaf as large as region, backing and log allow; where it is
 * attributes that keep leaves small, in those of up to 2M at once. A fault that
 * another CPU answered already, or that a CPU took on rights that it still had, is a resume. A
 * fetch needs the right of its mode where the table has mode-based execute; if @violation doesn't
 * know the mode, both. Where the memory is just being invalidated or changed it waits, and so it
 * does for a page that userfaultfd is to bring, until the thread has a signal: then -EINTR, and the
 * guest may be entered again when that was handled. (Before Linux 6.2 only a fatal one counts.)
 *
 * Context: Process; may sleep; no mmap_lock held.
 * Return: 0, -EINVAL for NULL or a @violation without an access, -ERANGE, -ENOMEM, -EFAULT,
 *	-EHWPOISON, -EINTR, -EDEADLK, -EACCES where a client's backing doesn't give the right, or
 *	what it returned, -EINVAL for a &struct ept_piece that cannot be.
 */
int ept_space_fault(struct ept_space *space, u64 gpa, const struct ept_violation *violation,
		    struct ept_fault *fault);

/**
 * ept_space_populate() - map a range before it is touched
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @access: EPT_PROT_* bits that are to be possible, as far as the region gives them; with write,
 *	the copies of a process' pages are made that a write would make. 0 asks for nothing, and
 *	nothing is mapped
 * @progress: NULL, or called between leaves with how much of @size is done
 * @arg: passed to @progress
 *
 * What is mapped so is skipped, and so are holes and mmio. What was populated stays, also after an
 * error.
 *
 * Context: As ept_space_fault().
 * Return: 0, what @progress returned, or as ept_space_fault().
 */
int ept_space_populate(struct ept_space *space, u64 gpa, u64 size, u32 access,
		       ept_progress_fn progress, void *arg);

/*
 * Access by the host
 */

/**
 * ept_space_read() - read the guest's memory
 * @space: a space
 * @gpa: of any alignment
 * @buffer: in the kernel
 * @size: bytes, not 0
 * @access: EPT_PROT_* bits that regions have to give; 0: as the host, whatever they give
 *
 * Across regions of any kind; what isn't there yet is brought, as by a fault. Not atomic.
 *
 * Context: As ept_space_fault().
 * Return: the bytes read, fewer than @size where something stopped it; if it is the first byte:
 *	-ENOENT without a region, -EACCES, -EOPNOTSUPP for mmio, and as ept_space_fault(). -EINVAL
 *	and -ERANGE are of the whole range, and then nothing is read.
 */
ssize_t ept_space_read(struct ept_space *space, u64 gpa, void *buffer, size_t size, u32 access);

/**
 * ept_space_write() - write the guest's memory
 * @space: as ept_space_read()
 * @gpa: as ept_space_read()
 * @buffer: as ept_space_read()
 * @size: as ept_space_read()
 * @access: as ept_space_read(): it takes %EPT_PROT_WRITE for a region without write to be refused.
 *	A process has to be able to write its memory in any case
 *
 * The pages are in the log.
 *
 * Context: As ept_space_fault().
 * Return: as ept_space_read().
 */
ssize_t ept_space_write(struct ept_space *space, u64 gpa, const void *buffer, size_t size,
			u32 access);

/**
 * ept_space_cmpxchg() - compare and exchange in the guest's memory
 * @space: as ept_space_read()
 * @gpa: multiple of @size
 * @size: 1, 2, 4 or 8 bytes
 * @old: what is expected; set to what was there. Bytes above @size don't count, and become 0
 * @new: what is to be there
 *
 * As one access of a CPU, with the rights of one that reads and writes. Unlike ept_guest_cmpxchg()
 * it returns whether it was exchanged.
 *
 * Context: As ept_space_fault().
 * Return: 1 if it was exchanged, 0 if something else was there, -EINVAL also for a misaligned @gpa,
 *	-EOPNOTSUPP also for a backing with &ept_backend.access, else as ept_space_read().
 */
int ept_space_cmpxchg(struct ept_space *space, u64 gpa, unsigned int size, u64 *old, u64 new);

/**
 * ept_space_walk() - translate a linear address of the guest as a CPU does
 * @space: a space
 * @paging: as ept_guest_walk() of ept_guest.h, which has these
 * @gva: as ept_guest_walk()
 * @access: as ept_guest_walk(), but for %EPT_GUEST_ONCE; %EPT_GUEST_SET_AD only with a right
 * @walk: filled in, as by ept_guest_walk()
 * @fault: filled in where 0 is returned
 *
 * As ept_guest_walk(), and what isn't mapped is brought as by a fault: the guest's page tables and
 * the page that they lead to. So @walk.verdict is %EPT_WALK_VIOLATION only where the space refuses,
 * and @fault says why, as ept_space_fault() does; else @fault.verdict is %EPT_VERDICT_RESUME. With
 * %EPT_GUEST_AS_HOST the rights that regions give don't count. Entries in which
 * %EPT_GUEST_SET_AD set flags are in the log. Unlike ept_guest_walk() it may be used with any
 * memory, whoever takes it away meanwhile.
 *
 * Context: As ept_space_fault().
 * Return: 0 whatever the verdicts, -EINVAL as ept_guest_walk(), and as ept_space_fault().
 */
int ept_space_walk(struct ept_space *space, const struct ept_guest_paging *paging, u64 gva,
		   u32 access, struct ept_guest_walk *walk, struct ept_fault *fault);

/**
 * ept_space_read_virt() - read memory at a linear address of the guest
 * @space: a space
 * @paging: as ept_space_walk()
 * @gva: as ept_space_walk(); linear addresses of 32 bits go on at 0 behind the last
 * @buffer: in the kernel
 * @size: bytes, not 0
 * @access: as ept_space_walk()
 * @walk: filled in with the last walk that was made
 * @fault: the same, where no error is returned
 *
 * ept_space_walk() and ept_space_read() for one page after the other, up to the first that the
 * walk, or the space, refuses, mmio included: then @walk, with @fault, says why, and @walk.gpa
 * where. Bytes of each page are those of the time of its turn.
 *
 * Context: As ept_space_fault().
 * Return: how many bytes were read; all, if @walk.verdict is %EPT_WALK_OK; 0 if the first page is
 *	refused; if nothing was read, also -EINVAL for a @buffer of NULL or a @size that is 0 or
 *	negative as ssize_t, and the errors of ept_space_walk() and ept_space_read().
 */
ssize_t ept_space_read_virt(struct ept_space *space, const struct ept_guest_paging *paging, u64 gva,
			    void *buffer, size_t size, u32 access, struct ept_guest_walk *walk,
			    struct ept_fault *fault);

/**
 * ept_space_write_virt() - write memory at a linear address of the guest
 * @space: as ept_space_read_virt()
 * @paging: as ept_space_read_virt()
 * @gva: as ept_space_read_virt()
 * @buffer: in the kernel
 * @size: bytes, not 0
 * @access: as ept_space_walk(); with %EPT_PROT_WRITE, the write of a CPU
 * @walk: as ept_space_read_virt()
 * @fault: as ept_space_read_virt()
 *
 * As ept_space_read_virt(). The pages are in the log.
 *
 * Context: As ept_space_fault().
 * Return: how many bytes were written; as ept_space_read_virt().
 */
ssize_t ept_space_write_virt(struct ept_space *space, const struct ept_guest_paging *paging,
			     u64 gva, const void *buffer, size_t size, u32 access,
			     struct ept_guest_walk *walk, struct ept_fault *fault);

/**
 * struct ept_window - a page that the host reads and writes where it is
 * @memory: the byte that it was opened for
 * @size: bytes from there to the page's end
 * @space: of the space, as all that follows
 * @gpa: where
 * @write: it may be written
 * @pinned: the page is pinned
 * @page: kept as long as the window is open
 * @seen: the space's number when it was opened
 */
struct ept_window {
	void			*memory;
	size_t			size;
	struct ept_space	*space;
	u64			gpa;
	bool			write;
	bool			pinned;
	struct page		*page;
	long			seen;
};

/**
 * ept_space_window_open() - keep a page at hand, for an emulator
 * @space: a space
 * @gpa: of any alignment
 * @access: as ept_space_read()
 * @write: it is to be written, too. The page is in the log from the opening on, as if it were
 * @window: filled in; zeroed on an error of the memory's
 *
 * What isn't there yet is brought, as by a fault. The guest's CPUs use the page meanwhile as they
 * like, and so does the space: no change, notifier or log waits for a window. Where it takes the
 * page away the window becomes stale: its memory stays what it is, as long as the window is open,
 * but is no longer the guest's. A process' page that is to be written is pinned meanwhile, so that
 * no child of the process shares it. Of memory that the client gave (%EPT_REGION_LINEAR,
 * %EPT_REGION_PAGES, %EPT_REGION_CLIENT) windows have to be closed before it goes.
 *
 * A process' page isn't mapped for a window: there may be no flush when it goes, and so it is none
 * for a table of the client's own (Documentation/space.rst, "A table of your own beside it").
 *
 * Context: As ept_space_fault().
 * Return: 0, -EINVAL, and as ept_space_read() or ept_space_write(), -EOPNOTSUPP also for a backing
 *	with &ept_backend.access.
 */
int ept_space_window_open(struct ept_space *space, u64 gpa, u32 access, bool write,
			  struct ept_window *window);

/**
 * ept_space_window_valid() - whether a window still shows the guest's memory
 * @window: a window
 *
 * Ask after reading: if it is still valid, what was read was the guest's. A few instructions. A
 * window may become stale without need, by what changes elsewhere in the space.
 *
 * Context: Any.
 * Return: true; false for a window that is stale, one that isn't open, and NULL.
 */
bool ept_space_window_valid(const struct ept_window *window);

/**
 * ept_space_window_close() - let go of a page
 * @window: a window; not open any more afterwards
 * @wrote: it was written to
 *
 * What was written is in the log from here on, and memory of a process or a file is marked dirty,
 * as the kernel might else forget it. So say it of each window that may have been written to.
 *
 * Context: As ept_space_fault().
 * Return: 0; -EINVAL for NULL, a window that isn't open, and @wrote of one that was not opened for
 *	that, which stays open; -EAGAIN if it had become stale, written to or not: it is closed, and
 *	what was written to it may be lost.
 */
int ept_space_window_close(struct ept_window *window, bool wrote);

/*
 * The log of dirty pages
 */

/**
 * ept_space_log_start() - begin to log writes to a range
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @flags: EPT_LOG_* bits
 *
 * By the dirty flags of a table with %EPT_FEATURE_AD, by what the client hands in with
 * %EPT_LOG_PML, else by faults on the first write to each page, and with %EPT_LOG_LAZY always.
 * Large leaves are split, with %EPT_LOG_LAZY when they are first written, but those that the edges
 * cut at once; none are made that have a page of the range until the log ends. What the host is
 * just writing is waited for. The flag is for guests that write little: each page costs a fault
 * after each ept_space_log_get(), and no table where nothing is written. Regions may come, go and
 * change in the range meanwhile. That one came is no write, though the guest reads other bytes
 * there: mark it. A bit for each page is allocated. Dirty flags that are set are cleared, and
 * flushed, before it returns; an entry that a CPU logged before and that is handed in afterwards
 * counts as a write.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL also for unknown flags and both, -ERANGE, -EOPNOTSUPP for %EPT_LOG_PML without
 *	%EPT_FEATURE_AD, -EEXIST if a part of the range is being logged, -ENOMEM, -EINTR, -EDEADLK
 *	between ept_space_begin() and ept_space_commit().
 */
int ept_space_log_start(struct ept_space *space, u64 gpa, u64 size, u32 flags);

/**
 * ept_space_log_get() - which pages were written since the start or the last call
 * @space: a space
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @bitmap: @size / 4K bits; those of written pages are or-ed, not atomically
 *
 * Whoever copies the pages afterwards has everything that was written before the call; what is
 * written later is in the next. Includes what was unmapped meanwhile, what the host wrote through
 * the space, and what was marked. With %EPT_LOG_PML, hand in all buffers before. Flushes before it
 * returns, so that the next write to each of these pages is noted again.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL also for no @bitmap, -ERANGE, -ENOENT if the range isn't part of one log,
 *	-EINTR, -EDEADLK as ept_space_log_start().
 */
int ept_space_log_get(struct ept_space *space, u64 gpa, u64 size, unsigned long *bitmap);

/**
 * ept_space_log_stop() - end a log
 * @space: a space
 * @gpa: as it was started
 * @size: as it was started
 *
 * Leaves are merged where they may be. Memory of a client's backing stays mapped without write, and
 * is asked for again when it is written.
 *
 * Context: Process; may sleep; as changes.
 * Return: 0, -EINVAL, -ERANGE, -ENOENT if no log was started so, -EINTR, -EDEADLK as
 *	ept_space_log_start().
 */
int ept_space_log_stop(struct ept_space *space, u64 gpa, u64 size);

/**
 * ept_space_log_mark() - note a write that the space cannot see
 * @space: a space
 * @gpa: of any alignment
 * @size: bytes, not 0
 *
 * By a device, by a process to its own memory, or by the client through an address of its own.
 * Where nothing is logged, nothing happens.
 *
 * Context: Any but handlers of interrupts; these may be off.
 * Return: 0, -EINVAL for NULL and @size 0, -ERANGE.
 */
int ept_space_log_mark(struct ept_space *space, u64 gpa, u64 size);

/**
 * ept_space_log_pml() - note what a CPU logged
 * @space: a space
 * @entries: guest-physical addresses from a page-modification log
 * @nr: how many; those between the index in the VMCS and the end of the page. 0 is fine
 *
 * The manual's section "Page-Modification Logging". Entries beyond any log are ignored.
 *
 * Context: Any but handlers of interrupts; these may be off.
 * Return: 0, -EINVAL for NULL.
 */
int ept_space_log_pml(struct ept_space *space, const u64 *entries, unsigned int nr);

/*
 * To look at
 */

/**
 * ept_space_get_stats() - count
 * @space: a space
 * @stats: filled in; zeroed where @space is NULL; NULL is fine
 *
 * Context: Any.
 */
void ept_space_get_stats(struct ept_space *space, struct ept_space_stats *stats);

#endif /* _EPT_SPACE_H */
