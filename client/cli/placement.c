/*
 * placement - where an extent may lie, as the options say it
 *
 * Role:       --align, --boundary, --lowest, --limit, --at, --near and --strategy become a struct paclient_placement.
 * Uses:       cli.h
 *
 * Whether the constraints make sense in the region is for the daemon to say: it knows more, and says it to everybody.
 */
#include "client/cli/cli.h"

#include <string.h>

static const struct {
	const char *name;
	int strategy;
} strategies[] = {{"first", PACLIENT_FIRST}, {"last", PACLIENT_LAST}, {"best", PACLIENT_BEST}};

const char *strategy_name(size_t i)
{
	return i < ARRAY_SIZE(strategies) ? strategies[i].name : NULL;
}

/* -1 = there is none of that name. */
static int strategy_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++) {
		if (!strcmp(name, strategies[i].name))
			return strategies[i].strategy;
	}
	return -1;
}

int placement_check(const struct cli *cli)
{
	if (cli->at.given && cli->near.given)
		return usage_error(cli, "--at and --near are one address: give one of the two");
	/* On the wire 0 is "not set". */
	if (cli->limit.given && !cli->limit.addr)
		return usage_error(cli, "--limit: below 0x0 there are no pages");
	if (cli->strategy && strategy_find(cli->strategy) < 0)
		return usage_error(cli, "--strategy: \"%s\" is not known; first, last and best are",
				   cli->strategy);
	return 0;
}

/* Rounding would ask for something else: what is aligned to 8 KiB need not be aligned to 5 KiB. */
static int whole_pages(const struct cli *cli, const char *option, const struct amount *a,
		       const struct paclient_region *r, uint64_t *ret_npages)
{
	char size[SIZE_TEXT_BYTES], page[SIZE_TEXT_BYTES];

	if (a->bytes && a->value % r->page_size_bytes)
		return usage_error(cli, "%s: %s is no whole number of pages of %s", option,
				   size_text(a->value, size), size_text(r->page_size_bytes, page));
	*ret_npages = a->bytes ? a->value / r->page_size_bytes : a->value;
	return 0;
}

int placement_get(const struct cli *cli, const struct paclient_region *r,
		  struct paclient_placement *to, const struct paclient_placement **ret_where)
{
	bool any = cli->align.value || cli->boundary.value || cli->lowest.given ||
		   cli->limit.given || cli->at.given || cli->near.given || cli->strategy;
	int err;

	*to = (struct paclient_placement)PACLIENT_PLACEMENT_INIT;
	err = whole_pages(cli, "--align", &cli->align, r, &to->align_npages);
	if (!err)
		err = whole_pages(cli, "--boundary", &cli->boundary, r, &to->boundary_npages);
	if (err)
		return err;
	to->lowest_addr = cli->lowest.addr;
	to->limit_addr = cli->limit.addr;
	if (cli->at.given)
		to->rule = PACLIENT_FIXED;
	else if (cli->near.given)
		to->rule = PACLIENT_HINT;
	to->addr = cli->at.given ? cli->at.addr : cli->near.addr;
	to->strategy = cli->strategy ? strategy_find(cli->strategy) : PACLIENT_FIRST;
	*ret_where = any ? to : NULL;
	return 0;
}
