/*
 * trace_line - one line of a trace
 *
 * Role:       see trace_line.h.
 * Uses:       libc
 */
#include "tests/model/trace_line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool line_fail(struct line *l, const char *fmt, ...)
{
	va_list ap;

	l->bad = true;
	fprintf(stderr, "%s:%lu: ", l->file, l->number);
	for (unsigned i = 0; i < l->n && i < 6; i++)
		fprintf(stderr, "%s ", l->fields[i]);
	fputs(l->n > 6 ? "…: " : ": ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return false;
}

static void split(struct line *l)
{
	char *at = strstr(l->text, " = "), *p = l->text;

	l->wanted[0] = '\0';
	l->has_result = at != NULL;
	if (at) {
		*at = '\0';
		strcpy(l->wanted, at + 3);
	}
	for (l->n = 0; p && l->n < TRACE_FIELDS_MAX; l->n++)
		l->fields[l->n] = strsep(&p, " ");
	if (p)
		line_fail(l, "more than %d fields", TRACE_FIELDS_MAX);
}

bool line_read(struct line *l, FILE *f)
{
	do {
		size_t n;

		if (!fgets(l->text, sizeof(l->text), f))
			return false;
		l->number++;
		l->bad = false;
		l->n = 0;
		n = strlen(l->text);
		if (n == 0 || l->text[n - 1] != '\n') {
			line_fail(l, "longer than %zu bytes, or cut off", sizeof(l->text) - 2);
			return true;
		}
		l->text[n - 1] = '\0';
	} while (l->text[0] == '#');
	split(l);
	return true;
}

static uint64_t number(struct line *l, unsigned i, int base)
{
	char *end;
	uint64_t v;

	if (i >= l->n) {
		line_fail(l, "field %u is missing", i + 1);
		return 0;
	}
	errno = 0;
	v = strtoull(l->fields[i], &end, base);
	if (end == l->fields[i] || *end || errno)
		line_fail(l, "field %u, \"%s\", is not a number", i + 1, l->fields[i]);
	return v;
}

uint64_t line_u64(struct line *l, unsigned i)
{
	return number(l, i, 10);
}

uint64_t line_hex(struct line *l, unsigned i)
{
	return number(l, i, 16);
}

bool line_is(const struct line *l, unsigned i, const char *word)
{
	return i < l->n && strcmp(l->fields[i], word) == 0;
}

bool line_nfields(struct line *l, unsigned n)
{
	return l->n == n || line_fail(l, "%u fields, wanted %u", l->n, n);
}

bool line_got(struct line *l, const char *fmt, ...)
{
	char got[TRACE_LINE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(got, sizeof(got), fmt, ap);
	va_end(ap);
	if (!l->has_result)
		return line_fail(l, "has no result to compare with; got %s", got);
	if (strcmp(got, l->wanted) != 0)
		return line_fail(l, "wanted %s, got %s", l->wanted, got);
	return true;
}
