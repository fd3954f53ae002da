/*
 * scavenger - memory behind free pages goes back to the system
 *
 * Role:       see scavenger.h.
 * Uses:       base/, backing/, region/, rpc/verb.h
 */
#include "rpc/scavenger.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "backing/backing.h"
#include "base/clock.h"
#include "base/mem.h"
#include "region/pending.h"
#include "rpc/verb.h"

/*
 * What one job releases in the background: much against the some 20 us of handing it to another thread, little enough that its pages are not
 * missed while they are busy: a millisecond or so. And where somebody has asked: each time a thread begins, it may be put where the loop
 * or a client runs; four times the size brings others' p99 back to what it is without.
 */
#define JOB_BYTES (UINT64_C(16) << 20)
#define ASKED_JOB_BYTES (UINT64_C(64) << 20)

/* After the system has refused to take memory back. */
#define FAILED_PAUSE_USEC (UINT64_C(10) * 1000000)

/* What is in use is looked at so often, where the region's delay wants no more. */
#define LOOK_USEC (UINT64_C(10) * 1000000)
#define LOOK_USEC_MIN UINT64_C(100000)

struct scavenger {
	struct rpc_job job;
	struct rpc *rpc;
	struct region *region;
	bool working;
	/* Of the job. */
	struct region_run runs[REGION_RUNS_MAX];
	uint32_t nruns, ndone;
	uint64_t npages; /* of those that are done, afterwards */
	uint64_t cpu_usec;
	int err;
	bool asked; /* it is for somebody, and not in the background */
	/* Between jobs. */
	uint64_t demand; /* pages that are to go whatever is kept otherwise; UINT64_MAX: all */
	struct list waits;
	uint64_t rest_until_usec;
	uint64_t failed_until_usec;
};

/* A Scavenge that waits. */
struct rpc_scavenge_wait {
	struct list in_scavenger;
	struct rpc_conn *conn;
	uint64_t wanted, released;
	bool over;
	int err;
};

static bool releases(const struct region *r)
{
	return r->backing && backing_info(r->backing)->releases;
}

static struct scavenger *scavenger_of(const struct rpc *rpc, const struct region *r)
{
	return r->id <= rpc->nscavengers ? rpc->scavengers[r->id - 1] : NULL;
}

static int table_reserve(struct rpc *rpc, uint32_t n)
{
	struct scavenger **table;

	if (n <= rpc->nscavengers)
		return 0;
	table = mem_resize(rpc->scavengers, n, sizeof(struct scavenger *));
	if (!table)
		return -ENOMEM;
	rpc->scavengers = table;
	while (rpc->nscavengers < n)
		table[rpc->nscavengers++] = NULL;
	return 0;
}

static struct scavenger *scavenger_get(struct rpc *rpc, struct region *r)
{
	struct scavenger *s = scavenger_of(rpc, r);

	if (LIKELY(s) || table_reserve(rpc, rpc->regions->n))
		return s;
	s = mem_zalloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->rpc = rpc;
	s->region = r;
	list_init(&s->waits);
	rpc->scavengers[r->id - 1] = s;
	return s;
}

void scavengers_deinit(struct rpc *rpc)
{
	for (uint32_t i = 0; i < rpc->nscavengers; i++)
		mem_free(rpc->scavengers[i]);
	mem_free(take_ptr(rpc->scavengers));
	rpc->nscavengers = 0;
}

static uint64_t thread_cpu_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* On another thread: of the region it reads what never changes. */
static void work(struct rpc_job *job)
{
	struct scavenger *s = CONTAINER_OF(job, struct scavenger, job);
	unsigned shift = s->region->page_shift;
	uint64_t begin = thread_cpu_usec();

	for (; s->ndone < s->nruns; s->ndone++) {
		const struct region_run *run = &s->runs[s->ndone];

		s->err = backing_release(s->region->backing, run->page << shift,
					 run->npages << shift);
		if (s->err)
			break;
		s->npages += run->npages;
	}
	s->cpu_usec = thread_cpu_usec() - begin;
}

static void wait_over(struct rpc_scavenge_wait *w, int err)
{
	list_remove(&w->in_scavenger);
	w->over = true;
	w->err = err;
	wait_wake(w->conn);
}

/* @npages more have gone; @end: no more will. Who waits is served as what goes: what is released counts for all who wanted it. */
static void waits_go_on(struct scavenger *s, uint64_t npages, bool end, int err)
{
	list_for_each (link, &s->waits) {
		struct rpc_scavenge_wait *w = list_entry(link, struct rpc_scavenge_wait,
							 in_scavenger);

		w->released += npages;
		if (end || w->released >= w->wanted)
			wait_over(w, err);
	}
	if (end)
		s->demand = 0;
	else if (s->demand != UINT64_MAX)
		s->demand -= npages < s->demand ? npages : s->demand;
}

