/*
 * map_data - what the pictures of a region are made of, from a daemon or a dump
 *
 * Role:       asks for cells, ranges, extents and sessions, and puts them into one struct map in pages from the region's base.
 * Uses:       map.h, source.h
 */
#include "client/cli/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void map_deinit(struct map *m)
{
	free(m->usage.cells);
	free(m->scavenged_npages);
	free(m->grown);
	free(m->reserved);
	free(m->drained);
	free(m->extents);
	free(m->owners);
	free(m->texts);
}

uint64_t map_addr(const struct map *m, uint64_t page)
{
	return m->region.base_addr + pages_bytes(page, m->region.page_size_bytes);
}

static uint64_t shown_end(const struct map *m)
{
	return m->shown.first + m->shown.npages;
}

/* What of pages [first, first + npages) is shown; false: nothing. */
static bool clip(const struct map *m, uint64_t first, uint64_t npages, struct map_run *ret)
{
	uint64_t end = first + npages;

	if (first < m->shown.first)
		first = m->shown.first;
	if (end > shown_end(m))
		end = shown_end(m);
	*ret = (struct map_run){first, end - first};
	return first < end;
}

/* Ranges as the library has them, as runs of what is shown. */
static int runs_take(const struct cli *cli, const struct map *m,
		     const struct paclient_range_list *list, struct map_run **ret_runs,
		     size_t *ret_nruns)
{
	struct map_run *runs = calloc(list->nranges + 1, sizeof(*runs));
	size_t n = 0;

	if (!runs)
		return system_error(cli, "no memory for the map");
	for (size_t i = 0; i < list->nranges; i++) {
		const struct paclient_range *x = &list->ranges[i];

		n += clip(m, (x->addr - m->region.base_addr) / m->region.page_size_bytes, x->npages,
			  &runs[n]);
	}
	*ret_runs = runs;
	*ret_nruns = n;
	return 0;
}

/*
 * One request from page @page on, for whole cells or for what is left of one, so that no cell of the reply lies in two of ours.
 * Adds what it says to the cells; *page, which counts from the first that is shown, moves behind it.
 */
static int cells_part(struct cli *cli, struct source *src, struct map *m, uint64_t *page)
{
	struct paclient_usage *u = &m->usage;
	const struct paclient_usage *part;
	const uint64_t *scavenged;
	uint64_t left = u->npages - *page, within = *page % u->cell_npages, ask;
	struct paclient_call call;

	if (within || left < u->cell_npages)
		ask = left < u->cell_npages - within ? left : u->cell_npages - within;
	else
		ask = left - left % u->cell_npages;
	call_init(cli, &call);
	if (src->ask->usage_map(src, m->region.id, map_addr(m, m->shown.first + *page), ask,
				(uint32_t)((ask + u->cell_npages - 1) / u->cell_npages), &part,
				&call))
		return call_error(cli, &call.error);
	scavenged = src->ask->scavenged(src);
	for (size_t i = 0; i < part->ncells; i++) {
		uint64_t at = (*page + i * part->cell_npages) / u->cell_npages;

		u->cells[at].used_npages += part->cells[i].used_npages;
		u->cells[at].grown_npages += part->cells[i].grown_npages;
		if (scavenged)
			m->scavenged_npages[at] += scavenged[i];
	}
	m->scavenges &= scavenged != NULL || !part->ncells;
	/* The daemon says at least one cell; should it not, do not ask for ever. */
	*page += part->npages ? part->npages : ask;
	return 0;
}

/* @ncells cells at the most over what is shown; asks as often as the daemon wants to be asked. */
static int cells_get(struct cli *cli, struct source *src, uint64_t ncells, struct map *m)
{
	struct paclient_usage *u = &m->usage;
	uint64_t page = 0;
	int err = 0;

	u->addr = map_addr(m, m->shown.first);
	u->npages = m->shown.npages;
	/* A power of two: round addresses at the beginning of lines. */
	u->cell_npages = u->npages ? 1 : 0;
	while (u->npages && u->cell_npages * ncells < u->npages)
		u->cell_npages *= 2;
	u->ncells = u->npages ? (u->npages + u->cell_npages - 1) / u->cell_npages : 0;
	u->cells = calloc(u->ncells + 1, sizeof(*u->cells));
	m->scavenged_npages = calloc(u->ncells + 1, sizeof(*m->scavenged_npages));
	if (!u->cells || !m->scavenged_npages)
		return system_error(cli, "no memory for the map");
	while (!err && page < u->npages)
		err = cells_part(cli, src, m, &page);
	return err;
}

/* --lowest and --limit in whole pages, both within the region. */
static int part_choose(const struct cli *cli, struct map *m)
{
	const struct paclient_region *r = &m->region;
	uint64_t lowest = 0, limit = r->limit_npages, size = r->page_size_bytes;

	m->part = true;
	if (cli->lowest.given && cli->lowest.addr > r->base_addr)
		lowest = (cli->lowest.addr - r->base_addr) / size;
	if (cli->limit.given && cli->limit.addr <= r->base_addr)
		limit = 0;
	else if (cli->limit.given && (cli->limit.addr - 1 - r->base_addr) / size < limit)
		limit = (cli->limit.addr - 1 - r->base_addr) / size + 1;
	if (lowest >= limit)
		return usage_error(cli,
				   "no page of region %s, which goes from 0x%" PRIx64
				   " up to 0x%" PRIx64 ", lies between --lowest and --limit",
				   r->name, r->base_addr, map_addr(m, r->limit_npages));
	m->shown = (struct map_run){lowest, limit - lowest};
	return 0;
}

