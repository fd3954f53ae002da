/*
 * holdings - who holds which pages of a region, as far as a recording knows
 *
 * Role:       a map from ranges of pages to their owners: put, cut out, walk. Knows nothing of events, files, daemons.
 * Uses:       libc; its search trees
 * Invariants: L1  no two ranges meet.
 * Cost:       O(log n) for each range that is touched.
 */
#ifndef PACLIENT_CLI_HOLDINGS_H
#define PACLIENT_CLI_HOLDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A session, or the user of detached extents. */
struct holder {
	bool detached;
	uint64_t number; /* of the session, or uid */
};

/* Pages [begin, end) of the region; the first of them is page @first of extent @id of the recording. */
struct held {
	uint64_t begin;
	uint64_t end;
	struct holder holder;
	uint64_t id;
	uint64_t first;
};

struct holdings {
	void *tree;
};

/** holder_is() - are both the same one? */
bool holder_is(const struct holder *a, const struct holder *b);

/** holdings_deinit() - forget all of it; a cleared struct is allowed, and what is left is one. */
void holdings_deinit(struct holdings *h);

/** holdings_put() - @x is held from now on; nothing of it may be already. Return: 0, -ENOMEM. */
int holdings_put(struct holdings *h, const struct held *x);

/**
 * holdings_cut() - the lowest range that meets [@begin, @end) loses what lies within
 * @ret: what it was, as a range of its own; written only on 1
 *
 * Call it again for the next one. Return: 1; 0 where nothing of it is held; -ENOMEM, and then nothing is changed.
 */
int holdings_cut(struct holdings *h, uint64_t begin, uint64_t end, struct held *ret);

/**
 * holdings_all() - all ranges, ascending
 * @ret: the caller's, to be freed; NULL where there is nothing
 *
 * Return: 0, -ENOMEM.
 */
int holdings_all(const struct holdings *h, struct held **ret, size_t *ret_n);

#endif
