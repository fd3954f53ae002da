/*
 * test_holders_random - names, shares, owners and deaths beside a plain list of extents
 *
 * Role:       several sessions of several users take, name, share, release, hand over, free, split, join, resize and die; after each
 *             step the outcome is compared with what the list says, and then owners, holders in their order, names, usage and space.
 *             One run for each death policy, and one more with somebody who watches. N and SEED as arguments, or SEED in the environment.
 * Uses:       region/, check
 */
#include <stdlib.h>

#include "holders_model.h"
#include "tests/unit/suite.h"

static uint64_t nsteps = 30000;

/* A step's outcome. Return: something has changed. */
static bool outcome(struct model *m, const char *step, int got, int wanted)
{
	if (got != wanted)
		ck_abort_msg("%s: wanted %d, got %d", step, wanted, got);
	m->nrefused[wanted]++;
	return !got;
}

/* A session, or its user. */
static struct owner *any_owner(struct model *m, struct session *s, uint64_t *ret_holder)
{
	bool detached = below(m, 4) == 0;

	*ret_holder = detached ? USER(s->owner.uid) : s->id;
	return detached ? &s->owner.user->owner : &s->owner;
}

/* A session that may free @e, if there is one; else @other. */
static struct session *owner_session(struct model *m, const struct plain *e, struct session *other)
{
	for (unsigned slot = 0; slot < NSESSIONS; slot++) {
		if (owns(m->session[slot], e))
			return m->session[slot];
	}
	return other;
}

static bool step_alloc(struct model *m)
{
	struct plain e = {.npages = 1 + below(m, 24)};
	unsigned name = (unsigned)(below(m, 3) ? 0 : 1 + below(m, NNAMES));
	struct owner *o = any_owner(m, any_session(m), &e.owner);
	struct region_refusal rr = {0};
	uint64_t addr, scavenged, page = 0;
	int err, want = 0;

	e.name = name;
	e.label = (unsigned)below(m, NLABELS);
	e.uid = o->uid;
	while (page < LIMIT && !is_free(m, page, e.npages))
		page++;
	if (extent_named(m, name))
		want = REGION_E_NAME_TAKEN;
	else if (!quota_ok(m, e.owner, e.npages, 1))
		want = REGION_E_QUOTA;
	else if (page == LIMIT)
		want = REGION_E_NO_SPACE;
	err = region_alloc_named(m->w.r, o, e.npages, name_of(name), label_of(e.label), NULL, &addr,
				 &scavenged, &rr);
	if (!outcome(m, "alloc", err, want))
		return false;
	e.first = (addr - BASE) / PAGE;
	ck_assert_uint_eq(e.first, page);
	m->extent[m->n++] = e;
	return true;
}

static bool step_annotate(struct model *m)
{
	struct plain *e = any_extent(m), *other;
	struct session *s = any_session(m);
	unsigned name = (unsigned)below(m, NNAMES + 1), label = (unsigned)below(m, NLABELS);
	bool set_name = below(m, 2), set_label = below(m, 2);
	struct region_refusal rr = {0};
	int err, want = 0;

	if (!e)
		return false;
	if (below(m, 2))
		s = owner_session(m, e, s);
	other = set_name ? extent_named(m, name) : NULL;
	if (!may_free(s, e))
		want = REGION_E_NOT_OWNER;
	else if (other && other != e)
		want = REGION_E_NAME_TAKEN;
	err = region_annotate(m->w.r, s, addr_of(e->first), set_name ? name_of(name) : NULL,
			      set_label ? label_of(label) : NULL, &rr);
	if (want == REGION_E_NAME_TAKEN)
		ck_assert_uint_eq(rr.addr, addr_of(other->first));
	if (!outcome(m, "annotate", err, want))
		return false;
	e->name = set_name ? name : e->name;
	e->label = set_label ? label : e->label;
	return true;
}

