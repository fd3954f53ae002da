/*
 * list - which extents there are, by name, by address, and all of them
 *
 * Role:       see extents.h; and the public calls that look extents up and list them.
 * Uses:       call, bag, text
 * Cost:       one reply's extents at a time, whatever there is in the region.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "client/lib/bag.h"
#include "client/lib/call.h"
#include "client/lib/extents.h"
#include "client/lib/text.h"

void extent_read(const Pallocd__V1__Extent *from, struct paclient_extent *to)
{
	*to = (struct paclient_extent){.size = sizeof(*to),
				       .addr = from->addr,
				       .npages = from->npages,
				       .session_id = from->session,
				       .uid = from->uid,
				       .nholders = from->nholders,
				       .quarantined = from->quarantined};
	text_copy(to->name, sizeof(to->name), from->name);
	text_copy(to->label, sizeof(to->label), from->label);
}

int extent_take(struct call *k, const Pallocd__V1__Extent *from)
{
	struct paclient_extent extent;

	if (!from || !from->npages)
		return error_set(k->error, PACLIENT_PROTOCOL, "a reply without its extent");
	extent_read(from, &extent);
	if (k->to)
		call_result_give(&extent, k->to);
	return 0;
}

static int take_lookup(struct call *k, const Pallocd__V1__Reply *reply)
{
	return extent_take(k, reply->lookup->extent);
}

int paclient_lookup(paclient *client, uint32_t region_id, const char *name,
		    struct paclient_extent *ret_extent, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Lookup lookup = PALLOCD__V1__LOOKUP__INIT;
	CALL(k);
	int status = call_begin_either(&k, client, call);

	if (!status)
		status = error_name(k.error, name);
	if (!status)
		status = call_result_check(&k, "ret_extent", ret_extent);
	if (status)
		return status;
	lookup.region_id = region_id;
	lookup.name = (char *)name;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_LOOKUP;
	request.lookup = &lookup;
	k.to = ret_extent;
	return call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_LOOKUP, take_lookup);
}

/* A list in progress: what one reply has brought, and where the next one goes on. */
struct walk {
	Pallocd__V1__List ask;
	struct bag bag; /* of struct paclient_extent */
	bool more;
};

static int out_of_order(struct call *k, uint64_t addr)
{
	return error_set(k->error, PACLIENT_PROTOCOL, "a ListReply is out of order at %#" PRIx64,
			 addr);
}

static int take_list(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__ListReply *from = reply->list;
	struct walk *w = k->to;

	if (!bag_room(&w->bag, from->n_extents))
		return call_no_memory(k);
	for (size_t i = 0; i < from->n_extents; i++) {
		uint64_t lowest = i ? from->extents[i - 1]->addr + 1 : w->ask.lowest_addr;

		if (from->extents[i]->addr < lowest ||
		    (w->ask.limit_addr && from->extents[i]->addr >= w->ask.limit_addr))
			return out_of_order(k, from->extents[i]->addr);
		extent_read(from->extents[i], bag_add(&w->bag));
	}
	w->more = from->more;
	if (!w->more)
		return 0;
	/* Else it might go on for ever. */
	if (from->next_addr <= w->ask.lowest_addr ||
	    (from->n_extents && from->next_addr <= from->extents[from->n_extents - 1]->addr))
		return out_of_order(k, from->next_addr);
	w->ask.lowest_addr = from->next_addr;
	return 0;
}

/* The next reply's extents get into the bag, too. */
static int walk_step(struct call *k, struct walk *w)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;

	request.verb_case = PALLOCD__V1__REQUEST__VERB_LIST;
	request.list = &w->ask;
	k->to = w;
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_LIST, take_list);
}

static void walk_begin(struct walk *w, uint32_t region_id)
{
	*w = (struct walk){.bag = {.item_bytes = sizeof(struct paclient_extent)}};
	pallocd__v1__list__init(&w->ask);
	w->ask.region_id = region_id;
}

/* Looked for as a list of one; the daemon may say that there is more to look at, and nothing yet. */
int paclient_extent_info(paclient *client, uint32_t region_id, uint64_t addr,
			 struct paclient_extent *ret_extent, struct paclient_call *call)
{
	const struct paclient_extent *extent;
	struct walk w;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = call_result_check(&k, "ret_extent", ret_extent);
	if (status)
		return status;
	walk_begin(&w, region_id);
	w.ask.lowest_addr = addr;
	w.ask.limit_addr = addr + 1;
	w.ask.max_extents = 1;
	do {
		call_again(&k);
		status = walk_step(&k, &w);
	} while (!status && !w.bag.n && w.more);
	extent = w.bag.n ? bag_at(&w.bag, 0) : NULL;
	if (!status && extent)
		call_result_give(extent, ret_extent);
	else if (!status)
		status = error_set(k.error, PACLIENT_NOT_FOUND, "no extent begins at %#" PRIx64,
				   addr);
	bag_free(&w.bag);
	return status;
}

static int filter_read(struct paclient_error *e, const struct paclient_list_filter *from,
		       Pallocd__V1__List *to)
{
	struct paclient_list_filter f = PACLIENT_LIST_FILTER_INIT;

	if (from && call_struct(e, "filter", from, &f, sizeof(f)))
		return PACLIENT_BAD_ARGUMENT;
	to->session = f.session_id;
	to->by_uid = f.by_uid;
	to->uid = f.uid;
	if (f.name_pattern)
		to->name_pattern = (char *)f.name_pattern;
	to->lowest_addr = f.lowest_addr;
	to->limit_addr = f.limit_addr;
	to->min_npages = f.min_npages;
	to->max_npages = f.max_npages;
	return 0;
}

/* All of the bag. Return: false where that was enough. */
static bool walk_show(const struct walk *w, paclient_extent_fn *each, void *ctx)
{
	for (size_t i = 0; i < w->bag.n; i++) {
		if (each(bag_at(&w->bag, i), ctx))
			return false;
	}
	return true;
}

int paclient_list_each(paclient *client, uint32_t region_id,
		       const struct paclient_list_filter *filter, paclient_extent_fn *each,
		       void *ctx, struct paclient_call *call)
{
	struct walk w;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!each)
		return error_argument(k.error, "each", "is NULL");
	walk_begin(&w, region_id);
	status = filter_read(k.error, filter, &w.ask);
	if (status)
		return status;
	do {
		/* Nothing is in flight while @each is at work: it may take its time. */
		w.bag.n = 0;
		call_restart(&k);
		status = walk_step(&k, &w);
	} while (!status && walk_show(&w, each, ctx) && w.more);
	bag_free(&w.bag);
	return status;
}

int paclient_list(paclient *client, uint32_t region_id, const struct paclient_list_filter *filter,
		  struct paclient_extent_list **ret_list, struct paclient_call *call)
{
	struct paclient_extent_list *list;
	struct walk w;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!ret_list)
		return error_argument(k.error, "ret_list", "is NULL");
	walk_begin(&w, region_id);
	status = filter_read(k.error, filter, &w.ask);
	if (status)
		return status;
	do {
		call_restart(&k);
		status = walk_step(&k, &w);
	} while (!status && w.more);
	list = status ? NULL : bag_list(&w.bag, sizeof(*list));
	if (!list) {
		bag_free(&w.bag);
		return status ? status : call_no_memory(&k);
	}
	list->nextents = w.bag.n;
	list->extents = (struct paclient_extent **)(void *)(list + 1);
	*ret_list = list;
	return 0;
}

void paclient_extents_free(struct paclient_extent_list *list)
{
	if (!list)
		return;
	free(list->extents[0]);
	free(list);
}
