/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All interleavings of THREADS threads under x86's memory order, TSO: the module's own code runs,
 * and before each access to what it shares, exhaust.h's choices say who goes on. Each thread is a
 * CPU of its own. Its stores wait in a buffer, of which a choice takes the oldest to memory; it
 * sees its own at once; a locked instruction or a full barrier takes all of them there first.
 *
 * Two paths that come to the same state, of all memory and all threads, go on alike: the second
 * ends there.
 *
 * A plain access isn't a point where others may run: what is written so is either private still, or
 * excluded by a lock.
 */
#ifndef _PROOF_THREADS_H
#define _PROOF_THREADS_H

#include <setjmp.h>
#include <ucontext.h>
#undef __always_inline
#define __always_inline	inline

#include "exhaust.h"

#define THREADS_STACK	65536
#define THREADS_STORES	8
#define THREADS_STATES	(1UL << 24)
/* Whether some thread takes a lock for itself alone; releasing one needs no step of its own. */
#ifndef THREADS_EXCLUDE
#define THREADS_EXCLUDE	1
#endif

struct threads_store {
	void	*to;
	u64	value;
	size_t	size;
};

struct threads_thread {
	ucontext_t		start;
	bool			started;
	jmp_buf			context;
	char			*live;	/* what it uses of its stack */
	void			(*function)(void);
	bool			ended;
	const int		*writers, *readers;	/* of the lock that it waits for */
	bool			exclusive;
	const bool		*awaited;	/* goes on when this is clear */
	struct threads_store	stores[THREADS_STORES];
	unsigned int		nr_stores;
};

static struct threads_thread threads[THREADS];
static EXHAUST_ASIDE char threads_stack[THREADS][THREADS_STACK] __aligned(64);
static EXHAUST_ASIDE u64 *threads_states;
static EXHAUST_ASIDE unsigned long threads_nr_states;
static EXHAUST_ASIDE jmp_buf threads_scheduler;
static EXHAUST_ASIDE struct threads_thread *threads_now;	/* NULL: before and after them */
static EXHAUST_ASIDE int threads_cpu;
/* Whether others may see a difference in what is at an address; a proof's to say */
static bool threads_watched(const void *address);

/* Not inlined: all that a thread goes on with is above this frame, or in its context. */
static __attribute__((noinline)) void threads_step(void)
{
	if (!threads_now)
		return;
	threads_now->live = __builtin_frame_address(0);
	if (!_setjmp(threads_now->context))
		_longjmp(threads_scheduler, 1);
}

/* Lets a thread go on, to its next step. */
static void threads_resume(struct threads_thread *thread)
{
	threads_now = thread;
	if (!_setjmp(threads_scheduler)) {
		if (thread->started)
			_longjmp(thread->context, 1);
		thread->started = true;
		setcontext(&thread->start);
	}
	threads_now = NULL;
}

/* Takes the oldest store of a thread to memory. */
static void threads_drain_one(struct threads_thread *thread)
{
	const struct threads_store *store = &thread->stores[0];

	__builtin_memcpy(store->to, &store->value, store->size);
	thread->nr_stores--;
	for (unsigned int i = 0; i < thread->nr_stores; i++)
		thread->stores[i] = thread->stores[i + 1];
}

static void threads_drain(void)
{
	while (threads_now && threads_now->nr_stores)
		threads_drain_one(threads_now);
}

static inline u64 threads_load(const void *from, size_t size)
{
	u64 value = 0;

	if (threads_watched(from))
		threads_step();
	__builtin_memcpy(&value, from, size);
	for (unsigned int i = 0; threads_now && i < threads_now->nr_stores; i++)
		if (threads_now->stores[i].to == from)
			value = threads_now->stores[i].value;
	return value;
}

static inline void threads_store(void *to, u64 value, size_t size)
{
	if (!threads_now || !threads_watched(to)) {
		__builtin_memcpy(to, &value, size);
		return;
	}
	threads_step();
	if (threads_now->nr_stores == THREADS_STORES)
		threads_drain_one(threads_now);
	threads_now->stores[threads_now->nr_stores++] =
		(struct threads_store){ .to = to, .value = value, .size = size };
}

#define READ_ONCE(x)		((typeof(x))threads_load(&(x), sizeof(x)))
#define WRITE_ONCE(x, value)	threads_store((void *)&(x), (u64)(value), sizeof(x))

/* A locked instruction on what is at an address, or a barrier */
static inline void threads_locked(const void *at)
{
	if (at && threads_watched(at))
		threads_step();
	threads_drain();
}

#define PROOF_LOCKED(at)	threads_locked(at)
#define smp_mb()		threads_locked(NULL)	/* the barrier itself */

static bool threads_may_go(const struct threads_thread *thread)
{
	if (thread->ended)
		return false;
	if (thread->awaited && *thread->awaited)
		return false;
	return !thread->writers ||
	       (!*thread->writers && !(thread->exclusive && *thread->readers));
}

