/*
 * map_svg - a map as a picture for documents
 *
 * Role:       a bar for each extent, in lines as text has them; those too narrow to be seen are summed up. Both on light and on dark
 *             ground (map_svg.css), with a title and a description for those who do not see it.
 * Uses:       map.h
 */
#include "client/cli/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of the picture, in its own units, which are pixels where nobody scales it. */
#define WIDTH 1000
#define MARGIN 24
#define HEAD 74  /* above the bars */
#define BAR 22   /* height of a bar */
#define LINE 28  /* from one to the next */
#define ENTRY 23 /* of the legend: from one line to the next */
#define LEGEND_COLUMNS 3

#define LINES_MAX 16
#define LINE_NPAGES_MIN 16
#define NCOLOURS 8
/* A bar of an extent is at least so wide; narrower ones are summed up by columns of 1. */
#define BAR_WIDTH_MIN 1.5
/* Columns beside each other are one bar if they are about as full: in so many steps. */
#define NSHADES 4
#define CHAR_WIDTH 6.6

struct svg {
	const struct map *map;
	FILE *to;
	unsigned nlines;
	double line_npages;
	double left, across; /* where the bars begin, and how long a line is */
};

/* Pages [first, limit) as positions on one long line: 1.5 is the middle of the second one. */
static double position(const struct svg *s, uint64_t page)
{
	double at = ((double)page - (double)s->map->shown.first) / s->line_npages;

	return at < 0 ? 0 : at > s->nlines ? s->nlines : at;
}

/* A bar on each line that [from, limit) reaches, with @more in front of the end of each. Return: the widest one's width; where it is in *ret_x, *ret_y. */
static double bars(const struct svg *s, double from, double limit, const char *class,
		   const char *more, double *ret_x, double *ret_y)
{
	double widest = 0;

	while (from < limit - 1e-9) {
		unsigned line = (unsigned)(from + 1e-9);
		double end = limit < line + 1 ? limit : line + 1;
		double x = s->left + (from - line) * s->across, y = HEAD + line * LINE;
		double width = (end - from) * s->across;

		/* Neighbours of one owner are told apart by what is left out. */
		if (class[0] == 'o' && width > 3 && end == limit)
			width -= 1;
		fprintf(s->to,
			"<rect class=\"%s\" x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"%d\"%s",
			class, x, y, width > 0.6 ? width : 0.6, BAR, more);
		if (width > widest) {
			widest = width;
			if (ret_x) {
				*ret_x = x;
				*ret_y = y;
			}
		}
		from = end;
	}
	return widest;
}

static void runs_draw(const struct svg *s, const struct map_run *runs, size_t n, const char *class,
		      const char *more)
{
	for (size_t i = 0; i < n; i++)
		bars(s, position(s, runs[i].first), position(s, runs[i].first + runs[i].npages),
		     class, more, NULL, NULL);
}

/* Cells of which most of what is free has no memory; neighbours together. */
static void scavenged_draw(const struct svg *s)
{
	const struct map *m = s->map;
	size_t begin = SIZE_MAX;

	for (size_t i = 0; i <= m->usage.ncells && m->scavenges; i++) {
		const struct paclient_cell *c = &m->usage.cells[i];
		bool is = i < m->usage.ncells &&
			  m->scavenged_npages[i] * 2 > c->grown_npages - c->used_npages;

		if (is && begin == SIZE_MAX)
			begin = i;
		if (is || begin == SIZE_MAX)
			continue;
		for (int dots = 0; dots < 2; dots++)
			bars(s, position(s, m->shown.first + begin * m->usage.cell_npages),
			     position(s, m->shown.first + i * m->usage.cell_npages),
			     dots ? "dots" : "scavenged",
			     dots ? " fill=\"url(#dots)\"/>\n" : "/>\n", NULL, NULL);
		begin = SIZE_MAX;
	}
}

static const char *owner_class(size_t owner)
{
	static const char classes[NCOLOURS + 1][3] = {"o0", "o1", "o2", "o3", "o4",
						      "o5", "o6", "o7", "o8"};

	return classes[owner < NCOLOURS ? owner : NCOLOURS];
}

