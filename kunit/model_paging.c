// SPDX-License-Identifier: GPL-2.0
/*
 * Intel SDM volume 3, chapter "Paging": the figures of "Formats of CR3 and Paging-Structure
 * Entries", "Determination of Access Rights", "Page-Fault Exceptions", "Accessed and Dirty Flags",
 * "Protection Keys".
 */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "model_paging.h"

/* What a row of a figure says of its bits */
enum meaning {
	IGNORED,
	RESERVED,
	ADDRESS,
	HIGH_ADDRESS,	/* of a 4M page: the row's lowest bit is bit 32 of the address */
	PRESENT,
	WRITABLE,
	USER,
	WRITE_THROUGH,
	CACHE_DISABLE,
	ACCESSED,
	DIRTY,
	SIZE,		/* is as the choice of the figure says */
	PAT,
	GLOBAL,
	KEY,
	EXECUTE_DISABLE,
};

struct row {
	u8		high, low;
	enum meaning	meaning;
};

/* Rows that all figures have */
static const struct row each_entry[] = {
	{ 5, 5, ACCESSED }, { 4, 4, CACHE_DISABLE }, { 3, 3, WRITE_THROUGH }, { 2, 2, USER },
	{ 1, 1, WRITABLE }, { 0, 0, PRESENT }
};

/* And that all of an entry that maps a page have */
static const struct row each_page[] = { { 8, 8, GLOBAL }, { 6, 6, DIRTY } };

/* 32-bit paging */
static const struct row narrow_table[] = {
	{ 31, 12, ADDRESS }, { 11, 8, IGNORED }, { 7, 7, SIZE }, { 6, 6, IGNORED }
};

static const struct row narrow_4m[] = {
	{ 31, 22, ADDRESS }, { 21, 21, RESERVED }, { 20, 13, HIGH_ADDRESS }, { 12, 12, PAT },
	{ 11, 9, IGNORED }, { 7, 7, SIZE }
};

static const struct row narrow_4k[] = {
	{ 31, 12, ADDRESS }, { 11, 9, IGNORED }, { 7, 7, PAT }
};

/* PAE paging */
static const struct row pae_table[] = {
	{ 63, 63, EXECUTE_DISABLE }, { 62, 52, RESERVED }, { 51, 12, ADDRESS }, { 11, 8, IGNORED },
	{ 7, 7, SIZE }, { 6, 6, IGNORED }
};

static const struct row pae_2m[] = {
	{ 63, 63, EXECUTE_DISABLE }, { 62, 52, RESERVED }, { 51, 21, ADDRESS },
	{ 20, 13, RESERVED }, { 12, 12, PAT }, { 11, 9, IGNORED }, { 7, 7, SIZE }
};

static const struct row pae_4k[] = {
	{ 63, 63, EXECUTE_DISABLE }, { 62, 52, RESERVED }, { 51, 12, ADDRESS }, { 11, 9, IGNORED },
	{ 7, 7, PAT }
};

/* 4-level and 5-level paging */
static const struct row long_top[] = {
	{ 63, 63, EXECUTE_DISABLE }, { 62, 52, IGNORED }, { 51, 12, ADDRESS }, { 11, 8, IGNORED },
	{ 7, 7, RESERVED }, { 6, 6, IGNORED }
};

static const struct row long_table[] = {
	{ 63, 63, EXECUTE_DISABLE }, { 62, 52, IGNORED }, { 51, 12, ADDRESS }, { 11, 8, IGNORED },
	{ 7, 7, SIZE }, { 6, 6, IGNORED }
};

static const struct row long_1g[] = {
	{ 63, 63, EXECUTE_DISABLE }, { 62, 59, KEY }, { 58, 52, IGNORED }, { 51, 30, ADDRESS },
	{ 29, 13, RESERVED }, { 12, 12, PAT }, { 11, 9, IGNORED }, { 7, 7, SIZE }
};

