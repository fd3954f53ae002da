/*
 * test_pending - an Alloc in two steps, and what others see of it in between
 *
 * Role:       each story takes pages, lets something happen, and finishes or gives up.
 * Uses:       region/, check
 */
#include <errno.h>

#include "backed.h"
#include "base/mem.h"
#include "tests/unit/suite.h"

#define CHUNK PAGEALLOC_CHUNK_NPAGES

START_TEST(taken_pages_are_nobodys_and_not_to_be_had)
{
	struct region_pending *q;
	struct world w;
	int err;

	backed_init(&w, CHUNK, CHUNK, 0);
	q = must_pend(&w, w.a, 10);
	ck_assert_uint_eq(q->addr[0], BASE);
	ck_assert_uint_eq(q->npages_total, 10);
	ck_assert_uint_eq(w.r->busy_npages, 10);
	ck_assert_uint_eq(w.r->used_npages, 0);
	ck_assert_uint_eq(w.r->counters.allocs, 0);
	ck_assert_uint_eq(region_held_npages(w.r), 0);
	ck_assert_uint_eq(region_free_npages(w.r), CHUNK - 10);
	ck_assert_int_eq(give(&w, w.a, 0, 10), REGION_E_NOT_ALLOCATED);
	ck_assert_uint_eq(must_take(&w, w.b, 1), 10);
	ck_assert_int_eq(finish(&w, q, w.a), 0);
	ck_assert_uint_eq(w.r->busy_npages, 0);
	ck_assert_uint_eq(w.r->used_npages, 11);
	ck_assert_uint_eq(w.r->counters.allocs, 2);
	ck_assert_int_eq(give(&w, w.a, 0, 10), 0);
	give_up(&w, must_pend(&w, w.a, 10));
	ck_assert_uint_eq(take(&w, &w.b->owner, 10, &err), 0);
	backed_deinit(&w);
}
END_TEST

START_TEST(only_what_was_used_is_dirty)
{
	struct region_pending *q;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.a, 30);
	ck_assert_int_eq(give(&w, w.a, 5, 5), 0);
	ck_assert_int_eq(give(&w, w.a, 20, 10), 0);
	/* The first entry fills the hole, the second begins with ten pages that were used. */
	ck_assert_int_eq(pend_many(&w, w.b, 5, 1, NULL, &q), 0);
	ck_assert_uint_eq(q->ndirty, 1);
	ck_assert_uint_eq(q->dirty[0].page, 5);
	ck_assert_uint_eq(q->dirty[0].npages, 5);
	ck_assert_uint_eq(q->scavenged_npages, 0);
	give_up(&w, q);
	ck_assert_int_eq(pend_many(&w, w.b, 25, 2, NULL, &q), 0);
	ck_assert_uint_eq(q->nruns, 1);
	ck_assert_uint_eq(q->runs[0].page, 20);
	ck_assert_uint_eq(q->runs[0].npages, 50);
	ck_assert_uint_eq(q->ndirty, 1);
	ck_assert_uint_eq(q->dirty[0].page, 20);
	ck_assert_uint_eq(q->dirty[0].npages, 10);
	ck_assert_uint_eq(q->dirty_npages, 10);
	ck_assert_uint_eq(q->scavenged_npages, 40);
	give_up(&w, q);
	backed_deinit(&w);
}
END_TEST

START_TEST(runs_are_in_order_of_address_whatever_the_request)
{
	struct region_placement high = {.strategy = PAGEALLOC_LAST, .align_npages = 8};
	struct region_pending *q;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	ck_assert_int_eq(pend_many(&w, w.a, 4, 8, &high, &q), 0);
	ck_assert_uint_eq(q->nruns, 8);
	for (uint32_t i = 1; i < 8; i++) {
		ck_assert_uint_lt(q->addr[i], q->addr[i - 1]);
		ck_assert_uint_gt(q->runs[i].page, q->runs[i - 1].page);
	}
	give_up(&w, q);
	backed_deinit(&w);
}
END_TEST

/* Every second page of @npages has memory behind it. */
static void init_striped(struct world *w, uint64_t npages)
{
	struct region_config c = world_config(npages, npages, 0);

	c.backing = backed_new(npages, BACKING_FILE);
	for (uint64_t i = 1; i < npages; i += 2)
		c.backing->data[i] = true;
	world_init_with(w, &c);
}