static void fail(struct scavenger *s, uint64_t now_usec)
{
	s->failed_until_usec = now_usec + FAILED_PAUSE_USEC;
	log_event(LOG_LEVEL_WARNING, LOG_ID_SCAVENGE_FAILED,
		  LOG_FIELDS(ABOUT_REGION(s->region->name), ABOUT_ERRNO(-s->err)),
		  "region %s: the system does not take memory back: %s; it is tried again later",
		  s->region->name, strerror(-s->err));
}

/* The share of the processor that the background may have is kept by resting after each job. */
static void rest(struct scavenger *s, uint64_t now_usec)
{
	uint64_t ppm = s->region->scavenge_cpu_ppm;

	if (ppm && ppm < 1000000 && !s->asked)
		s->rest_until_usec = now_usec + s->cpu_usec * (1000000 - ppm) / ppm;
}

static void done(struct rpc_job *job)
{
	struct scavenger *s = CONTAINER_OF(job, struct scavenger, job);
	uint64_t now = clock_usec();

	s->working = false;
	region_scavenge_end(s->region, s->runs, s->ndone, true);
	region_scavenge_end(s->region, s->runs + s->ndone, s->nruns - s->ndone, false);
	busy_wake(s->rpc, s->region);
	if (s->err)
		fail(s, now);
	waits_go_on(s, s->npages, s->err || job->cancelled, s->err);
	rest(s, now);
	if (!job->cancelled)
		scavengers_run(s->rpc, now);
}

/* Return: whether there was anything to begin with. */
static bool job_begin(struct scavenger *s, uint64_t npages)
{
	uint64_t max = (s->demand ? ASKED_JOB_BYTES : JOB_BYTES) >> s->region->page_shift;

	max = max ? max : 1;
	s->nruns = region_scavenge_begin(s->region, npages < max ? npages : max, s->runs);
	if (!s->nruns)
		return false;
	s->ndone = 0;
	s->npages = 0;
	s->err = 0;
	s->asked = s->demand != 0;
	s->working = true;
	s->job = (struct rpc_job){.work = work, .done = done};
	if (!s->rpc->ops || !s->rpc->ops->submit || s->rpc->ops->submit(s->rpc, &s->job)) {
		/* Without another thread there is no scavenging. */
		s->working = false;
		region_scavenge_end(s->region, s->runs, s->nruns, false);
		busy_wake(s->rpc, s->region);
		waits_go_on(s, 0, true, -ENOMEM);
		s->rest_until_usec = clock_usec() + LOOK_USEC_MIN;
	}
	return true;
}

static uint64_t look_again(const struct region *r, uint64_t now_usec)
{
	uint64_t usec = r->scavenge_delay_usec / 8;

	usec = usec < LOOK_USEC_MIN ? LOOK_USEC_MIN : usec;
	return now_usec + (usec < LOOK_USEC ? usec : LOOK_USEC);
}

/* Its region is closed: nothing more will go. */
static void waits_give_up(struct scavenger *s)
{
	if (s && !s->working)
		waits_go_on(s, 0, true, 0);
}

/* Return: when to look again. */
static uint64_t region_run(struct rpc *rpc, struct region *r, uint64_t now_usec)
{
	struct scavenger *s = scavenger_get(rpc, r);
	uint64_t npages, kept, next, again = look_again(r, now_usec);
	enum region_scavenge due;

	if (!s || s->working)
		return again;
	if (s->demand) {
		if (job_begin(s, s->demand))
			return again;
		waits_go_on(s, 0, true, 0);
	}
	due = region_scavenge_due(r, now_usec, &npages, &kept, &next);
	if (due != REGION_SCAVENGE_READY)
		return next < again ? next : again;
	if (now_usec < s->failed_until_usec)
		return s->failed_until_usec;
	if (now_usec < s->rest_until_usec)
		return s->rest_until_usec;
	job_begin(s, npages);
	return again;
}

void scavenge_waits_end(struct rpc *rpc, const struct region *r)
{
	waits_give_up(scavenger_of(rpc, r));
}

uint64_t scavengers_run(struct rpc *rpc, uint64_t now_usec)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < rpc->regions->n; i++) {
		struct region *r = rpc->regions->table[i];
		uint64_t again;

		if (LIKELY(!r->backing) || !releases(r))
			continue;
		if (r->faulted) {
			waits_give_up(scavenger_of(rpc, r));
			continue;
		}
		again = region_run(rpc, r, now_usec);
		next = again < next ? again : next;
	}
	return next;
}

