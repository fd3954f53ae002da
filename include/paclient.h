/*
 * paclient.h - take and give back pages of an address space that pallocd(8) manages
 *
 * A handle is one connection to the daemon and one session: what it takes without PACLIENT_DETACHED
 * goes back when the handle is closed or the process dies, however it dies; with a grace time
 * (struct paclient_options), when that has passed and nobody has resumed the session. What becomes
 * of it then is the region's to say: enum paclient_death.
 *
 *	paclient *pa;
 *	uint32_t region;
 *	uint64_t addr;
 *	struct paclient_call call = PACLIENT_CALL_INIT;
 *
 *	if (paclient_open(NULL, NULL, &pa, &call) ||
 *	    paclient_region_open(pa, "ddr", &region, &call) ||
 *	    paclient_alloc(pa, region, 16, 0, &addr, &call))
 *		errx(1, "%s", call.error.message);
 *
 * Results. Every call that can fail returns 0 or a positive enum paclient_status; results behind
 * ret_ pointers are written only on 0. The last argument may be NULL; a struct paclient_call there
 * sets the deadline of this one call and receives what there is to say about a failure.
 *
 * Deadlines. Every call that talks to the daemon blocks until the reply is there, at most until its
 * deadline: the handle's timeout, or the call's own. The clock is CLOCK_MONOTONIC, and waiting for
 * other threads of the handle counts, and so does an alloc of theirs that waits for space: the
 * daemon serves a connection's requests one after the other. After PACLIENT_TIMED_OUT the handle goes on working: a late
 * reply is thrown away, and extents that it brings are given back as soon as a later call reads it.
 * What the daemon did about any other call that changes something and timed out is not known.
 *
 * Restarts. When the connection is lost in the midst of a call, because the daemon has died or is
 * started again, the call makes it anew, goes on with the session and says again what was not
 * answered; the daemon knows what it has done already. The caller sees nothing of it but that the
 * call takes longer, at most until its deadline; after PACLIENT_TIMED_OUT the next call tries on. A
 * session that the daemon does not know any more, because it was away for longer than
 * paclient_restart_grace_ms() or keeps nothing, is over: PACLIENT_SESSION_ENDED. All this happens
 * within calls alone: a program that makes none for long calls paclient_keep() now and then.
 * Daemons without PACLIENT_FEATURE_REPEAT know none of this: PACLIENT_DISCONNECTED.
 *
 * Not waiting. A call whose struct paclient_call has a done() is submitted, and returns at once: any
 * number may be in flight, from one thread or several, and one descriptor says when there is something
 * to do. See async.h.
 *
 * Threads. Several threads may use one handle at once; their requests are in flight together.
 * paclient_close() must be the last call on a handle.
 *
 * Fork. A child's copy of a handle is inert: every call gives PACLIENT_BAD_ARGUMENT, and closing it
 * does not disturb the parent. The descriptor is close-on-exec.
 *
 * Manners. The library never prints, exits, installs a signal handler or raises SIGPIPE.
 *
 * Errors of every call, besides its own: PACLIENT_TIMED_OUT; PACLIENT_DISCONNECTED (the daemon went
 * away, and the session with it; whether a call that changes something was done is not known);
 * PACLIENT_STORE_FAILED from all that changes something (nothing was changed; it may work later);
 * PACLIENT_STALE from all that name a region by an id of before (its memory is gone, and all that was
 * held of it: paclient_region_open() gives the new id); PACLIENT_PROTOCOL (its reply made no sense); after either, or any
 * status with which the daemon ends a connection (SESSION_ENDED, TOO_SLOW, ...), the handle can only
 * be closed. PACLIENT_BAD_ARGUMENT, PACLIENT_OUT_OF_MEMORY, PACLIENT_SYSTEM; PACLIENT_NO_MEMORY from
 * the daemon, and PACLIENT_DENIED from all that changes something. PACLIENT_UNKNOWN_VERB: the daemon
 * is older than the call, or than something that the call asks for (paclient_has()); nothing is
 * ever left out silently. More statuses may be added: treat an unknown one as a failure.
 *
 * Structs that begin with a size have it set by the caller (the _INIT macros do), so that fields
 * can be added at their end without breaking programs. A page count is called npages; its size in
 * bytes is the region's page_size_bytes. Addresses are byte addresses of the region, not of this
 * process.
 *
 * Values of enums that the daemon sends are handed on as numbers: one that is newer than this
 * library has the name "unknown".
 */
