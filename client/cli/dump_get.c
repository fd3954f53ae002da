/*
 * dump_get - a dump of a daemon
 *
 * Role:       asks all that there is to ask. A region is asked for its counters before and after the rest: where they differ it is
 *             asked again.
 * Uses:       dump.h, fields.h, source.h
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/dump.h"
#include "client/cli/fields.h"
#include "client/cli/source.h"

/* How often a region is read that changes under our hands. */
#define ATTEMPTS_MAX 5

/* In the midst of asking. */
struct getting {
	const struct cli *cli;
	paclient *pa;
	uint32_t region_id; /* 0: the daemon */
	struct dump_region *r;
	struct dump_about *about;
	uint64_t session_id; /* whose shares are listed */
	bool no_memory;
};

static int memory_error(const struct cli *cli)
{
	return system_error(cli, "no memory for the dump");
}

/* What may not be asked, cannot be answered, or has gone since it was listed, is kept as a refusal. */
static bool is_kept(int status)
{
	switch (status) {
	case PACLIENT_DENIED:
	case PACLIENT_FAULTED:
	case PACLIENT_UNKNOWN_VERB:
	case PACLIENT_NO_REGION:
	case PACLIENT_STALE:
		return true;
	default:
		return false;
	}
}

/* Return: 0 or an exit code, already told. */
static int failed(const struct getting *g, enum dump_part part, const struct paclient_error *e)
{
	if (!is_kept(e->status))
		return call_error(g->cli, e);
	return dump_refuse(g->about, part, e) ? 0 : memory_error(g->cli);
}

/* Items as a list has them: by pointers to structs of this size. Return: 0 or an exit code, already told. */
static int items_copy(const struct getting *g, struct dump_items *to, size_t item_bytes,
		      const void *const *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *item = dump_item_add(to, item_bytes);

		if (!item)
			return memory_error(g->cli);
		memcpy(item, from[i], item_bytes);
	}
	return 0;
}

static int sessions_get(const struct getting *g)
{
	struct paclient_session_list *list;
	struct paclient_call call;
	int err;

	call_init(g->cli, &call);
	if (paclient_sessions(g->pa, g->region_id, &list, &call))
		return failed(g, DUMP_SESSIONS, &call.error);
	err = items_copy(g, &g->about->sessions, sizeof(struct paclient_session),
			 (const void *const *)list->sessions, list->nsessions);
	paclient_sessions_free(list);
	return err;
}

static int quotas_get(const struct getting *g)
{
	struct paclient_quota_list *list;
	struct paclient_call call;
	int err;

	call_init(g->cli, &call);
	if (paclient_quotas(g->pa, g->region_id, &list, &call))
		return failed(g, DUMP_QUOTAS, &call.error);
	err = items_copy(g, &g->about->quotas, sizeof(struct paclient_quota),
			 (const void *const *)list->quotas, list->nquotas);
	paclient_quotas_free(list);
	return err;
}

static int users_get(const struct getting *g)
{
	struct paclient_user_list *list;
	struct paclient_call call;
	int err;

	call_init(g->cli, &call);
	if (paclient_users(g->pa, g->region_id, &list, &call))
		return failed(g, DUMP_USERS, &call.error);
	err = items_copy(g, &g->about->users, sizeof(struct paclient_user_stat),
			 (const void *const *)list->users, list->nusers);
	paclient_users_free(list);
	return err;
}

static int about_get(const struct getting *g)
{
	int err = quotas_get(g);

	if (!err)
		err = users_get(g);
	return err ? err : sessions_get(g);
}

static int ranges_get(const struct getting *g, enum source_ranges which)
{
	int (*const ask[])(paclient *, uint32_t, struct paclient_range_list **,
			   struct paclient_call *) = {
		[SOURCE_GROWN] = paclient_region_ranges,
		[SOURCE_RESERVED] = paclient_region_reserved,
		[SOURCE_DRAINED] = paclient_region_drained,
	};
	struct paclient_range_list *list;
	struct paclient_call call;
	int err = 0;

	call_init(g->cli, &call);
	if (ask[which](g->pa, g->region_id, &list, &call))
		return which == SOURCE_GROWN ? failed(g, DUMP_INFO, &call.error)
					     : call_error(g->cli, &call.error);
	if (which == SOURCE_GROWN)
		g->r->nranges = list->nranges_total;
	for (size_t i = 0; !err && i < list->nranges; i++) {
		struct paclient_range *x = dump_item_add(&g->r->ranges[which], sizeof(*x));

		if (x)
			*x = list->ranges[i];
		else
			err = memory_error(g->cli);
	}
	paclient_ranges_free(list);
	return err;
}

static int on_extent(const struct paclient_extent *x, void *ctx)
{
	struct getting *g = ctx;

	g->no_memory = !dump_extent_add(g->r, x);
	return g->no_memory;
}

static int on_share(const struct paclient_extent *x, void *ctx)
{
	struct getting *g = ctx;
	struct dump_share *share;

	if (x->session_id == g->session_id)
		return 0;
	share = dump_item_add(&g->r->shares, sizeof(*share));
	if (share)
		*share = (struct dump_share){x->addr, g->session_id};
	g->no_memory = !share;
	return g->no_memory;
}

static int extents_get(struct getting *g)
{
	struct paclient_call call;

	call_init(g->cli, &call);
	if (paclient_list_each(g->pa, g->region_id, NULL, on_extent, g, &call))
		return failed(g, DUMP_EXTENTS, &call.error);
	return g->no_memory ? memory_error(g->cli) : 0;
}

