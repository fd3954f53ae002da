/*
 * dump - what is read of a dump, and what is not
 *
 * Role:       client/cli/dump_*.c on a good file, on files that are wrong in one place, and on files that are wrong at random: whatever is
 *             taken can be asked everything.
 * Uses:       client/cli, sample.h, check
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/cli/source.h"
#include "tests/unit/cli/sample.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

#ifdef PALLOCD_SANITIZED
#define MUTATIONS 1000
#else
#define MUTATIONS 4000
#endif

static bool text_read(const char *text, size_t n, struct dump *d, char *wrong)
{
	FILE *from = fmemopen((char *)(uintptr_t)text, n ? n : 1, "r");
	bool ok;

	ck_assert_ptr_nonnull(from);
	*d = (struct dump){.stat = {0}};
	/* A stream over no bytes cannot be had everywhere. */
	if (!n)
		ck_assert_int_eq(getc(from), *text);
	ok = dump_read(from, d, wrong);
	fclose(from);
	return ok;
}

START_TEST(written_as_read)
{
	char *text = sample_text(), *again, wrong[DUMP_WRONG_BYTES] = "";
	struct dump d;

	ck_assert_msg(text_read(text, strlen(text), &d, wrong), "%s", wrong);
	ck_assert_uint_eq(dump_nregions(&d), 2);
	ck_assert_uint_eq(d.stat.locked_bytes_max, UINT64_MAX);
	ck_assert_uint_eq(dump_region_at(&d, 0)->extents.n, 3);
	ck_assert_uint_eq(dump_region_at(&d, 0)->info.rights >> 20, 1);
	ck_assert_ptr_nonnull(dump_refused(&dump_region_at(&d, 1)->about, DUMP_RUNS));
	again = dump_text(&d);
	ck_assert_str_eq(text, again);
	dump_deinit(&d);
	free(again);
	free(text);
}
END_TEST

/* @text with the first @from replaced by @to; to be freed. */
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *result;

	ck_assert_msg(at != NULL, "the sample has no \"%s\"", from);
	ck_assert_int_ge(
		asprintf(&result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), 0);
	return result;
}

