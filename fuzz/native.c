// SPDX-License-Identifier: GPL-2.0
/* What native.h and kunit.h declare: pages, memory, bitmaps, maps of ranges, a runner of suites. */
#include <sys/mman.h>

#include "kunit.h"

struct task_struct proof_task;
struct native_context native_context;
bool native_killed;
bool native_in_hardirq;
unsigned int native_cpu;

/*
 * Memory
 */

static long in_use;

void *native_alloc(size_t size, gfp_t gfp)
{
	in_use++;
	return gfp & __GFP_ZERO ? calloc(1, size) : malloc(size);
}

void kfree(const void *memory)
{
	in_use -= !!memory;
	free((void *)memory);
}

/*
 * Pages: all that the machine has, of which memory above the first MiB is given out
 */

#define FIRST_PAGE	0x5000UL	/* behind what suites name without owning it */

struct page native_pages[PROOF_PAGES];
struct pages {
	struct page	*free;
	unsigned long	fresh, end;
};

static struct pages low = { .fresh = FIRST_PAGE, .end = PROOF_LOW_PAGES };
static struct pages high = { .fresh = PROOF_HIGH, .end = PROOF_PAGES };
static struct rcu_head *waiting;

static void __attribute__((constructor)) map_pages(void)
{
	void *at = mmap((void *)PROOF_DIRECT_MAP, PROOF_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (at != (void *)PROOF_DIRECT_MAP)
		abort();
	native_pages[0] = (struct page){ .refcount = 1, .reserved = true };
}

static long pages_in_use;

/* Whether it is the request's turn to fail, as of the kernel's fault injection */
static bool fails(void)
{
	return current->fail_nth && !--current->fail_nth;
}

static struct page *alloc_page_of(struct pages *pages, gfp_t gfp)
{
	struct page *page = pages->free;

	if (page)
		pages->free = (struct page *)page->index;
	else if (pages->fresh < pages->end)
		page = native_pages + pages->fresh++;
	else
		return NULL;
	*page = (struct page){ .refcount = 1 };
	pages_in_use++;
	if (gfp & __GFP_ZERO)
		memset(page_address(page), 0, PAGE_SIZE);
	return page;
}

struct page *native_alloc_page(gfp_t gfp)
{
	return fails() ? NULL : alloc_page_of(&low, gfp);
}

struct page *native_alloc_pages(gfp_t gfp, unsigned int order)
{
	struct page *page;

	if (!order)
		return native_alloc_page(gfp);
	low.fresh = round_up(low.fresh, 1UL << order);
	if (low.fresh + (1UL << order) > low.end)
		return NULL;
	page = native_pages + low.fresh;
	for (unsigned int i = 0; i < 1U << order; i++)
		native_pages[low.fresh++] = (struct page){ .refcount = 1 };
	pages_in_use += 1L << order;
	if (gfp & __GFP_ZERO)
		memset(page_address(page), 0, PAGE_SIZE << order);
	return page;
}

void __free_page(struct page *page)
{
	if (page->refcount != 1) {
		printf("a page is freed that is free\n");
		abort();
	}
	native_expect(!page->private, "a page is freed with what was private to it");
	page->refcount = 0;
	pages_in_use--;
	if (page_to_pfn(page) < PROOF_HIGH) {
		page->index = (pgoff_t)low.free;
		low.free = page;
	} else {
		page->index = (pgoff_t)high.free;
		high.free = page;
	}
}

void native_free_pages(struct page *page, unsigned int order)
{
	for (unsigned int i = 0; i < 1U << order; i++)
		__free_page(page + i);
}

unsigned long alloc_pages_bulk_node(gfp_t gfp, int nid, unsigned long nr, struct page **pages)
{
	static unsigned long turn;
	unsigned long got = 0;

	if (fails())
		return 0;
	for (unsigned long i = 0; i < nr; i++)
		native_expect(!pages[i], "only what is NULL gets a page");
	while (got < nr && (pages[got] = alloc_page_of(++turn % 3 ? &low : &high, gfp))) {
		/* Whatever was in it before */
		memset(page_address(pages[got]), 0xa5, PAGE_SIZE);
		got++;
	}
	return got;
}

/* Pages, and what was allocated that is smaller */
long native_in_use(void)
{
	native_grace_period();
	return in_use + pages_in_use;
}

void call_rcu(struct rcu_head *head, void (*function)(struct rcu_head *head))
{
	head->func = function;
	head->next = waiting;
	waiting = head;
}

void native_grace_period(void)
{
	while (waiting) {
		struct rcu_head *head = waiting;

		waiting = head->next;
		((void (*)(struct rcu_head *))head->func)(head);
	}
}

/*
 * Bits and strings
 */

unsigned long find_next_bit(const unsigned long *map, unsigned long nr, unsigned long from)
{
	while (from < nr && !test_bit(from, map))
		from++;
	return min(from, nr);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long nr, unsigned long from)
{
	while (from < nr && test_bit(from, map))
		from++;
	return min(from, nr);
}

unsigned int bitmap_weight(const unsigned long *map, unsigned int nr)
{
	unsigned int weight = 0;

	for (unsigned int i = 0; i < nr; i++)
		weight += test_bit(i, map);
	return weight;
}

bool bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (test_bit(i, a) != test_bit(i, b))
			return false;
	return true;
}

