/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's sources and the KUnit models as a program of user space: beyond proof/kernel.h, what
 * they use of the kernel. One thread, and two CPUs, of which one does what the other asks it for at
 * once; a grace period is over when native_grace_period() or rcu_barrier() says so.
 */
#ifndef _NATIVE_H
#define _NATIVE_H


#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#undef LONG_MAX
#undef PAGE_SIZE
#undef __always_inline
#undef PAGE_MASK
#define PROOF_NATIVE
#ifdef NATIVE_ACCESS
#define PROOF_WHOLE	__attribute__((noinline, no_sanitize("thread")))
#endif
#include "kernel.h"

typedef signed char s8;
typedef short s16;
typedef int s32;
typedef u16 __be16;
typedef u64 __be64;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;

/* Whether it is 1: only then a comma is in it. */
#undef IS_ENABLED
#define NATIVE_ARG_1			0,
#define NATIVE_SECOND(one, two, ...)	two
#define NATIVE_CHOOSE(arg)		NATIVE_SECOND(arg 1, 0)
#define NATIVE_ENABLED(value)		NATIVE_CHOOSE(NATIVE_ARG_##value)
#define IS_ENABLED(option)		NATIVE_ENABLED(option)

/* Compilers */
#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))
#define __user
#define __must_check
#define __packed		__attribute__((packed))
#define __printf(a, b)		__attribute__((format(printf, a, b)))
#define fallthrough		__attribute__((fallthrough))
#define sizeof_field(type, member)	sizeof(((type *)0)->member)
#define module_init(function)	\
	int native_init(void) { return function(); } struct proof_nothing
#define module_exit(function)	\
	void native_exit(void) { function(); } struct proof_nothing
#define module_param(...)		struct proof_nothing
#define MODULE_PARM_DESC(...)		struct proof_nothing
#define MODULE_DESCRIPTION(...)		struct proof_nothing
#define MODULE_AUTHOR(...)		struct proof_nothing
#define MODULE_VERSION(...)		struct proof_nothing
#define MODULE_LICENSE(...)		struct proof_nothing
int native_init(void);
void native_exit(void);
#define BUILD_BUG_ON(condition)		_Static_assert(!(condition), #condition)

/* Numbers; arguments may do something, once */
#undef min
#undef max
#undef min_t
#define NATIVE_PICK(a, op, b)	\
	({ const typeof(a) _pa = (a); const typeof(b) _pb = (b); _pa op _pb ? _pa : _pb; })
#define min(a, b)			NATIVE_PICK(a, <, b)
#define max(a, b)			NATIVE_PICK(a, >, b)
#define min_t(type, a, b)		min((type)(a), (type)(b))
#define ALIGN(x, to)			round_up(x, to)
#define ALIGN_DOWN(x, to)		round_down(x, to)
#define PTR_ALIGN(ptr, to)		((typeof(ptr))round_up((unsigned long)(ptr), to))
#define DIV_ROUND_UP(x, by)		(((x) + (by) - 1) / (by))
#define roundup(x, to)	\
	({ const typeof(to) _to = (to); (((x) + _to - 1) / _to) * _to; })
#define rounddown(x, to)	\
	({ const typeof(x) _down = (x); _down - _down % (to); })
#define clamp(x, low, high)		min(max(x, low), high)
#define max_t(type, a, b)		max((type)(a), (type)(b))
#define swap(a, b)			\
	do { typeof(a) _swap = (a); (a) = (b); (b) = _swap; } while (0)
