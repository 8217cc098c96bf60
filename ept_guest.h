/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory through a table: reading and writing it, and the walk of the guest's own page
 * tables. Part of ept.ko, on top of ept_core.h; what is not mapped stays so, and nothing faults.
 *
 * The architecture is that of Intel's Software Developer's Manual, volume 3, chapter "Paging", and
 * of chapter "VMX Support for Address Translation" where a guest's paging meets EPT.
 */
#ifndef _EPT_GUEST_H
#define _EPT_GUEST_H

#include "ept_core.h"

/**
 * DOC: EPT guest memory
 *
 * All functions here take no lock, never sleep and run in any context in which RCU watches,
 * interrupts included, against any change of the table. They see a change before or after it, page
 * by page.
 *
 * **What the client guarantees.** These functions use memory that the table maps at the time, as
 * the CPUs of the guest do. Each page is looked up and used inside one RCU read-side section. So
 * who gives memory of the guest to another use first unmaps it, then flushes, and then waits for an
 * RCU grace period, with synchronize_rcu() or call_rcu(). The flush is for the CPUs that
 * run the guest, and the grace period for these functions. A client that excludes them by a lock of
 * its own needs no grace period. Memory that the client took out of the kernel's direct map isn't
 * to be mapped while these functions may find it.
 *
 * **What is memory.** What the kernel manages and has online. Devices, reserved pages (firmware's,
 * the kernel's own image), device memory with a struct page, memory that is offline, and pages
 * known to be poisoned are never touched. The kernel's zero page can be read. Where a machine check
 * ends a read that copy_mc_to_kernel() survives, that counts as memory that cannot be touched. A
 * guest's page table is read by an ordinary load.
 *
 * **What the guest sees.** Other CPUs may see the bytes of a copy in any order. The exchange of
 * ept_guest_cmpxchg(), and the flags that ept_guest_walk() sets, are atomic to all. Nothing here
 * sets accessed or dirty in EPT's entries: a client that logs dirty pages notes by itself what it
 * wrote.
 */

/**
 * DOC: EPT guest errors
 *
 * As in ept_core.h, and beside these:
 *
 * ============  ===============================================================================
 * -EINVAL       an argument that is never legal: NULL, length 0, an unknown bit of @access
 * -ERANGE       beyond the guest's address width, or a range that overflows
 * -ENOENT       nothing is mapped there
 * -EACCES       the entries lack a right that @access names
 * -EIO          a CPU would find EPT misconfigured there
 * -EFAULT       what is mapped is not memory that the kernel may touch
 * -EAGAIN       ept_guest_cmpxchg() found another value
 * ============  ===============================================================================
 */

/*
 * For @access: past the rights of all entries, the guest's and EPT's, as the host. A write reaches
 * what EPT maps without write, too: all who share that memory see it, such as a page that is to be
 * copied on the first write. Only the zero page of 4K is safe from it.
 */
#define EPT_GUEST_AS_HOST	0

/**
 * ept_guest_read() - read guest-physical memory
 * @ept: a table
 * @gpa: of any alignment
 * @buffer: memory of the kernel, @length bytes
 * @length: bytes, not 0
 * @access: EPT_PROT_* bits that the entries have to grant, or %EPT_GUEST_AS_HOST
 *
 * Goes across pages and leaves, in ascending order, and stops in front of the first page that it
 * cannot read. To learn why, call again for what is left. %EPT_PROT_READ reads as the guest does,
 * %EPT_PROT_EXEC or %EPT_PROT_UEXEC as its fetch of an instruction. Rights of EPT alone: those of
 * the guest's paging are ept_guest_read_virt()'s. The manual's section "EPT Translation Mechanism".
 *
 * Context: Any. See "What the client guarantees".
 * Return: how many bytes were read, at least 1, or, where the first cannot be, -EINVAL, -ERANGE
 *	(judged for the whole range, and then nothing is read), -ENOENT, -EACCES, -EIO, -EFAULT.
 */
