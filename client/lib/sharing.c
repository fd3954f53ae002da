/*
 * sharing - what extents are called, who holds them besides, who gets them
 *
 * Role:       the public calls annotate, share, release and handover.
 * Uses:       call, extents
 */
#include "client/lib/call.h"
#include "client/lib/extents.h"

static int take_nothing(struct call *k, const Pallocd__V1__Reply *reply)
{
	(void)k;
	(void)reply;
	return 0;
}

int paclient_annotate(paclient *client, uint32_t region_id, uint64_t addr, const char *name,
		      const char *label, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Annotate annotate = PALLOCD__V1__ANNOTATE__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (status)
		return status;
	annotate.region_id = region_id;
	annotate.addr = addr;
	annotate.set_name = name != NULL;
	if (name)
		annotate.name = (char *)name;
	annotate.set_label = label != NULL;
	if (label)
		annotate.label = (char *)label;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_ANNOTATE;
	request.annotate = &annotate;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_ANNOTATE, take_nothing);
}

static int take_share(struct call *k, const Pallocd__V1__Reply *reply)
{
	return extent_take(k, reply->share->extent);
}

static int share(struct call *k, const Pallocd__V1__Share *share,
		 struct paclient_extent *ret_extent)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;

	request.verb_case = PALLOCD__V1__REQUEST__VERB_SHARE;
	request.share = (Pallocd__V1__Share *)share;
	k->to = ret_extent;
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_SHARE, take_share);
}

int paclient_share(paclient *client, uint32_t region_id, uint64_t addr,
		   struct paclient_extent *ret_extent, struct paclient_call *call)
{
	Pallocd__V1__Share ask = PALLOCD__V1__SHARE__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status && ret_extent)
		status = call_result_check(&k, "ret_extent", ret_extent);
	if (status)
		return status;
	ask.region_id = region_id;
	ask.addr = addr;
	return share(&k, &ask, ret_extent);
}

int paclient_share_name(paclient *client, uint32_t region_id, const char *name,
			struct paclient_extent *ret_extent, struct paclient_call *call)
{
	Pallocd__V1__Share ask = PALLOCD__V1__SHARE__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = error_name(k.error, name);
	if (!status)
		status = call_result_check(&k, "ret_extent", ret_extent);
	if (status)
		return status;
	ask.region_id = region_id;
	ask.name = (char *)name;
	return share(&k, &ask, ret_extent);
}

/* Where a ReleaseReply goes; both may be NULL. */
struct released {
	uint64_t *npages;
	uint32_t *nholders;
};

static int take_release(struct call *k, const Pallocd__V1__Reply *reply)
{
	const struct released *to = k->to;

	if (to->npages)
		*to->npages = reply->release->npages;
	if (to->nholders)
		*to->nholders = reply->release->nholders;
	return 0;
}

int paclient_release(paclient *client, uint32_t region_id, uint64_t addr, uint64_t *ret_npages,
		     uint32_t *ret_nholders, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Release release = PALLOCD__V1__RELEASE__INIT;
	struct released to = {ret_npages, ret_nholders};
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (status)
		return status;
	release.region_id = region_id;
	release.addr = addr;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_RELEASE;
	request.release = &release;
	k.to = &to;
	k.to_bytes = sizeof(to);
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_RELEASE, take_release);
}

static int take_handover(struct call *k, const Pallocd__V1__Reply *reply)
{
	uint64_t *npages = k->to;

	if (npages)
		*npages = reply->handover->npages;
	return 0;
}

static int handover(struct call *k, Pallocd__V1__Handover *ask, uint64_t *ret_npages)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;

	request.verb_case = PALLOCD__V1__REQUEST__VERB_HANDOVER;
	request.handover = ask;
	k->to = ret_npages;
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_HANDOVER, take_handover);
}

int paclient_handover(paclient *client, uint32_t region_id, uint64_t addr, uint64_t session_id,
		      uint64_t *ret_npages, struct paclient_call *call)
{
	Pallocd__V1__Handover ask = PALLOCD__V1__HANDOVER__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (status)
		return status;
	if (!session_id)
		return error_argument(k.error, "session_id", "is 0");
	ask.region_id = region_id;
	ask.addr = addr;
	ask.session = session_id;
	return handover(&k, &ask, ret_npages);
}

int paclient_handover_to_user(paclient *client, uint32_t region_id, uint64_t addr, uint32_t uid,
			      uint64_t *ret_npages, struct paclient_call *call)
{
	Pallocd__V1__Handover ask = PALLOCD__V1__HANDOVER__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (status)
		return status;
	ask.region_id = region_id;
	ask.addr = addr;
	ask.to_user = true;
	ask.uid = uid;
	return handover(&k, &ask, ret_npages);
}
