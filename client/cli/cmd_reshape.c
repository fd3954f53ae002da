/*
 * cmd_reshape - the verbs resize, split and join
 *
 * Role:       extents change where they are; what they are then is printed as free and the others take it.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <stdio.h>

static void range_line(const struct paclient_range *range)
{
	char text[RANGE_TEXT_BYTES];

	printf("%s\n", range_text(range, text));
}

static int resize_run(struct cli *cli, const char *name, uint64_t addr, const struct amount *amount)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_alloced alloced = {.size = sizeof(alloced)};
	struct paclient_range x = {0};
	struct paclient_region r;
	struct paclient_call call;
	json_t *o;
	int err;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	amount_npages(amount, r.page_size_bytes, &x.npages);
	call_init(cli, &call);
	if (paclient_resize_with(pa, r.id, addr, x.npages,
				 cli->lower ? PACLIENT_LOWER : PACLIENT_UPPER, &x.addr, &alloced,
				 &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		o = range_result(&r, &x);
		json_object_set_new(o, "scavenged_npages", json_count(alloced.scavenged_npages));
		json_object_set_new(o, "cleared_npages", json_count(alloced.cleared_npages));
		return json_out(cli, o);
	}
	range_line(&x);
	return out_end(cli);
}

int cmd_resize(struct cli *cli)
{
	const char *name = cli_region_take(cli), *wrong;
	struct amount amount;
	uint64_t addr;
	int err;

	if (!name || cli->nargs < 2)
		return usage_error(cli, "name a region, an extent and its new size: "
					"paclient resize REGION ADDR NPAGES|SIZE");
	if (cli->nargs > 2)
		return usage_error(cli, "takes one address and one size, \"%s\" is one too many",
				   cli->args[2]);
	wrong = number_parse(cli->args[0], &addr);
	if (wrong)
		return usage_error(cli, "\"%s\" %s", cli->args[0], wrong);
	err = cli_amount(cli, cli->args[1], &amount);
	return err ? err : resize_run(cli, name, addr, &amount);
}

static int split_run(struct cli *cli, const char *name, uint64_t addr)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_range lower, upper;
	struct paclient_region r;
	struct paclient_call call;
	int err;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	call_init(cli, &call);
	if (paclient_split(pa, r.id, addr, &lower, &upper, &call))
		return call_error(cli, &call.error);
	if (cli->json)
		return json_out(cli, json_pack("{s:s, s:o, s:o, s:[o, o]}", "region", r.name,
					       "page_size_bytes", json_count(r.page_size_bytes),
					       "npages", json_count(lower.npages + upper.npages),
					       "extents", extent_json(&lower, r.page_size_bytes),
					       extent_json(&upper, r.page_size_bytes)));
	range_line(&lower);
	range_line(&upper);
	return out_end(cli);
}

int cmd_split(struct cli *cli)
{
	const char *name = cli_region_take(cli), *wrong;
	uint64_t addr;

	if (!name || !cli->nargs)
		return usage_error(cli, "name a region and an address: paclient split REGION ADDR");
	if (cli->nargs > 1)
		return usage_error(cli, "takes one address, \"%s\" is one too many", cli->args[1]);
	wrong = number_parse(cli->args[0], &addr);
	return wrong ? usage_error(cli, "\"%s\" %s", cli->args[0], wrong)
		     : split_run(cli, name, addr);
}

static int join_range(struct cli *cli, paclient *pa, const struct paclient_region *r,
		      const struct paclient_range *x)
{
	struct paclient_call call;
	uint64_t nextents;
	json_t *object;

	call_init(cli, &call);
	if (paclient_join(pa, r->id, x->addr, x->npages, &nextents, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		object = range_result(r, x);
		json_object_set_new(object, "joined", json_count(nextents));
		return json_out(cli, object);
	}
	range_line(x);
	return out_end(cli);
}

int cmd_join(struct cli *cli)
{
	return range_run(cli, join_range);
}
