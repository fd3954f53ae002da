/*
 * cmd_dump - the verb dump
 *
 * Role:       asks for all of it, region after region, and writes each as soon as it is there.
 * Uses:       dump.h
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/dump.h"

static int region_dump(const struct cli *cli, paclient *pa, const struct paclient_region *info,
		       struct dump_writer *w)
{
	struct dump_region r = {.settled = false};
	int err = dump_region_get(cli, pa, info, &r);

	if (!err) {
		dump_write_region(w, &r);
		if (!r.settled && !dump_refused(&r.about, DUMP_STAT))
			fprintf(stderr,
				"paclient: dump: region %s changed while it was read: what the "
				"dump says of it may never have been so all at once\n",
				r.info.name);
	}
	dump_region_deinit(&r);
	return err;
}

static int regions_dump(const struct cli *cli, paclient *pa, struct dump_writer *w)
{
	struct paclient_region_list *list;
	struct paclient_call call;
	int err = 0;

	call_init(cli, &call);
	if (paclient_regions(pa, &list, &call))
		return call_error(cli, &call.error);
	for (size_t i = 0; !err && i < list->nregions; i++)
		err = region_dump(cli, pa, list->regions[i], w);
	paclient_regions_free(list);
	return err;
}

/* @only: NULL: all regions. */
static int dump_to(const struct cli *cli, paclient *pa, const struct paclient_region *only,
		   FILE *to)
{
	struct dump_writer w = {.to = to};
	struct dump d = {.stat = {0}};
	int err = dump_head_get(cli, pa, &d);

	if (!err)
		dump_write_head(&w, &d);
	dump_deinit(&d);
	if (!err)
		err = only ? region_dump(cli, pa, only, &w) : regions_dump(cli, pa, &w);
	if (!err)
		dump_write_end(&w);
	return err;
}

static int dump_to_file(const struct cli *cli, paclient *pa, const struct paclient_region *only)
{
	FILE *to = fopen(cli->output, "we");
	int err;

	if (!to)
		return system_error(cli, "%s: %s", cli->output, strerror(errno));
	err = dump_to(cli, pa, only, to);
	if (!err && (fflush(to) || ferror(to)))
		err = system_error(cli, "%s: %s", cli->output, strerror(errno));
	fclose(to);
	return err;
}

int cmd_dump(struct cli *cli)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	const char *name = cli_region_take(cli);
	struct paclient_region r;
	int err;

	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	err = cli_open(cli, &pa);
	if (!err && name)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	if (cli->output)
		return dump_to_file(cli, pa, name ? &r : NULL);
	err = dump_to(cli, pa, name ? &r : NULL, stdout);
	return err ? err : out_end(cli);
}
