/*
 * space - which addresses a region has, and which of them may be handed out
 *
 * Role:       the public calls grow, shrink, drain and reserve.
 * Uses:       call, error
 */
#include "client/lib/call.h"

static int take_grow(struct call *k, const Pallocd__V1__Reply *reply)
{
	struct paclient_range *to = k->to;

	if (to)
		*to = (struct paclient_range){reply->grow->addr, reply->grow->npages};
	return 0;
}

int paclient_grow(paclient *client, uint32_t region_id, uint64_t npages,
		  struct paclient_range *ret_added, struct paclient_call *call)
{
	return paclient_grow_at(client, region_id, 0, npages, ret_added, call);
}

int paclient_grow_at(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		     struct paclient_range *ret_added, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Grow grow = PALLOCD__V1__GROW__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status && addr)
		status = call_needs(&k, PACLIENT_FEATURE_SPACE, "addr");
	if (status)
		return status;
	grow.region_id = region_id;
	grow.npages = npages;
	grow.addr = addr;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_GROW;
	request.grow = &grow;
	k.to = ret_added;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_GROW, take_grow);
}

static int take_shrink(struct call *k, const Pallocd__V1__Reply *reply)
{
	struct paclient_range *to = k->to;

	if (!reply->shrink->npages)
		return error_set(k->error, PACLIENT_PROTOCOL, "a ShrinkReply about no pages");
	if (to)
		*to = (struct paclient_range){reply->shrink->addr, reply->shrink->npages};
	return 0;
}

int paclient_shrink(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		    struct paclient_range *ret_removed, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Shrink shrink = PALLOCD__V1__SHRINK__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (status)
		return status;
	shrink.region_id = region_id;
	shrink.addr = addr;
	shrink.npages = npages;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_SHRINK;
	request.shrink = &shrink;
	k.to = ret_removed;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_SHRINK, take_shrink);
}

static int take_drain(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__DrainReply *r = reply->drain;
	struct paclient_drain *to = k->to;

	if (r->n_extent_addr != r->n_extent_npages || r->n_extent_addr > r->nextents)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "a DrainReply whose extents cannot be counted");
	*to = (struct paclient_drain){
		.size = sizeof(*to), .nextents = r->nextents, .npages = r->npages};
	for (; to->nlisted < r->n_extent_addr && to->nlisted < PACLIENT_DRAIN_EXTENTS_MAX;
	     to->nlisted++)
		to->extents[to->nlisted] = (struct paclient_range){r->extent_addr[to->nlisted],
								   r->extent_npages[to->nlisted]};
	return 0;
}

static int drain(paclient *client, uint32_t region_id, const struct paclient_range *range,
		 bool undo, struct paclient_drain *ret_drain, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Drain ask = PALLOCD__V1__DRAIN__INIT;
	struct paclient_drain to;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status && ret_drain)
		status = call_result_check(&k, "ret_drain", ret_drain);
	if (status)
		return status;
	ask.region_id = region_id;
	ask.addr = range->addr;
	ask.npages = range->npages;
	ask.undo = undo;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_DRAIN;
	request.drain = &ask;
	k.to = &to;
	status = call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_DRAIN, take_drain);
	if (!status && ret_drain)
		call_result_give(&to, ret_drain);
	return status;
}

int paclient_drain(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		   struct paclient_drain *ret_drain, struct paclient_call *call)
{
	struct paclient_range range = {addr, npages};

	return drain(client, region_id, &range, false, ret_drain, call);
}

int paclient_undrain(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		     struct paclient_call *call)
{
	struct paclient_range range = {addr, npages};

	return drain(client, region_id, &range, true, NULL, call);
}

/* That it is done is all that there is to know. */
static int take_reserve(struct call *k, const Pallocd__V1__Reply *reply)
{
	(void)k;
	(void)reply;
	return 0;
}

static int reserve(paclient *client, uint32_t region_id, const struct paclient_range *range,
		   bool undo, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Reserve ask = PALLOCD__V1__RESERVE__INIT;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	ask.region_id = region_id;
	ask.addr = range->addr;
	ask.npages = range->npages;
	ask.undo = undo;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_RESERVE;
	request.reserve = &ask;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_RESERVE, take_reserve);
}

int paclient_reserve(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		     struct paclient_call *call)
{
	struct paclient_range range = {addr, npages};

	return reserve(client, region_id, &range, false, call);
}

int paclient_unreserve(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		       struct paclient_call *call)
{
	struct paclient_range range = {addr, npages};

	return reserve(client, region_id, &range, true, call);
}
