/*
 * fake - a daemon that does what a test's script says
 *
 * Role:       listens on a socket of its own folder; one thread serves one connection after another by a script.
 * Uses:       proto/, pthread
 */
#ifndef TESTS_CLIENT_FAKE_H
#define TESTS_CLIENT_FAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/paclient.h"
#include "proto/limits.h"
#include "proto/pallocd.pb-c.h"

struct fake;

/* Serves one connection; returns when it is done with it. */
typedef void fake_script(struct fake *f, int fd);

struct fake {
	char dir[64];
	char path[96];
	int listener;
	pthread_t thread;
	fake_script *script;
	void *arg;             /* the script's */
	unsigned nconnections; /* served so far */
	unsigned long nallocs; /* of fake_serve(): extents that are out now */
	uint64_t next_addr;
	uint64_t frees[64]; /* addresses of Frees, as they came */
	unsigned nfrees;
	uint64_t freed_npages; /* by all of them */
	bool old;              /* announces no features */
	uint64_t nlisted; /* extents that List knows: one page each, at every second page from 0 */
	bool placed;      /* the last Alloc, Why or Fit had a placement: this one */
	Pallocd__V1__Placement placement;
};

/** fake_start() - begin to listen, one thread serving by @script; aborts where it cannot. */
void fake_start(struct fake *f, fake_script *script, void *arg);

/** fake_stop() - no more connections; waits for the script to return. */
void fake_stop(struct fake *f);

/** fake_open() - a handle on the fake with this timeout; the test fails where there is none. */
paclient *fake_open(struct fake *f, int timeout_ms);

/** fake_read() - the next Request, to be freed with protobuf-c; NULL at the end of the connection. */
Pallocd__V1__Request *fake_read(int fd);

/** fake_write() - all bytes; false where the other side has gone. */
bool fake_write(int fd, const void *bytes, size_t n);

/** fake_frame() - the frame of @reply in @to. Return: its length with header. */
size_t fake_frame(const Pallocd__V1__Reply *reply, uint8_t *to);

/** fake_send() - the frame of @reply, at once. */
bool fake_send(int fd, const Pallocd__V1__Reply *reply);

/** fake_hello() - read a Hello and answer it. */
bool fake_hello(int fd);

/** fake_answer() - the reply of a well-behaved daemon to @request, as a frame in @to. Return: its length. */
size_t fake_answer(struct fake *f, const Pallocd__V1__Request *request, uint8_t *to);

/** fake_answer_space() - the same for what changes extents and regions: Resize, Split, ... */
size_t fake_answer_space(struct fake *f, Pallocd__V1__Reply *reply, const Pallocd__V1__Request *q,
			 uint8_t *to);

/** fake_answer_owners() - the same for what has to do with owners: Sessions, Lookup, Share, ... */
size_t fake_answer_owners(struct fake *f, Pallocd__V1__Reply *reply, const Pallocd__V1__Request *q,
			  uint8_t *to);

/**
 * fake_users() - the users that Stat asks for: 3 and 1000, then the highest that there can be; in region 98 out of order, in region
 * 97 none although there are more
 */
void fake_users(const Pallocd__V1__Stat *q, Pallocd__V1__StatReply *to);

/** fake_raw() - a script: keeps the frame after Hello in f->arg, FAKE_RAW_BYTES, answers and ends. */
fake_script fake_raw;
#define FAKE_RAW_BYTES 256

/** fake_serve() - a script: a well-behaved daemon until the client goes. */
fake_script fake_serve;

#endif