static bool step_share(struct model *m)
{
	struct plain *e = any_extent(m);
	struct session *s = any_session(m);
	struct region_refusal rr = {0};
	struct region_view view;
	int err, want = 0;

	if (!e || e->nsharers == NHOLDERS)
		return false;
	if (e->owner == s->id || shares(e, s->id))
		want = REGION_E_HOLDS;
	else if (!quota_ok(m, s->id, e->npages, 1))
		want = REGION_E_QUOTA;
	err = region_share(m->w.r, s, addr_of(e->first), &view, &rr);
	if (!outcome(m, "share", err, want))
		return false;
	e->sharers[e->nsharers++] = s->id;
	ck_assert_uint_eq(view.npages, e->npages);
	return true;
}

static bool step_release(struct model *m)
{
	struct plain *e = any_extent(m);
	struct session *s = any_session(m);
	struct region_refusal rr = {0};
	uint64_t npages, had;
	uint32_t nholders, left;
	int err;

	if (!e)
		return false;
	had = e->npages;
	left = e->nsharers || shares(e, s->id) ? e->nsharers + e->ndying : 0;
	err = region_release(m->w.r, s, addr_of(e->first), &npages, &nholders, &rr);
	if (!outcome(m, "release", err, shares(e, s->id) || owns(s, e) ? 0 : REGION_E_NOT_OWNER))
		return false;
	ck_assert_uint_eq(npages, had);
	ck_assert_uint_eq(nholders, left);
	if (shares(e, s->id))
		unshare(e, s->id);
	else
		pass_on(m, e);
	return true;
}

static bool step_handover(struct model *m)
{
	struct plain *e = any_extent(m), was;
	struct session *s = any_session(m);
	uint64_t holder, npages;
	struct owner *to = any_owner(m, any_session(m), &holder);
	struct region_refusal rr = {0};
	int err, want = 0;

	if (!e)
		return false;
	if (below(m, 2))
		s = owner_session(m, e, s);
	was = *e;
	/* As if the old owner had let go before. */
	*e = (struct plain){.first = was.first};
	if (!may_free(s, &was))
		want = REGION_E_NOT_OWNER;
	else if (was.owner != holder && !shares(&was, holder)) {
		e->npages = was.npages;
		e->owner = UINT64_MAX;
		e->uid = UINT32_MAX;
		memcpy(e->sharers, was.sharers, sizeof(was.sharers));
		e->nsharers = was.nsharers;
		want = quota_ok(m, holder, was.npages, 1) ? 0 : REGION_E_QUOTA;
	}
	*e = was;
	err = region_handover(m->w.r, s, addr_of(e->first), to, &npages, &rr);
	if (!outcome(m, "handover", err, want))
		return false;
	ck_assert_uint_eq(npages, e->npages);
	if (e->owner != holder)
		give_to(m, e, holder);
	return true;
}

/* What a free of [page, end) comes to; nothing changes. */
static int free_outcome(struct model *m, const struct session *s, uint64_t page, uint64_t end)
{
	for (uint64_t at = page; at < end;) {
		const struct plain *e = extent_over(m, at);

		if (!e)
			return REGION_E_NOT_ALLOCATED;
		if (!may_free(s, e))
			return REGION_E_NOT_OWNER;
		if (e->nsharers && (e->first < page || e->first + e->npages > end ||
				    (!owns(s, e) && shares(e, s->id))))
			return REGION_E_SHARED;
		at = e->first + e->npages;
	}
	return 0;
}

/* Take [page, end) out of the extent that lies at @page. Return: where it ended; *@kept: others hold on to it. */
static uint64_t extent_cut(struct model *m, const struct session *s, uint64_t page, uint64_t end,
			   uint64_t *kept)
{
	struct plain *e = extent_over(m, page);
	uint64_t limit = e->first + e->npages, npages = e->npages;

	if (e->first == page && limit <= end) {
		if (!owns(s, e))
			extent_forget(m, e);
		else if (!pass_on(m, e))
			*kept += npages;
		return limit;
	}
	if (e->first == page) {
		e->first = end;
		e->npages = limit - end;
		return limit;
	}
	e->npages = page - e->first;
	if (limit > end) {
		m->extent[m->n] = *e;
		m->extent[m->n].first = end;
		m->extent[m->n].npages = limit - end;
		m->extent[m->n++].name = 0;
	}
	return limit;
}

