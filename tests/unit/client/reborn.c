/*
 * reborn - a daemon that dies at chosen points and comes back
 *
 * Role:       see reborn.h.
 * Uses:       fake.h, behind.h, check
 */
#include "tests/unit/client/reborn.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool read_all(int fd, uint8_t *to, size_t n)
{
	return recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

/* The next request, noted; NULL at the end. */
static Pallocd__V1__Request *hear(struct reborn_conn *conn, int fd)
{
	uint8_t head[4], msg[REBORN_FRAME_BYTES];
	Pallocd__V1__Request *q;
	unsigned i = conn->nframes;
	size_t n;

	if (!read_all(fd, head, sizeof(head)))
		return NULL;
	n = (size_t)head[0] | (size_t)head[1] << 8;
	ck_assert_uint_le(n, sizeof(msg));
	if (!read_all(fd, msg, n))
		return NULL;
	q = pallocd__v1__request__unpack(NULL, n, msg);
	ck_assert_ptr_nonnull(q);
	if (q->verb_case == PALLOCD__V1__REQUEST__VERB_HELLO)
		return q;
	ck_assert_uint_gt(q->id, conn->last_id);
	conn->last_id = q->id;
	if (i == REBORN_FRAMES)
		return q;
	conn->frames[i].id = q->id;
	conn->frames[i].answered = q->answered;
	conn->frames[i].verb = q->verb_case;
	conn->frames[i].n = n;
	memcpy(conn->frames[i].bytes, msg, n);
	conn->nframes++;
	return q;
}

static void hello_answer(struct reborn *r, struct reborn_conn *conn, enum act act,
			 const Pallocd__V1__Request *q, int fd)
{
	Pallocd__V1__HelloReply h = PALLOCD__V1__HELLO_REPLY__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__Feature features[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

	reply.id = q->id;
	conn->repeats = q->hello->repeats;
	conn->resumed = q->hello->token.len == 16 &&
			!memcmp(q->hello->token.data, "the fake's token", 16);
	if (act == ACT_NO_SESSION && q->hello->token.len) {
		reply.status = PALLOCD__V1__STATUS__NO_SESSION;
		fake_send(fd, &reply);
		return;
	}
	h.version = PALLOCD_PROTOCOL_VERSION;
	h.session = conn->resumed ? 7 : 8;
	h.server = (char *)"fake 1";
	h.features = features;
	h.n_features = act == ACT_OLD ? 11 : 12;
	h.token = (ProtobufCBinaryData){16, (uint8_t *)"the fake's token"};
	h.resumed = conn->resumed && act != ACT_NEW_SESSION;
	h.repeats = q->hello->repeats && act != ACT_OLD && act != ACT_NO_REPEATS;
	h.restart_grace_msec = r->grace_ms;
	h.last_id = r->last_id;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	reply.hello = &h;
	fake_send(fd, &reply);
}

/* What is done is done once. Return: bytes of the reply in @to. */
static size_t serve(struct reborn *r, const Pallocd__V1__Request *q, uint8_t *to)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__WatchReply watch = PALLOCD__V1__WATCH_REPLY__INIT;
	unsigned i;

	for (i = 0; i < r->nremembered && i < REBORN_FRAMES; i++) {
		if (r->remembered[i].id == q->id) {
			memcpy(to, r->remembered[i].frame, r->remembered[i].n);
			return r->remembered[i].n;
		}
	}
	i = r->nremembered % REBORN_FRAMES;
	reply.id = q->id;
	if (q->verb_case == PALLOCD__V1__REQUEST__VERB_WATCH) {
		reply.result_case = PALLOCD__V1__REPLY__RESULT_WATCH;
		reply.watch = &watch;
		return fake_frame(&reply, to);
	}
	r->remembered[i].id = q->id;
	r->remembered[i].n = fake_answer(&r->fake, q, r->remembered[i].frame);
	memcpy(to, r->remembered[i].frame, r->remembered[i].n);
	r->nremembered++;
	return r->remembered[i].n;
}

/* All requests that there are, or as many as the plan says. */
static void serve_all(struct reborn *r, struct reborn_conn *conn, int fd, unsigned nreads)
{
	Pallocd__V1__Request *q;
	uint8_t frame[512];

	while (nreads-- && (q = hear(conn, fd))) {
		size_t n = serve(r, q, frame);

		if (q->verb_case == PALLOCD__V1__REQUEST__VERB_HELLO)
			hello_answer(r, conn, ACT_SERVE, q, fd);
		else
			fake_write(fd, frame, n);
		pallocd__v1__request__free_unpacked(q, NULL);
	}
}

/* @send: bytes of the first reply, where it is done at all; SIZE_MAX: all. */
static void read_and_die(struct reborn *r, struct reborn_conn *conn, int fd, bool done, bool half,
			 bool whole)
{
	uint8_t frame[512];

	for (unsigned i = 0; i < r->nreads; i++) {
		Pallocd__V1__Request *q = hear(conn, fd);
		size_t n = done && q ? serve(r, q, frame) : 0;

		if (!i && half)
			fake_write(fd, frame, n / 2);
		else if (!i && whole)
			fake_write(fd, frame, n);
		if (q)
			pallocd__v1__request__free_unpacked(q, NULL);
	}
}

/* Whatever is asked has been done, and nobody knows what came of it. */
static void serve_forgotten(struct reborn_conn *conn, int fd)
{
	Pallocd__V1__Refusal refusal = PALLOCD__V1__REFUSAL__INIT;
	Pallocd__V1__Request *q;

	refusal.field = (char *)"id";
	while ((q = hear(conn, fd))) {
		Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

		reply.id = q->id;
		reply.status = PALLOCD__V1__STATUS__INVALID;
		reply.refusal = &refusal;
		fake_send(fd, &reply);
		pallocd__v1__request__free_unpacked(q, NULL);
	}
}

/* An event at address nevents. */
static void serve_watch(struct reborn *r, struct reborn_conn *conn, enum act act, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__Event event = PALLOCD__V1__EVENT__INIT, *events = &event;
	Pallocd__V1__Events list = PALLOCD__V1__EVENTS__INIT;
	Pallocd__V1__Request *q = hear(conn, fd);
	uint8_t frame[512];

	if (!q)
		return;
	reply.id = q->id;
	if (act == ACT_NO_WATCH) {
		reply.status = PALLOCD__V1__STATUS__STALE;
		fake_send(fd, &reply);
	} else {
		fake_write(fd, frame, serve(r, q, frame));
		event.kind = PALLOCD__V1__EVENT_KIND__EVENT_ALLOC;
		event.addr = r->nevents++;
		list.events = &events;
		list.n_events = 1;
		reply.result_case = PALLOCD__V1__REPLY__RESULT_EVENTS;
		reply.events = &list;
		fake_send(fd, &reply);
	}
	pallocd__v1__request__free_unpacked(q, NULL);
	if (act == ACT_EVENT_STAYS)
		hear(conn, fd);
}

static void act_out(struct reborn *r, struct reborn_conn *conn, enum act act, int fd)
{
	switch (act) {
	case ACT_SERVE:
	case ACT_NEW_SESSION:
	case ACT_NO_REPEATS:
		serve_all(r, conn, fd, UINT32_MAX);
		return;
	case ACT_NO_SESSION:
		/* Another Hello may come, on another connection. */
		if (conn->resumed)
			serve_all(r, conn, fd, UINT32_MAX);
		else
			serve_watch(r, conn, ACT_EVENT_STAYS, fd);
		return;
	case ACT_DIE_READ:
	case ACT_OLD:
		read_and_die(r, conn, fd, false, false, false);
		return;
	case ACT_DIE_DONE:
		read_and_die(r, conn, fd, true, false, false);
		return;
	case ACT_DIE_HALF:
		read_and_die(r, conn, fd, true, true, false);
		return;
	case ACT_DIE_FIRST:
		read_and_die(r, conn, fd, true, false, true);
		return;
	case ACT_DIE_ANSWERED:
		serve_all(r, conn, fd, r->nreads);
		return;
	case ACT_FORGOTTEN:
		serve_forgotten(conn, fd);
		return;
	case ACT_EVENT:
	case ACT_EVENT_STAYS:
	case ACT_NO_WATCH:
		serve_watch(r, conn, act, fd);
		return;
	case ACT_DIE_AT_DOOR:
	case ACT_DIE_UNREAD:
	case ACT_OVERLOADED:
		return;
	}
}

static void overloaded(int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	reply.status = PALLOCD__V1__STATUS__OVERLOADED;
	fake_send(fd, &reply);
}

static void listen_again(struct reborn *r)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strcpy(a.sun_path, r->fake.path);
	unlink(r->fake.path);
	ck_assert_int_eq(bind(r->fake.listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(r->fake.listener, 64), 0);
}

/* The descriptor's number stays: the thread that accepts goes on with it. */
static void listen_no_more(struct reborn *r)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(dup3(fd, r->fake.listener, O_CLOEXEC), r->fake.listener);
	close(fd);
	if (r->gone)
		unlink(r->fake.path);
}

