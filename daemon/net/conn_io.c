/*
 * conn_io - the bytes of a connection: read, served, written, and kept where they cannot be yet
 *
 * Role:       see conn.h.
 * Uses:       base/, rpc/, net/
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/conn_private.h"
#include "net/turn.h"

/* K3: the one place where what waits is counted. */
static void queued_change(struct conn *c, size_t from, size_t to)
{
	c->queued_bytes += to - from;
	c->rpc.user->queued_bytes += to - from;
}

void conn_bytes_drop(struct conn *c, struct conn_bytes *b)
{
	if (!b->data)
		return;
	queued_change(c, b->n, 0);
	mem_free(b->data);
	*b = (struct conn_bytes){0};
}

/* Room for @n bytes in @b, which may have some. Where there is none, this connection ends and no other. Return: whether there is. */
static bool bytes_room(struct conn *c, struct conn_bytes *b, size_t n)
{
	uint64_t limit = c->net->rpc->regions->limits.queued_bytes;
	uint8_t *longer;

	if (limit && c->rpc.user->queued_bytes + (n - b->n) > limit) {
		conn_cut_off(c, PALLOCD_QUOTA, "user_queued_bytes");
		return false;
	}
	longer = mem_resize(b->data, n, 1);
	if (!longer) {
		log_event(LOG_LEVEL_WARNING, LOG_ID_CONNECTION_CUT_OFF,
			  LOG_FIELDS(ABOUT_SESSION(conn_session_id(&c->rpc)),
				     ABOUT_UID(c->peer.uid), ABOUT_PID(c->peer.pid),
				     ABOUT_STATUS(pallocd_status_name(PALLOCD_NO_MEMORY))),
			  "no memory for what waits on the connection of pid %d: it is closed",
			  (int)c->peer.pid);
		conn_close(c, SESSION_CLOSED);
		return false;
	}
	queued_change(c, b->n, n);
	b->data = longer;
	b->n = n;
	return true;
}

/* @n bytes more wait in @b. */
static void bytes_append(struct conn *c, struct conn_bytes *b, const uint8_t *data, size_t n)
{
	size_t at = b->n;

	if (n && bytes_room(c, b, at + n))
		memcpy(b->data + at, data, n);
}

static bool client_has_read_all(int fd)
{
	int n;

	return ioctl(fd, SIOCOUTQ, &n) == 0 && n == 0;
}

/* Return: sendmsg(2)'s, with the descriptors that wait. */
static ssize_t fds_sendmsg(struct conn *c, struct msghdr *msg)
{
	union {
		struct cmsghdr align;
		uint8_t data[CMSG_SPACE(sizeof(c->fds))];
	} control = {0};
	size_t n = c->nfds * sizeof(c->fds[0]);
	struct cmsghdr *cmsg;

	msg->msg_control = control.data;
	msg->msg_controllen = CMSG_SPACE(n);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(cmsg), c->fds, n);
	return sendmsg(c->fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * As sendmsg(2), with descriptors: those that wait, or else those in the loop's buffer, which wait from now on. With the first byte
 * they are gone, however few bytes more the socket has taken.
 */
static ssize_t fds_send(struct conn *c, struct msghdr *msg)
{
	struct rpc_out *out = &c->net->out;
	ssize_t sent;

	/* Nothing is served while something waits. */
	assert(!c->nfds || !out->nfds);
	if (out->nfds) {
		memcpy(c->fds, out->fds, out->nfds * sizeof(out->fds[0]));
		c->nfds = (uint8_t)out->nfds;
		out->nfds = 0;
	}
	if (c->nfds_unread + c->nfds > CONN_FDS_UNREAD_MAX) {
		if (!client_has_read_all(c->fd)) {
			errno = ETOOMANYREFS;
			return -1;
		}
		c->nfds_unread = 0;
	}
	sent = fds_sendmsg(c, msg);
	if (sent > 0) {
		c->nfds_unread += c->nfds;
		c->nfds = 0;
	}
	return sent;
}

/* Not where the client is gone: only where a descriptor cannot be sent. */
static void fds_failed(struct conn *c, int err)
{
	if (err == EPIPE || err == ECONNRESET)
		return;
	c->net->rpc->counters.cut_off++;
	log_event(LOG_LEVEL_WARNING, LOG_ID_CONNECTION_CUT_OFF,
		  LOG_FIELDS(ABOUT_SESSION(conn_session_id(&c->rpc)), ABOUT_UID(c->peer.uid),
			     ABOUT_PID(c->peer.pid), ABOUT_ERRNO(err)),
		  "the connection of pid %d (%s), uid %u is cut off: %u descriptors cannot be "
		  "sent: %s",
		  (int)c->peer.pid, c->peer.command, (unsigned)c->peer.uid, c->nfds,
		  err == ETOOMANYREFS ? "too many are on their way, sent but not read"
				      : strerror(err));
}

/* A message was not sent. Return: bytes of it that were: none. */
static size_t send_failed(struct conn *c, int err)
{
	if (err == EAGAIN || err == EINTR || err == ENOBUFS)
		return 0;
	if (UNLIKELY(c->nfds))
		fds_failed(c, err);
	conn_close(c, SESSION_CLOSED);
	return 0;
}

size_t conn_send(struct conn *c, const uint8_t *data, size_t n)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (UNLIKELY(c->nfds | c->net->out.nfds))
		sent = fds_send(c, &msg);
	else
		sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (UNLIKELY(sent < 0))
		return send_failed(c, errno);
	c->net->rpc->counters.sent_bytes += (uint64_t)sent;
	return (size_t)sent;
}