#define do_div(n, by)			({ u32 _rest = (n) % (by); (n) /= (by); _rest; })
#define lower_32_bits(n)		((u32)(n))
#define upper_32_bits(n)		((u32)((n) >> 32))
#define ilog2(n)			(63 - __builtin_clzll(n))
#define is_power_of_2(n)		((n) && !((n) & ((n) - 1)))
#define roundup_pow_of_two(n)		(1UL << (64 - __builtin_clzl((n) - 1)))
#define hweight8(n)			__builtin_popcount((u8)(n))
#define hweight32(n)			__builtin_popcount(n)
#define hweight64(n)			__builtin_popcountll(n)
#define hweight_long(n)			__builtin_popcountl(n)
#define __ffs64(n)			__builtin_ctzll(n)
#define __ffs(n)			__builtin_ctzl(n)
#define ffs(n)				__builtin_ffs(n)
#define fls(n)				((n) ? 32 - __builtin_clz(n) : 0)
#define __fls(n)			(63 - __builtin_clzl(n))
#define check_add_overflow(a, b, sum)	__builtin_add_overflow(a, b, sum)
#define check_sub_overflow(a, b, rest)	__builtin_sub_overflow(a, b, rest)
#define check_mul_overflow(a, b, product)	__builtin_mul_overflow(a, b, product)
#define array_size(a, b)		((size_t)(a) * (b))
#define U8_MAX		((u8)~0U)
#define U16_MAX		((u16)~0U)
#define U32_MAX		((u32)~0U)
#define U64_MAX		((u64)~0ULL)
#define S64_MAX		((s64)(U64_MAX >> 1))
#define PFN_PHYS(pfn)	((phys_addr_t)(pfn) << PAGE_SHIFT)
#define PFN_DOWN(x)	((x) >> PAGE_SHIFT)
#define PFN_UP(x)	(((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PAGE_ALIGNED(x)	IS_ALIGNED((unsigned long)(x), PAGE_SIZE)
#define offset_in_page(x)	((unsigned long)(x) & ~PAGE_MASK)
#define cpu_to_be64(n)	__builtin_bswap64(n)
#define BITS_PER_BYTE	8
#define BITS_TO_LONGS(n)	DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, n)	unsigned long name[BITS_TO_LONGS(n)]

#define SZ_1		0x1
#define SZ_2		0x2
#define SZ_16		0x10
#define SZ_64		0x40
#define SZ_512		0x200
#define SZ_1K		0x400
#define SZ_2K		0x800
#define SZ_8K		0x2000
#define SZ_16K		0x4000
#define SZ_32K		0x8000
#define SZ_64K		0x10000
#define SZ_128K		0x20000
#define SZ_256K		0x40000
#define SZ_512K		0x80000
#define SZ_1M		0x100000
#undef SZ_2M
#define SZ_2M		0x200000
#undef SZ_4K
#define SZ_4K		0x1000
#define SZ_4M		0x400000
#define SZ_8M		0x800000
#define SZ_16M		0x1000000
#define SZ_32M		0x2000000
#define SZ_64M		0x4000000
#define SZ_128M		0x8000000
#define SZ_256M		0x10000000
#define SZ_512M		0x20000000
#define SZ_1G		0x40000000
#define SZ_2G		0x80000000U
#define SZ_4G		0x100000000ULL
#define SZ_8G		0x200000000ULL
#define SZ_16G		0x400000000ULL
#define SZ_32G		0x800000000ULL
#define SZ_64G		0x1000000000ULL
#define SZ_512G		0x8000000000ULL
#define SZ_1T		0x10000000000ULL
#define SZ_64T		0x400000000000ULL

/* Bits */
static inline void __set_bit(unsigned long nr, unsigned long *map)
{
	map[BIT_WORD(nr)] |= 1UL << nr % BITS_PER_LONG;
}

static inline void __clear_bit(unsigned long nr, unsigned long *map)
{
	map[BIT_WORD(nr)] &= ~(1UL << nr % BITS_PER_LONG);
}

#define set_bit(nr, map)	__set_bit(nr, map)
#define clear_bit(nr, map)	__clear_bit(nr, map)

#define __assign_bit(nr, map, value)	\
	((value) ? __set_bit(nr, map) : __clear_bit(nr, map))
#define bitmap_fill(map, nr)	memset(map, 0xff, BITS_TO_LONGS(nr) * sizeof(long))

static inline void bitmap_clear(unsigned long *map, unsigned int start, unsigned int nr)
{
	for (; nr; nr--, start++)
		__clear_bit(start, map);
}

#define for_each_set_bit(bit, map, nr)	\
	for ((bit) = find_first_bit(map, nr); (bit) < (nr);	\
	     (bit) = find_next_bit(map, nr, (bit) + 1))

static inline s64 sign_extend64(u64 value, int index)
{
	return (s64)(value << (63 - index)) >> (63 - index);
}

static inline bool test_bit(unsigned long nr, const unsigned long *map)
{
	return map[BIT_WORD(nr)] >> nr % BITS_PER_LONG & 1;
}

