/*
 * map_text - a map as characters
 *
 * Role:       a character for each cell: how full it is by its shade, whose it mostly is by its colour; a legend of what occurs.
 * Uses:       map.h, term.h
 */
#include "client/cli/map.h"
#include "client/cli/term.h"

#include <inttypes.h>
#include <stdlib.h>

/* What a cell looks like. The order is that of the legend. */
enum fill {
	FULL,
	MOST,
	SOME, /* up to half */
	FREE,
	SCAVENGED,
	DRAINED,
	RESERVED,
	NOT_GROWN,
	NFILLS
};

static const struct {
	const char *utf8, *ascii;
	const char *text;
	enum term_colour colour; /* where nobody's is to be shown */
} fills[NFILLS] = {
	[FULL] = {"\u2588", "#", "all used", TERM_RED},
	[MOST] = {"\u2593", "+", "more than half", TERM_YELLOW},
	[SOME] = {"\u2592", "-", "up to half", TERM_YELLOW},
	[FREE] = {"\u2591", ".", "free", TERM_GREY},
	[SCAVENGED] = {"\u2581", "_", "free, no memory behind it", TERM_GREY},
	[DRAINED] = {"\u2571", "/", "drained", TERM_YELLOW},
	[RESERVED] = {"\u2573", "x", "reserved", TERM_GREY},
	[NOT_GROWN] = {"\u00b7", " ", "not grown", TERM_GREY},
};

/* Owners have colours while these last; all others share the last one. Red is for what is wrong. */
static const enum term_colour palette[] = {TERM_CYAN,           TERM_MAGENTA,     TERM_YELLOW,
					   TERM_BLUE,           TERM_GREEN,       TERM_BRIGHT_CYAN,
					   TERM_BRIGHT_MAGENTA, TERM_BRIGHT_BLUE, TERM_PLAIN};
#define PALETTE_OTHERS (ARRAY_SIZE(palette) - 1)

static enum term_colour owner_colour(size_t owner)
{
	return palette[owner < PALETTE_OTHERS ? owner : PALETTE_OTHERS];
}

struct look {
	enum fill fill;
	uint32_t owner; /* of most of its pages; UINT32_MAX = nobody's, or not known */
};

/* Pages of [first, limit) in ascending runs; *@at is where to begin, and moves along. */
static uint64_t overlap(const struct map_run *runs, size_t n, size_t *at, uint64_t first,
			uint64_t limit)
{
	uint64_t npages = 0;

	for (; *at < n && runs[*at].first < limit; ++*at) {
		uint64_t lo = runs[*at].first, hi = lo + runs[*at].npages;

		lo = lo > first ? lo : first;
		if (hi > limit) {
			npages += limit - lo;
			break;
		}
		npages += hi > lo ? hi - lo : 0;
	}
	return npages;
}

/* Where the walk over cells is: in each list at the first entry that has not been passed. */
struct walk {
	const struct map *map;
	size_t extent, reserved, drained;
	uint64_t *npages; /* of each owner in this cell: all 0 between cells */
};

/* Pages of the cell [first, limit) that somebody holds; @ret_owner holds most of them. */
static uint64_t walk_owners(struct walk *w, uint64_t first, uint64_t limit, uint32_t *ret_owner)
{
	const struct map *m = w->map;
	uint64_t most = 0, sum = 0;
	size_t begin = w->extent, i;

	for (i = begin; i < m->nextents && m->extents[i].first < limit; i++) {
		const struct map_extent *x = &m->extents[i];
		uint64_t lo = x->first > first ? x->first : first, hi = x->first + x->npages;

		hi = hi < limit ? hi : limit;
		if (hi <= lo)
			continue;
		sum += hi - lo;
		w->npages[x->owner] += hi - lo;
		if (w->npages[x->owner] > most) {
			most = w->npages[x->owner];
			*ret_owner = x->owner;
		}
	}
	for (size_t k = begin; k < i; k++)
		w->npages[m->extents[k].owner] = 0;
	/* The last one may go on in the next cell. */
	w->extent = i > begin ? i - 1 : i;
	return sum;
}

