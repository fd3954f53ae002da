/*
 * manager - a stand-in for the service manager
 *
 * Role:       see manager.h.
 * Uses:       sd_notify(3)'s protocol
 */
#include "tests/fault/restart/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fault/kill/model.h"

#define FIRST_FD 3
#define HIGH_FD 64
#define FDS_MAX 16

static int socket_at(const char *path, int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "%s: %s", path,
	     strerror(errno));
	return fd;
}

void manager_open(struct manager *m)
{
	memset(m, 0, sizeof(*m));
	snprintf(m->dir, sizeof(m->dir), "/tmp/pallocd-manager-XXXXXX");
	MUST(mkdtemp(m->dir), "mkdtemp: %s", strerror(errno));
	snprintf(m->socket, sizeof(m->socket), "%s/sock", m->dir);
	snprintf(m->notify, sizeof(m->notify), "%s/notify", m->dir);
	snprintf(m->log, sizeof(m->log), "%s/log", m->dir);
	m->listen_fd = socket_at(m->socket, SOCK_STREAM);
	MUST(listen(m->listen_fd, 64) == 0, "listen: %s", strerror(errno));
	m->notify_fd = socket_at(m->notify, SOCK_DGRAM);
}

void manager_forget(struct manager *m)
{
	for (unsigned i = 0; i < m->nstored; i++)
		close(m->stored[i].fd);
	m->nstored = 0;
}

void manager_close(struct manager *m)
{
	char command[128];

	if (m->pid)
		manager_end(m, SIGKILL);
	manager_forget(m);
	close(m->listen_fd);
	close(m->notify_fd);
	snprintf(command, sizeof(command), "rm -rf %s", m->dir);
	MUST(system(command) == 0, "%s", command);
}

/* In the child: descriptors from FIRST_FD on, in systemd's order; what it is told about them. */
static void hand_over(const struct manager *m)
{
	char names[MANAGER_STORED_MAX * (MANAGER_NAME_BYTES + 1) + 16] = "pallocd.socket";
	char number[16];
	int high[MANAGER_STORED_MAX + 1];
	unsigned n = 1 + m->nstored;

	for (unsigned i = 0; i < n; i++) {
		high[i] = fcntl(i ? m->stored[i - 1].fd : m->listen_fd, F_DUPFD_CLOEXEC, HIGH_FD);
		if (i)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), ":%s",
				 m->stored[i - 1].name);
	}
	for (unsigned i = 0; i < n; i++)
		dup2(high[i], FIRST_FD + (int)i); /* not to be closed by exec */
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%u", n);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	setenv("NOTIFY_SOCKET", m->notify, 1);
	setenv("RUNTIME_DIRECTORY", m->dir, 1);
}

static void store(struct manager *m, const char *name, int fd)
{
	struct stat st, other;

	fstat(fd, &st);
	for (unsigned i = 0; i < m->nstored; i++) {
		fstat(m->stored[i].fd, &other);
		if (st.st_ino == other.st_ino && st.st_dev == other.st_dev) {
			close(fd);
			return;
		}
	}
	MUST(m->nstored < MANAGER_STORED_MAX, "too many descriptors to keep");
	snprintf(m->stored[m->nstored].name, MANAGER_NAME_BYTES, "%s", name);
	m->stored[m->nstored++].fd = fd;
}

static void drop(struct manager *m, const char *name)
{
	for (unsigned i = m->nstored; i-- > 0;) {
		if (strcmp(m->stored[i].name, name))
			continue;
		close(m->stored[i].fd);
		m->stored[i] = m->stored[--m->nstored];
		m->nremoved++;
	}
}

static void obey(struct manager *m, char *text, const int *fds, unsigned nfds)
{
	char name[MANAGER_NAME_BYTES] = "stored";
	bool keep = false, remove = false;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		keep |= !strcmp(line, "FDSTORE=1");
		remove |= !strcmp(line, "FDSTOREREMOVE=1");
		m->ready |= !strcmp(line, "READY=1");
		m->stopping |= !strcmp(line, "STOPPING=1");
		m->nbarriers += !strcmp(line, "BARRIER=1");
		if (!strncmp(line, "FDNAME=", 7))
			snprintf(name, sizeof(name), "%s", line + 7);
	}
	if (remove)
		drop(m, name);
	for (unsigned i = 0; i < nfds; i++) {
		if (keep)
			store(m, name, fds[i]);
		else
			close(fds[i]); /* a barrier ends with it */
	}
}

/* One message, if one comes in time. */
static void hear(struct manager *m, int msec)
{
	char text[4096], control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct iovec iov = {text, sizeof(text) - 1};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = m->notify_fd, .events = POLLIN};
	int fds[FDS_MAX];
	unsigned nfds = 0;
	ssize_t n;

	if (poll(&p, 1, msec) <= 0)
		return;
	n = recvmsg(m->notify_fd, &mh, MSG_CMSG_CLOEXEC);
	MUST(n >= 0, "recvmsg: %s", strerror(errno));
	text[n] = '\0';
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		nfds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), nfds * sizeof(int));
	}
	obey(m, text, fds, nfds);
}

/* Return: false: it has ended. */
static bool alive(const struct manager *m)
{
	siginfo_t info = {0};

	MUST(waitid(P_PID, (id_t)m->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0, "waitid: %s",
	     strerror(errno));
	return info.si_pid == 0;
}

void manager_start(struct manager *m, const char *const *args)
{
	const char *argv[16] = {PALLOCD_PATH};

	for (int i = 0; i < 14 && args[i]; i++)
		argv[i + 1] = args[i];
	m->ready = m->stopping = false;
	fflush(NULL);
	m->pid = fork();
	MUST(m->pid >= 0, "fork: %s", strerror(errno));
	if (m->pid == 0) {
		int fd = open(m->log, O_CREAT | O_WRONLY | O_TRUNC | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, STDERR_FILENO);
		hand_over(m);
		execv(PALLOCD_PATH, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (!m->ready && alive(m))
		hear(m, 20);
}

int manager_wait(struct manager *m)
{
	int status;

	while (alive(m))
		hear(m, 20);
	MUST(waitpid(m->pid, &status, 0) == m->pid, "waitpid: %s", strerror(errno));
	m->pid = 0;
	for (struct pollfd p = {.fd = m->notify_fd, .events = POLLIN}; poll(&p, 1, 0) > 0;)
		hear(m, 0);
	return status;
}

int manager_end(struct manager *m, int signum)
{
	MUST(kill(m->pid, signum) == 0, "kill: %s", strerror(errno));
	return manager_wait(m);
}

static char *log_read(const struct manager *m)
{
	static char text[1 << 16];
	FILE *file = fopen(m->log, "r");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[n] = '\0';
	return text;
}

bool manager_said(const struct manager *m, const char *text)
{
	return strstr(log_read(m), text) != NULL;
}

void manager_log(const struct manager *m)
{
	fputs(log_read(m), stderr);
}
