/*
 * reshape - extents change their length or their number where they are
 *
 * Role:       the public calls resize, split, join.
 * Uses:       call, alloc, error
 */
#include "client/lib/alloc.h"
#include "client/lib/call.h"

/* What the reply is compared with, and where it goes. */
struct resized {
	uint64_t npages;
	uint64_t *addr;                   /* may be NULL, */
	struct paclient_alloced *alloced; /* and this */
};

static int take_resize(struct call *k, const Pallocd__V1__Reply *reply)
{
	struct resized *to = k->to;

	if (reply->resize->npages != to->npages)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "a ResizeReply with another length than was asked for");
	if (to->addr)
		*to->addr = reply->resize->addr;
	alloced_give(reply->resize->scavenged_npages, reply->resize->cleared_npages, to->alloced);
	return 0;
}

int paclient_resize(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages, int edge,
		    uint64_t *ret_addr, struct paclient_call *call)
{
	return paclient_resize_with(client, region_id, addr, npages, edge, ret_addr, NULL, call);
}

int paclient_resize_with(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
			 int edge, uint64_t *ret_addr, struct paclient_alloced *ret_alloced,
			 struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Resize resize = PALLOCD__V1__RESIZE__INIT;
	struct resized to = {.npages = npages, .addr = ret_addr, .alloced = ret_alloced};
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = alloced_check(&k, "ret_alloced", ret_alloced);
	if (status)
		return status;
	resize.region_id = region_id;
	resize.addr = addr;
	resize.npages = npages;
	resize.edge = (Pallocd__V1__Edge)edge;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_RESIZE;
	request.resize = &resize;
	k.to = &to;
	k.to_bytes = sizeof(to);
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_RESIZE, take_resize);
}

/* Where it is split, and where both go; these may be NULL. */
struct halves {
	uint64_t addr;
	struct paclient_range *lower, *upper;
};

static int take_split(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__SplitReply *r = reply->split;
	struct halves *to = k->to;

	if (r->addr >= to->addr || !r->npages || !r->upper_npages)
		return error_set(k->error, PACLIENT_PROTOCOL, "a SplitReply without two extents");
	if (to->lower)
		*to->lower = (struct paclient_range){r->addr, r->npages};
	if (to->upper)
		*to->upper = (struct paclient_range){to->addr, r->upper_npages};
	return 0;
}

int paclient_split(paclient *client, uint32_t region_id, uint64_t addr,
		   struct paclient_range *ret_lower, struct paclient_range *ret_upper,
		   struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Split split = PALLOCD__V1__SPLIT__INIT;
	struct halves to = {.addr = addr, .lower = ret_lower, .upper = ret_upper};
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (status)
		return status;
	split.region_id = region_id;
	split.addr = addr;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_SPLIT;
	request.split = &split;
	k.to = &to;
	k.to_bytes = sizeof(to);
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_SPLIT, take_split);
}

static int take_join(struct call *k, const Pallocd__V1__Reply *reply)
{
	if (!reply->join->nextents)
		return error_set(k->error, PACLIENT_PROTOCOL, "a JoinReply about no extent");
	if (k->to)
		*(uint64_t *)k->to = reply->join->nextents;
	return 0;
}

int paclient_join(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		  uint64_t *ret_nextents, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Join join = PALLOCD__V1__JOIN__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (status)
		return status;
	join.region_id = region_id;
	join.addr = addr;
	join.npages = npages;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_JOIN;
	request.join = &join;
	k.to = ret_nextents;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_JOIN, take_join);
}
