// SPDX-License-Identifier: GPL-2.0
/*
 * A process whose memory is a guest's, through /dev/ept_space: does to it all that Linux offers,
 * and compares what the guest sees. A line for each test, as the testbed reads them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../kunit/space_device.h"
#include "disturb.h"

#define PAGE	4096UL
#define LARGE	(2UL << 20)
#define GPA	(1UL << 30)
#define SIZE	(2 * LARGE)
#define PAGES	(SIZE / PAGE)
#define SECONDS	20		/* of two CPUs at work */

static int kmsg, failed;

static void say(const char *format, const char *name, long found)
{
	char line[160];
	int n = snprintf(line, sizeof(line), format, name, found);

	if (write(kmsg, line, n) != n)
		perror("kmsg");
}

static void verdict(const char *name, long wrong)
{
	say(wrong ? "space_user: FAIL %s: %ld\n" : "space_user: PASS %s\n", name, wrong);
	failed |= !!wrong;
}

/*
 * The guest
 */

struct guest {
	int	fd;
	char	*memory;
};

static char *map(void *at, size_t size)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0);
	char *memory = mmap(at, size, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (memory == MAP_FAILED)
		verdict("mmap", errno);
	return memory;
}

/* Aligned as large pages are, and none yet */
static struct guest guest_new(void)
{
	struct guest guest = { .fd = open("/dev/ept_space", O_RDWR) };
	char *room = map(NULL, SIZE + LARGE);
	struct ept_space_region_arg region = { .gpa = GPA, .size = SIZE };

	guest.memory = (char *)(((uintptr_t)room + LARGE - 1) & ~(LARGE - 1));
	madvise(guest.memory, SIZE, MADV_NOHUGEPAGE);
	region.address = (uintptr_t)guest.memory;
	if (ioctl(guest.fd, EPT_SPACE_ADD, &region))
		verdict("adding memory", errno);
	return guest;
}

static void guest_end(struct guest *guest)
{
	munmap(guest->memory, SIZE);
	close(guest->fd);
}

static long access_at(const struct guest *guest, unsigned int cpu, unsigned long offset,
		      uint64_t *value, int write)
{
	struct ept_space_access_arg arg = {
		.gpa = GPA + offset, .cpu = cpu, .value = *value, .write = write,
	};

	if (ioctl(guest->fd, EPT_SPACE_ACCESS, &arg))
		return -errno;
	*value = arg.value;
	return arg.result;
}

/* -1 where it can't; no test stores that */
static uint64_t load(const struct guest *guest, unsigned long offset)
{
	uint64_t value = 0;

	return access_at(guest, 0, offset, &value, 0) ? -1UL : value;
}

static long store(const struct guest *guest, unsigned long offset, uint64_t value)
{
	return access_at(guest, 0, offset, &value, 1);
}

static long level(const struct guest *guest, unsigned long offset)
{
	struct ept_space_lookup_arg arg = { .gpa = GPA + offset };

	ioctl(guest->fd, EPT_SPACE_LOOKUP, &arg);
	return arg.level;
}

static volatile uint64_t *word(const struct guest *guest, unsigned long offset)
{
	return (volatile uint64_t *)(guest->memory + offset);
}

/* Each page has a value of its own, by the guest. */
static void fill(const struct guest *guest)
{
	for (unsigned long i = 0; i < PAGES; i++)
		store(guest, i * PAGE, i + 1);
}

/* How many pages differ, for the guest or the process */
static long differing(const struct guest *guest)
{
	long wrong = 0;

	for (unsigned long i = 0; i < PAGES; i++)
		wrong += load(guest, i * PAGE) != i + 1 || *word(guest, i * PAGE) != i + 1;
	return wrong;
}

/*
 * Tests: 0, or what is wrong
 */

static long shares_pages(struct guest *guest)
{
	*word(guest, 0) = 5;
	if (load(guest, 0) != 5 || load(guest, PAGE))
		return 1;
	store(guest, PAGE, 6);
	if (*word(guest, PAGE) != 6 || load(guest, PAGE) != 6)
		return 2;
	if (load(guest, 2 * PAGE))
		return 3;
	*word(guest, 2 * PAGE) = 7;
	return load(guest, 2 * PAGE) != 7 ? 4 : 0;
}

