/*
 * record - truth about extents and space: taken out, and put back
 *
 * Role:       see record.h; sessions are record_session.c's.
 * Uses:       base/, pagealloc/, region/
 */
#include "region/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "region/region_private.h"

/* As a user, or as a session, whose user is its own business. */
static struct record_holder holder_of(const struct owner *o)
{
	if (o->detached)
		return (struct record_holder){.uid = o->uid};
	return (struct record_holder){.session = CONTAINER_OF(o, struct session, owner)->id};
}

bool region_extent_get(const struct region *r, uint64_t page, struct record_holder *shares,
		       struct extent_record *ret)
{
	uint32_t i = page < r->limit_npages ? extents_at(&r->extents, page) : EXTENT_NONE;
	const struct extra *x;

	if (i == EXTENT_NONE || !holding_of(r, i)->owner)
		return false;
	x = extra_of(r, i);
	*ret = (struct extent_record){
		.page = page,
		.npages = extents_get(&r->extents, i)->npages,
		.owner = holder_of(holding_of(r, i)->owner),
		.name = x ? x->name : NULL,
		.label = x && x->label ? x->label->text : NULL,
		.shares = shares,
	};
	if (LIKELY(!x))
		return true;
	list_for_each (link, &x->shares) {
		const struct holding *h = list_entry(link, struct share, in_extra)->holding;

		if (h->owner)
			shares[ret->nshares++] = holder_of(h->owner);
	}
	return true;
}

bool region_extent_next(const struct region *r, uint64_t page, uint64_t *ret_page)
{
	uint32_t i = page < r->limit_npages ? extents_next(&r->extents, page) : EXTENT_NONE;

	if (i == EXTENT_NONE)
		return false;
	*ret_page = extents_get(&r->extents, i)->first;
	return true;
}

uint32_t region_space_nranges(const struct region *r)
{
	return (uint32_t)(pagealloc_nranges(r->pa) + r->reserved.n + r->drained.n);
}

/* The part of [first, limit) that is no page beyond the region's limit. Return: how many ranges that are. */
static uint32_t range_put(const struct region *r, uint64_t first, uint64_t limit,
			  struct record_range *ret)
{
	if (first >= r->limit_npages)
		return 0;
	if (limit > r->limit_npages)
		limit = r->limit_npages;
	*ret = (struct record_range){first, limit - first};
	return 1;
}

static uint32_t set_get(const struct region *r, const struct ranges *set, struct record_range *ret)
{
	uint32_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += range_put(r, set->v[i].first, set->v[i].limit, &ret[n]);
	return n;
}

void region_space_get(const struct region *r, struct record_range *ranges, struct space_record *ret)
{
	uint64_t first, limit;

	*ret = (struct space_record){
		.base_addr = r->base_addr,
		.page_size_bytes = region_page_size(r),
		.generation = r->generation,
		.grown = ranges,
	};
	for (size_t i = 0; i < pagealloc_nranges(r->pa); i++) {
		pagealloc_range(r->pa, i, &first, &limit);
		ret->ngrown += range_put(r, first, limit, &ranges[ret->ngrown]);
	}
	ret->reserved = ranges + ret->ngrown;
	ret->nreserved = set_get(r, &r->reserved, ranges + ret->ngrown);
	ret->drained = ret->reserved + ret->nreserved;
	ret->ndrained = set_get(r, &r->drained, ranges + ret->ngrown + ret->nreserved);
}

void region_void(struct region *r)
{
	r->generation++;
	/* Whatever is written about its extents is to go, and nobody has noted which they were. */
	r->changes.space = r->changes.all = true;
	*r->changes.any = true;
}

void region_keep(struct region *r)
{
	/* It is there that regions_add() points to. */
	CONTAINER_OF(r->changes.any, struct regions, changed)->session_changes.kept = true;
	r->changes.kept = true;
}

int record_wrong(const struct report *rep, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(rep->buf, rep->size, fmt, args);
	va_end(args);
	return RECORD_E_WRONG;
}

/* Ranges of a record ascend, are not empty, and end at the limit at the latest. @what they are. */
static int ranges_check(const struct region *r, const char *what, const struct record_range *v,
			uint32_t n, const struct report *rep)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < n; end = v[i].page + v[i].npages, i++) {
		if (v[i].npages == 0 || v[i].page < end)
			return record_wrong(rep,
					    "the %s range of %" PRIu64 " pages at page %" PRIu64
					    " is empty, or does not come after the one before it",
					    what, v[i].npages, v[i].page);
		if (v[i].page > r->limit_npages || v[i].npages > r->limit_npages - v[i].page)
			return record_wrong(rep,
					    "the %s range of %" PRIu64 " pages at page %" PRIu64
					    " reaches beyond the region's limit of %" PRIu64
					    " pages: the limit cannot be lower than what is %s",
					    what, v[i].npages, v[i].page, r->limit_npages, what);
	}
	return 0;
}

