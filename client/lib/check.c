/*
 * check - is the daemon sound; and to give back only what is as it was seen
 *
 * Role:       the public calls check and free_extent.
 * Uses:       call, text
 */
#include <stdlib.h>
#include <string.h>

#include "client/lib/call.h"

/* The list, its pointers and their texts are one piece of memory. */
static int take_check(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__CheckReply *from = reply->check;
	struct paclient_findings **ret = k->to, *list;
	size_t nbytes = 0;
	char *text;

	if (from->n_findings > from->nfindings || (from->nfindings && !from->n_findings))
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "a CheckReply whose findings cannot be counted");
	for (size_t i = 0; i < from->n_findings; i++)
		nbytes += strlen(from->findings[i]) + 1;
	list = calloc(1,
		      sizeof(*list) + (from->n_findings + 1) * sizeof(list->findings[0]) + nbytes);
	if (!list)
		return call_no_memory(k);
	list->size = sizeof(*list);
	list->nfindings = from->n_findings;
	list->nfindings_total = from->nfindings;
	list->nregions = from->nregions;
	list->store_compared = from->store_compared;
	list->sees_sessions = from->sees_sessions;
	list->findings = (const char **)(void *)(list + 1);
	text = (char *)(list->findings + from->n_findings + 1);
	for (size_t i = 0; i < from->n_findings; i++) {
		list->findings[i] = text;
		text = stpcpy(text, from->findings[i]) + 1;
	}
	*ret = list;
	return 0;
}

int paclient_check(paclient *client, uint32_t region_id, struct paclient_findings **ret_findings,
		   struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Check check = PALLOCD__V1__CHECK__INIT;
	struct paclient_findings *list = NULL;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = call_needs(&k, PACLIENT_FEATURE_CHECK, "check");
	if (!status && !ret_findings)
		status = error_argument(k.error, "ret_findings", "is NULL");
	if (status)
		return status;
	check.region_id = region_id;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_CHECK;
	request.check = &check;
	k.to = &list;
	status = call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_CHECK, take_check);
	if (!status)
		*ret_findings = list;
	return status;
}

void paclient_findings_free(struct paclient_findings *findings)
{
	free(findings);
}

static int take_freed(struct call *k, const Pallocd__V1__Reply *reply)
{
	(void)k;
	(void)reply;
	return 0;
}

int paclient_free_extent(paclient *client, uint32_t region_id, const struct paclient_extent *extent,
			 struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Free ask = PALLOCD__V1__FREE__INIT;
	struct paclient_extent x = {.size = sizeof(x)};
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = call_needs(&k, PACLIENT_FEATURE_CHECK, "extent");
	if (!status && !extent)
		status = error_argument(k.error, "extent", "is NULL");
	if (!status)
		status = call_struct(k.error, "extent", extent, &x, sizeof(x));
	if (status)
		return status;
	ask.region_id = region_id;
	ask.addr = &x.addr;
	ask.npages = &x.npages;
	ask.owner_session = &x.session_id;
	ask.owner_uid = &x.uid;
	ask.n_addr = ask.n_npages = ask.n_owner_session = ask.n_owner_uid = 1;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_FREE;
	request.free = &ask;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_FREE, take_freed);
}
