// SPDX-License-Identifier: GPL-2.0
/* Files of debugfs, read as a process reads them. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/mount.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "debugfs_file.h"

/* Built into a kernel, suites run before anybody has mounted it. */
static struct vfsmount *debugfs;

int debugfs_suite_init(struct kunit_suite *suite)
{
	struct file_system_type *type = get_fs_type("debugfs");

	if (!type)
		return -ENODEV;
	debugfs = kern_mount(type);
	return PTR_ERR_OR_ZERO(debugfs);
}

void debugfs_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ERR_OR_NULL(debugfs))
		kern_unmount(debugfs);
}

static struct file *open_path(int mode, const char *dir, const char *table, const char *name)
{
	char *path = kasprintf(GFP_KERNEL, "%s/%s/%s", dir, table, name);
	struct file *file = path ? file_open_root_mnt(debugfs, path, mode, 0) : ERR_PTR(-ENOMEM);

	kfree(path);
	return file;
}

bool debugfs_has(const char *dir, const char *table, const char *name)
{
	struct file *file = open_path(O_RDONLY, dir, table, name);

	if (IS_ERR(file))
		return false;
	__fput_sync(file);
	return true;
}

struct file *debugfs_open(struct kunit *test, int mode, const char *dir, const char *table,
			  const char *name)
{
	struct file *file = open_path(mode, dir, table, name);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(file), "%s/%s/%s", dir, table, name);
	return file;
}

ssize_t debugfs_read_some(struct file *file, char *text, size_t size)
{
	struct kvec vec = { .iov_base = text, .iov_len = size };
	struct iov_iter iter;
	struct kiocb kiocb;
	ssize_t got;

	init_sync_kiocb(&kiocb, file);
	kiocb.ki_pos = file->f_pos;
	iov_iter_kvec(&iter, READ, &vec, 1, size);
	got = seq_read_iter(&kiocb, &iter);
	file->f_pos = kiocb.ki_pos;
	return got;
}

void debugfs_read(struct kunit *test, struct file *file, char *text, size_t size)
{
	size_t had = 0;
	ssize_t got;

	do {
		got = debugfs_read_some(file, text + had, size - 1 - had);
		had += max(got, 0);
	} while (got > 0);
	text[had] = '\0';
	KUNIT_EXPECT_EQ(test, got, 0);
	KUNIT_EXPECT_LT(test, had, size - 1);
}
