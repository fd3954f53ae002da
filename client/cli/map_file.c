/*
 * map_file - the map of a region as a picture or a page in a file
 *
 * Role:       see map_file.h.
 * Uses:       source.h, jansson
 */
#include "client/cli/map_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the picture, in its own units. */
#define CELL 10u
#define ROW 18u
#define LEFT 150u
#define TOP 56u
#define OWNER_TEXT_BYTES (USER_TEXT_BYTES + 64)

static const char data_mark[] = "@DATA@";

static FILE *file_begin(const struct cli *cli, const char *path, int *ret_err)
{
	FILE *to = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");

	*ret_err = to ? 0 : system_error(cli, "%s: %s", path, strerror(errno));
	return to;
}

static int file_end(const struct cli *cli, const char *path, FILE *to)
{
	bool failed;

	if (to == stdout)
		return out_end(cli);
	failed = ferror(to);
	failed = fclose(to) || failed;
	return failed ? system_error(cli, "%s: cannot be written: %s", path, strerror(errno)) : 0;
}

/* A name has nothing but what a name may have; this is for whatever comes. */
static void text_put(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text))
			fprintf(to, "&#%d;", *text);
		else
			fputc(*text, to);
	}
}

/* The share of a cell that is used, from the bottom up. */
static void cell_put(FILE *to, const struct paclient_cell *c, uint64_t x, uint64_t y)
{
	double share = c->grown_npages ? (double)c->used_npages / (double)c->grown_npages : 0;
	double height = share * (ROW - 4);

	if (!c->grown_npages)
		return;
	fprintf(to, "<rect x='%" PRIu64 "' y='%" PRIu64 "' width='%u' height='%u' class='f'/>", x,
		y, CELL, ROW - 4);
	if (c->used_npages)
		fprintf(to, "<rect x='%" PRIu64 "' y='%.1f' width='%u' height='%.1f' class='u'/>",
			x, (double)y + ROW - 4 - height, CELL, height);
}

static void svg_head(FILE *to, const struct paclient_region *r, const struct paclient_usage *u,
		     uint64_t width, uint64_t nrows)
{
	char used[SIZE_TEXT_BYTES], grown[SIZE_TEXT_BYTES], cell[SIZE_TEXT_BYTES];
	uint64_t w = LEFT + width * CELL + 20, h = TOP + nrows * ROW + 44;

	size_text(pages_bytes(region_used(r), r->page_size_bytes), used);
	size_text(pages_bytes(r->grown_npages, r->page_size_bytes), grown);
	size_text(pages_bytes(u->cell_npages, r->page_size_bytes), cell);
	fprintf(to,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%" PRIu64 "' height='%" PRIu64
		"' viewBox='0 0 %" PRIu64 " %" PRIu64 "' role='img' aria-labelledby='t d'>\n",
		w, h, w, h);
	fprintf(to, "<title id='t'>Pages of region ");
	text_put(to, r->name);
	fprintf(to, "</title>\n<desc id='d'>%s of %s in use; one column of a row is %s.</desc>\n",
		used, grown, cell);
	fprintf(to, "<style>text{font:13px system-ui,sans-serif;fill:#77736a}.n{font-size:19px;"
		    "font-weight:600;fill:#8a6d3b}.m{font-family:ui-monospace,monospace}"
		    ".f{fill:#9aa0a6;fill-opacity:.28}.u{fill:#3d7ea6}</style>\n");
	fprintf(to, "<text x='20' y='32' class='n'>");
	text_put(to, r->name);
	fprintf(to,
		"</text>\n<text x='%u' y='32'>%s of %s in use</text>\n"
		"<rect x='20' y='%" PRIu64 "' width='12' height='12' class='u'/>"
		"<text x='38' y='%" PRIu64 "'>in use</text>"
		"<rect x='104' y='%" PRIu64 "' width='12' height='12' class='f'/>"
		"<text x='122' y='%" PRIu64 "'>free</text>"
		"<text x='%u' y='%" PRIu64 "'>one column: %s</text>\n",
		LEFT, used, grown, h - 27, h - 16, h - 27, h - 16, LEFT + 40, h - 16, cell);
}

int map_svg(const struct cli *cli, const struct paclient_region *r, const struct paclient_usage *u,
	    uint64_t width)
{
	uint64_t cell_bytes = pages_bytes(u->cell_npages, r->page_size_bytes);
	int err;
	FILE *to = file_begin(cli, cli->svg, &err);

	if (err)
		return err;
	svg_head(to, r, u, width, (u->ncells + width - 1) / width);
	for (size_t i = 0; i < u->ncells; i++) {
		uint64_t y = TOP + i / width * ROW;

		if (i % width == 0)
			fprintf(to, "<text x='20' y='%" PRIu64 "' class='m'>0x%" PRIx64 "</text>\n",
				y + ROW - 6, u->addr + i * cell_bytes);
		cell_put(to, &u->cells[i], LEFT + i % width * CELL, y);
	}
	fprintf(to, "\n</svg>\n");
	return file_end(cli, cli->svg, to);
}

