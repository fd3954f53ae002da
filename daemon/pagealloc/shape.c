/*
 * shape - where alignment and boundary leave room
 *
 * Role:       see shape.h.
 * Uses:       base/{bits,mem}.h, pagealloc/{chunk,tree}.h
 *
 * Within a run of free pages the lowest place is its first aligned page or, where the request would cross a boundary from there,
 * the next boundary: both are powers of two, so the larger of them is a multiple of the smaller, and no third place has to be
 * tried.
 */
#include "pagealloc/shape.h"

#include <errno.h>

#include "base/bits.h"
#include "base/mem.h"
#include "pagealloc/chunk.h"

static uint64_t align_up(uint64_t x, uint64_t to)
{
	return (x + to - 1) & ~(to - 1);
}

static uint64_t align_down(uint64_t x, uint64_t to)
{
	return x & ~(to - 1);
}

/* Would @npages from absolute page @at cross a boundary? */
static bool crosses(const struct shape *s, uint64_t at, uint64_t npages)
{
	return s->boundary && (at & (s->boundary - 1)) + npages > s->boundary;
}

uint64_t shape_lowest(const struct shape *s, uint64_t first, uint64_t limit, uint64_t npages)
{
	uint64_t at;

	if (npages > limit - first)
		return UINT64_MAX;
	at = align_up(first + s->origin, s->align);
	if (crosses(s, at, npages))
		at = align_up(align_up(at, s->boundary), s->align);
	if (at - s->origin >= limit || npages > limit - (at - s->origin))
		return UINT64_MAX;
	return at - s->origin;
}

uint64_t shape_highest(const struct shape *s, uint64_t first, uint64_t limit, uint64_t npages)
{
	uint64_t at;

	if (npages > limit - first)
		return UINT64_MAX;
	at = align_down(limit + s->origin - npages, s->align);
	if (crosses(s, at, npages)) {
		uint64_t border = align_down(at + npages - 1, s->boundary);

		if (border < npages)
			return UINT64_MAX;
		at = align_down(border - npages, s->align);
	}
	return at >= first + s->origin ? at - s->origin : UINT64_MAX;
}

uint64_t shape_longest(const struct shape *s, uint64_t first, uint64_t limit)
{
	uint64_t lo = first + s->origin, end = limit + s->origin, at = align_up(lo, s->align);
	uint64_t longest = 0;

	/* From the first aligned page, or from the first boundary in the run, up to the end or the next boundary. */
	for (int i = 0; i < 2 && at >= lo && at < end; i++) {
		uint64_t n = end - at;

		if (s->boundary && n > s->boundary - (at & (s->boundary - 1)))
			n = s->boundary - (at & (s->boundary - 1));
		if (n > longest)
			longest = n;
		if (!s->boundary)
			break;
		at = align_up(align_down(at, s->boundary) + s->boundary, s->align);
	}
	return longest;
}

/* Which of the 64 pages from absolute page @at on are multiples of the alignment. */
static uint64_t aligned_word(const struct shape *s, uint64_t at)
{
	uint64_t first = -at & (s->align - 1);

	if (s->align == 1)
		return ~UINT64_C(0);
	if (first >= 64)
		return 0;
	if (s->align >= 64)
		return UINT64_C(1) << first;
	return ~UINT64_C(0) / ((UINT64_C(1) << s->align) - 1) << first;
}

/* From which of the 64 pages from absolute page @at on @npages reach the next boundary at most. */
static uint64_t uncrossed_word(const struct shape *s, uint64_t at, uint64_t npages)
{
	const uint64_t b = s->boundary;
	uint64_t room, word = 0, offset;

	if (b == 0)
		return ~UINT64_C(0);
	offset = at & (b - 1);
	room = b - npages + 1; /* pages behind a boundary from which it can be */
	if (b <= 64) {
		word = bits_mask(0, (unsigned)room);
		if (b < 64)
			word *= ~UINT64_C(0) / ((UINT64_C(1) << b) - 1);
		return offset ? word >> offset | word << (64 - offset) : word;
	}
	if (offset < room)
		word = room - offset < 64 ? bits_mask(0, (unsigned)(room - offset)) : ~UINT64_C(0);
	if (b - offset < 64) {
		unsigned next = (unsigned)(b - offset);

		word |= bits_mask(next, room < 64 - next ? (unsigned)room : 64 - next);
	}
	return word;
}

