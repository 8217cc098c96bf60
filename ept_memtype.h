/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory types of the host, for maps of it: what the MTRRs say of an address, what that makes of a
 * guest's own types, and maps whose leaves have the types of their memory. Errors, locking, units
 * and alignment are those of ept_core.h.
 *
 * The architecture is that of Intel's Software Developer's Manual, volume 3, sections "Memory Type
 * Range Registers (MTRRs)", "Page Attribute Table (PAT)" and "EPT and Memory Typing".
 */
#ifndef _EPT_MEMTYPE_H
#define _EPT_MEMTYPE_H

#include "ept_core.h"

struct memory_notify;

/**
 * DOC: Host memory types
 *
 * The CPU doesn't look at the host's MTRRs for an access through EPT: the memory type in the leaf
 * stands in their place. So a table that shows a guest the host's own memory carries them over, and
 * a leaf may be large only where all of it has one type::
 *
 *	err = ept_mtrr_read(&mtrr);
 *	if (err == -ENODEV)
 *		err = ept_mtrr_uniform(EPT_MT_WB, caps.maxphyaddr, &mtrr);
 *	if (!err)
 *		err = ept_map_host(ept, &EPT_ATTRS_RAM, &mtrr);
 *
 * and in the handler of EPT violations, for what the host's resource tree doesn't know::
 *
 *	err = ept_map_host_leaf(ept, gpa, EPT_1G, &EPT_ATTRS_RAM, &mtrr);
 *
 * A machine without MTRRs, or with all of them turned off (as some light VMMs leave their guests),
 * has uncacheable memory by the letter of the manual, and a guest with such a table would crawl. So
 * that is an error, and the client's to decide.
 */

/* The fixed-range MTRRs */
#define EPT_MTRR_FIXED		11
/* The most variable ranges that there are MSR numbers for, 0x200 to 0x24F */
#define EPT_MTRR_VARIABLE	40

/**
 * struct ept_mtrr_msrs - what a CPU's MTRRs are decoded from, as literal values
 * @mtrr: CPUID.1:EDX[12], the CPU has MTRRs; without them nothing but @maxphyaddr is looked at
 * @maxphyaddr: CPUID.80000008H:EAX[7:0], 32 to 52; 36 where the CPU doesn't report it
 * @cap: IA32_MTRRCAP, 0xFE
 * @def_type: IA32_MTRR_DEF_TYPE, 0x2FF
 * @fixed: the fixed ranges: 0x250, 0x258, 0x259, then 0x268 to 0x26F
 * @variable: the variable ranges, of which @cap says how many there are
 * @variable.base: IA32_MTRR_PHYSBASEn, 0x200 + 2n
 * @variable.mask: IA32_MTRR_PHYSMASKn, 0x201 + 2n
 */
struct ept_mtrr_msrs {
	bool	mtrr;
	u8	maxphyaddr;
	u64	cap;
	u64	def_type;
	u64	fixed[EPT_MTRR_FIXED];
	struct {
		u64	base;
		u64	mask;
	} variable[EPT_MTRR_VARIABLE];
};

/* As many as masks without holes can make, with the fixed ranges: 88 + 2 * 40 + 1, and some */
#define EPT_MTRR_PIECES		176

/**
 * struct ept_mtrr - the memory types of all physical addresses
 * @msrs: the raw values
 * @width: bits that the masks of the variable ranges look at; @msrs.maxphyaddr where none is valid.
 *	Firmware leaves the bits above to the key identifiers of memory encryption: a map of the
 *	host ends there
 * @nr: opaque; 0 marks one that wasn't decoded, which every function refuses
 * @covered: opaque
 * @piece: opaque
 *
 * Over 2 KiB: not for the stack. Constant once it is made, and read without a lock.
 */
struct ept_mtrr {
	struct ept_mtrr_msrs	msrs;
	unsigned int		width;
	unsigned int		nr;
	u64			covered;
	u64			piece[EPT_MTRR_PIECES];
};

/* A type that a PAT entry has beside those of enum ept_memtype: UC-, which MTRRs may make WC */
#define EPT_PAT_UC_MINUS	7

/**
 * ept_mtrr_read() - ask this CPU for its MTRRs
 * @mtrr: filled in
 *
 * Reads CPUID and MSRs with the safe accessors; writes nothing. Linux keeps the MTRRs of all CPUs
 * alike. The ranges of SMRR are left out: nobody reaches that memory outside of system-management
 * mode.
 *
 * Context: Any, but not while somebody changes this CPU's MTRRs, as Linux does when a CPU comes and
 *	when the machine resumes.
 * Return: as ept_mtrr_decode().
 */
int ept_mtrr_read(struct ept_mtrr *mtrr);

