/*
 * test_names - what extents are called, how they are found, and what becomes of names when extents change their shape
 *
 * Role:       unit tests of region/region_name and region/region_list; want of memory at every point.
 * Uses:       region/, base/mem.h, check
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/unit/suite.h"
#include "world.h"

static uint64_t addr_of(uint64_t page)
{
	return BASE + page * PAGE;
}

/* An extent of @s's; the outcome. It lies at *@ret_page. */
static int name_take(struct world *w, struct session *s, uint64_t npages, const char *name,
		     const char *label, uint64_t *ret_page)
{
	struct region_refusal rr = {0};
	uint64_t addr, scavenged;
	int err = region_alloc_named(w->r, &s->owner, npages, name, label, NULL, &addr, &scavenged,
				     &rr);

	if (!err)
		*ret_page = (addr - BASE) / PAGE;
	return err;
}

static uint64_t must_name(struct world *w, struct session *s, uint64_t npages, const char *name,
			  const char *label)
{
	uint64_t page;

	ck_assert_int_eq(name_take(w, s, npages, name, label, &page), 0);
	return page;
}

static int annotate(struct world *w, struct session *s, uint64_t page, const char *name,
		    const char *label)
{
	struct region_refusal rr = {0};

	return region_annotate(w->r, s, addr_of(page), name, label, &rr);
}

/* All extents in a line: "0+10 name/label, 20+5 /label". */
static const char *extents(const struct world *w)
{
	struct region_filter f = {0};
	struct region_view v[16];
	static char line[600];
	uint64_t addr = 0;
	size_t at = 0;
	bool done;
	uint32_t n = region_list(w->r, &f, &addr, 1000, v, ARRAY_SIZE(v), &done);

	world_check(w);
	ck_assert(done);
	line[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%u+%u", i ? ", " : "",
				       (unsigned)((v[i].addr - BASE) / PAGE),
				       (unsigned)v[i].npages);
		if (*v[i].name || *v[i].label)
			at += (size_t)snprintf(line + at, sizeof(line) - at, " %s/%s", v[i].name,
					       v[i].label);
	}
	return line;
}

START_TEST(names_are_unique_and_found)
{
	struct region_refusal rr = {0};
	struct region_view view;
	uint64_t addr, scavenged, page;
	struct world w;

	world_init(&w, 1000, 1000, 0);
	must_take(&w, w.b, 5);
	ck_assert_int_eq(region_lookup(w.r, "a", &view), REGION_E_NOT_FOUND);
	ck_assert_uint_eq(must_name(&w, w.a, 10, "a", "for tests"), 5);
	ck_assert_int_eq(region_lookup(w.r, "a", &view), 0);
	ck_assert_uint_eq(view.addr, addr_of(5));
	ck_assert_uint_eq(view.npages, 10);
	ck_assert_uint_eq(view.session, w.a->id);
	ck_assert_ptr_eq(view.owner, &w.a->owner);
	ck_assert_uint_eq(view.uid, 1000);
	ck_assert_uint_eq(view.nholders, 1);
	ck_assert_str_eq(view.name, "a");
	ck_assert_str_eq(view.label, "for tests");
	ck_assert(!view.quarantined);
	ck_assert_int_eq(region_lookup(w.r, "A", &view), REGION_E_NOT_FOUND);
	ck_assert_int_eq(region_lookup(w.r, "", &view), REGION_E_NOT_FOUND);
	/* Another user's too: a region has one of each. The refusal says where it is, and nothing was taken. */
	ck_assert_int_eq(
		region_alloc_named(w.r, &w.c->owner, 1, "a", "", NULL, &addr, &scavenged, &rr),
		REGION_E_NAME_TAKEN);
	ck_assert_uint_eq(rr.addr, addr_of(5));
	ck_assert_str_eq(extents(&w), "0+5, 5+10 a/for tests");
	/* It is free when the extent is. */
	ck_assert_int_eq(give(&w, w.a, 5, 10), 0);
	ck_assert_int_eq(region_lookup(w.r, "a", &view), REGION_E_NOT_FOUND);
	ck_assert_int_eq(name_take(&w, w.c, 1, "a", "", &page), 0);
	ck_assert_uint_eq(region_nnamed(w.r), 1);
	/* As for region_alloc(). */
	ck_assert_int_eq(name_take(&w, w.c, 0, "b", "", &page), REGION_E_EMPTY);
	ck_assert_int_eq(name_take(&w, w.c, 1001, "b", "", &page), REGION_E_LIMIT);
	ck_assert_int_eq(name_take(&w, w.c, 1000, "b", "", &page), REGION_E_NO_SPACE);
	ck_assert_uint_eq(region_nnamed(w.r), 1);
	world_deinit(&w);
}
END_TEST

