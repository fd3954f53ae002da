/*
 * device - DAX character devices: memory that is there, and no file system
 *
 * Role:       what the kernel says about one; how to clear a part of it. It has neither holes nor a write(2).
 * Uses:       base/
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backing/backing_private.h"
#include "base/bits.h"

/* "dax" for a device of that kind; an IPMI or a terminal has sizes of its own meaning. */
static bool is_dax(const char *folder)
{
	char link[512], target[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "%s/subsystem", folder);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return strcmp(basename(target), "dax") == 0;
}

int device_read(const char *sysfs, unsigned major, unsigned minor, const char *path,
		uint64_t *ret_bytes, uint64_t *ret_align_bytes, const struct backing_why *why)
{
	char folder[256], file[300];
	uint64_t bytes, align;

	snprintf(folder, sizeof(folder), "%s/%u:%u", sysfs, major, minor);
	if (!is_dax(folder))
		return backing_refuse(why, BACKING_E_CONFIG,
				      "%s is a character device, but none for direct access (%s "
				      "is not of the subsystem dax): use one like /dev/dax0.0",
				      path, folder);
	snprintf(file, sizeof(file), "%s/size", folder);
	if (!number_read(file, NULL, &bytes))
		return backing_refuse(why, BACKING_E_CONFIG,
				      "the kernel does not say how long %s is (%s)", path, file);
	snprintf(file, sizeof(file), "%s/align", folder);
	if (!number_read(file, NULL, &align) || !bits_is_pow2(align))
		return backing_refuse(why, BACKING_E_CONFIG,
				      "the kernel does not say in what units %s is mapped (%s)",
				      path, file);
	*ret_bytes = bytes;
	*ret_align_bytes = align;
	return 0;
}

int device_clear(const struct backing *b, uint64_t offset, uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	memset(p, 0, bytes);
	return munmap(p, bytes) ? -errno : 0;
}