unsigned long find_next_bit(const unsigned long *map, unsigned long nr, unsigned long from);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long nr, unsigned long from);
#define find_first_bit(map, nr)		find_next_bit(map, nr, 0)
#define find_first_zero_bit(map, nr)	find_next_zero_bit(map, nr, 0)
unsigned int bitmap_weight(const unsigned long *map, unsigned int nr);
bool bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned int nr);
#define bitmap_empty(map, nr)		(find_first_bit(map, nr) >= (nr))
#define bitmap_full(map, nr)		(find_first_zero_bit(map, nr) >= (nr))
#define bitmap_zero(map, nr)		memset(map, 0, BITS_TO_LONGS(nr) * sizeof(long))
#define bitmap_zalloc(nr, gfp)		kzalloc(BITS_TO_LONGS(nr) * sizeof(long), gfp)
#define bitmap_free(map)		kfree(map)

/* Memory */
#define GFP_KERNEL		3
#define GFP_ATOMIC		4
#define __GFP_ZERO		0x100
#define __GFP_NOFAIL		0x200
#define __GFP_HIGHMEM		0
#define __GFP_COMP		0
#define get_order(size)		((size) > PAGE_SIZE ? ilog2(((size) - 1) >> PAGE_SHIFT) + 1 : 0)
#define strnstr(s, sub, size)	((char *)memmem(s, strnlen(s, size), sub, strlen(sub)))
#define ZERO_SIZE_PTR		((void *)16)
void *native_alloc(size_t size, gfp_t gfp);
void kfree(const void *memory);
#define kmalloc(size, gfp)		native_alloc(size, gfp)
#define kzalloc(size, gfp)		native_alloc(size, (gfp) | __GFP_ZERO)
#define kmalloc_array(n, size, gfp)	native_alloc((n) * (size), gfp)
#define kcalloc(n, size, gfp)		native_alloc((n) * (size), (gfp) | __GFP_ZERO)
#define kvmalloc(size, gfp)		native_alloc(size, gfp)
#define kvzalloc(size, gfp)		native_alloc(size, (gfp) | __GFP_ZERO)
#define kvmalloc_array(n, size, gfp)	native_alloc((n) * (size), gfp)
#define kvcalloc(n, size, gfp)		kcalloc(n, size, gfp)
#define kvfree(memory)			kfree(memory)
#define vmalloc(size)			native_alloc(size, 0)
#define vzalloc(size)			native_alloc(size, __GFP_ZERO)
#define vfree(memory)			kfree(memory)
#define kmemdup(from, size, gfp)	memcpy(native_alloc(size, gfp), from, size)
#define struct_size(p, member, n)	(sizeof(*(p)) + (n) * sizeof(*(p)->member))
#undef memset
#undef memcpy
#undef strlen
#undef strchr
#undef strcmp

#define ERR_PTR(error)		((void *)(long)(error))
#define PTR_ERR(ptr)		((long)(ptr))
#define PTR_ERR_OR_ZERO(ptr)	(IS_ERR(ptr) ? (int)PTR_ERR(ptr) : 0)
#define ERR_CAST(ptr)		((void *)(ptr))
#define E2BIG			7
#define EINTR			4
#define EBUSY			16
#define ENOSPC			28
#define ENOSYS			38
#define ENODATA			61
#define EOVERFLOW		75
#define EHWPOISON		133
#define EACCES			13
#define ECANCELED		125