#ifndef PACLIENT_H
#define PACLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PACLIENT_API __attribute__((visibility("default")))
#define PACLIENT_MUST_CHECK __attribute__((warn_unused_result))

#define PACLIENT_VERSION_MAJOR 0
#define PACLIENT_VERSION_MINOR 1
#define PACLIENT_VERSION_PATCH 0

/* Where the system's daemon listens. */
#define PACLIENT_DEFAULT_SOCKET "/run/pallocd/pallocd.sock"

/* The deadline of a call where nobody sets one, in milliseconds. */
#define PACLIENT_DEFAULT_TIMEOUT_MS 5000

/* Bytes of a region's, a client's or an extent's name, with the terminating NUL. */
#define PACLIENT_NAME_BYTES 64

/* Bytes of an extent's label, with the terminating NUL. */
#define PACLIENT_LABEL_BYTES 128

/* Bytes of a quota's name, with the terminating NUL. */
#define PACLIENT_QUOTA_BYTES 32

/* Bytes of the token that a session is resumed with. */
#define PACLIENT_TOKEN_BYTES 16

/* One handle: a connection and its session. */
typedef struct paclient paclient;

/* Below 64 the daemon says it, from 64 on the library. A value keeps its meaning for ever. */
enum paclient_status {
	PACLIENT_OK = 0,
	PACLIENT_MALFORMED = 1, /* the daemon could not read a request; the connection is over */
	PACLIENT_FRAME_TOO_LONG = 2, /* a request was longer than allowed; the connection is over */
	PACLIENT_UNKNOWN_VERB = 3,   /* the daemon is older than this call */
	PACLIENT_HELLO_REQUIRED = 4, /* never seen by users of this library */
	PACLIENT_VERSION = 5,        /* no protocol version in common */
	PACLIENT_INVALID = 6,        /* a value is impossible; error.field names it */
	PACLIENT_LIMIT = 7,          /* more than allowed; error.limit says how much is */
	PACLIENT_NO_REGION = 8,      /* no region of that name or id */
	PACLIENT_NO_SPACE = 9, /* no run of free pages is long enough; error has the numbers */
	PACLIENT_OUT_OF_REGION = 10, /* the range does not lie in the region */
	PACLIENT_UNALIGNED = 11,     /* the address is not the beginning of a page */
	PACLIENT_NOT_ALLOCATED = 12, /* some page of the range is not allocated */
	PACLIENT_NOT_OWNER = 13,     /* some page of the range is held by another owner */
	PACLIENT_NO_MEMORY = 14,     /* none for this request, or to put behind its pages */
	PACLIENT_FAULTED = 15,       /* the region is closed because its state is inconsistent */
	PACLIENT_OVERLOADED = 16,    /* the daemon takes no more connections */
	PACLIENT_NOT_FREE = 17,      /* some page of the fixed range is not free */
	PACLIENT_IN_USE = 18,        /* extents are in the way; error lists the first of them */
	PACLIENT_NO_SESSION = 19,    /* no session of that id or token, or its grace time is over */
	PACLIENT_DENIED = 20,        /* the right to do this is missing; error.field names it */
	PACLIENT_QUOTA = 21,      /* error.field: the quota; limit, used, asked: how far it goes */
	PACLIENT_NOT_FOUND = 22,  /* no extent of that name, or none begins at that address */
	PACLIENT_NAME_TAKEN = 23, /* another extent of the region has that name */
	PACLIENT_SHARED = 24,     /* several hold the extent: it can only be released, whole */
	PACLIENT_TOO_SLOW = 25,   /* too slow for the daemon; the connection is over */
	PACLIENT_SESSION_ENDED = 26, /* by someone entitled, or resumed elsewhere; it is over */
	PACLIENT_STORE_FAILED =
		27,              /* the daemon cannot write changes down now; nothing is changed */
	PACLIENT_STALE = 28,     /* the memory of the region is gone, and all that was held of it */
	PACLIENT_TIMED_OUT = 64, /* the deadline passed before the reply came */
	PACLIENT_NOT_CONNECTED = 65, /* no daemon answers at this socket */
	PACLIENT_DISCONNECTED = 66,  /* the daemon closed the connection */
	PACLIENT_BAD_ARGUMENT = 67,  /* an argument of the call is impossible */
	PACLIENT_PROTOCOL = 68,      /* the daemon's reply can't be understood */
	PACLIENT_OUT_OF_MEMORY = 69, /* this program has no memory for the call */
	PACLIENT_SYSTEM = 70,        /* a system call failed; error.system_errno says why */
	PACLIENT_PENDING =
		71, /* no failure: the call is submitted, and not over yet; see async.h */
	PACLIENT_CANCELLED = 72 /* by paclient_cancel(), or because the handle was closed */
};

