/*
 * test_scavenge - which free pages lose their memory, how many may keep it, and what grown address space brings along
 *
 * Role:       stories with a clock that is a number.
 * Uses:       region/, pagealloc/, check
 */
#include <errno.h>

#include "backed.h"
#include "base/mem.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

#define CHUNK PAGEALLOC_CHUNK_NPAGES
#define SECOND UINT64_C(1000000)

static struct region_run runs[REGION_RUNS_MAX];

/* Scavenge up to @max pages at once; how many runs there were. */
static uint32_t scavenge(struct world *w, uint64_t max)
{
	uint32_t n = region_scavenge_begin(w->r, max, runs);

	world_check(w);
	region_scavenge_end(w->r, runs, n, true);
	world_check(w);
	return n;
}

/* Everything of @npages was used once, and is free. */
static void use_up(struct world *w, uint64_t npages)
{
	must_take(w, w->a, npages);
	ck_assert_int_eq(give(w, w->a, 0, npages), 0);
}

struct due {
	enum region_scavenge state;
	uint64_t npages, kept, next_usec;
};

static struct due due(struct world *w, uint64_t now_usec)
{
	struct due d;

	d.state = region_scavenge_due(w->r, now_usec, &d.npages, &d.kept, &d.next_usec);
	return d;
}

START_TEST(the_highest_pages_go_first)
{
	struct world w;

	backed_init(&w, 2 * CHUNK, 2 * CHUNK, 0);
	use_up(&w, CHUNK + 100);
	must_take(&w, w.b, 10);
	ck_assert_uint_eq(scavenge(&w, 50), 1);
	ck_assert_uint_eq(runs[0].page, CHUNK + 50);
	ck_assert_uint_eq(runs[0].npages, 50);
	ck_assert_uint_eq(w.r->counters.released, 50);
	/* Neighbours in two chunks are one run. */
	ck_assert_uint_eq(scavenge(&w, 100), 1);
	ck_assert_uint_eq(runs[0].page, CHUNK - 50);
	ck_assert_uint_eq(runs[0].npages, 100);
	ck_assert_uint_eq(scavenge(&w, UINT64_MAX), 1);
	ck_assert_uint_eq(runs[0].page, 10);
	ck_assert_uint_eq(scavenge(&w, UINT64_MAX), 0);
	ck_assert_uint_eq(scavenged(&w), 2 * CHUNK - 10);
	ck_assert_uint_eq(w.r->counters.released, CHUNK + 90);
	backed_deinit(&w);
}
END_TEST

/* The pages that the reference releases, one run after the other. */
struct order {
	uint64_t page[4 * CHUNK];
	uint64_t n;
};

static int note_released(void *ctx, uint64_t page, uint64_t npages)
{
	struct order *o = ctx;

	for (uint64_t i = npages; i-- > 0;)
		o->page[o->n++] = page + i;
	return 0;
}

