/*
 * session - a session that outlives its connection, and a daemon that knows less than the library
 *
 * Role:       options of paclient_open() on the wire and in the reply, close and leave, what is not sent to an older daemon.
 * Uses:       client/lib, fake daemon, check
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;
static const uint8_t token[16] = "0123456789abcdef";

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

/* Hello: version 1, "test", 3600 ms of grace, the token, accepts_handover, repeats. */
static const uint8_t hello_bytes[] = {0x8, 1,   0x12, 33,   0x8,  1,    0x12, 4,   't', 'e',
				      's', 't', 0x18, 0x90, 0x1c, 0x22, 16,   '0', '1', '2',
				      '3', '4', '5',  '6',  '7',  '8',  '9',  'a', 'b', 'c',
				      'd', 'e', 'f',  0x28, 1,    0x30, 1};

/* Keeps the first frame in f->arg. */
static void serve_raw_hello(struct fake *f, int fd)
{
	uint8_t *raw = f->arg, reply[512];
	Pallocd__V1__Request *q;

	if (recv(fd, raw, 4, MSG_WAITALL) != 4 || raw[0] > 200 ||
	    recv(fd, raw + 4, raw[0], MSG_WAITALL) != raw[0])
		return;
	q = pallocd__v1__request__unpack(NULL, raw[0], raw + 4);
	if (!q)
		return;
	fake_write(fd, reply, fake_answer(f, q, reply));
	pallocd__v1__request__free_unpacked(q, NULL);
	fake_serve(f, fd);
}

START_TEST(options_travel)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	static uint8_t raw[FAKE_RAW_BYTES];
	uint8_t given[PACLIENT_TOKEN_BYTES];
	struct fake f;
	paclient *c;

	fake_start(&f, serve_raw_hello, raw);
	o.client_name = "test";
	o.grace_ms = 3600;
	o.token = token;
	o.token_bytes = sizeof(token);
	o.accepts_handover = true;
	expect(paclient_open(f.path, &o, &c, &call), 0);
	ck_assert_uint_eq(raw[0], sizeof(hello_bytes));
	ck_assert_mem_eq(raw + 4, hello_bytes, sizeof(hello_bytes));
	ck_assert(paclient_resumed(c));
	ck_assert_uint_eq(paclient_grace_ms(c), 3600);
	ck_assert(paclient_token(c, given));
	ck_assert_mem_eq(given, "the fake's token", sizeof(given));
	for (int i = PACLIENT_FEATURE_PLACEMENT; i <= PACLIENT_FEATURE_LEASE; i++)
		ck_assert_msg(paclient_has(c, i), "feature %d", i);
	ck_assert(!paclient_has(c, 0) && !paclient_has(c, -1) && !paclient_has(c, 64));
	ck_assert(!paclient_has(c, PACLIENT_FEATURE_LEASE + 1));
	paclient_close(c);
	/* The daemon may grant less. */
	o = (struct paclient_options)PACLIENT_OPTIONS_INIT;
	o.grace_ms = 100000;
	expect(paclient_open(f.path, &o, &c, &call), 0);
	ck_assert_uint_eq(paclient_grace_ms(c), 60000);
	ck_assert(!paclient_resumed(c));
	paclient_close(c);
	fake_stop(&f);
	ck_assert(!paclient_token(NULL, given) && !paclient_grace_ms(NULL));
	ck_assert(!paclient_resumed(NULL) && !paclient_has(NULL, 1));
	paclient_leave(NULL);
}
END_TEST