static const struct {
	const char *from, *to, *wrong;
} bad[] = {
	{"pallocd-dump", "other-dump", "line 1: it does not begin as a dump does"},
	{"\"version\": 1", "\"version\": 9", "line 1: the dump has version 9"},
	{"\"version\": 1", "\"version\": \"1\"", "line 1: \"version\" is no number"},
	{"\"batch_max\": 64", "\"batch_max\": -64", "line 1: \"batch_max\" is no such number"},
	{"\"batch_max\": 64", "\"batch_max\": 6.4", "line 1: \"batch_max\" is no such number"},
	{"\"batch_max\": 64", "\"batch_max\": 99999999999999999999", "line 1: it is no JSON"},
	{"\"batch_max\": 64", "\"batch_max\": \"64\"", "line 1: \"batch_max\" is no such number"},
	{"\"uid\": 1000", "\"uid\": 4294967296", "line 1: \"uid\" is no such number"},
	{"\"uid\": 1000", "\"uid\": 1, \"uid\": 2", "line 1: it is no JSON: duplicate"},
	{"\"uid\": 1000, ", "", "line 1: \"uid\" is missing"},
	{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z and many years more than that",
	 "line 1: \"time\" is too long"},
	{"pallocd 0.1.0", "\\u001b[2J", "line 1: \"server\" has control characters"},
	{"pallocd 0.1.0", "\\u0000", "line 1: it is no JSON"},
	{"pallocd 0.1.0", "\xff", "line 1: it is no JSON"},
	{"{\"kind\": \"daemon\"", "{\"kind\": \"regions\"", "line 2: there is no kind \"regions\""},
	{"{\"kind\": \"daemon\"", "{\"kind\": 1", "line 2: \"kind\" is missing"},
	{"{\"kind\": \"daemon\"", "[1]\n{\"kind\": \"daemon\"", "line 2: it is no object"},
	{"{\"kind\": \"daemon\"", "\n{\"kind\": \"daemon\"", "line 2: it is no JSON"},
	{"{\"kind\": \"daemon\"", "{\"kind\": \"extent\"}\n{\"kind\": \"daemon\"",
	 "line 2: \"extent\" stands before any region"},
	{"{\"kind\": \"region\"", "{\"kind\": \"daemon\"}\n{\"kind\": \"region\"",
	 "line 3: the daemon comes once"},
	{"\"page_size_bytes\": 4096", "\"page_size_bytes\": 4095", "cannot all be so"},
	{"\"page_size_bytes\": 4096", "\"page_size_bytes\": 0", "cannot all be so"},
	{"\"limit_npages\": 4096", "\"limit_npages\": 0", "cannot all be so"},
	{"\"limit_npages\": 4096", "\"limit_npages\": 4503599627370496", "cannot all be so"},
	{"\"base_addr\": \"0x10000000\"", "\"base_addr\": \"0xfffffffffffff000\"",
	 "cannot all be so"},
	{"\"base_addr\": \"0x10000000\"", "\"base_addr\": \"0x10000001\"", "cannot all be so"},
	{"\"base_addr\": \"0x10000000\"", "\"base_addr\": 268435456",
	 "line 3: \"base_addr\" is no address"},
	{"\"held_npages\": 9", "\"held_npages\": 34", "cannot all be so"},
	{"\"rights\": [\"alloc\"", "\"rights\": [\"fly\"", "line 3: \"rights\" has no such right"},
	{"\"death\": \"free\"", "\"death\": \"unknown\"", "line 3: \"death\" is no such word"},
	{"\"nranges\": 2", "\"nranges\": 1", "more grown ranges than \"nranges\" says"},
	{"\"settled\": true", "\"settled\": 1", "line 3: \"settled\" is neither true nor false"},
	{"{\"kind\": \"stat\"", "{\"kind\": \"share\", \"addr\": \"0x0\", \"session_id\": 1",
	 "region a has no line \"stat\""},
	{"{\"kind\": \"grown\"",
	 "{\"kind\": \"stat\", \"page_size_bytes\": 4096}\n{\"kind\": \"grown\"",
	 "line 6: the region has two lines \"stat\""},
	{"\"nruns\": [0, 0, 0, 0, 1]", "\"nruns\": [0, 0, 0, 0, -1]",
	 "line 5: \"nruns\" has what is no number"},
	{"\"nruns\": [0, 0, 0, 0, 1]", "\"nruns\": 4", "line 5: \"nruns\" is no list of up to 37"},
	{"\"0x10400000\", \"npages\": 512", "\"0x10400000\", \"npages\": 4000",
	 "line 7: the range at 0x10400000 is none of whole pages of the region"},
	{"\"0x10400000\", \"npages\": 512", "\"0x101ff000\", \"npages\": 512",
	 "line 7: the range at 0x101ff000 is none of whole pages of the region, or not above"},
	{"\"0x10400000\", \"npages\": 512", "\"0x10400000\", \"npages\": 0", "line 7: the range"},
	{"\"0x10064000\"", "\"0x1000a000\"",
	 "the extent at 0x1000a000 has pages that are reserved"},
	{"\"0x1001e000\"", "\"0x1001d000\"",
	 "the extent at 0x1001d000 overlaps or precedes the one before"},
	{"\"0x1001e000\"", "\"0x1001e001\"", "is none of whole pages of the region"},
	{"\"0x1001e000\"", "\"0x0\"", "is none of whole pages of the region"},
	{"\"0x1001e000\"", "\"0x10200000\"",
	 "the extent at 0x10200000 has pages that are not grown"},
	{"\"npages\": 1, \"session_id\"", "\"npages\": 9223372036854775807, \"session_id\"",
	 "is none of whole pages of the region"},
	{"\"npages\": 1, \"session_id\"", "\"npages\": \"0xfffffffffffffff0\", \"session_id\"",
	 "is none of whole pages of the region"},
	{"\"npages\": 1, \"session_id\"", "\"npages\": 700, \"session_id\"",
	 "that are reserved|grown"},
	{"\"nholders\": 1", "\"nholders\": 0", "the extent at 0x1000a000 is nobody's"},
	{"\"id\": 3", "\"id\": 0", "session 0 is out of order"},
	{"\"name\": \"b\"", "\"name\": \"a\"", "region a, or its id, is there already"},
	{"\"id\": 2", "\"id\": 1", "region b, or its id, is there already"},
	{"\"of\": \"runs\"", "\"of\": \"extent\"", "\"of\" names nothing that can be refused"},
	{"\"status\": \"FAULTED\", ", "", "a refusal without \"status\""},
	{"\"lines\": ", "\"lines\": 1", "\"lines\" is not how many there are"},
	{"{\"kind\": \"share\"",
	 "{\"kind\": \"share\", \"addr\": \"0x1000a000\", \"session_id\": 3}\n{\"kind\": \"share\"",
	 "session 3's share of the extent at 0x1000a000 is out of order"},
	{"\"kind\": \"share\"", "\"kind\": \"shares\"", "there is no kind \"shares\""},
};

