/*
 * test_lookup - extents with names and labels
 *
 * Role:       unit tests of Alloc's name and label, of Lookup, List and Annotate in rpc/.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"

#define PAGE(N) (BASE + (N)*UINT64_C(4096))

static const char name64[] = "a name of sixty-four bytes, which is one more than a name may have";
static char label128[PALLOCD_LABEL_BYTES_MAX + 2];

static const Reply *alloc_called(uint64_t *npages, size_t n, const char *name, const char *label)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 1;
	m.npages = npages;
	m.n_npages = n;
	m.name = (char *)(uintptr_t)name;
	m.label = (char *)(uintptr_t)label;
	return call(&REQUEST(1, ALLOC, alloc, &m));
}

static const Reply *alloc_named(uint64_t npages, const char *name, const char *label)
{
	return alloc_called(&npages, 1, name, label);
}

static const Reply *lookup(const char *name)
{
	Pallocd__V1__Lookup m = PALLOCD__V1__LOOKUP__INIT;

	m.region_id = 1;
	m.name = (char *)(uintptr_t)name;
	return call(&REQUEST(1, LOOKUP, lookup, &m));
}

static const Reply *annotate(uint64_t addr, const char *name, const char *label)
{
	Pallocd__V1__Annotate m = PALLOCD__V1__ANNOTATE__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.set_name = name != NULL;
	m.set_label = label != NULL;
	if (name)
		m.name = (char *)(uintptr_t)name;
	if (label)
		m.label = (char *)(uintptr_t)label;
	return call(&REQUEST(1, ANNOTATE, annotate, &m));
}

static const Pallocd__V1__ListReply *list(const Pallocd__V1__List *m)
{
	assert_ok(call(&REQUEST(1, LIST, list, (Pallocd__V1__List *)(uintptr_t)m)));
	return f.reply->list;
}

START_TEST(an_extent_is_found_by_its_name)
{
	const Pallocd__V1__Extent *e;
	uint64_t addr;

	hello();
	alloc_n((uint64_t[]){1}, 1, 0);
	addr = alloc_named(7, "frames", "of camera 2")->alloc->addr[0];
	assert_ok(f.reply);
	ck_assert_uint_eq(f.reply->alloc->scavenged_npages, 7);
	assert_ok(lookup("frames"));
	e = f.reply->lookup->extent;
	ck_assert_uint_eq(e->addr, addr);
	ck_assert_uint_eq(e->npages, 7);
	ck_assert_uint_eq(e->session, f.conn->session->id);
	ck_assert_uint_eq(e->uid, 1000);
	ck_assert_str_eq(e->name, "frames");
	ck_assert_str_eq(e->label, "of camera 2");
	ck_assert_uint_eq(e->nholders, 1);
	ck_assert(!e->quarantined);
	free_n(&addr, (uint64_t[]){7}, 1, 1);
	assert_refused(lookup("frames"), PALLOCD_NOT_FOUND, "name");
	ck_assert_str_eq(f.reply->message, "no extent of region r has the name 'frames'");
}
END_TEST

START_TEST(names_that_are_refused)
{
	uint64_t two[] = {1, 1};
	struct state before;

	memset(label128, 'l', sizeof(label128) - 1);
	hello();
	assert_ok(alloc_named(1, "taken", ""));
	before = state_of(1);
	assert_refused(alloc_named(1, name64, ""), PALLOCD_LIMIT, "name");
	ck_assert_uint_eq(f.reply->refusal->limit, PALLOCD_NAME_BYTES_MAX);
	ck_assert_uint_eq(f.reply->refusal->asked, strlen(name64));
	assert_refused(alloc_named(1, "", label128), PALLOCD_LIMIT, "label");
	ck_assert_uint_eq(f.reply->refusal->limit, PALLOCD_LABEL_BYTES_MAX);
	assert_refused(alloc_named(1, "new\nline", ""), PALLOCD_INVALID, "name");
	assert_refused(alloc_named(1, "", "\x1b[31m"), PALLOCD_INVALID, "label");
	assert_refused(alloc_named(1, "", "\xe4"), PALLOCD_INVALID, "label");
	assert_refused(alloc_called(two, 2, "twins", ""), PALLOCD_INVALID, "name");
	assert_refused(alloc_named(1, "taken", ""), PALLOCD_NAME_TAKEN, "name");
	ck_assert_uint_eq(f.reply->refusal->addr, BASE);
	assert_refused(alloc_named(5000, "large", ""), PALLOCD_LIMIT, "npages");
	assert_refused(alloc_named(1024, "large", ""), PALLOCD_NO_SPACE, "npages");
	assert_refused(lookup(""), PALLOCD_INVALID, "name");
	assert_refused(lookup(name64), PALLOCD_LIMIT, "name");
	assert_refused(lookup("\x80"), PALLOCD_INVALID, "name");
	assert_refused(lookup("large"), PALLOCD_NOT_FOUND, "name");
	assert_unchanged(1, &before);
	/* As long as they may be. */
	label128[PALLOCD_LABEL_BYTES_MAX] = '\0';
	assert_ok(alloc_named(1, name64 + strlen(name64) - PALLOCD_NAME_BYTES_MAX, label128));
}
END_TEST

