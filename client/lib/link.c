/*
 * link - a connection that is lost, and the next one
 *
 * Role:       see link.h.
 * Uses:       conn, deliver, frame, hello, late, error
 */
#include "client/lib/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client/lib/conn.h"
#include "client/lib/deliver.h"
#include "client/lib/error.h"
#include "client/lib/frame.h"
#include "client/lib/hello.h"
#include "client/lib/late.h"
#include "client/lib/op.h"
#include "client/lib/ready.h"

#define NSEC_PER_SEC 1000000000u
#define NSEC_PER_MSEC 1000000u

/* A daemon that is started again is there within tens of milliseconds; one that is not should not be asked all the time. */
#define WAIT_NS_MIN (4 * NSEC_PER_MSEC)
#define WAIT_NS_MAX (200 * NSEC_PER_MSEC)

bool link_can(const struct paclient *c)
{
	return c->repeats && !c->broken;
}

/* Up to half as long again: clients that were thrown out together do not come back together. */
uint64_t link_wait_ns(uint64_t *wait_ns, uint64_t *seed)
{
	*wait_ns = *wait_ns ? *wait_ns * 2 : WAIT_NS_MIN;
	if (*wait_ns > WAIT_NS_MAX)
		*wait_ns = WAIT_NS_MAX;
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *wait_ns / 2 + (*seed >> 33) % (*wait_ns / 2);
}

