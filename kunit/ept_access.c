// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to memory: code that is built with -fsanitize=thread announces each one before it makes
 * it, here. A suite may name a function to be called then.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "ept_access.h"

void (*ept_access_hook)(void *where);
EXPORT_SYMBOL_GPL(ept_access_hook);

static void announce(void *where)
{
	/* Not what interrupts the test, or runs beside it: RCU's callbacks, work. */
	if (unlikely(ept_access_hook) && in_task() && current->kunit_test)
		ept_access_hook(where);
}

#include "ept_announced.h"

MODULE_DESCRIPTION("Accesses to memory, for the KUnit suites of ept.ko");
MODULE_LICENSE("GPL");