START_TEST(annotations)
{
	struct region_refusal rr = {0};
	struct session *root;
	struct world w;

	world_init(&w, 1000, 1000, 0);
	root = world_session(&w, 0);
	must_take(&w, w.a, 10);
	must_name(&w, w.a, 10, "b", "");
	ck_assert_int_eq(annotate(&w, w.a, 0, "a", "x"), 0);
	ck_assert_str_eq(extents(&w), "0+10 a/x, 10+10 b/");
	/* NULL leaves it, "" removes it; its own name it may get again. */
	ck_assert_int_eq(annotate(&w, w.a, 0, NULL, "y"), 0);
	ck_assert_int_eq(annotate(&w, w.a, 0, "a", NULL), 0);
	ck_assert_int_eq(annotate(&w, w.a, 0, NULL, NULL), 0);
	ck_assert_str_eq(extents(&w), "0+10 a/y, 10+10 b/");
	ck_assert_int_eq(annotate(&w, w.a, 0, "", NULL), 0);
	ck_assert_str_eq(extents(&w), "0+10 /y, 10+10 b/");
	ck_assert_int_eq(annotate(&w, w.a, 0, NULL, ""), 0);
	ck_assert_int_eq(annotate(&w, w.a, 0, "", ""), 0);
	ck_assert_str_eq(extents(&w), "0+10, 10+10 b/");
	/* Only who may free it; and whoever may. */
	ck_assert_int_eq(annotate(&w, w.b, 0, "z", ""), REGION_E_NOT_OWNER);
	ck_assert_int_eq(annotate(&w, w.c, 0, "z", ""), REGION_E_NOT_OWNER);
	ck_assert_int_eq(annotate(&w, root, 0, "z", ""), 0);
	ck_assert_str_eq(extents(&w), "0+10 z/, 10+10 b/");
	ck_assert_int_eq(annotate(&w, w.a, 5, "q", ""), REGION_E_INSIDE);
	ck_assert_int_eq(annotate(&w, w.a, 20, "q", ""), REGION_E_NOT_ALLOCATED);
	ck_assert_int_eq(annotate(&w, w.a, 1000, "q", ""), REGION_E_OUT_OF_REGION);
	ck_assert_int_eq(region_annotate(w.r, w.a, BASE + 1, "q", "", &rr), REGION_E_UNALIGNED);
	ck_assert_int_eq(region_annotate(w.r, w.a, addr_of(0), "b", "new", &rr),
			 REGION_E_NAME_TAKEN);
	ck_assert_uint_eq(rr.addr, addr_of(10));
	ck_assert_str_eq(extents(&w), "0+10 z/, 10+10 b/");
	region_fault(w.r, "for the test");
	ck_assert_int_eq(annotate(&w, w.a, 0, "q", ""), REGION_E_FAULTED);
	ck_assert_int_eq(
		region_alloc_named(w.r, &w.a->owner, 1, "b", "", NULL, &rr.addr, &rr.used, &rr),
		REGION_E_FAULTED);
	regions_deinit(&w.regions);
}
END_TEST

