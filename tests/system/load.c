/*
 * load - programs that hold pages, and look whether they still are what they were
 *
 * Role:       `load SOCKET REGION NTHREADS`: each thread has a session, and takes and frees extents at random; in each page of them it writes whose it
 *             is, and looks before it frees it whether that is still there. A line on standard input is answered with "CALLS RECONNECTS LONGEST", the
 *             longest call since the last answer in ms, when each thread has made NEAR calls since the line came. At the end of the input all that is held is
 *             looked at, also through a connection and a mapping that are new, and freed. Exit code 0: no call has failed, and no page was another one.
 * Uses:       libpaclient
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <paclient.h>

#include "base/clock.h"
#include "tests/unit/random.h"

#define THREADS_MAX 16
#define HELD_MAX 64u
#define NPAGES_MAX 16u
#define NEAR 50u
/* Between two calls of a thread: what is tested beside the load needs the processor, too. */
#define PAUSE_NSEC 500000
/* Longer than anything here takes; whoever waits for it has found a bug. */
#define TIMEOUT_MSEC 30000

struct extent {
	uint64_t addr, npages, serial;
};

struct worker {
	pthread_t thread;
	unsigned number;
	struct random rnd;
	paclient *client;
	uint32_t region;
	uint64_t session, page_bytes, serial;
	struct extent held[HELD_MAX];
	unsigned nheld;
	struct paclient_call call;
	_Atomic uint64_t ncalls, longest_usec;
};

static const char *socket_path, *region_name;
static atomic_bool stop;

#define MUST(x, ...)                                           \
	do {                                                   \
		if (!(x)) {                                    \
			fprintf(stderr, "load: " __VA_ARGS__); \
			fputc('\n', stderr);                   \
			exit(1);                               \
		}                                              \
	} while (0)

static void must(struct worker *w, int status, uint64_t begin_usec, const char *what)
{
	uint64_t took = clock_usec() - begin_usec;

	MUST(status == PACLIENT_OK, "thread %u: %s: %s (%s)", w->number, what,
	     w->call.error.message, paclient_status_name(status));
	if (took > atomic_load(&w->longest_usec))
		atomic_store(&w->longest_usec, took);
	atomic_fetch_add(&w->ncalls, 1);
}

/* What stands in the first words of a page. */
struct stamp {
	uint64_t session, serial, page;
};

/* The memory of the extent through @client: is each page this extent's? With @put it becomes so. */
static void look(struct worker *w, paclient *client, const struct extent *e, bool put)
{
	void *memory;

	MUST(paclient_map(client, w->region, e->addr, e->npages, PACLIENT_WRITE, &memory,
			  &w->call) == 0,
	     "thread %u: map: %s", w->number, w->call.error.message);
	for (uint64_t i = 0; i < e->npages; i++) {
		const struct stamp want = {w->session, e->serial, i};
		struct stamp *s = (void *)((char *)memory + i * w->page_bytes);

		if (put)
			*s = want;
		MUST(memcmp(s, &want, sizeof(want)) == 0,
		     "thread %u: page %" PRIu64 " of %#" PRIx64 ": wanted %" PRIu64 "/%" PRIu64
		     "/%" PRIu64 ", got %" PRIu64 "/%" PRIu64 "/%" PRIu64,
		     w->number, i, e->addr, want.session, want.serial, want.page, s->session,
		     s->serial, s->page);
	}
	MUST(paclient_unmap(client, w->region, memory, e->npages, &w->call) == 0,
	     "thread %u: unmap: %s", w->number, w->call.error.message);
}

static void take(struct worker *w)
{
	struct extent *e = &w->held[w->nheld++];
	uint64_t begin = clock_usec();

	e->npages = 1 + random_below(&w->rnd, NPAGES_MAX);
	e->serial = ++w->serial;
	must(w, paclient_alloc(w->client, w->region, e->npages, 0, &e->addr, &w->call), begin,
	     "alloc");
	look(w, w->client, e, true);
}

static void give(struct worker *w, unsigned i)
{
	struct extent e = w->held[i];
	uint64_t begin;

	look(w, w->client, &e, false);
	begin = clock_usec();
	must(w, paclient_free(w->client, w->region, e.addr, e.npages, &w->call), begin, "free");
	w->held[i] = w->held[--w->nheld];
}

static paclient *open_client(struct worker *w)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	paclient *client;

	o.timeout_ms = TIMEOUT_MSEC;
	MUST(paclient_open(socket_path, &o, &client, &w->call) == 0, "open: %s",
	     w->call.error.message);
	return client;
}

static void begin(struct worker *w)
{
	struct paclient_region info = {.size = sizeof(info)};

	w->client = open_client(w);
	w->session = paclient_session_id(w->client);
	MUST(paclient_region_open(w->client, region_name, &w->region, &w->call) == 0 &&
		     paclient_region_info(w->client, w->region, &info, &w->call) == 0,
	     "%s: %s", region_name, w->call.error.message);
	w->page_bytes = info.page_size_bytes;
}

static void end(struct worker *w)
{
	paclient *other = open_client(w);
	uint32_t region;

	MUST(paclient_session_id(w->client) == w->session, "thread %u: another session", w->number);
	MUST(paclient_region_open(other, region_name, &region, &w->call) == 0 &&
		     region == w->region,
	     "thread %u: the region is another one", w->number);
	for (unsigned i = 0; i < w->nheld; i++)
		look(w, other, &w->held[i], false);
	while (w->nheld)
		give(w, 0);
	paclient_close(other);
	paclient_close(w->client);
}

static void *work(void *arg)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NSEC};
	struct worker *w = arg;

	while (!atomic_load(&stop)) {
		if (w->nheld == 0 || (w->nheld < HELD_MAX && random_below(&w->rnd, 2)))
			take(w);
		else
			give(w, (unsigned)random_below(&w->rnd, w->nheld));
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void answer(struct worker *workers, unsigned n)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t before[THREADS_MAX], ncalls = 0, nreconnects = 0, longest = 0, usec;

	for (unsigned i = 0; i < n; i++)
		before[i] = atomic_load(&workers[i].ncalls);
	for (unsigned i = 0; i < n; i++) {
		while (atomic_load(&workers[i].ncalls) < before[i] + NEAR)
			nanosleep(&pause, NULL);
	}
	for (unsigned i = 0; i < n; i++) {
		ncalls += atomic_load(&workers[i].ncalls);
		nreconnects += paclient_reconnects(workers[i].client);
		usec = atomic_exchange(&workers[i].longest_usec, 0);
		longest = usec > longest ? usec : longest;
	}
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", ncalls, nreconnects, longest / 1000);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	unsigned n = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
	char line[16];

	if (n < 1 || n > THREADS_MAX) {
		fprintf(stderr, "usage: load SOCKET REGION NTHREADS\n");
		return 2;
	}
	socket_path = argv[1];
	region_name = argv[2];
	for (unsigned i = 0; i < n; i++) {
		struct worker *w = &workers[i];

		w->number = i;
		w->rnd = (struct random){i + 1};
		w->call = (struct paclient_call)PACLIENT_CALL_INIT;
		begin(w);
		MUST(pthread_create(&w->thread, NULL, work, w) == 0, "no thread");
	}
	while (fgets(line, sizeof(line), stdin))
		answer(workers, n);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < n; i++)
		end(&workers[i]);
	return 0;
}