START_TEST(many_runs_at_once_are_those_that_the_reference_takes_one_by_one)
{
	struct pagealloc_config pc = {.limit_npages = 4 * CHUNK, .huge_npages = 64};
	struct region_config c = world_config(4 * CHUNK, 4 * CHUNK, 0);
	struct order *want = calloc(1, sizeof(*want));
	struct pagealloc *pa;
	struct random rnd;
	uint64_t n, at = 0, max;
	struct world w;

	ck_assert_ptr_nonnull(want);
	random_init(&rnd, "many_runs_at_once_are_those_that_the_reference_takes_one_by_one");
	/* Pages so large that 64 of them are a huge one. */
	c.page_size_bytes = UINT64_C(32) << 10;
	c.limit_bytes = c.initial_bytes = 4 * CHUNK * c.page_size_bytes;
	c.backing = backed_new(4 * CHUNK * 8, BACKING_MEMFD);
	world_init_with(&w, &c);
	ck_assert_int_eq(pagealloc_new(&pc, &pa), 0);
	ck_assert_int_eq(pagealloc_grow(pa, 0, 4 * CHUNK), 0);
	ck_assert_int_eq(pagealloc_alloc_range(pa, 0, 4 * CHUNK, NULL), 0);
	ck_assert_int_eq(pagealloc_alloc_range(w.r->pa, 0, 4 * CHUNK, NULL), 0);
	for (uint64_t page = 0; page < 4 * CHUNK; page += n + 1 + random_below(&rnd, 20)) {
		n = 1 + random_below(&rnd, random_below(&rnd, 4) ? 30 : 300);
		if (n > 4 * CHUNK - page)
			n = 4 * CHUNK - page;
		ck_assert_int_eq(pagealloc_free(pa, page, n), 0);
		ck_assert_int_eq(pagealloc_free(w.r->pa, page, n), 0);
	}
	while (at < pagealloc_free_npages(pa)) {
		uint32_t nruns;
		uint64_t released;

		max = 1 + random_below(&rnd, 400);
		ck_assert_int_eq(pagealloc_scavenge(pa, max, note_released, want, &released), 0);
		nruns = region_scavenge_begin(w.r, max, runs);
		for (uint32_t i = 0; i < nruns; i++)
			for (uint64_t k = runs[i].npages; k-- > 0;)
				ck_assert_uint_eq(runs[i].page + k, want->page[at++]);
		ck_assert_uint_eq(at, want->n);
		region_scavenge_end(w.r, runs, nruns, true);
	}
	ck_assert_uint_eq(scavenged(&w), at);
	pagealloc_destroy(pa);
	free(want);
	regions_deinit(&w.regions);
	backed_free(c.backing);
}
END_TEST

START_TEST(a_huge_page_is_not_broken)
{
	struct region_config c = world_config(2 * CHUNK, 2 * CHUNK, 0);
	struct world w;

	c.backing = backed_new(2 * CHUNK, BACKING_MEMFD);
	world_init_with(&w, &c);
	use_up(&w, 2 * CHUNK);
	must_take(&w, w.b, 1);
	/* 512 pages of 4 KiB: all of the upper one goes, the lower one is broken already. */
	ck_assert_uint_eq(scavenge(&w, 1), 1);
	ck_assert_uint_eq(runs[0].npages, CHUNK);
	ck_assert_uint_eq(scavenge(&w, 1), 1);
	ck_assert_uint_eq(runs[0].npages, 1);
	backed_deinit(&w);
}
END_TEST

START_TEST(what_is_being_scavenged_is_not_to_be_had)
{
	struct world w;
	uint64_t room;
	uint32_t n;
	int err;

	backed_init(&w, CHUNK, CHUNK, 0);
	use_up(&w, CHUNK);
	n = region_scavenge_begin(w.r, CHUNK - 10, runs);
	ck_assert_uint_eq(n, 1);
	world_check(&w);
	ck_assert_uint_eq(w.r->busy_npages, CHUNK - 10);
	ck_assert_uint_eq(region_held_npages(w.r), 0);
	ck_assert_uint_eq(must_take(&w, w.a, 10), 0);
	take(&w, &w.a->owner, 1, &err);
	ck_assert_int_eq(err, REGION_E_BUSY);
	room = w.r->room;
	region_scavenge_end(w.r, runs, n, true);
	world_check(&w);
	ck_assert_uint_ne(w.r->room, room);
	ck_assert_uint_eq(scavenged(&w), CHUNK - 10);
	ck_assert_uint_eq(must_take(&w, w.a, CHUNK - 10), 10);
	backed_deinit(&w);
}
END_TEST

START_TEST(several_scavenges_may_be_under_way)
{
	struct region_run first[REGION_RUNS_MAX];
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	use_up(&w, CHUNK);
	ck_assert_uint_eq(region_scavenge_begin(w.r, 100, first), 1);
	ck_assert_uint_eq(region_scavenge_begin(w.r, 100, runs), 1);
	ck_assert_uint_eq(runs[0].page, CHUNK - 200);
	region_scavenge_end(w.r, first, 1, true);
	world_check(&w);
	ck_assert_uint_eq(w.r->busy_npages, 100);
	region_scavenge_end(w.r, runs, 1, true);
	ck_assert_uint_eq(scavenged(&w), 200);
	backed_deinit(&w);
}
END_TEST

