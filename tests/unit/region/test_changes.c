/*
 * test_changes - each verb notes what it changes (C1), and no more than that
 *
 * Role:       unit tests of region/changes and of those who call it: the table of verbs, with the keys that they must leave. What was noted is then
 *             written down, and must be all that is different.
 * Uses:       region/, check
 */
#include <stdio.h>

#include "base/mem.h"
#include "region/changes.h"
#include "tests/unit/suite.h"
#include "truth.h"
#include "verbs.h"

static const char *keys(struct changes *c)
{
	static char line[200];
	size_t at = 0;

	changes_sort(c);
	line[0] = '\0';
	for (uint32_t i = 0; i < c->n; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%u", i ? " " : "",
				       (unsigned)c->pages[i]);
	return line;
}

START_TEST(each_verb_notes_what_it_changes)
{
	const char *pages = verbs[_i].pages ? verbs[_i].pages : "";
	const char *sessions = verbs[_i].sessions ? verbs[_i].sessions : "";
	bool changes = *pages || verbs[_i].space || *sessions;
	struct truth *written, *now;
	char why[200] = "";
	struct world w;

	stocked_world(&w, verbs[_i].death);
	if (verbs[_i].before)
		verbs[_i].before(&w);
	region_keep(w.r);
	written = truth_take(&w.regions);
	ck_assert(!w.regions.changed);
	verbs[_i].verb(&w);
	ck_assert_msg(w.r->changes.space == verbs[_i].space, "%s: space", verbs[_i].name);
	ck_assert_msg(strcmp(keys(&w.r->changes), pages) == 0, "%s: wanted pages %s, got %s",
		      verbs[_i].name, pages, keys(&w.r->changes));
	ck_assert_msg(strcmp(keys(&w.regions.session_changes), sessions) == 0,
		      "%s: wanted sessions %s, got %s", verbs[_i].name, sessions,
		      keys(&w.regions.session_changes));
	ck_assert_msg(w.regions.changed || !changes, "%s: nobody is told", verbs[_i].name);
	truth_follow(written, &w.regions);
	now = truth_take(&w.regions);
	ck_assert_msg(!truth_differs(written, now, why, sizeof(why)), "%s: %s", verbs[_i].name,
		      why);
	ck_assert(!w.regions.changed && !w.r->changes.n && !w.r->changes.space);
	truth_free(now);
	truth_free(written);
	world_deinit(&w);
}
END_TEST

/* A verb of the table that is there for what it changes must change something. */
START_TEST(each_verb_changes_something)
{
	static const char *const idle[] = {"alloc refused", "alloc and free", "pending, given back",
					   "session opened and gone"};
	struct truth *before, *after;
	char why[200] = "";
	bool may_be_idle = false;
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		may_be_idle |= strcmp(idle[i], verbs[_i].name) == 0;
	stocked_world(&w, verbs[_i].death);
	if (verbs[_i].before)
		verbs[_i].before(&w);
	before = truth_take(&w.regions);
	verbs[_i].verb(&w);
	after = truth_take(&w.regions);
	ck_assert_msg(truth_differs(before, after, why, sizeof(why)) != may_be_idle, "%s: %s",
		      verbs[_i].name, why);
	truth_free(before);
	truth_free(after);
	world_deinit(&w);
}
END_TEST

START_TEST(nothing_is_noted_where_nothing_is_kept)
{
	struct world w;

	stocked_world(&w, verbs[_i].death);
	if (verbs[_i].before)
		verbs[_i].before(&w);
	if (verbs[_i].always)
		region_keep(w.r);
	verbs[_i].verb(&w);
	ck_assert(w.regions.changed == verbs[_i].always);
	ck_assert_ptr_null(w.r->changes.pages);
	ck_assert_ptr_null(w.regions.session_changes.pages);
	world_deinit(&w);
}
END_TEST

START_TEST(without_memory_all_is_noted)
{
	struct truth *written, *now;
	char why[200] = "";
	struct world w;

	stocked_world(&w, REGION_DEATH_FREE);
	region_keep(w.r);
	written = truth_take(&w.regions);
	mem_fail_after(0);
	ck_assert_int_eq(give(&w, w.a, 0, 15), 0);
	world_end(w.b);
	regions_reclaim(&w.regions, 100, 0);
	mem_fail_after(-1);
	ck_assert(w.regions.changed);
	ck_assert(w.r->changes.all);
	ck_assert(w.regions.session_changes.all);
	truth_follow(written, &w.regions);
	now = truth_take(&w.regions);
	ck_assert_msg(!truth_differs(written, now, why, sizeof(why)), "%s", why);
	ck_assert(!w.r->changes.all && !w.regions.session_changes.all);
	truth_free(now);
	truth_free(written);
	world_deinit(&w);
}
END_TEST

/* Far more than are remembered one by one: a million and some. */
START_TEST(very_many_changes_are_noted_as_all)
{
	struct changes c = {.kept = true};
	bool any = false;

	c.any = &any;
	for (uint64_t page = 0; page < (UINT64_C(1) << 20) + 1; page++)
		changes_note(&c, page);
	ck_assert(any);
	ck_assert(c.all);
	ck_assert_uint_eq(c.n, UINT32_C(1) << 20);
	changes_clear(&c);
	ck_assert(c.kept && !c.all && !c.n);
	ck_assert_uint_eq(c.size, 0);
	changes_note(&c, 7);
	changes_note(&c, 3);
	changes_note(&c, 7);
	changes_sort(&c);
	ck_assert_uint_eq(c.n, 2);
	ck_assert_uint_eq(c.pages[0], 3);
	ck_assert_uint_eq(c.pages[1], 7);
	changes_deinit(&c);
	ck_assert(!c.kept);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("changes");
	TCase *tc = tcase_create("changes");

	tcase_add_loop_test(tc, each_verb_notes_what_it_changes, 0, nverbs);
	tcase_add_loop_test(tc, each_verb_changes_something, 0, nverbs);
	tcase_add_loop_test(tc, nothing_is_noted_where_nothing_is_kept, 0, nverbs);
	tcase_add_test(tc, without_memory_all_is_noted);
	tcase_add_test(tc, very_many_changes_are_noted_as_all);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
