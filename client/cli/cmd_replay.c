/*
 * cmd_replay - the verb replay: a recorded workload against the daemon
 *
 * Role:       one connection per session, one request at a time, in the order of the file; times each.
 * Uses:       replay.h, workload.h
 */
#include "client/cli/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/progress.h"

#define NSEC_PER_USEC 1000u
#define NSEC_PER_SEC 1000000000u

/* Pages of an extent that are still held. */
struct piece {
	uint64_t first;
	uint64_t end;
};

struct extent {
	bool held;
	uint32_t next; /* extent of the same session, in its list; number + 1, 0 = none */
	uint64_t addr;
	size_t npieces;
	struct piece *pieces;
};

struct session {
	paclient *pa;    /* NULL: not open, or could not be opened */
	uint32_t extent; /* first of its list; number + 1, 0 = none */
};

struct replay {
	const struct cli *cli;
	const struct workload *w;
	struct paclient_region region;
	struct session *sessions;
	struct extent *extents;
	struct check *check; /* NULL without --check */
	uint64_t freed_addr; /* by the last free */
	/* What a session holds at its end is given back before: when the daemon does it, is its own affair. */
	bool by_hand;
	struct replay_result result;
};

static void replay_deinit(struct replay *r)
{
	for (uint32_t i = 0; r->sessions && i < r->w->nsessions; i++)
		paclient_close(r->sessions[i].pa);
	for (uint32_t i = 0; r->extents && i < r->w->nextents; i++)
		free(r->extents[i].pieces);
	free(r->sessions);
	free(r->extents);
	free(r->result.alloc.ns);
	free(r->result.free.ns);
	check_free(r->check);
}

static int replay_init(struct replay *r)
{
	const struct workload *w = r->w;

	r->sessions = calloc((size_t)w->nsessions + 1, sizeof(struct session));
	r->extents = calloc((size_t)w->nextents + 1, sizeof(struct extent));
	r->result.alloc.ns = calloc(w->nallocs + 1, sizeof(uint64_t));
	r->result.free.ns = calloc(w->nfrees + 1, sizeof(uint64_t));
	if (r->cli->check) {
		r->check = check_new(&r->region);
		r->result.checked = true;
		r->result.incomparable = replay_incomparable(r->cli, w, &r->region);
	}
	r->result.origin = w->origin;
	r->by_hand = r->cli->exact || (r->check && !r->result.incomparable);
	if (!r->sessions || !r->extents || !r->result.alloc.ns || !r->result.free.ns ||
	    (r->cli->check && !r->check))
		return -ENOMEM;
	return 0;
}

/* After these there is no daemon to go on with. */
static bool is_the_end(int status)
{
	return status == PACLIENT_NOT_CONNECTED || status == PACLIENT_DISCONNECTED ||
	       status == PACLIENT_PROTOCOL;
}

static int failed(struct replay *r, const struct paclient_error *e)
{
	struct replay_result *x = &r->result;

	if (!x->nfailures++)
		x->first_failure = *e;
	x->failures[e->status < NSTATUSES ? e->status : NSTATUSES - 1]++;
	return is_the_end(e->status) ? e->status : 0;
}

static void check_failed(struct replay *r, const char *what, uint64_t addr)
{
	char *to = r->result.check_failure;

	if (!to[0])
		snprintf(to, sizeof(r->result.check_failure), "0x%" PRIx64 ": %s", addr, what);
}

static void held_change(struct replay *r, uint64_t more, uint64_t less)
{
	struct replay_result *x = &r->result;

	x->held_npages += more - less;
	if (x->held_npages > x->peak_npages)
		x->peak_npages = x->held_npages;
}

static int do_open(struct replay *r, const struct event *e)
{
	struct paclient_options options = PACLIENT_OPTIONS_INIT;
	struct paclient_call call;

	call_init(r->cli, &call);
	options.timeout_ms = r->cli->timeout_ms;
	options.client_name = "paclient replay";
	options.wait_for_daemon = r->cli->wait_for_daemon;
	if (paclient_open(cli_socket(r->cli), &options, &r->sessions[e->session].pa, &call))
		return failed(r, &call.error);
	r->result.nsessions++;
	return 0;
}

/* The extent is its session's now. Return: 0, -ENOMEM. */
static int extent_add(struct replay *r, const struct event *e)
{
	struct extent *x = &r->extents[e->extent];
	struct session *s = &r->sessions[e->session];

	x->pieces = malloc(sizeof(x->pieces[0]));
	if (!x->pieces)
		return -ENOMEM;
	x->pieces[0] = (struct piece){0, e->npages};
	x->npieces = 1;
	x->held = true;
	x->next = s->extent;
	s->extent = e->extent + 1;
	held_change(r, e->npages, 0);
	return 0;
}

