/*
 * pairs - what the examples of event loops have to do: takes and gives back extents, very many at once
 *
 * Role:       calls that nobody waits for, each of which submits the next one when it is over. Knows nothing of loops.
 * Uses:       <paclient.h>, as a stranger would
 */
#ifndef EXAMPLES_PAIRS_H
#define EXAMPLES_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include <paclient.h>

/* One extent at a time: taken, given back, taken, ... */
struct pair {
	struct paclient_call call;
	struct pairs *pairs;
	uint64_t addr;
};

struct pairs {
	paclient *client;
	uint32_t region;
	unsigned long left;  /* pairs that are not begun yet */
	unsigned long ndone; /* that are over */
	unsigned nactive;    /* struct pair with a call in flight */
	unsigned nfailed;    /* calls that failed, cancelled ones too */
	bool stopping;       /* no more are begun */
	unsigned n;
	struct pair *pair;
};

/** pairs_open() - connect as PACLIENT_SOCKET says, and get ready for @n at once; exits with a message where that fails */
void pairs_open(struct pairs *p, const char *region, unsigned n, unsigned long total);

/** pairs_begin() - submit the first call of each; all others follow by themselves. */
void pairs_begin(struct pairs *p);

/** pairs_stop() - begin no more, and cancel what is in flight. */
void pairs_stop(struct pairs *p);

/** pairs_close() - say what came of it, and close. Return: the program's exit code. */
int pairs_close(struct pairs *p);

#endif
