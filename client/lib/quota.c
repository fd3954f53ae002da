/*
 * quota - what the caller may use, and uses
 *
 * Role:       the public call that lists quotas.
 * Uses:       call, bag, text
 */
#include <stdlib.h>

#include "client/lib/bag.h"
#include "client/lib/call.h"
#include "client/lib/text.h"

static int take_quotas(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__QuotasReply *from = reply->quotas;
	struct bag *b = k->to;

	if (!bag_room(b, from->n_quotas))
		return call_no_memory(k);
	for (size_t i = 0; i < from->n_quotas; i++) {
		struct paclient_quota *to = bag_add(b);

		*to = (struct paclient_quota){.size = sizeof(*to),
					      .limit = from->quotas[i]->limit,
					      .used = from->quotas[i]->used};
		text_copy(to->name, sizeof(to->name), from->quotas[i]->name);
	}
	return 0;
}

int paclient_quotas(paclient *client, uint32_t region_id, struct paclient_quota_list **ret_list,
		    struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Quotas ask = PALLOCD__V1__QUOTAS__INIT;
	struct bag bag = {.item_bytes = sizeof(struct paclient_quota)};
	struct paclient_quota_list *list;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!ret_list)
		return error_argument(k.error, "ret_list", "is NULL");
	ask.region_id = region_id;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_QUOTAS;
	request.quotas = &ask;
	k.to = &bag;
	status = call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_QUOTAS, take_quotas);
	list = status ? NULL : bag_list(&bag, sizeof(*list));
	if (!list) {
		bag_free(&bag);
		return status ? status : call_no_memory(&k);
	}
	list->nquotas = bag.n;
	list->quotas = (struct paclient_quota **)(void *)(list + 1);
	*ret_list = list;
	return 0;
}

void paclient_quotas_free(struct paclient_quota_list *list)
{
	if (!list)
		return;
	free(list->quotas[0]);
	free(list);
}
