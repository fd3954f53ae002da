/*
 * wire - a client made of a raw socket
 *
 * Role:       for tests that must see or spoil each byte; programs use libpaclient. Where a call cannot do what it says, the
 *             process is aborted with a line on stderr: unlike check's assertions, that works in a test's child processes too.
 * Uses:       proto/
 */
#ifndef PALLOCD_TESTS_WIRE_H
#define PALLOCD_TESTS_WIRE_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/limits.h"
#include "proto/pallocd.pb-c.h"
#include "proto/status.h"

#define WIRE_FRAME_BYTES (PALLOCD_FRAME_HEADER_BYTES + PALLOCD_FRAME_BYTES_MAX)

/* Longer than any reply takes, sanitizers and a busy machine included. */
#define WIRE_TIMEOUT_MSEC 20000

#define WIRE_MUST(condition, ...)                                       \
	do {                                                            \
		if (!(condition)) {                                     \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
			fprintf(stderr, __VA_ARGS__);                   \
			fputc('\n', stderr);                            \
			abort();                                        \
		}                                                       \
	} while (0)

typedef Pallocd__V1__Request Request;
typedef Pallocd__V1__Reply Reply;

#define REQUEST(ID, CASE, FIELD, MESSAGE)                                              \
	((Request){.base = PROTOBUF_C_MESSAGE_INIT(&pallocd__v1__request__descriptor), \
		   .id = (ID),                                                         \
		   .verb_case = PALLOCD__V1__REQUEST__VERB_##CASE,                     \
		   .FIELD = (MESSAGE)})

static inline void wire_sleep_msec(long msec)
{
	struct timespec ts = {.tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

/** wire_try_connect() - a connected socket, or -1. */
static inline int wire_try_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	WIRE_MUST(fd >= 0, "socket: %s", strerror(errno));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

/** wire_connect() - waits for a daemon that is starting. */
static inline int wire_connect(const char *path)
{
	int fd;

	for (int i = 0; i < WIRE_TIMEOUT_MSEC / 10; i++) {
		fd = wire_try_connect(path);
		if (fd >= 0)
			return fd;
		wire_sleep_msec(10);
	}
	WIRE_MUST(false, "no daemon answers at %s: %s", path, strerror(errno));
	return -1;
}

static inline void wire_send(int fd, const void *data, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t sent = send(fd, (const char *)data + at, n - at, MSG_NOSIGNAL);

		WIRE_MUST(sent > 0, "send: %s", strerror(errno));
		at += (size_t)sent;
	}
}

/** wire_pack() - a request as a frame; its length. @buf has WIRE_FRAME_BYTES. */
static inline size_t wire_pack(const Request *req, uint8_t *buf)
{
	size_t n = pallocd__v1__request__pack(req, buf + PALLOCD_FRAME_HEADER_BYTES);

	memcpy(buf, &(uint32_t){(uint32_t)n}, PALLOCD_FRAME_HEADER_BYTES);
	return n + PALLOCD_FRAME_HEADER_BYTES;
}

static inline void wire_request(int fd, const Request *req)
{
	static uint8_t buf[WIRE_FRAME_BYTES];

	wire_send(fd, buf, wire_pack(req, buf));
}

/** wire_read() - exactly @n bytes; false at the end of the stream. */
static inline bool wire_read(int fd, void *data, size_t n)
{
	size_t at = 0;

	while (at < n) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		WIRE_MUST(poll(&p, 1, WIRE_TIMEOUT_MSEC) == 1, "the daemon does not answer");
		got = recv(fd, (char *)data + at, n - at, 0);
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

/** wire_reply() - the next reply, to be freed with wire_done(); NULL at the end of the stream. */
static inline Reply *wire_reply(int fd)
{
	static uint8_t buf[PALLOCD_FRAME_BYTES_MAX];
	Reply *reply;
	uint32_t n;

	if (!wire_read(fd, &n, sizeof(n)))
		return NULL;
	WIRE_MUST(n >= 1 && n <= sizeof(buf), "a reply of %u bytes", n);
	WIRE_MUST(wire_read(fd, buf, n), "the stream ends in a reply");
	reply = pallocd__v1__reply__unpack(NULL, n, buf);
	WIRE_MUST(reply, "a reply that holds no Reply");
	return reply;
}

static inline void wire_done(Reply *reply)
{
	pallocd__v1__reply__free_unpacked(reply, NULL);
}

/** wire_call() - one request, its reply. */
static inline Reply *wire_call(int fd, const Request *req)
{
	Reply *reply;

	wire_request(fd, req);
	reply = wire_reply(fd);
	WIRE_MUST(reply, "the daemon closed the connection");
	WIRE_MUST(reply->id == req->id, "the reply to request %llu, not %llu, of status %d: %s",
		  (unsigned long long)reply->id, (unsigned long long)req->id, (int)reply->status,
		  reply->message);
	return reply;
}

static inline void wire_hello(int fd)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;
	Reply *reply;

	m.version = 1;
	m.client = (char *)"wire";
	reply = wire_call(fd, &REQUEST(1, HELLO, hello, &m));
	WIRE_MUST(!reply->status, "%s", reply->message);
	wire_done(reply);
}

/** wire_open() - connected and introduced. */
static inline int wire_open(const char *path)
{
	int fd = wire_connect(path);

	wire_hello(fd);
	return fd;
}

/** wire_alloc() - one extent of region 1; the status. @ret_addr is written on OK. */
static inline unsigned wire_alloc(int fd, uint64_t npages, int lifetime, uint64_t *ret_addr)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	unsigned status;
	Reply *reply;

	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.lifetime = (Pallocd__V1__Lifetime)lifetime;
	reply = wire_call(fd, &REQUEST(2, ALLOC, alloc, &m));
	status = (unsigned)reply->status;
	if (!status)
		*ret_addr = reply->alloc->addr[0];
	wire_done(reply);
	return status;
}