static bool step_free(struct model *m)
{
	const struct plain *e = any_extent(m);
	struct session *s = any_session(m);
	uint64_t page, npages, addr, given, shared, kept = 0;
	struct region_refusal rr = {0};
	int err;

	if (!e)
		return false;
	if (below(m, 2))
		s = owner_session(m, e, s);
	page = e->first;
	npages = e->npages;
	if (m->pending) {
		/* Dying shares refuse a part, but not the whole. */
	} else if (below(m, 3) == 0) {
		page += below(m, npages);
		npages = 1 + below(m, npages);
	} else if (below(m, 3) == 0 && (e = extent_over(m, page + npages))) {
		npages += e->npages;
	}
	if (npages > LIMIT - page)
		npages = LIMIT - page;
	addr = addr_of(page);
	err = region_free(m->w.r, s, &addr, &npages, 1, &given, &shared, &rr);
	if (!outcome(m, "free", err, free_outcome(m, s, page, page + npages)))
		return false;
	for (uint64_t at = page; at < page + npages;)
		at = extent_cut(m, s, at, page + npages, &kept);
	ck_assert_uint_eq(given, npages);
	ck_assert_uint_eq(shared, kept);
	return true;
}

static bool step_split(struct model *m)
{
	struct plain *e = any_extent(m), upper;
	struct session *s = any_session(m);
	uint64_t at, addr, npages, rest;
	struct region_refusal rr = {0};
	int err, want = 0;

	if (!e || e->npages < 2)
		return false;
	if (below(m, 2))
		s = owner_session(m, e, s);
	at = e->first + 1 + below(m, e->npages - 1);
	if (!may_free(s, e))
		want = REGION_E_NOT_OWNER;
	else if (e->nsharers)
		want = REGION_E_SHARED;
	else if (!quota_ok(m, e->owner, 0, 1))
		want = REGION_E_QUOTA;
	err = region_split(m->w.r, s, addr_of(at), &addr, &npages, &rest, &rr);
	if (!outcome(m, "split", err, want))
		return false;
	upper = *e;
	upper.first = at;
	upper.npages = rest;
	upper.name = 0;
	e->npages = npages;
	m->extent[m->n++] = upper;
	return true;
}

static bool step_join(struct model *m)
{
	struct plain *e = any_extent(m), *next;
	struct session *s = any_session(m);
	struct region_refusal rr = {0};
	uint32_t n;
	int err, want = 0;

	/* Mostly neighbours of one owner: few are. */
	for (int i = 0; i < 50 && e &&
			!((next = extent_over(m, e->first + e->npages)) && next->owner == e->owner);
	     i++)
		e = any_extent(m);
	if (!e || !(next = extent_over(m, e->first + e->npages)))
		return false;
	if (below(m, 4))
		s = owner_session(m, e, s);
	if (!may_free(s, e))
		want = REGION_E_NOT_OWNER;
	else if (e->nsharers)
		want = REGION_E_SHARED;
	else if (next->owner != e->owner)
		want = REGION_E_NOT_OWNER;
	else if (next->nsharers)
		want = REGION_E_SHARED;
	else if (next->name && e->name)
		want = REGION_E_PLACEMENT;
	err = region_join(m->w.r, s, addr_of(e->first), e->npages + next->npages, &n, &rr);
	if (!outcome(m, "join", err, want))
		return false;
	e->npages += next->npages;
	e->name += next->name;
	e->label = e->label ? e->label : next->label;
	extent_forget(m, next);
	return true;
}

