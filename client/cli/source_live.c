/*
 * source_live - the source that is a daemon
 *
 * Role:       hands the questions on, and keeps the lists until the end.
 * Uses:       source.h
 */
#include "client/cli/source.h"

#include <stdlib.h>
#include <unistd.h>

/* What is given back at the end. */
struct kept {
	struct kept *next;
	struct paclient_region_list *regions;
	struct paclient_range_list *ranges;
	struct paclient_session_list *sessions;
	struct paclient_quota_list *quotas;
	struct paclient_user_list *users;
	struct paclient_findings *findings;
};

struct live {
	struct source source; /* first: the questions find the rest from here */
	paclient *pa;
	struct kept *kept;
	struct paclient_usage *usage; /* the last one */
};

static paclient *client(struct source *s)
{
	return ((struct live *)s)->pa;
}

/* Room for a list; NULL, and told in @call: there is no memory. */
static struct kept *keep(struct source *s, struct paclient_call *call)
{
	struct live *l = (struct live *)s;
	struct kept *k = calloc(1, sizeof(*k));

	if (!k) {
		call->error = (struct paclient_error){.status = PACLIENT_OUT_OF_MEMORY,
						      .message = "no memory for a list"};
		return NULL;
	}
	k->next = l->kept;
	l->kept = k;
	return k;
}

static int live_regions(struct source *s, const struct paclient_region_list **ret,
			struct paclient_call *call)
{
	struct kept *k = keep(s, call);

	if (!k || paclient_regions(client(s), &k->regions, call))
		return call->error.status;
	*ret = k->regions;
	return 0;
}

static int live_region_by_name(struct source *s, const char *name, struct paclient_region *ret,
			       struct paclient_call *call)
{
	return paclient_region_by_name(client(s), name, ret, call);
}

static int live_ranges(struct source *s, uint32_t region_id, enum source_ranges which,
		       const struct paclient_range_list **ret, struct paclient_call *call)
{
	struct kept *k = keep(s, call);
	int status = PACLIENT_OUT_OF_MEMORY;

	if (!k)
		return status;
	switch (which) {
	case SOURCE_GROWN:
		status = paclient_region_ranges(client(s), region_id, &k->ranges, call);
		break;
	case SOURCE_RESERVED:
		status = paclient_region_reserved(client(s), region_id, &k->ranges, call);
		break;
	case SOURCE_DRAINED:
		status = paclient_region_drained(client(s), region_id, &k->ranges, call);
		break;
	}
	if (!status)
		*ret = k->ranges;
	return status;
}

static int live_stat_daemon(struct source *s, struct paclient_daemon_stat *ret,
			    struct paclient_call *call)
{
	return paclient_stat_daemon(client(s), ret, call);
}

static int live_stat_region(struct source *s, uint32_t region_id, struct paclient_region_stat *ret,
			    struct paclient_call *call)
{
	return paclient_stat_region(client(s), region_id, ret, call);
}

static int live_free_runs(struct source *s, uint32_t region_id, struct paclient_free_runs *ret,
			  struct paclient_call *call)
{
	return paclient_free_runs(client(s), region_id, ret, call);
}

static const uint64_t *live_scavenged(const struct source *s)
{
	return paclient_usage_scavenged(((const struct live *)s)->usage);
}

static int live_usage_map(struct source *s, uint32_t region_id, uint64_t addr, uint64_t npages,
			  uint32_t ncells, const struct paclient_usage **ret,
			  struct paclient_call *call)
{
	struct live *l = (struct live *)s;

	paclient_usage_free(l->usage);
	l->usage = NULL;
	if (paclient_usage_map(l->pa, region_id, addr, npages, ncells, &l->usage, call))
		return call->error.status;
	*ret = l->usage;
	return 0;
}

static int live_lookup(struct source *s, uint32_t region_id, const char *name,
		       struct paclient_extent *ret, struct paclient_call *call)
{
	return paclient_lookup(client(s), region_id, name, ret, call);
}

