/*
 * fake_store - a store that does what a test wants of it
 *
 * Role:       stands in for store/ where tests of the layers above it are about failures and order: it takes what has changed as the store does, and
 *             counts. Included by one file of a test program.
 * Uses:       store/store.h, region/
 */
#ifndef PALLOCD_TESTS_FAKE_STORE_H
#define PALLOCD_TESTS_FAKE_STORE_H

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "region/record.h"
#include "store/store.h"

/* Shared with the processes that a test forks. */
struct fake_store {
	int commit_err, write_err; /* what the next ones say */
	int gate_fd;               /* each batch waits for a byte of it; -1: none does */
	unsigned ncommits, nwrites, njoins;
	unsigned nwritten;         /* commits' shares that were written in batches, in all */
	unsigned nprocess;         /* commits that wrote something for PROCESS */
	bool join_fails;           /* for want of memory */
	unsigned long bytes;       /* of replies that sessions had when they were committed last */
	const char *findings[8];   /* what store_check() says, up to the first NULL */
	unsigned nchecks, nrepeat; /* calls; and how often each of the lines is said, 0: once */
};

static struct fake_store *fake;
static struct regions *fake_regions;

struct store_batch {
	unsigned nshares;
};

/** fake_store_open() - what the test and its processes share, cleared; before they are forked. */
static inline void fake_store_open(void)
{
	fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fake == MAP_FAILED)
		abort();
}

/** fake_store_make() - it takes what changes in @rs; regions of NONE are not kept. Return: for rpc.store. */
static inline struct store *fake_store_make(struct regions *rs)
{
	if (!fake)
		fake_store_open();
	fake_regions = rs;
	for (uint32_t i = 0; i < rs->n; i++) {
		if (rs->table[i]->durability)
			region_keep(rs->table[i]);
	}
	return (struct store *)fake;
}

static inline bool fake_take(struct regions *rs, enum region_durability d)
{
	bool any = false;

	for (uint32_t i = 0; i < rs->n; i++) {
		struct region *r = rs->table[i];

		if (r->durability != d)
			continue;
		any |= r->changes.n || r->changes.space || r->changes.all;
		changes_clear(&r->changes);
	}
	return any;
}

int store_commit(struct store *s, struct store_batch **ret_batch)
{
	const struct session *session = NULL;
	struct regions *rs = fake_regions;

	if (!s)
		abort();
	fake->ncommits++;
	if (fake->commit_err)
		return fake->commit_err;
	*ret_batch = NULL;
	fake->bytes = 0;
	while ((session = session_next(rs, session ? session->id : 0)) != NULL) {
		for (unsigned d = 0; d < REGION_DURABILITIES; d++)
			fake->bytes += session->memory[d].n;
	}
	fake->nprocess += fake_take(rs, REGION_DURABILITY_PROCESS) || rs->session_changes.n;
	changes_clear(&rs->session_changes);
	if (fake_take(rs, REGION_DURABILITY_MACHINE)) {
		*ret_batch = malloc(sizeof(**ret_batch));
		**ret_batch = (struct store_batch){.nshares = 1};
	}
	rs->changed = false;
	return 0;
}

int store_batch_write(struct store_batch *b)
{
	char c;

	if (fake->gate_fd > 0 && read(fake->gate_fd, &c, 1) != 1)
		abort();
	fake->nwrites++;
	if (fake->write_err)
		return fake->write_err;
	fake->nwritten += b->nshares;
	return 0;
}

int store_batch_join(struct store_batch *b, struct store_batch *more)
{
	if (fake->join_fails)
		return -ENOMEM;
	b->nshares += more->nshares;
	fake->njoins++;
	free(more);
	return 0;
}

void store_batch_free(struct store_batch *b)
{
	free(b);
}

void store_stat_get(const struct store *s, struct store_stat *ret)
{
	(void)s;
	*ret = (struct store_stat){
		.commits = {0, fake->ncommits, fake->nwrites},
		.failures = {0, 3, 4},
		.bytes = {0, 5, 6},
	};
}

uint64_t store_check(struct store *s, const struct regions *rs,
		     void (*emit)(void *ctx, const char *line), void *ctx)
{
	uint64_t n = 0;

	(void)s;
	(void)rs;
	fake->nchecks++;
	for (unsigned i = 0;
	     i < sizeof(fake->findings) / sizeof(fake->findings[0]) && fake->findings[i]; i++) {
		for (unsigned k = 0; k < (fake->nrepeat ? fake->nrepeat : 1); k++, n++)
			emit(ctx, fake->findings[i]);
	}
	return n;
}

#endif