/**
 * ept_mtrr_decode() - ept_mtrr_read() from literal values
 * @msrs: the values; may be those of @mtrr
 * @mtrr: filled in; zeroed on an error
 *
 * What has no effect isn't judged: ranges that aren't valid, fixed ranges that are off. Where
 * ranges overlap, UC wins, WT wins over WB, and what the manual leaves undefined is UC. Masks may
 * have holes.
 *
 * Context: Any.
 * Return: 0, -EINVAL for NULL, and for what no CPU can hold: a @msrs.maxphyaddr below 32 or above
 *	52, more than %EPT_MTRR_VARIABLE ranges, an illegal type (2, 3, 7 and above; WC where
 *	IA32_MTRRCAP lacks it), a reserved bit, fixed ranges that are on where there are none;
 *	-ENODEV where the CPU has no MTRRs or they are off as a whole.
 */
int ept_mtrr_decode(const struct ept_mtrr_msrs *msrs, struct ept_mtrr *mtrr);

/**
 * ept_mtrr_uniform() - one memory type for all physical addresses
 * @memtype: the type
 * @maxphyaddr: width of physical addresses, 32 to 52 bits
 * @mtrr: filled in; zeroed on an error
 *
 * For machines of which ept_mtrr_read() says -ENODEV: with %EPT_MT_WB the types of such a guest are
 * those of its PAT alone. Decodes what MTRRs with a default type and no ranges would hold.
 *
 * Context: Any.
 * Return: 0, -EINVAL for NULL, a value that is no memory type, or a @maxphyaddr out of range.
 */
int ept_mtrr_uniform(enum ept_memtype memtype, unsigned int maxphyaddr, struct ept_mtrr *mtrr);

/**
 * ept_mtrr_type() - the memory type of an address, and how far it holds
 * @mtrr: from ept_mtrr_read(), ept_mtrr_decode() or ept_mtrr_uniform()
 * @hpa: of any alignment
 * @span: set to the bytes from @hpa to where another type begins, or to the end of physical
 *	addresses, on success; NULL if only the type matters
 *
 * A look-up in a sorted list, whatever the size of what is asked for. A mask with holes can have
 * more edges than any list: beyond those that were kept, the search goes from edge to edge, a few
 * dozen at most, and @span may be shorter than the type holds. It never is longer.
 *
 * Context: Any, non-maskable interrupts included.
 * Return: the type, an &enum ept_memtype, or -EINVAL for NULL or a @mtrr that wasn't decoded,
 *	-ERANGE for a @hpa beyond the MAXPHYADDR of @mtrr.
 */
int ept_mtrr_type(const struct ept_mtrr *mtrr, phys_addr_t hpa, u64 *span);

/**
 * ept_memtype_combine() - a guest's virtual MTRRs and the host's as one EPT type
 * @guest: the type that the guest's MTRRs give the memory
 * @host: the type that the host's give it
 *
 * For a leaf without %EPT_ATTR_IGNORE_PAT, on which the guest's PAT still counts. Alike: that one.
 * UC with any: UC. WB with any: the other. WT with WP: WP. All else: UC. Symmetric.
 *
 * Context: Any.
 * Return: the type, an &enum ept_memtype, or -EINVAL for a value that is no memory type.
 */
int ept_memtype_combine(enum ept_memtype guest, enum ept_memtype host);

/**
 * ept_memtype_effective() - what type an access has in the end
 * @memtype: the leaf's
 * @pat: the entry of the guest's PAT that its paging selects, from ept_pat_type(); %EPT_MT_WB
 *	where the guest's CR0.PG is 0
 *
 * For a leaf without %EPT_ATTR_IGNORE_PAT; with it the leaf's type is the one. CR0.CD is not looked
 * at. The manual's table "Effective Memory Type Depending on MTRR, PAT".
 *
 * Context: Any.
 * Return: the type, an &enum ept_memtype, or -EINVAL for a value that is no type.
 */
int ept_memtype_effective(enum ept_memtype memtype, unsigned int pat);

/**
 * ept_pat_type() - an entry of a PAT
 * @pat: IA32_PAT, 0x277
 * @index: of the entry, 0 to 7: PAT, PCD and PWT of the guest's paging entry
 *
 * Context: Any.
 * Return: an &enum ept_memtype or %EPT_PAT_UC_MINUS; -EINVAL for an @index above 7 or an entry that
 *	no CPU can hold.
 */
int ept_pat_type(u64 pat, unsigned int index);

/**
 * ept_map_typed() - map a range, each leaf with the type of its memory
 * @ept: a table
 * @gpa: as for ept_map()
 * @hpa: as for ept_map()
 * @size: as for ept_map()
 * @attrs: as for ept_map(); the memory type isn't looked at
 * @mtrr: what type memory has; not kept
 *
 * As ept_map(), with the largest leaves that have one type throughout.
 *
 * A range of one type is one ept_map(): a leaf may be mapped so wherever ept_map() may be called.
 * Otherwise it is one for each type in turn, the last first: CPUs may see a part of it before the
 * rest, and an error later than the first is undone by ept_unmap() of what was mapped, and a flush.
 * Nobody else may change what is in the range meanwhile; to map it as a fault handler does is fine.
 * Of -EEXIST and -ENOMEM, where both apply, either is returned.
 *
 * Context: As ept_map(). If the range has several types, as ept_gather_flush(), too.
 * Return: as ept_map(); -EINVAL also for a @mtrr that is NULL or wasn't decoded, -ERANGE also
 *	beyond its MAXPHYADDR.
 */
