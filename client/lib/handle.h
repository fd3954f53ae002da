/*
 * handle - a connection, its session, and the calls that are in flight on it
 *
 * Role:       the data that all of the library shares, and who may touch what.
 * Uses:       proto/, include/paclient.h
 * Invariants: H1  everything in struct paclient is under its lock, except what says otherwise.
 *             H2  the lock is never held over a system call that may block.
 *             H3  at most one thread reads (`reading`); it owns `in` while it is without the lock.
 *             H4  the out and in buffers never grow; a call in the steady state takes no memory.
 *             H5  a call is in `flight` from the moment its bytes are in `out` until it is done; a
 *                 call that ran out of time leaves a struct late in its place.
 *             H7  what is in `flight` ascends by id, and so do requests on one connection.
 *             H8  while `link` is not LINK_UP nothing is in `out`, and the descriptor and `in` are the reader's.
 *             H9  a call that is submitted (op.h) has its bytes, and all that its reply needs, in memory of its own; it is in flight from then on,
 *                 and goes out like what is sent again where it cannot at once.
 *             H6  a watch's handle is used by one thread at a time and without the lock once its Watch has been answered.
 *
 * One thread of those that wait reads for all (the reader); the others sleep. A reader that has its
 * own reply wakes one sleeper, which reads on:
 *
 *	submit ──> reader ──> done, wake a sleeper
 *	   │         ^
 *	   └─> asleep┴──────> done by the reader
 *
 * A connection that is lost is made anew by the reader (link.c); calls in flight stay there, and are packed again.
 */
#ifndef PACLIENT_LIB_HANDLE_H
#define PACLIENT_LIB_HANDLE_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "include/paclient.h"
#include "client/lib/arena.h"
#include "client/lib/fds.h"
#include "client/lib/maps.h"
#include "client/lib/wire.h"
#include "proto/limits.h"
#include "proto/pallocd.pb-c.h"

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* A frame with its length field. */
#define FRAME_BYTES_MAX (PALLOCD_FRAME_HEADER_BYTES + PALLOCD_FRAME_BYTES_MAX)

/* Room for one longest frame behind whatever another thread could not send yet. */
#define OUT_BYTES ((size_t)2 * FRAME_BYTES_MAX)

/* As much as sockaddr_un has. */
#define SOCKET_PATH_BYTES 108

/* Node of a ring; an empty ring's head points to itself. */
struct ring {
	struct ring *prev;
	struct ring *next;
};

/* A request whose reply has not come: a call's, or that of one that has gone away. */
struct awaited {
	struct ring ring; /* in `flight` */
	uint64_t id;
	bool late; /* which of the two */
};

/* One call of the public interface, on its caller's stack. */
struct call {
	struct awaited awaited;
	struct ring asleep;
	struct paclient *client;
	struct paclient_error *error; /* the caller's, or scratch */
	/* The caller's, where it is of an older version: gets the begin of scratch at the end. */
	struct paclient_error *older;
	size_t older_bytes;
	uint64_t deadline_ns;
	int timeout_ms;
	uint64_t answered; /* as it was sent: what is sent again has the same bytes */

	/* What is asked: one of the two. */
	Pallocd__V1__Request *request;
	struct wire_extents extents;

	/* What is expected: the result's field number, and who reads it (one of the two, or none). */
	uint32_t result;
	int (*take)(struct call *k, const Pallocd__V1__Reply *reply);
	uint64_t *ret_addrs; /* Alloc */
	size_t scatter_max;  /* Alloc into so many extents; 0 = one for each entry */
	void *to;            /* take()'s */
	size_t to_bytes;     /* of what is on the caller's stack, of a call that may be submitted */

	/* Of a call that nobody waits for: see op.h. */
	struct paclient_call *user; /* NULL: it is waited for */
	struct op *op;              /* once it is submitted */

	int status;
	bool done;
	bool repeated; /* sent on more than one connection */
	bool fresh;    /* the clock was read just now: the first wait need not read it again */
	bool sleeps;   /* wake is initialised and in use */
	pthread_cond_t wake;
	struct paclient_error scratch;
};

/* What epoll says of a handle: see ready.h. */
struct ready {
	int fd; /* -1: nobody has asked for it */
	int timer_fd;
	int socket_fd;     /* that is watched; -1: none */
	bool to_send;      /* its becoming writable, too */
	uint64_t alarm_ns; /* when the timer goes off; 0: it does not */
};

/* A request whose caller has gone away at its deadline. */
struct late {
	/* Of the request; with id 0 extents wait to be given back, and the ring is `lates`. */
	struct awaited awaited;
	bool alloc;        /* an OK brings n addresses: extents that nobody holds */
	bool freeing;      /* the request is the Free of these */
	uint64_t answered; /* of that Free, as it was sent */
	/* Not 0: it brings up to n addresses and lengths, of so many pages in all. */
	uint64_t scattered_npages;
	uint32_t region_id;
	size_t n;
	uint64_t *addrs; /* in numbers, as npages is */
	uint64_t *npages;
	/* The request, to be sent again on another connection; behind the numbers. 0 bytes: it is not. */
	uint8_t *frame;
	size_t frame_bytes;
	uint64_t numbers[];
};

