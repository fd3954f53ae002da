/*
 * cmd_watch - the verb watch: what happens, as it happens
 *
 * Role:       one line, or one JSON object, for each event, written at once.
 * Uses:       cli.h
 *
 * Who does not read us is no reason for anybody to wait: we are not read either then, the daemon drops events, and says how many.
 */
#include "client/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Kinds that a word of bits has room for. */
#define KINDS_MAX 64

/* What an event of a kind has to say. */
enum says {
	RANGE = 1 << 0,  /* addr, npages */
	NPAGES = 1 << 1, /* npages alone */
	OWNER = 1 << 2,  /* session, if it is one's, and user */
	PID = 1 << 3,    /* where there is one */
	CAUSE = 1 << 4,
	QUOTA = 1 << 5, /* quota, limit, used, asked */
	LIMIT = 1 << 6, /* limit alone, in pages */
	ALL = RANGE | OWNER | PID | CAUSE | QUOTA,
};

static const unsigned kinds[] = {
	[PACLIENT_EVENT_LOST] = 0,
	[PACLIENT_EVENT_ALLOC] = RANGE | OWNER,
	[PACLIENT_EVENT_FREE] = RANGE | OWNER,
	[PACLIENT_EVENT_GROW] = RANGE,
	[PACLIENT_EVENT_SHRINK] = RANGE,
	[PACLIENT_EVENT_SESSION_OPEN] = OWNER | PID,
	[PACLIENT_EVENT_SESSION_GRACE] = OWNER | PID | CAUSE,
	[PACLIENT_EVENT_SESSION_RESUME] = OWNER | PID,
	[PACLIENT_EVENT_SESSION_END] = OWNER | PID | CAUSE,
	[PACLIENT_EVENT_SPACE_LOW] = NPAGES | LIMIT,
	[PACLIENT_EVENT_SPACE_OK] = NPAGES | LIMIT,
	[PACLIENT_EVENT_QUOTA] = OWNER | PID | QUOTA,
	[PACLIENT_EVENT_HANDOVER] = RANGE | OWNER,
	[PACLIENT_EVENT_RECLAIM] = RANGE | OWNER,
};

/* A newer daemon's kinds may say anything. */
static unsigned kind_says(int kind)
{
	return kind >= 0 && (size_t)kind < ARRAY_SIZE(kinds) ? kinds[kind] : ALL;
}

struct watching {
	const struct cli *cli;
	struct paclient_region_list *regions; /* for their names */
	uint64_t ours; /* the session that has asked for them: its end is nobody's business */
	uint64_t nshown;
};

static bool kind_find(const char *name, size_t nbytes, int *ret)
{
	for (int kind = 1; kind < KINDS_MAX; kind++) {
		const char *known = paclient_event_name(kind);

		if (strlen(known) != nbytes || memcmp(known, name, nbytes) != 0 ||
		    !strcmp(known, paclient_event_name(-1)))
			continue;
		*ret = kind;
		return true;
	}
	return false;
}

static int kind_unknown(const struct cli *cli, const char *name, size_t nbytes)
{
	char known[256] = "";
	size_t n = 0;

	for (size_t kind = 1; kind < ARRAY_SIZE(kinds) && n < sizeof(known); kind++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "",
				      paclient_event_name((int)kind));
	return usage_error(cli, "--kind: \"%.*s\" is not known; %s are", (int)nbytes, name, known);
}

/* "alloc,free": names with commas between them, into bits. */
static int kinds_read(const struct cli *cli, uint64_t *ret)
{
	const char *at = cli->kinds;
	int kind;

	*ret = 0;
	while (at) {
		size_t nbytes = strcspn(at, ",");

		if (!kind_find(at, nbytes, &kind))
			return kind_unknown(cli, at, nbytes);
		*ret |= UINT64_C(1) << kind;
		at = at[nbytes] ? at + nbytes + 1 : NULL;
	}
	return 0;
}

