/*
 * maps - what a handle has attached, and the regions that it has mapped as a whole
 *
 * Role:       one descriptor for each region and access, kept until the handle is closed; one mapping of all of it, counted.
 * Uses:       libc, include/paclient.h
 * Invariants: M1  what is in the list stays there, where it is, until maps_deinit(): it may be used without the lock, but for
 *                 whole, nusers and nreconnects, which is atomic.
 *             M2  whole is mapped while nusers is not 0. It survives the handle where it is not given up before.
 */
#ifndef PACLIENT_LIB_MAPS_H
#define PACLIENT_LIB_MAPS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "include/paclient.h"

/* A region that can be read, or read and written. */
struct attached {
	struct attached *next;
	uint32_t region_id;
	struct paclient_backing backing; /* its fd is ours */
	void *whole;
	uint64_t nusers;
	uint64_t
		nreconnects; /* the handle had that many when it was known that the region's memory is this */
};

struct maps {
	pthread_mutex_t lock;
	struct attached *first;
};

/** maps_init() - nothing in it. */
void maps_init(struct maps *m);

/** maps_deinit() - descriptors are closed, mappings stay. @ours: not in a forked child, where nobody unlocks any more. */
void maps_deinit(struct maps *m, bool ours);

/** maps_find() - what has been attached. Return: NULL: not yet. */
struct attached *maps_find(struct maps *m, uint32_t region_id, bool write);

/** maps_add() - from now on it has been, as after @nreconnects, unless another thread was faster; @b's descriptor is ours. Return: NULL without memory: it is closed. */
struct attached *maps_add(struct maps *m, uint32_t region_id, const struct paclient_backing *b,
			  uint64_t nreconnects);

/** maps_whole() - one more user of the mapping of all of @a. Return: 0 or a negative errno. */
int maps_whole(struct maps *m, struct attached *a, void **ret_whole);

/** maps_whole_leave() - one fewer. Return: false where @memory does not lie in there, and nothing has changed. */
bool maps_whole_leave(struct maps *m, struct attached *a, const void *memory);

#endif
