/*
 * cache - page-cache blocks, what the public header does not say
 *
 * Role:       the reference's way to flush, for comparison with it.
 * Uses:       pagealloc/pagealloc.h
 */
#ifndef PALLOCD_PAGEALLOC_CACHE_H
#define PALLOCD_PAGEALLOC_CACHE_H

#include "pagealloc/pagealloc.h"

/**
 * cache_flush_unmarked() - pagealloc_cache_flush() that leaves the scavenge index alone, as the reference does
 *
 * Pages that were not scavenged may then be hidden from the scavenger. Source: reference, pageCache.flush.
 */
void cache_flush_unmarked(struct pagealloc *pa, struct pagealloc_cache *cache);

#endif
