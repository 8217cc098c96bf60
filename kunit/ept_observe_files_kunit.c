// SPDX-License-Identifier: GPL-2.0
/*
 * A table's files: when they come and go, what they cost whoever makes tables, and how they are
 * read where they are long.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "debugfs_file.h"
#include "ept_op.h"
#include "fixture.h"

CONFIG_PARAMS;

/* Longer than any of it takes; who waits for so long waits for something else. */
#define FOR_EVER	(60 * HZ)

/* More than a tour visits in one go */
#define MANY_TABLES	1300

#define LINES		600
#define TEXT_SIZE	SZ_1M

/*
 * Files
 */

static struct dentry *find(const char *table, const char *name)
{
	struct dentry *dir = debugfs_lookup("ept", NULL), *table_dir, *file;

	if (!dir)
		return NULL;
	table_dir = debugfs_lookup(table, dir);
	dput(dir);
	if (!table_dir || !name)
		return table_dir;
	file = debugfs_lookup(name, table_dir);
	dput(table_dir);
	return file;
}

static bool has_files(const char *table)
{
	struct dentry *file = find(table, "lookup");

	dput(file);
	return file;
}

static struct file *open_file(struct kunit *test, const struct ept *ept, const char *name,
			      int mode)
{
	ept_debugfs_settle();
	return debugfs_open(test, mode, "ept", ept_name(ept), name);
}

