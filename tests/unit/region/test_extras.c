/*
 * test_extras - the records of names, labels and shares against a plain array
 *
 * Role:       unit tests of region/extras: the index of names at random, want of memory, and what its check sees.
 * Uses:       region/, base/mem.h, check
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "region/extents.h"
#include "region/extras.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

#define NRECORDS 300u
#define NNAMES 400u

static void assert_sound(const struct extras *x)
{
	char why[200] = "";

	ck_assert_msg(extras_check(x, why, sizeof(why)), "%s", why);
}

static const char *name_of(uint32_t name)
{
	static char buf[16];

	snprintf(buf, sizeof(buf), "n%u", name);
	return buf;
}

static char *name_new(const char *name)
{
	char *copy = mem_alloc(strlen(name) + 1);

	ck_assert_ptr_nonnull(copy);
	return strcpy(copy, name);
}

/* A record of its own for extent @extent; it must get something before the next check. */
static uint32_t record(struct extras *x, uint32_t extent)
{
	ck_assert_int_eq(extras_reserve(x, 1), 0);
	return extras_add(x, extent);
}

static void set_name(struct extras *x, uint32_t i, const char *name)
{
	ck_assert_int_eq(extras_reserve_name(x), 0);
	extras_set_name(x, i, name_new(name));
}

static void drop(struct extras *x, uint32_t i)
{
	extras_set_name(x, i, NULL);
	extras_set_label(x, i, NULL);
	ck_assert(extras_trim(x, i));
}

/* Record k has name[k] (0: none); who has a name is found by looking at all. */
static uint32_t find(const uint32_t *name, uint32_t wanted)
{
	for (uint32_t k = 0; k < NRECORDS; k++) {
		if (name[k] == wanted)
			return k;
	}
	return NRECORDS;
}

START_TEST(names_agree_with_an_array)
{
	uint32_t name[NRECORDS] = {0}, index[NRECORDS], n = 0;
	struct extras *x;
	struct random rnd;

	random_init(&rnd, "names_agree_with_an_array");
	ck_assert_int_eq(extras_new(&x), 0);
	for (uint32_t k = 0; k < NRECORDS; k++) {
		index[k] = record(x, k + 1);
		extras_set_label(x, index[k], label_new("so that it stays"));
	}
	for (int step = 0; step < 40000; step++) {
		/* Phases of filling and emptying. */
		bool fill = random_below(&rnd, 10) < (step / 4000 % 2 ? 2u : 8u);
		uint32_t k = (uint32_t)random_below(&rnd, NRECORDS), wanted, other, got;

		wanted = fill ? 1 + (uint32_t)random_below(&rnd, NNAMES) : 0;
		other = wanted ? find(name, wanted) : NRECORDS;
		got = extras_find(x, name_of(wanted));
		ck_assert_uint_eq(got, other == NRECORDS ? EXTRA_NONE : index[other]);
		if (other == NRECORDS) {
			n = n + (wanted != 0) - (name[k] != 0);
			name[k] = wanted;
			if (wanted)
				set_name(x, index[k], name_of(wanted));
			else
				extras_set_name(x, index[k], NULL);
		} else if (!name[k]) {
			extras_move_name(x, index[other], index[k]);
			name[k] = wanted;
			name[other] = 0;
		}
		ck_assert_uint_eq(x->nnamed, n);
		if (step % 100 == 0)
			assert_sound(x);
	}
	assert_sound(x);
	extras_destroy(x);
}
END_TEST

START_TEST(records_are_used_again)
{
	struct extras *x;
	uint32_t a, b;

	ck_assert_int_eq(extras_new(&x), 0);
	a = record(x, 1);
	set_name(x, a, "a");
	b = record(x, 2);
	set_name(x, b, "b");
	ck_assert_uint_ne(a, b);
	ck_assert(!extras_trim(x, a));
	drop(x, a);
	assert_sound(x);
	ck_assert_uint_eq(record(x, 3), a);
	set_name(x, a, "a");
	ck_assert_uint_eq(extras_find(x, "a"), a);
	ck_assert_uint_eq(extras_find(x, "b"), b);
	ck_assert_uint_eq(extras_find(x, "c"), EXTRA_NONE);
	assert_sound(x);
	extras_destroy(x);
}
END_TEST

