/*
 * cache - pages without a round trip: the calls that programs make
 *
 * Role:       see include/paclient/cache.h. What a thread has is served here, within its magazine; everything else is behind cache_take() and
 *             give_*().
 * Uses:       cache, call, error
 * Cost:       a page taken and given back where all is well: no lock, no atomic read-modify-write, no system call.
 */
#include "client/lib/cache.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/call.h"
#include "client/lib/conn.h"

/* What is said of success, on the short way. Return: false: the caller's struct has to be looked at. */
static inline bool told_ok(struct paclient_call *call)
{
	if (!call)
		return true;
	/* As the first version had it. */
	if (call->size < offsetof(struct paclient_call, error.placed_npages) ||
	    call->timeout_ms < 0)
		return false;
	/* It cannot be submitted: that is refused there. */
	if (UNLIKELY(call->size >= sizeof(*call) && call->done))
		return false;
	call->error.status = 0;
	call->error.message[0] = '\0';
	return true;
}

/* A thread that has used this cache last, in the process that has opened it. */
static inline bool mag_serves(const struct mag *m, const struct paclient_cache *c)
{
	return m && c && __atomic_load_n(&m->cache, __ATOMIC_RELAXED) == c && cache_is_ours(c);
}

static int cache_begin(struct call *k, struct paclient_cache *c, struct paclient_call *user)
{
	int status = c ? call_begin(k, c->client, user) : call_begin_with(k, 1, user);

	if (!status && !c)
		status = error_argument(k->error, "cache", "is NULL");
	return status;
}

static int npages_check(struct call *k, uint32_t npages)
{
	if (!npages)
		return error_argument(k->error, "npages", "is 0");
	if (npages <= PACLIENT_CACHE_NPAGES_MAX)
		return 0;
	error_set(k->error, PACLIENT_LIMIT,
		  "%" PRIu32 " pages at once; a cache has at most %d: use paclient_alloc()", npages,
		  PACLIENT_CACHE_NPAGES_MAX);
	strcpy(k->error->field, "npages");
	k->error->asked = npages;
	k->error->limit = PACLIENT_CACHE_NPAGES_MAX;
	return PACLIENT_LIMIT;
}

static __attribute__((noinline)) int alloc_slow(struct paclient_cache *c, uint32_t npages,
						uint64_t *ret_addr, struct paclient_call *user)
{
	uint64_t addr;
	CALL(k);
	int status = cache_begin(&k, c, user);

	if (!status)
		status = npages_check(&k, npages);
	if (!status && !ret_addr)
		status = error_argument(k.error, "ret_addr", "is NULL");
	if (!status)
		status = cache_take(c, &k, npages, &addr);
	if (!status)
		*ret_addr = addr;
	return status;
}

int paclient_cache_alloc(paclient_cache *cache, uint32_t npages, uint64_t *ret_addr,
			 struct paclient_call *call)
{
	struct mag *m = mag_recent;
	bool done = false;
	struct block *b;
	unsigned at;

	if (UNLIKELY(!mag_serves(m, cache) || npages - 1 >= BLOCK_NPAGES || !ret_addr ||
		     !told_ok(call)))
		return alloc_slow(cache, npages, ret_addr, call);
	if (mag_enter(m)) {
		b = m->cur;
		if (UNLIKELY(!b->free))
			b = mag_next(m);
		at = LIKELY(npages == 1)
			     ? (b->free ? (unsigned)__builtin_ctzll(b->free) : BLOCK_NPAGES)
			     : bits_run(b->free, npages);
		if (LIKELY(at < BLOCK_NPAGES)) {
			block_take(m, b, bits_of(at, npages), npages);
			*ret_addr = block_addr(cache, b, at);
			done = true;
		}
	}
	mag_leave(m);
	return LIKELY(done) ? 0 : alloc_slow(cache, npages, ret_addr, call);
}

/* Pages [page, page + npages), as parts of the two blocks that they may lie in. */
struct part {
	uint64_t index, bits;
	unsigned n;
};

static unsigned parts_of(uint64_t page, uint32_t npages, struct part parts[2])
{
	unsigned at = (unsigned)(page % BLOCK_NPAGES);
	unsigned n = npages < BLOCK_NPAGES - at ? npages : BLOCK_NPAGES - at;

	parts[0] = (struct part){page / BLOCK_NPAGES, bits_of(at, n), n};
	if (n == npages)
		return 1;
	parts[1] = (struct part){page / BLOCK_NPAGES + 1, bits_of(0, npages - n), npages - n};
	return 2;
}

