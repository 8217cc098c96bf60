/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ept: Intel Extended Page Tables for other modules. This is the one header that a client includes,
 * and the manual.
 *
 * The architecture is that of Intel's Software Developer's Manual, volume 3, chapters "VMX Support
 * for Address Translation" (entries, the EPTP, violations and misconfigurations, accessed and dirty
 * flags, the guidelines for INVEPT), "VMX Capability Reporting Facility", and the section "INVEPT"
 * of the VMX instruction reference.
 */
#ifndef _EPT_CORE_H
#define _EPT_CORE_H

#include <linux/bits.h>
#include <linux/types.h>

struct ept;
struct lockdep_map;
struct page;
struct seq_file;

/**
 * DOC: EPT language
 *
 * ===========  ================================================================================
 * gpa, hpa     guest-physical and host-physical address
 * entry        8 bytes of a table
 * leaf         an entry that maps memory
 * table        512 entries in a page of their own; also an entry that points to one
 * hole         an entry that maps nothing and points nowhere
 * level        of an entry, named by the size that it spans: %EPT_4K to %EPT_256T
 * covered      an entry that lies wholly inside the range of a request
 * straddling   an entry that the edge of the range cuts
 * run          neighbouring covered entries of one table
 * link         make a table reachable; unlink: unreachable
 * ===========  ================================================================================
 *
 * Intel names the entries of the five levels PTE, PDE, PDPTE, PML4E and PML5E.
 *
 * All addresses and sizes are bytes. Ranges are half-open, [gpa, gpa + size), and their addresses
 * and sizes are multiples of 4K unless a function says otherwise. A range that is misaligned or
 * empty is -EINVAL, one that is beyond or overflows -ERANGE, to every function that takes one; a
 * range that ends at the guest's address width is fine.
 */

/**
 * DOC: EPT errors
 *
 * One meaning each, and on any error nothing has changed. Where several apply, the first of this
 * list is returned.
 *
 * ============  ===============================================================================
 * -EINVAL       an argument that is never legal: misaligned, size 0, NULL, write without
 *               read, an unknown bit, a tag above 31, a gather of another table
 * -ERANGE       beyond the guest's address width (2^48 bytes with 4 levels, 2^57 with 5),
 *               beyond the configured MAXPHYADDR, or a range that overflows
 * -EOPNOTSUPP   legal, but this table's configuration lacks it
 * -EAGAIN       the client's number has changed: look again (ept_map_if(), ept_install(),
 *               ept_fill_pages(), ept_grant())
 * -EEXIST       something is mapped there
 * -ENOENT       nothing is mapped there
 * -ENOMEM       no memory for tables, or the reserve of an atomic table is short
 * ============  ===============================================================================
 *
 * -EFAULT and -EIO are verdicts of ept_translate(), -EUCLEAN one of ept_check(); -ENODEV and -EPERM
 * come from the functions that ask the CPU.
 */

/**
 * DOC: EPT locking
 *
 * - Readers (ept_lookup(), ept_translate(), ept_explain(), ept_for_each_mapping(),
 *   ept_cursor_next(), ept_dump(), ept_get_stats(), ept_age()) are RCU sections inside, and run in
 *   any context, against any writer. Each entry is read once; a reader sees it as it was before or
 *   after a change, never torn.
 * - ept_map() and ept_map_if() of one leaf (4K, 2M or 1G, the fault path) run in parallel with each
 *   other: of two callers that map the same page, one gets 0 and the other -EEXIST. They write no
 *   word that another CPU writes, but for the table that the leaf goes into.
 * - Every other function that changes a table, and ept_check(), excludes the others, and one-leaf
 *   maps, inside the library, by a lock that may sleep.
 * - Long ones pause: ept_harvest() and its short forms, ept_merge(), ept_protect() where no leaf
 *   could become illegal by it, ept_set_memtype(), ept_set_tag(), ept_set_attrs(). One-leaf maps
 *   that wait come in after 16 tables, or 32 leaves of 1G: some dozen microseconds, fifty where
 *   tables are in no cache, up to a hundred where each of these leaves is to be reported, and
 *   a thread's waking. A pause lasts until those have been in that waited when it began, or for 16
 *   sleeps of 20 microseconds where the system doesn't run who is first in the queue; other changes
 *   wait until the long one is over, and lend it no priority. A leaf that comes so into the range
 *   may or may not be among what was asked for. A change doesn't pause where its range begins or
 *   ends inside of a hole or a leaf of 2M or more, nor where large leaves have to become small.
 * - What is all or nothing for a reason that lies in each leaf has the table for itself until it is
 *   over, and one-leaf maps wait: ept_map() and its kin of several leaves, ept_remap(),
 *   ept_redirect(), ept_split(), ept_protect() where leaves are judged; ept_unmap_report() and
 *   ept_zap() that report; ept_check(), as sums are those of one moment. They take 0.3 to 6 ns for
 *   each entry that they look at, and a callback's time. Who can't wait so long calls by parts.
 *   ept_unmap() looks at no entry of a table that goes whole.
 * - With %EPT_CONFIG_EXTERNAL_LOCK the client excludes from each other: all functions that change
 *   the table, the harvests, also where they peek, and ept_check(). One-leaf maps need only be
 *   excluded from the others, as by a lock held shared, but on an atomic table from each other,
 *   too. It may register its lock with ept_set_external_lock(), and lockdep then checks that it is
 *   held. No lock is needed for readers, ept_reserve(), ept_flush(), ept_vcpu_load() and
 *   ept_vcpu_put(), nor to flush, free and splice gathers, but for those that ept_merge_gather()
 *   was given.
 * - A gather is one thread's at a time.
 * - Nothing waits for memory while the library's lock is held, so that a client may change the
 *   table from a shrinker, or from an mmu notifier that may block. In a notifier nothing may wait
 *   for reclaim, and what takes tables, as unmapping a part of a large leaf does, must not ask for
 *   it: put memalloc_noreclaim_save() and memalloc_noreclaim_restore() around the call. Tables then
 *   come from ept_reserve() first, and callers that may wait leave it alone.
 * - No callback of the client runs under the library's lock, but for &ept_gone_fn.
 * - Reclaim may not create or destroy a table. "Any context" below excludes non-maskable
 *   interrupts, but for what "EPT in VMX root" says.
 */

/**
 * DOC: EPT flushing
 *
 * A CPU may keep what it read from a table until it runs INVEPT (manual, "Guidelines for Use of the
 * INVEPT Instruction"). Mapping what was a hole and adding rights need no INVEPT; a CPU that still
 * has the lesser rights may fault once more, on an access that ept_translate() allows: resume the
 * guest. Everything else that a guest could notice does, and functions that may cause it take a
 * gather:
 *
 * - With a gather, the function never flushes. What it changed is owed from its return on, and the
 *   tables that it unlinked are left in the gather. ept_gather_flush() invalidates, once, and only
 *   then frees these tables. One gather may serve many calls on one table.
 * - With NULL, the function flushes before it returns.
 * - When a flush returns, no CPU can use what any call that returned before it was asked to take
 *   away, whoever took it, and in whichever gather. Two mmu notifiers that overlap rest on this:
 *   the second finds a hole, flushes, and may let the page go. ept_map() never waits for a flush:
 *   where a page was just unmapped, a CPU may use the old one until the flush.
 * - A flush with nothing owed on the table costs nothing and announces nothing, also where another
 *   one has just covered what this gather's calls owed.
 * - Memory that was unmapped or replaced may be put to other use once the flush is done, not
 *   before.
 * - A client that changes an atomic table where it cannot flush passes a gather, and flushes that
 *   later, when it has dropped its lock.
 *
 * A flush is the client's &ept_ops.invalidate where there is one. Otherwise it is the library's: it
 * works with the CPUs between ept_vcpu_load() and ept_vcpu_put(), and interrupts these alone; all
 * others catch up in their next ept_vcpu_load(). If one of them cannot run INVEPT, as it left VMX
 * operation between the two, there is a warning once, what was owed stays owed, whatever the call
 * returns, and tables that it may walk stay until ept_destroy().
 *
 * One invalidation may serve several tables: ept_gather_flush_all() for the library's own; a client
 * with a way of its own invalidates all, and then calls ept_gather_free() for each gather.
 *
 * The module never executes VMXON or VMXOFF and never writes an MSR or CR4.
 */

/**
 * DOC: EPT in VMX root
 *
 * The exit handler of a thin hypervisor, whose guest is the running kernel, may come amid any code
 * of that kernel, and is to it what a non-maskable interrupt is. On a table with
 * %EPT_CONFIG_ATOMIC it may call what follows, with changes excluded by a lock of the client's own.
 * What the system itself calls (ept_map_host(), ept_host_memory_event(), ept_merge()) holds that
 * lock with exits possible: a handler only tries for it, and needs another way on where that fails,
 * also on the CPU that holds it; samples/thinvmm has one.
 *
 * - the functions that change the table and take a gather, with one, but for ept_merge_gather(),
 *   whose flags are collected where changes are excluded and memory is freed; ept_map() and
 *   ept_map_if(). They take no lock, draw tables from the reserve without one, call neither
 *   allocator nor RCU, and record no event. ept_reserved() tells when to have a worker call
 *   ept_reserve();
 * - ept_gather_init(), ept_gather_splice() and ept_gather_defer(). Flushing and freeing are for
 *   later, in a normal context: ept_reap() has each CPU invalidate, and gives back the tables that
 *   were deferred. A client whose CPUs run ept_invept_context() for themselves, on their way back
 *   to the guest, keeps the gather instead, and calls ept_gather_free() when each has;
 * - all readers. On an atomic table they, too, don't call RCU, which may have been interrupted, and
 *   doesn't watch where the exit came from the idle loop. So the client sees to it that a CPU
 *   invalidates when it isn't in the handler, or has left it: tables are freed after that;
 * - what says "Context: Any" and has nothing to do with a lock: ept_violation_decode(),
 *   ept_invept_context(), ept_pointer(), ept_tables_for(), ept_mtrr_type(); ept_map_host_leaf(),
 *   as ept_map().
 *
 * The capabilities are read before a hypervisor hides VMX from the kernel, ept_caps_read()
 * included.
 */

