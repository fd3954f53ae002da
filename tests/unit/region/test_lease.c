/*
 * test_lease - page-cache blocks as extents of a session
 *
 * Role:       each block is what an array says it must be, at random; what quotas, growth, holes, a backing and a session's end do to leases.
 * Uses:       region/, check
 */
#include <errno.h>

#include "backed.h"
#include "base/mem.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

#define CHUNK PAGEALLOC_CHUNK_NPAGES
#define NBLOCKS_MAX 8u
#define MAX (NBLOCKS_MAX * REGION_BLOCK_EXTENTS_MAX)

struct leased {
	uint64_t page[MAX], npages[MAX], total, scavenged;
	uint32_t n;
	struct region_refusal rr;
};

static int lease(struct world *w, struct owner *o, uint32_t nblocks, struct leased *ret)
{
	int err;

	*ret = (struct leased){.n = UINT32_MAX};
	err = region_lease(w->r, o, nblocks, ret->page, ret->npages, &ret->n, &ret->scavenged,
			   &ret->rr);
	for (uint32_t i = 0; !err && i < ret->n; i++) {
		ret->page[i] = (ret->page[i] - BASE) / PAGE;
		ret->total += ret->npages[i];
	}
	return err;
}

static void assert_extents(const struct leased *l, uint32_t n, const uint64_t (*want)[2])
{
	ck_assert_uint_eq(l->n, n);
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_uint_eq(l->page[i], want[i][0]);
		ck_assert_uint_eq(l->npages[i], want[i][1]);
	}
}

START_TEST(the_free_pages_of_the_first_block_that_has_any)
{
	struct leased l;
	struct world w;

	world_init(&w, CHUNK, CHUNK, 0);
	/* Used: 0-9, 12, 60-69, 130. */
	must_take(&w, w.b, 131);
	ck_assert_int_eq(give(&w, w.b, 10, 2), 0);
	ck_assert_int_eq(give(&w, w.b, 13, 47), 0);
	ck_assert_int_eq(give(&w, w.b, 70, 60), 0);
	ck_assert_int_eq(lease(&w, &w.a->owner, 1, &l), 0);
	assert_extents(&l, 2, (const uint64_t[][2]){{10, 2}, {13, 47}});
	ck_assert_uint_eq(l.scavenged, 0);
	/* 70 to 127, which the next block goes on with up to 129; behind 130 the rest of that, which nobody has used. */
	ck_assert_int_eq(lease(&w, &w.a->owner, 2, &l), 0);
	assert_extents(&l, 2, (const uint64_t[][2]){{70, 60}, {131, 61}});
	ck_assert_uint_eq(l.scavenged, 61);
	ck_assert_uint_eq(holding_find(&w.a->owner, w.r)->nextents, 4);
	ck_assert_uint_eq(w.r->counters.allocs, 5);
	/* They are extents like others: some of one, and several at once. */
	ck_assert_int_eq(give(&w, w.b, 70, 1), REGION_E_NOT_OWNER);
	ck_assert_int_eq(give(&w, w.a, 71, 3), 0);
	ck_assert_int_eq(give(&w, w.a, 74, 56), 0);
	world_deinit(&w);
}
END_TEST

START_TEST(as_many_blocks_as_there_are)
{
	struct leased l;
	struct world w;

	/* Less than a block, and pages of the chunk that the limit cuts off. */
	world_init(&w, 40, 40, 0);
	ck_assert_int_eq(lease(&w, &w.a->owner, 3, &l), 0);
	assert_extents(&l, 1, (const uint64_t[][2]){{0, 40}});
	ck_assert(!w.r->wanted);
	ck_assert_int_eq(lease(&w, &w.a->owner, 3, &l), REGION_E_NO_SPACE);
	ck_assert_uint_eq(l.rr.asked, 1);
	ck_assert_uint_eq(w.r->counters.no_space, 1);
	ck_assert(w.r->wanted);
	world_deinit(&w);
}
END_TEST

/* By the step, and only where there is no page at all. */
START_TEST(a_region_grows_for_it)
{
	struct leased l;
	struct world w;

	world_init(&w, 4 * CHUNK, 0, CHUNK);
	ck_assert_int_eq(lease(&w, &w.a->owner, 2, &l), 0);
	assert_extents(&l, 1, (const uint64_t[][2]){{0, 128}});
	ck_assert_uint_eq(w.r->grown_npages, CHUNK);
	must_take(&w, w.b, CHUNK - 128 - 1);
	ck_assert_int_eq(lease(&w, &w.a->owner, 2, &l), 0);
	assert_extents(&l, 1, (const uint64_t[][2]){{CHUNK - 1, 1}});
	ck_assert_uint_eq(w.r->grown_npages, CHUNK);
	ck_assert_int_eq(lease(&w, &w.a->owner, 1, &l), 0);
	assert_extents(&l, 1, (const uint64_t[][2]){{CHUNK, 64}});
	ck_assert_uint_eq(w.r->grown_npages, 2 * CHUNK);
	world_deinit(&w);
}
END_TEST

