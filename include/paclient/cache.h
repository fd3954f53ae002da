/*
 * cache.h - pages without a round trip: the part of paclient.h about the page cache
 *
 * <paclient.h> includes it; programs include that.
 *
 * A program that takes and gives back few pages at a time, often, pays some microseconds for each call. A
 * cache takes whole blocks of 64 pages at once, which are the session's from then on, and hands out their
 * pages within the process, in nanoseconds:
 *
 *	paclient_cache *cache;
 *	uint64_t addr;
 *
 *	if (paclient_cache_open(pa, region, NULL, &cache, &call) ||
 *	    paclient_cache_alloc(cache, 1, &addr, &call))
 *		errx(1, "%s", call.error.message);
 *	...
 *	paclient_cache_free(cache, addr, 1, NULL);
 *	paclient_cache_close(cache, NULL);
 *
 * Threads. Each thread that uses a cache has blocks of its own there, from its first call on, and takes from
 * them without a lock. Any thread may free what any other one has taken: the page goes back to where it came
 * from. When a thread ends, its blocks are for the others. A cache is not to be used in a signal handler.
 *
 * What is kept. Free pages in the cache are nobody else's: others see them as extents of this session. So there
 * is a bound (npages_max; but each thread may keep a block), and pages go back to the daemon
 *  - above the bound, down to half of it;
 *  - when the daemon asks for them, because somebody found no space, waits for some, or space is low: all;
 *  - when a block was found to be wholly free, and has been for idle_ms since: that block;
 *  - by paclient_cache_trim() and paclient_cache_close().
 * The second and third need somebody to look: every call that has to ask the daemon for pages or gives some back
 * does, paclient_cache_trim() does, and with background a thread of the cache does, also while the program calls
 * nothing. What others do with the session's connection never delays a call that is served from what is kept.
 * A program that waits for space (wait_ms) on the handle whose cache keeps what it waits for, waits in vain: a
 * connection's requests are served one after the other. It calls paclient_cache_trim() with PACLIENT_CACHE_ALL
 * before.
 *
 * Pages, not extents. What a cache hands out is a part of some extent of the session: it can be used and mapped,
 * and given back by paclient_cache_free() alone. Names, labels, sharing and handing over are for extents from
 * paclient_alloc(). When the session ends, everything goes as the region's policy (enum paclient_death) says,
 * pages that are merely kept included.
 *
 * Restarts of the daemon are as for all calls: what is kept stays valid. Where it does not (PACLIENT_STALE; a
 * region with PACLIENT_DURABILITY_NONE once the connection has been made anew; a handle that is broken), every
 * call from then on says so, as soon as the cache has learned it from a call or its thread, and the cache can
 * only be closed. A forked child's copy is inert, as its handle is.
 */
#ifndef PACLIENT_CACHE_H
#define PACLIENT_CACHE_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The most pages that one call takes or gives back. */
#define PACLIENT_CACHE_NPAGES_MAX 64

/* npages_max and idle_ms of a cache where nobody sets one. */
#define PACLIENT_CACHE_DEFAULT_NPAGES 4096
#define PACLIENT_CACHE_DEFAULT_IDLE_MS 10000

/* One cache of one region's pages, for all threads of the process. */
typedef struct paclient_cache paclient_cache;

struct paclient_cache_options {
	size_t size; /* sizeof(struct paclient_cache_options) */
	/* Free pages that it keeps at the most; 0 = the default, or a 16th of the region if that is less. */
	uint64_t npages_max;
	int idle_ms; /* a block goes back when it was wholly free for so long; 0 = the default */
	/* A thread, with all signals blocked, gives back what is due and keeps the session connected. */
	bool background;
};

#define PACLIENT_CACHE_OPTIONS_INIT                                \
	{                                                          \
		sizeof(struct paclient_cache_options), 0, 0, false \
	}