/**
 * DOC: EPT beside others
 *
 * Tables are memory of this kernel: they need nothing when CPUs, the system's sleep or other
 * hypervisors come and go. A CPU in VMX operation does, and that is the client's:
 *
 * - A CPU that goes offline, and each when the system sleeps or hibernates, leaves VMX operation
 *   before: in it a CPU doesn't hear of INIT. Between ept_vcpu_load() and ept_vcpu_put() none goes,
 *   as preemption is off. A CPU that comes back catches up in its next load; one that invalidates
 *   for itself runs ept_invept_global() first, as neither VMXOFF nor VMXON drops what was cached.
 *   cpuhp_setup_state() has callbacks for that, but for the CPU that sleeps last, whose are
 *   syscore operations.
 * - Before the next kernel starts, by kexec or a reboot, all CPUs leave VMX operation, and a thin
 *   hypervisor its guest (register_reboot_notifier()). No table has to be destroyed: the next
 *   kernel takes the memory. Nor does a dump kernel start with VMX on: a kernel that crashes calls
 *   whom cpu_emergency_register_virt_callback() knows, one client, or KVM; from 7.2 on it leaves
 *   VMX operation itself.
 * - A client that is in VMX operation only while interrupts are off needs none of this, nor
 *   anything of Linux to turn VMX on: samples/vmx.c.
 * - CR4.VMXE set says that VMX is someone's: KVM's, from 6.12 on as soon as it is loaded. Then
 *   VMXON fails. A client may run its guest between VMPTRST and VMPTRLD of the other's VMCS, with
 *   interrupts off. Tables don't mind, nor does INVEPT.
 * - Where there is no VMX, as on AMD's CPUs, tables are built from an explicit &struct ept_config;
 *   ept_caps_read() is -ENODEV there, and ept_vcpu_load(), which would run INVEPT, too.
 * - Several clients have tables of their own, and nothing in common. While one is loaded, ept.ko
 *   can't be unloaded.
 */

/**
 * enum ept_level - what an entry spans
 * @EPT_4K: 4 KiB, a PTE
 * @EPT_2M: 2 MiB, a PDE
 * @EPT_1G: 1 GiB, a PDPTE
 * @EPT_512G: 512 GiB, a PML4E, never a leaf
 * @EPT_256T: 256 TiB, a PML5E, never a leaf
 */
enum ept_level {
	EPT_4K,
	EPT_2M,
	EPT_1G,
	EPT_512G,
	EPT_256T,
};

/* Levels that have leaves, and levels that a walk may have */
#define EPT_LEAF_LEVELS	3
#define EPT_MAX_LEVELS	5

/**
 * enum ept_memtype - memory type, in Intel's encoding
 * @EPT_MT_UC: uncacheable
 * @EPT_MT_WC: write combining
 * @EPT_MT_WT: write-through
 * @EPT_MT_WP: write-protected
 * @EPT_MT_WB: write-back
 */
enum ept_memtype {
	EPT_MT_UC = 0,
	EPT_MT_WC = 1,
	EPT_MT_WT = 4,
	EPT_MT_WP = 5,
	EPT_MT_WB = 6,
};

/* Mapped, but every access faults; the address is kept, and cannot be read through L1TF */
#define EPT_PROT_NONE		0
#define EPT_PROT_READ		BIT(0)
/* Never legal without EPT_PROT_READ */
#define EPT_PROT_WRITE		BIT(1)
/* Supervisor-mode fetches where the table has mode-based execute, all fetches elsewhere */
#define EPT_PROT_EXEC		BIT(2)
/* User-mode fetches. Without mode-based execute: nothing beside EPT_PROT_EXEC, -EOPNOTSUPP else */
#define EPT_PROT_UEXEC		BIT(3)

/* The memory type is EPT's alone, whatever the guest's PAT says */
#define EPT_ATTR_IGNORE_PAT	BIT(0)
/* A violation exits, and is not turned into #VE; EPT_FEATURE_VE */
#define EPT_ATTR_SUPPRESS_VE	BIT(1)
/* Sub-page write permissions apply; makes 4K leaves; EPT_FEATURE_SUBPAGE */
#define EPT_ATTR_SUBPAGE	BIT(2)
/* The CPU may set accessed and dirty of guest paging structures here; EPT_FEATURE_PAGING_WRITE */
#define EPT_ATTR_PAGING_WRITE	BIT(3)
/* Guest-paging verification; EPT_FEATURE_VERIFY_PAGING */
#define EPT_ATTR_VERIFY_PAGING	BIT(4)
/* Supervisor shadow-stack page; EPT_FEATURE_SUPER_SHADOW */
#define EPT_ATTR_SUPER_SHADOW	BIT(5)

#define EPT_TAG_MAX	31

/**
 * struct ept_attrs - what a mapping is like, beside its addresses
 * @prot: EPT_PROT_* bits
 * @memtype: memory type
 * @flags: EPT_ATTR_* bits
 * @tag: 0 to %EPT_TAG_MAX; the client's own, kept and otherwise ignored
 */
struct ept_attrs {
	u32			prot;
	enum ept_memtype	memtype;
	u32			flags;
	u8			tag;
};

/* Compound literals: usable as initialisers and behind &. */
#define EPT_ATTRS_RAM							\
	((struct ept_attrs){						\
		.prot = EPT_PROT_READ | EPT_PROT_WRITE |		\
			EPT_PROT_EXEC | EPT_PROT_UEXEC,			\
		.memtype = EPT_MT_WB,					\
	})
#define EPT_ATTRS_DEVICE						\
	((struct ept_attrs){						\
		.prot = EPT_PROT_READ | EPT_PROT_WRITE,			\
		.memtype = EPT_MT_UC,					\
	})

/*
 * What the VMCS and the EPTP turn on for a table. The client sets the VMCS controls to match:
 * ept_secondary_controls(), ept_tertiary_controls().
 *
 * Accessed and dirty flags have a price: with them on, a CPU's walk of the guest's page tables
 * counts as writing to these, whether it sets a flag there or not. A guest whose page tables lie in
 * memory that isn't writable (a ROM, pages that are write-protected to watch them) then faults in
 * its walk, &ept_violation.page_walk, for as long as that memory stays so. The ways out: a table
 * without this feature, where such a walk only reads; %EPT_FEATURE_PAGING_WRITE, and
 * %EPT_ATTR_PAGING_WRITE on that memory; to give write there, and watch otherwise; or to carry out
 * the walk for the guest.
 */
#define EPT_FEATURE_AD			BIT(0)	/* accessed and dirty: EPTP bit 6 */
#define EPT_FEATURE_EXEC_ONLY		BIT(1)	/* execute without read */
#define EPT_FEATURE_MODE_EXEC		BIT(2)	/* mode-based execute: secondary control 22 */
#define EPT_FEATURE_VE			BIT(3)	/* secondary control 18; holes suppress #VE */
#define EPT_FEATURE_PAGING_WRITE	BIT(4)	/* tertiary control 2 */
#define EPT_FEATURE_VERIFY_PAGING	BIT(5)	/* tertiary control 3 */
#define EPT_FEATURE_SUPER_SHADOW	BIT(6)	/* EPTP bit 7 */
#define EPT_FEATURE_SUBPAGE		BIT(7)	/* secondary control 23 */

/* The client excludes the functions that change the table from each other. */
#define EPT_CONFIG_EXTERNAL_LOCK	BIT(0)
/* Nothing sleeps or allocates outside the reserve; implies EPT_CONFIG_EXTERNAL_LOCK. */
#define EPT_CONFIG_ATOMIC		BIT(1)
/*
 * Executable memory gets 4K leaves only. With &ept_caps.itlb_multihit (CVE-2018-12207) a guest that
 * may execute from large leaves can stop the machine.
 */
#define EPT_CONFIG_NO_EXEC_LARGE	BIT(2)

/**
 * struct ept_ops - what a client may do in the module's place
 * @invalidate: Returns when no CPU holds a translation or table pointer of @ept that was cached
 *	before the call. NULL: the module's own, for clients of ept_vcpu_load(); with one of its own
 *	a client needs neither that nor ept_vcpu_put(). Called in the context of the flushing call,
 *	with no lock of the module held, but the client's own where that holds one: who spins for it
 *	with interrupts off is not to be waited for. Called once by ept_destroy(), too, as another
 *	table may get the root's address, and may do nothing then where no CPU runs any more. May
 *	sleep unless %EPT_CONFIG_ATOMIC; may change other tables, but not @ept. Two flushes, also of
 *	one table, may be in it at once. @cookie is &ept_config.cookie.
 */
struct ept_ops {
	void (*invalidate)(struct ept *ept, void *cookie);
};

/**
 * struct ept_config - what a table is made for
 * @name: copied; the name of its debugfs directory. NULL or empty: the module picks one, "ept" and
 *	8 hexadecimal digits; taken, "caps", or like one that the module picks: it adds a suffix, a
 *	dash and such digits. -EINVAL is a name with a '/', or one that is '.' or '..' or longer
 *	than 64 characters.
 * @levels: 4 or 5
 * @max_leaf: the largest leaf: %EPT_4K, %EPT_2M or %EPT_1G
 * @maxphyaddr: width of host-physical addresses in bits, 32 to 52
 * @features: EPT_FEATURE_* bits
 * @flags: EPT_CONFIG_* bits
 * @table_memtype: how the CPU reads the tables (EPTP bits 2:0): %EPT_MT_WB or %EPT_MT_UC
 * @nid: NUMA node of the tables, or %NUMA_NO_NODE; one that is not online is -EINVAL
 * @ops: NULL, or what the client does itself; must outlive the table
 * @cookie: passed to @ops
 *
 * Fill it with ept_config_from_caps(), or set every field.
 */
struct ept_config {
	const char		*name;
	unsigned int		levels;
	enum ept_level		max_leaf;
	unsigned int		maxphyaddr;
	u32			features;
	u32			flags;
	enum ept_memtype	table_memtype;
	int			nid;
	const struct ept_ops	*ops;
	void			*cookie;
};

