/*
 * net - the event loop
 *
 * Role:       see net.h.
 * Uses:       base/, rpc/, net/, libuv
 */
#include "net/net.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/conn.h"

/* Connections taken in one turn, so that a flood of them leaves time for those that are there. */
#define ACCEPT_MAX 64

/* Without descriptors or memory, accepting rests so long: waiting clients stay in the backlog, and the loop does not spin. */
#define ACCEPT_PAUSE_MSEC 100

uint32_t net_connections_max(void)
{
	struct rlimit limit;
	uint64_t n = 1024;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		if (limit.rlim_cur < limit.rlim_max) {
			limit.rlim_cur = limit.rlim_max;
			/* Refused: the old limit stays, and is read below. */
			(void)!setrlimit(RLIMIT_NOFILE, &limit);
			if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
				limit.rlim_cur = n;
		}
		n = limit.rlim_cur;
	}
	if (n > UINT32_MAX)
		n = UINT32_MAX;
	return n > NET_FDS_RESERVED ? (uint32_t)n - NET_FDS_RESERVED : 1;
}

static void on_work(uv_idle_t *idle)
{
	struct net *net = CONTAINER_OF(idle, struct net, work);

	if (rpc_work(net->rpc))
		uv_idle_stop(idle);
}

void net_work(struct net *net)
{
	if (net->stopping || rpc_work(net->rpc))
		return;
	uv_idle_start(&net->work, on_work);
}

static void spare_open(struct net *net)
{
	net->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Say no with a reason, and close; a client that does not take the frame gets the end only. */
static void refuse(struct net *net, int fd, const char *what)
{
	struct rpc_out *out = &net->out;

	out->n = 0;
	rpc_overloaded(net->rpc, what, out);
	(void)!send(fd, out->data, out->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	out->n = 0;
	close(fd);
	log_limited(&net->refused_limit, LOG_LEVEL_WARNING,
		    "a connection is refused: %s; %" PRIu32 " are open", what, net->nconns);
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

static void on_accepting(uv_poll_t *poll, int status, int events)
{
	struct net *net = CONTAINER_OF(poll, struct net, accepting);
	int fd, err;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		fd = accept4(net->listening.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (!accept_failed(net, errno))
				return;
			continue;
		}
		if (net->nconns >= net->config.connections_max) {
			refuse(net, fd, "the limit of connections is reached");
			continue;
		}
		err = conn_open(net, fd);
		if (err)
			refuse(net, fd, "no memory for another one");
	}
}

static void on_signal(uv_signal_t *handle, int signum)
{
	log_info("signal %d: stopping", signum);
	net_stop(handle->data);
}

static void on_watchdog(uv_timer_t *timer)
{
	struct net *net = CONTAINER_OF(timer, struct net, watchdog);

	net->config.on_watchdog();
}

/* All handles but the connections; each is initialised before anything can fail, so that net_stop() may close them all. */
static int handles_start(struct net *net)
{
	uint64_t msec = net->config.watchdog_usec / 2000;
	int err;

	net->sigint.data = net;
	net->sigterm.data = net;
	err = uv_signal_start(&net->sigint, on_signal, SIGINT);
	if (!err)
		err = uv_signal_start(&net->sigterm, on_signal, SIGTERM);
	if (!err && net->config.watchdog_usec && net->config.on_watchdog)
		err = uv_timer_start(&net->watchdog, on_watchdog, msec ? msec : 1, msec ? msec : 1);
	if (!err)
		err = uv_poll_start(&net->accepting, UV_READABLE, on_accepting);
	return err;
}

static int loop_open(struct net *net)
{
	int err;

	err = uv_loop_init(&net->loop);
	if (err)
		return err;
	/* These fail only where there is no descriptor or memory; then the process ends, and the loop with it. */
	err = uv_timer_init(&net->loop, &net->pause);
	if (!err)
		err = uv_timer_init(&net->loop, &net->watchdog);
	if (!err)
		err = uv_idle_init(&net->loop, &net->work);
	if (!err)
		err = uv_signal_init(&net->loop, &net->sigint);
	if (!err)
		err = uv_signal_init(&net->loop, &net->sigterm);
	if (!err)
		err = uv_poll_init(&net->loop, &net->accepting, net->listening.fd);
	if (!err)
		err = handles_start(net);
	return err;
}

int net_open(struct net *net, const struct net_config *config, struct rpc *rpc)
{
	int err;

	*net = (struct net){.config = *config, .rpc = rpc, .spare_fd = -1};
	list_init(&net->conns);
	if (config->inherited_fd >= 0)
		err = listening_inherit(&net->listening, config->inherited_fd);
	else
		err = listening_bind(&net->listening, config->path, config->mode);
	if (err)
		return err;
	signal(SIGPIPE, SIG_IGN);
	net->in = mem_alloc(NET_IN_BYTES);
	net->out = (struct rpc_out){.data = mem_alloc(NET_OUT_BYTES), .size = NET_OUT_BYTES};
	err = net->in && net->out.data ? loop_open(net) : -ENOMEM;
	if (err) {
		log_error("cannot start the event loop: %s", uv_strerror(err));
		listening_close(&net->listening);
		mem_free(net->in);
		mem_free(net->out.data);
		return err;
	}
	spare_open(net);
	return 0;
}

static void handle_close(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void net_stop(struct net *net)
{
	if (net->stopping)
		return;
	net->stopping = true;
	if (net->config.on_stop)
		net->config.on_stop();
	list_for_each (link, &net->conns)
		conn_close(list_entry(link, struct conn, in_net));
	handle_close((uv_handle_t *)&net->accepting);
	handle_close((uv_handle_t *)&net->pause);
	handle_close((uv_handle_t *)&net->watchdog);
	handle_close((uv_handle_t *)&net->work);
	handle_close((uv_handle_t *)&net->sigint);
	handle_close((uv_handle_t *)&net->sigterm);
	listening_close(&net->listening);
}

int net_run(struct net *net)
{
	int err;

	err = uv_run(&net->loop, UV_RUN_DEFAULT);
	assert(!err && net->stopping);
	err = uv_loop_close(&net->loop);
	if (net->spare_fd >= 0)
		close(net->spare_fd);
	mem_free(net->in);
	mem_free(net->out.data);
	return err;
}
