/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Holds a table to the flat model: entry by entry as the model MMU reads it, and as the module's
 * own queries tell it.
 */
#ifndef EPT_KUNIT_VERIFY_H
#define EPT_KUNIT_VERIFY_H

#include "fixture.h"

/*
 * Everything below. False, and a failed expectation with the first difference, if anything differs.
 */
bool verify(struct fixture *fixture);

/* Every entry of every table: bits, legality, holes, number of tables, ept_get_stats(). */
bool verify_entries(struct fixture *fixture);
/* ept_check() finds nothing, and has looked at everything. */
bool verify_check(struct fixture *fixture);
/* ept_for_each_mapping() over the whole space. */
bool verify_mappings(struct fixture *fixture);
/* ept_lookup(), ept_translate() and the model MMU, at the edges of everything that is mapped. */
bool verify_edges(struct fixture *fixture);
/* The same at one address. */
bool verify_address(struct fixture *fixture, u64 gpa);

bool same_attrs(const struct ept_attrs *a, const struct ept_attrs *b);
bool same_mapping(const struct ept_mapping *a, const struct ept_mapping *b);

#endif
