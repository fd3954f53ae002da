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
 * What may be taken in one turn, so that a flood of connections leaves time for those that are there. Where several users want turns, arrivals
 * have theirs as if they were one more user: nobody knows whose a connection is before it has been taken.
 */
#define ACCEPT_MAX 64

/* What taking one costs in units of RPC_COST_MAX, and what one costs that is over before it was looked at. */
#define ACCEPT_COST 128
#define ACCEPT_COST_OVER 48

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
	log_event(LOG_LEVEL_WARNING, LOG_ID_CONNECTION_REFUSED,
		  LOG_FIELDS(ABOUT_STATUS(pallocd_status_name(PALLOCD_OVERLOADED))),
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
		log_event(LOG_LEVEL_ERROR, LOG_ID_ACCEPT_FAILED, NULL,
			  "cannot go on accepting connections");
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
		log_event(LOG_LEVEL_WARNING, LOG_ID_ACCEPT_FAILED, LOG_FIELDS(ABOUT_ERRNO(err)),
			  "cannot accept a connection: %s", strerror(err));
		break;
	}
	accepting_pause(net);
	return false;
}

static void fd_take(struct net *net, int fd)
{
	int err;

	if (net->nconns >= net->config.connections_max) {
		refuse(net, fd, "the limit of connections is reached");
		return;
	}
	err = conn_open(net, fd);
	switch (err) {
	case 0:
		break;
	case CONN_E_REFUSED:
		say_no(net, fd, "its user has too many");
		break;
	default:
		refuse(net, fd, "no memory for another one");
		break;
	}
}

/* Its client has gone already, and has left nothing to be served. */
static bool is_over(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void accept_some(struct net *net)
{
	int fd;

	/* The event comes again where some are left. */
	for (int n = 0; n < ACCEPT_MAX && fair_may(net->arrivals); n++) {
		fd = accept4(net->listening.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (!accept_failed(net, errno))
				return;
			continue;
		}
		if (is_over(fd)) {
			close(fd);
			fair_charge(&net->fair, net->arrivals, ACCEPT_COST_OVER);
			continue;
		}
		fd_take(net, fd);
		fair_charge(&net->fair, net->arrivals, ACCEPT_COST);
	}
}

static void on_accepting(uv_poll_t *poll, int status, int events)
{
	struct net *net = CONTAINER_OF(poll, struct net, accepting);

	(void)status;
	(void)events;
	/* Nobody waits for arrivals who is served in this turn. */
	if (!fair_contended(&net->fair))
		accept_some(net);
	else if (list_empty(&net->in_deferred))
		fair_defer(&net->fair, net->arrivals, &net->in_deferred);
}

int accept_open(struct net *net)
{
	int err;

	spare_open(net);
	err = fair_user_get(&net->fair, FAIR_NOBODY, &net->arrivals);
	if (err)
		return err;
	fair_user_set_aside(net->arrivals);
	list_init(&net->in_deferred);
	err = uv_timer_init(&net->loop, &net->pause);
	if (!err)
		err = uv_poll_init(&net->loop, &net->accepting, net->listening.fd);
	if (!err)
		err = uv_poll_start(&net->accepting, UV_READABLE, on_accepting);
	return err;
}

void accept_close(struct net *net)
{
	fair_forget(&net->fair, net->arrivals, &net->in_deferred);
	uv_close((uv_handle_t *)&net->accepting, NULL);
	uv_close((uv_handle_t *)&net->pause, NULL);
}
