/*
 * test_place - placements in addresses: what they come to, what is refused, what growing has to do with them
 *
 * Role:       unit tests of region_place.c. That the place is the right one of all is shown in tests/model.
 * Uses:       region/, tests/unit/region/world.h
 */
#include "tests/unit/region/world.h"

#include "base/macros.h"
#include "tests/unit/random.h"

/* Pages of the region as addresses. */
#define AT(page) (BASE + (page)*PAGE)

static int place(struct world *w, uint64_t npages, const struct region_placement *p,
		 uint64_t *ret_page, struct region_refusal *rr)
{
	uint64_t addr = 0, scavenged;
	int err;

	*rr = (struct region_refusal){0};
	err = region_alloc(w->r, &w->a->owner, &npages, 1, p, &addr, &scavenged, rr);
	*ret_page = err ? UINT64_MAX : (addr - BASE) / PAGE;
	return err;
}

/* BASE is page 256 of the address space. The region has 1024 pages of 4096 grown; 100 to 199 are held. */
static const struct good_case {
	const char *name;
	uint64_t npages;
	struct region_placement p;
	uint64_t page;
} good[] = {
	{"anywhere", 5, {0}, 0},
	{"aligned", 50, {.align_npages = 128}, 0},
	{"aligned, above what is held", 101, {.align_npages = 128}, 256},
	{"aligned beyond the base", 5, {.align_npages = 512}, 256},
	{"from the top", 5, {.strategy = PAGEALLOC_LAST}, 1019},
	{"from the top, aligned", 5, {.strategy = PAGEALLOC_LAST, .align_npages = 16}, 1008},
	{"lowest", 5, {.lowest_addr = AT(10)}, 10},
	{"lowest, within a page", 5, {.lowest_addr = AT(10) + 1}, 11},
	{"lowest, in what is held", 5, {.lowest_addr = AT(150)}, 200},
	{"limit, from the top", 5, {.limit_addr = AT(60) + 4095, .strategy = PAGEALLOC_LAST}, 55},
	{"between bounds", 5, {.lowest_addr = AT(300), .limit_addr = AT(305)}, 300},
	{"boundary", 60, {.lowest_addr = AT(30), .boundary_npages = 64}, 320 - 256 + 128 + 64},
	{"fixed", 5, {.rule = REGION_FIXED, .addr = AT(77)}, 77},
	{"hint", 5, {.rule = REGION_HINT, .addr = AT(77)}, 77},
	{"hint that is taken", 5, {.rule = REGION_HINT, .addr = AT(98)}, 0},
	{"hint against the alignment",
	 5,
	 {.rule = REGION_HINT, .addr = AT(77), .align_npages = 4},
	 0},
	{"hint that is not grown", 5, {.rule = REGION_HINT, .addr = AT(3000)}, 0},
};

START_TEST(good_placements)
{
	const struct good_case *g = &good[_i];
	struct region_refusal rr;
	struct region_why why;
	struct world w;
	uint64_t page;

	world_init(&w, 4096, 1024, 0);
	must_take(&w, w.a, 100);
	must_take(&w, w.a, 100);
	ck_assert_int_eq(give(&w, w.a, 0, 100), 0);
	/* Why says the same as alloc does, before it. */
	ck_assert_int_eq(region_why(w.r, g->npages, &g->p, &why, &rr), 0);
	ck_assert_msg(why.fits && why.addr == AT(g->page), "%s: why: wanted page %lu, got %lu",
		      g->name, g->page, (why.addr - BASE) / PAGE);
	ck_assert_int_eq(place(&w, g->npages, &g->p, &page, &rr), 0);
	ck_assert_msg(page == g->page, "%s: wanted page %lu, got %lu", g->name, g->page, page);
	world_deinit(&w);
}
END_TEST

