/*
 * memory - what is behind the pages of an Alloc or a Resize, before they are anybody's
 *
 * Role:       see memory.h.
 * Uses:       base/, backing/, region/, rpc/call.h
 */
#include "rpc/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "backing/backing.h"
#include "base/clock.h"
#include "base/mem.h"

struct rpc_memory {
	struct rpc_job job;
	struct rpc *rpc;
	struct rpc_conn *conn; /* NULL: it is gone, or the request is refused */
	struct region *region;
	struct region_pending *pending; /* NULL: its pages are extents by now */
	struct memory_wish wish;
	bool ready;
	int err; /* of the work: BACKING_E_NO_MEMORY or a negative errno */
	bool clearing;
};

enum pallocd_status memory_wish(struct call *c, const struct region *r, int commit, bool zero,
				struct memory_wish *ret_wish)
{
	const char *field = zero ? "zero" : "commit";

	if (commit < PALLOCD__V1__COMMIT__COMMIT_DEFAULT ||
	    commit > PALLOCD__V1__COMMIT__COMMIT_NOW) {
		c->refusal.asked = (uint64_t)commit;
		return call_refuse(c, PALLOCD_INVALID, "commit",
				   "commit %d is not known: DEFAULT is 0, LAZY 1, NOW 2", commit);
	}
	if (!r->backing && (zero || commit == PALLOCD__V1__COMMIT__COMMIT_NOW))
		return call_refuse(c, PALLOCD_INVALID, field,
				   "there is nothing behind the addresses of region %s: leave %s "
				   "out, or choose a region with a backing",
				   r->name, field);
	ret_wish->zero = r->backing && (zero || r->sanitize);
	ret_wish->commit = r->backing &&
			   (commit == PALLOCD__V1__COMMIT__COMMIT_NOW ||
			    (commit == PALLOCD__V1__COMMIT__COMMIT_DEFAULT && r->commit_now));
	return PALLOCD_OK;
}

static int runs_do(const struct rpc_memory *m, const struct region_run *runs, uint32_t n,
		   int (*one)(const struct backing *b, uint64_t offset, uint64_t bytes))
{
	unsigned shift = m->region->page_shift;
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++)
		err = one(m->region->backing, runs[i].page << shift, runs[i].npages << shift);
	return err;
}

/* On another thread: of the region it reads what never changes, of what is pending the runs, which nobody else changes meanwhile. */
static void work(struct rpc_job *job)
{
	struct rpc_memory *m = CONTAINER_OF(job, struct rpc_memory, job);
	const struct region_pending *p = m->pending;

	if (m->wish.zero) {
		m->clearing = true;
		m->err = runs_do(m, p->dirty, p->ndirty, backing_clear);
		if (m->err)
			return;
		m->clearing = false;
	}
	if (m->wish.commit)
		m->err = runs_do(m, p->runs, p->nruns, backing_commit);
}

static void give_back(struct rpc_memory *m)
{
	pending_give_back(take_ptr(m->pending));
	busy_wake(m->rpc, m->region);
}

static void done(struct rpc_job *job)
{
	struct rpc_memory *m = CONTAINER_OF(job, struct rpc_memory, job);

	if (job->cancelled)
		m->err = -ECANCELED;
	m->ready = true;
	if (m->conn) {
		wait_wake(m->conn);
		return;
	}
	give_back(m);
	mem_free(m);
}

/*
 * Is it done in less time than it takes to tell another thread, and to hear of it? Where other users wait nearly nothing is. What a file system does
 * may take any time.
 */
static bool is_short(const struct rpc_memory *m)
{
	const struct region_pending *p = m->pending;
	uint64_t npages = (m->wish.zero ? p->dirty_npages : 0) +
			  (m->wish.commit ? p->npages_total : 0);

	return npages <= m->rpc->memory_max >> m->region->page_shift &&
	       backing_info(m->region->backing)->kind != BACKING_FILE;
}

static enum pallocd_status refuse_no_memory(struct call *c, struct region_pending *pending)
{
	const struct region *r = pending->region;

	pending_give_back(pending);
	busy_wake(c->rpc, r);
	return call_no_memory(c);
}