/* Pages. Those of tables come from above 4 GiB, too, where they aren't asked for below. */
#undef GFP_DMA32
#undef alloc_pages_node
#define GFP_DMA32		0x40000000U
#define CONFIG_ZONE_DMA32	1
#define CONFIG_FAULT_INJECTION	1
#undef si_mem_available
#define si_mem_available()	PROOF_LOW_PAGES
#define totalram_pages()	(2 * PROOF_LOW_PAGES)
#define alloc_pages_node(nid, gfp, order)	native_alloc_page(gfp)
#define alloc_page(gfp)		native_alloc_page(gfp)
#define alloc_pages(gfp, order)	native_alloc_pages(gfp, order)
#define __free_pages(page, order)	native_free_pages(page, order)
#define put_page(page)		__free_page(page)
#define __get_free_page(gfp)	((unsigned long)page_address(alloc_page(gfp)))
#define free_page(address)	__free_page(virt_to_page(address))
struct page *native_alloc_page(gfp_t gfp);
struct page *native_alloc_pages(gfp_t gfp, unsigned int order);
void native_free_pages(struct page *page, unsigned int order);
void native_grace_period(void);
long native_in_use(void);
#undef rcu_barrier
#define rcu_barrier()		native_grace_period()
#define synchronize_rcu()	native_grace_period()
#define page_ref_count(page)	((page)->refcount)
#define PageReserved(page)	((page)->reserved)
#define SetPageReserved(page)	((page)->reserved = true)
#define ClearPageReserved(page)	((page)->reserved = false)
#define kmap_local_page(page)	page_address(page)
#define kunmap_local(address)	((void)(address))
#define __va(phys)		phys_to_virt(phys)
#define __pa(address)		virt_to_phys(address)
#define pfn_to_online_page(pfn)	(pfn_valid(pfn) ? pfn_to_page(pfn) : NULL)
#define nth_page(page, n)	((page) + (n))
#define get_zeroed_page(gfp)	((unsigned long)page_address(alloc_page((gfp) | __GFP_ZERO)))
#define ZERO_PAGE(address)	native_pages
#define copy_page(to, from)	memcpy(to, from, PAGE_SIZE)

static inline void *memchr_inv(const void *memory, int byte, size_t size)
{
	for (const u8 *at = memory; size; at++, size--)
		if (*at != (u8)byte)
			return (void *)at;
	return NULL;
}

/* Lists */
#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)
#define list_entry(ptr, type, member)		container_of(ptr, type, member)
#define list_first_entry(list, type, member)	list_entry((list)->next, type, member)
#define list_last_entry(list, type, member)	list_entry((list)->prev, type, member)
#define list_first_entry_or_null(list, type, member)	\
	(list_empty(list) ? NULL : list_first_entry(list, type, member))
#define list_for_each_entry_safe(pos, more, list, member)	\
	for ((pos) = list_first_entry(list, typeof(*(pos)), member),	\
	     (more) = list_entry((pos)->member.next, typeof(*(pos)), member);	\
	     &(pos)->member != (list);	\
	     (pos) = (more), (more) = list_entry((more)->member.next, typeof(*(more)), member))
#define list_for_each_entry_reverse(pos, list, member)	\
	for ((pos) = list_last_entry(list, typeof(*(pos)), member);	\
	     &(pos)->member != (list);	\
	     (pos) = list_entry((pos)->member.prev, typeof(*(pos)), member))

static inline void list_add_tail(struct list_head *node, struct list_head *list)
{
	list_add(node, list->prev);
}

static inline void list_del_init(struct list_head *node)
{
	list_del(node);
	INIT_LIST_HEAD(node);
}

static inline void list_move(struct list_head *node, struct list_head *list)
{
	list_del(node);
	list_add(node, list);
}

/* Atomic operations, which announce nothing */
#ifdef NATIVE_ACCESS
bool native_try_cmpxchg(void *ptr, void *old, u64 new, size_t size);
u64 native_xchg(void *ptr, u64 new, size_t size);
u64 native_add(void *ptr, u64 n, size_t size);
#define NATIVE_ADD(v, n)	native_add(&(v)->counter, n, sizeof((v)->counter))
#undef atomic_inc
#undef atomic_dec
#undef atomic_dec_return_release
#undef atomic64_inc
#undef atomic64_inc_return
#undef atomic64_add
#undef atomic_long_inc
#undef atomic_long_dec
#undef atomic_long_add
#undef try_cmpxchg
#undef xchg
#define atomic_inc(v)			((void)NATIVE_ADD(v, 1))
#define atomic_dec(v)			((void)NATIVE_ADD(v, -1))
#define atomic_dec_return_release(v)	NATIVE_ADD(v, -1)
#define atomic64_inc(v)			((void)NATIVE_ADD(v, 1))
#define atomic64_inc_return(v)		NATIVE_ADD(v, 1)
#define atomic64_add(n, v)		((void)NATIVE_ADD(v, n))
#define atomic_long_inc(v)		((void)NATIVE_ADD(v, 1))
#define atomic_long_dec(v)		((void)NATIVE_ADD(v, -1))
#define atomic_long_add(n, v)		((void)NATIVE_ADD(v, n))
#define try_cmpxchg(ptr, old, new)	\
	native_try_cmpxchg(ptr, old, (u64)(new), sizeof(*(ptr)))
