// SPDX-License-Identifier: GPL-2.0
/* Steps on gathers and on tables as a whole, and what a table is asked. */
#include "ept_table.h"
#include "steps.h"
#include "verify.h"

/*
 * Gathers
 */

static bool all_is_last(const struct machine *machine, unsigned int i)
{
	return machine->last[i] == machine->changes;
}

int step_gather(struct run *run)
{
	const unsigned int i = run->step[11] & 1;
	struct machine *machine = run->machine;

	if (!machine->open[i]) {
		PRINT(run, "ept_gather_init(&%c, t%u->ept);\n", 'a' + i, TABLE(run));
		ept_gather_init(&machine->gathers[i], machine->fixture.ept);
		machine->last[i] = 0;
	} else {
		PRINT(run, "do_flush(t%u, &%c);\n", TABLE(run), 'a' + i);
		do_flush(&machine->fixture, &machine->gathers[i]);
	}
	machine->open[i] = !machine->open[i];
	return 0;
}

/* The client invalidates, and frees. */
int step_gather_free(struct run *run)
{
	const unsigned int i = run->step[11] & 1;
	struct machine *machine = run->machine;

	if (!machine->open[i])
		return 0;
	PRINT(run, "ept_gather_free(&%c);\n", 'a' + i);
	if (all_is_last(machine, i)) {
		tlb_forget(&machine->tlb);
		machine->fixture.owed = false;
	} else if (machine->last[i]) {
		tlb_forget(&machine->tlb);
	}
	ept_gather_free(&machine->gathers[i]);
	return 0;
}

int step_splice(struct run *run)
{
	const unsigned int to = run->step[11] & 1;
	struct machine *machine = run->machine;
	int ret;

	if (!machine->open[0] || !machine->open[1])
		return 0;
	PRINT(run, "ept_gather_splice(&%c, &%c);\n", 'a' + to, 'a' + !to);
	ret = ept_gather_splice(&machine->gathers[to], &machine->gathers[!to]);
	KUNIT_EXPECT_EQ(&run->test, ret, 0);
	machine->last[to] = max(machine->last[to], machine->last[!to]);
	machine->last[!to] = 0;
	return ret;
}

/* All that are open, of all tables */
int step_flush_all(struct run *run)
{
	struct ept_gather *all[TABLES * GATHERS];
	u64 before[TABLES];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < TABLES * GATHERS; i++) {
		struct machine *machine = &run->machines[i / GATHERS];

		before[i / GATHERS] = machine->fixture.invalidations;
		if (machine->open[i % GATHERS])
			all[nr++] = &machine->gathers[i % GATHERS];
	}
	PRINT(run, "ept_gather_flush_all(all, %u);\n", nr);
	ept_gather_flush_all(all, nr);
	for (unsigned int i = 0; i < TABLES; i++) {
		struct machine *machine = &run->machines[i];
		const bool any = machine->open[0] || machine->open[1];

		KUNIT_EXPECT_EQ(&run->test, machine->fixture.invalidations - before[i],
				any && machine->fixture.owed);
		if (any)
			machine->fixture.owed = false;
	}
	return 0;
}

int step_merge_gather(struct run *run)
{
	const struct args args = merge_args(run);
	const enum ept_level level = level_of(run);
	struct fixture *fixture = &run->machine->fixture;
	struct ept_gather *gather = gather_of(run);
	const u64 before = fixture->invalidations;
	int ret, expected;

	if (!gather)
		return step_merge(run);
	print_range(run, "ept_merge_gather", &args);
	PRINT(run, "%u, %s);\n", level, gather_name(run));
	expected = flat_merge(fixture->flat, args.gpa, args.size, level);
	ret = ept_merge_gather(fixture->ept, args.gpa, args.size, level, gather);
	KUNIT_EXPECT_EQ(&run->test, ret, expected);
	KUNIT_EXPECT_EQ(&run->test, fixture->invalidations, before);
	fixture->owed |= fixture->flat->flush_due;
	return ret;
}

int step_flush(struct run *run)
{
	struct fixture *fixture = &run->machine->fixture;
	const u64 before = fixture->invalidations;

	PRINT(run, "ept_flush(t%u->ept);\n", TABLE(run));
	ept_flush(fixture->ept);
	KUNIT_EXPECT_EQ(&run->test, fixture->invalidations, before + 1);
	fixture->owed = false;
	return 0;
}

/*
 * Tables
 */

