/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit, as far as the suites that run as a program use it.
 */
#ifndef _NATIVE_KUNIT_H
#define _NATIVE_KUNIT_H

#include <setjmp.h>

#include "native.h"

#define KUNIT_PARAM_DESC_SIZE	128

struct kunit_memory;
struct kunit {
	const char		*name;
	void			*priv;
	const void		*param_value;
	bool			failed;
	bool			skipped;
	jmp_buf			out;
	struct kunit_memory	*memory;
	char			desc[KUNIT_PARAM_DESC_SIZE];
};

struct kunit_case {
	void		(*run_case)(struct kunit *test);
	const char	*name;
	const void	*(*generate_params)(const void *prev, char *desc);
};

struct kunit_suite {
	const char		*name;
	int			(*suite_init)(struct kunit_suite *suite);
	void			(*suite_exit)(struct kunit_suite *suite);
	int			(*init)(struct kunit *test);
	void			(*exit)(struct kunit *test);
	struct kunit_case	*test_cases;
	struct kunit_suite	*next;
};

void native_add_suite(struct kunit_suite *suite);
/*
 * All, or those whose "suite.case/parameter" begins with one of @names, and with none that has a
 * "-" before it; the last that fits counts. False: some failed.
 */
bool native_run_suites(char **names);

#define kunit_test_suite(suite)	\
	static void __attribute__((constructor)) add_##suite(void)	\
	{	\
		native_add_suite(&(suite));	\
	}	\
	struct proof_nothing
