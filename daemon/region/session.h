/*
 * session - one client's standing with the daemon, and all regions together
 *
 * Role:       which sessions and regions there are; users as owners of detached extents; what becomes of a session's extents
 *             when it ends. Knows nothing of connections.
 * Uses:       base/, region/region.h
 *
 *	session_open() --> open -- session_end() --> ending -- session_reclaim()… --> gone
 *
 * A session that is ending owns its extents until they are back; nobody can use it any more.
 */
#ifndef PALLOCD_REGION_SESSION_H
#define PALLOCD_REGION_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/macros.h"
#include "region/region.h"

#define SESSION_CLIENT_BYTES_MAX 63u

struct regions {
	struct region **table; /* id i is [i - 1] */
	uint32_t n;
	uid_t daemon_uid;     /* may free what users hold */
	struct list users;    /* struct user */
	struct list sessions; /* open ones */
	struct list ending;
	uint64_t nsessions; /* open ones */
	uint64_t next_session_id;
};

struct session {
	struct owner owner;
	struct regions *regions;
	struct list in_regions;
	uint64_t id;
	pid_t pid;
	gid_t gid;
	char client[SESSION_CLIENT_BYTES_MAX + 1];
};

/* Who is on the other side of a connection, as the kernel says. */
struct session_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

enum regions_outcome {
	REGIONS_E_DUPLICATE = 1, /* there is a region of that name */
	REGIONS_E_CONFIG,        /* the region cannot be; see region_config_check() */
};

void regions_init(struct regions *rs, uid_t daemon_uid);

/** regions_deinit() - with all regions, sessions and users. */
void regions_deinit(struct regions *rs);

/** regions_add() - a new region; ids count from 1. Return: 0, REGIONS_E_DUPLICATE, REGIONS_E_CONFIG, -ENOMEM. */
MUST_CHECK int regions_add(struct regions *rs, const struct region_config *c);

/** regions_by_id(), regions_by_name() - NULL where there is none. */
struct region *regions_by_id(const struct regions *rs, uint32_t id);
struct region *regions_by_name(const struct regions *rs, const char *name);

/** regions_user() - the user as owner, made where there was none; lives as long as @rs. Return: 0, -ENOMEM. */
MUST_CHECK int regions_user(struct regions *rs, uid_t uid, struct owner **ret_owner);

/**
 * regions_reclaim() - go on with what ended sessions left behind
 * @budget: extents to give back at the most
 *
 * Return: true if nothing is left to do.
 */
bool regions_reclaim(struct regions *rs, uint32_t budget);

/** session_open() - @client is copied and cut at SESSION_CLIENT_BYTES_MAX. Return: 0, -ENOMEM. Ended with session_end(). */
MUST_CHECK int session_open(struct regions *rs, const struct session_peer *peer, const char *client,
			    struct session **ret_session);

/** session_end() - the session is over: its extents go back in slices by regions_reclaim(); @s must not be used any more. */
void session_end(struct session *s);

/**
 * session_reclaim() - give back extents of an ended session
 * @budget: extents that may still be given back; counted down
 *
 * Return: true if all are back and @s is gone.
 */
bool session_reclaim(struct session *s, uint32_t *budget);

/** session_may_free() - its own extents; those of its user; any user's where it is root's or the daemon's own. */
bool session_may_free(const struct session *s, const struct owner *o);

#endif
