/*
 * sessions_model - who holds which page, and what has become of sessions, in arrays
 *
 * Role:       what test_sessions_random compares regions and sessions with: written so that it is plain, not fast.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_SESSIONS_MODEL_H
#define PALLOCD_TESTS_REGION_SESSIONS_MODEL_H

#include "tests/unit/random.h"
#include "world.h"

#define NPAGES 300u
#define NREGIONS 3u
#define NUSERS 3u
#define NSESSIONS 14u /* that the model knows at a time */
#define UID 1000u
#define QUARANTINE_USEC 500u
#define USER_SESSIONS 6u

/* The model's holders: users first, then sessions by their place in the model. */
#define NOBODY 0u
#define USER(u) (1u + (u))
#define SESSION(i) (1u + NUSERS + (i))

extern const struct region_quota model_quotas;

struct page {
	uint32_t extent; /* all pages of one extent have its number */
	uint8_t holder;
};

struct model_session {
	bool there;
	struct session *s;
	uint64_t id, deadline_usec, grace_usec;
	uint64_t until_usec[NREGIONS]; /* quarantine */
	enum session_state state;
	unsigned user;
	uint8_t token[SESSION_TOKEN_BYTES];
};

struct model {
	struct regions rs;
	struct random rnd;
	uint64_t now_usec;
	struct page page[NREGIONS][NPAGES];
	struct model_session session[NSESSIONS];
	uint32_t last_extent;
	unsigned long nended; /* sessions */
	unsigned ndone[32];   /* outcomes of steps, by what happened */
};

/* What must have happened often, or little was tested. */
enum happened {
	ALLOC,
	ALLOC_QUOTA,
	ALLOC_NO_SPACE,
	SCATTER,
	SCATTER_QUOTA,
	FREE,
	FREE_OTHERS,
	FREE_NOT_OWNER,
	FREE_QUARANTINED,
	RESIZE,
	RESIZE_QUOTA,
	SPLIT,
	SPLIT_QUOTA,
	OPEN,
	OPEN_QUOTA,
	LEAVE,
	RESUME,
	RESUME_REFUSED,
	END,
	GRACE_OVER,
	QUARANTINED,
	QUARANTINE_OVER,
	KEPT,
	GONE,
	SLICED,
	HAPPENED
};

/** model_init() - three regions, one for each death policy; nobody there. */
void model_init(struct model *m);

/** compare() - every page, every sum, every session, and the regions' own checks. */
void compare(struct model *m);

/** below() - a number from 0 to @n - 1. */
uint64_t below(struct model *m, uint64_t n);

/** region_of() - region @r, from 0. */
struct region *region_of(const struct model *m, unsigned r);

uint64_t addr_of(uint64_t page);

/** peer_of() - a connection of user @user's. */
struct session_peer peer_of(unsigned user);

/** owner_of() - the owner behind a holder's number. */
struct owner *owner_of(struct model *m, unsigned holder);

/** holder_of() - a session's number as holder. */
unsigned holder_of(const struct model *m, const struct model_session *ms);

/** any_session() - a session in @state; NULL where there is none. */
struct model_session *any_session(struct model *m, enum session_state state);

/** any_taker() - who takes: mostly a session that is open, else a user. */
unsigned any_taker(struct model *m);

/** any_extent() - an extent that somebody holds: its first page and its length. Return: false: there is none. */
bool any_extent(struct model *m, unsigned r, uint64_t *ret_page, uint64_t *ret_npages);

/** may_free() - its own, its user's; and user 2 what it likes in region 1, by a rule. */
bool may_free(const struct model *m, const struct model_session *ms, unsigned r, unsigned holder);

/** fit() - first fit; UINT64_MAX: nowhere. */
uint64_t fit(const struct model *m, unsigned r, uint64_t npages);

/** mark() - the pages are one extent of @holder's now. */
void mark(struct model *m, unsigned r, uint64_t page, uint64_t npages, unsigned holder);

/** is_refused() - does a quota refuse it, and which is the first that does? */
bool is_refused(const struct model *m, unsigned r, unsigned holder, uint64_t npages,
		uint64_t nextents, struct region_refusal *ret);

/** refusal_compare() - such a refusal, and the one that was got. */
void refusal_compare(const struct region_refusal *want, int err, const struct region_refusal *got);

/** model_end() - what a session's end does at once. */
void model_end(struct model *m, struct model_session *ms);

/** quarantines_emptied() - sessions whose quarantined extents all were freed early have nothing to wait for. */
void quarantines_emptied(struct model *m);

/** pages_reclaimed() - take over what a slice of reclaim has done, as far as it may have. Return: extents. */
uint32_t pages_reclaimed(struct model *m);

/** session_reclaimed() - an ended session after a slice: gone with all that it held, in quarantine, or not at its turn yet. */
void session_reclaimed(struct model *m, struct model_session *ms, bool finished);

#endif