START_TEST(impossible_options)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	paclient *c;

	o.grace_ms = -1;
	expect(paclient_open("/nowhere", &o, &c, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "options.grace_ms");
	o.grace_ms = 0;
	o.token_bytes = 16;
	expect(paclient_open("/nowhere", &o, &c, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "options.token_bytes");
	o.token = token;
	o.token_bytes = 15;
	expect(paclient_open("/nowhere", &o, &c, &call), PACLIENT_BAD_ARGUMENT);
	o.token_bytes = 0;
	expect(paclient_open("/nowhere", &o, &c, &call), PACLIENT_BAD_ARGUMENT);
	o.token_bytes = 16;
	expect(paclient_open("/nowhere", &o, &c, &call), PACLIENT_NOT_CONNECTED);
}
END_TEST

/* A program of the first version: what lies behind its timeout is nobody's. */
START_TEST(older_programs_ask_for_nothing_new)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	static uint8_t raw[FAKE_RAW_BYTES];
	size_t known = offsetof(struct paclient_options, timeout_ms) + sizeof(o.timeout_ms);
	struct fake f;
	paclient *c;

	fake_start(&f, serve_raw_hello, raw);
	memset((char *)&o + known, 0xff, sizeof(o) - known);
	o.size = 3 * sizeof(void *);
	o.client_name = "test";
	expect(paclient_open(f.path, &o, &c, &call), 0);
	ck_assert_uint_eq(raw[0], 14);
	ck_assert_uint_eq(paclient_grace_ms(c), 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* What a connection brings until it ends. */
struct heard {
	unsigned nrequests;
	unsigned nends;
	uint64_t session; /* of the last EndSession */
	short revents;    /* of poll(2) at the end */
};

static void serve_heard(struct fake *f, int fd)
{
	struct heard *h = f->arg;
	Pallocd__V1__Request *q;
	uint8_t reply[1024];

	*h = (struct heard){0};
	while ((q = fake_read(fd))) {
		h->nrequests++;
		if (q->verb_case == PALLOCD__V1__REQUEST__VERB_END_SESSION) {
			h->nends++;
			h->session = q->end_session->session;
		}
		fake_write(fd, reply, fake_answer(f, q, reply));
		pallocd__v1__request__free_unpacked(q, NULL);
	}
}

enum farewell { CLOSE, LEAVE, CLOSE_BY_CHILD };

static void say_farewell(paclient *c, enum farewell how)
{
	int status;
	pid_t pid;

	switch (how) {
	case CLOSE:
		paclient_close(c);
		return;
	case CLOSE_BY_CHILD:
		pid = fork();
		if (!pid) {
			paclient_close(c);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		paclient_leave(c);
		return;
	case LEAVE:
		paclient_leave(c);
		return;
	}
}

START_TEST(close_ends_and_leave_does_not)
{
	static const struct {
		enum farewell how;
		int grace_ms;
		unsigned nends;
	} rows[] = {{CLOSE, 0, 0}, {CLOSE, 500, 1}, {LEAVE, 500, 0}, {CLOSE_BY_CHILD, 500, 0}};
	struct heard heard = {0};
	struct fake f;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct paclient_options o = PACLIENT_OPTIONS_INIT;
		paclient *c;

		fake_start(&f, serve_heard, &heard);
		o.grace_ms = rows[i].grace_ms;
		expect(paclient_open(f.path, &o, &c, &call), 0);
		say_farewell(c, rows[i].how);
		fake_stop(&f);
		ck_assert_msg(heard.nends == rows[i].nends, "row %zu: wanted %u, got %u", i,
			      rows[i].nends, heard.nends);
		ck_assert_uint_eq(heard.nrequests, 1 + rows[i].nends);
		ck_assert_uint_eq(heard.session, 0);
	}
}
END_TEST

/* Answers a request too late, and then notes what it hears and how the connection ends. */
static void serve_late(struct fake *f, int fd)
{
	struct pollfd p = {.fd = fd};
	struct heard *h = f->arg;
	Pallocd__V1__Request *q;
	uint8_t reply[512];

	for (int i = 0; i < 2 && (q = fake_read(fd)); i++) {
		usleep(i ? 60000 : 0);
		fake_write(fd, reply, fake_answer(f, q, reply));
		pallocd__v1__request__free_unpacked(q, NULL);
	}
	q = fake_read(fd);
	h->nends = q && q->verb_case == PALLOCD__V1__REQUEST__VERB_END_SESSION;
	if (q)
		pallocd__v1__request__free_unpacked(q, NULL);
	ck_assert_int_eq(recv(fd, reply, 1, MSG_PEEK), 0);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	h->revents = p.revents;
}

/* A close with something unread would be an error for the daemon's loop, and it would not read what it was sent. */
START_TEST(close_leaves_nothing_unread)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct heard heard = {0};
	struct fake f;
	paclient *c;

	fake_start(&f, serve_late, &heard);
	o.grace_ms = 500;
	expect(paclient_open(f.path, &o, &c, &call), 0);
	call.timeout_ms = 10;
	expect(paclient_grow(c, 3, 1, NULL, &call), PACLIENT_TIMED_OUT);
	call.timeout_ms = 0;
	/* The late reply is there. */
	usleep(150000);
	paclient_close(c);
	fake_stop(&f);
	ck_assert_uint_eq(heard.nends, 1);
	ck_assert_int_eq(heard.revents & POLLERR, 0);
}
END_TEST

/* Reads no more until the test has closed. */
static void serve_deaf(struct fake *f, int fd)
{
	int *closed = f->arg;
	char c;

	fake_hello(fd);
	ck_assert_int_eq(read(closed[0], &c, 1), 1);
}

START_TEST(close_does_not_block)
{
	static uint64_t addrs[PALLOCD_BATCH_EXTENTS_MAX], npages[PALLOCD_BATCH_EXTENTS_MAX];
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct fake f;
	paclient *c;
	int closed[2];

	ck_assert_int_eq(pipe(closed), 0);
	fake_start(&f, serve_deaf, closed);
	o.grace_ms = 500;
	o.timeout_ms = 10000;
	expect(paclient_open(f.path, &o, &c, &call), 0);
	memset(npages, 0x7f, sizeof(npages));
	memset(addrs, 0x7f, sizeof(addrs));
	/* Until neither socket nor buffer takes anything more. */
	call.timeout_ms = 5;
	for (int i = 0; i < 40; i++)
		expect(paclient_free_batch(c, 3, 3000, addrs, npages, &call), PACLIENT_TIMED_OUT);
	call.timeout_ms = 0;
	paclient_close(c);
	ck_assert_int_eq(write(closed[1], "", 1), 1);
	fake_stop(&f);
	close(closed[0]);
	close(closed[1]);
}
END_TEST

/* An older daemon overlooks what it does not know: the library must not let it. */
START_TEST(older_daemon_is_not_asked)
{
	struct paclient_placement p = PACLIENT_PLACEMENT_INIT;
	struct paclient_alloc_options a = PACLIENT_ALLOC_OPTIONS_INIT;
	struct heard heard = {0};
	struct paclient_range ranges[2];
	uint8_t given[PACLIENT_TOKEN_BYTES];
	struct paclient_backing b = {.size = sizeof(b)};
	uint64_t npages = 1, addr = 77;
	void *memory;
	struct fake f;
	paclient *c;
	size_t n;

	fake_start(&f, serve_heard, &heard);
	f.old = true;
	c = fake_open(&f, 1000);
	ck_assert(!paclient_has(c, PACLIENT_FEATURE_PLACEMENT) && !paclient_token(c, given));
	expect(paclient_alloc_placed(c, 3, 1, &npages, 0, &p, &addr, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "placement");
	ck_assert_str_eq(call.error.message, "the daemon is too old for placement: it is fake 1");
	expect(paclient_alloc_scattered(c, 3, 1, 2, 0, NULL, ranges, &n, &call),
	       PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "max_extents");
	a.name = "n";
	expect(paclient_alloc_with(c, 3, 1, &npages, &a, &addr, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "name");
	a.name = NULL;
	a.label = "l";
	expect(paclient_alloc_with(c, 3, 1, &npages, &a, &addr, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "label");
	a.label = NULL;
	a.wait_ms = 1;
	expect(paclient_alloc_with(c, 3, 1, &npages, &a, &addr, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "wait_ms");
	a.wait_ms = 0;
	a.commit = PACLIENT_COMMIT_LAZY;
	expect(paclient_alloc_with(c, 3, 1, &npages, &a, &addr, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "commit");
	a.commit = 0;
	a.zero = true;
	expect(paclient_alloc_with(c, 3, 1, &npages, &a, &addr, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "zero");
	a.zero = false;
	expect(paclient_attach(c, 3, 0, &b, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "attach");
	expect(paclient_map(c, 3, 0x10000, 1, 0, &memory, &call), PACLIENT_UNKNOWN_VERB);
	expect(paclient_scavenge(c, 3, 0, 0, NULL, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "scavenge");
	expect(paclient_grow_at(c, 3, 0x200000, 512, NULL, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_str_eq(call.error.field, "addr");
	ck_assert_uint_eq(addr, 77);
	/* What it knows, it does. */
	expect(paclient_alloc_with(c, 3, 1, &npages, &a, &addr, &call), 0);
	expect(paclient_grow(c, 3, 512, NULL, &call), 0);
	paclient_close(c);
	fake_stop(&f);
	ck_assert_uint_eq(heard.nrequests, 3);
}
END_TEST

START_TEST(older_daemon_has_no_grace)
{
	static const struct {
		bool token, handover;
		int grace_ms;
		const char *field;
	} rows[] = {{true, false, 0, "options.token"},
		    {false, false, 5, "options.grace_ms"},
		    {false, true, 0, "options.accepts_handover"}};
	struct fake f;

	fake_start(&f, fake_serve, NULL);
	f.old = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct paclient_options o = PACLIENT_OPTIONS_INIT;
		paclient *c = NULL;

		o.token = rows[i].token ? token : NULL;
		o.token_bytes = rows[i].token ? 16 : 0;
		o.accepts_handover = rows[i].handover;
		o.grace_ms = rows[i].grace_ms;
		expect(paclient_open(f.path, &o, &c, &call), PACLIENT_UNKNOWN_VERB);
		ck_assert_str_eq(call.error.field, rows[i].field);
		ck_assert_ptr_null(c);
	}
	fake_stop(&f);
}
END_TEST

/* Answers Hello by what f->arg says. */
static void serve_hello(struct fake *f, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	reply.id = 1;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	reply.hello = f->arg;
	fake_send(fd, &reply);
	fake_read(fd);
}

START_TEST(bad_hello_replies)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	Pallocd__V1__HelloReply hello = PALLOCD__V1__HELLO_REPLY__INIT;
	Pallocd__V1__Feature feature = PALLOCD__V1__FEATURE__FEATURE_RESUME;
	struct fake f;
	paclient *c;

	fake_start(&f, serve_hello, &hello);
	hello.version = 1;
	hello.token = (ProtobufCBinaryData){15, (uint8_t *)"too short token"};
	expect(paclient_open(f.path, &o, &c, &call), PACLIENT_PROTOCOL);
	/* It could resume, and did not: what the program had is not there. */
	hello.token.len = 0;
	hello.features = &feature;
	hello.n_features = 1;
	o.token = token;
	o.token_bytes = 16;
	expect(paclient_open(f.path, &o, &c, &call), PACLIENT_PROTOCOL);
	hello.resumed = true;
	expect(paclient_open(f.path, &o, &c, &call), 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* What the daemon says when it ends a session is the answer to all that follows. */
static void serve_end(struct fake *f, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	reply.status = (Pallocd__V1__Status)(intptr_t)f->arg;
	fake_send(fd, &reply);
}

START_TEST(ended_by_others)
{
	static const int statuses[] = {PACLIENT_SESSION_ENDED, PACLIENT_TOO_SLOW};
	uint64_t addr;
	struct fake f;
	paclient *c;

	for (int i = 0; i < 2; i++) {
		fake_start(&f, serve_end, (void *)(intptr_t)statuses[i]);
		c = fake_open(&f, 1000);
		expect(paclient_alloc(c, 3, 1, 0, &addr, &call), statuses[i]);
		expect(paclient_alloc(c, 3, 1, 0, &addr, &call), statuses[i]);
		paclient_close(c);
		fake_stop(&f);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_session");

	run_add(s, "options_travel", options_travel);
	run_add(s, "impossible_options", impossible_options);
	run_add(s, "older_programs_ask_for_nothing_new", older_programs_ask_for_nothing_new);
	run_add(s, "close_ends_and_leave_does_not", close_ends_and_leave_does_not);
	run_add(s, "close_leaves_nothing_unread", close_leaves_nothing_unread);
	run_add(s, "close_does_not_block", close_does_not_block);
	run_add(s, "older_daemon_is_not_asked", older_daemon_is_not_asked);
	run_add(s, "older_daemon_has_no_grace", older_daemon_has_no_grace);
	run_add(s, "bad_hello_replies", bad_hello_replies);
	run_add(s, "ended_by_others", ended_by_others);
	return suite_run(s);
}
