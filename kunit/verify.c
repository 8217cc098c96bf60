// SPDX-License-Identifier: GPL-2.0
/* The comparison of a table with the flat model. */
#include <linux/mm.h>
#include <linux/string.h>

#include "verify.h"

/*
 * Bits of a leaf by their place in the architecture; what isn't here, and isn't an address, is
 * for software or has to be clear.
 */
static const struct { u32 flag; u64 bit; } flag_bits[] = {
	{ EPT_ATTR_IGNORE_PAT,		BIT_ULL(6) },
	{ EPT_ATTR_VERIFY_PAGING,	BIT_ULL(57) },
	{ EPT_ATTR_PAGING_WRITE,	BIT_ULL(58) },
	{ EPT_ATTR_SUPER_SHADOW,	BIT_ULL(60) },
	{ EPT_ATTR_SUBPAGE,		BIT_ULL(61) },
	{ EPT_ATTR_SUPPRESS_VE,		BIT_ULL(63) },
};

static const struct { u32 prot; u64 bit; } prot_bits[] = {
	{ EPT_PROT_READ,	BIT_ULL(0) },
	{ EPT_PROT_WRITE,	BIT_ULL(1) },
	{ EPT_PROT_EXEC,	BIT_ULL(2) },
	{ EPT_PROT_UEXEC,	BIT_ULL(10) },
};

#define RIGHTS_BITS	0x407ULL
#define LARGE_BIT	BIT_ULL(7)
#define ACCESSED_BIT	BIT_ULL(8)
#define DIRTY_BIT	BIT_ULL(9)
#define SUPPRESS_BIT	BIT_ULL(63)
#define ADDRESS_BITS	GENMASK_ULL(51, 12)
/* Free for software whatever the controls are; bit 11 isn't, where a VT-d unit shares the table. */
#define SOFTWARE_BITS	(GENMASK_ULL(56, 52) | BIT_ULL(59) | BIT_ULL(62))

static u64 leaf_bits(const struct flat_piece *piece)
{
	u64 bits = (u64)piece->attrs.memtype << 3;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flag_bits); i++)
		if (piece->attrs.flags & flag_bits[i].flag)
			bits |= flag_bits[i].bit;
	for (i = 0; i < ARRAY_SIZE(prot_bits); i++)
		if (piece->attrs.prot & prot_bits[i].prot)
			bits |= prot_bits[i].bit;
	if (piece->level != EPT_4K)
		bits |= LARGE_BIT;
	if (piece->accessed)
		bits |= ACCESSED_BIT;
	if (piece->dirty)
		bits |= DIRTY_BIT;
	return bits;
}

struct scan {
	struct fixture		*fixture;
	struct flat_range	range;		/* the first that ends at or after the entry */
	bool			more;		/* there is one */
	u64			leaves[FLAT_LEAF_LEVELS];
	u64			tables[FLAT_TABLE_LEVELS];
	u64			rights[MMU_LEVELS];	/* granted on the way to a level */
	const char		*wrong;
};

static void seek(struct scan *scan, u64 page)
{
	if (scan->more && scan->range.last < page)
		scan->more = flat_next(scan->fixture->flat, page, &scan->range);
}

static const char *wrong_leaf(const struct scan *scan, const struct mmu_entry *entry, u64 last)
{
	const struct flat_piece *piece = scan->range.piece;

	if (!scan->more || scan->range.first > entry->gpa >> 12)
		return "a leaf where nothing is mapped";
	if (!piece->attrs.prot)
		return "a present leaf where no access is allowed";
	if (scan->range.last < last || piece->level != entry->level)
		return "a leaf of another level";
	if ((entry->entry & ADDRESS_BITS) != entry->gpa + piece->delta)
		return "another address";
	if ((entry->entry & ~(ADDRESS_BITS | SOFTWARE_BITS)) != leaf_bits(piece))
		return "other bits";
	if ((entry->entry & scan->rights[entry->level] & RIGHTS_BITS) !=
	    (leaf_bits(piece) & RIGHTS_BITS))
		return "rights taken by a table's entry";
	return NULL;
}

