/*
 * kill - a daemon that is killed at any moment, and what was acknowledged
 *
 * Role:       `fault_kill N` kills the daemon N times under the load of clients that know nothing of it: at some moment, between two of its system calls,
 *             and while it starts; some stops in order are among them. After each restart all that was acknowledged is there as it was, nothing is held that
 *             nobody was given, and no call of a client has failed. SEED in the environment repeats the dice, not the moments.
 * Uses:       libpaclient, client.h, model.h, victim.h
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fault/kill/client.h"
#include "tests/fault/kill/victim.h"
#include "tests/unit/random.h"

#define LOAD_USEC_MAX 30000
#define STOPS_MAX 400       /* under load */
#define START_STOPS_MAX 700 /* while it starts: some more than it takes */
#define OPEN_MSEC 30000
#define PARK_SECONDS 90

#define NWORKERS (MODEL_CLIENTS * MODEL_THREADS)

enum how { AT_SOME_MOMENT, BETWEEN_CALLS, AT_START, IN_ORDER, NHOW };

static const char *const how_names[NHOW] = {"kills at some moment", "between two system calls",
					    "and again while it started", "stops in order"};

struct test {
	struct model *m;
	struct victim v;
	struct random rnd;
	pid_t clients[MODEL_CLIENTS];
	uint64_t n[NHOW], npeeks, nextents;
};

/* Fails where a client has, or where the daemon has ended by itself. */
static void clients_look(struct test *t)
{
	int status;

	if (waitpid(t->v.pid, &status, WNOHANG) == t->v.pid) {
		victim_log(&t->v);
		MUST(false, "pallocd has ended by itself: %#x", (unsigned)status);
	}

	for (unsigned i = 0; i < MODEL_CLIENTS; i++) {
		if (t->clients[i] && waitpid(t->clients[i], &status, WNOHANG) != 0) {
			victim_log(&t->v);
			MUST(false, "client %u has ended: %#x", i, (unsigned)status);
		}
	}
}

/* Until @count of the model, which clients signal, is @n; with the lock held. */
static void await(struct test *t, const unsigned *count, unsigned n)
{
	struct timespec until;

	for (unsigned tenths = 0; *count < n; tenths++) {
		if (tenths == 10 * PARK_SECONDS)
			victim_log(&t->v);
		MUST(tenths < 10 * PARK_SECONDS, "%u of %u clients' threads have come", *count, n);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 100000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&t->m->parked_cond, &t->m->lock, &until);
		clients_look(t);
	}
}

static paclient *observe(struct test *t, const char *socket)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct paclient_call call = PACLIENT_CALL_INIT;
	paclient *client;
	int status = PACLIENT_NOT_CONNECTED;

	o.timeout_ms = OPEN_MSEC;
	/* It may still be on its way. */
	for (int i = 0; i < OPEN_MSEC && status == PACLIENT_NOT_CONNECTED; i++) {
		status = paclient_open(socket, &o, &client, &call);
		if (status == PACLIENT_NOT_CONNECTED)
			usleep(1000);
	}
	if (status)
		victim_log(&t->v);
	MUST(status == PACLIENT_OK, "%s", call.error.message);
	return client;
}

static void pause_set(struct test *t, bool pause)
{
	pthread_mutex_lock(&t->m->lock);
	t->m->pause = pause;
	pthread_cond_broadcast(&t->m->go_cond);
	pthread_mutex_unlock(&t->m->lock);
}

/* What is there before any client has said again what it wants? */
static void peek(struct test *t)
{
	paclient *client;

	victim_start(&t->v, t->v.peek);
	client = observe(t, t->v.peek);
	model_compare(t->m, client, false);
	paclient_close(client);
	victim_kill(&t->v);
	t->npeeks++;
}

/* All clients have had their answers. */
static void compare(struct test *t)
{
	paclient *client = observe(t, t->v.socket);

	pthread_mutex_lock(&t->m->lock);
	await(t, &t->m->nparked, NWORKERS);
	for (unsigned i = 0; i < MODEL_EXTENTS; i++)
		t->nextents += t->m->extents[i].used;
	pthread_mutex_unlock(&t->m->lock);
	model_compare(t->m, client, true);
	paclient_close(client);
}