enum link {
	LINK_UP,
	LINK_DOWN,  /* there is no connection */
	LINK_HELLO, /* there is one, and its Hello is not answered yet */
};

struct paclient {
	/* Fixed after paclient_open(). */
	const volatile unsigned char
		*ours; /* a byte that reads 0 in a forked child; NULL = compare pid */
	pid_t pid;
	size_t map_bytes;
	int fd;
	int timeout_ms;
	uint64_t session;
	size_t frame_bytes_max;
	size_t batch_max;
	uint64_t features; /* bit enum paclient_feature: the daemon has it */
	uint64_t grace_ms; /* granted */
	bool resumed;
	bool has_token;
	uint8_t token[PALLOCD_TOKEN_BYTES];
	uint64_t restart_grace_ms;
	char server[64];
	char path[SOCKET_PATH_BYTES];
	struct {
		char client[PALLOCD_NAME_BYTES_MAX + 1];
		uint64_t grace_ms;
		bool accepts_handover;
		bool repeats;
	} asked; /* by Hello */

	/* The reader's: when the next connection may be tried, how long that waits, and chance. */
	uint64_t dial_at_ns;
	uint64_t dial_wait_ns;
	uint64_t dial_seed;

	pthread_mutex_t lock;
	enum link link;
	int link_errno;    /* why there is no connection; 0 = it was closed */
	bool repeats;      /* granted: a connection that is lost is made anew */
	uint64_t answered; /* what the daemon has been told on this connection */
	uint64_t
		resend_next; /* up to resend_last: requests of before that this connection has not seen */
	uint64_t resend_last;
	uint64_t nreconnects; /* atomic */
	struct ring flight;
	struct ring sleepers;
	struct ring lates; /* struct late, whose extents wait to be given back */
	uint64_t id_last;
	uint64_t id_untracked; /* up to here a late reply may come of which nothing is known */
	int broken;            /* status of every further call */
	struct paclient_error why;
	unsigned nwait_room; /* calls that are not in flight because `out` is full */
	bool reading;
	bool exact;    /* nothing is received beyond the frame that comes in: see watch.c */
	bool watching; /* a Watch has been answered: what comes from now on is the watch's to read */
	bool write_dead; /* nothing can be sent any more; what was sent to us can still be read */
	size_t out_start;
	size_t out_end;
	size_t in_end;         /* the reader's, as is `in` */
	struct ring deadlines; /* struct op, in flight, by deadline */
	struct ring over;      /* struct op, done and not told yet */
	struct ring queue;     /* the same of those that paclient_next() is asked for */
	unsigned processing;   /* threads within paclient_process() */
	bool closing;          /* by one of their callbacks */
	bool ending;           /* no call may be made any more */
	struct ready ready;
	struct ring caches; /* page caches on this handle, see cache.h */
	bool recalls;       /* atomic: there was one: Hello asks for Recalls */
	struct fds fds;
	struct maps maps; /* has a lock of its own */
	struct arena arena;
	uint8_t out[OUT_BYTES];
	uint8_t in[FRAME_BYTES_MAX];
};

static inline void ring_init(struct ring *r)
{
	r->prev = r->next = r;
}

static inline void ring_add_tail(struct ring *head, struct ring *r)
{
	r->prev = head->prev;
	r->next = head;
	head->prev->next = r;
	head->prev = r;
}

static inline void ring_remove(struct ring *r)
{
	r->prev->next = r->next;
	r->next->prev = r->prev;
	ring_init(r);
}

static inline bool ring_empty(const struct ring *head)
{
	return head->next == head;
}

#define RING_ITEM(r, type, member) ((type *)((char *)(r)-offsetof(type, member)))

#define AWAITED(r) RING_ITEM(r, struct awaited, ring)
#define CALL_OF(a) RING_ITEM(a, struct call, awaited)
#define LATE_OF(a) RING_ITEM(a, struct late, awaited)

/**
 * handle_open() - what paclient_open() does
 * @k:    not begun yet; on 0 its client is the new handle
 * @user: the caller's struct, or NULL
 * @once: for a watch: options that are about sessions mean nothing, and the handle is `exact`
 *
 * Return: 0, or a status told to @user.
 */
MUST_CHECK int handle_open(struct call *k, struct paclient_call *user, const char *socket_path,
			   const struct paclient_options *options, bool once);

/** handle_free() - the handle is gone, and so is its connection; nothing is said to the daemon. */
void handle_free(struct paclient *c);

/** handle_resending() - requests of before must go out first. Under the lock. */
static inline bool handle_resending(const struct paclient *c)
{
	return c->resend_next <= c->resend_last;
}

/** handle_is_ours() - false in a child that got the handle by fork(). */
static inline bool handle_is_ours(const struct paclient *c)
{
	return c->ours ? *c->ours : c->pid == getpid();
}

#endif
