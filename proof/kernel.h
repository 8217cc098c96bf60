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
typedef unsigned long pgoff_t;

/* Compilers */
#define __always_inline		inline
#define noinline
#define __init
#define __exit
#define ____cacheline_aligned_in_smp
#define __uninitialized
#define __maybe_unused		__attribute__((unused))
#define __aligned(to)		__attribute__((aligned(to)))
#define likely(x)		(x)
#define unlikely(x)		(x)
#define static_assert(x)	_Static_assert(x, #x)
#define IS_ENABLED(x)		0
#define data_race(x)		(x)

/*
 * Accesses to memory that others see: to exhaust.h and CBMC, nobody else runs meanwhile; threads.h
 * lets others run before each.
 */
#ifdef PROOF_THREADS
#include "threads.h"
#else
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
#define PROOF_LOCKED(at)		((void)0)
#define smp_mb()		((void)0)
#define PROOF_AWAIT(flag)	((void)(flag))
#endif
#define smp_store_mb(variable, value)	do { WRITE_ONCE(variable, value); smp_mb(); } while (0)
/* A flag is acquired in a loop until it is clear: others run meanwhile. */
#define smp_load_acquire(ptr)	({				\
	if (sizeof(*(ptr)) == sizeof(bool))			\
		PROOF_AWAIT((const bool *)(ptr));		\
	READ_ONCE(*(ptr));					\
})
#define cpu_relax()		((void)0)

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
	return value ? 64 - __builtin_clzll(value) : 0;
}

/* Numbers */
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define min3(a, b, c)		min(min(a, b), c)
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define round_down(x, to)	((x) & ~((typeof(x))(to) - 1))
#define round_up(x, to)		((((x) - 1) | ((typeof(x))(to) - 1)) + 1)
#define IS_ALIGNED(x, to)	(((x) & ((typeof(x))(to) - 1)) == 0)

/* Sizes */
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PHYS_PFN(address)	((unsigned long)((address) >> PAGE_SHIFT))
#define PAGE_MASK		(~(u64)(PAGE_SIZE - 1))
#define SZ_4K			PAGE_SIZE
/* What a table of 4K entries spans */
#define SZ_2M			(SZ_4K << (EPT_INDEX_BITS))
#define LONG_MAX		__LONG_MAX__
#define BITS_PER_LONG		64
#define BIT_WORD(n)		((n) / BITS_PER_LONG)

static inline void bitmap_set(unsigned long *map, unsigned int start, unsigned int nr)
{
	for (; nr; nr--, start++)
		map[BIT_WORD(start)] |= 1UL << start % BITS_PER_LONG;
}

/* Pointers */
#define container_of(ptr, type, member)	((type *)((char *)(ptr) - offsetof(type, member)))
#define IS_ERR(ptr)		((unsigned long)(ptr) >= -4095UL)
#define IS_ERR_OR_NULL(ptr)	(!(ptr) || IS_ERR(ptr))

/* Errors */
#define EPERM			1
#define ENOENT			2
#define EIO			5
#define EAGAIN			11
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

/* Events */
#define TP_PROTO(...)		__VA_ARGS__
#define TRACE_EVENT(name, proto, ...)	PROOF_EVENT(name, proto)
#define DEFINE_EVENT(class, name, proto, ...)	PROOF_EVENT(name, proto)
#define PROOF_EVENT(name, ...)	\
	static inline void trace_##name(__VA_ARGS__) {}	\
	static inline bool trace_##name##_enabled(void) { return false; }
#define DECLARE_EVENT_CLASS(...)	struct proof_nothing

/* Locks */
struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_empty(const struct list_head *list)
{
	return list->next == list;
}

static inline void list_add(struct list_head *node, struct list_head *list)
{
	node->next = list->next;
	node->prev = list;
	list->next->prev = node;
	list->next = node;
}

static inline void list_del(struct list_head *node)
{
	node->next->prev = node->prev;
	node->prev->next = node->next;
}

#define list_for_each_entry(pos, list, member)	\
	for ((pos) = container_of((list)->next, typeof(*(pos)), member);	\
	     &(pos)->member != (list);	\
	     (pos) = container_of((pos)->member.next, typeof(*(pos)), member))

