/*
 * extent - take and give back pages
 *
 * Role:       the public calls alloc and free; scatter.c has the one for several extents.
 * Uses:       call, place, error
 */
#include "client/lib/call.h"
#include "client/lib/place.h"

/* What one extent and a batch have in common. */
static int batch_check(struct call *k, size_t n, const uint64_t *npages)
{
	if (!n)
		return error_argument(k->error, "n", "is 0");
	if (!npages)
		return error_argument(k->error, "npages", "is NULL");
	if (n > k->client->batch_max) {
		error_set(k->error, PACLIENT_LIMIT, "a batch of %zu extents; at most %zu may be", n,
			  k->client->batch_max);
		k->error->asked = n;
		k->error->limit = k->client->batch_max;
		return PACLIENT_LIMIT;
	}
	return 0;
}

int paclient_alloc(paclient *client, uint32_t region_id, uint64_t npages, unsigned flags,
		   uint64_t *ret_addr, struct paclient_call *call)
{
	return paclient_alloc_batch(client, region_id, 1, &npages, flags, ret_addr, call);
}

/* What is asked for goes to k->extents: to be packed, and to be given back where the reply is late. */
static int alloc_check(struct call *k, uint32_t region_id, size_t n, const uint64_t *npages,
		       unsigned flags, uint64_t *ret_addrs)
{
	int status = batch_check(k, n, npages);

	if (status)
		return status;
	if (!ret_addrs)
		return error_argument(k->error, "ret_addrs", "is NULL");
	if (flags & ~PACLIENT_DETACHED)
		return error_argument(k->error, "flags",
				      "has bits that this version does not know");
	k->ret_addrs = ret_addrs;
	k->extents = (struct wire_extents){.region_id = region_id,
					   .detached = flags & PACLIENT_DETACHED,
					   .n = n,
					   .npages = npages};
	return 0;
}

int paclient_alloc_batch(paclient *client, uint32_t region_id, size_t n, const uint64_t *npages,
			 unsigned flags, uint64_t *ret_addrs, struct paclient_call *call)
{
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = alloc_check(&k, region_id, n, npages, flags, ret_addrs);
	return status ? status : call_extents(&k);
}

int paclient_alloc_placed(paclient *client, uint32_t region_id, size_t n, const uint64_t *npages,
			  unsigned flags, const struct paclient_placement *placement,
			  uint64_t *ret_addrs, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Alloc alloc = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Placement where;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = alloc_check(&k, region_id, n, npages, flags, ret_addrs);
	if (!status && placement)
		status = place_read(k.error, placement, &where);
	if (status)
		return status;
	if (!placement)
		return call_extents(&k);
	alloc.region_id = region_id;
	alloc.n_npages = n;
	alloc.npages = (uint64_t *)npages;
	alloc.lifetime = k.extents.detached ? PALLOCD__V1__LIFETIME__DETACHED
					    : PALLOCD__V1__LIFETIME__SESSION;
	alloc.placement = &where;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_ALLOC;
	request.alloc = &alloc;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_ALLOC, NULL);
}

int paclient_free(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		  struct paclient_call *call)
{
	return paclient_free_batch(client, region_id, 1, &addr, &npages, call);
}

int paclient_free_batch(paclient *client, uint32_t region_id, size_t n, const uint64_t *addrs,
			const uint64_t *npages, struct paclient_call *call)
{
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = batch_check(&k, n, npages);
	if (status)
		return status;
	if (!addrs)
		return error_argument(k.error, "addrs", "is NULL");
	k.extents = (struct wire_extents){
		.region_id = region_id, .n = n, .addrs = addrs, .npages = npages};
	return call_extents(&k);
}
