// SPDX-License-Identifier: GPL-2.0
/*
 * ept_cursor_init(), ept_cursor_next(), ept_clone(): visits that hold nothing between two mappings.
 * Made of other functions of the interface.
 */
#include <linux/err.h>

#include "ept_op.h"

int ept_cursor_init(struct ept_cursor *cursor, struct ept *ept, u64 gpa, u64 size)
{
	int err;

	if (IS_ERR_OR_NULL(ept) || !cursor)
		return -EINVAL;
	err = ept_judge_range(ept, gpa, size);
	if (!err)
		*cursor = (struct ept_cursor){ .ept = ept, .gpa = gpa, .end = gpa + size };
	return err;
}
EXPORT_SYMBOL_EPT(ept_cursor_init);

static int take_first(const struct ept_mapping *mapping, void *arg)
{
	*(struct ept_mapping *)arg = *mapping;
	return 1;
}

int ept_cursor_next(struct ept_cursor *cursor, struct ept_mapping *mapping)
{
	int found = 0;

	if (!cursor || !mapping)
		return -EINVAL;
	if (cursor->gpa < cursor->end)
		found = ept_for_each_mapping(cursor->ept, cursor->gpa, cursor->end - cursor->gpa,
					     take_first, mapping);
	cursor->gpa = found ? mapping->gpa + mapping->size : cursor->end;
	return found ? 0 : -ENOENT;
}
EXPORT_SYMBOL_EPT(ept_cursor_next);

/* What keeps a mapping from being cloned: the first error of all of them is the clone's. */
struct judgement {
	const struct ept	*to;
	int			err;
};

static int judge_mapping(const struct ept_mapping *mapping, void *arg)
{
	struct judgement *judgement = arg;
	const struct ept *to = judgement->to;
	u64 bits;

	judgement->err = ept_first_error(judgement->err,
					 ept_judge_hpa(to, mapping->hpa, mapping->size));
	judgement->err = ept_first_error(judgement->err,
					 ept_judge_attrs(&to->fmt, &mapping->attrs, &bits));
	return 0;
}

static int is_mapped(const struct ept_mapping *mapping, void *arg)
{
	return -EEXIST;
}

static int clone_range(struct ept *to, struct ept *from, u64 gpa, u64 size)
{
	struct judgement judgement = { .to = to };
	struct ept_mapping mapping;
	struct ept_cursor cursor;
	int err;

	ept_for_each_mapping(from, gpa, size, judge_mapping, &judgement);
	err = judgement.err ?: ept_for_each_mapping(to, gpa, size, is_mapped, NULL);
	if (err)
		return err;
	ept_cursor_init(&cursor, from, gpa, size);
	while (!ept_cursor_next(&cursor, &mapping)) {
		err = ept_map(to, mapping.gpa, mapping.hpa, mapping.size, &mapping.attrs);
		if (err)
			break;
	}
	if (err && mapping.gpa > gpa)
		ept_unmap(to, gpa, mapping.gpa - gpa, NULL);
	return err;
}

int ept_clone(struct ept *to, struct ept *from, u64 gpa, u64 size)
{
	if (IS_ERR_OR_NULL(to) || IS_ERR_OR_NULL(from) || to == from)
		return -EINVAL;
	return ept_first_error(ept_judge_range(to, gpa, size), ept_judge_range(from, gpa, size)) ?:
	       clone_range(to, from, gpa, size);
}
EXPORT_SYMBOL_EPT(ept_clone);
