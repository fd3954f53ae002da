/*
 * cache_give - free pages back to the daemon
 *
 * Role:       see cache.h. What is on its way is nobody's in the cache: it can't be had, nor freed once more.
 * Uses:       cache, call, conn, error
 */
#include <string.h>

#include "client/lib/cache.h"
#include "client/lib/call.h"
#include "client/lib/conn.h"

#define NSEC_PER_MSEC 1000000u

uint32_t cache_clock_ms(const struct paclient_cache *c)
{
	return (uint32_t)((conn_now_ns() - c->begin_ns) / NSEC_PER_MSEC) + 1;
}

/* As many as one request may name. */
static int batch_free(struct paclient_cache *c, struct call *k, const uint64_t *addrs,
		      const uint64_t *npages, size_t n)
{
	int status;

	call_again(k);
	k->extents = (struct wire_extents){
		.region_id = c->region_id, .n = n, .addrs = addrs, .npages = npages};
	k->request = NULL;
	k->take = NULL;
	k->ret_addrs = NULL;
	k->scatter_max = 0;
	status = call_extents(k);
	if (status)
		cache_failed(c, k, status);
	return status;
}

/* Return: how many were given back before @ret_status was said of the next ones; 0 is said where that are all. */
static size_t ranges_free(struct paclient_cache *c, struct call *k, const struct give *g,
			  int *ret_status)
{
	size_t max = c->client->batch_max ? c->client->batch_max : 1, at = 0;

	for (*ret_status = 0; at < g->n; at += max) {
		size_t n = g->n - at < max ? g->n - at : max;

		*ret_status = batch_free(c, k, g->addrs + at, g->npages + at, n);
		if (*ret_status)
			return at;
	}
	return g->n;
}

/* Is it certain that nothing was done, and that it may go well later? */
static bool still_held(int status)
{
	switch (status) {
	case PACLIENT_STORE_FAILED:
	case PACLIENT_NO_MEMORY:
	case PACLIENT_FAULTED:
	case PACLIENT_OUT_OF_MEMORY:
	case PACLIENT_LIMIT:
		return true;
	default:
		/* Nobody knows, or it is another's by now: it is not handed out again. */
		return false;
	}
}

/* Of no thread: whoever looks for more finds it. */
static void range_return(struct paclient_cache *c, uint64_t addr, uint64_t npages)
{
	uint64_t page = (addr - c->base_addr) >> c->page_shift;

	while (npages) {
		unsigned at = (unsigned)(page % BLOCK_NPAGES), n = BLOCK_NPAGES - at;
		struct block *b = block_find(c, page / BLOCK_NPAGES);

		n = npages < n ? (unsigned)npages : n;
		block_hold(c, &c->loose, b, bits_of(at, n), true);
		c->given_npages -= n;
		npages -= n;
		page += n;
	}
}

/* All or nothing was done, so one range that is another's is in the way of all: each by itself. */
static int ranges_give(struct paclient_cache *c, struct call *k, const struct give *g, size_t from)
{
	int worst = 0;

	for (size_t i = from; i < g->n; i++) {
		int status = batch_free(c, k, &g->addrs[i], &g->npages[i], 1);

		if (!status)
			continue;
		worst = status;
		if (!still_held(status))
			continue;
		pthread_mutex_lock(&c->lock);
		range_return(c, g->addrs[i], g->npages[i]);
		mags_limit(c);
		pthread_mutex_unlock(&c->lock);
	}
	return worst;
}

/* What others have freed, or handed on, is neither lost nor an error of who gives back. */
static bool is_anothers(int status)
{
	return status == PACLIENT_NOT_OWNER || status == PACLIENT_NOT_ALLOCATED ||
	       status == PACLIENT_SHARED;
}

int give_back(struct paclient_cache *c, struct call *k, struct give *g)
{
	int status;
	size_t from;

	if (!g->n)
		return 0;
	from = ranges_free(c, k, g, &status);
	if (is_anothers(status) || still_held(status)) {
		status = ranges_give(c, k, g, from);
		status = is_anothers(status) ? 0 : status;
		if (!status)
			told_well(k);
	}
	g->n = 0;
	return status;
}

