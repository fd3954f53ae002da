/*
 * replay_place - where the extents of a recording were, and shall be
 *
 * Role:       which allocs are asked for at an address, and whether the others must get theirs of themselves.
 * Uses:       replay.h
 */
#include "client/cli/replay.h"

#include <inttypes.h>

int replay_exact_check(const struct cli *cli, const struct workload *w,
		       const struct paclient_region *region)
{
	const struct workload_origin *o = &w->origin;

	if (!o->known)
		return usage_error(cli,
				   "--exact: %s holds no addresses, as recordings of "
				   "`paclient trace` do",
				   cli->args[0]);
	if (o->page_size_bytes != region->page_size_bytes)
		return usage_error(cli,
				   "--exact: it was recorded with pages of %" PRIu64
				   " bytes, those of %s have %" PRIu64,
				   o->page_size_bytes, region->name, region->page_size_bytes);
	return 0;
}

const char *replay_incomparable(const struct cli *cli, const struct workload *w,
				const struct paclient_region *region)
{
	const struct workload_origin *o = &w->origin;

	if (!o->known)
		return "none were recorded";
	if (o->page_size_bytes != region->page_size_bytes)
		return "pages have another size here";
	if (cli->exact)
		return NULL;
	if (!o->empty)
		return "it was recorded in a region in use, or one with memory behind it";
	if (o->nlost || o->nrestarts)
		return "the recording has gaps";
	if (o->nplaced)
		return "some extents were not placed by first fit";
	if (region_used(region) || region->held_npages)
		return "the region is in use";
	if (region->backing != PACLIENT_BACKING_NONE)
		return "the region has memory behind it, whose pages are busy now and then";
	return NULL;
}

uint64_t replay_addr(const struct workload *w, const struct paclient_region *region,
		     const struct event *e)
{
	return e->addr - w->origin.base_addr + region->base_addr;
}

/* Can the region have these pages at all? */
static bool within(const struct paclient_region *region, uint64_t addr, uint64_t npages)
{
	uint64_t page = (addr - region->base_addr) / region->page_size_bytes;

	return page < region->limit_npages && npages <= region->limit_npages - page;
}

bool replay_place(const struct cli *cli, const struct workload *w,
		  const struct paclient_region *region, const struct event *e, uint64_t freed_addr,
		  struct paclient_placement *ret)
{
	uint64_t addr = replay_addr(w, region, e);

	if (e->place == PLACE_UNKNOWN)
		return false;
	if (!cli->exact && e->place == PLACE_HANDED)
		addr = freed_addr;
	else if (!cli->exact &&
		 (e->place != PLACE_HELD || w->origin.page_size_bytes != region->page_size_bytes ||
		  !within(region, addr, e->npages)))
		return false;
	ret->rule = cli->exact ? PACLIENT_FIXED : PACLIENT_HINT;
	ret->addr = addr;
	return true;
}