static int free_wrong(struct call *k, int status, uint64_t addr, const char *what)
{
	error_set(k->error, status, "%#" PRIx64 ": %s", addr, what);
	strcpy(k->error->field, "addr");
	k->error->addr = addr;
	return status;
}

static int range_check(struct call *k, const struct paclient_cache *c, uint64_t addr,
		       uint32_t npages)
{
	uint64_t offset = addr - c->base_addr, page_mask = (UINT64_C(1) << c->page_shift) - 1;

	if (addr < c->base_addr || offset >= c->bytes)
		return free_wrong(k, PACLIENT_OUT_OF_REGION, addr,
				  "the address does not lie in the region");
	if (offset & page_mask)
		return free_wrong(k, PACLIENT_UNALIGNED, addr,
				  "the address is not the beginning of a page");
	if (npages > (c->bytes - offset) >> c->page_shift)
		return free_wrong(k, PACLIENT_OUT_OF_REGION, addr,
				  "the range ends beyond the region");
	return 0;
}

/* Under the lock. */
static int part_check(struct call *k, const struct paclient_cache *c, const struct part *p)
{
	struct block *b = block_find(c, p->index);
	uint64_t held = b ? held_get(b) : 0, wrong = p->bits & ~held, free_bits = 0;

	/* Another thread may be inside of it; but of a page that is used it says the same before and after. */
	if (b)
		free_bits = __atomic_load_n(&b->free, __ATOMIC_RELAXED) | remote_get(b);
	if (!wrong)
		wrong = p->bits & free_bits;
	if (!wrong)
		return 0;
	return free_wrong(k, PACLIENT_NOT_ALLOCATED,
			  c->base_addr +
				  ((p->index * BLOCK_NPAGES + (unsigned)__builtin_ctzll(wrong))
				   << c->page_shift),
			  wrong & held ? "the page is free already: was it given back twice?"
				       : "the page is not from this cache");
}

/* Of another's block: its thread finds it when it looks for more. Return: who has more than it should now, or NULL. */
static struct mag *part_free(struct paclient_cache *c, struct mag *m, const struct part *p)
{
	struct block *b = block_find(c, p->index);
	struct mag *owner = b->owner;
	uint64_t nfree;

	if (owner == m || owner == &c->loose) {
		block_put(owner, b, p->bits, p->n);
		return m->nfree > m->limit ? m : NULL;
	}
	block_put_remote(b, p->bits);
	nfree = __atomic_load_n(&owner->nfree, __ATOMIC_RELAXED);
	return nfree + owner->nremote > owner->limit ? owner : NULL;
}

/* By the lock, whoever has the blocks. */
static int free_locked(struct paclient_cache *c, struct call *k, struct mag *m, uint64_t addr,
		       uint32_t npages, struct mag **ret_full)
{
	struct part parts[2];
	unsigned n = parts_of((addr - c->base_addr) >> c->page_shift, npages, parts);
	int status = 0;

	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; !status && i < n; i++)
		status = part_check(k, c, &parts[i]);
	for (unsigned i = 0; !status && i < n; i++) {
		struct mag *full = part_free(c, m, &parts[i]);

		*ret_full = full ? full : *ret_full;
	}
	pthread_mutex_unlock(&c->lock);
	return status;
}

static __attribute__((noinline)) int free_slow(struct paclient_cache *c, uint64_t addr,
					       uint32_t npages, struct paclient_call *user)
{
	struct paclient_error quiet;
	struct mag *m, *full = NULL;
	CALL(k);
	int status = cache_begin(&k, c, user);

	if (!status)
		status = npages_check(&k, npages);
	if (!status)
		status = cache_alive(c, &k);
	if (!status)
		status = range_check(&k, c, addr, npages);
	if (status)
		return status;
	m = mag_of_thread(c);
	if (!m)
		return call_no_memory(&k);
	status = free_locked(c, &k, m, addr, npages, &full);
	if (status)
		return status;
	/* The pages are free. What comes of others is told to nobody. */
	k.error = &quiet;
	if (full == m)
		(void)give_of_mine(c, &k, m);
	else if (full)
		(void)give_of(c, &k, full);
	(void)give_wanted(c, &k);
	return 0;
}

/* This thread's magazine has more than it may keep. The pages are free all the same. */
static __attribute__((noinline)) void free_overflow(struct paclient_cache *c, struct mag *m,
						    struct paclient_call *user)
{
	struct paclient_error quiet;
	CALL(k);

	if (call_begin(&k, c->client, user))
		return;
	k.error = &quiet;
	(void)give_of_mine(c, &k, m);
	(void)give_wanted(c, &k);
}