void rpc_pressure(struct rpc *rpc)
{
	for (uint32_t i = 0; i < rpc->regions->n; i++) {
		struct region *r = rpc->regions->table[i];
		struct scavenger *s = releases(r) ? scavenger_get(rpc, r) : NULL;

		if (s)
			s->demand = UINT64_MAX;
	}
	scavengers_run(rpc, clock_usec());
}

enum scavenger_state scavenger_state(const struct rpc *rpc, struct region *r, uint64_t *ret_kept)
{
	const struct scavenger *s = scavenger_of(rpc, r);
	uint64_t now = clock_usec(), npages, next;

	*ret_kept = 0;
	if (!releases(r) || r->faulted)
		return SCAVENGER_OFF;
	switch (region_scavenge_due(r, now, &npages, ret_kept, &next)) {
	case REGION_SCAVENGE_READY:
		break;
	case REGION_SCAVENGE_DONE:
		return s && s->working ? SCAVENGER_WORKING : SCAVENGER_DONE;
	case REGION_SCAVENGE_RETAINING:
		return s && s->working ? SCAVENGER_WORKING : SCAVENGER_RETAINING;
	case REGION_SCAVENGE_DELAYED:
		return s && s->working ? SCAVENGER_WORKING : SCAVENGER_DELAYED;
	}
	if (!s || s->working)
		return SCAVENGER_WORKING;
	if (now < s->failed_until_usec)
		return SCAVENGER_FAILED;
	return now < s->rest_until_usec ? SCAVENGER_RESTING : SCAVENGER_WORKING;
}

void scavenge_end(struct rpc_conn *conn)
{
	struct rpc_scavenge_wait *w = take_ptr(conn->scavenge);

	if (LIKELY(!w))
		return;
	list_remove(&w->in_scavenger);
	mem_free(w);
}

static enum pallocd_status wait_begin(struct call *c, struct scavenger *s, uint64_t npages)
{
	struct rpc_scavenge_wait *w = mem_zalloc(1, sizeof(*w));

	if (!w)
		return call_no_memory(c);
	w->conn = c->conn;
	w->wanted = npages;
	list_append(&s->waits, &w->in_scavenger);
	c->conn->scavenge = w;
	return PALLOCD_OK;
}

/* Return: OK: it is answered, or waits still. */
static enum pallocd_status wait_go_on_or_fill(struct call *c)
{
	const struct rpc_scavenge_wait *w = c->conn->scavenge;
	Pallocd__V1__ScavengeReply *reply = c->reply.scavenge;

	if (!w->over)
		return call_waits(c);
	reply->released_npages = w->released;
	/* protobuf-c does not write through it. */
	if (w->err)
		reply->failure = (char *)(uintptr_t)strerror(-w->err);
	scavenge_end(c->conn);
	return PALLOCD_OK;
}

/*
 * All there is now, with what a job is at: not also what others free meanwhile, or a request would never be answered beside who frees as fast
 * as that. At least 1: who asks for nothing hears that there is nothing.
 */
static uint64_t all_npages(struct region *r)
{
	struct pagealloc_stat stat;
	uint64_t npages;

	pagealloc_stat(r->pa, &stat);
	npages = stat.free_npages - stat.scavenged_npages + r->busy_npages - r->pending_npages;
	return npages ? npages : 1;
}

enum pallocd_status scavenge_serve(struct call *c)
{
	const Pallocd__V1__Scavenge *m = c->req->scavenge;
	enum pallocd_status status;
	struct scavenger *s;
	struct region *r;
	uint64_t npages;

	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	if (c->conn->scavenge)
		return wait_go_on_or_fill(c);
	if (!releases(r))
		return call_refuse(c, PALLOCD_INVALID, *m->region ? "region" : "region_id",
				   "region %s has %s", r->name,
				   r->backing ? "a backing that gives no memory back to the system"
					      : "nothing behind its addresses");
	s = scavenger_get(c->rpc, r);
	if (!s)
		return call_no_memory(c);
	npages = m->bytes ? (m->bytes - 1) / region_page_size(r) + 1 : all_npages(r);
	if (m->wait)
		status = wait_begin(c, s, npages);
	if (status)
		return status;
	if (npages > s->demand)
		s->demand = npages;
	scavengers_run(c->rpc, clock_usec());
	return m->wait ? wait_go_on_or_fill(c) : PALLOCD_OK;
}
