// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of the guest's page tables, each of which lies behind EPT itself.
 *
 * Encodes the manual's chapter "Paging": "Paging-Mode Modifiers", the sections on 32-bit, PAE,
 * 4-level and 5-level paging, "Access Rights", "Page-Fault Exceptions", "Accessed and Dirty Flags";
 * and the table "Exit Qualification for EPT Violations".
 */
#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/rcupdate.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "guest.h"

/* Entries of 4 and of 8 bytes */
#define ENTRY_PRESENT		BIT_ULL(0)
#define ENTRY_WRITE		BIT_ULL(1)
#define ENTRY_USER		BIT_ULL(2)
#define ENTRY_PWT		BIT_ULL(3)
#define ENTRY_PCD		BIT_ULL(4)
#define ENTRY_ACCESSED		BIT_ULL(5)
#define ENTRY_DIRTY		BIT_ULL(6)
#define ENTRY_LARGE		BIT_ULL(7)
#define ENTRY_PAT_SMALL		BIT_ULL(7)
#define ENTRY_GLOBAL		BIT_ULL(8)
#define ENTRY_PAT_LARGE		BIT_ULL(12)
#define ENTRY_KEY		GENMASK_ULL(62, 59)
#define ENTRY_NO_EXEC		BIT_ULL(63)

/* 4M pages */
#define PSE_ADDRESS		GENMASK_ULL(31, 22)
#define PSE_HIGH		GENMASK_ULL(20, 13)
#define PSE_WIDTH		40

#define CR4_PKS			BIT_ULL(24)	/* not in all headers */

#define KEY_ACCESS_DISABLE	BIT(0)
#define KEY_WRITE_DISABLE	BIT(1)

#define EPTP_AD			BIT_ULL(6)

#define ANY_PROT		(EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC)
#define ANY_ACCESS		(ANY_PROT | EPT_GUEST_USER | EPT_GUEST_IMPLICIT |	\
				 EPT_GUEST_STACK | EPT_GUEST_SET_AD)

/**
 * struct step - an entry that the walk used
 * @at: where it is
 * @entry: its value, when it was read
 * @gpa: where it is for the guest
 * @prot: what EPT grants there
 */
struct step {
	void	*at;
	u64	entry;
	u64	gpa;
	u32	prot;
};

/**
 * struct walker - a walk under way
 * @ept: the table
 * @paging: the guest's registers
 * @walk: the result
 * @access: the caller's
 * @gva: the linear address, of as many bits as it has
 * @user: a user access, as rights and page-fault codes have it
 * @table_access: what EPT has to grant where an entry is read. The rest begins anew with each walk
 * @wide: entries have 8 bytes
 * @long_mode: 4- or 5-level paging
 * @table: guest-physical address of the first table
 * @shift: of the address bits that choose the table's entry, the one above them; afterwards of the
 *	offset in the page, the same
 * @large: shifts at which bit 7 makes a leaf, a bit each
 * @address: bits of an entry that are an address
 * @reserved: bits of an entry that are reserved at each level
 * @leaf: what EPT had for the last address
 * @all: entries so far and-ed
 * @any: entries so far or-ed
 * @nr: entries that were used, when the last was
 * @step: these
 */
struct walker {
	struct ept			*ept;
	const struct ept_guest_paging	*paging;
	struct ept_guest_walk		*walk;
	u32				access;
	u64				gva;
	bool				user;
	u32				table_access;
	bool				wide;
	bool				long_mode;
	u64				table;
	unsigned int			shift;
	u64				large;
	u64				address;
	u64				reserved;
	struct ept_mapping		leaf;
	u64				all;
	u64				any;
	unsigned int			nr;
	struct step			step[EPT_GUEST_LEVELS];
};

/*
 * Endings: each writes the whole result. Those without a translation say false, so that what the
 * walk goes through can return it.
 */

