// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of guest paging against the model of a CPU's: random tables, registers, rights of EPT
 * and accesses, in every mode, verdict by verdict and bit by bit.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "guest_tables.h"
#include "model_paging.h"

CONFIG_PARAMS;

#define ROUNDS	1000

struct random_walk {
	struct kunit			*test;
	struct guest_memory		*memory;
	struct rnd_state		rnd;
	struct paging_cpu		cpu;
	struct paging_access		access;
	struct ept_guest_paging		paging;
	u32				access_bits;
	u64				gva, linear;
	unsigned int			verdicts[5];
	unsigned int			marked;
};

static u64 random64(struct random_walk *r)
{
	return (u64)prandom_u32_state(&r->rnd) << 32 | prandom_u32_state(&r->rnd);
}

static u32 below(struct random_walk *r, u32 n)
{
	return prandom_u32_state(&r->rnd) % n;
}

static bool chance(struct random_walk *r, u32 percent)
{
	return below(r, 100) < percent;
}

/* 2M and more of everything that a page may lead to, where no host has memory */
static void map_far_memory(struct random_walk *r)
{
	struct ept *ept = r->memory->fixture->ept;
	const struct ept_attrs read = { .prot = EPT_PROT_READ, .memtype = EPT_MT_WB };

	KUNIT_ASSERT_EQ(r->test, 0, ept_map(ept, SZ_4M, FAR_HPA + SZ_4M, SZ_4M, &EPT_ATTRS_RAM));
	KUNIT_ASSERT_EQ(r->test, 0, ept_map(ept, SZ_8M, FAR_HPA + SZ_8M, SZ_4M, &read));
	KUNIT_ASSERT_EQ(r->test, 0, ept_map(ept, SZ_16M, FAR_HPA + SZ_16M, SZ_4M,
					    &EPT_ATTRS_DEVICE));
	KUNIT_ASSERT_EQ(r->test, 0, ept_map(ept, SZ_1G, FAR_HPA + SZ_1G, SZ_4M, &EPT_ATTRS_RAM));
	KUNIT_ASSERT_EQ(r->test, 0, ept_map(ept, 5 * (u64)SZ_1G, FAR_HPA + 5 * (u64)SZ_1G, SZ_4M,
					    &EPT_ATTRS_RAM));
}

static u64 random_target(struct random_walk *r)
{
	static const u64 far[] = { SZ_4M, SZ_8M, SZ_16M, SZ_1G, 5 * (u64)SZ_1G, 1ULL << 35 };

	if (chance(r, 90))
		return guest_page_gpa(below(r, GUEST_PAGES));
	if (chance(r, 90))
		return far[below(r, ARRAY_SIZE(far))] + below(r, SZ_4M / SZ_4K) * (u64)SZ_4K;
	return random64(r) & GENMASK_ULL(51, 12);
}

static u64 random_large_target(struct random_walk *r, unsigned int shift)
{
	static const u64 far[] = { SZ_4M, SZ_8M, SZ_16M, SZ_1G, 5 * (u64)SZ_1G };

	return far[below(r, ARRAY_SIZE(far))] >> shift << shift;
}

static u64 random_entry(struct random_walk *r, unsigned int shift)
{
	u64 entry = chance(r, 97) | chance(r, 85) << 1 | chance(r, 80) << 2 |
		    below(r, 4) << 3 | chance(r, 50) << 5 | chance(r, 50) << 6 |
		    chance(r, 15) << 7 | below(r, 16) << 8;

	if (entry & BIT(7) && shift != 12) {
		entry |= random_large_target(r, shift) | (u64)chance(r, 50) << 12;
		if (shift == 22 && chance(r, 50))
			entry |= (u64)below(r, 256) << 13;
	} else {
		entry |= random_target(r);
	}
	if (r->cpu.mode != PAGING_32) {
		entry |= (u64)chance(r, 8) << 63;
		if (r->cpu.mode != PAGING_PAE)
			entry |= (u64)below(r, 2048) << 52;
		if (chance(r, 2))
			entry |= BIT_ULL(52 + below(r, 11));
	}
	if (chance(r, 4))
		entry |= BIT_ULL(12 + below(r, 40));
	return entry;
}

static unsigned int random_table(struct random_walk *r, u64 *gpa)
{
	unsigned int i = below(r, GUEST_PAGES);

	*gpa = guest_page_gpa(i);
	return i;
}

