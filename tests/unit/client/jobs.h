/*
 * jobs - calls that nobody waits for, in a loop of the test's own
 *
 * Role:       what the suites about them share. The loop is poll(2) on the handle's descriptor: what does not make that readable does not happen.
 * Uses:       include/paclient.h, check
 */
#ifndef TESTS_CLIENT_JOBS_H
#define TESTS_CLIENT_JOBS_H

#include <check.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "include/paclient.h"

/* A call, and what came of it. */
struct job {
	struct paclient_call call;
	uint64_t addr;
	unsigned ndone;
	int status;
};

static _Atomic unsigned ndone;

static inline void job_done(struct paclient_call *call)
{
	struct job *j = call->user;

	j->ndone++;
	j->status = call->error.status;
	ndone++;
}

static inline struct job *jobs_new(unsigned n)
{
	struct job *jobs = calloc(n, sizeof(*jobs));

	ck_assert_ptr_nonnull(jobs);
	for (unsigned i = 0; i < n; i++) {
		jobs[i].call = (struct paclient_call)PACLIENT_CALL_INIT;
		jobs[i].call.done = job_done;
		jobs[i].call.user = &jobs[i];
	}
	ndone = 0;
	return jobs;
}

static inline int fd_of(paclient *c)
{
	int fd = -1;

	ck_assert_int_eq(paclient_fd(c, &fd, NULL), 0);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* The loop, until so many calls are over. */
static inline void loop_until(paclient *c, unsigned n)
{
	struct pollfd p = {.fd = fd_of(c), .events = POLLIN};

	while (ndone < n) {
		ck_assert_msg(poll(&p, 1, 20000) == 1, "%u of %u calls are over, and nothing comes",
			      ndone, n);
		(void)paclient_process(c);
	}
}

static inline void submit(paclient *c, struct job *j)
{
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &j->addr, &j->call), PACLIENT_PENDING);
}

static inline void assert_all(const struct job *jobs, unsigned n, int status)
{
	for (unsigned i = 0; i < n; i++)
		ck_assert_msg(jobs[i].ndone == 1 && jobs[i].status == status && !jobs[i].call.op,
			      "call %u: told %u times, %s: %s", i, jobs[i].ndone,
			      paclient_status_name(jobs[i].status), jobs[i].call.error.message);
}

#endif
