/*
 * session - the life of a session, and what becomes of its extents when it ends
 *
 * Role:       see session.h; what is about all regions or about users is in regions.c.
 * Uses:       base/, region/
 */
#include "region/session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "region/region_private.h"
#include "region/session_index.h"

/* Sessions that one regions_expire() ends, some 300 ns each: more of them are for the next turn of the loop. */
#define EXPIRE_MAX 1024u

/* The one table of what may follow on what: bits of states. */
static const uint8_t may_follow[] = {
	[SESSION_OPEN] = 1 << SESSION_GRACE | 1 << SESSION_ENDING,
	[SESSION_GRACE] = 1 << SESSION_OPEN | 1 << SESSION_ENDING,
	[SESSION_ENDING] = 1 << SESSION_QUARANTINED,
	[SESSION_QUARANTINED] = 1 << SESSION_ENDING,
};

static void state_enter(struct session *s, enum session_state state, uint64_t deadline_usec)
{
	struct heap *deadlines = &s->regions->index->deadlines;

	session_changed(s);
	s->state = state;
	list_append(&s->regions->sessions[state], &s->in_regions);
	s->regions->nsessions[state]++;
	s->deadline_usec = deadline_usec;
	if (deadline_usec)
		heap_put(deadlines, &s->in_deadlines, deadline_usec);
	else
		heap_remove(deadlines, &s->in_deadlines);
}

/* The one setter; @deadline_usec: 0 for states that have none. */
void session_state_set(struct session *s, enum session_state state, uint64_t deadline_usec)
{
	assert(may_follow[s->state] & 1 << state);
	list_remove(&s->in_regions);
	s->regions->nsessions[s->state]--;
	state_enter(s, state, deadline_usec);
}

void session_begin(struct session *s, enum session_state state, uint64_t deadline_usec)
{
	index_add(s->regions->index, s);
	s->owner.user->nsessions++;
	state_enter(s, state, deadline_usec);
}

static void event_session(const struct session *s, enum event_kind kind, enum session_cause cause)
{
	events_emit(&s->regions->events, &(struct event){.kind = (uint8_t)kind,
							 .cause = (uint8_t)cause,
							 .session = s->id,
							 .uid = s->owner.uid,
							 .pid = (uint32_t)s->pid});
}

/* No time of ours comes near the end of the clock, but a configured one may. */
static uint64_t usec_after(uint64_t now_usec, uint64_t usec)
{
	uint64_t sum;

	return __builtin_add_overflow(now_usec, usec, &sum) ? UINT64_MAX : sum;
}

void session_rights_set(struct session *s, const struct session_peer *peer, uint32_t from)
{
	const struct regions *rs = s->regions;

	for (uint32_t i = from; i < rs->n; i++)
		s->rights[i] = (uint8_t)access_rights(rs->table[i]->rules, rs->table[i]->nrules,
						      peer, rs->daemon_uid);
}

void session_rights_renew(struct session *s, const struct session_peer *peer)
{
	const struct session_peer user = {.uid = s->owner.uid, .gid = s->gid};

	session_rights_set(s, peer ? peer : &user, 0);
}

/* Who speaks for the session now. */
static void peer_set(struct session *s, const struct session_peer *peer)
{
	s->pid = peer->pid;
	s->gid = peer->gid;
	memcpy(s->command, peer->command, sizeof(s->command));
	session_rights_set(s, peer, 0);
}

/* Nobody will ask for them. */
static void replies_forget(struct session *s)
{
	for (unsigned d = 0; d < REGION_DURABILITIES; d++) {
		mem_free(s->memory[d].replies);
		s->memory[d] = (struct session_memory){.done = s->memory[d].done};
	}
}

void session_free(struct session *s)
{
	if (!s)
		return;
	replies_forget(s);
	mem_free(s->rights);
	mem_free(s);
}

