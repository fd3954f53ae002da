/*
 * conn - one connection
 *
 * Role:       see conn.h.
 * Uses:       base/, rpc/, net/, libuv
 */
#include "net/conn.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define BIT(state) (1u << (state))

/* For each state, what it waits for and what may follow. */
static const struct {
	int events;
	unsigned next;
} states[] = {
	[CONN_READING] = {UV_READABLE, BIT(CONN_BLOCKED) | BIT(CONN_DRAINING) | BIT(CONN_CLOSED)},
	[CONN_BLOCKED] = {UV_WRITABLE, BIT(CONN_READING) | BIT(CONN_DRAINING) | BIT(CONN_CLOSED)},
	[CONN_DRAINING] = {UV_WRITABLE, BIT(CONN_CLOSED)},
	[CONN_CLOSED] = {0, 0},
};

static void on_poll(uv_poll_t *poll, int status, int events);

const char *conn_state_name(enum conn_state state)
{
	switch (state) {
	case CONN_READING:
		return "reading";
	case CONN_BLOCKED:
		return "blocked";
	case CONN_DRAINING:
		return "draining";
	case CONN_CLOSED:
		return "closed";
	}
	return "unknown";
}

/* The one setter. */
static void conn_set_state(struct conn *c, enum conn_state state)
{
	if (c->state == state)
		return;
	assert(states[c->state].next & BIT(state));
	c->state = state;
	/* Fails only for descriptors that libuv cannot watch, and then conn_open() would have. */
	if (states[state].events && uv_poll_start(&c->poll, states[state].events, on_poll))
		conn_close(c);
}

static void on_closed(uv_handle_t *handle)
{
	struct conn *c = CONTAINER_OF((uv_poll_t *)handle, struct conn, poll);

	mem_free(c->out.data);
	mem_free(c->backlog.data);
	mem_free(c->partial);
	mem_free(c);
}

void conn_close(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	conn_set_state(c, CONN_CLOSED);
	list_remove(&c->in_net);
	c->net->nconns--;
	uv_close((uv_handle_t *)&c->poll, on_closed);
	close(c->fd);
	rpc_conn_close(&c->rpc);
	net_work(c->net);
}

static void bytes_drop(struct conn_bytes *b)
{
	mem_free(b->data);
	*b = (struct conn_bytes){0};
}

/* Keep a copy of @n bytes; where there is no memory for them, this connection ends and no other. */
static void bytes_keep(struct conn *c, struct conn_bytes *b, const uint8_t *data, size_t n)
{
	assert(!b->data);
	b->data = mem_alloc(n);
	if (!b->data) {
		log_warning("no memory for what waits on the connection of pid %d: it is closed",
			    (int)c->rpc.peer.pid);
		conn_close(c);
		return;
	}
	memcpy(b->data, data, n);
	b->n = n;
}

/* Write what is there. Return: bytes written, 0 where the socket takes none; the connection is closed on error. */
static size_t bytes_write(struct conn *c, const uint8_t *data, size_t n)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (UNLIKELY(sent < 0)) {
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			conn_close(c);
		return 0;
	}
	c->net->rpc->counters.sent_bytes += (uint64_t)sent;
	return (size_t)sent;
}

/* Write the replies gathered in the loop's buffer. Return: true if all are written. */
static bool replies_write(struct conn *c)
{
	struct rpc_out *out = &c->net->out;
	size_t sent, n = out->n;

	out->n = 0;
	if (n == 0)
		return true;
	sent = bytes_write(c, out->data, n);
	if (LIKELY(sent == n))
		return true;
	if (c->state != CONN_CLOSED)
		bytes_keep(c, &c->out, out->data + sent, n - sent);
	return false;
}

/* Keep the beginning of a frame, @need bytes long as far as one knows. */
static void partial_keep(struct conn *c, const uint8_t *data, size_t n, size_t need)
{
	c->partial_n = n;
	if (n < sizeof(c->head)) {
		memcpy(c->head, data, n);
		return;
	}
	c->partial = mem_alloc(need);
	if (!c->partial) {
		log_warning("no memory for a frame of pid %d: its connection is closed",
			    (int)c->rpc.peer.pid);
		conn_close(c);
		return;
	}
	memcpy(c->partial, data, n);
	c->partial_size = need;
}

