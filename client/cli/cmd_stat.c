/*
 * cmd_stat - the verbs stat and ping
 *
 * Role:       the counters of the daemon or of a region as text and as JSON; the runs of free pages.
 * Uses:       counters.h, source.h
 */
#include "client/cli/counters.h"
#include "client/cli/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Shown together with the histogram. */
static const struct counter fragmentation = {
	"fragmentation_ppm", "fragmentation", COUNT,
	offsetof(struct paclient_region_stat, fragmentation_ppm)};

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

static int stat_daemon(struct cli *cli, struct source *src)
{
	struct paclient_daemon_stat stat = {.size = sizeof(stat)};
	struct paclient_call call;
	json_t *object;

	call_init(cli, &call);
	if (src->ask->stat_daemon(src, &stat, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		object = json_pack("{s:s, s:I}", "server", src->server, "pid",
				   (json_int_t)stat.pid);
		counter_json(object, daemon_counters, ndaemon_counters, &stat);
		json_object_set_new(object, "store_failure", json_text(stat.store_failure));
		return json_out(cli, object);
	}
	key_value("daemon", "%s", src->server);
	counter_text(daemon_counters, ndaemon_counters, &stat, 1);
	store_text(stat.store_failure);
	return out_end(cli);
}

static int stat_region(struct cli *cli, struct source *src, const char *name)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	struct paclient_free_runs runs;
	struct paclient_call call;
	json_t *object;
	struct paclient_region r;
	int err;

	err = source_region(cli, src, name, &r);
	if (err)
		return err;
	call_init(cli, &call);
	if (src->ask->stat_region(src, r.id, &stat, &call))
		return call_error(cli, &call.error);
	err = runs_get(cli, src, r.id, &runs);
	if (err)
		return err;
	if (cli->json) {
		object = json_pack("{s:s, s:I}", "region", stat.name, "id", (json_int_t)stat.id);
		counter_json(object, region_counters, nregion_counters, &stat);
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
	counter_text(region_counters, nregion_counters, &stat, stat.page_size_bytes);
	key_value("scavenger", "%s", paclient_scavenger_name(stat.scavenger));
	key_value("durability", "%s", paclient_durability_name(stat.durability));
	store_text(stat.store_failure);
	fragmentation_line(stat.fragmentation_ppm);
	runs_table(cli, &runs, stat.page_size_bytes);
	return out_end(cli);
}

int cmd_stat(struct cli *cli)
{
	CLEANUP(source_closep) struct source *src = NULL;
	const char *name = cli_region_take(cli);
	int err;

	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	err = source_open(cli, &src);
	if (err)
		return err;
	return name ? stat_region(cli, src, name) : stat_daemon(cli, src);
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
