/*
 * disk - what reaches the files of an environment
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
	dev_t dev[DISK_NFILES];
	ino_t ino[DISK_NFILES];
	struct disk_op *ops;
	size_t n, size;
	unsigned nth, ntimes, nfailed;
	int err;
} disk;

/* Which of the files it is; DISK_NFILES: none. */
static unsigned file_of(int fd)
{
	unsigned i = 0;
	struct stat st;

	if (!disk.on || fstat(fd, &st))
		return DISK_NFILES;
	while (i < DISK_NFILES && (st.st_dev != disk.dev[i] || st.st_ino != disk.ino[i]))
		i++;
	return i;
}

static void note(int fd, enum disk_kind kind, off_t offset, const void *bytes, size_t n)
{
	struct disk_op op = {.kind = kind, .file = file_of(fd), .offset = offset, .n = n};

	if (op.file == DISK_NFILES)
		return;

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
	if (!disk.ntimes || file_of(fd) == DISK_NFILES)
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

		/* Nothing, half, or all of it came through. */
		n = n * ((disk.nfailed * UINT32_C(2654435761) >> 16) % 3) / 2;
		syscall(SYS_pwrite64, fd, bytes, n, offset);
		note(fd, DISK_WRITE, offset, bytes, n);
		errno = err;
		return -1;
	}
	got = (ssize_t)syscall(SYS_pwrite64, fd, bytes, n, offset);
	if (got > 0)
		note(fd, kind_of(fd), offset, bytes, (size_t)got);
	return got;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t offset);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t offset)
{
	return pwrite(fd, bytes, n, offset);
}

ssize_t writev(int fd, const struct iovec *v, int nv)
{
	off_t offset = file_of(fd) < DISK_NFILES ? lseek(fd, 0, SEEK_CUR) : 0;
	ssize_t got;

	if (must_fail(fd))
		return -1;
	got = (ssize_t)syscall(SYS_writev, fd, v, nv);
	for (ssize_t left = got; left > 0; v++) {
		size_t n = (ssize_t)v->iov_len < left ? v->iov_len : (size_t)left;

		note(fd, kind_of(fd), offset, v->iov_base, n);
		offset += (off_t)n;
		left -= (ssize_t)n;
	}
	return got;
}

int fdatasync(int fd)
{
	if (must_fail(fd))
		return -1;
	note(fd, DISK_SYNC, 0, NULL, 0);
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	if (must_fail(fd))
		return -1;
	note(fd, DISK_SYNC, 0, NULL, 0);
	return (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t size)
{
	note(fd, DISK_SIZE, size, NULL, 0);
	return (int)syscall(SYS_ftruncate, fd, size);
}

int posix_fallocate(int fd, off_t offset, off_t n)
{
	if (must_fail(fd))
		return disk.err;
	if (syscall(SYS_fallocate, fd, 0, offset, n))
		return errno;
	note(fd, DISK_SIZE, offset + n, NULL, 0);
	return 0;
}

void disk_record(char *const paths[DISK_NFILES])
{
	disk_stop();
	for (unsigned i = 0; i < DISK_NFILES; i++) {
		struct stat st;

		if (stat(paths[i], &st))
			abort();
		disk.dev[i] = st.st_dev;
		disk.ino[i] = st.st_ino;
	}
	disk.on = true;
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
