/*
 * compare - allocator and oracle, side by side
 *
 * Role:       see compare.h.
 * Uses:       pagealloc/internal.h, tests/model/oracle.h
 */
#include "tests/model/compare.h"

#include <inttypes.h>
#include <stdio.h>

bool compare_pages(const struct pagealloc *pa, const struct oracle *o, uint64_t page,
		   uint64_t npages)
{
	uint64_t limit = chunk_page(chunk_of(page + npages - 1) + 1);

	for (uint64_t i = chunk_page(chunk_of(page)); i < limit && i < o->npages; i++) {
		bool grown = chunk_grown(pa, chunk_of(i)), is_free, scavenged;

		if (grown != o->grown[i]) {
			printf("page %" PRIu64 ": grown %d, oracle %d\n", i, grown, o->grown[i]);
			return false;
		}
		if (!grown)
			continue;
		is_free = chunk_all(chunk_free_bits(pa, chunk_of(i)), chunk_offset(i), 1);
		scavenged = chunk_all(chunk_scav_bits(pa, chunk_of(i)), chunk_offset(i), 1);
		if (is_free == o->used[i] || scavenged != o->scavenged[i]) {
			printf("page %" PRIu64 ": free %d scavenged %d, oracle %d %d\n", i, is_free,
			       scavenged, !o->used[i], o->scavenged[i]);
			return false;
		}
	}
	return true;
}

bool compare_all(struct pagealloc *pa, const struct oracle *o)
{
	struct oracle_counts c = oracle_count(o);
	struct pagealloc_stat s;
	char why[200];

	if (!compare_pages(pa, o, 0, o->npages))
		return false;
	pagealloc_stat(pa, &s);
	if (s.grown_npages != c.grown || s.free_npages != c.free ||
	    s.scavenged_npages != c.scavenged || s.largest_npages != c.largest) {
		printf("grown %" PRIu64 " free %" PRIu64 " scavenged %" PRIu64 " largest %" PRIu64
		       ", oracle %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		       s.grown_npages, s.free_npages, s.scavenged_npages, s.largest_npages, c.grown,
		       c.free, c.scavenged, c.largest);
		return false;
	}
	if (!pagealloc_check(pa, why, sizeof(why))) {
		printf("%s\n", why);
		return false;
	}
	return true;
}
