/*
 * test_sessions_random - sessions open, leave, resume, expire, end and are reclaimed, beside a model of who holds which page
 *
 * Role:       three regions, one for each death policy, all with quotas; after each step every page, every sum, every state and the
 *             checks of all regions are compared.
 * Uses:       region/, check
 */
#include <stdlib.h>

#include "sessions_model.h"
#include "tests/unit/suite.h"

/* Some 4 of 100 end a session. STEPS in the environment says otherwise. */
#define NSTEPS 30000

static enum happened step_alloc(struct model *m, unsigned r)
{
	unsigned holder = any_taker(m);
	uint64_t npages[] = {1 + below(m, below(m, 5) ? 12 : 70), 1 + below(m, 9)};
	uint32_t n = 1 + (uint32_t)(below(m, 4) == 0);
	uint64_t addr[2], scavenged, total = npages[0] + (n == 2 ? npages[1] : 0);
	struct region_refusal want, rr = {0};
	const char *quota;
	int err = region_alloc(region_of(m, r), owner_of(m, holder), npages, n, NULL, addr,
			       &scavenged, &rr);

	if (is_refused(m, r, holder, total, n, &want)) {
		refusal_compare(&want, err, &rr);
		return ALLOC_QUOTA;
	}
	if (err) {
		ck_assert_int_eq(err, REGION_E_NO_SPACE);
		ck_assert(n > 1 || fit(m, r, npages[0]) == UINT64_MAX);
		ck_assert_uint_eq(rr.quota_npages,
				  region_quota_left(region_of(m, r), owner_of(m, holder), &quota));
		return ALLOC_NO_SPACE;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t page = fit(m, r, npages[i]);

		ck_assert_uint_eq(addr[i], addr_of(page));
		mark(m, r, page, npages[i], holder);
	}
	return ALLOC;
}

static enum happened step_scatter(struct model *m, unsigned r)
{
	unsigned holder = any_taker(m);
	uint64_t npages = 1 + below(m, 80), addr[8], got[8], scavenged;
	struct region_refusal want, rr = {0};
	uint32_t n;
	int err = region_alloc_scattered(region_of(m, r), owner_of(m, holder), npages, 8, NULL,
					 addr, got, &n, &scavenged, &rr);

	/* How many pieces it would have taken, the refusal says. */
	if (err == REGION_E_QUOTA) {
		ck_assert(is_refused(m, r, holder, npages, strstr(rr.field, "pages") ? 1 : rr.asked,
				     &want));
		refusal_compare(&want, err, &rr);
		return SCATTER_QUOTA;
	}
	if (err) {
		ck_assert_int_eq(err, REGION_E_NO_SPACE);
		return ALLOC_NO_SPACE;
	}
	ck_assert(!is_refused(m, r, holder, npages, n, &want));
	for (uint32_t i = 0; i < n; i++)
		mark(m, r, (addr[i] - BASE) / PAGE, got[i], holder);
	return SCATTER;
}

static enum happened step_free(struct model *m, unsigned r)
{
	const struct model_session *ms = any_session(m, SESSION_OPEN);
	uint64_t first, n, page, npages, addr, given, shared;
	struct region_refusal rr = {0};
	unsigned holder, own;
	bool quarantined;
	int err;

	if (!ms || !any_extent(m, r, &first, &n))
		return HAPPENED;
	/* Mostly what this session may free, or nearly all would be refused. */
	for (int k = 0; k < 6 && !may_free(m, ms, r, m->page[r][first].holder); k++)
		any_extent(m, r, &first, &n);
	page = below(m, 2) ? first : first + below(m, n);
	npages = 1 + below(m, first + n - page);
	addr = addr_of(page);
	holder = m->page[r][page].holder;
	own = holder_of(m, ms);
	err = region_free(region_of(m, r), ms->s, &addr, &npages, 1, &given, &shared, &rr);
	if (!may_free(m, ms, r, holder)) {
		ck_assert_int_eq(err, REGION_E_NOT_OWNER);
		return FREE_NOT_OWNER;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(given, npages);
	quarantined = holder >= SESSION(0) && m->session[holder - SESSION(0)].until_usec[r];
	/* What lies above a hole in an extent is an extent of its own. */
	if (page + npages < first + n)
		mark(m, r, page + npages, first + n - page - npages, holder);
	mark(m, r, page, npages, NOBODY);
	if (quarantined)
		return FREE_QUARANTINED;
	return holder == own ? FREE : FREE_OTHERS;
}

static enum happened step_resize(struct model *m, unsigned r)
{
	uint64_t first, n, npages, at, scavenged, free_above = 0;
	struct region_refusal want, rr = {0};
	const struct model_session *ms;
	unsigned holder;
	int err;

