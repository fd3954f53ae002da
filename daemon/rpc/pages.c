/*
 * pages - Alloc and Free
 *
 * Role:       what takes and gives back pages. These are the hot path: no message is built for their replies. An Alloc that wants
 *             more than pages is alloc.c's.
 * Uses:       region/, rpc/alloc.h
 */
#include "rpc/alloc.h"

#include <inttypes.h>

static enum pallocd_status batch_check(struct call *c, size_t n, const char *field)
{
	if (UNLIKELY(n == 0))
		return call_refuse(c, PALLOCD_INVALID, field,
				   "no entry: at least one must be named");
	if (UNLIKELY(n > PALLOCD_BATCH_EXTENTS_MAX)) {
		c->refusal.asked = n;
		c->refusal.limit = PALLOCD_BATCH_EXTENTS_MAX;
		return call_refuse(c, PALLOCD_LIMIT, field,
				   "%zu entries: one request may have %u, use several", n,
				   PALLOCD_BATCH_EXTENTS_MAX);
	}
	return PALLOCD_OK;
}

static enum pallocd_status alloc_owner(struct call *c, int lifetime, struct owner **ret_owner)
{
	switch (lifetime) {
	case PALLOCD__V1__LIFETIME__SESSION:
		*ret_owner = &c->conn->session->owner;
		return PALLOCD_OK;
	case PALLOCD__V1__LIFETIME__DETACHED:
		*ret_owner = &c->conn->user->owner;
		return PALLOCD_OK;
	default:
		c->refusal.asked = (uint64_t)lifetime;
		return call_refuse(c, PALLOCD_INVALID, "lifetime",
				   "lifetime %d is not known: SESSION is 0, DETACHED is 1",
				   lifetime);
	}
}

static int alloc_try(struct call *c, struct region *r, struct owner *o, uint64_t *addr,
		     struct region_refusal *rr)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	uint32_t n = (uint32_t)m->n_npages;
	int err;

	err = region_alloc(r, o, m->npages, n, NULL, addr, &c->quick_npages, rr);
	while (UNLIKELY(err) && call_reclaim(c, err))
		err = region_alloc(r, o, m->npages, n, NULL, addr, &c->quick_npages, rr);
	return err;
}

/* Most are like this: pages, anywhere, now or not at all. */
static enum pallocd_status plain_serve(struct call *c, struct region *r, struct owner *o)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	struct region_refusal rr = {.quota_npages = UINT64_MAX};
	uint64_t *addr = arena_take(&c->rpc->arena, m->n_npages * sizeof(*addr));
	int err;

	if (UNLIKELY(!addr))
		return call_no_memory(c);
	err = alloc_try(c, r, o, addr, &rr);
	if (UNLIKELY(err))
		return call_refuse_region(c, r, err, "npages", &rr);
	c->rpc->cost += m->n_npages;
	c->quick = true;
	c->quick_addr = addr;
	c->quick_n = (uint32_t)m->n_npages;
	return PALLOCD_OK;
}

enum pallocd_status alloc_serve(struct call *c)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	enum pallocd_status status;
	struct region *r;
	struct owner *o = NULL;

	status = call_region(c, m->region_id, m->region, &r);
	if (UNLIKELY(status))
		return status;
	/* Blocks are told by their number; see alloc.c for what may go with them. */
	status = m->block ? PALLOCD_OK : batch_check(c, m->n_npages, "npages");
	if (UNLIKELY(status))
		return status;
	status = alloc_owner(c, (int)m->lifetime, &o);
	if (UNLIKELY(status))
		return status;
	if (UNLIKELY(m->block || m->placement || m->scatter_extents || m->wait_msec || *m->name ||
		     *m->label || m->commit || m->zero || r->commit_now || r->sanitize))
		return alloc_special(c, r, o);
	return plain_serve(c, r, o);
}

/* Whose the client takes the ranges for. */
static enum pallocd_status owners_check(struct call *c, const struct region *r)
{
	const Pallocd__V1__Free *m = c->req->free;
	struct region_view v;

	if (m->n_owner_session != m->n_addr || m->n_owner_uid != m->n_addr) {
		c->refusal.asked = m->n_owner_session != m->n_addr ? m->n_owner_session
								   : m->n_owner_uid;
		c->refusal.limit = m->n_addr;
		return call_refuse(c, PALLOCD_INVALID,
				   m->n_owner_session != m->n_addr ? "owner_session" : "owner_uid",
				   "%zu addresses, %zu owners' sessions and %zu users: each "
				   "address needs one of both, or none has any",
				   m->n_addr, m->n_owner_session, m->n_owner_uid);
	}
	c->rpc->cost += m->n_addr;
	for (uint32_t i = 0; i < m->n_addr; i++) {
		if (!region_view(r, m->addr[i], &v) && v.npages == m->npages[i] &&
		    v.session == m->owner_session[i] && v.uid == m->owner_uid[i])
			continue;
		c->refusal.index = i;
		c->refusal.addr = m->addr[i];
		return call_refuse(
			c, PALLOCD_NOT_OWNER, "addr",
			"the %" PRIu64 " pages at %#" PRIx64
			" of region %s are not, or no longer, one extent of session "
			"%" PRIu64 " and uid %" PRIu32 ": Lookup and List say what is there",
			m->npages[i], m->addr[i], r->name, m->owner_session[i], m->owner_uid[i]);
	}
	return PALLOCD_OK;
}

enum pallocd_status free_serve(struct call *c)
{
	const Pallocd__V1__Free *m = c->req->free;
	struct region_refusal rr = {0};
	enum pallocd_status status;
	struct region *r;
	int err;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	status = batch_check(c, m->n_addr, "addr");
	if (status)
		return status;
	if (UNLIKELY(m->n_addr != m->n_npages)) {
		c->refusal.asked = m->n_npages;
		c->refusal.limit = m->n_addr;
		return call_refuse(c, PALLOCD_INVALID, "npages",
				   "%zu addresses, but %zu lengths: each address needs one",
				   m->n_addr, m->n_npages);
	}
	if (UNLIKELY(m->n_owner_session || m->n_owner_uid)) {
		status = owners_check(c, r);
		if (status)
			return status;
	}
	err = region_free(r, c->conn->session, m->addr, m->npages, (uint32_t)m->n_addr,
			  &c->quick_npages, &c->quick_shared_npages, &rr);
	c->rpc->cost += m->n_addr;
	if (UNLIKELY(err))
		return call_refuse_region(c, r, err, "npages", &rr);
	c->quick = true;
	return PALLOCD_OK;
}