/*
 * Serve frames and gather replies.
 * @ret_left: bytes at the end that wait for the connection's next turn, and for the caller to keep them
 *
 * Return: true if the connection may be read again: everything was served, and at most the beginning of a frame is left.
 */
static bool bytes_serve(struct conn *c, const uint8_t *data, size_t n, size_t *ret_left)
{
	size_t used, need;
	int err;

	*ret_left = 0;
	for (;;) {
		err = rpc_serve(&c->rpc, data, n, &c->net->out, &used, &need);
		data += used;
		n -= used;
		switch (err) {
		case 0:
			if (UNLIKELY(n))
				partial_keep(c, data, n, need);
			return true;
		case RPC_E_OUT_FULL:
			if (replies_write(c))
				continue;
			/* fall through */
		case RPC_E_PAUSE:
			if (c->state != CONN_CLOSED)
				*ret_left = n;
			return false;
		default:
			/* RPC_E_CLOSE: what comes after a bad frame is not looked at. */
			conn_set_state(c, CONN_DRAINING);
			return false;
		}
	}
}

/*
 * After serving: write, and find out what to wait for. @readable: as bytes_serve() says. The loop's buffer is empty afterwards,
 * also where the connection has ended meanwhile: the next one to be served must not find its replies there.
 */
static void conn_settle(struct conn *c, bool readable)
{
	bool written;

	if (UNLIKELY(c->state == CONN_CLOSED)) {
		c->net->out.n = 0;
		return;
	}
	written = c->out.n == 0 && replies_write(c);
	if (UNLIKELY(c->state == CONN_CLOSED))
		return;
	if (UNLIKELY(c->state == CONN_DRAINING)) {
		if (written)
			conn_close(c);
		return;
	}
	conn_set_state(c, LIKELY(written && readable) ? CONN_READING : CONN_BLOCKED);
}

/*
 * One read. Where the rest of a known frame is awaited, it goes straight to its place, and what follows to the loop's buffer;
 * otherwise up to three bytes of a length field are put in front. Return: bytes of recvmsg(2), with those in front not counted.
 */
static ssize_t conn_recv(struct conn *c, size_t *ret_front)
{
	uint8_t *in = c->net->in;
	struct iovec iov[2];
	struct msghdr msg = {.msg_iov = iov};
	size_t front = 0;

	if (UNLIKELY(c->partial != NULL)) {
		iov[msg.msg_iovlen++] = (struct iovec){
			.iov_base = c->partial + c->partial_n,
			.iov_len = c->partial_size - c->partial_n,
		};
	} else if (UNLIKELY(c->partial_n)) {
		front = c->partial_n;
		memcpy(in, c->head, front);
	}
	iov[msg.msg_iovlen++] = (struct iovec){.iov_base = in + front,
					       .iov_len = NET_IN_BYTES - front};
	*ret_front = front;
	return recvmsg(c->fd, &msg, MSG_DONTWAIT);
}

/* @n bytes came for the end of what waits to be served. */
static void backlog_append(struct conn *c, const uint8_t *data, size_t n)
{
	uint8_t *longer = mem_resize(c->backlog.data, c->backlog.n + n, 1);

	if (!longer) {
		log_warning("no memory for requests of pid %d: its connection is closed",
			    (int)c->rpc.peer.pid);
		conn_close(c);
		return;
	}
	memcpy(longer + c->backlog.n, data, n);
	c->backlog.data = longer;
	c->backlog.n += n;
}

/*
 * @n bytes came for a frame whose length is known; serves it when it is complete. Return: bytes that came behind it and may be
 * served now.
 */
