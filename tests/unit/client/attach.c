/*
 * attach - descriptors that come with replies
 *
 * Role:       each goes to who has asked for it, however the bytes come; what nobody wants is closed, what nobody has asked for ends the
 *             connection.
 * Uses:       client/lib, fake daemon with memory, check
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/client/behind.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

/* How the two replies of a story are sent. */
struct way {
	struct behind behind; /* the first thing: behind_serve() goes on with it */
	unsigned nreplies;    /* requests that are read before anything is said */
	size_t at;            /* of the bytes of all replies: a pause behind so many; ONE_BY_ONE */
	bool early;           /* all descriptors come with the first byte */
	bool twice;           /* each is sent once more than it should */
	bool none;            /* none is sent */
	size_t nbytes;        /* of all replies: for the test to know when it is through */
	useconds_t usec;      /* first of all the daemon sleeps */
};

#define ONE_BY_ONE SIZE_MAX

struct sending {
	uint8_t bytes[2048];
	size_t n;
	struct {
		size_t at; /* goes with the byte there */
		int fd;
	} fd[16];
	unsigned nfds;
};

/* Bytes [from, to) with the descriptors that belong to them: those of the first byte first. */
static void send_part(int sock, const struct sending *s, size_t from, size_t to)
{
	while (from < to) {
		size_t next = to;
		int fds[16];
		unsigned n = 0;

		for (unsigned i = 0; i < s->nfds; i++) {
			if (s->fd[i].at == from)
				fds[n++] = s->fd[i].fd;
			else if (s->fd[i].at > from && s->fd[i].at < next)
				next = s->fd[i].at;
		}
		behind_send(sock, s->bytes + from, next - from, fds, n);
		from = next;
	}
}

static void sending_fill(struct fake *f, struct way *w, int sock, struct sending *s)
{
	s->n = s->nfds = 0;
	for (unsigned i = 0; i < w->nreplies; i++) {
		Pallocd__V1__Request *q = fake_read(sock);
		size_t at = w->early ? 0 : s->n;
		int fd = -1;

		if (!q)
			return;
		s->n += behind_answer(f, &w->behind, q, s->bytes + s->n, &fd);
		if (w->twice && fd < 0)
			fd = w->behind.fd[1];
		for (int k = 0; k < (w->none || fd < 0 ? 0 : w->twice ? 2 : 1); k++) {
			s->fd[s->nfds].at = at;
			s->fd[s->nfds++].fd = fd;
		}
		pallocd__v1__request__free_unpacked(q, NULL);
	}
}

static void serve_way(struct fake *f, int fd)
{
	struct way *w = f->arg;
	struct sending s;
	size_t at;

	if (!fake_hello(fd))
		return;
	sending_fill(f, w, fd, &s);
	usleep(w->usec);
	w->nbytes = s.n;
	at = w->at < s.n ? w->at : s.n;
	if (w->at == ONE_BY_ONE) {
		for (size_t i = 0; i < s.n; i++) {
			send_part(fd, &s, i, i + 1);
			usleep(100);
		}
	} else {
		send_part(fd, &s, 0, at);
		usleep(at ? 300 : 0);
		send_part(fd, &s, at, s.n);
	}
	behind_serve(f, fd);
}

static void way_start(struct fake *f, struct way *w)
{
	behind_init(&w->behind);
	fake_start(f, serve_way, w);
}

static void way_stop(struct fake *f, struct way *w)
{
	fake_stop(f);
	behind_deinit(&w->behind);
}

