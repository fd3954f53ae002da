/*
 * out - what the command says: errors, sizes, JSON
 *
 * Role:       one place for the shape of error messages, plain and as JSON.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const struct cli *cli, const char *message)
{
	fflush(stdout);
	if (cli->verb)
		fprintf(stderr, "paclient: %s: %s\n", cli->verb->name, message);
	else
		fprintf(stderr, "paclient: %s\n", message);
}

/* Errors go to standard error in either form, so that standard output holds results only. */
static void say_json(json_t *error)
{
	json_t *object = json_pack("{s:o}", "error", error);

	fflush(stdout);
	json_dumpf(object, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(object);
}

static json_t *error_object(const char *status, int code, int exit_code, const char *message)
{
	return json_pack("{s:s, s:i, s:i, s:s}", "status", status, "code", code, "exit_code",
			 exit_code, "message", message);
}

int usage_error(const struct cli *cli, const char *fmt, ...)
{
	char message[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (cli->json)
		say_json(error_object("USAGE", -1, EXIT_USAGE, message));
	else
		say(cli, message);
	return EXIT_USAGE;
}

int system_error(const struct cli *cli, const char *fmt, ...)
{
	char message[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (cli->json)
		say_json(error_object("SYSTEM", PACLIENT_SYSTEM,
				      paclient_status_exit_code(PACLIENT_SYSTEM), message));
	else
		say(cli, message);
	return paclient_status_exit_code(PACLIENT_SYSTEM);
}

/* What to do about it, in words of this command; NULL where the daemon's sentence says all. */
static const char *remedy(const struct paclient_error *e)
{
	switch (e->status) {
	case PACLIENT_NO_SESSION:
		return "see `paclient sessions`";
	case PACLIENT_DENIED:
		return "`paclient info REGION` shows your rights; Allow= of the region gives them";
	case PACLIENT_QUOTA:
		return "see `paclient quotas`; `paclient list` and `paclient sessions` show what "
		       "uses it";
	case PACLIENT_NOT_FOUND:
		return "see `paclient list REGION`";
	case PACLIENT_NAME_TAKEN:
		return "see `paclient lookup REGION NAME`; `paclient annotate` gives another name";
	case PACLIENT_SHARED:
		return "name it whole, or `paclient release` it";
	case PACLIENT_TOO_SLOW:
		return "try again";
	case PACLIENT_SESSION_ENDED:
		return "`paclient watch --kind session-end` shows why sessions end";
	default:
		return NULL;
	}
}

/* Are there numbers about a placement? Without one all of them are 0. */
static bool placement_told(const struct paclient_error *e)
{
	return e->placed_npages || e->aligned_npages || e->bounded_npages;
}

static int call_error_json(const struct paclient_error *e)
{
	int exit_code = paclient_status_exit_code(e->status);
	json_t *o = error_object(paclient_status_name(e->status), e->status, exit_code, e->message);

	if (e->field[0]) {
		json_object_set_new(o, "field", json_string(e->field));
		json_object_set_new(o, "index", json_integer(e->index));
	}
	if (e->asked || e->limit) {
		json_object_set_new(o, "asked", json_count(e->asked));
		json_object_set_new(o, "limit", json_count(e->limit));
	}
	if (e->status == PACLIENT_NO_SPACE) {
		json_object_set_new(o, "free_npages", json_count(e->free_npages));
		json_object_set_new(o, "largest_npages", json_count(e->largest_npages));
		json_object_set_new(o, "growable_npages", json_count(e->growable_npages));
	}
	if (e->status == PACLIENT_NO_SPACE && e->quota_npages)
		json_object_set_new(o, "quota_npages", json_count(e->quota_npages));
	if (e->status == PACLIENT_QUOTA)
		json_object_set_new(o, "used", json_count(e->used));
	if (remedy(e))
		json_object_set_new(o, "remedy", json_string(remedy(e)));
	if (placement_told(e)) {
		json_object_set_new(o, "placed_npages", json_count(e->placed_npages));
		json_object_set_new(o, "aligned_npages", json_count(e->aligned_npages));
		json_object_set_new(o, "bounded_npages", json_count(e->bounded_npages));
	}
	if (e->status == PACLIENT_IN_USE) {
		json_object_set_new(o, "nextents", json_count(e->nextents));
		json_object_set_new(o, "extents", ranges_json(e->extents, e->nlisted));
	}
	if (e->addr)
		json_object_set_new(o, "addr", json_addr(e->addr));
	if (e->system_errno)
		json_object_set_new(o, "errno", json_integer(e->system_errno));
	say_json(o);
	return exit_code;
}

/* " (0x1000:4 0x8000:1 and 3 more)", unless the sentence names them already. */
static void extents_text(const struct paclient_error *e, char *to, size_t size)
{
	char range[RANGE_TEXT_BYTES];
	size_t n = 0;

	*to = '\0';
	if (!e->nlisted)
		return;
	snprintf(range, sizeof(range), "0x%" PRIx64, e->extents[0].addr);
	if (strstr(e->message, range))
		return;
	/* Room for eight of the longest. */
	for (size_t i = 0; i < e->nlisted; i++)
		n += (size_t)snprintf(to + n, size - n, "%s%s", i ? " " : " (",
				      range_text(&e->extents[i], range));
	if (e->nlisted < e->nextents)
		n += (size_t)snprintf(to + n, size - n, " and %" PRIu64 " more",
				      e->nextents - e->nlisted);
	snprintf(to + n, size - n, ")");
}

#define EXTENTS_TEXT_BYTES ((PACLIENT_ERROR_EXTENTS_MAX + 1) * RANGE_TEXT_BYTES)

static void no_space_text(const struct paclient_error *e, char *to, size_t size)
{
	char placed[192] = "", quota[64] = "";

	if (placement_told(e))
		snprintf(placed, sizeof(placed),
			 ", %" PRIu64 " where the placement allows, %" PRIu64
			 " by its alignment alone, %" PRIu64 " by its bounds alone",
			 e->placed_npages, e->aligned_npages, e->bounded_npages);
	if (e->quota_npages)
		snprintf(quota, sizeof(quota), ", quotas leave %" PRIu64, e->quota_npages);
	snprintf(to, size,
		 " (pages: %" PRIu64 " asked, %" PRIu64 " free, longest run %" PRIu64
		 "%s, may grow by %" PRIu64 "%s)",
		 e->asked, e->free_npages, e->largest_npages, placed, e->growable_npages, quota);
}

int call_error(const struct cli *cli, const struct paclient_error *e)
{
	char message[sizeof(e->message) + EXTENTS_TEXT_BYTES], more[EXTENTS_TEXT_BYTES];
	const char *what = remedy(e);

	if (cli->json)
		return call_error_json(e);
	if (e->status == PACLIENT_NO_SPACE)
		no_space_text(e, more, sizeof(more));
	else if (what)
		snprintf(more, sizeof(more), "; %s", what);
	else
		extents_text(e, more, sizeof(more));
	snprintf(message, sizeof(message), "%s%s", e->message, more);
	say(cli, message);
	return paclient_status_exit_code(e->status);
}

int out_end(const struct cli *cli)
{
	if (fflush(stdout) || ferror(stdout))
		return system_error(cli, "cannot write to standard output: %s", strerror(errno));
	return 0;
}

int json_out(const struct cli *cli, json_t *object)
{
	int err;

	if (!object)
		return system_error(cli, "no memory for the output");
	err = json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(object);
	if (err)
		return system_error(cli, "cannot write to standard output: %s", strerror(errno));
	putchar('\n');
	return out_end(cli);
}

/* Hexadecimal text: many readers of JSON keep only 53 bits of a number. */
json_t *json_addr(uint64_t addr)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, addr);
	return json_string(text);
}

json_t *json_count(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

json_t *json_text(const char *text)
{
	json_t *s = text[0] ? json_string(text) : NULL;

	return s ? s : json_null();
}

double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

const char *time_text(uint64_t usec, char *to)
{
	static const struct {
		uint64_t usec;
		const char *unit;
	} units[] = {{UINT64_C(86400000000), "d"},
		     {UINT64_C(3600000000), "h"},
		     {60000000, "min"},
		     {1000000, "s"}};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		/* Two days, but 36 hours. */
		if (usec < 2 * units[i].usec)
			continue;
		snprintf(to, TIME_TEXT_BYTES, "%" PRIu64 "%s", usec / units[i].usec, units[i].unit);
		return to;
	}
	snprintf(to, TIME_TEXT_BYTES, "%" PRIu64 "ms", usec / 1000);
	return to;
}

const char *size_text(uint64_t bytes, char *to)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t i = 0;
	double v = (double)bytes;

	while (v >= 1024 && i + 1 < ARRAY_SIZE(units)) {
		v /= 1024;
		i++;
	}
	if (v == (double)(uint64_t)v)
		snprintf(to, SIZE_TEXT_BYTES, "%" PRIu64 " %s", (uint64_t)v, units[i]);
	else
		snprintf(to, SIZE_TEXT_BYTES, v < 10 ? "%.2f %s" : "%.1f %s", v, units[i]);
	return to;
}

uint64_t pages_bytes(uint64_t npages, uint64_t page_size_bytes)
{
	uint64_t bytes;

	return __builtin_mul_overflow(npages, page_size_bytes, &bytes) ? UINT64_MAX : bytes;
}

void pages_line(const char *key, uint64_t npages, uint64_t page_size_bytes)
{
	char text[SIZE_TEXT_BYTES];

	key_value(key, "%" PRIu64 " pages (%s)", npages,
		  size_text(pages_bytes(npages, page_size_bytes), text));
}

void heading(const struct cli *cli, const char *fmt, ...)
{
	va_list args;

	if (cli->no_legend)
		return;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
}

void key_value(const char *key, const char *fmt, ...)
{
	va_list args;

	printf("%-18s ", key);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

bool terminal_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}
