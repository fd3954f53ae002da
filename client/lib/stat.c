/*
 * stat - counters, the histogram of what is free and the map of what is in use
 *
 * Role:       the public calls that observe.
 * Uses:       call, text, error
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/call.h"
#include "client/lib/text.h"

static int take_daemon(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__DaemonStat *d = reply->stat->daemon;
	struct paclient_daemon_stat *to = k->to;

	if (!d)
		return error_set(k->error, PACLIENT_PROTOCOL, "a StatReply without daemon");
	*to = (struct paclient_daemon_stat){.size = sizeof(*to),
					    .uptime_usec = d->uptime_usec,
					    .nconnections = d->nconnections,
					    .nsessions = d->nsessions,
					    .nregions = d->nregions,
					    .connections_total = d->connections_total,
					    .requests_total = d->requests_total,
					    .refusals_total = d->refusals_total,
					    .bad_frames_total = d->bad_frames_total,
					    .received_bytes_total = d->received_bytes_total,
					    .sent_bytes_total = d->sent_bytes_total,
					    .batches_total = d->batches_total,
					    .ngrace = d->ngrace,
					    .nending = d->nending,
					    .nwatchers = d->nwatchers,
					    .nwaiting = d->nwaiting,
					    .queued_bytes = d->queued_bytes,
					    .refused_total = d->refused_total,
					    .cut_off_total = d->cut_off_total,
					    .deaths_total = d->deaths_total,
					    .quota_refusals_total = d->quota_refusals_total,
					    .events_lost_total = d->events_lost_total,
					    .repeated_total = d->repeated_total,
					    .process_commits_total = d->process_commits_total,
					    .process_failures_total = d->process_failures_total,
					    .process_bytes = d->process_bytes,
					    .machine_commits_total = d->machine_commits_total,
					    .machine_failures_total = d->machine_failures_total,
					    .machine_bytes = d->machine_bytes,
					    .pid = d->pid,
					    .connections_max = d->connections_max,
					    .connections_wanted = d->connections_wanted,
					    .descriptors_max = d->descriptors_max,
					    .locked_bytes_max = d->locked_bytes_max,
					    .nleft_out = d->nleft_out,
					    .kept_back_total = d->kept_back_total,
					    .cpu_usec_total = d->cpu_usec_total};
	text_copy(to->store_failure, sizeof(to->store_failure), d->store_failure);
	return 0;
}

static int take_region(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__RegionStat *r = reply->stat->region;
	struct paclient_region_stat *to = k->to;

	if (!r)
		return error_set(k->error, PACLIENT_PROTOCOL, "a StatReply without region");
	*to = (struct paclient_region_stat){.size = sizeof(*to),
					    .id = r->id,
					    .page_size_bytes = r->page_size_bytes,
					    .limit_npages = r->limit_npages,
					    .grown_npages = r->grown_npages,
					    .free_npages = r->free_npages,
					    .scavenged_npages = r->scavenged_npages,
					    .largest_npages = r->largest_npages,
					    .nextents = r->nextents,
					    .session_npages = r->session_npages,
					    .detached_npages = r->detached_npages,
					    .peak_npages = r->peak_npages,
					    .metadata_bytes = r->metadata_bytes,
					    .allocs_total = r->allocs_total,
					    .frees_total = r->frees_total,
					    .reclaims_total = r->reclaims_total,
					    .grows_total = r->grows_total,
					    .no_space_total = r->no_space_total,
					    .held_npages = r->held_npages,
					    .fragmentation_ppm = r->fragmentation_ppm,
					    .shrinks_total = r->shrinks_total,
					    .nshares = r->nshares,
					    .nnamed = r->nnamed,
					    .quarantined_npages = r->quarantined_npages,
					    .nwaiting = r->nwaiting,
					    .quota_refusals_total = r->quota_refusals_total,
					    .resident_bytes = r->resident_bytes,
					    .busy_npages = r->busy_npages,
					    .released_npages_total = r->released_npages_total,
					    .cleared_npages_total = r->cleared_npages_total,
					    .no_memory_total = r->no_memory_total,
					    .retained_npages = r->retained_npages,
					    .scavenger = (int)r->scavenger,
					    .durability = (int)r->durability,
					    .generation = r->generation};
	text_copy(to->store_failure, sizeof(to->store_failure), r->store_failure);
	snprintf(to->name, sizeof(to->name), "%s", r->name);
	return 0;
}

static int stat_ask(struct call *k, uint32_t region_id,
		    int (*take)(struct call *k, const Pallocd__V1__Reply *reply))
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Stat stat = PALLOCD__V1__STAT__INIT;

	stat.region_id = region_id;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_STAT;
	request.stat = &stat;
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_STAT, take);
}

int paclient_stat_daemon(paclient *client, struct paclient_daemon_stat *ret_stat,
			 struct paclient_call *call)
{
	struct paclient_daemon_stat stat;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = call_result_check(&k, "ret_stat", ret_stat);
	if (status)
		return status;
	k.to = &stat;
	status = stat_ask(&k, 0, take_daemon);
	if (!status)
		call_result_give(&stat, ret_stat);
	return status;
}

int paclient_stat_region(paclient *client, uint32_t region_id,
			 struct paclient_region_stat *ret_stat, struct paclient_call *call)
{
	struct paclient_region_stat stat;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!region_id)
		return error_argument(k.error, "region_id", "is 0");
	status = call_result_check(&k, "ret_stat", ret_stat);
	if (status)
		return status;
	k.to = &stat;
	status = stat_ask(&k, region_id, take_region);
	if (!status)
		call_result_give(&stat, ret_stat);
	return status;
}

static int take_runs(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__FreeRunsReply *r = reply->free_runs;
	struct paclient_free_runs *to = k->to;

	if (r->n_nruns != r->n_npages || r->n_nruns > PACLIENT_RUN_CLASSES)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "a FreeRunsReply with %zu and %zu lengths", r->n_nruns,
				 r->n_npages);
	*to = (struct paclient_free_runs){.size = sizeof(*to),
					  .free_npages = r->free_npages,
					  .largest_npages = r->largest_npages,
					  .fragmentation_ppm = r->fragmentation_ppm};
	for (size_t i = 0; i < r->n_nruns; i++) {
		to->nruns[i] = r->nruns[i];
		to->npages[i] = r->npages[i];
	}
	return 0;
}

int paclient_free_runs(paclient *client, uint32_t region_id, struct paclient_free_runs *ret_runs,
		       struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__FreeRuns ask = PALLOCD__V1__FREE_RUNS__INIT;
	struct paclient_free_runs runs;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = call_result_check(&k, "ret_runs", ret_runs);
	if (status)
		return status;
	ask.region_id = region_id;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_FREE_RUNS;
	request.free_runs = &ask;
	k.to = &runs;
	status = call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_FREE_RUNS, take_runs);
	if (!status)
		call_result_give(&runs, ret_runs);
	return status;
}

/* A map with what is not in the public struct, which cannot grow. */
struct map_made {
	struct paclient_usage usage;
	uint64_t *scavenged_npages;
};