/* Where the pages are this thread's, and are the program's: free. */
static inline bool free_mine(struct mag *m, struct block *b, uint64_t bits, unsigned n)
{
	if (UNLIKELY(owner_get(b) != m || bits & (~held_get(b) | b->free | remote_get(b))))
		return false;
	block_put(m, b, bits, n);
	return true;
}

int paclient_cache_free(paclient_cache *cache, uint64_t addr, uint32_t npages,
			struct paclient_call *call)
{
	bool done = false, overflow = false;
	struct mag *m = mag_recent;
	uint64_t offset, page;
	struct block *b;
	unsigned at;

	if (UNLIKELY(!mag_serves(m, cache)))
		return free_slow(cache, addr, npages, call);
	offset = addr - cache->base_addr;
	page = offset >> cache->page_shift;
	at = (unsigned)(page % BLOCK_NPAGES);
	if (UNLIKELY(offset >= cache->bytes || page << cache->page_shift != offset ||
		     npages - 1 >= BLOCK_NPAGES - at || !told_ok(call)))
		return free_slow(cache, addr, npages, call);
	b = block_find(cache, page / BLOCK_NPAGES);
	if (LIKELY(b && mag_enter(m))) {
		done = free_mine(m, b, bits_of(at, npages), npages);
		overflow = m->nfree > __atomic_load_n(&m->limit, __ATOMIC_RELAXED);
	}
	mag_leave(m);
	if (UNLIKELY(!done))
		return free_slow(cache, addr, npages, call);
	if (UNLIKELY(overflow))
		free_overflow(cache, m, call);
	return 0;
}

int paclient_cache_trim(paclient_cache *cache, unsigned flags, struct paclient_call *call)
{
	CALL(k);
	int status = cache_begin(&k, cache, call);

	if (!status && flags & ~PACLIENT_CACHE_ALL)
		status = error_argument(k.error, "flags",
					"has bits that this version does not know");
	if (!status)
		status = cache_alive(cache, &k);
	if (!status)
		status = tend_due(cache, &k);
	if (!status && flags & PACLIENT_CACHE_ALL)
		status = give_of_all(cache, &k, PICK_ANY);
	return status;
}

static void stat_count(struct paclient_cache *c, struct paclient_cache_stat *to)
{
	struct ring *r;

	*to = (struct paclient_cache_stat){
		.size = sizeof(*to),
		.held_npages = c->held_npages,
		.free_npages = c->loose.nfree,
		.npages_max = c->npages_max,
		.nthreads = c->nmags,
		.leases = c->leases,
		.leased_npages = c->leased_npages,
		.given_npages = c->given_npages,
		.recalls = __atomic_load_n(&c->nrecalls, __ATOMIC_RELAXED)};
	for (r = c->mags.next; r != &c->mags; r = r->next) {
		const struct mag *m = RING_ITEM(r, struct mag, in_cache);

		to->free_npages += __atomic_load_n(&m->nfree, __ATOMIC_RELAXED) + m->nremote;
	}
}

int paclient_cache_stat(paclient_cache *cache, struct paclient_cache_stat *ret_stat,
			struct paclient_call *call)
{
	struct paclient_cache_stat stat;
	CALL(k);
	int status = cache_begin(&k, cache, call);

	if (!status)
		status = call_result_check(&k, "ret_stat", ret_stat);
	if (status)
		return status;
	pthread_mutex_lock(&cache->lock);
	/* Even if they cannot be stopped, each number is one that was there. */
	if (mags_stop(cache)) {
		stat_count(cache, &stat);
		mags_go(cache);
	} else {
		stat_count(cache, &stat);
	}
	pthread_mutex_unlock(&cache->lock);
	call_result_give(&stat, ret_stat);
	return 0;
}

static int options_read(struct call *k, const struct paclient_cache_options *from,
			struct paclient_cache_options *to)
{
	*to = (struct paclient_cache_options)PACLIENT_CACHE_OPTIONS_INIT;
	if (from && call_struct(k->error, "options", from, to, sizeof(*to)))
		return PACLIENT_BAD_ARGUMENT;
	if (to->idle_ms < 0)
		return error_argument(k->error, "options.idle_ms", "must not be negative");
	if (!to->idle_ms)
		to->idle_ms = PACLIENT_CACHE_DEFAULT_IDLE_MS;
	return 0;
}

static uint64_t npages_default(const struct paclient_region *r)
{
	uint64_t npages = r->limit_npages / 16;

	return npages < PACLIENT_CACHE_DEFAULT_NPAGES ? npages : PACLIENT_CACHE_DEFAULT_NPAGES;
}