/* Which values of struct ept_msrs are known. */
#define EPT_MSR_FEATURE_CONTROL		BIT(0)
#define EPT_MSR_BASIC			BIT(1)
#define EPT_MSR_PROCBASED		BIT(2)
#define EPT_MSR_TRUE_PROCBASED		BIT(3)
#define EPT_MSR_PROCBASED2		BIT(4)
#define EPT_MSR_PROCBASED3		BIT(5)
#define EPT_MSR_EPT_VPID_CAP		BIT(6)
#define EPT_MSR_VMFUNC			BIT(7)
#define EPT_MSR_MAXPHYADDR		BIT(8)

/**
 * struct ept_msrs - what the capabilities are decoded from, as literal values
 * @valid: EPT_MSR_* bits: which of the values below are known. An MSR that the CPU refuses to read
 *	is not.
 * @vmx: CPUID.1:ECX[5]
 * @signature: CPUID.1:EAX, family, model and stepping; 0 where unknown
 * @maxphyaddr: CPUID.80000008H:EAX[7:0]
 * @feature_control: IA32_FEATURE_CONTROL, 0x3A
 * @basic: IA32_VMX_BASIC, 0x480
 * @procbased: IA32_VMX_PROCBASED_CTLS, 0x482
 * @true_procbased: IA32_VMX_TRUE_PROCBASED_CTLS, 0x48E
 * @procbased2: IA32_VMX_PROCBASED_CTLS2, 0x48B
 * @procbased3: IA32_VMX_PROCBASED_CTLS3, 0x492
 * @ept_vpid_cap: IA32_VMX_EPT_VPID_CAP, 0x48C
 * @vmfunc: IA32_VMX_VMFUNC, 0x491
 * @itlb_multihit: &ept_caps.itlb_multihit; no MSR tells it for each CPU that has the bug, Linux
 *	knows them; false where unknown
 */
struct ept_msrs {
	u32	valid;
	bool	vmx;
	u32	signature;
	u8	maxphyaddr;
	u64	feature_control;
	u64	basic;
	u64	procbased;
	u64	true_procbased;
	u64	procbased2;
	u64	procbased3;
	u64	ept_vpid_cap;
	u64	vmfunc;
	bool	itlb_multihit;
};

/**
 * struct ept_caps - what a CPU offers for EPT
 * @msrs: the raw values
 * @maxphyaddr: width of physical addresses, bits
 * @exec_only: execute without read
 * @levels_4: walk of 4 levels
 * @levels_5: walk of 5 levels
 * @table_uc: uncacheable tables
 * @table_wb: write-back tables
 * @leaf_2m: 2M leaves
 * @leaf_1g: 1G leaves
 * @accessed_dirty: accessed and dirty flags; false where an erratum forbids their use (AVR41)
 * @advanced_info: advanced information on violations: qualification bits 11:9
 * @super_shadow: supervisor shadow-stack control, EPTP bit 7
 * @invept: the INVEPT instruction
 * @invept_context: INVEPT of a single context
 * @invept_global: INVEPT of all contexts
 * @invvpid: the INVVPID instruction
 * @invvpid_address: INVVPID of an address
 * @invvpid_context: INVVPID of a single context
 * @invvpid_all: INVVPID of all contexts
 * @invvpid_retain_global: INVVPID of a single context that keeps global translations
 * @hlat_prefix_max: largest HLAT prefix size
 * @vpid: secondary control 5, virtual-processor identifiers
 * @unrestricted_guest: secondary control 7
 * @vmfunc: secondary control 13, VM functions
 * @pml: secondary control 17, page-modification logging
 * @ve: secondary control 18, EPT-violation #VE
 * @mode_exec: secondary control 22, mode-based execute
 * @subpage: secondary control 23, sub-page write permissions
 * @hlat: tertiary control 1
 * @paging_write: tertiary control 2, EPT paging-write
 * @verify_paging: tertiary control 3, guest-paging verification
 * @ipi_virtualization: tertiary control 4
 * @eptp_switching: VM function 0
 * @true_controls: the TRUE_* capability MSRs exist
 * @cr3_exits_optional: exits on CR3 accesses and INVLPG can be turned off, as a guest with EPT
 *	wants
 * @vmcs_memtype: memory type of VMCS regions and structures they point to
 * @itlb_multihit: Linux counts this CPU to those with the iTLB multihit bug, and wasn't booted with
 *	mitigations=off
 */
struct ept_caps {
	struct ept_msrs	msrs;
	unsigned int	maxphyaddr;
	bool		exec_only;
	bool		levels_4;
	bool		levels_5;
	bool		table_uc;
	bool		table_wb;
	bool		leaf_2m;
	bool		leaf_1g;
	bool		accessed_dirty;
	bool		advanced_info;
	bool		super_shadow;
	bool		invept;
	bool		invept_context;
	bool		invept_global;
	bool		invvpid;
	bool		invvpid_address;
	bool		invvpid_context;
	bool		invvpid_all;
	bool		invvpid_retain_global;
	u8		hlat_prefix_max;
	bool		vpid;
	bool		unrestricted_guest;
	bool		vmfunc;
	bool		pml;
	bool		ve;
	bool		mode_exec;
	bool		subpage;
	bool		hlat;
	bool		paging_write;
	bool		verify_paging;
	bool		ipi_virtualization;
	bool		eptp_switching;
	bool		true_controls;
	bool		cr3_exits_optional;
	u8		vmcs_memtype;
	bool		itlb_multihit;
};

/**
 * struct ept_mapping - a leaf, or neighbouring alike leaves merged
 * @gpa: where it begins for the guest
 * @hpa: where it begins for the host
 * @size: bytes
 * @level: of the leaf or leaves
 * @attrs: as asked for; %EPT_PROT_UEXEC is dropped where the table has no mode-based execute
 * @accessed: a CPU used it (always false without %EPT_FEATURE_AD)
 * @dirty: a CPU wrote to it (always false without %EPT_FEATURE_AD)
 */
struct ept_mapping {
	u64			gpa;
	phys_addr_t		hpa;
	u64			size;
	enum ept_level		level;
	struct ept_attrs	attrs;
	bool			accessed;
	bool			dirty;
};

/**
 * struct ept_stats - what a table consists of, and what happened to it
 * @leaves: by level, %EPT_4K to %EPT_1G, those with %EPT_PROT_NONE included
 * @tables: by level of the entries in them; the root is in tables[levels - 1]
 * @reserved: tables set aside by ept_reserve()
 * @splits: leaves split since creation
 * @merges: leaves made by ept_merge() since creation
 * @flushes: invalidations announced since creation
 * @interrupts: CPUs interrupted to flush since creation
 */
struct ept_stats {
	u64	leaves[EPT_LEAF_LEVELS];
	u64	tables[EPT_MAX_LEVELS];
	u64	reserved;
	u64	splits;
	u64	merges;
	u64	flushes;
	u64	interrupts;
};

/**
 * struct ept_violation - an EPT violation's exit qualification, decoded
 * @read: the access read; set for each write, as a read-modify-write may be reported as a write
 *	alone
 * @write: the access wrote
 * @exec: the access fetched an instruction
 * @prot: what the entries allowed, EPT_PROT_* bits; %EPT_PROT_UEXEC only on a CPU with mode-based
 *	execute, and meaningless where the VMCS doesn't enable it
 * @gla_valid: the guest-linear address field is valid
 * @page_walk: the access was to a guest paging structure; false without @gla_valid. With
 *	%EPT_FEATURE_AD it counts as a write, also where the walk would only have read: then no
 *	other right will do, see there
 * @nmi_unblocking: an IRET had unblocked NMIs
 * @shadow_stack: a shadow-stack access
 * @advanced: the three below are valid: the CPU has &ept_caps.advanced_info, and the access was to
 *	the page that @gla_valid and not @page_walk stand for
 * @user: the linear address is a user-mode address
 * @writable: the guest's paging allows to write there
 * @no_exec: the guest's paging forbids to execute there
 * @access: @read, @write and @exec as EPT_PROT_* bits, for ept_translate(); a fetch is
 *	%EPT_PROT_UEXEC where @user says so, without @advanced where @prot has %EPT_PROT_EXEC alone
 */
struct ept_violation {
	bool	read;
	bool	write;
	bool	exec;
	u32	prot;
	bool	gla_valid;
	bool	page_walk;
	bool	nmi_unblocking;
	bool	shadow_stack;
	bool	advanced;
	bool	user;
	bool	writable;
	bool	no_exec;
	u32	access;
};

/* &ept_ve_info.reason: the exit reason that a #VE comes in the place of */
#define EPT_VE_REASON	48
/* &ept_ve_info.busy, as a CPU leaves it */
#define EPT_VE_BUSY	0xffffffff

/**
 * struct ept_ve_info - the virtualization-exception information area, as a CPU fills it in
 * @reason: %EPT_VE_REASON
 * @busy: %EPT_VE_BUSY: the rest is valid, and the next violation exits; the guest's handler writes
 *	0 when it is done, and only then the next one may become a #VE
 * @qualification: as the exit qualification of an EPT violation, for ept_ve_decode()
 * @gla: guest-linear address, valid with &ept_violation.gla_valid
 * @gpa: guest-physical address
 * @eptp_index: which entry of the EPTP list was in use
 *
 * At the beginning of a 4K page; VMCS field 0x202A has its host-physical address. The manual's
 * section "Virtualization-Exception Information".
 */
struct ept_ve_info {
	u32	reason;
	u32	busy;
	u64	qualification;
	u64	gla;
	u64	gpa;
	u16	eptp_index;
};

/* EPTP list, a 4K page at VMCS field 0x2024: this many EPTPs, 0 where there is none */
#define EPT_POINTER_LIST_NR	512

/*
 * Page-modification log, a 4K page at VMCS field 0x200E: this many guest-physical addresses, filled
 * from the last one down. The PML index, field 0x0812, starts at EPT_PML_START and names the next
 * to be written: those above it are valid; in 16 bits, beyond EPT_PML_START means that all are.
 */
