/*
 * cmd_exec - the verb exec: hold extents while a command runs
 *
 * Role:       takes an extent, becomes one more holder of others, runs the command, passes signals on, lets go of all.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* As shells have it. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL 128

/* Between two looks after the session; the shorter one is also how long a look may take. */
#define KEEP_MS_MIN 100
#define KEEP_MS_MAX 2000

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* What is held while the command runs: the extent that was taken, and those that are shared. */
struct holding {
	paclient *pa;
	uint64_t nreconnects; /* of the last look */
	size_t n;
	struct {
		uint32_t region_id;
		uint64_t addr;
	} extents[TEXTS_MAX + 1];
};

static void holding_add(struct holding *h, uint32_t region_id, uint64_t addr)
{
	h->extents[h->n].region_id = region_id;
	h->extents[h->n++].addr = addr;
}

/* What the command is told of one extent. */
struct held {
	const struct paclient_region *region;
	uint64_t addr;
	uint64_t npages;
	const char *name; /* "" = none */
};

/* @group: "", or what stands between the prefix and the variable's name. */
PRINTF_LIKE(4, 5)
static int variable(const struct cli *cli, const char *group, const char *name, const char *fmt,
		    ...)
{
	char key[128], value[256];
	va_list args;

	if (snprintf(key, sizeof(key), "%s_%s%s", cli->prefix, group, name) >= (int)sizeof(key))
		return -ENAMETOOLONG;
	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	return setenv(key, value, 1) ? -errno : 0;
}

static int extent_variables(const struct cli *cli, const char *group, const struct held *h)
{
	uint64_t page = h->region->page_size_bytes;
	int err = variable(cli, group, "ADDR", "0x%" PRIx64, h->addr);

	if (!err)
		err = variable(cli, group, "NPAGES", "%" PRIu64, h->npages);
	if (!err)
		err = variable(cli, group, "BYTES", "%" PRIu64, pages_bytes(h->npages, page));
	if (!err)
		err = variable(cli, group, "PAGE_SIZE", "%" PRIu64, page);
	if (!err)
		err = variable(cli, group, "REGION", "%s", h->region->name);
	if (!err && h->name[0])
		err = variable(cli, group, "EXTENT", "%s", h->name);
	return err;
}

/* What another exec around this one has set is not the command's. */
static int session_variables(const struct cli *cli, const paclient *pa)
{
	static const char *const names[] = {"ADDR",      "NPAGES", "BYTES",
					    "PAGE_SIZE", "REGION", "EXTENT"};
	char key[128];
	int err = variable(cli, "", "SOCKET", "%s", cli_socket(cli));

	if (!err)
		err = variable(cli, "", "SESSION", "%" PRIu64, paclient_session_id(pa));
	for (size_t i = 0; i < ARRAY_SIZE(names) && !err; i++) {
		snprintf(key, sizeof(key), "%s_%s", cli->prefix, names[i]);
		err = unsetenv(key) ? -errno : 0;
	}
	return err;
}

static int environment_error(const struct cli *cli, int err)
{
	return system_error(cli, "cannot set the environment: %s", strerror(-err));
}

static sigset_t signals_watched(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		sigaddset(&set, passed_on[i]);
	return set;
}

/* In the child, which has only its own copies of everything. */
__attribute__((noreturn)) static void run(const struct cli *cli, const sigset_t *mask, pid_t parent)
{
	int err;

	/* Should the holder be killed outright, the pages go: the command must not go on with them. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_CANNOT_RUN);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(cli->command[0], cli->command);
	err = errno;
	system_error(cli, "cannot run %s: %s", cli->command[0], strerror(err));
	_exit(err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

/* How often to see after the session: several times in the time that a daemon which comes back waits for us. */
static struct timespec keep_every(const paclient *pa)
{
	uint64_t ms = paclient_restart_grace_ms(pa) / 8;

	if (ms < KEEP_MS_MIN)
		ms = KEEP_MS_MIN;
	if (ms > KEEP_MS_MAX)
		ms = KEEP_MS_MAX;
	return (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
}

/* After a restart: the session is there, and are the extents? A region need not outlive the daemon. */
static int extents_check(struct holding *h, struct paclient_call *call)
{
	for (size_t i = 0; i < h->n; i++) {
		struct paclient_extent x = {.size = sizeof(x)};
		int status = paclient_extent_info(h->pa, h->extents[i].region_id,
						  h->extents[i].addr, &x, call);

		if (status)
			return status;
	}
	return 0;
}

/* Return: 0, or an exit code, already told: what was held is lost. */
static int holding_keep(const struct cli *cli, struct holding *h)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	uint64_t nreconnects;
	int status;

	/* Signals wait meanwhile. */
	call.timeout_ms = KEEP_MS_MIN;
	status = paclient_keep(h->pa, &call);
	nreconnects = paclient_reconnects(h->pa);
	if (!status && nreconnects != h->nreconnects) {
		status = extents_check(h, &call);
		if (!status)
			h->nreconnects = nreconnects;
	}
	/* Some things work later: the next look will tell. */
	if (!status || status == PACLIENT_TIMED_OUT || status == PACLIENT_NO_MEMORY)
		return 0;
	return call_error(cli, &call.error);
}

/* Signals come one by one, at a place where nothing else happens: no handler, no race. */
static int wait_for(const struct cli *cli, struct holding *h, pid_t child, const sigset_t *set)
{
	struct timespec every = keep_every(h->pa);
	siginfo_t info;
	int result, lost = 0;

	for (;;) {
		if (waitpid(child, &result, WNOHANG) == child) {
			if (lost)
				return lost;
			if (WIFSIGNALED(result))
				return EXIT_SIGNAL + WTERMSIG(result);
			return WEXITSTATUS(result);
		}
		if (sigtimedwait(set, &info, &every) < 0) {
			if (errno != EAGAIN || lost)
				continue;
			lost = holding_keep(cli, h);
			/* The pages may be another's by now. */
			if (lost)
				kill(child, SIGTERM);
			continue;
		}
		/* What the terminal sends goes to the whole group: the command has it already. */
		if (info.si_signo != SIGCHLD && info.si_code <= 0)
			kill(child, info.si_signo);
	}
}

static int command_run(const struct cli *cli, struct holding *h)
{
	sigset_t set = signals_watched(), old;
	pid_t parent = getpid(), child;
	int code;

	/* Inherited as ignored, SIGCHLD would take the exit code away. */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &set, &old);
	fflush(NULL);
	child = fork();
	if (child == 0)
		run(cli, &old, parent);
	if (child < 0)
		return system_error(cli, "cannot fork: %s", strerror(errno));
	code = wait_for(cli, h, child, &set);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return code;
}

