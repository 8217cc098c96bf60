// SPDX-License-Identifier: GPL-2.0
/*
 * The log of dirty pages. What the table doesn't keep is in a bitmap: pages that went, that the
 * host wrote, that were marked. Where it keeps nothing, as there are no dirty flags, no mapping is
 * writable before its page is in the bitmap.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "ept_compat.h"
#include "space.h"
#include "space_trace.h"

/* Within the read side, or with the lock */
struct log *log_at(struct ept_space *space, u64 gpa)
{
	if (!rcu_access_pointer(space->logs.ma_root))
		return NULL;
	return mtree_load(&space->logs, gpa >> PAGE_SHIFT);
}

bool log_is_in(struct ept_space *space, u64 gpa, u64 size)
{
	unsigned long index = gpa >> PAGE_SHIFT;

	if (!rcu_access_pointer(space->logs.ma_root))
		return false;
	return mt_find(&space->logs, &index, (gpa + size - 1) >> PAGE_SHIFT);
}

void log_note(struct log *log, u64 gpa)
{
	const u64 bit = (gpa - log->gpa) >> PAGE_SHIFT;

	if (!test_bit(bit, log->bitmap))
		set_bit(bit, log->bitmap);
}

static void note_range(struct ept_space *space, u64 gpa, u64 size, bool by_flags)
{
	unsigned long index = gpa >> PAGE_SHIFT;
	const unsigned long last = (gpa + size - 1) >> PAGE_SHIFT;
	struct log *log;

	mt_for_each(&space->logs, log, index, last) {
		u64 at = max(gpa, log->gpa);
		const u64 end = min(gpa + size, log->gpa + log->size);

		if (by_flags && log->by_fault)
			continue;
		for (; at < end; at += SZ_4K)
			log_note(log, at);
	}
}

/* Within the read side, or with the lock; under the table's lock, too */
void log_note_range(struct ept_space *space, u64 gpa, u64 size)
{
	note_range(space, gpa, size, false);
}

/*
 * The same, of a leaf that went with its dirty flag. A log that lives on faults has what was
 * written, and the flag may be older.
 */
void log_note_gone(struct ept_space *space, u64 gpa, u64 size)
{
	note_range(space, gpa, size, true);
}

static int store(struct ept_space *space, u64 gpa, u64 size, struct log *log, gfp_t gfp)
{
	MA_STATE(mas, &space->logs, gpa >> PAGE_SHIFT, (gpa + size - 1) >> PAGE_SHIFT);

	return mas_store_gfp(&mas, log, gfp);
}

static void free_log(struct log *log)
{
	if (!log)
		return;
	kvfree(log->bitmap);
	kfree(log);
}

static struct log *make_log(struct ept_space *space, u64 gpa, u64 size, u32 flags)
{
	struct log *log = kzalloc(sizeof(*log), GFP_KERNEL_ACCOUNT);