static const struct bad_case {
	const char *name;
	uint64_t npages;
	struct region_placement p;
	int err;
	const char *field; /* PLACEMENT */
} bad[] = {
	{"alignment", 1, {.align_npages = 3}, REGION_E_PLACEMENT, "align_npages"},
	{"boundary", 1, {.boundary_npages = 12}, REGION_E_PLACEMENT, "boundary_npages"},
	{"boundary too near", 9, {.boundary_npages = 8}, REGION_E_PLACEMENT, "boundary_npages"},
	{"lowest below", 1, {.lowest_addr = BASE - 1}, REGION_E_PLACEMENT, "lowest_addr"},
	{"lowest above", 1, {.lowest_addr = AT(4096)}, REGION_E_PLACEMENT, "lowest_addr"},
	{"limit below", 1, {.limit_addr = BASE}, REGION_E_PLACEMENT, "limit_addr"},
	{"limit above", 1, {.limit_addr = AT(4096) + 1}, REGION_E_PLACEMENT, "limit_addr"},
	{"limit at the end", 1, {.limit_addr = UINT64_MAX}, REGION_E_PLACEMENT, "limit_addr"},
	{"bounds the wrong way",
	 1,
	 {.lowest_addr = AT(9), .limit_addr = AT(9)},
	 REGION_E_PLACEMENT,
	 "limit_addr"},
	{"less than a page", 1, {.limit_addr = BASE + 1}, REGION_E_PLACEMENT, "limit_addr"},
	{"fixed against the alignment",
	 1,
	 {.rule = REGION_FIXED, .addr = AT(3), .align_npages = 2},
	 REGION_E_PLACEMENT,
	 "addr"},
	{"fixed against the boundary",
	 4,
	 {.rule = REGION_FIXED, .addr = AT(6), .boundary_npages = 8},
	 REGION_E_PLACEMENT,
	 "addr"},
	{"fixed against the bounds",
	 1,
	 {.rule = REGION_FIXED, .addr = AT(3), .lowest_addr = AT(4)},
	 REGION_E_PLACEMENT,
	 "addr"},
	{"fixed within a page",
	 1,
	 {.rule = REGION_FIXED, .addr = AT(3) + 1},
	 REGION_E_UNALIGNED,
	 NULL},
	{"hint within a page",
	 1,
	 {.rule = REGION_HINT, .addr = AT(3) + 1},
	 REGION_E_UNALIGNED,
	 NULL},
	{"fixed below",
	 1,
	 {.rule = REGION_FIXED, .addr = BASE - PAGE},
	 REGION_E_OUT_OF_REGION,
	 NULL},
	{"fixed above", 2, {.rule = REGION_FIXED, .addr = AT(4095)}, REGION_E_OUT_OF_REGION, NULL},
	{"fixed on what is held",
	 5,
	 {.rule = REGION_FIXED, .addr = AT(98)},
	 REGION_E_NOT_FREE,
	 NULL},
	{"fixed beyond what is grown",
	 5,
	 {.rule = REGION_FIXED, .addr = AT(1022)},
	 REGION_E_NOT_FREE,
	 NULL},
	{"no room between the bounds",
	 5,
	 {.lowest_addr = AT(98), .limit_addr = AT(204)},
	 REGION_E_NO_SPACE,
	 NULL},
	{"none", 0, {.align_npages = 2}, REGION_E_EMPTY, NULL},
	{"absurd", UINT64_MAX, {.align_npages = 2}, REGION_E_LIMIT, NULL},
};

START_TEST(bad_placements)
{
	const struct bad_case *b = &bad[_i];
	struct region_refusal rr;
	struct world w;
	uint64_t page;
	int err;

	world_init(&w, 4096, 1024, 0);
	must_take(&w, w.a, 100);
	must_take(&w, w.a, 100);
	ck_assert_int_eq(give(&w, w.a, 0, 100), 0);
	err = place(&w, b->npages, &b->p, &page, &rr);
	ck_assert_msg(err == b->err, "%s: wanted %d, got %d", b->name, b->err, err);
	if (b->field) {
		ck_assert_str_eq(rr.field, b->field);
		ck_assert_ptr_nonnull(rr.why);
	}
	ck_assert_uint_eq(w.r->used_npages, 100);
	world_deinit(&w);
}
END_TEST

START_TEST(no_space_says_what_the_placement_allows)
{
	static const struct region_placement p = {.align_npages = 64};
	struct region_refusal rr;
	struct region_why why;
	struct world w;
	uint64_t page;

	world_init(&w, 2048, 1024, 0);
	must_take(&w, w.a, 70);
	must_take(&w, w.a, 600);
	ck_assert_int_eq(give(&w, w.a, 0, 70), 0);
	ck_assert_int_eq(place(&w, 330, &p, &page, &rr), REGION_E_NO_SPACE);
	ck_assert_uint_eq(rr.asked, 330);
	ck_assert_uint_eq(rr.largest_npages, 354);
	ck_assert_uint_eq(rr.placed_npages, 1024 - 704);
	ck_assert_int_eq(region_why(w.r, 330, &p, &why, &rr), 0);
	ck_assert(!why.fits);
	ck_assert_uint_eq(why.placed_npages, 1024 - 704);
	world_deinit(&w);
}
END_TEST

