/*
 * dump_place - places in a run of free pages
 *
 * Role:       what a placement asks for, in pages; and where in one run that leaves room.
 * Uses:       dump.h
 *
 * Alignment and boundary count from address 0, pages from the region's base.
 */
#ifndef PACLIENT_CLI_DUMP_PLACE_H
#define PACLIENT_CLI_DUMP_PLACE_H

#include "client/cli/dump.h"

#define DUMP_NOWHERE UINT64_MAX

struct dump_wish {
	uint64_t npages;
	uint64_t origin;       /* page 0 of the region, counted from address 0 */
	uint64_t align;        /* power of two */
	uint64_t boundary;     /* power of two; 0: none */
	uint64_t first, limit; /* pages that it may have */
	uint64_t page;         /* of the rule */
	int rule;              /* enum paclient_rule */
	int strategy;          /* enum paclient_strategy */
};

/* From a placement. Return: 0, or a status with a sentence: what can never be, as the daemon says it. */
MUST_CHECK int dump_wish_make(const struct dump_region *r, uint64_t npages,
			      const struct paclient_placement *where, struct dump_wish *ret,
			      struct paclient_error *e);

/* The lowest and the highest place for @npages; DUMP_NOWHERE: there is none. */
uint64_t dump_place_lowest(const struct dump_wish *w, const struct dump_run *run, uint64_t npages);
uint64_t dump_place_highest(const struct dump_wish *w, const struct dump_run *run, uint64_t npages);

/* May the wish's pages begin at @page? */
bool dump_place_is(const struct dump_wish *w, uint64_t page);

/* The most pages for which there is a place. */
uint64_t dump_place_longest(const struct dump_wish *w, const struct dump_run *run);

/* How many of the wish's length are side by side, each at the lowest place above the one before. */
uint64_t dump_place_count(const struct dump_wish *w, const struct dump_run *run);

#endif
