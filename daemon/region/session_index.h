/*
 * session_index - sessions by id, by token and by deadline
 *
 * Role:       finds sessions for session.c and regions_check.c.
 * Uses:       base/, region/session.h
 * Invariants: I1  ids ascend; a slot without a session is one whose session is gone.
 *             I2  a slot without a session skips nothing but such slots.
 *             I3  a session whose token can be used is in the chain of its token's slot, others are in none.
 * Cost:       by token O(1), by id and next O(log sessions), amortized.
 */
#ifndef PALLOCD_REGION_SESSION_INDEX_H
#define PALLOCD_REGION_SESSION_INDEX_H

#include "region/session.h"

struct id_slot {
	uint64_t id;
	struct session *session; /* NULL: it is gone */
	uint32_t skip;           /* gone: there is none before this slot */
};

struct session_index {
	struct heap deadlines;
	struct id_slot *ids; /* ids only grow: who comes last has the highest */
	uint32_t nids, ids_size;
	uint32_t nlive;
	struct session **tokens; /* chains, by the first bytes of the token */
	uint32_t ntokens, tokens_size;
};

/** index_reserve() - room for one more session, in an index that is made where there is none. Return: 0, -ENOMEM (as before). */
MUST_CHECK int index_reserve(struct session_index **x);

/** index_free() - NULL is allowed. */
void index_free(struct session_index *x);

/** index_add() - a session with the highest id, and its token; there is room. */
void index_add(struct session_index *x, struct session *s);

/** index_remove() - a session is gone. */
void index_remove(struct session_index *x, const struct session *s);

/** index_forget_token() - nobody can resume @s any more. */
void index_forget_token(struct session_index *x, struct session *s);

/** index_by_token(), index_by_id(), index_next() - the session of that token, of that id, with the next id; NULL: there is none. */
struct session *index_by_token(const struct session_index *x,
			       const uint8_t token[SESSION_TOKEN_BYTES]);
struct session *index_by_id(const struct session_index *x, uint64_t id);
struct session *index_next(struct session_index *x, uint64_t after);

/** index_check() - recount I1 to I3 and the heap; @buf receives what is wrong. */
MUST_CHECK bool index_check(const struct session_index *x, char *buf, size_t size);

#endif
