/*
 * size - sizes and numbers as people write them
 *
 * Role:       see size.h.
 * Uses:       libc
 */
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* strtoull() takes blanks and signs and wraps "-1" around: none of that here. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return UINT32_MAX;
}

static int digits_parse(const char *text, uint64_t *ret_value, const char **ret_rest)
{
	unsigned radix = 10;
	uint64_t value = 0;
	const char *p = text;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		radix = 16;
		p += 2;
	}
	if (digit_value(*p) >= radix)
		return SIZE_E_SYNTAX;
	for (; digit_value(*p) < radix; p++) {
		if (__builtin_mul_overflow(value, radix, &value) ||
		    __builtin_add_overflow(value, digit_value(*p), &value))
			return SIZE_E_RANGE;
	}
	*ret_value = value;
	*ret_rest = p;
	return 0;
}

static int suffix_parse(const char *text, unsigned *ret_shift)
{
	static const char letters[] = "KMGTP";
	const char *found;

	if (text[0] == '\0' || strcasecmp(text, "B") == 0) {
		*ret_shift = 0;
		return 0;
	}
	found = strchr(letters, text[0] >= 'a' ? text[0] - 'a' + 'A' : text[0]);
	if (!found || (text[1] != '\0' && strcasecmp(text + 1, "B") && strcasecmp(text + 1, "iB")))
		return SIZE_E_SYNTAX;
	*ret_shift = 10 * ((unsigned)(found - letters) + 1);
	return 0;
}

int size_parse(const char *text, uint64_t *ret_bytes)
{
	uint64_t value;
	const char *rest;
	unsigned shift;
	int err;

	err = digits_parse(text, &value, &rest);
	if (err)
		return err;
	err = suffix_parse(rest, &shift);
	if (err)
		return err;
	if (value > UINT64_MAX >> shift)
		return SIZE_E_RANGE;
	*ret_bytes = value << shift;
	return 0;
}

const char *size_format(uint64_t bytes, char buf[static SIZE_TEXT_BYTES])
{
	static const char *const suffixes[] = {"", "K", "M", "G", "T", "P"};
	size_t i = 0;

	while (bytes && bytes % 1024 == 0 && i + 1 < ARRAY_SIZE(suffixes)) {
		bytes /= 1024;
		i++;
	}
	snprintf(buf, SIZE_TEXT_BYTES, "%" PRIu64 "%s", bytes, suffixes[i]);
	return buf;
}

int number_parse(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;
	const char *rest;
	int err;

	err = digits_parse(text, &value, &rest);
	if (err)
		return err;
	if (*rest)
		return SIZE_E_SYNTAX;
	if (value > max)
		return SIZE_E_RANGE;
	*ret_value = value;
	return 0;
}
