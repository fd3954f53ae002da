/*
 * replay - what the parts of the verb replay share
 *
 * Role:       the run's results; the checker of addresses.
 * Uses:       cli.h, workload.h
 */
#ifndef PACLIENT_CLI_REPLAY_H
#define PACLIENT_CLI_REPLAY_H

#include "client/cli/cli.h"
#include "client/cli/workload.h"

/* Statuses that replay counts one by one; values beyond are counted in the last one. */
#define NSTATUSES 128

/* How long each request of a kind took. */
struct latencies {
	size_t n;
	uint64_t *ns; /* sorted by the report */
};

struct replay_result {
	uint64_t elapsed_ns;
	uint64_t nsessions; /* opened */
	uint64_t nallocs;   /* that succeeded */
	uint64_t nfrees;
	uint64_t nskipped; /* requests that depend on one that failed */
	uint64_t nfailures;
	uint64_t failures[NSTATUSES]; /* by status */
	struct paclient_error first_failure;
	uint64_t held_npages;
	uint64_t peak_npages;
	struct latencies alloc;
	struct latencies free;
	bool checked;
	char check_failure[160]; /* "" = none */
	struct workload_origin origin;
	uint64_t ncompared;       /* addresses, with those that were recorded */
	uint64_t ndifferent;      /* of these */
	const char *incomparable; /* with --check: why none is compared; NULL = they are */
};

/** replay_exact_check() - can it be replayed --exact there? Return: 0 or EXIT_USAGE, already told. */
MUST_CHECK int replay_exact_check(const struct cli *cli, const struct workload *w,
				  const struct paclient_region *region);

/**
 * replay_incomparable() - why what @region gives now need not be what was recorded
 *
 * Return: NULL where it must be, or a clause for people.
 */
const char *replay_incomparable(const struct cli *cli, const struct workload *w,
				const struct paclient_region *region);

/** replay_addr() - where the alloc @e was, moved to where @region begins. */
uint64_t replay_addr(const struct workload *w, const struct paclient_region *region,
		     const struct event *e);

/**
 * replay_place() - where the alloc @e has to be
 * @freed_addr: what the last free gave back
 *
 * Return: false: it does not matter; @ret is as before.
 */
bool replay_place(const struct cli *cli, const struct workload *w,
		  const struct paclient_region *region, const struct event *e, uint64_t freed_addr,
		  struct paclient_placement *ret);

/** replay_report() - tell the results, as text or JSON. Return: exit code of the output itself. */
int replay_report(const struct cli *cli, const char *region, uint64_t page_size_bytes,
		  struct replay_result *r);

struct check;

/** check_new() - nothing is held yet in @region; NULL without memory. Back with check_free(). */
struct check *check_new(const struct paclient_region *region);
void check_free(struct check *c);

/** check_alloc() - [@addr, @addr + @npages) was handed out. Return: NULL, or what is wrong with it. */
const char *check_alloc(struct check *c, uint64_t addr, uint64_t npages);

/** check_give_back() - the same range is held no more. */
void check_give_back(struct check *c, uint64_t addr, uint64_t npages);

/** now_ns() - CLOCK_MONOTONIC. */
uint64_t now_ns(void);

#endif