static struct look cell_look(struct walk *w, size_t i)
{
	const struct map *m = w->map;
	const struct paclient_cell *c = &m->usage.cells[i];
	uint64_t first = m->shown.first + i * m->usage.cell_npages;
	uint64_t limit = first + m->usage.cell_npages, used = c->used_npages, held, whole, free;
	struct look l = {.owner = UINT32_MAX};
	uint64_t drained = overlap(m->drained, m->ndrained, &w->drained, first, limit);
	uint64_t reserved = overlap(m->reserved, m->nreserved, &w->reserved, first, limit);

	held = walk_owners(w, first, limit, &l.owner);
	whole = c->grown_npages;
	free = whole - used;
	if (!whole)
		l.fill = reserved ? RESERVED : NOT_GROWN;
	else if (!used)
		l.fill = m->scavenges && m->scavenged_npages[i] * 2 > free ? SCAVENGED : FREE;
	else if (reserved * 2 > used)
		l.fill = RESERVED;
	else if (m->whose && drained && (used - held) * 2 > used)
		l.fill = DRAINED;
	else if (used >= whole)
		l.fill = FULL;
	else
		l.fill = used * 2 <= whole ? SOME : MOST;
	return l;
}

static struct look *looks_make(const struct map *m)
{
	struct look *looks = calloc(m->usage.ncells + 1, sizeof(*looks));
	struct walk w = {.map = m, .npages = calloc(m->nowners + 1, sizeof(uint64_t))};

	for (size_t i = 0; looks && w.npages && i < m->usage.ncells; i++)
		looks[i] = cell_look(&w, i);
	if (!w.npages) {
		free(looks);
		looks = NULL;
	}
	free(w.npages);
	return looks;
}

static enum term_colour look_colour(const struct look *l)
{
	if (l->fill <= SOME && l->owner != UINT32_MAX)
		return owner_colour(l->owner);
	return fills[l->fill].colour;
}

static const char *glyph(const struct term *t, enum fill fill)
{
	return t->utf8 ? fills[fill].utf8 : fills[fill].ascii;
}

/* Colour codes only where the colour changes: a picture of 4096 cells stays small. */
static void cells_draw(const struct term *t, const struct look *looks, size_t n)
{
	enum term_colour last = TERM_PLAIN;

	for (size_t i = 0; i < n; i++) {
		enum term_colour c = look_colour(&looks[i]);

		if (c != last)
			fputs(term_code(t, c), stdout);
		fputs(glyph(t, looks[i].fill), stdout);
		last = c;
	}
	if (last != TERM_PLAIN)
		fputs(term_code(t, TERM_PLAIN), stdout);
}

/* "  43 %": of the pages that there are. Blank where there are none. */
static void share_draw(const struct map *m, size_t at, size_t n)
{
	uint64_t used = 0, grown = 0;
	unsigned share;

	for (size_t i = at; i < at + n; i++) {
		used += m->usage.cells[i].used_npages;
		grown += m->usage.cells[i].grown_npages;
	}
	share = (unsigned)(percent(used, grown) + 0.5);
	/* All is all, and little is not nothing. */
	if (used < grown && share == 100)
		share = 99;
	if (used && !share)
		share = 1;
	if (grown)
		printf(" %3u %%", share);
}

static void legend_fills(const struct term *t, const struct map *m, const struct look *looks)
{
	bool seen[NFILLS] = {false};
	const char *gap = "\n";

	for (size_t i = 0; i < m->usage.ncells; i++)
		seen[looks[i].fill] = true;
	for (int i = 0; i < NFILLS; i++) {
		const char *g = glyph(t, (enum fill)i);

		/* The scale is told as a whole. */
		if (!seen[i] && i > FREE)
			continue;
		printf("%s%s%s%s %s", gap,
		       i <= SOME && m->whose ? "" : term_code(t, fills[i].colour),
		       g[0] == ' ' ? "(blank)" : g, term_code(t, TERM_PLAIN), fills[i].text);
		gap = "   ";
	}
	putchar('\n');
}