static bool exception(struct walker *w, u8 vector, u32 code)
{
	*w->walk = (struct ept_guest_walk){
		.verdict = EPT_WALK_FAULT,
		.gva = w->gva,
		.vector = vector,
		.error_code = code,
	};
	return false;
}

static bool page_fault(struct walker *w, u32 code)
{
	const struct ept_guest_paging *paging = w->paging;
	const bool tells_fetch = paging->cr4 & X86_CR4_SMEP ||
				 (paging->cr4 & X86_CR4_PAE && paging->efer & EFER_NX);

	if (w->access & EPT_PROT_WRITE)
		code |= X86_PF_WRITE;
	if (w->user)
		code |= X86_PF_USER;
	if (w->access & EPT_PROT_EXEC && tells_fetch)
		code |= X86_PF_INSTR;
	return exception(w, X86_TRAP_PF, code);
}

static bool no_memory(struct walker *w, u64 gpa)
{
	*w->walk = (struct ept_guest_walk){
		.verdict = EPT_WALK_NO_MEMORY,
		.gva = w->gva,
		.gpa = gpa,
	};
	return false;
}

/* @access: what EPT was asked for; @err: an errno of ept_guest_reach() */
static bool exit_from_guest(struct walker *w, u64 gpa, u32 access, int err, bool page_walk)
{
	*w->walk = (struct ept_guest_walk){
		.verdict = err == -EIO ? EPT_WALK_MISCONFIGURED : EPT_WALK_VIOLATION,
		.gva = w->gva,
		.gpa = gpa,
	};
	if (err == -EIO)
		return false;
	w->walk->violation = (struct ept_violation){
		.read = access & (EPT_PROT_READ | EPT_PROT_WRITE),
		.write = access & EPT_PROT_WRITE,
		.exec = access & (EPT_PROT_EXEC | EPT_PROT_UEXEC),
		.prot = w->leaf.attrs.prot,
		.gla_valid = true,
		.page_walk = page_walk,
		.advanced = !page_walk,
		.user = !page_walk && w->all & ENTRY_USER,
		.writable = !page_walk && w->all & ENTRY_WRITE,
		.no_exec = !page_walk && w->any & ENTRY_NO_EXEC,
	};
	return false;
}

/*
 * Where a walk begins
 */

static bool begin_32bit(struct walker *w)
{
	w->address = GENMASK_ULL(31, 12);
	w->table = w->paging->cr3 & w->address;
	w->shift = 32;
	w->large = w->paging->cr4 & X86_CR4_PSE ? BIT_ULL(22) : 0;
	return true;
}

/* Bits of an address in an entry, and those above them up to @top, which are reserved */
static void wide_entries(struct walker *w, unsigned int top)
{
	const u64 below = BIT_ULL(w->paging->maxphyaddr) - 1;

	w->wide = true;
	w->address = below & GENMASK_ULL(51, 12);
	w->reserved = GENMASK_ULL(top, 0) & ~below;
	if (!(w->paging->efer & EFER_NX))
		w->reserved |= ENTRY_NO_EXEC;
}

/* The registers' reserved bits were judged when they were loaded. They give and take no rights. */
static bool begin_pae(struct walker *w)
{
	const u64 pdpte = w->paging->pdpte[w->gva >> 30 & 3];

	wide_entries(w, 62);
	if (!(pdpte & ENTRY_PRESENT))
		return page_fault(w, 0);
	w->table = pdpte & w->address;
	w->shift = 30;
	w->large = BIT_ULL(21);
	return true;
}

static bool begin_long(struct walker *w)
{
	w->shift = w->paging->cr4 & X86_CR4_LA57 ? 57 : 48;
	if ((u64)sign_extend64(w->gva, w->shift - 1) != w->gva)
		return exception(w, w->access & EPT_GUEST_STACK ? X86_TRAP_SS : X86_TRAP_GP, 0);
	wide_entries(w, 51);
	w->long_mode = true;
	w->table = w->paging->cr3 & w->address;
	w->large = BIT_ULL(21) | (w->paging->leaf_1g ? BIT_ULL(30) : 0);
	return true;
}

