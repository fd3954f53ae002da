/*
 * holders_model - a plain list of extents, with who holds them and what they are called
 *
 * Role:       see holders_model.h.
 * Uses:       region/, check
 */
#include "holders_model.h"

#include <fnmatch.h>

#include "region/extras.h"

/* check notes each assertion, and there are many: only one that fails is told to it. */
#define TRUE(expr)                                   \
	do {                                         \
		if (!(expr))                         \
			ck_abort_msg("not: " #expr); \
	} while (0)

#define SAME(got, wanted)                                                                       \
	do {                                                                                    \
		uint64_t got_ = (uint64_t)(got), wanted_ = (uint64_t)(wanted);                  \
		if (got_ != wanted_)                                                            \
			ck_abort_msg(#got ": wanted %" PRIu64 ", got %" PRIu64, wanted_, got_); \
	} while (0)

uint64_t below(struct model *m, uint64_t n)
{
	return random_below(&m->rnd, n);
}

uint64_t addr_of(uint64_t page)
{
	return BASE + page * PAGE;
}

uid_t uid_of(unsigned session)
{
	return session == OPERATOR ? 0 : 1000 + session % (NUSERS - 1);
}

struct session *any_session(struct model *m)
{
	return m->session[below(m, NSESSIONS)];
}

const char *name_of(unsigned name)
{
	static char buf[NNAMES + 1][16];

	if (name)
		snprintf(buf[name], sizeof(buf[name]), "%s-%u", name % 2 ? "odd" : "even", name);
	return buf[name];
}

const char *label_of(unsigned label)
{
	static const char *const labels[] = {"", "one", "two", "three"};

	return labels[label];
}

static uid_t uid_of_owner(uint64_t owner, struct model *m)
{
	const struct session *s = owner >= USER(0) ? NULL : session_by_id(&m->w.regions, owner);

	return s ? s->owner.uid : (uid_t)(owner - USER(0));
}

struct plain *extent_over(struct model *m, uint64_t page)
{
	for (uint32_t k = 0; k < m->n; k++) {
		if (page - m->extent[k].first < m->extent[k].npages)
			return &m->extent[k];
	}
	return NULL;
}

struct plain *extent_named(struct model *m, unsigned name)
{
	for (uint32_t k = 0; name && k < m->n; k++) {
		if (m->extent[k].name == name)
			return &m->extent[k];
	}
	return NULL;
}

struct plain *any_extent(struct model *m)
{
	return m->n ? &m->extent[below(m, m->n)] : NULL;
}

void extent_forget(struct model *m, struct plain *e)
{
	*e = m->extent[--m->n];
}

bool is_free(struct model *m, uint64_t page, uint64_t npages)
{
	if (page + npages > LIMIT)
		return false;
	for (uint64_t i = page; i < page + npages; i++) {
		if (extent_over(m, i))
			return false;
	}
	return true;
}

bool shares(const struct plain *e, uint64_t holder)
{
	for (uint32_t k = 0; k < e->nsharers; k++) {
		if (e->sharers[k] == holder)
			return true;
	}
	return false;
}

void unshare(struct plain *e, uint64_t holder)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < e->nsharers; k++) {
		if (e->sharers[k] != holder)
			e->sharers[n++] = e->sharers[k];
	}
	e->nsharers = n;
}

void give_to(struct model *m, struct plain *e, uint64_t owner)
{
	unshare(e, owner);
	e->owner = owner;
	e->uid = uid_of_owner(owner, m);
	e->until = 0;
}

bool pass_on(struct model *m, struct plain *e)
{
	if (e->nsharers == 0) {
		extent_forget(m, e);
		return true;
	}
	give_to(m, e, e->sharers[0]);
	return false;
}

bool owns(const struct session *s, const struct plain *e)
{
	return e->owner == s->id || e->owner == USER(s->owner.uid);
}

bool may_free(const struct session *s, const struct plain *e)
{
	return owns(s, e) || s->owner.uid == 0;
}

