// SPDX-License-Identifier: GPL-2.0
/*
 * Names of tables. Each has its own from ept_create() to ept_destroy(), and gets it by a look-up
 * or two, however many tables there are, or by a number that no other has.
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

/*
 * Names as their clients gave them. Who looks one up has its bucket locked: a table may be freed
 * when it is out.
 */
static struct rhashtable names;

/* Of the last name that got a number. It doesn't come round. */
static atomic64_t serial = ATOMIC64_INIT(0);

static atomic_t tables = ATOMIC_INIT(0);

#define PICKED		"ept"
#define DIGITS		8

/* What the module picks is "ept" and a number, and no client's to give. */
static bool is_picked(const char *name)
{
	const char *number = name + strlen(PICKED);
	size_t digits;

	if (strncmp(name, PICKED, strlen(PICKED)))
		return false;
	digits = strspn(number, "0123456789abcdef");
	return digits >= DIGITS && !number[digits];
}

/* In hexadecimal, without a format to be read: 8 digits, or 16 where these don't do */
void ept_name_put_number(char *end, u64 number)
{
	const size_t nr = upper_32_bits(number) ? sizeof(u64) : sizeof(u32);
	const __be64 digits = cpu_to_be64(number);

	*bin2hex(end, (const u8 *)&digits + sizeof(digits) - nr, nr) = '\0';
}
EXPORT_SYMBOL_IF_KUNIT(ept_name_put_number);

/* -EEXIST: the name that @ept has is taken. */
static int take(struct ept *ept)
{
	/* A file beside the directories */
	if (!strcmp(ept->name, "caps") || is_picked(ept->name))
		return -EEXIST;
	return rhashtable_lookup_insert_fast(&names, &ept->name_node, params);
}

static int take_given(struct ept *ept, const char *name)
{
	char *end = ept->name + strscpy(ept->name, name, sizeof(ept->name));
	int err = take(ept);

	if (err == -EEXIST)
		*end++ = '-';
	/* More than once only where a client's own name looks like that */
	while (err == -EEXIST) {
		ept_name_put_number(end, atomic64_inc_return(&serial));
		err = take(ept);
	}
	ept->named = !err;
	return err ? -ENOMEM : 0;
}

static void pick(struct ept *ept)
{
	memcpy(ept->name, PICKED, strlen(PICKED));
	ept_name_put_number(ept->name + strlen(PICKED), atomic64_inc_return(&serial));
}

/* Gives a table a name of its own: @name, with a suffix where it is taken, or any. */
int ept_name_take(struct ept *ept, const char *name)
{
	int err = 0;

	if (name && *name)
		err = take_given(ept, name);
	else
		pick(ept);
	if (!err)
		atomic_inc(&tables);
	return err;
}

void ept_name_drop(struct ept *ept)
{
	if (ept->named)
		rhashtable_remove_fast(&names, &ept->name_node, params);
	atomic_dec(&tables);
}

int ept_name_init(void)
{
	return rhashtable_init(&names, &params);
}

/* Tables that are left are their client's mistake. */
void ept_name_exit(void)
{
	const int left = atomic_read(&tables);

	if (left)
		pr_warn("ept: tables left behind without ept_destroy(): %d\n", left);
	rhashtable_destroy(&names);
}
