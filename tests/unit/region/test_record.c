/*
 * test_record - records that fit are taken, and what they say is there
 *
 * Role:       unit tests of region/record; test_record_refused has those that do not fit, test_record_random rebuilds regions at random.
 * Uses:       region/, check
 */
#include "records.h"
#include "tests/unit/suite.h"

START_TEST(what_is_put_is_there)
{
	const struct session *s;
	struct regions rs;
	struct region *r;
	char why[200] = "";
	struct truth *t;

	built_world(&rs, ARRAY_SIZE(extents));
	must(regions_put_end(&rs, 20, why, sizeof(why)), why);
	r = rs.table[0];
	check(&rs);
	t = truth_take(&rs);
	ck_assert_uint_eq(t->region[0].space.ngrown, 2);
	ck_assert_uint_eq(t->region[0].space.nreserved, 2);
	ck_assert_uint_eq(t->region[0].space.reserved[1].page, 100);
	ck_assert_uint_eq(t->region[0].space.ndrained, 1);
	ck_assert_uint_eq(r->generation, 3);
	ck_assert_str_eq(t->region[0].extents[0]->name, "name");
	ck_assert_str_eq(t->region[0].extents[0]->label, "label");
	ck_assert_uint_eq(t->region[0].extents[0]->record.nshares, 2);
	ck_assert_uint_eq(t->region[0].extents[0]->shares[0].session, 6);
	ck_assert_uint_eq(t->region[0].extents[0]->shares[1].session, 9);
	ck_assert_uint_eq(t->region[0].extents[20]->record.owner.uid, 1003);
	ck_assert_uint_eq(t->region[0].extents[20]->record.owner.session, 0);
	ck_assert_uint_eq(r->used_npages, 33);
	ck_assert_uint_eq(r->peak_npages, 33);
	ck_assert_uint_eq(r->detached_npages, 20);
	ck_assert_uint_eq(r->quarantined_npages, 5);
	ck_assert_uint_eq(region_free_npages(r), 1024 - 33 - 8 - 32 + 8 - 10);
	ck_assert_uint_eq(rs.next_session_id, 20);
	/* It counts as no growth and no alloc; all that is to be written is what the record did not say is reserved. */
	ck_assert_uint_eq(r->counters.grows + r->counters.allocs, 0);
	ck_assert(r->changes.space && !r->changes.all && !r->changes.n);
	s = session_by_id(&rs, 4);
	ck_assert_int_eq(s->state, SESSION_GRACE);
	ck_assert_uint_eq(s->deadline_usec, UNTIL);
	ck_assert(s->repeats && s->memory[REGION_DURABILITY_PROCESS].done == 9 &&
		  s->memory[REGION_DURABILITY_PROCESS].n == 5);
	ck_assert_mem_eq(s->memory[REGION_DURABILITY_PROCESS].replies, "bytes", 5);
	ck_assert_uint_eq(session_by_id(&rs, 6)->deadline_usec, 9000);
	ck_assert_int_eq(session_by_id(&rs, 7)->state, SESSION_QUARANTINED);
	ck_assert_uint_eq(session_by_id(&rs, 7)->deadline_usec, 70);
	ck_assert_int_eq(session_by_id(&rs, 9)->state, SESSION_ENDING);
	truth_free(t);
	regions_deinit(&rs);
}
END_TEST

START_TEST(sessions_go_on_from_where_they_were)
{
	struct session_peer peer = {.uid = 1000, .gid = 1, .pid = 2};
	struct region_refusal rr = {0};
	struct session *s;
	struct regions rs;
	char why[200] = "";

	built_world(&rs, ARRAY_SIZE(extents));
	must(regions_put_end(&rs, 20, why, sizeof(why)), why);
	ck_assert_int_eq(session_resume(&rs, &peer, sessions[0].token, UNTIL - 1, &s), 0);
	ck_assert_uint_eq(s->id, 4);
	/* What had ended gives back, each at its time; who does not come back in time has ended. */
	ck_assert(regions_reclaim(&rs, 100, 60));
	ck_assert_ptr_null(session_by_id(&rs, 9));
	ck_assert_uint_eq(regions_expire(&rs, 60), 70);
	regions_expire(&rs, 71);
	ck_assert(regions_reclaim(&rs, 100, 71));
	ck_assert_ptr_null(session_by_id(&rs, 7));
	regions_expire(&rs, 9000);
	ck_assert(regions_reclaim(&rs, 100, 9000));
	ck_assert_ptr_null(session_by_id(&rs, 6));
	ck_assert_ptr_nonnull(session_by_id(&rs, 4));
	ck_assert_int_eq(session_open(&rs, &peer, "new", 0, 1, &s, &rr), 0);
	ck_assert_uint_eq(s->id, 20);
	check(&rs);
	regions_deinit(&rs);
}
END_TEST

