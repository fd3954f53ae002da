/*
 * cache - leased blocks, and the threads' magazines that they are in
 *
 * Role:       the data that the cache's files share, who may touch what, and the steps that a call takes where all is well.
 * Uses:       handle, wire, include/paclient/cache.h
 * Invariants: G1  a page is held (bit of `held`), or nobody's business here; of the held ones those in `free` or `remote` are free, in one of
 *                 both; all others are the program's.
 *             G2  a block with held pages belongs to one magazine, `owner`, and is in its ring `full` if `full` is set, else in its ring `ready`.
 *                 Only the block `cur` may be in `ready` without a free page.
 *             G3  nfree of a magazine are the bits of `free` in its blocks; nremote those of `remote`, whose blocks are in its list `remote`.
 *             G4  the rings, nfree, cur and the free bits of a magazine are touched by its thread between mag_enter() and mag_leave(), or, under
 *                 the cache's lock, by its thread or by anybody while the magazine is stopped. Everything else of the cache is under the lock.
 *             G5  the lock is not held while the daemon is asked. Lock order: the lock of all magazines, the cache's; the
 *                 handle's is taken alone, and the hook that is called under it (cache_recall()) takes none.
 *
 * A thread that is inside of its magazine says so by a plain store. Whoever wants all magazines stops them, lets the kernel make
 * all threads see that (membarrier(2)), and waits for those that are inside: they are there for nanoseconds. Without membarrier(2)
 * each thread pays for a fence instead.
 */
#ifndef PACLIENT_LIB_CACHE_H
#define PACLIENT_LIB_CACHE_H

#include <sched.h>

#include "client/lib/handle.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define BLOCK_NPAGES PALLOCD_BLOCK_NPAGES

/* Blocks in one piece of the table: some 40 KB, for 32768 pages of the region. */
#define LEAF_NBLOCKS 512u

/* Blocks that one lease asks for at the most: with so many a round trip costs some ten nanoseconds a page. */
#define LEASE_NBLOCKS_MAX 32u
_Static_assert(LEASE_NBLOCKS_MAX <= PALLOCD_LEASE_BLOCKS_MAX, "one request can lease them");
_Static_assert(PACLIENT_CACHE_NPAGES_MAX == PALLOCD_BLOCK_NPAGES, "what a block can hold");

struct mag;

/* One bit for each of its pages. */
struct block {
	struct ring ring; /* ready or full, of its owner */
	uint64_t free;
	uint64_t held; /* atomic; written under the lock */
	uint64_t
		remote; /* atomic; written under the lock: freed by others than the owner's thread */
	struct mag *
		owner; /* atomic; written under the lock, with the magazine stopped or its thread's own */
	struct block *remote_next; /* of the owner's list */
	uint64_t index;            /* of the block in the region */
	uint32_t
		idle_ms; /* wholly free and seen so at this time of the cache's clock; 0 = not seen */
	bool full;
};

/* What a thread has of a cache. */
struct mag {
	int busy;                     /* atomic: its thread is inside */
	int stop;                     /* atomic: it has to keep out, and to go by the lock */
	struct paclient_cache *cache; /* atomic; NULL: it is closed */
	struct block *cur;            /* never NULL */
	uint64_t nfree;
	uint64_t limit; /* atomic: of nfree */
	bool fenced;    /* there is no membarrier(2) */
	struct ring ready;
	struct ring full;
	struct block *remote;
	uint64_t nremote;
	uint32_t lease_nblocks; /* that the next lease asks for */
	struct ring in_cache;
	struct mag *next; /* of its thread */
};

struct paclient_cache {
	/* Fixed after paclient_cache_open(). */
	struct paclient *client;
	const volatile unsigned char *ours; /* the handle's; see there */
	uint32_t region_id;
	uint64_t base_addr;
	uint64_t bytes; /* of the region, when it has grown to its limit */
	unsigned page_shift;
	bool fenced;
	bool forgotten; /* a daemon that was started anew knows nothing of what was held */
	uint64_t npages_max;
	uint64_t idle_ms;
	uint64_t begin_ns;    /* of its clock */
	uint32_t idle_due_ms; /* atomic: idle blocks are looked for then, or later */
	uint64_t nleaves;
	struct block **leaves; /* atomic; grows under the lock */

	struct ring in_client; /* under the handle's lock */
	int recalled;          /* atomic: the daemon asks, and nobody has seen to it */
	int wake_fd;           /* of the thread; -1 without one */
	int closing;           /* atomic */
	pthread_t thread;

