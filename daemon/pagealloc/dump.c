/*
 * dump - the allocator's state as lines that a person can read
 *
 * Role:       pagealloc_dump(): the counts, then each grown range as a map with one character per chunk.
 * Uses:       pagealloc/internal.h
 */
#include <inttypes.h>
#include <stdio.h>

#include "pagealloc/internal.h"

#define DUMP_CHUNKS_PER_LINE 64

/* '.' all free, '1' to '9' tenths in use, '#' all in use; a chunk that is nearly full is still '9', nearly empty '1'. */
static char chunk_char(const struct pagealloc *pa, uint64_t chunk)
{
	unsigned used = CHUNK_NPAGES - chunk_count(chunk_free_bits(pa, chunk), 0, CHUNK_NPAGES);

	if (used == 0)
		return '.';
	if (used == CHUNK_NPAGES)
		return '#';
	return (char)('1' + used * 9 / CHUNK_NPAGES);
}

static void dump_range(const struct pagealloc *pa, const struct range *r,
		       void (*emit)(void *ctx, const char *line), void *ctx)
{
	char line[DUMP_CHUNKS_PER_LINE + 64];
	uint64_t chunk = chunk_of(r->first), limit = chunk_of(r->limit);

	snprintf(line, sizeof(line), "range [%" PRIu64 ", %" PRIu64 ")", r->first, r->limit);
	emit(ctx, line);
	while (chunk < limit) {
		int n = snprintf(line, sizeof(line), "%12" PRIu64 " ", chunk_page(chunk));

		for (unsigned i = 0; i < DUMP_CHUNKS_PER_LINE && chunk < limit; i++)
			line[n++] = chunk_char(pa, chunk++);
		line[n] = '\0';
		emit(ctx, line);
	}
}

void pagealloc_dump(struct pagealloc *pa, void (*emit)(void *ctx, const char *line), void *ctx)
{
	struct pagealloc_stat s;
	char line[160];

	pagealloc_stat(pa, &s);
	snprintf(line, sizeof(line),
		 "limit %" PRIu64 " grown %" PRIu64 " free %" PRIu64 " scavenged %" PRIu64
		 " largest %" PRIu64,
		 s.limit_npages, s.grown_npages, s.free_npages, s.scavenged_npages,
		 s.largest_npages);
	emit(ctx, line);
	if (pa->search == PAGEALLOC_PAGE_NONE)
		emit(ctx, "search none");
	else {
		snprintf(line, sizeof(line), "search %" PRIu64, pa->search);
		emit(ctx, line);
	}
	emit(ctx, "chunks of 512 pages: . free, 1 to 9 tenths in use, # in use");
	for (size_t i = 0; i < pa->grown.n; i++)
		dump_range(pa, &pa->grown.v[i], emit, ctx);
}
