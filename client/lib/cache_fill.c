/*
 * cache_fill - pages that the thread has not
 *
 * Role:       from what ended threads have left, from the daemon by whole blocks, just these pages from the daemon, from what other
 *             threads keep: in this order.
 * Uses:       cache, call, scatter, error
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/cache.h"
#include "client/lib/call.h"
#include "client/lib/scatter.h"

/* What a lease brings. */
struct lease {
	const struct paclient_cache *c;
	size_t max;
	size_t n;
	struct paclient_range *ranges;
};

/* The first reason stays. Under the lock. */
static void die(struct paclient_cache *c, const struct paclient_error *why)
{
	struct ring *r;

	if (c->dead)
		return;
	c->why = *why;
	__atomic_store_n(&c->dead, why->status, __ATOMIC_RELAXED);
	/* For ever: see mags_go(). */
	for (r = c->mags.next; r != &c->mags; r = r->next)
		__atomic_store_n(&RING_ITEM(r, struct mag, in_cache)->stop, 1, __ATOMIC_SEQ_CST);
}

static bool handle_broken(struct paclient_cache *c)
{
	bool broken;

	pthread_mutex_lock(&c->client->lock);
	broken = c->client->broken;
	pthread_mutex_unlock(&c->client->lock);
	return broken;
}

void cache_failed(struct paclient_cache *c, const struct call *k, int status)
{
	if (status != PACLIENT_STALE && status != PACLIENT_NO_REGION && !handle_broken(c))
		return;
	pthread_mutex_lock(&c->lock);
	die(c, k->error);
	pthread_mutex_unlock(&c->lock);
}

/* A region that the daemon does not remember: what was held there has gone with the connection, as far as anybody can tell. */
static void forgotten_check(struct paclient_cache *c)
{
	struct paclient_error e;

	if (!c->forgotten || paclient_reconnects(c->client) == c->nreconnects)
		return;
	error_set(&e, PACLIENT_STALE,
		  "the connection was lost, and of this region (durability none) the daemon may "
		  "have forgotten who holds what: close the cache and open another");
	die(c, &e);
}

int cache_region(struct paclient *client, struct call *k, uint32_t region_id,
		 struct paclient_region *ret)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	int status;

	call.timeout_ms = k->timeout_ms;
	status = paclient_region_info(client, region_id, ret, &call);
	if (status)
		*k->error = call.error;
	return status;
}

int cache_alive(struct paclient_cache *c, struct call *k)
{
	int status;

	pthread_mutex_lock(&c->lock);
	forgotten_check(c);
	status = c->dead;
	if (status)
		*k->error = c->why;
	pthread_mutex_unlock(&c->lock);
	return status;
}

static bool range_sound(const struct paclient_cache *c, uint64_t addr, uint64_t npages)
{
	uint64_t offset = addr - c->base_addr, page = offset >> c->page_shift;

	return addr >= c->base_addr && offset < c->bytes && page << c->page_shift == offset &&
	       npages <= (c->bytes - offset) >> c->page_shift;
}

static int take_lease(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__AllocReply *a = reply->alloc;
	struct lease *l = k->to;

	if (scatter_check(a, l->max, SCATTER_ANY))
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "an AllocReply does not hold the extents of leased blocks");
	for (size_t i = 0; i < a->n_addr; i++) {
		if (!range_sound(l->c, a->addr[i], a->npages[i]))
			return error_set(k->error, PACLIENT_PROTOCOL,
					 "an AllocReply with extents outside of the region");
		l->ranges[i] = (struct paclient_range){a->addr[i], a->npages[i]};
	}
	l->n = a->n_addr;
	return 0;
}

static int lease_ask(struct paclient_cache *c, struct call *k, uint32_t nblocks, struct lease *l)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Alloc ask = PALLOCD__V1__ALLOC__INIT;
	const uint64_t any = SCATTER_ANY;

	ask.region_id = c->region_id;
	ask.block = nblocks;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_ALLOC;
	request.alloc = &ask;
	call_again(k);
	/* Should the reply be late, what it brings is given back by this. */
	k->extents = (struct wire_extents){.region_id = c->region_id, .n = 1, .npages = &any};
	k->scatter_max = l->max;
	k->ret_addrs = NULL;
	k->to = l;
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_ALLOC, take_lease);
}