static const struct row long_2m[] = {
	{ 63, 63, EXECUTE_DISABLE }, { 62, 59, KEY }, { 58, 52, IGNORED }, { 51, 21, ADDRESS },
	{ 20, 13, RESERVED }, { 12, 12, PAT }, { 11, 9, IGNORED }, { 7, 7, SIZE }
};

static const struct row long_4k[] = {
	{ 63, 63, EXECUTE_DISABLE }, { 62, 59, KEY }, { 58, 52, IGNORED }, { 51, 12, ADDRESS },
	{ 11, 9, IGNORED }, { 7, 7, PAT }
};

struct figure {
	const struct row	*rows;
	size_t			nr;
	bool			maps;
};

#define FIGURE_OF(table, maps_a_page)	\
	{ .rows = (table), .nr = sizeof(table) / sizeof(struct row), .maps = (maps_a_page) }

enum figure_name {
	NARROW_TABLE, NARROW_4M, NARROW_4K, PAE_TABLE, PAE_2M, PAE_4K, LONG_TOP, LONG_TABLE,
	LONG_1G, LONG_2M, LONG_4K,
};

static const struct figure figures[] = {
	[NARROW_TABLE] = FIGURE_OF(narrow_table, false),
	[NARROW_4M] = FIGURE_OF(narrow_4m, true),
	[NARROW_4K] = FIGURE_OF(narrow_4k, true),
	[PAE_TABLE] = FIGURE_OF(pae_table, false),
	[PAE_2M] = FIGURE_OF(pae_2m, true),
	[PAE_4K] = FIGURE_OF(pae_4k, true),
	[LONG_TOP] = FIGURE_OF(long_top, false),
	[LONG_TABLE] = FIGURE_OF(long_table, false),
	[LONG_1G] = FIGURE_OF(long_1g, true),
	[LONG_2M] = FIGURE_OF(long_2m, true),
	[LONG_4K] = FIGURE_OF(long_4k, true),
};

/* Which bits of a linear address choose an entry, and how far the page reaches that it may map */
struct stage {
	u8	high, low;
};

static const struct stage narrow_stages[] = { { 31, 22 }, { 21, 12 } };
static const struct stage pae_stages[] = { { 29, 21 }, { 20, 12 } };
static const struct stage long_stages[] = {
	{ 56, 48 }, { 47, 39 }, { 38, 30 }, { 29, 21 }, { 20, 12 }
};

static enum figure_name choose_figure(const struct paging_cpu *cpu, const struct stage *stage,
				      u64 entry)
{
	const bool size = entry & BIT(7);

	switch (cpu->mode) {
	case PAGING_32:
		if (stage->low == 12)
			return NARROW_4K;
		return size && cpu->pse ? NARROW_4M : NARROW_TABLE;
	case PAGING_PAE:
		if (stage->low == 12)
			return PAE_4K;
		return size ? PAE_2M : PAE_TABLE;
	default:
		if (stage->low == 12)
			return LONG_4K;
		if (stage->low == 21)
			return size ? LONG_2M : LONG_TABLE;
		if (stage->low == 30 && cpu->pages_1g)
			return size ? LONG_1G : LONG_TABLE;
		return LONG_TOP;
	}
}

/* An entry, read by its figure */
struct reading {
	bool		present, write, user, xd, global, accessed, dirty, reserved, maps;
	unsigned int	key, pat;
	u64		address;
};

static void read_bit(const struct paging_cpu *cpu, const struct row *row, unsigned int bit,
		     struct reading *reading)
{
	const unsigned int pse_width = cpu->width < 40 ? cpu->width : 40;
	const unsigned int high_bit = bit - row->low + 32;

