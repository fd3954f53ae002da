/*
 * calls - one request each
 *
 * Role:       see calls.h.
 * Uses:       tests/unit/wire.h
 */
#include "tests/e2e/deaths/calls.h"

#include <inttypes.h>

/* A request that must be done. */
static void must(int fd, const Request *req)
{
	Reply *reply = wire_call(fd, req);

	WIRE_MUST(!reply->status, "%s", reply->message);
	wire_done(reply);
}

void calls_hello(int fd, uint64_t grace_msec, const uint8_t *token, struct calls_session *ret)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;
	Reply *reply;

	m.version = 1;
	m.client = (char *)"mortal";
	m.grace_msec = grace_msec;
	if (token)
		m.token = (ProtobufCBinaryData){.len = PALLOCD_TOKEN_BYTES,
						.data = (uint8_t *)(uintptr_t)token};
	reply = wire_call(fd, &REQUEST(1, HELLO, hello, &m));
	WIRE_MUST(!reply->status, "%s", reply->message);
	WIRE_MUST(reply->hello->resumed == (token != NULL), "resumed or not");
	WIRE_MUST(reply->hello->token.len == PALLOCD_TOKEN_BYTES, "a token of %zu bytes",
		  reply->hello->token.len);
	ret->id = reply->hello->session;
	memcpy(ret->token, reply->hello->token.data, PALLOCD_TOKEN_BYTES);
	wire_done(reply);
}

bool calls_alloc(int fd, struct model_extent *e, bool detached)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	Reply *reply;
	bool done;

	m.region_id = e->region;
	m.npages = &e->npages;
	m.n_npages = 1;
	m.name = e->name;
	m.lifetime = detached ? PALLOCD__V1__LIFETIME__DETACHED : PALLOCD__V1__LIFETIME__SESSION;
	reply = wire_call(fd, &REQUEST(2, ALLOC, alloc, &m));
	WIRE_MUST(!reply->status || (int)reply->status == PALLOCD_NO_SPACE, "%s", reply->message);
	done = !reply->status;
	if (done)
		e->addr = reply->alloc->addr[0];
	wire_done(reply);
	return done;
}

void calls_wait_begin(int fd)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t npages = 1;

	m.region_id = REGION_FULL;
	m.npages = &npages;
	m.n_npages = 1;
	m.wait_msec = 600000;
	wire_request(fd, &REQUEST(2, ALLOC, alloc, &m));
}

void calls_free(int fd, const struct model_extent *e)
{
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;
	uint64_t addr = e->addr, npages = e->npages;

	m.region_id = e->region;
	m.addr = &addr;
	m.npages = &npages;
	m.n_addr = m.n_npages = 1;
	must(fd, &REQUEST(3, FREE, free, &m));
}

void calls_share(int fd, const struct model_extent *e)
{
	Pallocd__V1__Share m = PALLOCD__V1__SHARE__INIT;

	m.region_id = e->region;
	m.addr = e->addr;
	must(fd, &REQUEST(6, SHARE, share, &m));
}

void calls_release(int fd, const struct model_extent *e)
{
	Pallocd__V1__Release m = PALLOCD__V1__RELEASE__INIT;

	m.region_id = e->region;
	m.addr = e->addr;
	must(fd, &REQUEST(7, RELEASE, release, &m));
}

void calls_end_session(int fd, uint64_t id)
{
	Pallocd__V1__EndSession m = PALLOCD__V1__END_SESSION__INIT;

	m.session = id;
	must(fd, &REQUEST(8, END_SESSION, end_session, &m));
}

/* Asks the daemon's own numbers until @reached; a thousandth of a second between two looks is what others do meanwhile. */
static void await(int fd, bool (*reached)(const Pallocd__V1__DaemonStat *d, uint64_t n), uint64_t n,
		  const char *what)
{
	for (int i = 0;; i++) {
		Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
		Reply *reply = wire_call(fd, &REQUEST(4, STAT, stat, &m));
		const Pallocd__V1__DaemonStat *d;
		bool done;

		WIRE_MUST(!reply->status, "%s", reply->message);
		d = reply->stat->daemon;
		done = reached(d, n);
		WIRE_MUST(done || i < WIRE_TIMEOUT_MSEC,
			  "%s: not reached; connections %" PRIu64 ", sessions open %" PRIu64
			  ", in grace %" PRIu64 ", ending %" PRIu64 ", waiting %" PRIu64,
			  what, d->nconnections, d->nsessions, d->ngrace, d->nending, d->nwaiting);
		wire_done(reply);
		if (done)
			return;
		wire_sleep_msec(1);
	}
}

static bool settled(const Pallocd__V1__DaemonStat *d, uint64_t n)
{
	return d->nsessions == n && d->ngrace == 0 && d->nending == 0 && d->nconnections == n;
}

void calls_settle(int fd)
{
	await(fd, settled, 1, "only the observer's session is left");
}

static bool waiting(const Pallocd__V1__DaemonStat *d, uint64_t n)
{
	return d->nwaiting == n;
}

void calls_await_waiting(int fd, uint64_t n)
{
	await(fd, waiting, n, "the Alloc waits");
}
