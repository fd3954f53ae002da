/*
 * accept - the listener: who is taken, who is told why not
 *
 * Role:       see accept.h.
 * Uses:       base/, rpc/, net/, libuv
 */
#include "net/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/conn.h"

/*
 * What may be taken in one turn, so that a flood of connections leaves time for those that are there; and where several users want turns. One that
 * lives counts ACCEPT_LIVE, some 20 us until it is closed again; one that is over before it was looked at counts 1.
 */
#define ACCEPT_LIVE 4
#define ACCEPT_MAX (64 * ACCEPT_LIVE)
#define ACCEPT_CONTENDED_MAX ACCEPT_LIVE

/* Without descriptors or memory, accepting rests so long: waiting clients stay in the backlog, and the loop does not spin. */
#define ACCEPT_PAUSE_MSEC 100

/* Given up for a moment to say no to one for whom there is no descriptor. */
static void spare_open(struct net *net)
{
	net->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Write what the loop's buffer says, and close; a client that does not take it gets the end only. */
static void say_no(struct net *net, int fd, const char *what)
{
	struct rpc_out *out = &net->out;

	(void)!send(fd, out->data, out->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	out->n = 0;
	close(fd);
	net->rpc->counters.refused++;
	log_limited(&net->refused_limit, LOG_LEVEL_WARNING,
		    "a connection is refused: %s; %" PRIu32 " are open", what, net->nconns);
}

static void refuse(struct net *net, int fd, const char *what)
{
	net->out.n = 0;
	rpc_overloaded(net->rpc, what, &net->out);
	say_no(net, fd, what);
}

static void on_accepting(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
	struct net *net = CONTAINER_OF(timer, struct net, pause);

	if (uv_poll_start(&net->accepting, UV_READABLE, on_accepting))
		log_error("cannot go on accepting connections");
}

static void accepting_pause(struct net *net)
{
	uv_poll_stop(&net->accepting);
	uv_timer_start(&net->pause, on_pause_over, ACCEPT_PAUSE_MSEC, 0);
}

/* No descriptor is left. With the spare one's place, a waiting client can at least be told. Return: false to pause. */
static bool refuse_without_fds(struct net *net)
{
	int fd;

	if (net->spare_fd < 0)
		spare_open(net);
	if (net->spare_fd < 0)
		return false;
	close(net->spare_fd);
	net->spare_fd = -1;
	fd = accept4(net->listening.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		refuse(net, fd, "no file descriptors are left");
	spare_open(net);
	return fd >= 0;
}

/* Return: false if there is no use in trying again in this turn. */
static bool accept_failed(struct net *net, int err)
{
	switch (err) {
	case EAGAIN:
		return false;
	case EINTR:
	case ECONNABORTED:
		return true;
	case EMFILE:
	case ENFILE:
		if (refuse_without_fds(net))
			return true;
		break;
	default:
		log_warning("cannot accept a connection: %s", strerror(err));
		break;
	}
	accepting_pause(net);
	return false;
}

/* Return: whether another one may be taken in this turn. */
static bool fd_take(struct net *net, int fd)
{
	struct conn *c;
	int err;

	if (net->nconns >= net->config.connections_max) {
		refuse(net, fd, "the limit of connections is reached");
		return true;
	}
	err = conn_open(net, fd, &c);
	switch (err) {
	case 0:
		return fair_may(c->fair);
	case CONN_E_REFUSED:
		say_no(net, fd, "its user has too many");
		return true;
	default:
		refuse(net, fd, "no memory for another one");
		return true;
	}
}

/* Its client has gone already, and has left nothing to be served. */
static bool is_over(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_accepting(uv_poll_t *poll, int status, int events)
{
	struct net *net = CONTAINER_OF(poll, struct net, accepting);
	int fd, n = 0;

	(void)status;
	(void)events;
	while (n < (fair_contended(&net->fair) ? ACCEPT_CONTENDED_MAX : ACCEPT_MAX)) {
		fd = accept4(net->listening.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0 && is_over(fd)) {
			close(fd);
			n++;
			continue;
		}
		n += ACCEPT_LIVE;
		if (fd < 0 ? !accept_failed(net, errno) : !fd_take(net, fd))
			return;
	}
}

int accept_open(struct net *net)
{
	int err;

	spare_open(net);
	err = uv_timer_init(&net->loop, &net->pause);
	if (!err)
		err = uv_poll_init(&net->loop, &net->accepting, net->listening.fd);
	if (!err)
		err = uv_poll_start(&net->accepting, UV_READABLE, on_accepting);
	return err;
}
