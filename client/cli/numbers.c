/*
 * numbers - numbers, sizes and durations as people write them
 *
 * Role:       text in, checked number out, or a sentence about what is wrong.
 * Uses:       libc
 */
#include "client/cli/cli.h"

#include <limits.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return INT_MAX;
}

/* Decimal, or hexadecimal behind 0x. Leaves @*text behind the last digit. */
static const char *digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t v = 0;
	int base = 10;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (digit(*p) >= base)
		return "is not a number";
	for (; digit(*p) < base; p++) {
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit(*p), &v))
			return "does not fit into 64 bits";
	}
	*text = p;
	*ret = v;
	return NULL;
}

const char *number_parse(const char *text, uint64_t *ret)
{
	uint64_t v;
	const char *wrong = digits(&text, &v);

	if (wrong)
		return wrong;
	if (*text)
		return "is not a number";
	*ret = v;
	return NULL;
}

const char *duration_parse(const char *text, int *ret_ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}};
	uint64_t v;
	const char *wrong = digits(&text, &v);

	if (wrong)
		return wrong;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(text, units[i].unit) != 0)
			continue;
		if (!v)
			return "must be longer than 0";
		if (__builtin_mul_overflow(v, units[i].ms, &v) || v > INT_MAX)
			return "is longer than 24 days";
		*ret_ms = (int)v;
		return NULL;
	}
	return "has an unknown unit; ms, s, min and h are known";
}

const char *amount_parse(const char *text, struct amount *ret)
{
	static const char suffixes[] = "KMGT";
	const char *wrong, *at;
	uint64_t v;

	wrong = digits(&text, &v);
	if (wrong)
		return wrong;
	if (!*text) {
		*ret = (struct amount){v, false};
		return NULL;
	}
	at = strchr(suffixes, *text);
	if (!at || (text[1] && strcmp(text + 1, "iB") != 0))
		return "has an unknown suffix; K, M, G and T are known";
	if (__builtin_mul_overflow(v, UINT64_C(1) << 10 * (at - suffixes + 1), &v))
		return "does not fit into 64 bits";
	*ret = (struct amount){v, true};
	return NULL;
}

const char *amount_npages(const struct amount *a, uint64_t page_size_bytes, uint64_t *ret)
{
	if (!a->value)
		return "is 0; at least one page must be asked for";
	if (!a->bytes)
		*ret = a->value;
	else
		*ret = a->value / page_size_bytes + (a->value % page_size_bytes != 0);
	return NULL;
}