static const char *wrong_absent(const struct scan *scan, const struct mmu_entry *entry, u64 last)
{
	u64 hole = scan->fixture->config.features & EPT_FEATURE_VE ? SUPPRESS_BIT : 0;
	const struct flat_piece *piece = scan->range.piece;

	if (!scan->more || scan->range.first > last)
		return entry->entry == hole ? NULL : "a hole with bits in it";
	if (piece->attrs.prot)
		return "a hole where something is mapped";
	if (scan->range.first > entry->gpa >> 12 || scan->range.last < last ||
	    piece->level != entry->level)
		return "an inaccessible leaf of another level";
	if (entry->entry == hole)
		return "a hole where something inaccessible is mapped";
	/* L1TF: the half of the address space that the kernel keeps memory away from */
	if (!(entry->entry & BIT_ULL(scan->fixture->config.maxphyaddr - 1)))
		return "an inaccessible leaf that may name memory";
	if (piece->attrs.flags & EPT_ATTR_SUPPRESS_VE ? !(entry->entry & SUPPRESS_BIT) :
						       entry->entry & SUPPRESS_BIT)
		return "an inaccessible leaf with the other suppress-#VE";
	return NULL;
}

static int scan_entry(const struct mmu_entry *entry, void *arg)
{
	struct scan *scan = arg;
	u64 page = entry->gpa >> 12;
	u64 last = page + (1ULL << 9 * entry->level) - 1;

	if (entry->reason) {
		scan->wrong = "a misconfigured entry";
	} else if (entry->kind == MMU_TABLE) {
		scan->tables[entry->level - 1]++;
		scan->rights[entry->level - 1] = scan->rights[entry->level] & entry->entry;
		KUNIT_EXPECT_EQ(scan->fixture->test,
				page_ref_count(virt_to_page(mmu_table(entry->entry))), 1);
		return 0;
	}
	seek(scan, page);
	if (!scan->wrong)
		scan->wrong = entry->kind == MMU_LEAF ? wrong_leaf(scan, entry, last) :
							wrong_absent(scan, entry, last);
	if (!scan->wrong && scan->more && scan->range.first <= page)
		scan->leaves[entry->level]++;
	if (scan->wrong)
		KUNIT_FAIL(scan->fixture->test, "%s: %#llx at %#llx, level %u", scan->wrong,
			   entry->entry, entry->gpa, entry->level);
	return scan->wrong ? -EUCLEAN : 0;
}

static bool verify_counts(struct fixture *fixture, const struct scan *scan)
{
	u64 leaves[FLAT_LEAF_LEVELS], tables[FLAT_TABLE_LEVELS];
	struct kunit *test = fixture->test;
	struct ept_stats stats;
	bool same = true;
	unsigned int i;

	flat_count(fixture->flat, leaves, tables);
	ept_get_stats(fixture->ept, &stats);
	for (i = 0; i < FLAT_TABLE_LEVELS; i++) {
		KUNIT_EXPECT_EQ_MSG(test, scan->tables[i], tables[i], "tables of level %u", i);
		KUNIT_EXPECT_EQ_MSG(test, stats.tables[i], tables[i], "told of level %u", i);
		same &= scan->tables[i] == tables[i] && stats.tables[i] == tables[i];
	}
	for (i = 0; i < FLAT_LEAF_LEVELS; i++) {
		KUNIT_EXPECT_EQ_MSG(test, scan->leaves[i], leaves[i], "leaves of level %u", i);
		KUNIT_EXPECT_EQ_MSG(test, stats.leaves[i], leaves[i], "told of level %u", i);
		same &= scan->leaves[i] == leaves[i] && stats.leaves[i] == leaves[i];
	}
	KUNIT_EXPECT_EQ(test, stats.splits, fixture->flat->splits);
	KUNIT_EXPECT_EQ(test, stats.merges, fixture->flat->merges);
	KUNIT_EXPECT_EQ(test, stats.flushes, fixture->invalidations);
	return same && stats.splits == fixture->flat->splits &&
	       stats.merges == fixture->flat->merges && stats.flushes == fixture->invalidations;
}

bool verify_check(struct fixture *fixture)
{
	u64 leaves[FLAT_LEAF_LEVELS], tables[FLAT_TABLE_LEVELS], total = 0;
	struct ept_check_report report = { };
	int ret = ept_check(fixture->ept, &report);
	unsigned int i;

	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, 0, "%s: %#llx at %#llx, level %u",
			    report.why ?: "?", report.entry, report.gpa, report.level);
	flat_count(fixture->flat, leaves, tables);
	for (i = 0; i < FLAT_TABLE_LEVELS; i++)
		total += tables[i];
	KUNIT_EXPECT_EQ(fixture->test, report.tables, total);
	KUNIT_EXPECT_EQ(fixture->test, report.entries, total * MMU_ENTRIES);
	return !ret && report.tables == total && report.entries == total * MMU_ENTRIES;
}

