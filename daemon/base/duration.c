/*
 * duration - times as people write them
 *
 * Role:       see duration.h.
 * Uses:       libc
 */
#include "base/duration.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000)
#define BLANKS " \t"

/* Of the names of one length, duration_format() writes the first. */
static const struct unit {
	const char *name;
	uint64_t usec;
} units[] = {
	{"us", 1},
	{"usec", 1},
	{"ms", 1000},
	{"msec", 1000},
	{"s", SECOND},
	{"sec", SECOND},
	{"second", SECOND},
	{"seconds", SECOND},
	{"min", 60 * SECOND},
	{"m", 60 * SECOND},
	{"minute", 60 * SECOND},
	{"minutes", 60 * SECOND},
	{"h", 3600 * SECOND},
	{"hr", 3600 * SECOND},
	{"hour", 3600 * SECOND},
	{"hours", 3600 * SECOND},
	{"d", 86400 * SECOND},
	{"day", 86400 * SECOND},
	{"days", 86400 * SECOND},
	{"w", 7 * 86400 * SECOND},
	{"week", 7 * 86400 * SECOND},
	{"weeks", 7 * 86400 * SECOND},
};

/* The word at *@text and the blanks behind it are passed over; 0: it is no unit. */
static uint64_t unit_parse(const char **text)
{
	size_t n = strspn(*text, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) == n && strncmp(units[i].name, *text, n) == 0) {
			*text += n;
			*text += strspn(*text, BLANKS);
			return units[i].usec;
		}
	}
	return 0;
}

/* *@range becomes true where the number is too large; its digits are passed over all the same. */
static bool digits_parse(const char **text, uint64_t *ret_value, bool *range)
{
	uint64_t value = 0;
	const char *p = *text;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		*range |= __builtin_mul_overflow(value, UINT64_C(10), &value) ||
			  __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
	*text = p + strspn(p, BLANKS);
	*ret_value = value;
	return true;
}

int duration_parse(const char *text, uint64_t *ret_usec)
{
	uint64_t sum = 0, value, unit;
	bool range = false, first = true;
	const char *p = text;

	if (strcmp(text, "infinity") == 0) {
		*ret_usec = DURATION_INFINITY;
		return 0;
	}
	do {
		if (!digits_parse(&p, &value, &range))
			return DURATION_E_SYNTAX;
		unit = *p || !first ? unit_parse(&p) : SECOND;
		if (!unit)
			return DURATION_E_SYNTAX;
		range |= __builtin_mul_overflow(value, unit, &value) ||
			 __builtin_add_overflow(sum, value, &sum);
		first = false;
	} while (*p);
	if (range || sum == DURATION_INFINITY)
		return DURATION_E_RANGE;
	*ret_usec = sum;
	return 0;
}

const char *duration_format(uint64_t usec, char buf[static DURATION_TEXT_BYTES])
{
	const struct unit *unit = &units[0];

	if (usec == DURATION_INFINITY) {
		snprintf(buf, DURATION_TEXT_BYTES, "infinity");
		return buf;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (usec % units[i].usec == 0 && units[i].usec > unit->usec)
			unit = &units[i];
	}
	/* Nothing is nothing in any unit. */
	snprintf(buf, DURATION_TEXT_BYTES, "%" PRIu64 "%s", usec / unit->usec,
		 usec ? unit->name : "s");
	return buf;
}
