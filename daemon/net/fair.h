/*
 * fair - whose turn it is, when several users want one
 *
 * Role:       the arithmetic of turns: each user may cost so much in a turn of the loop; who has cost more is in debt, and what is
 *             wanted of that user is deferred until later turns have paid for it. Knows users and costs (units of RPC_COST_MAX);
 *             nothing of connections, which are links to it, and nothing of libuv.
 * Uses:       base/
 * Invariants: F1  a credit lies in [-FAIR_DEBT_MAX, quantum]: what a user pays off is bounded.
 *             F2  what is deferred is served first in, first out within its user, before anything new of that user's.
 *             F3  for each link of its user's before it and for itself, what is deferred waits until the debt is paid, FAIR_DEBT_MAX /
 *                 FAIR_QUANTUM + 1 turns in which others were served or as much time as these may take (see fair_turn()), and then
 *                 until its user is first, or fewer than a quantum was spent in a turn before it.
 * Cost:       O(users that were active lately) a turn, some nanoseconds for what is served; nothing is taken from the heap but
 *             for a user's first connection.
 */
#ifndef PALLOCD_NET_FAIR_H
#define PALLOCD_NET_FAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macros.h"

/*
 * What one user may cost in a turn where several want one: 16 microseconds, so that another one's request is not kept waiting for much
 * longer than it takes by itself.
 */
#define FAIR_QUANTUM 64

/* The same where a user is alone. A newcomer's first request waits so long at the most: 12 ms. */
#define FAIR_QUANTUM_ALONE (12 * FAIR_SERVE_MAX)

/* What is served at once for one connection may cost so much: RPC_COST_MAX. */
#define FAIR_SERVE_MAX 4096

/*
 * What goes beyond a credit counts so many times: others have waited for all of it, who would have waited for a quantum. One in a hundred
 * or so of their requests meets a request of a millisecond then, and not one in thirty.
 */
#define FAIR_BEYOND 3

/* Debts above it are let off, so that an odd request (of some milliseconds) does not shut its user out. */
#define FAIR_DEBT_MAX (FAIR_BEYOND * FAIR_SERVE_MAX)

/* What a microsecond costs: RPC_COST_PER_USEC. */
#define FAIR_PER_USEC 4

/*
 * What was served so long ago counts no more as wanting turns. Long, because between two requests of a client that waits for each reply
 * many turns may pass, and short quanta cost the others little.
 */
#define FAIR_ACTIVE_MSEC 1000

/* Not the id of any user: the highest uid means "unchanged" to the system calls that take one. */
#define FAIR_NOBODY UINT32_MAX

struct fair {
	struct list users; /* with connections, or active */
	struct list
		active; /* served lately, in debt, or with something deferred; who may begin is first */
	uint32_t nactive; /* but for those aside */
	uint32_t ndeferred;
	uint32_t nserved; /* users, since the last turn began */
	uint64_t cost;    /* of what was served since then */
	uint64_t usec;    /* of the last turn, where it was contended; 0: it was not */
};

struct fair_user {
	struct list in_users;
	struct list in_active;
	struct list deferred; /* links of the caller's */
	uint32_t id;
	uint32_t nrefs;
	uint32_t ndeferred;
	uint32_t ndue; /* of these, how many may still be served in this turn */
	bool aside;    /* takes turns as all others do, and makes nobody's short */
	int64_t credit;
	uint64_t
		active_msec; /* when it wanted something for the last time, as seen at the end of that turn */
	/* Since the last turn began. */
	bool wants;
	bool served;
};

void fair_init(struct fair *f);

/** fair_deinit() - with all users. */
void fair_deinit(struct fair *f);

/** fair_user_get() - the user @id, for one more connection. Return: 0, -ENOMEM. Given back with fair_user_put(). */
MUST_CHECK int fair_user_get(struct fair *f, uint32_t id, struct fair_user **ret_user);

/** fair_user_set_aside() - @u, which has not been charged yet, is for what belongs to no user: it does not make turns contended. */
void fair_user_set_aside(struct fair_user *u);

/** fair_user_put() - one connection fewer; nothing of it may be deferred. A debt stays until it is paid. */
void fair_user_put(struct fair_user *u);

/** fair_contended() - do several users want turns? */
static inline bool fair_contended(const struct fair *f)
{
	return f->nactive > 1;
}

/** fair_quantum() - what a user may cost in a turn, as things stand. */
static inline int64_t fair_quantum(const struct fair *f)
{
	return fair_contended(f) ? FAIR_QUANTUM : FAIR_QUANTUM_ALONE;
}

/** fair_may() - may anything of @u be served now? If not, it is to be deferred. */
static inline bool fair_may(const struct fair_user *u)
{
	return u->credit > 0;
}

/** fair_budget() - what the next thing of @u that is served should not cost more than. */
static inline uint64_t fair_budget(const struct fair_user *u)
{
	if (UNLIKELY(!fair_may(u)))
		return 0;
	return u->credit < FAIR_SERVE_MAX ? (uint64_t)u->credit : FAIR_SERVE_MAX;
}

/** fair_charge() - something of @u has been served, and has cost so much. */
void fair_charge(struct fair *f, struct fair_user *u, uint64_t cost);

/** fair_defer() - @link, which is in no list, is served when it is @u's turn. */
void fair_defer(struct fair *f, struct fair_user *u, struct list *link);

/** fair_forget() - @link is deferred no more; nothing happens where it is not. */
void fair_forget(struct fair *f, struct fair_user *u, struct list *link);

/**
 * fair_turn() - a turn ends and the next one begins: everyone gets a quantum; who has wanted nothing for long is out
 * @now_usec: looked at only where turns are contended
 *
 * Debts are paid off by a quantum where somebody else was served in the turn, and else by the time that it took: many turns in which nothing
 * happens pass quickly.
 */
void fair_turn(struct fair *f, uint64_t now_msec, uint64_t now_usec);

/**
 * fair_next() - the next deferred link that may be served in this turn, and is deferred no more; NULL: none may
 *
 * To be called after fair_turn() until NULL comes. Each link comes once a turn at the most, though it be deferred again; where turns are
 * contended, none comes any more once a quantum has been spent on them; users take turns at being the first.
 */
struct list *fair_next(struct fair *f);

/** fair_check() - recount F1 and the sums; @buf receives what is wrong. */
MUST_CHECK bool fair_check(const struct fair *f, char *buf, size_t size);

#endif