ssize_t ept_guest_read(struct ept *ept, u64 gpa, void *buffer, size_t length, u32 access);

/**
 * ept_guest_write() - write guest-physical memory
 * @ept: a table
 * @gpa: of any alignment
 * @buffer: memory of the kernel, @length bytes
 * @length: bytes, not 0
 * @access: as ept_guest_read(); %EPT_PROT_WRITE writes as the guest does
 *
 * As ept_guest_read(). What it didn't come to is unchanged.
 *
 * Context: Any. See "What the client guarantees".
 * Return: how many bytes were written, at least 1, or an errno as ept_guest_read().
 */
ssize_t ept_guest_write(struct ept *ept, u64 gpa, const void *buffer, size_t length, u32 access);

/**
 * ept_guest_zero() - zero guest-physical memory
 * @ept: a table
 * @gpa: of any alignment
 * @length: bytes, not 0
 * @access: as ept_guest_write()
 *
 * As ept_guest_write().
 *
 * Context: Any. See "What the client guarantees".
 * Return: how many bytes were zeroed, at least 1, or an errno as ept_guest_read().
 */
ssize_t ept_guest_zero(struct ept *ept, u64 gpa, size_t length, u32 access);

/**
 * ept_guest_cmpxchg() - compare and exchange guest-physical memory
 * @ept: a table
 * @gpa: multiple of @size
 * @size: 1, 2, 4 or 8 bytes
 * @old: what is expected there; set to what was there, on 0 and on -EAGAIN. Of @size bytes: the
 *	others are ignored, and set to 0
 * @new: what is to be there instead; bytes beyond @size are ignored
 * @access: as ept_guest_write()
 *
 * With a locked instruction, as the guest's own: the manual's section "Locked Atomic Operations".
 *
 * Context: Any. See "What the client guarantees".
 * Return: 0 exchanged, -EAGAIN if another value was there, which was left, or -EINVAL also for
 *	another @size and a misaligned @gpa, -ERANGE, -ENOENT, -EACCES, -EIO, -EFAULT.
 */
int ept_guest_cmpxchg(struct ept *ept, u64 gpa, unsigned int size, u64 *old, u64 new, u32 access);

/*
 * The guest's own paging
 */

/* The access, beside EPT_PROT_READ, EPT_PROT_WRITE and EPT_PROT_EXEC. User mode: CPL 3 */
#define EPT_GUEST_USER		BIT(8)
/* By the CPU itself, of a descriptor table for one: a supervisor access at any CPL */
#define EPT_GUEST_IMPLICIT	BIT(9)
/* Through SS: a non-canonical address is #SS instead of #GP */
#define EPT_GUEST_STACK		BIT(10)
/* Set accessed and dirty in the guest's entries, if the access succeeds */
#define EPT_GUEST_SET_AD	BIT(11)
/* An entry that changes meanwhile ends the walk; of ept_guest_walk() alone */
#define EPT_GUEST_ONCE		BIT(12)

/**
 * struct ept_guest_paging - what a CPU's walk of guest paging depends on
 * @cr0: the guest's CR0 as the CPU has it (VMCS field 0x6800), not what the guest reads of it
 * @cr3: CR3 (0x6802); not used in PAE paging
 * @cr4: CR4 (0x6804), as @cr0
 * @efer: IA32_EFER
 * @rflags: RFLAGS (0x6820): AC counts
 * @pdpte: the PDPTE registers (0x280A to 0x2810), in PAE paging
 * @pkru: PKRU; counts in 4- and 5-level paging with CR4.PKE
 * @pkrs: IA32_PKRS; counts in 4- and 5-level paging with CR4.PKS
 * @cs_long: CS.L: with EFER.LMA the CPU is in 64-bit mode, and without it linear addresses have 32
 *	bits, but those of implicit accesses in IA-32e mode
 * @maxphyaddr: width of physical addresses in bits, 32 to 52: the host's, as EPT doesn't change
 *	what the CPU holds reserved bits to
 * @leaf_1g: the CPU has 1G pages, by CPUID.80000001H:EDX[26] of the host
 *
 * The guest's registers as VM entry would load them: no combination that it refuses is judged here.
 */
