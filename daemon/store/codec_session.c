/*
 * codec_session - sessions as values
 *
 * Role:       see codec.h.
 * Uses:       base/, region/record.h
 */
#include <errno.h>
#include <string.h>

#include "store/codec.h"
#include "store/codec_private.h"

#define SESSION_HANDOVER 1u
#define SESSION_REPEATS 2u
#define SESSION_FLAGS 3u

static size_t session_bound(const struct session_record *s)
{
	size_t replies = 0;

	for (unsigned d = REGION_DURABILITY_PROCESS; d < REGION_DURABILITIES; d++)
		replies += s->memory[d].n + 2 * NUMBER_BYTES_MAX;
	return SESSION_BATCH_BYTES + 2 + SESSION_TOKEN_BYTES + 11 * NUMBER_BYTES_MAX +
	       sizeof(s->client) + sizeof(s->command) +
	       (size_t)s->nquarantines * 2 * NUMBER_BYTES_MAX + replies;
}

int session_encode(const struct session_record *s, uint64_t batch, struct bytes *b)
{
	uint8_t *p;

	b->n = 0;
	if (bytes_reserve(b, session_bound(s)))
		return -ENOMEM;
	p = put_le(b->data, batch, SESSION_BATCH_BYTES);
	*p++ = (uint8_t)((s->accepts_handover ? SESSION_HANDOVER : 0) |
			 (s->repeats ? SESSION_REPEATS : 0));
	*p++ = (uint8_t)s->state;
	p = put_bytes(p, s->token, SESSION_TOKEN_BYTES);
	p = put_number(p, s->uid);
	p = put_number(p, s->gid);
	p = put_number(p, (uint64_t)(s->pid > 0 ? s->pid : 0));
	p = put_number(p, s->open_usec);
	p = put_number(p, s->grace_usec);
	p = put_number(p, s->deadline_usec);
	p = put_string(p, s->client);
	p = put_string(p, s->command);
	p = put_number(p, s->nquarantines);
	for (uint32_t i = 0; i < s->nquarantines; i++) {
		p = put_number(p, s->quarantines[i].region);
		p = put_number(p, s->quarantines[i].until_usec);
	}
	for (unsigned d = REGION_DURABILITY_PROCESS; d < REGION_DURABILITIES; d++) {
		p = put_number(p, s->memory[d].done);
		p = put_number(p, s->memory[d].n);
		p = put_bytes(p, s->memory[d].replies, s->memory[d].n);
	}
	b->n = (size_t)(p - b->data);
	return 0;
}

static void get_quarantines(struct reader *r, struct record_quarantine *quarantines, uint32_t max,
			    struct session_record *s)
{
	s->nquarantines = (uint32_t)get_below(r, max);
	s->quarantines = quarantines;
	for (uint32_t i = 0; i < s->nquarantines && !r->bad; i++) {
		quarantines[i].region = (uint32_t)get_below(r, UINT32_MAX);
		quarantines[i].until_usec = get_number(r);
	}
}

static void get_text(struct reader *r, char *text, size_t size)
{
	const char *s = get_string(r, size - 1);

	if (s)
		memcpy(text, s, strlen(s) + 1);
}

int session_decode(uint64_t id, const void *value, size_t n, struct record_quarantine *quarantines,
		   uint32_t max, struct session_record *ret, uint64_t *ret_batch)
{
	struct reader r = reader_of(value, n);
	uint64_t batch = get_le(&r, SESSION_BATCH_BYTES);
	unsigned flags = (unsigned)get_le(&r, 1), state = (unsigned)get_le(&r, 1);
	const uint8_t *token = get_bytes(&r, SESSION_TOKEN_BYTES);
	struct session_record s = {.id = id, .state = (enum session_state)state};

	if (!token || !id || flags > SESSION_FLAGS || state > SESSION_QUARANTINED)
		return CODEC_E_DAMAGED;
	memcpy(s.token, token, SESSION_TOKEN_BYTES);
	s.accepts_handover = flags & SESSION_HANDOVER;
	s.repeats = flags & SESSION_REPEATS;
	s.uid = (uid_t)get_below(&r, UINT32_MAX);
	s.gid = (gid_t)get_below(&r, UINT32_MAX);
	s.pid = (pid_t)get_below(&r, INT32_MAX);
	s.open_usec = get_number(&r);
	s.grace_usec = get_number(&r);
	s.deadline_usec = get_number(&r);
	get_text(&r, s.client, sizeof(s.client));
	get_text(&r, s.command, sizeof(s.command));
	get_quarantines(&r, quarantines, max, &s);
	for (unsigned d = REGION_DURABILITY_PROCESS; d < REGION_DURABILITIES; d++) {
		s.memory[d].done = get_number(&r);
		s.memory[d].n = (uint32_t)get_below(&r, UINT32_MAX);
		s.memory[d].replies = get_bytes(&r, s.memory[d].n);
	}
	if (reader_verdict(&r))
		return CODEC_E_DAMAGED;
	*ret = s;
	*ret_batch = batch;
	return 0;
}