START_TEST(a_label_lives_as_long_as_its_users)
{
	struct label *label = label_new("shared");
	struct extras *x;
	uint32_t a, b;

	ck_assert_int_eq(extras_new(&x), 0);
	a = record(x, 1);
	b = record(x, 2);
	extras_set_label(x, a, label);
	extras_set_label(x, b, label_use(label));
	drop(x, a);
	ck_assert_str_eq(extras_get(x, b)->label->text, "shared");
	/* Sanitizers and valgrind see whether it goes with the last one. */
	drop(x, b);
	assert_sound(x);
	extras_destroy(x);
}
END_TEST

/* As the manual says, with what malloc(3) adds: 64 bytes each. And who has nothing of it pays nothing. */
START_TEST(sizes_are_as_promised)
{
	ck_assert_uint_le(sizeof(struct extra), 48);
	ck_assert_uint_le(sizeof(struct share), 48);
	ck_assert_uint_eq(sizeof(struct extent), 32);
}
END_TEST

START_TEST(without_memory_all_stays)
{
	struct extras *x = NULL;
	long n;

	for (n = 0;; n++) {
		mem_fail_after(n);
		if (extras_new(&x) == 0)
			break;
		ck_assert_ptr_null(x);
	}
	ck_assert_int_ge(n, 1);
	for (uint32_t k = 1; k < 100; k++) {
		uint32_t i;

		mem_fail_after(-1);
		assert_sound(x);
		mem_fail_after(0);
		if (extras_reserve(x, 1) == -ENOMEM) {
			mem_fail_after(-1);
			assert_sound(x);
			ck_assert_int_eq(extras_reserve(x, 1), 0);
		}
		mem_fail_after(0);
		i = extras_add(x, k);
		if (extras_reserve_name(x) == -ENOMEM) {
			mem_fail_after(-1);
			ck_assert_int_eq(extras_reserve_name(x), 0);
		}
		mem_fail_after(-1);
		extras_set_name(x, i, name_new(name_of(k)));
		for (uint32_t j = 1; j <= k; j++)
			ck_assert_uint_ne(extras_find(x, name_of(j)), EXTRA_NONE);
	}
	assert_sound(x);
	extras_destroy(x);
}
END_TEST

static void break_slot(struct extras *x)
{
	for (uint32_t slot = 0; slot < 1u << x->names_bits; slot++)
		x->names[slot] = EXTRA_NONE;
}
static void break_twice(struct extras *x)
{
	uint32_t slot = 0;

	while (x->names[slot] != EXTRA_NONE)
		slot++;
	x->names[slot] = 1;
}
static void break_hash(struct extras *x)
{
	extras_get(x, 1)->hash ^= 1;
}
static void break_name(struct extras *x)
{
	extras_get(x, 1)->name[0]++;
}
static void break_nnamed(struct extras *x)
{
	x->nnamed++;
}
static void break_empty(struct extras *x)
{
	label_drop(take_ptr(extras_get(x, 2)->label));
}
static void break_freed(struct extras *x)
{
	extras_get(x, 2)->extent = EXTENT_NONE;
}
static void break_nfree(struct extras *x)
{
	x->nfree++;
}

static const struct {
	void (*break_it)(struct extras *x);
	const char *name;
} breakages[] = {
	{break_slot, "X1"},   {break_twice, "X1"}, {break_hash, "X1"},  {break_name, "X1"},
	{break_nnamed, "X1"}, {break_empty, "X2"}, {break_freed, "X2"}, {break_nfree, "X2"},
};

START_TEST(check_names_what_is_broken)
{
	char why[200] = "";
	struct extras *x;

	ck_assert_int_eq(extras_new(&x), 0);
	set_name(x, record(x, 1), "first");
	extras_set_label(x, record(x, 2), label_new("second"));
	assert_sound(x);
	breakages[_i].break_it(x);
	ck_assert(!extras_check(x, why, sizeof(why)));
	ck_assert_msg(strncmp(why, breakages[_i].name, 2) == 0, "wanted %s, got %s",
		      breakages[_i].name, why);
	extras_destroy(x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("extras");
	TCase *tc = tcase_create("extras");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, names_agree_with_an_array);
	tcase_add_test(tc, records_are_used_again);
	tcase_add_test(tc, a_label_lives_as_long_as_its_users);
	tcase_add_test(tc, sizes_are_as_promised);
	tcase_add_test(tc, without_memory_all_stays);
	tcase_add_loop_test(tc, check_names_what_is_broken, 0, (int)ARRAY_SIZE(breakages));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