START_TEST(what_could_not_be_released_is_found_again)
{
	struct world w;
	uint32_t n;

	backed_init(&w, CHUNK, CHUNK, 0);
	use_up(&w, CHUNK);
	n = region_scavenge_begin(w.r, CHUNK, runs);
	region_scavenge_end(w.r, runs, n, false);
	world_check(&w);
	ck_assert_uint_eq(scavenged(&w), 0);
	ck_assert_uint_eq(w.r->counters.released, 0);
	ck_assert_uint_eq(scavenge(&w, CHUNK), 1);
	ck_assert_uint_eq(scavenged(&w), CHUNK);
	backed_deinit(&w);
}
END_TEST

START_TEST(what_was_scavenged_needs_no_clearing)
{
	struct region_pending *q;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	use_up(&w, 100);
	scavenge(&w, 40);
	q = must_pend(&w, w.a, 100);
	ck_assert_uint_eq(q->ndirty, 1);
	ck_assert_uint_eq(q->dirty[0].npages, 60);
	ck_assert_uint_eq(q->scavenged_npages, 40);
	give_up(&w, q);
	/* Nobody knows what a request that was given up has done to its pages. */
	q = must_pend(&w, w.a, 100);
	ck_assert_uint_eq(q->dirty_npages, 100);
	give_up(&w, q);
	backed_deinit(&w);
}
END_TEST

START_TEST(no_more_runs_than_there_is_room_for)
{
	uint64_t npages = 8 * CHUNK;
	struct region_config c = world_config(npages, npages, 0);
	uint64_t total = 0;
	struct world w;
	uint32_t n;

	c.backing = backed_new(npages, BACKING_FILE);
	for (uint64_t i = 1; i < npages; i += 2)
		c.backing->data[i] = true;
	world_init_with(&w, &c);
	ck_assert_uint_eq(scavenged(&w), npages / 2);
	while ((n = scavenge(&w, UINT64_MAX))) {
		ck_assert_uint_le(n, REGION_RUNS_MAX);
		for (uint32_t i = 0; i < n; i++)
			total += runs[i].npages;
	}
	ck_assert_uint_eq(total, npages / 2);
	backed_deinit(&w);
}
END_TEST

START_TEST(what_is_drained_while_it_is_scavenged_is_held)
{
	struct region_refusal rr = {0};
	struct region_in_use use;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	use_up(&w, CHUNK);
	ck_assert_uint_eq(region_scavenge_begin(w.r, CHUNK, runs), 1);
	ck_assert_int_eq(region_drain(w.r, BASE, 100, false, &use, &rr), 0);
	world_check(&w);
	region_scavenge_end(w.r, runs, 1, true);
	world_check(&w);
	ck_assert_uint_eq(region_held_npages(w.r), 100);
	ck_assert_uint_eq(region_free_npages(w.r), CHUNK - 100);
	backed_deinit(&w);
}
END_TEST

START_TEST(a_closed_region_scavenges_nothing)
{
	struct backing *b;
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	b = w.r->backing;
	use_up(&w, CHUNK);
	ck_assert_uint_eq(region_scavenge_begin(w.r, 10, runs), 1);
	region_fault(w.r, "a test wants it so");
	region_scavenge_end(w.r, runs, 1, true);
	ck_assert_uint_eq(region_scavenge_begin(w.r, 10, runs), 0);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_DONE);
	regions_deinit(&w.regions);
	backed_free(b);
}
END_TEST

START_TEST(without_memory_for_it_nothing_is_scavenged)
{
	struct world w;

	backed_init(&w, CHUNK, CHUNK, 0);
	use_up(&w, CHUNK);
	mem_fail_after(0);
	ck_assert_uint_eq(region_scavenge_begin(w.r, 10, runs), 0);
	mem_fail_after(-1);
	world_check(&w);
	ck_assert_uint_eq(region_free_npages(w.r), CHUNK);
	ck_assert_uint_eq(scavenge(&w, 10), 1);
	backed_deinit(&w);
}
END_TEST