#define xchg(ptr, new)	\
	((typeof(*(ptr)))native_xchg(ptr, (u64)(new), sizeof(*(ptr))))
#endif

/* Others */
#define get_cpu()			(preempt_disable(), 0)
#define put_cpu()			preempt_enable()
#define migrate_disable()		((void)0)
#define migrate_enable()		((void)0)
#define nr_cpu_ids			2U
#define cpu_online_mask			NULL
#define cpumask_any_but(mask, cpu)	((void)(mask), !(cpu))
#undef smp_processor_id
#undef on_each_cpu_cond
#define smp_processor_id()		native_cpu
#define smp_call_function_single(cpu, function, arg, wait)	(native_call(cpu, function, arg), 0)
#define on_each_cpu_cond(condition, function, arg, wait)	\
do {	\
	for (unsigned int _cpu = 0; _cpu < nr_cpu_ids; _cpu++)	\
		if ((condition)(_cpu, arg))	\
			native_call(_cpu, function, arg);	\
} while (0)
extern unsigned int native_cpu;
void native_call(unsigned int cpu, void (*function)(void *arg), void *arg);
#define fs_reclaim_acquire(gfp)		((void)(gfp))
#define fs_reclaim_release(gfp)		((void)(gfp))
#define debug_locks			true
#define SIGKILL				9
#define allow_signal(signal)		((void)(signal))
#define disallow_signal(signal)		((void)(signal))
#define send_sig(signal, task, priv)	(native_killed = true)
#define flush_signals(task)		(native_killed = false)
#undef fatal_signal_pending
#define fatal_signal_pending(task)	native_killed
extern bool native_killed;

struct irq_work {
	void (*func)(struct irq_work *work);
};

#define init_irq_work(work, function)	((work)->func = (function))
#undef in_hardirq
#define in_hardirq()			native_in_hardirq
#define in_interrupt()			native_in_hardirq
extern bool native_in_hardirq;
#define irq_work_queue(work)	\
	(native_in_hardirq = true, (work)->func(work), native_in_hardirq = false, true)
#define irq_work_sync(work)		((void)(work))

#define ATOMIC_INIT(n)			{ n }
#define ATOMIC64_INIT(n)		{ n }
#define atomic_inc_return(v)		(++(v)->counter)
#define atomic_add(n, v)		((v)->counter += (n))
#define atomic64_dec(v)			((v)->counter--)
#define atomic64_sub(n, v)		((v)->counter -= (n))
#define atomic64_or(mask, v)		((v)->counter |= (mask))
#define atomic64_fetch_or(mask, v)	({ s64 _was = (v)->counter; (v)->counter |= (mask); _was; })
#define atomic64_try_cmpxchg(v, old, new)	atomic64_try_cmpxchg_release(v, old, new)
#define smp_rmb()			((void)0)
#define smp_wmb()			((void)0)
#define barrier()			__asm__ volatile("" ::: "memory")
#define barrier_data(ptr)		__asm__ volatile("" : : "r" (ptr) : "memory")
#define num_online_cpus()		2
/*
 * Locks, as far as one thread can tell: each is let go by who has it, none is taken twice or kept,
 * and nothing sleeps where it may not.
 */
struct native_context {
	int	rcu;
	int	preempt;
	int	irqs_off;
	int	locks;
};

extern struct native_context native_context;
void native_expect(bool condition, const char *what);
void native_might_sleep(void);
/* Where nothing is held any more */
void native_expect_idle(void);

void native_take(int *lock, const int *other, int limit);
void native_drop(int *lock);
void native_enter(int *section);
void native_leave(int *section);

