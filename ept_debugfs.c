// SPDX-License-Identifier: GPL-2.0
/*
 * Observers: /sys/kernel/debug/ept. Files only root may read, which change nothing. A table's files
 * appear a moment after it, so that who makes and destroys thousands of small ones doesn't pay for
 * them. A file that is open while its table goes away reads as an error from then on: whoever
 * destroys the table waits for its readers, and nobody else does.
 */
#include <linux/debugfs.h>
#include <linux/kstrtox.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "ept_priv.h"

static struct dentry *ept_dir;

/*
 * Files of any length, a line at a time. The position is that of the next line, and depends on no
 * other: the line at or after a gpa. 0 is the line above them.
 */

/**
 * struct cursor - a reader of such a file
 * @ept: the table
 * @mapping: the line of 'map'
 * @found: the line of 'tables'
 */
struct cursor {
	struct ept			*ept;
	union {
		struct ept_mapping	mapping;
		struct ept_found	found;
	};
};

static int open_cursor(struct inode *inode, struct file *file, const struct seq_operations *ops)
{
	struct cursor *cursor = __seq_open_private(file, ops, sizeof(*cursor));

	if (!cursor)
		return -ENOMEM;
	cursor->ept = inode->i_private;
	return 0;
}

static void stop(struct seq_file *m, void *line)
{
}

static void *map_start(struct seq_file *m, loff_t *pos)
{
	struct cursor *cursor = m->private;

	if (!*pos)
		return SEQ_START_TOKEN;
	return ept_next_mapping(cursor->ept, *pos - 1, &cursor->mapping) ? cursor : NULL;
}

static void *map_next(struct seq_file *m, void *line, loff_t *pos)
{
	const struct cursor *cursor = m->private;

	*pos = 1;
	if (line != SEQ_START_TOKEN)
		*pos += cursor->mapping.gpa + cursor->mapping.size;
	return map_start(m, pos);
}

static int map_show(struct seq_file *m, void *line)
{
	const struct cursor *cursor = m->private;

	if (line == SEQ_START_TOKEN)
		ept_dump_heading(m);
	else
		ept_dump_mapping(m, cursor->ept, &cursor->mapping);
	return 0;
}

static const struct seq_operations map_ops = {
	.start = map_start,
	.next = map_next,
	.stop = stop,
	.show = map_show,
};

static int map_open(struct inode *inode, struct file *file)
{
	return open_cursor(inode, file, &map_ops);
}

static void *tables_start(struct seq_file *m, loff_t *pos)
{
	struct cursor *cursor = m->private;

	if (!*pos)
		return SEQ_START_TOKEN;
	return ept_next_entry(cursor->ept, *pos, &cursor->found) ? cursor : NULL;
}

static void *tables_next(struct seq_file *m, void *line, loff_t *pos)
{
	const struct cursor *cursor = m->private;

	*pos = 1;
	if (line != SEQ_START_TOKEN)
		*pos += ept_found_order(&cursor->ept->fmt, &cursor->found);
	return tables_start(m, pos);
}

static int tables_show(struct seq_file *m, void *line)
{
	const struct cursor *cursor = m->private;

	if (line == SEQ_START_TOKEN)
		ept_dump_root(m, cursor->ept);
	else
		ept_dump_entry(m, cursor->ept, &cursor->found);
	return 0;
}

static const struct seq_operations tables_ops = {
	.start = tables_start,
	.next = tables_next,
	.stop = stop,
	.show = tables_show,
};

static int tables_open(struct inode *inode, struct file *file)
{
	return open_cursor(inode, file, &tables_ops);
}

