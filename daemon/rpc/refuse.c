/*
 * refuse - what region/ refuses, said to the client
 *
 * Role:       the one table from outcomes of region/ to statuses, fields and sentences. A sentence says what is wrong and, where
 *             that is not plain, what would be right.
 * Uses:       rpc/call.h
 */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpc/call.h"

/* Extents that a sentence names; Refusal lists more. */
#define NAMED_EXTENTS_MAX 3u

static PRINTF_LIKE(2, 3) void say(struct call *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(c->message, sizeof(c->message), fmt, args);
	va_end(args);
}

/* "entry 3: " for the verbs that have entries. */
static const char *entry(const struct call *c, char buf[static 32])
{
	buf[0] = '\0';
	if (c->req->verb_case == PALLOCD__V1__REQUEST__VERB_ALLOC ||
	    c->req->verb_case == PALLOCD__V1__REQUEST__VERB_FREE)
		snprintf(buf, 32, "entry %" PRIu32 ": ", c->refusal.index);
	return buf;
}

static void say_no_space(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	char placed[160] = "";

	if (c->req->verb_case == PALLOCD__V1__REQUEST__VERB_ALLOC && c->req->alloc->placement) {
		snprintf(placed, sizeof(placed),
			 "; where it may lie, the longest has %" PRIu64
			 " (alignment and boundary alone: %" PRIu64 ", bounds alone: %" PRIu64 ")",
			 rr->placed_npages, rr->aligned_npages, rr->bounded_npages);
	}
	say(c,
	    "region %s has no room for %" PRIu64 " pages: %" PRIu64
	    " are free, the longest run has %" PRIu64 ", it may grow by %" PRIu64 "%s%s",
	    r->name, rr->asked, rr->free_npages, rr->largest_npages, rr->growable_npages,
	    rr->growable_npages == 0   ? ""
	    : r->auto_grow_npages == 0 ? " (by Grow; it has no auto-grow)"
				       : "",
	    placed);
}

static void say_limit(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	char buf[32];

	say(c, "%s%" PRIu64 " pages are more than the %" PRIu64 " that region %s allows",
	    entry(c, buf), rr->asked, rr->limit, r->name);
}

static void say_empty(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	char buf[32];

	(void)r;
	(void)rr;
	say(c, "%s0 pages: at least 1 must be named", entry(c, buf));
}

static void say_outside(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	char buf[32];

	say(c,
	    "%saddress %#" PRIx64 " is not in region %s, which goes from %#" PRIx64
	    " up to %#" PRIx64,
	    entry(c, buf), rr->addr, r->name, r->base_addr, region_addr(r, r->limit_npages));
}

static void say_unaligned(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	char buf[32];

	say(c, "%saddress %#" PRIx64 " is not the beginning of a page of %" PRIu64 " bytes",
	    entry(c, buf), rr->addr, region_page_size(r));
}

static void say_not_allocated(struct call *c, const struct region *r,
			      const struct region_refusal *rr)
{
	bool free = c->req->verb_case == PALLOCD__V1__REQUEST__VERB_FREE;
	char buf[32];

	say(c, "%sthe page at %#" PRIx64 " of region %s is not allocated%s", entry(c, buf),
	    rr->addr, r->name, free ? ", or the request names it twice" : "");
}

static void say_not_owner(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	char buf[32];

	say(c, "%sthe page at %#" PRIx64 " of region %s is held by another owner", entry(c, buf),
	    rr->addr, r->name);
}

static void say_not_free(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	if (c->req->verb_case == PALLOCD__V1__REQUEST__VERB_RESIZE)
		say(c,
		    "the page at %#" PRIx64
		    " of region %s is not free, or not grown: the extent can't reach over it",
		    rr->addr, r->name);
	else
		say(c,
		    "the page at %#" PRIx64 " of region %s is not free, or not grown: the %" PRIu64
		    " pages can't be where they were asked for",
		    rr->addr, r->name, rr->asked);
}

static void say_placement(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	(void)r;
	if (rr->addr)
		say(c, "%s: %#" PRIx64 " %s", rr->field, rr->addr, rr->why);
	else
		say(c, "%s: %" PRIu64 " %s", rr->field, rr->asked, rr->why);
}

static void say_faulted(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	(void)rr;
	say(c,
	    "region %s is closed because its state is inconsistent (%s): the daemon's log says "
	    "more",
	    r->name, r->fault);
}

static void say_in_use(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	const Pallocd__V1__Refusal *f = &c->refusal;
	char list[160] = "";
	size_t at = 0;

	for (size_t i = 0; i < f->n_extent_addr && i < NAMED_EXTENTS_MAX; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at,
				       "%s%#" PRIx64 " (%" PRIu64 " pages)", i ? ", " : "",
				       f->extent_addr[i], f->extent_npages[i]);
	say(c,
	    "region %s is in use there: %" PRIu64 " extent%s, %s%s; Drain keeps new ones out until "
	    "these are freed",
	    r->name, rr->nextents, rr->nextents == 1 ? "" : "s", list,
	    rr->nextents > NAMED_EXTENTS_MAX ? ", ..." : "");
}

