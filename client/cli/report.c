/*
 * report - lists of extents that nobody seems to look after
 *
 * Role:       see report.h.
 * Uses:       report.h, jansson
 */
#include "client/cli/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *report_json(const struct paclient_region *r, const struct paclient_extent *x,
		    const char *why)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "region", r->name,
			 "generation", json_count(r->generation), "addr", json_addr(x->addr),
			 "npages", json_count(x->npages), "session",
			 x->session_id ? json_count(x->session_id) : json_null(), "uid",
			 json_count(x->uid), "name", json_text(x->name), "why", why);
}

/* All of @file, and a NUL behind it. Return: 0 or an exit code, already told. */
static int text_read(const struct cli *cli, const char *path, FILE *file, char **ret, size_t *ret_n)
{
	size_t size = 0;

	for (*ret_n = 0;;) {
		if (*ret_n + 1 >= size) {
			char *more = realloc(*ret, size = size ? 2 * size : 1 << 16);

			if (!more)
				return system_error(cli, "%s: no memory for all of it", path);
			*ret = more;
		}
		*ret_n += fread(*ret + *ret_n, 1, size - *ret_n - 1, file);
		(*ret)[*ret_n] = '\0';
		if (ferror(file))
			return system_error(cli, "%s: %s", path, strerror(errno));
		if (feof(file))
			return 0;
	}
}

/* Where a value of the file stands, for complaints. */
struct place {
	const struct cli *cli;
	const char *path;
	size_t line;
	struct report *report;
};

static int entry_error(const struct place *p, const char *key, const char *wrong)
{
	return usage_error(p->cli, "%s: line %zu, entry %zu: %s %s; nothing is freed", p->path,
			   p->line, p->report->n + 1, key, wrong);
}

/* A whole number from @min to @max; where @nullable, null is 0. Return: 0 or EXIT_USAGE, already told. */
static int number_get(const struct place *p, const json_t *object, const char *key, bool nullable,
		      uint64_t min, uint64_t max, uint64_t *ret)
{
	const json_t *v = json_object_get(object, key);
	json_int_t n = json_integer_value(v);

	if (!v)
		return entry_error(p, key, "is missing");
	if (nullable && json_is_null(v)) {
		*ret = 0;
		return 0;
	}
	if (!json_is_integer(v) || n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return entry_error(p, key, "is no such number");
	*ret = (uint64_t)n;
	return 0;
}

/* A text of at most @size - 1 bytes; where @nullable, null is "". Return: the same. */
static int text_get(const struct place *p, const json_t *object, const char *key, bool nullable,
		    char *ret, size_t size)
{
	const json_t *v = json_object_get(object, key);
	const char *text = json_string_value(v);

	if (!v)
		return entry_error(p, key, "is missing");
	if (nullable && json_is_null(v))
		text = "";
	if (!text || (!nullable && !*text) || strlen(text) >= size)
		return entry_error(p, key, "is no such text");
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int entry_get(const struct place *p, const json_t *object, struct report_entry *ret)
{
	struct paclient_extent *x = &ret->extent;
	char addr[32];
	uint64_t uid = 0;
	int err;

	*ret = (struct report_entry){.extent.size = sizeof(ret->extent)};
	if (!json_is_object(object))
		return entry_error(p, "it", "is no object");
	err = text_get(p, object, "region", false, ret->region, sizeof(ret->region));
	if (!err)
		err = number_get(p, object, "generation", false, 1, UINT64_MAX, &ret->generation);
	if (!err)
		err = text_get(p, object, "addr", false, addr, sizeof(addr));
	if (!err && number_parse(addr, &x->addr))
		err = entry_error(p, "addr", "is no address");
	if (!err)
		err = number_get(p, object, "npages", false, 1, UINT64_MAX, &x->npages);
	if (!err)
		err = number_get(p, object, "session", true, 1, UINT64_MAX, &x->session_id);
	if (!err)
		err = number_get(p, object, "uid", false, 0, UINT32_MAX, &uid);
	if (!err)
		err = text_get(p, object, "name", true, x->name, sizeof(x->name));
	x->uid = (uint32_t)uid;
	return err;
}

static int entry_add(const struct place *p, const json_t *object)
{
	struct report *report = p->report;
	struct report_entry entry, *more;
	int err = entry_get(p, object, &entry);

	if (err)
		return err;
	/* Room is doubled where it is used up: at each power of two. */
	if (!(report->n & (report->n - 1))) {
		more = realloc(report->entries, (report->n ? 2 * report->n : 1) * sizeof(*more));
		if (!more)
			return system_error(p->cli, "%s: no memory for all of it", p->path);
		report->entries = more;
	}
	report->entries[report->n++] = entry;
	return 0;
}

static int value_add(const struct place *p, const json_t *value)
{
	const json_t *list = json_object_get(value, REPORT_KEY);
	int err = 0;

	if (list && !json_is_array(list))
		return usage_error(p->cli, "%s: line %zu: " REPORT_KEY " is no array", p->path,
				   p->line);
	if (json_is_array(value))
		list = value;
	if (!list)
		return entry_add(p, value);
	for (size_t i = 0; !err && i < json_array_size(list); i++)
		err = entry_add(p, json_array_get(list, i));
	return err;
}

static size_t lines_in(const char *text, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

static int values_add(struct place *p, const char *text, size_t n)
{
	static const char blanks[] = " \t\r\n";
	size_t at = 0, skip;
	int err = 0;

	for (p->line = 1; !err; at += skip) {
		json_error_t wrong;
		json_t *value;

		skip = strspn(text + at, blanks);
		p->line += lines_in(text + at, skip);
		at += skip;
		if (at == n)
			break;
		value = json_loadb(text + at, n - at, JSON_DISABLE_EOF_CHECK, &wrong);
		if (!value)
			return usage_error(p->cli, "%s: line %zu: %s; nothing is freed", p->path,
					   p->line + (size_t)wrong.line - 1, wrong.text);
		err = value_add(p, value);
		json_decref(value);
		skip = (size_t)wrong.position;
		p->line += lines_in(text + at, skip);
	}
	return err;
}

int report_read(const struct cli *cli, const char *path, struct report *ret)
{
	struct place p = {.cli = cli, .path = path, .report = ret};
	bool is_stdin = !strcmp(path, "-");
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	char *text = NULL;
	size_t n = 0;
	int err;

	*ret = (struct report){0};
	if (!file)
		return usage_error(cli, "%s: %s", path, strerror(errno));
	err = text_read(cli, path, file, &text, &n);
	if (!is_stdin)
		fclose(file);
	if (!err)
		err = values_add(&p, text, n);
	free(text);
	return err;
}

void report_free(struct report *report)
{
	free(report->entries);
}