/* A way down for the address: at each level, a table among the guest's pages mostly */
static void random_tables(struct random_walk *r)
{
	const bool narrow = r->cpu.mode == PAGING_32;
	const unsigned int bits = narrow ? 10 : 9;
	unsigned int shift = narrow ? 32 : r->cpu.mode == PAGING_PAE ? 30 :
			     r->cpu.mode == PAGING_4_LEVEL ? 48 : 57;
	u64 gpa;
	unsigned int page = random_table(r, &gpa);

	r->cpu.table = gpa | below(r, 4096);
	for (unsigned int i = 0; i < 4; i++)
		r->cpu.pdpte[i] = gpa | chance(r, 95) | (u64)below(r, 8) << 9;
	while (shift > 12) {
		const unsigned int index = r->linear >> (shift - bits) & (BIT(bits) - 1);
		u64 entry;

		shift -= bits;
		entry = random_entry(r, shift);
		if (shift != 12 && !(entry & BIT(7)) && chance(r, 97)) {
			unsigned int next = random_table(r, &gpa);

			entry = (entry & ~GENMASK_ULL(35, 12)) | gpa;
			if (narrow)
				((u32 *)r->memory->at[page])[index] = entry;
			else
				((u64 *)r->memory->at[page])[index] = entry;
			page = next;
			continue;
		}
		if (narrow)
			((u32 *)r->memory->at[page])[index] = entry;
		else
			((u64 *)r->memory->at[page])[index] = entry;
	}
}

static void random_cpu(struct random_walk *r, enum paging_mode mode)
{
	const struct ept_config *config = &r->memory->fixture->config;

	r->cpu = (struct paging_cpu){
		.mode = mode,
		.wp = chance(r, 60),
		.pse = chance(r, 70),
		.smep = chance(r, 50),
		.smap = chance(r, 40),
		.pke = chance(r, 50),
		.pks = chance(r, 50),
		.nxe = chance(r, 85),
		.ac = chance(r, 40),
		/* Few keys forbid something. */
		.pkru = prandom_u32_state(&r->rnd) & prandom_u32_state(&r->rnd) &
			prandom_u32_state(&r->rnd),
		.pkrs = prandom_u32_state(&r->rnd) & prandom_u32_state(&r->rnd) &
			prandom_u32_state(&r->rnd),
		.width = config->maxphyaddr,
		.pages_1g = chance(r, 80),
	};
}

static void random_address(struct random_walk *r)
{
	const unsigned int top = r->cpu.mode == PAGING_5_LEVEL ? 56 : 47;
	const bool long_mode = r->cpu.mode >= PAGING_4_LEVEL;

	r->gva = random64(r);
	r->paging.cs_long = long_mode ? chance(r, 85) : chance(r, 50);
	if (!long_mode || (!r->paging.cs_long && !r->access.implicit)) {
		r->linear = (u32)r->gva;
		return;
	}
	if (chance(r, 95))
		r->gva = (s64)(r->gva << (63 - top)) >> (63 - top);
	else if (chance(r, 50))
		r->gva = BIT_ULL(top) - chance(r, 50);
	r->linear = r->gva;
}

static void random_access(struct random_walk *r)
{
	const unsigned int kind = below(r, 10);

	r->access = (struct paging_access){
		.read = kind < 4 || kind == 6,
		.write = kind >= 4 && kind < 7,
		.fetch = kind == 7 || kind == 8,
		.cpl3 = chance(r, 50),
		.implicit = kind < 7 && chance(r, 15),
		.stack = chance(r, 20),
		.mark = chance(r, 60),
	};
	r->access_bits = r->access.read * EPT_PROT_READ | r->access.write * EPT_PROT_WRITE |
			 r->access.fetch * EPT_PROT_EXEC | r->access.cpl3 * EPT_GUEST_USER |
			 r->access.implicit * EPT_GUEST_IMPLICIT |
			 r->access.stack * EPT_GUEST_STACK | r->access.mark * EPT_GUEST_SET_AD;
}

/* The same registers for the walker, with bits in them that don't matter */
static void to_registers(struct random_walk *r)
{
	const struct paging_cpu *cpu = &r->cpu;
	struct ept_guest_paging *paging = &r->paging;
	const bool long_mode = cpu->mode >= PAGING_4_LEVEL;

	paging->cr0 = 1 | cpu->wp * CR0_WP | (cpu->mode != PAGING_OFF) * CR0_PG;
	paging->cr3 = cpu->table;
	paging->cr4 = cpu->pse * CR4_PSE | cpu->smep * CR4_SMEP | cpu->smap * CR4_SMAP |
		      cpu->pke * CR4_PKE | cpu->pks * CR4_PKS |
		      (cpu->mode >= PAGING_PAE) * CR4_PAE |
		      (cpu->mode == PAGING_5_LEVEL) * CR4_LA57;
	paging->efer = cpu->nxe * EFER_NXE | long_mode * EFER_LMA_ON;
	paging->rflags = 2 | cpu->ac * RFLAGS_AC;
	memcpy(paging->pdpte, cpu->pdpte, sizeof(paging->pdpte));
	paging->pkru = cpu->pkru;
	paging->pkrs = cpu->pkrs;
	paging->maxphyaddr = cpu->width;
	paging->leaf_1g = cpu->pages_1g;
}