/** wire_free() - one range of region 1; the status. */
static inline unsigned wire_free(int fd, uint64_t addr, uint64_t npages)
{
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;
	unsigned status;
	Reply *reply;

	m.region_id = 1;
	m.addr = &addr;
	m.npages = &npages;
	m.n_addr = m.n_npages = 1;
	reply = wire_call(fd, &REQUEST(3, FREE, free, &m));
	status = (unsigned)reply->status;
	wire_done(reply);
	return status;
}

/** wire_stat() - of the daemon and region 1; to be freed with wire_done(). */
static inline Reply *wire_stat(int fd)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	Reply *reply;

	m.region_id = 1;
	reply = wire_call(fd, &REQUEST(4, STAT, stat, &m));
	WIRE_MUST(!reply->status, "%s", reply->message);
	return reply;
}

/** wire_await_sessions() - until so many sessions are open and region 1 has so many extents. */
static inline void wire_await_sessions(int fd, uint64_t nsessions, uint64_t nextents)
{
	for (int i = 0;; i++) {
		Reply *reply = wire_stat(fd);
		bool reached = reply->stat->daemon->nsessions == nsessions &&
			       reply->stat->region->nextents == nextents;

		WIRE_MUST(reached || i < WIRE_TIMEOUT_MSEC / 5,
			  "wanted %llu sessions and %llu extents, got %llu and %llu",
			  (unsigned long long)nsessions, (unsigned long long)nextents,
			  (unsigned long long)reply->stat->daemon->nsessions,
			  (unsigned long long)reply->stat->region->nextents);
		wire_done(reply);
		if (reached)
			return;
		wire_sleep_msec(5);
	}
}

/** wire_assert_end() - nothing more comes. */
static inline void wire_assert_end(int fd)
{
	char c;

	WIRE_MUST(!wire_read(fd, &c, 1), "more bytes came");
}

#endif
