/*
 * regions_check - recounting users, sessions and all regions
 *
 * Role:       see session.h.
 * Uses:       base/, region/
 */
#include <inttypes.h>

#include "region/region_private.h"
#include "region/session.h"
#include "region/session_index.h"

/* O3, and that every holding is its owner's, on the account of its user. */
static bool check_owner(const struct owner *o, const struct report *rep)
{
	list_for_each (link, &o->holdings) {
		const struct holding *h = list_entry(link, struct holding, in_owner);

		if (holding_find(o, h->region) != h)
			return report_broken(rep, "O3: uid %u has two holdings in region %s",
					     (unsigned)o->uid, h->region->name);
		if (h->owner != o || h->account != account_find(o->user, h->region))
			return report_broken(rep,
					     "O4: holding %" PRIu32 " in region %s is another "
					     "owner's than uid %u, or on another account",
					     h->index, h->region->name, (unsigned)o->uid);
	}
	return true;
}

static bool check_account(const struct user *user, const struct account *a,
			  const struct report *rep)
{
	const struct holdings *hs = &a->region->holdings;
	uint64_t npages = 0, nextents = 0;

	for (uint32_t i = 0; i < hs->nslots; i++) {
		const struct holding *h = holding_by_index(hs, i);

		if (!h || h->account != a)
			continue;
		npages += h->npages + h->shared_npages;
		nextents += (uint64_t)h->nextents + h->nshares;
	}
	if (npages != a->npages || nextents != a->nextents)
		return report_broken(rep,
				     "O4: uid %u's account in region %s has %" PRIu64
				     " pages in %" PRIu64 " extents, holdings %" PRIu64
				     " in %" PRIu64,
				     (unsigned)user->owner.uid, a->region->name, a->npages,
				     a->nextents, npages, nextents);
	return true;
}

static bool check_session(const struct session *s, enum session_state state,
			  const struct report *rep)
{
	const struct session_index *x = s->regions->index;
	bool ended = state == SESSION_ENDING || state == SESSION_QUARANTINED;
	bool waits = state == SESSION_GRACE || state == SESSION_QUARANTINED;

	if (s->state != state || session_by_id(s->regions, s->id) != s)
		return report_broken(rep,
				     "N1: session %" PRIu64
				     " is in the list of state %s, or not found by its id",
				     s->id, session_state_name(state));
	if ((index_by_token(x, s->token) == s) == ended)
		return report_broken(rep, "N1: session %" PRIu64 ", %s, is%s found by its token",
				     s->id, session_state_name(state), ended ? "" : " not");
	if (waits != (s->in_deadlines.at != 0) ||
	    (waits && s->in_deadlines.key != s->deadline_usec))
		return report_broken(rep,
				     "N1: session %" PRIu64
				     ", %s, has a deadline that is not kept, or none",
				     s->id, session_state_name(state));
	return check_owner(&s->owner, rep);
}

static bool check_sessions(const struct regions *rs, const struct report *rep)
{
	uint64_t all = 0;

	for (unsigned state = 0; state < ARRAY_SIZE(rs->sessions); state++) {
		uint64_t n = 0;

		list_for_each (link, &rs->sessions[state]) {
			n++;
			if (!check_session(list_entry(link, struct session, in_regions),
					   (enum session_state)state, rep))
				return false;
		}
		if (n != rs->nsessions[state])
			return report_broken(rep,
					     "N1: %" PRIu64 " sessions are %s, counted %" PRIu64, n,
					     session_state_name((enum session_state)state),
					     rs->nsessions[state]);
		all += n;
	}
	if (all != (rs->index ? rs->index->nlive : 0))
		return report_broken(rep, "N1: %" PRIu64 " sessions are in lists, not so many ids",
				     all);
	return true;
}

static uint32_t count_sessions(const struct regions *rs, const struct user *user)
{
	uint32_t n = 0;

	for (const struct session *s = session_next(rs, 0); s; s = session_next(rs, s->id))
		n += s->owner.user == user;
	return n;
}

static bool check_user(const struct regions *rs, const struct user *user, const struct report *rep)
{
	uint32_t n = count_sessions(rs, user);

	if (n != user->nsessions)
		return report_broken(rep, "N2: uid %u has %" PRIu32 " sessions, counted %" PRIu32,
				     (unsigned)user->owner.uid, n, user->nsessions);
	list_for_each (link, &user->accounts) {
		if (!check_account(user, list_entry(link, struct account, in_user), rep))
			return false;
	}
	return check_owner(&user->owner, rep);
}

bool regions_owners_check(const struct regions *rs, const struct report *rep)
{
	if (rs->index && !index_check(rs->index, rep->buf, rep->size))
		return false;
	if (!check_sessions(rs, rep))
		return false;
	list_for_each (link, &rs->users) {
		if (!check_user(rs, list_entry(link, struct user, in_regions), rep))
			return false;
	}
	return true;
}

bool regions_check(const struct regions *rs, char *buf, size_t size)
{
	struct report rep = {buf, size};

	if (size)
		buf[0] = '\0';
	for (uint32_t i = 0; i < rs->n; i++) {
		if (!region_check(rs->table[i], buf, size))
			return false;
	}
	return regions_owners_check(rs, &rep);
}
