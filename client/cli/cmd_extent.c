/*
 * cmd_extent - the verbs alloc and free
 *
 * Role:       change what is held, and say so.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Extents of one request. */
struct batch {
	size_t n;
	uint64_t *addrs;
	uint64_t *npages;
	struct paclient_alloced alloced; /* alloc */
};

static void batch_deinit(struct batch *b)
{
	free(b->addrs);
	free(b->npages);
}

static int batch_init(const struct cli *cli, struct batch *b, size_t n)
{
	b->n = n;
	b->addrs = calloc(b->n, sizeof(b->addrs[0]));
	b->npages = calloc(b->n, sizeof(b->npages[0]));
	return b->addrs && b->npages ? 0 : system_error(cli, "no memory for the arguments");
}

static uint64_t batch_npages(const struct batch *b)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < b->n; i++)
		sum += b->npages[i];
	return sum;
}

static json_t *batch_object(const struct batch *b, const struct paclient_region *r)
{
	json_t *array = json_array();

	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(
			array, extent_json(&(struct paclient_range){b->addrs[i], b->npages[i]},
					   r->page_size_bytes));
	return json_pack("{s:s, s:o, s:o, s:o}", "region", r->name, "page_size_bytes",
			 json_count(r->page_size_bytes), "npages", json_count(batch_npages(b)),
			 "extents", array);
}

/* Which entry of a batch is at fault is said in words that fit the command line. */
static int batch_error(const struct cli *cli, const struct batch *b, struct paclient_error *e)
{
	char was[sizeof(e->message)];

	if (b->n > 1 && e->field[0] && e->index < b->n && e->status < PACLIENT_TIMED_OUT) {
		strcpy(was, e->message);
		snprintf(e->message, sizeof(e->message), "%s: %.200s", cli->args[e->index], was);
	}
	return call_error(cli, e);
}

static int amounts_read(const struct cli *cli, struct amount *amounts)
{
	int err = 0;

	for (int i = 0; i < cli->nargs && !err; i++)
		err = cli_amount(cli, cli->args[i], &amounts[i]);
	return err;
}

/* Where the caller cannot know the lengths they are said, in a form that free takes. */
static int alloc_out(const struct cli *cli, const struct batch *b, const struct paclient_region *r)
{
	if (cli->json) {
		json_t *o = batch_object(b, r);

		json_object_set_new(o, "scavenged_npages", json_count(b->alloced.scavenged_npages));
		json_object_set_new(o, "cleared_npages", json_count(b->alloced.cleared_npages));
		return json_out(cli, o);
	}
	for (size_t i = 0; i < b->n; i++) {
		printf("0x%" PRIx64, b->addrs[i]);
		if (cli->scatter)
			printf(":%" PRIu64, b->npages[i]);
		putchar('\n');
	}
	return out_end(cli);
}

static void alloc_options(const struct cli *cli, const struct paclient_placement *where,
			  struct batch *b, struct paclient_alloc_options *options,
			  struct paclient_call *call)
{
	b->alloced.size = sizeof(b->alloced);
	cli_alloc_options(cli, options, call);
	options->placement = where;
	options->flags = PACLIENT_DETACHED;
	options->ret_alloced = &b->alloced;
}

/* One size in up to so many extents: the batch becomes what they are. */
static int alloc_scattered(const struct cli *cli, paclient *pa, uint32_t region_id,
			   const struct paclient_placement *where, struct batch *b)
{
	/* More than the daemon gives the library refuses, before it writes any of them. */
	size_t max = paclient_batch_max(pa), n = cli->scatter < max ? cli->scatter : max;
	struct paclient_range *ranges = calloc(n, sizeof(*ranges));
	struct paclient_alloc_options options;
	uint64_t npages = b->npages[0];
	struct paclient_call call;
	int err;

	batch_deinit(b);
	*b = (struct batch){0};
	err = ranges ? batch_init(cli, b, n) : system_error(cli, "no memory for the extents");
	alloc_options(cli, where, b, &options, &call);
	if (!err && paclient_alloc_scattered_with(pa, region_id, npages, cli->scatter, &options,
						  ranges, &b->n, &call))
		err = call_error(cli, &call.error);
	for (size_t i = 0; !err && i < b->n; i++) {
		b->addrs[i] = ranges[i].addr;
		b->npages[i] = ranges[i].npages;
	}
	free(ranges);
	return err;
}

