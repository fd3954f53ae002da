/*
 * test_log - lines for the administrator: where they go, with which fields, and how many
 *
 * Role:       stderr is a file here, the journal a sink, and the clock stands until it is told to go on (the linker puts
 *             __wrap_clock_gettime() in its place).
 * Uses:       base/
 */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static uint64_t now_usec = 1000000;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	(void)clock;
	ret->tv_sec = (time_t)(now_usec / 1000000);
	ret->tv_nsec = (long)(now_usec % 1000000 * 1000);
	return 0;
}

/* A file in the place of stderr; whether the service manager says that it is the journal. */
static FILE *stderr_file(bool journal)
{
	FILE *file = tmpfile();
	char stream[64];
	struct stat st;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(fstat(fileno(file), &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino + !journal);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(LOG_LEVEL_INFO);
	return file;
}

/* All that was written to it since it was made. */
static const char *file_text(FILE *file)
{
	static char text[16384];
	size_t n;

	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	return text;
}

/* What the sink was given last, as "level number NAME=value ... line". */
static char heard[4096];
static unsigned nheard;
static int sink_outcome;

static int hear(enum log_level level, const char *number, const struct log_field *f,
		const char *line)
{
	size_t at = (size_t)snprintf(heard, sizeof(heard), "%d %s", (int)level,
				     number ? number : "-");

	for (; f && f->name; f++) {
		at += (size_t)snprintf(heard + at, sizeof(heard) - at, " %s=", f->name);
		if (f->text)
			at += (size_t)snprintf(heard + at, sizeof(heard) - at, "%s", f->text);
		else
			at += (size_t)snprintf(heard + at, sizeof(heard) - at, "%llu", f->number);
	}
	snprintf(heard + at, sizeof(heard) - at, " %s", line);
	nheard++;
	return sink_outcome;
}

START_TEST(plain_where_stderr_is_no_journal)
{
	/* The variable is there, but names another file: stderr was sent elsewhere since. */
	FILE *file = stderr_file(false);

	log_sink_set(hear);
	ck_assert(!log_to_journal());
	log_warning("a");
	log_event(LOG_LEVEL_ERROR, LOG_ID_READY, LOG_FIELDS(ABOUT_REGION("ddr")), "%s",
		  "b\nc\033d");
	log_debug("e");
	ck_assert_str_eq(file_text(file), "pallocd: a\npallocd: b?c?d\n");
	ck_assert_uint_eq(nheard, 0);
}
END_TEST

START_TEST(numbered_where_it_is_and_nobody_takes_fields)
{
	FILE *file = stderr_file(true);

	ck_assert(log_to_journal());
	log_warning("a");
	log_event(LOG_LEVEL_INFO, LOG_ID_READY, LOG_FIELDS(ABOUT_REGION("ddr")), "b");
	ck_assert_str_eq(file_text(file), "<4>a\n<6>b\n");
}
END_TEST

START_TEST(fields_reach_the_sink)
{
	char want[256];
	FILE *file = stderr_file(true);

	log_sink_set(hear);
	log_event(LOG_LEVEL_ERROR, LOG_ID_REGION_FAULTED,
		  LOG_FIELDS(ABOUT_REGION("ddr"), ABOUT_SESSION(7), ABOUT_UID(0), ABOUT_REQUEST(9),
			     ABOUT_EXTENT(4096), ABOUT_STATUS("FAULTED"), ABOUT_PID(3),
			     ABOUT_ERRNO(ENOSPC)),
		  "line %d", 1);
	snprintf(want, sizeof(want),
		 "3 %s PALLOCD_REGION=ddr PALLOCD_SESSION=7 PALLOCD_UID=0 PALLOCD_REQUEST=9 "
		 "PALLOCD_EXTENT=4096 PALLOCD_STATUS=FAULTED PALLOCD_PID=3 ERRNO=28 line 1",
		 log_id_number(LOG_ID_REGION_FAULTED));
	ck_assert_str_eq(heard, want);
	log_info("plain");
	ck_assert_str_eq(heard, "6 - plain");
	ck_assert_str_eq(file_text(file), "");
	/* What it does not take is not lost. */
	sink_outcome = -ENOENT;
	log_info("again");
	ck_assert_str_eq(file_text(file), "<6>again\n");
	ck_assert_uint_eq(nheard, 3);
}
END_TEST

START_TEST(long_lines_are_cut)
{
	FILE *file = stderr_file(false);
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	ck_assert_uint_le(strlen(file_text(file)), 2048);
	ck_assert_int_eq(file_text(file)[strlen(file_text(file)) - 1], '\n');
}
END_TEST

/* Lines of one cause: the user with that number. */
static void cut_off(unsigned uid)
{
	log_event(LOG_LEVEL_WARNING, LOG_ID_CONNECTION_CUT_OFF, LOG_FIELDS(ABOUT_UID(uid)),
		  "uid %u", uid);
}

START_TEST(one_line_a_second_for_each_cause)
{
	FILE *file = stderr_file(false);

	for (int i = 0; i < 3; i++)
		cut_off(1);
	/* Neither another user nor another id has to be silent for this one. */
	cut_off(2);
	log_event(LOG_LEVEL_WARNING, LOG_ID_BAD_FRAME, LOG_FIELDS(ABOUT_UID(1)), "bad");
	log_event(LOG_LEVEL_WARNING, LOG_ID_CONNECTION_CUT_OFF,
		  LOG_FIELDS(ABOUT_UID(1), ABOUT_STATUS("QUOTA")), "quota");
	now_usec += 999999;
	cut_off(1);
	now_usec += 1;
	cut_off(1);
	now_usec += 1000000;
	cut_off(1);
	ck_assert_str_eq(file_text(file), "pallocd: uid 1\npallocd: uid 2\npallocd: bad\n"
					  "pallocd: quota\n"
					  "pallocd: uid 1 (and 3 more like it)\npallocd: uid 1\n");
	ck_assert_uint_eq(log_kept_back(), 3);
}
END_TEST

START_TEST(what_happens_rarely_is_always_told)
{
	FILE *file = stderr_file(false);

	for (int i = 0; i < 3; i++)
		log_event(LOG_LEVEL_ERROR, LOG_ID_REGION_LEFT_OUT, LOG_FIELDS(ABOUT_REGION("r")),
			  "out");
	ck_assert_str_eq(file_text(file), "pallocd: out\npallocd: out\npallocd: out\n");
}
END_TEST

START_TEST(what_was_kept_back_is_told_at_the_end)
{
	FILE *file = stderr_file(false);

	cut_off(1);
	cut_off(1);
	cut_off(1);
	log_limits_tell(UINT64_MAX);
	log_limits_tell(UINT64_MAX);
	cut_off(1);
	ck_assert_str_eq(file_text(file),
			 "pallocd: uid 1\n"
			 "pallocd: 2 more lines CONNECTION_CUT_OFF were kept back\n"
			 "pallocd: uid 1\n");
}
END_TEST

/* Nothing follows: it is told a little after the cause's second, once, and what it is about. */
START_TEST(what_was_kept_back_is_told_when_its_second_is_over)
{
	FILE *file = stderr_file(true);
	char want[256], region[] = "ddr";
	uint64_t due;

	log_sink_set(hear);
	ck_assert_uint_eq(log_limits_due(), UINT64_MAX);
	cut_off(1);
	ck_assert_uint_eq(log_limits_due(), UINT64_MAX);
	now_usec += 500000;
	for (int i = 0; i < 3; i++)
		log_event(LOG_LEVEL_WARNING, LOG_ID_NO_MEMORY,
			  LOG_FIELDS(ABOUT_PID(i + 1), ABOUT_REGION(region), ABOUT_UID(7)), "none");
	memset(region, 'x', sizeof(region) - 1);
	due = log_limits_due();
	ck_assert_uint_ge(due, now_usec + 1000000);
	ck_assert_uint_lt(due, now_usec + 2000000);
	/* One that had its first line earlier is earlier. */
	cut_off(1);
	ck_assert_uint_lt(log_limits_due(), due);
	nheard = 0;
	log_limits_tell(log_limits_due() - 1);
	ck_assert_uint_eq(nheard, 0);
	log_limits_tell(log_limits_due());
	ck_assert_uint_eq(nheard, 1);
	ck_assert_ptr_nonnull(
		strstr(heard, " PALLOCD_UID=1 1 more lines CONNECTION_CUT_OFF were kept back"));
	ck_assert_uint_eq(log_limits_due(), due);
	now_usec = due;
	log_limits_tell(due);
	ck_assert_uint_eq(nheard, 2);
	snprintf(want, sizeof(want),
		 "4 %s PALLOCD_REGION=ddr PALLOCD_UID=7 2 more lines NO_MEMORY were kept back",
		 log_id_number(LOG_ID_NO_MEMORY));
	ck_assert_str_eq(heard, want);
	ck_assert_uint_eq(log_limits_due(), UINT64_MAX);
	log_limits_tell(UINT64_MAX);
	ck_assert_uint_eq(nheard, 2);
	ck_assert_str_eq(file_text(file), "");
}
END_TEST

/* However many users there are: no more lines a second than there are places, and none is forgotten. */
START_TEST(all_causes_together_have_a_limit)
{
	FILE *file = stderr_file(false);
	unsigned nlines = 0, n = 5000;

	for (unsigned uid = 0; uid < n; uid++)
		cut_off(uid);
	for (const char *p = file_text(file); *p; p++)
		nlines += *p == '\n';
	ck_assert_uint_le(nlines, LOG_CAUSES);
	ck_assert_uint_gt(nlines, 1);
	ck_assert_uint_eq(nlines + log_kept_back(), n);
}
END_TEST

START_TEST(numbers_are_ids)
{
	const char *n = log_id_number((enum log_id)_i);

	ck_assert_uint_eq(strlen(n), 32);
	ck_assert_uint_eq(strspn(n, "0123456789abcdef"), 32);
	for (int other = LOG_ID_NONE + 1; other < _i; other++)
		ck_assert_str_ne(n, log_id_number((enum log_id)other));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");
	SRunner *runner;
	int nfailed;

	tcase_add_test(tc, plain_where_stderr_is_no_journal);
	tcase_add_test(tc, numbered_where_it_is_and_nobody_takes_fields);
	tcase_add_test(tc, fields_reach_the_sink);
	tcase_add_test(tc, long_lines_are_cut);
	tcase_add_test(tc, one_line_a_second_for_each_cause);
	tcase_add_test(tc, what_happens_rarely_is_always_told);
	tcase_add_test(tc, what_was_kept_back_is_told_at_the_end);
	tcase_add_test(tc, what_was_kept_back_is_told_when_its_second_is_over);
	tcase_add_test(tc, all_causes_together_have_a_limit);
	tcase_add_loop_test(tc, numbers_are_ids, LOG_ID_NONE + 1, LOG_IDS);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
