/*
 * cmd_regions - the verbs regions and info
 *
 * Role:       what regions there are and what they look like.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static json_t *region_json(const struct paclient_region *r)
{
	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "name", r->name,
			 "id", (json_int_t)r->id, "base_addr", json_addr(r->base_addr),
			 "page_size_bytes", json_count(r->page_size_bytes), "limit_npages",
			 json_count(r->limit_npages), "grown_npages", json_count(r->grown_npages),
			 "used_npages", json_count(r->grown_npages - r->free_npages), "free_npages",
			 json_count(r->free_npages), "auto_grow_npages",
			 json_count(r->auto_grow_npages), "faulted", r->faulted);
}

static int regions_json(const struct cli *cli, const struct paclient_region_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->nregions; i++)
		json_array_append_new(array, region_json(list->regions[i]));
	return json_out(cli, json_pack("{s:o}", "regions", array));
}

static void regions_table(const struct paclient_region_list *list)
{
	char page[SIZE_TEXT_BYTES], limit[SIZE_TEXT_BYTES], grown[SIZE_TEXT_BYTES];
	char used[SIZE_TEXT_BYTES], unused[SIZE_TEXT_BYTES];
	int width = (int)strlen("REGION");

	for (size_t i = 0; i < list->nregions; i++) {
		int n = (int)strlen(list->regions[i]->name);

		width = n > width ? n : width;
	}
	printf("%-*s %10s %10s %10s %10s %10s %6s  %s\n", width, "REGION", "PAGE", "LIMIT", "GROWN",
	       "USED", "FREE", "USED%", "BASE");
	for (size_t i = 0; i < list->nregions; i++) {
		const struct paclient_region *r = list->regions[i];
		uint64_t size = r->page_size_bytes, nused = r->grown_npages - r->free_npages;

		printf("%-*s %10s %10s %10s %10s %10s %6.1f  0x%" PRIx64 "%s\n", width, r->name,
		       size_text(size, page), size_text(pages_bytes(r->limit_npages, size), limit),
		       size_text(pages_bytes(r->grown_npages, size), grown),
		       size_text(pages_bytes(nused, size), used),
		       size_text(pages_bytes(r->free_npages, size), unused),
		       percent(nused, r->grown_npages), r->base_addr,
		       r->faulted ? "  FAULTED" : "");
	}
}

int cmd_regions(struct cli *cli)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_region_list *list;
	struct paclient_call call;
	int err;

	if (cli->nargs)
		return usage_error(cli, "takes no arguments, \"%s\" is one too many", cli->args[0]);
	err = cli_open(cli, &pa);
	if (err)
		return err;
	call_init(cli, &call);
	if (paclient_regions(pa, &list, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		err = regions_json(cli, list);
	} else {
		regions_table(list);
		err = out_end(cli);
	}
	paclient_regions_free(list);
	return err;
}

static int info_json(const struct cli *cli, const struct paclient_region *r,
		     const struct paclient_range_list *ranges)
{
	json_t *object = region_json(r), *array = json_array();

	for (size_t i = 0; i < ranges->nranges; i++)
		json_array_append_new(array, json_pack("{s:o, s:o}", "addr",
						       json_addr(ranges->ranges[i].addr), "npages",
						       json_count(ranges->ranges[i].npages)));
	json_object_set_new(object, "ranges", array);
	json_object_set_new(object, "nranges", json_count(ranges->nranges_total));
	return json_out(cli, object);
}

static void pages_line(const char *key, uint64_t npages, uint64_t page_size_bytes)
{
	char text[SIZE_TEXT_BYTES];

	key_value(key, "%" PRIu64 " pages (%s)", npages,
		  size_text(pages_bytes(npages, page_size_bytes), text));
}

static void info_text(const struct paclient_region *r, const struct paclient_range_list *ranges)
{
	char text[SIZE_TEXT_BYTES];
	uint64_t size = r->page_size_bytes, nused = r->grown_npages - r->free_npages;

	key_value("region", "%s", r->name);
	key_value("id", "%" PRIu32, r->id);
	key_value("state", "%s", r->faulted ? "faulted: closed, its state is inconsistent" : "ok");
	key_value("base", "0x%" PRIx64, r->base_addr);
	key_value("page size", "%s", size_text(size, text));
	pages_line("limit", r->limit_npages, size);
	pages_line("grown", r->grown_npages, size);
	pages_line("used", nused, size);
	pages_line("free", r->free_npages, size);
	if (r->auto_grow_npages)
		pages_line("auto-grow", r->auto_grow_npages, size);
	else
		key_value("auto-grow", "never");
	key_value("ranges", "%" PRIu64, ranges->nranges_total);
	for (size_t i = 0; i < ranges->nranges; i++) {
		const struct paclient_range *x = &ranges->ranges[i];

		printf("  0x%012" PRIx64 " + %" PRIu64 " pages (%s)\n", x->addr, x->npages,
		       size_text(pages_bytes(x->npages, size), text));
	}
	if (ranges->nranges < ranges->nranges_total)
		printf("  and %" PRIu64 " more\n", ranges->nranges_total - ranges->nranges);
}

int cmd_info(struct cli *cli)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	const char *name = cli_region_take(cli);
	struct paclient_range_list *ranges;
	struct paclient_region region;
	struct paclient_call call;
	int err;

	if (!name)
		return usage_error(cli, "name a region: paclient info REGION");
	if (cli->nargs)
		return usage_error(cli, "takes one region, \"%s\" is one too many", cli->args[0]);
	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &region);
	if (err)
		return err;
	call_init(cli, &call);
	if (paclient_region_ranges(pa, region.id, &ranges, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		err = info_json(cli, &region, ranges);
	} else {
		info_text(&region, ranges);
		err = out_end(cli);
	}
	paclient_ranges_free(ranges);
	return err;
}
