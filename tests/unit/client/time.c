/*
 * time - deadlines, late replies, signals, a daemon that stands still
 *
 * Role:       a call ends at its deadline, the handle lives on, and nothing leaks.
 * Uses:       client/lib, fake daemon, check
 */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

/* A machine under load may be late; it is never early. */
#define TOLERANCE_MS 1000

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void took(long began, long want)
{
	long ms = now_ms() - began;

	ck_assert_msg(ms >= want - 1 && ms <= want + TOLERANCE_MS, "wanted %ld ms, took %ld", want,
		      ms);
}

/* Holds the first reply back until another request is there, then answers both. */
static void serve_late(struct fake *f, int fd)
{
	Pallocd__V1__Request *first, *second;
	uint8_t frame[2][512];
	size_t n;

	if (!fake_hello(fd))
		return;
	first = fake_read(fd);
	second = fake_read(fd);
	if (first && second) {
		n = fake_answer(f, first, frame[0]);
		fake_write(fd, frame[0], n);
		n = fake_answer(f, second, frame[1]);
		fake_write(fd, frame[1], n);
		fake_serve(f, fd);
	}
	if (first)
		pallocd__v1__request__free_unpacked(first, NULL);
	if (second)
		pallocd__v1__request__free_unpacked(second, NULL);
}

static void late_extents(const struct paclient_placement *placement)
{
	uint64_t npages[2] = {3, 4}, addrs[2] = {1, 2}, addr;
	struct fake f;
	paclient *c;
	long began;

	fake_start(&f, serve_late, NULL);
	c = fake_open(&f, 5000);
	call.timeout_ms = 50;
	began = now_ms();
	expect(paclient_alloc_placed(c, 3, 2, npages, 0, placement, addrs, &call),
	       PACLIENT_TIMED_OUT);
	took(began, 50);
	ck_assert_uint_eq(addrs[0], 1);
	call.timeout_ms = 0;
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	/* The first two are the late ones. */
	ck_assert_uint_eq(addr, 0x10000 + 7 * 4096);
	/* One more round trip, so that their Free has been served. */
	expect(paclient_free(c, 3, addr, 1, &call), 0);
	ck_assert_uint_eq(f.nallocs, 0);
	ck_assert_uint_eq(f.nfrees, 3);
	ck_assert_uint_eq(f.frees[0], 0x10000);
	ck_assert_uint_eq(f.frees[1], 0x10000 + 3 * 4096);
	paclient_close(c);
	fake_stop(&f);
}

START_TEST(late_extents_are_given_back)
{
	late_extents(NULL);
}
END_TEST

START_TEST(late_placed_extents_are_given_back)
{
	struct paclient_placement placement = PACLIENT_PLACEMENT_INIT;

	placement.strategy = PACLIENT_LAST;
	late_extents(&placement);
}
END_TEST

START_TEST(late_refusals_and_frees_are_dropped)
{
	struct fake f;
	paclient *c;
	uint64_t addr;

	fake_start(&f, serve_late, NULL);
	for (int i = 0; i < 3; i++) {
		c = fake_open(&f, 5000);
		call.timeout_ms = 20;
		if (i == 0)
			expect(paclient_alloc(c, 3, 5000, 0, &addr, &call), PACLIENT_TIMED_OUT);
		else if (i == 1)
			expect(paclient_free(c, 3, 0x10000, 1, &call), PACLIENT_TIMED_OUT);
		else
			expect(paclient_grow(c, 3, 1, NULL, &call), PACLIENT_TIMED_OUT);
		call.timeout_ms = 0;
		expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
		expect(paclient_free(c, 3, addr, 1, &call), 0);
		paclient_close(c);
	}
	fake_stop(&f);
}
END_TEST

/* Half of a reply, a time out, and then the other half. */
static void serve_half(struct fake *f, int fd)
{
	Pallocd__V1__Request *q;
	uint8_t frame[256];
	size_t n;

	fake_hello(fd);
	q = fake_read(fd);
	n = fake_answer(f, q, frame);
	pallocd__v1__request__free_unpacked(q, NULL);
	fake_write(fd, frame, 7);
	usleep(150000);
	fake_write(fd, frame + 7, n - 7);
	fake_serve(f, fd);
}