START_TEST(what_is_reserved_or_drained_is_in_no_block)
{
	struct region_in_use in_use;
	struct region_refusal rr = {0};
	struct leased l;
	struct world w;

	world_init(&w, 2 * CHUNK, CHUNK, CHUNK);
	ck_assert_int_eq(region_reserve(w.r, BASE + 10 * PAGE, 5, false, &in_use, &rr), 0);
	ck_assert_int_eq(region_drain(w.r, BASE + 20 * PAGE, 5, false, &in_use, &rr), 0);
	ck_assert_int_eq(lease(&w, &w.a->owner, 1, &l), 0);
	assert_extents(&l, 3, (const uint64_t[][2]){{0, 10}, {15, 5}, {25, 39}});
	world_check(&w);
	/* All that it could grow by is reserved. */
	must_take(&w, w.b, CHUNK - 64);
	ck_assert_int_eq(region_reserve(w.r, BASE + CHUNK * PAGE, CHUNK, false, &in_use, &rr), 0);
	ck_assert_int_eq(lease(&w, &w.a->owner, 1, &l), REGION_E_NO_SPACE);
	world_deinit(&w);
}
END_TEST

/* As many blocks as it allows; and where that is none, nothing has happened. */
START_TEST(quotas_hold)
{
	struct region_config c = world_config(CHUNK, CHUNK, 0);
	struct leased l;
	struct world w;

	c.session_bytes = 150 * PAGE;
	c.session_extents = 3;
	world_init_with(&w, &c);
	ck_assert_int_eq(lease(&w, &w.a->owner, 8, &l), 0);
	assert_extents(&l, 1, (const uint64_t[][2]){{0, 128}});
	ck_assert_int_eq(lease(&w, &w.a->owner, 8, &l), REGION_E_QUOTA);
	ck_assert_str_eq(l.rr.field, "session_pages");
	ck_assert_uint_eq(l.rr.limit, 150);
	ck_assert_uint_eq(l.rr.used, 128);
	ck_assert_uint_eq(l.rr.asked, 64);
	ck_assert_uint_eq(region_free_npages(w.r), CHUNK - 128);
	world_check(&w);
	/* Where it was put back it is found. */
	ck_assert_uint_eq(must_take(&w, w.b, 1), 128);
	world_deinit(&w);
}
END_TEST

START_TEST(extents_are_counted_as_well)
{
	struct region_config c = world_config(CHUNK, CHUNK, 0);
	struct leased l;
	struct world w;

	c.session_extents = 2;
	world_init_with(&w, &c);
	must_take(&w, w.b, 128);
	must_take(&w, w.c, CHUNK - 128);
	for (uint64_t page = 0; page < 6; page += 2)
		ck_assert_int_eq(give(&w, w.b, page, 1), 0);
	ck_assert_int_eq(give(&w, w.b, 64, 1), 0);
	ck_assert_int_eq(lease(&w, &w.a->owner, 1, &l), REGION_E_QUOTA);
	ck_assert_str_eq(l.rr.field, "session_extents");
	ck_assert_uint_eq(l.rr.asked, 3);
	world_check(&w);
	ck_assert_uint_eq(must_take(&w, w.c, 1), 0);
	ck_assert_int_eq(lease(&w, &w.a->owner, 2, &l), 0);
	assert_extents(&l, 2, (const uint64_t[][2]){{2, 1}, {4, 1}});
	world_deinit(&w);
}
END_TEST

START_TEST(a_session_ends_with_what_it_has_leased)
{
	static const enum region_death deaths[] = {REGION_DEATH_FREE, REGION_DEATH_QUARANTINE,
						   REGION_DEATH_KEEP};
	struct region_config c = world_config(CHUNK, CHUNK, 0);
	struct leased l;
	struct world w;

	c.death = deaths[_i];
	c.quarantine_usec = 1000;
	world_init_with(&w, &c);
	ck_assert_int_eq(lease(&w, &w.a->owner, 3, &l), 0);
	ck_assert_int_eq(give(&w, w.a, 5, 1), 0);
	world_end(w.a);
	while (!regions_reclaim(&w.regions, 10, 0))
		;
	ck_assert_uint_eq(w.r->used_npages, _i == 0 ? 0 : 191);
	ck_assert_uint_eq(w.r->quarantined_npages, _i == 1 ? 191 : 0);
	ck_assert_uint_eq(w.r->detached_npages, _i == 2 ? 191 : 0);
	if (_i == 1) {
		regions_expire(&w.regions, 2000);
		while (!regions_reclaim(&w.regions, 10, 2000))
			;
		ck_assert_uint_eq(w.r->used_npages, 0);
	}
	world_deinit(&w);
}
END_TEST

