/*
 * extent - take and give back pages
 *
 * Role:       the public calls alloc and free; scatter.c has the one for several extents.
 * Uses:       call, alloc, error
 */
#include "client/lib/alloc.h"
#include "client/lib/call.h"

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
	k->ret_addrs = ret_addrs;
	k->extents = (struct wire_extents){.region_id = region_id,
					   .detached = flags & PACLIENT_DETACHED,
					   .n = n,
					   .npages = npages};
	return alloc_flags(k->error, flags);
}

int paclient_alloc_batch(paclient *client, uint32_t region_id, size_t n, const uint64_t *npages,
			 unsigned flags, uint64_t *ret_addrs, struct paclient_call *call)
{
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = alloc_check(&k, region_id, n, npages, flags, ret_addrs);
	return status ? status : call_extents(&k);
}

int paclient_alloc_placed(paclient *client, uint32_t region_id, size_t n, const uint64_t *npages,
			  unsigned flags, const struct paclient_placement *placement,
			  uint64_t *ret_addrs, struct paclient_call *call)
{
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;

	o.flags = flags;
	o.placement = placement;
	return paclient_alloc_with(client, region_id, n, npages, &o, ret_addrs, call);
}

static int take_alloced(struct call *k, const Pallocd__V1__Reply *reply)
{
	alloced_give(reply->alloc->scavenged_npages, reply->alloc->cleared_npages, k->to);
	return 0;
}

/* By the hot path's request where that can say it all. */
static int alloc_run(struct call *k, const struct paclient_alloc_options *o,
		     const struct paclient_call *user)
{
	struct alloc_message m;
	int status;

	if (alloc_plain(o))
		return call_extents(k);
	status = alloc_message(k, o, user, &m);
	return status ? status
		      : call_message(k, &m.request, PALLOCD__V1__REPLY__RESULT_ALLOC, k->take);
}

int paclient_alloc_with(paclient *client, uint32_t region_id, size_t n, const uint64_t *npages,
			const struct paclient_alloc_options *options, uint64_t *ret_addrs,
			struct paclient_call *call)
{
	struct paclient_alloc_options o;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = alloc_options(k.error, options, &o);
	if (!status)
		status = alloc_check(&k, region_id, n, npages, o.flags, ret_addrs);
	if (!status)
		status = alloced_check(&k, "options.ret_alloced", o.ret_alloced);
	if (status)
		return status;
	if (o.ret_alloced) {
		k.take = take_alloced;
		k.to = o.ret_alloced;
	}
	return alloc_run(&k, &o, call);
}

int paclient_free(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		  struct paclient_call *call)
{
	return paclient_free_batch(client, region_id, 1, &addr, &npages, call);
}

static int free_check(struct call *k, uint32_t region_id, size_t n, const uint64_t *addrs,
		      const uint64_t *npages)
{
	int status = batch_check(k, n, npages);

	if (status)
		return status;
	if (!addrs)
		return error_argument(k->error, "addrs", "is NULL");
	k->extents = (struct wire_extents){
		.region_id = region_id, .n = n, .addrs = addrs, .npages = npages};
	return 0;
}

int paclient_free_batch(paclient *client, uint32_t region_id, size_t n, const uint64_t *addrs,
			const uint64_t *npages, struct paclient_call *call)
{
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = free_check(&k, region_id, n, addrs, npages);
	return status ? status : call_extents(&k);
}

static int take_freed(struct call *k, const Pallocd__V1__Reply *reply)
{
	struct paclient_freed freed = {.size = sizeof(freed),
				       .npages = reply->free->npages,
				       .shared_npages = reply->free->shared_npages};

	call_result_give(&freed, k->to);
	return 0;
}

int paclient_free_with(paclient *client, uint32_t region_id, size_t n, const uint64_t *addrs,
		       const uint64_t *npages, struct paclient_freed *ret_freed,
		       struct paclient_call *call)
{
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = free_check(&k, region_id, n, addrs, npages);
	if (!status)
		status = call_result_check(&k, "ret_freed", ret_freed);
	if (status)
		return status;
	k.take = take_freed;
	k.to = ret_freed;
	return call_extents(&k);
}
