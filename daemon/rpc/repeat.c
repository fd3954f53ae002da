/*
 * repeat - what a client asks for twice is done once
 *
 * Role:       a client that has lost its connection, or its daemon, does not know whether what was not answered was done. It resumes its session and
 *             asks again under the same ids. What changed something is answered as it was, byte for byte; what changed nothing is served anew,
 *             which comes to the same.
 * Uses:       base/, region/, rpc/verb.h
 * Invariants: E1  a session's memory has the reply to each request that has changed something and was not said to be answered; done is the highest such id
 *                 that there ever was.
 *             E2  a reply is remembered before it leaves, and written down with what it tells of (session_changed()).
 *             E3  no memory is longer than PALLOCD_REPEAT_BYTES_MAX; room for the reply is there before anything is changed.
 */
#include <assert.h>
#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "rpc/verb.h"

/* The first room for the replies that one session may leave unanswered. */
#define REPEAT_BYTES_MIN 512u

/* Frames looked at in the time that one request takes. */
#define LOOK_FRAMES 64u

#define FRAME_ID_AT \
	(PALLOCD_FRAME_HEADER_BYTES + 1) /* behind the tag of Reply.id, which is never 0 here */

static uint32_t frame_bytes(const uint8_t *frame)
{
	uint32_t n;

	memcpy(&n, frame, sizeof(n));
	return PALLOCD_FRAME_HEADER_BYTES + le32toh(n);
}

static uint64_t frame_id(const uint8_t *frame)
{
	const uint8_t *p = frame + FRAME_ID_AT;
	uint64_t id = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		id |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p++ & 0x80))
			break;
	}
	return id;
}

/* Those in front go. One that was done after a higher one goes with that; nobody asks for it any more. */
static void answered_drop(struct session_memory *m, uint64_t answered)
{
	uint32_t at = 0;

	while (at < m->n && frame_id(m->replies + at) <= answered)
		at += frame_bytes(m->replies + at);
	if (!at)
		return;
	m->n -= at;
	memmove(m->replies, m->replies + at, m->n);
}

static bool remembered_find(struct call *c, const struct session_memory *m)
{
	uint32_t nlooked = 0;

	if (LIKELY(c->req->id > m->done))
		return false;
	for (uint32_t at = 0; at < m->n; at += frame_bytes(m->replies + at)) {
		nlooked++;
		if (frame_id(m->replies + at) != c->req->id)
			continue;
		c->remembered = m->replies + at;
		c->remembered_n = frame_bytes(m->replies + at);
		break;
	}
	c->rpc->cost += nlooked / LOOK_FRAMES;
	return c->remembered;
}

static enum pallocd_status ids_check(struct call *c)
{
	uint64_t id = c->req->id, last = c->conn->last_id;

	c->refusal.asked = id;
	if (id <= last)
		return call_refuse(c, PALLOCD_INVALID, "id",
				   "id %" PRIu64 " after %" PRIu64
				   ": the ids of a session that repeats ascend from 1, on each of "
				   "its connections",
				   id, last);
	if (c->req->answered >= id) {
		c->refusal.asked = c->req->answered;
		c->refusal.limit = id - 1;
		return call_refuse(c, PALLOCD_INVALID, "answered",
				   "the request with the id %" PRIu64
				   " says that the reply to %" PRIu64 " has come",
				   id, c->req->answered);
	}
	return PALLOCD_OK;
}

enum pallocd_status repeat_begin(struct call *c)
{
	struct session *s = c->conn->session;
	enum pallocd_status status;

	if (c->conn->nturns)
		return PALLOCD_OK;
	status = ids_check(c);
	if (UNLIKELY(status))
		return status;
	c->refusal.asked = 0;
	c->conn->last_id = c->req->id;
	if (c->req->answered > s->answered) {
		s->answered = c->req->answered;
		for (unsigned d = 0; d < REGION_DURABILITIES; d++)
			answered_drop(&s->memory[d], s->answered);
	}
	if (!c->verb->changes)
		return PALLOCD_OK;
	if (UNLIKELY(c->req->id <= s->answered)) {
		c->refusal.asked = c->req->id;
		return call_refuse(c, PALLOCD_INVALID, "id",
				   "the reply to the request with the id %" PRIu64
				   " has come, as the client has said: it is not remembered",
				   c->req->id);
	}
	for (unsigned d = 0; d < REGION_DURABILITIES; d++) {
		if (!remembered_find(c, &s->memory[d]))
			continue;
		c->rpc->counters.repeated++;
		/* It may not be where it has to be yet. */
		if (c->rpc->commit_done < c->rpc->commit_last)
			c->rpc->commit.repeated = c->rpc->regions->changed = true;
		break;
	}
	return PALLOCD_OK;
}