/* Pages [addr, addr + npages). */
struct paclient_range {
	uint64_t addr;
	uint64_t npages;
};

/* Extents in the way that an error lists. */
#define PACLIENT_ERROR_EXTENTS_MAX 8

/* What there is to say about a failure. Numbers that do not apply are 0, text is "". */
struct paclient_error {
	int status;        /* enum paclient_status; 0 after success, and then nothing else counts */
	int system_errno;  /* errno behind NOT_CONNECTED, DISCONNECTED, SYSTEM */
	uint32_t index;    /* entry of a batch that is at fault, from 0 */
	char field[32];    /* argument that is at fault: "npages", "addr", ... */
	char message[256]; /* one sentence for a person, never empty after a failure */
	uint64_t asked;    /* value asked for */
	uint64_t limit;    /* largest value allowed */
	uint64_t free_npages;     /* NO_SPACE: pages free in the region */
	uint64_t largest_npages;  /* NO_SPACE: longest run of free pages */
	uint64_t growable_npages; /* NO_SPACE: pages that the region may still grow by */
	uint64_t addr;            /* first address at fault */
	uint64_t placed_npages;   /* NO_SPACE: longest run that the placement allows */
	uint64_t aligned_npages;  /* NO_SPACE: that its alignment and boundary alone allow */
	uint64_t bounded_npages;  /* NO_SPACE: that its bounds alone allow */
	uint64_t nextents;        /* IN_USE: extents in the way */
	size_t nlisted;           /* IN_USE: of these, so many are listed here */
	struct paclient_range extents[PACLIENT_ERROR_EXTENTS_MAX]; /* the lowest, ascending */
	uint64_t used;         /* QUOTA: so much of the limit is in use */
	uint64_t quota_npages; /* NO_SPACE: pages that the quotas leave to the caller here */
};

/* Deadline and outcome of one call. Belongs to the caller; may be used for one call after another.
 */
struct paclient_call {
	size_t size;                 /* sizeof(struct paclient_call) */
	int timeout_ms;              /* from the start of the call; 0 = the handle's timeout */
	struct paclient_error error; /* written by the call */
	/* Set: the call does not block, and this is called when it is over; see async.h. */
	void (*done)(struct paclient_call *call);
	void *user; /* the caller's, never looked at */
	void *op;   /* the library's: NULL when the struct is made, and whenever no call uses it */
};

#define PACLIENT_CALL_INIT                                                                        \
	{                                                                                         \
		sizeof(struct paclient_call), 0,                                                  \
			{0, 0, 0, "", "", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {{0, 0}}, 0, 0}, NULL, \
			NULL, NULL                                                                \
	}

struct paclient_options {
	size_t size;             /* sizeof(struct paclient_options) */
	const char *client_name; /* for operators, 63 bytes at most; NULL = the program's */
	int timeout_ms;          /* deadline of a call that sets none; 0 = the default */
	/* Of a session of this user's, from paclient_token(): go on with it; NULL = a new one. */
	const uint8_t *token;
	size_t token_bytes;    /* PACLIENT_TOKEN_BYTES with a token */
	bool accepts_handover; /* other users may hand extents over to this session */
	/* The session outlives its connection so long; 0 = not at all. The daemon may grant less. */
	int grace_ms;
	bool no_reconnect; /* a connection that is lost is not made anew: PACLIENT_DISCONNECTED */
	/* paclient_open() waits for a daemon until its deadline, where none answers at first. */
	bool wait_for_daemon;
};