/* One of the words between "|". */
static bool says(const char *message, const char *wanted)
{
	char words[128];

	snprintf(words, sizeof(words), "%s", wanted);
	for (char *word = strtok(words, "|"); word; word = strtok(NULL, "|")) {
		if (strstr(message, word))
			return true;
	}
	return false;
}

START_TEST(wrong_in_one_place)
{
	char *sample = sample_text(), wrong[DUMP_WRONG_BYTES] = "";
	char *text = replaced(sample, bad[_i].from, bad[_i].to);
	struct dump d;

	ck_assert_msg(!text_read(text, strlen(text), &d, wrong), "%s: taken", bad[_i].to);
	ck_assert_msg(says(wrong, bad[_i].wrong), "%s: wanted \"%s\", got \"%s\"", bad[_i].to,
		      bad[_i].wrong, wrong);
	ck_assert_int_eq(strncmp(wrong, "line ", 5), 0);
	dump_deinit(&d);
	free(text);
	free(sample);
}
END_TEST

/* Where it is cut off: no part of a dump is one. */
START_TEST(cut_off)
{
	char *text = sample_text(), wrong[DUMP_WRONG_BYTES];
	struct dump d;

	for (size_t n = 0; n < strlen(text); n++) {
		ck_assert_msg(!text_read(text, n, &d, wrong), "%zu bytes: taken", n);
		dump_deinit(&d);
	}
	free(text);
}
END_TEST

static const struct paclient_placement wishes[] = {
	PACLIENT_PLACEMENT_INIT,
	{.size = sizeof(wishes[0]), .align_npages = 64, .boundary_npages = 128},
	{.size = sizeof(wishes[0]), .align_npages = UINT64_C(1) << 63},
	{.size = sizeof(wishes[0]),
	 .boundary_npages = UINT64_C(1) << 63,
	 .strategy = PACLIENT_LAST},
	{.size = sizeof(wishes[0]), .lowest_addr = 0x10001001, .limit_addr = 0x10404fff},
	{.size = sizeof(wishes[0]), .rule = PACLIENT_FIXED, .addr = 0x10400000},
	{.size = sizeof(wishes[0]), .rule = PACLIENT_HINT, .addr = 0x10fff000},
	{.size = sizeof(wishes[0]), .strategy = PACLIENT_BEST, .align_npages = 2},
};

static int on_extent(const struct paclient_extent *x, void *ctx)
{
	*(uint64_t *)ctx += x->npages + strlen(x->name) + strlen(x->label);
	return 0;
}

/* Whatever the answers are, there are some. */
static void region_ask(struct source *s, const struct paclient_region *r)
{
	struct paclient_list_filter filter = PACLIENT_LIST_FILTER_INIT;
	struct paclient_call call = PACLIENT_CALL_INIT;
	const struct paclient_usage *usage;
	const struct paclient_findings *f;
	struct paclient_extent x;
	struct paclient_why why;
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		for (uint64_t npages = 1; npages < 5000; npages *= 7) {
			s->ask->why(s, r->id, npages, &wishes[i], &why, &call);
			s->ask->fit(s, r->id, npages, &wishes[i], &n, &call);
		}
	}
	s->ask->usage_map(s, r->id, 0, 0, 40, &usage, &call);
	s->ask->usage_map(s, r->id, r->base_addr, r->limit_npages, 4096, &usage, &call);
	s->ask->list_each(s, r->id, NULL, on_extent, &n, &call);
	filter.session_id = 3;
	filter.name_pattern = "f*";
	s->ask->list_each(s, r->id, &filter, on_extent, &n, &call);
	s->ask->lookup(s, r->id, "frames", &x, &call);
	s->ask->check(s, r->id, &f, &call);
}

