/*
 * region_private - what region's files share among themselves
 *
 * Role:       keeps extents, holdings, accounts and sums in step (R4, R5, O4), and notes what changes (C1): whoever adds, cuts, passes on or
 *             drops an extent does it here, and asks the quotas here before.
 * Uses:       region/region.h
 */
#ifndef PALLOCD_REGION_PRIVATE_H
#define PALLOCD_REGION_PRIVATE_H

#include "region/extras.h"
#include "region/pending.h"
#include "region/region.h"
#include "region/session.h"

/* Where the first broken invariant is written. */
struct report {
	char *buf;
	size_t size;
};

/** report_broken() - write it. Return: false. */
bool report_broken(const struct report *rep, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** region_pages_add() - @npages more are @h's. */
static inline void region_pages_add(struct region *r, struct holding *h, uint64_t npages)
{
	h->npages += npages;
	h->account->npages += npages;
	r->used_npages += npages;
	if (h->owner && h->owner->detached)
		r->detached_npages += npages;
	if (UNLIKELY(h->quarantine_until_usec))
		r->quarantined_npages += npages;
}

/** quarantined_drop() - @npages of @h's, which is in quarantine, are nobody's now: the session may have nothing left to wait for. */
void quarantined_drop(struct region *r, const struct holding *h, uint64_t npages);

/** region_peak() - a request that took pages is done. */
static inline void region_peak(struct region *r)
{
	/* What was most lately is never above the peak. */
	if (r->used_npages <= r->recent_npages)
		return;
	r->recent_npages = r->used_npages;
	if (r->used_npages > r->peak_npages)
		r->peak_npages = r->used_npages;
}

static inline uint64_t extent_end(const struct extent *e)
{
	return e->first + e->npages;
}

/** region_page() - the page at an address of the region. */
static inline uint64_t region_page(const struct region *r, uint64_t addr)
{
	return (addr - r->base_addr) >> r->page_shift;
}

/** pages_for() - pages for a size; the remainder counts as one. No overflow: page sizes are powers of two up to 2^30. */
static inline uint64_t pages_for(uint64_t bytes, unsigned page_shift)
{
	return (bytes >> page_shift) + ((bytes & ((UINT64_C(1) << page_shift) - 1)) != 0);
}

static inline uint64_t chunk_round_up(uint64_t npages)
{
	return (npages + PAGEALLOC_CHUNK_NPAGES - 1) / PAGEALLOC_CHUNK_NPAGES *
	       PAGEALLOC_CHUNK_NPAGES;
}

/** extent_link() - record @i, which is in no list, becomes the first of @h's. */
static inline void extent_link(struct region *r, struct holding *h, uint32_t i)
{
	struct extent *e = extents_get(&r->extents, i);

	e->holding = h->index;
	e->prev = EXTENT_NONE;
	e->next = h->head;
	if (h->head != EXTENT_NONE)
		extents_get(&r->extents, h->head)->prev = i;
	h->head = i;
	h->nextents++;
	h->account->nextents++;
}

/** extent_unlink() - record @i is no longer in @h's list. */
static inline void extent_unlink(struct region *r, struct holding *h, uint32_t i)
{
	const struct extent *e = extents_get(&r->extents, i);

	if (e->prev != EXTENT_NONE)
		extents_get(&r->extents, e->prev)->next = e->next;
	else
		h->head = e->next;
	if (e->next != EXTENT_NONE)
		extents_get(&r->extents, e->next)->prev = e->prev;
	h->nextents--;
	h->account->nextents--;
}

/** region_extent_add() - a new extent for @h; reserved for with extents_reserve(), taken in the allocator. Return: its record. */
static inline uint32_t region_extent_add(struct region *r, struct holding *h, uint64_t first,
					 uint64_t npages)
{
	uint32_t i = extents_add(&r->extents, first, npages, h->index);

	changes_note(&r->changes, first);
	extent_link(r, h, i);
	region_pages_add(r, h, npages);
	return i;
}

/** region_pages_drop() - @npages of @h's pages are nobody's now. */
static inline void region_pages_drop(struct region *r, struct holding *h, uint64_t npages)
{
	h->npages -= npages;
	h->account->npages -= npages;
	r->used_npages -= npages;
	if (h->owner && h->owner->detached)
		r->detached_npages -= npages;
	if (UNLIKELY(h->quarantine_until_usec))
		quarantined_drop(r, h, npages);
}

/** extra_drop() - extent @i goes: its name, label and shares go with it. */
void extra_drop(struct region *r, uint32_t i);

/** region_extent_drop() - forget an extent of @h; given back in the allocator. */
static inline void region_extent_drop(struct region *r, struct holding *h, uint32_t i)
{
	changes_note(&r->changes, extents_get(&r->extents, i)->first);
	if (UNLIKELY(extents_get(&r->extents, i)->extra))
		extra_drop(r, i);
	extent_unlink(r, h, i);
	region_pages_drop(r, h, extents_get(&r->extents, i)->npages);
	extents_remove(&r->extents, i);
}

/** region_extent_pass() - extent @i of @h is @to's now, of the same user or another. */
static inline void region_extent_pass(struct region *r, struct holding *h, struct holding *to,
				      uint32_t i)
{
	uint64_t npages = extents_get(&r->extents, i)->npages;

	changes_note(&r->changes, extents_get(&r->extents, i)->first);
	extent_unlink(r, h, i);
	region_pages_drop(r, h, npages);
	extent_link(r, to, i);
	region_pages_add(r, to, npages);
}

/** region_extent_move() - extent @i becomes [@first, @first + @npages), taken in the allocator; the holding's pages are the caller's to count. */
static inline void region_extent_move(struct region *r, uint32_t i, uint64_t first, uint64_t npages)
{
	uint64_t was = extents_get(&r->extents, i)->first;

	changes_note(&r->changes, was);
	if (first != was)
		changes_note(&r->changes, first);
	extents_move(&r->extents, i, first, npages);
}

/** extent_changed() - extent @i has another name, label or share than before. */
static inline void extent_changed(struct region *r, uint32_t i)
{
	changes_note(&r->changes, extents_get(&r->extents, i)->first);
}

/* May @asked be added to @used? @limit 0: none. Nothing asked is always allowed, also beyond the limit. */
static inline bool quota_allows(uint64_t limit, uint64_t used, uint64_t asked)
{
	return limit == 0 || asked == 0 || (used < limit && asked <= limit - used);
}

/** region_policy_check() - the part of region_config_check() about quotas, death, the low mark and rules. */
MUST_CHECK int region_policy_check(const struct region_config *c, char *buf, size_t size);

/** region_policy_init() - that part of the configuration becomes the region's. Return: 0, -ENOMEM. */
MUST_CHECK int region_policy_init(struct region *r, const struct region_config *c);

/** quota_refuse() - which quota it is, for the refusal, the counter and those who watch. Return: REGION_E_QUOTA. */
int quota_refuse(struct region *r, const struct holding *h, uint64_t npages, uint64_t nextents,
		 struct region_refusal *refusal);

/** quota_fits() - may @h get @npages more, and @nextents more? */
static inline bool quota_fits(const struct region *r, const struct holding *h, uint64_t npages,
			      uint64_t nextents)
{
	const struct region_quota *q = &r->quota;
	const struct account *a = h->account;

	return quota_allows(q->user_npages, a->npages, npages) &&
	       quota_allows(q->user_nextents, a->nextents, nextents) &&
	       (h->owner->detached ||
		(quota_allows(q->session_npages, h->npages + h->shared_npages, npages) &&
		 quota_allows(q->session_nextents, (uint64_t)h->nextents + h->nshares, nextents)));
}

/**
 * region_quota_check() - quota_fits() as an outcome; to be asked before anything is taken
 *
 * Return: 0, REGION_E_QUOTA, with the refusal set.
 */
MUST_CHECK static inline int region_quota_check(struct region *r, const struct holding *h,
						uint64_t npages, uint64_t nextents,
						struct region_refusal *refusal)
{
	if (LIKELY(quota_fits(r, h, npages, nextents)))
		return 0;
	return quota_refuse(r, h, npages, nextents, refusal);
}

/** event_extent_put(), event_range_put() - see event_extent(), event_range(). */
void event_extent_put(const struct region *r, enum event_kind kind, const struct holding *h,
		      uint64_t page, uint64_t npages);
void event_range_put(const struct region *r, enum event_kind kind, uint64_t page, uint64_t npages);

/** event_taken_put() - a request of @h's got these pages; @first_fit: it did not say where. Only where somebody watches. */
void event_taken_put(const struct region *r, const struct holding *h, uint64_t addr,
		     uint64_t npages, bool first_fit);

/** event_extent() - tell who watches: something has become of pages of @h's. */
static inline void event_extent(const struct region *r, enum event_kind kind,
				const struct holding *h, uint64_t page, uint64_t npages)
{
	if (events_watched(r->events))
		event_extent_put(r, kind, h, page, npages);
}

/** event_range() - the same about pages of nobody's. */
static inline void event_range(const struct region *r, enum event_kind kind, uint64_t page,
			       uint64_t npages)
{
	if (events_watched(r->events))
		event_range_put(r, kind, page, npages);
}

/** space_settle() - is what is free below the low mark? Nobody is told. */
void space_settle(struct region *r);

/** space_watch() - what is free has changed: has it crossed the low mark? */
void space_watch(struct region *r);

/** region_changed() - a request that may have changed what is free is done. */
static inline void region_changed(struct region *r)
{
	if (UNLIKELY(r->low_npages))
		space_watch(r);
}

/**
 * npages_check() - can a region have so many pages at all? range_check() - is it a range of pages of this region at all?
 *
 * Return: 0, REGION_E_EMPTY, REGION_E_LIMIT; for a range, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED; with the refusal set.
 */
MUST_CHECK int npages_check(const struct region *r, uint64_t npages,
			    struct region_refusal *refusal);
MUST_CHECK int range_check(const struct region *r, uint64_t addr, uint64_t npages,
			   struct region_refusal *refusal);

/**
 * range_add() - pages [@first, @limit), whole chunks but for the region's last one, are grown; nobody is told
 *
 * Return: 0, REGION_E_FAULTED, -ENOMEM (nothing changed).
 */
MUST_CHECK int range_add(struct region *r, uint64_t first, uint64_t limit);

/**
 * range_drop() - they are not any more; nobody holds any of them, none is busy, and no drained range ends there
 *
 * Return: 0, REGION_E_FAULTED, -ENOMEM (nothing changed).
 */
MUST_CHECK int range_drop(struct region *r, uint64_t first, uint64_t limit);

/** region_grow_by() - add @npages at the upper end, which the region may still grow by. Return: as region_grow(). */
MUST_CHECK int region_grow_by(struct region *r, uint64_t npages);

/** hold_init() - reserve what the configuration names and what lies beyond the limit. Return: 0, -ENOMEM. */
MUST_CHECK int hold_init(struct region *r, const struct region_config *c);

/**
 * hold_take() - take from the allocator what is free, and reserved or drained, of pages [@first, @limit)
 *
 * To be called where pages there have become free. A failure faults the region.
 */
void hold_take(struct region *r, uint64_t first, uint64_t limit);

/** hold_give() - give back to the allocator what is taken of [@first, @limit) and neither held by anybody, nor reserved, nor drained. */
void hold_give(struct region *r, uint64_t first, uint64_t limit);

/** hold_set_add() - pages [@first, @limit) belong to a set of reserved or drained ones; the allocator is not told. Return: 0, -ENOMEM. */
MUST_CHECK int hold_set_add(struct ranges *set, uint64_t first, uint64_t limit);

/** hold_set_cut() - they belong to it no more. Room for one more range was reserved. */
void hold_set_cut(struct ranges *set, uint64_t first, uint64_t limit);

/** hold_set_remove() - the same, with the room for it. Return: 0, -ENOMEM (nothing changed). */
MUST_CHECK int hold_set_remove(struct ranges *set, uint64_t first, uint64_t limit);

/** hold_forget_drained() - pages [@first, @limit) are not drained any more. Return: 0, -ENOMEM (nothing changed). */
MUST_CHECK int hold_forget_drained(struct region *r, uint64_t first, uint64_t limit);

/** hold_next() - the lowest part of a reserved or drained range at or above @page. Return: false: there is none. */
bool hold_next(const struct region *r, uint64_t page, uint64_t *ret_first, uint64_t *ret_limit);

/** in_use_fill() - the extents that lie in pages [@first, @limit), in part or in full. O(extents in the range). */
void in_use_fill(const struct region *r, uint64_t first, uint64_t limit, struct region_in_use *ret);

/** pages_freed() - [@page, @page + @npages) were given back to the allocator: what is drained is taken out of it again. */
static inline void pages_freed(struct region *r, uint64_t page, uint64_t npages)
{
	r->room++;
	if (UNLIKELY(r->drained.n))
		hold_take(r, page, page + npages);
}

/**
 * run_take() - take a run for @req, and grow for it where there is none
 * @q: NULL; else what it is for, which hears of its dirty pages
 *
 * Return: 0, REGION_E_NO_SPACE, REGION_E_AGAIN, REGION_E_FAULTED, -ENOMEM.
 */
MUST_CHECK int run_take(struct region *r, const struct region_placement *p,
			const struct pagealloc_request *req, struct region_pending *q,
			uint64_t *ret_page, uint64_t *ret_scavenged);

/** run_refuse() - what to say to @h where there is no room for @req. Return: REGION_E_NO_SPACE, REGION_E_NOT_FREE, REGION_E_AGAIN. */
int run_refuse(struct region *r, const struct holding *h, const struct region_placement *p,
	       const struct pagealloc_request *req, uint32_t index, struct region_refusal *refusal);

/** batch_take_pending() - region_alloc(), up to the point where extents would be made of the pages: @q has them, and they are not busy yet */
MUST_CHECK int batch_take_pending(struct region *r, struct owner *o, const uint64_t *npages,
				  uint32_t n, const struct region_placement *p,
				  struct region_pending *q, struct region_refusal *refusal);

/* Where the extents of a scattered request are written down, or, with @q, only there. */
struct scattered {
	uint64_t *addr, *npages;
	uint32_t n;
	uint64_t scavenged;
	struct region_pending *q;
};

/** scatter_alloc() - region_alloc_scattered(); or, with @out's q, as batch_take_pending() */
MUST_CHECK int scatter_alloc(struct region *r, struct owner *o, uint64_t npages,
			     uint32_t max_extents, const struct region_placement *p,
			     struct scattered *out, struct region_refusal *refusal);

/** lease_alloc() - region_lease(); or, with @out's q, as batch_take_pending() */
MUST_CHECK int lease_alloc(struct region *r, struct owner *o, uint32_t nblocks,
			   struct scattered *out, struct region_refusal *refusal);

/** scatter_most() - no extent is without a page: so many can there be. */
static inline uint32_t scatter_most(const struct region *r, uint32_t max_extents)
{
	uint64_t most = region_free_npages(r) + region_growable_npages(r);

	if (most && max_extents > most)
		return (uint32_t)most;
	return most && max_extents ? max_extents : 1;
}

/** pending_note() - pages [@page, @page + @npages), which are free, are about to be taken for @q. Return: 0, -ENOMEM. */
MUST_CHECK int pending_note(struct region_pending *q, uint64_t page, uint64_t npages);

/** pending_put() - they are taken: the next of @q's runs, for which there is room; @scavenged of the pages had no memory. */
void pending_put(struct region_pending *q, uint64_t page, uint64_t npages, uint64_t scavenged);

/** pending_undo() - what was put is free again; nothing was busy yet. */
void pending_undo(struct region_pending *q);

/** busy_reserve() - the next @n busy_add() will not fail, of pages that are free or not grown yet. Return: 0, -ENOMEM. */
MUST_CHECK int busy_reserve(struct region *r, uint32_t n);

/** busy_commit() - pages up to @limit may be busy. Return: 0, -ENOMEM (as before). */
MUST_CHECK int busy_commit(struct region *r, uint64_t limit);

/** busy_add() - pages [@first, @first + @npages), which are taken in the allocator, are busy; reserved for before. */
void busy_add(struct region *r, uint64_t first, uint64_t npages);

/** busy_drop() - the busy run that begins at @first is none any more. Return: how many pages it had. */
uint64_t busy_drop(struct region *r, uint64_t first);

/** busy_next() - the lowest part of a busy run at or above @page. Return: false: there is none. */
bool busy_next(const struct region *r, uint64_t page, uint64_t *ret_first, uint64_t *ret_limit);

/** busy_lies_in() - is a page of [@first, @limit) busy? @refusal gets the first one. */
static inline bool busy_lies_in(const struct region *r, uint64_t first, uint64_t limit,
				struct region_refusal *refusal)
{
	uint64_t lo, hi;

	if (LIKELY(!r->busy_npages) || !busy_next(r, first, &lo, &hi) || lo >= limit)
		return false;
	refusal->addr = region_addr(r, lo);
	return true;
}

/** busy_alone() - is nothing in the way of having pages [@first, @limit) but that some are busy, and perhaps not grown yet? */
bool busy_alone(const struct region *r, uint64_t first, uint64_t limit);

/** busy_helps() - there is no place for @req now: would there be, if what is busy were free? */
bool busy_helps(const struct region *r, const struct region_placement *p,
		const struct pagealloc_request *req);

/** busy_check() - recount Q1 and Q2. @ret_drained: busy pages that lie in drained ranges. */
MUST_CHECK bool busy_check(const struct region *r, const struct report *rep, uint64_t *ret_drained);

/** pendings_orphan() - the region goes: whoever gives pages back later finds nothing. */
void pendings_orphan(struct region *r);

/** grown_dirty() - pages [@first, @limit) have been grown, but the backing may hold something there already: then they are not scavenged. */
void grown_dirty(struct region *r, uint64_t first, uint64_t limit);

/** region_backing_check() - does the backing fit the region? As region_config_check(). */
MUST_CHECK int region_backing_check(const struct region_config *c, char *buf, size_t size);

/** region_huge_npages() - pages of a huge page that scavenging would rather not break; 0: none. */
unsigned region_huge_npages(const struct region_config *c);

/* An extent on its way to another length. */
struct resize {
	uint32_t i;
	uint64_t first, limit; /* what it will be */
	uint64_t lo, hi;       /* the pages that the edge moves over; none: lo == hi */
	bool upper, grows;
};

/** resize_plan() - as region_resize(), looking only; space is another matter. */
MUST_CHECK int resize_plan(const struct region *r, const struct session *s, uint64_t addr,
			   uint64_t npages, enum region_edge edge, struct resize *ret_z,
			   struct region_refusal *refusal);

/** resize_take() - take the pages from @z's lo to hi, and grow the region for it; @q: NULL, or what hears of the dirty ones. */
MUST_CHECK int resize_take(struct region *r, const struct resize *z, struct region_pending *q,
			   uint64_t *ret_scavenged, struct region_refusal *refusal);

/** resize_grown() - they are the extent's. */
void resize_grown(struct region *r, const struct resize *z);

/* A new name or label, or none, on its way to an extent. */
struct note {
	bool set_name, set_label;
	char *name;          /* NULL: none */
	struct label *label; /* NULL: none */
};

/** note_deinit() - what of it has not been put. For CLEANUP(). */
void note_deinit(struct note *n);

/**
 * note_make() - what note_put() needs, for @n extents, of which only one may get a name
 * @name, @label: NULL leaves what there is, "" removes it
 *
 * After this note_put() takes no memory. Return: 0, -ENOMEM.
 */
MUST_CHECK int note_make(struct region *r, const char *name, const char *label, uint32_t n,
			 struct note *ret_note);

/** note_put() - extent @i gets what the note says, which is empty afterwards. */
void note_put(struct region *r, uint32_t i, struct note *n);

/** note_check() - may extent @i (EXTENT_NONE: a new one) be called @name? Return: 0, REGION_E_NAME_TAKEN. */
MUST_CHECK int note_check(const struct region *r, uint32_t i, const char *name,
			  struct region_refusal *refusal);

/** extents_undo() - give back the last @n extents that @h got; a new one is always the first of its list. */
void extents_undo(struct region *r, struct holding *h, uint32_t n);

/** extents_taken() - @h has got the @n extents that a request asked for: count them, and tell who watches. */
void extents_taken(struct region *r, const struct holding *h, const uint64_t *addr,
		   const uint64_t *npages, uint32_t n);

/** longest_runs() - the longest runs that all, the alignment and boundary, the bounds of @req allow. Return: 0, REGION_E_AGAIN. */
MUST_CHECK int longest_runs(struct region *r, const struct pagealloc_request *req,
			    uint64_t *ret_placed, uint64_t *ret_aligned, uint64_t *ret_bounded);

/**
 * placement_request() - a placement in the allocator's terms
 * @p: NULL: anywhere
 *
 * Return: 0, REGION_E_PLACEMENT, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, with the refusal set.
 */
MUST_CHECK int placement_request(const struct region *r, const struct region_placement *p,
				 uint64_t npages, struct pagealloc_request *ret_req,
				 struct region_refusal *refusal);

/**
 * growth_plan() - by how much an alloc of @req grows the region, as it finds no room: by the step, or by what is needed
 *
 * Return: 0, REGION_E_NO_SPACE where growing would not help or is not allowed, REGION_E_FAULTED.
 */
MUST_CHECK int growth_plan(struct region *r, const struct region_placement *p,
			   const struct pagealloc_request *req, uint64_t *ret_npages);

/** region_end_after() - where what is grown would end after growing by @npages: whole chunks, within the limit. */
uint64_t region_end_after(const struct region *r, uint64_t npages);

/** session_free() - the memory of a session that is in no list. NULL is allowed. */
void session_free(struct session *s);

/** record_wrong() - say why a record is not taken. Return: RECORD_E_WRONG. */
int record_wrong(const struct report *rep, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** regions_owners_check() - the part of regions_check() about users and sessions. */
MUST_CHECK bool regions_owners_check(const struct regions *rs, const struct report *rep);

/** session_new() - a session of @user's that is in no list yet, and has no token. Return: 0, -ENOMEM. */
MUST_CHECK int session_new(struct regions *rs, struct user *user, struct session **ret_session);

/** session_begin() - @s, with id and token, is one of the regions'; @deadline_usec: 0 in states that have none. There is room in the index. */
void session_begin(struct session *s, enum session_state state, uint64_t deadline_usec);

/** session_state_set() - the next state, and its deadline. */
void session_state_set(struct session *s, enum session_state state, uint64_t deadline_usec);

/** region_quota_of() - what @c allows its holders, in pages of @r. */
struct region_quota region_quota_of(const struct region *r, const struct region_config *c);

/** session_rights_set() - what @peer may in the regions from table entry @from on; there is room. */
void session_rights_set(struct session *s, const struct session_peer *peer, uint32_t from);

static inline struct holding *holding_of(const struct region *r, uint32_t i)
{
	return holding_by_index(&r->holdings, extents_get(&r->extents, i)->holding);
}

/** extra_of() - what extent @i has besides its pages; NULL: nothing. */
static inline struct extra *extra_of(const struct region *r, uint32_t i)
{
	uint32_t x = extents_get(&r->extents, i)->extra;

	return LIKELY(x == EXTRA_NONE) ? NULL : extras_get(r->extras, x);
}

/** extent_nshares() - how many hold extent @i besides its owner. */
static inline uint32_t extent_nshares(const struct region *r, uint32_t i)
{
	const struct extra *x = extra_of(r, i);

	return x ? x->nshares : 0;
}

/** extra_trim() - extent @i has lost something: perhaps all that it had. */
void extra_trim(struct region *r, uint32_t i);

/** extra_split() - @upper was a part of extent @lower: it has the label too. A record was reserved for where there is a label. */
void extra_split(struct region *r, uint32_t lower, uint32_t upper);

/** extra_join() - extent @i is about to be a part of @into, which gets its name, and its label if it has none itself. */
void extra_join(struct region *r, uint32_t into, uint32_t i);

/** extras_region_check() - recount X1 to X4. */
MUST_CHECK bool extras_region_check(const struct region *r, const struct report *rep);

/** view_fill() - extent @i as others may see it. */
void view_fill(const struct region *r, uint32_t i, struct region_view *ret);

/** extent_at_addr() - the extent that begins at @addr, which may be any number; EXTENT_NONE. */
uint32_t extent_at_addr(const struct region *r, uint64_t addr);

/**
 * extent_find() - the extent that begins at @addr, or, with @inside, in which it lies behind the beginning; @s must be entitled to free it
 *
 * Return: 0, REGION_E_FAULTED, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, REGION_E_NOT_ALLOCATED, REGION_E_NOT_OWNER, REGION_E_INSIDE.
 */
MUST_CHECK int extent_find(const struct region *r, const struct session *s, uint64_t addr,
			   bool inside, uint32_t *ret_i, struct region_refusal *refusal);

/** owner_is() - does extent's owner @o mean @s: the session itself, or its user? */
bool owner_is(const struct owner *o, const struct session *s);

/** share_find() - the share of @h's in what @x belongs to, or NULL. O(shares of it). */
struct share *share_find(const struct extra *x, const struct holding *h);

/** share_begin() - extent @i is @h's too, by @share, from mem_alloc(). The extra was reserved for, if it needs one. */
void share_begin(struct region *r, uint32_t i, struct holding *h, struct share *share);

/** share_end() - one holder less. */
void share_end(struct region *r, struct share *share);

/** shares_end() - nobody shares extent @i any more. Return: how many did. */
uint32_t shares_end(struct region *r, uint32_t i);

/** extent_hand() - extent @i is @to's from now on, who does not share it; those who watch hear it. */
void extent_hand(struct region *r, uint32_t i, struct holding *to);

/** extent_pass_on() - the owner lets go of extent @i: the oldest share of a session that has not ended becomes ownership. Return: false: there is none. */
bool extent_pass_on(struct region *r, uint32_t i);

/** shared_refuse() - what to say where extent @i has several holders. Return: REGION_E_SHARED. */
int shared_refuse(const struct region *r, uint32_t i, struct region_refusal *refusal);

/** pages_give_back() - held pages [@page, @end), none of them shared by others who keep them, are free. Return: 0, REGION_E_FAULTED. */
MUST_CHECK int pages_give_back(struct region *r, uint64_t page, uint64_t end);

#endif