/* Without options: from the base up to where the highest grown range ends; there may be gaps between. */
static void shown_choose(struct map *m, const struct paclient_range_list *grown)
{
	if (grown->nranges < grown->nranges_total) {
		m->shown.npages = m->region.limit_npages;
	} else if (grown->nranges) {
		const struct paclient_range *last = &grown->ranges[grown->nranges - 1];

		m->shown.npages = (last->addr - m->region.base_addr) / m->region.page_size_bytes +
				  last->npages;
	}
}

static int ranges_get(struct cli *cli, struct source *src, struct map *m)
{
	const struct paclient_range_list *grown, *reserved, *drained;
	struct paclient_call call;
	int err = 0;

	call_init(cli, &call);
	if (src->ask->ranges(src, m->region.id, SOURCE_GROWN, &grown, &call) ||
	    src->ask->ranges(src, m->region.id, SOURCE_RESERVED, &reserved, &call) ||
	    src->ask->ranges(src, m->region.id, SOURCE_DRAINED, &drained, &call))
		return call_error(cli, &call.error);
	if (cli->lowest.given || cli->limit.given)
		err = part_choose(cli, m);
	else
		shown_choose(m, grown);
	if (!err)
		err = runs_take(cli, m, grown, &m->grown, &m->ngrown);
	if (!err)
		err = runs_take(cli, m, reserved, &m->reserved, &m->nreserved);
	if (!err)
		err = runs_take(cli, m, drained, &m->drained, &m->ndrained);
	return err;
}

/* Return: its offset; 0 for "", which stands there; SIZE_MAX = no memory. */
static size_t text_add(struct map *m, const char *text)
{
	size_t n = strlen(text) + 1, at = m->texts_nbytes;

	if (at + n > m->texts_room) {
		size_t room = 2 * (at + n) + 4096;
		char *more = realloc(m->texts, room);

		if (!more)
			return SIZE_MAX;
		m->texts = more;
		m->texts_room = room;
	}
	memcpy(m->texts + at, text, n);
	m->texts_nbytes += n;
	return at;
}

int map_add(const struct cli *cli, struct map *m, const struct paclient_extent *x)
{
	struct map_extent *more, e = {.session_id = x->session_id,
				      .uid = x->uid,
				      .nholders = x->nholders,
				      .quarantined = x->quarantined};
	struct map_run run;
	uint64_t first = (x->addr - m->region.base_addr) / m->region.page_size_bytes;

	if (!clip(m, first, x->npages, &run))
		return 0;
	/* All of it, so that it is named as it is; what lies outside of the picture is not drawn. */
	e.first = first;
	e.npages = x->npages;
	if (!m->texts_nbytes && text_add(m, "") != 0)
		return system_error(cli, "no memory for the map");
	e.name = text_add(m, x->name);
	e.label = text_add(m, x->label);
	more = m->extents;
	if (!(m->nextents & (m->nextents - 1)))
		more = realloc(m->extents, (m->nextents ? m->nextents * 2 : 1) * sizeof(*more));
	if (!more || e.name == SIZE_MAX || e.label == SIZE_MAX)
		return system_error(cli, "no memory for the map");
	m->extents = more;
	m->extents[m->nextents++] = e;
	return 0;
}

struct adding {
	const struct cli *cli;
	struct map *map;
	int err;
};

static int on_extent(const struct paclient_extent *x, void *ctx)
{
	struct adding *a = ctx;

	a->err = map_add(a->cli, a->map, x);
	return a->err;
}

static int extents_get(struct cli *cli, struct source *src, struct map *m)
{
	struct paclient_list_filter filter = PACLIENT_LIST_FILTER_INIT;
	struct adding a = {.cli = cli, .map = m};
	struct paclient_call call;

	/* One that begins below what is shown may reach into it: only above nothing is of interest. */
	filter.limit_addr = map_addr(m, shown_end(m));
	call_init(cli, &call);
	if (src->ask->list_each(src, m->region.id, &filter, on_extent, &a, &call))
		return call_error(cli, &call.error);
	return a.err;
}

static int session_compare(const void *key, const void *entry)
{
	const struct paclient_session *s = *(struct paclient_session *const *)entry;
	uint64_t id = *(const uint64_t *)key;

	return id < s->id ? -1 : id > s->id;
}

/* The programs of the sessions: those that the caller may see. */
static int commands_get(struct cli *cli, struct source *src, struct map *m)
{
	const struct paclient_session_list *list;
	struct paclient_call call;

	call_init(cli, &call);
	if (src->ask->sessions(src, m->region.id, &list, &call))
		return call.error.status == PACLIENT_UNKNOWN_VERB ? 0
								  : call_error(cli, &call.error);
	for (size_t i = 0; i < m->nowners && list->nsessions; i++) {
		struct paclient_session **s = bsearch(
			&m->owners[i].session_id, list->sessions, list->nsessions,
			sizeof(struct paclient_session *), session_compare);

		if (s)
			memcpy(m->owners[i].command,
			       (*s)->command[0] ? (*s)->command : (*s)->client_name,
			       sizeof(m->owners[i].command));
	}
	return 0;
}

int map_get(struct cli *cli, struct source *src, uint64_t ncells, bool whose, struct map *m)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	struct paclient_call call;
	int err;

	call_init(cli, &call);
	if (src->ask->stat_region(src, m->region.id, &stat, &call))
		return call_error(cli, &call.error);
	m->largest_npages = stat.largest_npages;
	m->scavenges = m->region.backing != PACLIENT_BACKING_NONE;
	m->whose = whose && stat.nextents <= MAP_EXTENTS_MAX;
	err = ranges_get(cli, src, m);
	if (!err)
		err = cells_get(cli, src, ncells, m);
	if (!err && m->whose)
		err = extents_get(cli, src, m);
	if (!err && m->whose)
		err = map_owners(cli, m);
	if (!err && m->nowners)
		err = commands_get(cli, src, m);
	return err;
}
