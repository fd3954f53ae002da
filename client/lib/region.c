/*
 * region - what regions there are and what they look like
 *
 * Role:       the public calls that list and describe regions.
 * Uses:       call, bag, text, error
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/lib/bag.h"
#include "client/lib/call.h"
#include "client/lib/text.h"

/* The wire counts rights from 1. */
static uint32_t rights_read(const Pallocd__V1__Region *from)
{
	uint32_t rights = 0;

	for (size_t i = 0; i < from->n_rights; i++) {
		unsigned right = (unsigned)from->rights[i];

		if (right >= 1 && right <= 32)
			rights |= UINT32_C(1) << (right - 1);
	}
	return rights;
}

static void region_read(const Pallocd__V1__Region *from, struct paclient_region *to)
{
	*to = (struct paclient_region){.size = sizeof(*to),
				       .id = from->id,
				       .faulted = from->faulted,
				       .base_addr = from->base_addr,
				       .page_size_bytes = from->page_size_bytes,
				       .limit_npages = from->limit_npages,
				       .grown_npages = from->grown_npages,
				       .free_npages = from->free_npages,
				       .auto_grow_npages = from->auto_grow_npages,
				       .best_fit = from->best_fit,
				       .held_npages = from->held_npages,
				       .rights = rights_read(from),
				       .death = (int)from->death,
				       .quarantine_ms = from->quarantine_msec,
				       .low_npages = from->low_npages,
				       .backing = (int)from->backing,
				       .commit = (int)from->commit,
				       .backing_page_bytes = from->backing_page_bytes,
				       .sanitize = from->sanitize,
				       .releases = from->releases,
				       .durability = (int)from->durability,
				       .generation = from->generation};
	text_copy(to->name, sizeof(to->name), from->name);
}

/* 16 bits of an id tell regions apart. */
#define REGIONS_MAX UINT16_MAX

/* A list in progress. */
struct walk {
	Pallocd__V1__ListRegions ask;
	struct bag bag; /* of struct paclient_region */
	bool more;
};

static int take_regions(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__ListRegionsReply *from = reply->list_regions;
	struct walk *w = k->to;

	if (!bag_room(&w->bag, from->n_regions))
		return call_no_memory(k);
	/* In the order of the configuration, whatever their ids; a daemon that never came to an end would show here. */
	if (w->bag.n + from->n_regions > REGIONS_MAX)
		return error_set(k->error, PACLIENT_PROTOCOL, "more regions than there are ids");
	for (size_t i = 0; i < from->n_regions; i++) {
		if (from->regions[i]->id == w->ask.after)
			return error_set(k->error, PACLIENT_PROTOCOL, "a region is listed twice");
		region_read(from->regions[i], bag_add(&w->bag));
		w->ask.after = from->regions[i]->id;
	}
	if (from->more && !from->n_regions)
		return error_set(k->error, PACLIENT_PROTOCOL, "more regions, but none listed");
	w->more = from->more;
	return 0;
}

static int regions_ask(struct call *k, struct walk *w)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	int status;

	request.verb_case = PALLOCD__V1__REQUEST__VERB_LIST_REGIONS;
	request.list_regions = &w->ask;
	k->to = w;
	do {
		call_again(k);
		status = call_message(k, &request, PALLOCD__V1__REPLY__RESULT_LIST_REGIONS,
				      take_regions);
	} while (!status && w->more);
	return status;
}

int paclient_regions(paclient *client, struct paclient_region_list **ret_list,
		     struct paclient_call *call)
{
	struct walk w = {.bag = {.item_bytes = sizeof(struct paclient_region)}};
	struct paclient_region_list *list;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!ret_list)
		return error_argument(k.error, "ret_list", "is NULL");
	pallocd__v1__list_regions__init(&w.ask);
	status = regions_ask(&k, &w);
	list = status ? NULL : bag_list(&w.bag, sizeof(*list));
	if (!list) {
		bag_free(&w.bag);
		return status ? status : call_no_memory(&k);
	}
	list->nregions = w.bag.n;
	list->regions = (struct paclient_region **)(void *)(list + 1);
	*ret_list = list;
	return 0;
}

void paclient_regions_free(struct paclient_region_list *list)
{
	if (!list)
		return;
	free(list->regions[0]);
	free(list);
}

static int region_info(struct call *k, uint32_t region_id, const char *name,
		       int (*take)(struct call *k, const Pallocd__V1__Reply *reply))
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__RegionInfo info = PALLOCD__V1__REGION_INFO__INIT;
	char buf[PACLIENT_NAME_BYTES];

	snprintf(buf, sizeof(buf), "%s", name);
	info.region_id = region_id;
	info.region = buf;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_REGION_INFO;
	request.region_info = &info;
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_REGION_INFO, take);
}

