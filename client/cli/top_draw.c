/*
 * top_draw - a sample as lines
 *
 * Role:       the daemon in two lines, a line for each region, one for each who holds something; as wide as there is room for.
 * Uses:       top.h, term.h
 */
#include "client/cli/top.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

/* Columns where nobody says how wide the picture may be. */
#define COLUMNS_DEFAULT 120
/* From here on there is room for what is good to know besides. */
#define COLUMNS_WIDE 112
#define BAR_MIN 6
#define PPM_PER_PERCENT 1e4
/* More of a region in use than that is worth a look, and a warning. */
#define SHARE_HIGH 0.75
#define SHARE_FULL 0.95

/* Where the lines go, and how many more there may be. */
struct page {
	const struct term *term;
	FILE *to;
	unsigned left; /* UINT32_MAX: no end */
	bool live;     /* a person looks at it: the rest of a line is cleared */
};

static void line_end(struct page *p)
{
	fputs(p->live ? "\033[K\n" : "\n", p->to);
	if (p->left != UINT32_MAX)
		p->left--;
}

PRINTF_LIKE(3, 4)
static void line(struct page *p, enum term_colour c, const char *fmt, ...)
{
	va_list args;

	if (!p->left)
		return;
	if (c != TERM_PLAIN)
		fputs(term_code(p->term, c), p->to);
	va_start(args, fmt);
	vfprintf(p->to, fmt, args);
	va_end(args);
	if (c != TERM_PLAIN)
		fputs(term_code(p->term, TERM_PLAIN), p->to);
	line_end(p);
}

#define RATE_TEXT_BYTES 24

static const char *rate_text(double rate, char *to)
{
	if (rate < 0)
		snprintf(to, RATE_TEXT_BYTES, "-");
	else if (rate < 9.95)
		snprintf(to, RATE_TEXT_BYTES, "%.1f", rate);
	else if (rate < 99999)
		snprintf(to, RATE_TEXT_BYTES, "%.0f", rate);
	else
		snprintf(to, RATE_TEXT_BYTES, "%.0fk", rate / 1000);
	return to;
}

const char *top_sort_name(enum top_sort sort)
{
	static const char *const names[] = {"size", "extents", "age", "user"};

	return names[sort];
}

static void head_draw(struct page *p, const struct top_sample *s, const struct top_view *view)
{
	const struct paclient_daemon_stat *d = &s->daemon;
	char up[TIME_TEXT_BYTES], requests[RATE_TEXT_BYTES], refused[RATE_TEXT_BYTES];
	char clock[16] = "", restarts[64] = "", cpu[32] = "-";
	time_t seconds = (time_t)(s->wall_usec / 1000000);
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (s->nrestarts)
		snprintf(restarts, sizeof(restarts), ", started again %" PRIu64 " time%s",
			 s->nrestarts, s->nrestarts == 1 ? "" : "s");
	if (!s->connected) {
		line(p, TERM_RED, "%s  no answer: %s", clock, s->failure);
		return;
	}
	line(p, TERM_BOLD, "%s  %s, up %s%s", clock, s->server, time_text(d->uptime_usec, up),
	     restarts);
	if (s->cpu_percent >= 0)
		snprintf(cpu, sizeof(cpu), "%.1f %%", s->cpu_percent);
	line(p, TERM_PLAIN,
	     "%" PRIu64 " sessions, %" PRIu64 " connections, %s requests/s, %s refused/s, %" PRIu64
	     " waiting, processor %s, every %g s",
	     d->nsessions, d->nconnections, rate_text(s->requests, requests),
	     rate_text(s->refusals, refused), d->nwaiting, cpu, view->interval_ms / 1000.0);
	if (d->store_failure[0])
		line(p, TERM_RED, "the store fails: %s", d->store_failure);
}

static enum term_colour share_colour(double share)
{
	return share >= SHARE_FULL ? TERM_RED : share >= SHARE_HIGH ? TERM_YELLOW : TERM_GREEN;
}

/* What the columns of the regions take; the bar gets the rest. */
struct columns {
	unsigned name, bar;
	bool wide;
};

