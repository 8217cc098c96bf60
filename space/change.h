/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What changes of regions are made of. Each is: change_enter(), change_make(), spans for what
 * comes, change_stop_faults(), which is the last step that fails, take from the table, store what
 * comes, change_retire() what was there, change_leave().
 */
#ifndef EPT_SPACE_CHANGE_H
#define EPT_SPACE_CHANGE_H

#include "space.h"

int change_enter(struct ept_space *space, bool *own);
void change_leave(struct ept_space *space, bool own);

struct change *change_make(struct ept_space *space, u64 gpa, u64 size);
int change_stop_faults(struct ept_space *space, struct change *change);
int change_zap_moved(struct ept_space *space, const struct part *part);
void change_retire(struct ept_space *space, struct part *part);
void change_settle(struct ept_space *space);

int change_store(struct ept_space *space, u64 gpa, u64 size, void *entry, gfp_t gfp);
void change_store_surely(struct ept_space *space, u64 gpa, u64 size, void *entry);
void change_store_parts(struct ept_space *space, struct change *change, bool new);

struct span *change_make_span(struct ept_space *space, struct backing *backing,
			      const struct ept_attrs *attrs, u64 size);
void change_drop_span(struct span *span);
void change_drop_new(struct change *change);
void change_put_backing(struct backing *backing);

/* regions.c */
struct backing *change_make_backing(struct ept_space *space, const struct ept_region *region,
				    struct backing *from);

#endif
