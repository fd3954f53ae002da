/*
 * remedy - what would make an extent fit that does not
 *
 * Role:       draws conclusions from what the daemon says, and asks it again where that is not enough. Says only what is so now:
 *             each remedy alone is sufficient; that none is known does not mean that there is none.
 * Uses:       source.h
 */
#include "client/cli/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool aligned(const struct question *q)
{
	return q->where && (q->where->align_npages > 1 || q->where->boundary_npages);
}

static bool bounded(const struct question *q)
{
	return q->where && (q->where->lowest_addr || q->where->limit_addr);
}

static bool fixed(const struct question *q)
{
	return q->where && q->where->rule == PACLIENT_FIXED;
}

/* The conditions that can be dropped. The runs that the daemon names know nothing of a fixed address. */
static void dropped(const struct question *q, const struct paclient_why *w, struct remedies *r)
{
	bool any = aligned(q) || bounded(q);

	if (fixed(q)) {
		r->another_address = w->placed_npages >= q->npages;
		r->without_placement = !r->another_address && any && w->largest_npages >= q->npages;
		return;
	}
	r->without_alignment = aligned(q) && w->bounded_npages >= q->npages;
	r->without_bounds = bounded(q) && w->aligned_npages >= q->npages;
	r->without_placement = any && !r->without_alignment && !r->without_bounds &&
			       w->largest_npages >= q->npages;
}

/* A weaker alignment fits wherever a stronger one does: half of what is left each time, as far as the powers of two go. */
static int align_find(const struct cli *cli, const struct question *q, uint64_t *ret_npages)
{
	int fits = 0, too_much = __builtin_ctzll(q->where->align_npages);
	struct paclient_placement p = *q->where;
	struct paclient_call call;

	/* 2^0 is no alignment at all. */
	while (too_much - fits > 1) {
		int middle = (fits + too_much) / 2;
		struct paclient_why w = {.size = sizeof(w)};

		p.align_npages = UINT64_C(1) << middle;
		call_init(cli, &call);
		if (q->src->ask->why(q->src, q->region.id, q->npages, &p, &w, &call))
			return call_error(cli, &call.error);
		*(w.fits ? &fits : &too_much) = middle;
	}
	*ret_npages = fits ? UINT64_C(1) << fits : 0;
	return 0;
}

/* Addresses [from, to) that the region has not grown to, at its upper end; as the placement allows. */
struct gap {
	uint64_t end; /* of what is grown */
	uint64_t from, to;
};

static uint64_t round_up(uint64_t addr, uint64_t multiple)
{
	/* Beyond the last one: nowhere. */
	return addr > UINT64_MAX - (multiple - 1) ? UINT64_MAX : (addr + multiple - 1) & -multiple;
}

static uint64_t range_end(const struct question *q, const struct paclient_range *x)
{
	return x->addr + pages_bytes(x->npages, q->region.page_size_bytes);
}

/* The first place for the extent from g->from on that alignment and boundary allow. */
static uint64_t place_from(const struct question *q, const struct gap *g)
{
	uint64_t page = q->region.page_size_bytes, bytes = pages_bytes(q->npages, page);
	uint64_t at = g->from, boundary;

	if (!q->where)
		return at;
	if (q->where->align_npages > 1)
		at = round_up(at, pages_bytes(q->where->align_npages, page));
	boundary = pages_bytes(q->where->boundary_npages, page);
	if (boundary && at / boundary != (at + bytes - 1) / boundary)
		at = round_up(at, boundary);
	return at;
}

/* The first range of @list that has a page in common with the extent at @at; NULL = none. */
static const struct paclient_range *in_the_way(const struct question *q, uint64_t at,
					       const struct paclient_range_list *list)
{
	uint64_t bytes = pages_bytes(q->npages, q->region.page_size_bytes);

	for (size_t i = 0; i < list->nranges; i++) {
		const struct paclient_range *x = &list->ranges[i];

		if (x->addr < at + bytes && range_end(q, x) > at)
			return x;
	}
	return NULL;
}