void reborn_back(struct reborn *r)
{
	r->back = true;
}

static void script(struct fake *f, int fd)
{
	struct reborn *r = f->arg;
	unsigned i = r->nconns < REBORN_CONNS ? r->nconns : REBORN_CONNS - 1;
	enum act act = r->acts[i < r->nacts ? i : r->nacts - 1];
	Pallocd__V1__Request *q;

	r->nconns++;
	r->conns[i].last_id = 0;
	if (act == ACT_OVERLOADED) {
		overloaded(fd);
		return;
	}
	q = hear(&r->conns[i], fd);
	if (!q)
		return;
	ck_assert_int_eq(q->verb_case, PALLOCD__V1__REQUEST__VERB_HELLO);
	if (act != ACT_DIE_AT_DOOR) {
		/* Who has gone by then may have said something all the same. */
		hello_answer(r, &r->conns[i], act, q, fd);
		act_out(r, &r->conns[i], act, fd);
	}
	pallocd__v1__request__free_unpacked(q, NULL);
	if ((r->away_ms || r->away) && !i) {
		listen_no_more(r);
		shutdown(fd, SHUT_RDWR);
		usleep(r->away_ms * 1000);
		while (r->away && !r->back)
			usleep(1000);
		listen_again(r);
	}
}

void reborn_start(struct reborn *r, const enum act *acts, unsigned nacts)
{
	memset(r, 0, sizeof(*r));
	r->acts = acts;
	r->nacts = nacts;
	r->nreads = 1;
	r->grace_ms = 30000;
	fake_start(&r->fake, script, r);
}

void reborn_stop(struct reborn *r)
{
	r->back = true;
	fake_stop(&r->fake);
}