static void say_inside(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	switch ((int)c->req->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_SPLIT:
		say(c,
		    "an extent of region %s begins at %#" PRIx64
		    " already: name an address inside of one",
		    r->name, rr->addr);
		break;
	case PALLOCD__V1__REQUEST__VERB_JOIN:
		say(c,
		    "the extent of region %s that begins at %#" PRIx64
		    " reaches over an end of the range: name whole extents",
		    r->name, rr->addr);
		break;
	default:
		say(c,
		    "the address lies inside of the extent of region %s that begins at %#" PRIx64
		    ": name that",
		    r->name, rr->addr);
		break;
	}
}

static void say_chunks(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	if (c->req->verb_case == PALLOCD__V1__REQUEST__VERB_GROW)
		say(c,
		    "address %#" PRIx64
		    " is not the beginning of a chunk: a chunk is %u pages, counted "
		    "from the base of region %s, %#" PRIx64,
		    c->req->grow->addr, PAGEALLOC_CHUNK_NPAGES, r->name, r->base_addr);
	else
		say(c,
		    "%" PRIu64
		    " pages hold no whole chunk there: a chunk is %u pages, counted from "
		    "the base of region %s, %#" PRIx64,
		    rr->asked, PAGEALLOC_CHUNK_NPAGES, r->name, r->base_addr);
}

static void say_grown(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	bool grow = c->req->verb_case == PALLOCD__V1__REQUEST__VERB_GROW;

	say(c, "the page at %#" PRIx64 " of region %s is %s: RegionInfo lists what there is",
	    rr->addr, r->name, grow ? "grown already" : "not grown");
}

static const char *held_word(const struct call *c)
{
	return c->req->verb_case == PALLOCD__V1__REQUEST__VERB_DRAIN ? "drained" : "reserved";
}

static void say_ranges(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	(void)rr;
	c->refusal.limit = REGION_RANGES_MAX;
	say(c,
	    "region %s can have %u %s ranges, and this would be one more: undo some, or name such "
	    "that touch others",
	    r->name, REGION_RANGES_MAX, held_word(c));
}

static void say_not_held(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	say(c, "not all of the range at %#" PRIx64 " of region %s is %s: RegionInfo lists what is",
	    rr->addr, r->name, held_word(c));
}

/* What a quota is about, and what they do when there are too many of them. */
static const char *quota_phrase(const char *name)
{
	static const struct {
		const char *ending, *phrase;
	} phrases[] = {
		{"_pages", "pages are in use"},          {"_extents", "extents are in use"},
		{"_sessions", "sessions are in use"},    {"_connections", "connections are open"},
		{"_waiting", "requests wait for space"}, {"_queued_bytes", "bytes are queued"},
	};
	const char *ending = strchr(name, '_');

	for (size_t i = 0; ending && i < ARRAY_SIZE(phrases); i++) {
		if (strcmp(phrases[i].ending, ending) == 0)
			return phrases[i].phrase;
	}
	return "are in use";
}

/* "user_pages: 120 of 128 pages are in use, 16 more were asked for". */
static void say_used(struct call *c, const char *name, uint64_t limit, uint64_t used,
		     uint64_t asked)
{
	say(c, "%s: %" PRIu64 " of %" PRIu64 " %s", name, used, limit, quota_phrase(name));
	if (asked)
		call_say_more(c, ", %" PRIu64 " more %s asked for", asked,
			      asked == 1 ? "was" : "were");
}

enum pallocd_status call_refuse_quota(struct call *c, const char *name, uint64_t limit,
				      uint64_t used, uint64_t asked)
{
	c->refusal.limit = limit;
	c->refusal.used = used;
	c->refusal.asked = asked;
	say_used(c, name, limit, used, asked);
	return call_refused(c, PALLOCD_QUOTA, name);
}

static void say_quota(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	say_used(c, rr->field, rr->limit, rr->used, rr->asked);
	call_say_more(c, " (region %s)", r->name);
}

static void say_name_taken(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	say(c,
	    "the extent of region %s at %#" PRIx64
	    " has that name: names are unique in a region, Lookup says whose it is",
	    r->name, rr->addr);
}

/* Where the request names an extent by its name: that, else "". It has been looked at. */
static const char *name_asked(const struct call *c)
{
	switch ((int)c->req->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_LOOKUP:
		return c->req->lookup->name;
	case PALLOCD__V1__REQUEST__VERB_SHARE:
		return c->req->share->name;
	default:
		return "";
	}
}

static void say_not_found(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	const char *name = name_asked(c);

	if (*name)
		say(c, "no extent of region %s has the name '%s'", r->name, name);
	else
		say(c,
		    "no extent of region %s begins at %#" PRIx64
		    ": name an extent by its first address, as List shows it",
		    r->name, rr->addr);
}

static void say_shared(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	say(c,
	    "the extent of region %s at %#" PRIx64 " has %" PRIu64
	    " holders: none of them can change it; each releases it as a whole",
	    r->name, rr->addr, rr->nextents);
}

