/*
 * region_update - another configuration for a region that is being used; and its end
 *
 * Role:       see region_update.h. What can fail is done before anything changes.
 * Uses:       base/, pagealloc/, region/
 */
#include "region/region_update.h"

#include <errno.h>
#include <string.h>

#include "backing/backing.h"
#include "base/mem.h"
#include "region/region_private.h"

struct region_update {
	struct region *region;
	struct region_quota quota;
	enum region_death death;
	uint64_t quarantine_usec, low_npages, limit_npages, auto_grow_npages;
	bool commit_now, sanitize;
	uint32_t retain_percent, scavenge_cpu_ppm;
	uint64_t scavenge_delay_usec;
	struct access_rule *rules;
	uint32_t nrules;
};

static int rules_copy(struct region_update *u, const struct region_config *c)
{
	if (c->nrules == 0)
		return 0;
	u->rules = mem_alloc(c->nrules * sizeof(*u->rules));
	if (!u->rules)
		return -ENOMEM;
	memcpy(u->rules, c->rules, c->nrules * sizeof(*u->rules));
	u->nrules = c->nrules;
	return 0;
}

/* Where sessions leave to their users what they hold, who holds something has a user who can take it. */
static int heirs_reserve(struct region *r)
{
	struct holding *h, *heir;
	int err = 0;

	for (uint32_t i = 0; !err && i < r->holdings.nslots; i++) {
		h = r->holdings.table[i].holding;
		if (h && h->owner && !h->owner->detached)
			err = holding_get(&r->holdings, r, &h->owner->user->owner, &heir);
	}
	return err;
}

/* Room for more pages; nobody sees any of it before limit_raise(). */
static int limit_reserve(struct region *r, uint64_t limit_npages)
{
	uint64_t whole = chunk_round_up(r->limit_npages);
	int err;

	if (limit_npages == r->limit_npages)
		return 0;
	if (r->faulted)
		return REGION_E_FAULTED;
	if (r->busy_npages || !list_empty(&r->pendings))
		return REGION_E_BUSY;
	err = pagealloc_raise(r->pa, limit_npages);
	if (err > 0)
		return REGION_E_CONFIG;
	if (!err)
		err = extents_raise(&r->extents, limit_npages);
	/* The last chunk may become a whole one. */
	if (!err && r->end_npages == r->limit_npages)
		err = extents_commit(&r->extents, whole < limit_npages ? whole : limit_npages);
	/* It is made for the limit, with the first run that is busy. */
	if (!err)
		extents_deinit(&r->busy);
	return err ? err : ranges_reserve(&r->reserved);
}

/* R2: what was beyond the limit, in its last chunk, is not any more. */
static void limit_raise(struct region *r, uint64_t limit_npages)
{
	uint64_t was = r->limit_npages, whole = chunk_round_up(was),
		 end = chunk_round_up(limit_npages);
	uint64_t to = whole < limit_npages ? whole : limit_npages;

	if (limit_npages == was)
		return;
	r->limit_npages = limit_npages;
	hold_set_cut(&r->reserved, was, to);
	if (end > limit_npages && end > whole)
		ranges_add(&r->reserved, limit_npages, end);
	if (r->end_npages == was && to > was) {
		changes_note_space(&r->changes);
		grown_dirty(r, was, to);
		r->grown_npages += to - was;
		r->end_npages = to;
		hold_give(r, was, to);
	}
	r->room++;
}

int region_update_prepare(struct region *r, const struct region_config *c,
			  struct region_update **ret_update)
{
	struct region_update *u = mem_zalloc(1, sizeof(*u));
	int err = u ? rules_copy(u, c) : -ENOMEM;

