/*
 * test_region_random - sessions and users that take, cut, free and end, beside an array of who owns which page
 *
 * Role:       10^5 random steps, batches included; after each, the outcome and after some, everything is compared.
 * Uses:       region/, check
 */
#include <stdlib.h>

#include "tests/unit/random.h"
#include "world.h"

#define LIMIT 3000u
#define NSTEPS 100000
#define NSESSIONS 6
#define NUSERS 2
#define BATCH_MAX 5

/* Owner of a page in the model: 0 nobody, 1 to NSESSIONS a session, then users. */
struct model {
	struct world w;
	struct random rnd;
	uint8_t owner[LIMIT];
	struct session *session[NSESSIONS];
	struct owner *user[NUSERS];
	uint64_t nused;
};

static uid_t uid_of(unsigned session)
{
	return 1000 + session % NUSERS;
}

static struct owner *owner_of(struct model *m, unsigned number)
{
	if (number <= NSESSIONS)
		return &m->session[number - 1]->owner;
	return m->user[number - 1 - NSESSIONS];
}

static bool may_free(unsigned session, unsigned number)
{
	return number == session + 1 ||
	       (number > NSESSIONS && uid_of(session) == 1000 + (number - 1 - NSESSIONS));
}

/* First fit over the grown pages; UINT64_MAX where nothing fits. */
static uint64_t model_fit(const struct model *m, uint64_t npages)
{
	uint64_t run = 0;

	for (uint64_t page = 0; page < m->w.r->grown_npages; page++) {
		run = m->owner[page] ? 0 : run + 1;
		if (run == npages)
			return page + 1 - npages;
	}
	return UINT64_MAX;
}

static void mark(struct model *m, uint64_t page, uint64_t npages, unsigned number)
{
	memset(m->owner + page, (int)number, npages);
}

static void step_alloc(struct model *m)
{
	unsigned number = 1 + (unsigned)random_below(&m->rnd, NSESSIONS + NUSERS);
	uint64_t npages[BATCH_MAX], addr[BATCH_MAX], scavenged, used = m->w.r->used_npages;
	uint32_t n = 1 + (uint32_t)random_below(&m->rnd, BATCH_MAX);
	struct region_refusal rr = {0};
	int err;

	for (uint32_t i = 0; i < n; i++)
		npages[i] = 1 + random_below(&m->rnd, random_below(&m->rnd, 8) ? 12 : 400);
	err = region_alloc(m->w.r, owner_of(m, number), npages, n, NULL, addr, &scavenged, &rr);
	if (err) {
		ck_assert_int_eq(err, REGION_E_NO_SPACE);
		ck_assert_uint_eq(m->w.r->used_npages, used);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t page = (addr[i] - BASE) / PAGE;

		ck_assert_msg(page == model_fit(m, npages[i]),
			      "%llu pages went to %llu, not to %llu", (unsigned long long)npages[i],
			      (unsigned long long)page,
			      (unsigned long long)model_fit(m, npages[i]));
		mark(m, page, npages[i], number);
		m->nused += npages[i];
	}
}

/* What the model says about a batch: the same order of complaints as region_free()'s. */
static int model_free(struct model *m, unsigned session, const uint64_t *page,
		      const uint64_t *npages, uint32_t n, uint32_t *ret_index)
{
	static uint8_t seen[LIMIT];

	for (uint32_t i = 0; i < n; i++) {
		*ret_index = i;
		if (page[i] >= LIMIT || npages[i] > LIMIT - page[i])
			return REGION_E_OUT_OF_REGION;
		for (uint64_t p = page[i]; p < page[i] + npages[i]; p++) {
			if (!m->owner[p])
				return REGION_E_NOT_ALLOCATED;
			if (!may_free(session, m->owner[p]))
				return REGION_E_NOT_OWNER;
		}
	}
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < n; i++) {
		for (uint64_t p = page[i]; p < page[i] + npages[i]; p++) {
			if (seen[p]++)
				return REGION_E_NOT_ALLOCATED;
		}
	}
	return 0;
}

