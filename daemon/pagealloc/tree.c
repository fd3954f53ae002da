/*
 * tree - packed summaries of free runs, level by level
 *
 * Role:       see tree.h.
 * Uses:       base/mem.h, pagealloc/summary.h
 */
#include "pagealloc/tree.h"

#include <errno.h>

#include "base/mem.h"

static uint64_t round_up(uint64_t x, uint64_t to)
{
	return (x + to - 1) / to * to;
}

int tree_init(struct tree *t, uint64_t nchunks)
{
	uint64_t n = round_up(nchunks, FANOUT);

	*t = (struct tree){.first_chunk = UINT64_MAX};
	for (unsigned level = 0; level < LEVELS_MAX; level++) {
		struct level *l = &t->levels[level];

		t->top = level;
		l->nentries = n;
		l->sums = mem_reserve(n * sizeof(*l->sums));
		if (!l->sums) {
			tree_deinit(t);
			return -ENOMEM;
		}
		if (n <= FANOUT)
			break;
		n = round_up(n / FANOUT, FANOUT);
	}
	return 0;
}

void tree_deinit(struct tree *t)
{
	for (unsigned level = 0; level < LEVELS_MAX; level++) {
		struct level *l = &t->levels[level];

		mem_unreserve(l->sums, l->nentries * sizeof(*l->sums));
		l->sums = NULL;
	}
}

int tree_commit(struct tree *t, uint64_t first, uint64_t limit)
{
	for (unsigned level = 0; level <= t->top; level++) {
		/* Whole blocks: a find reads all entries of one. */
		uint64_t lo = level_index(level, first) / FANOUT * FANOUT;
		uint64_t hi = round_up(level_index(level, limit - 1) + 1, FANOUT);
		int err = mem_commit(&t->levels[level].sums[lo], (hi - lo) * sizeof(uint64_t));

		if (err)
			return err;
	}
	/* The top level may be a list: what lies between two grown parts is read, too. */
	if (t->levels[t->top].nentries > FANOUT) {
		uint64_t lo = first < t->first_chunk ? first : t->first_chunk;
		uint64_t hi = limit > t->limit_chunk ? limit : t->limit_chunk;
		uint64_t *sums = t->levels[t->top].sums;

		lo = level_index(t->top, lo);
		hi = level_index(t->top, hi - 1) + 1;
		return mem_commit(&sums[lo], (hi - lo) * sizeof(*sums));
	}
	return 0;
}

uint64_t tree_bytes(const struct tree *t, uint64_t first, uint64_t limit)
{
	uint64_t n = 0;

	for (unsigned level = 0; level <= t->top; level++)
		n += level_index(level, limit - 1) - level_index(level, first) + 1;
	return n * sizeof(uint64_t);
}

/* Merge one entry; what changes is noted above. */
static void merge(struct tree *t, unsigned level, uint64_t index)
{
	const uint64_t *children = &t->levels[level - 1].sums[index * FANOUT];
	uint64_t *sum = &t->levels[level].sums[index];
	uint64_t old = *sum;

	*sum = summary_merge(children, FANOUT, level_log(level - 1));
	if (*sum != old)
		tree_changed(t, level, index, old, *sum);
}

void tree_note_slow(struct tree *t, unsigned level, uint64_t index)
{
	struct level *l = &t->levels[level];
	unsigned slot = (unsigned)(index % TREE_NSTALE);

	if (l->stale >> slot & 1) {
		uint64_t other = l->index[slot];

		if (other == index)
			return;
		l->index[slot] = (uint32_t)index;
		merge(t, level, other);
		return;
	}
	l->index[slot] = (uint32_t)index;
	l->stale |= UINT32_C(1) << slot;
}

void tree_settle(struct tree *t)
{
	for (unsigned level = 1; level <= t->top; level++) {
		struct level *l = &t->levels[level];

		while (l->stale) {
			unsigned slot = (unsigned)__builtin_ctz(l->stale);

			l->stale &= l->stale - 1;
			merge(t, level, l->index[slot]);
		}
	}
}

