/*
 * async - calls that nobody waits for
 *
 * Role:       submitted calls end once and with their own result, by callback or queue; deadlines, cancelling, closing, threads, a fork.
 * Uses:       client/lib, fake daemon, check
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/jobs.h"
#include "tests/unit/client/run.h"

/* More than the buffers hold, all at once: each gets its own result, in order. */
START_TEST(very_many)
{
	enum { N = 20000 };
	struct job *jobs = jobs_new(N);
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 20000);
	for (unsigned i = 0; i < N; i++) {
		submit(c, &jobs[i]);
		ck_assert_uint_eq(jobs[i].ndone, 0);
	}
	loop_until(c, N);
	assert_all(jobs, N, 0);
	for (unsigned i = 1; i < N; i++)
		ck_assert_uint_eq(jobs[i].addr, jobs[i - 1].addr + 4096);
	paclient_close(c);
	fake_stop(&f);
	free(jobs);
}
END_TEST

/* Every second one is cancelled, the last first: the others get their own, and what the replies bring is given back. */
START_TEST(many_cancelled)
{
	enum { N = 5000 };
	struct paclient_region info = {.size = sizeof(info)};
	struct job *jobs = jobs_new(N);
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 20000);
	for (unsigned i = 0; i < N; i++)
		submit(c, &jobs[i]);
	for (unsigned i = N; i > 0; i -= 2)
		ck_assert_int_eq(paclient_cancel(c, &jobs[i - 1].call), 0);
	loop_until(c, N);
	for (unsigned i = 0; i < N; i++)
		assert_all(&jobs[i], 1, i % 2 ? PACLIENT_CANCELLED : 0);
	for (unsigned i = 2; i < N; i += 2)
		ck_assert_uint_gt(jobs[i].addr, jobs[i - 2].addr);
	/* All replies have come by the time of the first call, and their Frees go out before the second. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(paclient_region_info(c, 3, &info, NULL), 0);
	ck_assert_uint_eq(f.nallocs, N / 2);
	paclient_close(c);
	fake_stop(&f);
	free(jobs);
}
END_TEST

START_TEST(by_queue)
{
	enum { N = 100 };
	struct job *jobs = jobs_new(N);
	struct paclient_call *over;
	struct fake f;
	paclient *c;
	unsigned n = 0;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 20000);
	for (unsigned i = 0; i < N; i++) {
		struct pollfd p = {.fd = fd_of(c), .events = POLLIN};

		jobs[i].call.done = paclient_queued;
		submit(c, &jobs[i]);
		ck_assert_ptr_null(i ? NULL : paclient_next(c));
		if (i % 10 != 9)
			continue;
		while (n <= i) {
			ck_assert_int_eq(poll(&p, 1, 20000), 1);
			ck_assert_int_eq(paclient_process(c), 0);
			while ((over = paclient_next(c))) {
				ck_assert_ptr_eq(over, &jobs[n].call);
				ck_assert_ptr_null(over->op);
				ck_assert_int_eq(over->error.status, 0);
				n++;
			}
		}
	}
	ck_assert_uint_eq(ndone, 0);
	paclient_close(c);
	fake_stop(&f);
	free(jobs);
}
END_TEST

/* Each kind of call that may be submitted gives what it gives to who waits. */
START_TEST(all_kinds)
{
	enum { N = 22 };
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;
	struct paclient_alloced alloced = {.size = sizeof(alloced)};
	struct paclient_extent extent[3] = {{.size = sizeof(extent[0])},
					    {.size = sizeof(extent[0])},
					    {.size = sizeof(extent[0])}};
	struct paclient_region info[2] = {{.size = sizeof(info[0])}, {.size = sizeof(info[0])}};
	struct paclient_freed freed = {.size = sizeof(freed)};
	struct paclient_range ranges[4], added, removed, lower, upper;
	uint64_t one = 1, two[2] = {1, 2}, addrs[2], addr = 0, nextents, npages[2];
	struct job *j = jobs_new(N);
	uint32_t region = 0, nholders;
	size_t nranges = 0;
	unsigned n = 0;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 20000);
	o.ret_alloced = &alloced;
	o.zero = true;
