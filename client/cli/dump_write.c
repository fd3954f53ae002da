/*
 * dump_write - a dump as a file
 *
 * Role:       lines of JSON: what each is about stands in its "kind"; those of a region follow it.
 * Uses:       counters.h, dump.h, fields.h
 */
#include <inttypes.h>

#include "client/cli/counters.h"
#include "client/cli/dump.h"
#include "client/cli/fields.h"

static void line_begin(struct dump_writer *w, const char *kind)
{
	fprintf(w->to, "{\"kind\": \"%s\"", kind);
}

static void line_end(struct dump_writer *w)
{
	fputs("}\n", w->to);
	w->nlines++;
}

static void table_write(struct dump_writer *w, const struct dump_table *t, const void *from,
			bool brief)
{
	fields_write(w->to, t->fields, t->n, from, brief);
}

static void line_write(struct dump_writer *w, const char *kind, const struct dump_table *t,
		       const void *from, bool brief)
{
	line_begin(w, kind);
	table_write(w, t, from, brief);
	line_end(w);
}

static void items_write(struct dump_writer *w, const char *kind, const struct dump_table *t,
			const struct dump_items *from, size_t item_bytes)
{
	for (size_t i = 0; i < from->n; i++)
		line_write(w, kind, t, (const char *)from->items + i * item_bytes, false);
}

static void counters_write(struct dump_writer *w, const struct counter *counters, size_t n,
			   const void *stat)
{
	for (size_t i = 0; i < n; i++) {
		const struct field f = {counters[i].key,    FIELD_COUNT, false,
					counters[i].offset, 0,           NULL};

		fields_write(w->to, &f, 1, stat, false);
	}
}

static void about_write(struct dump_writer *w, const struct dump_about *a)
{
	const struct dump_refusal *x = a->refusals.items;

	for (size_t i = 0; i < a->refusals.n; i++) {
		line_begin(w, "refusal");
		fprintf(w->to, ", \"of\": \"%s\"", dump_part_names[x[i].part]);
		table_write(w, &dump_error_table, &x[i].error, true);
		line_end(w);
	}
	items_write(w, "quota", &dump_quota_table, &a->quotas, sizeof(struct paclient_quota));
	items_write(w, "user", &dump_user_table, &a->users, sizeof(struct paclient_user_stat));
	items_write(w, "session", &dump_session_table, &a->sessions,
		    sizeof(struct paclient_session));
}

void dump_write_head(struct dump_writer *w, const struct dump *d)
{
	fprintf(w->to, "{\"format\": \"" DUMP_FORMAT "\", \"version\": %d", DUMP_VERSION);
	table_write(w, &dump_head_table, &d->head, false);
	line_end(w);
	line_begin(w, "daemon");
	table_write(w, &dump_daemon_table, &d->stat, false);
	counters_write(w, daemon_counters, ndaemon_counters, &d->stat);
	line_end(w);
	about_write(w, &d->about);
}

static void classes_write(struct dump_writer *w, const char *key, const uint64_t *numbers)
{
	size_t n = PACLIENT_RUN_CLASSES;

	while (n && !numbers[n - 1])
		n--;
	fprintf(w->to, ", \"%s\": [", key);
	for (size_t i = 0; i < n; i++)
		fprintf(w->to, "%s%" PRIu64, i ? ", " : "", numbers[i]);
	fputc(']', w->to);
}

static void figures_write(struct dump_writer *w, const struct dump_region *r)
{
	if (!dump_refused(&r->about, DUMP_STAT)) {
		line_begin(w, "stat");
		counters_write(w, region_counters, nregion_counters, &r->stat);
		table_write(w, &dump_stat_table, &r->stat, false);
		line_end(w);
	}
	if (!dump_refused(&r->about, DUMP_RUNS)) {
		line_begin(w, "runs");
		table_write(w, &dump_runs_table, &r->runs, false);
		classes_write(w, "nruns", r->runs.nruns);
		classes_write(w, "npages", r->runs.npages);
		line_end(w);
	}
}

void dump_write_region(struct dump_writer *w, const struct dump_region *r)
{
	line_begin(w, "region");
	table_write(w, &dump_region_table, &r->info, false);
	table_write(w, &dump_reading_table, r, false);
	line_end(w);
	figures_write(w, r);
	for (size_t i = 0; i < ARRAY_SIZE(r->ranges); i++)
		items_write(w, dump_range_kinds[i], &dump_range_table, &r->ranges[i],
			    sizeof(struct paclient_range));
	about_write(w, &r->about);
	for (size_t i = 0; i < r->extents.n; i++) {
		struct paclient_extent x;

		dump_extent_get(r, i, &x);
		line_write(w, "extent", &dump_extent_table, &x, true);
	}
	items_write(w, "share", &dump_share_table, &r->shares, sizeof(struct dump_share));
}

void dump_write_end(struct dump_writer *w)
{
	fprintf(w->to, "{\"kind\": \"end\", \"lines\": %" PRIu64 "}\n", w->nlines + 1);
}