enum pallocd_status memory_begin(struct call *c, struct region_pending *pending,
				 const struct memory_wish *wish)
{
	struct rpc_memory *m = mem_zalloc(1, sizeof(*m));

	if (!m)
		return refuse_no_memory(c, pending);
	m->job.work = work;
	m->job.done = done;
	m->rpc = c->rpc;
	m->conn = c->conn;
	m->region = pending->region;
	m->pending = pending;
	m->wish = *wish;
	m->wish.zero = wish->zero && pending->ndirty;
	c->conn->memory = m;
	if (!m->wish.zero && !m->wish.commit) {
		m->ready = true;
		return PALLOCD_OK;
	}
	if (!c->rpc->ops || !c->rpc->ops->submit || is_short(m)) {
		uint64_t begin = clock_usec();

		work(&m->job);
		m->ready = true;
		c->rpc->cost += (clock_usec() - begin) * RPC_COST_PER_USEC;
		return PALLOCD_OK;
	}
	if (c->rpc->ops->submit(c->rpc, &m->job)) {
		m->ready = true;
		memory_end(c->conn);
		return call_no_memory(c);
	}
	return call_waits(c);
}

struct region_pending *memory_pending(const struct rpc_conn *conn)
{
	return conn->memory ? conn->memory->pending : NULL;
}

static enum pallocd_status refuse_failed(struct call *c)
{
	const struct rpc_memory *m = c->conn->memory;
	struct region *r = m->region;
	uint64_t npages = m->pending->npages_total;
	int err = m->err;

	r->counters.no_memory++;
	c->refusal.asked = npages;
	if (err < 0)
		log_event(LOG_LEVEL_WARNING, LOG_ID_NO_MEMORY,
			  LOG_FIELDS(ABOUT_REGION(r->name), ABOUT_SESSION(conn_session_id(c->conn)),
				     ABOUT_UID(c->conn->peer.uid), ABOUT_PID(c->conn->peer.pid),
				     ABOUT_REQUEST(c->req->id), ABOUT_EXTENT(m->pending->addr[0]),
				     ABOUT_STATUS(pallocd_status_name(PALLOCD_NO_MEMORY)),
				     ABOUT_ERRNO(-err)),
			  "region %s: memory behind %" PRIu64 " pages cannot be %s: %s", r->name,
			  npages, m->clearing ? "cleared" : "put in place", strerror(-err));
	memory_end(c->conn);
	if (err < 0)
		return call_refuse(c, PALLOCD_NO_MEMORY, "",
				   "the system does not give region %s memory for %" PRIu64
				   " pages: %s; the daemon's log says more",
				   r->name, npages, strerror(-err));
	return call_refuse(c, PALLOCD_NO_MEMORY, "",
			   "no memory is left to put behind %" PRIu64
			   " pages of region %s (%s, %" PRIu64
			   " bytes): free some, or give the %s more",
			   npages, r->name, backing_kind_name(backing_info(r->backing)->kind),
			   npages << r->page_shift,
			   backing_info(r->backing)->kind == BACKING_HUGETLB ? "system huge pages"
			   : backing_info(r->backing)->kind == BACKING_FILE  ? "file system room"
									     : "daemon memory");
}

enum pallocd_status memory_check(struct call *c)
{
	const struct rpc_memory *m = c->conn->memory;

	if (!m->ready)
		return call_waits(c);
	return LIKELY(!m->err) ? PALLOCD_OK : refuse_failed(c);
}

uint64_t memory_cleared(const struct rpc_conn *conn)
{
	const struct rpc_memory *m = conn->memory;

	return m->wish.zero && !m->err ? m->pending->dirty_npages : 0;
}

void memory_took(struct rpc_conn *conn)
{
	struct rpc_memory *m = take_ptr(conn->memory);

	busy_wake(m->rpc, m->region);
	mem_free(m);
}

void memory_end(struct rpc_conn *conn)
{
	struct rpc_memory *m = take_ptr(conn->memory);

	if (LIKELY(!m))
		return;
	m->conn = NULL;
	if (!m->ready)
		return;
	give_back(m);
	mem_free(m);
}