#undef might_sleep
#undef __might_sleep
#undef cond_resched
#undef preempt_disable
#undef preempt_enable
#undef preempt_disable_notrace
#undef preempt_enable_notrace
#undef rcu_read_lock
#undef rcu_read_unlock
#undef lockdep_assert_preemption_disabled
#define might_sleep()			native_might_sleep()
#define __might_sleep(file, line)	native_might_sleep()
#define cond_resched()			native_might_sleep()
#define preempt_disable()		native_enter(&native_context.preempt)
#define preempt_enable()		native_leave(&native_context.preempt)
#define preempt_disable_notrace()	preempt_disable()
#define preempt_enable_notrace()	preempt_enable()
#define rcu_read_lock()			native_enter(&native_context.rcu)
#define rcu_read_unlock()		native_leave(&native_context.rcu)
#define rcu_read_lock_sched()		preempt_disable()
#define rcu_read_unlock_sched()		preempt_enable()
#define lockdep_assert_preemption_disabled()	\
	native_expect(native_context.preempt || irqs_disabled(), "preemption is on")
#define lockdep_is_held(lock)		true
#define lockdep_off()			((void)0)
#define lockdep_on()			((void)0)
#define lockdep_assert_irqs_enabled()	native_expect(!irqs_disabled(), "interrupts are off")

#undef local_irq_save
#undef local_irq_restore
#define irqs_disabled()			(!!native_context.irqs_off)
#define local_irq_disable()		(native_context.irqs_off = true)
#define local_irq_enable()		(native_context.irqs_off = false)
#define local_irq_save(flags)		((flags) = irqs_disabled(), local_irq_disable())
#define local_irq_restore(flags)	(native_context.irqs_off = (flags))

#undef down_write
#undef down_read
#undef up_write
#undef up_read
#define init_rwsem(lock)		((lock)->writers = (lock)->readers = 0)
#define down_write(lock)	\
	(native_might_sleep(), native_take(&(lock)->writers, &(lock)->readers, 1))
#define down_read(lock)		\
	(native_might_sleep(), native_take(&(lock)->readers, &(lock)->writers, INT_MAX))
#define up_write(lock)			native_drop(&(lock)->writers)
#define up_read(lock)			native_drop(&(lock)->readers)
#define rwsem_is_locked(lock)		((lock)->writers || (lock)->readers)

struct mutex {
	int locked;
};

#define mutex_init(mutex)		((mutex)->locked = 0)
#define mutex_lock(mutex)	\
	(native_might_sleep(), native_take(&(mutex)->locked, &(int){ 0 }, 1))
#define mutex_unlock(mutex)		native_drop(&(mutex)->locked)
#define mutex_destroy(mutex)		((void)(mutex))
#undef raw_spin_lock_irqsave
#undef raw_spin_unlock_irqrestore
#define DEFINE_SPINLOCK(name)		raw_spinlock_t name = {}
#define spin_lock(lock)			native_take(&(lock)->locked, &(int){ 0 }, 1)
#define spin_unlock(lock)		native_drop(&(lock)->locked)
#define raw_spin_lock_irqsave(lock, flags)	(local_irq_save(flags), spin_lock(lock))
#define raw_spin_unlock_irqrestore(lock, flags)	(spin_unlock(lock), local_irq_restore(flags))

#undef WARN_ON_ONCE
#define WARN_ON_ONCE(condition)		native_warn(condition, #condition, __FILE__, __LINE__)
#define WARN_ON(condition)		WARN_ON_ONCE(condition)
bool native_warn(bool condition, const char *what, const char *file, int line);
#define pr_warn(...)			printf(__VA_ARGS__)
#define pr_info(...)			printf(__VA_ARGS__)
#define pr_err(...)			printf(__VA_ARGS__)
char *bin2hex(char *to, const void *from, size_t nr);
ssize_t strscpy(char *to, const char *from, size_t size);

/* Names: a list will do. */
struct rhashtable_compare_arg {
	const void *key;
};

struct rhashtable_params {
	size_t	head_offset, key_offset, key_len;
	u32	(*hashfn)(const void *key, u32 length, u32 seed);
	int	(*obj_cmpfn)(struct rhashtable_compare_arg *arg, const void *object);
	bool	automatic_shrinking;
};

#define NATIVE_BUCKETS	4096
struct rhashtable {
	struct rhash_head	*first[NATIVE_BUCKETS];
	atomic_t		nelems;
};

u32 jhash(const void *key, u32 length, u32 seed);
int native_name_insert(struct rhashtable *table, struct rhash_head *node,
		       const struct rhashtable_params *params);