/* By how much must the region grow until the extent fits in what is new? 0: that cannot be said. */
static uint64_t grow_enough(const struct question *q, struct gap g,
			    const struct paclient_range_list *reserved,
			    const struct paclient_range_list *drained)
{
	uint64_t page = q->region.page_size_bytes, bytes = pages_bytes(q->npages, page);

	for (;;) {
		uint64_t at = place_from(q, &g);
		const struct paclient_range *x;

		if (at > g.to || g.to - at < bytes || (fixed(q) && at != q->where->addr))
			return 0;
		x = in_the_way(q, at, reserved);
		x = x ? x : in_the_way(q, at, drained);
		if (!x)
			return (at + bytes - g.end) / page;
		g.from = range_end(q, x);
	}
}

static struct gap gap_find(const struct question *q, const struct paclient_range_list *grown)
{
	const struct paclient_region *r = &q->region;
	struct gap g = {.end = r->base_addr};

	if (grown->nranges)
		g.end = range_end(q, &grown->ranges[grown->nranges - 1]);
	g.from = g.end;
	g.to = r->base_addr + pages_bytes(r->limit_npages, r->page_size_bytes);
	if (q->where && q->where->lowest_addr > g.from)
		g.from = round_up(q->where->lowest_addr, r->page_size_bytes);
	if (q->where && q->where->limit_addr && q->where->limit_addr < g.to)
		g.to = q->where->limit_addr;
	if (fixed(q) && q->where->addr > g.from)
		g.from = q->where->addr;
	return g;
}

static int grow_find(const struct cli *cli, const struct question *q, uint64_t *ret_npages)
{
	const struct paclient_range_list *grown, *reserved, *drained;
	struct source *src = q->src;
	struct paclient_call call;
	uint32_t id = q->region.id;

	call_init(cli, &call);
	if (src->ask->ranges(src, id, SOURCE_GROWN, &grown, &call) ||
	    src->ask->ranges(src, id, SOURCE_RESERVED, &reserved, &call) ||
	    src->ask->ranges(src, id, SOURCE_DRAINED, &drained, &call))
		return call_error(cli, &call.error);
	if (grown->nranges == grown->nranges_total)
		*ret_npages = grow_enough(q, gap_find(q, grown), reserved, drained);
	return 0;
}

static int extents_find(const struct cli *cli, const struct question *q, uint64_t *ret_extents)
{
	struct paclient_free_runs runs;
	uint64_t n;
	int err = runs_get(cli, q->src, q->region.id, &runs);

	if (err || !runs.size)
		return err;
	n = runs_extents(&runs, q->npages);
	*ret_extents = n <= q->src->batch_max ? n : 0;
	return 0;
}

static bool quota_leaves(const struct paclient_quota *x, uint64_t npages)
{
	return !x->limit || (x->used <= x->limit && npages <= x->limit - x->used);
}

/* The quota that is too small: giving back helps up to its limit, and where the place is free and the space there. */
static int quota_find(const struct cli *cli, const struct question *q, const struct paclient_why *w,
		      struct remedies *r)
{
	const struct paclient_quota_list *list;
	struct paclient_call call;

	call_init(cli, &call);
	if (q->src->ask->quotas(q->src, q->region.id, &list, &call))
		return call_error(cli, &call.error);
	for (size_t i = 0; i < list->nquotas; i++) {
		const struct paclient_quota *x = list->quotas[i];

		if (!strcmp(x->name, w->quota))
			r->quota_limit_npages = x->limit;
		if (!strcmp(x->name, "user_pages") && !strcmp(w->quota, "session_pages"))
			r->detached = quota_leaves(x, q->npages);
	}
	if (!w->short_npages && !fixed(q) && q->npages <= r->quota_limit_npages)
		r->quota_npages = w->quota_short_npages;
	return 0;
}

int remedies_find(const struct cli *cli, const struct question *q, const struct paclient_why *w,
		  struct remedies *ret)
{
	int err = 0;

