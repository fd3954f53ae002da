/*
 * map_file - the map of a region as a picture or a page in a file
 *
 * Role:       SVG for documents, and a page that can be zoomed, with all extents in it.
 * Uses:       source.h
 */
#ifndef PACLIENT_CLI_MAP_FILE_H
#define PACLIENT_CLI_MAP_FILE_H

#include "client/cli/source.h"

/* The page, as client/cli/map_page.html has it. */
extern const unsigned char map_page[];
extern const size_t map_page_bytes;

/* map_svg() - @u in rows of @width cells. Return: 0 or an exit code, already told. */
MUST_CHECK int map_svg(const struct cli *cli, const struct paclient_region *r,
		       const struct paclient_usage *u, uint64_t width);

/* map_html() - all extents and ranges of the region, @npages long as far as it is drawn. Return: as before. */
MUST_CHECK int map_html(const struct cli *cli, struct source *src, const struct paclient_region *r,
			uint64_t npages);

#endif