/* A region in which as much as @percent of the peak, and what was in use in the last @delay_usec, may keep its memory. */
static void policy_init(struct world *w, uint32_t percent, uint64_t delay_usec)
{
	struct region_config c = world_config(CHUNK, CHUNK, 0);

	c.backing = backed_new(CHUNK, BACKING_FILE);
	c.retain_percent = percent;
	c.scavenge_delay_usec = delay_usec;
	world_init_with(w, &c);
}

START_TEST(a_share_of_the_peak_keeps_its_memory)
{
	struct world w;
	struct due d;

	policy_init(&w, 10, 0);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_DONE);
	use_up(&w, 200);
	d = due(&w, 0);
	ck_assert_int_eq(d.state, REGION_SCAVENGE_READY);
	ck_assert_uint_eq(d.npages, 180);
	ck_assert_uint_eq(d.kept, 20);
	ck_assert_uint_eq(d.next_usec, UINT64_MAX);
	scavenge(&w, 180);
	d = due(&w, 0);
	ck_assert_int_eq(d.state, REGION_SCAVENGE_RETAINING);
	ck_assert_uint_eq(d.npages, 0);
	ck_assert_uint_eq(d.kept, 20);
	/* What is in use counts: with 15 pages of it, 5 that are free may keep theirs. */
	must_take(&w, w.b, 15);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_RETAINING);
	ck_assert_int_eq(give(&w, w.b, 0, 10), 0);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_RETAINING);
	ck_assert_uint_eq(due(&w, 0).kept, 15);
	must_take(&w, w.b, 100);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_READY);
	backed_deinit(&w);
}
END_TEST

START_TEST(with_nothing_to_retain_everything_goes)
{
	struct world w;

	policy_init(&w, 0, 0);
	use_up(&w, 200);
	ck_assert_uint_eq(due(&w, 0).npages, 200);
	scavenge(&w, 200);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_DONE);
	backed_deinit(&w);
}
END_TEST

START_TEST(what_was_in_use_lately_keeps_its_memory_for_the_delay)
{
	const uint64_t delay = 70 * SECOND, start = 1000 * SECOND;
	uint64_t now = start;
	struct world w;
	struct due d;

	policy_init(&w, 0, delay);
	use_up(&w, 200);
	d = due(&w, now);
	ck_assert_int_eq(d.state, REGION_SCAVENGE_DELAYED);
	ck_assert_uint_eq(d.kept, 200);
	ck_assert_uint_ge(d.next_usec, start + delay);
	ck_assert_uint_le(d.next_usec, start + delay + delay / 4);
	for (; now < start + delay; now += delay / 10)
		ck_assert_int_eq(due(&w, now).state, REGION_SCAVENGE_DELAYED);
	d = due(&w, start + delay + delay / 4);
	ck_assert_int_eq(d.state, REGION_SCAVENGE_READY);
	ck_assert_uint_eq(d.npages, 200);
	backed_deinit(&w);
}
END_TEST

START_TEST(the_delay_is_over_when_it_says_so)
{
	const uint64_t delay = 60 * SECOND;
	struct world w;
	struct due d;

	policy_init(&w, 0, delay);
	use_up(&w, 200);
	d = due(&w, 123 * SECOND);
	ck_assert_int_eq(due(&w, d.next_usec - 1).state, REGION_SCAVENGE_DELAYED);
	backed_deinit(&w);
	policy_init(&w, 0, delay);
	use_up(&w, 200);
	ck_assert_uint_eq(due(&w, 123 * SECOND).next_usec, d.next_usec);
	for (uint64_t now = 123 * SECOND; now < d.next_usec; now += delay / 8)
		due(&w, now);
	ck_assert_int_eq(due(&w, d.next_usec).state, REGION_SCAVENGE_READY);
	backed_deinit(&w);
}
END_TEST

