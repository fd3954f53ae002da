/*
 * cmd_extent - the verbs alloc, free and grow
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
};

static void batch_deinit(struct batch *b)
{
	free(b->addrs);
	free(b->npages);
}

static int batch_init(const struct cli *cli, struct batch *b)
{
	b->n = (size_t)cli->nargs;
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

static int batch_json(const struct cli *cli, const struct batch *b, const struct paclient_region *r)
{
	json_t *array = json_array();

	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(
			array,
			json_pack("{s:o, s:o, s:o}", "addr", json_addr(b->addrs[i]), "npages",
				  json_count(b->npages[i]), "bytes",
				  json_count(pages_bytes(b->npages[i], r->page_size_bytes))));
	return json_out(cli, json_pack("{s:s, s:o, s:o, s:o}", "region", r->name, "page_size_bytes",
				       json_count(r->page_size_bytes), "npages",
				       json_count(batch_npages(b)), "extents", array));
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

static int alloc_out(const struct cli *cli, const struct batch *b, const struct paclient_region *r)
{
	if (cli->json)
		return batch_json(cli, b, r);
	for (size_t i = 0; i < b->n; i++)
		printf("0x%" PRIx64 "\n", b->addrs[i]);
	return out_end(cli);
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
	call_init(cli, &call);
	if (paclient_alloc_placed(pa, r.id, b->n, b->npages, PACLIENT_DETACHED, where, b->addrs,
				  &call))
		/* Of the fields only npages has an entry for each argument. */
		return strcmp(call.error.field, "npages") ? call_error(cli, &call.error)
							  : batch_error(cli, b, &call.error);
	err = alloc_out(cli, b, &r);
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
	amounts = calloc((size_t)cli->nargs, sizeof(*amounts));
	if (!amounts)
		return system_error(cli, "no memory for the arguments");
	err = amounts_read(cli, amounts);
	if (!err)
		err = placement_check(cli);
	if (!err)
		err = batch_init(cli, &b);
	if (!err)
		err = alloc_run(cli, name, amounts, &b);
	free(amounts);
	return err;
}

/* ADDR, ADDR:NPAGES or ADDR+SIZE. The amount's pages are known when the region is. */
static const char *range_parse(char *text, uint64_t *ret_addr, struct amount *ret_amount)
{
	char *at = text + strcspn(text, ":+"), separator = *at;
	const char *wrong;

	*at = '\0';
	wrong = number_parse(text, ret_addr);
	*at = separator;
	if (wrong)
		return wrong;
	*ret_amount = (struct amount){1, false};
	if (!separator)
		return NULL;
	wrong = amount_parse(at + 1, ret_amount);
	if (wrong)
		return wrong;
	if (!ret_amount->value)
		return "names no pages; write ADDR:NPAGES or ADDR+SIZE";
	if (separator == ':' && ret_amount->bytes)
		return "has a size behind the colon; write ADDR+SIZE";
	/* Behind a plus a plain number is bytes as well: it is added to an address. */
	ret_amount->bytes = separator == '+';
	return NULL;
}

static int free_run(struct cli *cli, const char *name, const struct amount *amounts,
		    struct batch *b)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	char text[SIZE_TEXT_BYTES];
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
	if (paclient_free_batch(pa, r.id, b->n, b->addrs, b->npages, &call))
		return batch_error(cli, b, &call.error);
	if (cli->json)
		return batch_json(cli, b, &r);
	printf("%" PRIu64 " page%s freed (%s)\n", batch_npages(b), batch_npages(b) == 1 ? "" : "s",
	       size_text(pages_bytes(batch_npages(b), r.page_size_bytes), text));
	return out_end(cli);
}

int cmd_free(struct cli *cli)
{
	CLEANUP(batch_deinit) struct batch b = {0};
	const char *name = cli_region_take(cli), *wrong = NULL;
	struct amount *amounts;
	int err;

	if (!name || !cli->nargs)
		return usage_error(
			cli,
			"name a region and pages: paclient free REGION ADDR[:NPAGES|+SIZE]...");
	amounts = calloc((size_t)cli->nargs, sizeof(*amounts));
	if (!amounts)
		return system_error(cli, "no memory for the arguments");
	err = batch_init(cli, &b);
	for (int i = 0; i < cli->nargs && !err; i++) {
		wrong = range_parse(cli->args[i], &b.addrs[i], &amounts[i]);
		if (wrong)
			err = usage_error(cli, "\"%s\" %s", cli->args[i], wrong);
	}
	if (!err)
		err = free_run(cli, name, amounts, &b);
	free(amounts);
	return err;
}

static int grow_run(struct cli *cli, const char *name, const struct amount *amount)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_range added;
	char text[SIZE_TEXT_BYTES];
	struct paclient_region r;
	struct paclient_call call;
	uint64_t npages = 0, bytes;
	int err;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	amount_npages(amount, r.page_size_bytes, &npages);
	call_init(cli, &call);
	if (paclient_grow(pa, r.id, npages, &added, &call))
		return call_error(cli, &call.error);
	bytes = pages_bytes(added.npages, r.page_size_bytes);
	if (cli->json)
		return json_out(cli,
				json_pack("{s:s, s:o, s:o, s:o, s:o}", "region", r.name,
					  "page_size_bytes", json_count(r.page_size_bytes), "addr",
					  json_addr(added.addr), "npages", json_count(added.npages),
					  "bytes", json_count(bytes)));
	printf("0x%" PRIx64 ": %" PRIu64 " pages added (%s)\n", added.addr, added.npages,
	       size_text(bytes, text));
	return out_end(cli);
}

int cmd_grow(struct cli *cli)
{
	const char *name = cli_region_take(cli);
	struct amount amount;
	int err;

	if (!name || !cli->nargs)
		return usage_error(cli,
				   "name a region and a size: paclient grow REGION NPAGES|SIZE");
	if (cli->nargs > 1)
		return usage_error(cli, "takes one size, \"%s\" is one too many", cli->args[1]);
	err = amounts_read(cli, &amount);
	return err ? err : grow_run(cli, name, &amount);
}
