/*
 * users - what users use
 *
 * Role:       the public call that lists users.
 * Uses:       call, bag
 */
#include <stdlib.h>

#include "client/lib/bag.h"
#include "client/lib/call.h"

/* A list in progress. */
struct walk {
	Pallocd__V1__Stat ask;
	struct bag bag; /* of struct paclient_user_stat */
	bool more;
};

static int take_users(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__StatReply *from = reply->stat;
	struct walk *w = k->to;

	if (!bag_room(&w->bag, from->n_users))
		return call_no_memory(k);
	w->more = from->more_users;
	for (size_t i = 0; i < from->n_users; i++) {
		const Pallocd__V1__UserStat *u = from->users[i];

		if (u->uid < w->ask.from_uid)
			return error_set(k->error, PACLIENT_PROTOCOL,
					 "users are listed out of order");
		*(struct paclient_user_stat *)bag_add(&w->bag) = (struct paclient_user_stat){
			.size = sizeof(struct paclient_user_stat),
			.uid = u->uid,
			.nsessions = u->nsessions,
			.nconnections = u->nconnections,
			.nwaiting = u->nwaiting,
			.queued_bytes = u->queued_bytes,
			.npages = u->npages,
			.nextents = u->nextents};
		/* Nobody is uid 2^32 - 1: it says "none". */
		w->ask.from_uid = u->uid + 1;
	}
	if (from->more_users && (!from->n_users || !w->ask.from_uid))
		return error_set(k->error, PACLIENT_PROTOCOL, "more users, but none listed");
	return 0;
}

static int users_ask(struct call *k, struct walk *w)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	int status;

	request.verb_case = PALLOCD__V1__REQUEST__VERB_STAT;
	request.stat = &w->ask;
	k->to = w;
	do {
		call_again(k);
		status = call_message(k, &request, PALLOCD__V1__REPLY__RESULT_STAT, take_users);
	} while (!status && w->more);
	return status;
}

int paclient_users(paclient *client, uint32_t region_id, struct paclient_user_list **ret_list,
		   struct paclient_call *call)
{
	struct walk w = {.bag = {.item_bytes = sizeof(struct paclient_user_stat)}};
	struct paclient_user_list *list;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status && !ret_list)
		status = error_argument(k.error, "ret_list", "is NULL");
	if (!status)
		status = call_needs(&k, PACLIENT_FEATURE_USERS, "users");
	if (status)
		return status;
	pallocd__v1__stat__init(&w.ask);
	w.ask.region_id = region_id;
	w.ask.users = true;
	status = users_ask(&k, &w);
	list = status ? NULL : bag_list(&w.bag, sizeof(*list));
	if (!list) {
		bag_free(&w.bag);
		return status ? status : call_no_memory(&k);
	}
	list->nusers = w.bag.n;
	list->users = (struct paclient_user_stat **)(void *)(list + 1);
	*ret_list = list;
	return 0;
}

void paclient_users_free(struct paclient_user_list *list)
{
	if (!list)
		return;
	free(list->users[0]);
	free(list);
}