bool verify_entries(struct fixture *fixture)
{
	unsigned int root = fixture->config.levels - 1;
	struct scan scan = { .fixture = fixture };
	int ret;

	KUNIT_EXPECT_TRUE(fixture->test, mmu_pointer_valid(&fixture->mmu, fixture->eptp));
	KUNIT_EXPECT_EQ(fixture->test, ept_pointer(fixture->ept), fixture->eptp);
	scan.more = flat_next(fixture->flat, 0, &scan.range);
	scan.tables[root] = 1;
	scan.rights[root] = ~0ULL;
	ret = mmu_scan(&fixture->mmu, fixture->eptp, scan_entry, &scan);
	KUNIT_EXPECT_EQ(fixture->test, ret, 0);
	return !ret && verify_counts(fixture, &scan);
}

bool same_attrs(const struct ept_attrs *a, const struct ept_attrs *b)
{
	return a->prot == b->prot && a->memtype == b->memtype && a->flags == b->flags &&
	       a->tag == b->tag;
}

static bool same_kind(const struct ept_mapping *a, const struct ept_mapping *b)
{
	return a->level == b->level && same_attrs(&a->attrs, &b->attrs) &&
	       a->accessed == b->accessed && a->dirty == b->dirty;
}

bool same_mapping(const struct ept_mapping *a, const struct ept_mapping *b)
{
	return a->gpa == b->gpa && a->hpa == b->hpa && a->size == b->size && same_kind(a, b);
}

/* Neighbours merged. */
static bool next_mapping(struct flat *flat, u64 from, struct ept_mapping *mapping)
{
	struct ept_mapping more;
	struct flat_range range;

	if (!flat_next(flat, from >> 12, &range))
		return false;
	flat_mapping(&range, mapping);
	while (flat_next(flat, range.last + 1, &range)) {
		flat_mapping(&range, &more);
		if (more.gpa != mapping->gpa + mapping->size ||
		    more.hpa != mapping->hpa + mapping->size || !same_kind(&more, mapping))
			break;
		mapping->size += more.size;
	}
	return true;
}

struct visit {
	struct flat		*flat;
	u64			next;
	struct ept_mapping	told;		/* the first that differs */
	struct ept_mapping	expected;	/* of size 0: none */
};

/* Runs under RCU: what is wrong is reported later. */
static int expect_next(const struct ept_mapping *mapping, void *arg)
{
	struct visit *visit = arg;

	visit->told = *mapping;
	if (!next_mapping(visit->flat, visit->next, &visit->expected)) {
		visit->expected.size = 0;
		return -EUCLEAN;
	}
	visit->next = visit->expected.gpa + visit->expected.size;
	return same_mapping(mapping, &visit->expected) ? 0 : -EUCLEAN;
}

static void report(struct kunit *test, const char *who, const struct ept_mapping *mapping)
{
	kunit_err(test, "%s: %#llx -> %#llx size %#llx level %u prot %x type %u flags %x tag %u %c%c",
		  who, mapping->gpa, mapping->hpa, mapping->size, mapping->level,
		  mapping->attrs.prot, mapping->attrs.memtype, mapping->attrs.flags,
		  mapping->attrs.tag, mapping->accessed ? 'A' : '-', mapping->dirty ? 'D' : '-');
}

bool verify_mappings(struct fixture *fixture)
{
	struct visit visit = { .flat = fixture->flat };
	struct ept_mapping left;
	bool missed;
	int ret;

	ret = ept_for_each_mapping(fixture->ept, 0, flat_width(fixture->flat), expect_next, &visit);
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, 0, "mappings differ");
	if (ret) {
		report(fixture->test, "told", &visit.told);
		report(fixture->test, "expected", &visit.expected);
		return false;
	}
	missed = next_mapping(fixture->flat, visit.next, &left);
	KUNIT_EXPECT_FALSE_MSG(fixture->test, missed, "mapping at %#llx not told", left.gpa);
	return !missed;
}

static bool verify_lookup(struct fixture *fixture, u64 gpa, const struct flat_piece *piece)
{
	struct ept_mapping mapping, expected;
	struct flat_range leaf = { .piece = piece };
	int ret = ept_lookup(fixture->ept, gpa, &mapping);

	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, piece ? 0 : -ENOENT, "lookup %#llx", gpa);
	if (!piece || ret)
		return ret == (piece ? 0 : -ENOENT);
	leaf.first = rounddown(gpa, flat_span(piece->level)) >> 12;
	leaf.last = leaf.first + (flat_span(piece->level) >> 12) - 1;
	flat_mapping(&leaf, &expected);
	KUNIT_EXPECT_TRUE_MSG(fixture->test, same_mapping(&mapping, &expected), "lookup %#llx",
			      gpa);
	return same_mapping(&mapping, &expected);
}