static int grown_check(const struct region *r, const struct space_record *s,
		       const struct report *rep)
{
	int err = ranges_check(r, "grown", s->grown, s->ngrown, rep);

	for (uint32_t i = 0; !err && i < s->ngrown; i++) {
		if (s->grown[i].page % PAGEALLOC_CHUNK_NPAGES ||
		    (i && s->grown[i].page <
				  chunk_round_up(s->grown[i - 1].page + s->grown[i - 1].npages)))
			err = record_wrong(rep,
					   "the grown range at page %" PRIu64
					   " does not begin with a chunk of %u pages of its own",
					   s->grown[i].page, PAGEALLOC_CHUNK_NPAGES);
	}
	return err;
}

static int space_check(const struct region *r, const struct space_record *s,
		       const struct report *rep)
{
	int err;

	if (s->base_addr != r->base_addr)
		return record_wrong(rep,
				    "its base address was %#" PRIx64 ", and is %#" PRIx64
				    " now: extents would move",
				    s->base_addr, r->base_addr);
	if (s->page_size_bytes != region_page_size(r))
		return record_wrong(rep,
				    "its page size was %" PRIu64 ", and is %" PRIu64
				    " now: extents would change their size",
				    s->page_size_bytes, region_page_size(r));
	if (s->generation == 0)
		return record_wrong(rep, "its generation is 0, and they count from 1");
	if (r->faulted)
		return record_wrong(rep, "the region is closed: %s", r->fault);
	if (r->end_npages || r->drained.n)
		return record_wrong(rep, "the region is not new: something is grown or drained");
	err = grown_check(r, s, rep);
	if (!err)
		err = ranges_check(r, "reserved", s->reserved, s->nreserved, rep);
	return err ? err : ranges_check(r, "drained", s->drained, s->ndrained, rep);
}

static int set_put(struct ranges *set, const struct record_range *v, uint32_t n)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++)
		err = hold_set_add(set, v[i].page, v[i].page + v[i].npages);
	return err;
}

static int set_copy(struct ranges *set, const struct ranges *from)
{
	int err = 0;

	for (size_t i = 0; !err && i < from->n; i++)
		err = hold_set_add(set, from->v[i].first, from->v[i].limit);
	return err;
}

/* A limit that has been raised makes the last chunk a whole one. */
static uint64_t grown_end(const struct region *r, const struct record_range *v)
{
	uint64_t end = chunk_round_up(v->page + v->npages);

	return end < r->limit_npages ? end : r->limit_npages;
}

/* All of it or nothing; where there is no memory even to undo it, the region is closed. */
static int grown_put(struct region *r, const struct space_record *s)
{
	uint32_t n = 0;
	int err = 0;

	while (!err && n < s->ngrown) {
		err = range_add(r, s->grown[n].page, grown_end(r, &s->grown[n]));
		n += !err;
	}
	while (err && n--) {
		if (range_drop(r, s->grown[n].page,
			       chunk_round_up(s->grown[n].page + s->grown[n].npages)))
			region_fault(r, "there was no memory for what was grown");
	}
	return err;
}

/* The pages that nobody may get, and those of them that only the configuration names. */
struct sets {
	struct ranges reserved, drained, unsaid;
};

static void sets_deinit(struct sets *x)
{
	ranges_deinit(&x->reserved);
	ranges_deinit(&x->drained);
	ranges_deinit(&x->unsaid);
}

static int sets_make(const struct region *r, const struct space_record *s, struct sets *x)
{
	int err = set_copy(&x->reserved, &r->reserved);

	if (!err)
		err = set_copy(&x->unsaid, &r->reserved);
	for (uint32_t i = 0; !err && i < s->nreserved; i++)
		err = hold_set_remove(&x->unsaid, s->reserved[i].page,
				      s->reserved[i].page + s->reserved[i].npages);
	if (!err)
		err = set_put(&x->reserved, s->reserved, s->nreserved);
	return err ? err : set_put(&x->drained, s->drained, s->ndrained);
}

static void sets_swap(struct region *r, struct sets *x)
{
	struct sets was = {r->reserved, r->drained, r->unsaid};

	r->reserved = x->reserved;
	r->drained = x->drained;
	r->unsaid = x->unsaid;
	*x = was;
}

/* Has the configuration added anything to what the record says? */
static bool space_differs(const struct region *r, const struct space_record *s)
{
	uint64_t lo, hi;
	bool differs = ranges_next(&r->unsaid, 0, &lo, &hi) && lo < r->limit_npages;

	for (uint32_t i = 0; i < s->ngrown; i++)
		differs |= grown_end(r, &s->grown[i]) != s->grown[i].page + s->grown[i].npages;
	return differs;
}

