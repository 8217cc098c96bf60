/* SPDX-License-Identifier: GPL-2.0 */
/* What KUnit and headers haven't always had, by what they have had from the first. */
#ifndef EPT_KUNIT_COMPAT_H
#define EPT_KUNIT_COMPAT_H

#include <kunit/test.h>
#include <linux/mm_types.h>
#include <linux/sizes.h>

#ifndef KUNIT_ARRAY_PARAM_DESC
#define KUNIT_ARRAY_PARAM_DESC(name, array, member)				\
	static void name##_describe(typeof(&(array)[0]) param, char *description)	\
	{									\
		strscpy(description, param->member, KUNIT_PARAM_DESC_SIZE);	\
	}									\
	KUNIT_ARRAY_PARAM(name, array, name##_describe)
#endif

/* The head of what names one parameter after the other; the macro came with the argument. */
#ifdef KUNIT_CASE_PARAM_WITH_INIT
#define KUNIT_GENERATOR(name, last, description)				\
	static const void *name##_gen_params(struct kunit *test, const void *last,	\
					     char *description)
#else
#define KUNIT_GENERATOR(name, last, description)	\
	static const void *name##_gen_params(const void *last, char *description)
#endif

#ifndef KUNIT_FAIL_AND_ABORT
#define KUNIT_FAIL_AND_ABORT(test, fmt, ...)	\
	KUNIT_ASSERT_TRUE_MSG(test, false, fmt, ##__VA_ARGS__)
#endif

#ifndef KUNIT_EXPECT_MEMEQ
#define KUNIT_EXPECT_MEMEQ(test, one, other, size)			\
	KUNIT_EXPECT_EQ(test, memcmp(one, other, size), 0)
#define KUNIT_EXPECT_MEMEQ_MSG(test, one, other, size, fmt, ...)	\
	KUNIT_EXPECT_EQ_MSG(test, memcmp(one, other, size), 0, fmt, ##__VA_ARGS__)
#endif

#ifndef EMPTY_VMA_FLAGS
#define EMPTY_VMA_FLAGS	0
#endif

#ifndef SZ_512G
#define SZ_512G	_AC(0x8000000000, ULL)
#endif

#ifndef SZ_64G
#define SZ_64G	_AC(0x1000000000, ULL)
#endif

#endif /* EPT_KUNIT_COMPAT_H */
