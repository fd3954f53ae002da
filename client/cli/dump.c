/*
 * dump - a daemon's answers, all of them, kept
 *
 * Role:       see dump.h: what is kept, and the tables of its fields.
 * Uses:       dump.h, fields.h
 */
#include "client/cli/dump.h"

#include <stdlib.h>
#include <string.h>

#include "client/cli/fields.h"

void *dump_item_add(struct dump_items *to, size_t item_bytes)
{
	size_t room = to->room ? to->room * 2 : 8;
	void *items;

	if (to->n == to->room) {
		items = reallocarray(to->items, room, item_bytes);
		if (!items)
			return NULL;
		to->items = items;
		to->room = room;
	}
	items = (char *)to->items + to->n++ * item_bytes;
	return memset(items, 0, item_bytes);
}

void dump_about_deinit(struct dump_about *a)
{
	free(a->refusals.items);
	free(a->sessions.items);
	free(a->quotas.items);
	free(a->users.items);
	free(a->session_list.sessions);
	free(a->quota_list.quotas);
	free(a->user_list.users);
}

void dump_region_deinit(struct dump_region *r)
{
	dump_about_deinit(&r->about);
	for (size_t i = 0; i < ARRAY_SIZE(r->ranges); i++)
		free(r->ranges[i].items);
	free(r->extents.items);
	free(r->shares.items);
	free(r->texts);
}

void dump_deinit(struct dump *d)
{
	for (size_t i = 0; i < dump_nregions(d); i++)
		dump_region_deinit(dump_region_at(d, i));
	free(d->regions.items);
	free(d->region_list.regions);
	dump_about_deinit(&d->about);
}

const struct paclient_error *dump_refused(const struct dump_about *a, enum dump_part part)
{
	const struct dump_refusal *x = a->refusals.items;

	for (size_t i = 0; i < a->refusals.n; i++) {
		if (x[i].part == part)
			return &x[i].error;
	}
	return NULL;
}

bool dump_refuse(struct dump_about *a, enum dump_part part, const struct paclient_error *e)
{
	struct dump_refusal *x = dump_item_add(&a->refusals, sizeof(*x));

	if (x)
		*x = (struct dump_refusal){part, *e};
	return x != NULL;
}

/* Name and label, one behind the other. Return: where; 0: no memory. */
static size_t texts_add(struct dump_region *r, const char *name, const char *label)
{
	size_t nname = strlen(name) + 1, nlabel = strlen(label) + 1, at = r->ntexts ? r->ntexts : 1;

	if (at + nname + nlabel > r->texts_room) {
		size_t room = 2 * r->texts_room + 4096;
		char *texts = realloc(r->texts, room);

		if (!texts)
			return 0;
		r->texts = texts;
		r->texts_room = room;
	}
	memcpy(r->texts + at, name, nname);
	memcpy(r->texts + at + nname, label, nlabel);
	r->ntexts = at + nname + nlabel;
	return at;
}

bool dump_extent_add(struct dump_region *r, const struct paclient_extent *x)
{
	struct dump_extent *to;
	size_t text = 0;

	if (x->name[0] || x->label[0]) {
		text = texts_add(r, x->name, x->label);
		if (!text)
			return false;
	}
	to = dump_item_add(&r->extents, sizeof(*to));
	if (!to)
		return false;
	*to = (struct dump_extent){.addr = x->addr,
				   .npages = x->npages,
				   .session_id = x->session_id,
				   .text = text,
				   .uid = x->uid,
				   .nholders = x->nholders,
				   .quarantined = x->quarantined};
	return true;
}

void dump_extent_get(const struct dump_region *r, size_t i, struct paclient_extent *ret)
{
	const struct dump_extent *x = (const struct dump_extent *)r->extents.items + i;
	const char *name = x->text ? r->texts + x->text : "";

	*ret = (struct paclient_extent){.size = sizeof(*ret),
					.addr = x->addr,
					.npages = x->npages,
					.session_id = x->session_id,
					.uid = x->uid,
					.nholders = x->nholders,
					.quarantined = x->quarantined};
	if (!x->text)
		return;
	memcpy(ret->name, name, strlen(name) + 1);
	name += strlen(name) + 1;
	memcpy(ret->label, name, strlen(name) + 1);
}

