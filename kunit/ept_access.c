// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to memory: code that is built with -fsanitize=thread announces each one before it makes
 * it, here. A suite may name a function to be called then.
 */
#include <kunit/test-bug.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/preempt.h>

#include "ept_access.h"

void (*ept_access_hook)(void *where);
EXPORT_SYMBOL_GPL(ept_access_hook);

static void announce(void *where)
{
	/* Not what interrupts the test, or runs beside it: RCU's callbacks, work. */
	if (unlikely(ept_access_hook) && in_task() && kunit_get_current_test())
		ept_access_hook(where);
}

#define ANNOUNCED_BY(name)	\
void name(void *where);		\
void name(void *where)		\
{				\
	announce(where);	\
}				\
EXPORT_SYMBOL_GPL(name)

#define ANNOUNCED_BY_SIZE(size)			\
ANNOUNCED_BY(__tsan_read##size);		\
ANNOUNCED_BY(__tsan_write##size);		\
ANNOUNCED_BY(__tsan_volatile_read##size);	\
ANNOUNCED_BY(__tsan_volatile_write##size)

ANNOUNCED_BY_SIZE(1);
ANNOUNCED_BY_SIZE(2);
ANNOUNCED_BY_SIZE(4);
ANNOUNCED_BY_SIZE(8);
ANNOUNCED_BY_SIZE(16);

#define RANGE_ANNOUNCED_BY(name)		\
void name(void *where, unsigned long size);	\
void name(void *where, unsigned long size)	\
{						\
	announce(where);			\
}						\
EXPORT_SYMBOL_GPL(name)

RANGE_ANNOUNCED_BY(__tsan_read_range);
RANGE_ANNOUNCED_BY(__tsan_write_range);

/* Called by constructors, which the kernel doesn't run */
void __tsan_init(void);
void __tsan_init(void)
{
}
EXPORT_SYMBOL_GPL(__tsan_init);

MODULE_DESCRIPTION("Accesses to memory, for the KUnit suites of ept.ko");
MODULE_LICENSE("GPL");
