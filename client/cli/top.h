/*
 * top - what is seen of a daemon at one moment, and how it is shown
 *
 * Role:       one struct between those who ask (top_sample.c), those who draw (top_draw.c, top_json.c) and the loop (cmd_top.c).
 * Uses:       cli.h, term.h
 */
#ifndef PACLIENT_TOP_H
#define PACLIENT_TOP_H

#include "client/cli/term.h"

/* What is counted, a second; negative where there was nothing to compare with. */
#define RATE_UNKNOWN (-1.0)

struct top_region {
	struct paclient_region_stat stat;
	bool faulted;
	double allocs, frees, refusals; /* a second */
};

/* Who holds something: a session, or a user with what is theirs and their sessions'. */
struct top_holder {
	uint64_t id; /* of the session; 0: a user */
	uint32_t uid;
	uint32_t pid;
	int state;
	char command[PACLIENT_NAME_BYTES];
	uint64_t age_usec;
	uint64_t nsessions; /* of a user */
	uint64_t nextents;
	uint64_t bytes;
};

struct top_sample {
	bool connected;
	char failure[256]; /* why it is not */
	uint64_t wall_usec;
	uint64_t mono_usec;
	uint64_t interval_usec; /* since the one before; 0 = there is none that counts */
	uint64_t nrestarts;     /* of the daemon, while we looked */
	char server[64];
	struct paclient_daemon_stat daemon;
	double requests, refusals; /* a second */
	double cpu_percent;
	size_t nregions;
	struct top_region *regions;
	size_t nsessions, nusers;
	struct top_holder *sessions, *users;
	/* Where one region is looked at: how full its parts are. */
	size_t ncells;
	struct paclient_cell *cells;
};

enum top_sort { TOP_BY_SIZE, TOP_BY_EXTENTS, TOP_BY_AGE, TOP_BY_USER, TOP_NSORTS };

/* What a person has asked to see. */
struct top_view {
	const char *region; /* the only one; NULL = all */
	bool users;         /* not sessions */
	enum top_sort sort;
	size_t scroll; /* holders that are above the screen */
	bool help;
	unsigned interval_ms;
};

/* top_sample.c */
/*
 * Ask for everything. *@pa is opened where it is NULL, and NULL afterwards where the daemon does not answer: the sample says so. @before:
 * the one to compare with. Return: 0, or an exit code, already told: what another attempt would not mend.
 */
MUST_CHECK int top_sample_get(struct cli *cli, paclient **pa, const struct top_view *view,
			      unsigned ncells, const struct top_sample *before,
			      struct top_sample *ret);
void top_sample_deinit(struct top_sample *s);
/* In the order that the view asks for. */
void top_holders_sort(struct top_holder *holders, size_t n, enum top_sort sort);

/* top_draw.c: lines for a terminal, whose rest is cleared, and no more than @nlines; with 0 all there is to say. */
void top_draw(const struct cli *cli, const struct top_sample *s, const struct top_view *view,
	      const struct term *t, unsigned nlines, FILE *to);
const char *top_sort_name(enum top_sort sort);

/* top_json.c: one object, on one line. Return: exit code, already told. */
MUST_CHECK int top_json(const struct cli *cli, const struct top_sample *s);

#endif
