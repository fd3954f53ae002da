/*
 * gather_sessions - which sessions have changed, as records
 *
 * Role:       all that have changed for the process' environment; for the machine's those that its regions need. See "Sessions" in README.md.
 * Uses:       base/, region/, store/store_private.h
 */
#include <errno.h>

#include "base/mem.h"
#include "store/store_private.h"

int session_value(struct store *s, const struct session *session, uint64_t batch)
{
	struct session_record record;

	session_get(session, s->quarantines, &record);
	/* The regions' ids are the configuration's order; the store has numbers that stay. */
	for (uint32_t i = 0; i < record.nquarantines; i++)
		s->quarantines[i].region = s->kept[s->quarantines[i].region - 1].number;
	return session_encode(&record, batch, &s->value);
}

static int session_put_value(struct store *s, struct sink *k, const struct session *session,
			     uint64_t batch)
{
	uint8_t key[KEY_SESSION_BYTES];
	size_t nkey = key_session(key, session->id);
	int rc = session_value(s, session, batch);

	return rc ? rc : sink_put(k, key, nkey, s->value.data, s->value.n);
}

static int session_del(struct sink *k, uint64_t id)
{
	uint8_t key[KEY_SESSION_BYTES];
	size_t nkey = key_session(key, id);

	return sink_del(k, key, nkey);
}

static uint64_t batch_of(const struct store *s, uint64_t id)
{
	const struct copy *copy = copies_find(&s->copies, id);

	return copy ? copy->batch : 0;
}

int gather_sessions(struct store *s, struct sink *k)
{
	struct changes *c = &s->regions->session_changes;
	const uint8_t prefix = KEY_SESSION;
	struct session *session = NULL;
	int rc = 0;

	if (UNLIKELY(c->all)) {
		rc = sink_wipe(k, &prefix, sizeof(prefix));
		while (!rc && (session = session_next(s->regions, session ? session->id : 0)))
			rc = session_put_value(s, k, session, batch_of(s, session->id));
		return rc;
	}
	changes_sort(c);
	for (uint32_t i = 0; !rc && i < c->n; i++) {
		session = session_by_id(s->regions, c->pages[i]);
		rc = session ? session_put_value(s, k, session, batch_of(s, session->id))
			     : session_del(k, c->pages[i]);
	}
	return rc;
}

static int copy_put(struct store *s, struct sink *k, const struct session *session)
{
	struct copy *copy = copies_find(&s->copies, session->id);
	int rc = 0;

	if (!copy) {
		rc = batch_adds(k->batch, session->id);
		if (!rc)
			rc = copies_put(&s->copies, session->id, k->batch->number);
	} else {
		copy->batch = k->batch->number;
	}
	return rc ? rc : session_put_value(s, k, session, k->batch->number);
}

int gather_owner(struct store *s, struct sink *k, uint64_t id)
{
	const struct session *session;

	if (copies_find(&s->copies, id))
		return 0;
	session = session_by_id(s->regions, id);
	return session ? copy_put(s, k, session) : 0;
}

static bool session_holds(const struct session *session)
{
	list_for_each (link, &session->owner.holdings) {
		const struct holding *h = list_entry(link, struct holding, in_owner);

		if (h->region->durability == REGION_DURABILITY_MACHINE &&
		    (h->nextents || h->nshares))
			return true;
	}
	return false;
}

/*
 * A session whose requests may have changed the machine's regions goes with them, so that what it is remembered to have done and what is done are
 * one transaction. Where all sessions lie in the process' environment too, its other changes can do without a sync.
 */
static bool copy_wanted(const struct store *s, const struct session *session, bool changed)
{
	if (!changed && s->envs[REGION_DURABILITY_PROCESS])
		return false;
	return session->memory[REGION_DURABILITY_MACHINE].done ||
	       copies_find(&s->copies, session->id) || session_holds(session);
}

int gather_copies(struct store *s, struct sink *k)
{
	struct changes *c = &s->regions->session_changes;
	bool changed = s->restart || gather_changed(s, REGION_DURABILITY_MACHINE);
	const uint8_t prefix = KEY_SESSION;
	struct session *session = NULL;
	int rc = 0;

	if (UNLIKELY(c->all || s->restart)) {
		rc = sink_wipe(k, &prefix, sizeof(prefix));
		while (!rc && (session = session_next(s->regions, session ? session->id : 0))) {
			if (copy_wanted(s, session, true))
				rc = copy_put(s, k, session);
		}
		return rc;
	}
	changes_sort(c);
	for (uint32_t i = 0; !rc && i < c->n; i++) {
		session = session_by_id(s->regions, c->pages[i]);
		if (!session && copies_find(&s->copies, c->pages[i]))
			rc = session_del(k, c->pages[i]);
		else if (session && copy_wanted(s, session, changed))
			rc = copy_put(s, k, session);
	}
	return rc;
}