static const char *region_name(const struct watching *w, uint32_t id)
{
	for (size_t i = 0; i < w->regions->nregions; i++) {
		if (w->regions->regions[i]->id == id)
			return w->regions->regions[i]->name;
	}
	return "";
}

static json_t *event_json(const struct watching *w, const struct paclient_event *e)
{
	unsigned says = kind_says(e->kind);
	json_t *o = json_pack("{s:s, s:o}", "kind", paclient_event_name(e->kind), "time_usec",
			      json_count(e->time_usec));

	if (e->region_id)
		json_object_set_new(o, "region", json_text(region_name(w, e->region_id)));
	if (says & RANGE)
		json_object_set_new(o, "addr", json_addr(e->addr));
	if (says & (RANGE | NPAGES))
		json_object_set_new(o, "npages", json_count(e->npages));
	if (says & OWNER) {
		json_object_set_new(o, "session",
				    e->session_id ? json_count(e->session_id) : json_null());
		user_json(o, e->uid);
	}
	if (says & PID)
		json_object_set_new(o, "pid", e->pid ? json_count(e->pid) : json_null());
	if (says & CAUSE)
		json_object_set_new(o, "cause", json_string(paclient_cause_name(e->cause)));
	if (says & LIMIT)
		json_object_set_new(o, "low_npages", json_count(e->limit));
	if (says & QUOTA) {
		json_object_set_new(o, "quota", json_text(e->text));
		json_object_set_new(o, "limit", json_count(e->limit));
		json_object_set_new(o, "used", json_count(e->used));
		json_object_set_new(o, "asked", json_count(e->asked));
	}
	return o;
}

/* "2026-01-31T23:59:59.123Z" */
static void time_print(uint64_t usec)
{
	time_t seconds = (time_t)(usec / 1000000);
	struct tm tm;
	char text[32] = "-";

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	printf("%s.%03" PRIu64 "Z", text, usec / 1000 % 1000);
}

static void event_line(const struct watching *w, const struct paclient_event *e)
{
	unsigned says = kind_says(e->kind);
	char user[USER_TEXT_BYTES];

	time_print(e->time_usec);
	printf(" %-14s", paclient_event_name(e->kind));
	if (e->region_id)
		printf(" region=%s", region_name(w, e->region_id));
	if (says & RANGE)
		printf(" addr=0x%" PRIx64, e->addr);
	if (says & (RANGE | NPAGES))
		printf(" npages=%" PRIu64, e->npages);
	if (says & OWNER && e->session_id)
		printf(" session=%" PRIu64, e->session_id);
	if (says & OWNER)
		printf(" user=%s", user_text(e->uid, user));
	if (says & PID && e->pid)
		printf(" pid=%" PRIu32, e->pid);
	if (says & CAUSE)
		printf(" cause=%s", paclient_cause_name(e->cause));
	if (says & LIMIT)
		printf(" low=%" PRIu64, e->limit);
	if (says & QUOTA)
		printf(" quota=%s limit=%" PRIu64 " used=%" PRIu64 " asked=%" PRIu64, e->text,
		       e->limit, e->used, e->asked);
	putchar('\n');
}

static void lost_show(const struct watching *w, const struct paclient_event *e)
{
	struct timespec t;
	uint64_t usec = e->time_usec;

	/* A loss that no event follows has no time of its own. */
	if (!usec) {
		clock_gettime(CLOCK_REALTIME, &t);
		usec = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	}
	if (w->cli->json) {
		printf("{\"kind\": \"lost\", \"time_usec\": %" PRIu64 ", \"lost\": %" PRIu64 "}\n",
		       usec, e->lost);
		return;
	}
	time_print(usec);
	printf(" %-14s events=%" PRIu64 "\n", paclient_event_name(PACLIENT_EVENT_LOST), e->lost);
}

