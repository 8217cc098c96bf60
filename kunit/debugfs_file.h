/* SPDX-License-Identifier: GPL-2.0 */
/* Files of debugfs, read as a process reads them. */
#ifndef EPT_KUNIT_DEBUGFS_FILE_H
#define EPT_KUNIT_DEBUGFS_FILE_H

#include <kunit/test.h>
#include <linux/fs.h>

/* For .suite_init and .suite_exit of those who open any */
int debugfs_suite_init(struct kunit_suite *suite);
void debugfs_suite_exit(struct kunit_suite *suite);

/* Whether there is a file of this name, of a table's in @dir */
bool debugfs_has(const char *dir, const char *table, const char *name);

struct file *debugfs_open(struct kunit *test, int mode, const char *dir, const char *table,
			  const char *name);

/* What read(2) does, but to memory of the kernel's: as much as it gives, or a negative errno */
ssize_t debugfs_read_some(struct file *file, char *text, size_t size);

/* The whole of a file, which has to fit, and a NUL after it */
void debugfs_read(struct kunit *test, struct file *file, char *text, size_t size);

#endif