int dump_share_compare(const void *a, const void *b)
{
	const struct dump_share *x = a, *y = b;

	if (x->session_id != y->session_id)
		return x->session_id < y->session_id ? -1 : 1;
	return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Pointers to the items, and at least one more, so that there is an array in any case. */
static void *pointers_make(const struct dump_items *to, size_t item_bytes)
{
	void **list = calloc(to->n + 1, sizeof(*list));

	for (size_t i = 0; list && i < to->n; i++)
		list[i] = (char *)to->items + i * item_bytes;
	return list;
}

static bool about_lists_make(struct dump_about *a)
{
	a->session_list.nsessions = a->sessions.n;
	a->session_list.sessions = pointers_make(&a->sessions, sizeof(struct paclient_session));
	a->quota_list.nquotas = a->quotas.n;
	a->quota_list.quotas = pointers_make(&a->quotas, sizeof(struct paclient_quota));
	a->user_list.nusers = a->users.n;
	a->user_list.users = pointers_make(&a->users, sizeof(struct paclient_user_stat));
	return a->session_list.sessions && a->quota_list.quotas && a->user_list.users;
}

bool dump_lists_make(struct dump *d)
{
	bool ok = about_lists_make(&d->about);

	/* A region begins with what is known of it. */
	_Static_assert(offsetof(struct dump_region, info) == 0, "pointers to one are to the other");
	d->region_list.nregions = d->regions.n;
	d->region_list.regions = pointers_make(&d->regions, sizeof(struct dump_region));
	for (size_t i = 0; ok && i < dump_nregions(d); i++) {
		struct dump_region *r = dump_region_at(d, i);

		ok = about_lists_make(&r->about);
		for (size_t k = 0; k < ARRAY_SIZE(r->ranges); k++)
			r->range_lists[k] = (struct paclient_range_list){
				r->ranges[k].n, r->ranges[k].n, r->ranges[k].items};
		r->range_lists[0].nranges_total = r->nranges;
	}
	return ok && d->region_list.regions;
}

const char *const dump_part_names[DUMP_NPARTS] = {
	[DUMP_INFO] = "info",       [DUMP_STAT] = "stat",         [DUMP_RUNS] = "runs",
	[DUMP_EXTENTS] = "extents", [DUMP_SESSIONS] = "sessions", [DUMP_QUOTAS] = "quotas",
	[DUMP_USERS] = "users",
};

const char *const dump_range_kinds[3] = {"grown", "reserved", "drained"};

#define TABLE(fields)                      \
	{                                  \
		fields, ARRAY_SIZE(fields) \
	}

#define HEAD(name, kind) FIELD_MUST(dump_head, name, kind)
static const struct field head_fields[] = {
	FIELD_OF_TEXT(dump_head, time),   FIELD_OF_TEXT(dump_head, client),
	FIELD_OF_TEXT(dump_head, server), HEAD(session_id, FIELD_COUNT),
	HEAD(uid, FIELD_NUMBER),          HEAD(batch_max, FIELD_SIZE),
	HEAD(sees_sessions, FIELD_YES),
};
const struct dump_table dump_head_table = TABLE(head_fields);

#define REGION(name, kind) FIELD(paclient_region, name, kind)
#define REGION_MUST(name, kind) FIELD_MUST(paclient_region, name, kind)
static const struct field region_fields[] = {
	FIELD_OF_TEXT(paclient_region, name),
	REGION_MUST(id, FIELD_NUMBER),
	REGION(faulted, FIELD_YES),
	REGION_MUST(base_addr, FIELD_ADDR),
	REGION_MUST(page_size_bytes, FIELD_COUNT),
	REGION_MUST(limit_npages, FIELD_COUNT),
	REGION_MUST(grown_npages, FIELD_COUNT),
	REGION_MUST(free_npages, FIELD_COUNT),
	REGION(auto_grow_npages, FIELD_COUNT),
	REGION(best_fit, FIELD_YES),
	REGION(held_npages, FIELD_COUNT),
	REGION(rights, FIELD_RIGHTS),
	FIELD_OF_WORDS(paclient_region, death, paclient_death_name),
	REGION(quarantine_ms, FIELD_COUNT),
	REGION(low_npages, FIELD_COUNT),
	FIELD_OF_WORDS(paclient_region, backing, paclient_backing_name),
	FIELD_OF_WORDS(paclient_region, commit, paclient_commit_name),
	REGION(backing_page_bytes, FIELD_COUNT),
	REGION(sanitize, FIELD_YES),
	REGION(releases, FIELD_YES),
	FIELD_OF_WORDS(paclient_region, durability, paclient_durability_name),
	REGION(generation, FIELD_COUNT),
};
const struct dump_table dump_region_table = TABLE(region_fields);

static const struct field reading_fields[] = {
	FIELD_MUST(dump_region, nranges, FIELD_COUNT),
	FIELD_MUST(dump_region, settled, FIELD_YES),
};
const struct dump_table dump_reading_table = TABLE(reading_fields);

static const struct field daemon_fields[] = {
	FIELD(paclient_daemon_stat, pid, FIELD_NUMBER),
	FIELD_OF_TEXT(paclient_daemon_stat, store_failure),
};
const struct dump_table dump_daemon_table = TABLE(daemon_fields);

static const struct field stat_fields[] = {
	FIELD(paclient_region_stat, fragmentation_ppm, FIELD_COUNT),
	FIELD_OF_WORDS(paclient_region_stat, scavenger, paclient_scavenger_name),
	FIELD_OF_WORDS(paclient_region_stat, durability, paclient_durability_name),
	FIELD_OF_TEXT(paclient_region_stat, store_failure),
};
const struct dump_table dump_stat_table = TABLE(stat_fields);

static const struct field runs_fields[] = {
	FIELD_MUST(paclient_free_runs, free_npages, FIELD_COUNT),
	FIELD_MUST(paclient_free_runs, largest_npages, FIELD_COUNT),
	FIELD_MUST(paclient_free_runs, fragmentation_ppm, FIELD_COUNT),
};
const struct dump_table dump_runs_table = TABLE(runs_fields);

#define SESSION(name, kind) FIELD(paclient_session, name, kind)
static const struct field session_fields[] = {
	FIELD_MUST(paclient_session, id, FIELD_COUNT),
	FIELD_MUST(paclient_session, uid, FIELD_NUMBER),
	SESSION(pid, FIELD_NUMBER),
	FIELD_OF_WORDS(paclient_session, state, paclient_session_state_name),
	FIELD_OF_TEXT(paclient_session, client_name),
	FIELD_OF_TEXT(paclient_session, command),
	SESSION(age_usec, FIELD_COUNT),
	SESSION(nextents, FIELD_COUNT),
	SESSION(npages, FIELD_COUNT),
	SESSION(held_bytes, FIELD_COUNT),
	SESSION(queued_bytes, FIELD_COUNT),
	SESSION(grace_ms, FIELD_COUNT),
	SESSION(remaining_ms, FIELD_COUNT),
	SESSION(nshares, FIELD_COUNT),
};
const struct dump_table dump_session_table = TABLE(session_fields);

static const struct field quota_fields[] = {
	FIELD_OF_TEXT(paclient_quota, name),
	FIELD_MUST(paclient_quota, limit, FIELD_COUNT),
	FIELD_MUST(paclient_quota, used, FIELD_COUNT),
};
const struct dump_table dump_quota_table = TABLE(quota_fields);

#define USER(name) FIELD(paclient_user_stat, name, FIELD_COUNT)
static const struct field user_fields[] = {
	FIELD_MUST(paclient_user_stat, uid, FIELD_NUMBER),
	USER(nsessions),
	USER(nconnections),
	USER(nwaiting),
	USER(queued_bytes),
	USER(npages),
	USER(nextents),
};
const struct dump_table dump_user_table = TABLE(user_fields);

static const struct field range_fields[] = {
	FIELD_MUST(paclient_range, addr, FIELD_ADDR),
	FIELD_MUST(paclient_range, npages, FIELD_COUNT),
};
const struct dump_table dump_range_table = TABLE(range_fields);

static const struct field extent_fields[] = {
	FIELD_MUST(paclient_extent, addr, FIELD_ADDR),
	FIELD_MUST(paclient_extent, npages, FIELD_COUNT),
	FIELD(paclient_extent, session_id, FIELD_COUNT),
	FIELD_MUST(paclient_extent, uid, FIELD_NUMBER),
	FIELD_MUST(paclient_extent, nholders, FIELD_NUMBER),
	FIELD(paclient_extent, quarantined, FIELD_YES),
	FIELD_OF_TEXT(paclient_extent, name),
	FIELD_OF_TEXT(paclient_extent, label),
};
const struct dump_table dump_extent_table = TABLE(extent_fields);

static const struct field share_fields[] = {
	FIELD_MUST(dump_share, addr, FIELD_ADDR),
	FIELD_MUST(dump_share, session_id, FIELD_COUNT),
};
const struct dump_table dump_share_table = TABLE(share_fields);

static const struct field error_fields[] = {
	FIELD_OF_WORDS(paclient_error, status, paclient_status_name),
	FIELD_OF_TEXT(paclient_error, field),
	FIELD_OF_TEXT(paclient_error, message),
};
const struct dump_table dump_error_table = TABLE(error_fields);