int step_reserve(struct run *run)
{
	struct ept *ept = run->machine->fixture.ept;
	const unsigned long before = ept_reserved(ept), nr = run->step[13] % 80;

	PRINT(run, "ept_reserve(t%u->ept, %lu);\n", TABLE(run), nr);
	/* An atomic table's reserve is the models' to watch. */
	if (is_atomic(&run->machine->fixture))
		return 0;
	KUNIT_EXPECT_EQ(&run->test, ept_reserve(ept, nr), 0);
	KUNIT_EXPECT_EQ(&run->test, ept_reserved(ept), max(before, nr));
	return 0;
}

int step_make_atomic(struct run *run)
{
	const u32 external = EPT_CONFIG_EXTERNAL_LOCK | EPT_CONFIG_ATOMIC;
	struct fixture *fixture = &run->machine->fixture;
	const int expected = fixture->config.flags & external ? 0 : -EOPNOTSUPP;

	if (run->step[13] & 15 || ept_reserved(fixture->ept))
		return 0;
	PRINT(run, "ept_make_atomic(t%u->ept);\n", TABLE(run));
	KUNIT_EXPECT_EQ(&run->test, ept_make_atomic(fixture->ept), expected);
	if (!expected)
		fixture->config.flags |= EPT_CONFIG_ATOMIC;
	return expected;
}

int step_load(struct run *run)
{
	struct machine *machine = run->machine;

	if (run->step[11] & 1 || machine->loads > 3) {
		PRINT(run, "ept_vcpu_put(t%u->ept);\n", TABLE(run));
		preempt_disable();
		ept_vcpu_put(machine->fixture.ept);
		preempt_enable();
		machine->loads -= !!machine->loads;
		return 0;
	}
	PRINT(run, "ept_vcpu_load(t%u->ept);\n", TABLE(run));
	preempt_disable();
	KUNIT_EXPECT_EQ(&run->test, ept_vcpu_load(machine->fixture.ept), 0);
	preempt_enable();
	machine->loads++;
	return 0;
}

struct cloning {
	struct fixture		*to;
	int			err;
	struct ept_mapping	piece;	/* not yet in the model */
};

static int worse(int a, int b)
{
	static const int order[] = { -EINVAL, -ERANGE, -EOPNOTSUPP, -EEXIST };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return 0;
}

static int judge_clone(const struct ept_mapping *mapping, void *arg)
{
	struct cloning *cloning = arg;
	struct flat *empty = flat_create(&cloning->to->config);
	const int err = flat_map(empty, mapping->gpa, mapping->hpa, mapping->size, &mapping->attrs);

	cloning->err = worse(cloning->err, err);
	flat_destroy(empty);
	return 0;
}

static void clone_piece(struct cloning *cloning)
{
	const struct ept_mapping *piece = &cloning->piece;

	if (piece->size)
		flat_map(cloning->to->flat, piece->gpa, piece->hpa, piece->size, &piece->attrs);
}

/* Neighbours that differ in flags and sizes alone become one. */
static int clone_one(const struct ept_mapping *mapping, void *arg)
{
	struct cloning *cloning = arg;
	struct ept_mapping *piece = &cloning->piece;

	if (piece->size && mapping->gpa == piece->gpa + piece->size &&
	    mapping->hpa == piece->hpa + piece->size &&
	    same_attrs(&mapping->attrs, &piece->attrs)) {
		piece->size += mapping->size;
		return 0;
	}
	clone_piece(cloning);
	*piece = *mapping;
	return 0;
}

static bool maps_any(struct flat *flat, u64 gpa, u64 size)
{
	struct flat_range range;

	return flat_next(flat, gpa >> 12, &range) && range.first <= (gpa + size - 1) >> 12;
}

/* What a table has against a range, whatever is in it */
static int judge_range(const struct ept_config *config, u64 gpa, u64 size)
{
	struct flat *empty = flat_create(config);
	const int err = flat_unmap(empty, gpa, size);

	flat_destroy(empty);
	return err;
}

