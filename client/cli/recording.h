/*
 * recording - a workload file that is being written
 *
 * Role:       turns who takes and gives back what into lines that `paclient replay` reads, and writes them. Knows nothing of daemons.
 * Uses:       holdings.h, <paclient.h> for the events
 * Invariants: K1  what is in the file is a workload at any time, whole lines only, whatever ended it.
 *             K2  at each alloc a replay holds what was held when it was recorded: no less, no more.
 *
 * Lines that begin with "#:" are comments to other readers:
 *
 *	#: region NAME base ADDR page BYTES
 *	#: empty            nothing was held at the start, and all memory behind the pages, if there is any, is no matter
 *	#: at ADDR          the next alloc got that address, by first fit
 *	#: placed ADDR      the same, but it was asked for somewhere, or in some way that events do not tell
 *	#: held ADDR        the same, and it was held already when the recording began
 *	#: handed ADDR      the next alloc is no request: the pages of the last free have another owner
 *	#: lost N           so many events were missed here; what follows makes up for what they have changed
 *	#: restart          the daemon was started again here; the same
 *	#: end REASON
 */
#ifndef PACLIENT_CLI_RECORDING_H
#define PACLIENT_CLI_RECORDING_H

#include <paclient.h>

#include "client/cli/holdings.h"

/* The smallest limit of a file's length: the first lines and the last one. */
#define RECORDING_BYTES_MIN 4096u

struct recording;

/* What there is to say about one. */
struct recording_totals {
	uint64_t bytes;
	uint64_t nsessions;
	uint64_t nallocs;
	uint64_t nfrees;
	uint64_t peak_npages;
};

/**
 * recording_new() - begin one
 * @fd:        an empty regular file, which stays the caller's
 * @bytes_max: the file gets no longer; 0 = it does not matter
 *
 * Return: NULL without memory. To be given back with recording_free().
 */
struct recording *recording_new(int fd, const struct paclient_region *region, uint64_t bytes_max);
void recording_free(struct recording *rec);

/**
 * recording_sync() - this is what is held now
 * @seen:  taken over; it is empty then
 * @usec:  since 1970
 *
 * The first time this is where the recording begins, later where it goes on after something was missed.
 * Return: 0, -ENOMEM.
 */
int recording_sync(struct recording *rec, struct holdings *seen, uint64_t usec);

/** recording_event() - this has happened in the region, or to a session. Return: 0, -ENOMEM. */
int recording_event(struct recording *rec, const struct paclient_event *e);

/** recording_lost() - @n events were missed; recording_sync() is next. */
void recording_lost(struct recording *rec, uint64_t n);

/** recording_restart() - the same because the daemon was started again. */
void recording_restart(struct recording *rec);

/** recording_flush() - what is there is in the file. */
void recording_flush(struct recording *rec);

/** recording_over() - why nothing more is written: "disk full", ...; NULL: it is. Valid as long as @rec. */
const char *recording_over(const struct recording *rec);

/** recording_end() - the last line and the first one, which sums it up; @reason is told where nothing else has ended it. */
void recording_end(struct recording *rec, const char *reason);

/** recording_totals() - so far. */
void recording_totals(const struct recording *rec, struct recording_totals *ret);

#endif