START_TEST(a_peak_between_two_looks_counts)
{
	const uint64_t delay = 80 * SECOND;
	uint64_t now = 0;
	struct world w;
	struct due d;

	policy_init(&w, 0, delay);
	use_up(&w, 200);
	for (; now < 4 * delay; now += delay / 8)
		due(&w, now);
	scavenge(&w, 100);
	/* 50 pages for a moment: so many of the 100 may stay a while longer. */
	use_up(&w, 50);
	d = due(&w, now);
	ck_assert_int_eq(d.state, REGION_SCAVENGE_READY);
	ck_assert_uint_eq(d.kept, 50);
	ck_assert_uint_eq(d.npages, 50);
	backed_deinit(&w);
}
END_TEST

START_TEST(a_long_time_without_a_look_is_no_trouble)
{
	struct world w;
	struct due d;

	policy_init(&w, 0, 8 * SECOND);
	use_up(&w, 200);
	due(&w, SECOND);
	/* Nothing is known of the time between, but that no more than this was in use. */
	ck_assert_int_eq(due(&w, UINT64_MAX / 2).state, REGION_SCAVENGE_READY);
	ck_assert_int_eq(due(&w, SECOND).state, REGION_SCAVENGE_READY);
	d = due(&w, UINT64_MAX);
	ck_assert_int_eq(d.state, REGION_SCAVENGE_READY);
	ck_assert_uint_eq(d.npages, 200);
	backed_deinit(&w);
}
END_TEST

START_TEST(pages_on_their_way_to_an_owner_are_in_use)
{
	struct region_pending *q;
	struct world w;

	policy_init(&w, 50, 0);
	use_up(&w, 200);
	q = must_pend(&w, w.a, 100);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_READY);
	ck_assert_uint_eq(due(&w, 0).npages, 100);
	give_up(&w, q);
	ck_assert_uint_eq(due(&w, 0).npages, 100);
	ck_assert_uint_eq(due(&w, 0).kept, 100);
	backed_deinit(&w);
}
END_TEST

START_TEST(where_nothing_can_be_given_back_there_is_nothing_to_do)
{
	struct world w;

	world_init(&w, CHUNK, CHUNK, 0);
	use_up(&w, 100);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_DONE);
	ck_assert_uint_eq(region_scavenge_begin(w.r, 10, runs), 0);
	world_deinit(&w);
	backed_init(&w, CHUNK, CHUNK, 0);
	w.r->backing->info.releases = false;
	use_up(&w, 100);
	ck_assert_int_eq(due(&w, 0).state, REGION_SCAVENGE_DONE);
	ck_assert_uint_eq(region_scavenge_begin(w.r, 10, runs), 0);
	backed_deinit(&w);
}
END_TEST

START_TEST(what_a_file_holds_is_dirty_when_the_region_grows_over_it)
{
	struct region_config c = world_config(3 * CHUNK, CHUNK, CHUNK);
	struct region_refusal rr = {0};
	struct region_in_use use;
	uint64_t addr, n;
	struct world w;

	c.backing = backed_new(3 * CHUNK, BACKING_FILE);
	for (uint64_t i = CHUNK - 5; i < CHUNK + 7; i++)
		c.backing->data[i] = true;
	c.backing->data[3 * CHUNK - 1] = true;
	world_init_with(&w, &c);
	ck_assert_uint_eq(scavenged(&w), CHUNK - 5);
	ck_assert_int_eq(region_grow(w.r, 0, CHUNK, &addr, &n, &rr), 0);
	ck_assert_uint_eq(scavenged(&w), 2 * CHUNK - 12);
	must_take(&w, w.a, 2 * CHUNK);
	must_take(&w, w.a, 1); /* grows */
	world_check(&w);
	ck_assert_uint_eq(scavenged(&w), CHUNK - 2);
	/* What was written to and taken out of the region comes back as it is. */
	ck_assert_int_eq(give(&w, w.a, 0, 2 * CHUNK + 1), 0);
	c.backing->data[CHUNK + 100] = true;
	ck_assert_int_eq(region_shrink(w.r, BASE + CHUNK * PAGE, CHUNK, &addr, &n, &use, &rr), 0);
	ck_assert_int_eq(region_grow(w.r, BASE + CHUNK * PAGE, CHUNK, &addr, &n, &rr), 0);
	world_check(&w);
	ck_assert_uint_eq(scavenged(&w), CHUNK - 2 + CHUNK - 8);
	backed_deinit(&w);
}
END_TEST