START_TEST(dirty_runs_beyond_the_limit_become_one_of_the_entrys_own_pages)
{
	struct region_pending *q;
	struct world w;
	uint64_t at = 0, npages = 8 * CHUNK;

	init_striped(&w, npages);
	ck_assert_int_eq(pend_many(&w, w.a, npages / 2, 2, NULL, &q), 0);
	ck_assert_uint_le(q->ndirty, REGION_RUNS_MAX + 2);
	ck_assert_uint_ge(q->ndirty, REGION_RUNS_MAX);
	ck_assert_uint_eq(q->dirty_npages, npages / 2);
	ck_assert_uint_eq(q->scavenged_npages, npages / 2);
	for (uint32_t i = 0; i < q->ndirty; i++) {
		uint64_t end = q->dirty[i].page + q->dirty[i].npages;

		/* Between two runs lies nothing dirty. */
		for (; at < q->dirty[i].page; at++)
			ck_assert(!w.r->backing->data[at]);
		ck_assert_uint_eq(q->dirty[i].page >= npages / 2, end > npages / 2);
		at = end;
	}
	ck_assert_uint_eq(at, npages);
	give_up(&w, q);
	backed_deinit(&w);
}
END_TEST

START_TEST(quotas_are_asked_again_at_the_end)
{
	struct region_config c = world_config(CHUNK, CHUNK, 0);
	struct region_refusal rr = {0};
	struct region_pending *q, *more;
	struct world w;
	int err;

	c.session_bytes = 15 * PAGE;
	c.backing = backed_new(CHUNK, BACKING_FILE);
	world_init_with(&w, &c);
	pend(&w, w.a, 16, &err);
	ck_assert_int_eq(err, REGION_E_QUOTA);
	q = must_pend(&w, w.a, 10);
	more = must_pend(&w, w.a, 10);
	ck_assert_int_eq(finish(&w, q, w.a), 0);
	ck_assert_int_eq(pending_finish(more, &w.a->owner, "", "", &rr), REGION_E_QUOTA);
	ck_assert_str_eq(rr.field, "session_pages");
	ck_assert_uint_eq(w.r->busy_npages, 10);
	ck_assert_int_eq(finish(&w, more, w.b), 0);
	backed_deinit(&w);
}
END_TEST

START_TEST(names_and_labels_come_with_the_end)
{
	struct region_refusal rr = {0};
	struct region_pending *q, *other;
	struct region_view v;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	q = must_pend(&w, w.a, 10);
	other = must_pend(&w, w.a, 1);
	ck_assert_int_eq(pending_finish(q, &w.a->owner, "frames", "first", &rr), 0);
	ck_assert_int_eq(pending_finish(other, &w.a->owner, "frames", "", &rr),
			 REGION_E_NAME_TAKEN);
	ck_assert_uint_eq(rr.addr, BASE);
	give_up(&w, other);
	ck_assert_int_eq(region_lookup(w.r, "frames", &v), 0);
	ck_assert_str_eq(v.label, "first");
	ck_assert_int_eq(pend_many(&w, w.b, 3, 3, NULL, &q), 0);
	ck_assert_int_eq(pending_finish(q, &w.b->owner, "", "each", &rr), 0);
	for (uint64_t page = 10; page < 19; page += 3) {
		ck_assert_int_eq(region_view(w.r, BASE + page * PAGE, &v), 0);
		ck_assert_str_eq(v.label, "each");
		ck_assert_str_eq(v.name, "");
	}
	backed_deinit(&w);
}
END_TEST

START_TEST(a_session_may_end_while_something_of_its_is_pending)
{
	struct region_pending *q;
	struct region_view v;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.a, 3);
	q = must_pend(&w, w.a, 10);
	world_end(w.a);
	while (!regions_reclaim(&w.regions, 1, 0))
		;
	world_check(&w);
	ck_assert_uint_eq(w.r->busy_npages, 10);
	w.a = world_session(&w, 1000);
	ck_assert_int_eq(finish(&w, q, w.c), 0);
	ck_assert_int_eq(region_view(w.r, BASE + 3 * PAGE, &v), 0);
	ck_assert_uint_eq(v.session, w.c->id);
	q = must_pend(&w, w.a, 10);
	world_end(w.a);
	while (!regions_reclaim(&w.regions, 1, 0))
		;
	give_up(&w, q);
	ck_assert_uint_eq(region_free_npages(w.r), CHUNK - 10);
	backed_deinit(&w);
}
END_TEST

START_TEST(scattered_pages_are_taken_together)
{
	struct region_refusal rr = {0};
	struct region_pending *q;
	uint64_t npages = 12;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.b, CHUNK);
	ck_assert_int_eq(give(&w, w.b, 10, 4), 0);
	ck_assert_int_eq(give(&w, w.b, 40, 8), 0);
	ck_assert_int_eq(region_take(w.r, &w.a->owner, &npages, 1, 1, NULL, &q, &rr),
			 REGION_E_NO_SPACE);
	ck_assert_int_eq(region_take(w.r, &w.a->owner, &npages, 1, 5, NULL, &q, &rr), 0);
	world_check(&w);
	ck_assert_uint_eq(q->n, 2);
	ck_assert_uint_eq(q->addr[0], BASE + 40 * PAGE);
	ck_assert_uint_eq(q->runs[0].page, 10);
	ck_assert_uint_eq(q->dirty_npages, 12);
	npages = 1;
	ck_assert_int_eq(region_take(w.r, &w.a->owner, &npages, 1, 5, NULL,
				     &(struct region_pending *){0}, &rr),
			 REGION_E_BUSY);
	ck_assert_int_eq(finish(&w, q, w.a), 0);
	backed_deinit(&w);
}
END_TEST