/* Memory is seen to before they are anybody's; what was used is dirty, and nothing else. */
START_TEST(blocks_may_be_pending)
{
	struct region_refusal rr = {0};
	struct region_pending *q, *rest, *none;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.b, 100);
	ck_assert_int_eq(give(&w, w.b, 3, 2), 0);
	ck_assert_int_eq(give(&w, w.b, 50, 50), 0);
	ck_assert_int_eq(region_take_blocks(w.r, &w.a->owner, 2, &q, &rr), 0);
	ck_assert_uint_eq(q->n, 2);
	ck_assert_uint_eq(q->addr[0], BASE + 3 * PAGE);
	ck_assert_uint_eq(q->npages[0], 2);
	ck_assert_uint_eq(q->addr[1], BASE + 50 * PAGE);
	ck_assert_uint_eq(q->npages[1], 78);
	ck_assert_uint_eq(q->scavenged_npages, 28);
	ck_assert_uint_eq(q->ndirty, 2);
	ck_assert_uint_eq(q->dirty[1].page, 50);
	ck_assert_uint_eq(q->dirty[1].npages, 50);
	ck_assert_uint_eq(w.r->busy_npages, 80);
	ck_assert_uint_eq(holding_find(&w.a->owner, w.r)->nextents, 0);
	world_check(&w);
	ck_assert_int_eq(pending_finish(q, &w.a->owner, "", "", &rr), 0);
	ck_assert_uint_eq(holding_find(&w.a->owner, w.r)->npages, 80);
	/* Or given up. */
	ck_assert_int_eq(region_take_blocks(w.r, &w.a->owner, 1, &q, &rr), 0);
	ck_assert_int_eq(region_take_blocks(w.r, &w.c->owner, 32, &rest, &rr), 0);
	ck_assert_int_eq(region_take_blocks(w.r, &w.c->owner, 1, &none, &rr), REGION_E_BUSY);
	pending_give_back(q);
	pending_give_back(rest);
	ck_assert_uint_eq(w.r->busy_npages, 0);
	world_check(&w);
	backed_deinit(&w);
}
END_TEST

/* Whatever memory is missing, nothing is lost: all, or nothing, or fewer blocks. */
START_TEST(without_memory_there_are_fewer_or_none)
{
	struct region_refusal rr = {0};
	struct region_pending *q;
	struct world w;
	int err = -ENOMEM;

	for (int after = 0; err; after++) {
		backed_init(&w, CHUNK, CHUNK, 0);
		must_take(&w, w.b, CHUNK);
		for (uint64_t page = 0; page < CHUNK; page += 2)
			ck_assert_int_eq(give(&w, w.b, page, 1), 0);
		mem_fail_after(after);
		err = region_take_blocks(w.r, &w.a->owner, 4, &q, &rr);
		mem_fail_after(-1);
		ck_assert(err == -ENOMEM || err == 0);
		if (!err) {
			uint64_t npages = q->npages_total;

			/* What is to be cleared is taken, all of it and nothing else. */
			ck_assert_uint_eq(q->ndirty, q->n);
			ck_assert_uint_eq(npages % 32, 0);
			ck_assert_uint_eq(region_free_npages(w.r), CHUNK / 2 - npages);
			err = npages < 128;
			pending_give_back(q);
		}
		ck_assert_uint_eq(region_free_npages(w.r), CHUNK / 2);
		backed_deinit(&w);
	}
}
END_TEST

#define LIMIT 3000u
#define NSTEPS 40000

struct model {
	struct world w;
	struct random rnd;
	uint8_t owner[LIMIT]; /* 0: nobody; 1 to 3: a, b, c */
	bool hole[LIMIT];
	bool used[LIMIT]; /* was somebody's: has memory, as far as is known */
	struct session *s[4];
};

static bool is_free(const struct model *m, uint64_t page)
{
	return page < m->w.r->grown_npages && page < LIMIT && !m->owner[page] && !m->hole[page];
}