/* What counts against the quotas of one holder (@uid: of all of the user's). */
static void usage(struct model *m, uint64_t holder, const uid_t *uid, uint64_t *npages, uint64_t *n)
{
	*npages = *n = 0;
	for (uint32_t k = 0; k < m->n; k++) {
		const struct plain *e = &m->extent[k];
		uint64_t times = uid ? e->uid == *uid : e->owner == holder;

		for (uint32_t i = 0; i < e->nsharers; i++)
			times += uid ? uid_of_owner(e->sharers[i], m) == *uid
				     : e->sharers[i] == holder;
		*npages += times * e->npages;
		*n += times;
	}
}

bool quota_ok(struct model *m, uint64_t holder, uint64_t npages, uint64_t n)
{
	uid_t uid = uid_of_owner(holder, m);
	uint64_t used, nused;

	usage(m, holder, &uid, &used, &nused);
	if ((npages && used + npages > USER_NPAGES) || (n && nused + n > USER_NEXTENTS))
		return false;
	if (holder >= USER(0))
		return true;
	usage(m, holder, NULL, &used, &nused);
	return !(npages && used + npages > SESSION_NPAGES) && !(n && nused + n > SESSION_NEXTENTS);
}

/* What becomes of an ended session's extent. Return: @e is another extent now. */
static bool extent_settle(struct model *m, struct plain *e)
{
	const struct session *s = e->owner < USER(0) ? session_by_id(&m->w.regions, e->owner)
						     : NULL;

	if (e->owner >= USER(0) || (s && (s->state == SESSION_OPEN || s->state == SESSION_GRACE)))
		return false;
	if (m->w.r->death == REGION_DEATH_KEEP) {
		give_to(m, e, USER(e->uid));
		return false;
	}
	if (m->w.r->death == REGION_DEATH_QUARANTINE && e->until > m->now)
		return false;
	return pass_on(m, e);
}

void sessions_end(struct model *m)
{
	for (uint64_t n = 1 + below(m, 2); n--;) {
		unsigned slot = (unsigned)below(m, NSESSIONS);
		uint64_t id = m->session[slot]->id;

		for (uint32_t k = 0; k < m->n; k++) {
			struct plain *e = &m->extent[k];

			e->ndying += shares(e, id);
			unshare(e, id);
			if (e->owner == id && m->w.r->death == REGION_DEATH_QUARANTINE)
				e->until = m->now + QUARANTINE_USEC;
		}
		session_end(m->session[slot], SESSION_CLOSED, m->now);
		m->session[slot] = world_session(&m->w, uid_of(slot));
	}
	m->pending = true;
}

void settle(struct model *m)
{
	m->now += below(m, QUARANTINE_USEC / 2);
	regions_expire(&m->w.regions, m->now);
	while (!regions_reclaim(&m->w.regions, 1 + (uint32_t)below(m, 4), m->now))
		world_check(&m->w);
	for (uint32_t k = 0; k < m->n; k++)
		m->extent[k].ndying = 0;
	for (uint32_t k = 0; k < m->n;)
		k += !extent_settle(m, &m->extent[k]);
	m->pending = false;
}

static uint64_t holder_id(const struct owner *o)
{
	return o->detached ? USER(o->uid) : CONTAINER_OF(o, struct session, owner)->id;
}

static void compare_extent(const struct model *m, const struct plain *e)
{
	struct region_view view, named;
	const struct extra *x;
	uint32_t i, n = 0;

	SAME(region_view(m->w.r, addr_of(e->first), &view), 0);
	SAME(view.npages, e->npages);
	SAME(holder_id(view.owner), e->owner);
	SAME(view.uid, e->uid);
	SAME(view.nholders, 1 + e->nsharers);
	TRUE(view.quarantined == (e->until != 0));
	TRUE(strcmp(view.name, name_of(e->name)) == 0);
	TRUE(strcmp(view.label, label_of(e->label)) == 0);
	if (e->name) {
		SAME(region_lookup(m->w.r, name_of(e->name), &named), 0);
		SAME(named.addr, view.addr);
	}
	i = extents_get(&m->w.r->extents, extents_at(&m->w.r->extents, e->first))->extra;
	TRUE((i == EXTRA_NONE) == (!e->name && !e->label && !e->nsharers));
	if (i == EXTRA_NONE)
		return;
	x = extras_get(m->w.r->extras, i);
	list_for_each (link, &x->shares)
		SAME(holder_id(list_entry(link, struct share, in_extra)->holding->owner),
		     e->sharers[n++]);
}

