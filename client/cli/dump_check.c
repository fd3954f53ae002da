/*
 * dump_check - does a dumped region add up?
 *
 * Role:       counts again what the daemon has counted, from ranges and extents, and compares.
 * Uses:       dump.h, source.h
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/dump.h"
#include "client/cli/source.h"

/* What the lists say. */
struct counted {
	uint64_t grown, free, runs, longest;
	uint64_t nextents, session, detached, quarantined, named, shares;
};

PRINTF_LIKE(2, 3) static bool finding(struct dump_findings *to, const char *fmt, ...)
{
	char **line = dump_item_add(&to->lines, sizeof(*line));
	va_list args;
	int n;

	if (!line)
		return false;
	va_start(args, fmt);
	n = vasprintf(line, fmt, args);
	va_end(args);
	if (n < 0)
		*line = NULL;
	return n >= 0;
}

void dump_findings_deinit(struct dump_findings *f)
{
	for (size_t i = 0; i < f->lines.n; i++)
		free(((char **)f->lines.items)[i]);
	free(f->lines.items);
}

static void extents_count(const struct dump_region *r, struct counted *c)
{
	const struct dump_extent *x = r->extents.items;

	c->nextents = r->extents.n;
	for (size_t i = 0; i < r->extents.n; i++) {
		*(x[i].session_id ? &c->session : &c->detached) += x[i].npages;
		c->quarantined += x[i].quarantined ? x[i].npages : 0;
		c->named += x[i].text && r->texts[x[i].text];
		c->shares += x[i].nholders - 1;
	}
}

static bool runs_count(const struct dump_region *r, struct counted *c)
{
	const struct dump_run *run;
	struct dump_items runs;

	if (!dump_runs_find(r, &runs))
		return false;
	run = runs.items;
	c->runs = runs.n;
	for (size_t i = 0; i < runs.n; i++) {
		uint64_t n = run[i].limit - run[i].first;

		c->free += n;
		c->longest = n > c->longest ? n : c->longest;
	}
	free(runs.items);
	return true;
}

/* What is busy is neither free nor anybody's; where nothing is the daemon's figure is the one. */
static bool compare(const struct dump_region *r, const struct counted *c, struct dump_findings *to)
{
	const struct paclient_region_stat *s = &r->stat;
	bool busy = s->busy_npages != 0;
	const struct {
		const char *what;
		uint64_t listed, figure;
		bool skip;
	} pairs[] = {
		{"grown pages", c->grown, s->grown_npages, false},
		{"extents", c->nextents, s->nextents, false},
		{"pages of sessions", c->session, s->session_npages, false},
		{"detached pages", c->detached, s->detached_npages, false},
		{"pages in quarantine", c->quarantined, s->quarantined_npages, false},
		{"extents with a name", c->named, s->nnamed, false},
		{"shares", c->shares, s->nshares, false},
		{"free pages", c->free, s->free_npages + s->busy_npages, false},
		{"pages in the longest free run", c->longest, s->largest_npages, busy},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (pairs[i].skip || pairs[i].listed == pairs[i].figure)
			continue;
		if (!finding(to, "region %s: %" PRIu64 " %s are listed, %" PRIu64 " were counted",
			     r->info.name, pairs[i].listed, pairs[i].what, pairs[i].figure))
			return false;
	}
	return true;
}

bool dump_check(const struct dump_region *r, struct dump_findings *to)
{
	const struct paclient_range *grown = r->ranges[SOURCE_GROWN].items;
	const struct paclient_error *closed = dump_refused(&r->about, DUMP_RUNS);
	struct counted c = {0};

	if (r->info.faulted)
		return finding(to, "%s",
			       closed ? closed->message
				      : "a region is closed, and does not say why");
	/* What has changed while it was read, and what was not told in full, cannot add up. */
	if (!r->settled || dump_refused(&r->about, DUMP_STAT) ||
	    dump_refused(&r->about, DUMP_EXTENTS) || r->nranges > r->ranges[SOURCE_GROWN].n)
		return true;
	for (size_t i = 0; i < r->ranges[SOURCE_GROWN].n; i++)
		c.grown += grown[i].npages;
	extents_count(r, &c);
	return runs_count(r, &c) && compare(r, &c, to);
}