static long follows_munmap(struct guest *guest)
{
	fill(guest);
	munmap(guest->memory + PAGE, 5 * PAGE);
	if (level(guest, PAGE) != -1 || store(guest, PAGE, 1) != -EFAULT)
		return 1;
	if (load(guest, 6 * PAGE) != 7 || load(guest, 0) != 1)
		return 2;
	map(guest->memory + PAGE, 5 * PAGE);
	return load(guest, PAGE) ? 3 : 0;
}

static long follows_mprotect(struct guest *guest)
{
	fill(guest);
	mprotect(guest->memory, PAGE, PROT_READ);
	if (load(guest, 0) != 1 || store(guest, 0, 9) != -EFAULT)
		return 1;
	mprotect(guest->memory, PAGE, PROT_NONE);
	if (load(guest, 0) != -1UL)
		return 2;
	mprotect(guest->memory, PAGE, PROT_READ | PROT_WRITE);
	return differing(guest);
}

static long follows_mremap(struct guest *guest)
{
	char *away = map(NULL, LARGE);

	fill(guest);
	if (mremap(guest->memory, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away)
		return 1;
	if (load(guest, 0) != -1UL || *(uint64_t *)away != 1)
		return 2;
	if (mremap(away, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, guest->memory) !=
	    guest->memory)
		return 3;
	return differing(guest);
}

static long follows_discards(struct guest *guest)
{
	fill(guest);
	madvise(guest->memory, LARGE, MADV_DONTNEED);
	if (load(guest, 0) || load(guest, LARGE) != LARGE / PAGE + 1)
		return 1;
	fill(guest);
	/* Lazily: what the guest writes after it stays. */
	madvise(guest->memory, SIZE, MADV_FREE);
	for (unsigned long i = 0; i < PAGES; i += 2)
		store(guest, i * PAGE, i + 1);
	madvise(guest->memory, SIZE, MADV_PAGEOUT);
	for (unsigned long i = 0; i < PAGES; i++) {
		const uint64_t value = load(guest, i * PAGE);

		if (value != i + 1 && (value || !(i % 2)))
			return 2 + i;
	}
	return 0;
}

static long copies_after_fork(struct guest *guest)
{
	int status = 0, go[2];
	char byte = 0;
	pid_t child;

	fill(guest);
	if (pipe(go))
		return 1;
	child = fork();
	if (!child) {
		/* What the parent's guest writes from now on isn't ours. */
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		for (unsigned long i = 0; i < PAGES; i++)
			if (*word(guest, i * PAGE) != i + 1)
				_exit(2);
		*word(guest, 0) = 99;
		_exit(0);
	}
	for (unsigned long i = 0; i < PAGES; i += 3)
		store(guest, i * PAGE, 1000 + i);
	if (write(go[1], &byte, 1) != 1)
		return 2;
	waitpid(child, &status, 0);
	close(go[0]);
	close(go[1]);
	if (status)
		return 10 + status;
	for (unsigned long i = 0; i < PAGES; i++)
		if (load(guest, i * PAGE) != (i % 3 ? i + 1 : 1000 + i))
			return 100 + i;
	return 0;
}

static long window(const struct guest *guest, int op, unsigned long offset, uint64_t value)
{
	struct ept_space_window_arg arg = { .gpa = GPA + offset, .op = op, .value = value };

	return ioctl(guest->fd, EPT_SPACE_WINDOW, &arg) ? -errno : arg.result;
}

/* What the host looked up before a fork, it writes after it. */
static long host_writes_before_a_fork(struct guest *guest)
{
	const unsigned long at = 2 * PAGE;
	int status = 0, go[2];
	char byte = 0;
	pid_t child;

	fill(guest);
	if (window(guest, 0, at, 0) || pipe(go))
		return 1;
	child = fork();
	if (!child) {
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		_exit(*word(guest, at) != 3);
	}
	/* The process has a page of its own from here on. */
	*word(guest, at + 8) = 5;
	if (window(guest, 1, at, 77) || write(go[1], &byte, 1) != 1)
		return 2;
	waitpid(child, &status, 0);
	close(go[0]);
	close(go[1]);
	if (status)
		return 10 + status;
	if (*word(guest, at) != 77 || load(guest, at) != 77 || load(guest, at + 8) != 5)
		return 3;
	return window(guest, 2, 0, 0) == -EINVAL ? 4 : 0;
}

/* How many pages of the memory are there */
static long resident(const struct guest *guest)
{
	static unsigned char there[PAGES];
	long nr = 0;

	mincore(guest->memory, SIZE, there);
	for (unsigned long i = 0; i < PAGES; i++)
		nr += there[i] & 1;
	return nr;
}

static long survives_swapping(struct guest *guest)
{
	fill(guest);
	for (int i = 0; i < 3; i++)
		madvise(guest->memory, SIZE, MADV_PAGEOUT);
	say("space_user: %s: %ld\n", "pages left after swapping out", resident(guest));
	if (level(guest, 0) != -1)
		return 1;
	return differing(guest);
}

static long uses_huge_pages(struct guest *guest)
{
	map(guest->memory, SIZE);
	madvise(guest->memory, SIZE, MADV_HUGEPAGE);
	fill(guest);
	say("space_user: %s: %ld\n", "level of a huge page's leaf", level(guest, 0));
	if (level(guest, 0) != 1)
		return 1;
	/* A part goes: the rest of the huge page stays, in small leaves or large. */
	madvise(guest->memory + 3 * PAGE, PAGE, MADV_DONTNEED);
	if (load(guest, 3 * PAGE) || load(guest, 2 * PAGE) != 3 || load(guest, 4 * PAGE) != 5)
		return 2;
	store(guest, 3 * PAGE, 4);
	if (differing(guest))
		return 3;
	mprotect(guest->memory + 7 * PAGE, PAGE, PROT_READ);
	if (store(guest, 7 * PAGE, 1) != -EFAULT || store(guest, 6 * PAGE, 7))
		return 4;
	mprotect(guest->memory + 7 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	return differing(guest);
}

static long uses_what_is_collapsed(struct guest *guest)
{
	fill(guest);
	if (level(guest, 0))
		return 1;
	madvise(guest->memory, SIZE, MADV_HUGEPAGE);
	if (madvise(guest->memory, SIZE, MADV_COLLAPSE))
		return 2;
	if (level(guest, 0) != -1 || differing(guest))
		return 3;
	return level(guest, 0) != 1 ? 4 : 0;
}

static long shared_merges(void)
{
	char text[32] = "";
	int fd = open("/sys/kernel/mm/ksm/pages_sharing", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	return atol(text);
}

static long survives_merging(struct guest *guest)
{
	for (unsigned long i = 0; i < PAGES; i++)
		store(guest, i * PAGE, 42);
	if (madvise(guest->memory, SIZE, MADV_MERGEABLE))
		return 1;
	for (int i = 0; i < 300 && shared_merges() < 100; i++)
		usleep(100000);
	say("space_user: %s: %ld\n", "pages that share one", shared_merges());
	if (shared_merges() < 100)
		return 2;
	for (unsigned long i = 0; i < PAGES; i += 2)
		store(guest, i * PAGE, 43);
	for (unsigned long i = 0; i < PAGES; i++)
		if (load(guest, i * PAGE) != 43 - i % 2 || *word(guest, i * PAGE) != 43 - i % 2)
			return 10 + i;
	madvise(guest->memory, SIZE, MADV_UNMERGEABLE);
	return load(guest, PAGE) != 42 ? 3 : 0;
}

static void ignore(int signal)
{
}

static long reports_poison(struct guest *guest)
{
	long ret;

	signal(SIGBUS, ignore);
	fill(guest);
	if (madvise(guest->memory + PAGE, PAGE, MADV_HWPOISON))
		return 1000 + errno;
	ret = store(guest, PAGE, 1);
	if (ret != -EHWPOISON)
		return ret ? ret : 1;
	return load(guest, 2 * PAGE) != 3 ? 2 : 0;
}

static long notices_an_end(struct guest *guest)
{
	struct guest orphan = { .fd = open("/dev/ept_space", O_RDWR) };
	int status = 0;
	pid_t child = fork();

	if (!child) {
		struct ept_space_region_arg region = { .gpa = GPA, .size = SIZE };

		orphan.memory = map(NULL, SIZE);
		region.address = (uintptr_t)orphan.memory;
		if (ioctl(orphan.fd, EPT_SPACE_ADD, &region))
			_exit(1);
		fill(&orphan);
		_exit(differing(&orphan) ? 2 : 0);
	}
	waitpid(child, &status, 0);
	if (status)
		return status;
	if (level(&orphan, 0) != -1 || store(&orphan, 0, 1) != -EFAULT)
		return 3;
	close(orphan.fd);
	return 0;
}

/*
 * Memory that another thread brings
 */

struct waiter {
	const struct guest	*guest;
	long			result;
};

static void *wait_for_page(void *arg)
{
	struct waiter *waiter = arg;
	uint64_t value = 0;

	waiter->result = access_at(waiter->guest, 0, 0, &value, 0);
	return NULL;
}

/* Whether a CPU that waits for a page comes back when its thread gets a signal */
static long kick(const struct guest *guest, int faults)
{
	static struct waiter waiter;
	struct timespec end = { .tv_sec = time(NULL) + 30 };
	struct uffd_msg event;
	pthread_t thread;

	waiter.guest = guest;
	signal(SIGUSR1, ignore);
	pthread_create(&thread, NULL, wait_for_page, &waiter);
	if (read(faults, &event, sizeof(event)) != sizeof(event))
		return errno;
	pthread_kill(thread, SIGUSR1);
	return pthread_timedjoin_np(thread, NULL, &end) ?: waiter.result + EINTR;
}

static long comes_back_from_a_wait(struct guest *guest)
{
	struct uffdio_range range = { .start = (uintptr_t)guest->memory, .len = SIZE };
	struct uffdio_register all = { .range = range, .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage page = { .range = { .start = range.start, .len = PAGE } };
	struct uffdio_api api = { .api = UFFD_API };
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC);
	long wrong;

	if (ioctl(faults, UFFDIO_API, &api) || ioctl(faults, UFFDIO_REGISTER, &all))
		return errno;
	wrong = kick(guest, faults);
	if (!wrong && ioctl(faults, UFFDIO_ZEROPAGE, &page))
		wrong = errno;
	/* Whoever waits still comes back now. */
	close(faults);
	return wrong ? wrong : (long)load(guest, 0);
}

static long log_of(const struct guest *guest, int op, unsigned long *bitmap)
{
	struct ept_space_log_arg arg = {
		.gpa = GPA, .size = SIZE, .op = op, .bitmap = (uintptr_t)bitmap,
	};

	return ioctl(guest->fd, EPT_SPACE_LOG, &arg);
}

static long logs_writes(struct guest *guest, int start)
{
	static unsigned long bitmap[PAGES / 64];

	madvise(guest->memory, SIZE, MADV_HUGEPAGE);
	fill(guest);
	if (log_of(guest, start, NULL))
		return 1;
	for (int round = 0; round < 4; round++) {
		for (unsigned long i = round; i < PAGES; i += 7)
			store(guest, i * PAGE, i + 1);
		if (round == 1)
			madvise(guest->memory, SIZE, MADV_PAGEOUT);
		if (round == 2)
			mprotect(guest->memory, LARGE, PROT_READ);
		memset(bitmap, 0, sizeof(bitmap));
		if (log_of(guest, 1, bitmap))
			return 2;
		for (unsigned long i = 0; i < PAGES; i++)
			if ((i % 7 == (unsigned long)round) != (bitmap[i / 64] >> i % 64 & 1))
				return 1000 * (round + 1) + i;
		mprotect(guest->memory, LARGE, PROT_READ | PROT_WRITE);
	}
	return log_of(guest, 2, NULL) ? 3 : differing(guest);
}

static long logs_what_the_guest_writes(struct guest *guest)
{
	return logs_writes(guest, 0);
}

static long logs_lazily_what_the_guest_writes(struct guest *guest)
{
	return logs_writes(guest, 3);
}

/*
 * Two CPUs and the host, while the process does what keeps its contents
 */

#define USERS	(EPT_SPACE_CPUS + 1)

static volatile int over;

struct vcpu {
	struct guest	*guest;
	unsigned int	id;
	unsigned long	steps;
	long		wrong;
	pthread_t	thread;
};

/* Each has a word of its own in each page. An access may meet a moment when nothing is there. */
static void *vcpu_run(void *arg)
{
	struct vcpu *vcpu = arg;
	static uint64_t expected[USERS][PAGES];
	uint64_t *mine = expected[vcpu->id];
	unsigned int seed = vcpu->id + 1;

	memset(mine, 0, sizeof(expected[0]));
	while (!over && !vcpu->wrong) {
		const unsigned long page = disturb_random(&seed) % PAGES;
		const unsigned long at = page * PAGE + 64 * (vcpu->id + 1);
		uint64_t value = disturb_random(&seed);
		long ret;

		if (value & 1) {
			ret = access_at(vcpu->guest, vcpu->id, at, &value, 1);
			if (!ret)
				mine[page] = value;
		} else {
			ret = access_at(vcpu->guest, vcpu->id, at, &value, 0);
			if (!ret && value != mine[page])
				vcpu->wrong = 1 + page;
		}
		if (ret && ret != -EFAULT)
			vcpu->wrong = ret;
		vcpu->steps++;
	}
	return NULL;
}

static long no_write_is_lost(struct guest *guest)
{
	struct vcpu vcpus[USERS] = {};
	const time_t end = time(NULL) + SECONDS;
	struct disturbed disturbed = {
		.memory = guest->memory, .pages = PAGES, .away = map(NULL, SIZE), .seed = 77,
	};
	static unsigned long bitmap[PAGES / 64];
	long wrong = 0;

	over = 0;
	madvise(guest->memory, SIZE, MADV_HUGEPAGE);
	for (unsigned int i = 0; i < USERS; i++) {
		vcpus[i].guest = guest;
		vcpus[i].id = i;
		pthread_create(&vcpus[i].thread, NULL, vcpu_run, &vcpus[i]);
	}
	/* Where that is slow, a few have to do. */
	for (int i = 0; i < 1500 && (i < 40 || time(NULL) < end); i++)
		if (!disturb(&disturbed))
			log_of(guest, disturb_random(&disturbed.seed) % 4, bitmap);
	over = 1;
	for (unsigned int i = 0; i < USERS; i++) {
		pthread_join(vcpus[i].thread, NULL);
		say("space_user: %s: %ld\n", "steps of a CPU", vcpus[i].steps);
		wrong = wrong ? wrong : vcpus[i].wrong;
		wrong = wrong ? wrong : vcpus[i].steps < 100;
	}
	return wrong;
}

static const struct {
	const char	*name;
	long		(*run)(struct guest *guest);
} tests[] = {
	{ "guest and process share their pages", shares_pages },
	{ "what is unmapped goes, and comes back new", follows_munmap },
	{ "mprotect holds for the guest", follows_mprotect },
	{ "mremap takes the pages along", follows_mremap },
	{ "what is discarded is gone, and what is written after stays", follows_discards },
	{ "fork copies what the guest writes", copies_after_fork },
	{ "what the host writes is the guest's, and not a child's", host_writes_before_a_fork },
	{ "pages that are swapped out come back", survives_swapping },
	{ "huge pages are large leaves, until they are cut", uses_huge_pages },
	{ "collapsed pages are large leaves", uses_what_is_collapsed },
	{ "merged pages are copied when the guest writes", survives_merging },
	{ "the log has what the guest writes, and nothing else", logs_what_the_guest_writes },
	{ "a lazy log has what the guest writes, and nothing else",
	  logs_lazily_what_the_guest_writes },
	{ "a signal ends the wait for a page that userfaultfd is to bring",
	  comes_back_from_a_wait },
	{ "the end of the process is the end of its memory", notices_an_end },
	{ "no write of two CPUs and the host is lost, whatever the process does",
	  no_write_is_lost },
	{ "a poisoned page is reported", reports_poison },
	{}
};

int main(void)
{
	kmsg = open("/dev/kmsg", O_WRONLY);
	for (unsigned int i = 0; tests[i].run; i++) {
		struct guest guest = guest_new();

		verdict(tests[i].name, tests[i].run(&guest));
		guest_end(&guest);
	}
	return failed;
}
