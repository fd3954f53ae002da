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
};

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

/** progress_show() - the bar on standard error, at most ten times a second; @done = @all ends it. */
void progress_show(size_t done, size_t all);

/** now_ns() - CLOCK_MONOTONIC. */
uint64_t now_ns(void);

#endif
