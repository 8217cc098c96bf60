/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a space should hold, page by page and byte by byte: arrays, and no other idea than that.
 * Knows neither tables nor ept_space.ko.
 */
#ifndef EPT_KUNIT_SPACE_MODEL_H
#define EPT_KUNIT_SPACE_MODEL_H

#include <linux/types.h>

#define MODEL_KINDS	7	/* that have memory; what is beyond has none */
#define MODEL_HOLE	0xff

struct model_page {
	u8	kind;
	u8	rights;		/* 1 read, 2 write, 4 execute */
	bool	rom;		/* added without write */
	bool	sealed;		/* and nobody ever writes there */
	u32	source;		/* page of the kind's memory */
	u8	memtype;
	bool	written;	/* since the log was asked */
};

struct model {
	unsigned long		nr;		/* pages of the guest */
	unsigned long		memory_nr;	/* pages of each kind's memory */
	int			fresh;		/* the kind whose memory is the guest page's own, */
						/* and zero in the beginning */
	struct model_page	*pages;
	u8			*memory[MODEL_KINDS];
};

enum model_verdict { MODEL_OK, MODEL_MMIO, MODEL_READONLY, MODEL_PROTECTED, MODEL_NONE };

struct model *model_create(unsigned long nr, unsigned long memory_nr, int fresh);
void model_destroy(struct model *model);

bool model_is_free(const struct model *model, unsigned long first, unsigned long nr);
void model_set(struct model *model, unsigned long first, unsigned long nr, u8 kind,
	       u32 source, u8 rights, u8 memtype, bool sealed);
void model_remove(struct model *model, unsigned long first, unsigned long nr);
void model_protect(struct model *model, unsigned long first, unsigned long nr, u8 rights);
void model_set_memtype(struct model *model, unsigned long first, unsigned long nr, u8 memtype);
/* What is the guest page's own is zero again. */
void model_discard(struct model *model, unsigned long first, unsigned long nr);
void model_move(struct model *model, unsigned long first, unsigned long nr, unsigned long to);

enum model_verdict model_verdict(const struct model *model, unsigned long page, u8 rights);
/* NULL: no memory is there */
u8 *model_bytes(const struct model *model, unsigned long page);

#endif
