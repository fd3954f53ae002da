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
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "service/options.h"

#define FILE_NAME "reload"

/* A time, and a refusal that names a path or two; what is longer is cut. */
#define TOLD_BYTES (4 * PATH_MAX)

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
	int fd = openat(folder, FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, text, n);
	close(fd);
	if (written < 0 || (size_t)written < n)
		return written < 0 ? -errno : -ENOSPC;
	return renameat(folder, FILE_NAME ".new", folder, FILE_NAME) ? -errno : 0;
}

void reload_told_write(uint64_t read_usec, const char *refusal)
{
	char path[PATH_MAX], text[TOLD_BYTES];
	int folder, err;

	if (!folder_find(path))
		return;
	snprintf(text, sizeof(text), "%" PRIu64 "\n%s", read_usec, refusal ? refusal : "");
	folder = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	err = folder < 0 ? -errno : told_replace(folder, text, strlen(text));
	if (err)
		log_warning("what came of a reload cannot be written to %s/" FILE_NAME
			    ", so that systemctl reload cannot wait for it: %s",
			    path, strerror(-err));
	if (folder < 0)
		return;
	if (err) {
		(void)!unlinkat(folder, FILE_NAME ".new", 0);
		(void)!unlinkat(folder, FILE_NAME, 0);
	}
	close(folder);
}

struct question {
	char folder[PATH_MAX];
	int pidfd, watch;
	uint64_t asked_usec;
};

static int question_fail(const struct question *q, const char *what)
{
	log_error("cannot have the configuration read again: %s (%s): %s", what, q->folder,
		  strerror(errno));
	return EXIT_CODE_FAILURE;
}

/* A daemon that cannot answer takes the file away: there must be one for that to be seen. Return: 0 or negative errno. */
static int told_ensure(const struct question *q)
{
	char path[PATH_MAX + sizeof("/" FILE_NAME)];
	int fd;

	snprintf(path, sizeof(path), "%s/" FILE_NAME, q->folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* The watch first: what is written from then on is seen. */
static int question_ask(struct question *q)
{
	uint64_t pid = 0;

	if (!folder_find(q->folder) || !getenv("MAINPID") ||
	    number_parse(getenv("MAINPID"), INT_MAX, &pid) || pid == 0) {
		log_error("--reload is for the service manager, which says by MAINPID and "
			  "RUNTIME_DIRECTORY which daemon it means: by hand, send it SIGHUP, and "
			  "its log says what came of it");
		return EXIT_CODE_USAGE;
	}
	q->watch = inotify_init1(IN_CLOEXEC);
	if (q->watch < 0 || inotify_add_watch(q->watch, q->folder, IN_MOVED_TO | IN_DELETE) < 0)
		return question_fail(q, "its folder cannot be watched");
	if (told_ensure(q))
		return question_fail(q, "there cannot be an answer in its folder");
	q->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (q->pidfd < 0)
		return question_fail(q, "there is no such daemon");
	q->asked_usec = clock_usec();
	if (syscall(SYS_pidfd_send_signal, q->pidfd, SIGHUP, NULL, 0))
		return question_fail(q, "the daemon gets no signal");
	return EXIT_CODE_OK;
}

/* Return: false: it is an answer to an earlier question, or there is none. */
static bool told_read(const struct question *q, char text[static TOLD_BYTES], int *ret_err)
{
	char path[PATH_MAX + sizeof("/" FILE_NAME)];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/" FILE_NAME, q->folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		*ret_err = -errno;
		return false;
	}
	*ret_err = 0;
	n = read(fd, text, TOLD_BYTES - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return strtoull(text, NULL, 10) >= q->asked_usec;
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
	char text[TOLD_BYTES];
	const char *refusal;
	bool alive = true;
	int err;

	while (!told_read(q, text, &err)) {
		if (err || !alive) {
			errno = err ? -err : ESRCH;
			return question_fail(q, err ? "the daemon cannot say what came of it"
						    : "the daemon has ended");
		}
		alive = question_sleep(q);
	}
	refusal = strchr(text, '\n');
	if (!refusal || !refusal[1])
		return EXIT_CODE_OK;
	log_error("the new configuration is refused: %s", refusal + 1);
	return EXIT_CODE_USAGE;
}

int reload_ask(void)
{
	struct question q = {.pidfd = -1, .watch = -1};
	int exit_code = question_ask(&q);

	if (exit_code == EXIT_CODE_OK)
		exit_code = question_wait(&q);
	if (q.pidfd >= 0)
		close(q.pidfd);
	if (q.watch >= 0)
		close(q.watch);
	return exit_code;
}
