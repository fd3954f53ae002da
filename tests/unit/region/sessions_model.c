/*
 * sessions_model - who holds which page, and what has become of sessions, in arrays
 *
 * Role:       see sessions_model.h.
 * Uses:       region/, check
 */
#include "sessions_model.h"

const struct region_quota model_quotas = {
	.user_npages = 150, .session_npages = 90, .user_nextents = 14, .session_nextents = 9};

uint64_t below(struct model *m, uint64_t n)
{
	return random_below(&m->rnd, n);
}

struct region *region_of(const struct model *m, unsigned r)
{
	return m->rs.table[r];
}

uint64_t addr_of(uint64_t page)
{
	return BASE + page * PAGE;
}

struct owner *owner_of(struct model *m, unsigned holder)
{
	struct user *user = NULL;

	if (holder >= SESSION(0))
		return &m->session[holder - SESSION(0)].s->owner;
	ck_assert_int_eq(regions_user(&m->rs, UID + holder - USER(0), &user), 0);
	return &user->owner;
}

static unsigned user_of(const struct model *m, unsigned holder)
{
	return holder >= SESSION(0) ? m->session[holder - SESSION(0)].user : holder - USER(0);
}

struct use {
	uint64_t npages, nextents;
};

/* What holders have in a region: one of them, or, with @by_user, all of one user's. */
static struct use use_of(const struct model *m, unsigned r, unsigned holder, bool by_user)
{
	struct use use = {0};

	for (unsigned i = 0; i < NPAGES; i++) {
		const struct page *p = &m->page[r][i];

		if (!p->holder ||
		    (by_user ? user_of(m, p->holder) != user_of(m, holder) : p->holder != holder))
			continue;
		use.npages++;
		use.nextents += i == 0 || m->page[r][i - 1].extent != p->extent;
	}
	return use;
}

static bool is_over(uint64_t limit, uint64_t used, uint64_t asked)
{
	return asked && used + asked > limit;
}

bool is_refused(const struct model *m, unsigned r, unsigned holder, uint64_t npages,
		uint64_t nextents, struct region_refusal *ret)
{
	struct use user = use_of(m, r, holder, true), own = use_of(m, r, holder, false);
	const struct region_refusal quotas[] = {
		{.field = "user_pages",
		 .limit = model_quotas.user_npages,
		 .used = user.npages,
		 .asked = npages},
		{.field = "session_pages",
		 .limit = model_quotas.session_npages,
		 .used = own.npages,
		 .asked = npages},
		{.field = "user_extents",
		 .limit = model_quotas.user_nextents,
		 .used = user.nextents,
		 .asked = nextents},
		{.field = "session_extents",
		 .limit = model_quotas.session_nextents,
		 .used = own.nextents,
		 .asked = nextents},
	};

	for (size_t i = 0; i < ARRAY_SIZE(quotas); i++) {
		/* Users have no session's quotas. */
		if ((i % 2 && holder < SESSION(0)) ||
		    !is_over(quotas[i].limit, quotas[i].used, quotas[i].asked))
			continue;
		*ret = quotas[i];
		return true;
	}
	return false;
}

void refusal_compare(const struct region_refusal *want, int err, const struct region_refusal *got)
{
	ck_assert_int_eq(err, REGION_E_QUOTA);
	ck_assert_str_eq(got->field, want->field);
	ck_assert_uint_eq(got->limit, want->limit);
	ck_assert_uint_eq(got->used, want->used);
	ck_assert_uint_eq(got->asked, want->asked);
}

void mark(struct model *m, unsigned r, uint64_t page, uint64_t npages, unsigned holder)
{
	m->last_extent++;
	for (uint64_t i = page; i < page + npages; i++)
		m->page[r][i] = (struct page){holder ? m->last_extent : 0, (uint8_t)holder};
}

uint64_t fit(const struct model *m, unsigned r, uint64_t npages)
{
	uint64_t run = 0;

	for (uint64_t i = 0; i < NPAGES; i++) {
		run = m->page[r][i].holder ? 0 : run + 1;
		if (run == npages)
			return i + 1 - npages;
	}
	return UINT64_MAX;
}