static void step_free(struct model *m)
{
	unsigned session = (unsigned)random_below(&m->rnd, NSESSIONS);
	uint64_t page[BATCH_MAX], addr[BATCH_MAX], npages[BATCH_MAX], given = 0, shared, want = 0;
	uint32_t n = 1 + (uint32_t)random_below(&m->rnd, BATCH_MAX), index = 0;
	struct region_refusal rr = {0};
	int err, wanted;

	for (uint32_t i = 0; i < n; i++) {
		page[i] = random_below(&m->rnd, random_below(&m->rnd, 50) ? m->w.r->grown_npages
									  : LIMIT + 10);
		/* Mostly something that this session may free, else nearly all would be refused. */
		for (int k = 0; k < 400 && page[i] < LIMIT && !may_free(session, m->owner[page[i]]);
		     k++)
			page[i] = (page[i] + 1) % LIMIT;
		npages[i] = 1 + random_below(&m->rnd, random_below(&m->rnd, 3) ? 3 : 40);
		addr[i] = BASE + page[i] * PAGE;
		want += npages[i];
	}
	wanted = model_free(m, session, page, npages, n, &index);
	err = region_free(m->w.r, m->session[session], addr, npages, n, &given, &shared, &rr);
	ck_assert_msg(err == wanted, "free: wanted %d, got %d (entry %u)", wanted, err, rr.index);
	if (err) {
		if (index < n - 1 && wanted != REGION_E_NOT_ALLOCATED)
			ck_assert_uint_eq(rr.index, index);
		return;
	}
	ck_assert_uint_eq(given, want);
	m->nused -= given;
	for (uint32_t i = 0; i < n; i++)
		mark(m, page[i], npages[i], 0);
}

static void step_end(struct model *m)
{
	unsigned i = (unsigned)random_below(&m->rnd, NSESSIONS);

	world_end(m->session[i]);
	while (!regions_reclaim(&m->w.regions, 1 + (uint32_t)random_below(&m->rnd, 20), 0))
		;
	for (uint64_t page = 0; page < LIMIT; page++) {
		if (m->owner[page] == i + 1) {
			m->owner[page] = 0;
			m->nused--;
		}
	}
	m->session[i] = world_session(&m->w, uid_of(i));
}

static void compare(const struct model *m)
{
	const struct extents *ex = &m->w.r->extents;
	uint64_t nused = 0;

	world_check(&m->w);
	for (uint64_t page = 0; page < m->w.r->grown_npages; page++) {
		uint32_t i = extents_over(ex, page);

		ck_assert((i != EXTENT_NONE) == (m->owner[page] != 0));
		nused += m->owner[page] != 0;
	}
	ck_assert_uint_eq(nused, m->w.r->used_npages);
	ck_assert_uint_eq(nused, m->nused);
}

START_TEST(a_region_agrees_with_an_array)
{
	struct model *m = calloc(1, sizeof(*m));

	ck_assert_ptr_nonnull(m);
	random_init(&m->rnd, "a_region_agrees_with_an_array");
	world_init(&m->w, LIMIT, 512, 300);
	for (unsigned i = 0; i < NSESSIONS; i++)
		m->session[i] = world_session(&m->w, uid_of(i));
	for (unsigned i = 0; i < NUSERS; i++)
		m->user[i] = world_user(&m->w, 1000 + i);
	for (int step = 0; step < NSTEPS; step++) {
		uint64_t what = random_below(&m->rnd, 1000);

		if (what < 5)
			step_end(m);
		else if (what < 350)
			step_alloc(m);
		else
			step_free(m);
		if (step % 100 == 0)
			compare(m);
	}
	compare(m);
	/* It must have seen a full region and all of its growth, or it has not tested much. */
	ck_assert_uint_gt(m->w.r->counters.no_space, 0);
	ck_assert_uint_eq(m->w.r->grown_npages, LIMIT);
	world_deinit(&m->w);
	free(m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("region_random");
	TCase *tc = tcase_create("region_random");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_region_agrees_with_an_array);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
