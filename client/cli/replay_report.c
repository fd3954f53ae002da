/*
 * replay_report - what a replay found out
 *
 * Role:       percentiles, text, JSON.
 * Uses:       replay.h
 */
#include "client/cli/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000u

static const struct {
	const char *key;
	const char *text;
	unsigned per_mille;
} percentiles[] = {
	{"p50", "p50", 500},    {"p90", "p90", 900},  {"p99", "p99", 990},
	{"p999", "p99.9", 999}, {"max", "max", 1000},
};

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest value that so many of the values do not exceed. */
static uint64_t percentile(const struct latencies *l, unsigned per_mille)
{
	size_t rank = (l->n * per_mille + 999) / 1000;

	return l->n ? l->ns[rank ? rank - 1 : 0] : 0;
}

static double rate(const struct replay_result *r)
{
	double seconds = (double)r->elapsed_ns / NSEC_PER_SEC;

	return seconds > 0 ? (double)(r->nallocs + r->nfrees) / seconds : 0;
}

static json_t *latencies_json(const struct latencies *l)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		json_object_set_new(o, percentiles[i].key,
				    json_count(percentile(l, percentiles[i].per_mille)));
	return o;
}

static int report_json(const struct cli *cli, const char *region, const struct replay_result *r)
{
	json_t *failures = json_object(), *o;

	for (int s = 0; s < NSTATUSES; s++) {
		if (r->failures[s])
			json_object_set_new(failures, paclient_status_name(s),
					    json_count(r->failures[s]));
	}
	o = json_pack("{s:s, s:s, s:f, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "file",
		      cli->args[0], "region", region, "seconds",
		      (double)r->elapsed_ns / NSEC_PER_SEC, "sessions", json_count(r->nsessions),
		      "allocs", json_count(r->nallocs), "frees", json_count(r->nfrees),
		      "operations_per_second", rate(r), "peak_npages", json_count(r->peak_npages),
		      "alloc_ns", latencies_json(&r->alloc), "free_ns", latencies_json(&r->free),
		      "skipped", json_count(r->nskipped), "failed", json_count(r->nfailures),
		      "failures", failures);
	if (r->origin.known)
		json_object_set_new(o, "recording",
				    json_pack("{s:o, s:o}", "lost", json_count(r->origin.nlost),
					      "restarts", json_count(r->origin.nrestarts)));
	if (!r->checked)
		return json_out(cli, o);
	json_object_set_new(o, "check", json_string(r->check_failure[0] ? r->check_failure : "ok"));
	json_object_set_new(o, "addresses",
			    json_pack("{s:o, s:o, s:o}", "compared", json_count(r->ncompared),
				      "different", json_count(r->ndifferent), "incomparable",
				      r->incomparable ? json_text(r->incomparable) : json_null()));
	return json_out(cli, o);
}

static void latencies_text(const char *name, const struct latencies *l)
{
	printf("%-18s", name);
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		printf(" %s %.1f", percentiles[i].text,
		       (double)percentile(l, percentiles[i].per_mille) / 1000);
	printf(" us\n");
}

static void report_text(const char *region, uint64_t page, const struct replay_result *r)
{
	char size[SIZE_TEXT_BYTES];

	key_value("region", "%s", region);
	key_value("sessions", "%" PRIu64, r->nsessions);
	key_value("allocs", "%" PRIu64, r->nallocs);
	key_value("frees", "%" PRIu64, r->nfrees);
	key_value("time", "%.3f s", (double)r->elapsed_ns / NSEC_PER_SEC);
	key_value("operations", "%.0f per second", rate(r));
	latencies_text("alloc", &r->alloc);
	latencies_text("free", &r->free);
	key_value("peak", "%" PRIu64 " pages (%s)", r->peak_npages,
		  size_text(pages_bytes(r->peak_npages, page), size));
	key_value("failed", "%" PRIu64, r->nfailures);
	for (int s = 0; s < NSTATUSES; s++) {
		if (r->failures[s])
			printf("  %-16s %" PRIu64 "\n", paclient_status_name(s), r->failures[s]);
	}
	if (r->nskipped)
		key_value("skipped", "%" PRIu64 ", because what they need had failed", r->nskipped);
	if (r->origin.nlost || r->origin.nrestarts)
		key_value("recording",
			  "%" PRIu64 " events lost, %" PRIu64 " restarts of the daemon",
			  r->origin.nlost, r->origin.nrestarts);
	if (r->checked && r->incomparable && r->origin.known)
		key_value("addresses", "not compared: %s", r->incomparable);
	else if (r->checked && !r->incomparable)
		key_value("addresses", "%" PRIu64 " compared, %" PRIu64 " different", r->ncompared,
			  r->ndifferent);
	if (r->checked)
		key_value("check", "%s", r->check_failure[0] ? r->check_failure : "ok");
}

int replay_report(const struct cli *cli, const char *region, uint64_t page_size_bytes,
		  struct replay_result *r)
{
	qsort(r->alloc.ns, r->alloc.n, sizeof(r->alloc.ns[0]), by_value);
	qsort(r->free.ns, r->free.n, sizeof(r->free.ns[0]), by_value);
	if (cli->json)
		return report_json(cli, region, r);
	report_text(region, page_size_bytes, r);
	return out_end(cli);
}