static bool begin(struct walker *w)
{
	if (!(w->paging->cr4 & X86_CR4_PAE))
		return begin_32bit(w);
	return w->paging->efer & EFER_LMA ? begin_long(w) : begin_pae(w);
}

/*
 * Down the tables
 */

static __always_inline bool read_entry(struct walker *w, struct step *step, const bool wide)
{
	int err = ept_guest_reach(w->ept, step->gpa, w->table_access, &w->leaf);

	if (unlikely(err))
		return exit_from_guest(w, step->gpa, w->table_access, err, true);
	step->at = ept_guest_memory(ept_guest_hpa(&w->leaf, step->gpa), false);
	if (unlikely(!step->at))
		return no_memory(w, step->gpa);
	step->prot = w->leaf.attrs.prot;
	step->entry = wide ? READ_ONCE(*(u64 *)step->at) : READ_ONCE(*(u32 *)step->at);
	return true;
}

/* What a 4M page may not have: of its address bits above 31, those beyond the CPU's width */
static u64 reserved_4m(const struct walker *w)
{
	const unsigned int width = min_t(unsigned int, w->paging->maxphyaddr, PSE_WIDTH);

	return GENMASK_ULL(21, width - 19);
}

/*
 * Of an entry with bit 7 above the last level: what is reserved beside what is so everywhere. That
 * is address bits inside a large page, or bit 7 itself where none may be; without large pages in
 * 32-bit paging it is ignored.
 */
static u64 reserved_large(const struct walker *w, unsigned int shift)
{
	if (!(w->large & BIT_ULL(shift)))
		return w->wide ? ENTRY_LARGE : 0;
	return w->wide ? GENMASK_ULL(shift - 1, 13) : reserved_4m(w);
}

static __always_inline bool descend_by(struct walker *w, const bool wide)
{
	const unsigned int index_bits = wide ? 9 : 10;
	const u64 index_mask = BIT_ULL(index_bits) - 1;
	u64 reserved = w->reserved, table = w->table, gva = w->gva, entry;
	unsigned int shift = w->shift;
	struct step *step = w->step;

	for (;; step++) {
		shift -= index_bits;
		step->gpa = table + ((gva >> shift & index_mask) << (wide ? 3 : 2));
		if (!read_entry(w, step, wide))
			return false;
		entry = step->entry;
		if (unlikely(!(entry & ENTRY_PRESENT)))
			return page_fault(w, 0);
		if (entry & ENTRY_LARGE && shift != PAGE_SHIFT)
			reserved |= reserved_large(w, shift);
		if (unlikely(entry & reserved))
			return page_fault(w, X86_PF_PROT | X86_PF_RSVD);
		w->all &= entry;
		w->any |= entry;
		if (shift == PAGE_SHIFT || (entry & ENTRY_LARGE && w->large & BIT_ULL(shift)))
			break;
		table = entry & w->address;
	}
	w->shift = shift;
	w->nr = step - w->step + 1;
	return true;
}

static bool descend(struct walker *w)
{
	return w->wide ? descend_by(w, true) : descend_by(w, false);
}

static u64 page_address_of(const struct walker *w, u64 leaf)
{
	if (!w->wide && w->shift != PAGE_SHIFT)
		return (leaf & PSE_ADDRESS) | FIELD_GET(PSE_HIGH, leaf) << 32;
	return leaf & w->address & ~(BIT_ULL(w->shift) - 1);
}

/*
 * Rights
 */

