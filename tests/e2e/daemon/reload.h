/*
 * reload - a daemon with files to read again, and the ear of its service manager
 *
 * Role:       writes the files, sends SIGHUP, and waits for what the daemon tells NOTIFY_SOCKET; nothing is waited for by the clock.
 * Uses:       tests/e2e/daemon/daemon.h, check
 */
#ifndef PALLOCD_TESTS_RELOAD_H
#define PALLOCD_TESTS_RELOAD_H

#include <check.h>
#include <inttypes.h>
#include <sys/time.h>

#include "tests/e2e/daemon/daemon.h"

/* The files that a test may write, below the daemon's folder. */
static const char *const reload_files[] = {"conf", "conf.d/10.conf", "conf.d/20.conf",
					   "regions.d/b.region", "regions.d/c.region"};
static const char *const reload_folders[] = {"conf.d", "regions.d"};

struct reload_process {
	struct daemon_process d;
	char notify[64];
	int ear;           /* bound to notify */
	char heard[4096];  /* the last message */
	char status[4096]; /* the last STATUS= */
};

static inline void reload_path(const struct reload_process *p, const char *name,
			       char path[static 128])
{
	snprintf(path, 128, "%s/%s", p->d.dir, name);
}

/** reload_write() - a file, which begins with @text. */
static inline void reload_write(const struct reload_process *p, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	reload_path(p, name, path);
	file = fopen(path, "w");
	ck_assert_msg(file, "%s: %s", path, strerror(errno));
	fputs(text, file);
	fclose(file);
}

static inline void reload_unlink(const struct reload_process *p, const char *name)
{
	char path[128];

	reload_path(p, name, path);
	unlink(path);
}

/** reload_place() - a folder with an ear in it; @text is the configuration. */
static inline void reload_place(struct reload_process *p, const char *text)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval tv = {.tv_sec = WIRE_TIMEOUT_MSEC / 1000};
	char path[128];

	memset(p, 0, sizeof(*p));
	daemon_place(&p->d);
	for (size_t i = 0; i < sizeof(reload_folders) / sizeof(reload_folders[0]); i++) {
		reload_path(p, reload_folders[i], path);
		ck_assert_int_eq(mkdir(path, 0755), 0);
	}
	snprintf(p->notify, sizeof(p->notify), "%s/notify", p->d.dir);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", p->notify);
	p->ear = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(p->ear, 0);
	ck_assert_int_eq(bind(p->ear, (struct sockaddr *)&addr, sizeof(addr)), 0);
	/* Not for ever, where the daemon says nothing. */
	ck_assert_int_eq(setsockopt(p->ear, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	reload_write(p, "conf", text);
}

/** reload_hear() - the next message; descriptors that come with it are closed, as a manager does with those of a barrier. */
static inline void reload_hear(struct reload_process *p)
{
	struct iovec iov = {p->heard, sizeof(p->heard) - 1};
	union {
		struct cmsghdr head;
		char data[CMSG_SPACE(16 * sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(p->ear, &msg, MSG_CMSG_CLOEXEC);
	const char *status;

	ck_assert_msg(n >= 0, "the service manager hears nothing; the log: %s", daemon_said(&p->d));
	p->heard[n] = '\0';
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t nfds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fds[16];

		memcpy(fds, CMSG_DATA(c), nfds * sizeof(int));
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
	}
	status = strstr(p->heard, "STATUS=");
	if (status)
		snprintf(p->status, sizeof(p->status), "%.*s",
			 (int)strcspn(status + strlen("STATUS="), "\n"),
			 status + strlen("STATUS="));
}

/** reload_await() - until a message says @text. */
static inline void reload_await(struct reload_process *p, const char *text)
{
	do {
		reload_hear(p);
	} while (!strstr(p->heard, text));
}

/** reload_start() - it serves when this returns. */
static inline void reload_start(struct reload_process *p)
{
	char conf[128];

	reload_path(p, "conf", conf);
	setenv("NOTIFY_SOCKET", p->notify, 1);
	daemon_exec(&p->d, (const char *const[]){"--config", conf, "--socket", p->d.path,
						 "--socket-mode", "0666", NULL});
	reload_await(p, "READY=1");
}

/** reload() - SIGHUP, and what came of it: p->status. */
static inline void reload(struct reload_process *p)
{
	const char *stamp;

	ck_assert_int_eq(kill(p->d.pid, SIGHUP), 0);
	reload_await(p, "RELOADING=1");
	stamp = strstr(p->heard, "\nMONOTONIC_USEC=");
	ck_assert_msg(stamp && strtoull(stamp + strlen("\nMONOTONIC_USEC="), NULL, 10), "%s",
		      p->heard);
	/* What memory is handed over comes between. */
	reload_await(p, "READY=1");
}

static inline void assert_taken(struct reload_process *p)
{
	reload(p);
	ck_assert_msg(!strstr(p->status, "refused"), "%s", p->status);
}

/** assert_refused() - the status and the log say all of @says, which ends with NULL. */
static inline void assert_refused(struct reload_process *p, const char *const *says)
{
	reload(p);
	ck_assert_msg(strstr(p->status, "reload refused: "), "%s", p->status);
	for (; *says; says++) {
		ck_assert_msg(strstr(p->status, *says), "wanted '%s', status: %s", *says,
			      p->status);
		ck_assert_msg(strstr(daemon_said(&p->d), *says), "wanted '%s', log: %s", *says,
			      daemon_said(&p->d));
	}
}

/** reload_remove() - the files, and the folder with the rest. */
static inline void reload_remove(struct reload_process *p)
{
	for (size_t i = 0; i < sizeof(reload_files) / sizeof(reload_files[0]); i++)
		reload_unlink(p, reload_files[i]);
	for (size_t i = 0; i < sizeof(reload_folders) / sizeof(reload_folders[0]); i++) {
		char path[128];

		reload_path(p, reload_folders[i], path);
		rmdir(path);
	}
	close(p->ear);
	unlink(p->notify);
}

/** reload_stop() - the daemon ends in order, and nothing is left. */
static inline void reload_stop(struct reload_process *p)
{
	reload_remove(p);
	daemon_stop(&p->d);
}

/** alloc_in() - @npages of the region of that name, as REQUEST 20; the status. */
static inline unsigned alloc_in(int fd, const char *region, uint64_t npages, int lifetime,
				uint64_t *ret_addr)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	unsigned status;
	Reply *reply;

	m.region = (char *)(uintptr_t)region;
	m.npages = &npages;
	m.n_npages = 1;
	m.lifetime = (Pallocd__V1__Lifetime)lifetime;
	reply = wire_call(fd, &REQUEST(20, ALLOC, alloc, &m));
	status = (unsigned)reply->status;
	if (!status)
		*ret_addr = reply->alloc->addr[0];
	wire_done(reply);
	return status;
}

static inline unsigned free_in(int fd, const char *region, uint64_t addr, uint64_t npages)
{
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;
	unsigned status;
	Reply *reply;

	m.region = (char *)(uintptr_t)region;
	m.addr = &addr;
	m.npages = &npages;
	m.n_addr = m.n_npages = 1;
	reply = wire_call(fd, &REQUEST(21, FREE, free, &m));
	status = (unsigned)reply->status;
	wire_done(reply);
	return status;
}

#endif
