/*
 * alloc - Allocs that want more than pages
 *
 * Role:       see alloc.h. One try is alloc_try(), whatever is asked for; what is done around it is the same for all of them.
 * Uses:       base/, region/, rpc/alloc.h
 */
#include "rpc/alloc.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/memory.h"

_Static_assert(REGION_BLOCK_NPAGES == PALLOCD_BLOCK_NPAGES, "blocks are as the protocol says");
_Static_assert(PALLOCD_LEASE_EXTENTS_MAX <= PALLOCD_BATCH_EXTENTS_MAX,
	       "a lease fits an AllocReply");

/* What is asked for, in region's terms, and what came of it. */
struct alloc {
	struct region *r;
	struct owner *owner;
	const struct region_placement *placement; /* NULL: anywhere */
	uint32_t
		max; /* extents that the one entry, or the blocks, may be met by; 0: one for each entry */
	uint64_t *addr, *npages;
	uint32_t n;
	uint64_t scavenged_npages, cleared_npages;
	struct memory_wish wish;
	struct region_refusal refusal;
};

static enum pallocd_status scatter_check(struct call *c, const struct region_placement *p)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;

	if (!m->scatter_extents)
		return PALLOCD_OK;
	if (m->n_npages != 1) {
		c->refusal.asked = m->scatter_extents;
		return call_refuse(c, PALLOCD_INVALID, "scatter_extents",
				   "%zu entries of npages: where several extents may meet it, a "
				   "request has one",
				   m->n_npages);
	}
	if (m->scatter_extents > PALLOCD_BATCH_EXTENTS_MAX) {
		c->refusal.asked = m->scatter_extents;
		c->refusal.limit = PALLOCD_BATCH_EXTENTS_MAX;
		return call_refuse(c, PALLOCD_LIMIT, "scatter_extents",
				   "%" PRIu32 " extents: a reply can name %u, use several requests",
				   m->scatter_extents, PALLOCD_BATCH_EXTENTS_MAX);
	}
	if (p && p->rule != REGION_ANYWHERE)
		return call_refuse(c, PALLOCD_INVALID, "rule",
				   "FIXED and HINT are for one extent: leave out the rule or "
				   "scatter_extents");
	return PALLOCD_OK;
}

/* Blocks are what they are: nothing else can be wished for but what becomes of the memory behind them. */
static enum pallocd_status block_check(struct call *c)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	const struct {
		const char *field;
		bool set;
	} others[] = {
		{"npages", m->n_npages},   {"placement", m->placement},
		{"name", *m->name},        {"scatter_extents", m->scatter_extents},
		{"label", *m->label},      {"wait_msec", m->wait_msec},
		{"lifetime", m->lifetime},
	};

	if (!m->block)
		return PALLOCD_OK;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (others[i].set)
			return call_refuse(c, PALLOCD_INVALID, others[i].field,
					   "%s does not go with block: leased blocks are a "
					   "session's, have no names, and are had at once or not "
					   "at all",
					   others[i].field);
	}
	if (m->block > PALLOCD_LEASE_BLOCKS_MAX) {
		c->refusal.asked = m->block;
		c->refusal.limit = PALLOCD_LEASE_BLOCKS_MAX;
		return call_refuse(c, PALLOCD_LIMIT, "block",
				   "%" PRIu32 " blocks: one request may lease %u, use several",
				   m->block, PALLOCD_LEASE_BLOCKS_MAX);
	}
	return PALLOCD_OK;
}

/* Does the reply say how long each extent is? */
static bool says_lengths(const struct call *c)
{
	return c->req->alloc->scatter_extents || c->req->alloc->block;
}

/* How many extents may meet what is asked for; 0: one each entry. */
static uint32_t extents_most(const Pallocd__V1__Alloc *m)
{
	if (m->block)
		return m->block * REGION_BLOCK_EXTENTS_MAX;
	/* No extent is without a page. */
	return m->npages[0] < m->scatter_extents ? (uint32_t)m->npages[0] : m->scatter_extents;
}

static enum pallocd_status text_check(struct call *c)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	enum pallocd_status status = call_text(c, "name", m->name, PALLOCD_NAME_BYTES_MAX);

	if (!status && *m->name && (m->n_npages != 1 || m->scatter_extents))
		status = call_refuse(c, PALLOCD_INVALID, "name",
				     "a name is for one extent: leave it out, or ask for one entry "
				     "without scatter_extents");
	if (!status)
		status = call_text(c, "label", m->label, PALLOCD_LABEL_BYTES_MAX);
	return status;
}