struct lockdep_map;
struct rw_semaphore {
	int writers, readers;
};

typedef struct {
	int locked;
} raw_spinlock_t;

#ifdef PROOF_THREADS
#define down_write(lock)	threads_down(&(lock)->writers, &(lock)->readers, true)
#define down_read(lock)		threads_down(&(lock)->writers, &(lock)->readers, false)
#define ept_rwsem_is_written(lock)	threads_held(&(lock)->writers)
#else
#define down_write(lock)	((lock)->writers++)
#define down_read(lock)		((lock)->readers++)
#define ept_rwsem_is_written(lock)	((lock)->writers)
#endif
#define usleep_range(min, max)		((void)0)
#define wait_var_event(var, condition)	((void)(var))
#define wake_up_var(var)		((void)(var))
#define might_lock_read(lock)		((void)(lock))
#define might_sleep()			((void)0)
#define __might_sleep(file, line)	((void)0)
#define preempt_disable()		((void)0)
#define preempt_enable()		((void)0)
#define preempt_disable_notrace()	((void)0)
#define preempt_enable_notrace()	((void)0)
#define rcu_read_lock()			((void)0)
#define rcu_read_unlock()		((void)0)
#define in_hardirq()			false
#define pr_warn_once(...)		((void)0)
#define up_write(lock)			PROOF_ATOMIC(NULL, (lock)->writers--)
#define up_read(lock)			PROOF_ATOMIC(NULL, (lock)->readers--)
#define lock_is_held_type(lock, type)	((void)(type), true)
#define lockdep_assert(condition)	((void)(condition))
#define lockdep_assert_preemption_disabled()	((void)0)

/* Atomic operations, each with x86's full barrier where it changes something */
#define PROOF_ATOMIC(at, statement)	\
do {					\
	PROOF_LOCKED(at);		\
	statement;			\
} while (0)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

typedef struct {
	s64 counter;
} atomic64_t;

#define smp_store_release(ptr, value)	WRITE_ONCE(*(ptr), value)
#define ATOMIC_LONG_INIT(n)		{ n }
#define atomic_read(v)			READ_ONCE((v)->counter)
#define atomic_read_acquire(v)		READ_ONCE((v)->counter)
#define atomic_set(v, value)		((v)->counter = (value))
#define atomic_inc(v)			PROOF_ATOMIC(v, (v)->counter++)
#define atomic_dec(v)			PROOF_ATOMIC(v, (v)->counter--)
#define atomic_dec_return_release(v)	PROOF_ATOMIC(v, (v)->counter--)
#define atomic64_read(v)		READ_ONCE((v)->counter)
#define atomic64_read_acquire(v)	READ_ONCE((v)->counter)
#define atomic64_set(v, value)		((v)->counter = (value))
#define atomic64_inc_return(v)		({ PROOF_LOCKED(v); ++(v)->counter; })
#define atomic64_inc(v)			PROOF_ATOMIC(v, (v)->counter++)
#define atomic64_add(n, v)		PROOF_ATOMIC(v, (v)->counter += (n))
#define atomic_long_read(v)		READ_ONCE((v)->counter)
#define atomic_long_set(v, value)	WRITE_ONCE((v)->counter, value)
#define atomic_long_inc(v)		PROOF_ATOMIC(v, (v)->counter++)
#define atomic_long_dec(v)		PROOF_ATOMIC(v, (v)->counter--)
#define atomic_long_add(n, v)		PROOF_ATOMIC(v, (v)->counter += (n))

/* For a build that announces accesses: the function's are none. */
#ifndef PROOF_WHOLE
#define PROOF_WHOLE
#endif

static inline PROOF_WHOLE void atomic64_and(u64 mask, atomic64_t *v)
{
	PROOF_ATOMIC(v, *(u64 *)v &= mask);
}

static inline PROOF_WHOLE u64 atomic64_fetch_and(u64 mask, atomic64_t *v)
{
	u64 old;

	PROOF_ATOMIC(v, old = *(u64 *)v; *(u64 *)v &= mask);
	return old;
}