/* Who shares what is said only where one asks for a session's extents. */
static int shares_get(struct getting *g)
{
	struct paclient_list_filter filter = PACLIENT_LIST_FILTER_INIT;
	const struct paclient_session *s = g->about->sessions.items;
	struct paclient_call call;

	for (size_t i = 0; i < g->about->sessions.n; i++) {
		if (!s[i].nshares)
			continue;
		filter.session_id = g->session_id = s[i].id;
		call_init(g->cli, &call);
		/* One that has ended meanwhile shares nothing any more; the counters tell. */
		if (paclient_list_each(g->pa, g->region_id, &filter, on_share, g, &call) &&
		    call.error.status != PACLIENT_NO_SESSION)
			return call_error(g->cli, &call.error);
		if (g->no_memory)
			return memory_error(g->cli);
	}
	return 0;
}

static int stat_get(const struct getting *g, struct paclient_region_stat *ret)
{
	struct paclient_call call;

	call_init(g->cli, &call);
	ret->size = sizeof(*ret);
	return paclient_stat_region(g->pa, g->region_id, ret, &call)
		       ? failed(g, DUMP_STAT, &call.error)
		       : 0;
}

static int runs_get_one(const struct getting *g)
{
	struct paclient_call call;

	call_init(g->cli, &call);
	g->r->runs.size = sizeof(g->r->runs);
	return paclient_free_runs(g->pa, g->region_id, &g->r->runs, &call)
		       ? failed(g, DUMP_RUNS, &call.error)
		       : 0;
}

static int info_get(const struct getting *g, const struct paclient_region *info)
{
	struct paclient_call call;

	g->r->info = *info;
	call_init(g->cli, &call);
	/* Where that cannot be had the list of regions has said what there is to say. */
	return paclient_region_info(g->pa, g->region_id, &g->r->info, &call) &&
			       !is_kept(call.error.status)
		       ? call_error(g->cli, &call.error)
		       : 0;
}

/* Counters that rise with every change, and sums that each change of another kind changes. What is busy will be free, or not. */
static bool is_settled(const struct paclient_region_stat *was,
		       const struct paclient_region_stat *is)
{
	return was->generation == is->generation && was->allocs_total == is->allocs_total &&
	       was->frees_total == is->frees_total && was->reclaims_total == is->reclaims_total &&
	       was->grows_total == is->grows_total && was->shrinks_total == is->shrinks_total &&
	       was->nextents == is->nextents && was->nshares == is->nshares &&
	       was->nnamed == is->nnamed && was->free_npages == is->free_npages &&
	       was->held_npages == is->held_npages && was->session_npages == is->session_npages &&
	       was->detached_npages == is->detached_npages &&
	       was->quarantined_npages == is->quarantined_npages && !is->busy_npages;
}

static int region_get_once(struct getting *g, const struct paclient_region *info)
{
	struct paclient_region_stat after = {0};
	int err = stat_get(g, &g->r->stat);

	if (!err)
		err = info_get(g, info);
	for (int which = SOURCE_GROWN; !err && which <= SOURCE_DRAINED; which++) {
		if (!dump_refused(g->about, DUMP_INFO))
			err = ranges_get(g, (enum source_ranges)which);
	}
	if (!err)
		err = about_get(g);
	if (!err)
		err = extents_get(g);
	if (!err && !dump_refused(g->about, DUMP_EXTENTS))
		err = shares_get(g);
	if (!err)
		err = runs_get_one(g);
	if (!err && !dump_refused(g->about, DUMP_STAT))
		err = stat_get(g, &after);
	g->r->settled = is_settled(&g->r->stat, &after);
	/* The counters of before go with what was told first. */
	return err;
}

int dump_region_get(const struct cli *cli, paclient *pa, const struct paclient_region *info,
		    struct dump_region *r)
{
	struct getting g = {
		.cli = cli, .pa = pa, .region_id = info->id, .r = r, .about = &r->about};
	int err = 0;

	for (int i = 0; !err && !r->settled && i < ATTEMPTS_MAX; i++) {
		dump_region_deinit(r);
		*r = (struct dump_region){.settled = false};
		err = region_get_once(&g, info);
	}
	return err;
}

/* As the daemon decides it: root, and its own user. Where /proc does not show whose it is, those of others that are listed do. */
static bool sees_all(const struct dump *d)
{
	const struct paclient_session *s = d->about.sessions.items;
	char path[64];
	struct stat st;

	for (size_t i = 0; i < d->about.sessions.n; i++) {
		if (s[i].uid != d->head.uid)
			return true;
	}
	snprintf(path, sizeof(path), "/proc/%" PRIu32, d->stat.pid);
	return !d->head.uid || (!stat(path, &st) && st.st_uid == d->head.uid);
}

int dump_head_get(const struct cli *cli, paclient *pa, struct dump *d)
{
	struct getting g = {.cli = cli, .pa = pa, .about = &d->about};
	struct dump_head *head = &d->head;
	struct paclient_call call;
	time_t now = time(NULL);
	struct tm tm;
	int err;

	*head = (struct dump_head){.session_id = paclient_session_id(pa),
				   .uid = (uint32_t)geteuid(),
				   .batch_max = paclient_batch_max(pa)};
	if (gmtime_r(&now, &tm))
		strftime(head->time, sizeof(head->time), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(head->client, sizeof(head->client), "%s", paclient_version());
	snprintf(head->server, sizeof(head->server), "%s", paclient_server_name(pa));
	call_init(cli, &call);
	d->stat.size = sizeof(d->stat);
	if (paclient_stat_daemon(pa, &d->stat, &call))
		return call_error(cli, &call.error);
	err = about_get(&g);
	head->sees_sessions = sees_all(d);
	return err;
}