ssize_t strscpy(char *to, const char *from, size_t size)
{
	const size_t length = strnlen(from, size);

	if (length == size) {
		memcpy(to, from, size - 1);
		to[size - 1] = '\0';
		return -E2BIG;
	}
	memcpy(to, from, length + 1);
	return length;
}

char *bin2hex(char *to, const void *from, size_t nr)
{
	const u8 *bytes = from;

	while (nr--)
		to += snprintf(to, 3, "%02x", *bytes++);
	return to;
}

/*
 * Locks
 */

void native_expect(bool condition, const char *what)
{
	if (!condition) {
		printf("%s\n", what);
		abort();
	}
}

void native_take(int *lock, const int *other, int limit)
{
	native_expect(*lock < limit && !*other, "a lock is taken that is held");
	++*lock;
	native_context.locks++;
}

void native_drop(int *lock)
{
	native_expect(*lock, "a lock is let go that isn't held");
	--*lock;
	native_context.locks--;
}

void native_enter(int *section)
{
	++*section;
}

void native_leave(int *section)
{
	native_expect(*section, "a section is left that wasn't entered");
	--*section;
}

void native_call(unsigned int cpu, void (*function)(void *arg), void *arg)
{
	const unsigned int caller = native_cpu;
	const bool hardirq = native_in_hardirq, irqs_off = irqs_disabled();

	native_cpu = cpu;
	native_in_hardirq |= cpu != caller;
	local_irq_disable();
	function(arg);
	local_irq_restore(irqs_off);
	native_in_hardirq = hardirq;
	native_cpu = caller;
}

void native_might_sleep(void)
{
	native_expect(!native_context.rcu && !native_context.preempt && !native_context.irqs_off &&
		      !native_in_hardirq, "something sleeps where it may not");
}

void native_expect_idle(void)
{
	native_might_sleep();
	native_expect(!native_cpu && !native_context.locks, "a lock is kept");
}

bool native_warn(bool condition, const char *what, const char *file, int line)
{
	if (condition) {
		printf("WARN_ON(%s) at %s:%d\n", what, file, line);
		abort();
	}
	return condition;
}

void seq_printf(struct seq_file *m, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(m->buf + m->count, m->size - m->count, format, args);
	va_end(args);
	m->count = min(m->count + length, m->size);
}

/*
 * Names
 */

u32 jhash(const void *key, u32 length, u32 seed)
{
	const u8 *bytes = key;

	while (length--)
		seed = seed * 31 + *bytes++;
	return seed;
}

static struct rhash_head **bucket(struct rhashtable *table, const void *key,
				  const struct rhashtable_params *params)
{
	return &table->first[params->hashfn(key, params->key_len, 0) % NATIVE_BUCKETS];
}