/* Grow @s's extent at @page to @npages, in two steps. */
static int beside(struct world *w, struct session *s, uint64_t page, uint64_t npages,
		  enum region_edge edge, struct region_pending **ret)
{
	struct region_refusal rr = {0};
	int err = region_take_beside(w->r, s, BASE + page * PAGE, npages, edge, ret, &rr);

	world_check(w);
	return err;
}

static int finish_beside(struct world *w, struct region_pending *q, struct session *s,
			 uint64_t page, uint64_t npages, enum region_edge edge, uint64_t *ret_page)
{
	struct region_refusal rr = {0};
	uint64_t addr = 0;
	int err = pending_finish_beside(q, s, BASE + page * PAGE, npages, edge, &addr, &rr);

	world_check(w);
	*ret_page = (addr - BASE) / PAGE;
	return err;
}

START_TEST(an_extent_grows_in_two_steps)
{
	struct region_pending *q;
	struct world w;
	uint64_t page;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.b, 20);
	must_take(&w, w.a, 10);
	ck_assert_int_eq(give(&w, w.b, 0, 20), 0);
	ck_assert_int_eq(beside(&w, w.a, 20, 15, REGION_UPPER, &q), 0);
	ck_assert_uint_eq(q->runs[0].page, 30);
	ck_assert_uint_eq(q->dirty_npages, 0);
	ck_assert_int_eq(finish_beside(&w, q, w.a, 20, 15, REGION_UPPER, &page), 0);
	ck_assert_uint_eq(page, 20);
	ck_assert_int_eq(beside(&w, w.a, 20, 20, REGION_LOWER, &q), 0);
	ck_assert_uint_eq(q->runs[0].page, 15);
	ck_assert_uint_eq(q->dirty_npages, 5);
	ck_assert_int_eq(finish_beside(&w, q, w.a, 20, 20, REGION_LOWER, &page), 0);
	ck_assert_uint_eq(page, 15);
	ck_assert_int_eq(give(&w, w.a, 15, 20), 0);
	ck_assert_uint_eq(w.r->used_npages, 0);
	backed_deinit(&w);
}
END_TEST

START_TEST(growing_beside_meets_what_resizing_meets)
{
	struct region_pending *q, *busy;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.a, 10);
	busy = must_pend(&w, w.b, 5);
	ck_assert_int_eq(beside(&w, w.b, 100, 15, REGION_UPPER, &q), REGION_E_NOT_ALLOCATED);
	ck_assert_int_eq(beside(&w, w.c, 0, 15, REGION_UPPER, &q), REGION_E_NOT_OWNER);
	ck_assert_int_eq(beside(&w, w.a, 0, 0, REGION_UPPER, &q), REGION_E_EMPTY);
	ck_assert_int_eq(beside(&w, w.a, 0, 15, REGION_UPPER, &q), REGION_E_BUSY);
	must_take(&w, w.b, 1);
	ck_assert_int_eq(beside(&w, w.a, 0, 16, REGION_UPPER, &q), REGION_E_NOT_FREE);
	/* What would not grow takes nothing. */
	ck_assert_int_eq(beside(&w, w.a, 0, 10, REGION_UPPER, &q), 0);
	ck_assert_ptr_null(q);
	ck_assert_int_eq(beside(&w, w.a, 0, 4, REGION_UPPER, &q), 0);
	ck_assert_ptr_null(q);
	give_up(&w, busy);
	backed_deinit(&w);
}
END_TEST

START_TEST(an_extent_that_has_changed_since_does_not_grow)
{
	struct region_pending *q;
	struct world w;
	uint64_t page;

	backed_init(&w, CHUNK, CHUNK, 0);
	must_take(&w, w.a, 10);
	ck_assert_int_eq(beside(&w, w.a, 0, 15, REGION_UPPER, &q), 0);
	ck_assert_int_eq(give(&w, w.a, 8, 2), 0);
	ck_assert_int_eq(finish_beside(&w, q, w.a, 0, 15, REGION_UPPER, &page), REGION_E_BUSY);
	ck_assert_int_eq(give(&w, w.a, 0, 8), 0);
	ck_assert_int_eq(finish_beside(&w, q, w.a, 0, 15, REGION_UPPER, &page),
			 REGION_E_NOT_ALLOCATED);
	give_up(&w, q);
	ck_assert_uint_eq(region_free_npages(w.r), CHUNK);
	backed_deinit(&w);
}
END_TEST

