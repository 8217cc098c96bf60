/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What readers share. Each is a section to RCU, reads each entry once, and changes nothing. A table
 * that is unlinked meanwhile keeps its contents until they are done.
 *
 * A reader of a whole table goes on a tour: a walk in RCU sections that are short, however large
 * the table is.
 */
#ifndef _EPT_READ_H
#define _EPT_READ_H

#include <linux/preempt.h>
#include <linux/rcupdate.h>

#include "ept_priv.h"

/*
 * Preemption that is off is a section, too, and calls nothing of RCU's: a reader may be in an exit
 * handler that came amid RCU itself, or where RCU doesn't watch. For a few instructions it also
 * costs less.
 */
static inline void ept_read_lock_brief(void)
{
	preempt_disable_notrace();
}

static inline void ept_read_unlock_brief(void)
{
	preempt_enable_notrace();
}

/* For more than a few instructions. What is returned is for ept_read_unlock(). */
static inline bool ept_read_lock(const struct ept *ept)
{
	/* May be made atomic meanwhile. */
	const bool brief = READ_ONCE(ept->store.atomic);

	if (brief)
		ept_read_lock_brief();
	else
		rcu_read_lock();
	return brief;
}

static inline void ept_read_unlock(bool brief)
{
	if (brief)
		ept_read_unlock_brief();
	else
		rcu_read_unlock();
}

/**
 * struct ept_tour - a reader's walk; readers embed it
 * @walk: over its range, of which what was visited is cut off
 * @ept: the table
 * @may_sleep: reschedule between sections
 * @left: tables that may yet be opened in this section
 * @resume: where the next one begins
 */
struct ept_tour {
	struct ept_walk	walk;
	const struct ept *ept;
	bool		may_sleep;
	unsigned long	left;
	u64		resume;
};

static inline struct ept_tour *to_ept_tour(struct ept_walk *walk)
{
	return container_of(walk, struct ept_tour, walk);
}

void ept_tour_init(struct ept_tour *tour, struct ept *ept, u64 gpa, u64 end, bool may_sleep);
int ept_tour(struct ept_tour *tour, const struct ept_visitor *visitor);

/* Whether a visitor may open the table at index @i of @run. If not, it returns -EAGAIN. */
static inline bool ept_tour_may_open(struct ept_walk *walk, const struct ept_run *run,
				     unsigned int i)
{
	struct ept_tour *tour = to_ept_tour(walk);

	if (likely(tour->left)) {
		tour->left--;
		return true;
	}
	tour->resume = run->gpa + i * ept_level_size(run->level);
	/* A section that began with the first entry would come to the table that it is in, too. */
	return !ept_index(tour->resume, run->level);
}

#endif /* _EPT_READ_H */