/* A bar's name, as much as fits. */
static void label_draw(const struct svg *s, const char *text, double x, double y, double width)
{
	size_t room = (size_t)((width - 10) / CHAR_WIDTH), n = 0, nchars = 0;
	char cut[PACLIENT_NAME_BYTES + 8];

	if (!text[0] || room < 4)
		return;
	/* Characters of UTF-8 begin with anything but 10xxxxxx. */
	for (; text[n] && n < PACLIENT_NAME_BYTES; n++) {
		nchars += ((unsigned char)text[n] & 0xc0) != 0x80;
		if (nchars > room)
			break;
	}
	snprintf(cut, sizeof(cut), "%.*s%s", (int)n, text, text[n] ? "\u2026" : "");
	fprintf(s->to, "<text class=\"on\" x=\"%.2f\" y=\"%.0f\">", x + 6, y + 15);
	map_markup(s->to, cut);
	fputs("</text>\n", s->to);
}

/* What a browser shows when one points at a bar. */
static void extent_title(FILE *to, const struct map *m, const struct map_extent *x)
{
	char owner[MAP_OWNER_BYTES], size[SIZE_TEXT_BYTES];

	fputs("><title>", to);
	if (m->texts[x->name]) {
		map_markup(to, m->texts + x->name);
		fputs("\n", to);
	}
	fprintf(to, "0x%" PRIx64 ", %" PRIu64 " page%s, %s\n", map_addr(m, x->first), x->npages,
		x->npages == 1 ? "" : "s",
		size_text(pages_bytes(x->npages, m->region.page_size_bytes), size));
	map_markup(to, map_owner_text(&m->owners[x->owner], owner));
	if (m->texts[x->label]) {
		fputs("\n", to);
		map_markup(to, m->texts + x->label);
	}
	fputs("</title></rect>\n", to);
}

static void extent_draw(const struct svg *s, const struct map_extent *x)
{
	const struct map *m = s->map;
	double at_x = 0, at_y = 0, width;
	size_t nbytes = 0;
	char *title = NULL;
	FILE *to = open_memstream(&title, &nbytes);

	if (!to)
		return;
	extent_title(to, m, x);
	fclose(to);
	if (title) {
		width = bars(s, position(s, x->first), position(s, x->first + x->npages),
			     owner_class(x->owner), title, &at_x, &at_y);
		label_draw(s, m->texts + x->name, at_x, at_y, width);
	}
	free(title);
}

/* One column of what is too narrow: how much of it is covered, and whose most of that is. */
struct column {
	float covered, most;
	uint32_t owner;
};

static unsigned column_shade(const struct column *c)
{
	unsigned shade = (unsigned)(c->covered * NSHADES + 0.999F);

	return c->covered <= 0 ? 0 : shade < NSHADES ? shade : NSHADES;
}

static void columns_draw(const struct svg *s, const struct column *columns, size_t n)
{
	size_t begin = 0;
	char opacity[32];

	for (size_t i = 1; i <= n; i++) {
		unsigned shade = column_shade(&columns[begin]);

		if (i < n && column_shade(&columns[i]) == shade &&
		    columns[i].owner == columns[begin].owner)
			continue;
		snprintf(opacity, sizeof(opacity), " opacity=\"%.2f\"/>\n",
			 0.25 + 0.75 * shade / NSHADES);
		if (shade)
			bars(s, (double)begin / s->across, (double)i / s->across,
			     owner_class(columns[begin].owner), opacity, NULL, NULL);
		begin = i;
	}
}

static void extents_draw(const struct svg *s)
{
	const struct map *m = s->map;
	size_t ncolumns = (size_t)(s->nlines * s->across);
	struct column *columns = calloc(ncolumns + 1, sizeof(*columns));

	for (size_t i = 0; columns && i < m->nextents; i++) {
		const struct map_extent *x = &m->extents[i];
		double at = position(s, x->first) * s->across;
		double width = position(s, x->first + x->npages) * s->across - at;
		struct column *c = &columns[at < (double)ncolumns ? (size_t)at : ncolumns];

		if (width >= BAR_WIDTH_MIN)
			continue;
		c->covered += (float)width;
		if ((float)width > c->most) {
			c->most = (float)width;
			c->owner = x->owner;
		}
	}
	if (columns)
		columns_draw(s, columns, ncolumns + 1);
	free(columns);
	for (size_t i = 0; i < m->nextents; i++) {
		const struct map_extent *x = &m->extents[i];

		if ((position(s, x->first + x->npages) - position(s, x->first)) * s->across >=
		    BAR_WIDTH_MIN)
			extent_draw(s, x);
	}
}

