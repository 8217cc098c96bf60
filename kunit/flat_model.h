/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest-physical space holds, page by page: the flat model of a table.
 *
 * Each operation here is the contract of the public operation of that name: it returns what the
 * other has to return, and if that is 0 it changes the model. There are no tables in it, only a
 * map from page numbers to what is mapped there, so that it has nothing to get wrong in common
 * with the module. Of ept_core.h it uses the types of the interface.
 */
#ifndef EPT_KUNIT_FLAT_MODEL_H
#define EPT_KUNIT_FLAT_MODEL_H

#include <linux/list.h>
#include <linux/maple_tree.h>

#include "ept_core.h"

#define FLAT_LEAF_LEVELS	3
#define FLAT_TABLE_LEVELS	5

/* What a range of pages maps to: all leaves of one level. */
struct flat_piece {
	struct list_head	node;
	u64			delta;		/* hpa - gpa */
	struct ept_attrs	attrs;
	enum ept_level		level;
	bool			accessed;
	bool			dirty;
};

struct flat {
	struct ept_config	config;
	struct maple_tree	pages;		/* page number -> flat_piece */
	struct list_head	pieces;
	u64			splits;		/* leaves split since creation */
	u64			merges;		/* leaves made by merges since creation */
	bool			flush_due;	/* the last operation asks for an invalidation */
};

/* A range of pages with one piece; clipped nowhere. */
struct flat_range {
	u64				first;
	u64				last;
	const struct flat_piece		*piece;
};

struct flat *flat_create(const struct ept_config *config);
void flat_destroy(struct flat *flat);

int flat_map(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs);
int flat_map_pages(struct flat *flat, u64 gpa, const u64 *hpas, unsigned long nr,
		   const struct ept_attrs *attrs);
int flat_remap(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs);
int flat_unmap(struct flat *flat, u64 gpa, u64 size);
int flat_protect(struct flat *flat, u64 gpa, u64 size, u32 clear, u32 set);
int flat_set_memtype(struct flat *flat, u64 gpa, u64 size, enum ept_memtype memtype);
int flat_set_attrs(struct flat *flat, u64 gpa, u64 size, const struct ept_attrs *attrs);
int flat_split(struct flat *flat, u64 gpa, u64 size, enum ept_level level);
int flat_merge(struct flat *flat, u64 gpa, u64 size, enum ept_level level);
int flat_harvest_dirty(struct flat *flat, u64 gpa, u64 size, unsigned long *bitmap, bool peek);
int flat_harvest_accessed(struct flat *flat, u64 gpa, u64 size, unsigned long *bitmap, bool peek);

int flat_install(struct flat *flat, u64 gpa, u64 hpa, u64 size, const struct ept_attrs *attrs);
int flat_fill_pages(struct flat *flat, u64 gpa, const u64 *hpas, unsigned long nr,
		    const struct ept_attrs *attrs, unsigned long *filled);
int flat_unmap_report(struct flat *flat, u64 gpa, u64 size, ept_gone_fn fn, void *arg);
/* Widens the range to what goes. */
int flat_zap(struct flat *flat, u64 *gpa, u64 *size, ept_gone_fn fn, void *arg);
int flat_set_tag(struct flat *flat, u64 gpa, u64 size, u8 tag);
int flat_redirect(struct flat *flat, u64 gpa, u64 hpa, u64 size, u32 clear, u32 set);
int flat_clear_dirty(struct flat *flat, u64 gpa);
int flat_grant(struct flat *flat, u64 gpa, u32 prot);
int flat_age(struct flat *flat, u64 gpa, u64 size, bool clear);

/* A CPU accessed the leaf that holds @gpa, which must be mapped. */
void flat_mark(struct flat *flat, u64 gpa, bool dirty);

/* The first range at or after page @from that maps something; false: there is none. */
bool flat_next(struct flat *flat, u64 from, struct flat_range *range);
/* The piece that maps @gpa, or NULL. */
const struct flat_piece *flat_at(struct flat *flat, u64 gpa);

/* How many leaves and, with none of them empty, how many tables the space takes. */
void flat_count(struct flat *flat, u64 leaves[FLAT_LEAF_LEVELS], u64 tables[FLAT_TABLE_LEVELS]);

/* 0, or what is wrong with attributes on a table of this configuration. */
int flat_judge(const struct ept_config *config, const struct ept_attrs *attrs);
/* The largest leaf that may have them. */
enum ept_level flat_largest(const struct ept_config *config, const struct ept_attrs *attrs);

u64 flat_span(enum ept_level level);
u64 flat_width(const struct flat *flat);
/* Of @range, as ept_for_each_mapping() and ept_lookup() have to tell it. */
void flat_mapping(const struct flat_range *range, struct ept_mapping *mapping);

#endif