/* Extent 0+10 "n" with label "l" after one free; "" in the end: all of it. */
static const struct cut_case {
	uint64_t page, npages;
	const char *left;
} cut_cases[] = {
	{0, 3, "3+7 n/l"}, {7, 3, "0+7 n/l"}, {3, 4, "0+3 n/l, 7+3 /l"},
	{0, 10, ""},       {9, 1, "0+9 n/l"},
};

START_TEST(the_lowest_part_that_is_left_keeps_the_name)
{
	const struct cut_case *c = &cut_cases[_i];
	struct world w;

	world_init(&w, 100, 100, 0);
	must_name(&w, w.a, 10, "n", "l");
	ck_assert_int_eq(give(&w, w.a, c->page, c->npages), 0);
	ck_assert_str_eq(extents(&w), c->left);
	world_deinit(&w);
}
END_TEST

START_TEST(a_batch_cuts_one_after_the_other)
{
	uint64_t addr[] = {addr_of(2), addr_of(6), addr_of(0), addr_of(12)};
	uint64_t npages[] = {1, 2, 1, 3}, given, shared;
	struct region_refusal rr = {0};
	struct world w;

	world_init(&w, 100, 100, 0);
	must_name(&w, w.a, 10, "n", "l");
	must_name(&w, w.a, 10, "m", "k");
	ck_assert_int_eq(region_free(w.r, w.a, addr, npages, 4, &given, &shared, &rr), 0);
	ck_assert_str_eq(extents(&w), "1+1 n/l, 3+3 /l, 8+2 /l, 10+2 m/k, 15+5 /k");
	ck_assert_uint_eq(given, 7);
	ck_assert_uint_eq(shared, 0);
	world_deinit(&w);
}
END_TEST

START_TEST(split_and_resize)
{
	uint64_t addr, npages, upper, scavenged;
	struct region_refusal rr = {0};
	struct world w;

	world_init(&w, 100, 100, 0);
	must_name(&w, w.a, 10, "n", "l");
	ck_assert_int_eq(region_split(w.r, w.a, addr_of(4), &addr, &npages, &upper, &rr), 0);
	ck_assert_str_eq(extents(&w), "0+4 n/l, 4+6 /l");
	ck_assert_int_eq(
		region_resize(w.r, w.a, addr_of(4), 20, REGION_UPPER, &addr, &scavenged, &rr), 0);
	ck_assert_int_eq(
		region_resize(w.r, w.a, addr_of(0), 2, REGION_LOWER, &addr, &scavenged, &rr), 0);
	ck_assert_str_eq(extents(&w), "2+2 n/l, 4+20 /l");
	/* Labels of one origin are apart from now on. */
	ck_assert_int_eq(annotate(&w, w.a, 4, NULL, "m"), 0);
	ck_assert_str_eq(extents(&w), "2+2 n/l, 4+20 /m");
	world_deinit(&w);
}
END_TEST

/* Three extents of 5 pages each, and what becomes of them. */
static const struct join_case {
	const char *name[3], *label[3];
	const char *joined; /* NULL: refused */
	uint64_t bad;       /* the page that the refusal is about */
} join_cases[] = {
	{{"", "", ""}, {"", "", ""}, "0+15", 0},
	{{"a", "", ""}, {"", "", ""}, "0+15 a/", 0},
	{{"", "a", ""}, {"", "", ""}, "0+15 a/", 0},
	{{"", "", "a"}, {"", "", ""}, "0+15 a/", 0},
	{{"", "", "a"}, {"x", "", ""}, "0+15 a/x", 0},
	{{"", "a", ""}, {"", "y", "z"}, "0+15 a/y", 0},
	{{"a", "", ""}, {"", "y", "z"}, "0+15 a/y", 0},
	{{"", "", "a"}, {"", "y", "z"}, "0+15 a/y", 0},
	{{"", "", ""}, {"x", "y", "z"}, "0+15 /x", 0},
	{{"a", "b", ""}, {"", "", ""}, NULL, 5},
	{{"a", "", "b"}, {"", "y", ""}, NULL, 10},
	{{"", "a", "b"}, {"x", "", ""}, NULL, 10},
};