static void one_end(struct test *t, enum how how)
{
	usleep((useconds_t)random_below(&t->rnd, LOAD_USEC_MAX));
	switch (how) {
	case BETWEEN_CALLS:
		victim_kill_at(&t->v, 1 + (unsigned)random_below(&t->rnd, STOPS_MAX));
		break;
	case IN_ORDER:
		victim_stop(&t->v);
		break;
	case AT_SOME_MOMENT:
	case AT_START:
	case NHOW:
		victim_kill(&t->v);
		break;
	}
	t->n[how]++;
}

static void round_once(struct test *t)
{
	static const enum how hows[] = {AT_SOME_MOMENT, AT_SOME_MOMENT, AT_SOME_MOMENT,
					BETWEEN_CALLS,  BETWEEN_CALLS,  BETWEEN_CALLS,
					AT_START,       IN_ORDER};
	enum how how = hows[random_below(&t->rnd, sizeof(hows) / sizeof(hows[0]))];

	one_end(t, how);
	if (getenv("VERBOSE"))
		fprintf(stderr, "%s\n", how_names[how]);
	pause_set(t, true);
	if (how == AT_START)
		victim_start_killed(&t->v, 1 + (unsigned)random_below(&t->rnd, START_STOPS_MAX));
	if (random_below(&t->rnd, 3) == 0)
		peek(t);
	victim_start(&t->v, t->v.socket);
	compare(t);
	pause_set(t, false);
}

static void begin(struct test *t)
{
	paclient *client;

	t->m = model_new();
	victim_place(&t->v);
	victim_start(&t->v, t->v.socket);
	client = observe(t, t->v.socket);
	t->m->grown_npages = 512;
	for (unsigned i = 0; i < MODEL_CLIENTS; i++)
		t->clients[i] = client_start(t->m, t->v.socket, i,
					     random_below(&t->rnd, UINT64_MAX));
	pthread_mutex_lock(&t->m->lock);
	await(t, &t->m->nready, MODEL_CLIENTS);
	pthread_mutex_unlock(&t->m->lock);
	pause_set(t, false);
	paclient_close(client);
}

/* With its clients, everything is gone. */
static void end(struct test *t)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	paclient *client;
	int status;

	pause_set(t, true);
	compare(t);
	t->m->stop = true;
	pause_set(t, false);
	for (unsigned i = 0; i < MODEL_CLIENTS; i++) {
		MUST(waitpid(t->clients[i], &status, 0) == t->clients[i] && status == 0,
		     "client %u ends with %#x", i, (unsigned)status);
		t->clients[i] = 0;
	}
	client = observe(t, t->v.socket);
	for (uint32_t id = 1; id <= MODEL_REGIONS; id++) {
		for (int i = 0; i < 5000; i++) {
			MUST(paclient_stat_region(client, id, &stat, NULL) == 0, "stat");
			if (stat.nextents == 0)
				break;
			usleep(1000);
		}
		MUST(stat.nextents == 0, "region %u: %" PRIu64 " extents of nobody", id,
		     stat.nextents);
	}
	paclient_close(client);
	victim_stop(&t->v);
	victim_remove(&t->v);
}

static void tell(const struct test *t, uint64_t nrounds)
{
	static const char *const names[] = {
#define MODEL_OP_NAME(id, text) text,
		MODEL_OPS(MODEL_OP_NAME)
#undef MODEL_OP_NAME
	};

	for (unsigned how = 0; how < NHOW; how++)
		printf("%6" PRIu64 " %s\n", t->n[how], how_names[how]);
	printf("%6" PRIu64 " stops at system calls\n", t->v.nstops);
	printf("%6" PRIu64 " looks at what was there before anybody came back\n", t->npeeks);
	printf("%6" PRIu64 " extents held, on average\n", nrounds ? t->nextents / nrounds : 0);
	for (unsigned op = 0; op < MODEL_NOPS; op++)
		printf("%6" PRIu64 " %s\n", t->m->counts[op], names[op]);
}

int main(int argc, char **argv)
{
	static struct test t;
	uint64_t nrounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 60;

	if (argc > 2) {
		fprintf(stderr, "usage: fault_kill [NKILLS]\n");
		return 2;
	}
	random_init(&t.rnd, "fault_kill");
	begin(&t);
	usleep(LOAD_USEC_MAX);
	for (uint64_t i = 0; i < nrounds; i++)
		round_once(&t);
	end(&t);
	tell(&t, nrounds);
	return EXIT_SUCCESS;
}