#define EPT_PML_NR		512
#define EPT_PML_START		(EPT_PML_NR - 1)

/**
 * struct ept_explanation - what a CPU finds on its way to a gpa
 * @nr: entries looked at, from the root down
 * @step: these entries
 * @step.level: what the entry spans
 * @step.address: host-physical address of the entry
 * @step.entry: its raw value
 * @step.leaf: it maps memory
 * @step.why: NULL, or what makes this entry end the walk without a translation
 * @verdict: as ept_translate() for a read
 */
struct ept_explanation {
	unsigned int nr;
	struct {
		enum ept_level	level;
		phys_addr_t	address;
		u64		entry;
		bool		leaf;
		const char	*why;
	} step[EPT_MAX_LEVELS];
	int verdict;
};

/**
 * struct ept_check_report - what ept_check() saw
 * @entries: entries looked at
 * @tables: tables looked at
 * @error: 0, or -EUCLEAN
 * @gpa: where the first fault is
 * @level: the faulty entry's level
 * @entry: its raw value
 * @why: NULL, or what is wrong with it
 */
struct ept_check_report {
	u64		entries;
	u64		tables;
	int		error;
	u64		gpa;
	enum ept_level	level;
	u64		entry;
	const char	*why;
};

/**
 * struct ept_gather - what changes owe to a flush; opaque, and stays where it is from its init to
 *	the end of what it has
 * @ept: the table that it belongs to
 * @dead: unlinked tables, not yet freed
 * @merged: unlinked tables in which CPUs may set flags of the leaves that replaced them
 * @node: among the table's gathers with such tables
 * @change: the last change that was made with it, and asks for a flush
 * @owes: the call under way asks for one
 */
struct ept_gather {
	struct ept		*ept;
	struct page		*dead;
	struct page		*merged;
	struct list_head	node;
	u64			change;
	bool			owes;
};

/**
 * struct ept_range - a part of the guest's addresses
 * @gpa: where it begins
 * @size: bytes
 */
struct ept_range {
	u64	gpa;
	u64	size;
};

/**
 * struct ept_harvest - what ept_harvest() collects, and where to
 * @accessed: accessed flags, instead of dirty ones
 * @peek: leave the flags as they are
 * @bitmap: a bit is or-ed for each page that has the flag; others stay. Not atomically: nobody else
 *	writes to these words meanwhile. NULL: the flags are only cleared
 * @first: the bit of the range's first page
 */
struct ept_harvest {
	bool		accessed;
	bool		peek;
	unsigned long	*bitmap;
	u64		first;
};

/**
 * struct ept_cursor - where a visit is; on the caller's stack
 * @ept: the table
 * @gpa: what comes next
 * @end: where the range ends
 */
struct ept_cursor {
	struct ept	*ept;
	u64		gpa;
	u64		end;
};

/* In a client, once, after linux/module.h: the exported symbols are in this namespace. */
#define EPT_IMPORT_NS	MODULE_INFO(import_ns, "EPT")

/*
 * Capabilities and configuration
 */

/**
 * ept_caps_read() - ask this CPU what it offers
 * @caps: filled in
 *
 * Reads CPUID and MSRs with the safe accessors; writes nothing. A VMM that hides VMX from the
 * running system reads them before.
 *
 * Context: Any. The caller stays on one CPU where CPUs differ.
 * Return: 0, -EINVAL for NULL, -ENODEV where the CPU has no VMX, -EPERM where firmware locked VMX
 *	off, -EOPNOTSUPP where VMX has no EPT. @caps is zeroed on an error.
 */
int ept_caps_read(struct ept_caps *caps);

/**
 * ept_caps_decode() - ept_caps_read() from literal values
 * @msrs: the values
 * @caps: filled in
 *
 * The manual's appendix "VMX Capability Reporting Facility". VMX takes the values basic and
 * procbased, EPT also procbased2 and ept_vpid_cap: where one of them isn't valid, there is none.
 * Without feature_control VMX counts as not locked off, without maxphyaddr that is 36.
 *
 * Context: Any.
 * Return: as ept_caps_read(); -EINVAL also where @msrs is NULL.
 */
int ept_caps_decode(const struct ept_msrs *msrs, struct ept_caps *caps);

/**
 * ept_config_from_caps() - the configuration that most clients want
 * @config: filled in
 * @caps: from ept_caps_read() or ept_caps_decode()
 *
 * 4 levels (a map of a host that has something beyond 2^48 wants 5), and as far as offered: the
 * largest leaf, accessed and dirty flags, execute-only,
 * write-back tables. All other features are off; no name, no ops, %NUMA_NO_NODE. With NULL for
 * either, nothing is done.
 *
 * No flags, but %EPT_CONFIG_NO_EXEC_LARGE with &ept_caps.itlb_multihit, so that a guest cannot stop
 * the machine. It makes memory that a guest may execute from 4K leaves, which takes a table for
 * each 2M of it; a client that trusts its guest, or whose guest is the running system, clears it.
 * A guest with page tables in memory that it may not write to wants %EPT_FEATURE_AD cleared, see
 * there.
 *
 * Context: Any.
 */
void ept_config_from_caps(struct ept_config *config, const struct ept_caps *caps);

/**
 * ept_config_check() - whether ept_create() would take a configuration, and a CPU run it
 * @config: to be checked
 * @caps: the CPU, or NULL to check against the architecture alone, as ept_create() does
 *
 * A CPU that cannot run INVEPT, or neither type of it, can run no configuration: it could never be
 * told of a change.
 *
 * Context: Any.
 * Return: 0, -EINVAL for NULL and for what is never legal, -EOPNOTSUPP for what @caps lack.
 */
int ept_config_check(const struct ept_config *config, const struct ept_caps *caps);

/**
 * ept_secondary_controls() - the secondary controls that a table wants set
 * @config: its configuration
 *
 * EPT itself, and what the features ask for: mode-based execute, #VE, sub-page permissions. The
 * client or-s its own to them, and turns primary control 31 on; VMCS field 0x401E. The manual's
 * section "Processor-Based VM-Execution Controls".
 *
 * Context: Any.
 * Return: the bits, 0 for NULL.
 */
u32 ept_secondary_controls(const struct ept_config *config);

/**
 * ept_tertiary_controls() - the tertiary controls that a table wants set
 * @config: its configuration
 *
 * EPT paging-write and guest-paging verification. Where that isn't 0, the client also turns primary
 * control 17 on; VMCS field 0x2034.
 *
 * Context: Any.
 * Return: the bits, 0 for NULL.
 */
u64 ept_tertiary_controls(const struct ept_config *config);

/*
 * Life cycle
 */

/**
 * ept_create() - make an empty table
 * @config: what for; NULL: ept_config_from_caps() of this CPU. An explicit configuration works on
 *	any CPU, so that tables can be built and tested anywhere.
 *
 * Context: Process; may sleep.
 * Return: the table, or an ERR_PTR(): -EINVAL, -ENOMEM, and with NULL what ept_caps_read() returns,
 *	and ept_config_check() for these capabilities.
 */
struct ept *ept_create(const struct ept_config *config);

/**
 * ept_destroy() - free a table
 * @ept: NULL and an ERR_PTR() are fine
 *
 * No CPU uses the EPTP any more, no other call with @ept is under way, and each gather of it was
 * flushed. The memory that it maps isn't touched. Another table may get the root's address, and
 * with it what CPUs cached of this one: the client's &ept_ops.invalidate is called once more for
 * that; with the module's own, a new table starts behind on every CPU (ept_vcpu_load()). A client
 * that leaves VMX operation before, and enters it again, runs ept_invept_global() then: VMXON drops
 * nothing that was cached.
 *
 * Context: Process; may sleep.
 */
void ept_destroy(struct ept *ept);

/**
 * ept_make_atomic() - from now on the table is an atomic one
 * @ept: a table with %EPT_CONFIG_EXTERNAL_LOCK, which may be filled before at leisure
 *
 * As if it had been made with %EPT_CONFIG_ATOMIC. There is no way back.
 *
 * Context: Any, with all changes of the table excluded.
 * Return: 0, -EINVAL for NULL, -EOPNOTSUPP without %EPT_CONFIG_EXTERNAL_LOCK.
 */
int ept_make_atomic(struct ept *ept);

/**
 * ept_pointer() - the EPTP, for VMCS field 0x201A
 * @ept: a table
 *
 * The manual's section "Extended-Page-Table Pointer (EPTP)".
 *
 * Context: Any.
 * Return: the value, constant for the table's life; 0 for NULL.
 */
u64 ept_pointer(const struct ept *ept);

/**
 * ept_name() - the name of the table's debugfs directory
 * @ept: a table
 *
 * No other table has it at the same time. The directory appears a moment after ept_create().
 *
 * Context: Any.
 * Return: the name, valid until ept_destroy(); NULL for NULL.
 */
const char *ept_name(const struct ept *ept);

/**
 * ept_get_config() - what a table was made for
 * @ept: a table
 * @config: filled in; its name is ept_name()
 *
 * For layers that are handed a table: address widths, features, flags. %EPT_CONFIG_ATOMIC is set
 * after ept_make_atomic(), too.
 *
 * Context: Any.
 * Return: 0, -EINVAL for NULL.
 */
int ept_get_config(const struct ept *ept, struct ept_config *config);

void __ept_set_external_lock(struct ept *ept, struct lockdep_map *map);

/**
 * ept_set_external_lock() - tell lockdep which lock excludes the functions that change a table
 * @ept: a table with %EPT_CONFIG_EXTERNAL_LOCK
 * @lock: pointer to the client's mutex, rwsem or spinlock; must outlive the table
 *
 * On other tables, and without CONFIG_LOCKDEP, nothing is done.
 *
 * Context: Any, before the calls that the lock is to exclude; with ept_make_atomic(), after those
 *	that may sleep.
 */
#ifdef CONFIG_LOCKDEP
#define ept_set_external_lock(ept, lock)	__ept_set_external_lock(ept, &(lock)->dep_map)
#else
#define ept_set_external_lock(ept, lock)	((void)(lock), __ept_set_external_lock(ept, NULL))
#endif