	switch (row->meaning) {
	case IGNORED:
	case SIZE:
		break;
	case RESERVED:
		reading->reserved = true;
		break;
	case ADDRESS:
		reading->address |= BIT_ULL(bit);
		/* Nothing of a 32-bit entry's address is reserved. */
		if (cpu->mode != PAGING_32 && bit >= cpu->width)
			reading->reserved = true;
		break;
	case HIGH_ADDRESS:
		reading->address |= BIT_ULL(high_bit);
		if (high_bit >= pse_width)
			reading->reserved = true;
		break;
	case PRESENT:
		reading->present = true;
		break;
	case WRITABLE:
		reading->write = true;
		break;
	case USER:
		reading->user = true;
		break;
	case WRITE_THROUGH:
		reading->pat += 1;
		break;
	case CACHE_DISABLE:
		reading->pat += 2;
		break;
	case ACCESSED:
		reading->accessed = true;
		break;
	case DIRTY:
		reading->dirty = true;
		break;
	case PAT:
		reading->pat += 4;
		break;
	case GLOBAL:
		reading->global = true;
		break;
	case KEY:
		reading->key |= 1 << (bit - row->low);
		break;
	case EXECUTE_DISABLE:
		reading->xd = true;
		if (!cpu->nxe)
			reading->reserved = true;
		break;
	}
}

static void read_rows(const struct paging_cpu *cpu, u64 entry, const struct row *rows, size_t nr,
		      struct reading *reading)
{
	for (size_t i = 0; i < nr; i++)
		for (unsigned int bit = rows[i].low; bit <= rows[i].high; bit++)
			if (entry >> bit & 1)
				read_bit(cpu, &rows[i], bit, reading);
}

static struct reading read_entry(const struct paging_cpu *cpu, const struct stage *stage,
				 u64 entry)
{
	const struct figure *figure = &figures[choose_figure(cpu, stage, entry)];
	struct reading reading = { .maps = figure->maps };

	read_rows(cpu, entry, figure->rows, figure->nr, &reading);
	read_rows(cpu, entry, each_entry, ARRAY_SIZE(each_entry), &reading);
	if (figure->maps)
		read_rows(cpu, entry, each_page, ARRAY_SIZE(each_page), &reading);
	return reading;
}

struct story {
	const struct paging_cpu		*cpu;
	const struct mmu		*mmu;
	u64				eptp;
	u64				linear;
	const struct paging_access	*access;
	paging_memory_t			memory;
	void				*arg;
	struct paging_result		*result;
	bool				user_access, supervisor_access, host;
	/* Of all entries */
	bool				all_write, all_user, any_xd;
	struct reading			last;
	/* Entries that were used */
	unsigned int			nr;
	struct { u64 gpa, hpa; bool accessed; } used[5];
};

static bool raise(struct story *story, unsigned int vector, unsigned int code)
{
	story->result->verdict = PAGING_EXCEPTION;
	story->result->vector = vector;
	story->result->code = code;
	return false;
}

static bool page_fault(struct story *story, bool present, bool reserved, bool key)
{
	const struct paging_cpu *cpu = story->cpu;
	const bool has_nx = cpu->mode != PAGING_32 && cpu->nxe;

	return raise(story, 14, present * 1 + story->access->write * 2 + story->user_access * 4 +
		     reserved * 8 + (story->access->fetch && (cpu->smep || has_nx)) * 16 +
		     key * 32);
}

/* An access to a guest-physical address, through EPT */
static bool physical(struct story *story, u64 gpa, const struct mmu_access *access, u64 *hpa)
{
	struct paging_result *result = story->result;

	mmu_look(story->mmu, story->eptp, gpa, access, &result->ept);
	if (result->ept.verdict == MMU_OK) {
		*hpa = result->ept.hpa;
		return true;
	}
	result->verdict = PAGING_EPT;
	result->gpa = gpa;
	result->beyond = result->ept.verdict == MMU_BEYOND;
	if (result->ept.verdict == MMU_VIOLATION && !access->page_walk)
		result->ept.qualification |= story->all_user * BIT(9) | story->all_write * BIT(10) |
					     story->any_xd * BIT(11);
	return false;
}