	if (!log)
		return NULL;
	log->gpa = gpa;
	log->size = size;
	log->flags = flags;
	log->by_fault = !space->accessed_dirty || flags & EPT_LOG_LAZY;
	log->bitmap = kvcalloc(BITS_TO_LONGS(size >> PAGE_SHIFT), sizeof(long),
			       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (log->bitmap)
		return log;
	free_log(log);
	return NULL;
}

void log_free_all(struct ept_space *space)
{
	unsigned long index = 0;
	struct log *log;

	mt_for_each(&space->logs, log, index, ULONG_MAX)
		free_log(log);
	__mt_destroy(&space->logs);
}

/* Faults that found another log, or none, look again. */
static void move_on(struct ept_space *space, u64 gpa, u64 size)
{
	struct part part;
	u64 at = gpa;

	while (space_next(space, &at, gpa + size, &part))
		backing_move_on(part.old->backing);
}

/* From here on each write is noticed. */
static int forget_writes(struct ept_space *space, const struct log *log, u64 gpa, u64 size)
{
	const struct ept_harvest all = {};

	if (!log->by_fault)
		return ept_harvest(space->ept, gpa, size, &all, &space->gather);
	return ept_protect(space->ept, gpa, size, EPT_PROT_WRITE, 0, &space->gather);
}

/* What the three that follow have in common; @legal: their own arguments */
static int enter(struct ept_space *space, u64 gpa, u64 size, bool legal)
{
	const int err = legal ? space_judge(space, gpa, size) : -EINVAL;

	return err ?: space_lock(space);
}

static int start(struct ept_space *space, u64 gpa, u64 size, u32 flags)
{
	struct log *log;
	int err;

	if (log_is_in(space, gpa, size))
		return -EEXIST;
	log = make_log(space, gpa, size, flags);
	if (!log)
		return -ENOMEM;
	err = store(space, gpa, size, log, GFP_KERNEL);
	if (err) {
		free_log(log);
		return err;
	}
	move_on(space, gpa, size);
	err = flags & EPT_LOG_LAZY ? space_split_edges(space, gpa, size) :
				     ept_split(space->ept, gpa, size, EPT_4K, &space->gather);
	if (!err)
		err = forget_writes(space, log, gpa, size);
	if (err)
		store(space, gpa, size, NULL, GFP_KERNEL | __GFP_NOFAIL);
	/* What the host is just writing knows of no log, or of one that goes. */
	synchronize_srcu_expedited(&space->srcu);
	if (err)
		free_log(log);
	return err;
}

int ept_space_log_start(struct ept_space *space, u64 gpa, u64 size, u32 flags)
{
	int err = enter(space, gpa, size, flags == 0 || flags == EPT_LOG_PML ||
					  flags == EPT_LOG_LAZY);

	if (err)
		return err;
	err = flags & EPT_LOG_PML && !space->accessed_dirty ? -EOPNOTSUPP :
							      start(space, gpa, size, flags);
	space_unlock(space);
	trace_ept_space_log_start(ept_pointer(space->ept), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_log_start);

static unsigned long next_noted(const struct log *log, unsigned long bit, unsigned long end)
{
	/* What is noted at the same time is found now or the next time. */
	return data_race(find_next_bit(log->bitmap, end, bit));
}

/* Moves what is in the log's bitmap to the client's. */
static void collect(struct ept_space *space, struct log *log, u64 gpa, u64 size,
		    unsigned long *bitmap)
{
	const unsigned long first = (gpa - log->gpa) >> PAGE_SHIFT;
	const unsigned long end = first + (size >> PAGE_SHIFT);
	unsigned long bit, last = end;

	for (bit = next_noted(log, first, end); bit < end; bit = next_noted(log, bit + 1, end)) {
		if (!test_and_clear_bit(bit, log->bitmap))
			continue;
		__set_bit(bit - first, bitmap);
		last = bit;
		if (log->flags & EPT_LOG_PML)
			ept_clear_dirty(space->ept, log->gpa + ((u64)bit << PAGE_SHIFT),
					&space->gather);
		cond_resched();
	}
	/*
	 * Who noted a page as its leaf goes has the table's lock, and flushes when it has let it
	 * go; until then CPUs write to the page, and no flag is left to say so. Behind that lock it
	 * is owed to a flush, and so to that which ends this call.
	 */
	if (last != end && !log->by_fault && !(log->flags & EPT_LOG_PML))
		ept_clear_dirty(space->ept, log->gpa + ((u64)last << PAGE_SHIFT), &space->gather);
}

static int get(struct ept_space *space, u64 gpa, u64 size, unsigned long *bitmap)
{
	struct log *log = log_at(space, gpa);
	const struct ept_harvest what = { .bitmap = bitmap };
	int err = 0;

	if (!log || gpa + size > log->gpa + log->size)
		return -ENOENT;
	/* Dirty flags are moved to the bitmap when their mapping goes: so the table comes first. */
	if (!log->by_fault && !(log->flags & EPT_LOG_PML))
		err = ept_harvest(space->ept, gpa, size, &what, &space->gather);
	collect(space, log, gpa, size, bitmap);
	if (!log->by_fault)
		return err;
	/* Who noted a page before, and hasn't mapped it yet, notes it again. */
	move_on(space, gpa, size);
	return forget_writes(space, log, gpa, size);
}

int ept_space_log_get(struct ept_space *space, u64 gpa, u64 size, unsigned long *bitmap)
{
	int err = enter(space, gpa, size, bitmap);

	if (err)
		return err;
	err = get(space, gpa, size, bitmap);
	space_unlock(space);
	trace_ept_space_log_get(ept_pointer(space->ept), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_log_get);

/*
 * What the table alone knows is writable again; all else comes back by faults, large and so. Where
 * other memory may be given than before, what is mapped stays, and only asks for each write: what
 * goes has to be flushed before the other is mapped.
 */
static void allow_writes(struct ept_space *space, const struct part *part)
{
	struct backing *backing = part->old->backing;

	if (backing->kind->asks) {
		ept_protect(space->ept, part->gpa, part->size, EPT_PROT_WRITE, 0, &space->gather);
	} else if (backing->kind->owns) {
		if (part->old->attrs.prot & EPT_PROT_WRITE)
			ept_protect(space->ept, part->gpa, part->size, 0, EPT_PROT_WRITE,
				    &space->gather);
	} else if (backing->kind->fault) {
		space_zap(space, part, &space->gather);
	}
}

/*
 * Never across spans: what lies beside each other in two of them may go at different times. What
 * cannot be made large is left as it is.
 */
static void merge(struct ept_space *space, const struct log *log)
{
	u64 at = log->gpa;
	struct part part;

	while (space_next(space, &at, log->gpa + log->size, &part)) {
		if (log->by_fault)
			allow_writes(space, &part);
		if (part.old->backing->kind->fault)
			ept_merge_gather(space->ept, part.gpa, part.size, space->max_leaf,
					 &space->gather);
	}
}

static int stop(struct ept_space *space, u64 gpa, u64 size)
{
	struct log *log = log_at(space, gpa);

	if (!log || log->gpa != gpa || log->size != size)
		return -ENOENT;
	store(space, gpa, size, NULL, GFP_KERNEL | __GFP_NOFAIL);
	synchronize_srcu_expedited(&space->srcu);
	merge(space, log);
	free_log(log);
	return 0;
}

int ept_space_log_stop(struct ept_space *space, u64 gpa, u64 size)
{
	int err = enter(space, gpa, size, true);

	if (err)
		return err;
	err = stop(space, gpa, size);
	space_unlock(space);
	trace_ept_space_log_stop(ept_pointer(space->ept), gpa, size, err);
	return err;
}
EXPORT_SYMBOL_EPT(ept_space_log_stop);

int ept_space_log_mark(struct ept_space *space, u64 gpa, u64 size)
{
	u64 first = gpa & PAGE_MASK;
	int idx;

	if (IS_ERR_OR_NULL(space) || !size)
		return -EINVAL;
	if (gpa >= space->limit || size > space->limit - gpa)
		return -ERANGE;
	idx = srcu_read_lock(&space->srcu);
	log_note_range(space, first, PAGE_ALIGN(gpa + size) - first);
	srcu_read_unlock(&space->srcu, idx);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_space_log_mark);

int ept_space_log_pml(struct ept_space *space, const u64 *entries, unsigned int nr)
{
	int idx;

	if (IS_ERR_OR_NULL(space) || (nr && !entries))
		return -EINVAL;
	idx = srcu_read_lock(&space->srcu);
	for (unsigned int i = 0; i < nr; i++)
		if (entries[i] < space->limit)
			log_note_range(space, entries[i] & PAGE_MASK, SZ_4K);
	srcu_read_unlock(&space->srcu, idx);
	return 0;
}
EXPORT_SYMBOL_EPT(ept_space_log_pml);
