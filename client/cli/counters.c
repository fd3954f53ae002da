/*
 * counters - what the daemon counts, by name
 *
 * Role:       see counters.h.
 * Uses:       counters.h
 */
#include "client/cli/counters.h"

#define DAEMON(name, text, unit)                                               \
	{                                                                      \
#name, text, unit, offsetof(struct paclient_daemon_stat, name) \
	}
#define REGION(name, text, unit)                                               \
	{                                                                      \
#name, text, unit, offsetof(struct paclient_region_stat, name) \
	}

const struct counter daemon_counters[] = {
	DAEMON(uptime_usec, "up", USEC),
	DAEMON(nconnections, "connections", COUNT),
	DAEMON(nsessions, "sessions", COUNT),
	DAEMON(nregions, "regions", COUNT),
	DAEMON(connections_total, "connections ever", COUNT),
	DAEMON(requests_total, "requests", COUNT),
	DAEMON(refusals_total, "refused", COUNT),
	DAEMON(bad_frames_total, "bad frames", COUNT),
	DAEMON(batches_total, "batches", COUNT),
	DAEMON(received_bytes_total, "received", BYTES),
	DAEMON(sent_bytes_total, "sent", BYTES),
	DAEMON(queued_bytes, "queued", BYTES),
	DAEMON(ngrace, "in grace", COUNT),
	DAEMON(nending, "ending", COUNT),
	DAEMON(deaths_total, "deaths", COUNT),
	DAEMON(nwaiting, "waiting", COUNT),
	DAEMON(nwatchers, "watchers", COUNT),
	DAEMON(events_lost_total, "events lost", COUNT),
	DAEMON(refused_total, "not let in", COUNT),
	DAEMON(cut_off_total, "cut off", COUNT),
	DAEMON(quota_refusals_total, "quota refusals", COUNT),
	DAEMON(repeated_total, "repeated", COUNT),
	DAEMON(process_commits_total, "process commits", COUNT),
	DAEMON(process_failures_total, "process failures", COUNT),
	DAEMON(process_bytes, "process store", BYTES),
	DAEMON(machine_commits_total, "machine commits", COUNT),
	DAEMON(machine_failures_total, "machine failures", COUNT),
	DAEMON(machine_bytes, "machine store", BYTES),
	DAEMON(connections_max, "connections max", COUNT),
	DAEMON(connections_wanted, "wanted", COUNT),
	DAEMON(descriptors_max, "descriptors max", COUNT),
	DAEMON(locked_bytes_max, "lockable", BYTES),
	DAEMON(nleft_out, "left out", COUNT),
	DAEMON(kept_back_total, "log kept back", COUNT),
	DAEMON(cpu_usec_total, "processor", USEC),
};
const size_t ndaemon_counters = ARRAY_SIZE(daemon_counters);

const struct counter region_counters[] = {
	REGION(page_size_bytes, "page size", BYTES),
	REGION(limit_npages, "limit", PAGES),
	REGION(grown_npages, "grown", PAGES),
	REGION(free_npages, "free", PAGES),
	REGION(held_npages, "held back", PAGES),
	REGION(scavenged_npages, "scavenged", PAGES),
	REGION(largest_npages, "longest free run", PAGES),
	REGION(session_npages, "held by sessions", PAGES),
	REGION(detached_npages, "detached", PAGES),
	REGION(quarantined_npages, "quarantined", PAGES),
	REGION(peak_npages, "peak", PAGES),
	REGION(nextents, "extents", COUNT),
	REGION(nnamed, "named", COUNT),
	REGION(nshares, "shares", COUNT),
	REGION(nwaiting, "waiting", COUNT),
	REGION(allocs_total, "allocs", COUNT),
	REGION(frees_total, "frees", COUNT),
	REGION(reclaims_total, "reclaims", COUNT),
	REGION(grows_total, "grows", COUNT),
	REGION(shrinks_total, "shrinks", COUNT),
	REGION(no_space_total, "no space", COUNT),
	REGION(quota_refusals_total, "quota refusals", COUNT),
	REGION(resident_bytes, "resident", BYTES),
	REGION(busy_npages, "busy", PAGES),
	REGION(retained_npages, "retained", PAGES),
	REGION(released_npages_total, "released", PAGES),
	REGION(cleared_npages_total, "cleared", PAGES),
	REGION(no_memory_total, "no memory", COUNT),
	REGION(metadata_bytes, "metadata", BYTES),
	REGION(generation, "generation", COUNT),
};
const size_t nregion_counters = ARRAY_SIZE(region_counters);