#define PACLIENT_OPTIONS_INIT                                                             \
	{                                                                                 \
		sizeof(struct paclient_options), NULL, 0, NULL, 0, false, 0, false, false \
	}

/**
 * paclient_open() - connect to a daemon and begin a session
 * @socket_path: of the Unix socket, at most 107 bytes; NULL = PACLIENT_DEFAULT_SOCKET
 * @options:     copied; NULL = the defaults
 * @ret_client:  the handle; the caller gives it back with paclient_close()
 * @call:        see above; may be NULL
 *
 * Blocks until the daemon has answered. A session that is resumed may still have a connection, which
 * is then over (SESSION_ENDED).
 * Errors of its own: NOT_CONNECTED (nobody listens there, or the socket may not be used; with
 * wait_for_daemon, still not at the deadline), VERSION,
 * OVERLOADED, QUOTA, LIMIT for too long a client name, NO_SESSION about the token, UNKNOWN_VERB where
 * the daemon knows no grace time, token or handover and one is asked for.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_open(const char *socket_path,
						   const struct paclient_options *options,
						   paclient **ret_client,
						   struct paclient_call *call);

/**
 * paclient_close() - end the session; its extents go back, detached ones stay
 *
 * @client: no call may be running on it; NULL is allowed. Does not block.
 *
 * A session with a grace time is ended at once, too: the daemon is told so. Where even that cannot
 * be sent without blocking, the session ends when its grace time has passed. The same goes for any
 * session whose connection is lost at that moment: where the daemon cannot be told at once, it ends
 * when paclient_restart_grace_ms() has passed.
 */
PACLIENT_API void paclient_close(paclient *client);

/**
 * paclient_leave() - give the handle back and leave the session in its grace time
 *
 * @client: no call may be running on it; NULL is allowed. Does not block.
 *
 * Who has the token goes on with the session, in this process or another. Without a grace time this
 * is paclient_close().
 */
PACLIENT_API void paclient_leave(paclient *client);

/**
 * paclient_token() - what the session can be resumed with; whoever of this user knows it can
 *
 * Return: true; false for NULL, and where the daemon gave none. Does not block.
 */
PACLIENT_API PACLIENT_MUST_CHECK bool paclient_token(const paclient *client,
						     uint8_t ret_token[PACLIENT_TOKEN_BYTES]);

/** paclient_grace_ms() - the grace time that the daemon has granted; 0 for NULL. Does not block. */
PACLIENT_API uint64_t paclient_grace_ms(const paclient *client);

/**
 * paclient_restart_grace_ms() - the session can be gone on with so long after the daemon has died
 *
 * Return: 0 for NULL, and where the session ends with the daemon. Does not block.
 */
PACLIENT_API uint64_t paclient_restart_grace_ms(const paclient *client);

/** paclient_reconnects() - how often the connection was lost and made anew; 0 for NULL. Does not block. */
PACLIENT_API uint64_t paclient_reconnects(const paclient *client);

/**
 * paclient_keep() - see to it that the session has a connection
 *
 * For programs that hold something and make no calls for long: nobody else notices that the daemon
 * was started again. Called more often than paclient_restart_grace_ms() it loses nothing.
 * One system call where the connection is there; else blocks until it is made anew.
 * Errors of its own: SESSION_ENDED (the daemon knows the session no more).
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_keep(paclient *client, struct paclient_call *call);

/** paclient_resumed() - the session is the one that options.token names. Does not block. */
PACLIENT_API bool paclient_resumed(const paclient *client);