START_TEST(a_scattered_alloc_has_no_name_but_may_have_a_label)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__List all = PALLOCD__V1__LIST__INIT;

	hello();
	m.region_id = 1;
	m.npages = (uint64_t[]){10};
	m.n_npages = 1;
	m.scatter_extents = 4;
	m.name = (char *)"name";
	assert_refused(call(&REQUEST(1, ALLOC, alloc, &m)), PALLOCD_INVALID, "name");
	m.name = (char *)"";
	m.label = (char *)"label";
	assert_ok(call(&REQUEST(1, ALLOC, alloc, &m)));
	all.region_id = 1;
	ck_assert_str_eq(list(&all)->extents[0]->label, "label");
}
END_TEST

/* All extents of a batch have the label, or there is none of them, whatever memory is missing. */
START_TEST(a_batch_is_labelled_as_a_whole)
{
	uint64_t npages[] = {1, 2, 3, 4};
	Pallocd__V1__List all = PALLOCD__V1__LIST__INIT;
	struct state before;
	unsigned failed = 0;

	hello();
	alloc_n((uint64_t[]){1}, 1, 0);
	before = state_of(1);
	for (long n = 0;; n++) {
		mem_fail_after(n);
		alloc_called(npages, 4, "", "batch");
		mem_fail_after(-1);
		if (!f.reply->status)
			break;
		assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
		assert_unchanged(1, &before);
		failed++;
	}
	ck_assert_uint_gt(failed, 2);
	all.region_id = 1;
	ck_assert_uint_eq(list(&all)->n_extents, 5);
	for (size_t i = 1; i < 5; i++)
		ck_assert_str_eq(f.reply->list->extents[i]->label, "batch");
}
END_TEST

START_TEST(annotate_changes_what_it_is_told)
{
	hello();
	alloc_named(2, "one", "first");
	alloc_named(2, "two", "second");
	assert_ok(annotate(PAGE(0), "three", NULL));
	assert_refused(lookup("one"), PALLOCD_NOT_FOUND, "name");
	ck_assert_str_eq(lookup("three")->lookup->extent->label, "first");
	assert_ok(annotate(PAGE(0), NULL, "third"));
	ck_assert_str_eq(lookup("three")->lookup->extent->label, "third");
	assert_ok(annotate(PAGE(0), "", ""));
	assert_refused(lookup("three"), PALLOCD_NOT_FOUND, "name");
	/* Nothing is set: nothing changes. */
	assert_ok(annotate(PAGE(2), NULL, NULL));
	ck_assert_str_eq(lookup("two")->lookup->extent->label, "second");
	/* A name that is its own already. */
	assert_ok(annotate(PAGE(2), "two", "again"));
	ck_assert_str_eq(lookup("two")->lookup->extent->label, "again");
}
END_TEST

