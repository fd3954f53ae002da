/*
 * net - the event loop
 *
 * Role:       see net.h.
 * Uses:       base/, rpc/, net/, libuv
 */
#include "net/net.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/accept.h"
#include "net/conn.h"
#include "net/turn.h"

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
	n = n > NET_FDS_RESERVED ? (n - NET_FDS_RESERVED) / NET_FDS_PER_CONNECTION : 0;
	if (n > UINT32_MAX)
		n = UINT32_MAX;
	return n ? (uint32_t)n : 1;
}

static void on_signal(uv_signal_t *handle, int signum)
{
	log_event(LOG_LEVEL_INFO, LOG_ID_STOPPING, NULL, "signal %d: stopping", signum);
	net_stop(handle->data);
}

static void on_reload_again(uv_timer_t *timer);

static void reload(struct net *net)
{
	uint64_t again_msec = net->config.on_reload(net->config.service);

	net_again_soon(net);
	if (again_msec)
		uv_timer_start(&net->reload, on_reload_again, again_msec, 0);
	else
		uv_timer_stop(&net->reload);
}

static void on_reload_again(uv_timer_t *timer)
{
	reload(CONTAINER_OF(timer, struct net, reload));
}

static void on_hangup(uv_signal_t *handle, int signum)
{
	struct net *net = CONTAINER_OF(handle, struct net, sighup);

	(void)signum;
	if (net->config.on_reload)
		reload(net);
	else
		log_info("signal %d: there is nothing to read again", signum);
}

static void on_watchdog(uv_timer_t *timer)
{
	struct net *net = CONTAINER_OF(timer, struct net, watchdog);

	net->config.on_watchdog();
}

