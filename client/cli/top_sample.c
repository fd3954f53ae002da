/*
 * top_sample - what a daemon is doing, and has done since one last looked
 *
 * Role:       asks for regions, sessions and users; rates from two samples; a daemon that is away is a sample, too.
 * Uses:       top.h, the library
 */
#include "client/cli/top.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void top_sample_deinit(struct top_sample *s)
{
	free(s->regions);
	free(s->sessions);
	free(s->users);
	free(s->cells);
	s->regions = NULL;
	s->sessions = s->users = NULL;
	s->cells = NULL;
	s->nregions = s->nsessions = s->nusers = s->ncells = 0;
}

static uint64_t usec_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static double rate(const struct top_sample *s, uint64_t before, uint64_t now)
{
	if (!s->interval_usec)
		return RATE_UNKNOWN;
	/* Counters only fall where somebody has begun anew. */
	return now < before ? 0 : (double)(now - before) * 1e6 / (double)s->interval_usec;
}

static uint64_t refusals_of(const struct paclient_region_stat *r)
{
	return r->no_space_total + r->quota_refusals_total + r->no_memory_total;
}

static const struct top_region *region_before(const struct top_sample *before, uint32_t id)
{
	for (size_t i = 0; i < before->nregions; i++) {
		if (before->regions[i].stat.id == id)
			return &before->regions[i];
	}
	return NULL;
}

static void region_rates(const struct top_sample *s, const struct top_sample *before,
			 struct top_region *r)
{
	const struct top_region *was = s->interval_usec ? region_before(before, r->stat.id) : NULL;

	r->allocs = r->frees = r->refusals = RATE_UNKNOWN;
	if (!was)
		return;
	r->allocs = rate(s, was->stat.allocs_total, r->stat.allocs_total);
	r->frees = rate(s, was->stat.frees_total + was->stat.reclaims_total,
			r->stat.frees_total + r->stat.reclaims_total);
	r->refusals = rate(s, refusals_of(&was->stat), refusals_of(&r->stat));
}

/* It was there when the regions were listed, and is not any more. */
static bool region_gone(int status)
{
	return status == PACLIENT_NO_REGION || status == PACLIENT_STALE;
}

/* Return: status. */
static int regions_get(paclient *pa, const struct top_view *view, const struct top_sample *before,
		       struct top_sample *s, struct paclient_call *call)
{
	struct paclient_region_list *list;
	int status = paclient_regions(pa, &list, call);

	if (status)
		return status;
	s->regions = calloc(list->nregions + 1, sizeof(*s->regions));
	for (size_t i = 0; s->regions && i < list->nregions; i++) {
		struct top_region *r = &s->regions[s->nregions];

		if (view->region && strcmp(list->regions[i]->name, view->region) != 0)
			continue;
		r->stat.size = sizeof(r->stat);
		status = paclient_stat_region(pa, list->regions[i]->id, &r->stat, call);
		if (region_gone(status))
			continue;
		if (status)
			break;
		r->faulted = list->regions[i]->faulted;
		region_rates(s, before, r);
		s->nregions++;
	}
	paclient_regions_free(list);
	return region_gone(status) ? 0 : status;
}

/* Those of the one region alone, if it is one; our own session is nobody's business. Return: status. */
static int sessions_get(paclient *pa, const struct top_view *view, struct top_sample *s,
			struct paclient_call *call)
{
	uint32_t id = view->region && s->nregions ? s->regions[0].stat.id : 0;
	uint64_t page = id ? s->regions[0].stat.page_size_bytes : 0;
	struct paclient_session_list *list;
	int status = paclient_sessions(pa, id, &list, call);

	if (status)
		return status == PACLIENT_UNKNOWN_VERB || region_gone(status) ? 0 : status;
	s->sessions = calloc(list->nsessions + 1, sizeof(*s->sessions));
	for (size_t i = 0; s->sessions && i < list->nsessions; i++) {
		const struct paclient_session *x = list->sessions[i];
		struct top_holder *h = &s->sessions[s->nsessions];

		if (x->id == paclient_session_id(pa))
			continue;
		*h = (struct top_holder){.id = x->id,
					 .uid = x->uid,
					 .pid = x->pid,
					 .state = x->state,
					 .age_usec = x->age_usec,
					 .nextents = x->nextents,
					 .bytes = page ? pages_bytes(x->npages, page)
						       : x->held_bytes};
		memcpy(h->command, x->command[0] ? x->command : x->client_name, sizeof(h->command));
		s->nsessions++;
	}
	paclient_sessions_free(list);
	return 0;
}

static struct top_holder *user_find(struct top_sample *s, uint32_t uid)
{
	struct top_holder *more;

	for (size_t i = 0; i < s->nusers; i++) {
		if (s->users[i].uid == uid)
			return &s->users[i];
	}
	more = realloc(s->users, (s->nusers + 1) * sizeof(*more));
	if (!more)
		return NULL;
	s->users = more;
	s->users[s->nusers] = (struct top_holder){.uid = uid};
	return &s->users[s->nusers++];
}

/* What users and their sessions hold in each of the regions. Return: status. */
static int users_get(paclient *pa, struct top_sample *s, struct paclient_call *call)
{
	struct paclient_user_list *list;

	for (size_t i = 0; i < s->nregions; i++) {
		const struct paclient_region_stat *r = &s->regions[i].stat;
		int status = paclient_users(pa, r->id, &list, call);

		if (status == PACLIENT_UNKNOWN_VERB)
			return 0;
		if (region_gone(status))
			continue;
		if (status)
			return status;
		for (size_t k = 0; k < list->nusers; k++) {
			const struct paclient_user_stat *u = list->users[k];
			struct top_holder *h = user_find(s, u->uid);

			if (!h)
				break;
			h->nsessions = u->nsessions;
			h->nextents += u->nextents;
			h->bytes += pages_bytes(u->npages, r->page_size_bytes);
		}
		paclient_users_free(list);
	}
	return 0;
}

