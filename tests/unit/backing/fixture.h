/*
 * fixture - backings that are opened, and those that are refused
 *
 * Role:       shared by the tests of backing/.
 * Uses:       backing/, check
 */
#ifndef PALLOCD_TESTS_BACKING_FIXTURE_H
#define PALLOCD_TESTS_BACKING_FIXTURE_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing/backing_private.h"

#define K UINT64_C(1024)
#define M (K * K)
#define PAGE 4096u

/* Says what is not looked at, and why; on the terminal and in ctest's log. */
#define SKIP(why)                                                    \
	do {                                                         \
		fprintf(stderr, "skipped: %s: %s\n", __func__, why); \
		return;                                              \
	} while (0)

static inline unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline struct backing *must_open(const struct backing_config *c, uint64_t bytes,
					uint64_t page_bytes)
{
	char why[4 * PATH_MAX] = "nothing";
	struct backing *b = NULL;
	int err = backing_open(c, "test", bytes, page_bytes, &b, why, sizeof(why));

	ck_assert_msg(err == 0, "wanted 0, got %d: %s", err, why);
	return b;
}

/* Refused with a sentence that has @says in it, and nothing stays open. */
static inline void must_refuse(const struct backing_config *c, uint64_t bytes, uint64_t page_bytes,
			       int outcome, const char *says)
{
	char why[4 * PATH_MAX] = "nothing";
	struct backing *b = NULL;
	unsigned fds = count_fds();
	int err = backing_open(c, "test", bytes, page_bytes, &b, why, sizeof(why));

	ck_assert_msg(err == outcome, "wanted %d, got %d: %s", outcome, err, why);
	ck_assert_msg(strstr(why, says), "wanted '%s', got '%s'", says, why);
	ck_assert_ptr_null(b);
	ck_assert_uint_eq(count_fds(), fds);
}

/* All of it, for reading and writing. */
static inline unsigned char *must_map(const struct backing *b)
{
	void *p = mmap(NULL, b->info.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		       backing_fd(b, true), 0);

	ck_assert_msg(p != MAP_FAILED, "%s", strerror(errno));
	return p;
}

static inline void assert_zeros(const unsigned char *p, size_t n)
{
	size_t i = 0;

	/* An assertion costs a write(2): one for all bytes. */
	while (i < n && p[i] == 0)
		i++;
	ck_assert_msg(i == n, "byte %zu is not 0", i);
}

static inline void assert_resident(const struct backing *b, uint64_t bytes)
{
	ck_assert_uint_eq(backing_resident_bytes(b), bytes);
}

/* The next data at or above @offset holds @at, and nothing before @offset. */
static inline void assert_data(const struct backing *b, uint64_t offset, uint64_t at)
{
	uint64_t begin = 0, bytes = 0;

	ck_assert(backing_next_data(b, offset, &begin, &bytes));
	ck_assert_msg(begin >= offset && begin <= at && at - begin < bytes,
		      "wanted data at %" PRIu64 ", got %" PRIu64 "+%" PRIu64, at, begin, bytes);
	ck_assert_uint_eq(begin % b->info.page_bytes, 0);
	ck_assert_uint_eq(bytes % b->info.page_bytes, 0);
	ck_assert_uint_le(begin + bytes, b->info.bytes);
}

static inline void assert_no_data(const struct backing *b, uint64_t offset)
{
	uint64_t begin = 0, bytes = 0;

	ck_assert_msg(!backing_next_data(b, offset, &begin, &bytes), "%" PRIu64 "+%" PRIu64, begin,
		      bytes);
}

/* Half of @b goes through all that can be done with memory. Whoever calls says what a page is. */
static inline void assert_memory_comes_and_goes(struct backing *b)
{
	const uint64_t half = b->info.bytes / 2;
	unsigned char *p = must_map(b);

	assert_resident(b, 0);
	assert_no_data(b, 0);
	ck_assert_int_eq(backing_commit(b, half, half), 0);
	assert_resident(b, half);
	p[half] = 1;
	p[half + half - 1] = 2;
	assert_data(b, 0, half);
	assert_data(b, b->info.bytes - b->info.page_bytes, half + half - 1);
	assert_no_data(b, b->info.bytes);
	/* Once more: what is there stays. */
	ck_assert_int_eq(backing_commit(b, half, half), 0);
	assert_resident(b, half);
	ck_assert_uint_eq(p[half], 1);
	ck_assert_int_eq(backing_clear(b, half, b->info.page_bytes), 0);
	assert_zeros(p + half, b->info.page_bytes);
	ck_assert_uint_eq(p[half + half - 1], 2);
	ck_assert_int_eq(backing_release(b, 0, b->info.bytes), 0);
	assert_resident(b, 0);
	assert_no_data(b, 0);
	munmap(p, b->info.bytes);
	p = mmap(NULL, b->info.page_bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE,
		 backing_fd(b, false), (off_t)(b->info.bytes - b->info.page_bytes));
	ck_assert(p != MAP_FAILED);
	assert_zeros(p, b->info.page_bytes);
	munmap(p, b->info.page_bytes);
	ck_assert_int_eq(backing_release(b, 0, b->info.bytes), 0);
}

#endif