static inline PROOF_WHOLE bool try_cmpxchg64(u64 *ptr, u64 *old, u64 new)
{
	bool same = false;

	PROOF_ATOMIC(ptr, {
		const u64 now = *ptr;

		same = now == *old;
		*ptr = same ? new : now;
		*old = now;
	});
	return same;
}

#define try_cmpxchg(ptr, old, new)	\
({	\
	bool _same;	\
	\
	PROOF_LOCKED(ptr);	\
	_same = *(ptr) == *(old);	\
	if (_same)	\
		*(ptr) = (new);	\
	else	\
		*(old) = *(ptr);	\
	_same;	\
})

#define cmpxchg(ptr, old, new)	\
({	\
	typeof(*(ptr)) _old = (old);	\
	\
	try_cmpxchg(ptr, &_old, new);	\
	_old;	\
})

#define xchg(ptr, new)	\
({	\
	typeof(*(ptr)) _was;	\
	\
	PROOF_LOCKED(ptr);	\
	_was = *(ptr);	\
	*(ptr) = (new);	\
	_was;	\
})

#define atomic64_try_cmpxchg_release(v, old, new)	\
	try_cmpxchg64((u64 *)&(v)->counter, (u64 *)(old), new)

/* What a grace period and a work do when they are over is a proof's to call. */
struct work_struct {
	void (*func)(struct work_struct *work);
};

struct llist_node {
	struct llist_node *next;
};

struct llist_head {
	struct llist_node *first;
};

#define LLIST_HEAD(name)		struct llist_head name = {}
#define DECLARE_WORK(name, function)	struct work_struct name = { .func = (function) }
#define queue_work(queue, work)		((work)->func(work))
#define flush_work(work)		((void)(work))
#define rcu_barrier()			((void)0)
#define local_irq_save(flags)		((flags) = 0)
#define local_irq_restore(flags)	((void)(flags))
#define raw_spin_lock_init(lock)	((lock)->locked = 0)
#define raw_spin_lock_irqsave(lock, flags)	((flags) = (lock)->locked++)
#define raw_spin_unlock_irqrestore(lock, flags)	((lock)->locked = (flags))

static inline PROOF_WHOLE void llist_add(struct llist_node *node, struct llist_head *head)
{
	node->next = head->first;
	head->first = node;
}

static inline PROOF_WHOLE struct llist_node *llist_del_first(struct llist_head *head)
{
	struct llist_node *first = head->first;

	if (first)
		head->first = first->next;
	return first;
}

static inline PROOF_WHOLE struct llist_node *llist_del_all(struct llist_head *head)
{
	struct llist_node *first = head->first;

	head->first = NULL;
	return first;
}

#define cond_resched()			((void)0)

/* CPUs: one, or one for each thread */
#define WARN_ON_ONCE(condition)		(condition)
#ifdef PROOF_THREADS
#define PROOF_CPUS			THREADS
#define smp_processor_id()		threads_cpu
#else
#define PROOF_CPUS			1
#define smp_processor_id()		0
#endif
#define for_each_online_cpu(cpu)	for ((cpu) = 0; (cpu) < PROOF_CPUS; (cpu)++)
#ifdef PROOF_THREADS
#define on_each_cpu_cond(condition, function, arg, wait)	\
	threads_on_each_cpu(condition, function, arg)
#else
#define on_each_cpu_cond(condition, function, arg, wait)	\
	((condition)(0, arg) ? (function)(arg) : (void)0)
#endif

/* Pages: where they are is memory.h's to say. */
struct rcu_head {
	void *next, *func;
};

struct page {
	union {
		struct list_head lru;
		struct rcu_head rcu_head;
	};
	pgoff_t index;
	unsigned long private;
#ifdef PROOF_NATIVE
	int refcount;
	bool reserved;
#endif
};

struct folio {
	struct list_head lru;
	pgoff_t index;
};

struct rhash_head {
	void *next;
};

struct dentry;
struct seq_file;

