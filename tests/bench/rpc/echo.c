/*
 * echo - a libuv echo server, plain or with protobuf-c
 *
 * Role:       see echo.h.
 * Uses:       proto/, libuv
 *
 * It is meant to be hard to beat: protobuf-c gets its memory from an arena that is emptied for each frame, as in pallocd,
 * and not from malloc().
 */
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "echo.h"
#include "proto/pallocd.pb-c.h"
#include "util.h"

struct arena {
	size_t used;
	_Alignas(16) uint8_t bytes[8 * FRAME_MAX]; /* a message takes several times its frame */
};

struct conn {
	uv_poll_t poll;
	int fd;
	size_t in_used;          /* bytes in in[] */
	size_t out_at, out_used; /* out[out_at, out_used) is still to be sent */
	uint8_t in[FRAME_MAX];
	uint8_t out[4 * FRAME_MAX]; /* a reply may be longer than its request */
};

static struct arena arena;
static bool with_protobuf;
static uv_loop_t loop;

static void *arena_alloc(void *unused, size_t size)
{
	size_t at = arena.used;

	(void)unused;
	if (size > sizeof(arena.bytes) - at)
		return NULL;
	arena.used = (at + size + 15) & ~(size_t)15;
	return arena.bytes + at;
}

static void arena_free(void *unused, void *p)
{
	(void)unused;
	(void)p;
}

static ProtobufCAllocator allocator = {.alloc = arena_alloc, .free = arena_free};

/* The reply to one request, as a frame at @out; returns its size, 0 for a request that can't be unpacked. */
static size_t reply_pack(const uint8_t *message, uint32_t size, uint8_t *out)
{
	static uint64_t addr[PALLOCD_BATCH_EXTENTS_MAX], next;
	Pallocd__V1__HelloReply hello = PALLOCD__V1__HELLO_REPLY__INIT;
	Pallocd__V1__AllocReply alloc = PALLOCD__V1__ALLOC_REPLY__INIT;
	Pallocd__V1__FreeReply freed = PALLOCD__V1__FREE_REPLY__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__Request *request;

	arena.used = 0;
	request = pallocd__v1__request__unpack(&allocator, size, message);
	if (!request)
		return 0;
	reply.id = request->id;
	switch (request->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_HELLO:
		hello.version = PALLOCD_PROTOCOL_VERSION;
		reply.hello = &hello;
		reply.result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
		break;
	case PALLOCD__V1__REQUEST__VERB_ALLOC:
		alloc.n_addr = request->alloc->n_npages;
		alloc.addr = addr;
		for (size_t i = 0; i < alloc.n_addr && i < PALLOCD_BATCH_EXTENTS_MAX; i++)
			addr[i] = UINT64_C(0x7f0000000000) + (next++ % 65536 << 12);
		reply.alloc = &alloc;
		reply.result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
		break;
	case PALLOCD__V1__REQUEST__VERB_FREE:
		for (size_t i = 0; i < request->free->n_npages; i++)
			freed.npages += request->free->npages[i];
		reply.free = &freed;
		reply.result_case = PALLOCD__V1__REPLY__RESULT_FREE;
		break;
	default:
		return 0;
	}
	size = (uint32_t)pallocd__v1__reply__pack(&reply, out + PALLOCD_FRAME_HEADER_BYTES);
	frame_put(out, size);
	return PALLOCD_FRAME_HEADER_BYTES + size;
}

static void conn_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;

	close(c->fd);
	free(c);
}

static void conn_close(struct conn *c)
{
	uv_poll_stop(&c->poll);
	if (!uv_is_closing((uv_handle_t *)&c->poll))
		uv_close((uv_handle_t *)&c->poll, conn_closed);
}

/* Answer all whole frames of in[] into out[]; false for a frame that no client of ours would send. */
static bool conn_answer(struct conn *c)
{
	size_t at = 0;

	c->out_at = c->out_used = 0;
	while (c->in_used - at >= PALLOCD_FRAME_HEADER_BYTES) {
		uint32_t size = frame_get(c->in + at);
		size_t frame = PALLOCD_FRAME_HEADER_BYTES + (size_t)size, written;

		if (size > PALLOCD_FRAME_BYTES_MAX)
			return false;
		if (c->in_used - at < frame)
			break;
		if (with_protobuf) {
			if (sizeof(c->out) - c->out_used < FRAME_MAX)
				return false;
			written = reply_pack(c->in + at + PALLOCD_FRAME_HEADER_BYTES, size,
					     c->out + c->out_used);
			if (!written)
				return false;
			c->out_used += written;
		}
		at += frame;
	}
	if (!with_protobuf) {
		memcpy(c->out, c->in, at);
		c->out_used = at;
	}
	memmove(c->in, c->in + at, c->in_used - at);
	c->in_used -= at;
	return true;
}

static void conn_ready(uv_poll_t *poll, int status, int events);

/* Send what is to be sent; the rest, if any, when the socket has room: until then nothing is read. */
static void conn_send(struct conn *c)
{
	ssize_t n;

	if (c->out_at == c->out_used)
		return;
	n = send(c->fd, c->out + c->out_at, c->out_used - c->out_at, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN) {
		conn_close(c);
		return;
	}
	c->out_at += n > 0 ? (size_t)n : 0;
	if (c->out_at < c->out_used)
		uv_poll_start(&c->poll, UV_WRITABLE, conn_ready);
}

static void conn_ready(uv_poll_t *poll, int status, int events)
{
	struct conn *c = poll->data;
	ssize_t n;

	if (status < 0) {
		conn_close(c);
		return;
	}
	if (events & UV_WRITABLE) {
		conn_send(c);
		if (!uv_is_closing((uv_handle_t *)poll) && c->out_at == c->out_used)
			uv_poll_start(poll, UV_READABLE, conn_ready);
		return;
	}
	n = recv(c->fd, c->in + c->in_used, sizeof(c->in) - c->in_used, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->in_used += (size_t)n;
	if (conn_answer(c))
		conn_send(c);
	else
		conn_close(c);
}

static void listener_ready(uv_poll_t *poll, int status, int events)
{
	struct conn *c;
	int fd;

	(void)status;
	(void)events;
	fd = accept4(*(int *)poll->data, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->poll.data = c;
	if (uv_poll_init(&loop, &c->poll, fd)) {
		close(fd);
		free(c);
		return;
	}
	uv_poll_start(&c->poll, UV_READABLE, conn_ready);
}

void echo_serve(int fd, bool protobuf)
{
	static uv_poll_t listener;
	static int listener_fd;

	with_protobuf = protobuf;
	listener_fd = fd;
	listener.data = &listener_fd;
	if (uv_loop_init(&loop) || uv_poll_init(&loop, &listener, fd) ||
	    uv_poll_start(&listener, UV_READABLE, listener_ready))
		_exit(1);
	uv_run(&loop, UV_RUN_DEFAULT);
	_exit(0);
}
