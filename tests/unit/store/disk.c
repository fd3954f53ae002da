/*
 * disk - what reaches the file of an environment
 *
 * Role:       see disk.h. The program's own functions come before the C library's for liblmdb too.
 * Uses:       libc
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
	bool on;
	dev_t dev;
	ino_t ino;
	struct disk_op *ops;
	size_t n, size;
	unsigned nth, ntimes, nfailed;
	int err;
} disk;

static bool is_it(int fd)
{
	struct stat st;

	return disk.on && !fstat(fd, &st) && st.st_dev == disk.dev && st.st_ino == disk.ino;
}

static void note(enum disk_kind kind, off_t offset, const void *bytes, size_t n)
{
	struct disk_op op = {.kind = kind, .offset = offset, .n = n};

	if (bytes) {
		op.bytes = malloc(n);
		if (!op.bytes)
			abort();
		memcpy(op.bytes, bytes, n);
	}
	if (disk.n == disk.size) {
		disk.size = disk.size ? 2 * disk.size : 1024;
		disk.ops = realloc(disk.ops, disk.size * sizeof(*disk.ops));
		if (!disk.ops)
			abort();
	}
	disk.ops[disk.n++] = op;
}

static bool must_fail(int fd)
{
	if (!is_it(fd) || !disk.ntimes)
		return false;
	if (disk.nth > 1) {
		disk.nth--;
		return false;
	}
	disk.ntimes--;
	disk.nfailed++;
	errno = disk.err;
	return true;
}

static enum disk_kind kind_of(int fd)
{
	return fcntl(fd, F_GETFL) & O_DSYNC ? DISK_SYNCED_WRITE : DISK_WRITE;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	ssize_t got;

	if (must_fail(fd)) {
		int err = errno;

		/* Half of it came through. */
		syscall(SYS_pwrite64, fd, bytes, n / 2, offset);
		note(DISK_WRITE, offset, bytes, n / 2);
		errno = err;
		return -1;
	}
	got = (ssize_t)syscall(SYS_pwrite64, fd, bytes, n, offset);
	if (got > 0 && is_it(fd))
		note(kind_of(fd), offset, bytes, (size_t)got);
	return got;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t offset);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t offset)
{
	return pwrite(fd, bytes, n, offset);
}

ssize_t writev(int fd, const struct iovec *v, int nv)
{
	off_t offset = is_it(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
	ssize_t got;

	if (must_fail(fd))
		return -1;
	got = (ssize_t)syscall(SYS_writev, fd, v, nv);
	if (got <= 0 || !is_it(fd))
		return got;
	for (ssize_t left = got; left > 0; v++) {
		size_t n = (ssize_t)v->iov_len < left ? v->iov_len : (size_t)left;

		note(kind_of(fd), offset, v->iov_base, n);
		offset += (off_t)n;
		left -= (ssize_t)n;
	}
	return got;
}

int fdatasync(int fd)
{
	if (must_fail(fd))
		return -1;
	if (is_it(fd))
		note(DISK_SYNC, 0, NULL, 0);
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	if (must_fail(fd))
		return -1;
	if (is_it(fd))
		note(DISK_SYNC, 0, NULL, 0);
	return (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t size)
{
	if (is_it(fd))
		note(DISK_SIZE, size, NULL, 0);
	return (int)syscall(SYS_ftruncate, fd, size);
}

int posix_fallocate(int fd, off_t offset, off_t n)
{
	if (must_fail(fd))
		return disk.err;
	if (syscall(SYS_fallocate, fd, 0, offset, n))
		return errno;
	if (is_it(fd))
		note(DISK_SIZE, offset + n, NULL, 0);
	return 0;
}

void disk_record(const char *path)
{
	struct stat st;

	disk_stop();
	if (stat(path, &st))
		abort();
	disk.on = true;
	disk.dev = st.st_dev;
	disk.ino = st.st_ino;
}

void disk_stop(void)
{
	for (size_t i = 0; i < disk.n; i++)
		free(disk.ops[i].bytes);
	free(disk.ops);
	memset(&disk, 0, sizeof(disk));
}

size_t disk_ops(const struct disk_op **ret_ops)
{
	*ret_ops = disk.ops;
	return disk.n;
}

void disk_fail(unsigned nth, unsigned ntimes, int err)
{
	disk.nth = nth;
	disk.ntimes = nth ? ntimes : 0;
	disk.err = err;
}

unsigned disk_failed(void)
{
	return disk.nfailed;
}
