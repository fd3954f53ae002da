/*
 * cmd_trace - the verb trace: record a workload on the live daemon
 *
 * Role:       starts recorders, here or in the background, finds them, ends them.
 * Uses:       trace.h
 */
#include "client/cli/trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli/recording.h"

/* How long stop waits for the last events and the disk where --timeout does not say. */
#define STOP_MS 60000

#define NAME_PREFIX "trace-"

/* A recording that is to begin. */
struct starting {
	struct cli *cli;
	const char *region;
	const char *name;
	uint64_t bytes_max;
	int out;
	int told; /* who has started us waits there; -1: nobody */
	struct trace trace;
};

/* The region must be there; without a name it is the only one. Return: 0 or an exit code, already told. */
static int region_choose(struct starting *s, char to[PACLIENT_NAME_BYTES])
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_region_list *list;
	struct paclient_region r;
	struct paclient_call call;
	int err = cli_open(s->cli, &pa);

	if (!err && s->region)
		err = cli_region(s->cli, pa, s->region, &r);
	if (err || s->region)
		return err;
	call_init(s->cli, &call);
	if (paclient_regions(pa, &list, &call))
		return call_error(s->cli, &call.error);
	if (list->nregions == 1)
		snprintf(to, PACLIENT_NAME_BYTES, "%s", list->regions[0]->name);
	else
		err = usage_error(s->cli,
				  "name a region, as there are %zu: paclient trace start "
				  "--output FILE REGION",
				  list->nregions);
	paclient_regions_free(list);
	s->region = to;
	return err;
}

static int bytes_max_read(const struct cli *cli, uint64_t *ret)
{
	*ret = cli->max.value;
	if (!*ret || *ret >= RECORDING_BYTES_MIN)
		return 0;
	return usage_error(cli, "--max-bytes must be at least %u", RECORDING_BYTES_MIN);
}

static int output_open(struct starting *s)
{
	struct trace_state *state = s->trace.state;
	const char *path = s->cli->output;
	char whole[PATH_MAX];

	s->out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (s->out < 0 && errno == EEXIST)
		return usage_error(s->cli, "%s is there already: remove it, or name another file",
				   path);
	if (s->out < 0)
		return system_error(s->cli, "cannot make %s: %s", path, strerror(errno));
	snprintf(state->output, sizeof(state->output), "%s", realpath(path, whole) ? whole : path);
	return 0;
}

/* What the one who started us is told: an exit code. */
static bool tell(int fd, int code)
{
	return write(fd, &code, sizeof(code)) == sizeof(code);
}

static bool ready_here(void *ctx)
{
	const struct starting *s = ctx;

	if (!s->cli->json)
		fprintf(stderr, "recording %s into %s until SIGINT or SIGTERM\n", s->region,
			s->cli->output);
	return true;
}

/* From here on nobody reads what we say. The folder stays: the socket may be named from there. */
static bool ready_behind(void *ctx)
{
	struct starting *s = ctx;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		return false;
	close(null);
	return tell(s->told, 0);
}

static int record(struct starting *s, bool (*ready)(void *ctx))
{
	struct recorder_task task = {.cli = s->cli,
				     .region = s->region,
				     .fd = s->out,
				     .bytes_max = s->bytes_max,
				     .state = s->trace.state,
				     .ready = ready,
				     .ctx = s};

	return recorder_run(&task);
}

/* It has not begun: nothing is left of it. */
static void start_undo(const struct starting *s)
{
	unlink(s->trace.state->output);
	trace_forget(&s->trace);
}

static int trace_out(const struct cli *cli, const struct trace *t)
{
	if (cli->json)
		return json_out(cli, trace_json(t));
	trace_text(t);
	return out_end(cli);
}

static int foreground(struct starting *s)
{
	int err = record(s, ready_here);

	if (err) {
		start_undo(s);
		return err;
	}
	trace_forget(&s->trace);
	err = trace_out(s->cli, &s->trace);
	if (!err && s->trace.state->failed)
		err = system_error(s->cli, "%s", s->trace.state->reason);
	return err;
}

