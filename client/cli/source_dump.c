/*
 * source_dump - the source that is a dump
 *
 * Role:       answers from what dump_read() has read, refusals included. What the daemon would say of a region or an extent that is not
 *             there is said in its words.
 * Uses:       dump.h, source.h
 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/dump.h"
#include "client/cli/source.h"

#define CELLS_DEFAULT 1024
#define CELLS_MAX 4096

struct dumped {
	struct source source; /* first: the questions find the rest from here */
	struct dump d;
	struct paclient_usage usage; /* the last one */
	struct paclient_findings findings;
	struct dump_findings found;
};

static const struct dump *dump_of(struct source *s)
{
	return &((struct dumped *)s)->d;
}

PRINTF_LIKE(4, 5)
static int refuse(struct paclient_call *call, int status, const char *field, const char *fmt, ...)
{
	va_list args;

	call->error = (struct paclient_error){.status = status};
	snprintf(call->error.field, sizeof(call->error.field), "%s", field);
	va_start(args, fmt);
	vsnprintf(call->error.message, sizeof(call->error.message), fmt, args);
	va_end(args);
	return status;
}

/* The region, unless @part of it was refused. NULL: the status is in @call. */
static struct dump_region *region_get(struct source *s, uint32_t id, enum dump_part part,
				      struct paclient_call *call)
{
	const struct dump *d = dump_of(s);

	call->error = (struct paclient_error){0};
	for (size_t i = 0; i < dump_nregions(d); i++) {
		struct dump_region *r = dump_region_at(d, i);
		const struct paclient_error *refused = dump_refused(&r->about, part);

		if (r->info.id != id)
			continue;
		if (refused)
			call->error = *refused;
		return refused ? NULL : r;
	}
	refuse(call, PACLIENT_NO_REGION, "region_id",
	       "there is no region with id %" PRIu32 ": ListRegions names those that there are",
	       id);
	return NULL;
}

/* What there is of a region, or with the id 0 of the daemon. NULL: the status is in @call. */
static const struct dump_about *about_get(struct source *s, uint32_t id, enum dump_part part,
					  struct paclient_call *call)
{
	const struct dump_about *a = &dump_of(s)->about;
	const struct paclient_error *refused = dump_refused(a, part);
	const struct dump_region *r;

	if (id) {
		r = region_get(s, id, part, call);
		return r ? &r->about : NULL;
	}
	call->error = refused ? *refused : (struct paclient_error){0};
	return refused ? NULL : a;
}

static int dumped_regions(struct source *s, const struct paclient_region_list **ret,
			  struct paclient_call *call)
{
	call->error = (struct paclient_error){0};
	*ret = &dump_of(s)->region_list;
	return 0;
}

static int dumped_region_by_name(struct source *s, const char *name, struct paclient_region *ret,
				 struct paclient_call *call)
{
	const struct dump *d = dump_of(s);

	if (!name[0])
		return refuse(call, PACLIENT_BAD_ARGUMENT, "name", "name is empty");
	if (strlen(name) >= PACLIENT_NAME_BYTES)
		return refuse(call, PACLIENT_BAD_ARGUMENT, "name", "name is longer than 63 bytes");
	for (size_t i = 0; i < dump_nregions(d); i++) {
		const struct dump_region *r = dump_region_at(d, i);

		if (strcmp(r->info.name, name) != 0)
			continue;
		if (!region_get(s, r->info.id, DUMP_INFO, call))
			return call->error.status;
		*ret = r->info;
		return 0;
	}
	return refuse(call, PACLIENT_NO_REGION, "region",
		      "there is no region '%s': ListRegions names those that there are", name);
}

static int dumped_ranges(struct source *s, uint32_t region_id, enum source_ranges which,
			 const struct paclient_range_list **ret, struct paclient_call *call)
{
	const struct dump_region *r = region_get(s, region_id, DUMP_INFO, call);

	if (r)
		*ret = &r->range_lists[which];
	return call->error.status;
}

static int dumped_stat_daemon(struct source *s, struct paclient_daemon_stat *ret,
			      struct paclient_call *call)
{
	call->error = (struct paclient_error){0};
	*ret = dump_of(s)->stat;
	return 0;
}

static int dumped_stat_region(struct source *s, uint32_t region_id,
			      struct paclient_region_stat *ret, struct paclient_call *call)
{
	const struct dump_region *r = region_get(s, region_id, DUMP_STAT, call);

	if (r)
		*ret = r->stat;
	return call->error.status;
}

