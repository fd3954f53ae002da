/*
 * file - a region in a file: of memory (tmpfs), of huge pages (hugetlbfs), on a disk; or a DAX device
 *
 * Role:       finds it, looks at what it is before it opens it (a FIFO would wait, a tape would wind), and says precisely what is wrong with it. Takes
 *             only file systems that it knows: on others holes, or mappings, may be something else than they seem.
 * Uses:       base/
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backing/backing_private.h"

#define BCACHEFS_MAGIC 0xca451a4e

static const struct file_system {
	uint32_t magic;
	enum backing_place place;
	const char *name;
} file_systems[] = {
	{TMPFS_MAGIC, PLACE_MEMORY, "tmpfs"},   {HUGETLBFS_MAGIC, PLACE_HUGE, "hugetlbfs"},
	{EXT4_SUPER_MAGIC, PLACE_DISK, "ext4"}, /* ext2 and ext3 say the same */
	{XFS_SUPER_MAGIC, PLACE_DISK, "xfs"},   {BTRFS_SUPER_MAGIC, PLACE_DISK, "btrfs"},
	{F2FS_SUPER_MAGIC, PLACE_DISK, "f2fs"}, {BCACHEFS_MAGIC, PLACE_DISK, "bcachefs"},
};

static void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* What is opened so is found, but not opened yet: no device begins to move, no lease is broken. */
#define FIND_FLAGS (O_PATH | O_CLOEXEC)

static int complain_find(const char *path, int err, const struct backing_why *why)
{
	return backing_refuse(why, BACKING_E_CONFIG, "%s cannot be found: %s", path, strerror(err));
}

/* Below c->folder, however the links in the path go. */
static int find_beneath(const struct backing_config *c, int *ret_fd, const struct backing_why *why)
{
	const struct open_how how = {.flags = FIND_FLAGS,
				     .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	size_t n = strlen(c->folder);
	CLEANUP(closep) int folder = -1;
	const char *rest;

	while (n && c->folder[n - 1] == '/')
		n--;
	if (c->folder[0] != '/')
		return backing_refuse(why, BACKING_E_CONFIG,
				      "the folder %s is no absolute path: begin it with /",
				      c->folder);
	if (strncmp(c->path, c->folder, n) || c->path[n] != '/')
		return backing_refuse(why, BACKING_E_CONFIG,
				      "%s does not lie in the folder %s: put the file there, or "
				      "allow another folder",
				      c->path, c->folder);
	folder = open(c->folder, FIND_FLAGS | O_DIRECTORY);
	if (folder < 0)
		return backing_refuse(why, BACKING_E_CONFIG, "the folder %s cannot be found: %s",
				      c->folder, strerror(errno));
	rest = c->path + n + strspn(c->path + n, "/");
	*ret_fd = (int)syscall(SYS_openat2, folder, rest, &how, sizeof(how));
	if (*ret_fd >= 0)
		return 0;
	if (errno == EXDEV || errno == ELOOP)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "%s leads out of the folder %s, by a symbolic link or by "
				      "..: put the file itself there (links within the folder must "
				      "be relative), or allow another folder",
				      c->path, c->folder);
	if (errno == ENOSYS)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "this kernel cannot look for a file within a folder only "
				      "(openat2, from Linux 5.6 on): leave the folder out");
	return complain_find(c->path, errno, why);
}

static int find(const struct backing_config *c, int *ret_fd, const struct backing_why *why)
{
	if (c->path[0] != '/')
		return backing_refuse(why, BACKING_E_CONFIG,
				      "%s is no absolute path: begin it with /", c->path);
	if (c->folder[0])
		return find_beneath(c, ret_fd, why);
	*ret_fd = open(c->path, FIND_FLAGS);
	return *ret_fd < 0 ? complain_find(c->path, errno, why) : 0;
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFBLK:
		return "a block device";
	default:
		return "something else";
	}
}

/* The very thing that was looked at, now for reading and writing. */
static int open_found(struct backing *b, int found, const char *path, const struct backing_why *why)
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	b->fd = open(link, O_RDWR | O_CLOEXEC);
	if (b->fd >= 0)
		return 0;
	if (errno == EROFS)
		return backing_refuse(
			why, BACKING_E_CONFIG,
			"%s cannot be written, its file system is mounted read-only: "
			"mount it for writing (the service's sandbox may do that too, "
			"see ReadWritePaths=)",
			path);
	return backing_refuse(why, BACKING_E_CONFIG,
			      "%s cannot be opened for reading and writing by the daemon's user "
			      "(uid %u): %s. Give the file to that user, such as by chown",
			      path, (unsigned)geteuid(), strerror(errno));
}