	if (!err && c->death == REGION_DEATH_KEEP && r->death != REGION_DEATH_KEEP)
		err = heirs_reserve(r);
	if (!err)
		err = limit_reserve(r, c->limit_bytes >> r->page_shift);
	if (err) {
		region_update_free(u);
		return err;
	}
	u->region = r;
	u->quota = region_quota_of(r, c);
	u->death = c->death;
	u->quarantine_usec = c->quarantine_usec;
	u->low_npages = pages_for(c->low_bytes, r->page_shift);
	u->limit_npages = c->limit_bytes >> r->page_shift;
	u->auto_grow_npages = pages_for(c->auto_grow_bytes, r->page_shift);
	u->commit_now = c->commit_now;
	u->sanitize = c->sanitize;
	u->retain_percent = c->retain_percent;
	u->scavenge_delay_usec = c->scavenge_delay_usec;
	u->scavenge_cpu_ppm = c->scavenge_cpu_ppm;
	*ret_update = u;
	return 0;
}

void region_update_apply(struct region_update *u)
{
	struct region *r = u->region;

	r->quota = u->quota;
	r->death = u->death;
	r->quarantine_usec = u->quarantine_usec;
	r->commit_now = u->commit_now;
	r->sanitize = u->sanitize;
	r->retain_percent = u->retain_percent;
	r->scavenge_delay_usec = u->scavenge_delay_usec;
	r->scavenge_cpu_ppm = u->scavenge_cpu_ppm;
	r->low_npages = u->low_npages;
	/* Who waits may be helped by it. */
	r->room += r->auto_grow_npages != u->auto_grow_npages;
	r->auto_grow_npages = u->auto_grow_npages;
	mem_free(r->rules);
	r->rules = take_ptr(u->rules);
	r->nrules = u->nrules;
	limit_raise(r, u->limit_npages);
	region_changed(r);
	region_update_free(u);
}

void region_update_free(struct region_update *u)
{
	if (!u)
		return;
	mem_free(u->rules);
	mem_free(u);
}

bool region_busy(const struct region *r)
{
	return r->busy_npages || !list_empty(&r->pendings);
}

void region_holders(const struct region *r, uint32_t *ret_nsessions, uint32_t *ret_nusers)
{
	uint32_t n[2] = {0, 0};

	for (uint32_t i = 0; i < r->holdings.nslots; i++) {
		const struct holding *h = r->holdings.table[i].holding;

		if (h && h->owner && (h->nextents || h->nshares))
			n[h->owner->detached]++;
	}
	*ret_nsessions = n[0];
	*ret_nusers = n[1];
}

int region_stub_new(const struct region *r, struct region **ret_stub)
{
	struct region_config c = {.base_addr = 0, .page_size_bytes = 1, .limit_bytes = 1};

	memcpy(c.name, r->name, sizeof(c.name));
	return region_new(&c, r->id, ret_stub);
}

/* Nobody holds anything there, and users may forget that they ever did. */
static void accounts_forget(struct regions *rs, const struct region *r)
{
	list_for_each (link, &rs->users) {
		struct user *user = list_entry(link, struct user, in_regions);
		struct account *a = account_find(user, r);

		if (!a)
			continue;
		list_remove(&a->in_user);
		mem_free(a);
	}
}

struct backing *region_close(struct regions *rs, struct region *r, struct region *stub)
{
	struct region was = *r;
	struct backing *backing = take_ptr(was.backing);

	holdings_deinit(&was.holdings);
	accounts_forget(rs, r);
	*r = *stub;
	list_init(&r->pendings);
	r->closed = true;
	r->number = 0;
	r->events = was.events;
	r->changes.any = was.changes.any;
	/* Who waits there hears that it is gone. */
	r->room = was.room + 1;
	rs->nclosed++;
	*stub = was;
	list_init(&stub->pendings);
	region_destroy(stub);
	return backing;
}

void regions_undo_add(struct regions *rs)
{
	struct region *r = rs->table[rs->n - 1];

	holdings_deinit(&r->holdings);
	accounts_forget(rs, r);
	rs->n--;
	region_destroy(r);
}
