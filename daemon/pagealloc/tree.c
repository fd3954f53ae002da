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

static bool is_wide(unsigned level)
{
	return level >= PAGEALLOC_PACKED_LEVELS;
}

static size_t entry_bytes(unsigned level)
{
	return is_wide(level) ? sizeof(struct summary) : sizeof(uint64_t);
}

int tree_init(struct tree *t, uint64_t nchunks)
{
	uint64_t n = round_up(nchunks, FANOUT);

	*t = (struct tree){.first_chunk = UINT64_MAX};
	for (unsigned level = 0; level < LEVELS_MAX; level++) {
		struct level *l = &t->levels[level];
		void *entries = mem_reserve(n * entry_bytes(level));

		if (!entries) {
			tree_deinit(t);
			return -ENOMEM;
		}
		t->top = level;
		l->nentries = n;
		if (is_wide(level))
			l->wide = entries;
		else
			l->sums = entries;
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

		mem_unreserve(is_wide(level) ? (void *)l->wide : l->sums,
			      l->nentries * entry_bytes(level));
		l->sums = NULL;
		l->wide = NULL;
	}
}

int tree_commit(struct tree *t, uint64_t first, uint64_t limit)
{
	for (unsigned level = 0; level <= t->top; level++) {
		struct level *l = &t->levels[level];
		/* Whole blocks: a find reads all entries of one. */
		uint64_t lo = level_index(level, first) / FANOUT * FANOUT;
		uint64_t hi = round_up(level_index(level, limit - 1) + 1, FANOUT);
		void *from = is_wide(level) ? (void *)&l->wide[lo] : &l->sums[lo];
		int err = mem_commit(from, (hi - lo) * entry_bytes(level));

		if (err)
			return err;
	}
	return 0;
}

uint64_t tree_bytes(const struct tree *t, uint64_t first, uint64_t limit)
{
	uint64_t n = 0;

	for (unsigned level = 0; level <= t->top; level++)
		n += (level_index(level, limit - 1) - level_index(level, first) + 1) *
		     entry_bytes(level);
	return n;
}

/* Merge one entry of a wide level. Return: has it changed? */
static bool merge_wide(struct tree *t, unsigned level, uint64_t index)
{
	struct summary unpacked[FANOUT], *sum = &t->levels[level].wide[index], old = *sum;
	const struct level *below = &t->levels[level - 1];
	const struct summary *children = unpacked;

	if (is_wide(level - 1))
		children = &below->wide[index * FANOUT];
	else
		for (unsigned i = 0; i < FANOUT; i++)
			unpacked[i] = summary_unpack(below->sums[index * FANOUT + i]);
	*sum = summary_merge_wide(children, FANOUT, level_log(level - 1));
	return sum->start != old.start || sum->max != old.max || sum->end != old.end;
}

