// SPDX-License-Identifier: GPL-2.0
/* The model of a space. */
#include <linux/slab.h>
#include <linux/string.h>

#include "space_model.h"

#define PAGE_BYTES	4096

struct model *model_create(unsigned long nr, unsigned long memory_nr, int fresh)
{
	struct model *model = kzalloc(sizeof(*model), GFP_KERNEL);
	bool all = model;

	if (!model)
		return NULL;
	model->nr = nr;
	model->memory_nr = memory_nr;
	model->fresh = fresh;
	model->pages = kvcalloc(nr, sizeof(*model->pages), GFP_KERNEL);
	all = model->pages;
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		model->memory[kind] = kvcalloc(kind == fresh ? nr : memory_nr, PAGE_BYTES,
					       GFP_KERNEL);
		all = all && model->memory[kind];
	}
	if (all) {
		model_remove(model, 0, nr);
		return model;
	}
	model_destroy(model);
	return NULL;
}

void model_destroy(struct model *model)
{
	if (!model)
		return;
	for (int kind = 0; kind < MODEL_KINDS; kind++)
		kvfree(model->memory[kind]);
	kvfree(model->pages);
	kfree(model);
}

bool model_is_free(const struct model *model, unsigned long first, unsigned long nr)
{
	for (unsigned long i = first; i < first + nr; i++)
		if (model->pages[i].kind != MODEL_HOLE)
			return false;
	return true;
}

void model_set(struct model *model, unsigned long first, unsigned long nr, u8 kind,
	       u32 source, u8 rights, u8 memtype, bool sealed)
{
	model_remove(model, first, nr);
	for (unsigned long i = 0; i < nr; i++) {
		struct model_page *page = &model->pages[first + i];

		page->kind = kind;
		page->rights = rights;
		page->rom = !(rights & 2);
		page->sealed = sealed;
		page->memtype = memtype;
		page->source = kind == model->fresh ? first + i : source + i;
	}
}

void model_remove(struct model *model, unsigned long first, unsigned long nr)
{
	for (unsigned long i = first; i < first + nr; i++)
		model->pages[i].kind = MODEL_HOLE;
	memset(model->memory[model->fresh] + first * PAGE_BYTES, 0, nr * PAGE_BYTES);
}

void model_protect(struct model *model, unsigned long first, unsigned long nr, u8 rights)
{
	for (unsigned long i = first; i < first + nr; i++)
		if (model->pages[i].kind < MODEL_KINDS)
			model->pages[i].rights = model->pages[i].sealed ? rights & ~2 : rights;
}

void model_set_memtype(struct model *model, unsigned long first, unsigned long nr, u8 memtype)
{
	for (unsigned long i = first; i < first + nr; i++)
		model->pages[i].memtype = memtype;
}

static u8 *fresh_bytes(const struct model *model, unsigned long page)
{
	return model->memory[model->fresh] + page * PAGE_BYTES;
}

void model_discard(struct model *model, unsigned long first, unsigned long nr)
{
	for (unsigned long i = first; i < first + nr; i++) {
		if (model->pages[i].kind != model->fresh)
			continue;
		memset(fresh_bytes(model, i), 0, PAGE_BYTES);
		model->pages[i].written = true;
	}
}

/* To where nothing is */
/* What moves up may come to where it had a hole: from the end, then. */
void model_move(struct model *model, unsigned long first, unsigned long nr, unsigned long to)
{
	for (unsigned long done = 0; done < nr; done++) {
		const unsigned long i = to > first ? nr - 1 - done : done;
		const struct model_page *from = &model->pages[first + i];
		struct model_page *page = &model->pages[to + i];
		const bool written = page->written;

		if (from->kind == MODEL_HOLE)
			continue;
		*page = *from;
		page->written = written || from->kind < MODEL_KINDS;
		if (from->kind == model->fresh) {
			page->source = to + i;
			memcpy(fresh_bytes(model, to + i), fresh_bytes(model, first + i),
			       PAGE_BYTES);
		}
		model_remove(model, first + i, 1);
	}
}

enum model_verdict model_verdict(const struct model *model, unsigned long page, u8 rights)
{
	const struct model_page *p = &model->pages[page];

	if (p->kind == MODEL_HOLE)
		return MODEL_NONE;
	if (p->kind >= MODEL_KINDS)
		return MODEL_MMIO;
	if (!(rights & ~p->rights))
		return MODEL_OK;
	return rights & ~p->rights & 2 && p->rom ? MODEL_READONLY : MODEL_PROTECTED;
}

u8 *model_bytes(const struct model *model, unsigned long page)
{
	const struct model_page *p = &model->pages[page];

	if (p->kind >= MODEL_KINDS)
		return NULL;
	return model->memory[p->kind] + p->source * (unsigned long)PAGE_BYTES;
}