static void random_rights(struct random_walk *r)
{
	const struct ept_config *config = &r->memory->fixture->config;
	u32 prots[] = {
		EPT_PROT_READ, EPT_PROT_READ | EPT_PROT_WRITE, EPT_PROT_READ | EPT_PROT_EXEC,
		EPT_PROT_READ | EPT_PROT_EXEC | EPT_PROT_UEXEC, EPT_PROT_EXEC,
	};
	const bool exec_only = config->features & EPT_FEATURE_EXEC_ONLY;

	if (config->features & EPT_FEATURE_MODE_EXEC && chance(r, 50))
		prots[2] = EPT_PROT_READ | EPT_PROT_UEXEC;
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		if (chance(r, 4))
			guest_page_unmap(r->memory, i);
		else if (chance(r, 20))
			guest_page_set(r->memory, i, prots[below(r, exec_only ? 5 : 4)]);
		else
			guest_page_set(r->memory, i, EPT_ATTRS_RAM.prot);
}

static void expect_violation(struct random_walk *r, const struct paging_result *expected,
			     const struct ept_guest_walk *walk)
{
	const u32 features = r->memory->fixture->config.features;
	const struct ept_caps caps = {
		.advanced_info = true,
		.mode_exec = features & EPT_FEATURE_MODE_EXEC,
	};
	struct ept_violation violation;

	KUNIT_EXPECT_EQ(r->test, walk->gpa, expected->gpa);
	if (expected->ept.verdict != MMU_VIOLATION)
		return;
	ept_violation_decode(expected->ept.qualification, &caps, &violation);
	KUNIT_EXPECT_EQ(r->test, walk->violation.read, violation.read);
	KUNIT_EXPECT_EQ(r->test, walk->violation.write, violation.write);
	KUNIT_EXPECT_EQ(r->test, walk->violation.exec, violation.exec);
	KUNIT_EXPECT_EQ(r->test, walk->violation.prot, violation.prot);
	KUNIT_EXPECT_EQ(r->test, walk->violation.gla_valid, violation.gla_valid);
	KUNIT_EXPECT_EQ(r->test, walk->violation.page_walk, violation.page_walk);
	KUNIT_EXPECT_EQ(r->test, walk->violation.advanced, violation.advanced);
	KUNIT_EXPECT_EQ(r->test, walk->violation.user, violation.user);
	KUNIT_EXPECT_EQ(r->test, walk->violation.writable, violation.writable);
	KUNIT_EXPECT_EQ(r->test, walk->violation.no_exec, violation.no_exec);
}

static enum ept_walk_verdict expected_verdict(const struct paging_result *expected)
{
	switch (expected->verdict) {
	case PAGING_TRANSLATES:
		return EPT_WALK_OK;
	case PAGING_EXCEPTION:
		return EPT_WALK_FAULT;
	case PAGING_NO_MEMORY:
		return EPT_WALK_NO_MEMORY;
	default:
		return expected->ept.verdict == MMU_MISCONFIGURED ? EPT_WALK_MISCONFIGURED :
								    EPT_WALK_VIOLATION;
	}
}

static void expect_translation(struct random_walk *r, const struct paging_result *expected,
			       const struct ept_guest_walk *walk)
{
	KUNIT_EXPECT_EQ(r->test, walk->gpa, expected->gpa);
	KUNIT_EXPECT_EQ(r->test, walk->hpa, expected->hpa);
	KUNIT_EXPECT_EQ(r->test, walk->size, expected->size);
	KUNIT_EXPECT_EQ(r->test, walk->writable, expected->writable);
	KUNIT_EXPECT_EQ(r->test, walk->user, expected->user);
	KUNIT_EXPECT_EQ(r->test, walk->no_exec, expected->no_exec);
	KUNIT_EXPECT_EQ(r->test, walk->global, expected->global);
	KUNIT_EXPECT_EQ(r->test, walk->pkey, expected->key);
	KUNIT_EXPECT_EQ(r->test, walk->pat, expected->pat);
}

/* The guest's memory holds what it did, with what the CPU sets. */
static void expect_marks(struct random_walk *r, const struct paging_result *expected)
{
	struct guest_memory *memory = r->memory;

	for (unsigned int i = 0; i < expected->nr_marks; i++)
		for (unsigned int page = 0; page < GUEST_PAGES; page++)
			if (expected->mark[i].hpa >> 12 == guest_page_hpa(memory, page) >> 12)
				memory->saved[page * SZ_4K + (expected->mark[i].hpa & 0xfff)] |=
					expected->mark[i].bits;
	KUNIT_EXPECT_TRUE(r->test, guest_memory_is_saved(memory));
	r->marked += expected->nr_marks;
}