static int live_list_each(struct source *s, uint32_t region_id,
			  const struct paclient_list_filter *filter, paclient_extent_fn *each,
			  void *ctx, struct paclient_call *call)
{
	return paclient_list_each(client(s), region_id, filter, each, ctx, call);
}

static int live_sessions(struct source *s, uint32_t region_id,
			 const struct paclient_session_list **ret, struct paclient_call *call)
{
	struct kept *k = keep(s, call);

	if (!k || paclient_sessions(client(s), region_id, &k->sessions, call))
		return call->error.status;
	*ret = k->sessions;
	return 0;
}

static int live_quotas(struct source *s, uint32_t region_id, const struct paclient_quota_list **ret,
		       struct paclient_call *call)
{
	struct kept *k = keep(s, call);

	if (!k || paclient_quotas(client(s), region_id, &k->quotas, call))
		return call->error.status;
	*ret = k->quotas;
	return 0;
}

static int live_users(struct source *s, uint32_t region_id, const struct paclient_user_list **ret,
		      struct paclient_call *call)
{
	struct kept *k = keep(s, call);

	if (!k || paclient_users(client(s), region_id, &k->users, call))
		return call->error.status;
	*ret = k->users;
	return 0;
}

static int live_why(struct source *s, uint32_t region_id, uint64_t npages,
		    const struct paclient_placement *where, struct paclient_why *ret,
		    struct paclient_call *call)
{
	return paclient_why(client(s), region_id, npages, where, ret, call);
}

static int live_fit(struct source *s, uint32_t region_id, uint64_t npages,
		    const struct paclient_placement *where, uint64_t *ret_nextents,
		    struct paclient_call *call)
{
	return paclient_fit(client(s), region_id, npages, where, ret_nextents, call);
}

static int live_check(struct source *s, uint32_t region_id, const struct paclient_findings **ret,
		      struct paclient_call *call)
{
	struct kept *k = keep(s, call);

	if (!k || paclient_check(client(s), region_id, &k->findings, call))
		return call->error.status;
	*ret = k->findings;
	return 0;
}

static void live_close(struct source *s)
{
	struct live *l = (struct live *)s;

	for (struct kept *k = l->kept, *next; k; k = next) {
		next = k->next;
		paclient_regions_free(k->regions);
		paclient_ranges_free(k->ranges);
		paclient_sessions_free(k->sessions);
		paclient_quotas_free(k->quotas);
		paclient_users_free(k->users);
		paclient_findings_free(k->findings);
		free(k);
	}
	paclient_usage_free(l->usage);
	paclient_close(l->pa);
	free(l);
}

static const struct source_ops live_ops = {
	.regions = live_regions,
	.region_by_name = live_region_by_name,
	.ranges = live_ranges,
	.stat_daemon = live_stat_daemon,
	.stat_region = live_stat_region,
	.free_runs = live_free_runs,
	.usage_map = live_usage_map,
	.scavenged = live_scavenged,
	.lookup = live_lookup,
	.list_each = live_list_each,
	.sessions = live_sessions,
	.quotas = live_quotas,
	.users = live_users,
	.why = live_why,
	.fit = live_fit,
	.check = live_check,
	.close = live_close,
};

struct source *source_live_new(paclient *pa)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l) {
		paclient_close(pa);
		return NULL;
	}
	l->pa = pa;
	l->source = (struct source){.ask = &live_ops,
				    .server = paclient_server_name(pa),
				    .session_id = paclient_session_id(pa),
				    .uid = (uint32_t)geteuid(),
				    .batch_max = paclient_batch_max(pa),
				    .uncompared = "nothing is kept"};
	return &l->source;
}

int source_live_open(const struct cli *cli, struct source **ret)
{
	paclient *pa;
	int err = cli_open(cli, &pa);

	if (err)
		return err;
	*ret = source_live_new(pa);
	return *ret ? 0 : system_error(cli, "no memory for a connection");
}
