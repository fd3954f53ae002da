/*
 * test_record_random - what was noted, written down and put back is all the truth
 *
 * Role:       several sessions of several users do everything that can be done in two regions, at random. After every few steps what was noted
 *             goes to a plain copy of the records, which must then be all that there is (C1); every so often regions are built from the copy,
 *             compared in everything, asked for the same extents (T1), and now and then the whole goes on with them. One run for each death policy.
 *             N and SEED as arguments, or SEED in the environment.
 * Uses:       region/, check
 */
#include <stdlib.h>

#include "record_steps.h"
#include "tests/unit/suite.h"

#define RESTART_USEC 30u

static uint64_t nsteps = 8000;

static void sound(const struct regions *rs)
{
	char why[200] = "";

	ck_assert_msg(regions_check(rs, why, sizeof(why)), "%s", why);
	for (uint32_t i = 0; i < rs->n; i++)
		ck_assert_msg(!rs->table[i]->faulted, "%s", rs->table[i]->fault);
}

/* All that differs from what is written was noted. */
static void commit(struct play *p)
{
	struct truth *now;
	char why[200] = "";

	truth_follow(p->written, &p->w.regions);
	now = truth_take(&p->w.regions);
	ck_assert_msg(!truth_differs(p->written, now, why, sizeof(why)), "not noted: %s", why);
	truth_free(now);
}

/* @initial: there is no record of them yet; otherwise nothing is grown. */
static void regions_make(struct play *p, struct regions *rs, bool initial)
{
	regions_init(rs, DAEMON_UID);
	for (unsigned i = 0; i < 2; i++) {
		struct region_config c = p->config[i];

		c.initial_bytes = initial ? c.initial_bytes : 0;
		ck_assert_int_eq(regions_add(rs, &c), 0);
	}
}

static void same_map(const struct region *a, const struct region *b)
{
	for (uint64_t page = 0; page < NPAGES; page++) {
		uint64_t grown[2], nfree[2], scavenged[2];

		pagealloc_count(a->pa, page, 1, &grown[0], &nfree[0], &scavenged[0]);
		pagealloc_count(b->pa, page, 1, &grown[1], &nfree[1], &scavenged[1]);
		ck_assert_msg(grown[0] == grown[1] && nfree[0] == nfree[1],
			      "region %s, page %u: grown %u %u, free %u %u", a->name,
			      (unsigned)page, (unsigned)grown[0], (unsigned)grown[1],
			      (unsigned)nfree[0], (unsigned)nfree[1]);
	}
}

static void same_sums(const struct region *a, const struct region *b)
{
	ck_assert_uint_eq(a->used_npages, b->used_npages);
	ck_assert_uint_eq(a->detached_npages, b->detached_npages);
	ck_assert_uint_eq(a->quarantined_npages, b->quarantined_npages);
	ck_assert_uint_eq(a->grown_npages, b->grown_npages);
	ck_assert_uint_eq(a->end_npages, b->end_npages);
	ck_assert_uint_eq(a->nshares, b->nshares);
	ck_assert_uint_eq(region_held_npages(a), region_held_npages(b));
	ck_assert_uint_eq(region_nnamed(a), region_nnamed(b));
	ck_assert_uint_eq(b->peak_npages, b->used_npages);
}

/* The next extents come to lie at the same places, in both. */
static void same_answers(struct play *p, struct regions *rs, uint32_t i)
{
	for (unsigned n = 0; n < 6; n++) {
		struct regions *both[2] = {&p->w.regions, rs};
		struct region_placement q = any_placement(p);
		uint64_t npages = 1 + below(p, 60), addr[2] = {0, 0}, scavenged;
		bool placed = below(p, 2);
		int err[2];

		for (unsigned k = 0; k < 2; k++) {
			struct region_refusal rr = {0};
			struct user *user;

			ck_assert_int_eq(regions_user(both[k], 1001, &user), 0);
			err[k] = region_alloc(both[k]->table[i], &user->owner, &npages, 1,
					      placed ? &q : NULL, &addr[k], &scavenged, &rr);
		}
		ck_assert_int_eq(err[0], err[1]);
		ck_assert(err[0] || addr[0] == addr[1]);
	}
}

