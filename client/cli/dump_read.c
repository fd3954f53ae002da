/*
 * dump_read - a file as a dump
 *
 * Role:       reads line after line and takes none that does not fit what is there: of a file from elsewhere nothing is believed.
 * Uses:       counters.h, dump.h, fields.h, source.h, jansson
 * Cost:       one line at a time beside what the dump holds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/counters.h"
#include "client/cli/dump.h"
#include "client/cli/fields.h"
#include "client/cli/source.h"

/* The longest line is a stat's, with some 2 KiB. */
#define LINE_BYTES_MAX 65536

/* 16 bits of an id tell regions apart. */
#define REGIONS_MAX UINT16_MAX

struct reader {
	FILE *from;
	struct dump *d;
	struct dump_region *r; /* the last one; NULL: none yet */
	const json_t *object;  /* of this line */
	uint64_t line;
	bool ended; /* the last line has been seen */
	bool daemon;
	bool stat, runs;    /* of this region */
	size_t grown_at;    /* the grown range of the last extent, and */
	size_t reserved_at; /* the reserved one that it has not come to */
	char *text;
	char *wrong;
};

PRINTF_LIKE(2, 3) static bool wrong(struct reader *x, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(x->wrong, DUMP_WRONG_BYTES, "line %" PRIu64 ": ", x->line);

	va_start(args, fmt);
	vsnprintf(x->wrong + n, DUMP_WRONG_BYTES - (size_t)n, fmt, args);
	va_end(args);
	return false;
}

static bool no_memory(struct reader *x)
{
	return wrong(x, "there is no memory for more");
}

static bool table_read(struct reader *x, const struct dump_table *t, void *to)
{
	char why[FIELDS_WRONG_BYTES];

	return fields_read(x->object, t->fields, t->n, to, why) || wrong(x, "%s", why);
}

static bool counters_read(struct reader *x, const struct counter *counters, size_t n, void *to)
{
	char why[FIELDS_WRONG_BYTES];

	for (size_t i = 0; i < n; i++) {
		const struct field f = {counters[i].key,    FIELD_COUNT, false,
					counters[i].offset, 0,           NULL};

		if (!fields_read(x->object, &f, 1, to, why))
			return wrong(x, "%s", why);
	}
	return true;
}

/* The daemon's, until a region has come. */
static struct dump_about *about(struct reader *x)
{
	return x->r ? &x->r->about : &x->d->about;
}

static bool read_head(struct reader *x)
{
	const json_t *version = json_object_get(x->object, "version");
	const char *format = json_string_value(json_object_get(x->object, "format"));

	if (!format || strcmp(format, DUMP_FORMAT) != 0)
		return wrong(x, "it does not begin as a dump does, with \"format\": \"" DUMP_FORMAT
				"\"");
	if (!json_is_integer(version))
		return wrong(x, "\"version\" is no number");
	if (json_integer_value(version) != DUMP_VERSION)
		return wrong(x,
			     "the dump has version %" JSON_INTEGER_FORMAT
			     ", and this program reads version %d",
			     json_integer_value(version), DUMP_VERSION);
	return table_read(x, &dump_head_table, &x->d->head);
}

static bool read_daemon(struct reader *x)
{
	struct paclient_daemon_stat *stat = &x->d->stat;

	if (x->daemon || x->r)
		return wrong(x, "the daemon comes once, and before the regions");
	x->daemon = true;
	stat->size = sizeof(*stat);
	return table_read(x, &dump_daemon_table, stat) &&
	       counters_read(x, daemon_counters, ndaemon_counters, stat);
}

static bool read_refusal(struct reader *x)
{
	const char *of = json_string_value(json_object_get(x->object, "of"));
	struct paclient_error e = {0};
	int part = 0;

	while (of && part < DUMP_NPARTS && strcmp(dump_part_names[part], of) != 0)
		part++;
	if (!of || part == DUMP_NPARTS)
		return wrong(x, "\"of\" names nothing that can be refused");
	if (!table_read(x, &dump_error_table, &e))
		return false;
	if (e.status <= 0 || !e.message[0])
		return wrong(x, "a refusal without \"status\" and \"message\"");
	if (dump_refused(about(x), (enum dump_part)part))
		return wrong(x, "%s is refused twice", of);
	return dump_refuse(about(x), (enum dump_part)part, &e) || no_memory(x);
}

