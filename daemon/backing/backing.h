/*
 * backing - what stands behind a region's addresses: memory, huge pages, a file or a device
 *
 * Role:       opens it, says precisely why it cannot be opened, and moves memory in and out of it. Knows offsets and bytes; nothing of pages of a
 *             region, owners or threads: everything but opening and closing may be called on any thread, several at a time, and blocks.
 * Uses:       base/
 * Invariants: K1  the file is never shorter than bytes while the backing lives, as far as the kernel lets us see to it (seals).
 *             K2  the descriptor for readers cannot be written through, nor opened again for writing by who is neither root nor the daemon's user.
 */
#ifndef PALLOCD_BACKING_BACKING_H
#define PALLOCD_BACKING_BACKING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* The wire's enum Backing has the same values. */
enum backing_kind {
	BACKING_NONE, /* there is no struct backing then */
	BACKING_MEMFD,
	BACKING_HUGETLB,
	BACKING_FILE, /* a file of tmpfs, hugetlbfs or a disk, or a DAX character device */
};

/* Where memory comes from on machines with several nodes; as set_mempolicy(2) has it. */
enum backing_numa {
	BACKING_NUMA_DEFAULT,
	BACKING_NUMA_BIND,
	BACKING_NUMA_INTERLEAVE,
	BACKING_NUMA_PREFERRED
};

#define BACKING_NODES_MAX 1024u

struct backing_config {
	enum backing_kind kind;
	char path[PATH_MAX];   /* FILE: absolute */
	char folder[PATH_MAX]; /* FILE: where it must lie, symbolic links resolved; "": anywhere */
	uint64_t huge_bytes;   /* HUGETLB: 2 MiB or 1 GiB; 0: the system's default */
	enum backing_numa numa;
	uint64_t nodes[BACKING_NODES_MAX / 64]; /* a bit for each; empty with DEFAULT */
};

struct backing;

enum backing_outcome {
	BACKING_E_CONFIG = 1, /* it cannot be opened like this; the text says why, and what to do */
	BACKING_E_NO_MEMORY,  /* there is no memory, no huge page or no room on the disk */
};

/* What others have to know of it; does not change. */
struct backing_info {
	enum backing_kind kind;
	uint64_t bytes;      /* as long as the region may become */
	uint64_t page_bytes; /* memory comes and goes in units of it; power of two */
	bool releases; /* backing_release() gives memory back; false: a device, or a file system that has no holes */
	bool sealed; /* nobody can change its length */
};

/**
 * backing_open() - what a region of @bytes and pages of @page_bytes is to have behind it
 * @name: the region's, for the kernel's lists and for messages
 * @why:  receives one sentence for people where the outcome is positive: what is wrong with which path or number, and what would be right
 *
 * Blocks for a short time. A file must be as long as @bytes already; nothing of what is in it changes.
 * Return: 0, BACKING_E_CONFIG, BACKING_E_NO_MEMORY (no huge pages: how many are free, how many are needed, which sysctl), -ENOMEM.
 */
MUST_CHECK int backing_open(const struct backing_config *c, const char *name, uint64_t bytes,
			    uint64_t page_bytes, struct backing **ret_backing, char *why,
			    size_t size);

/**
 * backing_adopt() - as backing_open(), with memory that an earlier process has made and somebody has kept
 * @fd: a duplicate of what backing_kept_fd() gave; the backing's on 0, the caller's otherwise
 *
 * Kind, length, size of its pages and seals must be what @c, @bytes and @page_bytes ask for. What is in it stays.
 * Return: 0, BACKING_E_CONFIG, -ENOMEM.
 */
MUST_CHECK int backing_adopt(const struct backing_config *c, uint64_t bytes, uint64_t page_bytes,
			     int fd, struct backing **ret_backing, char *why, size_t size);

/** backing_kept_fd() - the descriptor by which memory outlives the process; it stays the backing's. -1: it has a path. */
int backing_kept_fd(const struct backing *b);

/** backing_close() - nobody may be at work on it. What clients have been given lives on. NULL is allowed. */
void backing_close(struct backing *b);

const struct backing_info *backing_info(const struct backing *b);

/** backing_fd() - the descriptor to hand out; it stays the backing's. Not the one that the daemon works with: flags that a client sets on it are the clients' alone. */
int backing_fd(const struct backing *b, bool write);

/**
 * backing_commit() - there is memory behind [@offset, @offset + @bytes) from now on, whatever there was before stays
 *
 * Return: 0, BACKING_E_NO_MEMORY (some of it may have memory now; the caller gives the pages back or releases them), a negative errno.
 */
MUST_CHECK int backing_commit(const struct backing *b, uint64_t offset, uint64_t bytes);

/** backing_release() - what is behind it goes back to the system, and reads as zeros. Return: 0, a negative errno (-EOPNOTSUPP where !releases). */
MUST_CHECK int backing_release(const struct backing *b, uint64_t offset, uint64_t bytes);

/** backing_clear() - it reads as zeros, by the cheapest means that there is. Return: 0, BACKING_E_NO_MEMORY, a negative errno. */
MUST_CHECK int backing_clear(const struct backing *b, uint64_t offset, uint64_t bytes);

/**
 * backing_next_data() - the lowest part at or above @offset that may hold something else than zeros
 *
 * Return: false: there is none. What cannot be known counts as data.
 */
MUST_CHECK bool backing_next_data(const struct backing *b, uint64_t offset, uint64_t *ret_offset,
				  uint64_t *ret_bytes);

/** backing_resident_bytes() - memory or blocks that it takes now, as the kernel counts them; a device: all of it. */
uint64_t backing_resident_bytes(const struct backing *b);

/** backing_kind_name() - "memfd"; static. */
const char *backing_kind_name(enum backing_kind kind);

#endif
