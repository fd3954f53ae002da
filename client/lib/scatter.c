/*
 * scatter - pages in several extents
 *
 * Role:       see scatter.h; and the public calls that take them.
 * Uses:       call, alloc, error
 */
#include "client/lib/scatter.h"

#include <errno.h>

#include "client/lib/alloc.h"
#include "client/lib/call.h"

int scatter_check(const Pallocd__V1__AllocReply *a, size_t max, uint64_t npages)
{
	uint64_t sum = 0;

	if (!a->n_addr || a->n_addr > max || a->n_addr != a->n_npages)
		return -EBADMSG;
	for (size_t i = 0; i < a->n_npages; i++) {
		if (!a->npages[i] || __builtin_add_overflow(sum, a->npages[i], &sum))
			return -EBADMSG;
	}
	return npages == SCATTER_ANY || sum == npages ? 0 : -EBADMSG;
}

/* Where the extents go. */
struct scattered {
	struct paclient_range *ranges;
	size_t *nranges;
	struct paclient_alloced *alloced; /* NULL: nobody wants to know */
};

static int take_scattered(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__AllocReply *a = reply->alloc;
	struct scattered *to = k->to;

	if (scatter_check(a, k->scatter_max, k->extents.npages[0]))
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "an AllocReply does not hold the extents that were asked for");
	for (size_t i = 0; i < a->n_addr; i++)
		to->ranges[i] = (struct paclient_range){a->addr[i], a->npages[i]};
	*to->nranges = a->n_addr;
	alloced_give(a->scavenged_npages, a->cleared_npages, to->alloced);
	return 0;
}

static int scatter_arguments(struct call *k, size_t max_extents,
			     const struct paclient_alloc_options *o, const struct scattered *to)
{
	if (!max_extents)
		return error_argument(k->error, "max_extents", "is 0");
	if (max_extents > k->client->batch_max) {
		error_set(k->error, PACLIENT_LIMIT, "up to %zu extents; at most %zu may be",
			  max_extents, k->client->batch_max);
		k->error->asked = max_extents;
		k->error->limit = k->client->batch_max;
		return PACLIENT_LIMIT;
	}
	if (o->name && o->name[0])
		return error_argument(k->error, "options.name", "is for one extent");
	if (!to->ranges)
		return error_argument(k->error, "ret_ranges", "is NULL");
	if (!to->nranges)
		return error_argument(k->error, "ret_nranges", "is NULL");
	return alloc_flags(k->error, o->flags);
}

int paclient_alloc_scattered(paclient *client, uint32_t region_id, uint64_t npages,
			     size_t max_extents, unsigned flags,
			     const struct paclient_placement *placement,
			     struct paclient_range *ret_ranges, size_t *ret_nranges,
			     struct paclient_call *call)
{
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;

	o.flags = flags;
	o.placement = placement;
	return paclient_alloc_scattered_with(client, region_id, npages, max_extents, &o, ret_ranges,
					     ret_nranges, call);
}

int paclient_alloc_scattered_with(paclient *client, uint32_t region_id, uint64_t npages,
				  size_t max_extents, const struct paclient_alloc_options *options,
				  struct paclient_range *ret_ranges, size_t *ret_nranges,
				  struct paclient_call *call)
{
	struct scattered to = {.ranges = ret_ranges, .nranges = ret_nranges};
	struct paclient_alloc_options o;
	struct alloc_message m;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = alloc_options(k.error, options, &o);
	if (!status)
		status = scatter_arguments(&k, max_extents, &o, &to);
	if (!status)
		status = alloced_check(&k, "options.ret_alloced", o.ret_alloced);
	if (!status)
		status = call_needs(&k, PACLIENT_FEATURE_SCATTER, "max_extents");
	if (status)
		return status;
	/* Should the reply be late, what it brings is given back by this. */
	k.extents = (struct wire_extents){.region_id = region_id, .n = 1, .npages = &npages};
	k.scatter_max = max_extents;
	status = alloc_message(&k, &o, call, &m);
	if (status)
		return status;
	to.alloced = o.ret_alloced;
	k.to = &to;
	k.to_bytes = sizeof(to);
	return call_message(&k, &m.request, PALLOCD__V1__REPLY__RESULT_ALLOC, take_scattered);
}