/* Pages of one block that the daemon has given. Return: 0, or a status: they are not the cache's. Under the lock. */
static int bits_hold(struct paclient_cache *c, struct mag *m, uint64_t index, uint64_t bits,
		     bool free)
{
	struct block *b = block_get(c, index);

	if (!b)
		return PACLIENT_OUT_OF_MEMORY;
	if (held_get(b) & bits)
		return PACLIENT_PROTOCOL;
	block_hold(c, m, b, bits, free);
	return 0;
}

/* Return: 0, or a status, with *@range what is not the cache's. */
static int range_hold(struct paclient_cache *c, struct mag *m, struct paclient_range *range,
		      bool free)
{
	uint64_t page = (range->addr - c->base_addr) >> c->page_shift;
	int status = 0;

	while (!status && range->npages) {
		unsigned at = (unsigned)(page % BLOCK_NPAGES), n = BLOCK_NPAGES - at;

		n = range->npages < n ? (unsigned)range->npages : n;
		status = bits_hold(c, m, page / BLOCK_NPAGES, bits_of(at, n), free);
		if (status)
			break;
		page += n;
		range->npages -= n;
		range->addr += (uint64_t)n << c->page_shift;
	}
	return status;
}

static int hold_failed(struct paclient_cache *c, struct call *k, int status)
{
	if (status == PACLIENT_OUT_OF_MEMORY)
		return call_no_memory(k);
	error_set(k->error, PACLIENT_PROTOCOL,
		  "the daemon has leased pages that are leased already");
	pthread_mutex_lock(&c->lock);
	die(c, k->error);
	pthread_mutex_unlock(&c->lock);
	return PACLIENT_PROTOCOL;
}

/* What there is no memory for is not to be the session's for ever. */
static void ranges_back(struct paclient_cache *c, struct call *k,
			const struct paclient_range *ranges, size_t n)
{
	struct paclient_error *error = k->error, quiet;

	k->error = &quiet;
	for (size_t i = 0; i < n; i++) {
		call_again(k);
		k->extents = (struct wire_extents){.region_id = c->region_id,
						   .n = 1,
						   .addrs = &ranges[i].addr,
						   .npages = &ranges[i].npages};
		k->request = NULL;
		k->scatter_max = 0;
		k->take = NULL;
		/* Whatever is said: nobody is left to hear it. */
		if (call_extents(k))
			continue;
	}
	k->error = error;
}

static int lease_keep(struct paclient_cache *c, struct call *k, struct mag *m, struct lease *l)
{
	uint64_t before;
	int status = 0;
	size_t i;

	pthread_mutex_lock(&c->lock);
	before = c->held_npages;
	for (i = 0; !status && i < l->n; i++)
		status = range_hold(c, m, &l->ranges[i], true);
	c->leases++;
	c->leased_npages += c->held_npages - before;
	pthread_mutex_unlock(&c->lock);
	if (!status)
		return 0;
	status = hold_failed(c, k, status);
	if (status == PACLIENT_OUT_OF_MEMORY)
		ranges_back(c, k, l->ranges + i - 1, l->n - (i - 1));
	return status;
}

/* As many blocks as were wanted lately, within what may be kept. */
static uint32_t lease_nblocks(struct paclient_cache *c, struct mag *m)
{
	uint64_t room;
	uint32_t n;

	pthread_mutex_lock(&c->lock);
	room = m->limit > m->nfree ? (m->limit - m->nfree) / BLOCK_NPAGES : 0;
	n = room < m->lease_nblocks ? (uint32_t)room : m->lease_nblocks;
	m->lease_nblocks *= m->lease_nblocks < LEASE_NBLOCKS_MAX ? 2 : 1;
	pthread_mutex_unlock(&c->lock);
	return n ? n : 1;
}

static int lease(struct paclient_cache *c, struct call *k, struct mag *m)
{
	uint32_t nblocks = lease_nblocks(c, m);
	struct lease l = {.c = c, .max = (size_t)nblocks * BLOCK_NPAGES / 2};
	int status;

	l.ranges = malloc(l.max * sizeof(*l.ranges));
	if (!l.ranges)
		return call_no_memory(k);
	status = lease_ask(c, k, nblocks, &l);
	if (status)
		cache_failed(c, k, status);
	else
		status = lease_keep(c, k, m, &l);
	free(l.ranges);
	return status ? status : cache_alive(c, k);
}