static bool key_forbids(const struct walker *w, u64 leaf)
{
	const struct ept_guest_paging *paging = w->paging;
	const bool user_page = w->all & ENTRY_USER;
	u32 rights;

	if (!w->long_mode || !(paging->cr4 & (user_page ? X86_CR4_PKE : CR4_PKS)))
		return false;
	if (!user_page && w->user)
		return false;
	rights = (user_page ? paging->pkru : paging->pkrs) >> (2 * FIELD_GET(ENTRY_KEY, leaf));
	if (rights & KEY_ACCESS_DISABLE)
		return true;
	return rights & KEY_WRITE_DISABLE && w->access & EPT_PROT_WRITE &&
	       (w->user || paging->cr0 & X86_CR0_WP);
}

static bool may_fetch(const struct walker *w)
{
	const bool user_page = w->all & ENTRY_USER;

	if (w->any & ENTRY_NO_EXEC)
		return false;
	return w->user ? user_page : !user_page || !(w->paging->cr4 & X86_CR4_SMEP);
}

static bool may_access(const struct walker *w)
{
	const bool refuses = w->access & EPT_PROT_WRITE && !(w->all & ENTRY_WRITE);
	const bool user_page = w->all & ENTRY_USER;
	const struct ept_guest_paging *paging = w->paging;

	if (w->user)
		return user_page && !refuses;
	if (refuses && paging->cr0 & X86_CR0_WP)
		return false;
	if (!user_page || !(paging->cr4 & X86_CR4_SMAP))
		return true;
	return paging->rflags & X86_EFLAGS_AC && !(w->access & EPT_GUEST_IMPLICIT);
}

static bool check_rights(struct walker *w)
{
	u32 code = 0;

	if (!(w->access & ANY_PROT))
		return true;
	if (w->access & EPT_PROT_EXEC)
		return may_fetch(w) || page_fault(w, X86_PF_PROT);
	if (key_forbids(w, w->step[w->nr - 1].entry))
		code = X86_PF_PROT | X86_PF_PK;
	if (!may_access(w))
		code |= X86_PF_PROT;
	return !code || page_fault(w, code);
}

/*
 * Accessed and dirty
 */

static u64 with_flags(const struct walker *w, const struct step *step)
{
	const bool leaf = step == &w->step[w->nr - 1];

	return step->entry | ENTRY_ACCESSED |
	       (leaf && w->access & EPT_PROT_WRITE ? ENTRY_DIRTY : 0);
}

static bool flag_refused(struct walker *w, const struct step *step)
{
	w->leaf.attrs.prot = step->prot;
	return exit_from_guest(w, step->gpa, EPT_PROT_READ | EPT_PROT_WRITE, -EACCES, true);
}

/* EPT has to allow the writes, before any of them is made. */
static bool check_flags(struct walker *w)
{
	if (!(w->access & ANY_PROT))
		return true;
	for (unsigned int i = 0; i < w->nr; i++) {
		const struct step *step = &w->step[i];

		if (with_flags(w, step) != step->entry && !(step->prot & EPT_PROT_WRITE))
			return flag_refused(w, step);
	}
	return true;
}

/* Whether the entry was still as it had been read */
static bool set_flags_of(const struct walker *w, const struct step *step)
{
	const u64 flagged = with_flags(w, step);
	u64 old = step->entry;
	u32 old_narrow = old;

	if (flagged == old)
		return true;
	if (w->wide)
		return try_cmpxchg((u64 *)step->at, &old, flagged);
	return try_cmpxchg((u32 *)step->at, &old_narrow, (u32)flagged);
}

static bool set_flags(const struct walker *w)
{
	for (unsigned int i = 0; i < w->nr; i++)
		if (!set_flags_of(w, &w->step[i]))
			return false;
	return true;
}

/*
 * All of it
 */

/* With mode-based execute, fetches from user-mode addresses have a right of their own. */
static u32 page_access(const struct walker *w)
{
	const u32 prot = w->access & ANY_PROT;

	return prot & EPT_PROT_EXEC && w->all & ENTRY_USER ? EPT_PROT_UEXEC : prot;
}

