/*
 * backing_private - what the kinds of backing share with each other
 *
 * Role:       the object itself; who opens which kind; the numbers of the system that they ask for. For files of this folder and their tests.
 * Uses:       base/
 */
#ifndef PALLOCD_BACKING_BACKING_PRIVATE_H
#define PALLOCD_BACKING_BACKING_PRIVATE_H

#include "backing/backing.h"

/* How memory is put behind it, counted and taken away. */
enum backing_place {
	PLACE_MEMORY, /* a memfd, or a file of tmpfs: pages of the system */
	PLACE_HUGE,   /* the same of huge pages */
	PLACE_DISK,
	PLACE_DEVICE, /* all of it is there from the beginning */
};

struct backing {
	struct backing_info info;
	enum backing_place place;
	/*
	 * Three open file descriptions: flags such as O_APPEND belong to a description, so that who is given one of ours could turn what we write
	 * away from where it shall go.
	 */
	int fd;       /* for ourselves; never handed out */
	int write_fd; /* to hand out */
	int read_fd;
	int64_t credit_bytes; /* may be committed without another look at the system, see room.c; atomic */
};

/* Where the sentence about a refusal goes. */
struct backing_why {
	char *text;
	size_t size;
};

/** backing_refuse() - write the sentence; returns @outcome. */
int backing_refuse(const struct backing_why *why, enum backing_outcome outcome, const char *fmt,
		   ...) PRINTF_LIKE(3, 4);

/** backing_page_check() - can pages of @page_bytes have something behind them that comes in @unit_bytes? @path: the file's or NULL. Return: 0, BACKING_E_CONFIG. */
MUST_CHECK int backing_page_check(uint64_t page_bytes, uint64_t unit_bytes, const char *path,
				  const struct backing_why *why);

/*
 * memory_open(), huge_open(), file_open() - set fd, place and info of a zeroed @b, whose bytes are what is wanted
 *
 * Return: as backing_open().
 */
MUST_CHECK int memory_open(struct backing *b, const char *name, uint64_t page_bytes,
			   const struct backing_why *why);
MUST_CHECK int huge_open(struct backing *b, const struct backing_config *c, const char *name,
			 uint64_t page_bytes, const struct backing_why *why);
MUST_CHECK int file_open(struct backing *b, const struct backing_config *c, uint64_t page_bytes,
			 const struct backing_why *why);

/** memory_adopt() - the same with @b's fd, which is memory or huge pages of before. Return: 0, BACKING_E_CONFIG. */
MUST_CHECK int memory_adopt(struct backing *b, const struct backing_config *c, uint64_t page_bytes,
			    const struct backing_why *why);

/** huge_page_bytes() - of what size are the huge pages that @c asks for? Return: 0, BACKING_E_CONFIG. */
MUST_CHECK int huge_page_bytes(const struct backing_config *c, uint64_t *ret_bytes,
			       const struct backing_why *why);

/** memory_seal() - its length, mode and seals for good. Return: 0, BACKING_E_CONFIG, BACKING_E_NO_MEMORY. */
MUST_CHECK int memory_seal(struct backing *b, const struct backing_why *why);

#define HUGE_SYSFS "/sys/kernel/mm/hugepages"

/**
 * huge_check() - are there as many huge pages as @bytes need?
 * @sysfs: HUGE_SYSFS, but for tests
 *
 * Return: 0; BACKING_E_CONFIG: the system has none of that size; BACKING_E_NO_MEMORY.
 */
MUST_CHECK int huge_check(const char *sysfs, uint64_t page_bytes, uint64_t bytes,
			  const struct backing_why *why);

#define DEVICE_SYSFS "/sys/dev/char"

/**
 * device_read() - how long is the DAX device @major:@minor, and in what units may it be mapped?
 * @path:  for the sentence
 * @sysfs: DEVICE_SYSFS, but for tests
 *
 * Return: 0, BACKING_E_CONFIG: it is no such device.
 */
MUST_CHECK int device_read(const char *sysfs, unsigned major, unsigned minor, const char *path,
			   uint64_t *ret_bytes, uint64_t *ret_align_bytes,
			   const struct backing_why *why);

/** device_clear() - as backing_clear(), through a mapping: nobody can shorten a device. */
MUST_CHECK int device_clear(const struct backing *b, uint64_t offset, uint64_t bytes);

/** numa_apply() - the file's pages come from the nodes that @c says. Return: 0, BACKING_E_CONFIG, BACKING_E_NO_MEMORY. */
MUST_CHECK int numa_apply(const struct backing *b, const struct backing_config *c,
			  const struct backing_why *why);

/**
 * room_take() - has the system memory for @bytes more? It would rather kill processes, perhaps us, than say no to fallocate().
 * @ret_promised: to be told to room_end() when the memory is taken, or is not
 *
 * Only PLACE_MEMORY; others are told by the kernel. Return: false: there is not enough.
 */
MUST_CHECK bool room_take(struct backing *b, uint64_t offset, uint64_t bytes,
			  uint64_t *ret_promised);
void room_end(uint64_t promised);

/**
 * room_groups() - what the control groups still let this process take; UINT64_MAX: no limit
 * @self: "/proc/self/cgroup", @root: "/sys/fs/cgroup", but for tests
 *
 * What the daemon commits is counted for its own group, which would be killed from when it is full.
 */
uint64_t room_groups(const char *self, const char *root);

/** number_read() - the number in a file of one line, or behind "@key" in one of several. Return: false: there is none. */
MUST_CHECK bool number_read(const char *path, const char *key, uint64_t *ret_value);

#endif