	if (!any_extent(m, r, &first, &n) || m->page[r][first].holder < SESSION(0))
		return HAPPENED;
	holder = m->page[r][first].holder;
	ms = &m->session[holder - SESSION(0)];
	if (ms->state != SESSION_OPEN)
		return HAPPENED;
	npages = 1 + below(m, below(m, 3) ? n + 5 : n + 90);
	while (first + n + free_above < NPAGES && !m->page[r][first + n + free_above].holder)
		free_above++;
	err = region_resize(region_of(m, r), ms->s, addr_of(first), npages, REGION_UPPER, &at,
			    &scavenged, &rr);
	if (first + npages > NPAGES) {
		ck_assert_int_eq(err, REGION_E_OUT_OF_REGION);
		return HAPPENED;
	}
	if (npages > n && is_refused(m, r, holder, npages - n, 0, &want)) {
		refusal_compare(&want, err, &rr);
		return RESIZE_QUOTA;
	}
	ck_assert_int_eq(err, npages > n + free_above ? REGION_E_NOT_FREE : 0);
	if (err)
		return HAPPENED;
	if (npages < n)
		mark(m, r, first + npages, n - npages, NOBODY);
	mark(m, r, first, npages, holder);
	return RESIZE;
}

static enum happened step_split(struct model *m, unsigned r)
{
	uint64_t first, n, at, lower, upper, got;
	struct region_refusal want, rr = {0};
	const struct model_session *ms;
	unsigned holder;
	int err;

	if (!any_extent(m, r, &first, &n) || m->page[r][first].holder < SESSION(0) || n == 1)
		return HAPPENED;
	holder = m->page[r][first].holder;
	ms = &m->session[holder - SESSION(0)];
	if (ms->state != SESSION_OPEN)
		return HAPPENED;
	at = first + 1 + below(m, n - 1);
	err = region_split(region_of(m, r), ms->s, addr_of(at), &got, &lower, &upper, &rr);
	if (is_refused(m, r, holder, 0, 1, &want)) {
		refusal_compare(&want, err, &rr);
		return SPLIT_QUOTA;
	}
	ck_assert_int_eq(err, 0);
	mark(m, r, at, first + n - at, holder);
	return SPLIT;
}

static enum happened step_open(struct model *m)
{
	unsigned user = (unsigned)below(m, NUSERS), n = 0, at = NSESSIONS;
	uint64_t grace = below(m, 3) ? 1 + below(m, 300) : 0;
	struct session_peer peer = peer_of(user);
	struct region_refusal rr = {0};
	struct model_session *ms;
	struct session *s;
	int err;

	for (unsigned i = 0; i < NSESSIONS; i++) {
		n += m->session[i].there && m->session[i].user == user;
		if (!m->session[i].there)
			at = i;
	}
	if (at == NSESSIONS)
		return HAPPENED;
	err = session_open(&m->rs, &peer, "model", grace, m->now_usec, &s, &rr);
	if (n >= USER_SESSIONS) {
		ck_assert_int_eq(err, REGIONS_E_QUOTA);
		ck_assert_str_eq(rr.field, "user_sessions");
		ck_assert_uint_eq(rr.used, n);
		return OPEN_QUOTA;
	}
	ck_assert_int_eq(err, 0);
	ms = &m->session[at];
	*ms = (struct model_session){.there = true,
				     .s = s,
				     .id = s->id,
				     .user = user,
				     .grace_usec = grace,
				     .state = SESSION_OPEN};
	memcpy(ms->token, s->token, sizeof(ms->token));
	return OPEN;
}

static enum happened step_leave(struct model *m)
{
	struct model_session *ms = any_session(m, SESSION_OPEN);

	if (!ms)
		return HAPPENED;
	session_leave(ms->s, below(m, 2) ? SESSION_CLOSED : SESSION_DIED, m->now_usec);
	if (!ms->grace_usec) {
		model_end(m, ms);
		return END;
	}
	ms->state = SESSION_GRACE;
	ms->deadline_usec = m->now_usec + ms->grace_usec;
	return LEAVE;
}

static enum happened step_resume(struct model *m)
{
	struct model_session *ms = &m->session[below(m, NSESSIONS)];
	unsigned user = below(m, 8) ? ms->user : (ms->user + 1) % NUSERS;
	struct session_peer peer = peer_of(user);
	struct session *s = NULL;
	int err;

