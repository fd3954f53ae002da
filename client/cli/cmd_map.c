/*
 * cmd_map - the verb map: which pages are in use, as a picture
 *
 * Role:       cells from the source, characters to the terminal; map_file.c has pictures and pages.
 * Uses:       source.h, map_file.h
 */
#include "client/cli/map_file.h"
#include "client/cli/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What the daemon gives in one reply. */
#define CELLS_MAX 4096

#define LINES_DEFAULT 16
#define WIDTH_DEFAULT 64

/* How full a cell is. */
enum fill {
	NOT_GROWN,
	FREE,
	SOME, /* up to half */
	MOST,
	FULL,
};

struct look {
	const char *glyph[FULL + 1];
	const char *colour[FULL + 1];
	const char *plain;
};

static const char *const glyphs_utf8[] = {"\u00b7", "\u2591", "\u2592", "\u2593", "\u2588"};
static const char *const glyphs_ascii[] = {" ", ".", "-", "+", "#"};
/* Grey, green, yellow, yellow, red. */
static const char *const colours[] = {"\033[90m", "\033[32m", "\033[33m", "\033[33m", "\033[31m"};

static struct look look_choose(const struct cli *cli)
{
	bool utf8 = !cli->ascii && terminal_utf8();
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool colour = isatty(STDOUT_FILENO) && !(no_color && no_color[0]) && term &&
		      strcmp(term, "dumb") != 0;
	struct look l = {.plain = colour ? "\033[0m" : ""};

	for (int i = NOT_GROWN; i <= FULL; i++) {
		l.glyph[i] = utf8 ? glyphs_utf8[i] : glyphs_ascii[i];
		l.colour[i] = colour ? colours[i] : "";
	}
	return l;
}

static enum fill cell_fill(const struct paclient_cell *c)
{
	if (!c->grown_npages)
		return NOT_GROWN;
	if (!c->used_npages)
		return FREE;
	if (c->used_npages >= c->grown_npages)
		return FULL;
	return c->used_npages * 2 <= c->grown_npages ? SOME : MOST;
}

static uint64_t terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	if (columns && !number_parse(columns, &n) && n && n <= CELLS_MAX)
		return n;
	return 0;
}

/* Digits that the highest address of the map needs. */
static int addr_digits(uint64_t last)
{
	return last ? (67 - __builtin_clzll(last)) / 4 : 1;
}

static uint64_t width_choose(const struct cli *cli, int digits)
{
	uint64_t columns = terminal_width(), left = (uint64_t)digits + 4;

	if (cli->width)
		return cli->width < CELLS_MAX ? cli->width : CELLS_MAX;
	if (!columns)
		return WIDTH_DEFAULT;
	return columns > left + 8 ? columns - left : 8;
}

/* Colour codes only where the colour changes: a picture of 4096 cells stays small. */
static void line_draw(const struct look *l, const struct paclient_cell *cells, size_t n)
{
	int last = -1;

	for (size_t i = 0; i < n; i++) {
		int fill = (int)cell_fill(&cells[i]);

		if (fill != last)
			printf("%s", l->colour[fill]);
		printf("%s", l->glyph[fill]);
		last = fill;
	}
	printf("%s\n", l->plain);
}

static void legend(const struct look *l, const struct paclient_usage *u, uint64_t page)
{
	static const char *const text[] = {"not grown", "free", "up to half used", "more than half",
					   "all used"};
	char size[SIZE_TEXT_BYTES];

	printf("\n");
	for (int i = NOT_GROWN; i <= FULL; i++)
		printf("%s%s%s%s %s", i ? "   " : "", l->colour[i],
		       l->glyph[i][0] == ' ' ? "(blank)" : l->glyph[i], l->plain, text[i]);
	printf("\none character: %" PRIu64 " pages (%s)\n", u->cell_npages,
	       size_text(pages_bytes(u->cell_npages, page), size));
}

static void draw(const struct cli *cli, const struct paclient_region *r,
		 const struct paclient_usage *u, uint64_t width, int digits)
{
	uint64_t cell_bytes = pages_bytes(u->cell_npages, r->page_size_bytes);
	uint64_t nused = region_used(r);
	char used[SIZE_TEXT_BYTES], grown[SIZE_TEXT_BYTES];
	struct look l = look_choose(cli);

	if (!u->ncells) {
		printf("%s: nothing grown yet; `paclient grow %s NPAGES` does\n", r->name, r->name);
		return;
	}
	printf("%s: %s of %s used\n\n", r->name,
	       size_text(pages_bytes(nused, r->page_size_bytes), used),
	       size_text(pages_bytes(r->grown_npages, r->page_size_bytes), grown));
	for (size_t at = 0; at < u->ncells; at += width) {
		size_t n = u->ncells - at < width ? u->ncells - at : width;

		printf("0x%0*" PRIx64 "  ", digits, u->addr + at * cell_bytes);
		line_draw(&l, u->cells + at, n);
	}
	legend(&l, u, r->page_size_bytes);
}

