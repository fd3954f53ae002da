/*
 * env - one LMDB environment: opening, lock and versions
 *
 * Role:       see env.h.
 * Uses:       base/, store/codec.h, liblmdb
 */
#include "store/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/boot.h"

#define PATH_BYTES 4096
/* A new file: the two pages that say where everything is, and some. */
#define ENV_BYTES_MIN (UINT64_C(1) << 20)

/*
 * Not MDB_WRITEMAP, though that is what a file that is never synced asks for: LMDB then says where the root is by plain stores into the page that
 * is valid once a number in it is written, and nothing keeps a compiler from writing that number first. Debian's build of 0.9.24 does: a
 * kill between two instructions left the new number with the root of two transactions ago. A system call writes such a page whole.
 */
static unsigned env_flags(const struct env *e)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK | MDB_NORDAHEAD;

	/* With a transaction open that is never committed, in memory of its own. */
	if (e->read_only)
		return e->journal ? flags : flags | MDB_RDONLY;
	return e->synced ? flags : flags | MDB_NOSYNC | MDB_NOMETASYNC;
}

/* LMDB at @path, with a map of @bytes. */
static int lmdb_open(const char *path, unsigned flags, uint64_t bytes, MDB_env **ret_mdb,
		     MDB_dbi *ret_dbi)
{
	MDB_env *mdb = NULL;
	MDB_txn *txn = NULL;
	int rc = mdb_env_create(&mdb);

	if (rc)
		return env_error(rc);
	rc = mdb_env_set_mapsize(mdb, bytes);
	if (!rc)
		rc = mdb_env_open(mdb, path, flags, 0600);
	if (!rc)
		rc = mdb_txn_begin(mdb, NULL, MDB_RDONLY, &txn);
	if (!rc)
		rc = mdb_dbi_open(txn, NULL, 0, ret_dbi);
	if (txn)
		mdb_txn_abort(txn);
	if (rc) {
		mdb_env_close(mdb);
		return env_error(rc);
	}
	*ret_mdb = mdb;
	return 0;
}

static int file_bytes(const char *path, uint64_t *ret_bytes)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

/* Is the file as long as what is written in it? Otherwise reading what is missing would be a signal. */
static int env_measure(struct env *e, uint64_t bytes)
{
	MDB_envinfo info;
	MDB_stat st;
	MDB_txn *txn;
	int rc = mdb_env_info(e->mdb, &info);

	if (!rc)
		rc = mdb_txn_begin(e->mdb, NULL, MDB_RDONLY, &txn);
	if (rc)
		return env_error(rc);
	rc = mdb_stat(txn, e->dbi, &st);
	mdb_txn_abort(txn);
	if (rc)
		return env_error(rc);
	if ((uint64_t)info.me_last_pgno >= bytes / st.ms_psize) {
		log_error("store %s: the file is cut off: %llu bytes, but page %llu is in use",
			  e->path, (unsigned long long)bytes,
			  (unsigned long long)info.me_last_pgno);
		return -EUCLEAN;
	}
	e->npages = (uint64_t)st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
	e->page_bytes = st.ms_psize;
	e->bytes = info.me_mapsize;
	e->npages_max = e->bytes / st.ms_psize / 4 * 3;
	return 0;
}

int env_map(struct env *e)
{
	uint64_t bytes = 0, map_bytes;
	mdb_filehandle_t fd;
	int err = file_bytes(e->path, &bytes);

	if (err)
		return err;
	/* Whole pages of any system. */
	map_bytes = bytes & ~UINT64_C(0xffff);
	map_bytes = map_bytes < ENV_BYTES_MIN ? ENV_BYTES_MIN : map_bytes;
	err = lmdb_open(e->path, env_flags(e), map_bytes, &e->mdb, &e->dbi);
	if (err)
		return err;
	err = env_measure(e, bytes);
	/* A copy may have lost what was only set aside: V1. */
	if (!err)
		err = env_error(mdb_env_get_fd(e->mdb, &fd));
	if (!err && !e->read_only)
		err = -posix_fallocate(fd, 0, (off_t)e->bytes);
	if (err)
		mdb_env_close(take_ptr(e->mdb));
	return err;
}

static int meta_put(MDB_txn *txn, MDB_dbi dbi, void *ctx)
{
	uint8_t key[1], value[META_BYTES];
	MDB_val k = {.mv_size = key_meta(key), .mv_data = key};
	MDB_val v = {.mv_size = sizeof(value), .mv_data = value};

	meta_encode(ctx, value);
	return mdb_put(txn, dbi, &k, &v, 0);
}

