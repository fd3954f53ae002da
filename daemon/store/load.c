/*
 * load - regions as they were
 *
 * Role:       builds regions from records, says what does not fit, and has changes noted from then on. A region that does not fit is faulted and not
 *             kept: its records stay as they are.
 * Uses:       base/, region/, store/store_private.h
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/store_private.h"

/* Records of one region that are named in the log, each; the others are counted. */
#define REFUSALS_LOGGED 100u
#define SENTENCE_BYTES 256

struct load {
	struct store *store;
	MDB_txn *txns[REGION_DURABILITIES];
	const struct store_region *regions;
	uint32_t next_number;
};

static void load_refuse(struct load *l, struct region *r, const char *why)
{
	l->store->nwrong++;
	log_event(
		LOG_LEVEL_ERROR, LOG_ID_REGION_NOT_LOADED, LOG_FIELDS(ABOUT_REGION(r->name)),
		"store: region %s: %s; it is not served, and what is written of it stays as it is",
		r->name, why);
	region_fault(r, "what the store has does not fit: %s", why);
}

/* Where the records of @r lie: where they should, or where another configuration wanted them. Return: REGION_DURABILITY_NONE: nowhere. */
static enum region_durability load_find(const struct load *l, const struct region *r, MDB_val *ret)
{
	enum region_durability d = r->durability;
	enum region_durability other = d == REGION_DURABILITY_PROCESS ? REGION_DURABILITY_MACHINE
								      : REGION_DURABILITY_PROCESS;

	if (l->txns[d] && !region_find(l->txns[d], l->store->envs[d]->dbi, r->name, ret))
		return d;
	if (l->txns[other] &&
	    !region_find(l->txns[other], l->store->envs[other]->dbi, r->name, ret))
		return other;
	return REGION_DURABILITY_NONE;
}

static void load_move_note(struct load *l, const struct region *r, enum region_durability found)
{
	static const char *const names[] = {"none", "process", "machine"};

	if (found == REGION_DURABILITY_NONE || found == r->durability)
		return;
	l->store->kept[r->id - 1].moved = true;
	log_event(LOG_LEVEL_INFO, LOG_ID_NONE, LOG_FIELDS(ABOUT_REGION(r->name)),
		  "store: region %s: durability was %s, and is %s now: its records move", r->name,
		  names[found], names[r->durability]);
}

static int load_space(struct load *l, struct region *r, bool void_extents)
{
	struct kept *kept = &l->store->kept[r->id - 1];
	CLEANUP(mem_freep) struct record_range *ranges = NULL;
	enum region_durability found;
	char why[SENTENCE_BYTES] = "";
	struct space_record space;
	uint32_t number;
	MDB_val v;
	int err;

	if (r->durability == REGION_DURABILITY_NONE || !l->store->envs[r->durability])
		return 0;
	found = load_find(l, r, &v);
	if (found == REGION_DURABILITY_NONE)
		return 0;
	err = region_decode(v.mv_data, v.mv_size, &ranges, &number, &space);
	if (err < 0)
		return err;
	if (err || !number || store_region_by_number(l->store, number)) {
		load_refuse(l, r, "its record is damaged");
		return 0;
	}
	kept->number = r->number = number;
	if (number >= l->next_number)
		l->next_number = number + 1;
	err = region_space_put(r, &space, why, sizeof(why));
	if (err < 0)
		return err;
	if (err) {
		load_refuse(l, r, why);
		return 0;
	}
	load_move_note(l, r, found);
	if (void_extents) {
		region_void(r);
		log_event(LOG_LEVEL_WARNING, LOG_ID_REGION_VOID, LOG_FIELDS(ABOUT_REGION(r->name)),
			  "store: region %s: its memory is not the one of before: its extents are "
			  "void, and its generation is %" PRIu64,
			  r->name, r->generation);
	}
	return 0;
}

/* One record. Return: 0, RECORD_E_WRONG, -ENOMEM. */
static int load_extent(struct load *l, struct region *r, const MDB_val *k, const MDB_val *v,
		       uint64_t *ret_page, char *why, size_t size)
{
	struct extent_record e;

	*ret_page = 0;
	if (!key_page(k->mv_data, k->mv_size, ret_page) ||
	    extent_decode(*ret_page, v->mv_data, v->mv_size, l->store->shares, &e)) {
		snprintf(why, size, "the record is damaged");
		return RECORD_E_WRONG;
	}
	return region_extent_put(l->store->regions, r, &e, why, size);
}