/* What the one who has started us had open is none of our business: somebody may wait for its end. */
static void files_close(const struct starting *s)
{
	const int ours[] = {s->trace.fd, s->out, s->told};
	int from = STDERR_FILENO + 1, next;

	do {
		next = INT_MAX;
		for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
			if (ours[i] >= from && ours[i] < next)
				next = ours[i];
		}
		if (from < next)
			close_range((unsigned)from, (unsigned)next - 1, 0);
		from = next == INT_MAX ? INT_MAX : next + 1;
	} while (from != INT_MAX);
}

/* The recorder itself, in a process and session of its own. Does not return. */
static void behind(struct starting *s)
{
	int err;

	setsid();
	files_close(s);
	s->trace.state->pid = getpid();
	err = record(s, ready_behind);
	if (err) {
		start_undo(s);
		tell(s->told, err);
	}
	_exit(err);
}

static int started(const struct starting *s)
{
	if (s->cli->json)
		return json_out(s->cli, trace_json(&s->trace));
	printf("%s: recording %s into %s\n", s->name, s->region, s->trace.state->output);
	return out_end(s->cli);
}

/* Return: what the recorder has told; it has said itself why it failed. */
static int background(struct starting *s)
{
	int fds[2], code = -1;
	pid_t pid;

	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC))
		return system_error(s->cli, "cannot start the recorder: %s", strerror(errno));
	s->told = fds[1];
	pid = fork();
	if (!pid)
		behind(s);
	close(fds[1]);
	if (pid < 0 || read(fds[0], &code, sizeof(code)) != sizeof(code))
		code = -1;
	close(fds[0]);
	if (pid > 0 && !code)
		return started(s);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (code > 0)
		return code;
	start_undo(s);
	return system_error(s->cli, "the recorder did not start");
}

static int cmd_start(struct cli *cli, const char *region)
{
	struct starting s = {.cli = cli, .region = region, .out = -1, .told = -1};
	char only[PACLIENT_NAME_BYTES];
	int err;

	if (!cli->output)
		return usage_error(cli, "say where to: paclient trace start --output FILE");
	err = cli->name ? trace_name_check(cli, cli->name) : 0;
	if (!err)
		err = bytes_max_read(cli, &s.bytes_max);
	if (!err)
		err = region_choose(&s, only);
	if (err)
		return err;
	s.name = cli->name ? cli->name : s.region;
	err = trace_name_check(cli, s.name);
	if (!err)
		err = trace_begin(cli, s.name, &s.trace);
	if (err)
		return err;
	snprintf(s.trace.state->region, sizeof(s.trace.state->region), "%s", s.region);
	err = output_open(&s);
	if (err)
		trace_forget(&s.trace);
	else
		err = cli->foreground ? foreground(&s) : background(&s);
	if (s.out >= 0)
		close(s.out);
	trace_close(&s.trace);
	return err;
}

/* Is it one that the command line means? */
static bool meant(const struct cli *cli, const char *region, const struct trace *t)
{
	if (cli->name)
		return !strcmp(cli->name, t->state->name);
	return !region || !strcmp(region, t->state->region);
}

/* Shows each one that is meant to @each, by name. Return: 0, what @each has returned, or an exit code, already told. */
static int traces_each(const struct cli *cli, const char *region,
		       int (*each)(struct trace *t, void *ctx), void *ctx)
{
	struct dirent **names;
	char dir[PATH_MAX];
	int n, err = trace_dir(cli, dir);

	if (err)
		return err;
	n = scandir(dir, &names, NULL, alphasort);
	if (n < 0)
		return system_error(cli, "cannot read %s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		struct trace t;

		if (!err && !strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) &&
		    !trace_open(dir, name + strlen(NAME_PREFIX), &t)) {
			if (meant(cli, region, &t))
				err = each(&t, ctx);
			trace_close(&t);
		}
		free(names[i]);
	}
	free(names);
	return err;
}

static int not_found(const struct cli *cli, const char *region)
{
	struct paclient_error e = {.status = PACLIENT_NOT_FOUND};
	const char *name = cli->name ? cli->name : region;

	if (name)
		snprintf(e.message, sizeof(e.message),
			 "no recording \"%s\"; `paclient trace "
			 "status` lists those that there are",
			 name);
	else
		snprintf(e.message, sizeof(e.message), "nothing is recorded");
	return call_error(cli, &e);
}

