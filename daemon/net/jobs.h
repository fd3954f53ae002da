/*
 * jobs - work that blocks, on other threads
 *
 * Role:       rpc's jobs on libuv's thread pool, and their ends on the loop. At a stop those that have not begun never do; all of them
 *             end before the loop does.
 * Uses:       base/, rpc/rpc.h, libuv
 * Invariants: J1  each job that was taken is done exactly once, on the loop's thread and never within jobs_submit().
 *             J2  a job is in the list from then until right before it is done.
 * Cost:       one taking of memory a job.
 */
#ifndef PALLOCD_NET_JOBS_H
#define PALLOCD_NET_JOBS_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "base/macros.h"
#include "rpc/rpc.h"

struct jobs {
	uv_loop_t *loop;
	uv_work_t first;  /* does nothing: the threads are made for it */
	struct list list; /* not done yet */
	bool stopped;
	/* After each job that was done. */
	void (*after)(struct jobs *jobs);
};

void jobs_init(struct jobs *jobs, uv_loop_t *loop, void (*after)(struct jobs *jobs));

/** jobs_begin() - make the threads, which takes the loop a millisecond or two: better now than in the first job's way. Once, before the loop runs. */
void jobs_begin(struct jobs *jobs);

/** jobs_submit() - see rpc_ops.submit. Return: 0, -ENOMEM, -ECANCELED (after jobs_stop()). */
MUST_CHECK int jobs_submit(struct jobs *jobs, struct rpc_job *job);

/** jobs_stop() - no more jobs; those that have not begun are done without their work. The loop runs until all are done. */
void jobs_stop(struct jobs *jobs);

#endif
