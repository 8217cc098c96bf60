/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the compiler calls before each access to memory, with -fsanitize=thread. Whoever includes
 * this, once, has a function announce() that all of these call.
 */
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