START_TEST(joined_extents_keep_one_name_and_the_lowest_label)
{
	const struct join_case *c = &join_cases[_i];
	struct region_refusal rr = {0};
	struct region_view view;
	char before[600];
	struct world w;
	uint32_t n;
	int err;

	world_init(&w, 100, 100, 0);
	for (int i = 0; i < 3; i++)
		must_name(&w, w.a, 5, c->name[i], c->label[i]);
	snprintf(before, sizeof(before), "%s", extents(&w));
	err = region_join(w.r, w.a, addr_of(0), 15, &n, &rr);
	ck_assert_int_eq(err, c->joined ? 0 : REGION_E_PLACEMENT);
	ck_assert_str_eq(extents(&w), c->joined ? c->joined : before);
	if (err) {
		ck_assert_uint_eq(rr.addr, addr_of(c->bad));
		ck_assert_str_eq(rr.field, "npages");
		ck_assert_ptr_nonnull(strstr(rr.why, "name"));
	} else if (strchr(c->joined, 'a')) {
		ck_assert_int_eq(region_lookup(w.r, "a", &view), 0);
		ck_assert_uint_eq(view.npages, 15);
	}
	world_deinit(&w);
}
END_TEST

START_TEST(views_of_any_address)
{
	struct region_view view;
	struct world w;

	world_init(&w, 100, 100, 0);
	must_take(&w, w.a, 5);
	ck_assert_int_eq(region_view(w.r, BASE, &view), 0);
	ck_assert_str_eq(view.name, "");
	ck_assert_str_eq(view.label, "");
	ck_assert_int_eq(region_view(w.r, BASE + 1, &view), REGION_E_NOT_FOUND);
	ck_assert_int_eq(region_view(w.r, BASE + PAGE, &view), REGION_E_NOT_FOUND);
	ck_assert_int_eq(region_view(w.r, BASE + 5 * PAGE, &view), REGION_E_NOT_FOUND);
	ck_assert_int_eq(region_view(w.r, BASE + 100 * PAGE, &view), REGION_E_NOT_FOUND);
	ck_assert_int_eq(region_view(w.r, BASE - PAGE, &view), REGION_E_NOT_FOUND);
	ck_assert_int_eq(region_view(w.r, 0, &view), REGION_E_NOT_FOUND);
	ck_assert_int_eq(region_view(w.r, UINT64_MAX, &view), REGION_E_NOT_FOUND);
	/* What a session leaves in a faulted region is nobody's, but can be looked at. */
	region_fault(w.r, "for the test");
	world_end(w.a);
	ck_assert(regions_reclaim(&w.regions, 100, 0));
	ck_assert_int_eq(region_view(w.r, BASE, &view), 0);
	ck_assert_ptr_null(view.owner);
	ck_assert_uint_eq(view.session, 0);
	ck_assert_uint_eq(view.uid, UINT32_MAX);
	regions_deinit(&w.regions);
}
END_TEST

/* Each step of a story with the first, second, third … taking of memory failing, until it is done. */
static int memory_alloc(struct world *w)
{
	uint64_t page;

	return name_take(w, w->a, 5, "new", "label", &page);
}
static int memory_annotate(struct world *w)
{
	return annotate(w, w->a, 20, "new", "label");
}
static int memory_rename(struct world *w)
{
	return annotate(w, w->a, 0, "new", "other");
}
static int memory_cut(struct world *w)
{
	return give(w, w->a, 3, 2);
}
static int memory_split(struct world *w)
{
	struct region_refusal rr = {0};
	uint64_t addr, npages, upper;

	return region_split(w->r, w->a, addr_of(4), &addr, &npages, &upper, &rr);
}