/* The first of @r's extents, or the next one. Return: as mdb_cursor_get(); MDB_NOTFOUND after the last one. */
static int extent_get(const struct load *l, const struct region *r, MDB_cursor *cursor,
		      MDB_cursor_op op, MDB_val *k, MDB_val *v)
{
	uint8_t key[KEY_EXTENT_BYTES];
	int rc;

	*k = (MDB_val){.mv_data = key,
		       .mv_size = key_extent(key, l->store->kept[r->id - 1].number, 0)};
	rc = mdb_cursor_get(cursor, k, v, op);
	if (!rc && (k->mv_size < KEY_EXTENT_PREFIX_BYTES ||
		    memcmp(k->mv_data, key, KEY_EXTENT_PREFIX_BYTES)))
		return MDB_NOTFOUND;
	return rc;
}

/* To count them takes a fraction of what it takes to enlarge the indexes again and again. */
static void extents_expect(const struct load *l, struct region *r, MDB_cursor *cursor)
{
	uint64_t n = 0;
	MDB_val k, v;

	for (int rc = extent_get(l, r, cursor, MDB_SET_RANGE, &k, &v); !rc;
	     rc = extent_get(l, r, cursor, MDB_NEXT, &k, &v))
		n++;
	region_extents_expect(r, n);
}

/* All of them are looked at, so that the log has all that is wrong. */
static int load_extents_from(struct load *l, struct region *r, MDB_cursor *cursor)
{
	char why[SENTENCE_BYTES] = "", first[SENTENCE_BYTES] = "";
	uint64_t nwrong = 0, page;
	MDB_val k, v;
	int rc, err;

	extents_expect(l, r, cursor);
	for (rc = extent_get(l, r, cursor, MDB_SET_RANGE, &k, &v); !rc;
	     rc = extent_get(l, r, cursor, MDB_NEXT, &k, &v)) {
		err = load_extent(l, r, &k, &v, &page, why, sizeof(why));
		if (err < 0)
			return err;
		if (!err)
			continue;
		if (!nwrong++)
			memcpy(first, why, sizeof(first));
		if (nwrong <= REFUSALS_LOGGED)
			log_event(LOG_LEVEL_ERROR, LOG_ID_NONE,
				  LOG_FIELDS(ABOUT_REGION(r->name),
					     ABOUT_EXTENT(region_addr(r, page))),
				  "store: region %s, extent 0x%" PRIx64 ": %s", r->name,
				  region_addr(r, page), why);
	}
	if (rc && rc != MDB_NOTFOUND)
		return env_error(rc);
	if (nwrong > REFUSALS_LOGGED)
		log_error("store: region %s: %" PRIu64 " more records do not fit", r->name,
			  nwrong - REFUSALS_LOGGED);
	if (nwrong)
		load_refuse(l, r, first);
	return 0;
}

static int load_extents(struct load *l, struct region *r)
{
	MDB_cursor *cursor;
	enum region_durability found;
	MDB_val v;
	int err;

	/* Void: nothing of it is to be there. New: nothing is. */
	if (r->faulted || r->changes.all || !l->store->kept[r->id - 1].number)
		return 0;
	found = load_find(l, r, &v);
	err = env_error(mdb_cursor_open(l->txns[found], l->store->envs[found]->dbi, &cursor));
	if (err)
		return err;
	err = load_extents_from(l, r, cursor);
	mdb_cursor_close(cursor);
	return err;
}

static int load_all(struct load *l, uint64_t until_usec)
{
	struct regions *rs = l->store->regions;
	int err = 0;

	for (uint32_t i = 0; !err && i < rs->n; i++)
		err = load_space(l, rs->table[i], l->regions && l->regions[i].void_extents);
	if (!err)
		err = load_sessions(l->store, until_usec);
	for (uint32_t i = 0; !err && i < rs->n; i++)
		err = load_extents(l, rs->table[i]);
	return err;
}

static int load_end(struct store *s)
{
	uint64_t next = 1;
	char why[SENTENCE_BYTES] = "";
	int err;

	for (int d = 0; d < REGION_DURABILITIES; d++) {
		if (s->metas[d].next_session > next)
			next = s->metas[d].next_session;
	}
	err = regions_put_end(s->regions, next, why, sizeof(why));
	if (err > 0) {
		s->nwrong++;
		log_error("store: what was read does not agree with itself: %s", why);
	}
	return err < 0 ? err : 0;
}

