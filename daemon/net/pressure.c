/*
 * pressure - the kernel says when programs wait for memory
 *
 * Role:       see pressure.h.
 * Uses:       base/, libuv
 */
#include "net/pressure.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Return: the descriptor, or a negative errno. The trigger lives as long as it does. */
static int trigger_open(const char *path, const char *trigger)
{
	/* The kernel overwrites the last byte with a 0. */
	size_t n = strlen(trigger) + 1;
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC), err = 0;
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, trigger, n);
	if (written < 0)
		err = -errno;
	else if ((size_t)written != n)
		err = -EIO;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static void watch(struct pressure *p);

static void give_up(const char *why)
{
	log_event(LOG_LEVEL_INFO, LOG_ID_PRESSURE_UNWATCHED, NULL,
		  "memory pressure is not watched any more: %s", why);
}

static void on_pause_over(uv_timer_t *timer);

static void fired(struct pressure *p)
{
	uv_timer_start(&p->pause, on_pause_over, PRESSURE_PAUSE_MSEC, 0);
	p->on_pressure(p);
}

/* An event of the pause is taken here: the loop would not see it, since looking takes it away, and beginning to watch looks. */
static void on_pause_over(uv_timer_t *timer)
{
	struct pressure *p = CONTAINER_OF(timer, struct pressure, pause);
	struct pollfd pfd = {
		.fd = p->fd,
		.events = p->events & UV_PRIORITIZED ? POLLPRI : POLLIN,
	};

	if (poll(&pfd, 1, 0) != 1)
		watch(p);
	else if (pfd.revents & (POLLERR | POLLNVAL))
		give_up("it cannot be polled");
	else
		fired(p);
}

/* What fires all the time must not keep the loop busy. */
static void on_event(uv_poll_t *poll, int status, int events)
{
	struct pressure *p = CONTAINER_OF(poll, struct pressure, poll);

	(void)events;
	uv_poll_stop(poll);
	if (status < 0)
		give_up(uv_strerror(status));
	else
		fired(p);
}

static void watch(struct pressure *p)
{
	int err = uv_poll_start(&p->poll, p->events, on_event);

	assert(!err);
	(void)err;
}

int pressure_open(struct pressure *p, uv_loop_t *loop, const char *path, const char *trigger,
		  int events, void (*on_pressure)(struct pressure *p))
{
	int err;

	*p = (struct pressure){
		.fd = -1,
		.events = events ? events : UV_PRIORITIZED,
		.on_pressure = on_pressure,
	};
	path = path ? path : PRESSURE_PATH;
	err = uv_timer_init(loop, &p->pause);
	if (err || !*path)
		return err;
	p->fd = trigger_open(path, trigger ? trigger : PRESSURE_TRIGGER);
	err = p->fd < 0 ? p->fd : uv_poll_init(loop, &p->poll, p->fd);
	if (!err) {
		watch(p);
		return 0;
	}
	log_event(
		LOG_LEVEL_INFO, LOG_ID_PRESSURE_UNWATCHED, LOG_FIELDS(ABOUT_ERRNO(-err)),
		"memory pressure is not watched: %s: %s; memory behind free pages goes back in its "
		"usual time only",
		path, strerror(-err));
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	return 0;
}

void pressure_close(struct pressure *p)
{
	if (uv_is_closing((uv_handle_t *)&p->pause))
		return;
	uv_close((uv_handle_t *)&p->pause, NULL);
	if (p->fd < 0)
		return;
	uv_close((uv_handle_t *)&p->poll, NULL);
	close(p->fd);
	p->fd = -1;
}
