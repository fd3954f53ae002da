/*
 * tree - packed summaries of free runs, level by level
 *
 * Role:       see tree.h.
 * Uses:       base/mem.h, pagealloc/summary.h
 */
#include "pagealloc/tree.h"

#include <assert.h>
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
		if (level + 1 >= PAGEALLOC_SINGLE_LEVEL &&
		    !(l->hops = mem_reserve(n * sizeof(*l->hops)))) {
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

		mem_unreserve(is_wide(level) ? (void *)l->wide : l->sums,
			      l->nentries * entry_bytes(level));
		mem_unreserve(l->hops, l->nentries * sizeof(*l->hops));
		l->hops = NULL;
		l->sums = NULL;
		l->wide = NULL;
	}
}

/* @index of @level, and the chain of single entries that begins with it: how many single ones are right above. */
static void hops_count_up(struct tree *t, unsigned level, uint64_t index)
{
	for (;; index = tree_child(t, level--, index)) {
		struct tree_hop *hop = &t->levels[level].hops[index];

		hop->up = 0;
		if (level < t->top && tree_single(t, level + 1, index / FANOUT))
			hop->up = (uint8_t)(t->levels[level + 1].hops[index / FANOUT].up + 1);
		if (!tree_single(t, level, index))
			return;
	}
}

/* Where the chain ends that entry @index of @level, which is single, begins; those below know already. */
static void hop_count_down(struct tree *t, unsigned level, uint64_t index)
{
	struct tree_hop *hop = &t->levels[level].hops[index];
	uint64_t child = tree_child(t, level, index);

	hop->bottom = (uint32_t)child;
	hop->down = 1;
	if (tree_single(t, level - 1, child)) {
		hop->bottom = t->levels[level - 1].hops[child].bottom;
		hop->down = (uint8_t)(t->levels[level - 1].hops[child].down + 1);
	}
}

static bool entry_set(struct tree *t, unsigned level, uint64_t index, struct summary sum);

/*
 * Entry @i of @level has something grown in child @child, too. Where there was but one other child, a chain branches here: from now on
 * both ends are kept up to date. Return: that other child, UINT64_MAX where there was no such.
 */
static uint64_t hop_mark(struct tree *t, unsigned level, uint64_t child)
{
	uint64_t i = child / FANOUT, old;
	struct tree_hop *hop = &t->levels[level].hops[i];

	if (hop->child == 0)
		hop->child = (uint8_t)(child % FANOUT + 1);
	if (!tree_single(t, level, i) || tree_child(t, level, i) == child)
		return UINT64_MAX;
	old = tree_child(t, level, i);
	(void)entry_set(t, level, i, tree_value(t, level, i));
	(void)entry_set(t, level - 1, old, tree_value(t, level - 1, old));
	hop->child = HOP_SEVERAL;
	tree_note(t, level, i);
	return old;
}

/* Chunks [@first, @limit) are grown: chains become longer, or branch. */
static void hops_note(struct tree *t, uint64_t first, uint64_t limit)
{
	/* By level: entries that were an only child. Only where the range begins and where it ends was anything before. */
	uint64_t branched[LEVELS_MAX][2];

	for (unsigned level = PAGEALLOC_SINGLE_LEVEL; level <= t->top; level++) {
		uint64_t last = level_index(level - 1, limit - 1), i;
		unsigned n = 0;

		branched[level - 1][0] = branched[level - 1][1] = UINT64_MAX;
		for (i = level_index(level - 1, first); i <= last; i++) {
			uint64_t old = hop_mark(t, level, i);

			/* What the loop itself has marked a moment ago is counted below like all others. */
			if (old == UINT64_MAX ||
			    (old >= level_index(level - 1, first) && old <= last))
				continue;
			assert(n < 2);
			branched[level - 1][n++] = old;
		}
		for (i = level_index(level, first); i <= level_index(level, limit - 1); i++)
			if (tree_single(t, level, i))
				hop_count_down(t, level, i);
	}
	for (unsigned level = t->top + 1; level-- + 1 > PAGEALLOC_SINGLE_LEVEL;) {
		for (uint64_t i = level_index(level, first); i <= level_index(level, limit - 1);
		     i++)
			hops_count_up(t, level, i);
		for (unsigned k = 0; level < t->top && k < 2; k++)
			if (branched[level][k] != UINT64_MAX)
				hops_count_up(t, level, branched[level][k]);
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

		if (!err && l->hops)
			err = mem_commit(&l->hops[lo], (hi - lo) * sizeof(*l->hops));
		if (err)
			return err;
	}
	hops_note(t, first, limit);
	return 0;
}

