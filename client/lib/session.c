/*
 * session - which sessions there are, and the end of one
 *
 * Role:       the public calls that list and kill sessions; the handle's own is in handle.c.
 * Uses:       call, bag, text
 */
#include <stdlib.h>

#include "client/lib/bag.h"
#include "client/lib/call.h"
#include "client/lib/text.h"

static void session_read(const Pallocd__V1__Session *from, struct paclient_session *to)
{
	*to = (struct paclient_session){.size = sizeof(*to),
					.id = from->id,
					.uid = from->uid,
					.pid = from->pid,
					.state = (int)from->state,
					.age_usec = from->age_usec,
					.nextents = from->nextents,
					.npages = from->npages,
					.held_bytes = from->held_bytes,
					.queued_bytes = from->queued_bytes,
					.grace_ms = from->grace_msec,
					.remaining_ms = from->remaining_msec,
					.nshares = from->nshares};
	text_copy(to->client_name, sizeof(to->client_name), from->client);
	text_copy(to->command, sizeof(to->command), from->command);
}

/* A list in progress. */
struct walk {
	Pallocd__V1__Sessions ask;
	struct bag bag; /* of struct paclient_session */
	bool more;
};

static int take_sessions(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__SessionsReply *from = reply->sessions;
	struct walk *w = k->to;

	if (!bag_room(&w->bag, from->n_sessions))
		return call_no_memory(k);
	for (size_t i = 0; i < from->n_sessions; i++) {
		if (from->sessions[i]->id <= w->ask.after)
			return error_set(k->error, PACLIENT_PROTOCOL,
					 "sessions are listed out of order");
		session_read(from->sessions[i], bag_add(&w->bag));
		w->ask.after = from->sessions[i]->id;
	}
	if (from->more && !from->n_sessions)
		return error_set(k->error, PACLIENT_PROTOCOL, "more sessions, but none listed");
	w->more = from->more;
	return 0;
}

static int sessions_ask(struct call *k, struct walk *w)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	int status;

	request.verb_case = PALLOCD__V1__REQUEST__VERB_SESSIONS;
	request.sessions = &w->ask;
	k->to = w;
	do {
		call_again(k);
		status = call_message(k, &request, PALLOCD__V1__REPLY__RESULT_SESSIONS,
				      take_sessions);
	} while (!status && w->more);
	return status;
}

int paclient_sessions(paclient *client, uint32_t region_id, struct paclient_session_list **ret_list,
		      struct paclient_call *call)
{
	struct walk w = {.bag = {.item_bytes = sizeof(struct paclient_session)}};
	struct paclient_session_list *list;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!ret_list)
		return error_argument(k.error, "ret_list", "is NULL");
	pallocd__v1__sessions__init(&w.ask);
	w.ask.region_id = region_id;
	status = sessions_ask(&k, &w);
	list = status ? NULL : bag_list(&w.bag, sizeof(*list));
	if (!list) {
		bag_free(&w.bag);
		return status ? status : call_no_memory(&k);
	}
	list->nsessions = w.bag.n;
	list->sessions = (struct paclient_session **)(void *)(list + 1);
	*ret_list = list;
	return 0;
}

void paclient_sessions_free(struct paclient_session_list *list)
{
	if (!list)
		return;
	free(list->sessions[0]);
	free(list);
}

static int take_end(struct call *k, const Pallocd__V1__Reply *reply)
{
	uint64_t *nextents = k->to;

	if (nextents)
		*nextents = reply->end_session->nextents;
	return 0;
}

int paclient_session_kill(paclient *client, uint64_t session_id, uint64_t *ret_nextents,
			  struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__EndSession end = PALLOCD__V1__END_SESSION__INIT;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!session_id)
		return error_argument(k.error, "session_id", "is 0");
	end.session = session_id;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_END_SESSION;
	request.end_session = &end;
	k.to = ret_nextents;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_END_SESSION, take_end);
}