int session_new(struct regions *rs, struct user *user, struct session **ret_session)
{
	struct session *s = mem_zalloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	owner_init(&s->owner, false, user->owner.uid);
	s->owner.user = user;
	s->regions = rs;
	s->rights = mem_zalloc((size_t)rs->n + 1, sizeof(*s->rights));
	if (!s->rights) {
		session_free(s);
		return -ENOMEM;
	}
	*ret_session = s;
	return 0;
}

static int token_make(struct session *s)
{
	return getrandom(s->token, sizeof(s->token), 0) < 0 ? -errno : 0;
}

static int user_check(struct regions *rs, const struct user *user, const struct session_peer *peer,
		      struct region_refusal *refusal)
{
	struct event e = {.kind = EVENT_QUOTA,
			  .uid = peer->uid,
			  .pid = (uint32_t)peer->pid,
			  .text = "user_sessions",
			  .limit = rs->limits.sessions,
			  .used = user->nsessions,
			  .asked = 1};

	if (quota_allows(e.limit, e.used, e.asked))
		return 0;
	events_emit(&rs->events, &e);
	refusal->field = e.text;
	refusal->limit = e.limit;
	refusal->used = e.used;
	refusal->asked = e.asked;
	return REGIONS_E_QUOTA;
}

int session_open(struct regions *rs, const struct session_peer *peer, const char *client,
		 uint64_t grace_usec, uint64_t now_usec, struct session **ret_session,
		 struct region_refusal *ret_refusal)
{
	struct session *s;
	struct user *user;
	int err = regions_user(rs, peer->uid, &user);

	if (!err)
		err = user_check(rs, user, peer, ret_refusal);
	if (!err)
		err = index_reserve(&rs->index);
	if (!err)
		err = session_new(rs, user, &s);
	if (err)
		return err;
	err = token_make(s);
	if (err) {
		session_free(s);
		return err;
	}
	s->id = rs->next_session_id++;
	s->open_usec = now_usec;
	s->grace_usec = grace_usec;
	snprintf(s->client, sizeof(s->client), "%s", client);
	peer_set(s, peer);
	session_begin(s, SESSION_OPEN, 0);
	event_session(s, EVENT_SESSION_OPEN, 0);
	*ret_session = s;
	return 0;
}

int session_resume(struct regions *rs, const struct session_peer *peer,
		   const uint8_t token[SESSION_TOKEN_BYTES], uint64_t now_usec,
		   struct session **ret_session)
{
	struct session *s = rs->index ? index_by_token(rs->index, token) : NULL;

	/* A token that leaked is of no use to other users; nor does one work whose time is over, though nobody has noticed yet. */
	if (!s || s->owner.uid != peer->uid ||
	    (s->state == SESSION_GRACE && s->deadline_usec <= now_usec))
		return REGIONS_E_NO_SESSION;
	if (s->state == SESSION_GRACE)
		session_state_set(s, SESSION_OPEN, 0);
	peer_set(s, peer);
	session_changed(s);
	event_session(s, EVENT_SESSION_RESUME, 0);
	*ret_session = s;
	return 0;
}

void session_leave(struct session *s, enum session_cause cause, uint64_t now_usec)
{
	if (!s->grace_usec) {
		session_end(s, cause, now_usec);
		return;
	}
	s->conn = NULL;
	session_state_set(s, SESSION_GRACE, usec_after(now_usec, s->grace_usec));
	event_session(s, EVENT_SESSION_GRACE, cause);
}

/* Devices may still write there: what @s holds stays its own for the time being. */
static void quarantine_begin(struct session *s, uint64_t now_usec)
{
	list_for_each (link, &s->owner.holdings) {
		struct holding *h = list_entry(link, struct holding, in_owner);
		struct region *r = h->region;

		if (r->death != REGION_DEATH_QUARANTINE || !h->nextents)
			continue;
		h->quarantine_until_usec = usec_after(now_usec, r->quarantine_usec);
		r->quarantined_npages += h->npages;
	}
}

void session_end(struct session *s, enum session_cause cause, uint64_t now_usec)
{
	s->conn = NULL;
	session_state_set(s, SESSION_ENDING, 0);
	index_forget_token(s->regions->index, s);
	replies_forget(s);
	quarantine_begin(s, now_usec);
	event_session(s, EVENT_SESSION_END, cause);
}

