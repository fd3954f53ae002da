/*
 * session_index - sessions by id, by token and by deadline
 *
 * Role:       see session_index.h.
 * Uses:       base/, region/session.h
 */
#include "region/session_index.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define SIZE_MIN 16u

/*
 * Tokens are random: their first bytes are as good as a hash, and nobody can choose them so that chains get long. Which chain a
 * guess goes to tells little more than how many sessions there are; what it is compared with there, it can't tell from the time.
 */
static uint32_t token_slot(uint32_t size, const uint8_t token[SESSION_TOKEN_BYTES])
{
	uint32_t n;

	memcpy(&n, token, sizeof(n));
	return n & (size - 1);
}

static void token_put(struct session **tokens, uint32_t size, struct session *s)
{
	struct session **chain = &tokens[token_slot(size, s->token)];

	s->next_by_token = *chain;
	*chain = s;
}

static int tokens_reserve(struct session_index *x)
{
	uint32_t size = x->tokens_size ? 2 * x->tokens_size : SIZE_MIN;
	struct session **tokens, *next;

	if (x->ntokens < x->tokens_size)
		return 0;
	tokens = size ? mem_zalloc(size, sizeof(struct session *)) : NULL;
	if (!tokens)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->tokens_size; i++) {
		for (struct session *s = x->tokens[i]; s; s = next) {
			next = s->next_by_token;
			token_put(tokens, size, s);
		}
	}
	mem_free(x->tokens);
	x->tokens = tokens;
	x->tokens_size = size;
	return 0;
}

/* Slots of sessions that are gone go too. */
static void ids_compact(struct session_index *x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->nids; i++) {
		if (x->ids[i].session)
			x->ids[n++] = x->ids[i];
	}
	x->nids = n;
}

static int ids_reserve(struct session_index *x)
{
	uint32_t size = x->ids_size ? 2 * x->ids_size : SIZE_MIN;
	struct id_slot *ids;

	if (x->nids < x->ids_size)
		return 0;
	/* Half of the slots, or more, are free afterwards, so that each session pays for two of them at the most. */
	if (x->ids_size && x->nlive <= x->ids_size / 2) {
		ids_compact(x);
		return 0;
	}
	ids = size ? mem_resize(x->ids, size, sizeof(*ids)) : NULL;
	if (!ids)
		return -ENOMEM;
	x->ids = ids;
	x->ids_size = size;
	return 0;
}

int index_reserve(struct session_index **x)
{
	int err;

	if (!*x) {
		*x = mem_zalloc(1, sizeof(**x));
		if (!*x)
			return -ENOMEM;
	}
	err = heap_reserve(&(*x)->deadlines, (*x)->nlive + 1);
	if (!err)
		err = tokens_reserve(*x);
	return err ? err : ids_reserve(*x);
}

void index_free(struct session_index *x)
{
	if (!x)
		return;
	heap_deinit(&x->deadlines);
	mem_free(x->tokens);
	mem_free(x->ids);
	mem_free(x);
}

void index_add(struct session_index *x, struct session *s)
{
	assert(x->nids == 0 || x->ids[x->nids - 1].id < s->id);
	x->ids[x->nids++] = (struct id_slot){.id = s->id, .session = s};
	x->nlive++;
	token_put(x->tokens, x->tokens_size, s);
	x->ntokens++;
}

/* The first slot with an id above @after, live or not. */
static uint32_t slot_above(const struct session_index *x, uint64_t after)
{
	uint32_t lo = 0, hi = x->nids;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->ids[mid].id <= after)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void index_remove(struct session_index *x, const struct session *s)
{
	uint32_t slot = slot_above(x, s->id - 1);

	assert(x->ids[slot].session == s && !s->in_deadlines.at);
	x->ids[slot].session = NULL;
	x->ids[slot].skip = slot + 1;
	x->nlive--;
}

void index_forget_token(struct session_index *x, struct session *s)
{
	struct session **at = &x->tokens[token_slot(x->tokens_size, s->token)];

	for (; *at != s; at = &(*at)->next_by_token)
		assert(*at);
	*at = s->next_by_token;
	s->next_by_token = NULL;
	x->ntokens--;
}

/* In the same time whatever the bytes are: who guesses learns nothing from how long it took. */
static bool token_equal(const uint8_t a[SESSION_TOKEN_BYTES], const uint8_t b[SESSION_TOKEN_BYTES])
{
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < SESSION_TOKEN_BYTES; i++)
		differ = differ | (uint8_t)(a[i] ^ b[i]);
	return differ == 0;
}

struct session *index_by_token(const struct session_index *x,
			       const uint8_t token[SESSION_TOKEN_BYTES])
{
	struct session *found = NULL;

	/* There may be no chains yet, where there was no memory for the first session. */
	if (!x->ntokens)
		return NULL;
	for (struct session *s = x->tokens[token_slot(x->tokens_size, token)]; s;
	     s = s->next_by_token) {
		if (token_equal(s->token, token))
			found = s;
	}
	return found;
}

struct session *index_by_id(const struct session_index *x, uint64_t id)
{
	uint32_t slot = id ? slot_above(x, id - 1) : x->nids;

	return slot < x->nids && x->ids[slot].id == id ? x->ids[slot].session : NULL;
}

struct session *index_next(struct session_index *x, uint64_t after)
{
	uint32_t slot = slot_above(x, after);

	/* Each walk over slots without a session halves the way for the next one. */
	while (slot < x->nids && !x->ids[slot].session) {
		struct id_slot *gone = &x->ids[slot];

		if (gone->skip < x->nids && !x->ids[gone->skip].session)
			gone->skip = x->ids[gone->skip].skip;
		slot = gone->skip;
	}
	return slot < x->nids ? x->ids[slot].session : NULL;
}

static bool check_slot(const struct session_index *x, uint32_t slot, char *buf, size_t size)
{
	const struct id_slot *at = &x->ids[slot];

	if ((slot && x->ids[slot - 1].id >= at->id) || (at->session && at->session->id != at->id)) {
		snprintf(buf, size,
			 "I1: slot %" PRIu32 " with id %" PRIu64 " is out of order, or another's",
			 slot, at->id);
		return false;
	}
	if (at->session)
		return true;
	for (uint32_t i = slot + 1; i < at->skip; i++) {
		if (i < x->nids && !x->ids[i].session)
			continue;
		snprintf(buf, size, "I2: slot %" PRIu32 " skips the session in slot %" PRIu32, slot,
			 i);
		return false;
	}
	return true;
}

bool index_check(const struct session_index *x, char *buf, size_t size)
{
	uint32_t nlive = 0, ntokens = 0;

	for (uint32_t slot = 0; slot < x->nids; slot++) {
		if (!check_slot(x, slot, buf, size))
			return false;
		nlive += x->ids[slot].session != NULL;
	}
	for (uint32_t slot = 0; slot < x->tokens_size; slot++) {
		for (const struct session *s = x->tokens[slot]; s; s = s->next_by_token)
			ntokens += token_slot(x->tokens_size, s->token) == slot;
	}
	if (nlive != x->nlive || ntokens != x->ntokens) {
		snprintf(buf, size,
			 "I3: %" PRIu32 " sessions and %" PRIu32 " tokens are counted as %" PRIu32
			 " and %" PRIu32,
			 nlive, ntokens, x->nlive, x->ntokens);
		return false;
	}
	return heap_check(&x->deadlines, buf, size);
}