void link_sleep(uint64_t until_ns)
{
	struct timespec t = {.tv_sec = (time_t)(until_ns / NSEC_PER_SEC),
			     .tv_nsec = (long)(until_ns % NSEC_PER_SEC)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Out of the handle first: a child that is forked in between must not close what has its number by then. */
static void hang_up(struct paclient *c)
{
	int fd = c->fd;

	c->fd = -1;
	ready_socket(c);
	if (fd >= 0)
		close(fd);
	c->out_start = c->out_end = c->in_end = 0;
	c->write_dead = false;
	fds_close(&c->fds);
	fds_init(&c->fds);
}

/* The first try is made at once. */
static void dial_later(struct paclient *c)
{
	bool first = !c->dial_wait_ns;
	uint64_t wait = link_wait_ns(&c->dial_wait_ns, &c->dial_seed);

	c->dial_at_ns = first ? 0 : conn_now_ns() + wait;
}

void link_lost(struct paclient *c, int err)
{
	hang_up(c);
	c->link = LINK_DOWN;
	c->link_errno = err < 0 ? -err : 0;
	dial_later(c);
}

/* A new socket has room for it. */
static int hello_send(struct paclient *c)
{
	uint8_t frames[HELLO_BYTES_MAX];
	size_t n = hello_frames(c, false, frames);
	ssize_t sent = send(c->fd, frames, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return -errno;
	return (size_t)sent == n ? 0 : -EAGAIN;
}

static int dial(struct paclient *c, uint64_t deadline_ns)
{
	uint64_t at = c->dial_at_ns < deadline_ns ? c->dial_at_ns : deadline_ns;
	uint64_t now = conn_now_ns();
	int fd, err;

	if (now < at) {
		link_sleep(at);
		now = conn_now_ns();
	}
	if (now < c->dial_at_ns)
		return now < deadline_ns ? 0 : CONN_E_LATE;
	err = conn_connect(c->path, deadline_ns, c->timeout_ms, &fd);
	if (err)
		return err;
	c->fd = fd;
	return hello_send(c);
}

/* Without waiting, but for the listener's queue: a tick of the kernel's at the most. */
static int dial_now(struct paclient *c)
{
	uint64_t now = conn_now_ns();

	return now < c->dial_at_ns ? CONN_E_LATE : dial(c, now + NSEC_PER_MSEC);
}

int link_step(struct paclient *c, uint64_t deadline_ns)
{
	if (c->link == LINK_DOWN)
		return deadline_ns ? dial(c, deadline_ns) : dial_now(c);
	return deadline_ns ? conn_receive(c, deadline_ns, false, false) : conn_receive_now(c);
}

/* The daemon does not know what it has done for us: what may be done is not asked for again. */
static void repeats_lost(struct paclient *c)
{
	struct ring *r = c->flight.next;

	c->repeats = false;
	late_forget_sent(c);
	while (r != &c->flight) {
		struct call *k = CALL_OF(AWAITED(r));

		r = r->next;
		/* What was never sent is done once, on this connection. */
		if (!frame_may_be_done(k))
			continue;
		error_set(k->error, PACLIENT_DISCONNECTED,
			  "the connection was lost and made anew; it is not known whether this "
			  "was done");
		deliver_done(k, PACLIENT_DISCONNECTED);
	}
}

static void session_gone(struct paclient *c)
{
	deliver_broken(c, PACLIENT_SESSION_ENDED, 0,
		       "the connection was lost, and the daemon does not know the session any "
		       "more: what it held has gone as each region's policy says");
}

static void up(struct paclient *c, const Pallocd__V1__HelloReply *h)
{
	if (c->has_token && !h->resumed) {
		session_gone(c);
		return;
	}
	if (h->token.len == sizeof(c->token)) {
		memcpy(c->token, h->token.data, sizeof(c->token));
		c->has_token = true;
	}
	if (c->watching || c->exact)
		c->session = h->session;
	c->link = LINK_UP;
	c->answered = 0;
	c->resend_next = HELLO_ID + 1;
	c->resend_last = c->id_last;
	__atomic_add_fetch(&c->nreconnects, 1, __ATOMIC_RELAXED);
	late_forget_unsent(c);
	if (c->repeats && !h->repeats)
		repeats_lost(c);
}

/* Some refusals are of this moment; others are for ever. */
static void refused(struct paclient *c, int status, const uint8_t *msg, size_t nbytes)
{
	switch (status) {
	case PACLIENT_OVERLOADED:
	case PACLIENT_TOO_SLOW:
	case PACLIENT_QUOTA: /* of connections: those of before may not be gone yet */
	case PACLIENT_NO_MEMORY:
	case PACLIENT_STORE_FAILED:
		link_lost(c, CONN_E_END);
		break;
	case PACLIENT_NO_SESSION:
		if (!c->watching && !c->exact) {
			session_gone(c);
			break;
		}
		/* Nothing is held by a watch, not even before its Watch is answered: any session will do. */
		c->has_token = false;
		link_lost(c, CONN_E_END);
		break;
	default:
		deliver_refused(c, msg, nbytes);
	}
}

static void hello_read(struct paclient *c, const uint8_t *msg, size_t nbytes)
{
	Pallocd__V1__Reply *reply;
	struct wire_reply r;

	if (!wire_reply_scan(msg, nbytes, &r) && r.status) {
		refused(c, (int)r.status, msg, nbytes);
		return;
	}
	arena_reset(&c->arena);
	reply = pallocd__v1__reply__unpack(&c->arena.allocator, nbytes, msg);
	if (!reply && c->arena.failed)
		link_lost(c, -ENOMEM);
	else if (!reply)
		deliver_broken(c, PACLIENT_PROTOCOL, 0, "a frame of %zu bytes holds no reply",
			       nbytes);
	else if (reply->id != HELLO_ID || reply->result_case != PALLOCD__V1__REPLY__RESULT_HELLO)
		deliver_broken(c, PACLIENT_PROTOCOL, 0,
			       "the daemon answered Hello by something else");
	else
		up(c, reply->hello);
	if (reply)
		pallocd__v1__reply__free_unpacked(reply, &c->arena.allocator);
}

void link_stepped(struct paclient *c, int err)
{
	const uint8_t *msg;
	size_t nbytes;

	if (c->link == LINK_DOWN && !err) {
		/* A signal may have come in between. */
		c->link = c->fd >= 0 ? LINK_HELLO : LINK_DOWN;
		return;
	}
	/* What was said before the end counts. */
	if (c->link == LINK_HELLO && deliver_frame(c, &msg, &nbytes)) {
		hello_read(c, msg, nbytes);
		if (c->link == LINK_UP)
			deliver_drop(c, nbytes);
		return;
	}
	if (err && err != CONN_E_LATE && !c->broken)
		link_lost(c, err);
}

/* Return: false where there is no room. */
static bool call_resend(struct paclient *c, struct call *k)
{
	size_t nbytes = frame_bytes(k, k->awaited.id);

	if (conn_room(c) < PALLOCD_FRAME_HEADER_BYTES + nbytes)
		return false;
	/* One that was submitted may not have been sent at all before. */
	k->repeated = k->repeated || !k->op || op_sent(k->op);
	frame_pack(k, frame_begin(c, nbytes));
	if (frame_attaches(k))
		fds_expect(&c->fds, k->awaited.id);
	return true;
}

/* A note without its request is of no use: no reply will come on this connection. */
static bool late_resend(struct paclient *c, struct late *l)
{
	size_t nbytes = late_bytes(l);

	if (!nbytes) {
		late_free(l);
		return true;
	}
	if (conn_room(c) < PALLOCD_FRAME_HEADER_BYTES + nbytes)
		return false;
	late_pack(l, frame_begin(c, nbytes));
	return true;
}

/* The first one from @id on. It is searched for from the end: nearly always it is what was submitted last. */
static struct ring *flight_from(struct paclient *c, uint64_t id)
{
	struct ring *r = &c->flight;

	while (r->prev != &c->flight && AWAITED(r->prev)->id >= id)
		r = r->prev;
	return r;
}

void link_resend(struct paclient *c)
{
	struct ring *r = flight_from(c, c->resend_next);

	while (r != &c->flight && AWAITED(r)->id <= c->resend_last) {
		struct awaited *a = AWAITED(r);
		uint64_t next = a->id + 1;

		r = r->next;
		if (!(a->late ? late_resend(c, LATE_OF(a)) : call_resend(c, CALL_OF(a))))
			return;
		c->resend_next = next;
	}
	c->resend_next = c->resend_last + 1;
}

bool link_gone(const struct paclient *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

void link_farewell(struct paclient *c)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	uint8_t frames[HELLO_BYTES_MAX];
	size_t n;

	hang_up(c);
	if (!c->has_token)
		return;
	memcpy(to.sun_path, c->path, sizeof(to.sun_path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&to, sizeof(to)))
		return;
	n = hello_frames(c, true, frames);
	(void)!send(c->fd, frames, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}
