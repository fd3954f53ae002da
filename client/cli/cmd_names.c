/*
 * cmd_names - the verbs lookup, list and annotate
 *
 * Role:       which extents there are, whose, and what they are called.
 * Uses:       source.h
 */
#include "client/cli/source.h"

#include <inttypes.h>
#include <stdio.h>

static int lookup_run(struct cli *cli, const char *region, const char *name)
{
	CLEANUP(source_closep) struct source *src = NULL;
	struct paclient_extent x = {.size = sizeof(x)};
	char text[RANGE_TEXT_BYTES];
	struct paclient_region r;
	struct paclient_call call;
	int err;

	err = source_open(cli, &src);
	if (!err)
		err = source_region(cli, src, region, &r);
	if (err)
		return err;
	call_init(cli, &call);
	if (src->ask->lookup(src, r.id, name, &x, &call))
		return call_error(cli, &call.error);
	if (cli->json)
		return json_out(cli, view_result(&r, &x));
	printf("%s\n", range_text(&(struct paclient_range){x.addr, x.npages}, text));
	return out_end(cli);
}

int cmd_lookup(struct cli *cli)
{
	const char *region = cli_region_take(cli);

	if (!region || !cli->nargs)
		return usage_error(cli, "name a region and an extent: paclient lookup REGION NAME");
	if (cli->nargs > 1)
		return usage_error(cli, "takes one name, \"%s\" is one too many", cli->args[1]);
	return lookup_run(cli, region, cli->args[0]);
}

/* Extents as they come, however many. */
struct listing {
	const struct cli *cli;
	const struct paclient_region *region;
	uint64_t nshown;
	bool failed; /* there was no memory for one */
};

/* One JSON value, written piece by piece with a line for each extent. */
static bool json_piece(json_t *piece)
{
	int err = piece ? json_dumpf(piece, stdout, JSON_ENCODE_ANY) : -1;

	json_decref(piece);
	return !err;
}

static bool list_begin(const struct listing *l)
{
	bool ok;

	if (!l->cli->json) {
		view_heading(l->cli);
		return true;
	}
	printf("{\"region\": ");
	ok = json_piece(json_string(l->region->name));
	printf(", \"page_size_bytes\": %" PRIu64 ", \"extents\": [", l->region->page_size_bytes);
	return ok;
}

static int list_show(const struct paclient_extent *x, void *ctx)
{
	struct listing *l = ctx;
	bool ok = l->nshown || list_begin(l);

	if (!l->cli->json) {
		view_line(x, l->region->page_size_bytes);
	} else {
		printf(l->nshown ? ",\n  " : "\n  ");
		ok = ok && json_piece(view_json(x, l->region->page_size_bytes));
	}
	l->nshown++;
	l->failed = !ok;
	return !ok || ferror(stdout);
}

/* Sizes in bytes count pages that are wholly within: what is at most 5 KiB long has one page of 4 KiB. */
static int list_filter(const struct cli *cli, const struct paclient_region *r,
		       struct paclient_list_filter *f)
{
	char size[SIZE_TEXT_BYTES];

	*f = (struct paclient_list_filter)PACLIENT_LIST_FILTER_INIT;
	f->session_id = cli->session;
	f->name_pattern = cli->name;
	f->lowest_addr = cli->lowest.addr;
	f->limit_addr = cli->limit.addr;
	if (cli->min.value)
		amount_npages(&cli->min, r->page_size_bytes, &f->min_npages);
	f->max_npages = cli->max.bytes ? cli->max.value / r->page_size_bytes : cli->max.value;
	if (cli->max.value && !f->max_npages)
		return usage_error(cli, "--max: a page of %s has %s, and no extent is shorter",
				   r->name, size_text(r->page_size_bytes, size));
	f->by_uid = cli->user != NULL;
	f->uid = cli->uid;
	return 0;
}

static int list_run(struct cli *cli, const char *name)
{
	CLEANUP(source_closep) struct source *src = NULL;
	struct paclient_list_filter filter;
	struct paclient_region r;
	struct listing l = {.cli = cli, .region = &r};
	struct paclient_call call;
	int err;

	err = source_open(cli, &src);
	if (!err)
		err = source_region(cli, src, name, &r);
	if (!err)
		err = list_filter(cli, &r, &filter);
	if (err)
		return err;
	call_init(cli, &call);
	if (src->ask->list_each(src, r.id, &filter, list_show, &l, &call))
		return call_error(cli, &call.error);
	if (l.failed || (!l.nshown && !list_begin(&l)))
		return system_error(cli, "no memory for the output");
	if (cli->json)
		printf(l.nshown ? "\n]}\n" : "]}\n");
	return out_end(cli);
}

int cmd_list(struct cli *cli)
{
	const char *name = cli_region_take(cli);
	int err;

	if (!name)
		return usage_error(cli, "name a region: paclient list REGION");
	if (cli->nargs)
		return usage_error(cli, "takes one region, \"%s\" is one too many", cli->args[0]);
	/* On the wire 0 is "the region's end". */
	if (cli->limit.given && !cli->limit.addr)
		return usage_error(cli, "--limit: below 0x0 no extent begins");
	err = user_read(cli);
	return err ? err : list_run(cli, name);
}

static int annotate_extent(struct cli *cli, paclient *pa, const struct paclient_region *r,
			   uint64_t addr)
{
	struct paclient_extent x = {.size = sizeof(x)};
	struct paclient_call call;

	call_init(cli, &call);
	if (paclient_annotate(pa, r->id, addr, cli->name, cli->label, &call) ||
	    paclient_extent_info(pa, r->id, addr, &x, &call))
		return call_error(cli, &call.error);
	if (cli->json)
		return json_out(cli, view_result(r, &x));
	view_heading(cli);
	view_line(&x, r->page_size_bytes);
	return out_end(cli);
}

int cmd_annotate(struct cli *cli)
{
	if (!cli->name && !cli->label)
		return usage_error(cli, "nothing to change: give --name, --label or both; an empty "
					"one is taken away");
	return view_run(cli, annotate_extent);
}