	*ret = (struct remedies){0};
	if (w->fits)
		return 0;
	/* Nothing else is enough alone then. */
	if (w->quota_short_npages)
		return quota_find(cli, q, w, ret);
	dropped(q, w, ret);
	if (ret->without_alignment && q->where->align_npages > 1)
		err = align_find(cli, q, &ret->align_npages);
	if (!err && w->growable_npages)
		err = grow_find(cli, q, &ret->grow_npages);
	if (ret->grow_npages > w->growable_npages)
		ret->grow_npages = 0;
	/* In any runs: that is for certain only where the placement forbids none. */
	if (!err && !aligned(q) && !bounded(q) && !fixed(q))
		err = extents_find(cli, q, &ret->extents);
	return err;
}

/* In the unit that --align was given in. */
static void align_line(const struct cli *cli, const struct question *q, uint64_t npages)
{
	static const char suffixes[] = "KMGT";
	uint64_t n = npages;
	const char *suffix = "";

	if (cli->align.bytes) {
		n = pages_bytes(npages, q->region.page_size_bytes);
		for (const char *s = suffixes; *s && n >= 1024; s++) {
			n /= 1024;
			suffix = s;
		}
	}
	key_value("would fit", "with --align %" PRIu64 "%.1s", n, suffix);
}

static void quota_lines(const struct question *q, const struct paclient_why *w,
			const struct remedies *r)
{
	if (r->quota_npages)
		key_value("would fit", "with %" PRIu64 " pages fewer in use in quota %s",
			  r->quota_npages, w->quota);
	else if (q->npages > r->quota_limit_npages)
		key_value("would fit", "only with a higher quota %s: it is %" PRIu64 " pages",
			  w->quota, r->quota_limit_npages);
	else
		key_value("would fit",
			  "only with %" PRIu64 " pages fewer in use in quota %s, which alone is "
			  "not enough",
			  w->quota_short_npages, w->quota);
	if (r->detached)
		key_value("", "detached, as paclient alloc takes it, it does not count there");
}

void remedies_text(const struct cli *cli, const struct question *q, const struct paclient_why *w,
		   const struct remedies *r)
{
	bool known = w->quota_short_npages || r->another_address || r->without_alignment ||
		     r->without_bounds || r->without_placement || r->grow_npages || r->extents;

	if (w->quota_short_npages)
		quota_lines(q, w, r);
	if (r->another_address)
		key_value("would fit", "at another address");
	if (r->align_npages)
		align_line(cli, q, r->align_npages);
	else if (r->without_alignment)
		key_value("would fit", "without %s%s%s", cli->align.value ? "--align" : "",
			  cli->align.value && cli->boundary.value ? " and " : "",
			  cli->boundary.value ? "--boundary" : "");
	if (r->without_bounds)
		key_value("would fit", "without %s%s%s", cli->lowest.given ? "--lowest" : "",
			  cli->lowest.given && cli->limit.given ? " and " : "",
			  cli->limit.given ? "--limit" : "");
	if (r->without_placement)
		key_value("would fit",
			  "without all these conditions; none of them is enough alone");
	if (r->extents)
		key_value("would fit", "in %" PRIu64 " extents: paclient alloc --scatter %" PRIu64,
			  r->extents, r->extents);
	if (r->grow_npages)
		key_value("would fit", "after paclient grow %s %" PRIu64, q->region.name,
			  r->grow_npages);
	if (!known)
		key_value("would fit", "with %" PRIu64 " more free pages beside the longest run%s",
			  w->short_npages, q->where ? " that the placement allows" : "");
}

json_t *remedies_json(const struct remedies *r)
{
	return json_pack(
		"{s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:b}", "another_address",
		r->another_address, "without_alignment", r->without_alignment, "without_bounds",
		r->without_bounds, "without_placement", r->without_placement, "align_npages",
		json_count(r->align_npages), "grow_npages", json_count(r->grow_npages), "extents",
		json_count(r->extents), "quota_npages", json_count(r->quota_npages),
		"quota_limit_npages", json_count(r->quota_limit_npages), "detached", r->detached);
}
