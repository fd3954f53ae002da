/*
 * attach - Attach: the memory behind a region, for who may map it
 *
 * Role:       the descriptor goes out with the reply (rpc_out.fds); it stays the region's.
 * Uses:       backing/, region/, rpc/verb.h
 */
#include "backing/backing.h"
#include "rpc/verb.h"

enum pallocd_status attach_serve(struct call *c)
{
	const Pallocd__V1__Attach *m = c->req->attach;
	Pallocd__V1__AttachReply *reply = c->reply.attach;
	const struct session *s = c->conn->session;
	const struct backing_info *info;
	enum pallocd_status status;
	struct region *r;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	if (m->write && !session_may(s, r, ACCESS_ATTACH_RW))
		return call_refuse_right(c, r, ACCESS_ATTACH_RW);
	if (!r->backing)
		return call_refuse(c, PALLOCD_INVALID, *m->region ? "region" : "region_id",
				   "there is nothing behind the addresses of region %s that could "
				   "be mapped: it has no backing",
				   r->name);
	c->fd = backing_fd(r->backing, m->write);
	if (c->fd < 0)
		return call_refuse(c, PALLOCD_INVALID, "write",
				   "what is behind region %s cannot be %s by anybody", r->name,
				   m->write ? "written" : "read without the right to write it");
	info = backing_info(r->backing);
	reply->base_addr = r->base_addr;
	reply->bytes = info->bytes;
	reply->page_size_bytes = region_page_size(r);
	reply->backing_page_bytes = info->page_bytes;
	reply->backing = (Pallocd__V1__Backing)info->kind;
	reply->write = m->write;
	return PALLOCD_OK;
}
