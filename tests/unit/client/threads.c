/*
 * threads - several threads on one handle, and a child that inherits it
 *
 * Role:       replies reach the thread that asked; time outs of one leave the others alone; fork is harmless.
 * Uses:       client/lib, fake daemon, check
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

#define NTHREADS 8
#define NROUNDS 1500

struct worker {
	pthread_t thread;
	paclient *c;
	unsigned number;
	int timeout_ms;
	unsigned ntimed_out;
	char failure[300];
};

static bool note(struct worker *w, int status, const struct paclient_call *call)
{
	if (!status)
		return true;
	if (status == PACLIENT_TIMED_OUT && w->timeout_ms) {
		w->ntimed_out++;
		return false;
	}
	snprintf(w->failure, sizeof(w->failure), "thread %u: %s: %s", w->number,
		 paclient_status_name(status), call->error.message);
	return false;
}

/* Each thread asks for as many pages as its number says: the fake's addresses tell whose reply it was. */
static void *work(void *arg)
{
	struct paclient_call call = PACLIENT_CALL_INIT, patient = PACLIENT_CALL_INIT;
	struct worker *w = arg;

	call.timeout_ms = w->timeout_ms;
	for (int i = 0; i < NROUNDS && !w->failure[0]; i++) {
		uint64_t npages[3] = {w->number, w->number, w->number}, addrs[3] = {0};

		if (!note(w, paclient_alloc_batch(w->c, 3, 3, npages, 0, addrs, &call), &call))
			continue;
		if (addrs[1] - addrs[0] != w->number * 4096u ||
		    addrs[2] - addrs[1] != w->number * 4096u)
			snprintf(w->failure, sizeof(w->failure), "thread %u got another's reply",
				 w->number);
		/* A Free that is late may never have been sent: only allocs are impatient. */
		note(w, paclient_free_batch(w->c, 3, 3, addrs, npages, &patient), &patient);
	}
	return NULL;
}

static void run_workers(struct worker *w, paclient *c)
{
	for (unsigned i = 0; i < NTHREADS; i++) {
		w[i].c = c;
		w[i].number = i + 1;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < NTHREADS; i++)
		pthread_join(w[i].thread, NULL);
	for (unsigned i = 0; i < NTHREADS; i++)
		ck_assert_msg(!w[i].failure[0], "%s", w[i].failure);
}

START_TEST(threads_get_their_own_replies)
{
	struct worker w[NTHREADS] = {0};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 20000);
	run_workers(w, c);
	ck_assert_uint_eq(f.nallocs, 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Some replies take longer than the impatient threads wait. */
static void serve_uneven(struct fake *f, int fd)
{
	Pallocd__V1__Request *q;
	unsigned count = 0;
	uint8_t frame[512];

	fake_hello(fd);
	while ((q = fake_read(fd))) {
		size_t n = fake_answer(f, q, frame);

		pallocd__v1__request__free_unpacked(q, NULL);
		if (++count % 500 == 0)
			usleep(8000);
		fake_write(fd, frame, n);
	}
}

START_TEST(impatient_threads_leave_the_others_alone)
{
	struct worker w[NTHREADS] = {0};
	struct paclient_call call = PACLIENT_CALL_INIT;
	unsigned timed_out = 0;
	struct fake f;
	paclient *c;

	for (unsigned i = 0; i < NTHREADS; i += 2)
		w[i].timeout_ms = 2;
	fake_start(&f, serve_uneven, NULL);
	c = fake_open(&f, 20000);
	run_workers(w, c);
	for (unsigned i = 0; i < NTHREADS; i++)
		timed_out += w[i].ntimed_out;
	ck_assert_uint_gt(timed_out, 0);
	/* Late allocs are given back as replies are read; the second call's reply is behind their Frees. */
	ck_assert_int_eq(paclient_grow(c, 3, 1, NULL, &call), 0);
	ck_assert_int_eq(paclient_grow(c, 3, 1, NULL, &call), 0);
	ck_assert_uint_eq(f.nallocs, 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Answers a number of requests and is gone. */
static void serve_and_die(struct fake *f, int fd)
{
	uint8_t frame[512];

	fake_hello(fd);
	for (int i = 0; i < 100; i++) {
		Pallocd__V1__Request *q = fake_read(fd);
		size_t n = fake_answer(f, q, frame);

		pallocd__v1__request__free_unpacked(q, NULL);
		fake_write(fd, frame, n);
	}
}

static void *until_gone(void *arg)
{
	struct worker *w = arg;
	struct paclient_call call = PACLIENT_CALL_INIT;
	uint64_t addr;
	int status;

	do
		status = paclient_alloc(w->c, 3, 1, 0, &addr, &call);
	while (!status);
	note(w, status, &call);
	return NULL;
}

START_TEST(all_threads_hear_of_the_end)
{
	struct worker w[NTHREADS] = {0};
	struct fake f;
	paclient *c;

	fake_start(&f, serve_and_die, NULL);
	c = fake_open(&f, 20000);
	for (unsigned i = 0; i < NTHREADS; i++) {
		w[i].c = c;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, until_gone, &w[i]), 0);
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_ptr_nonnull(strstr(w[i].failure, "DISCONNECTED"));
	}
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

static int child_of(paclient *c)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct paclient_region_list *list;
	uint64_t addr;

	if (paclient_alloc(c, 3, 1, 0, &addr, &call) != PACLIENT_BAD_ARGUMENT ||
	    !strstr(call.error.message, "fork"))
		return 1;
	if (paclient_regions(c, &list, &call) != PACLIENT_BAD_ARGUMENT)
		return 2;
	paclient_close(c);
	return 0;
}

START_TEST(child_is_inert)
{
	struct worker w[NTHREADS] = {0};
	struct fake f;
	uint64_t addr;
	paclient *c;
	int result;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 20000);
	/* While other threads use the handle: its lock may be held in the child for ever. */
	for (unsigned i = 0; i < NTHREADS; i++) {
		w[i].c = c;
		w[i].number = i + 1;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(child_of(c));
		ck_assert_int_eq(waitpid(pid, &result, 0), pid);
		ck_assert_int_eq(result, 0);
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_msg(!w[i].failure[0], "%s", w[i].failure);
	}
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &addr, NULL), 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_threads");

	run_add(s, "threads_get_their_own_replies", threads_get_their_own_replies);
	run_add(s, "impatient_threads_leave_the_others_alone",
		impatient_threads_leave_the_others_alone);
	run_add(s, "all_threads_hear_of_the_end", all_threads_hear_of_the_end);
	run_add(s, "child_is_inert", child_is_inert);
	return suite_run(s);
}
