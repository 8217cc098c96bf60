// SPDX-License-Identifier: GPL-2.0
/*
 * For a build of the module's sources with -fsanitize=thread, which announce each access to memory:
 * what calls the suites' hook then, as kunit/ept_access.c does in the kernel. And the operations
 * that are one access.
 */
#include "native.h"
#include "ept_access.h"

void (*ept_access_hook)(void *where);

/* Whom the hook acts for, another CPU or thread, is in no section of this one's. */
static void announce(void *where)
{
	const struct native_context context = native_context;

	if (!ept_access_hook)
		return;
	native_context = (struct native_context){ .irqs_off = context.irqs_off };
	ept_access_hook(where);
	native_context = context;
}

#define EXPORT_SYMBOL_GPL(symbol)	struct proof_nothing
#include "ept_announced.h"

bool native_try_cmpxchg(void *ptr, void *old, u64 new, size_t size)
{
	if (!memcmp(ptr, old, size)) {
		memcpy(ptr, &new, size);
		return true;
	}
	memcpy(old, ptr, size);
	return false;
}

u64 native_xchg(void *ptr, u64 new, size_t size)
{
	u64 was = 0;

	memcpy(&was, ptr, size);
	memcpy(ptr, &new, size);
	return was;
}

u64 native_add(void *ptr, u64 n, size_t size)
{
	u64 value = 0;

	memcpy(&value, ptr, size);
	value += n;
	memcpy(ptr, &value, size);
	return value;
}
