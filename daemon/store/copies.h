/*
 * copies - which sessions lie in the machine's environment, and which batch wrote them last
 *
 * Role:       a table from session ids to batch numbers.
 * Uses:       base/
 * Cost:       16 bytes for each of up to twice as many slots as sessions; O(1).
 */
#ifndef PALLOCD_STORE_COPIES_H
#define PALLOCD_STORE_COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

struct copy {
	uint64_t id; /* 0: the slot is free */
	uint64_t batch;
};

struct copies {
	struct copy *slots;
	uint32_t n, size; /* a power of two, or 0 */
};

/** copies_put() - session @id was written by @batch. Return: 0, -ENOMEM. */
MUST_CHECK int copies_put(struct copies *c, uint64_t id, uint64_t batch);

/** copies_find() - NULL: there is no copy. */
struct copy *copies_find(const struct copies *c, uint64_t id);

/** copies_remove() - where there is one. */
void copies_remove(struct copies *c, uint64_t id);

void copies_deinit(struct copies *c);

#endif