/* As the host there is neither an EPTP nor a right: only where the leaf leads to. */
static bool entry_at(struct story *story, u64 gpa, u64 *entry)
{
	const struct mmu_access access = { .read = true, .page_walk = true };
	const struct mmu_access host = { .page_walk = true };
	const u64 eptp = story->eptp;
	void *where;
	u64 hpa;
	bool ok;

	if (story->host)
		story->eptp &= ~BIT_ULL(6);
	ok = physical(story, gpa, story->host ? &host : &access, &hpa);
	story->eptp = eptp;
	if (!ok)
		return false;
	where = story->memory(hpa, story->arg);
	if (!where) {
		story->result->verdict = PAGING_NO_MEMORY;
		story->result->gpa = gpa;
		return false;
	}
	*entry = story->cpu->mode == PAGING_32 ? *(u32 *)where : *(u64 *)where;
	story->used[story->nr].gpa = gpa;
	story->used[story->nr].hpa = hpa;
	return true;
}

static u64 bits_of(u64 value, unsigned int high, unsigned int low)
{
	return value << (63 - high) >> (63 - high + low);
}

static bool pass_stages(struct story *story, u64 table, const struct stage *stage)
{
	const unsigned int entry_bytes = story->cpu->mode == PAGING_32 ? 4 : 8;
	struct paging_result *result = story->result;
	u64 entry, offset;

	for (;; stage++) {
		const u64 index = bits_of(story->linear, stage->high, stage->low);

		if (!entry_at(story, table + index * entry_bytes, &entry))
			return false;
		story->last = read_entry(story->cpu, stage, entry);
		if (!story->last.present)
			return page_fault(story, false, false, false);
		if (story->last.reserved)
			return page_fault(story, true, true, false);
		story->used[story->nr++].accessed = story->last.accessed;
		story->all_write = story->all_write && story->last.write;
		story->all_user = story->all_user && story->last.user;
		story->any_xd = story->any_xd || story->last.xd;
		if (story->last.maps)
			break;
		table = story->last.address;
	}
	offset = bits_of(story->linear, stage->low - 1, 0);
	result->gpa = story->last.address + offset;
	result->size = 1ULL << stage->low;
	return true;
}

static bool tables(struct story *story)
{
	const struct paging_cpu *cpu = story->cpu;
	const unsigned int top = cpu->mode == PAGING_5_LEVEL ? 56 : 47;
	u64 pdpte, upper;

	switch (cpu->mode) {
	case PAGING_OFF:
		story->result->gpa = story->linear;
		story->result->size = 1ULL << 32;
		return true;
	case PAGING_32:
		return pass_stages(story, bits_of(cpu->table, 31, 12) << 12, narrow_stages);
	case PAGING_PAE:
		pdpte = cpu->pdpte[bits_of(story->linear, 31, 30)];
		if (!(pdpte & 1))
			return page_fault(story, false, false, false);
		return pass_stages(story, bits_of(pdpte, cpu->width - 1, 12) << 12, pae_stages);
	default:
		upper = story->linear >> top;
		if (upper != 0 && upper != ~0ULL >> top)
			return raise(story, story->access->stack ? 12 : 13, 0);
		return pass_stages(story, bits_of(cpu->table, cpu->width - 1, 12) << 12,
				   &long_stages[cpu->mode == PAGING_5_LEVEL ? 0 : 1]);
	}
}

/* Whether the page's key takes the right to an access of data */
static bool key_takes(const struct story *story)
{
	const struct paging_cpu *cpu = story->cpu;
	const unsigned int key = story->last.key;
	const u32 keys = story->all_user ? cpu->pkru : cpu->pkrs;
	const bool on = story->all_user ? cpu->pke : cpu->pks && story->supervisor_access;
	const bool access_disabled = keys & BIT(2 * key), write_disabled = keys & BIT(2 * key + 1);

	if (cpu->mode < PAGING_4_LEVEL || !on || story->access->fetch)
		return false;
	if (access_disabled)
		return true;
	if (!story->access->write || !write_disabled)
		return false;
	return story->user_access || cpu->wp;
}