/* Those that came before are heard now: net_hold_hangups(). */
static void hangups_let_through(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void net_hold_hangups(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int signals_open(struct net *net)
{
	int err;

	net->sigint.data = net;
	net->sigterm.data = net;
	err = uv_signal_init(&net->loop, &net->sigint);
	if (!err)
		err = uv_signal_init(&net->loop, &net->sigterm);
	if (!err)
		err = uv_signal_init(&net->loop, &net->sighup);
	if (!err)
		err = uv_signal_start(&net->sigint, on_signal, SIGINT);
	if (!err)
		err = uv_signal_start(&net->sigterm, on_signal, SIGTERM);
	if (!err)
		err = uv_signal_start(&net->sighup, on_hangup, SIGHUP);
	if (!err)
		hangups_let_through();
	return err;
}

static int watchdog_open(struct net *net)
{
	uint64_t msec = net->config.watchdog_usec / 2000;
	int err;

	err = uv_timer_init(&net->loop, &net->watchdog);
	if (!err && net->config.watchdog_usec && net->config.on_watchdog)
		err = uv_timer_start(&net->watchdog, on_watchdog, msec ? msec : 1, msec ? msec : 1);
	return err;
}

static void on_pressure(struct pressure *p)
{
	struct net *net = CONTAINER_OF(p, struct net, pressure);

	rpc_pressure(net->rpc);
	net->expire = true;
	net_again(net);
}

/* All handles but those of connections. Fails only where there is no descriptor or memory; then the process ends, and the loop with it. */
static int loop_open(struct net *net)
{
	int err;

	err = uv_loop_init(&net->loop);
	if (!err)
		err = turn_open(net);
	if (!err)
		err = watchdog_open(net);
	if (!err)
		err = signals_open(net);
	if (!err)
		err = pressure_open(&net->pressure, &net->loop, net->config.pressure_path,
				    net->config.pressure_trigger, net->config.pressure_events,
				    on_pressure);
	if (!err)
		err = uv_timer_init(&net->loop, &net->reload);
	if (!err)
		err = uv_timer_init(&net->loop, &net->status);
	if (!err)
		err = uv_timer_init(&net->loop, &net->limits);
	if (!err)
		err = accept_open(net);
	return err;
}

static void on_death(struct list *link)
{
	conn_died(list_entry(link, struct conn, in_process));
}

static void cut(struct rpc_conn *rpc)
{
	struct conn *c = conn_of(rpc);

	if (list_empty(&c->in_cut))
		list_append(&c->net->cut, &c->in_cut);
	net_again(c->net);
}

static void wake(struct rpc_conn *rpc)
{
	struct conn *c = conn_of(rpc);

	if (list_empty(&c->in_woken))
		list_append(&c->net->woken, &c->in_woken);
	net_again(c->net);
}

static void tell(struct rpc_conn *rpc)
{
	struct conn *c = conn_of(rpc);

	if (list_empty(&c->in_telling))
		list_append(&c->net->telling, &c->in_telling);
	net_again(c->net);
}

static uint64_t queued_bytes(const struct rpc_conn *rpc)
{
	return conn_of(rpc)->queued_bytes;
}

static int identify(struct rpc_conn *rpc)
{
	return conn_identify(conn_of(rpc));
}

static void conns_stop(struct net *net)
{
	list_for_each (link, &net->conns)
		conn_stop(list_entry(link, struct conn, in_net));
}

/* What a job has done may let requests go on, and bring forward what is due. */
static void on_job_done(struct jobs *jobs)
{
	struct net *net = CONTAINER_OF(jobs, struct net, jobs);

	if (net->stopping) {
		conns_stop(net);
		return;
	}
	net->expire = true;
	net_again(net);
}

static struct net *net_of(const struct rpc *rpc)
{
	return CONTAINER_OF((struct rpc_ops *)(uintptr_t)rpc->ops, struct net, ops);
}

static int submit(struct rpc *rpc, struct rpc_job *job)
{
	return jobs_submit(&net_of(rpc)->jobs, job);
}

static void committed(struct rpc *rpc)
{
	net_again(net_of(rpc));
}

static const struct rpc_ops net_ops = {
	.cut = cut,
	.wake = wake,
	.tell = tell,
	.identify = identify,
	.queued_bytes = queued_bytes,
	.submit = submit,
	.committed = committed,
};

static void defaults_set(struct net_config *c)
{
	if (!c->hello_timeout_msec)
		c->hello_timeout_msec = NET_HELLO_TIMEOUT_MSEC;
	if (!c->frame_timeout_msec)
		c->frame_timeout_msec = NET_FRAME_TIMEOUT_MSEC;
	if (!c->send_timeout_msec)
		c->send_timeout_msec = NET_SEND_TIMEOUT_MSEC;
}

int net_open(struct net *net, const struct net_config *config, struct rpc *rpc)
{
	int err;

	*net = (struct net){.config = *config, .rpc = rpc, .ops = net_ops, .spare_fd = -1};
	rpc->ops = &net->ops;
	defaults_set(&net->config);
	list_init(&net->conns);
	fair_init(&net->fair);
	processes_init(&net->processes, &net->loop, on_death);
	jobs_init(&net->jobs, &net->loop, on_job_done);
	if (config->inherited_fd >= 0)
		err = listening_inherit(&net->listening, config->inherited_fd);
	else
		err = listening_bind(&net->listening, config->path, config->mode);
	if (err)
		return err;
	signal(SIGPIPE, SIG_IGN);
	/* A file that may not grow is an error of the write, as a full disk is. */
	signal(SIGXFSZ, SIG_IGN);
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
	rpc_stop(net->rpc);
	conns_stop(net);
	jobs_stop(&net->jobs);
	accept_close(net);
	handle_close((uv_handle_t *)&net->watchdog);
	handle_close((uv_handle_t *)&net->due);
	handle_close((uv_handle_t *)&net->again);
	handle_close((uv_handle_t *)&net->turn);
	handle_close((uv_handle_t *)&net->sigint);
	handle_close((uv_handle_t *)&net->sigterm);
	handle_close((uv_handle_t *)&net->sighup);
	handle_close((uv_handle_t *)&net->reload);
	handle_close((uv_handle_t *)&net->status);
	handle_close((uv_handle_t *)&net->limits);
	pressure_close(&net->pressure);
	listening_close(&net->listening);
}

void net_limits_set(struct net *net, const struct net_limits *limits)
{
	struct net_config *c = &net->config;

	c->connections_max = limits->connections_max;
	c->hello_timeout_msec = limits->hello_timeout_msec;
	c->frame_timeout_msec = limits->frame_timeout_msec;
	c->send_timeout_msec = limits->send_timeout_msec;
	defaults_set(c);
	turn_timeouts_set(net);
}

void net_again_soon(struct net *net)
{
	net->expire = true;
	net_again(net);
}

bool net_fds_wait(const struct net *net)
{
	if (net->out.nfds)
		return true;
	list_for_each (link, &net->conns) {
		if (list_entry(link, struct conn, in_net)->nfds)
			return true;
	}
	return false;
}

void net_welcome(struct net *net)
{
	/* To accept a connection, to read from it, and to write; of more that wait, the others have their turn as always. */
	for (int i = 0; i < 3; i++)
		(void)uv_run(&net->loop, UV_RUN_NOWAIT);
}

int net_run(struct net *net)
{
	int err;

	/* What the clock says may be something before anybody connects. */
	net->expire = true;
	net_again(net);
	jobs_begin(&net->jobs);
	/* Not over before all jobs are done, which may look at rpc. */
	err = uv_run(&net->loop, UV_RUN_DEFAULT);
	assert(!err && net->stopping && list_empty(&net->jobs.list));
	err = uv_loop_close(&net->loop);
	fair_deinit(&net->fair);
	net->rpc->ops = NULL;
	if (net->spare_fd >= 0)
		close(net->spare_fd);
	mem_free(net->in);
	mem_free(net->out.data);
	return err;
}
