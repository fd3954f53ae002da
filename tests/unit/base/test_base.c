/*
 * test_base - sizes, times, lists
 *
 * Role:       unit tests of base/.
 * Uses:       base/, check
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/size.h"

static const struct size_case {
	const char *text;
	int outcome;
	uint64_t bytes;
} size_cases[] = {
	{"0", 0, 0},
	{"1", 0, 1},
	{"4096", 0, 4096},
	{"0x1000", 0, 4096},
	{"0XfF", 0, 255},
	{"4K", 0, 4096},
	{"4k", 0, 4096},
	{"4KB", 0, 4096},
	{"4KiB", 0, 4096},
	{"16M", 0, 16 << 20},
	{"4G", 0, UINT64_C(4) << 30},
	{"1T", 0, UINT64_C(1) << 40},
	{"3P", 0, UINT64_C(3) << 50},
	{"12B", 0, 12},
	{"0x10K", 0, 16384},
	{"18446744073709551615", 0, UINT64_MAX},
	{"16777215T", 0, UINT64_C(16777215) << 40},
	{"18446744073709551616", SIZE_E_RANGE, 0},
	{"99999999999999999999999", SIZE_E_RANGE, 0},
	{"16777216T", SIZE_E_RANGE, 0},
	{"0x10000000000000000", SIZE_E_RANGE, 0},
	{"", SIZE_E_SYNTAX, 0},
	{"K", SIZE_E_SYNTAX, 0},
	{"-1", SIZE_E_SYNTAX, 0},
	{"+1", SIZE_E_SYNTAX, 0},
	{" 1", SIZE_E_SYNTAX, 0},
	{"1 ", SIZE_E_SYNTAX, 0},
	{"1 K", SIZE_E_SYNTAX, 0},
	{"1.5G", SIZE_E_SYNTAX, 0},
	{"0x", SIZE_E_SYNTAX, 0},
	{"4Q", SIZE_E_SYNTAX, 0},
	{"4KiBs", SIZE_E_SYNTAX, 0},
	{"4iB", SIZE_E_SYNTAX, 0},
};

START_TEST(sizes_are_read)
{
	const struct size_case *c = &size_cases[_i];
	uint64_t bytes = 77;
	int got = size_parse(c->text, &bytes);

	ck_assert_msg(got == c->outcome, "'%s': wanted outcome %d, got %d", c->text, c->outcome,
		      got);
	ck_assert_msg(bytes == (got ? 77 : c->bytes), "'%s': wanted %llu, got %llu", c->text,
		      (unsigned long long)c->bytes, (unsigned long long)bytes);
}
END_TEST

START_TEST(sizes_are_written)
{
	char buf[SIZE_TEXT_BYTES];

	ck_assert_str_eq(size_format(0, buf), "0");
	ck_assert_str_eq(size_format(4095, buf), "4095");
	ck_assert_str_eq(size_format(4096, buf), "4K");
	ck_assert_str_eq(size_format(UINT64_C(3) << 50, buf), "3P");
	ck_assert_str_eq(size_format(UINT64_MAX, buf), "18446744073709551615");
}
END_TEST

START_TEST(numbers_are_read)
{
	uint64_t n = 77;

	ck_assert_int_eq(number_parse("1K", 5000, &n), SIZE_E_SYNTAX);
	ck_assert_int_eq(number_parse("5001", 5000, &n), SIZE_E_RANGE);
	ck_assert_uint_eq(n, 77);
	ck_assert_int_eq(number_parse("5000", 5000, &n), 0);
	ck_assert_uint_eq(n, 5000);
}
END_TEST

static const struct duration_case {
	const char *text;
	int outcome;
	uint64_t usec;
} duration_cases[] = {
	{"0", 0, 0},
	{"10", 0, 10000000},
	{"500ms", 0, 500000},
	{"7us", 0, 7},
	{"7usec", 0, 7},
	{"7msec", 0, 7000},
	{"10s", 0, 10000000},
	{"10 s", 0, 10000000},
	{"10sec", 0, 10000000},
	{"1second", 0, 1000000},
	{"2seconds", 0, 2000000},
	{"5min", 0, 300000000},
	{"5m", 0, 300000000},
	{"1minute", 0, 60000000},
	{"2minutes", 0, 120000000},
	{"1h", 0, 3600000000},
	{"1hr", 0, 3600000000},
	{"1hour", 0, 3600000000},
	{"2hours", 0, 7200000000},
	{"2d", 0, 172800000000},
	{"1day", 0, 86400000000},
	{"2days", 0, 172800000000},
	{"1w", 0, 604800000000},
	{"1week", 0, 604800000000},
	{"2weeks", 0, 1209600000000},
	{"1h 30min", 0, 5400000000},
	{"1h30min", 0, 5400000000},
	{"1s  500ms ", 0, 1500000},
	{"5s 5s", 0, 10000000},
	{"10 ", 0, 10000000},
	{"18446744073709551614us", 0, UINT64_MAX - 1},
	{"infinity", 0, DURATION_INFINITY},
	{"18446744073709551615us", DURATION_E_RANGE, 0},
	{"18446744073709551616us", DURATION_E_RANGE, 0},
	{"18446744073710", DURATION_E_RANGE, 0},
	{"30500569w", DURATION_E_RANGE, 0},
	{"18446744073709551614us 1us", DURATION_E_RANGE, 0},
	{"18446744073709551614us 2us", DURATION_E_RANGE, 0},
	{"99999999999999999999", DURATION_E_RANGE, 0},
	{"99999999999999999999x", DURATION_E_SYNTAX, 0},
	{"", DURATION_E_SYNTAX, 0},
	{" 1", DURATION_E_SYNTAX, 0},
	{"s", DURATION_E_SYNTAX, 0},
	{"-1", DURATION_E_SYNTAX, 0},
	{"+1", DURATION_E_SYNTAX, 0},
	{"1.5s", DURATION_E_SYNTAX, 0},
	{"0x10s", DURATION_E_SYNTAX, 0},
	{"1h 30", DURATION_E_SYNTAX, 0},
	{"1 30min", DURATION_E_SYNTAX, 0},
	{"1S", DURATION_E_SYNTAX, 0},
	{"1month", DURATION_E_SYNTAX, 0},
	{"1mi", DURATION_E_SYNTAX, 0},
	{"1s,", DURATION_E_SYNTAX, 0},
	{"infinity 1s", DURATION_E_SYNTAX, 0},
	{"1s infinity", DURATION_E_SYNTAX, 0},
	{"Infinity", DURATION_E_SYNTAX, 0},
};

START_TEST(times_are_read)
{
	const struct duration_case *c = &duration_cases[_i];
	uint64_t usec = 77;
	int got = duration_parse(c->text, &usec);

	ck_assert_msg(got == c->outcome, "'%s': wanted outcome %d, got %d", c->text, c->outcome,
		      got);
	ck_assert_msg(usec == (got ? 77 : c->usec), "'%s': wanted %llu, got %llu", c->text,
		      (unsigned long long)c->usec, (unsigned long long)usec);
}
END_TEST

START_TEST(times_are_written)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{1, "1us"},
		{1500, "1500us"},
		{2000, "2ms"},
		{1500000, "1500ms"},
		{10000000, "10s"},
		{5400000000, "90min"},
		{7200000000, "2h"},
		{172800000000, "2d"},
		{604800000000, "1w"},
		{UINT64_MAX - 1, "18446744073709551614us"},
		{DURATION_INFINITY, "infinity"},
	};
	char buf[DURATION_TEXT_BYTES];
	uint64_t usec;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_str_eq(duration_format(cases[i].usec, buf), cases[i].text);
		ck_assert_int_eq(duration_parse(buf, &usec), 0);
		ck_assert_uint_eq(usec, cases[i].usec);
	}
}
END_TEST

START_TEST(list_keeps_order_and_allows_removal_in_a_walk)
{
	struct item {
		struct list link;
		int value;
	} items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
	struct list l;
	int sum = 0;

	list_init(&l);
	ck_assert(list_empty(&l));
	list_append(&l, &items[1].link);
	list_append(&l, &items[2].link);
	list_push(&l, &items[0].link);
	list_for_each (link, &l) {
		sum = sum * 10 + list_entry(link, struct item, link)->value;
		list_remove(link);
	}
	ck_assert_int_eq(sum, 123);
	ck_assert(list_empty(&l));
	list_remove(&items[0].link);
}
END_TEST

START_TEST(memory_fails_when_told_to)
{
	void *p;

	mem_fail_after(1);
	p = mem_alloc(1);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_null(mem_zalloc(1, 1));
	ck_assert_ptr_null(mem_resize(p, 2, 1));
	ck_assert_ptr_null(mem_reserve(4096));
	ck_assert_uint_eq(mem_failed(), 3);
	mem_fail_after(-1);
	mem_free(p);
}
END_TEST

/* Reservations begin at different places within a page, on a line of a cache, and are as long as was asked for. */
START_TEST(areas_begin_apart)
{
	enum { NAREAS = 16, NBYTES = 3 * 4096 };
	char *areas[NAREAS];
	unsigned char in_core;

	for (unsigned i = 0; i < NAREAS; i++) {
		areas[i] = mem_reserve(NBYTES);
		ck_assert_ptr_nonnull(areas[i]);
		ck_assert_uint_eq((uintptr_t)areas[i] % 64, 0);
		for (unsigned k = 0; k < i; k++)
			ck_assert_uint_ne((uintptr_t)areas[i] % 4096, (uintptr_t)areas[k] % 4096);
		ck_assert_int_eq(mem_commit(areas[i], NBYTES), 0);
		memset(areas[i], 1, NBYTES);
	}
	for (unsigned i = 0; i < NAREAS; i++)
		mem_unreserve(areas[i], NBYTES);
	/* Nothing of them is left, not even the pages that they begin and end in. */
	for (unsigned i = 0; i < NAREAS; i++) {
		char *page = (char *)((uintptr_t)areas[i] & ~(uintptr_t)4095);

		for (; page < areas[i] + NBYTES; page += 4096)
			ck_assert_int_eq(mincore(page, 4096, &in_core), -1);
	}
}
END_TEST

/* The example that the paper computes: key bytes 0 to 15, message bytes 0 to 14; and the empty message, from its tables. */
START_TEST(siphash_is_the_published_one)
{
	static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	static const uint8_t message[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};

	ck_assert_uint_eq(siphash(key, message, sizeof(message)), UINT64_C(0xa129ca6149be45e5));
	ck_assert_uint_eq(siphash(key, message, 0), UINT64_C(0x726fdb47dd0e0e31));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base");
	TCase *tc = tcase_create("base");
	SRunner *runner;
	int nfailed;

	tcase_add_loop_test(tc, sizes_are_read, 0, (int)ARRAY_SIZE(size_cases));
	tcase_add_test(tc, sizes_are_written);
	tcase_add_test(tc, numbers_are_read);
	tcase_add_loop_test(tc, times_are_read, 0, (int)ARRAY_SIZE(duration_cases));
	tcase_add_test(tc, times_are_written);
	tcase_add_test(tc, list_keeps_order_and_allows_removal_in_a_walk);
	tcase_add_test(tc, memory_fails_when_told_to);
	tcase_add_test(tc, areas_begin_apart);
	tcase_add_test(tc, siphash_is_the_published_one);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
