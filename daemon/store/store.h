/*
 * store - truth outside of the process
 *
 * Role:       writes what has changed (region/changes.h) to LMDB, one transaction for all of it, and reads it at start. Two environments, each there only
 *             where some region wants it: "process" outlives the process and not the system (no sync; a write is a change of shared memory), "machine"
 *             outlives power loss (synced, on another thread). The keys and values are in daemon/store/README.md.
 * Uses:       base/, region/, liblmdb
 *             What changes goes to a journal first (journal.h), many commits of which are one transaction.
 * Invariants: S1  an environment holds, at any instruction, what some store_commit() or store_batch_write() has written, all of it or nothing.
 *             S2  after a commit that has succeeded, changes are none: store and regions agree.
 *             S3  after one that has failed, the changes are all still noted, and the environment is as before.
 * Cost:       a commit: some bytes for each extent that changed, in the journal or a batch; a transaction for some hundred commits.
 */
#ifndef PALLOCD_STORE_STORE_H
#define PALLOCD_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "region/session.h"

/* The layout of keys and values. A store of another major version is refused; an older minor version is upgraded, a newer one refused. */
#define STORE_MAJOR 1
#define STORE_MINOR 2

struct store_config {
	const char *
		process_dir; /* made where it is not there, mode 0700; NULL: no region is PROCESS */
	const char *machine_dir; /* NULL: no region is MACHINE */
	uint64_t bytes_max;      /* of each environment, 0: STORE_BYTES_DEFAULT */
	bool read_only; /* for store_look(): nothing is made, upgraded or written; what is not there, or of before the system was started, is left out */
};
#define STORE_BYTES_DEFAULT (UINT64_C(1) << 34)

enum store_outcome {
	STORE_E_VERSION =
		1, /* the store is of a newer program, or of another kind; the log says which */
	STORE_E_LOCKED, /* another daemon has it */
	STORE_E_WRONG,  /* what is in it does not fit; the log or the report says what */
	STORE_E_BUSY,   /* something is being written: try again soon */
};

struct store;

/* What one region is kept with. */
struct store_region {
	bool void_extents; /* its memory is not the one of before: what the store says about extents is void, and the generation rises */
};

/** store_open() - open or make what @c names. Return: 0, STORE_E_VERSION, STORE_E_LOCKED, -ENOMEM, a negative errno; the log says why. */
MUST_CHECK int store_open(const struct store_config *c, struct store **ret_store);

/** store_close() - what was committed stays; all batches have been freed; NULL is allowed. */
void store_close(struct store *s);

/** store_generation() - of region @name, as it is written; 0: the store does not know the region (or @s is NULL). */
uint64_t store_generation(const struct store *s, const char *name, enum region_durability d);

/**
 * store_load() - build regions and sessions from what is written, and keep them from now on
 * @rs:       with all regions added, each new and empty (initial pages are not grown where store_generation() is not 0)
 * @regions:  by region, from [0]
 * @until_usec: until then sessions may be resumed
 *
 * A region whose records do not fit is faulted, with all that is wrong in the log; the others are served. Where the machine was started anew
 * since, sessions of the machine's environment have ended.
 * Return: 0, -ENOMEM, a negative errno.
 */
MUST_CHECK int store_load(struct store *s, struct regions *rs, const struct store_region *regions,
			  uint64_t until_usec);

/**
 * store_add() - read what is written about the region that regions_add() has just added, and keep it from now on
 *
 * What so changes is written with the next store_commit(). Return: 0; STORE_E_WRONG: what is written does not fit, and the log says what; STORE_E_BUSY:
 * a batch is on its way; -ENOMEM, a negative errno: the region is to be taken out again.
 */
MUST_CHECK int store_add(struct store *s, const struct store_region *how);

/** store_drop() - @r, which holds nothing, is about to be closed: nothing is to be written of it after the next store_commit(). */
void store_drop(struct store *s, const struct region *r);

/**
 * store_look() - build regions and sessions from what is written, and keep nothing: for a store that was opened to be read only
 * @rs: as for store_load()
 *
 * What does not fit is in the log. Return: 0; STORE_E_WRONG: something does not; -ENOMEM, a negative errno.
 */
MUST_CHECK int store_look(struct store *s, struct regions *rs);

/** store_changed() - is there anything to commit? */
static inline bool store_changed(const struct regions *rs)
{
	return rs->changed;
}

/**
 * store_commit() - write all that has changed in regions with PROCESS, and in sessions; and gather what has in those with MACHINE
 * @ret_batch: what is to be written by store_batch_write() before anybody is told; NULL: nothing is
 *
 * On the loop's thread; takes no locks that block and does not sync. Return: 0; a negative errno (ENOSPC, EIO, EROFS, ENOMEM): nothing is
 * written of either, and the next commit tries all of it again.
 */
struct store_batch;
MUST_CHECK int store_commit(struct store *s, struct store_batch **ret_batch);

/** store_batch_write() - write and sync; blocks, on any thread, one batch at a time and in order. Return: 0, a negative errno: the same batch is to be tried again. */
MUST_CHECK int store_batch_write(struct store_batch *b);

/**
 * store_batch_join() - what @more brings is written with @b, which nobody has begun to write, and which was gathered right before it
 *
 * Return: 0, and @more is gone; -ENOMEM: both are as before.
 */
MUST_CHECK int store_batch_join(struct store_batch *b, struct store_batch *more);

/** store_batch_free() - @b is written, or not wanted any more. */
void store_batch_free(struct store_batch *b);

/** store_check() - does what is written agree with what is there? What differs goes to @emit, a line each: "region a, extent 0x1000: ...". Return: lines. */
uint64_t store_check(struct store *s, const struct regions *rs,
		     void (*emit)(void *ctx, const char *line), void *ctx);

/* What the environments take, and what they did since start. */
struct store_stat {
	uint64_t bytes[REGION_DURABILITIES], commits[REGION_DURABILITIES],
		failures[REGION_DURABILITIES];
};
void store_stat_get(const struct store *s, struct store_stat *ret);

#endif
