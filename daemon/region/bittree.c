/*
 * bittree - a very long bitmap in which the nearest set bit is found in a few steps
 *
 * Role:       see bittree.h.
 * Uses:       base/mem.h
 */
#include "region/bittree.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define WORD_BITS 64u
#define WORD_SHIFT 6u

static uint64_t words_for(uint64_t nbits)
{
	return (nbits + WORD_BITS - 1) >> WORD_SHIFT;
}

/* Bits of level @k that stand for the usable ones. */
static uint64_t level_usable(const struct bittree *bt, unsigned k)
{
	uint64_t n = bt->usable;

	while (k--)
		n = words_for(n);
	return n;
}

int bittree_init(struct bittree *bt, uint64_t nbits)
{
	uint64_t nwords[BITTREE_LEVELS_MAX], n = nbits, total = 0;
	struct bittree made = {.nbits = nbits};
	uint64_t *at;

	if (nbits == 0 || nbits > BITTREE_NBITS_MAX)
		return BITTREE_E_RANGE;
	do {
		n = words_for(n);
		nwords[made.nlevels++] = n;
		total += n;
	} while (n > 1);

	made.space_bytes = total * sizeof(uint64_t);
	made.space = mem_reserve(made.space_bytes);
	if (!made.space)
		return -ENOMEM;
	at = made.space;
	for (unsigned k = 0; k < made.nlevels; k++) {
		made.levels[k] = at;
		at += nwords[k];
	}
	*bt = made;
	return 0;
}

void bittree_deinit(struct bittree *bt)
{
	mem_unreserve(bt->space, bt->space_bytes);
	memset(bt, 0, sizeof(*bt));
}

int bittree_commit(struct bittree *bt, uint64_t usable)
{
	uint64_t have = bt->usable, want = usable;
	int err;

	assert(usable <= bt->nbits);
	if (usable <= bt->usable)
		return 0;
	for (unsigned k = 0; k < bt->nlevels; k++) {
		have = words_for(have);
		want = words_for(want);
		if (want == have)
			continue;
		err = mem_commit(bt->levels[k] + have, (want - have) * sizeof(uint64_t));
		if (err)
			return err;
	}
	bt->usable = usable;
	return 0;
}

void bittree_set(struct bittree *bt, uint64_t i)
{
	assert(i < bt->usable);
	for (unsigned k = 0; k < bt->nlevels; k++) {
		uint64_t *word = &bt->levels[k][i >> WORD_SHIFT];
		uint64_t old = *word;

		*word = old | UINT64_C(1) << (i % WORD_BITS);
		if (old)
			return;
		i >>= WORD_SHIFT;
	}
}

void bittree_clear(struct bittree *bt, uint64_t i)
{
	assert(i < bt->usable);
	for (unsigned k = 0; k < bt->nlevels; k++) {
		uint64_t *word = &bt->levels[k][i >> WORD_SHIFT];

		*word &= ~(UINT64_C(1) << (i % WORD_BITS));
		if (*word)
			return;
		i >>= WORD_SHIFT;
	}
}

bool bittree_test(const struct bittree *bt, uint64_t i)
{
	return i < bt->usable && (bt->levels[0][i >> WORD_SHIFT] >> (i % WORD_BITS) & 1);
}

static unsigned last_bit(uint64_t word)
{
	return WORD_BITS - 1 - (unsigned)__builtin_clzll(word);
}

static unsigned first_bit(uint64_t word)
{
	return (unsigned)__builtin_ctzll(word);
}

uint64_t bittree_prev(const struct bittree *bt, uint64_t i)
{
	if (bt->usable == 0)
		return BITTREE_NONE;
	if (i >= bt->usable)
		i = bt->usable - 1;
	for (unsigned k = 0; k < bt->nlevels; k++) {
		uint64_t word = bt->levels[k][i >> WORD_SHIFT];

		word &= UINT64_MAX >> (WORD_BITS - 1 - i % WORD_BITS);
		if (word) {
			i = (i & ~(uint64_t)(WORD_BITS - 1)) + last_bit(word);
			while (k--)
				i = (i << WORD_SHIFT) + last_bit(bt->levels[k][i]);
			return i;
		}
		if (i >> WORD_SHIFT == 0)
			return BITTREE_NONE;
		i = (i >> WORD_SHIFT) - 1;
	}
	return BITTREE_NONE;
}

uint64_t bittree_next(const struct bittree *bt, uint64_t i)
{
	uint64_t usable = bt->usable;

	for (unsigned k = 0; k < bt->nlevels; k++) {
		uint64_t word;

		if (i >= usable)
			return BITTREE_NONE;
		word = bt->levels[k][i >> WORD_SHIFT] & UINT64_MAX << (i % WORD_BITS);
		if (word) {
			i = (i & ~(uint64_t)(WORD_BITS - 1)) + first_bit(word);
			while (k--)
				i = (i << WORD_SHIFT) + first_bit(bt->levels[k][i]);
			return i;
		}
		i = (i >> WORD_SHIFT) + 1;
		usable = words_for(usable);
	}
	return BITTREE_NONE;
}

uint64_t bittree_bytes(const struct bittree *bt)
{
	uint64_t n = bt->usable, total = 0;

	for (unsigned k = 0; k < bt->nlevels; k++) {
		n = words_for(n);
		total += n * sizeof(uint64_t);
	}
	return total;
}

bool bittree_check(const struct bittree *bt, char *buf, size_t size)
{
	for (unsigned k = 0; k + 1 < bt->nlevels; k++) {
		uint64_t nwords = words_for(level_usable(bt, k));

		for (uint64_t i = 0; i < nwords; i++) {
			bool bit = bt->levels[k + 1][i >> WORD_SHIFT] >> (i % WORD_BITS) & 1;

			if (bit == (bt->levels[k][i] != 0))
				continue;
			snprintf(buf, size,
				 "B1: level %u word %" PRIu64 " is %#" PRIx64
				 ", its bit above is %d",
				 k, i, bt->levels[k][i], bit);
			return false;
		}
	}
	return true;
}