/* Just these pages, as an extent of its own; from here on they are the cache's like all others. */
static int plain(struct paclient_cache *c, struct call *k, struct mag *m, unsigned n,
		 uint64_t *ret_addr)
{
	uint64_t npages = n, addr = 0;
	struct paclient_range range;
	int status;

	call_again(k);
	k->extents = (struct wire_extents){.region_id = c->region_id, .n = 1, .npages = &npages};
	k->request = NULL;
	k->take = NULL;
	k->scatter_max = 0;
	k->ret_addrs = &addr;
	status = call_extents(k);
	if (status) {
		cache_failed(c, k, status);
		return status;
	}
	if (!range_sound(c, addr, npages))
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "an AllocReply with extents outside of the region");
	range = (struct paclient_range){addr, npages};
	pthread_mutex_lock(&c->lock);
	status = range_hold(c, m, &range, false);
	pthread_mutex_unlock(&c->lock);
	if (status) {
		status = hold_failed(c, k, status);
		/* What is the cache's of it already is freed as the program would. */
		if (status == PACLIENT_OUT_OF_MEMORY)
			ranges_back(c, k, &range, 1);
		for (uint64_t at = addr; status == PACLIENT_OUT_OF_MEMORY && at < range.addr;
		     at += UINT64_C(1) << c->page_shift)
			(void)paclient_cache_free(c, at, 1, NULL);
		return status;
	}
	*ret_addr = addr;
	return cache_alive(c, k);
}

/* One's own, with what others have freed in it; or with a block that nobody has. */
static bool take_here(struct paclient_cache *c, struct mag *m, unsigned n, uint64_t *ret_addr)
{
	bool taken;

	pthread_mutex_lock(&c->lock);
	taken = mag_take(c, m, n, ret_addr);
	if (!taken && m->remote) {
		mag_collect(m);
		taken = mag_take(c, m, n, ret_addr);
	}
	if (!taken && c->loose.nfree) {
		mag_move(&c->loose, m, false);
		mags_limit(c);
		taken = mag_take(c, m, n, ret_addr);
	}
	pthread_mutex_unlock(&c->lock);
	return taken;
}

/* What other threads keep. */
static bool take_others(struct paclient_cache *c, struct mag *m, unsigned n, uint64_t *ret_addr)
{
	struct ring *r;
	bool taken;

	pthread_mutex_lock(&c->lock);
	if (mags_stop(c)) {
		for (r = c->mags.next; r != &c->mags; r = r->next) {
			struct mag *other = RING_ITEM(r, struct mag, in_cache);

			if (other != m)
				mag_move(other, m, false);
		}
		mags_go(c);
	}
	taken = mag_take(c, m, n, ret_addr);
	pthread_mutex_unlock(&c->lock);
	return taken;
}

static bool is_lack(int status)
{
	return status == PACLIENT_NO_SPACE || status == PACLIENT_QUOTA;
}

/* Nothing came of the daemon's: all that the cache keeps, and then as one piece with what lies beside it. */
static int take_last(struct paclient_cache *c, struct call *k, struct mag *m, unsigned n,
		     uint64_t *ret_addr)
{
	struct paclient_error why = *k->error;
	int status;

	if (take_others(c, m, n, ret_addr))
		return 0;
	if (n == 1 || give_of_all(c, k, PICK_ANY))
		status = why.status;
	else
		status = plain(c, k, m, n, ret_addr);
	if (status == why.status)
		*k->error = why;
	return status;
}

static int take_more(struct paclient_cache *c, struct call *k, struct mag *m, unsigned n,
		     uint64_t *ret_addr)
{
	int status = lease(c, k, m);

	if (!status && take_here(c, m, n, ret_addr))
		return 0;
	/* Blocks with holes, or more than a quota leaves: what is wanted may be had all the same. */
	if (!status || (is_lack(status) && (n > 1 || status == PACLIENT_QUOTA)))
		status = plain(c, k, m, n, ret_addr);
	return is_lack(status) ? take_last(c, k, m, n, ret_addr) : status;
}

void told_well(struct call *k)
{
	k->error->status = 0;
	k->error->message[0] = '\0';
}

int cache_take(struct paclient_cache *c, struct call *k, unsigned n, uint64_t *ret_addr)
{
	struct paclient_error *error = k->error, quiet;
	int status = cache_alive(c, k);
	struct mag *m;

	if (status)
		return status;
	m = mag_of_thread(c);
	if (!m)
		return call_no_memory(k);
	if (take_here(c, m, n, ret_addr))
		return 0;
	status = take_more(c, k, m, n, ret_addr);
	if (status)
		return status;
	told_well(k);
	/* Others want what is left. That it went well is not to depend on whether that goes well. */
	k->error = &quiet;
	(void)give_wanted(c, k);
	k->error = error;
	return 0;
}
