/*
 * recording - what becomes of events in the file
 *
 * Role:       unit tests of client/cli/recording: each story is a list of events and the lines that they must make.
 * Uses:       client/cli/, check
 */
#include "client/cli/recording.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/suite.h"

#define START_USEC 1000000

enum { LOST = 100, SYNC };

/* Pages of 4 KiB from 1 MiB on. Sessions have small numbers, users are 1000 and above. */
struct step {
	int kind; /* enum paclient_event_kind, or one of ours */
	uint64_t owner, page, npages;
	bool first_fit;
};

#define TAKE(owner, page, npages)                               \
	{                                                       \
		PACLIENT_EVENT_ALLOC, owner, page, npages, true \
	}
#define PLACE(owner, page, npages)                               \
	{                                                        \
		PACLIENT_EVENT_ALLOC, owner, page, npages, false \
	}
#define GIVE(owner, page, npages)                               \
	{                                                       \
		PACLIENT_EVENT_FREE, owner, page, npages, false \
	}
#define HAND(owner, page, npages)                                   \
	{                                                           \
		PACLIENT_EVENT_HANDOVER, owner, page, npages, false \
	}
#define BACK(owner, page, npages)                                  \
	{                                                          \
		PACLIENT_EVENT_RECLAIM, owner, page, npages, false \
	}
#define END(owner)                                             \
	{                                                      \
		PACLIENT_EVENT_SESSION_END, owner, 0, 0, false \
	}
/* What is held when some events were lost, or at the start: SEEN... and then FOUND. */
#define SEEN(owner, page, npages)                \
	{                                        \
		LOST, owner, page, npages, false \
	}
#define FOUND                        \
	{                            \
		SYNC, 0, 0, 0, false \
	}
#define STEPS_MAX 14

static const struct {
	const char *name;
	struct step steps[STEPS_MAX];
	const char *lines;
} stories[] = {
	{"an extent goes in pieces, and its session ends",
	 {FOUND, TAKE(1, 0, 10), GIVE(1, 2, 3), TAKE(2, 2, 1), GIVE(1, 0, 1), END(1), BACK(1, 5, 5),
	  BACK(1, 1, 1)},
	 "#: empty\n"
	 "1 open 1\n#: at 0x100000\n1 alloc 1 1 10\n2 free 1 1 2 3\n"
	 "3 open 2\n#: at 0x102000\n3 alloc 2 2 1\n4 free 1 1 0 1\n7 close 1\n"},
	{"others take pages before a session has given all back",
	 {FOUND, TAKE(1, 0, 4), TAKE(1, 4, 4), END(1), BACK(1, 4, 4), TAKE(2, 4, 2), BACK(1, 0, 4)},
	 "#: empty\n"
	 "1 open 1\n#: at 0x100000\n1 alloc 1 1 4\n#: at 0x104000\n2 alloc 1 2 4\n"
	 "5 free 1 2 0 4\n5 open 2\n#: at 0x104000\n5 alloc 2 3 2\n6 close 1\n"},
	{"the end of another user's session is seen by what it gives back",
	 {FOUND, TAKE(1, 0, 4), BACK(1, 0, 4), TAKE(1, 0, 1)},
	 "#: empty\n"
	 "1 open 1\n#: at 0x100000\n1 alloc 1 1 4\n2 close 1\n3 open 2\n#: at 0x100000\n3 alloc 2 "
	 "2 1\n"},
	{"a session that holds nothing ends at once, one that never did is none",
	 {FOUND, TAKE(1, 0, 4), GIVE(1, 0, 4), END(1), END(2)},
	 "#: empty\n1 open 1\n#: at 0x100000\n1 alloc 1 1 4\n2 free 1 1 0 4\n3 close 1\n"},
	{"a run that is given back may be several extents",
	 {FOUND, TAKE(1, 0, 2), PLACE(1, 2, 2), TAKE(1, 4, 2), GIVE(1, 1, 4)},
	 "#: empty\n1 open 1\n#: at 0x100000\n1 alloc 1 1 2\n#: placed 0x102000\n2 alloc 1 2 2\n"
	 "#: at 0x104000\n3 alloc 1 3 2\n4 free 1 1 1 1\n4 free 1 2 0 2\n4 free 1 3 0 1\n"},
	{"another owner; who has it already stays it",
	 {FOUND, TAKE(1, 0, 4), HAND(1000, 1, 2), HAND(1000, 1, 2), END(1), HAND(2, 0, 4),
	  GIVE(1000, 1, 1)},
	 "#: empty\n1 open 1\n#: at 0x100000\n1 alloc 1 1 4\n"
	 "2 free 1 1 1 2\n2 open 2\n#: handed 0x101000\n2 alloc 2 2 2\n"
	 "5 free 1 1 0 1\n5 open 3\n#: handed 0x100000\n5 alloc 3 3 1\n"
	 "5 free 2 2 0 2\n#: handed 0x101000\n5 alloc 3 4 2\n"
	 "5 free 1 1 3 1\n#: handed 0x103000\n5 alloc 3 5 1\n5 close 1\n6 free 3 4 0 1\n"},
	{"what is held at the start",
	 {SEEN(1000, 0, 2), SEEN(1, 7, 3), FOUND, GIVE(1, 8, 2)},
	 "0 open 1\n#: held 0x100000\n0 alloc 1 1 2\n0 open 2\n#: held 0x107000\n0 alloc 2 2 3\n"
	 "1 free 2 2 1 2\n"},
	{"what was missed is made up for",
	 {FOUND, TAKE(1, 0, 8), TAKE(2, 8, 2), TAKE(3, 10, 1), GIVE(3, 10, 1), SEEN(1, 0, 2),
	  SEEN(2, 2, 3), SEEN(1, 5, 5), FOUND, GIVE(1, 5, 5)},
	 "#: empty\n1 open 1\n#: at 0x100000\n1 alloc 1 1 8\n2 open 2\n#: at 0x108000\n2 alloc 2 2 "
	 "2\n"
	 "3 open 3\n#: at 0x10a000\n3 alloc 3 3 1\n4 free 3 3 0 1\n#: lost 7\n"
	 "8 free 1 1 2 3\n8 free 2 2 0 2\n#: placed 0x102000\n8 alloc 2 4 3\n"
	 "#: placed 0x108000\n8 alloc 1 5 2\n8 close 3\n9 free 1 1 5 3\n9 free 1 5 0 2\n"},
};