/* What the replies in the loop's buffer tell of is not where it has to be: they wait, with their descriptors, and where there is no room for that the connection ends. */
static void replies_hold(struct conn *c, uint64_t number)
{
	struct net *net = c->net;

	c->held = number;
	memcpy(c->fds, net->out.fds, net->out.nfds * sizeof(c->fds[0]));
	c->nfds = (uint8_t)net->out.nfds;
	bytes_append(c, &c->out, net->out.data, net->out.n);
	out_clear(&net->out);
	/* It is to be tried again. */
	net->expire |= net->rpc->refusing;
}

/* Write the replies gathered in the loop's buffer. Return: true if all are written. */
static bool replies_write(struct conn *c)
{
	struct rpc_out *out = &c->net->out;
	size_t sent, n = out->n;
	uint64_t number;

	if (n == 0)
		return true;
	number = rpc_commit(c->net->rpc);
	if (UNLIKELY(number)) {
		replies_hold(c, number);
		return false;
	}
	out->n = 0;
	sent = conn_send(c, out->data, n);
	if (LIKELY(sent == n))
		return true;
	if (c->state == CONN_CLOSED)
		return false;
	c->torn = true;
	bytes_append(c, &c->out, out->data + sent, n - sent);
	if (c->state == CONN_CLOSED)
		return false;
	c->torn = false;
	net_timeout_begin(c, TIMEOUT_SEND);
	return false;
}

bool conn_flush(struct conn *c)
{
	size_t sent = conn_send(c, c->out.data + c->out.at, c->out.n - c->out.at);

	if (c->state == CONN_CLOSED)
		return false;
	c->out.at += sent;
	if (c->out.at == c->out.n) {
		conn_bytes_drop(c, &c->out);
		timeout_end(&c->timeouts[TIMEOUT_SEND]);
		return true;
	}
	if (sent)
		net_timeout_begin(c, TIMEOUT_SEND);
	return false;
}

/* Keep the beginning of a frame, @need bytes long as far as one knows. */
static void partial_keep(struct conn *c, const uint8_t *data, size_t n, size_t need)
{
	if (!timeout_waits(&c->timeouts[TIMEOUT_FRAME]))
		net_timeout_begin(c, TIMEOUT_FRAME);
	if (n < sizeof(c->head)) {
		memcpy(c->head, data, n);
		c->head_n = (uint8_t)n;
		return;
	}
	if (!bytes_room(c, &c->partial, need))
		return;
	memcpy(c->partial.data, data, n);
	c->partial.at = n;
}

