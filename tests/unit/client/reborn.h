/*
 * reborn - a daemon that dies at chosen points and comes back
 *
 * Role:       serves each connection by the next act of a test's plan; keeps what was sent on each, and what it has done.
 * Uses:       fake.h
 * Invariants: R1  ids ascend on each connection, or the test fails: nothing is sent twice on one.
 */
#ifndef TESTS_CLIENT_REBORN_H
#define TESTS_CLIENT_REBORN_H

#include <stdatomic.h>

#include "tests/unit/client/fake.h"

/* What becomes of one connection. */
enum act {
	ACT_SERVE,        /* a daemon that behaves, until the client goes */
	ACT_DIE_AT_DOOR,  /* dies before it has answered Hello */
	ACT_DIE_UNREAD,   /* dies before it has read any request */
	ACT_DIE_READ,     /* dies when it has read `nreads` requests, and has done none of them */
	ACT_DIE_DONE,     /* the same, and has done all of them */
	ACT_DIE_HALF,     /* the same, and has sent half of the first reply */
	ACT_DIE_FIRST,    /* the same, and has sent all of the first reply */
	ACT_DIE_ANSWERED, /* dies when it has answered `nreads` requests */
	ACT_OVERLOADED,   /* takes no more connections */
	ACT_NO_SESSION, /* knows nothing of the session; a Hello without a token is as to ACT_SERVE */
	ACT_NEW_SESSION, /* begins a new one all the same */
	ACT_NO_REPEATS,  /* goes on with the session, but does not know what it has done */
	ACT_FORGOTTEN,   /* knows that it has done all, and not what came of it */
	ACT_OLD,         /* has never heard of repeats */
	ACT_EVENT,       /* answers a Watch, sends one event, and dies */
	ACT_EVENT_STAYS, /* the same, and stays */
	ACT_NO_WATCH,    /* refuses a Watch: STALE */
};

/* What is kept: of later connections the last slot, of many frames the first, of replies the latest. */
#define REBORN_CONNS 16
#define REBORN_FRAMES 64
#define REBORN_FRAME_BYTES 256

/* What came on one connection. */
struct reborn_conn {
	bool resumed; /* its Hello had the token */
	bool repeats; /* its Hello said it */
	uint64_t last_id;
	unsigned nframes;
	struct {
		uint64_t id, answered;
		Pallocd__V1__Request__VerbCase verb;
		size_t n;
		uint8_t bytes[REBORN_FRAME_BYTES];
	} frames[REBORN_FRAMES];
};

struct reborn {
	struct fake fake;
	const enum act *acts; /* one for each connection; the last is for all that follow */
	unsigned nacts;
	unsigned nreads;
	/* Nobody listens between the first connection and the second, for so long; or until reborn_back(). gone: and there is no socket. */
	unsigned away_ms;
	bool away;
	bool gone;
	_Atomic bool back;
	uint64_t last_id, grace_ms; /* in HelloReply */
	uint64_t nevents;           /* that were sent: the next one has this address */
	_Atomic unsigned nconns;
	struct reborn_conn conns[REBORN_CONNS];
	/* Replies by id. */
	unsigned nremembered;
	struct {
		uint64_t id;
		size_t n;
		uint8_t frame[512];
	} remembered[REBORN_FRAMES];
};

/** reborn_start() - begin to listen; @acts must outlive the daemon. */
void reborn_start(struct reborn *r, const enum act *acts, unsigned nacts);
#define REBORN_START(r, ...)                          \
	static const enum act acts[] = {__VA_ARGS__}; \
	reborn_start(r, acts, (unsigned)(sizeof(acts) / sizeof(acts[0])))
void reborn_stop(struct reborn *r);

/** reborn_back() - somebody listens again. */
void reborn_back(struct reborn *r);

#endif
