/*
 * pending_model - an array of pages beside a region in which things are busy
 *
 * Role:       what test_pending_random knows of each page, and how it looks at it.
 * Uses:       backed.h, region/
 */
#ifndef PALLOCD_TESTS_REGION_PENDING_MODEL_H
#define PALLOCD_TESTS_REGION_PENDING_MODEL_H

#include <errno.h>

#include "backed.h"
#include "base/mem.h"
#include "tests/unit/random.h"

#define CHUNK PAGEALLOC_CHUNK_NPAGES
#define LIMIT (5 * CHUNK - 100)
#define NSESSIONS 3
#define PENDS_MAX 8
#define SCAVENGES_MAX 3
#define BATCH_MAX 4
#define NKINDS 15

struct page {
	uint32_t extent; /* 0: nobody's */
	uint8_t session; /* whose */
	bool grown, reserved, drained, busy;
	bool clean; /* free, and known to be zeros */
};

struct pend {
	struct region_pending *q; /* NULL: the place is free */
	uint64_t beside;          /* the extent that grows; UINT64_MAX: none */
	enum region_edge edge;
};

struct scavenge {
	struct region_run runs[REGION_RUNS_MAX];
	uint32_t n; /* 0: the place is free */
};

struct model {
	struct world w;
	struct backing *b;
	struct random rnd;
	struct session *session[NSESSIONS];
	struct page page[LIMIT];
	struct pend pend[PENDS_MAX];
	struct scavenge scavenge[SCAVENGES_MAX];
	uint32_t next_extent;
	uint64_t released, room;
	unsigned ndone[NKINDS], nbusy[NKINDS],
		nmem; /* by kind of step; refused as busy; out of memory */
	unsigned kind;
};

static inline uint64_t addr_of(uint64_t page)
{
	return BASE + page * PAGE;
}

static inline uint64_t page_of(uint64_t addr)
{
	return (addr - BASE) / PAGE;
}

static inline uint64_t below(struct model *m, uint64_t n)
{
	return random_below(&m->rnd, n);
}

/* Nobody's, as soon as nothing is busy. */
static inline bool is_open(const struct model *m, uint64_t page)
{
	const struct page *p = &m->page[page];

	return page < LIMIT && p->grown && !p->extent && !p->reserved && !p->drained;
}

static inline bool is_free(const struct model *m, uint64_t page)
{
	return is_open(m, page) && !m->page[page].busy;
}

static inline uint64_t count(const struct model *m, bool (*is)(const struct model *, uint64_t))
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < LIMIT; i++)
		n += is(m, i);
	return n;
}

static inline bool all_are(const struct model *m, bool (*is)(const struct model *, uint64_t),
			   uint64_t page, uint64_t limit)
{
	for (; page < limit; page++)
		if (!is(m, page))
			return false;
	return true;
}

/* The lowest run of @npages pages that @is true of. */
static inline uint64_t place(const struct model *m, bool (*is)(const struct model *, uint64_t),
			     uint64_t npages)
{
	for (uint64_t i = 0, run = 0; i < LIMIT; i++) {
		run = is(m, i) ? run + 1 : 0;
		if (run == npages)
			return i + 1 - npages;
	}
	return UINT64_MAX;
}

/* Somebody has the pages, and writes on them. */
static inline void mark(struct model *m, uint64_t page, uint64_t npages, uint32_t extent,
			uint8_t session)
{
	for (uint64_t i = page; i < page + npages; i++) {
		m->page[i].extent = extent;
		m->page[i].session = session;
		m->page[i].clean = false;
		if (extent)
			m->b->data[i] = true;
	}
}

static inline void mark_busy(struct model *m, uint64_t page, uint64_t npages, bool busy)
{
	for (uint64_t i = page; i < page + npages; i++) {
		if (m->page[i].busy == busy || (busy && !is_free(m, i)))
			ck_abort_msg("page %" PRIu64 " was not %s", i, busy ? "free" : "busy");
		m->page[i].busy = busy;
		m->page[i].clean = false;
	}
}

/* First page and length of the extent around @page. */
static inline uint64_t extent_of(const struct model *m, uint64_t page, uint64_t *ret_npages)
{
	uint64_t first = page, n = 0;

	while (first > 0 && m->page[first - 1].extent == m->page[page].extent)
		first--;
	while (first + n < LIMIT && m->page[first + n].extent == m->page[page].extent)
		n++;
	*ret_npages = n;
	return first;
}

static inline bool any_held(struct model *m, uint64_t *ret_page)
{
	uint64_t page = below(m, LIMIT);

	for (unsigned i = 0; i < LIMIT && !m->page[page].extent; i++)
		page = (page + 1) % LIMIT;
	*ret_page = page;
	return m->page[page].extent != 0;
}

/* A request that was undone may have left less known of free pages, and never more. */
static inline void forget(struct model *m)
{
	uint64_t lo, hi;

	for (uint64_t i = 0; i < LIMIT; i++)
		if (is_free(m, i) && m->page[i].clean)
			m->page[i].clean = !(pagealloc_next_dirty(m->w.r->pa, i, i + 1, &lo, &hi));
}

/* The outcome was to be @want, or there was no memory. Return: it was done. */
static inline bool outcome(struct model *m, int err, int want)
{
	if (err == -ENOMEM) {
		ck_assert_uint_gt(mem_failed(), 0);
		m->nmem++;
		return false;
	}
	if (err != want)
		ck_abort_msg("step %u: outcome %d, wanted %d", m->kind, err, want);
	m->nbusy[m->kind] += err == REGION_E_BUSY;
	return !err;
}

#endif
