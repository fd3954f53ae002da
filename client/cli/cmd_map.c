/*
 * cmd_map - the verb map: which pages are in use, as a picture
 *
 * Role:       how many cells, of which region, and where the picture goes; getting and drawing are in map_*.c.
 * Uses:       map.h, term.h
 */
#include "client/cli/map.h"
#include "client/cli/term.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LINES_DEFAULT 16
#define WIDTH_DEFAULT 64
/* Cells that a picture with an axis gets: enough for what is scavenged to be seen. */
#define CELLS_DRAWN 2048

/* Columns beside the cells: the address before them, two blanks, the share behind them. */
#define BESIDE 10

static uint64_t width_choose(const struct cli *cli, const struct term *t,
			     const struct paclient_region *r)
{
	uint64_t last = r->base_addr + pages_bytes(r->limit_npages, r->page_size_bytes) - 1;
	uint64_t beside = BESIDE, width;

	if (cli->width)
		return cli->width < MAP_CELLS_MAX ? cli->width : MAP_CELLS_MAX;
	if (!t->columns)
		return WIDTH_DEFAULT;
	for (; last; last >>= 4)
		beside++;
	width = t->columns > beside + 8 ? t->columns - beside : 8;
	/* Round numbers of pages in a line make round addresses. */
	return width >= 32 ? width & ~UINT64_C(15) : width & ~UINT64_C(7);
}

static json_t *map_json(const struct map *m)
{
	const struct paclient_usage *u = &m->usage;
	json_t *used = json_array(), *grown = json_array();
	/* Where there is no memory, or nobody says, that is not told either. */
	json_t *scavenged = m->scavenges ? json_array() : json_null();

	for (size_t i = 0; i < u->ncells; i++) {
		json_array_append_new(used, json_count(u->cells[i].used_npages));
		json_array_append_new(grown, json_count(u->cells[i].grown_npages));
		if (m->scavenges)
			json_array_append_new(scavenged, json_count(m->scavenged_npages[i]));
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "region", m->region.name,
			 "page_size_bytes", json_count(m->region.page_size_bytes), "addr",
			 json_addr(u->addr), "npages", json_count(u->npages), "cell_npages",
			 json_count(u->cell_npages), "used_npages", used, "grown_npages", grown,
			 "scavenged_npages", scavenged);
}

/* Into a file that appears when all is known that goes into it; "-" is standard output. */
static int draw_file(const struct cli *cli, const struct map *m, const char *path, bool html)
{
	FILE *to = strcmp(path, "-") ? fopen(path, "we") : stdout;
	if (!to)
		return usage_error(cli, "cannot write %s: %s", path, strerror(errno));
	if (html)
		map_html(m, to);
	else
		map_svg(m, to);
	if (to == stdout)
		return out_end(cli);
	if (ferror(to) | fclose(to))
		return system_error(cli, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

static int map_files(struct cli *cli, struct source *src, struct map *m)
{
	int err = map_get(cli, src, CELLS_DRAWN, true, m);

	if (!err && cli->svg)
		err = draw_file(cli, m, cli->svg, false);
	if (!err && cli->html)
		err = draw_file(cli, m, cli->html, true);
	return err;
}

static int map_region(struct cli *cli, struct source *src, const struct paclient_region *r)
{
	uint64_t lines = cli->lines ? cli->lines : LINES_DEFAULT, width;
	CLEANUP(map_deinit) struct map m = {.region = *r};
	struct term t;
	int err;

	if (cli->svg || cli->html)
		return map_files(cli, src, &m);
	term_get(cli, &t);
	width = width_choose(cli, &t, r);
	if (lines > MAP_CELLS_MAX / width)
		lines = MAP_CELLS_MAX / width;
	err = map_get(cli, src, width * lines, !cli->json, &m);
	if (err)
		return err;
	return cli->json ? json_out(cli, map_json(&m)) : map_text(cli, &m, width);
}

/* A line for each region that there is. */
static int map_all(struct cli *cli, struct source *src)
{
	json_t *array = cli->json ? json_array() : NULL;
	const struct paclient_region_list *list;
	struct paclient_call call;
	int name_width = 0, err = 0;
	struct term t;

	call_init(cli, &call);
	if (src->ask->regions(src, &list, &call))
		return call_error(cli, &call.error);
	for (size_t i = 0; i < list->nregions; i++) {
		int n = (int)strlen(list->regions[i]->name);

		name_width = n > name_width ? n : name_width;
	}
	term_get(cli, &t);
	for (size_t i = 0; !err && i < list->nregions; i++) {
		CLEANUP(map_deinit) struct map m = {.region = *list->regions[i]};

		err = map_get(cli, src, width_choose(cli, &t, list->regions[0]), !cli->json, &m);
		if (!err && cli->json)
			json_array_append_new(array, map_json(&m));
		else if (!err)
			err = map_line(cli, &m, name_width);
	}
	if (err)
		json_decref(array);
	else
		err = cli->json ? json_out(cli, json_pack("{s:o}", "maps", array)) : out_end(cli);
	return err;
}

static int options_check(const struct cli *cli, const char *name)
{
	bool drawn = cli->svg || cli->html;

	if (cli->nargs)
		return usage_error(cli, "takes one region, \"%s\" is one too many", cli->args[0]);
	if (!name && (drawn || cli->lowest.given || cli->limit.given))
		return usage_error(cli, "name a region: paclient map REGION");
	if (drawn && cli->json)
		return usage_error(cli, "--json is a picture of its own: without --svg and --html");
	if (cli->svg && cli->html && !strcmp(cli->svg, "-") && !strcmp(cli->html, "-"))
		return usage_error(cli, "--svg and --html cannot both go to standard output");
	return 0;
}

int cmd_map(struct cli *cli)
{
	CLEANUP(source_closep) struct source *src = NULL;
	const char *name = cli_region_take(cli);
	struct paclient_region region;
	int err = options_check(cli, name);

	if (!err)
		err = source_open(cli, &src);
	if (err || !name)
		return err ? err : map_all(cli, src);
	err = source_region(cli, src, name, &region);
	return err ? err : map_region(cli, src, &region);
}