/* Room for what comes of it. */
static enum pallocd_status alloc_begin(struct call *c, struct alloc *a)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;

	c->reply.alloc = call_take(c, 1, sizeof(*c->reply.alloc));
	a->n = (uint32_t)m->n_npages;
	a->max = extents_most(m);
	a->addr = call_take(c, a->max > a->n ? a->max : a->n, sizeof(uint64_t));
	a->npages = call_take(c, a->max, sizeof(uint64_t));
	a->refusal.quota_npages = UINT64_MAX;
	if (!c->reply.alloc || !a->addr || !a->npages)
		return call_no_memory(c);
	pallocd__v1__alloc_reply__init(c->reply.alloc);
	return PALLOCD_OK;
}

static int pages_take(const struct call *c, struct alloc *a)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;

	if (m->block)
		return region_lease(a->r, a->owner, m->block, a->addr, a->npages, &a->n,
				    &a->scavenged_npages, &a->refusal);
	if (m->scatter_extents)
		return region_alloc_scattered(a->r, a->owner, m->npages[0], a->max, a->placement,
					      a->addr, a->npages, &a->n, &a->scavenged_npages,
					      &a->refusal);
	if (*m->name)
		return region_alloc_named(a->r, a->owner, m->npages[0], m->name, m->label,
					  a->placement, a->addr, &a->scavenged_npages, &a->refusal);
	return region_alloc(a->r, a->owner, m->npages, a->n, a->placement, a->addr,
			    &a->scavenged_npages, &a->refusal);
}

/* Label what was taken, or give all of it back. Return: 0, or why not. */
static int labels_set(const struct call *c, struct alloc *a)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	const struct session *s = c->conn->session;
	uint64_t npages, shared;
	int err = 0, undone;

	if (*m->name || !*m->label)
		return 0;
	for (uint32_t i = 0; i < a->n && !err; i++)
		err = region_annotate(a->r, s, a->addr[i], NULL, m->label, &a->refusal);
	if (!err)
		return 0;
	undone = region_free(a->r, s, a->addr, m->scatter_extents ? a->npages : m->npages, a->n,
			     &npages, &shared, &a->refusal);
	if (undone)
		region_fault(a->r, "R4: extents just taken cannot be given back (%d)", undone);
	return undone ? REGION_E_FAULTED : err;
}

/* May it be another thing one day? */
static bool is_lack(int err)
{
	return err == REGION_E_NO_SPACE || err == REGION_E_NOT_FREE;
}

static int alloc_try(struct call *c, struct alloc *a)
{
	int err = pages_take(c, a);

	while (err && call_reclaim(c, err))
		err = pages_take(c, a);
	return err ? err : labels_set(c, a);
}

static enum pallocd_status alloc_fill(struct call *c, const struct alloc *a)
{
	Pallocd__V1__AllocReply *reply = c->reply.alloc;

	if (!says_lengths(c) && !a->cleared_npages) {
		c->quick = true;
		c->quick_addr = a->addr;
		c->quick_n = a->n;
		c->quick_npages = a->scavenged_npages;
		return PALLOCD_OK;
	}
	reply->addr = a->addr;
	reply->npages = a->npages;
	reply->n_addr = a->n;
	reply->n_npages = says_lengths(c) ? a->n : 0;
	reply->scavenged_npages = a->scavenged_npages;
	reply->cleared_npages = a->cleared_npages;
	return PALLOCD_OK;
}

/* Whoever waits behind others has not tried: what can never be is found out at once all the same. */
static int alloc_possible(const struct call *c, struct alloc *a)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	struct region_why why;
	int err;

	for (size_t i = 0; i < m->n_npages; i++) {
		err = region_why(a->r, m->npages[i], a->placement, &why, &a->refusal);
		a->refusal.index = (uint32_t)i;
		if (err)
			return err;
	}
	return 0;
}

/*
 * There may be room one day: all entries together are no more than the region can ever have, and one address is not wanted for several.
 * What can't wait is tried at once, and refused for what is wrong with it.
 */
static bool alloc_can_wait(const struct call *c, const struct alloc *a)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	uint64_t total = 0;

	if (!m->wait_msec || wait_is_over(c) ||
	    (a->placement && a->placement->rule != REGION_ANYWHERE && m->n_npages > 1))
		return false;
	for (size_t i = 0; i < m->n_npages; i++) {
		if (__builtin_add_overflow(total, m->npages[i], &total) ||
		    total > a->r->limit_npages)
			return false;
	}
	return true;
}

