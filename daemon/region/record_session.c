/*
 * record_session - truth about sessions: taken out, and put back
 *
 * Role:       see record.h.
 * Uses:       base/, region/
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "region/record.h"
#include "region/region_private.h"
#include "region/session_index.h"

/* By region, in ascending order, so that two records of the same are equal. */
static uint32_t quarantines_get(const struct session *s, struct record_quarantine *ret)
{
	uint32_t n = 0, at;

	list_for_each (link, &s->owner.holdings) {
		const struct holding *h = list_entry(link, struct holding, in_owner);

		if (!h->quarantine_until_usec)
			continue;
		for (at = n++; at && ret[at - 1].region > h->region->id; at--)
			ret[at] = ret[at - 1];
		ret[at] = (struct record_quarantine){h->region->id, h->quarantine_until_usec};
	}
	return n;
}

void session_get(const struct session *s, struct record_quarantine *quarantines,
		 struct session_record *ret)
{
	*ret = (struct session_record){
		.id = s->id,
		.uid = s->owner.uid,
		.gid = s->gid,
		.pid = s->pid,
		.state = s->state,
		.open_usec = s->open_usec,
		.grace_usec = s->grace_usec,
		.deadline_usec = s->deadline_usec,
		.accepts_handover = s->accepts_handover,
		.repeats = s->repeats,
		.quarantines = quarantines,
		.nquarantines = quarantines_get(s, quarantines),
	};
	for (unsigned d = REGION_DURABILITY_PROCESS; d < REGION_DURABILITIES; d++) {
		ret->memory[d].done = s->memory[d].done;
		ret->memory[d].replies = s->memory[d].replies;
		ret->memory[d].n = s->memory[d].n;
	}
	memcpy(ret->token, s->token, sizeof(ret->token));
	memcpy(ret->client, s->client, sizeof(ret->client));
	memcpy(ret->command, s->command, sizeof(ret->command));
}

static bool has_ended(enum session_state state)
{
	return state == SESSION_ENDING || state == SESSION_QUARANTINED;
}

static int quarantines_check(const struct regions *rs, const struct session_record *s,
			     const struct report *rep)
{
	if (s->nquarantines && !has_ended(s->state))
		return record_wrong(rep, "it has a quarantine, but has not ended");
	for (uint32_t i = 0; i < s->nquarantines; i++) {
		const struct record_quarantine *q = &s->quarantines[i];

		if (!regions_by_id(rs, q->region))
			return record_wrong(rep,
					    "it has a quarantine in region %" PRIu32
					    ", which is not there",
					    q->region);
		if (!q->until_usec || (i && q[-1].region >= q->region))
			return record_wrong(rep,
					    "it has two quarantines in region %" PRIu32
					    ", or one without an end",
					    q->region);
	}
	return 0;
}

static int record_check(const struct regions *rs, const struct session_record *s,
			const struct report *rep)
{
	if (s->id < rs->next_session_id || s->id == UINT64_MAX)
		return record_wrong(rep,
				    "its id %" PRIu64 " does not come after those before it, "
				    "which end with %" PRIu64,
				    s->id, rs->next_session_id - 1);
	if ((unsigned)s->state > SESSION_QUARANTINED)
		return record_wrong(rep, "there is no state %u", (unsigned)s->state);
	if (!has_ended(s->state) && rs->index && index_by_token(rs->index, s->token))
		return record_wrong(rep, "its token is another session's");
	if (!memchr(s->client, '\0', sizeof(s->client)) ||
	    !memchr(s->command, '\0', sizeof(s->command)))
		return record_wrong(rep, "the name of its client or of its command has no end");
	return quarantines_check(rs, s, rep);
}

/* In no list yet: its holdings, all of them empty, go with it. */
static void session_drop(struct session **s)
{
	if (!*s)
		return;
	list_for_each (link, &(*s)->owner.holdings) {
		struct holding *h = list_entry(link, struct holding, in_owner);

		holding_free(&h->region->holdings, h);
	}
	session_free(*s);
}

static int quarantines_put(struct regions *rs, struct session *s, const struct session_record *rec)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < rec->nquarantines; i++) {
		struct region *r = regions_by_id(rs, rec->quarantines[i].region);
		struct holding *h;

		err = holding_get(&r->holdings, r, &s->owner, &h);
		if (!err)
			h->quarantine_until_usec = rec->quarantines[i].until_usec;
	}
	return err;
}

