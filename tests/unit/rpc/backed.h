/*
 * backed - region 2, which has something behind its addresses that only remembers which pages hold data
 *
 * Role:       shared by the tests of memory in rpc/; to be included once in a program, as it takes the place of the layer backing. Jobs
 *             wait until the test does them.
 * Uses:       fixture.h, backing/
 */
#ifndef PALLOCD_TESTS_RPC_BACKED_H
#define PALLOCD_TESTS_RPC_BACKED_H

#include <errno.h>

#include "backing/backing.h"
#include "fixture.h"
#include "region/pending.h"

#define NPAGES 1024u
#define PAGE_BYTES 4096u
#define PAGE(N) (BASE + (N)*UINT64_C(4096))

/* Of a page: nothing, memory that is zeros, or somebody's data. */
enum { HOLE, ZEROS, DATA };

struct backing {
	struct backing_info info;
	char page[NPAGES];
	int commit_err, clear_err, release_err;
	unsigned ncommits, nclears, nreleases;
};

static struct backing b;

const struct backing_info *backing_info(const struct backing *x)
{
	return &x->info;
}

void backing_close(struct backing *x)
{
	(void)x;
}

const char *backing_kind_name(enum backing_kind kind)
{
	return kind == BACKING_MEMFD ? "memfd" : "file";
}

int backing_fd(const struct backing *x, bool write)
{
	(void)x;
	return write ? 101 : 100;
}

bool backing_next_data(const struct backing *x, uint64_t offset, uint64_t *ret_offset,
		       uint64_t *ret_bytes)
{
	(void)x, (void)offset, (void)ret_offset, (void)ret_bytes;
	return false;
}

uint64_t backing_resident_bytes(const struct backing *x)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NPAGES; i++)
		n += x->page[i] != HOLE;
	return n * PAGE_BYTES;
}

static void pages_set(uint64_t offset, uint64_t bytes, bool only_holes, char to)
{
	ck_assert_uint_le(offset + bytes, NPAGES * PAGE_BYTES);
	for (uint64_t i = offset / PAGE_BYTES; i < (offset + bytes) / PAGE_BYTES; i++) {
		if (!only_holes || b.page[i] == HOLE)
			b.page[i] = to;
	}
}

int backing_commit(const struct backing *x, uint64_t offset, uint64_t bytes)
{
	(void)x;
	b.ncommits++;
	if (!b.commit_err)
		pages_set(offset, bytes, true, ZEROS);
	return b.commit_err;
}

int backing_clear(const struct backing *x, uint64_t offset, uint64_t bytes)
{
	(void)x;
	b.nclears++;
	if (!b.clear_err)
		pages_set(offset, bytes, false, HOLE);
	return b.clear_err;
}

int backing_release(const struct backing *x, uint64_t offset, uint64_t bytes)
{
	(void)x;
	b.nreleases++;
	if (!b.release_err)
		pages_set(offset, bytes, false, HOLE);
	return b.release_err;
}

/** backed_make() - region 2; @c says what is not as usual. */
static inline struct region *backed_make(struct region_config c)
{
	b = (struct backing){.info = {BACKING_FILE, NPAGES * PAGE_BYTES, PAGE_BYTES, true, true}};
	c.base_addr = BASE;
	c.page_size_bytes = PAGE_BYTES;
	c.limit_bytes = c.initial_bytes = NPAGES * PAGE_BYTES;
	c.rules[0] = (struct access_rule){.who = ACCESS_EVERYONE,
					  .rights = ACCESS_ALL ^ ACCESS_FREE_ANY};
	c.nrules = 1;
	c.backing = &b;
	snprintf(c.name, sizeof(c.name), "m");
	ck_assert_int_eq(regions_add(&f.regions, &c), 0);
	return f.regions.table[1];
}

/** held_fill() - whoever holds [@page, @page + @n) writes to it. */
static inline void held_fill(uint64_t page, uint64_t n)
{
	memset(b.page + page, DATA, n);
}

/** put_alloc() - a request for region 2, to be sent. */
static inline void put_alloc(uint64_t id, uint64_t npages, int commit, bool zero)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 2;
	m.npages = &npages;
	m.n_npages = 1;
	m.commit = (Pallocd__V1__Commit)commit;
	m.zero = zero;
	put(&REQUEST(id, ALLOC, alloc, &m));
}

/** serve_kept() - serve what was put, and keep it where it waits. Return: as rpc_serve(). */
static inline int serve_kept(void)
{
	size_t used, need;
	int err;

	f.out.n = 0;
	err = rpc_serve(f.conn, f.in, f.n, &f.out, &used, &need);
	memmove(f.in, f.in + used, f.n - used);
	f.n -= used;
	return err;
}

/** free_at() - a range of region 2. */
static inline void free_at(uint64_t page, uint64_t npages)
{
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;
	uint64_t addr = PAGE(page);

	m.region_id = 2;
	m.addr = &addr;
	m.npages = &npages;
	m.n_addr = m.n_npages = 1;
	ck_assert_int_eq(call(&REQUEST(9, FREE, free, &m))->status, 0);
}

#endif
