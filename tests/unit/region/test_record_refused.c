/*
 * test_record_refused - records that do not fit are refused with a sentence, and leave everything as it was
 *
 * Role:       unit tests of region/record: what is wrong with a record, and a lack of memory.
 * Uses:       region/, check
 */
#include <errno.h>

#include "base/mem.h"
#include "records.h"
#include "tests/unit/suite.h"

static void space_refused(const struct space_record *s, const char *wanted)
{
	struct truth *before, *after;
	struct regions rs;
	char why[200] = "";

	empty_world(&rs, 2000);
	before = truth_take(&rs);
	ck_assert_int_eq(region_space_put(rs.table[0], s, why, sizeof(why)), RECORD_E_WRONG);
	ck_assert_str_eq(why, wanted);
	after = truth_take(&rs);
	ck_assert_msg(!truth_differs(before, after, why, sizeof(why)), "%s", why);
	check(&rs);
	truth_free(before);
	truth_free(after);
	regions_deinit(&rs);
}

START_TEST(space_that_does_not_fit_is_refused)
{
	const struct record_range beyond[] = {{1536, 465}}, far[] = {{UINT64_MAX, UINT64_MAX}},
				  within[] = {{5, 512}}, meeting[] = {{0, 500}, {511, 1}},
				  twice[] = {{0, 600}, {1023, 10}}, none[] = {{0, 0}};
	struct space_record s = space;

	s.base_addr += PAGE;
	space_refused(&s, "its base address was 0x101000, and is 0x100000 now: extents would move");
	s = space;
	s.page_size_bytes = 8192;
	space_refused(&s, "its page size was 8192, and is 4096 now: extents would change their "
			  "size");
	s = space;
	s.generation = 0;
	space_refused(&s, "its generation is 0, and they count from 1");
	s = space;
	s.grown = beyond;
	s.ngrown = 1;
	space_refused(&s, "the grown range of 465 pages at page 1536 reaches beyond the region's "
			  "limit of 2000 pages: the limit cannot be lower than what is grown");
	s.grown = far;
	space_refused(&s, "the grown range of 18446744073709551615 pages at page "
			  "18446744073709551615 reaches beyond the region's limit of 2000 pages: "
			  "the limit cannot be lower than what is grown");
	s.grown = within;
	space_refused(&s, "the grown range at page 5 does not begin with a chunk of 512 pages of "
			  "its own");
	s.grown = none;
	space_refused(&s, "the grown range of 0 pages at page 0 is empty, or does not come after "
			  "the one before it");
	s.ngrown = 2;
	s.grown = meeting;
	space_refused(&s, "the grown range at page 511 does not begin with a chunk of 512 pages of "
			  "its own");
	s.grown = twice;
	space_refused(&s, "the grown range at page 1023 does not begin with a chunk of 512 pages "
			  "of its own");
	s = space;
	s.reserved = beyond;
	space_refused(&s, "the reserved range of 465 pages at page 1536 reaches beyond the "
			  "region's limit of 2000 pages: the limit cannot be lower than what is "
			  "reserved");
	s = space;
	s.drained = none;
	space_refused(&s, "the drained range of 0 pages at page 0 is empty, or does not come after "
			  "the one before it");
}
END_TEST

START_TEST(space_is_put_once)
{
	struct regions rs;
	char why[200] = "";

	built_world(&rs, 1);
	ck_assert_int_eq(region_space_put(rs.table[0], &space, why, sizeof(why)), RECORD_E_WRONG);
	ck_assert_str_eq(why, "the region is not new: something is grown or drained");
	region_fault(rs.table[0], "for the test");
	ck_assert_int_eq(region_space_put(rs.table[0], &space, why, sizeof(why)), RECORD_E_WRONG);
	ck_assert_str_eq(why, "the region is closed: for the test");
	ck_assert_int_eq(region_extent_put(&rs, rs.table[0], &extents[1], why, sizeof(why)),
			 RECORD_E_WRONG);
	ck_assert_str_eq(why, "the region is closed: for the test");
	regions_deinit(&rs);
}
END_TEST

