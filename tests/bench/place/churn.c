/*
 * churn - an allocator that is kept at an occupancy while extents of random lengths come and go
 *
 * Role:       see churn.h.
 * Uses:       pagealloc/, law.h, live.h, pairs.h
 */
#include "churn.h"

#include <inttypes.h>

/* Failing placements in a row after which a fill counts as complete. */
#define FULL_AFTER 8

static const unsigned law_mean[] = {
	[LAW_ONE] = 1, [LAW_GEOMETRIC] = 4, [LAW_UNIFORM] = 1024, [LAW_MIXED] = 4};

static unsigned range_log2(const struct churn *c)
{
	return c->config.grown_log2 - c->config.nranges_log2;
}

static unsigned stride_log2(const struct churn *c)
{
	return c->config.limit_log2 - c->config.nranges_log2;
}

uint64_t churn_pack(const struct churn *c, uint64_t page)
{
	uint64_t range = page >> stride_log2(c), mask = (UINT64_C(1) << range_log2(c)) - 1;

	return range << range_log2(c) | (page & mask);
}

uint64_t churn_unpack(const struct churn *c, uint64_t packed)
{
	uint64_t range = packed >> range_log2(c), mask = (UINT64_C(1) << range_log2(c)) - 1;

	return range << stride_log2(c) | (packed & mask);
}

static struct pagealloc_request *request(struct churn *c)
{
	return c->config.strategy == PAGEALLOC_FIRST ? NULL : &c->req;
}

/* A placement of @npages has failed. Is that right? */
static void check_failed(struct churn *c, uint64_t npages)
{
	struct pagealloc_stat stat;

	pagealloc_stat(c->pa, &stat);
	if (stat.largest_npages >= npages)
		measure_fail("no place for %" PRIu64 " pages, but the longest run has %" PRIu64
			     " (law %s, 2^%u pages, seed %" PRIu64 ")",
			     npages, stat.largest_npages, law_name(c->config.law),
			     c->config.grown_log2, c->config.seed);
}

/* Not timed. Return: has there been a place? */
static bool place(struct churn *c, unsigned npages)
{
	struct pagealloc_request *req = request(c);
	uint64_t page;
	int err;

	if (req)
		req->npages = npages;
	err = req ? pagealloc_alloc_placed(c->pa, req, &page, NULL)
		  : pagealloc_alloc(c->pa, npages, &page, NULL);
	if (err) {
		check_failed(c, npages);
		return false;
	}
	live_add(&c->live, churn_pack(c, page), npages);
	c->used += npages;
	return true;
}

static void free_one(struct churn *c)
{
	uint64_t packed;
	unsigned npages;

	if (c->live.n == 0)
		measure_fail("nothing is left to free, and still there is no place");
	npages = live_take(&c->live, &c->random, &packed);
	if (pagealloc_free(c->pa, churn_unpack(c, packed), npages))
		measure_fail("free of %u pages was refused", npages);
	c->used -= npages;
}

static void grow(struct churn *c)
{
	const uint64_t n = UINT64_C(1) << range_log2(c);

	for (uint64_t i = 0; i < UINT64_C(1) << c->config.nranges_log2; i++) {
		uint64_t page = i << stride_log2(c);

		if (pagealloc_grow(c->pa, page, n))
			measure_fail("growing %" PRIu64 " pages failed", n);
		if (c->config.fence && pagealloc_alloc_range(c->pa, page + n - 1, 1, NULL))
			measure_fail("the last page of a range is not free");
	}
}

void churn_init(struct churn *c, const struct churn_config *config)
{
	const struct pagealloc_config wanted = {
		.limit_npages = UINT64_C(1) << config->limit_log2,
		.best_fit = config->best_fit,
	};
	unsigned nfull = 0;

	*c = (struct churn){.config = *config,
			    .random = config->seed,
			    .npages = UINT64_C(1) << config->grown_log2,
			    .req = {.strategy = config->strategy}};
	c->target = c->npages / 100 * config->percent;
	if (pagealloc_new(&wanted, &c->pa))
		measure_fail("no allocator of 2^%u pages", config->limit_log2);
	grow(c);
	live_init(&c->live, c->npages / law_mean[config->law], config->law != LAW_ONE);
	while (nfull < FULL_AFTER)
		nfull = place(c, law_draw(config->law, &c->random)) ? 0 : nfull + 1;
	while (c->used > c->target)
		free_one(c);
}

void churn_deinit(struct churn *c)
{
	pagealloc_destroy(c->pa);
	live_deinit(&c->live);
	pairs_clear(&c->timing);
}

/* Draw @n victims, which leave the array, and as many lengths. */
static void draw(struct churn *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t packed;

		c->pairs[i].victim_npages = live_take(&c->live, &c->random, &packed);
		c->pairs[i].victim = churn_unpack(c, packed);
		c->pairs[i].npages = law_draw(c->config.law, &c->random);
	}
}

/* Enter what pairs [from, to) have placed; only the last may have failed. */
static void enter(struct churn *c, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		const struct pair *p = &c->pairs[i];
		uint64_t packed = churn_pack(c, p->page);

		c->used -= p->victim_npages;
		if (p->page == PAGEALLOC_PAGE_NONE)
			continue;
		c->used += p->npages;
		c->checksum = c->checksum * 31 + packed;
		live_add(&c->live, packed, p->npages);
	}
}

/* Victims of a batch are drawn before it begins, so there must be many more extents. */
static unsigned batch_size(const struct churn *c)
{
	size_t n = c->live.n / 8;

	return n > PAIRS_BATCH ? PAIRS_BATCH : n ? (unsigned)n : 1;
}

static void batch(struct churn *c, enum pairs_mode mode)
{
	unsigned n = batch_size(c), done = 0;

	draw(c, n);
	while (done < n) {
		unsigned from = done;
		const struct pair *last;

		done += pairs_run(c->pa, request(c), &c->pairs[from], n - from, mode, &c->timing);
		enter(c, from, done);
		last = &c->pairs[done - 1];
		if (last->page != PAGEALLOC_PAGE_NONE)
			continue;
		c->nfailed++;
		check_failed(c, last->npages);
		do
			free_one(c);
		while (!place(c, last->npages));
	}
	c->npairs += n;
}

/* Back to the occupancy, as near as one extent allows. */
static void balance(struct churn *c)
{
	while (c->used > c->target)
		free_one(c);
	while (c->used < c->target && place(c, law_draw(c->config.law, &c->random)))
		;
}

void churn_run(struct churn *c, uint64_t n, enum pairs_mode mode)
{
	const uint64_t until = c->npairs + n;

	while (c->npairs < until) {
		batch(c, mode);
		balance(c);
		c->occupancy_sum += (double)c->used / (double)c->npages;
		c->nbatches++;
		/* Where the allocator is small, it takes several lists to fill a batch. */
		if (c->timing.npairs >= PAIRS_BATCH)
			pairs_close(&c->timing);
	}
}