/**
 * ept_reserve() - set tables aside
 * @ept: a table
 * @nr: how many are to be set aside afterwards, not how many more, so that what two callers ask for
 *	doesn't add up; 0, or fewer than there are, changes nothing
 *
 * With %EPT_CONFIG_ATOMIC every operation draws on the reserve alone. With other tables it is for
 * callers that may not wait for reclaim: those inside memalloc_noreclaim_save(), as an mmu notifier
 * or a shrinker has to be, and reclaim itself. They draw on it first; what it lacks the system may
 * have at once, or the operation is -ENOMEM. All other callers ask the system alone, and leave the
 * reserve to these. Freed tables go back to the system, not to the reserve.
 *
 * More than 64 tables, here or in any operation, are a large request: it is refused where the
 * system has less available, is given up on a fatal signal, and marks the process as the one for
 * the OOM killer to take meanwhile.
 *
 * An operation takes at most one table for each 2M, each 1G and each 512G, with 5 levels also each
 * 256T, of the guest's addresses that its range touches, so no more than size / 2M + 2 and
 * size / 1G + 2 and so on. It takes none where there is one, nor below what becomes, or stays, a
 * leaf: a map of one page takes at most levels - 1, a change of a part of a 2M leaf one.
 * ept_merge() and the harvests take none.
 *
 * Context: Process; may sleep. Needs no exclusion: operations may draw on the reserve meanwhile.
 * Return: 0, -EINVAL for NULL, -ENOMEM with the reserve as it was, also where a fatal signal is
 *	pending.
 */
int ept_reserve(struct ept *ept, unsigned int nr);

/**
 * ept_reserved() - how many tables are set aside
 * @ept: a table
 *
 * Context: Any.
 * Return: their number, which may change at once; 0 for NULL.
 */
unsigned long ept_reserved(const struct ept *ept);

/**
 * ept_tables_for() - how many tables a map takes at the most
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @largest: the largest leaf that it makes
 *
 * No change of the range takes more, whatever is there. What ept_map() takes where nothing is
 * mapped and no table is there yet; for ept_map() also what the alignment of the host's address and
 * the attributes allow decides about @largest. For @n threads that map a page each at the same time
 * it is n * ept_tables_for(ept, gpa, SZ_4K, EPT_4K).
 *
 * Context: Any.
 * Return: the number; 0 for arguments that ept_map() would refuse and a @largest above %EPT_1G.
 */
u64 ept_tables_for(const struct ept *ept, u64 gpa, u64 size, enum ept_level largest);

/**
 * ept_barrier() - wait until freed tables are back at the system
 *
 * Tables are freed after a grace period of RCU. Returns when all are back that were freed before,
 * of whichever table. For tests, and for who measures memory; nothing needs it to be correct.
 *
 * Context: Process; may sleep.
 */
void ept_barrier(void);

/*
 * Mapping
 *
 * These may sleep, unless the table has EPT_CONFIG_ATOMIC.
 */

/**
 * ept_map() - map a range that is not mapped
 * @ept: a table
 * @gpa: where for the guest, multiple of 4K
 * @hpa: what memory, multiple of 4K; neither looked at nor pinned
 * @size: bytes, multiple of 4K
 * @attrs: what the mapping is like
 *
 * Fill the memory before: a running guest may use it at once. In a fault handler, -EEXIST means
 * that something in the range is mapped. Ask ept_lookup() about the faulting address: -ENOENT, it
 * isn't that address, and a smaller leaf fits, of the size of the hole or less. If something is
 * mapped there, ask ept_translate() about the access: 0, another CPU was faster, and the guest may
 * resume; -EFAULT, what is mapped lacks the right. ept_install() of a page does all of that.
 *
 * Takes the largest leaves that the alignment of both addresses, the size, the configuration and
 * @attrs allow. Accessed and dirty start clear. Needs no flush, and has none. A range of which a
 * part is mapped is refused as a whole. The manual's section "EPT Translation Mechanism"; what is
 * legal: "EPT Misconfigurations".
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it. One leaf's worth runs in parallel
 *	with itself.
 * Return: 0, -EINVAL for a misaligned or empty range, a misaligned @hpa, NULL, or @attrs that no
 *	table can have, -ERANGE for either address with @size, -EOPNOTSUPP for @attrs that this
 *	table cannot have, -EEXIST if any of it is mapped (%EPT_PROT_NONE included), -ENOMEM.
 */
int ept_map(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs);

/**
 * ept_map_if() - map a range, unless something has changed since
 * @ept: as for ept_map()
 * @gpa: as for ept_map()
 * @hpa: as for ept_map()
 * @size: as for ept_map()
 * @attrs: as for ept_map()
 * @seq: a number of the client's, which it changes before it unmaps
 * @seen: what @seq was before the client looked the memory up
 *
 * Maps only if @seq is @seen. The look and the map are one to whoever unmaps: a client that changes
 * @seq and then calls ept_unmap() or ept_zap() finds what was mapped before, and nothing of the
 * range is mapped after with what was seen before. Who only looks then calls ept_sync_maps() first.
 * So a page that is looked up without a lock can't be mapped after it went, if the client reads
 * @seq (smp_load_acquire()) before it looks, and looks only when what was changed can't be found
 * any more: where it still can, as at the beginning of an mmu notifier's invalidation, who looks
 * has to wait until it is over. The invalidate_seq of an mmu_interval_notifier is such a number,
 * and mmu_interval_read_begin() reads it and waits.
 *
 * Context: As ept_map().
 * Return: as ept_map(), -EINVAL also for a @seq of NULL, -EAGAIN if @seq has changed.
 */
int ept_map_if(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs,
	       const unsigned long *seq, unsigned long seen);

/**
 * ept_sync_maps() - wait for maps that are under way
 * @ept: a table; NULL: nothing
 *
 * For who changes the number of ept_map_if() and then looks at the table (ept_lookup(),
 * ept_cursor_next()) before it changes that: a map that has seen the old number may be about to
 * appear. When this returns all such maps are done, and so is each change that was under way, and
 * the table has what they made. What changes a table, but maps of one leaf, waits for them by
 * itself.
 *
 * Context: As ept_unmap() with a gather.
 */
void ept_sync_maps(struct ept *ept);

/**
 * ept_map_check() - what ept_map() has against a request, whatever is mapped
 * @ept: as for ept_map()
 * @gpa: as for ept_map()
 * @hpa: as for ept_map()
 * @size: as for ept_map()
 * @attrs: as for ept_map()
 *
 * For clients that are told of memory long before they map it. Maps nothing. After 0, ept_map() and
 * its kin return none of these errors for the same arguments.
 *
 * Context: Any, NMI included.
 * Return: 0, -EINVAL, -ERANGE, -EOPNOTSUPP, as ept_map().
 */
int ept_map_check(const struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
		  const struct ept_attrs *attrs);

/**
 * ept_map_pages() - map pages that need not be contiguous
 * @ept: a table
 * @gpa: where for the guest, multiple of 4K
 * @pages: the 4K pages; none may be NULL
 * @nr: their number, not 0
 * @attrs: what the mapping is like
 *
 * As ept_map(). Contiguous, aligned pages get large leaves. Takes no reference to the pages.
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it.
 * Return: as ept_map(); -EINVAL also for @nr 0 and for a NULL among the pages, -ERANGE also for
 *	more pages than a guest can address.
 */
int ept_map_pages(struct ept *ept, u64 gpa, struct page **pages, unsigned long nr,
		  const struct ept_attrs *attrs);

/**
 * ept_fill_pages() - map pages where nothing is mapped
 * @ept: as for ept_map_pages()
 * @gpa: as for ept_map_pages()
 * @pages: as for ept_map_pages()
 * @nr: as for ept_map_pages()
 * @attrs: as for ept_map_pages()
 * @filled: @nr bits; that of each page that was mapped is or-ed, other bits stay
 * @seq: as for ept_map_if(), or NULL
 * @seen: as for ept_map_if()
 *
 * As ept_map_pages(), but what is mapped in the range stays as it is, and keeps no other page from
 * being mapped. For populating beside faults.
 *
 * Context: As ept_map_pages().
 * Return: as ept_map_pages(), -EINVAL also for a @filled of NULL, -EAGAIN if @seq has changed, and
 *	never -EEXIST.
 */
int ept_fill_pages(struct ept *ept, u64 gpa, struct page **pages, unsigned long nr,
		   const struct ept_attrs *attrs, unsigned long *filled,
		   const unsigned long *seq, unsigned long seen);

/**
 * ept_remap() - map a range, whatever was there
 * @ept: a table
 * @gpa: as for ept_map()
 * @hpa: as for ept_map()
 * @size: as for ept_map()
 * @attrs: as for ept_map()
 * @gather: owed a flush, or NULL to flush before the return
 *
 * As ept_map(), but replaces what is mapped; covered tables give way to large leaves, straddling
 * leaves are split. A CPU sees the old or the new translation of a page, never a hole. A write that
 * races with it goes to the old or to the new page, and the old page's dirty flag isn't reported.
 * The new mappings start with accessed and dirty clear. Parts of straddling leaves outside of the
 * range keep what they had. Holes are filled. Asks for a flush where a CPU may use what was there
 * and it changes, but for its tag and rights that are added; and where a table goes. The manual's
 * "Guidelines for Use of the INVEPT Instruction".
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it, but with NULL as
 *	ept_gather_flush().
 * Return: 0, -EINVAL, -ERANGE and -EOPNOTSUPP as ept_map(), -EINVAL also for a @gather of another
 *	table, -ENOMEM.
 */
int ept_remap(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs,
	      struct ept_gather *gather);