#define PENDING(call) ck_assert_int_eq(call, PACLIENT_PENDING)
	PENDING(paclient_region_open(c, "r3", &region, &j[n++].call));
	PENDING(paclient_region_by_name(c, "r3", &info[0], &j[n++].call));
	PENDING(paclient_region_info(c, 3, &info[1], &j[n++].call));
	PENDING(paclient_alloc(c, 3, 1, 0, &addr, &j[n++].call));
	PENDING(paclient_alloc_batch(c, 3, 2, two, 0, addrs, &j[n++].call));
	PENDING(paclient_alloc_with(c, 3, 1, &one, &o, &addr, &j[n++].call));
	PENDING(paclient_alloc_scattered(c, 3, 6, 4, 0, NULL, ranges, &nranges, &j[n++].call));
	PENDING(paclient_free(c, 3, 0x10000, 1, &j[n++].call));
	PENDING(paclient_free_with(c, 3, 1, &addr, &one, &freed, &j[n++].call));
	PENDING(paclient_grow(c, 3, 8, &added, &j[n++].call));
	PENDING(paclient_shrink(c, 3, 0x1000, 1, &removed, &j[n++].call));
	PENDING(paclient_resize(c, 3, 0x10000, 2, PACLIENT_UPPER, &addr, &j[n++].call));
	PENDING(paclient_split(c, 3, 0x12000, &lower, &upper, &j[n++].call));
	PENDING(paclient_join(c, 3, 0x10000, 4, &nextents, &j[n++].call));
	PENDING(paclient_lookup(c, 3, "name", &extent[0], &j[n++].call));
	PENDING(paclient_annotate(c, 3, 0x10000, "other", NULL, &j[n++].call));
	PENDING(paclient_share(c, 3, 0x10000, &extent[1], &j[n++].call));
	PENDING(paclient_share_name(c, 3, "name", &extent[2], &j[n++].call));
	PENDING(paclient_release(c, 3, 0x10000, &npages[0], &nholders, &j[n++].call));
	PENDING(paclient_handover(c, 3, 0x10000, 5, &npages[1], &j[n++].call));
	PENDING(paclient_handover_to_user(c, 3, 0x10000, 5, NULL, &j[n++].call));
#undef PENDING
	loop_until(c, n);
	ck_assert_int_eq(j[0].status, 0);
	ck_assert_uint_eq(region, info[0].id);
	ck_assert_str_eq(info[0].name, "r3");
	ck_assert_uint_gt(nranges, 0);
	ck_assert_uint_eq(added.npages, 512);
	for (unsigned i = 0; i < n; i++)
		ck_assert_msg(j[i].ndone == 1, "call %u: told %u times", i, j[i].ndone);
	ck_assert_uint_eq(extent[0].size, sizeof(extent[0]));
	paclient_close(c);
	fake_stop(&f);
	free(j);
}
END_TEST

/* Refused at once, and nothing is told later. */
START_TEST(refused)
{
	struct paclient_region_list *list;
	struct job *j = jobs_new(2);
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 20000);
	ck_assert_int_eq(paclient_regions(c, &list, &j->call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(j->call.error.field, "call.done");
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, NULL, &j->call), PACLIENT_BAD_ARGUMENT);
	ck_assert_ptr_null(j->call.op);
	submit(c, j);
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &j->addr, &j->call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(j->call.error.field, "call");
	loop_until(c, 1);
	ck_assert_uint_eq(j->ndone, 1);
	ck_assert_int_eq(j->status, 0);
	ck_assert_int_eq(paclient_cancel(c, &j->call), PACLIENT_NOT_FOUND);
	ck_assert_int_eq(paclient_cancel(c, NULL), PACLIENT_BAD_ARGUMENT);
	ck_assert_int_eq(paclient_process(NULL), PACLIENT_BAD_ARGUMENT);
	ck_assert_ptr_null(paclient_next(NULL));
	ck_assert_int_eq(paclient_fd(c, NULL, NULL), PACLIENT_BAD_ARGUMENT);
	/* A program that was built before there was a done() has something else there. */
	j->call.size = offsetof(struct paclient_call, done);
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &j->addr, &j->call), 0);
	paclient_close(c);
	fake_stop(&f);
	free(j);
}
END_TEST

