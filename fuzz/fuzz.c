// SPDX-License-Identifier: GPL-2.0
/*
 * Runs programs of random bytes, from a seed on; one that fails is made as short as it fails, and
 * printed as calls for a regression test. With a file's name, runs that; for libFuzzer, what that
 * comes up with.
 */
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ept_priv.h"
#include "fixture.h"
#include "program.h"

#define MAX_STEPS	64
#define MAX_SIZE	((MAX_STEPS + 1) * STEP)

#ifdef LIBFUZZER

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static bool begun;

	if (!begun && native_init())
		abort();
	begun = true;
	ept_hooks.invept = invept_works;
	if (program_run(bytes, min(size, (size_t)MAX_SIZE), false))
		abort();
	return 0;
}

#else

static size_t make_program(u64 seed, u8 *bytes)
{
	struct rnd_state state;
	size_t size;

	prandom_seed_state(&state, seed + 1);
	size = (2 + prandom_u32_state(&state) % MAX_STEPS) * STEP;
	prandom_bytes_state(&state, bytes, size);
	return min(size, (size_t)MAX_SIZE);
}

/* In a process of its own, as it may end by a signal; silent but for @print */
static bool fails(const u8 *bytes, size_t size, bool print)
{
	const pid_t pid = fork();
	int status;

	if (!pid) {
		alarm(60);
		if (!print && !freopen("/dev/null", "w", stdout))
			_exit(2);
		status = !!program_run(bytes, size, print);
		fflush(stdout);
		_exit(status);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}

/* Steps go, many at a time, then one by one; then each byte that can becomes 0. */
static size_t shrink(u8 *bytes, size_t size)
{
	u8 shorter[MAX_SIZE];

	for (size_t some = size / STEP / 2; some; some /= 2) {
		for (size_t at = STEP; at + some * STEP <= size; ) {
			memcpy(shorter, bytes, at);
			memcpy(shorter + at, bytes + at + some * STEP, size - at - some * STEP);
			if (fails(shorter, size - some * STEP, false)) {
				size -= some * STEP;
				memcpy(bytes, shorter, size);
			} else {
				at += STEP;
			}
		}
	}
	for (size_t i = 0; i < size; i++) {
		const u8 byte = bytes[i];

		bytes[i] = 0;
		if (byte && !fails(bytes, size, false))
			bytes[i] = byte;
	}
	return size;
}

static int report(u64 seed, u8 *bytes, size_t size)
{
	FILE *file;
	char name[64];

	printf("seed %llu fails. Made shorter:\n", seed);
	fflush(stdout);
	size = shrink(bytes, size);
	fails(bytes, size, true);
	snprintf(name, sizeof(name), "fuzz-%llu.program", seed);
	file = fopen(name, "w");
	if (file) {
		fwrite(bytes, 1, size, file);
		fclose(file);
		printf("to run it again: fuzz %s\n", name);
	}
	return 1;
}

static int run_file(const char *name)
{
	u8 bytes[MAX_SIZE];
	FILE *file = fopen(name, "r");
	size_t size;

	if (!file) {
		perror(name);
		return 2;
	}
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	return !!program_run(bytes, size, true);
}

/* A child's lot of programs: its own crash is its last program's. */
static int run_lot(u64 seed, u64 nr_steps, int out)
{
	u8 bytes[MAX_SIZE];

	for (; program_counts.steps < nr_steps; seed++) {
		const size_t size = make_program(seed, bytes);

		/* Who reads it knows the seed of what ends this process. */
		if (write(out, &seed, sizeof(seed)) != sizeof(seed) ||
		    program_run(bytes, size, false))
			return 1;
	}
	seed = ~0ULL;
	return write(out, &seed, sizeof(seed)) != sizeof(seed) ||
	       write(out, &program_counts, sizeof(program_counts)) != sizeof(program_counts);
}

#define LOT	50000	/* steps in a process */

/* Whether to say no more than that it fails */
static bool quiet;

/* Returns the next seed, or 0 after a failure. */
static u64 run_child(u64 seed, u64 nr_steps, struct program_counts *counts)
{
	u64 last = seed, next;
	u8 bytes[MAX_SIZE];
	int pipes[2], status;
	size_t size;
	pid_t pid;

	if (pipe(pipes))
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(300);
		close(pipes[0]);
		/* Not _exit(): coverage is written on the way out. */
		exit(run_lot(seed, nr_steps, pipes[1]));
	}
	close(pipes[1]);
	while (read(pipes[0], &next, sizeof(next)) == sizeof(next) && next != ~0ULL)
		last = next;
	if (next == ~0ULL && read(pipes[0], counts, sizeof(*counts)) != sizeof(*counts))
		next = 0;
	close(pipes[0]);
	if (waitpid(pid, &status, 0) != pid)
		abort();
	if (next == ~0ULL && !status)
		return last + 1;
	if (quiet)
		return 0;
	if (WIFSIGNALED(status))
		printf("ended by signal %d\n", WTERMSIG(status));
	size = make_program(last, bytes);
	report(last, bytes, size);
	return 0;
}

int main(int argc, char **argv)
{
	u64 seed = 1, nr = 200000, done = 0, errors = 0;
	const time_t start = time(NULL);
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ept_hooks.invept = invept_works;
	if (native_init())
		return 2;
	while ((option = getopt(argc, argv, "s:n:q")) != -1) {
		if (option == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (option == 'n')
			nr = strtoull(optarg, NULL, 0);
		else if (option == 'q')
			quiet = true;
		else
			return 2;
	}
	if (optind < argc)
		return run_file(argv[optind]);
	/* 0: without end */
	while (!nr || done < nr) {
		struct program_counts counts;
		const u64 some = nr && nr - done < LOT ? nr - done : LOT;

		seed = run_child(seed, some, &counts);
		if (!seed)
			return 1;
		done += counts.steps;
		errors += counts.errors;
		if (isatty(1) || done >= nr)
			printf("%llu operations, %llu of them refused, %ld s, next seed %llu\n",
			       done, errors, (long)(time(NULL) - start), seed);
	}
	return 0;
}

#endif