/* Region @id's, and no other's; closes it. */
static void is_of(const struct paclient_backing *b, uint32_t id)
{
	ck_assert_uint_eq(behind_number(b->fd, BEHIND_NPAGES - 1), id);
	ck_assert_int_eq(fcntl(b->fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(b->fd, F_GETFL) & O_ACCMODE, b->write ? O_RDWR : O_RDONLY);
	ck_assert_int_eq(close(b->fd), 0);
}

START_TEST(all_that_there_is_to_know)
{
	struct paclient_backing b = {.size = sizeof(b)}, older = {.size = 16, .write = true};
	struct behind behind;
	struct fake f;
	unsigned n;
	paclient *c;

	behind_init(&behind);
	fake_start(&f, behind_serve, &behind);
	c = fake_open(&f, 2000);
	n = nopen();
	expect(paclient_attach(c, 2, PACLIENT_WRITE, &b, &call), 0);
	ck_assert(b.size == sizeof(b) && b.kind == PACLIENT_BACKING_MEMFD && b.write);
	ck_assert(b.base_addr == BEHIND_BASE && b.bytes == BEHIND_NPAGES * BEHIND_PAGE);
	ck_assert(b.page_size_bytes == BEHIND_PAGE && b.backing_page_bytes == BEHIND_PAGE);
	is_of(&b, 2);
	expect(paclient_attach(c, 3, 0, &b, &call), 0);
	ck_assert(!b.write);
	is_of(&b, 3);
	/* A program that knows less of it. */
	expect(paclient_attach(c, 1, 0, &older, &call), 0);
	ck_assert(older.size == 16 && older.write);
	close(older.fd);
	/* Refusals change nothing. */
	expect(paclient_attach(c, 4, 0, &b, &call), PACLIENT_INVALID);
	expect(paclient_attach(c, 5, PACLIENT_WRITE, &b, &call), PACLIENT_DENIED);
	ck_assert_str_eq(call.error.field, "attach-rw");
	expect(paclient_attach(c, 1, 2, &b, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "flags");
	expect(paclient_attach(c, 1, 0, NULL, &call), PACLIENT_BAD_ARGUMENT);
	b.size = sizeof(b.size);
	expect(paclient_attach(c, 1, 0, &b, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_backing");
	ck_assert_uint_eq(nopen(), n);
	paclient_close(c);
	fake_stop(&f);
	behind_deinit(&behind);
}
END_TEST

START_TEST(scavenge_travels)
{
	uint64_t npages = 99;
	struct behind behind;
	struct fake f;
	paclient *c;

	behind_init(&behind);
	fake_start(&f, behind_serve, &behind);
	c = fake_open(&f, 2000);
	expect(paclient_scavenge(c, 2, 4096, PACLIENT_SCAVENGE_WAIT, &npages, &call), 0);
	ck_assert(npages == 17 && behind.waited && behind.scavenged_bytes == 4096);
	expect(paclient_scavenge(c, 2, 0, 0, &npages, &call), 0);
	ck_assert(npages == 0 && !behind.waited && behind.scavenged_bytes == 0);
	expect(paclient_scavenge(c, 2, 0, 0, NULL, &call), 0);
	expect(paclient_scavenge(c, 2, 0, 2, NULL, &call), PACLIENT_BAD_ARGUMENT);
	paclient_close(c);
	fake_stop(&f);
	behind_deinit(&behind);
}
END_TEST

/* The descriptor comes with the first byte of its reply; wherever that is cut. */
START_TEST(cut_at_every_byte)
{
	struct way w = {.nreplies = 1, .nbytes = 1000};
	struct paclient_backing b = {.size = sizeof(b)};
	struct fake f;

	way_start(&f, &w);
	for (w.at = 0; w.at <= w.nbytes; w.at++) {
		paclient *c = fake_open(&f, 2000);

		expect(paclient_attach(c, 2, 0, &b, &call), 0);
		is_of(&b, 2);
		/* The next one is not mistaken for it. */
		expect(paclient_attach(c, 3, PACLIENT_WRITE, &b, &call), 0);
		is_of(&b, 3);
		paclient_close(c);
	}
	ck_assert_uint_gt(w.at, 10);
	way_stop(&f, &w);
}
END_TEST

/* One of several that are in flight. */
struct asker {
	pthread_t thread;
	paclient *c;
	uint32_t region_id; /* 0: asks for something else */
	int status;
	struct paclient_backing b;
	struct paclient_call call;
};

static void *ask(void *arg)
{
	struct asker *a = arg;

	if (a->region_id)
		a->status = paclient_attach(a->c, a->region_id, 0, &a->b, &a->call);
	else
		a->status = paclient_grow(a->c, 3, 512, NULL, &a->call);
	return NULL;
}

static void ask_all(paclient *c, struct asker *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		a[i].c = c;
		a[i].b = (struct paclient_backing){.size = sizeof(a[i].b)};
		a[i].call = (struct paclient_call)PACLIENT_CALL_INIT;
		ck_assert_int_eq(pthread_create(&a[i].thread, NULL, ask, &a[i]), 0);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(a[i].thread, NULL);
}

/* Two attaches and something else, cut at every byte; each descriptor with its reply, or all with the first byte. */
START_TEST(several_in_flight)
{
	struct asker a[3] = {{.region_id = 1}, {.region_id = 0}, {.region_id = 3}};
	struct way w = {.nreplies = 3, .nbytes = 1000, .early = _i};
	struct fake f;

	way_start(&f, &w);
	for (w.at = 0; w.at <= w.nbytes; w.at++) {
		paclient *c = fake_open(&f, 5000);

		ask_all(c, a, 3);
		for (unsigned i = 0; i < 3; i++) {
			ck_assert_msg(!a[i].status, "%s", a[i].call.error.message);
			if (a[i].region_id)
				is_of(&a[i].b, a[i].region_id);
		}
		paclient_close(c);
	}
	w.at = ONE_BY_ONE;
	a[0].c = fake_open(&f, 5000);
	ask_all(a[0].c, a, 3);
	is_of(&a[0].b, 1);
	is_of(&a[2].b, 3);
	paclient_close(a[0].c);
	way_stop(&f, &w);
}
END_TEST

/* More descriptors than Attaches: with an Attach, with one that is refused, with something else. */
START_TEST(unasked)
{
	static const struct asker rows[] = {{.region_id = 1}, {.region_id = 4}, {.region_id = 0}};
	struct way w = {.nreplies = 1, .twice = true};
	struct fake f;
	unsigned n;

	way_start(&f, &w);
	n = nopen();
	for (unsigned i = 0; i < 3; i++) {
		struct asker a = rows[i];

		a.c = fake_open(&f, 2000);
		ask_all(a.c, &a, 1);
		/* One that is refused or done before the surplus is seen has its own outcome. */
		if (!a.status && a.region_id)
			close(a.b.fd);
		expect(paclient_grow(a.c, 3, 1, NULL, &call), PACLIENT_PROTOCOL);
		ck_assert_str_eq(call.error.message,
				 "the daemon sent a descriptor that nobody has asked for");
		expect(paclient_attach(a.c, 1, 0, &a.b, &call), PACLIENT_PROTOCOL);
		ck_assert_msg(nopen() <= n + 2, "row %u: %u of %u are left open", i, nopen(), n);
		paclient_close(a.c);
	}
	fake_stop(&f);
	/* Of the test's own there is one fewer: the listener's. */
	ck_assert_uint_eq(nopen(), n - 1);
	behind_deinit(&w.behind);
}
END_TEST

START_TEST(without_a_descriptor)
{
	struct paclient_backing b = {.size = sizeof(b)};
	struct way w = {.nreplies = 1, .none = true};
	struct fake f;
	paclient *c;

	way_start(&f, &w);
	c = fake_open(&f, 2000);
	expect(paclient_attach(c, 1, 0, &b, &call), PACLIENT_PROTOCOL);
	ck_assert_str_eq(call.error.message, "an AttachReply without its descriptor");
	paclient_close(c);
	way_stop(&f, &w);
}
END_TEST

/* Nobody knows which of two is missing: neither is handed over, and the third is right again. */
START_TEST(too_many_open_with_two_in_flight)
{
	struct asker a[2] = {{.region_id = 1}, {.region_id = 2}};
	struct paclient_backing b = {.size = sizeof(b)};
	struct way w = {.nreplies = 2, .early = true};
	struct fake f;
	paclient *c;
	unsigned n;

	if (under_valgrind(__func__))
		return;
	way_start(&f, &w);
	c = fake_open(&f, 2000);
	fill_gaps(w.behind.fd[1]);
	n = nopen();
	room_for(1);
	ask_all(c, a, 2);
	room_for(UINT32_MAX);
	ck_assert_int_eq(a[0].status, PACLIENT_SYSTEM);
	ck_assert_int_eq(a[1].status, PACLIENT_SYSTEM);
	ck_assert_uint_eq(nopen(), n);
	expect(paclient_attach(c, 3, 0, &b, &call), 0);
	is_of(&b, 3);
	paclient_close(c);
	way_stop(&f, &w);
}
END_TEST

/* Its caller has gone: what comes then is closed, and the next one gets its own. */
START_TEST(late_descriptors_are_closed)
{
	struct paclient_backing b = {.size = sizeof(b)};
	struct way w = {.nreplies = 2, .at = (size_t)_i};
	struct fake f;
	unsigned n;
	paclient *c;

	way_start(&f, &w);
	c = fake_open(&f, 5000);
	n = nopen();
	call.timeout_ms = 30;
	expect(paclient_attach(c, 1, 0, &b, &call), PACLIENT_TIMED_OUT);
	call.timeout_ms = 0;
	expect(paclient_attach(c, 2, 0, &b, &call), 0);
	is_of(&b, 2);
	ck_assert_uint_eq(nopen(), n);
	paclient_close(c);
	way_stop(&f, &w);
}
END_TEST

#define NTHREADS 8

static void *attach_often(void *arg)
{
	struct asker *a = arg;

	for (int i = 0; i < 300 && !a->status; i++) {
		uint64_t addr;

		a->status = paclient_attach(a->c, a->region_id, 0, &a->b, &a->call);
		if (a->status)
			break;
		if (behind_number(a->b.fd, 1) != a->region_id)
			a->status = -1;
		close(a->b.fd);
		if (!a->status)
			a->status = paclient_alloc(a->c, 3, 1, 0, &addr, &a->call);
	}
	return NULL;
}

START_TEST(threads_get_their_own)
{
	struct asker a[NTHREADS] = {0};
	struct behind behind;
	struct fake f;
	unsigned n;
	paclient *c;

	behind_init(&behind);
	fake_start(&f, behind_serve, &behind);
	c = fake_open(&f, 20000);
	n = nopen();
	for (uint32_t i = 0; i < NTHREADS; i++) {
		a[i] = (struct asker){.c = c,
				      .region_id = i % BEHIND_NREGIONS + 1,
				      .b = {.size = sizeof(a[i].b)},
				      .call = PACLIENT_CALL_INIT};
		ck_assert_int_eq(pthread_create(&a[i].thread, NULL, attach_often, &a[i]), 0);
	}
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(a[i].thread, NULL);
		ck_assert_msg(!a[i].status, "thread %d: %d %s", i, a[i].status,
			      a[i].call.error.message);
	}
	ck_assert_uint_eq(nopen(), n);
	paclient_close(c);
	fake_stop(&f);
	behind_deinit(&behind);
}
END_TEST

static void loop_add(Suite *s, const char *name, const TTest *test, int end)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test, 0, end);
	suite_add_tcase(s, tc);
}

int main(void)
{
	Suite *s = suite_create("client_attach");

	run_add(s, "all_that_there_is_to_know", all_that_there_is_to_know);
	run_add(s, "scavenge_travels", scavenge_travels);
	run_add(s, "cut_at_every_byte", cut_at_every_byte);
	loop_add(s, "several_in_flight", several_in_flight, 2);
	run_add(s, "unasked", unasked);
	run_add(s, "without_a_descriptor", without_a_descriptor);
	run_add(s, "too_many_open_with_two_in_flight", too_many_open_with_two_in_flight);
	loop_add(s, "late_descriptors_are_closed", late_descriptors_are_closed, 20);
	run_add(s, "threads_get_their_own", threads_get_their_own);
	return suite_run(s);
}