/* The pages that the next block must have. */
static uint32_t model_block(const struct model *m, uint64_t *ret_pages)
{
	uint64_t page = 0, end;
	uint32_t n = 0;

	while (page < LIMIT && !is_free(m, page))
		page++;
	end = (page / 64 + 1) * 64;
	for (page = page / 64 * 64; page < end; page++) {
		if (is_free(m, page))
			ret_pages[n++] = page;
	}
	return n;
}

static void step_lease(struct model *m)
{
	unsigned who = 1 + (unsigned)random_below(&m->rnd, 3);
	uint32_t nblocks = 1 + (uint32_t)random_below(&m->rnd, NBLOCKS_MAX);
	uint64_t pages[64], scavenged = 0, at = 0;
	struct leased l;
	uint32_t i = 0;
	int err = lease(&m->w, &m->s[who]->owner, nblocks, &l);

	if (err) {
		/* It has grown as far as it can, too. */
		ck_assert_int_eq(err, REGION_E_NO_SPACE);
		ck_assert_uint_eq(m->w.r->grown_npages, LIMIT);
		ck_assert_uint_eq(model_block(m, pages), 0);
		return;
	}
	while (nblocks--) {
		uint32_t n = model_block(m, pages);

		for (uint32_t k = 0; k < n; k++) {
			if (at == l.npages[i]) {
				at = 0;
				i++;
			}
			ck_assert_uint_lt(i, l.n);
			ck_assert_uint_eq(l.page[i] + at++, pages[k]);
			scavenged += !m->used[pages[k]];
			m->owner[pages[k]] = (uint8_t)who;
			m->used[pages[k]] = true;
		}
	}
	ck_assert_uint_eq(i, l.n - 1);
	ck_assert_uint_eq(at, l.npages[i]);
	ck_assert_uint_eq(scavenged, l.scavenged);
}

static void step_alloc(struct model *m)
{
	unsigned who = 1 + (unsigned)random_below(&m->rnd, 3);
	uint64_t npages = 1 + random_below(&m->rnd, 100), page;
	int err;

	page = take(&m->w, &m->s[who]->owner, npages, &err);
	for (uint64_t p = page; !err && p < page + npages; p++) {
		ck_assert(is_free(m, p));
		m->owner[p] = (uint8_t)who;
		m->used[p] = true;
	}
}

static void step_free(struct model *m)
{
	uint64_t page = random_below(&m->rnd, LIMIT), n = 0;
	unsigned who = m->owner[page];

	while (who && page + n < LIMIT && m->owner[page + n] == who &&
	       n < 1 + random_below(&m->rnd, 80))
		n++;
	if (!n)
		return;
	ck_assert_int_eq(give(&m->w, m->s[who], page, n), 0);
	memset(m->owner + page, 0, n);
}

START_TEST(blocks_are_what_an_array_says)
{
	struct region_config c = world_config(LIMIT, CHUNK, CHUNK);
	struct model *m = calloc(1, sizeof(*m));

	ck_assert_ptr_nonnull(m);
	random_init(&m->rnd, "blocks_are_what_an_array_says");
	/* The index of runs hears of blocks, or there is none. */
	c.best_fit = _i;
	c.holes[0] = (struct region_hole){BASE + 700 * PAGE, 77 * PAGE};
	c.nholes = 1;
	memset(m->hole + 700, true, 77);
	world_init_with(&m->w, &c);
	m->s[1] = m->w.a;
	m->s[2] = m->w.b;
	m->s[3] = m->w.c;
	for (int step = 0; step < NSTEPS; step++) {
		uint64_t what = random_below(&m->rnd, 100);

		if (what < 10)
			step_lease(m);
		else if (what < 25)
			step_alloc(m);
		else
			step_free(m);
		if (step % 200 == 0)
			world_check(&m->w);
	}
	ck_assert_uint_gt(m->w.r->counters.no_space, 0);
	world_deinit(&m->w);
	free(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lease");
	TCase *tc = tcase_create("lease");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_free_pages_of_the_first_block_that_has_any);
	tcase_add_test(tc, as_many_blocks_as_there_are);
	tcase_add_test(tc, a_region_grows_for_it);
	tcase_add_test(tc, what_is_reserved_or_drained_is_in_no_block);
	tcase_add_test(tc, quotas_hold);
	tcase_add_test(tc, extents_are_counted_as_well);
	tcase_add_loop_test(tc, a_session_ends_with_what_it_has_leased, 0, 3);
	tcase_add_test(tc, blocks_may_be_pending);
	tcase_add_test(tc, without_memory_there_are_fewer_or_none);
	tcase_add_loop_test(tc, blocks_are_what_an_array_says, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