static bool read_quota(struct reader *x)
{
	struct paclient_quota *q = dump_item_add(&about(x)->quotas, sizeof(*q));

	if (!q)
		return no_memory(x);
	q->size = sizeof(*q);
	return table_read(x, &dump_quota_table, q);
}

static bool read_user(struct reader *x)
{
	struct paclient_user_stat *u = dump_item_add(&about(x)->users, sizeof(*u));

	if (!u)
		return no_memory(x);
	u->size = sizeof(*u);
	return table_read(x, &dump_user_table, u);
}

static bool read_session(struct reader *x)
{
	struct dump_items *to = &about(x)->sessions;
	struct paclient_session *s = dump_item_add(to, sizeof(*s));

	if (!s)
		return no_memory(x);
	s->size = sizeof(*s);
	if (!table_read(x, &dump_session_table, s))
		return false;
	if (!s->id || (to->n > 1 && s[-1].id >= s->id))
		return wrong(x, "session %" PRIu64 " is out of order", s->id);
	return true;
}

/* D3 */
static bool region_is_possible(const struct paclient_region *r)
{
	uint64_t bytes, end, page = r->page_size_bytes;

	return page && !(page & (page - 1)) && !(r->base_addr & (page - 1)) && r->limit_npages &&
	       !__builtin_mul_overflow(r->limit_npages, page, &bytes) &&
	       !__builtin_add_overflow(r->base_addr, bytes, &end) &&
	       r->grown_npages <= r->limit_npages && r->free_npages <= r->grown_npages &&
	       r->held_npages <= r->grown_npages - r->free_npages;
}

/* D2 */
static bool region_is_known(const struct reader *x, const struct paclient_region *r)
{
	for (size_t i = 0; i + 1 < dump_nregions(x->d); i++) {
		const struct paclient_region *other = &dump_region_at(x->d, i)->info;

		if (other->id == r->id || !strcmp(other->name, r->name))
			return true;
	}
	return false;
}

/* All that there is to say about a region stands behind it. */
static bool region_end(struct reader *x)
{
	const struct dump_region *r = x->r;

	if (!r)
		return true;
	if (!x->stat && !dump_refused(&r->about, DUMP_STAT))
		return wrong(x, "region %s has no line \"stat\"", r->info.name);
	if (!x->runs && !dump_refused(&r->about, DUMP_RUNS))
		return wrong(x, "region %s has no line \"runs\"", r->info.name);
	return r->nranges >= r->ranges[SOURCE_GROWN].n ||
	       wrong(x, "region %s has more grown ranges than \"nranges\" says", r->info.name);
}

static bool read_region(struct reader *x)
{
	struct dump_region *r;

	if (!region_end(x))
		return false;
	if (dump_nregions(x->d) == REGIONS_MAX)
		return wrong(x, "more regions than a daemon can have");
	r = dump_item_add(&x->d->regions, sizeof(*r));
	if (!r)
		return no_memory(x);
	x->r = r;
	x->stat = x->runs = false;
	x->grown_at = x->reserved_at = 0;
	r->info.size = sizeof(r->info);
	if (!table_read(x, &dump_region_table, &r->info) || !table_read(x, &dump_reading_table, r))
		return false;
	if (!r->info.id || !r->info.name[0])
		return wrong(x, "a region without id or name");
	if (!region_is_possible(&r->info))
		return wrong(x, "region %s: its base, page size and page counts cannot all be so",
			     r->info.name);
	return !region_is_known(x, &r->info) ||
	       wrong(x, "region %s, or its id, is there already", r->info.name);
}

static bool read_stat(struct reader *x)
{
	struct paclient_region_stat *stat = &x->r->stat;

	if (x->stat)
		return wrong(x, "the region has two lines \"stat\"");
	x->stat = true;
	*stat = (struct paclient_region_stat){.size = sizeof(*stat), .id = x->r->info.id};
	memcpy(stat->name, x->r->info.name, sizeof(stat->name));
	if (!table_read(x, &dump_stat_table, stat) ||
	    !counters_read(x, region_counters, nregion_counters, stat))
		return false;
	return stat->page_size_bytes == x->r->info.page_size_bytes ||
	       wrong(x, "\"page_size_bytes\" is not the region's");
}

static bool classes_read(struct reader *x, const char *key, uint64_t *to)
{
	const json_t *list = json_object_get(x->object, key);

	if (!json_is_array(list) || json_array_size(list) > PACLIENT_RUN_CLASSES)
		return wrong(x, "\"%s\" is no list of up to %d numbers", key, PACLIENT_RUN_CLASSES);
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!field_count_read(json_array_get(list, i), &to[i]))
			return wrong(x, "\"%s\" has what is no number", key);
	}
	return true;
}

