/*
 * info - ListRegions, RegionInfo, Stat, Quotas
 *
 * Role:       what tells and changes nothing.
 * Uses:       rpc/verb.h
 */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backing/backing.h"
#include "base/clock.h"
#include "rpc/scavenger.h"
#include "rpc/verb.h"
#include "store/store.h"

enum pallocd_status list_regions_serve(struct call *c)
{
	const struct regions *rs = c->rpc->regions;
	uint32_t after = c->req->list_regions->after, n;
	const struct region *last = regions_by_number(rs, REGION_WIRE_NUMBER(after));
	Pallocd__V1__ListRegionsReply *reply = c->reply.list_regions;
	enum pallocd_status status;
	Pallocd__V1__Region *regions;

	/* They are in the order of the configuration; what a reload brings comes last. */
	if (after)
		after = last ? last->id : rs->n;
	n = rs->n - after;
	if (n > PALLOCD_LIST_REGIONS_MAX)
		n = PALLOCD_LIST_REGIONS_MAX;
	regions = call_take(c, n, sizeof(*regions));
	if (!regions)
		return call_no_memory(c);
	reply->regions = call_take(c, n, sizeof(Pallocd__V1__Region *));
	if (!reply->regions)
		return call_no_memory(c);
	for (; after < rs->n && reply->n_regions < n; after++) {
		if (rs->table[after]->closed)
			continue;
		status = call_fill_region(c, rs->table[after], &regions[reply->n_regions]);
		if (status)
			return status;
		reply->regions[reply->n_regions] = &regions[reply->n_regions];
		reply->n_regions++;
	}
	while (after < rs->n && rs->table[after]->closed)
		after++;
	reply->more = after < rs->n;
	return PALLOCD_OK;
}

static enum pallocd_status fill_ranges(struct call *c, const struct region *r,
				       Pallocd__V1__RegionInfoReply *reply)
{
	size_t nranges = region_nranges(r), n = nranges;

	if (n > PALLOCD_INFO_RANGES_MAX)
		n = PALLOCD_INFO_RANGES_MAX;
	reply->range_addr = call_take(c, n, sizeof(uint64_t));
	reply->range_npages = call_take(c, n, sizeof(uint64_t));
	if (!reply->range_addr || !reply->range_npages)
		return call_no_memory(c);
	for (size_t i = 0; i < n; i++)
		region_range(r, i, &reply->range_addr[i], &reply->range_npages[i]);
	reply->n_range_addr = n;
	reply->n_range_npages = n;
	reply->nranges = nranges;
	return PALLOCD_OK;
}

/* Q2: the lists of a RegionInfoReply, at 16 bytes an entry, fit a frame together. */
_Static_assert(REGION_RANGES_MAX <= PALLOCD_INFO_RANGES_MAX,
	       "all reserved and drained ranges are listed");

static enum pallocd_status fill_held(struct call *c, const struct region *r,
				     Pallocd__V1__RegionInfoReply *reply)
{
	size_t nreserved = region_nreserved(r), ndrained = region_ndrained(r);

	reply->reserved_addr = call_take(c, nreserved, sizeof(uint64_t));
	reply->reserved_npages = call_take(c, nreserved, sizeof(uint64_t));
	reply->drained_addr = call_take(c, ndrained, sizeof(uint64_t));
	reply->drained_npages = call_take(c, ndrained, sizeof(uint64_t));
	if (!reply->reserved_addr || !reply->reserved_npages || !reply->drained_addr ||
	    !reply->drained_npages)
		return call_no_memory(c);
	for (size_t i = 0; i < nreserved; i++)
		region_reserved(r, i, &reply->reserved_addr[i], &reply->reserved_npages[i]);
	for (size_t i = 0; i < ndrained; i++)
		region_drained(r, i, &reply->drained_addr[i], &reply->drained_npages[i]);
	reply->n_reserved_addr = reply->n_reserved_npages = nreserved;
	reply->n_drained_addr = reply->n_drained_npages = ndrained;
	return PALLOCD_OK;
}

enum pallocd_status region_info_serve(struct call *c)
{
	const Pallocd__V1__RegionInfo *m = c->req->region_info;
	Pallocd__V1__RegionInfoReply *reply = c->reply.region_info;
	Pallocd__V1__Region *region = call_take(c, 1, sizeof(*region));
	enum pallocd_status status;
	struct region *r;

	if (!region)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	status = call_fill_region(c, r, region);
	reply->region = region;
	if (!status)
		status = fill_ranges(c, r, reply);
	if (!status)
		status = fill_held(c, r, reply);
	return status;
}

static uint64_t queued_bytes(const struct regions *rs)
{
	uint64_t sum = 0;

	list_for_each (link, &rs->users)
		sum += list_entry(link, struct user, in_regions)->queued_bytes;
	return sum;
}

/* protobuf-c does not write through it; strerror()'s lives until the reply is packed. */
static char *failure_text(int err)
{
	return (char *)(uintptr_t)(err ? strerror(-err) : "");
}

