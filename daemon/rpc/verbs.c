/*
 * verbs - Hello, ListRegions, RegionInfo, Stat
 *
 * Role:       what tells and changes nothing in a region.
 * Uses:       rpc/call.h
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/call.h"

enum pallocd_status hello_serve(struct call *c)
{
	const Pallocd__V1__Hello *m = c->req->hello;
	Pallocd__V1__HelloReply *reply = call_take(c, 1, sizeof(*reply));
	int err;

	if (!reply)
		return call_no_memory(c);
	if (m->version < PALLOCD_PROTOCOL_VERSION) {
		c->refusal.asked = m->version;
		c->refusal.limit = PALLOCD_PROTOCOL_VERSION;
		return call_refuse(c, PALLOCD_VERSION, "version",
				   "version %" PRIu32 " is not spoken here, but %u is", m->version,
				   PALLOCD_PROTOCOL_VERSION);
	}
	if (strlen(m->client) > PALLOCD_NAME_BYTES_MAX) {
		c->refusal.asked = strlen(m->client);
		c->refusal.limit = PALLOCD_NAME_BYTES_MAX;
		return call_refuse(c, PALLOCD_LIMIT, "client",
				   "the client's name has %zu bytes: %u are allowed",
				   strlen(m->client), PALLOCD_NAME_BYTES_MAX);
	}
	err = session_open(c->rpc->regions, &c->conn->peer, m->client, &c->conn->session);
	if (err)
		return call_no_memory(c);

	pallocd__v1__hello_reply__init(reply);
	reply->version = PALLOCD_PROTOCOL_VERSION;
	reply->session = c->conn->session->id;
	/* protobuf-c does not write through it. */
	reply->server = (char *)(uintptr_t)c->rpc->server;
	reply->frame_bytes_max = PALLOCD_FRAME_BYTES_MAX;
	reply->batch_extents_max = PALLOCD_BATCH_EXTENTS_MAX;
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	c->reply.hello = reply;
	return PALLOCD_OK;
}

enum pallocd_status list_regions_serve(struct call *c)
{
	const struct regions *rs = c->rpc->regions;
	uint32_t after = c->req->list_regions->after, n;
	Pallocd__V1__ListRegionsReply *reply = call_take(c, 1, sizeof(*reply));
	Pallocd__V1__Region *regions;

	if (after > rs->n)
		after = rs->n;
	n = rs->n - after;
	if (n > PALLOCD_LIST_REGIONS_MAX)
		n = PALLOCD_LIST_REGIONS_MAX;
	regions = call_take(c, n, sizeof(*regions));
	if (!reply || !regions)
		return call_no_memory(c);
	pallocd__v1__list_regions_reply__init(reply);
	reply->regions = call_take(c, n, sizeof(Pallocd__V1__Region *));
	if (!reply->regions)
		return call_no_memory(c);
	for (uint32_t i = 0; i < n; i++) {
		call_fill_region(rs->table[after + i], &regions[i]);
		reply->regions[i] = &regions[i];
	}
	reply->n_regions = n;
	reply->more = after + n < rs->n;
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_LIST_REGIONS;
	c->reply.list_regions = reply;
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
	Pallocd__V1__RegionInfoReply *reply = call_take(c, 1, sizeof(*reply));
	Pallocd__V1__Region *region = call_take(c, 1, sizeof(*region));
	enum pallocd_status status;
	struct region *r;

	if (!reply || !region)
		return call_no_memory(c);
	status = call_region(c, m->region_id, m->region, &r);
	if (status)
		return status;
	pallocd__v1__region_info_reply__init(reply);
	call_fill_region(r, region);
	reply->region = region;
	status = fill_ranges(c, r, reply);
	if (!status)
		status = fill_held(c, r, reply);
	if (status)
		return status;
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_REGION_INFO;
	c->reply.region_info = reply;
	return PALLOCD_OK;
}

static void fill_daemon_stat(const struct rpc *rpc, Pallocd__V1__DaemonStat *ret)
{
	const struct rpc_counters *n = &rpc->counters;

	pallocd__v1__daemon_stat__init(ret);
	ret->uptime_usec = clock_usec() - rpc->start_usec;
	ret->nconnections = n->connections_open;
	ret->nsessions = rpc->regions->nsessions;
	ret->nregions = rpc->regions->n;
	ret->connections_total = n->connections;
	ret->requests_total = n->requests;
	ret->refusals_total = n->refusals;
	ret->bad_frames_total = n->bad_frames;
	ret->received_bytes_total = n->received_bytes;
	ret->sent_bytes_total = n->sent_bytes;
	ret->batches_total = n->batches;
}

static void fill_region_stat(const struct region *r, Pallocd__V1__RegionStat *ret)
{
	struct pagealloc_stat stat;

	pagealloc_stat(r->pa, &stat);
	pallocd__v1__region_stat__init(ret);
	ret->id = r->id;
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
}

enum pallocd_status stat_serve(struct call *c)
{
	const Pallocd__V1__Stat *m = c->req->stat;
	Pallocd__V1__StatReply *reply = call_take(c, 1, sizeof(*reply));
	Pallocd__V1__DaemonStat *daemon = call_take(c, 1, sizeof(*daemon));
	Pallocd__V1__RegionStat *region = call_take(c, 1, sizeof(*region));
	enum pallocd_status status;
	struct region *r;

	if (!reply || !daemon || !region)
		return call_no_memory(c);
	pallocd__v1__stat_reply__init(reply);
	if (m->region_id || *m->region) {
		status = call_region(c, m->region_id, m->region, &r);
		if (status)
			return status;
		fill_region_stat(r, region);
		reply->region = region;
	}
	fill_daemon_stat(c->rpc, daemon);
	reply->daemon = daemon;
	c->reply.result_case = PALLOCD__V1__REPLY__RESULT_STAT;
	c->reply.stat = reply;
	return PALLOCD_OK;
}
