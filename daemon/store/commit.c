/*
 * commit - all that has changed is written, or nothing is
 *
 * Role:       first the batch for the machine's environment, which takes memory alone; then the process' transaction; when both are done, and not
 *             before, the changes count as written (S2, S3).
 * Uses:       base/, region/, store/store_private.h
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_private.h"

static bool sessions_changed(const struct store *s)
{
	return s->regions->session_changes.n || s->regions->session_changes.all;
}

/* Ids that are given out must be below what is written, which rises with each start. Return: that is to be written anew. */
static bool meta_ahead(const struct store *s, struct meta *m)
{
	if (s->regions->next_session_id <= m->next_session && !s->meta_due)
		return false;
	m->next_session = s->regions->next_session_id + SESSION_IDS_AHEAD;
	return true;
}

struct commit {
	struct store *store;
	struct meta meta;
	bool meta_differs;
};

static int process_gather(struct commit *c, struct sink *k)
{
	int rc = c->meta_differs ? sink_meta(k, &c->meta) : 0;

	if (!rc)
		rc = gather_regions(c->store, REGION_DURABILITY_PROCESS, k);
	if (!rc && sessions_changed(c->store))
		rc = gather_sessions(c->store, k);
	return rc;
}

static int process_fill(MDB_txn *txn, MDB_dbi dbi, void *ctx)
{
	struct sink k = {.txn = txn, .dbi = dbi};

	return process_gather(ctx, &k);
}

/* Return: as sink_put(); MDB_MAP_FULL: the journal has no room. */
static int process_append(struct env *e, struct commit *c)
{
	struct sink k = {.journal = e->journal};
	int rc = process_gather(c, &k);

	if (UNLIKELY(rc)) {
		journal_undo(e->journal);
		return rc;
	}
	rc = journal_commit(e->journal);
	if (UNLIKELY(rc))
		return rc;
	__atomic_store_n(&e->commits, e->commits + 1, __ATOMIC_RELAXED);
	return 0;
}

/* Few changes go into the journal, which is folded when it is full; many are a transaction of their own. Return: 0, a negative errno. */
static int process_write(struct env *e, struct commit *c)
{
	int rc, err;

	if (!gather_is_small(c->store, REGION_DURABILITY_PROCESS))
		return env_write(e, process_fill, c);
	rc = process_append(e, c);
	if (LIKELY(rc != MDB_MAP_FULL))
		return env_error(rc);
	if (!journal_empty(e->journal)) {
		err = env_fold(e);
		if (err)
			return err;
		rc = process_append(e, c);
		if (rc != MDB_MAP_FULL)
			return env_error(rc);
	}
	return env_write(e, process_fill, c);
}

static int process_commit(struct store *s)
{
	struct env *e = s->envs[REGION_DURABILITY_PROCESS];
	struct commit c = {.store = s, .meta = s->metas[REGION_DURABILITY_PROCESS]};
	int err;

	if (!e)
		return 0;
	c.meta_differs = meta_ahead(s, &c.meta);
	if (!c.meta_differs && !sessions_changed(s) &&
	    !gather_changed(s, REGION_DURABILITY_PROCESS))
		return 0;
	err = process_write(e, &c);
	if (!err)
		s->metas[REGION_DURABILITY_PROCESS] = c.meta;
	return err;
}

/* @b is not to be: what it would have brought is not there. */
static void machine_undo(struct store *s, struct store_batch *b)
{
	for (uint32_t i = 0; b && i < b->nadded; i++)
		copies_remove(&s->copies, b->added[i]);
	store_batch_free(b);
}

/* Return: 0 with the batch or NULL, a negative errno. */
static int machine_commit(struct store *s, struct store_batch **ret_batch)
{
	struct meta m = s->metas[REGION_DURABILITY_MACHINE];
	struct store_batch *b;
	struct sink k = {0};
	bool ahead;
	int err;

	if (!s->envs[REGION_DURABILITY_MACHINE])
		return 0;
	ahead = meta_ahead(s, &m);
	if (!ahead && !s->restart && !sessions_changed(s) &&
	    !gather_changed(s, REGION_DURABILITY_MACHINE))
		return 0;
	err = batch_new(s, &b);
	if (err)
		return err;
	k.batch = b;
	b->meta = m;
	b->meta.batch = b->number;
	err = gather_regions(s, REGION_DURABILITY_MACHINE, &k);
	if (!err)
		err = gather_copies(s, &k);
	if (!err && !b->nops && !ahead && !s->restart) {
		/* Sessions have changed that nobody wants there. */
		store_batch_free(b);
		return 0;
	}
	if (!err)
		err = sink_meta(&k, &b->meta);
	if (err) {
		machine_undo(s, b);
		return err;
	}
	*ret_batch = b;
	return 0;
}

/* Written, or in the batch. */
static void changes_taken(struct store *s, const struct store_batch *b)
{
	struct changes *sessions = &s->regions->session_changes;

	if (b) {
		s->metas[REGION_DURABILITY_MACHINE] = b->meta;
		s->restart = false;
	}
	for (uint32_t i = 0; s->copies.n && i < sessions->n; i++) {
		if (!session_by_id(s->regions, sessions->pages[i]))
			copies_remove(&s->copies, sessions->pages[i]);
	}
	s->meta_due = false;
	changes_clear(sessions);
	for (uint32_t i = 0; i < s->regions->n; i++) {
		changes_clear(&s->regions->table[i]->changes);
		if (UNLIKELY(s->kept[i].dropped))
			s->kept[i] = (struct kept){0};
	}
	s->regions->changed = false;
}

void machine_doubt(struct store *s, bool restart)
{
	for (uint32_t i = 0; i < s->regions->n; i++) {
		struct region *r = s->regions->table[i];

		if (s->kept[i].kept && r->durability == REGION_DURABILITY_MACHINE)
			r->changes.space = r->changes.all = true;
	}
	s->regions->session_changes.all = true;
	s->meta_due = true;
	s->restart = restart;
	s->regions->changed = true;
}

int store_commit(struct store *s, struct store_batch **ret_batch)
{
	struct store_batch *b = NULL;
	int err;

	if (!s || !s->regions || !s->regions->changed) {
		*ret_batch = NULL;
		return 0;
	}
	err = machine_commit(s, &b);
	if (err)
		return env_error(err);
	err = process_commit(s);
	if (err) {
		machine_undo(s, b);
		return err;
	}
	changes_taken(s, b);
	*ret_batch = b;
	return 0;
}