static bool read_runs(struct reader *x)
{
	struct paclient_free_runs *runs = &x->r->runs;

	if (x->runs)
		return wrong(x, "the region has two lines \"runs\"");
	x->runs = true;
	*runs = (struct paclient_free_runs){.size = sizeof(*runs)};
	return table_read(x, &dump_runs_table, runs) && classes_read(x, "nruns", runs->nruns) &&
	       classes_read(x, "npages", runs->npages);
}

/* D1: pages of the region, from @lowest_addr on. */
static bool is_within(const struct reader *x, uint64_t addr, uint64_t npages, uint64_t lowest_addr)
{
	const struct paclient_region *r = &x->r->info;
	uint64_t first = (addr - r->base_addr) / r->page_size_bytes;

	return addr >= r->base_addr && !(addr & (r->page_size_bytes - 1)) &&
	       first < r->limit_npages && npages && npages <= r->limit_npages - first &&
	       addr >= lowest_addr;
}

static uint64_t end_of(const struct reader *x, uint64_t addr, uint64_t npages)
{
	return addr + npages * x->r->info.page_size_bytes;
}

static bool range_add(struct reader *x, enum source_ranges which)
{
	struct dump_items *to = &x->r->ranges[which];
	struct paclient_range *range = dump_item_add(to, sizeof(*range));
	uint64_t lowest = 0;

	if (!range)
		return no_memory(x);
	if (x->r->extents.n)
		return wrong(x, "ranges stand before the extents");
	if (!table_read(x, &dump_range_table, range))
		return false;
	if (to->n > 1)
		lowest = end_of(x, range[-1].addr, range[-1].npages);
	return is_within(x, range->addr, range->npages, lowest) ||
	       wrong(x,
		     "the range at 0x%" PRIx64
		     " is none of whole pages of the region, or not above the one before",
		     range->addr);
}

static bool read_grown(struct reader *x)
{
	return range_add(x, SOURCE_GROWN);
}

static bool read_reserved(struct reader *x)
{
	return range_add(x, SOURCE_RESERVED);
}

static bool read_drained(struct reader *x)
{
	return range_add(x, SOURCE_DRAINED);
}

/* The first range of the list from *@at on that ends above @addr; NULL: none. */
static const struct paclient_range *range_above(const struct reader *x, enum source_ranges which,
						size_t *at, uint64_t addr)
{
	const struct dump_items *list = &x->r->ranges[which];
	const struct paclient_range *range = list->items;

	while (*at < list->n && end_of(x, range[*at].addr, range[*at].npages) <= addr)
		++*at;
	return *at < list->n ? &range[*at] : NULL;
}

/* D1. Where not all grown ranges are listed, it may lie in one that is not. */
static bool extent_lies_well(struct reader *x, const struct paclient_extent *e)
{
	uint64_t end = end_of(x, e->addr, e->npages), from = e->addr;
	const struct paclient_range *range;

	range_above(x, SOURCE_GROWN, &x->grown_at, from);
	/* Ranges may touch: from one to the next, up to where the extent ends. */
	for (size_t at = x->grown_at; (range = range_above(x, SOURCE_GROWN, &at, from)) != NULL &&
				      range->addr <= from && from < end;)
		from = end_of(x, range->addr, range->npages);
	if (from < end && (range || x->r->nranges == x->r->ranges[SOURCE_GROWN].n))
		return wrong(x, "the extent at 0x%" PRIx64 " has pages that are not grown",
			     e->addr);
	range = range_above(x, SOURCE_RESERVED, &x->reserved_at, e->addr);
	return !range || range->addr >= end ||
	       wrong(x, "the extent at 0x%" PRIx64 " has pages that are reserved", e->addr);
}

