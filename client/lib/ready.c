/*
 * ready - one descriptor that says when a handle has something to do
 *
 * Role:       see ready.h.
 * Uses:       conn, libc
 */
#include "client/lib/ready.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "client/lib/conn.h"

#define NSEC_PER_SEC 1000000000u

void ready_init(struct ready *r)
{
	*r = (struct ready){.fd = -1, .timer_fd = -1, .socket_fd = -1};
}

void ready_close(struct ready *r)
{
	if (r->fd >= 0)
		close(r->fd);
	if (r->timer_fd >= 0)
		close(r->timer_fd);
	ready_init(r);
}

static int watch(const struct ready *r, int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events};

	return epoll_ctl(r->fd, op, fd, &e) ? -errno : 0;
}

int ready_open(struct paclient *c)
{
	struct ready *r = &c->ready;
	int err = 0;

	if (r->fd >= 0)
		return 0;
	r->fd = conn_above_standard(epoll_create1(EPOLL_CLOEXEC));
	if (r->fd < 0)
		err = r->fd;
	if (!err) {
		r->timer_fd = conn_above_standard(
			timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
		err = r->timer_fd < 0 ? r->timer_fd : watch(r, EPOLL_CTL_ADD, r->timer_fd, EPOLLIN);
	}
	if (err) {
		ready_close(r);
		return err;
	}
	/* What there is to do already. */
	ready_socket(c);
	ready_alarm(c, 1);
	return 0;
}

void ready_socket(struct paclient *c)
{
	struct ready *r = &c->ready;

	if (r->fd < 0 || r->socket_fd == c->fd)
		return;
	if (r->socket_fd >= 0)
		(void)watch(r, EPOLL_CTL_DEL, r->socket_fd, 0);
	r->socket_fd = c->fd;
	r->to_send = false;
	/* Without memory for it the timer has to do: it is set while there is no link. */
	if (c->fd >= 0 && watch(r, EPOLL_CTL_ADD, c->fd, EPOLLIN))
		r->socket_fd = -1;
}

static void timer_set(struct ready *r, uint64_t at_ns)
{
	struct itimerspec t = {.it_value = {.tv_sec = (time_t)(at_ns / NSEC_PER_SEC),
					    .tv_nsec = (long)(at_ns % NSEC_PER_SEC)}};

	timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
	r->alarm_ns = at_ns;
}

void ready_alarm(struct paclient *c, uint64_t at_ns)
{
	struct ready *r = &c->ready;

	if (r->fd >= 0 && (!r->alarm_ns || at_ns < r->alarm_ns))
		timer_set(r, at_ns);
}

void ready_settle(struct paclient *c, uint64_t now_ns, uint64_t next_ns)
{
	struct ready *r = &c->ready;
	bool to_send = c->out_end > c->out_start;

	if (r->fd < 0)
		return;
	/* One that goes off too early does no harm, and most are never needed: it is set anew when it has. */
	if (r->alarm_ns && r->alarm_ns <= now_ns)
		timer_set(r, next_ns);
	else if (next_ns)
		ready_alarm(c, next_ns);
	if (c->link != LINK_UP || r->socket_fd < 0 || to_send == r->to_send)
		return;
	if (!watch(r, EPOLL_CTL_MOD, r->socket_fd, EPOLLIN | (to_send ? EPOLLOUT : 0)))
		r->to_send = to_send;
}