#define KUNIT_CASE(function)	{ .run_case = (function), .name = #function }
#define KUNIT_CASE_SLOW(function)	KUNIT_CASE(function)
#define KUNIT_CASE_PARAM(function, generate)	\
	{ .run_case = (function), .name = #function, .generate_params = (generate) }
#define KUNIT_ARRAY_PARAM(name, array, describe)	\
	static const void *name##_gen_params(const void *prev, char *desc)	\
	{	\
		typeof((array)[0]) *next = prev ? (typeof(next))prev + 1 : (array);	\
	\
		if ((size_t)(next - (array)) >= ARRAY_SIZE(array))	\
			return NULL;	\
		native_describe((void (*)(const void *, char *))(describe), next, desc);	\
		return next;	\
	}	\
	struct proof_nothing
#define KUNIT_ARRAY_PARAM_DESC(name, array, member)	\
	static const void *name##_gen_params(const void *prev, char *desc)	\
	{	\
		typeof((array)[0]) *next = prev ? (typeof(next))prev + 1 : (array);	\
	\
		if ((size_t)(next - (array)) >= ARRAY_SIZE(array))	\
			return NULL;	\
		strscpy(desc, next->member, KUNIT_PARAM_DESC_SIZE);	\
		return next;	\
	}	\
	struct proof_nothing

static inline void native_describe(void (*describe)(const void *, char *), const void *param,
				   char *desc)
{
	if (describe)
		describe(param, desc);
}

void native_fail(struct kunit *test, const char *file, int line, const char *what,
		 long long left, long long right, const char *format, ...) __printf(7, 8);
void __attribute__((noreturn)) native_abort(struct kunit *test);
#define kunit_skip(test, ...)	((test)->skipped = true, native_abort(test))
#define kunit_mark_skipped(test, ...)	((test)->skipped = true)
#define kunit_info(test, ...)	((void)(test))
#define kunit_err(test, format, ...)	((void)(test), printf("    " format "\n", ##__VA_ARGS__))

void *kunit_kmalloc_array(struct kunit *test, size_t n, size_t size, gfp_t gfp);
void kunit_kfree(struct kunit *test, const void *memory);
#define kunit_kzalloc(test, size, gfp)	kunit_kmalloc_array(test, 1, size, (gfp) | __GFP_ZERO)
#define kunit_kmalloc(test, size, gfp)	kunit_kmalloc_array(test, 1, size, gfp)
#define kunit_kcalloc(test, n, size, gfp)	\
	kunit_kmalloc_array(test, n, size, (gfp) | __GFP_ZERO)
typedef void (kunit_action_t)(void *arg);
int kunit_add_action_or_reset(struct kunit *test, kunit_action_t *action, void *arg);

#define NATIVE_CHECK(test, good, left, right, what, end, ...)	\
do {	\
	if (!(good)) {	\
		native_fail(test, __FILE__, __LINE__, what, left, right, "" __VA_ARGS__);	\
		end;	\
	}	\
} while (0)
#define NATIVE_COMPARE(test, a, op, b, end, ...)	\
do {	\
	const typeof(a) _a = (a);	\
	const typeof(b) _b = (b);	\
	\
	NATIVE_CHECK(test, _a op _b, (long long)_a, (long long)_b, #a " " #op " " #b, end,	\
		     __VA_ARGS__);	\
} while (0)

#define KUNIT_EXPECT_EQ_MSG(test, a, b, ...)	NATIVE_COMPARE(test, a, ==, b, , __VA_ARGS__)
#define KUNIT_EXPECT_NE_MSG(test, a, b, ...)	NATIVE_COMPARE(test, a, !=, b, , __VA_ARGS__)
#define KUNIT_EXPECT_LT_MSG(test, a, b, ...)	NATIVE_COMPARE(test, a, <, b, , __VA_ARGS__)
#define KUNIT_EXPECT_LE_MSG(test, a, b, ...)	NATIVE_COMPARE(test, a, <=, b, , __VA_ARGS__)
#define KUNIT_EXPECT_GT_MSG(test, a, b, ...)	NATIVE_COMPARE(test, a, >, b, , __VA_ARGS__)
#define KUNIT_EXPECT_GE_MSG(test, a, b, ...)	NATIVE_COMPARE(test, a, >=, b, , __VA_ARGS__)
#define KUNIT_EXPECT_EQ(test, a, b)		KUNIT_EXPECT_EQ_MSG(test, a, b)
#define KUNIT_EXPECT_NE(test, a, b)		KUNIT_EXPECT_NE_MSG(test, a, b)
#define KUNIT_EXPECT_LT(test, a, b)		KUNIT_EXPECT_LT_MSG(test, a, b)
#define KUNIT_EXPECT_LE(test, a, b)		KUNIT_EXPECT_LE_MSG(test, a, b)
#define KUNIT_EXPECT_GT(test, a, b)		KUNIT_EXPECT_GT_MSG(test, a, b)
#define KUNIT_EXPECT_GE(test, a, b)		KUNIT_EXPECT_GE_MSG(test, a, b)
#define KUNIT_EXPECT_PTR_EQ(test, a, b)		KUNIT_EXPECT_EQ_MSG(test, a, b)
#define KUNIT_EXPECT_TRUE_MSG(test, x, ...)	NATIVE_CHECK(test, x, 0, 1, #x, , __VA_ARGS__)
#define KUNIT_EXPECT_TRUE(test, x)		KUNIT_EXPECT_TRUE_MSG(test, x)
#define KUNIT_EXPECT_FALSE_MSG(test, x, ...)	\
	NATIVE_CHECK(test, !(x), 1, 0, "!(" #x ")", , __VA_ARGS__)
#define KUNIT_EXPECT_FALSE(test, x)		KUNIT_EXPECT_FALSE_MSG(test, x)
#define KUNIT_EXPECT_NULL_MSG(test, x, ...)	KUNIT_EXPECT_FALSE_MSG(test, x, __VA_ARGS__)
#define KUNIT_EXPECT_NULL(test, x)		KUNIT_EXPECT_NULL_MSG(test, x)
#define KUNIT_EXPECT_NOT_NULL_MSG(test, x, ...)	KUNIT_EXPECT_TRUE_MSG(test, x, __VA_ARGS__)
#define KUNIT_EXPECT_NOT_NULL(test, x)		KUNIT_EXPECT_NOT_NULL_MSG(test, x)
#define KUNIT_EXPECT_STREQ_MSG(test, a, b, ...)	\
	NATIVE_CHECK(test, !strcmp(a, b), 0, 0, #a " is " #b, , __VA_ARGS__)
#define KUNIT_EXPECT_STREQ(test, a, b)		KUNIT_EXPECT_STREQ_MSG(test, a, b)
#define KUNIT_EXPECT_STRNEQ(test, a, b)	\
	NATIVE_CHECK(test, strcmp(a, b), 0, 0, #a " is not " #b, )
#define KUNIT_EXPECT_MEMEQ_MSG(test, a, b, size, ...)	\
	NATIVE_CHECK(test, !memcmp(a, b, size), 0, 0, #a " is " #b, , __VA_ARGS__)
#define KUNIT_EXPECT_MEMEQ(test, a, b, size)	KUNIT_EXPECT_MEMEQ_MSG(test, a, b, size)
#define KUNIT_FAIL(test, ...)	NATIVE_CHECK(test, false, 0, 0, "FAIL", , __VA_ARGS__)
#define KUNIT_SUCCEED(test)	((void)(test))

#define KUNIT_ASSERT_EQ_MSG(test, a, b, ...)	\
	NATIVE_COMPARE(test, a, ==, b, native_abort(test), __VA_ARGS__)
#define KUNIT_ASSERT_LT_MSG(test, a, b, ...)	\
	NATIVE_COMPARE(test, a, <, b, native_abort(test), __VA_ARGS__)
#define KUNIT_ASSERT_EQ(test, a, b)		KUNIT_ASSERT_EQ_MSG(test, a, b)
#define KUNIT_ASSERT_NE(test, a, b)	NATIVE_COMPARE(test, a, !=, b, native_abort(test))
#define KUNIT_ASSERT_LT(test, a, b)		KUNIT_ASSERT_LT_MSG(test, a, b)
#define KUNIT_ASSERT_LE(test, a, b)	NATIVE_COMPARE(test, a, <=, b, native_abort(test))
#define KUNIT_ASSERT_GT(test, a, b)	NATIVE_COMPARE(test, a, >, b, native_abort(test))
#define KUNIT_ASSERT_GE(test, a, b)	NATIVE_COMPARE(test, a, >=, b, native_abort(test))
#define KUNIT_ASSERT_TRUE_MSG(test, x, ...)	\
	NATIVE_CHECK(test, x, 0, 1, #x, native_abort(test), __VA_ARGS__)
#define KUNIT_ASSERT_TRUE(test, x)		KUNIT_ASSERT_TRUE_MSG(test, x)
#define KUNIT_ASSERT_FALSE_MSG(test, x, ...)	\
	NATIVE_CHECK(test, !(x), 1, 0, "!(" #x ")", native_abort(test), __VA_ARGS__)
#define KUNIT_ASSERT_FALSE(test, x)		KUNIT_ASSERT_FALSE_MSG(test, x)
#define KUNIT_ASSERT_NOT_NULL_MSG(test, x, ...)	KUNIT_ASSERT_TRUE_MSG(test, x, __VA_ARGS__)
#define KUNIT_ASSERT_NOT_NULL(test, x)		KUNIT_ASSERT_NOT_NULL_MSG(test, x)
#define KUNIT_ASSERT_NOT_ERR_OR_NULL(test, x)	\
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_OR_NULL(x), #x)
#define KUNIT_FAIL_AND_ABORT(test, ...)	\
	NATIVE_CHECK(test, false, 0, 0, "FAIL", native_abort(test), __VA_ARGS__)

#endif /* _NATIVE_KUNIT_H */
