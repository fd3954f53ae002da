/*
 * store - truth outside of the process: opening, closing, numbers
 *
 * Role:       see store.h.
 * Uses:       base/, region/, liblmdb
 */
#include "store/store.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_private.h"

/* 1: beside process.lmdb lies a journal, which a program that does not know of it would overlook; 2: and beside machine.lmdb. The records are the same. */
static int upgrade_nothing(MDB_txn *txn, MDB_dbi dbi)
{
	(void)txn;
	(void)dbi;
	return 0;
}

static const struct env_step steps[] = {{.from = 0, .run = upgrade_nothing},
					{.from = 1, .run = upgrade_nothing}};

static int env_add(struct store *s, enum region_durability d, const char *dir,
		   const struct store_config *sc)
{
	bool machine = d == REGION_DURABILITY_MACHINE;
	struct env_config c = {
		.dir = dir,
		.name = machine ? "machine" : "process",
		.synced = machine,
		.read_only = sc->read_only,
		.bytes_max = sc->bytes_max ? sc->bytes_max : STORE_BYTES_DEFAULT,
		.major = STORE_MAJOR,
		.minor = STORE_MINOR,
		.steps = steps,
		.nsteps = ARRAY_SIZE(steps),
	};
	int err;

	if (!dir)
		return 0;
	err = env_open(&c, &s->envs[d]);
	switch (err) {
	case 0:
		s->metas[d] = s->envs[d]->meta;
		return 0;
	case ENV_E_NONE:
		return 0;
	case ENV_E_VERSION:
		return STORE_E_VERSION;
	case ENV_E_LOCKED:
		return STORE_E_LOCKED;
	default:
		return err;
	}
}

int store_open(const struct store_config *c, struct store **ret_store)
{
	struct store *s = mem_zalloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	list_init(&s->batches);
	s->shares = mem_zalloc(REGION_SHARES_MAX, sizeof(*s->shares));
	err = s->shares ? 0 : -ENOMEM;
	if (!err)
		err = env_add(s, REGION_DURABILITY_PROCESS, c->process_dir, c);
	if (!err)
		err = env_add(s, REGION_DURABILITY_MACHINE, c->machine_dir, c);
	if (err) {
		store_close(s);
		return err;
	}
	s->restart = s->envs[REGION_DURABILITY_MACHINE] &&
		     s->envs[REGION_DURABILITY_MACHINE]->new_boot;
	*ret_store = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (int d = 0; d < REGION_DURABILITIES; d++)
		env_close(s->envs[d]);
	copies_deinit(&s->copies);
	mem_free(s->kept);
	mem_free(s->value.data);
	mem_free(s->shares);
	mem_free(s->quarantines);
	mem_free(s->ranges);
	mem_free(s);
}

int region_find(MDB_txn *txn, MDB_dbi dbi, const char *name, MDB_val *ret_value)
{
	uint8_t key[KEY_REGION_BYTES_MAX];
	MDB_val k = {.mv_data = key, .mv_size = key_region(key, name)};

	return mdb_get(txn, dbi, &k, ret_value);
}

uint64_t generation_in(struct env *e, const char *name)
{
	uint64_t generation = 0;
	uint32_t number;
	MDB_txn *txn;
	MDB_val v;

	if (!e || env_read(e, &txn))
		return 0;
	/* A damaged record is one nevertheless: store_load() has more to say. */
	if (!region_find(txn, e->dbi, name, &v) &&
	    region_decode_head(v.mv_data, v.mv_size, &number, &generation))
		generation = 1;
	env_read_end(e, txn);
	return generation;
}

uint64_t store_generation(const struct store *s, const char *name, enum region_durability d)
{
	uint64_t generation;

	if (!s || d == REGION_DURABILITY_NONE)
		return 0;
	generation = generation_in(s->envs[d], name);
	/* Where the configuration wants another durability than before, the records lie in the other one. */
	return generation ? generation
			  : generation_in(s->envs[d == REGION_DURABILITY_PROCESS
							  ? REGION_DURABILITY_MACHINE
							  : REGION_DURABILITY_PROCESS],
					  name);
}

void store_stat_get(const struct store *s, struct store_stat *ret)
{
	*ret = (struct store_stat){0};
	for (int d = 0; s && d < REGION_DURABILITIES; d++) {
		struct env *e = s->envs[d];

		if (!e)
			continue;
		ret->bytes[d] = __atomic_load_n(&e->bytes, __ATOMIC_RELAXED);
		ret->commits[d] = __atomic_load_n(&e->commits, __ATOMIC_RELAXED);
		ret->failures[d] = __atomic_load_n(&e->failures, __ATOMIC_RELAXED);
	}
}

struct region *store_region_by_number(const struct store *s, uint32_t number)
{
	for (uint32_t i = 0; number && i < s->regions->n; i++) {
		if (s->kept[i].number == number)
			return s->regions->table[i];
	}
	return NULL;
}