	pthread_mutex_t lock;
	struct ring mags;
	uint64_t nmags;
	struct mag loose; /* of no thread: what ended ones have left */
	uint64_t nreconnects;
	int dead; /* atomic: status of every further call */
	struct paclient_error why;
	uint64_t held_npages;
	uint64_t leases, leased_npages, given_npages;
	uint64_t nrecalls; /* atomic */
};

/* Pages on their way back to the daemon. */
#define GIVE_MAX 256u
struct give {
	size_t n;
	uint64_t npages_total;
	uint64_t addrs[GIVE_MAX];
	uint64_t npages[GIVE_MAX];
};

/* Which free pages are meant. */
enum pick {
	PICK_IDLE,  /* of blocks that were wholly free for long */
	PICK_WHOLE, /* of wholly free blocks */
	PICK_ANY,
};

/* The magazine that this thread has used last. No call behind it, even in a shared library. */
extern __thread struct mag *mag_recent
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* What an empty magazine's cur is. */
extern struct block block_none __attribute__((visibility("hidden")));

static inline uint64_t bits_of(unsigned at, unsigned n)
{
	return (~UINT64_C(0) >> (BLOCK_NPAGES - n)) << at;
}

/* Not the instruction, which old processors do not have, nor a call for the want of it. */
static inline unsigned bits_count(uint64_t x)
{
	x -= x >> 1 & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned)(x * UINT64_C(0x0101010101010101) >> 56);
}

/** bits_run() - the lowest of @n set bits in a row, 1 to 64; 64: there is none. */
static inline unsigned bits_run(uint64_t x, unsigned n)
{
	for (unsigned by = n - 1, step = 1; by && x; by -= step, step *= 2) {
		step = step < by ? step : by;
		x &= x >> step;
	}
	return x ? (unsigned)__builtin_ctzll(x) : BLOCK_NPAGES;
}

/** cache_is_ours() - false in a forked child. */
static inline bool cache_is_ours(const struct paclient_cache *c)
{
	return LIKELY(c->ours != NULL) ? *c->ours : handle_is_ours(c->client);
}

/** mag_enter() - its thread goes inside. Return: false: it may not, go by the lock; mag_leave() in any case. */
static inline bool mag_enter(struct mag *m)
{
	__atomic_store_n(&m->busy, 1, __ATOMIC_RELAXED);
	if (UNLIKELY(m->fenced))
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return LIKELY(!__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE));
}

static inline void mag_leave(struct mag *m)
{
	__atomic_store_n(&m->busy, 0, __ATOMIC_RELEASE);
}

static inline uint64_t held_get(const struct block *b)
{
	return __atomic_load_n(&b->held, __ATOMIC_RELAXED);
}

static inline uint64_t remote_get(const struct block *b)
{
	return __atomic_load_n(&b->remote, __ATOMIC_RELAXED);
}

static inline struct mag *owner_get(const struct block *b)
{
	return __atomic_load_n(&b->owner, __ATOMIC_RELAXED);
}

/** block_find() - the block of that index, which lies in the region; NULL: no page of it nor of those near it was ever held. */
static inline struct block *block_find(const struct paclient_cache *c, uint64_t index)
{
	struct block *leaf = __atomic_load_n(&c->leaves[index / LEAF_NBLOCKS], __ATOMIC_ACQUIRE);

	return LIKELY(leaf != NULL) ? &leaf[index % LEAF_NBLOCKS] : NULL;
}

static inline uint64_t block_addr(const struct paclient_cache *c, const struct block *b,
				  unsigned at)
{
	return c->base_addr + ((b->index * BLOCK_NPAGES + at) << c->page_shift);
}

/** block_take() - @bits, which are free, are the program's. By who may touch @m. */
static inline void block_take(struct mag *m, struct block *b, uint64_t bits, unsigned n)
{
	b->free &= ~bits;
	b->idle_ms = 0;
	m->nfree -= n;
}

/** block_put() - @bits of a block of @m's are free again. By who may touch @m. */
static inline void block_put(struct mag *m, struct block *b, uint64_t bits, unsigned n)
{
	b->free |= bits;
	m->nfree += n;
	if (UNLIKELY(b->full)) {
		b->full = false;
		ring_remove(&b->ring);
		/* The first: what is used again soon may leave others wholly free. */
		ring_add_tail(m->ready.next, &b->ring);
	}
}

/* Blocks: cache_blocks.c. Under the lock, with the magazines in question stopped or one's own. */

/** mag_next() - a block with free pages as cur; `block_none`: there is none. By who may touch @m; needs no lock. */
struct block *mag_next(struct mag *m);

/** mag_take() - @n pages of one of @m's blocks, 1 to 64, some of which are looked at. By who may touch @m. Return: false: none found. */
bool mag_take(const struct paclient_cache *c, struct mag *m, unsigned n, uint64_t *ret_addr);

