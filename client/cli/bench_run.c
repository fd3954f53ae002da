/*
 * bench_run - clients that take and give back
 *
 * Role:       a handle for each client, a thread for each of its requests in flight: the library puts those of one handle on the
 *             wire together.
 * Uses:       bench.h
 */
#include "client/cli/bench.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cli/progress.h"

#define NSEC_PER_SEC 1000000000u

/* How often the bar moves. */
#define TURN_NS (NSEC_PER_SEC / 10)

struct running;

struct worker {
	struct running *all;
	paclient *pa; /* shared with the other workers of its client */
	pthread_t thread;
	struct histogram alloc, free;
	struct paclient_error failure;
};

struct running {
	const struct bench *b;
	unsigned nworkers;
	struct worker *workers;
	paclient **clients;
	unsigned nstarted;
	atomic_bool stop;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

/* One pair. Return: a status. */
static int pair(struct worker *w, struct paclient_call *call)
{
	const struct bench *b = w->all->b;
	uint64_t addr, began = clock_ns(), between;
	int status = paclient_alloc(w->pa, b->region.id, b->npages, 0, &addr, call);

	if (status)
		return status;
	between = clock_ns();
	histogram_add(&w->alloc, between - began);
	status = paclient_free(w->pa, b->region.id, addr, b->npages, call);
	if (!status)
		histogram_add(&w->free, clock_ns() - between);
	return status;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct paclient_call call;

	call_init(w->all->b->cli, &call);
	while (!atomic_load_explicit(&w->all->stop, memory_order_relaxed)) {
		if (pair(w, &call)) {
			w->failure = call.error;
			/* The one who waits for the time to be up hears of it. */
			if (!atomic_exchange(&w->all->stop, true))
				kill(getpid(), SIGALRM);
		}
	}
	return NULL;
}

/* Until the time is up, a signal comes, or a worker has failed, which sends SIGALRM. */
static void wait_end(const struct bench *b, const sigset_t *signals, struct bench_result *to)
{
	uint64_t all = (uint64_t)b->duration_ms * 1000000, began = clock_ns(), done;
	struct progress bar;

	progress_begin(&bar, b->cli, "bench");
	while ((done = clock_ns() - began) < all) {
		uint64_t turn = all - done < TURN_NS ? all - done : TURN_NS;
		struct timespec t = {.tv_nsec = (long)turn};
		int signal;

		progress_set(&bar, done, all);
		signal = sigtimedwait(signals, NULL, &t);
		to->interrupted = signal > 0 && signal != SIGALRM;
		if (signal > 0)
			break;
	}
	progress_end(&bar);
}

static void running_deinit(struct running *r)
{
	for (unsigned i = 0; r->clients && i < r->b->nclients; i++)
		paclient_close(r->clients[i]);
	free(r->clients);
	free(r->workers);
}

/* Return: 0 or an exit code, already told. */
static int clients_open(struct running *r)
{
	struct paclient_options options = PACLIENT_OPTIONS_INIT;
	const struct cli *cli = r->b->cli;
	struct paclient_call call;

	call_init(cli, &call);
	options.timeout_ms = cli->timeout_ms;
	options.client_name = "paclient bench";
	r->clients = calloc(r->b->nclients, sizeof(*r->clients));
	r->workers = calloc(r->nworkers, sizeof(*r->workers));
	if (!r->clients || !r->workers)
		return system_error(cli, "no memory for the clients");
	for (unsigned i = 0; i < r->b->nclients; i++) {
		if (paclient_open(cli_socket(cli), &options, &r->clients[i], &call))
			return call_error(cli, &call.error);
	}
	return 0;
}

/* Return: 0, or what pthread_create() has said; those that it has started run. */
static int workers_start(struct running *r)
{
	int err = 0;

	while (!err && r->nstarted < r->nworkers) {
		struct worker *w = &r->workers[r->nstarted];

		w->all = r;
		w->pa = r->clients[r->nstarted / r->b->depth];
		err = pthread_create(&w->thread, NULL, work, w);
		r->nstarted += !err;
	}
	return err;
}

static void workers_end(struct running *r, struct bench_result *to)
{
	atomic_store(&r->stop, true);
	for (unsigned i = 0; i < r->nstarted; i++) {
		const struct worker *w = &r->workers[i];

		pthread_join(w->thread, NULL);
		histogram_merge(&to->alloc, &w->alloc);
		histogram_merge(&to->free, &w->free);
		if (!to->failure.status)
			to->failure = w->failure;
	}
}

int bench_run(const struct bench *b, struct bench_result *ret)
{
	CLEANUP(running_deinit) struct running r = {.b = b, .nworkers = b->nclients * b->depth};
	sigset_t signals;
	uint64_t began;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGALRM);
	/* For all threads: they come where they are waited for, and nothing is left held. */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	err = clients_open(&r);
	if (err)
		return err;
	began = clock_ns();
	err = workers_start(&r);
	if (!err)
		wait_end(b, &signals, ret);
	workers_end(&r, ret);
	ret->elapsed_ns = clock_ns() - began;
	return err ? system_error(b->cli, "cannot start so many threads: %s", strerror(err)) : 0;
}