static void say_shares(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	c->refusal.limit = REGION_SHARES_MAX;
	say(c,
	    "the extent of region %s at %#" PRIx64 " has %u holders besides its owner, and may "
	    "have no more",
	    r->name, rr->addr, REGION_SHARES_MAX);
}

static void say_holds(struct call *c, const struct region *r, const struct region_refusal *rr)
{
	say(c, "this session holds the extent of region %s at %#" PRIx64 " already", r->name,
	    rr->addr);
}

/* The one table of outcomes. Where no field is named, it is the caller's or that of the refusal. */
static const struct outcome {
	enum pallocd_status status;
	const char *field;
	void (*say)(struct call *c, const struct region *r, const struct region_refusal *rr);
} outcomes[] = {
	[REGION_E_NO_SPACE] = {PALLOCD_NO_SPACE, NULL, say_no_space},
	[REGION_E_LIMIT] = {PALLOCD_LIMIT, NULL, say_limit},
	[REGION_E_EMPTY] = {PALLOCD_INVALID, NULL, say_empty},
	[REGION_E_OUT_OF_REGION] = {PALLOCD_OUT_OF_REGION, "addr", say_outside},
	[REGION_E_UNALIGNED] = {PALLOCD_UNALIGNED, "addr", say_unaligned},
	[REGION_E_NOT_ALLOCATED] = {PALLOCD_NOT_ALLOCATED, "addr", say_not_allocated},
	[REGION_E_NOT_OWNER] = {PALLOCD_NOT_OWNER, "addr", say_not_owner},
	[REGION_E_NOT_FREE] = {PALLOCD_NOT_FREE, "addr", say_not_free},
	[REGION_E_PLACEMENT] = {PALLOCD_INVALID, NULL, say_placement},
	[REGION_E_FAULTED] = {PALLOCD_FAULTED, "", say_faulted},
	[REGION_E_IN_USE] = {PALLOCD_IN_USE, "addr", say_in_use},
	[REGION_E_INSIDE] = {PALLOCD_INVALID, "addr", say_inside},
	[REGION_E_CHUNKS] = {PALLOCD_INVALID, NULL, say_chunks},
	[REGION_E_GROWN] = {PALLOCD_INVALID, "addr", say_grown},
	[REGION_E_RANGES] = {PALLOCD_LIMIT, "addr", say_ranges},
	[REGION_E_NOT_HELD] = {PALLOCD_INVALID, "addr", say_not_held},
	[REGION_E_QUOTA] = {PALLOCD_QUOTA, NULL, say_quota},
	[REGION_E_NAME_TAKEN] = {PALLOCD_NAME_TAKEN, "name", say_name_taken},
	[REGION_E_NOT_FOUND] = {PALLOCD_NOT_FOUND, NULL, say_not_found},
	[REGION_E_SHARED] = {PALLOCD_SHARED, "addr", say_shared},
	[REGION_E_SHARES] = {PALLOCD_LIMIT, "addr", say_shares},
	[REGION_E_HOLDS] = {PALLOCD_INVALID, "addr", say_holds},
};

enum pallocd_status call_refuse_region(struct call *c, const struct region *r, int err,
				       const char *field, const struct region_refusal *rr)
{
	const struct outcome *o;

	if (err < 0)
		return call_no_memory(c);
	if (err == REGION_E_AGAIN || c->again)
		return call_again(c);
	if (err == REGION_E_BUSY)
		return busy_wait(c, r);
	assert((size_t)err < ARRAY_SIZE(outcomes) && outcomes[err].say);
	o = &outcomes[err];
	c->refusal.index = rr->index;
	c->refusal.asked = rr->asked;
	c->refusal.limit = rr->limit;
	c->refusal.free_npages = rr->free_npages;
	c->refusal.largest_npages = rr->largest_npages;
	c->refusal.growable_npages = rr->growable_npages;
	c->refusal.addr = rr->addr;
	c->refusal.placed_npages = rr->placed_npages;
	c->refusal.aligned_npages = rr->aligned_npages;
	c->refusal.bounded_npages = rr->bounded_npages;
	c->refusal.nextents = rr->nextents;
	c->refusal.used = rr->used;
	if (err == REGION_E_NO_SPACE && rr->quota_npages != UINT64_MAX)
		c->refusal.quota_npages = rr->quota_npages;
	if (err == REGION_E_PLACEMENT || err == REGION_E_QUOTA)
		field = rr->field;
	else if (o->field)
		field = o->field;
	o->say(c, r, rr);
	return call_refused(c, o->status, field);
}

enum pallocd_status call_refuse_in_use(struct call *c, const struct region *r,
				       const struct region_refusal *rr,
				       struct region_in_use *in_use)
{
	struct region_refusal whole = *rr;

	whole.nextents = in_use->nextents;
	c->refusal.extent_addr = in_use->addr;
	c->refusal.extent_npages = in_use->extent_npages;
	c->refusal.n_extent_addr = c->refusal.n_extent_npages = in_use->n;
	return call_refuse_region(c, r, REGION_E_IN_USE, "addr", &whole);
}