uint64_t tree_bytes(const struct tree *t, uint64_t first, uint64_t limit)
{
	uint64_t n = 0;

	for (unsigned level = 0; level <= t->top; level++)
		n += (level_index(level, limit - 1) - level_index(level, first) + 1) *
		     (entry_bytes(level) + (t->levels[level].hops ? sizeof(struct tree_hop) : 0));
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

/* Write an entry. Return: has it changed? */
static bool entry_set(struct tree *t, unsigned level, uint64_t index, struct summary sum)
{
	struct level *l = &t->levels[level];
	struct summary *wide;
	uint64_t packed;

	if (is_wide(level)) {
		wide = &l->wide[index];
		if (wide->start == sum.start && wide->max == sum.max && wide->end == sum.end)
			return false;
		*wide = sum;
		return true;
	}
	packed = summary_pack(sum.start, sum.max, sum.end);
	if (l->sums[index] == packed)
		return false;
	l->sums[index] = packed;
	return true;
}

/* The ends of what is at the bottom of a chain are those of an entry @up levels above it where it lies at its ends. */
static struct summary chain_ends(struct summary sum, uint64_t bottom, unsigned up)
{
	const uint64_t within = (UINT64_C(1) << (PAGEALLOC_FANOUT_LOG * up)) - 1;

	if ((bottom & within) != 0)
		sum.start = 0;
	if ((bottom & within) != within)
		sum.end = 0;
	return sum;
}

struct summary tree_chain_value(const struct tree *t, unsigned level, uint64_t index)
{
	const struct tree_hop *hop = &t->levels[level].hops[index];

	return chain_ends(tree_get(t, level - hop->down, hop->bottom), hop->bottom, hop->down);
}

/* tree_changed() for entries of any kind. */
static void entry_changed(struct tree *t, unsigned level, uint64_t index, struct summary old,
			  struct summary sum)
{
	struct summary above;

	if (level == t->top)
		return;
	if (tree_ends_chain(t, level, index)) {
		tree_chain_changed(t, level, index);
		return;
	}
	above = tree_get(t, level + 1, index / FANOUT);
	if (sum.start == old.start && sum.end == old.end &&
	    (sum.max > old.max ? sum.max <= above.max : old.max < above.max))
		return;
	tree_note(t, level + 1, index / FANOUT);
}

void tree_chain_changed(struct tree *t, unsigned level, uint64_t index)
{
	unsigned up = t->levels[level].hops[index].up, top = level + up;
	uint64_t at = index >> (PAGEALLOC_FANOUT_LOG * up);
	struct summary old = tree_get(t, top, at);
	struct summary sum = chain_ends(tree_get(t, level, index), index, up);

	/* Those between are left as they are. */
	if (entry_set(t, top, at, sum))
		entry_changed(t, top, at, old, sum);
}

/* Merge one entry; what changes is noted above. */
static void merge(struct tree *t, unsigned level, uint64_t index)
{
	const uint64_t *children;
	uint64_t *sum, old;

	if (UNLIKELY(tree_single(t, level, index))) {
		tree_chain_changed(t, level - t->levels[level].hops[index].down,
				   t->levels[level].hops[index].bottom);
		return;
	}
	if (UNLIKELY(is_wide(level))) {
		struct summary before = t->levels[level].wide[index];

		if (merge_wide(t, level, index))
			entry_changed(t, level, index, before, t->levels[level].wide[index]);
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
	unsigned slot = tree_slot(index);

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
	t->stale_levels |= UINT32_C(1) << level;
}

void tree_settle_stale(struct tree *t, unsigned level)
{
	struct level *l = &t->levels[level];

	t->stale_levels &= ~(UINT32_C(1) << level);
	while (l->stale) {
		unsigned slot = (unsigned)__builtin_ctz(l->stale);

		l->stale &= l->stale - 1;
		merge(t, level, l->index[slot]);
	}
}

void tree_settle(struct tree *t)
{
	for (unsigned level = 1; level <= t->top; level++)
		tree_settle_level(t, level);
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
	t->stale_levels &= ~(UINT32_C(1) << level);
	for (uint64_t i = level_index(level, first); i <= level_index(level, last); i++) {
		if (tree_single(t, level, i))
			(void)entry_set(t, level, i, tree_value(t, level, i));
		else if (is_wide(level))
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

/* From the chunk on, block by block and level by level: no entry is read whose block holds nothing that is grown. */
uint64_t tree_run_up(struct tree *t, uint64_t chunk)
{
	uint64_t n = 0, i = chunk;

	for (unsigned level = 0;; i++) {
		uint64_t start;

		while (i % FANOUT == 0 && level < t->top) {
			i /= FANOUT;
			tree_settle_level(t, ++level);
		}
		if (i >= t->levels[level].nentries)
			return n;
		start = tree_value(t, level, i).start;
		n += start;
		if (start >> level_log(level) == 0)
			return n;
	}
}

uint64_t tree_run_down(struct tree *t, uint64_t chunk)
{
	uint64_t n = 0, i = chunk;

	for (unsigned level = 0;; i--) {
		uint64_t end;

		while (i % FANOUT == 0 && level < t->top) {
			i /= FANOUT;
			tree_settle_level(t, ++level);
		}
		if (i == 0)
			return n;
		end = tree_value(t, level, i - 1).end;
		n += end;
		if (end >> level_log(level) == 0)
			return n;
	}
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
	const bool from_wide = is_wide(level);

	while (is_wide(level)) {
		if (tree_single(t, level, i)) {
			const struct tree_hop *hop = &t->levels[level].hops[i];

			level -= hop->down;
			i = hop->bottom;
			continue;
		}
		level--;
		i *= FANOUT;
		while (tree_get(t, level, i).max == 0)
			i++;
	}
	/* A chain may end below the lowest wide level. */
	if (level + 1 < PAGEALLOC_PACKED_LEVELS && from_wide)
		return i >> (PAGEALLOC_FANOUT_LOG * (PAGEALLOC_PACKED_LEVELS - 1 - level))
				    << level_log(PAGEALLOC_PACKED_LEVELS - 1);
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
	for (unsigned level = 1, next; level <= t->top; level = next) {
		tree_settle_level(t, level);
		*ret_entry = search >> level_log(level);
		if (tree_get(t, level, *ret_entry).max >= npages)
			return level - 1;
		/* A child that has no room says so for all single entries above it. */
		next = level + 1;
		if (level + 1 >= PAGEALLOC_SINGLE_LEVEL)
			next += t->levels[level].hops[*ret_entry].up;
		while (UNLIKELY(t->stale_levels & ((1u << next) - 1)))
			tree_settle_stale(t, (unsigned)__builtin_ctz(t->stale_levels));
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
			ret->first_free = first_free_from(t, level, seen);
		ret->exact = ret->exact && entry == seen;
		if (UNLIKELY(entry != UINT64_MAX && tree_single(t, level, entry))) {
			const struct tree_hop *hop = &l->hops[entry];

			/* All that is in it is at the bottom of its chain. */
			level -= hop->down;
			entry = hop->bottom;
			if (ret->exact)
				ret->first_free = first_free_from(t, level, entry);
			if (tree_get(t, level, entry).start >= npages) {
				ret->page = entry << level_log(level);
				entry = UINT64_MAX;
			}
		}
		if (entry == UINT64_MAX) {
			ret->chunk = UINT64_MAX;
			return ret->page != UINT64_MAX;
		}
		if (level == 0) {
			ret->chunk = entry;
			return true;
		}
	}
}