/* Into a world that has the first extent. */
static void extent_refused(const struct extent_record *e, const char *wanted)
{
	struct truth *before, *after;
	struct regions rs;
	char why[300] = "";

	built_world(&rs, 1);
	before = truth_take(&rs);
	ck_assert_int_eq(region_extent_put(&rs, rs.table[0], e, why, sizeof(why)), RECORD_E_WRONG);
	ck_assert_str_eq(why, wanted);
	after = truth_take(&rs);
	ck_assert_msg(!truth_differs(before, after, why, sizeof(why)), "%s", why);
	check(&rs);
	truth_free(before);
	truth_free(after);
	regions_deinit(&rs);
}

static const struct {
	uint64_t page, npages;
	const char *wanted;
} places[] = {
	{70, 0, "it has no pages"},
	{1990, 11, "its 11 pages at page 1990 reach beyond the region's limit of 2000 pages"},
	{UINT64_MAX, UINT64_MAX,
	 "its 18446744073709551615 pages at page 18446744073709551615 reach beyond the region's "
	 "limit of 2000 pages"},
	{600, 5, "its page at 0x358000 is not grown"},
	{510, 5, "its page at 0x300000 is not grown"},
	{1600, 5, "its page at 0x740000 is not grown"},
	{7, 1, "its 1 pages overlap the extent of 8 pages at 0x100000"},
	{0, 20, "its 20 pages overlap the extent of 8 pages at 0x100000"},
	{15, 2, "its page at 0x10f000 is reserved"},
};

START_TEST(an_extent_in_a_wrong_place_is_refused)
{
	const struct extent_record e = {places[_i].page, places[_i].npages, {.uid = 5}, 0, 0, 0, 0};

	extent_refused(&e, places[_i].wanted);
}
END_TEST

START_TEST(an_extent_of_wrong_holders_is_refused)
{
	const struct record_holder nobody[] = {{.session = 5}}, user[] = {{.uid = 5}},
				   twice[] = {{.session = 6}, {.session = 6}},
				   owner[] = {{.session = 4}};
	struct extent_record e = {.page = 70, .npages = 2, .owner = {.session = 5}};

	extent_refused(&e, "session 5, its owner, is not there");
	e.owner.session = 4;
	e.nshares = 1;
	e.shares = nobody;
	extent_refused(&e, "session 5, which shares it, is not there");
	e.shares = user;
	extent_refused(&e, "user 5 is said to share it, and only sessions can");
	e.shares = owner;
	extent_refused(&e, "session 4 is said to hold it twice");
	e.shares = twice;
	e.nshares = 2;
	extent_refused(&e, "session 6 is said to hold it twice");
	e.nshares = REGION_SHARES_MAX + 1;
	extent_refused(&e, "1025 sessions share it, and 1024 can");
}
END_TEST

START_TEST(an_extent_of_a_wrong_name_is_refused)
{
	char name[REGION_NAME_BYTES_MAX + 2] = "", label[REGION_LABEL_BYTES_MAX + 2] = "";
	struct extent_record e = {.page = 70, .npages = 2, .owner = {.uid = 5}, .name = "name"};

	extent_refused(&e, "its name \"name\" is that of the extent at 0x100000");
	e.name = "";
	extent_refused(&e, "its name has 0 bytes, and 1 to 63 are possible");
	e.name = memset(name, 'n', sizeof(name) - 1);
	extent_refused(&e, "its name has 64 bytes, and 1 to 63 are possible");
	e.name = NULL;
	e.label = memset(label, 'l', sizeof(label) - 1);
	extent_refused(&e, "its label has 128 bytes, and 1 to 127 are possible");
}
END_TEST

static void session_refused(const struct session_record *s, const char *wanted)
{
	struct truth *before, *after;
	struct regions rs;
	char why[200] = "";

	built_world(&rs, 1);
	before = truth_take(&rs);
	ck_assert_int_eq(session_put(&rs, s, UNTIL, why, sizeof(why)), RECORD_E_WRONG);
	ck_assert_str_eq(why, wanted);
	after = truth_take(&rs);
	ck_assert_msg(!truth_differs(before, after, why, sizeof(why)), "%s", why);
	check(&rs);
	truth_free(before);
	truth_free(after);
	regions_deinit(&rs);
}