static int info_read(struct call *k, const Pallocd__V1__Reply *reply, struct paclient_region *ret)
{
	if (!reply->region_info->region)
		return error_set(k->error, PACLIENT_PROTOCOL, "a RegionInfoReply without region");
	region_read(reply->region_info->region, ret);
	return 0;
}

static int take_info(struct call *k, const Pallocd__V1__Reply *reply)
{
	struct paclient_region info;
	int status = info_read(k, reply, &info);

	if (!status)
		call_result_give(&info, k->to);
	return status;
}

static int take_id(struct call *k, const Pallocd__V1__Reply *reply)
{
	struct paclient_region info;
	int status = info_read(k, reply, &info);

	if (!status)
		*(uint32_t *)k->to = info.id;
	return status;
}

int paclient_region_open(paclient *client, const char *name, uint32_t *ret_region_id,
			 struct paclient_call *call)
{
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = error_name(k.error, name);
	if (status)
		return status;
	if (!ret_region_id)
		return error_argument(k.error, "ret_region_id", "is NULL");
	k.to = ret_region_id;
	return region_info(&k, 0, name, take_id);
}

/* By name where the id is 0. As much of the result as the caller's struct has room for. */
static int info_get(struct call *k, uint32_t region_id, const char *name,
		    struct paclient_region *ret_info)
{
	int status = call_result_check(k, "ret_info", ret_info);

	if (status)
		return status;
	k->to = ret_info;
	return region_info(k, region_id, name, take_info);
}

int paclient_region_by_name(paclient *client, const char *name, struct paclient_region *ret_info,
			    struct paclient_call *call)
{
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = error_name(k.error, name);
	return status ? status : info_get(&k, 0, name, ret_info);
}

int paclient_region_info(paclient *client, uint32_t region_id, struct paclient_region *ret_info,
			 struct paclient_call *call)
{
	CALL(k);
	int status = call_begin_either(&k, client, call);

	return status ? status : info_get(&k, region_id, "", ret_info);
}

/* A list of a RegionInfoReply; as many as @n addresses and lengths are there. */
static int ranges_take(struct call *k, const uint64_t *addr, size_t n, const uint64_t *npages,
		       size_t n_npages)
{
	struct paclient_range_list *list = k->to;

	if (n != n_npages)
		return error_set(k->error, PACLIENT_PROTOCOL, "ranges without lengths");
	/* One more than needed, so that an empty list is an array too. */
	list->ranges = calloc(n + 1, sizeof(list->ranges[0]));
	if (!list->ranges)
		return call_no_memory(k);
	list->nranges = list->nranges_total = n;
	for (size_t i = 0; i < n; i++)
		list->ranges[i] = (struct paclient_range){addr[i], npages[i]};
	return 0;
}

static int take_grown(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__RegionInfoReply *from = reply->region_info;
	struct paclient_range_list *list = k->to;
	int status = ranges_take(k, from->range_addr, from->n_range_addr, from->range_npages,
				 from->n_range_npages);

	/* Only these may be more than one reply lists. */
	if (!status)
		list->nranges_total = from->nranges;
	return status;
}

static int take_reserved(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__RegionInfoReply *from = reply->region_info;

	return ranges_take(k, from->reserved_addr, from->n_reserved_addr, from->reserved_npages,
			   from->n_reserved_npages);
}

static int take_drained(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__RegionInfoReply *from = reply->region_info;

	return ranges_take(k, from->drained_addr, from->n_drained_addr, from->drained_npages,
			   from->n_drained_npages);
}

static int ranges_get(paclient *client, uint32_t region_id, struct paclient_range_list **ret_list,
		      struct paclient_call *call,
		      int (*take)(struct call *k, const Pallocd__V1__Reply *reply))
{
	struct paclient_range_list *list;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!ret_list)
		return error_argument(k.error, "ret_list", "is NULL");
	list = calloc(1, sizeof(*list));
	if (!list)
		return call_no_memory(&k);
	k.to = list;
	status = region_info(&k, region_id, "", take);
	if (status)
		paclient_ranges_free(list);
	else
		*ret_list = list;
	return status;
}

int paclient_region_ranges(paclient *client, uint32_t region_id,
			   struct paclient_range_list **ret_list, struct paclient_call *call)
{
	return ranges_get(client, region_id, ret_list, call, take_grown);
}

int paclient_region_reserved(paclient *client, uint32_t region_id,
			     struct paclient_range_list **ret_list, struct paclient_call *call)
{
	return ranges_get(client, region_id, ret_list, call, take_reserved);
}

int paclient_region_drained(paclient *client, uint32_t region_id,
			    struct paclient_range_list **ret_list, struct paclient_call *call)
{
	return ranges_get(client, region_id, ret_list, call, take_drained);
}

void paclient_ranges_free(struct paclient_range_list *list)
{
	if (list)
		free(list->ranges);
	free(list);
}