static int alloc_placed(const struct cli *cli, paclient *pa, uint32_t region_id,
			const struct paclient_placement *where, struct batch *b)
{
	struct paclient_alloc_options options;
	struct paclient_call call;

	alloc_options(cli, where, b, &options, &call);
	if (!paclient_alloc_with(pa, region_id, b->n, b->npages, &options, b->addrs, &call))
		return 0;
	/* Of the fields only npages has an entry for each argument. */
	return strcmp(call.error.field, "npages") ? call_error(cli, &call.error)
						  : batch_error(cli, b, &call.error);
}

static int alloc_run(struct cli *cli, const char *name, const struct amount *amounts,
		     struct batch *b)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	const struct paclient_placement *where;
	struct paclient_placement placement;
	struct paclient_region r;
	struct paclient_call call;
	int err;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (!err)
		err = placement_get(cli, &r, &placement, &where);
	if (err)
		return err;
	for (size_t i = 0; i < b->n; i++)
		amount_npages(&amounts[i], r.page_size_bytes, &b->npages[i]);
	err = cli->scatter ? alloc_scattered(cli, pa, r.id, where, b)
			   : alloc_placed(cli, pa, r.id, where, b);
	if (err)
		return err;
	err = alloc_out(cli, b, &r);
	call_init(cli, &call);
	/* Nobody will ever know the addresses that could not be written: nobody shall hold them. */
	if (err && paclient_free_batch(pa, r.id, b->n, b->addrs, b->npages, &call))
		call_error(cli, &call.error);
	return err;
}

int cmd_alloc(struct cli *cli)
{
	CLEANUP(batch_deinit) struct batch b = {0};
	const char *name = cli_region_take(cli);
	struct amount *amounts;
	int err;

	if (!name || !cli->nargs)
		return usage_error(
			cli, "name a region and a size: paclient alloc REGION NPAGES|SIZE...");
	if (cli->scatter && cli->nargs > 1)
		return usage_error(cli, "--scatter takes one size, \"%s\" is one too many",
				   cli->args[1]);
	if (cli->name && (cli->scatter || cli->nargs > 1))
		return usage_error(cli, "--name is of one extent: take it alone%s",
				   cli->scatter ? ", without --scatter" : "");
	amounts = calloc((size_t)cli->nargs, sizeof(*amounts));
	if (!amounts)
		return system_error(cli, "no memory for the arguments");
	err = amounts_read(cli, amounts);
	if (!err)
		err = placement_check(cli);
	if (!err)
		err = batch_init(cli, &b, (size_t)cli->nargs);
	if (!err)
		err = alloc_run(cli, name, amounts, &b);
	free(amounts);
	return err;
}

static int free_out(const struct cli *cli, const struct batch *b, const struct paclient_region *r,
		    const struct paclient_freed *freed)
{
	uint64_t npages = batch_npages(b);
	char text[SIZE_TEXT_BYTES];

	if (cli->json) {
		json_t *o = batch_object(b, r);

		json_object_set_new(o, "shared_npages", json_count(freed->shared_npages));
		return json_out(cli, o);
	}
	printf("%" PRIu64 " page%s freed (%s)", npages, npages == 1 ? "" : "s",
	       size_text(pages_bytes(npages, r->page_size_bytes), text));
	if (freed->shared_npages)
		printf("; others still hold %" PRIu64 " of them", freed->shared_npages);
	putchar('\n');
	return out_end(cli);
}

static int free_run(struct cli *cli, const char *name, const struct amount *amounts,
		    struct batch *b)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_freed freed = {.size = sizeof(freed)};
	struct paclient_region r;
	struct paclient_call call;
	int err;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	for (size_t i = 0; i < b->n; i++)
		amount_npages(&amounts[i], r.page_size_bytes, &b->npages[i]);
	call_init(cli, &call);
	if (paclient_free_with(pa, r.id, b->n, b->addrs, b->npages, &freed, &call))
		return batch_error(cli, b, &call.error);
	return free_out(cli, b, &r, &freed);
}

int cmd_free(struct cli *cli)
{
	CLEANUP(batch_deinit) struct batch b = {0};
	const char *name = cli_region_take(cli);
	struct amount *amounts;
	struct range_arg range;
	int err;

	if (!name || !cli->nargs)
		return usage_error(
			cli,
			"name a region and pages: paclient free REGION ADDR[:NPAGES|+SIZE]...");
	amounts = calloc((size_t)cli->nargs, sizeof(*amounts));
	if (!amounts)
		return system_error(cli, "no memory for the arguments");
	err = batch_init(cli, &b, (size_t)cli->nargs);
	for (int i = 0; i < cli->nargs && !err; i++) {
		err = range_read(cli, cli->args[i], &range);
		b.addrs[i] = range.addr;
		amounts[i] = range.amount;
	}
	if (!err)
		err = free_run(cli, name, amounts, &b);
	free(amounts);
	return err;
}
