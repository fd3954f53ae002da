/*
 * backed - a world whose region has something behind it that only remembers which pages hold data
 *
 * Role:       shared by the tests of what is busy; to be included once in a program, as it takes the place of the layer backing.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_BACKED_H
#define PALLOCD_TESTS_REGION_BACKED_H

#include <stdlib.h>

#include "backing/backing.h"
#include "region/pending.h"
#include "world.h"

struct backing {
	struct backing_info info;
	bool *data;      /* for each page */
	unsigned nasked; /* calls of backing_next_data() */
	bool closed;     /* the region has let go of it; its memory is the test's */
};

const struct backing_info *backing_info(const struct backing *b)
{
	return &b->info;
}

void backing_close(struct backing *b)
{
	if (b)
		b->closed = true;
}

const char *backing_kind_name(enum backing_kind kind)
{
	return kind == BACKING_MEMFD ? "memfd" : "file";
}

bool backing_next_data(const struct backing *b, uint64_t offset, uint64_t *ret_offset,
		       uint64_t *ret_bytes)
{
	uint64_t page = offset / PAGE, n = 0;

	((struct backing *)b)->nasked++;
	while (page < b->info.bytes / PAGE && !b->data[page])
		page++;
	while (page + n < b->info.bytes / PAGE && b->data[page + n])
		n++;
	*ret_offset = page * PAGE > offset ? page * PAGE : offset;
	*ret_bytes = (page + n) * PAGE - *ret_offset;
	return n != 0;
}

/** backed_new() - nothing is in it. Given back with backed_free(), when the region is gone. */
static inline struct backing *backed_new(uint64_t npages, enum backing_kind kind)
{
	struct backing *b = calloc(1, sizeof(*b));

	ck_assert_ptr_nonnull(b);
	b->info = (struct backing_info){kind, npages * PAGE, PAGE, true, true};
	b->data = calloc(npages, sizeof(*b->data));
	ck_assert_ptr_nonnull(b->data);
	return b;
}

static inline void backed_free(struct backing *b)
{
	ck_assert(b->closed);
	free(b->data);
	free(b);
}

/** backed_init() - a world with a region of chunks; its backing is a file, so that there are no huge pages to be careful with. */
static inline void backed_init(struct world *w, uint64_t limit, uint64_t initial,
			       uint64_t auto_grow)
{
	struct region_config c = world_config(limit, initial, auto_grow);

	c.backing = backed_new(limit, BACKING_FILE);
	world_init_with(w, &c);
}

static inline void backed_deinit(struct world *w)
{
	struct backing *b = w->r->backing;

	world_deinit(w);
	backed_free(b);
}

/** pend() - take @npages for @s, anywhere; NULL and the outcome in @ret_err. */
static inline struct region_pending *pend(struct world *w, struct session *s, uint64_t npages,
					  int *ret_err)
{
	struct region_refusal rr = {0};
	struct region_pending *q = NULL;

	*ret_err = region_take(w->r, &s->owner, &npages, 1, 0, NULL, &q, &rr);
	world_check(w);
	return q;
}

static inline struct region_pending *must_pend(struct world *w, struct session *s, uint64_t npages)
{
	int err;
	struct region_pending *q = pend(w, s, npages, &err);

	ck_assert_int_eq(err, 0);
	return q;
}

/** pend_many() - take @n extents of @npages each for @s, where @p says; the outcome. */
static inline int pend_many(struct world *w, struct session *s, uint64_t npages, uint32_t n,
			    const struct region_placement *p, struct region_pending **ret)
{
	uint64_t each[8];
	struct region_refusal rr = {0};
	int err;

	for (uint32_t i = 0; i < n; i++)
		each[i] = npages;
	err = region_take(w->r, &s->owner, each, n, 0, p, ret, &rr);
	world_check(w);
	return err;
}

/** finish() - they become an extent of @s's; the outcome. */
static inline int finish(struct world *w, struct region_pending *q, struct session *s)
{
	struct region_refusal rr = {0};
	int err = pending_finish(q, &s->owner, "", "", &rr);

	world_check(w);
	return err;
}

static inline void give_up(struct world *w, struct region_pending *q)
{
	pending_give_back(q);
	world_check(w);
}

/** scavenged() - free pages without memory behind them. */
static inline uint64_t scavenged(const struct world *w)
{
	struct pagealloc_stat stat;

	pagealloc_stat(w->r->pa, &stat);
	return stat.scavenged_npages;
}

#endif