/* What a daemon may be too old for. */
enum paclient_feature {
	PACLIENT_FEATURE_PLACEMENT = 1, /* struct paclient_placement, paclient_why(), _fit() */
	PACLIENT_FEATURE_SCATTER = 2,   /* paclient_alloc_scattered() */
	PACLIENT_FEATURE_RESHAPE = 3,   /* paclient_resize(), _split(), _join() */
	PACLIENT_FEATURE_SPACE = 4,   /* paclient_shrink(), _drain(), _reserve(), _grow_at(), ... */
	PACLIENT_FEATURE_RESUME = 5,  /* grace time, token, paclient_sessions(), _session_kill() */
	PACLIENT_FEATURE_NAMES = 6,   /* names, labels, paclient_lookup(), _list(), _annotate() */
	PACLIENT_FEATURE_SHARING = 7, /* paclient_share(), _release(), _handover() */
	PACLIENT_FEATURE_QUOTAS = 8,  /* paclient_quotas() */
	PACLIENT_FEATURE_WATCH = 9,   /* paclient_watch_open() */
	PACLIENT_FEATURE_WAIT = 10,   /* paclient_alloc_options.wait_ms */
	/* paclient_attach(), _map(), _scavenge(); paclient_alloc_options.commit and zero */
	PACLIENT_FEATURE_BACKING = 11,
	PACLIENT_FEATURE_REPEAT = 12, /* calls outlive the daemon: see "Restarts" above */
	PACLIENT_FEATURE_CHECK = 13,  /* paclient_check(), _free_extent() */
	PACLIENT_FEATURE_USERS = 14,  /* paclient_users() */
	PACLIENT_FEATURE_LEASE = 15   /* paclient_cache_open() */
};

/** paclient_has() - the daemon can do this (enum paclient_feature). Does not block. */
PACLIENT_API bool paclient_has(const paclient *client, int feature);

/** paclient_session_id() - the daemon's number of the session; 0 for NULL. Does not block. */
PACLIENT_API uint64_t paclient_session_id(const paclient *client);

/**
 * paclient_server_name() - name and version of the daemon, as it says; "" for NULL
 *
 * Return: a string that belongs to the handle and lives as long. Does not block.
 */
PACLIENT_API const char *paclient_server_name(const paclient *client);

/** paclient_batch_max() - extents that one batch may have, as the daemon says. Does not block. */
PACLIENT_API size_t paclient_batch_max(const paclient *client);

/* What may be done in a region: bits. */
enum paclient_right {
	PACLIENT_RIGHT_ALLOC = 1 << 0,     /* take pages, and resize what one has */
	PACLIENT_RIGHT_ATTACH_RO = 1 << 1, /* share; read the memory behind the pages */
	PACLIENT_RIGHT_ATTACH_RW = 1 << 2, /* write it, too */
	/* Free, resize, split, join, annotate, hand over what others hold. */
	PACLIENT_RIGHT_FREE_ANY = 1 << 3,
	PACLIENT_RIGHT_GROW = 1 << 4,
	PACLIENT_RIGHT_ADMIN = 1 << 5 /* shrink, drain, reserve */
};

/** paclient_right_name() - "attach-ro" for that one bit; "unknown" for others. Static string. */
PACLIENT_API const char *paclient_right_name(unsigned right);

/* What becomes of the extents of a session that has ended. */
enum paclient_death {
	PACLIENT_DEATH_FREE = 0,       /* they are free at once */
	PACLIENT_DEATH_QUARANTINE = 1, /* they stay the session's for a time, then they are free */
	PACLIENT_DEATH_KEEP = 2        /* they are the user's, as if they had been detached */
};

/** paclient_death_name() - "quarantine"; "unknown" for a newer daemon's. Static string. */
PACLIENT_API const char *paclient_death_name(int death);

/* How long it is remembered who holds what. */
enum paclient_durability {
	PACLIENT_DURABILITY_NONE = 0,    /* as long as the daemon runs */
	PACLIENT_DURABILITY_PROCESS = 1, /* until the system goes down */
	PACLIENT_DURABILITY_MACHINE = 2  /* always */
};

/** paclient_durability_name() - "process"; "unknown" for a newer daemon's. Static string. */
PACLIENT_API const char *paclient_durability_name(int durability);

