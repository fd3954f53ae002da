/*
 * session - one client's standing with the daemon, and all regions together
 *
 * Role:       which sessions and regions there are; users, what they may use and what they use; what becomes of a session's extents
 *             when it ends. Knows nothing of connections: who speaks for a session is the business of the layer above.
 * Uses:       base/, region/region.h
 * Invariants: N1  a session is in the list of its state, and found by its id; by its token in OPEN and GRACE alone. It is among
 *                 the deadlines exactly where it has one: in GRACE and QUARANTINED.
 *             N2  a user's nsessions are the sessions of all states that are this user's.
 *
 *	session_open() --> OPEN --session_leave(), with grace--> GRACE --session_resume()--> OPEN
 *	                    |                                      |
 *	                    +--session_end(), or leave without-----+--grace over, session_end()--> ENDING
 *	                                                                                             |
 *	      gone <--reclaimed-- ENDING <--time over-- QUARANTINED <--only quarantined extents left-+--nothing left--> gone
 *
 * A session that has ended owns its extents until they are back; nobody can use it any more. One whose quarantined extents were
 * freed early goes back to ENDING before its time. Times are those of clock_usec().
 */
#ifndef PALLOCD_REGION_SESSION_H
#define PALLOCD_REGION_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/macros.h"
#include "region/access.h"
#include "region/events.h"
#include "region/region.h"

#define SESSION_CLIENT_BYTES_MAX 63u
#define SESSION_TOKEN_BYTES 16u

/* What one user may have of everything that no region counts; 0: no limit. */
struct user_limits {
	uint32_t sessions; /* in all states */
	uint32_t connections;
	uint32_t waiting;      /* requests that wait for space */
	uint64_t queued_bytes; /* of all connections */
};
#define USER_SESSIONS_DEFAULT 4096u
#define USER_CONNECTIONS_DEFAULT 4096u
#define USER_WAITING_DEFAULT 1024u
#define USER_QUEUED_BYTES_DEFAULT (UINT64_C(64) << 20)

/* A user: as owner of detached extents, and as the one whom the quotas are for. Lives as long as the regions. */
struct user {
	struct owner owner;
	struct list in_regions;
	struct list accounts; /* struct account: by region, the one used last is first */
	uint32_t nsessions;
	/* The layers above count these here, each in one place. */
	uint32_t nconnections;
	uint32_t nwaiting;
	uint64_t queued_bytes;
};

struct regions {
	struct region **table; /* id i is [i - 1] */
	uint32_t n;
	uint32_t nclosed;   /* of these, no regions any more */
	uint32_t nleft_out; /* regions of the configuration that could not be had; for Stat */
	uid_t daemon_uid;   /* may do everything, as root may */
	struct user_limits limits;
	struct events events;
	struct list users;       /* struct user */
	struct list sessions[4]; /* by state, oldest first */
	uint64_t nsessions[4];
	uint64_t next_session_id;
	/* Of what is written down (region/changes.h): does anything differ? And which sessions, by id. */
	bool changed;
	struct changes session_changes;
	/* How sessions are found by id and by token, and which deadline is next: session.c's own. */
	struct session_index *index; /* NULL until there is a session */
};

/*
 * What a session whose client repeats what was not answered is remembered by: ids of its requests ascend, and what was changed by one is
 * not changed again. Of the replies those that the client may not have got yet. The layer above fills it, who writes truth down copies it.
 *
 * One for each durability: a reply must be remembered exactly as long as the change that it tells of, and so is written in one transaction with it.
 */
struct session_memory {
	uint64_t done;    /* the last request that changed something */
	uint8_t *replies; /* frames as they were sent, in order */
	uint32_t n, size; /* bytes */
};

enum session_state {
	SESSION_OPEN,
	SESSION_GRACE,
	SESSION_ENDING,
	SESSION_QUARANTINED,
};

/* Why a session ends, or loses its connection; the wire's enum EndCause has the same values. */
enum session_cause {
	SESSION_CLOSED = 1, /* its connection was closed */
	SESSION_DIED,       /* its process died */
	SESSION_ASKED,      /* by EndSession, its own */
	SESSION_KILLED,     /* by EndSession, of someone entitled */
	SESSION_GRACE_OVER,
};

struct session {
	struct owner owner;
	struct regions *regions;
	struct list in_regions;
	enum session_state state;
	uint64_t id;
	gid_t gid;
	pid_t pid;
	uint64_t open_usec;
	uint64_t grace_usec;
	uint64_t deadline_usec; /* GRACE, QUARANTINED: the state ends then */
	void *conn;             /* OPEN: who speaks for it; the layer above sets it */
	bool accepts_handover;
	bool repeats; /* its client does; see struct session_memory */
	struct session_memory
		memory[REGION_DURABILITIES]; /* of what it changed in regions of each */
	uint64_t answered; /* the replies to all ids up to this one have come; not written down */
	uint8_t token[SESSION_TOKEN_BYTES];
	uint8_t *rights; /* by region, from [0]: bits of enum access_right */
	char client[SESSION_CLIENT_BYTES_MAX + 1];
	char command[16];
	/* session_index.c's own */
	struct heap_node in_deadlines;
	struct session *next_by_token;
};