/* The whole file; the memory that it took goes into @buffer. */
static char *read_file(struct kunit *test, const struct ept *ept, const char *name, size_t *buffer)
{
	struct file *file = open_file(test, ept, name, O_RDONLY);
	char *text = kvzalloc(TEXT_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	debugfs_read(test, file, text, TEXT_SIZE);
	*buffer = ((struct seq_file *)file->private_data)->size;
	__fput_sync(file);
	return text;
}

static char *dump(struct kunit *test, struct ept *ept)
{
	struct seq_file m = { .buf = kvzalloc(TEXT_SIZE, GFP_KERNEL), .size = TEXT_SIZE };

	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	KUNIT_EXPECT_EQ(test, ept_dump(&m, ept), 0);
	return m.buf;
}

static void files_appear_a_moment_later(struct kunit *test)
{
	const unsigned long end = jiffies + FOR_EVER;
	struct fixture *fixture = test->priv;
	struct ept *ept = ept_create(&fixture->config);
	char name[80];

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	strscpy(name, ept_name(ept), sizeof(name));
	while (!has_files(name) && time_before(jiffies, end))
		msleep(20);
	KUNIT_EXPECT_TRUE(test, has_files(name));
	ept_destroy(ept);
	KUNIT_EXPECT_NULL(test, find(name, NULL));
	ept_debugfs_settle();
	KUNIT_EXPECT_NULL(test, find(name, NULL));
}

/*
 * What they cost
 */

/* The least of a few turns, each long enough for any clock */
static u64 cost_of_tables(struct kunit *test, const struct ept_config *config)
{
	u64 least = U64_MAX;

	for (unsigned int turn = 0; turn < 10; turn++) {
		u64 start;

		/* What the last turn freed is there again: no memory is touched first here. */
		ept_barrier();
		start = ktime_get_ns();
		for (unsigned int i = 0; i < 20; i++) {
			struct ept *ept = ept_create(config);

			KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
			ept_destroy(ept);
		}
		least = min(least, ktime_get_ns() - start);
	}
	return least;
}

/* 20 times: caches are cold, machines are shared. Comparing names with each table's, it is 1000. */
static void costs_the_same_among_thousands(struct kunit *test, const char *name)
{
	struct fixture *fixture = test->priv;
	struct ept_config config = fixture->config;
	const unsigned int nr = 2000;
	struct ept **tables = kvcalloc(nr, sizeof(*tables), GFP_KERNEL);
	unsigned int made = 0;
	u64 alone, among;

	KUNIT_ASSERT_NOT_NULL(test, tables);
	config.name = name;
	alone = cost_of_tables(test, &config);
	while (made < nr && !IS_ERR_OR_NULL(tables[made] = ept_create(&config)))
		made++;
	KUNIT_EXPECT_EQ(test, made, nr);
	ept_debugfs_settle();
	among = cost_of_tables(test, &config);
	KUNIT_EXPECT_LT_MSG(test, among, 20 * alone, "name %s", name ?: "of the module's choice");
	while (made)
		ept_destroy(tables[--made]);
	kvfree(tables);
}

static void creating_a_table_costs_the_same_with_thousands_there(struct kunit *test)
{
	costs_the_same_among_thousands(test, NULL);
	costs_the_same_among_thousands(test, "a-name-for-all");
}

/*
 * Who waits for whom
 */

struct bystander {
	const struct ept_config	*config;
	struct ept		*ept;
	struct file		*file;
	struct completion	begun;
	struct completion	go;
	struct completion	done;
};

static int destroy_it(void *arg)
{
	struct bystander *bystander = arg;

	complete(&bystander->begun);
	ept_destroy(bystander->ept);
	complete_all(&bystander->done);
	return 0;
}

/* One whose files were there, and one that was too short-lived for them */
static int create_and_destroy(void *arg)
{
	struct bystander *bystander = arg;

	complete(&bystander->begun);
	for (unsigned int i = 0; i < 2; i++) {
		struct ept *ept = ept_create(bystander->config);

		if (IS_ERR(ept))
			return PTR_ERR(ept);
		if (!i)
			ept_debugfs_settle();
		ept_destroy(ept);
	}
	complete_all(&bystander->done);
	return 0;
}

static void set_going(struct kunit *test, struct bystander *bystander, int (*what)(void *arg))
{
	struct task_struct *task;

	init_completion(&bystander->begun);
	init_completion(&bystander->go);
	init_completion(&bystander->done);
	task = kthread_run(what, bystander, "bystander");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wait_for_completion(&bystander->begun);
}

/* A reader of 'map' that doesn't return: its file is in use, as in the midst of a read(2). */
static void a_reader_of_one_table_does_not_hold_up_others(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct bystander owner = { .ept = ept_create(&fixture->config) };
	struct bystander other = { .config = &fixture->config };
	struct file *file;
	struct dentry *map;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, owner.ept);
	file = open_file(test, owner.ept, "map", O_RDONLY);
	map = file->f_path.dentry;
	KUNIT_ASSERT_EQ(test, debugfs_file_get(map), 0);
	set_going(test, &owner, destroy_it);
	/* The table waits for its reader. */
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&owner.done, HZ / 5));
	set_going(test, &other, create_and_destroy);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&other.done, FOR_EVER));
	KUNIT_EXPECT_FALSE(test, completion_done(&owner.done));
	debugfs_file_put(map);
	__fput_sync(file);
	wait_for_completion(&owner.done);
	wait_for_completion(&other.done);
}

static int settle_all_the_time(void *arg)
{
	struct bystander *bystander = arg;

	complete(&bystander->begun);
	while (!try_wait_for_completion(&bystander->go)) {
		ept_debugfs_settle();
		cond_resched();
	}
	complete_all(&bystander->done);
	return 0;
}

/* Before, while and after */
static void tables_go_while_their_files_are_made(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct bystander worker = {};

	set_going(test, &worker, settle_all_the_time);
	for (unsigned int i = 0; i < 1000; i++) {
		struct ept *ept = ept_create(&fixture->config);

		if (i % 4 == 0)
			cond_resched();
		if (i % 4 == 1)
			udelay(i % 50);
		KUNIT_EXPECT_FALSE(test, IS_ERR(ept));
		ept_destroy(ept);
	}
	complete(&worker.go);
	wait_for_completion(&worker.done);
	ept_debugfs_settle();
	KUNIT_EXPECT_TRUE(test, has_files(ept_name(fixture->ept)));
}

static int read_it(void *arg)
{
	struct bystander *bystander = arg;
	static char text[PAGE_SIZE];

	complete(&bystander->begun);
	while (debugfs_read_some(bystander->file, text, sizeof(text)) > 0)
		;
	complete_all(&bystander->done);
	return 0;
}