/* Return: 0, or an exit code, already told. */
static int event_show(struct watching *w, const struct paclient_event *e)
{
	json_t *o;
	int err;

	if (e->lost)
		lost_show(w, e);
	if (e->kind == PACLIENT_EVENT_LOST ||
	    (e->kind == PACLIENT_EVENT_SESSION_END && e->session_id == w->ours))
		return 0;
	w->nshown++;
	if (!w->cli->json) {
		event_line(w, e);
		return 0;
	}
	o = event_json(w, e);
	err = o ? json_dumpf(o, stdout, 0) : -1;
	json_decref(o);
	putchar('\n');
	return err && !ferror(stdout) ? system_error(w->cli, "no memory for the output") : 0;
}

static bool watch_done(const struct watching *w)
{
	return w->cli->count && w->nshown >= w->cli->count;
}

/* What has come by now. Return: 0, or an exit code, already told. */
static int watch_drain(struct watching *w, paclient_watch *watch)
{
	struct paclient_event e = {.size = sizeof(e)};
	struct paclient_call call = PACLIENT_CALL_INIT;
	int err = 0, status = 0;

	while (!err && !watch_done(w)) {
		e.size = sizeof(e);
		status = paclient_watch_next(watch, &e, 0, &call);
		if (status == PACLIENT_TIMED_OUT)
			break;
		err = status ? call_error(w->cli, &call.error) : event_show(w, &e);
		/* Each at once: who reads waits for it. */
		if (fflush(stdout))
			break;
	}
	return err;
}

/* Whoever read us does no more: that is how pipes end, and no failure. */
static bool reader_gone(void)
{
	return ferror(stdout) && errno == EPIPE;
}

/* Until enough was seen, nobody reads us any more, or the daemon is gone. */
static int watch_loop(struct watching *w, paclient_watch *watch)
{
	struct pollfd fds[] = {{.fd = paclient_watch_fd(watch), .events = POLLIN},
			       {.fd = STDOUT_FILENO}};
	int err;

	for (;;) {
		err = watch_drain(w, watch);
		if (err || watch_done(w) || ferror(stdout))
			break;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return system_error(w->cli, "cannot wait for events: %s", strerror(errno));
		if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
			return 0;
	}
	if (err)
		return err;
	return reader_gone() ? 0 : out_end(w->cli);
}

/* Lines are written whole, one at a time, and the daemon sees to the rest: there is nothing to tidy up. */
static void stop(int signal)
{
	(void)signal;
	_exit(0);
}

static void signals_set(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = stop};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaction(ends[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The names of the regions, by a session that is over before the watch begins. */
static int regions_get(struct watching *w)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_call call;
	int err = cli_open(w->cli, &pa);

	if (err)
		return err;
	w->ours = paclient_session_id(pa);
	call_init(w->cli, &call);
	return paclient_regions(pa, &w->regions, &call) ? call_error(w->cli, &call.error) : 0;
}

static int watch_run(struct watching *w, const struct paclient_watch_filter *filter)
{
	struct paclient_options options = PACLIENT_OPTIONS_INIT;
	paclient_watch *watch;
	struct paclient_call call;
	int err;

	call_init(w->cli, &call);
	options.timeout_ms = w->cli->timeout_ms;
	options.wait_for_daemon = w->cli->wait_for_daemon;
	if (paclient_watch_open(cli_socket(w->cli), &options, filter, &watch, &call))
		return call_error(w->cli, &call.error);
	signals_set();
	err = watch_loop(w, watch);
	paclient_watch_close(watch);
	return err;
}

int cmd_watch(struct cli *cli)
{
	struct paclient_watch_filter filter = PACLIENT_WATCH_FILTER_INIT;
	struct watching w = {.cli = cli};
	int err;

	filter.region = cli_region_take(cli);
	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	filter.session_id = cli->session;
	err = user_read(cli);
	filter.by_uid = cli->user != NULL;
	filter.uid = cli->uid;
	if (!err)
		err = kinds_read(cli, &filter.kinds);
	if (!err)
		err = regions_get(&w);
	if (!err)
		err = watch_run(&w, &filter);
	paclient_regions_free(w.regions);
	return err;
}