/* A session that was there before the restart goes on in each slot, or a new one does. */
static void sessions_back(struct play *p, const uint64_t was[NSLOTS])
{
	for (unsigned slot = 0; slot < NSLOTS; slot++)
		slot_fill(p, slot);
	for (unsigned slot = 0; slot < NSLOTS; slot++) {
		const struct session *s = session_by_id(&p->w.regions, was[slot]);

		ck_assert_ptr_nonnull(s);
		if (below(p, 4))
			ck_assert_int_eq(resume(p, s), 0);
	}
}

static void restart(struct play *p)
{
	uint64_t until = p->now + RESTART_USEC, was[NSLOTS];
	char why[200] = "";

	for (unsigned slot = 0; slot < NSLOTS; slot++)
		was[slot] = p->session[slot]->id;
	regions_deinit(&p->w.regions);
	regions_make(p, &p->w.regions, false);
	ck_assert_int_eq(truth_put(p->written, &p->w.regions, until, why, sizeof(why)), 0);
	truth_restart(p->written, until);
	for (unsigned i = 0; i < 2; i++)
		region_keep(p->w.regions.table[i]);
	sessions_back(p, was);
	p->nrestarts++;
}

static void rebuild(struct play *p)
{
	struct truth *there;
	struct regions rs;
	char why[200] = "";
	int err;

	commit(p);
	regions_make(p, &rs, false);
	err = truth_put(p->written, &rs, p->now + RESTART_USEC, why, sizeof(why));
	ck_assert_msg(err == 0, "%d: %s", err, why);
	sound(&rs);
	truth_restart(p->written, p->now + RESTART_USEC);
	there = truth_take(&rs);
	ck_assert_msg(!truth_differs(p->written, there, why, sizeof(why)), "put back: %s", why);
	ck_assert_uint_eq(rs.next_session_id, p->w.regions.next_session_id);
	truth_free(there);
	truth_free(p->written);
	p->written = truth_take(&p->w.regions);
	for (uint32_t i = 0; i < 2; i++) {
		same_map(p->w.regions.table[i], rs.table[i]);
		same_sums(p->w.regions.table[i], rs.table[i]);
		p->nquarantined += rs.table[i]->quarantined_npages != 0;
		same_answers(p, &rs, i);
	}
	sound(&rs);
	regions_deinit(&rs);
	commit(p);
	if (below(p, 3) == 0)
		restart(p);
}

static void play_init(struct play *p, enum region_death death)
{
	p->config[0] = world_config(NPAGES, 600, 100);
	p->config[0].death = death;
	p->config[0].quarantine_usec = 100;
	p->config[0].holes[0] = (struct region_hole){BASE + HOLE * PAGE, HOLE_NPAGES * PAGE};
	p->config[0].nholes = 1;
	p->config[1] = world_config(700, 700, 0);
	p->config[1].name[0] = 'q';
	p->config[1].death = REGION_DEATH_QUARANTINE;
	p->config[1].quarantine_usec = 60;
	p->config[1].user_bytes = 500 * PAGE;
	p->now = 1;
	regions_make(p, &p->w.regions, true);
	for (unsigned i = 0; i < 2; i++)
		region_keep(p->w.regions.table[i]);
	p->written = truth_take(&p->w.regions);
	for (unsigned slot = 0; slot < NSLOTS; slot++)
		slot_fill(p, slot);
}

START_TEST(what_is_written_is_all_there_is)
{
	struct play *p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	random_init(&p->rnd, "what_is_written_is_all_there_is");
	play_init(p, (enum region_death)_i);
	for (uint64_t i = 0; i < nsteps; i++) {
		step(p);
		if (below(p, 4) == 0)
			commit(p);
		if (below(p, 60) == 0)
			rebuild(p);
	}
	sound(&p->w.regions);
	for (unsigned i = 0; i < NSTEPS; i++)
		printf("%s%u", i ? " " : "done: ", p->ndone[i]);
	printf("; %u restarts, %u with a quarantine\n", p->nrestarts, p->nquarantined);
	for (unsigned i = 0; i < NSTEPS && nsteps >= 8000; i++)
		ck_assert_msg(p->ndone[i] > 2, "step %u was done %u times", i, p->ndone[i]);
	ck_assert_msg(nsteps < 8000 || (p->nrestarts > 10 && p->nquarantined > 10),
		      "%u restarts, %u with a quarantine", p->nrestarts, p->nquarantined);
	truth_free(p->written);
	regions_deinit(&p->w.regions);
	free(p);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("record_random");
	TCase *tc = tcase_create("record_random");

	if (argc > 1)
		nsteps = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		setenv("SEED", argv[2], 1);
	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, what_is_written_is_all_there_is, 0, 3);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
