/*
 * victim - the daemon that is killed
 *
 * Role:       see victim.h.
 * Uses:       ptrace(2)
 */
#include "tests/fault/kill/victim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fault/kill/model.h"

#define KILL_USEC_MAX 200000

void victim_place(struct victim *v)
{
	memset(v, 0, sizeof(*v));
	snprintf(v->dir, sizeof(v->dir), "/tmp/pallocd-kill-XXXXXX");
	MUST(mkdtemp(v->dir), "mkdtemp: %s", strerror(errno));
	snprintf(v->socket, sizeof(v->socket), "%s/sock", v->dir);
	snprintf(v->peek, sizeof(v->peek), "%s/peek", v->dir);
	snprintf(v->log, sizeof(v->log), "%s/log", v->dir);
}

void victim_remove(const struct victim *v)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", v->dir);
	MUST(system(command) == 0, "%s", command);
}

static void victim_exec(const struct victim *v, const char *socket)
{
	char store[96], state[96];
	int fd = open(v->log, O_CREAT | O_WRONLY | O_APPEND, 0600);

	snprintf(store, sizeof(store), "%s/store", v->dir);
	snprintf(state, sizeof(state), "%s/state", v->dir);
	dup2(fd, STDERR_FILENO);
	execl(PALLOCD_PATH, PALLOCD_PATH, "--socket", socket, "--store-dir", store, "--state-dir",
	      state, "--region", "process,limit=4G,auto-grow=2M", "--region",
	      "machine,limit=4G,auto-grow=2M,durability=machine", "--region",
	      "grows,limit=1T,initial=2M", (char *)NULL);
	_exit(127);
}

static void victim_fork(struct victim *v, const char *socket, bool traced)
{
	fflush(NULL);
	v->pid = fork();
	MUST(v->pid >= 0, "fork: %s", strerror(errno));
	if (v->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (traced)
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	victim_exec(v, socket);
}

void victim_start(struct victim *v, const char *socket)
{
	victim_fork(v, socket, false);
}

void victim_log(const struct victim *v)
{
	char command[160];

	snprintf(command, sizeof(command), "tail -n 60 %s >&2", v->log);
	(void)!system(command);
}

static pid_t timed; /* killed when the timer fires */

static void on_alarm(int signum)
{
	(void)signum;
	kill(timed, SIGKILL);
}

static void timer_set(pid_t pid, long usec)
{
	struct itimerval t = {.it_value = {usec / 1000000, usec % 1000000}};

	timed = pid;
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &t, NULL);
}

static void wait_end(struct victim *v)
{
	int status;

	while (waitpid(v->pid, &status, __WALL) != v->pid || WIFSTOPPED(status)) {
	}
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		victim_log(v);
	MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "pallocd has ended by itself: %#x",
	     (unsigned)status);
}

/* It is stopped: let it go on from stop to stop. Return: false: it has ended. */
static bool stops_count(struct victim *v, unsigned nstops)
{
	int status, signum = 0;

	for (unsigned i = 0; i < nstops; i++) {
		if (ptrace(PTRACE_SYSCALL, v->pid, NULL, (void *)(long)signum))
			return false;
		while (waitpid(v->pid, &status, __WALL) < 0 && errno == EINTR) {
		}
		if (!WIFSTOPPED(status))
			return false;
		signum = WSTOPSIG(status);
		/* Signals that it gets are its own; what ptrace makes of stops is not. */
		if (signum == (SIGTRAP | 0x80) || signum == SIGTRAP || status >> 16)
			signum = 0;
		v->nstops++;
	}
	return true;
}

bool victim_start_killed(struct victim *v, unsigned nstops)
{
	int status;

	victim_fork(v, v->socket, true);
	/* It stops when the program begins. */
	MUST(waitpid(v->pid, &status, 0) == v->pid && WIFSTOPPED(status), "ptrace: %#x",
	     (unsigned)status);
	MUST(ptrace(PTRACE_SETOPTIONS, v->pid, NULL,
		    (void *)(long)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)) == 0,
	     "ptrace: %s", strerror(errno));
	timer_set(v->pid, 5 * KILL_USEC_MAX);
	if (stops_count(v, nstops))
		kill(v->pid, SIGKILL);
	timer_set(v->pid, 0);
	while (waitpid(v->pid, &status, __WALL) == v->pid && WIFSTOPPED(status)) {
	}
	return true;
}

void victim_kill(struct victim *v)
{
	MUST(kill(v->pid, SIGKILL) == 0, "kill: %s", strerror(errno));
	wait_end(v);
}

void victim_kill_at(struct victim *v, unsigned nstops)
{
	int status;

	MUST(ptrace(PTRACE_SEIZE, v->pid, NULL,
		    (void *)(long)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)) == 0,
	     "ptrace: %s", strerror(errno));
	timer_set(v->pid, KILL_USEC_MAX);
	if (ptrace(PTRACE_INTERRUPT, v->pid, NULL, NULL) == 0) {
		while (waitpid(v->pid, &status, __WALL) < 0 && errno == EINTR) {
		}
		if (WIFSTOPPED(status) && stops_count(v, nstops))
			kill(v->pid, SIGKILL);
	}
	timer_set(v->pid, 0);
	/* Who was waited for in vain is gone already. */
	while (waitpid(v->pid, &status, __WALL) == v->pid && WIFSTOPPED(status)) {
	}
}

void victim_stop(struct victim *v)
{
	int status;

	MUST(kill(v->pid, SIGTERM) == 0, "kill: %s", strerror(errno));
	MUST(waitpid(v->pid, &status, 0) == v->pid, "waitpid: %s", strerror(errno));
	if (status)
		victim_log(v);
	MUST(status == 0, "pallocd ends with %#x", (unsigned)status);
}