/* Grown by what the placement needs, and not at all where that is in vain. */
START_TEST(auto_grow_knows_the_placement)
{
	static const struct region_placement aligned = {.align_npages = 1024},
					     low = {.limit_addr = AT(512)},
					     fixed = {.rule = REGION_FIXED, .addr = AT(3000)};
	struct region_refusal rr;
	struct region_why why;
	struct world w;
	uint64_t page;

	world_init(&w, 4096, 512, 512);
	must_take(&w, w.a, 500);
	ck_assert_int_eq(place(&w, 100, &low, &page, &rr), REGION_E_NO_SPACE);
	ck_assert_uint_eq(w.r->grown_npages, 512);
	ck_assert_int_eq(region_why(w.r, 100, &aligned, &why, &rr), 0);
	ck_assert(why.fits);
	ck_assert_uint_eq(why.addr, AT(768));
	ck_assert_uint_eq(why.grow_npages, 512);
	ck_assert_uint_eq(w.r->grown_npages, 512);
	ck_assert_int_eq(place(&w, 100, &aligned, &page, &rr), 0);
	ck_assert_uint_eq(page, 768);
	ck_assert_uint_eq(w.r->grown_npages, 1024);
	ck_assert_int_eq(region_why(w.r, 10, &fixed, &why, &rr), 0);
	ck_assert_uint_eq(why.grow_npages, 3072 - 1024);
	ck_assert_int_eq(place(&w, 10, &fixed, &page, &rr), 0);
	ck_assert_uint_eq(page, 3000);
	ck_assert_uint_eq(w.r->grown_npages, 3072);
	ck_assert_int_eq(place(&w, 10, &fixed, &page, &rr), REGION_E_NOT_FREE);
	ck_assert_uint_eq(rr.addr, AT(3000));
	world_deinit(&w);
}
END_TEST

/* The highest place is that in what has grown by then, and Why knows it before. */
START_TEST(why_sees_what_growing_brings)
{
	static const struct region_placement last = {.strategy = PAGEALLOC_LAST},
					     hint = {.rule = REGION_HINT, .addr = AT(700)};
	struct region_refusal rr;
	struct region_why why;
	struct world w;
	uint64_t page;

	world_init(&w, 4096, 512, 1024);
	must_take(&w, w.a, 510);
	ck_assert_int_eq(region_why(w.r, 5, &last, &why, &rr), 0);
	ck_assert_uint_eq(why.grow_npages, 1024);
	ck_assert_int_eq(place(&w, 5, &last, &page, &rr), 0);
	ck_assert_uint_eq(page, 1531);
	ck_assert_uint_eq(why.addr, AT(page));
	ck_assert_uint_eq(w.r->grown_npages, 1536);
	ck_assert_int_eq(region_why(w.r, 1200, &hint, &why, &rr), 0);
	ck_assert_int_eq(place(&w, 1200, &hint, &page, &rr), 0);
	ck_assert_uint_eq(why.addr, AT(page));
	world_deinit(&w);
}
END_TEST

static struct region_placement some_placement(struct random *state, uint64_t limit)
{
	struct region_placement p = {0};

	if (random_below(state, 2))
		p.align_npages = UINT64_C(1) << random_below(state, 10);
	if (random_below(state, 3) == 0)
		p.boundary_npages = UINT64_C(1) << random_below(state, 10);
	if (random_below(state, 3) == 0)
		p.lowest_addr = BASE + random_below(state, limit * PAGE);
	if (random_below(state, 3) == 0)
		p.limit_addr = BASE + random_below(state, limit * PAGE);
	p.rule = (enum region_rule)random_below(state, 3);
	p.addr = AT(random_below(state, limit));
	p.strategy = (enum pagealloc_strategy)random_below(state, 3);
	return p;
}

/* The administrator was here: something is held back, or let go; address space came, or went. */
static void change_something(struct world *w, struct random *state, uint64_t limit)
{
	uint64_t first = random_below(state, limit), npages = 1 + random_below(state, 300), addr, n;
	struct region_in_use use;
	struct region_refusal rr = {0};
	bool undo = random_below(state, 2);
	int err;

	if (npages > limit - first)
		npages = limit - first;
	switch (random_below(state, 4)) {
	case 0:
		err = region_reserve(w->r, AT(first), npages, undo, &use, &rr);
		break;
	case 1:
		err = region_drain(w->r, AT(first), npages, undo, &use, &rr);
		break;
	case 2:
		err = region_shrink(w->r, AT(first), 4 * npages, &addr, &n, &use, &rr);
		break;
	default:
		err = region_grow(w->r, AT(first / 512 * 512), npages, &addr, &n, &rr);
	}
	ck_assert_msg(err >= 0 && err != REGION_E_FAULTED, "outcome %d: %s", err, w->r->fault);
}

