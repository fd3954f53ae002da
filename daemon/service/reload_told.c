/*
 * reload_told - what came of a reload, for the process that has asked for it
 *
 * Role:       see reload_told.h.
 * Uses:       base/
 */
#include "service/reload_told.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "service/options.h"

#define FILE_NAME "reload"

/* "TIME PID" and, on the next lines, a refusal that names a path or two; what is longer is cut. */
#define TOLD_BYTES (4 * PATH_MAX)

/* Modes of the file: as it is written; and where a later answer could not be, which needs no room. */
#define MODE_TOLD 0600
#define MODE_UNTOLD 0400

/* The first of the manager's folders. Return: false: there is none, or its name is too long. */
static bool folder_find(char ret[static PATH_MAX])
{
	const char *value = getenv("RUNTIME_DIRECTORY");
	size_t n = value ? strcspn(value, ":") : 0;

	if (n == 0 || n + sizeof("/" FILE_NAME ".new") > PATH_MAX)
		return false;
	snprintf(ret, PATH_MAX, "%.*s", (int)n, value);
	return true;
}

/* In one step: who reads sees all of it, or the one before. */
static int told_replace(int folder, const char *text, size_t n)
{
	int fd = openat(folder, FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			MODE_TOLD);
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, text, n);
	close(fd);
	if (written < 0 || (size_t)written < n)
		return written < 0 ? -errno : -ENOSPC;
	return renameat(folder, FILE_NAME ".new", folder, FILE_NAME) ? -errno : 0;
}

/* Whoever waits is woken, and whoever comes next is not told what is not true any more. */
static void untold_mark(int folder)
{
	(void)!unlinkat(folder, FILE_NAME ".new", 0);
	if (fchmodat(folder, FILE_NAME, MODE_UNTOLD, 0))
		(void)!unlinkat(folder, FILE_NAME, 0);
}

void reload_told_write(uint64_t read_usec, const char *refusal)
{
	char path[PATH_MAX], text[TOLD_BYTES];
	int folder, err;

	if (!folder_find(path))
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " %d\n%s", read_usec, (int)getpid(),
		 refusal ? refusal : "");
	folder = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	err = folder < 0 ? -errno : told_replace(folder, text, strlen(text));
	if (err)
		log_warning("what came of a reload cannot be written to %s/" FILE_NAME
			    ", so that systemctl reload cannot wait for it: %s",
			    path, strerror(-err));
	if (folder < 0)
		return;
	if (err)
		untold_mark(folder);
	close(folder);
}

struct question {
	char folder[PATH_MAX];
	pid_t pid;
	int pidfd, watch;
	uint64_t asked_usec;
};

/* The daemon's last word. */
struct told {
	uint64_t read_usec;  /* 0: none, of a daemon that has ended, or that could write none */
	const char *refusal; /* "": it is in force */
	char text[TOLD_BYTES];
};

static int question_fail(const struct question *q, const char *what)
{
	log_error("cannot have the configuration read again: %s (%s): %s", what, q->folder,
		  strerror(errno));
	return EXIT_CODE_FAILURE;
}

static void told_parse(const struct question *q, struct told *t)
{
	char *end;

	t->refusal = strchr(t->text, '\n');
	t->refusal = t->refusal ? t->refusal + 1 : "";
	t->read_usec = strtoull(t->text, &end, 10);
	if (*end != ' ' || strtol(end, NULL, 10) != q->pid)
		t->read_usec = 0;
}

/* Return: 0, or negative errno: there is none; -EIO: the daemon could not write what comes after it. */
static int told_read(const struct question *q, struct told *ret)
{
	char path[PATH_MAX + sizeof("/" FILE_NAME)];
	struct stat status;
	int fd, err = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/" FILE_NAME, q->folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, ret->text, TOLD_BYTES - 1);
	ret->text[n < 0 ? 0 : n] = '\0';
	told_parse(q, ret);
	if (n < 0 || fstat(fd, &status))
		err = -errno;
	else if ((status.st_mode & 0777) == MODE_UNTOLD)
		err = -EIO;
	close(fd);
	return err;
}

