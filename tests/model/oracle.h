/*
 * oracle - the allocator as anyone would write it: a byte per page and a scan from the lowest page
 *
 * Role:       says what the allocator must answer. Shares nothing with it: no bits, no summaries, no search address.
 * Uses:       libc
 */
#ifndef PALLOCD_TESTS_MODEL_ORACLE_H
#define PALLOCD_TESTS_MODEL_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORACLE_NONE UINT64_MAX

struct oracle {
	uint64_t npages;
	/* one byte per page, 0 or 1; a page in a cache block counts as used */
	uint8_t *grown, *used, *scavenged;
};

/** oracle_new() - @npages pages, nothing grown; ends the program where there is no memory. */
struct oracle *oracle_new(uint64_t npages);
void oracle_free(struct oracle *o);

void oracle_grow(struct oracle *o, uint64_t page, uint64_t npages);

/** oracle_shrink() - the pages are no longer there. */
void oracle_shrink(struct oracle *o, uint64_t page, uint64_t npages);

/** oracle_alloc() - lowest run of @npages free pages, ORACLE_NONE if none. @ret_scavenged: how many of them were scavenged. */
uint64_t oracle_alloc(struct oracle *o, uint64_t npages, uint64_t *ret_scavenged);

struct oracle_request {
	uint64_t npages, align, origin, boundary, first, limit;
	enum { ORACLE_FIRST, ORACLE_LAST, ORACLE_BEST } strategy;
};

/** oracle_fits() - are the constraints met by a run at @page? */
bool oracle_fits(const struct oracle_request *r, uint64_t page);

/** oracle_place() - lowest, highest or best fitting place, by trying every page; ORACLE_NONE if there is none. */
uint64_t oracle_place(const struct oracle *o, const struct oracle_request *r);

/** oracle_is_free() - are all these pages grown and free? oracle_is_used() - grown and used? */
bool oracle_is_free(const struct oracle *o, uint64_t page, uint64_t npages);
bool oracle_is_used(const struct oracle *o, uint64_t page, uint64_t npages);

/** oracle_take() - use free pages. Return: how many were scavenged. */
uint64_t oracle_take(struct oracle *o, uint64_t page, uint64_t npages);

void oracle_give(struct oracle *o, uint64_t page, uint64_t npages);

/** oracle_scavenge() - scavenge the highest @npages pages that are free and not scavenged. Return: how many there were. */
uint64_t oracle_scavenge(struct oracle *o, uint64_t npages);

/** oracle_run() - free pages in a row from @page upwards. */
uint64_t oracle_run(const struct oracle *o, uint64_t page);

struct oracle_counts {
	uint64_t grown, free, scavenged, largest, lowest_free;
};

/** oracle_count() - by a scan over everything. */
struct oracle_counts oracle_count(const struct oracle *o);

/** A generator of pseudo-random numbers (splitmix64). */
static inline uint64_t oracle_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

#endif