static void cache_free_memory(struct paclient_cache *c)
{
	for (uint64_t i = 0; i < c->nleaves; i++)
		free(c->leaves[i]);
	free(c->leaves);
	free(c);
}

static struct paclient_cache *cache_new(struct paclient *client, const struct paclient_region *r,
					const struct paclient_cache_options *o)
{
	struct paclient_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->client = client;
	c->ours = client->ours;
	c->region_id = r->id;
	c->base_addr = r->base_addr;
	c->page_shift = (unsigned)__builtin_ctzll(r->page_size_bytes);
	c->bytes = r->limit_npages << c->page_shift;
	c->forgotten = r->durability == PACLIENT_DURABILITY_NONE;
	c->npages_max = o->npages_max ? o->npages_max : npages_default(r);
	if (c->npages_max < BLOCK_NPAGES)
		c->npages_max = BLOCK_NPAGES;
	c->idle_ms = (uint64_t)o->idle_ms;
	c->nreconnects = paclient_reconnects(client);
	c->wake_fd = -1;
	ring_init(&c->mags);
	ring_init(&c->in_client);
	pthread_mutex_init(&c->lock, NULL);
	c->nleaves = (r->limit_npages - 1) / (LEAF_NBLOCKS * BLOCK_NPAGES) + 1;
	c->leaves = calloc(c->nleaves, sizeof(struct block *));
	if (!c->leaves) {
		cache_free_memory(c);
		return NULL;
	}
	return c;
}

static bool region_sound(const struct paclient_region *r)
{
	uint64_t page = r->page_size_bytes, bytes;

	return page && !(page & (page - 1)) && r->limit_npages &&
	       !__builtin_mul_overflow(r->limit_npages, page, &bytes) &&
	       bytes - 1 <= UINT64_MAX - r->base_addr;
}

static int system_failed(struct call *k, int err)
{
	if (err == -ENOMEM)
		return call_no_memory(k);
	error_set(k->error, PACLIENT_SYSTEM, "cannot begin a cache: %s", strerror(-err));
	k->error->system_errno = -err;
	return PACLIENT_SYSTEM;
}

/* From here on the daemon's Recalls find it. */
static int cache_begin_all(struct call *k, struct paclient_cache *c, bool background)
{
	int err = threads_begin(&c->fenced);

	mag_init(&c->loose, c);
	c->begin_ns = conn_now_ns();
	if (!err && background)
		err = tend_begin(c);
	if (err)
		return system_failed(k, err);
	pthread_mutex_lock(&c->client->lock);
	ring_add_tail(&c->client->caches, &c->in_client);
	__atomic_store_n(&c->client->recalls, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&c->client->lock);
	return 0;
}

int paclient_cache_open(paclient *client, uint32_t region_id,
			const struct paclient_cache_options *options, paclient_cache **ret_cache,
			struct paclient_call *call)
{
	struct paclient_region r = {.size = sizeof(r)};
	struct paclient_cache_options o;
	struct paclient_cache *c;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = options_read(&k, options, &o);
	if (!status && !ret_cache)
		status = error_argument(k.error, "ret_cache", "is NULL");
	if (!status)
		status = call_needs(&k, PACLIENT_FEATURE_LEASE, "paclient_cache_open");
	if (!status)
		status = cache_region(client, &k, region_id, &r);
	if (status)
		return status;
	if (!region_sound(&r))
		return error_set(k.error, PACLIENT_PROTOCOL, "a region with impossible lengths");
	c = cache_new(client, &r, &o);
	if (!c)
		return call_no_memory(&k);
	status = cache_begin_all(&k, c, o.background);
	if (status) {
		cache_free_memory(c);
		return status;
	}
	*ret_cache = c;
	return 0;
}

int paclient_cache_close(paclient_cache *cache, struct paclient_call *call)
{
	bool ours = cache && cache_is_ours(cache);
	CALL(k);
	int status = ours ? call_begin(&k, cache->client, call) : call_begin_with(&k, 1, call);

	if (!cache)
		return status;
	if (ours) {
		tend_end(cache);
		pthread_mutex_lock(&cache->client->lock);
		ring_remove(&cache->in_client);
		pthread_mutex_unlock(&cache->client->lock);
		if (!status)
			status = cache_alive(cache, &k);
		if (!status)
			status = give_of_all(cache, &k, PICK_ANY);
	} else if (cache->wake_fd >= 0) {
		close(cache->wake_fd);
	}
	mags_close(cache);
	if (ours)
		pthread_mutex_destroy(&cache->lock);
	cache_free_memory(cache);
	return status;
}