int native_name_remove(struct rhashtable *table, struct rhash_head *node,
		       const struct rhashtable_params *params);
#define rhashtable_init(table, params)	((void)(params), (void)(table), 0)
#define rhashtable_destroy(table)	((void)(table))
#define rhashtable_lookup_insert_fast(table, node, params)	\
	native_name_insert(table, node, &(params))
#define rhashtable_remove_fast(table, node, params)	\
	native_name_remove(table, node, &(params))

/* What is printed */
struct seq_file {
	char	*buf;
	size_t	size, count;
	void	*private;
};

void seq_printf(struct seq_file *m, const char *format, ...);
#define seq_puts(m, s)			seq_printf(m, "%s", s)
#define seq_putc(m, c)			seq_printf(m, "%c", c)
#define str_yes_no(b)			((b) ? "yes" : "no")
#define seq_has_overflowed(m)		((m)->count == (m)->size)

/* A map from ranges to pointers, in the place of a maple tree */
struct maple_tree {
	struct native_range	*ranges;
	size_t			nr, room, last;
};

struct ma_state {
	struct maple_tree	*tree;
	unsigned long		index, last;
};

#define MA_STATE(name, mt, first, end)	\
	struct ma_state name = { .tree = (mt), .index = (first), .last = (end) }
#define mas_lock(mas)			((void)(mas))
#define mas_unlock(mas)			((void)(mas))
#define mt_init(mt)			((void)(*(mt) = (struct maple_tree){}))
#undef ULONG_MAX
#define ULONG_MAX			(~0UL)
void *mas_find(struct ma_state *mas, unsigned long max);
void *mtree_load(struct maple_tree *mt, unsigned long index);
int mtree_store_range(struct maple_tree *mt, unsigned long first, unsigned long last, void *entry,
		      gfp_t gfp);
void mtree_destroy(struct maple_tree *mt);

/* Random numbers */
struct rnd_state {
	u64 state;
};

void prandom_seed_state(struct rnd_state *state, u64 seed);
u32 prandom_u32_state(struct rnd_state *state);
void prandom_bytes_state(struct rnd_state *state, void *bytes, size_t size);

/* Memory that a guest's page may be */
#define copy_mc_to_kernel(to, from, size)	(memcpy(to, from, size), 0UL)
#define PageHWPoison(page)			false
#define is_page_hwpoison(page)			false
#define is_zero_pfn(pfn)			(!(pfn))
#define pagefault_disable()			((void)0)
#define pagefault_enable()			((void)0)

/* Guests' own paging: <asm/processor-flags.h>, <asm/msr-index.h>, <asm/trap_pf.h> */
#define X86_CR0_PE		BIT(0)
#define X86_CR0_WP		BIT(16)
#define X86_CR0_PG		BIT(31)
#define X86_CR4_PSE		BIT(4)
#define X86_CR4_PAE		BIT(5)
#define X86_CR4_LA57		BIT(12)
#define X86_CR4_SMEP		BIT(20)
#define X86_CR4_SMAP		BIT(21)
#define X86_CR4_PKE		BIT(22)
#define X86_CR4_CET		BIT(23)
#define X86_CR4_PKS		BIT(24)
#define X86_EFLAGS_AC		BIT(18)
#define EFER_LME		BIT(8)
#define EFER_LMA		BIT(10)
#define EFER_NX			BIT(11)
#define X86_TRAP_SS		12
#define X86_TRAP_GP		13
#define X86_TRAP_PF		14
#define X86_PF_PROT		BIT(0)
#define X86_PF_WRITE		BIT(1)
#define X86_PF_USER		BIT(2)
#define X86_PF_RSVD		BIT(3)
#define X86_PF_INSTR		BIT(4)
#define X86_PF_PK		BIT(5)
#define X86_PF_SHSTK		BIT(6)

/* Tasks */
#define PF_MEMALLOC_NOFS	0x40000
#define memalloc_noreclaim_save()	({	\
	unsigned int _was = current->flags & PF_MEMALLOC;	\
	current->flags |= PF_MEMALLOC;	\
	_was;	\
})
#define memalloc_noreclaim_restore(was)	\
	(current->flags = (current->flags & ~PF_MEMALLOC) | (was))

#endif /* _NATIVE_H */