struct model_session *any_session(struct model *m, enum session_state state)
{
	for (unsigned k = 0, at = (unsigned)below(m, NSESSIONS); k < NSESSIONS; k++) {
		struct model_session *ms = &m->session[(at + k) % NSESSIONS];

		if (ms->there && ms->state == state)
			return ms;
	}
	return NULL;
}

unsigned holder_of(const struct model *m, const struct model_session *ms)
{
	return SESSION((unsigned)(ms - m->session));
}

unsigned any_taker(struct model *m)
{
	const struct model_session *ms = below(m, 10) ? any_session(m, SESSION_OPEN) : NULL;

	return ms ? holder_of(m, ms) : USER((unsigned)below(m, NUSERS));
}

bool any_extent(struct model *m, unsigned r, uint64_t *ret_page, uint64_t *ret_npages)
{
	const struct page *pages = m->page[r];
	uint64_t at = below(m, NPAGES), n = 0;

	for (unsigned i = 0; i < NPAGES && !pages[at].holder; i++)
		at = (at + 1) % NPAGES;
	if (!pages[at].holder)
		return false;
	while (at > 0 && pages[at - 1].extent == pages[at].extent)
		at--;
	while (at + n < NPAGES && pages[at + n].extent == pages[at].extent)
		n++;
	*ret_page = at;
	*ret_npages = n;
	return true;
}

bool may_free(const struct model *m, const struct model_session *ms, unsigned r, unsigned holder)
{
	return holder == holder_of(m, ms) || holder == USER(ms->user) || (r == 1 && ms->user == 2);
}

struct session_peer peer_of(unsigned user)
{
	return (struct session_peer){.uid = UID + user, .gid = UID, .pid = 7, .command = "model"};
}

void model_end(struct model *m, struct model_session *ms)
{
	m->nended++;
	ms->state = SESSION_ENDING;
	ms->deadline_usec = 0;
	if (use_of(m, 1, holder_of(m, ms), false).nextents)
		ms->until_usec[1] = m->now_usec + QUARANTINE_USEC;
}

/* Whose the page is now; NOBODY. */
static unsigned holder_now(const struct model *m, unsigned r, uint64_t page)
{
	const struct region *region = region_of(m, r);
	uint32_t i = extents_over(&region->extents, page);
	const struct owner *o;

	if (i == EXTENT_NONE)
		return NOBODY;
	o = holding_by_index(&region->holdings, extents_get(&region->extents, i)->holding)->owner;
	if (o->detached)
		return USER(o->uid - UID);
	for (unsigned k = 0; k < NSESSIONS; k++) {
		if (m->session[k].there && o == &m->session[k].s->owner)
			return SESSION(k);
	}
	ck_abort_msg("page %u is held by a session that there is not", (unsigned)page);
	return NOBODY;
}

/* What reclaim may have done with a page of an ended session: it is free, or its user's, or not yet. Return: it has. */
static bool page_reclaimed(struct model *m, unsigned r, uint64_t page)
{
	const struct page *p = &m->page[r][page];
	const struct model_session *ms = &m->session[p->holder - SESSION(0)];
	unsigned now = holder_now(m, r, page);

	if (now == p->holder)
		return false;
	if (ms->state != SESSION_ENDING || ms->until_usec[r] > m->now_usec ||
	    now != (r == 2 ? USER(ms->user) : NOBODY))
		ck_abort_msg("region %u page %u: went from %u to %u", r, (unsigned)page, p->holder,
			     now);
	return true;
}

uint32_t pages_reclaimed(struct model *m)
{
	uint32_t nextents = 0, last = 0;

	for (unsigned r = 0; r < NREGIONS; r++) {
		for (uint64_t i = 0; i < NPAGES; i++) {
			struct page *p = &m->page[r][i];

			if (p->holder < SESSION(0) || !page_reclaimed(m, r, i))
				continue;
			if (p->extent != last)
				nextents++;
			last = p->extent;
			m->ndone[KEPT] += r == 2;
			if (r == 2)
				p->holder = (uint8_t)USER(m->session[p->holder - SESSION(0)].user);
			else
				*p = (struct page){0};
		}
	}
	return nextents;
}