void quarantined_drop(struct region *r, const struct holding *h, uint64_t npages)
{
	struct session *s;

	r->quarantined_npages -= npages;
	if (h->npages || !h->owner)
		return;
	s = CONTAINER_OF(h->owner, struct session, owner);
	if (s->state == SESSION_QUARANTINED)
		session_state_set(s, SESSION_ENDING, 0);
}

static void session_gone(struct session *s)
{
	struct regions *rs = s->regions;

	session_changed(s);
	list_remove(&s->in_regions);
	rs->nsessions[s->state]--;
	s->owner.user->nsessions--;
	index_remove(rs->index, s);
	session_free(s);
}

/* Return: false: the budget is used up, and there is more to do now. Otherwise @s is gone, or in quarantine. */
static bool session_reclaim(struct session *s, uint32_t *budget, uint64_t now_usec)
{
	uint64_t until_usec = UINT64_MAX;

	list_for_each (link, &s->owner.holdings) {
		struct holding *h = list_entry(link, struct holding, in_owner);

		if (h->quarantine_until_usec > now_usec && h->nextents) {
			/* What it shared of others it no longer writes to, whatever its devices do with its own. */
			if (!region_unshare(h, budget))
				return false;
			if (h->quarantine_until_usec < until_usec)
				until_usec = h->quarantine_until_usec;
		} else if (!region_reclaim(h, budget)) {
			return false;
		}
	}
	if (list_empty(&s->owner.holdings))
		session_gone(s);
	else
		session_state_set(s, SESSION_QUARANTINED, until_usec);
	return true;
}

bool regions_reclaim(struct regions *rs, uint32_t budget, uint64_t now_usec)
{
	struct list *ending = &rs->sessions[SESSION_ENDING];

	while (!list_empty(ending) && budget) {
		if (!session_reclaim(list_entry(ending->next, struct session, in_regions), &budget,
				     now_usec))
			return false;
		/* An ended session costs something even where it holds nothing. */
		if (budget)
			budget--;
	}
	return list_empty(ending);
}

uint64_t regions_expire(struct regions *rs, uint64_t now_usec)
{
	struct heap_node *node;

	for (unsigned n = 0; rs->index && (node = heap_first(&rs->index->deadlines)); n++) {
		struct session *s = CONTAINER_OF(node, struct session, in_deadlines);

		if (node->key > now_usec)
			return node->key;
		if (n == EXPIRE_MAX)
			return now_usec;
		if (s->state == SESSION_GRACE)
			session_end(s, SESSION_GRACE_OVER, now_usec);
		else
			session_state_set(s, SESSION_ENDING, 0);
	}
	return UINT64_MAX;
}

struct session *session_by_id(const struct regions *rs, uint64_t id)
{
	return rs->index ? index_by_id(rs->index, id) : NULL;
}

struct session *session_next(const struct regions *rs, uint64_t after)
{
	return rs->index ? index_next(rs->index, after) : NULL;
}

bool session_may_free(const struct session *s, const struct region *r, const struct owner *o)
{
	if (!o)
		return false;
	return o == &s->owner || (o->detached && o->uid == s->owner.uid) ||
	       session_may(s, r, ACCESS_FREE_ANY);
}

const char *session_state_name(enum session_state state)
{
	switch (state) {
	case SESSION_OPEN:
		return "open";
	case SESSION_GRACE:
		return "grace";
	case SESSION_ENDING:
		return "ending";
	case SESSION_QUARANTINED:
		return "quarantined";
	}
	return "unknown";
}

const char *session_cause_name(enum session_cause cause)
{
	switch (cause) {
	case SESSION_CLOSED:
		return "closed";
	case SESSION_DIED:
		return "died";
	case SESSION_ASKED:
		return "asked";
	case SESSION_KILLED:
		return "killed";
	case SESSION_GRACE_OVER:
		return "grace over";
	}
	return "unknown";
}
