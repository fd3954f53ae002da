/*
 * users.h - what users may use, and use: the part of paclient.h for quotas, accounting and metrics
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_USERS_H
#define PACLIENT_USERS_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* One thing that is limited, by user or by session. */
struct paclient_quota {
	size_t size; /* bytes of this struct that are valid */
	/* "user_pages", "user_extents", "session_pages", "session_extents", "user_sessions",
	 * "user_connections", "user_waiting", "user_queued_bytes". */
	char name[PACLIENT_QUOTA_BYTES];
	uint64_t limit; /* 0 = none */
	uint64_t used;
};

/* Array and quotas belong to the list. */
struct paclient_quota_list {
	size_t nquotas;
	struct paclient_quota **quotas;
};

/**
 * paclient_quotas() - what the caller may use, and uses
 * @region_id: quotas of this region; 0 = those of the daemon alone
 * @ret_list:  the caller gives it back with paclient_quotas_free()
 *
 * Blocks. Errors of its own: NO_REGION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_quotas(paclient *client, uint32_t region_id,
						     struct paclient_quota_list **ret_list,
						     struct paclient_call *call);

/** paclient_quotas_free() - give back a list with its quotas; NULL is allowed. */
PACLIENT_API void paclient_quotas_free(struct paclient_quota_list *list);

/* What a user uses: of the daemon, or with a region of that. */
struct paclient_user_stat {
	size_t size; /* bytes of this struct that are valid */
	uint32_t uid;
	uint64_t nsessions; /* these four are of the daemon in either case */
	uint64_t nconnections;
	uint64_t nwaiting; /* allocs that wait for space */
	uint64_t queued_bytes;
	uint64_t npages; /* of the region: held by the user and its sessions, or shared by these */
	uint64_t nextents;
};

/* Users, ascending by uid. Array and users belong to the list. */
struct paclient_user_list {
	size_t nusers;
	struct paclient_user_stat **users;
};

/**
 * paclient_users() - what users use: your own alone; all of them for root and the daemon's own user
 * @region_id: those who hold something in this region; 0 = those who have a session or a connection
 * @ret_list:  yours, to be given back with paclient_users_free(); written only on success
 *
 * Return: 0 or a status; PACLIENT_UNKNOWN_VERB where the daemon is too old (PACLIENT_FEATURE_USERS). Blocks until the deadline at most.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_users(paclient *client, uint32_t region_id,
						    struct paclient_user_list **ret_list,
						    struct paclient_call *call);

/** paclient_users_free() - give back a list with its users; NULL is allowed. */
PACLIENT_API void paclient_users_free(struct paclient_user_list *list);

#ifdef __cplusplus
}
#endif

#endif