int region_space_put(struct region *r, const struct space_record *s, char *buf, size_t size)
{
	CLEANUP(sets_deinit) struct sets x = {0};
	const struct report rep = {buf, size};
	int err = space_check(r, s, &rep);

	if (!err)
		err = sets_make(r, s, &x);
	if (err)
		return err;
	/* Before growing, which takes what is in them from the allocator. */
	sets_swap(r, &x);
	err = grown_put(r, s);
	if (err) {
		sets_swap(r, &x);
		return err < 0 ? err : record_wrong(&rep, "%s", r->fault);
	}
	r->generation = s->generation;
	if (space_differs(r, s)) {
		r->changes.space = true;
		*r->changes.any = true;
	}
	return 0;
}

/* An extent on its way back: what it takes, before anything is changed. */
struct extent_put {
	struct regions *rs;
	struct region *r;
	const struct extent_record *e;
	struct holding *holding;
	struct note note;
	struct list shares; /* struct share, without an extra */
};

static void put_deinit(struct extent_put *p)
{
	note_deinit(&p->note);
	list_for_each (link, &p->shares)
		mem_free(list_entry(link, struct share, in_extra));
}

/*
 * Where the pages from @page on end that only the configuration of now reserves: an extent that lies there was there before it was configured, or
 * came when the administrator had taken it back, and stays.
 */
static uint64_t unsaid_end(const struct region *r, uint64_t page)
{
	uint64_t lo, hi;

	return ranges_next(&r->unsaid, page, &lo, &hi) && lo == page ? hi : page;
}

/* All of its pages are grown, and nobody's. */
static int place_check(const struct region *r, const struct extent_record *e,
		       const struct report *rep)
{
	uint64_t end = e->page + e->npages, lo, hi;
	uint32_t i;

	if (e->npages == 0)
		return record_wrong(rep, "it has no pages");
	if (e->page > r->limit_npages || e->npages > r->limit_npages - e->page)
		return record_wrong(rep,
				    "its %" PRIu64 " pages at page %" PRIu64
				    " reach beyond the region's limit of %" PRIu64 " pages",
				    e->npages, e->page, r->limit_npages);
	if (!pagealloc_next_grown(r->pa, e->page, &lo, &hi) || lo > e->page)
		return record_wrong(rep, "its page at %#" PRIx64 " is not grown",
				    region_addr(r, e->page));
	if (hi < end)
		return record_wrong(rep, "its page at %#" PRIx64 " is not grown",
				    region_addr(r, hi));
	i = extents_over(&r->extents, e->page);
	if (i == EXTENT_NONE)
		i = extents_next(&r->extents, e->page);
	if (i != EXTENT_NONE && extents_get(&r->extents, i)->first < end)
		return record_wrong(rep,
				    "its %" PRIu64 " pages overlap the extent of %" PRIu64
				    " pages at %#" PRIx64,
				    e->npages, extents_get(&r->extents, i)->npages,
				    region_addr(r, extents_get(&r->extents, i)->first));
	for (uint64_t at = e->page; ranges_next(&r->reserved, at, &lo, &hi) && lo < end; at = hi) {
		if (hi > end)
			hi = end;
		if (unsaid_end(r, lo) < hi)
			return record_wrong(rep, "its page at %#" PRIx64 " is reserved",
					    region_addr(r, unsaid_end(r, lo)));
	}
	if (busy_next(r, e->page, &lo, &hi) && lo < end)
		return record_wrong(rep, "its page at %#" PRIx64 " is busy", region_addr(r, lo));
	return 0;
}

static int text_check(const char *what, const char *text, size_t max, const struct report *rep)
{
	if (!text || (*text && strlen(text) <= max))
		return 0;
	return record_wrong(rep, "its %s has %zu bytes, and 1 to %zu are possible", what,
			    strlen(text), max);
}

static int texts_check(const struct region *r, const struct extent_record *e,
		       const struct report *rep)
{
	struct region_refusal refusal = {0};
	int err = text_check("name", e->name, REGION_NAME_BYTES_MAX, rep);

	if (!err)
		err = text_check("label", e->label, REGION_LABEL_BYTES_MAX, rep);
	if (!err && note_check(r, EXTENT_NONE, e->name, &refusal))
		err = record_wrong(rep, "its name \"%s\" is that of the extent at %#" PRIx64,
				   e->name, refusal.addr);
	return err;
}