static void files_are_read_while_the_table_is_locked(struct kunit *test)
{
	static const char *const names[] = { "map", "tables", "stats", "check", "lookup" };
	struct fixture *fixture = test->priv;

	must_map(fixture, 0, 0, SZ_4M, &EPT_ATTRS_RAM);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		struct bystander reader = {
			.file = open_file(test, fixture->ept, names[i], O_RDONLY),
		};
		unsigned int noreclaim;

		ept_lock(fixture->ept);
		/* Reclaim may take the lock. */
		noreclaim = memalloc_noreclaim_save();
		set_going(test, &reader, read_it);
		memalloc_noreclaim_restore(noreclaim);
		KUNIT_EXPECT_TRUE_MSG(test, wait_for_completion_timeout(&reader.done, FOR_EVER),
				      "%s", names[i]);
		ept_unlock(fixture->ept);
		wait_for_completion(&reader.done);
		__fput_sync(reader.file);
	}
}

/*
 * Long files
 */

/* No two of them are contiguous. */
static void map_lines(struct fixture *fixture)
{
	for (u64 i = 0; i < LINES; i++)
		must_map(fixture, SZ_1G + i * SZ_4K, (i ^ 1) * SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	must_map(fixture, 0, SZ_16M, SZ_2M, &EPT_ATTRS_DEVICE);
	must_map(fixture, flat_width(fixture->flat) - SZ_8K, 0, SZ_8K, &EPT_ATTRS_DEVICE);
}

static void a_map_of_many_lines_is_read_piece_by_piece(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	char *pieces, *whole;
	size_t buffer;

	map_lines(fixture);
	whole = dump(test, fixture->ept);
	pieces = read_file(test, fixture->ept, "map", &buffer);
	KUNIT_EXPECT_LE(test, buffer, PAGE_SIZE);
	KUNIT_EXPECT_GT(test, strlen(whole), LINES * 50UL);
	KUNIT_EXPECT_EQ(test, strcmp(pieces, whole), 0);
	kvfree(whole);
	kvfree(pieces);
}

/* Takes the next line off the text, which has to have each of two words. */
static void expect_line(struct kunit *test, char **text, u64 first, u64 second)
{
	char *line = strsep(text, "\n"), words[40];

	KUNIT_ASSERT_NOT_NULL(test, line);
	snprintf(words, sizeof(words), "%013llx %016llx ", first, second);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, words), "%s: not in %s", words, line);
}

/* A line for each entry that isn't a hole, a table's before those of its entries */
static void expect_lines(struct fixture *fixture, char **text, u64 table, unsigned int level,
			 u64 gpa)
{
	for (unsigned int i = 0; i < MMU_ENTRIES; i++, gpa += flat_span(level)) {
		const u64 entry = mmu_table(table)[i];
		const enum mmu_kind kind = mmu_kind(&fixture->mmu, entry, level);

		if (kind == MMU_ABSENT)
			continue;
		expect_line(fixture->test, text, gpa, entry);
		if (kind == MMU_TABLE)
			expect_lines(fixture, text, entry, level - 1, gpa);
	}
}

static void tables_of_many_lines_are_read_piece_by_piece(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	char *text, *rest;
	size_t buffer;

	map_lines(fixture);
	text = read_file(test, fixture->ept, "tables", &buffer);
	rest = text;
	KUNIT_EXPECT_LE(test, buffer, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, strncmp(strsep(&rest, "\n"), "EPTP ", 5), 0);
	expect_lines(fixture, &rest, fixture->eptp, fixture->config.levels - 1, 0);
	KUNIT_EXPECT_STREQ(test, rest, "");
	kvfree(text);
}

static int count_mapping(const struct ept_mapping *mapping, void *arg)
{
	(*(u64 *)arg)++;
	return 0;
}

