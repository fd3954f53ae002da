/*
 * world - a few regions and sessions, and short names for what tests do with them
 *
 * Role:       shared by the tests of region/.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_WORLD_H
#define PALLOCD_TESTS_REGION_WORLD_H

#include <check.h>
#include <string.h>

#include "region/session.h"

#define DAEMON_UID 500
#define BASE UINT64_C(0x100000)
#define PAGE UINT64_C(4096)

struct world {
	struct regions regions;
	struct region *r;
	struct session *a; /* uid 1000 */
	struct session *b; /* uid 1000 too */
	struct session *c; /* uid 1001 */
};

/** world_session_grace() - a session of @uid's that may be resumed for a time. */
static inline struct session *world_session_grace(struct world *w, uid_t uid, uint64_t grace_usec,
						  uint64_t now_usec)
{
	struct session_peer peer = {.uid = uid, .gid = uid, .pid = 1};
	struct region_refusal rr = {0};
	struct session *s = NULL;

	ck_assert_int_eq(session_open(&w->regions, &peer, "test", grace_usec, now_usec, &s, &rr),
			 0);
	return s;
}

static inline struct session *world_session(struct world *w, uid_t uid)
{
	return world_session_grace(w, uid, 0, 0);
}

/** world_end() - a session is over, at time 0; what it held is not back yet. */
static inline void world_end(struct session *s)
{
	session_end(s, SESSION_CLOSED, 0);
}

/** world_user() - a user as owner. */
static inline struct owner *world_user(struct world *w, uid_t uid)
{
	struct user *user = NULL;

	ck_assert_int_eq(regions_user(&w->regions, uid, &user), 0);
	return &user->owner;
}

/** world_init_with() - a world with the region that @config is about. */
static inline void world_init_with(struct world *w, const struct region_config *config)
{
	regions_init(&w->regions, DAEMON_UID);
	ck_assert_int_eq(regions_add(&w->regions, config), 0);
	w->r = regions_by_id(&w->regions, 1);
	w->a = world_session(w, 1000);
	w->b = world_session(w, 1000);
	w->c = world_session(w, 1001);
}

static inline struct region_config world_config(uint64_t limit, uint64_t initial,
						uint64_t auto_grow)
{
	return (struct region_config){
		.name = "r",
		.base_addr = BASE,
		.page_size_bytes = PAGE,
		.limit_bytes = limit * PAGE,
		.initial_bytes = initial * PAGE,
		.auto_grow_bytes = auto_grow * PAGE,
		.best_fit = true,
	};
}

static inline void world_init(struct world *w, uint64_t limit, uint64_t initial, uint64_t auto_grow)
{
	struct region_config config = world_config(limit, initial, auto_grow);

	world_init_with(w, &config);
}

static inline void world_check(const struct world *w)
{
	char why[200] = "";

	ck_assert_msg(regions_check(&w->regions, why, sizeof(why)), "%s", why);
	ck_assert_msg(!w->r->faulted, "%s", w->r->fault);
}

static inline void world_deinit(struct world *w)
{
	world_check(w);
	regions_deinit(&w->regions);
}

/** take() - one extent; its first page, or UINT64_MAX and the outcome in @ret_err. */
static inline uint64_t take(struct world *w, struct owner *o, uint64_t npages, int *ret_err)
{
	struct region_refusal rr = {0};
	uint64_t addr = 0, scavenged;

	*ret_err = region_alloc(w->r, o, &npages, 1, NULL, &addr, &scavenged, &rr);
	return *ret_err ? UINT64_MAX : (addr - BASE) / PAGE;
}

/** must_take() - one extent of a session; its first page. */
static inline uint64_t must_take(struct world *w, struct session *s, uint64_t npages)
{
	uint64_t page;
	int err;

	page = take(w, &s->owner, npages, &err);
	ck_assert_int_eq(err, 0);
	return page;
}

/** give() - one range by pages; the outcome. */
static inline int give(struct world *w, struct session *s, uint64_t page, uint64_t npages)
{
	struct region_refusal rr = {0};
	uint64_t addr = BASE + page * PAGE, n, shared;

	return region_free(w->r, s, &addr, &npages, 1, &n, &shared, &rr);
}

#endif