/* Half of what is allowed: who goes up and down at the limit does not ask each time. Under the lock; as mag_pick(). */
static bool pick_half(struct paclient_cache *c, struct mag *m, struct give *g)
{
	uint64_t keep = m->limit / 2;

	return mag_pick(c, m, PICK_WHOLE, keep, g) && mag_pick(c, m, PICK_ANY, keep, g);
}

static void given(struct paclient_cache *c, const struct give *g)
{
	c->given_npages += g->npages_total;
}

int give_of_mine(struct paclient_cache *c, struct call *k, struct mag *m)
{
	int status = 0;
	bool done;

	do {
		struct give g = {0};

		pthread_mutex_lock(&c->lock);
		done = pick_half(c, m, &g);
		/* It has more than it needs. */
		m->lease_nblocks = m->lease_nblocks > 1 ? m->lease_nblocks / 2 : 1;
		given(c, &g);
		pthread_mutex_unlock(&c->lock);
		status = give_back(c, k, &g);
	} while (!done && !status);
	return status;
}

/* Is it one of @c's still? Its thread may have ended. */
static bool mag_is_there(const struct paclient_cache *c, const struct mag *m)
{
	const struct ring *r;

	for (r = c->mags.next; r != &c->mags; r = r->next) {
		if (r == &m->in_cache)
			return true;
	}
	return false;
}

int give_of(struct paclient_cache *c, struct call *k, struct mag *m)
{
	int status = 0;
	bool done;

	do {
		struct give g = {0};

		done = true;
		pthread_mutex_lock(&c->lock);
		if (mag_is_there(c, m) && mags_stop(c)) {
			mag_collect(m);
			done = pick_half(c, m, &g);
			given(c, &g);
			mags_go(c);
		}
		pthread_mutex_unlock(&c->lock);
		status = give_back(c, k, &g);
	} while (!done && !status);
	return status;
}

/* Under the lock. Return: false: @g is full. */
static bool pick_all(struct paclient_cache *c, enum pick pick, struct give *g)
{
	bool done = mag_pick(c, &c->loose, pick, 0, g);
	struct ring *r;

	if (!mags_stop(c))
		return done;
	for (r = c->mags.next; done && r != &c->mags; r = r->next) {
		struct mag *m = RING_ITEM(r, struct mag, in_cache);

		mag_collect(m);
		done = mag_pick(c, m, pick, 0, g);
		if (pick == PICK_ANY)
			m->lease_nblocks = 1;
	}
	mags_limit(c);
	mags_go(c);
	return done;
}

int give_of_all(struct paclient_cache *c, struct call *k, enum pick pick)
{
	int status = 0;
	bool done;

	do {
		struct give g = {0};

		pthread_mutex_lock(&c->lock);
		done = pick_all(c, pick, &g);
		given(c, &g);
		pthread_mutex_unlock(&c->lock);
		status = give_back(c, k, &g);
	} while (!done && !status);
	return status;
}

/* Whose turn is it to look at the clock? Not too often: all threads are held up for it. */
static bool idle_due(struct paclient_cache *c)
{
	uint32_t now_ms = cache_clock_ms(c);
	uint32_t due_ms = __atomic_load_n(&c->idle_due_ms, __ATOMIC_RELAXED);

	return now_ms >= due_ms &&
	       __atomic_compare_exchange_n(&c->idle_due_ms, &due_ms,
					   now_ms + (uint32_t)(c->idle_ms / 2), false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

int give_wanted(struct paclient_cache *c, struct call *k)
{
	if (UNLIKELY(__atomic_exchange_n(&c->recalled, 0, __ATOMIC_RELAXED)))
		return give_of_all(c, k, PICK_ANY);
	return idle_due(c) ? give_of_all(c, k, PICK_IDLE) : 0;
}