/* Whatever is asked for: Why says what alloc then does, growth included, and no request closes the region. */
START_TEST(why_and_alloc_agree_at_random)
{
	const uint64_t limit = 5000; /* no multiple of a chunk */
	uint64_t grown, page;
	struct random state;
	struct region_refusal rr, why_rr;
	struct region_why why;
	struct world w;
	int err, why_err;

	random_init(&state, "why_and_alloc_agree_at_random");
	world_init(&w, limit, 512, 700);
	for (int i = 0; i < 20000; i++) {
		struct region_placement p = some_placement(&state, limit);
		uint64_t npages = 1 + random_below(&state, random_below(&state, 8) ? 40 : limit);

		if (i % 2000 == 0) {
			world_deinit(&w);
			world_init(&w, limit, 512, 700);
		}
		if (random_below(&state, 10) == 0)
			change_something(&w, &state, limit);
		why_rr = (struct region_refusal){0};
		why_err = region_why(w.r, npages, &p, &why, &why_rr);
		grown = w.r->grown_npages;
		err = place(&w, npages, &p, &page, &rr);
		ck_assert_msg(!w.r->faulted, "step %d: %s", i, w.r->fault);
		if (why_err) {
			ck_assert_int_eq(err, why_err);
		} else if (why.fits) {
			ck_assert_msg(err == 0 && AT(page) == why.addr,
				      "step %d: outcome %d, page %lu, why %lu", i, err, page,
				      (why.addr - BASE) / PAGE);
			ck_assert_uint_eq(w.r->grown_npages, grown + why.grow_npages);
		} else {
			ck_assert_int_eq(err, p.rule == REGION_FIXED ? REGION_E_NOT_FREE
								     : REGION_E_NO_SPACE);
			ck_assert_uint_eq(w.r->grown_npages, grown);
		}
		if (!err && random_below(&state, 2))
			ck_assert_int_eq(give(&w, w.a, page, npages), 0);
		if (i % 500 == 0)
			world_check(&w);
	}
	world_deinit(&w);
}
END_TEST

START_TEST(a_batch_obeys_or_nothing_is_taken)
{
	static const struct region_placement p = {.align_npages = 256,
						  .lowest_addr = AT(256),
						  .limit_addr = AT(1024)},
					     fixed = {.rule = REGION_FIXED, .addr = AT(8)};
	const uint64_t npages[] = {3, 4, 5, 6};
	struct pagealloc_walk walk = {.budget = 100};
	uint64_t addr[4], scavenged, n = 0;
	struct region_refusal rr = {0};
	struct world w;
	bool done;

	world_init(&w, 2048, 2048, 0);
	ck_assert_int_eq(region_alloc(w.r, &w.a->owner, npages, 4, &p, addr, &scavenged, &rr),
			 REGION_E_NO_SPACE);
	ck_assert_uint_eq(rr.index, 3);
	ck_assert_uint_eq(w.r->used_npages, 0);
	ck_assert_int_eq(region_fit(w.r, 4, &p, &walk, &n, &done, &rr), 0);
	ck_assert(done);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(region_alloc(w.r, &w.a->owner, npages, 3, &p, addr, &scavenged, &rr), 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(addr[i], AT(256 * (i + 1)));
	ck_assert_int_eq(region_alloc(w.r, &w.a->owner, npages, 2, &fixed, addr, &scavenged, &rr),
			 REGION_E_PLACEMENT);
	ck_assert_str_eq(rr.field, "addr");
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("place");
	TCase *tc = tcase_create("place");
	SRunner *runner;
	int nfailed;

	tcase_add_loop_test(tc, good_placements, 0, (int)ARRAY_SIZE(good));
	tcase_add_loop_test(tc, bad_placements, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, no_space_says_what_the_placement_allows);
	tcase_add_test(tc, auto_grow_knows_the_placement);
	tcase_add_test(tc, why_sees_what_growing_brings);
	tcase_add_test(tc, why_and_alloc_agree_at_random);
	tcase_add_test(tc, a_batch_obeys_or_nothing_is_taken);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? 1 : 0;
}