static bool reach_page(struct walker *w, u64 gpa)
{
	const u32 access = page_access(w);
	int err = ept_guest_reach(w->ept, gpa, access, &w->leaf);

	return likely(!err) || exit_from_guest(w, gpa, access, err, false);
}

static bool walk_tables(struct walker *w, u64 *gpa)
{
	if (!begin(w) || !descend(w) || !check_rights(w))
		return false;
	if (w->access & EPT_GUEST_SET_AD && !check_flags(w))
		return false;
	*gpa = page_address_of(w, w->step[w->nr - 1].entry) + (w->gva & (BIT_ULL(w->shift) - 1));
	return true;
}

static void tell_entries(const struct walker *w)
{
	for (unsigned int i = 0; i < w->nr; i++)
		w->walk->entries[i] = w->step[i].gpa;
	w->walk->nr_entries = w->nr;
}

/* Field by field: the usual end, and a whole struct would be made elsewhere first. */
static void translated(struct walker *w, u64 gpa)
{
	const u64 leaf = w->nr ? w->step[w->nr - 1].entry : 0;
	const u64 pat = w->shift == PAGE_SHIFT ? ENTRY_PAT_SMALL : ENTRY_PAT_LARGE;
	struct ept_guest_walk *walk = w->walk;

	walk->verdict = EPT_WALK_OK;
	walk->gva = w->gva;
	walk->gpa = gpa;
	walk->hpa = ept_guest_hpa(&w->leaf, gpa);
	walk->size = BIT_ULL(w->shift);
	walk->writable = w->all & ENTRY_WRITE;
	walk->user = w->all & ENTRY_USER;
	walk->no_exec = w->any & ENTRY_NO_EXEC;
	walk->global = leaf & ENTRY_GLOBAL;
	walk->pkey = w->long_mode ? FIELD_GET(ENTRY_KEY, leaf) : 0;
	walk->pat = FIELD_GET(ENTRY_PWT | ENTRY_PCD, leaf) | (leaf & pat ? 4 : 0);
	walk->nr_entries = 0;
	if (w->access & EPT_GUEST_SET_AD)
		tell_entries(w);
	walk->vector = 0;
	walk->error_code = 0;
	walk->violation = (struct ept_violation){};
}

/* Linear addresses have 64 bits in 64-bit mode, and where the CPU itself reads its tables. */
static u64 linear_address(const struct ept_guest_paging *paging, u64 gva, u32 access)
{
	if (paging->efer & EFER_LMA && (paging->cs_long || access & EPT_GUEST_IMPLICIT))
		return gva;
	return (u32)gva;
}

/* False: an entry changed before its flags were set. */
static bool try_walk(struct walker *w, u64 gva)
{
	u64 gpa;

	w->gva = linear_address(w->paging, gva, w->access);
	w->wide = false;
	w->long_mode = false;
	w->shift = 32;
	w->reserved = 0;
	w->leaf.size = 0;
	w->all = ~0ULL;
	w->any = 0;
	w->nr = 0;
	gpa = w->gva;
	if (w->paging->cr0 & X86_CR0_PG && !walk_tables(w, &gpa))
		return true;
	if (!reach_page(w, gpa))
		return true;
	if (w->access & EPT_GUEST_SET_AD && !set_flags(w))
		return false;
	translated(w, gpa);
	return true;
}

static bool is_legal(const struct ept *ept, const struct ept_guest_paging *paging, u32 access)
{
	if (IS_ERR_OR_NULL(ept) || !paging || paging->maxphyaddr < 32 || paging->maxphyaddr > 52)
		return false;
	if (access & ~ANY_ACCESS)
		return false;
	return !(access & EPT_PROT_EXEC) ||
	       !(access & (EPT_PROT_READ | EPT_PROT_WRITE | EPT_GUEST_IMPLICIT));
}