/*
 * Serve frames and gather replies.
 * @ret_left: bytes at the end that wait for the connection's next turn, and for the caller to keep them
 *
 * Return: what to wait for when all replies are written. READING: everything was served, and at most the beginning of a frame is left.
 */
static enum conn_state bytes_serve(struct conn *c, const uint8_t *data, size_t n, size_t *ret_left)
{
	struct rpc *rpc = c->net->rpc;
	size_t used, need;
	int err;

	*ret_left = 0;
	for (;;) {
		rpc->cost_max = fair_budget(c->fair);
		rpc->memory_max = rpc->cost_max * RPC_COST_BYTES;
		err = rpc_serve(&c->rpc, data, n, &c->net->out, &used, &need);
		fair_charge(&c->net->fair, c->fair, rpc->cost);
		if (UNLIKELY(timeout_waits(&c->timeouts[TIMEOUT_FRAME])) && used)
			timeout_end(&c->timeouts[TIMEOUT_FRAME]);
		data += used;
		n -= used;
		switch (err) {
		case 0:
			if (UNLIKELY(n))
				partial_keep(c, data, n, need);
			return CONN_READING;
		case RPC_E_OUT_FULL:
			if (replies_write(c))
				continue;
			/* fall through */
		case RPC_E_PAUSE:
			*ret_left = n;
			return CONN_DEFERRED;
		case RPC_E_WAIT:
			*ret_left = n;
			return CONN_WAITING;
		default:
			/* RPC_E_CLOSE: what comes after a bad frame is not looked at. */
			return CONN_DRAINING;
		}
	}
}

/* Nothing is read meanwhile, so that the rest of a frame cannot come. */
static void conn_hold(struct conn *c, enum conn_state next)
{
	timeout_end(&c->timeouts[TIMEOUT_FRAME]);
	c->after = next;
	list_append(&c->net->held, &c->in_held);
	conn_set_state(c, CONN_HELD);
}

void conn_release(struct conn *c)
{
	/* Who waited may have been woken meanwhile. */
	enum conn_state next = c->after == CONN_WAITING ? CONN_DEFERRED : c->after;
	bool written;

	c->held = 0;
	list_remove(&c->in_held);
	fair_charge(&c->net->fair, c->fair, CONN_COST_CALLS);
	if (c->partial.data || c->head_n)
		net_timeout_begin(c, TIMEOUT_FRAME);
	net_timeout_begin(c, TIMEOUT_SEND);
	written = conn_flush(c);
	if (c->state == CONN_CLOSED)
		return;
	if (next == CONN_DRAINING && written)
		conn_close(c, SESSION_CLOSED);
	else
		conn_set_state(c, written || next == CONN_DRAINING ? next : CONN_BLOCKED);
}

/* The loop's buffer is empty afterwards, also where the connection has ended: the next one must not find its replies there. */
void conn_settle(struct conn *c, enum conn_state next)
{
	bool written;

	if (UNLIKELY(c->state == CONN_CLOSED)) {
		out_clear(&c->net->out);
		return;
	}
	written = !c->out.data && replies_write(c);
	if (UNLIKELY(c->state == CONN_CLOSED))
		return;
	if (UNLIKELY(timeout_waits(&c->timeouts[TIMEOUT_HELLO])) && c->rpc.session)
		timeout_end(&c->timeouts[TIMEOUT_HELLO]);
	if (UNLIKELY(c->rpc.watch != NULL)) {
		/* It may have become able to take what it has not got. */
		c->net->events_left = true;
		if (list_empty(&c->in_watching))
			list_append(&c->net->watching, &c->in_watching);
	}
	if (UNLIKELY(c->held))
		conn_hold(c, next);
	else if (UNLIKELY(next == CONN_DRAINING && written))
		conn_close(c, SESSION_CLOSED);
	else
		conn_set_state(c, LIKELY(written) || next == CONN_DRAINING ? next : CONN_BLOCKED);
}

/*
 * One read. Where the rest of a known frame is awaited, it goes straight to its place, and what follows to the loop's buffer;
 * otherwise up to three bytes of a length field are put in front. Return: bytes of recvmsg(2), with those in front not counted.
 */