static bool step_resize(struct model *m)
{
	struct plain *e = any_extent(m);
	struct session *s = any_session(m);
	uint64_t npages = 1 + below(m, 20), addr, scavenged;
	struct region_refusal rr = {0};
	int err, want = 0;

	if (!e || e->first + npages > LIMIT)
		return false;
	if (below(m, 2))
		s = owner_session(m, e, s);
	if (!may_free(s, e))
		want = REGION_E_NOT_OWNER;
	else if (e->nsharers)
		want = REGION_E_SHARED;
	else if (npages > e->npages && !quota_ok(m, e->owner, npages - e->npages, 0))
		want = REGION_E_QUOTA;
	else if (npages > e->npages && !is_free(m, e->first + e->npages, npages - e->npages))
		want = REGION_E_NOT_FREE;
	err = region_resize(m->w.r, s, addr_of(e->first), npages, REGION_UPPER, &addr, &scavenged,
			    &rr);
	if (!outcome(m, "resize", err, want))
		return false;
	e->npages = npages;
	return true;
}

static void step(struct model *m)
{
	static const struct {
		uint64_t below;
		bool (*step)(struct model *m);
	} steps[] = {{20, step_alloc},   {28, step_annotate}, {48, step_share},
		     {60, step_release}, {70, step_handover}, {82, step_free},
		     {88, step_split},   {94, step_join},     {100, step_resize}};
	uint64_t dice = below(m, 100);
	unsigned kind = 0;

	if (m->pending) {
		kind = below(m, 2) ? 3 : 5;
		if (below(m, 3) == 0)
			settle(m);
	} else if (below(m, 25) == 0) {
		sessions_end(m);
		return;
	}
	while (!m->pending && dice >= steps[kind].below)
		kind++;
	m->ndone[kind] += steps[kind].step(m);
}

/* A refusal that has not been met; 0: all have been. */
static int refusal_missing(const struct model *m)
{
	static const int refusals[] = {REGION_E_NO_SPACE,   REGION_E_NOT_OWNER,    REGION_E_QUOTA,
				       REGION_E_NAME_TAKEN, REGION_E_SHARED,       REGION_E_HOLDS,
				       REGION_E_PLACEMENT,  REGION_E_NOT_ALLOCATED};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (!m->nrefused[refusals[i]])
			return refusals[i];
	return 0;
}

START_TEST(holders_agree_with_a_list)
{
	struct region_config config = world_config(LIMIT, LIMIT, 0);
	struct event_cursor c = {.kinds = UINT32_MAX};
	struct model *m = calloc(1, sizeof(*m));

	ck_assert_ptr_nonnull(m);
	random_init(&m->rnd, "holders_agree_with_a_list");
	config.death = (enum region_death)(_i % 3);
	config.quarantine_usec = QUARANTINE_USEC;
	config.user_bytes = USER_NPAGES * PAGE;
	config.user_extents = USER_NEXTENTS;
	config.session_bytes = SESSION_NPAGES * PAGE;
	config.session_extents = SESSION_NEXTENTS;
	world_init_with(&m->w, &config);
	/* What is done extent by extent where somebody watches, and in one step else, comes to the same. */
	if (_i >= 3)
		ck_assert_int_eq(events_watch(&m->w.regions.events, &c), 0);
	for (unsigned slot = 0; slot < NSESSIONS; slot++)
		m->session[slot] = world_session(&m->w, uid_of(slot));
	/* A full region is rare: some seeds take longer to see one. */
	for (uint64_t i = 0;
	     i < nsteps || (nsteps >= 30000 && i < 20 * nsteps && refusal_missing(m)); i++) {
		step(m);
		compare(m);
	}
	settle(m);
	compare(m);
	/* Every kind of step must have changed something, and every refusal been met, or little was tested. */
	for (unsigned i = 0; i < 9 && nsteps >= 30000; i++)
		ck_assert_msg(m->ndone[i] > 50, "step %u was done %u times", i, m->ndone[i]);
	ck_assert_msg(nsteps < 30000 || !refusal_missing(m), "outcome %d never came",
		      refusal_missing(m));
	world_deinit(&m->w);
	free(m);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("holders_random");
	TCase *tc = tcase_create("holders_random");

	if (argc > 1)
		nsteps = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		setenv("SEED", argv[2], 1);
	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, holders_agree_with_a_list, 0, 2 * 3);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