START_TEST(late_second_half)
{
	struct fake f;
	uint64_t addr;
	paclient *c;
	long began;

	fake_start(&f, serve_half, NULL);
	c = fake_open(&f, 60);
	began = now_ms();
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), PACLIENT_TIMED_OUT);
	took(began, 60);
	call.timeout_ms = 5000;
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	ck_assert_uint_eq(addr, 0x11000);
	expect(paclient_free(c, 3, addr, 1, &call), 0);
	ck_assert_uint_eq(f.nallocs, 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Reads nothing after Hello until the client goes. */
static void serve_deaf(struct fake *f, int fd)
{
	(void)f;
	fake_hello(fd);
	/* POLLHUP only: what is sent stays unread. */
	for (char b; recv(fd, &b, 1, MSG_PEEK) > 0 && !atomic_load((atomic_bool *)f->arg);)
		usleep(1000);
}

START_TEST(deaf_daemon)
{
	static uint64_t npages[3000], addrs[3000];
	atomic_bool enough = false;
	struct fake f;
	paclient *c;

	memset(npages, 0x7f, sizeof(npages));
	fake_start(&f, serve_deaf, &enough);
	c = fake_open(&f, 40);
	/* Socket and `out` fill up; from then on there is no room, and the deadline holds all the same. */
	for (int i = 0; i < 20; i++) {
		long began = now_ms();

		expect(paclient_alloc_batch(c, 3, 3000, npages, 0, addrs, &call),
		       PACLIENT_TIMED_OUT);
		took(began, 40);
	}
	call.timeout_ms = 120;
	for (int i = 0; i < 2; i++) {
		long began = now_ms();

		expect(paclient_grow(c, 3, 1, NULL, &call), PACLIENT_TIMED_OUT);
		took(began, 120);
	}
	call.timeout_ms = 0;
	atomic_store(&enough, true);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Sleeps first and then behaves: a lot of what was sent in vain is answered at once. */
static void serve_sleepy(struct fake *f, int fd)
{
	fake_hello(fd);
	usleep(900000);
	fake_serve(f, fd);
}

START_TEST(sleepy_daemon_loses_nothing)
{
	static uint64_t npages[300], addrs[300];
	unsigned timed_out = 0;
	struct fake f;
	uint64_t addr;
	paclient *c;

	for (int i = 0; i < 300; i++)
		npages[i] = 1;
	fake_start(&f, serve_sleepy, NULL);
	c = fake_open(&f, 1);
	for (int i = 0; i < 400; i++)
		timed_out += paclient_alloc_batch(c, 3, 300, npages, 0, addrs, &call) ==
			     PACLIENT_TIMED_OUT;
	ck_assert_uint_gt(timed_out, 50);
	call.timeout_ms = 20000;
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	expect(paclient_free(c, 3, addr, 1, &call), 0);
	/* Frees of all of them do not fit into `out` at once: each call takes some along. */
	for (int i = 0; i < 50; i++)
		expect(paclient_grow(c, 3, 1, NULL, &call), 0);
	ck_assert_uint_eq(f.nallocs, (400 - timed_out) * 300);
	call.timeout_ms = 0;
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

static void on_alarm(int sig)
{
	(void)sig;
}

static void serve_slow(struct fake *f, int fd)
{
	Pallocd__V1__Request *q;
	uint8_t frame[256];

	fake_hello(fd);
	while ((q = fake_read(fd))) {
		size_t n = fake_answer(f, q, frame);

		pallocd__v1__request__free_unpacked(q, NULL);
		usleep(200000);
		fake_write(fd, frame, n);
	}
}

/* A signal every two milliseconds, system calls not restarted. */
START_TEST(signals_do_not_disturb)
{
	struct itimerval every = {{0, 2000}, {0, 2000}}, never = {0};
	struct sigaction sa = {.sa_handler = on_alarm};
	struct fake f;
	uint64_t addr;
	paclient *c;
	long began;

	fake_start(&f, serve_slow, NULL);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_alloc(c, 3, 1, 0, &addr, &call), 0);
	began = now_ms();
	call.timeout_ms = 50;
	expect(paclient_free(c, 3, addr, 1, &call), PACLIENT_TIMED_OUT);
	took(began, 50);
	call.timeout_ms = 0;
	expect(paclient_grow(c, 3, 1, NULL, &call), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

static void serve_silence(struct fake *f, int fd)
{
	char b;

	(void)f;
	while (recv(fd, &b, 1, 0) > 0)
		;
}

START_TEST(deadlines_while_opening)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct fake f;
	paclient *c;
	long began = now_ms();

	fake_start(&f, serve_silence, NULL);
	o.timeout_ms = 70;
	expect(paclient_open(f.path, &o, &c, &call), PACLIENT_TIMED_OUT);
	took(began, 70);
	began = now_ms();
	call.timeout_ms = 30;
	expect(paclient_open(f.path, &o, &c, &call), PACLIENT_TIMED_OUT);
	took(began, 30);
	call.timeout_ms = 0;
	fake_stop(&f);
}
END_TEST

/* Nobody accepts, and the queue in front of the listener is full. */
START_TEST(deadline_before_the_door)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct fake f;
	paclient *c;

	fake_start(&f, serve_silence, NULL);
	o.timeout_ms = 50;
	listen(f.listener, 0);
	for (int i = 0; i < 4; i++) {
		long began = now_ms();

		expect(paclient_open(f.path, &o, &c, &call), PACLIENT_TIMED_OUT);
		took(began, 50);
	}
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_time");

	run_add(s, "late_extents_are_given_back", late_extents_are_given_back);
	run_add(s, "late_placed_extents_are_given_back", late_placed_extents_are_given_back);
	run_add(s, "late_refusals_and_frees_are_dropped", late_refusals_and_frees_are_dropped);
	run_add(s, "late_second_half", late_second_half);
	run_add(s, "deaf_daemon", deaf_daemon);
	run_add(s, "sleepy_daemon_loses_nothing", sleepy_daemon_loses_nothing);
	run_add(s, "signals_do_not_disturb", signals_do_not_disturb);
	run_add(s, "deadlines_while_opening", deadlines_while_opening);
	run_add(s, "deadline_before_the_door", deadline_before_the_door);
	return suite_run(s);
}