START_TEST(a_session_that_does_not_fit_is_refused)
{
	const struct record_quarantine nowhere[] = {{2, 70}}, endless[] = {{1, 0}},
				       twice[] = {{1, 70}, {1, 70}};
	struct session_record s = {.id = 9, .uid = 1, .state = SESSION_OPEN, .token = {9}};

	session_refused(&s, "its id 9 does not come after those before it, which end with 9");
	s.id = UINT64_MAX;
	session_refused(&s, "its id 18446744073709551615 does not come after those before it, "
			    "which end with 9");
	s.id = 10;
	s.state = (enum session_state)4;
	session_refused(&s, "there is no state 4");
	s.state = SESSION_GRACE;
	s.token[0] = 6;
	session_refused(&s, "its token is another session's");
	s.token[0] = 9;
	memset(s.client, 'c', sizeof(s.client));
	session_refused(&s, "the name of its client or of its command has no end");
	s.client[0] = '\0';
	s.quarantines = quarantine;
	s.nquarantines = 1;
	session_refused(&s, "it has a quarantine, but has not ended");
	s.state = SESSION_ENDING;
	s.quarantines = nowhere;
	session_refused(&s, "it has a quarantine in region 2, which is not there");
	s.quarantines = endless;
	session_refused(&s, "it has two quarantines in region 1, or one without an end");
	s.quarantines = twice;
	s.nquarantines = 2;
	session_refused(&s, "it has two quarantines in region 1, or one without an end");
}
END_TEST

/* The last record of each kind, into a world that has those before. */
static int put_last(struct regions *rs, int kind)
{
	char why[200] = "";

	switch (kind) {
	case 0:
		return region_space_put(rs->table[0], &space, why, sizeof(why));
	case 1:
		return session_put(rs, &sessions[0], UNTIL, why, sizeof(why));
	case 2:
		return session_put(rs, &sessions[2], UNTIL, why, sizeof(why));
	default:
		return region_extent_put(rs, rs->table[0], &extents[0], why, sizeof(why));
	}
}

START_TEST(without_memory_nothing_is_put)
{
	struct truth *before, *after;
	char why[200] = "";
	struct regions rs;
	int err = -1;

	for (long n = 0; err; n++) {
		empty_world(&rs, 2000);
		if (_i == 3) {
			regions_deinit(&rs);
			built_world(&rs, 0);
		}
		before = truth_take(&rs);
		mem_fail_after(n);
		err = put_last(&rs, _i);
		ck_assert(!err == !mem_failed());
		mem_fail_after(-1);
		after = truth_take(&rs);
		if (err) {
			ck_assert_int_eq(err, -ENOMEM);
			ck_assert_msg(!truth_differs(before, after, why, sizeof(why)), "%s", why);
			ck_assert_uint_eq(region_free_npages(rs.table[0]),
					  _i == 3 ? 1024 - 8 - 32 - 10 : 0);
			check(&rs);
			ck_assert(!rs.table[0]->faulted);
			/* The same record is taken when there is memory again. */
			must(put_last(&rs, _i), "again");
		}
		check(&rs);
		truth_free(before);
		truth_free(after);
		regions_deinit(&rs);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("record_refused");
	TCase *tc = tcase_create("record_refused");

	tcase_add_test(tc, space_that_does_not_fit_is_refused);
	tcase_add_test(tc, space_is_put_once);
	tcase_add_loop_test(tc, an_extent_in_a_wrong_place_is_refused, 0, ARRAY_SIZE(places));
	tcase_add_test(tc, an_extent_of_wrong_holders_is_refused);
	tcase_add_test(tc, an_extent_of_a_wrong_name_is_refused);
	tcase_add_test(tc, a_session_that_does_not_fit_is_refused);
	tcase_add_loop_test(tc, without_memory_nothing_is_put, 0, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
