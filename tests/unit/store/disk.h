/*
 * disk - what reaches the files of an environment, and when it is sure to be there
 *
 * Role:       stands between liblmdb and the system in this program: records writes and syncs of some files, and makes them fail on request.
 * Uses:       libc
 */
#ifndef PALLOCD_TESTS_STORE_DISK_H
#define PALLOCD_TESTS_STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum disk_kind {
	DISK_WRITE,
	DISK_SYNCED_WRITE, /* on the disk when it returns */
	DISK_SIZE,         /* the file is so long, at least */
	DISK_SYNC,         /* all of the same file before it is on the disk */
};

struct disk_op {
	enum disk_kind kind;
	unsigned file; /* which of them */
	off_t offset;
	size_t n;
	uint8_t *bytes;
};

#define DISK_NFILES 2

/** disk_record() - from now on, writes to the files at @paths are noted; they have been synced. */
void disk_record(char *const paths[DISK_NFILES]);

/** disk_stop() - no longer; forget them. */
void disk_stop(void);

/** disk_ops() - what was noted; valid until the next one is. Return: how many. */
size_t disk_ops(const struct disk_op **ret_ops);

/** disk_fail() - the @nth write or sync from now on fails with @err (and those after it, @ntimes in all); writes may have been done, or in part. 0: none. */
void disk_fail(unsigned nth, unsigned ntimes, int err);

/** disk_failed() - how many did. */
unsigned disk_failed(void);

#endif