static bool read_extent(struct reader *x)
{
	struct paclient_extent e = {.size = sizeof(e)};
	uint64_t lowest = 0;

	if (!table_read(x, &dump_extent_table, &e))
		return false;
	if (x->r->extents.n) {
		const struct dump_extent *last = (struct dump_extent *)x->r->extents.items +
						 x->r->extents.n - 1;

		lowest = end_of(x, last->addr, last->npages);
	}
	if (!is_within(x, e.addr, e.npages, 0))
		return wrong(x, "the extent at 0x%" PRIx64 " is none of whole pages of the region",
			     e.addr);
	if (e.addr < lowest)
		return wrong(x, "the extent at 0x%" PRIx64 " overlaps or precedes the one before",
			     e.addr);
	if (!e.nholders || (e.quarantined && !e.session_id))
		return wrong(x, "the extent at 0x%" PRIx64 " is nobody's", e.addr);
	if (!extent_lies_well(x, &e))
		return false;
	return dump_extent_add(x->r, &e) || no_memory(x);
}

static bool read_share(struct reader *x)
{
	struct dump_share *share = dump_item_add(&x->r->shares, sizeof(*share));

	if (!share)
		return no_memory(x);
	if (!table_read(x, &dump_share_table, share))
		return false;
	return x->r->shares.n == 1 || dump_share_compare(share - 1, share) < 0 ||
	       wrong(x,
		     "session %" PRIu64 "'s share of the extent at 0x%" PRIx64 " is out of order",
		     share->session_id, share->addr);
}

static bool read_end(struct reader *x)
{
	uint64_t nlines = 0;

	if (!region_end(x))
		return false;
	if (!x->daemon)
		return wrong(x, "there is no line about the daemon");
	if (!field_count_read(json_object_get(x->object, "lines"), &nlines) || nlines != x->line)
		return wrong(x,
			     "\"lines\" is not how many there are: some are missing, or too many");
	x->ended = true;
	return true;
}

static const struct kind {
	const char *name;
	bool of_region; /* needs one before it */
	bool (*read)(struct reader *x);
} kinds[] = {
	{"extent", true, read_extent},    {"share", true, read_share},
	{"grown", true, read_grown},      {"reserved", true, read_reserved},
	{"drained", true, read_drained},  {"session", false, read_session},
	{"user", false, read_user},       {"quota", false, read_quota},
	{"refusal", false, read_refusal}, {"stat", true, read_stat},
	{"runs", true, read_runs},        {"region", false, read_region},
	{"daemon", false, read_daemon},   {"end", false, read_end},
};

static bool read_object(struct reader *x)
{
	const char *kind = json_string_value(json_object_get(x->object, "kind"));

	if (x->line == 1)
		return read_head(x);
	if (!kind)
		return wrong(x, "\"kind\" is missing, or no text");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, kind) != 0)
			continue;
		if (kinds[i].of_region && !x->r)
			return wrong(x, "\"%s\" stands before any region", kind);
		return kinds[i].read(x);
	}
	return wrong(x, "there is no kind \"%.32s\"", kind);
}

/* The next line, without its end. Return: its length; -1: there is none; -2: wrong. */
static ssize_t line_get(struct reader *x)
{
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(x->from)) != EOF && c != '\n') {
		if (n == LINE_BYTES_MAX) {
			wrong(x, "it is longer than %d bytes, as no line of a dump is",
			      LINE_BYTES_MAX);
			return -2;
		}
		x->text[n++] = (char)c;
	}
	if (c == '\n')
		return (ssize_t)n;
	if (ferror(x->from))
		wrong(x, "%s", strerror(errno));
	else if (n)
		wrong(x, "it is cut off");
	else
		return -1;
	return -2;
}

static bool line_read(struct reader *x, size_t nbytes)
{
	json_error_t e;
	json_t *object;
	bool ok;

	if (x->ended)
		return wrong(x, "something stands behind the end");
	object = json_loadb(x->text, nbytes, JSON_REJECT_DUPLICATES, &e);
	if (!object)
		return wrong(x, "it is no JSON: %s", e.text);
	x->object = object;
	ok = json_is_object(object) ? read_object(x) : wrong(x, "it is no object");
	json_decref(object);
	return ok;
}

bool dump_read(FILE *from, struct dump *d, char *ret_wrong)
{
	struct reader x = {.from = from, .d = d, .line = 1, .wrong = ret_wrong};
	ssize_t n = 0;
	bool ok = true;

	x.text = malloc(LINE_BYTES_MAX);
	if (!x.text)
		return no_memory(&x);
	for (; ok && (n = line_get(&x)) >= 0; x.line++)
		ok = line_read(&x, (size_t)n);
	free(x.text);
	if (!ok || n == -2)
		return false;
	if (!x.ended)
		return wrong(&x, x.line == 1 ? "the file is empty" : "the end is missing");
	return dump_lists_make(d) || no_memory(&x);
}