/* Reads, and answers nothing until the test says so. */
struct silent {
	_Atomic unsigned nread;
	_Atomic bool answer;
};

static void serve_silent(struct fake *f, int fd)
{
	static _Thread_local uint8_t frames[64][256];
	struct silent *s = f->arg;
	size_t n[64];
	Pallocd__V1__Request *q;

	fake_hello(fd);
	while ((q = fake_read(fd))) {
		if (s->nread < 64)
			n[s->nread] = fake_answer(f, q, frames[s->nread]);
		pallocd__v1__request__free_unpacked(q, NULL);
		s->nread++;
		if (s->nread == 8) {
			while (!s->answer)
				usleep(500);
			for (unsigned i = 0; i < 8; i++)
				fake_write(fd, frames[i], n[i]);
		} else if (s->nread > 8) {
			fake_write(fd, frames[s->nread - 1], n[s->nread - 1]);
		}
	}
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Who is late, and who is cancelled, is told; what comes for them afterwards is given back. */
START_TEST(late_and_cancelled)
{
	struct job *jobs = jobs_new(9);
	struct silent s = {0};
	uint64_t begin;
	struct fake f;
	paclient *c;

	fake_start(&f, serve_silent, &s);
	c = fake_open(&f, 20000);
	begin = now_ms();
	for (unsigned i = 0; i < 8; i++) {
		/* In another order than they were submitted in. */
		jobs[i].call.timeout_ms = i < 4 ? 80 - 20 * (int)i : 0;
		submit(c, &jobs[i]);
	}
	loop_until(c, 4);
	ck_assert_uint_ge(now_ms() - begin, 80);
	assert_all(jobs, 4, PACLIENT_TIMED_OUT);
	ck_assert_int_eq(paclient_cancel(c, &jobs[5].call), 0);
	ck_assert_int_eq(paclient_cancel(c, &jobs[5].call), PACLIENT_NOT_FOUND);
	ck_assert_uint_eq(jobs[5].ndone, 0);
	loop_until(c, 5);
	assert_all(&jobs[5], 1, PACLIENT_CANCELLED);
	s.answer = true;
	loop_until(c, 8);
	assert_all(&jobs[4], 1, 0);
	assert_all(&jobs[6], 2, 0);
	/* Two calls more, and all that was late has gone back. */
	ck_assert_int_eq(paclient_grow(c, 3, 1, NULL, NULL), 0);
	ck_assert_int_eq(paclient_grow(c, 3, 1, NULL, NULL), 0);
	ck_assert_uint_eq(f.nallocs, 3);
	paclient_close(c);
	fake_stop(&f);
	free(jobs);
}
END_TEST

static paclient *closing;
static struct job *chained;

static void done_and_close(struct paclient_call *call)
{
	job_done(call);
	paclient_close(closing);
}

static void done_and_chain(struct paclient_call *call)
{
	struct job *next = chained++;

	job_done(call);
	submit(closing, next);
	ck_assert_int_eq(paclient_cancel(closing, &next->call), 0);
}

/* done() may submit and cancel, and close the handle. */
START_TEST(within_done)
{
	struct job *jobs = jobs_new(8);
	struct fake f;

	fake_start(&f, fake_serve, NULL);
	closing = fake_open(&f, 20000);
	chained = &jobs[2];
	jobs[0].call.done = jobs[1].call.done = done_and_chain;
	submit(closing, &jobs[0]);
	submit(closing, &jobs[1]);
	loop_until(closing, 4);
	assert_all(jobs, 2, 0);
	assert_all(&jobs[2], 2, PACLIENT_CANCELLED);
	for (unsigned i = 4; i < 8; i++)
		submit(closing, &jobs[i]);
	jobs[4].call.done = done_and_close;
	while (ndone < 8) {
		struct pollfd p = {.fd = fd_of(closing), .events = POLLIN};

		ck_assert_int_eq(poll(&p, 1, 20000), 1);
		ck_assert_int_eq(paclient_process(closing), 0);
		if (jobs[4].ndone)
			break;
	}
	for (unsigned i = 4; i < 8; i++)
		ck_assert_uint_eq(jobs[i].ndone, 1);
	ck_assert_int_eq(jobs[4].status, 0);
	fake_stop(&f);
	free(jobs);
}
END_TEST

/* Closed and left handles tell of what was in flight. */
START_TEST(closed)
{
	struct silent s = {.answer = true};
	struct job *jobs = jobs_new(6);
	struct fake f;
	paclient *c;

	fake_start(&f, serve_silent, &s);
	for (unsigned i = 0; i < 6; i += 3) {
		c = fake_open(&f, 20000);
		jobs[i + 2].call.done = paclient_queued;
		for (unsigned k = 0; k < 3; k++)
			submit(c, &jobs[i + k]);
		if (i)
			paclient_leave(c);
		else
			paclient_close(c);
		assert_all(&jobs[i], 2, PACLIENT_CANCELLED);
		ck_assert_ptr_null(jobs[i + 2].call.op);
		ck_assert_int_eq(jobs[i + 2].call.error.status, PACLIENT_CANCELLED);
		s.nread = 0;
	}
	fake_stop(&f);
	free(jobs);
}
END_TEST

struct helper {
	pthread_t thread;
	paclient *c;
	struct job *jobs;
	unsigned n;
	bool waits;
};

static void *help(void *arg)
{
	struct helper *h = arg;

	for (unsigned i = 0; i < h->n; i++) {
		if (!h->waits)
			submit(h->c, &h->jobs[i]);
		else
			ck_assert_int_eq(paclient_grow(h->c, 3, 1, NULL, NULL), 0);
	}
	return NULL;
}

/* Some submit, some wait, one processes. */
START_TEST(threads)
{
	enum { NTHREADS = 6, N = 1500 };
	struct job *jobs = jobs_new(NTHREADS * N);
	struct helper h[NTHREADS];
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 20000);
	for (unsigned i = 0; i < NTHREADS; i++) {
		h[i] = (struct helper){.c = c, .jobs = &jobs[i * N], .n = N, .waits = i % 3 == 2};
		ck_assert_int_eq(pthread_create(&h[i].thread, NULL, help, &h[i]), 0);
	}
	loop_until(c, NTHREADS / 3 * 2 * N);
	for (unsigned i = 0; i < NTHREADS; i++)
		pthread_join(h[i].thread, NULL);
	for (unsigned i = 0; i < NTHREADS; i++) {
		if (!h[i].waits)
			assert_all(h[i].jobs, N, 0);
	}
	paclient_close(c);
	fake_stop(&f);
	free(jobs);
}
END_TEST