START_TEST(a_file_of_many_pieces_is_not_asked_for_ever)
{
	uint64_t npages = 24 * CHUNK;
	struct region_config c = world_config(npages, npages, 0);
	struct world w;

	c.backing = backed_new(npages, BACKING_FILE);
	for (uint64_t i = 0; i < npages; i += 2)
		c.backing->data[i] = true;
	world_init_with(&w, &c);
	ck_assert_uint_le(c.backing->nasked, 4097);
	ck_assert_uint_gt(scavenged(&w), 4000);
	ck_assert_uint_lt(scavenged(&w), 4200);
	backed_deinit(&w);
}
END_TEST

START_TEST(a_backing_that_does_not_fit_is_refused_and_stays_the_callers)
{
	struct region_config c = world_config(CHUNK, CHUNK, 0);
	struct backing *b = backed_new(CHUNK, BACKING_FILE);
	struct region *r = NULL;
	char why[300] = "";

	c.backing = b;
	b->info.page_bytes = 2 << 20;
	ck_assert_int_eq(region_config_check(&c, why, sizeof(why)), REGION_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "2097152"));
	ck_assert_int_eq(region_new(&c, 1, &r), REGION_E_CONFIG);
	b->info.page_bytes = PAGE;
	b->info.bytes--;
	ck_assert_int_eq(region_config_check(&c, why, sizeof(why)), REGION_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "limit"));
	b->info.bytes++;
	c.retain_percent = 101;
	ck_assert_int_eq(region_config_check(&c, why, sizeof(why)), REGION_E_CONFIG);
	c.retain_percent = 100;
	mem_fail_after(5);
	ck_assert_int_eq(region_new(&c, 1, &r), -ENOMEM);
	mem_fail_after(-1);
	ck_assert(!b->closed);
	ck_assert_int_eq(region_new(&c, 1, &r), 0);
	ck_assert(!b->closed);
	region_destroy(r);
	backed_free(b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scavenge");
	TCase *tc = tcase_create("scavenge");

	tcase_add_test(tc, the_highest_pages_go_first);
	tcase_add_test(tc, many_runs_at_once_are_those_that_the_reference_takes_one_by_one);
	tcase_add_test(tc, a_huge_page_is_not_broken);
	tcase_add_test(tc, what_is_being_scavenged_is_not_to_be_had);
	tcase_add_test(tc, several_scavenges_may_be_under_way);
	tcase_add_test(tc, what_could_not_be_released_is_found_again);
	tcase_add_test(tc, what_was_scavenged_needs_no_clearing);
	tcase_add_test(tc, no_more_runs_than_there_is_room_for);
	tcase_add_test(tc, what_is_drained_while_it_is_scavenged_is_held);
	tcase_add_test(tc, a_closed_region_scavenges_nothing);
	tcase_add_test(tc, without_memory_for_it_nothing_is_scavenged);
	tcase_add_test(tc, a_share_of_the_peak_keeps_its_memory);
	tcase_add_test(tc, with_nothing_to_retain_everything_goes);
	tcase_add_test(tc, what_was_in_use_lately_keeps_its_memory_for_the_delay);
	tcase_add_test(tc, the_delay_is_over_when_it_says_so);
	tcase_add_test(tc, a_peak_between_two_looks_counts);
	tcase_add_test(tc, a_long_time_without_a_look_is_no_trouble);
	tcase_add_test(tc, pages_on_their_way_to_an_owner_are_in_use);
	tcase_add_test(tc, where_nothing_can_be_given_back_there_is_nothing_to_do);
	tcase_add_test(tc, what_a_file_holds_is_dirty_when_the_region_grows_over_it);
	tcase_add_test(tc, a_file_of_many_pieces_is_not_asked_for_ever);
	tcase_add_test(tc, a_backing_that_does_not_fit_is_refused_and_stays_the_callers);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