static struct columns columns_choose(const struct top_sample *s, const struct term *t)
{
	unsigned all = t->columns ? t->columns : COLUMNS_DEFAULT, fixed;
	struct columns c = {.name = (unsigned)strlen("REGION"), .wide = all >= COLUMNS_WIDE};

	for (size_t i = 0; i < s->nregions; i++) {
		unsigned n = (unsigned)strlen(s->regions[i].stat.name);

		c.name = n > c.name ? n : c.name;
	}
	if (c.name > all / 5)
		c.name = all / 5;
	fixed = c.name + 2 + 6 + 9 + 9 + 6 + 3 * 8 + 5 + (c.wide ? 9 + 2 + 10 : 0);
	c.bar = all > fixed + BAR_MIN ? all - fixed - 1 : BAR_MIN;
	return c;
}

static void regions_heading(struct page *p, const struct columns *c)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%-*.*s  %-*s", (int)c->name, (int)c->name, "REGION",
			 (int)c->bar + 6, "USED");

	if (c->wide)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%9s", "");
	snprintf(text + n, sizeof(text) - (size_t)n, "%9s%9s%6s%8s%8s%8s%5s%s", "OF", "RUN", "FRAG",
		 "ALLOC/s", "FREE/s", "REFUS/s", "WAIT", c->wide ? "  SCAVENGER" : "");
	line(p, TERM_GREY, "%s", text);
}

/* "12.3MiB": narrower than what is told in sentences. */
static const char *short_size(uint64_t npages, uint64_t page, char *to)
{
	char *blank;

	size_text(pages_bytes(npages, page), to);
	blank = strchr(to, ' ');
	if (blank)
		memmove(blank, blank + 1, strlen(blank));
	return to;
}

/* In colour where it is more than nothing. */
static void warn_draw(const struct page *p, bool warn, enum term_colour c, int width,
		      const char *text)
{
	fprintf(p->to, "%s%*s%s", warn ? term_code(p->term, c) : "", width, text,
		warn ? term_code(p->term, TERM_PLAIN) : "");
}

static void region_draw(struct page *p, const struct columns *c, const struct top_region *r)
{
	const struct paclient_region_stat *s = &r->stat;
	uint64_t used = s->grown_npages - s->free_npages - s->held_npages;
	double share = percent(used, s->grown_npages) / 100;
	char size[SIZE_TEXT_BYTES], text[RATE_TEXT_BYTES];

	if (!p->left)
		return;
	term_fit(p->term, p->to, s->name, c->name);
	fputs("  ", p->to);
	term_bar(p->term, p->to, share, c->bar, share_colour(share));
	fprintf(p->to, "%5.0f%%", share * 100);
	if (c->wide)
		fprintf(p->to, "%9s", short_size(used, s->page_size_bytes, size));
	fprintf(p->to, "%9s", short_size(s->grown_npages, s->page_size_bytes, size));
	fprintf(p->to, "%9s%5.0f%%", short_size(s->largest_npages, s->page_size_bytes, size),
		(double)s->fragmentation_ppm / PPM_PER_PERCENT);
	fprintf(p->to, "%8s", rate_text(r->allocs, text));
	fprintf(p->to, "%8s", rate_text(r->frees, text));
	warn_draw(p, r->refusals > 0, TERM_RED, 8, rate_text(r->refusals, text));
	snprintf(text, sizeof(text), "%" PRIu64, s->nwaiting);
	warn_draw(p, s->nwaiting, TERM_YELLOW, 5, text);
	if (r->faulted)
		warn_draw(p, true, TERM_RED, 9, "FAULTED");
	else if (c->wide)
		fprintf(p->to, "  %s", paclient_scavenger_name(s->scavenger));
	line_end(p);
}