/* What all walks of a call have in common; false: -EINVAL */
static __always_inline bool prepare(struct walker *w, struct ept *ept,
				    const struct ept_guest_paging *paging, u32 access,
				    struct ept_guest_walk *walk)
{
	if (!walk || !is_legal(ept, paging, access))
		return false;
	w->ept = ept;
	w->paging = paging;
	w->walk = walk;
	w->access = access;
	w->user = access & EPT_GUEST_USER && !(access & EPT_GUEST_IMPLICIT);
	w->table_access = access & ANY_PROT ? EPT_PROT_READ : EPT_GUEST_AS_HOST;
	if (w->table_access && ept_pointer(ept) & EPTP_AD)
		w->table_access |= EPT_PROT_WRITE;
	return true;
}

/* A piece within a page, that may be empty. Returns how much of it was done. */
static size_t copy(struct walker *w, enum ept_guest_op op, void *buffer, size_t length)
{
	struct ept_guest_walk *walk = w->walk;
	size_t done;

	if (walk->verdict != EPT_WALK_OK || !length)
		return 0;
	done = ept_guest_piece(op, walk->hpa, buffer, length);
	if (done < length)
		*walk = (struct ept_guest_walk){
			.verdict = EPT_WALK_NO_MEMORY,
			.gva = walk->gva + done,
			.gpa = walk->gpa + done,
		};
	return done;
}

/* Walks, and copies where that leads to. What the walk found is good for one RCU section. */
static size_t walk_and_copy(struct walker *w, u64 gva, enum ept_guest_op op, void *buffer,
			    size_t length)
{
	size_t done = 0;
	bool walked;

	do {
		rcu_read_lock();
		walked = try_walk(w, gva);
		if (likely(walked))
			done = copy(w, op, buffer, length);
		rcu_read_unlock();
	} while (unlikely(!walked));
	return done;
}

int ept_guest_walk(struct ept *ept, const struct ept_guest_paging *paging, u64 gva, u32 access,
		   struct ept_guest_walk *walk)
{
	struct walker w __uninitialized;
	bool walked;

	if (!prepare(&w, ept, paging, access & ~EPT_GUEST_ONCE, walk))
		return -EINVAL;
	if (!(access & EPT_GUEST_ONCE)) {
		walk_and_copy(&w, gva, GUEST_READ, NULL, 0);
		return 0;
	}
	rcu_read_lock();
	walked = try_walk(&w, gva);
	rcu_read_unlock();
	if (!walked)
		tell_entries(&w);
	return walked ? 0 : -EAGAIN;
}
EXPORT_SYMBOL_EPT(ept_guest_walk);

static ssize_t access_virt(struct walker *w, u64 gva, enum ept_guest_op op, void *buffer,
			   size_t length)
{
	size_t done = 0;

	if (!buffer || (ssize_t)length <= 0)
		return -EINVAL;
	do {
		size_t size = ept_guest_piece_size(gva + done, length - done);

		done += walk_and_copy(w, gva + done, op, buffer + done, size);
	} while (w->walk->verdict == EPT_WALK_OK && done < length);
	return done;
}

ssize_t ept_guest_read_virt(struct ept *ept, const struct ept_guest_paging *paging, u64 gva,
			    void *buffer, size_t length, u32 access, struct ept_guest_walk *walk)
{
	struct walker w __uninitialized;

	if (!prepare(&w, ept, paging, access, walk))
		return -EINVAL;
	return access_virt(&w, gva, GUEST_READ, buffer, length);
}
EXPORT_SYMBOL_EPT(ept_guest_read_virt);

ssize_t ept_guest_write_virt(struct ept *ept, const struct ept_guest_paging *paging, u64 gva,
			     const void *buffer, size_t length, u32 access,
			     struct ept_guest_walk *walk)
{
	struct walker w __uninitialized;

	if (!prepare(&w, ept, paging, access, walk))
		return -EINVAL;
	return access_virt(&w, gva, GUEST_WRITE, (void *)buffer, length);
}
EXPORT_SYMBOL_EPT(ept_guest_write_virt);