START_TEST(a_closed_region_lets_go_of_what_is_pending)
{
	struct region_refusal rr = {0};
	struct region_pending *q;
	struct backing *b;
	struct world w;
	int err;

	backed_init(&w, CHUNK, CHUNK, 0);
	b = w.r->backing;
	q = must_pend(&w, w.a, 10);
	region_fault(w.r, "a test wants it so");
	ck_assert_int_eq(pending_finish(q, &w.a->owner, "", "", &rr), REGION_E_FAULTED);
	pending_give_back(q);
	q = NULL;
	err = region_take(w.r, &w.a->owner, &(uint64_t){1}, 1, 0, NULL, &q, &rr);
	ck_assert_int_eq(err, REGION_E_FAULTED);
	regions_deinit(&w.regions);
	backed_free(b);
}
END_TEST

START_TEST(what_is_pending_may_outlive_its_region)
{
	struct region_pending *q;
	struct backing *b;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	b = w.r->backing;
	q = must_pend(&w, w.a, 10);
	regions_deinit(&w.regions);
	pending_give_back(q);
	pending_give_back(NULL);
	backed_free(b);
}
END_TEST

START_TEST(without_memory_nothing_is_pending)
{
	struct region_refusal rr = {0};
	struct region_pending *q = NULL;
	struct world w;
	uint64_t nfree;
	int err = -ENOMEM;

	init_striped(&w, 2 * CHUNK);
	nfree = region_free_npages(w.r);
	for (long n = 0; err == -ENOMEM; n++) {
		mem_fail_after(n);
		err = region_take(w.r, &w.c->owner, (uint64_t[]){100, 50}, 2, 0, NULL, &q, &rr);
		mem_fail_after(-1);
		world_check(&w);
		ck_assert_uint_eq(region_free_npages(w.r), err ? nfree : nfree - 150);
		ck_assert_int_lt(n, 40);
	}
	ck_assert_int_eq(err, 0);
	err = -ENOMEM;
	for (long n = 0; err == -ENOMEM; n++) {
		mem_fail_after(n);
		err = pending_finish(q, &w.b->owner, "", "label", &rr);
		mem_fail_after(-1);
		world_check(&w);
		ck_assert_uint_eq(w.r->busy_npages, err ? 150 : 0);
		ck_assert_int_lt(n, 40);
	}
	ck_assert_int_eq(err, 0);
	backed_deinit(&w);
}
END_TEST

START_TEST(who_watches_hears_of_extents_and_not_of_pages_on_their_way)
{
	struct event_cursor cursor = {.kinds = 1 << EVENT_ALLOC | 1 << EVENT_FREE};
	struct region_pending *q;
	const struct event *e;
	uint32_t budget = 100;
	uint64_t lost = 0;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	ck_assert_int_eq(events_watch(&w.regions.events, &cursor), 0);
	q = must_pend(&w, w.a, 10);
	give_up(&w, must_pend(&w, w.a, 10));
	ck_assert_ptr_null(events_next(&w.regions.events, &cursor, &budget, &lost));
	ck_assert_int_eq(finish(&w, q, w.a), 0);
	e = events_next(&w.regions.events, &cursor, &budget, &lost);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->kind, EVENT_ALLOC);
	ck_assert_uint_eq(e->npages, 10);
	ck_assert_uint_eq(e->session, w.a->id);
	backed_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pending");
	TCase *tc = tcase_create("pending");

	tcase_add_test(tc, taken_pages_are_nobodys_and_not_to_be_had);
	tcase_add_test(tc, only_what_was_used_is_dirty);
	tcase_add_test(tc, runs_are_in_order_of_address_whatever_the_request);
	tcase_add_test(tc, dirty_runs_beyond_the_limit_become_one_of_the_entrys_own_pages);
	tcase_add_test(tc, quotas_are_asked_again_at_the_end);
	tcase_add_test(tc, names_and_labels_come_with_the_end);
	tcase_add_test(tc, a_session_may_end_while_something_of_its_is_pending);
	tcase_add_test(tc, scattered_pages_are_taken_together);
	tcase_add_test(tc, an_extent_grows_in_two_steps);
	tcase_add_test(tc, growing_beside_meets_what_resizing_meets);
	tcase_add_test(tc, an_extent_that_has_changed_since_does_not_grow);
	tcase_add_test(tc, a_closed_region_lets_go_of_what_is_pending);
	tcase_add_test(tc, what_is_pending_may_outlive_its_region);
	tcase_add_test(tc, without_memory_nothing_is_pending);
	tcase_add_test(tc, who_watches_hears_of_extents_and_not_of_pages_on_their_way);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