static struct paclient_region region(void)
{
	struct paclient_region r = {.size = sizeof(r), .page_size_bytes = 4096};

	strcpy(r.name, "r");
	r.base_addr = 0x100000;
	return r;
}

static struct holder holder(uint64_t owner)
{
	return (struct holder){.detached = owner >= 1000, .number = owner};
}

static void step(struct recording *rec, const struct step *s, struct holdings *seen, uint64_t usec)
{
	struct held x = {s->page, s->page + s->npages, holder(s->owner), 0, 0};
	struct paclient_event e = {.size = sizeof(e),
				   .kind = s->kind,
				   .time_usec = usec,
				   .addr = 0x100000 + s->page * 4096,
				   .npages = s->npages,
				   .session_id = s->owner < 1000 ? s->owner : 0,
				   .uid = 1000,
				   .first_fit = s->first_fit};

	switch (s->kind) {
	case LOST:
		ck_assert_int_eq(holdings_put(seen, &x), 0);
		break;
	case SYNC:
		ck_assert_int_eq(recording_sync(rec, seen, usec), 0);
		ck_assert_ptr_null(seen->tree);
		break;
	default:
		ck_assert_int_eq(recording_event(rec, &e), 0);
	}
}

/* All of it, without the first @nlines lines. */
static const char *content(int fd, unsigned nlines)
{
	static char text[1 << 16];
	char *at = text;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	ck_assert_int_ge((int)n, 0);
	text[n] = '\0';
	while (nlines--)
		at = strchr(at, '\n') + 1;
	return at;
}

START_TEST(stories_become_lines)
{
	struct paclient_region r = region();
	int fd = memfd_create("recording", 0);
	struct recording *rec = recording_new(fd, &r, 0);
	struct holdings seen = {0};
	char want[4096];
	bool begun = false;

	for (uint64_t i = 0; i < STEPS_MAX && stories[_i].steps[i].kind; i++) {
		const struct step *s = &stories[_i].steps[i];

		/* The clock of what is seen at the start is that of the FOUND. */
		if (s->kind == LOST && begun && stories[_i].steps[i - 1].kind != LOST)
			recording_lost(rec, 7);
		begun |= s->kind == SYNC;
		step(rec, s, &seen, START_USEC + i);
	}
	recording_flush(rec);
	snprintf(want, sizeof(want), "%s", stories[_i].lines);
	ck_assert_msg(!strcmp(content(fd, 2), want), "%s: wanted\n%s, got\n%s", stories[_i].name,
		      want, content(fd, 2));
	recording_free(rec);
	close(fd);
}
END_TEST

/* It ends with a whole line, and says so, and the sum in the first line is of what came to pass. */
START_TEST(a_limit_ends_it)
{
	struct paclient_region r = region();
	int fd = memfd_create("recording", 0);
	struct recording *rec = recording_new(fd, &r, RECORDING_BYTES_MIN);
	struct holdings seen = {0};
	struct recording_totals t;
	const char *text;

	step(rec, &(struct step)FOUND, &seen, START_USEC);
	for (uint64_t i = 0; i < 1000; i++)
		step(rec, &(struct step)TAKE(1, i, 1), &seen, START_USEC + i);
	ck_assert_str_eq(recording_over(rec), "--max-bytes");
	recording_end(rec, "stopped");
	recording_totals(rec, &t);
	text = content(fd, 0);
	ck_assert_uint_eq(strlen(text), t.bytes);
	ck_assert_uint_le(t.bytes, RECORDING_BYTES_MIN);
	ck_assert_ptr_nonnull(strstr(text, "\n#: end --max-bytes\n"));
	ck_assert(!strncmp(text, "# workload r: page 4096; 1 sessions, ", 37));
	recording_free(rec);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("recording");
	TCase *tc = tcase_create("all");

	tcase_add_loop_test(tc, stories_become_lines, 0,
			    (int)(sizeof(stories) / sizeof(stories[0])));
	tcase_add_test(tc, a_limit_ends_it);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
