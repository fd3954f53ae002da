/*
 * cmd_bench - the verb bench: how fast a live daemon is
 *
 * Role:       what is asked for, whether the region has room for it, and the report.
 * Uses:       bench.h
 */
#include "client/cli/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NSEC_PER_SEC 1000000000u

/* Threads of this program, and of each its stack; far more than any daemon needs to be busy. */
#define CLIENTS_MAX 256u
#define DEPTH_MAX 64u
#define WORKERS_MAX 1024u

#define DURATION_MS 2000
#define DURATION_MS_MAX 3600000

/* So that a shell sees that it was not the time that ended it. */
#define EXIT_INTERRUPTED 130

static const struct {
	const char *key;
	const char *text;
	unsigned per_mille;
} percentiles[] = {
	{"p50", "p50", 500},
	{"p99", "p99", 990},
	{"p999", "p99.9", 999},
	{"max", "max", 1000},
};

static int options_check(const struct cli *cli)
{
	if (cli->clients > CLIENTS_MAX)
		return usage_error(cli, "--clients must not be above %u", CLIENTS_MAX);
	if (cli->depth > DEPTH_MAX)
		return usage_error(cli, "--depth must not be above %u", DEPTH_MAX);
	if (cli->clients * cli->depth > WORKERS_MAX)
		return usage_error(cli, "--clients times --depth must not be above %u",
				   WORKERS_MAX);
	if (cli->duration_ms > DURATION_MS_MAX)
		return usage_error(cli, "--duration must not be above 1h");
	return 0;
}

static void bench_init(const struct cli *cli, struct bench *b)
{
	b->cli = cli;
	b->nclients = cli->clients ? (unsigned)cli->clients : 1;
	b->depth = cli->depth ? (unsigned)cli->depth : 1;
	b->duration_ms = cli->duration_ms ? cli->duration_ms : DURATION_MS;
}

/* No alloc may fail, make the region grow, or leave nothing to others. Return: 0 or an exit code, already told. */
static int room_check(const struct bench *b, paclient *pa)
{
	uint64_t wanted = (uint64_t)b->nclients * b->depth, fit;
	struct paclient_error e = {.status = PACLIENT_NO_SPACE};
	struct paclient_call call;

	call_init(b->cli, &call);
	if (paclient_fit(pa, b->region.id, b->npages, NULL, &fit, &call))
		return call_error(b->cli, &call.error);
	if (wanted <= fit)
		return 0;
	snprintf(e.message, sizeof(e.message),
		 "%" PRIu64 " extents of %" PRIu64 " pages would be taken at once, and %s has room "
		 "for %" PRIu64 " without growing: give a smaller --npages, --clients or --depth",
		 wanted, b->npages, b->region.name, fit);
	e.asked = wanted * b->npages;
	e.free_npages = b->region.free_npages;
	return call_error(b->cli, &e);
}

/* The region, and what is asked of it. Return: 0 or an exit code, already told. */
static int bench_look(struct cli *cli, const char *name, struct bench *b)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	const char *wrong;
	int err = cli_open(cli, &pa);

	if (!err)
		err = cli_region(cli, pa, name, &b->region);
	if (err)
		return err;
	b->npages = 1;
	wrong = cli->npages.value
			? amount_npages(&cli->npages, b->region.page_size_bytes, &b->npages)
			: NULL;
	if (wrong)
		return usage_error(cli, "--npages %s", wrong);
	return room_check(b, pa);
}

static void announce(const struct bench *b)
{
	uint64_t npages = b->npages * b->nclients * b->depth;

	if (b->cli->json)
		return;
	fprintf(stderr,
		"taking and giving back extents of %" PRIu64
		" page%s in %s for %g s: at most %" PRIu64 " of its %" PRIu64
		" free pages at once, and nothing stays\n",
		b->npages, b->npages == 1 ? "" : "s", b->region.name, b->duration_ms / 1000.0,
		npages, b->region.free_npages);
}

static double rate(const struct bench_result *r)
{
	return r->elapsed_ns ? (double)r->free.n / ((double)r->elapsed_ns / NSEC_PER_SEC) : 0;
}

static json_t *latencies_json(const struct histogram *h)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		json_object_set_new(o, percentiles[i].key,
				    json_count(histogram_percentile(h, percentiles[i].per_mille)));
	return o;
}

static int report_json(const struct bench *b, const struct bench_result *r)
{
	json_t *o = json_pack("{s:s, s:o, s:i, s:i, s:f, s:o, s:f, s:o, s:o, s:b}", "region",
			      b->region.name, "npages", json_count(b->npages), "clients",
			      (int)b->nclients, "depth", (int)b->depth, "seconds",
			      (double)r->elapsed_ns / NSEC_PER_SEC, "pairs", json_count(r->free.n),
			      "pairs_per_second", rate(r), "alloc_ns", latencies_json(&r->alloc),
			      "free_ns", latencies_json(&r->free), "interrupted", r->interrupted);

	return json_out(b->cli, o);
}

static void latencies_text(const char *name, const struct histogram *h)
{
	printf("%-18s", name);
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		printf(" %10.1f", (double)histogram_percentile(h, percentiles[i].per_mille) / 1000);
	putchar('\n');
}

static int report_text(const struct bench *b, const struct bench_result *r)
{
	key_value("region", "%s", b->region.name);
	key_value("clients", "%u, each with %u request%s in flight", b->nclients, b->depth,
		  b->depth == 1 ? "" : "s");
	key_value("time", "%.3f s%s", (double)r->elapsed_ns / NSEC_PER_SEC,
		  r->interrupted ? ", interrupted" : "");
	key_value("pairs", "%" PRIu64 ", %.0f per second", r->free.n, rate(r));
	printf("%-18s", "microseconds");
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		printf(" %10s", percentiles[i].text);
	putchar('\n');
	latencies_text("alloc", &r->alloc);
	latencies_text("free", &r->free);
	return out_end(b->cli);
}

int cmd_bench(struct cli *cli)
{
	const char *name = cli_region_take(cli);
	struct bench_result result = {0};
	struct bench b;
	int err;

	if (!name)
		return usage_error(cli, "name a region: paclient bench REGION");
	if (cli->nargs)
		return usage_error(cli, "takes one region, \"%s\" is one too many", cli->args[0]);
	err = options_check(cli);
	bench_init(cli, &b);
	if (!err)
		err = bench_look(cli, name, &b);
	if (err)
		return err;
	announce(&b);
	err = bench_run(&b, &result);
	if (!err)
		err = cli->json ? report_json(&b, &result) : report_text(&b, &result);
	if (!err && result.failure.status)
		err = call_error(cli, &result.failure);
	return err || !result.interrupted ? err : EXIT_INTERRUPTED;
}
