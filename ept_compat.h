/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that the module builds for, 6.1 and later. The only place that
 * asks for a kernel's version.
 */
#ifndef _EPT_COMPAT_H
#define _EPT_COMPAT_H

#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/rwsem.h>
#include <linux/version.h>

/* The namespace of an export became a string. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define EXPORT_SYMBOL_EPT(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, "EPT")
#else
#define EXPORT_SYMBOL_EPT(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, EPT)
#endif

/* bin2hex() moved here some time before, from a header that comes with any other. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/hex.h>
#endif

/* Internals that the KUnit suites see. Not each 6.1 has the header. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#include <kunit/visibility.h>
#elif IS_ENABLED(CONFIG_KUNIT)
#define EXPORT_SYMBOL_IF_KUNIT(symbol)	EXPORT_SYMBOL_NS(symbol, EXPORTED_FOR_KUNIT_TESTING)
#else
#define EXPORT_SYMBOL_IF_KUNIT(symbol)	static_assert(sizeof(symbol))
#endif

#ifndef __uninitialized
#define __uninitialized
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define system_dfl_wq		system_unbound_wq
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define rdmsrq_safe(msr, value)	rdmsrl_safe(msr, value)
#elif !defined(CONFIG_UML)
#include <asm/cpuid/api.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define alloc_pages_bulk_node(gfp, nid, nr, pages)	\
	alloc_pages_bulk_array_node(gfp, nid, nr, pages)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define hrtimer_setup(timer, callback, clock, mode)	\
	(hrtimer_init(timer, clock, mode), (void)((timer)->function = (callback)))
#endif

/* Names of asm/vmx.h, for the file that includes it */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#define VMX_EPT_ADVANCED_VMEXIT_INFO_BIT	BIT_ULL(22)
#define EPT_VIOLATION_PROT_READ			BIT(3)
#define EPT_VIOLATION_PROT_WRITE		BIT(4)
#define EPT_VIOLATION_PROT_EXEC			BIT(5)
#define EPT_VIOLATION_PROT_USER_EXEC		BIT(6)
#define EPT_VIOLATION_GVA_USER			BIT(9)
#define EPT_VIOLATION_GVA_WRITABLE		BIT(10)
#define EPT_VIOLATION_GVA_NX			BIT(11)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define SECONDARY_EXEC_EPT_VIOLATION_VE		VMCS_CONTROL_BIT(EPT_VIOLATION_VE)
#define vmx_basic_vmcs_mem_type(basic)	(((basic) & VMX_BASIC_MEM_TYPE_MASK) >>	\
					 VMX_BASIC_MEM_TYPE_SHIFT)
#endif

/*
 * Whether somebody holds a lock to write: the kernel only asserts that, by this bit, which a locked
 * instruction sets. With PREEMPT_RT none does, and who reads counts, too.
 */
#ifndef RWSEM_WRITER_LOCKED
#define RWSEM_WRITER_LOCKED	1UL
#endif
#ifdef CONFIG_PREEMPT_RT
#define ept_rwsem_is_written(lock)	rwsem_is_locked(lock)
#elif !defined(ept_rwsem_is_written)
#define ept_rwsem_is_written(lock)	\
	(atomic_long_read(&(lock)->count) & RWSEM_WRITER_LOCKED)
#endif

/* KUnit gave a case no memory of a process. */
#define EPT_KUNIT_HAS_PROCESS	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0))
#if !EPT_KUNIT_HAS_PROCESS
#define kunit_vm_mmap(...)	0UL
#endif

/* Who waited for userfaultfd waited until the page was there, or the process killed. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define FOLL_INTERRUPTIBLE	0
#endif

/* There was an argument for what nobody asked for. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define ept_get_user_pages(mm, start, nr, flags, pages, locked)		\
	get_user_pages_remote(mm, start, nr, flags, pages, locked)
#define ept_pin_user_pages(mm, start, nr, flags, pages, locked)		\
	pin_user_pages_remote(mm, start, nr, flags, pages, locked)
#else
#define ept_get_user_pages(mm, start, nr, flags, pages, locked)		\
	get_user_pages_remote(mm, start, nr, flags, pages, NULL, locked)
#define ept_pin_user_pages(mm, start, nr, flags, pages, locked)		\
	pin_user_pages_remote(mm, start, nr, flags, pages, NULL, locked)
#endif

#endif /* _EPT_COMPAT_H */