static enum pallocd_status alloc_refuse(struct call *c, const struct alloc *a, int err)
{
	uint64_t msec = wait_elapsed_msec(c->conn, c->req->alloc->wait_msec);
	enum pallocd_status status = call_refuse_region(c, a->r, err, "npages", &a->refusal);

	if (msec && is_lack(err) && !c->again)
		call_say_more(c, "; the request has waited %" PRIu64 " ms for it", msec);
	return status;
}

static int pending_take(struct call *c, struct alloc *a, struct region_pending **ret_pending)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	int err;

	do {
		err = m->block ? region_take_blocks(a->r, a->owner, m->block, ret_pending,
						    &a->refusal)
			       : region_take(a->r, a->owner, m->npages, (uint32_t)m->n_npages,
					     a->max, a->placement, ret_pending, &a->refusal);
	} while (err && call_reclaim(c, err));
	return err;
}

/* The memory behind what was taken has been seen to, or is being. */
static enum pallocd_status memory_go_on(struct call *c, struct alloc *a)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	struct region_pending *p = memory_pending(c->conn);
	enum pallocd_status status;
	int err;

	status = memory_check(c);
	if (status || c->waits)
		return status;
	a->n = p->n;
	memcpy(a->addr, p->addr, p->n * sizeof(*p->addr));
	if (says_lengths(c))
		memcpy(a->npages, p->npages, p->n * sizeof(*p->npages));
	a->scavenged_npages = p->scavenged_npages;
	a->cleared_npages = memory_cleared(c->conn);
	do {
		err = pending_finish(p, a->owner, m->name, m->label, &a->refusal);
	} while (err && call_reclaim(c, err));
	if (c->again)
		return call_again(c);
	if (err) {
		memory_end(c->conn);
		return alloc_refuse(c, a, err);
	}
	a->r->counters.cleared += a->cleared_npages;
	memory_took(c->conn);
	return alloc_fill(c, a);
}

/* One try, where the memory matters. What has been taken waits for no space any more. */
static int memory_try(struct call *c, struct alloc *a, enum pallocd_status *ret_status)
{
	struct region_pending *pending;
	int err = pending_take(c, a, &pending);

	if (err)
		return err;
	wait_end(c->conn);
	*ret_status = memory_begin(c, pending, &a->wish);
	if (!*ret_status && !c->waits)
		*ret_status = memory_go_on(c, a);
	return 0;
}

static int alloc_once(struct call *c, struct alloc *a, enum pallocd_status *ret_status)
{
	int err;

	if (a->wish.commit || a->wish.zero)
		return memory_try(c, a, ret_status);
	err = alloc_try(c, a);
	if (!err)
		*ret_status = alloc_fill(c, a);
	return err;
}

static enum pallocd_status alloc_go(struct call *c, struct alloc *a)
{
	uint64_t asked_msec = c->req->alloc->wait_msec, no_space;
	enum pallocd_status status;
	int err;

	if (c->conn->memory)
		return memory_go_on(c, a);

	if (asked_msec && !wait_may_try(c, a->r) && alloc_can_wait(c, a)) {
		err = c->conn->wait_until_usec ? 0 : alloc_possible(c, a);
		if (err)
			return alloc_refuse(c, a, err);
		return wait_go_on(c, a->r, asked_msec);
	}
	no_space = a->r->counters.no_space;
	err = alloc_once(c, a, &status);
	if (!err)
		return status;
	if (!is_lack(err) || c->again || !alloc_can_wait(c, a))
		return alloc_refuse(c, a, err);
	/* It is not refused, or not yet. */
	a->r->counters.no_space = no_space;
	return wait_go_on(c, a->r, asked_msec);
}

enum pallocd_status alloc_special(struct call *c, struct region *r, struct owner *o)
{
	const Pallocd__V1__Alloc *m = c->req->alloc;
	struct region_placement placement;
	struct alloc a = {.r = r, .owner = o};
	uint64_t begin = clock_usec();
	enum pallocd_status status = PALLOCD_OK;

	status = block_check(c);
	if (!status && m->placement) {
		status = call_placement(c, m->placement, &placement);
		a.placement = &placement;
	}
	if (!status)
		status = memory_wish(c, r, (int)m->commit, m->zero, &a.wish);
	if (!status)
		status = scatter_check(c, a.placement);
	if (!status)
		status = text_check(c);
	if (!status)
		status = alloc_begin(c, &a);
	if (!status)
		status = alloc_go(c, &a);
	if (!status && m->block && !c->again && !c->waits)
		recall_expect(c->conn);
	/* How long a search under conditions takes, nobody knows before. */
	c->rpc->cost += (clock_usec() - begin) * RPC_COST_PER_USEC;
	return status;
}