/* Far more than one RCU section has */
static void a_tour_of_many_tables_counts_each_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct ept_check_report locked, unlocked;
	struct ept_stats stats;
	u64 mappings = 0;

	for (u64 i = 0; i < MANY_TABLES; i++)
		must_map(fixture, i * SZ_2M, SZ_4K, SZ_4K, &EPT_ATTRS_RAM);
	KUNIT_EXPECT_EQ(test, ept_for_each_mapping(fixture->ept, 0, flat_width(fixture->flat),
						   count_mapping, &mappings), 0);
	KUNIT_EXPECT_EQ(test, mappings, MANY_TABLES);
	ept_get_stats(fixture->ept, &stats);
	KUNIT_EXPECT_EQ(test, stats.leaves[EPT_4K], MANY_TABLES);
	KUNIT_EXPECT_EQ(test, stats.tables[EPT_4K], MANY_TABLES);
	KUNIT_EXPECT_EQ(test, stats.tables[EPT_2M], DIV_ROUND_UP(MANY_TABLES, MMU_ENTRIES));
	KUNIT_EXPECT_EQ(test, stats.tables[EPT_1G], 1);
	KUNIT_EXPECT_EQ(test, stats.tables[EPT_512G], 1);
	KUNIT_EXPECT_EQ(test, ept_check(fixture->ept, &locked), 0);
	KUNIT_EXPECT_EQ(test, ept_check_entries(fixture->ept, &unlocked), 0);
	KUNIT_EXPECT_EQ(test, unlocked.tables, locked.tables);
	KUNIT_EXPECT_EQ(test, unlocked.entries, locked.entries);
}

static int say_done(void *arg)
{
	struct bystander *bystander = arg;

	complete(&bystander->begun);
	wait_for_completion(&bystander->go);
	complete_all(&bystander->done);
	return 0;
}

static void check_entries(struct ept *ept)
{
	struct ept_check_report report;

	ept_check_entries(ept, &report);
}

static void count(struct ept *ept)
{
	struct ept_stats stats;

	ept_count(ept, &stats, true);
}

static void find_a_mapping(struct ept *ept)
{
	struct ept_mapping mapping;

	ept_next_mapping(ept, SZ_4K, &mapping);
}

/* On one CPU, another thread runs when the one that runs lets it. */
static void who_reads_a_large_table_lets_others_run(struct kunit *test)
{
	static void (*const reads[])(struct ept *ept) = { check_entries, count, find_a_mapping };
	struct fixture *fixture = test->priv;

	if (num_online_cpus() > 1)
		kunit_skip(test, "others have CPUs of their own");
	/* One mapping, in all of the tables but the first, is one line to be found. */
	must_map(fixture, 0, SZ_1G, SZ_4K, &EPT_ATTRS_RAM);
	must_map(fixture, SZ_2M, SZ_2M, (MANY_TABLES - 1) * (u64)SZ_2M, &EPT_ATTRS_RAM);
	KUNIT_ASSERT_EQ(test, do_split(fixture, 0, MANY_TABLES * (u64)SZ_2M, EPT_4K, NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(reads); i++) {
		struct bystander other = {};
		struct task_struct *task;

		init_completion(&other.begun);
		init_completion(&other.go);
		init_completion(&other.done);
		task = kthread_create(say_done, &other, "bystander");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
		sched_set_fifo(task);
		wake_up_process(task);
		wait_for_completion(&other.begun);
		/* It is ready to run from here on. */
		complete(&other.go);
		reads[i](fixture->ept);
		KUNIT_EXPECT_TRUE_MSG(test, completion_done(&other.done), "%u", i);
		wait_for_completion(&other.done);
	}
}

static void check_shows_what_is_wrong(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	char *text;
	size_t buffer;
	u64 *entry;

	must_map(fixture, 0, 0, SZ_8K, &EPT_ATTRS_RAM);
	text = read_file(test, fixture->ept, "check", &buffer);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, "clean\nentries "), "%s", text);
	kvfree(text);
	entry = fixture_entry(fixture, SZ_4K, 0);
	/* Writable, and not readable */
	*entry &= ~BIT_ULL(0);
	text = read_file(test, fixture->ept, "check", &buffer);
	*entry |= BIT_ULL(0);
	KUNIT_EXPECT_EQ_MSG(test, strncmp(text, "FAULT at gpa 0000000001000, entry ", 34), 0,
			    "%s", text);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, ", level 0: "), "%s", text);
	kvfree(text);
}

