/*
 * journal - lines into a file that may be cut off at any of them
 *
 * Role:       gathers lines, writes them, and stops for good at the first that does not fit; what is in the file then ends with a
 *             whole line.
 * Uses:       libc
 */
#ifndef PACLIENT_CLI_JOURNAL_H
#define PACLIENT_CLI_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cli/cli.h"

struct journal {
	int fd;             /* the caller's */
	uint64_t bytes;     /* in the file */
	uint64_t bytes_max; /* with what is gathered; 0 = as many as fit */
	char over[96];      /* why it has stopped; "" = it has not */
	size_t n;           /* gathered */
	char gathered[1 << 16];
};

/** journal_line() - one more line, without its end; not after it has stopped. */
PRINTF_LIKE(2, 3) void journal_line(struct journal *j, const char *fmt, ...);

/** journal_flush() - what is gathered is in the file, or as much as fits. */
void journal_flush(struct journal *j);

#endif