static int map_json(const struct cli *cli, const struct paclient_region *r,
		    const struct paclient_usage *u)
{
	json_t *used = json_array(), *grown = json_array();

	for (size_t i = 0; i < u->ncells; i++) {
		json_array_append_new(used, json_count(u->cells[i].used_npages));
		json_array_append_new(grown, json_count(u->cells[i].grown_npages));
	}
	return json_out(cli, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "region", r->name,
				       "page_size_bytes", json_count(r->page_size_bytes), "addr",
				       json_addr(u->addr), "npages", json_count(u->npages),
				       "cell_npages", json_count(u->cell_npages), "used_npages",
				       used, "grown_npages", grown));
}

/*
 * One request from page @page on, for whole cells or for what is left of one, so that no cell of the reply lies in two of ours.
 * Adds what it says to the cells; *page moves behind it.
 */
static int map_part(struct cli *cli, struct source *src, const struct paclient_region *r,
		    struct paclient_usage *u, uint64_t *page)
{
	uint64_t left = u->npages - *page, within = *page % u->cell_npages, ask;
	const struct paclient_usage *part;
	struct paclient_call call;

	if (within || left < u->cell_npages)
		ask = left < u->cell_npages - within ? left : u->cell_npages - within;
	else
		ask = left - left % u->cell_npages;
	call_init(cli, &call);
	if (src->ask->usage_map(src, r->id, r->base_addr + pages_bytes(*page, r->page_size_bytes),
				ask, (uint32_t)((ask + u->cell_npages - 1) / u->cell_npages), &part,
				&call))
		return call_error(cli, &call.error);
	for (size_t i = 0; i < part->ncells; i++) {
		struct paclient_cell *cell =
			&u->cells[(*page + i * part->cell_npages) / u->cell_npages];

		cell->used_npages += part->cells[i].used_npages;
		cell->grown_npages += part->cells[i].grown_npages;
	}
	/* The daemon says at least one cell; should it not, do not ask for ever. */
	*page += part->npages ? part->npages : ask;
	return 0;
}

/* Pages from the base up to where the highest grown range ends: there may be gaps between. */
static int map_span(struct cli *cli, struct source *src, const struct paclient_region *r,
		    uint64_t *ret_npages)
{
	const struct paclient_range_list *list;
	struct paclient_call call;

	call_init(cli, &call);
	if (src->ask->ranges(src, r->id, SOURCE_GROWN, &list, &call))
		return call_error(cli, &call.error);
	if (list->nranges < list->nranges_total) {
		*ret_npages = r->limit_npages;
	} else if (list->nranges) {
		const struct paclient_range *last = &list->ranges[list->nranges - 1];

		*ret_npages = (last->addr - r->base_addr) / r->page_size_bytes + last->npages;
	}
	return 0;
}

/* All that is grown, in @ncells cells at the most; asks as often as the daemon wants to be asked. */
static int map_fetch(struct cli *cli, struct source *src, const struct paclient_region *r,
		     uint64_t ncells, struct paclient_usage *u)
{
	uint64_t page = 0;
	int err = map_span(cli, src, r, &u->npages);

	if (err)
		return err;
	u->addr = r->base_addr;
	u->cell_npages = u->npages ? (u->npages + ncells - 1) / ncells : 0;
	u->ncells = u->npages ? (u->npages + u->cell_npages - 1) / u->cell_npages : 0;
	u->cells = calloc(u->ncells + 1, sizeof(*u->cells));
	if (!u->cells)
		return system_error(cli, "no memory for the map");
	while (!err && page < u->npages)
		err = map_part(cli, src, r, u, &page);
	return err;
}

static int map_run(struct cli *cli, struct source *src, const struct paclient_region *r)
{
	uint64_t last = r->base_addr + pages_bytes(r->limit_npages, r->page_size_bytes) - 1;
	int digits = addr_digits(last), err;
	uint64_t width = width_choose(cli, digits);
	uint64_t lines = cli->lines ? cli->lines : LINES_DEFAULT;
	struct paclient_usage usage = {0};

	if (cli->html) {
		err = map_span(cli, src, r, &usage.npages);
		return err ? err : map_html(cli, src, r, usage.npages);
	}
	if (lines > CELLS_MAX / width)
		lines = CELLS_MAX / width;
	err = map_fetch(cli, src, r, width * lines, &usage);
	if (!err && cli->json)
		err = map_json(cli, r, &usage);
	else if (!err && cli->svg)
		err = map_svg(cli, r, &usage, width);
	else if (!err) {
		draw(cli, r, &usage, width, digits);
		err = out_end(cli);
	}
	free(usage.cells);
	return err;
}

int cmd_map(struct cli *cli)
{
	CLEANUP(source_closep) struct source *src = NULL;
	const char *name = cli_region_take(cli);
	struct paclient_region region;
	int err;

	if (!name)
		return usage_error(cli, "name a region: paclient map REGION");
	if ((cli->svg != NULL) + (cli->html != NULL) + cli->json > 1)
		return usage_error(cli, "--svg, --html and --json are one or the other");
	if (cli->nargs)
		return usage_error(cli, "takes one region, \"%s\" is one too many", cli->args[0]);
	err = source_open(cli, &src);
	if (!err)
		err = source_region(cli, src, name, &region);
	return err ? err : map_run(cli, src, &region);
}
