/*
 * cmd_regions - the verbs regions and info
 *
 * Role:       what regions there are and what they look like.
 * Uses:       source.h
 */
#include "client/cli/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The names of the rights, one after the other; NULL behind the last. */
static const char *right_next(unsigned *rights)
{
	unsigned lowest = *rights & -*rights;

	*rights &= ~lowest;
	return lowest ? paclient_right_name(lowest) : NULL;
}

static json_t *rights_json(unsigned rights)
{
	json_t *array = json_array();
	const char *name;

	while ((name = right_next(&rights)) != NULL)
		json_array_append_new(array, json_string(name));
	return array;
}

static json_t *region_json(const struct paclient_region *r)
{
	json_t *o = json_pack(
		"{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "name", r->name,
		"id", (json_int_t)r->id, "base_addr", json_addr(r->base_addr), "page_size_bytes",
		json_count(r->page_size_bytes), "limit_npages", json_count(r->limit_npages),
		"grown_npages", json_count(r->grown_npages), "used_npages",
		json_count(region_used(r)), "free_npages", json_count(r->free_npages),
		"held_npages", json_count(r->held_npages), "auto_grow_npages",
		json_count(r->auto_grow_npages), "best_fit", r->best_fit, "faulted", r->faulted);

	json_object_set_new(o, "rights", rights_json(r->rights));
	json_object_set_new(o, "death", json_string(paclient_death_name(r->death)));
	json_object_set_new(o, "quarantine_ms", json_count(r->quarantine_ms));
	json_object_set_new(o, "low_npages", json_count(r->low_npages));
	json_object_set_new(o, "backing", json_string(paclient_backing_name(r->backing)));
	json_object_set_new(o, "backing_page_bytes", json_count(r->backing_page_bytes));
	json_object_set_new(o, "commit", json_string(paclient_commit_name(r->commit)));
	json_object_set_new(o, "sanitize", json_boolean(r->sanitize));
	json_object_set_new(o, "releases", json_boolean(r->releases));
	json_object_set_new(o, "durability", json_string(paclient_durability_name(r->durability)));
	json_object_set_new(o, "generation", json_count(r->generation));
	return o;
}

static int regions_json(const struct cli *cli, const struct paclient_region_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->nregions; i++)
		json_array_append_new(array, region_json(list->regions[i]));
	return json_out(cli, json_pack("{s:o}", "regions", array));
}

static void regions_table(const struct cli *cli, const struct paclient_region_list *list)
{
	char page[SIZE_TEXT_BYTES], limit[SIZE_TEXT_BYTES], grown[SIZE_TEXT_BYTES];
	char used[SIZE_TEXT_BYTES], unused[SIZE_TEXT_BYTES];
	int width = (int)strlen("REGION");

	for (size_t i = 0; i < list->nregions; i++) {
		int n = (int)strlen(list->regions[i]->name);

		width = n > width ? n : width;
	}
	heading(cli, "%-*s %10s %10s %10s %10s %10s %6s  %-12s  %-7s  %s\n", width, "REGION",
		"PAGE", "LIMIT", "GROWN", "USED", "FREE", "USED%", "BASE", "BACKING", "DURABILITY");
	for (size_t i = 0; i < list->nregions; i++) {
		const struct paclient_region *r = list->regions[i];
		uint64_t size = r->page_size_bytes, nused = region_used(r);

		printf("%-*s %10s %10s %10s %10s %10s %6.1f  0x%-10" PRIx64 "  %-7s  %s%s\n", width,
		       r->name, size_text(size, page),
		       size_text(pages_bytes(r->limit_npages, size), limit),
		       size_text(pages_bytes(r->grown_npages, size), grown),
		       size_text(pages_bytes(nused, size), used),
		       size_text(pages_bytes(r->free_npages, size), unused),
		       percent(nused, r->grown_npages), r->base_addr,
		       paclient_backing_name(r->backing), paclient_durability_name(r->durability),
		       r->faulted ? "  FAULTED" : "");
	}
}

int cmd_regions(struct cli *cli)
{
	CLEANUP(source_closep) struct source *src = NULL;
	const struct paclient_region_list *list;
	struct paclient_call call;
	int err;

	if (cli->nargs)
		return usage_error(cli, "takes no arguments, \"%s\" is one too many", cli->args[0]);
	err = source_open(cli, &src);
	if (err)
		return err;
	call_init(cli, &call);
	if (src->ask->regions(src, &list, &call))
		return call_error(cli, &call.error);
	if (cli->json)
		return regions_json(cli, list);
	regions_table(cli, list);
	return out_end(cli);
}

/* All that there is to know about a region. */
struct info {
	struct paclient_region region;
	const struct paclient_range_list *grown, *reserved, *drained;
	struct paclient_free_runs runs;
	struct paclient_region_stat stat;
};

static int info_get(struct cli *cli, struct source *src, const char *name, struct info *x)
{
	struct paclient_call call;
	int err = source_region(cli, src, name, &x->region);

	if (err)
		return err;
	call_init(cli, &call);
	x->stat.size = sizeof(x->stat);
	if (src->ask->ranges(src, x->region.id, SOURCE_GROWN, &x->grown, &call) ||
	    src->ask->ranges(src, x->region.id, SOURCE_RESERVED, &x->reserved, &call) ||
	    src->ask->ranges(src, x->region.id, SOURCE_DRAINED, &x->drained, &call) ||
	    src->ask->stat_region(src, x->region.id, &x->stat, &call))
		return call_error(cli, &call.error);
	return runs_get(cli, src, x->region.id, &x->runs);
}