static inline void threads_down(int *writers, int *readers, bool exclusive)
{
	if (threads_now) {
		threads_now->writers = writers;
		threads_now->readers = readers;
		threads_now->exclusive = exclusive;
		if (exclusive || THREADS_EXCLUDE)
			threads_step();
		threads_now->writers = NULL;
		threads_drain();
	}
	if (exclusive)
		++*writers;
	else
		++*readers;
}

static inline bool threads_held(const int *writers)
{
	if (THREADS_EXCLUDE)
		threads_step();
	return *writers;
}

static inline void threads_await(const bool *flag)
{
	if (!threads_now || !threads_watched(flag))
		return;
	threads_now->awaited = flag;
	threads_step();
	threads_now->awaited = NULL;
}

#define PROOF_AWAIT(flag)	threads_await(flag)

/* An interrupt on each CPU that @condition says, one after the other; the caller waits. */
static inline void threads_on_each_cpu(bool (*condition)(int cpu, void *arg),
				       void (*function)(void *arg), void *arg)
{
	struct threads_thread *caller = threads_now;

	for (int cpu = 0; cpu < THREADS; cpu++) {
		if (!condition(cpu, arg))
			continue;
		threads_step();
		/* Interrupts serialize. */
		threads_now = &threads[cpu];
		threads_drain();
		threads_cpu = cpu;
		threads_now = NULL;
		function(arg);
		threads_now = caller;
		threads_cpu = caller - threads;
	}
}

static void threads_main(void)
{
	threads_now->function();
	threads_now->ended = true;
	threads_step();
}

static void threads_begin(unsigned int n, void (*function)(void))
{
	struct threads_thread *thread = &threads[n];

	thread->function = function;
	thread->ended = false;
	thread->writers = NULL;
	thread->awaited = NULL;
	thread->nr_stores = 0;
	__builtin_memset(thread->stores, 0, sizeof(thread->stores));
	__builtin_memset(thread->context, 0, sizeof(thread->context));
	thread->live = NULL;
	thread->started = false;
	if (thread->start.uc_stack.ss_sp)
		return;
	getcontext(&thread->start);
	thread->start.uc_stack.ss_sp = threads_stack[n];
	thread->start.uc_stack.ss_size = THREADS_STACK;
	makecontext(&thread->start, threads_main, 0);
}

static u64 threads_hash(u64 hash, const char *from, const char *to)
{
	const u64 *word = (const u64 *)((unsigned long)from & ~7UL);
	const u64 *end = (const u64 *)((unsigned long)to & ~7UL);

	for (; word < end; word++)
		hash = ((hash ^ *word) * 0x9e3779b97f4a7c15ULL) ^ (hash >> 29);
	return hash;
}

/* All memory but what is aside, and of the stacks what is in use */
static u64 threads_state(void)
{
	extern char __data_start[], __start_exhaust_aside[], __stop_exhaust_aside[], _end[];
	u64 hash = threads_hash(1, __data_start, __start_exhaust_aside);

	hash = threads_hash(hash, __stop_exhaust_aside + 7, _end);
	for (unsigned int i = 0; i < THREADS; i++)
		if (threads[i].live && !threads[i].ended)
			hash = threads_hash(hash, threads[i].live,
					    threads_stack[i] + THREADS_STACK);
	return hash ?: 1;
}

/* Whether a path was here before; from now on one was. */
static bool threads_seen(void)
{
	const u64 state = threads_state();
	unsigned long at = state % THREADS_STATES;

	if (!threads_states)
		threads_states = calloc(THREADS_STATES, sizeof(*threads_states));
	if (!threads_states)
		abort();
	for (; threads_states[at]; at = (at + 1) % THREADS_STATES)
		if (threads_states[at] == state)
			return true;
	threads_states[at] = state;
	if (++threads_nr_states > THREADS_STATES / 2)
		abort();
	return false;
}

/* Runs them to their ends, in an order that choices make. */
static void threads_run(void)
{
	for (;;) {
		unsigned int what[2 * THREADS], nr = 0;

		for (unsigned int i = 0; i < THREADS; i++) {
			if (threads_may_go(&threads[i]))
				what[nr++] = i;
			if (threads[i].nr_stores)
				what[nr++] = THREADS + i;
		}
		if (!nr)
			break;
		/* The way here was chosen before, up to this choice. */
		if (nr > 1 && exhaust_depth == exhaust_known && threads_seen())
			longjmp(exhaust_abandon, 1);
		nr = what[nr == 1 ? 0 : exhaust_choose(nr)];
		if (nr >= THREADS) {
			threads_drain_one(&threads[nr - THREADS]);
			continue;
		}
		threads_cpu = nr;
		threads_resume(&threads[nr]);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		prove(threads[i].ended, "no thread waits for ever");
}

#endif /* _PROOF_THREADS_H */