#define PROOF_PFN		0x100UL
#ifdef PROOF_NATIVE	/* All of it, from a fixed address on */
#define PROOF_DIRECT_MAP	0x200000000000UL
#else
#define PROOF_DIRECT_MAP	((unsigned long)memory - (PROOF_PFN << PAGE_SHIFT))
#endif
#define PAGE_OFFSET		PROOF_DIRECT_MAP
#define virt_to_phys(address)	((phys_addr_t)((unsigned long)(address) - PAGE_OFFSET))
#define phys_to_virt(phys)	((void *)((phys) + PAGE_OFFSET))
#define page_to_phys(page)	((phys_addr_t)page_to_pfn(page) << PAGE_SHIFT)
#define virt_to_page(address)	pfn_to_page(PHYS_PFN(virt_to_phys(address)))
#define page_address(page)	phys_to_virt(page_to_phys(page))
#define page_private(page)	((page)->private)
#define set_page_private(page, value)	((page)->private = (value))
#define PTR_ALIGN_DOWN(ptr, to)	((typeof(ptr))round_down((unsigned long)(ptr), to))

#ifdef PROOF_NATIVE
/* 512 MiB from 0 on, and as much from 4 GiB on */
#define PROOF_LOW_PAGES		0x20000UL
#define PROOF_HIGH		0x100000UL
#define PROOF_PAGES		(PROOF_HIGH + PROOF_LOW_PAGES)
extern struct page native_pages[PROOF_PAGES];
#define pfn_to_page(pfn)	(native_pages + (pfn))
#define page_to_pfn(page)	((unsigned long)((page) - native_pages))
#define pfn_valid(pfn)		\
	((pfn) < PROOF_LOW_PAGES || ((pfn) >= PROOF_HIGH && (pfn) < PROOF_PAGES))
#else
#ifndef PROOF_PAGES
#define PROOF_PAGES		1
#endif
static u64 memory[PROOF_PAGES][512];
struct page *pfn_to_page(unsigned long pfn);
unsigned long page_to_pfn(const struct page *page);
bool pfn_valid(unsigned long pfn);
#endif
#define pfn_in_present_section(pfn)	pfn_valid(pfn)
unsigned long alloc_pages_bulk_node(gfp_t gfp, int nid, unsigned long nr, struct page **pages);
void __free_page(struct page *page);
void call_rcu(struct rcu_head *head, void (*function)(struct rcu_head *head));
#define GFP_KERNEL_ACCOUNT	1
#define GFP_NOWAIT		0
#define __GFP_ACCOUNT		0
#define __GFP_NOMEMALLOC	0
#define __GFP_NOWARN		0
#define __GFP_RETRY_MAYFAIL	0
#define GFP_DMA32		0
#define alloc_pages_node(nid, gfp, order)	((struct page *)NULL)
#define gfpflags_allow_blocking(gfp)	((gfp) & GFP_KERNEL_ACCOUNT)
#define current_gfp_context(gfp)	(gfp)
#define si_mem_available()	PROOF_PAGES
#define oom_task_origin(task)	false
#define set_current_oom_origin()	((void)0)
#define clear_current_oom_origin()	((void)0)
#define fatal_signal_pending(task)	false
#define PF_MEMALLOC		0x800

struct task_struct {
	unsigned int flags;
#ifdef PROOF_NATIVE
	unsigned int fail_nth;
#endif
};

#ifdef PROOF_NATIVE
extern struct task_struct proof_task;
#else
static struct task_struct proof_task;
#endif
#define current			(&proof_task)
#define mod_lruvec_page_state(page, what, nr)	((void)(nr))

#define memset(to, byte, size)	__builtin_memset(to, byte, size)
#define memcpy(to, from, size)	__builtin_memcpy(to, from, size)

static inline void memset64(u64 *to, u64 value, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		to[i] = value;
}

#define clear_page(page)		memset64(page, 0, EPT_ENTRIES)

/* Nodes, strings */
#define CONFIG_UML			1
#define NUMA_NO_NODE			(-1)
#define MAX_NUMNODES			1
#define node_online(nid)		true
#define strlen(s)			__builtin_strlen(s)
#define strchr(s, c)			__builtin_strchr(s, c)
#define strcmp(a, b)			__builtin_strcmp(a, b)

