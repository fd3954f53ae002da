/*
 * map_html - a map as a page that needs nothing but a browser
 *
 * Role:       puts the data between the parts of the page (map_page.html, .css, .js), which the build has made bytes of.
 * Uses:       map.h
 *
 * Names and labels are whatever their owners like. They get into the page as strings of JSON without a "<", so that none of them ends
 * the element that it stands in; the script makes text of them, never markup.
 */
#include "client/cli/map.h"

#include <inttypes.h>
#include <string.h>

static void json_string_out(FILE *to, const char *text)
{
	putc('"', to);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < ' ' || strchr("\"\\<>&'", *p))
			fprintf(to, "\\u%04x", *p);
		else
			putc(*p, to);
	}
	putc('"', to);
}

static void key_text(FILE *to, const char *key, const char *text)
{
	fprintf(to, "\"%s\":", key);
	json_string_out(to, text);
	fputs(",\n", to);
}

static void key_number(FILE *to, const char *key, uint64_t n)
{
	fprintf(to, "\"%s\":%" PRIu64 ",\n", key, n);
}

static void runs_out(FILE *to, const char *key, const struct map_run *runs, size_t n)
{
	fprintf(to, "\"%s\":[", key);
	for (size_t i = 0; i < n; i++)
		fprintf(to, "%s[%" PRIu64 ",%" PRIu64 "]", i ? "," : "", runs[i].first,
			runs[i].npages);
	fputs("],\n", to);
}

static void cells_out(FILE *to, const struct map *m)
{
	const struct paclient_usage *u = &m->usage;

	key_number(to, "cell", u->cell_npages ? u->cell_npages : 1);
	fputs("\"used\":[", to);
	for (size_t i = 0; i < u->ncells; i++)
		fprintf(to, "%s%" PRIu64, i ? "," : "", u->cells[i].used_npages);
	fputs("],\n\"grownCells\":[", to);
	for (size_t i = 0; i < u->ncells; i++)
		fprintf(to, "%s%" PRIu64, i ? "," : "", u->cells[i].grown_npages);
	fputs("],\n\"scavenged\":[", to);
	for (size_t i = 0; i < u->ncells && m->scavenges; i++)
		fprintf(to, "%s%" PRIu64, i ? "," : "", m->scavenged_npages[i]);
	fputs("],\n", to);
}

static void owners_out(FILE *to, const struct map *m)
{
	char text[MAP_OWNER_BYTES];

	fputs("\"owners\":[", to);
	for (size_t i = 0; i < m->nowners; i++) {
		const struct map_owner *o = &m->owners[i];

		fprintf(to, "%s\n{\"npages\":%" PRIu64 ",\"nextents\":%" PRIu64 ",\"text\":",
			i ? "," : "", o->npages, o->nextents);
		json_string_out(to, map_owner_text(o, text));
		putc('}', to);
	}
	fputs("],\n", to);
}

/* Three numbers each: pages since the end of the one before, pages, owner. The first one may begin before what is shown. */
static void extents_out(FILE *to, const struct map *m)
{
	uint64_t at = 0;

	fputs("\"extents\":[", to);
	for (size_t i = 0; i < m->nextents; i++) {
		const struct map_extent *x = &m->extents[i];

		fprintf(to, "%s%s%" PRIu64 ",%" PRIu64 ",%" PRIu32, i ? "," : "",
			i % 16 ? "" : "\n", x->first - at, x->npages, x->owner);
		at = x->first + x->npages;
	}
	fputs("],\n", to);
}

/* What few extents have: pairs of its number and the text. */
static void texts_out(FILE *to, const char *key, const struct map *m, bool names)
{
	const char *gap = "";

	fprintf(to, "\"%s\":[", key);
	for (size_t i = 0; i < m->nextents; i++) {
		size_t at = names ? m->extents[i].name : m->extents[i].label;

		if (!m->texts[at])
			continue;
		fprintf(to, "%s\n[%zu,", gap, i);
		json_string_out(to, m->texts + at);
		putc(']', to);
		gap = ",";
	}
	fputs("],\n", to);
}

static void holders_out(FILE *to, const struct map *m)
{
	const char *gap = "";

	fputs("\"holders\":[", to);
	for (size_t i = 0; i < m->nextents; i++) {
		if (m->extents[i].nholders < 2)
			continue;
		fprintf(to, "%s[%zu,%" PRIu32 "]", gap, i, m->extents[i].nholders);
		gap = ",";
	}
	fputs("],\n", to);
}

static void data_out(FILE *to, const struct map *m)
{
	const struct paclient_region *r = &m->region;

	putc('{', to);
	key_text(to, "region", r->name);
	/* As text: a script's numbers are exact up to 2^53. */
	fprintf(to, "\"base\":\"%" PRIu64 "\",\n", r->base_addr);
	key_number(to, "page", r->page_size_bytes);
	key_number(to, "limit", r->limit_npages);
	key_number(to, "grownPages", r->grown_npages);
	key_number(to, "usedPages", region_used(r));
	key_number(to, "free", r->free_npages);
	key_number(to, "largest", m->largest_npages);
	key_number(to, "first", m->shown.first);
	key_number(to, "npages", m->shown.npages);
	runs_out(to, "grown", m->grown, m->ngrown);
	runs_out(to, "reserved", m->reserved, m->nreserved);
	runs_out(to, "drained", m->drained, m->ndrained);
	cells_out(to, m);
	owners_out(to, m);
	extents_out(to, m);
	texts_out(to, "names", m, true);
	texts_out(to, "labels", m, false);
	holders_out(to, m);
	fprintf(to, "\"scavenges\":%s,\n\"whose\":%s}", m->scavenges ? "true" : "false",
		m->whose ? "true" : "false");
}

void map_markup(FILE *to, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < ' ' || strchr("\"<>&'", *p))
			fprintf(to, "&#%d;", *p < ' ' ? 0xfffd : *p);
		else
			putc(*p, to);
	}
}

static void title_out(FILE *to, const struct map *m)
{
	map_markup(to, m->region.name);
	fputs(" \u2013 map of the region", to);
}

/* "<!-- put: NAME -->" is replaced, all else stays. */
static void put(FILE *to, const struct map *m, const char *name, size_t n)
{
	if (n == 3 && !memcmp(name, "css", n))
		fputs((const char *)map_page_css, to);
	else if (n == 2 && !memcmp(name, "js", n))
		fputs((const char *)map_page_js, to);
	else if (n == 4 && !memcmp(name, "data", n))
		data_out(to, m);
	else if (n == 5 && !memcmp(name, "title", n))
		title_out(to, m);
}

void map_html(const struct map *m, FILE *to)
{
	static const char mark[] = "<!-- put: ";
	const char *at = (const char *)map_page_html, *next;

	while ((next = strstr(at, mark)) != NULL) {
		const char *name = next + strlen(mark);
		size_t n = strcspn(name, " ");

		fwrite(at, 1, (size_t)(next - at), to);
		put(to, m, name, n);
		at = name + n + strlen(" -->");
	}
	fputs(at, to);
}