struct ept_guest_paging {
	u64	cr0;
	u64	cr3;
	u64	cr4;
	u64	efer;
	u64	rflags;
	u64	pdpte[4];
	u32	pkru;
	u32	pkrs;
	bool	cs_long;
	u8	maxphyaddr;
	bool	leaf_1g;
};

/**
 * enum ept_walk_verdict - what ended a walk
 * @EPT_WALK_OK: the translation
 * @EPT_WALK_FAULT: an exception of the guest's
 * @EPT_WALK_VIOLATION: an EPT violation, exit reason 48, or #VE
 * @EPT_WALK_MISCONFIGURED: an EPT misconfiguration, exit reason 49
 * @EPT_WALK_NO_MEMORY: a CPU may go on, but where an entry of the guest's is, or the data that is
 *	to be copied, there is no memory that the kernel may touch
 */
enum ept_walk_verdict {
	EPT_WALK_OK,
	EPT_WALK_FAULT,
	EPT_WALK_VIOLATION,
	EPT_WALK_MISCONFIGURED,
	EPT_WALK_NO_MEMORY,
};

/* Levels of the guest's page tables, at the most */
#define EPT_GUEST_LEVELS	5

/**
 * struct ept_guest_walk - what a walk of guest paging found
 * @verdict: what ended it
 * @gva: the linear address, of as many bits as it has: what CR2 is set to by a page fault
 * @gpa: %EPT_WALK_OK: where @gva leads to. All others but %EPT_WALK_FAULT: the guest-physical
 *	address that could not be accessed, of the data or of an entry
 * @hpa: %EPT_WALK_OK: where @gpa leads to
 * @size: %EPT_WALK_OK, as all up to @pat: bytes of the guest's page, 4 GiB without paging
 * @writable: each entry allows writes
 * @user: each entry allows user mode; true without paging
 * @no_exec: an entry forbids fetches
 * @global: the page is global, if CR4.PGE says so
 * @pkey: the page's protection key, in 4- and 5-level paging
 * @pat: index of the page's PAT entry; 0 without paging, when the guest's type is write-back
 * @nr_entries: %EPT_WALK_OK with %EPT_GUEST_SET_AD, or -EAGAIN: how many entries of the guest's led
 *	there
 * @entries: where these are, from the top down; flags may have been set in each. Only so many are
 *	filled in
 * @vector: %EPT_WALK_FAULT: 14 for #PF, 13 for #GP, 12 for #SS
 * @error_code: %EPT_WALK_FAULT: the exception's
 * @violation: %EPT_WALK_VIOLATION: what the exit qualification has of it. @violation.page_walk: the
 *	access was to an entry of the guest's
 *
 * What isn't said to be of the verdict is 0.
 */
struct ept_guest_walk {
	enum ept_walk_verdict	verdict;
	u64			gva;
	u64			gpa;
	phys_addr_t		hpa;
	u64			size;
	bool			writable;
	bool			user;
	bool			no_exec;
	bool			global;
	u8			pkey;
	u8			pat;
	u8			nr_entries;
	u64			entries[EPT_GUEST_LEVELS];
	u8			vector;
	u32			error_code;
	struct ept_violation	violation;
};