/* What begins to be kept has a number of its own for good. There are more of them than any host will ever see. */
static void number_new(struct load *l, struct region *r)
{
	if (l->next_number + l->store->regions->n > REGION_NUMBER_MAX) {
		load_refuse(l, r, "the store has no number left for another region");
		return;
	}
	l->store->kept[r->id - 1].number = r->number = l->next_number++;
}

/*
 * What is not kept has a number that no kept region gets, and starts anew each time: ids of sessions only rise, so that clients of before
 * do not take it for what they knew.
 */
static void number_passing(const struct store *s, struct region *r)
{
	r->number = REGION_NUMBER_MAX - r->id + 1;
	r->generation = 1 + s->regions->next_session_id / SESSION_IDS_AHEAD;
}

/* From now on its changes are noted. What is new, or should lie elsewhere, is one. */
static void load_keep_region(struct load *l, struct region *r)
{
	struct kept *kept = &l->store->kept[r->id - 1];

	if (r->durability != REGION_DURABILITY_NONE && l->store->envs[r->durability] &&
	    !r->faulted && !kept->number)
		number_new(l, r);
	if (!kept->number)
		number_passing(l->store, r);
	if (!kept->number || r->faulted)
		return;
	kept->kept = true;
	region_keep(r);
	r->changes.space = true;
	r->changes.all |= kept->moved;
}

static void load_keep(struct load *l)
{
	struct store *s = l->store;

	for (uint32_t i = 0; i < s->regions->n; i++)
		load_keep_region(l, s->regions->table[i]);
	for (int d = 0; d < REGION_DURABILITIES; d++)
		s->metas[d].next_region = l->next_number;
	/* All of them are in their grace now. */
	s->regions->session_changes.kept = s->regions->session_changes.all = true;
	s->regions->changed = s->meta_due = true;
}

/* Nobody waits yet: at once, and synced. Where it cannot be done now, it will be tried again with the first change. */
static void load_write(struct store *s)
{
	bool restart = s->restart;
	struct store_batch *b = NULL;
	int err = store_commit(s, &b);

	if (!err && b) {
		err = store_batch_write(b);
		if (err)
			machine_doubt(s, restart);
		store_batch_free(b);
	}
	if (err) {
		log_event(LOG_LEVEL_ERROR, LOG_ID_STORE_FAILING, LOG_FIELDS(ABOUT_ERRNO(-err)),
			  "store: cannot write: %s; it is tried again", strerror(-err));
		return;
	}
	for (uint32_t i = 0; i < s->regions->n; i++)
		s->kept[i].moved = false;
}

/* What is written of a region where it does not belong. */
static int tidy_fill(MDB_txn *txn, MDB_dbi dbi, void *ctx)
{
	const char *name = ctx;
	uint8_t key[KEY_BYTES_MAX];
	uint64_t generation;
	uint32_t number;
	MDB_val v, k;
	int rc = region_find(txn, dbi, name, &v);

	if (rc)
		return rc == MDB_NOTFOUND ? 0 : rc;
	if (region_decode_head(v.mv_data, v.mv_size, &number, &generation))
		return 0;
	key_extent(key, number, 0);
	rc = env_wipe(txn, dbi, key, KEY_EXTENT_PREFIX_BYTES);
	k = (MDB_val){.mv_data = key, .mv_size = key_region(key, name)};
	return rc ? rc : mdb_del(txn, dbi, &k, NULL);
}

/* Records of regions that lie elsewhere now, or nowhere. */
static void load_tidy(struct store *s)
{
	for (uint32_t i = 0; i < s->regions->n; i++) {
		const struct region *r = s->regions->table[i];
		struct env *e;

		for (int d = 0; d < REGION_DURABILITIES; d++) {
			e = s->envs[d];
			if (!e || (int)r->durability == d || s->kept[i].moved ||
			    (r->durability != REGION_DURABILITY_NONE && !s->kept[i].kept) ||
			    !generation_in(e, r->name))
				continue;
			if (r->durability == REGION_DURABILITY_NONE)
				log_info("store: region %s: its durability is none now: what was "
					 "written of it is deleted",
					 r->name);
			if (env_write(e, tidy_fill, (void *)r->name))
				log_warning("store: region %s: old records cannot be deleted",
					    r->name);
		}
	}
}

static void load_begin(struct load *l)
{
	l->next_number = 1;
	for (int d = 0; d < REGION_DURABILITIES; d++) {
		if (l->store->metas[d].next_region > l->next_number)
			l->next_number = l->store->metas[d].next_region;
	}
}

