/*
 * jobs - work that blocks, on other threads
 *
 * Role:       see jobs.h.
 * Uses:       base/, libuv
 */
#include "net/jobs.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"

struct work {
	uv_work_t req;
	struct list in_jobs;
	struct jobs *jobs;
	struct rpc_job *job;
};

void jobs_init(struct jobs *jobs, uv_loop_t *loop, void (*after)(struct jobs *jobs))
{
	*jobs = (struct jobs){.loop = loop, .after = after};
	list_init(&jobs->list);
}

static void on_first(uv_work_t *req)
{
	(void)req;
}

void jobs_begin(struct jobs *jobs)
{
	int err = uv_queue_work(jobs->loop, &jobs->first, on_first, NULL);

	assert(!err);
	(void)err;
}

/* On a thread of the pool. */
static void on_work(uv_work_t *req)
{
	struct rpc_job *job = CONTAINER_OF(req, struct work, req)->job;

	job->work(job);
}

static void on_done(uv_work_t *req, int status)
{
	struct work *w = CONTAINER_OF(req, struct work, req);
	struct jobs *jobs = w->jobs;
	struct rpc_job *job = w->job;

	list_remove(&w->in_jobs);
	mem_free(w);
	job->cancelled = status == UV_ECANCELED;
	job->done(job);
	jobs->after(jobs);
}

int jobs_submit(struct jobs *jobs, struct rpc_job *job)
{
	struct work *w;
	int err;

	if (jobs->stopped)
		return -ECANCELED;
	w = mem_alloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct work){.jobs = jobs, .job = job};
	job->cancelled = false;
	err = uv_queue_work(jobs->loop, &w->req, on_work, on_done);
	assert(!err);
	(void)err;
	list_append(&jobs->list, &w->in_jobs);
	return 0;
}

void jobs_stop(struct jobs *jobs)
{
	jobs->stopped = true;
	list_for_each (link, &jobs->list)
		/* Busy: it has begun, or has been worked already, and is done in its time. */
		(void)uv_cancel((uv_req_t *)&list_entry(link, struct work, in_jobs)->req);
}