START_TEST(a_quarantine_that_is_void_is_over)
{
	struct regions rs;
	char why[200] = "";

	built_world(&rs, 0);
	region_void(rs.table[0]);
	must(regions_put_end(&rs, 0, why, sizeof(why)), why);
	region_keep(rs.table[0]);
	ck_assert_uint_eq(rs.next_session_id, 10);
	ck_assert_uint_eq(rs.table[0]->generation, 4);
	/* That all that was written about extents is to go is still known. */
	ck_assert(rs.changed && rs.table[0]->changes.all && rs.table[0]->changes.space);
	ck_assert_int_eq(session_by_id(&rs, 7)->state, SESSION_ENDING);
	ck_assert(regions_reclaim(&rs, 100, 60));
	ck_assert_ptr_null(session_by_id(&rs, 7));
	check(&rs);
	regions_deinit(&rs);
}
END_TEST

START_TEST(a_higher_limit_makes_the_last_chunk_whole)
{
	const struct record_range cut[] = {{1536, 464}};
	struct space_record s = {BASE, PAGE, 1, cut, NULL, NULL, 1, 0, 0};
	struct regions rs;
	char why[200] = "";

	empty_world(&rs, 2040);
	must(region_space_put(rs.table[0], &s, why, sizeof(why)), why);
	ck_assert_uint_eq(rs.table[0]->end_npages, 2040);
	ck_assert_uint_eq(rs.table[0]->grown_npages, 504);
	ck_assert(rs.changed && rs.table[0]->changes.space);
	check(&rs);
	regions_deinit(&rs);
}
END_TEST

/* Pages 100 to 110 are reserved by configuration, and the record does not say so: they were not when the extents came. */
START_TEST(extents_stay_where_the_configuration_reserves)
{
	const struct record_range more[] = {{8, 8}, {110, 2}};
	struct extent_record e = {.page = 90, .npages = 14, .owner = {.uid = 5}};
	struct space_record s = space;
	uint64_t addr, npages;
	struct regions rs;
	struct region *r;
	char why[200] = "";

	s.reserved = more;
	s.nreserved = 2;
	empty_world(&rs, 2000);
	r = rs.table[0];
	must(region_space_put(r, &s, why, sizeof(why)), why);
	must(region_extent_put(&rs, r, &e, why, sizeof(why)), why);
	e.page = 106;
	e.npages = 5;
	ck_assert_int_eq(region_extent_put(&rs, r, &e, why, sizeof(why)), RECORD_E_WRONG);
	ck_assert_str_eq(why, "its page at 0x16e000 is reserved");
	e.npages = 2;
	must(region_extent_put(&rs, r, &e, why, sizeof(why)), why);
	must(regions_put_end(&rs, 20, why, sizeof(why)), why);
	check(&rs);
	ck_assert_uint_eq(region_nreserved(r), 3);
	region_reserved(r, 1, &addr, &npages);
	ck_assert(addr == BASE + 104 * PAGE && npages == 2);
	region_reserved(r, 2, &addr, &npages);
	ck_assert(addr == BASE + 108 * PAGE && npages == 4);
	regions_deinit(&rs);
}
END_TEST

