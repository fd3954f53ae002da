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

struct call {
	struct rpc *rpc;
	struct rpc_conn *conn;
	const Pallocd__V1__Request *req;
	Pallocd__V1__Reply reply;
	Pallocd__V1__Refusal refusal;
	bool again; /* no answer yet: the frame is to be served again in a later turn */
	bool quick; /* the reply has no result message yet: quick_* below is packed by hand */
	const uint64_t *quick_addr;
	uint32_t quick_n;
	uint64_t quick_npages;
	char message[CALL_MESSAGE_BYTES];
};

/** call_refuse() - set status, field and message of the refusal; returns @status. */
enum pallocd_status call_refuse(struct call *c, enum pallocd_status status, const char *field,
				const char *fmt, ...) PRINTF_LIKE(4, 5);

/** call_refused() - as call_refuse(), where the message is written already. */
enum pallocd_status call_refused(struct call *c, enum pallocd_status status, const char *field);

/**
 * call_region() - the region that a request names by id or, where that is 0, by name
 *
 * Return: OK, or NO_REGION with the refusal set.
 */
MUST_CHECK enum pallocd_status call_region(struct call *c, uint32_t id, const char *name,
					   struct region **ret_region);

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
 * call_reclaim() - before anybody is refused because of what others hold: ended sessions give back theirs, however long that takes
 *
 * Return: true where that may have helped.
 */
MUST_CHECK bool call_reclaim(struct call *c);

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

/** call_fill_region() - what Region says about @r. */
void call_fill_region(const struct region *r, Pallocd__V1__Region *ret);

/** The verbs. */
enum pallocd_status hello_serve(struct call *c);
enum pallocd_status list_regions_serve(struct call *c);
enum pallocd_status region_info_serve(struct call *c);
enum pallocd_status alloc_serve(struct call *c);
enum pallocd_status free_serve(struct call *c);
enum pallocd_status grow_serve(struct call *c);
enum pallocd_status stat_serve(struct call *c);
enum pallocd_status map_serve(struct call *c);
enum pallocd_status why_serve(struct call *c);
enum pallocd_status fit_serve(struct call *c);
enum pallocd_status free_runs_serve(struct call *c);
enum pallocd_status resize_serve(struct call *c);
enum pallocd_status split_serve(struct call *c);
enum pallocd_status join_serve(struct call *c);
enum pallocd_status shrink_serve(struct call *c);
enum pallocd_status drain_serve(struct call *c);
enum pallocd_status reserve_serve(struct call *c);

/** walk_end() - the frame that took several turns is answered, or its connection closes: forget how far it had come. */
void walk_end(struct rpc_conn *conn);

/** request_unpack() - the request in a frame, as protobuf-c would; NULL where it holds none, or @a is too small for it. */
MUST_CHECK Pallocd__V1__Request *request_unpack(struct arena *a, const uint8_t *data, size_t n);

/** reply_pack() - append the reply as a frame; there is room for it. */
void reply_pack(struct call *c, struct rpc_out *out);

#endif
