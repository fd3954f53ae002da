/*
 * cmd_exec - the verb exec: hold an extent while a command runs
 *
 * Role:       takes the extent, runs the command, passes signals on, gives the extent back.
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

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

struct held {
	const struct paclient_region *region;
	uint64_t addr;
	uint64_t npages;
};

PRINTF_LIKE(3, 4)
static int variable(const struct cli *cli, const char *name, const char *fmt, ...)
{
	char key[128], value[256];
	va_list args;

	if (snprintf(key, sizeof(key), "%s_%s", cli->prefix, name) >= (int)sizeof(key))
		return -ENAMETOOLONG;
	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	return setenv(key, value, 1) ? -errno : 0;
}

static int environment(const struct cli *cli, const struct held *h)
{
	uint64_t page = h->region->page_size_bytes;
	int err = variable(cli, "ADDR", "0x%" PRIx64, h->addr);

	if (!err)
		err = variable(cli, "NPAGES", "%" PRIu64, h->npages);
	if (!err)
		err = variable(cli, "BYTES", "%" PRIu64, pages_bytes(h->npages, page));
	if (!err)
		err = variable(cli, "PAGE_SIZE", "%" PRIu64, page);
	if (!err)
		err = variable(cli, "REGION", "%s", h->region->name);
	if (!err)
		err = variable(cli, "SOCKET", "%s", cli_socket(cli));
	return err;
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

/* Signals come one by one, at a place where nothing else happens: no handler, no race. */
static int wait_for(pid_t child, const sigset_t *set)
{
	siginfo_t info;
	int result;

	for (;;) {
		if (waitpid(child, &result, WNOHANG) == child) {
			if (WIFSIGNALED(result))
				return EXIT_SIGNAL + WTERMSIG(result);
			return WEXITSTATUS(result);
		}
		if (sigwaitinfo(set, &info) < 0)
			continue;
		/* What the terminal sends goes to the whole group: the command has it already. */
		if (info.si_signo != SIGCHLD && info.si_code <= 0)
			kill(child, info.si_signo);
	}
}

static int command_run(const struct cli *cli)
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
	code = wait_for(child, &set);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return code;
}

static int exec_run(struct cli *cli, const char *name, const struct amount *amount)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_region region;
	struct held h = {.region = &region};
	struct paclient_call call;
	int err;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &region);
	if (err)
		return err;
	amount_npages(amount, region.page_size_bytes, &h.npages);
	call_init(cli, &call);
	if (paclient_alloc(pa, region.id, h.npages, 0, &h.addr, &call))
		return call_error(cli, &call.error);
	err = environment(cli, &h);
	if (err)
		return system_error(cli, "cannot set the environment: %s", strerror(-err));
	return command_run(cli);
}

int cmd_exec(struct cli *cli)
{
	const char *name = cli_region_take(cli);
	struct amount amount;
	int err;

	if (!name || !cli->nargs)
		return usage_error(cli, "name a region and a size: "
					"paclient exec REGION NPAGES|SIZE -- COMMAND...");
	if (cli->nargs > 1)
		return usage_error(cli,
				   "takes one size, \"%s\" is one too many; "
				   "the command stands behind --",
				   cli->args[1]);
	if (!cli->command || !cli->command[0])
		return usage_error(cli, "no command given; it stands behind --");
	if (strchr(cli->prefix, '='))
		return usage_error(cli, "--name: \"%s\" cannot begin a variable's name",
				   cli->prefix);
	err = cli_amount(cli, cli->args[0], &amount);
	return err ? err : exec_run(cli, name, &amount);
}