/* A child is refused everything, and what it does does not reach the parent. */
START_TEST(forked)
{
	struct job *jobs = jobs_new(2);
	struct silent s = {0};
	struct fake f;
	paclient *c;
	int status;
	pid_t pid;

	fake_start(&f, serve_silent, &s);
	c = fake_open(&f, 20000);
	(void)fd_of(c);
	submit(c, &jobs[0]);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		bool right = paclient_process(c) == PACLIENT_BAD_ARGUMENT && !paclient_next(c) &&
			     paclient_cancel(c, &jobs[0].call) == PACLIENT_BAD_ARGUMENT &&
			     paclient_alloc(c, 3, 1, 0, &jobs[1].addr, &jobs[1].call) ==
				     PACLIENT_BAD_ARGUMENT;

		paclient_close(c);
		_exit(right && !ndone ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	for (unsigned i = 0; i < 7; i++)
		ck_assert_int_eq(
			paclient_alloc(c, 3, 1, 0, &jobs[1].addr,
				       &(struct paclient_call){.size = sizeof(jobs[1].call),
							       .timeout_ms = 1}),
			PACLIENT_TIMED_OUT);
	s.answer = true;
	loop_until(c, 1);
	assert_all(jobs, 1, 0);
	paclient_close(c);
	fake_stop(&f);
	free(jobs);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("async");

	run_add(s, "very_many", very_many);
	run_add(s, "many_cancelled", many_cancelled);
	run_add(s, "by_queue", by_queue);
	run_add(s, "all_kinds", all_kinds);
	run_add(s, "refused", refused);
	run_add(s, "late_and_cancelled", late_and_cancelled);
	run_add(s, "within_done", within_done);
	run_add(s, "closed", closed);
	run_add(s, "threads", threads);
	run_add(s, "forked", forked);
	return suite_run(s);
}