/* What goes into the page. */
struct page {
	const struct paclient_region *r;
	json_t *extents;
	json_t *owners;  /* texts, by number */
	json_t *numbers; /* numbers, by text */
	bool failed;
};

static int owner_number(struct page *p, const struct paclient_extent *x)
{
	char text[OWNER_TEXT_BYTES], user[USER_TEXT_BYTES];
	json_t *number;

	user_text(x->uid, user);
	if (x->session_id)
		snprintf(text, sizeof(text), "session %" PRIu64 " of %s%s", x->session_id, user,
			 x->quarantined ? ", quarantined" : "");
	else
		snprintf(text, sizeof(text), "%s, detached", user);
	number = json_object_get(p->numbers, text);
	if (!number) {
		number = json_integer((json_int_t)json_array_size(p->owners));
		p->failed |= json_array_append_new(p->owners, json_string(text)) ||
			     json_object_set_new(p->numbers, text, number);
	}
	return (int)json_integer_value(number);
}

static json_t *page_number(const struct page *p, uint64_t addr)
{
	return json_count((addr - p->r->base_addr) / p->r->page_size_bytes);
}

static int extent_add(const struct paclient_extent *x, void *ctx)
{
	struct page *p = ctx;
	json_t *item = json_pack("[o, o, i, s, s, i]", page_number(p, x->addr),
				 json_count(x->npages), owner_number(p, x), x->name, x->label,
				 (int)x->nholders);

	p->failed |= !item || json_array_append_new(p->extents, item);
	return p->failed;
}

static int ranges_get(const struct cli *cli, struct source *src, const struct page *p,
		      enum source_ranges which, json_t **ret)
{
	const struct paclient_range_list *list;
	struct paclient_call call;

	call_init(cli, &call);
	if (src->ask->ranges(src, p->r->id, which, &list, &call))
		return call_error(cli, &call.error);
	*ret = json_array();
	for (size_t i = 0; i < list->nranges; i++)
		json_array_append_new(*ret,
				      json_pack("[o, o]", page_number(p, list->ranges[i].addr),
						json_count(list->ranges[i].npages)));
	return 0;
}

/* Where it stands in a script, nothing in it may end that. */
static int script_put(const char *bytes, size_t n, void *to)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '<')
			fputs("\\u003c", to);
		else
			fputc(bytes[i], to);
	}
	return 0;
}

static int page_write(const struct cli *cli, json_t *data)
{
	const char *mark = memmem(map_page, map_page_bytes, data_mark, strlen(data_mark));
	const char *begin = (const char *)map_page, *end = begin + map_page_bytes;
	int err;
	FILE *to = file_begin(cli, cli->html, &err);

	if (err)
		return err;
	fwrite(begin, 1, (size_t)(mark - begin), to);
	if (json_dump_callback(data, script_put, to, JSON_COMPACT)) {
		(void)file_end(cli, cli->html, to);
		return system_error(cli, "no memory for the page");
	}
	mark += strlen(data_mark);
	fwrite(mark, 1, (size_t)(end - mark), to);
	return file_end(cli, cli->html, to);
}

int map_html(const struct cli *cli, struct source *src, const struct paclient_region *r,
	     uint64_t npages)
{
	struct paclient_list_filter filter = PACLIENT_LIST_FILTER_INIT;
	struct page p = {
		.r = r, .extents = json_array(), .owners = json_array(), .numbers = json_object()};
	json_t *ranges[3] = {NULL}, *data;
	struct paclient_call call;
	int err = 0;

	call_init(cli, &call);
	if (src->ask->list_each(src, r->id, &filter, extent_add, &p, &call))
		err = call_error(cli, &call.error);
	for (int i = SOURCE_GROWN; !err && i <= SOURCE_DRAINED; i++)
		err = ranges_get(cli, src, &p, (enum source_ranges)i, &ranges[i]);
	data = json_pack("{s:{s:s, s:o, s:o, s:o, s:o}, s:o, s:o, s:o*, s:o*, s:o*}", "region",
			 "name", r->name, "base", json_addr(r->base_addr), "page",
			 json_count(r->page_size_bytes), "npages", json_count(npages), "limit",
			 json_count(r->limit_npages), "owners", p.owners, "extents", p.extents,
			 "grown", ranges[SOURCE_GROWN], "reserved", ranges[SOURCE_RESERVED],
			 "drained", ranges[SOURCE_DRAINED]);
	if (!err)
		err = data && !p.failed ? page_write(cli, data)
					: system_error(cli, "no memory for the page");
	json_decref(data);
	json_decref(p.numbers);
	return err;
}