/* The one region: how full its parts are, from its lowest address to its highest. */
static void cells_draw(struct page *p, const struct top_sample *s)
{
	static const char *const utf8[] = {"\u2591", "\u2592", "\u2593", "\u2588", "\u00b7"};
	static const char *const ascii[] = {".", "-", "+", "#", " "};
	enum term_colour last = TERM_PLAIN;

	if (!s->ncells || !p->left)
		return;
	for (size_t i = 0; i < s->ncells; i++) {
		const struct paclient_cell *cell = &s->cells[i];
		double share = percent(cell->used_npages, cell->grown_npages) / 100;
		int fill = !cell->used_npages ? 0 : share >= 1 ? 3 : share > 0.5 ? 2 : 1;
		enum term_colour c = fill ? TERM_CYAN : TERM_GREY;

		if (!cell->grown_npages)
			fill = 4;
		if (c != last)
			fputs(term_code(p->term, c), p->to);
		last = c;
		fputs(p->term->utf8 ? utf8[fill] : ascii[fill], p->to);
	}
	fputs(term_code(p->term, TERM_PLAIN), p->to);
	line_end(p);
}

static void sessions_draw(struct page *p, const struct top_sample *s, const struct top_view *view,
			  bool legend)
{
	if (legend)
		line(p, TERM_GREY, "%8s  %-12s %8s  %-11s %7s %8s %10s  %s", "SESSION", "USER",
		     "PID", "STATE", "AGE", "EXTENTS", "SIZE", "COMMAND");
	for (size_t i = view->scroll; i < s->nsessions; i++) {
		const struct top_holder *h = &s->sessions[i];
		char user[USER_TEXT_BYTES], age[TIME_TEXT_BYTES], size[SIZE_TEXT_BYTES];

		line(p, h->state == PACLIENT_SESSION_OPEN ? TERM_PLAIN : TERM_YELLOW,
		     "%8" PRIu64 "  %-12.12s %8" PRIu32 "  %-11s %7s %8" PRIu64 " %10s  %s", h->id,
		     user_text(h->uid, user), h->pid, paclient_session_state_name(h->state),
		     time_text(h->age_usec, age), h->nextents, size_text(h->bytes, size),
		     h->command[0] ? h->command : "-");
	}
}

static void users_draw(struct page *p, const struct top_sample *s, const struct top_view *view,
		       bool legend)
{
	if (legend)
		line(p, TERM_GREY, "%-16s %9s %8s %10s", "USER", "SESSIONS", "EXTENTS", "SIZE");
	for (size_t i = view->scroll; i < s->nusers; i++) {
		const struct top_holder *h = &s->users[i];
		char user[USER_TEXT_BYTES], size[SIZE_TEXT_BYTES];

		line(p, TERM_PLAIN, "%-16s %9" PRIu64 " %8" PRIu64 " %10s", user_text(h->uid, user),
		     h->nsessions, h->nextents, size_text(h->bytes, size));
	}
}

static void help_draw(struct page *p)
{
	static const char *const lines[] = {
		"q          end",
		"s          sort by the next column; left and right do so, too",
		"u          users in place of sessions, and back",
		"up, down   through the list",
		"1 to 9     only that region, and how full its parts are",
		"0          all regions",
		"space      look now",
		"?          this text, and back",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		line(p, TERM_PLAIN, "  %s", lines[i]);
}

static void lists_draw(struct page *p, const struct top_sample *s, const struct top_view *view,
		       bool legend)
{
	struct columns c = columns_choose(s, p->term);

	if (legend)
		regions_heading(p, &c);
	for (size_t i = 0; i < s->nregions; i++)
		region_draw(p, &c, &s->regions[i]);
	if (view->region && !s->nregions)
		line(p, TERM_YELLOW, "there is no region %s", view->region);
	cells_draw(p, s);
	line(p, TERM_PLAIN, "%s", "");
	if (view->users)
		users_draw(p, s, view, legend);
	else
		sessions_draw(p, s, view, legend);
}

void top_draw(const struct cli *cli, const struct top_sample *s, const struct top_view *view,
	      const struct term *t, unsigned nlines, FILE *to)
{
	struct page p = {
		.term = t, .to = to, .left = nlines ? nlines : UINT32_MAX, .live = nlines != 0};

	if (!cli->no_legend || !s->connected) {
		head_draw(&p, s, view);
		line(&p, TERM_PLAIN, "%s", "");
	}
	if (view->help)
		help_draw(&p);
	else if (s->connected)
		lists_draw(&p, s, view, !cli->no_legend);
}