/* How often is @session among the holders of @e, its first @n sharers and its owner? */
static bool holds_already(const struct extent_record *e, uint32_t n, uint64_t session)
{
	bool holds = e->owner.session == session;

	for (uint32_t i = 0; i < n; i++)
		holds |= e->shares[i].session == session;
	return holds;
}

static int shares_check(const struct regions *rs, const struct extent_record *e,
			const struct report *rep)
{
	if (e->nshares > REGION_SHARES_MAX)
		return record_wrong(rep, "%" PRIu32 " sessions share it, and %u can", e->nshares,
				    REGION_SHARES_MAX);
	for (uint32_t i = 0; i < e->nshares; i++) {
		uint64_t id = e->shares[i].session;

		if (!id)
			return record_wrong(rep,
					    "user %u is said to share it, and only sessions can",
					    (unsigned)e->shares[i].uid);
		if (!session_by_id(rs, id))
			return record_wrong(
				rep, "session %" PRIu64 ", which shares it, is not there", id);
		if (holds_already(e, i, id))
			return record_wrong(rep, "session %" PRIu64 " is said to hold it twice",
					    id);
	}
	return 0;
}

static int owner_put(struct extent_put *p, const struct report *rep)
{
	const struct record_holder *holder = &p->e->owner;
	struct session *s;
	struct user *user;
	int err;

	if (holder->session) {
		s = session_by_id(p->rs, holder->session);
		if (!s)
			return record_wrong(rep, "session %" PRIu64 ", its owner, is not there",
					    holder->session);
		return holding_get(&p->r->holdings, p->r, &s->owner, &p->holding);
	}
	err = regions_user(p->rs, holder->uid, &user);
	return err ? err : holding_get(&p->r->holdings, p->r, &user->owner, &p->holding);
}

static int shares_make(struct extent_put *p)
{
	int err = p->e->nshares ? extras_reserve(p->r->extras, 1) : 0;

	for (uint32_t i = 0; !err && i < p->e->nshares; i++) {
		struct session *s = session_by_id(p->rs, p->e->shares[i].session);
		struct share *share = mem_zalloc(1, sizeof(*share));

		if (!share)
			return -ENOMEM;
		list_append(&p->shares, &share->in_extra);
		err = holding_get(&p->r->holdings, p->r, &s->owner, &share->holding);
	}
	return err;
}

/* What is drained of the pages, or reserved up to now, is taken already. */
static int pages_take(struct region *r, uint64_t page, uint64_t end)
{
	uint64_t lo, hi;
	int err = 0;

	for (; !err && page < end; page = hi) {
		if (!hold_next(r, page, &lo, &hi) || lo > end)
			lo = hi = end;
		if (lo > page)
			err = pagealloc_alloc_range(r->pa, page, lo - page, NULL);
	}
	if (err)
		region_fault(r, "R3: pages up to %" PRIu64 " are nobody's, but not free (%d)", page,
			     err);
	return err;
}

/* There is room for all of it: it cannot fail. */
static void extent_put(struct extent_put *p)
{
	uint32_t i = region_extent_add(p->r, p->holding, p->e->page, p->e->npages);

	note_put(p->r, i, &p->note);
	list_for_each (link, &p->shares) {
		struct share *share = list_entry(link, struct share, in_extra);

		list_remove(link);
		share_begin(p->r, i, share->holding, share);
	}
}

void region_extents_expect(struct region *r, uint64_t n)
{
	if (n > 0 && n < EXTENTS_MAX)
		(void)!extents_reserve(&r->extents, (uint32_t)n);
}

int region_extent_put(struct regions *rs, struct region *r, const struct extent_record *e,
		      char *buf, size_t size)
{
	CLEANUP(put_deinit) struct extent_put p = {.rs = rs, .r = r, .e = e};
	const struct report rep = {buf, size};
	int err;

	list_init(&p.shares);
	if (r->faulted)
		return record_wrong(&rep, "the region is closed: %s", r->fault);
	err = place_check(r, e, &rep);
	if (!err)
		err = texts_check(r, e, &rep);
	if (!err)
		err = shares_check(rs, e, &rep);
	if (!err)
		err = owner_put(&p, &rep);
	if (!err)
		err = note_make(r, e->name, e->label, 1, &p.note);
	if (!err)
		err = shares_make(&p);
	if (!err)
		err = extents_reserve(&r->extents, 1);
	if (!err && UNLIKELY(r->unsaid.n))
		err = ranges_reserve(&r->reserved);
	if (err)
		return err;
	if (pages_take(r, e->page, e->page + e->npages))
		return record_wrong(&rep, "%s", r->fault);
	if (UNLIKELY(r->unsaid.n))
		hold_set_cut(&r->reserved, e->page, e->page + e->npages);
	extent_put(&p);
	return 0;
}
