/*
 * fair - whose turn it is, when several users want one
 *
 * Role:       see fair.h.
 * Uses:       base/
 */
#include "net/fair.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"

#define user_of(link, member) list_entry(link, struct fair_user, member)

void fair_init(struct fair *f)
{
	*f = (struct fair){0};
	list_init(&f->users);
	list_init(&f->active);
}

int fair_user_get(struct fair *f, uint32_t id, struct fair_user **ret_user)
{
	struct fair_user *u;

	list_for_each (link, &f->users) {
		u = user_of(link, in_users);
		if (u->id != id)
			continue;
		u->nrefs++;
		*ret_user = u;
		return 0;
	}
	u = mem_zalloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->id = id;
	u->nrefs = 1;
	u->credit = fair_quantum(f);
	list_init(&u->in_active);
	list_init(&u->deferred);
	list_push(&f->users, &u->in_users);
	*ret_user = u;
	return 0;
}

static void user_free(struct fair_user *u)
{
	list_remove(&u->in_users);
	mem_free(u);
}

void fair_deinit(struct fair *f)
{
	list_for_each (link, &f->users)
		user_free(user_of(link, in_users));
}

static void active_leave(struct fair *f, struct fair_user *u)
{
	list_remove(&u->in_active);
	f->nactive -= !u->aside;
	if (!u->nrefs)
		user_free(u);
}

void fair_user_set_aside(struct fair_user *u)
{
	assert(list_empty(&u->in_active));
	u->aside = true;
}

void fair_user_put(struct fair_user *u)
{
	u->nrefs--;
	/* An active one stays, so that nobody gets rid of a debt by connecting again. */
	if (!u->nrefs && list_empty(&u->in_active))
		user_free(u);
}

/* Nobody keeps more than the quantum: it is short from the moment on that somebody else comes. */
static void credits_cut(struct fair *f)
{
	int64_t quantum = fair_quantum(f);

	list_for_each (link, &f->active) {
		struct fair_user *u = user_of(link, in_active);

		if (u->credit > quantum)
			u->credit = quantum;
	}
}

static void active_enter(struct fair *f, struct fair_user *u)
{
	u->wants = true;
	if (LIKELY(!list_empty(&u->in_active)))
		return;
	list_append(&f->active, &u->in_active);
	f->nactive += !u->aside;
	/* Who was away has no more, and no less, than who comes for the first time. */
	u->credit = fair_quantum(f);
	credits_cut(f);
}

void fair_charge(struct fair *f, struct fair_user *u, uint64_t cost)
{
	uint64_t left, beyond;

	active_enter(f, u);
	f->cost += cost;
	left = fair_may(u) ? (uint64_t)u->credit : 0;
	f->nserved += !u->served;
	u->served = true;
	if (LIKELY(cost <= left)) {
		u->credit -= (int64_t)cost;
		return;
	}
	beyond = cost - left < FAIR_DEBT_MAX ? cost - left : FAIR_DEBT_MAX;
	u->credit -= (int64_t)(left + FAIR_BEYOND * beyond);
	if (u->credit < -FAIR_DEBT_MAX)
		u->credit = -FAIR_DEBT_MAX;
}

void fair_defer(struct fair *f, struct fair_user *u, struct list *link)
{
	active_enter(f, u);
	list_append(&u->deferred, link);
	u->ndeferred++;
	f->ndeferred++;
}

void fair_forget(struct fair *f, struct fair_user *u, struct list *link)
{
	if (list_empty(link))
		return;
	list_remove(link);
	u->ndeferred--;
	f->ndeferred--;
}

/* Who has wanted nothing for long is out. */
static void active_sweep(struct fair *f, uint64_t now_msec)
{
	list_for_each (link, &f->active) {
		struct fair_user *u = user_of(link, in_active);

		if (u->wants)
			u->active_msec = now_msec;
		u->wants = false;
		if (!u->ndeferred && u->credit > 0 && now_msec - u->active_msec >= FAIR_ACTIVE_MSEC)
			active_leave(f, u);
	}
}

/* What @u gets for a turn that took @usec. */
static void credit_give(const struct fair *f, struct fair_user *u, uint64_t usec)
{
	int64_t quantum = fair_quantum(f), paid = quantum;

	if (u->credit <= 0 && fair_contended(f) && f->nserved == u->served)
		paid = (int64_t)(usec < FAIR_DEBT_MAX ? usec : FAIR_DEBT_MAX) * FAIR_PER_USEC;
	u->credit = u->credit <= 0 && u->credit + paid < quantum ? u->credit + paid : quantum;
	u->ndue = u->ndeferred;
}

void fair_turn(struct fair *f, uint64_t now_msec, uint64_t now_usec)
{
	uint64_t usec = f->usec ? now_usec - f->usec : 0;

	active_sweep(f, now_msec);
	list_for_each (link, &f->active)
		credit_give(f, user_of(link, in_active), usec);
	list_for_each (link, &f->active)
		user_of(link, in_active)->served = false;
	f->nserved = 0;
	f->cost = 0;
	f->usec = fair_contended(f) ? now_usec : 0;
	/* The first one goes to the end, so that another one begins the next time. */
	if (!list_empty(&f->active)) {
		struct list *first = f->active.next;

		list_remove(first);
		list_append(&f->active, first);
	}
}

struct list *fair_next(struct fair *f)
{
	if (LIKELY(!f->ndeferred))
		return NULL;
	if (fair_contended(f) && f->cost >= FAIR_QUANTUM)
		return NULL;
	list_for_each (link, &f->active) {
		struct fair_user *u = user_of(link, in_active);
		struct list *first = u->deferred.next;

		if (!u->ndue || !u->ndeferred || !fair_may(u))
			continue;
		u->ndue--;
		fair_forget(f, u, first);
		return first;
	}
	return NULL;
}

bool fair_check(const struct fair *f, char *buf, size_t size)
{
	uint32_t ndeferred = 0, nactive = 0;

	list_for_each (link, &f->users) {
		const struct fair_user *u = user_of(link, in_users);
		uint32_t n = 0;

		list_for_each (deferred, &u->deferred)
			n++;
		ndeferred += n;
		nactive += !list_empty(&u->in_active) && !u->aside;
		if (n != u->ndeferred || (n && list_empty(&u->in_active))) {
			snprintf(buf, size, "user %" PRIu32 ": %" PRIu32 " deferred, list %" PRIu32,
				 u->id, u->ndeferred, n);
			return false;
		}
		if (!list_empty(&u->in_active) &&
		    (u->credit < -FAIR_DEBT_MAX || u->credit > fair_quantum(f))) {
			snprintf(buf, size, "F1: user %" PRIu32 ": credit %" PRId64, u->id,
				 u->credit);
			return false;
		}
	}
	if (ndeferred == f->ndeferred && nactive == f->nactive)
		return true;
	snprintf(buf, size,
		 "deferred %" PRIu32 ", counted %" PRIu32 "; active %" PRIu32 ", counted %" PRIu32,
		 f->ndeferred, ndeferred, f->nactive, nactive);
	return false;
}
