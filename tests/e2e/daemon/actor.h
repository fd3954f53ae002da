/*
 * actor - processes of several users, and what they ask
 *
 * Role:       a process takes on a user, a group and supplementary groups, connects to the daemon, and passes on what the test
 *             writes and what the daemon answers: so a test can tell a story of many users from top to bottom, though the kernel
 *             vouches for each of them. For root only.
 * Uses:       tests/unit/wire.h
 */
#ifndef PALLOCD_TESTS_ACTOR_H
#define PALLOCD_TESTS_ACTOR_H

#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/macros.h"
#include "tests/unit/wire.h"

/* What ctest takes for "skipped"; see SKIP_RETURN_CODE. */
#define ACTOR_SKIPPED 77

struct actor {
	const char *name;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
};

/** actor_become() - this process is @a's from now on. Return: false where that cannot be. */
static inline bool actor_become(const struct actor *a)
{
	return setgroups(a->ngroups, a->groups) == 0 && setresgid(a->gid, a->gid, a->gid) == 0 &&
	       setresuid(a->uid, a->uid, a->uid) == 0 &&
	       /* Not before: changing the user takes it back. */
	       prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

/** actor_skip() - says why the test cannot be made here, if so. @a is tried. */
static inline bool actor_skip(const struct actor *a)
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		puts("skipped: needs root, to start processes of several users");
		return true;
	}
	fflush(NULL);
	pid = fork();
	WIRE_MUST(pid >= 0, "fork: %s", strerror(errno));
	if (pid == 0)
		_exit(actor_become(a) ? 0 : 1);
	WIRE_MUST(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	if (status == 0)
		return false;
	printf("skipped: root here cannot become uid %u: a user namespace without it?\n",
	       (unsigned)a->uid);
	return true;
}

/* What has come on @from goes to @to. Return: false where nothing more will. */
static inline bool actor_pass(int from, int to)
{
	static char buf[WIRE_FRAME_BYTES];
	ssize_t n = recv(from, buf, sizeof(buf), 0);

	if (n <= 0)
		return false;
	for (ssize_t at = 0, sent; at < n; at += sent) {
		sent = send(to, buf + at, (size_t)(n - at), MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
	}
	return true;
}

/**
 * actor_connect() - a process of @a's, connected to the daemon at @path
 *
 * Return: a socket that is as good as its connection; when it is closed the process ends.
 */
static inline int actor_connect(const struct actor *a, const char *path)
{
	struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
	int pair[2];
	pid_t pid;

	WIRE_MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair: %s",
		  strerror(errno));
	fflush(NULL);
	pid = fork();
	WIRE_MUST(pid >= 0, "fork: %s", strerror(errno));
	if (pid) {
		close(pair[1]);
		return pair[0];
	}
	/* Not those of other actors: one would go on while another has its end. */
	WIRE_MUST(dup2(pair[1], 3) == 3 && close_range(4, UINT_MAX, 0) == 0, "close_range: %s",
		  strerror(errno));
	WIRE_MUST(actor_become(a), "%s: cannot become uid %u", a->name, (unsigned)a->uid);
	p[0].fd = 3;
	p[1].fd = wire_connect(path);
	do {
		WIRE_MUST(poll(p, 2, -1) > 0, "poll: %s", strerror(errno));
	} while ((!p[0].revents || actor_pass(p[0].fd, p[1].fd)) &&
		 (!p[1].revents || actor_pass(p[1].fd, p[0].fd)));
	_exit(0);
}

/** actor_open() - connected and introduced. */
static inline int actor_open(const struct actor *a, const char *path)
{
	int fd = actor_connect(a, path);

	wire_hello(fd);
	return fd;
}

/* What a reply said, as far as these tests want to know it. */
struct answer {
	unsigned status;
	char field[32];
	char message[256];
	uint64_t limit, used, asked;
	uint64_t addr;    /* of an AllocReply */
	uint64_t session; /* of a HelloReply */
	uint8_t token[PALLOCD_TOKEN_BYTES];
	bool resumed;
};

static inline struct answer answer_read(const Reply *reply)
{
	struct answer a = {.status = (unsigned)reply->status};

	snprintf(a.message, sizeof(a.message), "%s", reply->message);
	if (reply->refusal) {
		snprintf(a.field, sizeof(a.field), "%s", reply->refusal->field);
		a.limit = reply->refusal->limit;
		a.used = reply->refusal->used;
		a.asked = reply->refusal->asked;
	}
	if (reply->result_case == PALLOCD__V1__REPLY__RESULT_ALLOC)
		a.addr = reply->alloc->addr[0];
	if (reply->result_case == PALLOCD__V1__REPLY__RESULT_HELLO) {
		a.session = reply->hello->session;
		a.resumed = reply->hello->resumed;
		WIRE_MUST(reply->hello->token.len == sizeof(a.token), "a token of %zu bytes",
			  reply->hello->token.len);
		memcpy(a.token, reply->hello->token.data, sizeof(a.token));
	}
	return a;
}

/** actor_ask() - one request, what was answered. */
static inline struct answer actor_ask(int fd, const Request *req)
{
	Reply *reply = wire_call(fd, req);
	struct answer a = answer_read(reply);

	wire_done(reply);
	return a;
}

#endif