/* No reply to the request that says OK is longer; with its length field. */
static uint32_t reply_bytes_max(const Pallocd__V1__Request *req)
{
	const Pallocd__V1__Alloc *m = req->alloc;
	size_t n;

	switch ((int)req->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_ALLOC:
		n = m->scatter_extents ? 2 * (size_t)m->scatter_extents : m->n_npages;
		if (m->block)
			n = (size_t)m->block * PALLOCD_BLOCK_NPAGES;
		if (n > 2 * PALLOCD_BATCH_EXTENTS_MAX)
			n = 2 * PALLOCD_BATCH_EXTENTS_MAX;
		return (uint32_t)(64 + 10 * n);
	case PALLOCD__V1__REQUEST__VERB_SHARE:
		return 512;
	case PALLOCD__V1__REQUEST__VERB_DRAIN:
		return 64 + 20 * PALLOCD_IN_USE_EXTENTS_MAX;
	default:
		return 96;
	}
}

static uint32_t memory_bytes(const struct session *s)
{
	uint32_t n = 0;

	for (unsigned d = 0; d < REGION_DURABILITIES; d++)
		n += s->memory[d].n;
	return n;
}

static enum pallocd_status room_reserve(struct call *c, struct session_memory *m)
{
	uint32_t used = memory_bytes(c->conn->session), need = reply_bytes_max(c->req);
	uint32_t size = m->size ? m->size : REPEAT_BYTES_MIN;
	uint8_t *replies;

	if (UNLIKELY(used + need > PALLOCD_REPEAT_BYTES_MAX)) {
		c->refusal.used = used;
		c->refusal.limit = PALLOCD_REPEAT_BYTES_MAX;
		return call_refuse(c, PALLOCD_LIMIT, "answered",
				   "%" PRIu32
				   " bytes of replies are remembered for this session, and no more "
				   "than %u can be: say in Request.answered which have come",
				   used, PALLOCD_REPEAT_BYTES_MAX);
	}
	if (LIKELY(m->n + need <= m->size))
		return PALLOCD_OK;
	while (size < m->n + need)
		size *= 2;
	replies = mem_resize(m->replies, size, 1);
	if (!replies)
		return call_no_memory(c);
	m->replies = replies;
	m->size = size;
	return PALLOCD_OK;
}

enum pallocd_status call_changes(struct call *c, const struct region *r)
{
	int err;

	c->durability = r ? r->durability : REGION_DURABILITY_NONE;
	err = commit_failing(c->rpc, c->durability);
	if (UNLIKELY(err))
		return call_refuse(c, PALLOCD_STORE_FAILED, "",
				   "what changes in region %s cannot be written down (durability "
				   "%s: %s), and so nothing is changed; the daemon tries to write "
				   "again all the time, and goes on when it can",
				   r->name, durability_name(c->durability), strerror(-err));
	return c->conn->repeats ? room_reserve(c, &c->conn->session->memory[c->durability])
				: PALLOCD_OK;
}

void repeat_end(struct call *c, const uint8_t *frame, size_t n)
{
	struct session *s = c->conn->session;
	struct session_memory *m;

	/* Hello may be what made it repeat. */
	if (!c->verb->changes || c->remembered)
		return;
	m = &s->memory[c->durability];
	assert(m->n + n <= m->size);
	memcpy(m->replies + m->n, frame, n);
	m->n += (uint32_t)n;
	if (c->req->id > m->done)
		m->done = c->req->id;
	if (c->durability != REGION_DURABILITY_NONE)
		session_changed(s);
}