/**
 * ept_install() - make an access possible: for a fault handler
 * @ept: as for ept_remap()
 * @gpa: as for ept_remap()
 * @hpa: as for ept_remap(): the memory that the access is to reach
 * @size: as for ept_remap(); mostly one leaf's
 * @attrs: as for ept_remap(): with the rights that the access needs
 * @seq: as for ept_map_if(), or NULL
 * @seen: as for ept_map_if()
 * @gather: owed a flush, or NULL to flush before the return
 *
 * Where nothing in the range is mapped, it is mapped, as by ept_map(), in parallel. Where one leaf
 * leads from all of the range to @hpa, and has all rights of @attrs, nothing is done, whatever its
 * memory type, flags and tag: another CPU was faster, or a CPU still had lesser rights. Anything
 * else is replaced, as by ept_remap(), and in one step: a hole in a part of the range, a leaf of
 * another page (a copy-on-write page before it was copied), one with lesser rights. So all that is
 * mapped in the range gives way to the memory at @hpa: make it no larger than the memory that was
 * looked up, and no larger than leaves may be (%EPT_CONFIG_NO_EXEC_LARGE), or nothing of that size
 * will ever suffice. A leaf of the same page and size keeps its accessed and dirty flags; smaller
 * ones that a large leaf replaces lose theirs, which ept_merge() would keep.
 *
 * Context: As ept_remap(); with %EPT_CONFIG_EXTERNAL_LOCK it is no one-leaf map, and excludes all.
 * Return: 0 if the range was mapped or replaced, 1 if nothing was to be done, else as ept_remap(),
 *	-EAGAIN if @seq has changed, and then what is there may have been right.
 */
int ept_install(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, const struct ept_attrs *attrs,
		const unsigned long *seq, unsigned long seen, struct ept_gather *gather);

/**
 * ept_unmap() - unmap a range
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @gather: owed a flush, or NULL to flush before the return
 *
 * Holes are fine. Straddling leaves are split, and keep outside of the range what they had. Tables
 * that become empty are unlinked, and freed after the flush. A large range costs what its tables
 * cost; the leaves in covered tables aren't visited. Asks for a flush unless it found only holes,
 * or leaves without rights and no table that goes with them. The manual's "Guidelines for Use of
 * the INVEPT Instruction".
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it, but with NULL as
 *	ept_gather_flush().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL or a @gather of another table, -ERANGE,
 *	-ENOMEM (a split needs tables).
 */
int ept_unmap(struct ept *ept, u64 gpa, u64 size, struct ept_gather *gather);

/*
 * Called for a leaf that went: with the whole leaf, or the part of one that was split for it, and
 * with accessed and dirty as CPUs left them. Under the table's lock: may not sleep, may call
 * readers, but no function that changes the table.
 */
typedef void (*ept_gone_fn)(const struct ept_mapping *mapping, void *arg);

/**
 * ept_unmap_report() - unmap a range, and say what was there
 * @ept: as for ept_unmap()
 * @gpa: as for ept_unmap()
 * @size: as for ept_unmap()
 * @fn: called for each leaf that goes, in order; none is merged with its neighbour
 * @arg: passed to @fn
 * @gather: as for ept_unmap()
 *
 * For who pinned what it maps, logs or accounts. A CPU may write through a cached translation until
 * the flush, but sets no flag any more that isn't reported; whoever reads the pages flushes first.
 * Costs what the leaves cost.
 *
 * Context: As ept_unmap().
 * Return: as ept_unmap(), -EINVAL also for a @fn of NULL.
 */
int ept_unmap_report(struct ept *ept, u64 gpa, u64 size, ept_gone_fn fn, void *arg,
		     struct ept_gather *gather);

/**
 * ept_zap() - unmap at least a range
 * @ept: as for ept_unmap()
 * @gpa: as for ept_unmap()
 * @size: as for ept_unmap()
 * @went: set to the range with all of the leaves that its edges cut; may be NULL
 * @fn: as for ept_unmap_report(), or NULL
 * @arg: passed to @fn
 * @gather: as for ept_unmap()
 *
 * As ept_unmap(), but a leaf that an edge of the range cuts goes whole, so that it takes no table,
 * and cannot fail once its arguments are right. What went beyond the range comes back by faults:
 * for notifiers, and what else must not allocate.
 *
 * Context: As ept_unmap().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL or a @gather of another table, -ERANGE.
 */
int ept_zap(struct ept *ept, u64 gpa, u64 size, struct ept_range *went, ept_gone_fn fn, void *arg,
	    struct ept_gather *gather);

/**
 * ept_protect() - change the rights of what is mapped
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @clear: EPT_PROT_* bits to take
 * @set: EPT_PROT_* bits to give; wins where both name a bit
 * @gather: owed a flush, or NULL to flush before the return
 *
 * prot = (prot & ~clear) | set, for each leaf in the range. Holes are fine and aren't judged.
 * Straddling leaves that would change are split, as are leaves that their new rights don't allow to
 * be large (%EPT_CONFIG_NO_EXEC_LARGE). Accessed and dirty stay, also those that a CPU sets
 * meanwhile. Rights that were only added need no flush; rights that were taken, and splits, do. The
 * manual's sections "EPT Violations" and "EPT Misconfigurations".
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it, but with NULL as
 *	ept_gather_flush().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL, an unknown bit or a @gather of another
 *	table, -EINVAL or -EOPNOTSUPP if the result would be illegal for any leaf in the range (and
 *	then none has changed), -ERANGE, -ENOMEM (a split needs tables).
 */
int ept_protect(struct ept *ept, u64 gpa, u64 size, u32 clear, u32 set, struct ept_gather *gather);

/**
 * ept_grant() - give the leaf at an address more rights: for a fault handler
 * @ept: a table
 * @gpa: of any alignment
 * @prot: EPT_PROT_* bits to give, such as ept_map() takes
 * @seq: as for ept_map_if(), or NULL
 * @seen: as for ept_map_if()
 * @hole: NULL, or filled in where -ENOENT is returned, as by ept_lookup()
 *
 * The leaf that holds the address gets the rights beside those that it has, whatever its size, also
 * one with %EPT_PROT_NONE; all else about it stays. In parallel with maps of a leaf, with which the
 * call shares the short way: for who took rights with ept_protect(), and gives them back where the
 * guest asks, as a log of written pages by write protection does, or who has no other record of
 * what is mapped. There is nothing to flush: a CPU that faulted has forgotten what it had. The
 * manual's section "EPT Violations".
 *
 * Context: As ept_map() of one leaf.
 * Return: 0 if rights were given, 1 if the leaf had them, -EINVAL for NULL, an unknown bit or write
 *	without read, -ERANGE, -EOPNOTSUPP for rights that this table, or a leaf of this size, can't
 *	have (%EPT_CONFIG_NO_EXEC_LARGE: ept_protect() splits it), -ENOENT for a hole, -EAGAIN if
 *	@seq has changed.
 */
int ept_grant(struct ept *ept, u64 gpa, u32 prot, const unsigned long *seq, unsigned long seen,
	      struct ept_mapping *hole);

/**
 * ept_set_memtype() - change the memory type of what is mapped
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @memtype: the new one
 * @gather: owed a flush, or NULL to flush before the return
 *
 * As ept_protect() for holes, straddling leaves, accessed and dirty. A new type of what a CPU may
 * use asks for a flush. The manual's section "EPT and Memory Typing".
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it, but with NULL as
 *	ept_gather_flush().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL, a value that is no memory type or a
 *	@gather of another table, -ERANGE, -ENOMEM (a split needs tables).
 */
int ept_set_memtype(struct ept *ept, u64 gpa, u64 size, enum ept_memtype memtype,
		    struct ept_gather *gather);

/**
 * ept_set_attrs() - replace all attributes of what is mapped
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @attrs: the new ones: rights, memory type, flags and tag
 * @gather: owed a flush, or NULL to flush before the return
 *
 * Each entry changes with one store. As ept_protect() for holes, straddling leaves, accessed and
 * dirty, and for leaves that @attrs don't allow to be large. @attrs are judged also where all is a
 * hole. Any change but of the tag and of rights that were added asks for a flush. The manual's
 * "Guidelines for Use of the INVEPT Instruction".
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it, but with NULL as
 *	ept_gather_flush().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL, @attrs that no table can have or a
 *	@gather of another table, -ERANGE, -EOPNOTSUPP for @attrs that this table cannot have,
 *	-ENOMEM (a split needs tables).
 */
int ept_set_attrs(struct ept *ept, u64 gpa, u64 size, const struct ept_attrs *attrs,
		  struct ept_gather *gather);

/**
 * ept_set_tag() - change the tag of what is mapped
 * @ept: as for ept_set_memtype()
 * @gpa: as for ept_set_memtype()
 * @size: as for ept_set_memtype()
 * @tag: the new one, up to %EPT_TAG_MAX
 * @gather: owed a flush, or NULL to flush before the return
 *
 * As ept_set_memtype(). Asks for a flush only where a straddling leaf is split.
 *
 * Context: As ept_set_memtype().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL, a @tag above %EPT_TAG_MAX or a @gather
 *	of another table, -ERANGE, -ENOMEM (a split needs tables).
 */
int ept_set_tag(struct ept *ept, u64 gpa, u64 size, u8 tag, struct ept_gather *gather);

/**
 * ept_redirect() - another page behind what is mapped
 * @ept: a table
 * @gpa: multiple of 4K
 * @hpa: what memory, multiple of 4K
 * @size: bytes, multiple of 4K
 * @clear: as for ept_protect()
 * @set: as for ept_protect()
 * @gather: owed a flush, or NULL to flush before the return
 *
 * Each leaf in the range keeps its memory type, flags and tag, gets the rights that ept_protect()
 * would give it, and leads to the memory at @hpa. Each entry changes with one store: a CPU sees the
 * old page with the old rights, or the new one with the new. Accessed and dirty start clear.
 * Straddling leaves are split, as are those that the alignment of @hpa doesn't allow to be large.
 * The whole range has to be mapped. Memory of another type than the old is ept_remap()'s. The
 * manual's "Guidelines for Use of the INVEPT Instruction".
 *
 * Context: As ept_protect().
 * Return: 0, -EINVAL, -ERANGE and -EOPNOTSUPP as ept_protect(), -EINVAL and -ERANGE also for @hpa,
 *	-ENOENT if a part of the range is a hole, -ENOMEM (a split needs tables).
 */
