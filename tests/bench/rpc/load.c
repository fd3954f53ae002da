/*
 * load - a single-threaded load generator on epoll
 *
 * Role:       see load.h.
 * Uses:       server.h, hist.h, util.h, proto/
 *
 * Requests and replies are written and read by hand, which protobuf allows: with a library's help this side would be slower than
 * the servers. A slot is one of a connection's requests in flight; its number, plus 1, is the id that the request carries. Where requests
 * can be repeated, ids ascend; as replies come in order, those in flight are never more than the slots.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "proto/pallocd.pb-c.h"
#include "util.h"

/* Bytes of the longest request that is sent here: id, tag, length, region, address, pages. */
#define REQUEST_MAX 64u

/* Tag of a field with a length: a message, a packed array. */
#define TAG(field) ((uint8_t)((field) << 3 | 2))

/* What is given back to a server that handed out nothing: as long, as a number, as pallocd's addresses are here. */
#define ADDR_NONE UINT64_C(0x7f0000001000)

/* A server that says nothing for so long is dead. */
#define SILENCE_MS 20000

struct slot {
	uint64_t addr;
	uint64_t sent_ns;
	bool holding;
	bool in_flight;
};

struct conn {
	int fd;
	size_t in_used, out_used;
	struct slot *slots;
	unsigned *fresh; /* slots whose request is in out[]: they get their time when it is sent */
	unsigned nfresh;
	/* Only where ids ascend: the last one sent, the last one answered, and whose they are, by id modulo depth. */
	uint64_t id, answered;
	unsigned *owner;
	uint8_t *out;
	uint8_t in[FRAME_MAX];
};

struct load {
	uint32_t region_id;
	unsigned nconns, depth;
	int epoll_fd;
	uint64_t in_flight;
	bool sending, measuring;
	bool repeats;
	struct load_result *result;
	struct conn *conns;
};