static int info_json(const struct cli *cli, const struct info *x)
{
	json_t *object = region_json(&x->region);

	json_object_set_new(object, "ranges", ranges_json(x->grown->ranges, x->grown->nranges));
	json_object_set_new(object, "nranges", json_count(x->grown->nranges_total));
	json_object_set_new(object, "reserved",
			    ranges_json(x->reserved->ranges, x->reserved->nranges));
	json_object_set_new(object, "drained",
			    ranges_json(x->drained->ranges, x->drained->nranges));
	json_object_set_new(object, "largest_npages", json_count(x->stat.largest_npages));
	json_object_set_new(object, "fragmentation_ppm", json_count(x->stat.fragmentation_ppm));
	json_object_set_new(object, "free_runs", runs_json(&x->runs));
	return json_out(cli, object);
}

static void ranges_text(const char *key, const struct paclient_range_list *list,
			uint64_t page_size_bytes)
{
	char text[SIZE_TEXT_BYTES];

	key_value(key, "%" PRIu64, list->nranges_total);
	for (size_t i = 0; i < list->nranges; i++) {
		const struct paclient_range *x = &list->ranges[i];

		printf("  0x%012" PRIx64 " + %" PRIu64 " pages (%s)\n", x->addr, x->npages,
		       size_text(pages_bytes(x->npages, page_size_bytes), text));
	}
	if (list->nranges < list->nranges_total)
		printf("  and %" PRIu64 " more\n", list->nranges_total - list->nranges);
}

/* Who may do what, and what becomes of whose. */
static void policy_text(const struct paclient_region *r)
{
	unsigned rights = r->rights;
	char text[256] = "", time[TIME_TEXT_BYTES];
	const char *name;
	size_t n = 0;

	while ((name = right_next(&rights)) != NULL && n < sizeof(text))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "", name);
	key_value("your rights", "%s", text[0] ? text : "none");
	if (r->death == PACLIENT_DEATH_QUARANTINE)
		key_value("death", "quarantine for %s", time_text(r->quarantine_ms * 1000, time));
	else
		key_value("death", "%s", paclient_death_name(r->death));
	if (r->low_npages)
		pages_line("space is low below", r->low_npages, r->page_size_bytes);
}

/* What a restart leaves of it. */
static void durability_text(const struct paclient_region *r)
{
	static const char *const outlives[] = {"a restart of the daemon ends all that is held",
					       "what is held outlives the daemon",
					       "what is held outlives a power loss"};

	if (r->durability >= 0 && (size_t)r->durability < ARRAY_SIZE(outlives))
		key_value("durability", "%s: %s", paclient_durability_name(r->durability),
			  outlives[r->durability]);
	else
		key_value("durability", "%s", paclient_durability_name(r->durability));
	key_value("generation", "%" PRIu64, r->generation);
}

/* What stands behind the addresses, and when. */
static void backing_text(const struct paclient_region *r)
{
	char text[SIZE_TEXT_BYTES];

	if (r->backing == PACLIENT_BACKING_NONE) {
		key_value("backing", "none");
		return;
	}
	key_value("backing", "%s, in pages of %s%s", paclient_backing_name(r->backing),
		  size_text(r->backing_page_bytes, text),
		  r->releases ? "" : "; cannot be given back to the system");
	key_value("commit", "%s", paclient_commit_name(r->commit));
	key_value("sanitize", "%s", r->sanitize ? "yes" : "no");
}

static void info_text(const struct cli *cli, const struct info *x)
{
	const struct paclient_region *r = &x->region;
	uint64_t size = r->page_size_bytes;
	char text[SIZE_TEXT_BYTES];

	key_value("region", "%s", r->name);
	key_value("id", "%" PRIu32, r->id);
	key_value("state", "%s", r->faulted ? "faulted: closed, its state is inconsistent" : "ok");
	key_value("base", "0x%" PRIx64, r->base_addr);
	key_value("page size", "%s", size_text(size, text));
	pages_line("limit", r->limit_npages, size);
	pages_line("grown", r->grown_npages, size);
	pages_line("used", region_used(r), size);
	pages_line("free", r->free_npages, size);
	pages_line("held back", r->held_npages, size);
	if (r->auto_grow_npages)
		pages_line("auto-grow", r->auto_grow_npages, size);
	else
		key_value("auto-grow", "never");
	key_value("best fit", "%s", r->best_fit ? "yes" : "no");
	backing_text(r);
	durability_text(r);
	policy_text(r);
	ranges_text("ranges", x->grown, size);
	ranges_text("reserved", x->reserved, size);
	ranges_text("drained", x->drained, size);
	fragmentation_line(x->stat.fragmentation_ppm);
	runs_table(cli, &x->runs, size);
}

int cmd_info(struct cli *cli)
{
	CLEANUP(source_closep) struct source *src = NULL;
	struct info x = {.region = {0}};
	const char *name = cli_region_take(cli);
	int err;

	if (!name)
		return usage_error(cli, "name a region: paclient info REGION");
	if (cli->nargs)
		return usage_error(cli, "takes one region, \"%s\" is one too many", cli->args[0]);
	err = source_open(cli, &src);
	if (!err)
		err = info_get(cli, src, name, &x);
	if (err)
		return err;
	if (cli->json)
		return info_json(cli, &x);
	info_text(cli, &x);
	return out_end(cli);
}