enum regions_outcome {
	REGIONS_E_DUPLICATE = 1, /* there is a region of that name */
	REGIONS_E_CONFIG,        /* the region cannot be; see region_config_check() */
	REGIONS_E_QUOTA,         /* a quota of the user's is used up; the refusal says which */
	REGIONS_E_NO_SESSION, /* no session has that token, or it is another user's, or it has ended */
};

/** regions_init() - no regions, no sessions, the default limits. */
void regions_init(struct regions *rs, uid_t daemon_uid);

/** regions_deinit() - with all regions, sessions and users. */
void regions_deinit(struct regions *rs);

/**
 * regions_add() - a new region; ids count from 1
 *
 * Sessions that there are get their rights in it by user and primary group; supplementary groups count when they are resumed.
 * Return: 0, REGIONS_E_DUPLICATE, REGIONS_E_CONFIG, -ENOMEM.
 */
MUST_CHECK int regions_add(struct regions *rs, const struct region_config *c);

/** regions_by_id(), regions_by_number(), regions_by_name() - NULL where there is none, or it is closed. */
struct region *regions_by_id(const struct regions *rs, uint32_t id);
struct region *regions_by_number(const struct regions *rs, uint32_t number);
struct region *regions_by_name(const struct regions *rs, const char *name);

/** regions_user() - the user, made where there was none; lives as long as @rs. Return: 0, -ENOMEM. */
MUST_CHECK int regions_user(struct regions *rs, uid_t uid, struct user **ret_user);

/** regions_operator() - root or the daemon's own user: may do everything, and see everybody. */
bool regions_operator(const struct regions *rs, uid_t uid);

/**
 * regions_reclaim() - go on with what ended sessions left behind, as the regions' policies say
 * @budget: extents to give back at the most
 *
 * Return: true if nothing is left to do now.
 */
bool regions_reclaim(struct regions *rs, uint32_t budget, uint64_t now_usec);

/**
 * regions_expire() - end the sessions whose grace time is over, and the quarantines that are; regions_reclaim() has work then
 *
 * Return: when it must be called again; @now_usec: at once, as there are too many for one turn; UINT64_MAX: not for what there is
 * now. O(log sessions) for each that ends.
 */
uint64_t regions_expire(struct regions *rs, uint64_t now_usec);

/**
 * session_open() - a new session
 * @client:      copied and cut at SESSION_CLIENT_BYTES_MAX
 * @ret_refusal: written with REGIONS_E_QUOTA
 *
 * Return: 0, REGIONS_E_QUOTA, -ENOMEM, or a negative errno of getrandom(2).
 */
MUST_CHECK int session_open(struct regions *rs, const struct session_peer *peer, const char *client,
			    uint64_t grace_usec, uint64_t now_usec, struct session **ret_session,
			    struct region_refusal *ret_refusal);

/**
 * session_resume() - the session that @token names goes on, for the same user
 *
 * It may be OPEN still: then its conn is the caller's to close. Its pid, command and rights become those of @peer.
 * Return: 0, REGIONS_E_NO_SESSION, -ENOMEM.
 */
MUST_CHECK int session_resume(struct regions *rs, const struct session_peer *peer,
			      const uint8_t token[SESSION_TOKEN_BYTES], uint64_t now_usec,
			      struct session **ret_session);

/** session_leave() - its connection is gone: GRACE, or ENDING where it has none. @s must not be used any more. */
void session_leave(struct session *s, enum session_cause cause, uint64_t now_usec);

/** session_end() - the session is over, in OPEN or GRACE: ENDING. @s must not be used any more. */
void session_end(struct session *s, enum session_cause cause, uint64_t now_usec);

/** session_by_id() - in any state; NULL where there is none. */
struct session *session_by_id(const struct regions *rs, uint64_t id);

/** session_next() - the session with the lowest id above @after, in any state; NULL. O(log sessions) or so. */
struct session *session_next(const struct regions *rs, uint64_t after);

/** session_may() - has it the right (bits of enum access_right, all of them) in @r? */
static inline bool session_may(const struct session *s, const struct region *r, unsigned rights)
{
	return (s->rights[r->id - 1] & rights) == rights;
}

/** session_rights_renew() - its rights are what the regions' rules say now; for @peer, or, NULL, for its user and primary group. */
void session_rights_renew(struct session *s, const struct session_peer *peer);

/** session_may_free() - its own extents; those of its user; any, with ACCESS_FREE_ANY in @r. */
bool session_may_free(const struct session *s, const struct region *r, const struct owner *o);

/** regions_check() - recount N1, N2, O3 and O4, and all that region_check() does; @buf receives the first broken one. */
MUST_CHECK bool regions_check(const struct regions *rs, char *buf, size_t size);

/** session_changed() - @s is another one than is written down. */
static inline void session_changed(struct session *s)
{
	changes_note(&s->regions->session_changes, s->id);
}

/** session_state_name(), session_cause_name() - for people. Static strings. */
const char *session_state_name(enum session_state state);
const char *session_cause_name(enum session_cause cause);

#endif