int ept_redirect(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size, u32 clear, u32 set,
		 struct ept_gather *gather);

/**
 * ept_split() - make leaves small
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @level: no leaf inside the range is larger afterwards; at or above the leaves that are there
 *	nothing changes
 * @gather: owed a flush, or NULL to flush before the return
 *
 * Straddling leaves are split as little as that needs. The parts inherit attributes, tag, accessed
 * and dirty; every address translates to the same page throughout. Holes are fine. Each split of a
 * leaf that a CPU may use asks for a flush: the manual's "Guidelines for Use of the INVEPT
 * Instruction", on bit 7.
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it, but with NULL as
 *	ept_gather_flush().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL, a @level above %EPT_1G or a @gather of
 *	another table, -ERANGE, -ENOMEM.
 */
int ept_split(struct ept *ept, u64 gpa, u64 size, enum ept_level level, struct ept_gather *gather);

/**
 * ept_merge() - make leaves large
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @level: the largest leaf to make
 *
 * Wherever, inside the range, aligned and contiguous leaves with equal attributes and tag can
 * become a leaf of up to @level, they become the largest one. Accessed and dirty are or-ed. Every
 * address translates to the same page throughout. Flushes before it returns, if anything is owed:
 * only then are flags known that a CPU set late in the old entries, and they are added to whatever
 * maps the same page by then. Harvests and reports meanwhile see those that were set before them.
 * Holes are fine, and so is a range that is too small for any leaf. Takes no tables. The manual's
 * "Guidelines for Use of the INVEPT Instruction", on bit 7.
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC. With it, as ept_gather_flush(): with the module's
 *	own invalidation only while no CPU runs a guest on the table, else ept_merge_gather().
 * Return: the number of leaves made, of which none was merged again, or -EINVAL for a misaligned or
 *	empty range, NULL or a @level above %EPT_1G, -ERANGE, -EOPNOTSUPP for a @level above the
 *	table's largest leaf.
 */
int ept_merge(struct ept *ept, u64 gpa, u64 size, enum ept_level level);

/**
 * ept_merge_gather() - make leaves large, and flush later
 * @ept: as for ept_merge()
 * @gpa: as for ept_merge()
 * @size: as for ept_merge()
 * @level: as for ept_merge()
 * @gather: owed a flush, or NULL to flush before the return
 *
 * As ept_merge(). The gather is flushed, freed or spliced with changes of the table excluded,
 * inside the library, where it may sleep for that, or, with %EPT_CONFIG_EXTERNAL_LOCK, by the
 * client.
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it, but with NULL as ept_merge().
 * Return: as ept_merge(), -EINVAL also for a @gather of another table.
 */
int ept_merge_gather(struct ept *ept, u64 gpa, u64 size, enum ept_level level,
		     struct ept_gather *gather);

/*
 * Queries: any context
 */

/**
 * ept_lookup() - the leaf that holds an address
 * @ept: a table
 * @gpa: of any alignment
 * @mapping: filled in with the whole leaf, or on -ENOENT with the hole: @mapping->gpa,
 *	@mapping->size and @mapping->level are those of the empty entry, and all else is zero. A
 *	leaf that lies in these bounds can be mapped there.
 *
 * Context: Any.
 * Return: 0, -EINVAL for NULL, -ERANGE beyond the guest's address width, -ENOENT for a hole.
 */
int ept_lookup(struct ept *ept, u64 gpa, struct ept_mapping *mapping);

/**
 * ept_translate() - what a CPU would make of an access
 * @ept: a table
 * @gpa: of any alignment
 * @access: EPT_PROT_* bits that the access needs: %EPT_PROT_EXEC a supervisor-mode and
 *	%EPT_PROT_UEXEC a user-mode fetch, the same without mode-based execute
 * @hpa: set to where the access goes, on success; NULL if only the verdict matters
 *
 * Reads the entries as a CPU does, and believes in none of them. Judges read, write and execute
 * alone: sub-page permissions, shadow stacks, paging-write and guest-paging verification are beyond
 * it. With @access 0 any right will do. Sets neither accessed nor dirty. The manual's section
 * "EPT-Induced VM Exits".
 *
 * Context: Any.
 * Return: 0, -EINVAL for NULL or an unknown bit, -ERANGE beyond the guest's address width, -EFAULT
 *	for an EPT violation, -EIO for an EPT misconfiguration.
 */
int ept_translate(struct ept *ept, u64 gpa, u32 access, phys_addr_t *hpa);

/**
 * ept_explain() - each entry that a CPU reads on its way to an address
 * @ept: a table
 * @gpa: of any alignment
 * @explanation: filled in
 *
 * From the root down to the entry that maps, is a hole or is misconfigured; the manual's section
 * "EPT Translation Mechanism".
 *
 * Context: Any.
 * Return: 0 whatever the verdict, -EINVAL for NULL, -ERANGE beyond the guest's address width.
 */
int ept_explain(struct ept *ept, u64 gpa, struct ept_explanation *explanation);

/* Called for a mapping; non-zero stops the visit. */
typedef int (*ept_mapping_fn)(const struct ept_mapping *mapping, void *arg);

/**
 * ept_for_each_mapping() - visit what is mapped in a range, in order
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @fn: called for each mapping, which is valid until it returns; may not sleep, may call readers,
 *	but no function that changes the table; non-zero stops
 * @arg: passed to @fn
 *
 * Neighbours with contiguous hpa, equal level, attributes, accessed and dirty are merged. @gpa,
 * @hpa and @size of a mapping are clipped to the range, its level stays the leaf's. Mappings that
 * change meanwhile are seen as they were before or after.
 *
 * Context: Any; @fn runs under RCU.
 * Return: 0, what @fn returned, -EINVAL for a misaligned or empty range or NULL, -ERANGE.
 */
int ept_for_each_mapping(struct ept *ept, u64 gpa, u64 size, ept_mapping_fn fn, void *arg);

/**
 * ept_cursor_init() - begin a visit that may sleep and change tables on its way
 * @cursor: on the caller's stack
 * @ept: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 *
 * Context: Any.
 * Return: 0, -EINVAL for a misaligned or empty range or NULL, -ERANGE.
 */
int ept_cursor_init(struct ept_cursor *cursor, struct ept *ept, u64 gpa, u64 size);

/**
 * ept_cursor_next() - what is mapped at the cursor or after it
 * @cursor: moved behind what is returned
 * @mapping: filled in as for ept_for_each_mapping(): neighbours merged, clipped to the range
 *
 * Nothing is held between two calls. What is mapped, unmapped or changed behind the cursor isn't
 * seen, before it is.
 *
 * Context: Any.
 * Return: 0, -ENOENT at the end of the range, -EINVAL for NULL.
 */
int ept_cursor_next(struct ept_cursor *cursor, struct ept_mapping *mapping);

/**
 * ept_clone() - map in another table what is mapped in this one
 * @to: the other table
 * @from: a table
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 *
 * The same pages at the same addresses with the same attributes, in leaves as large as @to allows.
 * Accessed and dirty start clear. What changes in @from meanwhile is seen as it was before or
 * after. A guest on @to may use what is there already while the rest is being mapped; on an error
 * after the first of it, that part of the range is unmapped again, with what else was mapped there
 * meanwhile, and flushed. Rights are those of struct ept_attrs: where one table has mode-based
 * execute and the other not, %EPT_PROT_EXEC means more or less than it did.
 *
 * Context: May sleep unless @to has %EPT_CONFIG_ATOMIC; then changes of it are excluded, its
 *	reserve has the tables, and on an error it is as ept_gather_flush().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL or the same table twice, -ERANGE,
 *	-EOPNOTSUPP for attributes that @to cannot have, -EEXIST if something is mapped in @to,
 *	-ENOMEM.
 */
int ept_clone(struct ept *to, struct ept *from, u64 gpa, u64 size);

/**
 * ept_get_stats() - count
 * @ept: a table
 * @stats: filled in; zeroed where @ept is NULL
 *
 * Leaves and tables are counted by a walk of the tables, so that nothing else pays for it. Of 4K
 * leaves it looks at their tables alone; of a terabyte of them, those are 524,288.
 *
 * Context: Any.
 */
void ept_get_stats(struct ept *ept, struct ept_stats *stats);

/**
 * ept_dump() - print what is mapped, a line a mapping
 * @m: where to
 * @ept: a table
 *
 * What debugfs 'map' shows, all at once: @m has room for all of it, or gets a part.
 *
 * Context: Any in which @m may be written.
 * Return: 0, -EINVAL for NULL.
 */
int ept_dump(struct seq_file *m, struct ept *ept);

/**
 * ept_check() - hold the whole table to the rules of the architecture and of this module
 * @ept: a table
 * @report: filled in with the first fault found, or NULL
 *
 * Looks at each entry: reserved bits, rights, memory types, address widths, leaves larger than
 * configured, bits that neither this module nor a CPU sets, tables linked twice, in the wrong place
 * or empty, live counts. The lock is held meanwhile, the library's or the client's, as for the
 * functions that change the table. The manual's section "EPT Misconfigurations".
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it.
 * Return: 0, -EINVAL for NULL, -EUCLEAN.
 */
int ept_check(struct ept *ept, struct ept_check_report *report);

/*
 * Harvest
 */

/**
 * ept_harvest_dirty() - collect and clear dirty flags
 * @ept: a table with %EPT_FEATURE_AD
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @bitmap: @size / 4K bits. Bit (page - @gpa / 4K) is or-ed for each dirty page; other bits stay.
 *	Not atomically: nobody else writes to it meanwhile
 * @peek: leave the flags as they are
 * @gather: owed a flush, or NULL to flush before the return
 *
 * A large leaf reports all of its pages in the range, and is cleared only where it lies whole in
 * the range. A CPU may write through a cached translation until the flush; whoever reads the pages
 * flushes first. No flag is lost that a CPU sets meanwhile. Holes are fine. A flag that was cleared
 * asks for a flush where a CPU may use the leaf, a peek asks for none. The manual's section
 * "Accessed and Dirty Flags for EPT".
 *
 * Context: May sleep without %EPT_CONFIG_ATOMIC; any with it, but with NULL as
 *	ept_gather_flush().
 * Return: 0, -EINVAL for a misaligned or empty range, NULL or a @gather of another table, -ERANGE,
 *	-EOPNOTSUPP without %EPT_FEATURE_AD.
 */
