/*
 * victim - a process that gets into a state and waits there to be killed
 *
 * Role:       see victim.h.
 * Uses:       model.h, calls.h
 */
#include "tests/e2e/deaths/victim.h"

#include <inttypes.h>
#include <sys/prctl.h>
#include <signal.h>

#include "tests/unit/random.h"

#define CHANGES_MAX 8
#define NPAGES_MAX 8
#define GRACE_MSEC_MAX 20

/* Long enough that a busy machine does not let it pass. */
#define GRACE_MSEC_LONG 60000

struct victim {
	const char *path;
	struct random rnd;
	uint64_t seed;
	unsigned nnames;
	struct victim_report *report;
	int fd;
};

const char *victim_state_name(enum victim_state state)
{
	switch (state) {
#define VICTIM_NAME(name, text) \
	case VICTIM_##name:     \
		return text;
		VICTIM_STATES(VICTIM_NAME)
#undef VICTIM_NAME
	case VICTIM_NSTATES:
		break;
	}
	return "unknown";
}

static void extent_take(struct victim *v)
{
	struct model_extent e = {
		.region = (enum model_region)(REGION_FREE + random_below(&v->rnd, 3)),
		.npages = 1 + random_below(&v->rnd, NPAGES_MAX),
	};
	bool detached = random_below(&v->rnd, 8) == 0;

	if (random_below(&v->rnd, 3) == 0)
		snprintf(e.name, sizeof(e.name), "%" PRIx64 "-%u", v->seed, v->nnames++);
	if (!calls_alloc(v->fd, &e, detached))
		return;
	e.owner = detached ? OWNER_USER : OWNER_VICTIM;
	model_add(&v->report->model, &e);
}

/* Some extent of the model, of @owner; NULL where the dice say so. */
static struct model_extent *extent_draw(struct victim *v, enum model_owner owner)
{
	struct model *m = &v->report->model;
	struct model_extent *e;

	if (m->n == 0)
		return NULL;
	e = &m->extents[random_below(&v->rnd, m->n)];
	return e->owner == owner && e->region != REGION_FULL ? e : NULL;
}

static void change(struct victim *v)
{
	struct model *m = &v->report->model;
	struct model_extent *e;

	switch (random_below(&v->rnd, 4)) {
	case 0:
		e = extent_draw(v, OWNER_OBSERVER);
		if (!e || e->victim_shares)
			return;
		calls_share(v->fd, e);
		e->victim_shares = true;
		return;
	case 1:
		e = extent_draw(v, OWNER_VICTIM);
		if (!e)
			return;
		calls_free(v->fd, e);
		model_remove(m, (unsigned)(e - m->extents));
		return;
	default:
		extent_take(v);
		return;
	}
}

static void changes(struct victim *v)
{
	unsigned n = (unsigned)random_below(&v->rnd, CHANGES_MAX + 1);

	for (unsigned i = 0; i < n; i++)
		change(v);
}

static void begin(struct victim *v, uint64_t grace_msec)
{
	calls_hello(v->fd, grace_msec, NULL, &v->report->session);
	changes(v);
}

static void part_send(struct victim *v)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t npages = 1;
	uint8_t buf[256];
	size_t n;

	m.region_id = REGION_FREE;
	m.npages = &npages;
	m.n_npages = 1;
	n = wire_pack(&REQUEST(9, ALLOC, alloc, &m), buf);
	wire_send(v->fd, buf, 1 + random_below(&v->rnd, n - 1));
}

/* Pictures of a region, asked for until the daemon reads no more since nobody takes them. */
static void replies_leave(struct victim *v)
{
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	uint8_t buf[256];
	size_t n;

	m.region_id = REGION_FREE;
	m.ncells = 1024;
	n = wire_pack(&REQUEST(10, MAP, map, &m), buf);
	for (int quiet = 0; quiet < 3;) {
		ssize_t sent = send(v->fd, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent == (ssize_t)n)
			continue;
		WIRE_MUST(sent < 0 && errno == EAGAIN, "a request was cut: %zd", sent);
		quiet++;
		wire_sleep_msec(1);
	}
}

static void connection_leave(struct victim *v)
{
	close(v->fd);
}

static void session_resume(struct victim *v)
{
	struct calls_session again;

	/* Before or after the daemon has seen the end of the first connection. */
	if (random_below(&v->rnd, 2))
		close(v->fd);
	v->fd = wire_connect(v->path);
	calls_hello(v->fd, GRACE_MSEC_LONG, v->report->session.token, &again);
	WIRE_MUST(again.id == v->report->session.id, "another session was resumed");
	v->report->session = again;
	changes(v);
}

static void child_leave(struct victim *v)
{
	pid_t pid = fork();

	WIRE_MUST(pid >= 0, "fork: %s", strerror(errno));
	if (pid == 0) {
		for (;;)
			pause();
	}
	v->report->child = pid;
}

/* Without end. Only where all of it goes with the session: what the last request came to, nobody knows. */
static void busy(struct victim *v)
{
	for (;;) {
		struct model_extent e = {
			.region = REGION_FREE,
			.npages = 1 + random_below(&v->rnd, NPAGES_MAX),
		};

		if (calls_alloc(v->fd, &e, false) && random_below(&v->rnd, 2))
			calls_free(v->fd, &e);
	}
}

static void reach(struct victim *v, enum victim_state state)
{
	v->fd = wire_connect(v->path);
	switch (state) {
	case VICTIM_CONNECTED:
		return;
	case VICTIM_IDLE:
	case VICTIM_SHARED:
		begin(v, random_below(&v->rnd, 2) * random_below(&v->rnd, GRACE_MSEC_MAX));
		return;
	case VICTIM_MID_FRAME:
		begin(v, 0);
		part_send(v);
		return;
	case VICTIM_MID_REPLY:
		begin(v, 0);
		replies_leave(v);
		return;
	case VICTIM_WAITING:
		begin(v, random_below(&v->rnd, 2) * random_below(&v->rnd, GRACE_MSEC_MAX));
		calls_wait_begin(v->fd);
		return;
	case VICTIM_GRACE:
		begin(v, 1 + random_below(&v->rnd, GRACE_MSEC_MAX));
		connection_leave(v);
		return;
	case VICTIM_RESUMED:
		begin(v, GRACE_MSEC_LONG);
		session_resume(v);
		return;
	case VICTIM_FORKED:
		begin(v, 0);
		child_leave(v);
		return;
	case VICTIM_BUSY:
		calls_hello(v->fd, 0, NULL, &v->report->session);
		busy(v);
		return;
	case VICTIM_NSTATES:
		break;
	}
}

pid_t victim_start(const char *path, enum victim_state state, uint64_t seed,
		   struct victim_report *report)
{
	struct victim v = {.path = path, .rnd = {seed}, .seed = seed, .report = report};
	pid_t pid;

	fflush(NULL);
	pid = fork();
	WIRE_MUST(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	/* Not to outlive a test that has failed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	reach(&v, state);
	atomic_store(&report->ready, true);
	for (;;)
		pause();
}
