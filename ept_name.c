// SPDX-License-Identifier: GPL-2.0
/*
 * Names of tables. Each has its own from ept_create() to ept_destroy(), and gets it by a look-up
 * or two, however many tables there are.
 */
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/string.h>

#include "ept_priv.h"

static u32 hash(const void *name, u32 size, u32 seed)
{
	return jhash(name, strlen(name), seed);
}

static int compare(struct rhashtable_compare_arg *arg, const void *ept)
{
	return strcmp(arg->key, ((const struct ept *)ept)->name);
}

static const struct rhashtable_params params = {
	.head_offset = offsetof(struct ept, name_node),
	.key_offset = offsetof(struct ept, name),
	.key_len = sizeof_field(struct ept, name),
	.hashfn = hash,
	.obj_cmpfn = compare,
	.automatic_shrinking = true,
};

/* All tables. Who looks one up has its bucket locked: a table may be freed when it is out. */
static struct rhashtable names;

/* Of the last name that got a number */
static atomic_t serial = ATOMIC_INIT(0);

/* -EEXIST: the name that @ept has is taken. */
static int take(struct ept *ept)
{
	/* A file beside the directories */
	if (!strcmp(ept->name, "caps"))
		return -EEXIST;
	return rhashtable_lookup_insert_fast(&names, &ept->name_node, params);
}

/*
 * The same with a number at @end, where the zeroes begin: more than once only where a client's own
 * name looks like that, or 2^32 tables later. In hexadecimal, without a format to be read.
 */
static int take_numbered(struct ept *ept, char *end)
{
	int err;

	do {
		const __be32 number = cpu_to_be32(atomic_inc_return(&serial));

		*bin2hex(end, &number, sizeof(number)) = '\0';
		err = take(ept);
	} while (err == -EEXIST);
	return err;
}

/* Gives a zeroed table a name of its own: @name, with a suffix where it is taken, or any. */
int ept_name_take(struct ept *ept, const char *name)
{
	const bool given = name && *name;
	char *end = ept->name + strscpy(ept->name, given ? name : "ept", sizeof(ept->name));
	int err = given ? take(ept) : -EEXIST;

	if (err == -EEXIST) {
		if (given)
			*end++ = '-';
		err = take_numbered(ept, end);
	}
	return err ? -ENOMEM : 0;
}

void ept_name_drop(struct ept *ept)
{
	rhashtable_remove_fast(&names, &ept->name_node, params);
}

int ept_name_init(void)
{
	return rhashtable_init(&names, &params);
}

/* Tables that are left are their client's mistake. */
void ept_name_exit(void)
{
	const int left = atomic_read(&names.nelems);

	if (left)
		pr_warn("ept: tables left behind without ept_destroy(): %d\n", left);
	rhashtable_destroy(&names);
}