/* KUnit's machines have no VMX. */
static void caps_says_why_there_are_none(struct kunit *test)
{
	struct file *file = debugfs_open(test, O_RDONLY, "ept", "", "caps");
	struct ept_caps caps;
	char text[80];

	if (ept_caps_read(&caps) == -ENODEV) {
		debugfs_read(test, file, text, sizeof(text));
		KUNIT_EXPECT_STREQ(test, text, "this CPU has no VMX\n");
	}
	__fput_sync(file);
}

/*
 * What is written to 'lookup'
 */

static unsigned int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, tolower(c)) : NULL;

	return found ? found - digits : 16;
}

/* What the manual says of a text, read anew: 0 and its gpa, or a negative errno */
static int lookup_says(const char *text, size_t size, u64 *gpa)
{
	const size_t end = strnlen(text, size);
	const unsigned int base = end && text[0] == '0' ? 16 : 10;
	u64 value = 0;
	size_t i = 0, first;

	if (size > 31)
		return -EINVAL;
	if (end > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		i = 2;
	else if (end && text[0] == '+')
		i = 1;
	for (first = i; i < end && digit(text[i]) < base; i++) {
		if (value > (U64_MAX - digit(text[i])) / base)
			return -ERANGE;
		value = value * base + digit(text[i]);
	}
	if (i == first || (i < end && (text[i] != '\n' || i + 1 < end)))
		return -EINVAL;
	*gpa = value;
	return 0;
}

/* Mostly a number, with something in front and something behind */
static size_t random_text(struct rnd_state *rnd, char *text, size_t max)
{
	static const char *const fronts[] = { "", "", "0", "0x", "0X", "0000000", "+", "-", " " };
	static const char *const ends[] = { "", "", "\n", "\n\n", " ", "g", "\n1" };
	static const char digits[] = "0123456789abcdefABCDEFffff\0+x\n";
	const unsigned int kinds[] = { 10, 22, 26, sizeof(digits) };
	const unsigned int kind = kinds[prandom_u32_state(rnd) % ARRAY_SIZE(kinds)];
	const size_t nr = prandom_u32_state(rnd) % (prandom_u32_state(rnd) % 8 ? 22 : max - 12);
	size_t size = 0;

	size += strscpy(text, fronts[prandom_u32_state(rnd) % ARRAY_SIZE(fronts)], max);
	for (size_t i = 0; i < nr; i++)
		text[size++] = digits[prandom_u32_state(rnd) % kind];
	return size + strscpy(text + size, ends[prandom_u32_state(rnd) % ARRAY_SIZE(ends)],
			      max - size);
}

/* The file, and a process' page that it is written from; what follows that page isn't there. */
struct lookup {
	struct kunit	*test;
	struct file	*file;
	unsigned long	page;
	u64		gpa;
};

static ssize_t write_lookup(struct lookup *lookup, const char *text, size_t size)
{
	char __user *user = (char __user *)(lookup->page + PAGE_SIZE - size);
	loff_t pos = 0;

	KUNIT_ASSERT_EQ(lookup->test, copy_to_user(user, text, size), 0UL);
	return lookup->file->f_op->write(lookup->file, user, size, &pos);
}

static void expect_lookup(struct lookup *lookup, const char *text, size_t size)
{
	const int err = lookup_says(text, size, &lookup->gpa);
	char line[40] = {}, shown[40];

	KUNIT_EXPECT_EQ_MSG(lookup->test, write_lookup(lookup, text, size),
			    err ?: (ssize_t)size, "%*pE", (int)size, text);
	snprintf(shown, sizeof(shown), "gpa %013llx\n", lookup->gpa);
	lookup->file->f_pos = 0;
	KUNIT_EXPECT_GT(lookup->test, debugfs_read_some(lookup->file, line, strlen(shown)), 0);
	KUNIT_EXPECT_STREQ_MSG(lookup->test, line, shown, "%*pE", (int)size, text);
}

static struct lookup open_lookup(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const unsigned long pages = kunit_vm_mmap(test, NULL, 0, 2 * PAGE_SIZE,
						  PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, 0);

	if (!EPT_KUNIT_HAS_PROCESS)
		kunit_skip(test, "cases have no memory of a process");
	KUNIT_ASSERT_TRUE(test, pages && !IS_ERR_VALUE(pages));
	KUNIT_ASSERT_EQ(test, vm_munmap(pages + PAGE_SIZE, PAGE_SIZE), 0);
	return (struct lookup){ test, open_file(test, fixture->ept, "lookup", O_RDWR), pages, 0 };
}

/* KUnit forgets to end the process. */
static void close_lookup(struct lookup *lookup)
{
	struct mm_struct *mm = current->mm;

	__fput_sync(lookup->file);
	kthread_unuse_mm(mm);
	mmput(mm);
}

static void lookup_takes_the_texts_that_its_manual_names_and_no_other(struct kunit *test)
{
	static const char *const texts[] = {
		"", "0", "1", "0x", "0x0", "10", "010", "0000000300000", "0x300000\n", "+7", "+0x7",
		"18446744073709551615", "18446744073709551616", "18446744073709551616x",
		"0xffffffffffffffff", "0x10000000000000000", "0000000000000000000000000000001",
		"00000000000000000000000000000001", "\n", "5\n\n", " 5", "-5", "5 ", "a", "0g",
	};
	struct lookup lookup = open_lookup(test);
	struct rnd_state rnd;
	char text[80];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		expect_lookup(&lookup, texts[i], strlen(texts[i]));
	/* Among its zeros the end of a number isn't seen. */
	memset(text, '0', sizeof(text));
	expect_lookup(&lookup, text, sizeof(text));
	prandom_seed_state(&rnd, 1);
	for (unsigned int i = 0; i < 20000 && READ_ONCE(test->status) == KUNIT_SUCCESS; i++)
		expect_lookup(&lookup, text, random_text(&rnd, text, sizeof(text)));
	close_lookup(&lookup);
}

static void lookup_is_not_written_from_where_nothing_is(struct kunit *test)
{
	struct lookup lookup = open_lookup(test);
	char __user *user = (char __user *)lookup.page + PAGE_SIZE - 1;
	loff_t pos = 0;

	expect_lookup(&lookup, "5", 1);
	KUNIT_EXPECT_EQ(test, lookup.file->f_op->write(lookup.file, user, 2, &pos), -EFAULT);
	KUNIT_EXPECT_EQ(test, lookup.file->f_op->write(lookup.file, user + 1, 1, &pos), -EFAULT);
	/* No text is none that is to be read. */
	expect_lookup(&lookup, "", 0);
	close_lookup(&lookup);
}

static struct kunit_case files_cases[] = {
	KUNIT_CASE(files_appear_a_moment_later),
	KUNIT_CASE(creating_a_table_costs_the_same_with_thousands_there),
	KUNIT_CASE(a_reader_of_one_table_does_not_hold_up_others),
	KUNIT_CASE(tables_go_while_their_files_are_made),
	KUNIT_CASE_PARAM(files_are_read_while_the_table_is_locked, configs_gen_params),
	KUNIT_CASE_PARAM(a_map_of_many_lines_is_read_piece_by_piece, configs_gen_params),
	KUNIT_CASE_PARAM(tables_of_many_lines_are_read_piece_by_piece, configs_gen_params),
	KUNIT_CASE(a_tour_of_many_tables_counts_each_once),
	KUNIT_CASE(who_reads_a_large_table_lets_others_run),
	KUNIT_CASE(check_shows_what_is_wrong),
	KUNIT_CASE(caps_says_why_there_are_none),
	KUNIT_CASE(lookup_takes_the_texts_that_its_manual_names_and_no_other),
	KUNIT_CASE(lookup_is_not_written_from_where_nothing_is),
	{}
};

static struct kunit_suite files_suite = {
	.name = "ept_observe_files",
	.suite_init = debugfs_suite_init,
	.suite_exit = debugfs_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = files_cases,
};

kunit_test_suite(files_suite);
