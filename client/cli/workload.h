/*
 * workload - a recording of what real programs asked of an address space
 *
 * Role:       reads a workload file and checks all of it: whoever has one in hand can replay it without asking.
 * Uses:       libc
 * Invariants: W1  times never go back; a session is opened once before it is used and not used after close.
 *             W2  an extent is allocated once, and freed by its session within its bounds, no page twice.
 *
 * Sessions and extents are numbered from 0 here, whatever the file calls them. What `paclient trace` says about addresses, in
 * comments that begin with "#:" (recording.h), is read, too; other files have none of it.
 */
#ifndef PACLIENT_CLI_WORKLOAD_H
#define PACLIENT_CLI_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum event_kind {
	EVENT_OPEN,
	EVENT_ALLOC,
	EVENT_FREE,
	EVENT_CLOSE,
};

/* How an extent came to its address. */
enum event_place {
	PLACE_UNKNOWN,
	PLACE_FIRST,  /* by first fit */
	PLACE_OTHER,  /* in some way that is not recorded */
	PLACE_HELD,   /* it had it before */
	PLACE_HANDED, /* it is what the last free gave back: another owner has it now */
};

struct event {
	uint64_t usec; /* since the start of the recording */
	enum event_kind kind;
	uint32_t session;
	uint32_t extent; /* alloc, free */
	uint64_t first;  /* free: page within the extent */
	uint64_t npages; /* alloc, free */
	uint64_t addr;   /* alloc, but for PLACE_UNKNOWN */
	enum event_place place;
};

/* What was recorded, where that is known. */
struct workload_origin {
	bool known;
	uint64_t base_addr;
	uint64_t page_size_bytes;
	bool empty;     /* nothing was held when it began */
	size_t nplaced; /* allocs that were neither first fit nor anything of the kind */
	uint64_t nlost; /* events */
	uint64_t nrestarts;
};

struct workload {
	size_t nevents;
	struct event *events;
	uint32_t nsessions;
	uint32_t nextents;
	size_t nallocs;
	size_t nfrees;
	struct workload_origin origin;
};

struct workload_error {
	unsigned long line; /* 0 = of the file as a whole */
	char message[160];
};

/**
 * workload_read() - read and check all of @file
 * @ret: to be given back with workload_deinit(); written only on 0
 * @why: told on failure
 *
 * Return: 0, 1 for a malformed file, negative errno.
 */
int workload_read(FILE *file, struct workload *ret, struct workload_error *why);

/** workload_deinit() - give back; a cleared struct is allowed. */
void workload_deinit(struct workload *w);

#endif
