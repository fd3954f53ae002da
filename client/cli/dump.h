/*
 * dump - a daemon's answers, all of them, kept
 *
 * Role:       what a dump holds; getting it from a daemon, writing and reading it. paclient(1), DUMPS, describes the file.
 * Uses:       cli.h
 * Invariants: D1  ranges and extents are ascending, do not overlap, are whole pages of their region and lie in it; extents lie in
 *                 grown pages that are not reserved.
 *             D2  ids and names of regions are unique.
 *             D3  numbers of pages may be multiplied by the region's page size, and added to its base, without overflow.
 * Cost:       an extent takes 48 bytes and its texts; one region at a time when it is written, all when it is read.
 */
#ifndef PACLIENT_CLI_DUMP_H
#define PACLIENT_CLI_DUMP_H

#include "client/cli/cli.h"

#include <stdio.h>

#define DUMP_FORMAT "pallocd-dump"
#define DUMP_VERSION 1

/* Things of one size, one after the other. */
struct dump_items {
	void *items;
	size_t n, room;
};

/* Room for one more, zeroed; NULL: no memory. What was got before may move. */
void *dump_item_add(struct dump_items *to, size_t item_bytes);

struct dump_extent {
	uint64_t addr;
	uint64_t npages;
	uint64_t session_id;
	size_t text; /* where its name is in the region's texts, behind it its label; 0 = it has neither */
	uint32_t uid;
	uint32_t nholders;
	bool quarantined;
};

/* A session that holds an extent besides its owner. */
struct dump_share {
	uint64_t addr;
	uint64_t session_id;
};

/* By session, then by address, for bsearch(). */
int dump_share_compare(const void *a, const void *b);

/* What can be refused by itself. */
enum dump_part {
	DUMP_INFO, /* what a region is, and its ranges */
	DUMP_STAT,
	DUMP_RUNS,
	DUMP_EXTENTS,
	DUMP_SESSIONS,
	DUMP_QUOTAS,
	DUMP_USERS,
	DUMP_NPARTS,
};
extern const char *const dump_part_names[DUMP_NPARTS];

struct dump_refusal {
	enum dump_part part;
	struct paclient_error error; /* status, field, message */
};

/* Of the daemon, or of a region. */
struct dump_about {
	struct dump_items refusals;                /* of struct dump_refusal */
	struct dump_items sessions;                /* of struct paclient_session, ascending */
	struct dump_items quotas;                  /* of struct paclient_quota */
	struct dump_items users;                   /* of struct paclient_user_stat */
	struct paclient_session_list session_list; /* the same as lists; dump_lists_make() */
	struct paclient_quota_list quota_list;
	struct paclient_user_list user_list;
};

struct dump_region {
	struct paclient_region info;
	struct dump_about about;
	uint64_t nranges;            /* grown ones that there are, perhaps more than are listed */
	bool settled;                /* nothing has changed while it was read */
	struct dump_items ranges[3]; /* of struct paclient_range, by enum source_ranges */
	struct paclient_range_list range_lists[3];
	struct paclient_region_stat stat;
	struct paclient_free_runs runs;
	struct dump_items extents; /* of struct dump_extent, ascending */
	struct dump_items shares;  /* of struct dump_share, ascending by session and address */
	char *texts;
	size_t ntexts, texts_room;
};

/* The first line: who asked whom, when. */
struct dump_head {
	char time[40]; /* "2026-01-31T12:00:00Z" */
	char client[32];
	char server[128];
	uint64_t session_id;
	uint32_t uid;
	size_t batch_max;
	bool sees_sessions; /* of all users */
};

struct dump {
	struct dump_head head;
	struct dump_about about;
	struct paclient_daemon_stat stat;
	struct dump_items regions; /* of struct dump_region */
	struct paclient_region_list region_list;
};

void dump_region_deinit(struct dump_region *r);
void dump_about_deinit(struct dump_about *a);
void dump_deinit(struct dump *d);

/* The refusal of a part; NULL: it was not refused. */
const struct paclient_error *dump_refused(const struct dump_about *a, enum dump_part part);
/* Return: false: no memory. */
MUST_CHECK bool dump_refuse(struct dump_about *a, enum dump_part part,
			    const struct paclient_error *e);