/* The sentences that forbid; what none of them does is allowed. */
static bool rights_forbid(const struct story *story)
{
	const struct paging_cpu *cpu = story->cpu;
	const struct paging_access *access = story->access;
	const bool data = access->read || access->write;
	const bool user_page = story->all_user, supervisor_page = !user_page;
	const bool forbidding[] = {
		/* user-mode accesses */
		story->user_access && supervisor_page,
		story->user_access && access->write && !story->all_write,
		/* supervisor-mode accesses */
		story->supervisor_access && access->write && !story->all_write && cpu->wp,
		story->supervisor_access && data && user_page && cpu->smap && access->implicit,
		story->supervisor_access && data && user_page && cpu->smap && !cpu->ac,
		story->supervisor_access && access->fetch && user_page && cpu->smep,
		/* any */
		access->fetch && story->any_xd,
	};

	for (size_t i = 0; i < ARRAY_SIZE(forbidding); i++)
		if (forbidding[i])
			return true;
	return false;
}

static bool rights(struct story *story)
{
	const bool key = key_takes(story);

	if (story->host || story->cpu->mode == PAGING_OFF || (!key && !rights_forbid(story)))
		return true;
	return page_fault(story, true, false, key);
}

/* What the CPU would set, each time a write to the guest's memory through EPT */
static bool marks(struct story *story)
{
	const struct mmu_access access = { .read = true, .write = true, .page_walk = true };
	struct paging_result *result = story->result;

	if (!story->access->mark)
		return true;
	for (unsigned int i = 0; i < story->nr; i++) {
		const bool dirty = i == story->nr - 1 && story->access->write && !story->last.dirty;
		const u64 gpa = result->gpa;
		u64 hpa;

		if (story->used[i].accessed && !dirty)
			continue;
		if (!story->host && !physical(story, story->used[i].gpa, &access, &hpa)) {
			result->nr_marks = 0;
			return false;
		}
		result->gpa = gpa;
		result->mark[result->nr_marks].hpa = story->used[i].hpa;
		result->mark[result->nr_marks++].bits = BIT(5) | (dirty ? BIT(6) : 0);
	}
	return true;
}

static bool page(struct story *story)
{
	struct paging_result *result = story->result;
	const struct mmu_access access = {
		.read = story->access->read,
		.write = story->access->write,
		.fetch = story->access->fetch,
		.user = story->all_user,
	};

	if (physical(story, result->gpa, &access, &result->hpa))
		return true;
	result->nr_marks = 0;
	return false;
}

void paging_access(const struct paging_cpu *cpu, const struct mmu *mmu, u64 eptp, u64 linear,
		   const struct paging_access *access, paging_memory_t memory, void *arg,
		   struct paging_result *result)
{
	struct story story = {
		.cpu = cpu,
		.mmu = mmu,
		.eptp = eptp,
		.linear = linear,
		.access = access,
		.memory = memory,
		.arg = arg,
		.result = result,
		.user_access = access->cpl3 && !access->implicit,
		.supervisor_access = !access->cpl3 || access->implicit,
		.host = !access->read && !access->write && !access->fetch,
		.all_write = true,
		.all_user = true,
	};

	memset(result, 0, sizeof(*result));
	if (!tables(&story) || !rights(&story) || !marks(&story) || !page(&story))
		return;
	result->verdict = PAGING_TRANSLATES;
	result->writable = story.all_write;
	result->user = story.all_user;
	result->no_exec = story.any_xd;
	result->global = story.last.global;
	result->key = story.last.key;
	result->pat = story.last.pat;
}