int ept_map_typed(struct ept *ept, u64 gpa, phys_addr_t hpa, u64 size,
		  const struct ept_attrs *attrs, const struct ept_mtrr *mtrr);

/**
 * ept_map_host() - map all that the host has, gpa = hpa
 * @ept: a table
 * @attrs: as for ept_map_typed()
 * @mtrr: what type memory has; not kept
 *
 * Maps, with the largest leaves of one type, each page of which the host's resource tree
 * (/proc/iomem) knows a byte, RAM, devices and bridge windows, below the width of the MTRRs' masks
 * and the guest's address width. What lies outside is left to the fault path: ept_map_host_leaf().
 * A machine's 1G leaves take a table for each 512G; without 1G leaves a window costs 4 MiB of
 * tables a TiB.
 *
 * Where something is mapped already, it stays, whatever it is; and wherever in the table a gpa maps
 * to itself with a type that isn't its memory's (any more), the type is brought up to date. So a
 * second call, after memory came or the MTRRs changed, does what is left to do. It flushes by
 * itself, once, before it returns, and not where only holes were filled. Large leaves are split
 * where types differ now; leaves that could be larger now are ept_merge()'s.
 *
 * On an error what was mapped and which type it had is as before; leaves that were split stay
 * small. While it works, CPUs may see a part of it. Others may map as a fault handler does, but not
 * unmap or replace.
 *
 * When MTRRs changed, which Linux tells nobody (a hypervisor sees WRMSR exit), handlers of faults
 * get the new @mtrr before this call, and the old one goes when no CPU is in one any more.
 *
 * For an atomic table fill the reserve before, and again after an -ENOMEM.
 *
 * Context: Process; may sleep, whatever the configuration.
 * Return: 0, -EINVAL for NULL, @attrs that no table can have or a @mtrr that wasn't decoded,
 *	-ERANGE if the host has something beyond the table's configured MAXPHYADDR, -EOPNOTSUPP for
 *	@attrs that this table cannot have (both only where something was left to map), -ENOMEM,
 *	-EEXIST where another call mapped first: call again.
 */
int ept_map_host(struct ept *ept, const struct ept_attrs *attrs, const struct ept_mtrr *mtrr);

/**
 * ept_map_host_leaf() - the fault path of ept_map_host()
 * @ept: a table
 * @gpa: where the fault was, of any alignment
 * @max: the largest leaf to make; at most that of the table's configuration, and %EPT_4K for
 *	what %EPT_CONFIG_NO_EXEC_LARGE keeps small
 * @attrs: as for ept_map_typed()
 * @mtrr: what type memory has; not kept
 *
 * Maps the largest aligned leaf around @gpa that has one type and of which nothing is mapped, gpa =
 * hpa, with one ept_map() that succeeds. Asks neither the resource tree nor anybody else whether
 * there is something. -EEXIST as for ept_map(): somebody was faster, or rights are missing. Rights
 * that ept_protect() took around a hole are not remembered for it: what is to have less than @attrs
 * is the client's to know. -ENOMEM in VMX root means that the reserve is empty, which only the
 * system can fill: have another way on, such as the instruction alone on another table, or with EPT
 * off (samples/thinvmm does both).
 *
 * Context: As ept_map() of one leaf.
 * Return: 0, -EINVAL for NULL, a @max above %EPT_1G, @attrs that no table can have or a @mtrr that
 *	wasn't decoded, -ERANGE beyond an address width, -EOPNOTSUPP, -EEXIST if @gpa is mapped,
 *	-ENOMEM.
 */
int ept_map_host_leaf(struct ept *ept, u64 gpa, enum ept_level max, const struct ept_attrs *attrs,
		      const struct ept_mtrr *mtrr);

/**
 * ept_host_memory_event() - what hotplug of memory means for a map of the host
 * @ept: a table
 * @attrs: as for ept_map_typed()
 * @mtrr: what type memory has; not kept
 * @action: MEM_* as the kernel's memory notifier gives it
 * @memory: as the kernel's memory notifier gives it
 *
 * For a client's callback of register_memory_notifier(), in the client's lock where the table has
 * %EPT_CONFIG_EXTERNAL_LOCK. Memory that is about to go online (%MEM_GOING_ONLINE) is mapped as
 * ept_map_host() would; the callback returns notifier_from_errno() of that, and an error keeps it
 * offline. Memory that went offline (%MEM_OFFLINE) is unmapped, with a flush; an error leaves it
 * mapped, and is not to be returned: nothing can be refused any more, and it would keep the next
 * callback from hearing. All else is ignored: a client that keeps more about memory than that it is
 * mapped, and would lose it here, refuses %MEM_GOING_OFFLINE itself.
 *
 * Context: Process; may sleep, whatever the configuration.
 * Return: 0, as ept_map_host(), as ept_unmap() with a NULL gather; -EINVAL also for @memory NULL.
 */
int ept_host_memory_event(struct ept *ept, const struct ept_attrs *attrs,
			  const struct ept_mtrr *mtrr, unsigned long action,
			  const struct memory_notify *memory);

#endif /* _EPT_MEMTYPE_H */
