/*
 * verb - the one table of verbs
 *
 * Role:       for each verb its messages, what it takes to be allowed to use it, and who serves it.
 * Uses:       rpc/call.h
 */
#ifndef PALLOCD_RPC_VERB_H
#define PALLOCD_RPC_VERB_H

#include "rpc/call.h"

struct verb {
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *reply;
	Pallocd__V1__Reply__ResultCase result;
	enum pallocd_status (*serve)(struct call *c);
	unsigned
		right; /* in the region that it names: a bit of enum access_right; 0: any of them */
	bool opens;    /* the one verb that a connection begins with */
	bool measured; /* what it costs is read from the clock */
	bool by_hand;  /* its handler makes the reply */
	bool changes; /* what it changes is truth, which is to be written down, and not to be done twice */
};

/*
 * X(NAME, name, what is not as usual). The names are those of the messages, and of the functions that serve them.
 */
#define VERB_TABLE(X)                                                                 \
	X(HELLO, hello, .opens = true)                                                \
	X(LIST_REGIONS, list_regions, )                                               \
	X(REGION_INFO, region_info, )                                                 \
	X(ALLOC, alloc, .right = ACCESS_ALLOC, .by_hand = true, .changes = true)      \
	X(FREE, free, .by_hand = true, .changes = true)                               \
	X(GROW, grow, .right = ACCESS_GROW, .measured = true, .changes = true)        \
	X(STAT, stat, )                                                               \
	X(MAP, map, )                                                                 \
	X(WHY, why, .measured = true)                                                 \
	X(FIT, fit, .measured = true)                                                 \
	X(RESIZE, resize, .right = ACCESS_ALLOC, .measured = true, .changes = true)   \
	X(SPLIT, split, .measured = true, .changes = true)                            \
	X(JOIN, join, .measured = true, .changes = true)                              \
	X(SHRINK, shrink, .right = ACCESS_ADMIN, .measured = true, .changes = true)   \
	X(DRAIN, drain, .right = ACCESS_ADMIN, .measured = true, .changes = true)     \
	X(RESERVE, reserve, .right = ACCESS_ADMIN, .measured = true, .changes = true) \
	X(FREE_RUNS, free_runs, .measured = true)                                     \
	X(SESSIONS, sessions, .measured = true)                                       \
	X(END_SESSION, end_session, .measured = true, .changes = true)                \
	X(LOOKUP, lookup, )                                                           \
	X(LIST, list, .measured = true)                                               \
	X(ANNOTATE, annotate, .measured = true, .changes = true)                      \
	X(SHARE, share, .right = ACCESS_ATTACH_RO, .measured = true, .changes = true) \
	X(RELEASE, release, .measured = true, .changes = true)                        \
	X(HANDOVER, handover, .measured = true, .changes = true)                      \
	X(QUOTAS, quotas, )                                                           \
	X(WATCH, watch, .measured = true)                                             \
	X(ATTACH, attach, .right = ACCESS_ATTACH_RO)                                  \
	X(SCAVENGE, scavenge, .right = ACCESS_ADMIN, .measured = true)                \
	X(CHECK, check, .right = ACCESS_ADMIN, .measured = true)

#define VERB_DECLARE(NAME, name, ...) enum pallocd_status name##_serve(struct call *c);
VERB_TABLE(VERB_DECLARE)
#undef VERB_DECLARE

/** verb_get() - by its field's number in Request; NULL for one that is not known. */
const struct verb *verb_get(uint64_t number);

#endif