/* Keep a bit where it and the @by bits above it are set, over all words of a chunk. */
static void erode(uint64_t *x, unsigned by)
{
	for (unsigned step = 1; by; step *= 2) {
		unsigned words, bits;

		step = step < by ? step : by;
		words = step / 64;
		bits = step % 64;
		for (unsigned i = 0; i < CHUNK_NWORDS; i++) {
			uint64_t lo = i + words < CHUNK_NWORDS ? x[i + words] : 0;
			uint64_t hi = i + words + 1 < CHUNK_NWORDS ? x[i + words + 1] : 0;

			x[i] &= bits ? lo >> bits | hi << (64 - bits) : lo;
		}
		by -= step;
	}
}

/* Where aligned pages are few, each is looked at. */
#define FEW_ALIGN 64u

/* The first aligned page of a chunk, as an offset; CHUNK_NPAGES or more if it has none. */
static uint64_t first_aligned(const struct shape *s, uint64_t base)
{
	return -(base + s->origin) & (s->align - 1);
}

static uint64_t in_chunk_few(const struct shape *s, const uint64_t *bits, uint64_t base,
			     uint64_t npages, bool highest)
{
	uint64_t found = UINT64_MAX;

	for (uint64_t at = first_aligned(s, base); at + npages <= CHUNK_NPAGES; at += s->align) {
		if (crosses(s, base + s->origin + at, npages) ||
		    !chunk_all(bits, (unsigned)at, (unsigned)npages))
			continue;
		found = base + at;
		if (!highest)
			break;
	}
	return found;
}

/* Of word @i, from which pages on @npages are free, up to 64. */
static uint64_t eroded_word(const uint64_t *bits, unsigned i, uint64_t npages)
{
	uint64_t lo = bits[i], hi = i + 1 < CHUNK_NWORDS ? bits[i + 1] : 0;
	unsigned by = (unsigned)npages - 1;

	for (unsigned step = 1; by; step *= 2) {
		step = step < by ? step : by;
		lo &= lo >> step | hi << (64 - step);
		hi &= hi >> step;
		by -= step;
	}
	return lo;
}

/* Most words have no free page where one could begin, and what is found soon need not be looked for in the others. */
static uint64_t in_chunk_short(const struct shape *s, const uint64_t *bits, uint64_t base,
			       uint64_t npages, bool highest)
{
	for (unsigned k = 0; k < CHUNK_NWORDS; k++) {
		unsigned i = highest ? CHUNK_NWORDS - 1 - k : k;
		uint64_t at = base + s->origin + i * 64;
		uint64_t x = bits[i] & aligned_word(s, at);

		if (x && s->boundary)
			x &= uncrossed_word(s, at, npages);
		if (x)
			x &= eroded_word(bits, i, npages);
		if (x)
			return base + i * 64 + (highest ? 63 - bits_clz(x) : bits_ctz(x));
	}
	return UINT64_MAX;
}

uint64_t shape_in_chunk(const struct shape *s, const uint64_t *bits, uint64_t base, uint64_t npages,
			bool highest)
{
	uint64_t x[CHUNK_NWORDS];

	if (s->boundary && npages > s->boundary)
		return UINT64_MAX;
	if (s->align >= FEW_ALIGN)
		return in_chunk_few(s, bits, base, npages, highest);
	if (npages <= 64)
		return in_chunk_short(s, bits, base, npages, highest);
	for (unsigned i = 0; i < CHUNK_NWORDS; i++)
		x[i] = bits[i];
	erode(x, (unsigned)npages - 1);
	for (unsigned k = 0; k < CHUNK_NWORDS; k++) {
		unsigned i = highest ? CHUNK_NWORDS - 1 - k : k;
		uint64_t at = base + s->origin + i * 64;

		if (!x[i])
			continue;
		x[i] &= aligned_word(s, at) & uncrossed_word(s, at, npages);
		if (x[i])
			return base + i * 64 + (highest ? 63 - bits_clz(x[i]) : bits_ctz(x[i]));
	}
	return UINT64_MAX;
}