static void fill_store_stat(const struct rpc *rpc, Pallocd__V1__DaemonStat *ret)
{
	int err = commit_failing(rpc, REGION_DURABILITY_MACHINE);
	struct store_stat stat;

	ret->store_failure = failure_text(err);
	if (!rpc->store)
		return;
	store_stat_get(rpc->store, &stat);
	ret->process_commits_total = stat.commits[REGION_DURABILITY_PROCESS];
	ret->process_failures_total = stat.failures[REGION_DURABILITY_PROCESS];
	ret->process_bytes = stat.bytes[REGION_DURABILITY_PROCESS];
	ret->machine_commits_total = stat.commits[REGION_DURABILITY_MACHINE];
	ret->machine_failures_total = stat.failures[REGION_DURABILITY_MACHINE];
	ret->machine_bytes = stat.bytes[REGION_DURABILITY_MACHINE];
}

/* What the system says. */
static void fill_process_stat(const struct rpc *rpc, Pallocd__V1__DaemonStat *ret)
{
	struct rlimit limit;
	struct rusage usage;

	ret->pid = (uint32_t)getpid();
	ret->connections_max = rpc->connections_max;
	ret->connections_wanted = rpc->connections_wanted;
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		ret->descriptors_max = limit.rlim_cur;
	if (!getrlimit(RLIMIT_MEMLOCK, &limit))
		ret->locked_bytes_max = limit.rlim_cur;
	if (!getrusage(RUSAGE_SELF, &usage))
		ret->cpu_usec_total = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
					      1000000 +
				      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void fill_daemon_stat(const struct rpc *rpc, Pallocd__V1__DaemonStat *ret)
{
	const struct rpc_counters *n = &rpc->counters;
	const struct regions *rs = rpc->regions;

	pallocd__v1__daemon_stat__init(ret);
	ret->uptime_usec = clock_usec() - rpc->start_usec;
	ret->nconnections = n->connections_open;
	ret->nsessions = rs->nsessions[SESSION_OPEN];
	ret->ngrace = rs->nsessions[SESSION_GRACE];
	ret->nending = rs->nsessions[SESSION_ENDING] + rs->nsessions[SESSION_QUARANTINED];
	ret->nregions = rs->n - rs->nclosed;
	ret->nwatchers = rs->events.nwatchers;
	ret->events_lost_total = rs->events.lost;
	ret->nwaiting = rpc->nwaiting;
	ret->queued_bytes = queued_bytes(rs);
	ret->connections_total = n->connections;
	ret->requests_total = n->requests;
	ret->refusals_total = n->refusals;
	ret->bad_frames_total = n->bad_frames;
	ret->received_bytes_total = n->received_bytes;
	ret->sent_bytes_total = n->sent_bytes;
	ret->batches_total = n->batches;
	ret->refused_total = n->refused;
	ret->cut_off_total = n->cut_off;
	ret->deaths_total = n->deaths;
	ret->quota_refusals_total = n->quota_refusals;
	ret->repeated_total = n->repeated;
	ret->nleft_out = rs->nleft_out;
	ret->kept_back_total = log_kept_back();
	fill_process_stat(rpc, ret);
	fill_store_stat(rpc, ret);
}

static void fill_region_stat(const struct rpc *rpc, struct region *r, Pallocd__V1__RegionStat *ret)
{
	struct pagealloc_stat stat;

	pagealloc_stat(r->pa, &stat);
	pallocd__v1__region_stat__init(ret);
	ret->id = region_wire_id(r);
	/* protobuf-c does not write through it. */
	ret->name = (char *)(uintptr_t)r->name;
	ret->page_size_bytes = region_page_size(r);
	ret->limit_npages = r->limit_npages;
	ret->grown_npages = r->grown_npages;
	ret->free_npages = region_free_npages(r);
	ret->scavenged_npages = stat.scavenged_npages;
	ret->largest_npages = stat.largest_npages;
	ret->nextents = r->extents.nlive;
	ret->session_npages = r->used_npages - r->detached_npages;
	ret->detached_npages = r->detached_npages;
	ret->peak_npages = r->peak_npages;
	ret->metadata_bytes = stat.metadata_bytes;
	ret->allocs_total = r->counters.allocs;
	ret->frees_total = r->counters.frees;
	ret->reclaims_total = r->counters.reclaims;
	ret->grows_total = r->counters.grows;
	ret->no_space_total = r->counters.no_space;
	ret->held_npages = region_held_npages(r);
	ret->fragmentation_ppm = region_fragmentation_ppm(r);
	ret->shrinks_total = r->counters.shrinks;
	ret->nshares = r->nshares;
	ret->nnamed = region_nnamed(r);
	ret->quarantined_npages = r->quarantined_npages;
	ret->nwaiting = waiters_count(rpc, r);
	ret->quota_refusals_total = r->counters.quota;
	ret->durability = (Pallocd__V1__Durability)r->durability;
	ret->generation = r->generation;
	ret->store_failure = failure_text(commit_failing(rpc, r->durability));
	if (!r->backing)
		return;
	ret->resident_bytes = backing_resident_bytes(r->backing);
	ret->busy_npages = r->busy_npages;
	ret->released_npages_total = r->counters.released;
	ret->cleared_npages_total = r->counters.cleared;
	ret->no_memory_total = r->counters.no_memory;
	ret->scavenger = (Pallocd__V1__ScavengerState)scavenger_state(rpc, r,
								      &ret->retained_npages);
}

enum pallocd_status stat_serve(struct call *c)
{
	const Pallocd__V1__Stat *m = c->req->stat;
	Pallocd__V1__StatReply *reply = c->reply.stat;
	Pallocd__V1__DaemonStat *daemon = call_take(c, 1, sizeof(*daemon));
	Pallocd__V1__RegionStat *region = call_take(c, 1, sizeof(*region));
	enum pallocd_status status;
	struct region *r = NULL;

	if (!daemon || !region)
		return call_no_memory(c);
	if (m->region_id || *m->region) {
		status = call_region(c, m->region_id, m->region, &r);
		if (status)
			return status;
		fill_region_stat(c->rpc, r, region);
		reply->region = region;
	}
	if (m->users) {
		status = users_fill(c, r, reply);
		if (status)
			return status;
	}
	fill_daemon_stat(c->rpc, daemon);
	reply->daemon = daemon;
	return PALLOCD_OK;
}

/* The quotas that there are, in the order in which they are told. */
enum quota {
	USER_PAGES,
	USER_EXTENTS,
	SESSION_PAGES,
	SESSION_EXTENTS,
	REGION_QUOTAS, /* those before are a region's */
	USER_SESSIONS = REGION_QUOTAS,
	USER_CONNECTIONS,
	USER_WAITING,
	USER_QUEUED_BYTES,
	QUOTAS,
};

static const char *const quota_names[] = {
	[USER_PAGES] = "user_pages",       [USER_EXTENTS] = "user_extents",
	[SESSION_PAGES] = "session_pages", [SESSION_EXTENTS] = "session_extents",
	[USER_SESSIONS] = "user_sessions", [USER_CONNECTIONS] = "user_connections",
	[USER_WAITING] = "user_waiting",   [USER_QUEUED_BYTES] = "user_queued_bytes",
};

static void fill_region_quotas(const struct session *s, const struct region *r,
			       Pallocd__V1__Quota *quotas)
{
	const struct account *a = account_find(s->owner.user, r);
	const struct holding *h = holding_find(&s->owner, r);

	quotas[USER_PAGES].limit = r->quota.user_npages;
	quotas[USER_EXTENTS].limit = r->quota.user_nextents;
	quotas[SESSION_PAGES].limit = r->quota.session_npages;
	quotas[SESSION_EXTENTS].limit = r->quota.session_nextents;
	if (a) {
		quotas[USER_PAGES].used = a->npages;
		quotas[USER_EXTENTS].used = a->nextents;
	}
	if (h) {
		quotas[SESSION_PAGES].used = h->npages + h->shared_npages;
		quotas[SESSION_EXTENTS].used = (uint64_t)h->nextents + h->nshares;
	}
}

static void fill_daemon_quotas(const struct user_limits *limits, const struct user *user,
			       Pallocd__V1__Quota *quotas)
{
	quotas[USER_SESSIONS].limit = limits->sessions;
	quotas[USER_SESSIONS].used = user->nsessions;
	quotas[USER_CONNECTIONS].limit = limits->connections;
	quotas[USER_CONNECTIONS].used = user->nconnections;
	quotas[USER_WAITING].limit = limits->waiting;
	quotas[USER_WAITING].used = user->nwaiting;
	quotas[USER_QUEUED_BYTES].limit = limits->queued_bytes;
	quotas[USER_QUEUED_BYTES].used = user->queued_bytes;
}

enum pallocd_status quotas_serve(struct call *c)
{
	const Pallocd__V1__Quotas *m = c->req->quotas;
	Pallocd__V1__QuotasReply *reply = c->reply.quotas;
	Pallocd__V1__Quota *quotas = call_take(c, QUOTAS, sizeof(*quotas));
	enum pallocd_status status;
	size_t first = REGION_QUOTAS;
	struct region *r;

	reply->quotas = call_take(c, QUOTAS, sizeof(quotas));
	if (!quotas || !reply->quotas)
		return call_no_memory(c);
	for (size_t i = 0; i < QUOTAS; i++) {
		pallocd__v1__quota__init(&quotas[i]);
		/* protobuf-c does not write through it. */
		quotas[i].name = (char *)(uintptr_t)quota_names[i];
	}
	if (m->region_id || *m->region) {
		status = call_region(c, m->region_id, m->region, &r);
		if (status)
			return status;
		fill_region_quotas(c->conn->session, r, quotas);
		first = 0;
	}
	fill_daemon_quotas(&c->rpc->regions->limits, c->conn->user, quotas);
	for (size_t i = first; i < QUOTAS; i++)
		reply->quotas[reply->n_quotas++] = &quotas[i];
	return PALLOCD_OK;
}