/* Where it is not known whose: how full each cell is. */
static void cells_draw(const struct svg *s)
{
	const struct paclient_usage *u = &s->map->usage;
	char opacity[32];

	for (size_t i = 0; i < u->ncells; i++) {
		uint64_t first = s->map->shown.first + i * u->cell_npages;

		if (!u->cells[i].used_npages)
			continue;
		snprintf(opacity, sizeof(opacity), " opacity=\"%.2f\"/>\n",
			 0.2 + 0.8 * percent(u->cells[i].used_npages, u->cells[i].grown_npages) /
					 100);
		bars(s, position(s, first), position(s, first + u->cell_npages),
		     owner_class(NCOLOURS), opacity, NULL, NULL);
	}
}

static void lines_draw(const struct svg *s)
{
	const struct map *m = s->map;
	uint64_t end = m->shown.first + m->shown.npages;

	for (unsigned i = 0; i < s->nlines; i++)
		fprintf(s->to, "<text class=\"addr\" x=\"%d\" y=\"%d\">0x%" PRIx64 "</text>\n",
			MARGIN, HEAD + (int)i * LINE + 15,
			map_addr(m, m->shown.first + (uint64_t)(i * s->line_npages)));
	for (double at = 0, limit = position(s, end); at < limit; at++)
		fprintf(s->to,
			"<rect class=\"absent\" x=\"%.2f\" y=\"%d\" width=\"%.2f\" "
			"height=\"3\"/>\n",
			s->left, HEAD + (int)at * LINE + (BAR - 3) / 2,
			(limit - at < 1 ? limit - at : 1) * s->across);
	runs_draw(s, m->grown, m->ngrown, "free", "/>\n");
	scavenged_draw(s);
	runs_draw(s, m->drained, m->ndrained, "drained", " fill=\"url(#stripes)\"/>\n");
	runs_draw(s, m->reserved, m->nreserved, "reserved", " fill=\"url(#crosses)\"/>\n");
	if (m->whose)
		extents_draw(s);
	else
		cells_draw(s);
}

/* The @n-th entry of the legend. @fill: NULL = as the class says. */
static void legend_entry(const struct svg *s, unsigned n, const char *class, const char *fill,
			 const char *text)
{
	double x = MARGIN + (n % LEGEND_COLUMNS) * (double)(WIDTH - 2 * MARGIN) / LEGEND_COLUMNS;
	double y = HEAD + s->nlines * LINE + 14 + (n / LEGEND_COLUMNS) * ENTRY;
	bool thin = !strcmp(class, "absent");

	if (!s->to)
		return;
	fprintf(s->to,
		"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"13\" height=\"%d\" rx=\"%s\"",
		class, x + 0.5, y + (thin ? 5.5 : 0.5), thin ? 3 : 13, thin ? "0" : "2.5");
	if (fill)
		fprintf(s->to, " fill=\"%s\"", fill);
	fprintf(s->to, "/>\n<text x=\"%.1f\" y=\"%.1f\">", x + 21, y + 11.5);
	map_markup(s->to, text);
	fputs("</text>\n", s->to);
}

/* Return: entries drawn. With @s->to NULL they are only counted. */
static unsigned legend_draw(const struct svg *s)
{
	const struct map *m = s->map;
	char text[MAP_OWNER_BYTES + 64], owner[MAP_OWNER_BYTES], size[SIZE_TEXT_BYTES];
	uint64_t others = 0, page = m->region.page_size_bytes;
	unsigned n = 0;

	for (size_t i = 0; i < m->nowners; i++) {
		if (i >= NCOLOURS) {
			others += m->owners[i].npages;
			continue;
		}
		snprintf(text, sizeof(text), "%s \u2013 %s", map_owner_text(&m->owners[i], owner),
			 size_text(pages_bytes(m->owners[i].npages, page), size));
		legend_entry(s, n++, owner_class(i), NULL, text);
	}
	if (others) {
		snprintf(text, sizeof(text), "%zu others \u2013 %s", m->nowners - NCOLOURS,
			 size_text(pages_bytes(others, page), size));
		legend_entry(s, n++, owner_class(NCOLOURS), NULL, text);
	}
	if (!m->whose)
		legend_entry(s, n++, owner_class(NCOLOURS), NULL, "used");
	legend_entry(s, n++, "free", NULL, "free");
	if (m->scavenges) {
		legend_entry(s, n, "scavenged", NULL, "");
		legend_entry(s, n++, "dots", "url(#dots)", "free, no memory behind it");
	}
	if (m->ndrained)
		legend_entry(s, n++, "drained", "url(#stripes)", "drained");
	if (m->nreserved)
		legend_entry(s, n++, "reserved", "url(#crosses)", "reserved: a hole");
	legend_entry(s, n++, "absent", NULL, "not grown");
	return n;
}