static void legend_owners(const struct term *t, const struct map *m)
{
	char text[MAP_OWNER_BYTES], size[SIZE_TEXT_BYTES];
	uint64_t others = 0, page = m->region.page_size_bytes;

	for (size_t i = 0; i < m->nowners; i++) {
		const struct map_owner *o = &m->owners[i];

		if (i >= PALETTE_OTHERS) {
			others += o->npages;
			continue;
		}
		printf("%s%s%s %10s  %s\n", term_code(t, owner_colour(i)), t->utf8 ? "\u25a0" : "#",
		       term_code(t, TERM_PLAIN), size_text(pages_bytes(o->npages, page), size),
		       map_owner_text(o, text));
	}
	if (others)
		printf("%s %10s  %zu others\n", t->utf8 ? "\u25a0" : "#",
		       size_text(pages_bytes(others, page), size), m->nowners - PALETTE_OTHERS);
}

static void headline(const struct term *t, const struct map *m)
{
	const struct paclient_region *r = &m->region;
	char used[SIZE_TEXT_BYTES], grown[SIZE_TEXT_BYTES], run[SIZE_TEXT_BYTES];
	uint64_t size = r->page_size_bytes;

	printf("%s%s%s: %s of %s used, longest free run %s", term_code(t, TERM_BOLD), r->name,
	       term_code(t, TERM_PLAIN), size_text(pages_bytes(region_used(r), size), used),
	       size_text(pages_bytes(r->grown_npages, size), grown),
	       size_text(pages_bytes(m->largest_npages, size), run));
	if (m->part)
		printf("; shown: 0x%" PRIx64 " up to 0x%" PRIx64, map_addr(m, m->shown.first),
		       map_addr(m, m->shown.first + m->shown.npages));
	printf("\n\n");
}

/* Digits that the highest address of the region needs. */
static int addr_digits(const struct map *m)
{
	uint64_t last = map_addr(m, m->region.limit_npages) - 1;

	return last ? (67 - __builtin_clzll(last)) / 4 : 1;
}

int map_text(const struct cli *cli, const struct map *m, uint64_t width)
{
	const struct paclient_usage *u = &m->usage;
	char size[SIZE_TEXT_BYTES];
	struct look *looks;
	struct term t;

	term_get(cli, &t);
	if (!u->ncells) {
		if (!cli->quiet)
			printf("%s: nothing grown yet; `paclient grow %s NPAGES` does\n",
			       m->region.name, m->region.name);
		return out_end(cli);
	}
	looks = looks_make(m);
	if (!looks)
		return system_error(cli, "no memory for the map");
	if (!cli->no_legend)
		headline(&t, m);
	for (size_t at = 0; at < u->ncells; at += width) {
		size_t n = u->ncells - at < width ? u->ncells - at : width;

		printf("0x%0*" PRIx64 "  ", addr_digits(m),
		       map_addr(m, m->shown.first + at * u->cell_npages));
		cells_draw(&t, looks + at, n);
		printf("%*s", (int)(width - n), "");
		share_draw(m, at, n);
		putchar('\n');
	}
	if (!cli->no_legend) {
		legend_fills(&t, m, looks);
		printf("one character: %" PRIu64 " page%s (%s)\n", u->cell_npages,
		       u->cell_npages == 1 ? "" : "s",
		       size_text(pages_bytes(u->cell_npages, m->region.page_size_bytes), size));
		if (m->whose && t.colour && m->nowners) {
			putchar('\n');
			legend_owners(&t, m);
		}
	}
	free(looks);
	return out_end(cli);
}

int map_line(const struct cli *cli, const struct map *m, int name_width)
{
	char used[SIZE_TEXT_BYTES], grown[SIZE_TEXT_BYTES];
	uint64_t size = m->region.page_size_bytes;
	struct look *looks = looks_make(m);
	struct term t;

	if (!looks)
		return system_error(cli, "no memory for the map");
	term_get(cli, &t);
	printf("%-*s  ", name_width, m->region.name);
	cells_draw(&t, looks, m->usage.ncells);
	printf("  %s of %s\n", size_text(pages_bytes(region_used(&m->region), size), used),
	       size_text(pages_bytes(m->region.grown_npages, size), grown));
	free(looks);
	return 0;
}