START_TEST(annotate_refusals)
{
	struct rpc_conn other;

	hello();
	alloc_named(2, "one", "first");
	alloc_named(2, "two", "second");
	assert_refused(annotate(PAGE(0), "two", NULL), PALLOCD_NAME_TAKEN, "name");
	ck_assert_uint_eq(f.reply->refusal->addr, PAGE(2));
	assert_refused(annotate(PAGE(0), name64, NULL), PALLOCD_LIMIT, "name");
	assert_refused(annotate(PAGE(0), "\t", NULL), PALLOCD_INVALID, "name");
	assert_refused(annotate(PAGE(0), NULL, "\t"), PALLOCD_INVALID, "label");
	assert_refused(annotate(PAGE(1), "x", NULL), PALLOCD_INVALID, "addr");
	ck_assert_uint_eq(f.reply->refusal->addr, PAGE(0));
	assert_refused(annotate(PAGE(9), "x", NULL), PALLOCD_NOT_ALLOCATED, "addr");
	assert_refused(annotate(PAGE(0) + 1, "x", NULL), PALLOCD_UNALIGNED, "addr");
	assert_refused(annotate(0, "x", NULL), PALLOCD_OUT_OF_REGION, "addr");
	other_open(&other, 1001);
	conn_swap(&other);
	assert_refused(annotate(PAGE(0), "x", NULL), PALLOCD_NOT_OWNER, "addr");
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
	ck_assert_str_eq(lookup("one")->lookup->extent->label, "first");
}
END_TEST

START_TEST(two_names_do_not_become_one)
{
	Pallocd__V1__Join m = PALLOCD__V1__JOIN__INIT;

	hello();
	alloc_named(2, "one", "first");
	alloc_named(2, "two", "second");
	m.region_id = 1;
	m.addr = PAGE(0);
	m.npages = 4;
	assert_refused(call(&REQUEST(1, JOIN, join, &m)), PALLOCD_INVALID, "npages");
	assert_says("take the other name away");
	ck_assert_uint_eq(f.reply->refusal->addr, PAGE(2));
	assert_ok(annotate(PAGE(0), "", NULL));
	assert_ok(call(&REQUEST(1, JOIN, join, &m)));
	ck_assert_uint_eq(lookup("two")->lookup->extent->npages, 4);
	ck_assert_str_eq(f.reply->lookup->extent->label, "first");
}
END_TEST

/* A name is free as soon as its extent's session has ended. */
START_TEST(a_name_is_taken_over_from_the_dead)
{
	struct rpc_conn other;

	hello();
	other_open(&other, 1001);
	conn_swap(&other);
	assert_ok(alloc_named(2, "service", ""));
	conn_swap(&other);
	assert_refused(alloc_named(2, "service", ""), PALLOCD_NAME_TAKEN, "name");
	rpc_conn_close(&other, SESSION_DIED);
	assert_ok(alloc_named(2, "service", ""));
}
END_TEST

/* What a filter lets through, as lengths: each extent has another one. */
static const char *listed(const Pallocd__V1__List *m)
{
	static char text[64];
	const Pallocd__V1__ListReply *r = list(m);
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < r->n_extents; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%llu ",
				       (unsigned long long)r->extents[i]->npages);
	ck_assert(!r->more);
	return text;
}