static bool walks_as_the_cpu(struct random_walk *r)
{
	const struct fixture *fixture = r->memory->fixture;
	struct paging_result expected;
	struct ept_guest_walk walk;

	paging_access(&r->cpu, &fixture->mmu, fixture->eptp, r->linear, &r->access,
		      guest_memory_at, r->memory, &expected);
	guest_memory_save(r->memory);
	memset(&walk, 0x5a, sizeof(walk));
	KUNIT_EXPECT_EQ(r->test, ept_guest_walk(fixture->ept, &r->paging, r->gva, r->access_bits,
						&walk), 0);
	KUNIT_EXPECT_EQ(r->test, walk.verdict, expected_verdict(&expected));
	if (walk.verdict != expected_verdict(&expected))
		return false;
	r->verdicts[walk.verdict]++;
	KUNIT_EXPECT_EQ(r->test, walk.gva, r->linear);
	KUNIT_EXPECT_EQ(r->test, walk.vector, expected.vector);
	KUNIT_EXPECT_EQ(r->test, walk.error_code, expected.code);
	if (walk.verdict == EPT_WALK_OK)
		expect_translation(r, &expected, &walk);
	else if (walk.verdict != EPT_WALK_FAULT)
		expect_violation(r, &expected, &walk);
	expect_marks(r, &expected);
	return true;
}

static void random_round(struct random_walk *r, enum paging_mode mode)
{
	random_cpu(r, mode);
	random_access(r);
	random_address(r);
	if (mode == PAGING_OFF && chance(r, 90)) {
		r->linear = random_target(r) & U32_MAX;
		r->gva = r->linear | random64(r) << 32;
	}
	random_tables(r);
	to_registers(r);
}

static void random_walks(struct kunit *test, enum paging_mode mode, unsigned int seed)
{
	struct random_walk r = { .test = test, .memory = guest_memory(test) };

	prandom_seed_state(&r.rnd, seed);
	map_far_memory(&r);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (i % 25 == 0)
			random_rights(&r);
		random_round(&r, mode);
		if (!walks_as_the_cpu(&r)) {
			kunit_err(test, "round %u, access %#x, gva %#llx", i, r.access_bits, r.gva);
			break;
		}
	}
	kunit_info(test, "%u translations, %u faults, %u violations, %u outside of memory, %u marks",
		   r.verdicts[EPT_WALK_OK], r.verdicts[EPT_WALK_FAULT],
		   r.verdicts[EPT_WALK_VIOLATION], r.verdicts[EPT_WALK_NO_MEMORY], r.marked);
	KUNIT_EXPECT_GT(test, r.verdicts[EPT_WALK_OK], ROUNDS / 20);
	KUNIT_EXPECT_GT(test, r.verdicts[EPT_WALK_VIOLATION], ROUNDS / 50);
	if (mode != PAGING_OFF)
		KUNIT_EXPECT_GT(test, r.verdicts[EPT_WALK_FAULT], ROUNDS / 20);
}

static void no_paging_is_the_cpus(struct kunit *test)
{
	random_walks(test, PAGING_OFF, 1);
}

static void narrow_paging_is_the_cpus(struct kunit *test)
{
	random_walks(test, PAGING_32, 2);
}

static void pae_paging_is_the_cpus(struct kunit *test)
{
	random_walks(test, PAGING_PAE, 3);
}

static void four_levels_are_the_cpus(struct kunit *test)
{
	random_walks(test, PAGING_4_LEVEL, 4);
}

static void five_levels_are_the_cpus(struct kunit *test)
{
	random_walks(test, PAGING_5_LEVEL, 5);
}

static struct kunit_case guest_random_cases[] = {
	KUNIT_CASE_PARAM(no_paging_is_the_cpus, configs_gen_params),
	KUNIT_CASE_PARAM(narrow_paging_is_the_cpus, configs_gen_params),
	KUNIT_CASE_PARAM(pae_paging_is_the_cpus, configs_gen_params),
	KUNIT_CASE_PARAM(four_levels_are_the_cpus, configs_gen_params),
	KUNIT_CASE_PARAM(five_levels_are_the_cpus, configs_gen_params),
	{}
};

static struct kunit_suite guest_random_suite = {
	.name = "ept_guest_random",
	.init = guest_memory_init,
	.exit = guest_memory_exit,
	.test_cases = guest_random_cases,
};

kunit_test_suite(guest_random_suite);
