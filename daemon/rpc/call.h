/*
 * call - one request on its way through: what a handler is given and how it answers
 *
 * Role:       shared by rpc's files. A handler sets a result in the reply and returns OK, or returns what call_refuse() gave
 *             it.
 * Uses:       rpc/rpc.h, proto/
 */
#ifndef PALLOCD_RPC_CALL_H
#define PALLOCD_RPC_CALL_H

#include "proto/pallocd.pb-c.h"
#include "proto/status.h"
#include "rpc/rpc.h"

/* A refusal's message for people; region names and numbers fit several times. */
#define CALL_MESSAGE_BYTES 512u

/* The id of a region on the wire: its index, from 1, and above it how often its memory has become another one. */
#define REGION_WIRE_NUMBER_BITS 16u
#define REGION_WIRE_NUMBER(id) ((id) & ((1u << REGION_WIRE_NUMBER_BITS) - 1))
_Static_assert(REGION_NUMBER_MAX < 1u << REGION_WIRE_NUMBER_BITS, "numbers of regions on the wire");

struct call {
	struct rpc *rpc;
	struct rpc_conn *conn;
	const Pallocd__V1__Request *req; /* NULL where none could be read, or none was asked */
	const struct verb *verb;         /* its verb; NULL where it is not known */
	Pallocd__V1__Reply
		reply; /* its result is the verb's own, cleared, but for verbs that say by_hand */
	Pallocd__V1__Refusal refusal;
	bool again;     /* no answer yet: the frame is to be served again in a later turn */
	bool waits;     /* no answer yet: the frame waits for space */
	bool closes;    /* the connection is to be closed after the reply */
	bool reclaimed; /* ended sessions have given back in this turn what the time allowed */
	const struct region *region; /* that it names; NULL: none, or not found yet */
	int fd;                      /* goes out with the reply; -1: none does */
	/* A request that has been done already: what it was answered. */
	const uint8_t *remembered;
	uint32_t remembered_n;
	enum region_durability durability; /* of what it changes; see call_changes() */
	bool quick; /* the reply has no result message yet: quick_* below is packed by hand */
	const uint64_t *quick_addr;
	uint32_t quick_n;
	uint64_t quick_npages;
	uint64_t quick_shared_npages;
	char message[CALL_MESSAGE_BYTES];
};

/** call_init() - nothing has been answered; @req may be NULL. */
void call_init(struct call *c, struct rpc_conn *conn, const Pallocd__V1__Request *req);

/** call_refuse() - set status, field and message of the refusal; returns @status. */
enum pallocd_status call_refuse(struct call *c, enum pallocd_status status, const char *field,
				const char *fmt, ...) PRINTF_LIKE(4, 5);

/** call_refused() - as call_refuse(), where the message is written already. */
enum pallocd_status call_refused(struct call *c, enum pallocd_status status, const char *field);