static void all_ask(const char *text, size_t n)
{
	const struct paclient_region_list *list;
	struct paclient_call call = PACLIENT_CALL_INIT;
	const struct cli cli = {.json = false};
	struct source *s = NULL;
	char path[64];
	int fd = memfd_create("dump", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ck_assert_int_eq(source_dump_open(&cli, path, &s), 0);
	ck_assert_int_eq(s->ask->regions(s, &list, &call), 0);
	for (size_t i = 0; i < list->nregions; i++)
		region_ask(s, list->regions[i]);
	s->ask->close(s);
	close(fd);
}

static size_t mutate(struct random *r, char *text, size_t n)
{
	static const char *const words[] = {
		"0",    "-1", "9223372036854775807", "1", "\"0xffffffffffffffff\"", "null",
		"4095", "[]"};
	size_t at = random_below(r, n), to = random_below(r, n), digits;
	const char *word = words[random_below(r, ARRAY_SIZE(words))];

	switch (random_below(r, 5)) {
	case 0: /* a byte */
		text[at] = (char)random_below(r, 256);
		return n;
	case 1: /* a bit */
		text[at] = (char)(text[at] ^ 1 << random_below(r, 8));
		return n;
	case 2: /* some are left out */
		to = at + random_below(r, n - at < 40 ? n - at : 40);
		memmove(text + at, text + to, n - to);
		return n - (to - at);
	case 3: /* some stand elsewhere, too */
		memmove(text + at, text + to, random_below(r, n - (at > to ? at : to)));
		return n;
	default: /* another value in the place of a number; the text has room */
		while (at < n && strchr(": ", text[at]) == NULL)
			at++;
		at += strspn(text + at, ": ");
		digits = strspn(text + at, "\"x0123456789abcdef");
		memmove(text + at + strlen(word), text + at + digits, n - at - digits + 1);
		memcpy(text + at, word, strlen(word));
		return n - digits + strlen(word);
	}
}

START_TEST(wrong_at_random)
{
	char *sample = sample_text(), wrong[DUMP_WRONG_BYTES];
	size_t size = strlen(sample) + 1, taken = 0;
	char *text = malloc(size + 200);
	struct random r;
	struct dump d;

	random_init(&r, "wrong_at_random");
	for (int i = 0; i < MUTATIONS; i++) {
		size_t n = size - 1;

		memcpy(text, sample, size);
		for (uint64_t k = 1 + random_below(&r, 3); k; k--) {
			n = mutate(&r, text, n);
			text[n] = '\0';
		}
		if (text_read(text, n, &d, wrong)) {
			taken++;
			all_ask(text, n);
		} else {
			ck_assert_int_eq(strncmp(wrong, "line ", 5), 0);
		}
		dump_deinit(&d);
	}
	printf("%zu of %d were taken\n", taken, MUTATIONS);
	ck_assert_uint_gt(taken, MUTATIONS / 100);
	free(text);
	free(sample);
}
END_TEST

/* What the sample's figures say is what its lists say; one more page is found. */
START_TEST(counted_again)
{
	char *text = sample_text(), *off, wrong[DUMP_WRONG_BYTES] = "";
	struct dump_findings found = {.lines = {0}};
	struct dump d;

	ck_assert_msg(text_read(text, strlen(text), &d, wrong), "%s", wrong);
	ck_assert(dump_check(dump_region_at(&d, 0), &found));
	ck_assert_msg(!found.lines.n, "%s", *(char **)found.lines.items);
	ck_assert(dump_check(dump_region_at(&d, 1), &found));
	ck_assert_uint_eq(found.lines.n, 1);
	ck_assert_str_eq(*(char **)found.lines.items, "region b is closed because of B7");
	dump_findings_deinit(&found);
	dump_deinit(&d);

	off = replaced(text, "\"largest_npages\": 476", "\"largest_npages\": 477");
	found = (struct dump_findings){.lines = {0}};
	ck_assert_msg(text_read(off, strlen(off), &d, wrong), "%s", wrong);
	ck_assert(dump_check(dump_region_at(&d, 0), &found));
	ck_assert_uint_eq(found.lines.n, 1);
	ck_assert_str_eq(
		*(char **)found.lines.items,
		"region a: 476 pages in the longest free run are listed, 477 were counted");
	dump_findings_deinit(&found);
	dump_deinit(&d);
	free(off);
	free(text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cli dump");
	TCase *t = tcase_create("dump");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, written_as_read);
	tcase_add_loop_test(t, wrong_in_one_place, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(t, cut_off);
	tcase_add_test(t, wrong_at_random);
	tcase_add_test(t, counted_again);
	suite_add_tcase(s, t);
	return suite_run(s);
}