	/* Also of sessions that are gone: the model keeps their tokens. */
	err = session_resume(&m->rs, &peer, ms->token, m->now_usec, &s);
	if (!ms->there || ms->user != user || ms->state > SESSION_GRACE ||
	    (ms->state == SESSION_GRACE && ms->deadline_usec <= m->now_usec)) {
		ck_assert_int_eq(err, REGIONS_E_NO_SESSION);
		return RESUME_REFUSED;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_ptr_eq(s, ms->s);
	ms->state = SESSION_OPEN;
	ms->deadline_usec = 0;
	return RESUME;
}

static enum happened step_end(struct model *m)
{
	struct model_session *ms = any_session(m, below(m, 2) ? SESSION_OPEN : SESSION_GRACE);

	if (!ms)
		return HAPPENED;
	session_end(ms->s, SESSION_KILLED, m->now_usec);
	model_end(m, ms);
	return END;
}

static enum happened step_time(struct model *m)
{
	uint64_t next = UINT64_MAX, got;
	enum happened what = HAPPENED;

	m->now_usec += 1 + below(m, 60);
	got = regions_expire(&m->rs, m->now_usec);
	for (unsigned i = 0; i < NSESSIONS; i++) {
		struct model_session *ms = &m->session[i];

		if (!ms->there || !ms->deadline_usec)
			continue;
		if (ms->deadline_usec > m->now_usec) {
			next = ms->deadline_usec < next ? ms->deadline_usec : next;
		} else if (ms->state == SESSION_GRACE) {
			what = GRACE_OVER;
			model_end(m, ms);
		} else {
			what = QUARANTINE_OVER;
			ms->state = SESSION_ENDING;
			ms->deadline_usec = 0;
		}
	}
	ck_assert_uint_eq(got, next);
	return what;
}

static enum happened step_reclaim(struct model *m)
{
	uint32_t budget = 1 + (uint32_t)below(m, 6), kept = m->ndone[KEPT];
	bool finished = regions_reclaim(&m->rs, budget, m->now_usec);
	uint32_t nextents = pages_reclaimed(m);

	/* A user who has nothing there gets all at once. */
	if (m->ndone[KEPT] == kept)
		ck_assert_uint_le(nextents, budget);
	for (unsigned i = 0; i < NSESSIONS; i++) {
		if (m->session[i].there && m->session[i].state == SESSION_ENDING)
			session_reclaimed(m, &m->session[i], finished);
	}
	return finished ? HAPPENED : SLICED;
}

static enum happened step(struct model *m)
{
	uint64_t dice = below(m, 100);
	unsigned r = (unsigned)below(m, NREGIONS);

	if (dice < 24)
		return step_alloc(m, r);
	if (dice < 28)
		return step_scatter(m, r);
	if (dice < 60)
		return step_free(m, r);
	if (dice < 68)
		return step_resize(m, r);
	if (dice < 72)
		return step_split(m, r);
	if (dice < 79)
		return step_open(m);
	if (dice < 82)
		return step_leave(m);
	if (dice < 86)
		return step_resume(m);
	if (dice < 88)
		return step_end(m);
	return dice < 93 ? step_time(m) : step_reclaim(m);
}

static unsigned long steps_wanted(void)
{
	const char *steps = getenv("STEPS");

	return steps ? strtoul(steps, NULL, 0) : NSTEPS;
}

/* What has not happened often enough; HAPPENED: all has. */
static enum happened outcome_missing(const struct model *m)
{
	enum happened what = 0;

	while (what < HAPPENED && m->ndone[what] > 20)
		what++;
	return what;
}

START_TEST(sessions_agree_with_a_model)
{
	unsigned long nsteps = steps_wanted();
	enum happened missing;
	struct model *m = calloc(1, sizeof(*m));

	ck_assert_ptr_nonnull(m);
	random_init(&m->rnd, "sessions_agree_with_a_model");
	model_init(m);
	/* Some outcomes are rare: a few seeds take longer to see them often. */
	for (unsigned long i = 0; i < nsteps || (i < 20 * nsteps && outcome_missing(m) != HAPPENED);
	     i++) {
		m->ndone[step(m)]++;
		quarantines_emptied(m);
		compare(m);
	}
	printf("%lu sessions have ended\n", m->nended);
	fflush(stdout);
	missing = outcome_missing(m);
	ck_assert_msg(missing == HAPPENED, "outcome %u happened %u times", missing,
		      m->ndone[missing]);
	regions_deinit(&m->rs);
	free(m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sessions_random");
	TCase *tc = tcase_create("sessions_random");

	tcase_set_timeout(tc, 1500);
	tcase_add_test(tc, sessions_agree_with_a_model);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
