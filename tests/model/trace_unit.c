/*
 * trace_unit - the lines of a trace that work on the allocator's building blocks
 *
 * Role:       one handler for each line of kind "unit". The files write bitmaps with 1 = allocated, the allocator has 1 = free.
 * Uses:       pagealloc/, tests/model/trace.h
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pagealloc/scavenge.h"
#include "tests/model/trace.h"

static void free_bits_of(const struct trace *t, uint64_t *free_bits)
{
	for (unsigned i = 0; i < CHUNK_NWORDS; i++)
		free_bits[i] = ~t->alloc_bits[i];
}

static void read_words(struct line *l, uint64_t *bits)
{
	if (!line_nfields(l, 1 + CHUNK_NWORDS))
		return;
	for (unsigned i = 0; i < CHUNK_NWORDS; i++)
		bits[i] = line_hex(l, 1 + i);
}

static void run_pb_set(struct trace *t, struct line *l)
{
	read_words(l, t->alloc_bits);
}

static void run_ps_set(struct trace *t, struct line *l)
{
	read_words(l, t->scav_bits);
}

static bool read_part(struct line *l, unsigned *first, unsigned *n)
{
	*first = (unsigned)line_u64(l, 1);
	*n = (unsigned)line_u64(l, 2);
	return *n > 0 && *first + *n <= CHUNK_NPAGES ? true : line_fail(l, "not within a chunk");
}

static void run_pb_alloc(struct trace *t, struct line *l)
{
	unsigned first, n;

	if (read_part(l, &first, &n))
		chunk_set(t->alloc_bits, first, n);
}

static void run_pb_free(struct trace *t, struct line *l)
{
	unsigned first, n;

	if (read_part(l, &first, &n))
		chunk_clear(t->alloc_bits, first, n);
}

static void run_pb(struct trace *t, struct line *l)
{
	const uint64_t *b = t->alloc_bits;

	line_got(l,
		 "%016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64
		 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64,
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
}

static void run_pb_popcnt(struct trace *t, struct line *l)
{
	unsigned first, n;

	if (read_part(l, &first, &n))
		line_got(l, "%u", chunk_count(t->alloc_bits, first, n));
}

static void run_pb_summarize(struct trace *t, struct line *l)
{
	uint64_t bits[CHUNK_NWORDS];
	struct summary s;

	free_bits_of(t, bits);
	s = summary_unpack(chunk_summarize(bits));
	line_got(l, "%" PRIu64 " %" PRIu64 " %" PRIu64, s.start, s.max, s.end);
}

static void run_pb_find(struct trace *t, struct line *l)
{
	uint64_t bits[CHUNK_NWORDS];
	struct chunk_found f;
	char page[16] = "fail", search[16] = "none";

	free_bits_of(t, bits);
	f = chunk_find(bits, (unsigned)line_u64(l, 1), (unsigned)line_u64(l, 2));
	if (f.page != CHUNK_NONE)
		snprintf(page, sizeof(page), "%u", f.page);
	if (f.first_free != CHUNK_NONE)
		snprintf(search, sizeof(search), "%u", f.first_free);
	line_got(l, "%s %s", page, search);
}

static void run_pd_candidate(struct trace *t, struct line *l)
{
	uint64_t bits[CHUNK_NWORDS];
	struct candidate c;

	free_bits_of(t, bits);
	c = scavenge_candidate(bits, t->scav_bits, (unsigned)line_u64(l, 1),
			       (unsigned)line_u64(l, 2), line_u64(l, 3), t->huge_npages);
	line_got(l, "%u %u", c.page, c.npages);
}

static void run_fill_aligned(struct trace *t, struct line *l)
{
	(void)t;
	line_got(l, "%016" PRIx64, bits_fill_aligned(line_hex(l, 1), (unsigned)line_u64(l, 2)));
}

static void run_find_bit_range64(struct trace *t, struct line *l)
{
	(void)t;
	line_got(l, "%u", bits_find_run(line_hex(l, 1), (unsigned)line_u64(l, 2)));
}

static void run_pack(struct trace *t, struct line *l)
{
	(void)t;
	line_got(l, "%016" PRIx64, summary_pack(line_u64(l, 1), line_u64(l, 2), line_u64(l, 3)));
}

static void run_merge(struct trace *t, struct line *l)
{
	uint64_t sums[TRACE_FIELDS_MAX / 3], n = line_u64(l, 2);
	struct summary s;

	(void)t;
	if (n == 0 || n > TRACE_FIELDS_MAX / 3 || !line_nfields(l, (unsigned)(3 + 3 * n)))
		return;
	for (unsigned i = 0; i < n; i++)
		sums[i] = summary_pack(line_u64(l, 3 + 3 * i), line_u64(l, 4 + 3 * i),
				       line_u64(l, 5 + 3 * i));
	s = summary_unpack(summary_merge(sums, (unsigned)n, (unsigned)line_u64(l, 1)));
	line_got(l, "%" PRIu64 " %" PRIu64 " %" PRIu64, s.start, s.max, s.end);
}

static void run_ar_reset(struct trace *t, struct line *l)
{
	(void)l;
	ranges_deinit(&t->ranges);
}

static void run_ar_add(struct trace *t, struct line *l)
{
	if (ranges_reserve(&t->ranges))
		line_fail(l, "out of memory");
	else
		ranges_add(&t->ranges, line_u64(l, 1), line_u64(l, 2));
}

static void run_ar(struct trace *t, struct line *l)
{
	char got[TRACE_LINE_BYTES];
	int n = snprintf(got, sizeof(got), "%" PRIu64 " %zu", t->ranges.npages, t->ranges.n);

	for (size_t i = 0; i < t->ranges.n && (size_t)n < sizeof(got); i++)
		n += snprintf(got + n, sizeof(got) - (size_t)n, " %" PRIu64 " %" PRIu64,
			      t->ranges.v[i].first, t->ranges.v[i].limit);
	line_got(l, "%s", got);
}

static void run_ar_findsucc(struct trace *t, struct line *l)
{
	line_got(l, "%zu", ranges_find_above(&t->ranges, line_u64(l, 1)));
}

static void run_ar_contains(struct trace *t, struct line *l)
{
	line_got(l, "%d", ranges_contains(&t->ranges, line_u64(l, 1)));
}

static void run_ar_findge(struct trace *t, struct line *l)
{
	uint64_t page = ranges_at_least(&t->ranges, line_u64(l, 1));

	if (page == UINT64_MAX)
		line_got(l, "none");
	else
		line_got(l, "%" PRIu64, page);
}

static void run_ar_removege(struct trace *t, struct line *l)
{
	ranges_cut_above(&t->ranges, line_u64(l, 1));
}

static void run_ar_removelast(struct trace *t, struct line *l)
{
	struct range r = ranges_take_last(&t->ranges, line_u64(l, 1));

	line_got(l, "%" PRIu64 " %" PRIu64, r.first, r.limit);
}

static void run_si_reset(struct trace *t, struct line *l)
{
	uint64_t lo = line_u64(l, 1), hi = line_u64(l, 2);

	mem_free(t->scavindex.marks);
	t->scavindex = (struct scavindex){mem_zalloc(hi / 64 + 1, sizeof(struct chunk_marks)), lo,
					  SCAVINDEX_NONE, false};
	t->nmarks = hi / 64 + 1;
	if (!t->scavindex.marks)
		line_fail(l, "out of memory");
}

static void run_si_mark(struct trace *t, struct line *l)
{
	uint64_t first = line_u64(l, 1), limit = line_u64(l, 2);

	if (limit <= first || chunk_of(limit - 1) / 64 >= t->nmarks)
		line_fail(l, "beyond the index");
	else
		scavindex_mark(&t->scavindex, first, limit);
}

static void run_si_clear(struct trace *t, struct line *l)
{
	uint64_t chunk = line_u64(l, 1);

	if (chunk / 64 >= t->nmarks)
		line_fail(l, "beyond the index");
	else
		scavindex_unmark(&t->scavindex, chunk);
}

static void run_si_find(struct trace *t, struct line *l)
{
	unsigned page;
	uint64_t chunk = scavindex_find(&t->scavindex, &page);

	if (chunk == UINT64_MAX)
		line_got(l, "none");
	else
		line_got(l, "%" PRIu64 " %u", chunk, page);
}

static void run_si_search(struct trace *t, struct line *l)
{
	if (t->scavindex.search == SCAVINDEX_NONE)
		line_got(l, "none %d", t->scavindex.fresh);
	else
		line_got(l, "%" PRIu64 " %d", t->scavindex.search, t->scavindex.fresh);
}

const struct trace_verb trace_unit_verbs[] = {
	{"pb_set", run_pb_set},
	{"ps_set", run_ps_set},
	{"pb_alloc", run_pb_alloc},
	{"pb_free", run_pb_free},
	{"pb", run_pb},
	{"pb_popcnt", run_pb_popcnt},
	{"pb_summarize", run_pb_summarize},
	{"pb_find", run_pb_find},
	{"pd_candidate", run_pd_candidate},
	{"fill_aligned", run_fill_aligned},
	{"find_bit_range64", run_find_bit_range64},
	{"pack", run_pack},
	{"merge", run_merge},
	{"ar_reset", run_ar_reset},
	{"ar_add", run_ar_add},
	{"ar", run_ar},
	{"ar_findsucc", run_ar_findsucc},
	{"ar_contains", run_ar_contains},
	{"ar_findge", run_ar_findge},
	{"ar_removege", run_ar_removege},
	{"ar_removelast", run_ar_removelast},
	{"si_reset", run_si_reset},
	{"si_mark", run_si_mark},
	{"si_clear", run_si_clear},
	{"si_find", run_si_find},
	{"si_search", run_si_search},
	{NULL, NULL},
};