int step_clone(struct run *run)
{
	struct machine *from = &run->machines[run->machine == run->machines];
	const struct args args = range_args(run, EPT_1G);
	struct fixture *to = &run->machine->fixture;
	struct cloning cloning = { .to = to };
	int ret;

	if (is_atomic(to))
		return 0;
	PRINT(run, "ept_clone(t%u->ept, t%u->ept, %#llx, %#llx);\n", TABLE(run),
	      (unsigned int)(from - run->machines), args.gpa, args.size);
	cloning.err = worse(judge_range(&to->config, args.gpa, args.size),
			    judge_range(&from->fixture.config, args.gpa, args.size));
	if (!cloning.err) {
		ept_for_each_mapping(from->fixture.ept, args.gpa, args.size, judge_clone, &cloning);
		if (!cloning.err && maps_any(to->flat, args.gpa, args.size))
			cloning.err = -EEXIST;
	}
	if (!cloning.err) {
		ept_for_each_mapping(from->fixture.ept, args.gpa, args.size, clone_one, &cloning);
		clone_piece(&cloning);
	}
	to->flat->flush_due = false;
	ret = ept_clone(to->ept, from->fixture.ept, args.gpa, args.size);
	KUNIT_EXPECT_EQ(&run->test, ret, cloning.err);
	return ret;
}

/*
 * Questions that a step has with it
 */

static int read_on(const struct ept_mapping *mapping, void *arg)
{
	u64 *sum = arg;

	*sum += mapping->size;
	return 0;
}

/* The cursor tells what the visit tells. */
static void ask_cursor(struct run *run, u64 gpa, u64 size)
{
	struct ept *ept = run->machine->fixture.ept;
	struct ept_mapping mapping;
	struct ept_cursor cursor;
	u64 sums[2] = {};
	int ret = ept_for_each_mapping(ept, gpa, size, read_on, &sums[0]);

	KUNIT_EXPECT_EQ(&run->test, ept_cursor_init(&cursor, ept, gpa, size), ret);
	if (ret)
		return;
	while (!ept_cursor_next(&cursor, &mapping))
		sums[1] += mapping.size;
	KUNIT_EXPECT_EQ(&run->test, sums[0], sums[1]);
}

int step_ask(struct run *run)
{
	const struct args args = range_args(run, EPT_1G);
	struct fixture *fixture = &run->machine->fixture;
	struct ept_explanation explanation;
	struct ept_config config;
	char text[512];
	struct seq_file m = { .buf = text, .size = sizeof(text) };
	int ret;

	PRINT(run, "/* questions about %#llx, %#llx */\n", args.gpa, args.size);
	ask_cursor(run, args.gpa, args.size);
	ret = ept_explain(fixture->ept, args.gpa, &explanation);
	KUNIT_EXPECT_EQ(&run->test, ret, args.gpa < flat_width(fixture->flat) ? 0 : -ERANGE);
	if (!ret)
		KUNIT_EXPECT_EQ(&run->test, explanation.verdict,
				ept_translate(fixture->ept, args.gpa, EPT_PROT_READ, NULL));
	KUNIT_EXPECT_EQ(&run->test, ept_get_config(fixture->ept, &config), 0);
	KUNIT_EXPECT_EQ(&run->test, config.features, fixture->config.features);
	KUNIT_EXPECT_EQ(&run->test, ept_dump(&m, fixture->ept), 0);
	if (args.gpa < flat_width(fixture->flat))
		verify_address(fixture, args.gpa);
	return ret;
}

/* Tables that a map of a hole takes at the most */
int step_tables_for(struct run *run)
{
	const struct args args = range_args(run, EPT_4K);
	const enum ept_level level = level_of(run);
	struct fixture *fixture = &run->machine->fixture;
	const u64 nr = ept_tables_for(fixture->ept, args.gpa, args.size, level);
	struct flat *empty = flat_create(&fixture->config);
	u64 leaves[FLAT_LEAF_LEVELS], tables[FLAT_TABLE_LEVELS], expected = 0;
	int err = flat_unmap(empty, args.gpa, args.size);

	PRINT(run, "ept_tables_for(t%u->ept, %#llx, %#llx, %u);\n", TABLE(run), args.gpa, args.size,
	      level);
	if (!err && level <= EPT_1G) {
		empty->config.max_leaf = level;
		empty->config.maxphyaddr = 52;
		if (!flat_map(empty, args.gpa, args.gpa % SZ_512G, args.size,
			      &(struct ept_attrs){ .prot = EPT_PROT_READ })) {
			flat_count(empty, leaves, tables);
			for (unsigned int i = 0; i < FLAT_TABLE_LEVELS - 1; i++)
				expected += tables[i];
			/* But for the root */
			if (fixture->config.levels == 5)
				expected += tables[4];
			expected--;
			KUNIT_EXPECT_EQ(&run->test, nr, expected);
		}
	} else {
		KUNIT_EXPECT_EQ(&run->test, nr, 0);
	}
	flat_destroy(empty);
	return 0;
}
