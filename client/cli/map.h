/*
 * map - what the pictures of a region are made of
 *
 * Role:       one struct between those who get the data and those who draw: text, JSON, SVG, HTML. Those who draw ask nobody.
 * Uses:       source.h
 */
#ifndef PACLIENT_MAP_H
#define PACLIENT_MAP_H

#include "client/cli/source.h"

#include <stdio.h>

/* Cells of a map at the most: what the daemon gives in one reply. */
#define MAP_CELLS_MAX 4096
/* With more extents in a region a map does not say whose they are: it would take seconds, and nobody could look at them. */
#define MAP_EXTENTS_MAX (UINT64_C(1) << 20)

/* Pages [first, first + npages), counted from the region's base. */
struct map_run {
	uint64_t first;
	uint64_t npages;
};

struct map_extent {
	uint64_t first;
	uint64_t npages;
	uint64_t session_id; /* 0 = the user */
	uint32_t uid;
	uint32_t nholders;
	uint32_t owner; /* index into owners */
	bool quarantined;
	size_t name, label; /* offsets into texts */
};

/* A session, or a user's detached extents. */
struct map_owner {
	uint64_t session_id;
	uint32_t uid;
	bool quarantined;
	uint64_t npages; /* of the part that is shown */
	uint64_t nextents;
	size_t serial;                     /* among the owners by session and user */
	char command[PACLIENT_NAME_BYTES]; /* of the session's process; "" = unknown */
};

struct map {
	struct paclient_region region;
	uint64_t largest_npages; /* longest free run of the region */
	bool scavenges;          /* it means something that a free page is scavenged */
	bool part;               /* not all of the region is shown */
	struct map_run shown;

	/* Cells over what is shown; those of usage, and who holds most of each. */
	struct paclient_usage usage;
	uint64_t *scavenged_npages; /* of each cell: free pages without memory */

	/* Ascending, and no more than what is shown. */
	size_t ngrown, nreserved, ndrained;
	struct map_run *grown, *reserved, *drained;

	/* Ascending; none where whose is false. */
	bool whose;
	size_t nextents;
	struct map_extent *extents;
	size_t nowners; /* who holds most comes first */
	struct map_owner *owners;
	char *texts;
	size_t texts_nbytes, texts_room;
};

/* map_data.c */
/*
 * Of m->region, from the source: @ncells cells at the most of what --lowest and --limit say, or of all that is grown; extents, too, if @whose.
 * Return: 0 or an exit code, already told; map_deinit() in either case.
 */
MUST_CHECK int map_get(struct cli *cli, struct source *src, uint64_t ncells, bool whose,
		       struct map *m);
void map_deinit(struct map *m);
/* One more extent, ascending; @name and @label may be "". Return: 0 or an exit code, already told. */
MUST_CHECK int map_add(const struct cli *cli, struct map *m, const struct paclient_extent *x);
/* When all have been added: who the owners are. Return: 0 or an exit code, already told. */
MUST_CHECK int map_owners(const struct cli *cli, struct map *m);
uint64_t map_addr(const struct map *m, uint64_t page);
#define MAP_OWNER_BYTES (PACLIENT_NAME_BYTES + USER_TEXT_BYTES + 48)
/* "session 12 (make, root)", "root, detached". */
const char *map_owner_text(const struct map_owner *o, char *to);

/* map_text.c, map_svg.c, map_html.c. Return: exit code, already told. */
/* Lines of @width cells. */
int map_text(const struct cli *cli, const struct map *m, uint64_t width);
/* All of it in one line. */
int map_line(const struct cli *cli, const struct map *m, int name_width);
void map_svg(const struct map *m, FILE *to);
void map_html(const struct map *m, FILE *to);
/* Text for a place between the elements of a document, or between the quotes of an attribute. */
void map_markup(FILE *to, const char *text);
/* The page's parts, as the build has made them: text. */
extern const unsigned char map_page_html[], map_page_css[], map_page_js[], map_svg_css[];

#endif
