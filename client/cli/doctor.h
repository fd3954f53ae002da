/*
 * doctor - what the parts of the verb doctor share
 *
 * Role:       what was looked at and what came of it; each file looks at one side of the host.
 * Uses:       cli.h
 */
#ifndef PACLIENT_CLI_DOCTOR_H
#define PACLIENT_CLI_DOCTOR_H

#include "client/cli/cli.h"

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE,    /* may be as it should */
	VERDICT_FINDING, /* is not, and has a remedy */
	VERDICT_SKIPPED, /* cannot be looked at */
};

struct doctor {
	const struct cli *cli;
	const char *socket;
	bool booted;  /* systemd runs this host */
	paclient *pa; /* NULL: no daemon answers */
	struct paclient_daemon_stat daemon;
	struct paclient_region_list *regions; /* NULL: they could not be had */
	unsigned nfindings;
	json_t *checks; /* with --json: what has been told; else NULL */
};

/**
 * tell() - one thing that was looked at
 * @check:  what, in a word
 * @remedy: what to do about it; NULL: nothing
 */
void tell(struct doctor *d, enum verdict verdict, const char *check, const char *remedy,
	  const char *fmt, ...) PRINTF_LIKE(5, 6);

/* doctor_socket.c: the file, and who may connect. */
void doctor_socket(struct doctor *d);

/* doctor_daemon.c: versions, limits, huge pages and regions; all but the first need a daemon that answers. */
void doctor_versions(struct doctor *d);
void doctor_limits(struct doctor *d);
void doctor_huge_pages(struct doctor *d);
void doctor_regions(struct doctor *d);

/* doctor_units.c: what systemd says. */
void doctor_units(struct doctor *d);

#endif
