/*
 * cache_threads - each thread's magazine of each cache
 *
 * Role:       see cache.h. A thread's magazines are its own to free, when it ends or when it sees that their cache is closed; what is in
 *             them goes to the cache before.
 * Uses:       cache
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "client/lib/cache.h"

__thread struct mag *mag_recent;

/* All of this thread, and what makes its end known; see thread_ended(). */
static __thread struct mag *mags_mine __attribute__((tls_model("initial-exec")));
static pthread_key_t key;

/* Of which magazine belongs to which cache. */
static pthread_mutex_t all = PTHREAD_MUTEX_INITIALIZER;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int begin_err;
static bool no_barrier;

static int barrier(int command)
{
	return syscall(__NR_membarrier, command, 0, 0) ? -errno : 0;
}

/* A thread has ended: its blocks are for the others. In a forked child nothing is touched but memory. */
static void thread_ended(void *arg)
{
	struct mag *m;

	(void)arg;
	pthread_mutex_lock(&all);
	while ((m = mags_mine) != NULL) {
		struct paclient_cache *c = m->cache;

		mags_mine = m->next;
		if (c && !cache_is_ours(c)) {
			ring_remove(&m->in_cache);
		} else if (c) {
			pthread_mutex_lock(&c->lock);
			mag_move(m, &c->loose, true);
			ring_remove(&m->in_cache);
			c->nmags--;
			mags_limit(c);
			pthread_mutex_unlock(&c->lock);
		}
		free(m);
	}
	mag_recent = NULL;
	pthread_mutex_unlock(&all);
}

/* A child that is forked while another thread has the lock would find it locked for ever. */
static void fork_before(void)
{
	pthread_mutex_lock(&all);
}

static void fork_after(void)
{
	pthread_mutex_unlock(&all);
}

static void begin(void)
{
	begin_err = -pthread_key_create(&key, thread_ended);
	if (!begin_err)
		begin_err = -pthread_atfork(fork_before, fork_after, fork_after);
	no_barrier = barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

int threads_begin(bool *ret_fenced)
{
	pthread_once(&once, begin);
	*ret_fenced = no_barrier;
	return begin_err;
}

void mag_init(struct mag *m, struct paclient_cache *c)
{
	*m = (struct mag){.cache = c, .cur = &block_none, .fenced = c->fenced, .lease_nblocks = 1};
	ring_init(&m->ready);
	ring_init(&m->full);
	ring_init(&m->in_cache);
}

void mags_limit(struct paclient_cache *c)
{
	uint64_t npages = c->npages_max > c->loose.nfree ? c->npages_max - c->loose.nfree : 0;
	struct ring *r;

	if (c->nmags)
		npages /= c->nmags;
	if (npages < BLOCK_NPAGES)
		npages = BLOCK_NPAGES;
	for (r = c->mags.next; r != &c->mags; r = r->next)
		__atomic_store_n(&RING_ITEM(r, struct mag, in_cache)->limit, npages,
				 __ATOMIC_RELAXED);
}

/* Under the lock of all: those of closed caches go. */
static void mags_prune(void)
{
	struct mag **at = &mags_mine;

	while (*at) {
		struct mag *m = *at;

		if (m->cache) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		if (mag_recent == m)
			mag_recent = NULL;
		free(m);
	}
}

static struct mag *mag_new(struct paclient_cache *c)
{
	struct mag *m = malloc(sizeof(*m));

	if (!m)
		return NULL;
	/* Any value but NULL: only then its end is told. */
	if (pthread_setspecific(key, &key)) {
		free(m);
		return NULL;
	}
	mag_init(m, c);
	pthread_mutex_lock(&c->lock);
	ring_add_tail(&c->mags, &m->in_cache);
	c->nmags++;
	mags_limit(c);
	pthread_mutex_unlock(&c->lock);
	m->next = mags_mine;
	mags_mine = m;
	return m;
}

struct mag *mag_of_thread(struct paclient_cache *c)
{
	struct mag *m;

	pthread_mutex_lock(&all);
	mags_prune();
	for (m = mags_mine; m && m->cache != c; m = m->next)
		;
	if (!m)
		m = mag_new(c);
	pthread_mutex_unlock(&all);
	if (m)
		mag_recent = m;
	return m;
}

static void mags_set(struct paclient_cache *c, int stop)
{
	struct ring *r;

	for (r = c->mags.next; r != &c->mags; r = r->next)
		__atomic_store_n(&RING_ITEM(r, struct mag, in_cache)->stop, stop, __ATOMIC_SEQ_CST);
}

/* Its thread has been told, and comes out at once, unless it is not running. */
static void mag_wait(const struct mag *m)
{
	const struct timespec pause = {.tv_nsec = 50000};

	for (unsigned i = 0; __atomic_load_n(&m->busy, __ATOMIC_ACQUIRE); i++) {
		if (i < 100)
			sched_yield();
		else
			nanosleep(&pause, NULL);
	}
}

bool mags_stop(struct paclient_cache *c)
{
	struct ring *r;

	mags_set(c, 1);
	if (c->fenced)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	else if (barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
		mags_go(c);
		return false;
	}
	for (r = c->mags.next; r != &c->mags; r = r->next)
		mag_wait(RING_ITEM(r, struct mag, in_cache));
	return true;
}

void mags_go(struct paclient_cache *c)
{
	/* What has died stays stopped: every call is told by the lock. */
	if (!c->dead)
		mags_set(c, 0);
}

void mags_close(struct paclient_cache *c)
{
	bool ours = cache_is_ours(c);

	pthread_mutex_lock(&all);
	while (!ring_empty(&c->mags)) {
		struct mag *m = RING_ITEM(c->mags.next, struct mag, in_cache);
		bool mine = false;

		for (struct mag *i = mags_mine; i && !mine; i = i->next)
			mine = i == m;
		ring_remove(&m->in_cache);
		/* The other threads of a forked child are none. */
		if (mine || ours)
			__atomic_store_n(&m->cache, NULL, __ATOMIC_RELAXED);
		else
			free(m);
	}
	mags_prune();
	pthread_mutex_unlock(&all);
}
