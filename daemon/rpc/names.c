/*
 * names - Lookup, List and Annotate
 *
 * Role:       what extents there are, whose they are, and what they are called.
 * Uses:       region/, rpc/verb.h
 */
#include <inttypes.h>

#include "rpc/verb.h"
#include "rpc/view.h"

/* Extents that one List may look at, some 50 ns each. */
#define LOOK_EXTENTS 4096u

void view_tell(const struct region_view *v, Pallocd__V1__Extent *ret)
{
	pallocd__v1__extent__init(ret);
	ret->addr = v->addr;
	ret->npages = v->npages;
	ret->session = v->session;
	ret->uid = v->uid;
	/* protobuf-c does not write through these. */
	ret->name = (char *)(uintptr_t)v->name;
	ret->label = (char *)(uintptr_t)v->label;
	ret->nholders = v->nholders;
	ret->quarantined = v->quarantined;
}

enum pallocd_status view_by_name(struct call *c, const struct region *r, const char *name,
				 struct region_view *ret)
{
	enum pallocd_status status = call_text(c, "name", name, PALLOCD_NAME_BYTES_MAX);
	struct region_refusal rr = {0};
	int err;

	if (status)
		return status;
	if (!*name)
		return call_refuse(c, PALLOCD_INVALID, "name",
				   "the request names no extent: set name");
	err = region_lookup(r, name, ret);
	return err ? call_refuse_region(c, r, err, "name", &rr) : PALLOCD_OK;
}

enum pallocd_status lookup_serve(struct call *c)
{
	const Pallocd__V1__Lookup *m = c->req->lookup;
	Pallocd__V1__Extent *extent = call_take(c, 1, sizeof(*extent));
	struct region_view view;
	enum pallocd_status status;
	struct region *r;

	if (!extent)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (!status)
		status = view_by_name(c, r, m->name, &view);
	if (status)
		return status;
	view_tell(&view, extent);
	c->reply.lookup->extent = extent;
	return PALLOCD_OK;
}

static enum pallocd_status filter_get(struct call *c, struct region_filter *ret)
{
	const Pallocd__V1__List *m = c->req->list;
	const struct session *s;

	*ret = (struct region_filter){
		.by_uid = m->by_uid,
		.uid = m->uid,
		.pattern = *m->name_pattern ? m->name_pattern : NULL,
		.limit_addr = m->limit_addr,
		.min_npages = m->min_npages,
		.max_npages = m->max_npages,
	};
	if (m->session) {
		s = session_by_id(c->rpc->regions, m->session);
		c->refusal.asked = m->session;
		if (!s)
			return call_refuse(c, PALLOCD_NO_SESSION, "session",
					   "there is no session %" PRIu64
					   ": Sessions lists those that there are",
					   m->session);
		ret->owner = &s->owner;
	}
	return call_text(c, "name_pattern", m->name_pattern, PALLOCD_NAME_BYTES_MAX);
}

/* As many of the @n views as fit the frame (Q2); where the rest begins is said. */
static enum pallocd_status list_fill(struct call *c, const struct region_view *views, uint32_t n)
{
	Pallocd__V1__ListReply *reply = c->reply.list;
	Pallocd__V1__Extent *extents = call_take(c, n, sizeof(*extents));
	size_t room = PALLOCD_FRAME_BYTES_MAX - LIST_REPLY_BYTES;

	reply->extents = call_take(c, n, sizeof(extents));
	if (!extents || !reply->extents)
		return call_no_memory(c);
	for (uint32_t i = 0; i < n; i++) {
		size_t bytes;

		view_tell(&views[i], &extents[i]);
		bytes = pallocd__v1__extent__get_packed_size(&extents[i]) + LIST_ENTRY_BYTES;
		if (bytes > room) {
			reply->more = true;
			reply->next_addr = views[i].addr;
			break;
		}
		room -= bytes;
		reply->extents[reply->n_extents++] = &extents[i];
	}
	return PALLOCD_OK;
}

enum pallocd_status list_serve(struct call *c)
{
	const Pallocd__V1__List *m = c->req->list;
	uint32_t max = PALLOCD_LIST_EXTENTS_MAX, n;
	struct region_filter filter;
	struct region_view *views;
	enum pallocd_status status;
	uint64_t addr = m->lowest_addr;
	struct region *r;
	bool done;

	status = call_region(c, m->region_id, m->region, &r);
	if (!status)
		status = filter_get(c, &filter);
	if (status)
		return status;
	if (m->max_extents && m->max_extents < max)
		max = m->max_extents;
	views = call_take(c, max, sizeof(*views));
	if (!views)
		return call_no_memory(c);
	n = region_list(r, &filter, &addr, LOOK_EXTENTS, views, max, &done);
	if (!done) {
		c->reply.list->more = true;
		c->reply.list->next_addr = addr;
	}
	return list_fill(c, views, n);
}

enum pallocd_status annotate_serve(struct call *c)
{
	const Pallocd__V1__Annotate *m = c->req->annotate;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (!status)
		status = call_text(c, "name", m->name, PALLOCD_NAME_BYTES_MAX);
	if (!status)
		status = call_text(c, "label", m->label, PALLOCD_LABEL_BYTES_MAX);
	if (status)
		return status;
	do {
		err = region_annotate(r, c->conn->session, m->addr, m->set_name ? m->name : NULL,
				      m->set_label ? m->label : NULL, &rr);
	} while (err && call_reclaim(c, err));
	return err ? call_refuse_region(c, r, err, "addr", &rr) : PALLOCD_OK;
}