void tree_set_range(struct tree *t, uint64_t first, uint64_t last, bool free)
{
	for (unsigned level = 0; level <= t->top; level++) {
		struct level *l = &t->levels[level];
		uint64_t lo = level_index(level, first), hi = level_index(level, last);
		uint64_t sum = free ? summary_free(level_log(level)) : 0;

		for (uint64_t i = lo + 1; i < hi; i++)
			l->sums[i] = sum;
		if (level > 0) {
			tree_note(t, level, lo);
			tree_note(t, level, hi);
		}
		/* Above this, only the two ends' own changes go on. */
		if (level > 0 && hi - lo <= 1)
			return;
	}
}

void tree_remerge(struct tree *t, unsigned level, uint64_t first, uint64_t last)
{
	const uint64_t *children = t->levels[level - 1].sums;
	struct level *l = &t->levels[level];

	l->stale = 0;
	for (uint64_t i = level_index(level, first); i <= level_index(level, last); i++)
		l->sums[i] = summary_merge(&children[i * FANOUT], FANOUT, level_log(level - 1));
}

uint64_t tree_largest(struct tree *t)
{
	const struct level *l = &t->levels[t->top];
	uint64_t max = 0, run = 0;

	tree_settle(t);
	if (t->first_chunk >= t->limit_chunk)
		return 0;
	for (uint64_t i = level_index(t->top, t->first_chunk);
	     i <= level_index(t->top, t->limit_chunk - 1); i++) {
		struct summary s = summary_unpack(l->sums[i]);

		if (run + s.start > max)
			max = run + s.start;
		if (s.max > max)
			max = s.max;
		run = s.start == UINT64_C(1) << level_log(t->top) ? run + s.start : s.end;
	}
	return max;
}

/*
 * One block: entries [from, to) of @level. Return: the entry to descend into, or UINT64_MAX with *ret_page set where a run
 * over entries' ends fits, or UINT64_MAX and *ret_page UINT64_MAX where nothing fits. *ret_seen is the first entry with a free page.
 */
static uint64_t find_in_block(const struct tree *t, unsigned level, uint64_t from, uint64_t to,
			      uint64_t npages, uint64_t *ret_seen, uint64_t *ret_page)
{
	const uint64_t *sums = t->levels[level].sums;
	const unsigned log = level_log(level);
	uint64_t run = 0;

	*ret_seen = UINT64_MAX;
	*ret_page = UINT64_MAX;
	for (uint64_t i = from; i < to; i++) {
		uint64_t sum = sums[i], start;

		if (!sum) {
			run = 0;
			continue;
		}
		if (*ret_seen == UINT64_MAX)
			*ret_seen = i;
		start = summary_start(sum);
		if (run + start >= npages) {
			*ret_page = (i << log) - run;
			return UINT64_MAX;
		}
		if (summary_max(sum) >= npages)
			return i;
		run = start >> log ? run + start : summary_end(sum);
	}
	return UINT64_MAX;
}

bool tree_find(struct tree *t, uint64_t npages, uint64_t search, struct tree_found *ret)
{
	uint64_t from, to, entry = 0;

	tree_settle(t);
	/* While the path follows the first entry with a free page, that entry bounds the first free page from below. */
	*ret = (struct tree_found){.exact = true};
	for (unsigned level = t->top;; level--) {
		uint64_t at = search >> level_log(level), seen;

		if (level == t->top) {
			from = level_index(level, t->first_chunk);
			to = level_index(level, t->limit_chunk - 1) + 1;
		} else {
			from = entry * FANOUT;
			to = from + FANOUT;
		}
		if (at >= from && at < to)
			from = at;
		entry = find_in_block(t, level, from, to, npages, &seen, &ret->page);
		if (ret->exact && seen != UINT64_MAX)
			ret->first_free = seen << level_log(level);
		if (entry == UINT64_MAX) {
			ret->chunk = UINT64_MAX;
			return ret->page != UINT64_MAX;
		}
		ret->exact = ret->exact && entry == seen;
		if (level == 0) {
			ret->chunk = entry;
			return true;
		}
	}
}
