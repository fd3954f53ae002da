/*
 * place - where extents may lie, where one would go, how many fit
 *
 * Role:       see place.h; and the public calls that ask about places without taking them.
 * Uses:       call, text, error
 */
#include "client/lib/place.h"

#include "client/lib/call.h"
#include "client/lib/text.h"

int place_read(struct paclient_error *e, const struct paclient_placement *from,
	       Pallocd__V1__Placement *ret)
{
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;
	int status = call_struct(e, "placement", from, &p, sizeof(p));

	pallocd__v1__placement__init(ret);
	ret->align_npages = p.align_npages;
	ret->boundary_npages = p.boundary_npages;
	ret->lowest_addr = p.lowest_addr;
	ret->limit_addr = p.limit_addr;
	ret->rule = (Pallocd__V1__Rule)p.rule;
	ret->addr = p.addr;
	ret->strategy = (Pallocd__V1__Strategy)p.strategy;
	return status;
}

static int take_why(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__WhyReply *w = reply->why;
	struct paclient_why *to = k->to;

	*to = (struct paclient_why){.size = sizeof(*to),
				    .fits = w->fits,
				    .addr = w->addr,
				    .grow_npages = w->grow_npages,
				    .free_npages = w->free_npages,
				    .largest_npages = w->largest_npages,
				    .placed_npages = w->placed_npages,
				    .growable_npages = w->growable_npages,
				    .short_npages = w->short_npages,
				    .aligned_npages = w->aligned_npages,
				    .bounded_npages = w->bounded_npages,
				    .quota_npages = w->quota_npages,
				    .quota_short_npages = w->quota_short_npages};
	text_copy(to->quota, sizeof(to->quota), w->quota);
	return 0;
}

int paclient_why(paclient *client, uint32_t region_id, uint64_t npages,
		 const struct paclient_placement *placement, struct paclient_why *ret_why,
		 struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Why ask = PALLOCD__V1__WHY__INIT;
	Pallocd__V1__Placement where;
	struct paclient_why why;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status && placement)
		status = place_read(k.error, placement, &where);
	if (!status)
		status = call_result_check(&k, "ret_why", ret_why);
	if (status)
		return status;
	ask.region_id = region_id;
	ask.npages = npages;
	ask.placement = placement ? &where : NULL;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_WHY;
	request.why = &ask;
	k.to = &why;
	status = call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_WHY, take_why);
	if (!status)
		call_result_give(&why, ret_why);
	return status;
}

static int take_fit(struct call *k, const Pallocd__V1__Reply *reply)
{
	*(uint64_t *)k->to = reply->fit->nextents;
	return 0;
}

int paclient_fit(paclient *client, uint32_t region_id, uint64_t npages,
		 const struct paclient_placement *placement, uint64_t *ret_nextents,
		 struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Fit ask = PALLOCD__V1__FIT__INIT;
	Pallocd__V1__Placement where;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status && placement)
		status = place_read(k.error, placement, &where);
	if (status)
		return status;
	if (!ret_nextents)
		return error_argument(k.error, "ret_nextents", "is NULL");
	ask.region_id = region_id;
	ask.npages = npages;
	ask.placement = placement ? &where : NULL;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_FIT;
	request.fit = &ask;
	k.to = ret_nextents;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_FIT, take_fit);
}
