/*
 * duration - times as people write them
 *
 * Role:       text from options and files into microseconds, with every overflow seen; microseconds into text. The spelling is
 *             that of the service manager's files.
 * Uses:       libc
 */
#ifndef PALLOCD_BASE_DURATION_H
#define PALLOCD_BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

enum duration_outcome {
	DURATION_E_SYNTAX = 1, /* not numbers with known units */
	DURATION_E_RANGE,      /* does not fit 64 bits of microseconds */
};

/* "infinity": longer than any other. */
#define DURATION_INFINITY UINT64_MAX

/* Bytes that duration_format() needs at the most: 20 digits, a unit and the end. */
#define DURATION_TEXT_BYTES 28

/**
 * duration_parse() - "500ms", "10s", "5min", "1h 30min", "2d", "10", "infinity" into microseconds
 *
 * A number alone is in seconds; beside others each has its unit, and they are added up. Units: us, ms, s, min or m, h, d, w, and
 * their longer names. Decimal, without sign and fraction. What is told as a number is never DURATION_INFINITY.
 * Return: 0, DURATION_E_SYNTAX, DURATION_E_RANGE.
 */
MUST_CHECK int duration_parse(const char *text, uint64_t *ret_usec);

/** duration_format() - @usec with the largest unit that leaves nothing over: "90min", "1500ms". Returns @buf. */
const char *duration_format(uint64_t usec, char buf[static DURATION_TEXT_BYTES]);

#endif
