/*
 * out - what the command says: errors, sizes, JSON
 *
 * Role:       one place for the shape of error messages, plain and as JSON.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
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

int call_error(const struct cli *cli, const struct paclient_error *e)
{
	char message[512 + EXTENTS_TEXT_BYTES], placed[192] = "", extents[EXTENTS_TEXT_BYTES];

	if (cli->json)
		return call_error_json(e);
	if (placement_told(e))
		snprintf(placed, sizeof(placed),
			 ", %" PRIu64 " where the placement allows, %" PRIu64
			 " by its alignment alone, %" PRIu64 " by its bounds alone",
			 e->placed_npages, e->aligned_npages, e->bounded_npages);
	extents_text(e, extents, sizeof(extents));
	if (e->status == PACLIENT_NO_SPACE)
		snprintf(message, sizeof(message),
			 "%s (pages: %" PRIu64 " asked, %" PRIu64 " free, longest run %" PRIu64
			 "%s, may grow by %" PRIu64 ")",
			 e->message, e->asked, e->free_npages, e->largest_npages, placed,
			 e->growable_npages);
	else
		snprintf(message, sizeof(message), "%s%s", e->message, extents);
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

void key_value(const char *key, const char *fmt, ...)
{
	va_list args;

	printf("%-18s ", key);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}