START_TEST(list_filters)
{
	Pallocd__V1__List m = PALLOCD__V1__LIST__INIT;
	struct rpc_conn other;

	hello();
	other_open(&other, 1001);
	alloc_named(1, "cam0", "");
	alloc_named(2, "cam1", "");
	alloc_n((uint64_t[]){3}, 1, PALLOCD__V1__LIFETIME__DETACHED);
	conn_swap(&other);
	alloc_named(4, "disk", "");
	alloc_n((uint64_t[]){5}, 1, 0);
	conn_swap(&other);
	assert_refused(call(&REQUEST(1, LIST, list, &m)), PALLOCD_NO_REGION, "region");
	m.region_id = 1;
	ck_assert_str_eq(listed(&m), "1 2 3 4 5 ");
	m.session = f.conn->session->id;
	ck_assert_str_eq(listed(&m), "1 2 ");
	m.session = 0;
	m.by_uid = true;
	m.uid = 1000;
	ck_assert_str_eq(listed(&m), "1 2 3 ");
	m.uid = 0;
	ck_assert_str_eq(listed(&m), "");
	m.by_uid = false;
	m.name_pattern = (char *)"cam*";
	ck_assert_str_eq(listed(&m), "1 2 ");
	m.name_pattern = (char *)"*[1k]";
	ck_assert_str_eq(listed(&m), "2 4 ");
	m.name_pattern = (char *)"";
	m.min_npages = 2;
	m.max_npages = 4;
	ck_assert_str_eq(listed(&m), "2 3 4 ");
	m.lowest_addr = PAGE(2);
	m.limit_addr = PAGE(6);
	ck_assert_str_eq(listed(&m), "3 ");
	m.min_npages = m.max_npages = 0;
	m.session = other.session->id;
	m.limit_addr = 0;
	ck_assert_str_eq(listed(&m), "4 5 ");
	m.session = 4711;
	assert_refused(call(&REQUEST(1, LIST, list, &m)), PALLOCD_NO_SESSION, "session");
	m.session = 0;
	m.name_pattern = (char *)(uintptr_t)name64;
	assert_refused(call(&REQUEST(1, LIST, list, &m)), PALLOCD_LIMIT, "name_pattern");
	m.name_pattern = (char *)"\n";
	assert_refused(call(&REQUEST(1, LIST, list, &m)), PALLOCD_INVALID, "name_pattern");
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

/* Asking on from next_addr shows each extent once, in frames that are as full as they may be. */
START_TEST(list_comes_in_parts)
{
	static const uint32_t max[] = {0, 1, 100, 100000};
	Pallocd__V1__List m = PALLOCD__V1__LIST__INIT;
	const Pallocd__V1__ListReply *r;
	size_t n = 0, largest = 0;
	char name[64];

	memset(label128, 'l', PALLOCD_LABEL_BYTES_MAX);
	memset(name, 'n', sizeof(name));
	hello();
	for (unsigned i = 0; i < 900; i++) {
		snprintf(name + 59, 5, "%04u", i);
		/* The first half has the longest texts, the second none at all. */
		assert_ok(i < 450 ? alloc_named(1, name, label128)
				  : alloc_n((uint64_t[]){1}, 1, 0));
	}
	m.region_id = 1;
	m.max_extents = max[_i];
	do {
		r = list(&m);
		ck_assert_uint_gt(r->n_extents, 0);
		ck_assert_uint_le(r->n_extents, PALLOCD_LIST_EXTENTS_MAX);
		if (max[_i])
			ck_assert_uint_le(r->n_extents, max[_i]);
		for (size_t i = 0; i < r->n_extents; i++)
			ck_assert_uint_eq(r->extents[i]->addr, PAGE(n++));
		if (f.out.n > largest)
			largest = f.out.n;
		m.lowest_addr = r->next_addr;
		ck_assert(!r->more || r->next_addr == PAGE(n));
	} while (r->more);
	ck_assert_uint_eq(n, 900);
	if (!max[_i])
		ck_assert_uint_gt(largest, PALLOCD_FRAME_BYTES_MAX - 512);
}
END_TEST

/* A part may hold nothing: what is looked at in one turn is limited. */
START_TEST(list_looks_in_slices)
{
	static uint64_t npages[2048];
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__List m = PALLOCD__V1__LIST__INIT;
	const Pallocd__V1__ListReply *r;
	size_t n = 0;
	int nparts = 0;

	region_make("wide", 10240, 10240);
	hello();
	a.region_id = 2;
	a.npages = npages;
	a.n_npages = 2048;
	for (size_t i = 0; i < 2048; i++)
		npages[i] = 1;
	for (int i = 0; i < 5; i++)
		assert_ok(call(&REQUEST(1, ALLOC, alloc, &a)));
	m.region_id = 2;
	m.name_pattern = (char *)"*";
	do {
		r = list(&m);
		n += r->n_extents;
		m.lowest_addr = r->next_addr;
		nparts++;
	} while (r->more);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(nparts, 3);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, an_extent_is_found_by_its_name);
	tcase_add_test(tc, names_that_are_refused);
	tcase_add_test(tc, a_scattered_alloc_has_no_name_but_may_have_a_label);
	tcase_add_test(tc, a_batch_is_labelled_as_a_whole);
	tcase_add_test(tc, annotate_changes_what_it_is_told);
	tcase_add_test(tc, annotate_refusals);
	tcase_add_test(tc, two_names_do_not_become_one);
	tcase_add_test(tc, a_name_is_taken_over_from_the_dead);
	tcase_add_test(tc, list_filters);
	tcase_add_loop_test(tc, list_comes_in_parts, 0, 4);
	tcase_add_test(tc, list_looks_in_slices);
}

int main(void)
{
	return run("lookup", add_tests);
}