static int length_check(const struct backing *b, const char *path, uint64_t bytes, bool regular,
			const struct backing_why *why)
{
	if (bytes >= b->info.bytes)
		return 0;
	if (!regular)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "%s has %" PRIu64 " bytes, and the region may need %" PRIu64
				      ": give the region a smaller limit",
				      path, bytes, b->info.bytes);
	return backing_refuse(why, BACKING_E_CONFIG,
			      "%s is %" PRIu64 " bytes long, and the region may need %" PRIu64
			      ": make it longer with truncate -s %" PRIu64
			      " %s, or give the region a smaller limit",
			      path, bytes, b->info.bytes, b->info.bytes, path);
}

static int device_open(struct backing *b, const struct stat *st, int found, const char *path,
		       uint64_t page_bytes, const struct backing_why *why)
{
	uint64_t bytes;
	int err;

	err = device_read(DEVICE_SYSFS, major(st->st_rdev), minor(st->st_rdev), path, &bytes,
			  &b->info.page_bytes, why);
	if (!err)
		err = backing_page_check(page_bytes, b->info.page_bytes, path, why);
	if (!err)
		err = length_check(b, path, bytes, false, why);
	if (err)
		return err;
	b->place = PLACE_DEVICE;
	return open_found(b, found, path, why);
}

static const struct file_system *file_system_of(uint32_t magic)
{
	for (size_t i = 0; i < ARRAY_SIZE(file_systems); i++) {
		if (file_systems[i].magic == magic)
			return &file_systems[i];
	}
	return NULL;
}

static int file_system_set(struct backing *b, int found, const char *path,
			   const struct backing_why *why)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct file_system *fs;
	struct statfs st;

	if (fstatfs(found, &st))
		return backing_refuse(why, BACKING_E_CONFIG, "the file system of %s: %s", path,
				      strerror(errno));
	fs = file_system_of((uint32_t)st.f_type);
	if (!fs)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "%s lies on a file system that is not known here (magic "
				      "number 0x%" PRIx32
				      "): put it on tmpfs, hugetlbfs, ext4, xfs, btrfs, f2fs or "
				      "bcachefs",
				      path, (uint32_t)st.f_type);
	b->place = fs->place;
	/* What is mapped comes in pages, what has holes in blocks. hugetlbfs calls its huge pages blocks. */
	b->info.page_bytes = (uint64_t)st.f_bsize > page ? (uint64_t)st.f_bsize : page;
	return 0;
}

/* Punches where nothing is, behind the file's end, to see whether the file system has holes at all. */
static bool has_holes(const struct backing *b, uint64_t length)
{
	uint64_t unit = b->info.page_bytes, end = (length + unit - 1) / unit * unit;

	return !fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)end,
			  (off_t)unit) ||
	       (errno != EOPNOTSUPP && errno != ENOSYS);
}

static int regular_open(struct backing *b, const struct stat *st, int found, const char *path,
			uint64_t page_bytes, const struct backing_why *why)
{
	uint64_t bytes = (uint64_t)st->st_size, there = (uint64_t)st->st_blocks * 512;
	int err;

	err = file_system_set(b, found, path, why);
	if (!err)
		err = backing_page_check(page_bytes, b->info.page_bytes, path, why);
	if (!err)
		err = length_check(b, path, bytes, true, why);
	if (!err && b->place == PLACE_HUGE && there < b->info.bytes)
		err = huge_check(HUGE_SYSFS, b->info.page_bytes, b->info.bytes - there, why);
	if (!err)
		err = open_found(b, found, path, why);
	if (err)
		return err;
	b->info.releases = has_holes(b, bytes);
	return 0;
}

int file_open(struct backing *b, const struct backing_config *c, uint64_t page_bytes,
	      const struct backing_why *why)
{
	CLEANUP(closep) int found = -1;
	struct stat st;
	int err;

	err = find(c, &found, why);
	if (err)
		return err;
	if (fstat(found, &st))
		return complain_find(c->path, errno, why);
	if (S_ISREG(st.st_mode))
		return regular_open(b, &st, found, c->path, page_bytes, why);
	if (S_ISCHR(st.st_mode))
		return device_open(b, &st, found, c->path, page_bytes, why);
	return backing_refuse(why, BACKING_E_CONFIG,
			      "%s is %s: use a regular file or a DAX character device", c->path,
			      type_name(st.st_mode));
}