static int dir_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

/* A file that is there has its versions in it: it is made under another name. */
static int env_create(struct env *e, const struct env_config *c)
{
	char path[PATH_BYTES];
	struct meta m = {.major = c->major, .minor = c->minor, .next_session = 1, .next_region = 1};
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK | (c->synced ? 0 : MDB_NOSYNC);
	MDB_env *mdb;
	MDB_dbi dbi;
	MDB_txn *txn;
	int err;

	memcpy(m.boot, e->meta.boot, sizeof(m.boot));
	if (snprintf(path, sizeof(path), "%s.new", e->path) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	err = env_journal_forget(e);
	if (!err && c->synced)
		err = dir_sync(c->dir);
	if (err)
		return err;
	err = lmdb_open(path, flags, ENV_BYTES_MIN, &mdb, &dbi);
	if (err)
		return err;
	err = env_error(mdb_txn_begin(mdb, NULL, 0, &txn));
	if (!err) {
		err = env_error(meta_put(txn, dbi, &m));
		if (err)
			mdb_txn_abort(txn);
		else
			err = env_error(mdb_txn_commit(txn));
	}
	mdb_env_close(mdb);
	if (!err && rename(path, e->path))
		err = -errno;
	if (!err && c->synced)
		err = dir_sync(c->dir);
	return err;
}

static int env_take_lock(struct env *e, const struct env_config *c)
{
	char path[PATH_BYTES];

	if (snprintf(path, sizeof(path), "%s/%s.lock", c->dir, c->name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	e->lock_fd = open(path, (c->read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0600);
	if (e->lock_fd < 0)
		return c->read_only && errno == ENOENT ? ENV_E_NONE : -errno;
	if (!flock(e->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? ENV_E_LOCKED : -errno;
}

/*
 * V4: without syncs, what a file holds after the system went down may be anything; it is not even opened. The lock says which boot the file is
 * of, and is written first.
 */
static int env_forget(struct env *e)
{
	uint8_t boot[BOOT_BYTES];
	ssize_t n = pread(e->lock_fd, boot, sizeof(boot), 0);

	if (n == (ssize_t)sizeof(boot) && !memcmp(boot, e->meta.boot, sizeof(boot)))
		return 0;
	if (!unlink(e->path))
		log_info("store %s: of before the system was started; a new one is made", e->path);
	else if (errno != ENOENT)
		return -errno;
	n = pwrite(e->lock_fd, e->meta.boot, sizeof(e->meta.boot), 0);
	return n < 0 ? -errno : n == (ssize_t)sizeof(boot) ? 0 : -ENOSPC;
}

/* The same where nothing may be touched: would it be forgotten? */
static int env_look(const struct env *e)
{
	uint8_t boot[BOOT_BYTES];
	ssize_t n = pread(e->lock_fd, boot, sizeof(boot), 0);

	if (!access(e->path, F_OK) && (e->synced || (n == (ssize_t)sizeof(boot) &&
						     !memcmp(boot, e->meta.boot, sizeof(boot)))))
		return 0;
	return ENV_E_NONE;
}

static int meta_read(struct env *e, struct meta *ret)
{
	uint8_t key[1];
	MDB_val k = {.mv_size = key_meta(key), .mv_data = key}, v;
	MDB_txn *txn;
	int rc, err = env_read(e, &txn);

	if (err)
		return err;
	rc = mdb_get(txn, e->dbi, &k, &v);
	err = rc && rc != MDB_NOTFOUND ? env_error(rc) : 0;
	if (!err && (rc || meta_decode(v.mv_data, v.mv_size, ret)))
		err = ENV_E_VERSION;
	env_read_end(e, txn);
	return err;
}

struct upgrade {
	const struct env_config *c;
	struct meta meta;
};

static int upgrade_fill(MDB_txn *txn, MDB_dbi dbi, void *ctx)
{
	struct upgrade *u = ctx;
	struct meta m = u->meta;
	int rc;

	while (m.minor < u->c->minor) {
		const struct env_step *step = NULL;

		for (unsigned i = 0; i < u->c->nsteps && !step; i++) {
			if (u->c->steps[i].from == m.minor)
				step = &u->c->steps[i];
		}
		if (!step)
			return -EPROTO;
		rc = step->run(txn, dbi);
		if (rc)
			return rc;
		m.minor++;
	}
	return meta_put(txn, dbi, &m);
}

/* Is this a store that the program knows, or can make into one? */
static int env_agree(struct env *e, const struct env_config *c)
{
	struct upgrade u = {.c = c};
	int err = meta_read(e, &u.meta);

	if (err == ENV_E_VERSION)
		log_error("store %s: this is no store of pallocd's; move it away", e->path);
	if (err)
		return err;
	if (u.meta.major != c->major || u.meta.minor > c->minor) {
		log_error("store %s: it is of version %u.%u, this program knows %u.%u: start the "
			  "program that it is of, or move it away",
			  e->path, u.meta.major, u.meta.minor, c->major, c->minor);
		return ENV_E_VERSION;
	}
	/* Not before it is known to be one that this program may change. */
	err = env_journal_open(e);
	if (!err)
		err = meta_read(e, &u.meta);
	if (err)
		return err;
	if (u.meta.minor < c->minor && c->read_only) {
		log_error("store %s: it is of version %u.%u, older than this program's: start the "
			  "daemon, which upgrades it",
			  e->path, u.meta.major, u.meta.minor);
		return ENV_E_VERSION;
	}
	if (u.meta.minor < c->minor) {
		err = env_write(e, upgrade_fill, &u);
		if (err == -EPROTO) {
			log_error("store %s: nobody knows how to upgrade version %u.%u to %u.%u",
				  e->path, u.meta.major, u.meta.minor, c->major, c->minor);
			return ENV_E_VERSION;
		}
		if (err)
			return err;
		log_info("store %s: version %u.%u is upgraded to %u.%u", e->path, u.meta.major,
			 u.meta.minor, c->major, c->minor);
		err = meta_read(e, &u.meta);
		if (err)
			return err;
	}
	e->new_boot = memcmp(u.meta.boot, e->meta.boot, BOOT_BYTES) != 0;
	memcpy(u.meta.boot, e->meta.boot, BOOT_BYTES);
	e->meta = u.meta;
	return 0;
}

static int env_start_reading(struct env *e, const struct env_config *c)
{
	int err = env_take_lock(e, c);

	if (!err)
		err = env_look(e);
	if (!err)
		err = env_map(e);
	return err ? err : env_agree(e, c);
}

static int env_start(struct env *e, const struct env_config *c)
{
	int err = boot_get(e->meta.boot);

	if (err)
		return err;
	if (c->read_only)
		return env_start_reading(e, c);
	if (mkdir(c->dir, 0700) && errno != EEXIST)
		return -errno;
	err = env_take_lock(e, c);
	if (!err && !c->synced)
		err = env_forget(e);
	if (!err && access(e->path, F_OK))
		err = errno == ENOENT ? env_create(e, c) : -errno;
	if (!err)
		err = env_map(e);
	if (!err)
		err = env_agree(e, c);
	return err;
}

static int path_make(char **ret_path, const struct env_config *c, const char *suffix)
{
	char path[PATH_BYTES];
	int n = snprintf(path, sizeof(path), "%s/%s.%s", c->dir, c->name, suffix);

	if (n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	*ret_path = mem_alloc((size_t)n + 1);
	if (!*ret_path)
		return -ENOMEM;
	memcpy(*ret_path, path, (size_t)n + 1);
	return 0;
}

int env_open(const struct env_config *c, struct env **ret_env)
{
	struct env *e = mem_zalloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->lock_fd = -1;
	e->synced = c->synced;
	e->read_only = c->read_only;
	e->bytes_max = c->bytes_max;
	pthread_mutex_init(&e->mutex, NULL);
	err = path_make(&e->path, c, "lmdb");
	if (!err)
		err = path_make(&e->journal_path, c, "journal");
	if (!err)
		err = env_start(e, c);
	if (err) {
		if (err == ENV_E_LOCKED)
			log_error("store %s: another daemon has it", e->path);
		else if (err == ENV_E_NONE)
			log_info("store %s: it is not there, or of before the system was started: "
				 "the daemon would make a new one",
				 e->path);
		else if (err < 0)
			log_error("store %s: %s", e->path ? e->path : c->dir, strerror(-err));
		env_close(e);
		return err;
	}
	*ret_env = e;
	return 0;
}

void env_close(struct env *e)
{
	if (!e)
		return;
	env_journal_close(e);
	if (e->mdb)
		mdb_env_close(e->mdb);
	if (e->lock_fd >= 0)
		close(e->lock_fd);
	pthread_mutex_destroy(&e->mutex);
	mem_free(e->path);
	mem_free(e->journal_path);
	mem_free(e);
}