/*
 * A daemon that answers has said something when it was started. What it could not write since then does not count any more.
 *
 * Return: false: it is one of before there were answers, or it could not write one at its start.
 */
static bool told_expect(const struct question *q)
{
	char path[PATH_MAX + sizeof("/" FILE_NAME)];
	struct told told;
	int err = told_read(q, &told);

	if (err && err != -EIO)
		return false;
	snprintf(path, sizeof(path), "%s/" FILE_NAME, q->folder);
	return told.read_usec && (!err || !chmod(path, MODE_TOLD));
}

static int question_begin(struct question *q)
{
	uint64_t pid = 0;

	if (!folder_find(q->folder) || !getenv("MAINPID") ||
	    number_parse(getenv("MAINPID"), INT_MAX, &pid) || pid == 0) {
		log_error("--reload is for the service manager, which says by MAINPID and "
			  "RUNTIME_DIRECTORY which daemon it means: by hand, send it SIGHUP, and "
			  "its log says what came of it");
		return EXIT_CODE_USAGE;
	}
	q->pid = (pid_t)pid;
	q->watch = inotify_init1(IN_CLOEXEC);
	if (q->watch < 0 ||
	    inotify_add_watch(q->watch, q->folder, IN_MOVED_TO | IN_ATTRIB | IN_DELETE) < 0)
		return question_fail(q, "its folder cannot be watched");
	q->pidfd = (int)syscall(SYS_pidfd_open, q->pid, 0);
	return q->pidfd < 0 ? question_fail(q, "there is no such daemon") : EXIT_CODE_OK;
}

/* The watch is there already: what is written from now on is seen. */
static int question_ask(struct question *q)
{
	bool answers = told_expect(q);

	q->asked_usec = clock_usec();
	if (syscall(SYS_pidfd_send_signal, q->pidfd, SIGHUP, NULL, 0))
		return question_fail(q, "the daemon gets no signal");
	if (answers)
		return EXIT_CODE_OK;
	log_error("the daemon was told to read its configuration again, but cannot say what comes "
		  "of it: see its messages. It was started before pallocd was upgraded, or could "
		  "not write to %s; once it is restarted, a reload says what came of it",
		  q->folder);
	return EXIT_CODE_FAILURE;
}

/* Until something has happened in the folder. Return: false: the daemon has ended. */
static bool question_sleep(const struct question *q)
{
	struct pollfd fds[] = {{.fd = q->watch, .events = POLLIN},
			       {.fd = q->pidfd, .events = POLLIN}};
	char events[4096];

	while (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
		;
	if (fds[0].revents)
		(void)!read(q->watch, events, sizeof(events));
	return !fds[1].revents;
}

static int question_wait(const struct question *q)
{
	struct told told;
	bool alive = true;
	int err;

	while ((err = told_read(q, &told)) == 0 && told.read_usec < q->asked_usec) {
		if (!alive) {
			errno = ESRCH;
			return question_fail(q, "the daemon has ended");
		}
		alive = question_sleep(q);
	}
	if (err) {
		errno = -err;
		return question_fail(q, "the daemon cannot say what came of it");
	}
	if (!*told.refusal)
		return EXIT_CODE_OK;
	log_error("the new configuration is refused: %s", told.refusal);
	return EXIT_CODE_USAGE;
}

int reload_ask(void)
{
	struct question q = {.pidfd = -1, .watch = -1};
	int exit_code = question_begin(&q);

	if (exit_code == EXIT_CODE_OK)
		exit_code = question_ask(&q);
	if (exit_code == EXIT_CODE_OK)
		exit_code = question_wait(&q);
	if (q.pidfd >= 0)
		close(q.pidfd);
	if (q.watch >= 0)
		close(q.watch);
	return exit_code;
}