/* Return: status. */
static int cells_get(paclient *pa, const struct top_view *view, unsigned ncells,
		     struct top_sample *s, struct paclient_call *call)
{
	struct paclient_usage *usage;
	int status;

	if (!view->region || !s->nregions || !ncells)
		return 0;
	status = paclient_usage_map(pa, s->regions[0].stat.id, 0, 0, ncells, &usage, call);
	if (status)
		return region_gone(status) ? 0 : status;
	s->cells = usage->cells;
	s->ncells = usage->ncells;
	usage->cells = NULL;
	paclient_usage_free(usage);
	return 0;
}

/* Return: status. */
static int all_get(paclient *pa, const struct top_view *view, unsigned ncells,
		   const struct top_sample *before, struct top_sample *s,
		   struct paclient_call *call)
{
	int status;

	s->daemon.size = sizeof(s->daemon);
	status = paclient_stat_daemon(pa, &s->daemon, call);
	if (status)
		return status;
	snprintf(s->server, sizeof(s->server), "%s", paclient_server_name(pa));
	if (before->server[0] && before->daemon.pid != s->daemon.pid)
		s->nrestarts++;
	else if (before->connected)
		s->interval_usec = s->mono_usec - before->mono_usec;
	s->requests = rate(s, before->daemon.requests_total, s->daemon.requests_total);
	s->refusals = rate(s, before->daemon.refusals_total, s->daemon.refusals_total);
	s->cpu_percent = rate(s, before->daemon.cpu_usec_total, s->daemon.cpu_usec_total) / 1e4;
	status = regions_get(pa, view, before, s, call);
	if (!status)
		status = sessions_get(pa, view, s, call);
	if (!status)
		status = users_get(pa, s, call);
	if (!status)
		status = cells_get(pa, view, ncells, s, call);
	return status;
}

/* What another attempt may mend: nobody answers, or not in time, or not us. */
static bool may_pass(int status)
{
	switch (status) {
	case PACLIENT_NOT_CONNECTED:
	case PACLIENT_DISCONNECTED:
	case PACLIENT_TIMED_OUT:
	case PACLIENT_OVERLOADED:
	case PACLIENT_TOO_SLOW:
	case PACLIENT_SESSION_ENDED:
	case PACLIENT_NO_SESSION:
	case PACLIENT_NO_MEMORY:
	case PACLIENT_FAULTED:
	case PACLIENT_QUOTA:
		return true;
	default:
		return false;
	}
}

int top_sample_get(struct cli *cli, paclient **pa, const struct top_view *view, unsigned ncells,
		   const struct top_sample *before, struct top_sample *ret)
{
	struct paclient_options options = PACLIENT_OPTIONS_INIT;
	struct paclient_call call;
	int status = 0;

	*ret = (struct top_sample){.wall_usec = usec_now(CLOCK_REALTIME),
				   .mono_usec = usec_now(CLOCK_MONOTONIC),
				   .nrestarts = before->nrestarts};
	call_init(cli, &call);
	options.timeout_ms = cli->timeout_ms;
	/* A daemon that is away shall be seen to be away; and the session holds nothing that would be worth keeping. */
	options.no_reconnect = true;
	if (!*pa)
		status = paclient_open(cli_socket(cli), &options, pa, &call);
	if (!status)
		status = all_get(*pa, view, ncells, before, ret, &call);
	ret->connected = !status;
	if (!status)
		return 0;
	paclient_close(*pa);
	*pa = NULL;
	/* Half of what there is to see is none of it. */
	top_sample_deinit(ret);
	ret->interval_usec = 0;
	ret->requests = ret->refusals = ret->cpu_percent = RATE_UNKNOWN;
	/* Whom it will be compared with when it is back. */
	ret->daemon = before->daemon;
	memcpy(ret->server, before->server, sizeof(ret->server));
	snprintf(ret->failure, sizeof(ret->failure), "%s", call.error.message);
	return may_pass(status) ? 0 : call_error(cli, &call.error);
}

/* 0: all that is compared is the same. */
static int holder_order(const struct top_holder *a, const struct top_holder *b, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_SIZE:
		return a->bytes < b->bytes ? 1 : a->bytes > b->bytes ? -1 : 0;
	case TOP_BY_EXTENTS:
		return a->nextents < b->nextents ? 1 : a->nextents > b->nextents ? -1 : 0;
	case TOP_BY_AGE:
		return a->age_usec < b->age_usec ? 1 : a->age_usec > b->age_usec ? -1 : 0;
	case TOP_BY_USER:
		return a->uid < b->uid ? -1 : a->uid > b->uid;
	case TOP_NSORTS:
		break;
	}
	return 0;
}

static int holder_compare(const void *a, const void *b, void *sort)
{
	const struct top_holder *x = a, *y = b;
	int order = holder_order(x, y, *(enum top_sort *)sort);

	/* The same in every sample, so that lines stay where they are. */
	if (!order)
		order = holder_order(x, y, TOP_BY_SIZE);
	if (!order)
		order = x->id < y->id ? -1 : x->id > y->id;
	return order ? order : x->uid < y->uid ? -1 : x->uid > y->uid;
}

void top_holders_sort(struct top_holder *holders, size_t n, enum top_sort sort)
{
	if (n)
		qsort_r(holders, n, sizeof(*holders), holder_compare, &sort);
}