/* Merge one entry; what changes is noted above. */
static void merge(struct tree *t, unsigned level, uint64_t index)
{
	const uint64_t *children;
	uint64_t *sum, old;

	if (UNLIKELY(is_wide(level))) {
		if (merge_wide(t, level, index) && level < t->top)
			tree_note(t, level + 1, index / FANOUT);
		return;
	}
	children = &t->levels[level - 1].sums[index * FANOUT];
	sum = &t->levels[level].sums[index];
	old = *sum;
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

/* Merge the stale entries of one level; the level below must be exact. */
static void settle_level(struct tree *t, unsigned level)
{
	struct level *l = &t->levels[level];

	while (l->stale) {
		unsigned slot = (unsigned)__builtin_ctz(l->stale);

		l->stale &= l->stale - 1;
		merge(t, level, l->index[slot]);
	}
}

void tree_settle(struct tree *t)
{
	for (unsigned level = 1; level <= t->top; level++)
		settle_level(t, level);
}

static void fill(struct level *l, unsigned level, uint64_t lo, uint64_t hi, bool free)
{
	const uint64_t n = free ? UINT64_C(1) << level_log(level) : 0;
	const uint64_t sum = is_wide(level) ? 0 : summary_pack(n, n, n);

	for (uint64_t i = lo; is_wide(level) && i < hi; i++)
		l->wide[i] = (struct summary){n, n, n};
	for (uint64_t i = lo; !is_wide(level) && i < hi; i++)
		l->sums[i] = sum;
}

void tree_set_range(struct tree *t, uint64_t first, uint64_t last, bool free)
{
	for (unsigned level = 0; level <= t->top; level++) {
		uint64_t lo = level_index(level, first), hi = level_index(level, last);

		fill(&t->levels[level], level, lo + 1, hi, free);
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
	struct level *l = &t->levels[level];

	l->stale = 0;
	for (uint64_t i = level_index(level, first); i <= level_index(level, last); i++) {
		if (is_wide(level))
			merge_wide(t, level, i);
		else
			l->sums[i] = summary_merge(&t->levels[level - 1].sums[i * FANOUT], FANOUT,
						   level_log(level - 1));
	}
}

uint64_t tree_largest(struct tree *t)
{
	struct summary sums[FANOUT];

	tree_settle(t);
	if (t->first_chunk >= t->limit_chunk)
		return 0;
	for (unsigned i = 0; i < FANOUT; i++)
		sums[i] = tree_get(t, t->top, i);
	return summary_merge_wide(sums, FANOUT, level_log(t->top)).max;
}

/*
 * One block: entries [from, to) of @level. Return: the entry to descend into, or UINT64_MAX with *ret_page set where a run
 * over entries' ends fits, or UINT64_MAX and *ret_page UINT64_MAX where nothing fits. *ret_seen is the first entry with a free page.
 */
static inline __attribute__((always_inline)) uint64_t search_block(const struct level *l, bool wide,
								   unsigned log, uint64_t from,
								   uint64_t to, uint64_t npages,
								   uint64_t *ret_seen,
								   uint64_t *ret_page)
{
	uint64_t run = 0;

	*ret_seen = UINT64_MAX;
	*ret_page = UINT64_MAX;
	for (uint64_t i = from; i < to; i++) {
		uint64_t sum = wide ? l->wide[i].max : l->sums[i], start;

		if (!sum) {
			run = 0;
			continue;
		}
		if (*ret_seen == UINT64_MAX)
			*ret_seen = i;
		start = wide ? l->wide[i].start : summary_start(sum);
		if (run + start >= npages) {
			*ret_page = (i << log) - run;
			return UINT64_MAX;
		}
		if ((wide ? sum : summary_max(sum)) >= npages)
			return i;
		if (start >> log)
			run += start;
		else
			run = wide ? l->wide[i].end : summary_end(sum);
	}
	return UINT64_MAX;
}

/*
 * Where the first free page of a wide entry may be at the lowest: the beginning of the first packed entry in it that has one. The
 * reference's root has such entries, and what is known of the first free page must not depend on levels that it does not have.
 */
static uint64_t first_free_from(const struct tree *t, unsigned level, uint64_t i)
{
	while (is_wide(level)) {
		level--;
		i *= FANOUT;
		while (tree_get(t, level, i).max == 0)
			i++;
	}
	return i << level_log(level);
}

/*
 * Where to begin: in the smallest entry that the search address lies in and that has room. No free page is below that address,
 * so from the top one would come by there, through the first entry with a free page on each level. Levels are settled on the way
 * up; those above the entry are not read, and may stay stale.
 * Return: the level of the block to look at; *ret_entry is the entry above it, 0 for the top.
 */
static unsigned find_level(struct tree *t, uint64_t npages, uint64_t search, uint64_t *ret_entry)
{
	for (unsigned level = 1; level <= t->top; level++) {
		settle_level(t, level);
		*ret_entry = search >> level_log(level);
		if (tree_get(t, level, *ret_entry).max >= npages)
			return level - 1;
	}
	*ret_entry = 0;
	return t->top;
}

bool tree_find(struct tree *t, uint64_t npages, uint64_t search, struct tree_found *ret)
{
	uint64_t entry;

	/* While the path follows the first entry with a free page, that entry bounds the first free page from below. */
	*ret = (struct tree_found){.exact = true};
	for (unsigned level = find_level(t, npages, search, &entry);; level--) {
		const struct level *l = &t->levels[level];
		const unsigned log = level_log(level);
		uint64_t from = entry * FANOUT, to = from + FANOUT, at = search >> log, seen;

		if (at >= from && at < to)
			from = at;
		if (UNLIKELY(is_wide(level)))
			entry = search_block(l, true, log, from, to, npages, &seen, &ret->page);
		else
			entry = search_block(l, false, log, from, to, npages, &seen, &ret->page);
		if (ret->exact && seen != UINT64_MAX)
			ret->first_free = is_wide(level) ? first_free_from(t, level, seen)
							 : seen << log;
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