START_TEST(the_low_mark_is_where_it_would_be)
{
	struct region_config c = world_config(1024, 0, 0);
	struct event_cursor cursor = {.kinds = UINT32_MAX};
	const struct record_range all[] = {{0, 1024}};
	struct space_record s = {BASE, PAGE, 1, all, NULL, NULL, 1, 0, 0};
	const struct extent_record e = {.page = 5, .npages = _i ? 950u : 850u};
	struct regions rs;
	char why[200] = "";

	c.low_bytes = 100 * PAGE;
	regions_init(&rs, DAEMON_UID);
	ck_assert_int_eq(events_watch(&rs.events, &cursor), 0);
	ck_assert_int_eq(regions_add(&rs, &c), 0);
	must(region_space_put(rs.table[0], &s, why, sizeof(why)), why);
	must(region_extent_put(&rs, rs.table[0], &e, why, sizeof(why)), why);
	must(regions_put_end(&rs, 0, why, sizeof(why)), why);
	ck_assert(rs.table[0]->low == _i);
	/* Nothing of it was an event. */
	ck_assert_uint_eq(rs.events.next, cursor.next);
	events_unwatch(&rs.events);
	regions_deinit(&rs);
}
END_TEST

START_TEST(what_is_wrong_in_the_end_closes_its_region)
{
	struct regions rs;
	char why[200] = "";

	built_world(&rs, ARRAY_SIZE(extents));
	rs.table[0]->used_npages++;
	ck_assert_int_eq(regions_put_end(&rs, 0, why, sizeof(why)), RECORD_E_WRONG);
	ck_assert_str_eq(why, "region r: R5: used_npages 34, extents have 33");
	ck_assert(rs.table[0]->faulted);
	ck_assert_str_eq(rs.table[0]->fault, "R5: used_npages 34, extents have 33");
	regions_deinit(&rs);
}
END_TEST

START_TEST(extents_are_walked_in_order)
{
	struct record_holder shares[REGION_SHARES_MAX];
	struct extent_record e;
	uint64_t page = 0;
	struct regions rs;

	built_world(&rs, ARRAY_SIZE(extents));
	ck_assert(region_extent_next(rs.table[0], 0, &page) && page == 0);
	ck_assert(region_extent_next(rs.table[0], 1, &page) && page == 20);
	ck_assert(region_extent_next(rs.table[0], 21, &page) && page == 1030);
	ck_assert(!region_extent_next(rs.table[0], 1031, &page));
	ck_assert(!region_extent_next(rs.table[0], UINT64_MAX, &page));
	ck_assert(!region_extent_get(rs.table[0], 21, shares, &e));
	ck_assert(!region_extent_get(rs.table[0], UINT64_MAX, shares, &e));
	regions_deinit(&rs);
}
END_TEST

/* An extent whose session went while the region was closed is nobody's: there is no record of it. */
START_TEST(what_is_lost_has_no_record)
{
	struct record_holder shares[REGION_SHARES_MAX];
	struct extent_record e;
	struct regions rs;

	built_world(&rs, ARRAY_SIZE(extents));
	ck_assert(region_extent_get(rs.table[0], 0, shares, &e));
	region_fault(rs.table[0], "for the test");
	session_end(session_by_id(&rs, 4), SESSION_KILLED, 0);
	regions_reclaim(&rs, 100, 100000);
	ck_assert(!region_extent_get(rs.table[0], 0, shares, &e));
	ck_assert(region_extent_get(rs.table[0], 20, shares, &e));
	regions_deinit(&rs);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("record");
	TCase *tc = tcase_create("record");

	tcase_add_test(tc, what_is_put_is_there);
	tcase_add_test(tc, sessions_go_on_from_where_they_were);
	tcase_add_test(tc, a_quarantine_that_is_void_is_over);
	tcase_add_test(tc, a_higher_limit_makes_the_last_chunk_whole);
	tcase_add_test(tc, extents_stay_where_the_configuration_reserves);
	tcase_add_loop_test(tc, the_low_mark_is_where_it_would_be, 0, 2);
	tcase_add_test(tc, what_is_wrong_in_the_end_closes_its_region);
	tcase_add_test(tc, extents_are_walked_in_order);
	tcase_add_test(tc, what_is_lost_has_no_record);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
