// SPDX-License-Identifier: GPL-2.0
/*
 * thinvmm: its files in debugfs.
 *
 *	counters	exits by kind
 *	watch		the watches; written: "KIND GPA SIZE" or "off GPA", KIND one of hide,
 *			protect, count, trap
 *	log		the latest accesses that watches noted
 *	churn		written: 0 off, 1 quiet, 2 all (thinvmm_churn.c)
 *	check		written: the checks of thinvmm_check.c, into the kernel's log
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "thinvmm.h"

static struct dentry *dir;

static int counters_show(struct seq_file *m, void *unused)
{
	static const char * const name[THINVMM_NR_COUNTERS] = {
		[THINVMM_CPUID] = "cpuid",
		[THINVMM_OTHER] = "other",
		[THINVMM_CALL] = "calls",
		[THINVMM_MAPPED] = "mapped",
		[THINVMM_GRANTED] = "granted",
		[THINVMM_WATCHED] = "watched",
		[THINVMM_DENIED] = "denied",
		[THINVMM_SPURIOUS] = "spurious",
		[THINVMM_STEPS] = "steps",
		[THINVMM_BARE] = "bare",
	};

	for (unsigned int i = 0; i < THINVMM_NR_COUNTERS; i++)
		seq_printf(m, "%s %llu\n", name[i], thinvmm_counted(i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int log_show(struct seq_file *m, void *unused)
{
	const u64 last = atomic64_read(&thinvmm.events);
	u64 nr = last > THINVMM_EVENTS ? last - THINVMM_EVENTS : 0;
	struct thinvmm_event event;

	while (nr++ < last)
		if (thinvmm_read_event(nr, &event))
			seq_printf(m, "%llu %s cpu %u %s gpa %#llx gla %#llx rip %#llx %pS\n", nr,
				   thinvmm_kind_name[event.kind], event.cpu,
				   event.access & EPT_PROT_EXEC ? "fetch" :
				   event.access & EPT_PROT_WRITE ? "write" : "read",
				   event.gpa, event.gla, event.rip, (void *)event.rip);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(log);

/* What is written, a line */
static int read_line(char *line, size_t size, const char __user *buffer, size_t count)
{
	if (count >= size)
		return -EINVAL;
	if (copy_from_user(line, buffer, count))
		return -EFAULT;
	line[count] = '\0';
	return 0;
}

static int watch_show(struct seq_file *m, void *unused)
{
	mutex_lock(&thinvmm.mutex);
	for (unsigned int nr = 1; nr <= THINVMM_MAX_WATCHES; nr++) {
		struct thinvmm_watch *watch = &thinvmm.watch[nr];

		if (watch->size)
			seq_printf(m, "%s %#llx %#llx hits %lld\n", thinvmm_kind_name[watch->kind],
				   watch->gpa, watch->size, atomic64_read(&watch->hits));
	}
	mutex_unlock(&thinvmm.mutex);
	return 0;
}

static int unwatch(u64 gpa)
{
	const unsigned int nr = thinvmm_find_watch(gpa);

	return nr ? thinvmm_unwatch(nr) : -ENOENT;
}

/* THINVMM_NR_KINDS: none */
static enum thinvmm_kind find_kind(const char *name)
{
	enum thinvmm_kind kind = 0;

	while (kind < THINVMM_NR_KINDS && strcmp(name, thinvmm_kind_name[kind]))
		kind++;
	return kind;
}

/* @line: in parts, the numbers decimal, or hexadecimal behind 0x */
static int obey(char *line)
{
	const char *what = strsep(&line, " "), *gpa = strsep(&line, " ");
	enum thinvmm_kind kind;
	u64 start, size;
	int err;

	if (!gpa || kstrtou64(gpa, 0, &start))
		return -EINVAL;
	if (!strcmp(what, "off"))
		return unwatch(start);
	kind = find_kind(what);
	if (kind == THINVMM_NR_KINDS || !line || kstrtou64(line, 0, &size))
		return -EINVAL;
	err = thinvmm_watch(kind, start, size);
	return err < 0 ? err : 0;
}

static ssize_t watch_write(struct file *file, const char __user *buffer, size_t count, loff_t *pos)
{
	char line[80];
	int err = read_line(line, sizeof(line), buffer, count);

	if (err)
		return err;
	mutex_lock(&thinvmm.mutex);
	err = obey(strim(line));
	mutex_unlock(&thinvmm.mutex);
	return err ?: count;
}

static int watch_open(struct inode *inode, struct file *file)
{
	return single_open(file, watch_show, inode->i_private);
}

static int churn_show(struct seq_file *m, void *unused)
{
	thinvmm_churn_show(m);
	return 0;
}

static ssize_t churn_write(struct file *file, const char __user *buffer, size_t count, loff_t *pos)
{
	static DEFINE_MUTEX(mutex);
	u8 mode;
	int err = kstrtou8_from_user(buffer, count, 0, &mode);

	if (err)
		return err;
	if (mode > THINVMM_CHURN_ALL)
		return -EINVAL;
	mutex_lock(&mutex);
	err = thinvmm_churn(mode);
	mutex_unlock(&mutex);
	return err ?: count;
}

static int churn_open(struct inode *inode, struct file *file)
{
	return single_open(file, churn_show, inode->i_private);
}

static ssize_t check_write(struct file *file, const char __user *buffer, size_t count, loff_t *pos)
{
	static DEFINE_MUTEX(mutex);
	int err;

	mutex_lock(&mutex);
	err = thinvmm_check();
	mutex_unlock(&mutex);
	return err ?: count;
}

static const struct file_operations watch_fops = {
	.owner = THIS_MODULE,
	.open = watch_open,
	.read = seq_read,
	.write = watch_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static const struct file_operations churn_fops = {
	.owner = THIS_MODULE,
	.open = churn_open,
	.read = seq_read,
	.write = churn_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static const struct file_operations check_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = check_write,
	.llseek = noop_llseek,
};

void thinvmm_debugfs_add(void)
{
	dir = debugfs_create_dir("thinvmm", NULL);
	debugfs_create_file("counters", 0400, dir, NULL, &counters_fops);
	debugfs_create_file("log", 0400, dir, NULL, &log_fops);
	debugfs_create_file("watch", 0600, dir, NULL, &watch_fops);
	debugfs_create_file("churn", 0600, dir, NULL, &churn_fops);
	debugfs_create_file("check", 0200, dir, NULL, &check_fops);
}

void thinvmm_debugfs_remove(void)
{
	debugfs_remove(dir);
	dir = NULL;
}