static ssize_t bytes_recv(struct conn *c, size_t *ret_front)
{
	/* Where others wait, not more than may be served in this turn or so: moving bytes takes time too. */
	size_t room = fair_contended(&c->net->fair) ? NET_IN_CONTENDED_BYTES : NET_IN_BYTES;
	uint8_t *in = c->net->in;
	struct iovec iov[2];
	struct msghdr msg = {.msg_iov = iov};
	size_t front = c->head_n;

	if (UNLIKELY(c->partial.data != NULL))
		iov[msg.msg_iovlen++] = (struct iovec){
			.iov_base = c->partial.data + c->partial.at,
			.iov_len = c->partial.n - c->partial.at,
		};
	if (UNLIKELY(front))
		memcpy(in, c->head, front);
	iov[msg.msg_iovlen++] = (struct iovec){.iov_base = in + front, .iov_len = room - front};
	*ret_front = front;
	return recvmsg(c->fd, &msg, MSG_DONTWAIT);
}

/*
 * @n bytes came for a frame whose length is known; serves it when it is complete. Return: bytes that came behind it and may be
 * served now.
 */
static size_t partial_serve(struct conn *c, size_t n, enum conn_state *ret_next)
{
	struct conn_bytes frame = c->partial;
	size_t missing = frame.n - frame.at, left;

	if (n < missing) {
		c->partial.at += n;
		return 0;
	}
	timeout_end(&c->timeouts[TIMEOUT_FRAME]);
	c->partial = (struct conn_bytes){0};
	*ret_next = bytes_serve(c, frame.data, frame.n, &left);
	n -= missing;
	if (LIKELY(!left || c->state == CONN_CLOSED)) {
		conn_bytes_drop(c, &frame);
		return *ret_next == CONN_READING ? n : 0;
	}
	/* A request of several turns, or one that waits: what came behind it waits behind it. */
	frame.at = 0;
	c->backlog = frame;
	bytes_append(c, &c->backlog, c->net->in, n);
	return 0;
}

void conn_read(struct conn *c)
{
	struct rpc_counters *counters = &c->net->rpc->counters;
	uint64_t served = counters->requests;
	enum conn_state next = CONN_READING;
	size_t n, front, left = 0;
	ssize_t got;

	got = bytes_recv(c, &front);
	if (UNLIKELY(got <= 0)) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			conn_close(c, c->died ? SESSION_DIED : SESSION_CLOSED);
		else
			conn_set_state(c, CONN_READING);
		return;
	}
	n = (size_t)got;
	counters->received_bytes += n;
	c->head_n = 0;
	if (UNLIKELY(c->partial.data != NULL))
		n = partial_serve(c, n, &next);
	if (n && c->state != CONN_CLOSED) {
		next = bytes_serve(c, c->net->in, front + n, &left);
		if (UNLIKELY(left) && c->state != CONN_CLOSED)
			bytes_append(c, &c->backlog, c->net->in + front + n - left, left);
	}
	counters->batches += counters->requests != served;
	conn_settle(c, next);
}

bool conn_peer_gone(const struct conn *c)
{
	struct pollfd p = {.fd = c->fd};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

void conn_serve_backlog(struct conn *c)
{
	struct conn_bytes backlog = c->backlog;
	enum conn_state next;
	size_t left;

	/* An answer of many turns is not worth them where nobody waits for it. Who has only shut down its own side does. */
	if (UNLIKELY(c->rpc.nturns) && conn_peer_gone(c)) {
		conn_close(c, SESSION_CLOSED);
		return;
	}
	c->backlog = (struct conn_bytes){0};
	next = bytes_serve(c, backlog.data + backlog.at, backlog.n - backlog.at, &left);
	/* What is left stays where it is: a request of thousands of turns must not be copied in each. */
	backlog.at = backlog.n - left;
	if (left && c->state != CONN_CLOSED)
		c->backlog = backlog;
	else
		conn_bytes_drop(c, &backlog);
	conn_settle(c, next);
}