/* All that is written is there, and what does not fit is said. */
static int load_read(struct load *l, struct regions *rs, uint64_t until_usec)
{
	struct store *s = l->store;
	int err = 0;

	s->regions = rs;
	s->kept = mem_zalloc((size_t)rs->n + 1, sizeof(*s->kept));
	s->nquarantines = rs->n + 1;
	s->quarantines = mem_zalloc(s->nquarantines, sizeof(*s->quarantines));
	if (!s->kept || !s->quarantines)
		return -ENOMEM;
	load_begin(l);
	for (int d = 0; !err && d < REGION_DURABILITIES; d++)
		err = s->envs[d] ? env_read(s->envs[d], &l->txns[d]) : 0;
	if (!err)
		err = load_all(l, until_usec);
	for (int d = 0; d < REGION_DURABILITIES; d++) {
		if (l->txns[d])
			env_read_end(s->envs[d], l->txns[d]);
	}
	if (!err)
		err = load_end(s);
	if (err)
		log_error("store: cannot read: %s", strerror(-err));
	return err;
}

int store_load(struct store *s, struct regions *rs, const struct store_region *regions,
	       uint64_t until_usec)
{
	struct load l = {.store = s, .regions = regions};
	int err;

	if (!s)
		return 0;
	err = load_read(&l, rs, until_usec);
	if (err)
		return err;
	load_keep(&l);
	load_write(s);
	load_tidy(s);
	return 0;
}

static int kept_reserve(struct store *s, uint32_t n)
{
	struct record_quarantine *quarantines;
	struct kept *kept = mem_resize(s->kept, (size_t)n + 1, sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	s->kept = kept;
	kept[n - 1] = kept[n] = (struct kept){0};
	if (n + 1 <= s->nquarantines)
		return 0;
	quarantines = mem_resize(s->quarantines, (size_t)n + 1, sizeof(*quarantines));
	if (!quarantines)
		return -ENOMEM;
	s->quarantines = quarantines;
	s->nquarantines = n + 1;
	return 0;
}

static int add_read(struct load *l, struct region *r, bool void_extents)
{
	struct store *s = l->store;
	char why[SENTENCE_BYTES] = "";
	int err = 0;

	for (int d = 0; !err && d < REGION_DURABILITIES; d++)
		err = s->envs[d] ? env_read(s->envs[d], &l->txns[d]) : 0;
	if (!err)
		err = load_space(l, r, void_extents);
	if (!err)
		err = load_extents(l, r);
	for (int d = 0; d < REGION_DURABILITIES; d++) {
		if (l->txns[d])
			mdb_txn_abort(l->txns[d]);
	}
	if (!err && !r->faulted && region_put_end(r, why, sizeof(why)))
		load_refuse(l, r, why);
	return err;
}

static bool dropping(const struct store *s)
{
	for (uint32_t i = 0; i + 1 < s->regions->n; i++) {
		if (s->kept[i].dropped)
			return true;
	}
	return false;
}

int store_add(struct store *s, const struct store_region *how)
{
	struct region *r = s->regions->table[s->regions->n - 1];
	struct load l = {.store = s};
	bool changed = s->regions->changed;
	int err;

	/* What is being written, or is to be deleted, may be a region of that name. */
	if (!list_empty(&s->batches) || dropping(s))
		return STORE_E_BUSY;
	err = kept_reserve(s, s->regions->n);
	if (err)
		return err;
	load_begin(&l);
	err = add_read(&l, r, how->void_extents);
	if (!err && !r->faulted)
		load_keep_region(&l, r);
	if (!err && r->faulted)
		err = STORE_E_WRONG;
	if (err) {
		s->kept[r->id - 1] = (struct kept){0};
		/* Nothing of it has changed. */
		s->regions->changed = changed;
		return err;
	}
	for (int d = 0; d < REGION_DURABILITIES; d++)
		s->metas[d].next_region = l.next_number;
	s->regions->changed = s->meta_due = true;
	return 0;
}

void store_drop(struct store *s, const struct region *r)
{
	struct kept *kept = &s->kept[r->id - 1];

	if (!kept->kept)
		return;
	kept->kept = false;
	kept->dropped = true;
	kept->dropped_from = r->durability;
	s->regions->changed = true;
}

int store_look(struct store *s, struct regions *rs)
{
	struct load l = {.store = s};
	int err = load_read(&l, rs, UINT64_MAX);

	return err ? err : s->nwrong ? STORE_E_WRONG : 0;
}