int native_name_insert(struct rhashtable *table, struct rhash_head *node,
		       const struct rhashtable_params *params)
{
	const char *object = (char *)node - params->head_offset;
	struct rhashtable_compare_arg arg = { .key = object + params->key_offset };
	struct rhash_head **first = bucket(table, arg.key, params);

	for (struct rhash_head *other = *first; other; other = other->next)
		if (!params->obj_cmpfn(&arg, (char *)other - params->head_offset))
			return -EEXIST;
	node->next = *first;
	*first = node;
	table->nelems.counter++;
	return 0;
}

int native_name_remove(struct rhashtable *table, struct rhash_head *node,
		       const struct rhashtable_params *params)
{
	const char *object = (char *)node - params->head_offset;
	struct rhash_head **where = bucket(table, object + params->key_offset, params);

	while (*where && *where != node)
		where = (struct rhash_head **)&(*where)->next;
	if (!*where)
		return -ENOENT;
	*where = node->next;
	table->nelems.counter--;
	return 0;
}

/*
 * Ranges, in order
 */

struct native_range {
	unsigned long	first, last;
	void		*entry;
};

/* The first range that ends at @index or after it */
static size_t place(struct maple_tree *mt, unsigned long index)
{
	size_t low = 0, high = mt->nr;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (mt->ranges[middle].last < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *mtree_load(struct maple_tree *mt, unsigned long index)
{
	const size_t i = place(mt, index);

	return i < mt->nr && mt->ranges[i].first <= index ? mt->ranges[i].entry : NULL;
}

void *mas_find(struct ma_state *mas, unsigned long max)
{
	const size_t i = place(mas->tree, mas->index);

	if (i == mas->tree->nr || mas->tree->ranges[i].first > max)
		return NULL;
	mas->index = mas->tree->ranges[i].first;
	mas->last = mas->tree->ranges[i].last;
	return mas->tree->ranges[i].entry;
}

/* Makes @grow ranges' room at @at, where @old are. */
static void replace(struct maple_tree *mt, size_t at, size_t old, size_t new)
{
	if (mt->nr + new > mt->room) {
		mt->room = 2 * (mt->nr + new);
		mt->ranges = realloc(mt->ranges, mt->room * sizeof(*mt->ranges));
	}
	memmove(mt->ranges + at + new, mt->ranges + at + old,
		(mt->nr - at - old) * sizeof(*mt->ranges));
	mt->nr += new - old;
}

int mtree_store_range(struct maple_tree *mt, unsigned long first, unsigned long last, void *entry,
		      gfp_t gfp)
{
	struct native_range new[3];
	size_t nr = 0, at = place(mt, first), end = at;

	while (end < mt->nr && mt->ranges[end].first <= last)
		end++;
	if (end > at && mt->ranges[at].first < first)
		new[nr++] = (struct native_range){ mt->ranges[at].first, first - 1,
						   mt->ranges[at].entry };
	if (entry)
		new[nr++] = (struct native_range){ first, last, entry };
	if (end > at && mt->ranges[end - 1].last > last)
		new[nr++] = (struct native_range){ last + 1, mt->ranges[end - 1].last,
						   mt->ranges[end - 1].entry };
	replace(mt, at, end - at, nr);
	memcpy(mt->ranges + at, new, nr * sizeof(*new));
	return 0;
}

void mtree_destroy(struct maple_tree *mt)
{
	free(mt->ranges);
	*mt = (struct maple_tree){};
}

/*
 * Random numbers: SplitMix64
 */

void prandom_seed_state(struct rnd_state *state, u64 seed)
{
	state->state = seed * 0xd1342543de82ef95ULL;
}

u32 prandom_u32_state(struct rnd_state *state)
{
	u64 z = state->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) >> 32;
}

void prandom_bytes_state(struct rnd_state *state, void *bytes, size_t size)
{
	for (u8 *at = bytes; size; size--)
		*at++ = prandom_u32_state(state);
}

/*
 * Suites
 */

struct kunit_memory {
	struct kunit_memory	*next;
	kunit_action_t		*action;
	void			*arg;
};

static struct kunit_suite *suites;

void native_add_suite(struct kunit_suite *suite)
{
	suite->next = suites;
	suites = suite;
}

int kunit_add_action_or_reset(struct kunit *test, kunit_action_t *action, void *arg)
{
	struct kunit_memory *memory = malloc(sizeof(*memory));

	*memory = (struct kunit_memory){ test->memory, action, arg };
	test->memory = memory;
	return 0;
}

void *kunit_kmalloc_array(struct kunit *test, size_t n, size_t size, gfp_t gfp)
{
	void *memory = native_alloc(n * size, gfp);

	kunit_add_action_or_reset(test, (kunit_action_t *)kfree, memory);
	return memory;
}

void kunit_kfree(struct kunit *test, const void *memory)
{
	for (struct kunit_memory *m = test->memory; m; m = m->next)
		if (m->arg == memory)
			m->arg = NULL;
	kfree(memory);
}

static void release(struct kunit *test)
{
	while (test->memory) {
		struct kunit_memory *memory = test->memory;

		test->memory = memory->next;
		memory->action(memory->arg);
		free(memory);
	}
}

void native_fail(struct kunit *test, const char *file, int line, const char *what, long long left,
		 long long right, const char *format, ...)
{
	va_list args;

	printf("%s%s%s: %s:%d: %s (%#llx, %#llx) ", test->name, *test->desc ? "/" : "", test->desc,
	       file, line, what, left, right);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (getenv("FIRST"))
		exit(1);
	test->failed = true;
}

void native_abort(struct kunit *test)
{
	longjmp(test->out, 1);
}

static bool run_case(const struct kunit_suite *suite, const struct kunit_case *kcase,
		     const void *param, const char *desc)
{
	struct kunit test = { .name = kcase->name, .param_value = param };
	const long before = native_in_use();

	if (getenv("VERBOSE"))
		printf("%s.%s %s\n", suite->name, kcase->name, desc);
	strscpy(test.desc, desc, sizeof(test.desc));
	if (!setjmp(test.out)) {
		if (suite->init && suite->init(&test))
			native_fail(&test, __FILE__, __LINE__, "init", 0, 0, "%s", "");
		else
			kcase->run_case(&test);
	}
	if (!setjmp(test.out) && suite->exit)
		suite->exit(&test);
	release(&test);
	if (!test.failed) {
		native_expect_idle();
		native_expect(native_in_use() == before, "memory is kept");
	}
	return !test.failed;
}

static bool is_chosen(const char *name, char **names)
{
	bool chosen = !*names || **names == '-';

	for (; *names; names++) {
		const bool out = **names == '-';

		if (!strncmp(name, *names + out, strlen(*names + out)))
			chosen = !out;
	}
	return chosen;
}

static bool run_cases(const struct kunit_suite *suite, const struct kunit_case *kcase, char **names)
{
	char desc[KUNIT_PARAM_DESC_SIZE] = "", name[512];
	const void *param = NULL;
	bool good = true;

	do {
		if (kcase->generate_params)
			param = kcase->generate_params(param, desc);
		if (kcase->generate_params && !param)
			break;
		snprintf(name, sizeof(name), "%s.%s/%s", suite->name, kcase->name, desc);
		if (is_chosen(name, names))
			good &= run_case(suite, kcase, param, desc);
	} while (param);
	return good;
}

bool native_run_suites(char **names)
{
	bool good = true;

	for (struct kunit_suite *suite = suites; suite; suite = suite->next) {
		if (suite->suite_init)
			suite->suite_init(suite);
		for (struct kunit_case *kcase = suite->test_cases; kcase->run_case; kcase++)
			good &= run_cases(suite, kcase, names);
		if (suite->suite_exit)
			suite->suite_exit(suite);
	}
	return good;
}