/* Return: false: no memory. */
MUST_CHECK bool dump_extent_add(struct dump_region *r, const struct paclient_extent *x);
void dump_extent_get(const struct dump_region *r, size_t i, struct paclient_extent *ret);
/* The lists that point to the items; these may not be added to any more. Return: false: no memory. */
MUST_CHECK bool dump_lists_make(struct dump *d);

static inline size_t dump_nregions(const struct dump *d)
{
	return d->regions.n;
}

static inline struct dump_region *dump_region_at(const struct dump *d, size_t i)
{
	return (struct dump_region *)d->regions.items + i;
}

/* dump_get.c: from a daemon. Each returns 0 or an exit code, already told. */
MUST_CHECK int dump_head_get(const struct cli *cli, paclient *pa, struct dump *d);
/* @r: empty. What has changed meanwhile is got again, a few times. */
MUST_CHECK int dump_region_get(const struct cli *cli, paclient *pa,
			       const struct paclient_region *info, struct dump_region *r);

/* dump_write.c: errors stay in the stream. */
struct dump_writer {
	FILE *to;
	uint64_t nlines;
};
void dump_write_head(struct dump_writer *w, const struct dump *d);
void dump_write_region(struct dump_writer *w, const struct dump_region *r);
void dump_write_end(struct dump_writer *w);

/* The longest sentence that dump_read() says. */
#define DUMP_WRONG_BYTES 320

/**
 * dump_read() - all of a file, checked
 * @d:         empty; to be given back by dump_deinit() whatever is returned
 * @ret_wrong: DUMP_WRONG_BYTES; with the number of the line
 *
 * Return: false: it is no dump that can be understood, or there is no memory for it; @ret_wrong says why.
 */
MUST_CHECK bool dump_read(FILE *from, struct dump *d, char *ret_wrong);

/* dump_runs.c: the free pages of a region, as far as is known: grown, nobody's, neither reserved nor drained. */
struct dump_run {
	uint64_t first, limit; /* pages of the region */
};
/* Return: false: no memory. @ret: of struct dump_run, ascending, not touching; to be freed by the caller. */
MUST_CHECK bool dump_runs_find(const struct dump_region *r, struct dump_items *ret);

/* dump_why.c: as the calls of these names. */
int dump_why(const struct dump_region *r, uint64_t npages, const struct paclient_placement *where,
	     struct paclient_why *ret, struct paclient_error *e);
int dump_fit(const struct dump_region *r, uint64_t npages, const struct paclient_placement *where,
	     uint64_t *ret_nextents, struct paclient_error *e);

/* dump_check.c: what does not add up, a line each. Return: false: no memory. */
struct dump_findings {
	struct dump_items lines; /* of char * */
};
MUST_CHECK bool dump_check(const struct dump_region *r, struct dump_findings *to);
void dump_findings_deinit(struct dump_findings *f);

/* The tables of fields, which writing and reading share. */
struct field;
struct dump_table {
	const struct field *fields;
	size_t n;
};
extern const struct dump_table dump_head_table;    /* struct dump_head */
extern const struct dump_table dump_region_table;  /* struct paclient_region */
extern const struct dump_table dump_reading_table; /* struct dump_region: how it was read */
extern const struct dump_table
	dump_daemon_table; /* struct paclient_daemon_stat, beside its counters */
extern const struct dump_table
	dump_stat_table; /* struct paclient_region_stat, beside its counters */
extern const struct dump_table dump_runs_table; /* struct paclient_free_runs, beside its classes */
extern const struct dump_table dump_session_table; /* struct paclient_session */
extern const struct dump_table dump_quota_table;   /* struct paclient_quota */
extern const struct dump_table dump_user_table;    /* struct paclient_user_stat */
extern const struct dump_table dump_range_table;   /* struct paclient_range */
extern const struct dump_table dump_extent_table;  /* struct paclient_extent */
extern const struct dump_table dump_share_table;   /* struct dump_share */
extern const struct dump_table dump_error_table;   /* struct paclient_error */
extern const char *const dump_range_kinds[3];      /* by enum source_ranges */

#endif
