/*
 * range - ranges of addresses as people write them and as they are shown
 *
 * Role:       ADDR:NPAGES and its kin, in and out; and the frame of verbs that take one range.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *range_parse(char *text, struct range_arg *ret)
{
	char *at = text + strcspn(text, ":+"), separator = *at;
	const char *wrong;

	*at = '\0';
	wrong = number_parse(text, &ret->addr);
	*at = separator;
	if (wrong)
		return wrong;
	ret->amount = (struct amount){1, false};
	if (!separator)
		return NULL;
	wrong = amount_parse(at + 1, &ret->amount);
	if (wrong)
		return wrong;
	if (!ret->amount.value)
		return "names no pages; write ADDR:NPAGES or ADDR+SIZE";
	/* Behind a plus a plain number is bytes as well: it is added to an address. */
	ret->amount.bytes |= separator == '+';
	return NULL;
}

int range_read(const struct cli *cli, char *text, struct range_arg *ret)
{
	const char *wrong = range_parse(text, ret);

	return wrong ? usage_error(cli, "\"%s\" %s", text, wrong) : 0;
}

const char *range_text(const struct paclient_range *range, char *to)
{
	snprintf(to, RANGE_TEXT_BYTES, "0x%" PRIx64 ":%" PRIu64, range->addr, range->npages);
	return to;
}

json_t *range_json(const struct paclient_range *range)
{
	return json_pack("{s:o, s:o}", "addr", json_addr(range->addr), "npages",
			 json_count(range->npages));
}

json_t *extent_json(const struct paclient_range *range, uint64_t page_size_bytes)
{
	json_t *o = range_json(range);

	json_object_set_new(o, "bytes", json_count(pages_bytes(range->npages, page_size_bytes)));
	return o;
}

json_t *ranges_json(const struct paclient_range *ranges, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, range_json(&ranges[i]));
	return array;
}

json_t *range_result(const struct paclient_region *r, const struct paclient_range *range)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "region", r->name, "page_size_bytes",
			 json_count(r->page_size_bytes), "addr", json_addr(range->addr), "npages",
			 json_count(range->npages), "bytes",
			 json_count(pages_bytes(range->npages, r->page_size_bytes)));
}

int range_run(struct cli *cli,
	      int (*run)(struct cli *cli, paclient *pa, const struct paclient_region *r,
			 const struct paclient_range *range))
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	const char *name = cli_region_take(cli);
	struct paclient_region r;
	struct paclient_range x;
	struct range_arg range;
	int err;

	if (!name || !cli->nargs)
		return usage_error(cli, "name a region and pages: paclient %s REGION ADDR:NPAGES",
				   cli->verb->name);
	if (cli->nargs > 1)
		return usage_error(cli, "takes one range, \"%s\" is one too many", cli->args[1]);
	err = range_read(cli, cli->args[0], &range);
	if (!err)
		err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	x.addr = range.addr;
	amount_npages(&range.amount, r.page_size_bytes, &x.npages);
	return run(cli, pa, &r, &x);
}