void session_reclaimed(struct model *m, struct model_session *ms, bool finished)
{
	bool holds[NREGIONS], any = false;

	for (unsigned r = 0; r < NREGIONS; r++) {
		holds[r] = use_of(m, r, holder_of(m, ms), false).npages != 0;
		any |= holds[r];
	}
	if (!session_by_id(&m->rs, ms->id)) {
		ck_assert(!any);
		ms->there = false;
		m->ndone[GONE]++;
	} else if (ms->s->state == SESSION_QUARANTINED) {
		ck_assert(!holds[0] && !holds[2] && holds[1]);
		ms->state = SESSION_QUARANTINED;
		ms->deadline_usec = ms->until_usec[1];
		m->ndone[QUARANTINED]++;
	} else {
		ck_assert(!finished);
	}
}

void quarantines_emptied(struct model *m)
{
	for (unsigned i = 0; i < NSESSIONS; i++) {
		struct model_session *ms = &m->session[i];

		if (!ms->there || ms->state != SESSION_QUARANTINED ||
		    use_of(m, 1, holder_of(m, ms), false).npages)
			continue;
		ms->state = SESSION_ENDING;
		ms->deadline_usec = 0;
	}
}

static void compare_holder(struct model *m, unsigned r, unsigned holder)
{
	const struct region *region = region_of(m, r);
	const struct owner *o = owner_of(m, holder);
	const struct holding *h = holding_find(o, region);
	const struct account *a = account_find(o->user, region);
	struct use own = use_of(m, r, holder, false), user = use_of(m, r, holder, true);

	if ((h ? h->npages : 0) != own.npages || (h ? h->nextents : 0) != own.nextents)
		ck_abort_msg("region %u: holder %u has other pages or extents", r, holder);
	if ((a ? a->npages : 0) != user.npages || (a ? a->nextents : 0) != user.nextents)
		ck_abort_msg("region %u: holder %u has another account", r, holder);
}

void compare(struct model *m)
{
	char why[200] = "";

	ck_assert_msg(regions_check(&m->rs, why, sizeof(why)), "%s", why);
	for (unsigned r = 0; r < NREGIONS; r++) {
		for (uint64_t i = 0; i < NPAGES; i++) {
			/* check notes each assertion, and there are many pages. */
			if (holder_now(m, r, i) != m->page[r][i].holder)
				ck_abort_msg("region %u page %u: wanted %u, got %u", r, (unsigned)i,
					     m->page[r][i].holder, holder_now(m, r, i));
		}
		for (unsigned u = 0; u < NUSERS; u++)
			compare_holder(m, r, USER(u));
	}
	for (unsigned i = 0; i < NSESSIONS; i++) {
		const struct model_session *ms = &m->session[i];

		if (!ms->there)
			continue;
		if (session_by_id(&m->rs, ms->id) != ms->s || ms->s->state != ms->state ||
		    ms->s->deadline_usec != ms->deadline_usec)
			ck_abort_msg("session %u: wanted state %d, got %d", i, (int)ms->state,
				     (int)ms->s->state);
		for (unsigned r = 0; r < NREGIONS; r++)
			compare_holder(m, r, SESSION(i));
	}
}

void model_init(struct model *m)
{
	static const enum region_death deaths[NREGIONS] = {
		REGION_DEATH_FREE, REGION_DEATH_QUARANTINE, REGION_DEATH_KEEP};

	regions_init(&m->rs, DAEMON_UID);
	m->rs.limits.sessions = USER_SESSIONS;
	for (unsigned r = 0; r < NREGIONS; r++) {
		struct region_config c = world_config(NPAGES, NPAGES, 0);

		snprintf(c.name, sizeof(c.name), "r%u", r);
		c.death = deaths[r];
		c.quarantine_usec = r == 1 ? QUARANTINE_USEC : 0;
		c.user_bytes = model_quotas.user_npages * PAGE;
		c.session_bytes = model_quotas.session_npages * PAGE - 1; /* rounded up */
		c.user_extents = model_quotas.user_nextents;
		c.session_extents = model_quotas.session_nextents;
		c.rules[0] = (struct access_rule){ACCESS_USER, UID + 2, ACCESS_FREE_ANY};
		c.nrules = r == 1;
		ck_assert_int_eq(regions_add(&m->rs, &c), 0);
	}
}
