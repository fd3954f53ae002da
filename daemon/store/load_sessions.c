/*
 * load_sessions - sessions as they were
 *
 * Role:       reads both environments' sessions in order of their ids, and decides which record of one counts. See "Sessions" in README.md.
 * Uses:       base/, region/, store/store_private.h
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/store_private.h"

/* clock_usec() is later than this, always. */
#define LONG_AGO_USEC 1u
/* What is not a session's is after it. */
#define ID_NONE UINT64_MAX

/* One environment's sessions. */
struct series {
	struct env *env;
	MDB_txn *txn;
	MDB_cursor *cursor;
	uint64_t id; /* of the record below; ID_NONE: there are no more */
	MDB_val value;
};

static int series_take(struct series *a, MDB_val *k, int rc)
{
	a->id = ID_NONE;
	if (rc)
		return rc == MDB_NOTFOUND ? 0 : env_error(rc);
	/* Sessions' keys are the last ones. */
	if (!key_id(k->mv_data, k->mv_size, &a->id))
		a->id = ID_NONE;
	return 0;
}

static int series_begin(struct series *a, struct env *e)
{
	uint8_t key[KEY_SESSION_BYTES];
	MDB_val k = {.mv_data = key, .mv_size = key_session(key, 0)};
	int err;

	a->id = ID_NONE;
	if (!e)
		return 0;
	a->env = e;
	err = env_read(e, &a->txn);
	if (!err)
		err = env_error(mdb_cursor_open(a->txn, e->dbi, &a->cursor));
	return err ? err
		   : series_take(a, &k, mdb_cursor_get(a->cursor, &k, &a->value, MDB_SET_RANGE));
}

static int series_next(struct series *a)
{
	MDB_val k;

	return series_take(a, &k, mdb_cursor_get(a->cursor, &k, &a->value, MDB_NEXT));
}

static void series_end(struct series *a)
{
	if (a->cursor)
		mdb_cursor_close(a->cursor);
	if (a->txn)
		env_read_end(a->env, a->txn);
}

/* Room for as many quarantines as these bytes may say. */
static int room_for(struct store *s, const MDB_val *v)
{
	size_t n = v->mv_size / 2 + 1;
	struct record_quarantine *q;

	if (n <= s->nquarantines)
		return 0;
	q = n <= UINT32_MAX ? mem_resize(s->quarantines, n, sizeof(*q)) : NULL;
	if (!q)
		return -ENOMEM;
	s->quarantines = q;
	s->nquarantines = (uint32_t)n;
	return 0;
}

/* The store's numbers of regions become ids of now; what is not served has no quarantine. */
static void number_regions(struct store *s, struct session_record *record)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < record->nquarantines; i++) {
		const struct region *r = store_region_by_number(s, s->quarantines[i].region);
		struct record_quarantine q = s->quarantines[i];
		uint32_t at = n;

		if (!r)
			continue;
		q.region = r->id;
		/* They ascend. */
		for (n++; at && s->quarantines[at - 1].region > q.region; at--)
			s->quarantines[at] = s->quarantines[at - 1];
		s->quarantines[at] = q;
	}
	record->nquarantines = n;
}

/*
 * The machine was started anew: nobody resumes it, and its times mean nothing. Its grace is over at once, so that what becomes of its extents
 * begins from the beginning, quarantines too.
 */
static void record_end(struct session_record *record)
{
	record->state = SESSION_GRACE;
	record->open_usec = record->grace_usec = record->deadline_usec = 0;
	record->nquarantines = 0;
	memset(record->memory, 0, sizeof(record->memory));
}

/*
 * @process is newer than @machine, except that it may remember requests whose changes of the machine's regions were not written any more: then
 * what @machine remembers is what was done.
 */
static int record_choose(struct store *s, uint64_t id, const MDB_val *process,
			 const MDB_val *machine, struct session_record *ret)
{
	struct session_record copy = {0};
	uint64_t batch = 0, copy_batch = 0;
	int err = 0;

	if (machine)
		err = session_decode(id, machine->mv_data, machine->mv_size, s->quarantines,
				     s->nquarantines, &copy, &copy_batch);
	if (!err && machine)
		err = copies_put(&s->copies, id, copy_batch);
	*ret = copy;
	if (!err && process)
		err = session_decode(id, process->mv_data, process->mv_size, s->quarantines,
				     s->nquarantines, ret, &batch);
	if (err || !process || batch <= s->metas[REGION_DURABILITY_MACHINE].batch)
		return err;
	ret->memory[REGION_DURABILITY_MACHINE] = copy.memory[REGION_DURABILITY_MACHINE];
	return 0;
}

static int load_session(struct store *s, uint64_t id, const MDB_val *process,
			const MDB_val *machine, uint64_t until_usec)
{
	struct session_record record;
	char why[256] = "the record is damaged";
	int err = process ? room_for(s, process) : 0;

	if (!err && machine)
		err = room_for(s, machine);
	if (!err)
		err = record_choose(s, id, process, machine, &record);
	if (!err) {
		record.quarantines = s->quarantines;
		number_regions(s, &record);
		if (s->restart)
			record_end(&record);
		err = session_put(s->regions, &record, s->restart ? LONG_AGO_USEC : until_usec, why,
				  sizeof(why));
	}
	if (err > 0) {
		s->nwrong++;
		log_event(LOG_LEVEL_ERROR, LOG_ID_SESSION_LOST, LOG_FIELDS(ABOUT_SESSION(id)),
			  "store: session %" PRIu64 ": %s; it is not there any more", id, why);
	}
	return err < 0 ? err : 0;
}

int load_sessions(struct store *s, uint64_t until_usec)
{
	struct series process = {0}, machine = {0};
	int err = series_begin(&process, s->envs[REGION_DURABILITY_PROCESS]);

	if (!err)
		err = series_begin(&machine, s->envs[REGION_DURABILITY_MACHINE]);
	while (!err) {
		uint64_t id = process.id < machine.id ? process.id : machine.id;
		bool in_process = process.id == id, in_machine = machine.id == id;

		if (id == ID_NONE)
			break;
		err = load_session(s, id, in_process ? &process.value : NULL,
				   in_machine ? &machine.value : NULL, until_usec);
		if (!err && in_process)
			err = series_next(&process);
		if (!err && in_machine)
			err = series_next(&machine);
	}
	series_end(&process);
	series_end(&machine);
	return err;
}
