/*
 * pairs - the clocked part of the placement benchmarks: a free and an alloc, again and again
 *
 * Role:       runs a short list of pairs that was made before the clock started, so that what the harness does - random numbers,
 *             its own arrays - is not in the time; collects what pairs cost, as a mean over a batch and one by one.
 * Uses:       pagealloc/, measure.h
 */
#ifndef PALLOCD_BENCH_PLACE_PAIRS_H
#define PALLOCD_BENCH_PLACE_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "measure.h"
#include "pagealloc/pagealloc.h"

/* Pairs of a batch: enough that a clock reading more or less does not show, few enough that the list stays in the cache. */
#define PAIRS_BATCH 128

struct pair {
	uint64_t victim; /* freed first */
	uint64_t page;   /* where the new extent went, PAGEALLOC_PAGE_NONE if nowhere */
	uint32_t victim_npages, npages;
};

/* What pairs cost. { 0 } is empty. */
struct timing {
	uint64_t ticks; /* of the batch that is not complete */
	uint64_t npairs;
	struct samples batch; /* ns per pair, mean over a batch */
	struct samples pair;  /* ns of pairs that were timed alone */
};

/* How pairs are timed. */
enum pairs_mode {
	PAIRS_UNTIMED,
	PAIRS_WHOLE,  /* as a batch */
	PAIRS_SINGLE, /* each alone */
};

/**
 * pairs_run() - free @p[i].victim and place an extent of @p[i].npages, for each i below @n or until a placement fails
 * @req: constraints, whose npages is overwritten; NULL: pagealloc_alloc()
 *
 * A failing pair is in the time: the free, and the search that found nothing. A free that is refused ends the program.
 * Return: how many pairs were tried; only the last may have failed.
 */
unsigned pairs_run(struct pagealloc *pa, struct pagealloc_request *req, struct pair *p, unsigned n,
		   enum pairs_mode mode, struct timing *t);

/** pairs_close() - the batch ends here: its mean is a sample. */
void pairs_close(struct timing *t);

void pairs_clear(struct timing *t);

#endif