/* [first, end) goes out of the piece that it lies in; the file's check has seen that there is one. */
static int extent_cut(struct extent *x, uint64_t first, uint64_t end)
{
	struct piece *bigger, *p = x->pieces;

	while (p->first > first || p->end < end)
		p++;
	if (p->first < first && p->end > end) {
		struct piece upper = {end, p->end};

		p->end = first;
		bigger = reallocarray(x->pieces, x->npieces + 1, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		x->pieces = bigger;
		x->pieces[x->npieces++] = upper;
	} else if (p->first < first) {
		p->end = first;
	} else if (p->end > end) {
		p->first = end;
	} else {
		*p = x->pieces[--x->npieces];
	}
	return 0;
}

static int alloc(struct replay *r, const struct event *e, uint64_t *ret_addr,
		 struct paclient_call *call)
{
	struct paclient_placement where = PACLIENT_PLACEMENT_INIT;
	paclient *pa = r->sessions[e->session].pa;

	if (!replay_place(r->cli, r->w, &r->region, e, r->freed_addr, &where))
		return paclient_alloc(pa, r->region.id, e->npages, 0, ret_addr, call);
	return paclient_alloc_placed(pa, r->region.id, 1, &e->npages, 0, &where, ret_addr, call);
}

static void compare(struct replay *r, const struct event *e, uint64_t addr)
{
	struct replay_result *x = &r->result;
	uint64_t wanted;
	char what[80];

	if (!x->checked || x->incomparable || e->place == PLACE_UNKNOWN)
		return;
	wanted = replay_addr(r->w, &r->region, e);
	x->ncompared++;
	if (addr == wanted)
		return;
	x->ndifferent++;
	snprintf(what, sizeof(what), "the recording has 0x%" PRIx64, wanted);
	check_failed(r, what, addr);
}

static int do_alloc(struct replay *r, const struct event *e)
{
	struct extent *x = &r->extents[e->extent];
	struct latencies *l = &r->result.alloc;
	struct paclient_call call;
	const char *wrong;
	uint64_t began;
	int status;

	if (!r->sessions[e->session].pa) {
		r->result.nskipped++;
		return 0;
	}
	call_init(r->cli, &call);
	began = now_ns();
	status = alloc(r, e, &x->addr, &call);
	if (status)
		return failed(r, &call.error);
	l->ns[l->n++] = now_ns() - began;
	r->result.nallocs++;
	wrong = r->check ? check_alloc(r->check, x->addr, e->npages) : NULL;
	if (wrong)
		check_failed(r, wrong, x->addr);
	compare(r, e, x->addr);
	return extent_add(r, e);
}

static int do_free(struct replay *r, const struct event *e)
{
	struct extent *x = &r->extents[e->extent];
	struct latencies *l = &r->result.free;
	uint64_t addr = x->addr + e->first * r->region.page_size_bytes, began;
	struct paclient_call call;
	int status;

	if (!x->held) {
		r->result.nskipped++;
		return 0;
	}
	call_init(r->cli, &call);
	began = now_ns();
	status = paclient_free(r->sessions[e->session].pa, r->region.id, addr, e->npages, &call);
	if (status)
		return failed(r, &call.error);
	l->ns[l->n++] = now_ns() - began;
	r->result.nfrees++;
	r->freed_addr = addr;
	held_change(r, 0, e->npages);
	if (r->check)
		check_give_back(r->check, addr, e->npages);
	return extent_cut(x, e->first, e->first + e->npages);
}

/* A piece of a session that is about to end. */
static void piece_give_back(struct replay *r, const struct session *s, uint64_t addr,
			    uint64_t npages)
{
	struct paclient_call call;

	held_change(r, 0, npages);
	if (r->check)
		check_give_back(r->check, addr, npages);
	call_init(r->cli, &call);
	/* Where it fails the session's end does it. */
	if (r->by_hand && s->pa && paclient_free(s->pa, r->region.id, addr, npages, &call))
		return;
}

/* What the session still holds goes with it. */
static void do_close(struct replay *r, const struct event *e)
{
	struct session *s = &r->sessions[e->session];

	while (s->extent) {
		struct extent *x = &r->extents[s->extent - 1];

		for (size_t i = 0; i < x->npieces; i++) {
			const struct piece *p = &x->pieces[i];

			piece_give_back(r, s, x->addr + p->first * r->region.page_size_bytes,
					p->end - p->first);
		}
		free(x->pieces);
		x->pieces = NULL;
		s->extent = x->next;
	}
	paclient_close(s->pa);
	s->pa = NULL;
}

static int do_event(struct replay *r, const struct event *e)
{
	switch (e->kind) {
	case EVENT_OPEN:
		return do_open(r, e);
	case EVENT_ALLOC:
		return do_alloc(r, e);
	case EVENT_FREE:
		return do_free(r, e);
	case EVENT_CLOSE:
		do_close(r, e);
		return 0;
	}
	return 0;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
			     .tv_nsec = (long)(ns % NSEC_PER_SEC)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* Return: 0, the status that ended it early, negative errno. */
static int replay_run(struct replay *r)
{
	const struct workload *w = r->w;
	struct progress bar;
	uint64_t began = now_ns();
	int err = 0;

	progress_begin(&bar, r->cli, "replay");
	for (size_t i = 0; i < w->nevents && !err; i++) {
		progress_set(&bar, i, w->nevents);
		if (r->cli->realtime)
			sleep_until(began + w->events[i].usec * NSEC_PER_USEC);
		err = do_event(r, &w->events[i]);
	}
	r->result.elapsed_ns = now_ns() - began;
	progress_end(&bar);
	for (uint32_t i = 0; i < w->nsessions; i++)
		do_close(r, &(struct event){.session = i});
	return err;
}

static int nused(struct replay *r, paclient *pa, uint64_t *ret)
{
	struct paclient_region info = {.size = sizeof(info)};
	struct paclient_call call;

	call_init(r->cli, &call);
	if (paclient_region_info(pa, r->region.id, &info, &call))
		return call_error(r->cli, &call.error);
	*ret = region_used(&info);
	return 0;
}

/*
 * All sessions are closed: the region must hold what it held before. The daemon takes back what they had when it comes to it: one that died
 * just when they were closed waits for them first, as long as its RestartGrace=.
 */
static int settle(struct replay *r, paclient *pa)
{
	int timeout_ms = r->cli->timeout_ms ? r->cli->timeout_ms : PACLIENT_DEFAULT_TIMEOUT_MS;
	uint64_t before = region_used(&r->region), now = 0;
	uint64_t until = now_ns() + (uint64_t)timeout_ms * 1000 * NSEC_PER_USEC;
	int err;

	do {
		err = nused(r, pa, &now);
		if (err || now == before)
			return err;
		sleep_until(now_ns() + 1000 * NSEC_PER_USEC);
	} while (now_ns() < until);
	if (!r->result.check_failure[0])
		snprintf(r->result.check_failure, sizeof(r->result.check_failure),
			 "%" PRIu64 " pages were in use before, %" PRIu64 " are now", before, now);
	return 0;
}

static int replay_workload(struct cli *cli, const char *name, const struct workload *w)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	CLEANUP(replay_deinit) struct replay r = {.cli = cli, .w = w};
	int err, status;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r.region);
	if (!err && cli->exact)
		err = replay_exact_check(cli, w, &r.region);
	if (err)
		return err;
	if (replay_init(&r))
		return system_error(cli, "no memory for the replay");
	status = replay_run(&r);
	if (status < 0)
		return system_error(cli, "no memory for the replay");
	if (cli->check && !is_the_end(status))
		err = settle(&r, pa);
	if (!err)
		err = replay_report(cli, r.region.name, r.region.page_size_bytes, &r.result);
	if (!err && r.result.check_failure[0])
		err = system_error(cli, "check failed: %s", r.result.check_failure);
	if (!err && r.result.nfailures)
		err = call_error(cli, &r.result.first_failure);
	return err;
}

static int file_error(const struct cli *cli, const char *path, int err,
		      const struct workload_error *why)
{
	if (err < 0)
		return system_error(cli, "cannot read %s: %s", path, strerror(-err));
	if (!why->line)
		return usage_error(cli, "%s %s", path, why->message);
	return usage_error(cli, "%s:%lu: %s", path, why->line, why->message);
}

/* Each session that is open at once needs a descriptor. */
static void files_allow(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

int cmd_replay(struct cli *cli)
{
	CLEANUP(workload_deinit) struct workload w = {0};
	struct workload_error why = {0};
	const char *path, *name;
	FILE *file;
	int err;

	name = cli_region_take(cli);
	if (!name || !cli->nargs)
		return usage_error(cli, "name a region and a file: paclient replay REGION FILE");
	if (cli->nargs > 1)
		return usage_error(cli, "takes one file, \"%s\" is one too many", cli->args[1]);
	path = cli->args[0];
	file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	if (!file)
		return usage_error(cli, "cannot open %s: %s", path, strerror(errno));
	errno = 0;
	err = workload_read(file, &w, &why);
	if (file != stdin)
		fclose(file);
	if (err)
		return file_error(cli, path, err, &why);
	files_allow();
	return replay_workload(cli, name, &w);
}
