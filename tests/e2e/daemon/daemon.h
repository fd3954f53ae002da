/*
 * daemon - the real pallocd on a private socket
 *
 * Role:       starts and stops it for end-to-end tests, with what it says on stderr at hand. Where it cannot be done, the
 *             process is aborted, as in wire.h.
 * Uses:       tests/unit/wire.h; PALLOCD_PATH is the program under test
 */
#ifndef PALLOCD_TESTS_DAEMON_H
#define PALLOCD_TESTS_DAEMON_H

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/wire.h"

struct daemon_process {
	char dir[32];
	char path[64];
	char log[64];
	pid_t pid;
	uid_t uid; /* that it runs under; 0: the test's own */
};

#define DAEMON_ARGS_MAX 12

/** daemon_exec() - pallocd with @args (NULL at the end) in a child process; stderr goes to d->log. */
static inline void daemon_exec(struct daemon_process *d, const char *const *args)
{
	const char *argv[DAEMON_ARGS_MAX + 2] = {PALLOCD_PATH};

	for (int i = 0; i < DAEMON_ARGS_MAX && args[i]; i++)
		argv[i + 1] = args[i];
	fflush(NULL);
	d->pid = fork();
	WIRE_MUST(d->pid >= 0, "fork: %s", strerror(errno));
	if (d->pid == 0) {
		int fd = open(d->log, O_CREAT | O_WRONLY | O_APPEND, 0600);

		int program = open(PALLOCD_PATH, O_PATH | O_CLOEXEC);

		dup2(fd, STDERR_FILENO);
		if (d->uid && (setgroups(0, NULL) || setgid(d->uid) || setuid(d->uid)))
			_exit(126);
		/* Not by the path: that user need not be able to go there. */
		fexecve(program, (char *const *)(uintptr_t)argv, environ);
		_exit(127);
	}
}

/** daemon_place() - a folder of its own, nothing started. */
static inline void daemon_place(struct daemon_process *d)
{
	memset(d, 0, sizeof(*d));
	snprintf(d->dir, sizeof(d->dir), "/tmp/pallocd-e2e-XXXXXX");
	WIRE_MUST(mkdtemp(d->dir), "mkdtemp: %s", strerror(errno));
	snprintf(d->path, sizeof(d->path), "%s/sock", d->dir);
	snprintf(d->log, sizeof(d->log), "%s/log", d->dir);
}

/** daemon_give() - the folder belongs to @uid, everybody may look in, and the daemon will run under @uid. For root only. */
static inline void daemon_give(struct daemon_process *d, uid_t uid)
{
	d->uid = uid;
	WIRE_MUST(chmod(d->dir, 0755) == 0 && chown(d->dir, uid, uid) == 0, "%s: %s", d->dir,
		  strerror(errno));
}

/** daemon_start() - serving one region when it returns. */
static inline void daemon_start(struct daemon_process *d, const char *region)
{
	const char *args[] = {"--socket", d->path, "--region", region, NULL};

	daemon_place(d);
	daemon_exec(d, args);
	close(wire_connect(d->path));
}

/** daemon_wait() - its exit code; fails where a signal ended it. */
static inline int daemon_wait(const struct daemon_process *d)
{
	int status;

	WIRE_MUST(waitpid(d->pid, &status, 0) == d->pid, "waitpid: %s", strerror(errno));
	WIRE_MUST(WIFEXITED(status), "pallocd was ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/** daemon_said() - all that it has written to stderr so far; static. */
static inline const char *daemon_said(const struct daemon_process *d)
{
	static char text[1 << 16];
	FILE *file = fopen(d->log, "r");
	size_t n = 0;

	if (file) {
		n = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[n] = '\0';
	return text;
}

/** daemon_forget() - the store beside its socket goes: a daemon that is started there now is a fresh one. */
static inline void daemon_forget(const struct daemon_process *d)
{
	static const char *const names[] = {"process.lmdb", "process.journal", "process.lock"};
	char store[80], file[112];

	snprintf(store, sizeof(store), "%s.store", d->path);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(file, sizeof(file), "%s/%s", store, names[i]);
		unlink(file);
	}
	rmdir(store);
}

/** daemon_remove() - its folder, which must hold nothing but the log and the store. */
static inline void daemon_remove(const struct daemon_process *d)
{
	unlink(d->log);
	daemon_forget(d);
	WIRE_MUST(rmdir(d->dir) == 0, "pallocd left something in %s", d->dir);
}

/** daemon_stop() - in order, with nothing left behind. */
static inline void daemon_stop(const struct daemon_process *d)
{
	int code;

	WIRE_MUST(kill(d->pid, SIGTERM) == 0, "kill: %s", strerror(errno));
	code = daemon_wait(d);
	WIRE_MUST(code == 0, "exit code %d: %s", code, daemon_said(d));
	daemon_remove(d);
}

#endif