static int dumped_free_runs(struct source *s, uint32_t region_id, struct paclient_free_runs *ret,
			    struct paclient_call *call)
{
	const struct dump_region *r = region_get(s, region_id, DUMP_RUNS, call);

	if (r)
		*ret = r->runs;
	return call->error.status;
}

/* Add pages [@first, @limit) to what cells hold of them; all cells together are pages [@from, @from + u->npages). */
static void cells_add(struct paclient_usage *u, uint64_t from, uint64_t first, uint64_t limit,
		      size_t field_offset)
{
	uint64_t at = first > from ? first - from : 0, to = limit > from ? limit - from : 0;

	to = to < u->npages ? to : u->npages;
	while (at < to) {
		size_t i = at / u->cell_npages;
		uint64_t end = (i + 1) * u->cell_npages < to ? (i + 1) * u->cell_npages : to;

		*(uint64_t *)(void *)((char *)&u->cells[i] + field_offset) += end - at;
		at = end;
	}
}

static bool cells_fill(const struct dump_region *r, struct paclient_usage *u, uint64_t from)
{
	const struct paclient_range *grown = r->ranges[SOURCE_GROWN].items;
	const struct dump_run *run;
	struct dump_items runs;

	if (!dump_runs_find(r, &runs))
		return false;
	for (size_t i = 0; i < r->ranges[SOURCE_GROWN].n; i++) {
		uint64_t first = (grown[i].addr - r->info.base_addr) / r->info.page_size_bytes;

		cells_add(u, from, first, first + grown[i].npages,
			  offsetof(struct paclient_cell, grown_npages));
	}
	/* For a moment what is free; the rest is used. */
	run = runs.items;
	for (size_t i = 0; i < runs.n; i++)
		cells_add(u, from, run[i].first, run[i].limit,
			  offsetof(struct paclient_cell, used_npages));
	for (size_t i = 0; i < u->ncells; i++)
		u->cells[i].used_npages = u->cells[i].grown_npages - u->cells[i].used_npages;
	free(runs.items);
	return true;
}

/* Where the highest grown range ends. */
static uint64_t end_page(const struct dump_region *r)
{
	const struct paclient_range_list *grown = &r->range_lists[SOURCE_GROWN];
	const struct paclient_range *last;

	if (!grown->nranges)
		return 0;
	last = &grown->ranges[grown->nranges - 1];
	return (last->addr - r->info.base_addr) / r->info.page_size_bytes + last->npages;
}

/* A dump does not say where memory is. */
static const uint64_t *dumped_scavenged(const struct source *s)
{
	(void)s;
	return NULL;
}

static int dumped_usage_map(struct source *s, uint32_t region_id, uint64_t addr, uint64_t npages,
			    uint32_t ncells, const struct paclient_usage **ret,
			    struct paclient_call *call)
{
	struct dump_region *r = region_get(s, region_id, DUMP_EXTENTS, call);
	struct paclient_usage *u = &((struct dumped *)s)->usage;
	uint64_t page, end, n = ncells ? ncells : CELLS_DEFAULT;

	if (!r)
		return call->error.status;
	if (r->nranges > r->ranges[SOURCE_GROWN].n)
		return refuse(call, PACLIENT_UNKNOWN_VERB, "",
			      "the dump does not list all grown ranges of region %s", r->info.name);
	addr = addr ? addr : r->info.base_addr;
	page = (addr - r->info.base_addr) / r->info.page_size_bytes;
	if (addr < r->info.base_addr || page >= r->info.limit_npages ||
	    npages > r->info.limit_npages - page || n > CELLS_MAX)
		return refuse(call, PACLIENT_OUT_OF_REGION, "addr",
			      "address %#" PRIx64 " is not in region %s", addr, r->info.name);
	end = end_page(r);
	free(u->cells);
	*u = (struct paclient_usage){.addr = addr, .npages = npages};
	if (!npages && page < end)
		u->npages = end - page;
	u->cell_npages = (u->npages + n - 1) / n;
	u->ncells = u->npages ? (u->npages + u->cell_npages - 1) / u->cell_npages : 0;
	u->cells = calloc(u->ncells + 1, sizeof(*u->cells));
	if (!u->cells || !cells_fill(r, u, page))
		return refuse(call, PACLIENT_OUT_OF_MEMORY, "", "no memory for the map");
	*ret = u;
	return 0;
}

static int dumped_lookup(struct source *s, uint32_t region_id, const char *name,
			 struct paclient_extent *ret, struct paclient_call *call)
{
	const struct dump_region *r = region_get(s, region_id, DUMP_EXTENTS, call);
	const struct dump_extent *x;