int ept_harvest_dirty(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
		      struct ept_gather *gather);

/**
 * ept_harvest_accessed() - collect and clear accessed flags
 * @ept: as ept_harvest_dirty()
 * @gpa: as ept_harvest_dirty()
 * @size: as ept_harvest_dirty()
 * @bitmap: as ept_harvest_dirty(), for accessed pages
 * @peek: as ept_harvest_dirty()
 * @gather: as ept_harvest_dirty()
 *
 * Context: As ept_harvest_dirty().
 * Return: as ept_harvest_dirty().
 */
int ept_harvest_accessed(struct ept *ept, u64 gpa, u64 size, unsigned long *bitmap, bool peek,
			 struct ept_gather *gather);

/**
 * ept_harvest() - collect and clear accessed or dirty flags
 * @ept: as ept_harvest_dirty()
 * @gpa: as ept_harvest_dirty()
 * @size: as ept_harvest_dirty()
 * @what: which flags, and where to
 * @gather: as ept_harvest_dirty()
 *
 * As ept_harvest_dirty(), also into the middle of a bitmap, or into none.
 *
 * Context: As ept_harvest_dirty().
 * Return: as ept_harvest_dirty(), -EINVAL also for a peek without a bitmap.
 */
int ept_harvest(struct ept *ept, u64 gpa, u64 size, const struct ept_harvest *what,
		struct ept_gather *gather);

/**
 * ept_clear_dirty() - clear the dirty flag of one leaf
 * @ept: a table with %EPT_FEATURE_AD
 * @gpa: of any alignment, as page-modification logging has it
 * @gather: as ept_harvest_dirty()
 *
 * Of the whole leaf that holds the address, whatever its size.
 *
 * Context: As ept_harvest_dirty().
 * Return: 1 if the flag was set, 0 if it wasn't, -EINVAL for NULL or a @gather of another table,
 *	-ERANGE, -EOPNOTSUPP without %EPT_FEATURE_AD, -ENOENT for a hole.
 */
int ept_clear_dirty(struct ept *ept, u64 gpa, struct ept_gather *gather);

/**
 * ept_age() - whether a range was used
 * @ept: a table with %EPT_FEATURE_AD
 * @gpa: multiple of 4K
 * @size: bytes, multiple of 4K
 * @clear: clear the accessed flags that were found; else stop at the first
 *
 * For the kernel's aging: takes no lock, and neither asks for a flush nor waits for one. So a CPU
 * that goes on using a cached translation doesn't set the flag again until something else flushes.
 * A leaf that an edge of the range cuts counts, and is cleared, whole. Where an entry changes
 * meanwhile its flag may stay; none is lost but accessed.
 *
 * Context: Any.
 * Return: 1 if some leaf had the flag, 0 if none, -EINVAL for a misaligned or empty range or NULL,
 *	-ERANGE, -EOPNOTSUPP without %EPT_FEATURE_AD.
 */
int ept_age(struct ept *ept, u64 gpa, u64 size, bool clear);

/*
 * Flushing
 */

/**
 * ept_gather_init() - begin a gather
 * @gather: on the caller's stack; NULL does nothing
 * @ept: the table whose changes it will collect
 *
 * Context: Any.
 */
void ept_gather_init(struct ept_gather *gather, struct ept *ept);

/**
 * ept_gather_flush() - invalidate what was gathered, then free the tables that were unlinked
 * @gather: may be used again afterwards; NULL does nothing
 *
 * Each gather ends in this call, in ept_gather_flush_all(), ept_gather_free(),
 * ept_gather_splice() or ept_gather_defer(), also after errors. Invalidates where anything is owed
 * that was changed before the call, with this gather, another or none; otherwise only frees.
 *
 * Context: As &ept_ops.invalidate allows. The module's own waits for other CPUs if one of them runs
 *	a guest on the table: then interrupts have to be on, as for smp_call_function().
 */
void ept_gather_flush(struct ept_gather *gather);

/**
 * ept_gather_flush_all() - flush gathers of several tables
 * @gathers: of one table each, one may come twice; NULL does nothing. Where one of them is NULL,
 *	those before it and those after it are flushed as by calls of their own
 * @nr: how many
 *
 * As ept_gather_flush() of each, but each table is invalidated once at the most, and those without
 * &ept_ops.invalidate with one round of interrupts.
 *
 * Context: As ept_gather_flush().
 */
void ept_gather_flush_all(struct ept_gather **gathers, unsigned int nr);

/**
 * ept_gather_free() - free what the client has flushed
 * @gather: may be used again afterwards; NULL does nothing
 *
 * The client has invalidated, on each CPU, since the last call that was passed this gather: as one
 * invalidation of its own for several tables, or in VMX root, where the tables cannot be freed.
 * Nothing is announced. What was changed up to that call counts as flushed.
 *
 * Context: Any but VMX root; see ept_merge_gather().
 */
void ept_gather_free(struct ept_gather *gather);

/**
 * ept_gather_splice() - give to one gather what another has
 * @to: a gather
 * @from: one of the same table, empty afterwards
 *
 * For changes that are made in one context and flushed in another.
 *
 * Context: Any; see ept_merge_gather().
 * Return: 0, -EINVAL for NULL, the same gather twice and gathers of different tables.
 */
int ept_gather_splice(struct ept_gather *to, struct ept_gather *from);

/**
 * ept_gather_defer() - leave to ept_reap() what was gathered
 * @gather: may be used again afterwards
 *
 * For who can neither flush nor keep the gather, as the exit handler of a thin hypervisor. Takes no
 * lock, and neither allocates nor frees.
 *
 * Context: Any, VMX root and NMI included.
 * Return: 0, -EINVAL for NULL, and for a gather with what ept_merge_gather() unlinked, which it
 *	keeps.
 */
int ept_gather_defer(struct ept_gather *gather);

/**
 * ept_reap() - flush, and free what was deferred
 * @ept: a table; NULL does nothing
 *
 * As ept_gather_flush() of all that ept_gather_defer() was given before the call. Others may change
 * the table, defer and reap meanwhile. What nobody reaps ept_destroy() frees.
 *
 * Context: As ept_gather_flush().
 */
void ept_reap(struct ept *ept);

/**
 * ept_flush() - invalidate, unconditionally
 * @ept: a table; NULL does nothing
 *
 * Context: As ept_gather_flush().
 */
void ept_flush(struct ept *ept);

/**
 * ept_vcpu_load() - this CPU is about to run a guest on the table
 * @ept: a table; NULL does nothing
 *
 * Runs INVEPT if this CPU is behind: a flush since its last load, or its first load of this table.
 * Until ept_vcpu_put() the CPU counts as running, and a flush interrupts it; the guest must exit on
 * external interrupts. Loads nest. Interrupts may be off meanwhile, but flushes wait for such a
 * CPU: who enters the guest again and again without a put lets them in between.
 *
 * A guest that switches tables with VMFUNC may use each of its EPTP list: load them all, before it
 * runs; the switch itself needs no INVEPT. A thin hypervisor, under which the running system is the
 * guest, loads before VMLAUNCH and puts after VMXOFF; flushes that the system asks for then run
 * INVEPT in the guest, which exits, and which the hypervisor executes for it. With
 * &ept_ops.invalidate of its own a client needs no loads. The manual's section "Operations that
 * Invalidate Cached Mappings".
 *
 * Context: Preemption off until ept_vcpu_put(), this CPU in VMX root operation. Of a thin
 *	hypervisor preemption is off in each of both, and put comes before the CPU goes offline.
 * Return: 0; -ENODEV outside VMX root operation and -EINVAL where the CPU refused, if INVEPT was to
 *	be run, and then the CPU doesn't count as running and there is no ept_vcpu_put().
 */
int ept_vcpu_load(struct ept *ept);

/**
 * ept_vcpu_put() - this CPU no longer runs a guest on the table
 * @ept: a table; NULL does nothing
 *
 * Without a load it does nothing.
 *
 * Context: Preemption off since ept_vcpu_load().
 */
void ept_vcpu_put(struct ept *ept);

/**
 * ept_invept_context() - INVEPT of one EPTP on this CPU
 * @eptp: from ept_pointer()
 *
 * The manual's instruction reference, "INVEPT".
 *
 * Context: Any; preemption off for it to mean something.
 * Return: 0, -ENODEV where it is an invalid opcode, as outside VMX operation, -EINVAL where the CPU
 *	refused it. In a guest it exits, and the hypervisor says what becomes of it.
 */
int ept_invept_context(u64 eptp);

/**
 * ept_invept_global() - INVEPT of all EPTPs on this CPU
 *
 * Context: As ept_invept_context().
 * Return: as ept_invept_context().
 */
int ept_invept_global(void);

/*
 * Exits
 */

/**
 * ept_violation_decode() - make an exit qualification readable
 * @qualification: VMCS field 0x6400 after exit reason 48
 * @caps: the CPU's; NULL: what depends on them is reported as absent
 * @violation: filled in
 *
 * The manual's table "Exit Qualification for EPT Violations".
 *
 * Context: Any.
 */
void ept_violation_decode(u64 qualification, const struct ept_caps *caps,
			  struct ept_violation *violation);

/**
 * ept_ve_decode() - make a #VE information page readable
 * @info: the page; may be changed by its guest meanwhile, each field is read once
 * @caps: as for ept_violation_decode()
 * @violation: filled in on success
 *
 * Leaves the page as it is: writing 0 to &ept_ve_info.busy re-arms it.
 *
 * Context: Any.
 * Return: 0, -EINVAL for NULL, -ENOENT where the page holds no violation.
 */
int ept_ve_decode(const struct ept_ve_info *info, const struct ept_caps *caps,
		  struct ept_violation *violation);

#endif /* _EPT_CORE_H */