int bounds_init(struct shape_bounds *b, const struct shape *s, const struct tree *t)
{
	uint64_t n = 0;
	uint32_t *all;

	for (unsigned level = 0; level <= t->top; level++)
		n += t->levels[level].nentries;
	all = mem_reserve(n * sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (mem_commit(all, n * sizeof(*all))) {
		mem_unreserve(all, n * sizeof(*all));
		return -ENOMEM;
	}
	*b = (struct shape_bounds){.shape = *s};
	b->nbytes = n * sizeof(*all);
	for (unsigned level = 0; level <= t->top; level++) {
		b->level[level] = all;
		all += t->levels[level].nentries;
	}
	return 0;
}

void bounds_deinit(struct shape_bounds *b)
{
	mem_unreserve(b->level[0], b->nbytes);
	*b = (struct shape_bounds){0};
}

unsigned shape_class_below(uint64_t npages)
{
	unsigned log = 63 - bits_clz(npages);

	if (npages <= SHAPE_NEXACT)
		return (unsigned)npages - 1;
	return log < 5 ? SHAPE_NEXACT - 1 : log - 5 + SHAPE_NEXACT;
}

uint64_t bounds_low(const struct shape_bounds *b, uint64_t npages)
{
	return b->low[shape_class_below(npages)];
}

void bounds_learn_low(struct shape_bounds *b, uint64_t npages, uint64_t page)
{
	unsigned c = shape_class_below(npages);

	if (shape_length(c) < npages)
		c++;
	for (; c < SHAPE_NLENGTHS && b->low[c] < page; c++)
		b->low[c] = page;
}

/* A run that begins at @first has room for @npages now. */
static void low_lower(struct shape_bounds *b, uint64_t npages, uint64_t first)
{
	for (unsigned c = 0; c < SHAPE_NLENGTHS && shape_length(c) <= npages; c++)
		if (b->low[c] > first)
			b->low[c] = first;
}

static void bounds_set(struct shape_bounds *b, unsigned level, uint64_t index, uint64_t bound)
{
	b->level[level][index] = bound < UINT32_MAX - 1 ? (uint32_t)bound + 1 : UINT32_MAX;
}

/* The longest request with a place in a chunk that has few aligned pages. */
static uint64_t longest_few(const struct shape *s, const uint64_t *bits, uint64_t base)
{
	uint64_t longest = 0;

	for (uint64_t at = first_aligned(s, base); at < CHUNK_NPAGES; at += s->align) {
		unsigned run = chunk_run_up(bits, (unsigned)at);
		uint64_t n = run > longest ? shape_longest(s, base + at, base + at + run) : 0;

		longest = n > longest ? n : longest;
	}
	return longest;
}

/*
 * Half of @npages may have no place either, and half of that: then requests of those lengths need not come by. So a chunk is looked
 * through for log2(CHUNK_NPAGES) lengths at the most until something in it is freed.
 */
void bounds_learn_chunk(struct shape_bounds *b, const uint64_t *bits, uint64_t chunk,
			uint64_t npages)
{
	const struct shape *s = &b->shape;
	uint64_t bound = npages - 1;

	if (s->align >= FEW_ALIGN)
		bound = longest_few(s, bits, chunk_page(chunk));
	else
		while (bound && shape_in_chunk(s, bits, chunk_page(chunk), (bound + 1) / 2,
					       false) == UINT64_MAX)
			bound = (bound + 1) / 2 - 1;
	bounds_set(b, 0, chunk, bound);
}

void bounds_learn(struct shape_bounds *b, const struct tree *t, unsigned level, uint64_t index)
{
	const uint64_t whole = UINT64_C(1) << level_log(level - 1);
	uint64_t bound = 0, first = 0, limit = 0; /* the run that reaches the next child */

	for (uint64_t i = index * FANOUT; i < (index + 1) * FANOUT; i++) {
		struct summary sum = tree_value(t, level - 1, i);
		uint64_t base = i * whole, within = bounds_get(b, level - 1, i), across;

		/* What is all free is not looked into, but has its own longest. */
		if (sum.start == whole)
			within = shape_longest(&b->shape, base, base + whole);
		within = within < sum.max ? within : sum.max;
		bound = within > bound ? within : bound;
		if (first == limit)
			first = limit = base;
		limit += sum.start;
		if (sum.start == whole && i + 1 < (index + 1) * FANOUT)
			continue;
		if (limit - first > bound) {
			across = shape_longest(&b->shape, first, limit);
			bound = across > bound ? across : bound;
		}
		first = base + whole - sum.end;
		limit = base + whole;
	}
	bounds_set(b, level, index, bound);
}

void bounds_raise(struct shape_bounds *b, const struct tree *t, uint64_t page, uint64_t limit,
		  uint64_t run_first, uint64_t run_limit)
{
	uint64_t longest = shape_longest(&b->shape, run_first, run_limit);

	/* Mostly there is no aligned page in it. */
	if (!longest)
		return;
	low_lower(b, longest, run_first);
	for (unsigned level = 0; level <= t->top; level++) {
		const unsigned log = level_log(level);

		/* Only entries in which something became free have more room than before. */
		for (uint64_t i = page >> log; i <= (limit - 1) >> log; i++) {
			uint64_t first = i << log, end = (i + 1) << log, n;

			/* What is not known stays so; what the run as a whole does not exceed, no part of it does. */
			if (longest <= bounds_get(b, level, i))
				continue;
			n = shape_longest(&b->shape, run_first > first ? run_first : first,
					  run_limit < end ? run_limit : end);
			if (n > bounds_get(b, level, i))
				bounds_set(b, level, i, n);
		}
	}
}