/**
 * paclient_cache_open() - a cache of a region's pages, with nothing in it
 * @client:    must outlive the cache: close the cache first
 * @options:   copied; NULL = the defaults
 * @ret_cache: the caller gives it back with paclient_cache_close()
 *
 * Blocks for one round trip. Takes some memory for each 512 blocks that it ever has pages in, until it is closed.
 * Errors of its own: NO_REGION; UNKNOWN_VERB for daemons without PACLIENT_FEATURE_LEASE; SYSTEM where there is no
 * descriptor or thread for background.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_cache_open(
	paclient *client, uint32_t region_id, const struct paclient_cache_options *options,
	paclient_cache **ret_cache, struct paclient_call *call);

/**
 * paclient_cache_alloc() - take pages that lie side by side
 * @npages:   1 to PACLIENT_CACHE_NPAGES_MAX
 * @ret_addr: address of the first
 *
 * From what the thread has, if that will do. Otherwise blocks: it takes what other threads have left behind, leases
 * more, or takes just these pages from the daemon; where that has none for it (or a quota allows none), it looks
 * through what other threads keep, and gives back everything that is kept before it gives up.
 * The error of @call is written in any case; its timeout counts only where the daemon is asked.
 * Errors of its own: those of paclient_alloc(); STALE and those of a broken handle, see above.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_cache_alloc(paclient_cache *cache, uint32_t npages,
							  uint64_t *ret_addr,
							  struct paclient_call *call);

/**
 * paclient_cache_free() - give back pages that paclient_cache_alloc() gave
 * @npages: 1 to PACLIENT_CACHE_NPAGES_MAX; need not be as many as were taken at once
 *
 * Does not block, but where that makes more free pages than are to be kept: then some go back to the daemon, and
 * what it says about that is not the caller's concern.
 * Errors of its own, after which nothing has changed: NOT_ALLOCATED (error.addr: a page that this cache does not have,
 * or that is free already), UNALIGNED, OUT_OF_REGION; STALE and those of a broken handle.
 */
PACLIENT_API int paclient_cache_free(paclient_cache *cache, uint64_t addr, uint32_t npages,
				     struct paclient_call *call);

/* Flag of a trim: every free page goes back, wanted or not. */
#define PACLIENT_CACHE_ALL 1u

/**
 * paclient_cache_trim() - hear what the daemon has to say, and give back what is due
 * @flags: 0 or PACLIENT_CACHE_ALL
 *
 * For programs without background, in their quiet moments: what was asked for goes back, and what was idle too long.
 * Blocks for a round trip or two. Errors: as any call, and of paclient_free().
 */
PACLIENT_API int paclient_cache_trim(paclient_cache *cache, unsigned flags,
				     struct paclient_call *call);

/* What a cache has, and what it has done since it was opened. */
struct paclient_cache_stat {
	size_t size;            /* bytes of this struct that are valid */
	uint64_t held_npages;   /* that the session holds for it */
	uint64_t free_npages;   /* of these, handed out to nobody */
	uint64_t npages_max;    /* as it was opened */
	uint64_t nthreads;      /* that have blocks of their own */
	uint64_t leases;        /* requests for blocks that brought some */
	uint64_t leased_npages; /* pages that they brought */
	uint64_t given_npages;  /* pages that went back to the daemon */
	uint64_t recalls;       /* times that the daemon asked */
};

/**
 * paclient_cache_stat() - numbers, as of one moment
 * @ret_stat: the caller's; its size field says how much of it is written
 *
 * Asks the daemon nothing; holds up other threads' calls for some microseconds.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_cache_stat(paclient_cache *cache,
							 struct paclient_cache_stat *ret_stat,
							 struct paclient_call *call);

/**
 * paclient_cache_close() - give back what is free, and forget the rest
 *
 * @cache: no call may be running on it, nor come later; NULL is allowed.
 *
 * Blocks. Pages that are still in use stay the session's, and can be given back by paclient_free(). Whatever it
 * returns, the cache is gone; after an error the session may hold pages until it ends. In a forked child only memory
 * is given back.
 */
PACLIENT_API int paclient_cache_close(paclient_cache *cache, struct paclient_call *call);

#ifdef __cplusplus
}
#endif

#endif
