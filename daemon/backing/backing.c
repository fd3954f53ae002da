/*
 * backing - what stands behind a region's addresses
 *
 * Role:       see backing.h. Opening and closing; what is done with it is in backing_work.c, each kind in its own file.
 * Uses:       base/
 */
#include "backing/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing/backing_private.h"
#include "base/mem.h"
#include "base/size.h"

int backing_refuse(const struct backing_why *why, enum backing_outcome outcome, const char *fmt,
		   ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, why->size, fmt, args);
	va_end(args);
	return (int)outcome;
}

int backing_page_check(uint64_t page_bytes, uint64_t unit_bytes, const char *path,
		       const struct backing_why *why)
{
	char page[SIZE_TEXT_BYTES], unit[SIZE_TEXT_BYTES];

	/* Both are powers of two: what is not smaller is a multiple. */
	if (page_bytes >= unit_bytes)
		return 0;
	size_format(page_bytes, page);
	size_format(unit_bytes, unit);
	return backing_refuse(why, BACKING_E_CONFIG,
			      "%s%smemory comes in units of %s there, and the region's pages have "
			      "%s: give it pages of %s or more",
			      path ? path : "", path ? ": " : "", unit, page, unit);
}

bool number_read(const char *path, const char *key, uint64_t *ret_value)
{
	FILE *file = fopen(path, "re");
	char line[256];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		if (!key)
			found = sscanf(line, "%" SCNu64, ret_value) == 1;
		else if (strncmp(line, key, strlen(key)) == 0)
			found = sscanf(line + strlen(key), "%" SCNu64, ret_value) == 1;
		if (!key)
			break;
	}
	fclose(file);
	return found;
}

/* The same file once more, by a description of its own. */
static int open_again(const struct backing *b, int mode, int *ret_fd, const struct backing_why *why)
{
	char link[40];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", b->fd);
	fd = open(link, mode | O_CLOEXEC);
	if (fd < 0)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "no second descriptor to hand out (%s: %s): /proc must be "
				      "mounted, and a descriptor free",
				      link, strerror(errno));
	*ret_fd = fd;
	return 0;
}

static int kind_open(struct backing *b, const struct backing_config *c, const char *name,
		     uint64_t page_bytes, const struct backing_why *why)
{
	char memfd[128];

	snprintf(memfd, sizeof(memfd), "pallocd:%s", name);
	switch (c->kind) {
	case BACKING_NONE:
		break;
	case BACKING_MEMFD:
		return memory_open(b, memfd, page_bytes, why);
	case BACKING_HUGETLB:
		return huge_open(b, c, memfd, page_bytes, why);
	case BACKING_FILE:
		return file_open(b, c, page_bytes, why);
	}
	return backing_refuse(why, BACKING_E_CONFIG, "there is no backing of kind %d",
			      (int)c->kind);
}

static void backing_closep(struct backing **b)
{
	backing_close(*b);
}

/* Nothing is open yet. */
static int backing_new(const struct backing_config *c, uint64_t bytes, struct backing **ret_backing,
		       const struct backing_why *why)
{
	struct backing *b;

	/* Offsets are signed there. */
	if (bytes == 0 || bytes > INT64_MAX)
		return backing_refuse(
			why, BACKING_E_CONFIG,
			"no file can have %" PRIu64 " bytes: give the region another limit", bytes);
	b = mem_zalloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->fd = b->write_fd = b->read_fd = -1;
	b->info.kind = c->kind;
	b->info.bytes = bytes;
	*ret_backing = b;
	return 0;
}

/* Its fd is there. */
static int backing_finish(struct backing *b, const struct backing_config *c,
			  const struct backing_why *why)
{
	int err;

	err = numa_apply(b, c, why);
	if (!err)
		err = open_again(b, O_RDWR, &b->write_fd, why);
	if (!err)
		err = open_again(b, O_RDONLY, &b->read_fd, why);
	return err;
}

int backing_open(const struct backing_config *c, const char *name, uint64_t bytes,
		 uint64_t page_bytes, struct backing **ret_backing, char *text, size_t size)
{
	CLEANUP(backing_closep) struct backing *b = NULL;
	const struct backing_why why = {text, size};
	int err;

	err = backing_new(c, bytes, &b, &why);
	if (!err)
		err = kind_open(b, c, name, page_bytes, &why);
	if (!err)
		err = backing_finish(b, c, &why);
	if (err)
		return err;
	*ret_backing = take_ptr(b);
	return 0;
}

int backing_adopt(const struct backing_config *c, uint64_t bytes, uint64_t page_bytes, int fd,
		  struct backing **ret_backing, char *text, size_t size)
{
	CLEANUP(backing_closep) struct backing *b = NULL;
	const struct backing_why why = {text, size};
	int err;

	if (c->kind != BACKING_MEMFD && c->kind != BACKING_HUGETLB)
		return backing_refuse(&why, BACKING_E_CONFIG,
				      "it has memory of before, and is to have none: Backing=%s",
				      backing_kind_name(c->kind));
	err = backing_new(c, bytes, &b, &why);
	if (err)
		return err;
	b->fd = fd;
	err = memory_adopt(b, c, page_bytes, &why);
	if (!err)
		err = backing_finish(b, c, &why);
	if (err) {
		b->fd = -1;
		return err;
	}
	*ret_backing = take_ptr(b);
	return 0;
}

int backing_kept_fd(const struct backing *b)
{
	return b->info.kind == BACKING_MEMFD || b->info.kind == BACKING_HUGETLB ? b->fd : -1;
}

void backing_close(struct backing *b)
{
	if (!b)
		return;
	if (b->read_fd >= 0)
		close(b->read_fd);
	if (b->write_fd >= 0)
		close(b->write_fd);
	if (b->fd >= 0)
		close(b->fd);
	mem_free(b);
}

const struct backing_info *backing_info(const struct backing *b)
{
	return &b->info;
}

int backing_fd(const struct backing *b, bool write)
{
	return write ? b->write_fd : b->read_fd;
}

const char *backing_kind_name(enum backing_kind kind)
{
	switch (kind) {
	case BACKING_NONE:
		return "none";
	case BACKING_MEMFD:
		return "memfd";
	case BACKING_HUGETLB:
		return "hugetlb";
	case BACKING_FILE:
		return "file";
	}
	return "?";
}