/** mag_collect() - what others have freed in @m's blocks is free there. */
void mag_collect(struct mag *m);

/** mag_move() - all blocks of @from are @to's; those with free pages, or all with @full. */
void mag_move(struct mag *from, struct mag *to, bool full);

/** block_get() - the block of that index, made where there was none. Return: NULL: no memory. */
struct block *block_get(struct paclient_cache *c, uint64_t index);

/** block_hold() - @bits of @b, none of them held, are held now: @m's, where nobody has the block; free, or the program's. */
void block_hold(struct paclient_cache *c, struct mag *m, struct block *b, uint64_t bits, bool free);

/** block_put_remote() - @bits of a block of another's are free again. */
void block_put_remote(struct block *b, uint64_t bits);

/** mag_pick() - take free pages out of @m and put them into @g, until @m has no more than @keep or @g is full. Return: false: @g is full. */
bool mag_pick(struct paclient_cache *c, struct mag *m, enum pick pick, uint64_t keep,
	      struct give *g);

/* Threads: cache_threads.c */

/** mag_of_thread() - this thread's magazine in @c, made where there was none; takes the lock. Return: NULL: no memory. */
struct mag *mag_of_thread(struct paclient_cache *c);

/** mags_stop() - under the lock: nobody else is in any magazine of @c's, until mags_go(). Return: false: the system has come to refuse that; then only one's own and what is loose can be had. */
MUST_CHECK bool mags_stop(struct paclient_cache *c);
void mags_go(struct paclient_cache *c);

/** mags_limit() - under the lock: what each may keep, after their number has changed. */
void mags_limit(struct paclient_cache *c);

/** mags_close() - @c is about to go: no thread has a magazine there any more. */
void mags_close(struct paclient_cache *c);

/** mag_init() - without blocks. */
void mag_init(struct mag *m, struct paclient_cache *c);

/** threads_begin() - once in a process. Return: 0 or negative errno; *@ret_fenced: there is no membarrier(2). */
MUST_CHECK int threads_begin(bool *ret_fenced);

/* Pages from the daemon: cache_fill.c */

/** cache_take() - @n pages, by all means. Return: 0 or a status told to @k, which has begun. */
MUST_CHECK int cache_take(struct paclient_cache *c, struct call *k, unsigned n, uint64_t *ret_addr);

/** cache_region() - ask the daemon about a region. Return: 0 or a status told to @k. */
MUST_CHECK int cache_region(struct paclient *client, struct call *k, uint32_t region_id,
			    struct paclient_region *ret);

/** cache_alive() - can @c be used? Return: 0 or a status told to @k. Takes the lock. */
MUST_CHECK int cache_alive(struct paclient_cache *c, struct call *k);

/** told_well() - no sign is left in @k's error of what was tried on the way. */
void told_well(struct call *k);

/** cache_failed() - the daemon has said @status to a request of the cache's: is that the end of it? Takes the lock. */
void cache_failed(struct paclient_cache *c, const struct call *k, int status);

/* And back to it: cache_give.c */

/** give_back() - @g goes back to the daemon; what can't comes into the cache again. @g is empty afterwards. Return: 0 or a status told to @k. */
int give_back(struct paclient_cache *c, struct call *k, struct give *g);

/** give_of_mine() - @m, this thread's, has more than its limit: half of it goes back. Return: as give_back(). */
int give_of_mine(struct paclient_cache *c, struct call *k, struct mag *m);

/** give_of_all() - from all magazines. Return: as give_back(). */
int give_of_all(struct paclient_cache *c, struct call *k, enum pick pick);

/** give_of() - another's @m, which has more than its limit, as give_of_mine(). */
int give_of(struct paclient_cache *c, struct call *k, struct mag *m);

/** give_wanted() - where the daemon has asked, all that is free; now and then, what is idle. Return: as give_back(). */
int give_wanted(struct paclient_cache *c, struct call *k);

/** cache_clock_ms() - since it was opened, from 1. */
uint32_t cache_clock_ms(const struct paclient_cache *c);

/* Whoever listens: cache_tend.c */

/** cache_recall() - a Recall has come; under the handle's lock, on any thread. */
void cache_recall(struct paclient *client, const struct wire_reply *r);

/** tend_begin() - start the cache's thread. Return: 0 or negative errno. */
MUST_CHECK int tend_begin(struct paclient_cache *c);

/** tend_end() - and end it; nothing happens where there is none. */
void tend_end(struct paclient_cache *c);

/** tend_due() - hear what the daemon has said, and give back what is due. Return: 0 or a status told to @k. */
int tend_due(struct paclient_cache *c, struct call *k);

#endif