static void summary(const struct map *m, char *to, size_t size)
{
	char used[SIZE_TEXT_BYTES], grown[SIZE_TEXT_BYTES], run[SIZE_TEXT_BYTES], extents[48] = "";
	uint64_t page = m->region.page_size_bytes;

	if (m->whose)
		snprintf(extents, sizeof(extents), "%zu extent%s, ", m->nextents,
			 m->nextents == 1 ? "" : "s");
	snprintf(to, size, "%s of %s used, %slongest free run %s",
		 size_text(pages_bytes(region_used(&m->region), page), used),
		 size_text(pages_bytes(m->region.grown_npages, page), grown), extents,
		 size_text(pages_bytes(m->largest_npages, page), run));
}

static void head_draw(const struct svg *s, int height)
{
	const struct map *m = s->map;
	char text[256];

	summary(m, text, sizeof(text));
	fprintf(s->to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" "
		"role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">Map of region ",
		WIDTH, height, WIDTH, height);
	map_markup(s->to, m->region.name);
	fprintf(s->to,
		"</title>\n<desc id=\"desc\">%s; from 0x%" PRIx64 " up to 0x%" PRIx64 "</desc>\n",
		text, map_addr(m, m->shown.first), map_addr(m, m->shown.first + m->shown.npages));
	fprintf(s->to, "<style>\n%s</style>\n", (const char *)map_svg_css);
	fputs("<defs>\n<pattern id=\"dots\" width=\"5\" height=\"5\" "
	      "patternUnits=\"userSpaceOnUse\">"
	      "<circle class=\"dot\" cx=\"2.5\" cy=\"2.5\" r=\"0.9\"/></pattern>\n"
	      "<pattern id=\"stripes\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
	      "patternTransform=\"rotate(45)\"><path class=\"stripe\" d=\"M1 0V6\" "
	      "stroke-width=\"2\"/>"
	      "</pattern>\n<pattern id=\"crosses\" width=\"6\" height=\"6\" "
	      "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
	      "<path class=\"cross\" d=\"M0 0H6M0 0V6\" "
	      "stroke-width=\"1.4\"/></pattern>\n</defs>\n",
	      s->to);
	fprintf(s->to,
		"<rect class=\"paper\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n"
		"<text class=\"name\" x=\"%d\" y=\"34\">",
		WIDTH - 1, height - 1, MARGIN);
	map_markup(s->to, m->region.name);
	fprintf(s->to, "</text>\n<text class=\"quiet\" x=\"%d\" y=\"55\">%s</text>\n", MARGIN,
		text);
}

/* Round numbers of pages in a line make round addresses: 8 to 15 times a power of two. */
static double round_up(uint64_t npages)
{
	uint64_t step = 1;

	while (npages / step >= 16)
		step *= 2;
	return (double)((npages + step - 1) / step * step);
}

void map_svg(const struct map *m, FILE *to)
{
	struct svg s = {.map = m};
	uint64_t last = map_addr(m, m->region.limit_npages), lines;
	int digits = 3, height;
	unsigned nlegend = legend_draw(&s);

	for (; last; last >>= 4)
		digits++;
	lines = (m->shown.npages + LINE_NPAGES_MIN - 1) / LINE_NPAGES_MIN;
	s.nlines = lines < LINES_MAX ? (unsigned)lines : LINES_MAX;
	s.line_npages = s.nlines ? round_up((m->shown.npages + s.nlines - 1) / s.nlines) : 1;
	s.nlines = (unsigned)((double)m->shown.npages / s.line_npages + 0.999999);
	s.left = MARGIN + digits * 7.3 + 10;
	s.across = (int)(WIDTH - MARGIN - s.left);
	height = HEAD + (int)s.nlines * LINE + 24 +
		 (int)((nlegend + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS) * ENTRY;
	s.to = to;
	head_draw(&s, height);
	lines_draw(&s);
	legend_draw(&s);
	fputs("</svg>\n", to);
}
