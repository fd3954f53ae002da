/*
 * holders_model - a plain list of extents, with who holds them and what they are called
 *
 * Role:       what test_holders_random compares a region with: written so that it is plain, not fast.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_HOLDERS_MODEL_H
#define PALLOCD_TESTS_REGION_HOLDERS_MODEL_H

#include "tests/unit/random.h"
#include "world.h"

#define LIMIT 512u
#define NSESSIONS 7
#define NUSERS 3
#define NNAMES 30
#define NLABELS 4
#define NHOLDERS 10
#define OPERATOR 0 /* this session is root's */
#define QUARANTINE_USEC 100
#define USER_NPAGES 260u
#define USER_NEXTENTS 40u
#define SESSION_NPAGES 140u
#define SESSION_NEXTENTS 24u

/* Owners and sharers by number: a session's id, or a user. */
#define USER(uid) (UINT64_C(1000000000) + (uid))

struct plain {
	uint64_t first, npages;
	uint64_t owner;
	uid_t uid;            /* the owner's */
	unsigned name, label; /* 0: none */
	uint64_t sharers[NHOLDERS];
	uint32_t nsharers;
	uint32_t ndying; /* shares of ended sessions that are not back yet */
	uint64_t until;  /* in quarantine */
};

struct model {
	struct world w;
	struct random rnd;
	struct session *session[NSESSIONS];
	struct plain extent[LIMIT]; /* in no order */
	uint32_t n;
	uint64_t now;
	bool pending; /* sessions have ended, and what they had is not settled */
	unsigned ndone[10], nrefused[REGION_E_AGAIN + 1];
};

/** below() - a number from 0 to @n - 1. */
uint64_t below(struct model *m, uint64_t n);

uint64_t addr_of(uint64_t page);

/** uid_of() - whose the session in that slot is. */
uid_t uid_of(unsigned slot);

struct session *any_session(struct model *m);

/** name_of(), label_of() - "" for 0. */
const char *name_of(unsigned name);
const char *label_of(unsigned label);

/** any_extent(), extent_over(), extent_named() - NULL: there is none. */
struct plain *any_extent(struct model *m);
struct plain *extent_over(struct model *m, uint64_t page);
struct plain *extent_named(struct model *m, unsigned name);

/** extent_forget() - its pages are free; the last one of the list has its place. */
void extent_forget(struct model *m, struct plain *e);

bool is_free(struct model *m, uint64_t page, uint64_t npages);

bool shares(const struct plain *e, uint64_t holder);
void unshare(struct plain *e, uint64_t holder);

/** give_to() - another owner; a share of its own ends. */
void give_to(struct model *m, struct plain *e, uint64_t owner);

/** pass_on() - the owner lets go. Return: the pages are free, and @e is another one. */
bool pass_on(struct model *m, struct plain *e);

/** owns() - the session, or its user. */
bool owns(const struct session *s, const struct plain *e);
bool may_free(const struct session *s, const struct plain *e);

/** quota_ok() - may the holder, and its user, have so much more? */
bool quota_ok(struct model *m, uint64_t holder, uint64_t npages, uint64_t n);

/** sessions_end() - one or two end; their shares are nobody's from now on, whatever is left of them in the region. */
void sessions_end(struct model *m);

/** settle() - time passes, and what ended sessions had goes back, in slices. */
void settle(struct model *m);

/** compare() - each extent, its holders in order, its name; every sum; a list. */
void compare(struct model *m);

#endif
