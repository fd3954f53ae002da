/*
 * cache_tend - who listens to the daemon for a cache, and looks at the clock
 *
 * Role:       a Recall is noted by whoever reads it. With `background` a thread waits for the connection, the note, and the clock; without it
 *             calls look by the way. Nothing but a request tells the daemon that a Recall was read, so each is followed by one.
 * Uses:       cache, call, conn, error
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/lib/cache.h"
#include "client/lib/call.h"
#include "client/lib/conn.h"

/* Where others read the connection, or there is none, the thread looks at it no oftener. */
#define QUIET_MS 100

static void thread_wake(const struct paclient_cache *c)
{
	const uint64_t one = 1;

	if (c->wake_fd >= 0)
		(void)!write(c->wake_fd, &one, sizeof(one));
}

void cache_recall(struct paclient *client, const struct wire_reply *r)
{
	Pallocd__V1__Recall *m;
	struct ring *i;

	arena_reset(&client->arena);
	m = pallocd__v1__recall__unpack(&client->arena.allocator, r->body_bytes, r->body);
	for (i = client->caches.next; i != &client->caches; i = i->next) {
		struct paclient_cache *c = RING_ITEM(i, struct paclient_cache, in_client);

		/* Whichever it was that could not be read. */
		if (m && m->region_id != c->region_id)
			continue;
		__atomic_add_fetch(&c->nrecalls, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&c->recalled, 1, __ATOMIC_RELAXED);
		thread_wake(c);
	}
	if (m)
		pallocd__v1__recall__free_unpacked(m, &client->arena.allocator);
}

int tend_due(struct paclient_cache *c, struct call *k)
{
	struct paclient_region r = {.size = sizeof(r)};
	/* One round trip: what the daemon has said before is read with it. */
	int status = cache_region(c->client, k, c->region_id, &r);

	if (status) {
		cache_failed(c, k, status);
		return status;
	}
	status = cache_alive(c, k);
	if (!status)
		status = give_wanted(c, k);
	return status ? status : give_of_all(c, k, PICK_IDLE);
}

/* The connection, as long as there is one. */
static int client_fd(struct paclient_cache *c)
{
	int fd;

	pthread_mutex_lock(&c->client->lock);
	fd = c->client->link == LINK_UP ? c->client->fd : -1;
	pthread_mutex_unlock(&c->client->lock);
	return fd;
}

/* Half of the time after which a block is idle; not all the time. */
static int tick_ms(const struct paclient_cache *c)
{
	uint64_t ms = c->idle_ms / 2;

	return ms < 5 ? 5 : ms > 60000 ? 60000 : (int)ms;
}

struct tend {
	struct paclient_cache *c;
	bool quiet; /* the connection is let be for a while */
};

/* Wait for anything. Return: the connection has something to say, or is none. */
static bool tend_wait(struct tend *t, bool *ret_woken)
{
	int fd = client_fd(t->c), tick = tick_ms(t->c);
	struct pollfd p[2] = {{.fd = t->c->wake_fd, .events = POLLIN},
			      {.fd = t->quiet ? -1 : fd, .events = POLLIN}};
	uint64_t n;

	if (!t->quiet && fd < 0)
		return true;
	if (t->quiet && tick > QUIET_MS)
		tick = QUIET_MS;
	(void)poll(p, 2, tick);
	t->quiet = false;
	*ret_woken = p[0].revents;
	if (p[0].revents)
		(void)!read(t->c->wake_fd, &n, sizeof(n));
	return p[1].revents;
}

/* Whoever has woken it, and what has come. */
static void tend_all(struct tend *t, bool heard, bool woken)
{
	struct paclient_cache *c = t->c;
	uint64_t before = __atomic_load_n(&c->nrecalls, __ATOMIC_RELAXED);
	CALL(k);

	if (call_begin(&k, c->client, NULL))
		return;
	if (!heard && !woken) {
		(void)give_of_all(c, &k, PICK_IDLE);
		return;
	}
	(void)tend_due(c, &k);
	/* It was for others, or there is nobody. */
	t->quiet = !woken && __atomic_load_n(&c->nrecalls, __ATOMIC_RELAXED) == before;
}

static void tend_once(struct tend *t)
{
	bool woken = false, heard = tend_wait(t, &woken);

	if (!__atomic_load_n(&t->c->closing, __ATOMIC_RELAXED))
		tend_all(t, heard, woken);
}

/* A cache that has died needs nobody but who closes it. */
static void wait_for_end(struct paclient_cache *c)
{
	struct pollfd p = {.fd = c->wake_fd, .events = POLLIN};
	uint64_t n;

	while (!__atomic_load_n(&c->closing, __ATOMIC_RELAXED)) {
		if (poll(&p, 1, -1) > 0)
			(void)!read(c->wake_fd, &n, sizeof(n));
	}
}

static void *tend_main(void *arg)
{
	struct paclient_cache *c = arg;
	struct tend t = {.c = c};

	while (!__atomic_load_n(&c->closing, __ATOMIC_RELAXED)) {
		if (__atomic_load_n(&c->dead, __ATOMIC_RELAXED))
			wait_for_end(c);
		else
			tend_once(&t);
	}
	return NULL;
}

int tend_begin(struct paclient_cache *c)
{
	sigset_t all, old;
	int err;

	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake_fd < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&c->thread, NULL, tend_main, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		close(c->wake_fd);
		c->wake_fd = -1;
	}
	return -err;
}

void tend_end(struct paclient_cache *c)
{
	if (c->wake_fd < 0)
		return;
	__atomic_store_n(&c->closing, 1, __ATOMIC_RELAXED);
	thread_wake(c);
	pthread_join(c->thread, NULL);
	/* A Recall may come still. */
	pthread_mutex_lock(&c->client->lock);
	close(c->wake_fd);
	c->wake_fd = -1;
	pthread_mutex_unlock(&c->client->lock);
}