static uint8_t *varint_put(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

/* Reads a varint of [*@p, @end); false if it is cut. */
static bool varint_get(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t byte = *(*p)++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/* The id of the next request, which is slot @i's. */
static uint64_t id_next(const struct load *l, struct conn *c, unsigned i)
{
	c->owner[++c->id % l->depth] = i;
	return c->id;
}

/* Appends the slot's next request: Free of what it holds, else Alloc of one page. */
static void request_add(struct load *l, struct conn *c, unsigned i)
{
	struct slot *slot = &c->slots[i];
	uint8_t body[REQUEST_MAX], *b = body, *frame = c->out + c->out_used, *p;

	*b++ = 0x08; /* region_id = 1, varint */
	b = varint_put(b, l->region_id);
	if (slot->holding) {
		uint8_t addr[10];
		size_t size = (size_t)(varint_put(addr, slot->addr) - addr);

		*b++ = TAG(3); /* Free.addr, packed */
		*b++ = (uint8_t)size;
		memcpy(b, addr, size);
		b += size;
		*b++ = TAG(4); /* Free.npages, packed */
	} else {
		*b++ = TAG(3); /* Alloc.npages, packed */
	}
	*b++ = 1;
	*b++ = 1;

	p = frame + PALLOCD_FRAME_HEADER_BYTES;
	*p++ = 0x08; /* Request.id = 1 */
	p = varint_put(p, l->repeats ? id_next(l, c, i) : i + 1);
	if (l->repeats) {
		p = varint_put(p, 31 << 3); /* Request.answered */
		p = varint_put(p, c->answered);
	}
	*p++ = slot->holding ? TAG(PALLOCD__V1__REQUEST__VERB_FREE)
			     : TAG(PALLOCD__V1__REQUEST__VERB_ALLOC);
	*p++ = (uint8_t)(b - body);
	memcpy(p, body, (size_t)(b - body));
	p += b - body;
	frame_put(frame, (uint32_t)(p - frame) - PALLOCD_FRAME_HEADER_BYTES);
	c->out_used = (size_t)(p - c->out);
	slot->holding = !slot->holding;
	slot->in_flight = true;
	c->fresh[c->nfresh++] = i;
	l->in_flight++;
}

/* What a reply says: id, status, and the first address of an AllocReply. False if it can't be read. */
static bool reply_read(const uint8_t *p, const uint8_t *end, uint64_t *id, uint64_t *status,
		       uint64_t *addr)
{
	uint64_t tag, v;

	while (p < end) {
		if (!varint_get(&p, end, &tag) || !varint_get(&p, end, &v))
			return false;
		if (tag == 0x08) {
			*id = v;
		} else if (tag == 0x10) {
			*status = v;
		} else if ((tag & 7) == 2) {
			if (v > (uint64_t)(end - p))
				return false;
			/* In an AllocReply, addr = 1, packed: tag, size, first entry. */
			if (tag == TAG(PALLOCD__V1__REPLY__RESULT_ALLOC) && v > 2 &&
			    p[0] == TAG(1)) {
				const uint8_t *entry = p + 2;

				if (!varint_get(&entry, p + v, addr))
					return false;
			}
			p += v;
		} else if (tag & 7) {
			return false;
		}
	}
	return true;
}

static void reply_take(struct load *l, struct conn *c, const uint8_t *p, uint32_t size,
		       uint64_t now)
{
	uint64_t id = 0, status = 0, addr = ADDR_NONE;
	struct slot *slot;
	unsigned i;

	if (!reply_read(p, p + size, &id, &status, &addr) || !id ||
	    (l->repeats ? id != c->answered + 1 : id > l->depth))
		die("a reply can't be read or has a strange id");
	if (status)
		die("a request was refused with status %u", (unsigned)status);
	i = l->repeats ? c->owner[id % l->depth] : (unsigned)id - 1;
	slot = &c->slots[i];
	c->answered = id;
	if (!slot->in_flight)
		die("a reply that nobody asked for, id %u", (unsigned)id);
	slot->in_flight = false;
	l->in_flight--;
	if (slot->holding)
		slot->addr = addr;
	if (l->measuring) {
		hist_add(&l->result->latency, now - slot->sent_ns);
		l->result->nrequests++;
	}
	if (l->sending)
		request_add(l, c, i);
}

static void conn_send(struct conn *c)
{
	size_t at = 0;
	uint64_t now;

	if (!c->out_used)
		return;
	now = clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < c->nfresh; i++)
		c->slots[c->fresh[i]].sent_ns = now;
	c->nfresh = 0;
	while (at < c->out_used) {
		ssize_t n = send(c->fd, c->out + at, c->out_used - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd ready = {.fd = c->fd, .events = POLLOUT};

		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN)
			die("send: %s", strerror(errno));
		else if (poll(&ready, 1, SILENCE_MS) <= 0)
			die("the server does not read");
	}
	c->out_used = 0;
}

static void conn_receive(struct load *l, struct conn *c)
{
	size_t at = 0;
	uint64_t now;
	ssize_t n;

	n = recv(c->fd, c->in + c->in_used, sizeof(c->in) - c->in_used, MSG_DONTWAIT);
	now = clock_ns(CLOCK_MONOTONIC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		die("the server closed a connection: %s", n ? strerror(errno) : "end of file");
	c->in_used += (size_t)n;
	while (c->in_used - at >= PALLOCD_FRAME_HEADER_BYTES) {
		uint32_t size = frame_get(c->in + at);

		if (size > PALLOCD_FRAME_BYTES_MAX)
			die("a reply of %u bytes", size);
		if (c->in_used - at < PALLOCD_FRAME_HEADER_BYTES + (size_t)size)
			break;
		reply_take(l, c, c->in + at + PALLOCD_FRAME_HEADER_BYTES, size, now);
		at += PALLOCD_FRAME_HEADER_BYTES + (size_t)size;
	}
	memmove(c->in, c->in + at, c->in_used - at);
	c->in_used -= at;
	conn_send(c);
}

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

/* One round of epoll. */
static void load_turn(struct load *l)
{
	struct epoll_event events[512];
	int n = epoll_wait(l->epoll_fd, events, sizeof(events) / sizeof(events[0]), SILENCE_MS);

	if (interrupted)
		die("interrupted");
	if (n < 0 && errno != EINTR)
		die("epoll_wait: %s", strerror(errno));
	if (n == 0)
		die("the server does not answer");
	for (int i = 0; i < n; i++)
		conn_receive(l, &l->conns[events[i].data.u32]);
}

/* Run until nothing is in flight. */
static void load_drain(struct load *l)
{
	l->sending = false;
	while (l->in_flight)
		load_turn(l);
}

static void load_open(struct load *l, const struct server *s)
{
	l->region_id = s->region_id;
	l->repeats = s->kind == SERVER_PALLOCD_REPEATS;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->conns = calloc(l->nconns, sizeof(*l->conns));
	if (l->epoll_fd < 0 || !l->conns)
		die("no memory or descriptors");
	for (unsigned i = 0; i < l->nconns; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
		struct conn *c = &l->conns[i];

		c->fd = server_connect(s);
		c->slots = calloc(l->depth, sizeof(*c->slots));
		c->fresh = calloc(l->depth, sizeof(*c->fresh));
		c->owner = calloc(l->depth, sizeof(*c->owner));
		c->out = malloc((size_t)l->depth * REQUEST_MAX);
		if (!c->slots || !c->fresh || !c->owner || !c->out ||
		    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &event))
			die("no memory or descriptors");
	}
}

static void load_close(struct load *l)
{
	for (unsigned i = 0; i < l->nconns; i++) {
		close(l->conns[i].fd);
		free(l->conns[i].slots);
		free(l->conns[i].fresh);
		free(l->conns[i].owner);
		free(l->conns[i].out);
	}
	free(l->conns);
	close(l->epoll_fd);
}

/* Start the slots from @first in steps of @step. */
static void load_start(struct load *l, unsigned first, unsigned step)
{
	for (unsigned i = 0; i < l->nconns; i++) {
		for (unsigned k = first; k < l->depth; k += step)
			request_add(l, &l->conns[i], k);
		conn_send(&l->conns[i]);
	}
}

static void load_until(struct load *l, uint64_t end)
{
	while (clock_ns(CLOCK_MONOTONIC) < end)
		load_turn(l);
}

void load_run(const struct server *s, unsigned nconns, unsigned depth, uint64_t warm_ns,
	      uint64_t run_ns, struct load_result *ret)
{
	struct load l = {.nconns = nconns, .depth = depth, .result = ret};
	uint64_t begin;

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	memset(ret, 0, sizeof(*ret));
	load_open(&l, s);
	load_start(&l, 1, 2); /* every other slot is one step ahead */
	load_drain(&l);
	l.sending = true;
	load_start(&l, 0, 1);
	begin = clock_ns(CLOCK_MONOTONIC);
	load_until(&l, begin + warm_ns);

	ret->server_cpu_ns = clock_ns(s->cpu);
	begin = clock_ns(CLOCK_MONOTONIC);
	l.measuring = true;
	load_until(&l, begin + run_ns);
	l.measuring = false;
	ret->elapsed_ns = clock_ns(CLOCK_MONOTONIC) - begin;
	ret->server_cpu_ns = clock_ns(s->cpu) - ret->server_cpu_ns;
	load_drain(&l);
	load_close(&l);
}