struct stopping {
	const struct cli *cli;
	size_t n; /* that are meant */
	char name[TRACE_NAME_BYTES];
};

static int stop_choose(struct trace *t, void *ctx)
{
	struct stopping *s = ctx;

	s->n++;
	snprintf(s->name, sizeof(s->name), "%s", t->state->name);
	return 0;
}

/* Ends it, and waits for that. Return: 0, negative errno; -ETIMEDOUT. */
static int recorder_end(const struct cli *cli, struct trace *t)
{
	struct pollfd fd = {.fd = pidfd_open(t->state->pid, 0), .events = POLLIN};
	int err = 0;

	/* Is the process still the one that has the lock? If not it is over, and so are we. */
	if (fd.fd < 0 || trace_gone(t))
		goto out;
	if (pidfd_send_signal(fd.fd, SIGTERM, NULL, 0) && errno != ESRCH)
		err = -errno;
	else if (poll(&fd, 1, cli->timeout_ms ? cli->timeout_ms : STOP_MS) <= 0)
		err = -ETIMEDOUT;
out:
	if (fd.fd >= 0)
		close(fd.fd);
	return err;
}

static int stop_one(struct trace *t, void *ctx)
{
	const struct stopping *s = ctx;
	int err = t->running ? recorder_end(s->cli, t) : 0;

	if (err)
		return system_error(s->cli, "the recording \"%s\" does not end: %s", s->name,
				    strerror(-err));
	t->running = false;
	err = trace_out(s->cli, t);
	if (!err && !t->state->ended)
		err = system_error(s->cli, "the recorder has died; what is in %s can be replayed",
				   t->state->output);
	else if (!err && t->state->failed)
		err = system_error(s->cli, "recorded until: %s", t->state->reason);
	trace_forget(t);
	return err;
}

static int cmd_stop(struct cli *cli, const char *region)
{
	struct stopping s = {.cli = cli};
	int err = traces_each(cli, region, stop_choose, &s);

	if (!err && !s.n)
		err = not_found(cli, region);
	if (!err && s.n > 1)
		err = usage_error(cli,
				  "there are %zu recordings: give --name; `paclient trace "
				  "status` lists them",
				  s.n);
	if (err)
		return err;
	cli->name = s.name;
	return traces_each(cli, NULL, stop_one, &s);
}

struct listing {
	const struct cli *cli;
	size_t n;
	json_t *list; /* NULL without --json */
};

static int status_one(struct trace *t, void *ctx)
{
	struct listing *l = ctx;

	if (l->list)
		json_array_append_new(l->list, trace_json(t));
	else if (l->n)
		putchar('\n');
	if (!l->list)
		trace_text(t);
	l->n++;
	return 0;
}

static int cmd_status(const struct cli *cli, const char *region)
{
	struct listing l = {.cli = cli, .list = cli->json ? json_array() : NULL};
	int err = traces_each(cli, region, status_one, &l);

	/* Who asks for all of them gets none. */
	if (!err && !l.n && (region || cli->name))
		err = not_found(cli, region);
	if (!err && !l.n && !cli->json)
		fprintf(stderr, "nothing is recorded\n");
	if (!err && l.list)
		return json_out(cli, json_pack("{s:o}", "recordings", l.list));
	json_decref(l.list);
	return err ? err : out_end(cli);
}

int cmd_trace(struct cli *cli)
{
	const char *what = cli->nargs ? cli->args[0] : NULL, *region;

	if (!what)
		return usage_error(cli, "say what: paclient trace start|stop|status [REGION]");
	cli->nargs--;
	cli->args++;
	region = cli_region_take(cli);
	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	if (!strcmp(what, "start"))
		return cmd_start(cli, region);
	if (cli->output || cli->foreground || cli->max.value)
		return usage_error(cli, "--output, --max-bytes and --foreground go with start");
	if (!strcmp(what, "stop"))
		return cmd_stop(cli, region);
	if (!strcmp(what, "status"))
		return cmd_status(cli, region);
	return usage_error(cli, "\"%s\" is none of start, stop, status", what);
}