/* A region as the daemon describes it. */
struct paclient_region {
	size_t size;  /* bytes of this struct that are valid */
	uint32_t id;  /* valid until the daemon starts without the memory of before: STALE */
	bool faulted; /* closed because its state is inconsistent */
	char name[PACLIENT_NAME_BYTES];
	uint64_t base_addr;        /* lowest address of the region */
	uint64_t page_size_bytes;  /* power of two */
	uint64_t limit_npages;     /* it never grows beyond */
	uint64_t grown_npages;     /* pages that there are now */
	uint64_t free_npages;      /* of these, pages that may be had */
	uint64_t auto_grow_npages; /* an alloc without room grows the region by this; 0 = never */
	bool best_fit;             /* PACLIENT_BEST may be asked for */
	/* Of the grown pages, those that nobody holds and nobody may get: reserved, or drained. */
	uint64_t held_npages;
	uint32_t rights;        /* bits of enum paclient_right: what the caller may do here */
	int death;              /* enum paclient_death */
	uint64_t quarantine_ms; /* PACLIENT_DEATH_QUARANTINE: so long */
	uint64_t low_npages;    /* space is low below so many free or growable pages; 0 = never */
	int backing;            /* enum paclient_backing_kind: what stands behind the addresses */
	int commit; /* enum paclient_commit: what an alloc gets that does not say; LAZY or NOW */
	/* Memory comes and goes in units of so many bytes; 0 where there is no backing. */
	uint64_t backing_page_bytes;
	bool sanitize;  /* pages are cleared before anybody gets them */
	bool releases;  /* memory behind free pages can be given back to the system */
	int durability; /* enum paclient_durability: how long it is remembered who holds what */
	/* From 1; rises when the daemon starts without the memory of before: then nothing is held. */
	uint64_t generation;
};

/* All regions, ascending by id. Array and regions belong to the list. */
struct paclient_region_list {
	size_t nregions;
	struct paclient_region **regions;
};

/**
 * paclient_regions() - all regions that the daemon has
 * @ret_list: the caller gives it back with paclient_regions_free()
 *
 * Blocks; asks several times where one reply does not hold them all.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_regions(paclient *client,
						      struct paclient_region_list **ret_list,
						      struct paclient_call *call);

/** paclient_regions_free() - give back a list with its regions; NULL is allowed. */
PACLIENT_API void paclient_regions_free(struct paclient_region_list *list);

/**
 * paclient_region_open() - the id of a region, by which all other calls name it
 * @name: at most 63 bytes
 *
 * Blocks. Errors of its own: NO_REGION, BAD_ARGUMENT for an empty or too long name.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_region_open(paclient *client, const char *name,
							  uint32_t *ret_region_id,
							  struct paclient_call *call);

/**
 * paclient_region_by_name() - a region as it is now, its id included
 * @name:     at most 63 bytes
 * @ret_info: the caller's; its size field says how much of it is written
 *
 * Blocks. Errors of its own: as paclient_region_open().
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_region_by_name(paclient *client, const char *name,
							     struct paclient_region *ret_info,
							     struct paclient_call *call);

/**
 * paclient_region_info() - a region as it is now
 * @ret_info: the caller's; its size field says how much of it is written
 *
 * Blocks. Errors of its own: NO_REGION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_region_info(paclient *client, uint32_t region_id,
							  struct paclient_region *ret_info,
							  struct paclient_call *call);

/* Ranges of a region. The array belongs to the list. */
struct paclient_range_list {
	size_t nranges;         /* listed here, ascending, not touching each other */
	uint64_t nranges_total; /* that there are; more than listed where the list was cut */
	struct paclient_range *ranges;
};

/**
 * paclient_region_ranges() - the address ranges that a region has been grown by
 * @ret_list: the caller gives it back with paclient_ranges_free()
 *
 * Blocks. Errors of its own: NO_REGION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_region_ranges(paclient *client, uint32_t region_id,
							    struct paclient_range_list **ret_list,
							    struct paclient_call *call);

/**
 * paclient_region_reserved() - the ranges that nobody may ever get, grown or not
 * @ret_list: the caller gives it back with paclient_ranges_free()
 *
 * Blocks. Errors of its own: NO_REGION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_region_reserved(paclient *client, uint32_t region_id,
							      struct paclient_range_list **ret_list,
							      struct paclient_call *call);

/**
 * paclient_region_drained() - the ranges where nothing new is placed
 * @ret_list: the caller gives it back with paclient_ranges_free()
 *
 * Blocks. Errors of its own: NO_REGION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_region_drained(paclient *client, uint32_t region_id,
							     struct paclient_range_list **ret_list,
							     struct paclient_call *call);

/** paclient_ranges_free() - give back a list; NULL is allowed. */
PACLIENT_API void paclient_ranges_free(struct paclient_range_list *list);

