/*
 * stream - a daemon that is watched
 *
 * Role:       see stream.h.
 * Uses:       fake.h, check
 */
#include "tests/unit/client/stream.h"

#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void stream_add(struct stream *s, Pallocd__V1__Reply *reply)
{
	s->n += fake_frame(reply, s->bytes + s->n);
}

void stream_init(struct stream *s)
{
	Pallocd__V1__WatchReply w = PALLOCD__V1__WATCH_REPLY__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	memset(s, 0, sizeof(*s));
	reply.id = 2;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_WATCH;
	reply.watch = &w;
	stream_add(s, &reply);
}

/* Event @i of a kind that depends on it, with numbers that all differ. */
static void event_fill(Pallocd__V1__Event *e, unsigned i)
{
	pallocd__v1__event__init(e);
	e->kind = (Pallocd__V1__EventKind)(i % 20 + 1);
	e->time_usec = UINT64_C(1700000000000000) + i;
	e->region_id = i + 1;
	e->addr = i * 4096;
	e->npages = i + 2;
	e->session = i + 3;
	e->uid = i + 4;
	e->pid = i + 5;
	e->cause = (Pallocd__V1__EndCause)(i % 8);
	e->text = (char *)"user_pages";
	e->limit = i + 6;
	e->used = i + 7;
	e->asked = i + 8;
}

void stream_events(struct stream *s, unsigned first, unsigned n, uint64_t lost)
{
	static Pallocd__V1__Event events[PALLOCD_EVENTS_MAX], *pointers[PALLOCD_EVENTS_MAX];
	Pallocd__V1__Events list = PALLOCD__V1__EVENTS__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	for (unsigned i = 0; i < n; i++) {
		pointers[i] = &events[i];
		event_fill(&events[i], first + i);
	}
	list.events = pointers;
	list.n_events = n;
	list.lost = lost;
	reply.id = 2;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_EVENTS;
	reply.events = &list;
	stream_add(s, &reply);
}

void event_is(const struct paclient_event *e, unsigned i, uint64_t lost)
{
	ck_assert_uint_eq(e->size, sizeof(*e));
	ck_assert_int_eq(e->kind, (int)(i % 20 + 1));
	ck_assert_int_eq(e->cause, (int)(i % 8));
	ck_assert_uint_eq(e->lost, lost);
	ck_assert_uint_eq(e->time_usec, UINT64_C(1700000000000000) + i);
	ck_assert(e->region_id == i + 1 && e->addr == i * 4096 && e->npages == i + 2);
	ck_assert(e->session_id == i + 3 && e->uid == i + 4 && e->pid == i + 5);
	ck_assert(e->limit == i + 6 && e->used == i + 7 && e->asked == i + 8);
	ck_assert_str_eq(e->text, "user_pages");
}

void serve_stream(struct fake *f, int fd)
{
	struct stream *s = f->arg;
	size_t n = s->end ? s->end : s->n;

	fake_hello(fd);
	if (recv(fd, s->raw, 4, MSG_WAITALL) != 4 || s->raw[0] > 60 ||
	    recv(fd, s->raw + 4, s->raw[0], MSG_WAITALL) != s->raw[0])
		return;
	if (s->at == ONE_BY_ONE) {
		for (size_t i = 0; i < n; i++) {
			fake_write(fd, s->bytes + i, 1);
			usleep(100);
		}
	} else {
		fake_write(fd, s->bytes, s->at);
		usleep(s->at ? 300 : 0);
		fake_write(fd, s->bytes + s->at, n - s->at);
	}
	if (!s->end && !s->ends)
		fake_read(fd);
}
