/*
 * check - does what is written agree with what is there?
 *
 * Role:       writes what is to be written first, waiting for the disk, and compares every record then.
 * Uses:       base/, region/, store/store_private.h
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_private.h"

struct check {
	struct store *store;
	void (*emit)(void *ctx, const char *line);
	void *ctx;
	uint64_t nlines;
	MDB_txn *txn; /* of the environment that is looked at */
	MDB_dbi dbi;
};

static void check_say(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void check_say(struct check *c, const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	c->emit(c->ctx, line);
	c->nlines++;
}

/* All that was handed out or is noted. Return: 0, a negative errno. */
static int check_flush(struct store *s)
{
	struct store_batch *b = NULL;
	int err = 0;

	list_for_each (link, &s->batches) {
		err = store_batch_write(list_entry(link, struct store_batch, in_store));
		if (err)
			return err;
	}
	err = store_commit(s, &b);
	if (err || !b)
		return err;
	err = store_batch_write(b);
	if (err)
		machine_doubt(s, false);
	store_batch_free(b);
	return err;
}

static void extent_compare(struct check *c, const struct region *r, uint64_t page, const MDB_val *v)
{
	struct extent_record e, written;
	struct store *s = c->store;
	uint64_t addr = region_addr(r, page);
	int err = 0;

	if (!extent_value(s, r, page, &err, &e)) {
		check_say(c, "region %s, extent 0x%" PRIx64 ": nobody holds it", r->name, addr);
		return;
	}
	if (err || (s->value.n == v->mv_size && !memcmp(s->value.data, v->mv_data, v->mv_size)))
		return;
	if (extent_decode(page, v->mv_data, v->mv_size, s->shares, &written))
		check_say(c, "region %s, extent 0x%" PRIx64 ": its record is damaged", r->name,
			  addr);
	else if (written.npages != e.npages)
		check_say(c,
			  "region %s, extent 0x%" PRIx64 ": has %" PRIu64
			  " pages, and is written with %" PRIu64,
			  r->name, addr, e.npages, written.npages);
	else
		check_say(c,
			  "region %s, extent 0x%" PRIx64
			  ": is written with another owner, name, label or shares",
			  r->name, addr);
}

/* Both in order of the pages. */
static void extents_compare(struct check *c, const struct region *r, MDB_cursor *cursor)
{
	uint8_t key[KEY_EXTENT_BYTES];
	MDB_val k = {.mv_data = key,
		     .mv_size = key_extent(key, c->store->kept[r->id - 1].number, 0)},
		v;
	int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	uint64_t page = 0, written = 0;
	bool there = region_extent_next(r, 0, &page);

	for (;;) {
		bool more = !rc && k.mv_size == KEY_EXTENT_BYTES &&
			    !memcmp(k.mv_data, key, KEY_EXTENT_PREFIX_BYTES) &&
			    key_page(k.mv_data, k.mv_size, &written);

		if (!more && !there)
			return;
		if (!more || (there && page < written)) {
			check_say(c, "region %s, extent 0x%" PRIx64 ": is not written", r->name,
				  region_addr(r, page));
			there = region_extent_next(r, page + 1, &page);
			continue;
		}
		if (there && page == written) {
			extent_compare(c, r, page, &v);
			there = region_extent_next(r, page + 1, &page);
		} else {
			check_say(c,
				  "region %s, extent 0x%" PRIx64 ": is written, and is not there",
				  r->name, region_addr(r, written));
		}
		rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
}

static void region_compare(struct check *c, const struct region *r)
{
	struct store *s = c->store;
	MDB_cursor *cursor;
	MDB_val v;

	if (region_find(c->txn, c->dbi, r->name, &v))
		check_say(c, "region %s: is not written", r->name);
	else if (!space_value(s, r) &&
		 (s->value.n != v.mv_size || memcmp(s->value.data, v.mv_data, v.mv_size)))
		check_say(c, "region %s: grown, reserved or drained ranges are written differently",
			  r->name);
	if (mdb_cursor_open(c->txn, c->dbi, &cursor))
		return;
	extents_compare(c, r, cursor);
	mdb_cursor_close(cursor);
}

/* What is written, less the replies in front that a client has said it has by now: nothing is written for that alone. Return: as session_decode(). */
static int session_written(struct check *c, const struct session *session, const MDB_val *v,
			   struct bytes *ret)
{
	struct store *s = c->store;
	struct session_record r;
	uint64_t batch;
	int err = session_decode(session->id, v->mv_data, v->mv_size, s->quarantines,
				 s->nquarantines, &r, &batch);

	for (unsigned d = 0; !err && d < REGION_DURABILITIES; d++) {
		uint32_t n = session->memory[d].n;

		if (n >= r.memory[d].n)
			continue;
		r.memory[d].replies += r.memory[d].n - n;
		r.memory[d].n = n;
	}
	return err ? err : session_encode(&r, batch, ret);
}

static void session_compare(struct check *c, uint64_t id, const MDB_val *v, bool copy)
{
	const struct session *session = session_by_id(c->store->regions, id);
	struct bytes written = {0};

	if (!session) {
		check_say(c, "session %" PRIu64 ": is written, and is not there", id);
		return;
	}
	/* A copy may be older than what the process' environment has. */
	if (copy)
		return;
	if (session_written(c, session, v, &written) == CODEC_E_DAMAGED ||
	    (!session_value(c->store, session, 0) && written.n &&
	     (c->store->value.n != written.n ||
	      memcmp(c->store->value.data + SESSION_BATCH_BYTES, written.data + SESSION_BATCH_BYTES,
		     written.n - SESSION_BATCH_BYTES))))
		check_say(c, "session %" PRIu64 ": is written differently", id);
	mem_free(written.data);
}

static void sessions_compare(struct check *c, bool all)
{
	uint8_t key[KEY_SESSION_BYTES];
	MDB_val k = {.mv_data = key, .mv_size = key_session(key, 0)}, v;
	const struct session *session = NULL;
	uint64_t id, nwritten = 0, nthere = 0;
	MDB_cursor *cursor;
	int rc;

	if (mdb_cursor_open(c->txn, c->dbi, &cursor))
		return;
	for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	     !rc && key_id(k.mv_data, k.mv_size, &id);
	     rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
		session_compare(c, id, &v, !all);
		nwritten += session_by_id(c->store->regions, id) != NULL;
	}
	mdb_cursor_close(cursor);
	while (all && (session = session_next(c->store->regions, session ? session->id : 0)))
		nthere++;
	if (all && nwritten != nthere)
		check_say(c, "sessions: %" PRIu64 " of %" PRIu64 " are written", nwritten, nthere);
}

static void env_compare(struct check *c, enum region_durability d)
{
	const struct regions *rs = c->store->regions;
	struct env *e = c->store->envs[d];

	env_lock(e);
	if (env_read(e, &c->txn)) {
		check_say(c, "%s: cannot be read", e->path);
		env_unlock(e);
		return;
	}
	c->dbi = e->dbi;
	for (uint32_t i = 0; i < rs->n; i++) {
		const struct region *r = rs->table[i];

		if (r->durability == d && c->store->kept[i].kept && !r->faulted)
			region_compare(c, r);
	}
	sessions_compare(c, d == REGION_DURABILITY_PROCESS);
	env_read_end(e, c->txn);
	env_unlock(e);
}

uint64_t store_check(struct store *s, const struct regions *rs,
		     void (*emit)(void *ctx, const char *line), void *ctx)
{
	struct check c = {.store = s, .emit = emit, .ctx = ctx};
	int err;

	if (!s || s->regions != rs)
		return 0;
	err = check_flush(s);
	if (err) {
		check_say(&c, "what has changed cannot be written: %s", strerror(-err));
		return c.nlines;
	}
	for (int d = 0; d < REGION_DURABILITIES; d++) {
		if (s->envs[d])
			env_compare(&c, (enum region_durability)d);
	}
	return c.nlines;
}