/* <asm/vmx.h> */
#define VMX_EPT_READABLE_MASK		0x1ULL
#define VMX_EPT_WRITABLE_MASK		0x2ULL
#define VMX_EPT_EXECUTABLE_MASK		0x4ULL
#define VMX_EPT_IPAT_BIT		(1ULL << 6)
#define VMX_EPT_ACCESS_BIT		(1ULL << 8)
#define VMX_EPT_DIRTY_BIT		(1ULL << 9)
#define VMX_EPT_EXECUTE_ONLY_BIT	(1ULL)
#define VMX_EPT_PAGE_WALK_4_BIT		(1ULL << 6)
#define VMX_EPT_PAGE_WALK_5_BIT		(1ULL << 7)
#define VMX_EPTP_UC_BIT			(1ULL << 8)
#define VMX_EPTP_WB_BIT			(1ULL << 14)
#define VMX_EPT_2MB_PAGE_BIT		(1ULL << 16)
#define VMX_EPT_1GB_PAGE_BIT		(1ULL << 17)
#define VMX_EPT_INVEPT_BIT		(1ULL << 20)
#define VMX_EPT_AD_BIT			(1ULL << 21)
#define VMX_EPT_EXTENT_CONTEXT_BIT	(1ULL << 25)
#define VMX_EPT_EXTENT_GLOBAL_BIT	(1ULL << 26)
#define VMX_EPTP_AD_ENABLE_BIT		(1ULL << 6)
#define VMX_EPT_EXTENT_CONTEXT		1
#define VMX_EPT_EXTENT_GLOBAL		2
#define EPT_VIOLATION_ACC_INSTR		BIT(2)
#define EPT_VIOLATION_ACC_READ		BIT(0)
#define EPT_VIOLATION_GVA_IS_VALID		BIT(7)
#define VMX_EPTP_MT_MASK		0x7ULL
#define VMX_EPTP_PWL_MASK		0x38ULL
#define INTR_INFO_UNBLOCK_NMI		0x1000
#define CPU_BASED_INVLPG_EXITING		BIT(9)
#define CPU_BASED_CR3_LOAD_EXITING		BIT(15)
#define CPU_BASED_CR3_STORE_EXITING		BIT(16)
#define CPU_BASED_ACTIVATE_TERTIARY_CONTROLS	BIT(17)
#define CPU_BASED_ACTIVATE_SECONDARY_CONTROLS	BIT(31)
#define SECONDARY_EXEC_ENABLE_EPT		BIT(1)
#define SECONDARY_EXEC_ENABLE_VPID		BIT(5)
#define SECONDARY_EXEC_UNRESTRICTED_GUEST	BIT(7)
#define SECONDARY_EXEC_ENABLE_VMFUNC		BIT(13)
#define SECONDARY_EXEC_ENABLE_PML		BIT(17)
#define SECONDARY_EXEC_EPT_VIOLATION_VE		BIT(18)
#define SECONDARY_EXEC_MODE_BASED_EPT_EXEC	BIT(22)
#define TERTIARY_EXEC_IPI_VIRT			BIT(4)
#define VMX_VMFUNC_EPTP_SWITCHING		BIT(0)
#define VMX_BASIC_TRUE_CTLS			BIT_ULL(55)
#define VMX_VPID_INVVPID_BIT			(1ULL << 0)
#define VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT	(1ULL << 8)
#define VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT	(1ULL << 9)
#define VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT	(1ULL << 10)
#define VMX_VPID_EXTENT_SINGLE_NON_GLOBAL_BIT	(1ULL << 11)
#define vmx_basic_vmcs_mem_type(basic)		((u32)((basic) >> 50 & 15))
/* <asm/msr-index.h> */
#define FEAT_CTL_LOCKED				BIT(0)
#define FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX	BIT(2)
#define EPT_VIOLATION_ACC_WRITE		(1UL << 1)
#define EPT_VIOLATION_GVA_TRANSLATED	(1UL << 8)

#endif /* _PROOF_KERNEL_H */
