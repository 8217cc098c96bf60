/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's sources use of the kernel, said in terms that CBMC understands: stands in for
 * each header <linux/...> that they include. Values are the kernel's own; what allocates, waits or
 * interrupts is a proof's to define.
 */
#ifndef _PROOF_KERNEL_H
#define _PROOF_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;
typedef u64 phys_addr_t;
typedef unsigned int gfp_t;

/* Compilers */
#define __always_inline		inline
#define noinline
#define __init
#define __exit
#define __percpu
#define __uninitialized
#define likely(x)		(x)
#define unlikely(x)		(x)
#define static_assert(x)	_Static_assert(x, #x)
#define IS_ENABLED(x)		0
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
#define data_race(x)		(x)

/* Bits */
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(high, low)	((~0ULL << (low)) & (~0ULL >> (63 - (high))))
#define GENMASK(high, low)	((unsigned long)GENMASK_ULL(high, low))
#define PROOF_LOWEST(mask)	((mask) & -(mask))
#define FIELD_PREP(mask, value)	(((u64)(value) * PROOF_LOWEST(mask)) & (mask))
#define FIELD_GET(mask, value)	(((value) & (mask)) / PROOF_LOWEST(mask))

static inline int fls64(u64 value)
{
	int last = 0;

	for (int i = 0; i < 64; i++)
		if (value >> i & 1)
			last = i + 1;
	return last;
}

/* Numbers */
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define round_down(x, to)	((x) & ~((typeof(x))(to) - 1))
#define round_up(x, to)		((((x) - 1) | ((typeof(x))(to) - 1)) + 1)
#define IS_ALIGNED(x, to)	(((x) & ((typeof(x))(to) - 1)) == 0)

/* Sizes */
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PHYS_PFN(address)	((unsigned long)((address) >> PAGE_SHIFT))
#define SZ_4K			0x1000
#define SZ_2M			0x200000
#define BITS_PER_LONG		64
#define BIT_WORD(n)		((n) / BITS_PER_LONG)

/* Pointers */
#define container_of(ptr, type, member)	((type *)((char *)(ptr) - offsetof(type, member)))
#define IS_ERR(ptr)		((unsigned long)(ptr) >= -4095UL)
#define IS_ERR_OR_NULL(ptr)	(!(ptr) || IS_ERR(ptr))

/* Errors */
#define EPERM			1
#define ENOENT			2
#define EIO			5
#define ENOMEM			12
#define EFAULT			14
#define EEXIST			17
#define ENODEV			19
#define EINVAL			22
#define ERANGE			34
#define EOPNOTSUPP		95
#define EUCLEAN			117

/* Modules and kernels */
#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE	KERNEL_VERSION(7, 0, 0)
#define EXPORT_SYMBOL_NS_GPL(symbol, ns)	struct proof_nothing
#define EXPORT_SYMBOL_IF_KUNIT(symbol)		struct proof_nothing
#define MODULE_INFO(tag, info)			struct proof_nothing

struct list_head {
	struct list_head *next, *prev;
};

struct lockdep_map;

#endif /* _PROOF_KERNEL_H */