/* What can be asked for again by a session that may be resumed. */
static int memory_put(struct session *s, const struct session_record *rec)
{
	for (unsigned d = REGION_DURABILITY_PROCESS; d < REGION_DURABILITIES; d++) {
		struct session_memory *m = &s->memory[d];
		uint32_t n = rec->memory[d].n;

		m->done = rec->memory[d].done;
		if (!n || has_ended(rec->state))
			continue;
		m->replies = mem_alloc(n);
		if (!m->replies)
			return -ENOMEM;
		memcpy(m->replies, rec->memory[d].replies, n);
		m->n = m->size = n;
	}
	return 0;
}

static void fields_put(struct session *s, const struct session_record *rec)
{
	struct session_peer peer = {.uid = rec->uid, .gid = rec->gid};

	s->id = rec->id;
	s->gid = rec->gid;
	s->pid = rec->pid;
	s->open_usec = rec->open_usec;
	s->grace_usec = rec->grace_usec;
	s->accepts_handover = rec->accepts_handover;
	s->repeats = rec->repeats;
	memcpy(s->token, rec->token, sizeof(s->token));
	memcpy(s->client, rec->client, sizeof(s->client));
	memcpy(s->command, rec->command, sizeof(s->command));
	session_rights_set(s, &peer, 0);
}

static void session_enter(struct session *s, const struct session_record *rec, uint64_t until_usec)
{
	uint64_t deadline = rec->deadline_usec > until_usec ? rec->deadline_usec : until_usec;

	if (!has_ended(rec->state)) {
		/* A deadline of 0 would be none. */
		session_begin(s, SESSION_GRACE, deadline ? deadline : 1);
		return;
	}
	session_begin(s, SESSION_ENDING, 0);
	index_forget_token(s->regions->index, s);
	/* In ENDING this is no deadline: regions_put_end() sees by it what the session was. */
	if (rec->state == SESSION_QUARANTINED)
		s->deadline_usec = rec->deadline_usec;
}

int session_put(struct regions *rs, const struct session_record *rec, uint64_t until_usec,
		char *buf, size_t size)
{
	CLEANUP(session_drop) struct session *s = NULL;
	const struct report rep = {buf, size};
	struct user *user;
	int err = record_check(rs, rec, &rep);

	if (!err)
		err = regions_user(rs, rec->uid, &user);
	if (!err)
		err = index_reserve(&rs->index);
	if (!err)
		err = session_new(rs, user, &s);
	if (!err)
		err = memory_put(s, rec);
	if (!err)
		err = quarantines_put(rs, s, rec);
	if (err)
		return err;
	fields_put(s, rec);
	session_enter(take_ptr(s), rec, until_usec);
	rs->next_session_id = rec->id + 1;
	return 0;
}

/* Does an ended session have nothing but what is in quarantine? */
static bool only_waits(const struct session *s)
{
	list_for_each (link, &s->owner.holdings) {
		const struct holding *h = list_entry(link, struct holding, in_owner);

		if (!h->quarantine_until_usec || !h->nextents || h->nshares)
			return false;
	}
	return !list_empty(&s->owner.holdings);
}

static void sessions_settle(struct regions *rs)
{
	list_for_each (link, &rs->sessions[SESSION_ENDING]) {
		struct session *s = list_entry(link, struct session, in_regions);
		uint64_t deadline = s->deadline_usec;

		s->deadline_usec = 0;
		/* What it waited for may be void: then it ends as others do. */
		if (deadline && only_waits(s))
			session_state_set(s, SESSION_QUARANTINED, deadline);
	}
}

/* Return: false: something is wrong with it, and it is closed. */
static bool region_settle(struct region *r, const struct report *rep)
{
	char why[REGION_FAULT_BYTES];

	ranges_deinit(&r->unsaid);
	region_peak(r);
	space_settle(r);
	if (r->faulted || region_check(r, why, sizeof(why)))
		return true;
	region_fault(r, "%s", why);
	report_broken(rep, "region %s: %s", r->name, why);
	return false;
}

int region_put_end(struct region *r, char *buf, size_t size)
{
	const struct report rep = {buf, size};

	return region_settle(r, &rep) ? 0 : RECORD_E_WRONG;
}

int regions_put_end(struct regions *rs, uint64_t next_session_id, char *buf, size_t size)
{
	const struct report rep = {buf, size};
	const struct report none = {NULL, 0};
	bool sound = true;

	if (rs->next_session_id < next_session_id)
		rs->next_session_id = next_session_id;
	sessions_settle(rs);
	/* The first that is wrong is told, and all of them are looked at. */
	for (uint32_t i = 0; i < rs->n; i++)
		sound &= region_settle(rs->table[i], sound ? &rep : &none);
	return sound && regions_owners_check(rs, &rep) ? 0 : RECORD_E_WRONG;
}