static const struct {
	int (*step)(struct world *w);
	const char *after;
	long takings; /* at least */
} memory_cases[] = {
	{memory_alloc, "0+10 n/l, 10+10 o/, 20+10, 30+5 new/label", 2},
	{memory_annotate, "0+10 n/l, 10+10 o/, 20+10 new/label", 2},
	{memory_rename, "0+10 new/other, 10+10 o/, 20+10", 2},
	{memory_cut, "0+3 n/l, 5+5 /l, 10+10 o/, 20+10", 1},
	{memory_split, "0+4 n/l, 4+6 /l, 10+10 o/, 20+10", 1},
};

START_TEST(without_memory_all_stays)
{
	struct world w;
	long n;
	int err;

	world_init(&w, 100, 100, 0);
	must_name(&w, w.a, 10, "n", "l");
	must_name(&w, w.a, 10, "o", "");
	must_take(&w, w.a, 10);
	for (n = 0;; n++) {
		mem_fail_after(n);
		err = memory_cases[_i].step(&w);
		mem_fail_after(-1);
		if (!err)
			break;
		ck_assert_int_eq(err, -ENOMEM);
		ck_assert_str_eq(extents(&w), "0+10 n/l, 10+10 o/, 20+10");
		ck_assert_uint_eq(region_nnamed(w.r), 2);
	}
	ck_assert_str_eq(extents(&w), memory_cases[_i].after);
	ck_assert_int_ge(n, memory_cases[_i].takings);
	world_deinit(&w);
}
END_TEST

/* Extents of a region of every kind, and which are listed: their first pages. */
static const struct list_case {
	struct region_filter f;
	char owner; /* whose: a session, or 'u', user 1000 */
	const char *pages;
} list_cases[] = {
	{{0}, 0, "0 10 20 25 40 42 "},
	{{0}, 'a', "0 20 42 "}, /* the last one it shares */
	{{0}, 'b', "40 "},
	{{0}, 'c', "25 42 "},
	{{0}, 'u', "10 "},
	{{.by_uid = true, .uid = 1000}, 0, "0 10 20 40 "},
	{{.by_uid = true, .uid = 1001}, 0, "25 42 "},
	{{.by_uid = true, .uid = 7}, 0, ""},
	{{.by_uid = true, .uid = 1001}, 'a', "42 "},
	{{.pattern = "*"}, 0, "0 20 42 "},
	{{.pattern = "frame-*"}, 0, "0 20 "},
	{{.pattern = "frame-[2-9]"}, 0, "20 "},
	{{.pattern = "?*-1"}, 0, "0 "},
	{{.pattern = "queue"}, 0, "42 "},
	{{.pattern = "Queue"}, 0, ""},
	{{.pattern = "frame-*"}, 'c', ""},
	{{.limit_addr = BASE + 20 * PAGE}, 0, "0 10 "},
	{{.limit_addr = BASE + 20 * PAGE + 1}, 0, "0 10 20 "},
	{{.limit_addr = 1}, 0, ""},
	{{.min_npages = 10}, 0, "0 10 25 "},
	{{.max_npages = 5}, 0, "20 40 42 "},
	{{.min_npages = 5, .max_npages = 5}, 0, "20 "},
	{{.min_npages = 6, .max_npages = 5}, 0, ""},
};

static void list_world(struct world *w)
{
	struct region_refusal rr = {0};
	struct region_view view;
	int err;

	world_init(w, 100, 100, 0);
	must_name(w, w->a, 10, "frame-1", "");
	take(w, world_user(w, 1000), 10, &err);
	must_name(w, w->a, 5, "frame-2", "x");
	must_take(w, w->c, 15);
	must_take(w, w->b, 2);
	must_name(w, w->c, 3, "queue", "y");
	ck_assert_int_eq(region_share(w->r, w->a, addr_of(42), &view, &rr), 0);
}

