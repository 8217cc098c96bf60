/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the flat model share, and nobody else uses. */
#ifndef EPT_KUNIT_FLAT_SPACE_H
#define EPT_KUNIT_FLAT_SPACE_H

#include <linux/align.h>
#include <linux/errno.h>

#include "flat_model.h"

#define PAGE(address)	((address) >> 12)

#define ALL_PROT	(EPT_PROT_READ | EPT_PROT_WRITE | EPT_PROT_EXEC | EPT_PROT_UEXEC)

static inline bool flat_has(const struct ept_config *config, u32 feature)
{
	return config->features & feature;
}

static inline u64 flat_pages_of(enum ept_level level)
{
	return PAGE(flat_span(level));
}

static inline bool flat_is_page_multiple(u64 value)
{
	return IS_ALIGNED(value, 4096);
}

static inline int flat_check_range(const struct flat *flat, u64 gpa, u64 size)
{
	if (size > flat_width(flat) || gpa > flat_width(flat) - size)
		return -ERANGE;
	return 0;
}

/* NULL: a hole. Leaves must not be cut by the range. */
void flat_store(struct flat *flat, u64 first, u64 last, const struct flat_piece *like);
/* Makes leaves small enough for one to begin at @page. */
void flat_split_at(struct flat *flat, u64 page);
/* A CPU that knows @old may not go on with it when it is @new. */
bool flat_asks_for_flush(const struct flat_piece *old, const struct flat_piece *new);

bool flat_is_memtype(enum ept_memtype memtype);
bool flat_is_legal_prot(u32 prot);
bool flat_supports_prot(const struct ept_config *config, u32 prot);
u32 flat_meaningful_prot(const struct flat *flat, u32 prot);

#endif