/* Flag of an alloc: the extent outlives the session and belongs to the user (uid) instead. */
#define PACLIENT_DETACHED 1u

/**
 * paclient_alloc() - take one extent
 * @npages:   its length, from 1
 * @flags:    0 or PACLIENT_DETACHED
 * @ret_addr: its first address; the session (or user) holds it until paclient_free()
 *
 * Blocks. A detached extent whose call timed out and whose handle is closed before a later call has
 * read the late reply stays with the user.
 * Errors of its own: NO_REGION, NO_SPACE (with numbers), QUOTA, INVALID, LIMIT, FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_alloc(paclient *client, uint32_t region_id,
						    uint64_t npages, unsigned flags,
						    uint64_t *ret_addr, struct paclient_call *call);

/**
 * paclient_alloc_batch() - take several extents in one request: all of them or none
 * @n:         how many, 1 to paclient_batch_max()
 * @npages:    the length of each
 * @ret_addrs: room for @n addresses, in the same order
 *
 * Blocks. Errors as paclient_alloc(); error.index says which entry is at fault.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_alloc_batch(paclient *client, uint32_t region_id,
							  size_t n, const uint64_t *npages,
							  unsigned flags, uint64_t *ret_addrs,
							  struct paclient_call *call);

/**
 * paclient_free() - give pages back: an extent, a part of one, or several that touch
 * @addr:   of the first page
 * @npages: how many
 *
 * Blocks. What is left of a cut extent stays held; pages that others share stay theirs. After a
 * failure nothing has changed.
 * Errors of its own: NO_REGION, INVALID, OUT_OF_REGION, UNALIGNED, NOT_ALLOCATED, NOT_OWNER, SHARED
 * (a part of an extent that others share), FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_free(paclient *client, uint32_t region_id,
						   uint64_t addr, uint64_t npages,
						   struct paclient_call *call);

/**
 * paclient_free_batch() - give several ranges back in one request: all of them or none
 * @n:      how many, 1 to paclient_batch_max()
 * @addrs:  the first address of each
 * @npages: the length of each
 *
 * Blocks. Errors as paclient_free() and LIMIT; error.index says which entry is at fault.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_free_batch(paclient *client, uint32_t region_id,
							 size_t n, const uint64_t *addrs,
							 const uint64_t *npages,
							 struct paclient_call *call);

/* What a free has come to. */
struct paclient_freed {
	size_t size;            /* sizeof(struct paclient_freed) */
	uint64_t npages;        /* given back in all */
	uint64_t shared_npages; /* of these, pages that others hold on to: they are not free */
};

/**
 * paclient_free_with() - paclient_free_batch() that says what it has come to
 * @ret_freed: the caller's; its size field says how much of it is written
 *
 * Blocks. Errors as paclient_free_batch().
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_free_with(paclient *client, uint32_t region_id,
							size_t n, const uint64_t *addrs,
							const uint64_t *npages,
							struct paclient_freed *ret_freed,
							struct paclient_call *call);

/** paclient_status_name() - "NO_SPACE" for PACLIENT_NO_SPACE; "UNKNOWN" for others. Static string.
 */
PACLIENT_API const char *paclient_status_name(int status);

/** paclient_status_sentence() - what the status says, for people. Static string. */
PACLIENT_API const char *paclient_status_sentence(int status);

/** paclient_status_exit_code() - with which paclient(1) ends after this status; 1 for unknown ones.
 */
PACLIENT_API int paclient_status_exit_code(int status);

/** paclient_version() - of the library, "0.1.0". Static string. */
PACLIENT_API const char *paclient_version(void);

#ifdef __cplusplus
}
#endif

/* The rest, by subject. */
#include "paclient/async.h"
#include "paclient/cache.h"
#include "paclient/check.h"
#include "paclient/extents.h"
#include "paclient/memory.h"
#include "paclient/place.h"
#include "paclient/reshape.h"
#include "paclient/session.h"
#include "paclient/space.h"
#include "paclient/stat.h"
#include "paclient/users.h"
#include "paclient/watch.h"

#endif