static size_t partial_serve(struct conn *c, size_t n, bool *ret_readable)
{
	size_t missing = c->partial_size - c->partial_n, left;
	uint8_t *frame;

	if (n < missing) {
		c->partial_n += n;
		return 0;
	}
	frame = take_ptr(c->partial);
	c->partial_n = 0;
	*ret_readable = bytes_serve(c, frame, c->partial_size, &left);
	n -= missing;
	if (LIKELY(!left)) {
		mem_free(frame);
		return n;
	}
	/* A request of several turns: what came behind it waits behind it. */
	c->backlog = (struct conn_bytes){.data = frame, .n = c->partial_size};
	backlog_append(c, c->net->in, n);
	return 0;
}

static void conn_read(struct conn *c)
{
	struct rpc_counters *counters = &c->net->rpc->counters;
	uint64_t served = counters->requests;
	bool readable = true;
	size_t n, front, left = 0;
	ssize_t got;

	got = conn_recv(c, &front);
	if (UNLIKELY(got <= 0)) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			conn_close(c);
		return;
	}
	n = (size_t)got;
	counters->received_bytes += n;
	if (UNLIKELY(c->partial != NULL))
		n = partial_serve(c, n, &readable);
	else
		c->partial_n = 0;
	if (c->state == CONN_READING && n)
		readable = bytes_serve(c, c->net->in, front + n, &left);
	if (left)
		bytes_keep(c, &c->backlog, c->net->in + front + n - left, left);
	counters->batches += counters->requests != served;
	conn_settle(c, readable);
}

/* Whether anything is left of the replies that wait; the connection may be closed afterwards. */
static bool out_written(struct conn *c)
{
	size_t n = c->out.n - c->out.at;

	if (n == 0)
		return true;
	c->out.at += bytes_write(c, c->out.data + c->out.at, n);
	if (c->out.at < c->out.n)
		return false;
	bytes_drop(&c->out);
	return true;
}

static bool peer_gone(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

static void conn_write(struct conn *c)
{
	struct conn_bytes backlog = c->backlog;
	bool readable = true;
	size_t left = 0;

	if (!out_written(c))
		return;
	/* An answer of many turns is not worth them where nobody waits for it. Who has only shut down its own side does. */
	if (UNLIKELY(c->rpc.nturns) && peer_gone(c->fd)) {
		conn_close(c);
		return;
	}
	c->backlog = (struct conn_bytes){0};
	if (c->state == CONN_BLOCKED && backlog.data)
		readable = bytes_serve(c, backlog.data + backlog.at, backlog.n - backlog.at, &left);
	/* What is left stays where it is: a request of thousands of turns must not be copied in each. */
	backlog.at = backlog.n - left;
	if (left)
		c->backlog = backlog;
	else
		mem_free(backlog.data);
	conn_settle(c, readable);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct conn *c = CONTAINER_OF(poll, struct conn, poll);

	if (UNLIKELY(status < 0)) {
		conn_close(c);
		return;
	}
	switch (c->state) {
	case CONN_READING:
		if (events & UV_READABLE)
			conn_read(c);
		break;
	case CONN_BLOCKED:
	case CONN_DRAINING:
		if (events & UV_WRITABLE)
			conn_write(c);
		break;
	case CONN_CLOSED:
		break;
	}
}

static int peer_read(int fd, struct session_peer *ret)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*ret = (struct session_peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	return 0;
}

int conn_open(struct net *net, int fd)
{
	struct session_peer peer;
	struct conn *c;
	int err;

	err = peer_read(fd, &peer);
	if (err)
		return err;
	c = mem_zalloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->net = net;
	c->fd = fd;
	c->state = CONN_READING;
	err = uv_poll_init(&net->loop, &c->poll, fd);
	if (err) {
		/* No handle came to be, so that no close callback will free it. */
		mem_free(c);
		return err;
	}
	err = uv_poll_start(&c->poll, states[CONN_READING].events, on_poll);
	assert(!err);
	list_push(&net->conns, &c->in_net);
	net->nconns++;
	rpc_conn_open(&c->rpc, net->rpc, &peer);
	return 0;
}
