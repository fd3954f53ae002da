/*
 * watch.h - be told what happens: the part of paclient.h about events
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_WATCH_H
#define PACLIENT_WATCH_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* One connection that is told what happens. */
typedef struct paclient_watch paclient_watch;

enum paclient_event_kind {
	PACLIENT_EVENT_LOST = 0,           /* nothing but a count in lost */
	PACLIENT_EVENT_ALLOC = 1,          /* addr, npages, session_id or uid */
	PACLIENT_EVENT_FREE = 2,           /* the same; also what an extent loses at one end */
	PACLIENT_EVENT_GROW = 3,           /* addr, npages */
	PACLIENT_EVENT_SHRINK = 4,         /* addr, npages */
	PACLIENT_EVENT_SESSION_OPEN = 5,   /* session_id, uid, pid */
	PACLIENT_EVENT_SESSION_GRACE = 6,  /* its connection is gone: cause */
	PACLIENT_EVENT_SESSION_RESUME = 7, /* it has one again */
	PACLIENT_EVENT_SESSION_END = 8,    /* cause */
	PACLIENT_EVENT_SPACE_LOW = 9,      /* npages: still free or to be grown */
	PACLIENT_EVENT_SPACE_OK = 10,      /* npages: again enough */
	PACLIENT_EVENT_QUOTA = 11,         /* text: the quota; limit, used, asked */
	PACLIENT_EVENT_HANDOVER = 12,      /* addr, npages, the new owner's session_id or uid */
	PACLIENT_EVENT_RECLAIM = 13 /* npages of an ended session given back; the first addr */
};

/** paclient_event_name() - "session-open"; "unknown" for a newer daemon's. Static string. */
PACLIENT_API const char *paclient_event_name(int kind);

/* Why a session has ended. */
enum paclient_cause {
	PACLIENT_CAUSE_NONE = 0,
	PACLIENT_CAUSE_CLOSED = 1, /* its connection was closed */
	PACLIENT_CAUSE_DIED = 2,   /* its process died */
	PACLIENT_CAUSE_ASKED = 3,  /* it asked for it */
	PACLIENT_CAUSE_KILLED = 4, /* someone entitled did */
	PACLIENT_CAUSE_GRACE = 5   /* its grace time was over */
};

/** paclient_cause_name() - "died"; "unknown" for a newer daemon's. Static string. */
PACLIENT_API const char *paclient_cause_name(int cause);

/* Numbers that do not apply are 0, text is "". */
struct paclient_event {
	size_t size; /* sizeof(struct paclient_event) */
	int kind;    /* enum paclient_event_kind */
	int cause;   /* enum paclient_cause */
	/* Just before this one so many others were lost, because this program was too slow. A time
	 * without a daemon counts as one. */
	uint64_t lost;
	uint64_t time_usec; /* since 1970 */
	uint64_t addr;
	uint64_t npages;
	uint64_t session_id;
	uint32_t region_id;
	uint32_t uid;
	uint32_t pid;
	char text[PACLIENT_LABEL_BYTES];
	uint64_t limit;
	uint64_t used;
	uint64_t asked;
	/* ALLOC: no placement was asked for, so that it is the lowest run that was long enough. */
	bool first_fit;
};

/* Which events: all that is set must hold. PACLIENT_WATCH_FILTER_INIT sets nothing: all of them. */
struct paclient_watch_filter {
	size_t size;         /* sizeof(struct paclient_watch_filter) */
	uint64_t kinds;      /* bits UINT64_C(1) << enum paclient_event_kind; 0 = all */
	uint64_t session_id; /* 0 = any */
	const char *region;  /* by name, where region_id is 0; NULL = of all and of sessions */
	uint32_t region_id;  /* of this region alone */
	bool by_uid;         /* about this user */
	uint32_t uid;
};

#define PACLIENT_WATCH_FILTER_INIT                                            \
	{                                                                     \
		sizeof(struct paclient_watch_filter), 0, 0, NULL, 0, false, 0 \
	}

/**
 * paclient_watch_open() - be told what happens from now on
 * @socket_path: as for paclient_open()
 * @options:     the same; grace_ms, token and accepts_handover mean nothing here
 * @filter:      only read; NULL = everything
 * @ret_watch:   the caller gives it back with paclient_watch_close()
 *
 * Events of other users' sessions and quotas are for root and the daemon's own user, those of a
 * region for who has any right there. Nobody waits for a watcher: one that is slow loses events, and
 * is told how many. Where the daemon is started again the watch is set up again, and an event of kind
 * PACLIENT_EVENT_LOST says that something may have been missed.
 * A watch is used by one thread at a time, and not by a child of fork(2).
 * Blocks until the daemon has answered. Errors as paclient_open(), and NO_REGION, DENIED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_watch_open(const char *socket_path,
							 const struct paclient_options *options,
							 const struct paclient_watch_filter *filter,
							 paclient_watch **ret_watch,
							 struct paclient_call *call);

/**
 * paclient_watch_fd() - for poll(2): readable when paclient_watch_next() has something to do
 *
 * Return: a descriptor that belongs to the watch and stays the same over restarts of the daemon; it is
 * for polling alone; -1 for NULL. After it was readable, call
 * paclient_watch_next() with a timeout of 0 until it says TIMED_OUT: one read may bring many events.
 */
PACLIENT_API int paclient_watch_fd(const paclient_watch *watch);

/**
 * paclient_watch_next() - the next event
 * @ret_event:  the caller's; its size field says how much of it is written
 * @timeout_ms: wait for it so long; 0 = not at all; -1 = for ever
 * @call:       only for the error; its timeout means nothing here
 *
 * Blocks; signals do not end the waiting. Return: 0; TIMED_OUT: none came, which leaves the watch as
 * it was; DISCONNECTED: the daemon is gone, and none has come back within the options' timeout or
 * paclient_restart_grace_ms(), whichever is longer; as any call.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_watch_next(paclient_watch *watch,
							 struct paclient_event *ret_event,
							 int timeout_ms,
							 struct paclient_call *call);

/* Sees one event, which is valid until it returns. Not 0: enough. */
typedef int paclient_event_fn(const struct paclient_event *event, void *ctx);

/**
 * paclient_watch_run() - show one event after the other to a function
 * @each: called on this thread until it returns something but 0; may not close the watch
 * @ctx:  its second argument
 * @call: only for the error
 *
 * Blocks as long as a daemon is there. Return: 0 where @each wanted no more; DISCONNECTED; as any
 * call, but never TIMED_OUT.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_watch_run(paclient_watch *watch,
							paclient_event_fn *each, void *ctx,
							struct paclient_call *call);

/** paclient_watch_close() - no more events; NULL is allowed. Does not block. */
PACLIENT_API void paclient_watch_close(paclient_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
