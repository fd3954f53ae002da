/*
 * stream - what a daemon sends after a Watch, and how the bytes come
 *
 * Role:       events made of one number each, so that a test can tell which one has arrived, and whether all of it has.
 * Uses:       fake.h
 */
#ifndef TESTS_CLIENT_STREAM_H
#define TESTS_CLIENT_STREAM_H

#include "tests/unit/client/fake.h"

/* The reply to a Watch with id 2, and what follows it. */
struct stream {
	uint8_t bytes[32768];
	size_t n;
	size_t at;       /* not 0: a pause behind so many of them; ONE_BY_ONE: behind each */
	size_t end;      /* not 0: the connection ends behind so many */
	bool ends;       /* the connection ends behind all of them */
	uint8_t raw[64]; /* the Watch as it came */
};

#define ONE_BY_ONE SIZE_MAX

/** stream_init() - nothing but the WatchReply. */
void stream_init(struct stream *s);

/** stream_add() - one more frame. */
void stream_add(struct stream *s, Pallocd__V1__Reply *reply);

/** stream_events() - a frame of events @first to @first + @n - 1, with @lost before them. */
void stream_events(struct stream *s, unsigned first, unsigned n, uint64_t lost);

/** event_is() - the test fails unless @e is event @i, with @lost before it. */
void event_is(const struct paclient_event *e, unsigned i, uint64_t lost);

/** serve_stream() - a script: Hello, the Watch, and the struct stream in f->arg. */
fake_script serve_stream;

#endif
