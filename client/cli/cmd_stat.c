/*
 * cmd_stat - the verbs stat and ping
 *
 * Role:       counters of the daemon or of a region, by one table for text and JSON; the runs of free pages.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* How a counter is shown to people. */
enum unit {
	COUNT,
	PAGES,
	BYTES,
	USEC,
};

struct counter {
	const char *key; /* of the JSON object: the field's name */
	const char *text;
	enum unit unit;
	size_t offset;
};

#define DAEMON(name, text, unit)                                               \
	{                                                                      \
#name, text, unit, offsetof(struct paclient_daemon_stat, name) \
	}
#define REGION(name, text, unit)                                               \
	{                                                                      \
#name, text, unit, offsetof(struct paclient_region_stat, name) \
	}

static const struct counter daemon_counters[] = {
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

static const struct counter region_counters[] = {
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

/* Shown together with the histogram. */
static const struct counter fragmentation = REGION(fragmentation_ppm, "fragmentation", COUNT);

static uint64_t counter_get(const struct counter *c, const void *stat)
{
	return *(const uint64_t *)(const void *)((const char *)stat + c->offset);
}

static void counter_json(json_t *object, const struct counter *c, size_t n, const void *stat)
{
	for (size_t i = 0; i < n; i++)
		json_object_set_new(object, c[i].key, json_count(counter_get(&c[i], stat)));
}

static void counter_text(const struct counter *c, size_t n, const void *stat, uint64_t page)
{
	char text[SIZE_TEXT_BYTES];

	for (size_t i = 0; i < n; i++) {
		uint64_t v = counter_get(&c[i], stat);

		switch (c[i].unit) {
		case COUNT:
			key_value(c[i].text, "%" PRIu64, v);
			break;
		case PAGES:
			key_value(c[i].text, "%" PRIu64 " pages (%s)", v,
				  size_text(pages_bytes(v, page), text));
			break;
		case BYTES:
			key_value(c[i].text, "%s", size_text(v, text));
			break;
		case USEC:
			key_value(c[i].text, "%" PRIu64 ".%03" PRIu64 " s", v / 1000000,
				  v / 1000 % 1000);
			break;
		}
	}
}

/* Whether changes are written down; @failure: why not, or "". */
static void store_text(const char *failure)
{
	key_value("store", "%s%s", failure[0] ? "FAILS: " : "ok", failure);
}

static int stat_daemon(struct cli *cli, paclient *pa)
{
	struct paclient_daemon_stat stat = {.size = sizeof(stat)};
	struct paclient_call call;
	json_t *object;

	call_init(cli, &call);
	if (paclient_stat_daemon(pa, &stat, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		object = json_pack("{s:s, s:I}", "server", paclient_server_name(pa), "pid",
				   (json_int_t)stat.pid);
		counter_json(object, daemon_counters, ARRAY_SIZE(daemon_counters), &stat);
		json_object_set_new(object, "store_failure", json_text(stat.store_failure));
		return json_out(cli, object);
	}
	key_value("daemon", "%s", paclient_server_name(pa));
	counter_text(daemon_counters, ARRAY_SIZE(daemon_counters), &stat, 1);
	store_text(stat.store_failure);
	return out_end(cli);
}

static int stat_region(struct cli *cli, paclient *pa, const char *name)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	struct paclient_free_runs runs;
	struct paclient_call call;
	json_t *object;
	uint32_t id;
	int err;

	call_init(cli, &call);
	if (paclient_region_open(pa, name, &id, &call) ||
	    paclient_stat_region(pa, id, &stat, &call))
		return call_error(cli, &call.error);
	err = runs_get(cli, pa, id, &runs);
	if (err)
		return err;
	if (cli->json) {
		object = json_pack("{s:s, s:I}", "region", stat.name, "id", (json_int_t)stat.id);
		counter_json(object, region_counters, ARRAY_SIZE(region_counters), &stat);
		json_object_set_new(object, "scavenger",
				    json_string(paclient_scavenger_name(stat.scavenger)));
		json_object_set_new(object, "durability",
				    json_string(paclient_durability_name(stat.durability)));
		json_object_set_new(object, "store_failure", json_text(stat.store_failure));
		counter_json(object, &fragmentation, 1, &stat);
		json_object_set_new(object, "free_runs", runs_json(&runs));
		return json_out(cli, object);
	}
	key_value("region", "%s", stat.name);
	counter_text(region_counters, ARRAY_SIZE(region_counters), &stat, stat.page_size_bytes);
	key_value("scavenger", "%s", paclient_scavenger_name(stat.scavenger));
	key_value("durability", "%s", paclient_durability_name(stat.durability));
	store_text(stat.store_failure);
	fragmentation_line(stat.fragmentation_ppm);
	runs_table(&runs, stat.page_size_bytes);
	return out_end(cli);
}

int cmd_stat(struct cli *cli)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	const char *name = cli_region_take(cli);
	int err;

	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	err = cli_open(cli, &pa);
	if (err)
		return err;
	return name ? stat_region(cli, pa, name) : stat_daemon(cli, pa);
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int cmd_ping(struct cli *cli)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_daemon_stat stat = {.size = sizeof(stat)};
	struct paclient_call call;
	uint64_t began, usec;
	int err;

	if (cli->nargs)
		return usage_error(cli, "takes no arguments, \"%s\" is one too many", cli->args[0]);
	err = cli_open(cli, &pa);
	if (err)
		return err;
	call_init(cli, &call);
	began = now_usec();
	if (paclient_stat_daemon(pa, &stat, &call))
		return call_error(cli, &call.error);
	usec = now_usec() - began;
	if (cli->json)
		return json_out(cli,
				json_pack("{s:s, s:s, s:s, s:o}", "socket", cli_socket(cli),
					  "server", paclient_server_name(pa), "client",
					  paclient_version(), "round_trip_usec", json_count(usec)));
	printf("%s at %s answers in %" PRIu64 " us\n", paclient_server_name(pa), cli_socket(cli),
	       usec);
	return out_end(cli);
}
