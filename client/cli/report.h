/*
 * report - lists of extents that nobody seems to look after, as check --json prints them and release --from-report reads them
 *
 * Role:       one entry as JSON, and back.
 * Uses:       cli.h
 */
#ifndef PACLIENT_CLI_REPORT_H
#define PACLIENT_CLI_REPORT_H

#include "client/cli/cli.h"

/* The key of check's result that has the entries. */
#define REPORT_KEY "unattended"

struct report_entry {
	char region[PACLIENT_NAME_BYTES];
	uint64_t generation;
	struct paclient_extent extent; /* without label and holders */
};

struct report {
	struct report_entry *entries;
	size_t n;
};

/** report_json() - the entry for @x, and @why it is in the list. */
json_t *report_json(const struct paclient_region *r, const struct paclient_extent *x,
		    const char *why);

/**
 * report_read() - all of the file, or of standard input where @path is "-"
 *
 * A file may hold results of check, arrays of their entries and single entries, as many as it likes.
 * Return: 0, or an exit code, already told. Given back with report_free() in any case.
 */
MUST_CHECK int report_read(const struct cli *cli, const char *path, struct report *ret);
void report_free(struct report *report);

#endif