START_TEST(lists)
{
	struct region_filter f = list_cases[_i].f;
	struct region_view v[3];
	struct world w;

	list_world(&w);
	switch (list_cases[_i].owner) {
	case 'a':
		f.owner = &w.a->owner;
		break;
	case 'b':
		f.owner = &w.b->owner;
		break;
	case 'c':
		f.owner = &w.c->owner;
		break;
	case 'u':
		f.owner = world_user(&w, 1000);
		break;
	}
	/* In slices of every size, by a budget or by room, it comes to the same. */
	for (uint32_t budget = 1; budget < 9; budget++) {
		for (uint32_t max = 1; max <= ARRAY_SIZE(v); max++) {
			uint64_t addr = 0;
			char pages[100] = "";
			bool done = false;

			for (size_t at = 0; !done;) {
				uint32_t n = region_list(w.r, &f, &addr, budget, v, max, &done);

				for (uint32_t i = 0; i < n; i++)
					at += (size_t)snprintf(
						pages + at, sizeof(pages) - at, "%u ",
						(unsigned)((v[i].addr - BASE) / PAGE));
			}
			ck_assert_str_eq(pages, list_cases[_i].pages);
		}
	}
	world_deinit(&w);
}
END_TEST

START_TEST(a_list_begins_anywhere)
{
	static const uint64_t from[] = {0,
					BASE - 1,
					BASE,
					BASE + 1,
					BASE + 10 * PAGE,
					BASE + 41 * PAGE,
					BASE + 43 * PAGE,
					BASE + 99 * PAGE,
					BASE + 100 * PAGE,
					UINT64_MAX};
	static const uint32_t many[] = {6, 6, 6, 5, 5, 1, 0, 0, 0, 0};
	struct region_filter f = {0};
	struct region_view v[10];
	struct world w;
	bool done;

	list_world(&w);
	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		uint64_t addr = from[i];

		ck_assert_uint_eq(region_list(w.r, &f, &addr, 100, v, 10, &done), many[i]);
		ck_assert(done);
		ck_assert_uint_eq(addr, addr_of(100));
	}
	world_deinit(&w);
}
END_TEST

/* Who holds little among much is looked up, not searched for; who holds much is found in slices. */
START_TEST(a_list_for_one_owner_costs_what_it_holds)
{
	struct region_filter f = {0};
	struct region_view v[4];
	uint32_t nslices = 0, n = 0;
	uint64_t addr = 0;
	struct world w;
	bool done;

	world_init(&w, 10000, 10000, 0);
	for (int i = 0; i < 5000; i++)
		must_take(&w, i % 1000 ? w.a : w.b, 1);
	f.owner = &w.b->owner;
	ck_assert_uint_eq(region_list(w.r, &f, &addr, 5, v, 4, &done), 4);
	ck_assert(!done);
	ck_assert_uint_eq(v[3].addr, addr_of(3000));
	ck_assert_uint_eq(region_list(w.r, &f, &addr, 5, v, 4, &done), 1);
	ck_assert(done);
	ck_assert_uint_eq(v[0].addr, addr_of(4000));
	f.owner = &w.a->owner;
	f.min_npages = 2;
	addr = 0;
	for (done = false; !done; nslices++)
		n += region_list(w.r, &f, &addr, 100, v, 4, &done);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(nslices, 50);
	world_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names");
	TCase *tc = tcase_create("names");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, names_are_unique_and_found);
	tcase_add_test(tc, annotations);
	tcase_add_loop_test(tc, the_lowest_part_that_is_left_keeps_the_name, 0,
			    (int)ARRAY_SIZE(cut_cases));
	tcase_add_test(tc, a_batch_cuts_one_after_the_other);
	tcase_add_test(tc, split_and_resize);
	tcase_add_loop_test(tc, joined_extents_keep_one_name_and_the_lowest_label, 0,
			    (int)ARRAY_SIZE(join_cases));
	tcase_add_test(tc, views_of_any_address);
	tcase_add_loop_test(tc, without_memory_all_stays, 0, (int)ARRAY_SIZE(memory_cases));
	tcase_add_loop_test(tc, lists, 0, (int)ARRAY_SIZE(list_cases));
	tcase_add_test(tc, a_list_begins_anywhere);
	tcase_add_test(tc, a_list_for_one_owner_costs_what_it_holds);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