static void compare_usage(struct model *m)
{
	uint64_t npages, n;

	for (uid_t uid = 999; uid < 999 + NUSERS; uid++) {
		uid_t real = uid == 999 ? 0 : uid;
		const struct owner *o = world_user(&m->w, real);
		const struct account *a = account_find(o->user, m->w.r);

		usage(m, 0, &real, &npages, &n);
		SAME(a ? a->npages : 0, npages);
		SAME(a ? a->nextents : 0, n);
	}
	for (unsigned slot = 0; slot < NSESSIONS; slot++) {
		const struct session *s = m->session[slot];
		const struct holding *h = holding_find(&s->owner, m->w.r);

		usage(m, s->id, NULL, &npages, &n);
		SAME(h ? h->npages + h->shared_npages : 0, npages);
		SAME(h ? h->nextents + h->nshares : 0, n);
	}
}

static bool filter_matches(const struct region_filter *f, const struct plain *e)
{
	if (f->owner && e->owner != holder_id(f->owner) && !shares(e, holder_id(f->owner)))
		return false;
	if ((f->by_uid && e->uid != f->uid) || e->npages < f->min_npages ||
	    (f->max_npages && e->npages > f->max_npages))
		return false;
	if (f->limit_addr && addr_of(e->first) >= f->limit_addr)
		return false;
	return !f->pattern || (e->name && fnmatch(f->pattern, name_of(e->name), 0) == 0);
}

/* All slices together are all that match, in order. */
static void compare_list(struct model *m)
{
	struct region_filter f = {0};
	struct region_view v[8];
	uint64_t first = below(m, LIMIT), addr, page = first;
	uint32_t max = 1 + (uint32_t)below(m, 8), budget = 1 + (uint32_t)below(m, 30), n;
	bool done = false;

	if (below(m, 2))
		f.owner = &any_session(m)->owner;
	if ((f.by_uid = below(m, 4) == 0))
		f.uid = uid_of((unsigned)below(m, NSESSIONS));
	if (below(m, 3) == 0)
		f.pattern = below(m, 2) ? "odd-*" : "*-1?";
	if (below(m, 3) == 0)
		f.limit_addr = addr_of(below(m, LIMIT)) + below(m, 2);
	if (below(m, 3) == 0)
		f.min_npages = below(m, 10);
	if (below(m, 3) == 0)
		f.max_npages = below(m, 20);
	addr = addr_of(first) - below(m, 2);
	for (unsigned calls = 0; !done; calls++) {
		TRUE(calls <= LIMIT);
		n = region_list(m->w.r, &f, &addr, budget, v, max, &done);
		TRUE(n <= max);
		for (uint32_t k = 0; k < n; k++, page++) {
			for (; page < LIMIT; page++) {
				const struct plain *e = extent_over(m, page);

				if (e && e->first == page && filter_matches(&f, e))
					break;
			}
			SAME(v[k].addr, addr_of(page));
		}
	}
	for (; page < LIMIT; page++) {
		const struct plain *e = extent_over(m, page);

		TRUE(!e || e->first != page || !filter_matches(&f, e));
	}
}

void compare(struct model *m)
{
	uint64_t used = 0, shared = 0, quarantined = 0;
	uint32_t named = 0;

	world_check(&m->w);
	if (m->pending)
		return;
	SAME(m->w.r->extents.nlive, m->n);
	for (uint32_t k = 0; k < m->n; k++) {
		const struct plain *e = &m->extent[k];

		compare_extent(m, e);
		used += e->npages;
		shared += e->nsharers;
		quarantined += e->until ? e->npages : 0;
		named += e->name != 0;
	}
	SAME(region_free_npages(m->w.r), LIMIT - used);
	SAME(m->w.r->nshares, shared);
	SAME(m->w.r->quarantined_npages, quarantined);
	SAME(region_nnamed(m->w.r), named);
	compare_usage(m);
	compare_list(m);
}