static const struct file_operations map_fops = {
	.owner = THIS_MODULE,
	.open = map_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

static const struct file_operations tables_fops = {
	.owner = THIS_MODULE,
	.open = tables_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

/*
 * Files of a few lines
 */

static int stats_show(struct seq_file *m, void *unused)
{
	struct ept_stats stats;

	ept_count(m->private, &stats, true);
	seq_printf(m, "leaves_4k %llu\nleaves_2m %llu\nleaves_1g %llu\n", stats.leaves[EPT_4K],
		   stats.leaves[EPT_2M], stats.leaves[EPT_1G]);
	seq_printf(m, "tables_4k %llu\ntables_2m %llu\ntables_1g %llu\n", stats.tables[EPT_4K],
		   stats.tables[EPT_2M], stats.tables[EPT_1G]);
	seq_printf(m, "tables_512g %llu\ntables_256t %llu\nreserved %llu\n",
		   stats.tables[EPT_512G], stats.tables[EPT_256T], stats.reserved);
	seq_printf(m, "splits %llu\nmerges %llu\nflushes %llu\ninterrupts %llu\n", stats.splits,
		   stats.merges, stats.flushes, stats.interrupts);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* Without the table's lock: a fault doesn't wait for who looks on. */
static int check_show(struct seq_file *m, void *unused)
{
	struct ept_check_report report;

	if (ept_check_entries(m->private, &report))
		seq_printf(m, "FAULT at gpa %013llx, entry %016llx, level %u: %s\n", report.gpa,
			   report.entry, report.level, report.why);
	else
		seq_puts(m, "clean\n");
	seq_printf(m, "entries %llu\ntables %llu\n", report.entries, report.tables);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(check);

static int lookup_show(struct seq_file *m, void *unused)
{
	struct ept *ept = m->private;

	ept_dump_explanation(m, ept, READ_ONCE(ept->lookup_gpa));
	return 0;
}

static int lookup_open(struct inode *inode, struct file *file)
{
	return single_open(file, lookup_show, inode->i_private);
}

/* With a number's prefix and end of line; zeros in front of more would hide what doesn't fit. */
#define LOOKUP_TEXT	32

/* Decimal, or as the other files print it: with a zero in front it is hexadecimal, 0x or not. */
static ssize_t lookup_write(struct file *file, const char __user *buffer, size_t count,
			    loff_t *pos)
{
	struct seq_file *m = file->private_data;
	struct ept *ept = m->private;
	char text[LOOKUP_TEXT] = {};
	u64 gpa;
	int err;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buffer, count))
		return -EFAULT;
	err = kstrtou64(text, *text == '0' ? 16 : 10, &gpa);
	if (err)
		return err;
	WRITE_ONCE(ept->lookup_gpa, gpa);
	return count;
}

static const struct file_operations lookup_fops = {
	.owner = THIS_MODULE,
	.open = lookup_open,
	.read = seq_read,
	.write = lookup_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int caps_show(struct seq_file *m, void *unused)
{
	struct ept_caps caps;
	const int err = ept_caps_read(&caps);

	ept_dump_caps(m, err, &caps);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(caps);

/*
 * When files come and go
 */

/* How long a table lives before its files are made */
#define APPEAR_MS	20

/* Tables whose files are yet to be made, and the one whose files are being made */
static LIST_HEAD(awaited);
static struct ept *appearing;
static DEFINE_SPINLOCK(awaited_lock);
static DECLARE_WAIT_QUEUE_HEAD(appeared);

static void make_files(struct ept *ept)
{
	ept->dir = debugfs_create_dir(ept->name, ept_dir);
	debugfs_create_file("map", 0400, ept->dir, ept, &map_fops);
	debugfs_create_file("tables", 0400, ept->dir, ept, &tables_fops);
	debugfs_create_file("stats", 0400, ept->dir, ept, &stats_fops);
	debugfs_create_file("check", 0400, ept->dir, ept, &check_fops);
	debugfs_create_file("lookup", 0600, ept->dir, ept, &lookup_fops);
}

static struct ept *next_awaited(void)
{
	struct ept *ept;

	spin_lock(&awaited_lock);
	ept = list_first_entry_or_null(&awaited, struct ept, awaited);
	if (ept)
		list_del_init(&ept->awaited);
	appearing = ept;
	spin_unlock(&awaited_lock);
	return ept;
}

static void appear(struct work_struct *work)
{
	struct ept *ept;

	while ((ept = next_awaited())) {
		make_files(ept);
		/* Who waits for that removes them, and frees the table. */
		smp_store_release(&appearing, NULL);
		wake_up_all(&appeared);
		cond_resched();
	}
}

static DECLARE_DELAYED_WORK(appear_work, appear);

void ept_debugfs_add(struct ept *ept)
{
	spin_lock(&awaited_lock);
	/* Whoever was the first has seen to the others. */
	if (list_empty(&awaited))
		queue_delayed_work(system_dfl_wq, &appear_work, msecs_to_jiffies(APPEAR_MS));
	list_add_tail(&ept->awaited, &awaited);
	spin_unlock(&awaited_lock);
}

void ept_debugfs_remove(struct ept *ept)
{
	spin_lock(&awaited_lock);
	list_del_init(&ept->awaited);
	spin_unlock(&awaited_lock);
	/* Pairs with the release in appear(): what was made is seen. */
	wait_event(appeared, smp_load_acquire(&appearing) != ept);
	/* With no lock held but that of its own directory */
	debugfs_remove(ept->dir);
}

/* Returns when all tables that were there before the call have their files. */
void ept_debugfs_settle(void)
{
	flush_delayed_work(&appear_work);
}
EXPORT_SYMBOL_IF_KUNIT(ept_debugfs_settle);

void ept_debugfs_init(void)
{
	ept_dir = debugfs_create_dir("ept", NULL);
	debugfs_create_file("caps", 0400, ept_dir, NULL, &caps_fops);
}

void ept_debugfs_exit(void)
{
	cancel_delayed_work_sync(&appear_work);
	debugfs_remove(ept_dir);
}
