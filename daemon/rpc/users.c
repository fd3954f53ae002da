/*
 * users - what each user uses, for Stat
 *
 * Role:       a part of StatReply that may be long: in order of their numbers, so many in one reply.
 * Uses:       rpc/verb.h
 * Cost:       each user is looked at once for each reply, and moved among those that go into it.
 */
#include <string.h>

#include "rpc/verb.h"

static bool uses(const struct user *u, const struct region *r)
{
	const struct account *a = r ? account_find(u, r) : NULL;

	return r ? a && (a->npages || a->nextents) : u->nsessions || u->nconnections;
}

/* @list holds @n, ascending; @u is put in its place. Return: how many there are now, the lowest PALLOCD_USERS_MAX and one more of them. */
static size_t put(const struct user **list, size_t n, const struct user *u)
{
	size_t at = n;

	while (at && list[at - 1]->owner.uid > u->owner.uid)
		at--;
	if (n > PALLOCD_USERS_MAX) {
		if (at == n)
			return n;
		n--;
	}
	memmove(list + at + 1, list + at, (n - at) * sizeof(*list));
	list[at] = u;
	return n + 1;
}

static void fill(const struct user *u, const struct region *r, Pallocd__V1__UserStat *ret)
{
	const struct account *a = r ? account_find(u, r) : NULL;

	pallocd__v1__user_stat__init(ret);
	ret->uid = u->owner.uid;
	ret->nsessions = u->nsessions;
	ret->nconnections = u->nconnections;
	ret->nwaiting = u->nwaiting;
	ret->queued_bytes = u->queued_bytes;
	if (a) {
		ret->npages = a->npages;
		ret->nextents = a->nextents;
	}
}

enum pallocd_status users_fill(struct call *c, const struct region *r,
			       Pallocd__V1__StatReply *reply)
{
	const struct user **list = call_take(c, PALLOCD_USERS_MAX + 1, sizeof(*list));
	const struct regions *rs = c->rpc->regions;
	const uid_t asks = c->conn->user->owner.uid;
	const bool all = regions_operator(rs, asks);
	Pallocd__V1__UserStat *stats;
	size_t n = 0;

	if (!list)
		return call_no_memory(c);
	list_for_each (link, &rs->users) {
		const struct user *u = list_entry(link, struct user, in_regions);

		if (u->owner.uid >= c->req->stat->from_uid && (all || u->owner.uid == asks) &&
		    uses(u, r))
			n = put(list, n, u);
	}
	reply->more_users = n > PALLOCD_USERS_MAX;
	if (reply->more_users)
		n = PALLOCD_USERS_MAX;
	stats = call_take(c, n, sizeof(*stats));
	reply->users = call_take(c, n, sizeof(stats));
	if (!stats || !reply->users)
		return call_no_memory(c);
	for (size_t i = 0; i < n; i++) {
		fill(list[i], r, &stats[i]);
		reply->users[i] = &stats[i];
	}
	reply->n_users = n;
	return PALLOCD_OK;
}