static int take_map(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__MapReply *m = reply->map;
	struct map_made *made = k->to;
	struct paclient_usage *to = &made->usage;

	if (m->n_used_npages != m->n_grown_npages ||
	    (m->n_scavenged_npages && m->n_scavenged_npages != m->n_used_npages))
		return error_set(k->error, PACLIENT_PROTOCOL, "a MapReply with cells cut in half");
	to->cells = calloc(m->n_used_npages + 1, sizeof(to->cells[0]));
	if (!to->cells)
		return error_set(k->error, PACLIENT_OUT_OF_MEMORY, "no memory for the map");
	if (m->n_scavenged_npages) {
		made->scavenged_npages = calloc(m->n_scavenged_npages, sizeof(uint64_t));
		if (!made->scavenged_npages)
			return error_set(k->error, PACLIENT_OUT_OF_MEMORY, "no memory for the map");
		memcpy(made->scavenged_npages, m->scavenged_npages,
		       m->n_scavenged_npages * sizeof(uint64_t));
	}
	to->addr = m->addr;
	to->cell_npages = m->cell_npages;
	to->npages = m->npages;
	to->ncells = m->n_used_npages;
	for (size_t i = 0; i < to->ncells; i++)
		to->cells[i] = (struct paclient_cell){m->used_npages[i], m->grown_npages[i]};
	return 0;
}

int paclient_usage_map(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		       uint32_t ncells, struct paclient_usage **ret_usage,
		       struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Map map = PALLOCD__V1__MAP__INIT;
	struct map_made *made;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	if (!ret_usage)
		return error_argument(k.error, "ret_usage", "is NULL");
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_set(k.error, PACLIENT_OUT_OF_MEMORY, "no memory for the map");
	map.region_id = region_id;
	map.addr = addr;
	map.npages = npages;
	map.ncells = ncells;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_MAP;
	request.map = &map;
	k.to = made;
	status = call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_MAP, take_map);
	if (status)
		paclient_usage_free(&made->usage);
	else
		*ret_usage = &made->usage;
	return status;
}

const uint64_t *paclient_usage_scavenged(const struct paclient_usage *usage)
{
	return usage ? ((const struct map_made *)usage)->scavenged_npages : NULL;
}

void paclient_usage_free(struct paclient_usage *usage)
{
	if (usage) {
		free(usage->cells);
		free(((struct map_made *)usage)->scavenged_npages);
	}
	/* The map is the first of what was made. */
	free(usage);
}