/** call_say_more() - append to the refusal's message, as far as there is room. */
void call_say_more(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** call_refuse_quota() - QUOTA: @used of @limit are in use, and @asked more (0: none) would be too much. @name is static. */
enum pallocd_status call_refuse_quota(struct call *c, const char *name, uint64_t limit,
				      uint64_t used, uint64_t asked);

/** conn_refuse_quota() - the same for a quota that rpc keeps; who watches is told. */
enum pallocd_status conn_refuse_quota(struct call *c, const char *name, uint64_t limit,
				      uint64_t used, uint64_t asked);

/** call_refuse_right() - DENIED: the caller has not @right (a bit of enum access_right; 0: not any) in @r. */
enum pallocd_status call_refuse_right(struct call *c, const struct region *r, unsigned right);

/** call_text() - is it a text that others may be shown: at most @max bytes of UTF-8 without control characters? Return: OK, LIMIT, INVALID. */
MUST_CHECK enum pallocd_status call_text(struct call *c, const char *field, const char *text,
					 size_t max);

/**
 * call_region() - the region that a request names by id or, where that is 0, by name; the caller may do there what the verb does
 *
 * Return: OK, or NO_REGION or DENIED with the refusal set.
 */
MUST_CHECK enum pallocd_status call_region(struct call *c, uint32_t id, const char *name,
					   struct region **ret_region);

/** region_wire_id() - what clients know @r by: another one for each generation, so that who means what is gone does not get what is there now. */
static inline uint32_t region_wire_id(const struct region *r)
{
	return r->number | (uint32_t)(r->generation - 1) << REGION_WIRE_NUMBER_BITS;
}

/**
 * call_changes() - the request is about to change something that lives as long as @d says: may it, and will its reply be remembered?
 * @r: NULL: it is no region's
 *
 * Return: OK; STORE_FAILED, LIMIT, NO_MEMORY with the refusal set, and then nothing may be changed.
 */
MUST_CHECK enum pallocd_status call_changes(struct call *c, const struct region *r);

/**
 * repeat_begin() - a request of a session that repeats: is its id in order, and has it been done already? Then c->remembered is the answer.
 *
 * Return: OK, INVALID with the refusal set.
 */
MUST_CHECK enum pallocd_status repeat_begin(struct call *c);

/** repeat_end() - the request, which has changed something, was answered so. */
void repeat_end(struct call *c, const uint8_t *frame, size_t n);

/** commits_init(), commits_deinit() - nothing is on its way. */
void commits_init(struct rpc *rpc);
void commits_deinit(struct rpc *rpc);

/** commits_retry() - try again what has failed, where that is due. Return: when it is due next; UINT64_MAX: nothing is failing. */
uint64_t commits_retry(struct rpc *rpc, uint64_t now_usec);

/** commit_failing() - why what changes in regions of @d cannot be written down: a negative errno; 0: it can. */
int commit_failing(const struct rpc *rpc, enum region_durability d);

/** durability_name() - for people. Static string. */
const char *durability_name(enum region_durability d);

/**
 * call_refuse_region() - name an outcome of region/ for the client
 * @field: the one that says how many pages; for REGION_E_CHUNKS the one that is no multiple
 *
 * REGION_E_AGAIN is none yet: as call_again().
 */
enum pallocd_status call_refuse_region(struct call *c, const struct region *r, int err,
				       const char *field, const struct region_refusal *rr);

/** call_refuse_in_use() - REGION_E_IN_USE, with the extents; @in_use lives until the reply is packed. */
enum pallocd_status call_refuse_in_use(struct call *c, const struct region *r,
				       const struct region_refusal *rr,
				       struct region_in_use *in_use);

/**
 * call_reclaim() - before anybody is refused because of what somebody holds: ended sessions give back theirs
 * @err: an outcome of region/
 *
 * Return: true where that may have helped: try once more. Where it did not, and they have more to give back than one turn has time
 * for, the next call says call_again().
 */
MUST_CHECK bool call_reclaim(struct call *c, int err);

/** call_placement() - a placement for region/. Return: OK, or INVALID with the refusal set for a rule or strategy that is not known. */
MUST_CHECK enum pallocd_status call_placement(struct call *c, const Pallocd__V1__Placement *m,
					      struct region_placement *ret);

/** call_take() - cleared memory until the reply is packed; NULL where there is none. */
MUST_CHECK void *call_take(struct call *c, size_t n, size_t size);

/** call_no_memory() - refuse with NO_MEMORY. */
enum pallocd_status call_no_memory(struct call *c);

/** call_measured() - let @serve do it, and add to the turn's cost the time that it took. */
enum pallocd_status call_measured(struct call *c, enum pallocd_status (*serve)(struct call *c));

/** call_again() - no answer yet: the frame is served again in the connection's next turn. */
enum pallocd_status call_again(struct call *c);

/** users_fill() - who uses @r, or the daemon where that is NULL, as far as the caller may know. Return: OK, NO_MEMORY. */
MUST_CHECK enum pallocd_status users_fill(struct call *c, const struct region *r,
					  Pallocd__V1__StatReply *reply);

/** call_fill_region() - what Region says about @r. Return: OK, NO_MEMORY. */
MUST_CHECK enum pallocd_status call_fill_region(struct call *c, const struct region *r,
						Pallocd__V1__Region *ret);

/** conn_lose_session() - @conn's session is another connection's, or has ended: it is answered SESSION_ENDED and cut. */
void conn_lose_session(struct rpc_conn *conn);

/** conn_refuse_ending() - why a connection is closed by us; see rpc_last_words(). */
enum pallocd_status conn_refuse_ending(struct call *c, enum pallocd_status status,
				       const char *what);

/** conn_turns_end() - the frame that took several turns is answered, or its connection closes: nothing of it goes on. */
void conn_turns_end(struct rpc_conn *conn);

/** walk_end() - the frame that took several turns is answered, or its connection closes: forget how far it had come. */
void walk_end(struct rpc_conn *conn);

/** watch_end() - @conn watches no more; nothing happens where it does not. */
void watch_end(struct rpc_conn *conn);

/** call_waits() - no answer yet: the frame is served again when somebody wakes the connection. */
enum pallocd_status call_waits(struct call *c);

/** busy_wait() - the request wants pages of @r that are busy: it is served again when some are no more. Return: as call_waits(). */
enum pallocd_status busy_wait(struct call *c, const struct region *r);

/** busy_end() - @conn's request waits for no busy pages any more; nothing happens where it does not. */
void busy_end(struct rpc_conn *conn);

/** busy_wake() - pages of @r are busy no more. */
void busy_wake(struct rpc *rpc, const struct region *r);

/** wait_wake() - @conn, which waits, is to be served again. */
void wait_wake(struct rpc_conn *conn);

/** wait_may_try() - is it the turn of @c's Alloc, which may wait: is nobody before it in @r, or its time over? */
bool wait_may_try(const struct call *c, const struct region *r);

/** wait_is_over() - has the Alloc waited as long as it wanted to? */
bool wait_is_over(const struct call *c);

/** wait_go_on() - there is no room in @r: the Alloc waits from now on, or still. Return: OK (no answer yet), QUOTA, NO_MEMORY. */
MUST_CHECK enum pallocd_status wait_go_on(struct call *c, const struct region *r,
					  uint64_t wait_msec);

/** wait_elapsed_msec() - how long @conn's Alloc has waited by now; 0 where it has not. */
uint64_t wait_elapsed_msec(const struct rpc_conn *conn, uint64_t asked_msec);

/** wait_end() - @conn's Alloc waits no more; nothing happens where it does not. */
void wait_end(struct rpc_conn *conn);

/** waiters_wake() - the first of each region's queue may try again, where the region's room has changed. */
void waiters_wake(struct rpc *rpc);

/** waiters_refuse() - @r is closed: all of its queue are served again. */
void waiters_refuse(struct rpc *rpc, const struct region *r);

/** waiters_expire() - wake those whose time is over. Return: when the next one's is; UINT64_MAX. */
uint64_t waiters_expire(struct rpc *rpc, uint64_t now_usec);

/** waiters_count() - in @r's queue. */
uint32_t waiters_count(const struct rpc *rpc, const struct region *r);

/** recall_expect() - @conn's session leases blocks: from now on it is told when others want space. */
void recall_expect(struct rpc_conn *conn);

/** recall_end() - it is not any more; nothing happens where it was not. */
void recall_end(struct rpc_conn *conn);

/** recall_heard() - @conn asks for something: it has read what it was told, as far as anybody can know. */
void recall_heard(struct rpc_conn *conn);

/** recall_wanted() - somebody has found no space in @r, or it has become low: whoever leases blocks there is told, unless that was just done. */
void recall_wanted(struct rpc *rpc, struct region *r);

/** recalls_run() - who still waits is still in want of space. Return: when this is to be called again; UINT64_MAX: nobody waits. */
uint64_t recalls_run(struct rpc *rpc, uint64_t now_usec);

/** waiters_deinit() - nobody waits. */
void waiters_deinit(struct rpc *rpc);

/** work_reclaim() - a slice of what ended sessions left behind, RPC_WORK_USEC. Return: true if nothing is left. */
bool work_reclaim(struct rpc *rpc);

/** faults_report() - a region that closed itself is shown to the administrator, once. */
void faults_report(const struct rpc *rpc);

/** request_unpack() - the request in a frame, as protobuf-c would; NULL where it holds none, or @a is too small for it. */
MUST_CHECK Pallocd__V1__Request *request_unpack(struct arena *a, const uint8_t *data, size_t n);

/** reply_pack() - append the reply as a frame; there is room for it. */
void reply_pack(struct call *c, struct rpc_out *out);

#endif