/* "REGION:NAME" of the @i-th --share, in two. */
static int share_read(const struct cli *cli, size_t i, char region[static PACLIENT_NAME_BYTES],
		      const char **ret_name)
{
	const char *text = cli->shares.text[i], *colon = strchr(text, ':');

	if (!colon || colon == text || !colon[1])
		return usage_error(cli, "--share: \"%s\" names no extent: --share REGION:NAME",
				   text);
	if (colon - text >= PACLIENT_NAME_BYTES)
		return usage_error(cli, "--share: \"%s\" names no region: 63 bytes are possible",
				   text);
	memcpy(region, text, (size_t)(colon - text));
	region[colon - text] = '\0';
	*ret_name = colon + 1;
	return 0;
}

static int share_hold(struct cli *cli, struct holding *h, size_t i)
{
	struct paclient_extent x = {.size = sizeof(x)};
	char region[PACLIENT_NAME_BYTES], group[32];
	struct paclient_region r;
	struct paclient_call call;
	const char *name;
	int err = share_read(cli, i, region, &name);

	if (!err)
		err = cli_region(cli, h->pa, region, &r);
	if (err)
		return err;
	call_init(cli, &call);
	if (paclient_share_name(h->pa, r.id, name, &x, &call))
		return call_error(cli, &call.error);
	holding_add(h, r.id, x.addr);
	snprintf(group, sizeof(group), "SHARE%zu_", i + 1);
	err = extent_variables(cli, group, &(struct held){&r, x.addr, x.npages, x.name});
	return err ? environment_error(cli, err) : 0;
}

static int extent_hold(struct cli *cli, struct holding *holding, const char *name,
		       const struct amount *amount)
{
	struct paclient_alloc_options options;
	struct paclient_region region;
	struct held h = {.region = &region, .name = cli->name ? cli->name : ""};
	struct paclient_call call;
	int err = cli_region(cli, holding->pa, name, &region);

	if (err)
		return err;
	amount_npages(amount, region.page_size_bytes, &h.npages);
	cli_alloc_options(cli, &options, &call);
	if (paclient_alloc_with(holding->pa, region.id, 1, &h.npages, &options, &h.addr, &call))
		return call_error(cli, &call.error);
	holding_add(holding, region.id, h.addr);
	err = extent_variables(cli, "", &h);
	return err ? environment_error(cli, err) : 0;
}

/* @name: NULL where nothing is taken, only shared. */
static int exec_run(struct cli *cli, const char *name, const struct amount *amount)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct holding h = {0};
	int err = cli_open(cli, &pa);

	if (err)
		return err;
	h.pa = pa;
	err = session_variables(cli, pa);
	if (err)
		return environment_error(cli, err);
	/* What others may give up is held before one waits for anything. */
	for (size_t i = 0; i < cli->shares.n && !err; i++)
		err = share_hold(cli, &h, i);
	if (!err && name)
		err = extent_hold(cli, &h, name, amount);
	return err ? err : command_run(cli, &h);
}

static int exec_check(const struct cli *cli, const char *name)
{
	char region[PACLIENT_NAME_BYTES];
	const char *extent;
	int err = 0;

	if (name && cli->nargs > 1)
		return usage_error(cli,
				   "takes one size, \"%s\" is one too many; "
				   "the command stands behind --",
				   cli->args[1]);
	if (!name && (cli->name || cli->label || cli->wait_ms))
		return usage_error(cli, "--name, --label and --wait are for an extent that is "
					"taken: name a region and a size");
	if (!cli->command || !cli->command[0])
		return usage_error(cli, "no command given; it stands behind --");
	if (strchr(cli->prefix, '='))
		return usage_error(cli, "--prefix: \"%s\" cannot begin a variable's name",
				   cli->prefix);
	for (size_t i = 0; i < cli->shares.n && !err; i++)
		err = share_read(cli, i, region, &extent);
	return err;
}

int cmd_exec(struct cli *cli)
{
	/* A region for all verbs does not say that something shall be taken. */
	bool only_shares = cli->shares.n && !cli->nargs;
	const char *name = only_shares ? NULL : cli_region_take(cli);
	struct amount amount = {0};
	int err;

	if (!only_shares && (!name || !cli->nargs))
		return usage_error(cli, "name a region and a size: "
					"paclient exec REGION NPAGES|SIZE -- COMMAND...");
	err = exec_check(cli, name);
	if (!err && name)
		err = cli_amount(cli, cli->args[0], &amount);
	return err ? err : exec_run(cli, name, &amount);
}