	if (!r)
		return call->error.status;
	if (!name[0])
		return refuse(call, PACLIENT_BAD_ARGUMENT, "name", "name is empty");
	if (strlen(name) >= PACLIENT_NAME_BYTES)
		return refuse(call, PACLIENT_BAD_ARGUMENT, "name", "name is longer than 63 bytes");
	x = r->extents.items;
	for (size_t i = 0; i < r->extents.n; i++) {
		if (!x[i].text || strcmp(r->texts + x[i].text, name) != 0)
			continue;
		dump_extent_get(r, i, ret);
		return 0;
	}
	return refuse(call, PACLIENT_NOT_FOUND, "name", "no extent of region %s has the name '%s'",
		      r->info.name, name);
}

static bool is_shared_by(const struct dump_region *r, uint64_t addr, uint64_t session_id)
{
	const struct dump_share share = {addr, session_id};

	return r->shares.n &&
	       bsearch(&share, r->shares.items, r->shares.n, sizeof(share), dump_share_compare);
}

static bool matches(const struct dump_region *r, const struct dump_extent *x,
		    const struct paclient_list_filter *f)
{
	if (x->addr < f->lowest_addr || (f->limit_addr && x->addr >= f->limit_addr) ||
	    x->npages < f->min_npages || (f->max_npages && x->npages > f->max_npages) ||
	    (f->by_uid && x->uid != f->uid))
		return false;
	if (f->session_id && x->session_id != f->session_id &&
	    !(x->nholders > 1 && is_shared_by(r, x->addr, f->session_id)))
		return false;
	return !f->name_pattern ||
	       (x->text && r->texts[x->text] && !fnmatch(f->name_pattern, r->texts + x->text, 0));
}

static bool session_exists(const struct dump *d, const struct dump_region *r, uint64_t id)
{
	const struct paclient_session *s = d->about.sessions.items;
	const struct dump_extent *x = r->extents.items;

	for (size_t i = 0; i < d->about.sessions.n; i++) {
		if (s[i].id == id)
			return true;
	}
	/* Whoever may not see other users' sessions sees what they hold all the same. */
	for (size_t i = 0; i < r->extents.n; i++) {
		if (x[i].session_id == id)
			return true;
	}
	return false;
}

static int dumped_list_each(struct source *s, uint32_t region_id,
			    const struct paclient_list_filter *filter, paclient_extent_fn *each,
			    void *ctx, struct paclient_call *call)
{
	static const struct paclient_list_filter all = PACLIENT_LIST_FILTER_INIT;
	const struct dump_region *r = region_get(s, region_id, DUMP_EXTENTS, call);
	const struct paclient_list_filter *f = filter ? filter : &all;
	const struct dump_extent *x;

	if (!r)
		return call->error.status;
	if (f->session_id && !session_exists(dump_of(s), r, f->session_id)) {
		refuse(call, PACLIENT_NO_SESSION, "session",
		       "there is no session %" PRIu64 ": Sessions lists those that there are",
		       f->session_id);
		call->error.asked = f->session_id;
		return call->error.status;
	}
	if (f->name_pattern && strlen(f->name_pattern) >= PACLIENT_NAME_BYTES) {
		refuse(call, PACLIENT_LIMIT, "name_pattern",
		       "name_pattern has %zu bytes: %d are allowed", strlen(f->name_pattern),
		       PACLIENT_NAME_BYTES - 1);
		call->error.asked = strlen(f->name_pattern);
		call->error.limit = PACLIENT_NAME_BYTES - 1;
		return call->error.status;
	}
	x = r->extents.items;
	for (size_t i = 0; i < r->extents.n; i++) {
		struct paclient_extent extent;

		if (!matches(r, &x[i], f))
			continue;
		dump_extent_get(r, i, &extent);
		if (each(&extent, ctx))
			break;
	}
	return 0;
}

static int dumped_sessions(struct source *s, uint32_t region_id,
			   const struct paclient_session_list **ret, struct paclient_call *call)
{
	const struct dump_about *a = about_get(s, region_id, DUMP_SESSIONS, call);

	if (a)
		*ret = &a->session_list;
	return call->error.status;
}

static int dumped_quotas(struct source *s, uint32_t region_id,
			 const struct paclient_quota_list **ret, struct paclient_call *call)
{
	const struct dump_about *a = about_get(s, region_id, DUMP_QUOTAS, call);

	if (a)
		*ret = &a->quota_list;
	return call->error.status;
}

static int dumped_users(struct source *s, uint32_t region_id, const struct paclient_user_list **ret,
			struct paclient_call *call)
{
	const struct dump_about *a = about_get(s, region_id, DUMP_USERS, call);