/**
 * ept_guest_walk() - translate a linear address of the guest as a CPU does
 * @ept: a table
 * @paging: the guest's registers
 * @gva: linear address; without paging, in 32-bit and in PAE paging its lower 32 bits count
 * @access: %EPT_PROT_READ, %EPT_PROT_WRITE or both, or %EPT_PROT_EXEC alone; beside these any of
 *	%EPT_GUEST_USER, %EPT_GUEST_IMPLICIT (not of a fetch), %EPT_GUEST_STACK, %EPT_GUEST_SET_AD,
 *	%EPT_GUEST_ONCE. Without the first three, %EPT_GUEST_AS_HOST, no rights are looked at
 * @walk: filled in
 *
 * No paging, 32-bit, PAE, 4- and 5-level paging, as @paging has it. Rights of the guest's entries,
 * reserved bits, WP, SMEP, SMAP, protection keys for user and supervisor pages. LAM, LASS and
 * shadow stacks are beyond it, and what is beyond ept_translate().
 *
 * Each entry of the guest's is read through EPT, from the top down, and so may end in a violation
 * or misconfiguration. Where the EPTP enables accessed and dirty flags, EPT has to allow writes to
 * it, too. Then come the rights that the guest's entries give, and last the page's own in EPT.
 *
 * With %EPT_GUEST_SET_AD, accessed is set in each entry that was used and dirty in the last on a
 * write, with locked instructions, and so that EPT has to allow writes to what is changed. Only
 * %EPT_WALK_OK changes anything. An entry that changes meanwhile is walked again, without end as
 * long as the guest does so, unless with %EPT_GUEST_ONCE, for who holds what others wait for.
 * Without %EPT_GUEST_SET_AD the walk is a look that changes nothing.
 *
 * EPT's entries are believed, as by ept_lookup(): where one was overwritten by a bug, a verdict of
 * %EPT_WALK_OK may be wrong. ept_check() finds it.
 *
 * The manual's chapter "Paging", and its sections "EPT-Induced VM Exits" and "Accessed and Dirty
 * Flags for EPT".
 *
 * Context: Any. See "What the client guarantees".
 * Return: 0 whatever the verdict, -EINVAL for NULL, for @access that no CPU makes, and for a
 *	@paging.maxphyaddr below 32 or above 52, -EAGAIN with %EPT_GUEST_ONCE: of @walk only the
 *	entries count, in which flags may have been set.
 */
int ept_guest_walk(struct ept *ept, const struct ept_guest_paging *paging, u64 gva, u32 access,
		   struct ept_guest_walk *walk);

/**
 * ept_guest_read_virt() - read memory at a linear address of the guest
 * @ept: a table
 * @paging: as ept_guest_walk()
 * @gva: as ept_guest_walk(); linear addresses of 32 bits go on at 0 behind the last
 * @buffer: memory of the kernel, @length bytes
 * @length: bytes, not 0
 * @access: as ept_guest_walk()
 * @walk: filled in with the last walk that was made
 *
 * Goes across pages, in ascending order, and stops in front of the first page that it cannot read:
 * then @walk says why. Each page is translated when it is its turn, and so unlike a CPU's single
 * access, of which all pages are translated before the first byte is used.
 *
 * Context: Any. See "What the client guarantees".
 * Return: how many bytes were read; all, if @walk.verdict is %EPT_WALK_OK. -EINVAL as
 *	ept_guest_walk(), and for a @length that is 0 or negative as ssize_t.
 */
ssize_t ept_guest_read_virt(struct ept *ept, const struct ept_guest_paging *paging, u64 gva,
			    void *buffer, size_t length, u32 access, struct ept_guest_walk *walk);

/**
 * ept_guest_write_virt() - write memory at a linear address of the guest
 * @ept: a table
 * @paging: as ept_guest_walk()
 * @gva: as ept_guest_read_virt()
 * @buffer: memory of the kernel, @length bytes
 * @length: bytes, not 0
 * @access: as ept_guest_walk()
 * @walk: filled in with the last walk that was made
 *
 * As ept_guest_read_virt(). What it didn't come to is unchanged.
 *
 * Context: Any. See "What the client guarantees".
 * Return: how many bytes were written; as ept_guest_read_virt().
 */
ssize_t ept_guest_write_virt(struct ept *ept, const struct ept_guest_paging *paging, u64 gva,
			     const void *buffer, size_t length, u32 access,
			     struct ept_guest_walk *walk);

#endif /* _EPT_GUEST_H */