static const struct { u32 prot; struct mmu_access access; } accesses[] = {
	{ EPT_PROT_READ, { .read = true } },
	{ EPT_PROT_WRITE, { .write = true } },
	{ EPT_PROT_READ | EPT_PROT_WRITE, { .read = true, .write = true } },
	{ EPT_PROT_EXEC, { .fetch = true } },
	{ EPT_PROT_UEXEC, { .fetch = true, .user = true } },
	{ EPT_PROT_READ | EPT_PROT_EXEC, { .read = true, .fetch = true } },
};

/* Without mode-based execute both kinds of fetches ask for the same right. */
static bool allows(const struct fixture *fixture, const struct flat_piece *piece, u32 needed)
{
	if (!(fixture->config.features & EPT_FEATURE_MODE_EXEC) && (needed & EPT_PROT_UEXEC))
		needed = (needed & ~EPT_PROT_UEXEC) | EPT_PROT_EXEC;
	return piece && !(needed & ~piece->attrs.prot);
}

static bool right_violation(const struct fixture *fixture, const struct flat_piece *piece,
			    const struct mmu_result *result)
{
	bool suppressed = !piece || (piece->attrs.flags & EPT_ATTR_SUPPRESS_VE);
	u64 rights = piece ? piece->attrs.prot & 7 : 0;

	return result->verdict == MMU_VIOLATION &&
	       (result->qualification >> 3 & 7) == rights &&
	       result->convertible ==
	       ((fixture->config.features & EPT_FEATURE_VE) && !suppressed);
}

static bool right_translation(const struct flat_piece *piece, u64 gpa,
			      const struct mmu_result *result)
{
	return result->verdict == MMU_OK && result->hpa == gpa + piece->delta &&
	       result->memtype == piece->attrs.memtype &&
	       result->ipat == !!(piece->attrs.flags & EPT_ATTR_IGNORE_PAT);
}

static bool verify_access(struct fixture *fixture, u64 gpa, const struct flat_piece *piece,
			  unsigned int i)
{
	bool allowed = allows(fixture, piece, accesses[i].prot), right;
	struct mmu_result result;
	phys_addr_t hpa = 0;
	int ret;

	mmu_look(&fixture->mmu, fixture->eptp, gpa, &accesses[i].access, &result);
	right = allowed ? right_translation(piece, gpa, &result) :
			  right_violation(fixture, piece, &result);
	KUNIT_EXPECT_TRUE_MSG(fixture->test, right, "a CPU's access %u to %#llx: verdict %u", i,
			      gpa, result.verdict);
	ret = ept_translate(fixture->ept, gpa, accesses[i].prot, &hpa);
	KUNIT_EXPECT_EQ_MSG(fixture->test, ret, allowed ? 0 : -EFAULT, "translate %#llx for %x",
			    gpa, accesses[i].prot);
	if (!ret && allowed) {
		KUNIT_EXPECT_EQ(fixture->test, hpa, gpa + piece->delta);
		right &= hpa == gpa + piece->delta;
	}
	return right && ret == (allowed ? 0 : -EFAULT);
}

bool verify_address(struct fixture *fixture, u64 gpa)
{
	const struct flat_piece *piece = flat_at(fixture->flat, gpa);
	bool same = verify_lookup(fixture, gpa, piece);
	unsigned int i;

	for (i = 0; same && i < ARRAY_SIZE(accesses); i++)
		same = verify_access(fixture, gpa, piece, i);
	return same;
}

bool verify_edges(struct fixture *fixture)
{
	u64 top = flat_width(fixture->flat) - 1;
	bool same = verify_address(fixture, 0) && verify_address(fixture, top);
	struct ept_mapping mapping = { };

	while (same && next_mapping(fixture->flat, mapping.gpa + mapping.size, &mapping)) {
		u64 end = mapping.gpa + mapping.size;

		same = verify_address(fixture, mapping.gpa) && verify_address(fixture, end - 1) &&
		       verify_address(fixture, mapping.gpa + mapping.size / 2 + 0x123);
		if (same && mapping.gpa)
			same = verify_address(fixture, mapping.gpa - 1);
		if (same && end <= top)
			same = verify_address(fixture, end);
	}
	return same;
}

bool verify(struct fixture *fixture)
{
	return verify_entries(fixture) && verify_check(fixture) && verify_mappings(fixture) &&
	       verify_edges(fixture);
}