	if (a)
		*ret = &a->user_list;
	return call->error.status;
}

static int dumped_why(struct source *s, uint32_t region_id, uint64_t npages,
		      const struct paclient_placement *where, struct paclient_why *ret,
		      struct paclient_call *call)
{
	const struct dump_region *r = region_get(s, region_id, DUMP_INFO, call);

	return r ? dump_why(r, npages, where, ret, &call->error) : call->error.status;
}

static int dumped_fit(struct source *s, uint32_t region_id, uint64_t npages,
		      const struct paclient_placement *where, uint64_t *ret_nextents,
		      struct paclient_call *call)
{
	const struct dump_region *r = region_get(s, region_id, DUMP_INFO, call);

	return r ? dump_fit(r, npages, where, ret_nextents, &call->error) : call->error.status;
}

/* As the daemon does: the one, or those where the caller might administer. */
static int dumped_check(struct source *s, uint32_t region_id, const struct paclient_findings **ret,
			struct paclient_call *call)
{
	struct dumped *x = (struct dumped *)s;
	struct paclient_findings *f = &x->findings;

	if (region_id && !region_get(s, region_id, DUMP_INFO, call))
		return call->error.status;
	*f = (struct paclient_findings){.size = sizeof(*f),
					.sees_sessions = x->d.head.sees_sessions};
	for (size_t i = 0; i < dump_nregions(&x->d); i++) {
		const struct dump_region *r = dump_region_at(&x->d, i);

		if (region_id ? r->info.id != region_id : !(r->info.rights & PACLIENT_RIGHT_ADMIN))
			continue;
		f->nregions++;
		if (!dump_check(r, &x->found))
			return refuse(call, PACLIENT_OUT_OF_MEMORY, "",
				      "no memory for the findings");
	}
	f->nfindings = x->found.lines.n;
	f->nfindings_total = x->found.lines.n;
	f->findings = (const char **)x->found.lines.items;
	*ret = f;
	call->error = (struct paclient_error){0};
	return 0;
}

static void dumped_close(struct source *s)
{
	struct dumped *x = (struct dumped *)s;

	free(x->usage.cells);
	dump_findings_deinit(&x->found);
	dump_deinit(&x->d);
	free(x);
}

static const struct source_ops dumped_ops = {
	.regions = dumped_regions,
	.region_by_name = dumped_region_by_name,
	.ranges = dumped_ranges,
	.stat_daemon = dumped_stat_daemon,
	.stat_region = dumped_stat_region,
	.free_runs = dumped_free_runs,
	.usage_map = dumped_usage_map,
	.scavenged = dumped_scavenged,
	.lookup = dumped_lookup,
	.list_each = dumped_list_each,
	.sessions = dumped_sessions,
	.quotas = dumped_quotas,
	.users = dumped_users,
	.why = dumped_why,
	.fit = dumped_fit,
	.check = dumped_check,
	.close = dumped_close,
};

int source_dump_read(const char *path, struct source **ret, char *ret_wrong)
{
	bool is_stdin = !strcmp(path, "-"), ok;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	struct dumped *x = calloc(1, sizeof(*x));

	if (!file || !x) {
		snprintf(ret_wrong, DUMP_WRONG_BYTES, "%s", strerror(file ? ENOMEM : errno));
		free(x);
		return -1;
	}
	ok = dump_read(file, &x->d, ret_wrong);
	if (!is_stdin)
		fclose(file);
	if (!ok) {
		dumped_close(&x->source);
		return -1;
	}
	x->source = (struct source){.ask = &dumped_ops,
				    .server = x->d.head.server,
				    .session_id = x->d.head.session_id,
				    .uid = x->d.head.uid,
				    .batch_max = x->d.head.batch_max,
				    .uncompared = "a dump holds no copy of it"};
	*ret = &x->source;
	return 0;
}

/* Standard output holds what the daemon would have said; that it may never have been so all at once is said here. */
static void unsettled_tell(const struct dump *d)
{
	for (size_t i = 0; i < dump_nregions(d); i++) {
		if (!dump_region_at(d, i)->settled)
			fprintf(stderr, "paclient: region %s changed while it was dumped\n",
				dump_region_at(d, i)->info.name);
	}
}

int source_dump_open(const struct cli *cli, const char *path, struct source **ret)
{
	char why[DUMP_WRONG_BYTES] = "";

	if (source_dump_read(path, ret, why))
		return usage_error(cli, "%s: %s", path, why);
	unsettled_tell(dump_of(*ret));
	return 0;
}
