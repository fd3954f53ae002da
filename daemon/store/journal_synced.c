/*
 * journal_synced - a journal that outlives power loss
 *
 * Role:       see journal_synced.h.
 * Uses:       base/, store/journal.h
 */
#include "store/journal_synced.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/siphash.h"

/* What a disk writes as a whole, and a file system; Y1. */
#define RECORD_ALIGN 4096u

/* As it lies in the file, the operations behind it. */
struct record {
	uint64_t check; /* of all that follows, the operations too */
	uint64_t store; /* which one it belongs to */
	uint64_t after; /* J2 */
	uint32_t number;
	uint32_t n; /* bytes of operations, not 0 */
};

static size_t record_bytes(size_t n)
{
	return (sizeof(struct record) + n + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

static uint64_t record_check(const struct journal *j, const uint8_t *p, size_t n)
{
	const size_t begin = offsetof(struct record, store);

	return siphash(j->key, p + begin, sizeof(struct record) - begin + n);
}

/* Of the key, which is nobody's business, what may be. */
static uint64_t store_of(const struct journal *j)
{
	return siphash(j->key, NULL, 0) | 1;
}

/* A whole record at @at of the file, which is in j->record. */
static bool record_read(const struct journal *j, size_t at, struct record *ret)
{
	const uint8_t *p = j->record + at;

	if (JOURNAL_SYNCED_BYTES - at < sizeof(*ret))
		return false;
	memcpy(ret, p, sizeof(*ret));
	return ret->n && ret->n <= JOURNAL_SYNCED_BYTES - at - sizeof(*ret) &&
	       ret->store == store_of(j) && ret->check == record_check(j, p, ret->n);
}

/* A power cut leaves no whole one behind one that is torn: what does is damage. */
static bool records_follow(const struct journal *j, size_t at)
{
	struct record r;

	for (; at < JOURNAL_SYNCED_BYTES; at += RECORD_ALIGN) {
		if (record_read(j, at, &r) && r.after == j->after && r.number > j->number)
			return true;
	}
	return false;
}

/* Return: 0, JOURNAL_E_FOREIGN, JOURNAL_E_DAMAGED. */
static int records_read(struct journal *j, uint64_t folds)
{
	struct record r;
	int err = 0;

	memcpy(&r, j->record, sizeof(r));
	if (r.store && r.store != store_of(j))
		return JOURNAL_E_FOREIGN;
	j->after = folds;
	if (record_read(j, 0, &r)) {
		if (r.after + 1 == folds)
			return 0;
		if (r.after != folds)
			return JOURNAL_E_FOREIGN;
	}
	while (!err && record_read(j, j->file_at, &r) && r.after == folds &&
	       r.number == j->number) {
		memcpy(j->ops + j->n, j->record + j->file_at + sizeof(r), r.n);
		err = journal_adopt(j, r.n);
		j->file_at += record_bytes(r.n);
		j->number++;
	}
	return !err && records_follow(j, j->file_at) ? JOURNAL_E_DAMAGED : err;
}

/* All of @n bytes at @at. */
static int file_write(int fd, const uint8_t *p, size_t n, size_t at)
{
	while (n) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		p += done;
		n -= (size_t)done;
		at += (size_t)done;
	}
	return 0;
}

/* That it is there after a power cut. */
static int folder_sync(const char *path)
{
	CLEANUP(mem_freep)
	char *folder = mem_alloc(strlen(path) + 2);
	char *slash;
	int fd, err;

	if (!folder)
		return -ENOMEM;
	strcpy(folder, path);
	slash = strrchr(folder, '/');
	strcpy(slash ? slash + 1 : folder, slash ? "" : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

/* Written in full before it is used: a commit then changes bytes, and nothing that says where they are. */
static int file_fill(struct journal *j, const char *path, size_t bytes)
{
	int err = file_write(j->fd, j->record, JOURNAL_SYNCED_BYTES - bytes, bytes);

	if (!err && fsync(j->fd))
		err = -errno;
	return err ? err : folder_sync(path);
}

int journal_synced_open(struct journal *j, const struct journal_config *c)
{
	struct stat st;
	ssize_t n;

	memcpy(j->key, c->key, sizeof(j->key));
	j->ops = mem_zalloc(JOURNAL_SYNCED_BYTES, 1);
	j->record = mem_zalloc(JOURNAL_SYNCED_BYTES, 1);
	if (!j->ops || !j->record)
		return -ENOMEM;
	j->fd = open(c->path, (c->read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return c->read_only && errno == ENOENT ? JOURNAL_E_NONE : -errno;
	if (fstat(j->fd, &st))
		return -errno;
	if ((uint64_t)st.st_size < JOURNAL_SYNCED_BYTES) {
		j->after = c->folds;
		return c->read_only ? JOURNAL_E_NONE : file_fill(j, c->path, (size_t)st.st_size);
	}
	n = pread(j->fd, j->record, JOURNAL_SYNCED_BYTES, 0);
	if (n != (ssize_t)JOURNAL_SYNCED_BYTES)
		return n < 0 ? -errno : -EIO;
	return records_read(j, c->folds);
}

size_t journal_synced_end(const struct journal *j)
{
	size_t left = JOURNAL_SYNCED_BYTES - j->file_at;

	return j->n + (left > sizeof(struct record) ? left - sizeof(struct record) : 0);
}

int journal_synced_commit(struct journal *j)
{
	struct record r = {.store = store_of(j), .after = j->after, .number = j->number};
	size_t n = j->at - j->n, bytes = record_bytes(n);
	int err;

	if (!n)
		return 0;
	r.n = (uint32_t)n;
	memcpy(j->record, &r, sizeof(r));
	memcpy(j->record + sizeof(r), j->ops + j->n, n);
	memset(j->record + sizeof(r) + n, 0, bytes - sizeof(r) - n);
	r.check = record_check(j, j->record, n);
	memcpy(j->record, &r.check, sizeof(r.check));
	err = file_write(j->fd, j->record, bytes, j->file_at);
	if (!err && fdatasync(j->fd))
		err = -errno;
	if (err)
		return err;
	j->file_at += bytes;
	j->number++;
	return 0;
}
