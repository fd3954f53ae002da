/*
 * session.h - the part of paclient.h about which sessions there are, and the end of one
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_SESSION_H
#define PACLIENT_SESSION_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum paclient_session_state {
	PACLIENT_SESSION_OPEN = 0,       /* a connection speaks for it */
	PACLIENT_SESSION_GRACE = 1,      /* its connection is gone, but it can be resumed */
	PACLIENT_SESSION_ENDING = 2,     /* it has ended, and gives back what it holds */
	PACLIENT_SESSION_QUARANTINED = 3 /* it has ended; what is left of it is in quarantine */
};

/** paclient_session_state_name() - "grace"; "unknown" for a newer daemon's. Static string. */
PACLIENT_API const char *paclient_session_state_name(int state);

struct paclient_session {
	size_t size; /* bytes of this struct that are valid */
	uint64_t id;
	uint32_t uid;
	uint32_t pid;                          /* of the process that connected */
	int state;                             /* enum paclient_session_state */
	char client_name[PACLIENT_NAME_BYTES]; /* as it says */
	char command[PACLIENT_NAME_BYTES];     /* as the kernel says; "" = unknown */
	uint64_t age_usec;
	uint64_t nextents;
	uint64_t npages; /* of regions with pages of any size */
	uint64_t held_bytes;
	uint64_t queued_bytes; /* requests not served and replies not written */
	uint64_t grace_ms;
	uint64_t remaining_ms; /* GRACE, QUARANTINED: so long still */
	uint64_t nshares;      /* extents that it holds besides others */
};

/* Sessions, ascending by id. Array and sessions belong to the list. */
struct paclient_session_list {
	size_t nsessions;
	struct paclient_session **sessions;
};

/**
 * paclient_sessions() - sessions of this user; those of all users for root and the daemon's own user
 * @region_id: count extents and pages of this region alone; 0 = of all
 * @ret_list:  the caller gives it back with paclient_sessions_free()
 *
 * Blocks; asks several times where one reply does not hold them all. Errors of its own: NO_REGION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_sessions(paclient *client, uint32_t region_id,
						       struct paclient_session_list **ret_list,
						       struct paclient_call *call);

/** paclient_sessions_free() - give back a list with its sessions; NULL is allowed. */
PACLIENT_API void paclient_sessions_free(struct paclient_session_list *list);

/**
 * paclient_session_kill() - end a session at once, without grace
 * @session_id:   of this user; any for root and the daemon's own user
 * @ret_nextents: that it held; may be NULL
 *
 * Blocks, but not until all are back. Its own connection, if there is one, gets SESSION_ENDED.
 * Errors of its own: NO_SESSION, DENIED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_session_kill(paclient *client, uint64_t session_id,
							   uint64_t *ret_nextents,
							   struct paclient_call *call);

#ifdef __cplusplus
}
#endif

#endif
